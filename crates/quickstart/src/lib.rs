//! One command from an empty directory to a certificate that is issued, installed, proved by a handshake and renewed.
//!
//! Start at [`run`]. Server and agent run in processes of their own, as everywhere else; everything this room does with
//! them goes over HTTPS, as a user would do it.

mod endpoint;
mod executable;
mod layout;
mod ports;
mod process;

pub use endpoint::{DemoEndpoint, demo_endpoint};

mod failure;

/// One line on standard error: whom it concerns reads it there, and standard output stays for programs.
fn say(line: &str) {
    use std::io::Write as _;
    // Nobody listens when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
