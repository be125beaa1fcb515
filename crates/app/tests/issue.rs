//! The pipeline on both databases: what is signed, what is refused, and what is on record afterwards.

use certctl_app::Error;
use certctl_app::certificates::NewCertificate;
use certctl_domain::certificate::Status;
use certctl_pki::{Csr, ExtendedKeyUsage, KeyKind, PrivateKey, San};
use certctl_testkit::world::TestWorld;

certctl_testkit::on_both_worlds!(
    a_csr_is_answered_with_a_chain_that_verifies,
    a_refused_request_leaves_no_trace,
    creating_alone_requests_nothing,
    without_key_holder_nothing_can_be_asked_for,
    a_taken_name_is_a_conflict_that_says_so,
    unknown_references_are_named,
);

fn csr(name: &str) -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    let sans = [San::parse(name).expect("a name")];
    Csr::build(&key, Some(name), &sans).expect("a request").to_pem()
}

async fn a_csr_is_answered_with_a_chain_that_verifies(world: &TestWorld) {
    let admin = world.admin();
    let ask = NewCertificate { csr_pem: Some(csr("a.example")), ..TestWorld::wanted("a") };
    let created = world.app.certificate_create_and_issue(&admin, ask).await.expect("it is issued");
    let version = created.version.expect("the local CA answers at once");
    let leaf =
        certctl_pki::Certificate::parse_der(version.certificate.as_ref().expect("a certificate")).expect("a leaf");
    let chain = certctl_pki::pem::split_certificates(version.chain_pem.as_ref().expect("a chain")).expect("a chain");
    let root = world.app.ca_root_pem(&certctl_domain::issuer::local_issuer()).await.expect("a root");
    let root = certctl_pki::Certificate::parse_pem(&root).expect("a root");
    certctl_pki::chain::validate(&leaf, &chain, &[root], world.app.now(), ExtendedKeyUsage::ServerAuth)
        .expect("the chain verifies");
    let view = world.app.certificate_get(&admin, &created.certificate.id).await.expect("it is there");
    assert_eq!(view.status, Status::Active);
    assert_eq!(view.certificate, created.certificate, "what was answered is what is stored");
    assert!(view.renew_at.is_some(), "its renewal is planned");
    let job = created.job_id.expect("a job");
    let job = certctl_jobs::job(&world.db.db, job.as_str()).await.expect("asked").expect("there");
    assert_eq!(job.state, certctl_jobs::State::Succeeded);
}

async fn a_refused_request_leaves_no_trace(world: &TestWorld) {
    let admin = world.admin();
    let ask = NewCertificate { csr_pem: Some(csr("other.example")), ..TestWorld::wanted("a") };
    let error = world.app.certificate_create_and_issue(&admin, ask).await.expect_err("it names something else");
    let Error::Refused(refusals) = error else { panic!("{error}") };
    assert!(refusals.0.iter().all(|refusal| refusal.field == "csr_pem"), "{refusals:?}");
    let all = certctl_store::certificates::Filter::default();
    let total = certctl_store::certificates::total(&world.db.db, &all, true, world.app.now()).await.expect("counted");
    assert_eq!(total.count, 0);
}

async fn creating_alone_requests_nothing(world: &TestWorld) {
    let admin = world.admin();
    let created = world.app.certificate_create(&admin, TestWorld::wanted("a")).await.expect("it is created");
    let why = world.app.certificate_why(&admin, &created.certificate.id).await.expect("it is explained");
    assert_eq!((why.state, why.because[0].message.as_str()), (Status::Pending, "not requested yet"));
    world.settle().await;
    let open =
        certctl_jobs::open_of_certificates(&world.db.db, &[created.certificate.id.to_string()]).await.expect("asked");
    assert!(open.is_empty());
}

async fn without_key_holder_nothing_can_be_asked_for(world: &TestWorld) {
    let error = world
        .app
        .certificate_create_and_issue(&world.admin(), TestWorld::wanted("a"))
        .await
        .expect_err("nobody makes the key");
    let Error::Refused(refusals) = error else { panic!("{error}") };
    assert_eq!(refusals.0[0].field, "csr_pem");
}

async fn a_taken_name_is_a_conflict_that_says_so(world: &TestWorld) {
    let admin = world.admin();
    world.app.certificate_create(&admin, TestWorld::wanted("a")).await.expect("it is created");
    let error = world.app.certificate_create(&admin, TestWorld::wanted("a")).await.expect_err("the name is taken");
    assert!(matches!(error, Error::Conflict { code: "name_taken", .. }), "{error}");
}

async fn unknown_references_are_named(world: &TestWorld) {
    let ask = NewCertificate { owner_id: "nobody".into(), ..TestWorld::wanted("a") };
    let error = world.app.certificate_create(&world.admin(), ask).await.expect_err("there is no such owner");
    let Error::Refused(refusals) = error else { panic!("{error}") };
    assert_eq!(refusals.0[0].field, "owner_id");
}
