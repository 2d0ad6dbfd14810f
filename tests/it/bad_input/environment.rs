//! Sign-in from the environment, and places on disk.

use super::{Bench, Try};

fn with_file() -> Try {
    Try::new("insert Account a.csv").file("a.csv", "Name\nx\n")
}

#[test]
fn a_sign_in_that_is_wrong_sends_nothing() {
    let mut bench = Bench::new();
    let unsigned =
        || with_file().with("LONGSHORE_CLIENT_ID", None).with("LONGSHORE_CLIENT_SECRET", None);
    let nowhere = unsigned().with("LONGSHORE_INSTANCE_URL", None);
    bench.refused(
        "no org at all",
        nowhere,
        2,
        "error: no org is given

hint: `-o demo` is a practice org made new for this one command
hint: `-o practice` is a practice org kept under `./.longshore/practice`
hint: `-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0
hint: a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` and what `docs/guide/sign-in.md` tells
hint: `target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one",
    );
    bench.refused("an org and no credentials", unsigned(), 2, "error: cannot sign in with what the environment says: `LONGSHORE_ACCESS_TOKEN` is not set, and nothing else to sign in with

hint: set `LONGSHORE_ACCESS_TOKEN`
hint: or `LONGSHORE_CLIENT_ID` and `LONGSHORE_CLIENT_SECRET` (client credentials)
hint: or `LONGSHORE_CLIENT_ID`, `LONGSHORE_USERNAME` and `LONGSHORE_JWT_KEY_FILE` (JWT bearer)
hint: or `LONGSHORE_CLIENT_ID` and `LONGSHORE_REFRESH_TOKEN`
hint: or `LONGSHORE_USERNAME` and `LONGSHORE_PASSWORD`, where the org still has SOAP login");
    let half = with_file().with("LONGSHORE_CLIENT_SECRET", None);
    bench.refused("half of the credentials", half, 2, "error: cannot sign in with what the environment says: `LONGSHORE_ACCESS_TOKEN` is not set, and nothing else to sign in with

hint: set `LONGSHORE_ACCESS_TOKEN`
hint: or `LONGSHORE_CLIENT_ID` and `LONGSHORE_CLIENT_SECRET` (client credentials)
hint: or `LONGSHORE_CLIENT_ID`, `LONGSHORE_USERNAME` and `LONGSHORE_JWT_KEY_FILE` (JWT bearer)
hint: or `LONGSHORE_CLIENT_ID` and `LONGSHORE_REFRESH_TOKEN`
hint: or `LONGSHORE_USERNAME` and `LONGSHORE_PASSWORD`, where the org still has SOAP login");
    let other = with_file().with("LONGSHORE_CLIENT_ID", None);
    bench.refused("the other half", other, 2, "error: cannot sign in with what the environment says: `LONGSHORE_CLIENT_ID` is not set, but `LONGSHORE_CLIENT_SECRET` needs it");
    let two = with_file().with("LONGSHORE_ACCESS_TOKEN", Some("00D!x"));
    bench.refused("two ways at once", two, 2, "error: cannot sign in with what the environment says: `LONGSHORE_ACCESS_TOKEN` is set, and so is `LONGSHORE_CLIENT_SECRET`: which one is meant?

hint: keep one way to sign in and unset the others");
    let wrong = with_file().with("LONGSHORE_CLIENT_SECRET", Some("hunter2"));
    bench.refused("a wrong secret", wrong, 4, "error: cannot sign in (client credentials): `127.0.0.1` says: invalid client credentials (`invalid_client`, status 400)

hint: check `LONGSHORE_CLIENT_ID` and the secret; a new app takes some minutes to work");
    let stale = unsigned().with("LONGSHORE_ACCESS_TOKEN", Some("00D8c00000ZgV6f!stale"));
    bench.refused("a token that has expired", stale, 4, "error: cannot run the query: `127.0.0.1` says: Session expired or invalid (`INVALID_SESSION_ID`, status 401)

hint: the access token has ended and cannot be renewed; set a new one
hint: client credentials, a JWT key or a refresh token renew themselves");
    let url = |url: &str| with_file().with("LONGSHORE_INSTANCE_URL", Some(url));
    bench.refused("M16 plain http", url("http://acme.my.salesforce.com"), 2, "error: cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` is plain `http` to `acme.my.salesforce.com`, a token would travel in the clear

hint: write `https`; `http` is for `localhost`, `127.0.0.1` and `[::1]` only");
    bench.refused("not a URL", url("acme"), 2, "error: cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` is not a URL: relative URL without a base

hint: write it as `https://acme.my.salesforce.com`");
    bench.refused("another scheme", url("ftp://acme.example"), 2, "error: cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` has the scheme `ftp`

hint: only `https` will do, and `http` on this machine");
    bench.refused("a secret in the URL", url("https://me:hunter2@acme.example"), 2, "error: cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` holds a user name or password

hint: a URL is no place for secrets, write the host only");
    bench.refused("the pages of the org", url("https://acme.lightning.force.com"), 2, "error: cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` names `acme.lightning.force.com`, which serves pages and no API

hint: use the My Domain host that ends in `.my.salesforce.com`");
    bench.refused("nobody listens there", url("http://127.0.0.1:9"), 75, "error: cannot sign in (client credentials) at `127.0.0.1`: cannot connect: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)

hint: check the host name, the network, and `HTTPS_PROXY` if there is a proxy");
    let kind = with_file().with("LONGSHORE_TARGET_KIND", Some("okta"));
    bench.refused("a kind that there is not", kind, 2, "error: cannot sign in with what the environment says: `LONGSHORE_TARGET_KIND` `okta` is not a kind of org we can load

hint: say `auth0` or `salesforce`; unset, it is `salesforce`");
    let number = with_file().with("LONGSHORE_PARALLEL", Some("many"));
    bench.refused(
        "a variable with letters for a number",
        number,
        2,
        "error: invalid value 'many' for '--parallel <N>': invalid digit found in string

For more information, try '--help'.",
    );
    bench.end(15);
}

#[cfg(unix)]
#[test]
fn a_key_for_jwt_that_is_wrong_sends_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut bench = Bench::new();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    mode(&bench.world.file("open.pem", pem), 0o644);
    mode(&bench.world.file("broken.pem", pem), 0o600);
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    mode(&bench.world.file("locked.pem", locked), 0o600);
    std::process::Command::new("mkfifo").arg(bench.world.path("pipe.pem")).status().unwrap();
    for (name, key, says) in [
        (
            "no such key",
            "none.pem",
            "error: cannot sign in with what the environment says: `LONGSHORE_JWT_KEY_FILE` names `none.pem`, which cannot be read: No such file or directory (os error 2)",
        ),
        (
            "M12 a key that others may open",
            "open.pem",
            "error: cannot sign in with what the environment says: `LONGSHORE_JWT_KEY_FILE` names `open.pem`, which others may open (mode 0644)

hint: chmod 600 'open.pem'",
        ),
        (
            "no key in the file",
            "broken.pem",
            "error: cannot sign in with what the environment says: `LONGSHORE_JWT_KEY_FILE` names `broken.pem`, which holds no RSA private key

hint: a key begins with `-----BEGIN PRIVATE KEY-----` (PKCS#8) or `-----BEGIN RSA PRIVATE KEY-----` (PKCS#1)",
        ),
        (
            "a key under a passphrase",
            "locked.pem",
            "error: cannot sign in with what the environment says: `LONGSHORE_JWT_KEY_PASSPHRASE` is not set, but the key `locked.pem` is under a passphrase

hint: set it, or make a copy without one: `openssl pkey -in KEY -out COPY`",
        ),
        (
            "a pipe for a key",
            "pipe.pem",
            "error: cannot sign in with what the environment says: `LONGSHORE_JWT_KEY_FILE` names `pipe.pem`, which is not a file",
        ),
    ] {
        let tried = with_file().with("LONGSHORE_CLIENT_SECRET", None);
        let tried = tried.with("LONGSHORE_USERNAME", Some("admin@practice.example"));
        bench.refused(name, tried.with("LONGSHORE_JWT_KEY_FILE", Some(key)), 2, says);
    }
    let nobody = with_file().with("LONGSHORE_CLIENT_SECRET", None);
    let nobody = nobody.with("LONGSHORE_JWT_KEY_FILE", Some("none.pem"));
    bench.refused("a key and no user", nobody, 2, "error: cannot sign in with what the environment says: `LONGSHORE_USERNAME` is not set, but `LONGSHORE_JWT_KEY_FILE` needs it; `LONGSHORE_JWT_KEY_FILE` names `none.pem`, which cannot be read: No such file or directory (os error 2)");
    bench.end(6);
}

#[test]
fn a_place_on_disk_that_is_wrong_sends_nothing() {
    let mut bench = Bench::new();
    let runs = with_file().file("taken", "").arg("--runs-dir").arg("taken");
    bench.refused(
        "E02 the runs folder is a file",
        runs,
        9,
        "error: cannot create `taken`: File exists (os error 17)

hint: nothing was sent; name a folder that can be written with `--runs-dir`",
    );
    let below = with_file().file("taken", "").arg("--runs-dir").arg("taken/below");
    bench.refused(
        "E02 below a file",
        below,
        9,
        "error: cannot create `taken/below`: Not a directory (os error 20)

hint: nothing was sent; name a folder that can be written with `--runs-dir`",
    );
    #[cfg(target_os = "linux")]
    {
        let system = with_file().arg("--runs-dir").arg("/proc/nobody/runs");
        bench.refused(
            "E02 not writable",
            system,
            9,
            "error: cannot create `/proc/nobody/runs`: No such file or directory (os error 2)

hint: nothing was sent; name a folder that can be written with `--runs-dir`",
        );
    }
    let first = with_file().arg("--run-name").arg("friday");
    bench.applied("a run with a name", first, 1, "");
    let again = with_file().arg("--run-name").arg("friday");
    bench.refused(
        "the name of a run that is there",
        again,
        2,
        "error: a run named `friday` is already there: `longshore-runs/friday`

hint: give another `--run-name`",
    );
    bench.end(4);
}
