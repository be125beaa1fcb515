//! The use cases, one file each: load, decide (`domain`), act (`connector`), commit (one unit of work). Reconcilers move
//! what is towards what should be. Doors call the methods of [`App`]; nothing here knows HTTP or HTML.

pub mod agents;
pub mod ca;
pub mod cache;
pub mod caller;
pub mod certificates;
pub mod engine;
pub mod error;
mod hash;
pub mod issue;
pub mod listener;
mod payload;
pub mod reconcile;
pub mod runner;
pub mod scheduler;
pub mod world;

pub use caller::Caller;
pub use engine::{CaMaterial, EngineFactory};
pub use error::{Error, Result};
pub use world::{App, Clock, Randomness, Seal, Settings, SystemClock, SystemIds, SystemRandomness, World};
