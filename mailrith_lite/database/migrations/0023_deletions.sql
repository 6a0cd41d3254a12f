-- The subscribers that a transaction deletes as a set (audience/deletion.py). It does for all of them what the triggers
-- do for one, so the triggers leave them out. Empty between transactions.

CREATE TABLE deletions (subscriber_id INTEGER PRIMARY KEY);

DROP TRIGGER subscriber_blocks_delete;
DROP TRIGGER search_backlog_delete;
DROP TRIGGER erasures_delete;
DROP TRIGGER tag_blocks_delete;
DROP TRIGGER sequence_blocks_delete;

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
