-- The import whose mappings, tags and options an import has taken over. Both are of one workspace, whose jobs are
-- deleted together, so there is no foreign key to check.

ALTER TABLE jobs ADD COLUMN parent_job_id INTEGER;
