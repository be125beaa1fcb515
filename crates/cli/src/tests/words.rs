//! What needs no server: help, mistakes, settings, the configuration file.

use expect_test::{expect, expect_file};

use super::{Around, Tty, certctl, home, set_mode};
use crate::reference_markdown;

#[test]
fn the_reference_is_made_from_the_grammar() {
    expect_file!["../../../../docs/reference/cli.md"].assert_eq(&reference_markdown());
}

#[tokio::test]
async fn help_goes_to_stdout_and_mistakes_to_stderr_with_exit_2() {
    let ended = certctl("--help", Around::default()).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains("Usage: certctl [OPTIONS] <COMMAND>"));
    for words in ["help cert renew", "certs renew --help", "cert renew -h"] {
        let ended = certctl(words, Around::default()).await;
        assert_eq!((ended.code, ended.out.contains("certctl cert renew cert_01J… --wait")), (0, true), "{words}");
    }
    let ended = certctl("cert renw", Around::default()).await;
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert!(ended.err.contains("'renew'"), "names the nearest: {}", ended.err);
    assert_eq!(certctl("", Around::default()).await.code, 2);
    assert_eq!(certctl("cert", Around::default()).await.code, 2);
    let ended = certctl("help cert reniew", Around::default()).await;
    expect![[r#"
        error: there is no help on "reniew"
        hint: did you mean renew?
    "#]]
    .assert_eq(&ended.err);
}

#[tokio::test]
async fn exit_codes_are_printed() {
    let ended = certctl("help exit-codes", Around::default()).await;
    expect![[r#"
        Exit codes
            0  all went well
            1  it failed, for none of the reasons below
            2  the command line, a setting or a file it names cannot be used
            3  no credential, or one that is not valid
            4  the credential is valid and not enough
            5  there is no such thing
            6  a confirmation was needed and not given
            7  state, version or dependencies do not allow it
            8  the server understood the request and rejected it
            9  some of what was asked for was done
           10  waiting took too long; the work goes on
           11  the server, or the way to it, is down
           12  too many requests
           20  a check found something
          130  interrupted
    "#]]
    .assert_eq(&ended.out);
}

#[tokio::test]
async fn mistakes_are_told_as_json_where_json_is_asked_for() {
    let ended = certctl("cert lst -o json", Around::default()).await;
    expect![[r#"
        {"error":{"code":"usage","details":[],"field":null,"hint":"certctl help","message":"unrecognized subcommand 'lst'","request_id":null}}
    "#]]
    .assert_eq(&ended.err);
    let env = &[("CERTCTL_OUTPUT", "json"), ("CERTCTL_SERVER_URL", "http://localhost")];
    let ended = certctl("cert get x", Around { env, ..Default::default() }).await;
    expect![[r#"
        {"error":{"code":"usage","details":[],"field":"server","hint":"set it with --server https://HOST:PORT, CERTCTL_SERVER_URL, or a context from certctl login","message":"server: \"http://localhost\" is not https; write https://host:port","request_id":null}}
    "#]]
    .assert_eq(&ended.err);
}

#[tokio::test]
async fn all_that_is_wrong_with_the_environment_is_told_at_once() {
    let env = &[("CERTCTL_TIMEOUT", "soon"), ("CERTCTL_NO_INPUT", "perhaps"), ("CERTCTL_OUTPUTS", "json")];
    let ended = certctl("cert list", Around { env, ..Default::default() }).await;
    assert_eq!(ended.code, 2);
    expect![[r#"
        warning: CERTCTL_OUTPUTS is not a setting of this product; did you mean CERTCTL_OUTPUT?
        error: CERTCTL_NO_INPUT: "perhaps" must be true, 1, yes, on, false, 0, no or off
          CERTCTL_TIMEOUT: "soon" must be a duration such as 1h30m, 45s or 500ms (units d h m s ms, largest first)
    "#]]
    .assert_eq(&ended.err);
}

#[tokio::test]
async fn insecure_warns_and_can_be_forbidden() {
    let env = &[("CERTCTL_FORBID_INSECURE", "1")];
    let ended = certctl("cert list --insecure", Around { env, ..Default::default() }).await;
    assert_eq!(ended.code, 2);
    expect![[r#"
        error: --insecure is forbidden here (CERTCTL_FORBID_INSECURE)
        hint: name the server's CA with --ca-bundle FILE
    "#]]
    .assert_eq(&ended.err);
    let env = &[("CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY", "true")];
    let ended = certctl("cert list --server https://localhost:1 --quiet", Around { env, ..Default::default() }).await;
    assert_eq!(ended.code, 11);
    assert!(ended.err.starts_with("warning: --insecure:"), "also with --quiet: {}", ended.err);
}

#[tokio::test]
async fn an_unknown_key_of_the_file_is_an_error_that_shows_no_secret() {
    let home = home();
    let path = home.path().join("config.toml");
    std::fs::write(&path, "[contexts.a]\nserver = \"https://a\"\nauth = { api_kee = \"cck_secret\" }\n")
        .expect("a file");
    let config = path.display().to_string();
    let ended = certctl(&format!("cert list --config {config}"), Around::default()).await;
    assert_eq!(ended.code, 2);
    let message = ended.err.replace(&config, "FILE");
    expect![[r#"
        error: FILE: unknown field `api_kee`, expected one of `key_file`, `api_key`, `client_cert`, `client_key`
    "#]]
    .assert_eq(&message);
}

#[tokio::test]
async fn a_file_with_a_key_must_be_private() {
    let home = home();
    let path = home.path().join("config.toml");
    std::fs::write(&path, "[contexts.a]\nauth = { api_key = \"cck_secret\" }\n").expect("a file");
    set_mode(&path, 0o644);
    let config = path.display().to_string();
    let env = &[("CERTCTL_CONFIG", config.as_str()), ("CERTCTL_CONTEXT", "b")];
    let ended = certctl("cert list", Around { env, ..Default::default() }).await;
    assert_eq!(ended.code, 2);
    expect![[r#"
        error: FILE holds an API key and others may read it
        hint: chmod 600 FILE
    "#]]
    .assert_eq(&ended.err.replace(&config, "FILE"));
    set_mode(&path, 0o600);
    let ended = certctl("cert list", Around { env, ..Default::default() }).await;
    expect![[r#"
        error: context "b" is not in FILE
        hint: known: a
    "#]]
    .assert_eq(&ended.err.replace(&config, "FILE"));
}

#[tokio::test]
async fn files_that_are_named_and_missing_are_usage_errors() {
    for words in [
        "cert list --config /nowhere/config.toml",
        "cert list --ca-bundle /nowhere/ca.pem",
        "cert list --insecure --api-key-file /nowhere/key",
        "cert list --insecure --client-cert /nowhere/cert --client-key /nowhere/key",
        "cert list --insecure --client-cert /nowhere/cert",
        "cert list --insecure --pin sha256:00",
        "cert list --insecure --api-key a --api-key-stdin",
        "cert create --insecure --cn a --owner o --team t --wait",
        "cert create --insecure --cn a --owner o",
        "cert renew --insecure a b --csr x",
        "target update --insecure t",
        "cert list --limit 0",
        "cert renew",
        "agent retire a --force",
    ] {
        let ended = certctl(words, Around::default()).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{words}: {}", ended.err);
    }
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_can_answer() {
    let ended = certctl("login --server https://localhost:1", Around { input: "", ..Default::default() }).await;
    assert_eq!(ended.code, 2, "{}", ended.err);
    let tty = Tty { input: true, ..Default::default() };
    let env = &[("CERTCTL_NO_INPUT", "1"), ("HOME", "/nowhere")];
    let ended = certctl("login --server https://localhost:1", Around { env, tty, ..Default::default() }).await;
    assert!(ended.err.contains("no API key"), "{}", ended.err);
}
