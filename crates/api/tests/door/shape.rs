//! What every answer looks like, whoever gives it.

use certctl_db::Backend;
use certctl_domain::permission::Role;
use certctl_edge::limit::RateConfig;
use certctl_edge::{Config, NoContent, Origins, Problem};
use http::{Method, StatusCode};
use serde_json::json;

use crate::on_both;
use crate::support::{Answer, Door};

on_both!(
    every_failure_has_one_body,
    every_answer_carries_its_headers,
    bodies_are_read_strictly,
    lists_are_asked_for_strictly,
    one_address_and_one_actor_have_a_budget,
    a_lost_database_is_said_so,
    the_log_of_events_is_read,
    pages_of_listed_origins_may_read_answers,
    a_defect_is_answered_like_every_failure,
);

#[track_caller]
fn problem(answer: &Answer) -> certctl_wire::Problem {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    let problem: certctl_wire::Problem = serde_json::from_str(&answer.text).expect("a problem");
    let status = StatusCode::from_u16(answer.status).expect("a status");
    assert_eq!(problem.error, status.canonical_reason().expect("a reason"));
    assert!(!problem.message.is_empty() && !problem.code.is_empty(), "{}", answer.text);
    assert_eq!(problem.request_id, answer.header("x-request-id"));
    problem
}

async fn every_failure_has_one_body(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    assert_eq!(problem(&door.get("/nowhere").send().await).code, "not_found");
    assert_eq!(problem(&door.get("/api/v1/nowhere").key(&key).send().await).code, "not_found");
    assert_eq!(problem(&door.get("/api/v1/teams/").key(&key).send().await).code, "not_found");
    let method = door.ask(Method::PUT, "/api/v1/teams").key(&key).send().await;
    assert_eq!(method.status, 405);
    assert!(method.header("allow").contains("GET") && method.header("allow").contains("POST"), "{:?}", method.headers);
    assert_eq!(problem(&method).code, "method_not_allowed");
    assert_eq!(door.ask(Method::HEAD, "/health").send().await.status, 405);
    assert_eq!(problem(&door.get("/api/v1/teams/a%20b").key(&key).send().await).details[0].field, "id");
    assert_eq!(problem(&door.get("/api/v1/teams/a%2fb").key(&key).send().await).details[0].field, "id");
    assert_eq!(problem(&door.get("/api/v1/teams/team_x").key(&key).send().await).code, "not_found");
    let long = format!("/api/v1/teams?x={}", "y".repeat(9000));
    assert_eq!(problem(&door.get(&long).key(&key).send().await).code, "uri_too_long");
    let rendered = Problem::new(StatusCode::CONFLICT, "x", "y").render("r");
    assert_eq!(rendered.status(), 409);
}

async fn every_answer_carries_its_headers(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    let answers = [
        door.get("/health").send().await,
        door.get("/nowhere").send().await,
        door.get("/api/v1/teams").send().await,
        door.get("/api/v1/teams").key(&key).send().await,
        door.get("/api/v1/metrics/prometheus").key(&key).send().await,
    ];
    for answer in &answers {
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {}", answer.text);
        }
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
    let ours = door.get("/health").header("x-request-id", "mine").send().await;
    assert_ne!(ours.header("x-request-id"), "mine");
    assert_eq!(answers[2].header("cache-control"), "no-store");
    assert_eq!(answers[3].header("cache-control"), "private, no-cache");
    let tag = answers[3].header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let known = door.get("/api/v1/teams").key(&key).header("if-none-match", &tag).send().await;
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", tag.as_str()));
}

async fn bodies_are_read_strictly(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    let send = async |text: &str, media: &str| {
        door.ask(Method::POST, "/api/v1/teams")
            .key(&key)
            .header("content-type", media)
            .text(text.to_owned())
            .send()
            .await
    };
    const JSON: &str = "application/json; charset=utf-8";
    problem(&send(r#"{"name":"a","name":"b"}"#, JSON).await);
    problem(&send(r#"{"name":"a"} x"#, JSON).await);
    problem(&send("[]", JSON).await);
    problem(&send("", JSON).await);
    assert_eq!(send(r#"{"name":"a"}"#, "text/plain").await.status, 415);
    let encoded =
        door.ask(Method::POST, "/api/v1/teams").key(&key).header("content-encoding", "gzip").text("x").send().await;
    assert_eq!((encoded.status, problem(&encoded).code), (415, "content_encoding".to_owned()));
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(send(&large, JSON).await.status, 413);
    send(r#"{"name":"strict"}"#, JSON).await.expect(201);
    // Refused before the body is looked at.
    assert_eq!(door.ask(Method::POST, "/api/v1/teams").text("not JSON").send().await.status, 401);
}

async fn lists_are_asked_for_strictly(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    for (query, field) in [
        ("per_page=9999", "per_page"),
        ("per_page=0", "per_page"),
        ("page=two", "page"),
        ("page=101&per_page=100", "page"),
        ("pge=1", "pge"),
        ("page=1&page=2", "page"),
        ("cursor=nonsense", "cursor"),
    ] {
        let answer = door.get(&format!("/api/v1/teams?{query}")).key(&key).send().await;
        assert_eq!((answer.status, problem(&answer).details[0].field.as_str()), (400, field), "{query}");
    }
    let near = door.get("/api/v1/teams?pge=1").key(&key).send().await;
    assert_eq!(problem(&near).details[0].message, "is not known; did you mean page?");
    let nothing = door.get("/api/v1/auth/me?verbose=1").key(&key).send().await;
    assert_eq!(nothing.status, 400);
    for name in ["a", "b", "c"] {
        door.post("/api/v1/teams", &json!({"name": name})).key(&key).send().await.expect(201);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/teams?page_size=2".to_owned();
    loop {
        let page = door.get(&path).key(&key).send().await.expect(200);
        assert_eq!(page["total"], 4);
        seen.extend(page["data"].as_array().expect("rows").iter().map(|team| team["name"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/teams?page_size=2&cursor={next}");
    }
    assert_eq!(seen.len(), 4);
}

async fn one_address_and_one_actor_have_a_budget(backend: Backend) {
    let rate = RateConfig { rps: 1, burst: 3, ..RateConfig::default() };
    let Some(door) = Door::open_with(backend, Config { rate, ..Config::default() }).await else { return };
    let key = door.key("ci", Role::Viewer).await;
    for _ in 0..3 {
        door.get("/api/v1/version").send().await.expect(200);
    }
    let slowed = door.get("/api/v1/version").send().await;
    assert_eq!((slowed.status, problem(&slowed).code.as_str()), (429, "rate_limited"));
    assert!(slowed.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    door.get("/api/v1/version").from([192, 0, 2, 77]).send().await.expect(200);
    // A credential that is known in memory counts for its actor, not for the address.
    let other = [192, 0, 2, 50];
    let first = door.get("/api/v1/auth/me").key(&key).from(other).send().await;
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("3", "2"));
    door.get("/api/v1/auth/me").key(&key).from([192, 0, 2, 1]).send().await.expect(200);
    door.get("/api/v1/auth/me").key(&key).from([192, 0, 2, 1]).send().await.expect(200);
    door.get("/api/v1/auth/me").key(&key).from([192, 0, 2, 1]).send().await.refused(429, "rate_limited");
}

async fn a_lost_database_is_said_so(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    door.get("/ready").send().await.expect(200);
    door.get("/api/v1/teams").key(&key).send().await.expect(200);
    door.world.db.db.close().await;
    let answer = door.get("/api/v1/teams").key(&key).send().await;
    assert_eq!((answer.status, problem(&answer).code.as_str()), (503, "database_unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    let ready = door.get("/ready").send().await;
    assert_eq!(ready.status, 503);
    assert!(!ready.text.contains("sqlite") && !ready.text.contains("postgres"), "{}", ready.text);
    door.get("/health").send().await.expect(200);
    door.get("/api/v1/auth/bootstrap").send().await.expect(200);
}

async fn the_log_of_events_is_read(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("root", Role::Admin).await;
    let made = door.post("/api/v1/teams", &json!({"name": "audited"})).key(&key).send().await;
    let request = made.header("x-request-id").to_owned();
    let team = made.expect(201)["id"].clone();
    let page = door.get("/api/v1/audit?category=config").key(&key).send().await.expect(200);
    let event = page["data"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|event| event["resource_id"] == team)
        .expect("the event")
        .clone();
    assert_eq!(
        (&event["actor"], &event["actor_type"], &event["action"]),
        (&json!("root"), &json!("APIKey"), &json!("create_team"))
    );
    assert_eq!(
        (event["request_id"].as_str(), event["source_ip"].as_str()),
        (Some(request.as_str()), Some("192.0.2.1"))
    );
    let one =
        door.get(&format!("/api/v1/audit/{}", event["id"].as_str().expect("an id"))).key(&key).send().await.expect(200);
    assert_eq!(one, event);
    let wrong = door.get("/api/v1/audit?category=cfg").key(&key).send().await;
    assert_eq!(problem(&wrong).details[0].field, "category");
    let times = door.get("/api/v1/audit?since=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z").key(&key).send().await;
    assert_eq!(problem(&times).details[0].field, "until");
    door.get("/api/v1/audit/evt_none").key(&key).send().await.refused(404, "not_found");
}

async fn pages_of_listed_origins_may_read_answers(backend: Backend) {
    const LISTED: &str = "https://console.example";
    let Some(closed) = Door::open(backend).await else { return };
    let asked = closed.ask(Method::OPTIONS, "/api/v1/teams").header("origin", LISTED).send().await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, ""));
    assert_eq!(closed.get("/health").send().await.header("access-control-allow-origin"), "*");

    let config = Config { cors: Origins::new([LISTED]), ..Config::default() };
    let Some(door) = Door::open_with(backend, config).await else { return };
    let key = door.key("root", Role::Admin).await;
    let asked = door.ask(Method::OPTIONS, "/api/v1/teams").header("origin", LISTED).send().await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, LISTED));
    assert_eq!(asked.header("access-control-max-age"), "86400");
    let answer = door.get("/api/v1/teams").key(&key).header("origin", LISTED).send().await;
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (LISTED, "Origin"));
    assert!(answer.header("access-control-expose-headers").contains("ETag"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for other in ["https://evil.example", "http://console.example", "https://console.example.evil", "null"] {
        let answer = door.get("/api/v1/teams").key(&key).header("origin", other).send().await;
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", "Origin"), "{other}");
    }
}

async fn broken(caller: certctl_app::Caller) -> Result<NoContent, Problem> {
    panic!("a defect met by {}", caller.actor.id)
}

async fn a_defect_is_answered_like_every_failure(backend: Backend) {
    let Some(mut door) = Door::open(backend).await else { return };
    let routes = certctl_edge::Routes::new("test").with(certctl_edge::get("/api/v1/broken", broken).authenticated());
    door.site = certctl_edge::Site::new(door.auth.clone(), Config::default(), routes);
    let key = door.key("root", Role::Admin).await;
    let answer = door.get("/api/v1/broken").key(&key).send().await;
    assert_eq!((answer.status, problem(&answer).code.as_str()), (500, "internal"));
    assert!(!answer.text.contains("defect"), "{}", answer.text);
    assert_eq!(answer.header("x-frame-options"), "DENY");
}
