//! The practice org on a real socket, with and without TLS.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::mischief::{Fault, Rule};
use super::rig::Rig;
use super::{Org, Practice, SeedSize, Tenant, TenantSize, Tls, serve};

struct Server {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(rig: &Rig, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let practice = rig.practice.clone();
        let task = tokio::spawn(serve(practice, listener, tls, async {
            stopped.await.ok();
        }));
        Self { port, stop: Some(stop), task }
    }

    async fn talk(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // A connection that breaks gives what came before.
        stream.read_to_end(&mut heard).await.ok();
        String::from_utf8_lossy(&heard).into_owned()
    }

    async fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn requests_share_a_connection_and_may_be_chunked() {
    let rig = Rig::new();
    let server = Server::start(&rig, None).await;
    let token = format!("authorization: Bearer {}\r\n", rig.token);
    let text = format!(
        "GET /services/data HTTP/1.1\r\nhost: localhost\r\n\r\n\
         POST /services/data/v62.0/sobjects/Account HTTP/1.1\r\nhost: localhost\r\n{token}\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         8\r\n{{\"Name\":\r\n5\r\n\"A1\"}}\r\n0\r\n\r\n"
    );
    let heard = server.talk(&text).await;
    assert_eq!(heard.matches("HTTP/1.1 20").count(), 2, "{heard}");
    assert!(heard.contains("server: longshore-practice"));
    assert!(heard.contains("\"success\":true"));
    server.end().await;
}

#[tokio::test]
async fn a_delete_with_a_body_and_an_encoded_slash_reaches_the_tenant() {
    let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
    let tenant = Tenant::new(&TenantSize { users: 20, ..TenantSize::default() });
    let practice = Practice::with_tenant(org, tenant.clone()).unwrap();
    let token = practice.issue_tenant_token(&["update:users"]).unwrap();
    let rig = Rig { practice, token };
    let server = Server::start(&rig, None).await;
    let person = tenant.people().into_iter().find(|person| person.id.contains('/')).unwrap();
    let (api, name) = tenant.permissions_of(&person.id)[0].clone();
    let pair = json!({"resource_server_identifier": api, "permission_name": name});
    let body = json!({"permissions": [pair]}).to_string();
    let id = url::form_urlencoded::byte_serialize(person.id.as_bytes()).collect::<String>();
    let text = format!(
        "DELETE /api/v2/users/{id}/permissions HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        rig.token,
        body.len()
    );
    let heard = server.talk(&text).await;
    assert!(heard.starts_with("HTTP/1.1 204"), "{heard}");
    assert!(heard.contains("\r\nx-ratelimit-remaining: 49\r\n"), "{heard}");
    assert!(!tenant.permissions_of(&person.id).contains(&(api, name)));
    server.end().await;
}

#[tokio::test]
async fn only_loopback_names_are_answered() {
    let rig = Rig::new();
    let server = Server::start(&rig, None).await;
    for (host, expected) in [
        ("127.0.0.1:80", "200"),
        ("[::1]:80", "200"),
        ("localhost", "200"),
        ("evil.example", "403"),
        ("localhost.evil.example", "403"),
    ] {
        let text =
            format!("GET /services/data HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let heard = server.talk(&text).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {expected}")), "{host}: {heard}");
    }
    for (origin, expected) in
        [("http://localhost:3000", "200"), ("https://evil.example", "403"), ("null", "403")]
    {
        let text = format!(
            "GET /services/data HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n\
             connection: close\r\n\r\n"
        );
        let heard = server.talk(&text).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {expected}")), "{origin}: {heard}");
    }
    assert_eq!(rig.practice.org().audit().requests().len(), 4);
    server.end().await;
}

#[tokio::test]
async fn other_addresses_are_refused() {
    let rig = Rig::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(rig.practice.clone(), listener, None, std::future::pending()).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.starts_with("the practice org listens on loopback only"), "{text}");
}

#[tokio::test]
async fn a_lost_answer_closes_the_connection() {
    let rig = Rig::new();
    let server = Server::start(&rig, None).await;
    rig.practice.mischief().add(Rule {
        method: "GET".to_owned(),
        path: "*".to_owned(),
        nth: 1,
        times: 1,
        fault: Fault::LoseAnswer { effect: true },
    });
    let text = "GET /services/data HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(server.talk(text).await, "");
    server.end().await;
}

#[tokio::test]
async fn tls_is_trusted_through_the_authority() {
    let rig = Rig::new();
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::make(dir.path()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls.certificate_path()).unwrap()).unwrap();
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = Server::start(&rig, Some(tls)).await;
    for name in ["localhost", "127.0.0.1"] {
        let connector = TlsConnector::from(std::sync::Arc::new(config.clone()));
        let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let form = "grant_type=client_credentials&client_id=practice-client&\
                    client_secret=practice-secret";
        let text = format!(
            "POST /services/oauth2/token HTTP/1.1\r\nhost: localhost:{}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{form}",
            server.port,
            form.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        let origin = format!("\"instance_url\":\"https://localhost:{}\"", server.port);
        assert!(heard.contains(&origin), "{heard}");
    }
    server.end().await;
}
