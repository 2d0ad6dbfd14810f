//! Orgs that count as production, served by the binary itself: `practice serve --production`, and
//! an Auth0 tenant, which never says what it is and so is production wherever it is not this
//! machine.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use longshore::practice::{CLIENT_ID, CLIENT_SECRET};

use crate::world::Ran;

/// `practice serve` as a process of its own, in a folder of its own.
struct Served {
    folder: tempfile::TempDir,
    child: Child,
    url: String,
    /// The file that it tells people to trust.
    certificate: String,
}

impl Served {
    /// With these flags; it is there when it has said its address.
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = longshore(folder.path())
            .args(["practice", "serve", "--port", "0", "--fresh"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut url, mut certificate) = (String::new(), String::new());
        let with_tls = flags.contains(&"--tls");
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let told =
                line.trim().strip_prefix("export LONGSHORE_").and_then(|t| t.split_once('='));
            match told {
                Some(("INSTANCE_URL", said)) if url.is_empty() => said.clone_into(&mut url),
                Some(("CA_FILE", file)) => file.clone_into(&mut certificate),
                _ => {}
            }
            if !url.is_empty() && (!with_tls || !certificate.is_empty()) {
                break;
            }
        }
        Self { folder, child, url, certificate }
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = longshore(self.folder.path());
        command
            .args(args)
            .env("LONGSHORE_INSTANCE_URL", &self.url)
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn longshore(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.current_dir(folder).env_clear().env("TMPDIR", folder).stdin(Stdio::null());
    command
}

/// Errors and hints, without the id of the org.
fn told(ran: &Ran) -> String {
    let is_told = |line: &&str| line.starts_with("error") || line.starts_with("hint");
    let told: Vec<&str> = ran.stderr.lines().filter(is_told).collect();
    let told = told.join("\n");
    match told.split_once("(`00D").and_then(|(head, rest)| Some((head, rest.split_once('`')?))) {
        Some((head, (_, rest))) => format!("{head}(`00D…`{rest}"),
        None => told,
    }
}

#[test]
fn an_org_served_as_production_is_guarded_as_one() {
    let served = Served::start(&["--production"]);
    served.file("accounts.csv", "Name\nOne\nTwo\n");
    let load = ["insert", "Account", "accounts.csv"];
    let ran = served.run(&load).expect(6);
    insta::assert_snapshot!(told(&ran), @"
    error: insert of 2 rows of `Account` in the production org `Practice Org` (`00D…`) as `admin@practice.example` needs the name of the org to be confirmed
    hint: `--confirm-org 'Practice Org'` confirms it; `--yes` does not
    ");
    served.run(&[&load[..], &["--yes"]].concat()).expect(6);
    assert!(!served.folder.path().join("longshore-runs").exists());
    served.run(&[&load[..], &["--confirm-org", "Practice Org"]].concat()).expect(0);
    // The same org without the flag is a sandbox.
    let sandbox = Served::start(&[]);
    sandbox.file("accounts.csv", "Name\nOne\n");
    sandbox.run(&load).expect(0);
}

/// Lets clients through to the port of this machine, whatever host they ask for.
fn proxy(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            if !head.starts_with(b"CONNECT ") {
                continue;
            }
            let org = TcpStream::connect(("127.0.0.1", to)).unwrap();
            if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
                continue;
            }
            let (back, forth) = (org.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || carry(back, forth));
            thread::spawn(move || carry(client, org));
        }
    });
    own
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ended = io::copy(&mut from, &mut to).is_ok();
    let _closed = to.shutdown(Shutdown::Write).is_ok();
}

/// `localhost.` is the host of the certificate and not the word for this machine: the way there is
/// a proxy, as to any tenant.
#[test]
fn a_tenant_elsewhere_is_guarded_as_production() {
    let served = Served::start(&["--tls"]);
    let (port, way) = (served.port(), proxy(served.port()));
    served.file(
        "leavers.csv",
        "user_id,resource_server_identifier,permission_name\nauth0|none,https://x.example,a\n",
    );
    let run = |host: &str, args: &[&str]| {
        let mut command = served.command(args);
        command
            .env("LONGSHORE_TARGET_KIND", "auth0")
            .env("LONGSHORE_INSTANCE_URL", format!("https://{host}:{port}"))
            .env("LONGSHORE_CA_FILE", &served.certificate)
            .env("HTTPS_PROXY", format!("http://127.0.0.1:{way}"));
        Ran::of(&command.output().unwrap())
    };
    let load = ["delete", "UserPermission", "leavers.csv"];
    let ran = run("localhost.", &load).expect(6);
    insta::assert_snapshot!(told(&ran), @"
    error: delete of 1 row of `UserPermission` in the production org `localhost.` as `practice-client` needs the name of the org to be confirmed
    hint: `--confirm-org localhost. --confirm-rows 1` confirms it; `--yes` does not
    ");
    run("localhost.", &[&load[..], &["--yes"]].concat()).expect(6);
    let confirmed = ["--confirm-org", "localhost."];
    let ran = run("localhost.", &[&load[..], &confirmed].concat()).expect(6);
    assert!(ran.stderr.contains("needs the number of its rows to be confirmed"), "{}", ran.stderr);
    assert!(!served.folder.path().join("longshore-runs").exists());
    let ran = run("localhost.", &[&load[..], &confirmed, &["--confirm-rows", "1"]].concat());
    assert_eq!(ran.code, 3, "the row is of nobody: {}\n{}", ran.stdout, ran.stderr);
    // On this machine nothing is asked.
    let ran = run("localhost", &[&load[..], &["--run-name", "here", "--yes"]].concat());
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
}
