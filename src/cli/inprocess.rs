//! The practice org called in the same process, as a transport: no socket, no port, no waiting.

use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio_util::io::ReaderStream;

use crate::http::transport::{Answer, Body, Broken, Pending, Transport};
use crate::practice::{self, BoxedError, Dropped, Practice};

/// Bytes that are read from a body file at a time.
const PIECE: usize = 256 << 10;

/// Hands requests to a practice org and its answers back.
pub struct InProcess {
    practice: Practice,
}

impl InProcess {
    pub fn new(practice: Practice) -> Self {
        Self { practice }
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Answer, Broken> {
        let (mut parts, body) = request.into_parts();
        // A transport undoes content encodings, and the cheapest to undo is none.
        parts.headers.remove(http::header::ACCEPT_ENCODING);
        if let Some(host) = parts.uri.authority().and_then(|host| host.as_str().parse().ok()) {
            parts.headers.entry(http::header::HOST).or_insert(host);
        }
        let (body, bytes) = open(body).await?;
        parts.headers.insert(http::header::CONTENT_LENGTH, bytes.into());
        let answer = self.practice.call(http::Request::from_parts(parts, body)).await;
        if answer.extensions().get::<Dropped>().is_some() {
            return Err(Broken::Lost("the connection was closed before an answer".to_owned()));
        }
        Ok(answer.map(|body| body.map_err(|error| Broken::Lost(error.to_string())).boxed_unsync()))
    }
}

impl Transport for InProcess {
    fn send(&self, request: http::Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        Box::pin(self.exchange(request))
    }
}

/// The body as a stream, and its length.
async fn open(body: Body) -> Result<(practice::Body, u64), Broken> {
    match body {
        Body::Empty => Ok((Empty::new().map_err(never).boxed_unsync(), 0)),
        Body::Bytes(bytes) => {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            Ok((Full::new(bytes).map_err(never).boxed_unsync(), length))
        }
        Body::File { path, bytes } => {
            let file = tokio::fs::File::open(&path).await;
            let file = file.map_err(|e| Broken::Local(format!("`{}`: {e}", path.display())))?;
            let pieces =
                futures_util::StreamExt::map(ReaderStream::with_capacity(file, PIECE), |piece| {
                    piece.map(Frame::data).map_err(BoxedError::from)
                });
            Ok((BodyExt::boxed_unsync(StreamBody::new(pieces)), bytes))
        }
    }
}

fn never(never: std::convert::Infallible) -> BoxedError {
    match never {}
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::practice::org::{Org, SeedSize};

    fn transport() -> InProcess {
        let size = SeedSize { users: 1, permission_sets: 1 };
        InProcess::new(Practice::new(Org::new(&size)).unwrap())
    }

    fn put(body: Body) -> http::Request<Body> {
        http::Request::put("http://localhost/nothing/here").body(body).unwrap()
    }

    #[tokio::test]
    async fn every_kind_of_body_arrives_whole_and_with_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("body.csv");
        let long = vec![b'x'; 3 * PIECE + 7];
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), &long).unwrap();
        let bytes = u64::try_from(long.len()).unwrap();
        for (body, wanted) in [
            (Body::Empty, &[][..]),
            (Body::Bytes(Bytes::from_static(b"a,b\n")), b"a,b\n"),
            (Body::File { path, bytes }, &long),
        ] {
            let (stream, length) = open(body).await.unwrap();
            let got = stream.collect().await.unwrap().to_bytes();
            assert_eq!((got.len(), length), (wanted.len(), u64::try_from(wanted.len()).unwrap()));
            assert_eq!(got, wanted);
        }
    }

    #[tokio::test]
    async fn an_answer_comes_back_whatever_it_says() {
        let answer = transport().send(put(Body::Bytes(Bytes::from_static(b"x")))).await.unwrap();
        assert!(!answer.status().is_success(), "{}", answer.status());
    }

    #[tokio::test]
    async fn a_body_file_that_is_gone_is_our_own_fault() {
        let body = Body::File { path: "/no/such/body.csv".into(), bytes: 1 };
        let broken = transport().send(put(body)).await.err().unwrap();
        assert!(matches!(&broken, Broken::Local(text) if text.contains("/no/such/body.csv")));
    }
}
