//! The query language of the user search, as far as section 2.4 of the reference documents it.
//!
//! `field:value`, `field:"value"`, `field:(a OR b)`, `_exists_:field`, ranges in brackets and
//! braces, `*` and `?`, `AND`, `OR`, `NOT` (also `&&`, `||`, `!`, `-`), parentheses. Terms side by
//! side are alternatives, as in Lucene. A field that is not there matches nothing.

use super::profile::Profile;

/// Fields whose values are compared without case.
const CASELESS: [&str; 6] =
    ["email", "email.domain", "name", "given_name", "family_name", "nickname"];

/// Letters that a wildcard at the start must be followed by.
const SUFFIX_MIN: usize = 3;

/// A query, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Exists(String),
    /// No field: all texts of the profile.
    Match(Option<String>, Pattern),
    Range(String, Bounds),
}

/// A value, or one with `*` for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pattern {
    Plain(String),
    /// A backslash goes before what stands for itself.
    Wild(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    low: Option<String>,
    high: Option<String>,
    with_low: bool,
    with_high: bool,
}

impl Query {
    pub(super) fn matches(&self, id: &str, profile: &Profile) -> bool {
        match self {
            Self::And(all) => all.iter().all(|query| query.matches(id, profile)),
            Self::Or(any) => any.iter().any(|query| query.matches(id, profile)),
            Self::Not(query) => !query.matches(id, profile),
            Self::Exists(field) => !profile.look(id, field).is_empty(),
            Self::Match(Some(field), pattern) => {
                let caseless = CASELESS.contains(&field.as_str());
                profile.look(id, field).iter().any(|value| pattern.fits(value, caseless))
            }
            Self::Match(None, pattern) => ["email", "name", "nickname", "username", "user_id"]
                .into_iter()
                .flat_map(|field| profile.look(id, field))
                .any(|value| pattern.fits(&value, true)),
            Self::Range(field, bounds) => {
                profile.look(id, field).iter().any(|value| bounds.hold(value))
            }
        }
    }
}

impl Pattern {
    fn fits(&self, value: &str, caseless: bool) -> bool {
        let fold = |text: &str| if caseless { text.to_lowercase() } else { text.to_owned() };
        match self {
            Self::Plain(text) => fold(text) == fold(value),
            Self::Wild(text) => glob(fold(text).as_bytes(), fold(value).as_bytes()),
        }
    }
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let next = |byte: u8, rest: &[u8], any: bool| {
        text.split_first().is_some_and(|(first, tail)| (any || *first == byte) && glob(rest, tail))
    };
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        [b'\\', byte, rest @ ..] => next(*byte, rest, false),
        [byte, rest @ ..] => next(*byte, rest, *byte == b'?'),
    }
}

impl Bounds {
    /// Numbers as numbers, everything else (times too) as text.
    fn hold(&self, value: &str) -> bool {
        use std::cmp::Ordering;
        let compare = |bound: &str| match (value.parse::<f64>(), bound.parse::<f64>()) {
            (Ok(value), Ok(bound)) => value.partial_cmp(&bound).unwrap_or(Ordering::Equal),
            _ => value.cmp(bound),
        };
        let above = self.low.as_deref().is_none_or(|low| match compare(low) {
            Ordering::Greater => true,
            Ordering::Equal => self.with_low,
            Ordering::Less => false,
        });
        let below = self.high.as_deref().is_none_or(|high| match compare(high) {
            Ordering::Less => true,
            Ordering::Equal => self.with_high,
            Ordering::Greater => false,
        });
        above && below
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    /// `field:`.
    Field(String),
    Word(Pattern),
    Quoted(String),
    Range(Bounds),
}

/// Reads a query; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, field: None };
    let query = parser.any()?;
    match parser.tokens.first() {
        None => Ok(query),
        Some(token) => Err(format!("{token:?} is not expected")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    /// The field of the group that is being read: `field:(a OR b)`.
    field: Option<String>,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Query, String> {
        let mut all = vec![self.every()?];
        loop {
            match self.tokens {
                [Token::Or, rest @ ..] => self.tokens = rest,
                [] | [Token::Close, ..] => break,
                _ => {}
            }
            all.push(self.every()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Query::Or(all) })
    }

    fn every(&mut self) -> Result<Query, String> {
        let mut all = vec![self.one()?];
        while let [Token::And, rest @ ..] = self.tokens {
            self.tokens = rest;
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Query::And(all) })
    }

    fn one(&mut self) -> Result<Query, String> {
        let (first, rest) = self.tokens.split_first().ok_or("it ends too early")?;
        self.tokens = rest;
        match first {
            Token::Not => Ok(Query::Not(Box::new(self.one()?))),
            Token::Open => self.group(),
            Token::Field(name) if name == "_exists_" => match rest.split_first() {
                Some((Token::Word(Pattern::Plain(field)) | Token::Quoted(field), rest)) => {
                    self.tokens = rest;
                    Ok(Query::Exists(field.clone()))
                }
                _ => Err("`_exists_` wants a field".to_owned()),
            },
            Token::Field(name) => {
                let outer = self.field.replace(name.clone());
                let query = self.one();
                self.field = outer;
                query
            }
            Token::Word(pattern) => self.matching(pattern.clone()),
            Token::Quoted(text) => self.matching(Pattern::Plain(text.clone())),
            Token::Range(bounds) => match &self.field {
                Some(field) => Ok(Query::Range(field.clone(), bounds.clone())),
                None => Err("a range wants a field".to_owned()),
            },
            other => Err(format!("{other:?} is not expected")),
        }
    }

    fn group(&mut self) -> Result<Query, String> {
        let query = self.any()?;
        let [Token::Close, rest @ ..] = self.tokens else {
            return Err("a parenthesis is not closed".to_owned());
        };
        self.tokens = rest;
        Ok(query)
    }

    fn matching(&self, pattern: Pattern) -> Result<Query, String> {
        let field = self.field.clone();
        if let Pattern::Wild(text) = &pattern {
            if field.as_deref().is_some_and(|field| field.starts_with("user_metadata")) {
                return Err("wildcards are not allowed in user_metadata".to_owned());
            }
            let letters = text.chars().filter(|letter| !['*', '?', '\\'].contains(letter)).count();
            if text.starts_with('*') && text.len() > 1 && letters < SUFFIX_MIN {
                return Err(format!("a suffix needs {SUFFIX_MIN} characters"));
            }
        }
        Ok(Query::Match(field, pattern))
    }
}

fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, tail) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '"' => quoted(&rest[1..])?,
            '[' | '{' => range(rest)?,
            '!' | '-' => (Token::Not, &rest[1..]),
            '+' => {
                rest = &rest[1..];
                continue;
            }
            // A colon in a value is a colon: `created_at:2026-01-05T08:00:00Z`.
            _ => word(rest, !matches!(tokens.last(), Some(Token::Field(_)))),
        };
        tokens.push(token);
        rest = tail.trim_start();
    }
    Ok(tokens)
}

fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Token::Quoted(value), &text[place + 1..])),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            other => value.push(other),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// `[low TO high]` with the ends, `{low TO high}` without; `*` is no bound.
fn range(text: &str) -> Result<(Token, &str), String> {
    let end = text.find([']', '}']).ok_or("a range is not closed")?;
    let (low, high) = text[1..end].split_once(" TO ").ok_or("a range wants `TO`")?;
    let bound = |text: &str| {
        let text = text.trim().trim_matches('"');
        (text != "*").then(|| text.to_owned())
    };
    let bounds = Bounds {
        low: bound(low),
        high: bound(high),
        with_low: text.starts_with('['),
        with_high: text[end..].starts_with(']'),
    };
    Ok((Token::Range(bounds), &text[end + 1..]))
}

/// Up to a blank, a parenthesis or a quote; up to a colon too where a field may stand.
fn word(text: &str, may_be_field: bool) -> (Token, &str) {
    let (mut value, mut pattern, mut wild) = (String::new(), String::new(), false);
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => {
                let Some((_, letter)) = letters.next() else { continue };
                value.push(letter);
                pattern.extend(['\\', letter]);
            }
            ':' if may_be_field => return (Token::Field(value), &text[place + 1..]),
            ' ' | '\t' | '(' | ')' | '"' => {
                end = place;
                break;
            }
            other => {
                wild |= matches!(other, '*' | '?');
                value.push(other);
                pattern.push(other);
            }
        }
    }
    let token = match value.as_str() {
        "AND" | "&&" => Token::And,
        "OR" | "||" => Token::Or,
        "NOT" => Token::Not,
        _ if wild => Token::Word(Pattern::Wild(pattern)),
        _ => Token::Word(Pattern::Plain(value)),
    };
    (token, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Profile {
        let metadata = serde_json::json!({"plan": "Gold", "seat": 12, "tags": ["a", "b"]});
        Profile {
            connection: 1,
            email: Some("Ada.Marsh@Practice.example".to_owned()),
            name: Some("Ada Marsh".to_owned()),
            given_name: Some("Ada".to_owned()),
            blocked: Some(true),
            logins: 7,
            created_ms: 1_767_600_000_000,
            app_metadata: metadata.as_object().cloned().map(Box::new),
            ..Profile::default()
        }
    }

    #[test]
    fn a_query_finds_what_section_2_4_says() {
        let id = "google-oauth2|123";
        for (query, expected) in [
            (r#"email:"ada.marsh@practice.example""#, true),
            ("email:ada*", true),
            ("email:*.example", true),
            ("email.domain:practice.example", true),
            ("name:\"ada marsh\"", true),
            ("name:ada", false),
            ("user_id:\"google-oauth2|123\"", true),
            ("user_id:google-oauth2|123", true),
            ("user_id:GOOGLE-oauth2|123", false),
            ("identities.connection:\"google-oauth2\"", true),
            ("identities.connection:\"Google-oauth2\"", false),
            ("blocked:true", true),
            ("NOT blocked:true", false),
            ("blocked:true AND NOT name:x", true),
            ("name:x OR (given_name:ada AND blocked:true)", true),
            ("name:x given_name:ada", true),
            ("given_name:(x OR ada)", true),
            ("-given_name:x", true),
            ("_exists_:blocked", true),
            ("_exists_:last_login", false),
            ("logins_count:[7 TO *]", true),
            ("logins_count:{7 TO 10]", false),
            ("logins_count:[* TO 10}", true),
            ("created_at:[2026-01-01 TO 2026-02-01]", true),
            ("app_metadata.plan:Gold", true),
            ("app_metadata.plan:gold", false),
            ("app_metadata.seat:12", true),
            ("app_metadata.tags:b", true),
            ("roles:\"rol_1\"", false),
            ("ada*", true),
            ("email:a\\*", false),
            ("email:a\\da?marsh*", true),
            ("created_at:2026-01-05T08:00:00.000Z", true),
        ] {
            let read = parse(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
            assert_eq!(read.matches(id, &ada()), expected, "{query}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for query in [
            "email:",
            "(email:a",
            "email:a)",
            "email:\"a",
            "email:*ab",
            "AND",
            "[1 TO 2]",
            "logins_count:[1 2]",
            "_exists_:",
            "user_metadata.plan:g*",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,30}") {
            if let Ok(query) = parse(&text) {
                query.matches("auth0|a", &ada());
            }
        }
    }
}
