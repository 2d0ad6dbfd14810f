//! A text that is read from left to right.

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    pub rest: &'a str,
}

impl<'a> Scan<'a> {
    pub fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes a text that comes next, or nothing.
    pub fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Takes all digits that come next, one at least.
    pub fn digits(&mut self) -> Option<&'a str> {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        (end > 0).then_some(digits)
    }

    /// Takes blanks and a number behind them.
    pub fn number(&mut self) -> Option<u64> {
        self.blanks();
        self.digits()?.parse().ok()
    }

    /// Takes the letters that come next, one at least.
    pub fn letters(&mut self) -> Option<&'a str> {
        let end = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (letters, rest) = self.rest.split_at(end);
        self.rest = rest;
        (end > 0).then_some(letters)
    }
}
