//! From the command line to the exit code.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Format, Global, Noun};
use crate::console::Console;
use crate::exit::{self, Exit};
use crate::failure::{Failure, Result};
use crate::session::Session;
use crate::settings::{self, Contexts};
use crate::verbs;

/// Runs one command: reads the words, does what they say, writes data to stdout and everything else to stderr.
pub async fn run(words: impl IntoIterator<Item = OsString>, console: &mut Console) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    let json = wants_json(&words, console);
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(console, &error, json),
    };
    let json = json || cli.global.output == Some(Format::Json);
    let minds_signals = cli.noun.minds_signals();
    let outcome = tokio::select! {
        outcome = dispatch(cli, console) => outcome,
        () = interrupted(), if !minds_signals => Err(Failure::new(Exit::Interrupted, "interrupted", "interrupted; what was begun on the server goes on")),
    };
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            let failure = failure.with_doctor();
            console.note(&failure.render(json));
            failure.exit
        }
    }
}

async fn dispatch(cli: Cli, console: &mut Console) -> Result<Exit> {
    let global = &cli.global;
    match cli.noun {
        Noun::Help { topic } => help(console, &topic),
        Noun::Doctor => verbs::doctor::doctor(console, global).await,
        Noun::Login => verbs::login::login(&mut open(console, global, Contexts::New)?).await,
        Noun::Version => verbs::version::version(&mut open(console, global, Contexts::Known)?).await,
        Noun::Cert(verb) => verbs::cert::run(&mut open(console, global, Contexts::Known)?, verb).await,
        Noun::Agent(verb) => verbs::agent::run(&mut open(console, global, Contexts::Known)?, verb).await,
        Noun::Target(verb) => verbs::target::run(&mut open(console, global, Contexts::Known)?, verb).await,
        Noun::Job(verb) => verbs::job::run(&mut open(console, global, Contexts::Known)?, verb).await,
        Noun::Approval(verb) => verbs::approval::run(&mut open(console, global, Contexts::Known)?, verb).await,
        #[cfg(feature = "quickstart")]
        Noun::Quickstart(args) => Ok(local(Box::pin(certctl_quickstart::quickstart(args)).await)),
        #[cfg(feature = "quickstart")]
        Noun::DemoEndpoint(args) => Ok(local(certctl_quickstart::demo_endpoint(args).await)),
    }
}

/// The exit code of what has reported its outcome itself.
#[cfg(feature = "quickstart")]
fn local(code: u8) -> Exit {
    if code == 0 { Exit::Ok } else { Exit::Failure }
}

fn open<'a>(console: &'a mut Console, global: &Global, contexts: Contexts) -> Result<Session<'a>> {
    let settings = settings::resolve(console, global, contexts)?;
    Session::new(console, settings)
}

/// Ends when somebody presses Ctrl-C; never, where that cannot be noticed.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Help goes to stdout, a mistake to stderr.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of clap that grows; all other kinds are mistakes")]
fn not_parsed(console: &mut Console, error: &clap::Error, json: bool) -> Exit {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            console.data(text.trim_end());
            return Exit::Ok;
        }
        _ if json => {
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            console.note(&Failure::usage(line).hint("certctl help").render(true));
        }
        _ => console.note(text.trim_end()),
    }
    Exit::Usage
}

/// Whether a mistake in the very words is to be told as JSON.
fn wants_json(words: &[OsString], console: &Console) -> bool {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let after = words.windows(2).any(|pair| matches!(&*pair[0], "-o" | "--output") && pair[1] == "json");
    let within = words.iter().any(|word| matches!(&**word, "-ojson" | "-o=json" | "--output=json"));
    after || within || console.var("CERTCTL_OUTPUT") == Some("json")
}

fn help(console: &mut Console, topic: &[String]) -> Result<Exit> {
    if topic == ["exit-codes"] {
        console.data(exit::table().trim_end());
        return Ok(Exit::Ok);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for word in topic {
        let known: Vec<String> = found.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        found = found.find_subcommand_mut(word).ok_or_else(|| unknown_topic(word, &known))?;
    }
    let text = found.render_long_help().to_string();
    console.data(text.trim_end());
    Ok(Exit::Ok)
}

fn unknown_topic(word: &str, known: &[String]) -> Failure {
    let near = known.iter().max_by(|a, b| strsim::jaro(a, word).total_cmp(&strsim::jaro(b, word)));
    let failure = Failure::usage(format!("there is no help on {word:?}"));
    match near {
        Some(near) if strsim::jaro(near, word) > 0.7 => failure.hint(format!("did you mean {near}?")),
        Some(_) | None => failure.hint("certctl --help lists the commands"),
    }
}
