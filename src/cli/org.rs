//! From an alias to an org we are signed in to.

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commands::tell;
use super::inprocess::InProcess;
use super::salesforce_cli;
use super::shell::Shell;
use crate::config::environment::Environment;
use crate::config::profiles::{Alias, Kind, Profile, Profiles, Way};
use crate::http::client::{Client, Settings};
use crate::http::reqwest::{Patience, Reqwest};
use crate::http::transport::Transport;
use crate::model::failure::{Blame, Failure};
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, Held, RefreshKeeper, SignIn};
use crate::pipeline::event::{Event, Watch};
use crate::practice::org::{Org, SeedSize};
use crate::practice::{Practice, Tenant, TenantSize};
use crate::target::any::AnyTarget;
use crate::target::auth0::Auth0;
use crate::target::salesforce::Salesforce;

/// Client id and secret of every practice org; they open nothing else and are no secrets.
pub const PRACTICE_CLIENT_ID: &str = "practice-client";
pub const PRACTICE_CLIENT_SECRET: &str = "practice-secret";

/// Where the kept practice org lies, below the working directory.
pub const PRACTICE_DIR: &str = ".longshore/practice";

/// The origin that an in-process practice org goes by; no packet is ever sent there.
const IN_PROCESS_ORIGIN: &str = "http://localhost";

/// What everybody who signs in with a password is told.
const SOAP_LOGIN_ENDS: &str = "SOAP `login()` ends with Summer '27 and is off in new orgs: move to \
                               `longshore org login ALIAS --way jwt` or `--way client-credentials`";

/// A kind of org that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Demo,
    Practice,
    /// The practice tenant of Auth0, new or kept.
    DemoTenant,
    PracticeTenant,
    Environment,
    /// One that the user has signed in to before.
    Profile(Alias),
}

impl Choice {
    /// What `--target-org` or its absence means.
    pub fn of(alias: Option<&str>, environment: &Environment) -> Result<Self, Failure> {
        match alias {
            Some("demo") => Ok(Self::Demo),
            Some("practice") => Ok(Self::Practice),
            Some("demo-auth0") => Ok(Self::DemoTenant),
            Some("practice-auth0") => Ok(Self::PracticeTenant),
            Some("env") => Ok(Self::Environment),
            None if environment.has_sign_in() => Ok(Self::Environment),
            Some(other) => of_profile(other, environment),
            None => Err(ways(Failure::new(Blame::Request, "no org is given"))),
        }
    }

    /// The alias as it is told.
    pub fn alias(&self) -> &str {
        match self {
            Self::Profile(alias) => alias.as_str(),
            Self::Demo => "demo",
            Self::Practice => "practice",
            Self::DemoTenant => "demo-auth0",
            Self::PracticeTenant => "practice-auth0",
            Self::Environment => "env",
        }
    }

    /// Whether the org ends with the command.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Demo | Self::DemoTenant)
    }
}

fn of_profile(name: &str, environment: &Environment) -> Result<Choice, Failure> {
    let profiles = Profiles::of(environment);
    let kept = profiles.as_ref().zip(Alias::parse(name).ok());
    if let Some((_, alias)) = kept.filter(|(profiles, alias)| profiles.has(*alias)) {
        return Ok(Choice::Profile(alias));
    }
    let failure = match profiles.map(|profiles| profiles.unknown(name)) {
        Some(unknown) => Failure::from(unknown),
        None => Failure::new(Blame::Request, format!("there is no org `{}`", name.escape_debug())),
    };
    Err(ways(failure))
}

/// Where the orgs of this user are kept.
pub fn profiles(shell: &Shell) -> Result<Profiles, Failure> {
    Profiles::of(&shell.environment).ok_or_else(|| {
        Failure::new(Blame::Request, "there is no folder to keep orgs in")
            .hint("set `LONGSHORE_CONFIG_DIR`, or `HOME`")
    })
}

fn ways(failure: Failure) -> Failure {
    failure
        .hint("`-o demo` is a practice org made new for this one command")
        .hint("`-o practice` is a practice org kept under `./.longshore/practice`")
        .hint("`-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0")
        .hint(
            "a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` \
             and what `docs/guide/sign-in.md` tells",
        )
        .hint("`target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one")
}

/// Signs in. Waits are told to `watch`.
pub async fn connect(
    choice: Choice,
    shell: &Shell,
    watch: Arc<dyn Watch>,
) -> Result<Arc<AnyTarget>, Failure> {
    let (transport, sign_in): (Arc<dyn Transport>, SignIn) = match choice {
        Choice::Demo => {
            in_process(practice(as_asked(Org::new(&SeedSize::default()), shell), None))?
        }
        Choice::Practice => {
            let org = open(&practice_dir(shell, None))?;
            in_process(practice(as_asked(org, shell), None))?
        }
        Choice::DemoTenant => {
            let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
            in_process(practice(org, Some(Tenant::new(&TenantSize::default()))))?
        }
        Choice::PracticeTenant => {
            let dir = practice_dir(shell, None);
            // The org beside it holds the lock of the folder.
            let org = open(&dir)?;
            in_process(practice(org, Some(open_tenant(&dir)?)))?
        }
        Choice::Environment => {
            let mut sign_in = shell.environment.sign_in()?;
            tell_if_spent(&mut sign_in, &watch);
            (over_the_network(shell)?, sign_in)
        }
        Choice::Profile(alias) => {
            let profiles = profiles(shell)?;
            let (profile, keeper) = (profiles.read(alias)?, profiles.keeper(alias));
            return Box::pin(connect_to(&profile, keeper, shell, watch)).await;
        }
    };
    let is_tenant = match choice {
        Choice::DemoTenant | Choice::PracticeTenant => true,
        Choice::Environment => shell.environment.is_auth0(),
        Choice::Demo | Choice::Practice | Choice::Profile(_) => false,
    };
    Box::pin(signed_in(transport, sign_in, is_tenant, shell, watch)).await
}

/// Signs in to several orgs, in their order. The kept practice org and the kept practice tenant lie
/// in one folder, which is opened once for both.
pub async fn connect_all(
    choices: &[Choice],
    shell: &Shell,
    watch: Arc<dyn Watch>,
) -> Result<Vec<(Choice, Arc<AnyTarget>)>, Failure> {
    let kept = [Choice::Practice, Choice::PracticeTenant];
    let mut both = None;
    if kept.iter().all(|choice| choices.contains(choice)) {
        let dir = practice_dir(shell, None);
        let org = as_asked(open(&dir)?, shell);
        both = Some(in_process(practice(org, Some(open_tenant(&dir)?)))?);
    }
    let mut orgs = Vec::new();
    for choice in choices {
        let watch = Arc::clone(&watch);
        let target = match &both {
            Some((transport, sign_in)) if kept.contains(choice) => {
                let is_tenant = *choice == Choice::PracticeTenant;
                let (transport, sign_in) = (Arc::clone(transport), sign_in.clone());
                Box::pin(signed_in(transport, sign_in, is_tenant, shell, watch)).await?
            }
            _ => Box::pin(connect(*choice, shell, watch)).await?,
        };
        orgs.push((*choice, target));
    }
    Ok(orgs)
}

/// A refresh token from the environment cannot be replaced there: that is told.
fn tell_if_spent(sign_in: &mut SignIn, watch: &Arc<dyn Watch>) {
    let Grant::Refresh { refresh_token, .. } = &mut sign_in.grant else { return };
    let Ok(Some(turn)) = refresh_token.take() else { return };
    let watch = Arc::clone(watch);
    *refresh_token = Arc::new(Held::telling(turn.token(), move || {
        watch.see(&Event::Notice {
            message: "the org has given a new refresh token, and the one in \
                   `LONGSHORE_REFRESH_TOKEN` is used up; `longshore org login` keeps an org whose \
                   refresh tokens change"
                .to_owned(),
        });
    }));
}

/// Signs in to an org as a profile says; `keeper` has its refresh token, if that is the way.
pub async fn connect_to(
    profile: &Profile,
    keeper: Arc<dyn RefreshKeeper>,
    shell: &Shell,
    watch: Arc<dyn Watch>,
) -> Result<Arc<AnyTarget>, Failure> {
    let token = match &profile.way {
        Way::SalesforceCli { alias } => Some(salesforce_cli::ask(alias).await?.token),
        _ => None,
    };
    let sign_in = profile.sign_in(token, Some(keeper), &shell.environment)?;
    let transport = over_the_network(shell)?;
    signed_in(transport, sign_in, profile.kind == Kind::Auth0, shell, watch).await
}

/// Signs in to a Salesforce org by a right that was found elsewhere.
pub async fn connect_by(
    sign_in: SignIn,
    shell: &Shell,
    watch: Arc<dyn Watch>,
) -> Result<Arc<AnyTarget>, Failure> {
    signed_in(over_the_network(shell)?, sign_in, false, shell, watch).await
}

/// A way to an org that nobody is signed in to yet.
pub fn client(shell: &Shell) -> Result<Client, Failure> {
    let settings = Settings::new(random(), Arc::clone(&shell.now));
    Ok(Client::new(over_the_network(shell)?, settings))
}

/// Tells of notices on standard error, and of nothing else: for commands that show no progress.
pub fn notices(shell: &Shell) -> Arc<dyn Watch> {
    Arc::new(Notices(shell.clone()))
}

struct Notices(Shell);

impl Watch for Notices {
    fn see(&self, event: &Event) {
        if let Event::Notice { message } = event {
            tell(&self.0, &format!("notice: {message}\n"));
        }
    }
}

fn over_the_network(shell: &Shell) -> Result<Arc<dyn Transport>, Failure> {
    let ca_file = shell.environment.ca_file();
    Ok(Arc::new(Reqwest::new(Patience::default(), ca_file.as_deref())?))
}

async fn signed_in(
    transport: Arc<dyn Transport>,
    sign_in: SignIn,
    is_tenant: bool,
    shell: &Shell,
    watch: Arc<dyn Watch>,
) -> Result<Arc<AnyTarget>, Failure> {
    if let Grant::Password { .. } = sign_in.grant {
        watch.see(&Event::Notice { message: SOAP_LOGIN_ENDS.to_owned() });
    }
    let mut settings = Settings::new(random(), Arc::clone(&shell.now));
    settings.waiting = Arc::new(move |reason, length| {
        watch.see(&Event::Waiting { reason: reason.to_owned(), seconds: length.as_secs_f64() });
    });
    Ok(Arc::new(if is_tenant {
        AnyTarget::Auth0(Auth0::sign_in(transport, settings, sign_in).await?)
    } else {
        AnyTarget::Salesforce(Salesforce::sign_in(Client::new(transport, settings), sign_in).await?)
    }))
}

/// A practice org, which is a production org when `LONGSHORE_PRODUCTION` asks for it.
fn as_asked(org: Org, shell: &Shell) -> Org {
    if shell.environment.is_on("LONGSHORE_PRODUCTION") { org.as_production() } else { org }
}

/// Where the loads into an org are remembered: beside a practice org, which can be made new, and
/// otherwise with the user.
pub fn state_dir(choice: Choice, shell: &Shell) -> Option<PathBuf> {
    match choice {
        Choice::Demo | Choice::DemoTenant => None,
        Choice::Practice | Choice::PracticeTenant => Some(practice_dir(shell, None)),
        Choice::Environment | Choice::Profile(_) => shell.environment.state_dir(),
    }
}

/// The folder of the kept practice org.
pub fn practice_dir(shell: &Shell, asked: Option<&Path>) -> PathBuf {
    shell.dir.join(asked.unwrap_or(Path::new(PRACTICE_DIR)))
}

/// Opens the kept practice org, or makes it with the usual seed.
pub fn open(dir: &Path) -> Result<Org, Failure> {
    Org::open(dir, &SeedSize::default())
        .map_err(|error| Failure::disk("open the practice org", dir, &error))
}

/// Opens the kept practice tenant, or makes it with the usual seed.
pub fn open_tenant(dir: &Path) -> Result<Tenant, Failure> {
    Tenant::open(dir, &TenantSize::default())
        .map_err(|error| Failure::disk("open the practice tenant in", dir, &error))
}

fn practice(org: Org, tenant: Option<Tenant>) -> std::io::Result<Practice> {
    match tenant {
        Some(tenant) => Practice::with_tenant(org, tenant),
        None => Practice::new(org),
    }
}

fn in_process(
    practice: std::io::Result<Practice>,
) -> Result<(Arc<dyn Transport>, SignIn), Failure> {
    let practice = practice.map_err(|error| {
        Failure::new(Blame::Disk, format!("cannot start the practice org: {error}"))
    })?;
    let origin = url::Url::parse(IN_PROCESS_ORIGIN)
        .map_err(|error| Failure::new(Blame::Run, error.to_string()))?;
    let sign_in = SignIn {
        instance_url: origin,
        login_url: None,
        grant: Grant::ClientCredentials {
            client_id: PRACTICE_CLIENT_ID.to_owned(),
            client_secret: Secret::new(PRACTICE_CLIENT_SECRET.to_owned()),
        },
        api_version: None,
    };
    Ok((Arc::new(InProcess::new(practice)), sign_in))
}

/// Chance, good enough for jitter and names.
pub fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure;
    use crate::report::paint::Paint;

    #[test]
    fn an_alias_or_the_environment_names_the_org() {
        let url = ("LONGSHORE_INSTANCE_URL".to_owned(), "https://x.my.salesforce.com".to_owned());
        let with: Environment = [url].into_iter().collect();
        let without = Environment::default();
        for (alias, environment, choice) in [
            (Some("demo"), &with, Some(Choice::Demo)),
            (Some("practice"), &without, Some(Choice::Practice)),
            (Some("demo-auth0"), &with, Some(Choice::DemoTenant)),
            (Some("practice-auth0"), &without, Some(Choice::PracticeTenant)),
            (Some("env"), &without, Some(Choice::Environment)),
            (None, &with, Some(Choice::Environment)),
            (None, &without, None),
            (Some("Demo"), &with, None),
        ] {
            assert_eq!(Choice::of(alias, environment).ok(), choice, "{alias:?}");
        }
    }

    #[test]
    fn without_an_org_the_ways_to_name_one_are_told() {
        let failure = Choice::of(None, &Environment::default()).unwrap_err();
        insta::assert_snapshot!(failure::text(&failure, Paint::PLAIN), @"
        error: no org is given

        hint: `-o demo` is a practice org made new for this one command
        hint: `-o practice` is a practice org kept under `./.longshore/practice`
        hint: `-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0
        hint: a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` and what `docs/guide/sign-in.md` tells
        hint: `target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one
        ");
    }
}
