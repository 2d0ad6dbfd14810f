//! What will happen, in one line, before anything is sent.

use super::ask::Action;
use super::decisions::{Decision, What};
use super::steps::is_role;
use crate::pipeline::event::{ErrorGroup, SummaryPreview};
use crate::pipeline::settle::Groups;

/// Decisions counted.
#[derive(Debug, Default)]
pub struct Preview {
    pub grant: u64,
    pub extend: u64,
    pub revoke: u64,
    pub unchanged: u64,
    /// Of an Auth0 tenant: how many of them are roles.
    pub granted_roles: u64,
    pub revoked_roles: u64,
    /// Permissions and roles are told apart.
    pub of_tenant: bool,
    /// What users hold is found out just before each change, so that some may be no change.
    pub unlooked: bool,
    /// Rejected rows by a word for their reason, in the order of first appearance.
    pub blocked: Vec<(&'static str, u64)>,
    groups: Groups,
}

impl Preview {
    /// Nothing yet, in a kind of org.
    pub(super) fn begin(org_kind: &str, action: Action) -> Self {
        let of_tenant = org_kind == "auth0";
        Self { of_tenant, unlooked: of_tenant && action != Action::Sync, ..Self::default() }
    }

    /// The numbers, for programs.
    pub fn counts(&self) -> SummaryPreview {
        let blocked_by = self.blocked.iter();
        SummaryPreview {
            add: self.grant,
            change_expiry: self.extend,
            remove: self.revoke,
            unchanged: self.unchanged,
            blocked: self.rejected(),
            blocked_by: blocked_by.map(|(word, count)| ((*word).to_owned(), *count)).collect(),
            up_to: self.unlooked,
        }
    }

    pub(super) fn add(&mut self, decision: &Decision) {
        match decision.what {
            What::Grant => {
                self.grant += 1;
                self.granted_roles += u64::from(self.of_tenant && is_role(decision));
            }
            What::Extend => self.extend += 1,
            What::Revoke => {
                self.revoke += 1;
                self.revoked_roles += u64::from(self.of_tenant && is_role(decision));
            }
            What::Unchanged => self.unchanged += 1,
            What::Rejected => {
                let word = reason(&decision.code);
                match self.blocked.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, count)) => *count += 1,
                    None => self.blocked.push((word, 1)),
                }
                let row = decision.mark.row;
                self.groups.add("rejected", &decision.code, &decision.message, row);
            }
        }
    }

    /// Rows that will be sent.
    pub fn changes(&self) -> u64 {
        self.grant + self.extend + self.revoke
    }

    pub fn rejected(&self) -> u64 {
        self.blocked.iter().map(|(_, count)| count).sum()
    }

    pub fn rows(&self) -> u64 {
        self.changes() + self.unchanged + self.rejected()
    }

    /// Rejected rows that are alike.
    pub fn into_groups(self) -> Vec<ErrorGroup> {
        self.groups.sorted()
    }

    /// `add 4,812 · already 311 · remove 96 · blocked 14 (licence 9, inactive 5)`.
    pub fn line(&self, action: Action) -> String {
        let mut parts = Vec::new();
        if self.unlooked {
            let (word, number) = match action {
                Action::Revoke => ("remove", self.revoke),
                Action::Grant | Action::Sync => ("add", self.grant),
            };
            parts.push(format!("{word} up to {}", count(number)));
            if self.unchanged > 0 {
                parts.push(format!("left alone {}", count(self.unchanged)));
            }
        } else if action == Action::Revoke {
            parts.push(format!("remove {}", count(self.revoke)));
            parts.push(format!("not there {}", count(self.unchanged)));
        } else {
            parts.push(format!("add {}", count(self.grant)));
            if self.extend > 0 {
                parts.push(format!("change expiry {}", count(self.extend)));
            }
            parts.push(format!("already {}", count(self.unchanged)));
        }
        if action == Action::Sync {
            parts.push(format!("remove {}", count(self.revoke)));
        }
        let mut blocked = self.blocked.clone();
        blocked.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
        let reasons: Vec<String> =
            blocked.iter().map(|(word, number)| format!("{word} {}", count(*number))).collect();
        let why =
            if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        parts.push(format!("blocked {}{why}", count(self.rejected())));
        parts.join(" · ")
    }
}

/// A code in a word.
fn reason(code: &str) -> &'static str {
    match code {
        "licence_mismatch" | "licence_exhausted" => "licence",
        "user_inactive" => "inactive",
        "user_not_found" | "user_ambiguous" | "blank_user" => "user unclear",
        "permission_not_found"
        | "permission_ambiguous"
        | "blank_permission"
        | "two_permissions"
        | "api_not_found"
        | "api_ambiguous"
        | "role_not_found"
        | "role_ambiguous" => "permission unclear",
        "profile_owned" => "owned by profile",
        "duplicate_row" => "twice",
        "bad_expires" | "expires_past" => "expiry",
        "group_failed" => "group",
        "removal_withheld" => "removal withheld",
        _ => "unreadable",
    }
}

/// With separators, as people read numbers.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rows::RowMark;

    #[test]
    fn the_line_says_what_will_happen() {
        let mut preview =
            Preview { grant: 4_812, unchanged: 311, revoke: 96, ..Preview::default() };
        assert_eq!(preview.line(Action::Sync), "add 4,812 · already 311 · remove 96 · blocked 0");
        for (code, times) in
            [("licence_exhausted", 7), ("user_inactive", 5), ("licence_mismatch", 2)]
        {
            for row in 1..=times {
                let decision = Decision::of(RowMark { row, line: row }).rejected(code, "", "no");
                preview.add(&decision);
            }
        }
        assert_eq!(
            preview.line(Action::Sync),
            "add 4,812 · already 311 · remove 96 · blocked 14 (licence 9, inactive 5)"
        );
        assert_eq!(preview.rows(), 4_812 + 311 + 96 + 14);
        let few = Preview { revoke: 3, unchanged: 1, ..Preview::default() };
        assert_eq!(few.line(Action::Revoke), "remove 3 · not there 1 · blocked 0");
        let more = Preview { extend: 1_234, ..Preview::default() };
        assert_eq!(more.line(Action::Grant), "add 0 · change expiry 1,234 · already 0 · blocked 0");
    }
}
