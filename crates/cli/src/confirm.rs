//! Being sure before something is destroyed.

use crate::config::Confirm;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::session::Session;

/// What is about to be destroyed.
pub(crate) struct Deed<'a> {
    /// What happens, such as `Retire agent web-1 (agt_1)`.
    pub(crate) what: String,
    /// What follows from it, one line each.
    pub(crate) consequences: Vec<String>,
    /// What must be typed where a yes is not enough.
    pub(crate) name: &'a str,
    /// Whether a yes is not enough.
    pub(crate) grave: bool,
}

/// Asks, unless `--yes`; where nobody can answer it is refused.
pub(crate) fn confirm(session: &mut Session<'_>, deed: &Deed<'_>) -> Result<()> {
    if session.settings.yes {
        return Ok(());
    }
    let unconfirmed = |message: String| Failure::new(Exit::Unconfirmed, "confirmation_needed", message);
    if session.settings.no_input || !session.console.tty.input {
        return Err(unconfirmed(format!("{}: nobody is here to confirm it", deed.what)).hint("add --yes"));
    }
    for consequence in &deed.consequences {
        session.console.note(&format!("  {consequence}"));
    }
    let typed = deed.grave || session.settings.confirm == Confirm::Strict;
    let question =
        if typed { format!("{}? Type {} to confirm:", deed.what, deed.name) } else { format!("{}? [y/N]", deed.what) };
    let answer = session.console.ask(&question).unwrap_or_default();
    let sure = if typed { answer == deed.name } else { matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") };
    if sure { Ok(()) } else { Err(unconfirmed("not confirmed; nothing was done".to_owned())) }
}
