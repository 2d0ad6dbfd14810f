//! Jobs in the org that do not stand where the ledger says.

use longshore::practice::mischief::{Fault, Rule};

use super::{Person, Scene, job_of, json};
use crate::faults::{ROWS, Stage, answer, rule};
use crate::world::Ran;

/// The first request to give a job up is refused, so that nobody knows it to be out of the way.
fn unheard() -> Rule {
    rule("PATCH", "*/jobs/ingest/*", answer(400, "UNKNOWN_EXCEPTION", "an unexpected error"))
}

#[test]
fn a_job_that_the_ledger_takes_for_idle_and_that_runs_is_refused() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.prepared.before:1", &Scene::usual()));
    let job = job_of(&scene, "created");
    Person::of(&scene).set(&job, "UploadComplete");
    let ledger = scene.file("ledger.jsonl");
    let ran = scene.stage.world.run(&["resume", "r"]).expect(8);
    let says = format!("job {job} was started, and the ledger of this run says it was not");
    assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    assert_eq!(scene.file("ledger.jsonl"), ledger);
    assert_eq!(scene.commits(), 1, "only that person's");
}

/// An old copy of the folder: the job it knows as prepared has run since, and another after it.
#[test]
fn an_old_copy_of_a_run_folder_does_not_send_its_rows_once_more() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.created.after:2", &Scene::usual()));
    let old = scene.file("ledger.jsonl");
    scene.finish();
    let commits = scene.commits();
    scene.write("ledger.jsonl", &old);
    // The second chunk went out in a job that the copy has never heard of.
    let ran = scene.stage.world.run(&["resume", "r"]).expect(6);
    let says = "since the run began, this user has started 1 job (insert `Account`) that its \
                ledger does not know";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(ran.stderr.contains("`--yes` goes on"), "{}", ran.stderr);
    assert_eq!(scene.commits(), commits);
    assert_eq!(scene.effects(), ROWS);
}

#[test]
fn a_job_given_up_without_an_answer_is_given_up_again() {
    // The first upload is lost, the job is given up, and the answer to that is lost too.
    let broken = rule("PUT", "*/batches", Fault::BreakUpload { bytes: 99 });
    let stage = Stage::new().mischief(&[broken, unheard()]);
    let scene = Scene { stage };
    assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
    let job = job_of(&scene, "abandoned");
    assert!(scene.file("ledger.jsonl").contains(r#""confirmed":false"#));
    scene.stage.world.practice().mischief().clear();
    assert_eq!(Person::of(&scene).state(&job), "Open");
    let ran = scene.stage.world.run(&["resume", "r"]).expect(0);
    let says = format!("job {job}, which was left open, is given up");
    assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    assert_eq!(Person::of(&scene).state(&job), "Aborted");
    assert_eq!(scene.effects(), ROWS);
    scene.stage.check_once();
}

/// The same at the end of a run that nothing has cut short: it does not leave it to the next.
#[test]
fn at_the_end_of_a_run_a_job_given_up_without_an_answer_is_asked_about() {
    let broken = rule("PUT", "*/batches", Fault::BreakUpload { bytes: 99 });
    let stage = Stage::new().mischief(&[broken, unheard()]);
    let scene = Scene { stage };
    let ran = scene.stage.world.run(&Scene::usual()).expect(0);
    let job = job_of(&scene, "abandoned");
    let says = format!("job {job}, which was left open, is given up");
    assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    assert_eq!(Person::of(&scene).state(&job), "Aborted");
    assert!(scene.file("ledger.jsonl").contains(r#""confirmed":true"#));
    let shown = scene.stage.world.run(&["runs", "show", "r"]).expect(0).stdout;
    assert!(!shown.contains("may stand open"), "{shown}");
    scene.stage.world.run(&["verify", "r"]).expect(0);
}

/// Where a person has started such a job, its rows are in the org twice; nobody may miss that.
#[test]
fn a_job_that_was_given_up_and_that_a_person_started_is_told_loudly() {
    let broken = rule("PUT", "*/batches", Fault::LoseAnswer { effect: true });
    let stage = Stage::new().mischief(&[broken, unheard()]);
    let scene = Scene { stage };
    scene.jobs_wait();
    let child = scene.spawn(&[&Scene::usual()[..], &["--json"][..]].concat());
    scene.await_request("PUT", "/batches", 2);
    let job = job_of(&scene, "abandoned");
    Person::of(&scene).set(&job, "UploadComplete");
    let ran = Ran::of(&child.wait_with_output().unwrap()).expect(5);
    let summary = json(&ran);
    let message = summary["failure"]["message"].as_str().unwrap();
    let says = format!("job {job} was given up before it was started, and somebody has started it");
    assert!(message.starts_with(&says), "{message}");
    assert!(message.contains("rows 1 to 20"), "{message}");
    let other = summary["jobs"][0]["id"].as_str().unwrap();
    assert!(message.contains(other), "both jobs are named: {message}");
    scene.stage.world.run(&["verify", "r"]).expect(0);
}

#[test]
fn an_open_job_of_somebody_else_is_told_and_not_touched() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
    let person = Person::of(&scene);
    let job = person.create("Account", "insert");
    let ran = scene.stage.world.run(&["resume", "r"]).expect(0);
    let says = format!(
        "1 job of this user stands open for `Account` and is in no ledger here: {job}; it \
         is not touched"
    );
    assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    assert_eq!(person.state(&job), "Open");
    assert_eq!(scene.effects(), ROWS);
}

#[test]
fn a_started_job_of_somebody_else_is_asked_about() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
    let person = Person::of(&scene);
    // Neither another object nor another operation is a reason to ask.
    for (object, operation, text) in
        [("Contact", "insert", "LastName\nx\n"), ("Account", "update", "Id,Name\n001,x\n")]
    {
        let job = person.create(object, operation);
        person.upload(&job, text);
        person.set(&job, "UploadComplete");
    }
    let job = person.create("Account", "insert");
    person.upload(&job, "Name\nSomebody else\n");
    person.set(&job, "UploadComplete");
    let changes = scene.stage.world.changes();
    let ran = scene.stage.world.run(&["resume", "r"]).expect(6);
    let says = format!("that its ledger does not know: {job}\n");
    assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    assert_eq!(scene.stage.world.changes(), changes);
    let (ran, summary) = scene.resume_with(&["resume", "r", "--yes"]);
    ran.expect(0);
    assert_eq!(summary["rows"]["success"], ROWS);
    scene.stage.world.run(&["verify", "r"]).expect(0);
}
