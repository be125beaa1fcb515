//! The whole stack from outside: tests against real peers lie in `tests/`, and this library holds what the two programs of
//! this crate share out, the generators and the benchmarks. Nothing shipped depends on it.

pub mod bench;
pub mod generate;
pub mod routes;
