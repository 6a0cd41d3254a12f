-- The history of each subscriber. An import keeps its part in import_changes and import_creations.

-- What has changed subscribers: a request, a form of the console, a command, or one chunk of an import or an undo.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the transactions
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    source TEXT NOT NULL CHECK (source IN ('api', 'console', 'command', 'import', 'undo')),
    key_id INTEGER, -- that of the request or of the console session. No reference: the history outlives keys
    job_id INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
    occurred_at INTEGER NOT NULL,
    details TEXT, -- JSON: what happened to each of its subscribers, where it is the same for all
    keeps_values INTEGER NOT NULL DEFAULT 0 -- 1: subscriber_changes has values that end with undo_ttl
);

CREATE INDEX changes_by_job ON changes (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX changes_with_values ON changes (occurred_at) WHERE keeps_values;

CREATE TABLE subscriber_changes (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    change_id INTEGER NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    details TEXT, -- JSON: what happened to this subscriber
    PRIMARY KEY (subscriber_id, change_id)
) WITHOUT ROWID;

CREATE INDEX subscriber_changes_by_change ON subscriber_changes (change_id);
CREATE INDEX import_creations_by_subscriber ON import_creations (first_id);

ALTER TABLE import_changes ADD COLUMN change_id INTEGER; -- the chunk
ALTER TABLE import_changes ADD COLUMN restored_in INTEGER; -- the chunk of the undo; 0: of an older version
ALTER TABLE import_changes ADD COLUMN kept TEXT; -- JSON: the image without values, once they are no longer kept

-- Imports before this migration: one change each, at their end.
INSERT INTO changes (workspace_id, source, job_id, occurred_at)
SELECT workspace_id, 'import', id, coalesce(completed_at, updated_at) FROM jobs
WHERE id IN (SELECT job_id FROM import_changes UNION SELECT job_id FROM import_creations) ORDER BY id;

UPDATE import_changes SET change_id = (SELECT id FROM changes WHERE changes.job_id = import_changes.job_id);
UPDATE import_changes SET restored_in = 0
WHERE image IS NULL AND job_id IN (SELECT job_id FROM imports WHERE images = 'kept');
