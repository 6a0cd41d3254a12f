-- The undo of an import: what the import created and changed, and a job of its own.

CREATE TABLE jobs_with_undos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL CHECK (kind IN ('import', 'export', 'undo')),
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
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    dry_run INTEGER NOT NULL DEFAULT 0, -- nothing is applied; the counts say what would be
    parent_job_id INTEGER, -- the import whose mappings, tags and options an import has taken over
    CONSTRAINT one_fate_a_row CHECK (
        kind <> 'import'
        OR rows_processed = created_count + updated_count + unchanged_count + rejected_count
    ),
    CONSTRAINT one_fate_a_person CHECK (
        kind <> 'undo' OR rows_processed = restored_count + deleted_count + skipped_count
    ),
    CONSTRAINT completed_means_every_row CHECK (status <> 'Completed' OR rows_processed IS rows_total),
    CONSTRAINT final_means_completed_at CHECK ((status IN ('Completed', 'Failed')) = (completed_at IS NOT NULL))
);

INSERT INTO jobs_with_undos (id, workspace_id, kind, status, error_message, request_id, deaths, rows_total,
    rows_processed, created_count, updated_count, unchanged_count, rejected_count, warning_count, created_at,
    updated_at, started_at, completed_at, dry_run, parent_job_id)
SELECT id, workspace_id, kind, status, error_message, request_id, deaths, rows_total,
    rows_processed, created_count, updated_count, unchanged_count, rejected_count, warning_count, created_at,
    updated_at, started_at, completed_at, dry_run, parent_job_id FROM jobs;

-- An integer of a deleted job must not be given out again.
DELETE FROM sqlite_sequence WHERE name = 'jobs_with_undos';
INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_with_undos', seq FROM sqlite_sequence WHERE name = 'jobs';
DROP TABLE jobs;
ALTER TABLE jobs_with_undos RENAME TO jobs;

CREATE INDEX jobs_newest ON jobs (workspace_id, kind, id);
CREATE INDEX jobs_open ON jobs (status, workspace_id, kind, id) WHERE completed_at IS NULL;

-- The import that made the latest change. NULL: something else made it. An undo puts back what was here before its
-- import, so that several imports can be undone, the last one first. No reference: a job can go before its people.
ALTER TABLE subscribers ADD COLUMN changed_by_job INTEGER;

-- kept: the import has what its undo needs. none: it never had. expired: it had.
ALTER TABLE imports ADD COLUMN images TEXT NOT NULL DEFAULT 'none' CHECK (images IN ('none', 'kept', 'expired'));

CREATE INDEX imports_with_images ON imports (job_id) WHERE images = 'kept';

-- The new subscribers of a chunk have ids without a gap.
CREATE TABLE import_creations (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    PRIMARY KEY (job_id, first_id)
) WITHOUT ROWID;

CREATE TABLE import_changes (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    image TEXT, -- JSON: what the import has replaced and added. NULL: undone, or no longer kept
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;

CREATE INDEX import_changes_by_subscriber ON import_changes (subscriber_id);

-- Tags and custom fields that the import created.
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

-- Whom an undo has left alone. The address is the subscriber's, so that it goes with them.
CREATE TABLE undo_skips (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('changed_since')),
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;
