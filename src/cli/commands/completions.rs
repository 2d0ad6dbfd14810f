//! `completions` and `man`: made from the same definition as the help, so they cannot lag behind.

use super::print;
use crate::cli::args;
use crate::cli::shell::Shell;
use crate::model::failure::{Blame, Failure};

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell, world: &Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "longshore", &mut script);
    print(&world.out, &String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints the manual: the page of the program, then one for each command.
pub fn man(shell: &Shell) -> Result<u8, Failure> {
    let mut root = args::command();
    root.build();
    let mut pages = Vec::new();
    write_pages(&root, &mut pages)
        .map_err(|error| Failure::new(Blame::Run, format!("cannot make the manual: {error}")))?;
    print(&shell.out, &String::from_utf8_lossy(&pages))?;
    Ok(0)
}

fn write_pages(command: &clap::Command, pages: &mut Vec<u8>) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(pages)?;
    let shown = |command: &&clap::Command| command.get_name() != "help";
    command.get_subcommands().filter(shown).try_for_each(|command| write_pages(command, pages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shell::tests::shell;
    use crate::report::tests::text_of;

    #[test]
    fn completions_know_the_commands_and_their_flags() {
        for kind in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh] {
            let (world, told) = shell(std::path::Path::new("/"), &[]);
            assert_eq!(completions(kind, &world).unwrap(), 0);
            let script = text_of(&told.out);
            assert!(script.contains("hard-delete") && script.contains("--external-id"));
        }
    }

    #[test]
    fn the_manual_has_a_page_for_each_command() {
        let (world, told) = shell(std::path::Path::new("/"), &[]);
        man(&world).unwrap();
        let manual = text_of(&told.out);
        for page in [".TH longshore ", ".TH longshore-insert ", ".TH longshore-practice-serve "] {
            assert!(manual.contains(page), "{page}");
        }
    }
}
