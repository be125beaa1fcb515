//! Servers, agents and their databases, as tests of the whole stack start them.

pub(crate) mod agent;
pub(crate) mod database;
pub(crate) mod https;
pub(crate) mod process;
pub(crate) mod server;
