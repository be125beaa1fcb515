use certctl_db::Backend;
use certctl_testkit::db::TestDb;

use super::*;

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn a_secret_opens_at_its_place_and_nowhere_else() {
        super::a_secret_opens_at_its_place_and_nowhere_else(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn another_key_is_noticed_at_start() {
        super::another_key_is_noticed_at_start(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn two_replicas_begin_one_installation() {
        super::two_replicas_begin_one_installation(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn an_old_data_key_gets_a_successor_that_seals_when_all_know_it() {
        super::an_old_data_key_gets_a_successor_that_seals_when_all_know_it(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn a_secret_opens_at_its_place_and_nowhere_else() {
        super::a_secret_opens_at_its_place_and_nowhere_else(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn another_key_is_noticed_at_start() {
        super::another_key_is_noticed_at_start(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn two_replicas_begin_one_installation() {
        super::two_replicas_begin_one_installation(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn an_old_data_key_gets_a_successor_that_seals_when_all_know_it() {
        super::an_old_data_key_gets_a_successor_that_seals_when_all_know_it(Backend::Postgres).await;
    }
}

const KEY: &str = "3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000)
}

async fn sealer(db: &Db, key: &str, at: Timestamp) -> std::result::Result<Sealer, SealingError> {
    open(db, &key.into(), at).await
}

async fn a_secret_opens_at_its_place_and_nowhere_else(backend: Backend) {
    let Some(test) = TestDb::open(backend).await else { return };
    let one = sealer(&test.db, KEY, now()).await.expect("the installation begins");
    let sealed = one.seal("issuers", "sealed_config", "iss_1", b"secret").expect("sealed");
    assert!(!sealed.windows(6).any(|window| window == b"secret"));
    let other = sealer(&test.again().await, KEY, now()).await.expect("another replica");
    assert_eq!(other.open("issuers", "sealed_config", "iss_1", &sealed).expect("opened").as_slice(), b"secret");
    for (table, column, row) in
        [("issuers", "sealed_config", "iss_2"), ("issuers", "config", "iss_1"), ("targets", "sealed_config", "iss_1")]
    {
        assert!(one.open(table, column, row, &sealed).is_err(), "{table}.{column} of {row}");
    }
    for position in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[position] ^= 1;
        assert!(one.open("issuers", "sealed_config", "iss_1", &altered).is_err(), "byte {position}");
    }
}

async fn another_key_is_noticed_at_start(backend: Backend) {
    let Some(test) = TestDb::open(backend).await else { return };
    sealer(&test.db, KEY, now()).await.expect("the installation begins");
    let hex = "deadbeef".to_owned() + &"00".repeat(28);
    sealer(&test.db, &hex, now()).await.expect("the same key in another spelling");
    let wrong = sealer(&test.db, "a passphrase that is at least so long", now()).await.err();
    assert!(matches!(wrong, Some(SealingError::WrongKey { .. })), "{wrong:?}");
    assert!(matches!(sealer(&test.db, "short", now()).await.err(), Some(SealingError::TooShort)));
}

async fn two_replicas_begin_one_installation(backend: Backend) {
    let Some(test) = TestDb::open(backend).await else { return };
    let again = test.again().await;
    let (one, other) = tokio::join!(sealer(&test.db, KEY, now()), sealer(&again, KEY, now()));
    let (one, other) = (one.expect("one"), other.expect("other"));
    let sealed = one.seal("t", "c", "r", b"x").expect("sealed");
    assert!(other.open("t", "c", "r", &sealed).is_ok());
    assert_eq!(certctl_store::sealing::data_keys(&test.db).await.expect("read").len(), 1);
}

async fn an_old_data_key_gets_a_successor_that_seals_when_all_know_it(backend: Backend) {
    let Some(test) = TestDb::open(backend).await else { return };
    let first = sealer(&test.db, KEY, now()).await.expect("begun");
    let before = first.seal("t", "c", "r", b"x").expect("sealed");
    let later = now() + Duration::from_secs(91 * 86_400);
    let second = sealer(&test.db, KEY, later).await.expect("renewed");
    assert_eq!(certctl_store::sealing::data_keys(&test.db).await.expect("read").len(), 2);
    let between = second.seal("t", "c", "r", b"y").expect("sealed");
    assert!(first.open("t", "c", "r", &between).is_ok(), "a replica that has not looked yet can open it");
    second.refresh(&test.db, later + Duration::from_secs(61)).await.expect("read again");
    let after = second.seal("t", "c", "r", b"z").expect("sealed");
    assert!(first.open("t", "c", "r", &after).is_err(), "sealed with the new key");
    first.refresh(&test.db, later + Duration::from_secs(61)).await.expect("read again");
    assert!(first.open("t", "c", "r", &after).is_ok());
    assert!(second.open("t", "c", "r", &before).is_ok(), "the old key still opens");
}
