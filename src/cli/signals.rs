//! Ctrl-C and its kin: once asks for an orderly end, twice ends at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::model::failure::{Blame, Failure};
use crate::pipeline::stop::Stop;

/// How long an orderly end may take. Ours is a promise of five seconds to the outside.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// Listens from now on. The first signal asks `stop` and calls `tell`; the second ends the process.
///
/// Must be called within a runtime.
pub fn listen(stop: Stop, tell: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        stop.ask();
        tell();
        signals.next().await;
        at_once();
    });
    Ok(())
}

/// The number of `SIGXFSZ` on Linux, macOS and the BSDs.
const FILE_SIZE: i32 = 25;

/// Makes a write past the allowed size of a file (`ulimit -f`) an error like that of a full disk;
/// otherwise it ends the process without a word. From then on and for good.
///
/// Must be called within a runtime.
pub fn outlive_file_limits() {
    // The handler stays when the listener goes.
    if let Err(error) = signal(SignalKind::from_raw(FILE_SIZE)) {
        tracing::debug!(%error, "A limit on the size of files will end the process.");
    }
}

/// Does `work`, but not longer than is promised after `stop` was asked.
pub async fn within<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done,
        () = overdue(stop) => Err(overdue_failure()),
    }
}

async fn overdue(stop: &Stop) {
    stop.asked().await;
    tokio::time::sleep(PATIENCE).await;
}

fn overdue_failure() -> Failure {
    Failure::new(Blame::Interrupted, "interrupted before everything had come to rest").hint(
        "`longshore runs` tells whether a run was begun, and `longshore resume` goes on with it",
    )
}

/// The failure of a command that a signal has stopped.
pub fn interrupted(message: &str) -> Failure {
    Failure::new(Blame::Interrupted, message)
}

#[expect(clippy::exit, reason = "the second signal asks for just this")]
fn at_once() {
    std::process::exit(i32::from(Blame::Interrupted.exit_code()));
}

struct Signals([Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        let listen = |kind: SignalKind| signal(kind);
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_time_has_the_last_word() {
        let stop = Stop::new();
        stop.ask();
        let work = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok(7)
        };
        assert_eq!(within(&stop, work).await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_left_within_five_seconds() {
        let (stop, start) = (Stop::new(), tokio::time::Instant::now());
        let asker = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            asker.ask();
        });
        let failure = within(&stop, std::future::pending::<Result<(), Failure>>()).await;
        assert_eq!(failure.unwrap_err().blame, Blame::Interrupted);
        assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    }
}
