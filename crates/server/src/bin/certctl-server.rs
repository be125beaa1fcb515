//! The program `certctl-server`.

fn main() -> std::process::ExitCode {
    certctl_server::main_entry(std::env::args_os())
}
