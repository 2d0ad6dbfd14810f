//! How the one application of the practice org is set up, and what its user answers.

/// The settings of the application, and what goes wrong with it; `POST /practice/application`
/// changes those that it names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    pub client_secret: String,
    /// Callback URLs, compared letter by letter; with none, any address of this machine will do.
    pub callback_urls: Vec<String>,
    /// Whether the user says no to the question of the browser.
    pub user_denies: bool,
    /// Seconds that an authorization code is good for. Source: 15 minutes, from memory.
    pub code_seconds: u32,
    /// Whether a code is given for a challenge only.
    pub requires_pkce: bool,
    /// Whether codes and refresh tokens are traded for the secret only.
    pub requires_secret: bool,
    /// Whether it has the scope `refresh_token`.
    pub may_refresh: bool,
    /// Whether a refresh token is good for one use, and another comes with each.
    pub rotates_refresh_tokens: bool,
    /// What the token endpoint answers whatever it is asked.
    pub refuses: Option<TokenRefusal>,
    /// Whether tokens can be revoked.
    pub revokes: bool,
}

/// An answer of the token endpoint that is no token. `{sent}` in the description stands for all
/// that was sent, as from an endpoint that says too much.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRefusal {
    #[serde(default = "bad_request")]
    pub status: u16,
    pub error: String,
    pub description: String,
}

fn bad_request() -> u16 {
    400
}

impl Default for Application {
    fn default() -> Self {
        Self {
            client_secret: super::CLIENT_SECRET.to_owned(),
            callback_urls: Vec::new(),
            user_denies: false,
            code_seconds: 900,
            requires_pkce: false,
            requires_secret: false,
            may_refresh: true,
            rotates_refresh_tokens: false,
            refuses: None,
            revokes: true,
        }
    }
}
