//! What a person can do about rows that failed alike.

use crate::model::row_error::{RowError, RowErrorClass};
use crate::pipeline::event::ErrorGroup;

/// Whether such rows may pass when they are sent again as they are.
pub fn is_worth_repeating(group: &ErrorGroup) -> bool {
    let text = format!("{}:{}", group.code, group.message);
    group.verdict == "error" && RowError::parse(&text).class == RowErrorClass::Retryable
}

/// Whether what such rows ask for is so already.
pub fn is_so_already(group: &ErrorGroup, operation: &str) -> bool {
    of(group, operation).is_some_and(|advice| advice.contains("nothing to correct"))
}

/// Advice on the far side's refusals that people meet most; nothing where it would be a guess.
///
/// Our own rejections say in their message what to do.
pub fn of(group: &ErrorGroup, operation: &str) -> Option<&'static str> {
    if group.verdict != "error" {
        return None;
    }
    let removes = matches!(operation, "delete" | "hard-delete");
    Some(match group.code.as_str() {
        "DUPLICATE_VALUE" if group.message.starts_with("Duplicate PermissionSetAssignment") => {
            "the user has it already: nothing to correct, take these rows out"
        }
        "DUPLICATE_VALUE" if operation == "insert" => {
            "another record or row has this value: change it, or `upsert` by it"
        }
        "DUPLICATE_VALUE" => "another record or row has this value",
        "INACTIVE_OWNER_OR_USER" => "activate the user, or take these rows out",
        "LICENSE_LIMIT_EXCEEDED" => {
            "no seat is left: free or buy some, then load these rows again as they are"
        }
        "INVALID_CROSS_REFERENCE_KEY" => {
            "no record has this id: was it deleted, or is the file of another org?"
        }
        "ENTITY_IS_DELETED" if removes => "gone already: nothing to correct, take these rows out",
        "ENTITY_IS_DELETED" => "the record was deleted: take these rows out, or restore it first",
        "INSUFFICIENT_ACCESS_OR_READONLY" => {
            "not allowed to this user, or to anybody: the org keeps some records as they are"
        }
        _ if is_worth_repeating(group) => "may pass when it is sent again as it is",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_goes_by_code_operation_and_message() {
        for (code, message, operation, beginning) in [
            ("DUPLICATE_VALUE", "Duplicate PermissionSetAssignment.  x", "insert", "the user has"),
            ("DUPLICATE_VALUE", "duplicate value found: No__c", "insert", "another record or row"),
            ("DUPLICATE_VALUE", "duplicate value found: No__c", "update", "another record or row"),
            ("ENTITY_IS_DELETED", "entity is deleted", "delete", "gone already"),
            ("ENTITY_IS_DELETED", "entity is deleted", "update", "the record was deleted"),
            ("UNABLE_TO_LOCK_ROW", "unable to obtain", "update", "may pass"),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no", "insert", ""),
        ] {
            let mut group = ErrorGroup {
                code: code.to_owned(),
                count: 1,
                message: message.to_owned(),
                rows: vec![1],
                verdict: "error".to_owned(),
            };
            let advice = of(&group, operation).unwrap_or_default();
            assert!(advice.starts_with(beginning), "{code} {operation}: {advice}");
            assert_eq!(advice.is_empty(), beginning.is_empty(), "{code}: {advice}");
            group.verdict = "unknown".to_owned();
            assert_eq!(of(&group, operation), None, "advice on rows that nobody knows of");
        }
    }
}
