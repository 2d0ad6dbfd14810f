//! The refresh token of an org that is kept, when the org replaces it.
//!
//! The lock of the org is held from before the token is read until its successor is on the disk,
//! so that of two processes the second one reads what the first one was given.

use std::fs::File;
use std::path::PathBuf;

use super::file::{self, Place};
use super::{BadProfile, Profile, Way};
use crate::model::secret::Secret;
use crate::model::sign_in::{NotKept, RefreshKeeper, RefreshTurn};

/// Keeps the refresh token in the file of its org.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    path: PathBuf,
}

impl Keeper {
    pub(super) fn new(folder: PathBuf, path: PathBuf) -> Self {
        Self { folder, path }
    }
}

impl RefreshKeeper for Keeper {
    fn take(&self) -> Result<Option<Box<dyn RefreshTurn>>, NotKept> {
        let Some(lock) = file::try_lock(&self.folder, &self.path)? else { return Ok(None) };
        let profile = file::read(&self.path)?;
        if !matches!(profile.way, Way::Refresh { .. }) {
            let shown = self.path.display();
            return Err(NotKept(format!("`{shown}` holds no refresh token any more")));
        }
        let place = Some(Place::beside(&self.folder, &self.path)?);
        Ok(Some(Box::new(Turn { place, profile, keeper: self.again(), _lock: lock })))
    }
}

impl Keeper {
    fn again(&self) -> Self {
        Self::new(self.folder.clone(), self.path.clone())
    }
}

/// What is held while the token is used.
#[derive(Debug)]
struct Turn {
    keeper: Keeper,
    profile: Profile,
    place: Option<Place>,
    _lock: File,
}

impl RefreshTurn for Turn {
    fn token(&self) -> Secret {
        match &self.profile.way {
            Way::Refresh { refresh_token, .. } => refresh_token.clone(),
            _ => Secret::new(String::new()),
        }
    }

    fn replace(&mut self, new: &Secret) -> Result<(), NotKept> {
        if let Way::Refresh { refresh_token, .. } = &mut self.profile.way {
            *refresh_token = new.clone();
        }
        let place = match self.place.take() {
            Some(place) => place,
            None => Place::beside(&self.keeper.folder, &self.keeper.path)?,
        };
        Ok(place.put(&self.profile)?)
    }
}

impl Drop for Turn {
    /// Gives the place back that was not needed.
    fn drop(&mut self) {
        if self.place.take().is_some() && file::give_back(&self.keeper.path).is_err() {
            tracing::debug!("an empty file stays beside the org's");
        }
    }
}

impl From<BadProfile> for NotKept {
    fn from(error: BadProfile) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests;
