//! ⑤ Where the certificate goes, and the certificate itself, not issued yet.

use certctl_client::Client;
use certctl_wire::{CertificateCreate, TargetCreate, TargetUpdate};
use serde_json::{Value, json};

use super::{NAME, SERVED_NAME, call_failed, endpoint, found};
use crate::endpoint::{CERTIFICATE_NAME, KEY_NAME, STATUS_NAME};
use crate::failure::Failure;
use crate::run::Run;

const STEP: &str = "target";

/// The `File` target of this agent, and the certificate mapped to it.
pub(super) async fn ensure(run: &Run, client: &Client, agent_id: &str) -> Result<(), Failure> {
    let wanted = config(run);
    match found(client.target(NAME).await).map_err(call_failed(STEP, "the target"))? {
        None => {
            let ask = TargetCreate {
                id: Some(NAME.to_owned()),
                name: NAME.to_owned(),
                r#type: "File".to_owned(),
                agent_id: agent_id.to_owned(),
                config: Some(wanted),
                enabled: Some(true),
            };
            client.target_create(&ask).await.map_err(call_failed(STEP, "the target"))?;
        }
        Some(target) if target.agent_id == agent_id && holds(&target.config, &wanted) => {}
        // The directory was moved, the port chosen anew, or the agent is another one.
        Some(target) => {
            let change =
                TargetUpdate { agent_id: Some(agent_id.to_owned()), config: Some(wanted), ..TargetUpdate::default() };
            let changed = client.target_update(NAME, &change, Some(target.revision)).await;
            changed.map_err(call_failed(STEP, "the target"))?;
        }
    }
    if found(client.certificate(NAME).await).map_err(call_failed(STEP, "the certificate"))?.is_none() {
        client.certificate_create(&certificate()).await.map_err(call_failed(STEP, "the certificate"))?;
    }
    Ok(())
}

/// Makes the endpoint load the new pair. The one command that the agent may run.
pub(super) fn reload_command(run: &Run) -> Vec<String> {
    let status = run.layout.demo().join(STATUS_NAME);
    let words = ["demo-endpoint", "reload", "--pid-file"].map(str::to_owned);
    let program = run.executable.display().to_string();
    std::iter::once(program).chain(words).chain([status.display().to_string()]).collect()
}

fn config(run: &Run) -> Value {
    let demo = run.layout.demo();
    json!({
        "cert_path": demo.join(CERTIFICATE_NAME),
        "key_path": demo.join(KEY_NAME),
        "reload_command": reload_command(run),
        "post_deploy_verify": { "enabled": true, "endpoint": endpoint::address(run), "server_name": SERVED_NAME },
    })
}

/// Whether everything that is wanted stands in the configuration, which also shows defaults.
fn holds(config: &Value, wanted: &Value) -> bool {
    match (config, wanted) {
        (Value::Object(config), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| config.get(key).is_some_and(|there| holds(there, value)))
        }
        _ => config == wanted,
    }
}

fn certificate() -> CertificateCreate {
    CertificateCreate {
        id: Some(NAME.to_owned()),
        name: NAME.to_owned(),
        common_name: SERVED_NAME.to_owned(),
        sans: vec![SERVED_NAME.to_owned()],
        environment: "development".to_owned(),
        owner_id: NAME.to_owned(),
        team_id: NAME.to_owned(),
        issuer_id: "iss-local".to_owned(),
        target_ids: vec![NAME.to_owned()],
        renewal_policy_id: NAME.to_owned(),
        certificate_profile_id: Some(NAME.to_owned()),
        ..CertificateCreate::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_that_are_shown_are_no_difference() {
        let wanted = json!({ "a": 1, "b": { "c": [1, 2] } });
        assert!(holds(&json!({ "a": 1, "b": { "c": [1, 2], "d": 3 }, "e": 4 }), &wanted));
        assert!(!holds(&json!({ "a": 2, "b": { "c": [1, 2] } }), &wanted));
        assert!(!holds(&json!({ "a": 1, "b": { "c": [1] } }), &wanted));
    }
}
