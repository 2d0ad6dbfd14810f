//! The order of the steps: which of them are carried out, and which may begin now. Pure.

use std::collections::BTreeSet;

use crate::config::runbook::Step;
use crate::model::failure::{Blame, Failure};

/// Which part of a runbook is carried out; all of it when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// These and no others.
    pub only: Vec<String>,
    /// This one and those after it, in the order in which they are shown.
    pub from: Option<String>,
    /// Those up to this one.
    pub until: Option<String>,
}

/// The places of all steps in an order in which each stands behind those that it depends on; of
/// those that may stand next, the first of the file does.
pub fn order(steps: &[Step]) -> Vec<usize> {
    let mut ordered: Vec<usize> = Vec::with_capacity(steps.len());
    let mut placed = BTreeSet::new();
    let is_free = |step: &Step, placed: &BTreeSet<&str>| {
        step.depends_on.iter().all(|id| placed.contains(id.as_str()))
    };
    while let Some((place, step)) = steps
        .iter()
        .enumerate()
        .find(|(_, step)| !placed.contains(step.id.as_str()) && is_free(step, &placed))
    {
        placed.insert(step.id.as_str());
        ordered.push(place);
    }
    ordered
}

/// The steps that are carried out, in their order.
pub fn select(steps: &[Step], part: &Part) -> Result<Vec<usize>, Failure> {
    let ordered = order(steps);
    let place = |flag: &str, id: &str| {
        let found = ordered.iter().position(|place| steps[*place].id == id);
        found.ok_or_else(|| unknown_step(flag, id, steps))
    };
    let first = part.from.as_deref().map_or(Ok(0), |id| place("--from", id))?;
    let last = part.until.as_deref();
    let last = last.map_or(Ok(ordered.len()), |id| place("--until", id).map(|last| last + 1))?;
    let only: Vec<usize> =
        part.only.iter().map(|id| place("--only", id)).collect::<Result<_, _>>()?;
    let selected: Vec<usize> = (first..last)
        .filter(|at| part.only.is_empty() || only.contains(at))
        .map(|at| ordered[at])
        .collect();
    if selected.is_empty() {
        let message = "`--from`, `--until` and `--only` together leave no step";
        return Err(Failure::new(Blame::Request, message)
            .hint("`longshore plan RUNBOOK` shows the steps in their order"));
    }
    Ok(selected)
}

/// A step is named that the runbook does not have.
pub fn unknown_step(flag: &str, id: &str, steps: &[Step]) -> Failure {
    let ids: Vec<String> = steps.iter().map(|step| format!("`{}`", step.id)).collect();
    let id = id.escape_debug();
    Failure::new(Blame::Request, format!("`{flag}`: the runbook has no step `{id}`"))
        .hint(format!("its steps are {}", ids.join(", ")))
}

/// Where a step stands in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not begun.
    Idle,
    Running,
    /// It succeeded, now or before, or it was left out on purpose.
    Good,
    /// It came to another end; what depends on it does not begin.
    Bad,
}

/// The steps of a run, and who waits for whom.
#[derive(Debug)]
pub struct Board {
    /// In the order in which they are shown; each with the places of those that it waits for.
    steps: Vec<(Standing, Vec<usize>)>,
}

impl Board {
    /// The steps in their order; `good` says which are done or left out.
    pub fn of(steps: &[&Step], good: impl Fn(&Step) -> bool) -> Self {
        let place = |id: &String| steps.iter().position(|step| step.id == *id);
        let one = |step: &&Step| {
            let standing = if good(step) { Standing::Good } else { Standing::Idle };
            (standing, step.depends_on.iter().filter_map(place).collect())
        };
        Self { steps: steps.iter().map(one).collect() }
    }

    /// The first step that may begin now.
    pub fn next(&self) -> Option<usize> {
        let is_good = |place: &usize| self.steps[*place].0 == Standing::Good;
        self.steps.iter().position(|(standing, waits_for)| {
            *standing == Standing::Idle && waits_for.iter().all(is_good)
        })
    }

    pub fn set(&mut self, place: usize, standing: Standing) {
        self.steps[place].0 = standing;
    }
}

/// The first step that a step depends on, directly or not, that is among `bad`.
pub fn held_up_by<'a>(
    step: &Step,
    steps: &'a [Step],
    bad: &dyn Fn(&Step) -> bool,
) -> Option<&'a Step> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = step.depends_on.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        let Some(found) = steps.iter().find(|step| step.id == id) else { continue };
        if bad(found) {
            return Some(found);
        }
        if seen.insert(id) {
            open.extend(found.depends_on.iter().map(String::as_str));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::tests::step;

    /// `a`; `b` after `c`; `c` after `a`; `d` by itself.
    fn steps() -> Vec<Step> {
        [("a", &[][..]), ("b", &["c"]), ("c", &["a"]), ("d", &[])]
            .map(|(id, after)| step(id, after))
            .into()
    }

    fn ids(steps: &[Step], places: &[usize]) -> String {
        places.iter().map(|place| steps[*place].id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_step_stands_behind_those_it_depends_on() {
        let steps = steps();
        assert_eq!(ids(&steps, &order(&steps)), "a c b d");
    }

    #[test]
    fn a_part_of_the_steps() {
        let steps = steps();
        let part = |only: &[&str], from: Option<&str>, until: Option<&str>| {
            let only = only.iter().map(|id| (*id).to_owned()).collect();
            let part =
                Part { only, from: from.map(str::to_owned), until: until.map(str::to_owned) };
            match select(&steps, &part) {
                Ok(places) => ids(&steps, &places),
                Err(failure) => format!("{}; {}", failure.message, failure.hints.join("; ")),
            }
        };
        for (only, from, until, wanted) in [
            (&[][..], None, None, "a c b d"),
            (&["d", "a"], None, None, "a d"),
            (&[], Some("c"), None, "c b d"),
            (&[], None, Some("c"), "a c"),
            (&[], Some("c"), Some("b"), "c b"),
            (&["a", "b"], Some("c"), None, "b"),
        ] {
            assert_eq!(part(only, from, until), wanted, "{only:?} {from:?} {until:?}");
        }
        insta::assert_snapshot!(part(&[], Some("b"), Some("a")), @"`--from`, `--until` and `--only` together leave no step; `longshore plan RUNBOOK` shows the steps in their order");
        insta::assert_snapshot!(part(&["x"], None, None), @"`--only`: the runbook has no step `x`; its steps are `a`, `b`, `c`, `d`");
    }

    /// Steps that begin and end one after the other, with those that fail.
    #[test]
    fn dependents_of_a_bad_step_do_not_begin_and_others_do() {
        let steps = steps();
        let ordered: Vec<&Step> = order(&steps).into_iter().map(|place| &steps[place]).collect();
        for (good, fails, wanted) in [
            ("", "", "a c b d"),
            ("", "a", "a d"),
            ("", "c", "a c d"),
            ("a", "", "c b d"),
            ("ac", "b", "b d"),
        ] {
            let mut board = Board::of(&ordered, |step| good.contains(&step.id));
            let mut begun = Vec::new();
            while let Some(place) = board.next() {
                let id = ordered[place].id.as_str();
                begun.push(id);
                let bad = fails.contains(id);
                board.set(place, if bad { Standing::Bad } else { Standing::Good });
            }
            assert_eq!(begun.join(" "), wanted, "{good:?} {fails:?}");
        }
        let mut board = Board::of(&ordered, |_| false);
        board.set(0, Standing::Running);
        assert_eq!(board.next(), Some(3), "side by side");
    }

    #[test]
    fn who_holds_a_step_up() {
        let steps = steps();
        for (id, bad, wanted) in [("b", "a", Some("a")), ("b", "c", Some("c")), ("d", "ac", None)] {
            let step = steps.iter().find(|step| step.id == id).unwrap();
            let found = held_up_by(step, &steps, &|step| bad.contains(&step.id));
            assert_eq!(found.map(|step| step.id.as_str()), wanted, "{id} {bad}");
        }
    }
}
