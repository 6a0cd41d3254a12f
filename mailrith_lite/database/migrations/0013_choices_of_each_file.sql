-- Two files with the same header, such as those of one archive, have choices of their own.

CREATE TABLE import_choices_of_files (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    header_hash TEXT NOT NULL, -- of the column names
    source TEXT NOT NULL, -- the file in uploads/ that the choices were made for
    form TEXT NOT NULL, -- a JSON object
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, header_hash, source)
) WITHOUT ROWID;

INSERT INTO import_choices_of_files (workspace_id, header_hash, source, form, updated_at)
SELECT workspace_id, header_hash, source, form, updated_at FROM import_choices;
DROP TABLE import_choices;
ALTER TABLE import_choices_of_files RENAME TO import_choices;
