//! `practice serve`, `practice reset`, `practice show`; `practice seed` has a file of its own.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::json;
use tokio::net::TcpListener;

use super::{print, seed, tell};
use crate::cli::args::{Practice as Args, Reset, Serve, Show};
use crate::cli::org::{self, PRACTICE_CLIENT_ID, PRACTICE_CLIENT_SECRET};
use crate::cli::shell::Shell;
use crate::cli::signals;
use crate::cli::table::{Column, table};
use crate::ledger::History;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::stop::Stop;
use crate::practice::audit::Entry;
use crate::practice::org::{Org, QueryScope, SeedSize};
use crate::practice::tenant::{CLIENT_ID, CLIENT_SECRET};
use crate::practice::{Practice, Tenant, TenantSize, Tls, sample, serve as run};
use crate::report::figures::{count, path};
use crate::report::paint::Paint;

/// Where the certificate of an org that is not kept lies, below the working directory.
const TLS_DIR: &str = ".longshore/tls";

/// Audit entries that `show` tells.
const ENTRIES_SHOWN: u64 = 10;

/// Carries out one of the four.
pub async fn practice(args: &Args, shell: &Shell) -> Result<u8, Failure> {
    match args {
        Args::Serve(args) => serve(args, shell).await,
        Args::Seed(args) => seed::seed(args, shell).await,
        Args::Reset(args) => reset(args, shell),
        Args::Show(args) => show(args, shell),
    }
}

async fn serve(args: &Serve, shell: &Shell) -> Result<u8, Failure> {
    let org = org_to_serve(args, shell)?;
    let org = if args.production { org.as_production() } else { org };
    let tenant = tenant_to_serve(args, &org)?;
    let dir = org.dir().map_or_else(|| shell.dir.join(TLS_DIR), Path::to_path_buf);
    let failed = |what: &str, error: &std::io::Error| {
        Failure::new(Blame::Disk, format!("cannot {what}: {error}"))
    };
    let tls = args.tls.then(|| Tls::make(&dir)).transpose();
    let tls = tls.map_err(|error| Failure::disk("make a certificate in", &dir, &error))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(|error| {
        Failure::new(Blame::Request, format!("cannot listen on port {}: {error}", args.port))
            .hint("`--port 0` takes a free one")
    })?;
    let port = listener.local_addr().map_err(|error| failed("tell the port", &error))?.port();
    let certificate = tls.as_ref().map(|tls| path(tls.certificate_path(), &shell.dir));
    let practice = Practice::with_tenant(org, tenant)
        .map_err(|error| failed("start the practice org", &error))?;
    print(&shell.out, &welcome(port, certificate.as_deref(), practice.org()))?;
    let stop = Stop::new();
    signals::listen(stop.clone(), || ()).map_err(|error| failed("listen to signals", &error))?;
    let served = run(practice, listener, tls, async { stop.asked().await }).await;
    served
        .map_err(|error| Failure::new(Blame::Run, format!("the practice org stopped: {error}")))?;
    tell(shell, "the practice org is closed\n");
    Ok(0)
}

/// The org that the flags ask for; a size is refused where it would mean nothing.
fn org_to_serve(args: &Serve, shell: &Shell) -> Result<Org, Failure> {
    let usual = SeedSize::default();
    let size = SeedSize {
        users: args.users.unwrap_or(usual.users),
        permission_sets: args.permission_sets.unwrap_or(usual.permission_sets),
    };
    if args.fresh {
        if args.kept.dir.is_some() {
            let message = "`--fresh` keeps nothing, so `--dir` has no meaning with it";
            return Err(Failure::new(Blame::Request, message).hint("leave one of them out"));
        }
        return Ok(Org::new(&size));
    }
    let dir = org::practice_dir(shell, args.kept.dir.as_deref());
    if size != usual && dir.exists() {
        let shown = path(&dir, &shell.dir);
        let message = format!("the practice org in `{shown}` is there already and has its size");
        return Err(Failure::new(Blame::Request, message).hint(
            "`--users` and `--permission-sets` go with a new org: `--fresh` or another `--dir`",
        ));
    }
    Org::open(&dir, &size).map_err(|error| Failure::disk("open the practice org", &dir, &error))
}

/// The Auth0 tenant beside the org: kept with a kept one, new with a new one.
fn tenant_to_serve(args: &Serve, org: &Org) -> Result<Tenant, Failure> {
    let usual = TenantSize::default();
    let size = TenantSize { users: args.users.unwrap_or(usual.users), ..usual };
    let Some(dir) = org.dir() else { return Ok(Tenant::new(&size)) };
    Tenant::open(dir, &size)
        .map_err(|error| Failure::disk("open the practice tenant in", dir, &error))
}

/// Where it listens and how to get there; every line can be pasted.
fn welcome(port: u16, certificate: Option<&str>, org: &Org) -> String {
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{port}");
    let (id, secret) = (PRACTICE_CLIENT_ID, PRACTICE_CLIENT_SECRET);
    let user = org.username();
    let mut text =
        format!("the practice org listens on {url}, on this machine only; Ctrl-C ends it\n");
    text.push_str("\nlongshore\n");
    writeln!(text, "  export LONGSHORE_INSTANCE_URL={url}").unwrap_or_default();
    writeln!(text, "  export LONGSHORE_CLIENT_ID={id} LONGSHORE_CLIENT_SECRET={secret}")
        .unwrap_or_default();
    if let Some(certificate) = certificate {
        writeln!(text, "  export LONGSHORE_CA_FILE={certificate}").unwrap_or_default();
    }
    tell_of_tenant(&mut text, &url);
    text.push_str("\na token for any client\n");
    let trust = certificate.map(|file| format!("--cacert {file} ")).unwrap_or_default();
    writeln!(
        text,
        "  curl {trust}{url}/services/oauth2/token -d grant_type=client_credentials \
         -d client_id={id} -d client_secret={secret}"
    )
    .unwrap_or_default();
    text.push_str("\nsimple-salesforce (Python)\n");
    match certificate {
        Some(certificate) => {
            writeln!(text, "  export REQUESTS_CA_BUNDLE={certificate}").unwrap_or_default();
            writeln!(text, "  Salesforce(instance_url=\"{url}\", session_id=TOKEN)")
                .unwrap_or_default();
        }
        None => text.push_str("  speaks HTTPS only: serve with `--tls`\n"),
    }
    text.push_str("\njsforce (JavaScript)\n");
    if let Some(certificate) = certificate {
        writeln!(text, "  export NODE_EXTRA_CA_CERTS={certificate}").unwrap_or_default();
    }
    writeln!(text, "  new jsforce.Connection({{ instanceUrl: \"{url}\", accessToken: TOKEN }})")
        .unwrap_or_default();
    text.push_str("\nauth0 (JavaScript), auth0-python\n");
    match certificate {
        Some(certificate) => {
            writeln!(
                text,
                "  export NODE_EXTRA_CA_CERTS={certificate} SSL_CERT_FILE={certificate}"
            )
            .unwrap_or_default();
            writeln!(
                text,
                "  new ManagementClient({{ domain: \"localhost:{port}\", clientId: \"{id}\", \
                 clientSecret: \"{secret}\" }})"
            )
            .unwrap_or_default();
        }
        None => text.push_str("  speak HTTPS only: serve with `--tls`\n"),
    }
    writeln!(text, "\nthe administrator is {user}, the password practice").unwrap_or_default();
    text
}

/// How longshore signs in to the tenant.
fn tell_of_tenant(text: &mut String, url: &str) {
    let (id, secret) = (CLIENT_ID, CLIENT_SECRET);
    text.push_str("\nlongshore, with the Auth0 tenant instead\n");
    writeln!(text, "  export LONGSHORE_TARGET_KIND=auth0 LONGSHORE_INSTANCE_URL={url}")
        .unwrap_or_default();
    writeln!(text, "  export LONGSHORE_CLIENT_ID={id} LONGSHORE_CLIENT_SECRET={secret}")
        .unwrap_or_default();
}

fn reset(args: &Reset, shell: &Shell) -> Result<u8, Failure> {
    let dir = org::practice_dir(shell, args.kept.dir.as_deref());
    let shown = path(&dir, &shell.dir);
    if !dir.exists() {
        let text = format!("there is no practice org in {shown}; the first use of it makes one\n");
        print(&shell.out, &text)?;
        return Ok(0);
    }
    let failed = |error| Failure::disk("reset the practice org", &dir, &error);
    Org::reset(&dir).and_then(|()| Tenant::reset(&dir)).map_err(failed)?;
    let mut forgotten = false;
    if args.forget_seed {
        forgotten =
            sample::forget(&dir).and_then(|was| Org::reset(&dir).map(|()| was)).map_err(failed)?;
    }
    // What was loaded into it is gone with it.
    History::forget(&dir).map_err(|error| Failure::disk("forget the loads in", &dir, &error))?;
    let about = sample::about(&dir).map_err(failed)?;
    let then = match about.and_then(|about| about.from) {
        Some(from) => format!("as it was when it was seeded from `{from}`"),
        None if forgotten => "made up again, without what was copied into it".to_owned(),
        None => "as it was when it was made".to_owned(),
    };
    print(&shell.out, &format!("the practice org in {shown} is {then}\n"))?;
    Ok(0)
}

fn show(args: &Show, shell: &Shell) -> Result<u8, Failure> {
    let dir = org::practice_dir(shell, args.kept.dir.as_deref());
    let org = org::open(&dir)?;
    let counts = counts(&org);
    let effects = org.audit().len();
    let last = org.audit().entries_since(effects.saturating_sub(ENTRIES_SHOWN));
    // One that nobody has used yet is not made for this.
    let tenant = Tenant::is_kept(&dir).then(|| org::open_tenant(&dir)).transpose()?;
    let text = if args.json {
        let mut document = document(&dir, &counts, effects, &last);
        document["tenant"] = tenant.as_ref().map(tenant_document).into();
        format!("{document}\n")
    } else {
        let head = format!("practice org in {}", path(&dir, &shell.dir));
        screen(&head, &counts, effects, &last)
            + &tenant.as_ref().map(tenant_screen).unwrap_or_default()
    };
    print(&shell.out, &text)?;
    Ok(0)
}

/// Live records of each object.
fn counts(org: &Org) -> Vec<(String, u64)> {
    let global = org.describe_global();
    let objects = global["sobjects"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = |name: &str| {
        let answer = org.query(&format!("SELECT COUNT() FROM {name}"), QueryScope::Live);
        answer.ok().and_then(|answer| answer.count_only)
    };
    let named = objects.iter().filter_map(|object| object["name"].as_str());
    named.filter_map(|name| Some((name.to_owned(), count(name)?))).collect()
}

fn screen(head: &str, counts: &[(String, u64)], effects: u64, last: &[Entry]) -> String {
    let rows: Vec<Vec<String>> =
        counts.iter().map(|(name, number)| vec![name.clone(), count(*number)]).collect();
    let columns = [Column::Left("object"), Column::Right("records")];
    let mut text = format!("{head}\n\n{}", table(&columns, &rows, Paint::PLAIN));
    if last.is_empty() {
        text.push_str("\nnothing has happened to it yet\n");
        return text;
    }
    writeln!(text, "\nthe last of {} effects", count(effects)).unwrap_or_default();
    let columns = [
        Column::Right("number"),
        Column::Left("effect"),
        Column::Left("object"),
        Column::Left("record"),
        Column::Left("job"),
    ];
    let row = |entry: &Entry| {
        vec![
            count(entry.number),
            entry.verb.to_owned(),
            entry.object.to_owned(),
            entry.id.clone(),
            entry.job.clone().unwrap_or_default(),
        ]
    };
    text + &table(&columns, &last.iter().map(row).collect::<Vec<_>>(), Paint::PLAIN)
}

fn document(
    dir: &Path,
    counts: &[(String, u64)],
    effects: u64,
    last: &[Entry],
) -> serde_json::Value {
    let records: serde_json::Map<_, _> =
        counts.iter().map(|(name, number)| (name.clone(), json!(number))).collect();
    let entry = |entry: &Entry| {
        json!({
            "number": entry.number, "verb": entry.verb, "object": entry.object, "id": entry.id,
            "job": entry.job,
        })
    };
    json!({
        "dir": dir, "records": records, "effects": effects,
        "last": last.iter().map(entry).collect::<Vec<_>>(),
    })
}

/// Users, and what they hold directly.
fn tenant_counts(tenant: &Tenant) -> [(&'static str, u64); 4] {
    let people = tenant.people();
    let held = |count: &dyn Fn(&str) -> usize| -> u64 {
        people.iter().map(|person| count(&person.id) as u64).sum()
    };
    [
        ("Role", tenant.roles().len() as u64),
        ("User", people.len() as u64),
        ("UserPermission", held(&|user| tenant.permissions_of(user).len())),
        ("UserRole", held(&|user| tenant.roles_of(user).len())),
    ]
}

/// The last effects at a tenant, as they are served.
fn tenant_effects(tenant: &Tenant) -> Vec<serde_json::Value> {
    let since = tenant.audit().len().saturating_sub(ENTRIES_SHOWN);
    let last = tenant.audit().entries_since(since);
    last.iter().filter_map(|entry| serde_json::to_value(entry).ok()).collect()
}

fn tenant_document(tenant: &Tenant) -> serde_json::Value {
    let records: serde_json::Map<_, _> = tenant_counts(tenant)
        .into_iter()
        .map(|(name, number)| (name.to_owned(), json!(number)))
        .collect();
    let (effects, last) = (tenant.audit().len(), tenant_effects(tenant));
    json!({ "records": records, "effects": effects, "last": last })
}

fn tenant_screen(tenant: &Tenant) -> String {
    let counts = tenant_counts(tenant);
    let rows: Vec<_> =
        counts.iter().map(|(name, number)| vec![(*name).to_owned(), count(*number)]).collect();
    let columns = [Column::Left("object"), Column::Right("records")];
    let mut text = format!("\nits Auth0 tenant\n\n{}", table(&columns, &rows, Paint::PLAIN));
    let last = tenant_effects(tenant);
    if last.is_empty() {
        text.push_str("\nnothing has happened to it yet\n");
        return text;
    }
    writeln!(text, "\nthe last of {} effects", count(tenant.audit().len())).unwrap_or_default();
    let columns = [
        Column::Right("number"),
        Column::Left("effect"),
        Column::Left("object"),
        Column::Left("user"),
        Column::Left("what"),
    ];
    let cell =
        |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let row = |entry: &serde_json::Value| {
        let what = ["role", "api", "permission"].map(|name| cell(entry, name));
        let what: Vec<_> = what.into_iter().filter(|what| !what.is_empty()).collect();
        vec![
            count(entry["number"].as_u64().unwrap_or_default()),
            cell(entry, "verb"),
            cell(entry, "object"),
            cell(entry, "user"),
            what.join(" "),
        ]
    };
    text + &table(&columns, &last.iter().map(row).collect::<Vec<_>>(), Paint::PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Kept;
    use crate::cli::shell::tests::shell;
    use crate::report::tests::text_of;

    fn entry(number: u64) -> Entry {
        Entry {
            number,
            object: "PermissionSetAssignment",
            verb: "insert",
            id: "0Pa000000000001AAA".to_owned(),
            job: Some("7508c00000Qk3TbAAJ".to_owned()),
            fields: Vec::new(),
        }
    }

    #[test]
    fn the_welcome_can_be_pasted() {
        let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
        insta::assert_snapshot!(welcome(8790, Some("practice-ca.pem"), &org), @r#"
        the practice org listens on https://localhost:8790, on this machine only; Ctrl-C ends it

        longshore
          export LONGSHORE_INSTANCE_URL=https://localhost:8790
          export LONGSHORE_CLIENT_ID=practice-client LONGSHORE_CLIENT_SECRET=practice-secret
          export LONGSHORE_CA_FILE=practice-ca.pem

        longshore, with the Auth0 tenant instead
          export LONGSHORE_TARGET_KIND=auth0 LONGSHORE_INSTANCE_URL=https://localhost:8790
          export LONGSHORE_CLIENT_ID=practice-client LONGSHORE_CLIENT_SECRET=practice-secret

        a token for any client
          curl --cacert practice-ca.pem https://localhost:8790/services/oauth2/token -d grant_type=client_credentials -d client_id=practice-client -d client_secret=practice-secret

        simple-salesforce (Python)
          export REQUESTS_CA_BUNDLE=practice-ca.pem
          Salesforce(instance_url="https://localhost:8790", session_id=TOKEN)

        jsforce (JavaScript)
          export NODE_EXTRA_CA_CERTS=practice-ca.pem
          new jsforce.Connection({ instanceUrl: "https://localhost:8790", accessToken: TOKEN })

        auth0 (JavaScript), auth0-python
          export NODE_EXTRA_CA_CERTS=practice-ca.pem SSL_CERT_FILE=practice-ca.pem
          new ManagementClient({ domain: "localhost:8790", clientId: "practice-client", clientSecret: "practice-secret" })

        the administrator is admin@practice.example, the password practice
        "#);
        let plain = welcome(1, None, &org);
        assert!(plain.contains("http://localhost:1") && !plain.contains("CA"), "{plain}");
    }

    #[test]
    fn show_tells_records_and_the_last_effects() {
        let counts = [("Account".to_owned(), 1_200), ("User".to_owned(), 3_000)];
        let text = screen("practice org in x", &counts, 5_000, &[entry(4_999), entry(5_000)]);
        insta::assert_snapshot!(text, @"
        practice org in x

        object   records
        Account    1,200
        User       3,000

        the last of 5,000 effects
        number  effect  object                   record              job
         4,999  insert  PermissionSetAssignment  0Pa000000000001AAA  7508c00000Qk3TbAAJ
         5,000  insert  PermissionSetAssignment  0Pa000000000001AAA  7508c00000Qk3TbAAJ
        ");
        let document = document(Path::new("x"), &counts, 5_000, &[entry(5_000)]);
        assert_eq!(document["records"]["User"], 3_000);
        assert_eq!(document["last"][0]["verb"], "insert");
        assert!(screen("x", &counts, 0, &[]).ends_with("nothing has happened to it yet\n"));
    }

    #[test]
    fn a_size_is_refused_where_it_means_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(org::PRACTICE_DIR)).unwrap();
        let (world, _told) = shell(dir.path(), &[]);
        let sized = Serve { users: Some(7), ..Serve::default() };
        let message = org_to_serve(&sized, &world).err().unwrap().message;
        assert_eq!(
            message,
            "the practice org in `.longshore/practice` is there already and has its size"
        );
        let both = Serve { fresh: true, kept: Kept { dir: Some("x".into()) }, ..Serve::default() };
        assert!(org_to_serve(&both, &world).err().unwrap().message.starts_with("`--fresh`"));
        assert!(org_to_serve(&Serve { fresh: true, ..sized }, &world).is_ok());
    }

    #[test]
    fn a_reset_says_what_it_did() {
        let dir = tempfile::tempdir().unwrap();
        let (world, told) = shell(dir.path(), &[]);
        reset(&Reset::default(), &world).unwrap();
        assert_eq!(
            text_of(&told.out),
            "there is no practice org in .longshore/practice; the first use of it makes one\n"
        );
    }
}
