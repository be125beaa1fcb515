//! The rows every installation starts with. Safe at every start and from every replica: what exists is left as it is.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::PolicyId;
use certctl_domain::issuer::{Issuer, LOCAL_CA, agents_issuer, local_issuer};
use certctl_domain::policy::RenewalPolicy;

use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

/// The policy that certificates have where nobody chooses one.
const DEFAULT_POLICY: &str = "rp-default";

impl App {
    /// Adds the default renewal policy, the local issuer and the internal issuer of agent identities, where they are missing.
    /// The certificate authorities behind the issuers are made apart, by [`App::ca_ensure`].
    ///
    /// # Errors
    /// Unavailable.
    pub async fn seed(&self) -> Result<()> {
        self.seed_policy().await?;
        self.seed_issuer(self.issuer_of_ours(Seed::Local)).await?;
        self.seed_issuer(self.issuer_of_ours(Seed::Agents)).await
    }

    async fn seed_policy(&self) -> Result<()> {
        let id = PolicyId::fixed(DEFAULT_POLICY);
        if certctl_store::policies::get(self.db(), &id).await?.is_some() {
            return Ok(());
        }
        let policy = RenewalPolicy {
            name: "default".to_owned(),
            retry_interval_seconds: 60,
            ..crate::policies::defaults(id, self.now())
        };
        let mut unit = Unit::new();
        certctl_store::policies::insert(&mut unit, &policy);
        self.audit(&mut unit, &Caller::system("seed"), crate::policies::event(Action::PolicyCreated, &policy));
        // Somebody else was first: another replica, or a person who took the name.
        self.commit_or_moved(unit).await.map(drop)
    }

    async fn seed_issuer(&self, issuer: Issuer) -> Result<()> {
        if certctl_store::issuers::get(self.db(), &issuer.id).await?.is_some() {
            return Ok(());
        }
        let mut unit = Unit::new();
        certctl_store::issuers::insert(&mut unit, &issuer);
        self.audit(&mut unit, &Caller::system("seed"), crate::issuers::event(Action::IssuerCreated, &issuer));
        self.commit_or_moved(unit).await.map(drop)
    }

    fn issuer_of_ours(&self, seed: Seed) -> Issuer {
        let (id, name) = match seed {
            Seed::Local => (local_issuer(), "Local CA"),
            Seed::Agents => (agents_issuer(), "Agent identities"),
        };
        let now = self.now();
        Issuer {
            id,
            name: name.to_owned(),
            kind: LOCAL_CA.to_owned(),
            config: "{}".to_owned(),
            sealed_config: None,
            enabled: true,
            internal: matches!(seed, Seed::Agents),
            source: "database".to_owned(),
            test_status: "untested".to_owned(),
            last_tested_at: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        }
    }
}

/// The issuers of every installation.
enum Seed {
    /// For everybody's certificates.
    Local,
    /// For the identities of agents; neither listed nor selectable.
    Agents,
}
