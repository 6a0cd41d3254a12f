-- Times are milliseconds since 1970-01-01 UTC. Every row of a workspace names it.

CREATE TABLE workspaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE,
    preview TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    rotated_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE idempotency_records (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    operation TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    body BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, operation, idempotency_key)
) WITHOUT ROWID;

CREATE INDEX idempotency_records_expiry ON idempotency_records (expires_at);

-- AUTOINCREMENT: a public id is made from the integer, so an integer is never given out twice.
CREATE TABLE subscribers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT, -- the name, case folded, where lower() would not do: it knows ASCII alone
    status TEXT NOT NULL,
    country TEXT,
    custom_fields TEXT NOT NULL, -- a JSON object: custom field's integer id -> value
    subscribed_at INTEGER NOT NULL,
    last_opened_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX subscribers_email ON subscribers (workspace_id, email);
CREATE INDEX subscribers_newest ON subscribers (workspace_id, id);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL, -- the name, case folded
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name_key)
);

CREATE INDEX tags_newest ON tags (workspace_id, id);

CREATE TABLE subscriber_tags (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (subscriber_id, tag_id)
) WITHOUT ROWID;

CREATE INDEX subscriber_tags_by_tag ON subscriber_tags (tag_id, subscriber_id);

CREATE TABLE custom_fields (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    label TEXT NOT NULL,
    label_key TEXT NOT NULL, -- the label, case folded
    type TEXT NOT NULL,
    options TEXT NOT NULL, -- a JSON list of strings
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, label_key)
);

CREATE INDEX custom_fields_newest ON custom_fields (workspace_id, id);

CREATE TABLE sequences (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'paused' CHECK (status IN ('running', 'paused')),
    definition TEXT NOT NULL DEFAULT '{"emails":[]}',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- A membership that ended stays as a row: "has ever been in" must stay answerable.
CREATE TABLE subscriber_sequences (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    sequence_id INTEGER NOT NULL REFERENCES sequences (id) ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'removed')),
    PRIMARY KEY (subscriber_id, sequence_id)
) WITHOUT ROWID;

CREATE INDEX subscriber_sequences_by_sequence ON subscriber_sequences (sequence_id, subscriber_id);

-- Every row that a job reads has exactly one fate, and a job is not Completed before each has got it.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL CHECK (kind IN ('import', 'export')),
    status TEXT NOT NULL CHECK (status IN ('Queued', 'Processing', 'Completed', 'Failed')),
    error_message TEXT,
    request_id TEXT NOT NULL, -- of the request that submitted the job, to find it in the log
    deaths INTEGER NOT NULL DEFAULT 0, -- how often the process died since the last checkpoint
    rows_total INTEGER,
    rows_processed INTEGER NOT NULL DEFAULT 0,
    created_count INTEGER NOT NULL DEFAULT 0,
    updated_count INTEGER NOT NULL DEFAULT 0,
    unchanged_count INTEGER NOT NULL DEFAULT 0,
    rejected_count INTEGER NOT NULL DEFAULT 0,
    warning_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    CONSTRAINT one_fate_a_row CHECK (
        kind = 'export'
        OR rows_processed = created_count + updated_count + unchanged_count + rejected_count
    ),
    CONSTRAINT completed_means_every_row CHECK (status <> 'Completed' OR rows_processed IS rows_total),
    CONSTRAINT final_means_completed_at CHECK ((status IN ('Completed', 'Failed')) = (completed_at IS NOT NULL))
);

CREATE INDEX jobs_newest ON jobs (workspace_id, kind, id);
-- The few that are not final; a statement has to say "completed_at IS NULL" to find its way through it.
CREATE INDEX jobs_open ON jobs (status, workspace_id, kind, id) WHERE completed_at IS NULL;

CREATE TABLE imports (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    source TEXT NOT NULL, -- the file's name in imports/, deleted when the job is final
    delimiter TEXT NOT NULL,
    header TEXT NOT NULL, -- a JSON list of the file's column names
    columns TEXT NOT NULL, -- a JSON list of {index, name, type, custom_field_id}
    tag_ids TEXT NOT NULL, -- a JSON list of integers
    sequence_ids TEXT NOT NULL, -- a JSON list of integers
    new_tag_name TEXT
);

CREATE TABLE import_row_errors (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line INTEGER NOT NULL, -- the physical line on which the row starts
    column_name TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    cells TEXT NOT NULL, -- a JSON list: the row as it stood in the file
    PRIMARY KEY (job_id, line)
) WITHOUT ROWID;

CREATE TABLE exports (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    query TEXT,
    status TEXT,
    cold_only INTEGER NOT NULL,
    file_name TEXT,
    expires_at INTEGER,
    removed_at INTEGER -- when the expired file was deleted
);

CREATE INDEX exports_expiry ON exports (expires_at) WHERE removed_at IS NULL;
