-- How the file of an upload was read; unknown of those that came before.

ALTER TABLE uploads ADD COLUMN encoding TEXT;
