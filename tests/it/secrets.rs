//! Looks for secrets in whatever a command leaves behind, in every form that they may have there.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Bytes of one file that are looked at.
const BYTES_MAX: u64 = 8 << 20;

/// Below these names secrets are kept on purpose: orgs of a user, and programs that a test makes.
const KEPT: [&str; 2] = ["orgs", "bin"];

thread_local! {
    /// What the commands of this test have said.
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Remembers what a command has said, for the world that it ran in.
pub fn said(stdout: &[u8], stderr: &[u8]) {
    SAID.with_borrow_mut(|said| {
        for stream in [stdout, stderr] {
            said.extend_from_slice(stream);
            said.push(b'\n');
        }
    });
}

/// What was said since the last time.
pub fn taken() -> Vec<u8> {
    SAID.take()
}

/// A secret as it may stand in a text: as it is, in JSON, in a URL, in hexadecimal digits, and
/// inside of Base64 of both alphabets, wherever it begins there.
pub fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let spelled = |spell: &dyn Fn(&mut String, u8)| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            spell(&mut text, *byte);
            text
        })
    };
    let hex = spelled(&|text, byte| write!(text, "{byte:02x}").unwrap());
    let form: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let percent = spelled(&|text, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            text.push(char::from(byte));
        }
        other => write!(text, "%{other:02X}").unwrap(),
    });
    let json = serde_json::Value::from(secret).to_string();
    let mut forms: Vec<Vec<u8>> = [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        form,
        lower_escapes(&percent),
        percent,
        hex.to_ascii_uppercase(),
        hex,
    ]
    .map(String::into_bytes)
    .to_vec();
    for before in 0..3 {
        let whole = [&vec![0; before], bytes].concat();
        // Characters that no neighbor has a part in.
        let (start, end) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
        for packed in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
            forms.push(packed.as_bytes()[start..end].to_vec());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut lower, part| {
        let (escape, rest) = part.split_at(2);
        write!(lower, "%{}{rest}", escape.to_ascii_lowercase()).unwrap();
        lower
    })
}

/// Which of the secrets stand in a text, each with where it stands.
pub fn found_in(name: &str, text: &[u8], needles: &[(String, Vec<Vec<u8>>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (secret, forms) in needles {
        let place = forms.iter().find_map(|form| memchr::memmem::find(text, form));
        if let Some(at) = place {
            let around = &text[at.saturating_sub(60)..text.len().min(at + 120)];
            let around = String::from_utf8_lossy(around);
            found.push(format!("`{secret}` in {name}: …{around}…"));
        }
    }
    found
}

/// Which of the secrets stand in the files of a folder, but for those that keep them on purpose.
pub fn found_below(folder: &Path, needles: &[(String, Vec<Vec<u8>>)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A test may have taken the folder away, or the right to read it.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let shown = name.to_string_lossy();
            found.extend(found_in("a name", shown.as_bytes(), needles));
            let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
            if about.is_dir() && !KEPT.contains(&&*shown) {
                folders.push(path);
            } else if about.is_file() && about.len() <= BYTES_MAX {
                let bytes = std::fs::read(&path).unwrap_or_default();
                found.extend(found_in(&path.display().to_string(), &bytes, needles));
            }
        }
    }
    found
}

/// The secrets and their forms.
pub fn needles<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Vec<(String, Vec<Vec<u8>>)> {
    secrets.into_iter().map(|secret| (secret.to_owned(), forms(secret))).collect()
}

#[test]
fn a_secret_is_found_in_every_form_and_place() {
    let secret = "s3cr\"t/+ kanärie";
    let needles = needles([secret]);
    let json = serde_json::Value::from(secret).to_string();
    let mut texts = vec![
        format!("a {secret} b"),
        format!("{{\"x\":{json}}}"),
        "q=s3cr%22t%2F%2B+kan%C3%A4rie&".to_owned(),
        "q=s3cr%22t%2f%2b%20kan%c3%a4rie&".to_owned(),
        "7333637222742f2b206b616ec3a4726965".to_owned(),
    ];
    for before in ["", "u", "us", "use", "user:"] {
        texts.push(STANDARD.encode(format!("{before}{secret}")));
        texts.push(URL_SAFE.encode(format!("{before}{secret}:more")));
    }
    for text in texts {
        assert_eq!(found_in("x", text.as_bytes(), &needles).len(), 1, "{text}");
    }
    for text in ["", "s3cr", &STANDARD.encode("s3cr\"t/+ kanarie")] {
        assert_eq!(found_in("x", text.as_bytes(), &needles).len(), 0, "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/b/c.txt", "config/orgs/kept.toml", "z.bin"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = if name == "z.bin" { "nothing" } else { secret };
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes())
            .unwrap();
    }
    assert_eq!(found_below(folder.path(), &needles).len(), 1);
}
