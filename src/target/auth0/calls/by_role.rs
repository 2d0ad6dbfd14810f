//! Roles for many users: where one call for a hundred users is to be had, a user does not cost two.
//!
//! What a user held before is read from the lists of the roles' members, and is on disk before
//! anybody is changed, as with single users. Whoever is not to be had that way, or is refused, is
//! left to the calls for single users, which say why.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::oneshot;

use super::super::body::{Group, Who};
use super::super::journal::{Entry, Image};
use super::super::members::{self, ADDED, PAGE};
use super::super::users::{Held, Holdings, Item, Kind};
use super::{
    AT_ONCE, Calls, PAUSE_MIN, Verdict, Wanted, locked, nobody_writes, not_so, passes, said,
};
use crate::model::operation::Operation;
use crate::target::{Fault, FaultClass};

/// Users that are dealt with before the lists of members are read anew.
const USERS: usize = 20_000;

/// The same where e-mails are to be looked up, which are lost if this process ends.
const USERS_BY_EMAIL: usize = 2_000;

/// Users of one role below which it is not worth a thought.
const FEW: usize = 5;

/// Users that a role refuses one by one, before the others are not tried any more.
const REFUSED_MAX: usize = 3;

/// Users of a window who are to get roles.
struct Window {
    users: Vec<User>,
    /// For each role its members among the users, before anything is changed.
    members: BTreeMap<String, HashSet<String>>,
}

/// A user with all rows of its groups.
struct User {
    id: String,
    group: Group,
    wanted: Wanted,
}

impl Calls {
    /// Deals with all users that it can, and gives back the others.
    pub(super) fn by_role(&self, groups: Vec<Group>) -> BoxFuture<'_, Result<Vec<Group>, Fault>> {
        self.windows(groups).inspect(|_| self.job.work.is_at_once(false)).boxed()
    }

    async fn windows(&self, groups: Vec<Group>) -> Result<Vec<Group>, Fault> {
        let of_roles =
            self.job.work.kind == Kind::Role && self.job.work.operation == Operation::Insert;
        let scopes = ["update:roles", "create:role_members", "read:role_members"];
        if !of_roles || groups.len() < FEW || self.tenant.session.needs(&scopes).is_err() {
            return Ok(groups);
        }
        self.job.work.is_at_once(true);
        let by_email = groups.iter().any(|group| matches!(group.who, Who::Email(_)));
        let size = if by_email { USERS_BY_EMAIL } else { USERS };
        let (mut left, mut groups) = (Vec::new(), groups.into_iter());
        loop {
            let some: Vec<Group> = groups.by_ref().take(size).collect();
            if some.is_empty() {
                return Ok(left);
            }
            let (done, rest) = self.window(some).await?;
            left.extend(rest);
            if !done {
                // What was too dear or refused will be so again.
                left.extend(groups);
                return Ok(left);
            }
        }
    }

    /// Whether this way is one, and the groups that are left.
    async fn window(&self, groups: Vec<Group>) -> Result<(bool, Vec<Group>), Fault> {
        let (mut users, mut left) = self.known(groups).await?;
        let roles = worthwhile(&users);
        let covered = |user: &User| user.wanted.items.iter().all(|item| roles.contains_key(item));
        let (some, others): (Vec<User>, Vec<User>) = users.drain(..).partition(covered);
        left.extend(others.into_iter().map(|user| user.group));
        let Some(window) = self.looked(some, roles, &mut left).await? else {
            return Ok((false, left));
        };
        let images = self.images_of(&window).await?;
        let Some(mut single) = self.assign(&window, &images).await? else {
            left.extend(window.users.into_iter().map(|user| user.group));
            return Ok((false, left));
        };
        let wrong = self.proof(&window, &images, &mut single).await?;
        let names = self.tenant.names(self.job.work.kind).await?;
        for user in window.users {
            let Some(image) = images.get(&user.id).filter(|_| !single.contains(&user.id)) else {
                left.push(user.group);
                continue;
            };
            let held = Holdings { held: image.held.clone(), whole: true };
            let verdicts = user.wanted.verdicts(|item| {
                if wrong.contains(&(user.id.clone(), item.clone())) {
                    return Verdict::Bad(not_so(true));
                }
                Verdict::Good(said(true, item, image, &held, names))
            });
            self.written(user.group, &user.id, verdicts).await?;
        }
        Ok((true, left))
    }

    /// The users with their ids, each once, and the groups that no call is needed for or that name
    /// nobody.
    async fn known(&self, groups: Vec<Group>) -> Result<(Vec<User>, Vec<Group>), Fault> {
        let asked = groups.into_iter().map(|group| self.resolved(group).boxed());
        let mut asked = stream::iter(asked).buffered(AT_ONCE);
        let (mut users, mut left): (Vec<User>, _) = (Vec::new(), Vec::new());
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(answer) = asked.next().await {
            let (group, id) = answer?;
            let Some(id) = id else {
                left.push(group);
                continue;
            };
            if let Some(place) = places.get(&id) {
                users[*place].group.rows.extend(group.rows);
                self.job.work.user_merged();
                continue;
            }
            places.insert(id.clone(), users.len());
            let group = Group { who: Who::Id(id.clone()), ..group };
            users.push(User { id, group, wanted: Wanted::of(Vec::new()) });
        }
        let names = self.tenant.names(self.job.work.kind).await?;
        for user in &mut users {
            user.wanted = self.wanted(&user.group, names);
        }
        let (users, idle): (Vec<_>, Vec<_>) =
            users.into_iter().partition(|user| !user.wanted.items.is_empty());
        left.extend(idle.into_iter().map(|user| user.group));
        Ok((users, left))
    }

    async fn resolved(&self, group: Group) -> Result<(Group, Option<String>), Fault> {
        let id = match &group.who {
            Who::Email(_) => self.patiently(|| self.whom(&group.who)).await?.ok(),
            Who::Id(id) => Some(id.clone()),
            Who::Nobody => None,
        };
        Ok((group, id))
    }

    /// Who has the roles already; nothing when single calls are cheaper or access is refused.
    async fn looked(
        &self,
        users: Vec<User>,
        roles: HashMap<Item, usize>,
        left: &mut Vec<Group>,
    ) -> Result<Option<Window>, Fault> {
        let session = &self.tenant.session;
        let dear = |users: Vec<User>, left: &mut Vec<Group>| {
            left.extend(users.into_iter().map(|user| user.group));
            Ok(None)
        };
        let (single, mut calls) = (2 * users.len() as u64, 0);
        let mut members = BTreeMap::new();
        for (item, wanted) in roles {
            let Item::Role { role_id } = item else { continue };
            let counted = self.patiently(|| members::count(session, &role_id)).await;
            let Ok(count) = counted else { return dear(users, left) };
            calls += 2 + count / PAGE as u64 + (wanted / ADDED) as u64;
            members.insert(role_id, HashSet::new());
        }
        if users.is_empty() || calls >= single {
            return dear(users, left);
        }
        let ours: HashSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        for (role, found) in &mut members {
            match self.members_among(role, &ours).await {
                Ok(all) => *found = all,
                Err(fault) if row_like(fault.class) || fault.class == FaultClass::Access => {
                    return dear(users, left);
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(Some(Window { users, members }))
    }

    async fn members_among(
        &self,
        role: &str,
        ours: &HashSet<&str>,
    ) -> Result<HashSet<String>, Fault> {
        let session = &self.tenant.session;
        let (mut found, mut from) = (HashSet::new(), None);
        loop {
            let page = self.patiently(|| members::page(session, role, from.as_deref())).await?;
            let ids = page.users.into_iter().map(|user| user.user_id);
            found.extend(ids.filter(|id| ours.contains(id.as_str())));
            if page.next.is_none() {
                return Ok(found);
            }
            from = page.next;
        }
    }

    /// What each user held of what it is to get; on disk when this returns.
    async fn images_of(&self, window: &Window) -> Result<HashMap<String, Image>, Fault> {
        let (mut images, mut last) = (HashMap::new(), None);
        for user in &window.users {
            let known = locked(&self.images).get(&user.id).cloned();
            let items = &user.wanted.items;
            let asked = |image: &Image| items.iter().all(|item| image.asked.contains(item));
            if let Some(image) = known.filter(asked) {
                images.insert(user.id.clone(), image);
                continue;
            }
            let held = items.iter().filter(|item| window.has(&user.id, item)).map(|item| Held {
                item: item.clone(),
                direct: true,
                roles: Vec::new(),
            });
            let image =
                Image { user_id: user.id.clone(), asked: items.clone(), held: held.collect() };
            let (durable, synced) = oneshot::channel();
            let entry = Entry::Image { line: image.line(), durable };
            self.entries.send(entry).await.map_err(|_| nobody_writes())?;
            // They are written in their order, so the last one speaks for all.
            last = Some(synced);
            images.insert(user.id.clone(), self.learned(image));
        }
        if let Some(synced) = last {
            synced.await.map_err(|_| nobody_writes())?;
        }
        Ok(images)
    }

    /// Assigns the roles. The users that have to be turned to one by one; nothing when access is
    /// refused.
    async fn assign(
        &self,
        window: &Window,
        images: &HashMap<String, Image>,
    ) -> Result<Option<HashSet<String>>, Fault> {
        let mut single = HashSet::new();
        for role in window.members.keys() {
            let lacking = window.lacking(role, images);
            let mut calls: Vec<BoxFuture<'_, Result<Vec<&str>, Fault>>> = Vec::new();
            for part in lacking.chunks(ADDED) {
                calls.push(self.add(role, part.to_vec()).boxed());
            }
            let mut adding = stream::iter(calls).buffer_unordered(AT_ONCE);
            while let Some(refused) = adding.next().await {
                match refused {
                    Ok(refused) => single.extend(refused.into_iter().map(str::to_owned)),
                    Err(fault) if fault.class == FaultClass::Access => return Ok(None),
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(Some(single))
    }

    /// Gives a role to some users. A call that is refused is halved until it is known for whom;
    /// these come back.
    async fn add<'a>(&self, role: &str, part: Vec<&'a str>) -> Result<Vec<&'a str>, Fault> {
        let session = &self.tenant.session;
        let (mut parts, mut refused, mut taken) = (vec![part], Vec::new(), false);
        while let Some(part) = parts.pop() {
            if !taken && refused.len() >= REFUSED_MAX {
                refused.extend(part);
                continue;
            }
            match self.patiently(|| members::add(session, role, &part)).await {
                Ok(()) => taken = true,
                Err(fault) if !row_like(fault.class) => return Err(fault),
                Err(_) if part.len() == 1 => refused.extend(part),
                Err(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second.to_vec(), first.to_vec()]);
                }
            }
        }
        Ok(refused)
    }

    /// With `--verify-after`: what a look after the change does not show.
    async fn proof(
        &self,
        window: &Window,
        images: &HashMap<String, Image>,
        single: &mut HashSet<String>,
    ) -> Result<HashSet<(String, Item)>, Fault> {
        let mut wrong = HashSet::new();
        if !self.job.work.verify_after {
            return Ok(wrong);
        }
        for role in window.members.keys() {
            let lacked: HashSet<&str> = window.lacking(role, images).into_iter().collect();
            let now = self.members_among(role, &lacked).await?;
            let missing = lacked.into_iter().filter(|id| !now.contains(*id));
            let item = Item::Role { role_id: role.clone() };
            wrong.extend(missing.map(|id| (id.to_owned(), item.clone())));
        }
        wrong.retain(|(id, _)| !single.contains(id));
        Ok(wrong)
    }

    /// Asks until there is an answer that is one.
    async fn patiently<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, Fault> {
        let mut pause = PAUSE_MIN;
        loop {
            match ask().await {
                Ok(answer) => {
                    self.lives();
                    return Ok(answer);
                }
                Err(fault) if passes(fault.class) => self.bear(fault, &mut pause).await?,
                Err(fault) => return Err(fault),
            }
        }
    }
}

impl Window {
    fn has(&self, user: &str, item: &Item) -> bool {
        let Item::Role { role_id } = item else { return false };
        self.members.get(role_id).is_some_and(|members| members.contains(user))
    }

    /// The users who are to get a role and do not have it.
    fn lacking(&self, role: &str, images: &HashMap<String, Image>) -> Vec<&str> {
        let item = Item::Role { role_id: role.to_owned() };
        let of_role = self.users.iter().filter(|user| user.wanted.items.contains(&item));
        // One of an earlier process is looked up by what there is now.
        let lacks = |user: &&User| images.contains_key(&user.id) && !self.has(&user.id, &item);
        of_role.filter(lacks).map(|user| user.id.as_str()).collect()
    }
}

/// The roles that enough users are to get, with their numbers of users.
fn worthwhile(users: &[User]) -> HashMap<Item, usize> {
    let mut roles: HashMap<Item, usize> = HashMap::new();
    for item in users.iter().flat_map(|user| &user.wanted.items) {
        *roles.entry(item.clone()).or_default() += 1;
    }
    roles.retain(|_, count| *count >= FEW);
    roles
}

/// Faults that may be those of one user.
fn row_like(class: FaultClass) -> bool {
    matches!(class, FaultClass::Gone | FaultClass::Refused | FaultClass::State)
}
