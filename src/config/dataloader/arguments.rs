//! The words behind `process`: positional folder and bean, and any `key=value`.
//!
//! ```text
//! process C:\conf accountInsert dataAccess.name=today.csv
//! ```
//!
//! A word with `=` is a setting, split at the first one; a word that begins with `-` is passed
//! over; the first of the others is the configuration folder and the second the bean. Source: Data
//! Loader reference, section 2.2.

/// The key that names the configuration folder.
pub const FOLDER_KEY: &str = "salesforce.config.dir";

/// The key that names the process bean.
pub const BEAN_KEY: &str = "process.name";

/// Words told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Keys and values in the order given, the positional ones under their keys.
    pub settings: Vec<(String, String)>,
    /// Words that begin with `-`, and those after the second positional one: Data Loader takes no
    /// notice of them.
    pub ignored: Vec<String>,
}

impl Arguments {
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut read = Self::default();
        let mut positional = [FOLDER_KEY, BEAN_KEY].into_iter();
        for word in words {
            if word.starts_with('-') {
                read.ignored.push(word.to_owned());
            } else if let Some((key, value)) = word.split_once('=') {
                read.settings.push((key.trim().to_owned(), value.trim().to_owned()));
            } else if let Some(key) = positional.next() {
                read.settings.push((key.to_owned(), word.to_owned()));
            } else {
                read.ignored.push(word.to_owned());
            }
        }
        read
    }

    /// The value of a key; the last one counts.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        type Case = (
            &'static [&'static str],
            &'static [(&'static str, &'static str)],
            &'static [&'static str],
        );
        let cases: [Case; 6] = [
            (&[], &[], &[]),
            (&["conf", "nightly"], &[(FOLDER_KEY, "conf"), (BEAN_KEY, "nightly")], &[]),
            (&["a=b", "conf", "c=d=e"], &[("a", "b"), (FOLDER_KEY, "conf"), ("c", "d=e")], &[]),
            (&["-x", "conf", "-y=z"], &[(FOLDER_KEY, "conf")], &["-x", "-y=z"]),
            (&["a", "b", "c"], &[(FOLDER_KEY, "a"), (BEAN_KEY, "b")], &["c"]),
            (&["key=", "=value"], &[("key", ""), ("", "value")], &[]),
        ];
        for (words, settings, ignored) in cases {
            let read = Arguments::read(words.iter().copied());
            let got: Vec<_> = read.settings.iter().map(|(k, v)| (&**k, &**v)).collect();
            assert_eq!(got, settings, "{words:?}");
            assert_eq!(read.ignored, ignored, "{words:?}");
        }
        let twice = Arguments::read(["process.name=a", "conf", "b"]);
        assert_eq!(twice.get(BEAN_KEY), Some("b"));
    }
}
