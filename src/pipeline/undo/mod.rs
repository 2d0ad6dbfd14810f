//! Undo: takes a finished run back, by ordinary loads with ledgers of their own.
//!
//! What an insert made is deleted; what an update changed is written back, where the present value
//! is still the one that was written; what a delete took away comes out of the recycle bin, and is
//! created anew where it is not there any more; what was undeleted is deleted again; what was
//! removed from users of Auth0, or given to them, is given back or removed. An upsert is both of
//! the first.
//!
//! [`Held::draw_up`] works it out against the org as it is now and writes the input of each load
//! into `undo/` of the run, with the conflicts beside them. [`Drawn::begin`] makes a [`Record`] of
//! it: from then on the names of the runs that carry it out are fixed, so that whoever comes after
//! a kill goes on with them, and none of it is done twice. Memory: one batch of 2,000 records.

mod back;
mod pairs;
mod record;
mod rows;
mod sheet;

use std::path::{Path, PathBuf};

pub use self::record::{Part, Record, Stand};
use self::sheet::Sheets;
use super::manifest;
use crate::config::plan::{
    CopyStyle, Delimiter, Input, LineEnding, LoadPlan, MappingManner, Nulls, OnBadRow, Source,
};
use crate::ledger::{Manifest, Output, RunFolder, RunState};
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::model::schema::OrgFacts;
use crate::model::wording::{count, counted};
use crate::target::Target;

/// A run that is to be taken back, locked until this is dropped.
pub struct Held {
    folder: RunFolder,
    manifest: Manifest,
    state: RunState,
    /// Its success.csv as the ledger knows it.
    success: Output,
    plan: LoadPlan,
}

/// What an undo is about to do, in rows; of conflicts in fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Records that the run created and that are deleted.
    pub delete: u64,
    /// Records that get old values back.
    pub write_back: u64,
    /// Records that are created anew, with new Ids.
    pub create: u64,
    /// Records that are taken out of the recycle bin, with their Ids.
    #[serde(default)]
    pub restore: u64,
    /// Records that the run had taken out of it, and that are deleted again.
    #[serde(default)]
    pub delete_again: u64,
    /// Permissions or roles that are given back, and taken away.
    pub give_back: u64,
    pub take_away: u64,
    /// Fields that hold neither what was written nor what was there before.
    pub conflicts: u64,
    /// Rows of which nothing is known that could be written, or that are unknown themselves.
    pub cannot: u64,
    /// Rows where all is as it was before the run already.
    pub nothing: u64,
}

/// An undo that is worked out; nothing is sent.
#[derive(Debug)]
pub struct Drawn {
    pub tally: Tally,
    pub parts: Vec<Part>,
    /// The file of conflicts, if there are any.
    pub conflicts: Option<PathBuf>,
    /// What a person should know before.
    pub notices: Vec<String>,
    record: PathBuf,
    run: String,
}

impl Held {
    /// Locks the run in `root`; it must be finished, and its success.csv as it was written.
    pub fn of(root: &Path, now: &str) -> Result<Self, Failure> {
        let folder = RunFolder::open(root, now)?;
        let manifest = Manifest::read(root)?;
        let (state, _) = RunState::read(&folder.ledger(), &manifest.run)?;
        if state.closed.is_none() {
            return Err(unfinished(&manifest.run));
        }
        let plan = manifest::plan(&manifest, root.parent().unwrap_or(root))?;
        let outputs = state.outputs.iter().flatten();
        let success = outputs.into_iter().find(|output| output.name == "success.csv").cloned();
        let success = success.ok_or_else(|| no_outputs(&manifest.run))?;
        Ok(Self { folder, manifest, state, success, plan })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The newest undo of the run that was begun.
    pub fn begun(&self) -> Result<Option<Record>, Failure> {
        Record::newest(&self.undo_dir())
    }

    fn undo_dir(&self) -> PathBuf {
        self.folder.root().join("undo")
    }

    /// Works out what can be taken back, against the org as it is now.
    pub async fn draw_up<T: Target>(&self, target: &T) -> Result<Drawn, Failure> {
        same_org(&self.manifest, &target.facts().await?)?;
        let mut sheets = Sheets::next(&self.undo_dir(), &self.manifest.run)?;
        let mut tally = Tally::default();
        let mut notices = Vec::new();
        if target.kind() == "auth0" {
            pairs::draw(self, &mut sheets, &mut tally)?;
        } else {
            back::Drawing::new(self, target, &mut sheets, &mut tally, &mut notices).draw().await?;
        }
        let unknown = self.state.closed.map_or(0, |closed| closed.counts.unknown);
        if unknown > 0 {
            tally.cannot += unknown;
            notices.push(format!(
                "nobody knows whether {} of unknown.csv took effect: look them up in the org",
                counted(unknown, "row")
            ));
        }
        let drawn = sheets.finish(&self.manifest.run)?;
        let (parts, conflicts, record) = (drawn.parts, drawn.conflicts, drawn.record);
        let run = self.manifest.run.clone();
        Ok(Drawn { tally, parts, conflicts, notices, record, run })
    }

    /// The load that carries out a part.
    pub fn load_plan(&self, part: &Part) -> LoadPlan {
        LoadPlan {
            operation: part.operation,
            external_id: None,
            input: Input {
                source: Source::File(self.undo_dir().join(&part.input)),
                delimiter: Some(Delimiter::Comma),
                line_ending: Some(LineEnding::Lf),
                encoding: None,
            },
            mapping: None,
            assignment_rule: None,
            mapping_manner: MappingManner::Own,
            on_bad_row: OnBadRow::Reject,
            // Its rows were looked through once.
            on_duplicate: None,
            nulls: Nulls::Ignore,
            skip: 0,
            limit: None,
            run_name: Some(part.run.clone()),
            success_copy: None,
            error_copy: None,
            copy_style: CopyStyle::Own,
            group_by: None,
            lanes: None,
            conversions: None,
            // Its record keeps it from being done twice.
            state_dir: None,
            retry_of: None,
            undo_of: Some(self.manifest.run.clone()),
            verify_after: false,
            skip_unchanged: false,
            before_images: !matches!(part.operation, Operation::Insert | Operation::Undelete),
            passing_org: false,
            ..self.plan.clone()
        }
    }

    /// How far a part has come.
    pub fn stand(&self, part: &Part) -> Result<Stand, Failure> {
        part.stand(&self.plan.runs_dir, &self.manifest.run)
    }

    /// Whether a part of an undo that was begun has sent nothing yet.
    pub fn has_parts_to_come(&self, record: &Record) -> Result<bool, Failure> {
        for part in &record.parts {
            if self.stand(part)? == Stand::NotBegun {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The run of an earlier undo whose records are there because of it, if there is one: it
    /// created some, and was not undone itself.
    pub fn created_by(&self, record: &Record) -> Result<Option<String>, Failure> {
        if self.manifest.org_kind == "auth0" {
            // Sets hold nothing twice.
            return Ok(None);
        }
        for part in record.parts.iter().filter(|part| part.operation == Operation::Insert) {
            let Stand::Finished(root, _) = self.stand(part)? else { continue };
            if Record::newest(&root.join("undo"))?.is_none() {
                return Ok(Some(part.run.clone()));
            }
        }
        Ok(None)
    }

    /// Writes which new Id stands for which old one, where records were created; returns the file.
    pub fn write_ids(&self, part: &Part) -> Result<Option<PathBuf>, Failure> {
        record::write_ids(&self.undo_dir(), part, &self.plan.runs_dir)
    }
}

/// Whether an undo of the run in `root` was begun, by whatever process.
pub fn was_begun(root: &Path) -> Result<bool, Failure> {
    Ok(Record::newest(&root.join("undo"))?.is_some())
}

impl Tally {
    /// Adds what another undo does.
    pub fn add(&mut self, other: Self) {
        self.delete += other.delete;
        self.delete_again += other.delete_again;
        self.write_back += other.write_back;
        self.restore += other.restore;
        self.create += other.create;
        self.give_back += other.give_back;
        self.take_away += other.take_away;
        self.conflicts += other.conflicts;
        self.cannot += other.cannot;
        self.nothing += other.nothing;
    }

    /// `delete 4,812 that it created · write back 96 · 3 conflicts`.
    pub fn text(&self) -> String {
        let conflicts = if self.conflicts == 1 { "conflict" } else { "conflicts" };
        let parts = [
            (self.delete, format!("delete {} that it created", count(self.delete))),
            (self.delete_again, format!("delete {} again", count(self.delete_again))),
            (self.write_back, format!("write back {}", count(self.write_back))),
            (self.restore, format!("take {} out of the recycle bin", count(self.restore))),
            (self.create, format!("create {} anew", count(self.create))),
            (self.give_back, format!("give back {}", count(self.give_back))),
            (self.take_away, format!("take away {}", count(self.take_away))),
            (self.nothing, format!("nothing to do for {}", count(self.nothing))),
            (self.conflicts, format!("{} {conflicts}", count(self.conflicts))),
            (self.cannot, format!("{} cannot be undone", count(self.cannot))),
        ];
        let told: Vec<String> =
            parts.into_iter().filter(|(rows, _)| *rows > 0).map(|(_, text)| text).collect();
        if told.is_empty() { "there are no rows".to_owned() } else { told.join(" · ") }
    }
}

impl Drawn {
    /// The run that would be taken back.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Fixes it: from now on it is gone on with, and not drawn up again.
    pub fn begin(&self) -> Result<Record, Failure> {
        let record = Record { run: self.run.clone(), tally: self.tally, parts: self.parts.clone() };
        record.write(&self.record)?;
        Ok(record)
    }

    /// The refusal of an undo that would send nothing.
    pub fn nothing(&self) -> Failure {
        let message =
            format!("an undo of `{}` has nothing to send: {}", self.run, self.tally.text());
        Failure::new(Blame::Request, message)
    }
}

fn unfinished(run: &str) -> Failure {
    Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
        .hint(format!("`longshore resume {run}` goes on with it; then it can be undone"))
}

fn no_outputs(run: &str) -> Failure {
    let message = format!("the ledger of `{run}` does not tell of its result files");
    Failure::new(Blame::Ledger, message)
}

/// Ids and values of one org mean nothing in another. Another user may undo.
fn same_org(manifest: &Manifest, org: &OrgFacts) -> Result<(), Failure> {
    let same = if manifest.org_id.is_empty() || org.id.is_empty() {
        manifest.org_origin == org.origin
    } else {
        manifest.org_id == org.id
    };
    if same {
        return Ok(());
    }
    let message = format!(
        "the run `{}` was made in org `{}` at {}, and this is org `{}` at {}",
        manifest.run, manifest.org_id, manifest.org_origin, org.id, org.origin
    );
    Err(Failure::new(Blame::Guard, message).hint("sign in to the org of the run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview() {
        let all = Tally {
            delete: 4_812,
            write_back: 96,
            create: 1,
            restore: 11,
            delete_again: 12,
            give_back: 7,
            take_away: 8,
            conflicts: 3,
            cannot: 2,
            nothing: 5,
        };
        insta::assert_snapshot!(all.text(), @"delete 4,812 that it created · delete 12 again · write back 96 · take 11 out of the recycle bin · create 1 anew · give back 7 · take away 8 · nothing to do for 5 · 3 conflicts · 2 cannot be undone");
        let one = Tally { write_back: 1, conflicts: 1, ..Tally::default() };
        assert_eq!(one.text(), "write back 1 · 1 conflict");
        assert_eq!(Tally::default().text(), "there are no rows");
    }

    #[test]
    fn an_undo_stays_in_its_org() {
        let manifest = |id: &str| -> Manifest {
            serde_json::from_value(serde_json::json!({
                "format": 2, "version": "0", "run": "r", "started": "", "operation": "update",
                "object": "Account", "external_id": null, "alias": "env", "org_id": id,
                "org_origin": "https://a.example", "user_id": "u", "username": "u", "input": "",
                "skip": 0, "limit": null, "chunk_rows": 1, "chunk_bytes": 1, "sent": [],
            }))
            .unwrap()
        };
        let org = |id: &str, origin: &str| OrgFacts {
            id: id.to_owned(),
            name: String::new(),
            user_id: "another".to_owned(),
            username: String::new(),
            sandbox: None,
            origin: origin.to_owned(),
        };
        assert!(same_org(&manifest("00D1"), &org("00D1", "https://b.example")).is_ok());
        assert!(same_org(&manifest(""), &org("00D1", "https://a.example")).is_ok());
        let failure = same_org(&manifest("00D1"), &org("00D2", "https://a.example")).unwrap_err();
        assert_eq!(failure.blame, Blame::Guard);
        insta::assert_snapshot!(failure.message, @"the run `r` was made in org `00D1` at https://a.example, and this is org `00D2` at https://a.example");
    }
}
