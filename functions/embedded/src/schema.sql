-- The hub's one file. Every row is written once under its natural name; only heads, counters, shops and
-- members change. `user_version` names this schema; a changed schema gets the next number and a migration.

CREATE TABLE shops (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    account      TEXT NOT NULL CHECK (account IN ('paybill', 'till')),
    shortcode    TEXT NOT NULL,
    store_number TEXT
) STRICT;

-- Any number of a shop leads to it; a number leads to one shop, or money would count twice.
CREATE TABLE numbers (
    number TEXT PRIMARY KEY,
    shop   TEXT NOT NULL REFERENCES shops (id)
) STRICT, WITHOUT ROWID;

-- Hashes only: who reads this file learns no token.
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    shop TEXT NOT NULL REFERENCES shops (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    shop        TEXT,
    role        TEXT NOT NULL CHECK (role IN ('till', 'office', 'platform')),
    letter      TEXT NOT NULL,
    name        TEXT NOT NULL,
    public_key  BLOB NOT NULL CHECK (length(public_key) = 32),
    revoked     INTEGER NOT NULL CHECK (revoked IN (0, 1)),
    PRIMARY KEY (till, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolments (
    code_hash  BLOB PRIMARY KEY,
    shop       TEXT,
    role       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is new in a shop, in the order it was kept: payment evidence with its raw body, and the fact that
-- a journal has grown. Positions are never used again, so a cursor is one number.
CREATE TABLE feed (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    shop        TEXT NOT NULL,
    source      TEXT,
    name        TEXT,
    item        BLOB,
    body        BLOB,
    body_hash   BLOB,
    received_at INTEGER NOT NULL,
    till        INTEGER,
    incarnation INTEGER,
    -- Either evidence or a grown journal.
    CHECK ((item IS NULL) = (till IS NOT NULL)),
    -- One payment message of a kind has one row, however often it is sent.
    UNIQUE (shop, source, name)
) STRICT;
CREATE INDEX feed_by_shop ON feed (shop, position);

CREATE TABLE inbox (
    hash        BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL,
    checkout    TEXT,
    waiting     INTEGER NOT NULL DEFAULT 1 CHECK (waiting IN (0, 1))
) STRICT;
CREATE INDEX inbox_waiting ON inbox (received_at) WHERE waiting = 1;
CREATE INDEX inbox_by_checkout ON inbox (checkout) WHERE checkout IS NOT NULL;

CREATE TABLE pushes (
    shop     TEXT NOT NULL,
    attempt  TEXT NOT NULL,
    sale     TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    checkout TEXT UNIQUE,
    merchant TEXT,
    PRIMARY KEY (shop, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    shop        TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    chain       BLOB NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    shop        TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    payload     BLOB NOT NULL,
    PRIMARY KEY (shop, till, incarnation, first)
) STRICT;
