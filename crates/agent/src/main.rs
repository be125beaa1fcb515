//! The program `certctl-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    certctl_agent::main_entry()
}
