//! Results come back shuffled and spelled otherwise, in every way that the documents leave open.

use longshore::practice::mischief::Fault;
use longshore::practice::switches::{
    ClearEcho, Echo, EmptyEcho, HeaderEcho, LineEndEcho, NumberEcho, ResultStyle, Switches,
};
use longshore::practice::{Org, SeedSize};

use super::{Stage, always, each};
use crate::door::Door;

type Set = fn(&mut Switches);

fn switches() -> Vec<(&'static str, Set)> {
    vec![
        ("as documented", |_| {}),
        ("plain numbers", |s| s.echo_numbers = NumberEcho::Plain),
        ("numbers as sent", |s| s.echo_numbers = NumberEcho::Verbatim),
        ("booleans as sent", |s| s.echo_booleans = Echo::Verbatim),
        ("dates as sent", |s| s.echo_dates = Echo::Verbatim),
        ("clear marks as sent", |s| s.echo_clear = ClearEcho::Verbatim),
        ("empty cells as clear marks", |s| s.echo_empty = EmptyEcho::ClearMark),
        ("line ends as line feeds", |s| s.echo_line_ends = LineEndEcho::Lf),
        ("blanks trimmed", |s| s.echo_trims_text = true),
        ("fixed line ends", |s| s.result_line_ending = ResultStyle::Fixed),
        ("fixed delimiter", |s| s.result_delimiter = ResultStyle::Fixed),
        ("header in quotes", |s| s.header_echo = HeaderEcho::Quoted),
        ("header respelled", |s| s.header_echo = HeaderEcho::Canonical),
        ("error fields apart", |s| ";".clone_into(&mut s.error_field_separator)),
        ("bad ids not repeated", |s| s.failed_rows_repeat_bad_ids = false),
        ("all at once", |s| {
            s.echo_numbers = NumberEcho::Plain;
            s.echo_empty = EmptyEcho::ClearMark;
            s.echo_line_ends = LineEndEcho::Lf;
            s.echo_trims_text = true;
            s.header_echo = HeaderEcho::Canonical;
        }),
    ]
}

/// Opportunities that differ in one typed cell only, or in blanks and line ends, or in nothing.
fn opportunities() -> String {
    let mut text = "name,STAGENAME,CloseDate,Amount,Description,NextStep,Ticket\n".to_owned();
    for row in 0..40 {
        let (amount, date) = (912_260_000 + row / 2, 10 + row % 2);
        let line = format_args!(
            "Same,Prospecting,2026-11-{date},{amount},\"a\r\nb {}\", lead ,T-{row}\n",
            row % 4
        )
        .to_string();
        text.push_str(&line);
    }
    text.push_str("Zürich 😀,Prospecting,2026-11-20,0.5,,,T-40\n");
    text.push_str(
        "Quote \"\" , in,Prospecting,2026-11-20,,#N/A,,T-41\n"
            .replace("Quote \"\" , in", "\"Quote \"\" , in\"")
            .as_str(),
    );
    text.push_str("Same,Prospecting,2026-11-20,1,,,T-42\nSame,Prospecting,2026-11-20,1,,,T-43\n");
    text
}

#[test]
fn every_spelling_of_results_finds_its_row() {
    let mut cases = Vec::new();
    for (name, set) in switches() {
        for fails in [false, true] {
            cases.push((format!("{name}, fails: {fails}"), (set, fails)));
        }
    }
    each(&cases, |(set, fails)| {
        let mut switches = Switches::default();
        set(&mut switches);
        let org = Org::new(&SeedSize { users: 5, permission_sets: 8 }).with_switches(switches);
        let stage = Stage::of(org, Door::plain());
        if *fails {
            let tired = Fault::TireRows { every: 7 };
            let stage = stage.mischief(&[always("POST", "*/jobs/ingest", tired)]);
            run(&stage, 3, 38, 6);
        } else {
            run(&stage, 0, 44, 0);
        }
    });
}

fn run(stage: &Stage, code: i32, success: u64, error: u64) {
    stage.world.file("o.csv", opportunities());
    let (ran, summary) = stage.world.load(&["insert", "Opportunity", "o.csv"]);
    ran.expect(code);
    let rows = &summary["rows"];
    assert_eq!((rows["success"].as_u64(), rows["error"].as_u64()), (Some(success), Some(error)));
    // The amount of each row is that of the record it is said to have become.
    let org = stage.world.practice().org();
    for row in stage.world.results(&summary, "success") {
        let record = org.retrieve("Opportunity", &row["sf__Id"]).unwrap();
        let found = record.iter().find(|(name, _)| name == "Amount").map(|(_, value)| value);
        let sent = row["Amount"].parse::<f64>().ok();
        let held = match found {
            Some(longshore::practice::org::Value::Double(held)) => Some(*held),
            _ => None,
        };
        assert_eq!(held, sent, "{row:?}");
    }
}
