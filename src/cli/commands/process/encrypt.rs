//! `process --encrypt`: key files and encrypted values, as Data Loader's `encrypt` makes them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::sign_in::home;
use crate::cli::args::Process;
use crate::cli::commands::print;
use crate::cli::shell::Shell;
use crate::config::dataloader::cipher::{Key, random};
use crate::config::dataloader::settings::default_key_file;
use crate::model::failure::{Blame, Failure};
use crate::model::secret::Secret;

/// Makes a key file, encrypts or decrypts.
pub fn encrypt(args: &Process, shell: &Shell) -> Result<(), Failure> {
    let words: Vec<&str> =
        args.words.iter().map(String::as_str).filter(|w| *w != "run.mode=encrypt").collect();
    match (args.make_key, args.seal, args.open, words.as_slice()) {
        (true, _, _, words @ ([] | [_])) => make_key(words.first().copied(), shell),
        (_, true, _, words @ ([] | [_] | [_, _])) => {
            let text = text(words.first().copied(), shell)?;
            let key = key(words.get(1).copied(), shell)?;
            let sealed = key.encrypt(text.reveal(), random()?)?;
            print(&shell.out, &format!("{sealed}\n"))
        }
        (_, _, true, [value] | [value, _]) => {
            let text = key(words.get(1).copied(), shell)?.decrypt(value)?;
            print(&shell.out, &format!("{}\n", text.reveal()))
        }
        _ => Err(Failure::new(Blame::Request, "`--encrypt` wants one of `-k`, `-e` and `-d`")
            .hint("`longshore process --encrypt -k [KEYFILE]` makes a key file")
            .hint("`… --encrypt -e - [KEYFILE] < FILE` encrypts what stands in a file")
            .hint("`… --encrypt -d VALUE [KEYFILE]` decrypts a value")),
    }
}

fn make_key(named: Option<&str>, shell: &Shell) -> Result<(), Failure> {
    let path = key_file(named, shell)?;
    if let Some(folder) = path.parent().filter(|_| named.is_none()) {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| Failure::disk("create", folder, &error))?;
    }
    let mut options = OpenOptions::new();
    // A key that is overwritten takes every value with it that was encrypted by it.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let key = zeroize::Zeroizing::new(random()?);
    let written = options.open(&path).and_then(|mut file| {
        file.write_all(&*key)?;
        file.sync_all()
    });
    written.map_err(|error| Failure::disk("create the key file", &path, &error))?;
    print(&shell.out, &format!("key file: {}\n", path.display()))
}

/// The text of the word, or of standard input, where no other program can see it.
fn text(word: Option<&str>, shell: &Shell) -> Result<Secret, Failure> {
    if let Some(word) = word.filter(|word| *word != "-") {
        return Ok(Secret::new(word.to_owned()));
    }
    let line = if shell.in_is_terminal { (shell.hidden_line)() } else { (shell.line)() };
    let line = line.map_err(|error| {
        Failure::new(Blame::Disk, format!("cannot read standard input: {error}"))
    })?;
    let text = line.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Failure::new(Blame::Request, "there is nothing to encrypt")
            .hint("standard input is empty"));
    }
    Ok(Secret::new(text.to_owned()))
}

fn key(named: Option<&str>, shell: &Shell) -> Result<Key, Failure> {
    Ok(Key::read(&key_file(named, shell)?)?)
}

fn key_file(named: Option<&str>, shell: &Shell) -> Result<PathBuf, Failure> {
    let given = named.map(|named| shell.dir.join(Path::new(named)));
    given.or_else(|| default_key_file(home(shell).as_deref())).ok_or_else(|| {
        Failure::new(Blame::Request, "there is no home folder for the key file")
            .hint("name a key file as the last word")
    })
}
