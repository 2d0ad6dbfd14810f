//! The error text that a job gives for a row, taken apart.

/// Whether the same row may succeed when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowErrorClass {
    /// The row must be corrected first.
    Permanent,
    /// The row was innocent or unlucky (locks, time limits, rollback of a neighbour).
    Retryable,
}

impl RowErrorClass {
    /// The word of `longshore__class`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Retryable => "retryable",
        }
    }
}

/// An `sf__Error` taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Such as `REQUIRED_FIELD_MISSING`; empty when the text has none.
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
    pub class: RowErrorClass,
}

impl RowError {
    /// Whether the row was refused as a record that it needs was locked for too long, by its own
    /// transaction or within a trigger. Nothing of the row was done.
    pub fn is_lock(&self) -> bool {
        self.code == LOCKED
            || WRAPPERS.contains(&self.code.as_str()) && self.message.contains(LOCKED)
    }

    /// Takes `CODE:message:Field,Field --` apart; a text of another form becomes the message.
    ///
    /// The message may itself hold colons, commas and line breaks; the part after the last colon
    /// counts as fields only if it reads like field names. Source: the form of recorded results
    /// of the Bulk API (reference page on Salesforce, section 2.6).
    pub fn parse(text: &str) -> Self {
        let (code, rest) = split_code(text);
        let (message, fields) = split_fields(rest);
        Self {
            code: code.to_owned(),
            message: message.trim().to_owned(),
            fields,
            class: class_of(code, rest),
        }
    }
}

fn split_code(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((head, rest)) if is_code(head) => (head, rest),
        _ => ("", text),
    }
}

/// `[A-Z][A-Z0-9_]+`, or lower-case words with underscores between them, as Auth0 writes codes.
fn is_code(text: &str) -> bool {
    is_upper_code(text) || is_lower_code(text)
}

fn is_lower_code(text: &str) -> bool {
    let mut words = text.split('_');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    text.contains('_') && words.all(is_word)
}

fn is_upper_code(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn split_fields(rest: &str) -> (&str, Vec<String>) {
    let Some(body) = rest.trim_end().strip_suffix("--") else {
        return (rest, Vec::new());
    };
    let body = body.trim_end();
    let Some((message, tail)) = body.rsplit_once(':') else {
        return (body, Vec::new());
    };
    if tail.trim().is_empty() {
        return (message, Vec::new());
    }
    let names: Vec<_> = tail.split(',').map(str::trim).collect();
    if names.iter().all(|name| is_field(name)) {
        (message, names.into_iter().map(str::to_owned).collect())
    } else {
        (body, Vec::new())
    }
}

fn is_field(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

/// The code of a row whose transaction could not get a lock.
const LOCKED: &str = "UNABLE_TO_LOCK_ROW";

/// Codes of rows that may pass when sent again as they are.
const RETRYABLE: [&str; 14] = [
    LOCKED,
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "SERVER_UNAVAILABLE",
    "API_CURRENTLY_DISABLED",
    "INTERNAL_ERROR",
    "UNKNOWN_EXCEPTION",
    "TOO_MANY_APEX_REQUESTS",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "PROCESSING_HALTED",
    "TXN_SECURITY_METERING_ERROR",
    "TXN_SECURITY_RUNTIME_ERROR",
    "TXN_SECURITY_APEX_ERROR",
];

/// Codes under which triggers and flows pass on whatever went wrong inside them.
const WRAPPERS: [&str; 3] = [
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "SELF_REFERENCE_FROM_TRIGGER",
];

fn class_of(code: &str, rest: &str) -> RowErrorClass {
    let wrapped = WRAPPERS.contains(&code)
        && [LOCKED, "LimitException"].iter().any(|inner| rest.contains(inner));
    if wrapped || RETRYABLE.contains(&code) {
        RowErrorClass::Retryable
    } else {
        RowErrorClass::Permanent
    }
}

#[cfg(test)]
mod tests {
    use super::RowErrorClass::{Permanent, Retryable};
    use super::*;

    #[test]
    fn recorded_texts() {
        type Case =
            (&'static str, &'static str, &'static str, &'static [&'static str], RowErrorClass);
        let cases: &[Case] = &[
            (
                "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [Name]",
                &["Name"],
                Permanent,
            ),
            (
                "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
                &[],
                Permanent,
            ),
            (
                "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 2 records: \
                 0018c00002Vt7Ys,0018c00002Vt7Yt:--",
                "UNABLE_TO_LOCK_ROW",
                "unable to obtain exclusive access to this record or 2 records: \
                 0018c00002Vt7Ys,0018c00002Vt7Yt",
                &[],
                Retryable,
            ),
            (
                "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'x' is not a valid \
                 value for the type xsd:date:CloseDate --",
                "INVALID_FIELD",
                "Failed to deserialize field at col 3. Due to, 'x' is not a valid value for the \
                 type xsd:date",
                &["CloseDate"],
                Permanent,
            ),
            (
                "DUPLICATE_VALUE:Duplicate PermissionSetAssignment.  Assignee: 0058c00000Zw4Rf; \
                 Permission Set: 0PS8c00000Nf6Gm:AssigneeId,PermissionSetId --",
                "DUPLICATE_VALUE",
                "Duplicate PermissionSetAssignment.  Assignee: 0058c00000Zw4Rf; Permission Set: \
                 0PS8c00000Nf6Gm",
                &["AssigneeId", "PermissionSetId"],
                Permanent,
            ),
            (
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of BeforeInsert caused by: \
                 UNABLE_TO_LOCK_ROW, try again:--",
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "T: execution of BeforeInsert caused by: UNABLE_TO_LOCK_ROW, try again",
                &[],
                Retryable,
            ),
            (
                "FIELD_CUSTOM_VALIDATION_EXCEPTION:end: must be after start date:--",
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "end: must be after start date",
                &[],
                Permanent,
            ),
            (
                "user_not_found:no user has the e-mail `a:b@c.example`:--",
                "user_not_found",
                "no user has the e-mail `a:b@c.example`",
                &[],
                Permanent,
            ),
            ("user_:x", "", "user_:x", &[], Permanent),
            ("user:x", "", "user:x", &[], Permanent),
            ("something went wrong", "", "something went wrong", &[], Permanent),
            ("A:b", "", "A:b", &[], Permanent),
            ("", "", "", &[], Permanent),
            ("NO_TAIL:text: with colon", "NO_TAIL", "text: with colon", &[], Permanent),
        ];
        for (text, code, message, fields, class) in cases {
            let error = RowError::parse(text);
            assert_eq!(error.code, *code, "{text}");
            assert_eq!(error.message, *message, "{text}");
            assert_eq!(error.fields, *fields, "{text}");
            assert_eq!(error.class, *class, "{text}");
            assert_eq!(error.is_lock(), text.contains(LOCKED), "{text}");
        }
    }
}
