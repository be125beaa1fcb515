//! Hearing wake-ups.

use certctl_db::Subscription;

/// Returns when somebody wakes `topic`, or when wakes may have been lost.
pub(crate) async fn heard(wakes: &mut Subscription, topic: &str) {
    loop {
        let wake = wakes.next().await;
        if wake.topic.is_empty() || wake.topic == topic {
            return;
        }
    }
}
