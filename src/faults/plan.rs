//! The grammar of plans.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use super::Op;

/// What shall happen, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub(super) orders: Vec<Order>,
    pub(super) mutants: Vec<String>,
    pub(super) note: Option<PathBuf>,
    pub(super) trace: Option<PathBuf>,
}

/// One thing that shall happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// As it was written; notes show it.
    pub(super) text: String,
    pub(super) point: String,
    pub(super) part: Option<String>,
    pub(super) nth: u64,
    /// Each later time too.
    pub(super) on: bool,
    pub(super) action: Action,
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kill,
    /// The thread panics.
    Panic,
    /// Half of a write is done, and the next one finds no space.
    Short,
    /// What was not synced is lost in part, by this seed; then as a kill.
    Power(u64),
    NoSpace,
    Io,
    Quota,
    TooBig,
    ReadOnly,
}

/// A plan that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{0}` in a plan of faults")]
pub struct BadPlan(String);

impl Op {
    pub(super) const ALL: [Self; 8] = [
        Self::Create,
        Self::Write,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::SetLen,
        Self::CreateDir,
        Self::SyncFolder,
    ];

    /// The names of the points before and after.
    pub(super) fn words(self) -> [&'static str; 2] {
        match self {
            Self::Create => ["create", "create.after"],
            Self::Write => ["write", "write.after"],
            Self::Sync => ["sync", "sync.after"],
            Self::Rename => ["rename", "rename.after"],
            Self::Remove => ["remove", "remove.after"],
            Self::SetLen => ["set_len", "set_len.after"],
            Self::CreateDir => ["create_dir", "create_dir.after"],
            Self::SyncFolder => ["sync_folder", "sync_folder.after"],
        }
    }
}

impl FromStr for Plan {
    type Err = BadPlan;

    /// Reads the orders; the page of the module has the grammar.
    fn from_str(text: &str) -> Result<Self, BadPlan> {
        let mut plan = Self::default();
        for order in text.split(',').map(str::trim).filter(|order| !order.is_empty()) {
            if let Some(path) = order.strip_prefix("note=") {
                plan.note = Some(path.into());
            } else if let Some(path) = order.strip_prefix("trace=") {
                plan.trace = Some(path.into());
            } else if let Some(name) = order.strip_prefix("mutant:") {
                plan.mutants.push(name.to_owned());
            } else {
                plan.orders.push(read(order).ok_or_else(|| BadPlan(order.to_owned()))?);
            }
        }
        Ok(plan)
    }
}

fn read(text: &str) -> Option<Order> {
    let mut words = text.split(':');
    let (point, nth, action) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let (point, part) = match point.split_once('@') {
        Some((point, part)) => (point, Some(part.to_owned())),
        None => (point, None),
    };
    let (nth, on) = nth.strip_suffix('+').map_or((nth, false), |nth| (nth, true));
    let nth = nth.parse().ok().filter(|nth| *nth > 0)?;
    let action = Action::read(action)?;
    let point = point.to_owned();
    is_point(&point).then(|| Order { text: text.to_owned(), point, part, nth, on, action })
}

/// Facts are not checked: which there are is the ledger's business.
fn is_point(word: &str) -> bool {
    let side = word.strip_prefix("ledger.").and_then(|word| word.split_once('.'));
    ["any", "any.after"].contains(&word)
        || Op::ALL.into_iter().any(|op| op.words().contains(&word))
        || side.is_some_and(|(_, side)| ["before", "after"].contains(&side))
}

impl Action {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "kill" => Self::Kill,
            "panic" => Self::Panic,
            "short" => Self::Short,
            "enospc" => Self::NoSpace,
            "eio" => Self::Io,
            "edquot" => Self::Quota,
            "efbig" => Self::TooBig,
            "erofs" => Self::ReadOnly,
            _ => Self::Power(word.strip_prefix("power=")?.parse().ok()?),
        })
    }

    /// The error of the operating system, for the actions that are one.
    #[cfg(unix)]
    pub(super) fn error(self) -> io::Error {
        use rustix::io::Errno;

        io::Error::from(match self {
            Self::NoSpace | Self::Short => Errno::NOSPC,
            Self::Quota => Errno::DQUOT,
            Self::TooBig => Errno::FBIG,
            Self::ReadOnly => Errno::ROFS,
            Self::Io | Self::Kill | Self::Panic | Self::Power(_) => Errno::IO,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn error(self) -> io::Error {
        io::Error::from(match self {
            Self::NoSpace | Self::Short => io::ErrorKind::StorageFull,
            Self::Quota => io::ErrorKind::QuotaExceeded,
            Self::TooBig => io::ErrorKind::FileTooLarge,
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            Self::Io | Self::Kill | Self::Panic | Self::Power(_) => io::ErrorKind::Other,
        })
    }
}
