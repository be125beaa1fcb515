//! The database is full. Whoever wants to write is told so and nothing has changed; whoever reads is served; and everything
//! goes on as soon as there is room, without a restart.

use std::path::PathBuf;
use std::time::Duration;

use certctl_db::Backend;
use certctl_db::sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use certctl_testkit::wait;

use crate::support::database::assert_unchanged;
use crate::support::server::{Setup, TestServer, certificate, certificate_with_csr};

/// 12 MiB: room for a furnished server.
const PAGES: u32 = 3_000;

mod sqlite {
    #[tokio::test]
    async fn a_full_database_is_named_and_left_as_it_is() {
        super::a_full_database_is_named_and_left_as_it_is(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn a_full_database_is_named_and_left_as_it_is() {
        super::a_full_database_is_named_and_left_as_it_is(super::Backend::Postgres).await;
    }
}

async fn a_full_database_is_named_and_left_as_it_is(backend: Backend) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_certctl-test-server"));
    let Some(setup) = Setup::of(program, backend).await else { return };
    let server = Box::pin(setup.env("TEST_SQLITE_PAGES", PAGES.to_string()).start()).await;
    let filler = Filler::of(&server, backend).await;
    filler.fill().await;
    // The last pages have some room yet.
    let refused = refused(&server).await;

    let before = server.database.dump().await;
    let body = certificate(&refused);
    for path in ["certificates", "certificates?issue=true"] {
        let body = if path == "certificates" { body.clone() } else { certificate_with_csr(&refused) };
        let answer = server.admin("POST", path, Some(&body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "database_full"), "{path}: {answer:?}");
        assert!(answer.message().contains("the database is full"), "{path}: {answer:?}");
        assert_unchanged("a request on a full database", &before, &server.database.dump().await);
    }
    server.read("teams").await;

    filler.free().await;
    let made = wait::until("there is room again", Duration::from_secs(60), async || {
        let answer = server.admin("POST", "certificates?issue=true", Some(&certificate_with_csr(&refused))).await;
        if answer.status == 503 {
            return None;
        }
        Some(answer.ok("issuance"))
    })
    .await;
    assert_eq!(made["certificate"]["name"].as_str(), Some(refused.as_str()), "{made}");
    assert_eq!(server.database.count("certificate_versions WHERE state = 'reserved'").await, 0);
}

/// Creates certificates until one is refused; its name.
async fn refused(server: &TestServer) -> String {
    for number in 0..2_000 {
        let name = format!("n{number:04}.example");
        let answer = server.admin("POST", "certificates", Some(&certificate(&name))).await;
        if answer.status != 201 {
            assert_eq!((answer.status, answer.code().as_str()), (503, "database_full"), "{answer:?}");
            return name;
        }
    }
    panic!("the database is never full");
}

/// Takes all room, from beside the server.
struct Filler {
    connection: DatabaseConnection,
    backend: Backend,
}

impl Filler {
    async fn of(server: &TestServer, backend: Backend) -> Self {
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}?mode=rw", server.setup.path().join("data/certctl.db").display()),
            Backend::Postgres => server.setup.postgres_url().to_owned(),
        };
        let connection = Database::connect(url).await.expect("the database opens");
        let this = Self { connection, backend };
        if backend == Backend::Sqlite {
            this.execute("PRAGMA busy_timeout = 30000; CREATE TABLE filler (bytes BLOB NOT NULL)").await;
        }
        this
    }

    async fn execute(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// SQLite: the file reaches the size that the server may give it. PostgreSQL: no test may fill the disk of its server, so
    /// every INSERT fails as on a full one, with the same SQLSTATE and words.
    async fn fill(&self) {
        match self.backend {
            Backend::Sqlite => {
                let fill = format!(
                    "INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {PAGES}) \
                     SELECT zeroblob(4000) FROM n"
                );
                self.execute(&fill).await;
            }
            Backend::Postgres => {
                self.execute(
                    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                     RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; \
                     DO $$ DECLARE name text; BEGIN \
                     FOR name IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' LOOP \
                     EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT ON %I EXECUTE FUNCTION full_disk()', name); \
                     END LOOP; END $$",
                )
                .await;
            }
        }
    }

    async fn free(&self) {
        match self.backend {
            Backend::Sqlite => self.execute("DELETE FROM filler").await,
            Backend::Postgres => self.execute("DROP FUNCTION full_disk() CASCADE").await,
        }
    }
}
