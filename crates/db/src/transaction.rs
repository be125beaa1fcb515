//! An imperative transaction, for the few writes that must read what they changed: claims, leases, the first start.

use sea_orm::{DatabaseTransaction, TransactionTrait};

use crate::{Backend, Db, DbError};

/// An open transaction on the writer. Dropped without [`Transaction::commit`], it rolls back.
///
/// On SQLite it holds the only writer, so nothing else is committed meanwhile: do no I/O in it but SQL.
pub struct Transaction {
    inner: DatabaseTransaction,
    backend: Backend,
}

impl Transaction {
    /// Where statements run.
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.inner
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Makes the writes true.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] with an unknown outcome when the connection is lost meanwhile.
    pub async fn commit(self) -> Result<(), DbError> {
        self.inner.commit().await.map_err(|error| DbError::from(error).commit_lost())
    }

    /// Undoes the writes.
    ///
    /// # Errors
    /// Those of the connection; the writes are undone in any case.
    pub async fn rollback(self) -> Result<(), DbError> {
        Ok(self.inner.rollback().await?)
    }
}

impl Db {
    /// Opens an imperative transaction. Prefer [`Db::commit`]: it shares its COMMIT with others.
    ///
    /// # Errors
    /// [`DbError::Timeout`] when the writer does not become free, [`DbError::Unavailable`] when there is no connection.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        let options = sea_orm::TransactionOptions {
            sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let inner = self.writer().begin_with_options(options).await?;
        Ok(Transaction { inner, backend: self.backend() })
    }

    /// Runs `work` in an imperative transaction: committed when it returns `Ok`, undone otherwise.
    ///
    /// # Errors
    /// That of `work`, or of the connection.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&DatabaseTransaction) -> Result<T, E>,
        E: From<DbError>,
    {
        let txn = self.begin().await?;
        let value = work(txn.connection()).await?;
        txn.commit().await?;
        Ok(value)
    }
}
