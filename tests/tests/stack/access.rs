//! What an agent's credential opens: its own things, and nothing else. The cases are made from the route table.

use std::collections::BTreeMap;

use certctl_api::routes;
use certctl_db::Backend;
use certctl_edge::route::{Access, RouteInfo};
use serde_json::{Value, json};

use crate::support::agent::TestAgent;
use crate::support::https::As;
use crate::support::server::{TestServer, certificate};

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn what_is_another_agents_does_not_exist() {
        super::what_is_another_agents_does_not_exist(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn an_agent_opens_no_other_route() {
        super::an_agent_opens_no_other_route(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_stranger_opens_public_routes_only() {
        super::a_stranger_opens_public_routes_only(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn what_is_another_agents_does_not_exist() {
        super::what_is_another_agents_does_not_exist(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn an_agent_opens_no_other_route() {
        super::an_agent_opens_no_other_route(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_stranger_opens_public_routes_only() {
        super::a_stranger_opens_public_routes_only(Backend::Postgres).await;
    }
}

/// Ids of an agent and of what belongs to it, by the kind that a path parameter stands for.
type Things = BTreeMap<&'static str, String>;

async fn what_is_another_agents_does_not_exist(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let mine = agent_with_work(&server, "mine").await;
    let other = agent_with_work(&server, "other").await;
    let mut tried = 0;
    for route in routes().infos().filter(|route| route.access.admits_agents()) {
        let kinds = kinds(route);
        assert!(!kinds.is_empty(), "{route:?} names nothing, so it cannot be held to its owner");
        for foreign in 0..kinds.len() {
            let ids: Vec<&str> = kinds
                .iter()
                .enumerate()
                .map(|(place, kind)| if place == foreign { &other.1 } else { &mine.1 }[kind].as_str())
                .collect();
            let path = filled(route, &ids);
            let body = body(route, &mine.1);
            for key in [None, Some(mine.0.api_key.as_str())] {
                let before = mismatches(&server).await;
                let answer = match key {
                    None => mine.0.call(route.method.as_str(), &path, body.as_ref()).await,
                    Some(key) => server.https.send(As::Key(key), route.method.as_str(), &path, body.as_ref()).await,
                };
                assert_eq!(answer.status, 404, "{route:?} {path}: {answer:?}");
                assert_eq!(mismatches(&server).await, before + 1, "{route:?} {path} left no audit event");
                tried += 1;
            }
        }
    }
    assert!(tried >= 16, "{tried} cases: the table of routes has shrunk");
    // The same things open for their own agent, so it was not a missing thing that was refused.
    let own = format!("/api/v1/agents/{}/work", mine.0.id);
    assert_eq!(mine.0.call("GET", &own, None).await.status, 200);
}

async fn an_agent_opens_no_other_route(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let agent = TestAgent::enrol(&server, "agent").await;
    let routes = routes();
    let closed = routes.infos().filter(|route| route.access != Access::Public && !route.access.admits_agents());
    let mut tried = 0;
    for route in closed {
        let path = filled(route, &vec![agent.id.as_str(); parameters(route).len()]);
        let answer = agent.call(route.method.as_str(), &path, None).await;
        assert_eq!(answer.status, 403, "{route:?} by certificate: {answer:?}");
        let answer = server.https.send(As::Key(&agent.api_key), route.method.as_str(), &path, None).await;
        assert_eq!(answer.status, 403, "{route:?} by key: {answer:?}");
        tried += 1;
    }
    assert!(tried >= 40, "{tried} routes: the table of routes has shrunk");
}

async fn a_stranger_opens_public_routes_only(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let before = server.database.dump().await;
    for route in routes().infos().filter(|route| route.access != Access::Public) {
        let path = filled(route, &vec!["web"; parameters(route).len()]);
        let answer = server.https.send(As::Stranger, route.method.as_str(), &path, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "credential_missing"), "{route:?}");
    }
    crate::support::database::assert_unchanged("a stranger", &before, &server.database.dump().await);
}

/// An agent, and a target, a certificate and an open job of its own.
async fn agent_with_work(server: &TestServer, name: &'static str) -> (TestAgent, Things) {
    let agent = TestAgent::enrol(server, name).await;
    let target = json!({
        "id": name, "name": name, "type": "File", "agent_id": agent.id,
        "config": { "cert_path": format!("/srv/{name}/cert.pem"), "key_path": format!("/srv/{name}/key.pem") },
    });
    server.made("targets", &target).await;
    let mut ask = certificate(&format!("{name}.example"));
    ask["target_ids"] = json!([name]);
    let made = server.made("certificates?issue=true", &ask).await;
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("an id in {made}")).to_owned();
    let things = Things::from([
        ("agents", agent.id.clone()),
        ("certificates", text(&made["certificate"]["id"])),
        ("jobs", text(&made["job_id"])),
    ]);
    (agent, things)
}

async fn mismatches(server: &TestServer) -> u64 {
    server.database.count("audit_events WHERE action = 'agent.identity_mismatch'").await
}

/// What each parameter of the path stands for: the collection that it follows.
fn kinds(route: &RouteInfo) -> Vec<&'static str> {
    let segments: Vec<&str> = route.path.split('/').collect();
    let places = segments.windows(2).filter(|pair| pair[1].starts_with('{'));
    places
        .map(|pair| match pair[0] {
            "agents" => "agents",
            "certificates" => "certificates",
            "jobs" => "jobs",
            other => panic!("{route:?}: what does {other} hold? add it to the things of an agent"),
        })
        .collect()
}

fn parameters(route: &RouteInfo) -> Vec<&'static str> {
    route.path.split('/').filter(|segment| segment.starts_with('{')).collect()
}

fn filled(route: &RouteInfo, ids: &[&str]) -> String {
    let mut ids = ids.iter();
    let segments = route
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { *ids.next().expect("an id for each parameter") } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// A body that would be accepted, so that nothing but the owner is wrong.
fn body(route: &RouteInfo, own: &Things) -> Option<Value> {
    match route.name {
        "agent_work" | "agent_certificate" => None,
        "agent_heartbeat" => Some(json!({})),
        "agent_identity_renew" => Some(json!({ "csr_pem": crate::support::server::csr("agent") })),
        "agent_csr_submit" => Some(json!({
            "csr_pem": crate::support::server::csr("mine.example"),
            "certificate_id": own["certificates"],
            "job_id": own["jobs"],
        })),
        "agent_job_report" => Some(json!({ "status": "Running" })),
        "agent_job_verify" => Some(json!({
            "target_id": "other", "expected_fingerprint": "00", "actual_fingerprint": "00", "verified": true,
        })),
        other => panic!("{other} is open to agents: give it a body here"),
    }
}
