//! Pairs of user and permission or role at Auth0: exactly those that the run removed or added.
//!
//! The results as received tell which; a pair that was `absent` or `unchanged` stays as it is.

use csv::{ByteRecord, ReaderBuilder};

use super::rows::as_written;
use super::sheet::Sheets;
use super::{Held, Tally};
use crate::ledger::{Output, Raw, RawKind};
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;

/// Columns of the body that name the user; the Id from the results stands for both.
const USER: [&[u8]; 2] = [b"user_id", b"email"];

/// Draws the pairs of all chunks.
pub(super) fn draw(held: &Held, sheets: &mut Sheets, tally: &mut Tally) -> Result<(), Failure> {
    let (operation, word, count): (_, &[u8], fn(&mut Tally) -> &mut u64) = match held.plan.operation
    {
        Operation::Insert => (Operation::Delete, b"added", |tally| &mut tally.take_away),
        _ => (Operation::Insert, b"removed", |tally| &mut tally.give_back),
    };
    let of_user = |column: &String| USER.iter().any(|u| u.eq_ignore_ascii_case(column.as_bytes()));
    let what: Vec<&str> =
        held.manifest.sent.iter().filter(|column| !of_user(column)).map(String::as_str).collect();
    let header: Vec<&str> = std::iter::once("user_id").chain(what.iter().copied()).collect();
    let load = sheets.load(operation, &header);
    for (number, chunk) in &held.state.chunks {
        let good = chunk.raw.iter().find(|raw| raw.which == RawKind::Successful);
        let Some(&Raw { rows, bytes, digest, .. }) = good else { continue };
        if held.state.cleaned.is_some() {
            return Err(removed(&held.manifest.run));
        }
        let path = held.folder.raw().join(format!("{number}.successful.csv"));
        let name = String::new();
        as_written(&path, &Output { name, rows: rows.unwrap_or_default(), bytes, digest })?;
        let bad = |error: csv::Error| Failure::disk("read", &path, &error.into());
        let mut reader = ReaderBuilder::new().flexible(true).from_path(&path).map_err(bad)?;
        let header = reader.byte_headers().map_err(bad)?.clone();
        let place = |name: &str| {
            let found = header.iter().position(|column| column == name.as_bytes());
            found.ok_or_else(|| {
                Failure::new(Blame::Run, format!("`{}` has no column `{name}`", path.display()))
            })
        };
        let (id, told) = (place("sf__Id")?, place("sf__Created")?);
        let what = what.iter().map(|name| place(name)).collect::<Result<Vec<_>, _>>()?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(bad)? {
            if !record.get(told).unwrap_or_default().starts_with(word) {
                tally.nothing += 1;
                continue;
            }
            *count(tally) += 1;
            let cells = std::iter::once(&id).chain(&what);
            sheets.row(load, cells.map(|at| record.get(*at).unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn removed(run: &str) -> Failure {
    let message = format!("the results of `{run}` were removed by `longshore runs clean`");
    Failure::new(Blame::Request, message).hint("without them this run cannot be undone")
}
