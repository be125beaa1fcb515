//! Fixtures, real peers and private database instances for tests. A dev-dependency only.

pub mod agent;
pub mod db;
pub mod https;
pub mod issuer;
pub mod skip;
pub mod wait;
pub mod world;
