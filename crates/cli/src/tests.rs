//! The very program against a TLS peer on loopback: what it prints where, and how it ends.

mod access;
mod peer;
mod words;
mod work;

use std::cell::RefCell;
use std::io::{Cursor, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Console, Tty, run};

/// How a run ended.
struct Ended {
    code: u8,
    out: String,
    err: String,
}

/// What a run finds around it.
#[derive(Default)]
struct Around<'a> {
    env: &'a [(&'a str, &'a str)],
    input: &'a str,
    tty: Tty,
    width: Option<usize>,
}

/// Stdout or stderr of a run, read afterwards.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text")
    }
}

/// Runs `certctl` with these words, split at spaces.
async fn certctl(words: &str, around: Around<'_>) -> Ended {
    let words: Vec<_> = std::iter::once("certctl").chain(words.split_whitespace()).map(Into::into).collect();
    let (out, err) = (Sink::default(), Sink::default());
    let mut console = Console {
        env: around.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input: Box::new(Cursor::new(around.input.to_owned())),
        tty: around.tty,
        width: around.width,
        now: || UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    };
    let exit = run(words, &mut console).await;
    Ended { code: exit.code(), out: out.text(), err: err.text() }
}

/// A directory for one test's configuration.
fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

/// The tests' present as an HTTP date, `seconds` later.
fn http_date(seconds: u64) -> String {
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds);
    httpdate::fmt_http_date(now)
}
