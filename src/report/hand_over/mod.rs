//! The hand-over of a run: `report.md` and `report.html`, for whoever signs it off.
//!
//! An [`Account`] is made into a [`Page`] once ([`sections`], [`records`]), and both files say what
//! stands there. The HTML is one file without scripts, addresses or fonts of its own, and is
//! well-formed as XML. The same account gives the same bytes. All text is foreign until it is
//! escaped, and every list is bounded.

mod html;
mod markdown;
mod plot;
mod records;
mod sections;

#[cfg(test)]
mod tests;

use crate::account::Account;

/// The hand-over as Markdown, ending in a line end.
pub fn markdown(account: &Account) -> String {
    markdown::text(&sections::page(account))
}

/// The hand-over as one HTML file.
pub fn html(account: &Account) -> String {
    html::text(&sections::page(account))
}

/// What stands in both.
struct Page {
    title: String,
    /// How it ended, in a word or two.
    stamp: Cell,
    /// One sentence on the rows.
    lead: String,
    facts: Vec<(&'static str, Cell)>,
    parts: Vec<Part>,
    /// Who signs, and as what.
    signatures: Vec<(&'static str, String)>,
    /// What made this page.
    foot: String,
}

/// A heading and what stands under it.
struct Part {
    title: &'static str,
    blocks: Vec<Block>,
}

enum Block {
    /// A sentence or two; words between backticks are code.
    Text(String),
    List(Vec<String>),
    Table(Table),
    /// Shown in HTML only: the tables have the numbers.
    Plot(plot::Plot),
}

struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// A piece of text and how it looks.
struct Cell {
    text: String,
    look: Look,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Words between backticks are code.
    Text,
    /// All of it is code.
    Code,
    /// To the right.
    Number,
    Good,
    Doubtful,
    Bad,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Text }
    }

    fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Code }
    }

    fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Number }
    }
}

/// A text in its pieces: those between paired backticks are code.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find('`') {
        let Some(length) = rest[begin + 1..].find('`').filter(|length| *length > 0) else { break };
        let end = begin + 1 + length;
        found.push((false, &rest[..begin]));
        found.push((true, &rest[begin + 1..end]));
        rest = &rest[end + 1..];
    }
    found.push((false, rest));
    found.retain(|(_, piece)| !piece.is_empty());
    found
}
