//! Which column of the file is what, recognised by its header.

use super::who::{WhoField, bare};
use crate::model::failure::{Blame, Failure};

/// Headers of what is granted or taken away.
pub(super) const SET: &str = "Permission Set";
pub(super) const GROUP: &str = "Permission Set Group";
pub(super) const EXPIRES: &str = "Expires";
pub(super) const API: &str = "API";
pub(super) const PERMISSION: &str = "Permission";
pub(super) const ROLE: &str = "Role";
/// Of a report on a tenant: `no` where a user has a permission by a role alone.
pub(super) const DIRECT: &str = "Direct";

/// Columns by their place in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// In the order in which they decide.
    pub who: Vec<(WhoField, usize)>,
    pub set: Option<usize>,
    pub group: Option<usize>,
    pub expires: Option<usize>,
    pub api: Option<usize>,
    pub permission: Option<usize>,
    pub role: Option<usize>,
    pub direct: Option<usize>,
}

impl Columns {
    /// Finds the columns; case, blanks and underscores do not matter.
    pub fn of(header: &[String], order: &[WhoField]) -> Result<Self, Failure> {
        let find = |wanted: &str| {
            let wanted = bare(wanted);
            let mut places = (0..header.len()).filter(|place| bare(&header[*place]) == wanted);
            match (places.next(), places.next()) {
                (Some(one), Some(other)) => Err(twice(&header[one], &header[other])),
                (found, _) => Ok(found),
            }
        };
        let mut who = Vec::new();
        for field in order {
            who.extend(find(field.header())?.map(|place| (*field, place)));
        }
        Ok(Self {
            who,
            set: find(SET)?,
            group: find(GROUP)?,
            expires: find(EXPIRES)?,
            api: find(API)?,
            permission: find(PERMISSION)?,
            role: find(ROLE)?,
            direct: find(DIRECT)?,
        })
    }

    /// Refuses a file that names nobody.
    pub fn need_who(&self, header: &[String], order: &[WhoField]) -> Result<(), Failure> {
        if !self.who.is_empty() {
            return Ok(());
        }
        let names: Vec<String> =
            order.iter().map(|field| format!("`{}`", field.header())).collect();
        let message = format!("no column says who: the file has {}", listed(header));
        Err(Failure::new(Blame::Request, message)
            .hint(format!("name the column of users {}", names.join(" or "))))
    }

    /// Refuses a file for Salesforce that names no permissions.
    pub fn need_what(&self, header: &[String]) -> Result<(), Failure> {
        if self.set.is_some() || self.group.is_some() {
            return Ok(());
        }
        let message = format!("no column says which permission: the file has {}", listed(header));
        Err(Failure::new(Blame::Request, message)
            .hint(format!("name the column `{SET}` or `{GROUP}`"))
            .hint("or name the same for every row with `--permission-set NAME`"))
    }

    /// Whether rows may name permissions of the APIs of a tenant.
    pub fn names_permissions(&self) -> bool {
        self.api.is_some() && self.permission.is_some()
    }

    /// Who a row names: the first of the columns that is not blank.
    pub fn who<'a>(&self, cell: impl Fn(usize) -> &'a str) -> Option<(WhoField, &'a str)> {
        let named = self.who.iter().map(|(field, place)| (*field, cell(*place).trim()));
        named.into_iter().find(|(_, value)| !value.is_empty())
    }
}

fn twice(one: &str, other: &str) -> Failure {
    let message = format!(
        "two columns say the same: `{}` and `{}`",
        one.escape_debug(),
        other.escape_debug()
    );
    Failure::new(Blame::Request, message).hint("take one of them out, or rename it")
}

fn listed(header: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> =
        header.iter().take(SHOWN).map(|name| format!("`{}`", name.escape_debug())).collect();
    if header.len() > SHOWN {
        names.push("…".to_owned());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn headers_are_recognised_without_case_blanks_and_underscores() {
        let columns = Columns::of(
            &header("Ticket,E mail,USER_NAME,permission_set,PermissionSetGroup,expires,userid"),
            &WhoField::ALL,
        )
        .unwrap();
        let who = vec![(WhoField::Username, 2), (WhoField::Email, 1), (WhoField::UserId, 6)];
        assert_eq!(columns.who, who);
        assert_eq!((columns.set, columns.group, columns.expires), (Some(3), Some(4), Some(5)));
    }

    #[test]
    fn the_first_that_is_not_blank_decides_in_the_order_of_match() {
        let order = [WhoField::Email, WhoField::Username];
        let columns = Columns::of(&header("Username,Email"), &order).unwrap();
        let cells = [["ada", " a@x "], ["ada", "  "], ["", ""]];
        let who = cells.map(|cells| columns.who(|place| cells[place]));
        assert_eq!(who, [Some((WhoField::Email, "a@x")), Some((WhoField::Username, "ada")), None]);
    }

    #[test]
    fn what_is_missing_or_there_twice_is_told() {
        let columns = header("Name,Role Name");
        let found = Columns::of(&columns, &WhoField::ALL).unwrap();
        let who = found.need_who(&columns, &WhoField::ALL).unwrap_err();
        let what = found.need_what(&columns).unwrap_err();
        let double = Columns::of(&header("Email,e_mail"), &WhoField::ALL).unwrap_err();
        let told = [who, what, double]
            .map(|failure| format!("{}\n  {}", failure.message, failure.hints.join("\n  ")));
        insta::assert_snapshot!(told.join("\n"), @"
        no column says who: the file has `Name`, `Role Name`
          name the column of users `Username` or `Email` or `User Id` or `Federation Identifier` or `Employee Number`
        no column says which permission: the file has `Name`, `Role Name`
          name the column `Permission Set` or `Permission Set Group`
          or name the same for every row with `--permission-set NAME`
        two columns say the same: `Email` and `e_mail`
          take one of them out, or rename it
        ");
    }
}
