//! What may go wrong on the wire, and when: by seed, by kind of call and by its number.

use http::Method;

use super::dice::Dice;

/// The calls that a load makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Signing in, questions about the org and its objects, lists of jobs.
    Other,
    Create,
    Upload,
    Commit,
    Abort,
    Poll,
    Results,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Other,
        Self::Create,
        Self::Upload,
        Self::Commit,
        Self::Abort,
        Self::Poll,
        Self::Results,
    ];

    pub fn of(method: &Method, path: &str, body: &[u8]) -> Self {
        let Some((_, rest)) = path.split_once("/jobs/ingest") else { return Self::Other };
        let job = rest.trim_start_matches('/');
        match (method.as_str(), job.split_once('/')) {
            ("POST", _) => Self::Create,
            ("PUT", _) => Self::Upload,
            ("PATCH", _) if String::from_utf8_lossy(body).contains("Aborted") => Self::Abort,
            ("PATCH", _) => Self::Commit,
            ("GET", None) if !job.is_empty() => Self::Poll,
            ("GET", Some(_)) => Self::Results,
            _ => Self::Other,
        }
    }

    fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Upload | Self::Commit | Self::Abort)
    }
}

/// When an answer that is not the true one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// How a `Retry-After` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Unsaid,
    Seconds(u64),
    Date(u64),
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// No connection: certain that nothing arrived.
    Unreachable,
    LostBefore,
    LostAfter,
    /// The client hears of a loss, and the request arrives so many milliseconds later.
    Late(u64),
    /// The request arrives twice, and the second answer is the one that is heard.
    Twice,
    /// The request arrives again so many milliseconds later; the first answer is heard.
    Echo(u64),
    /// The answer breaks off.
    Cut,
    /// The answer ends early as if it were whole.
    Short,
    /// 401.
    Stale,
    /// 429.
    Busy(Again),
    /// A 5xx.
    Sick(u16, When, Again),
    /// A page of HTML with status 200.
    Page(When),
    Slow(u64),
    /// The calls of the day are used up.
    UsedUp,
    /// The job is over and its counters do not say so yet.
    Lag,
}

impl Trick {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::LostBefore => "request lost",
            Self::LostAfter => "answer lost",
            Self::Late(_) => "request late",
            Self::Twice => "request twice",
            Self::Echo(_) => "request again later",
            Self::Cut => "answer broken off",
            Self::Short => "answer short",
            Self::Stale => "401",
            Self::Busy(Again::Unsaid) => "429",
            Self::Busy(Again::Seconds(_)) => "429 with Retry-After",
            Self::Busy(Again::Date(_)) => "429 with a date",
            Self::Sick(_, When::Before, _) => "5xx before the effect",
            Self::Sick(_, When::After, _) => "5xx after the effect",
            Self::Page(When::Before) => "HTML 200 before the effect",
            Self::Page(When::After) => "HTML 200 after the effect",
            Self::Slow(_) => "slow",
            Self::UsedUp => "calls of the day used up",
            Self::Lag => "counters lag",
        }
    }

    /// Every name, so that one that never comes up is missed.
    pub const NAMES: [&str; 19] = [
        "unreachable",
        "request lost",
        "answer lost",
        "request late",
        "request twice",
        "request again later",
        "answer broken off",
        "answer short",
        "401",
        "429",
        "429 with Retry-After",
        "429 with a date",
        "5xx before the effect",
        "5xx after the effect",
        "HTML 200 before the effect",
        "HTML 200 after the effect",
        "slow",
        "calls of the day used up",
        "counters lag",
    ];

    fn roll(dice: &mut Dice, kind: Kind) -> Self {
        let again = |dice: &mut Dice| match dice.roll(0, 3) {
            0 => Again::Unsaid,
            1 => Again::Seconds(dice.pick(&[0, 1, 7, 120])),
            _ => Again::Date(dice.pick(&[1, 30])),
        };
        let when = |dice: &mut Dice| dice.pick(&[When::Before, When::After]);
        let late = |dice: &mut Dice| dice.pick(&[1, 300, 2_000, 30_000, 600_000]);
        match dice.roll(0, 20) {
            0 => Self::Unreachable,
            1 | 2 => Self::LostBefore,
            3..6 => Self::LostAfter,
            6 if kind.changes() => Self::Late(late(dice)),
            7 if kind.changes() => Self::Twice,
            8 if kind.changes() => Self::Echo(late(dice)),
            6 | 7 if kind == Kind::Poll => Self::Lag,
            6..9 if kind == Kind::Results => Self::Short,
            9 => Self::Cut,
            10 => Self::Short,
            11 => Self::Stale,
            12 | 13 => Self::Busy(again(dice)),
            14..17 => {
                let status = dice.pick(&[500, 502, 503, 504]);
                Self::Sick(status, when(dice), again(dice))
            }
            17 => Self::Page(when(dice)),
            18 => Self::UsedUp,
            _ => Self::Slow(dice.pick(&[1_000, 20_000, 90_000])),
        }
    }
}

/// How rough the wire of a seed is.
pub struct Weather {
    seed: u64,
    /// Of a hundred calls of each kind.
    rates: [u64; Kind::ALL.len()],
    /// Milliseconds of the scene after which the sky is clear.
    pub clears: u64,
}

impl Weather {
    pub fn roll(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "weather");
        let rate = dice.pick(&[0, 5, 20, 40]);
        let mut rates = Kind::ALL.map(|kind| if kind == Kind::Other { rate / 4 } else { rate });
        // Most of the trouble on one kind of call finds what a little everywhere does not.
        let focus = dice.pick(&[1, 2, 3, 3, 4, 5, 6]);
        rates[focus] = dice.pick(&[20, 60, 90]);
        let clears = dice.pick(&[0, 1_000, 3_000, 10_000, 30_000, 120_000, 1_200_000]);
        Self { seed, rates, clears }
    }

    /// What happens to a call of this kind and name.
    pub fn trick(&self, kind: Kind, name: &str) -> Option<Trick> {
        let mut dice = Dice::of(self.seed, name);
        let rate = self.rates[kind as usize];
        dice.chance(rate).then(|| Trick::roll(&mut dice, kind))
    }
}
