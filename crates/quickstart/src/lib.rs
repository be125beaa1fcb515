//! One command from an empty directory to a certificate that is issued, installed, proved by a handshake and renewed.
//!
//! Start at [`quickstart`], then `run.rs`. Server and agent run in processes of their own, as everywhere else; everything this
//! room does with them goes over HTTPS, as a user would do it.

mod args;
mod child;
mod context;
mod endpoint;
mod executable;
mod failure;
mod layout;
mod ports;
mod process;
mod run;
mod steps;

pub use args::Quickstart;
pub use child::reexecuted;
pub use endpoint::{DemoEndpoint, demo_endpoint};
pub use run::quickstart;

/// One line on standard error: whom it concerns reads it there, and standard output stays for programs.
fn say(line: &str) {
    use std::io::Write as _;
    // Nobody listens when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
