//! STAND-IN for `serve.rs` and `tls.rs` of the practice engineers: delete this file at the merge.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;

use super::org::Org;

pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;
pub type Body = UnsyncBoxBody<Bytes, BoxedError>;

/// Marks an answer that the far side never finished.
#[derive(Debug, Clone, Copy)]
pub struct Dropped;

#[derive(Clone)]
pub struct Practice {
    org: Org,
}

pub struct Tls(PathBuf);

impl Tls {
    pub fn make(dir: &Path) -> io::Result<Self> {
        Ok(Self(dir.join("practice-ca.pem")))
    }
    pub fn certificate_path(&self) -> &Path {
        &self.0
    }
}

impl Practice {
    pub fn new(org: Org) -> io::Result<Self> {
        Ok(Self { org })
    }

    pub fn org(&self) -> &Org {
        &self.org
    }

    /// Gives back what it is sent; `/lost` loses the answer.
    pub async fn call(&self, request: http::Request<Body>) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let mut answer = http::Response::new(match body.collect().await {
            Ok(body) => Full::new(body.to_bytes()).map_err(|never| match never {}).boxed_unsync(),
            Err(_) => Full::default().map_err(|never| match never {}).boxed_unsync(),
        });
        *answer.headers_mut() = parts.headers;
        *answer.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
        if parts.uri.path() == "/lost" {
            answer.extensions_mut().insert(Dropped);
        }
        answer
    }
}

pub async fn serve(
    _practice: Practice,
    listener: TcpListener,
    _tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    stop.await;
    Ok(())
}
