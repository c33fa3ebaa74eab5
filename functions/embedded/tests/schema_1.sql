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

-- Rows as the release with this schema wrote them.
INSERT INTO shops VALUES('duka-moja','Duka Moja','till','123456','654321');
INSERT INTO numbers VALUES('123456','duka-moja');
INSERT INTO numbers VALUES('654321','duka-moja');
INSERT INTO tokens VALUES(X'0101010101010101010101010101010101010101010101010101010101010101','duka-moja');
INSERT INTO members VALUES(7,0,'duka-moja','till','A','Front counter',X'0707070707070707070707070707070707070707070707070707070707070707',0);
INSERT INTO enrolments VALUES(X'0909090909090909090909090909090909090909090909090909090909090909',NULL,'office',1795251660000);
INSERT INTO counters VALUES('tills',1);
INSERT INTO feed VALUES(1,'duka-moja','c2b_confirmation','UKL1',X'01000004554B4C31F0A2040631323334353600010441534841000341343280EAABD5BF68',X'636F6E6669726D6564',X'9599915BD8CD62B6B42E6C37B5B681A76991A7C5BE1FDE9971278CE65B99D550',1795251600000,NULL,NULL);
INSERT INTO feed VALUES(2,'duka-moja','stk_result','ws_CO_1',X'01010777735F434F5F3107002A0130047361696480EAABD5BF68010104554B4C31F0A2040631323334353600010441534841000341343280EAABD5BF68',X'70616964',X'268AD70EB5BC4737A2AE28162CBCA30118CC94520E49EF1AC5F72C85D3F2CAA9',1795251600000,NULL,NULL);
INSERT INTO feed VALUES(3,'duka-moja','stk_result','ws_CO_2',X'01010777735F434F5F3207002A0431303332047361696480EAABD5BF6800',X'63616E63656C6C6564',X'8B47045EB7B8CA42AA967F33EE1D014BA89F8D1AC207426B482D34B5C0D90935',1795251600000,NULL,NULL);
INSERT INTO feed VALUES(4,'duka-moja',NULL,NULL,NULL,NULL,NULL,1795251600000,7,0);
INSERT INTO inbox VALUES(X'88F6811AB5D8FC6D3177F9B7609AE0FCEBFDA187E5046B62D38BB539E88B74D7',1795251600000,'nobody''s',X'6F727068616E',NULL,1);
INSERT INTO inbox VALUES(X'F408830BCC7FAB370819172244AA32E3BA66A848835911C02629D9A4DFF77992',1795251600000,'early',X'6561726C79','ws_CO_3',1);
INSERT INTO pushes VALUES('duka-moja','7-42 once','7-42',35000,1795251600000,'ws_CO_1','29115-1');
INSERT INTO pushes VALUES('duka-moja','7-43 once','7-43',35000,1795251600000,NULL,NULL);
INSERT INTO heads VALUES('duka-moja',7,0,1,X'5FAF805A390C23CFF5122059CD59436A3094726C0C409113D112A44A110D311C');
INSERT INTO batches VALUES('duka-moja',7,0,1,X'010700010101066368616E67651D95C0CA2444A8006C427E264440CB701B37F11B48D99BCEE2946F8A0EA58723385A55F8ABA4CCA3355362EC3EA603C57D00A992E72004DEA8912056B77CEE0C');
PRAGMA user_version = 1;
