//! Changes and reports of an Auth0 tenant: a user, and a permission of an API or a role.
//!
//! A tenant tells what a user holds one user at a time, so for what is given and taken away that is
//! left to the loads: they look at each user just before they change it, paced, and leave alone
//! what is so already. Decided here is which API, permission and role a row means. A [`sync`] and a
//! [`report`] have to know before what is held, and [`holdings`] asks in as few calls as there can
//! be.

mod holdings;
mod names;
mod people;
mod report;
mod sync;

use std::collections::HashMap;
use std::path::Path;

use self::names::{Item, Names, NoSuch};
pub(super) use self::report::{COLUMNS as REPORT_COLUMNS, report};
use super::ask::{Action, Request};
use super::carry::on_thread;
use super::columns::Columns;
use super::decided::Decided;
use super::decisions::{Decision, DecisionsFile, What};
use super::preview::Preview;
use super::spool::{Given, Spooled, SpooledRow, read_file};
use super::who::WhoField;
use crate::config::plan::Input;
use crate::faults;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Watch;
use crate::target::Target;

/// Reads the rows, and writes down what becomes of each.
pub(super) async fn decide<T: Target>(
    request: &Request,
    target: &T,
    root: &Path,
    watch: &dyn Watch,
) -> Result<Decided, Failure> {
    let input = can(request)?.clone();
    let (folder, order) = (root.to_owned(), order(request)?);
    let given =
        if request.everything { Given::everything(target.kind()) } else { Given::default() };
    let read = move || read_file(&folder, &input, &order, given, false);
    let spooled = on_thread(read).await?;
    if request.everything {
        return sync::decide(request, target, root, (spooled, Names::default()), watch).await;
    }
    let names = Names::of_columns(target, &spooled.columns, &spooled.header).await?;
    if request.action == Action::Sync {
        return sync::decide(request, target, root, (spooled, names), watch).await;
    }
    let (root, action) = (root.to_owned(), request.action);
    on_thread(move || write(&root, spooled, &names, action)).await
}

/// The file that says who; what is for Salesforce alone is refused, and not passed over.
fn can(request: &Request) -> Result<&Input, Failure> {
    let flag = match request {
        Request { condition: Some(_), .. } => "--where",
        Request { copy_from: Some(_), .. } => "--copy-from",
        Request { expires: Some(_), .. } => "--expires",
        Request { sets, groups, .. } if !sets.is_empty() || !groups.is_empty() => {
            "--permission-set"
        }
        Request { input: Some(input), .. } => return Ok(input),
        _ => return Err(Failure::new(Blame::Request, "no file says who")),
    };
    let message = format!("`{flag}` is for Salesforce orgs, and this is an Auth0 tenant");
    Err(Failure::new(Blame::Request, message)
        .hint("name users with permissions or roles in a file"))
}

/// Columns by which a tenant knows a user. Two users may have the same e-mail, so an id goes first
/// unless `--match` says otherwise.
const WHO: [WhoField; 2] = [WhoField::UserId, WhoField::Email];

fn order(request: &Request) -> Result<Vec<WhoField>, Failure> {
    if request.matching == WhoField::ALL {
        return Ok(WHO.to_vec());
    }
    let known = |field: &&WhoField| matches!(field, WhoField::UserId | WhoField::Email);
    let order: Vec<WhoField> = request.matching.iter().filter(known).copied().collect();
    if order.is_empty() {
        let message = "`--match` names no column by which an Auth0 tenant knows a user";
        return Err(Failure::new(Blame::Request, message).hint("it knows `email` and `user-id`"));
    }
    Ok(order)
}

fn write(root: &Path, spooled: Spooled, names: &Names, action: Action) -> Result<Decided, Failure> {
    let mut file = DecisionsFile::begin(root, &spooled.header)?;
    let mut preview = Preview::begin("auth0", action);
    let mut seen = HashMap::new();
    spooled.each(|row| {
        let mut decision = one(row, &spooled, names, action);
        if decision.what != What::Rejected {
            let pair = (decision.user.to_lowercase(), decision.permission_id.clone());
            let above = *seen.entry(pair).or_insert(row.mark.row);
            if above != row.mark.row {
                let message = format!("row {above} asks for the same");
                decision = decision.rejected("duplicate_row", "", message);
            }
        }
        preview.add(&decision);
        file.push(&decision, row.source())
    })?;
    let decisions = file.finish()?;
    let Spooled { path, header, bytes, digest, notices, .. } = spooled;
    faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
    Ok(Decided { decisions, preview, header, source: (bytes, digest), notices })
}

/// What becomes of a row, as far as the row and the tenant's names tell.
fn one(row: &SpooledRow<'_>, spooled: &Spooled, names: &Names, action: Action) -> Decision {
    let (columns, header) = (&spooled.columns, &spooled.header);
    let mut decision = Decision::of(row.mark);
    if let Some([code, column, message]) = row.fault() {
        return decision.rejected(code, column, message);
    }
    let Some((field, value)) = columns.who(|place| row.cell(Some(place))) else {
        let column = columns.who.first().map_or("", |(_, place)| header[*place].as_str());
        return decision.rejected("blank_user", column, "the row does not say who");
    };
    value.clone_into(&mut decision.user);
    if field == WhoField::UserId {
        value.clone_into(&mut decision.user_id);
    }
    let item = match named(row, columns, names, &mut decision) {
        Ok(item) => item,
        Err((code, column, message)) => return decision.rejected(code, column, message),
    };
    if is_by_role(row, columns) {
        return left_alone(decision);
    }
    decision.assignment = item.api;
    decision.what = if action == Action::Revoke { What::Revoke } else { What::Grant };
    "asked for".clone_into(&mut decision.why);
    decision
}

/// What a row names; the decision tells it, as far as it is known.
fn named(
    row: &SpooledRow<'_>,
    columns: &Columns,
    names: &Names,
    decision: &mut Decision,
) -> Result<Item, NoSuch> {
    let cells = [columns.api, columns.permission, columns.role].map(|place| row.cell(place));
    let [_, permission, role] = cells;
    let said = if role.is_empty() { permission } else { role };
    said.clone_into(&mut decision.permission);
    let item = names.item(cells)?;
    decision.permission.clone_from(&item.name);
    decision.permission_id.clone_from(&item.id);
    Ok(item)
}

/// A row of a report about what a user has by a role alone, as it says in `Direct`.
fn is_by_role(row: &SpooledRow<'_>, columns: &Columns) -> bool {
    let direct = row.cell(columns.direct);
    ["no", "false"].iter().any(|word| direct.eq_ignore_ascii_case(word))
}

/// It is the role's, and not given or taken away by itself.
fn left_alone(mut decision: Decision) -> Decision {
    decision.what = What::Unchanged;
    decision.assignment.clone_from(&decision.user_id);
    "yes".clone_into(&mut decision.before);
    "held by a role alone, as the row says in `Direct`".clone_into(&mut decision.why);
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perms::Scope;

    #[test]
    fn a_tenant_is_told_who_by_a_file_and_by_nothing_else() {
        let request = Request {
            action: Action::Grant,
            scope: Scope::default(),
            input: None,
            condition: None,
            sets: Vec::new(),
            groups: Vec::new(),
            copy_from: None,
            everything: false,
            expires: None,
            matching: WhoField::ALL.to_vec(),
            runs_dir: Path::new("runs").to_owned(),
            run_name: None,
            review: None,
            dry_run: false,
            passing_org: false,
        };
        let said = |request: &Request| can(request).unwrap_err().message;
        assert_eq!(said(&request), "no file says who");
        let by_condition = Request { condition: Some("IsActive = true".to_owned()), ..request };
        assert_eq!(
            said(&by_condition),
            "`--where` is for Salesforce orgs, and this is an Auth0 tenant"
        );
    }

    #[test]
    fn what_a_role_gives_is_left_alone_and_says_why() {
        let left = left_alone(Decision::of(crate::model::rows::RowMark { row: 1, line: 2 }));
        assert_eq!(left.what, What::Unchanged);
        assert_eq!(
            (left.before.as_str(), left.why.as_str()),
            ("yes", "held by a role alone, as the row says in `Direct`")
        );
    }
}
