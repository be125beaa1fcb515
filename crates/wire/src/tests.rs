//! The wire is a contract: spellings and shapes as the specification gives them.

use expect_test::{Expect, expect};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;

fn round_trip<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let value: Value = serde_json::from_str(text).expect("the example is JSON");
    let read: T = serde_json::from_value(value.clone()).expect("the example has this type");
    assert_eq!(serde_json::to_value(&read).expect("writes"), value, "what is read is written back unchanged");
    read
}

fn check(value: &impl Serialize, expected: Expect) {
    expected.assert_eq(&serde_json::to_string(value).expect("writes"));
}

#[test]
fn the_messages_of_the_model_keep_their_shape() {
    let work: Work = round_trip(
        r#"{"jobs":[{"id":"job_01J","type":"Renewal","status":"AwaitingCSR","certificate_id":"cert_01J",
        "common_name":"a.example","sans":["a.example"],"key":{"algorithm":"ECDSA","size":256},"lease_epoch":7,
        "lease_until":"2027-01-14T10:02:00Z"}],"count":1}"#,
    );
    assert_eq!(work.jobs[0].status, JobStatus::AwaitingCsr);
    round_trip::<Problem>(
        r#"{"error":"Bad Request","code":"invalid_field","message":"sans[1]: wildcard is not allowed by profile web",
        "request_id":"r","details":[{"field":"sans[1]","message":"wildcard not allowed"}]}"#,
    );
    round_trip::<QuickstartSummary>(
        r#"{"ok":true,"server":"https://localhost:8443","ca":"certctl-data/ca.pem","agent_id":"agt_1",
        "certificate_id":"cert_1","version_id":"ver_1","job_ids":["job_1","job_2"],"serial":"5f",
        "served":{"endpoint":"127.0.0.1:49443","server_name":"quickstart.localhost","fingerprint_sha256":"00"},
        "ms":{"ready":210,"enrol":40,"issue":25,"deploy":30,"verify":12,"total":460}}"#,
    );
    round_trip::<QuickstartFailure>(
        r#"{"ok":false,"step":"deploy","error":{"code":"target_reload","message":"m","hint":"h"},"ms":{"ready":210}}"#,
    );
}

#[test]
fn a_request_writes_only_what_was_given() {
    let ask = CertificateCreate { name: "web".into(), common_name: "a.example".into(), ..Default::default() };
    check(&ask, expect![[r#"{"name":"web","common_name":"a.example"}"#]]);
    check(&Renew::default(), expect!["{}"]);
    let update = CertificateUpdate { certificate_profile_id: Some(None), ..Default::default() };
    check(&update, expect![[r#"{"certificate_profile_id":null}"#]]);
}

#[test]
fn null_clears_and_absence_keeps() {
    let read = |value: Value| serde_json::from_value::<CertificateUpdate>(value).expect("reads").certificate_profile_id;
    assert_eq!(read(json!({})), None);
    assert_eq!(read(json!({ "certificate_profile_id": null })), Some(None));
    assert_eq!(read(json!({ "certificate_profile_id": "prof_1" })), Some(Some("prof_1".to_owned())));
}

#[test]
fn bodies_know_their_names() {
    assert!(TargetCreate::FIELDS.contains(&"type"), "raw identifiers lose their mark");
    assert!(is_known::<CertificateCreate>("serial_number"), "reference clients send it");
    assert!(is_known::<CertificateUpdate>("status"));
    assert!(!is_known::<CertificateCreate>("commonname"));
}

#[test]
fn every_field_a_full_certificate_shows_may_be_sent_back() {
    let certificate: Certificate = round_trip(
        r#"{"id":"cert_1","name":"web","common_name":"a.example","sans":["a.example"],"environment":"production",
        "owner_id":"own_1","team_id":"team_1","issuer_id":"iss-local","target_ids":["tgt_1"],
        "renewal_policy_id":"rp-default","certificate_profile_id":"prof_1","status":"RenewalInProgress",
        "expires_at":"2027-01-14T10:02:00Z","tags":{"k":"v"},"last_renewal_at":"2027-01-14T10:02:00Z",
        "last_deployment_at":"2027-01-14T10:02:00Z","revoked_at":"2027-01-14T10:02:00Z",
        "revocation_reason":"superseded","created_at":"2027-01-14T10:02:00Z","updated_at":"2027-01-14T10:02:00Z",
        "source":"API","renewal_state":"in_progress","renew_at":"2027-01-14T10:02:00Z","revision":3}"#,
    );
    let shown = serde_json::to_value(certificate).expect("writes");
    for name in shown.as_object().expect("an object").keys() {
        assert!(is_known::<CertificateUpdate>(name), "{name} is shown, and refused when sent back");
        assert!(is_known::<CertificateCreate>(name), "{name} is shown, and refused when sent back");
    }
}

#[test]
fn words_are_spelled_as_the_api_spells_them() {
    let all = |words: Vec<&str>| words.join(" ");
    expect!["Pending Active Expiring Expired RenewalInProgress Failed Revoked Archived"]
        .assert_eq(&all(CertificateStatus::ALL.iter().map(|word| word.as_str()).collect()));
    expect!["Pending AwaitingCSR AwaitingApproval Running Completed Failed Cancelled"]
        .assert_eq(&all(JobStatus::ALL.iter().map(|word| word.as_str()).collect()));
    expect!["User System Agent APIKey Anonymous"]
        .assert_eq(&all(ActorType::ALL.iter().map(|word| word.as_str()).collect()));
    for word in VerifyStatus::ALL {
        assert_eq!(VerifyStatus::parse(word.as_str()), Some(*word));
        assert_eq!(serde_json::to_value(word).expect("writes"), json!(word.as_str()));
    }
}

#[test]
fn a_deployment_is_a_target_with_more() {
    let row: Deployment = round_trip(
        r#"{"id":"tgt_1","name":"edge","type":"File","agent_id":"agt_1","config":{"cert_path":"/x"},"enabled":true,
        "created_at":"2027-01-14T10:02:00Z","updated_at":"2027-01-14T10:02:00Z","revision":1,"certificate_id":"cert_1",
        "target_id":"tgt_1","desired_version_id":"ver_2","state":"pending","verification_status":"pending"}"#,
    );
    assert_eq!(row.state, MappingState::Pending);
}

#[test]
fn an_answer_with_a_field_of_tomorrow_is_read() {
    let page: Page<Team> = serde_json::from_value(json!({
        "data": [{ "id": "t", "name": "n", "created_at": "x", "updated_at": "x", "revision": 1, "colour": "blue" }],
        "total": 1, "mood": "good",
    }))
    .expect("reads");
    assert_eq!(page.data[0].name, "n");
}
