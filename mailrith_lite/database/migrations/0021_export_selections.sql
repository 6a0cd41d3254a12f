-- `selection`: JSON, the members of the selection that have no column of their own. `columns`: a JSON list of the
-- chosen columns; NULL has all of them.

ALTER TABLE exports ADD COLUMN selection TEXT NOT NULL DEFAULT '{}';
ALTER TABLE exports ADD COLUMN columns TEXT;
