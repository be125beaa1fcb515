//! Project tasks: generate, layers, test, bench.
fn main() {}
