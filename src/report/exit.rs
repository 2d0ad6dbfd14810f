//! What the exit codes mean: a contract with scripts (`docs/reference/exit-codes.md`).

/// Every code and its meaning, in the order of the codes.
pub const EXIT_CODES: [(u8, &str); 12] = [
    (0, "every row succeeded"),
    (1, "the run failed; the message says why"),
    (2, "usage, configuration, mapping or input refused; nothing was sent"),
    (3, "finished, some rows are in error, rejected or unprocessed"),
    (4, "sign-in or access refused"),
    (5, "finished, some rows are unknown; `verify` found a fault, or `diff` a difference"),
    (6, "a guard refused"),
    (7, "another process holds this run"),
    (8, "the ledger is damaged or from a newer version"),
    (9, "disk or file error"),
    (75, "the service would not serve us for now; resumable"),
    (130, "interrupted; resumable"),
];

/// What `code` means.
pub fn meaning(code: u8) -> &'static str {
    EXIT_CODES.iter().find(|(known, _)| *known == code).map_or("unknown", |(_, text)| text)
}
