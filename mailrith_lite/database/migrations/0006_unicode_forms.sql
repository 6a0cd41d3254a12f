-- Names that differ only in the Unicode form are equal. OR IGNORE: of two such tags, the second keeps its old key.
UPDATE OR IGNORE tags SET name_key = fold(name) WHERE name_key != fold(name);
UPDATE OR IGNORE custom_fields SET label_key = fold(label) WHERE label_key != fold(label);
UPDATE OR IGNORE segments SET name_key = fold(name) WHERE name_key != fold(name);

-- the search index removes a name that it has by the text that it had
INSERT OR IGNORE INTO search_backlog (workspace_id, subscriber_id, email, name)
SELECT workspace_id, id, email, name_key FROM subscribers
WHERE name_key != fold(name) AND id <= (SELECT up_to_id FROM search_state);
UPDATE subscribers SET name_key = fold(name) WHERE name_key != fold(name);
