//! The places of rows, in decimal.

use crate::model::rows::RowMark;

/// A row number and line, and the two cells that they are written as, each with a comma behind it.
///
/// Rows follow one another, so most numbers are the last ones and a few more: then some digits
/// change, and nothing is divided or moved.
pub struct Counter {
    mark: RowMark,
    /// A comma, the two cells, and room.
    text: [u8; WIDTH],
    /// Where the last digits of row number and line are.
    last: [usize; 2],
}

/// Three commas, and the digits of two of the largest numbers.
const WIDTH: usize = 43;

impl Default for Counter {
    fn default() -> Self {
        let mark = RowMark { row: 0, line: 0 };
        let mut counter = Self { mark, text: [b','; WIDTH], last: [0; 2] };
        counter.write(mark);
        counter
    }
}

impl Counter {
    /// The cells of a place.
    #[inline]
    pub fn at(&mut self, mark: RowMark) -> &[u8] {
        let more = |now: u64, last: u64| now.checked_sub(last).unwrap_or(u64::MAX);
        let rows = more(mark.row, self.mark.row);
        let lines = more(mark.line, self.mark.line);
        if !(self.add(0, rows) && self.add(1, lines)) {
            self.write(mark);
        }
        self.mark = mark;
        &self.text[1..self.last[1] + 2]
    }

    /// The row number of the last place.
    #[inline]
    pub fn row(&self) -> &[u8] {
        &self.text[1..=self.last[0]]
    }

    /// Adds to one of the numbers; `false` if it needs another digit, or would take as long as to
    /// write it.
    #[inline]
    fn add(&mut self, number: usize, more: u64) -> bool {
        let mut at = self.last[number];
        let Ok(more @ 0..10) = u8::try_from(more) else { return false };
        let digit = self.text[at] + more;
        if digit <= b'9' {
            self.text[at] = digit;
            return true;
        }
        self.text[at] = digit - 10;
        loop {
            at -= 1;
            match self.text[at] {
                b'9' => self.text[at] = b'0',
                b',' => return false,
                digit => {
                    self.text[at] = digit + 1;
                    return true;
                }
            }
        }
    }

    fn write(&mut self, mark: RowMark) {
        let mut at = 0;
        for (number, last) in [mark.row, mark.line].into_iter().zip(&mut self.last) {
            let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
            let mut rest = number;
            for digit in self.text[at + 1..=at + digits].iter_mut().rev() {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
            *last = at + digits;
            at += digits + 1;
            self.text[at] = b',';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_called() {
        let mut counter = Counter::default();
        let leaps = [0, 1, 5, 1_234_567_889, 19, 20, 7, u64::MAX - 1, u64::MAX, 0, 3];
        let leaps = leaps.map(|row| (row, row.wrapping_mul(7))).into_iter();
        let steps =
            (0..1_203).map(|row| (row, row + 1)).chain((95..1_203).map(|row| (row, 2 * row)));
        let few = [(8, 998), (9, 1_000), (10, 1_009), (10, 1_018), (10, 9), (9, 10), (u64::MAX, 9)];
        for (row, line) in leaps.chain(steps).chain(few).chain((0..99).map(|row| (row, 9 * row))) {
            let mark = RowMark { row, line };
            assert_eq!(counter.at(mark), format!("{row},{line},").as_bytes());
            assert_eq!(counter.row(), row.to_string().as_bytes());
        }
    }
}
