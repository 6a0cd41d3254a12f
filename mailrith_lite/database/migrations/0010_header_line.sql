-- Where the header of a file is. 0: the file has none. Until now it was the first record.

ALTER TABLE uploads ADD COLUMN header_line INTEGER NOT NULL DEFAULT 1;
ALTER TABLE imports ADD COLUMN header_line INTEGER NOT NULL DEFAULT 1;
