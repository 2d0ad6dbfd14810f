use super::*;
use crate::model::failure::Explain;

fn profile(way: Way) -> Profile {
    Profile {
        kind: Kind::Salesforce,
        instance_url: origin("https://acme.my.salesforce.com").unwrap(),
        login_url: None,
        api_version: None,
        way,
    }
}

fn alias(text: &str) -> Alias {
    Alias::parse(text).unwrap()
}

fn names(profiles: &Profiles) -> Vec<String> {
    profiles.aliases().unwrap().iter().map(|alias| alias.as_str().to_owned()).collect()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn ways() -> [Way; 7] {
    let (client_id, username) = ("3MVG9".to_owned(), "robot@acme.example".to_owned());
    let refresh = |client_secret| Way::Refresh {
        client_id: client_id.clone(),
        client_secret,
        refresh_token: secret("5Aep"),
    };
    [
        Way::AccessToken { token: secret("00D!A\"\\Q") },
        Way::ClientCredentials { client_id: client_id.clone(), client_secret: secret("s") },
        Way::Jwt { client_id: client_id.clone(), username, key_file: "/keys/a b.pem".into() },
        refresh(None),
        refresh(Some(secret("s"))),
        Way::Password { username: "jo@acme.example".to_owned(), password: secret("p\"w\\t0k3n") },
        Way::SalesforceCli { alias: "acme".to_owned() },
    ]
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    assert_eq!(names(&profiles), [""; 0]);
    for way in ways() {
        let kept = Profile {
            login_url: Some(origin("https://test.salesforce.com").unwrap()),
            api_version: Some("62.0".to_owned()),
            ..profile(way)
        };
        profiles.write(alias("acme-prod"), &kept).unwrap();
        assert_eq!(profiles.read(alias("acme-prod")).unwrap(), kept);
    }
    profiles.write(alias("acme.dev"), &profile(ways()[0].clone())).unwrap();
    assert_eq!(names(&profiles), ["acme-prod", "acme.dev"]);
    profiles.remove(alias("acme-prod")).unwrap();
    assert_eq!(names(&profiles), ["acme.dev"]);
    let error = profiles.remove(alias("acme.dve")).unwrap_err();
    assert_eq!(error.to_string(), "there is no org `acme.dve`");
    assert_eq!(error.hints()[0], "did you mean `acme.dev`?");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_open_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    profiles.write(alias("acme"), &profile(ways()[1].clone())).unwrap();
    let path = folder.path().join("orgs/acme.toml");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = profiles.read(alias("acme")).unwrap_err();
        assert!(matches!(error, BadProfile::Open { .. }), "{error}");
        assert_eq!(error.hints(), [format!("chmod 600 '{}'", path.display())]);
    }
}

#[test]
fn a_wrong_file_is_refused_without_being_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    profiles.write(alias("acme"), &profile(ways()[1].clone())).unwrap();
    let path = folder.path().join("orgs/acme.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, line) in [
        ("client_secret = \"s\"", "client_secret = s3cret", "line 7"),
        ("client_secret", "client_sceret", "line "),
        ("https://acme", "ftp://s3cret@acme", "scheme"),
        ("salesforce\"", "s3cret\"", "line 1"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let told = profiles.read(alias("acme")).unwrap_err().to_string();
        assert!(told.contains(line) && !told.contains("s3cret"), "{from}: {told}");
    }
}

#[test]
fn an_alias_is_a_name_of_its_own() {
    for alias in ["a", "acme-prod", "jo@acme.example", "A_1"] {
        assert!(Alias::parse(alias).is_ok(), "{alias}");
    }
    let long = "a".repeat(ALIAS_CHARS_MAX + 1);
    for alias in ["", ".", "..", ".a", "-a", "a/b", "a\\b", "a b", "ä", "a\0", &long] {
        let told = Alias::parse(alias).unwrap_err();
        assert!(matches!(told, BadProfile::BadAlias { .. }), "{alias}");
    }
    for alias in RESERVED {
        assert!(matches!(Alias::parse(alias), Err(BadProfile::Reserved { .. })), "{alias}");
    }
}

#[test]
fn no_secret_is_shown() {
    for way in ways() {
        let shown = format!("{:?}", profile(way));
        for secret in ["00D!", "5Aep", "\"s\""] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
