//! Who is an administrator, and that somebody is.

use std::time::Duration;

use certctl_app::auth::{Auth, EnvKey, NewKey};
use certctl_app::{Caller, Error};
use certctl_db::Unit;
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::audit::Origin;
use certctl_domain::ids::{KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_store::sealing::Install;
use certctl_testkit::world::TestWorld;

use crate::support::{damage, dump, told};

const ROUNDS: usize = 12;

async fn open(world: &TestWorld) -> Auth {
    let auth = Auth::new(world.app.clone());
    auth.start(&[], Some("a-bootstrap-token".into())).await.expect("started");
    auth
}

async fn key(auth: &Auth, name: &str, role: Role, expires_at: Option<String>) -> KeyId {
    let new = NewKey { name: name.to_owned(), role_ids: vec![role.id().to_owned()], expires_at, ..NewKey::default() };
    auth.api_key_create(&Caller::system("test"), &new).await.expect("a key").view.key.id
}

async fn roles(world: &TestWorld, name: &str) -> Vec<String> {
    let actor = Actor { id: name.to_owned(), kind: ActorType::ApiKey };
    let grants = certctl_store::roles::grants_of(&world.db.db, &actor, world.app.now()).await.expect("read");
    grants.into_iter().map(|grant| grant.role_id.to_string()).collect()
}

/// One was removed and the other refused, as the last there is.
#[track_caller]
fn one_was_refused(round: usize, one: Result<(), Error>, two: Result<(), Error>) {
    match (one, two) {
        (Ok(()), Err(Error::Conflict { code: "last_admin", .. }))
        | (Err(Error::Conflict { code: "last_admin", .. }), Ok(())) => {}
        other => panic!("round {round}: {other:?}"),
    }
}

pub(crate) async fn two_who_take_each_others_role_leave_one(world: &TestWorld) {
    let auth = open(world).await;
    let replica = Auth::new(world.replica("server-b").await);
    let (ada, bob) = (world.person("ada", Role::Admin), world.person("bob", Role::Admin));
    let role = RoleId::fixed(Role::Admin.id());
    for name in ["ada", "bob"] {
        key(&auth, name, Role::Admin, None).await;
    }
    for round in 0..ROUNDS {
        let other = if round % 2 == 0 { &replica } else { &auth };
        let (one, two) = tokio::join!(auth.role_revoke(&ada, "bob", &role), other.role_revoke(&bob, "ada", &role));
        one_was_refused(round, one, two);
        let left = [roles(world, "ada").await, roles(world, "bob").await].concat();
        assert_eq!(left, [Role::Admin.id()], "round {round}");
        for name in ["ada", "bob"] {
            auth.role_grant(&world.admin(), name, Role::Admin.id(), None).await.expect("given again");
        }
    }
}

pub(crate) async fn two_who_revoke_each_others_key_leave_one(world: &TestWorld) {
    let auth = open(world).await;
    let replica = Auth::new(world.replica("server-b").await);
    let (ada, bob) = (world.person("ada", Role::Admin), world.person("bob", Role::Admin));
    let (mut hers, mut his) = (key(&auth, "ada", Role::Admin, None).await, key(&auth, "bob", Role::Admin, None).await);
    for round in 0..ROUNDS {
        let other = if round % 2 == 0 { &replica } else { &auth };
        let (one, two) = tokio::join!(auth.api_key_delete(&ada, &his), other.api_key_delete(&bob, &hers));
        let his_went = one.is_ok();
        one_was_refused(round, one, two);
        let live = certctl_store::keys::live(&world.db.db, world.app.now()).await.expect("read");
        assert_eq!(live.len(), 1, "round {round}");
        if his_went {
            his = key(&auth, "bob", Role::Admin, None).await;
        } else {
            hers = key(&auth, "ada", Role::Admin, None).await;
        }
    }
}

/// Replaces a key, and names the new one.
async fn rotated(world: &TestWorld, auth: &Auth, id: &KeyId) -> KeyId {
    auth.api_key_rotate(&world.admin(), id, None).await.expect("rotated").made.view.key.id
}

#[track_caller]
fn is_last(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Conflict { code: "last_admin", .. })), "{result:?}");
}

pub(crate) async fn a_rotated_administrator_keeps_its_successor(world: &TestWorld) {
    let auth = open(world).await;
    let old = key(&auth, "ada", Role::Admin, None).await;
    let new = rotated(world, &auth, &old).await;
    is_last(auth.api_key_delete(&world.admin(), &new).await);
    auth.api_key_delete(&world.admin(), &old).await.expect("the successor remains");
    assert_eq!(roles(world, "ada").await, [Role::Admin.id()]);
    let newest = rotated(world, &auth, &new).await;
    world.clock.advance(Duration::from_secs(25 * 3600));
    auth.api_key_delete(&world.admin(), &new).await.expect("a key that is over opens nothing");
    assert_eq!(roles(world, "ada").await, [Role::Admin.id()]);
    is_last(auth.api_key_delete(&world.admin(), &newest).await);
}

pub(crate) async fn two_who_revoke_both_keys_of_the_last_one_leave_it(world: &TestWorld) {
    let auth = open(world).await;
    let replica = Auth::new(world.replica("server-b").await);
    let admin = world.admin();
    let mut old = key(&auth, "ada", Role::Admin, None).await;
    for round in 0..ROUNDS {
        let new = rotated(world, &auth, &old).await;
        let (one, two) = tokio::join!(auth.api_key_delete(&admin, &old), replica.api_key_delete(&admin, &new));
        one.expect("the successor remains");
        is_last(two);
        let live = certctl_store::keys::live(&world.db.db, world.app.now()).await.expect("read");
        assert_eq!(live.iter().map(|key| &key.id).collect::<Vec<_>>(), [&new], "round {round}");
        assert_eq!(roles(world, "ada").await, [Role::Admin.id()], "round {round}");
        old = new;
    }
}

pub(crate) async fn an_administrator_whose_key_expires_is_not_the_last(world: &TestWorld) {
    let auth = open(world).await;
    let soon = world.app.now() + Duration::from_secs(60);
    let ada = key(&auth, "ada", Role::Admin, None).await;
    let bob = key(&auth, "bob", Role::Admin, Some(soon.to_rfc3339())).await;
    is_last(auth.api_key_delete(&world.admin(), &ada).await);
    is_last(auth.role_revoke(&world.admin(), "ada", &RoleId::fixed(Role::Admin.id())).await);
    auth.api_key_delete(&world.admin(), &bob).await.expect("ada remains");
    is_last(auth.api_key_delete(&world.admin(), &ada).await);
}

pub(crate) async fn two_who_make_a_key_of_one_name_make_one(world: &TestWorld) {
    let auth = open(world).await;
    let replica = Auth::new(world.replica("server-b").await);
    let new = |name: &str, role: Role| NewKey {
        name: name.to_owned(),
        role_ids: vec![role.id().to_owned()],
        ..NewKey::default()
    };
    for round in 0..ROUNDS {
        let name = format!("ci-{round}");
        let (viewer, operator) = (new(&name, Role::Viewer), new(&name, Role::Operator));
        let caller = Caller::system("test");
        let (one, two) =
            tokio::join!(auth.api_key_create(&caller, &viewer), replica.api_key_create(&caller, &operator));
        let held = match (&one, &two) {
            (Ok(_), Err(Error::Conflict { code: "name_taken", .. })) => Role::Viewer,
            (Err(Error::Conflict { code: "name_taken", .. }), Ok(_)) => Role::Operator,
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(roles(world, &name).await, [held.id()], "round {round}");
        let made = one.or(two).expect("one was made").view.key.id;
        rotated(world, &auth, &made).await;
        let keys = certctl_store::keys::named(&world.db.db, &name).await.expect("read");
        assert_eq!(keys.iter().filter(|key| key.is_live(world.app.now())).count(), 2, "both work for a while");
    }
}

pub(crate) async fn an_installation_nobody_can_enter_opens_its_door(world: &TestWorld) {
    let mut unit = Unit::new();
    certctl_store::sealing::install_insert(
        &mut unit,
        &Install {
            kek_id: "kek".to_owned(),
            kek_salt: vec![1; 16],
            canary: vec![2; 40],
            bootstrap_consumed_at: None,
            created_at: world.app.now(),
        },
    );
    world.db.db.commit(unit).await.expect("an installation");
    let token = "a-bootstrap-token";
    let auth = open(world).await;
    auth.bootstrap(Origin::default(), token, "root").await.expect("the first administrator");
    assert!(!auth.bootstrap_available().await.expect("told"));
    let again = open(world).await;
    assert!(!again.bootstrap_available().await.expect("told"), "a start beside an administrator opens nothing");

    // As when it was given an end, and nobody made another one before.
    damage(world, &format!("UPDATE api_keys SET expires_at = {}", world.app.now().unix_micros() + 1)).await;
    world.clock.advance(Duration::from_secs(1));
    assert!(!again.bootstrap_available().await.expect("told"), "nothing opens while the server runs");
    match Auth::new(world.app.clone()).start(&[], None).await {
        Err(Error::Forbidden { code: "no_administrator", .. }) => {}
        other => panic!("{other:?}"),
    }
    let (one, two) = (open(world).await, open(world).await);
    assert!(one.bootstrap_available().await.expect("told"));
    assert_eq!(told(world, "bootstrap.reopen").await, 1);
    one.bootstrap(Origin::default(), token, "root").await.expect("an administrator, of the former one's name");
    match two.bootstrap(Origin::default(), token, "other").await {
        Err(Error::Gone { code: "bootstrap_closed", .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(roles(world, "root").await, [Role::Admin.id()]);
}

pub(crate) async fn a_name_that_leaves_the_environment_holds_nothing(world: &TestWorld) {
    let auth = Auth::new(world.app.clone());
    let ops = EnvKey { name: "ops".to_owned(), key: "0123456789abcdef0123456789abcdef".into(), admin: true };
    auth.start(std::slice::from_ref(&ops), None).await.expect("started with an administrator");
    assert_eq!(roles(world, "ops").await, [Role::Admin.id()]);
    auth.start(&[], Some("a-bootstrap-token".into())).await.expect("started with a token");
    assert!(roles(world, "ops").await.is_empty());
}

pub(crate) async fn a_start_that_is_refused_changes_nothing(world: &TestWorld) {
    let auth = Auth::new(world.app.clone());
    let env = |name: &str, value: &str, admin| EnvKey { name: name.to_owned(), key: value.into(), admin };
    let ops = env("ops", "0123456789abcdef0123456789abcdef", true);
    let eye = env("eye", "fedcba9876543210fedcba9876543210", false);
    let new = env("new", "00112233445566770011223344556677", false);
    auth.start(&[ops.clone(), eye.clone()], None).await.expect("started with an administrator");
    key(&auth, "ci", Role::Viewer, None).await;
    let before = dump(world).await;
    for keys in [&[][..], std::slice::from_ref(&eye), &[eye.clone(), new.clone()]] {
        match auth.start(keys, None).await {
            Err(Error::Forbidden { code: "no_administrator", .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(dump(world).await, before, "{keys:?}");
    }
    let taken = env("ci", "88990011223344558899001122334455", false);
    match auth.start(&[ops.clone(), new.clone(), taken], None).await {
        Err(Error::Conflict { code: "name_taken", .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(dump(world).await, before, "a key that cannot be taken over keeps none of the others");

    auth.start(&[ops, eye.clone()], None).await.expect("started as before");
    assert_eq!(dump(world).await, before, "there is nothing new to take over");
    // Two replicas at once: the second finds done what it meant to do.
    let replica = Auth::new(world.replica("server-b").await);
    let keys = [env("next", "aabbccddeeff0011aabbccddeeff0011", true), eye];
    let (one, two) = tokio::join!(auth.start(&keys, None), replica.start(&keys, None));
    one.and(two).expect("both have started");
    assert_eq!(roles(world, "next").await, [Role::Admin.id()]);
    assert!(roles(world, "ops").await.is_empty());
}

pub(crate) async fn a_lasting_role_replaces_one_that_ends(world: &TestWorld) {
    let auth = open(world).await;
    let ada = key(&auth, "ada", Role::Admin, None).await;
    key(&auth, "bob", Role::Viewer, None).await;
    let grant = async |expires_at: Option<&str>| {
        auth.role_grant(&world.admin(), "bob", Role::Admin.id(), expires_at).await.expect("given");
    };
    let soon = (world.app.now() + Duration::from_secs(3_600)).to_rfc3339();
    grant(Some(&soon)).await;
    is_last(auth.api_key_delete(&world.admin(), &ada).await);
    grant(None).await;
    auth.api_key_delete(&world.admin(), &ada).await.expect("bob remains");
    world.clock.advance(Duration::from_secs(7_200));
    assert!(roles(world, "bob").await.contains(&Role::Admin.id().to_owned()));
}

pub(crate) async fn a_role_is_never_shortened_in_silence(world: &TestWorld) {
    let auth = open(world).await;
    key(&auth, "bob", Role::Viewer, None).await;
    let grant = async |hours: Option<u64>| {
        let end = hours.map(|hours| (world.app.now() + Duration::from_secs(hours * 3_600)).to_rfc3339());
        auth.role_grant(&world.admin(), "bob", Role::Operator.id(), end.as_deref()).await
    };
    let refused = |answer: certctl_app::Result<()>, until: &str| match answer {
        Err(certctl_app::Error::Conflict { code: "granted_for_longer", message, .. }) => {
            assert!(message.contains(until) && message.contains("revoke that first"), "{message}");
        }
        other => panic!("{other:?}"),
    };
    grant(Some(2)).await.expect("given");
    let before = dump(world).await;
    refused(grant(Some(1)).await, "until");
    assert_eq!(dump(world).await, before);
    grant(Some(2)).await.expect("said again");
    grant(Some(3)).await.expect("later");
    grant(None).await.expect("without an end");
    refused(grant(Some(9)).await, "without an end");
}

pub(crate) async fn a_name_that_is_used_again_begins_without_roles(world: &TestWorld) {
    let auth = open(world).await;
    let soon = world.app.now() + Duration::from_secs(60);
    key(&auth, "ci", Role::Admin, Some(soon.to_rfc3339())).await;
    world.clock.advance(Duration::from_secs(61));
    key(&auth, "ci", Role::Viewer, None).await;
    assert_eq!(roles(world, "ci").await, [Role::Viewer.id()]);
}

pub(crate) async fn a_key_of_the_environment_inherits_nothing(world: &TestWorld) {
    let auth = open(world).await;
    let env = |value: &str, admin| EnvKey { name: "ops".to_owned(), key: value.into(), admin };
    let (old, new) = (env("0123456789abcdef0123456789abcdef", false), env("fedcba9876543210fedcba9876543210", false));
    let soon = world.app.now() + Duration::from_secs(60);
    key(&auth, "ops", Role::Admin, Some(soon.to_rfc3339())).await;
    key(&auth, "root", Role::Admin, None).await;
    world.clock.advance(Duration::from_secs(61));
    auth.start(std::slice::from_ref(&old), None).await.expect("started");
    assert_eq!(roles(world, "ops").await, [Role::Viewer.id()]);

    // While the name lives, its roles are those that people gave and took.
    auth.role_grant(&world.admin(), "ops", Role::Operator.id(), None).await.expect("given");
    auth.role_revoke(&world.admin(), "ops", &RoleId::fixed(Role::Viewer.id())).await.expect("taken");
    auth.start(&[old, new], None).await.expect("started with a second value");
    assert_eq!(roles(world, "ops").await, [Role::Operator.id()]);

    auth.start(&[], None).await.expect("started without");
    auth.start(&[env("00112233445566770011223344556677", false)], None).await.expect("started with another one");
    assert_eq!(roles(world, "ops").await, [Role::Viewer.id()], "a new life begins with the role of its key");
}
