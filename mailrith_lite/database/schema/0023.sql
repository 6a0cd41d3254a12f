-- What migrations 1 to 23 make, written by tools/schema.py. Do not edit it.

CREATE TABLE workspaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
, logo TEXT, address TEXT, city TEXT, state TEXT, postal_code TEXT, country TEXT, time_zone TEXT);
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
    expires_at INTEGER NOT NULL, subscriber_id INTEGER,
    PRIMARY KEY (workspace_id, operation, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX idempotency_records_expiry ON idempotency_records (expires_at);
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
, changed_by_job INTEGER);
CREATE UNIQUE INDEX subscribers_email ON subscribers (workspace_id, email);
CREATE INDEX subscribers_newest ON subscribers (workspace_id, id);
CREATE TABLE tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL, -- the name, case folded
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, subscriber_count INTEGER NOT NULL DEFAULT 0,
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
, email_count INTEGER NOT NULL DEFAULT 0, connection_id TEXT, reply_to_email TEXT, track_opens INTEGER NOT NULL DEFAULT 1, track_clicks INTEGER NOT NULL DEFAULT 1, utm_source TEXT, utm_medium TEXT, utm_campaign TEXT, utm_term TEXT, utm_content TEXT, subscriber_count INTEGER NOT NULL DEFAULT 0);
CREATE TABLE subscriber_sequences (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    sequence_id INTEGER NOT NULL REFERENCES sequences (id) ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'removed')),
    PRIMARY KEY (subscriber_id, sequence_id)
) WITHOUT ROWID;
CREATE TABLE imports (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    source TEXT NOT NULL, -- the file's name in imports/, deleted when the job is final
    delimiter TEXT NOT NULL,
    header TEXT NOT NULL, -- a JSON list of the file's column names
    columns TEXT NOT NULL, -- a JSON list of {index, name, type, custom_field_id}
    tag_ids TEXT NOT NULL, -- a JSON list of integers
    sequence_ids TEXT NOT NULL, -- a JSON list of integers
    new_tag_name TEXT
, options TEXT NOT NULL DEFAULT '{}', header_line INTEGER NOT NULL DEFAULT 1, images TEXT NOT NULL DEFAULT 'none' CHECK (images IN ('none', 'kept', 'expired')), undo_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE exports (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    query TEXT,
    status TEXT,
    cold_only INTEGER NOT NULL,
    file_name TEXT,
    expires_at INTEGER,
    removed_at INTEGER -- when the expired file was deleted
, import_job_id INTEGER, selection TEXT NOT NULL DEFAULT '{}', columns TEXT);
CREATE INDEX exports_expiry ON exports (expires_at) WHERE removed_at IS NULL;
CREATE INDEX sequences_newest ON sequences (workspace_id, id);
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL, -- the name, case folded
    description TEXT,
    definition TEXT NOT NULL, -- JSON, as it was sent
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name_key)
);
CREATE INDEX segments_newest ON segments (workspace_id, id);
CREATE TABLE consent_evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    evidence TEXT NOT NULL, -- JSON, as it was sent
    created_at INTEGER NOT NULL
);
CREATE INDEX consent_evidence_by_subscriber ON consent_evidence (subscriber_id);
CREATE INDEX subscribers_by_status ON subscribers (workspace_id, status, id);
CREATE INDEX subscriber_sequences_by_sequence ON subscriber_sequences (sequence_id, status, subscriber_id);
CREATE TABLE subscriber_blocks (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    block INTEGER NOT NULL, -- subscriber's id >> 8
    members INTEGER NOT NULL,
    cold_from INTEGER NOT NULL, -- nobody in it is cold before this moment
    stale INTEGER NOT NULL DEFAULT 0, -- cold_from may be too early: whom it was for is no longer Active, or gone
    PRIMARY KEY (workspace_id, block)
) WITHOUT ROWID;
CREATE TABLE tag_blocks (
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    block INTEGER NOT NULL,
    members INTEGER NOT NULL,
    PRIMARY KEY (tag_id, block)
) WITHOUT ROWID;
CREATE TABLE sequence_blocks (
    sequence_id INTEGER NOT NULL REFERENCES sequences (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    block INTEGER NOT NULL,
    members INTEGER NOT NULL,
    PRIMARY KEY (sequence_id, status, block)
) WITHOUT ROWID;
CREATE TRIGGER tag_count_insert AFTER INSERT ON tag_blocks BEGIN
    UPDATE tags SET subscriber_count = subscriber_count + new.members WHERE id = new.tag_id;
END;
CREATE TRIGGER tag_count_update AFTER UPDATE OF members ON tag_blocks BEGIN
    UPDATE tags SET subscriber_count = subscriber_count + new.members - old.members WHERE id = new.tag_id;
END;
CREATE TRIGGER sequence_count_insert AFTER INSERT ON sequence_blocks WHEN new.status = 'active' BEGIN
    UPDATE sequences SET subscriber_count = subscriber_count + new.members WHERE id = new.sequence_id;
END;
CREATE TRIGGER sequence_count_update AFTER UPDATE OF members ON sequence_blocks WHEN new.status = 'active' BEGIN
    UPDATE sequences SET subscriber_count = subscriber_count + new.members - old.members
    WHERE id = new.sequence_id;
END;
CREATE INDEX subscriber_blocks_stale ON subscriber_blocks (workspace_id, block) WHERE stale;
CREATE TRIGGER subscriber_blocks_update AFTER UPDATE OF status, subscribed_at, last_opened_at ON subscribers
WHEN new.status = 'Active' AND (old.status <> 'Active'
    OR new.subscribed_at <> old.subscribed_at OR new.last_opened_at IS NOT old.last_opened_at)
BEGIN
    UPDATE subscriber_blocks SET cold_from = min(cold_from,
        coalesce(new.last_opened_at + 7776000000, new.subscribed_at + 2592000000))
    WHERE workspace_id = new.workspace_id AND block = new.id >> 8;
END;
CREATE TRIGGER subscriber_blocks_stale AFTER UPDATE OF status, subscribed_at, last_opened_at ON subscribers
WHEN old.status = 'Active' AND (new.status <> 'Active'
    OR coalesce(new.last_opened_at + 7776000000, new.subscribed_at + 2592000000)
        > coalesce(old.last_opened_at + 7776000000, old.subscribed_at + 2592000000))
BEGIN
    UPDATE subscriber_blocks SET stale = 1
    WHERE workspace_id = old.workspace_id AND block = old.id >> 8 AND NOT stale;
END;
CREATE TRIGGER sequence_blocks_insert AFTER INSERT ON subscriber_sequences BEGIN
    INSERT INTO sequence_blocks (sequence_id, status, block, members)
    VALUES (new.sequence_id, new.status, new.subscriber_id >> 8, 1)
    ON CONFLICT DO UPDATE SET members = members + 1;
END;
CREATE TRIGGER sequence_blocks_update AFTER UPDATE OF status ON subscriber_sequences
WHEN new.status <> old.status BEGIN
    UPDATE sequence_blocks SET members = members - 1
    WHERE sequence_id = old.sequence_id AND status = old.status AND block = old.subscriber_id >> 8;
    INSERT INTO sequence_blocks (sequence_id, status, block, members)
    VALUES (new.sequence_id, new.status, new.subscriber_id >> 8, 1)
    ON CONFLICT DO UPDATE SET members = members + 1;
END;
CREATE VIRTUAL TABLE subscriber_search USING fts5 (
    email, name, content = '', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
CREATE TABLE search_trigrams (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    trigram TEXT NOT NULL,
    found INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, trigram)
) WITHOUT ROWID;
CREATE TABLE search_state (up_to_id INTEGER NOT NULL);
CREATE TABLE search_backlog (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    subscriber_id INTEGER NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (workspace_id, subscriber_id)
) WITHOUT ROWID;
CREATE TRIGGER search_backlog_update AFTER UPDATE OF email, name ON subscribers
WHEN (new.email <> old.email OR new.name <> old.name) AND old.id <= (SELECT up_to_id FROM search_state) BEGIN
    INSERT OR IGNORE INTO search_backlog (workspace_id, subscriber_id, email, name)
    VALUES (old.workspace_id, old.id, old.email, coalesce(old.name_key, lower(old.name)));
END;
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    source TEXT, -- the file's name in uploads/: there as long as it can be used
    file_name TEXT, -- as its owner calls it
    size_bytes INTEGER, -- as it was sent
    delimiter TEXT,
    header TEXT, -- a JSON list of the file's column names
    row_count INTEGER,
    import_job_id INTEGER REFERENCES jobs (id), -- the job that has taken the file
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uploaded_at INTEGER,
    queued_at INTEGER, encoding TEXT, facts TEXT, header_line INTEGER NOT NULL DEFAULT 1, origin TEXT,
    CONSTRAINT ready_means_known CHECK (uploaded_at IS NULL OR (file_name IS NOT NULL AND size_bytes IS NOT NULL
        AND delimiter IS NOT NULL AND header IS NOT NULL AND row_count IS NOT NULL)),
    CONSTRAINT a_file_is_ready CHECK (source IS NULL OR (uploaded_at IS NOT NULL AND queued_at IS NULL)),
    CONSTRAINT queued_means_a_job CHECK ((queued_at IS NULL) = (import_job_id IS NULL))
);
CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE queued_at IS NULL;
CREATE INDEX uploads_by_job ON uploads (import_job_id) WHERE import_job_id IS NOT NULL;
CREATE TABLE ended_sessions (
    token TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dry_runs (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    upload_id INTEGER NOT NULL, -- no reference: an upload is forgotten sooner than a job
    source TEXT NOT NULL, -- the name that the upload's file had in uploads/
    file_name TEXT NOT NULL
);
CREATE TABLE "import_row_errors" (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line INTEGER NOT NULL, -- the physical line on which the row starts
    position INTEGER NOT NULL, -- 0, 1, … of the cells of one row that are reported
    column_name TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    warning INTEGER NOT NULL, -- 1: the row was applied all the same
    cells TEXT NOT NULL, -- a JSON list: the row as it stood in the file
    PRIMARY KEY (job_id, line, position)
) WITHOUT ROWID;
CREATE TABLE webhook_subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL, -- the name, case folded
    url TEXT, -- NULL: a journal, whose events are kept and never sent
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    event_patterns TEXT NOT NULL, -- a JSON list of strings
    sees_subscribers INTEGER NOT NULL, -- whether the key that chose the address and the patterns could read subscribers
    secret BLOB NOT NULL,
    delivery_attempts INTEGER NOT NULL DEFAULT 0,
    last_delivery_status TEXT CHECK (last_delivery_status IN ('delivered', 'failed')),
    last_delivery_error TEXT,
    last_delivered_at INTEGER,
    last_failed_at INTEGER,
    failing_since INTEGER, -- the first try that failed after the last success
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER -- the housekeeping deletes the deliveries, then the row
);
CREATE UNIQUE INDEX webhook_subscriptions_name ON webhook_subscriptions (workspace_id, name_key)
WHERE deleted_at IS NULL;
CREATE INDEX webhook_subscriptions_deleted ON webhook_subscriptions (id) WHERE deleted_at IS NOT NULL;
CREATE TABLE webhook_deliveries (
    subscription_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    workspace_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    subscriber_id INTEGER, -- no reference: the event stays when the subscriber goes
    details TEXT NOT NULL, -- a JSON object: the other members of the event's data
    occurred_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0, -- tries since the event was new, or sent again by hand
    due_at INTEGER, -- of the next try
    tried_at INTEGER,
    answer_status INTEGER,
    answer TEXT, -- its first characters
    error TEXT,
    milliseconds INTEGER,
    PRIMARY KEY (subscription_id, id),
    CONSTRAINT waiting_means_due CHECK (due_at IS NULL OR status = 'waiting')
) WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (subscription_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE TABLE webhook_numbers (last_delivery_id INTEGER NOT NULL);
CREATE TABLE "import_choices" (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    header_hash TEXT NOT NULL, -- of the column names
    source TEXT NOT NULL, -- the file in uploads/ that the choices were made for
    form TEXT NOT NULL, -- a JSON object
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, header_hash, source)
) WITHOUT ROWID;
CREATE INDEX imports_with_images ON imports (job_id) WHERE images = 'kept';
CREATE TABLE import_creations (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    PRIMARY KEY (job_id, first_id)
) WITHOUT ROWID;
CREATE TABLE import_changes (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    image TEXT, change_id INTEGER, restored_in INTEGER, kept TEXT, -- JSON: what the import has replaced and added. NULL: undone, or no longer kept
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;
CREATE INDEX import_changes_by_subscriber ON import_changes (subscriber_id);
CREATE TABLE import_made (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('tag', 'custom_field')),
    number INTEGER NOT NULL,
    PRIMARY KEY (job_id, kind, number)
) WITHOUT ROWID;
CREATE TABLE undos (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    import_job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_after INTEGER NOT NULL DEFAULT 0, -- the checkpoints: the last subscriber of each part of the work
    changed_after INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX undos_by_import ON undos (import_job_id);
CREATE TABLE undo_skips (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('changed_since')),
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;
CREATE TABLE audit_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    occurred_at INTEGER NOT NULL,
    action TEXT NOT NULL, -- such as `tag.deleted`
    via TEXT NOT NULL, -- api, console, link, command or service
    workspace_id INTEGER, -- NULL: of the whole service, or of nobody that is known
    key_id INTEGER, -- in the console, of the session's key
    address TEXT, -- of the client
    request_id TEXT,
    object_id TEXT, -- public id of what was made, changed or deleted
    details TEXT NOT NULL DEFAULT '{}' -- JSON: never an address of a subscriber, a cell or a key
);
CREATE INDEX audit_entries_by_workspace ON audit_entries (workspace_id, id);
CREATE INDEX audit_entries_by_time ON audit_entries (occurred_at);
CREATE TABLE subscriber_changes (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    change_id INTEGER NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    details TEXT, -- JSON: what happened to this subscriber
    PRIMARY KEY (subscriber_id, change_id)
) WITHOUT ROWID;
CREATE INDEX subscriber_changes_by_change ON subscriber_changes (change_id);
CREATE INDEX import_creations_by_subscriber ON import_creations (first_id);
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    subscriber_id INTEGER NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL, -- case folded
    last_job_id INTEGER NOT NULL -- the newest job: a later one knows the address from somebody else
);
CREATE INDEX erasures_by_email ON erasures (workspace_id, email);
CREATE INDEX erasures_by_subscriber ON erasures (subscriber_id);
CREATE INDEX idempotency_records_by_subscriber ON idempotency_records (subscriber_id)
WHERE subscriber_id IS NOT NULL;
CREATE TABLE "jobs" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL CHECK (kind IN ('import', 'export', 'undo', 'bulk_change')),
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
    restored_count INTEGER NOT NULL DEFAULT 0,
    deleted_count INTEGER NOT NULL DEFAULT 0,
    skipped_count INTEGER NOT NULL DEFAULT 0,
    changed_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    deleted_at INTEGER, -- hidden from then on; the housekeeping deletes its rows
    dry_run INTEGER NOT NULL DEFAULT 0, -- nothing is applied; the counts say what would be
    parent_job_id INTEGER, -- the import whose mappings, tags and options an import has taken over
    CONSTRAINT one_fate_a_row CHECK (
        kind <> 'import'
        OR rows_processed = created_count + updated_count + unchanged_count + rejected_count
    ),
    CONSTRAINT one_fate_a_person CHECK (CASE kind
        WHEN 'undo' THEN rows_processed = restored_count + deleted_count + skipped_count
        WHEN 'bulk_change' THEN rows_processed = changed_count + unchanged_count + skipped_count
        ELSE true END
    ),
    CONSTRAINT completed_means_every_row CHECK (status <> 'Completed' OR rows_processed IS rows_total),
    CONSTRAINT final_means_completed_at CHECK ((status IN ('Completed', 'Failed')) = (completed_at IS NOT NULL))
);
CREATE INDEX jobs_newest ON jobs (workspace_id, kind, id);
CREATE INDEX jobs_open ON jobs (status, workspace_id, kind, id) WHERE completed_at IS NULL;
CREATE INDEX jobs_deleted ON jobs (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (completed_at) WHERE completed_at IS NOT NULL AND deleted_at IS NULL;
CREATE TABLE "changes" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the transactions
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    source TEXT NOT NULL CHECK (source IN ('api', 'console', 'command', 'import', 'undo', 'bulk_change')),
    key_id INTEGER, -- that of the request or of the console session. No reference: the history outlives keys
    job_id INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
    occurred_at INTEGER NOT NULL,
    details TEXT, -- JSON: what happened to each of its subscribers, where it is the same for all
    keeps_values INTEGER NOT NULL DEFAULT 0 -- 1: subscriber_changes has values that end with undo_ttl
);
CREATE INDEX changes_by_job ON changes (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX changes_with_values ON changes (occurred_at) WHERE keeps_values;
CREATE TABLE bulk_changes (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    action TEXT NOT NULL CHECK (action IN
        ('add_tag', 'remove_tag', 'add_to_sequence', 'remove_from_sequence', 'unsubscribe', 'erase', 'undo_bulk_change')),
    target_id INTEGER, -- the tag or the sequence, or the bulk change that an undo takes back. No reference
    filter TEXT, -- JSON: who is changed. NULL: whom subscriber_ids lists, or whom the undone job has changed
    subscriber_ids TEXT, -- a JSON list of integers, in ascending order
    expected_count INTEGER, -- nobody is changed if the people are not so many at the start
    last_id INTEGER NOT NULL, -- people with a higher id are newer than the job
    after_id INTEGER NOT NULL DEFAULT 0, -- the checkpoint: the last subscriber that was looked at
    undone_by INTEGER, -- the completed undo of this job
    CONSTRAINT target_of_action CHECK ((target_id IS NULL) = (action IN ('unsubscribe', 'erase'))),
    CONSTRAINT one_way_to_say_who CHECK (
        (filter IS NOT NULL) + (subscriber_ids IS NOT NULL) + (action = 'undo_bulk_change') = 1
    )
);
CREATE INDEX bulk_changes_by_undone ON bulk_changes (target_id) WHERE action = 'undo_bulk_change';
CREATE TABLE bulk_skips (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('not_found', 'changed_since')),
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;
CREATE TABLE deletions (subscriber_id INTEGER PRIMARY KEY);
CREATE TRIGGER subscribers_delete AFTER DELETE ON subscribers
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE subscriber_id = old.id) BEGIN
    UPDATE subscriber_blocks SET members = members - 1, stale = 1
    WHERE workspace_id = old.workspace_id AND block = old.id >> 8;
    INSERT OR IGNORE INTO search_backlog (workspace_id, subscriber_id, email, name)
    SELECT old.workspace_id, old.id, old.email, coalesce(old.name_key, lower(old.name))
    WHERE old.id <= (SELECT up_to_id FROM search_state);
    INSERT INTO erasures (workspace_id, subscriber_id, email, name, last_job_id)
    VALUES (old.workspace_id, old.id, old.email, coalesce(old.name_key, lower(old.name)),
        (SELECT coalesce(max(id), 0) FROM jobs));
    UPDATE idempotency_records SET body = x'' WHERE subscriber_id = old.id;
END;
CREATE TRIGGER tag_blocks_delete AFTER DELETE ON subscriber_tags
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE subscriber_id = old.subscriber_id) BEGIN
    UPDATE tag_blocks SET members = members - 1 WHERE tag_id = old.tag_id AND block = old.subscriber_id >> 8;
END;
CREATE TRIGGER sequence_blocks_delete AFTER DELETE ON subscriber_sequences
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE subscriber_id = old.subscriber_id) BEGIN
    UPDATE sequence_blocks SET members = members - 1
    WHERE sequence_id = old.sequence_id AND status = old.status AND block = old.subscriber_id >> 8;
END;
INSERT INTO search_state VALUES (0);
INSERT INTO webhook_numbers VALUES (0);
