//! The whole stack: the programs as they ship, a real TLS listener, both databases.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod bad_input;
mod boot;
mod crash;
mod crash_internal;
mod deploy;
mod drain;
mod enrolment;
mod full;
mod lost;
mod refusals;
mod replicas;
mod roles;
mod stale;
