//! Waiting for an event with a deadline, never for the clock alone.

use std::time::Duration;

/// Asks until the answer is there; fails naming `what` after `within`.
///
/// # Panics
/// When the deadline passes.
pub async fn until<T>(what: &str, within: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {} s", within.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
