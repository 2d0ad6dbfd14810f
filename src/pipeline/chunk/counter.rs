//! Numbers that go up by one, in decimal.

/// A number and the cell that it is written as, with a comma behind it.
///
/// Rows follow one another, so most numbers are the last one and one more: then a digit changes,
/// and nothing is divided.
pub(super) struct Counter {
    number: u64,
    text: [u8; WIDTH],
    /// Where its first digit is.
    first: usize,
}

/// The digits of the largest number, and a comma.
const WIDTH: usize = 21;

impl Default for Counter {
    fn default() -> Self {
        let mut text = [b'0'; WIDTH];
        text[WIDTH - 1] = b',';
        Self { number: 0, text, first: WIDTH - 2 }
    }
}

impl Counter {
    /// The cell of a number.
    #[inline]
    pub(super) fn at(&mut self, number: u64) -> &[u8] {
        if self.number.checked_add(1) == Some(number) && self.text[WIDTH - 2] < b'9' {
            self.text[WIDTH - 2] += 1;
        } else if number != self.number {
            self.write(number);
        }
        self.number = number;
        &self.text[self.first..]
    }

    fn write(&mut self, number: u64) {
        let (mut at, mut rest) = (WIDTH - 1, number);
        loop {
            at -= 1;
            self.text[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.first = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_called() {
        let mut counter = Counter::default();
        let leaps = [0, 1, 5, 1_234_567_889, 19, 20, 7, u64::MAX - 1, u64::MAX, 0, 3];
        for number in leaps.into_iter().chain(0..1_203).chain(98..102).chain([102, 102, 0, 9, 10]) {
            assert_eq!(counter.at(number), format!("{number},").as_bytes());
        }
    }
}
