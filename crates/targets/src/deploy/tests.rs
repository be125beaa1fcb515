//! Deployments that go well, and those stopped by something on the host.

use std::{fs, os::unix::fs::symlink, sync::Arc};

use certctl_connector::{
    ConnectorError, Deployed, ErrorClass, Material, Target,
    target::{Change, Verification},
};
use serde_json::{Value, json};

use crate::{
    Policy, Site,
    file::File,
    support::{Authority, Host, Told, chmod, cx, hours},
};

mod faults;
mod lists;

async fn host() -> Host {
    let mut host = Host::new();
    host.serve().await;
    host
}

fn site(host: &Host) -> Arc<Site> {
    site_with(host, &host.policy())
}

fn site_with(host: &Host, policy: &str) -> Arc<Site> {
    Site::open(&host.state(), Policy::parse(&host.path("policy.toml"), policy).expect("policy")).expect("site")
}

async fn deploy(site: &Arc<Site>, config: &Value, material: &Material) -> Result<Deployed, ConnectorError> {
    deploy_told(site, config, material, &Told::default()).await
}

async fn deploy_told(
    site: &Arc<Site>,
    config: &Value,
    material: &Material,
    told: &Told,
) -> Result<Deployed, ConnectorError> {
    File::new(site, "tgt_1", config)?.deploy(&cx(), material, told).await
}

#[tokio::test]
async fn files_are_installed_reloaded_and_proved() {
    let (host, authority) = (host().await, Authority::new());
    let (site, material, told) = (site(&host), authority.material(), Told::default());
    let deployed = deploy_told(&site, &host.config(), &material, &told).await.expect("deployed");
    assert_eq!(deployed.change, Change::Applied);
    assert_eq!(deployed.previous_fingerprint, None);
    let Verification::Verified(served) = &deployed.verification else { panic!("{deployed:?}") };
    assert_eq!(served.fingerprint, material.leaf.fingerprint_sha256());
    assert_eq!(served.server_name, "a.example");
    let live = host.live();
    let modes: Vec<_> = live.iter().map(|(name, (_, mode, ..))| (name.as_str(), *mode)).collect();
    assert_eq!(modes, [("cert.pem", 0o644), ("chain.pem", 0o644), ("key.pem", 0o600)]);
    let chain = material.chain[0].to_pem();
    assert_eq!(live["cert.pem"].0, format!("{}{chain}", material.leaf.to_pem()).into_bytes());
    assert_eq!(live["chain.pem"].0, chain.into_bytes());
    let steps: Vec<_> = told.steps().into_iter().map(|(step, outcome)| format!("{step} {outcome}")).collect();
    assert_eq!(
        steps.join(", "),
        "check done, lock done, settle done, compare done, intent done, stage done, back_up done, park done, \
         rename done, sync_directory done, commit done, validate done, reload done, verify done, finish done"
    );
}

#[tokio::test]
async fn a_renewal_replaces_both_and_keeps_one_generation_of_backups() {
    let (host, authority) = (host().await, Authority::new());
    let site = site(&host);
    let materials: Vec<_> = (0..3).map(|_| authority.material()).collect();
    let mut before = None;
    for material in &materials {
        let deployed = deploy(&site, &host.config(), material).await.expect("deployed");
        assert_eq!(deployed.previous_fingerprint, before);
        before = Some(deployed.fingerprint);
    }
    assert_eq!(host.served(), before);
    let backups: Vec<_> = fs::read_dir(host.state().join("backups/tgt_1")).expect("backups").flatten().collect();
    assert_eq!(backups.len(), 1);
    let kept = fs::read_to_string(backups[0].path().join("0.pem")).expect("backup");
    assert!(kept.starts_with(&materials[1].leaf.to_pem()));
}

#[tokio::test]
async fn repeating_a_deployment_changes_nothing_while_the_service_is_right() {
    let (host, authority) = (host().await, Authority::new());
    let (site, material) = (site(&host), authority.material());
    deploy(&site, &host.config(), &material).await.expect("deployed");
    let (live, reloads) = (host.live(), host.reloads());
    let again = deploy(&site, &host.config(), &material).await.expect("deployed");
    assert_eq!(again.change, Change::Unchanged);
    assert!(matches!(again.verification, Verification::Verified(_)));
    assert_eq!((host.live(), host.reloads()), (live.clone(), reloads));

    // A service that lost what it had loaded is told again, although the files are right.
    fs::remove_file(host.path("served/cert.pem")).expect("served");
    let again = deploy(&site, &host.config(), &material).await.expect("deployed");
    assert_eq!((again.change, host.reloads()), (Change::Reloaded, reloads + 1));
    assert_eq!(host.live(), live);
}

#[tokio::test]
async fn a_reload_that_failed_is_owed_until_it_succeeds() {
    let (host, authority) = (Host::new(), Authority::new());
    let (site, old, new) = (site(&host), authority.material(), authority.material());
    deploy(&site, &host.config(), &old).await.expect("deployed");
    // The reload fails on the new files and again on the former ones.
    host.script("reload", "#!/bin/sh\nexit 1\n");
    let error = deploy(&site, &host.config(), &new).await.expect_err("reload fails");
    assert_eq!(error.class(), ErrorClass::RollbackFailed, "{error}");
    assert_eq!(host.installed(), Some(old.leaf.fingerprint_sha256()));
    // The files are those of `old`; nothing but the reload is missing.
    host.script("reload", "#!/bin/sh\ncd \"${0%/*}\" && printf x >> reloads\n");
    let reloads = host.reloads();
    let again = deploy(&site, &host.config(), &old).await.expect("deployed");
    assert_eq!((again.change, host.reloads()), (Change::Reloaded, reloads + 1));
    let again = deploy(&site, &host.config(), &old).await.expect("deployed");
    assert_eq!(again.change, Change::Unchanged);
}

#[tokio::test]
async fn each_failure_brings_the_former_files_back_and_says_which_it_was() {
    let (host, authority) = (host().await, Authority::new());
    let (site, old) = (site(&host), authority.material());
    deploy(&site, &host.config(), &old).await.expect("deployed");
    let live = host.live();
    for (flag, class) in [
        ("refuse", ErrorClass::TargetValidate),
        ("fail", ErrorClass::TargetReload { rolled_back: true }),
        ("ignore", ErrorClass::TargetVerify { rolled_back: true }),
    ] {
        host.flag(flag);
        let error = deploy(&site, &host.config(), &authority.material()).await.expect_err(flag);
        assert_eq!(error.class(), class, "{error}");
        assert_eq!(host.live(), live, "{flag}");
        assert_eq!(host.served(), Some(old.leaf.fingerprint_sha256()), "{flag}");
        assert!(!host.state().join("backups/tgt_1/2").exists(), "the copy of a live key is removed");
    }
}

#[tokio::test]
async fn a_first_deployment_that_fails_leaves_nothing_behind() {
    let (host, authority) = (host().await, Authority::new());
    host.script("reload", "#!/bin/sh\necho no such service >&2\nexit 7\n");
    let error = deploy(&site(&host), &host.config(), &authority.material()).await.expect_err("reload fails");
    assert_eq!(error.class(), ErrorClass::TargetReload { rolled_back: true }, "{error}");
    assert!(error.message().contains("exit status: 7: no such service"), "{error}");
    assert!(host.live().is_empty());
}

#[tokio::test]
async fn material_that_does_not_fit_touches_nothing() {
    let (host, authority) = (Host::new(), Authority::new());
    let (good, other) = (authority.material(), authority.material());
    let swapped = Material { key_pem: other.key_pem.clone(), ..good.clone() };
    let disordered = Material { chain: vec![other.leaf.clone()], ..good.clone() };
    let expired = authority.material_valid(hours(-5), hours(-1));
    let future = authority.material_valid(hours(1), hours(5));
    let garbled = Material { key_pem: "not a key".into(), ..good };
    for (material, says) in [
        (swapped, "private key does not belong"),
        (disordered, "chain is out of order"),
        (expired, "expired at"),
        (future, "check the clock"),
        (garbled, "cannot be read"),
    ] {
        let error = deploy(&site(&host), &host.config(), &material).await.expect_err(says);
        assert_eq!(error.class(), ErrorClass::TargetValidate);
        assert!(error.message().contains(says), "{error}");
        assert!(host.live().is_empty());
    }
}

#[tokio::test]
async fn paths_and_commands_outside_the_policy_are_refused_naming_it() {
    let (host, authority) = (Host::new(), Authority::new());
    fs::create_dir(host.path("other")).expect("directory");
    chmod(&host.path("other"), 0o755);
    symlink(host.path("other"), host.path("live/link")).expect("link");
    let refused = |change: &str, value: Value| {
        let mut config = host.config();
        config[change] = value;
        config
    };
    let program = host.script("other/reload", "#!/bin/sh\n");
    for config in [
        refused("cert_path", json!(host.path("other/cert.pem"))),
        // The link lies inside an allowed directory; what it points to does not.
        refused("cert_path", json!(host.path("live/link/cert.pem"))),
        refused("reload_command", json!([program])),
        refused("reload_command", json!([host.path("reload"), "now"])),
        refused("validate_command", json!("/bin/sh")),
    ] {
        let error = deploy(&site(&host), &config, &authority.material()).await.expect_err("policy");
        assert_eq!(error.class(), ErrorClass::Config, "{error}");
        assert!(error.message().contains("policy.toml"), "{error}");
        assert!(!host.path("live/cert.pem").exists() && !host.path("other/cert.pem").exists());
    }
}

#[tokio::test]
async fn destinations_somebody_else_could_redirect_are_refused() {
    let (host, authority) = (Host::new(), Authority::new());
    let material = authority.material();
    let says = async |expected: &str| {
        let error = deploy(&site(&host), &host.config(), &material).await.expect_err(expected);
        assert_eq!(error.class(), ErrorClass::Config, "{error}");
        assert!(error.message().contains(expected), "{error}");
        assert!(!host.path("live/cert.pem").exists());
    };
    symlink("/etc/hostname", host.path("live/key.pem")).expect("link");
    says("key.pem is a symbolic link").await;
    fs::remove_file(host.path("live/key.pem")).expect("link");

    fs::create_dir(host.path("live/key.pem")).expect("directory");
    says("not a regular file").await;
    fs::remove_dir(host.path("live/key.pem")).expect("directory");

    for mode in [0o775, 0o777, 0o757] {
        chmod(&host.path("live"), mode);
        says("is writable by group or others").await;
    }
    chmod(&host.path("live"), 0o755);

    chmod(&host.path("reload"), 0o775);
    says("writable by others").await;
    chmod(&host.path("reload"), 0o644);
    says("not an executable file").await;
    fs::remove_file(host.path("reload")).expect("script");
    says("create it").await;
}

#[tokio::test]
async fn a_file_that_is_something_else_is_replaced_only_when_adopted() {
    let (host, authority) = (Host::new(), Authority::new());
    let (site, material) = (site(&host), authority.material());
    fs::write(host.path("live/key.pem"), "root:x:0:0").expect("file");
    let error = deploy(&site, &host.config(), &material).await.expect_err("foreign");
    assert!(error.message().contains("set `adopt`"), "{error}");
    assert_eq!(fs::read_to_string(host.path("live/key.pem")).expect("file"), "root:x:0:0");

    let mut config = host.config();
    config["adopt"] = json!(true);
    deploy(&site, &config, &material).await.expect("adopted");
    // What certctl made it may replace, whatever became of it.
    fs::write(host.path("live/key.pem"), "emptied by an editor").expect("file");
    deploy(&site, &host.config(), &material).await.expect("ours");
}

#[tokio::test]
async fn present_modes_are_kept_but_no_key_stays_readable_by_everyone() {
    let (host, authority) = (Host::new(), Authority::new());
    let site = site(&host);
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    chmod(&host.path("live/cert.pem"), 0o640);
    chmod(&host.path("live/key.pem"), 0o644);
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    let live = host.live();
    assert_eq!((live["cert.pem"].1, live["key.pem"].1), (0o640, 0o640));

    let mut config = host.config();
    config["key_mode"] = json!("0400");
    let material = authority.material();
    deploy(&site, &config, &material).await.expect("deployed");
    assert_eq!(host.live()["key.pem"].1, 0o400);
    // A changed permission alone is a difference too.
    chmod(&host.path("live/key.pem"), 0o600);
    let again = deploy(&site, &config, &material).await.expect("deployed");
    assert_eq!((again.change, host.live()["key.pem"].1), (Change::Applied, 0o400));
}

#[tokio::test]
async fn one_file_may_hold_key_and_chain() {
    let (host, authority) = (host().await, Authority::new());
    let material = authority.material();
    let config = json!({"cert_path": host.path("live/all.pem"), "cert_content": "key_fullchain"});
    let deployed = deploy(&site(&host), &config, &material).await.expect("deployed");
    assert!(matches!(deployed.verification, Verification::NotVerified { .. }));
    let live = host.live();
    let text = String::from_utf8(live["all.pem"].0.clone()).expect("text");
    let labels: Vec<_> = text.lines().filter(|line| line.starts_with("-----BEGIN")).collect();
    assert_eq!(labels, ["-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"]);
    assert_eq!(live["all.pem"].1, 0o600);
}

#[tokio::test]
async fn two_deployments_to_the_same_files_take_turns() {
    let (host, authority) = (host().await, Authority::new());
    let site = site(&host);
    let running: Vec<_> = (0..4)
        .map(|index| {
            let (site, config, material) = (site.clone(), host.config(), authority.material());
            tokio::spawn(async move {
                let target = File::new(&site, &format!("tgt_{index}"), &config).expect("target");
                target.deploy(&cx(), &material, &()).await
            })
        })
        .collect();
    for deployment in running {
        deployment.await.expect("no panic").expect("deployed");
    }
    assert_eq!(host.served(), host.installed());
    assert_eq!(host.live().len(), 3);
}

#[tokio::test]
async fn a_file_changed_in_between_is_not_overwritten_by_the_way_back() {
    let (host, authority) = (Host::new(), Authority::new());
    let site = site(&host);
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    let old = host.live();
    // While the deployment validates, somebody writes a certificate of their own.
    host.script("validate", "#!/bin/sh\ncd \"${0%/*}\" && echo mine > live/chain.pem; exit 1\n");
    let error = deploy(&site, &host.config(), &authority.material()).await.expect_err("validate");
    assert_eq!(error.class(), ErrorClass::RollbackFailed);
    assert!(error.message().contains("chain.pem was changed by someone else"), "{error}");
    let live = host.live();
    assert_eq!(live["chain.pem"].0, b"mine\n");
    assert_eq!((&live["cert.pem"], &live["key.pem"]), (&old["cert.pem"], &old["key.pem"]));
    assert_eq!(live.len(), 3);
    assert_eq!(fs::read(host.state().join("backups/tgt_1/2/2.pem")).expect("backup"), old["chain.pem"].0);
}
