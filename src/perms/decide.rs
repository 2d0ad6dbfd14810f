//! Decides each row, by nothing but the row, what the org was found to have, and the rows above.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::ask::{Action, EVERYTHING, Scope};
use super::columns::{Columns, EXPIRES, GROUP, SET};
use super::decisions::{Decision, What, has};
use super::expiry::{Expiry, is_same, written};
use super::held::{Grant, Held};
use super::sets::{License, Sets, kind};
use super::spool::SpooledRow;
use super::users::Users;
use crate::model::ids::RecordId;
use crate::model::rows::RowMark;
use crate::model::wording::shown;

/// What the org was found to have.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub sets: Sets,
    pub users: Users,
    pub held: Held,
    /// Users who have a seat of a permission set license already, by its place.
    pub seated: HashSet<(RecordId, usize)>,
}

/// Decides rows in their order.
pub(super) struct Decider {
    found: Found,
    columns: Columns,
    header: Vec<String>,
    action: Action,
    expires: Expiry,
    now: Timestamp,
    /// Every pair that some row names, and the first that does.
    listed: HashMap<(u32, u32), u64>,
    /// Users that some row names for certain, and the first that does. Of those whom a key leaves
    /// open nothing is known.
    certain: HashMap<u32, u64>,
    /// What each user holds, by place, where all of it is taken away.
    everything: Option<HashMap<RecordId, BTreeSet<u32>>>,
    /// Seats that rows above have taken, by place of the license.
    taken: Vec<i64>,
    doubts: Doubts,
}

/// Rows that name nobody or nothing for certain: what they may have meant is not taken away.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    permissions: HashMap<u32, u64>,
    users: HashMap<u32, u64>,
    all: Option<u64>,
}

impl Decider {
    pub fn new(
        found: Found,
        columns: Columns,
        header: Vec<String>,
        action: Action,
        expires: Expiry,
        now: Timestamp,
    ) -> Self {
        let taken = vec![0; found.sets.seats.len()];
        let (listed, certain, doubts) = (HashMap::new(), HashMap::new(), Doubts::default());
        let everything = None;
        Self {
            found,
            columns,
            header,
            action,
            expires,
            now,
            listed,
            certain,
            everything,
            taken,
            doubts,
        }
    }

    /// From here on rows say only who, and their users lose all that was found.
    pub fn take_everything(&mut self) {
        let mut all: HashMap<RecordId, BTreeSet<u32>> = HashMap::new();
        for (user, permission) in self.found.held.grants.keys() {
            if !self.found.sets.get(*permission).owned_by_profile {
                all.entry(*user).or_default().insert(*permission);
            }
        }
        self.everything = Some(all);
    }

    /// What becomes of a row.
    pub fn decide(&mut self, row: &SpooledRow<'_>) -> Decision {
        let mut decision = Decision::of(row.mark);
        if let Some([code, column, message]) = row.fault() {
            if self.everything.is_none() {
                self.doubts.all.get_or_insert(row.mark.row);
            }
            return decision.rejected(code, column, message);
        }
        let who = self.who(row, &mut decision);
        if let Ok(user) = &who {
            self.certain.entry(*user).or_insert(row.mark.row);
        }
        if self.everything.is_some() {
            return match who {
                Ok(user) => self.first(user, decision),
                Err(fault) => decision.rejected(fault.code, &fault.column, fault.message),
            };
        }
        let what = self.what(row, &mut decision);
        let (user, permission) = match (who, what) {
            (Ok(user), Ok(permission)) => (user, permission),
            (who, what) => {
                self.doubts.note(row.mark.row, who.as_ref().ok(), what.as_ref().ok());
                let fault = who.err().or_else(|| what.err()).unwrap_or_default();
                return decision.rejected(fault.code, &fault.column, fault.message);
            }
        };
        let above = *self.listed.entry((user, permission)).or_insert(row.mark.row);
        let grant = self.grant(user, permission);
        decision.before = before(grant.as_ref());
        if let Some(grant) = &grant {
            decision.assignment = grant.assignment.to_string();
        }
        if above != row.mark.row {
            let message = format!("row {above} asks for the same");
            return decision.rejected("duplicate_row", "", message);
        }
        let set = self.found.sets.get(permission);
        if set.owned_by_profile {
            let column = self.column(self.columns.set);
            let message = format!(
                "`{}` is owned by a profile and comes with it; it is not granted or taken away",
                set.name
            );
            return decision.rejected("profile_owned", &column, message);
        }
        match (self.action, grant) {
            (Action::Revoke, Some(_)) => revoke(decision, "asked for"),
            (Action::Revoke, None) => unchanged(decision, "does not have it"),
            (_, grant) => self.give(row, decision, (user, permission), grant.as_ref()),
        }
    }

    /// A row whose user is to lose all: it stands for the first of it.
    fn first(&mut self, user: u32, mut decision: Decision) -> Decision {
        let row = decision.mark.row;
        let above = self.certain.get(&user).copied().unwrap_or(row);
        if above != row {
            let message = format!("row {above} names the same user");
            return decision.rejected("duplicate_row", "", message);
        }
        let all = self.everything.as_ref();
        let held = all.and_then(|all| all.get(&self.found.users.get(user).id));
        let Some(permission) = held.and_then(BTreeSet::first).copied() else {
            "no".clone_into(&mut decision.before);
            return unchanged(decision, "holds nothing that can be taken away");
        };
        self.listed.insert((user, permission), row);
        self.name_permission(permission, &mut decision);
        let grant = self.grant(user, permission);
        decision.before = before(grant.as_ref());
        if let Some(grant) = &grant {
            decision.assignment = grant.assignment.to_string();
        }
        revoke(decision, EVERYTHING)
    }

    /// The cells of a row that stands for the first of all that its user holds.
    pub fn first_of_all(&self, row: &SpooledRow<'_>, decision: &Decision) -> Option<Vec<String>> {
        self.everything.as_ref().filter(|_| decision.what == What::Revoke)?;
        let permission = self.found.sets.of_id(&decision.permission_id)?;
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let mut cells: Vec<String> = row.source().map(text).collect();
        self.name_in(&mut cells, permission);
        Some(cells)
    }

    /// A row that wants its user to have the permission.
    fn give(
        &mut self,
        row: &SpooledRow<'_>,
        decision: Decision,
        (user, permission): (u32, u32),
        grant: Option<&Grant>,
    ) -> Decision {
        let cell = row.cell(self.columns.expires);
        let expires = match Expiry::read(cell) {
            Some(Expiry::Unsaid) => self.expires,
            Some(expires) => expires,
            None => {
                let message = format!(
                    "`{}` is no date (2027-01-31), no time (2027-01-31T10:00:00Z) and not `never`",
                    shown(cell.as_bytes())
                );
                return decision.rejected("bad_expires", EXPIRES, message);
            }
        };
        if let Expiry::At(time) = expires
            && time <= self.now
        {
            let message = format!("`{}` is past", written(time));
            return decision.rejected("expires_past", EXPIRES, message);
        }
        match grant {
            Some(grant) => self.keep(decision, grant, expires),
            None => self.add(decision, user, permission, expires),
        }
    }

    /// The user has it; perhaps to another time.
    fn keep(&self, mut decision: Decision, grant: &Grant, expires: Expiry) -> Decision {
        let lapsed = grant.expires.is_some_and(|end| end <= self.now);
        let wanted = match expires {
            Expiry::At(time) => Some(time),
            Expiry::Never => None,
            Expiry::Unsaid if lapsed => None,
            Expiry::Unsaid => grant.expires,
        };
        if is_same(grant.expires, wanted) {
            return unchanged(decision, "has it already");
        }
        decision.what = What::Extend;
        decision.expires = wanted.map(written).unwrap_or_default();
        let why = if lapsed { "the grant had lapsed" } else { "the end of the grant is moved" };
        why.clone_into(&mut decision.why);
        decision
    }

    /// The user does not have it: everything is checked that the org would refuse.
    fn add(
        &mut self,
        mut decision: Decision,
        user: u32,
        permission: u32,
        expires: Expiry,
    ) -> Decision {
        let user = self.found.users.get(user);
        let set = self.found.sets.get(permission);
        let column = self.column(if set.is_group { self.columns.group } else { self.columns.set });
        if !user.active {
            let message = format!("`{}` is inactive", user.username);
            return decision.rejected("user_inactive", "", message);
        }
        if set.status == "Failed" {
            let message = format!(
                "the last recalculation of the group `{}` failed: correct it in the org first",
                set.label
            );
            return decision.rejected("group_failed", &column, message);
        }
        match set.license {
            License::User(license) if user.license != Some(license) => {
                let name = |id: Option<&RecordId>| {
                    let name = id.and_then(|id| self.found.sets.licenses.get(id));
                    name.map_or("another", String::as_str)
                };
                let message = format!(
                    "`{}` needs the user license `{}`, and `{}` has `{}`",
                    set.label,
                    name(Some(&license)),
                    user.username,
                    name(user.license.as_ref())
                );
                return decision.rejected("licence_mismatch", &column, message);
            }
            License::Seat(place) if !self.found.seated.contains(&(user.id, place)) => {
                let seats = &self.found.sets.seats[place];
                if seats.total - seats.used - self.taken[place] <= 0 {
                    let message = format!(
                        "no seat of `{}` is left: {} in all, {} taken before, {} by rows above",
                        seats.label, seats.total, seats.used, self.taken[place]
                    );
                    return decision.rejected("licence_exhausted", &column, message);
                }
                self.taken[place] += 1;
                self.found.seated.insert((user.id, place));
            }
            License::None | License::User(_) | License::Seat(_) => {}
        }
        decision.what = What::Grant;
        if let Expiry::At(time) = expires {
            decision.expires = written(time);
        }
        "asked for".clone_into(&mut decision.why);
        decision
    }

    /// What no row names and is taken away within a scope, as rows after those of the file; `next`
    /// is the number of the first.
    pub fn removals(&self, (scope, why): (Scope, &str), next: u64) -> Vec<(Decision, u32)> {
        let users = &self.found.users;
        let is_listed = |user: &RecordId, permission: u32| {
            let user = users.of_id(user);
            user.is_some_and(|user| self.listed.contains_key(&(user, permission)))
        };
        let grants = self.found.held.grants.iter();
        let mut surplus: Vec<(u32, &str, RecordId, &Grant)> = grants
            .filter(|((user, permission), _)| !is_listed(user, *permission))
            .filter(|((user, _), _)| {
                let is_certain =
                    || users.of_id(user).is_some_and(|it| self.certain.contains_key(&it));
                scope != Scope::ListedUsers || is_certain()
            })
            .filter(|((_, permission), _)| !self.found.sets.get(*permission).owned_by_profile)
            .map(|((user, permission), grant)| {
                let known = users.of_id(user).map(|place| &*users.get(place).username);
                let name = known.or(grant.username.as_deref()).unwrap_or(user.as_str());
                (*permission, name, *user, grant)
            })
            .collect();
        surplus.sort_unstable_by_key(|(permission, name, user, _)| (*permission, *name, *user));
        let row =
            |(number, (permission, name, user, grant)): (u64, (u32, &str, RecordId, &Grant))| {
                let mut decision = Decision::of(RowMark { row: number, line: 0 });
                self.name_permission(permission, &mut decision);
                name.clone_into(&mut decision.user);
                decision.user_id = user.to_string();
                decision.assignment = grant.assignment.to_string();
                decision.before = before(Some(grant));
                let decision = match self.doubts.about(users.of_id(&user), permission) {
                    Some(row) => decision.rejected("removal_withheld", "", withheld(row)),
                    None => revoke(decision, why),
                };
                (decision, permission)
            };
        (next..).zip(surplus).map(row).collect()
    }

    /// The cells of a row that a sync adds: the user and the permission in the columns for them.
    pub fn cells_of(&self, decision: &Decision, permission: u32) -> Vec<String> {
        let mut cells = vec![String::new(); self.header.len()];
        for (field, place) in &self.columns.who {
            match field {
                super::WhoField::Username => cells[*place].clone_from(&decision.user),
                super::WhoField::UserId => cells[*place].clone_from(&decision.user_id),
                _ => {}
            }
        }
        self.name_in(&mut cells, permission);
        cells
    }

    fn name_in(&self, cells: &mut [String], permission: u32) {
        let set = self.found.sets.get(permission);
        let place = if set.is_group { self.columns.group } else { self.columns.set };
        if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
            cell.clone_from(&set.name);
        }
    }

    /// Groups that grant by an outdated calculation, among those that some row names.
    pub fn outdated(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self
            .listed
            .keys()
            .map(|(_, permission)| self.found.sets.get(*permission))
            .filter(|set| set.status == "Outdated" || set.status == "Updating")
            .map(|set| set.label.as_str())
            .collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn who(&self, row: &SpooledRow<'_>, decision: &mut Decision) -> Result<u32, Fault> {
        let Some((field, value)) = self.columns.who(|place| row.cell(Some(place))) else {
            let place = self.columns.who.first().map(|(_, place)| *place);
            return Err(Fault::new("blank_user", self.column(place), "the row does not say who"));
        };
        value.clone_into(&mut decision.user);
        let place = self.columns.who.iter().find(|(other, _)| *other == field);
        let found = self.found.users.find(field, value).map_err(|(code, message)| {
            Fault::new(code, self.column(place.map(|(_, place)| *place)), message)
        })?;
        let user = self.found.users.get(found);
        decision.user = user.username.to_string();
        decision.user_id = user.id.to_string();
        Ok(found)
    }

    fn what(&self, row: &SpooledRow<'_>, decision: &mut Decision) -> Result<u32, Fault> {
        let (set, group) = (row.cell(self.columns.set), row.cell(self.columns.group));
        let (name, is_group) = match (set.is_empty(), group.is_empty()) {
            (false, true) => (set, false),
            (true, false) => (group, true),
            (true, true) => {
                let place = self.columns.set.or(self.columns.group);
                let message = "the row does not say which permission";
                return Err(Fault::new("blank_permission", self.column(place), message));
            }
            (false, false) => {
                let message = format!(
                    "the row names a {} and a {}: put them in two rows",
                    kind(false),
                    kind(true)
                );
                return Err(Fault::new("two_permissions", GROUP.to_owned(), message));
            }
        };
        name.clone_into(&mut decision.permission);
        let found = self.found.sets.find(name, is_group).map_err(|(code, message)| {
            let column = if is_group { GROUP } else { SET };
            Fault::new(code, column.to_owned(), message)
        })?;
        self.name_permission(found, decision);
        Ok(found)
    }

    fn name_permission(&self, permission: u32, decision: &mut Decision) {
        let set = self.found.sets.get(permission);
        decision.permission.clone_from(&set.label);
        decision.permission_id = set.id.to_string();
    }

    fn grant(&self, user: u32, permission: u32) -> Option<Grant> {
        let user = self.found.users.get(user).id;
        self.found.held.grants.get(&(user, permission)).cloned()
    }

    fn column(&self, place: Option<usize>) -> String {
        place.and_then(|place| self.header.get(place)).cloned().unwrap_or_default()
    }
}

impl Doubts {
    pub fn note(&mut self, row: u64, who: Option<&u32>, what: Option<&u32>) {
        match (who, what) {
            (Some(user), _) => self.users.entry(*user).or_insert(row),
            (None, Some(permission)) => self.permissions.entry(*permission).or_insert(row),
            (None, None) => self.all.get_or_insert(row),
        };
    }

    /// The row that may mean this user and permission.
    pub fn about(&self, user: Option<u32>, permission: u32) -> Option<u64> {
        let user = user.and_then(|user| self.users.get(&user));
        user.or_else(|| self.permissions.get(&permission)).copied().or(self.all)
    }
}

/// Why something is not taken away after all.
pub(super) fn withheld(row: u64) -> String {
    format!(
        "not taken away: it may be what row {row} means, which names nobody or nothing for certain"
    )
}

/// Why a row is rejected.
#[derive(Debug, Default)]
struct Fault {
    code: &'static str,
    column: String,
    message: String,
}

impl Fault {
    fn new(code: &'static str, column: String, message: impl Into<String>) -> Self {
        Self { code, column, message: message.into() }
    }
}

fn before(grant: Option<&Grant>) -> String {
    match grant {
        None => "no".to_owned(),
        Some(grant) => has(&grant.expires.map(written).unwrap_or_default()),
    }
}

fn unchanged(mut decision: Decision, why: &str) -> Decision {
    decision.what = What::Unchanged;
    why.clone_into(&mut decision.why);
    decision
}

fn revoke(mut decision: Decision, why: &str) -> Decision {
    decision.what = What::Revoke;
    why.clone_into(&mut decision.why);
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_grant_is_kept_moved_or_renewed_and_why_is_told() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let decider = Decider::new(
            Found::default(),
            Columns::default(),
            Vec::new(),
            Action::Grant,
            Expiry::Unsaid,
            now,
        );
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let (past, later) = (time("2026-01-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
        let assignment = RecordId::parse(b"0Pa8c0000000001").unwrap();
        for (expires, wanted, what, why) in [
            (None, Expiry::Unsaid, What::Unchanged, "has it already"),
            (later, Expiry::Unsaid, What::Unchanged, "has it already"),
            (later, Expiry::At(later.unwrap()), What::Unchanged, "has it already"),
            (later, Expiry::Never, What::Extend, "the end of the grant is moved"),
            (None, Expiry::At(later.unwrap()), What::Extend, "the end of the grant is moved"),
            (past, Expiry::Unsaid, What::Extend, "the grant had lapsed"),
        ] {
            let grant = Grant { assignment, expires, username: None };
            let decision = Decision::of(RowMark { row: 1, line: 2 });
            let kept = decider.keep(decision, &grant, wanted);
            assert_eq!((kept.what, kept.why.as_str()), (what, why), "{expires:?} {wanted:?}");
        }
    }
}
