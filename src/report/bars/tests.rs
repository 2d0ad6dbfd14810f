use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::report::tally::tests::half_way;
use crate::report::tests::{clock, memory, text_of};

/// A terminal of 100 columns that keeps the lines on it.
#[derive(Debug, Clone, Default)]
struct Screen(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    lines: Vec<String>,
    row: usize,
    tallest: usize,
}

impl Screen {
    fn text(&self) -> String {
        let rows = self.0.lock().unwrap();
        let lines: Vec<&str> = rows.lines.iter().map(|line| line.trim_end()).collect();
        lines.join("\n").trim_end().to_owned()
    }

    fn with(&self, act: impl FnOnce(&mut Rows)) {
        let mut rows = self.0.lock().unwrap();
        act(&mut rows);
        let row = rows.row;
        if rows.lines.len() <= row {
            rows.lines.resize(row + 1, String::new());
        }
        rows.tallest = rows.tallest.max(rows.lines.iter().filter(|line| !line.is_empty()).count());
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.with(|rows| rows.row = rows.row.saturating_sub(lines));
        Ok(())
    }
    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.with(|rows| rows.row += lines);
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.with(|rows| rows.row += 1);
        Ok(())
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.with(|rows| {
            for character in text.chars() {
                rows.lines.resize(rows.lines.len().max(rows.row + 2), String::new());
                // The block relies on the terminal to wrap.
                rows.row += usize::from(rows.lines[rows.row].chars().count() == 100);
                let row = rows.row;
                rows.lines[row].push(character);
            }
        });
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.with(|rows| {
            let row = rows.row;
            if let Some(line) = rows.lines.get_mut(row) {
                line.clear();
            }
        });
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Played {
    bars: Bars,
    screen: Screen,
    kept: Arc<Mutex<Vec<u8>>>,
}

fn played(events: &[Event]) -> Played {
    let screen = Screen::default();
    let (sink, kept) = memory();
    let (elapsed, now) = clock();
    *now.lock().unwrap() = Duration::from_secs(10);
    let bars = Bars::on_terminal(Box::new(screen.clone()), sink, elapsed, "/srv/ada".into());
    for event in events {
        bars.see(event);
    }
    // The draw target is rate limited; a forced tick shows the last state.
    if let Some(lines) = &bars.state.lock().unwrap().lines {
        lines.each().for_each(ProgressBar::force_draw);
    }
    Played { bars, screen, kept }
}

#[test]
fn the_block_has_two_bars_the_pace_and_the_last_notice() {
    let mut events = vec![milestone::tests::started()];
    events.extend(half_way());
    events.push(Event::Notice { message: "the org is slow".to_owned() });
    events.push(Event::Notice { message: "the org is slower".to_owned() });
    let played = played(&events);
    insta::assert_snapshot!(played.screen.text(), @"
    read      ━━━━━━━━━╸                40 %  1,200 rows, 5 rejected
    processed ━━━━━━━━━━━━╸             50 %  1,500 of 2,000 sent in 2 jobs, 12 failed
              150 rows/s · 9.9 s left · 14,988 API calls left
              notice: the org is slower
    ");
    assert!(text_of(&played.kept).starts_with("insert PermissionSetAssignment with"));
    assert_eq!(played.screen.0.lock().unwrap().tallest, 4);
}

#[test]
fn closing_takes_the_block_away_and_says_what_was_held() {
    let mut events = half_way();
    events.extend((0..22).map(|n| Event::Notice { message: format!("number {n}") }));
    let played = played(&events);
    played.bars.close();
    played.bars.see(&Event::Notice { message: "too late".to_owned() });
    assert_eq!(played.screen.text(), "");
    let text = text_of(&played.kept);
    assert!(text.starts_with("notice: number 0\nnotice: number 1\n"), "{text}");
    assert!(text.ends_with("notice: number 19\nand 2 more notices\n"), "{text}");
}

#[test]
fn an_export_has_a_line() {
    let played = played(&[Event::Exported { rows: 12_000, bytes: 1_200_000 }]);
    assert_eq!(played.screen.text().trim(), "12,000 rows, 1.20 MB, 1,200 rows/s");
}
