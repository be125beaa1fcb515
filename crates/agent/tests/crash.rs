//! The agent is killed at every step; the next start ends where an undisturbed run would.

#[expect(dead_code, unreachable_pub, reason = "shared with the other tests, which need more of it")]
mod support;

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt,
    process::{ExitCode, Stdio},
    time::Duration,
};

use certctl_agent::Step;
use libtest_mimic::{Arguments, Failed, Trial};
use support::{CERTIFICATE, Server, names};
use tokio::process::{Child, Command};

fn main() -> ExitCode {
    let trials = Step::ALL.into_iter().map(|step| {
        let name = step.point().replace("agent.", "killed_at_");
        Trial::test(name, move || trial(step))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn trial(step: Step) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(Box::pin(async {
        let server = Server::start().await;
        server.ask_for_certificate("job_1");
        let mut agent = spawn(&server, Some(step));
        let killed = tokio::time::timeout(Duration::from_secs(30), agent.wait()).await;
        let killed = killed.expect("the agent was not killed: it does not pass this step")?;
        assert_eq!(killed.signal(), Some(9), "{killed}");

        let before = server.world().heartbeats;
        let mut agent = spawn(&server, None);
        server.wait_until("alive", |world| world.heartbeats > before).await;
        let done = |world: &support::World| world.result("job_1_deploy").is_some_and(|r| r.status == "Completed");
        server.wait_until("deployed", done).await;
        check(&server);
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(agent.id().expect("running"))?).expect("pid"),
            rustix::process::Signal::TERM,
        )?;
        let ended = tokio::time::timeout(Duration::from_secs(10), agent.wait()).await.expect("it ends")?;
        assert_eq!(ended.code(), Some(0), "{ended}");
        Ok(())
    }))
}

fn check(server: &Server) {
    let world = server.world();
    let one = |texts: BTreeSet<String>| texts.len() == 1;
    assert!(one(world.registrations.iter().map(|ask| ask.csr_pem.clone()).collect()), "one identity");
    assert!(one(world.requests.iter().map(|ask| ask.csr_pem.clone()).collect()), "one request for one job");
    drop(world);
    let leaf = server.installed().expect("installed");
    let spki = leaf.public_key().spki_sha256_hex();
    let key = std::fs::read_to_string(server.path("live/key.pem")).expect("key");
    assert_eq!(server.current_key(), Some(key));
    let keys: BTreeSet<_> = names(&server.path("keys").join(CERTIFICATE)).into_iter().collect();
    let expected = [format!("{spki}.key"), "current".to_owned(), "keys.json".to_owned()];
    assert_eq!(keys, expected.into(), "no key is left over");
    assert_eq!(names(&server.path("live")), ["cert.pem", "key.pem"]);
}

fn spawn(server: &Server, fault: Option<Step>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certctl-agent"));
    command.env_clear().envs(server.vars()).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(step) = fault {
        command.env("CERTCTL_FAULT", step.point());
    }
    command.spawn().expect("agent")
}
