-- What the audience API adds: the workspace's own particulars, segments, evidence of consent, sequences in full.

ALTER TABLE workspaces ADD COLUMN logo TEXT;
ALTER TABLE workspaces ADD COLUMN address TEXT;
ALTER TABLE workspaces ADD COLUMN city TEXT;
ALTER TABLE workspaces ADD COLUMN state TEXT;
ALTER TABLE workspaces ADD COLUMN postal_code TEXT;
ALTER TABLE workspaces ADD COLUMN country TEXT;
ALTER TABLE workspaces ADD COLUMN time_zone TEXT; -- an IANA name; NULL is UTC

ALTER TABLE sequences ADD COLUMN email_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sequences ADD COLUMN connection_id TEXT;
ALTER TABLE sequences ADD COLUMN reply_to_email TEXT;
ALTER TABLE sequences ADD COLUMN track_opens INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sequences ADD COLUMN track_clicks INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sequences ADD COLUMN utm_source TEXT;
ALTER TABLE sequences ADD COLUMN utm_medium TEXT;
ALTER TABLE sequences ADD COLUMN utm_campaign TEXT;
ALTER TABLE sequences ADD COLUMN utm_term TEXT;
ALTER TABLE sequences ADD COLUMN utm_content TEXT;

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

DROP INDEX subscriber_sequences_by_sequence;
CREATE INDEX subscriber_sequences_by_sequence ON subscriber_sequences (sequence_id, status, subscriber_id);

-- A block is 256 neighbouring subscriber ids. What is known of a whole block lets a list step over it: those who all
-- have the tag that nobody shall have, or of whom nobody can be cold yet. Who inserts subscribers or tags counts them
-- here, a chunk at a time; the triggers see to everything else.

ALTER TABLE tags ADD COLUMN subscriber_count INTEGER NOT NULL DEFAULT 0; -- the sum of its blocks
ALTER TABLE sequences ADD COLUMN subscriber_count INTEGER NOT NULL DEFAULT 0; -- those who are active in it

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

INSERT INTO subscriber_blocks (workspace_id, block, members, cold_from)
SELECT workspace_id, id >> 8, count(*), min(CASE
    WHEN status <> 'Active' THEN 9223372036854775807
    WHEN last_opened_at IS NULL THEN subscribed_at + 2592000000 ELSE last_opened_at + 7776000000 END)
FROM subscribers GROUP BY workspace_id, id >> 8;

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

INSERT INTO tag_blocks (tag_id, block, members)
SELECT tag_id, subscriber_id >> 8, count(*) FROM subscriber_tags GROUP BY tag_id, subscriber_id >> 8;

INSERT INTO sequence_blocks (sequence_id, status, block, members)
SELECT sequence_id, status, subscriber_id >> 8, count(*)
FROM subscriber_sequences GROUP BY sequence_id, status, subscriber_id >> 8;

CREATE INDEX subscriber_blocks_stale ON subscriber_blocks (workspace_id, block) WHERE stale;

CREATE TRIGGER subscriber_blocks_delete AFTER DELETE ON subscribers BEGIN
    UPDATE subscriber_blocks SET members = members - 1, stale = 1
    WHERE workspace_id = old.workspace_id AND block = old.id >> 8;
END;

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

CREATE TRIGGER tag_blocks_delete AFTER DELETE ON subscriber_tags BEGIN
    UPDATE tag_blocks SET members = members - 1 WHERE tag_id = old.tag_id AND block = old.subscriber_id >> 8;
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

CREATE TRIGGER sequence_blocks_delete AFTER DELETE ON subscriber_sequences BEGIN
    UPDATE sequence_blocks SET members = members - 1
    WHERE sequence_id = old.sequence_id AND status = old.status AND block = old.subscriber_id >> 8;
END;

-- Where a search looks for names and emails: their trigrams, case folded. It is made behind the imports' back, in the
-- order of the ids; whoever is not in it yet, or is in it with an old name or email, is found without it. The id of a row
-- is (workspace_id << 40) + subscriber_id, so that a search passes over the rows of its own workspace alone.

CREATE VIRTUAL TABLE subscriber_search USING fts5 (
    email, name, content = '', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1'
);

-- How often a trigram is in every sixty-fourth of a workspace: a search looks for its rarest.
CREATE TABLE search_trigrams (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    trigram TEXT NOT NULL,
    found INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, trigram)
) WITHOUT ROWID;

CREATE TABLE search_state (up_to_id INTEGER NOT NULL); -- the last subscriber of the index
INSERT INTO search_state (up_to_id) VALUES (0);

-- Who has changed or gone since, with the email and name that the index has of them.
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

CREATE TRIGGER search_backlog_delete AFTER DELETE ON subscribers
WHEN old.id <= (SELECT up_to_id FROM search_state) BEGIN
    INSERT OR IGNORE INTO search_backlog (workspace_id, subscriber_id, email, name)
    VALUES (old.workspace_id, old.id, old.email, coalesce(old.name_key, lower(old.name)));
END;
