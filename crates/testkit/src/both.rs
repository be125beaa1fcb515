//! Tests of the application on both databases.

#[doc(hidden)]
pub use certctl_db::Backend;

/// One module for each back end, with the same tests: each takes a [`crate::world::TestWorld`] by reference and is named as it
/// stands, or `path as name`.
#[macro_export]
macro_rules! on_both_worlds {
    ($($test:path as $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let world = $crate::world::TestWorld::open($crate::both::Backend::Sqlite).await;
                if let Some(world) = world { $test(&world).await; }
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let world = $crate::world::TestWorld::open($crate::both::Backend::Postgres).await;
                if let Some(world) = world { $test(&world).await; }
            })*
        }
    };
    ($($test:ident),* $(,)?) => { $crate::on_both_worlds!($(super::$test as $test),*); };
}
