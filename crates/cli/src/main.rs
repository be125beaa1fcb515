//! `certctl`: see the library.

use std::process::ExitCode;

use certctl_cli::{Console, Exit, run};

fn main() -> ExitCode {
    #[cfg(feature = "quickstart")]
    if let Some(code) = certctl_quickstart::reexecuted(std::env::args_os()) {
        return code;
    }
    let mut console = Console::of_process();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.note(&format!("error: cannot start: {error}"));
            return ExitCode::from(Exit::Failure.code());
        }
    };
    let exit = runtime.block_on(run(std::env::args_os(), &mut console));
    ExitCode::from(exit.code())
}
