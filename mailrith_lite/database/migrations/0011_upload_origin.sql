ALTER TABLE uploads ADD COLUMN origin TEXT; -- JSON: lines that are not UTF-8, and the CSV files of an archive
