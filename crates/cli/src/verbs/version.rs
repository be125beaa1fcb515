//! Versions of both ends.

use serde_json::json;

use crate::args::Format;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::session::Session;

/// Shows the versions; a server that cannot be reached is told on stderr and is no failure of this command.
pub(crate) async fn version(session: &mut Session<'_>) -> Result<Exit> {
    let client = env!("CARGO_PKG_VERSION");
    let server = session.client.version().await;
    let shown = server.as_ref().ok();
    match session.settings.format {
        Format::Json => output::json_data(session, &json!({ "client": { "version": client }, "server": shown })),
        Format::Name => session.console.data(client),
        Format::Table => {
            let mut pairs = vec![("certctl", client.to_owned())];
            pairs.extend(
                shown.map(|server| ("server", format!("{} {}", server.version, server.commit).trim().to_owned())),
            );
            session.console.data(&output::sheet(&pairs));
        }
    }
    if let Err(error) = server {
        session.say(&format!("server: {}", Failure::from(error).message));
    }
    Ok(Exit::Ok)
}
