//! Runs the one or two commands a deployment needs: a program and its arguments, never a shell.

use std::{
    fs::{self},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::Duration,
};

use certctl_connector::error::sanitise;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use crate::{site::Site, trouble::Trouble};

/// Longest a command may run.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Checks that `argv` may be run here: allowed by the policy, absolute, and a program nobody else can change.
pub(crate) fn check(site: &Site, argv: &[String]) -> Result<(), Trouble> {
    let program = argv.first().map(Path::new).ok_or_else(|| Trouble::config("the command is empty"))?;
    if !program.is_absolute() {
        let message = format!("`{}` must be the absolute path of a program", program.display());
        return Err(Trouble::config(message));
    }
    site.policy().check_command(argv)?;
    let about = fs::metadata(program).map_err(|error| Trouble::io("run", program, &error))?;
    if !about.is_file() || about.permissions().mode() & 0o111 == 0 {
        return Err(Trouble::config(format!("{} is not an executable file", program.display())));
    }
    site.trusts(&about).map_err(|finding| Trouble::config(format!("{} {finding}", program.display())))
}

/// Runs `argv` for at most `patience`. The error says what the command said, cleaned of secrets.
///
/// The process gets an empty environment but for `PATH`, no input, and a process group of its own, which is killed as a whole
/// when time is up. After a regular end the group is left alone: a service it restarted may live in it.
pub(crate) async fn run(argv: &[String], patience: Duration) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));

    let output = tokio::spawn(collect(child.stdout.take(), child.stderr.take()));
    let Ok(ended) = tokio::time::timeout(patience, child.wait()).await else {
        kill(group, &mut child).await;
        let said = read_rest(output).await;
        return Err(format!("`{}` was killed after {} s{said}", argv.join(" "), patience.as_secs_f32()));
    };
    let status = ended.map_err(|error| format!("`{program}` cannot be waited for: {error}"))?;
    if status.success() {
        output.abort();
        return Ok(());
    }
    Err(format!("`{}` ended with {status}{}", argv.join(" "), read_rest(output).await))
}

/// Bytes of output kept; a service that floods its log must not flood ours.
const OUTPUT_MAX: u64 = 8 * 1024;

/// What a command finds its helpers by.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async fn kill(group: Option<Pid>, child: &mut Child) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill().await;
}

/// Both streams; what comes after the limit is read and thrown away, so that the writer does not block on a full pipe.
async fn collect(out: Option<impl AsyncRead + Unpin>, err: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut said, complaints) = tokio::join!(drain(out), drain(err));
    said.extend(complaints);
    said
}

async fn drain(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(stream) = stream {
        let mut limited = stream.take(OUTPUT_MAX);
        let _ = limited.read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink()).await;
    }
    kept
}

/// A daemon that the command left behind may hold the pipes open for ever: what is there shortly after the end is enough.
async fn read_rest(output: tokio::task::JoinHandle<Vec<u8>>) -> String {
    const AFTERWARDS: Duration = Duration::from_millis(500);
    let abort = output.abort_handle();
    let read = tokio::time::timeout(AFTERWARDS, output).await;
    abort.abort();
    match read {
        Ok(Ok(bytes)) if !bytes.is_empty() => format!(": {}", sanitise(&String::from_utf8_lossy(&bytes))),
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
