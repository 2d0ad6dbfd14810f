//! The plan file: a survey written down, so that it can be reviewed before it is carried out.
//!
//! TOML with comments, always in the same order, so that git shows what is different. It holds no
//! secrets; the sample holds values of the input. Its digest is over all that it says, comments
//! left out: whoever changes a value says so with `edited = true`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Survey;
pub use super::drift::{check_org, check_rest};
use super::{Calls, Differences, Jobs, Lookup, Sample};
use crate::config::mapping::MappingSpec;
use crate::config::plan::{LoadPlan, Source};
use crate::config::policy::Policy;
use crate::config::project::place;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::{FieldSchema, OrgFacts, SentField};
use crate::pipeline::guards::is_production;

/// Version of what a plan file holds.
const FORMAT: u32 = 1;

/// Hexadecimal digits of the digest of one field: enough to see that it is another.
const FIELD_DIGITS: usize = 12;

/// A reviewed load, as it stands in a file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    pub format: u32,
    /// Version of the program that made it.
    pub version: String,
    /// Of all that stands below; see [`Frozen::is_as_made`].
    pub digest: String,
    /// Somebody has changed it by hand and stands by that.
    #[serde(default)]
    pub edited: bool,
    /// What was asked for, as `config::plan` writes it.
    pub load: toml::Table,
    pub org: FrozenOrg,
    pub input: FrozenInput,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<FrozenMapping>,
    pub rows: FrozenRows,
    pub jobs: Jobs,
    pub calls: FrozenCalls,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policy: BTreeMap<String, String>,
    pub columns: Vec<FrozenColumn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<FrozenGroup>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<Sample>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differences: Option<Differences>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenOrg {
    /// What it was called on the command line.
    pub alias: String,
    pub kind: String,
    pub id: String,
    pub name: String,
    pub production: bool,
    pub origin: String,
    pub user_id: String,
    pub username: String,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenInput {
    pub file: PathBuf,
    pub digest: Digest,
    /// Columns that are not sent.
    pub not_sent: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenMapping {
    pub file: PathBuf,
    pub digest: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenRows {
    pub input: u64,
    pub sent: u64,
    pub rejected: u64,
    /// Rows that change nothing and are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<u64>,
    /// Of the list of these rows and their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_digest: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenCalls {
    pub before: u64,
    /// Those of them that look for unchanged rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<u64>,
    pub for_jobs: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenColumn {
    pub from: String,
    pub to: String,
    pub r#type: String,
    /// Of what the org says of the field, its label left out.
    pub describe: String,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenGroup {
    pub code: String,
    pub count: u64,
    pub message: String,
    /// The first few.
    pub rows: Vec<u64>,
}

impl Frozen {
    /// Writes down what a survey of this plan found.
    pub fn of(
        plan: &LoadPlan,
        survey: &Survey,
        alias: &str,
        policy: &Policy,
    ) -> Result<Self, Failure> {
        let (Source::File(file), Some(digest)) = (&plan.input.source, survey.input_digest) else {
            let message = "a plan is for a file, and standard input is read but once";
            return Err(Failure::new(Blame::Request, message).hint("put the rows into a file"));
        };
        let mut load = toml::Table::try_from(plan)
            .map_err(|error| Failure::new(Blame::Run, format!("cannot write the plan: {error}")))?;
        load.remove("passing_org");
        let groups = survey.groups.iter().map(|group| FrozenGroup {
            code: group.code.clone(),
            count: group.count,
            message: group.message.clone(),
            rows: group.rows.clone(),
        });
        let policy = policy.lines().into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut frozen = Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: String::new(),
            edited: false,
            load,
            org: FrozenOrg::of(&survey.org, &survey.org_kind, alias),
            input: FrozenInput { file: file.clone(), digest, not_sent: survey.not_sent.clone() },
            mapping: plan
                .mapping
                .as_ref()
                .map(|spec| FrozenMapping { file: PathBuf::from(&spec.name), digest: spec.digest }),
            rows: FrozenRows {
                input: survey.rows(),
                sent: survey.accepted,
                rejected: survey.rejected,
                unchanged: plan.skip_unchanged.then_some(survey.unchanged),
                unchanged_digest: survey.unchanged_digest,
            },
            jobs: survey.jobs,
            calls: FrozenCalls::of(plan, survey),
            policy: policy.collect(),
            columns: survey.fields.iter().map(FrozenColumn::of).collect(),
            lookups: survey.lookups.clone(),
            rejected: groups.collect(),
            sample: survey.sample.clone(),
            differences: survey.differences.clone(),
        };
        frozen.digest = frozen.fingerprint();
        Ok(frozen)
    }

    /// Reads the text of a plan file; `path` stands in messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let frozen: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| place(text, span.start)).unwrap_or_default();
            let what = error.message().trim_end().replace('\n', ", ");
            Failure::new(Blame::Request, format!("{shown}{place}: {what}"))
                .hint("`longshore plan` makes plan files")
        })?;
        if frozen.format != FORMAT {
            let message = format!("`{shown}` is a plan of format {}", frozen.format);
            return Err(Failure::new(Blame::Request, message)
                .hint(format!("this version carries out format {FORMAT}; make the plan anew")));
        }
        if !frozen.edited && !frozen.is_as_made() {
            let message = format!("`{shown}` was changed after it was made");
            return Err(Failure::new(Blame::Guard, message)
                .cause("its digest is not that of what it says")
                .hint("take the change back, or make the plan anew")
                .hint("`edited = true` in it says that the change is meant"));
        }
        Ok(frozen)
    }

    /// Whether it says what it said when it was made.
    pub fn is_as_made(&self) -> bool {
        self.digest == self.fingerprint()
    }

    fn fingerprint(&self) -> String {
        let bare = Self { digest: String::new(), edited: false, ..self.clone() };
        Digest::of(&serde_json::to_vec(&bare).unwrap_or_default()).to_string()
    }

    /// The load that it freezes; reads the mapping file.
    pub fn plan(&self) -> Result<LoadPlan, Failure> {
        let mut table = self.load.clone();
        table.insert("passing_org".to_owned(), toml::Value::Boolean(false));
        let plan: LoadPlan = table.try_into().map_err(|error: toml::de::Error| {
            let message = format!("the plan does not say what to load: {}", error.message());
            Failure::new(Blame::Request, message).hint("make the plan anew")
        })?;
        let mapping = match &self.mapping {
            Some(file) => Some(MappingSpec::read_as(&file.file, plan.mapping_manner)?),
            None => None,
        };
        Ok(LoadPlan { mapping, ..plan })
    }

    /// The text of the file.
    pub fn text(&self, survey: &Survey) -> Result<String, Failure> {
        let bare = toml::to_string(self)
            .map_err(|error| Failure::new(Blame::Run, format!("cannot write the plan: {error}")))?;
        let mut text = String::from(HEAD);
        let mut told = Vec::new();
        for line in bare.lines() {
            let section = line.trim_start_matches('[').trim_end_matches(']');
            let begins = line.starts_with('[') && !told.contains(&section);
            if let Some((_, comment)) = COMMENTS.iter().find(|(name, _)| begins && *name == section)
            {
                text.push_str(comment);
                if let ("calls", Some((left, allowed))) = (section, survey.calls.left) {
                    let left = format!("{left} of {allowed} were left of the day.");
                    text.push_str("# When the plan was made, ");
                    text.push_str(&left);
                    text.push('\n');
                }
            }
            if begins {
                told.push(section);
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }
}

impl FrozenOrg {
    /// What an org says of itself.
    pub fn of(org: &OrgFacts, kind: &str, alias: &str) -> Self {
        Self {
            alias: alias.to_owned(),
            kind: kind.to_owned(),
            id: org.id.clone(),
            name: org.name.clone(),
            production: is_production(org),
            origin: org.origin.clone(),
            user_id: org.user_id.clone(),
            username: org.username.clone(),
        }
    }
}

impl FrozenCalls {
    fn of(plan: &LoadPlan, survey: &Survey) -> Self {
        let Calls { before, look, for_jobs, .. } = survey.calls;
        Self { before, look: plan.skip_unchanged.then_some(look), for_jobs }
    }
}

impl FrozenColumn {
    fn of(field: &SentField) -> Self {
        let bare = |field: &FieldSchema| FieldSchema { label: String::new(), ..field.clone() };
        let said = (bare(&field.field), field.related.as_ref().map(bare));
        let digest = Digest::of(&serde_json::to_vec(&said).unwrap_or_default()).to_string();
        Self {
            from: field.from.clone(),
            to: field.header.clone(),
            r#type: field.value_field().type_name.clone(),
            describe: digest.chars().take(FIELD_DIGITS).collect(),
        }
    }
}

const HEAD: &str = "\
# A load that was worked out and not sent. Review it, keep it in git, and carry it out with
# `longshore apply` in the folder in which it was made. That refuses when the file, the mapping,
# the org, the user, the fields or the rows are not what stands here any more.
#
# Comments may be added. A value that is changed by hand is refused, unless `edited` is true.

";

/// What stands above a section when it comes for the first time.
const COMMENTS: [(&str, &str); 13] = [
    ("load", "# What was asked for.\n"),
    (
        "org",
        "# Where it goes, as the org said itself; `production` asks for its name to be confirmed.\n",
    ),
    ("input", "# The file, as it was.\n"),
    ("mapping", "# The mapping file, as it was.\n"),
    ("rows", "# Rows of the file, and what would become of them.\n"),
    ("jobs", "# The jobs, all together; bytes are those of their bodies.\n"),
    (
        "calls",
        "# API calls, about: before the first row; then 7 a job (create, upload, start, 2 questions,\n# 2 result files), and 1 for 2,000 records of which is kept what they hold. For Auth0 at most 3 a\n# row.\n",
    ),
    (
        "policy",
        "# The policy of `longshore.toml` when the plan was made; that of the day of apply is held too.\n",
    ),
    (
        "columns",
        "# From which column to which field. `describe` is the digest of what the org says of it.\n",
    ),
    (
        "rejected",
        "# Rows that would not be sent, by what is wrong with them; `rows` are the first of them.\n",
    ),
    (
        "lookups",
        "# Columns whose values were looked up, and what was found; `digest` is of all pairs.\n",
    ),
    (
        "differences",
        "# What the rows would change, by what the org held then: the first 2,000, or all of them where\n# unchanged rows are left out.\n",
    ),
    ("sample", "# The first rows as they would be sent. These are values of the file.\n"),
];
