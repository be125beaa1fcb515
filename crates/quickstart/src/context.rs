//! The context for the command line, and the commands to try with it.

use std::path::Path;

use crate::failure::Failure;
use crate::layout::{Layout, write_private};
use crate::ports::Ports;
use crate::steps::NAME;

/// Address of the server.
pub(crate) fn server_url(ports: Ports) -> String {
    format!("https://localhost:{}", ports.server)
}

/// Writes `cli.toml`.
pub(crate) fn write(layout: &Layout, ports: Ports) -> Result<(), Failure> {
    let path = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
    let text = format!(
        "current_context = \"{NAME}\"\n\n[contexts.{NAME}]\nserver = \"{}\"\nca_bundle = {}\nauth = {{ key_file = {} }}\n",
        server_url(ports),
        path(&layout.ca()),
        path(&layout.admin_key()),
    );
    write_private(&layout.cli_config(), &text).map_err(|error| {
        Failure::new("admin", "data_dir", format!("{} cannot be written: {error}", layout.cli_config().display()))
    })
}

/// Three commands that work as they stand, from any directory.
pub(crate) fn commands(layout: &Layout, executable: &Path) -> [String; 3] {
    let config = quoted(&layout.cli_config().display().to_string());
    let program = quoted(&executable.display().to_string());
    ["cert list", &format!("cert why {NAME}"), "agent list"]
        .map(|rest| format!("CERTCTL_CONFIG={config} {program} {rest}"))
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_spaces_are_quoted() {
        assert_eq!(quoted("/a/b-c.toml"), "/a/b-c.toml");
        assert_eq!(quoted("/my data/it's"), "'/my data/it'\\''s'");
    }
}
