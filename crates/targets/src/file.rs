//! `File`: certificate, key and chain as files, a command to check them and one to load them.
//!
//! Every target that is a set of files is this: a configuration, and a plan made of it for the deploy primitive.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use certctl_connector::{
    Check, ConnectorError, Cx, Deployed, ErrorClass, FieldError, Material, ProbeReport, Progress, Target,
    schema::{Argv, Mode, Span},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Site, command,
    deploy::{
        self,
        look::{self, Found},
        plan::{Commands, Plan},
    },
    trouble::Trouble,
};

mod contents;
mod owner;
mod schema;

pub use schema::SCHEMA;

/// Type id.
pub const KIND: &str = "File";

/// A set of files on the agent's host.
#[derive(Clone)]
pub struct File {
    site: Arc<Site>,
    target: String,
    config: FileConfig,
}

/// Configuration; defaults are those of [`SCHEMA`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConfig {
    cert_path: PathBuf,
    cert_content: CertContent,
    cert_mode: Option<Mode>,
    cert_owner: Option<String>,
    cert_group: Option<String>,
    key_path: Option<PathBuf>,
    key_mode: Option<Mode>,
    key_owner: Option<String>,
    key_group: Option<String>,
    chain_path: Option<PathBuf>,
    chain_mode: Option<Mode>,
    chain_owner: Option<String>,
    chain_group: Option<String>,
    adopt: bool,
    validate_command: Option<Argv>,
    reload_command: Option<Argv>,
    post_deploy_verify: Option<VerifyConfig>,
}

/// What `cert_path` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CertContent {
    Fullchain,
    Leaf,
    KeyFullchain,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyConfig {
    enabled: bool,
    endpoint: Option<String>,
    server_name: Option<String>,
    timeout: Span,
    attempts: u32,
    backoff: Span,
    max_backoff: Span,
    required_successes: u32,
}

impl File {
    /// Reads `config`.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] naming every refused field.
    pub fn new(site: &Arc<Site>, target: &str, config: &Value) -> Result<Self, ConnectorError> {
        let config: FileConfig = SCHEMA.parse(config).map_err(|errors| refused(&errors))?;
        if let Some(verify) = &config.post_deploy_verify
            && verify.enabled
            && verify.endpoint.is_none()
        {
            let message = "is required to verify; give host:port, or set enabled to false";
            return Err(refused(&[FieldError::new("post_deploy_verify.endpoint", message)]));
        }
        Ok(Self { site: site.clone(), target: target.to_owned(), config })
    }

    fn plan(&self, material: &Material) -> Result<Plan, Trouble> {
        let config = &self.config;
        Ok(Plan {
            target: self.target.clone(),
            material: material.clone(),
            files: contents::files(config, material)?,
            adopt: config.adopt,
            commands: self.commands(),
            verify: contents::verify(config, Some(&material.leaf)),
        })
    }

    fn commands(&self) -> Commands {
        let argv = |command: &Option<Argv>| command.as_ref().map(|argv| argv.0.clone());
        Commands { validate: argv(&self.config.validate_command), reload: argv(&self.config.reload_command) }
    }

    fn look(&self) -> Found {
        let mut found = look::places(&self.site, &self.target, contents::destinations(&self.config), self.config.adopt);
        found.checks.extend(self.commands().iter().map(|argv| match command::check(&self.site, argv) {
            Ok(()) => Check::passed("command", argv.join(" ")),
            Err(trouble) => Check::failed("command", trouble.message),
        }));
        found
    }
}

#[async_trait]
impl Target for File {
    async fn validate(&self, cx: &Cx) -> Result<ProbeReport, ConnectorError> {
        let started = std::time::Instant::now();
        let this = self.clone();
        let trouble = |class, message: String| ConnectorError::new(class, KIND, "test", message);
        // Files may lie on a mount that does not answer: the agent goes on meanwhile.
        let looked = tokio::time::timeout(cx.budget, tokio::task::spawn_blocking(move || this.look())).await;
        let looked = looked.map_err(|_| {
            let seconds = cx.budget.as_secs();
            trouble(ErrorClass::Timeout, format!("its files did not answer within {seconds} s; look at the mount"))
        })?;
        let Found { mut checks, leaf } =
            looked.map_err(|error| trouble(ErrorClass::Internal, format!("the look ended unexpectedly: {error}")))?;
        let mut served_fingerprint = None;
        // As in a deployment: nobody connects for a target that the agent's policy refuses.
        if checks.iter().all(|check| check.ok)
            && let Some(verify) = contents::verify(&self.config, leaf.as_ref())
        {
            let (check, served) = verify.check(cx.budget).await;
            checks.push(check);
            served_fingerprint = served;
        }
        let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(ProbeReport { checks, latency_ms, served_fingerprint })
    }

    async fn deploy(&self, cx: &Cx, material: &Material, progress: &dyn Progress) -> Result<Deployed, ConnectorError> {
        let told = |trouble: Trouble| trouble.told_by(KIND, "deploy");
        let plan = self.plan(material).map_err(told)?;
        Box::pin(deploy::run(&self.site, plan, cx, progress)).await.map_err(told)
    }
}

fn refused(errors: &[FieldError]) -> ConnectorError {
    let all: Vec<_> = errors.iter().map(ToString::to_string).collect();
    ConnectorError::new(ErrorClass::Config, KIND, "configure", all.join("; "))
}

#[cfg(test)]
mod tests;
