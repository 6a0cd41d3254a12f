-- What people and keys did that matters, and from where. No references: an entry outlives what it names.

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
