//! Every way to sign in, and every way to get it wrong.

use super::*;

const ORG: (&str, &str) = (INSTANCE_URL, "https://acme.my.salesforce.com");

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn key_file(dir: &Path, pem: &str, mode: u32) -> PathBuf {
    use std::io::Write as _;
    let path = dir.join(format!("key-{mode:o}-{}.pem", pem.len()));
    std::fs::File::create(&path).unwrap().write_all(pem.as_bytes()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    path
}

const PKCS1: &str = include_str!("../../../fixtures/keys/jwt-pkcs1.pem");
const PKCS8: &str = include_str!("../../../fixtures/keys/jwt-pkcs8.pem");

#[test]
fn the_ways_to_sign_in() {
    let dir = tempfile::tempdir().unwrap();
    let key1 = key_file(dir.path(), PKCS1, 0o600);
    let key8 = key_file(dir.path(), PKCS8, 0o400);
    let (key1, key8) = (key1.to_str().unwrap(), key8.to_str().unwrap());
    let (id, secret) = ((CLIENT_ID, "3MVG9"), (CLIENT_SECRET, "s3cr3t"));
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[ORG, (ACCESS_TOKEN, "00Dx!y")], "access token"),
        (&[ORG, id, secret], "client credentials"),
        (&[ORG, id, (USERNAME, "jo@acme.example"), (JWT_KEY_FILE, key1)], "JWT bearer"),
        (&[ORG, id, (USERNAME, "jo@acme.example"), (JWT_KEY_FILE, key8)], "JWT bearer"),
        (&[ORG, id, (REFRESH_TOKEN, "5Aep")], "refresh token"),
        (&[ORG, id, secret, (REFRESH_TOKEN, "5Aep")], "refresh token"),
        (&[ORG, (USERNAME, "jo@acme.example"), (PASSWORD, "s3cr3ttoken")], "SOAP login"),
    ];
    for (pairs, word) in cases {
        let sign_in = environment(pairs).sign_in().unwrap();
        assert_eq!(sign_in.grant.word(), word);
        assert_eq!(sign_in.instance_url.as_str(), "https://acme.my.salesforce.com/");
        assert_eq!(sign_in.login_origin(), &sign_in.instance_url);
    }
}

#[test]
fn urls_that_will_do_and_those_that_will_not() {
    for (url, expected) in [
        ("https://acme.my.salesforce.com", Ok("https://acme.my.salesforce.com/")),
        (" https://ACME.my.salesforce.com/lightning?x#y ", Ok("https://acme.my.salesforce.com/")),
        ("http://localhost:8080", Ok("http://localhost:8080/")),
        ("http://127.0.0.1:8080/", Ok("http://127.0.0.1:8080/")),
        ("http://[::1]:8080/", Ok("http://[::1]:8080/")),
        ("http://acme.my.salesforce.com", Err("is plain `http` to `acme.my.salesforce.com`")),
        ("http://localhost.evil.example", Err("is plain `http` to `localhost.evil.example`")),
        ("http://10.0.0.1", Err("is plain `http` to `10.0.0.1`")),
        ("ftp://acme.my.salesforce.com", Err("has the scheme `ftp`")),
        ("acme.my.salesforce.com", Err("is not a URL: relative URL without a base")),
        ("https://jo:pw@acme.my.salesforce.com", Err("holds a user name or password")),
        ("https://acme.lightning.force.com", Err("which serves pages and no API")),
    ] {
        let env = environment(&[(INSTANCE_URL, url), (ACCESS_TOKEN, "00Dx!y")]);
        match (env.sign_in(), expected) {
            (Ok(sign_in), Ok(expected)) => assert_eq!(sign_in.instance_url.as_str(), expected),
            (Err(bad), Err(part)) => assert!(bad.to_string().contains(part), "{bad}"),
            (found, _) => panic!("{url}: {found:?}"),
        }
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let env = environment(&[
        (INSTANCE_URL, "http://acme.example"),
        (LOGIN_URL, "nonsense"),
        (API_VERSION, "latest"),
        (JWT_KEY_FILE, "/no/such/key.pem"),
    ]);
    let bad = env.sign_in().unwrap_err();
    let variables: Vec<_> = bad.faults.iter().map(|fault| fault.variable).collect();
    let expected = [INSTANCE_URL, LOGIN_URL, API_VERSION, CLIENT_ID, USERNAME, JWT_KEY_FILE];
    assert_eq!(variables, expected);
    assert_eq!(bad.blame(), Blame::Request);
}

#[test]
fn messages_name_the_variable() {
    for (pairs, message) in [
        (
            &[(ACCESS_TOKEN, "00Dx!y")][..],
            "cannot sign in with what the environment says: `LONGSHORE_INSTANCE_URL` is not set",
        ),
        (
            &[ORG],
            "cannot sign in with what the environment says: `LONGSHORE_ACCESS_TOKEN` is not set, \
             and nothing else to sign in with",
        ),
        (
            &[ORG, (ACCESS_TOKEN, ""), (CLIENT_SECRET, "x")],
            "cannot sign in with what the environment says: `LONGSHORE_CLIENT_ID` is not set, but \
             `LONGSHORE_CLIENT_SECRET` needs it",
        ),
        (
            &[ORG, (ACCESS_TOKEN, "t"), (REFRESH_TOKEN, "r")],
            "cannot sign in with what the environment says: `LONGSHORE_ACCESS_TOKEN` is set, and \
             so is `LONGSHORE_REFRESH_TOKEN`: which one is meant?",
        ),
        (
            &[ORG, (ACCESS_TOKEN, "t"), (TARGET_KIND, "okta")],
            "cannot sign in with what the environment says: `LONGSHORE_TARGET_KIND` `okta` is not \
             a kind of org we can load",
        ),
        (
            &[
                ORG,
                (CLIENT_ID, "c"),
                (REFRESH_TOKEN, "r"),
                (API_VERSION, "62"),
                (TARGET_KIND, "auth0"),
            ],
            "cannot sign in with what the environment says: `LONGSHORE_REFRESH_TOKEN` is set, but \
             no Auth0 tenant is signed in to with it; `LONGSHORE_API_VERSION` is set, but the \
             Management API of Auth0 has no versions",
        ),
    ] {
        assert_eq!(environment(pairs).sign_in().unwrap_err().to_string(), message);
    }
}

#[test]
fn a_version_may_be_given_in_several_forms() {
    for (text, version) in [("62.0", "62.0"), ("v60", "60.0"), ("V59.0", "59.0")] {
        let env = environment(&[ORG, (ACCESS_TOKEN, "t"), (API_VERSION, text)]);
        assert_eq!(env.sign_in().unwrap().api_version.as_deref(), Some(version));
    }
}

#[cfg(unix)]
#[test]
fn a_key_under_a_passphrase_is_opened_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let locked = include_str!("../../../fixtures/keys/jwt-pkcs8-aes256.pem");
    let path = key_file(dir.path(), locked, 0o600);
    let path = path.to_str().unwrap();
    let jwt = [ORG, (CLIENT_ID, "c"), (USERNAME, "u"), (JWT_KEY_FILE, path)];
    let with = |passphrase| {
        let pairs: Vec<_> = jwt.into_iter().chain([(JWT_KEY_PASSPHRASE, passphrase)]).collect();
        environment(&pairs).sign_in()
    };
    let Grant::JwtBearer { key, .. } = with("open-sesame").unwrap().grant else { panic!() };
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(key.reveal()), lines(PKCS8));
    let bad = with("wrong").unwrap_err();
    assert!(bad.to_string().contains("stays shut: the passphrase does not open it"), "{bad}");
    assert!(!bad.to_string().contains("wrong"), "{bad}");
    assert!(bad.hints()[0].contains("`LONGSHORE_JWT_KEY_PASSPHRASE`"), "{:?}", bad.hints());
}

#[cfg(unix)]
#[test]
fn keys_that_will_not_do() {
    let dir = tempfile::tempdir().unwrap();
    let open = key_file(dir.path(), PKCS8, 0o644);
    let group = key_file(dir.path(), PKCS8, 0o640);
    let cut = key_file(dir.path(), &PKCS8[..400], 0o600);
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----";
    let locked = key_file(dir.path(), locked, 0o600);
    for (path, what, hint) in [
        (open.as_path(), "which others may open (mode 0644)", "chmod 600 '"),
        (&group, "which others may open (mode 0640)", "chmod 600 '"),
        (&cut, "which holds no RSA private key", "PKCS#8"),
        (&locked, "is under a passphrase", "openssl pkey"),
        (dir.path(), "which is not a file", ""),
        (&dir.path().join("gone"), "which cannot be read: No such file", ""),
    ] {
        let path = path.to_str().unwrap();
        let env = environment(&[ORG, (CLIENT_ID, "c"), (USERNAME, "u"), (JWT_KEY_FILE, path)]);
        let bad = env.sign_in().unwrap_err();
        assert!(bad.to_string().contains(what), "{bad}");
        assert!(bad.hints().join("\n").contains(hint), "{:?}", bad.hints());
    }
}

#[test]
fn no_value_is_shown_by_accident() {
    let canary = "canary-91ab";
    let env = environment(&[ORG, (ACCESS_TOKEN, canary), (LOGIN_URL, canary), (CLIENT_ID, canary)]);
    let bad = env.sign_in().unwrap_err();
    let shown = format!("{env:?} {bad} {bad:?} {:?}", bad.hints());
    assert!(!shown.contains(canary), "{shown}");
    let good = environment(&[ORG, (ACCESS_TOKEN, canary)]).sign_in().unwrap();
    assert!(!format!("{good:?}").contains(canary));
}
