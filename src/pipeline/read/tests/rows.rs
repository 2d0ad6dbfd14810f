//! One table row for each rule about rows.

use std::fmt::Write as _;

use super::*;

fn rows(text: &str) -> String {
    show(&read_all(text.as_bytes()))
}

#[test]
fn good_rows_come_out_as_they_stand() {
    let table = [
        ("no final line end", "a,b\n1,2", "1@2 [1|2]\n"),
        ("CRLF", "a,b\r\n1,2\r\n3,4\r\n", "1@2 [1|2]\n2@3 [3|4]\n"),
        ("lone CR", "a,b\r1,2\r3,4", "1@2 [1|2]\n2@3 [3|4]\n"),
        ("a mixture", "a,b\r\n1,2\n3,4\r5,6", "1@2 [1|2]\n2@3 [3|4]\n3@4 [5|6]\n"),
        ("line ends in quotes", "a,b\n\"1\n\r\n\r\",2\n3,4", "1@2 [1\\n\\r\\n\\r|2]\n2@6 [3|4]\n"),
        (
            "quotes",
            "a,b\n\"x\"\"y\",\"\"\n5\" pipe,joh\"n\n",
            "1@2 [x\\\"y|]\n2@3 [5\\\" pipe|joh\\\"n]\n",
        ),
        ("blanks are kept", "a,b\n\" x \", y\n", "1@2 [ x | y]\n"),
        ("empty fields", "a,b\n,\n", "1@2 [|]\n"),
        ("blank lines at the end", "a,b\n1,2\n\n\r\n\n", "1@2 [1|2]\n"),
        ("header only", "a,b\n", ""),
        ("header only, no line end", "a,b", ""),
        ("a header over two lines", "a,\"b\nc\"\n1,2\n", "1@3 [1|2]\n"),
        ("one column", "a\n1\n\"\"\n2", "1@2 [1]\n2@3 []\n3@4 [2]\n"),
        ("delimiters in quotes", "a;b\n\"1;2\";3,4\n", "1@2 [1;2|3,4]\n"),
    ];
    for (name, text, expected) in table {
        assert_eq!(rows(text), expected, "{name}");
    }
}

#[test]
fn ragged_rows_tell_both_counts() {
    insta::assert_snapshot!(rows("a,b\n1\n1,2,3\n\"x\ny\"\n4,5\n"), @r##"
    1@2 ragged_row (-)
          t.csv:2:2: the row has 1 field, the header has 2
          [1]
    2@3 ragged_row (-)
          t.csv:3:5: the row has 3 fields, the header has 2
          [1|2|3]
    3@4 ragged_row (-)
          t.csv:5:3: the row has 1 field, the header has 2 (quoted line ends take the row
          from line 4 to here)
          [x\ny]
    4@6 [4|5]
    "##);
}

#[test]
fn text_after_a_closing_quote_costs_its_line_only() {
    insta::assert_snapshot!(rows("a,b\n1,\"x\"y\n\"q\" ,2\n3,4\n"), @r##"
    1@2 text_after_quote (b)
          t.csv:2:6: text follows the closing quote of the field; a quote inside a quoted
          field is written twice
          [1|\"x\"y]
    2@3 text_after_quote (a)
          t.csv:3:4: text follows the closing quote of the field; a quote inside a quoted
          field is written twice
          [\"q\" ,2]
    3@4 [3|4]
    "##);
}

#[test]
fn a_quote_opened_by_mistake_costs_its_line_if_the_others_stand_by_themselves() {
    insta::assert_snapshot!(rows("Id,Name\n1,\"ab\n2,cd\n3,\"ef\"\n4,gh\n"), @r##"
    1@2 unclosed_quote (Name)
          t.csv:2:3: the quote that opens here is not closed before line 4, where text
          follows the closing quote (column 4)
          [1|\"ab]
    2@3 [2|cd]
    3@4 [3|ef]
    4@5 [4|gh]
    "##);
}

#[test]
fn a_quote_opened_by_mistake_costs_all_lines_if_one_might_be_quoted_text() {
    insta::assert_snapshot!(rows("Id,Name\n1,\"ab\n\ncd\n3,\"ef\"\n4,gh\n"), @r##"
    1@2 unclosed_quote (Name)
          t.csv:2:3: the quote that opens here is not closed before line 5, where text
          follows the closing quote (column 4)
          [1|\"ab]
    2@3 inside_open_quote (-)
          t.csv:3:1: the line may be part of the quoted field that opens at line 2, column
          3
          []
    3@4 inside_open_quote (-)
          t.csv:4:1: the line may be part of the quoted field that opens at line 2, column
          3
          [cd]
    4@5 inside_open_quote (-)
          t.csv:5:1: the line may be part of the quoted field that opens at line 2, column
          3
          [3|ef]
    5@6 [4|gh]
    "##);
}

#[test]
fn an_unclosed_quote_points_to_where_it_opens_and_leaves_the_next_lines_alone() {
    insta::assert_snapshot!(rows("a,b\né,\"x\n2,y\n3,z"), @r##"
    1@2 unclosed_quote (b)
          t.csv:2:3: the quote that opens here is never closed
          [\xc3\xa9|\"x]
    2@3 [2|y]
    3@4 [3|z]
    "##);
    // The lines before the quote belong to a field that is closed: they are no rows of their own.
    insta::assert_snapshot!(rows("a,b,c\n1,\"x\n2,y,z\n\",\"open\n3,y,z"), @r##"
    1@2 unclosed_quote (c)
          t.csv:4:3: the quote that opens here is never closed
          [1|x\n2,y,z\n|\"open]
    2@5 [3|y|z]
    "##);
}

#[test]
fn blank_lines_between_rows_are_rejected_one_by_one() {
    insta::assert_snapshot!(rows("a,b\n\n\r\n1,2\n\n"), @r##"
    1@2 blank_row (-)
          t.csv:2:1: the line is blank
          []
    2@3 blank_row (-)
          t.csv:3:1: the line is blank
          []
    3@4 [1|2]
    "##);
    insta::assert_snapshot!(rows("a\n1\n\n2"), @r##"
    1@2 [1]
    2@3 blank_row (-)
          t.csv:3:1: the line is blank
          []
    3@4 [2]
    "##);
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let out = show(&read_all(b"a,b\n1,caf\xE9\n2,x\0y\n\xFF,\0\n3,ok\n\"4\n\xE2\x82\",z\n5,ok\n"));
    insta::assert_snapshot!(out, @r##"
    1@2 bad_utf8 (b)
          t.csv:2:6: byte 0xE9 is not UTF-8; if the file has another encoding, name it,
          such as `--encoding windows-1252`
          [1|caf\xe9]
    2@3 nul_byte (b)
          t.csv:3:4: the field has a NUL byte
          [2|x\x00y]
    3@4 bad_utf8 (a)
          t.csv:4:1: byte 0xFF is not UTF-8; if the file has another encoding, name it,
          such as `--encoding windows-1252`
          [\xff|\x00]
    4@5 [3|ok]
    5@6 bad_utf8 (a)
          t.csv:7:1: byte 0xE2 is not UTF-8; if the file has another encoding, name it,
          such as `--encoding windows-1252`
          [4\n\xe2\x82|z]
    6@8 [5|ok]
    "##);
}

#[test]
fn malformed_text_in_another_encoding_is_a_bad_row() {
    let input = Input { encoding: Some("shift_jis".to_owned()), ..input() };
    let slabs = slabs(b"a,b\n1,\x82\xA0\n2,\x82\xA0\xFFx\n3,y\n", &input, 4).unwrap();
    insta::assert_snapshot!(show(&outcomes(&slabs)), @r##"
    1@2 [1|\xe3\x81\x82]
    2@3 bad_encoding (b)
          t.csv:3:4: the field has bytes that are not Shift_JIS
          [2|\xe3\x81\x82\xef\xbf\xbdx]
    3@4 [3|y]
    "##);
}

/// The outcomes without their sources, which are long here.
fn brief(mut outcomes: Vec<Outcome>) -> String {
    for (_, outcome) in &mut outcomes {
        match outcome {
            Ok(cells) => cells.iter_mut().for_each(|cell| cell.truncate(4)),
            Err(rejected) => rejected.source.clear(),
        }
    }
    show(&outcomes)
}

#[test]
fn long_fields_and_rows_are_counted_in_characters() {
    let (most, over) = ("é".repeat(131_072), "é".repeat(131_073));
    let text = format!("a,b\n1,{most}\n2,\"{over}\"\n3,x\n");
    insta::assert_snapshot!(brief(read_all(text.as_bytes())), @r##"
    1@2 [1|\xc3\xa9\xc3\xa9]
    2@3 field_too_long (b)
          t.csv:3:3: the field has 131073 characters, at most 131072 are allowed
          []
    3@4 [3|x]
    "##);
    let text = format!(
        "a,b,c,d\n{0},{0},{0},{1}\n{0},{0},{0},{1}y\n1,2,3,4\n",
        &most[2..],
        "x".repeat(6787)
    );
    insta::assert_snapshot!(brief(read_all(text.as_bytes())), @r##"
    1@2 [\xc3\xa9\xc3\xa9|\xc3\xa9\xc3\xa9|\xc3\xa9\xc3\xa9|xxxx]
    2@3 row_too_long (-)
          t.csv:3:1: the row has 400001 characters, at most 400000 are allowed
          []
    3@4 [1|2|3|4]
    "##);
}

#[test]
fn rows_past_the_window_are_rejected_in_bounded_memory() {
    let long = "x".repeat(2_500_000);
    let text = format!("a,b\n1,2\n{long},1\r\n3,4\n\"{long}\",5\n\"6\n\",{long}\n7,8\n");
    insta::assert_snapshot!(brief(read_all(text.as_bytes())), @r##"
    1@2 [1|2]
    2@3 row_too_long (-)
          t.csv:3:1: the row has more than 1665536 bytes, at most 400000 characters are
          allowed
          []
    3@4 [3|4]
    4@5 row_too_long (-)
          t.csv:5:1: the row has more than 1665536 bytes, at most 400000 characters are
          allowed
          []
    5@6 row_too_long (-)
          t.csv:6:1: the row has more than 1665536 bytes, at most 400000 characters are
          allowed
          []
    6@8 [7|8]
    "##);
}

#[test]
fn a_quote_opened_by_mistake_in_a_large_file_costs_one_line() {
    let mut text = String::from("a,b\n0,\"x\n");
    for row in 1..120_000 {
        let _ = writeln!(text, "{row},plain text");
    }
    let out = read_all(text.as_bytes());
    assert_eq!(out.len(), 120_000);
    insta::assert_snapshot!(show(&out[..2]), @r##"
    1@2 unclosed_quote (b)
          t.csv:2:3: the quote that opens here is not closed within 1665536 bytes
          [0|\"x]
    2@3 [1|plain text]
    "##);
    assert!(out[1..].iter().all(|(mark, row)| row.is_ok() && mark.line == mark.row + 1));
}

#[test]
fn slabs_end_at_their_bounds() {
    use crate::model::limits::{SLAB_BYTES, SLAB_ROWS};
    let sizes = |text: String| -> Vec<usize> {
        let all = slabs(text.as_bytes(), &input(), CHUNK_BYTES).unwrap();
        all.iter().map(|slab| slab.marks.len() + slab.rejected.len()).collect()
    };
    assert_eq!(
        sizes("a,b\n".to_owned() + &"1,2\n".repeat(10_000)),
        [SLAB_ROWS, SLAB_ROWS, SLAB_ROWS, SLAB_ROWS, 1808]
    );
    let blanks = "a,b\n".to_owned() + &"\n".repeat(5_000) + "1,2\n";
    assert_eq!(sizes(blanks), [SLAB_ROWS, SLAB_ROWS, 905]);
    let wide = format!("{},x\n", "y".repeat(99_999));
    assert_eq!(sizes("a,b\n".to_owned() + &wide.repeat(25)), [SLAB_BYTES / 100_000 + 1, 11, 3]);
    let ragged = format!("{}\n", "y".repeat(100_000));
    assert_eq!(sizes("a,b\n".to_owned() + &ragged.repeat(25)), [11, 11, 3]);
}

#[test]
fn rows_of_very_many_fields_do_not_weigh_more_than_others() {
    let header: Vec<String> = (0..5_000).map(|n| format!("c{n}")).collect();
    let row = ",".repeat(4_999);
    let text = header.join(",") + "\n" + &format!("{row}\n").repeat(60);
    let all = slabs(text.as_bytes(), &input(), CHUNK_BYTES).unwrap();
    assert_eq!(all.iter().map(|slab| slab.marks.len()).collect::<Vec<_>>(), [53, 7]);

    let text = format!("a,b\n{}\n1,2\n", "x,".repeat(20_000));
    let all = read_all(text.as_bytes());
    let rejected = all[0].1.as_ref().unwrap_err();
    assert_eq!(rejected.message, "t.csv:2:5: the row has 20001 fields, the header has 2");
    assert_eq!(rejected.source.len(), 5_000);
    assert_eq!(&*rejected.source[4_998], b"x");
    assert_eq!(rejected.source[4_999].len(), 2 * 15_001);
    assert!(all[1].1.is_ok());
}

#[test]
fn a_reader_may_move_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&from_bytes("t.csv", b"a,b\n".to_vec(), &input()).unwrap());
}
