//! The JSON door, asked as a client asks, on both databases: who comes in, what answers look like, and what leaves a trace.

mod agents;
mod auth;
mod keys;
mod leaks;
mod repeats;
mod shape;
mod support;

/// Writes each case for both databases, under names that carry the database.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {$(
            #[tokio::test]
            async fn $name() {
                super::$name(certctl_db::Backend::Sqlite).await;
            }
        )*}
        mod postgres {$(
            #[tokio::test]
            async fn $name() {
                super::$name(certctl_db::Backend::Postgres).await;
            }
        )*}
    };
}
