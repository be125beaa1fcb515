//! How much anyone may ask for.

use std::time::Duration;

use certctl_wire::settings::Reader;

/// Rate limits.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitConfig {
    /// Whether anything is limited.
    pub enabled: bool,
    /// Of one address before authentication.
    pub address: Rate,
    /// Of one actor after it.
    pub actor: Rate,
    /// Of one agent with a valid identity.
    pub agent: Rate,
    /// How long an idle one is remembered.
    pub bucket_ttl: Duration,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

impl RateLimitConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let address = rate(reader, "CERTCTL_RATE_LIMIT_RPS", "CERTCTL_RATE_LIMIT_BURST", 1);
        let actor = rate(reader, "CERTCTL_RATE_LIMIT_PER_USER_RPS", "CERTCTL_RATE_LIMIT_PER_USER_BURST", 0);
        let inherit = |own: u32, general: u32| if own == 0 { general } else { own };
        Self {
            enabled: reader.flag("CERTCTL_RATE_LIMIT_ENABLED"),
            address,
            actor: Rate {
                per_second: inherit(actor.per_second, address.per_second),
                burst: inherit(actor.burst, address.burst),
            },
            agent: rate(reader, "CERTCTL_RATE_LIMIT_AGENT_RPS", "CERTCTL_RATE_LIMIT_AGENT_BURST", 1),
            bucket_ttl: reader.duration("CERTCTL_RATE_LIMIT_BUCKET_TTL", Duration::from_secs(60)),
        }
    }
}

fn rate(reader: &mut Reader, per_second: &str, burst: &str, least: u32) -> Rate {
    Rate { per_second: reader.number(per_second, least..=MOST), burst: reader.number(burst, least..=MOST) }
}

const MOST: u32 = 1_000_000;
