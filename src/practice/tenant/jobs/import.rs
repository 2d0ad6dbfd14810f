//! Imports of users into a database connection. Source: section 2.6.
//!
//! Roles and permissions can not be imported: the schema of a user is closed.

use serde_json::{Map, Value, json};

use super::super::super::wire::oauth::{multipart_boundary, parts};
use super::super::audit::{Act, Effect};
use super::super::reply::{Outcome, Refusal, Reply};
use super::super::store::CONNECTIONS;
use super::super::users::complete;
use super::super::wire::Call;
use super::super::{State, Tenant};
use super::{Job, Work};

/// Imports that may be under way at the same time.
const ACTIVE_MAX: usize = 2;

/// Members of an imported user.
const MEMBERS: [&str; 17] = [
    "email",
    "email_verified",
    "phone_number",
    "phone_verified",
    "user_id",
    "username",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "blocked",
    "password_hash",
    "custom_password_hash",
    "app_metadata",
    "user_metadata",
    "mfa_factors",
];

/// Members that the practice tenant reads and does not keep.
const NOT_KEPT: [&str; 4] =
    ["phone_verified", "password_hash", "custom_password_hash", "mfa_factors"];

/// What an import was asked for.
pub(super) struct Asked {
    users: Vec<Value>,
    upsert: bool,
    external_id: Option<String>,
}

/// What became of an import.
#[derive(Default)]
pub(super) struct Done {
    inserted: usize,
    updated: usize,
    total: usize,
    /// Each with the user and what is wrong with it.
    pub(super) errors: Vec<Value>,
}

pub(in super::super) fn create(call: &Call<'_>) -> Outcome {
    let asked_kind = call.header("content-type").unwrap_or_default();
    let Some(boundary) = multipart_boundary(asked_kind) else {
        let text = "Must provide 'users' file as multipart part.";
        return Err(Refusal::new(400, "invalid_body", text));
    };
    let parts = parts(&call.body, &boundary);
    let field = |name: &str| {
        let part = parts.iter().find(|part| part.name == name)?;
        Some(String::from_utf8_lossy(&part.body).trim().to_owned())
    };
    let refuse = |text: &str| Refusal::new(400, "invalid_body", text);
    let users =
        field("users").ok_or_else(|| refuse("Must provide 'users' file as multipart part."))?;
    if users.is_empty() {
        return Err(refuse("Users file must not be empty."));
    }
    let id = field("connection_id")
        .ok_or_else(|| refuse("Must provide 'connection_id' as multipart part."))?;
    let connection = CONNECTIONS.iter().find(|known| known.id == id);
    let connection = connection.ok_or_else(|| refuse("The connection does not exist."))?;
    if connection.provider != "auth0" {
        return Err(refuse("Connection must be a database connection."));
    }
    let mut state = call.tenant.state();
    let active = state.jobs.active_imports();
    if active >= ACTIVE_MAX {
        let text = format!(
            "There are {active} active import users jobs, please wait until some of them are \
             finished and try again"
        );
        return Err(Refusal::new(429, "too_many_requests", text));
    }
    let read: Option<Vec<Value>> = serde_json::from_str(&users).ok();
    let failure = read.is_none().then(|| {
        "Failed to parse users file JSON when importing users. \
         Make sure it is valid JSON."
            .to_owned()
    });
    let asked = Asked {
        users: read.unwrap_or_default(),
        upsert: field("upsert").as_deref() == Some("true"),
        external_id: field("external_id"),
    };
    let over = failure.is_some();
    let work = Work::Import { asked, done: Done::default() };
    let connection = Some(connection);
    let job = Job { made_ms: call.now, connection, work, failure: None, over: false };
    let mut shown = job.show("", &call.switches, call.now);
    let id = state.jobs.put(Job { failure, over, ..job });
    shown["id"] = json!(id);
    Ok(Reply::json(202, shown))
}

impl Asked {
    pub(super) fn show(&self, shown: &mut Value) {
        if let Some(id) = &self.external_id {
            shown["external_id"] = json!(id);
        }
    }

    /// Makes and changes the users.
    pub(super) fn run(
        &self,
        tenant: &Tenant,
        state: &mut State,
        now: i64,
    ) -> Result<Done, Refusal> {
        let mut done = Done { total: self.users.len(), ..Done::default() };
        for user in &self.users {
            match self.effect(tenant, state, user) {
                Ok(effect) => {
                    let made = matches!(effect, Effect::User { verb: Act::Create, .. });
                    done.inserted += usize::from(made);
                    done.updated += usize::from(!made);
                    tenant.commit(state, vec![effect], now)?;
                }
                Err((code, message)) => done.errors.push(json!({
                    "user": user, "errors": [{"code": code, "message": message}],
                })),
            }
        }
        Ok(done)
    }

    /// Matches by e-mail address; an update overwrites.
    fn effect(
        &self,
        tenant: &Tenant,
        state: &State,
        user: &Value,
    ) -> Result<Effect, (&'static str, String)> {
        let mut fields = check(user)?;
        let email = fields.get("email").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        fields.insert("email".to_owned(), json!(email));
        let own = fields.get("user_id").and_then(Value::as_str).map(str::to_owned);
        for name in NOT_KEPT {
            fields.shift_remove(name);
        }
        let known = state
            .store
            .users_of_email(&email)
            .find(|user| user.profile.connection().provider == "auth0")
            .map(|user| user.id.to_string());
        let taken = || {
            let text = "The user already exist and upsert parameter is false".to_owned();
            ("DUPLICATED_USER", text)
        };
        if let Some(user) = known {
            if !self.upsert {
                return Err(taken());
            }
            fields.shift_remove("user_id");
            return Ok(Effect::User { verb: Act::Update, user, fields });
        }
        let own = own.unwrap_or_else(|| tenant.fresh_mark(0, 24));
        let user = format!("auth0|{own}");
        if state.store.user(&user).is_some() {
            return Err(taken());
        }
        fields.insert("connection".to_owned(), json!(CONNECTIONS[0].name));
        complete(&mut fields);
        Ok(Effect::User { verb: Act::Create, user, fields })
    }
}

fn check(user: &Value) -> Result<Map<String, Value>, (&'static str, String)> {
    let Some(members) = user.as_object() else {
        return Err(("INVALID_TYPE", "Expected type: object".to_owned()));
    };
    if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(("NOT_PASSED", format!("Additional properties not allowed: {name}")));
    }
    let Some(email) = members.get("email") else {
        return Err(("OBJECT_REQUIRED", "Missing required property: email".to_owned()));
    };
    let Some(email) = email.as_str() else {
        return Err(("INVALID_TYPE", "Expected type: string".to_owned()));
    };
    if !email.contains('@') {
        let text = format!("Object didn't pass validation for format email: {email}");
        return Err(("FORMAT", text));
    }
    Ok(members.clone())
}

impl Done {
    pub(super) fn summary(&self) -> Value {
        json!({
            "failed": self.errors.len(),
            "updated": self.updated,
            "inserted": self.inserted,
            "total": self.total,
        })
    }
}
