-- Imports have options, and a row can have several lines in the report.

ALTER TABLE imports ADD COLUMN options TEXT NOT NULL DEFAULT '{}'; -- a JSON object: those that were sent

CREATE TABLE import_report_lines (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line INTEGER NOT NULL, -- the physical line on which the row starts
    position INTEGER NOT NULL, -- 0, 1, … of the cells of one row that are reported
    column_name TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    warning INTEGER NOT NULL, -- 1: the row was applied all the same
    cells TEXT NOT NULL, -- a JSON list: the row as it stood in the file
    PRIMARY KEY (job_id, line, position)
) WITHOUT ROWID;

INSERT INTO import_report_lines (job_id, line, position, column_name, code, message, warning, cells)
SELECT job_id, line, 0, column_name, code, message, code = 'status_kept', cells FROM import_row_errors;
DROP TABLE import_row_errors;
ALTER TABLE import_report_lines RENAME TO import_row_errors;
