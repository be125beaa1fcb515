//! The permission catalogue and the built-in roles: one table, from which the database seed, the reference page and the
//! route tests are made.

use std::fmt;

macro_rules! permissions {
    ($($name:ident $text:literal $roles:literal,)*) => {
        /// Something that may be done. The text form is the wire's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $(
                #[doc = concat!("`", $text, "`")]
                $name,
            )*
        }

        impl Permission {
            /// The whole catalogue, in wire order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The wire name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            fn letters(self) -> &'static str {
                match self { $(Self::$name => $roles,)* }
            }
        }
    };
}

// A admin, O operator, V viewer, G agent, X metrics-reader.
permissions! {
    AgentEdit "agent.edit" "AO",
    AgentHeartbeat "agent.heartbeat" "AG",
    AgentJobComplete "agent.job.complete" "AG",
    AgentJobPoll "agent.job.poll" "AG",
    AgentJobReport "agent.job.report" "AG",
    AgentRead "agent.read" "AOV",
    AgentRetire "agent.retire" "A",
    ApprovalApprove "approval.approve" "AO",
    ApprovalRead "approval.read" "AOV",
    ApprovalReject "approval.reject" "AO",
    AuditExport "audit.export" "A",
    AuditRead "audit.read" "AOV",
    AuthBootstrapUse "auth.bootstrap.use" "A",
    AuthBreakglassAdmin "auth.breakglass.admin" "A",
    AuthBreakglassLogin "auth.breakglass.login" "A",
    AuthKeyCreate "auth.key.create" "A",
    AuthKeyDelete "auth.key.delete" "A",
    AuthKeyList "auth.key.list" "A",
    AuthKeyRotate "auth.key.rotate" "A",
    AuthOidcCreate "auth.oidc.create" "A",
    AuthOidcDelete "auth.oidc.delete" "A",
    AuthOidcEdit "auth.oidc.edit" "A",
    AuthOidcList "auth.oidc.list" "A",
    AuthRoleAssign "auth.role.assign" "A",
    AuthRoleCreate "auth.role.create" "A",
    AuthRoleDelete "auth.role.delete" "A",
    AuthRoleEdit "auth.role.edit" "A",
    AuthRoleList "auth.role.list" "A",
    AuthRoleRevoke "auth.role.revoke" "A",
    AuthSessionList "auth.session.list" "A",
    AuthSessionListAll "auth.session.list.all" "A",
    AuthSessionRevoke "auth.session.revoke" "A",
    AuthUserDeactivate "auth.user.deactivate" "A",
    AuthUserRead "auth.user.read" "AO",
    CaHierarchyManage "ca.hierarchy.manage" "A",
    CertBulkRevoke "cert.bulk_revoke" "A",
    CertDelete "cert.delete" "AO",
    CertEdit "cert.edit" "AO",
    CertExport "cert.export" "AO",
    CertIssue "cert.issue" "AO",
    CertRead "cert.read" "AOVG",
    CertRevoke "cert.revoke" "AO",
    CrlAdmin "crl.admin" "A",
    DigestRead "digest.read" "AOV",
    DigestSend "digest.send" "AO",
    DiscoveryClaim "discovery.claim" "AO",
    DiscoveryRead "discovery.read" "AOV",
    DiscoveryRun "discovery.run" "AOG",
    EstAdmin "est.admin" "A",
    HealthcheckAcknowledge "healthcheck.acknowledge" "AO",
    HealthcheckDelete "healthcheck.delete" "AO",
    HealthcheckEdit "healthcheck.edit" "AO",
    HealthcheckRead "healthcheck.read" "AOV",
    IssuerDelete "issuer.delete" "A",
    IssuerEdit "issuer.edit" "AO",
    IssuerRead "issuer.read" "AOV",
    JobCancel "job.cancel" "AO",
    JobRead "job.read" "AOV",
    MetricsRead "metrics.read" "AOVX",
    NetworkScanEdit "network_scan.edit" "AO",
    NetworkScanRead "network_scan.read" "AOV",
    NetworkScanRun "network_scan.run" "AO",
    NotificationEdit "notification.edit" "AO",
    NotificationRead "notification.read" "AOV",
    OwnerDelete "owner.delete" "AO",
    OwnerEdit "owner.edit" "AO",
    OwnerRead "owner.read" "AOV",
    PolicyDelete "policy.delete" "AO",
    PolicyEdit "policy.edit" "AO",
    PolicyRead "policy.read" "AOV",
    ProfileDelete "profile.delete" "A",
    ProfileEdit "profile.edit" "AO",
    ProfileRead "profile.read" "AOV",
    ScepAdmin "scep.admin" "A",
    StatsRead "stats.read" "AOV",
    TargetDelete "target.delete" "AO",
    TargetEdit "target.edit" "AO",
    TargetRead "target.read" "AOV",
    TeamDelete "team.delete" "AO",
    TeamEdit "team.edit" "AO",
    TeamRead "team.read" "AOV",
    VerificationRead "verification.read" "AOV",
    VerificationRun "verification.run" "AOG",
}

impl Permission {
    /// Reads the wire name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text)
    }

    /// The part before the first dot.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// The database id: `p-` and the name with dashes.
    #[must_use]
    pub fn id(self) -> String {
        format!("p-{}", self.as_str().replace(['.', '_'], "-"))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The roles every installation has; their permissions are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Admin,
    /// Day-to-day work.
    Operator,
    /// Looks, changes nothing.
    Viewer,
    /// What an agent needs.
    Agent,
    /// A Prometheus scrape and nothing else.
    MetricsReader,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Operator, Self::Viewer, Self::Agent, Self::MetricsReader];

    /// The fixed id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Admin => "r-admin",
            Self::Operator => "r-operator",
            Self::Viewer => "r-viewer",
            Self::Agent => "r-agent",
            Self::MetricsReader => "r-metrics-reader",
        }
    }

    /// The name shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::MetricsReader => "metrics-reader",
        }
    }

    /// What it is for.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Admin => "Everything, including keys and roles",
            Self::Operator => "Issue, deploy, approve and configure; no keys, no roles",
            Self::Viewer => "Read everything but the authentication settings",
            Self::Agent => "What an agent needs for its own work",
            Self::MetricsReader => "Scrape the metrics and nothing else",
        }
    }

    /// Reads a role id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// Whether the role holds a permission.
    #[must_use]
    pub fn holds(self, permission: Permission) -> bool {
        let letter = match self {
            Self::Admin => 'A',
            Self::Operator => 'O',
            Self::Viewer => 'V',
            Self::Agent => 'G',
            Self::MetricsReader => 'X',
        };
        permission.letters().contains(letter)
    }

    /// All permissions of the role.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.holds(*permission))
    }
}

/// The matrix as a text table, for the reference page and the test that pins it.
#[must_use]
pub fn matrix() -> String {
    let mut text = format!("{:<26}", "permission");
    for role in Role::ALL {
        text.push_str(&format!("{:<16}", role.name()));
    }
    let mut lines = vec![text.trim_end().to_owned()];
    for permission in Permission::ALL {
        let mut line = format!("{:<26}", permission.as_str());
        for role in Role::ALL {
            line.push_str(&format!("{:<16}", if role.holds(*permission) { "yes" } else { "-" }));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_82_permissions_and_export() {
        assert_eq!(Permission::ALL.len(), 83);
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(*permission));
        }
    }

    #[test]
    fn roles_hold_what_the_ruling_says() {
        let count = |role: Role| role.permissions().count();
        assert_eq!(count(Role::Admin), 83);
        assert_eq!(count(Role::Agent), 7);
        assert!(Role::Agent.holds(Permission::VerificationRun));
        assert_eq!(Role::MetricsReader.permissions().collect::<Vec<_>>(), [Permission::MetricsRead]);
        assert!(Role::Viewer.permissions().all(|permission| permission.as_str().ends_with(".read")));
    }
}
