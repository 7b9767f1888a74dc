/**
 * The schema, step by step; `user_version` counts the steps taken. A step that was released is never edited.
 * Identifiers are the parties' own (32 or 16 bytes) rather than counters, so that each hot statement carries one key
 * to distribute by: the conversation or the account. `fold_handle` and `handle_skeleton` are those of `protocol`.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE accounts (
    account_id BLOB PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE device_lists (
    account_id BLOB NOT NULL REFERENCES accounts,
    version INTEGER NOT NULL,
    signed_list BLOB NOT NULL,
    salt BLOB NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (account_id, version)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE devices (
    account_id BLOB NOT NULL REFERENCES accounts,
    device_id BLOB NOT NULL,
    signature_key BLOB NOT NULL,
    PRIMARY KEY (account_id, device_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE key_packages (
    position INTEGER PRIMARY KEY,
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    key_package BLOB NOT NULL,
    FOREIGN KEY (account_id, device_id) REFERENCES devices ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX key_packages_of ON key_packages (account_id, device_id, position);

  CREATE TABLE conversations (
    conversation_id BLOB PRIMARY KEY,
    class TEXT NOT NULL CHECK (class IN ('sealed', 'recorded')),
    policy_id BLOB,
    epoch INTEGER NOT NULL,
    start_bucket INTEGER NOT NULL,
    epoch_started_at_ms INTEGER NOT NULL,
    CHECK ((class = 'recorded') = (policy_id IS NOT NULL))
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE members (
    conversation_id BLOB NOT NULL REFERENCES conversations,
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    joined_sequence INTEGER NOT NULL,
    left_sequence INTEGER,
    cursor INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, account_id, device_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX members_of ON members (account_id, device_id);

  CREATE TABLE rosters (
    conversation_id BLOB NOT NULL REFERENCES conversations,
    epoch INTEGER NOT NULL,
    start_bucket INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    root BLOB NOT NULL,
    roster BLOB NOT NULL,
    PRIMARY KEY (conversation_id, epoch)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE items (
    conversation_id BLOB NOT NULL REFERENCES conversations,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('message', 'commit')),
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    message_id BLOB NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    bucket_start INTEGER NOT NULL,
    sealed_bucket_hash BLOB REFERENCES sealed_buckets,
    message BLOB NOT NULL,
    record BLOB,
    receipt BLOB
  ) STRICT;
  CREATE UNIQUE INDEX items_in_order ON items (conversation_id, sequence);
  CREATE UNIQUE INDEX items_once ON items (account_id, device_id, message_id);
  CREATE INDEX items_sealed ON items (sealed_bucket_hash) WHERE sealed_bucket_hash IS NOT NULL;

  CREATE TABLE sealed_buckets (
    sealed_bucket_hash BLOB PRIMARY KEY,
    conversation_id BLOB NOT NULL REFERENCES conversations,
    epoch INTEGER NOT NULL,
    bucket_start INTEGER NOT NULL,
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    sealed_bucket BLOB NOT NULL,
    UNIQUE (conversation_id, bucket_start, epoch, account_id, device_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE welcomes (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    conversation_id BLOB NOT NULL REFERENCES conversations,
    sequence INTEGER NOT NULL,
    welcome BLOB NOT NULL,
    roster BLOB NOT NULL,
    PRIMARY KEY (account_id, device_id, conversation_id)
  ) STRICT;

  CREATE TABLE openings (
    position INTEGER PRIMARY KEY,
    origin TEXT NOT NULL CHECK (origin IN ('access', 'identity')),
    log_index INTEGER,
    entry BLOB NOT NULL,
    kind TEXT NOT NULL,
    opening BLOB,
    UNIQUE (origin, entry),
    UNIQUE (origin, log_index)
  ) STRICT;
  CREATE INDEX openings_of_kind ON openings (origin, kind, log_index);
  CREATE INDEX openings_waiting ON openings (origin, position) WHERE log_index IS NULL;

  CREATE TABLE orders (
    order_hash BLOB PRIMARY KEY,
    jws TEXT NOT NULL,
    entry BLOB NOT NULL,
    recipient_key BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE batches (
    order_hash BLOB NOT NULL REFERENCES orders,
    custodian TEXT NOT NULL,
    batch BLOB NOT NULL,
    PRIMARY KEY (order_hash, custodian)
  ) STRICT;

  CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    subject BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE accounts ADD COLUMN folded TEXT;
  ALTER TABLE accounts ADD COLUMN skeleton TEXT;
  CREATE UNIQUE INDEX accounts_folded ON accounts (folded);
  CREATE UNIQUE INDEX accounts_skeleton ON accounts (skeleton);
  -- Of two old handles that are too much alike only one is found under both forms; nobody else gets them any more.
  UPDATE OR IGNORE accounts SET folded = fold_handle(handle);
  UPDATE OR IGNORE accounts SET skeleton = handle_skeleton(handle);

  CREATE TABLE invites (
    invite_hash BLOB PRIMARY KEY,
    uses_left INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    created_by BLOB REFERENCES accounts
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX invites_of ON invites (created_by);

  CREATE TABLE recoveries (
    account_id BLOB PRIMARY KEY REFERENCES accounts,
    version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    authenticator_hash BLOB NOT NULL,
    tries INTEGER NOT NULL,
    tries_day INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  ALTER TABLE devices ADD COLUMN last_seen_day INTEGER;
  `,
  `
  ALTER TABLE items ADD COLUMN lookup BLOB;
  `,
  `
  ALTER TABLE key_packages ADD COLUMN last_resort INTEGER NOT NULL DEFAULT 0;
  CREATE UNIQUE INDEX key_packages_last_resort ON key_packages (account_id, device_id) WHERE last_resort = 1;
  `,
  `
  CREATE TABLE links (
    link_id BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL,
    offer BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    account_id BLOB,
    device_id BLOB,
    answer BLOB
  ) STRICT;
  CREATE INDEX links_of ON links (account_id);
  `,
  `
  CREATE TABLE join_requests (
    conversation_id BLOB NOT NULL REFERENCES conversations,
    account_id BLOB NOT NULL REFERENCES accounts,
    link_id BLOB NOT NULL,
    asked_at_ms INTEGER NOT NULL,
    signature BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    refusal TEXT,
    PRIMARY KEY (conversation_id, account_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX join_requests_of ON join_requests (account_id);
  CREATE INDEX join_requests_expiring ON join_requests (expires_at_ms);
  `,
  `
  CREATE TABLE link_chunks (
    link_id BLOB NOT NULL REFERENCES links ON DELETE CASCADE,
    chunk_index INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    PRIMARY KEY (link_id, chunk_index)
  ) STRICT;
  `,
  `
  CREATE TABLE backups (
    account_id BLOB NOT NULL REFERENCES accounts,
    generation BLOB NOT NULL,
    device_id BLOB NOT NULL,
    stands INTEGER NOT NULL,
    head BLOB NOT NULL,
    segments INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (account_id, generation)
  ) STRICT;
  CREATE UNIQUE INDEX backups_standing ON backups (account_id, stands);

  CREATE TABLE backup_segments (
    account_id BLOB NOT NULL,
    generation BLOB NOT NULL,
    segment_index INTEGER NOT NULL,
    segment BLOB NOT NULL,
    PRIMARY KEY (account_id, generation, segment_index),
    FOREIGN KEY (account_id, generation) REFERENCES backups ON DELETE CASCADE
  ) STRICT;
  `,
  `
  CREATE TABLE reports (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    report_id BLOB NOT NULL UNIQUE,
    conversation_id BLOB NOT NULL,
    sender_account_id BLOB NOT NULL,
    sender_device_id BLOB NOT NULL,
    message_id BLOB NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    application_data BLOB NOT NULL,
    server_frank BLOB NOT NULL,
    reported_by BLOB NOT NULL,
    reported_at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    comment TEXT NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL
  ) STRICT;
  CREATE INDEX reports_of ON reports (reported_by, reported_at_ms);
  `,
  `
  CREATE TABLE blobs (
    blob_id BLOB PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts,
    bytes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blobs_of ON blobs (account_id);
  CREATE INDEX blobs_expiring ON blobs (expires_at_ms);
  `,
];
