//! The refresh token outlives every interruption, and two who use it do not lose it.

use std::path::Path;
use std::sync::Arc;

use super::super::{Alias, Kind, Profiles, origin};
use super::*;
use crate::faults;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn profile(token: &str) -> Profile {
    Profile {
        kind: Kind::Salesforce,
        instance_url: origin("https://acme.my.salesforce.com").unwrap(),
        login_url: None,
        api_version: None,
        way: Way::Refresh {
            client_id: "3MVG9".to_owned(),
            client_secret: None,
            refresh_token: secret(token),
        },
    }
}

fn alias() -> Alias {
    Alias::parse("acme.dev").unwrap()
}

/// The folder of a user who has signed in with the first token.
fn kept() -> (tempfile::TempDir, Profiles) {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    profiles.write(alias(), &profile("5AepFirst")).unwrap();
    (folder, profiles)
}

fn token(profiles: &Profiles) -> String {
    match profiles.read(alias()).unwrap().way {
        Way::Refresh { refresh_token, .. } => refresh_token.reveal().to_owned(),
        way => panic!("{way:?}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("orgs")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_token_takes_the_place_of_the_old_one() {
    let (folder, profiles) = kept();
    let keeper = profiles.keeper(alias());
    let mut turn = keeper.take().unwrap().unwrap();
    assert_eq!(turn.token().reveal(), "5AepFirst");
    turn.replace(&secret("5AepSecond")).unwrap();
    assert_eq!(token(&profiles), "5AepSecond");
    turn.replace(&secret("5AepThird")).unwrap();
    drop(turn);
    assert_eq!(keeper.take().unwrap().unwrap().token().reveal(), "5AepThird");
    // What was not needed is gone.
    assert_eq!(names(folder.path()), ["acme.dev.lock", "acme.dev.toml"]);
    #[cfg(unix)]
    for name in names(folder.path()) {
        use std::os::unix::fs::PermissionsExt as _;
        let about = std::fs::metadata(folder.path().join("orgs").join(&name)).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn only_one_has_the_turn_and_the_next_reads_what_the_first_was_given() {
    let (_folder, profiles) = kept();
    let (one, other) = (profiles.keeper(alias()), profiles.keeper(alias()));
    let mut turn = one.take().unwrap().unwrap();
    assert!(other.take().unwrap().is_none());
    turn.replace(&secret("5AepSecond")).unwrap();
    assert!(other.take().unwrap().is_none());
    drop(turn);
    assert_eq!(other.take().unwrap().unwrap().token().reveal(), "5AepSecond");
}

#[test]
fn many_at_once_spend_each_token_once() {
    let (_folder, profiles) = kept();
    let used = Arc::new(std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (keeper, used) = (profiles.keeper(alias()), Arc::clone(&used));
            scope.spawn(move || {
                for _ in 0..5 {
                    let mut turn = loop {
                        match keeper.take().unwrap() {
                            Some(turn) => break turn,
                            None => std::thread::yield_now(),
                        }
                    };
                    let mut used = used.lock().unwrap();
                    used.push(turn.token().reveal().to_owned());
                    turn.replace(&secret(&format!("5Aep-{}", used.len()))).unwrap();
                }
            });
        }
    });
    let mut used = used.lock().unwrap().clone();
    let count = used.len();
    used.sort();
    used.dedup();
    assert_eq!((count, used.len()), (20, 20), "{used:?}");
    assert_eq!(token(&profiles), "5Aep-20");
}

/// Each change on disk, and a kill or a full disk at it: what is kept then is the old token or the
/// new one, whole, and the new one as soon as it was said to be kept.
#[test]
fn no_interruption_leaves_anything_but_the_old_token_or_the_new_one() {
    let mut struck = 0;
    for action in ["kill", "enospc", "eio", "short", "power=1", "power=7"] {
        for nth in 1.. {
            let (folder, profiles) = kept();
            let plan = format!("any:{nth}:{action}").parse().unwrap();
            let guard = faults::plan(folder.path(), plan);
            let keeper = profiles.keeper(alias());
            let kept = keeper.take().and_then(|turn| {
                let mut turn = turn.unwrap();
                turn.replace(&secret("5AepSecond"))
            });
            let fired = guard.fired() > 0;
            drop(guard);
            let found = token(&profiles);
            match kept {
                Ok(()) => assert_eq!(found, "5AepSecond", "{action} {nth}"),
                Err(error) => {
                    assert!(["5AepFirst", "5AepSecond"].contains(&&*found), "{action} {nth}");
                    assert!(!error.to_string().contains("5Aep"), "{error}");
                }
            }
            if !fired {
                break;
            }
            struck += 1;
            // And it goes on from there.
            let mut turn = profiles.keeper(alias()).take().unwrap().unwrap();
            turn.replace(&secret("5AepThird")).unwrap();
            assert_eq!(token(&profiles), "5AepThird", "{action} {nth}");
        }
    }
    assert!(struck >= 40, "{struck}");
}

#[test]
fn a_disk_that_is_full_is_found_out_before_the_old_token_is_used() {
    let (folder, profiles) = kept();
    let _guard = faults::plan(folder.path(), "write:1:enospc".parse().unwrap());
    let error = profiles.keeper(alias()).take().err().unwrap();
    assert!(error.to_string().starts_with("cannot write `"), "{error}");
    assert_eq!(token(&profiles), "5AepFirst");
}

#[test]
fn an_org_that_was_forgotten_or_changed_has_no_turn() {
    let (_folder, profiles) = kept();
    let keeper = profiles.keeper(alias());
    let other = Way::AccessToken { token: secret("00D!x") };
    profiles.write(alias(), &Profile { way: other, ..profile("") }).unwrap();
    let error = keeper.take().err().unwrap();
    assert!(error.to_string().ends_with("holds no refresh token any more"), "{error}");
    profiles.remove(alias()).unwrap();
    assert!(keeper.take().is_err());
}
