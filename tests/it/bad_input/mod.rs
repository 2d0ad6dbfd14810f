//! Bad input never sends anything wrong: the catalog of what people get wrong, held in tables.
//!
//! Each case says what was given, what is told (the whole of it) and what the org saw: for a
//! refusal no request that changes anything and no effect; for a file with bad rows exactly the
//! effects of the good ones. The cases of a topic share one served org.

mod duplicates;
mod environment;
mod files;
mod flags;
mod mappings;
mod replies;
mod values;

use longshore::practice::org::{QueryScope, Value};
use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World};

/// One world, and what came out otherwise than it should.
struct Bench {
    world: World,
    wrong: Vec<String>,
    cases: usize,
}

/// What is tried: a command line with its files, environment and standard input.
struct Try {
    args: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    environment: Vec<(String, Option<String>)>,
    stdin: Option<Vec<u8>>,
}

impl Try {
    /// A command line, cut at blanks.
    fn new(line: &str) -> Self {
        let args = line.split_whitespace().map(str::to_owned).collect();
        Self { args, files: Vec::new(), environment: Vec::new(), stdin: None }
    }

    /// One more word, which may hold blanks.
    fn arg(mut self, word: impl Into<String>) -> Self {
        self.args.push(word.into());
        self
    }

    /// A file in the folder of the command.
    fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// A variable of the environment; `None` takes it away.
    fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.environment.push((name.to_owned(), value.map(str::to_owned)));
        self
    }

    fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_vec());
        self
    }

    fn run(self, world: &World) -> Ran {
        self.files.iter().for_each(|(name, bytes)| drop(world.file(name, bytes)));
        let environment = self.environment;
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        world.run_changed(&args, self.stdin.as_deref().unwrap_or_default(), |command| {
            for (name, value) in environment {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
        })
    }
}

impl Bench {
    fn new() -> Self {
        let world = World::of(Org::new(&SeedSize { users: 60, permission_sets: 12 }));
        Self { world, wrong: Vec::new(), cases: 0 }
    }

    /// Ids that a query finds.
    fn ids(&self, soql: &str) -> Vec<String> {
        let found = self.world.practice().org().query(soql, QueryScope::Live).unwrap();
        found
            .rows
            .iter()
            .map(|row| match &row[0] {
                Value::Text(text) => text.clone(),
                other => panic!("{soql} gives {other:?}"),
            })
            .collect()
    }

    /// The load is refused with this code and these words, and the org saw no change.
    fn refused(&mut self, name: &str, tried: Try, code: i32, says: &str) {
        let (changes, effects) = self.so_far();
        let ran = tried.run(&self.world);
        let told = self.plain(&ran.stderr);
        if told != says || ran.code != code || !ran.stdout.is_empty() {
            let Ran { code, stdout, .. } = &ran;
            self.wrong.push(format!("@@ {name}\n{told}\n@@ exit {code}, stdout {stdout:?}\n"));
        }
        assert_eq!(self.so_far(), (changes, effects), "{name}: something was sent");
        self.cases += 1;
    }

    /// The good rows are applied and no others; `told` is what rejected.csv and error.csv say of
    /// the bad ones: `row: column: code: message`, a line each.
    fn applied(&mut self, name: &str, tried: Try, good: u64, told: &str) {
        tried.files.into_iter().for_each(|(name, bytes)| drop(self.world.file(&name, bytes)));
        let (changes, effects) = self.so_far();
        let args: Vec<&str> = tried.args.iter().map(String::as_str).collect();
        let (ran, summary) = self.world.load(&args);
        let bad = self.bad_rows(&summary);
        let now = self.so_far();
        let done = now.1 - effects;
        let whole = bad.is_empty() && summary["rows"]["unknown"] == 0;
        let code = if whole { 0 } else { 3 };
        if bad != told || ran.code != code || summary["rows"]["success"] != good || done != good {
            let rows = &summary["rows"];
            self.wrong
                .push(format!("@@ {name}\n{bad}\n@@ exit {}, {done} done, {rows}\n", ran.code));
        }
        assert_eq!(now.0 > changes, good > 0 || bad.contains("error: "), "{name}: jobs");
        self.cases += 1;
    }

    fn bad_rows(&self, summary: &serde_json::Value) -> String {
        let rejected = self.world.results(summary, "rejected").into_iter().map(|row| {
            let part = |name: &str| row[name].clone();
            let (column, code) = (part("longshore__column"), part("longshore__code"));
            let message = part("longshore__message");
            format!("{}: {column}: {code}: {message}", part("longshore__row"))
        });
        let errors = self.world.results(summary, "error").into_iter();
        let errors =
            errors.map(|row| format!("{}: error: {}", row["longshore__row"], row["sf__Error"]));
        let lines: Vec<String> = rejected.chain(errors).collect();
        self.plain(&lines.join("\n"))
    }

    /// Requests that change something, and effects, until now.
    fn so_far(&self) -> (usize, u64) {
        (self.world.changes().len(), self.world.practice().org().audit().len())
    }

    /// Text without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        let folder = self.world.path("");
        let folder = folder.to_str().unwrap().trim_end_matches('/');
        // How long is waited between tries is left to chance; so is the name of a run.
        let steady = |line: &&str| {
            !["waiting ", "run ", "insert ", "org "].iter().any(|start| line.starts_with(start))
        };
        let text = text.lines().filter(steady).collect::<Vec<_>>().join("\n");
        let text = text.replace(folder, "[folder]").replace(self.world.origin(), "[org]");
        text.trim_end().to_owned()
    }

    /// Fails if a case came out otherwise, with all of them; `least` holds the size of the table.
    fn end(self, least: usize) {
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
        assert!(self.cases >= least, "{} cases, there were {least}", self.cases);
    }
}
