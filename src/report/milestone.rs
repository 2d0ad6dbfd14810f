//! The events that are worth a line of their own, whatever the screen.

use std::path::Path;
use std::time::Duration;

use super::figures::{escape, path, time};
use crate::model::schema::OrgFacts;
use crate::pipeline::event::Event;

/// The line or lines for `event`, without the last line end; `None` for mere progress.
///
/// Paths are shown as seen from `base`, foreign text is escaped.
pub fn words(event: &Event, base: &Path) -> Option<String> {
    match event {
        Event::Started { run, run_dir, operation, object, org, alias, input } => Some(format!(
            "{operation} {object} with {}\norg {}\nrun {run} in {}",
            path(Path::new(input), base),
            org_words(org, alias),
            path(run_dir, base),
        )),
        Event::Notice { message } => Some(format!("notice: {}", escape(message))),
        Event::JobEnded { job, state, message: Some(message), .. } => {
            Some(format!("job {job} ended as {}: {}", escape(state), escape(message)))
        }
        Event::Waiting { reason, seconds } => {
            let length = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
            Some(format!("waiting {}: {}", time(length), escape(reason)))
        }
        _ => None,
    }
}

/// `` `practice` (Practice Org, 00D…, sandbox) as `admin@practice.example` ``.
fn org_words(org: &OrgFacts, alias: &str) -> String {
    let kind = match org.sandbox {
        Some(true) => ", sandbox",
        Some(false) => ", production",
        None => "",
    };
    let (name, id) = (escape(&org.name), escape(&org.id));
    format!("`{}` ({name}, {id}{kind}) as `{}`", escape(alias), escape(&org.username))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::ids::RunId;
    use crate::model::names::ObjectName;
    use crate::model::operation::Operation;
    use crate::report::tests::folded;

    /// A run that has just begun.
    pub(crate) fn started() -> Event {
        Event::Started {
            run: RunId::new(jiff::Timestamp::UNIX_EPOCH, 7).to_string(),
            run_dir: "/srv/ada/longshore-runs/19700101-000000-haaa".into(),
            operation: Operation::Insert,
            object: ObjectName::parse("PermissionSetAssignment").unwrap(),
            org: OrgFacts {
                id: "00D000000000001EAA".to_owned(),
                name: "Practice Org".to_owned(),
                user_id: "005000000000001AAA".to_owned(),
                username: "admin@practice.example".to_owned(),
                sandbox: Some(true),
                origin: "http://localhost".to_owned(),
            },
            alias: "practice".to_owned(),
            input: "assignments.csv".to_owned(),
        }
    }

    #[test]
    fn the_first_lines_say_what_where_and_as_whom() {
        insta::assert_snapshot!(folded(&words(&started(), Path::new("/srv/ada")).unwrap()), @"
        insert PermissionSetAssignment with assignments.csv
        org `practice` (Practice Org, 00D000000000001EAA, sandbox) as
            ~ `admin@practice.example`
        run 19700101-000000-haaa in longshore-runs/19700101-000000-haaa
        ");
    }

    #[test]
    fn foreign_text_is_escaped() {
        let notice = Event::Notice { message: "x\x1b[31m".to_owned() };
        assert_eq!(words(&notice, Path::new("/")).unwrap(), r"notice: x\u{1b}[31m");
    }

    #[test]
    fn columns_that_are_not_sent_are_told_once_by_the_notices_that_say_why() {
        let not_sent = vec!["Name".to_owned()];
        let mapped = Event::Mapped { sent: Vec::new(), not_sent };
        assert_eq!(words(&mapped, Path::new("/")), None);
    }
}
