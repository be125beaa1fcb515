//! Whatever single step fails, and however long the disk stays full: all old or all new.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use certctl_connector::{ErrorClass, Material, Target};

use crate::{
    Policy, Settled, Site, Step,
    file::File,
    recover,
    site::Inject,
    support::{Authority, Host, cx},
};

/// What the host does on its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Refuses,
    FailsToReload,
    Ignores,
}

const MOODS: [Mood; 4] = [Mood::Well, Mood::Refuses, Mood::FailsToReload, Mood::Ignores];

impl Mood {
    fn set(self, host: &Host) {
        match self {
            Self::Well => {}
            Self::Refuses => host.flag("refuse"),
            Self::FailsToReload => host.flag("fail"),
            Self::Ignores => host.flag("ignore"),
        }
    }
}

fn site(host: &Host, inject: Inject) -> Arc<Site> {
    let policy = Policy::parse(&host.path("policy.toml"), &host.policy()).expect("policy");
    let mut site = Site::prepare(&host.state(), policy).expect("site");
    site.inject = inject;
    Arc::new(site)
}

fn healthy(host: &Host) -> Arc<Site> {
    site(host, Box::new(|_| None))
}

fn target(site: &Arc<Site>, host: &Host) -> File {
    File::new(site, "tgt_1", &host.config()).expect("target")
}

/// The steps at which writing needs space. Going back must not be among them.
const WRITES: [Step; 9] = [
    Step::Owe,
    Step::Intent,
    Step::Stage,
    Step::BackUp,
    Step::Commit,
    Step::Finish,
    Step::CleanUp,
    Step::RollBack,
    Step::CloseUndone,
];

struct Case {
    host: Host,
    old: Option<Material>,
    new: Material,
    mood: Mood,
}

impl Case {
    async fn new(authority: &Authority, mood: Mood, replaces: bool) -> Self {
        let mut host = Host::new();
        host.serve().await;
        let old = replaces.then(|| authority.material());
        if let Some(old) = &old {
            target(&healthy(&host), &host).deploy(&cx(), old, &()).await.expect("first deployment");
        }
        mood.set(&host);
        Self { host, old, new: authority.material(), mood }
    }

    /// Deploys with a fault and checks the promise; afterwards recovers without it and checks that nothing is left over.
    async fn check(self, what: &str, inject: Inject) {
        let what = format!("{what}, {:?}, {}", self.mood, if self.old.is_some() { "replacing" } else { "first" });
        let before = self.host.live();
        let old_leaf = self.old.as_ref().map(|material| material.leaf.fingerprint_sha256());
        let new_leaf = Some(self.new.leaf.fingerprint_sha256());
        let faulty = site(&self.host, inject);
        let result = target(&faulty, &self.host).deploy(&cx(), &self.new, &()).await;

        let after = self.host.live();
        let visible: BTreeSet<_> = after.keys().filter(|name| !name.starts_with('.')).collect();
        match &result {
            Ok(_) => assert_eq!(self.host.installed(), new_leaf, "{what}"),
            Err(error) if error.class() == ErrorClass::RollbackFailed => {}
            Err(_) => {
                let same = before.iter().all(|(name, file)| after.get(name) == Some(file));
                assert!(same && visible.len() == before.len(), "{what}: not all old: {after:?}");
            }
        }

        let healthy = healthy(&self.host);
        let recovered = recover(&healthy).await;
        for outcome in recovered {
            match outcome.outcome {
                Ok(Settled::Finished | Settled::Undone) => {}
                Err(error) => assert_ne!(error.class(), ErrorClass::RollbackFailed, "{what}: {error}"),
            }
        }
        let settled = self.host.live();
        assert!(settled.keys().all(|name| !name.starts_with('.')), "{what}: left over {:?}", settled.keys());
        let leaf = self.host.installed();
        assert!(leaf == old_leaf || leaf == new_leaf, "{what}");
        if leaf == old_leaf {
            assert_eq!(settled, before, "{what}: old, but not as it was");
        }
        assert!(recover(&healthy).await.is_empty(), "{what}: an intent is left open");

        self.host.calm();
        // The way is free: the same deployment succeeds now, and the service takes it.
        target(&healthy, &self.host).deploy(&cx(), &self.new, &()).await.expect("deployment without the fault");
        assert_eq!((self.host.installed(), self.host.served()), (new_leaf.clone(), new_leaf), "{what}");
    }
}

type Fault = (&'static str, fn() -> io::Error);

fn errors() -> [Fault; 2] {
    let full = || io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
    let broken = || io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
    [("disk full", full), ("I/O error", broken)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failed_step_leaves_all_old_or_all_new() {
    let authority = Authority::new();
    let passed = Arc::new(Mutex::new(BTreeSet::new()));
    for mood in MOODS {
        for replaces in [false, true] {
            // Up to the validate command the host's mood makes no difference.
            for step in Step::ALL.into_iter().skip_while(|step| mood != Mood::Well && *step != Step::Validate) {
                for nth in 1..=occurrences(step) {
                    let (name, error) = errors()[nth % 2];
                    let (count, passed) = (AtomicUsize::new(0), passed.clone());
                    let inject: Inject = Box::new(move |at| {
                        passed.lock().expect("not poisoned").insert(at.name());
                        (at == step && count.fetch_add(1, Ordering::SeqCst) + 1 == nth).then(error)
                    });
                    let case = Case::new(&authority, mood, replaces).await;
                    Box::pin(case.check(&format!("{name} at {} {nth}", step.name()), inject)).await;
                }
            }
        }
    }
    let never: Vec<_> = Step::ALL.iter().map(|step| step.name()).filter(|name| !reached(&passed, name)).collect();
    assert_eq!(never, ["owe"], "a step is never passed: it is not tested");
}

fn reached(passed: &Mutex<BTreeSet<&'static str>>, name: &str) -> bool {
    passed.lock().expect("not poisoned").contains(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_and_stays_full_leaves_all_old_or_all_new() {
    let authority = Authority::new();
    let full = errors()[0].1;
    for mood in MOODS {
        for replaces in [false, true] {
            for (index, step) in WRITES.into_iter().enumerate().skip(1) {
                let filled = AtomicUsize::new(0);
                let inject: Inject = Box::new(move |at| {
                    if at == step {
                        filled.store(1, Ordering::SeqCst);
                    }
                    (filled.load(Ordering::SeqCst) == 1 && WRITES.contains(&at)).then(full)
                });
                let case = Case::new(&authority, mood, replaces).await;
                Box::pin(case.check(&format!("full from {} on ({index})", step.name()), inject)).await;
            }
        }
    }
}

fn occurrences(step: Step) -> usize {
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
