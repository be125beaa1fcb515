use serde_json::json;

use super::{Default, *};

const LOGIN: &[Field] = &[
    Field::required("user", Kind::Text, "Login name."),
    Field::optional("password", Kind::Text, "Login password.").secret(),
];

const SCHEMA: ConfigSchema = ConfigSchema {
    connector: "Test",
    fields: &[
        Field::required("host", Kind::HostPort, "Where.").endpoint(),
        Field::optional("timeout", Kind::Duration, "How long.").or(Default::Text("10s")),
        Field::optional("mode", Kind::Mode, "Permission."),
        Field::optional("style", Kind::Choice(&["fullchain", "leaf"]), "What.").or(Default::Text("fullchain")),
        Field::optional("passphrase", Kind::Text, "Of the key.").secret(),
        Field::optional("login", Kind::Object(LOGIN), "Who."),
        Field::optional("reload_command", Kind::Command, "After."),
        Field::optional("attempts", Kind::Integer(1, 10), "How often.").or(Default::Integer(3)),
    ],
};

fn refusals(config: Value) -> Vec<String> {
    SCHEMA.check(&config).iter().map(ToString::to_string).collect()
}

#[test]
fn all_refusals_come_at_once_with_their_field_and_the_nearest_name() {
    assert_eq!(
        refusals(json!({"timout": "1s", "mode": "0999", "style": "ful-chain", "login": {"pasword": "x"}, "zzz": 1})),
        [
            "timout: unknown field; did you mean `timeout`?",
            "zzz: unknown field",
            "host: is required",
            "mode: must be an octal permission such as \"0640\"",
            "style: must be one of fullchain, leaf; did you mean `fullchain`?",
            "login.pasword: unknown field; did you mean `password`?",
            "login.user: is required",
        ]
    );
}

#[test]
fn commands_are_argument_lists() {
    let refused = |command: Value| refusals(json!({"host": "a:1", "reload_command": command}));
    assert!(refused(json!(["/bin/x", "-c", "a;b"])).is_empty());
    assert!(refused(json!("/bin/x -c b")).is_empty());
    assert_eq!(refused(json!("sh -c 'a; b'")).len(), 1);
    assert_eq!(refused(json!([])), ["reload_command: must name a program"]);
    assert_eq!(refused(json!(["a", 1])), ["reload_command: each item must be a string"]);
    assert_eq!(refused(json!("x\ny")), ["reload_command: must not contain control characters"]);
    assert_eq!(refused(json!("y".repeat(1025))), ["reload_command: must not be longer than 1024 characters"]);
}

#[test]
fn endpoints_need_a_host_and_a_port() {
    for good in ["127.0.0.1:443", "[::1]:443", "a.example:1"] {
        assert_eq!(refusals(json!({ "host": good })), Vec::<String>::new());
    }
    for bad in ["a", "a:0", "a:99999", "::1:443", ":443", "a b:1"] {
        assert_eq!(refusals(json!({ "host": bad })).len(), 1, "{bad}");
    }
}

#[test]
fn durations_and_modes_take_the_old_integer_forms() {
    assert_eq!(parse_duration(&json!("500ms")), Ok(std::time::Duration::from_millis(500)));
    assert_eq!(parse_duration(&json!(10_000_000_000_u64)), Ok(std::time::Duration::from_secs(10)));
    assert!(parse_duration(&json!("10")).is_err());
    assert_eq!(parse_mode(&json!("0640")), Ok(0o640));
    assert_eq!(parse_mode(&json!(416)), Ok(0o640));
    assert!(parse_mode(&json!("0040")).is_err());
    assert!(parse_mode(&json!("4755")).is_err());
}

#[test]
fn defaults_come_from_the_schema_alone() {
    let filled = SCHEMA.with_defaults(&json!({"host": "a:1", "timeout": null}));
    assert_eq!(filled, json!({"host": "a:1", "timeout": "10s", "style": "fullchain", "attempts": 3}));
}

#[test]
fn secrets_are_masked_at_any_depth_and_by_schema_only() {
    let config = json!({"host": "key:1", "passphrase": "********", "login": {"user": "token", "password": "p"}});
    assert_eq!(
        SCHEMA.mask(&config),
        json!({"host": "key:1", "passphrase": {"$secret": "set"}, "login": {"user": "token", "password": {"$secret": "set"}}})
    );
}

#[test]
fn an_update_keeps_sets_and_clears_secrets() {
    let stored = json!({"host": "a:1", "passphrase": "p", "login": {"user": "u", "password": "q"}});
    let merged = |incoming: Value| SCHEMA.merge(&stored, &incoming);
    assert_eq!(merged(SCHEMA.mask(&stored)), Ok(stored.clone()));
    assert_eq!(merged(json!({"host": "a:1"})), Ok(json!({"host": "a:1", "passphrase": "p"})));
    assert_eq!(
        merged(
            json!({"host": "a:1", "passphrase": {"$secret": "clear"}, "login": {"user": "v", "password": "********"}})
        ),
        Ok(json!({"host": "a:1", "login": {"user": "v", "password": "********"}}))
    );
}

#[test]
fn a_stored_secret_is_not_sent_to_a_new_endpoint() {
    let stored = json!({"host": "a:1", "passphrase": "p"});
    let errors = SCHEMA.merge(&stored, &json!({"host": "b:1"})).expect_err("must be re-sent");
    assert_eq!(errors, [FieldError::new("passphrase", "must be given again because host changed")]);
    assert!(SCHEMA.merge(&stored, &json!({"host": "b:1", "passphrase": "new"})).is_ok());
    assert!(SCHEMA.merge(&stored, &json!({"host": "b:1", "passphrase": {"$secret": "clear"}})).is_ok());
}

#[test]
fn keeping_a_secret_that_was_never_stored_is_refused() {
    let errors = SCHEMA.merge(&json!({"host": "a:1"}), &json!({"host": "a:1", "passphrase": {"$secret": "set"}}));
    assert_eq!(errors, Err(vec![FieldError::new("passphrase", "needs a value: there is none stored to keep")]));
}
