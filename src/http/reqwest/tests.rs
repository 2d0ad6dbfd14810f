//! The network as it is: a socket on loopback that answers byte for byte as told.

use std::net::SocketAddr;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// Takes one connection, reads until `until` has come, answers, hangs up; gives what it read.
async fn serve(until: &'static str, answer: Vec<u8>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let mut piece = vec![0; 64 << 10];
        while !String::from_utf8_lossy(&read).contains(until) {
            let length = socket.read(&mut piece).await.unwrap();
            if length == 0 {
                break;
            }
            read.extend_from_slice(&piece[..length]);
        }
        socket.write_all(&answer).await.unwrap();
        socket.shutdown().await.unwrap();
        String::from_utf8_lossy(&read).into_owned()
    });
    (address, server)
}

fn wire(answer: Duration) -> Reqwest {
    let second = Duration::from_secs(1);
    let patience = Patience { connect: second.min(answer), idle: second, answer };
    Reqwest::new(patience, None).unwrap()
}

fn request(method: Method, address: SocketAddr, body: Body) -> http::Request<Body> {
    let uri = format!("http://{address}/path?q=1");
    http::Request::builder().method(method).uri(uri).body(body).unwrap()
}

async fn body_of(answer: Answer) -> Result<Bytes, Broken> {
    Ok(answer.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn a_file_goes_out_whole_and_with_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("body.csv");
    let text = format!("{}END", "row,row\n".repeat(100_000));
    std::io::Write::write_all(&mut File::create(&path).unwrap(), text.as_bytes()).unwrap();
    let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n".to_vec();
    let (address, server) = serve("END", answer).await;
    let bytes = text.len() as u64;
    let body = Body::File { path: path.clone(), bytes };
    let wire = wire(Duration::from_secs(5));
    let answer = wire.send(request(Method::PUT, address, body)).await.unwrap();
    assert_eq!(answer.status(), 201);
    let read = server.await.unwrap();
    let (head, sent) = read.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /path?q=1 HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains(&format!("content-length: {bytes}")), "{head}");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(sent.len(), text.len());
}

#[tokio::test]
async fn a_body_file_that_is_not_as_told_is_our_own_fault() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("body.csv");
    File::create(&path).unwrap();
    let wire = wire(Duration::from_secs(1));
    for (path, bytes) in [(path, 5), (dir.path().join("gone"), 0)] {
        let (address, _server) = serve("x", Vec::new()).await;
        let body = Body::File { path, bytes };
        let broken = wire.send(request(Method::PUT, address, body)).await.err().unwrap();
        assert!(matches!(broken, Broken::Local(_)), "{broken}");
    }
}

#[tokio::test]
async fn nobody_there_is_not_sent_and_a_hang_up_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let wire = wire(Duration::from_secs(1));
    let broken = wire.send(request(Method::GET, address, Body::Empty)).await.err().unwrap();
    assert!(matches!(broken, Broken::NotSent(_)), "{broken}");

    let (address, server) = serve("\r\n\r\n", Vec::new()).await;
    let broken = wire.send(request(Method::POST, address, Body::Empty)).await.err().unwrap();
    assert!(matches!(broken, Broken::Lost(_)), "{broken}");
    assert!(!broken.to_string().contains("q=1"), "the query is shown: {broken}");
    // Once: nothing below us repeats.
    assert_eq!(server.await.unwrap().matches("POST").count(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let held = listener.accept().await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(held);
    });
    let wire = wire(Duration::from_millis(150));
    let broken = wire.send(request(Method::GET, address, Body::Empty)).await.err().unwrap();
    assert!(broken.to_string().contains("no answer for"), "{broken}");
    held.abort();
}

#[tokio::test]
async fn redirects_stay_where_they_are_and_cut_bodies_are_lost() {
    let wire = wire(Duration::from_secs(1));
    let answer =
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (address, _server) = serve("\r\n\r\n", answer.to_vec()).await;
    let answer = wire.send(request(Method::GET, address, Body::Empty)).await.unwrap();
    assert_eq!(answer.status(), 302);

    for cut in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let (address, _server) = serve("\r\n\r\n", cut.to_vec()).await;
        let answer = wire.send(request(Method::GET, address, Body::Empty)).await.unwrap();
        let broken = body_of(answer).await.unwrap_err();
        assert!(matches!(broken, Broken::Lost(_)), "{broken}");
    }
}

#[tokio::test]
async fn gzip_is_asked_for_and_undone() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"Id\n1\n").unwrap();
    let packed = packed.finish().unwrap();
    let wire = wire(Duration::from_secs(1));
    for (bytes, whole) in [(&packed[..], true), (&packed[..packed.len() - 10], false)] {
        let length = bytes.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        );
        let (address, server) = serve("\r\n\r\n", [head.as_bytes(), bytes].concat()).await;
        let answer = wire.send(request(Method::GET, address, Body::Empty)).await.unwrap();
        assert!(!answer.headers().contains_key("content-encoding"));
        assert!(!answer.headers().contains_key("content-length"));
        match body_of(answer).await {
            Ok(body) => assert!(whole && body == "Id\n1\n"),
            Err(broken) => assert!(!whole && matches!(broken, Broken::Lost(_)), "{broken}"),
        }
        assert!(server.await.unwrap().to_lowercase().contains("accept-encoding: gzip"));
    }
}

#[tokio::test]
async fn a_bad_ca_file_is_told_and_what_is_no_tls_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    File::create(&empty).unwrap();
    for path in [empty, dir.path().join("gone.pem")] {
        let bad = Reqwest::new(Patience::default(), Some(&path)).err().unwrap();
        assert!(bad.to_string().starts_with("cannot read the CA file"), "{bad}");
    }
    // What is no TLS at all is refused before anything is sent.
    let (address, server) = serve("", b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).await;
    let wire = wire(Duration::from_secs(1));
    let mut request = request(Method::GET, address, Body::Empty);
    *request.uri_mut() = format!("https://{address}/").parse().unwrap();
    let broken = wire.send(request).await.err().unwrap();
    assert!(matches!(broken, Broken::NotSent(_)), "{broken}");
    server.abort();
}
