//! `org logout`: takes the right back at the org, and forgets it here.

use serde_json::json;

use super::objects::json as document;
use super::{print, tell};
use crate::cli::args::OneOrg;
use crate::cli::failure;
use crate::cli::org;
use crate::cli::shell::Shell;
use crate::config::profiles::{Alias, Kind, Profile, Way};
use crate::model::failure::Failure;
use crate::target::salesforce::revoke;

/// Revokes the refresh token, if that is how the org is signed in to, and forgets the org.
///
/// Revoked first, so that a kill in between leaves no good token that nobody knows of. What cannot
/// be revoked is forgotten all the same, and the command fails: the token still opens the org.
pub(super) async fn logout(args: &OneOrg, shell: &Shell) -> Result<u8, Failure> {
    let alias = Alias::parse(&args.alias)?;
    let profiles = org::profiles(shell)?;
    // A file that cannot be read can be forgotten, but not be taken back.
    let taken_back = match profiles.read(alias) {
        Ok(profile) => take_back(&profile, shell).await,
        Err(error) if profiles.has(alias) => Some(Err(error.into())),
        Err(error) => return Err(error.into()),
    };
    profiles.remove(alias)?;
    let name = alias.as_str();
    let revoked = taken_back.as_ref().map(Result::is_ok);
    let failure = taken_back.and_then(Result::err);
    if args.manners.json {
        let told = failure.as_ref().map(|failure| failure.message.clone());
        let text = json!({
            "alias": name, "forgotten": true, "revoked": revoked, "not_revoked_because": told,
        });
        print(&shell.out, &document(&text)?)?;
    } else {
        let end = match revoked {
            Some(true) => "its refresh token is revoked",
            Some(false) => "its refresh token is not revoked",
            None => "what the app may do is taken back in the org itself",
        };
        print(&shell.out, &format!("`{name}` is forgotten here; {end}\n"))?;
    }
    let Some(failure) = failure else { return Ok(0) };
    let failure = failure.hint(
        "whoever has a copy of the token can still use it: end it in the org, under `Connected Apps \
         OAuth Usage` or on the page of the user",
    );
    tell(shell, &failure::text(&failure, shell.err_paint(args.manners.color)));
    Ok(failure.blame.exit_code())
}

/// `None` where nothing of ours is at the org: another way in makes its tokens when they are
/// needed, and a token that somebody else obtained is theirs to end.
async fn take_back(profile: &Profile, shell: &Shell) -> Option<Result<(), Failure>> {
    let Way::Refresh { refresh_token, .. } = &profile.way else { return None };
    if profile.kind == Kind::Auth0 {
        return None;
    }
    let revoked = async {
        let client = org::client(shell)?;
        let sign_in = profile.sign_in(None, None, &shell.environment)?;
        Ok(revoke(&client, &sign_in, refresh_token).await?)
    };
    Some(revoked.await)
}
