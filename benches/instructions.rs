//! Counts the instructions of user space from reading to chunks, and holds them against the figures
//! in `instructions.toml`.
//!
//! The program runs itself under valgrind's callgrind, with N rows and with 2 N: the difference has
//! neither start-up nor end in it. Counts depend neither on the machine's speed nor on its load, so
//! they can be a gate; they do depend on the instruction set (the digest and the C library take
//! wide registers where there are some), and the figures are those of x86-64 with AVX2.
//!
//! `--keep FOLDER` leaves callgrind's files there, for `callgrind_annotate`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use longshore_benches::load::{Load, Shape, Stage};

/// What one shape of rows is counted in, and how many of them.
struct Count {
    shape: Shape,
    key: &'static str,
    rows: u64,
}

const COUNTS: [Count; 2] = [
    Count { shape: Shape::Ids, key: "per_row", rows: 50_000 },
    Count { shape: Shape::Wide, key: "per_byte", rows: 10_000 },
];

/// By how much a count may differ from its figure.
const TOLERANCE: f64 = 0.03;

type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", shape, file, folder] => child(shape, file.as_ref(), folder.as_ref()),
        ["--keep", folder] => gate(Some(folder.as_ref())),
        _ => gate(None),
    };
    match done {
        Ok(code) => code,
        Err(fault) => {
            tell(&format!("instructions: {fault}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is a program of its own, and this is its report")]
fn tell(line: &str) {
    println!("{line}");
}

/// Takes one file in; this is what is counted.
fn child(shape: &str, file: &Path, folder: &Path) -> Result<ExitCode, Fault> {
    let shape = Shape::of_word(shape).ok_or("no such shape")?;
    let load = Load::open(shape, file, Some(folder)).map_err(|failure| failure.message)?;
    load.run(Stage::Chunk).map_err(|failure| failure.message)?;
    Ok(ExitCode::SUCCESS)
}

fn gate(keep: Option<&Path>) -> Result<ExitCode, Fault> {
    if let Some(why) = passed_over() {
        tell(&format!("instructions are not counted: {why}"));
        return Ok(ExitCode::SUCCESS);
    }
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    let figures: toml::Table = std::fs::read_to_string(place)?.parse()?;
    let room = tempfile::tempdir()?;
    let mut code = ExitCode::SUCCESS;
    for count in &COUNTS {
        let figure = |key: &str| -> Result<f64, Fault> {
            let figure = figures.get(count.shape.word()).and_then(|shape| shape.get(key));
            let figure = figure.and_then(toml::Value::as_float);
            figure.ok_or_else(|| format!("no figure `{key}` of {}", count.shape.word()).into())
        };
        let (baseline, must) = (figure(count.key)?, figure("must")?);
        let counted = count.run(room.path(), keep)?;
        let name = format!("{} {}", count.shape.word(), count.key);
        tell(&format!("{name}: {counted:.2} (figure {baseline:.2}, bound {must:.0})"));
        if counted > baseline * (1.0 + TOLERANCE) || counted > must {
            tell(&format!("{name}: too many; `--keep FOLDER` and callgrind_annotate tell where"));
            code = ExitCode::FAILURE;
        } else if counted < baseline * (1.0 - TOLERANCE) {
            tell(&format!("{name}: fewer than before; write the new figure to instructions.toml"));
        }
    }
    Ok(code)
}

/// Why nothing can be counted here.
fn passed_over() -> Option<&'static str> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Some("there is no valgrind in PATH");
    }
    #[cfg(target_arch = "x86_64")]
    let wide = std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let wide = false;
    (!wide).then_some("the figures are those of x86-64 with AVX2")
}

impl Count {
    /// Instructions for each row, or for each byte of them.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn run(&self, room: &Path, keep: Option<&Path>) -> Result<f64, Fault> {
        // Two processes at once: neither counts what the other does.
        let counted = |rows| self.counted(room, keep, rows).map_err(|fault| fault.to_string());
        let (few, many) = std::thread::scope(|scope| {
            let few = scope.spawn(|| counted(self.rows));
            let many = counted(2 * self.rows);
            (few.join(), many)
        });
        let (few, few_bytes) = few.map_err(|_| "counting broke down")??;
        let (many, many_bytes) = many?;
        let units = if self.key == "per_row" { self.rows } else { many_bytes - few_bytes };
        Ok((many - few) as f64 / units as f64)
    }

    /// The instructions of a process that takes so many rows in, and the bytes of the rows.
    fn counted(&self, room: &Path, keep: Option<&Path>, rows: u64) -> Result<(u64, u64), Fault> {
        let word = self.shape.word();
        let room_of = room.join(format!("{word}.{rows}"));
        std::fs::create_dir(&room_of)?;
        let (input, chunks) = (room_of.join("input.csv"), room_of.join("chunks"));
        let bytes = self.shape.write(&input, rows)?;
        std::fs::create_dir(&chunks)?;
        let report = keep.unwrap_or(room).join(format!("callgrind.{word}.{rows}"));
        let done = Command::new("valgrind")
            .args(["--tool=callgrind", "-q"])
            .arg(format!("--callgrind-out-file={}", report.display()))
            .arg(std::env::current_exe()?)
            .args(["child", word])
            .args([&input, &chunks])
            // One thread: how often idle threads look for work is a matter of chance.
            .env("RAYON_NUM_THREADS", "1")
            .output()?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            let said = said + &String::from_utf8_lossy(&done.stderr);
            return Err(format!("{word} rows broke down: {said}").into());
        }
        std::fs::remove_dir_all(&room_of)?;
        let text = std::fs::read_to_string(&report)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total = total.and_then(|total| total.trim().parse().ok());
        Ok((total.ok_or("callgrind gave no total")?, bytes))
    }
}
