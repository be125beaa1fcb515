//! How much anyone may ask for.

use std::time::Duration;

use certctl_edge::limit::RateConfig;
use certctl_wire::settings::Reader;

/// The rates of all limits. The backend is judged among the gates, because it depends on the database.
pub(super) fn read(reader: &mut Reader) -> RateConfig {
    RateConfig {
        enabled: reader.flag("CERTCTL_RATE_LIMIT_ENABLED"),
        rps: reader.number("CERTCTL_RATE_LIMIT_RPS", 1..=MOST),
        burst: reader.number("CERTCTL_RATE_LIMIT_BURST", 1..=MOST),
        actor_rps: reader.number("CERTCTL_RATE_LIMIT_PER_USER_RPS", 0..=MOST),
        actor_burst: reader.number("CERTCTL_RATE_LIMIT_PER_USER_BURST", 0..=MOST),
        agent_rps: reader.number("CERTCTL_RATE_LIMIT_AGENT_RPS", 1..=MOST),
        agent_burst: reader.number("CERTCTL_RATE_LIMIT_AGENT_BURST", 1..=MOST),
        idle: reader.duration("CERTCTL_RATE_LIMIT_BUCKET_TTL", Duration::from_secs(60)),
    }
}

const MOST: u32 = 1_000_000;
