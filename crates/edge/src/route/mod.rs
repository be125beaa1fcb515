//! Routes: each is declared once, with method, path, handler and access rule, and everything else (router, table, OpenAPI,
//! tests) is made of that declaration.

mod access;

use std::collections::BTreeSet;
use std::sync::Arc;

use certctl_domain::permission::Permission;
use http::Method;

pub use access::{Access, AgentOrPerm, Authenticated, Declared, OwnAgent, Perm, Public, Undeclared};

use crate::doc::Doc;
use crate::handler::{Handler, Run};

/// A route that is being declared; `R` is its access rule.
pub struct Route<R> {
    method: Method,
    path: &'static str,
    run: Run,
    doc: Doc,
    name: &'static str,
    about: &'static str,
    surface: Surface,
    keeps_answers: bool,
    admits_expired_identity: bool,
    rule: R,
}

/// What a route counts against, beside the general limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// Only the general limits.
    General,
    /// The first administrator.
    Bootstrap,
    /// Agents that register.
    Register,
}

/// A served route.
#[derive(Clone)]
pub struct RouteInfo {
    /// Method.
    pub method: Method,
    /// Path with `{names}`.
    pub path: &'static str,
    /// Name of the handler, which is the operation's.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The group it is listed under.
    pub group: &'static str,
    /// Who may use it.
    pub access: Access,
    /// The permission asked for.
    pub permission: Option<Permission>,
    /// Every status it may answer, in order.
    pub statuses: BTreeSet<u16>,
    /// What it counts against.
    pub surface: Surface,
    /// Whether `Idempotency-Key` is honoured.
    pub keeps_answers: bool,
    /// Whether an agent whose certificate has expired may use it with its key.
    pub admits_expired_identity: bool,
    /// What its types say.
    pub doc: Doc,
}

impl std::fmt::Debug for RouteInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.method, self.path, self.access.as_text())
    }
}

/// A GET route.
pub fn get<Args, H: Handler<Args>>(path: &'static str, handler: H) -> Route<Undeclared> {
    route(Method::GET, path, handler)
}

/// A POST route.
pub fn post<Args, H: Handler<Args>>(path: &'static str, handler: H) -> Route<Undeclared> {
    route(Method::POST, path, handler)
}

/// A PUT route.
pub fn put<Args, H: Handler<Args>>(path: &'static str, handler: H) -> Route<Undeclared> {
    route(Method::PUT, path, handler)
}

/// A PATCH route.
pub fn patch<Args, H: Handler<Args>>(path: &'static str, handler: H) -> Route<Undeclared> {
    route(Method::PATCH, path, handler)
}

/// A DELETE route.
pub fn delete<Args, H: Handler<Args>>(path: &'static str, handler: H) -> Route<Undeclared> {
    route(Method::DELETE, path, handler)
}

fn route<Args, H: Handler<Args>>(method: Method, path: &'static str, handler: H) -> Route<Undeclared> {
    let mut doc = Doc::default();
    H::describe(&mut doc);
    doc.path_parameters(path);
    let full = std::any::type_name::<H>();
    Route {
        method,
        path,
        run: Arc::new(move |call| Box::pin(handler.run(call))),
        doc,
        name: full.rsplit("::").next().unwrap_or(full),
        about: "",
        surface: Surface::General,
        keeps_answers: false,
        admits_expired_identity: false,
        rule: Undeclared,
    }
}

impl Route<Undeclared> {
    /// Everybody may use it, without a credential.
    #[must_use]
    pub fn public(self) -> Route<Public> {
        self.ruled(Public)
    }

    /// Every caller with a credential may use it, but agents.
    #[must_use]
    pub fn authenticated(self) -> Route<Authenticated> {
        self.ruled(Authenticated)
    }

    /// Callers that hold the permission may use it, but agents.
    #[must_use]
    pub fn perm(self, permission: Permission) -> Route<Perm> {
        self.ruled(Perm(permission))
    }

    /// The agent whose id is the first of the path may use it, by its own credential.
    #[must_use]
    pub fn agent(self, permission: Permission) -> Route<OwnAgent> {
        self.ruled(OwnAgent(permission))
    }

    /// Agents may use it for their own jobs (the use case checks that), others with the permission.
    #[must_use]
    pub fn agent_or_perm(self, permission: Permission) -> Route<AgentOrPerm> {
        self.ruled(AgentOrPerm(permission))
    }

    fn ruled<R>(self, rule: R) -> Route<R> {
        Route {
            method: self.method,
            path: self.path,
            run: self.run,
            doc: self.doc,
            name: self.name,
            about: self.about,
            surface: self.surface,
            keeps_answers: self.keeps_answers,
            admits_expired_identity: self.admits_expired_identity,
            rule,
        }
    }
}

impl<R> Route<R> {
    /// What it does, in a sentence.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Statuses of failures beyond those that rule and arguments imply.
    #[must_use]
    pub fn fails<const N: usize>(mut self, statuses: [u16; N]) -> Self {
        self.doc.fails.extend(statuses);
        self
    }

    /// Counts against a limit of its own.
    #[must_use]
    pub fn limited(mut self, surface: Surface) -> Self {
        self.surface = surface;
        self
    }

    /// Honours `Idempotency-Key`: the same key with the same body gets the same answer for a day.
    #[must_use]
    pub fn keeps_answers(mut self) -> Self {
        self.doc
            .header("Idempotency-Key", "Repeats with this key and the same body get the first answer, for 24 hours.");
        self.doc.fails.extend([409, 422]);
        self.keeps_answers = true;
        self
    }

    /// Admits an agent whose certificate has expired, if its key is there too.
    #[must_use]
    pub fn admits_expired_identity(mut self) -> Self {
        self.admits_expired_identity = true;
        self
    }
}

/// Routes of a door, by group.
#[derive(Default)]
pub struct Routes {
    group: &'static str,
    pub(crate) routes: Vec<(Arc<RouteInfo>, Run)>,
}

impl Routes {
    /// No routes yet; those added are listed under `group`.
    #[must_use]
    pub fn new(group: &'static str) -> Self {
        Self { group, routes: Vec::new() }
    }

    /// Adds a route. One without an access rule does not compile:
    ///
    /// ```compile_fail,E0277
    /// use certctl_edge::{NoContent, Problem, Routes, get};
    ///
    /// async fn nothing() -> Result<NoContent, Problem> {
    ///     Ok(NoContent)
    /// }
    /// let _ = Routes::new("group").with(get("/nothing", nothing).about("Does nothing."));
    /// ```
    ///
    /// The same with a rule does:
    ///
    /// ```
    /// use certctl_edge::{NoContent, Problem, Routes, get};
    ///
    /// async fn nothing() -> Result<NoContent, Problem> {
    ///     Ok(NoContent)
    /// }
    /// let _ = Routes::new("group").with(get("/nothing", nothing).about("Does nothing.").public());
    /// ```
    #[must_use]
    pub fn with<R: Declared>(mut self, route: Route<R>) -> Self {
        let access = route.rule.access();
        let mut statuses: BTreeSet<u16> = route.doc.answers.keys().copied().collect();
        statuses.extend(&route.doc.fails);
        statuses.extend(standing(access, route.surface));
        let info = RouteInfo {
            method: route.method,
            path: route.path,
            name: route.name,
            about: route.about,
            group: self.group,
            access,
            permission: access.permission(),
            statuses,
            surface: route.surface,
            keeps_answers: route.keeps_answers,
            admits_expired_identity: route.admits_expired_identity,
            doc: route.doc,
        };
        self.routes.push((Arc::new(info), route.run));
        self
    }

    /// Adds the routes of another group.
    #[must_use]
    pub fn and(mut self, other: Routes) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// The table of all routes.
    pub fn infos(&self) -> impl Iterator<Item = &RouteInfo> {
        self.routes.iter().map(|(info, _)| info.as_ref())
    }
}

/// The statuses that the pipeline may answer in front of a route.
fn standing(access: Access, surface: Surface) -> Vec<u16> {
    let mut statuses = vec![429, 500];
    match access {
        Access::Public => {}
        Access::Authenticated | Access::Perm(_) => statuses.extend([401, 403, 503]),
        Access::Agent(_) | Access::AgentOrPerm(_) => statuses.extend([401, 403, 404, 410, 503]),
    }
    match surface {
        Surface::General => {}
        Surface::Bootstrap | Surface::Register => statuses.push(503),
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while `Undeclared` is no [`Declared`]: with two candidates for `_` the path would be ambiguous.
    #[test]
    fn compile_fail_a_route_without_an_access_rule_is_not_accepted() {
        trait Candidate<Which> {
            fn chosen() {}
        }
        struct Accepted;
        impl<T: ?Sized> Candidate<()> for T {}
        impl<T: ?Sized + Declared> Candidate<Accepted> for T {}
        <Undeclared as Candidate<_>>::chosen();
    }

    #[test]
    fn rules_admit_agents_only_where_they_say_so() {
        let permission = Permission::JobRead;
        let admitted = [
            Access::Public,
            Access::Authenticated,
            Access::Perm(permission),
            Access::Agent(permission),
            Access::AgentOrPerm(permission),
        ]
        .map(Access::admits_agents);
        assert_eq!(admitted, [false, false, false, true, true]);
    }
}
