//! Texts: characters, keys, phone numbers, rich text, and those that are too long.

use std::borrow::Cow;

use super::Settings;
use crate::config::dataloader::conversions::{Conversions, Switch};
use crate::model::schema::{FieldKind, SentField};
use crate::pipeline::map::apply::Complaint;

/// What is done to the texts of a field.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// White space is taken off both ends.
    trims: bool,
    /// The field holds HTML, and white space is to be seen.
    rich: bool,
    phone: bool,
    /// Characters past which the rest is cut.
    longest: Option<usize>,
}

impl Form {
    pub fn of(sent: &SentField, given: &Conversions) -> Self {
        let field = sent.value_field();
        let is_key = sent.related.is_some() || field.is_key();
        // A key that is cut finds another record; those the org refuses.
        let cuts = given.truncate && !is_key && field.length > 0 && is_cut(field.kind);
        Self {
            trims: given.trim_keys && (sent.related.is_some() || field.id_lookup),
            rich: given.keep_rich_text_space && field.html,
            phone: given.format_phones && field.kind == FieldKind::Phone,
            longest: cuts.then(|| usize::try_from(field.length).unwrap_or(usize::MAX)),
        }
    }

    pub fn apply<'a>(
        self,
        settings: &Settings,
        value: Cow<'a, str>,
    ) -> Result<Cow<'a, str>, Complaint> {
        let mut text = if value.chars().all(is_xml) {
            value
        } else {
            Cow::Owned(value.chars().filter(|c| is_xml(*c)).collect())
        };
        if self.trims && text.trim().len() < text.len() {
            text = Cow::Owned(text.trim().to_owned());
        }
        if self.rich {
            text = Cow::Owned(rich(&text));
        }
        if let Some(phone) = self.phone.then(|| phone(&text)).flatten() {
            text = Cow::Owned(phone);
        }
        let end = self.longest.and_then(|longest| text.char_indices().nth(longest));
        if let (Some((end, _)), Some(longest)) = (end, self.longest) {
            let what = format!("is longer than the {longest} characters of the field");
            let becomes = format!("its first {longest} characters");
            settings.danger(Switch::Truncate, &text, &what, &becomes)?;
            text = Cow::Owned(text[..end].to_owned());
        }
        Ok(text)
    }
}

/// The types that the org cuts when it is asked to. Source: the SOAP header for field truncation.
fn is_cut(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::Email
            | FieldKind::EncryptedString
            | FieldKind::MultiPicklist
            | FieldKind::Phone
            | FieldKind::Picklist
            | FieldKind::String
            | FieldKind::Textarea
    )
}

/// The characters that XML can hold. Data Loader drops those past U+FFFF too, so that smileys get
/// lost; here they stay.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// `(ddd) ddd-dddd`, of ten digits or of eleven with a 1 first.
fn phone(text: &str) -> Option<String> {
    let ten = match text.len() {
        10 => text,
        11 => text.strip_prefix('1')?,
        _ => return None,
    };
    let is_number = ten.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("({}) {}-{}", &ten[..3], &ten[3..6], &ten[6..]))
}

/// Text as HTML that shows its line breaks and blanks.
///
/// Line breaks become `<br/>`, or blanks where there are tags that make lines; two blanks or more
/// become `&nbsp;`. What is no tag is escaped, but entities are not escaped once more.
fn rich(text: &str) -> String {
    let has_tags = text.match_indices('<').any(|(at, _)| tag(&text[at..]).is_some());
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unified.split('\n').collect();
    if !has_tags {
        return lines.iter().map(|line| outside(line)).collect::<Vec<_>>().join("<br/>");
    }
    let line = lines.join(" ");
    let mut html = String::with_capacity(line.len());
    let (mut from, mut at) = (0, 0);
    while let Some(found) = line[at..].find('<') {
        let begin = at + found;
        let Some(length) = tag(&line[begin..]) else {
            at = begin + 1;
            continue;
        };
        html.push_str(&outside(&line[from..begin]));
        html.push_str(&line[begin..begin + length]);
        at = begin + length;
        from = at;
    }
    html.push_str(&outside(&line[from..]));
    html
}

/// The length of the tag that a text begins with.
fn tag(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    let (_, first) = bytes.next()?;
    if !first.is_ascii_alphabetic() && first != b'/' {
        return None;
    }
    let mut quote = None;
    for (at, byte) in bytes {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Text between tags.
fn outside(text: &str) -> String {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = entity(rest).unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        let is_blank = c.is_whitespace() || matches!(piece, "&nbsp;" | "&#160;" | "&#xA0;");
        pieces.push(if is_blank { Piece::Blank(piece) } else { Piece::Other(piece) });
        rest = after;
    }
    let is_blank =
        |at: Option<usize>| matches!(at.and_then(|at| pieces.get(at)), Some(Piece::Blank(_)));
    let mut html = String::with_capacity(text.len());
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Blank(_) if is_blank(at.checked_sub(1)) || is_blank(Some(at + 1)) => {
                html.push_str("&nbsp;");
            }
            Piece::Blank(blank) => html.push_str(blank),
            Piece::Other("<") => html.push_str("&lt;"),
            Piece::Other(">") => html.push_str("&gt;"),
            Piece::Other("&") => html.push_str("&amp;"),
            Piece::Other("\"") => html.push_str("&quot;"),
            Piece::Other(other) => html.push_str(other),
        }
    }
    html
}

enum Piece<'a> {
    Blank(&'a str),
    Other(&'a str),
}

/// The length of the entity that a text begins with: `&amp;`, `&#38;` or `&#x26;`.
fn entity(text: &str) -> Option<usize> {
    let name = text.strip_prefix('&')?;
    let end = name.find(';').filter(|end| (1..32).contains(end))?;
    let is_named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let good = match name[..end].strip_prefix('#') {
        None => is_named(&name[..end]),
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()),
        },
    };
    good.then_some(end + 2)
}
