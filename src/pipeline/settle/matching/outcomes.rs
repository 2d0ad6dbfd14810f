//! Outcomes of the rows of a job, 12 bytes each.
//!
//! A record id has fifteen letters and digits of its own, 90 bits; what follows them is worked out
//! from them. An id that is not of that form is looked up again when it is written.

use super::LineAt;
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

/// The letters and digits of an id, upper case first.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";

/// What the last three characters of an id are made of. Source: `RecordId::parse`.
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Set in [`CODES`] for what is no letter and no digit.
const NONE: u8 = 0x80;

/// By character: its place in [`LETTERS`], and bit 6 for an upper-case one.
const CODES: [u8; 256] = {
    let mut codes = [NONE; 256];
    let mut at = 0;
    while at < LETTERS.len() {
        let upper = if at < 26 { 0x40 } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "there are 62")]
        let code = at as u8;
        codes[LETTERS[at] as usize] = code | upper;
        at += 1;
    }
    codes
};

/// The first fifteen characters in 90 bits, if the last three follow from them.
#[inline]
fn pack_id(id: &[u8; 18]) -> Option<u128> {
    let (mut bad, mut upper) = (0, 0_u32);
    let mut part = |range: std::ops::Range<usize>| {
        range.fold(0_u64, |packed, at| {
            let code = CODES[usize::from(id[at])];
            bad |= code;
            upper |= u32::from(code >> 6 & 1) << at;
            packed << 6 | u64::from(code & 0x3f)
        })
    };
    let (high, low) = (part(0..10), part(10..15));
    let fits = bad & NONE == 0 && checks(upper) == id[15..];
    fits.then_some(u128::from(high) << 30 | u128::from(low))
}

/// The last three characters, by which of the first fifteen are in upper case.
#[inline]
fn checks(upper: u32) -> [u8; 3] {
    [0, 5, 10].map(|shift| CHECKS[(upper >> shift & 31) as usize])
}

#[inline]
fn open_id(packed: u128) -> [u8; 18] {
    let mut id = [0; 18];
    let mut upper = 0;
    #[expect(clippy::cast_possible_truncation, reason = "two parts of it")]
    let (mut high, mut low) = ((packed >> 30) as u64, packed as u64);
    let mut take = |at: usize, part: &mut u64| {
        let code = (*part & 0x3f) as usize;
        *part >>= 6;
        upper |= u32::from(code < 26) << at;
        id[at] = LETTERS[code.min(LETTERS.len() - 1)];
    };
    for at in (10..15).rev() {
        take(at, &mut low);
    }
    for at in (0..10).rev() {
        take(at, &mut high);
    }
    id[15..].copy_from_slice(&checks(upper));
    id
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
