use super::*;
use crate::policy::RenewalPolicy;

pub(crate) fn policy() -> RenewalPolicy {
    RenewalPolicy {
        id: PolicyId::fixed("rp-default"),
        name: "default".to_owned(),
        renewal_window_days: 30,
        auto_renew: true,
        max_retries: 3,
        retry_interval_seconds: 60,
        alert_thresholds_days: vec![30, 14, 7, 0],
        alert_channels: BTreeMap::new(),
        alert_severity_map: BTreeMap::new(),
        certificate_profile_id: None,
        created_at: Timestamp::from_unix_secs(0),
        updated_at: Timestamp::from_unix_secs(0),
        revision: 1,
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        certificate_id: CertificateId::fixed("cert-a"),
        holder: Holder::External,
        current_version_id: None,
        not_before: None,
        not_after: None,
        renew_at: None,
        failures: 0,
    }
}

pub(crate) fn certificate() -> Certificate {
    Certificate {
        id: CertificateId::fixed("cert-a"),
        name: "a".to_owned(),
        common_name: "a.example".to_owned(),
        sans: vec![San::Dns("a.example".to_owned())],
        environment: String::new(),
        owner_id: OwnerId::fixed("own-a"),
        team_id: TeamId::fixed("team-a"),
        issuer_id: IssuerId::fixed("iss-local"),
        renewal_policy_id: PolicyId::fixed("rp-default"),
        certificate_profile_id: Some(ProfileId::fixed("prof-a")),
        tags: BTreeMap::new(),
        source: String::new(),
        not_before: None,
        not_after: None,
        last_renewal_at: None,
        last_deployment_at: None,
        renewal_failures: 0,
        last_renewal_error: None,
        last_editor: "alice".to_owned(),
        archived_at: None,
        revoked_at: None,
        revocation_reason: None,
        created_at: Timestamp::from_unix_secs(0),
        updated_at: Timestamp::from_unix_secs(0),
        revision: 1,
    }
}

fn at(days: i64) -> Timestamp {
    Timestamp::from_unix_secs(days * 86_400)
}

#[test]
fn the_first_matching_status_wins() {
    let now = at(50);
    let idle = OpenWork::default();
    let open = OpenWork { open: true, ..idle };
    let mut cert = certificate();
    assert_eq!(cert.status(now, false, idle), Status::Pending);
    assert_eq!(cert.status(now, false, OpenWork { last_failed: true, ..idle }), Status::Failed);
    assert_eq!(cert.status(now, false, open), Status::Pending);
    (cert.not_before, cert.not_after) = (Some(at(0)), Some(at(90)));
    assert_eq!(cert.status(now, false, idle), Status::Active);
    assert_eq!(cert.status(now, false, open), Status::RenewalInProgress);
    assert_eq!(cert.status(at(61), false, idle), Status::Expiring);
    assert_eq!(cert.status(at(90), false, open), Status::Expired);
    cert.revoked_at = Some(at(40));
    assert_eq!(cert.status(now, true, open), Status::Revoked);
    assert_eq!(cert.status(now, false, idle), Status::Active);
    cert.archived_at = Some(at(45));
    assert_eq!(cert.status(now, true, open), Status::Archived);
}

#[test]
fn only_a_reserved_version_moves() {
    for from in VersionState::ALL {
        for to in VersionState::ALL {
            let allowed = from == VersionState::Reserved && to != VersionState::Reserved;
            assert_eq!(from.may_become(to), allowed, "{from:?} -> {to:?}");
        }
    }
}
