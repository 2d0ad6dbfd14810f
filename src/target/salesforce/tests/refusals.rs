//! Every error of the token endpoint that the reference lists, and what people are told of it.

use std::fmt::Write;

use super::*;

const SAID: [(&str, &str); 30] = [
    ("invalid_grant", "expired access/refresh token"),
    ("invalid_grant", "authentication failure"),
    ("invalid_grant", "authentication failure - Invalid Password"),
    ("invalid_grant", "user hasn't approved this consumer"),
    ("invalid_grant", "Audience validation failed"),
    ("invalid_grant", "no client credentials user enabled"),
    ("invalid_grant", "request not supported on this domain"),
    ("invalid_grant", "inactive user"),
    ("invalid_grant", "ip restricted"),
    ("invalid_grant", "invalid code verifier"),
    ("invalid_grant", "invalid assertion"),
    ("invalid_grant", "expired authorization code"),
    ("invalid_grant", "something new"),
    ("invalid_client", "invalid client credentials"),
    ("invalid_client_id", "client identifier invalid"),
    ("invalid_app_access", "user is not admin approved to access this app"),
    ("inactive_user", "user is inactive"),
    ("inactive_org", "organization is inactive"),
    ("redirect_uri_mismatch", "redirect_uri must match configuration"),
    ("unsupported_response_type", "response type not supported"),
    ("invalid_scope", "the requested scope is invalid"),
    ("unsupported_grant_type", "grant type not supported"),
    ("invalid_request", "missing required parameter: client_id"),
    ("invalid_request", "HTTPS Required"),
    ("access_denied", "end-user denied authorization"),
    ("rate_limit_exceeded", "login rate exceeded"),
    ("slow_down", "polling too fast"),
    ("authorization_pending", "pending"),
    ("server_error", "an error"),
    ("something_new", "whatever"),
];

fn grants() -> [(&'static str, Grant); 3] {
    let key = include_str!("../../../../fixtures/keys/jwt-pkcs8.pem");
    let jwt = Grant::JwtBearer {
        client_id: "3MVG9".to_owned(),
        username: "jo@acme.example".to_owned(),
        key: Secret::new(key.to_owned()),
    };
    [("credentials", with_secret().grant), ("jwt", jwt), ("refresh", refreshing("5Aep861"))]
}

/// What is told, by error and description; a grant is named where it makes a difference.
async fn told() -> String {
    let mut text = String::new();
    for (error, description) in SAID {
        let mut by_grant: Vec<(&str, String)> = Vec::new();
        for (name, grant) in grants() {
            let body =
                serde_json::json!({"error": error, "error_description": description}).to_string();
            let wire = Scripted::new([Canned::json(400, &body)]);
            let fault = Salesforce::sign_in(wire.client(), with_grant(grant)).await.err().unwrap();
            assert!(fault.message.contains(description), "{fault}");
            assert_eq!(wire.asked().len(), 1, "{error}: asking again changes nothing");
            assert!(!fault.hints.is_empty(), "{error} {description}");
            let hints = fault.hints.iter().fold(String::new(), |mut hints, hint| {
                write!(hints, "\n    {hint}").unwrap();
                hints
            });
            by_grant.push((name, format!("{:?}{hints}", fault.class)));
        }
        let same = by_grant.iter().all(|(_, told)| *told == by_grant[0].1);
        for (name, told) in by_grant.iter().take(if same { 1 } else { 3 }) {
            let name = if same { String::new() } else { format!(" [{name}]") };
            writeln!(text, "{error}: {description}{name}\n  {told}").unwrap();
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_told_with_the_way_out() {
    insta::assert_snapshot!(told().await, @"
    invalid_grant: expired access/refresh token
      Access
        the refresh token has ended, was replaced or was revoked
        sign in again: `longshore org login ALIAS --web`
        an app allows about five sign-ins of a user at once and ends the oldest: give each installation an app or a user of its own
    invalid_grant: authentication failure [credentials]
      Access
        check the secrets and the login URL: a sandbox has `https://test.salesforce.com`
        see the org's login history for the reason
    invalid_grant: authentication failure [jwt]
      Access
        check user name, the app's certificate against the key, and this machine's clock
    invalid_grant: authentication failure [refresh]
      Access
        sign in again: `longshore org login ALIAS --web`
        see the org's login history for the reason
    invalid_grant: authentication failure - Invalid Password [credentials]
      Access
        check the secrets and the login URL: a sandbox has `https://test.salesforce.com`
        see the org's login history for the reason
    invalid_grant: authentication failure - Invalid Password [jwt]
      Access
        check user name, the app's certificate against the key, and this machine's clock
    invalid_grant: authentication failure - Invalid Password [refresh]
      Access
        sign in again: `longshore org login ALIAS --web`
        see the org's login history for the reason
    invalid_grant: user hasn't approved this consumer
      Access
        an administrator must pre-authorize the app for this user (profile or permission set)
    invalid_grant: Audience validation failed
      Access
        set `LONGSHORE_LOGIN_URL` to `https://login.salesforce.com`, or `https://test.salesforce.com` for a sandbox
    invalid_grant: no client credentials user enabled
      Access
        the app needs a `Run As` user in its client credentials flow
    invalid_grant: request not supported on this domain
      Access
        client credentials need the org's My Domain URL, not `login` or `test`
    invalid_grant: inactive user
      Access
        the user is not active in this org, or frozen; an administrator can tell
    invalid_grant: ip restricted
      Access
        this machine's address is outside the ranges that the profile or the app allows
    invalid_grant: invalid code verifier
      Access
        the code belongs to another sign-in; close the other browser windows and sign in again
    invalid_grant: invalid assertion
      Access
        the app's certificate must belong to the key, and the user name be the one of this org
    invalid_grant: expired authorization code [credentials]
      Access
        the code of the browser is good once and for some minutes; sign in again
    invalid_grant: expired authorization code [jwt]
      Access
        set this machine's clock right: the org takes the assertion for outdated
        the assertion is good for three minutes only
    invalid_grant: expired authorization code [refresh]
      Access
        the code of the browser is good once and for some minutes; sign in again
    invalid_grant: something new [credentials]
      Access
        see the org's login history for the reason
    invalid_grant: something new [jwt]
      Access
        check user name, the app's certificate against the key, and this machine's clock
    invalid_grant: something new [refresh]
      Access
        see the org's login history for the reason
    invalid_client: invalid client credentials [credentials]
      Access
        check `LONGSHORE_CLIENT_ID` and the secret; a new app takes some minutes to work
    invalid_client: invalid client credentials [jwt]
      Access
        check `LONGSHORE_CLIENT_ID` and that the login URL is that of the app's org; a new app takes some minutes to work
    invalid_client: invalid client credentials [refresh]
      Access
        check `LONGSHORE_CLIENT_ID`; if the app wants its secret for this, sign in again with `LONGSHORE_CLIENT_SECRET` set
    invalid_client_id: client identifier invalid [credentials]
      Access
        check `LONGSHORE_CLIENT_ID` and the secret; a new app takes some minutes to work
    invalid_client_id: client identifier invalid [jwt]
      Access
        check `LONGSHORE_CLIENT_ID` and that the login URL is that of the app's org; a new app takes some minutes to work
    invalid_client_id: client identifier invalid [refresh]
      Access
        check `LONGSHORE_CLIENT_ID`; if the app wants its secret for this, sign in again with `LONGSHORE_CLIENT_SECRET` set
    invalid_app_access: user is not admin approved to access this app
      Access
        an administrator must pre-authorize the app for this user (profile or permission set)
        an app of another org must be installed in this one first; make one of your own if you can
    inactive_user: user is inactive
      Access
        the user is not active in this org, or frozen; an administrator can tell
    inactive_org: organization is inactive
      Access
        the org is locked, suspended or deleted; ask its administrator or Salesforce
    redirect_uri_mismatch: redirect_uri must match configuration
      Access
        enter the callback URL that the sign-in named in the app, letter by letter; `--callback-port` changes its port
    unsupported_response_type: response type not supported
      Access
        switch the app's authorization code flow on
    invalid_scope: the requested scope is invalid
      Access
        give the app the scopes `api` and, for a sign-in that lasts, `refresh_token`
    unsupported_grant_type: grant type not supported [credentials]
      Access
        switch the app's client credentials flow on
    unsupported_grant_type: grant type not supported [jwt]
      Access
        switch the app's JWT bearer flow on
    unsupported_grant_type: grant type not supported [refresh]
      Access
        give the app the scope `refresh_token`
    invalid_request: missing required parameter: client_id
      Access
        the login URL may be wrong: it must be the org's own address, `login` or `test`
        else this is a fault of longshore: report it with the message above
    invalid_request: HTTPS Required
      Access
        the org wants `https`: write the URL with it
    access_denied: end-user denied authorization
      Access
        the person in the browser said no, or may not allow this app; sign in again
        an administrator must pre-authorize the app for this user (profile or permission set)
    rate_limit_exceeded: login rate exceeded
      Limit
        too many sign-ins of this user in an hour; wait, and sign in once for each run
    slow_down: polling too fast
      Access
        see the org's login history for the reason
    authorization_pending: pending
      Access
        see the org's login history for the reason
    server_error: an error
      Unavailable
        the service failed; go on later
    something_new: whatever
      Access
        see the org's login history for the reason
    ");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_is_no_refusal() {
    for status in [429, 500, 503] {
        let body = r#"{"error":"invalid_grant","error_description":"authentication failure"}"#;
        let wire = Scripted::new(vec![Canned::json(status, body); 9]);
        let fault = Salesforce::sign_in(wire.client(), with_secret()).await.err().unwrap();
        assert_eq!(fault.class, FaultClass::Unavailable, "{status}: {fault}");
    }
}
