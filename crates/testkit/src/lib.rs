//! Fixtures, real peers and private database instances for tests. A dev-dependency only.

#[cfg(feature = "house")]
pub mod agent;
pub mod both;
pub mod db;
#[cfg(feature = "house")]
pub mod https;
#[cfg(feature = "house")]
pub mod issuer;
pub mod skip;
pub mod wait;
#[cfg(feature = "house")]
pub mod world;
