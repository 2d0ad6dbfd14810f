//! `org`: signs in to orgs and keeps them under aliases.

use std::path::Path;
use std::sync::Arc;

use super::logout::logout;
use super::objects::json;
use super::{print, tell};
use crate::cli::args::{Login, LoginWay, Manners, OneOrg, Org, OrgKind};
use crate::cli::org::{self, Choice};
use crate::cli::salesforce_cli;
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table};
use crate::cli::web_login::Callback;
use crate::config::profiles::{Alias, Kind, Profile, Way, origin};
use crate::model::failure::{Blame, Failure};
use crate::model::schema::OrgFacts;
use crate::model::secret::Secret;
use crate::model::sign_in::Held;
use crate::pipeline::guards::is_production;
use crate::report::figures::{count, counted, escape};
use crate::target::Target;
use crate::target::salesforce::web::WebLogin;

/// Where people of production orgs sign in.
const LOGIN_URL: &str = "https://login.salesforce.com";

/// Carries out one of the commands.
pub async fn org(args: &Org, shell: &Shell) -> Result<u8, Failure> {
    match args {
        Org::Login(login) => login_to(login, shell).await,
        Org::List(list) => list_all(&list.manners, shell),
        Org::Show(one) => show(one, shell).await,
        Org::Logout(one) => logout(one, shell).await,
    }
}

/// An org as it is shown: no secret.
#[derive(Debug, serde::Serialize)]
struct Kept {
    alias: String,
    kind: Kind,
    instance_url: String,
    way: &'static str,
    client_id: Option<String>,
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<Seen>,
}

/// What the org says of itself.
#[derive(Debug, serde::Serialize)]
struct Seen {
    id: String,
    name: String,
    production: bool,
    user_id: String,
    username: String,
}

impl Kept {
    fn of(alias: Alias, profile: &Profile, facts: Option<OrgFacts>) -> Self {
        Self {
            alias: alias.as_str().to_owned(),
            kind: profile.kind,
            instance_url: profile.instance_url.origin().ascii_serialization(),
            way: profile.way.word(),
            client_id: profile.way.client_id().map(str::to_owned),
            username: profile.way.username().map(str::to_owned),
            org: facts.map(|facts| Seen {
                production: is_production(&facts),
                id: facts.id,
                name: facts.name,
                user_id: facts.user_id,
                username: facts.username,
            }),
        }
    }
}

async fn login_to(args: &Login, shell: &Shell) -> Result<u8, Failure> {
    let alias = Alias::parse(&args.alias)?;
    let profiles = org::profiles(shell)?;
    let mut profile = asked_for(args, shell).await?;
    // Signed in before it is kept: what does not work is not kept.
    let held = match &profile.way {
        Way::Refresh { refresh_token, .. } => Held::new(refresh_token.clone()),
        _ => Held::new(Secret::new(String::new())),
    };
    let keeper = Arc::new(held.clone());
    let target = org::connect_to(&profile, keeper, shell, org::notices(shell)).await?;
    let facts = target.facts().await?;
    if let Way::Refresh { refresh_token, .. } = &mut profile.way {
        // The org may have replaced it.
        *refresh_token = held.token();
    }
    let had = profiles.has(alias);
    profiles.write(alias, &profile)?;
    let kept = Kept::of(alias, &profile, Some(facts));
    if args.manners.json {
        print(&shell.out, &json(&kept)?)?;
        return Ok(0);
    }
    let seen = kept.org.as_ref().map(sentence).unwrap_or_default();
    let again = if had { ", in the place of what was kept under it" } else { "" };
    print(
        &shell.out,
        &format!("signed in to {seen}\nkept as `{}`{again}: use it with `-o {0}`\n", kept.alias),
    )?;
    if let Way::AccessToken { .. } = profile.way {
        let note = "note: an access token ends with its session and cannot be renewed\n";
        tell(shell, note);
        if args.web {
            let note = "note: give the app the scope `refresh_token` for a sign-in that lasts\n";
            tell(shell, note);
        }
    }
    Ok(0)
}

/// The profile that the flags, the environment and the person describe.
async fn asked_for(args: &Login, shell: &Shell) -> Result<Profile, Failure> {
    if let Some(sf) = &args.from_sf {
        let given = salesforce_cli::ask(sf).await?;
        return Ok(Profile {
            kind: Kind::Salesforce,
            instance_url: origin(&given.instance_url)?,
            login_url: None,
            api_version: args.api_version.clone(),
            way: Way::SalesforceCli { alias: sf.clone() },
        });
    }
    if args.web {
        return with_browser(args, shell).await;
    }
    let instance = args.instance_url.as_deref().ok_or_else(|| missing("--instance-url"))?;
    let kind = match args.target_kind {
        OrgKind::Salesforce => Kind::Salesforce,
        OrgKind::Auth0 => Kind::Auth0,
    };
    let way = match args.way {
        Some(LoginWay::Jwt) => Way::Jwt {
            client_id: needed(args.client_id.as_ref(), "--client-id")?,
            username: needed(args.username.as_ref(), "--username")?,
            key_file: absolute(args.jwt_key_file.as_deref(), shell)?,
        },
        Some(LoginWay::ClientCredentials) => Way::ClientCredentials {
            client_id: needed(args.client_id.as_ref(), "--client-id")?,
            client_secret: secret("LONGSHORE_CLIENT_SECRET", "client secret", shell)?,
        },
        Some(LoginWay::RefreshToken) => Way::Refresh {
            client_id: needed(args.client_id.as_ref(), "--client-id")?,
            client_secret: shell
                .environment
                .get("LONGSHORE_CLIENT_SECRET")
                .map(|text| Secret::new(text.to_owned())),
            refresh_token: secret("LONGSHORE_REFRESH_TOKEN", "refresh token", shell)?,
        },
        Some(LoginWay::AccessToken) => {
            Way::AccessToken { token: secret("LONGSHORE_ACCESS_TOKEN", "access token", shell)? }
        }
        Some(LoginWay::Password) => Way::Password {
            username: needed(args.username.as_ref(), "--username")?,
            password: secret("LONGSHORE_PASSWORD", "password and security token", shell)?,
        },
        None => return Err(missing("--way")),
    };
    let of_salesforce = matches!(way, Way::Jwt { .. } | Way::Refresh { .. } | Way::Password { .. });
    if kind == Kind::Auth0 && of_salesforce {
        let message = format!("no Auth0 tenant is signed in to with a {}", way.word());
        return Err(Failure::new(Blame::Request, message)
            .hint("use `--way client-credentials` of a machine-to-machine application"));
    }
    Ok(Profile {
        kind,
        instance_url: origin(instance)?,
        login_url: args.login_url.as_deref().map(origin).transpose()?,
        api_version: args.api_version.clone(),
        way,
    })
}

/// The profile that comes of a sign-in with the browser.
async fn with_browser(args: &Login, shell: &Shell) -> Result<Profile, Failure> {
    if args.target_kind == OrgKind::Auth0 {
        let message = "no Auth0 tenant is signed in to with the browser";
        return Err(Failure::new(Blame::Request, message)
            .hint("use `--way client-credentials` of a machine-to-machine application"));
    }
    let client_id = needed(args.client_id.as_ref(), "--client-id")?;
    let login = args.login_url.as_deref().or(args.instance_url.as_deref()).unwrap_or(LOGIN_URL);
    let login = origin(login)?;
    let client_secret =
        shell.environment.get("LONGSHORE_CLIENT_SECRET").map(|text| Secret::new(text.to_owned()));
    let client = org::client(shell)?;
    let callback = Callback::listen(args.callback_port).await?;
    let web =
        WebLogin::begin(login.clone(), client_id.clone(), client_secret.clone(), callback.port())?;
    let web = Arc::new(web);
    let code = callback.code(Arc::clone(&web), args.no_browser, shell).await?;
    let traded = web.trade(&client, &code).await?;
    let elsewhere = login.origin() != traded.instance_url.origin();
    let way = match traded.refresh_token {
        Some(refresh_token) => Way::Refresh { client_id, client_secret, refresh_token },
        None => Way::AccessToken { token: traded.access_token },
    };
    Ok(Profile {
        kind: Kind::Salesforce,
        instance_url: traded.instance_url,
        login_url: elsewhere.then_some(login),
        api_version: args.api_version.clone(),
        way,
    })
}

fn missing(flag: &str) -> Failure {
    Failure::new(Blame::Request, format!("`{flag}` is not given, and this way needs it"))
        .hint("`longshore org login --help` shows what each way needs")
}

fn needed(value: Option<&String>, flag: &str) -> Result<String, Failure> {
    value.filter(|value| !value.is_empty()).cloned().ok_or_else(|| missing(flag))
}

/// From the root on: the profile is used from other folders, too.
fn absolute(path: Option<&Path>, shell: &Shell) -> Result<std::path::PathBuf, Failure> {
    let path = shell.dir.join(path.ok_or_else(|| missing("--jwt-key-file"))?);
    std::path::absolute(&path).map_err(|error| Failure::disk("find", &path, &error))
}

/// A secret from its variable, else from the person in front, else from standard input.
fn secret(variable: &str, what: &str, shell: &Shell) -> Result<Secret, Failure> {
    if let Some(text) = shell.environment.get(variable) {
        return Ok(Secret::new(text.to_owned()));
    }
    let asked = shell.in_is_terminal && shell.err_is_terminal;
    if asked {
        tell(shell, &format!("{what} (it is not shown): "));
    }
    let line = zeroize::Zeroizing::new(
        if asked { (shell.hidden_line)() } else { (shell.line)() }.map_err(|error| {
            Failure::new(Blame::Request, format!("cannot read the {what}: {error}"))
        })?,
    );
    let text = line.trim();
    if text.is_empty() {
        let message = format!("no {what} is given");
        return Err(Failure::new(Blame::Request, message).hint(format!(
            "set `{variable}`, or give it on the first line of standard input; it is never a flag"
        )));
    }
    Ok(Secret::new(text.to_owned()))
}

fn list_all(manners: &Manners, shell: &Shell) -> Result<u8, Failure> {
    let profiles = org::profiles(shell)?;
    let mut kept = Vec::new();
    for alias in profiles.aliases()? {
        match profiles.read(alias) {
            Ok(profile) => kept.push(Kept::of(alias, &profile, None)),
            // One that cannot be used does not hide the others.
            Err(error) => tell(shell, &format!("note: {error}\n")),
        }
    }
    if manners.json {
        print(&shell.out, &json(&kept)?)?;
        return Ok(0);
    }
    if kept.is_empty() {
        let hint = "no org is kept: `longshore org login ALIAS …` adds one\n";
        print(&shell.out, hint)?;
        return Ok(0);
    }
    let columns = ["alias", "kind", "address", "way", "user", "app"].map(Column::Left);
    let row = |kept: &Kept| {
        vec![
            kept.alias.clone(),
            kind_word(kept.kind).to_owned(),
            kept.instance_url.clone(),
            kept.way.to_owned(),
            kept.username.clone().unwrap_or_default(),
            kept.client_id.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = kept.iter().map(row).collect();
    print(&shell.out, &table(&columns, &rows, shell.out_paint(manners.color)))?;
    Ok(0)
}

async fn show(args: &OneOrg, shell: &Shell) -> Result<u8, Failure> {
    let alias = Alias::parse(&args.alias)?;
    let profile = org::profiles(shell)?.read(alias)?;
    let target = org::connect(Choice::Profile(alias), shell, org::notices(shell)).await?;
    let facts = target.facts().await?;
    let usage = target.usage();
    let kept = Kept::of(alias, &profile, Some(facts));
    if args.manners.json {
        print(&shell.out, &json(&kept)?)?;
        return Ok(0);
    }
    let mut lines = vec![
        ("alias", kept.alias.clone()),
        ("kind", kind_word(kept.kind).to_owned()),
        ("address", kept.instance_url.clone()),
        ("way", kept.way.to_owned()),
    ];
    lines.extend(kept.client_id.map(|id| ("app", id)));
    if let Some(seen) = &kept.org {
        lines.push(("org", sentence(seen)));
    }
    if let (Some(used), Some(allowed)) = (usage.org_used, usage.org_allowed) {
        let left = counted(allowed.saturating_sub(used), "call");
        lines.push(("today", format!("{left} left of {}", count(allowed))));
    }
    let line = |(name, value): (&str, String)| format!("{name:<8} {}\n", escape(&value));
    print(&shell.out, &lines.into_iter().map(line).collect::<String>())?;
    Ok(0)
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Salesforce => "Salesforce",
        Kind::Auth0 => "Auth0",
    }
}

fn sentence(seen: &Seen) -> String {
    let kind = if seen.production { ", production" } else { "" };
    format!("`{}` ({}{kind}) as `{}`", escape(&seen.name), seen.id, escape(&seen.username))
}
