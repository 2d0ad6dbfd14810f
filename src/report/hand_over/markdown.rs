//! The page as Markdown, as GitHub and others read it.

use std::fmt::Write;

use super::{Block, Cell, Look, Page, Table, pieces};
use crate::report::figures::escape;

pub(super) fn text(page: &Page) -> String {
    let mut out = format!("# {}\n\n", inline(&page.title));
    line(&mut out, &format!("**{}.** {}\n", plain(&page.stamp.text), inline(&page.lead)));
    facts(&mut out, &page.facts);
    for part in &page.parts {
        line(&mut out, &format!("## {}\n", part.title));
        for block in &part.blocks {
            self::block(&mut out, block);
        }
    }
    line(&mut out, "## Signatures\n");
    line(&mut out, "| as | name | signature | date |\n|---|---|---|---|");
    for (role, name) in &page.signatures {
        line(&mut out, &format!("| {role} | {} |  |  |", inline(name)));
    }
    line(&mut out, &format!("\n{}", inline(&page.foot)));
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => line(out, &format!("{}\n", inline(text))),
        Block::List(items) => {
            for item in items {
                line(out, &format!("- {}", inline(item)));
            }
            out.push('\n');
        }
        Block::Table(table) => self::table(out, table),
        Block::Plot(_) => {}
    }
}

fn facts(out: &mut String, pairs: &[(&'static str, Cell)]) {
    line(out, "| | |\n|---|---|");
    for (name, cell) in pairs {
        line(out, &format!("| {name} | {} |", self::cell(cell)));
    }
    out.push('\n');
}

fn table(out: &mut String, table: &Table) {
    let mut head = String::from("|");
    let mut rule = String::from("|");
    for (place, column) in table.columns.iter().enumerate() {
        write!(head, " {column} |").unwrap_or_default();
        let right = table.rows.first().is_some_and(|row| row[place].look == Look::Number);
        rule.push_str(if right { "---:|" } else { "---|" });
    }
    line(out, &format!("{head}\n{rule}"));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        line(out, &format!("| {} |", cells.join(" | ")));
    }
    out.push('\n');
}

fn cell(cell: &Cell) -> String {
    match cell.look {
        Look::Code if cell.text.is_empty() => String::new(),
        Look::Code => code(&cell.text),
        Look::Bad => format!("**{}**", inline(&cell.text)),
        Look::Text | Look::Number | Look::Good | Look::Doubtful => inline(&cell.text),
    }
}

/// Foreign text that means nothing in Markdown, but for what stands between backticks.
fn inline(text: &str) -> String {
    let text = escape(text);
    let piece = |(is_code, piece)| if is_code { code(piece) } else { plain(piece) };
    pieces(&text).into_iter().map(piece).collect()
}

/// Code between backticks, more of them than it holds itself; a bar would end the cell of a table.
fn code(text: &str) -> String {
    let text = escape(text).replace('|', "\\|");
    if !text.contains('`') {
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        // What would begin a list or a heading does so at the begin only.
        let begins = place == 0 && matches!(character, '#' | '+' | '-' | '=');
        if begins || "\\`*_[]<>|~&".contains(character) {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}
