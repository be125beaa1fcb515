//! How often somebody may ask. Two stages: by address for requests whose credential is not known, by actor for the others;
//! and narrow limits on the doors that are worth guessing at.

mod gcra;
mod keyed;

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use http::StatusCode;

pub use gcra::{Budget, Quota};

use crate::problem::Problem;
use crate::route::Surface;
use keyed::Keyed;

/// What the operator allows.
#[derive(Debug, Clone, Copy)]
pub struct RateConfig {
    /// Whether requests are limited at all; the narrow limits stay.
    pub enabled: bool,
    /// Requests per second of one address, or of one actor unless set apart.
    pub rps: u32,
    /// The same at once.
    pub burst: u32,
    /// Requests per second of one actor; 0 takes `rps`.
    pub actor_rps: u32,
    /// The same at once; 0 takes `burst`.
    pub actor_burst: u32,
    /// Requests per second of one agent.
    pub agent_rps: u32,
    /// The same at once.
    pub agent_burst: u32,
    /// How long an idle address or actor is remembered, at least.
    pub idle: Duration,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            rps: 50,
            burst: 100,
            actor_rps: 0,
            actor_burst: 0,
            agent_rps: 10,
            agent_burst: 50,
            idle: Duration::from_secs(3_600),
        }
    }
}

/// All limits of a process, in its memory.
pub struct Limits {
    started: Instant,
    keyed: Keyed,
    address: Option<Quota>,
    actor: Option<Quota>,
    agent: Option<Quota>,
    bootstrap: Option<Quota>,
    register: Option<Quota>,
    failed_bearer: Option<Quota>,
}

/// What is counted; keys of one never meet those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Count {
    Address,
    Actor,
    Agent,
    Bootstrap,
    Register,
    FailedBearer,
}

impl Limits {
    /// Limits as configured, with nothing counted yet.
    #[must_use]
    pub fn new(config: &RateConfig) -> Self {
        let general = |rps, burst| if config.enabled { Quota::per_second(rps, burst) } else { None };
        let or = |own, common| if own == 0 { common } else { own };
        Self {
            started: Instant::now(),
            keyed: Keyed::new(KEYS_MAX, config.idle),
            address: general(config.rps, config.burst),
            actor: general(or(config.actor_rps, config.rps), or(config.actor_burst, config.burst)),
            agent: general(config.agent_rps, config.agent_burst),
            bootstrap: Quota::per_minute(BOOTSTRAP_PER_MINUTE),
            register: Quota::per_minute(REGISTER_PER_MINUTE),
            failed_bearer: Quota::per_minute(FAILED_BEARER_PER_MINUTE),
        }
    }

    /// A request without a known credential, by its address.
    pub(crate) fn address(&self, client: IpAddr) -> Option<Budget> {
        self.take(Count::Address, self.address, self.keyed.hash(&network_of(client)))
    }

    /// A request of a known actor.
    pub(crate) fn actor(&self, actor: &str) -> Option<Budget> {
        self.take(Count::Actor, self.actor, self.keyed.hash(actor))
    }

    /// A request of an agent.
    pub(crate) fn agent(&self, agent: &str) -> Option<Budget> {
        self.take(Count::Agent, self.agent, self.keyed.hash(agent))
    }

    /// A credential that was not accepted.
    pub(crate) fn failed_bearer(&self, client: IpAddr) -> Option<Budget> {
        self.take(Count::FailedBearer, self.failed_bearer, self.keyed.hash(&network_of(client)))
    }

    /// A request to a door with a limit of its own.
    pub(crate) fn surface(&self, surface: Surface, client: IpAddr) -> Option<Budget> {
        let (count, quota) = match surface {
            Surface::General => return None,
            Surface::Bootstrap => (Count::Bootstrap, self.bootstrap),
            Surface::Register => (Count::Register, self.register),
        };
        self.take(count, quota, self.keyed.hash(&network_of(client)))
    }

    fn take(&self, count: Count, quota: Option<Quota>, subject: u64) -> Option<Budget> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(self.keyed.take(count, subject, &quota?, now))
    }
}

/// The refusal, when the budget is used up.
pub(crate) fn refusal(budget: Option<Budget>) -> Option<Problem> {
    let seconds = budget?.retry_after_secs?;
    let message = format!("Rate limit exceeded; try again in {seconds} s");
    Some(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after(seconds))
}

/// One customer's network counts as one: a single host commands a whole IPv6 /64.
fn network_of(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// Keys kept at most; beyond that the least recently used ones are forgotten.
const KEYS_MAX: usize = 50_000;
const BOOTSTRAP_PER_MINUTE: u32 = 5;
const REGISTER_PER_MINUTE: u32 = 10;
const FAILED_BEARER_PER_MINUTE: u32 = 20;
