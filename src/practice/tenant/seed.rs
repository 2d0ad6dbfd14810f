//! The data of a new tenant: always the same for the same size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::profile::Profile;
use super::store::{Api, Store};

/// When everything in the seed was made: 2026-01-05T08:00:00Z.
pub const MADE_AT: i64 = 1_767_600_000_000;

/// How much data a new tenant has; the same size gives the same users with the same ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSize {
    /// Up to 100,000 are fine.
    pub users: u32,
    /// Direct permissions of each user; none varies them from 2 to 8.
    pub permissions_each: Option<u32>,
}

impl Default for TenantSize {
    fn default() -> Self {
        Self { users: 600, permissions_each: None }
    }
}

/// The identifier of the tenant's own Management API, as the list of APIs shows it.
pub const OWN_API: &str = "https://practice.auth0.example/api/v2/";

/// Verbs and nouns of an API's permissions; each verb goes with each noun.
struct Plot {
    name: &'static str,
    identifier: &'static str,
    verbs: &'static [&'static str],
    nouns: &'static [&'static str],
}

const PLOTS: [Plot; 5] = [
    Plot {
        name: "Auth0 Management API",
        identifier: OWN_API,
        verbs: &["read", "create", "update", "delete"],
        nouns: &["users", "roles", "resource_servers"],
    },
    Plot {
        name: "Shipping API",
        identifier: "https://shipping.example/api",
        verbs: &["read", "create", "update", "delete", "approve"],
        nouns: &["shipments", "manifests", "containers", "rates", "claims", "reports"],
    },
    Plot {
        name: "Billing API",
        identifier: "https://billing.example/",
        verbs: &["read", "create", "update", "void"],
        nouns: &["invoices", "payments", "refunds", "disputes", "reports"],
    },
    Plot {
        name: "Customs Filing",
        identifier: "urn:customs:filing",
        verbs: &["read", "file", "amend"],
        nouns: &["declarations", "permits", "tariffs", "audits"],
    },
    Plot {
        name: "Crew & Staff Portal",
        identifier: "https://staff.example/v1/portal?tier=internal",
        verbs: &["read", "manage"],
        nouns: &["rosters", "leave", "payslips", "documents", "reports"],
    },
];

/// A role, and the permissions of an API that it has: those whose name has one of these words.
struct Post {
    name: &'static str,
    description: &'static str,
    api: usize,
    words: &'static [&'static str],
    /// Every so many-th user has it.
    every: u32,
}

const POSTS: [Post; 10] = [
    Post {
        name: "Employee",
        description: "Everybody",
        api: 4,
        words: &["read:rosters", "read:leave", "read:payslips"],
        every: 1,
    },
    Post {
        name: "Shipping Clerk",
        description: "Books and follows shipments",
        api: 1,
        words: &["read:", "create:shipments"],
        every: 3,
    },
    Post {
        name: "Shipping Lead",
        description: "May approve",
        api: 1,
        words: &["read:", "update:", "approve:"],
        every: 25,
    },
    Post {
        name: "Billing Clerk",
        description: "Invoices and payments",
        api: 2,
        words: &["read:", "invoices"],
        every: 7,
    },
    Post {
        name: "Billing Auditor",
        description: "Reads, and nothing else",
        api: 2,
        words: &["read:"],
        every: 40,
    },
    Post {
        name: "Customs Agent",
        description: "Files declarations",
        api: 3,
        words: &["read:", "file:"],
        every: 11,
    },
    Post {
        name: "Staff Manager",
        description: "Rosters and leave",
        api: 4,
        words: &["manage:rosters", "manage:leave"],
        every: 17,
    },
    // Two roles whose names differ in case only, and one that nobody has.
    Post {
        name: "Harbor Pilot",
        description: "On the water",
        api: 1,
        words: &["read:manifests"],
        every: 50,
    },
    Post {
        name: "harbor pilot",
        description: "Old, do not use",
        api: 1,
        words: &["read:rates"],
        every: 90,
    },
    Post { name: "Vacant", description: "Without members", api: 1, words: &["void"], every: 0 },
];

/// A store with the data of a new tenant.
pub fn grow(size: &TenantSize) -> Store {
    let mut store = Store::default();
    for (number, plot) in PLOTS.iter().enumerate() {
        plant_api(&mut store, number, plot);
    }
    for (number, post) in POSTS.iter().enumerate() {
        plant_role(&mut store, number, post);
    }
    for number in 0..size.users {
        plant_user(&mut store, number);
        equip(&mut store, number, size);
    }
    store
}

fn plant_api(store: &mut Store, number: usize, plot: &Plot) {
    store.apis.push(Api {
        id: mark("api", number, 24),
        name: plot.name.to_owned(),
        identifier: plot.identifier.to_owned(),
        system: number == 0,
        permissions: Vec::new(),
    });
    let mut scopes: Vec<Value> = Vec::new();
    for noun in plot.nouns {
        for verb in plot.verbs {
            let shown = noun.replace('_', " ");
            let first = verb[..1].to_uppercase() + &verb[1..];
            let description = format!("{first} {shown}");
            scopes.push(json!({"value": format!("{verb}:{noun}"), "description": description}));
        }
    }
    store.define(number, &scopes);
}

fn plant_role(store: &mut Store, number: usize, post: &Post) {
    let id = format!("rol_{}", &mark("role", number, 16));
    store.put_role(&id, post.name.to_owned(), Some(post.description.to_owned()));
    let all = store.apis[post.api].permissions.iter().copied();
    let names = |permission: &u32| {
        let (_, name) = store.spell(*permission);
        post.words.iter().any(|word| name.contains(word))
    };
    let chosen = all.filter(names).collect();
    store.roles[number].permissions = chosen;
}

/// Every 20th user is the one before once more, with the same address from another connection.
fn plant_user(store: &mut Store, number: u32) {
    let twin = number % 20 == 19;
    let person = if twin { number - 1 } else { number };
    let connection = match number % 20 {
        4 | 9 | 19 => 1,
        12 => 2,
        15 => 3,
        17 if number % 100 == 17 => 4,
        _ => 0,
    };
    let place = usize::try_from(person).unwrap_or_default();
    let (given, family) = (FIRST_NAMES[place % 40], LAST_NAMES[place / 40 % 30]);
    let local = format!("{given}.{family}.{person:05}");
    let email = match connection {
        // Other systems keep the spelling that they were given; the database lowers it.
        2 => format!("{local}@Corp.Example"),
        _ => format!("{}@practice.example", local.to_lowercase()),
    };
    let id = user_id(connection, number, &local);
    let mut profile = Profile {
        connection,
        email_verified: number % 8 != 3,
        given_name: Some(given.to_owned()),
        family_name: Some(family.to_owned()),
        name: Some(format!("{given} {family}")),
        nickname: Some(local.to_lowercase()),
        picture: Some(format!("https://pictures.example/{}.png", mark("picture", place, 12))),
        blocked: (number % 33 == 7).then_some(true),
        created_ms: MADE_AT,
        updated_ms: MADE_AT,
        last_login_ms: (number % 5 != 2).then(|| MADE_AT + i64::from(number % 90) * 86_400_000),
        logins: if number % 5 == 2 { 0 } else { number % 47 + 1 },
        ..Profile::default()
    };
    if connection == 4 {
        profile.phone_number = Some(format!("+4915550{number:06}"));
        profile.email_verified = false;
    } else {
        profile.email = Some(email);
    }
    if number % 4 == 1 {
        let plan = ["free", "pro", "gold"][place % 3];
        let metadata = BTreeMap::from([("plan", json!(plan)), ("seat", json!(number))]);
        let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value));
        profile.app_metadata = Some(Box::new(metadata.collect()));
    }
    store.put_user(&id, profile, MADE_AT);
}

fn user_id(connection: usize, number: u32, local: &str) -> String {
    let place = usize::try_from(number).unwrap_or_default();
    match connection {
        1 => format!("google-oauth2|1{:020}", u64::from(number) * 7_919_000_003 + 83_511_002_417),
        2 => format!("samlp|corp|dept/{}+{local}@Corp.Example", number % 7),
        3 => format!("waad|{}:/%{}", mark("azure", place, 10), mark("azure-2", place, 12)),
        4 => format!("sms|{}", mark("sms", place, 24)),
        _ => format!("auth0|{}", mark("user", place, 24)),
    }
}

/// Gives a user direct permissions and roles. One second apart, so that the cursor has an order.
fn equip(store: &mut Store, number: u32, size: &TenantSize) {
    let place = usize::try_from(number).unwrap_or_default();
    // The Management API's own permissions are nobody's.
    let first = store.apis[0].permissions.len();
    let own = store.permissions.len() - first;
    let wanted = size.permissions_each.unwrap_or(2 + number % 7);
    let wanted = usize::try_from(wanted).unwrap_or_default().min(own);
    // 7 has no divisor in common with the number of permissions, so no step meets a place twice.
    let mut held: Vec<u32> = (0..wanted)
        .map(|nth| first + (place * 5 + nth * 7) % own)
        .filter_map(|place| u32::try_from(place).ok())
        .collect();
    held.sort_unstable();
    held.dedup();
    let since = (MADE_AT + i64::from(number) * 1_000) * 1_000 + i64::from(number % 1_000);
    for (role, post) in (0..).zip(&POSTS) {
        if post.every > 0 && number.is_multiple_of(post.every) {
            let user = &mut store.users[place];
            user.roles.push((role, since));
            let id = std::sync::Arc::clone(&user.id);
            store.roles[super::store::at(role)].members.insert((since, id));
        }
    }
    store.users[place].permissions = held;
}

/// Letters and digits that look random and are the same each time.
fn mark(kind: &str, number: usize, length: usize) -> String {
    let mut text = blake3::hash(format!("{kind} {number}").as_bytes()).to_hex().to_string();
    text.truncate(length);
    text
}

const FIRST_NAMES: [&str; 40] = [
    "Ada", "Amara", "Anton", "Aoife", "Bela", "Bruno", "Carla", "Chidi", "Clara", "Dario", "Elif",
    "Emil", "Farid", "Frida", "Gita", "Hana", "Hugo", "Ines", "Ivo", "Jana", "Kaito", "Lars",
    "Leila", "Luca", "Maja", "Malik", "Mila", "Nadia", "Nils", "Olga", "Omar", "Paula", "Priya",
    "Ravi", "Rosa", "Samir", "Sven", "Tara", "Uma", "Zeno",
];

const LAST_NAMES: [&str; 30] = [
    "Abara", "Bakker", "Bauer", "Castro", "Chen", "Dahl", "Eklund", "Farah", "Fischer", "Grant",
    "Haas", "Hansen", "Ibarra", "Ito", "Kamau", "Keller", "Kumar", "Larsen", "Lopez", "Marsh",
    "Meyer", "Mori", "Novak", "Okafor", "Park", "Quinn", "Rossi", "Sato", "Vega", "Wood",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn size(users: u32) -> TenantSize {
        TenantSize { users, ..TenantSize::default() }
    }

    #[test]
    fn the_same_size_gives_the_same_ids() {
        let store = grow(&size(120));
        let ids = [0, 4, 12, 15, 18, 19, 117].map(|place| store.users[place].id.to_string());
        insta::assert_snapshot!(ids.join("\n"), @"
        auth0|7c96524190fec1b235299f3c
        google-oauth2|100000000115187002429
        samlp|corp|dept/5+Farid.Abara.00012@Corp.Example
        waad|b4d7125f6e:/%1e9bda3024e1
        auth0|f5b5f609c097822efc7d57ee
        google-oauth2|100000000233972002474
        sms|8a8c010f7d4f066b53e371f5
        ");
        let roles: Vec<&str> = store.roles.iter().map(|role| &role.id[..]).collect();
        insta::assert_snapshot!(roles[..3].join("\n"), @"
        rol_97c75b12569e6929
        rol_b62fbca3ac9c8f22
        rol_bcfef410f216b421
        ");
        assert!(roles.iter().all(|id| id.len() == 20));
    }

    #[test]
    fn ids_are_unique_and_odd_ones_are_among_them() {
        let store = grow(&size(2_000));
        let ids: std::collections::HashSet<&str> =
            store.users.iter().map(|user| &user.id[..]).collect();
        assert_eq!(ids.len(), 2_000);
        for odd in ['/', '+', ':', '%', '|'] {
            assert!(ids.iter().any(|id| id.split_once('|').unwrap().1.contains(odd)), "{odd}");
        }
        let twin = store.users[18].profile.email.clone().unwrap();
        assert_eq!(store.users_of_email(&twin).count(), 2);
        let blocked = store.users.iter().filter(|user| user.profile.blocked == Some(true)).count();
        assert_eq!(blocked, 61);
        assert!(store.users.iter().any(|user| user.profile.email.is_none()));
    }

    #[test]
    fn apis_have_10_to_30_permissions_and_roles_have_some() {
        let store = grow(&size(100));
        for api in &store.apis {
            assert!((10..=30).contains(&api.permissions.len()), "{}", api.name);
        }
        for role in store.roles.iter().filter(|role| role.name != "Vacant") {
            assert!(!role.permissions.is_empty() && !role.members.is_empty(), "{}", role.name);
        }
        assert_eq!(store.roles[0].members.len(), 100);
        let each = TenantSize { users: 100, permissions_each: Some(5) };
        assert!(grow(&each).users.iter().all(|user| user.permissions.len() == 5));
    }
}
