//! Inputs that are refused as a whole, and what is said of those that are taken.

use std::io::{self, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::pipeline::read::{from_reader, open};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn headers_that_cannot_be_trusted_are_refused() {
    let long = format!("a,{}", "x".repeat(31_999));
    let endless = "x".repeat(3_000_000);
    let wide = vec!["c"; 5_001].join(",");
    let numbered: Vec<String> = (0..5_001).map(|n| format!("c{n}")).collect();
    let numbered = numbered.join(",");
    assert!(wide.len() < 32_000 && numbered.len() < 32_000);
    let inputs: [&[u8]; 21] = [
        b"",
        b"\xEF\xBB\xBF",
        b"\n\na,b\n",
        b"Id,Name,ID\n",
        b"a,b,b\n",
        b"a,,c\n",
        b"a,b,\n",
        b"a, b\n",
        "a,Id\u{A0}\n".as_bytes(),
        "I\u{200B}d,b\n".as_bytes(),
        b"a,\"b\n1,2\n",
        b"a,\"b\n1,\"x\"\n",
        b"a,\"b\"c\n1,2\n",
        b"a,caf\xE9\n",
        b"a\0,\0b\0",
        b"a;b|c\n",
        long.as_bytes(),
        endless.as_bytes(),
        wide.as_bytes(),
        numbered.as_bytes(),
        b"   \n1\n",
    ];
    let all = inputs.map(|bytes| refused(bytes, &input())).concat();
    insta::assert_snapshot!(all, @r##"
    exit 2
          `t.csv` is empty: it has no header
          hint: the first line names the columns, such as `AssigneeId,PermissionSetId`
    exit 2
          `t.csv` is empty: it has no header
          hint: the first line names the columns, such as `AssigneeId,PermissionSetId`
    exit 2
          t.csv:1:1: the first line is blank; it must be the header
          hint: the first line names the columns, such as `AssigneeId,PermissionSetId`
    exit 2
          t.csv:1:9: columns 1 and 3 have the same name, `Id` and `ID`
          hint: rename or take out one of the two
    exit 2
          t.csv:1:5: columns 2 and 3 have the same name, `b`
          hint: rename or take out one of the two
    exit 2
          t.csv:1:3: column 2 of the header has no name
          hint: give the column a name, or take it out
    exit 2
          t.csv:1:5: column 3 of the header has no name
          hint: give the column a name, or take it out
    exit 2
          t.csv:1:3: the name of column 2, " b", begins with a blank
          hint: type the name anew in the header
    exit 2
          t.csv:1:3: the name of column 2, "Id\u{a0}", ends with a blank
          hint: type the name anew in the header
    exit 2
          t.csv:1:1: the name of column 1, "I\u{200b}d", has characters that cannot be
          seen
          hint: type the name anew in the header
    exit 2
          t.csv:1:3: the quote that opens here in the header is not closed
          hint: close the quote before the delimiter or the line end
    exit 2
          t.csv:1:3: the quote that opens here in the header is not closed
          hint: close the quote before the delimiter or the line end
    exit 2
          t.csv:1:6: text follows a closing quote in the header
          hint: a quote inside a quoted name is written twice
    exit 2
          t.csv:1:6: byte 0xE9 in the header is not UTF-8
          hint: name the encoding of the file, such as `--encoding windows-1252`
    exit 2
          t.csv:1:2: a NUL byte in the header
          hint: if the file is UTF-16, give `--encoding utf-16le` or `--encoding utf-16be`
    exit 2
          t.csv:1:1: the header has one column, and SEMICOLON would give 2
          hint: give `--column-delimiter SEMICOLON`
          hint: if it is one column, put its name in quotes
    exit 2
          t.csv:1:1: the header has more than 32000 characters
          hint: check that the file is CSV, and take out columns that are not needed
    exit 2
          t.csv:1:1: the header has more than 32000 characters
          hint: check that the file is CSV, and take out columns that are not needed
    exit 2
          t.csv:1:1: the header has 5001 columns, at most 5000 are allowed
          hint: check that the file is CSV, and take out columns that are not needed
    exit 2
          t.csv:1:1: the header has 5001 columns, at most 5000 are allowed
          hint: check that the file is CSV, and take out columns that are not needed
    exit 2
          t.csv:1:1: the first line is blank; it must be the header
          hint: the first line names the columns, such as `AssigneeId,PermissionSetId`
    "##);
    assert!(from_bytes("t.csv", b"\"a;b\"\n1\n".to_vec(), &input()).is_ok(), "one quoted column");
    let comma = Input { delimiter: Some(Delimiter::Comma), ..input() };
    insta::assert_snapshot!(refused(b"Id;Name;Age\n1;2;3\n", &comma), @r##"
    exit 2
          t.csv:1:1: the header has one column, and SEMICOLON would give 3
          hint: give `--column-delimiter SEMICOLON`
          hint: if it is one column, put its name in quotes
    "##);
}

#[test]
fn files_of_another_kind_are_refused_by_their_first_bytes() {
    let gz = gzip(b"a,b\n1,2\n");
    let inputs: [&[u8]; 8] = [
        b"PK\x03\x04....",
        b"\x28\xB5\x2F\xFD....",
        b"\xD0\xCF\x11\xE0\xA1\xB1",
        b"\xFD7zXZ\x00....",
        b"\xFF\xFEa\0,\0b\0",
        b"\xFE\xFF\0a\0,\0b",
        b"\xFF\xFE\0\0a\0\0\0",
        &gzip(&gz),
    ];
    let all = inputs.map(|bytes| refused(bytes, &input())).concat();
    insta::assert_snapshot!(all, @r##"
    exit 2
          `t.csv` is a zip archive or an Excel workbook, not CSV
          hint: save the sheet as CSV, or unpack it
    exit 2
          `t.csv` is zstd, not CSV
          hint: unpack it: `zstd -dc FILE | longshore … -`
    exit 2
          `t.csv` is an old Excel workbook, not CSV
          hint: save the sheet as CSV UTF-8
    exit 2
          `t.csv` is xz, not CSV
          hint: unpack it: `xz -dc FILE | longshore … -`
    exit 2
          `t.csv` is UTF-16LE by its byte order mark
          hint: give `--encoding UTF-16LE`, or save the file as UTF-8
    exit 2
          `t.csv` is UTF-16BE by its byte order mark
          hint: give `--encoding UTF-16BE`, or save the file as UTF-8
    exit 2
          `t.csv` is text in UTF-32, not CSV
          hint: save it as UTF-8
    exit 2
          `t.csv` is gzip within gzip, not CSV
          hint: unpack it once: `gzip -dc FILE | longshore … -`
    "##);
    let odd = Input { encoding: Some("klingon".to_owned()), ..input() };
    insta::assert_snapshot!(refused(b"a,b\n", &odd), @r##"
    exit 2
          there is no encoding `klingon`
          hint: give a WHATWG label such as `utf-8`, `utf-16le`, `windows-1252` or
          `shift_jis`
    "##);
    let dead = Input { encoding: Some("iso-2022-kr".to_owned()), ..input() };
    assert!(refused(b"a,b\n", &dead).contains("there is no encoding `iso-2022-kr`"));
}

#[test]
fn what_was_found_out_is_noted() {
    let encoded = |label: &str| Input { encoding: Some(label.to_owned()), ..input() };
    let table: [(&[u8], Input, &[&str]); 8] = [
        (b"a,b\n1,2\n", input(), &[]),
        (
            b"\xEF\xBB\xBFa,b\n",
            input(),
            &["`t.csv` begins with a byte order mark, which is dropped"],
        ),
        (b"a\tb\n1\t2\n", input(), &["the delimiter of `t.csv` is TAB, by its header"]),
        (b"a|b", Input { delimiter: Some(Delimiter::Pipe), ..input() }, &[]),
        (
            b"a,b\r\n1,2\n3,4\r\n",
            input(),
            &["the line endings of `t.csv` are mixed: CRLF first, LF on line 2"],
        ),
        (b"a,b\n1,caf\xE9\n", encoded("latin1"), &["`t.csv` is read as windows-1252"]),
        (
            b"\xFF\xFEa\0,\0b\0",
            encoded("utf-16"),
            &[
                "`t.csv` begins with a byte order mark, which is dropped",
                "`t.csv` is read as UTF-16LE",
            ],
        ),
        (
            b"\xEF\xBB\xBFa,b\n1,\xC3\xA9\n",
            encoded("windows-1252"),
            &[
                "`t.csv` begins with a byte order mark, which is dropped",
                "`t.csv` is UTF-8 by its byte order mark, not `windows-1252` as asked",
            ],
        ),
    ];
    for (bytes, input, expected) in table {
        let mut reader = from_bytes("t.csv", bytes.to_vec(), &input).unwrap();
        let rows = outcomes(&drain(&mut reader).unwrap());
        assert!(rows.iter().all(|(_, row)| row.is_ok()));
        assert_eq!(reader.notices(), expected);
        assert_eq!(reader.header(), ["a", "b"]);
    }
}

#[test]
fn other_encodings_arrive_as_utf_8() {
    let text = "Id,Näme\n1,\"ü\n€\"\n2,日本\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let input = Input { encoding: Some("utf-16be".to_owned()), ..input() };
    let expected = outcomes(&slabs(text.as_bytes(), &super::input(), CHUNK_BYTES).unwrap());
    for chunk in [1, 2, 3, 7, CHUNK_BYTES] {
        assert_eq!(outcomes(&slabs(&utf16, &input, chunk).unwrap()), expected);
    }
}

#[test]
fn a_line_ending_that_was_asked_for_is_held_to() {
    let inputs = [
        (LineEnding::Lf, "a,b\n1,2\n3,4\r\n"),
        (LineEnding::CrLf, "a,b\n1,2\n"),
        (LineEnding::Cr, "a,b\r1,2\r\"x\n\",4\n"),
        (LineEnding::Lf, "a,b\n\r\n3,4\n"),
    ];
    let all = inputs.map(|(asked, text)| {
        let input = Input { line_ending: Some(asked), ..input() };
        show_failure(slabs(text.as_bytes(), &input, CHUNK_BYTES).unwrap_err())
    });
    insta::assert_snapshot!(all.concat(), @r##"
    exit 2
          t.csv:3: the line ends with CRLF, and LF was asked for
          hint: leave out `--line-ending` to accept every line ending
    exit 2
          t.csv:1: the line ends with LF, and CRLF was asked for
          hint: leave out `--line-ending` to accept every line ending
    exit 2
          t.csv:4: the line ends with LF, and CR was asked for
          hint: leave out `--line-ending` to accept every line ending
    exit 2
          t.csv:2: the line ends with CRLF, and LF was asked for
          hint: leave out `--line-ending` to accept every line ending
    "##);
    let input = Input { line_ending: Some(LineEnding::CrLf), ..input() };
    let all = slabs(b"a,b\r\n\"x\ny\",2\r\n3,4", &input, CHUNK_BYTES).unwrap();
    insta::assert_snapshot!(show(&outcomes(&all)), @r##"
    1@2 [x\ny|2]
    2@4 [3|4]
    "##);
}

#[test]
fn gzip_is_unpacked_and_its_faults_stop_the_run() {
    let text = "a,b\n".to_owned() + &"1,2\n".repeat(100_000);
    let packed = gzip(text.as_bytes());
    let mut reader = from_bytes("t.csv", packed.clone(), &input()).unwrap();
    assert_eq!(outcomes(&drain(&mut reader).unwrap()).len(), 100_000);
    assert_eq!(reader.notices(), ["`t.csv` is gzip and is unpacked as it is read"]);
    assert_eq!(reader.bytes_total(), Some(packed.len() as u64));
    assert_eq!(reader.bytes_read(), packed.len() as u64);
    assert_eq!(reader.digest(), crate::model::chunk::Digest::of(&packed));

    let two = [gzip(b"a,b\n1,"), gzip(b"2\n")].concat();
    insta::assert_snapshot!(show(&read_all(&two)), @r##"
    1@2 [1|2]
    "##);

    let fails = |bytes: &[u8]| show_failure(slabs(bytes, &input(), CHUNK_BYTES).unwrap_err());
    let random: String =
        (0..50_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string() + ",x\n").collect();
    let random = gzip(random.as_bytes());
    let mut wrong_sum = packed.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    let all = [
        fails(&random[..random.len() - 9]),
        fails(&packed[..packed.len() - 3]),
        fails(&wrong_sum),
        fails(&[packed, b"trailing rubbish".to_vec()].concat()),
    ];
    insta::assert_snapshot!(all.concat(), @r##"
    exit 2
          `t.csv`: the gzip stream is cut off
          hint: copy or download the file again: its end is missing
    exit 2
          `t.csv`: the gzip stream is cut off
          hint: copy or download the file again: its end is missing
    exit 2
          `t.csv`: the gzip stream is damaged
          hint: copy or download the file again; `gzip -t FILE` tests it
    exit 2
          `t.csv`: the gzip stream is damaged
          hint: copy or download the file again; `gzip -t FILE` tests it
    "##);

    let named = from_bytes("rows.csv.GZ", b"a,b\n".to_vec(), &input());
    insta::assert_snapshot!(show_failure(named.err().unwrap()), @r##"
    exit 2
          `rows.csv.GZ` is named as gzip and is not
          hint: take the `.gz` off its name if it is plain CSV
    "##);
}

#[test]
fn a_gzip_bomb_is_stopped() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"a,b\n").unwrap();
    let blanks = vec![b'\n'; 1 << 20];
    for _ in 0..70 {
        encoder.write_all(&blanks).unwrap();
    }
    let error = slabs(&encoder.finish().unwrap(), &input(), CHUNK_BYTES).unwrap_err();
    insta::assert_snapshot!(show_failure(error), @r##"
    exit 2
          `t.csv`: the gzip stream unpacks to more than 200 times its size
          hint: if it is in order, unpack it and load the plain file
    "##);
}

/// Gives some bytes and then breaks.
struct Breaks(&'static [u8]);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the cable is out")),
            got => Ok(got),
        }
    }
}

#[test]
fn a_stream_that_breaks_is_the_disks_fault() {
    let reader = Box::new(Breaks(b"a,b\n1,2\n"));
    let error = from_reader("stdin", reader, &input()).err().unwrap();
    insta::assert_snapshot!(show_failure(error), @r##"
    exit 9
          cannot read `stdin`
          cause: the cable is out
    "##);
}

#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let show = |path: PathBuf| {
        let name = path.display().to_string();
        let mut failure = Failure::from(open(&file_input(path)).err().unwrap());
        failure.message = failure.message.replace(&name, "PATH");
        show_failure(failure)
    };
    insta::assert_snapshot!(show(folder.path().to_owned()), @r##"
    exit 2
          `PATH` is a folder, not a regular file
          hint: name a regular file, or give `-` and pipe the rows in
    "##);
    insta::assert_snapshot!(show(folder.path().join("none.csv")), @r##"
    exit 2
          there is no file `PATH`
          hint: check the path; `-` reads from stdin
    "##);
    #[cfg(unix)]
    insta::assert_snapshot!(show(PathBuf::from("/dev/null")), @r##"
    exit 2
          `PATH` is a pipe, socket or device, not a regular file
          hint: name a regular file, or give `-` and pipe the rows in
    "##);
}
