//! What issuing needs again and again, kept for moments: profiles, policies, engines. Every change of such a row wakes the
//! topic [`CONFIG`], which empties the caches of all replicas; the short life covers a lost wake.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use certctl_connector::Engine;
use certctl_domain::certificate::Status;
use certctl_domain::ids::{IssuerId, PolicyId, ProfileId};
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::Profile;
use certctl_pki::Timestamp;
use moka::sync::Cache;

use crate::error::{Error, Result};
use crate::gauges::Gauges;
use crate::world::App;

/// The wake topic of every change to a cached row.
pub const CONFIG: &str = "config";
/// How old a count of statuses may be (rulings §8).
pub const STATUS_LIFE: Duration = Duration::from_secs(15);
const LIFE: Duration = Duration::from_secs(5);
const ENTRIES: u64 = 1_000;

pub(crate) struct Caches {
    pub(crate) profiles: Cache<ProfileId, Arc<Profile>>,
    pub(crate) policies: Cache<PolicyId, Arc<RenewalPolicy>>,
    pub(crate) engines: Cache<IssuerId, Arc<Engine>>,
    pub(crate) statuses: Cache<(), (HashMap<Status, u64>, Timestamp)>,
    pub(crate) gauges: Cache<(), Gauges>,
}

impl Caches {
    pub(crate) fn new() -> Self {
        Self {
            profiles: cache(),
            policies: cache(),
            engines: cache(),
            statuses: Cache::builder().max_capacity(1).time_to_live(STATUS_LIFE).build(),
            gauges: Cache::builder().max_capacity(1).time_to_live(STATUS_LIFE).build(),
        }
    }

    pub(crate) fn clear(&self) {
        self.profiles.invalidate_all();
        self.policies.invalidate_all();
        self.engines.invalidate_all();
    }
}

fn cache<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(ENTRIES).time_to_live(LIFE).build()
}

impl App {
    /// Forgets cached configuration; called after every change of it, and on the wake [`CONFIG`].
    pub fn config_changed(&self) {
        self.caches().clear();
    }

    /// The profile of a certificate. Issuing fails closed: no profile, no certificate.
    pub(crate) async fn profile_for_issue(&self, id: Option<&ProfileId>) -> Result<Arc<Profile>> {
        let field = "certificate_profile_id";
        let id = id.ok_or_else(|| Error::refused(field, "a certificate is issued under a profile; name one"))?;
        if let Some(profile) = self.caches().profiles.get(id) {
            return Ok(profile);
        }
        let profile = certctl_store::profiles::get(self.db(), id).await?;
        let profile = Arc::new(profile.ok_or_else(|| Error::invalid(field, format!("profile {id} does not exist")))?);
        self.caches().profiles.insert(id.clone(), Arc::clone(&profile));
        Ok(profile)
    }

    pub(crate) async fn policy_for_issue(&self, id: &PolicyId) -> Result<Arc<RenewalPolicy>> {
        if let Some(policy) = self.caches().policies.get(id) {
            return Ok(policy);
        }
        let policy = certctl_store::policies::get(self.db(), id).await?;
        let message = format!("renewal policy {id} does not exist; rp-default always does");
        let policy = Arc::new(policy.ok_or_else(|| Error::invalid("renewal_policy_id", message))?);
        self.caches().policies.insert(id.clone(), Arc::clone(&policy));
        Ok(policy)
    }
}
