//! Roles, what they permit, and who holds them.

use std::collections::{BTreeSet, HashSet};

use certctl_db::{Change, Db, DbError, Guard, Unit};
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::ids::{GrantId, KeyId, RoleId};
use certctl_domain::permission::{Permission, Role as BuiltIn};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use crate::convert::{id, micros, micros_opt, time, time_opt, word};
use crate::entities::{actor_roles, api_keys, permissions, role_permissions, roles};
use crate::keys::CHANGED;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it is one of ours, whose permissions are frozen.
    pub is_builtin: bool,
}

/// A role given to an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who holds the role.
    pub actor: Actor,
    /// The role.
    pub role_id: RoleId,
    /// Who gave it.
    pub granted_by: String,
    /// When it was given.
    pub granted_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// The actor of demo mode, which counts as no administrator.
pub const DEMO_ACTOR: &str = "actor-demo-anon";

/// All roles, by id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn all(db: &Db) -> Result<Vec<Role>, DbError> {
    roles::Entity::find().order_by_asc(roles::Column::Id).all(db.read()).await?.into_iter().map(role).collect()
}

/// The role with this id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, id: &RoleId) -> Result<Option<Role>, DbError> {
    roles::Entity::find_by_id(id.as_str()).one(db.read()).await?.map(role).transpose()
}

/// Names of the permissions that a role gives, in order.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn permissions_of(db: &Db, id: &RoleId) -> Result<Vec<String>, DbError> {
    let of_role = Query::select()
        .column(role_permissions::Column::PermissionId)
        .from(role_permissions::Entity)
        .and_where(role_permissions::Column::RoleId.eq(id.as_str()))
        .to_owned();
    let rows = permissions::Entity::find()
        .filter(permissions::Column::Id.in_subquery(of_role))
        .order_by_asc(permissions::Column::Name)
        .all(db.read())
        .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// What an actor may do at `now`: the union of its live grants. A name that this program does not know permits nothing.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn permissions(db: &Db, actor: &Actor, now: Timestamp) -> Result<BTreeSet<Permission>, DbError> {
    #[derive(FromQueryResult)]
    struct Name {
        name: String,
    }
    let live = Query::select()
        .column(actor_roles::Column::RoleId)
        .from(actor_roles::Entity)
        .cond_where(held_by(actor))
        .cond_where(live(now))
        .to_owned();
    let given = Query::select()
        .column(role_permissions::Column::PermissionId)
        .from(role_permissions::Entity)
        .and_where(role_permissions::Column::RoleId.in_subquery(live))
        .to_owned();
    let names: Vec<Name> = permissions::Entity::find()
        .select_only()
        .column(permissions::Column::Name)
        .filter(permissions::Column::Id.in_subquery(given))
        .into_model()
        .all(db.read())
        .await?;
    Ok(names.iter().filter_map(|row| Permission::parse(&row.name)).collect())
}

/// Live grants of one actor.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn grants_of(db: &Db, actor: &Actor, now: Timestamp) -> Result<Vec<Grant>, DbError> {
    let rows =
        actor_roles::Entity::find().filter(held_by(actor)).filter(live(now)).order_by_asc(actor_roles::Column::RoleId);
    rows.all(db.read()).await?.into_iter().map(grant).collect()
}

/// Live grants of everybody, by actor.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn grants(db: &Db, now: Timestamp) -> Result<Vec<Grant>, DbError> {
    let rows = actor_roles::Entity::find()
        .filter(live(now))
        .order_by_asc(actor_roles::Column::ActorId)
        .order_by_asc(actor_roles::Column::RoleId);
    rows.all(db.read()).await?.into_iter().map(grant).collect()
}

/// Whether somebody but the demo actor can come in as an administrator at `now`: one whose role and key both work.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn administrator_exists(db: &Db, now: Timestamp) -> Result<bool, DbError> {
    let row = actor_roles::Entity::find()
        .filter(administers())
        .filter(live(now))
        .filter(actor_roles::Column::ActorId.in_subquery(working_names(now)))
        .one(db.read())
        .await?;
    Ok(row.is_some())
}

/// Keys of administrators that end by nobody's clock: neither the role nor the key expires, and no successor takes the key's place.
/// Each with the name it has.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn lasting_administrators(db: &Db) -> Result<Vec<(String, KeyId)>, DbError> {
    let named = Query::select()
        .column(actor_roles::Column::ActorId)
        .from(actor_roles::Entity)
        .cond_where(administers())
        .and_where(actor_roles::Column::ExpiresAt.is_null())
        .to_owned();
    let rows = api_keys::Entity::find()
        .filter(crate::keys::lasting())
        .filter(api_keys::Column::Name.in_subquery(named))
        .all(db.read())
        .await?;
    rows.into_iter().map(|row| Ok((row.name, id("api_keys", "id", &row.id, KeyId::parse)?))).collect()
}

/// Gives a role. Where the actor holds it already, the grant that lasts longer stands: one without an end replaces one that has an
/// end, a later end an earlier one, and nothing happens otherwise. Nobody loses a role by being given it.
pub fn grant_insert(unit: &mut Unit, grant: &Grant) {
    use actor_roles::Column;
    let replaced = OnConflict::columns([Column::ActorId, Column::ActorType, Column::RoleId])
        .update_columns([Column::GrantedBy, Column::GrantedAt, Column::ExpiresAt])
        .action_and_where(Expr::cust(
            "actor_roles.expires_at IS NOT NULL \
             AND (excluded.expires_at IS NULL OR excluded.expires_at > actor_roles.expires_at)",
        ))
        .to_owned();
    let mut insert = Query::insert();
    insert
        .into_table(actor_roles::Entity)
        .columns([
            Column::Id,
            Column::ActorId,
            Column::ActorType,
            Column::RoleId,
            Column::GrantedBy,
            Column::GrantedAt,
            Column::ExpiresAt,
        ])
        .values_panic([
            grant.id.as_str().into(),
            grant.actor.id.as_str().into(),
            grant.actor.kind.as_str().into(),
            grant.role_id.as_str().into(),
            grant.granted_by.as_str().into(),
            micros(grant.granted_at).into(),
            micros_opt(grant.expires_at).into(),
        ])
        .on_conflict(replaced);
    unit.insert_statement(insert).wake(CHANGED);
}

/// Takes a role from an actor, if it holds it.
pub fn grant_delete(unit: &mut Unit, actor: &Actor, role: &RoleId) {
    let mut delete = Query::delete();
    delete
        .from_table(actor_roles::Entity)
        .cond_where(held_by(actor))
        .and_where(Expr::col(actor_roles::Column::RoleId).eq(role.as_str()));
    unit.delete_unguarded(delete).wake(CHANGED);
}

/// Takes every role from the actor of a key name that has no key which works at `now`, as the unit leaves it.
pub fn grants_end(unit: &mut Unit, actor: &Actor, now: Timestamp) {
    let works = Query::select()
        .column(api_keys::Column::Id)
        .from(api_keys::Entity)
        .and_where(api_keys::Column::Name.eq(&actor.id))
        .cond_where(crate::keys::working(now))
        .to_owned();
    let mut delete = Query::delete();
    delete.from_table(actor_roles::Entity).cond_where(held_by(actor)).and_where(Expr::exists(works).not());
    unit.delete_unguarded(delete).wake(CHANGED);
}

/// Ends every grant of an actor before the unit gives it new ones.
pub fn grants_clear(unit: &mut Unit, actor: &Actor) {
    let mut delete = Query::delete();
    delete.from_table(actor_roles::Entity).cond_where(held_by(actor));
    unit.delete_first(delete).wake(CHANGED);
}

/// Declares `remove`, which takes away what an administrator needs, such that the unit fails with `Moved` unless somebody remains
/// who is not the demo actor, whose role does not end by itself, and who has a key that does not either.
pub fn keep_administrator(unit: &mut Unit, remove: impl FnOnce(&mut Unit)) {
    in_turn(unit);
    remove(unit);
    let mut remains = Query::select();
    remains
        .column((actor_roles::Entity, actor_roles::Column::Id))
        .from(actor_roles::Entity)
        .inner_join(
            api_keys::Entity,
            Expr::col((api_keys::Entity, api_keys::Column::Name))
                .equals((actor_roles::Entity, actor_roles::Column::ActorId)),
        )
        .cond_where(administers())
        .and_where(actor_roles::Column::ExpiresAt.is_null())
        .cond_where(crate::keys::lasting());
    let mut check = Query::update();
    check
        .table(roles::Entity)
        .value(roles::Column::Builtin, true)
        .and_where(roles::Column::Id.eq(BuiltIn::Admin.id()))
        .and_where(Expr::exists(remains));
    unit.update(check, Guard::one("last administrator", BuiltIn::Admin.id()));
}

/// Declares `change` such that the unit fails with `Moved` of [`ADMINISTRATOR`] unless [`administrator_exists`] holds as the unit
/// leaves it.
pub fn require_administrator(unit: &mut Unit, now: Timestamp, change: impl FnOnce(&mut Unit)) {
    in_turn(unit);
    change(unit);
    let mut enters = Query::select();
    enters
        .column(actor_roles::Column::Id)
        .from(actor_roles::Entity)
        .cond_where(administers())
        .cond_where(live(now))
        .and_where(Expr::col(actor_roles::Column::ActorId).in_subquery(working_names(now)));
    let mut check = Query::update();
    check
        .table(roles::Entity)
        .value(roles::Column::Builtin, true)
        .and_where(roles::Column::Id.eq(BuiltIn::Admin.id()))
        .and_where(Expr::exists(enters));
    unit.update(check, Guard::one(ADMINISTRATOR, BuiltIn::Admin.id()));
}

/// What [`require_administrator`] misses.
pub const ADMINISTRATOR: &str = "administrator";

fn working_names(now: Timestamp) -> SelectStatement {
    Query::select()
        .column(api_keys::Column::Name)
        .from(api_keys::Entity)
        .cond_where(crate::keys::working(now))
        .to_owned()
}

/// Units that do this wait for one another at the row of a role before they write anything, also those of other servers, so that
/// each sees what the one before has left.
pub(crate) fn in_turn(unit: &mut Unit) {
    unit.change_first(
        Change::of::<roles::Entity>("role", BuiltIn::Admin.id())
            .key(roles::Column::Id, BuiltIn::Admin.id())
            .set(roles::Column::Builtin, true),
    );
}

/// Grants that make an administrator who comes in with a key.
fn administers() -> Condition {
    Condition::all()
        .add(actor_roles::Column::RoleId.eq(BuiltIn::Admin.id()))
        .add(actor_roles::Column::ActorType.eq(ActorType::ApiKey.as_str()))
        .add(actor_roles::Column::ActorId.ne(DEMO_ACTOR))
}

/// What makes the stored catalogue and built-in roles equal to those of this program. Roles of the installation's own keep theirs.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn seed(db: &Db) -> Result<Unit, DbError> {
    let mut unit = Unit::new();
    let known: HashSet<String> =
        permissions::Entity::find().all(db.read()).await?.into_iter().map(|row| row.id).collect();
    for permission in Permission::ALL.iter().filter(|permission| !known.contains(&permission.id())) {
        unit.insert_or_ignore(&permissions::Model {
            id: permission.id(),
            name: permission.as_str().to_owned(),
            namespace: permission.namespace().to_owned(),
        });
    }
    let known: HashSet<String> = roles::Entity::find().all(db.read()).await?.into_iter().map(|row| row.id).collect();
    for role in BuiltIn::ALL.into_iter().filter(|role| !known.contains(role.id())) {
        unit.insert_or_ignore(&roles::Model {
            id: role.id().to_owned(),
            name: role.name().to_owned(),
            description: role.description().to_owned(),
            builtin: true,
        });
    }
    let given = role_permissions::Entity::find()
        .filter(role_permissions::Column::RoleId.is_in(BuiltIn::ALL.map(BuiltIn::id)))
        .all(db.read())
        .await?;
    let given: HashSet<(String, String)> = given.into_iter().map(|row| (row.role_id, row.permission_id)).collect();
    let due: HashSet<(String, String)> = BuiltIn::ALL
        .into_iter()
        .flat_map(|role| role.permissions().map(move |permission| (role.id().to_owned(), permission.id())))
        .collect();
    for (role_id, permission_id) in due.difference(&given).cloned() {
        unit.insert_or_ignore(&role_permissions::Model { role_id, permission_id });
    }
    for (role_id, permission_id) in given.difference(&due) {
        let mut delete = Query::delete();
        delete
            .from_table(role_permissions::Entity)
            .and_where(role_permissions::Column::RoleId.eq(role_id))
            .and_where(role_permissions::Column::PermissionId.eq(permission_id));
        unit.delete_unguarded(delete);
    }
    Ok(unit)
}

fn held_by(actor: &Actor) -> Condition {
    Condition::all()
        .add(actor_roles::Column::ActorId.eq(&actor.id))
        .add(actor_roles::Column::ActorType.eq(actor.kind.as_str()))
}

fn live(now: Timestamp) -> Condition {
    Condition::any().add(actor_roles::Column::ExpiresAt.is_null()).add(actor_roles::Column::ExpiresAt.gt(micros(now)))
}

fn role(row: roles::Model) -> Result<Role, DbError> {
    Ok(Role {
        id: id("roles", "id", &row.id, RoleId::parse)?,
        name: row.name,
        description: row.description,
        is_builtin: row.builtin,
    })
}

fn grant(row: actor_roles::Model) -> Result<Grant, DbError> {
    const TABLE: &str = "actor_roles";
    Ok(Grant {
        id: id(TABLE, "id", &row.id, GrantId::parse)?,
        actor: Actor { id: row.actor_id, kind: word(TABLE, "actor_type", &row.actor_type, ActorType::parse)? },
        role_id: id(TABLE, "role_id", &row.role_id, RoleId::parse)?,
        granted_by: row.granted_by,
        granted_at: time(row.granted_at),
        expires_at: time_opt(row.expires_at),
    })
}
