//! Generated files: each is written by the code that it describes, checked in, and held against it in CI. The generators are
//! in `tests/src/generate.rs`, because they know every room.

use anyhow::Result;

pub(crate) fn run(check: bool) -> Result<()> {
    let program = crate::build::programs(&crate::root(), &[])?.named("generate")?;
    let mut generate = std::process::Command::new(program);
    generate.arg(crate::root());
    if check {
        generate.arg("--check");
    }
    crate::checked(&mut generate)
}
