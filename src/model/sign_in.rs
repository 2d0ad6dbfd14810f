//! What is needed to sign in to an org.

use url::Url;

use super::secret::Secret;

/// An org to sign in to, and by which right.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Origin of the org, such as `https://acme.my.salesforce.com`: scheme, host, port, no path.
    pub instance_url: Url,
    /// Origin of the token endpoint, where it is not that of the instance.
    pub login_url: Option<Url>,
    pub grant: Grant,
    /// Version such as `62.0` to use instead of the negotiated one.
    pub api_version: Option<String>,
}

impl SignIn {
    /// Where tokens are asked for.
    pub fn login_origin(&self) -> &Url {
        self.login_url.as_ref().unwrap_or(&self.instance_url)
    }
}

/// The right by which we get an access token.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A token that somebody else obtained; it cannot be renewed.
    Token(Secret),
    /// The app's own right.
    ClientCredentials { client_id: String, client_secret: Secret },
    /// An assertion signed with the app's key; `key` is the private key in PEM.
    JwtBearer { client_id: String, username: String, key: Secret },
    /// A refresh token; the secret only where the app demands it.
    Refresh { client_id: String, client_secret: Option<Secret>, refresh_token: Secret },
    /// User name and password, the security token behind it where the org wants one: SOAP
    /// `login()`, which ends with Summer '27.
    Password { username: String, password: Secret },
}

impl Grant {
    /// What people call it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Token(_) => "access token",
            Self::ClientCredentials { .. } => "client credentials",
            Self::JwtBearer { .. } => "JWT bearer",
            Self::Refresh { .. } => "refresh token",
            Self::Password { .. } => "SOAP login",
        }
    }

    /// Every secret it holds.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::Token(token) => vec![token],
            Self::ClientCredentials { client_secret, .. } => vec![client_secret],
            Self::JwtBearer { key, .. } => vec![key],
            Self::Refresh { client_secret, refresh_token, .. } => {
                client_secret.iter().chain([refresh_token]).collect()
            }
            Self::Password { password, .. } => vec![password],
        }
    }
}
