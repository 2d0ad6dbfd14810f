//! Record ids: a key prefix, the mark of this org, a number, and a checksum over the case.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// Characters 4 to 6 of every id that this org gives out.
const ORG_MARK: &[u8; 3] = b"8c0";
/// Number 0 of every object; lets small numbers look like ids of a used org.
const FIRST: u64 = 527_301_113;

/// The 18-character id of record `number` of the object with this key prefix.
pub fn spell(prefix: &str, number: u32) -> String {
    let mut id = [b'0'; 18];
    id[..3].copy_from_slice(&prefix.as_bytes()[..3]);
    id[3..6].copy_from_slice(ORG_MARK);
    let mut rest = FIRST + u64::from(number);
    for slot in id[6..15].iter_mut().rev() {
        *slot = DIGITS[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    let tail = checksum(&id);
    id[15..].copy_from_slice(&tail);
    id.iter().map(|byte| char::from(*byte)).collect()
}

/// What a text says as a record id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// Not 15 or 18 letters and digits, or with a wrong checksum.
    Malformed,
    /// The prefix, and the number if this org could have given out the id.
    Id([u8; 3], Option<u32>),
}

/// Reads an id of 15 or 18 characters.
pub fn parse(text: &str) -> Parsed {
    let bytes = text.as_bytes();
    let fits = matches!(bytes.len(), 15 | 18) && bytes.iter().all(u8::is_ascii_alphanumeric);
    if !fits || (bytes.len() == 18 && bytes[15..] != checksum(bytes)) {
        return Parsed::Malformed;
    }
    let prefix = [bytes[0], bytes[1], bytes[2]];
    if &bytes[3..6] != ORG_MARK {
        return Parsed::Id(prefix, None);
    }
    let value = bytes[6..15].iter().fold(0, |sum, byte| sum * 62 + digit(*byte));
    Parsed::Id(prefix, value.checked_sub(FIRST).and_then(|n| u32::try_from(n).ok()))
}

fn digit(byte: u8) -> u64 {
    u64::from(match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => byte - b'a' + 36,
    })
}

/// Three characters, each a 5-bit number of which characters of a group of five are upper case.
fn checksum(id: &[u8]) -> [u8; 3] {
    let mut tail = [0; 3];
    for (slot, group) in tail.iter_mut().zip(id[..15].chunks_exact(5)) {
        let upper = group.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        *slot = CHECK[upper.map(|(bit, _)| 1 << bit).sum::<usize>()];
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_was_made_of() {
        for number in [0, 1, 61, 62, 3_000, 1_000_000, u32::MAX - 1] {
            let id = spell("005", number);
            assert_eq!(parse(&id), Parsed::Id(*b"005", Some(number)), "{id}");
            assert_eq!(parse(&id[..15]), Parsed::Id(*b"005", Some(number)), "{id}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,20}") {
            let fits = matches!(text.len(), 15 | 18) && text.is_ascii();
            proptest::prop_assert!(fits || parse(&text) == Parsed::Malformed);
        }
    }

    #[test]
    fn the_checksum_is_that_of_recorded_ids() {
        for id in ["0015500001QdQWaAAN", "750P0000006HoSQIA0", "005ak000005hvjJAAQ"] {
            assert!(matches!(parse(id), Parsed::Id(_, None)), "{id}");
        }
    }

    #[test]
    fn what_is_no_id_is_malformed() {
        let lower = spell("0PS", 17).to_lowercase();
        for text in ["", "005", "0015500001QdQWaAAA", "0015500001QdQW-", &lower] {
            assert_eq!(parse(text), Parsed::Malformed, "{text}");
        }
    }
}
