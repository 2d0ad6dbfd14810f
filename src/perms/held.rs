//! Which permissions users hold already.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::expiry;
use super::query::{IN_LIST, is_in, rows};
use super::sets::{Sets, id};
use super::users::Users;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RecordId;
use crate::model::limits::PERMS_HELD_MAX;
use crate::target::Target;

/// Users up to which the org is asked for what these hold.
const FEW_USERS: usize = 1_000;

/// Permissions up to which the org is asked for who holds these.
const FEW_PERMISSIONS: usize = 500;

/// Grants that somebody has made. One of a group may name no set, and then has no owner to go by.
pub(super) const GRANTED: &str =
    "(PermissionSet.IsOwnedByProfile = false OR PermissionSetGroupId != null)";

/// A grant that is there.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub assignment: RecordId,
    pub expires: Option<Timestamp>,
    /// The holder's name, where the holder is not in the file.
    pub username: Option<Box<str>>,
}

/// Grants by user and place of the permission.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub grants: HashMap<(RecordId, u32), Grant>,
}

/// Whose grants are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those of the users in the file, of the permissions in it.
    Both,
    /// All of the permissions in the file, whoever holds them.
    OfPermissions,
    /// All of the users in the file, except for what their profiles own.
    OfUsers,
}

impl Held {
    pub async fn read<T: Target>(
        target: &T,
        sets: &Sets,
        users: &Users,
        permissions: &BTreeSet<u32>,
        wanted: Wanted,
    ) -> Result<Self, Failure> {
        let mut held = Self::default();
        let by_user = users.len() <= FEW_USERS && wanted != Wanted::OfPermissions;
        let by_permission = permissions.len() <= FEW_PERMISSIONS && wanted != Wanted::OfUsers;
        let conditions = if by_user {
            let mut ids: Vec<&str> = users.ids().map(RecordId::as_str).collect();
            ids.sort_unstable();
            let lists = ids.chunks(IN_LIST);
            lists.map(|some| is_in("AssigneeId", some.iter().copied())).collect()
        } else if by_permission {
            condition(sets, permissions).into_iter().collect()
        } else {
            vec![GRANTED.to_owned()]
        };
        for condition in conditions {
            let soql = format!(
                "SELECT Id, AssigneeId, Assignee.Username, PermissionSetId, PermissionSetGroupId, \
                 ExpirationDate FROM PermissionSetAssignment WHERE {condition}"
            );
            let held = &mut held;
            rows(target, soql, |cells| held.add(cells, sets, users, permissions, wanted)).await?;
        }
        Ok(held)
    }

    fn add(
        &mut self,
        cells: &[&str],
        sets: &Sets,
        users: &Users,
        permissions: &BTreeSet<u32>,
        wanted: Wanted,
    ) -> Result<(), Failure> {
        // A grant of a group names the set that stands for it as well.
        let what = if cells[4].is_empty() { cells[3] } else { cells[4] };
        let (Some(assignment), Some(user)) = (id(cells[0]), id(cells[1])) else { return Ok(()) };
        let Some(permission) = sets.of_id(what) else { return Ok(()) };
        let in_file = users.of_id(&user).is_some();
        let is_wanted = match wanted {
            Wanted::Both => in_file && permissions.contains(&permission),
            Wanted::OfPermissions => permissions.contains(&permission),
            Wanted::OfUsers => in_file && !sets.get(permission).owned_by_profile,
        };
        if !is_wanted {
            return Ok(());
        }
        if self.grants.len() >= PERMS_HELD_MAX {
            return Err(too_many());
        }
        let username = (!in_file).then(|| cells[2].into());
        let expires = expiry::of_org(cells[5]);
        self.grants.insert((user, permission), Grant { assignment, expires, username });
        Ok(())
    }
}

/// Assignments of any of these; nothing when there are none.
fn condition(sets: &Sets, permissions: &BTreeSet<u32>) -> Option<String> {
    let of_kind = |group: bool, field| {
        let ids: Vec<&str> = permissions
            .iter()
            .map(|place| sets.get(*place))
            .filter(|permission| permission.is_group == group)
            .map(|permission| permission.id.as_str())
            .collect();
        (!ids.is_empty()).then(|| is_in(field, ids.into_iter()))
    };
    let parts: Vec<String> =
        [of_kind(false, "PermissionSetId"), of_kind(true, "PermissionSetGroupId")]
            .into_iter()
            .flatten()
            .collect();
    (!parts.is_empty()).then(|| parts.join(" OR "))
}

pub(super) fn too_many() -> Failure {
    let message = format!(
        "more than {PERMS_HELD_MAX} grants of others would have to be looked at for this change"
    );
    Failure::new(Blame::Request, message).hint("split the file by permission")
}
