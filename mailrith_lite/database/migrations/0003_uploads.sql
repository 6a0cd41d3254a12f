-- Files that somebody hands over, each for one import; and imports that only say what they would do.

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
    queued_at INTEGER,
    CONSTRAINT ready_means_known CHECK (uploaded_at IS NULL OR (file_name IS NOT NULL AND size_bytes IS NOT NULL
        AND delimiter IS NOT NULL AND header IS NOT NULL AND row_count IS NOT NULL)),
    CONSTRAINT a_file_is_ready CHECK (source IS NULL OR (uploaded_at IS NOT NULL AND queued_at IS NULL)),
    CONSTRAINT queued_means_a_job CHECK ((queued_at IS NULL) = (import_job_id IS NULL))
);

CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE queued_at IS NULL;
CREATE INDEX uploads_by_job ON uploads (import_job_id) WHERE import_job_id IS NOT NULL;

ALTER TABLE jobs ADD COLUMN dry_run INTEGER NOT NULL DEFAULT 0; -- nothing is applied; the counts say what would be
