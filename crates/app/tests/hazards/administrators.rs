//! Who is an administrator, and that somebody is.

use std::time::Duration;

use certctl_app::auth::{Auth, EnvKey, NewKey};
use certctl_app::{Caller, Error};
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::ids::{KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_testkit::world::TestWorld;

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
