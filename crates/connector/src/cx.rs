//! What every call to a connector is given besides its request.

use std::time::Duration;

use certctl_pki::Timestamp;

/// Surroundings of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cx {
    /// The same for every attempt at the same work (a job's id): a connector that can pass it on makes repeats harmless.
    pub idempotency_key: String,
    /// The time when the call begins.
    pub now: Timestamp,
    /// How long the call may take altogether; a connector ends with [`crate::ErrorClass::Timeout`] rather than exceed it.
    pub budget: Duration,
}

impl Cx {
    /// The point in time at which the budget is used up.
    pub fn deadline(&self) -> Timestamp {
        self.now.checked_add(self.budget).unwrap_or(Timestamp::MAX)
    }
}

/// What a connection test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// What was looked at, in order.
    pub checks: Vec<Check>,
    /// How long the test took, milliseconds.
    pub latency_ms: u64,
    /// What a handshake returned, SHA-256 of the leaf, lower-case hex; `None` where none was made.
    pub served_fingerprint: Option<String>,
}

impl ProbeReport {
    /// Whether every check passed.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// What failed, as one text for people; empty when nothing did.
    pub fn findings(&self) -> String {
        let failed: Vec<_> = self
            .checks
            .iter()
            .filter(|check| !check.ok)
            .map(|check| format!("{}: {}", check.name, check.detail))
            .collect();
        failed.join("; ")
    }
}

/// One thing a connection test looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Stable snake_case name, such as `reachable`, `auth`, `path`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found; when not ok, with the remedy. Sanitised.
    pub detail: String,
}

impl Check {
    /// A check that passed.
    pub fn passed(name: &'static str, detail: impl AsRef<str>) -> Self {
        Self { name, ok: true, detail: crate::error::sanitise(detail.as_ref()) }
    }

    /// A check that failed.
    pub fn failed(name: &'static str, detail: impl AsRef<str>) -> Self {
        Self { name, ok: false, detail: crate::error::sanitise(detail.as_ref()) }
    }
}
