use super::*;

/// The ordinary way of one chunk and the run around it, with one attempt given up on the way.
pub(crate) fn whole_run() -> Vec<Fact> {
    let chunk = ChunkNumber(1);
    let (one, two) = (job(1), job(2));
    let digest = Digest::of(b"body");
    let counts = Counts { input: 3, success: 1, error: 1, unknown: 1, ..Counts::default() };
    let raw = |which, rows| Fact::Raw { chunk, which, rows, bytes: 9, digest };
    vec![
        Fact::Opened { format: 1, run: "friday".to_owned() },
        Fact::Planned {
            chunk,
            first_row: 1,
            last_row: 4,
            rows: 3,
            bytes: 40,
            digest,
            source: None,
            window: None,
        },
        Fact::InputRead {
            first_row: 1,
            rows: 4,
            accepted: 3,
            rejected: 1,
            bytes: 60,
            digest: Digest::of(b"input"),
            whole: true,
            unchanged: None,
        },
        Fact::Created { chunk, job: one.clone() },
        Fact::Abandoned { chunk, job: one, confirmed: false },
        Fact::Created { chunk, job: two.clone() },
        Fact::Prepared { chunk, job: two.clone(), bytes: 40, digest },
        Fact::Started { chunk, job: two.clone() },
        Fact::Terminal {
            chunk,
            job: two,
            state: "JobComplete".to_owned(),
            processed: Some(3),
            failed: None,
            message: None,
        },
        raw(RawKind::Successful, Some(1)),
        raw(RawKind::Failed, None),
        Fact::Unknown { chunk, rows: 1, why: "no line names it".to_owned() },
        Fact::Reconciled { chunk, counts, deferred: 0 },
        Fact::Outputs {
            files: vec![Output { name: "success.csv".to_owned(), rows: 1, bytes: 2, digest }],
        },
        Fact::Closed { counts: Counts { input: 4, rejected: 1, ..counts }, exit_code: 5 },
        Fact::Cleaned { when: "2026-11-22T18:00:00Z".to_owned() },
    ]
}

fn job(number: u32) -> JobId {
    JobId::parse(&format!("7508c00000Qk3Tb{number:03}")).unwrap()
}

fn folded(facts: &[Fact]) -> Result<RunState, Impossible> {
    let mut state = RunState::default();
    facts.iter().try_for_each(|fact| state.apply(fact)).map(|()| state)
}

#[test]
fn the_ordinary_way_ends_settled() {
    let state = folded(&whole_run()).unwrap();
    let chunk = &state.chunks[&ChunkNumber(1)];
    assert_eq!(chunk.given_up, [(job(1), false)]);
    assert_eq!(chunk.raw.len(), 2);
    assert_eq!(chunk.phase.job(), Some(&job(2)));
    let closed = state.closed.unwrap();
    assert_eq!(state.counts(), closed.counts);
    assert!(state.input.unwrap().whole && state.cleaned.is_some());
}

#[test]
fn every_prefix_makes_sense_and_says_how_far_the_chunk_came() {
    let facts = whole_run();
    let phase = |length: usize| {
        folded(&facts[..length]).unwrap().chunks.get(&ChunkNumber(1)).map(|c| c.phase.clone())
    };
    assert_eq!(phase(0), None);
    assert_eq!(phase(3), Some(Phase::Spooled));
    assert_eq!(phase(4), Some(Phase::Reserved(job(1))));
    assert_eq!(phase(5), Some(Phase::Spooled));
    assert_eq!(phase(7), Some(Phase::Prepared(job(2))));
    assert_eq!(phase(8), Some(Phase::Started(job(2))));
    assert!(matches!(phase(9), Some(Phase::Ended(_))));
    for length in 0..facts.len() {
        let state = folded(&facts[..length]).unwrap();
        // A job that was given up was made all the same.
        assert_eq!(state.has_no_job(), length <= 3, "{length} facts");
    }
}

/// What follows the facts of `whole_run` up to `length`, and why it cannot.
fn refused(length: usize, next: Fact) -> String {
    let mut facts = whole_run()[..length].to_vec();
    facts.push(next);
    folded(&facts).unwrap_err().to_string()
}

#[test]
fn a_fact_that_cannot_follow_is_an_error() {
    let chunk = ChunkNumber(1);
    let digest = Digest::of(b"body");
    let all = Counts { input: 3, success: 3, ..Counts::default() };
    let planned = |number, first_row, last_row, rows| Fact::Planned {
        chunk: ChunkNumber(number),
        first_row,
        last_row,
        rows,
        bytes: 1,
        digest,
        source: None,
        window: None,
    };
    let prepared = |job, bytes| Fact::Prepared { chunk, job, bytes, digest };
    let messages = [
        refused(0, Fact::Started { chunk, job: job(1) }),
        refused(1, Fact::Opened { format: 1, run: "x".to_owned() }),
        refused(1, Fact::Created { chunk, job: job(1) }),
        refused(2, planned(3, 5, 6, 1)),
        refused(2, planned(2, 4, 6, 1)),
        refused(2, planned(2, 5, 6, 3)),
        refused(3, planned(2, 5, 6, 1)),
        refused(2, Fact::Imaged { chunk, rows: 2, bytes: 1, digest }),
        refused(4, Fact::Imaged { chunk, rows: 3, bytes: 1, digest }),
        refused(4, Fact::Created { chunk, job: job(2) }),
        refused(4, Fact::Started { chunk, job: job(1) }),
        refused(4, prepared(job(2), 40)),
        refused(4, prepared(job(1), 41)),
        refused(4, Fact::Reconciled { chunk, counts: all, deferred: 0 }),
        refused(7, prepared(job(2), 40)),
        refused(7, Fact::Created { chunk, job: job(3) }),
        refused(7, Fact::Abandoned { chunk, job: job(2), confirmed: true }),
        refused(8, Fact::Spoiled { chunk, job: job(2) }),
        refused(8, Fact::Raw { chunk, which: RawKind::Failed, rows: None, bytes: 0, digest }),
        refused(
            9,
            Fact::Reconciled { chunk, counts: Counts { input: 2, success: 2, ..all }, deferred: 0 },
        ),
        refused(
            9,
            Fact::Reconciled {
                chunk,
                counts: Counts { success: 2, unknown: 1, ..all },
                deferred: 0,
            },
        ),
        refused(13, Fact::Started { chunk, job: job(2) }),
        refused(14, Fact::Cleaned { when: String::new() }),
        refused(15, planned(2, 5, 6, 1)),
    ];
    insta::assert_snapshot!(messages.join("\n"), @"
    a fact stands before the run is opened
    the run is opened twice
    chunk 000001 was never planned
    chunk 000003 is planned after chunk 000001
    chunk 000002 cannot hold 1 rows from 4 to 6 after row 4
    chunk 000002 cannot hold 3 rows from 5 to 6 after row 4
    chunk 000002 is planned after the end of the input
    chunk 000001 gets its images late, or others than its own
    chunk 000001 gets its images late, or others than its own
    chunk 000001 gets job 7508c00000Qk3Tb002 and has one that counts
    chunk 000001 has a fact of job 7508c00000Qk3Tb001 out of its order
    chunk 000001 has a fact of job 7508c00000Qk3Tb002 out of its order
    chunk 000001 was not what job 7508c00000Qk3Tb001 was sent
    chunk 000001 has rows that ran, and no job that may have run
    chunk 000001 has a fact of job 7508c00000Qk3Tb002 out of its order
    chunk 000001 gets job 7508c00000Qk3Tb003 and has one that counts
    chunk 000001 gives up job 7508c00000Qk3Tb002, which may run
    chunk 000001 has a fact of job 7508c00000Qk3Tb002 out of its order
    chunk 000001 has results of a job that has not ended
    chunk 000001 has 3 rows and is settled with others
    chunk 000001 has 1 unknown rows and was noted with 0
    chunk 000001 is settled already
    an unfinished run is cleaned
    a fact stands after the run is closed
    ");
}

#[test]
fn the_last_images_before_the_job_are_those_of_a_chunk() {
    let chunk = ChunkNumber(1);
    let image =
        |digest: &[u8]| Fact::Imaged { chunk, rows: 3, bytes: 9, digest: Digest::of(digest) };
    let mut facts = whole_run()[..2].to_vec();
    facts.extend([image(b"one"), image(b"two"), Fact::Created { chunk, job: job(1) }]);
    let state = folded(&facts).unwrap();
    let digest = Digest::of(b"two");
    assert_eq!(state.chunks[&chunk].image, Some(Image { rows: 3, bytes: 9, digest }));
    assert!(!image(b"one").is_synced(), "the fact after it is");
}

#[test]
fn a_spoiled_job_is_the_only_prepared_one_that_may_be_given_up() {
    let chunk = ChunkNumber(1);
    let mut facts = whole_run()[..7].to_vec();
    facts.push(Fact::Spoiled { chunk, job: job(2) });
    facts.push(Fact::Abandoned { chunk, job: job(2), confirmed: true });
    facts.push(Fact::Created { chunk, job: job(3) });
    let state = folded(&facts).unwrap();
    assert_eq!(state.chunks[&chunk].phase, Phase::Reserved(job(3)));
    assert!(!state.chunks[&chunk].phase.may_have_run());
}

/// A run of one chunk of three rows that puts two of them off, and a round that sends those again.
fn run_with_a_round() -> Vec<Fact> {
    let (one, two, digest) = (ChunkNumber(1), ChunkNumber(2), Digest::of(b"body"));
    let planned = |chunk, first_row, last_row, rows| Fact::Planned {
        chunk,
        first_row,
        last_row,
        rows,
        bytes: 40,
        digest,
        source: None,
        window: None,
    };
    let ran = |chunk, job: JobId| {
        let state = "JobComplete".to_owned();
        let (processed, failed, message) = (None, None, None);
        [
            Fact::Created { chunk, job: job.clone() },
            Fact::Prepared { chunk, job: job.clone(), bytes: 40, digest },
            Fact::Started { chunk, job: job.clone() },
            Fact::Terminal { chunk, job, state, processed, failed, message },
        ]
    };
    let settled = |chunk, input, deferred| {
        let counts = Counts { input, success: input, ..Counts::default() };
        Fact::Reconciled { chunk, counts, deferred }
    };
    let mut facts = vec![
        Fact::Opened { format: 1, run: "friday".to_owned() },
        planned(one, 1, 3, 3),
        Fact::InputRead {
            first_row: 1,
            rows: 3,
            accepted: 3,
            rejected: 0,
            bytes: 60,
            digest,
            whole: true,
            unchanged: None,
        },
    ];
    facts.extend(ran(one, job(1)));
    facts.extend([settled(one, 1, 2), Fact::RoundBegan { round: 1, rows: 2, digest }]);
    facts.push(planned(two, 1, 3, 2));
    facts.extend(ran(two, job(2)));
    facts.push(settled(two, 2, 0));
    facts
}

#[test]
fn a_round_sends_again_what_was_put_off() {
    let facts = run_with_a_round();
    for length in 0..=facts.len() {
        folded(&facts[..length]).unwrap();
    }
    let state = folded(&facts).unwrap();
    assert_eq!(state.rounds, [Round { rows: 2, digest: Digest::of(b"body") }]);
    let rounds: Vec<(u32, u64)> =
        state.chunks.values().map(|chunk| (chunk.round, chunk.deferred)).collect();
    assert_eq!(rounds, [(0, 2), (1, 0)]);
    let counts = Counts { input: 3, success: 3, ..Counts::default() };
    assert_eq!(state.counts(), counts, "each row counts once");
}

#[test]
fn a_round_that_cannot_be_is_refused() {
    let digest = Digest::of(b"body");
    let refused = |length: usize, next: Fact| {
        let mut facts = run_with_a_round()[..length].to_vec();
        facts.push(next);
        folded(&facts).unwrap_err().to_string()
    };
    let began = |round, rows| Fact::RoundBegan { round, rows, digest };
    let planned = |chunk, rows| Fact::Planned {
        chunk: ChunkNumber(chunk),
        first_row: 1,
        last_row: 3,
        rows,
        bytes: 40,
        digest,
        source: None,
        window: None,
    };
    let all = Counts { input: 3, success: 3, ..Counts::default() };
    let wrong = [
        refused(7, Fact::Reconciled { chunk: ChunkNumber(1), counts: all, deferred: 1 }),
        refused(
            2,
            Fact::Reconciled { chunk: ChunkNumber(1), counts: Counts::default(), deferred: 3 },
        ),
        refused(2, began(1, 2)),
        refused(7, began(1, 2)),
        refused(8, began(2, 2)),
        refused(8, began(1, 3)),
        refused(8, planned(2, 2)),
        refused(9, planned(2, 3)),
        refused(9, began(2, 2)),
        refused(10, planned(3, 1)),
        refused(15, began(2, 1)),
    ];
    insta::assert_snapshot!(wrong.join("\n"), @"
    chunk 000001 has 3 rows and is settled with others
    chunk 000001 has rows that ran, and no job that may have run
    round 1 begins before the input ends
    round 1 begins and chunk 000001 is open
    round 2 begins after round 0
    round 1 has 3 rows, and 2 were put off
    chunk 000002 is planned after the end of the input
    chunk 000002 holds more rows than round 1 sends again
    round 2 begins and the one before has rows in no chunk
    chunk 000003 holds more rows than round 1 sends again
    round 2 has 1 rows, and 0 were put off
    ");
}
