//! The file itself: what it is, its header, its rows.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bench, Try};

fn accounts(bytes: impl AsRef<[u8]>) -> Try {
    Try::new("insert Account a.csv").file("a.csv", bytes)
}

fn gzip(write: impl FnOnce(&mut dyn Write)) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    write(&mut packed);
    packed.finish().unwrap()
}

/// 100 MB of rows that no field takes, in some 400 kB.
fn bomb() -> Vec<u8> {
    let mut row = vec![b'x'; 100_000];
    row.push(b'\n');
    gzip(|out| {
        out.write_all(b"Name\n").unwrap();
        (0..1_000).for_each(|_| out.write_all(&row).unwrap());
    })
}

#[test]
fn a_file_that_cannot_be_read_sends_nothing() {
    let mut bench = Bench::new();
    let folder = bench.world.path("folder.csv");
    std::fs::create_dir(&folder).unwrap();
    #[cfg(unix)]
    std::process::Command::new("mkfifo").arg(bench.world.path("pipe.csv")).status().unwrap();

    bench.refused(
        "C01 an empty file",
        accounts(""),
        2,
        "error: `a.csv` is empty: it has no header

hint: the first line names the columns, such as `AssigneeId,PermissionSetId`",
    );
    bench.refused(
        "C01 nothing but a BOM",
        accounts("\u{feff}"),
        2,
        "error: `a.csv` is empty: it has no header

hint: the first line names the columns, such as `AssigneeId,PermissionSetId`",
    );
    bench.refused(
        "C01 a blank first line",
        accounts("\nName\nx\n"),
        2,
        "error: a.csv:1:1: the first line is blank; it must be the header

hint: the first line names the columns, such as `AssigneeId,PermissionSetId`",
    );
    bench.refused(
        "stdin is empty",
        Try::new("insert Account -"),
        2,
        "error: `stdin` is empty: it has no header

hint: the first line names the columns, such as `AssigneeId,PermissionSetId`",
    );
    bench.refused(
        "no such file",
        Try::new("insert Account nowhere.csv"),
        2,
        "error: there is no file `nowhere.csv`

hint: check the path; `-` reads from stdin",
    );
    bench.refused(
        "C27 a folder",
        Try::new("insert Account folder.csv"),
        2,
        "error: `folder.csv` is a folder, not a regular file

hint: name a regular file, or give `-` and pipe the rows in",
    );
    #[cfg(unix)]
    {
        bench.refused(
            "C27 a pipe",
            Try::new("insert Account pipe.csv"),
            2,
            "error: `pipe.csv` is a pipe, socket or device, not a regular file

hint: name a regular file, or give `-` and pipe the rows in",
        );
        bench.refused(
            "C27 a device",
            Try::new("insert Account /dev/null"),
            2,
            "error: `/dev/null` is a pipe, socket or device, not a regular file

hint: name a regular file, or give `-` and pipe the rows in",
        );
    }
    let utf16: Vec<u8> =
        "\u{feff}Name\r\nx\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bench.refused(
        "C05 UTF-16 with BOM",
        accounts(&utf16),
        2,
        "error: `a.csv` is UTF-16LE by its byte order mark

hint: give `--encoding UTF-16LE`, or save the file as UTF-8",
    );
    bench.refused(
        "C05 UTF-16 without BOM",
        accounts(&utf16[2..]),
        2,
        "error: a.csv:1:2: a NUL byte in the header

hint: if the file is UTF-16, give `--encoding utf-16le` or `--encoding utf-16be`",
    );
    bench.refused(
        "C06 Windows-1252 in the header",
        accounts(b"Na\xefve,Name\nx,y\n"),
        2,
        "error: a.csv:1:3: byte 0xEF in the header is not UTF-8

hint: name the encoding of the file, such as `--encoding windows-1252`",
    );
    let xlsx =
        Try::new("insert Account book.csv").file("book.csv", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0");
    bench.refused(
        "C30 a workbook",
        xlsx,
        2,
        "error: `book.csv` is a zip archive or an Excel workbook, not CSV

hint: save the sheet as CSV, or unpack it",
    );
    let named = Try::new("insert Account a.csv.gz").file("a.csv.gz", "Name\nx\n");
    bench.refused(
        "C30 named gzip and is not",
        named,
        2,
        "error: `a.csv.gz` is named as gzip and is not

hint: take the `.gz` off its name if it is plain CSV",
    );
    let whole = gzip(|out| out.write_all(b"Name\nabcdefghijklmnopqrstuvwxyz\n").unwrap());
    let cut = Try::new("insert Account b.csv.gz").file("b.csv.gz", &whole[..14]);
    bench.refused(
        "C30 gzip cut off",
        cut,
        2,
        "error: `b.csv.gz`: the gzip stream is cut off

hint: copy or download the file again: its end is missing",
    );
    let zstd = Try::new("insert Account a.csv.zst").file("a.csv.zst", b"\x28\xb5\x2f\xfd\x04\x00");
    bench.refused(
        "C30 zstd",
        zstd,
        2,
        "error: `a.csv.zst` is zstd, not CSV

hint: unpack it: `zstd -dc FILE | longshore … -`",
    );
    bench.end(15);
}

#[test]
fn a_header_that_is_no_header_sends_nothing() {
    let mut bench = Bench::new();
    bench.refused(
        "C08 NUL in the header",
        accounts("Na\0me\nx\n"),
        2,
        "error: a.csv:1:3: a NUL byte in the header

hint: if the file is UTF-16, give `--encoding utf-16le` or `--encoding utf-16be`",
    );
    bench.refused(
        "C09 open quote in the header",
        accounts("Name,\"Phone\nx,y\n"),
        2,
        "error: a.csv:1:6: the quote that opens here in the header is not closed

hint: close the quote before the delimiter or the line end",
    );
    bench.refused(
        "C10 text after a quote",
        accounts("Name,\"Phone\"x\nx,y\n"),
        2,
        "error: a.csv:1:13: text follows a closing quote in the header

hint: a quote inside a quoted name is written twice",
    );
    bench.refused(
        "C17 the same name twice",
        accounts("Name,Phone,name\nx,y,z\n"),
        2,
        "error: a.csv:1:12: columns 1 and 3 have the same name, `Name` and `name`

hint: rename or take out one of the two",
    );
    bench.refused(
        "C18 a column without name",
        accounts("Name,,Phone\nx,y,z\n"),
        2,
        "error: a.csv:1:6: column 2 of the header has no name

hint: give the column a name, or take it out",
    );
    bench.refused(
        "C19 a blank before a name",
        accounts("Name, Phone\nx,y\n"),
        2,
        r#"error: a.csv:1:6: the name of column 2, " Phone", begins with a blank

hint: type the name anew in the header"#,
    );
    bench.refused(
        "C19 a no-break space",
        accounts("Name,Phone\u{a0}\nx,y\n"),
        2,
        r#"error: a.csv:1:6: the name of column 2, "Phone\u{a0}", ends with a blank

hint: type the name anew in the header"#,
    );
    bench.refused("C33 a zero-width space", accounts("Name,Pho\u{200b}ne\nx,y\n"), 2, r#"error: a.csv:1:6: the name of column 2, "Pho\u{200b}ne", has characters that cannot be seen

hint: type the name anew in the header"#);
    bench.refused("C33 turned writing", accounts("Name,\u{202e}enohP\nx,y\n"), 2, r#"error: a.csv:1:6: the name of column 2, "\u{202e}enohP", has characters that cannot be seen

hint: type the name anew in the header"#);
    bench.refused(
        "C33 a Cyrillic letter",
        accounts("N\u{430}me\nx\n"),
        2,
        "error: no column of the file is a field of `Account`: `Nаme`

hint: for `Nаme` did you mean `Name`?
hint: `longshore describe Account` lists the fields; `--map` renames columns",
    );
    let wrong = || accounts("Name;Phone\nx;y\n").arg("--column-delimiter").arg("COMMA");
    bench.refused(
        "C20 another delimiter than said",
        wrong(),
        2,
        "error: a.csv:1:1: the header has one column, and SEMICOLON would give 2

hint: give `--column-delimiter SEMICOLON`
hint: if it is one column, put its name in quotes",
    );
    let wide = format!("Name{}\n", ",c".repeat(5_000));
    bench.refused(
        "C22 5,001 columns",
        accounts(wide),
        2,
        "error: a.csv:1:1: the header has 5001 columns, at most 5000 are allowed

hint: check that the file is CSV, and take out columns that are not needed",
    );
    bench.refused(
        "C22 a header without end",
        accounts("x".repeat(100_000)),
        2,
        "error: a.csv:1:1: the header has more than 32000 characters

hint: check that the file is CSV, and take out columns that are not needed",
    );
    let line = || accounts("Name\nx\n").arg("--line-ending").arg("CRLF");
    bench.refused(
        "C11 another line ending than said",
        line(),
        2,
        "error: a.csv:1: the line ends with LF, and CRLF was asked for

hint: leave out `--line-ending` to accept every line ending",
    );
    bench.refused("nothing but result columns", accounts("sf__Id,sf__Error\nx,y\n"), 2, "error: no column of the file is a field of `Account`, only results of an earlier run (`sf__…`, `longshore__…`)

hint: `longshore describe Account` lists the fields; `--map` renames columns");
    bench.end(15);
}

#[test]
fn what_is_only_unusual_is_loaded_as_it_stands() {
    let mut bench = Bench::new();
    bench.applied("C02 a header and no rows", accounts("Name\n"), 0, "");
    bench.applied("C03 no line end at the end", accounts("Name\nc03"), 1, "");
    bench.applied("C04 a BOM", accounts("\u{feff}Name\nc04\n"), 1, "");
    let encoded = accounts(b"Name\nM\xfcller\n").arg("--encoding").arg("windows-1252");
    bench.applied("C06 Windows-1252 as said", encoded, 1, "");
    let utf16: Vec<u8> =
        "\u{feff}Name\r\nc05\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let encoded = accounts(utf16).arg("--encoding").arg("utf-16be");
    bench.applied("C05 UTF-16 as said", encoded, 1, "");
    bench.applied("C11 lone CR", accounts("Name,Phone\rc11,1\rc11b,2\r"), 2, "");
    bench.applied("C12 CRLF and LF", accounts("Name\r\nc12\nc12b\r\n"), 2, "");
    bench.applied("C13 LF in a cell", accounts("Name,BillingStreet\nc13,\"a\nb\"\n"), 1, "");
    bench.applied("C14 CRLF in a cell", accounts("Name,BillingStreet\nc14,\"a\r\nb\"\n"), 1, "");
    bench.applied("C16 blank lines at the end", accounts("Name\nc16\n\n\n"), 1, "");
    bench.applied("C20 semicolons", accounts("Name;Phone\nc20;1\n"), 1, "");
    bench.applied("C24 #N/A and nothing", accounts("Name,Phone,Fax\nc24,#N/A,\n"), 1, "");
    bench.applied("C25 blanks around", accounts("Name,Site\nc25,\" x \"\n"), 1, "");
    bench.applied("C26 formulas", accounts("Name,Site\nc26,=1+1\nc26b,@SUM(A1)\nc26c,-2\n"), 3, "");
    let packed = gzip(|out| out.write_all(b"Name\nc30\n").unwrap());
    bench.applied("C30 gzip under another name", accounts(packed), 1, "");
    let named = Try::new("insert Account").arg("Kunden \u{fc}bersicht \u{2713}.csv");
    let named = named.file("Kunden \u{fc}bersicht \u{2713}.csv", "Name\nc31\n");
    bench.applied("a name with blanks and signs", named, 1, "");
    let two = accounts("Name,Nickname\nc32,x\n");
    bench.applied("a column that matches nothing", two, 1, "");
    bench.end(17);
}

#[test]
fn a_bad_row_is_rejected_where_it_stands_and_takes_no_other_with_it() {
    let mut bench = Bench::new();
    let c06 = accounts(b"Name\nc06\nM\xfcller\nc06b\n");
    bench.applied("C06 Windows-1252 read as UTF-8", c06, 2, "2: Name: bad_utf8: a.csv:3:2: byte 0xFC is not UTF-8; if the file has another encoding, name it, such as `--encoding windows-1252`");
    let mut late = b"Name\n".to_vec();
    (0..4_999).for_each(|row| writeln!(late, "c07 {row}").unwrap());
    late.extend_from_slice(b"\xe2\x28\xa1\nlast\n");
    bench.applied("C07 bad UTF-8 far below", accounts(late), 5_000, "5000: Name: bad_utf8: a.csv:5001:1: byte 0xE2 is not UTF-8; if the file has another encoding, name it, such as `--encoding windows-1252`");
    bench.applied(
        "C08 NUL",
        accounts("Name\nc08\na\0b\nc08b\n"),
        2,
        "2: Name: nul_byte: a.csv:3:2: the field has a NUL byte",
    );
    let open = accounts("Name,Phone\nc09,1\nc09b,\"2\nc09c,3\nc09d,4\n");
    bench.applied(
        "C09 a quote that is never closed",
        open,
        3,
        "2: Phone: unclosed_quote: a.csv:3:6: the quote that opens here is never closed",
    );
    bench.applied("C10 text after a quote", accounts("Name\n\"c\"10\nc10b\n"), 1, "1: Name: text_after_quote: a.csv:2:4: text follows the closing quote of the field; a quote inside a quoted field is written twice");
    let ragged = accounts("Name,Phone\nc15\nc15b,1\nc15c,1,2\n");
    bench.applied(
        "C15 too few and too many",
        ragged,
        1,
        "1: : ragged_row: a.csv:2:4: the row has 1 field, the header has 2
3: : ragged_row: a.csv:4:8: the row has 3 fields, the header has 2",
    );
    bench.applied(
        "C16 a blank line between",
        accounts("Name\nc16\n\nc16b\n"),
        2,
        "2: : blank_row: a.csv:3:1: the line is blank",
    );
    let long = format!("Name,Description\nc21,{}\nc21b,y\n", "x".repeat(131_073));
    bench.applied("C21 a cell without end", accounts(long), 1, "1: Description: field_too_long: a.csv:2:5: the field has 131073 characters, at most 131072 are allowed");
    let wide = "\u{e9}".repeat(100_001);
    let row = format!("Name,A,B,C,D\nc22,{wide},{wide},{wide},{wide}\nc22b,1,2,3,4\n");
    bench.applied(
        "C22 a row without end",
        accounts(row),
        1,
        "1: : row_too_long: a.csv:2:1: the row has 400007 characters, at most 400000 are allowed",
    );
    let big = format!("Name,Description\nc23,{}\nc23b,y\n", "x".repeat(5_000));
    let big = accounts(big).arg("--chunk-bytes").arg("1000");
    bench.applied("C23 a row that fits no job", big, 1, "1: : row_too_large: the row takes 5022 bytes with the header, more than the 1000 of a job; raise `--chunk-bytes`");
    bench.end(10);
}

#[test]
fn a_row_may_stop_all() {
    let mut bench = Bench::new();
    let stop = |bytes: &str| accounts(bytes).arg("--on-bad-row").arg("stop");
    let rows = "x\n".repeat(3_000);
    bench.refused("C10", stop(&format!("Name\n{rows}\"a\"b\n")), 2, "error: row 3001 is not valid: a.csv:3002:4: text follows the closing quote of the field; a quote inside a quoted field is written twice

hint: correct the row; nothing was sent
hint: use `--on-bad-row reject` to load the other rows and find such rows in rejected.csv");
    bench.refused(
        "C15",
        stop("Name,Phone\na,1\nb\n"),
        2,
        "error: row 2 is not valid: a.csv:3:2: the row has 1 field, the header has 2

hint: correct the row; nothing was sent
hint: use `--on-bad-row reject` to load the other rows and find such rows in rejected.csv",
    );
    bench.refused("V13", stop(&format!("Name,Fax\na,1\nb,{}\n", "9".repeat(41))), 2, "error: row 2 is not valid: a.csv:3: `Fax`: `9999999999999999999999999999999999999999…` has 41 characters, `Fax` takes 40

hint: correct the row; nothing was sent
hint: use `--on-bad-row reject` to load the other rows and find such rows in rejected.csv");
    let piped = Try::new("insert Account - --on-bad-row stop").stdin("Name,Phone\na,1\nb\n");
    bench.refused(
        "C15 from standard input",
        piped,
        2,
        "error: row 2 is not valid: stdin:3:2: the row has 1 field, the header has 2

hint: correct the row; nothing was sent
hint: use `--on-bad-row reject` to load the other rows and find such rows in rejected.csv",
    );
    bench.end(4);
}

#[test]
fn rows_from_standard_input_are_named_so() {
    let bench = Bench::new();
    let rows = b"Name,Phone\na,1\nb\n";
    let ran = bench.world.run_with_input(&["insert", "Account", "-"], rows).expect(3);
    assert!(ran.stdout.contains("stdin:3:2: the row has 1 field, the header has 2"));
    assert_eq!(bench.so_far().1, 1, "{}", ran.stdout);
}

#[test]
fn a_gzip_that_unpacks_without_end_is_stopped() {
    let mut bench = Bench::new();
    let tried = Try::new("insert Account bomb.csv.gz").file("bomb.csv.gz", bomb());
    bench.refused(
        "C31 a gzip bomb",
        tried,
        2,
        "notice: `bomb.csv.gz` is gzip and is unpacked as it is read
error: `bomb.csv.gz`: the gzip stream unpacks to more than 200 times its size

hint: if it is in order, unpack it and load the plain file",
    );
    bench.end(1);
}
