-- Sessions of the console that somebody has signed out of, until they would have ended by themselves.

CREATE TABLE ended_sessions (
    token TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Which file a dry run was of, however the upload goes on: the import that follows it takes that file and no other.

CREATE TABLE dry_runs (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    upload_id INTEGER NOT NULL, -- no reference: an upload is forgotten sooner than a job
    source TEXT NOT NULL, -- the name that the upload's file had in uploads/
    file_name TEXT NOT NULL
);
