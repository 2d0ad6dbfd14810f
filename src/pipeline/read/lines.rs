//! The way through rows for those who want a few of their fields and keep none: no slab is made.
//!
//! It knows lines without quotes that end with LF, as tables of ids have them; all else it leaves
//! where it stands, and the next slab has it.

use super::error::ReadError;
use super::slabs::SlabReader;
use crate::model::limits::{FIELD_CHARS_MAX, ROW_CHARS_MAX};
use crate::model::sixteen::first_sixty_four;

/// Bytes that are looked at at once.
const BLOCK: usize = 64;

/// Bytes of a row that has surely not too many characters.
const ROW_BYTES: usize =
    if FIELD_CHARS_MAX < ROW_CHARS_MAX { FIELD_CHARS_MAX } else { ROW_CHARS_MAX };

/// The fields of a row, as they stand in its line.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    line: &'a [u8],
    /// Where each ends in the line.
    ends: &'a [u32],
}

impl<'a> Fields<'a> {
    /// The field of a column, counted from 0.
    #[inline]
    pub fn get(&self, column: usize) -> &'a [u8] {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        &self.line[start..self.ends[column] as usize]
    }
}

impl SlabReader {
    /// Passes over good rows at the front of those that are left; `take` gets the number of each
    /// and its fields. Returns how many there were: some thousands, or none where the next row is
    /// for [`Self::next_slab`].
    pub fn pass_rows<E: From<ReadError>>(
        &mut self,
        mut take: impl FnMut(u64, Fields<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (delimiter, width, first) = (self.delimiter(), self.header().len(), self.rows() + 1);
        let text = self.lines()?;
        let mut ends = Vec::with_capacity(width + 1);
        let (mut rows, mut start) = (0, 0);
        'blocks: for block in (0..text.len()).step_by(BLOCK) {
            let mut bits = bits_at(text, block, delimiter);
            while bits != 0 {
                let at = block + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                ends.push(offset(at - start));
                if text[at] == b'\n' {
                    let line = &text[start..at];
                    if ends.len() != width || line.is_empty() || line.len() > ROW_BYTES {
                        break 'blocks;
                    }
                    take(first + rows, Fields { line, ends: &ends })?;
                    ends.clear();
                    rows += 1;
                    start = at + 1;
                } else if ends.len() > width {
                    break 'blocks;
                }
            }
        }
        self.pass_lines(rows, start);
        Ok(rows)
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a window has some megabytes at most")]
fn offset(bytes: usize) -> u32 {
    bytes as u32
}

/// Which bytes of the block at `from` are the delimiter or LF, as bits; fewer than a block count as
/// far as they go.
#[inline]
fn bits_at(text: &[u8], from: usize, delimiter: u8) -> u64 {
    first_sixty_four(&text[from..], |part| part.are(delimiter).or(part.are(b'\n')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::from_bytes;
    use super::*;
    use crate::config::plan::{Input, Source};

    type Rows = Vec<(u64, Vec<String>)>;

    fn text(field: &[u8]) -> String {
        String::from_utf8_lossy(field).into_owned()
    }

    /// The good rows of an input, and how many of them were passed over without a slab.
    fn rows(bytes: &[u8], quick: bool) -> (Rows, u64, u64) {
        let source = Source::Stdin;
        let input = Input { source, delimiter: None, line_ending: None, encoding: None };
        let mut reader = from_bytes("x.csv", bytes.to_vec(), &input).unwrap();
        let (mut rows, mut passed) = (Vec::new(), 0);
        let width = reader.header().len();
        loop {
            if quick {
                let more = reader.pass_rows(|row, fields| {
                    rows.push((row, (0..width).map(|column| text(fields.get(column))).collect()));
                    Ok::<(), ReadError>(())
                });
                let more = more.unwrap();
                passed += more;
                if more > 0 {
                    continue;
                }
            }
            let Some(slab) = reader.next_slab().unwrap() else { break };
            for (index, mark) in slab.marks.iter().enumerate() {
                rows.push((mark.row, slab.table.row(index).map(text).collect()));
            }
        }
        (rows, passed, reader.rows())
    }

    proptest! {
        /// Whatever stands between them, the good rows are those that slabs have, by number.
        #[test]
        fn the_quick_way_has_the_rows_of_the_other(
            parts in prop::collection::vec(
                prop_oneof![
                    12 => Just("1,x\n"), 6 => Just("some longer text of a field,é\n"),
                    2 => Just("\n"), 1 => Just("\r\n"), 1 => Just("a,b\r\n"), 2 => Just("a\n"),
                    2 => Just("\"q\",\"r, s\n\"\n"), 1 => Just("a,b,c\n"), 1 => Just(",\n"),
                    1 => Just("\"open,x\n"), 1 => Just("a\"b,c\n"), 1 => Just("\0,x\n"),
                ],
                0..80,
            ),
            last in prop::sample::select(vec!["", "1,2", "1,", "1"]),
        ) {
            let text = format!("Id,Name\n{}{last}", parts.concat());
            let (quick, _, all) = rows(text.as_bytes(), true);
            let (slow, _, all_slow) = rows(text.as_bytes(), false);
            prop_assert_eq!(quick, slow);
            prop_assert_eq!(all, all_slow);
        }
    }

    #[test]
    fn plain_lines_are_all_passed_over() {
        let text = format!("Id,Name\n{}", "0015500001QdQWaAAN,0PS5500001QdQWaGAV\n".repeat(30_000));
        let (found, passed, _) = rows(text.as_bytes(), true);
        assert_eq!((found.len(), passed), (30_000, 30_000));
        assert_eq!(found[29_999].0, 30_000);
    }
}
