//! How agents come in, and come in again.

use certctl_db::Backend;
use serde_json::json;

use crate::support::agent::{TestAgent, key, register, token};
use crate::support::database::assert_unchanged;
use crate::support::https::As;
use crate::support::server::TestServer;

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn a_lost_reply_is_given_again() {
        super::a_lost_reply_is_given_again(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_token_that_is_used_up_or_wrong_admits_nobody() {
        super::a_token_that_is_used_up_or_wrong_admits_nobody(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_token_admits_as_many_as_it_says_and_nobody_else() {
        super::a_token_admits_as_many_as_it_says_and_nobody_else(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn enrolling_again_ends_the_old_credentials() {
        super::enrolling_again_ends_the_old_credentials(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn a_lost_reply_is_given_again() {
        super::a_lost_reply_is_given_again(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_token_that_is_used_up_or_wrong_admits_nobody() {
        super::a_token_that_is_used_up_or_wrong_admits_nobody(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_token_admits_as_many_as_it_says_and_nobody_else() {
        super::a_token_admits_as_many_as_it_says_and_nobody_else(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn enrolling_again_ends_the_old_credentials() {
        super::enrolling_again_ends_the_old_credentials(Backend::Postgres).await;
    }
}

async fn a_lost_reply_is_given_again(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let (token, key) = (token(&server, &json!({})).await, key());
    let lost = register(&server, &token, "a", &key).await.ok("first");
    let again = register(&server, &token, "a", &key).await.ok("second");
    for same in ["certificate_pem", "chain_pem", "ca_pem"] {
        assert_eq!(lost[same], again[same]);
    }
    assert_eq!(lost["agent"]["id"], again["agent"]["id"]);
    assert_ne!(lost["api_key"], again["api_key"]);
    assert_eq!(server.database.texts("SELECT CAST(uses AS TEXT) FROM enrollment_tokens").await, ["1"]);
    assert_eq!(server.database.count("agents").await, 1);

    let (first, second) = (TestAgent::admitted(&server, &lost, &key), TestAgent::admitted(&server, &again, &key));
    let work = format!("/api/v1/agents/{}/work", second.id);
    assert_eq!(second.call("GET", &work, None).await.status, 200, "the certificate of both answers");
    assert_eq!(server.https.send(As::Key(&second.api_key), "GET", &work, None).await.status, 200);
    let old = server.https.send(As::Key(&first.api_key), "GET", &work, None).await;
    assert_eq!(old.status, 401, "the key of the answer that was lost");
}

async fn a_token_that_is_used_up_or_wrong_admits_nobody(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let used = token(&server, &json!({})).await;
    register(&server, &used, "a", &key()).await.ok("first");
    let revoked = server.made("agents/enrollment-tokens", &json!({})).await;
    let id = revoked["id"].as_str().expect("an id");
    server.admin("DELETE", &format!("agents/enrollment-tokens/{id}"), None).await.ok("revoked");
    let revoked = revoked["token"].as_str().expect("a token").to_owned();

    let expired = token(&server, &json!({})).await;
    let newest = "(SELECT max(created_at) FROM enrollment_tokens)";
    let expire = format!("UPDATE enrollment_tokens SET expires_at = created_at + 1 WHERE created_at = {newest}");
    server.database.execute(&expire).await;

    let before = server.database.dump().await;
    for (what, token) in [
        ("a used token with another key", used.as_str()),
        ("an expired token", &expired),
        ("a revoked token", &revoked),
        ("an unknown token", "no-such-token"),
        ("no token", ""),
    ] {
        let answer = register(&server, token, "b", &key()).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.code(), "invalid_or_missing_bootstrap_token", "{what}");
        assert!(answer.message().contains("certctl agent enroll-token create"), "{what}: {answer:?}");
        assert_unchanged(what, &before, &server.database.dump().await);
    }
    let taken = token(&server, &json!({})).await;
    let before = server.database.dump().await;
    let answer = register(&server, &taken, "a", &key()).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "name_taken"));
    assert_unchanged("a name that is taken", &before, &server.database.dump().await);
}

async fn a_token_admits_as_many_as_it_says_and_nobody_else(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let of_two = token(&server, &json!({ "max_uses": 2, "name_pattern": "two-*" })).await;
    for name in ["two-1", "two-2"] {
        register(&server, &of_two, name, &key()).await.ok("within its uses");
    }
    let before = server.database.dump().await;
    for (what, name) in [("a token whose uses are used up", "two-3"), ("the same and another name", "three")] {
        let answer = register(&server, &of_two, name, &key()).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_or_missing_bootstrap_token"), "{what}");
        assert_unchanged(what, &before, &server.database.dump().await);
    }
    let narrow = token(&server, &json!({ "name_pattern": "web-*" })).await;
    let before = server.database.dump().await;
    let answer = register(&server, &narrow, "db-1", &key()).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_or_missing_bootstrap_token"));
    assert_unchanged("a name that the pattern does not admit", &before, &server.database.dump().await);
    // What it refused has not used it up.
    register(&server, &narrow, "web-1", &key()).await.ok("a name that the pattern admits");
}

async fn enrolling_again_ends_the_old_credentials(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let old = TestAgent::enrol(&server, "a").await;
    let work = format!("/api/v1/agents/{}/work", old.id);
    assert_eq!(old.call("GET", &work, None).await.status, 200);

    let (token, key) = (token(&server, &json!({ "agent_id": old.id })).await, key());
    let new = register(&server, &token, "a", &key).await.ok("again");
    let new = TestAgent::admitted(&server, &new, &key);
    assert_eq!(new.id, old.id);
    assert_eq!(new.call("GET", &work, None).await.status, 200);
    assert_eq!(server.https.send(As::Key(&new.api_key), "GET", &work, None).await.status, 200);
    assert_eq!(old.call("GET", &work, None).await.status, 401, "the old certificate");
    assert_eq!(server.https.send(As::Key(&old.api_key), "GET", &work, None).await.status, 401, "the old key");
    let reenrolled = "audit_events WHERE action IN ('agent_reenrolled', 'agent.reenrolled')";
    assert_eq!(server.database.count(reenrolled).await, 1);
}
