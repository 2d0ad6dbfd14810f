//! Guards: what must hold, and what a person must confirm, before a load changes an org.
//!
//! The order: the policy of the project, which nothing but a change of `longshore.toml` lets pass;
//! then what a person must type for a production org. Both come before anything is sent.
//!
//! Which org is production is read from the org (`Organization.IsSandbox`) and never from a name
//! or an address. An org that does not say counts as production, unless it is on this machine.

use std::fmt;

use super::assent::{Assent, Word};
use super::event::{Event, Watch};
use super::intake::Window;
use super::manifest::{input_name, same_reading, shown};
use super::read;
use super::run::{Parts, Tools};
use super::threads::on_thread;
use crate::config::plan::{LoadPlan, Source};
use crate::config::policy::{MaxFailed, Policy, Share};
use crate::config::project::FILE_NAME;
use crate::ledger::{Confirmed, Manifest};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::OrgFacts;
use crate::model::verdict::Counts;
use crate::target::Target;

/// What the guards of a run go by.
#[derive(Debug, Clone, Default)]
pub struct Guards {
    pub policy: Policy,
    /// `--max-failed` as it was given now; it outranks the policy and what the run began with.
    pub max_failed: Option<MaxFailed>,
    /// The plan that the load carries out, when it was reviewed before.
    pub reviewed: Option<Reviewed>,
}

/// A plan that somebody has reviewed.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// Digest of the input that the plan is for.
    pub input: Digest,
    /// Digest of the plan itself.
    pub plan: String,
}

/// Something that is about to be done to an org, as a person needs to be told.
#[derive(Debug, Clone)]
pub struct Deed<'a> {
    pub operation: Operation,
    pub object: &'a str,
    pub org: &'a OrgFacts,
    /// Rows of the input that the load takes; `None` where they are not counted.
    pub rows: Option<u64>,
}

impl fmt::Display for Deed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, object, org, rows } = self;
        write!(f, "{operation} of ")?;
        match rows {
            Some(1) => f.write_str("1 row")?,
            Some(rows) => write!(f, "{rows} rows")?,
            None => f.write_str("rows")?,
        }
        let kind = if is_production(org) { "production org" } else { "org" };
        write!(f, " of `{object}` in the {kind} {}", Named(org))
    }
}

/// `` `Acme` (`00D…`) as `ada@acme.example` ``, with what the org does not tell left out.
struct Named<'a>(&'a OrgFacts);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OrgFacts { id, name, username, origin, .. } = self.0;
        let (name, id) = (visible(name), visible(id));
        match (self.0.name.is_empty(), self.0.id.is_empty()) {
            (false, _) if self.0.name == self.0.id => write!(f, "`{name}`")?,
            (false, false) => write!(f, "`{name}` (`{id}`)")?,
            (false, true) => write!(f, "`{name}`")?,
            (true, false) => write!(f, "`{id}`")?,
            (true, true) => write!(f, "at `{origin}`")?,
        }
        write!(f, " as `{}`", visible(username))
    }
}

/// Text of the org whole, as it must be typed, but for characters that steer a terminal.
fn visible(text: &str) -> String {
    let one = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

/// Whether an org counts as production: it says so, or it does not say and is not on this machine.
pub fn is_production(org: &OrgFacts) -> bool {
    match org.sandbox {
        Some(sandbox) => !sandbox,
        None => !is_on_this_machine(&org.origin),
    }
}

fn is_on_this_machine(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let name = host.strip_prefix('[').and_then(|host| host.split_once(']'));
    let name = name.map_or_else(|| host.split(':').next().unwrap_or_default(), |(name, _)| name);
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

/// Holds a new load against the policy and has it confirmed; tells what was confirmed.
///
/// `digest` is that of the input as it was a moment ago.
pub async fn check<T: Target>(
    plan: &LoadPlan,
    digest: Option<Digest>,
    org: &OrgFacts,
    target: &T,
    tools: &Tools,
) -> Result<Option<Confirmed>, Failure> {
    let policy = &tools.guards.policy;
    let mut deed =
        Deed { operation: plan.operation, object: plan.object.as_str(), org, rows: None };
    allowed(policy, &deed, tools.seed.started)?;
    let deletes = is_removal(plan.operation);
    let share = policy.max_delete_share.filter(|_| deletes);
    if is_production(org) || policy.max_rows.is_some() || share.is_some() {
        deed.rows = count(plan, digest).await?;
    }
    few_enough(policy, &deed, &plan.input.source)?;
    if let Some(share) = share {
        match target.count_records(&plan.object).await? {
            Some(records) => part_enough(share, records, &deed, &plan.input.source)?,
            None => tell_no_share(&*tools.watch, &plan.object),
        }
    }
    confirm(&deed, &plan.input.source, &*tools.assent)
}

/// Holds several loads, which are one change to a person, against the policy before the first of
/// them begins, and has them confirmed at once. The rows of each are known.
pub async fn check_all<T: Target>(
    deeds: &[Deed<'_>],
    target: &T,
    tools: &Tools,
) -> Result<Option<Confirmed>, Failure> {
    let policy = &tools.guards.policy;
    for deed in deeds {
        allowed(policy, deed, tools.seed.started)?;
        few_enough(policy, deed, &Source::Stdin)?;
        if let Some(share) = policy.max_delete_share.filter(|_| is_removal(deed.operation))
            && let Ok(object) = ObjectName::parse(deed.object)
        {
            match target.count_records(&object).await? {
                Some(records) => part_enough(share, records, deed, &Source::Stdin)?,
                None => tell_no_share(&*tools.watch, &object),
            }
        }
    }
    // What takes something away has more to be confirmed.
    let gravest = deeds.iter().find(|deed| is_removal(deed.operation)).or(deeds.first());
    gravest.map_or(Ok(None), |deed| confirm(deed, &Source::Stdin, &*tools.assent))
}

/// What the guards would say to a load that is only worked out.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// What the policy would refuse.
    pub refusals: Vec<String>,
    /// The flags that would confirm it, where it must be confirmed.
    pub to_confirm: Option<String>,
}

/// Asks the guards without asking anybody.
pub async fn foresee<T: Target>(
    plan: &LoadPlan,
    rows: u64,
    org: &OrgFacts,
    target: &T,
    tools: &Tools,
) -> Result<Foreseen, Failure> {
    let (policy, source) = (&tools.guards.policy, &plan.input.source);
    let (operation, object) = (plan.operation, plan.object.as_str());
    let deed = Deed { operation, object, org, rows: Some(rows) };
    let mut refusals = vec![
        allowed(policy, &deed, tools.seed.started).err(),
        few_enough(policy, &deed, source).err(),
    ];
    if let Some(share) = policy.max_delete_share.filter(|_| is_removal(operation))
        && let Some(records) = target.count_records(&plan.object).await?
    {
        refusals.push(part_enough(share, records, &deed, source).err());
    }
    Ok(Foreseen {
        refusals: refusals.into_iter().flatten().map(|refusal| refusal.message).collect(),
        to_confirm: is_production(org).then(|| flags_to_confirm(&deed)),
    })
}

/// Holds a run that another process began against the policy of now, before a new job is made.
///
/// The org was confirmed when the run began, and it is the same one: it is asked for again only
/// where nobody was asked then. How many rows there are was decided then, too.
pub(super) fn check_again<T>(
    parts: &Parts<T>,
    manifest: &Manifest,
    org: &OrgFacts,
) -> Result<Option<MaxFailed>, Failure> {
    let Parts { plan, tools, .. } = parts;
    let (operation, object) = (plan.operation, plan.object.as_str());
    let deed = Deed { operation, object, org, rows: None };
    allowed(&tools.guards.policy, &deed, tools.seed.started)?;
    if manifest.confirmed.is_none() && is_production(org) {
        confirm_org(&deed, &*tools.assent)?;
    }
    let limit = tools.guards.max_failed.or(plan.max_failed);
    let Some(doubt) = limit.and_then(|limit| too_many(limit, &deed, parts.earlier.counts())) else {
        return Ok(limit);
    };
    // Whoever has looked at the rows and goes on has said that they are not too many.
    tools.assent.to(ways_on(doubt, &shown(parts.folder.root())))?;
    let message = "`max_failed` does not stop this run any more, as somebody has agreed to";
    tools.watch.see(&Event::Notice { message: message.to_owned() });
    Ok(None)
}

/// Whether the operation takes something away that was there.
pub fn is_removal(operation: Operation) -> bool {
    matches!(operation, Operation::Delete | Operation::HardDelete)
}

/// The orgs and the hours that the policy allows.
fn allowed(policy: &Policy, deed: &Deed<'_>, now: jiff::Timestamp) -> Result<(), Failure> {
    if let Some(orgs) = &policy.allowed_orgs
        && !orgs.iter().any(|id| is_same_id(id, &deed.org.id))
    {
        let message = format!("{deed}: the org is not in `allowed_orgs` of `{FILE_NAME}`");
        return Err(Failure::new(Blame::Guard, message)
            .hint("sign in to another org, or add the id of this one"));
    }
    let windows = &policy.change_window;
    let is_closed = is_production(deed.org) && !windows.is_empty();
    if !is_closed || windows.iter().any(|window| window.is_open(now)) {
        return Ok(());
    }
    let told: Vec<String> = windows.iter().map(|window| format!("`{window}`")).collect();
    let there = windows.first().map(|window| window.there(now).strftime("%a %H:%M").to_string());
    let message = format!(
        "{deed}: it is {} there, and `change_window` of `{FILE_NAME}` is {}",
        there.unwrap_or_default(),
        told.join(" and ")
    );
    let opening = windows.iter().filter_map(|window| window.next_opening(now)).min();
    let failure = Failure::new(Blame::Guard, message);
    Err(match opening {
        Some(at) => failure.hint(format!("it opens on {}", at.strftime("%a %Y-%m-%d at %H:%M %Q"))),
        None => failure,
    })
}

/// `max_rows`.
fn few_enough(policy: &Policy, deed: &Deed<'_>, source: &Source) -> Result<(), Failure> {
    let Some(most) = policy.max_rows else { return Ok(()) };
    let rows = deed.rows.ok_or_else(|| uncounted(deed, source))?;
    if rows <= most {
        return Ok(());
    }
    let message = format!("{deed} is too much: `max_rows` of `{FILE_NAME}` is {most}");
    Err(Failure::new(Blame::Guard, message)
        .hint(format!("if so many rows are meant, raise `max_rows` in `{FILE_NAME}`"))
        .hint("`--skip` and `--limit` load a part of them"))
}

/// `max_delete_share`.
fn part_enough(
    share: Share,
    records: u64,
    deed: &Deed<'_>,
    source: &Source,
) -> Result<(), Failure> {
    let rows = deed.rows.ok_or_else(|| uncounted(deed, source))?;
    if !share.is_passed_by(rows, records) {
        return Ok(());
    }
    let message = format!(
        "{deed}: the object has {records} records, and `max_delete_share` of `{FILE_NAME}` is \
         {share}"
    );
    Err(Failure::new(Blame::Guard, message)
        .hint(format!("if so many shall go, raise `max_delete_share` in `{FILE_NAME}`")))
}

fn tell_no_share(watch: &dyn Watch, object: &ObjectName) {
    let message = format!(
        "`max_delete_share` of `{FILE_NAME}` does not hold here: this org does not count `{object}`"
    );
    watch.see(&Event::Notice { message });
}

/// Has a person confirm what is done to a production org.
fn confirm(
    deed: &Deed<'_>,
    source: &Source,
    assent: &dyn Assent,
) -> Result<Option<Confirmed>, Failure> {
    if !is_production(deed.org) {
        return Ok(None);
    }
    let rows = match (is_removal(deed.operation), deed.rows) {
        (false, _) => None,
        (true, Some(rows)) => Some(rows),
        (true, None) => return Err(uncounted(deed, source)),
    };
    confirm_org(deed, assent)?;
    if let Some(rows) = rows {
        let message = format!("{deed} needs the number of its rows to be confirmed");
        assent.typed(&Word::Rows(rows), ways_to_confirm(message, deed))?;
    }
    Ok(Some(Confirmed { org: deed.org.id.clone(), rows }))
}

/// Has a person confirm what several loads together do to production orgs: each by its name, and
/// once the number of rows that are taken away from them, where some are.
pub fn confirm_whole(
    what: &str,
    orgs: &[&OrgFacts],
    rows: Option<u64>,
    assent: &dyn Assent,
) -> Result<(), Failure> {
    let mut flags: Vec<String> = orgs.iter().map(|org| flags_for(org, None)).collect();
    flags.extend(rows.map(|rows| format!("--confirm-rows {rows}")));
    let hint = format!("`{}` confirms it; `--yes` does not", flags.join(" "));
    for org in orgs {
        let message = format!(
            "{what} in the production org {} needs the name of the org to be confirmed",
            Named(org)
        );
        let danger = Failure::new(Blame::Guard, message).hint(&hint);
        let OrgFacts { name, id, .. } = org;
        assent.typed(&Word::Org { name, id }, danger)?;
    }
    let Some(rows) = rows else { return Ok(()) };
    let message = format!(
        "{what} takes away up to {rows} rows in production, and their number needs to be confirmed"
    );
    assent.typed(&Word::Rows(rows), Failure::new(Blame::Guard, message).hint(&hint))
}

fn confirm_org(deed: &Deed<'_>, assent: &dyn Assent) -> Result<(), Failure> {
    let message = format!("{deed} needs the name of the org to be confirmed");
    let OrgFacts { name, id, .. } = deed.org;
    assent.typed(&Word::Org { name, id }, ways_to_confirm(message, deed))
}

/// The refusal, with the very flags that confirm it.
fn ways_to_confirm(message: String, deed: &Deed<'_>) -> Failure {
    let flags = flags_to_confirm(deed);
    Failure::new(Blame::Guard, message).hint(format!("`{flags}` confirms it; `--yes` does not"))
}

fn flags_to_confirm(deed: &Deed<'_>) -> String {
    flags_for(deed.org, deed.rows.filter(|_| is_removal(deed.operation)))
}

fn flags_for(org: &OrgFacts, rows: Option<u64>) -> String {
    let OrgFacts { name, id, .. } = org;
    let org = if name.is_empty() { id } else { name };
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let org = if org.chars().all(bare) && !org.is_empty() {
        org.clone()
    } else {
        format!("'{}'", visible(org).replace('\'', r"'\''"))
    };
    let rows = rows.map(|rows| format!(" --confirm-rows {rows}")).unwrap_or_default();
    format!("--confirm-org {org}{rows}")
}

fn uncounted(deed: &Deed<'_>, source: &Source) -> Failure {
    let input = input_name(source);
    let message = format!(
        "{deed} needs the number of its rows beforehand, and those of `{input}` cannot be counted"
    );
    Failure::new(Blame::Guard, message).hint("put the rows into a file")
}

/// The rows that a load takes: of the file, the header not counted, after `--skip` and `--limit`;
/// those that will be rejected count too. `None` for standard input, which is read but once.
async fn count(plan: &LoadPlan, digest: Option<Digest>) -> Result<Option<u64>, Failure> {
    if plan.input.source == Source::Stdin {
        return Ok(None);
    }
    let input = plan.input.clone();
    let window = Window { skip: plan.skip, limit: plan.limit };
    let counted = on_thread("counting", move || {
        let mut reader = read::open(&input)?;
        let mut rows = 0;
        while let Some(slab) = reader.next_slab()? {
            let (slab, ended) = window.cut(slab);
            rows += (slab.marks.len() + slab.rejected.len()) as u64;
            if ended {
                return Ok((rows, None));
            }
        }
        Ok((rows, Some(reader.digest())))
    });
    let (rows, seen) = counted.await?;
    same_reading(plan, digest, seen)?;
    Ok(Some(rows))
}

/// Stops a run that has too many rows in error.
#[derive(Debug, Clone)]
pub struct Brake {
    pub limit: MaxFailed,
    pub operation: Operation,
    pub object: String,
    pub org: OrgFacts,
    pub run: String,
}

impl Brake {
    /// Why no further job is started, when too many of the rows so far are in error.
    pub fn pull(&self, counts: Counts) -> Option<Failure> {
        let Self { limit, operation, object, org, run } = self;
        let deed = Deed { operation: *operation, object, org, rows: None };
        too_many(*limit, &deed, counts).map(|failure| ways_on(failure, run))
    }
}

fn too_many(limit: MaxFailed, deed: &Deed<'_>, counts: Counts) -> Option<Failure> {
    let known = counts.success + counts.error + counts.unprocessed + counts.unknown;
    limit.is_passed_by(counts.error, known).then(|| {
        let message = format!(
            "{deed}: {} of the {known} rows so far are in error, and `max_failed` is {limit}",
            counts.error
        );
        Failure::new(Blame::Guard, message)
    })
}

fn ways_on(failure: Failure, run: &str) -> Failure {
    failure
        .hint("`out/error.csv` of the run tells what is wrong with them; no further job is started")
        .hint(format!(
            "`longshore resume {run} --yes` sends the rest all the same, `--max-failed N` up to \
             another limit"
        ))
}

/// Ids of 15 and of 18 characters name the same org.
pub fn is_same_id(one: &str, other: &str) -> bool {
    let short = |id: &str| id.len() == 18 && id.is_ascii() && id.starts_with("00D");
    let bare = |id: &str| if short(id) { id[..15].to_owned() } else { id.to_owned() };
    !other.is_empty() && bare(one) == bare(other)
}

#[cfg(test)]
mod tests;
