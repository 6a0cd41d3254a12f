-- Subscriptions to events, and each event that one of them waits for or has got.

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

-- The event is in the row, so that an import writes one row for each event and subscription. An event has the number
-- of its first delivery.
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
INSERT INTO webhook_numbers (last_delivery_id) VALUES (0);
