//! What the verbs ask of the server, what they print, and how they end.

use expect_test::expect;
use serde_json::json;

use super::peer::{Peer, agent, certificate, deployment, job, page, problem, target};
use super::{Around, Tty};

#[tokio::test]
async fn lists_are_read_page_by_page_and_the_footer_says_what_is_missing() {
    let first = page(&[certificate("cert_1", "Active"), certificate("cert_2", "Expiring")], 3, Some("c2"));
    let second = page(&[certificate("cert_3", "Pending")], 3, None);
    let peer = Peer::start(&[
        ("GET /api/v1/certificates?status=Active&sort=-notAfter&per_page=2", &[(200, first.clone())]),
        ("GET /api/v1/certificates?per_page=500", &[(200, first)]),
        ("GET /api/v1/certificates?per_page=500&cursor=c2", &[(200, second)]),
    ])
    .await;
    let ended = peer.certctl("cert list --status Active --sort -notAfter --limit 2").await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    expect![[r#"
        ID      COMMON NAME      STATUS    RENEWAL  EXPIRES               ISSUER
        cert_1  www.example.org  Active    idle     2027-04-14T10:02:00Z  iss-local
        cert_2  www.example.org  Expiring  idle     2027-04-14T10:02:00Z  iss-local
    "#]]
    .assert_eq(&ended.out);
    assert_eq!(ended.err, "2 of 3 shown; --limit N or --all for more\n");
    let ended = peer.certctl("certs ls --all -o name").await;
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("cert_1\ncert_2\ncert_3\n", ""));
    let ended = peer.certctl("cert list --all -o json").await;
    let read: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON alone on stdout");
    assert_eq!((read["total"].clone(), read["data"].as_array().map(Vec::len)), (json!(3), Some(3)));
}

#[tokio::test]
async fn tables_fit_the_window_and_move_no_cursor() {
    let mut row = certificate("cert_1", "Active");
    row["common_name"] = json!("a-very-long-name-\u{1b}[31mred.of.a.service.example.org");
    let peer = Peer::start(&[("GET /api/v1/certificates?per_page=50", &[(200, page(&[row], 1, None))])]).await;
    let tty = Tty { output: true, ..Default::default() };
    let ended = peer.certctl_in("cert list", Around { tty, width: Some(70), ..Default::default() }).await;
    expect![[r#"
        ID      COMMON NAME       STATUS  RENEWAL  EXPIRES           ISSUER
        cert_1  a-very-long-nam…  Active  idle     2027-04-14T10:0…  iss-local
    "#]]
    .assert_eq(&ended.out);
    let ended = peer.certctl("cert list").await;
    assert!(ended.out.contains("a-very-long-name-?[31mred"), "{}", ended.out);
}

#[tokio::test]
async fn one_thing_is_a_sheet() {
    let peer = Peer::start(&[("GET /api/v1/certificates/cert_1", &[(200, certificate("cert_1", "Active"))])]).await;
    let ended = peer.certctl("cert get cert_1").await;
    expect![[r#"
        Id           cert_1
        Name         web
        Common name  www.example.org
        Names        www.example.org
        Status       Active
        Renewal      idle
        Expires      2027-04-14T10:02:00Z
        Issuer       iss-local
        Policy       rp-default
        Targets      tgt_1
        Owner        own_1
        Team         team_1
        Environment  prod
        Tags         a=b
        Created      2027-01-14T10:02:00Z
        Updated      2027-01-14T10:02:00Z
        Revision     3
    "#]]
    .assert_eq(&ended.out);
}

#[tokio::test]
async fn refusals_have_cause_hint_request_id_and_an_exit_code() {
    let cases: &[(u16, u8)] = &[
        (400, 8),
        (401, 3),
        (403, 4),
        (404, 5),
        (409, 7),
        (410, 5),
        (412, 7),
        (422, 8),
        (429, 12),
        (500, 1),
        (503, 11),
    ];
    for (status, code) in cases {
        let peer = Peer::start(&[("GET /api/v1/jobs/j", &[(*status, problem(*status, "some_code", "because"))])]).await;
        let ended = peer.certctl("job get j").await;
        assert_eq!((ended.code, ended.out.as_str()), (*code, ""), "{status}: {}", ended.err);
        assert!(
            ended.err.starts_with("error: because\n") && ended.err.ends_with("request id: req-1\n"),
            "{}",
            ended.err
        );
    }
    let mut refusal = problem(422, "profile_refused", "two fields are refused");
    refusal["details"] =
        json!([{ "field": "sans[1]", "message": "wildcard" }, { "field": "csr_pem", "message": "weak" }]);
    let peer = Peer::start(&[("GET /api/v1/jobs/j", &[(422, refusal)])]).await;
    expect![[r#"
        error: two fields are refused
          sans[1]: wildcard
          csr_pem: weak
        request id: req-1
    "#]]
    .assert_eq(&peer.certctl("job get j").await.err);
    expect![[r#"
        {"error":{"code":"profile_refused","details":["sans[1]: wildcard","csr_pem: weak"],"field":"sans[1]","hint":null,"message":"two fields are refused","request_id":"req-1"}}
    "#]]
    .assert_eq(&peer.certctl("job get j -o json").await.err);
}

#[tokio::test]
async fn waiting_ends_when_a_handshake_has_proved_it() {
    let answer = json!({ "status": "renewal_triggered", "job_id": "job_1" });
    let peer = Peer::start(&[
        ("POST /api/v1/certificates/cert_1/renew", &[(202, answer)]),
        (
            "GET /api/v1/jobs/job_1",
            &[
                (200, job("job_1", "AwaitingCSR", None)),
                (200, job("job_1", "Running", None)),
                (200, job("job_1", "Completed", None)),
            ],
        ),
        (
            "GET /api/v1/certificates/cert_1/deployments",
            &[(200, deployment("deploying", None)), (200, deployment("verified", None))],
        ),
    ])
    .await;
    let tty = Tty { errors: true, ..Default::default() };
    let ended = peer.certctl_in("cert renew cert_1 --wait --force", Around { tty, ..Default::default() }).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "Certificate  cert_1\nJob          job_1\n"));
    expect![[r#"
        job_1  Renewal AwaitingCSR
        job_1  Renewal Running
        job_1  Renewal Completed
        tgt_1  edge deploying
        tgt_1  edge verified
    "#]]
    .assert_eq(&ended.err);
    expect![[r#"POST /api/v1/certificates/cert_1/renew {"force":true}"#]].assert_eq(&peer.requests()[0]);
}

#[tokio::test]
async fn a_wait_that_fails_or_takes_too_long_says_where_it_stands() {
    let answer = json!({ "status": "renewal_triggered", "job_id": "job_1" });
    let failed = Peer::start(&[
        ("POST /api/v1/certificates/cert_1/renew", &[(202, answer.clone())]),
        ("GET /api/v1/jobs/job_1", &[(200, job("job_1", "Failed", Some("the issuer refused it")))]),
    ])
    .await;
    let ended = failed.certctl("cert renew cert_1 --wait -q").await;
    assert_eq!(ended.code, 1);
    expect![[r#"
        error: job job_1 is Failed: the issuer refused it
        hint: certctl cert why cert_1
    "#]]
    .assert_eq(&ended.err);
    let open = Peer::start(&[
        ("POST /api/v1/certificates/cert_1/renew", &[(202, answer)]),
        ("GET /api/v1/jobs/job_1", &[(200, job("job_1", "Completed", None))]),
        ("GET /api/v1/certificates/cert_1/deployments", &[(200, deployment("pending", None))]),
    ])
    .await;
    let ended = open.certctl("cert renew cert_1 --wait --timeout 300ms").await;
    assert_eq!(ended.code, 10);
    expect![[r#"
        {"attempts":1,"error":null,"job_id":"job_1","phase":null,"status":"Completed","type":"Renewal"}
        {"error":null,"served_fingerprint":null,"state":"pending","target":"edge","target_id":"tgt_1"}
        error: not done after 300ms: target edge is pending
        hint: the work goes on; wait longer with --timeout, or look again: certctl job list
    "#]]
    .assert_eq(&ended.err);
    let broken = Peer::start(&[
        (
            "POST /api/v1/certificates?issue=true",
            &[(202, json!({ "certificate": certificate("cert_1", "Pending"), "job_id": "job_1" }))],
        ),
        ("GET /api/v1/jobs/job_1", &[(200, job("job_1", "Completed", None))]),
        ("GET /api/v1/certificates/cert_1/deployments", &[(200, deployment("failed", Some("reload: exit status 1")))]),
    ])
    .await;
    let ended = broken
        .certctl("cert create --cn www.example.org --owner own_1 --team team_1 --target tgt_1 --issue --wait -q")
        .await;
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.starts_with("error: target edge (tgt_1): reload: exit status 1\n"), "{}", ended.err);
}

#[tokio::test]
async fn some_of_many_is_partial() {
    let answer = json!({ "status": "renewal_triggered", "job_id": "job_1" });
    let peer = Peer::start(&[("POST /api/v1/certificates/cert_1/renew", &[(202, answer)])]).await;
    let ended = peer.certctl("cert renew cert_1 cert_2 -o name").await;
    assert_eq!((ended.code, ended.out.as_str()), (9, "job_1\n"));
    assert!(ended.err.starts_with("error: 1 of 2 failed\n  cert_2: nothing canned"), "{}", ended.err);
    assert_eq!(peer.certctl("cert renew cert_2").await.code, 5, "one alone keeps its own code");
}

#[tokio::test]
async fn create_sends_what_was_given_and_reads_a_request_from_stdin() {
    let peer = Peer::start(&[
        ("POST /api/v1/certificates", &[(201, certificate("cert_1", "Pending"))]),
        (
            "POST /api/v1/certificates?issue=true",
            &[(202, json!({ "certificate": certificate("cert_1", "Pending"), "job_id": "job_1" }))],
        ),
    ])
    .await;
    let ended =
        peer.certctl("cert create --cn www.example.org --owner own_1 --team team_1 --tag a=b --env prod -o name").await;
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("cert_1\n", "not requested yet: certctl cert renew cert_1\n")
    );
    let words = "cert create --cn www.example.org --owner own_1 --team team_1 --csr - --issue -o name";
    let ended = peer.certctl_in(words, Around { input: "-----BEGIN", ..Default::default() }).await;
    assert_eq!(ended.err, "job job_1 works on it: certctl cert why cert_1\n");
    expect![[r#"
        POST /api/v1/certificates {"name":"www.example.org","common_name":"www.example.org","environment":"prod","owner_id":"own_1","team_id":"team_1","issuer_id":"iss-local","renewal_policy_id":"rp-default","tags":{"a":"b"}}
        POST /api/v1/certificates?issue=true {"name":"www.example.org","common_name":"www.example.org","owner_id":"own_1","team_id":"team_1","issuer_id":"iss-local","renewal_policy_id":"rp-default","csr_pem":"-----BEGIN"}"#]]
    .assert_eq(&peer.requests().join("\n"));
}

#[tokio::test]
async fn why_is_told_in_the_servers_words() {
    let why = json!({
        "state": "Pending", "renewal_state": "in_progress",
        "because": [{ "code": "awaiting_agent_csr", "message": "agent web-1 has not sent its request yet", "at": "2027-01-14T10:02:00Z", "job_id": "job_1" }],
        "next": { "action": "make a key and send a request", "who": "the agent" },
    });
    let peer = Peer::start(&[("GET /api/v1/certificates/cert_1/why", &[(200, why)])]).await;
    expect![[r#"
        Status   Pending
        Renewal  in_progress
        Because  agent web-1 has not sent its request yet (since 2027-01-14T10:02:00Z) [job_1]
        Next     make a key and send a request by the agent
    "#]]
    .assert_eq(&peer.certctl("cert why cert_1").await.out);
}

#[tokio::test]
async fn what_destroys_is_confirmed() {
    let retired = json!({
        "retired_at": "2027-01-14T10:02:00Z", "already_retired": false, "cascade": true,
        "counts": { "active_targets": 2, "active_certificates": 1, "pending_jobs": 0 }, "certificate_ids": ["cert_1"],
    });
    let mut blocked = problem(409, "blocked_by_dependencies", "agent web-1 still has work");
    blocked["counts"] = json!({ "active_targets": 2, "active_certificates": 1, "pending_jobs": 0 });
    let peer = Peer::start(&[
        ("GET /api/v1/agents/agt_1", &[(200, agent("agt_1"))]),
        ("DELETE /api/v1/agents/agt_1", &[(409, blocked), (204, json!(null))]),
        ("DELETE /api/v1/agents/agt_1?force=true&reason=gone", &[(200, retired)]),
    ])
    .await;
    let ended = peer.certctl("agent retire agt_1").await;
    assert_eq!(ended.code, 6);
    expect![[r#"
        error: Retire agent web-1 (agt_1): nobody is here to confirm it
        hint: add --yes
    "#]]
    .assert_eq(&ended.err);
    let tty = Tty { input: true, ..Default::default() };
    let asked = async |input, words| peer.certctl_in(words, Around { tty, input, ..Default::default() }).await;
    assert_eq!(asked("n\n", "agent retire agt_1").await.code, 6);
    let ended = asked("y\n", "agent retire agt_1").await;
    assert_eq!(ended.code, 7);
    assert!(ended.err.contains("  2 targets, 1 certificates, 0 open jobs depend on it\n"), "{}", ended.err);
    assert_eq!(asked("y\n", "agent retire agt_1 --force --reason gone").await.code, 6, "a yes is not enough");
    let ended = asked("web-1\n", "agent retire agt_1 --force --reason gone").await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("Without target  cert_1"), "{}", ended.out);
    let ended = peer.certctl("agent retire agt_1 --yes").await;
    assert_eq!((ended.code, ended.err.as_str()), (0, "agent web-1 was retired before\n"));
}

#[tokio::test]
async fn a_strict_context_wants_the_name() {
    let peer = Peer::start(&[
        ("GET /api/v1/targets/tgt_1", &[(200, target("tgt_1"))]),
        ("DELETE /api/v1/targets/tgt_1", &[(204, json!(null))]),
    ])
    .await;
    let config = peer.home.path().join("c.toml");
    std::fs::write(&config, "current_context = \"p\"\n[contexts.p]\nconfirm = \"strict\"\n").expect("a file");
    let config = config.display().to_string();
    let tty = Tty { input: true, ..Default::default() };
    let env = &[("CERTCTL_CONFIG", config.as_str())];
    let ended = peer.certctl_in("target delete tgt_1", Around { tty, env, input: "y\n", ..Default::default() }).await;
    assert_eq!(ended.code, 6);
    let ended =
        peer.certctl_in("target delete tgt_1", Around { tty, env, input: "edge\n", ..Default::default() }).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[tokio::test]
async fn a_setting_is_laid_over_the_stored_ones_and_secrets_stay_away() {
    let peer = Peer::start(&[
        ("GET /api/v1/targets/tgt_1", &[(200, target("tgt_1"))]),
        ("PUT /api/v1/targets/tgt_1", &[(200, target("tgt_1"))]),
        ("POST /api/v1/targets", &[(201, target("tgt_1"))]),
    ])
    .await;
    assert_eq!(peer.certctl("target update tgt_1 --set cert_mode=0640 --set n=5 --disable").await.code, 0);
    assert_eq!(
        peer.certctl("target create --name e --type File --agent agt_1 --set reload_command=[\"/bin/true\"]")
            .await
            .code,
        0
    );
    let words = "target create --name e --type File --agent agt_1 --config-file - --set a=b";
    peer.certctl_in(words, Around { input: "{\"cert_path\":\"/x\"}", ..Default::default() }).await;
    expect![[r#"
        PUT /api/v1/targets/tgt_1 {"config":{"cert_mode":"0640","cert_path":"/etc/tls/edge.pem","n":5},"enabled":false}
        POST /api/v1/targets {"name":"e","type":"File","agent_id":"agt_1","config":{"reload_command":["/bin/true"]}}
        POST /api/v1/targets {"name":"e","type":"File","agent_id":"agt_1","config":{"a":"b","cert_path":"/x"}}"#]]
    .assert_eq(&peer.requests()[1..].join("\n"));
}

#[tokio::test]
async fn tokens_are_shown_once_with_the_next_command() {
    let token = json!({ "id": "tok_1", "token": "secret-token", "expires_at": "2027-01-14T11:02:00Z" });
    let peer = Peer::start(&[("POST /api/v1/agents/enrollment-tokens", &[(201, token)])]).await;
    let ended = peer.certctl("agent enroll-token create --ttl 30m --name-pattern web-*").await;
    assert_eq!(ended.out, "Id       tok_1\nToken    secret-token\nExpires  2027-01-14T11:02:00Z\n");
    assert!(ended.err.contains("CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE=FILE certctl-agent"), "{}", ended.err);
    expect![[r#"POST /api/v1/agents/enrollment-tokens {"ttl_seconds":1800,"max_uses":1,"name_pattern":"web-*"}"#]]
        .assert_eq(&peer.requests()[0]);
}

#[tokio::test]
async fn approvals_and_jobs_are_decided() {
    let approval = json!({
        "id": "apr_1", "kind": "cert_issuance", "certificate_id": "cert_1", "job_id": "job_1", "profile_id": "prof_1",
        "requested_by": "ops", "state": "pending", "metadata": { "common_name": "www.example.org" },
        "created_at": "2027-01-14T10:02:00Z", "updated_at": "2027-01-14T10:02:00Z",
    });
    let decided = json!({ "id": "apr_1", "decided_by": "sec", "action": "approved" });
    let peer = Peer::start(&[
        ("GET /api/v1/approvals?state=pending&per_page=50", &[(200, page(&[approval], 1, None))]),
        ("POST /api/v1/approvals/apr_1/approve", &[(200, decided)]),
        ("GET /api/v1/jobs/job_1", &[(200, job("job_1", "Pending", None))]),
        ("POST /api/v1/jobs/job_1/cancel", &[(200, json!({ "status": "job_cancelled" }))]),
    ])
    .await;
    expect![[r#"
        ID     KIND           STATE    REQUESTED BY  FOR              CREATED               EXPIRES
        apr_1  cert_issuance  pending  ops           www.example.org  2027-01-14T10:02:00Z
    "#]]
    .assert_eq(&peer.certctl("approval list --state pending").await.out);
    let ended = peer.certctl("approval approve apr_1 --note fine").await;
    assert_eq!(ended.out, "Id          apr_1\nDecision    approved\nDecided by  sec\n");
    let ended = peer.certctl("job cancel job_1 -y").await;
    assert_eq!((ended.code, ended.err.as_str()), (0, "job job_1 is cancelled\n"));
}

#[tokio::test]
async fn a_target_is_tested_and_the_exit_code_tells() {
    let check = json!({ "name": "path", "ms": 0, "outcome": "failed", "detail": "/x is not under an allowed path" });
    let failed = json!({ "status": "failed", "message": "path: /x is not …", "job_id": "job_1", "checks": [check] });
    let pending = json!({ "status": "pending", "message": "the agent has not answered yet", "job_id": "job_2" });
    let test = |status: &str| {
        let mut job = job("job_2", status, None);
        job["type"] = json!("TestTarget");
        job
    };
    let peer = Peer::start(&[
        ("POST /api/v1/targets/tgt_1/test", &[(200, json!({ "status": "success", "message": "all is well" }))]),
        ("POST /api/v1/targets/tgt_2/test", &[(200, failed)]),
        ("POST /api/v1/targets/tgt_3/test", &[(200, pending)]),
        ("GET /api/v1/jobs/job_2", &[(200, test("Running")), (200, test("Completed"))]),
    ])
    .await;
    assert_eq!(peer.certctl("target test tgt_1").await.code, 0);
    let ended = peer.certctl("target test tgt_2").await;
    assert_eq!(ended.code, 20, "{}", ended.err);
    expect![[r#"
        Result   failed
        Message  path: /x is not …
        Check    path failed: /x is not under an allowed path
    "#]]
    .assert_eq(&ended.out);
    assert_eq!(peer.certctl("target test tgt_3").await.code, 10);
    let ended = peer.certctl("target test tgt_3 --wait").await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "Result  success\n"), "{}", ended.err);
}
