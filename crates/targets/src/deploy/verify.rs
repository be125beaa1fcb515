//! The proof: a handshake with the service that returns the deployed leaf.

use std::time::{Duration, Instant};

use certctl_connector::{
    Check, ErrorClass,
    target::{Served, Verification},
};
use certctl_pki::Certificate;
use certctl_probe::{Presented, ProbeError, handshake};
use serde::{Deserialize, Serialize};

use crate::trouble::Trouble;

/// Where to look and how patiently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verify {
    pub(crate) endpoint: String,
    pub(crate) server_name: String,
    /// For one handshake.
    pub(crate) timeout: Duration,
    /// Handshakes that may fail before the deployment does.
    pub(crate) attempts: u32,
    /// Wait after the first failure; doubled after each further one.
    pub(crate) backoff: Duration,
    pub(crate) backoff_max: Duration,
    /// Right answers in a row: a service with several processes reloads one after the other.
    pub(crate) required_successes: u32,
}

impl Verify {
    /// One look.
    pub(crate) async fn look(&self, fingerprint: &str) -> Result<Served, String> {
        let presented = self.shake(self.timeout).await?;
        let served = presented.fingerprint_sha256();
        if served != fingerprint {
            let seen = in_words(&presented.leaf);
            return Err(format!("{} serves another certificate for {} ({seen})", self.endpoint, self.server_name));
        }
        Ok(Served { endpoint: self.endpoint.clone(), server_name: self.server_name.clone(), fingerprint: served })
    }

    /// Whether a handshake can be made at all, and what it returns now.
    pub(crate) async fn check(&self, budget: Duration) -> (Check, Option<String>) {
        match self.shake(self.timeout.min(budget)).await {
            Ok(presented) => {
                let seen = in_words(&presented.leaf);
                let detail = format!("{} serves a certificate for {} ({seen})", self.endpoint, self.server_name);
                (Check::passed("handshake", detail), Some(presented.fingerprint_sha256()))
            }
            Err(finding) => (Check::failed("handshake", finding), None),
        }
    }

    async fn shake(&self, timeout: Duration) -> Result<Presented, String> {
        let presented = Box::pin(handshake(&self.endpoint, &self.server_name, timeout)).await;
        presented.map_err(|error| with_causes(&error))
    }

    /// Looks until the leaf with `fingerprint` was seen often enough in a row.
    pub(crate) async fn prove(&self, fingerprint: &str, deadline: Instant) -> Result<Served, Trouble> {
        let mut wait = self.backoff;
        let (mut right, mut wrong) = (0, 0);
        loop {
            match self.look(fingerprint).await {
                Ok(served) => {
                    right += 1;
                    if right >= self.required_successes {
                        return Ok(served);
                    }
                }
                Err(seen) => {
                    (right, wrong) = (0, wrong + 1);
                    if wrong >= self.attempts || Instant::now() + wait > deadline {
                        return Err(Trouble::new(ErrorClass::TargetVerify { rolled_back: false }, seen));
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(self.backoff_max);
                }
            }
        }
    }
}

/// Nobody looked, because nobody said where.
pub(crate) fn not_verified() -> Verification {
    Verification::NotVerified { reason: "post_deploy_verify names no endpoint".to_owned() }
}

fn in_words(leaf: &Certificate) -> String {
    let (serial, until) = (leaf.serial().to_hex(), leaf.not_after());
    format!("serial {serial}, valid until {until}, SHA-256 {}", leaf.fingerprint_sha256())
}

fn with_causes(error: &ProbeError) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
