use std::os::unix::fs::PermissionsExt;

use super::*;

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("/etc/certctl/agent-policy.toml"), text).expect("policy")
}

fn refused(text: &str) -> String {
    Policy::parse(Path::new("/p.toml"), text).expect_err("refused").to_string()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn paths_are_allowed_by_root_and_wildcard_component() {
    let policy = policy(r#"allowed_paths = ["/srv/tls", "/opt/*/conf/certs", "/srv/one.pem"]"#);
    for (path, allowed) in [
        ("/srv/tls/a.pem", true),
        ("/srv/tls/deep/a.pem", true),
        ("/srv/tls-other/a.pem", false),
        ("/srv/a.pem", false),
        ("/srv/one.pem", true),
        ("/opt/app/conf/certs/a.pem", true),
        ("/opt/app/more/conf/certs/a.pem", false),
        ("/opt/app/conf/a.pem", false),
    ] {
        assert_eq!(policy.check_path(Path::new(path)).is_ok(), allowed, "{path}");
    }
}

#[test]
fn commands_are_allowed_word_by_word() {
    let policy = policy(
        r#"allowed_commands = ["/usr/sbin/nginx -s reload", ["/usr/bin/systemctl", "reload", "app-*.service"], ["/bin/x", "*"], ["/bin/y", "--pid=*"]]"#,
    );
    for (line, allowed) in [
        ("/usr/sbin/nginx -s reload", true),
        ("/usr/sbin/nginx -s stop", false),
        ("/usr/sbin/nginx -s reload -c /tmp/x", false),
        ("/usr/sbin/nginx", false),
        ("/tmp/nginx -s reload", false),
        ("/usr/bin/systemctl reload app-web.service", true),
        ("/usr/bin/systemctl reload sshd.service", false),
        ("/usr/bin/systemctl reload app-/../x.service", false),
        ("/bin/x word", true),
        ("/bin/x -o", false),
        ("/bin/x a/b", false),
        ("/bin/x ", false),
        ("/bin/y --pid=7", true),
        ("/bin/y --pie=7", false),
    ] {
        assert_eq!(policy.check_command(&words(line)).is_ok(), allowed, "{line}");
    }
}

#[test]
fn a_file_says_everything_and_refusals_name_it() {
    let empty = policy("");
    let trouble = empty.check_path(Path::new("/etc/nginx/a.pem")).expect_err("refused");
    assert_eq!(
        trouble.message,
        "/etc/nginx/a.pem is not under a path the agent policy allows; add it to allowed_paths in /etc/certctl/agent-policy.toml"
    );
    let built_in = Policy::built_in(Path::new("/etc/certctl/agent-policy.toml"));
    assert!(built_in.check_path(Path::new("/etc/nginx/a.pem")).is_ok());
    assert!(built_in.check_command(&words("/usr/sbin/nginx -s reload")).is_ok());
    let trouble = built_in.check_command(&words("/bin/sh")).expect_err("refused");
    assert!(trouble.message.contains("does not exist: create it with allowed_commands"), "{}", trouble.message);
}

#[test]
fn policies_that_say_nothing_sensible_are_refused() {
    assert!(refused("allowed_path = []").contains("allowed_path"));
    assert!(refused(r#"allowed_paths = ["relative"]"#).contains("must be an absolute path"));
    assert!(refused(r#"allowed_paths = ["/"]"#).contains("would allow every file"));
    assert!(refused(r#"allowed_paths = ["/srv/../etc"]"#).contains("must not contain `..`"));
    assert!(refused(r#"allowed_commands = ["nginx -t"]"#).contains("absolute path of a program"));
    assert!(refused("allowed_commands = [[]]").contains("absolute path of a program"));
}

#[test]
fn a_policy_that_others_could_change_is_not_trusted() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("policy.toml");
    let own = crate::site::own_uid();
    assert!(Policy::load(&path, own).expect("built-in").is_built_in());
    std::fs::write(&path, "allowed_paths = [\"/srv\"]").expect("policy");
    for (mode, trusted) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        assert_eq!(Policy::load(&path, own).is_ok(), trusted, "{mode:o}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
    if own != 0 {
        let error = Policy::load(&path, own + 1).expect_err("somebody else's").to_string();
        assert!(error.contains(&format!("is owned by uid {own}")), "{error}");
    }
    assert!(matches!(Policy::load(dir.path(), own), Err(PolicyError::Unsafe { .. })));
}
