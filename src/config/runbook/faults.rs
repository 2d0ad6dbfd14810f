//! What is wrong with a runbook: all of it at once, each with its place.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use crate::config::document::Place;
use crate::model::failure::{Blame, Failure};
use crate::model::wording::counted;

/// Faults that are told at most; whoever has more begins with these.
pub const FAULTS_MAX: usize = 20;

/// Why a runbook is refused, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookFaults {
    /// At least one, at most [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub more: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The runbook, or a mapping file that it names.
    pub file: String,
    /// `None` when the file as a whole is meant.
    pub place: Option<Place>,
    pub what: String,
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{place}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl RunbookFaults {
    pub(super) fn one(file: &str, what: impl Into<String>, hint: Option<&str>) -> Self {
        let hint = hint.map(str::to_owned);
        let fault = Fault { file: file.to_owned(), place: None, what: what.into(), hint };
        Self { faults: vec![fault], more: 0 }
    }
}

/// One fault as a line with its hint behind it; several, one below the other.
impl fmt::Display for RunbookFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([fault], 0) = (&self.faults[..], self.more) {
            return fault.fmt(f);
        }
        let all = u64::try_from(self.faults.len() + self.more).unwrap_or(u64::MAX);
        write!(f, "the runbook has {}", counted(all, "fault"))?;
        for fault in &self.faults {
            write!(f, "\n{fault}")?;
            if let Some(hint) = &fault.hint {
                write!(f, " ({hint})")?;
            }
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for RunbookFaults {}

impl From<RunbookFaults> for Failure {
    fn from(faults: RunbookFaults) -> Self {
        let failure = Self::new(Blame::Request, faults.to_string());
        match &faults.faults[..] {
            [Fault { hint: Some(hint), .. }] => failure.hint(hint.clone()),
            _ => failure,
        }
    }
}

/// Where faults are gathered while a file is read.
pub(super) struct Desk<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faults: RefCell::new(Vec::new()) }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span.start)
    }

    pub(super) fn fault(&self, span: &Range<usize>, what: impl Into<String>) {
        self.push(span, what.into(), None);
    }

    pub(super) fn hinted(
        &self,
        span: &Range<usize>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(span, what.into(), Some(hint.into()));
    }

    fn push(&self, span: &Range<usize>, what: String, hint: Option<String>) {
        let place = Some(self.place(span));
        self.add(Fault { file: self.file.to_owned(), place, what, hint });
    }

    pub(super) fn add(&self, fault: Fault) {
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// All of them in the order of the file, those of other files behind; `None` is none.
    pub(super) fn close(self) -> Option<RunbookFaults> {
        let mut faults = self.faults.into_inner();
        let order = |fault: &Fault| (fault.file != self.file, fault.file.clone(), fault.place);
        faults.sort_by_key(order);
        let more = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        (!faults.is_empty()).then_some(RunbookFaults { faults, more })
    }
}
