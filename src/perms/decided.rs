//! From a request to decisions on disk: what is asked of the org, and in which order.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::ask::{Action, EVERYTHING, Request, Scope};
use super::carry::on_thread;
use super::decide::{Decider, Found};
use super::decisions::{DecisionsFile, What};
use super::expiry::Expiry;
use super::held::{Held, Wanted};
use super::preview::{Preview, count};
use super::query::rows;
use super::sets::{License, NoSuch, Sets, seated};
use super::spool::{Given, Spool, Spooled, read_file};
use super::users::Users;
use super::who::WhoField;
use crate::faults;
use crate::ledger::Output;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::wording::shown;
use crate::target::Target;

/// Decisions, durable.
pub(super) struct Decided {
    pub decisions: Output,
    pub preview: Preview,
    /// The source columns.
    pub header: Vec<String>,
    /// Bytes and digest of the source.
    pub source: (u64, Digest),
    pub notices: Vec<String>,
}

/// Reads the request's rows, looks up what they name, and writes down what becomes of each.
pub(super) async fn decide<T: Target>(
    request: &Request,
    target: &T,
    root: &Path,
    now: Timestamp,
) -> Result<Decided, Failure> {
    let expires = expires(request, now)?;
    let sets = Sets::read(target).await?;
    let given = given(request, target, &sets).await?;
    let spooled = spool(request, target, root, given).await?;
    let permissions = named(&sets, &spooled);
    let users = Users::read(target, &spooled.who).await?;
    need_scope(request, &permissions, &users, &spooled)?;
    let wanted = match (request.action, request.scope) {
        _ if request.everything => Wanted::OfUsers,
        (Action::Sync, Scope::ListedPermissions) => Wanted::OfPermissions,
        (Action::Sync, Scope::ListedUsers) => Wanted::OfUsers,
        _ => Wanted::Both,
    };
    let held = Held::read(target, &sets, &users, &permissions, wanted).await?;
    let mut found = Found { sets, users, held, ..Found::default() };
    if request.action != Action::Revoke {
        let places = licenses(&found.sets, &permissions);
        let Found { sets, users, seated: seats, .. } = &mut found;
        seated(target, sets, &places, |user, place| {
            if users.of_id(&user).is_some() {
                seats.insert((user, place));
            }
        })
        .await?;
    }
    let (root, asked) = (root.to_owned(), request.clone());
    on_thread(move || write(&root, spooled, found, &asked, expires, now)).await
}

/// Decides row by row, after them what is taken away that no row names.
fn write(
    root: &Path,
    spooled: Spooled,
    found: Found,
    request: &Request,
    expires: Expiry,
    now: Timestamp,
) -> Result<Decided, Failure> {
    let (columns, header) = (spooled.columns.clone(), spooled.header.clone());
    let mut decider = Decider::new(found, columns, header.clone(), request.action, expires, now);
    if request.everything {
        decider.take_everything();
    }
    let mut file = DecisionsFile::begin(root, &header)?;
    let mut preview = Preview::default();
    spooled.each(|row| {
        let decision = decider.decide(row);
        preview.add(&decision);
        match decider.first_of_all(row, &decision) {
            Some(cells) => file.push(&decision, cells.iter().map(String::as_bytes)),
            None => file.push(&decision, row.source()),
        }
    })?;
    let mut notices = spooled.notices.clone();
    if request.takes_unnamed() {
        let (scope, why) = if request.everything {
            (Scope::ListedUsers, EVERYTHING)
        } else {
            (request.scope, request.scope.not_listed())
        };
        let removals = decider.removals((scope, why), spooled.rows + 1);
        let withheld = removals.iter().filter(|(it, _)| it.what == What::Rejected).count();
        if withheld > 0 {
            notices.push(withheld_words(u64::try_from(withheld).unwrap_or(u64::MAX)));
        }
        for (decision, permission) in &removals {
            preview.add(decision);
            let cells = decider.cells_of(decision, *permission);
            file.push(decision, cells.iter().map(String::as_bytes))?;
        }
    }
    for label in decider.outdated() {
        notices.push(format!(
            "the group `{label}` is not recalculated yet: it grants what it did before until then"
        ));
    }
    let decisions = file.finish()?;
    let path = spooled.path;
    faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
    let source = (spooled.bytes, spooled.digest);
    Ok(Decided { decisions, preview, header, source, notices })
}

pub(super) fn withheld_words(number: u64) -> String {
    let (grants, them) = if number == 1 { ("grant is", "it") } else { ("grants are", "them") };
    format!(
        "{} {grants} not taken away, as a row that names nobody or nothing for certain may mean \
         {them}: correct those rows, and sync once more",
        count(number)
    )
}

/// When grants end whose row does not say so.
fn expires(request: &Request, now: Timestamp) -> Result<Expiry, Failure> {
    let Some(text) = &request.expires else { return Ok(Expiry::Unsaid) };
    let text = text.escape_debug();
    match Expiry::read(&request.expires.clone().unwrap_or_default()) {
        Some(Expiry::At(time)) if time <= now => {
            Err(Failure::new(Blame::Request, format!("`--expires {text}` is past")))
        }
        Some(expires @ (Expiry::At(_) | Expiry::Never)) => Ok(expires),
        _ => {
            let message = format!("`--expires {text}` is no date, no time and not `never`");
            Err(Failure::new(Blame::Request, message)
                .hint("write `2027-01-31` (to the end of that day, UTC) or `2027-01-31T10:00:00Z`"))
        }
    }
}

/// What flags say of the permissions of every row; each must be there, for certain.
async fn given<T: Target>(request: &Request, target: &T, sets: &Sets) -> Result<Given, Failure> {
    if request.everything {
        return Ok(Given::everything(target.kind()));
    }
    let mut given = Vec::new();
    let flags = [
        ("--permission-set", &request.sets, false),
        ("--permission-set-group", &request.groups, true),
    ];
    for (flag, names, is_group) in flags {
        for name in names {
            let place = sets.find(name, is_group).map_err(|(_, message): NoSuch| {
                Failure::new(Blame::Request, format!("`{flag}`: {message}"))
            })?;
            given.push(cells_of(sets, place));
        }
    }
    if let Some(user) = &request.copy_from {
        let copied = copied(user, request, target, sets).await?;
        given.extend(copied.into_iter().map(|place| cells_of(sets, place)));
    }
    let mut seen = BTreeSet::new();
    given.retain(|cells| seen.insert(cells.clone()));
    Ok(Given::sets(given))
}

fn cells_of(sets: &Sets, place: u32) -> [String; 2] {
    let permission = sets.get(place);
    let name = permission.name.clone();
    if permission.is_group { [String::new(), name] } else { [name, String::new()] }
}

/// What the user of `--copy-from` holds beside what its profile owns.
async fn copied<T: Target>(
    user: &str,
    request: &Request,
    target: &T,
    sets: &Sets,
) -> Result<BTreeSet<u32>, Failure> {
    let wanted = request.matching.iter().map(|field| (*field, [field.key(user)].into())).collect();
    let users = Users::read(target, &wanted).await?;
    let mut nobody = None;
    let found = request.matching.iter().find_map(|field| match users.find(*field, user) {
        Ok(place) => Some(place),
        Err((code, message)) => {
            if nobody.is_none() || code == "user_ambiguous" {
                nobody = Some(message);
            }
            None
        }
    });
    let Some(place) = found else {
        let message = format!("`--copy-from`: {}", nobody.unwrap_or_default());
        return Err(Failure::new(Blame::Request, message));
    };
    let held = Held::read(target, sets, &users, &BTreeSet::new(), Wanted::OfUsers).await?;
    let id = users.get(place).id;
    let copied: BTreeSet<u32> =
        held.grants.keys().filter(|(user, _)| *user == id).map(|(_, place)| *place).collect();
    if copied.is_empty() {
        let name = &users.get(place).username;
        let message = format!("`--copy-from`: `{name}` holds nothing but what its profile owns");
        return Err(Failure::new(Blame::Request, message));
    }
    Ok(copied)
}

/// The rows, from the file or from the condition on users.
async fn spool<T: Target>(
    request: &Request,
    target: &T,
    root: &Path,
    given: Given,
) -> Result<Spooled, Failure> {
    let need_what = !request.names_permissions();
    match (&request.input, &request.condition) {
        (Some(input), _) => {
            let (root, input) = (root.to_owned(), input.clone());
            let order = request.matching.clone();
            on_thread(move || read_file(&root, &input, &order, given, need_what)).await
        }
        (None, Some(condition)) => by_condition(target, root, condition, given).await,
        (None, None) => Err(Failure::new(Blame::Request, "neither a file nor `--where` says who")),
    }
}

async fn by_condition<T: Target>(
    target: &T,
    root: &Path,
    condition: &str,
    given: Given,
) -> Result<Spooled, Failure> {
    let header = ["Username", "User Id"].map(str::to_owned);
    // An Id is certain whatever a username may look like.
    let order = [WhoField::UserId, WhoField::Username];
    let mut spool = Spool::begin(root, &header, &order, given)?;
    let soql = format!("SELECT Username, Id FROM User WHERE {condition}");
    let mut found = 0_u64;
    rows(target, soql, |cells| {
        found += 1;
        spool.push(0, |place| cells[place].as_bytes(), None)
    })
    .await
    .map_err(|failure| match failure.blame {
        Blame::Run => Failure {
            blame: Blame::Request,
            message: format!("`--where`: {}", failure.message),
            ..failure
        },
        _ => failure,
    })?;
    if found == 0 {
        let message = format!("`--where`: no user is found by `{}`", shown(condition.as_bytes()));
        return Err(Failure::new(Blame::Request, message));
    }
    spool.finish(None)
}

/// Permissions that some row names for certain.
fn named(sets: &Sets, spooled: &Spooled) -> BTreeSet<u32> {
    let of = |names: &BTreeSet<String>, is_group| -> Vec<u32> {
        names.iter().filter_map(|name| sets.find(name, is_group).ok()).collect()
    };
    let mut places: BTreeSet<u32> = of(&spooled.sets, false).into_iter().collect();
    places.extend(of(&spooled.groups, true));
    places
}

/// A sync that lists nothing would take everything away.
fn need_scope(
    request: &Request,
    permissions: &BTreeSet<u32>,
    users: &Users,
    spooled: &Spooled,
) -> Result<(), Failure> {
    if request.action != Action::Sync {
        return Ok(());
    }
    let what = if spooled.rows == 0 {
        "there are no rows"
    } else if permissions.is_empty() {
        "no row names a permission that there is"
    } else if request.scope == Scope::ListedUsers && users.len() == 0 {
        "no row names a user that there is"
    } else {
        return Ok(());
    };
    Err(empty_scope(what))
}

pub(super) fn empty_scope(what: &str) -> Failure {
    Failure::new(Blame::Request, format!("the scope of this sync is empty: {what}"))
        .hint("`longshore perms revoke FILE` takes away what is listed")
}

/// Places of the permission set licenses that these need.
fn licenses(sets: &Sets, permissions: &BTreeSet<u32>) -> Vec<usize> {
    let needed = permissions.iter().filter_map(|place| match sets.get(*place).license {
        License::Seat(place) => Some(place),
        License::None | License::User(_) => None,
    });
    let needed: BTreeSet<usize> = needed.collect();
    needed.into_iter().collect()
}
