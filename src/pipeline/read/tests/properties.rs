//! Properties that hold for every input, with other readers and plain reasoning as oracles.

use proptest::prelude::*;

use super::*;

const HEADER: &str = "h1,h2,h3\n";

/// What the csv crate makes of `bytes`: every record, whatever its width.
fn oracle(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes);
    let rows = reader.byte_records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(<[u8]>::to_vec).collect()).collect()
}

fn good(outcomes: &[Outcome]) -> Option<Vec<Vec<Vec<u8>>>> {
    outcomes.iter().map(|(_, row)| row.clone().ok()).collect()
}

/// Text in which all that matters to the reader is frequent.
fn noise() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        8 => Just(","), 4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"), 4 => Just("\""),
        2 => Just("\"\""), 2 => Just("a"), 1 => Just("é"), 2 => Just("1,x,y\n"),
        2 => Just("2,\"z\",\n"),
    ];
    prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
}

/// A text of records without faults, three fields each.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    let cell = prop_oneof![
        3 => "[a-z0-9]{0,6}",
        1 => "[a-z,;|\t^`\" é€]{0,8}",
        1 => "[a\"\r\n,]{0,6}",
    ];
    prop::collection::vec(prop::collection::vec(cell, 3), 0..30)
}

fn delimiters() -> impl Strategy<Value = Delimiter> {
    prop::sample::select(Delimiter::ALL.to_vec())
}

/// The physical lines of `text`, with their ends.
fn physical_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = match rest.find(['\n', '\r']) {
            None => rest.len(),
            Some(at) if rest[at..].starts_with("\r\n") => at + 2,
            Some(at) => at + 1,
        };
        lines.push(&rest[..end]);
        rest = &rest[end..];
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_a_csv_writer_wrote_is_read_back(
        rows in table(),
        delimiter in delimiters(),
        given in any::<bool>(),
        always in any::<bool>(),
        ending in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        chunk in prop::sample::select(vec![1, 5, 64, CHUNK_BYTES]),
    ) {
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let terminator = match ending {
            "\r\n" => csv::Terminator::CRLF,
            one => csv::Terminator::Any(one.as_bytes()[0]),
        };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter.byte())
            .quote_style(style)
            .terminator(terminator)
            .from_writer(Vec::new());
        writer.write_record(["h1", "h2", "h3"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let input = Input { delimiter: given.then_some(delimiter), ..input() };
        let read = good(&outcomes(&slabs(&bytes, &input, chunk).unwrap()));
        let written: Vec<Vec<Vec<u8>>> =
            rows.iter().map(|row| row.iter().map(|c| c.clone().into_bytes()).collect()).collect();
        prop_assert_eq!(read, Some(written));
    }

    #[test]
    fn without_faults_the_csv_crate_agrees(body in noise()) {
        let text = format!("{HEADER}{body}");
        if let Some(rows) = good(&read_all(text.as_bytes())) {
            prop_assert_eq!(rows, oracle(body.as_bytes(), b','));
        }
    }

    #[test]
    fn tiny_pieces_read_like_one_piece(body in noise(), chunk in 1_usize..8) {
        let text = format!("{HEADER}{body}");
        let pieces = outcomes(&slabs(text.as_bytes(), &input(), chunk).unwrap());
        prop_assert_eq!(pieces, read_all(text.as_bytes()));
    }

    #[test]
    fn bytes_of_any_kind_are_accounted_for_in_any_pieces(
        body in prop::collection::vec(
            prop_oneof![
                Just(b','), Just(b'\n'), Just(b'"'), Just(0_u8), Just(0xC3), Just(0xA9), any::<u8>()
            ],
            0..60,
        ),
        chunk in 1_usize..8,
    ) {
        let bytes = [HEADER.as_bytes(), &body].concat();
        let whole = read_all(&bytes);
        let numbers: Vec<u64> = whole.iter().map(|(mark, _)| mark.row).collect();
        prop_assert_eq!(numbers, (1..=whole.len() as u64).collect::<Vec<_>>());
        for (_, row) in &whole {
            let clean = |cells: &Vec<Vec<u8>>| {
                cells.iter().all(|c| std::str::from_utf8(c).is_ok() && !c.contains(&0))
            };
            prop_assert!(row.as_ref().map_or(true, clean));
        }
        prop_assert_eq!(outcomes(&slabs(&bytes, &input(), chunk).unwrap()), whole);
    }

    /// Rows and rejections share out the physical lines: each begins where the one before ended,
    /// and a good row is exactly what its own lines say.
    #[test]
    fn every_line_belongs_to_one_row_and_no_row_is_made_up(body in noise()) {
        let text = format!("{HEADER}{body}");
        let lines = physical_lines(&text);
        let used = lines.iter().rposition(|line| !matches!(*line, "\n" | "\r\n" | "\r"));
        let end = used.map_or(0, |last| last + 1) as u64 + 1;
        let rows = read_all(text.as_bytes());
        let starts: Vec<u64> = rows.iter().map(|(mark, _)| mark.line).chain([end]).collect();
        prop_assert_eq!(starts[0], 2, "the first row begins after the header");
        for (pair, (mark, row)) in starts.windows(2).zip(&rows) {
            let (from, to) = (usize::try_from(pair[0]).unwrap(), usize::try_from(pair[1]).unwrap());
            prop_assert!(from < to, "row {} has a line", mark.row);
            let own = lines[from - 1..to - 1].concat();
            match row {
                Ok(cells) => prop_assert_eq!(oracle(own.as_bytes(), b','), vec![cells.clone()]),
                Err(r) if matches!(r.code, "unclosed_quote" | "ragged_row") => {}
                Err(r) => prop_assert_eq!(to - from, 1, "{} takes one line", r.code),
            }
        }
    }

    /// A stray quote in a plain file may cost rows but never changes one: whatever comes out for a
    /// single line is what that line held before.
    #[test]
    fn one_stray_quote_never_alters_another_row(
        rows in prop::collection::vec(prop::collection::vec("[a-z]{1,4}", 3), 1..20),
        quoted in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let wrap = |cell: &String| if quoted { format!("\"{cell}\"") } else { cell.clone() };
        let line = |row: &Vec<String>| row.iter().map(wrap).collect::<Vec<_>>().join(",") + "\n";
        let mut body: String = rows.iter().map(line).collect();
        let at = at.index(body.len());
        let hit = body[..at].matches('\n').count();
        body.insert(at, '"');
        let out = read_all(format!("{HEADER}{body}").as_bytes());
        let mut intact = 0;
        for (mark, row) in &out {
            let index = usize::try_from(mark.line - 2).unwrap();
            if let Ok(cells) = row && index != hit {
                let before: Vec<Vec<u8>> =
                    rows[index].iter().map(|c| c.clone().into_bytes()).collect();
                prop_assert_eq!(cells, &before);
                intact += 1;
            }
        }
        // In a plain file nothing closes the quote, so it costs its own row at most.
        if !quoted {
            prop_assert_eq!(intact, rows.len() - 1);
        }
    }
}
