//! Sixteen bytes at a time: compares whose answers are the bits of a number.
//!
//! Every x86-64 has instructions for that, which `safe_arch` lets safe code call; elsewhere loops
//! do the same, which the compiler makes wide where it can.

#[cfg(target_arch = "x86_64")]
pub use self::wide::Sixteen;

#[cfg(not(target_arch = "x86_64"))]
pub use self::narrow::Sixteen;

/// Which of 64 bytes an answer holds for, that of the first byte lowest.
#[inline]
pub fn sixty_four(block: &[u8; 64], holds: impl Fn(Sixteen) -> Sixteen) -> u64 {
    // One after the other: where small code is asked for, a loop stays one.
    let (parts, _) = block.as_chunks::<16>();
    let [a, b, c, d] = parts else { return 0 };
    let bits = |part: &[u8; 16]| u64::from(holds(Sixteen::of(part)).bits());
    bits(a) | bits(b) << 16 | bits(c) << 32 | bits(d) << 48
}

/// The same of the first 64 bytes of a text, or of as many as it has.
#[inline]
pub fn first_sixty_four(text: &[u8], holds: impl Fn(Sixteen) -> Sixteen) -> u64 {
    match text.first_chunk() {
        Some(block) => sixty_four(block, holds),
        None => of_fewer(text, &holds),
    }
}

#[cold]
#[inline(never)]
fn of_fewer(text: &[u8], holds: &dyn Fn(Sixteen) -> Sixteen) -> u64 {
    let mut block = [0; 64];
    block[..text.len()].copy_from_slice(text);
    sixty_four(&block, holds) & ((1 << text.len()) - 1)
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use safe_arch::{
        bitand_m128i, bitor_m128i, cmp_eq_mask_i8_m128i, cmp_gt_mask_i8_m128i,
        load_unaligned_m128i, m128i, move_mask_i8_m128i, set_splat_i8_m128i,
    };

    /// Sixteen bytes, or sixteen answers.
    #[derive(Clone, Copy)]
    pub struct Sixteen(m128i);

    #[inline]
    fn splat(byte: u8) -> m128i {
        set_splat_i8_m128i(byte.cast_signed())
    }

    impl Sixteen {
        #[inline]
        pub fn of(bytes: &[u8; 16]) -> Self {
            Self(load_unaligned_m128i(bytes))
        }

        /// Which bytes are this one.
        #[inline]
        #[must_use]
        pub fn are(self, byte: u8) -> Self {
            Self(cmp_eq_mask_i8_m128i(self.0, splat(byte)))
        }

        /// Which bytes lie from `low` to `high`, both ASCII and counted in.
        #[inline]
        #[must_use]
        pub fn lie(self, low: u8, high: u8) -> Self {
            debug_assert!(0 < low && low <= high && high < 127);
            let above = cmp_gt_mask_i8_m128i(self.0, splat(low - 1));
            let below = cmp_gt_mask_i8_m128i(splat(high + 1), self.0);
            Self(bitand_m128i(above, below))
        }

        /// The bytes with these bits set.
        #[inline]
        #[must_use]
        pub fn with(self, bits: u8) -> Self {
            Self(bitor_m128i(self.0, splat(bits)))
        }

        /// What holds for the one or the other.
        #[inline]
        #[must_use]
        pub fn or(self, other: Self) -> Self {
            Self(bitor_m128i(self.0, other.0))
        }

        /// The answers, that of the first byte lowest.
        #[inline]
        pub fn bits(self) -> u16 {
            #[expect(clippy::cast_possible_truncation, reason = "there are sixteen")]
            let bits = move_mask_i8_m128i(self.0).cast_unsigned() as u16;
            bits
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod narrow {
    /// Sixteen bytes, or sixteen answers.
    #[derive(Clone, Copy)]
    pub struct Sixteen([u8; 16]);

    impl Sixteen {
        #[inline]
        pub fn of(bytes: &[u8; 16]) -> Self {
            Self(*bytes)
        }

        /// Which bytes are this one.
        #[inline]
        #[must_use]
        pub fn are(self, byte: u8) -> Self {
            Self(self.0.map(|one| if one == byte { 0xFF } else { 0 }))
        }

        /// Which bytes lie from `low` to `high`, both ASCII and counted in.
        #[inline]
        #[must_use]
        pub fn lie(self, low: u8, high: u8) -> Self {
            Self(self.0.map(|one| if (low..=high).contains(&one) { 0xFF } else { 0 }))
        }

        /// The bytes with these bits set.
        #[inline]
        #[must_use]
        pub fn with(self, bits: u8) -> Self {
            Self(self.0.map(|one| one | bits))
        }

        /// What holds for the one or the other.
        #[inline]
        #[must_use]
        pub fn or(self, other: Self) -> Self {
            let mut both = self.0;
            both.iter_mut().zip(other.0).for_each(|(one, two)| *one |= two);
            Self(both)
        }

        /// The answers, that of the first byte lowest.
        #[inline]
        pub fn bits(self) -> u16 {
            let (words, _) = self.0.as_chunks::<8>();
            words.iter().rev().fold(0, |bits, word| {
                let ones = u64::from_le_bytes(*word) >> 7 & 0x0101_0101_0101_0101;
                // The product has the eight ones or zeros side by side in its highest byte.
                let word = ones.wrapping_mul(0x0102_0408_1020_4080) >> 56;
                bits << 8 | u16::from(word.to_le_bytes()[0])
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the tests below hold against plain reasoning, for both forms.
    macro_rules! answers {
        ($sixteen:ty, $bytes:expr, $byte:expr) => {{
            let sixteen = <$sixteen>::of(&$bytes);
            let own = sixteen.or(sixteen.are(b'Z'));
            [
                sixteen.are($byte).bits(),
                sixteen.lie(b'A', b'Z').bits(),
                sixteen.with(0x20).lie(b'a', b'z').bits(),
                sixteen.are($byte).or(sixteen.lie(b'0', b'9')).bits(),
                own.are(0xFF).bits(),
            ]
        }};
    }

    proptest! {
        #[test]
        fn of_64_bytes_as_many_count_as_there_are(
            text in prop::collection::vec(any::<bool>(), 0..130),
        ) {
            let bytes: Vec<u8> = text.iter().map(|is| if *is { 0 } else { b'x' }).collect();
            let expected = text.iter().take(64).enumerate();
            let expected = expected.fold(0, |bits, (at, is)| bits | u64::from(*is) << at);
            prop_assert_eq!(first_sixty_four(&bytes, |part| part.are(0)), expected);
        }

        #[test]
        fn answers_are_those_of_each_byte(
            bytes in prop::array::uniform16(prop_oneof![
                any::<u8>(), b'@'..=b'[', b'`'..=b'{', b'/'..=b':'
            ]),
            byte in any::<u8>(),
        ) {
            let bits = |holds: &dyn Fn(u8) -> bool| {
                (0..).zip(bytes).fold(0_u16, |bits, (at, one)| bits | u16::from(holds(one)) << at)
            };
            let expected = [
                bits(&|one| one == byte),
                bits(&|one| one.is_ascii_uppercase()),
                bits(&|one| one.is_ascii_alphabetic()),
                bits(&|one| one == byte || one.is_ascii_digit()),
                bits(&|one| one == b'Z' || one == 0xFF),
            ];
            prop_assert_eq!(answers!(narrow::Sixteen, bytes, byte), expected);
            prop_assert_eq!(answers!(Sixteen, bytes, byte), expected);
        }
    }
}
