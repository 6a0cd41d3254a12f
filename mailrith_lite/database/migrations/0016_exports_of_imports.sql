-- An export of the people that an import has created or changed. No reference: the import can be deleted first.

ALTER TABLE exports ADD COLUMN import_job_id INTEGER;
