//! Small texts: the mapping file, the project file, `Retry-After`.

use std::path::Path;
use std::time::Duration;

use http::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use longshore::config::mapping::{MappingError, MappingSpec, RuleSource};
use longshore::config::project::{BadProject, Defaults};
use longshore::model::limits::RETRY_AFTER_MAX_S;

/// A mapping is read or refused at a place that is in the text; each of its fields has a source.
pub fn mapping_read(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match MappingSpec::parse(text, "fuzz.toml") {
        Ok(spec) => {
            assert!(!spec.rules.is_empty(), "a mapping names a field");
            assert!(spec.rules.is_sorted_by_key(|rule| (rule.place.line, rule.place.column)));
            for rule in &spec.rules {
                assert!(!rule.target.trim().is_empty());
                is_in(text, rule.place.line, rule.place.column);
                match &rule.source {
                    RuleSource::Constant(_) => assert!(rule.transforms.is_empty()),
                    RuleSource::Column(column) => assert!(!column.is_empty()),
                    RuleSource::Columns { columns, .. } => {
                        assert!(!columns.is_empty() && columns.iter().all(|c| !c.is_empty()));
                    }
                }
            }
        }
        Err(error) => {
            let MappingError::Refused { place, what, .. } = &error else {
                panic!("a text is refused for what it says: {error}");
            };
            is_in(text, place.line, place.column);
            is_one_line(what);
        }
    }
}

/// A project file is read or refused at a place that is in the text.
pub fn project_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Defaults::parse(text, Path::new("fuzz.toml")) {
        let BadProject::Wrong { place, message, .. } = &error else {
            panic!("a text is refused for what it says: {error}");
        };
        if let Some((line, column)) = place.strip_prefix(':').and_then(|p| p.split_once(':')) {
            let number = |text: &str| text.parse().expect("a number");
            is_in(text, number(line), number(column));
        }
        is_one_line(message);
    }
}

/// The first line is `Retry-After`, the second `Date`: no wait is longer than the limit, a number
/// means seconds, and nonsense means nothing.
pub fn retry_after(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE] {
        if let Some(Ok(value)) = lines.next().map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    }
    let now = jiff::Timestamp::UNIX_EPOCH;
    let wait = longshore::http::backoff::retry_after(&headers, now);
    let most = Duration::from_secs(RETRY_AFTER_MAX_S);
    assert!(wait.is_none_or(|wait| wait <= most), "{wait:?} is too long");
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(Ok(seconds)) = text.map(str::parse::<u32>)
        && !text.is_some_and(|text| text.starts_with('+'))
    {
        assert_eq!(wait, Some(Duration::from_secs(u64::from(seconds)).min(most)));
    }
}

/// Whether line and column, from 1, are those of a character of `text` or of its end.
fn is_in(text: &str, line: usize, column: usize) {
    let Some(found) = text.split('\n').nth(line.wrapping_sub(1)) else {
        panic!("line {line} is not in the text");
    };
    let width = found.chars().count();
    assert!((1..=width + 1).contains(&column), "column {column} of {width} in line {line}");
}

fn is_one_line(message: &str) {
    assert!(!message.is_empty() && !message.contains('\n'), "not one line: {message:?}");
}
