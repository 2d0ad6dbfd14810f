//! What became of a row.

/// Rows by verdict. The equation of promise 1 is [`Counts::is_balanced`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    pub input: u64,
    pub rejected: u64,
    pub success: u64,
    pub error: u64,
    pub unprocessed: u64,
    pub unknown: u64,
    /// Those of `success` that were not sent, as their records held all of it already.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub unchanged: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_nought(number: &u64) -> bool {
    *number == 0
}

impl Counts {
    /// Whether input = rejected + success + error + unprocessed + unknown.
    ///
    /// A sum too large for a number is none: counts are also read from files.
    pub fn is_balanced(&self) -> bool {
        let ended = [self.rejected, self.success, self.error, self.unprocessed, self.unknown];
        let ended = ended.into_iter().try_fold(0_u64, u64::checked_add);
        Some(self.input) == ended && self.unchanged <= self.success
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.input += other.input;
        self.rejected += other.rejected;
        self.success += other.success;
        self.error += other.error;
        self.unprocessed += other.unprocessed;
        self.unknown += other.unknown;
        self.unchanged += other.unchanged;
    }
}

/// How a result was matched to its row; the weakest proof is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// By the record's Id.
    Id,
    /// By the external id of an upsert.
    Key,
    /// By the text columns, equal and unique in the job.
    Text,
    /// By all columns, typed values in their canonical form.
    Typed,
    /// One of several rows that are equal in all that was sent.
    Group,
    /// The verdict is certain because all that remain share it; the Id is not.
    Count,
    /// By position, where the far side guarantees the order.
    Order,
    /// No result: the row was not sent, as the look before the run found nothing to change.
    Look,
}

impl MatchKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Key => "key",
            Self::Text => "text",
            Self::Typed => "typed",
            Self::Group => "group",
            Self::Count => "count",
            Self::Order => "order",
            Self::Look => "look",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the fuzz target `ledger_read`: the sum went round and was right again.
    #[test]
    fn a_sum_that_goes_round_is_no_balance() {
        let most = u64::MAX;
        let round = Counts { input: 3, success: most, error: 4, ..Counts::default() };
        assert!(!round.is_balanced());
        let fair = Counts { input: most, unknown: most, ..Counts::default() };
        assert!(fair.is_balanced());
    }
}
