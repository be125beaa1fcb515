//! One run: what holds, where output goes, and the client.

use certctl_client::Client;

use crate::console::Console;
use crate::failure::Result;
use crate::settings::Settings;

/// One run.
pub(crate) struct Session<'a> {
    pub(crate) console: &'a mut Console,
    pub(crate) settings: Settings,
    pub(crate) client: Client,
}

impl<'a> Session<'a> {
    pub(crate) fn new(console: &'a mut Console, settings: Settings) -> Result<Self> {
        let client = Client::new(settings.client.clone())?;
        Ok(Self { console, settings, client })
    }

    /// A line for the eye, unless nobody wants any.
    pub(crate) fn say(&mut self, text: &str) {
        if !self.settings.quiet {
            self.console.note(text);
        }
    }
}
