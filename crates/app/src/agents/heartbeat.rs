//! An agent says that it lives.

use certctl_db::Unit;

use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

/// What an agent says of itself; empty texts keep what is stored.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat {
    /// Version.
    pub version: String,
    /// Host name.
    pub hostname: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub architecture: String,
    /// Address it believes to have.
    pub ip_address: String,
}

/// Longest text an agent may say of itself, in characters.
const TEXT_MAX: usize = 255;

impl App {
    /// Notes that an agent was heard of.
    ///
    /// # Errors
    /// [`crate::Error::Gone`] when it was retired.
    pub async fn agent_heartbeat(&self, caller: &Caller, beat: &Heartbeat) -> Result<()> {
        let mut agent = self.agent_alive(caller).await?;
        for (known, told) in [
            (&mut agent.version, &beat.version),
            (&mut agent.hostname, &beat.hostname),
            (&mut agent.os, &beat.os),
            (&mut agent.architecture, &beat.architecture),
            (&mut agent.ip_address, &beat.ip_address),
        ] {
            if !told.is_empty() {
                *known = told.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
            }
        }
        agent.last_heartbeat_at = Some(self.now());
        let mut unit = Unit::new();
        certctl_store::agents::record_heartbeat(&mut unit, &agent);
        self.commit(unit).await
    }
}
