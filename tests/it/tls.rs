//! A practice org with `--tls`, served by the binary itself: what is trusted works, and what is not
//! trusted gets not one byte of what we have to say.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use longshore::practice::{CLIENT_ID, CLIENT_SECRET};

use crate::world::{Ran, fixture, read_csv};

/// `practice serve --tls` as a process of its own, in a folder of its own.
struct Served {
    folder: tempfile::TempDir,
    child: Child,
    port: u16,
    /// The file that it tells people to trust.
    certificate: PathBuf,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = longshore(folder.path())
            .args(["practice", "serve", "--tls", "--port", "0", "--fresh"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut url, mut certificate) = (None, None);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let line = line.trim();
            if let Some(text) = line.strip_prefix("export LONGSHORE_INSTANCE_URL=") {
                url = Some(text.to_owned());
            }
            if let Some(text) = line.strip_prefix("export LONGSHORE_CA_FILE=") {
                certificate = Some(folder.path().join(text));
                break;
            }
        }
        let url = url.unwrap();
        let port = url.strip_prefix("https://localhost:").unwrap().parse().unwrap();
        Self { folder, child, port, certificate: certificate.unwrap() }
    }

    /// A command against this org by way of `relay`, with what it trusts besides the system.
    fn run(&self, relay: &Relay, trusted: Option<&Path>, args: &[&str]) -> Ran {
        let mut command = longshore(self.folder.path());
        command
            .args(args)
            .env("LONGSHORE_INSTANCE_URL", format!("https://localhost:{}", relay.port))
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
        if let Some(file) = trusted {
            command.env("LONGSHORE_CA_FILE", file);
        }
        Ran::of(&command.output().unwrap())
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

/// Stands on the wire before the org and keeps what clients send, one text a connection.
struct Relay {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let org = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let number = {
                    let mut heard = ears.lock().unwrap();
                    heard.push(Vec::new());
                    heard.len() - 1
                };
                let (back, to) = (org.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || carry(back, to, |_| ()));
                let ears = Arc::clone(&ears);
                thread::spawn(move || {
                    carry(client, org, |bytes| ears.lock().unwrap()[number].extend(bytes));
                });
            }
        });
        Self { port: own, heard }
    }

    /// How many connections there were; each spoke TLS, and nothing of ours was in clear.
    fn check_sealed(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        for bytes in heard.iter() {
            let text = String::from_utf8_lossy(bytes);
            // A record of type handshake.
            assert_eq!(bytes.first(), Some(&0x16), "{text}");
            for clear in ["HTTP/1.1", "oauth2", CLIENT_ID, CLIENT_SECRET, "Bearer", "AssigneeId"] {
                assert!(!text.contains(clear), "`{clear}` went in clear: {text}");
            }
        }
        heard.len()
    }
}

/// Carries bytes one way until that way ends.
fn carry(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut piece = vec![0; 16 << 10];
    let mut step = || -> io::Result<usize> {
        let bytes = from.read(&mut piece)?;
        keep(&piece[..bytes]);
        to.write_all(&piece[..bytes])?;
        Ok(bytes)
    };
    while matches!(step(), Ok(1..)) {}
    // The other side may be gone already.
    let _closed = to.shutdown(Shutdown::Write).is_ok();
}

#[test]
fn rows_go_in_and_come_out_over_https_with_the_certificate_that_it_names() {
    let served = Served::start();
    let relay = Relay::to(served.port);
    let trusted = Some(served.certificate.as_path());
    let whole = std::fs::read_to_string(fixture("quickstart/assignments.csv")).unwrap();
    let rows: Vec<&str> = whole.lines().take(101).collect();
    let list = served.folder.path().join("list.csv");
    std::fs::File::create(&list).unwrap().write_all(rows.join("\n").as_bytes()).unwrap();

    let soql = "SELECT Id, AssigneeId, PermissionSetId FROM PermissionSetAssignment";
    let exported = |file: &str| {
        served.run(&relay, trusted, &["export", soql, "--output", file]).expect(0);
        read_csv(&served.folder.path().join(file))
    };
    let before = exported("before.csv").len();
    let args = ["insert", "PermissionSetAssignment", "list.csv", "--json"];
    let ran = served.run(&relay, trusted, &args).expect(0);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["rows"]["success"], 100, "{summary:#}");
    let after = exported("after.csv");
    assert_eq!(after.len(), before + 100);

    // What success.csv says was made is there, with the values of the list.
    let success = summary["files"]["success"].as_str().unwrap();
    for row in read_csv(&served.folder.path().join(success)) {
        let made = after.iter().find(|made| made["Id"] == row["sf__Id"]);
        let made = made.unwrap_or_else(|| panic!("{row:?} is not in the org"));
        for field in ["AssigneeId", "PermissionSetId"] {
            assert_eq!(made[field], row[field], "{row:?}");
        }
    }
    assert!(relay.check_sealed() >= 3);
}

#[test]
fn a_certificate_that_is_not_trusted_is_named_with_a_way_out_and_gets_nothing() {
    let served = Served::start();
    let relay = Relay::to(served.port);
    // None at all, and one of another org.
    let other = tempfile::tempdir().unwrap();
    longshore::practice::Tls::make(other.path()).unwrap();
    let of_another = other.path().join("practice-ca.pem");
    for (connections, trusted) in [(1, None), (2, Some(of_another.as_path()))] {
        let ran = served.run(&relay, trusted, &["objects"]).expect(4);
        assert_eq!(ran.stdout, "");
        let message = "error: cannot sign in (client credentials) at `localhost`: \
                       its certificate is not trusted (";
        assert!(ran.stderr.starts_with(message), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: nothing was sent; "), "{}", ran.stderr);
        assert!(ran.stderr.contains("`LONGSHORE_CA_FILE`"), "{}", ran.stderr);
        // Asking again would change nothing, so it is not asked again.
        assert_eq!(relay.check_sealed(), connections);
    }
}
