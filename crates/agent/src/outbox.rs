//! Reports results until the server takes them or refuses them for good.

use std::{sync::Arc, time::Duration};

use certctl_client::{Class, Error};
use certctl_wire::JobStatusReport;
use tokio::sync::mpsc;

use crate::{
    clock::Backoff,
    journal::{Journal, Work},
    link::is_passing,
    runtime::Runtime,
    step::Step,
};

/// Where results are put. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox {
    journal: Arc<Journal>,
    queue: mpsc::UnboundedSender<Message>,
}

/// The other end.
pub(crate) struct Queue {
    results: mpsc::UnboundedReceiver<Message>,
    /// Taken out and not settled yet: stopping in the middle of an attempt loses nothing.
    current: Option<Message>,
}

/// One result.
struct Message {
    work: Work,
    report: JobStatusReport,
}

impl Outbox {
    /// An outbox with what earlier runs left in the journal.
    pub(crate) fn new(journal: Arc<Journal>) -> (Self, Queue) {
        let (queue, results) = mpsc::unbounded_channel();
        let outbox = Self { journal, queue };
        for (work, report) in outbox.journal.owed() {
            tracing::info!(job.id = work.job, "reporting a result that an earlier run could not report");
            let _ = outbox.queue.send(Message { work, report });
        }
        (outbox, Queue { results, current: None })
    }

    /// Notes a result in the journal and queues it.
    pub(crate) fn put(&self, work: Work, report: JobStatusReport) {
        if let Err(error) = self.journal.result(&work, &report) {
            tracing::error!(%error, job.id = work.job, "a result is reported, but would not survive a restart");
        }
        Step::ResultRecorded.passed();
        // The other end lives as long as the agent; the journal has the result in any case.
        let _ = self.queue.send(Message { work, report });
    }
}

impl Queue {
    /// Sends for ever. May be dropped at any await: what is under way stays in the queue.
    pub(crate) async fn deliver(&mut self, runtime: &Runtime) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            if self.current.is_none() {
                self.current = self.results.recv().await;
            }
            let Some(message) = &self.current else { return };
            match send(runtime, message).await {
                Ok(()) => {
                    self.current = None;
                    backoff.reset();
                }
                Err(error) => {
                    tracing::warn!(%error, job.id = message.work.job, "a result cannot be reported yet; it is kept");
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    /// One attempt for each result that is there, all within `patience`: at the start, before what an earlier run did is
    /// given out again, and at the end. The rest waits in the queue, or in the journal for the next run.
    pub(crate) async fn flush(&mut self, runtime: &Runtime, patience: Duration) {
        let rest = async {
            loop {
                if self.current.is_none() {
                    self.current = self.results.try_recv().ok();
                }
                let Some(message) = &self.current else { return };
                if send(runtime, message).await.is_err() {
                    return;
                }
                self.current = None;
            }
        };
        let _ = tokio::time::timeout(patience, rest).await;
    }
}

/// `Err` when it is to be tried again.
async fn send(runtime: &Runtime, message: &Message) -> Result<(), Error> {
    let Message { work, report } = message;
    match runtime.link.job_report(&work.job, report).await {
        Ok(()) => {
            Step::ResultReported.passed();
            runtime.journal.settled(work, "taken");
            tracing::info!(job.id = work.job, status = report.status, "result reported");
            Ok(())
        }
        Err(error) if is_passing(&error) => Err(error),
        Err(error) => {
            // The lease is lost, the job ended otherwise, or it is not ours: whoever has it now reports it.
            let lost = error.class() == Class::Conflict || error.class() == Class::NotFound;
            if lost {
                tracing::warn!(%error, job.id = work.job, "the server no longer wants this result");
            } else {
                tracing::error!(%error, job.id = work.job, "the server refuses this result");
            }
            runtime.journal.settled(work, &error.to_string());
            Ok(())
        }
    }
}
