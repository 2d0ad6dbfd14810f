//! Outcomes of the rows of a job, 12 bytes each.
//!
//! A record id has fifteen letters and digits of its own, 90 bits; what follows them is worked out
//! from them. An id that is not of that form is looked up again when it is written.

use super::LineAt;
use crate::model::sixteen::Sixteen;
use crate::model::verdict::MatchKind;

/// What a row's result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No line could be matched.
    Unmatched,
    Success {
        id: [u8; 18],
        created: bool,
        how: MatchKind,
    },
    /// Succeeded, and which Id is its own is not known.
    SuccessWithoutId {
        created: bool,
        how: MatchKind,
    },
    /// Succeeded; what is told of it does not fit here and stands at this place of its file.
    SuccessAt {
        at: LineAt,
        how: MatchKind,
    },
    /// The line stands at this place of its file.
    Error {
        at: LineAt,
        how: MatchKind,
    },
    Unprocessed,
    /// Two lines claim the same row.
    Contradiction,
}

/// The outcomes of all rows, by row.
#[derive(Debug, Default)]
pub struct Outcomes {
    packed: Vec<Packed>,
}

/// An outcome in 96 bits: 90 of an id, a place or nothing; 3 of the kind; 3 of the match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed([u32; 3]);

const KIND_SHIFT: u32 = 90;
const HOW_SHIFT: u32 = 93;
const PAYLOAD: u128 = (1 << KIND_SHIFT) - 1;

/// What the bits hold. Of a success without an id and of the outcomes without a match the payload
/// tells more.
const SUCCESS_OLD: u128 = 1;
const SUCCESS_CREATED: u128 = 2;
const SUCCESS_AT: u128 = 3;
const ERROR: u128 = 4;
const WITHOUT_ID: u128 = 5;
const OTHER: u128 = 0;

const UNPROCESSED: u128 = 1;
const CONTRADICTION: u128 = 2;

const HOWS: [MatchKind; 8] = [
    MatchKind::Id,
    MatchKind::Key,
    MatchKind::Text,
    MatchKind::Typed,
    MatchKind::Group,
    MatchKind::Count,
    MatchKind::Order,
    MatchKind::Look,
];

impl Outcomes {
    /// Forgets everything; `rows` rows are unmatched.
    pub fn clear_for(&mut self, rows: usize) {
        self.packed.clear();
        self.packed.reserve_exact(rows);
        self.packed.resize(rows, Packed::UNMATCHED);
    }

    pub fn len(&self) -> usize {
        self.packed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Rows that there is room for.
    pub fn room(&self) -> usize {
        self.packed.capacity()
    }

    /// What became of a row, if there is such a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<Outcome> {
        self.packed.get(row).map(|packed| packed.unpacked())
    }

    pub fn iter(&self) -> impl Iterator<Item = Outcome> {
        self.packed.iter().map(|packed| packed.unpacked())
    }

    /// Whether the row has no outcome yet.
    #[inline]
    pub fn is_unmatched(&self, row: usize) -> bool {
        self.packed.get(row) == Some(&Packed::UNMATCHED)
    }

    pub fn contradict(&self) -> bool {
        self.packed.contains(&Packed::of(Outcome::Contradiction))
    }

    pub fn set(&mut self, row: usize, outcome: Outcome) {
        self.put(row, Packed::of(outcome));
    }

    #[inline]
    pub(super) fn put(&mut self, row: usize, packed: Packed) {
        self.packed[row] = packed;
    }
}

impl Packed {
    pub(super) const UNMATCHED: Self = Self([0; 3]);

    pub(super) fn of(outcome: Outcome) -> Self {
        let with = |kind: u128, payload: u128, how: MatchKind| Self::new(kind, payload, how);
        match outcome {
            Outcome::Unmatched => Self::UNMATCHED,
            Outcome::Unprocessed => with(OTHER, UNPROCESSED, MatchKind::Id),
            Outcome::Contradiction => with(OTHER, CONTRADICTION, MatchKind::Id),
            Outcome::SuccessAt { at, how } => with(SUCCESS_AT, at.to_bits().into(), how),
            Outcome::Error { at, how } => with(ERROR, at.to_bits().into(), how),
            Outcome::SuccessWithoutId { created, how } => with(WITHOUT_ID, created.into(), how),
            Outcome::Success { id, created, how } => {
                let kind = if created { SUCCESS_CREATED } else { SUCCESS_OLD };
                match pack_id(&id) {
                    Some(payload) => with(kind, payload, how),
                    // `Packed::success` is asked first, and says no.
                    None => with(WITHOUT_ID, created.into(), how),
                }
            }
        }
    }

    /// A success with this id, if the id can be kept here.
    #[inline]
    pub(super) fn success(id: &[u8; 18], created: bool, how: MatchKind) -> Option<Self> {
        let kind = if created { SUCCESS_CREATED } else { SUCCESS_OLD };
        Some(Self::new(kind, pack_id(id)?, how))
    }

    #[inline]
    fn new(kind: u128, payload: u128, how: MatchKind) -> Self {
        let bits = payload | kind << KIND_SHIFT | (how as u128) << HOW_SHIFT;
        #[expect(clippy::cast_possible_truncation, reason = "three parts of it")]
        Self([bits as u32, (bits >> 32) as u32, (bits >> 64) as u32])
    }

    #[inline]
    fn unpacked(self) -> Outcome {
        let [low, middle, high] = self.0.map(u128::from);
        let bits = low | middle << 32 | high << 64;
        let how = HOWS[(bits >> HOW_SHIFT) as usize & 7];
        let payload = bits & PAYLOAD;
        let kind = bits >> KIND_SHIFT & 7;
        #[expect(clippy::cast_possible_truncation, reason = "a place has 64 bits")]
        let at = LineAt::from_bits(payload as u64);
        match (kind, payload) {
            (SUCCESS_OLD | SUCCESS_CREATED, _) => {
                Outcome::Success { id: open_id(payload), created: kind == SUCCESS_CREATED, how }
            }
            (SUCCESS_AT, _) => Outcome::SuccessAt { at, how },
            (ERROR, _) => Outcome::Error { at, how },
            (WITHOUT_ID, created) => Outcome::SuccessWithoutId { created: created == 1, how },
            (_, UNPROCESSED) => Outcome::Unprocessed,
            (_, CONTRADICTION) => Outcome::Contradiction,
            _ => Outcome::Unmatched,
        }
    }
}

/// The letters and digits of an id, upper case first; the last two are never asked for.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyzzz";

/// What the last three characters of an id are made of. Source: `RecordId::parse`.
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// By character: its place in [`LETTERS`].
const CODES: [u8; 256] = {
    let mut codes = [0; 256];
    let mut at = 0;
    while at < 62 {
        #[expect(clippy::cast_possible_truncation, reason = "there are 62")]
        let code = at as u8;
        codes[LETTERS[at] as usize] = code;
        at += 1;
    }
    codes
};

/// Bits of five characters.
const FIVE: u32 = 30;

/// The first fifteen characters in 90 bits, if the last three follow from them.
#[inline]
fn pack_id(id: &[u8; 18]) -> Option<u128> {
    let head = Sixteen::of(id.first_chunk()?);
    let known = head.with(0x20).lie(b'a', b'z').or(head.lie(b'0', b'9'));
    if known.bits() != u16::MAX || checks(head) != id[15..] {
        return None;
    }
    let (fives, _) = id.as_chunks();
    let [first, second, third] = fives else { return None };
    let high = packed(*first) << FIVE | packed(*second);
    Some(u128::from(high) << FIVE | u128::from(packed(*third)))
}

/// Five characters in 30 bits. One after the other: where small code is asked for, a loop stays
/// one.
#[inline]
fn packed(five: [u8; 5]) -> u64 {
    let code = |at: usize| u64::from(CODES[usize::from(five[at])]);
    code(0) << 24 | code(1) << 18 | code(2) << 12 | code(3) << 6 | code(4)
}

/// The last three characters, by which of the first fifteen are in upper case.
#[inline]
fn checks(head: Sixteen) -> [u8; 3] {
    let upper = head.lie(b'A', b'Z').bits();
    let check = |shift: u32| CHECKS[usize::from(upper >> shift & 31)];
    [check(0), check(5), check(10)]
}

#[inline]
fn open_id(packed: u128) -> [u8; 18] {
    let mut id = [0; 18];
    id[..5].copy_from_slice(&open(packed >> (2 * FIVE)));
    id[5..10].copy_from_slice(&open(packed >> FIVE));
    id[10..15].copy_from_slice(&open(packed));
    let head = id.first_chunk().map(Sixteen::of);
    id[15..].copy_from_slice(&head.map(checks).unwrap_or_default());
    id
}

/// The five characters in the lowest bits.
#[inline]
fn open(packed: u128) -> [u8; 5] {
    #[expect(clippy::cast_possible_truncation, reason = "thirty of them are asked for")]
    let bits = packed as u32;
    let letter = |shift: u32| LETTERS[(bits >> shift & 63) as usize];
    [letter(24), letter(18), letter(12), letter(6), letter(0)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::RecordId;

    #[test]
    fn every_outcome_comes_out_as_it_went_in() {
        let at = LineAt::new(2, (1 << 40) + 7);
        let id = *RecordId::parse(b"0015500001QdQWa").unwrap().as_bytes();
        let mut outcomes = Outcomes::default();
        for how in HOWS {
            assert_eq!(HOWS[how as usize], how);
            let all = [
                Outcome::Unmatched,
                Outcome::Success { id, created: true, how },
                Outcome::Success { id, created: false, how },
                Outcome::SuccessWithoutId { created: true, how },
                Outcome::SuccessWithoutId { created: false, how },
                Outcome::SuccessAt { at, how },
                Outcome::Error { at, how },
                Outcome::Unprocessed,
                Outcome::Contradiction,
            ];
            outcomes.clear_for(all.len());
            for (row, outcome) in all.into_iter().enumerate() {
                outcomes.set(row, outcome);
                assert_eq!(outcomes.is_unmatched(row), outcome == Outcome::Unmatched);
            }
            assert!(outcomes.iter().eq(all));
            assert!(outcomes.contradict());
        }
        assert_eq!(outcomes.get(9), None);
    }

    #[test]
    fn an_id_that_does_not_follow_the_rule_is_not_kept() {
        for id in [b"0015500001QdQWaAAM", b"0015500001QdQWaaan", b"0015500001QdQW-AAN"] {
            assert_eq!(pack_id(id), None, "{}", String::from_utf8_lossy(id));
        }
    }

    proptest! {
        #[test]
        fn any_id_comes_out_as_it_went_in(id in "[0-9A-Za-z]{15}") {
            let id = *RecordId::parse(id.as_bytes()).unwrap().as_bytes();
            prop_assert_eq!(open_id(pack_id(&id).unwrap()), id);
        }
    }
}
