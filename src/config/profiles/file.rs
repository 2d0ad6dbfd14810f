//! The file of an org, read strictly and written whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{BadProfile, Kind, Profile, Way, origin};
use crate::model::secret::Secret;

/// Bytes of a file; a token has some thousands at most.
const BYTES_MAX: u64 = 256 << 10;

/// The file as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Kind,
    instance_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    sign_in: WrittenWay,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "way", rename_all = "kebab-case", deny_unknown_fields)]
enum WrittenWay {
    AccessToken {
        access_token: Zeroizing<String>,
    },
    ClientCredentials {
        client_id: String,
        client_secret: Zeroizing<String>,
    },
    Jwt {
        client_id: String,
        username: String,
        key_file: PathBuf,
    },
    RefreshToken {
        client_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_secret: Option<Zeroizing<String>>,
        refresh_token: Zeroizing<String>,
    },
    Password {
        username: String,
        password: Zeroizing<String>,
    },
    SalesforceCli {
        alias: String,
    },
}

pub(super) fn read(path: &Path) -> Result<Profile, BadProfile> {
    let unreadable = |error| BadProfile::Unreadable { path: path.to_owned(), error };
    // Asked before it is opened: opening a pipe would wait.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    refuse_if_open(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let wrong = |what: String| BadProfile::Wrong { path: path.to_owned(), what };
    // What the parser says quotes the file, and the file holds secrets: only the place is told.
    let written: Written = toml::from_str(&text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start));
        let line = line.map_or(0, |before| before.matches('\n').count() + 1);
        wrong(format!("line {line} is not what `org login` writes"))
    })?;
    let url = |text: &str| origin(text).map_err(|error| wrong(error.to_string()));
    Ok(Profile {
        kind: written.kind,
        instance_url: url(&written.instance_url)?,
        login_url: written.login_url.as_deref().map(url).transpose()?,
        api_version: written.api_version,
        way: way(written.sign_in),
    })
}

fn way(written: WrittenWay) -> Way {
    let secret = |text: Zeroizing<String>| Secret::new(text.as_str().to_owned());
    match written {
        WrittenWay::AccessToken { access_token } => {
            Way::AccessToken { token: secret(access_token) }
        }
        WrittenWay::ClientCredentials { client_id, client_secret } => {
            Way::ClientCredentials { client_id, client_secret: secret(client_secret) }
        }
        WrittenWay::Jwt { client_id, username, key_file } => {
            Way::Jwt { client_id, username, key_file }
        }
        WrittenWay::RefreshToken { client_id, client_secret, refresh_token } => Way::Refresh {
            client_id,
            client_secret: client_secret.map(secret),
            refresh_token: secret(refresh_token),
        },
        WrittenWay::Password { username, password } => {
            Way::Password { username, password: secret(password) }
        }
        WrittenWay::SalesforceCli { alias } => Way::SalesforceCli { alias },
    }
}

#[cfg(unix)]
fn refuse_if_open(file: &File, path: &Path) -> Result<(), BadProfile> {
    use std::os::unix::fs::PermissionsExt as _;
    let about = file.metadata();
    let about = about.map_err(|error| BadProfile::Unreadable { path: path.to_owned(), error })?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(BadProfile::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_open(_: &File, _: &Path) -> Result<(), BadProfile> {
    Ok(())
}

pub(super) fn write(folder: &Path, path: &Path, profile: &Profile) -> Result<(), BadProfile> {
    let text =
        Zeroizing::new(text_of(profile).map_err(|error| BadProfile::Wrong {
            path: path.to_owned(),
            what: error.to_string(),
        })?);
    let kept = make_private(folder).and_then(|()| put(folder, path, text.as_bytes()));
    kept.map_err(|error| BadProfile::Unwritable { path: path.to_owned(), error })
}

fn text_of(profile: &Profile) -> Result<String, toml::ser::Error> {
    let plain = |secret: &Secret| Zeroizing::new(secret.reveal().to_owned());
    let url = |url: &url::Url| url.origin().ascii_serialization();
    toml::to_string(&Written {
        kind: profile.kind,
        instance_url: url(&profile.instance_url),
        login_url: profile.login_url.as_ref().map(url),
        api_version: profile.api_version.clone(),
        sign_in: match &profile.way {
            Way::AccessToken { token } => WrittenWay::AccessToken { access_token: plain(token) },
            Way::ClientCredentials { client_id, client_secret } => WrittenWay::ClientCredentials {
                client_id: client_id.clone(),
                client_secret: plain(client_secret),
            },
            Way::Jwt { client_id, username, key_file } => WrittenWay::Jwt {
                client_id: client_id.clone(),
                username: username.clone(),
                key_file: key_file.clone(),
            },
            Way::Refresh { client_id, client_secret, refresh_token } => WrittenWay::RefreshToken {
                client_id: client_id.clone(),
                client_secret: client_secret.as_ref().map(plain),
                refresh_token: plain(refresh_token),
            },
            Way::Password { username, password } => {
                WrittenWay::Password { username: username.clone(), password: plain(password) }
            }
            Way::SalesforceCli { alias } => WrittenWay::SalesforceCli { alias: alias.clone() },
        },
    })
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes beside the name, syncs and renames: a refresh token that is lost signs a user out.
fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("toml.part");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}
