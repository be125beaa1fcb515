//! The summary that `certctl quickstart --once` prints.

use serde::{Deserialize, Serialize};

/// All went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickstartSummary {
    /// True.
    pub ok: bool,
    /// Address of the server.
    pub server: String,
    /// File with the anchor of its certificate.
    pub ca: String,
    /// The agent.
    pub agent_id: String,
    /// The certificate.
    pub certificate_id: String,
    /// What was issued.
    pub version_id: String,
    /// The jobs that made, and installed, it.
    pub job_ids: Vec<String>,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// What a handshake returned.
    pub served: QuickstartServed,
    /// How long each step took.
    pub ms: QuickstartMs,
}

/// What a handshake returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickstartServed {
    /// Address and port.
    pub endpoint: String,
    /// Name that was asked for.
    pub server_name: String,
    /// SHA-256 of the leaf, lower-case hex.
    pub fingerprint_sha256: String,
}

/// Milliseconds per step; a step that was not reached is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuickstartMs {
    /// Until the server was ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<u64>,
    /// Until the agent had enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrol: Option<u64>,
    /// Until the certificate was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<u64>,
    /// Until it was installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<u64>,
    /// Until a handshake returned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<u64>,
    /// In all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// A step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickstartFailure {
    /// False.
    pub ok: bool,
    /// The step.
    pub step: String,
    /// Why.
    pub error: QuickstartError,
    /// How long the steps before it took.
    pub ms: QuickstartMs,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickstartError {
    /// Stable word for programs.
    pub code: String,
    /// What a person reads.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
