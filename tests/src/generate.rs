//! Generated files: each is written by the code that it describes, checked in, and held against that code by CI.

use std::path::Path;

use anyhow::{Context, Result};

/// A generated file.
pub struct Generated {
    /// Path below the root of the checkout.
    pub path: &'static str,
    /// What must stand there.
    pub content: fn() -> String,
}

/// Everything that is generated. A new generator is a line here.
pub const FILES: &[Generated] = &[
    Generated { path: "docs/reference/cli.md", content: certctl_cli::reference_markdown },
    Generated { path: "docs/reference/configuration.md", content: certctl_wire::settings::reference },
    Generated { path: "docs/reference/openapi.json", content: certctl_api::json },
    Generated { path: "docs/reference/permissions.txt", content: certctl_domain::permission::matrix },
    Generated { path: "docs/reference/routes.txt", content: crate::routes::matrix },
];

impl Generated {
    /// Writes the file where it differs; says whether it did.
    ///
    /// # Errors
    /// When the file or its directory cannot be written.
    pub fn write(&self, root: &Path) -> Result<bool> {
        if self.difference(root).is_none() {
            return Ok(false);
        }
        let file = root.join(self.path);
        std::fs::create_dir_all(file.parent().context("a file lies in a directory")?)?;
        std::fs::write(&file, (self.content)()).with_context(|| format!("writing {}", file.display()))?;
        Ok(true)
    }

    /// The first place where the file on disk is not what the code says.
    #[must_use]
    pub fn difference(&self, root: &Path) -> Option<String> {
        let Ok(stored) = std::fs::read_to_string(root.join(self.path)) else {
            return Some(format!("{}: missing", self.path));
        };
        first_difference(&stored, &(self.content)()).map(|difference| format!("{}{difference}", self.path))
    }
}

/// `:LINE` and both versions of the line.
fn first_difference(stored: &str, wanted: &str) -> Option<String> {
    if stored == wanted {
        return None;
    }
    let (mut stored, mut wanted) = (stored.lines(), wanted.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (stored.next(), wanted.next()) {
            (Some(a), Some(b)) if a == b => {}
            (None, None) => return Some(format!(":{number}: the end of the last line differs")),
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                return Some(format!(":{number}\n  - {}\n  + {}", show(a), show(b)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_shown_with_both_versions() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n").as_deref(), Some(":2\n  - b\n  + c"));
        assert_eq!(first_difference("a\n", "a\nc\n").as_deref(), Some(":2\n  - (end of file)\n  + c"));
        assert!(first_difference("a", "a\n").is_some_and(|text| text.contains("the end of the last line")));
    }

    #[test]
    fn no_two_generators_write_one_file() {
        let mut paths: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), FILES.len());
    }
}
