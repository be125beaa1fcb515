//! What others must hear of: rows written in the business transaction, read once by the holder of the lease. Until there are
//! notifiers the readers are the log, where an operator's alerting listens, and the metrics.

use certctl_db::Unit;
use certctl_domain::ids::OutboxId;

use super::{BATCH, Report};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Adds an entry to the unit that makes it true.
    pub(crate) fn announce(&self, unit: &mut Unit, topic: &'static str, about: &str) {
        certctl_store::outbox::insert(unit, &OutboxId::new(self.ids().ulid()), topic, about, self.now());
    }

    /// One pass over the outbox: tells, then forgets.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn outbox_pass(&self) -> Result<Report> {
        let entries = certctl_store::outbox::oldest(self.db(), BATCH).await?;
        let report = Report { moved: entries.len(), ..Report::over(entries.len()) };
        let mut unit = Unit::new();
        for entry in &entries {
            metrics::counter!("certctl_events_total", "topic" => entry.topic.clone()).increment(1);
            if entry.topic.ends_with("failing") || entry.topic.ends_with("failed") || entry.topic.ends_with("needs_csr")
            {
                tracing::warn!(topic = %entry.topic, about = %entry.about, "{}: {}", entry.topic, entry.about);
            } else {
                tracing::info!(topic = %entry.topic, about = %entry.about, "{}: {}", entry.topic, entry.about);
            }
        }
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        certctl_store::outbox::delete(&mut unit, &ids);
        if !entries.is_empty() {
            self.commit_or_moved(unit).await?;
        }
        Ok(report)
    }
}
