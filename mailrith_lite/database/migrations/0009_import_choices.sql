-- The choices on the page of an upload, kept over a reload and for the next file with the same header.

CREATE TABLE import_choices (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    header_hash TEXT NOT NULL, -- of the column names
    source TEXT NOT NULL, -- the file in uploads/ that the choices were made for
    form TEXT NOT NULL, -- a JSON object without cells of the file
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, header_hash)
) WITHOUT ROWID;
