-- A study's store; docs/STUDY.md says what the tables are.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE task (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, description TEXT NOT NULL,
    train INTEGER NOT NULL, validation INTEGER NOT NULL, test INTEGER NOT NULL,
    majority REAL NOT NULL, identity TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE unit (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, identity TEXT NOT NULL, planned INTEGER NOT NULL,
    settings TEXT NOT NULL, result TEXT, seconds REAL
) WITHOUT ROWID;
CREATE TABLE prompt (
    key TEXT PRIMARY KEY, unit TEXT NOT NULL REFERENCES unit ON DELETE CASCADE,
    kind TEXT NOT NULL, task TEXT, seed INTEGER, label TEXT NOT NULL, text TEXT,
    tokens INTEGER NOT NULL, width INTEGER, parameters INTEGER NOT NULL, start TEXT, data BLOB
) WITHOUT ROWID;
CREATE INDEX prompt_unit ON prompt (unit);
CREATE TABLE epoch (
    prompt TEXT NOT NULL REFERENCES prompt ON DELETE CASCADE, epoch INTEGER NOT NULL,
    step INTEGER NOT NULL, loss REAL, accuracy REAL, dev_loss REAL, data BLOB,
    PRIMARY KEY (prompt, epoch)
) WITHOUT ROWID;
CREATE TABLE score (
    prompt TEXT NOT NULL, task TEXT NOT NULL, unit TEXT NOT NULL REFERENCES unit ON DELETE CASCADE,
    n INTEGER NOT NULL, accuracy REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, auroc REAL,
    loss REAL, hits BLOB NOT NULL, margins BLOB NOT NULL, logliks BLOB NOT NULL,
    PRIMARY KEY (prompt, task)
) WITHOUT ROWID;
CREATE INDEX score_unit ON score (unit);
CREATE TABLE vector (
    unit TEXT NOT NULL REFERENCES unit ON DELETE CASCADE, name TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (unit, name)
) WITHOUT ROWID;
CREATE TABLE result (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, part TEXT NOT NULL, title TEXT NOT NULL,
    note TEXT NOT NULL, columns TEXT NOT NULL, rows TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE claim (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, part TEXT NOT NULL, finding TEXT NOT NULL,
    estimator TEXT NOT NULL, estimate REAL, low REAL, high REAL, p REAL, p_holm REAL,
    control TEXT NOT NULL, verdict TEXT NOT NULL, note TEXT NOT NULL, figure TEXT
) WITHOUT ROWID;
