//! Input that must be refused: the answer names the field, and everything that is stored is as before, but for the record of
//! the refusal.

use std::process::Command;
use std::time::Duration;

use certctl_db::Backend;
use certctl_testkit::wait;
use serde_json::{Value, json};

use crate::support::database::assert_unchanged;
use crate::support::https::{Answer, As};
use crate::support::line::Line;
use crate::support::server::{TestServer, certificate, certificate_with_csr, csr};

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn requests_that_no_ca_should_sign() {
        super::requests_that_no_ca_should_sign(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn names_that_nobody_may_have() {
        super::names_that_nobody_may_have(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn bodies_that_are_not_understood() {
        super::bodies_that_are_not_understood(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn keys_that_open_nothing() {
        super::keys_that_open_nothing(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn requests_that_no_ca_should_sign() {
        super::requests_that_no_ca_should_sign(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn names_that_nobody_may_have() {
        super::names_that_nobody_may_have(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn bodies_that_are_not_understood() {
        super::bodies_that_are_not_understood(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn keys_that_open_nothing() {
        super::keys_that_open_nothing(Backend::Postgres).await;
    }
}

/// Bytes of a body that are read.
const LONGEST: usize = 1 << 20;
const ISSUE: &str = "/api/v1/certificates?issue=true";

async fn requests_that_no_ca_should_sign(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let good = csr("a.example");
    let huge =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{}-----END CERTIFICATE REQUEST-----\n", "AAAA\n".repeat(20_000));
    let mut cases = vec![
        ("no PEM", "not a request".to_owned(), "PEM"),
        (
            "PEM of nothing",
            "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n".to_owned(),
            "DER",
        ),
        ("a broken signature", tampered(&good), "proof of possession"),
        ("an oversized request", huge, "at most"),
        ("a request for another name", csr("b.example"), "b.example"),
    ];
    let made = |bits, hash| openssl_csr(&["-newkey", bits, hash]);
    let (Some(weak), Some(sha1), Some(strong)) =
        (made("rsa:1024", "-sha256"), made("rsa:2048", "-sha1"), made("rsa:2048", "-sha256"))
    else {
        certctl_testkit::skip!("no openssl on this machine", "openssl")
    };
    cases.extend([("a weak key", weak, "1024"), ("a SHA-1 signature", sha1, "SHA-256 or better")]);
    let asks = |csr_pem: String| {
        let mut body = certificate("a.example");
        body["csr_pem"] = csr_pem.into();
        body
    };
    for (what, csr_pem, why) in cases {
        refused(&server, what, &asks(csr_pem), "csr_pem", why).await;
    }
    for (name, csr_pem) in [("ec", good), ("rsa", strong)] {
        let mut body = asks(csr_pem);
        body["name"] = name.into();
        server.https.send(As::Key(&server.admin), "POST", ISSUE, Some(&body)).await.ok("a good request");
    }
}

async fn names_that_nobody_may_have(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let strict = json!({ "id": "strict", "name": "strict", "allow_wildcards": false });
    server.made("profiles", &strict).await;
    for (what, name, why) in [
        ("a control character", "a\u{7}.example", "U+0007"),
        ("a line break", "a.example\nb.example", "U+000A"),
        ("a wildcard that the profile forbids", "*.a.example", "strict"),
        ("a wildcard within a label", "w*.a.example", "the whole first label"),
        ("a wildcard that is not leftmost", "a.*.example", "the whole first label"),
        ("mixed scripts", "p\u{430}ypal.example", "mixes scripts"),
        ("an empty label", "a..example", "empty label"),
        ("an unassigned punycode", "xn--a.example", "IDNA"),
    ] {
        let mut body = certificate_with_csr("a.example");
        body["certificate_profile_id"] = json!("strict");
        body["sans"] = json!([name, "a.example"]);
        refused(&server, what, &body, "sans[0]", why).await;
    }
    accepted(&server).await;
}

async fn bodies_that_are_not_understood(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let with = |field: &str, value: Value| {
        let mut body = certificate_with_csr("a.example");
        body[field] = value;
        body
    };
    for (what, body, field) in [
        ("a text instead of a list", with("sans", json!("a.example")), "sans"),
        ("a number instead of a text", with("name", json!(7)), "name"),
        ("a list instead of an object", with("tags", json!(["a"])), "tags"),
        ("an unknown field", with("comon_name", json!("a.example")), "comon_name"),
        ("an owner who does not exist", with("owner_id", json!("nobody")), "owner_id"),
        ("an issuer who does not exist", with("issuer_id", json!("iss-none")), "issuer_id"),
        ("the issuer of identities", with("issuer_id", json!("iss-agents")), "issuer_id"),
        ("no name", with("name", json!("")), "name"),
    ] {
        refused(&server, what, &body, field, "").await;
    }
    let before = server.database.dump().await;
    let send = |body: Vec<u8>| server.https.try_send(As::Key(&server.admin), "POST", ISSUE, &[], Some(body));
    let answer = send(b"{\"name\": ".to_vec()).await.expect("an answer");
    assert_eq!(answer.status, 400, "half a body: {answer:?}");
    // By hand: a client that is still writing when the server answers and closes may see a broken connection only.
    let too_long = LONGEST + 1;
    let chunk = format!("{too_long:x}\r\n{}\r\n", " ".repeat(too_long));
    for (what, head, body) in [
        ("a body announced over the limit", format!("content-length: {too_long}\r\n"), ""),
        ("a body that grows over the limit", "transfer-encoding: chunked\r\n".to_owned(), &chunk),
    ] {
        let mut line = Line::open(&server).await;
        line.head(&server, "POST /api/v1/certificates?issue=true", &head).await;
        line.say(body.as_bytes()).await;
        let answer = line.hear().await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{what}: {answer}");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{what}: {error} in {answer}"));
        assert_eq!((&body["code"], &body["details"][0]["field"]), (&json!("body_too_large"), &json!("body")), "{what}");
        let message = body["details"][0]["message"].as_str().expect("a message");
        assert!(message.contains(&LONGEST.to_string()) && message.contains("send less"), "{what}: {message}");
    }
    assert_unchanged("what was not understood", &before, &server.database.dump().await);
    accepted(&server).await;
}

async fn keys_that_open_nothing(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let make = async |name: &str, more: Value| {
        let mut body = json!({ "name": name, "role_ids": ["r-viewer"] });
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        server.made("auth/keys", &body).await
    };
    let value = |made: &Value| made["key_value"].as_str().expect("a key").to_owned();
    let revoked = make("revoked", json!({})).await;
    assert_eq!(teams_by(&server, &value(&revoked)).await.status, 200);
    let id = revoked["id"].as_str().expect("an id");
    server.admin("DELETE", &format!("auth/keys/{id}"), None).await.ok("revoked");
    let expiring = make("expiring", json!({ "expires_at": in_seconds(2) })).await;
    let expired = value(&expiring);
    wait::until("the key expires", Duration::from_secs(30), async || {
        (teams_by(&server, &expired).await.status == 401).then_some(())
    })
    .await;

    let mut wrong = server.admin.clone();
    let last = wrong.pop().expect("a key has characters");
    wrong.push(if last == '0' { '1' } else { '0' });
    let before = server.database.dump().await;
    for (what, key) in [
        ("a revoked key", value(&revoked)),
        ("an expired key", expired),
        ("a wrong key", wrong),
        ("no key", "x".into()),
    ] {
        let answer = teams_by(&server, &key).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(!answer.code().is_empty(), "{what}: {answer:?}");
        let team = json!({ "id": "forged", "name": "forged" });
        let answer = server.https.send(As::Key(&key), "POST", "/api/v1/teams", Some(&team)).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    assert_unchanged("a key that opens nothing", &before, &server.database.dump().await);
}

/// Sends what must be refused, and looks at the answer and at everything stored.
async fn refused(server: &TestServer, what: &str, body: &Value, field: &str, why: &str) {
    let before = server.database.dump().await;
    let answer = server.https.send(As::Key(&server.admin), "POST", ISSUE, Some(body)).await;
    assert!(matches!(answer.status, 400 | 422), "{what}: {answer:?}");
    let body = answer.json();
    let told = body["details"].as_array().into_iter().flatten().any(|detail| {
        detail["field"] == field && detail["message"].as_str().is_some_and(|message| message.contains(why))
    });
    assert!(told, "{what}: {field} and {why:?} in {answer:?}");
    assert_unchanged(what, &before, &server.database.dump().await);
}

/// The request from which the others differ is one that succeeds.
async fn accepted(server: &TestServer) {
    let answer =
        server.https.send(As::Key(&server.admin), "POST", ISSUE, Some(&certificate_with_csr("a.example"))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn teams_by(server: &TestServer, key: &str) -> Answer {
    server.https.send(As::Key(key), "GET", "/api/v1/teams", None).await
}

/// The same request with another last character of its signature.
fn tampered(pem: &str) -> String {
    let lines: Vec<&str> = pem.lines().collect();
    let body: String = lines[1..lines.len() - 1].concat();
    // The middle of the last line lies within the signature.
    let place = body.len() - 20;
    let other = if body.as_bytes()[place] == b'A' { "B" } else { "A" };
    let body = format!("{}{other}{}", &body[..place], &body[place + 1..]);
    format!("{}\n{body}\n{}\n", lines[0], lines[lines.len() - 1])
}

/// A request for `a.example` as openssl makes it.
fn openssl_csr(more: &[&str]) -> Option<String> {
    let made = Command::new("openssl")
        .args(["req", "-new", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a.example"])
        .args(["-addext", "subjectAltName=DNS:a.example"])
        .args(more)
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(String::from_utf8(made.stdout).expect("PEM is text"))
}

#[expect(clippy::disallowed_methods, reason = "the server under test lives in real time")]
fn in_seconds(seconds: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let then = i64::try_from((now + Duration::from_secs(seconds)).as_secs()).expect("a date");
    certctl_pki::Timestamp::from_unix_secs(then).to_rfc3339()
}
