//! Processes of a run, each the head of a group of its own, so that none outlives the run: not a test that hangs, not what a
//! test started and forgot, not a database when the person presses Ctrl-C.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// How long a group may take to end once it was told to.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A process and everything it starts.
pub(crate) struct Group {
    child: Child,
    id: i32,
}

impl Group {
    /// Starts `command` at the head of a new group.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let shown = command.get_program().to_owned();
        // Under the lock, so that an interrupt sees every process and none is started after it.
        groups(|groups| {
            let child = command.process_group(0).spawn().with_context(|| format!("starting {}", shown.display()))?;
            let id = i32::try_from(child.id()).context("a process id is positive")?;
            groups.insert(id);
            Ok(Self { child, id })
        })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether anything of the group still lives.
    pub(crate) fn lives(&self) -> bool {
        Pid::from_raw(self.id).is_some_and(|id| test_kill_process_group(id).is_ok())
    }

    /// Asks the group to end, then insists.
    pub(crate) fn end(&mut self, asking: Signal) {
        signal(self.id, asking);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < END_WITHIN {
            std::thread::sleep(Duration::from_millis(10));
        }
        signal(self.id, Signal::KILL);
        // Whatever is left of it has been killed; there is nothing more to do about a process that cannot be waited for.
        let _ = self.child.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end(Signal::KILL);
        groups(|groups| groups.remove(&self.id));
    }
}

/// From now on an interrupt ends all groups, removes `directory` and leaves with 130.
pub(crate) fn end_on_interrupt(directory: PathBuf) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            eprintln!("interrupted: ending what was started");
            // Tests give their own processes groups of their own. From here on, whatever loses its parent becomes ours.
            let ours = Some(rustix::process::getpid());
            if let Err(error) = rustix::process::set_child_subreaper(ours) {
                eprintln!("what tests started may be left: {error}");
            }
            // Held to the end: nothing is started any more, and no verdict is given on what is ended here.
            let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
            // A database wants to be asked; whatever does not listen is killed after that.
            groups.iter().for_each(|group| signal(*group, Signal::INT));
            std::thread::sleep(Duration::from_secs(1));
            groups.iter().for_each(|group| signal(*group, Signal::KILL));
            let began = Instant::now();
            while end_descendants() && began.elapsed() < END_WITHIN {
                std::thread::sleep(Duration::from_millis(20));
            }
            // A process that is just ending may still write; a second look finds the directory quiet.
            while std::fs::remove_dir_all(&directory).is_err() && directory.exists() && began.elapsed() < END_WITHIN {
                std::thread::sleep(Duration::from_millis(50));
            }
            std::process::exit(130);
        }
    });
    Ok(())
}

/// Kills everything that descends from this process; whether there was anything.
fn end_descendants() -> bool {
    let ours = descendants(rustix::process::getpid().as_raw_nonzero().get());
    for id in ours.iter().copied().filter_map(Pid::from_raw) {
        // The only failure is that it has ended.
        let _ = kill_process(id, Signal::KILL);
    }
    !ours.is_empty()
}

/// What a process has started, and what that has started in turn, whatever group it is in.
fn descendants(of: i32) -> BTreeSet<i32> {
    let living = living();
    let mut family = BTreeSet::from([of]);
    // A parent may stand behind its child.
    while living.iter().filter(|(id, parent)| family.contains(parent) && family.insert(*id)).count() > 0 {}
    family.remove(&of);
    family
}

/// Processes that live, each with its parent, as the kernel tells it.
fn living() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|id| {
            let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name, in parentheses, may hold anything.
            let mut fields = text.rsplit_once(')')?.1.split_whitespace();
            let dead = matches!(fields.next()?, "Z" | "X");
            let parent = fields.next()?.parse().ok()?;
            (!dead).then_some((id, parent))
        })
        .collect()
}

fn groups<T>(with: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    with(&mut GROUPS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn signal(group: i32, signal: Signal) {
    // The only failure is that the group has ended.
    let _ = Pid::from_raw(group).map(|group| kill_process_group(group, signal));
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn what_a_process_started_ends_with_it() {
        let mut group = Group::spawn(Command::new("sh").args(["-c", "sleep 600 & exit 0"])).expect("a shell starts");
        group.child().wait().expect("the shell ends");
        assert!(group.lives(), "its child is still there");
        let id = Pid::from_raw(group.id).expect("an id");
        drop(group);
        let began = Instant::now();
        while test_kill_process_group(id).is_ok() {
            assert!(began.elapsed() < END_WITHIN, "the group has ended");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_left_the_group_of_a_process_is_still_known_as_its_own() {
        // Where `/proc` is closed to whoever runs the tests, only groups are known.
        if living().is_empty() {
            return;
        }
        let script = "setsid sh -c 'sleep 600; true' & echo $!; wait";
        let mut group = Group::spawn(Command::new("sh").args(["-c", script]).stdout(Stdio::piped())).expect("a shell");
        let mut out = BufReader::new(group.child().stdout.take().expect("its output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let apart: i32 = line.trim().parse().expect("a number");
        let began = Instant::now();
        // The inner shell, and what that has started.
        let family = loop {
            let family = descendants(group.id);
            if family.len() == 2 {
                break family;
            }
            assert!(began.elapsed() < END_WITHIN, "{family:?}");
            std::thread::yield_now();
        };
        assert!(family.contains(&apart));
        for id in family.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
        group.child().wait().expect("the shell ends");
        assert_eq!(descendants(group.id), BTreeSet::new());
    }
}
