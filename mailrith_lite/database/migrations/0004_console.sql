-- Sessions of the console that somebody has signed out of, until they would have ended by themselves.

CREATE TABLE ended_sessions (
    token TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
