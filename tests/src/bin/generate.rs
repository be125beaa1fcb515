//! Writes every generated file of the repository, or holds them against what would be written.

#![expect(clippy::print_stdout, reason = "a task speaks to the person who runs it")]

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Path below the root, and content.
type Generated = (&'static str, fn() -> String);

/// Everything that is generated.
const FILES: &[Generated] = &[("docs/reference/permissions.txt", certctl_domain::permission::matrix)];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().context("the root of the checkout is the first argument")?;
    let check = arguments.next().as_deref() == Some("--check");
    let mut differing = Vec::new();
    for (path, content) in FILES {
        let file = Path::new(&root).join(path);
        let wanted = content();
        let present = std::fs::read_to_string(&file).unwrap_or_default();
        if present == wanted {
            continue;
        }
        if check {
            differing.push(*path);
            continue;
        }
        std::fs::create_dir_all(file.parent().context("a file lies in a directory")?)?;
        std::fs::write(&file, wanted)?;
        println!("wrote {path}");
    }
    if !differing.is_empty() {
        bail!("these differ from the code; run cargo xtask generate and commit them: {}", differing.join(", "));
    }
    println!("generate: {} files, all true", FILES.len());
    Ok(())
}
