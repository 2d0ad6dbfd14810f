//! Words, literals and signs of a query.

use super::malformed;
use crate::practice::org::SoqlError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a path with dots, or a keyword.
    Word,
    /// A text in single quotes, without them and unescaped.
    Text,
    /// A number, date or datetime.
    Literal,
    Symbol,
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub text: String,
    /// Byte where it starts.
    pub at: usize,
}

impl Token {
    /// Whether it is this keyword, case ignored.
    pub(super) fn word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// Always ends with a token of kind `End`.
pub(super) fn lex(soql: &str) -> Result<Vec<Token>, SoqlError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = soql[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, text, end) = next(soql, at, c)?;
        tokens.push(Token { kind, text, at });
        at = end;
    }
    tokens.push(Token { kind: Kind::End, text: "<EOF>".to_owned(), at: soql.len() });
    Ok(tokens)
}

fn next(soql: &str, at: usize, first: char) -> Result<(Kind, String, usize), SoqlError> {
    let run = |fits: fn(char) -> bool| {
        let rest = &soql[at..];
        at + rest.find(|c: char| !fits(c)).unwrap_or(rest.len())
    };
    let until = |kind, end: usize| Ok((kind, soql[at..end].to_owned(), end));
    match first {
        '\'' => text(soql, at),
        'a'..='z' | 'A'..='Z' | '_' => {
            until(Kind::Word, run(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
        }
        '0'..='9' | '-' | '+' | '.' => until(
            Kind::Literal,
            run(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':')),
        ),
        '(' | ')' | ',' | '=' | ':' => until(Kind::Symbol, at + 1),
        '!' | '<' | '>' => {
            let two = soql.get(at..at + 2).is_some_and(|s| matches!(s, "!=" | "<=" | ">=" | "<>"));
            until(Kind::Symbol, if two { at + 2 } else { at + 1 })
        }
        other => Err(malformed(
            soql,
            at,
            &format!("line 1:{at} no viable alternative at character '{other}'"),
        )),
    }
}

/// A quoted text; `\'`, `\"`, `\\`, `\n`, `\r`, `\t`, `\b`, `\f`, `\_` and `\%` are escapes.
fn text(soql: &str, at: usize) -> Result<(Kind, String, usize), SoqlError> {
    let mut text = String::new();
    let mut chars = soql[at + 1..].char_indices();
    while let Some((nth, c)) = chars.next() {
        match c {
            '\'' => return Ok((Kind::Text, text, at + 1 + nth + 1)),
            '\\' => match chars.next() {
                Some((_, 'n' | 'N')) => text.push('\n'),
                Some((_, 'r' | 'R')) => text.push('\r'),
                Some((_, 't' | 'T')) => text.push('\t'),
                Some((_, 'b' | 'B')) => text.push('\u{8}'),
                Some((_, 'f' | 'F')) => text.push('\u{c}'),
                Some((_, c @ ('\'' | '"'))) => text.push(c),
                // Kept with its backslash, for `LIKE` has to tell it from a wildcard.
                Some((_, c @ ('\\' | '_' | '%'))) => text.extend(['\\', c]),
                Some((_, other)) => {
                    let message = format!("Invalid string literal: illegal escape '\\{other}'");
                    return Err(malformed(soql, at, &message));
                }
                None => break,
            },
            other => text.push(other),
        }
    }
    Err(malformed(soql, at, "unexpected token: '<EOF>'"))
}

/// A text without the escapes that only `LIKE` cares about.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}
