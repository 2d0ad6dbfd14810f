//! Where what belongs to a step lies in the folder of the run.

use std::path::{Path, PathBuf};

use super::ask::folder_name;
use crate::config::runbook::{Rows, Runbook, StepKind};
use crate::pipeline::parent;

/// The paths of a run.
#[derive(Debug, Clone)]
pub struct Places {
    steps: PathBuf,
    /// Id, name of the folder, and the file of its rows, of each step.
    known: Vec<(String, String, Option<String>)>,
}

impl Places {
    pub fn of(root: &Path, runbook: &Runbook) -> Self {
        let known = runbook.steps.iter().map(|step| {
            let rows = match &step.kind {
                StepKind::Export(export) => Some(export.output.clone()),
                StepKind::Load(_) | StepKind::Permissions(_) => Some("success.csv".to_owned()),
                StepKind::Assert(_) | StepKind::Checkpoint(_) | StepKind::Reconcile(_) => None,
            };
            (step.id.clone(), folder_name(runbook, &step.id), rows)
        });
        Self { steps: parent::steps(root), known: known.collect() }
    }

    /// The folder of all steps.
    pub fn steps(&self) -> &Path {
        &self.steps
    }

    /// The name of the folder of a step; of its run too, if it has one.
    pub fn name(&self, id: &str) -> String {
        let found = self.known.iter().find(|(step, ..)| step == id);
        found.map_or_else(|| id.to_owned(), |(_, name, _)| name.clone())
    }

    /// The name of the run of a second pass.
    pub fn second_name(&self, id: &str) -> String {
        format!("{}.second", self.name(id))
    }

    pub fn folder(&self, id: &str) -> PathBuf {
        self.steps.join(self.name(id))
    }

    pub fn second(&self, id: &str) -> PathBuf {
        self.steps.join(self.second_name(id))
    }

    /// The mapping of a step as its run reads it, where that is not the file that was given.
    pub fn mapping(&self, id: &str) -> PathBuf {
        self.steps.join(format!("{}.mapping.toml", self.name(id)))
    }

    pub fn second_mapping(&self, id: &str) -> PathBuf {
        self.steps.join(format!("{}.mapping.toml", self.second_name(id)))
    }

    /// The name of the input of a second pass, below [`Self::steps`].
    pub fn second_input(&self, id: &str) -> String {
        format!("{}.csv", self.second_name(id))
    }

    /// What was compared by a step.
    pub fn checks(&self, id: &str) -> PathBuf {
        self.folder(id).join("checks.json")
    }

    /// The rows that a step has written for others: what an export wrote, what a load loaded.
    pub fn rows_of(&self, id: &str) -> PathBuf {
        let name = self.known.iter().find(|(step, ..)| step == id);
        let name = name.and_then(|(_, _, rows)| rows.as_deref()).unwrap_or("success.csv");
        self.folder(id).join("out").join(name)
    }

    /// The file of some rows.
    pub fn file(&self, rows: &Rows) -> PathBuf {
        match rows {
            Rows::File(path) => path.clone(),
            Rows::Step(id) => self.rows_of(id),
        }
    }
}
