//! Random calls against a model of who has what: answers, audit and journal must all agree with it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::super::mischief::{Fault, Rule};
use super::super::audit::Change;
use super::*;

/// Users of the tenant.
const USERS: usize = 6;

/// One call. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
struct Step {
    add: bool,
    /// A role, not permissions.
    role: bool,
    user: usize,
    items: Vec<usize>,
    /// The answer is lost, before the effect or after it.
    lost: Option<bool>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lost = prop_oneof![3 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let items = prop::collection::vec(0..12_usize, 1..5);
    let step = (any::<bool>(), any::<bool>(), 0..USERS, items, lost);
    let made =
        step.prop_map(|(add, role, user, items, lost)| Step { add, role, user, items, lost });
    prop::collection::vec(made, 1..30)
}

/// Permissions as `api name` and roles by id, of each user.
type Model = BTreeMap<String, BTreeSet<String>>;

fn truth(tenant: &Tenant) -> Model {
    let held = |person: Person| {
        let permissions = tenant.permissions_of(&person.id);
        let permissions = permissions.into_iter().map(|(api, name)| format!("{api} {name}"));
        let roles = tenant.roles_of(&person.id).into_iter().map(|(role, _)| role);
        (person.id.clone(), permissions.chain(roles).collect())
    };
    tenant.people().into_iter().map(held).collect()
}

/// Applies what the audit tells to the seed.
fn replay(mut model: Model, effects: &[Effect]) -> Model {
    for effect in effects {
        let (verb, user, item) = match effect {
            Effect::UserPermission { verb, user, api, permission } => {
                (verb, user, format!("{api} {permission}"))
            }
            Effect::UserRole { verb, user, role } => (verb, user, role.clone()),
            other => panic!("{other:?}"),
        };
        let held = model.get_mut(user).unwrap();
        let changed = match verb {
            Change::Add => held.insert(item),
            Change::Remove => held.remove(&item),
        };
        assert!(changed, "{effect:?} changes nothing");
    }
    model
}

async fn take(desk: &Desk, model: &mut Model, step: &Step) {
    let user = desk.tenant().people()[step.user].id.clone();
    let roles = desk.tenant().roles();
    let all = desk.tenant().permissions();
    let (path, body, items): (_, _, Vec<String>) = if step.role {
        let ids: Vec<String> =
            step.items.iter().map(|nth| roles[nth % roles.len()].0.clone()).collect();
        ("/roles", json!({"roles": ids}), ids)
    } else {
        let some: Vec<_> = step.items.iter().map(|nth| all[nth * 5 % all.len()].clone()).collect();
        let names = some.iter().map(|(api, name)| format!("{api} {name}")).collect();
        ("/permissions", pairs(&as_pairs(&some)), names)
    };
    if let Some(effect) = step.lost {
        let (method, path) = ("*".to_owned(), "*".to_owned());
        let fault = Fault::LoseAnswer { effect };
        desk.rig.practice.mischief().add(Rule { method, path, nth: 1, times: 1, fault });
    }
    let method = if step.add { "POST" } else { "DELETE" };
    let heard = desk.call(method, &user_path(&user, path), body).await;
    assert_eq!(heard.dropped, step.lost.is_some());
    assert!(heard.dropped || heard.status.is_success(), "{}", heard.text());
    if step.lost == Some(false) {
        return;
    }
    let held = model.get_mut(&user).unwrap();
    for item in items {
        if step.add {
            held.insert(item);
        } else {
            held.remove(&item);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_audit_and_journal_agree_with_a_model(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let size = TenantSize { users: u32::try_from(USERS).unwrap(), ..TenantSize::default() };
        let open = || {
            let unlimited = Switches { plan: Plan::Unlimited, ..Switches::default() };
            Tenant::open(dir.path(), &size).unwrap().with_switches(unlimited)
        };
        let seed = truth(&open());
        let mut model = seed.clone();
        let desk = Desk::of(open());
        runtime.block_on(async {
            for step in &steps {
                take(&desk, &mut model, step).await;
            }
        });
        prop_assert_eq!(&truth(desk.tenant()), &model);
        prop_assert_eq!(&replay(seed, &desk.effects()), &model);
        let effects = desk.effects();
        drop(desk);
        let back = Desk::of(open());
        prop_assert_eq!(&truth(back.tenant()), &model);
        prop_assert_eq!(back.effects(), effects);
    }
}
