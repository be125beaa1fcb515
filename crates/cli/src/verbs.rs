//! What the words do, one file per noun.

pub(crate) mod agent;
pub(crate) mod approval;
pub(crate) mod cert;
pub(crate) mod doctor;
pub(crate) mod job;
pub(crate) mod login;
pub(crate) mod target;
pub(crate) mod version;
