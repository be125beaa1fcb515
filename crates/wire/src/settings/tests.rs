use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

fn reader(vars: &[(&str, &str)]) -> Reader {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reader::new(Program::Server, vars, |path| match path {
        "/secret" => Ok("s3cret\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    })
}

fn problems(reader: Reader) -> Vec<String> {
    reader.finish().0.into_iter().map(|problem| problem.0).collect()
}

#[test]
fn every_name_and_every_key_stands_once() {
    let names: Vec<_> = settings().map(|setting| setting.name).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    let keys: Vec<_> = settings().filter_map(Setting::key).collect();
    assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len());
    assert!(keys.contains(&"server.port".to_owned()) && keys.contains(&"rate_limit.rps".to_owned()), "{keys:?}");
}

#[test]
fn durations_read_as_they_are_written() {
    for (text, seconds) in [("1h30m", 5_400), ("45s", 45), ("2d", 172_800), ("0", 0), ("1m1s", 61)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    for text in ["", "5", "h", "1x", "1m1h", "1.5h", "-1s", "1 h", "99999999999999999999h"] {
        assert!(duration(text).is_err(), "{text}");
    }
    for seconds in [0, 1, 61, 5_400, 90_061] {
        let value = Duration::from_secs(seconds);
        assert_eq!(duration(&duration_text(value)), Ok(value));
    }
}

#[test]
fn switches_accept_eight_words_in_any_case() {
    for text in ["true", "1", "YES", "On"] {
        assert_eq!(flag(text), Ok(true));
    }
    for text in ["False", "0", "no", "OFF"] {
        assert_eq!(flag(text), Ok(false));
    }
    assert!(flag("enabled").is_err());
}

#[test]
fn the_environment_gives_values_and_the_table_defaults() {
    let mut reader = reader(&[("CERTCTL_SERVER_PORT", "9443"), ("CERTCTL_LOG_LEVEL", "")]);
    assert_eq!(reader.number("CERTCTL_SERVER_PORT", 1..=65_535_u16), 9443);
    assert_eq!(reader.text("CERTCTL_LOG_LEVEL").as_deref(), Some("info"));
    assert_eq!(problems(reader), Vec::<String>::new());
}

#[test]
fn an_unreadable_value_names_its_variable_and_reading_goes_on() {
    let mut reader = reader(&[("CERTCTL_SERVER_PORT", "70000"), ("CERTCTL_RATE_LIMIT_ENABLED", "perhaps")]);
    reader.number("CERTCTL_SERVER_PORT", 1..=65_535_u16);
    assert!(reader.flag("CERTCTL_RATE_LIMIT_ENABLED"), "the default holds meanwhile");
    let problems = problems(reader);
    assert!(problems[0].starts_with("CERTCTL_SERVER_PORT: \"70000\" must be a whole number from 1"), "{problems:?}");
    assert!(problems[1].starts_with("CERTCTL_RATE_LIMIT_ENABLED: \"perhaps\" must be true"), "{problems:?}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let mut reader = reader(&[("CERTCTL_BOOTSTRAP_TOKEN_FILE", "/secret"), ("CERTCTL_AUTH_SECRET_FILE", "/gone")]);
    let token = reader.secret("CERTCTL_BOOTSTRAP_TOKEN").expect("read from the file");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), "s3cret");
    reader.refuse("CERTCTL_BOOTSTRAP_TOKEN", "is too short");
    let problems = problems(reader);
    assert!(problems[0].starts_with("CERTCTL_AUTH_SECRET_FILE: the file /gone cannot be read"), "{problems:?}");
    assert_eq!(problems[1], "CERTCTL_BOOTSTRAP_TOKEN_FILE: is too short");
}

#[test]
fn a_secret_given_twice_is_refused() {
    let reader = reader(&[("CERTCTL_BOOTSTRAP_TOKEN", "x"), ("CERTCTL_BOOTSTRAP_TOKEN_FILE", "/secret")]);
    assert_eq!(
        problems(reader),
        ["CERTCTL_BOOTSTRAP_TOKEN_FILE: CERTCTL_BOOTSTRAP_TOKEN is set as well; set one of the two"]
    );
}

#[test]
fn a_promise_of_a_later_version_is_refused_unless_it_is_the_default() {
    let vars = [
        ("CERTCTL_EST_ENABLED", "false"),
        ("CERTCTL_OTEL_ENABLED", "true"),
        ("CERTCTL_SCEP_PROFILE_IOT_ISSUER_ID", "iss-local"),
        ("CERTCTL_DISCOVERY_DIRS", "/etc/ssl"),
    ];
    assert_eq!(
        problems(reader(&vars)),
        [
            "CERTCTL_OTEL_ENABLED: not part of this version of certctl-server; remove it",
            "CERTCTL_SCEP_PROFILE_IOT_ISSUER_ID: not part of this version of certctl-server; remove it",
        ],
        "what the agent will read is not the server's to refuse"
    );
}

#[test]
fn an_unknown_name_is_a_warning_with_the_nearest_one() {
    let (problems, warnings) = reader(&[("CERTCTL_SERVER_PROT", "1"), ("CERTCTL_AGENT_NAME", "x")]).finish();
    assert!(problems.is_empty());
    assert_eq!(warnings, ["CERTCTL_SERVER_PROT is not a setting of this product; did you mean CERTCTL_SERVER_PORT?"]);
}

#[test]
fn the_reference_shows_every_name() {
    let page = reference();
    for setting in settings() {
        assert!(page.contains(&format!("`{}`", setting.name)), "{}", setting.name);
    }
}
