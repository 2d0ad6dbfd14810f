//! What a tenant knows about a user, apart from roles and permissions.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::store::{CONNECTIONS, Connection};

/// A user's profile. Source: section 2.4 of the protocol reference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Place in [`CONNECTIONS`].
    pub connection: usize,
    pub email: Option<String>,
    pub email_verified: bool,
    pub username: Option<String>,
    pub phone_number: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub name: Option<String>,
    pub nickname: Option<String>,
    pub picture: Option<String>,
    /// Shown only once it has been set.
    pub blocked: Option<bool>,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub last_login_ms: Option<i64>,
    pub logins: u32,
    pub user_metadata: Option<Box<Map<String, Value>>>,
    pub app_metadata: Option<Box<Map<String, Value>>>,
}

impl Profile {
    /// The profile of a user who is made with these members.
    pub fn of(fields: &Map<String, Value>, now: i64) -> Self {
        let mut profile = Self { created_ms: now, updated_ms: now, ..Self::default() };
        profile.set_all(fields);
        profile
    }

    /// Sets the members that are named; null takes one away. Unknown ones are passed over.
    pub fn set_all(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.set(name, value);
        }
    }

    fn set(&mut self, name: &str, value: &Value) {
        let text = || value.as_str().map(str::to_owned);
        let object = || value.as_object().cloned().map(Box::new);
        match name {
            "connection" => {
                let place = CONNECTIONS.iter().position(|known| Some(known.name) == value.as_str());
                self.connection = place.unwrap_or_default();
            }
            "email" => self.email = text(),
            "email_verified" => self.email_verified = value.as_bool().unwrap_or_default(),
            "username" => self.username = text(),
            "phone_number" => self.phone_number = text(),
            "given_name" => self.given_name = text(),
            "family_name" => self.family_name = text(),
            "name" => self.name = text(),
            "nickname" => self.nickname = text(),
            "picture" => self.picture = text(),
            "blocked" => self.blocked = value.as_bool(),
            "user_metadata" => self.user_metadata = object(),
            "app_metadata" => self.app_metadata = object(),
            _ => {}
        }
    }

    pub fn connection(&self) -> &'static Connection {
        &CONNECTIONS[self.connection]
    }

    /// The user as the API shows it.
    pub fn show(&self, id: &str) -> Value {
        let connection = self.connection();
        let mut shown = json!({
            "created_at": spell_time(self.created_ms),
            "email": self.email,
            "email_verified": self.email_verified,
            "identities": [{
                "connection": connection.name,
                "user_id": own_id(id),
                "provider": connection.provider,
                "isSocial": connection.social,
            }],
            "name": self.name,
            "nickname": self.nickname,
            "picture": self.picture,
            "updated_at": spell_time(self.updated_ms),
            "user_id": id,
            "username": self.username,
            "phone_number": self.phone_number,
            "given_name": self.given_name,
            "family_name": self.family_name,
            "blocked": self.blocked,
            "user_metadata": self.user_metadata,
            "app_metadata": self.app_metadata,
            "last_login": self.last_login_ms.map(spell_time),
            "logins_count": (self.logins > 0).then_some(self.logins),
        });
        if let Some(members) = shown.as_object_mut() {
            members.retain(|_, value| !value.is_null());
            if self.email.is_none() {
                members.shift_remove("email_verified");
            }
        }
        shown
    }

    /// A member that is asked for often, without showing the whole user. Null when the user does
    /// not have it, none when the path is not one of these.
    pub fn member(&self, id: &str, path: &str) -> Option<Value> {
        let text = |text: &Option<String>| json!(text);
        Some(match path {
            "user_id" => json!(id),
            "email" => text(&self.email),
            "email_verified" => json!(self.email.is_some().then_some(self.email_verified)),
            "name" => text(&self.name),
            "nickname" => text(&self.nickname),
            "blocked" => json!(self.blocked),
            "created_at" => json!(spell_time(self.created_ms)),
            "updated_at" => json!(spell_time(self.updated_ms)),
            "identities[0].connection" => json!(self.connection().name),
            "identities[0].provider" => json!(self.connection().provider),
            "identities[0].user_id" => json!(own_id(id)),
            _ => return None,
        })
    }

    /// The values of a searchable field, as texts; none when the field is not there.
    ///
    /// `path` is a name such as `email`, `identities.connection` or `app_metadata.plan`.
    pub fn look<'a>(&'a self, id: &'a str, path: &str) -> Vec<Cow<'a, str>> {
        let plain = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        let one = match path {
            "user_id" => Some(Cow::Borrowed(id)),
            "email" => plain(&self.email),
            "email.domain" => self
                .email
                .as_deref()
                .and_then(|email| email.rsplit_once('@'))
                .map(|(_, domain)| Cow::Borrowed(domain)),
            "email_verified" => {
                self.email.is_some().then(|| Cow::Owned(self.email_verified.to_string()))
            }
            "username" => plain(&self.username),
            "phone_number" => plain(&self.phone_number),
            "given_name" => plain(&self.given_name),
            "family_name" => plain(&self.family_name),
            "name" => plain(&self.name),
            "nickname" => plain(&self.nickname),
            "blocked" => self.blocked.map(|blocked| Cow::Owned(blocked.to_string())),
            "created_at" => Some(Cow::Owned(spell_time(self.created_ms))),
            "updated_at" => Some(Cow::Owned(spell_time(self.updated_ms))),
            "last_login" => self.last_login_ms.map(|ms| Cow::Owned(spell_time(ms))),
            "logins_count" => (self.logins > 0).then(|| Cow::Owned(self.logins.to_string())),
            "identities.connection" => Some(Cow::Borrowed(self.connection().name)),
            "identities.provider" => Some(Cow::Borrowed(self.connection().provider)),
            "identities.user_id" => Some(Cow::Borrowed(own_id(id))),
            "identities.isSocial" => Some(Cow::Owned(self.connection().social.to_string())),
            _ => return self.look_into_metadata(path),
        };
        one.into_iter().collect()
    }

    fn look_into_metadata(&self, path: &str) -> Vec<Cow<'_, str>> {
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        let metadata = match root {
            "app_metadata" => self.app_metadata.as_deref(),
            "user_metadata" => self.user_metadata.as_deref(),
            _ => None,
        };
        let mut steps = rest.split('.');
        let first = metadata.and_then(|metadata| metadata.get(steps.next()?));
        let found = first.and_then(|first| steps.try_fold(first, |value, step| value.get(step)));
        found.map(texts).unwrap_or_default()
    }
}

fn texts(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![Cow::Borrowed(text)],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![Cow::Owned(other.to_string())],
    }
}

/// What stands behind the provider in a user id.
pub fn own_id(id: &str) -> &str {
    id.split_once('|').map_or(id, |(_, own)| own)
}

/// Spells a time as the Management API does: `2026-01-05T08:00:00.000Z`.
pub fn spell_time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
