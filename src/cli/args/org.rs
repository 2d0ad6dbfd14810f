//! Orgs that a user has signed in to.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;

use super::Manners;
use crate::model::limits;

#[derive(Debug, clap::Subcommand)]
pub enum Org {
    /// Sign in to an org and keep it under an alias
    Login(Login),
    /// List the orgs that are kept
    List(ListOrgs),
    /// Sign in to an org that is kept, and show which it is and as whom; never a secret
    Show(OneOrg),
    /// Forget an org that is kept; a refresh token is revoked at the org, too
    Logout(OneOrg),
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "secrets are never flags: they are taken from LONGSHORE_CLIENT_SECRET, \
    LONGSHORE_REFRESH_TOKEN, LONGSHORE_ACCESS_TOKEN or LONGSHORE_PASSWORD,\nelse asked for on a terminal, else read \
    from the first line of standard input\n\nexamples:\n  \
    longshore org login acme --web --client-id 3MVG9…\n  \
    longshore org login acme --way jwt --instance-url https://acme.my.salesforce.com \\\n    \
    --client-id 3MVG9… --username robot@acme.example --jwt-key-file acme.key\n  \
    longshore org login acme --from-sf acme")]
#[command(group(clap::ArgGroup::new("right").required(true).args(["way", "web", "from_sf"])))]
pub struct Login {
    /// What the org is called from now on, as in `-o ALIAS`
    #[arg(value_name = "ALIAS")]
    pub alias: String,

    /// The right to sign in by
    #[arg(long, env = "LONGSHORE_WAY", value_enum, ignore_case = true, value_name = "WAY")]
    pub way: Option<LoginWay>,
    /// Sign in with the browser; the app must know the callback URL
    /// `http://localhost:7171/OauthRedirect`
    #[arg(long, env = "LONGSHORE_WEB", value_parser = BoolishValueParser::new())]
    pub web: bool,
    /// Let the Salesforce CLI give the token each time, for the org that it knows as this
    #[arg(long, env = "LONGSHORE_FROM_SF", value_name = "ALIAS")]
    pub from_sf: Option<String>,

    /// The org's own address, such as `https://acme.my.salesforce.com`
    #[arg(long, env = "LONGSHORE_INSTANCE_URL", value_name = "URL")]
    pub instance_url: Option<String>,
    /// Where tokens are asked for, if not there; for `--web` it suffices
    /// [default for `--web`: `https://login.salesforce.com`]
    #[arg(long, env = "LONGSHORE_LOGIN_URL", value_name = "URL")]
    pub login_url: Option<String>,
    /// What kind of org it is
    #[arg(
        long,
        env = "LONGSHORE_TARGET_KIND",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "KIND"
    )]
    pub target_kind: OrgKind,
    /// The app's id (consumer key)
    #[arg(long, env = "LONGSHORE_CLIENT_ID", value_name = "ID")]
    pub client_id: Option<String>,
    /// The port of the callback URL, for `--web`
    #[arg(
        long,
        env = "LONGSHORE_CALLBACK_PORT",
        value_name = "N",
        default_value_t = limits::CALLBACK_PORT
    )]
    pub callback_port: u16,
    /// Show the address and open no browser, for `--web`
    #[arg(long, env = "LONGSHORE_NO_BROWSER", value_parser = BoolishValueParser::new())]
    pub no_browser: bool,
    /// The user to act as, for `--way jwt` and `--way password`
    #[arg(long, env = "LONGSHORE_USERNAME", value_name = "NAME")]
    pub username: Option<String>,
    /// The app's private key (PEM), for `--way jwt`; it stays where it is
    #[arg(long, env = "LONGSHORE_JWT_KEY_FILE", value_name = "FILE")]
    pub jwt_key_file: Option<PathBuf>,
    /// Version of the API, such as 62.0 [default: negotiated]
    #[arg(long, env = "LONGSHORE_API_VERSION", value_name = "VERSION")]
    pub api_version: Option<String>,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoginWay {
    /// The app's own id and secret
    ClientCredentials,
    /// The app's key, as a user of your choice
    Jwt,
    /// A refresh token
    RefreshToken,
    /// An access token that you have; it ends with its session
    AccessToken,
    /// User name and password (SOAP login), where the org still has it; it ends with Summer '27
    Password,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OrgKind {
    #[default]
    Salesforce,
    Auth0,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListOrgs {
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct OneOrg {
    /// The alias
    #[arg(value_name = "ALIAS")]
    pub alias: String,
    #[command(flatten)]
    pub manners: Manners,
}

impl Org {
    pub fn manners(&self) -> &Manners {
        match self {
            Self::Login(login) => &login.manners,
            Self::List(list) => &list.manners,
            Self::Show(one) | Self::Logout(one) => &one.manners,
        }
    }
}
