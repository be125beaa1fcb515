//! Route × role: what `docs/reference/routes.txt` says is what the listener does.

use certctl_api::routes;
use certctl_db::Backend;
use certctl_domain::permission::Role;
use certctl_tests::routes::{Verdict, verdict};
use serde_json::json;

use crate::support::https::As;
use crate::support::server::TestServer;

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn every_route_admits_the_roles_of_the_table_and_no_other() {
        super::every_route_admits_the_roles_of_the_table_and_no_other(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn every_route_admits_the_roles_of_the_table_and_no_other() {
        super::every_route_admits_the_roles_of_the_table_and_no_other(Backend::Postgres).await;
    }
}

async fn every_route_admits_the_roles_of_the_table_and_no_other(backend: Backend) {
    let Some(server) = TestServer::start(backend).await else { return };
    let (mut allowed, mut denied) = (0, 0);
    // Agents are tried by their own credentials, in `access`.
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Agent) {
        let ask = json!({ "name": format!("only-{}", role.name()), "role_ids": [role.id()] });
        let made = server.made("auth/keys", &ask).await;
        let (key, id) = (made["key_value"].as_str().expect("a key"), made["id"].as_str().expect("an id"));
        for route in routes().infos() {
            // Everybody may rotate the key that is being used, and no other.
            let path = if route.name == "api_key_rotate" { of(route.path, id) } else { of(route.path, "nothing") };
            let answer = server.https.send(As::Key(key), route.method.as_str(), &path, None).await;
            let place = format!("{} as {}: {answer:?}", role.name(), route.path);
            match verdict(route, role) {
                Verdict::Allow => {
                    // What is refused is the empty body or the missing thing, not the caller; only a door of its own has 401 and 410.
                    let own_door = route.path.ends_with("/bootstrap") || route.path.ends_with("/register");
                    assert!(answer.status != 403 && (answer.status != 401 || own_door), "{place}");
                    allowed += 1;
                }
                Verdict::Deny => {
                    assert_eq!(answer.status, 403, "{place}");
                    assert!(["permission_denied", "agent_only"].contains(&answer.code().as_str()), "{place}");
                    denied += 1;
                }
            }
            assert!(route.statuses.contains(&answer.status), "undocumented: {place}");
        }
    }
    assert!(allowed >= 150 && denied >= 60, "{allowed} allowed and {denied} denied: the table of routes has shrunk");
}

/// The path with this id in every place.
fn of(path: &str, id: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').map(|segment| if segment.starts_with('{') { id } else { segment }).collect();
    segments.join("/")
}
