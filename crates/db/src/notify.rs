//! Wake-ups: "look", never "what". Within the process a broadcast channel; between replicas NOTIFY on PostgreSQL, sent after the commit
//! on a connection of its own, because NOTIFY inside a transaction makes all commits of the server wait for one another.
//! A wake may be lost, so every subscriber also polls.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// Something happened that subscribers of `topic` may act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// What the writer named, such as `jobs:server`. Empty: wakes may have been lost, look at everything.
    pub topic: String,
}

/// Sends and hands out wakes. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    local: broadcast::Sender<Wake>,
    remote: Option<mpsc::Sender<String>>,
}

impl Notifier {
    pub(crate) fn in_process() -> Self {
        Self { local: broadcast::channel(CHANNEL_LEN).0, remote: None }
    }

    /// Also reaches, and hears, the other replicas on this PostgreSQL, until `stop`.
    pub(crate) fn between_replicas(pool: PgPool, stop: CancellationToken) -> Self {
        let local = broadcast::channel(CHANNEL_LEN).0;
        let (remote, topics) = mpsc::channel(CHANNEL_LEN);
        let sender = pool.clone();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! { () = stopped.cancelled() => {}, () = send(sender, topics) => {} }
        });
        let wakes = local.clone();
        tokio::spawn(async move {
            tokio::select! { () = stop.cancelled() => {}, () = listen(pool, wakes) => {} }
        });
        Self { local, remote: Some(remote) }
    }

    /// Wakes the subscribers of these topics.
    pub fn wake(&self, topics: impl IntoIterator<Item = String>) {
        for topic in topics {
            if let Some(remote) = &self.remote {
                // A full channel means that the others have much to look at already.
                let _ = remote.try_send(topic.clone());
            }
            let _ = self.local.send(Wake { topic });
        }
    }

    /// Starts hearing wakes, from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.local.subscribe())
    }
}

/// The wakes since the subscription began.
pub struct Subscription(broadcast::Receiver<Wake>);

impl Subscription {
    /// The next wake; one with an empty topic after some were lost. Never returns once the database is closed: select on it.
    pub async fn next(&mut self) -> Wake {
        match self.0.recv().await {
            Ok(wake) => wake,
            Err(broadcast::error::RecvError::Lagged(_)) => Wake { topic: String::new() },
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn send(pool: PgPool, mut topics: mpsc::Receiver<String>) {
    let mut waiting = Vec::new();
    while topics.recv_many(&mut waiting, CHANNEL_LEN).await > 0 {
        let distinct: Vec<String> = waiting.drain(..).collect::<BTreeSet<_>>().into_iter().collect();
        let sent = sqlx::query("SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic")
            .bind(CHANNEL)
            .bind(&distinct)
            .execute(&pool)
            .await;
        if let Err(error) = sent {
            tracing::debug!(%error, "wake-ups were not sent to the other replicas; they poll");
        }
    }
}

async fn listen(pool: PgPool, wakes: broadcast::Sender<Wake>) {
    loop {
        if let Err(error) = hear(&pool, &wakes).await {
            tracing::debug!(%error, "not hearing the other replicas; polling meanwhile");
        }
        let _ = wakes.send(Wake { topic: String::new() });
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn hear(pool: &PgPool, wakes: &broadcast::Sender<Wake>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    while let Some(notification) = listener.try_recv().await? {
        let _ = wakes.send(Wake { topic: notification.payload().to_owned() });
    }
    Ok(())
}

/// PostgreSQL channel of all wakes; the topic is the payload.
const CHANNEL: &str = "certctl";
/// Wakes kept for a slow subscriber; one that is slower still looks at everything.
const CHANNEL_LEN: usize = 1024;
const RECONNECT: Duration = Duration::from_secs(2);
