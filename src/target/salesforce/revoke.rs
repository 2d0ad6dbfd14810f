//! Taking a token back at the org.

use bytes::Bytes;
use http::Method;

use super::errors::{self, Said};
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Reply};
use crate::http::transport::Body;
use crate::model::secret::Secret;
use crate::model::sign_in::SignIn;
use crate::target::Fault;

/// Revokes a token; a refresh token takes its access tokens with it.
///
/// A token that the org does not know (any more) counts as revoked. Source: `POST
/// {login}/services/oauth2/revoke`, form-encoded, answered with 200 and nothing (reference page on
/// Salesforce, 1.8).
pub async fn revoke(client: &Client, sign_in: &SignIn, token: &Secret) -> Result<(), Fault> {
    client.redactor().learn(token);
    let doing = "revoke the refresh token";
    let login = sign_in.login_origin();
    let host = login.host_str().unwrap_or_default();
    let url = login.join("/services/oauth2/revoke").map_err(|error| {
        errors::nonsense(client, &format!("`{host}` cannot be asked to revoke: {error}"))
    })?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("token", token.reveal())
        .finish();
    let body = Body::Bytes(Bytes::from(form));
    // Twice is as good as once: the second answer is that there is no such token.
    let call = Call::new(Method::POST, url, body, Repeat::Freely, Accept::Anything)
        .content_type("application/x-www-form-urlencoded");
    match client.call(&call).await {
        Reply::Done(_) => Ok(()),
        Reply::Stale(got) | Reply::Refused(got, _) => {
            let body = String::from_utf8_lossy(&got.body);
            // The refusal comes as JSON or as a form.
            let unknown = Said::read(got.status, &got.body).code == "invalid_token"
                || body.split('&').any(|pair| pair == "error=invalid_token");
            if unknown { Ok(()) } else { Err(errors::refused(client, doing, host, &got)) }
        }
        Reply::Failed(trouble, _) => Err(errors::failed(client, doing, host, &trouble)),
    }
}
