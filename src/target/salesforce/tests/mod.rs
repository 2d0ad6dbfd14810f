//! The client against scripted answers: what is asked, in which order, and what is made of it.

use std::io;

use csv::ByteRecord;
use url::Url;

use super::*;
use crate::http::scripted::{Canned, Scripted};
use crate::http::transport::Broken;
use crate::model::operation::Operation;
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, Held};
use crate::target::{ExportQuery, FaultClass, JobState};

mod exports;
mod ingest;
mod keys;
mod records;
mod refusals;
mod replay;
mod rotation;
mod sign_in;
mod soap_login;
mod undelete;
mod web;

const ORIGIN: &str = "https://acme.my.salesforce.com";
const TOKEN: &str = "00D8c00000Hn2Pq!AQEAcanary";
const JOB: &str = "7508c00000Qk3TbAAJ";
const VERSIONS: &str = r#"[{"label":"x","url":"/services/data/v62.0","version":"62.0"}]"#;

fn with_token() -> SignIn {
    with_grant(Grant::Token(Secret::new(TOKEN.to_owned())))
}

fn with_secret() -> SignIn {
    with_grant(Grant::ClientCredentials {
        client_id: "3MVG9".to_owned(),
        client_secret: Secret::new("canary-secret".to_owned()),
    })
}

fn with_grant(grant: Grant) -> SignIn {
    let instance_url = Url::parse(ORIGIN).unwrap();
    SignIn { instance_url, login_url: None, grant, api_version: None }
}

fn refreshing(token: &str) -> Grant {
    Grant::Refresh {
        client_id: "c".to_owned(),
        client_secret: None,
        refresh_token: Arc::new(Held::new(Secret::new(token.to_owned()))),
    }
}

fn issued(token: &str, instance: &str) -> Canned {
    Canned::json(
        200,
        &format!(
            r#"{{"access_token":"{token}","instance_url":"{instance}","token_type":"Bearer",
                "id":"https://login.salesforce.com/id/00D8c00000Hn2PqEAJ/0058c00000Zw4ReAAJ"}}"#
        ),
    )
}

fn expired() -> Canned {
    let body = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    Canned::json(401, body)
}

fn refusal(status: u16, code: &str, message: &str) -> Canned {
    Canned::json(status, &format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#))
}

/// Signed in with a token; the script goes on after the negotiation of the version.
async fn signed_in(script: impl IntoIterator<Item = Canned>) -> (Salesforce, Arc<Scripted>) {
    let wire = Scripted::new([Canned::json(200, VERSIONS)].into_iter().chain(script));
    let org = Salesforce::sign_in(wire.client(), with_token()).await.unwrap();
    (org, wire)
}

fn job() -> JobId {
    JobId::parse(JOB).unwrap()
}

/// The requests after the negotiation, without what all have in common.
fn asked(wire: &Scripted) -> Vec<String> {
    let lines = wire.lines();
    lines[1..].iter().map(|line| line.replace("/services/data/v62.0", "…")).collect()
}
