//! What may be seen of a call, and the net under all text that leaves this process.

use std::borrow::Cow;
use std::sync::RwLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::model::secret::Secret;

const MASK: &str = "[secret]";

/// Shorter texts than this are not looked for: they would be found everywhere.
const SECRET_CHARS_MIN: usize = 6;

/// What every refresh token of Salesforce begins with, and how short none is.
const REFRESH_TOKEN: &str = "5Aep861";
const REFRESH_TOKEN_CHARS_MIN: usize = 24;

/// Knows the live secrets of this process and takes them out of texts.
///
/// It masks each known secret as it is, URL-encoded, hexadecimal and in base64, and whatever looks
/// like a Salesforce session (`00D…!…`), a refresh token (`5Aep861…`), a JSON web token (`eyJ….…`)
/// or a `force://` URL. A secret inside a longer base64 text is only found where it begins at a
/// multiple of three bytes.
#[derive(Debug, Default)]
pub struct Redactor {
    forms: RwLock<Vec<Zeroizing<String>>>,
}

impl Redactor {
    /// Remembers a secret for as long as this lives.
    pub fn learn(&self, secret: &Secret) {
        let text = secret.reveal();
        if text.chars().count() < SECRET_CHARS_MIN {
            return;
        }
        let url: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let hex: String = text.bytes().flat_map(hex_digits).collect();
        let forms = [
            text.to_owned(),
            url,
            hex,
            STANDARD_NO_PAD.encode(text),
            URL_SAFE_NO_PAD.encode(text),
            serde_json::Value::from(text).to_string().trim_matches('"').to_owned(),
        ];
        let mut known = self.forms.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for form in forms.map(Zeroizing::new) {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // Longest first, so that a form is not cut in two by one that it contains.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text without secrets.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        let known = self.forms.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        for form in known.iter() {
            if clean.contains(form.as_str()) {
                clean = Cow::Owned(clean.replace(form.as_str(), MASK));
            }
        }
        match mask_patterns(&clean) {
            Some(masked) => Cow::Owned(masked),
            None => clean,
        }
    }
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'))
}

/// Masks what looks like a secret; `None` when nothing does.
fn mask_patterns(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(start) = first_lead(rest) {
        let tail = &rest[start..];
        if let Some(length) = secret_length(tail) {
            out.push_str(&rest[..start]);
            out.push_str(MASK);
            rest = &tail[length..];
            found = true;
        } else {
            out.push_str(&rest[..start + 3]);
            rest = &tail[3..];
        }
    }
    found.then(|| out + rest)
}

fn first_lead(text: &str) -> Option<usize> {
    ["00D", "eyJ", REFRESH_TOKEN, "force://"].iter().filter_map(|lead| text.find(lead)).min()
}

/// How long the secret at the start of `text` is, if there is one.
fn secret_length(text: &str) -> Option<usize> {
    let run = |text: &str, more: &str| {
        text.bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || more.contains(char::from(*b)))
            .count()
    };
    if text.starts_with("force://") {
        let end = text.find(|c: char| c.is_whitespace() || "\"'`,<>".contains(c));
        return Some(end.unwrap_or(text.len()));
    }
    if text.starts_with(REFRESH_TOKEN) {
        let length = run(text, "._");
        return (length >= REFRESH_TOKEN_CHARS_MIN).then_some(length);
    }
    if text.starts_with("eyJ") {
        let length = run(text, "-_.=");
        return (length > 20 && text[..length].contains('.')).then_some(length);
    }
    let id = run(text, "");
    let token = text[id..].strip_prefix('!')?;
    (12..=18).contains(&id).then(|| id + 1 + run(token, "._-"))
}

/// A path as it may be logged: without query, ids replaced.
pub fn path_template(path: &str) -> String {
    let parts: Vec<_> = path
        .split('?')
        .next()
        .unwrap_or_default()
        .split('/')
        .map(|part| if looks_like_id(part) { "{id}" } else { part })
        .collect();
    parts.join("/")
}

fn looks_like_id(part: &str) -> bool {
    let id = part.split('-').next().unwrap_or_default();
    matches!(id.len(), 15..=18)
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
        && id.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_masked_and_other_text_stays() {
        let redactor = Redactor::default();
        for (text, clean) in [
            ("token 00D8c00000Hn2Pq!AQEA.x_y end", "token [secret] end"),
            ("org 00D8c00000Hn2PqEAJ is fine", "org 00D8c00000Hn2PqEAJ is fine"),
            ("a eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln b", "a [secret] b"),
            ("eyJoy", "eyJoy"),
            ("a 5Aep861TSESvWeug_xvFHRBTTbf.YtTWSvYI b", "a [secret] b"),
            ("5Aep861 begins it", "5Aep861 begins it"),
            ("use \"force://id:sec:ref@host\" now", "use \"[secret]\" now"),
            ("two 00D8c00000Hn2Pq!A 00D8c00000Hn2Pq!B", "two [secret] [secret]"),
            ("00D", "00D"),
            ("ünï 00Dü!", "ünï 00Dü!"),
            ("", ""),
        ] {
            assert_eq!(redactor.clean(text), clean);
        }
    }

    #[test]
    fn known_secrets_are_masked_in_every_form() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("pa\"ss/wörd+1".to_owned()));
        redactor.learn(&Secret::new("abc".to_owned()));
        for form in [
            "pa\"ss/wörd+1",
            "pa\\\"ss/wörd+1",
            "pa%22ss%2Fw%C3%B6rd%2B1",
            "70612273732f77c3b672642b31",
            "cGEic3Mvd8O2cmQrMQ",
        ] {
            let text = format!("<{form}>");
            assert_eq!(redactor.clean(&text), "<[secret]>", "{form}");
        }
        assert_eq!(redactor.clean("abc stays"), "abc stays");
    }

    #[test]
    fn paths_lose_ids_and_query() {
        for (path, template) in [
            (
                "/services/data/v62.0/jobs/ingest/7508c00000Qk3TbAAJ/batches",
                "/services/data/v62.0/jobs/ingest/{id}/batches",
            ),
            ("/services/data/v62.0/query?q=SELECT+Id", "/services/data/v62.0/query"),
            (
                "/services/data/v62.0/query/01g8c00000Qk3TbAAJ-2000",
                "/services/data/v62.0/query/{id}",
            ),
            (
                "/services/data/v62.0/sobjects/PermissionSetGroup/describe",
                "/services/data/v62.0/sobjects/PermissionSetGroup/describe",
            ),
        ] {
            assert_eq!(path_template(path), template);
        }
    }
}
