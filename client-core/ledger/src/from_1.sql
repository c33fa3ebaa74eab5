-- From schema 1 to schema 2: what Safaricom says when it is asked, reversals, and what a shop chooses.
ALTER TABLE shops ADD COLUMN head_office TEXT;
ALTER TABLE shops ADD COLUMN validation TEXT NOT NULL DEFAULT 'accept_all';
ALTER TABLE shops ADD COLUMN second_source_from INTEGER;
ALTER TABLE shops ADD COLUMN review_from INTEGER NOT NULL DEFAULT 10000000;
ALTER TABLE feed ADD COLUMN order_sale TEXT;
ALTER TABLE pushes ADD COLUMN queries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pushes ADD COLUMN queried_at INTEGER;
ALTER TABLE sales ADD COLUMN reversed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN disagreements TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN reversed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN order_sale TEXT;
ALTER TABLE payments ADD COLUMN asked_for TEXT;
-- Schema 1 knew that messages disagreed, and not in what: it was the amount or the number.
UPDATE payments SET disagreements = 'amount' WHERE disagreement = 1;
ALTER TABLE payments DROP COLUMN disagreement;
-- Schema 1 kept a push that ended without money under the name of one that was paid: its late success would
-- be taken for a repetition.
UPDATE feed SET source = 'stk_failure' WHERE source = 'stk_result' AND receipt IS NULL;
CREATE INDEX pushes_by_time ON pushes (at);
CREATE INDEX payments_by_receipt ON payments (receipt);
CREATE INDEX payments_of_sale ON payments (sale) WHERE sale IS NOT NULL;
CREATE INDEX payments_unconfirmed ON payments (shop, amount) WHERE confirmed = 0 AND sale IS NOT NULL;
UPDATE payments SET asked_for = (SELECT f.sale FROM feed f WHERE f.shop = payments.shop
  AND f.receipt = payments.receipt AND f.sale IS NOT NULL);
CREATE INDEX payments_astray ON payments (shop) WHERE sale IS NOT asked_for AND asked_for IS NOT NULL;
CREATE INDEX payments_disagreeing ON payments (shop, paid_at) WHERE disagreements <> '';
DROP INDEX sales_in_conflict;
CREATE INDEX sales_in_conflict ON sales (shop) WHERE conflict = 1 OR reversed = 1;
CREATE INDEX sales_reversed ON sales (shop, till) WHERE reversed = 1;
