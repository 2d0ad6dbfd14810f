//! The files of `fixtures/csv`, opened as a person would, and what becomes of each.

use std::fs;
use std::path::Path;

use super::*;
use crate::pipeline::read::open;

/// Relative, because messages show the path and tests run at the root of the package.
fn folder() -> &'static Path {
    Path::new("fixtures")
}

/// What becomes of a file.
fn becomes(file: &str, encoding: Option<&str>) -> String {
    let path = folder().join("csv").join(file);
    let input = Input { encoding: encoding.map(str::to_owned), ..file_input(path) };
    let mut out = format!("{file}\n");
    match open(&input).and_then(|mut reader| drain(&mut reader).map(|slabs| (reader, slabs))) {
        Err(error) => {
            let _ = write!(out, "refused: {}", show_failure(error));
        }
        Ok((reader, slabs)) => {
            for notice in reader.notices() {
                out += "notice:";
                wrap(&mut out, notice);
                out.push('\n');
            }
            let _ = write!(out, "{}\n{}", reader.header().join("|"), show(&outcomes(&slabs)));
            assert_eq!(reader.bytes_total(), Some(reader.bytes_read()));
        }
    }
    out
}

fn all_files() -> Vec<String> {
    let entries = fs::read_dir(folder().join("csv")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn each_fixture_becomes_what_is_written_here() {
    let all: Vec<String> = all_files().iter().map(|file| becomes(file, None)).collect();
    insta::assert_snapshot!(all.join("\n"), @r##"
    backquote.csv
    notice:
          the delimiter of `fixtures/csv/backquote.csv` is BACKQUOTE, by its header
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    bad-utf8-header.csv
    refused: exit 2
          fixtures/csv/bad-utf8-header.csv:1:7: byte 0xE9 in the header is not UTF-8
          hint: name the encoding of the file, such as `--encoding windows-1252`

    bad-utf8.csv
    Id|Name
    1@2 bad_utf8 (Name)
          fixtures/csv/bad-utf8.csv:2:6: byte 0xE9 is not UTF-8; if the file has another
          encoding, name it, such as `--encoding windows-1252`
          [1|caf\xe9]
    2@3 [2|Ben]

    bare-quotes.csv
    Name|Size
    1@2 [pipe|5\"]
    2@3 [joh\"n|6]

    blank-lines.csv
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 blank_row (-)
          fixtures/csv/blank-lines.csv:3:1: the line is blank
          []
    3@4 [005000000000002AAA|0PS000000000001AAA]

    bom.csv
    notice:
          `fixtures/csv/bom.csv` begins with a byte order mark, which is dropped
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    caret.csv
    notice:
          the delimiter of `fixtures/csv/caret.csv` is CARET, by its header
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    crlf.csv
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    cut.csv.gz
    refused: exit 2
          `fixtures/csv/cut.csv.gz`: the gzip stream is cut off
          hint: copy or download the file again: its end is missing

    doubled-quotes.csv
    Name|Description
    1@2 [a \"quoted\" word|]

    duplicate-header.csv
    refused: exit 2
          fixtures/csv/duplicate-header.csv:1:9: columns 1 and 3 have the same name, `Id`
          and `ID`
          hint: rename or take out one of the two

    empty-header.csv
    refused: exit 2
          fixtures/csv/empty-header.csv:1:4: column 2 of the header has no name
          hint: give the column a name, or take it out

    empty.csv
    refused: exit 2
          `fixtures/csv/empty.csv` is empty: it has no header
          hint: the first line names the columns, such as `AssigneeId,PermissionSetId`

    header-only.csv
    AssigneeId|PermissionSetId

    lone-cr.csv
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    mixed-line-ends.csv
    notice:
          the line endings of `fixtures/csv/mixed-line-ends.csv` are mixed: LF first, CRLF
          on line 2
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    nbsp-header.csv
    refused: exit 2
          fixtures/csv/nbsp-header.csv:1:4: the name of column 2, "Name\u{a0}", ends with
          a blank
          hint: type the name anew in the header

    no-final-line-end.csv
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    not-gzip.csv.gz
    refused: exit 2
          `fixtures/csv/not-gzip.csv.gz` is named as gzip and is not
          hint: take the `.gz` off its name if it is plain CSV

    nul.csv
    Id|Name
    1@2 nul_byte (Name)
          fixtures/csv/nul.csv:2:5: the field has a NUL byte
          [1|An\x00na]
    2@3 [2|Ben]

    one-column.csv
    refused: exit 2
          fixtures/csv/one-column.csv:1:1: the header has one column, and SEMICOLON would
          give 2
          hint: give `--column-delimiter SEMICOLON`
          hint: if it is one column, put its name in quotes

    packed.csv.gz
    notice:
          `fixtures/csv/packed.csv.gz` is gzip and is unpacked as it is read
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    pipe.csv
    notice:
          the delimiter of `fixtures/csv/pipe.csv` is PIPE, by its header
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    plain.csv
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    quoted-line-ends.csv
    Name|Description
    1@2 [LF|one\ntwo]
    2@4 [CRLF|one\r\ntwo]

    ragged.csv
    Id|Name
    1@2 ragged_row (-)
          fixtures/csv/ragged.csv:2:2: the row has 1 field, the header has 2
          [1]
    2@3 [2|Ben]
    3@4 ragged_row (-)
          fixtures/csv/ragged.csv:4:8: the row has 3 fields, the header has 2
          [3|Cleo|Chur]

    semicolon.csv
    notice:
          the delimiter of `fixtures/csv/semicolon.csv` is SEMICOLON, by its header
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    stray-quote-doubtful.csv
    Id|Name
    1@2 unclosed_quote (Name)
          fixtures/csv/stray-quote-doubtful.csv:2:3: the quote that opens here is not
          closed before line 4, where text follows the closing quote (column 4)
          [1|\"Anna]
    2@3 inside_open_quote (-)
          fixtures/csv/stray-quote-doubtful.csv:3:1: the line may be part of the quoted
          field that opens at line 2, column 3
          [Ben]
    3@4 inside_open_quote (-)
          fixtures/csv/stray-quote-doubtful.csv:4:1: the line may be part of the quoted
          field that opens at line 2, column 3
          [3|Cleo]
    4@5 [4|Dora]

    stray-quote.csv
    Id|Name
    1@2 unclosed_quote (Name)
          fixtures/csv/stray-quote.csv:2:3: the quote that opens here is not closed before
          line 4, where text follows the closing quote (column 4)
          [1|\"Anna]
    2@3 [2|Ben]
    3@4 [3|Cleo]
    4@5 [4|Dora]

    tab.csv
    notice:
          the delimiter of `fixtures/csv/tab.csv` is TAB, by its header
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    text-after-quote.csv
    Name|City
    1@2 text_after_quote (Name)
          fixtures/csv/text-after-quote.csv:2:7: text follows the closing quote of the
          field; a quote inside a quoted field is written twice
          [\"Anna\"x,Bern]
    2@3 [Ben|Basel]

    two-members.csv.gz
    notice:
          `fixtures/csv/two-members.csv.gz` is gzip and is unpacked as it is read
    AssigneeId|PermissionSetId
    1@2 [005000000000001AAA|0PS000000000001AAA]
    2@3 [005000000000002AAA|0PS000000000001AAA]
    3@4 [005000000000003AAA|0PS000000000001AAA]

    unclosed-quote.csv
    Name|City
    1@2 unclosed_quote (City)
          fixtures/csv/unclosed-quote.csv:2:6: the quote that opens here is never closed
          [Anna|\"Bern]
    2@3 [Ben|Basel]
    3@4 [Cleo|Chur]

    utf-16be.csv
    refused: exit 2
          `fixtures/csv/utf-16be.csv` is UTF-16BE by its byte order mark
          hint: give `--encoding UTF-16BE`, or save the file as UTF-8

    utf-16le.csv
    refused: exit 2
          `fixtures/csv/utf-16le.csv` is UTF-16LE by its byte order mark
          hint: give `--encoding UTF-16LE`, or save the file as UTF-8

    windows-1252.csv
    Id|Name
    1@2 bad_utf8 (Name)
          fixtures/csv/windows-1252.csv:2:5: byte 0xEB is not UTF-8; if the file has
          another encoding, name it, such as `--encoding windows-1252`
          [1|Zo\xeb]
    2@3 bad_utf8 (Name)
          fixtures/csv/windows-1252.csv:3:5: byte 0x80 is not UTF-8; if the file has
          another encoding, name it, such as `--encoding windows-1252`
          [2|5 \x80]

    workbook.csv
    refused: exit 2
          `fixtures/csv/workbook.csv` is a zip archive or an Excel workbook, not CSV
          hint: save the sheet as CSV, or unpack it

    zero-width-header.csv
    refused: exit 2
          fixtures/csv/zero-width-header.csv:1:4: the name of column 2, "Na\u{200b}me",
          has characters that cannot be seen
          hint: type the name anew in the header

    zstd.csv
    refused: exit 2
          `fixtures/csv/zstd.csv` is zstd, not CSV
          hint: unpack it: `zstd -dc FILE | longshore … -`
    "##);
}

#[test]
fn other_encodings_are_read_when_they_are_named() {
    let all = [
        becomes("windows-1252.csv", Some("windows-1252")),
        becomes("utf-16le.csv", Some("utf-16le")),
        becomes("utf-16be.csv", Some("utf-16")),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    windows-1252.csv
    notice:
          `fixtures/csv/windows-1252.csv` is read as windows-1252
    Id|Name
    1@2 [1|Zo\xc3\xab]
    2@3 [2|5 \xe2\x82\xac]

    utf-16le.csv
    notice:
          `fixtures/csv/utf-16le.csv` begins with a byte order mark, which is dropped
    notice:
          `fixtures/csv/utf-16le.csv` is read as UTF-16LE
    Id|Name
    1@2 [1|Zo\xc3\xab]

    utf-16be.csv
    notice:
          `fixtures/csv/utf-16be.csv` begins with a byte order mark, which is dropped
    notice:
          `fixtures/csv/utf-16be.csv` is UTF-16BE by its byte order mark, not `UTF-16LE`
          as asked
    notice:
          `fixtures/csv/utf-16be.csv` is read as UTF-16BE
    Id|Name
    1@2 [1|Zo\xc3\xab]
    "##);
}

#[test]
fn the_readme_has_a_line_for_each_fixture() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.contains(".csv"))
        .collect();
    for file in all_files() {
        assert_eq!(listed.iter().filter(|&&name| name == file).count(), 1, "{file}");
    }
}
