//! Teams and owners, and what all edits share.

use certctl_app::Error;
use certctl_app::list::{Count, Start, Window};
use certctl_app::owners::OwnerInput;
use certctl_app::teams::TeamInput;
use certctl_domain::permission::Role;

use crate::support::{Fixture, admin, conflict, first_page, person, refused_fields};

fn named(name: &str) -> TeamInput {
    TeamInput { name: Some(name.to_owned()), description: None }
}

fn owner(name: &str, email: &str, team: &str) -> OwnerInput {
    OwnerInput { name: Some(name.to_owned()), email: Some(email.to_owned()), team_id: Some(team.to_owned()) }
}

pub(crate) async fn a_team_lives_its_life(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let team = app.team_create(&caller, Some("t-web"), named("Web")).await.expect("created");
    assert_eq!((team.id.as_str(), team.revision), ("t-web", 1));
    assert_eq!(conflict(app.team_create(&caller, Some("t-web"), named("Other")).await), "id_taken");
    assert_eq!(conflict(app.team_create(&caller, None, named("Web")).await), "name_taken");

    let described = TeamInput { name: None, description: Some("front end".to_owned()) };
    let team = app.team_update(&caller, &team.id, None, described.clone()).await.expect("updated");
    assert_eq!((team.name.as_str(), team.description.as_str(), team.revision), ("Web", "front end", 2));
    let same = app.team_update(&caller, &team.id, None, described).await.expect("nothing to do");
    assert_eq!(same, team, "an edit that changes nothing leaves no revision");
    assert_eq!(app.team_get(&caller, &team.id).await.expect("read"), team);

    app.team_delete(&caller, &team.id, Some(2)).await.expect("deleted");
    assert!(matches!(app.team_get(&caller, &team.id).await, Err(Error::Missing { .. })));
    let actions = fixture.actions().await;
    assert_eq!(actions.iter().filter(|action| action.ends_with("_team")).count(), 3, "{actions:?}");
}

pub(crate) async fn all_wrong_fields_are_named_at_once(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let wrong = owner(" ", "nobody", "t-none");
    assert_eq!(refused_fields(app.owner_create(&caller, Some("a/b"), wrong).await), ["id", "name", "email", "team_id"]);
    assert_eq!(
        refused_fields(app.owner_create(&caller, None, OwnerInput::default()).await),
        ["team_id", "name", "email"]
    );
}

pub(crate) async fn the_revision_named_must_be_the_stored_one(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let team = app.team_create(&caller, None, named("Web")).await.expect("created");
    app.team_update(&caller, &team.id, Some(1), named("Web 2")).await.expect("revision 1 is stored");
    let stale = app.team_update(&caller, &team.id, Some(1), named("Web 3")).await;
    assert!(matches!(stale, Err(Error::Stale { current: 2 })), "{stale:?}");
    assert!(matches!(app.team_delete(&caller, &team.id, Some(1)).await, Err(Error::Stale { current: 2 })));
}

pub(crate) async fn what_is_used_is_not_deleted(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let team = app.team_create(&caller, None, named("Web")).await.expect("created");
    let ada =
        app.owner_create(&caller, None, owner("Ada", "ada@example.org", team.id.as_str())).await.expect("created");
    match app.team_delete(&caller, &team.id, None).await {
        Err(Error::Conflict { code: "in_use", details, .. }) => {
            assert_eq!(details, [("owners".to_owned(), "1".to_owned()), ("certificates".to_owned(), "0".to_owned())]);
        }
        other => panic!("{other:?}"),
    }
    app.owner_delete(&caller, &ada.id, None).await.expect("nobody refers to the owner");
    app.team_delete(&caller, &team.id, None).await.expect("nobody refers to the team any more");
}

pub(crate) async fn pages_follow_one_another(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    for number in 0..5 {
        app.team_create(&caller, None, named(&format!("team {number}"))).await.expect("created");
    }
    let mut window = Window { start: Start::Offset(0), limit: 2, count: Count::Bounded };
    let mut names = Vec::new();
    loop {
        let page = app.team_list(&caller, &window).await.expect("a page");
        assert_eq!((page.total.rows, page.total.is_minimum), (6, false));
        names.extend(page.items.into_iter().map(|team| team.name));
        let Some(next) = page.next else { break };
        window.start = Start::After(next);
    }
    assert_eq!(names, ["t", "team 0", "team 1", "team 2", "team 3", "team 4"]);
    let skipped = Window { start: Start::Offset(5), limit: 2, count: Count::Exact };
    assert_eq!(app.team_list(&caller, &skipped).await.expect("a page").items.len(), 1);
}

pub(crate) async fn a_viewer_changes_nothing(fixture: &Fixture) {
    let (app, viewer) = (&fixture.app, person("vera", Role::Viewer));
    assert!(matches!(app.team_create(&viewer, None, named("Web")).await, Err(Error::Denied(_))));
    assert_eq!(app.team_list(&viewer, &first_page()).await.expect("a viewer reads").items.len(), 1);
}
