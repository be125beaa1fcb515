//! The server's own settings: listener, log, who may do what, limits, background work.

use super::{Area, Program, Setting};

const BOTH: &[Program] = &[Program::Server, Program::Agent];

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        Area::Server,
        "CERTCTL_DATA_DIR",
        "/var/lib/certctl",
        "Directory of the embedded database, the generated encryption key, the listener's certificate and the bootstrap token. `$STATE_DIRECTORY` takes the place of the default when systemd sets it. Created with mode 0700; one server at a time.",
    ),
    Setting::new(
        Area::Server,
        super::SERVER_CONFIG,
        "",
        "Configuration file in TOML; `--config` wins over it. Environment wins over the file. An unknown key is an error.",
    ),
    Setting::new(Area::Server, "CERTCTL_SERVER_HOST", "127.0.0.1", "Address that the control listener binds."),
    Setting::new(
        Area::Server,
        "CERTCTL_SERVER_PORT",
        "8443",
        "Port of the control listener, 1 to 65535. HTTPS, TLS 1.3 only.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_SERVER_TLS_CERT_PATH",
        "",
        "Certificate chain of the listener, PEM. Required with PostgreSQL; with SQLite the server issues its own when both paths are empty. Read again on SIGHUP and when the file changes.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_SERVER_TLS_KEY_PATH",
        "",
        "Private key of the listener, PEM, not readable by group or others.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_SERVER_TLS_NAMES",
        "",
        "Names in the certificate that the server issues for itself, comma-separated. Empty: host name, `localhost`, `127.0.0.1`, `::1`.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_TLS_ALLOW_LOOSE_KEY_MODE",
        "false",
        "Accept a listener key that group or others can read.",
    ),
    Setting::new(Area::Server, "CERTCTL_MAX_BODY_SIZE", "1048576", "Largest request body in bytes, 1024 to 104857600."),
    Setting::new(
        Area::Server,
        "CERTCTL_TRUSTED_PROXIES",
        "",
        "Addresses and networks (CIDR, comma-separated) whose `X-Forwarded-For` is believed.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_CORS_ORIGINS",
        "",
        "Origins (comma-separated) that browsers may call from. Empty: same origin only. `*` is refused outside demos.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS",
        "30",
        "Seconds that a shutdown may take altogether, 1 to 600.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_SHUTDOWN_DRAIN_SECONDS",
        "5",
        "Seconds between reporting not ready and closing the listener, so that load balancers notice.",
    ),
    Setting::new(
        Area::Server,
        "CERTCTL_KEYGEN_MODE",
        "agent",
        "Where private keys of managed certificates are made. This version knows `agent` only.",
    ),
    Setting::new(Area::Log, "CERTCTL_LOG_LEVEL", "info", "`debug`, `info`, `warn` or `error`.").read_by(BOTH),
    Setting::new(Area::Log, "CERTCTL_LOG_FORMAT", "json", "`json` or `text`, on standard error.").read_by(BOTH),
    Setting::new(
        Area::Auth,
        "CERTCTL_AUTH_TYPE",
        "api-key",
        "How people and machines identify themselves. This version knows `api-key` only.",
    ),
    Setting::secret(
        Area::Auth,
        "CERTCTL_CONFIG_ENCRYPTION_KEY",
        "Seals secrets in the database, at least 32 bytes (32 random bytes in base64 or hex are best). Required with PostgreSQL; with SQLite generated once as `encryption.key`.",
    ),
    Setting::secret(
        Area::Auth,
        "CERTCTL_AUTH_SECRET",
        "API keys without a name, comma-separated; none is an administrator. Prefer `CERTCTL_API_KEYS_NAMED`.",
    ),
    Setting::secret(
        Area::Auth,
        "CERTCTL_API_KEYS_NAMED",
        "API keys as `name:key` or `name:key:admin`, comma-separated. The same name twice with two keys is a rotation.",
    ),
    Setting::secret(
        Area::Auth,
        "CERTCTL_BOOTSTRAP_TOKEN",
        "Mints the first administrator at `POST /api/v1/auth/bootstrap`, once; and once more after a start at which no administrator has a key that works. With SQLite a token is generated into `bootstrap-token` while there is no administrator.",
    ),
    Setting::secret(
        Area::Auth,
        "CERTCTL_AGENT_BOOTSTRAP_TOKEN",
        "Server: static enrolment tokens (comma-separated, two during a rotation); empty closes that door. Agent: the token it enrols with.",
    )
    .read_by(BOTH),
    Setting::new(
        Area::Auth,
        "CERTCTL_AGENT_BOOTSTRAP_TOKEN_DENY_EMPTY",
        "true",
        "Registration is never open: `false` is refused outside demos.",
    ),
    Setting::new(
        Area::Auth,
        "CERTCTL_AGENT_REENROLL",
        "false",
        "Whether a static enrolment token re-enrols an agent whose name is known; its old credentials die.",
    ),
    Setting::new(
        Area::Auth,
        "CERTCTL_DEMO_MODE_ACK",
        "false",
        "Allows placeholder secrets and open CORS for a demonstration; needs `CERTCTL_DEMO_MODE_ACK_TS`.",
    ),
    Setting::new(
        Area::Auth,
        "CERTCTL_DEMO_MODE_ACK_TS",
        "",
        "When the demonstration was allowed: seconds since 1970, at most 24 hours ago.",
    ),
    Setting::new(Area::RateLimit, "CERTCTL_RATE_LIMIT_ENABLED", "true", "Whether requests are limited."),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_RPS",
        "50",
        "Requests per second of one address before authentication, and of one actor after it.",
    ),
    Setting::new(Area::RateLimit, "CERTCTL_RATE_LIMIT_BURST", "100", "Requests that may come at once."),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_PER_USER_RPS",
        "0",
        "Requests per second of one actor; 0: as `CERTCTL_RATE_LIMIT_RPS`.",
    ),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_PER_USER_BURST",
        "0",
        "Requests of one actor that may come at once; 0: as `CERTCTL_RATE_LIMIT_BURST`.",
    ),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_AGENT_RPS",
        "10",
        "Requests per second of one agent with a valid identity.",
    ),
    Setting::new(Area::RateLimit, "CERTCTL_RATE_LIMIT_AGENT_BURST", "50", "Requests of one agent that may come at once."),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_BUCKET_TTL",
        "1h",
        "How long an idle address or actor is remembered, at least; not below 1m.",
    ),
    Setting::new(
        Area::RateLimit,
        "CERTCTL_RATE_LIMIT_BACKEND",
        "memory",
        "Where limits are counted. This version knows `memory` only: each replica counts its own.",
    ),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL",
        "1h",
        "How often, at the latest, due renewals are looked for; at least 1m. Certificates that live minutes need it sooner, so it is sooner.",
    ),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL",
        "30s",
        "How often, at the latest, runnable jobs are looked for; at least 1s. A new job wakes the runner at once.",
    ),
    Setting::new(Area::Scheduler, "CERTCTL_SCHEDULER_JOB_CLAIM_LIMIT", "1000", "Jobs that one look may claim, at least 1."),
    Setting::new(Area::Scheduler, "CERTCTL_RENEWAL_CONCURRENCY", "25", "Jobs that this process runs at the same time."),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_SCHEDULER_RETRY_INTERVAL",
        "5m",
        "How often jobs whose lease ran out are handed to another worker, at the latest; at least 1s.",
    ),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_JOB_TIMEOUT_INTERVAL",
        "10m",
        "How often, at the latest, jobs are looked for that have waited too long; at least 1s.",
    ),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_JOB_AWAITING_CSR_TIMEOUT",
        "24h",
        "How long a job waits for a certificate request, at least 1s.",
    ),
    Setting::new(
        Area::Scheduler,
        "CERTCTL_JOB_AWAITING_APPROVAL_TIMEOUT",
        "168h",
        "How long a job waits for approval, at least 1s.",
    ),
    Setting::new(
        Area::Issuers,
        "CERTCTL_CA_CERT_PATH",
        "",
        "Certificate chain of a CA that the local issuer signs with (sub-CA mode), PEM, issuing CA first. Empty: a CA of our own is made.",
    ),
    Setting::new(Area::Issuers, "CERTCTL_CA_KEY_PATH", "", "Private key of that CA, PEM, readable by its owner only."),
];
