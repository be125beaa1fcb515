//! Rules and states, pure: ids, entities, transitions, renewal planning, policy evaluation, permissions.
//!
//! Start at [`certificate`], then [`renewal`]. No I/O, no clock, no SQL: a caller passes `now`, ids and randomness. Types
//! here are complete values; `store` reads and writes them, `api` shows them, and neither adds a rule.

pub mod actor;
pub mod agent;
pub mod approval;
pub mod audit;
pub mod certificate;
pub mod ids;
pub mod issuer;
pub mod ownership;
pub mod permission;
pub mod policy;
pub mod profile;
pub mod refusal;
pub mod renewal;
pub mod spec;
pub mod target;
pub mod why;
pub mod work;
