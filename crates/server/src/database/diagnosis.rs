//! What a refused connection means and what to do about it, for the operator who reads the log of a server that does not
//! start. The database's own words follow as the cause.

use certctl_db::{ConnectCause, DbError};

/// A failed connection with its remedy.
#[derive(Debug, thiserror::Error)]
#[error("failed to ping database: {advice}")]
pub struct Diagnosed {
    advice: String,
    #[source]
    source: DbError,
}

impl Diagnosed {
    pub(crate) fn new(source: DbError) -> Self {
        Self { advice: advice(&source), source }
    }

    /// The error behind it.
    #[must_use]
    pub fn error(&self) -> &DbError {
        &self.source
    }

    /// Whether nothing answered, as opposed to an answer that refuses.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self.source.class() {
            certctl_db::Class::Retryable => true,
            certctl_db::Class::Conflict | certctl_db::Class::Permanent => false,
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every error but a refused connection speaks for itself")]
fn advice(error: &DbError) -> String {
    let (url, cause) = match error {
        DbError::Connect { url, cause, .. } => (url, cause),
        other => return other.to_string(),
    };
    match cause {
        ConnectCause::Sqlstate(state) => match state.as_str() {
            "28P01" => WRONG_PASSWORD.to_owned(),
            "28000" => format!(
                "postgres does not admit this role from here (SQLSTATE 28000): {url}. Create the role (CREATE ROLE … LOGIN PASSWORD …) or add a line for it to pg_hba.conf and reload"
            ),
            "3D000" => {
                format!("the database does not exist (SQLSTATE 3D000): {url}. Create it: CREATE DATABASE … OWNER …")
            }
            "53300" => format!(
                "postgres has no connection left (SQLSTATE 53300): {url}. Lower CERTCTL_DATABASE_MAX_CONNS (it counts per replica) or raise max_connections"
            ),
            "57P03" => format!(
                "postgres is still starting up (SQLSTATE 57P03): {url}. Wait, or raise CERTCTL_DATABASE_CONNECT_TIMEOUT"
            ),
            other => format!("postgres refuses the connection (SQLSTATE {other}): {url}"),
        },
        ConnectCause::Unreachable if url.starts_with("sqlite:") => no_file(url),
        ConnectCause::Unreachable => format!(
            "nothing answers at {url}. Check host, port and firewall in CERTCTL_DATABASE_URL; a database that starts slowly is waited for CERTCTL_DATABASE_CONNECT_TIMEOUT"
        ),
        ConnectCause::Tls => format!(
            "TLS with {url} failed. sslmode=verify-full needs sslrootcert=… with the CA of the database, and a server that speaks TLS"
        ),
        ConnectCause::File => no_file(url),
    }
}

fn no_file(url: &str) -> String {
    format!("the file {url} cannot be opened. Check its path, owner and mode, and those of its directory")
}

const WRONG_PASSWORD: &str = "\
postgres rejected the configured credentials (SQLSTATE 28P01 — invalid_password). If you recently rotated POSTGRES_PASSWORD, \
note that PostgreSQL takes it only when it initialises an empty data directory; changing it later changes the server's URL alone.
  To keep the data, set the role's password to the configured one:
    compose: docker compose exec postgres psql -U certctl -d certctl -c \"ALTER ROLE certctl WITH PASSWORD '<new password>'\"
    Helm:    kubectl exec -it <release>-postgres-0 -- psql -U certctl -d certctl -c \"ALTER ROLE certctl WITH PASSWORD '<new password>'\"
  To start over, losing all data:
    compose: docker compose down --volumes && docker compose up -d
    Helm:    helm uninstall <release> && kubectl delete pvc -l app.kubernetes.io/instance=<release>, then install again";

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::Arc;

    use super::*;

    fn refused(state: &str) -> Diagnosed {
        Diagnosed::new(DbError::Connect {
            url: "postgres://certctl@db:5432/certctl".to_owned(),
            cause: ConnectCause::Sqlstate(state.to_owned()),
            source: Arc::new(certctl_db::sea_orm::sqlx::Error::PoolClosed),
        })
    }

    #[test]
    fn a_wrong_password_comes_with_both_ways_out() {
        let wrong = refused("28P01");
        let text = wrong.to_string();
        assert!(text.starts_with(
            "failed to ping database: postgres rejected the configured credentials (SQLSTATE 28P01 — invalid_password). If you recently rotated POSTGRES_PASSWORD"
        ));
        for part in ["ALTER ROLE", "kubectl", "down --volumes", "helm uninstall"] {
            assert!(text.contains(part), "{part}");
        }
        assert!(wrong.source().is_some() && !wrong.is_unreachable());
    }

    #[test]
    fn other_refusals_name_their_code() {
        for state in ["28000", "3D000", "53300", "57P03", "XX000"] {
            assert!(refused(state).to_string().contains(state));
        }
        assert!(refused("57P03").is_unreachable() && !refused("3D000").is_unreachable());
    }
}
