-- From schema 1 to schema 2: every kind of request and what answers it, locks, notes, what a shop chooses.
ALTER TABLE shops ADD COLUMN head_office TEXT;
ALTER TABLE shops ADD COLUMN validation TEXT NOT NULL DEFAULT 'accept_all';
ALTER TABLE shops ADD COLUMN second_source_from INTEGER;
ALTER TABLE shops ADD COLUMN review_from INTEGER NOT NULL DEFAULT 10000000;
ALTER TABLE shops ADD COLUMN newest_token INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed RENAME COLUMN source TO kind;
-- A push that failed has a name of its own now, so that its late success has a place. The last byte of a
-- result says whether it carries evidence: without any it is 0, and with some it ends a time, which is
-- never 0.
UPDATE feed SET kind = 'stk_failure' WHERE kind = 'stk_result' AND substr(item, -1) = x'00';
ALTER TABLE inbox RENAME COLUMN checkout TO request;
ALTER TABLE inbox ADD COLUMN outcome TEXT;
DROP INDEX inbox_by_checkout;
CREATE INDEX inbox_by_request ON inbox (request) WHERE request IS NOT NULL;
-- Schema 1 knew one kind of request.
ALTER TABLE pushes RENAME TO requests;
ALTER TABLE requests RENAME COLUMN attempt TO name;
ALTER TABLE requests RENAME COLUMN sale TO purpose;
ALTER TABLE requests ADD COLUMN ask_at INTEGER;
UPDATE requests SET purpose = 'push ' || purpose;
CREATE INDEX requests_due ON requests (ask_at) WHERE ask_at IS NOT NULL;
CREATE TABLE answers (
    request     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    body        BLOB NOT NULL,
    body_hash   BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (request, kind)
) STRICT;
CREATE TABLE locks (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX locks_by_end ON locks (until);
CREATE TABLE notes (
    shop    TEXT NOT NULL,
    name    TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (shop, name)
) STRICT, WITHOUT ROWID;
