//! The pieces of a body file on their way out.
//!
//! Each reading brings several of them: it takes a thread, and handing it over costs more than a
//! piece does. What goes out at once stays small, as it is by pieces that we see that a body moves.

use std::fs::File;
use std::io::{self, Read as _};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use crate::model::limits::{BODY_PIECE_BYTES, BODY_READ_BYTES};

/// The system copies to the beginning of a page several times as fast as to other places.
const PAGE_BYTES: usize = 4 << 10;

/// The first `bytes` of a file, in pieces of [`BODY_PIECE_BYTES`]; fewer where it is shorter.
pub(super) fn of(file: File, bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    // Made here and not by the threads that read, each of which would keep memory of its own.
    let room = || BytesMut::with_capacity(PAGE_BYTES + BODY_READ_BYTES);
    let pieces = Pieces { file, left: bytes, ready: Bytes::new(), rooms: [room(), room()] };
    try_unfold(pieces, |mut pieces| async move {
        if pieces.ready.is_empty() && pieces.left > 0 {
            let reading = tokio::task::spawn_blocking(move || pieces.read());
            pieces = reading.await.map_err(io::Error::other)??;
        }
        let piece = pieces.ready.len().min(BODY_PIECE_BYTES);
        let piece = pieces.ready.split_to(piece);
        Ok((!piece.is_empty()).then_some((piece, pieces)))
    })
}

struct Pieces {
    file: File,
    /// Bytes that were not read yet.
    left: u64,
    /// What was read and has not gone out.
    ready: Bytes,
    /// Where is read to, in turn: pieces of the last reading may still be on their way.
    rooms: [BytesMut; 2],
}

impl Pieces {
    fn read(mut self) -> io::Result<Self> {
        let wanted =
            usize::try_from(self.left).map_or(BODY_READ_BYTES, |left| left.min(BODY_READ_BYTES));
        self.rooms.swap(0, 1);
        let room = &mut self.rooms[0];
        room.resize(PAGE_BYTES + wanted, 0);
        let start = room.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        let mut read = 0;
        while read < wanted {
            match self.file.read(&mut room[start + read..start + wanted]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.left = if read < wanted { 0 } else { self.left - read as u64 };
        room.truncate(start + read);
        self.ready = room.split().freeze();
        self.ready.advance(start);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn pieces_are_the_file_as_far_as_it_was_asked_for() {
        let text: Vec<u8> = (0_u8..=250).cycle().take(3 * BODY_READ_BYTES + 77).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        File::create(&path).unwrap().write_all(&text).unwrap();
        let all = text.len();
        for (asked, got) in [(0, 0), (1, 1), (all, all), (BODY_READ_BYTES, BODY_READ_BYTES)]
            .into_iter()
            .chain([(all - 1, all - 1), (all + 9, all)])
        {
            let pieces = of(File::open(&path).unwrap(), asked as u64);
            let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
            assert!(pieces.iter().all(|piece| (1..=BODY_PIECE_BYTES).contains(&piece.len())));
            assert!(pieces.concat() == text[..got], "{asked}");
        }
        let folder = File::open(folder.path()).unwrap();
        assert!(of(folder, 9).try_collect::<Vec<_>>().await.is_err());
    }
}
