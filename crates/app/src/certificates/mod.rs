//! Use cases on certificates, one file each.

mod archive;
mod create;
mod deploy;
mod list;
mod renew;
mod targets;
mod update;
mod why;

pub use certctl_store::certificates::{After, Filter, Page, Sort, Total};
pub use create::{Created, NewCertificate};
pub use deploy::Deployment;
pub use list::{CertificateView, Certificates, Versions};
pub use renew::Renewed;
pub(crate) use renew::{Start, issued_topic};
pub use update::CertificateChange;
pub use why::{Because, Next, Why};

use certctl_domain::certificate::{Holder, Identity};
use certctl_domain::ids::CertificateId;

/// An identity that has nothing yet.
pub(crate) fn identity(certificate_id: &CertificateId, holder: Holder) -> Identity {
    Identity {
        certificate_id: certificate_id.clone(),
        holder,
        current_version_id: None,
        not_before: None,
        not_after: None,
        renew_at: None,
        failures: 0,
    }
}
