//! The retry policy, as one table: what came back and what the call allows decide what is done.
//!
//! A 200 can carry failures, and a 5xx is *unknown*, not *not done*: it may come from a gateway
//! after the effect. Nothing else in this program decides on a repeat.

use super::call::Repeat;
use super::transport::Broken;

/// What a try came to, as far as the policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameBack<'a> {
    /// A status, and which limit of the org its body names.
    Status(u16, Limit),
    /// A SOAP fault: status 500, and yet the word of the service itself.
    SoapFault(Session),
    /// A success that is not what was asked for: HTML, cut JSON.
    Unreadable,
    /// A success that is longer than we are willing to read; it will be so again.
    TooLong,
    /// A failure below HTTP.
    Broken(&'a Broken),
}

/// What a SOAP fault says of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    Good,
    Ended,
}

/// The limit that an error body names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    None,
    /// Too much at once: passes by itself.
    AtOnce,
    /// The day's allowance: waiting some seconds is useless.
    OfTheDay,
}

/// What is known about the effect of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It had no effect.
    NotDone,
    /// It may have had its effect.
    Unknown,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// Get a new token, then try again, once; it was not done.
    RenewAndRepeat,
    /// Wait, then try again. When tries or budget are used up, give up with that certainty.
    RepeatAfter(Cost, Certainty),
    GiveUp(Certainty),
}

/// What a repeat takes from the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    Throttled,
    Other,
}

/// The table.
#[expect(clippy::match_same_arms, reason = "one line for each class of reply reads better")]
pub fn judge(back: CameBack<'_>, repeat: Repeat) -> Verdict {
    use Certainty::{NotDone, Unknown};
    use Repeat::{Freely, IfNotDone, IfNotSent};
    use Verdict::{Done, GiveUp, RenewAndRepeat, RepeatAfter};
    match (back, repeat) {
        // Certain: nothing left this machine.
        (CameBack::Broken(Broken::NotSent(_)), _) => RepeatAfter(Cost::Other, NotDone),
        (CameBack::Broken(Broken::Local(_) | Broken::Untrusted(_)), _) => GiveUp(NotDone),
        // Certain: done.
        (CameBack::Status(200..=299, _), _) => Done,
        // Certain: not done.
        (CameBack::Status(401, _) | CameBack::SoapFault(Session::Ended), _) => RenewAndRepeat,
        (CameBack::Status(400..=499, Limit::OfTheDay), _) => GiveUp(NotDone),
        (CameBack::Status(429, _) | CameBack::Status(403, Limit::AtOnce), Freely | IfNotDone) => {
            RepeatAfter(Cost::Throttled, NotDone)
        }
        (CameBack::Status(429, _) | CameBack::Status(403, Limit::AtOnce), IfNotSent) => {
            GiveUp(NotDone)
        }
        // Unknown: lost, cut, or said by something that may stand before or behind the effect.
        (CameBack::TooLong | CameBack::SoapFault(Session::Good), _) => GiveUp(Unknown),
        (
            CameBack::Broken(Broken::Lost(_))
            | CameBack::Unreadable
            | CameBack::Status(406 | 408 | 420 | 500.., _),
            repeat,
        ) => match repeat {
            Freely => RepeatAfter(Cost::Other, Unknown),
            IfNotDone | IfNotSent => GiveUp(Unknown),
        },
        // Certain: refused. Redirects are refusals too, nobody follows them.
        (CameBack::Status(..=199 | 300..=499, _), _) => GiveUp(NotDone),
    }
}

/// The SOAP fault that a body of status 500 is. Source: `INVALID_SESSION_ID` is how SOAP says 401.
pub fn soap_fault(body: &[u8]) -> Option<CameBack<'static>> {
    let has = |what: &str| memchr::memmem::find(body, what.as_bytes()).is_some();
    let session = if has(":INVALID_SESSION_ID") { Session::Ended } else { Session::Good };
    (has("<faultcode") && has("Envelope")).then_some(CameBack::SoapFault(session))
}

/// The limit that an error body names. Source: `REQUEST_LIMIT_EXCEEDED` comes with `TotalRequests
/// Limit exceeded.` or `ConcurrentRequests (Concurrent API Requests) Limit exceeded.`
pub fn limit_of(body: &[u8]) -> Limit {
    let has = |what: &str| memchr::memmem::find(body, what.as_bytes()).is_some();
    match has("REQUEST_LIMIT_EXCEEDED") {
        true if has("Concurrent") => Limit::AtOnce,
        true => Limit::OfTheDay,
        false => Limit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::Certainty::{NotDone, Unknown};
    use super::Repeat::{Freely, IfNotDone, IfNotSent};
    use super::Verdict::{Done, GiveUp, RenewAndRepeat, RepeatAfter};
    use super::*;

    const AGAIN: Verdict = RepeatAfter(Cost::Other, Unknown);
    const WAIT: Verdict = RepeatAfter(Cost::Throttled, NotDone);
    const STOP: Verdict = GiveUp(NotDone);
    const ASK: Verdict = GiveUp(Unknown);

    #[test]
    fn the_whole_table() {
        let not_sent = Broken::NotSent("refused".to_owned());
        let lost = Broken::Lost("reset".to_owned());
        let local = Broken::Local("no file".to_owned());
        let untrusted = Broken::Untrusted("UnknownIssuer".to_owned());
        let unsent = RepeatAfter(Cost::Other, NotDone);
        let plain = |status| CameBack::Status(status, Limit::None);
        // what came back, then the verdict for Freely, IfNotDone, IfNotSent
        let table = [
            (CameBack::Broken(&not_sent), [unsent, unsent, unsent]),
            (CameBack::Broken(&untrusted), [STOP, STOP, STOP]),
            (CameBack::Broken(&lost), [AGAIN, ASK, ASK]),
            (CameBack::Broken(&local), [STOP, STOP, STOP]),
            (CameBack::Unreadable, [AGAIN, ASK, ASK]),
            (CameBack::TooLong, [ASK, ASK, ASK]),
            (CameBack::SoapFault(Session::Good), [ASK, ASK, ASK]),
            (CameBack::SoapFault(Session::Ended), [RenewAndRepeat, RenewAndRepeat, RenewAndRepeat]),
            (plain(200), [Done, Done, Done]),
            (plain(201), [Done, Done, Done]),
            (plain(204), [Done, Done, Done]),
            (plain(302), [STOP, STOP, STOP]),
            (plain(400), [STOP, STOP, STOP]),
            (plain(401), [RenewAndRepeat, RenewAndRepeat, RenewAndRepeat]),
            (plain(403), [STOP, STOP, STOP]),
            (CameBack::Status(403, Limit::AtOnce), [WAIT, WAIT, STOP]),
            (CameBack::Status(403, Limit::OfTheDay), [STOP, STOP, STOP]),
            (CameBack::Status(429, Limit::OfTheDay), [STOP, STOP, STOP]),
            (plain(404), [STOP, STOP, STOP]),
            (plain(405), [STOP, STOP, STOP]),
            (plain(406), [AGAIN, ASK, ASK]),
            (plain(408), [AGAIN, ASK, ASK]),
            (plain(409), [STOP, STOP, STOP]),
            (plain(413), [STOP, STOP, STOP]),
            (plain(415), [STOP, STOP, STOP]),
            (plain(420), [AGAIN, ASK, ASK]),
            (plain(429), [WAIT, WAIT, STOP]),
            (plain(500), [AGAIN, ASK, ASK]),
            (plain(502), [AGAIN, ASK, ASK]),
            (plain(503), [AGAIN, ASK, ASK]),
            (plain(504), [AGAIN, ASK, ASK]),
            (plain(599), [AGAIN, ASK, ASK]),
        ];
        for (back, verdicts) in table {
            for (repeat, verdict) in [Freely, IfNotDone, IfNotSent].into_iter().zip(verdicts) {
                assert_eq!(judge(back, repeat), verdict, "{back:?} {repeat:?}");
            }
        }
    }

    #[test]
    fn a_soap_fault_is_told_from_a_gateway() {
        let fault = |code: &str| {
            format!("<e:Envelope><e:Fault><faultcode>{code}</faultcode></e:Fault></e:Envelope>")
        };
        for (body, expected) in [
            (fault("sf:INVALID_LOGIN"), Some(CameBack::SoapFault(Session::Good))),
            (fault("sf:INVALID_SESSION_ID"), Some(CameBack::SoapFault(Session::Ended))),
            ("<html>500</html>".to_owned(), None),
            ("[{\"errorCode\":\"INVALID_SESSION_ID\"}]".to_owned(), None),
        ] {
            assert_eq!(soap_fault(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn the_limit_is_read_from_the_body() {
        for (body, limit) in [
            (
                r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#,
                Limit::OfTheDay,
            ),
            (
                r#"[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
                Limit::AtOnce,
            ),
            (r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"no"}]"#, Limit::None),
            ("", Limit::None),
        ] {
            assert_eq!(limit_of(body.as_bytes()), limit, "{body}");
        }
    }
}
