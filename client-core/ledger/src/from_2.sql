-- From schema 2 to schema 3: the journal keeps facts instead of changes. What an older release wrote stays as
-- it is: a change, from which the fact is read.
CREATE TABLE journal_3 (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    document    INTEGER NOT NULL,
    at          INTEGER,
    value       BLOB,
    seq         INTEGER,
    before      BLOB,
    change      BLOB,
    chain       BLOB NOT NULL,
    signature   BLOB,
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    reason      TEXT,
    merged      INTEGER,
    CHECK ((document = 0) = (merged IS NOT NULL)),
    CHECK ((value IS NULL) = (change IS NOT NULL) AND (value IS NULL) = (at IS NULL)),
    CHECK ((seq IS NULL) = (before IS NULL)),
    PRIMARY KEY (shop, till, incarnation, number)
) STRICT, WITHOUT ROWID;
-- Day 1 is 1 January of the year 1, which is Julian day 1721425.5.
INSERT INTO journal_3 (shop, till, incarnation, number, document, change, chain, signature, state, reason, merged)
SELECT shop, till, incarnation, number,
  CASE document WHEN 'catalogue' THEN 0 ELSE CAST(julianday(document) - 1721424.5 AS INTEGER) END,
  change, chain, signature, CASE state WHEN 'applied' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END, reason, merged
FROM journal;
DROP TABLE journal;
ALTER TABLE journal_3 RENAME TO journal;
CREATE INDEX journal_of_catalogue ON journal (shop, merged) WHERE document = 0;
CREATE INDEX journal_set_aside ON journal (shop) WHERE reason IS NOT NULL;
CREATE TABLE journals (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;
INSERT INTO journals SELECT DISTINCT shop, till, incarnation FROM journal;
CREATE TABLE runs (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    document    INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_of_document ON runs (shop, document);
INSERT INTO runs SELECT shop, till, incarnation, number, document FROM (
  SELECT *, lag(document) OVER (PARTITION BY shop, till, incarnation ORDER BY number) AS last FROM journal
) WHERE last IS NOT document;
DROP TABLE heads;
DROP TABLE strands;
DROP TABLE lines;
CREATE TABLE sales_3 (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    shop     INTEGER NOT NULL,
    till     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    by       TEXT NOT NULL,
    total    INTEGER NOT NULL CHECK (total > 0),
    discount INTEGER NOT NULL,
    rounding INTEGER NOT NULL,
    tender   TEXT NOT NULL CHECK (tender IN ('cash', 'mpesa')),
    order_no TEXT,
    order_key TEXT,
    unsure   INTEGER,
    owed     INTEGER NOT NULL,
    paid     INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    over     INTEGER NOT NULL,
    state    TEXT NOT NULL,
    conflict INTEGER NOT NULL,
    reversed INTEGER NOT NULL DEFAULT 0,
    formerly TEXT,
    CHECK (paid + due = over + owed)
) STRICT;
INSERT INTO sales_3 (number, id, shop, till, at, by, total, discount, rounding, tender, order_no, owed, paid, due, over,
  state, conflict, reversed)
SELECT number, id, shop, till, at, by, total, 0, 0, tender, order_no, iif(state = 'voided', 0, total), paid, due, over,
  state, conflict, reversed FROM sales;
DROP TABLE sales;
ALTER TABLE sales_3 RENAME TO sales;
CREATE INDEX sales_by_time ON sales (shop, at);
CREATE INDEX sales_unsettled ON sales (shop, due, at) WHERE due > 0;
CREATE INDEX sales_over ON sales (shop, over) WHERE over > 0;
CREATE INDEX sales_in_conflict ON sales (shop) WHERE conflict = 1 OR reversed = 1;
CREATE INDEX sales_reversed ON sales (shop, till) WHERE reversed = 1;
CREATE INDEX sales_of_order ON sales (order_no) WHERE order_no IS NOT NULL;
CREATE INDEX sales_claimed ON sales (shop) WHERE state = 'claimed';
CREATE INDEX sales_adrift ON sales (shop, due) WHERE due > 0 AND unsure > 60000;
CREATE INDEX sales_of_order_key ON sales (shop, order_key) WHERE order_key IS NOT NULL;
ALTER TABLE payments ADD COLUMN named TEXT NOT NULL DEFAULT '';
CREATE INDEX payments_by_time ON payments (shop, paid_at);
CREATE INDEX payments_by_ending ON payments (shop, substr(receipt, -5));
CREATE INDEX payments_by_name ON payments (shop, named, paid_at) WHERE named <> '';
CREATE INDEX payments_asked_for ON payments (asked_for) WHERE asked_for IS NOT NULL;
CREATE INDEX payments_of_order ON payments (order_sale) WHERE order_sale IS NOT NULL;
ALTER TABLE pushes ADD COLUMN phone TEXT;
CREATE INDEX sales_by_former_name ON sales (formerly) WHERE formerly IS NOT NULL;

-- In which file this ledger was written last: what the file system says of it. A copy is another file.
CREATE TABLE birth (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    mark TEXT NOT NULL
) STRICT;

-- Shops in whose journal somebody else may write under this file's name, because the file was restored or
-- copied. Up to `last` the journal was written before that. A new life ends the doubt.
CREATE TABLE doubts (
    shop  INTEGER PRIMARY KEY,
    why   TEXT NOT NULL CHECK (why IN ('restored', 'copied', 'forked')),
    last  INTEGER NOT NULL,
    token BLOB NOT NULL CHECK (length(token) = 32)
) STRICT;

-- The lives of this file's writer that ended: what it became, why, and how many entries it wrote again.
CREATE TABLE lives (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    became      TEXT NOT NULL,
    why         TEXT NOT NULL,
    again       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE bases (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    chain       BLOB NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE backlog (
    shop INTEGER PRIMARY KEY,
    feed BLOB NOT NULL
) STRICT;

-- What the platform says of each shop's licence: its key, as it was learnt first, and what it
-- signed last; nothing as long as no licence was sold.
CREATE TABLE licences (
    shop  INTEGER PRIMARY KEY,
    key   BLOB NOT NULL CHECK (length(key) = 32),
    token BLOB NOT NULL
) STRICT;

ALTER TABLE shops ADD COLUMN pulled_until INTEGER;
CREATE TABLE held (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

-- How far the cloud has the journals of others; of our own, `shops.sent` tells.
CREATE TABLE at_cloud (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    same        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;
-- Until now everything of others came from the cloud.
INSERT INTO at_cloud SELECT shop, till, incarnation, max(number), max(number) FROM journal GROUP BY 1, 2, 3;
CREATE TABLE astray (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    document    INTEGER NOT NULL,
    at          INTEGER,
    value       BLOB,
    seq         INTEGER,
    before      BLOB,
    change      BLOB,
    chain       BLOB NOT NULL,
    signature   BLOB,
    reason      TEXT NOT NULL,
    found       INTEGER NOT NULL,
    became      TEXT,
    PRIMARY KEY (shop, till, incarnation, number, chain)
) STRICT, WITHOUT ROWID;
-- The catalogue's rows are written anew from its changes when the till opens. What older releases sold names no
-- product, so the stock begins with nothing.
DROP TABLE products;
CREATE TABLE catalogue (
    shop         INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    id           TEXT NOT NULL,
    position     INTEGER NOT NULL,
    version      TEXT NOT NULL,
    by           TEXT NOT NULL,
    at           INTEGER NOT NULL,
    name         TEXT NOT NULL,
    price        INTEGER,
    barcodes     TEXT,
    category     TEXT,
    tax_rate     TEXT,
    unit         TEXT,
    basis_points INTEGER,
    role         TEXT,
    pin          TEXT,
    active       INTEGER NOT NULL,
    low_at       INTEGER,
    PRIMARY KEY (shop, kind, id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE barcodes (
    shop    INTEGER NOT NULL,
    code    TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (shop, code, product)
) STRICT, WITHOUT ROWID;
CREATE INDEX barcodes_of_product ON barcodes (shop, product);
CREATE TABLE goods (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    change      INTEGER NOT NULL,
    PRIMARY KEY (shop, product, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE counts (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    cited       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    PRIMARY KEY (shop, product, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE replaced (
    shop        INTEGER NOT NULL,
    cited       TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    PRIMARY KEY (shop, cited, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE seen (
    shop           INTEGER NOT NULL,
    till           INTEGER NOT NULL,
    incarnation    INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    of_till        INTEGER NOT NULL,
    of_incarnation INTEGER NOT NULL,
    upto           INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation, number, of_till, of_incarnation)
) STRICT, WITHOUT ROWID;
CREATE TABLE stock (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    level       INTEGER NOT NULL,
    till        INTEGER,
    incarnation INTEGER,
    number      INTEGER,
    PRIMARY KEY (shop, product)
) STRICT, WITHOUT ROWID;
CREATE TABLE clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    offset      INTEGER NOT NULL,
    uncertainty INTEGER NOT NULL
) STRICT;
CREATE TABLE prints (
    id   TEXT PRIMARY KEY,
    shop INTEGER NOT NULL,
    sale TEXT NOT NULL,
    at   INTEGER NOT NULL,
    by   TEXT NOT NULL,
    cited TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX prints_of_sale ON prints (sale, shop);
CREATE TABLE places (
    address TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
-- What older releases said refers by name alone.
ALTER TABLE cash ADD COLUMN cited TEXT;
ALTER TABLE claims ADD COLUMN cited TEXT;
ALTER TABLE claims ADD COLUMN formerly TEXT;
ALTER TABLE releases ADD COLUMN cited TEXT;
ALTER TABLE voids ADD COLUMN cited TEXT;
CREATE INDEX cash_unmet ON cash (sale) WHERE sale = cited;
CREATE INDEX claims_by_former_name ON claims (formerly) WHERE formerly IS NOT NULL;
CREATE INDEX claims_unmet ON claims (sale) WHERE sale = cited;
CREATE INDEX releases_unmet ON releases (claim) WHERE claim = cited;
CREATE INDEX voids_unmet ON voids (sale) WHERE sale = cited;
CREATE INDEX prints_unmet ON prints (sale) WHERE sale = cited;
CREATE TABLE refunds (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    rounding INTEGER NOT NULL DEFAULT 0,
    formerly TEXT,
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_of_sale ON refunds (sale, shop);
CREATE INDEX refunds_unmet ON refunds (sale) WHERE sale = cited;
CREATE TABLE drawers (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('opened', 'moved', 'closed')),
    amount      INTEGER NOT NULL,
    reason      TEXT,
    at          INTEGER NOT NULL,
    by          TEXT NOT NULL,
    PRIMARY KEY (shop, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX closings ON drawers (shop, at) WHERE kind = 'closed';
ALTER TABLE cash ADD COLUMN rounding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cash ADD COLUMN formerly TEXT;
ALTER TABLE cash ADD COLUMN said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL;
ALTER TABLE claims ADD COLUMN part INTEGER;
ALTER TABLE claims ADD COLUMN phone TEXT;
ALTER TABLE claims ADD COLUMN approved TEXT;
ALTER TABLE claims ADD COLUMN offline INTEGER NOT NULL DEFAULT 0 CHECK (offline IN (0, 1));
CREATE TABLE returns (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    formerly TEXT,
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_of_sale ON returns (sale, shop);
CREATE INDEX returns_unmet ON returns (sale) WHERE sale = cited;
CREATE TABLE tips (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    formerly TEXT,
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX tips_of_sale ON tips (sale, shop);
CREATE INDEX tips_unmet ON tips (sale) WHERE sale = cited;
CREATE TABLE trusts (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    reason TEXT NOT NULL,
    approved TEXT,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX trusts_of_sale ON trusts (sale, shop);
CREATE INDEX trusts_unmet ON trusts (sale) WHERE sale = cited;
CREATE TABLE undone (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    what   TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX undone_of_sale ON undone (sale, shop);
CREATE INDEX undone_unmet ON undone (sale) WHERE sale = cited;
CREATE VIEW cash_standing AS SELECT * FROM cash t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW refunds_standing AS SELECT * FROM refunds t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW returns_standing AS SELECT * FROM returns t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW tips_standing AS SELECT * FROM tips t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE TABLE asked_back (
    id      TEXT PRIMARY KEY,
    shop    INTEGER NOT NULL,
    receipt TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX asked_back_of_receipt ON asked_back (shop, receipt);
CREATE TABLE periods (
    id    TEXT PRIMARY KEY,
    shop  INTEGER NOT NULL,
    until INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    by    TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE payments ADD COLUMN free INTEGER NOT NULL DEFAULT 0;
UPDATE payments SET free = amount WHERE sale IS NULL AND reversed = 0;
DROP INDEX payments_free;
CREATE INDEX payments_free ON payments (shop, free, paid_at) WHERE free > 0;
CREATE TABLE shares (
    shop    INTEGER NOT NULL,
    sale    TEXT NOT NULL,
    receipt TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (shop, sale, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_of_receipt ON shares (shop, receipt);
INSERT INTO shares SELECT shop, sale, receipt, amount FROM payments WHERE sale IS NOT NULL;
CREATE TABLE parked (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    note   TEXT NOT NULL,
    cart   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL
) STRICT;
