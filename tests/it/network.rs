//! Where a token may go: through the company's proxy, under the company's authority, and never to
//! an address that somebody else has named.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use longshore::practice::{CLIENT_ID, CLIENT_SECRET, Org, Practice, SeedSize};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::door::Door;
use crate::secrets::{found_below, found_in, needles, said, taken};
use crate::world::{Ran, World};

const HOST: &str = "acme.my.salesforce.com";
const PROXY_USER: &str = "clerk";
const PROXY_PASSWORD: &str = "pr0xy-canary-7f21";
const QUERY: [&str; 2] = ["export", "SELECT Name FROM Organization"];

fn org() -> Org {
    Org::new(&SeedSize { users: 5, permission_sets: 4 })
}

/// An org behind a name that is not of this machine, and a proxy that leads to it.
struct Office {
    folder: tempfile::TempDir,
    practice: Practice,
    /// The port of the proxy, and that of the org itself.
    proxy: u16,
    port: u16,
    /// What came in clear: the heads that the proxy was sent.
    heard: Arc<Mutex<Vec<String>>>,
    authority: Authority,
    _serving: tokio::runtime::Runtime,
}

/// An authority in PEM and DER.
struct Authority {
    pem: String,
    der: Vec<u8>,
}

impl Office {
    /// `names` are those of the certificate.
    fn new(names: &[&str], expired: bool) -> Self {
        let (authority, acceptor) = certify(names, expired);
        let serving = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let bind = |address| serving.block_on(TcpListener::bind((address, 0))).unwrap();
        let (proxy, direct) = (bind(Ipv4Addr::LOCALHOST), bind(Ipv4Addr::UNSPECIFIED));
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (proxy_port, direct_port) = (port(&proxy), port(&direct));
        let practice = Practice::new(org()).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (desk, ears, tls) = (practice.clone(), Arc::clone(&heard), acceptor.clone());
        serving.spawn(async move {
            while let Ok((stream, _)) = proxy.accept().await {
                let (desk, ears, tls) = (desk.clone(), Arc::clone(&ears), tls.clone());
                tokio::spawn(async move { lead(desk, &ears, tls, stream).await });
            }
        });
        let desk = practice.clone();
        serving.spawn(async move {
            while let Ok((stream, _)) = direct.accept().await {
                tokio::spawn(converse(desk.clone(), acceptor.clone(), stream));
            }
        });
        Self {
            folder: tempfile::tempdir().unwrap(),
            practice,
            proxy: proxy_port,
            port: direct_port,
            heard,
            authority,
            _serving: serving,
        }
    }

    fn ca_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes())
            .unwrap();
        path
    }

    /// A query whose environment names the proxy.
    fn run(&self, instance: &str, change: impl FnOnce(&mut Command)) -> Ran {
        let proxy = format!("http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{}", self.proxy);
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .args(QUERY)
            .args(["-vv", "--output", "out.csv"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("TMPDIR", self.folder.path())
            .env("LONGSHORE_INSTANCE_URL", instance)
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET)
            .env("HTTPS_PROXY", proxy);
        change(&mut command);
        let output = command.output().unwrap();
        said(&output.stdout, &output.stderr);
        Ran::of(&output)
    }

    /// Heads that came since the last time; no secret of the org was among them, nor was one said.
    fn heads(&self) -> Vec<String> {
        let heads = std::mem::take(&mut *self.heard.lock().unwrap());
        let issued = self.practice.issued();
        let needles = needles(issued.iter().map(String::as_str).chain([CLIENT_SECRET]));
        let text = heads.join("\n");
        assert_eq!(found_in("the way to the proxy", text.as_bytes(), &needles), [""; 0]);
        let all = crate::secrets::needles(
            issued.iter().map(String::as_str).chain([CLIENT_SECRET, PROXY_PASSWORD]),
        );
        let mut found = found_in("what was said", &taken(), &all);
        found.extend(found_below(self.folder.path(), &all));
        assert_eq!(found, [""; 0]);
        heads
    }
}

/// A certificate under an authority of its own.
fn certify(names: &[&str], expired: bool) -> (Authority, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Acme Office CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    if expired {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let authority = Authority { pem: authority.pem(), der: authority.der().to_vec() };
    (authority, TlsAcceptor::from(Arc::new(config)))
}

/// The proxy: answers a CONNECT, whatever it names, and leads it to the org.
async fn lead(
    practice: Practice,
    ears: &Mutex<Vec<String>>,
    tls: TlsAcceptor,
    mut stream: TcpStream,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    ears.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    converse(practice, tls, stream).await;
}

/// The org over TLS, under whatever name.
async fn converse(practice: Practice, tls: TlsAcceptor, stream: TcpStream) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        let practice = practice.clone();
        async move {
            let host = request.headers()["host"].to_str().unwrap();
            let path = request.uri().path_and_query().unwrap();
            *request.uri_mut() = format!("https://{host}{path}").parse().unwrap();
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            Ok::<_, std::io::Error>(practice.call(request).await)
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // How the client goes is its own business.
    let _ended = connection.await.is_ok();
}

#[test]
fn the_companys_proxy_is_gone_through_under_the_companys_authority() {
    let office = Office::new(&[HOST], false);
    let instance = format!("https://{HOST}");
    let trusted = [&office.authority.der[..], &[0x30, 0x04, 0x0c, 0x02, b'o', b'k']].concat();
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    for (name, text) in [
        ("plain.pem", office.authority.pem.clone()),
        ("trusted.pem", pem("TRUSTED CERTIFICATE", &trusted)),
        ("crlf.pem", office.authority.pem.replace('\n', "\r\n")),
    ] {
        let file = office.ca_file(name, &text);
        let ran = office.run(&instance, |command| {
            command.env("LONGSHORE_CA_FILE", &file);
        });
        let ran = ran.expect(0);
        assert!(ran.stderr.contains("status=200"), "{}", ran.stderr);
        let heads = office.heads();
        assert!(!heads.is_empty(), "{name}");
        for head in heads {
            let line = format!("CONNECT {HOST}:443 HTTP/1.1\r\n");
            assert!(head.starts_with(&line), "{head}");
            let right = STANDARD.encode(format!("{PROXY_USER}:{PROXY_PASSWORD}"));
            let right = format!("proxy-authorization: basic {right}").to_ascii_lowercase();
            assert!(head.to_ascii_lowercase().contains(&right), "{head}");
        }
    }
    // Without it there is no way in, and the message says which variable to set.
    let ran = office.run(&instance, |_| ()).expect(4);
    assert!(ran.stderr.contains("`LONGSHORE_CA_FILE`"), "{}", ran.stderr);
    office.heads();
}

#[test]
fn a_wrong_name_and_an_old_certificate_are_refused_whatever_is_trusted() {
    for (names, expired, said) in
        [(["other.my.salesforce.com"], false, "not valid for name"), ([HOST], true, "expired")]
    {
        let office = Office::new(&names, expired);
        let file = office.ca_file("ca.pem", &office.authority.pem);
        let ran = office.run(&format!("https://{HOST}"), |command| {
            command.env("LONGSHORE_CA_FILE", &file);
            // What other programs take for "do not check".
            for name in ["NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY", "GIT_SSL_NO_VERIFY"] {
                command.env(name, if name.starts_with("GIT") { "1" } else { "0" });
            }
        });
        let ran = ran.expect(4);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: nothing was sent; "), "{}", ran.stderr);
        office.heads();
        assert!(office.practice.issued().is_empty());
    }
}

/// 0.0.0.0 is this machine, but not by a name that never goes through a proxy.
#[cfg(target_os = "linux")]
#[test]
fn no_proxy_says_who_is_reached_directly() {
    let office = Office::new(&["0.0.0.0"], false);
    let file = office.ca_file("ca.pem", &office.authority.pem);
    let instance = format!("https://0.0.0.0:{}", office.port);
    for (no_proxy, through) in [("", true), ("other.example", true), ("0.0.0.0", false)] {
        let ran = office.run(&instance, |command| {
            command.env("LONGSHORE_CA_FILE", &file).env("NO_PROXY", no_proxy);
        });
        ran.expect(0);
        assert_eq!(!office.heads().is_empty(), through, "`{no_proxy}`");
    }
}

/// Somebody else: keeps what it is told, and answers nothing.
struct Stranger {
    listener: StdListener,
}

impl Stranger {
    fn new() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.listener.local_addr().unwrap().port())
    }

    /// Nobody has come.
    fn check_alone(&self) {
        let came = self.listener.accept();
        assert_eq!(came.err().map(|error| error.kind()), Some(std::io::ErrorKind::WouldBlock));
    }
}

#[test]
fn nobody_follows_where_an_org_sends_us() {
    for (end, code) in [
        ("/services/oauth2/token", 4),
        ("/services/data", 1),
        ("/query", 1),
        ("/jobs/ingest", 1),
        ("/successfulResults", 1),
    ] {
        for status in [301, 302, 307, 308] {
            let stranger = Stranger::new();
            let to = format!("{}/services/data", stranger.url());
            let door = Door::telling(move |asked, told| {
                let there = asked.is("GET", end) || asked.is("POST", end);
                if there {
                    told.say(status, "");
                    told.header("location", &to);
                }
                there
            });
            let door = Arc::new(door);
            let world = World::behind(org(), &door);
            world.file("rows.csv", "Name\nAnna\n");
            let ran = if end == "/query" {
                world.run(&QUERY)
            } else {
                world.run(&["insert", "Account", "rows.csv"])
            };
            assert!(door.struck() > 0, "{end} was not asked");
            let told = format!("{}{}", ran.stdout, ran.stderr);
            let ran = ran.expect(code);
            assert!(told.contains("sends us elsewhere (status 3"), "{end} {status}: {told}");
            drop(ran);
            stranger.check_alone();
            if status == 301 && end == "/services/oauth2/token" {
                assert!(told.contains("hint: no secret was sent there"), "{told}");
            }
        }
    }
}

#[test]
fn addresses_that_an_org_names_are_followed_at_home_only() {
    // What is changed in which answer; the exit code, and what is told.
    let cases: [(&str, &str, &str, i32, &str); 4] = [
        ("POST", "/services/oauth2/token", "instance_url", 4, "the sign-in points us to"),
        ("GET", "/query", "nextRecordsUrl", 1, "and we do not go there"),
        ("POST", "/jobs/ingest", "contentUrl", 0, ""),
        ("POST", "/services/oauth2/token", "id", 0, ""),
    ];
    for (method, end, member, code, told) in cases {
        let stranger = Stranger::new();
        let to = format!("{}/services/data/v62.0/query/01g", stranger.url());
        let door = Arc::new(Door::telling(move |asked, told| {
            let there = asked.is(method, end) && told.status == 200;
            if there {
                told.json(|json| {
                    json[member] = to.as_str().into();
                    if member == "nextRecordsUrl" {
                        json["done"] = false.into();
                    }
                });
            }
            there
        }));
        let world = World::behind(org(), &door);
        world.file("rows.csv", "Name\nAnna\n");
        let ran = if end == "/query" {
            world.run(&QUERY)
        } else {
            world.run(&["insert", "Account", "rows.csv"])
        };
        assert!(door.struck() > 0, "{end} was not asked");
        let ran = ran.expect(code);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(told), "{}", ran.stderr);
        stranger.check_alone();
    }
}

#[test]
fn nothing_in_the_program_turns_verification_off() {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["danger_accept", "tls_danger", "dangerous()", "ServerCertVerifier"] {
                assert!(!text.contains(word), "{}: `{word}`", path.display());
            }
        }
    }
}
