//! Showing an address in the browser of the person in front.

use std::io;
use std::process::{Command, Stdio};

use crate::config::environment::Environment;

/// Opens an address with `program`, the value of `BROWSER`, or as the desktop does it.
///
/// The program is given no secret of ours; the address may be seen by everybody on the machine.
pub fn open(program: Option<&str>, address: &str) -> io::Result<()> {
    let words = words(program, address);
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::other("there is no program to open it with"));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in Environment::secret_names() {
        command.env_remove(name);
    }
    let mut child = command.spawn()?;
    // Some browsers stay in front for as long as they are open; nobody waits for those.
    let name = "browser".to_owned();
    std::thread::Builder::new().name(name).spawn(move || child.wait()).map(drop)
}

/// The command; `%s` in `BROWSER` stands for the address, which is the last argument otherwise.
fn words(program: Option<&str>, address: &str) -> Vec<String> {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match program {
        Some(program) => {
            let mut words: Vec<String> = program.split_whitespace().map(str::to_owned).collect();
            if words.iter().any(|word| word.contains("%s")) {
                for word in &mut words {
                    *word = word.replace("%s", address);
                }
            } else {
                words.push(address.to_owned());
            }
            words
        }
        None if cfg!(target_os = "macos") => own(&["open", address]),
        None if cfg!(windows) => own(&["rundll32", "url.dll,FileProtocolHandler", address]),
        None => own(&["xdg-open", address]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_where_the_program_wants_it() {
        let address = "https://acme.example/?a=b c";
        for (program, expected) in [
            ("firefox", vec!["firefox", address]),
            ("firefox --new-window", vec!["firefox", "--new-window", address]),
            ("w3m -o url=%s", vec!["w3m", "-o", "url=https://acme.example/?a=b c"]),
        ] {
            assert_eq!(words(Some(program), address), expected);
        }
        assert_eq!(words(None, address).last().unwrap(), address);
        assert!(open(Some("no-such-browser-here"), address).is_err());
    }
}
