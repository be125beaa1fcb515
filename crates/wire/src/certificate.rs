//! Certificates: the managed thing, its versions, and the calls that move it on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::body::nullable;

/// What `expires_at` says of a certificate that was never issued.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

words! {
    /// What a certificate is, seen from now.
    CertificateStatus {
        /// Never issued.
        Pending = "Pending",
        /// Valid.
        Active = "Active",
        /// Valid, and near its end.
        Expiring = "Expiring",
        /// Its dates are over.
        Expired = "Expired",
        /// Valid, and a job makes its successor.
        RenewalInProgress = "RenewalInProgress",
        /// Never issued, and the last attempt ended for good.
        Failed = "Failed",
        /// Revoked, and nothing valid took its place.
        Revoked = "Revoked",
        /// Nobody manages it any more.
        Archived = "Archived",
    }
}

words! {
    /// How the next issuance of a certificate stands.
    RenewalState {
        /// Nothing is under way.
        Idle = "idle",
        /// A job is under way.
        InProgress = "in_progress",
        /// A job waits for a second person.
        AwaitingApproval = "awaiting_approval",
        /// The last job ended for good; it is tried again slowly.
        Failing = "failing",
        /// A job waits for something only a person can give.
        Blocked = "blocked",
    }
}

/// A managed certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Certificate {
    /// Its id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Subject common name.
    pub common_name: String,
    /// Subject alternative names.
    #[serde(default)]
    pub sans: Vec<String>,
    /// Free text such as `production`.
    #[serde(default)]
    pub environment: String,
    /// Who is called.
    pub owner_id: String,
    /// Whose certificate it is.
    pub team_id: String,
    /// Who signs.
    pub issuer_id: String,
    /// Where it is served.
    #[serde(default)]
    pub target_ids: Vec<String>,
    /// When it is renewed.
    pub renewal_policy_id: String,
    /// What may be issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_profile_id: Option<String>,
    /// What it is now.
    pub status: CertificateStatus,
    /// End of the identity that expires first; [`NEVER`] until something was issued.
    pub expires_at: String,
    /// Labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Last successful issuance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_renewal_at: Option<String>,
    /// Last verified deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_deployment_at: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// RFC 5280 reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_reason: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Which door it came through; absent for the REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How the next issuance stands.
    pub renewal_state: RenewalState,
    /// When it is renewed by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_at: Option<String>,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/certificates`.
    CertificateCreate {
        /// An unused id, `[A-Za-z0-9._-]{1,128}`; absent to have one made.
        id: Option<String>,
        /// Display name; required.
        name: String,
        /// Subject common name; required.
        common_name: String,
        /// Subject alternative names.
        sans: Vec<String>,
        /// Free text such as `production`.
        environment: String,
        /// Who is called; required.
        owner_id: String,
        /// Whose certificate it is; required.
        team_id: String,
        /// Who signs; required.
        issuer_id: String,
        /// Where it is served.
        target_ids: Vec<String>,
        /// When it is renewed; required.
        renewal_policy_id: String,
        /// What may be issued.
        certificate_profile_id: Option<String>,
        /// Labels.
        tags: BTreeMap<String, String>,
        /// A PKCS#10 request, PEM, where the key is held outside.
        csr_pem: Option<String>,
    }
    server_owned [
        "status", "expires_at", "last_renewal_at", "last_deployment_at", "revoked_at", "revocation_reason", "created_at",
        "updated_at", "source", "renewal_state", "renew_at", "revision",
    ]
    ignored ["serial_number"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/certificates/{id}`: what is absent is kept.
    CertificateUpdate {
        /// Display name.
        name: Option<String>,
        /// Subject common name.
        common_name: Option<String>,
        /// Subject alternative names.
        sans: Option<Vec<String>>,
        /// Free text such as `production`.
        environment: Option<String>,
        /// Who is called.
        owner_id: Option<String>,
        /// Whose certificate it is.
        team_id: Option<String>,
        /// Who signs.
        issuer_id: Option<String>,
        /// Where it is served.
        target_ids: Option<Vec<String>>,
        /// When it is renewed.
        renewal_policy_id: Option<String>,
        /// What may be issued; null removes it.
        #[serde(deserialize_with = "nullable")]
        certificate_profile_id: Option<Option<String>>,
        /// Labels; replaces all of them.
        tags: Option<BTreeMap<String, String>>,
    }
    server_owned [
        "id", "status", "expires_at", "last_renewal_at", "last_deployment_at", "revoked_at", "revocation_reason",
        "created_at", "updated_at", "source", "renewal_state", "renew_at", "revision",
    ]
    ignored ["serial_number"]
}

/// Answer of `POST /api/v1/certificates?issue=true`: 201 with the version, or 202 while a job works on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssueAnswer {
    /// What was created.
    pub certificate: Certificate,
    /// What was issued; absent with 202.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<CertificateVersion>,
    /// The job that issues it.
    pub job_id: String,
}

/// One X.509 certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateVersion {
    /// Its id.
    pub id: String,
    /// The managed certificate.
    pub certificate_id: String,
    /// Serial number, lower-case hex.
    pub serial_number: String,
    /// Start of validity.
    pub not_before: String,
    /// End of validity.
    pub not_after: String,
    /// SHA-256 of the DER, lower-case hex.
    pub fingerprint_sha256: String,
    /// Leaf first, then its chain.
    pub pem_chain: String,
    /// The request it answers.
    #[serde(default)]
    pub csr_pem: String,
    /// `RSA`, `ECDSA` or `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<String>,
    /// Size of the key in bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_size: Option<u32>,
    /// Who holds the key: an agent's id, or `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// When it was issued.
    pub created_at: String,
}

request! {
    /// Body of `POST /api/v1/certificates/{id}/renew`; may be absent.
    Renew {
        /// Renew although a renewal is under way: the open job is returned, never a second one made.
        force: Option<bool>,
        /// A PKCS#10 request, PEM, where the key is held outside.
        csr_pem: Option<String>,
    }
}

/// Answer of a renewal: 202.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewAnswer {
    /// `renewal_triggered`.
    pub status: String,
    /// The job that renews; the first, where several agents hold keys.
    pub job_id: String,
    /// All of them.
    #[serde(default)]
    pub job_ids: Vec<String>,
}

request! {
    /// Body of `POST /api/v1/certificates/{id}/deploy`; may be absent.
    Deploy {
        /// A mapped target; absent for all of them.
        target_id: Option<String>,
    }
}

/// Answer of a deployment: 202.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeployAnswer {
    /// `deployment_triggered`.
    pub status: String,
    /// One job per target.
    #[serde(default)]
    pub job_ids: Vec<String>,
}

/// Answer of `POST /api/v1/certificates`: the record alone, or with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum CertificateCreated {
    /// With `issue=true`.
    Issue(Box<IssueAnswer>),
    /// Without.
    Record(Box<Certificate>),
}

request! {
    /// Body of `PUT /api/v1/certificates/{id}/targets`.
    TargetsSet {
        /// All targets of the certificate; required.
        target_ids: Vec<String>,
    }
}
