//! `--install`: what the tests need and this machine lacks, from its package manager, with no service started.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

const POLICY: &str = "/usr/sbin/policy-rc.d";

pub(crate) fn missing() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("--install changes the system and needs root; without it the tests use what they find");
    }
    let mut packages = Vec::new();
    if super::find_postgres().is_none() {
        packages.push("postgresql");
    }
    if super::find_program("openssl").is_none() {
        packages.push("openssl");
    }
    if packages.is_empty() {
        println!("nothing to install");
        return Ok(());
    }
    println!("installing {}", packages.join(", "));
    let quiet = ServicesQuiet::new()?;
    let apt = |arguments: &[&str]| {
        crate::checked(
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["-qq", "-o", "Dpkg::Use-Pty=0"])
                .args(arguments),
        )
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages.as_slice()].concat())?;
    drop(quiet);
    Ok(())
}

/// While it lives, installed packages start no service.
struct ServicesQuiet {
    ours: bool,
}

impl ServicesQuiet {
    fn new() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .context("writing the policy that keeps services from starting")?;
        std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { ours: true })
    }
}

impl Drop for ServicesQuiet {
    fn drop(&mut self) {
        if self.ours && std::fs::remove_file(POLICY).is_err() {
            eprintln!("could not remove {POLICY}; remove it by hand");
        }
    }
}
