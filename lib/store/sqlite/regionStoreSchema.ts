/** Written into the file; a change that older code cannot read raises the number. */
export const regionStoreFormat = 'vaultspan/region-store/1'

/**
 * Text compares by UTF-8 bytes (BINARY). `item` has a rowid: with rows of some kB a WITHOUT ROWID tree is slower.
 * AUTOINCREMENT: a sequence number must not come back after its row was trimmed, else a stored cursor would skip changes.
 */
export const regionStoreSchema = `
  CREATE TABLE IF NOT EXISTS format (name TEXT PRIMARY KEY) STRICT;
  INSERT OR IGNORE INTO format (name) VALUES ('${regionStoreFormat}');
  CREATE TABLE IF NOT EXISTS item (
    tbl TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT NOT NULL,
    expires_at REAL, gpk TEXT, by_time TEXT, by_name TEXT
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS item_key ON item (tbl, pk, sk);
  CREATE INDEX IF NOT EXISTS item_by_time ON item (tbl, gpk, by_time) WHERE gpk IS NOT NULL AND by_time IS NOT NULL;
  CREATE INDEX IF NOT EXISTS item_by_name ON item (tbl, gpk, by_name) WHERE gpk IS NOT NULL AND by_name IS NOT NULL;
  CREATE INDEX IF NOT EXISTS item_expiry ON item (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL,
    old TEXT, new TEXT, committed_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS change_of_table ON change (tbl, seq);
  CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL, body TEXT NOT NULL,
    first_sent_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL, reason TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_visible ON message (queue, visible_at, seq);
  CREATE TABLE IF NOT EXISTS hsm_state (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS commit_run (first INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT
`
