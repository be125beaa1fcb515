//! Keys, roles, grants, the sealing keys and repeated requests.

use std::collections::BTreeSet;

use certctl_db::Db;
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::ids::{DataKeyId, GrantId, KeyId, RoleId};
use certctl_domain::permission::{Permission, Role};
use certctl_store::idempotency::{self, Answer};
use certctl_store::keys::{self, ApiKey, KeySource};
use certctl_store::roles::{self, Grant};
use certctl_store::sealing::{self, DataKey, Install};

use crate::foundation::{day, now};
use crate::{moved, stored, write};

pub(crate) async fn keys_live_until_they_expire_or_are_revoked(db: &Db) {
    let (lasting, short) = (key("key_1"), ApiKey { expires_at: Some(day(1)), ..key("key_2") });
    stored(db, |unit| {
        keys::insert(unit, &lasting);
        keys::insert(unit, &short);
    })
    .await;
    assert_eq!(keys::with_hash(db, &short.key_hash).await.expect("read"), Some(short.clone()));
    assert_eq!(keys::live(db, now()).await.expect("read"), [lasting.clone(), short.clone()]);
    assert_eq!(keys::live(db, day(1)).await.expect("read"), std::slice::from_ref(&lasting));
    assert!(short.is_live(now()) && !short.is_live(day(1)));
    stored(db, |unit| keys::revoke(unit, &lasting.id, now())).await;
    moved(write(db, |unit| keys::revoke(unit, &lasting.id, now())).await);
    assert_eq!(keys::live(db, day(1)).await.expect("read"), []);
    stored(db, |unit| keys::touch(unit, &short.id, day(1))).await;
    assert_eq!(keys::get(db, &short.id).await.expect("read").expect("there").last_used_at, Some(day(1)));
    stored(db, |unit| keys::backfill(unit, "ci", now())).await;
    stored(db, |unit| keys::backfill(unit, "ci", day(1))).await;
    assert_eq!(keys::backfilled(db).await.expect("read"), BTreeSet::from(["ci".to_owned()]));
}

pub(crate) async fn a_rotated_key_overlaps_its_successor(db: &Db) {
    let (old, new) = (key("key_1"), ApiKey { name: "name of key_1".to_owned(), ..key("key_2") });
    stored(db, |unit| keys::insert(unit, &old)).await;
    let rotate = |unit: &mut certctl_db::Unit| {
        keys::insert(unit, &new);
        keys::rotate(unit, &old.id, &new.id, day(1));
    };
    stored(db, rotate).await;
    assert!(write(db, rotate).await.is_err());
    assert_eq!(keys::live(db, now()).await.expect("read").len(), 2);
    assert_eq!(keys::live(db, day(1)).await.expect("read"), std::slice::from_ref(&new));
    assert_eq!(keys::named(db, &old.name).await.expect("read").len(), 2);
}

pub(crate) async fn stored_roles_are_those_of_the_code(db: &Db) {
    let seed = roles::seed(db).await.expect("read");
    db.commit(seed).await.expect("seeded");
    assert!(roles::seed(db).await.expect("read").is_empty(), "a second start changes nothing");
    let stored: Vec<String> = roles::all(db).await.expect("read").into_iter().map(|role| role.id.to_string()).collect();
    assert_eq!(stored.len(), Role::ALL.len());
    for role in Role::ALL {
        let id = RoleId::fixed(role.id());
        let mut due: Vec<&str> = role.permissions().map(Permission::as_str).collect();
        due.sort_unstable();
        assert_eq!(roles::permissions_of(db, &id).await.expect("read"), due, "{}", role.id());
        assert!(roles::get(db, &id).await.expect("read").is_some_and(|role| role.is_builtin));
    }
}

pub(crate) async fn grants_add_up_and_end(db: &Db) {
    db.commit(roles::seed(db).await.expect("read")).await.expect("seeded");
    let ada = Actor { id: "ada".to_owned(), kind: ActorType::ApiKey };
    let grant = |role: Role, expires_at| Grant {
        id: GrantId::parse(&format!("grant_{}", role.name())).expect("an id"),
        actor: ada.clone(),
        role_id: RoleId::fixed(role.id()),
        granted_by: "root".to_owned(),
        granted_at: now(),
        expires_at,
    };
    stored(db, |unit| roles::grant_insert(unit, &grant(Role::Viewer, None))).await;
    stored(db, |unit| roles::grant_insert(unit, &grant(Role::Viewer, None))).await;
    assert!(!roles::administrator_exists(db, now()).await.expect("read"));
    stored(db, |unit| roles::grant_insert(unit, &grant(Role::Admin, Some(day(1))))).await;
    assert!(!roles::administrator_exists(db, now()).await.expect("read"), "nobody has a key");
    let hers = ApiKey { name: "ada".to_owned(), ..key("key_1") };
    stored(db, |unit| keys::insert_named(unit, &hers, now())).await;
    moved(write(db, |unit| keys::insert_named(unit, &ApiKey { name: "ada".to_owned(), ..key("key_2") }, now())).await);
    stored(db, |unit| roles::require_administrator(unit, now(), |_| {})).await;
    moved(write(db, |unit| roles::require_administrator(unit, day(1), |_| {})).await);
    moved(write(db, |unit| roles::require_administrator(unit, now(), |unit| roles::grants_clear(unit, &ada))).await);
    assert!(roles::administrator_exists(db, now()).await.expect("read"));
    assert!(!roles::administrator_exists(db, day(1)).await.expect("read"));
    assert_eq!(roles::lasting_administrators(db).await.expect("read"), [], "her role ends by itself");
    stored(db, |unit| roles::grants_end(unit, &ada, now())).await;
    assert_eq!(roles::grants_of(db, &ada, now()).await.expect("read").len(), 2, "her key works");
    let may = roles::permissions(db, &ada, now()).await.expect("read");
    assert_eq!(may, Permission::ALL.iter().copied().collect());
    assert_eq!(roles::permissions(db, &ada, day(1)).await.expect("read"), Role::Viewer.permissions().collect());
    assert_eq!(roles::grants_of(db, &ada, now()).await.expect("read").len(), 2);
    stored(db, |unit| roles::grant_delete(unit, &ada, &RoleId::fixed(Role::Viewer.id()))).await;
    assert_eq!(roles::grants(db, now()).await.expect("read").len(), 1);
    stored(db, |unit| {
        keys::revoke(unit, &hers.id, now());
        roles::grants_end(unit, &ada, now());
    })
    .await;
    assert!(!roles::administrator_exists(db, now()).await.expect("read"));
    assert_eq!(roles::permissions(db, &ada, now()).await.expect("read"), BTreeSet::new());
}

pub(crate) async fn the_grant_that_lasts_longer_stands(db: &Db) {
    db.commit(roles::seed(db).await.expect("read")).await.expect("seeded");
    let ada = Actor { id: "ada".to_owned(), kind: ActorType::ApiKey };
    let given = async |by: &str, expires_at| {
        let grant = Grant {
            id: GrantId::parse(&format!("grant_{by}")).expect("an id"),
            actor: ada.clone(),
            role_id: RoleId::fixed(Role::Admin.id()),
            granted_by: by.to_owned(),
            granted_at: now(),
            expires_at,
        };
        stored(db, |unit| roles::grant_insert(unit, &grant)).await;
        let held = roles::grants_of(db, &ada, now()).await.expect("read");
        assert_eq!(held.len(), 1, "{held:?}");
        (held[0].granted_by.clone(), held[0].expires_at)
    };
    assert_eq!(given("first", Some(day(2))).await, ("first".to_owned(), Some(day(2))));
    assert_eq!(given("shorter", Some(day(1))).await, ("first".to_owned(), Some(day(2))));
    assert_eq!(given("longer", Some(day(3))).await, ("longer".to_owned(), Some(day(3))));
    assert_eq!(given("lasting", None).await, ("lasting".to_owned(), None));
    assert_eq!(given("again", None).await, ("lasting".to_owned(), None));
    assert_eq!(given("late", Some(day(9))).await, ("lasting".to_owned(), None));
}

pub(crate) async fn the_bootstrap_door_closes_once(db: &Db) {
    let install = Install {
        kek_id: "kek_1".to_owned(),
        kek_salt: vec![1; 16],
        canary: vec![2; 40],
        bootstrap_consumed_at: None,
        created_at: now(),
    };
    assert_eq!(sealing::install(db).await.expect("read"), None);
    stored(db, |unit| sealing::install_insert(unit, &install)).await;
    assert!(write(db, |unit| sealing::install_insert(unit, &install)).await.is_err());
    assert_eq!(sealing::install(db).await.expect("read"), Some(install.clone()));
    stored(db, |unit| sealing::bootstrap_consume(unit, now())).await;
    moved(write(db, |unit| sealing::bootstrap_consume(unit, now())).await);
    moved(write(db, |unit| sealing::bootstrap_reopen(unit, day(1))).await);
    stored(db, |unit| sealing::bootstrap_reopen(unit, now())).await;
    stored(db, |unit| sealing::bootstrap_consume(unit, day(1))).await;
    let rekeyed = Install { kek_id: "kek_2".to_owned(), canary: vec![3; 40], ..install.clone() };
    stored(db, |unit| sealing::install_rekey(unit, &install, &rekeyed)).await;
    moved(write(db, |unit| sealing::install_rekey(unit, &install, &rekeyed)).await);
}

pub(crate) async fn a_data_key_is_retired_and_rewrapped(db: &Db) {
    let data_key = |id: &'static str, at| DataKey {
        id: DataKeyId::fixed(id),
        wrapped: vec![5; 60],
        kek_id: "kek_1".to_owned(),
        created_at: at,
        retired_at: None,
    };
    let (old, new) = (data_key("dk_1", now()), data_key("dk_2", day(1)));
    stored(db, |unit| {
        sealing::data_key_insert(unit, &old);
        sealing::data_key_insert(unit, &new);
        sealing::data_key_retire(unit, &old.id, day(1));
    })
    .await;
    stored(db, |unit| sealing::data_key_rewrap(unit, &new, &[6; 60], "kek_2")).await;
    moved(write(db, |unit| sealing::data_key_rewrap(unit, &new, &[7; 60], "kek_2")).await);
    let read = sealing::data_keys(db).await.expect("read");
    assert_eq!(read[0], DataKey { wrapped: vec![6; 60], kek_id: "kek_2".to_owned(), ..new });
    assert_eq!(read[1], DataKey { retired_at: Some(day(1)), ..old });
}

pub(crate) async fn a_repeated_request_finds_its_answer(db: &Db) {
    let ada = Actor { id: "ada".to_owned(), kind: ActorType::ApiKey };
    let answer = Answer { status: 201, body: "{}".to_owned() };
    assert_eq!(idempotency::find(db, "k", &ada).await.expect("read"), None);
    stored(db, |unit| idempotency::reserve(unit, "k", &ada, "digest", now())).await;
    assert!(write(db, |unit| idempotency::reserve(unit, "k", &ada, "other", now())).await.is_err());
    stored(db, |unit| idempotency::answer(unit, "k", &ada, &answer)).await;
    moved(write(db, |unit| idempotency::answer(unit, "k", &ada, &answer)).await);
    let found = idempotency::find(db, "k", &ada).await.expect("read").expect("there");
    assert_eq!((found.request_hash.as_str(), found.answer), ("digest", Some(answer)));
    stored(db, |unit| idempotency::prune(unit, day(1))).await;
    assert_eq!(idempotency::find(db, "k", &ada).await.expect("read"), None);
}

fn key(id: &'static str) -> ApiKey {
    ApiKey {
        id: KeyId::fixed(id),
        name: format!("name of {id}"),
        key_hash: format!("hash of {id}"),
        source: KeySource::Database,
        person: Person("ada".to_owned()),
        owner_id: None,
        created_by: "root".to_owned(),
        created_at: now(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        rotated_to: None,
    }
}
