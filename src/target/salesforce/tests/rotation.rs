//! Refresh tokens that an org replaces when they are used.

use std::sync::Mutex;

use super::*;
use crate::model::sign_in::{NotKept, RefreshKeeper, RefreshTurn};

fn rotated(token: &str, refresh: &str) -> Canned {
    Canned::json(
        200,
        &format!(
            r#"{{"access_token":"00D8c00000Hn2Pq!{token}","instance_url":"{ORIGIN}",
                "refresh_token":"{refresh}"}}"#
        ),
    )
}

/// Somebody who writes down what is done to the token.
#[derive(Debug, Clone, Default)]
struct Witness {
    seen: Arc<Mutex<Vec<String>>>,
    busy: Arc<Mutex<u32>>,
    fails: bool,
}

impl Witness {
    fn note(&self, what: &str) {
        self.seen.lock().unwrap().push(what.to_owned());
    }
}

impl RefreshKeeper for Witness {
    fn take(&self) -> Result<Option<Box<dyn RefreshTurn>>, NotKept> {
        let mut busy = self.busy.lock().unwrap();
        if *busy > 0 {
            *busy -= 1;
            return Ok(None);
        }
        self.note("take");
        Ok(Some(Box::new(self.clone())))
    }
}

impl RefreshTurn for Witness {
    fn token(&self) -> Secret {
        let seen = self.seen.lock().unwrap();
        let kept = seen.iter().rev().find_map(|line| line.strip_prefix("keep "));
        Secret::new(kept.unwrap_or("5AepFirst").to_owned())
    }

    fn replace(&mut self, new: &Secret) -> Result<(), NotKept> {
        if self.fails {
            return Err(NotKept(format!("no space for {}", new.reveal())));
        }
        self.note(&format!("keep {}", new.reveal()));
        Ok(())
    }
}

fn by(witness: &Witness) -> SignIn {
    with_grant(Grant::Refresh {
        client_id: "c".to_owned(),
        client_secret: None,
        refresh_token: Arc::new(witness.clone()),
    })
}

#[tokio::test(start_paused = true)]
async fn the_new_token_is_kept_before_anything_else_and_used_the_next_time() {
    let witness = Witness::default();
    let wire = Scripted::new([
        rotated("A", "5AepSecond"),
        Canned::json(200, VERSIONS),
        expired(),
        rotated("B", "5AepThird"),
        Canned::json(200, r#"{"sobjects":[]}"#),
        expired(),
        // The same again is none.
        rotated("C", "5AepThird"),
        Canned::json(200, r#"{"sobjects":[]}"#),
    ]);
    let org = Salesforce::sign_in(wire.client(), by(&witness)).await.unwrap();
    org.objects().await.unwrap();
    org.objects().await.unwrap();
    assert_eq!(
        *witness.seen.lock().unwrap(),
        ["take", "keep 5AepSecond", "take", "keep 5AepThird", "take"]
    );
    let asked = wire.asked();
    let sent: Vec<&str> =
        asked.iter().filter_map(|asked| asked.body.split("refresh_token=").nth(1)).collect();
    assert_eq!(sent, ["5AepFirst", "5AepSecond", "5AepThird"]);
    let shown = wire.client().redactor().clean("5AepFirst").into_owned();
    assert_eq!(shown, "5AepFirst", "another client knows nothing of it");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_instance_does_not_cost_the_new_token() {
    let witness = Witness::default();
    let body = r#"{"access_token":"00D8c00000Hn2Pq!A","instance_url":"https://evil.example",
        "refresh_token":"5AepSecond"}"#;
    let wire = Scripted::new([Canned::json(200, body)]);
    let fault = Salesforce::sign_in(wire.client(), by(&witness)).await.err().unwrap();
    assert_eq!(fault.code, "FOREIGN_ORIGIN");
    assert_eq!(*witness.seen.lock().unwrap(), ["take", "keep 5AepSecond"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_kept_stops_the_run_and_is_not_shown() {
    let witness = Witness { fails: true, ..Witness::default() };
    let wire = Scripted::new([rotated("A", "5AepSecond")]);
    let fault = Salesforce::sign_in(wire.client(), by(&witness)).await.err().unwrap();
    assert_eq!((fault.class, wire.asked().len()), (FaultClass::Disk, 1));
    assert_eq!(fault.message, "cannot keep the refresh token: no space for [secret]");
    assert!(fault.hints[0].contains("sign in again"), "{:?}", fault.hints);
}

#[tokio::test(start_paused = true)]
async fn another_process_is_waited_for_but_not_for_ever() {
    let witness = Witness { busy: Arc::new(Mutex::new(30)), ..Witness::default() };
    let wire = Scripted::new([rotated("A", "5AepSecond"), Canned::json(200, VERSIONS)]);
    Salesforce::sign_in(wire.client(), by(&witness)).await.unwrap();

    let witness = Witness { busy: Arc::new(Mutex::new(u32::MAX)), ..Witness::default() };
    let wire = Scripted::new([]);
    let fault = Salesforce::sign_in(wire.client(), by(&witness)).await.err().unwrap();
    assert_eq!((fault.class, wire.asked().len()), (FaultClass::Unavailable, 0));
    assert!(fault.message.contains("for 240 s"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_revoked_and_one_that_is_gone_already_counts_as_that() {
    let sign_in = SignIn {
        login_url: Some(Url::parse("https://test.salesforce.com").unwrap()),
        ..with_grant(refreshing("5Aep+1"))
    };
    let token = Secret::new("5Aep+1".to_owned());
    for (canned, class) in [
        (Canned::new(200, ""), None),
        (Canned::json(400, r#"{"error":"invalid_token","error_description":"x"}"#), None),
        (Canned::new(400, "error=invalid_token&error_description=x"), None),
        (
            Canned::json(400, r#"{"error":"unsupported_token_type","error_description":"5Aep+1"}"#),
            Some(FaultClass::Refused),
        ),
        (Canned::new(302, ""), Some(FaultClass::Protocol)),
        (Canned::new(403, ""), Some(FaultClass::Access)),
    ] {
        let wire = Scripted::new([canned]);
        let found = revoke(&wire.client(), &sign_in, &token).await;
        assert!(!format!("{found:?}").contains("5Aep+1"), "{found:?}");
        assert_eq!(found.err().map(|fault| fault.class), class);
        let asked = &wire.asked()[0];
        assert_eq!(asked.line(), "POST /services/oauth2/revoke");
        assert_eq!(
            (asked.origin.as_str(), asked.body.as_str()),
            ("https://test.salesforce.com", "token=5Aep%2B1")
        );
    }
}
