-- One till's file; at head office, one file for all shops.
--
-- The truth is what was written once: `journal` (our own facts and those of others), `feed` (what
-- Safaricom said), `pushes` (what we asked). Everything below the line is computed from it, in the same
-- transaction, and can be computed again. Names of facts are text like '7-42'. Money is cents, time is
-- milliseconds since 1970 UTC. `user_version` names this schema.

-- Who writes here. One row: a file has one writer.
CREATE TABLE identity (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    role        TEXT NOT NULL,
    letter      TEXT NOT NULL,
    name        TEXT NOT NULL
) STRICT;

CREATE TABLE shops (
    key          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    account      TEXT NOT NULL CHECK (account IN ('paybill', 'till')),
    shortcode    TEXT NOT NULL,
    store_number TEXT,
    head_office  TEXT,
    validation   TEXT NOT NULL DEFAULT 'accept_all',
    -- From which amount on goods are handed out only when a source that was asked for agrees.
    second_source_from INTEGER,
    -- From which amount on a payment is shown to be looked at.
    review_from  INTEGER NOT NULL DEFAULT 10000000,
    -- Under which name this file writes in this shop's journal. Head office has one for each shop, so
    -- that the names of facts never collide between shops.
    till         INTEGER NOT NULL,
    incarnation  INTEGER NOT NULL,
    -- Where the payment feed was left; only the cloud reads it.
    cursor       BLOB NOT NULL DEFAULT x'',
    -- How far the cloud has our own journal.
    sent         INTEGER NOT NULL DEFAULT 0,
    last_contact INTEGER,
    -- Until when all of the shop's payments were pulled from Safaricom, and are here.
    pulled_until INTEGER
) STRICT;

CREATE TABLE members (
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    role        TEXT NOT NULL,
    letter      TEXT NOT NULL,
    name        TEXT NOT NULL,
    public_key  BLOB NOT NULL CHECK (length(public_key) = 32),
    revoked     INTEGER NOT NULL,
    PRIMARY KEY (till, incarnation)
) STRICT, WITHOUT ROWID;

-- Every entry of every journal: a fact's own bytes, or a change to the catalogue. A fact's change and lines
-- are read from it where they are needed, and kept nowhere else. Rows lie in the order of their journal, so
-- that adding one touches one page.
CREATE TABLE journal (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    -- The day book's day, as days since 1 January of the year 1; 0 is the catalogue.
    document    INTEGER NOT NULL,
    -- A fact: when, by its writer's clock, and its bytes; how many changes its writer's strand in the day book
    -- has before it, and the hash of the last.
    at          INTEGER,
    value       BLOB,
    seq         INTEGER,
    before      BLOB,
    -- A change to the catalogue, or to a day book by the first release.
    change      BLOB,
    -- Stands for the whole journal up to here.
    chain       BLOB NOT NULL,
    -- On the last entry of a batch.
    signature   BLOB,
    -- 0: it counts. 1: it builds on changes that have not come. 2: it did not pass the guard, and is kept with
    -- the reason.
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    reason      TEXT,
    -- In which order the catalogue's changes were merged; facts of a day need no order.
    merged      INTEGER,
    CHECK ((document = 0) = (merged IS NOT NULL)),
    CHECK ((value IS NULL) = (change IS NOT NULL) AND (value IS NULL) = (at IS NULL)),
    CHECK ((seq IS NULL) = (before IS NULL)),
    -- A number is written once: two entries under one number would be two histories.
    PRIMARY KEY (shop, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_of_catalogue ON journal (shop, merged) WHERE document = 0;
CREATE INDEX journal_set_aside ON journal (shop) WHERE reason IS NOT NULL;

-- Batches that do not continue a journal: somebody writes under a name that is not theirs, or a restored
-- backup does. Kept for whoever looks into it.
CREATE TABLE strangers (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation, first)
) STRICT, WITHOUT ROWID;

-- What Safaricom said, one row a message, in the order it came.
CREATE TABLE feed (
    position          INTEGER PRIMARY KEY,
    shop              INTEGER NOT NULL,
    source            TEXT NOT NULL,
    name              TEXT NOT NULL,
    receipt           TEXT,
    amount            INTEGER,
    shortcode         TEXT,
    paid_at           INTEGER,
    payer_name        TEXT,
    payer_msisdn      TEXT,
    account_reference TEXT,
    received_at       INTEGER NOT NULL,
    -- The sale that was named when the payment was validated.
    order_sale        TEXT,
    -- For the result of an STK push: which sale it answers, and how it ended. For a reversal, whose
    -- receipt is that of the payment it takes back, the description is the reversal's own receipt.
    -- For a retraction (its source is `retracted_` and the source it takes back) the code is that source
    -- and the description the reason.
    sale              TEXT,
    code              TEXT,
    description       TEXT,
    -- The same message twice is one message.
    UNIQUE (shop, source, name)
) STRICT;
CREATE INDEX feed_by_receipt ON feed (shop, receipt) WHERE receipt IS NOT NULL;
CREATE INDEX feed_by_sale ON feed (sale) WHERE sale IS NOT NULL;

-- STK pushes this till asked for, written before asking.
CREATE TABLE pushes (
    sale     TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    checkout TEXT UNIQUE,
    -- Why it was not sent, in words; the customer's phone was not reached then.
    refused  TEXT,
    -- The last three digits of the number that was asked.
    phone    TEXT,
    -- How often Safaricom was asked what became of it, and when last.
    queries    INTEGER NOT NULL DEFAULT 0,
    queried_at INTEGER,
    PRIMARY KEY (sale, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX pushes_by_time ON pushes (at);

-- Where other tills of the shop are, as HOST:PORT: what a person typed at this till.
CREATE TABLE places (
    address TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Carts that were set aside, in the words of whoever did it: nothing was sold yet. Of this till alone.
CREATE TABLE parked (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    note   TEXT NOT NULL,
    cart   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL
) STRICT;

-- A key that a caller gave to a request, so that repeating the request finds its sale.
CREATE TABLE requests (
    key  TEXT PRIMARY KEY,
    sale TEXT NOT NULL
) STRICT, WITHOUT ROWID;

------------------------------------------------------------------------------------------------------
-- Computed from the above.

-- Whose journals are here.
CREATE TABLE journals (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

-- Where in a journal a run of entries of one document begins. A day is a run, unless the catalogue was edited
-- in between.
CREATE TABLE runs (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    document    INTEGER NOT NULL,
    PRIMARY KEY (shop, till, incarnation, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_of_document ON runs (shop, document);

CREATE TABLE sales (
    -- The local number: what the seeds' endpoints call `sale_id`.
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    shop     INTEGER NOT NULL,
    till     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    by       TEXT NOT NULL,
    total    INTEGER NOT NULL CHECK (total > 0),
    -- What it was made cheaper by, and by how much more than the total goes into the drawer.
    discount INTEGER NOT NULL,
    rounding INTEGER NOT NULL,
    tender   TEXT NOT NULL CHECK (tender IN ('cash', 'mpesa')),
    order_no TEXT,
    -- The order number as it is compared with what customers type.
    order_key TEXT,
    -- By how many milliseconds `at` may be wrong; nothing where nobody measured it.
    unsure   INTEGER,
    -- The total, less what came back, and what the customer left beyond it; nothing for a cancelled sale.
    owed     INTEGER NOT NULL,
    paid     INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    over     INTEGER NOT NULL,
    state    TEXT NOT NULL,
    conflict INTEGER NOT NULL,
    -- A payment of this sale went back to the customer.
    reversed INTEGER NOT NULL DEFAULT 0,
    -- The name it was printed under, if its till had to write it again in a new life.
    formerly TEXT,
    -- What came in and stayed is what was owed, less what is due, plus what goes back.
    CHECK (paid + due = over + owed)
) STRICT;
CREATE INDEX sales_by_time ON sales (shop, at);
CREATE INDEX sales_unsettled ON sales (shop, due, at) WHERE due > 0;
CREATE INDEX sales_claimed ON sales (shop) WHERE state = 'claimed';
CREATE INDEX sales_adrift ON sales (shop, due) WHERE due > 0 AND unsure > 60000;
CREATE INDEX sales_of_order_key ON sales (shop, order_key) WHERE order_key IS NOT NULL;
CREATE INDEX sales_over ON sales (shop, over) WHERE over > 0;
CREATE INDEX sales_in_conflict ON sales (shop) WHERE conflict = 1 OR reversed = 1;
CREATE INDEX sales_reversed ON sales (shop, till) WHERE reversed = 1;
CREATE INDEX sales_of_order ON sales (order_no) WHERE order_no IS NOT NULL;

-- What was said about sales and claims. Each row has the shop whose journal said it, and counts for that
-- shop only: at head office, no till can speak about another shop's sales. `cited` is what was referred to, as it
-- was said: the first name and the instant, like '2-17@1763712000000'. `sale` is what that is called here; as long
-- as it is not here, the same as `cited`. Older releases referred by name alone; that stands in `sale`.
CREATE TABLE cash (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    -- By how much more went into the drawer.
    rounding INTEGER NOT NULL DEFAULT 0,
    -- The name it had first, if its till had to write it again in a new life.
    formerly TEXT,
    -- How others refer to it: its first name and its instant.
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX cash_of_sale ON cash (sale, shop);
CREATE INDEX cash_unmet ON cash (sale) WHERE sale = cited;

CREATE TABLE claims (
    id      TEXT PRIMARY KEY,
    shop    INTEGER NOT NULL,
    receipt TEXT NOT NULL,
    sale    TEXT NOT NULL,
    how     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    cited   TEXT,
    -- The name it had first, if its till had to write it again in a new life.
    formerly TEXT,
    -- How much of the payment is for this sale; all of it where nothing stands here.
    part     INTEGER,
    -- How the customer's phone number ends.
    phone    TEXT,
    -- The manager who allowed it.
    approved TEXT,
    -- The cloud could not be asked whether somebody was first.
    offline  INTEGER NOT NULL DEFAULT 0 CHECK (offline IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_of_receipt ON claims (shop, receipt);
CREATE INDEX claims_of_sale ON claims (sale, shop);
CREATE INDEX claims_by_former_name ON claims (formerly) WHERE formerly IS NOT NULL;
CREATE INDEX claims_unmet ON claims (sale) WHERE sale = cited;

CREATE TABLE releases (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    claim  TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX releases_of_claim ON releases (claim, shop);
CREATE INDEX releases_unmet ON releases (claim) WHERE claim = cited;

CREATE TABLE voids (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX voids_of_sale ON voids (sale, shop);
CREATE INDEX voids_unmet ON voids (sale) WHERE sale = cited;

-- When the receipt of a sale was printed; again for each copy.
CREATE TABLE prints (
    id   TEXT PRIMARY KEY,
    shop INTEGER NOT NULL,
    sale TEXT NOT NULL,
    at   INTEGER NOT NULL,
    by   TEXT NOT NULL,
    cited TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX prints_of_sale ON prints (sale, shop);
CREATE INDEX prints_unmet ON prints (sale) WHERE sale = cited;

-- Cash that went back to customers.
CREATE TABLE refunds (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    -- By how much more went out of the drawer.
    rounding INTEGER NOT NULL DEFAULT 0,
    -- The name it had first, if its till had to write it again in a new life.
    formerly TEXT,
    -- How others refer to it: its first name and its instant.
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_of_sale ON refunds (sale, shop);
CREATE INDEX refunds_unmet ON refunds (sale) WHERE sale = cited;

-- What of a sale's goods came back, by what it is worth.
CREATE TABLE returns (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    -- The name it had first, if its till had to write it again in a new life.
    formerly TEXT,
    -- How others refer to it: its first name and its instant.
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_of_sale ON returns (sale, shop);
CREATE INDEX returns_unmet ON returns (sale) WHERE sale = cited;

-- What customers left beyond their sales.
CREATE TABLE tips (
    id     TEXT PRIMARY KEY,
    shop   INTEGER NOT NULL,
    sale   TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    at     INTEGER NOT NULL,
    by     TEXT NOT NULL,
    cited  TEXT,
    -- The name it had first, if its till had to write it again in a new life.
    formerly TEXT,
    -- How others refer to it: its first name and its instant.
    said TEXT GENERATED ALWAYS AS (coalesce(formerly, id) || '@' || at) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX tips_of_sale ON tips (sale, shop);
CREATE INDEX tips_unmet ON tips (sale) WHERE sale = cited;

-- Sales whose goods were handed out on the customer's word.
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

-- What was said of sales by mistake. `what` is cited by its first name and its instant, whatever it is called here.
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

-- What of these stands: what was not taken back as a mistake.
CREATE VIEW cash_standing AS SELECT * FROM cash t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW refunds_standing AS SELECT * FROM refunds t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW returns_standing AS SELECT * FROM returns t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);
CREATE VIEW tips_standing AS SELECT * FROM tips t WHERE NOT EXISTS (SELECT 1 FROM undone u
  WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said);

-- Payments that Safaricom was asked to give back.
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

-- Up to which day the books of a shop were closed, as days since 1 January of the year 1. Only head office can, and
-- its latest word holds.
CREATE TABLE periods (
    id    TEXT PRIMARY KEY,
    shop  INTEGER NOT NULL,
    until INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    by    TEXT NOT NULL,
    -- Why they were opened again.
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done with drawers beside selling, in the order of each till's journal.
CREATE TABLE drawers (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('opened', 'moved', 'closed')),
    -- The float; what was put in, below nothing where it was taken out; what was counted.
    amount      INTEGER NOT NULL,
    reason      TEXT,
    at          INTEGER NOT NULL,
    by          TEXT NOT NULL,
    PRIMARY KEY (shop, till, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX closings ON drawers (shop, at) WHERE kind = 'closed';

-- One row a receipt code: what its evidence adds up to, and which sale has it.
CREATE TABLE payments (
    -- The local number: what seed B's endpoints call `callback_id`.
    number            INTEGER PRIMARY KEY,
    shop              INTEGER NOT NULL,
    receipt           TEXT NOT NULL,
    amount            INTEGER NOT NULL,
    shortcode         TEXT NOT NULL,
    paid_at           INTEGER NOT NULL,
    received_at       INTEGER NOT NULL,
    payer_name        TEXT,
    payer_msisdn      TEXT,
    account_reference TEXT NOT NULL,
    -- That reference as it is compared with sales' references.
    named             TEXT NOT NULL DEFAULT '',
    sources           TEXT NOT NULL,
    -- In what the messages disagree: amount, number, time.
    disagreements     TEXT NOT NULL DEFAULT '',
    -- A source that we asked for ourselves says so too.
    confirmed         INTEGER NOT NULL DEFAULT 0,
    -- The money went back to the customer.
    reversed          INTEGER NOT NULL DEFAULT 0,
    order_sale        TEXT,
    -- The sale whose push it answers.
    asked_for         TEXT,
    -- The sale that has it, the first of them where several have a part; where a copy of its till wrote that sale and it has not come again, how it is cited.
    sale              TEXT,
    -- How much of it no sale has; nothing of what went back.
    free              INTEGER NOT NULL DEFAULT 0,
    contested         INTEGER NOT NULL DEFAULT 0,
    -- A receipt code is the identity of the money: one row, or a shilling counts twice.
    UNIQUE (shop, receipt)
) STRICT;
CREATE INDEX payments_free ON payments (shop, free, paid_at) WHERE free > 0;
CREATE INDEX payments_by_time ON payments (shop, paid_at);
CREATE INDEX payments_by_ending ON payments (shop, substr(receipt, -5));
CREATE INDEX payments_by_name ON payments (shop, named, paid_at) WHERE named <> '';
CREATE INDEX payments_asked_for ON payments (asked_for) WHERE asked_for IS NOT NULL;
CREATE INDEX payments_of_order ON payments (order_sale) WHERE order_sale IS NOT NULL;
CREATE INDEX payments_by_receipt ON payments (receipt);
CREATE INDEX payments_of_sale ON payments (sale) WHERE sale IS NOT NULL;
-- What a person has to look at, or a second source has to confirm, is little, and asked for often.
CREATE INDEX payments_unconfirmed ON payments (shop, amount) WHERE confirmed = 0 AND sale IS NOT NULL;
CREATE INDEX payments_astray ON payments (shop) WHERE sale IS NOT asked_for AND asked_for IS NOT NULL;
CREATE INDEX payments_disagreeing ON payments (shop, paid_at) WHERE disagreements <> '';

-- Which sales have a payment, and how much of it each. Nothing is here of what has not been seen.
CREATE TABLE shares (
    shop    INTEGER NOT NULL,
    sale    TEXT NOT NULL,
    receipt TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (shop, sale, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_of_receipt ON shares (shop, receipt);

-- Every value that stands in a register of the catalogue: the one at 0 leads, the others stand beside it until
-- somebody chooses.
CREATE TABLE catalogue (
    shop         INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    id           TEXT NOT NULL,
    position     INTEGER NOT NULL,
    -- Which write it is, who made it, and when.
    version      TEXT NOT NULL,
    by           TEXT NOT NULL,
    at           INTEGER NOT NULL,
    -- What people call it; a setting's value.
    name         TEXT NOT NULL,
    price        INTEGER,
    barcodes     TEXT,
    category     TEXT,
    tax_rate     TEXT,
    unit         TEXT,
    basis_points INTEGER,
    role         TEXT,
    -- An argon2id hash.
    pin          TEXT,
    -- A product is sold, somebody works here.
    active       INTEGER NOT NULL,
    -- When a product is low, in thousandths.
    low_at       INTEGER,
    PRIMARY KEY (shop, kind, id, position)
) STRICT, WITHOUT ROWID;

-- What scanners read, on the products that are sold now.
CREATE TABLE barcodes (
    shop    INTEGER NOT NULL,
    code    TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (shop, code, product)
) STRICT, WITHOUT ROWID;
CREATE INDEX barcodes_of_product ON barcodes (shop, product);

-- What each fact did to the stock of each product, in thousandths.
CREATE TABLE goods (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    change      INTEGER NOT NULL,
    PRIMARY KEY (shop, product, till, incarnation, number)
) STRICT, WITHOUT ROWID;

-- What was counted of each product, without what its writer knew beyond what it had seen.
CREATE TABLE counts (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    -- How others refer to it, and when it was made.
    cited       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    PRIMARY KEY (shop, product, till, incarnation, number)
) STRICT, WITHOUT ROWID;
-- In whose place a count stands.
CREATE TABLE replaced (
    shop        INTEGER NOT NULL,
    cited       TEXT NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    PRIMARY KEY (shop, cited, till, incarnation, number)
) STRICT, WITHOUT ROWID;
-- How far a count's writer knew the cloud's journals.
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

-- What there is: what was counted last, and what happened beyond that, less the sales that were cancelled. Below
-- zero, more was sold than was known to be there.
CREATE TABLE stock (
    shop        INTEGER NOT NULL,
    product     TEXT NOT NULL,
    level       INTEGER NOT NULL,
    -- The count that stands, if anybody ever counted it.
    till        INTEGER,
    incarnation INTEGER,
    number      INTEGER,
    PRIMARY KEY (shop, product)
) STRICT, WITHOUT ROWID;

-- How this machine's clock stands to the cloud's, in milliseconds: the cloud's less ours. One row.
CREATE TABLE clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    offset      INTEGER NOT NULL,
    uncertainty INTEGER NOT NULL
) STRICT;
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

-- Up to where a journal is not here: a new till enters each shortly before today, and what lies before comes
-- backwards while it sells. A journal without a row is here from its beginning.
CREATE TABLE bases (
    shop        INTEGER NOT NULL,
    till        INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    chain       BLOB NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

-- Where the older part of a shop's payment feed was left; without a row all of it is here.
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

-- How far head office has each journal, as it told the cloud.
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
    -- Up to here it is what we have too; a number alone does not tell.
    same        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (shop, till, incarnation)
) STRICT, WITHOUT ROWID;

-- What came here under a name whose journal goes another way in the cloud: the file of its till had been copied, and
-- it told us before it knew. It counts no more, and is kept, also after its till has written it again.
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
    -- Why, and when that was found.
    reason      TEXT NOT NULL,
    found       INTEGER NOT NULL,
    -- The name under which its till wrote it again.
    became      TEXT,
    PRIMARY KEY (shop, till, incarnation, number, chain)
) STRICT, WITHOUT ROWID;
