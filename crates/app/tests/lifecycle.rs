//! Keys on agents, slow issuers, failures and time: the engine on both databases, with a clock that moves when it is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use certctl_app::App;
use certctl_app::certificates::{Created, NewCertificate};
use certctl_connector::ErrorClass;
use certctl_domain::certificate::{RenewalState, Status};
use certctl_domain::ids::{CertificateId, JobId};
use certctl_domain::target::MappingState;
use certctl_domain::why::WhyCode;
use certctl_pki::{Csr, KeyKind, PrivateKey, San, Timestamp};
use certctl_testkit::agent::TestAgent;
use certctl_testkit::issuer::SlowIssuer;
use certctl_testkit::world::TestWorld;

certctl_testkit::on_both_worlds!(
    an_agent_makes_the_key_and_only_a_handshake_means_done,
    two_agents_hold_different_keys,
    a_renewal_replaces_what_is_served,
    a_slow_issuer_gets_one_order_over_a_restart,
    a_failing_issuer_is_tried_with_growing_pauses_and_then_slowly,
    a_lost_answer_is_repeated_and_another_request_is_not,
    work_of_an_agent_that_fell_silent_is_offered_again,
    an_external_holder_is_asked_for_a_new_request,
    five_hundred_certificates_live_on,
    two_servers_sign_each_job_once,
);

async fn create(world: &TestWorld, name: &str, edit: impl FnOnce(&mut NewCertificate)) -> Created {
    let mut new = TestWorld::wanted(name);
    edit(&mut new);
    world.app.certificate_create_and_issue(&world.admin(), new).await.expect("it is created")
}

async fn on_agent(world: &TestWorld, name: &str, agents: &[&TestAgent]) -> CertificateId {
    let created =
        create(world, name, |new| new.target_ids = agents.iter().map(|agent| agent.target().to_string()).collect())
            .await;
    created.certificate.id
}

fn csr(name: &str) -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    Csr::build(&key, Some(name), &[San::parse(name).expect("a name")]).expect("a request").to_pem()
}

async fn an_agent_makes_the_key_and_only_a_handshake_means_done(world: &TestWorld) {
    let mut agent = TestAgent::add(world, "agt-a").await;
    let id = on_agent(world, "a", &[&agent]).await;
    let why = world.app.certificate_why(&world.admin(), &id).await.expect("explained");
    assert_eq!(why.because[0].code, WhyCode::AwaitingAgentCsr);
    agent.work(&world.app).await;
    let mapping = &world.app.certificate_targets(&world.admin(), &id).await.expect("mapped")[0].0;
    assert_eq!(mapping.state, MappingState::Verified);
    assert_eq!(mapping.desired_version_id, mapping.deployed_version_id);
    assert_eq!(mapping.served_fingerprint.as_ref(), agent.served.values().next().map(|served| &served.0));
    let why = world.app.certificate_why(&world.admin(), &id).await.expect("explained");
    assert_eq!((why.state, why.because[0].code), (Status::Active, WhyCode::Served));
}

async fn two_agents_hold_different_keys(world: &TestWorld) {
    let mut a = TestAgent::add(world, "agt-a").await;
    let mut b = TestAgent::add(world, "agt-b").await;
    let id = on_agent(world, "a", &[&a, &b]).await;
    while a.work(&world.app).await + b.work(&world.app).await > 0 {}
    let fingerprints = [&a, &b].map(|agent| agent.served.values().next().expect("it serves").0.clone());
    assert_ne!(fingerprints[0], fingerprints[1], "each agent has a version of its own");
    let mappings = world.app.certificate_targets(&world.admin(), &id).await.expect("mapped");
    assert!(mappings.iter().all(|(mapping, _)| mapping.state == MappingState::Verified));
}

async fn a_renewal_replaces_what_is_served(world: &TestWorld) {
    let mut agent = TestAgent::add(world, "agt-a").await;
    let id = on_agent(world, "a", &[&agent]).await;
    agent.work(&world.app).await;
    let first = agent.served.clone();
    let view = world.app.certificate_get(&world.admin(), &id).await.expect("there");
    world.clock.set(view.renew_at.expect("planned"));
    world.settle().await;
    assert_eq!(world.app.certificate_get(&world.admin(), &id).await.expect("there").status, Status::RenewalInProgress);
    agent.work(&world.app).await;
    assert_ne!(first, agent.served, "another certificate is served");
    let view = world.app.certificate_get(&world.admin(), &id).await.expect("there");
    assert_eq!((view.status, view.renewal_state), (Status::Active, RenewalState::Idle));
}

async fn a_slow_issuer_gets_one_order_over_a_restart(world: &TestWorld) {
    let issuer = Arc::new(SlowIssuer::new(3, certctl_app::Clock::now(world.clock.as_ref())));
    world.outside_issuer("iss-slow", issuer.clone()).await;
    let created = create(world, "a", |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr("a.example"));
    })
    .await;
    assert!(created.version.is_none(), "the issuer has not answered");
    let job = created.job_id.expect("a job");
    world.settle().await;
    // The server is gone; another one goes on with what is on record.
    let replica = world.replica("server-b").await;
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(10));
        replica.run_due().await.expect("jobs run");
    }
    let version = certctl_store::versions::issued_of_job(&world.db.db, &job).await.expect("asked");
    assert!(version.is_some(), "it was issued in the end");
    assert_eq!(issuer.orders(), [1], "exactly one order reached the issuer");
}

async fn a_failing_issuer_is_tried_with_growing_pauses_and_then_slowly(world: &TestWorld) {
    let issuer = Arc::new(SlowIssuer::new(0, certctl_app::Clock::now(world.clock.as_ref())));
    world.outside_issuer("iss-slow", issuer.clone()).await;
    issuer.fail(Some(ErrorClass::Upstream5xx));
    let created = create(world, "a", |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr("a.example"));
    })
    .await;
    let job = created.job_id.expect("a job").to_string();
    let mut pauses = Vec::new();
    loop {
        world.app.run_due().await.expect("jobs run");
        let now = certctl_jobs::job(&world.db.db, &job).await.expect("asked").expect("there");
        if now.state.is_terminal() {
            break;
        }
        let at = Timestamp::from_unix_micros(now.not_before);
        pauses.push(at.duration_since(world.app.now()));
        world.clock.set(at);
    }
    let attempts = certctl_jobs::attempts(&world.db.db, &job).await.expect("asked");
    assert_eq!(attempts.len(), 4, "the policy allows three retries");
    for (index, pause) in pauses.iter().enumerate() {
        let wanted = 60.0 * f64::from(1 << index);
        assert!((wanted * 0.79..wanted * 1.21).contains(&pause.as_secs_f64()), "pause {index} is {pause:?}");
    }
    let view = world.app.certificate_get(&world.admin(), &created.certificate.id).await.expect("there");
    assert_eq!((view.status, view.renewal_state), (Status::Failed, RenewalState::Failing));
    let why = world.app.certificate_why(&world.admin(), &created.certificate.id).await.expect("explained");
    assert_eq!(why.because[0].code, WhyCode::Failing);
    assert!(why.because[0].message.contains("told to fail"), "{}", why.because[0].message);
}

async fn a_lost_answer_is_repeated_and_another_request_is_not(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    on_agent(world, "a", &[&agent]).await;
    let item = world.app.agent_work(&agent.caller(), Duration::ZERO, false).await.expect("work").remove(0);
    let job = JobId::parse(&item.job.id).expect("an id");
    let (first, second) = (csr("a.example"), csr("a.example"));
    let submit = async |pem: &str| {
        world.app.agent_csr_submit(&agent.caller(), Some(&job), None, Some(item.job.lease_epoch), pem).await
    };
    let answer = submit(&first).await.expect("it is signed");
    assert_eq!(submit(&first).await.expect("the same again"), answer);
    assert!(matches!(submit(&second).await, Err(certctl_app::Error::Conflict { .. })));
    let other = TestAgent::add(world, "agt-b").await;
    let stolen = world.app.agent_csr_submit(&other.caller(), Some(&job), None, None, &second).await;
    assert!(matches!(stolen, Err(certctl_app::Error::Missing { .. })), "another agent's job does not exist");
}

async fn work_of_an_agent_that_fell_silent_is_offered_again(world: &TestWorld) {
    let mut agent = TestAgent::add(world, "agt-a").await;
    on_agent(world, "a", &[&agent]).await;
    let lost = world.app.agent_work(&agent.caller(), Duration::ZERO, false).await.expect("work").remove(0);
    assert_eq!(agent.work(&world.app).await, 0, "it is leased");
    world.clock.advance(Duration::from_secs(91));
    world.settle().await;
    assert!(agent.work(&world.app).await > 0, "it is offered again");
    let job = JobId::parse(&lost.job.id).expect("an id");
    let late = world
        .app
        .agent_job_failed(
            &agent.caller(),
            &job,
            &certctl_app::agents::Report { lease_epoch: Some(lost.job.lease_epoch), ..Default::default() },
        )
        .await;
    assert!(late.is_ok(), "a finished job takes a late word without harm");
    assert_eq!(agent.served.len(), 1);
}

async fn an_external_holder_is_asked_for_a_new_request(world: &TestWorld) {
    let created = create(world, "a", |new| new.csr_pem = Some(csr("a.example"))).await;
    let id = created.certificate.id;
    let view = world.app.certificate_get(&world.admin(), &id).await.expect("there");
    world.clock.set(view.renew_at.expect("planned"));
    world.settle().await;
    let why = world.app.certificate_why(&world.admin(), &id).await.expect("explained");
    assert_eq!((why.renewal_state, why.because[0].code), (RenewalState::Blocked, WhyCode::AwaitingExternalCsr));
    world
        .app
        .certificate_renew(&world.admin(), &id, Some(&csr("a.example")), false)
        .await
        .expect("the request is taken");
    world.settle().await;
    let versions = world.app.certificate_versions(&world.admin(), &id, 0, 10).await.expect("listed");
    assert_eq!(versions.total, 2);
}

/// Ten each of 10 min and 1 h over a day, the rest over 60 days: none expires, and no identity has two open renewals.
async fn five_hundred_certificates_live_on(world: &TestWorld) {
    let mut agents = Vec::new();
    for name in ["agt-a", "agt-b", "agt-c", "agt-d"] {
        agents.push(TestAgent::add(world, name).await);
    }
    for (profile, seconds) in LIVES {
        world.profile(profile, |rules| rules.max_ttl_seconds = seconds).await;
    }
    let creations = population().into_iter().enumerate().map(|(index, profile)| {
        let target = agents[index % agents.len()].target();
        async move {
            let name = format!("c{index}");
            let created = create(world, &name, |new| {
                new.certificate_profile_id = Some(profile.to_owned());
                new.target_ids = vec![target.to_string()];
            })
            .await;
            (profile, created.certificate.id)
        }
    });
    let created = futures::future::join_all(creations).await;
    let replicas = [world.app.clone(), world.replica("server-b").await];
    let mut renewals = 0;
    work(world, &replicas, &mut agents, &mut renewals).await;
    assert_eq!(served(&agents), 500, "every certificate is served");
    renewals_are_planned_as_ruled(world, &created).await;
    let begin = world.app.now();
    let day = begin + Duration::from_secs(86_400);
    run_until(world, &replicas, &mut agents, day, Duration::from_secs(60), &mut renewals).await;
    let short: Vec<&CertificateId> =
        created.iter().filter(|(profile, _)| matches!(*profile, "prof-10m" | "prof-1h")).map(|(_, id)| id).collect();
    for id in &short {
        // Half of ten minutes, and two thirds of an hour, at the latest.
        let versions = world.app.certificate_versions(&world.admin(), id, 0, 1).await.expect("listed").total;
        assert!(versions >= 24 * 60 / 42, "{id} was renewed {versions} times in a day");
        world.app.certificate_archive(&world.admin(), id, None, true).await.expect("archived");
    }
    let of_a_day = renewals;
    assert!(of_a_day >= 10 * 24 * 60 / 6 + 10 * 24 * 60 / 42, "{of_a_day} open renewals were looked at in a day");
    for agent in &mut agents {
        agent.served.retain(|(certificate, _), _| !short.contains(&certificate));
    }
    let end = begin + Duration::from_secs(60 * 86_400);
    run_until(world, &replicas, &mut agents, end, Duration::from_secs(3_600), &mut renewals).await;
    assert_eq!(served(&agents), 480, "every certificate is served");
    assert!(renewals > of_a_day, "none was renewed after the first day");
}

fn served(agents: &[TestAgent]) -> usize {
    agents.iter().map(|agent| agent.served.len()).sum()
}

/// A third of the life before the end, or half of less than an hour, and up to a tenth of that earlier (rulings §4).
async fn renewals_are_planned_as_ruled(world: &TestWorld, created: &[(&'static str, CertificateId)]) {
    let mut parts: HashMap<&str, BTreeSet<u128>> = HashMap::new();
    for (profile, id) in created {
        let life = LIVES.iter().find(|(name, _)| name == profile).map_or(0, |(_, seconds)| *seconds);
        let window = Duration::from_secs(30 * 86_400);
        let share = if life < 3_600 { 2 } else { 3 };
        let lead = window.min(Duration::from_secs(life) / share).as_micros();
        let view = world.app.certificate_get(&world.admin(), id).await.expect("there");
        let (end, renew_at) = (view.certificate.not_after.expect("issued"), view.renew_at.expect("planned"));
        let ahead = end.duration_since(renew_at).as_micros();
        assert!(ahead >= lead && ahead <= lead + lead / 10, "{profile}: {id} is due {ahead} µs ahead of its end");
        parts.entry(profile).or_default().insert((ahead - lead) * 20 / (lead / 10));
    }
    for (profile, parts) in parts {
        assert!(parts.len() >= 3, "{profile}: all at once, in {parts:?} of 20 parts of the jitter");
    }
}

/// Profiles and the seconds they allow.
const LIVES: [(&str, u64); 7] = [
    ("prof-10m", 600),
    ("prof-1h", 3_600),
    ("prof-24h", 86_400),
    ("prof-6d", 6 * 86_400),
    ("prof-47d", 47 * 86_400),
    ("prof-90d", 90 * 86_400),
    ("prof-398d", 398 * 86_400),
];

fn population() -> Vec<&'static str> {
    let mut all = vec!["prof-10m"; 10];
    all.extend(["prof-1h"; 10]);
    all.extend(["prof-24h"; 10]);
    all.extend(["prof-6d"; 40]);
    all.extend(["prof-47d"; 180]);
    all.extend(["prof-90d"; 180]);
    all.extend(["prof-398d"; 70]);
    all
}

/// Both servers plan at once, and the agents whose turn it is do what there is. Adds how many renewals were open.
async fn work(world: &TestWorld, replicas: &[App; 2], agents: &mut [TestAgent], renewals: &mut usize) {
    let passes = tokio::join!(replicas[0].renewal_pass(), replicas[1].renewal_pass());
    passes.0.and(passes.1).expect("both pass");
    let open = open_renewals(world).await;
    *renewals += open.len();
    let asked = agents.iter_mut().filter(|agent| open.iter().any(|(_, holder)| *holder == agent.id.as_str()));
    futures::future::join_all(asked.map(|agent| agent.work(&replicas[0]))).await;
}

/// Jumps to where something is due, with all that is due within `window` of it.
async fn run_until(
    world: &TestWorld,
    replicas: &[App; 2],
    agents: &mut [TestAgent],
    end: Timestamp,
    window: Duration,
    renewals: &mut usize,
) {
    for step in 0_u32.. {
        let next = certctl_store::identities::next_due(&world.db.db).await.expect("asked").unwrap_or(end);
        if next >= end {
            return;
        }
        world.clock.set(next.max(world.app.now()) + window);
        for (what, (_, ends)) in agents.iter().flat_map(|agent| &agent.served) {
            assert!(*ends > world.app.now(), "{} expired at {}", what.0, ends.to_rfc3339());
        }
        work(world, replicas, agents, renewals).await;
        if step % 20 == 0 {
            world.settle().await;
        }
    }
}

/// The identities that are being issued or renewed: each once.
async fn open_renewals(world: &TestWorld) -> BTreeSet<(String, String)> {
    let open = certctl_jobs::Filter {
        states: certctl_jobs::State::ALL.into_iter().filter(|state| !state.is_terminal()).collect(),
        ..Default::default()
    };
    let mut seen = BTreeSet::new();
    for job in certctl_jobs::jobs(&world.db.db, &open, None, 0, 1_000).await.expect("listed") {
        if job.kind != "Deployment" {
            let identity = (job.certificate_id.unwrap_or_default(), job.agent_id.unwrap_or_default());
            assert!(seen.insert(identity.clone()), "two open renewals of {identity:?}");
        }
    }
    seen
}

/// 500 jobs on one database and two servers: each is signed once.
async fn two_servers_sign_each_job_once(world: &TestWorld) {
    let issuer = Arc::new(SlowIssuer::new(1, certctl_app::Clock::now(world.clock.as_ref())));
    world.outside_issuer("iss-slow", issuer.clone()).await;
    for index in 0..500 {
        create(world, &format!("c{index}"), |new| {
            new.issuer_id = "iss-slow".into();
            new.csr_pem = Some(csr(&format!("c{index}.example")));
        })
        .await;
    }
    let other = world.replica("server-b").await;
    for _ in 0..4 {
        let (a, b) = tokio::join!(world.app.run_due(), other.run_due());
        a.expect("jobs run");
        b.expect("jobs run");
        world.clock.advance(Duration::from_secs(10));
    }
    let orders = issuer.orders();
    assert_eq!(orders.len(), 500, "every job reached the issuer");
    assert!(orders.iter().all(|placed| *placed == 1), "none twice");
    let done = certctl_jobs::Filter { states: vec![certctl_jobs::State::Succeeded], ..Default::default() };
    assert_eq!(certctl_jobs::count(&world.db.db, &done, 1_000).await.expect("counted"), 500);
}
