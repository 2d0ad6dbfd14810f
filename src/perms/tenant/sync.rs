//! A sync of a tenant, or a revoke of everything: what users hold is known before, so each row and
//! each surplus is decided.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::super::ask::{Action, EVERYTHING, Request, Scope};
use super::super::candidates::Nobody;
use super::super::carry::on_thread;
use super::super::columns::Columns;
use super::super::decide::{Doubts, withheld};
use super::super::decided::{Decided, empty_scope, withheld_words};
use super::super::decisions::{Decision, DecisionsFile, What};
use super::super::held::too_many;
use super::super::preview::{Preview, count};
use super::super::spool::{Spooled, SpooledRow};
use super::super::who::WhoField;
use super::holdings::{Holding, Kind, Question};
use super::names::{Item, Names};
use super::people::People;
use super::{is_by_role, left_alone, named};
use crate::faults;
use crate::model::failure::Failure;
use crate::model::limits::PERMS_HELD_MAX;
use crate::model::rows::RowMark;
use crate::pipeline::event::{Event, Watch};
use crate::target::{Holders, Target};

/// Permissions held by roles that are told one by one, and roles that are named for each.
const TOLD: usize = 5;
const ROLES_TOLD: usize = 3;

/// Decides the rows and what is to be taken away, and writes that down.
pub(super) async fn decide<T: Target>(
    request: &Request,
    target: &T,
    root: &Path,
    (spooled, names): (Spooled, Names),
    watch: &dyn Watch,
) -> Result<Decided, Failure> {
    let everything = request.everything;
    let scope = if everything { Scope::ListedUsers } else { request.scope };
    let (spooled, names, mut items) = on_thread(move || {
        let items = Items::of(&spooled, &names)?;
        Ok((spooled, names, items))
    })
    .await?;
    if spooled.rows == 0 && !everything {
        return Err(empty_scope("there are no rows"));
    }
    if items.all.is_empty() && !everything {
        return Err(empty_scope("no row names a permission or role that there is"));
    }
    let mut people = People::read(target, &spooled.who, &root.join("users.csv"), watch).await?;
    let nobody = scope == Scope::ListedUsers && people.certain().is_empty();
    if nobody && !everything {
        return Err(empty_scope("no row names a user that there is"));
    }
    let mut held = Held::default();
    // Where an answer lies while it comes is no part of the run, so that the same command goes on
    // with one that takes hours.
    let questions = questions(scope, &spooled.columns, &items, &people, watch);
    for question in questions.into_iter().filter(|_| !nobody) {
        let place = request.runs_dir.join(format!("sync-{}.csv", question.place()));
        let take = |holding: &Holding<'_>| held.take(holding, scope, &mut items, &mut people);
        question.ask(target, Some(&place), watch, take).await?;
    }
    let root = root.to_owned();
    let mut sync = Sync { scope, names, items, people, held, ..Sync::of(&spooled) };
    if everything {
        sync.take_everything();
    }
    on_thread(move || sync.write(&root, spooled)).await
}

/// Which questions tell all that the scope has.
fn questions(
    scope: Scope,
    columns: &Columns,
    items: &Items,
    people: &People,
    watch: &dyn Watch,
) -> Vec<Question> {
    if scope == Scope::ListedUsers {
        let kinds = [
            (Kind::Roles, columns.role.is_some(), "`Role`, so the roles"),
            (
                Kind::Permissions,
                columns.names_permissions(),
                "`Permission` of an `API`, so the permissions",
            ),
        ];
        let mut questions = Vec::new();
        for (kind, has, words) in kinds {
            if has {
                questions.push(Question { kind, of: Some(Holders::Users(people.certain())) });
            } else {
                let message =
                    format!("the file has no column {words} of the listed users stay as they are");
                watch.see(&Event::Notice { message });
            }
        }
        return questions;
    }
    let roles: Vec<String> =
        items.all.iter().filter(|item| item.is_role()).map(|item| item.id.clone()).collect();
    let has_permissions = items.all.len() > roles.len();
    let roles = (!roles.is_empty())
        .then_some(Question { kind: Kind::Roles, of: Some(Holders::OfRoles(roles)) });
    let permissions = has_permissions.then_some(Question { kind: Kind::Permissions, of: None });
    roles.into_iter().chain(permissions).collect()
}

/// Permissions and roles by place.
#[derive(Debug, Default)]
struct Items {
    all: Vec<Item>,
    places: HashMap<String, u32>,
}

impl Items {
    /// Those that some row names for certain.
    fn of(spooled: &Spooled, names: &Names) -> Result<Self, Failure> {
        let mut items = Self::default();
        let columns = &spooled.columns;
        spooled.each(|row| {
            if row.fault().is_none()
                && !is_by_role(row, columns)
                && let Ok(item) = named(row, columns, names, &mut Decision::of(row.mark))
            {
                items.place(&item);
            }
            Ok(())
        })?;
        Ok(items)
    }

    fn place(&mut self, item: &Item) -> u32 {
        if let Some(place) = self.places.get(&item.id) {
            return *place;
        }
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.places.insert(item.id.clone(), place);
        self.all.push(item.clone());
        place
    }

    fn get(&self, place: u32) -> &Item {
        &self.all[place as usize]
    }
}

/// What users hold, by places of user and item.
#[derive(Debug, Default)]
struct Held {
    direct: HashSet<(u32, u32)>,
    /// Users who have an item by roles alone, and some of these roles.
    by_role: BTreeMap<u32, (u64, BTreeSet<String>)>,
}

impl Held {
    fn take(
        &mut self,
        holding: &Holding<'_>,
        scope: Scope,
        items: &mut Items,
        people: &mut People,
    ) -> Result<(), Failure> {
        let known = items.places.get(&holding.item.id).copied();
        if !holding.direct {
            if let Some(item) = known {
                let (users, roles) = self.by_role.entry(item).or_default();
                *users += 1;
                if roles.len() <= ROLES_TOLD {
                    roles.extend(holding.roles.split(';').map(str::to_owned));
                }
            }
            return Ok(());
        }
        let item = match (known, scope) {
            (Some(item), _) => item,
            (None, Scope::ListedUsers) => items.place(&holding.item),
            (None, Scope::ListedPermissions) => return Ok(()),
        };
        if self.direct.len() >= PERMS_HELD_MAX {
            return Err(too_many());
        }
        self.direct.insert((people.place(holding.user_id, holding.email), item));
        Ok(())
    }

    /// What stays effective by roles, in words: a sync takes away what users have by themselves.
    fn by_role_words(&self, items: &Items) -> Vec<String> {
        let told = self.by_role.iter().take(TOLD).map(|(item, (users, roles))| {
            let names: Vec<String> =
                roles.iter().take(ROLES_TOLD).map(|role| format!("`{role}`")).collect();
            let more = if roles.len() > ROLES_TOLD { ", …" } else { "" };
            let have = if *users == 1 { "user has" } else { "users have" };
            format!(
                "{} {have} `{}` by roles alone ({}{more}), which stays as it is: sync these roles",
                count(*users),
                items.get(*item).name,
                names.join(", ")
            )
        });
        let mut told: Vec<String> = told.collect();
        let more = self.by_role.len().saturating_sub(TOLD);
        if more > 0 {
            told.push(format!("and {more} more permissions that users have by roles alone"));
        }
        told
    }
}

/// Decides rows in their order, and then what nobody listed.
struct Sync {
    scope: Scope,
    columns: Columns,
    header: Vec<String>,
    names: Names,
    items: Items,
    people: People,
    held: Held,
    /// Every pair that some row names, and the first that does.
    listed: HashMap<(u32, u32), u64>,
    doubts: Doubts,
    everything: Option<Everything>,
}

/// What is known where rows say only who, and their users lose all that they hold.
#[derive(Debug, Default)]
struct Everything {
    /// The item of each user that its row stands for.
    first: HashMap<u32, u32>,
    /// Users that some row names, and the first that does.
    named: HashMap<u32, u64>,
}

impl Sync {
    /// Nothing but what the file is like.
    fn of(spooled: &Spooled) -> Self {
        Self {
            scope: Scope::default(),
            columns: spooled.columns.clone(),
            header: spooled.header.clone(),
            names: Names::default(),
            items: Items::default(),
            people: People::default(),
            held: Held::default(),
            listed: HashMap::new(),
            doubts: Doubts::default(),
            everything: None,
        }
    }

    /// From here on rows say only who.
    fn take_everything(&mut self) {
        let mut first: HashMap<u32, u32> = HashMap::new();
        for (user, item) in &self.held.direct {
            let least = first.entry(*user).or_insert(*item);
            if self.items.get(*item) < self.items.get(*least) {
                *least = *item;
            }
        }
        self.everything = Some(Everything { first, named: HashMap::new() });
    }

    /// A row whose user is to lose all: it stands for the first of it.
    fn first(&mut self, user: u32, mut decision: Decision) -> Decision {
        let row = decision.mark.row;
        let Some(all) = &mut self.everything else { return decision };
        let above = *all.named.entry(user).or_insert(row);
        if above != row {
            let message = format!("row {above} names the same user");
            return decision.rejected("duplicate_row", "", message);
        }
        let Some(item) = all.first.get(&user).copied() else {
            "no".clone_into(&mut decision.before);
            decision.assignment.clone_from(&decision.user_id);
            "holds nothing that can be taken away".clone_into(&mut decision.why);
            return decision;
        };
        self.listed.insert((user, item), row);
        self.name(item, &mut decision);
        decision.what = What::Revoke;
        EVERYTHING.clone_into(&mut decision.why);
        decision
    }

    /// The cells of a row that stands for the first of all that its user holds.
    fn first_of_all(&self, row: &SpooledRow<'_>, decision: &Decision) -> Option<Vec<String>> {
        self.everything.as_ref().filter(|_| decision.what == What::Revoke)?;
        let item = self.items.places.get(&decision.permission_id)?;
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let mut cells: Vec<String> = row.source().map(text).collect();
        self.name_in(&mut cells, *item);
        Some(cells)
    }

    /// Says what is held, and that it is.
    fn name(&self, item: u32, decision: &mut Decision) {
        let what = self.items.get(item);
        decision.permission.clone_from(&what.name);
        decision.permission_id.clone_from(&what.id);
        decision.assignment.clone_from(&what.api);
        "yes".clone_into(&mut decision.before);
    }

    fn write(mut self, root: &Path, spooled: Spooled) -> Result<Decided, Failure> {
        let mut file = DecisionsFile::begin(root, &self.header)?;
        let mut preview = Preview::begin("auth0", Action::Sync);
        spooled.each(|row| {
            let decision = self.row(row);
            preview.add(&decision);
            match self.first_of_all(row, &decision) {
                Some(cells) => file.push(&decision, cells.iter().map(String::as_bytes)),
                None => file.push(&decision, row.source()),
            }
        })?;
        let mut notices = spooled.notices.clone();
        let mut withheld = 0;
        for (decision, item) in self.removals(spooled.rows + 1) {
            withheld += u64::from(decision.what == What::Rejected);
            preview.add(&decision);
            let cells = self.cells_of(&decision, item);
            file.push(&decision, cells.iter().map(String::as_bytes))?;
        }
        if withheld > 0 {
            notices.push(withheld_words(withheld));
        }
        if self.scope == Scope::ListedPermissions {
            notices.extend(self.held.by_role_words(&self.items));
        }
        let decisions = file.finish()?;
        let Spooled { path, header, bytes, digest, .. } = spooled;
        faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
        Ok(Decided { decisions, preview, header, source: (bytes, digest), notices })
    }

    /// What becomes of a row.
    fn row(&mut self, row: &SpooledRow<'_>) -> Decision {
        let mut decision = Decision::of(row.mark);
        if let Some([code, column, message]) = row.fault() {
            if self.everything.is_none() {
                self.doubts.note(row.mark.row, None, None);
            }
            return decision.rejected(code, column, message);
        }
        let who = self.who(row, &mut decision);
        if self.everything.is_some() {
            return match who {
                Ok(user) => self.first(user, decision),
                Err((code, column, message)) => decision.rejected(code, &column, message),
            };
        }
        let what = named(row, &self.columns, &self.names, &mut decision);
        if is_by_role(row, &self.columns) && who.is_ok() && what.is_ok() {
            return left_alone(decision);
        }
        let item = what.as_ref().ok().map(|item| self.items.place(item));
        let (user, item) = match (who, item) {
            (Ok(user), Some(item)) => (user, item),
            (who, item) => {
                self.doubts.note(row.mark.row, who.as_ref().ok(), item.as_ref());
                let what = what.err().map(|(code, column, message)| (code, column.into(), message));
                let (code, column, message) = who.err().or(what).unwrap_or_default();
                return decision.rejected(code, &column, message);
            }
        };
        let above = *self.listed.entry((user, item)).or_insert(row.mark.row);
        let is_held = self.held.direct.contains(&(user, item));
        if is_held { "yes" } else { "no" }.clone_into(&mut decision.before);
        if above != row.mark.row {
            let message = format!("row {above} asks for the same");
            return decision.rejected("duplicate_row", "", message);
        }
        if is_held {
            decision.what = What::Unchanged;
            decision.assignment.clone_from(&decision.user_id);
            "has it already".clone_into(&mut decision.why);
        } else {
            decision.what = What::Grant;
            decision.assignment.clone_from(&self.items.get(item).api);
            "asked for".clone_into(&mut decision.why);
        }
        decision
    }

    /// The place of the user, or why there is none: code, column and message.
    fn who(
        &self,
        row: &SpooledRow<'_>,
        decision: &mut Decision,
    ) -> Result<u32, (&'static str, String, String)> {
        let column = |field: Option<WhoField>| {
            let mut columns = self.columns.who.iter();
            let found = columns.find(|(other, _)| field.is_none_or(|field| field == *other));
            found.map(|(_, place)| self.header[*place].clone()).unwrap_or_default()
        };
        let Some((field, value)) = self.columns.who(|place| row.cell(Some(place))) else {
            return Err(("blank_user", column(None), "the row does not say who".to_owned()));
        };
        value.clone_into(&mut decision.user);
        let found = self.people.find(field, value);
        let found =
            found.map_err(|(code, message): Nobody| (code, column(Some(field)), message))?;
        let person = self.people.get(found);
        person.name().clone_into(&mut decision.user);
        decision.user_id = person.id.to_string();
        Ok(found)
    }

    /// What nobody listed, as rows after those of the file; `next` is the number of the first.
    fn removals(&self, next: u64) -> Vec<(Decision, u32)> {
        let mut surplus: Vec<(u32, u32)> = self
            .held
            .direct
            .iter()
            .filter(|pair| !self.listed.contains_key(*pair))
            .filter(|(user, _)| {
                self.everything.as_ref().is_none_or(|all| all.named.contains_key(user))
            })
            .copied()
            .collect();
        surplus.sort_unstable_by_key(|(user, item)| {
            (self.items.get(*item), self.people.get(*user).name(), &self.people.get(*user).id)
        });
        let all = self.everything.is_some();
        let why = if all { EVERYTHING } else { self.scope.not_listed() };
        let removal = |(number, (user, item)): (u64, (u32, u32))| {
            let mut decision = Decision::of(RowMark { row: number, line: 0 });
            let person = self.people.get(user);
            person.name().clone_into(&mut decision.user);
            decision.user_id = person.id.to_string();
            self.name(item, &mut decision);
            if let Some(row) = self.doubts.about(Some(user), item) {
                return (decision.rejected("removal_withheld", "", withheld(row)), item);
            }
            decision.what = What::Revoke;
            why.clone_into(&mut decision.why);
            (decision, item)
        };
        (next..).zip(surplus).map(removal).collect()
    }

    /// The cells of a row that the sync adds: user and item in the columns for them.
    fn cells_of(&self, decision: &Decision, item: u32) -> Vec<String> {
        let mut cells = vec![String::new(); self.header.len()];
        let person = self.people.of_id(&decision.user_id).map(|place| self.people.get(place));
        for (field, place) in &self.columns.who {
            cells[*place] = match (field, person) {
                (WhoField::Email, Some(person)) => person.email.to_string(),
                _ => decision.user_id.clone(),
            };
        }
        self.name_in(&mut cells, item);
        cells
    }

    fn name_in(&self, cells: &mut [String], item: u32) {
        let Item { api, name, .. } = self.items.get(item);
        let pairs = if api.is_empty() {
            vec![(self.columns.role, name)]
        } else {
            vec![(self.columns.api, api), (self.columns.permission, name)]
        };
        for (column, value) in pairs {
            if let Some(cell) = column.and_then(|place| cells.get_mut(place)) {
                cell.clone_from(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_by_roles_is_told_and_the_rest_of_it_counted() {
        let (mut items, mut held) = (Items::default(), Held::default());
        for number in 1..=7_u64 {
            let name = format!("read:{number}");
            let item = Item { id: name.clone(), name, api: "https://api".to_owned() };
            let roles = (1..=number).map(|role| format!("Role {role}")).collect();
            held.by_role.insert(items.place(&item), (number, roles));
        }
        let words = held.by_role_words(&items);
        assert_eq!(words.len(), TOLD + 1);
        let some = [&words[0], &words[4], &words[5]].map(String::as_str);
        insta::assert_snapshot!(some.join("\n"), @"
        1 user has `read:1` by roles alone (`Role 1`), which stays as it is: sync these roles
        5 users have `read:5` by roles alone (`Role 1`, `Role 2`, `Role 3`, …), which stays as it is: sync these roles
        and 2 more permissions that users have by roles alone
        ");
    }
}
