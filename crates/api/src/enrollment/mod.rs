//! `/agents/enrollment-tokens`.

mod view;

use certctl_app::list::NEWEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::TokenId;
use certctl_domain::permission::Permission;
use certctl_edge::{Created, Listing, NoContent, Path, Problem, Routes, delete, get, post};
use certctl_wire as wire;

use crate::extract::{Paging, StrictOrEmpty};
use crate::shared::listing;

const ALL: &str = "/api/v1/agents/enrollment-tokens";
const ONE: &str = "/api/v1/agents/enrollment-tokens/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("agents")
        .with(
            post(ALL, enrollment_token_create)
                .about("Makes a token that admits agents; its text is shown once.")
                .fails([422])
                .perm(Permission::AgentEdit),
        )
        .with(
            get(ALL, enrollment_token_list)
                .about("Enrolment tokens without their text, newest first.")
                .perm(Permission::AgentEdit),
        )
        .with(
            delete(ONE, enrollment_token_revoke)
                .about("Withdraws a token; who was admitted stays.")
                .perm(Permission::AgentEdit),
        )
}

async fn enrollment_token_create(
    app: App,
    caller: Caller,
    body: StrictOrEmpty<wire::EnrollmentTokenCreate>,
) -> Result<Created<wire::EnrollmentTokenCreated>, Problem> {
    let made = app.enrollment_token_create(&caller, view::input(body.0)).await?;
    let location = format!("{ALL}/{}", made.token.id);
    Ok(Created { location, revision: None, body: view::created(&made) })
}

async fn enrollment_token_list(
    app: App,
    caller: Caller,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::EnrollmentToken>>, Problem> {
    let listed = app.enrollment_token_list(&caller, &paging.window(NEWEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::token))
}

async fn enrollment_token_revoke(app: App, caller: Caller, path: Path<TokenId>) -> Result<NoContent, Problem> {
    app.enrollment_token_revoke(&caller, &path.0).await?;
    Ok(NoContent)
}
