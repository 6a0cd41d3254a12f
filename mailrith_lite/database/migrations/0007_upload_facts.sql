ALTER TABLE uploads ADD COLUMN facts TEXT; -- JSON: what the cells of the file look like, the base of its analysis
