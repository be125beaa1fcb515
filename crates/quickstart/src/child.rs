//! Server and agent in processes of their own: this executable started once more, with a hidden first argument.

use std::ffi::OsString;
use std::process::ExitCode;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The hidden first argument.
const MARK: &str = "__quickstart";

/// What runs in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Agent,
}

impl Role {
    /// The program that it is elsewhere.
    const fn program(self) -> &'static str {
        match self {
            Self::Server => "certctl-server",
            Self::Agent => "certctl-agent",
        }
    }

    /// Arguments that make this executable play the role for as long as this process lives.
    pub(crate) fn args(self) -> Vec<OsString> {
        [MARK, self.program(), &std::process::id().to_string()].map(OsString::from).to_vec()
    }
}

/// Plays server or agent if `args` (the whole command line) say so. Called before anything else is made of them.
pub fn reexecuted(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    if args.next()? != MARK {
        return None;
    }
    let program = args.next()?.into_string().ok()?;
    let parent = args.next().and_then(|pid| pid.into_string().ok()?.parse().ok());
    if let Err(error) = die_with(parent) {
        crate::say(&format!("{program}: {error:#}"));
        return Some(ExitCode::FAILURE);
    }
    let role = [Role::Server, Role::Agent].into_iter().find(|role| role.program() == program)?;
    Some(match role {
        Role::Server => certctl_server::main_entry([OsString::from(role.program())]),
        Role::Agent => certctl_agent::main_with([]),
    })
}

/// Makes this process end with its parent, even when the parent is killed: nothing may be left behind.
pub(crate) fn die_with(parent: Option<u32>) -> anyhow::Result<()> {
    let Some(parent) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // It may have died before the line above.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(now == i32::try_from(parent).ok(), "the process that started this one has ended");
    Ok(())
}
