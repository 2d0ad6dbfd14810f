//! The calls of one job: for each user a look at what it holds, and one call with all that is to
//! change; or for many users at once, where there is such a call.

mod by_role;
mod queue;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::queue::{Next, Queue};
use super::body::{Group, Rows, Who};
use super::jobs::Job;
use super::journal::{self, Entries, Entry, Found, Image, Journal, Paths};
use super::names::NoSuch;
use super::session::BAD_SEGMENT;
use super::users::{self, CALL_ITEMS, Held, Holdings, Item, Kind};
use super::{Names, Tenant};
use crate::model::cells::push_line;
use crate::model::operation::Operation;
use crate::target::own_jobs::disk;
use crate::target::{Fault, FaultClass};

/// Users at a time; the limiter decides how many of their calls are in flight.
const AT_ONCE: usize = 64;

/// How long nothing may succeed before the job gives up in this process.
const PATIENCE: Duration = Duration::from_mins(15);

/// Between two tries of one user.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Between two looks at whether an e-mail was looked up.
const LOOKUP: Duration = Duration::from_millis(50);

/// Users named in a message.
const NAMED: usize = 3;

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Good(String),
    Bad(NoSuch),
}

/// What one user's call needs to know.
struct Wanted {
    /// For each row of the group the item that it names, or why there is none.
    rows: Vec<Result<Item, NoSuch>>,
    /// Each item once.
    items: Vec<Item>,
}

/// One job under way.
pub(super) struct Calls {
    tenant: Arc<Tenant>,
    job: Arc<Job>,
    rows: Rows,
    entries: Entries,
    /// Users that nobody has turned to yet.
    queue: Mutex<Queue>,
    /// What users held before this job, an earlier process's part included; kept until a user's
    /// rows are done.
    images: Mutex<HashMap<String, Image>>,
    /// When something succeeded last.
    alive: Mutex<Instant>,
}

/// Carries out what the result files do not hold yet.
///
/// `Err` leaves the job where it is, to be gone on with by another process.
pub(super) async fn carry_out(
    tenant: Arc<Tenant>,
    job: Arc<Job>,
    body: &Path,
) -> Result<(), Fault> {
    let Opened { rows, journal, found, groups } = open(body, job.work.kind).await?;
    let done = found.done.iter().filter(|done| **done).count() as u64;
    job.count(done, found.failed);
    if groups.is_empty() {
        return Ok(());
    }
    let (entries, written) = journal::entries();
    let counted = Arc::clone(&job);
    let writing = journal.keep(written, move |written| counted.count(written.rows, written.failed));
    let hands = groups.len().min(AT_ONCE);
    let (queue, images) = (Mutex::default(), Mutex::new(found.images));
    let by_email = groups.iter().filter(|group| matches!(group.who, Who::Email(_))).count();
    job.work.begun(rows.len() as u64, groups.len() as u64, by_email as u64);
    let alive = Mutex::new(Instant::now());
    let calls = Arc::new(Calls { tenant, job, rows, entries, queue, images, alive });
    let calling = async move {
        let left = calls.by_role(groups).await?;
        *locked(&calls.queue) = Queue::new(left);
        let mut working = JoinSet::new();
        for _ in 0..hands {
            working.spawn(Arc::clone(&calls).work());
        }
        // The writing ends when the last of them is gone.
        drop(calls);
        while let Some(done) = working.join_next().await {
            done.unwrap_or_else(|_| Err(broken_down()))?;
        }
        Ok(())
    };
    let (called, written) = tokio::join!(calling, writing);
    // What the disk said explains more than that nobody took the results.
    written.and(called)
}

/// A chunk with what became of it so far.
struct Opened {
    rows: Rows,
    journal: Journal,
    found: Found,
    groups: Vec<Group>,
}

async fn open(body: &Path, kind: Kind) -> Result<Opened, Fault> {
    let path = body.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let rows = Rows::read(&path, kind)?;
        let (journal, found) = Journal::open(Paths::of(&path), &rows.header, rows.len())?;
        let groups = rows.groups(&found.done);
        Ok(Opened { rows, journal, found, groups })
    });
    let opened = opened.await.map_err(io::Error::other).flatten();
    opened.map_err(|error| disk(body, &error))
}

impl Calls {
    /// Turns to one user after the other.
    async fn work(self: Arc<Self>) -> Result<(), Fault> {
        loop {
            let next = locked(&self.queue).next();
            match next {
                Next::Group(group) => self.user(group).await?,
                // It may turn out to be one whom an e-mail means that is being looked up.
                Next::Later => tokio::time::sleep(LOOKUP).await,
                Next::Nothing => return Ok(()),
            }
        }
    }

    /// All rows of one user, to their lines in the result files.
    async fn user(&self, mut group: Group) -> Result<(), Fault> {
        let mut pause = PAUSE_MIN;
        let (user, verdicts) = loop {
            match self.verdicts(&mut group).await {
                Ok(done) => break done,
                Err(fault) => self.bear(fault, &mut pause).await?,
            }
        };
        self.lives();
        self.written(group, &user, verdicts).await
    }

    /// A call for these rows was made.
    fn called(&self, group: &mut Group) {
        group.calls += 1;
        self.job.work.called();
    }

    /// Something succeeded.
    fn lives(&self) {
        *locked(&self.alive) = Instant::now();
    }

    /// Hands the lines of a user's rows to the result files.
    async fn written(&self, group: Group, user: &str, verdicts: Vec<Verdict>) -> Result<(), Fault> {
        let (mut successful, mut failed, mut failed_count) = (Vec::new(), Vec::new(), 0);
        for (at, verdict) in group.rows.iter().zip(verdicts) {
            let (record, position) = (self.rows.row(*at), at.to_string());
            let line = |out: &mut Vec<u8>, said: &str| {
                let own = [user.as_bytes(), said.as_bytes()];
                let cells = own.into_iter().chain(record.iter()).chain([position.as_bytes()]);
                push_line(out, cells);
            };
            match verdict {
                Verdict::Good(said) => line(&mut successful, &said),
                Verdict::Bad((code, message)) => {
                    line(&mut failed, &format!("{code}:{message}:--"));
                    failed_count += 1;
                }
            }
        }
        locked(&self.images).remove(user);
        self.job.work.user_done(group.calls);
        let count = group.rows.len() as u64;
        let entry = Entry::Rows { successful, failed, count, failed_count };
        self.entries.send(entry).await.map_err(|_| nobody_writes())
    }

    /// The id of the user, where there is one, and what became of each row of the group.
    async fn verdicts(&self, group: &mut Group) -> Result<(String, Vec<Verdict>), Fault> {
        let names = self.tenant.names(self.job.work.kind).await?;
        let whom = self.whom(&group.who).await?;
        if matches!(group.who, Who::Email(_)) {
            self.called(group);
            self.looked_up(group, whom.as_deref().ok());
        }
        let wanted = self.wanted(group, names);
        match whom {
            Ok(user) => {
                let verdicts = self.one(group, &user, &wanted, names).await?;
                Ok((user, verdicts))
            }
            Err(nobody) => Ok((String::new(), vec![Verdict::Bad(nobody); group.rows.len()])),
        }
    }

    /// Whom an e-mail means is known, so rows with the id of the same user are done with it.
    fn looked_up(&self, group: &mut Group, user: Option<&str>) {
        if let Some(same) = locked(&self.queue).looked_up(user) {
            group.rows.extend(same.rows);
            self.job.work.user_merged();
        }
        if let Some(user) = user {
            group.who = Who::Id(user.to_owned());
        }
    }

    /// What the rows of a group name.
    fn wanted(&self, group: &Group, names: &Names) -> Wanted {
        let named = group.rows.iter().map(|at| {
            let (first, second) = self.rows.names(&self.rows.row(*at));
            names.item(&first, &second)
        });
        Wanted::of(named.collect())
    }

    /// The id of the user, or why there is none.
    async fn whom(&self, who: &Who) -> Result<Result<String, NoSuch>, Fault> {
        let email = match who {
            Who::Id(id) => return Ok(Ok(id.clone())),
            Who::Nobody => {
                let what = "the row has neither `user_id` nor `email`".to_owned();
                return Ok(Err(("user_missing", what)));
            }
            Who::Email(email) => email,
        };
        let found = users::by_email(&self.tenant.session, email).await?;
        Ok(match found.as_slice() {
            [] => {
                let what = format!("no user has the e-mail `{email}`");
                let near = self.tenant.near(email).await;
                let near = near.iter().map(|near| format!("`{near}`")).collect::<Vec<_>>();
                Err((
                    "user_not_found",
                    match near.as_slice() {
                        [] => what,
                        near => format!("{what}; nearest: {}", near.join(", ")),
                    },
                ))
            }
            [user] => Ok(user.user_id.clone()),
            several => {
                let ids = several.iter().take(NAMED).map(|user| format!("`{}`", user.user_id));
                let ids = ids.collect::<Vec<_>>().join(" and ");
                let count = several.len();
                let what =
                    format!("{count} users have the e-mail `{email}`; give one of the ids {ids}");
                Err(("user_ambiguous", what))
            }
        })
    }

    /// Looks at what a user holds, keeps that, and changes it.
    async fn one(
        &self,
        group: &mut Group,
        user: &str,
        wanted: &Wanted,
        names: &Names,
    ) -> Result<Vec<Verdict>, Fault> {
        if wanted.items.is_empty() {
            return Ok(wanted.verdicts(|_| Verdict::Good(String::new())));
        }
        let held = match users::holdings(&self.tenant.session, self.job.work.kind, user).await {
            Ok(held) => held,
            Err(fault) => return wanted.refused(&no_user(user, fault)?),
        };
        self.called(group);
        let image = self.image(user, wanted, &held).await?;
        let adds = self.job.work.operation == Operation::Insert;
        let mut left: Vec<&Item> = wanted.items.iter().collect();
        left.retain(|item| match held.find(item) {
            Some(held) => held.direct != adds,
            None => adds || !held.whole,
        });
        let mut refused = self.change(user, &left).await?;
        left.chunks(CALL_ITEMS).for_each(|_| self.called(group));
        if self.job.work.verify_after && !left.is_empty() {
            let now = users::holdings(&self.tenant.session, self.job.work.kind, user).await?;
            self.called(group);
            let wrong = left.into_iter().filter(|item| !stands(adds, &now, item));
            for item in wrong {
                refused.entry(item.clone()).or_insert_with(|| not_so(adds));
            }
        }
        let verdict = |item: &Item| match refused.get(item) {
            Some(refusal) => Verdict::Bad(refusal.clone()),
            None => Verdict::Good(said(adds, item, &image, &held, names)),
        };
        Ok(wanted.verdicts(verdict))
    }

    /// What the user held before this job touched it; on disk before anything is changed.
    async fn image(&self, user: &str, wanted: &Wanted, held: &Holdings) -> Result<Image, Fault> {
        let known = locked(&self.images).get(user).cloned();
        if let Some(image) = known {
            // Rows of one user may stand in two groups, one by id and one by e-mail.
            if wanted.items.iter().all(|item| image.asked.contains(item)) {
                return Ok(image);
            }
        }
        let of_ours = held.held.iter().filter(|held| wanted.items.contains(&held.item));
        let image = Image {
            user_id: user.to_owned(),
            asked: wanted.items.clone(),
            held: of_ours.cloned().collect(),
        };
        let (durable, synced) = oneshot::channel();
        let entry = Entry::Image { line: image.line(), durable };
        self.entries.send(entry).await.map_err(|_| nobody_writes())?;
        synced.await.map_err(|_| nobody_writes())?;
        Ok(self.learned(image))
    }

    /// An image with what is known of the same user from before.
    fn learned(&self, image: Image) -> Image {
        journal::learn(&mut locked(&self.images), image).clone()
    }

    /// Changes what the user holds; the items that the tenant refused, and why.
    ///
    /// Whether a refused call has changed anything is not told, so its items go out one by one.
    async fn change(&self, user: &str, items: &[&Item]) -> Result<HashMap<Item, NoSuch>, Fault> {
        let mut refused = HashMap::new();
        for part in items.chunks(CALL_ITEMS) {
            let part: Vec<Item> = part.iter().map(|item| (*item).clone()).collect();
            match self.call(user, &part).await {
                Ok(()) => {}
                Err(fault) if passes(fault.class) || part.len() == 1 => {
                    let refusal = row_refusal(fault)?;
                    refused.insert(part[0].clone(), refusal);
                }
                Err(_) => {
                    for item in part {
                        if let Err(fault) = self.call(user, std::slice::from_ref(&item)).await {
                            refused.insert(item, row_refusal(fault)?);
                        }
                    }
                }
            }
        }
        Ok(refused)
    }

    async fn call(&self, user: &str, items: &[Item]) -> Result<(), Fault> {
        let (operation, kind) = (self.job.work.operation, self.job.work.kind);
        users::change(&self.tenant.session, operation, kind, user, items).await
    }

    /// Waits before another try, unless the fault does not pass or nothing has succeeded for long.
    async fn bear(&self, fault: Fault, pause: &mut Duration) -> Result<(), Fault> {
        if !passes(fault.class) {
            return Err(fault);
        }
        let alive = *locked(&self.alive);
        if alive.elapsed() >= PATIENCE {
            return Err(worn_out(fault));
        }
        self.tenant.session.client().tell(&fault.message, *pause);
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

impl Wanted {
    fn of(rows: Vec<Result<Item, NoSuch>>) -> Self {
        let mut items: Vec<Item> = rows.iter().flatten().cloned().collect();
        items.sort();
        items.dedup();
        Self { rows, items }
    }

    fn verdicts(&self, of: impl Fn(&Item) -> Verdict) -> Vec<Verdict> {
        let verdict = |row: &Result<Item, NoSuch>| match row {
            Ok(item) => of(item),
            Err(no_such) => Verdict::Bad(no_such.clone()),
        };
        self.rows.iter().map(verdict).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends a function that may fail")]
    fn refused(&self, refusal: &NoSuch) -> Result<Vec<Verdict>, Fault> {
        Ok(self.verdicts(|_| Verdict::Bad(refusal.clone())))
    }
}

/// What a row is told: `removed` or `absent`, `added` or `unchanged`, and what a role gives anyway.
fn said(adds: bool, item: &Item, image: &Image, now: &Holdings, names: &Names) -> String {
    let asked_before = image.asked.contains(item);
    let before = image.held.iter().find(|held| held.item == *item);
    let held = |held: Option<&Held>| held.is_some_and(|held| held.direct);
    // The image is older than the look, where an earlier try of ours stands between them.
    let was_held = held(if asked_before { before } else { now.find(item) });
    let word = match (adds, was_held) {
        (true, false) => "added",
        (true, true) => "unchanged",
        (false, true) => "removed",
        (false, false) if !now.whole && now.find(item).is_none() => "removed",
        (false, false) => "absent",
    };
    let roles = now.find(item).or(before).map(|held| held.roles.as_slice()).unwrap_or_default();
    if adds || roles.is_empty() {
        return word.to_owned();
    }
    let plural = if roles.len() == 1 { "role" } else { "roles" };
    let roles: Vec<_> = roles.iter().map(|role| names.role_name(role)).collect();
    format!("{word}; still effective through {plural} {}", roles.join(", "))
}

/// Whether a look after the change shows what was asked for.
fn stands(adds: bool, now: &Holdings, item: &Item) -> bool {
    match now.find(item) {
        Some(held) => held.direct == adds,
        // What lies behind the last page is not known to be wrong.
        None => !adds || !now.whole,
    }
}

fn not_so(adds: bool) -> NoSuch {
    if adds {
        (
            "not_held",
            "the tenant acknowledged it, and a look afterwards does not show it".to_owned(),
        )
    } else {
        (
            "still_held",
            "the tenant acknowledged it, and a look afterwards shows it still".to_owned(),
        )
    }
}

/// Faults after which the same call may succeed.
fn passes(class: FaultClass) -> bool {
    matches!(class, FaultClass::Unavailable | FaultClass::Protocol)
}

/// A refusal of the user itself; any other fault is the job's.
fn no_user(user: &str, fault: Fault) -> Result<NoSuch, Fault> {
    let shown = crate::model::wording::shown(user.as_bytes());
    match (fault.class, fault.code.as_str()) {
        (FaultClass::Gone, _) => Ok(("user_not_found", format!("there is no user `{shown}`"))),
        (FaultClass::Refused, BAD_SEGMENT | "invalid_uri") => {
            Ok(("user_id_invalid", format!("`{shown}` is no user id")))
        }
        _ => row_refusal(fault),
    }
}

/// A refusal that says something of a row; any other fault is the job's.
fn row_refusal(fault: Fault) -> Result<NoSuch, Fault> {
    let code = match (fault.class, fault.code.as_str()) {
        (_, "inexistent_user") => "user_not_found",
        (_, "inexistent_resource_server_permission") => "permission_not_found",
        (_, "inexistent_resource_server") => "api_not_found",
        (FaultClass::Gone, _) => "not_found",
        (FaultClass::Refused | FaultClass::State, _) => "refused_by_tenant",
        _ => return Err(fault),
    };
    Ok((code, fault.message))
}

fn worn_out(fault: Fault) -> Fault {
    let minutes = PATIENCE.as_secs() / 60;
    Fault {
        class: FaultClass::Limit,
        message: format!("nothing has succeeded for {minutes} minutes: {}", fault.message),
        hints: vec!["`longshore resume` goes on; no user is called twice without need".to_owned()],
        ..fault
    }
}

fn nobody_writes() -> Fault {
    disk(Path::new("sent"), &io::Error::other("writing has stopped"))
}

fn broken_down() -> Fault {
    Fault {
        class: FaultClass::Disk,
        status: None,
        code: "BROKEN_DOWN".to_owned(),
        message: "a task of the calls broke down; this is a fault of longshore".to_owned(),
        hints: Vec::new(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Names {
    fn item(&self, first: &str, second: &str) -> Result<Item, NoSuch> {
        match self {
            Self::Permissions(apis) => {
                apis.check(first, second)?;
                Ok(Item::Permission {
                    resource_server_identifier: first.to_owned(),
                    permission_name: second.to_owned(),
                })
            }
            Self::Roles(roles) => Ok(Item::Role { role_id: roles.id_of(first)? }),
        }
    }

    pub(super) fn role_name<'a>(&'a self, role: &'a str) -> &'a str {
        match self {
            Self::Roles(roles) => roles.by_id.get(role).map_or(role, String::as_str),
            Self::Permissions(_) => role,
        }
    }
}

impl Tenant {
    /// The names that rows of this kind may use; fetched once.
    async fn names(&self, kind: Kind) -> Result<&Names, Fault> {
        match kind {
            Kind::Permission => self.apis().await,
            Kind::Role => self.roles().await,
        }
    }
}
