//! The codes of rows that fail a check, as `docs/reference/codes.md` lists them.

pub const BLANK_ID: &str = "blank_id";
pub const BLANK_KEY: &str = "blank_key";
pub const REQUIRED: &str = "required";
pub const CANNOT_CLEAR: &str = "cannot_clear";
pub const TOO_LONG: &str = "too_long";
pub const FIELD_TOO_LONG: &str = "field_too_long";
pub const ROW_TOO_LONG: &str = "row_too_long";
pub const BAD_INT: &str = "bad_int";
pub const BAD_NUMBER: &str = "bad_number";
pub const NUMBER_TOO_LARGE: &str = "number_too_large";
pub const BAD_BOOLEAN: &str = "bad_boolean";
pub const BAD_DATE: &str = "bad_date";
pub const BAD_DATETIME: &str = "bad_datetime";
pub const BAD_TIME: &str = "bad_time";
pub const NOT_IN_PICKLIST: &str = "not_in_picklist";
pub const BAD_EMAIL: &str = "bad_email";
pub const BAD_ID: &str = "bad_id";
pub const BAD_ID_CHECKSUM: &str = "bad_id_checksum";
pub const WRONG_OBJECT: &str = "wrong_object";

/// All of them.
pub const CODES: [&str; 19] = [
    BLANK_ID,
    BLANK_KEY,
    REQUIRED,
    CANNOT_CLEAR,
    TOO_LONG,
    FIELD_TOO_LONG,
    ROW_TOO_LONG,
    BAD_INT,
    BAD_NUMBER,
    NUMBER_TOO_LARGE,
    BAD_BOOLEAN,
    BAD_DATE,
    BAD_DATETIME,
    BAD_TIME,
    NOT_IN_PICKLIST,
    BAD_EMAIL,
    BAD_ID,
    BAD_ID_CHECKSUM,
    WRONG_OBJECT,
];
