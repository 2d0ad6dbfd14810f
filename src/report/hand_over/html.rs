//! The page as one HTML file: no script, no address, no font of its own; well-formed as XML.

use std::fmt::Write;

use super::plot::{Plot, svg};
use super::{Block, Cell, Look, Page, Part, Table, pieces};
use crate::report::figures::escape;

const STYLE: &str = include_str!("style.css");

/// Characters from which on a cell may be broken anywhere, and is not made too narrow.
const LONG_CHARS: usize = 40;

/// What the page may load: nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

pub(super) fn text(page: &Page) -> String {
    let mut out = String::with_capacity(16 << 10);
    let title = bare(&page.title.replace('`', ""));
    put(
        &mut out,
        &format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\" />\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
             <meta name=\"referrer\" content=\"no-referrer\" />\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>"
        ),
    );
    let stamp = format!(
        "<span class=\"stamp {}\">{}</span>",
        class(page.stamp.look),
        bare(&page.stamp.text)
    );
    put(
        &mut out,
        &format!("<header>\n<p class=\"over\">Hand-over</p>\n<h1>{}</h1>", inline(&page.title)),
    );
    put(&mut out, &format!("<p class=\"lead\">{stamp} {}</p>", inline(&page.lead)));
    facts(&mut out, &page.facts);
    put(&mut out, "</header>");
    for part in &page.parts {
        self::part(&mut out, part);
    }
    signatures(&mut out, &page.signatures);
    put(&mut out, &format!("<footer><p>{}</p></footer>", inline(&page.foot)));
    put(&mut out, "</main>\n</body>\n</html>");
    out
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn part(out: &mut String, part: &Part) {
    put(out, &format!("<section>\n<h2>{}</h2>", bare(part.title)));
    for block in &part.blocks {
        match block {
            Block::Text(text) => put(out, &format!("<p>{}</p>", inline(text))),
            Block::List(items) => {
                put(out, "<ul>");
                for item in items {
                    put(out, &format!("<li>{}</li>", inline(item)));
                }
                put(out, "</ul>");
            }
            Block::Table(table) => self::table(out, table),
            Block::Plot(plot) => self::plot(out, plot),
        }
    }
    put(out, "</section>");
}

fn facts(out: &mut String, pairs: &[(&'static str, Cell)]) {
    put(out, "<dl>");
    for (name, value) in pairs {
        put(out, &format!("<div><dt>{}</dt><dd>{}</dd></div>", bare(name), cell(value)));
    }
    put(out, "</dl>");
}

fn table(out: &mut String, table: &Table) {
    put(out, "<div class=\"wide\">\n<table>\n<thead>\n<tr>");
    for (place, column) in table.columns.iter().enumerate() {
        let right = table.rows.first().is_some_and(|row| row[place].look == Look::Number);
        let class = if right { " class=\"number\"" } else { "" };
        put(out, &format!("<th scope=\"col\"{class}>{}</th>", bare(column)));
    }
    put(out, "</tr>\n</thead>\n<tbody>");
    for row in &table.rows {
        out.push_str("<tr>");
        for value in row {
            let class = match value.look {
                Look::Number if value.text == "0" => " class=\"number nought\"",
                Look::Number => " class=\"number\"",
                _ if value.text.chars().count() >= LONG_CHARS => " class=\"long\"",
                _ => "",
            };
            write!(out, "<td{class}>{}</td>", cell(value)).unwrap_or_default();
        }
        put(out, "</tr>");
    }
    put(out, "</tbody>\n</table>\n</div>");
}

fn plot(out: &mut String, plot: &Plot) {
    put(out, &format!("<figure>\n<figcaption>{}", bare(plot.caption)));
    if !plot.legend.is_empty() {
        out.push_str("<span class=\"legend\">");
        for (class, word) in &plot.legend {
            write!(out, "<span><i class=\"{class}\"></i>{}</span>", bare(word)).unwrap_or_default();
        }
        put(out, "</span>");
    }
    put(out, "</figcaption>");
    for bar in &plot.bars {
        let (label, told) = (inline(&bar.label), bare(&bar.told));
        put(
            out,
            &format!(
                "<div class=\"line\"><span class=\"label\">{label}</span>{}<span class=\"told\">\
                 {told}</span></div>",
                svg(bar)
            ),
        );
    }
    put(out, "</figure>");
}

fn signatures(out: &mut String, people: &[(&'static str, String)]) {
    put(out, "<section class=\"signatures\">\n<h2>Signatures</h2>\n<div class=\"people\">");
    for (role, name) in people {
        let name = if name.is_empty() { String::new() } else { inline(name) };
        put(
            out,
            &format!(
                "<div class=\"person\"><p class=\"role\">{}</p><p class=\"blank\">{name}</p>\
                 <p class=\"under\">name</p><p class=\"blank\"></p><p class=\"under\">signature</p>\
                 <p class=\"blank\"></p><p class=\"under\">date</p></div>",
                bare(role)
            ),
        );
    }
    put(out, "</div>\n</section>");
}

fn cell(cell: &Cell) -> String {
    match cell.look {
        Look::Text | Look::Number => inline(&cell.text),
        Look::Code if cell.text.is_empty() => String::new(),
        Look::Code => format!("<code>{}</code>", bare(&cell.text)),
        look => format!("<span class=\"{}\">{}</span>", class(look), inline(&cell.text)),
    }
}

fn class(look: Look) -> &'static str {
    match look {
        Look::Good => "good",
        Look::Doubtful => "doubtful",
        Look::Bad => "bad",
        Look::Text | Look::Code | Look::Number => "plain",
    }
}

/// Foreign text in which words between backticks are code.
fn inline(text: &str) -> String {
    let piece = |(is_code, piece)| {
        if is_code { format!("<code>{}</code>", bare(piece)) } else { bare(piece) }
    };
    pieces(text).into_iter().map(piece).collect()
}

/// Foreign text that means nothing in HTML; control characters are shown as escapes.
fn bare(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No characters of XML, and of HTML neither.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}
