//! The use cases, one file each: load, decide (`domain`), act (`connector`), commit (one unit of work). Reconcilers move
//! what is towards what should be. Doors call the methods of [`App`]; nothing here knows HTTP or HTML.

pub mod agents;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod ca;
pub mod cache;
pub mod caller;
pub mod certificates;
pub mod configuration;
mod edit;
pub mod engine;
pub mod error;
pub mod fleet;
pub mod gauges;
mod hash;
pub mod idempotency;
pub mod issue;
pub mod issuers;
pub mod jobs;
pub mod list;
pub mod listener;
pub mod owners;
mod payload;
pub mod policies;
pub mod profiles;
pub mod reconcile;
pub mod runner;
pub mod scheduler;
pub mod sealing;
mod seed;
mod subordinate;
pub mod targets;
pub mod teams;
pub mod tokens;
mod wake;
pub mod world;

pub use caller::Caller;
pub use configuration::Catalogue;
pub use engine::{CaMaterial, EngineFactory};
pub use error::{Error, Result};
pub use world::{App, Clock, Randomness, Seal, Settings, SystemClock, SystemIds, SystemRandomness, World};
