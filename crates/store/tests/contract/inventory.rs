//! What certificates hang on: ownership, policies, issuers, profiles, agents and their tokens.

use certctl_db::{Db, DbError};
use certctl_domain::agent::{Agent, Credential, CredentialKind, EnrollmentToken};
use certctl_domain::ids::{AgentId, CredentialId, ProfileId, TargetId, TokenId};
use certctl_domain::ownership::{Owner, Team};
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::{Profile, ProfileRules};
use certctl_domain::target::Target;
use certctl_store::{agents, certificates, issuers, owners, policies, profiles, teams, tokens};

use crate::fixtures::certificate;
use crate::foundation::{day, issuer, now, owner, policy, team};
use crate::{moved, stored, write};

pub(crate) async fn things_read_back_and_refuse_old_revisions(db: &Db) {
    let team_after = Team { name: "Renamed".to_owned(), revision: 2, ..team("team_1") };
    stored(db, |unit| teams::update(unit, &team_after)).await;
    moved(write(db, |unit| teams::update(unit, &team_after)).await);
    assert_eq!(teams::get(db, &team_after.id).await.expect("read"), Some(team_after));

    let owner_after = Owner { email: "eve@example.org".to_owned(), revision: 2, ..owner("own_1") };
    stored(db, |unit| owners::update(unit, &owner_after)).await;
    moved(write(db, |unit| owners::update(unit, &owner_after)).await);
    assert_eq!(owners::get(db, &owner_after.id).await.expect("read"), Some(owner_after));

    let policy_after = RenewalPolicy { max_retries: 9, revision: 2, ..policy("rp-default") };
    stored(db, |unit| policies::update(unit, &policy_after)).await;
    moved(write(db, |unit| policies::update(unit, &policy_after)).await);
    assert_eq!(policies::get(db, &policy_after.id).await.expect("read"), Some(policy_after));

    let issuer_before = issuer("iss-local");
    assert_eq!(issuers::get(db, &issuer_before.id).await.expect("read"), Some(issuer_before.clone()));
    let (root, issuing) = match certctl_store::cas::pair(db, &issuer_before.id).await.expect("read") {
        Some((issuing, root)) => (root, issuing),
        None => panic!("the local issuer has its CAs"),
    };
    assert_eq!(issuing.parent_id, Some(root.id));
}

pub(crate) async fn what_is_referred_to_cannot_be_deleted(db: &Db) {
    stored(db, |unit| certificates::insert(unit, &certificate("cert_1"))).await;
    let in_use =
        |outcome: Result<(), DbError>| assert!(matches!(outcome, Err(DbError::Reference { .. })), "{outcome:?}");
    in_use(write(db, |unit| teams::delete(unit, &team("team_1"))).await);
    in_use(write(db, |unit| owners::delete(unit, &owner("own_1"))).await);
    in_use(write(db, |unit| policies::delete(unit, &policy("rp-default"))).await);
    in_use(write(db, |unit| issuers::delete(unit, &issuer("iss-local"))).await);
    assert_eq!(teams::references(db, &team("team_1").id).await.expect("read"), [("owners", 1), ("certificates", 1)]);
    stored(db, |unit| teams::insert(unit, &team("team_2"))).await;
    moved(write(db, |unit| teams::delete(unit, &Team { revision: 7, ..team("team_2") })).await);
    stored(db, |unit| teams::delete(unit, &team("team_2"))).await;
    assert_eq!(teams::get(db, &team("team_2").id).await.expect("read"), None);
}

pub(crate) async fn a_token_admits_no_more_than_it_may(db: &Db) {
    let token = EnrollmentToken {
        id: TokenId::fixed("tok_1"),
        token_hash: "hash".to_owned(),
        name_pattern: None,
        agent_id: None,
        max_uses: 3,
        uses: 0,
        created_by: "ada".to_owned(),
        created_at: now(),
        expires_at: day(1),
        revoked_at: None,
    };
    stored(db, |unit| tokens::insert(unit, &token)).await;
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let (db, id) = (db.clone(), token.id.clone());
            tokio::spawn(async move { write(&db, |unit| tokens::take_use(unit, &id)).await })
        })
        .collect();
    let mut admitted = 0;
    for attempt in tries {
        match attempt.await.expect("ends") {
            Ok(()) => admitted += 1,
            refused => moved(refused),
        }
    }
    assert_eq!(admitted, 3);
    let read = tokens::by_hash(db, "hash").await.expect("read").expect("there");
    assert_eq!(read.uses, 3);
}

pub(crate) async fn credentials_die_together(db: &Db) {
    let agent = agent("agt_1");
    let credential = |id: &'static str, key_hash: &str| Credential {
        id: CredentialId::fixed(id),
        agent_id: agent.id.clone(),
        kind: CredentialKind::ApiKey { key_hash: key_hash.to_owned() },
        created_at: now(),
        expires_at: None,
        revoked_at: None,
    };
    stored(db, |unit| {
        agents::insert(unit, &agent);
        agents::insert_credential(unit, &credential("cred_1", "a"));
        agents::insert_credential(unit, &credential("cred_2", "b"));
    })
    .await;
    assert_eq!(agents::credential_by_key(db, "a").await.expect("read"), Some(credential("cred_1", "a")));
    stored(db, |unit| agents::revoke_credentials_but(unit, &agent.id, &[credential("cred_2", "b")], day(1))).await;
    let revoked = |hash: &'static str| async move {
        agents::credential_by_key(db, hash).await.expect("read").expect("there").revoked_at
    };
    assert_eq!((revoked("a").await, revoked("b").await), (Some(day(1)), None));
    stored(db, |unit| agents::revoke_credentials(unit, &agent.id, day(2))).await;
    assert_eq!((revoked("a").await, revoked("b").await), (Some(day(1)), Some(day(2))));
}

pub(crate) async fn every_revision_of_a_profile_is_kept(db: &Db) {
    let first = Profile {
        id: ProfileId::fixed("prof_1"),
        rules: ProfileRules::named("web"),
        created_at: now(),
        updated_at: now(),
        revision: 1,
    };
    stored(db, |unit| profiles::insert(unit, &first)).await;
    let mut second = Profile { revision: 2, ..first.clone() };
    second.rules.description = "stricter".to_owned();
    stored(db, |unit| profiles::update(unit, &second)).await;
    moved(write(db, |unit| profiles::update(unit, &second)).await);
    assert_eq!(profiles::get(db, &first.id).await.expect("read"), Some(second.clone()));
    for kept in [first, second] {
        let rules = profiles::at_revision(db, &kept.id, kept.revision).await.expect("read");
        assert_eq!(rules, Some(kept.rules));
    }
}

pub(crate) fn agent(id: &'static str) -> Agent {
    Agent {
        id: AgentId::fixed(id),
        name: format!("Agent {id}"),
        hostname: "host".to_owned(),
        os: "linux".to_owned(),
        architecture: "x86_64".to_owned(),
        ip_address: "127.0.0.1".to_owned(),
        version: "0.1.0".to_owned(),
        enrolled: true,
        last_heartbeat_at: None,
        registered_at: now(),
        retired_at: None,
        retired_reason: None,
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn target(id: &'static str, agent: &'static str) -> Target {
    Target {
        id: TargetId::fixed(id),
        name: format!("Target {id}"),
        kind: "File".to_owned(),
        agent_id: AgentId::fixed(agent),
        config: "{}".to_owned(),
        sealed_config: None,
        enabled: true,
        source: "database".to_owned(),
        test_status: "untested".to_owned(),
        last_tested_at: None,
        retired_at: None,
        retired_reason: None,
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}
