//! `/agents`, as operators use it. What agents themselves ask for lies elsewhere.

pub(crate) mod view;

use certctl_app::auth::Auth;
use certctl_app::fleet::{Retire, Retired};
use certctl_app::list::NEWEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::AgentId;
use certctl_domain::permission::Permission;
use certctl_edge::{Created, Either, Entity, Json, Listing, NoContent, Path, Problem, Routes, delete, get, post};
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Paging, Query, Strict};
use crate::shared::listing;

pub(crate) fn routes() -> Routes {
    Routes::new("agents")
        .with(
            get("/api/v1/agents", agent_list)
                .about("Agents that are not retired, newest first.")
                .perm(Permission::AgentRead),
        )
        .with(
            post("/api/v1/agents", agent_create)
                .about("Makes a place for an agent, with a token that lets its program take it.")
                .fails([409])
                .perm(Permission::AgentEdit),
        )
        .with(
            get("/api/v1/agents/retired", agent_list_retired)
                .about("Retired agents, newest first.")
                .perm(Permission::AgentRead),
        )
        .with(
            get("/api/v1/agents/{id}", agent_get).about("Shows one agent, retired or not.").perm(Permission::AgentRead),
        )
        .with(
            delete("/api/v1/agents/{id}", agent_retire)
                .about("Retires an agent; with force, together with all that hangs on it.")
                .fails([409])
                .perm(Permission::AgentRetire),
        )
}

async fn agent_list(app: App, caller: Caller, paging: Paging) -> Result<Listing<wire::Page<wire::Agent>>, Problem> {
    let listed = app.agent_list(&caller, &paging.window(NEWEST_FIRST)?).await?;
    let now = app.now();
    Ok(listing(&paging, &listed, |agent| view::agent(agent, now)))
}

async fn agent_list_retired(
    app: App,
    caller: Caller,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::Agent>>, Problem> {
    let listed = app.agent_list_retired(&caller, &paging.window(NEWEST_FIRST)?).await?;
    let now = app.now();
    Ok(listing(&paging, &listed, |agent| view::agent(agent, now)))
}

async fn agent_create(
    app: App,
    caller: Caller,
    body: Strict<wire::AgentCreate>,
) -> Result<Created<wire::AgentCreated>, Problem> {
    let created = app.agent_create(&caller, view::new(body.value)).await?;
    let location = format!("/api/v1/agents/{}", created.agent.id);
    let revision = Some(created.agent.revision);
    Ok(Created { location, revision, body: view::created(&created, app.now()) })
}

async fn agent_get(app: App, caller: Caller, path: Path<AgentId>) -> Result<Entity<wire::Agent>, Problem> {
    let agent = app.agent_get(&caller, &path.0).await?;
    Ok(Entity { revision: agent.revision, body: view::agent(&agent, app.now()) })
}

/// How an agent is retired.
#[derive(Debug, Deserialize, ToSchema)]
struct RetireQuery {
    /// Together with its targets and open jobs.
    #[serde(default)]
    force: bool,
    /// Why; required with force.
    reason: Option<String>,
}

async fn agent_retire(
    app: App,
    auth: Auth,
    caller: Caller,
    path: Path<AgentId>,
    query: Query<RetireQuery>,
) -> Result<Either<Json<wire::RetireAnswer>, NoContent>, Problem> {
    let RetireQuery { force, reason } = query.0;
    let how = if force { Retire::WithAll { reason: reason.unwrap_or_default() } } else { Retire::IfFree { reason } };
    match app.agent_retire(&caller, &path.0, &how).await? {
        Retired::Now { at, cascade, counts, certificates } => {
            // Other replicas hear of it; this one need not wait.
            auth.forget();
            Ok(Either::One(Json(view::retired(at, cascade, counts, &certificates))))
        }
        Retired::Before => Ok(Either::Other(NoContent)),
    }
}
