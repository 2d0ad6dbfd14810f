//! How values and names are put into a message.

/// Characters of a value that a message shows at most.
const SHOWN_CHARS: usize = 40;

/// A value as a message shows it: at most 40 characters, with control characters escaped.
///
/// The text comes from a file that anybody may have written, so it must not be able to move the
/// cursor, color the terminal or flood it.
pub fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_CHARS {
            shown.push('…');
            break;
        }
        if character.is_control() || is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Zero-width and direction-changing characters, and the blank that looks like a space and is none.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{a0}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// `3120` as `3,120`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 row`, `3,120 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A message without what differs from row to row: quoted values, and words with digits in them.
pub fn shape(message: &str) -> String {
    let mut shape = String::with_capacity(message.len());
    for (index, part) in message.split('`').enumerate() {
        if index % 2 == 1 {
            shape.push_str("`#`");
            continue;
        }
        for word in part.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let varies = word.bytes().any(|byte| byte.is_ascii_digit());
            shape.push_str(if varies { "# " } else { word });
        }
    }
    shape
}

/// The known name that a person most likely meant, if one is near enough to be worth naming.
///
/// Case, blanks, `_` and `-` are ignored; about one wrong character in three is forgiven.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = bare(wanted);
    let allowed = (wanted.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&wanted, &bare(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How far a name is from the one that was wanted, if it is near enough to be worth naming; as in
/// [`nearest`], for those who go through more names than they hold.
pub fn how_far(wanted: &str, name: &str) -> Option<usize> {
    let (wanted, name) = (bare(wanted), bare(name));
    let allowed = (wanted.len() / 3).max(1);
    // So many letters must come or go at least.
    if wanted.len().abs_diff(name.len()) > allowed {
        return None;
    }
    Some(distance(&wanted, &name)).filter(|distance| *distance <= allowed)
}

/// A name without what people get wrong most.
fn bare(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Insertions, deletions, replacements and swaps of neighbors between two names.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut costs = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replace = above[column] + usize::from(a != b);
            let mut cost = replace.min(above[column + 1] + 1).min(costs[column] + 1);
            let swapped = row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b;
            if swapped {
                cost = cost.min(before[column - 1] + 1);
            }
            costs.push(cost);
        }
        before = std::mem::replace(&mut above, costs);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_misbehave_in_a_message() {
        for (value, expected) in [
            ("plain", "plain"),
            ("a\tb\r\n", "a\\tb\\r\\n"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{202e}abc\u{a0}", "\\u{202e}abc\\u{a0}"),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(shown(value.as_bytes()), expected);
        }
        assert_eq!(shown(&[b'x'; 41]), format!("{}…", "x".repeat(40)));
        assert_eq!(shown(&[b'x'; 40]), "x".repeat(40));
        assert_eq!(shown(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let known = ["AssigneeId", "PermissionSetId", "ExpirationDate", "Id"];
        for (wanted, expected) in [
            ("assignee id", Some("AssigneeId")),
            ("AsigneeId", Some("AssigneeId")),
            ("Permission_Set_Id", Some("PermissionSetId")),
            ("PermisionSet", Some("PermissionSetId")),
            ("dI", Some("Id")),
            ("assinge id", Some("AssigneeId")),
            ("Shoe size", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, known), expected, "{wanted}");
        }
    }
}
