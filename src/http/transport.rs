//! The wire, as a trait: reqwest is one, the practice org called in the same process another.

use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

/// A body that can be sent again. There is deliberately no stream here.
#[derive(Debug, Clone)]
pub enum Body {
    Empty,
    Bytes(Bytes),
    /// A file, opened anew for each attempt and sent with `content-length: bytes`.
    File {
        path: PathBuf,
        bytes: u64,
    },
}

/// A failure below HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Certain: nothing of the request reached the far side (DNS, connect, TLS).
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// Certain as well: the far side's certificate was refused before anything was sent. It will be
    /// refused again, until a person does something.
    #[error("its certificate is not trusted ({0})")]
    Untrusted(String),
    /// Anything later: the far side may have acted.
    #[error("the answer was lost: {0}")]
    Lost(String),
    /// Our own side: the body file cannot be read.
    #[error("cannot read the body: {0}")]
    Local(String),
}

/// The body of an answer, streamed.
pub type AnswerBody = UnsyncBoxBody<Bytes, Broken>;

/// An answer whose body has not been read yet; content encodings are already undone.
pub type Answer = http::Response<AnswerBody>;

/// A future that can be held in a trait object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The far side of the wire. It sends one request once: no repeats, no redirects.
pub trait Transport: Send + Sync {
    fn send(&self, request: http::Request<Body>) -> Pending<'_, Result<Answer, Broken>>;
}
