//! All that a runbook may say: the one table of its keys.

use super::shape::{Form, Key, MANY, Shape, Takes};
use crate::config::policy::Share;
use crate::config::window::Window;
use crate::model::ids::RecordId;
use crate::model::limits;
use crate::model::names::ObjectName;

const fn needed(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { name, needed: true, takes, about }
}

const fn key(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { name, needed: false, takes, about }
}

/// The kinds of steps.
pub const KINDS: [&str; 6] = ["load", "export", "permissions", "assert", "checkpoint", "reconcile"];

/// The kinds of checks.
pub const CHECKS: [&str; 6] = ["count", "sum", "nulls", "orphans", "duplicates", "sample"];

pub static RUNBOOK: Shape = Shape {
    noun: "a runbook",
    title: "The file",
    keys: &[
        needed("runbook", Takes::Form(&ID), "the name of the runbook"),
        needed("version", Takes::Version, "the format of the file, which is 1"),
        key("description", Takes::AnyText, "what it is for"),
        key(
            "allow_paths_outside",
            Takes::YesNo,
            "paths may be absolute and may leave the folder of the file [default: false]",
        ),
        key(
            "default_target",
            Takes::Form(&ID),
            "the target without `--target`; may be left out where there is one",
        ),
        key(
            "parameters",
            Takes::Names {
                named: Some(&ID),
                takes: &Takes::Either(&[Takes::AnyText, Takes::Table(&PARAMETER)]),
                at_least: 0,
            },
            "names for values that differ from run to run, used as `${name}` in any text",
        ),
        needed(
            "targets",
            Takes::Names {
                named: Some(&ID),
                takes: &Takes::Names {
                    named: Some(&ID),
                    takes: &Takes::Either(&[Takes::Text, Takes::Table(&ORG)]),
                    at_least: 1,
                },
                at_least: 1,
            },
            "what `--target` chooses from: by name, the orgs that steps call by a word",
        ),
        key("policy", Takes::Table(&POLICY), "limits of the whole run"),
        needed("steps", Takes::Tables(&STEP), "the steps; `[[steps]]` begins one"),
    ],
    one_of: &[],
    needs: &[],
};

static PARAMETER: Shape = Shape {
    noun: "a parameter",
    title: "A parameter that must be given",
    keys: &[needed("description", Takes::Text, "what it is, for whoever must give it")],
    one_of: &[],
    needs: &[],
};

static ORG: Shape = Shape {
    noun: "an org",
    title: "An org of a target",
    keys: &[
        needed("alias", Takes::Text, "the alias that `org login` knows it by"),
        key("org_id", Takes::Form(&ORG_ID), "the id that the org must have, or a tenant's host"),
    ],
    one_of: &[],
    needs: &[],
};

static POLICY: Shape = Shape {
    noun: "the policy",
    title: "Policy",
    keys: &[
        key(
            "max_failed",
            Takes::Either(&[Takes::Whole { from: 0, to: MANY }, Takes::Form(&SHARE)]),
            "rows in error, or the part of all rows, past which a step is stopped",
        ),
        key(
            "max_rows_deleted",
            Takes::Whole { from: 0, to: MANY },
            "rows that all steps together may delete",
        ),
        key(
            "change_window",
            Takes::OneOrMore(&Takes::Form(&WINDOW)),
            "when a production org may be worked in, as in `longshore.toml`",
        ),
        key(
            "api_budget",
            Takes::Either(&[Takes::Whole { from: 1, to: MANY }, Takes::Form(&SHARE)]),
            "calls that the run may make in each org, or the part of those that are left",
        ),
    ],
    one_of: &[],
    needs: &[],
};

static STEP: Shape = Shape {
    noun: "a step",
    title: "A step",
    keys: &[
        needed("id", Takes::Form(&ID), "the name of the step, and of its folder"),
        key("title", Takes::Text, "what it does, for people"),
        key(
            "depends_on",
            Takes::List(&Takes::Text),
            "steps that must have succeeded before it begins",
        ),
        key("org", Takes::Text, "which org; may be left out where targets have one"),
        key(
            "max_failed",
            Takes::Either(&[Takes::Whole { from: 0, to: MANY }, Takes::Form(&SHARE)]),
            "as in the policy, for this step",
        ),
        key("load", Takes::Table(&LOAD), "rows are loaded"),
        key("export", Takes::Table(&EXPORT), "records are written to a file"),
        key("permissions", Takes::Table(&PERMISSIONS), "users get or lose permissions"),
        key("assert", Takes::Tables(&ASSERT), "the org must answer so"),
        key("checkpoint", Takes::Table(&CHECKPOINT), "a person must say yes"),
        key("reconcile", Takes::Tables(&CHECK), "source and org are compared"),
    ],
    one_of: &[&KINDS],
    needs: &[],
};

/// Where rows come from, in each table that has rows.
const SOURCE: [&str; 2] = ["file", "rows_of"];
const FILE: Key = key("file", Takes::Text, "the CSV file");
const ROWS_OF: Key = key(
    "rows_of",
    Takes::Text,
    "in place of `file`: the step whose rows it takes, the file of an export or what a load loaded",
);

pub(super) static LOAD: Shape = Shape {
    noun: "a load",
    title: "load",
    keys: &[
        needed(
            "operation",
            Takes::Word(&["insert", "update", "upsert", "delete", "hard-delete", "undelete"]),
            "what becomes of the rows",
        ),
        needed("object", Takes::Form(&OBJECT), "the API name of the object"),
        FILE,
        ROWS_OF,
        key("external_id", Takes::Form(&FIELD), "the field that an upsert finds records by"),
        key("mapping", Takes::Text, "the mapping file; without it, columns are named as fields"),
        key(
            "second_pass",
            Takes::List(&Takes::Text),
            "fields of the mapping that are written when all rows are there: references of the \
             object to itself",
        ),
        key("column_delimiter", Takes::Word(&DELIMITERS), "what separates the columns"),
        key("line_ending", Takes::Word(&LINE_ENDINGS), "how lines end"),
        key("encoding", Takes::Form(&ENCODING), "a label such as `windows-1252`"),
        key(
            "on_bad_row",
            Takes::Word(&["reject", "stop"]),
            "what becomes of a row that cannot be read or is not valid [default: reject]",
        ),
        key(
            "on_duplicate",
            Takes::Word(&["refuse", "keep-first", "keep-last", "separate"]),
            "what becomes of rows with the same key",
        ),
        key(
            "nulls",
            Takes::Word(&["ignore", "clear"]),
            "what an empty cell means to an update or upsert [default: ignore]",
        ),
        key("before_images", Takes::YesNo, "keep first what the records hold"),
        key("skip_unchanged", Takes::YesNo, "leave out rows whose records hold it already"),
        key("verify_after", Takes::YesNo, "Auth0: look at each user once more"),
        key(
            "chunk_rows",
            Takes::Whole { from: 1, to: limits::CHUNK_ROWS_MAX as u64 },
            "rows of a job at most",
        ),
        key(
            "chunk_bytes",
            Takes::Whole { from: 1, to: limits::CHUNK_BYTES_MAX },
            "bytes of a job at most",
        ),
        key(
            "parallel",
            Takes::Whole { from: 1, to: limits::JOBS_PARALLEL_MAX as u64 },
            "jobs at once",
        ),
    ],
    one_of: &[&SOURCE],
    needs: &[
        ("second_pass", "mapping"),
        ("column_delimiter", "file"),
        ("line_ending", "file"),
        ("encoding", "file"),
    ],
};

static EXPORT: Shape = Shape {
    noun: "an export",
    title: "export",
    keys: &[
        key("query", Takes::Form(&SOQL), "the SOQL"),
        key("object", Takes::Form(&OBJECT), "in place of `query`: the object"),
        key("fields", Takes::List(&Takes::Text), "beside `object`: its fields"),
        key("where", Takes::Text, "beside `object`: the condition"),
        needed("output", Takes::Form(&FILE_NAME), "the name of the file in the step's folder"),
        key("all", Takes::YesNo, "deleted and archived records too [default: false]"),
    ],
    one_of: &[&["query", "object"]],
    needs: &[("fields", "object"), ("where", "object"), ("object", "fields")],
};

static PERMISSIONS: Shape = Shape {
    noun: "a change of permissions",
    title: "permissions",
    keys: &[
        needed("action", Takes::Word(&["grant", "revoke", "sync"]), "as the commands of `perms`"),
        FILE,
        ROWS_OF,
        key("permission_sets", Takes::List(&Takes::Text), "for every user of the file"),
        key("permission_set_groups", Takes::List(&Takes::Text), "for every user of the file"),
        key(
            "match",
            Takes::List(&Takes::Word(&MATCHES)),
            "columns that may say who, in the order in which they decide",
        ),
        key(
            "expires",
            Takes::Form(&EXPIRES),
            "when a grant ends whose row does not say so: a date, a time, or `never`",
        ),
        key(
            "scope",
            Takes::Word(&["listed-permissions", "listed-users"]),
            "what a sync makes exactly so [default: listed-permissions]",
        ),
        key("everything", Takes::YesNo, "revoke all that the users hold [default: false]"),
    ],
    one_of: &[&SOURCE],
    needs: &[],
};

static ASSERT: Shape = Shape {
    noun: "an assertion",
    title: "assert",
    keys: &[
        needed(
            "query",
            Takes::Form(&SOQL),
            "a `SELECT COUNT() …`, or one that answers with one row of one value",
        ),
        key("equals", Takes::Scalar, "the same text, or the same number"),
        key("at_least", Takes::Number, "the number or more"),
        key("at_most", Takes::Number, "the number or less"),
        key("between", Takes::Pair, "from the first number to the second, both included"),
    ],
    one_of: &[&["equals", "at_least", "at_most", "between"]],
    needs: &[],
};

static CHECKPOINT: Shape = Shape {
    noun: "a checkpoint",
    title: "checkpoint",
    keys: &[needed("message", Takes::Text, "what whoever approves has looked at")],
    one_of: &[],
    needs: &[],
};

static CHECK: Shape = Shape {
    noun: "a check",
    title: "reconcile",
    keys: &[
        needed("name", Takes::Text, "the name of the check, once in the step"),
        key("count", Takes::Table(&COUNT), "rows, and records"),
        key("sum", Takes::Table(&COMPARED), "the sum of a column, and of a field"),
        key("nulls", Takes::Table(&COMPARED), "the part of empty cells, and of empty fields"),
        key("orphans", Takes::Table(&ORPHANS), "records without the parent they should have"),
        key("duplicates", Takes::Table(&COMPARED), "keys that stand more than once"),
        key("sample", Takes::Table(&SAMPLE), "rows of a load, compared field by field"),
        key(
            "tolerance",
            Takes::Either(&[Takes::Number, Takes::Form(&SHARE)]),
            "how far the two numbers may be apart, as a number or a percentage [default: 0]",
        ),
    ],
    one_of: &[&CHECKS],
    needs: &[],
};

const OF_OBJECT: Key = needed("object", Takes::Form(&OBJECT), "the object");
const WHERE: Key = key("where", Takes::Text, "only records that meet the condition");
const ONLY: Key = key(
    "only",
    Takes::Names { named: None, takes: &Takes::AnyText, at_least: 1 },
    "only rows whose columns hold these texts",
);

static COUNT: Shape = Shape {
    noun: "a count",
    title: "count",
    keys: &[FILE, ROWS_OF, ONLY, OF_OBJECT, WHERE],
    one_of: &[&SOURCE],
    needs: &[],
};

static COMPARED: Shape = Shape {
    noun: "a comparison",
    title: "sum, nulls, duplicates",
    keys: &[
        FILE,
        ROWS_OF,
        ONLY,
        needed("column", Takes::Text, "the column of the source"),
        OF_OBJECT,
        needed("field", Takes::Form(&FIELD), "the field of the object"),
        WHERE,
    ],
    one_of: &[&SOURCE],
    needs: &[],
};

static ORPHANS: Shape = Shape {
    noun: "a check for orphans",
    title: "orphans",
    keys: &[
        OF_OBJECT,
        needed("field", Takes::Form(&FIELD), "the reference to the parent"),
        WHERE,
        key("expected", Takes::Whole { from: 0, to: MANY }, "so many are expected [default: 0]"),
    ],
    one_of: &[],
    needs: &[],
};

static SAMPLE: Shape = Shape {
    noun: "a sample",
    title: "sample",
    keys: &[
        needed("step", Takes::Text, "the load whose rows are drawn"),
        key(
            "rows",
            Takes::Whole { from: 1, to: SAMPLE_ROWS_MAX as u64 },
            "how many [default: 200]",
        ),
        key("fields", Takes::List(&Takes::Form(&FIELD)), "the fields [default: all that it wrote]"),
    ],
    one_of: &[],
    needs: &[],
};

/// Rows of a sample, unless it is said, and at most: each takes a share of a query.
pub(super) const SAMPLE_ROWS: u32 = 200;
const SAMPLE_ROWS_MAX: u32 = 100_000;

const DELIMITERS: [&str; 6] = ["COMMA", "TAB", "PIPE", "SEMICOLON", "CARET", "BACKQUOTE"];
const LINE_ENDINGS: [&str; 3] = ["LF", "CRLF", "CR"];
/// The words of `--match`, and the columns as they are called in files.
pub(super) const MATCHES: [&str; 10] = [
    "username",
    "email",
    "user-id",
    "federation-identifier",
    "employee-number",
    "Username",
    "Email",
    "User Id",
    "Federation Identifier",
    "Employee Number",
];

static ID: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^[A-Za-z0-9_-]{1,64}$"),
    check: |text| {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(good) {
            return Ok(());
        }
        Err(format!("`{}` is no name: 1 to 64 letters, digits, `-` and `_`", text.escape_debug()))
    },
};

static OBJECT: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^[A-Za-z][A-Za-z0-9_]*$"),
    check: |text| ObjectName::parse(text).map(drop).map_err(|bad| bad.to_string()),
};

/// Fields may be reached over a relationship.
static FIELD: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^[A-Za-z][A-Za-z0-9_.]*$"),
    check: |text| {
        let wrong = text.split('.').find_map(|part| ObjectName::parse(part).err());
        wrong.map_or(Ok(()), |bad| Err(bad.to_string()))
    },
};

static ORG_ID: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^(00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?|[^/ ]+\\.[^/ ]+)$"),
    check: |text| {
        let host = text.contains('.') && !text.contains(['/', ' ']);
        let id = text.starts_with("00D") && RecordId::parse(text.as_bytes()).is_ok();
        if host || id {
            return Ok(());
        }
        Err(format!(
            "`{}` is neither the id of an org (15 or 18 characters from `00D` on) nor the host of \
             a tenant",
            text.escape_debug()
        ))
    },
};

static SHARE: Form = Form {
    expected: "a percentage such as `\"0.5%\"`",
    pattern: Some("^[0-9]{1,3}(\\.[0-9]{1,4})? *%$"),
    check: |text| text.parse::<Share>().map(drop),
};

static WINDOW: Form = Form {
    expected: "a text such as `\"Fri 20:00-02:00 Europe/Berlin\"`",
    pattern: None,
    check: |text| text.parse::<Window>().map(drop),
};

static ENCODING: Form = Form {
    expected: "a text in quotes",
    pattern: None,
    check: |text| {
        if encoding_rs::Encoding::for_label(text.as_bytes()).is_some() {
            return Ok(());
        }
        Err(format!("`{}` is no encoding such as `windows-1252`", text.escape_debug()))
    },
};

static SOQL: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^\\s*[Ss][Ee][Ll][Ee][Cc][Tt]\\s"),
    check: |text| {
        let word = text.split_whitespace().next().unwrap_or_default();
        let more = text.split_whitespace().nth(1).is_some();
        if word.eq_ignore_ascii_case("select") && more {
            return Ok(());
        }
        Err("a query begins with `SELECT`".to_owned())
    },
};

static FILE_NAME: Form = Form {
    expected: "a text in quotes",
    pattern: Some("^[^/\\\\]+$"),
    check: |text| {
        let plain = !text.trim().is_empty() && !text.contains(['/', '\\', ':', '\0']);
        if plain && !text.starts_with('.') && text.len() <= 200 {
            return Ok(());
        }
        Err(format!(
            "`{}` is no plain file name; the file lies in the step's folder",
            text.escape_debug()
        ))
    },
};

static EXPIRES: Form = Form {
    expected: "a text in quotes",
    pattern: None,
    check: |text| {
        let date = text.parse::<jiff::civil::Date>().is_ok();
        let time = text.parse::<jiff::Timestamp>().is_ok();
        if date || time || text.eq_ignore_ascii_case("never") {
            return Ok(());
        }
        Err(format!(
            "`{}` is neither a date such as `2027-01-31`, nor a time such as \
             `2027-01-31T18:00:00Z`, nor `never`",
            text.escape_debug()
        ))
    },
};
