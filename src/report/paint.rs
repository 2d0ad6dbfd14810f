//! Colors, where they are wanted; they never carry a meaning that the words do not.

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    pub on: bool,
}

impl Paint {
    /// Text without colors.
    pub const PLAIN: Self = Self { on: false };

    pub fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    pub fn green(self, text: &str) -> String {
        self.with("1;32", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.with("1;33", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.with("1;36", text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_is_put_on_only_when_wanted() {
        assert_eq!(Paint::PLAIN.red("error:"), "error:");
        assert_eq!(Paint { on: true }.red("error:"), "\x1b[1;31merror:\x1b[0m");
    }
}
