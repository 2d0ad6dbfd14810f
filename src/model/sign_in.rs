//! What is needed to sign in to an org.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

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
    Refresh {
        client_id: String,
        client_secret: Option<Secret>,
        refresh_token: Arc<dyn RefreshKeeper>,
    },
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

    /// Every secret it holds, but for a refresh token, which may be another at each use.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::Token(token) => vec![token],
            Self::ClientCredentials { client_secret, .. } => vec![client_secret],
            Self::JwtBearer { key, .. } => vec![key],
            Self::Refresh { client_secret, .. } => client_secret.iter().collect(),
            Self::Password { password, .. } => vec![password],
        }
    }
}

/// Keeps a refresh token, which an org that rotates them replaces whenever it is used.
pub trait RefreshKeeper: Debug + Send + Sync {
    /// The token as it is now, and the right to be the only one who uses it; `None` while somebody
    /// else has that right, be it another process.
    fn take(&self) -> Result<Option<Box<dyn RefreshTurn>>, NotKept>;
}

/// The right to use a refresh token; it ends when this is dropped.
pub trait RefreshTurn: Send {
    fn token(&self) -> Secret;

    /// Keeps the token that came in its place. When this returns, it outlives the process as well
    /// as the old one did.
    fn replace(&mut self, new: &Secret) -> Result<(), NotKept>;
}

/// Why a refresh token could not be found or kept; a lower-case fragment without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// A refresh token in memory: one that is kept nowhere, or not yet.
#[derive(Clone)]
pub struct Held {
    token: Arc<Mutex<Secret>>,
    told: Arc<dyn Fn() + Send + Sync>,
}

impl Held {
    pub fn new(token: Secret) -> Self {
        Self::telling(token, || ())
    }

    /// The same; `told` is called when the token has been replaced.
    pub fn telling(token: Secret, told: impl Fn() + Send + Sync + 'static) -> Self {
        Self { token: Arc::new(Mutex::new(token)), told: Arc::new(told) }
    }

    /// The token as it is now.
    pub fn token(&self) -> Secret {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held(…)")
    }
}

impl RefreshKeeper for Held {
    fn take(&self) -> Result<Option<Box<dyn RefreshTurn>>, NotKept> {
        Ok(Some(Box::new(self.clone())))
    }
}

impl RefreshTurn for Held {
    fn token(&self) -> Secret {
        Self::token(self)
    }

    fn replace(&mut self, new: &Secret) -> Result<(), NotKept> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
        (self.told)();
        Ok(())
    }
}
