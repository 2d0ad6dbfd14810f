//! The reference page of the conversions, written from the table of switches.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::{ALLOW_KEY, Switch};

fn page() -> String {
    let mut table = String::from(
        "| name | field | cell | Data Loader makes | why not |\n|---|---|---|---|---|",
    );
    for switch in Switch::ALL {
        let about = switch.about();
        let cell = |text: &str| match text.split_once(", ") {
            Some((value, place)) => format!("`{value}`, {place}"),
            None if text.contains(' ') && !text.starts_with(|c: char| c.is_ascii_digit()) => {
                text.to_owned()
            }
            None => format!("`{text}`"),
        };
        let (name, fields, danger) = (switch.name(), about.fields, about.danger);
        let (from, to) = (cell(about.cell), cell(about.becomes));
        write!(table, "\n| `{name}` | {fields} | {from} | {to} | {danger} |").unwrap();
    }
    include_str!("page.md").replace("{SWITCHES}", &table)
}

#[test]
fn the_page_of_the_conversions_is_up_to_date() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/data-loader-conversions.md");
    let wanted = page();
    if std::fs::read_to_string(&path).unwrap_or_default() != wanted {
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(wanted.as_bytes()).unwrap();
        panic!("the page was out of date; it has been written anew, run again");
    }
    assert!(wanted.contains(&format!("`{ALLOW_KEY}=")));
}
