//! Salesforce: sign-in, describe, Bulk API 2.0, REST query.
