//! Use cases on certificates, one file each.

mod archive;
mod create;
mod deploy;
mod list;
mod renew;
mod targets;
mod update;
mod why;

pub use create::{Created, NewCertificate};
pub use deploy::Deployment;
pub use list::{CertificateView, Versions};
pub use renew::Renewed;
pub use update::CertificateChange;
pub use why::{Because, Next, Why};
