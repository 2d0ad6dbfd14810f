//! The tests of the tenant.
