//! Answers that are not what they should be: a few of the catalog's that cost no waiting.

use longshore::practice::mischief::{BodyKind, Fault, Rule};

use super::{Bench, Try};

fn rule(method: &str, path: &str, fault: Fault) -> Rule {
    Rule { method: method.to_owned(), path: path.to_owned(), nth: 1, times: 0, fault }
}

fn answer(status: u16, code: &str, message: &str, body: BodyKind) -> Fault {
    let (code, message) = (code.to_owned(), message.to_owned());
    Fault::Answer { status, code, message, body, retry_after: None, effect: false }
}

#[test]
fn an_answer_that_makes_no_sense_before_the_load_sends_nothing() {
    let denied = || answer(403, "INSUFFICIENT_ACCESS", "no access to this", BodyKind::Json);
    let used_up = || {
        let message = "TotalRequests Limit exceeded.";
        answer(403, "REQUEST_LIMIT_EXCEEDED", message, BodyKind::Json)
    };
    let control = || answer(400, "BAD", "\u{1b}[31mred\u{7} \u{202e}nrut", BodyKind::Json);
    let mut bench = Bench::new();
    for (name, method, path, fault, code, says) in [
        (
            "A01 a page instead of a describe",
            "GET",
            "*/sobjects/Account/describe",
            Fault::HtmlOk,
            1,
            "error: cannot describe `Account` at `127.0.0.1`: the answer (status 200) is not JSON, it begins `<html><head><title>Down for Maintenance</title></head><body><h1>Down for Mainten`

hint: this may be a maintenance page or a proxy's; try the URL in a browser",
        ),
        (
            "a refusal of access",
            "GET",
            "*/sobjects/Account/describe",
            denied(),
            4,
            "error: cannot describe `Account`: `127.0.0.1` says: no access to this (`INSUFFICIENT_ACCESS`, status 403)

hint: ask an administrator which permission this user or app lacks",
        ),
        (
            "A22 control characters",
            "GET",
            "*/sobjects/Account/describe",
            control(),
            1,
            r"error: cannot describe `Account`: `127.0.0.1` says: [31mred \u{202e}nrut (`BAD`, status 400)",
        ),
        (
            "A24 no calls are left",
            "GET",
            "*/sobjects/Account/describe",
            used_up(),
            75,
            "error: cannot describe `Account`: `127.0.0.1` says: TotalRequests Limit exceeded. (`REQUEST_LIMIT_EXCEEDED`, status 403)

hint: the org's API allowance is used up; go on when the last 24 hours have room again",
        ),
    ] {
        bench.world.practice().mischief().add(rule(method, path, fault));
        let tried = Try::new("insert Account a.csv").file("a.csv", "Name\nx\n");
        bench.refused(name, tried, code, says);
        bench.world.practice().mischief().clear();
    }
    bench.end(4);
}
