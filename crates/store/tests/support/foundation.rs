//! What every certificate stands on, and the present.

use std::collections::BTreeMap;

use certctl_db::Unit;
use certctl_domain::ids::{CaId, IssuerId, OwnerId, PolicyId, TeamId};
use certctl_domain::issuer::{Ca, CaRole, Issuer};
use certctl_domain::ownership::{Owner, Team};
use certctl_domain::policy::RenewalPolicy;
use certctl_pki::Timestamp;

/// The present of every fixture.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000)
}

pub(crate) fn day(days: i64) -> Timestamp {
    Timestamp::from_unix_micros(now().unix_micros() + days * 86_400_000_000)
}

/// Team, owner, policy, issuer and its CAs, which every certificate needs.
pub(crate) fn foundation() -> Unit {
    let mut unit = Unit::new();
    certctl_store::teams::insert(&mut unit, &team("team_1"));
    certctl_store::owners::insert(&mut unit, &owner("own_1"));
    certctl_store::policies::insert(&mut unit, &policy("rp-default"));
    certctl_store::issuers::insert(&mut unit, &issuer("iss-local"));
    certctl_store::cas::insert(&mut unit, &ca("ca_root", CaRole::Root));
    certctl_store::cas::insert(&mut unit, &ca("ca_issuing", CaRole::Issuing));
    unit
}

pub(crate) fn team(id: &'static str) -> Team {
    Team {
        id: TeamId::fixed(id),
        name: format!("Team {id}"),
        description: String::new(),
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn owner(id: &'static str) -> Owner {
    Owner {
        id: OwnerId::fixed(id),
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        team_id: TeamId::fixed("team_1"),
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn policy(id: &'static str) -> RenewalPolicy {
    RenewalPolicy {
        id: PolicyId::fixed(id),
        name: format!("Policy {id}"),
        renewal_window_days: 30,
        auto_renew: true,
        max_retries: 3,
        retry_interval_seconds: 60,
        alert_thresholds_days: vec![30, 14, 7, 0],
        alert_channels: BTreeMap::new(),
        alert_severity_map: BTreeMap::new(),
        certificate_profile_id: None,
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn issuer(id: &'static str) -> Issuer {
    Issuer {
        id: IssuerId::fixed(id),
        name: format!("Issuer {id}"),
        kind: "local".to_owned(),
        config: "{}".to_owned(),
        sealed_config: None,
        enabled: true,
        internal: false,
        source: "database".to_owned(),
        test_status: "untested".to_owned(),
        last_tested_at: None,
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn ca(id: &'static str, role: CaRole) -> Ca {
    Ca {
        id: CaId::fixed(id),
        issuer_id: IssuerId::fixed("iss-local"),
        role,
        parent_id: match role {
            CaRole::Root => None,
            CaRole::Issuing => Some(CaId::fixed("ca_root")),
        },
        certificate: vec![0x30, 1, 2],
        sealed_key: Some(vec![4; 40]),
        key_ref: None,
        not_before: now(),
        not_after: day(3650),
        created_at: now(),
    }
}
