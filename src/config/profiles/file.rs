//! The file of an org, read strictly and written whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{BadProfile, Kind, Profile, Way, origin};
use crate::faults;
use crate::model::secret::Secret;

/// Bytes of a file; a token has some thousands at most.
const BYTES_MAX: u64 = 256 << 10;

/// Bytes of the place that is taken for the next state of a file.
const PLACE_BYTES: usize = 8 << 10;

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
    let place = Place::beside(folder, path)?;
    place.put(profile)
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

/// Takes the lock of an org; waits while another process has it.
pub(super) fn lock(folder: &Path, path: &Path) -> Result<File, BadProfile> {
    let (lock, path) = open_lock(folder, path)?;
    lock.lock().map_err(|error| BadProfile::Unwritable { path, error })?;
    Ok(lock)
}

/// Takes the lock of an org, if nobody has it.
pub(super) fn try_lock(folder: &Path, path: &Path) -> Result<Option<File>, BadProfile> {
    let (lock, path) = open_lock(folder, path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(BadProfile::Unwritable { path, error }),
    }
}

fn open_lock(folder: &Path, path: &Path) -> Result<(File, PathBuf), BadProfile> {
    let path = path.with_extension("lock");
    let opened = make_private(folder).and_then(|()| private().create(true).open(&path));
    match opened {
        Ok(lock) => Ok((lock, path)),
        Err(error) => Err(BadProfile::Unwritable { path, error }),
    }
}

/// Removes the file of an org and what may lie beside it.
pub(super) fn remove(folder: &Path, path: &Path) -> Result<(), BadProfile> {
    let unwritable = |error| BadProfile::Unwritable { path: path.to_owned(), error };
    // What a killed process has left holds secrets as well. The lock stays: who waits for it must
    // wait for the same file as those who come later.
    give_back(path).map_err(unwritable)?;
    faults::remove_file(path).map_err(unwritable)?;
    sync(folder).map_err(unwritable)
}

/// Removes a place that was taken.
pub(super) fn give_back(path: &Path) -> io::Result<()> {
    remove_if_there(&part(path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match faults::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    faults::create_folder(&builder, folder)
}

/// For a file that only its owner may open.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { faults::sync_folder(folder) } else { Ok(()) }
}

/// A place on the disk for the next state of an org's file.
///
/// It is taken before it is known what comes there, so that a full disk is found out while the old
/// refresh token is still good.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    path: PathBuf,
}

impl Place {
    /// Takes room for a file of the usual size.
    pub(super) fn beside(folder: &Path, path: &Path) -> Result<Self, BadProfile> {
        let take = || {
            make_private(folder)?;
            give_back(path)?;
            let mut file = faults::open(private().create_new(true), &part(path))?;
            file.write_all(&[b'\n'; PLACE_BYTES])?;
            file.sync_all()
        };
        take().map_err(|error| BadProfile::Unwritable { path: path.to_owned(), error })?;
        Ok(Self { folder: folder.to_owned(), path: path.to_owned() })
    }

    /// Writes the state, syncs it and gives it its name: a refresh token that is lost signs a user
    /// out.
    pub(super) fn put(self, profile: &Profile) -> Result<(), BadProfile> {
        let text = text_of(profile).map(Zeroizing::new).map_err(|error| BadProfile::Wrong {
            path: self.path.clone(),
            what: error.to_string(),
        })?;
        self.put_text(text.as_bytes())
            .map_err(|error| BadProfile::Unwritable { path: self.path.clone(), error })
    }

    fn put_text(&self, text: &[u8]) -> io::Result<()> {
        let part = part(&self.path);
        let mut file = faults::open(&private(), &part)?;
        file.write_all(text)?;
        file.set_len(text.len() as u64)?;
        file.sync_all()?;
        drop(file);
        faults::rename(&part, &self.path)?;
        sync(&self.folder)
    }
}

/// What lies beside an org's file while it changes.
fn part(path: &Path) -> PathBuf {
    path.with_extension("toml.part")
}
