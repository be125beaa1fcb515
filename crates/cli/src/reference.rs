//! The reference of the command line, made from the grammar itself so that it cannot drift.

use std::fmt::Write as _;

use certctl_wire::settings::{Program, settings};
use clap::{Arg, Command, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;

/// The page `docs/reference/cli.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut page = String::from(
        "# Command line\n\n<!-- Generated from the program's grammar; `cargo xtask generate` writes it. -->\n\n\
         `certctl NOUN VERB [ARGUMENTS]`. Nouns are singular and have a plural alias; global options may stand anywhere.\n\
         Data goes to standard output, everything else to standard error.\n\n## Global options\n\n",
    );
    page.push_str(&options(root.get_arguments().filter(|arg| arg.is_global_set() || arg.get_id() == "version")));
    page.push_str("\n## Commands\n");
    for command in visible(&root) {
        describe(&mut page, command, "certctl");
    }
    page.push_str("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        line(&mut page, format_args!("| {} | {} |", exit.code(), exit.meaning()));
    }
    page.push_str("\n## Environment\n\nA flag goes before a variable, a variable before the context, the context before the default.\n\n");
    page.push_str("| Variable | Default | Meaning |\n|---|---|---|\n");
    for setting in settings().filter(|setting| setting.exists && setting.is_read_by(Program::Cli)) {
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        line(&mut page, format_args!("| `{}` | {default} | {} |", setting.name, setting.meaning));
        if setting.secret {
            line(&mut page, format_args!("| `{}_FILE` | | File with the value of `{0}`. |", setting.name));
        }
    }
    page.push_str(CONFIGURATION);
    page
}

const CONFIGURATION: &str = r#"
## Configuration file

`$CERTCTL_CONFIG`, else `$XDG_CONFIG_HOME/certctl/config.toml`, else `~/.config/certctl/config.toml`. `certctl login` writes
it. A file that holds a key must have mode 0600. Relative paths start at the file's directory. An unknown key is an error.

```toml
current_context = "prod"

[contexts.prod]
server = "https://certctl.example.net:8443"
ca_bundle = "/etc/certctl/ca.pem"
tls_server_name = "certctl.example.net"   # if not the name in the address
pin = "sha256:…"                          # the server's certificate or public key
auth = { key_file = "prod.key" }          # or api_key, or client_cert and client_key
default_team = "team_payments"            # for cert create
confirm = "strict"                        # type the name before something is destroyed

[output]
format = "table"
```
"#;

fn describe(page: &mut String, command: &Command, parent: &str) {
    let path = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        for verb in visible(command) {
            describe(page, verb, &path);
        }
        return;
    }
    line(page, format_args!("\n### `{path}`\n"));
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    line(page, format_args!("{about}.\n"));
    let mut usage = command.clone().bin_name(&path);
    let usage = usage.render_usage().to_string();
    line(page, format_args!("```\n{}\n```", usage.trim_start_matches("Usage: ").trim()));
    let own: Vec<_> = command.get_arguments().filter(|arg| !arg.is_global_set() && arg.get_id() != "help").collect();
    if !own.is_empty() {
        page.push('\n');
        page.push_str(&options(own.into_iter()));
    }
    if let Some(examples) = command.get_after_help() {
        line(page, format_args!("\n```\n{}\n```", examples.to_string().trim()));
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = "| Option | Meaning |\n|---|---|\n".to_owned();
    for arg in args {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if !arg.get_action().takes_values() || defaults.is_empty() {
            String::new()
        } else {
            format!(" Default: `{}`.", defaults.join(","))
        };
        let words: Vec<_> = arg
            .get_possible_values()
            .iter()
            .filter(|_| arg.get_action().takes_values())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        let choice = if words.is_empty() { String::new() } else { format!(" One of {}.", words.join(", ")) };
        line(&mut table, format_args!("| {} | {help}.{choice}{default} |", spelled(arg)));
    }
    table
}

fn spelled(arg: &Arg) -> String {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.map(|names| names.join(" ")).unwrap_or_default();
    let Some(long) = arg.get_long() else { return format!("`{value}`") };
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`{}`", format!("--{long} {value}").trim())
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(page, "{text}");
}
