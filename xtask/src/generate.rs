//! Generated files: each is written by the code that it describes, checked in, and held against it in CI.

use anyhow::Result;

pub(crate) fn run(check: bool) -> Result<()> {
    let mut generate = crate::cargo();
    generate.args(["run", "--quiet", "--package", "certctl-tests", "--bin", "generate", "--"]);
    generate.arg(crate::root());
    if check {
        generate.arg("--check");
    }
    crate::checked(&mut generate)
}
