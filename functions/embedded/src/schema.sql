-- The hub's one file. Every row is written once under its natural name; only heads, counters, shops,
-- members, requests, locks and notes change. Money is cents, time is milliseconds since 1970 UTC.
-- `user_version` names this schema; a changed schema gets the next number and a migration.

CREATE TABLE shops (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    account      TEXT NOT NULL CHECK (account IN ('paybill', 'till')),
    shortcode    TEXT NOT NULL,
    store_number TEXT,
    head_office  TEXT,
    -- What the shop chose.
    validation         TEXT NOT NULL DEFAULT 'accept_all',
    second_source_from INTEGER,
    review_from        INTEGER NOT NULL DEFAULT 10000000,
    -- Which of its callback tokens was made last.
    newest_token INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Each of a shop's own numbers leads to it; a number leads to one shop, or money would count twice.
CREATE TABLE numbers (
    number TEXT PRIMARY KEY,
    shop   TEXT NOT NULL REFERENCES shops (id)
) STRICT, WITHOUT ROWID;

-- Hashes only: who reads this file learns no token.
CREATE TABLE tokens (
    hash  BLOB PRIMARY KEY,
    shop  TEXT NOT NULL REFERENCES shops (id),
    -- Where it stands among the tokens of its shop.
    place INTEGER NOT NULL DEFAULT 0
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

-- What is new in a shop, in the order it was kept: what Safaricom said with its raw body, and the fact that
-- a journal has grown. Positions are never used again, so a cursor is one number.
CREATE TABLE feed (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    shop        TEXT NOT NULL,
    kind        TEXT,
    name        TEXT,
    item        BLOB,
    body        BLOB,
    body_hash   BLOB,
    received_at INTEGER NOT NULL,
    till        INTEGER,
    incarnation INTEGER,
    -- Either a message or a grown journal.
    CHECK ((item IS NULL) = (till IS NOT NULL)),
    -- One message of a kind has one row, however often it is sent.
    UNIQUE (shop, kind, name)
) STRICT;
CREATE INDEX feed_by_shop ON feed (shop, position);

CREATE TABLE inbox (
    hash        BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL,
    -- The request of ours that it answers, if it waits under that name.
    request     TEXT,
    waiting     INTEGER NOT NULL DEFAULT 1 CHECK (waiting IN (0, 1)),
    -- What a person made of it.
    outcome     TEXT
) STRICT;
CREATE INDEX inbox_waiting ON inbox (received_at) WHERE waiting = 1;
CREATE INDEX inbox_by_request ON inbox (request) WHERE request IS NOT NULL;

-- What we asked of Safaricom, under our own name for it. `checkout` and `merchant` are Safaricom's names.
CREATE TABLE requests (
    shop     TEXT NOT NULL,
    name     TEXT NOT NULL,
    purpose  TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    checkout TEXT UNIQUE,
    merchant TEXT,
    -- When to ask what became of it, unless that is known.
    ask_at   INTEGER,
    PRIMARY KEY (shop, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_due ON requests (ask_at) WHERE ask_at IS NOT NULL;

-- What answers a request without being evidence of money.
CREATE TABLE answers (
    request     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    body        BLOB NOT NULL,
    body_hash   BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (request, kind)
) STRICT;

-- Who has what until when. What has expired goes with the next taking of any lock.
CREATE TABLE locks (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX locks_by_end ON locks (until);

-- Small records of a shop that change.
CREATE TABLE notes (
    shop    TEXT NOT NULL,
    name    TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (shop, name)
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
