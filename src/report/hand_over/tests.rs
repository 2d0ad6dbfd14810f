use std::path::Path;
use std::process::Command;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::json;

use super::*;
use crate::account::tests::{Book, Load, Until, account_of};
use crate::pipeline::event::ErrorGroup;

/// Text that means something everywhere: in HTML, in Markdown, on a terminal.
const NASTY: &str = "<script>alert(\"x\")</script> & '**b**' | [a](http://evil.example) `c|d` \u{202e}\u{1b}[2J\n# h";

fn nasty() -> Account {
    let mut book = Book::new("rehearsal-1");
    book.load.message = NASTY;
    book.load.manifest = json!({ "input": NASTY, "username": NASTY });
    book.steps[4]["checks"][0]["name"] = json!(NASTY);
    book.steps[4]["checks"][0]["differences"] = json!([NASTY]);
    account_of(&book)
}

/// Reads the page as XML; whatever is not well-formed fails.
fn read(page: &str) {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    let mut open = 0_u32;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(_) => open += 1,
            Event::End(_) => open -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open, 0);
}

#[test]
fn the_page_is_well_formed_and_refers_to_nothing() {
    for account in [account_of(&Book::new("rehearsal-1")), nasty()] {
        let page = html(&account);
        read(&page);
        for word in ["<script", "src=", "href=", "url(", "@import", "<link", "<img", "<iframe"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src"));
    }
}

#[test]
fn foreign_text_is_text() {
    let account = nasty();
    let (page, text) = (html(&account), markdown(&account));
    assert!(page.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;"));
    assert!(page.contains("<code>c|d</code> \\u{202e}\\u{1b}[2J\\n# h"));
    let wanted = r#"\<script\>alert("x")\</script\> \& '\*\*b\*\*' \| \[a\](http://evil.example) `c\|d` \\u{202e}\\u{1b}\[2J\\n# h"#;
    assert!(text.contains(wanted), "{text}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}') && !text.contains('\u{1b}'));
}

#[test]
fn code_in_markdown_has_a_fence_that_it_does_not_end() {
    let cell = |text: &str| {
        let (columns, rows) = (vec!["x"], vec![vec![Cell::code(text)]]);
        let part = Part { title: "t", blocks: vec![Block::Table(Table { columns, rows })] };
        let (stamp, lead) = (Cell::text("s"), String::new());
        let (title, foot) = (String::new(), String::new());
        let (facts, signatures) = (Vec::new(), Vec::new());
        let page = Page { title, stamp, lead, facts, parts: vec![part], signatures, foot };
        let text = markdown::text(&page);
        text.lines().find(|line| line.starts_with("| `")).unwrap().to_owned()
    };
    for (text, wanted) in [
        ("plain", "| `plain` |"),
        ("a|b", "| `a\\|b` |"),
        ("a`b", "| `` a`b `` |"),
        ("a```b`", "| ```` a```b` ```` |"),
    ] {
        assert_eq!(cell(text), wanted);
    }
}

#[test]
fn two_hundred_groups_are_shown_and_the_rest_is_counted() {
    let mut account = account_of(&Book::new("r"));
    let group = |place: u64| ErrorGroup {
        code: format!("CODE_{place}"),
        count: 1_000 - place,
        message: "m".repeat(30_000),
        rows: vec![1, 2, 3, 4, 5],
        verdict: "error".to_owned(),
    };
    account.steps[0].runs[0].errors = (0..250).map(group).collect();
    let (page, text) = (html(&account), markdown(&account));
    assert!(page.len() < 250_000 && text.len() < 200_000, "{} {}", page.len(), text.len());
    for text in [&page, &text] {
        assert!(text.contains("CODE_199") && !text.contains("CODE_200"));
    }
    assert!(text.contains("And 50 more groups of 38,775 rows"), "{text}");
}

#[test]
fn a_folder_gives_the_same_bytes_wherever_it_lies() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deeper = other.path().join("somewhere/else");
    let book = Book::new("rehearsal-1");
    book.write(one.path());
    std::fs::create_dir_all(&deeper).unwrap();
    book.write(&deeper);
    let read = |root: &Path| Account::read(root).unwrap();
    assert_eq!(html(&read(one.path())), html(&read(&deeper)));
    assert_eq!(markdown(&read(one.path())), markdown(&read(one.path())));
}

#[test]
fn the_widths_of_a_bar_add_up_and_one_row_is_seen() {
    use crate::model::verdict::Counts;
    let rows =
        Counts { input: 200_000, success: 199_998, error: 1, unknown: 1, ..Counts::default() };
    let parts = plot::shares(&rows);
    assert_eq!(parts.len(), 3);
    assert!((parts.iter().map(|(_, width)| width).sum::<f64>() - 100.0).abs() < 1e-9);
    assert!(parts[1..].iter().all(|(_, width)| *width >= 0.5), "{parts:?}");
    assert!(plot::shares(&Counts::default()).is_empty());
    assert_eq!(plot::lengths(&[0.0, 5.0, 10.0]), [0.0, 50.0, 100.0]);
}

/// Chromium, where there is one, shows the page as it is and asks nobody for anything.
#[test]
fn a_browser_shows_the_page_without_a_network() {
    let there = Command::new("chromium").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("there is no chromium here, so nothing was shown");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (page, shot) = (folder.path().join("report.html"), folder.path().join("shot.png"));
    let mut file = std::fs::File::create(&page).unwrap();
    std::io::Write::write_all(&mut file, html(&nasty()).as_bytes()).unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(["--window-size=1000,1400", "--dump-dom"])
        .arg(format!("--screenshot={}", shot.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    for seen in ["201 of 203 rows succeeded", "1,204,500.25", "grace@example.com", "alert("] {
        assert!(dom.contains(seen), "{seen}: {dom}");
    }
    assert!(!dom.contains("<script"), "foreign text became an element");
    let bytes = std::fs::metadata(&shot).unwrap().len();
    assert!(bytes > 40_000, "an empty page takes some thousand bytes: {bytes}");
}

#[test]
fn the_hand_over_of_a_runbook_reads_so() {
    let account = account_of(&Book::new("rehearsal-1"));
    let text = markdown(&account).replace(&account.seal.digest, "(the last digest)");
    insta::assert_snapshot!(text, @r#"
    # crm-cutover in `uat`

    **finished in part.** 201 of 203 rows succeeded, 2 are in error. 5 of 5 steps came to a good end.

    | | |
    |---|---|
    | run | `rehearsal-1` |
    | org | `uat`, Salesforce, Harbor UAT |
    | org id | `00D8c00000ZgV6fEAF` |
    | address | `https://uat.example` |
    | user | `ada@example.com` (`0058c00000ZgV6fAAF`) |
    | started | 2026-11-20 18:00:00 UTC |
    | ended | 2026-11-20 18:01:21 UTC |
    | took | 1 min 21 s |
    | API calls | 31, 1 of them repeats |
    | exit code | 3, finished, some rows are in error, rejected or unprocessed |

    ## Rows

    | step | kind | org | state | rows | success | error | rejected | unprocessed | unknown | took |
    |---|---|---|---|---:|---:|---:|---:|---:|---:|---:|
    | `accounts` | load | uat | partial | 100 | 98 | 2 | 0 | 0 | 0 | 14 s |
    | `look` | export | uat | succeeded | 0 | 0 | 0 | 0 | 0 | 0 | 1.5 s |
    | `go` | checkpoint | uat | succeeded | 0 | 0 | 0 | 0 | 0 | 0 | 1 min 00 s |
    | `access` | permissions | uat | succeeded | 3 | 3 | 0 | 0 | 0 | 0 | 2.0 s |
    | `proof` | reconcile | uat | succeeded | 0 | 0 | 0 | 0 | 0 | 0 | 3.0 s |

    ## Reconciliation

    2 comparisons, and all of them passed.

    | step | check | kind | source or bound | org | tolerance | result |
    |---|---|---|---:|---:|---|---|
    | `proof` | accounts | count | 98 | 98 | none | passed |
    | `proof` | amounts | sum | 1,204,500.25 | 1,204,500.00 | 1 | passed |

    ## Rows that did not succeed

    | step | verdict | code | message of the first | rows | the first of them |
    |---|---|---|---|---:|---|
    | `accounts` | error | `DUPLICATE_VALUE` | Legacy `U-1` is there already: 0018c00000Zw4R1 | 2 | 7, 9 |

    ## Time and rate

    | what | took | rows moved | rate |
    |---|---:|---:|---:|
    | `accounts` | 14 s | 100 | 7.1 rows/s |
    | `look` | 1.5 s | 0 |  |
    | `go` | 1 min 00 s | 0 |  |
    | `access` | 2.0 s | 3 | 1.5 rows/s |
    | `proof` | 3.0 s | 0 |  |

    ## Approvals

    - `go`: approved by `grace@example.com`, 2026-11-20 18:01:14 UTC

    ## What was asked for

    | what | value |
    |---|---|
    | wave | `1` |
    | target | `uat` |
    | steps | `accounts, look` |

    ## Jobs

    | step | job | of rows | rows | not done | state |
    |---|---|---|---:|---:|---|
    | `accounts` | `750Pr0A00000001ICA` | 1 to 100 | 100 | 2 | JobComplete |
    | `accounts, second pass` | `750Pr0A00000001ICA` | 1 to 98 | 98 | 0 | JobComplete |
    | `access / 02-grant` | `750Pr0A00000001ICA` | 1 to 3 | 3 | 0 | JobComplete |

    ## Files

    | step | what | file | rows | digest (BLAKE3) |
    |---|---|---|---:|---|
    |  | runbook | `runbook.toml` |  | `60e8ecf5d4d7ec7d49d13f051be74cd4bae3ad62d815c114cc6fef13c18e873a` |
    | `accounts` | input | `/data/accounts.csv` |  | `4a68265905eb9fb4dbac0d99ffff1cf128735e441954ac4ceed9574d3aab3158` |
    |  | result | `out/success.csv` | 201 | `5443af0c0e97f60b57f1450f3051247bce8f92565feb6cd650c9369b79f0b43b` |
    | `accounts` | result | `out/success.csv` | 98 | `5443af0c0e97f60b57f1450f3051247bce8f92565feb6cd650c9369b79f0b43b` |
    | `accounts, second pass` | result | `out/success.csv` | 98 | `5443af0c0e97f60b57f1450f3051247bce8f92565feb6cd650c9369b79f0b43b` |
    | `access / 02-grant` | result | `out/success.csv` | 3 | `5443af0c0e97f60b57f1450f3051247bce8f92565feb6cd650c9369b79f0b43b` |
    | `look` | result | `accounts.csv` | 1 | `b7a6040a61f5a6a7d4c37c323a3a9b401e4d86f56ef6eb65a3c87d4830c93b2a` |

    ## Taking it back

    `longshore undo rehearsal-1` takes it back; with `--plan-only` it shows what it would do, against the org as it is then, and sends nothing.

    What cannot be brought back:

    - `accounts`: what was changed and not created: what the records held before was not kept
    - `accounts`: 98 rows: what the records held before was not kept

    What an undo does:

    - `accounts`: what was created is deleted
    - `access`: `02-grant`: what 3 rows created is deleted, and what others have made below it since goes too

    ## Ledger

    The ledger has 14 lines, and each names the digest of the line before. The last one is `(the last digest)`: a ledger that does not have it any more was changed after this page was written. It proves no more than that.

    | step | lines | last digest |
    |---|---:|---|
    | `accounts` | 10 | `a4286b55997a32824cc517e99c605a38` |
    | `accounts, second pass` | 10 | `04852d8d61590b7bcb3739a1f8276dcb` |
    | `access / 02-grant` | 10 | `6d9b08c341d4b2a9fb30840ada1ca2d0` |

    ## Signatures

    | as | name | signature | date |
    |---|---|---|---|
    | carried out by | `ada@example.com` |  |  |
    | reviewed by |  |  |  |
    | accepted by |  |  |  |

    Written by `longshore report` from the run folder of `rehearsal-1`, run with version 0.1.0. Values of rows are not in it; messages of the org may quote some.
    "#);
}

#[test]
fn the_hand_over_of_a_load_that_was_cut_off_reads_so() {
    let folder = tempfile::tempdir().unwrap();
    let load = Load { rows: [90, 8, 2], ..Load::new("friday", "update", "Account") };
    load.write(folder.path(), Until::Killed);
    let account = Account::read(folder.path()).unwrap();
    insta::assert_snapshot!(markdown(&account), @r#"
    # update Account in `uat`

    **unfinished.** 90 of 98 rows succeeded, 8 are in error. The run is not finished: `longshore resume friday` goes on with it.

    | | |
    |---|---|
    | run | `friday` |
    | org | `uat`, Salesforce |
    | org id | `00D8c00000ZgV6fEAF` |
    | address | `https://uat.example` |
    | user | `ada@example.com` (`0058c00000ZgV6fAAF`) |
    | started | 2026-11-20 18:00:00 UTC |
    | ended | not known |
    | took | not known |
    | input | `accounts.csv`, 18 B |

    ## Rows

    | verdict | rows | means |
    |---|---:|---|
    | success | 90 | done, the org says |
    | error | 8 | refused by the org |
    | rejected | 0 | failed a local check, never sent |
    | unprocessed | 0 | not touched, for certain |
    | unknown | 0 | nobody knows; look them up in the org |
    | rows read | 98 | the sum of the others |

    ## What was asked for

    | what | value |
    |---|---|
    | parallel | `2` |

    ## Jobs

    | job | of rows | rows | not done | state |
    |---|---|---:|---:|---|
    | `750Pr0A00000001ICA` | 1 to 100 | 98 | 8 | JobComplete |

    ## Files

    | what | file | rows | digest (BLAKE3) |
    |---|---|---:|---|
    | input | `accounts.csv` |  | `4a68265905eb9fb4dbac0d99ffff1cf128735e441954ac4ceed9574d3aab3158` |

    ## Taking it back

    It can be taken back once it is finished.

    ## Ledger

    The ledger has 8 lines, and each names the digest of the line before. The last one is `ef2d62abe4ca3d3878f0d3d8d0251ce1`: a ledger that does not have it any more was changed after this page was written. It proves no more than that.

    `longshore verify friday` recomputes the accounting of the rows from what lies in the folder.

    ## Signatures

    | as | name | signature | date |
    |---|---|---|---|
    | carried out by | `ada@example.com` |  |  |
    | reviewed by |  |  |  |
    | accepted by |  |  |  |

    Written by `longshore report` from the run folder of `friday`, run with version 0.1.0. Values of rows are not in it; messages of the org may quote some.
    "#);
}
