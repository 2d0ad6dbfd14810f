//! Resume: where a chunk stands, by nothing but the facts on disk.

use super::machine::Progress;
use crate::ledger::Fact;
use crate::model::chunk::ChunkNumber;
use crate::model::ids::JobId;
use crate::target::{JobState, JobStatus};

impl Progress {
    /// Where the process that wrote `facts` left a chunk; `None` when it is settled.
    ///
    /// `facts` is any prefix of a ledger that holds at least what was synced. What is not certain
    /// is taken for the worse: a job without `Prepared` may hold anything and was never told to
    /// start, and one with it may have been told, so it is asked about before all else. Facts of a
    /// later attempt stand for the chunk.
    pub fn from_facts<'a>(
        chunk: ChunkNumber,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Option<Self> {
        let mut progress = Self::Spooled;
        for fact in facts {
            match fact {
                Fact::Created { chunk: of, job } | Fact::Spoiled { chunk: of, job }
                    if *of == chunk =>
                {
                    progress = Self::Doubtful(job.clone());
                }
                Fact::Prepared { chunk: of, job, .. } if *of == chunk => {
                    progress = Self::Committing(job.clone());
                }
                Fact::Started { chunk: of, job } if *of == chunk => {
                    progress = Self::Committed(job.clone());
                }
                Fact::Terminal { chunk: of, job, state, processed, failed, message }
                    if *of == chunk =>
                {
                    let (processed, failed, message) = (*processed, *failed, message.clone());
                    progress =
                        ended(job, state, |state| JobStatus { state, processed, failed, message });
                }
                // A job that was given up before is told of again when it is out of the way.
                Fact::Abandoned { chunk: of, job, .. }
                    if *of == chunk && progress.job() == Some(job) =>
                {
                    progress = Self::Spooled;
                }
                Fact::Reconciled { chunk: of, .. } if *of == chunk => return None,
                _ => {}
            }
        }
        Some(progress)
    }
}

/// A state that cannot be read is asked for again.
fn ended(job: &JobId, state: &str, status: impl FnOnce(JobState) -> JobStatus) -> Progress {
    let state = match state {
        "JobComplete" => JobState::JobComplete,
        "Failed" => JobState::Failed,
        "Aborted" => JobState::Aborted,
        _ => return Progress::Committed(job.clone()),
    };
    Progress::Ended(job.clone(), status(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chunk::Digest;
    use crate::model::verdict::Counts;

    const CHUNK: ChunkNumber = ChunkNumber(7);

    fn job(last: char) -> JobId {
        JobId::parse(&format!("7508c00000Qk3TbAA{last}")).unwrap()
    }

    fn prepared(job: JobId) -> Fact {
        Fact::Prepared { chunk: CHUNK, job, bytes: 1, digest: Digest::of(b"x") }
    }

    fn terminal(state: &str) -> Fact {
        let (processed, failed, message) = (Some(2), Some(1), Some("why".to_owned()));
        Fact::Terminal {
            chunk: CHUNK,
            job: job('A'),
            state: state.to_owned(),
            processed,
            failed,
            message,
        }
    }

    fn status(state: JobState) -> JobStatus {
        let message = Some("why".to_owned());
        JobStatus { state, processed: Some(2), failed: Some(1), message }
    }

    #[test]
    fn every_prefix_of_a_chunk_with_two_attempts() {
        let (first, second) = (job('A'), job('B'));
        let facts = [
            Fact::Created { chunk: CHUNK, job: first.clone() },
            prepared(first.clone()),
            Fact::Spoiled { chunk: CHUNK, job: first.clone() },
            Fact::Abandoned { chunk: CHUNK, job: first.clone(), confirmed: false },
            Fact::Created { chunk: CHUNK, job: second.clone() },
            prepared(second.clone()),
            Fact::Started { chunk: CHUNK, job: second.clone() },
            Fact::Reconciled { chunk: CHUNK, counts: Counts::default(), deferred: 0 },
        ];
        let expected = [
            Some(Progress::Spooled),
            Some(Progress::Doubtful(first.clone())),
            Some(Progress::Committing(first.clone())),
            Some(Progress::Doubtful(first)),
            Some(Progress::Spooled),
            Some(Progress::Doubtful(second.clone())),
            Some(Progress::Committing(second.clone())),
            Some(Progress::Committed(second)),
            None,
        ];
        for (count, expected) in expected.into_iter().enumerate() {
            assert_eq!(Progress::from_facts(CHUNK, &facts[..count]), expected, "{count} facts");
            let other = Progress::from_facts(ChunkNumber(8), &facts[..count]);
            assert_eq!(other, Some(Progress::Spooled), "facts of another chunk");
        }
    }

    #[test]
    fn an_ended_job_comes_back_as_it_was_told() {
        for (text, state) in [
            (format!("{:?}", JobState::JobComplete), JobState::JobComplete),
            (format!("{:?}", JobState::Failed), JobState::Failed),
            (format!("{:?}", JobState::Aborted), JobState::Aborted),
        ] {
            let back = Progress::from_facts(CHUNK, &[terminal(&text)]);
            assert_eq!(back, Some(Progress::Ended(job('A'), status(state))));
        }
        let back = Progress::from_facts(CHUNK, &[terminal("Paused")]);
        assert_eq!(back, Some(Progress::Committed(job('A'))), "asked again");
    }

    /// A job that was given up long ago is looked at once more at each resumption. The word that it
    /// is out of the way made the job that counts forgotten, and the rows went out again (seed 335
    /// of the simulation).
    #[test]
    fn a_late_word_on_a_job_given_up_before_says_nothing_of_the_one_that_counts() {
        let (first, second) = (job('A'), job('B'));
        let facts = [
            Fact::Created { chunk: CHUNK, job: first.clone() },
            Fact::Abandoned { chunk: CHUNK, job: first.clone(), confirmed: false },
            Fact::Created { chunk: CHUNK, job: second.clone() },
            prepared(second.clone()),
            Fact::Started { chunk: CHUNK, job: second.clone() },
        ];
        let late = Fact::Abandoned { chunk: CHUNK, job: first, confirmed: true };
        for count in 2..=facts.len() {
            let before = Progress::from_facts(CHUNK, &facts[..count]);
            let after = Progress::from_facts(CHUNK, facts[..count].iter().chain([&late]));
            assert_eq!(after, before, "after {count} facts");
        }
    }

    /// A prepared job that is found aborted has ended, and its rows stay unprocessed. One that we
    /// aborted ourselves, because it would never start, must not be taken for that.
    #[test]
    fn a_spoiled_job_is_given_up_again_and_never_taken_for_ended() {
        let facts = [prepared(job('A')), Fact::Spoiled { chunk: CHUNK, job: job('A') }];
        assert!(facts.iter().all(Fact::is_synced), "on disk before the job is given up");
        let back = Progress::from_facts(CHUNK, &facts);
        assert_eq!(back, Some(Progress::Doubtful(job('A'))));
    }
}
