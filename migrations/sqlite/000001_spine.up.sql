-- Ownership
CREATE TABLE teams (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE TABLE owners (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  team_id TEXT NOT NULL REFERENCES teams (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX owners_team_idx ON owners (team_id);
CREATE INDEX owners_created_idx ON owners (created_at, id);
CREATE INDEX teams_created_idx ON teams (created_at, id);

-- What may be issued, and when it is renewed. Every revision of a profile is kept: versions are stamped with it.
CREATE TABLE profiles (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  requires_approval BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE TABLE profile_revisions (
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  revision BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (profile_id, revision)
);
CREATE TABLE renewal_policies (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  renewal_window_days BIGINT NOT NULL CHECK (renewal_window_days BETWEEN 1 AND 365),
  auto_renew BOOLEAN NOT NULL,
  max_retries BIGINT NOT NULL CHECK (max_retries BETWEEN 0 AND 10),
  retry_interval_seconds BIGINT NOT NULL CHECK (retry_interval_seconds BETWEEN 60 AND 86400),
  alert_thresholds_days TEXT NOT NULL,
  alert_channels TEXT NOT NULL,
  alert_severity_map TEXT NOT NULL,
  certificate_profile_id TEXT REFERENCES profiles (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);

-- Issuers and the certificate authorities behind the local one
CREATE TABLE issuers (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  config TEXT NOT NULL,
  sealed_config BLOB,
  enabled BOOLEAN NOT NULL,
  internal BOOLEAN NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('database', 'env')),
  test_status TEXT NOT NULL CHECK (test_status IN ('untested', 'success', 'failed')),
  last_tested_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE TABLE cas (
  id TEXT NOT NULL PRIMARY KEY,
  issuer_id TEXT NOT NULL REFERENCES issuers (id),
  role TEXT NOT NULL CHECK (role IN ('root', 'issuing')),
  parent_id TEXT REFERENCES cas (id),
  certificate BLOB NOT NULL,
  sealed_key BLOB,
  key_ref TEXT,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX cas_issuer_role_idx ON cas (issuer_id, role);

-- Certificates: the managed thing, its key holders, and each X.509 made for them
CREATE TABLE certificates (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  common_name TEXT NOT NULL,
  sans TEXT NOT NULL,
  environment TEXT NOT NULL,
  owner_id TEXT NOT NULL REFERENCES owners (id),
  team_id TEXT NOT NULL REFERENCES teams (id),
  issuer_id TEXT NOT NULL REFERENCES issuers (id),
  renewal_policy_id TEXT NOT NULL REFERENCES renewal_policies (id),
  certificate_profile_id TEXT REFERENCES profiles (id),
  tags TEXT NOT NULL,
  source TEXT NOT NULL,
  not_before BIGINT,
  not_after BIGINT,
  last_renewal_at BIGINT,
  last_deployment_at BIGINT,
  renewal_failures BIGINT NOT NULL,
  last_renewal_error TEXT,
  last_editor TEXT NOT NULL,
  archived_at BIGINT,
  revoked_at BIGINT,
  revocation_reason TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX certificates_created_idx ON certificates (created_at, id);
CREATE INDEX certificates_updated_idx ON certificates (updated_at, id);
-- A certificate that was never issued sorts as if it ended in the year 9999.
CREATE INDEX certificates_not_after_idx ON certificates (coalesce(not_after, 253402300800000000), id);
-- Three times the moment at which a certificate turns from active to expiring: the later of 30 days and a third of its life before the end.
CREATE INDEX certificates_turn_idx ON certificates ((
  CASE WHEN not_after - coalesce(not_before, created_at) > 7776000000000
  THEN 3 * not_after - 7776000000000
  ELSE 2 * not_after + coalesce(not_before, created_at) END
));
CREATE INDEX certificates_archived_idx ON certificates (id) WHERE archived_at IS NOT NULL;
CREATE INDEX certificates_revoked_idx ON certificates (id) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_common_name_idx ON certificates (common_name, id);
CREATE INDEX certificates_environment_idx ON certificates (environment, id);
CREATE INDEX certificates_environment_created_idx ON certificates (environment, created_at, id);
CREATE INDEX certificates_owner_idx ON certificates (owner_id, created_at, id);
CREATE INDEX certificates_team_idx ON certificates (team_id, created_at, id);
CREATE INDEX certificates_issuer_idx ON certificates (issuer_id, created_at, id);
CREATE INDEX certificates_profile_idx ON certificates (certificate_profile_id, created_at, id);
CREATE INDEX certificates_policy_idx ON certificates (renewal_policy_id);
CREATE TABLE certificate_versions (
  id TEXT NOT NULL PRIMARY KEY,
  certificate_id TEXT REFERENCES certificates (id),
  purpose TEXT NOT NULL CHECK (purpose IN ('leaf', 'ca', 'listener', 'agent', 'ocsp')),
  holder TEXT NOT NULL,
  ca_id TEXT REFERENCES cas (id),
  issuer_id TEXT REFERENCES issuers (id),
  job_id TEXT,
  order_ref TEXT,
  poll_at BIGINT,
  serial BLOB,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'issued', 'void')),
  not_before BIGINT,
  not_after BIGINT,
  spki_sha256 TEXT NOT NULL,
  fingerprint_sha256 TEXT,
  certificate BLOB,
  chain_pem TEXT,
  csr BLOB,
  key_algorithm TEXT NOT NULL,
  key_size BIGINT NOT NULL,
  profile_id TEXT,
  profile_revision BIGINT,
  requested_by TEXT NOT NULL,
  void_reason TEXT,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL,
  issued_at BIGINT,
  CHECK (order_ref IS NULL OR (issuer_id IS NOT NULL AND poll_at IS NOT NULL))
);
CREATE UNIQUE INDEX certificate_versions_ca_serial_idx ON certificate_versions (ca_id, serial) WHERE ca_id IS NOT NULL;
CREATE UNIQUE INDEX certificate_versions_issuer_serial_idx ON certificate_versions (issuer_id, serial) WHERE issuer_id IS NOT NULL AND serial IS NOT NULL;
CREATE INDEX certificate_versions_certificate_idx ON certificate_versions (certificate_id, created_at, id);
CREATE INDEX certificate_versions_job_idx ON certificate_versions (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX certificate_versions_internal_idx ON certificate_versions (purpose, holder) WHERE purpose <> 'leaf';
-- Intents whose end is not on record, and the orders among them that an issuer outside is still to answer.
CREATE INDEX certificate_versions_reserved_idx ON certificate_versions (created_at) WHERE state = 'reserved' AND order_ref IS NULL;
CREATE INDEX certificate_versions_order_idx ON certificate_versions (issuer_id, poll_at) WHERE state = 'reserved' AND order_ref IS NOT NULL;
CREATE TABLE certificate_identities (
  certificate_id TEXT NOT NULL REFERENCES certificates (id),
  holder TEXT NOT NULL,
  current_version_id TEXT REFERENCES certificate_versions (id),
  not_before BIGINT,
  not_after BIGINT,
  renew_at BIGINT,
  failures BIGINT NOT NULL,
  PRIMARY KEY (certificate_id, holder)
);
CREATE INDEX certificate_identities_renew_idx ON certificate_identities (renew_at) WHERE renew_at IS NOT NULL;

-- Agents, how they prove who they are, and what they install to
CREATE TABLE agents (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hostname TEXT NOT NULL,
  os TEXT NOT NULL,
  architecture TEXT NOT NULL,
  ip_address TEXT NOT NULL,
  version TEXT NOT NULL,
  enrolled BOOLEAN NOT NULL,
  last_heartbeat_at BIGINT,
  registered_at BIGINT NOT NULL,
  retired_at BIGINT,
  retired_reason TEXT,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX agents_registered_idx ON agents (registered_at, id);
CREATE TABLE agent_credentials (
  id TEXT NOT NULL PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  kind TEXT NOT NULL CHECK (kind IN ('certificate', 'api_key')),
  version_id TEXT REFERENCES certificate_versions (id),
  fingerprint_sha256 TEXT,
  key_hash TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
);
CREATE UNIQUE INDEX agent_credentials_fingerprint_idx ON agent_credentials (fingerprint_sha256) WHERE fingerprint_sha256 IS NOT NULL;
CREATE UNIQUE INDEX agent_credentials_key_idx ON agent_credentials (key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX agent_credentials_agent_idx ON agent_credentials (agent_id);
CREATE TABLE enrollment_tokens (
  id TEXT NOT NULL PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  name_pattern TEXT,
  agent_id TEXT REFERENCES agents (id),
  max_uses BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  CHECK (uses <= max_uses)
);
CREATE INDEX enrollment_tokens_created_idx ON enrollment_tokens (created_at, id);
CREATE TABLE enrollment_uses (
  token_id TEXT NOT NULL,
  spki_sha256 TEXT NOT NULL,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  version_id TEXT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (token_id, spki_sha256)
);
CREATE TABLE targets (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  config TEXT NOT NULL,
  sealed_config BLOB,
  enabled BOOLEAN NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('database', 'env')),
  test_status TEXT NOT NULL CHECK (test_status IN ('untested', 'success', 'failed')),
  last_tested_at BIGINT,
  retired_at BIGINT,
  retired_reason TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  UNIQUE (agent_id, name)
);
CREATE INDEX targets_created_idx ON targets (created_at, id);
CREATE TABLE target_mappings (
  certificate_id TEXT NOT NULL REFERENCES certificates (id),
  target_id TEXT NOT NULL REFERENCES targets (id),
  desired_version_id TEXT REFERENCES certificate_versions (id),
  deployed_version_id TEXT REFERENCES certificate_versions (id),
  deployed_at BIGINT,
  served_fingerprint TEXT,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'pending', 'deploying', 'verified', 'not_verified', 'failed', 'orphaned')),
  last_error TEXT,
  verify_status TEXT NOT NULL CHECK (verify_status IN ('pending', 'success', 'failed', 'skipped')),
  verified_at BIGINT,
  next_attempt_at BIGINT,
  failures BIGINT NOT NULL,
  PRIMARY KEY (certificate_id, target_id)
);
CREATE INDEX target_mappings_target_idx ON target_mappings (target_id);
CREATE INDEX target_mappings_open_idx ON target_mappings (next_attempt_at) WHERE state IN ('pending', 'deploying', 'failed');

-- Work
CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  executor TEXT NOT NULL CHECK (executor IN ('server', 'agent')),
  agent_id TEXT REFERENCES agents (id),
  certificate_id TEXT REFERENCES certificates (id),
  target_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'awaiting_approval', 'awaiting_csr', 'claimed', 'running', 'awaiting_issuer', 'succeeded', 'failed', 'expired', 'cancelled')),
  payload TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  max_attempts BIGINT NOT NULL,
  retry_seconds BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  lease_owner TEXT,
  lease_until BIGINT,
  lease_epoch BIGINT NOT NULL,
  idempotency_key TEXT NOT NULL,
  parent_job_id TEXT,
  cancel_requested BOOLEAN NOT NULL,
  last_error TEXT,
  error_class TEXT,
  state_changed_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  completed_at BIGINT
);
CREATE UNIQUE INDEX jobs_open_key_idx ON jobs (idempotency_key) WHERE completed_at IS NULL;
CREATE INDEX jobs_claim_idx ON jobs (executor, state, priority, not_before, id) WHERE completed_at IS NULL;
CREATE INDEX jobs_agent_idx ON jobs (agent_id, state) WHERE completed_at IS NULL;
CREATE INDEX jobs_lease_idx ON jobs (lease_until) WHERE completed_at IS NULL AND lease_until IS NOT NULL;
-- What waits for somebody and is given up in the end.
CREATE INDEX jobs_awaiting_csr_idx ON jobs (state_changed_at, id) WHERE completed_at IS NULL AND state = 'awaiting_csr';
CREATE INDEX jobs_test_idx ON jobs (state_changed_at, id) WHERE completed_at IS NULL AND state = 'pending' AND kind = 'TestTarget';
CREATE INDEX jobs_open_certificate_idx ON jobs (certificate_id, kind) WHERE completed_at IS NULL;
CREATE INDEX jobs_failed_idx ON jobs (certificate_id) WHERE state IN ('failed', 'expired');
CREATE INDEX jobs_certificate_idx ON jobs (certificate_id, created_at);
CREATE INDEX jobs_created_idx ON jobs (created_at, id);
-- One row per lease that has ended; the one that runs is told by its job.
CREATE TABLE job_attempts (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  attempt BIGINT NOT NULL,
  lease_epoch BIGINT NOT NULL,
  worker TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'retried', 'waiting', 'released', 'cancelled', 'lost')),
  error_class TEXT,
  error TEXT,
  PRIMARY KEY (job_id, lease_epoch)
);
CREATE TABLE deployment_runs (
  job_id TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  certificate_id TEXT NOT NULL,
  target_id TEXT NOT NULL,
  version_id TEXT NOT NULL,
  expected_fingerprint TEXT NOT NULL,
  outcome TEXT,
  served_fingerprint TEXT,
  previous_fingerprint TEXT,
  deployed_fingerprint TEXT,
  steps TEXT NOT NULL,
  duration_ms BIGINT,
  rolled_back BOOLEAN,
  verify_status TEXT NOT NULL CHECK (verify_status IN ('pending', 'success', 'failed', 'skipped')),
  verified_at BIGINT,
  verify_error TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX deployment_runs_certificate_idx ON deployment_runs (certificate_id, created_at);
CREATE TABLE approvals (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('cert_issuance', 'profile_edit')),
  certificate_id TEXT REFERENCES certificates (id),
  job_id TEXT REFERENCES jobs (id),
  profile_id TEXT NOT NULL REFERENCES profiles (id),
  profile_revision BIGINT NOT NULL,
  requested_by TEXT NOT NULL,
  requester_person TEXT NOT NULL,
  excluded_person TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'expired')),
  digest TEXT NOT NULL,
  metadata TEXT NOT NULL,
  payload TEXT,
  decided_by TEXT,
  decider_person TEXT,
  decided_at BIGINT,
  decision_note TEXT,
  consumed_at BIGINT,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX approvals_open_job_idx ON approvals (job_id) WHERE state = 'pending' AND job_id IS NOT NULL;
CREATE INDEX approvals_job_idx ON approvals (job_id);
CREATE INDEX approvals_certificate_idx ON approvals (certificate_id);
CREATE INDEX approvals_created_idx ON approvals (created_at, id);
CREATE INDEX approvals_expiry_idx ON approvals (expires_at) WHERE state = 'pending';
CREATE TABLE scheduler_leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  last_started_at BIGINT,
  last_finished_at BIGINT,
  last_error TEXT
);

-- What happened, and what others must hear of it
CREATE TABLE audit_events (
  id TEXT NOT NULL PRIMARY KEY,
  seq BIGINT,
  occurred_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  actor_type TEXT NOT NULL CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous')),
  credential_id TEXT,
  action TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('cert_lifecycle', 'auth', 'config', 'approval', 'access')),
  request_id TEXT,
  source_ip TEXT,
  details TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_events_seq_idx ON audit_events (seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_events_time_idx ON audit_events (occurred_at, id);
CREATE INDEX audit_events_category_idx ON audit_events (category, occurred_at, id);
CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  topic TEXT NOT NULL,
  ref TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Who may do what
CREATE TABLE roles (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  builtin BOOLEAN NOT NULL
);
CREATE TABLE permissions (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL
);
CREATE TABLE role_permissions (
  role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  permission_id TEXT NOT NULL REFERENCES permissions (id),
  PRIMARY KEY (role_id, permission_id)
);
CREATE TABLE actor_roles (
  id TEXT NOT NULL PRIMARY KEY,
  actor_id TEXT NOT NULL,
  actor_type TEXT NOT NULL CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous')),
  role_id TEXT NOT NULL REFERENCES roles (id),
  granted_by TEXT NOT NULL,
  granted_at BIGINT NOT NULL,
  expires_at BIGINT,
  UNIQUE (actor_id, actor_type, role_id)
);
CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL CHECK (source IN ('database', 'env', 'bootstrap')),
  person TEXT NOT NULL,
  owner_id TEXT REFERENCES owners (id),
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT,
  revoked_at BIGINT,
  rotated_to TEXT
);
CREATE INDEX api_keys_name_idx ON api_keys (name);
CREATE TABLE api_key_backfill (
  name TEXT NOT NULL PRIMARY KEY,
  seen_at BIGINT NOT NULL
);
CREATE TABLE data_keys (
  id TEXT NOT NULL PRIMARY KEY,
  wrapped BLOB NOT NULL,
  kek_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  retired_at BIGINT
);
CREATE TABLE install (
  id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  kek_id TEXT NOT NULL,
  kek_salt BLOB NOT NULL,
  canary BLOB NOT NULL,
  bootstrap_consumed_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE TABLE idempotency_keys (
  key TEXT NOT NULL,
  actor TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status BIGINT,
  response TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (key, actor)
);
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);
-- The value of a counter is the sum of its shards: writers that commit at the same time do not wait for each other's row.
CREATE TABLE counters (
  name TEXT NOT NULL,
  shard BIGINT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (name, shard)
);

-- The audit log is append-only: the one change allowed is the numbering of a row that has no number.
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
WHEN NOT (
  OLD.seq IS NULL AND NEW.seq IS NOT NULL
  AND NEW.id IS OLD.id AND NEW.occurred_at IS OLD.occurred_at AND NEW.actor IS OLD.actor
  AND NEW.actor_type IS OLD.actor_type AND NEW.credential_id IS OLD.credential_id AND NEW.action IS OLD.action
  AND NEW.resource_type IS OLD.resource_type AND NEW.resource_id IS OLD.resource_id
  AND NEW.category IS OLD.category AND NEW.request_id IS OLD.request_id
  AND NEW.source_ip IS OLD.source_ip AND NEW.details IS OLD.details
)
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;
