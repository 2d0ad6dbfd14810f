//! Reading the body of an answer: bounded, not too slow, and to its declared end.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::transport::{AnswerBody, Broken};
use crate::faults::{self, Op};
use crate::model::limits;

/// Bytes at the start of a body that are kept to tell CSV from an HTML page.
const HEAD_BYTES: usize = 512;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Stopped {
    Wire(Broken),
    /// There is more than this many bytes.
    TooLong(usize),
    /// The file could not be written.
    Disk(String),
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Wire(broken)
    }
}

/// Reads a body of at most `max` bytes.
pub(super) async fn read(mut body: Reader, max: usize) -> Result<Bytes, Stopped> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await? {
        if whole.len() + piece.len() > max {
            return Err(Stopped::TooLong(max));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Reads the first `max` bytes of a body that is only shown to people; a break ends it early.
pub(super) async fn read_start(mut body: Reader, max: usize) -> Bytes {
    let mut start = BytesMut::new();
    while let Ok(Some(piece)) = body.next().await {
        let room = max - start.len();
        start.extend_from_slice(&piece[..piece.len().min(room)]);
        if start.len() == max {
            break;
        }
    }
    start.freeze()
}

/// Writes a body to a new file that only we may read; gives its length and its first bytes.
pub(super) async fn save(mut body: Reader, path: &Path) -> Result<(u64, Bytes), Stopped> {
    let disk = |error: std::io::Error| {
        Stopped::Disk(format!("cannot write `{}`: {error}", path.display()))
    };
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    faults::point(Op::Create, path).map_err(disk)?;
    let mut file = options.open(path).await.map_err(disk)?;
    let mut head = BytesMut::new();
    let mut waiting = BytesMut::with_capacity(limits::BODY_PIECE_BYTES);
    let mut bytes = 0;
    while let Some(piece) = body.next().await? {
        bytes += piece.len() as u64;
        let room = HEAD_BYTES - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
        waiting.extend_from_slice(&piece);
        if waiting.len() >= limits::BODY_PIECE_BYTES {
            faults::point(Op::Write, path).map_err(disk)?;
            file.write_all(&waiting).await.map_err(disk)?;
            waiting.clear();
        }
    }
    faults::point(Op::Write, path).map_err(disk)?;
    file.write_all(&waiting).await.map_err(disk)?;
    file.flush().await.map_err(disk)?;
    faults::done(Op::Write, path).map_err(disk)?;
    Ok((bytes, head.freeze()))
}

/// A body that must keep coming and must not end early.
pub(super) struct Reader {
    body: AnswerBody,
    idle: Duration,
    read: u64,
    /// What `content-length` says, where no encoding was undone.
    declared: Option<u64>,
    window: Instant,
    window_bytes: u64,
}

impl Reader {
    pub(super) fn new(body: AnswerBody, headers: &HeaderMap, idle: Duration) -> Self {
        let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let declared = declared.filter(|_| !headers.contains_key(CONTENT_ENCODING));
        Self { body, idle, read: 0, declared, window: Instant::now(), window_bytes: 0 }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let frame = tokio::time::timeout(self.idle, self.body.frame()).await;
            let Ok(frame) = frame else {
                return Err(Broken::Lost(format!("no byte for {} s", self.idle.as_secs())));
            };
            let Some(frame) = frame else {
                return self.end();
            };
            if let Ok(piece) = frame?.into_data() {
                self.count(piece.len() as u64)?;
                return Ok(Some(piece));
            }
        }
    }

    fn end(&self) -> Result<Option<Bytes>, Broken> {
        match self.declared {
            Some(declared) if declared != self.read => {
                Err(Broken::Lost(format!("it ended after {} of {declared} bytes", self.read)))
            }
            _ => Ok(None),
        }
    }

    /// A far side that drips holds a connection for ever; it counts as gone.
    fn count(&mut self, bytes: u64) -> Result<(), Broken> {
        self.read += bytes;
        self.window_bytes += bytes;
        let passed = self.window.elapsed();
        if passed < self.idle {
            return Ok(());
        }
        let wanted = limits::ANSWER_BYTES_PER_SECOND_MIN * passed.as_secs();
        if self.window_bytes < wanted {
            let (got, seconds) = (self.window_bytes, passed.as_secs());
            return Err(Broken::Lost(format!("only {got} bytes in {seconds} s")));
        }
        self.window = Instant::now();
        self.window_bytes = 0;
        Ok(())
    }
}
