//! Profiles and their revisions. Every revision stays readable as long as the profile exists, because versions are stamped
//! with the one they were issued under.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::ProfileId;
use certctl_domain::profile::{AcmeAuthMode, Eku, KeyRule, NameRules, Profile, ProfileRules};
use certctl_pki::key::KeyAlgorithm;
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::convert;
use crate::entities::profile_revisions;
use crate::entities::profiles::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The profile with this id.
pub async fn get(db: &Db, id: &ProfileId) -> Result<Option<Profile>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// What the profile said at a revision.
pub async fn at_revision(db: &Db, id: &ProfileId, revision: i64) -> Result<Option<ProfileRules>, DbError> {
    let row = profile_revisions::Entity::find_by_id((id.to_string(), revision)).one(db.read()).await?;
    row.map(|row| rules_from_json(&row.body)).transpose()
}

/// Profiles, oldest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<Profile>, DbError> {
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    list::page(db, Entity::find(), by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// Certificates, renewal policies and approval requests that name the profile.
pub async fn references(db: &Db, id: &ProfileId) -> Result<References, DbError> {
    let places = [
        ("certificates", "certificates", "certificate_profile_id"),
        ("renewal_policies", "renewal_policies", "certificate_profile_id"),
        ("approvals", "approvals", "profile_id"),
    ];
    references::count(db, id.as_str(), &places).await
}

/// Adds a profile with its first revision.
pub fn insert(unit: &mut Unit, profile: &Profile) {
    unit.insert(&row(profile));
    unit.insert(&revision(profile));
}

/// Writes a profile whose stored revision is the one before, and keeps the revision.
pub fn update(unit: &mut Unit, profile: &Profile) {
    let row = row(profile);
    unit.change_first(
        Change::of::<Entity>("profile", &profile.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .set(Column::Name, row.name)
            .set(Column::Body, row.body)
            .set(Column::Enabled, row.enabled)
            .set(Column::RequiresApproval, row.requires_approval)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
    unit.insert(&revision(profile));
}

/// Deletes a profile whose stored revision is this one, with its revisions.
pub fn delete(unit: &mut Unit, profile: &Profile) {
    let (id, revision) = ((Column::Id, profile.id.as_str()), (Column::Revision, profile.revision));
    remove::at_revision::<Entity, _>(unit, "profile", id, revision);
}

/// The rules as JSON, the form in which a proposed edit waits for approval.
#[must_use]
pub fn rules_to_json(rules: &ProfileRules) -> String {
    convert::to_json(&Body::of(rules))
}

/// Reads [`rules_to_json`].
///
/// # Errors
/// [`DbError::Other`] for a text that no released version has written.
pub fn rules_from_json(text: &str) -> Result<ProfileRules, DbError> {
    convert::json::<Body>("profiles", "body", text)?.rules()
}

fn row(profile: &Profile) -> Model {
    Model {
        id: profile.id.to_string(),
        name: profile.rules.name.clone(),
        body: rules_to_json(&profile.rules),
        enabled: profile.rules.enabled,
        requires_approval: profile.rules.requires_approval,
        created_at: profile.created_at.unix_micros(),
        updated_at: profile.updated_at.unix_micros(),
        revision: profile.revision,
    }
}

fn revision(profile: &Profile) -> profile_revisions::Model {
    profile_revisions::Model {
        profile_id: profile.id.to_string(),
        revision: profile.revision,
        body: rules_to_json(&profile.rules),
        created_at: profile.updated_at.unix_micros(),
    }
}

fn read(row: Model) -> Result<Profile, DbError> {
    Ok(Profile {
        id: convert::id("profiles", "id", &row.id, ProfileId::parse)?,
        rules: rules_from_json(&row.body)?,
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}

/// The stored form: field names are those of the wire, so that an operator who reads a row or a request recognises them. A
/// field that a later version adds has a default here, so that older rows stay readable.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Body {
    name: String,
    description: String,
    enabled: bool,
    allowed_key_algorithms: Vec<KeyBody>,
    max_ttl_seconds: u64,
    min_ttl_seconds: u64,
    default_ttl_seconds: u64,
    allowed_ekus: Vec<String>,
    required_san_patterns: Vec<String>,
    permitted_dns: Vec<String>,
    forbidden_dns: Vec<String>,
    permitted_ips: Vec<String>,
    permitted_email_domains: Vec<String>,
    spiffe_uri_pattern: String,
    allow_wildcards: bool,
    allow_short_lived: bool,
    allow_key_reuse: bool,
    must_staple: bool,
    required_csr_attributes: Vec<String>,
    acme_auth_mode: String,
    requires_approval: bool,
}

#[derive(Serialize, Deserialize)]
struct KeyBody {
    algorithm: String,
    min_size: u32,
}

impl Default for Body {
    fn default() -> Self {
        Self::of(&ProfileRules::named(""))
    }
}

impl Body {
    fn of(rules: &ProfileRules) -> Self {
        let keys = rules.allowed_key_algorithms.iter();
        Self {
            name: rules.name.clone(),
            description: rules.description.clone(),
            enabled: rules.enabled,
            allowed_key_algorithms: keys
                .map(|rule| KeyBody { algorithm: rule.algorithm.as_str().to_owned(), min_size: rule.min_size })
                .collect(),
            max_ttl_seconds: rules.max_ttl_seconds,
            min_ttl_seconds: rules.min_ttl_seconds,
            default_ttl_seconds: rules.default_ttl_seconds,
            allowed_ekus: rules.allowed_ekus.iter().map(|eku| eku.as_str().to_owned()).collect(),
            required_san_patterns: rules.names.required_san_patterns.clone(),
            permitted_dns: rules.names.permitted_dns.clone(),
            forbidden_dns: rules.names.forbidden_dns.clone(),
            permitted_ips: rules.names.permitted_ips.clone(),
            permitted_email_domains: rules.names.permitted_email_domains.clone(),
            spiffe_uri_pattern: rules.names.spiffe_uri_pattern.clone(),
            allow_wildcards: rules.names.allow_wildcards,
            allow_short_lived: rules.allow_short_lived,
            allow_key_reuse: rules.allow_key_reuse,
            must_staple: rules.must_staple,
            required_csr_attributes: rules.required_csr_attributes.clone(),
            acme_auth_mode: rules.acme_auth_mode.as_str().to_owned(),
            requires_approval: rules.requires_approval,
        }
    }

    fn rules(self) -> Result<ProfileRules, DbError> {
        let keys = self.allowed_key_algorithms.iter().map(|rule| {
            let algorithm = convert::word("profiles", "body", &rule.algorithm, KeyAlgorithm::parse)?;
            Ok(KeyRule { algorithm, min_size: rule.min_size })
        });
        let keys = keys.collect::<Result<Vec<KeyRule>, DbError>>()?;
        let ekus = self.allowed_ekus.iter().map(|eku| convert::word("profiles", "body", eku, Eku::parse));
        let ekus = ekus.collect::<Result<Vec<Eku>, DbError>>()?;
        let acme_auth_mode = convert::word("profiles", "body", &self.acme_auth_mode, AcmeAuthMode::parse)?;
        Ok(ProfileRules {
            name: self.name,
            description: self.description,
            enabled: self.enabled,
            allowed_key_algorithms: keys,
            max_ttl_seconds: self.max_ttl_seconds,
            min_ttl_seconds: self.min_ttl_seconds,
            default_ttl_seconds: self.default_ttl_seconds,
            allowed_ekus: ekus,
            names: NameRules {
                required_san_patterns: self.required_san_patterns,
                permitted_dns: self.permitted_dns,
                forbidden_dns: self.forbidden_dns,
                permitted_ips: self.permitted_ips,
                permitted_email_domains: self.permitted_email_domains,
                spiffe_uri_pattern: self.spiffe_uri_pattern,
                allow_wildcards: self.allow_wildcards,
            },
            allow_short_lived: self.allow_short_lived,
            allow_key_reuse: self.allow_key_reuse,
            must_staple: self.must_staple,
            required_csr_attributes: self.required_csr_attributes,
            acme_auth_mode,
            requires_approval: self.requires_approval,
        })
    }
}
