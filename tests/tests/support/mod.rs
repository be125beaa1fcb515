//! Servers, agents and their databases, as tests of the whole stack start them.

pub(crate) mod agent;
pub(crate) mod database;
pub(crate) mod endpoint;
pub(crate) mod host;
pub(crate) mod https;
pub(crate) mod line;
#[expect(dead_code, reason = "other tests need more of it")]
pub(crate) mod openssl;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod server;
