//! A change that is based on a revision which is not the stored one any more is refused at every route that takes `If-Match`,
//! as the table of routes has them.

use certctl_api::routes;
use certctl_db::Backend;
use certctl_edge::route::RouteInfo;
use reqwest::Method;
use serde_json::json;

use crate::support::agent::TestAgent;
use crate::support::database::assert_unchanged;
use crate::support::https::{Answer, As};
use crate::support::server::{OUTSIDE, Setup, TestServer, certificate};

mod sqlite {
    #[tokio::test]
    async fn a_change_of_another_revision_is_refused_everywhere() {
        super::a_change_of_another_revision_is_refused_everywhere(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn a_change_of_another_revision_is_refused_everywhere() {
        super::a_change_of_another_revision_is_refused_everywhere(super::Backend::Postgres).await;
    }
}

async fn a_change_of_another_revision_is_refused_everywhere(backend: Backend) {
    let Some(setup) = Setup::of(env!("CARGO_BIN_EXE_certctl-test-server").into(), backend).await else { return };
    let server = Box::pin(setup.start()).await;
    server.outside(0).await;
    let agent = TestAgent::enrol(&server, "a").await;
    let config = json!({ "cert_path": "/etc/ssl/a.pem" });
    let target = json!({ "id": "web", "name": "web", "type": "File", "agent_id": agent.id, "config": config });
    server.made("targets", &target).await;
    let mut body = certificate("web.example");
    body["id"] = json!("web");
    server.made("certificates", &body).await;

    let routes = routes();
    let mut guarded: Vec<&RouteInfo> = routes.infos().filter(|route| takes_if_match(route)).collect();
    // What removes a thing comes last.
    guarded.sort_by_key(|route| (route.method == Method::DELETE, route.path));
    for route in &guarded {
        let (thing, path) = place(route);
        let what = format!("{} {path}", route.method);
        let current = server.https.send(As::Key(&server.admin), "GET", &thing, None).await;
        let current = current.etag.unwrap_or_else(|| panic!("{thing} has no ETag"));
        let before = server.database.dump().await;
        for other in ["\"r99\"", "\"r0\""] {
            let answer = change(&server, route, &path, other).await;
            assert_eq!((answer.status, answer.code().as_str()), (412, "stale"), "{what}: {answer:?}");
            let revision = current.trim_matches(['"', 'r']);
            let told = [format!("revision {revision},"), "read it again".to_owned()];
            assert!(told.iter().all(|words| answer.message().contains(words)), "{what}: {answer:?}");
            assert_unchanged(&what, &before, &server.database.dump().await);
        }
        let malformed = change(&server, route, &path, "99").await;
        assert_eq!((malformed.status, malformed.fields()), (400, vec!["If-Match".to_owned()]), "{what}: {malformed:?}");
        assert_unchanged(&what, &before, &server.database.dump().await);
        // The same change is done, or refused for what depends on the thing, when it names the stored revision.
        let answer = change(&server, route, &path, &current).await;
        assert!(answer.is_success() || answer.status == 409, "{what}: {answer:?}");
    }
    let things: std::collections::BTreeSet<_> = guarded.iter().map(|route| place(route).0).collect();
    assert!(things.len() >= 7, "the table of routes has shrunk: {things:?}");
    for route in routes.infos().filter(|route| [Method::PUT, Method::PATCH].contains(&route.method)) {
        let guarded = takes_if_match(route) || route.path == WITHOUT_REVISION;
        assert!(guarded, "{} {} takes no If-Match", route.method, route.path);
    }
}

/// A set that has no revision of its own; that of its certificate tells nothing of it.
const WITHOUT_REVISION: &str = "/api/v1/certificates/{id}/targets";

fn takes_if_match(route: &RouteInfo) -> bool {
    route.doc.parameters.iter().any(|parameter| parameter.name == "If-Match")
}

/// The thing of a route, and the route's path with its id.
fn place(route: &RouteInfo) -> (String, String) {
    let kind = route.path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
    let id = match kind {
        "certificates" | "owners" | "profiles" | "renewal-policies" | "targets" | "teams" => "web",
        "issuers" => OUTSIDE,
        other => panic!("{} {}: say here which {other} a test may change", route.method, route.path),
    };
    (format!("/api/v1/{kind}/{id}"), route.path.replace("{id}", id))
}

async fn change(server: &TestServer, route: &RouteInfo, path: &str, revision: &str) -> Answer {
    let renamed = || json!({ "name": format!("moved by {}", route.method) });
    let body = (route.method != Method::DELETE).then(renamed);
    let body = body.map(|body| body.to_string().into_bytes());
    let headers = [("if-match", revision)];
    let sent = server.https.try_send(As::Key(&server.admin), route.method.as_str(), path, &headers, body).await;
    sent.unwrap_or_else(|error| panic!("{} {path}: {error:?}", route.method))
}
