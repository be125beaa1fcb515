//! Which certificates, in which order, and where a page begins.

use certctl_app::certificates::{After, Filter, Page, Sort};
use certctl_app::list::{Cursor, Key};
use certctl_domain::certificate::Status;
use certctl_domain::ids::{AgentId, CertificateId};
use certctl_edge::Problem;
use certctl_pki::Timestamp;
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::Paging;

/// Which certificates.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct CertificateQuery {
    /// Only those that are so now.
    status: Option<wire::CertificateStatus>,
    /// Only those of this environment.
    environment: Option<String>,
    /// Only those of this owner.
    owner_id: Option<String>,
    /// Only those of this team.
    team_id: Option<String>,
    /// Only those of this issuer.
    issuer_id: Option<String>,
    /// Only those under this profile.
    profile_id: Option<String>,
    /// Only those with a target of this agent.
    agent_id: Option<String>,
    /// Only those whose name or common name holds this.
    search: Option<String>,
    /// Only those that end before this, RFC 3339.
    expires_before: Option<String>,
    /// Only those that end after this, RFC 3339.
    expires_after: Option<String>,
    /// Only those created after this, RFC 3339.
    created_after: Option<String>,
    /// Only those changed after this, RFC 3339.
    updated_after: Option<String>,
    /// By what to sort: notAfter, expiresAt, createdAt, updatedAt, commonName, name, status, environment; - in front turns it round.
    sort: Option<String>,
    /// Turns the order round.
    sort_desc: Option<bool>,
}

const SORTS: [(&str, Sort); 8] = [
    ("createdAt", Sort::CreatedAt),
    ("updatedAt", Sort::UpdatedAt),
    ("notAfter", Sort::NotAfter),
    ("expiresAt", Sort::NotAfter),
    ("commonName", Sort::CommonName),
    ("name", Sort::Name),
    ("status", Sort::Status),
    ("environment", Sort::Environment),
];

pub(super) fn filter(query: &CertificateQuery) -> Result<Filter, Problem> {
    let agent_id = query.agent_id.as_deref().map(AgentId::parse).transpose();
    Ok(Filter {
        status: query.status.map(status),
        environment: query.environment.clone(),
        owner_id: query.owner_id.clone(),
        team_id: query.team_id.clone(),
        issuer_id: query.issuer_id.clone(),
        profile_id: query.profile_id.clone(),
        agent_id: agent_id.map_err(|error| Problem::invalid("agent_id", error.to_string()))?,
        search: query.search.clone().filter(|text| !text.is_empty()),
        expires_before: instant("expires_before", query.expires_before.as_deref())?,
        expires_after: instant("expires_after", query.expires_after.as_deref())?,
        created_after: instant("created_after", query.created_after.as_deref())?,
        updated_after: instant("updated_after", query.updated_after.as_deref())?,
    })
}

/// The page asked for, and the word of its order, which its cursors carry.
pub(super) fn page(query: &CertificateQuery, paging: &Paging) -> Result<(Page, &'static str), Problem> {
    let (minus, name) = match query.sort.as_deref() {
        None => (false, "createdAt"),
        Some(text) => text.strip_prefix('-').map_or((false, text), |name| (true, name)),
    };
    let known: Vec<&str> = SORTS.iter().map(|(word, _)| *word).collect();
    let found = SORTS.iter().find(|(word, _)| *word == name);
    let (word, sort) = found.ok_or_else(|| Problem::invalid("sort", certctl_edge::query::unknown(name, &known)))?;
    let descending = minus || query.sort_desc.unwrap_or(false);
    let after = paging.cursor().map(|text| cursor(text, word)).transpose()?;
    let after = after.map(|(value, id)| (Some(value), id));
    Ok((Page { sort: *sort, descending, offset: paging.offset(), after, limit: u64::from(paging.limit) }, word))
}

pub(super) fn cursor_text(sort: &str, after: &After, id: &CertificateId) -> String {
    let key = match after {
        After::Number(number) => Key::Number(*number),
        After::Text(text) => Key::Text(text.clone()),
    };
    Cursor::new(sort, key, id.as_str()).to_text()
}

fn cursor(text: &str, sort: &str) -> Result<(After, CertificateId), Problem> {
    let wrong =
        || Problem::invalid("cursor", "is not one of this list in this order; take next_cursor as it was given");
    let cursor = Cursor::parse(sort, text).map_err(|_| wrong())?;
    let id = CertificateId::parse(&cursor.id).map_err(|_| wrong())?;
    match cursor.key {
        Key::Number(number) => Ok((After::Number(number), id)),
        Key::Text(text) => Ok((After::Text(text), id)),
        Key::Null => Err(wrong()),
    }
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = text.map(Timestamp::parse_rfc3339).transpose();
    read.map_err(|error| Problem::invalid(name, format!("{error}; write it as 2027-01-15T00:00:00Z")))
}

fn status(status: wire::CertificateStatus) -> Status {
    match status {
        wire::CertificateStatus::Pending => Status::Pending,
        wire::CertificateStatus::Active => Status::Active,
        wire::CertificateStatus::Expiring => Status::Expiring,
        wire::CertificateStatus::Expired => Status::Expired,
        wire::CertificateStatus::RenewalInProgress => Status::RenewalInProgress,
        wire::CertificateStatus::Failed => Status::Failed,
        wire::CertificateStatus::Revoked => Status::Revoked,
        wire::CertificateStatus::Archived => Status::Archived,
    }
}
