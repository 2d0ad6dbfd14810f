//! Report of a tenant: who holds which permission and role, by itself and by roles, in a file that
//! the other commands take.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::super::carry::on_thread;
use super::super::columns::{API, Columns, DIRECT, PERMISSION, ROLE};
use super::super::report::Reported;
use super::super::who::WhoField;
use super::WHO;
use super::holdings::{Holding, Kind, Question};
use super::names::{Item, Names};
use super::people::People;
use crate::config::plan::Input;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Watch;
use crate::pipeline::read;
use crate::target::{Holders, Target};

/// Columns of a report: a user, a permission or role by its names, and how it is held.
pub(in crate::perms) const COLUMNS: [&str; 7] =
    ["Email", "User Id", API, PERMISSION, ROLE, DIRECT, "Through"];

/// What a file asks about.
#[derive(Debug, Default)]
struct About {
    columns: Columns,
    header: Vec<String>,
    who: BTreeMap<WhoField, HashSet<String>>,
    /// Cells of `API`, `Permission` and `Role`, each once.
    what: BTreeSet<[String; 3]>,
}

/// What is reported, of all that is there.
#[derive(Debug)]
struct Wanted {
    people: Option<People>,
    items: Option<BTreeMap<String, Item>>,
    permissions: bool,
    roles: bool,
}

/// Hands each permission and role to `each`, cells in the order of [`COLUMNS`].
///
/// `output` is the file that the report is written to, if any: what takes long is kept beside it,
/// so that the same command goes on after an interruption.
pub(in crate::perms) async fn report<T: Target>(
    target: &T,
    input: Option<&Input>,
    (output, watch): (Option<&Path>, &dyn Watch),
    mut each: impl FnMut(&[&str]) -> Result<(), Failure> + Send,
) -> Result<Reported, Failure> {
    let mut reported = Reported::default();
    let (names, wanted) = match input {
        None => (Names::read(target, false, true).await?, Wanted::all()),
        Some(input) => {
            let input = input.clone();
            let about = on_thread(move || About::read(&input)).await?;
            let names = about.names(target).await?;
            let list = beside(output, "users");
            let wanted = about.look_up(target, &names, (&list, watch), &mut reported).await?;
            (names, wanted)
        }
    };
    for question in wanted.questions() {
        let place = output.map(|_| beside(output, question.place()));
        let mut rows = 0;
        let hand = |holding: &Holding<'_>| {
            if wanted.takes(holding) {
                rows += 1;
                line(holding, &names, wanted.people.as_ref(), &mut each)?;
            }
            Ok(())
        };
        question.ask(target, place.as_deref(), watch, hand).await?;
        reported.rows += rows;
    }
    Ok(reported)
}

/// A hidden file beside the output, or in the system's temporary folder.
fn beside(output: Option<&Path>, what: &str) -> PathBuf {
    let Some(output) = output else {
        let name = format!("longshore-report-{}.{what}", std::process::id());
        return std::env::temp_dir().join(name);
    };
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.{what}"))
}

fn line(
    holding: &Holding<'_>,
    names: &Names,
    people: Option<&People>,
    each: &mut impl FnMut(&[&str]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Item { id, api, name } = &holding.item;
    let known = people.and_then(|people| people.of_id(holding.user_id).map(|at| people.get(at)));
    let email = if holding.email.is_empty() {
        known.map_or("", |person| &*person.email)
    } else {
        holding.email
    };
    let direct = if holding.direct { "yes" } else { "no" };
    if holding.item.is_role() {
        let role = names.called(id, name);
        return each(&[email, holding.user_id, "", "", &role, direct, ""]);
    }
    each(&[email, holding.user_id, api, name, "", direct, holding.roles])
}

impl About {
    fn read(input: &Input) -> Result<Self, Failure> {
        let mut reader = read::open(input)?;
        let header = reader.header().to_vec();
        let columns = Columns::of(&header, &WHO)?;
        if !columns.names_permissions() && columns.role.is_none() {
            columns.need_who(&header, &WHO)?;
        }
        let mut about = Self { columns, header, ..Self::default() };
        while let Some(slab) = reader.next_slab()? {
            if let Some(bad) = slab.rejected.first() {
                let message = format!("row {}: {}", bad.mark.row, bad.message);
                return Err(Failure::new(Blame::Request, message));
            }
            for row in 0..slab.marks.len() {
                let text = |place| {
                    std::str::from_utf8(slab.table.field(row, place)).unwrap_or_default().trim()
                };
                let Columns { api, permission, role, .. } = about.columns;
                if let Some((field, value)) = about.columns.who(text) {
                    about.who.entry(field).or_default().insert(field.key(value));
                }
                let cell = |place: Option<usize>| place.map(text).unwrap_or_default().to_owned();
                let what = [api, permission, role].map(cell);
                if what.iter().any(|cell| !cell.is_empty()) {
                    about.what.insert(what);
                }
            }
        }
        Ok(about)
    }

    fn names_items(&self) -> bool {
        self.columns.names_permissions() || self.columns.role.is_some()
    }

    async fn names<T: Target>(&self, target: &T) -> Result<Names, Failure> {
        if self.names_items() {
            Names::of_columns(target, &self.columns, &self.header).await
        } else {
            Names::read(target, false, true).await
        }
    }

    async fn look_up<T: Target>(
        &self,
        target: &T,
        names: &Names,
        (list, watch): (&Path, &dyn Watch),
        reported: &mut Reported,
    ) -> Result<Wanted, Failure> {
        let mut wanted = Wanted::all();
        if !self.columns.who.is_empty() {
            let people = People::read(target, &self.who, list, watch).await?;
            for (field, keys) in &self.who {
                let mut keys: Vec<&String> = keys.iter().collect();
                keys.sort_unstable();
                for key in keys {
                    if let Err((_, message)) = people.find(*field, key) {
                        reported.unclear(message);
                    }
                }
            }
            wanted.people = Some(people);
        }
        if self.names_items() {
            let mut items = BTreeMap::new();
            for cells in &self.what {
                match names.item([&cells[0], &cells[1], &cells[2]]) {
                    Ok(item) => drop(items.insert(item.id.clone(), item)),
                    Err((_, _, message)) => reported.unclear(message),
                }
            }
            wanted.roles = items.values().any(Item::is_role);
            wanted.permissions = items.values().any(|item| !item.is_role());
            wanted.items = Some(items);
        }
        Ok(wanted)
    }
}

impl Wanted {
    fn all() -> Self {
        Self { people: None, items: None, permissions: true, roles: true }
    }

    /// Questions that together find all that is asked for, the short one first.
    fn questions(&self) -> Vec<Question> {
        let users = self.people.as_ref().map(|people| Holders::Users(people.certain()));
        let roles = self.items.as_ref().map(|items| {
            let ids = items.values().filter(|item| item.is_role()).map(|item| item.id.clone());
            Holders::OfRoles(ids.collect())
        });
        let mut questions = Vec::new();
        if self.roles {
            questions.push(Question { kind: Kind::Roles, of: users.clone().or(roles) });
        }
        if self.permissions {
            questions.push(Question { kind: Kind::Permissions, of: users });
        }
        questions
    }

    fn takes(&self, holding: &Holding<'_>) -> bool {
        self.people.as_ref().is_none_or(|people| people.of_id(holding.user_id).is_some())
            && self.items.as_ref().is_none_or(|items| items.contains_key(&holding.item.id))
    }
}
