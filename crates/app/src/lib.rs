//! The use cases, one file each: load, decide (`domain`), act (`connector`), commit (one unit of work). Reconcilers move
//! what is towards what should be. Doors call the methods of [`App`]; nothing here knows HTTP or HTML.

pub mod caller;
pub mod error;
pub mod world;

pub use caller::Caller;
pub use error::{Error, Result};
pub use world::{App, Clock, Randomness, Settings, SystemClock, SystemIds, SystemRandomness};
