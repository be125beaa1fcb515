//! Machines on which an agent runs: its directories, its policy, and how it is started.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use certctl_testkit::wait;
use rustix::process::Signal;
use serde_json::json;

use super::agent::token;
use super::process::Process;
use super::server::{SOON, TestServer};

/// A machine with a directory `live` for what is installed, and a token for its agent.
pub(crate) struct Host {
    /// Name of the agent.
    pub(crate) name: String,
    directory: tempfile::TempDir,
    program: PathBuf,
    env: Vec<(String, String)>,
}

/// Everything below a directory: mode, owner, group, and bytes or where a link points, by path.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

impl Host {
    /// Its agent may write below `live`, and run nothing.
    pub(crate) async fn new(server: &TestServer, program: &Path, name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut host = Self { name: name.to_owned(), directory, program: program.to_owned(), env: Vec::new() };
        for (name, mode) in [("live", 0o755), ("keys", 0o700), ("state", 0o700)] {
            host.make_directory(name, mode);
        }
        std::fs::write(host.path("ca.pem"), server.setup.ca().expect("an anchor")).expect("the anchor");
        host.allow(&[]);
        let text = |name: &str| host.path(name).display().to_string();
        let env = [
            ("CERTCTL_SERVER_URL", server.setup.url()),
            ("CERTCTL_SERVER_CA_BUNDLE_PATH", text("ca.pem")),
            ("CERTCTL_AGENT_STATE_DIR", text("state")),
            ("CERTCTL_KEY_DIR", text("keys")),
            ("CERTCTL_AGENT_POLICY_PATH", text("policy.toml")),
            ("CERTCTL_AGENT_BOOTSTRAP_TOKEN", token(server, &json!({ "max_uses": 1 })).await),
            ("CERTCTL_AGENT_NAME", host.name.clone()),
            ("CERTCTL_LOG_FORMAT", "text".to_owned()),
        ];
        host.env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        host
    }

    /// Writes the policy anew, with these commands.
    pub(crate) fn allow(&self, commands: &[PathBuf]) {
        let commands: Vec<_> = commands.iter().map(|command| vec![command]).collect();
        let policy = format!("allowed_paths = [{:?}]\nallowed_commands = {commands:?}\n", self.path("live"));
        self.write("policy.toml", &policy, 0o600);
    }

    /// A path of this machine, without links.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().expect("a path").join(name)
    }

    /// A directory that is not there yet.
    pub(crate) fn make_directory(&self, name: &str, mode: u32) {
        std::fs::create_dir(self.path(name)).expect("a directory");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("permissions");
    }

    /// A file, new or replaced.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).expect("a file");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("permissions");
    }

    /// Starts the agent with some more variables.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Process {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: Vec<_> = self.env.iter().cloned().chain(more).collect();
        Process::start(&self.program, &[], &env, &self.path("agent.log"))
    }

    /// Asks the agent to stop, and waits until it has.
    pub(crate) async fn stop(&self, mut agent: Process) {
        agent.signal(Signal::TERM);
        let ended = agent.end("the agent stops", SOON).await;
        assert!(ended.success(), "{ended}\n{}", agent.log());
    }

    /// Its id, as soon as the server has admitted it.
    pub(crate) async fn admitted(&self, server: &TestServer) -> String {
        wait::until(&format!("{} enrols", self.name), SOON, async || {
            let agents = server.read("agents?per_page=100").await;
            let agents = agents["data"].as_array().expect("agents").clone();
            let found = agents.into_iter().find(|agent| agent["name"] == self.name.as_str())?;
            Some(found["id"].as_str().expect("an id").to_owned())
        })
        .await
    }

    /// Everything below one of its directories.
    pub(crate) fn tree(&self, name: &str) -> Tree {
        let mut tree = Tree::new();
        let mut todo = vec![self.path(name)];
        while let Some(path) = todo.pop() {
            let about = std::fs::symlink_metadata(&path).expect("what is there can be looked at");
            let holds = if about.is_dir() {
                todo.extend(
                    std::fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()),
                );
                Vec::new()
            } else if about.is_symlink() {
                std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                std::fs::read(&path).expect("a file")
            };
            tree.insert(path, (about.mode(), about.uid(), about.gid(), holds));
        }
        tree
    }
}
