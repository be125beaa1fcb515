use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::*;

struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    fn write(&self, text: &str) -> Vec<String> {
        let path = self.path("script");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        vec![path.to_str().expect("path").to_owned()]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[tokio::test]
async fn a_failure_says_what_the_command_said_without_its_secrets() {
    let scripts = Scripts::new();
    let argv = scripts.write(
        "echo reading\necho 'db_password=hunter2' >&2\necho '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----'\nexit 3",
    );
    let said = run(&argv, PATIENCE).await.expect_err("fails");
    assert!(said.contains("exit status: 3: reading [redacted] db_password=[redacted]"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("MIGHAgEA"), "{said}");
}

#[tokio::test]
async fn a_hanging_command_is_killed_with_all_its_children() {
    let scripts = Scripts::new();
    let pid = scripts.path("pid");
    // The grandchild holds the pipes open.
    let argv = scripts.write(&format!("echo begun\nsleep 600 &\necho $! > {}\nsleep 600", pid.display()));
    let said = run(&argv, Duration::from_millis(300)).await.expect_err("killed");
    assert!(said.contains("was killed after 0.3 s: begun"), "{said}");
    let pid = fs::read_to_string(pid).expect("pid");
    let deadline = Instant::now() + Duration::from_secs(10);
    // A process that ended has no command line any more, reaped or not.
    while fs::read(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|line| !line.is_empty()) {
        assert!(Instant::now() < deadline, "a grandchild outlived the group");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_daemon_left_behind_delays_nothing_and_lives_on() {
    let scripts = Scripts::new();
    let marker = scripts.path("alive");
    let argv = scripts.write(&format!("(sleep 0.3; touch {}; sleep 5) &\nexit 0", marker.display()));
    let started = Instant::now();
    run(&argv, PATIENCE).await.expect("success");
    assert!(started.elapsed() < Duration::from_secs(3));
    let deadline = started + Duration::from_secs(10);
    while !marker.exists() {
        assert!(Instant::now() < deadline, "the daemon was killed");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn output_is_read_to_the_end_and_kept_in_part() {
    let scripts = Scripts::new();
    let argv = scripts.write("i=0; while [ $i -lt 20000 ]; do echo 'line after line'; i=$((i+1)); done; exit 1");
    let said = run(&argv, PATIENCE).await.expect_err("fails");
    assert!(said.len() < 3 * 1024, "{}", said.len());
}

#[tokio::test]
async fn the_environment_is_empty_but_for_the_path() {
    let scripts = Scripts::new();
    let argv = scripts.write("env | grep -v -e ^PATH= -e ^PWD= -e ^SHLVL= -e ^_= && exit 1\ntest -z \"$(cat)\"");
    run(&argv, PATIENCE).await.expect("empty environment and no input");
}

#[tokio::test]
async fn a_program_that_cannot_start_says_so() {
    let said = run(&["/nonexistent/program".to_owned()], PATIENCE).await.expect_err("missing");
    assert!(said.contains("cannot be started"), "{said}");
}
