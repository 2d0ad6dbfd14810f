//! Words of a command line, as a POSIX shell and a Windows command file read them.

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Text(String),
    /// The name of a file in the folder of the command itself.
    Beside(String),
}

impl Word {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A line for `sh`; `$here` is the folder of the script.
pub fn posix_line(words: &[Word]) -> String {
    let spelled = words.iter().map(|word| match word {
        Word::Text(text) => posix(text),
        Word::Beside(name) => format!("\"$here\"/{}", posix(name)),
    });
    spelled.collect::<Vec<_>>().join(" ")
}

/// A line for a Windows command file; nothing where a word cannot be said there.
///
/// A quote within quotes would end them for `cmd.exe` and not for the program, and a line end
/// ends the command.
pub fn batch_line(words: &[Word]) -> Option<String> {
    let spelled = words.iter().map(|word| match word {
        Word::Text(text) => batch(text),
        Word::Beside(name) => Some(format!("\"%~dp0{}\"", name.replace('%', "%%"))),
    });
    spelled.collect::<Option<Vec<_>>>().map(|words| words.join(" "))
}

fn is_plain(text: &str, others: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    !text.is_empty() && text.chars().all(plain)
}

fn posix(text: &str) -> String {
    if is_plain(text, "-_./:@%+,=") {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn batch(text: &str) -> Option<String> {
    if text.contains(|c: char| c == '"' || c.is_control()) {
        return None;
    }
    if is_plain(text, "-_./:@+\\") {
        return Some(text.to_owned());
    }
    let text = text.replace('%', "%%");
    // Backslashes before the closing quote would make it a letter.
    let last = text.len() - text.trim_end_matches('\\').len();
    Some(format!("\"{text}{}\"", "\\".repeat(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        for (text, sh, cmd) in [
            ("a.csv", "a.csv", Some("a.csv")),
            ("", "''", Some("\"\"")),
            ("c:\\data\\a.csv", "'c:\\data\\a.csv'", Some("c:\\data\\a.csv")),
            ("c:\\my data\\", "'c:\\my data\\'", Some("\"c:\\my data\\\\\"")),
            ("it's", "'it'\\''s'", Some("\"it's\"")),
            ("100%", "100%", Some("\"100%%\"")),
            ("a&b|c>d", "'a&b|c>d'", Some("\"a&b|c>d\"")),
            ("$HOME `x`", "'$HOME `x`'", Some("\"$HOME `x`\"")),
            ("say \"hi\"", "'say \"hi\"'", None),
            ("a\nb", "'a\nb'", None),
            ("Zoë", "'Zoë'", Some("\"Zoë\"")),
        ] {
            let words = [Word::text(text)];
            assert_eq!(posix_line(&words), sh, "{text}");
            assert_eq!(batch_line(&words).as_deref(), cmd, "{text}");
        }
    }

    #[test]
    fn a_file_beside_the_command_is_found_from_anywhere() {
        let words = [Word::text("--map"), Word::Beside("my map.toml".to_owned())];
        assert_eq!(posix_line(&words), "--map \"$here\"/'my map.toml'");
        assert_eq!(batch_line(&words).unwrap(), "--map \"%~dp0my map.toml\"");
    }
}
