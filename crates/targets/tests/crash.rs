//! The agent's process is killed at every step of a deployment; the next start finds all old or all new, and it works.
//!
//! Each trial runs the deployment in a child process (this binary again) in which one failpoint is armed. The service under
//! deployment lives in the parent, so it survives, as a real one would.

#[expect(dead_code, unreachable_pub, reason = "shared with the unit tests, which need more of it")]
mod support;

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
};

use certctl_connector::Material;
use certctl_targets::{Policy, Settled, Site, Step, build, recover};
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Authority, Host, cx, read_material, write_material};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, flag, dir, endpoint, act] = &words[..]
        && flag == CHILD
    {
        return child(Path::new(dir), endpoint, act);
    }
    let told: BTreeSet<_> = STORIES.iter().flat_map(|story| story.passes).map(|step| step.name()).collect();
    let spared: Vec<_> = Step::ALL.iter().map(|step| step.name()).filter(|name| !told.contains(name)).collect();
    assert!(spared.is_empty(), "steps at which no story kills: {spared:?}");

    let mut trials = Vec::new();
    for story in STORIES {
        for step in story.passes {
            for nth in 1..=files_passing(*step) {
                let name = format!("killed_at_{}_{nth}_{}", step.name(), story.name);
                trials.push(Trial::test(name, move || trial(story, *step, nth)));
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// What happens to the host around the kill.
struct Story {
    name: &'static str,
    /// A former deployment exists.
    replaces: bool,
    /// What goes wrong by itself.
    flag: Option<&'static str>,
    /// What the child does: deploy, or recover from an earlier kill at this failpoint.
    killed_before_at: Option<&'static str>,
    /// Steps the child passes; it is killed at each.
    passes: &'static [Step],
}

const STORIES: [&Story; 9] = [
    &Story { name: "first", replaces: false, flag: None, killed_before_at: None, passes: FORWARD },
    &Story { name: "renewal", replaces: true, flag: None, killed_before_at: None, passes: FORWARD },
    &Story {
        name: "refused",
        replaces: true,
        flag: Some("refuse"),
        killed_before_at: None,
        passes: &[Step::RollBack, Step::Restore, Step::CloseUndone],
    },
    &Story { name: "reload_fails", replaces: true, flag: Some("fail"), killed_before_at: None, passes: BACK },
    &Story { name: "not_served", replaces: true, flag: Some("ignore"), killed_before_at: None, passes: BACK },
    &Story {
        name: "service_forgot",
        replaces: true,
        flag: Some("forgot"),
        killed_before_at: None,
        passes: &[Step::Owe, Step::Reload, Step::Verify, Step::Finish],
    },
    &Story {
        name: "recovery_back",
        replaces: true,
        flag: None,
        killed_before_at: Some("deploy.rename@2"),
        passes: &[Step::Restore, Step::ReloadBack, Step::CloseUndone],
    },
    &Story {
        name: "recovery_on",
        replaces: true,
        flag: None,
        killed_before_at: Some("deploy.validate"),
        passes: &[Step::Validate, Step::Reload, Step::Verify, Step::Finish, Step::CleanUp],
    },
    &Story {
        name: "recovery_gives_up",
        replaces: true,
        flag: Some("fail"),
        killed_before_at: Some("deploy.reload"),
        passes: BACK,
    },
];

const FORWARD: &[Step] = &[
    Step::Check,
    Step::Lock,
    Step::Settle,
    Step::Compare,
    Step::Intent,
    Step::Stage,
    Step::BackUp,
    Step::Park,
    Step::Rename,
    Step::SyncDirectory,
    Step::Commit,
    Step::Validate,
    Step::Reload,
    Step::Verify,
    Step::Finish,
    Step::CleanUp,
];

const BACK: &[Step] = &[Step::RollBack, Step::Restore, Step::ReloadBack, Step::CloseUndone];

fn trial(story: &Story, step: Step, nth: usize) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut host = Host::new();
        host.serve().await;
        let authority = Authority::new();
        let old = authority.material();
        if story.replaces {
            deploy(&host, &old).await;
        }
        // A service that forgot its certificate makes the same material owe a reload.
        let new = if story.flag == Some("forgot") { old.clone() } else { authority.material() };
        write_material(&host.path("material"), &new);
        match story.flag {
            Some("forgot") => std::fs::remove_file(host.path("served/cert.pem"))?,
            Some(flag) => host.flag(flag),
            None => {}
        }
        let before = host.live();
        if let Some(point) = story.killed_before_at {
            assert!(run_child(&host, "deploy", point), "not killed at {point}");
        }
        let act = if story.killed_before_at.is_some() { "recover" } else { "deploy" };
        let point = format!("{}@{nth}", step.point());
        assert!(run_child(&host, act, &point), "not killed at {point}: the story does not pass it");
        check(&host, story, &before, &old, &new).await;
        Ok(())
    })
}

/// The promise, as the next start of the agent finds and makes it true.
async fn check(host: &Host, story: &Story, before: &support::Snapshot, old: &Material, new: &Material) {
    let fingerprint = |material: &Material| Some(material.leaf.fingerprint_sha256());
    let site = site(host);
    for recovered in recover(&site).await {
        match recovered.outcome {
            Ok(Settled::Finished) => assert_eq!(host.installed(), fingerprint(new)),
            Ok(Settled::Undone) => assert_eq!(&host.live(), before),
            // Carrying on met what goes wrong by itself; the former files came back.
            Err(error) => {
                assert!(story.flag.is_some(), "{error}");
                assert_eq!(&host.live(), before, "{error}");
            }
        }
    }
    let live = host.live();
    assert!(live.keys().all(|name| !name.starts_with('.')), "left over: {:?}", live.keys());
    assert!(recover(&site).await.is_empty(), "an intent is left open");
    let installed = host.installed();
    if installed != fingerprint(new) {
        assert_eq!(&live, before, "old, but not as it was");
        assert_eq!(installed, if story.replaces { fingerprint(old) } else { None });
    }
    if story.flag != Some("forgot") {
        assert_eq!(host.served(), installed, "the service runs on other files than those in place");
    }
    host.calm();
    deploy(host, new).await;
    assert_eq!((host.installed(), host.served()), (fingerprint(new), fingerprint(new)));
}

fn site(host: &Host) -> Arc<Site> {
    let policy = Policy::parse(&host.path("policy.toml"), &host.policy()).expect("policy");
    Site::open(&host.state(), policy).expect("site")
}

async fn deploy(host: &Host, material: &Material) {
    let target = build("File", &site(host), "tgt_1", &host.config()).expect("target");
    target.deploy(&cx(), material, &()).await.expect("deployment");
}

/// Whether the child was killed.
fn run_child(host: &Host, act: &str, fault: &str) -> bool {
    let ended = Command::new(std::env::args_os().next().expect("own path"))
        .args([CHILD, host.dir.to_str().expect("path"), &host.endpoint, act])
        .env("CERTCTL_FAULT", fault)
        .output()
        .expect("child");
    let said = String::from_utf8_lossy(&ended.stderr);
    match (ended.status.signal(), ended.status.code()) {
        (Some(9), _) => true,
        (_, Some(0)) => false,
        other => panic!("child ended with {other:?}: {said}"),
    }
}

const CHILD: &str = "--crash-child";

fn child(dir: &Path, endpoint: &str, act: &str) -> ExitCode {
    let host = Host::existing(dir, endpoint);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let site = site(&host);
        if act == "recover" {
            recover(&site).await;
        } else {
            let target = build("File", &site, "tgt_1", &host.config()).expect("target");
            // Whether it succeeds is the story's business.
            let _ = target.deploy(&cx(), &read_material(&host.path("material")), &()).await;
        }
    });
    ExitCode::SUCCESS
}

/// Three files are deployed; some steps are passed once for each.
fn files_passing(step: Step) -> usize {
    match step {
        Step::Stage | Step::BackUp | Step::Park | Step::Rename | Step::Restore => 3,
        Step::Check
        | Step::Lock
        | Step::Settle
        | Step::Compare
        | Step::Owe
        | Step::Intent
        | Step::SyncDirectory
        | Step::Commit
        | Step::Validate
        | Step::Reload
        | Step::Verify
        | Step::Finish
        | Step::CleanUp
        | Step::RollBack
        | Step::ReloadBack
        | Step::CloseUndone => 1,
    }
}
