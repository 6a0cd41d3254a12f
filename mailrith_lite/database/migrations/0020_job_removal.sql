-- A job that was deleted is hidden at once. The housekeeping deletes its rows and files in small steps.

ALTER TABLE jobs ADD COLUMN deleted_at INTEGER;

-- The completed undo of the import was deleted: the import cannot be undone again.
ALTER TABLE imports ADD COLUMN undo_deleted INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_deleted ON jobs (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (completed_at) WHERE completed_at IS NOT NULL AND deleted_at IS NULL;
