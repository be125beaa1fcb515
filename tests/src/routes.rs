//! The table route × role, made of the routes as they are declared: what a caller with only that role is answered. The table
//! is checked in, so that a change of anybody's rights is read by a person, and tried over the real listener by a test.

use std::fmt::Write as _;

use certctl_domain::permission::Role;
use certctl_edge::{Access, RouteInfo};

/// What a caller with one role gets at a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The route does its work, or refuses for what was sent, not for who sent it.
    Allow,
    /// 403.
    Deny,
}

/// A caller with a person's credential and this role; for [`Role::Agent`] an agent with its own credential.
#[must_use]
pub fn verdict(route: &RouteInfo, role: Role) -> Verdict {
    let holds = |permission| if role.holds(permission) { Verdict::Allow } else { Verdict::Deny };
    match (route.access, role) {
        (Access::Public, _) | (Access::Agent(_) | Access::AgentOrPerm(_), Role::Agent) => Verdict::Allow,
        (Access::Authenticated | Access::Perm(_), Role::Agent) => Verdict::Deny,
        (Access::Authenticated, _) => Verdict::Allow,
        (Access::Perm(permission) | Access::AgentOrPerm(permission), _) => holds(permission),
        (Access::Agent(_), _) => Verdict::Deny,
    }
}

/// The page `docs/reference/routes.txt`.
#[must_use]
pub fn matrix() -> String {
    let routes = certctl_api::routes();
    let mut rows: Vec<&RouteInfo> = routes.infos().collect();
    rows.sort_by_key(|route| (route.path, route.method.to_string()));
    let path = rows.iter().map(|route| route.path.len()).max().unwrap_or(0);
    let rule = rows.iter().map(|route| route.access.as_text().len()).max().unwrap_or(0);
    let mut page = format!("{:7} {:path$}  {:rule$} ", "method", "path", "rule");
    for role in Role::ALL {
        let _ = write!(page, " {:15}", role.name());
    }
    end_line(&mut page);
    for route in rows {
        let _ = write!(page, "{:7} {:path$}  {:rule$} ", route.method.as_str(), route.path, route.access.as_text());
        for role in Role::ALL {
            let word = match verdict(route, role) {
                Verdict::Allow => "allow",
                Verdict::Deny => "-",
            };
            let _ = write!(page, " {word:15}");
        }
        end_line(&mut page);
    }
    page
}

fn end_line(page: &mut String) {
    page.truncate(page.trim_end().len());
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_opens_nothing_but_public_routes_and_its_own() {
        for route in certctl_api::routes().infos() {
            let own = route.access == Access::Public || route.access.admits_agents();
            assert_eq!(verdict(route, Role::Agent) == Verdict::Allow, own, "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn an_administrator_is_denied_only_what_is_an_agents_own() {
        for route in certctl_api::routes().infos() {
            let denied = matches!(route.access, Access::Agent(_));
            assert_eq!(verdict(route, Role::Admin) == Verdict::Deny, denied, "{} {}", route.method, route.path);
        }
    }
}
