//! The client against scripted answers: what is asked, in which order, and what is made of it.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::*;
use crate::http::scripted::{Canned, Scripted};
use crate::http::transport::Broken;
use crate::model::operation::Operation;
use crate::model::secret::Secret;
use crate::model::sign_in::Grant;
use crate::target::{FaultClass, JobState};

mod exports;
mod jobs;
mod sign_in;

const ORIGIN: &str = "https://acme.eu.auth0.com";
const NOW: &str = "2026-11-20T09:00:00Z";

fn settings() -> Settings {
    let now: Timestamp = NOW.parse().unwrap();
    Settings::new(1, Arc::new(move || now))
}

fn sign_in(grant: Grant) -> SignIn {
    let instance_url = Url::parse(ORIGIN).unwrap();
    SignIn { instance_url, login_url: None, grant, api_version: None }
}

fn with_secret() -> SignIn {
    sign_in(Grant::ClientCredentials {
        client_id: "c1".to_owned(),
        client_secret: Secret::new("canary-secret".to_owned()),
    })
}

fn with_token(token: &str) -> SignIn {
    sign_in(Grant::Token(Secret::new(token.to_owned())))
}

async fn open(wire: &Arc<Scripted>, sign_in: SignIn) -> Result<Auth0, Fault> {
    Auth0::sign_in(Arc::<Scripted>::clone(wire) as Arc<dyn Transport>, settings(), sign_in).await
}

/// Signed in with an opaque token.
async fn signed_in(script: impl IntoIterator<Item = Canned>) -> (Auth0, Arc<Scripted>) {
    let wire = Scripted::new(script);
    let tenant = open(&wire, with_token("opaque")).await.unwrap();
    (tenant, wire)
}

fn issued(token: &str, scope: &str, expires_in: i64) -> Canned {
    Canned::json(
        200,
        &format!(
            r#"{{"access_token":"{token}","scope":"{scope}","expires_in":{expires_in},
                "token_type":"Bearer"}}"#
        ),
    )
}

fn apis() -> Canned {
    Canned::json(
        200,
        r#"{"total":1,"start":0,"limit":100,"resource_servers":[{"id":"1","name":"Ledger",
            "identifier":"urn:ledger","scopes":[{"value":"read:a"},{"value":"read:b"}],"new":1}]}"#,
    )
}

fn held(permissions: &[(&str, &[&str])]) -> Canned {
    let list: Vec<_> = permissions
        .iter()
        .map(|(name, sources)| {
            let sources: Vec<_> = sources
                .iter()
                .map(|source| match *source {
                    "DIRECT" => serde_json::json!({"source_name": "", "source_type": "DIRECT"}),
                    role => serde_json::json!({"source_name": role, "source_type": "ROLE"}),
                })
                .collect();
            serde_json::json!({"permission_name": name, "sources": sources,
                "resource_server_identifier": "urn:ledger"})
        })
        .collect();
    let total = list.len();
    Canned::json(200, &serde_json::json!({"permissions": list, "total": total}).to_string())
}

fn refusal(status: u16, code: &str, message: &str) -> Canned {
    let body = format!(
        r#"{{"statusCode":{status},"error":"x","message":"{message}","errorCode":"{code}"}}"#
    );
    Canned::json(status, &body)
}
