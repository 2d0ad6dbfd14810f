//! Work that reads, sorts and counts files, on threads of its own, so that it holds up no call.

use std::any::Any;

use tokio::task::{JoinError, spawn_blocking};

use crate::model::failure::{Blame, Failure};

/// Does `work` on a thread; `name` says what broke down, should it panic.
pub async fn on_thread<A: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<A, Failure> + Send + 'static,
) -> Result<A, Failure> {
    joined(work).await.unwrap_or_else(|_| {
        Err(Failure::new(Blame::Run, format!("{name} broke down; this is a fault of longshore")))
    })
}

/// Begins `work` on a thread at once; `Err` when it panicked.
///
/// To tokio they are all of one type: it would be in the binary once more for every work.
pub fn joined<A: Send + 'static>(
    work: impl FnOnce() -> A + Send + 'static,
) -> impl Future<Output = Result<A, JoinError>> {
    // Not an `async fn`, which would hold the work itself, once more.
    let doing = spawn_blocking(boxed(work));
    async { Ok(*doing.await?.downcast().expect("what `boxed` has put in")) }
}

type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

fn boxed<A: Send + 'static>(work: impl FnOnce() -> A + Send + 'static) -> Work {
    Box::new(move || Box::new(work()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_a_failure_is_passed_on() {
        let broken = on_thread("the survey", || -> Result<(), Failure> { panic!("on purpose") });
        let wanted = "the survey broke down; this is a fault of longshore";
        assert_eq!(broken.await.unwrap_err().message, wanted);
        let refused = on_thread("x", || Err::<(), _>(Failure::new(Blame::Request, "no")));
        assert_eq!(refused.await.unwrap_err().message, "no");
        assert_eq!(on_thread("x", || Ok(7)).await.unwrap(), 7);
    }
}
