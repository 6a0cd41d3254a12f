-- People who have been deleted, until nothing of them is left in other tables, the indexes and the files. The trigger
-- inserts them in the transaction that deletes them, whoever deletes them.

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

-- Whose data the recorded answer has. When they are deleted, the answer becomes empty.
ALTER TABLE idempotency_records ADD COLUMN subscriber_id INTEGER;

UPDATE idempotency_records SET subscriber_id = (SELECT id FROM subscribers
    WHERE subscribers.workspace_id = idempotency_records.workspace_id
        AND email = json_extract(CAST(body AS TEXT), '$.data.email'))
WHERE operation = 'upsertSubscriber' AND json_valid(CAST(body AS TEXT));

CREATE INDEX idempotency_records_by_subscriber ON idempotency_records (subscriber_id)
WHERE subscriber_id IS NOT NULL;

CREATE TRIGGER erasures_delete AFTER DELETE ON subscribers BEGIN
    INSERT INTO erasures (workspace_id, subscriber_id, email, name, last_job_id)
    VALUES (old.workspace_id, old.id, old.email, coalesce(old.name_key, lower(old.name)),
        (SELECT coalesce(max(id), 0) FROM jobs));
    UPDATE idempotency_records SET body = x'' WHERE subscriber_id = old.id;
END;

-- From now on, these are deleted with the file that they are about.
UPDATE uploads SET facts = NULL WHERE source IS NULL;
