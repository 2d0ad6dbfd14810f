//! Work that reads, sorts and counts files, on threads of its own, so that it holds up no call.

use tokio::task::spawn_blocking;

use crate::model::failure::{Blame, Failure};

/// Does `work` on a thread; `name` says what broke down, should it panic.
pub async fn on_thread<A: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<A, Failure> + Send + 'static,
) -> Result<A, Failure> {
    spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::new(Blame::Run, format!("{name} broke down; this is a fault of longshore")))
    })
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
