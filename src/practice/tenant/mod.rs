//! A small Auth0 tenant on this machine: its token endpoint and the part of the Management API that
//! deals with users, roles, permissions and jobs.
//!
//! It is written from the protocol reference (recorded exchanges and the vendor's documents) and
//! shares no code with the client. [`Practice`](super::Practice) answers for it under `/api/v2/`
//! and `/oauth/token`; its audit log is the oracle of the tests.

mod apis;
pub mod audit;
mod control;
mod grants;
mod jobs;
mod journal;
mod limiter;
mod lucene;
mod members;
mod paging;
mod payload;
mod profile;
mod reply;
mod roles;
mod routes;
pub mod seed;
mod store;
pub mod switches;
#[cfg(test)]
mod tests;
mod token;
mod users;
mod wire;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::{Audit, Effect};
use jobs::Jobs;
use journal::Journal;
use limiter::Limiter;
use reply::Refusal;
pub use seed::TenantSize;
use store::{Store, User};
use switches::Switches;
use token::Tokens;
pub use token::{CLIENT_ID, CLIENT_SECRET, READER_ID, SCOPES, STRANGER_ID};
pub(super) use wire::{answer, is_ours};

/// The name of the file with the size of a kept tenant's seed.
const SIZE_FILE: &str = "tenant-seed.json";

/// The name of the file with a kept tenant's settings.
const SWITCHES_FILE: &str = "tenant-switches.json";

/// A practice tenant. Cheap to clone; clones are one tenant.
///
/// All methods lock for the length of one call and never wait for anything else, so they may be
/// called from async code.
#[derive(Clone)]
pub struct Tenant {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    switches: Mutex<Arc<Switches>>,
    audit: Audit,
}

struct State {
    store: Store,
    journal: Option<Journal>,
    limiter: Limiter,
    tokens: Tokens,
    jobs: Jobs,
}

/// A user as the tests see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub email: Option<String>,
    /// Name of the connection.
    pub connection: &'static str,
    pub blocked: bool,
}

impl Tenant {
    /// A tenant in memory.
    pub fn new(size: &TenantSize) -> Self {
        Self::of(seed::grow(size), Audit::default(), None, Switches::default())
    }

    /// A tenant kept under `dir`, made on first use.
    ///
    /// The size counts on first use only. Settings in `tenant-switches.json` are used if the file
    /// is there. The folder's lock is the practice org's; without one, two processes must not
    /// share it.
    pub fn open(dir: &Path, size: &TenantSize) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let size = kept_size(dir, size)?;
        let mut store = seed::grow(&size);
        let audit = Audit::default();
        let journal = Journal::open(dir, |now, effects| {
            for effect in effects {
                store.perform(&effect, now);
                audit.record(now, effect);
            }
        })?;
        let switches = match fs::read(dir.join(SWITCHES_FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Switches::default(),
            Err(error) => return Err(error),
        };
        Ok(Self::of(store, audit, Some(journal), switches))
    }

    /// Whether a tenant is kept under `dir`.
    pub fn is_kept(dir: &Path) -> bool {
        dir.join(journal::FILE).exists()
    }

    /// Takes the tenant under `dir` back to its seed. Settings stay.
    pub fn reset(dir: &Path) -> io::Result<()> {
        for name in [journal::FILE, SIZE_FILE] {
            match fs::remove_file(dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn of(store: Store, audit: Audit, journal: Option<Journal>, switches: Switches) -> Self {
        let state = State {
            store,
            journal,
            limiter: Limiter::default(),
            tokens: Tokens::default(),
            jobs: Jobs::default(),
        };
        let switches = Mutex::new(Arc::new(switches));
        Self { shared: Arc::new(Shared { state: Mutex::new(state), switches, audit }) }
    }

    /// The same tenant with other settings.
    #[must_use]
    pub fn with_switches(self, switches: Switches) -> Self {
        self.set_switches(switches);
        self
    }

    /// Changes the settings from now on; allowances that were begun keep what they hold.
    pub fn set_switches(&self, switches: Switches) {
        let mut kept = self.shared.switches.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Arc::new(switches);
    }

    pub fn switches(&self) -> Arc<Switches> {
        Arc::clone(&self.shared.switches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has happened, apart from what was answered.
    pub fn audit(&self) -> &Audit {
        &self.shared.audit
    }

    /// The users who are there, in the order in which they were made.
    pub fn people(&self) -> Vec<Person> {
        let state = self.state();
        let there = state.store.users.iter().filter(|user| user.gone_ms.is_none());
        let person = |user: &User| Person {
            id: user.id.to_string(),
            email: user.profile.email.clone(),
            connection: user.profile.connection().name,
            blocked: user.profile.blocked == Some(true),
        };
        there.map(person).collect()
    }

    /// The direct permissions of a user: identifier of the API and name. Roles count for nothing.
    pub fn permissions_of(&self, user: &str) -> Vec<(String, String)> {
        let state = self.state();
        let held = state.store.user(user).map(|user| user.permissions.as_slice());
        let spell = |number: &u32| {
            let (api, name) = state.store.spell(*number);
            (api.to_owned(), name.to_owned())
        };
        held.unwrap_or_default().iter().map(spell).collect()
    }

    /// The roles of a user: id and name.
    pub fn roles_of(&self, user: &str) -> Vec<(String, String)> {
        let state = self.state();
        let held = state.store.user(user).map(|user| user.roles.as_slice());
        let spell = |(number, _): &(u32, i64)| {
            let role = &state.store.roles[store::at(*number)];
            (role.id.clone(), role.name.clone())
        };
        held.unwrap_or_default().iter().map(spell).collect()
    }

    /// The roles that are there: id and name.
    pub fn roles(&self) -> Vec<(String, String)> {
        self.state().store.live_roles().map(|role| (role.id.clone(), role.name.clone())).collect()
    }

    /// The permissions that are defined: identifier of the API and name.
    pub fn permissions(&self) -> Vec<(String, String)> {
        let state = self.state();
        let all = state.store.apis.iter().flat_map(|api| &api.permissions);
        let spell = |number: &u32| {
            let (api, name) = state.store.spell(*number);
            (api.to_owned(), name.to_owned())
        };
        all.map(spell).collect()
    }

    /// A token with these scopes, good for the usual time from `now` on (milliseconds).
    pub(super) fn issue_token(&self, scopes: &[&str], now: i64) -> String {
        let life_s = self.switches().token_lifetime_s;
        self.state().tokens.issue(CLIENT_ID, scopes, now, life_s)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Letters and digits for the id of the `nth` record that a call makes; never the same twice.
    fn fresh_mark(&self, nth: usize, length: usize) -> String {
        let made = self.audit().len() + nth as u64;
        let mut text = blake3::hash(format!("made {made}").as_bytes()).to_hex().to_string();
        text.truncate(length);
        text
    }

    /// Writes, applies and notes the effects of one call.
    fn commit(&self, state: &mut State, effects: Vec<Effect>, now: i64) -> Result<(), Refusal> {
        if effects.is_empty() {
            return Ok(());
        }
        if let Some(journal) = &mut state.journal {
            let broken = |error: io::Error| Refusal::new(500, "", format!("disk: {error}"));
            journal.write(now, &effects).map_err(broken)?;
        }
        for effect in effects {
            state.store.perform(&effect, now);
            self.shared.audit.record(now, effect);
        }
        Ok(())
    }
}

/// The size that the tenant was made with; written on first use.
fn kept_size(dir: &Path, size: &TenantSize) -> io::Result<TenantSize> {
    let path = dir.join(SIZE_FILE);
    match fs::read(&path) {
        Ok(bytes) => return Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let beside = dir.join(format!("{SIZE_FILE}.new"));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&beside)?;
    file.write_all(serde_json::to_string(size)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    Ok(size.clone())
}
