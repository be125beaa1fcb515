//! ③ Who owns what, what may be issued, when it is renewed.

use std::time::Instant;

use certctl_client::Client;
use certctl_wire::{KeyRule, OwnerCreate, ProfileCreate, RenewalPolicyCreate, TeamCreate};

use super::{NAME, call_failed, found};
use crate::failure::Failure;
use crate::run::Run;

const STEP: &str = "inventory";

/// Team, owner, profile and policy.
pub(super) async fn ensure(run: &Run, client: &Client) -> Result<(), Failure> {
    let since = Instant::now();
    if found(client.team(NAME).await).map_err(call_failed(STEP, "the team"))?.is_none() {
        client.team_create(&team()).await.map_err(call_failed(STEP, "the team"))?;
    }
    if found(client.owner(NAME).await).map_err(call_failed(STEP, "the owner"))?.is_none() {
        client.owner_create(&owner()).await.map_err(call_failed(STEP, "the owner"))?;
    }
    if found(client.profile(NAME).await).map_err(call_failed(STEP, "the profile"))?.is_none() {
        client.profile_create(&profile()).await.map_err(call_failed(STEP, "the profile"))?;
    }
    if found(client.renewal_policy(NAME).await).map_err(call_failed(STEP, "the renewal policy"))?.is_none() {
        client.renewal_policy_create(&policy()).await.map_err(call_failed(STEP, "the renewal policy"))?;
    }
    run.done('③', "team, owner, profile (P-256, ten minutes) and renewal policy", since, |_, _| {});
    Ok(())
}

fn team() -> TeamCreate {
    TeamCreate {
        id: Some(NAME.to_owned()),
        name: NAME.to_owned(),
        description: "Made by certctl quickstart".to_owned(),
    }
}

fn owner() -> OwnerCreate {
    OwnerCreate {
        id: Some(NAME.to_owned()),
        name: NAME.to_owned(),
        email: "quickstart@localhost.localdomain".to_owned(),
        team_id: NAME.to_owned(),
    }
}

fn profile() -> ProfileCreate {
    ProfileCreate {
        id: Some(NAME.to_owned()),
        name: NAME.to_owned(),
        description: Some("Made by certctl quickstart: ten minutes, so that a renewal is soon to be seen".to_owned()),
        allowed_key_algorithms: Some(vec![KeyRule { algorithm: "ECDSA".to_owned(), min_size: 256 }]),
        max_ttl_seconds: Some(LIFE_SECONDS),
        allow_short_lived: Some(true),
        ..ProfileCreate::default()
    }
}

fn policy() -> RenewalPolicyCreate {
    RenewalPolicyCreate {
        id: Some(NAME.to_owned()),
        name: NAME.to_owned(),
        auto_renew: Some(true),
        retry_interval_seconds: Some(60),
        ..RenewalPolicyCreate::default()
    }
}

const LIFE_SECONDS: u64 = 600;
