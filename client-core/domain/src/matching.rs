//! What fits what: ranked candidates with the reasons a cashier can read, and the proposals that leave
//! no doubt. Nothing is decided here; a till records a claim.

use crate::{FactId, Money, ReceiptCode, Rules, Timestamp};
use std::collections::BTreeMap;

/// A sale that still owes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSale {
    /// Its name.
    pub id: FactId,
    /// What it still owes.
    pub due: Money,
    /// When it was made.
    pub at: Timestamp,
    /// The names a customer may type as account reference: short reference and order number.
    pub references: Vec<String>,
}

/// A payment that no sale has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreePayment {
    /// Its receipt code.
    pub receipt: ReceiptCode,
    /// How much arrived.
    pub amount: Money,
    /// When it was paid, by Safaricom's clock.
    pub paid_at: Timestamp,
    /// What the customer typed as account number.
    pub account_reference: String,
    /// The sale that was named when the payment was validated.
    pub order: Option<FactId>,
}

/// A payment that could settle a sale, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The sale.
    pub sale: FactId,
    /// The payment.
    pub receipt: ReceiptCode,
    /// The account reference names the sale, or its validation did.
    pub named: bool,
    /// Whole minutes between sale and payment, either way.
    pub minutes_apart: u64,
    /// Inside the window. What is outside is shown with a warning, never hidden.
    pub in_window: bool,
}

impl Candidate {
    /// The reasons, in words.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = vec!["same amount".to_owned()];
        if self.named {
            reasons.push("the payment names this sale".to_owned());
        }
        reasons.push(match self.minutes_apart {
            0 => "less than a minute apart".to_owned(),
            1 => "1 minute apart".to_owned(),
            minutes => format!("{minutes} minutes apart"),
        });
        if !self.in_window {
            reasons.push("outside the usual time window".to_owned());
        }
        reasons
    }
}

/// The payments that fit one sale, best first: named ones, then the nearest in time.
pub fn candidates(sale: &OpenSale, payments: &[FreePayment], rules: Rules) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = payments.iter().filter_map(|p| candidate(sale, p, rules)).collect();
    found.sort_by(|a, b| rank(a).cmp(&rank(b)));
    found
}

/// Pairs of one sale and one payment that fit each other and nothing else within the window.
///
/// A reference is stronger than a time: a payment that names one open sale is proposed for it alone.
/// Two that fit equally are left to a person (field study W6).
pub fn proposals(sales: &[OpenSale], payments: &[FreePayment], rules: Rules) -> Vec<Candidate> {
    let mut by_due: BTreeMap<Money, Vec<&OpenSale>> = BTreeMap::new();
    for sale in sales {
        by_due.entry(sale.due).or_default().push(sale);
    }
    let mut fitting: Vec<Candidate> = Vec::new();
    for payment in payments {
        let same_amount = by_due.get(&payment.amount).into_iter().flatten();
        let fits: Vec<Candidate> = same_amount.filter_map(|sale| candidate(sale, payment, rules)).collect();
        // What names a sale is for that sale alone: where the sale is out of the window, owes another amount
        // or is not here at all, a person decides, and no other sale gets the payment by its amount.
        let named = payment.order.is_some() || sales.iter().any(|sale| names(payment, sale));
        fitting.extend(fits.into_iter().filter(|c| c.in_window && (c.named || !named)));
    }
    let named_sales: Vec<FactId> = fitting.iter().filter(|c| c.named).map(|c| c.sale).collect();
    fitting.retain(|c| c.named || !named_sales.contains(&c.sale));
    unique(fitting)
}

fn unique(fitting: Vec<Candidate>) -> Vec<Candidate> {
    let mut by_sale: BTreeMap<FactId, u32> = BTreeMap::new();
    let mut by_receipt: BTreeMap<ReceiptCode, u32> = BTreeMap::new();
    for c in &fitting {
        let (s, r) = (by_sale.entry(c.sale).or_default(), by_receipt.entry(c.receipt.clone()).or_default());
        (*s, *r) = (s.saturating_add(1), r.saturating_add(1));
    }
    let alone = |c: &Candidate| by_sale.get(&c.sale) == Some(&1) && by_receipt.get(&c.receipt) == Some(&1);
    fitting.into_iter().filter(alone).collect()
}

fn candidate(sale: &OpenSale, payment: &FreePayment, rules: Rules) -> Option<Candidate> {
    if sale.due != payment.amount {
        return None;
    }
    let apart = sale.at.distance_millis(payment.paid_at);
    Some(Candidate {
        sale: sale.id,
        receipt: payment.receipt.clone(),
        named: names(payment, sale),
        minutes_apart: apart.checked_div(60_000).unwrap_or(0),
        in_window: apart <= rules.window_millis(),
    })
}

/// Whether a payment names a sale: by its validation, or else by what the customer typed.
fn names(payment: &FreePayment, sale: &OpenSale) -> bool {
    let reference = fold(&payment.account_reference);
    match payment.order {
        Some(order) => order == sale.id,
        None => !reference.is_empty() && sale.references.iter().any(|name| fold(name) == reference),
    }
}

/// A reference as it is compared: people type them, so case and everything but letters and digits is
/// forgiven.
pub fn fold(reference: &str) -> String {
    reference.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn rank(c: &Candidate) -> (bool, bool, u64, &ReceiptCode) {
    (!c.named, !c.in_window, c.minutes_apart, &c.receipt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, TillId};
    use proptest::prelude::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).unwrap().plus_millis(minute * 60_000)
    }

    fn sale(number: u64, shillings: i64, minute: i64) -> OpenSale {
        let id = FactId { actor: Actor::first(TillId(1)), number };
        OpenSale {
            id,
            due: Money::from_cents(shillings * 100),
            at: at(minute),
            references: vec![format!("A{number}")],
        }
    }

    fn payment(code: &str, shillings: i64, minute: i64, reference: &str) -> FreePayment {
        FreePayment {
            receipt: ReceiptCode::parse(code).unwrap(),
            amount: Money::from_cents(shillings * 100),
            paid_at: at(minute),
            account_reference: reference.to_owned(),
            order: None,
        }
    }

    fn check(sales: &[OpenSale], payments: &[FreePayment], expected: &[(u64, &str)]) {
        let found = proposals(sales, payments, Rules::default());
        let found: Vec<(u64, &str)> = found.iter().map(|c| (c.sale.number, c.receipt.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_sale_and_one_payment_that_fit_are_proposed() {
        check(&[sale(1, 500, 0)], &[payment("AAA1", 500, 3, "")], &[(1, "AAA1")]);
        check(&[sale(1, 500, 3)], &[payment("AAA1", 500, 0, "")], &[(1, "AAA1")]);
    }

    #[test]
    fn two_sales_of_the_same_total_are_left_to_a_person() {
        check(&[sale(1, 500, 0), sale(2, 500, 1)], &[payment("AAA1", 500, 2, "")], &[]);
    }

    #[test]
    fn two_payments_of_the_same_amount_are_left_to_a_person() {
        check(&[sale(1, 500, 0)], &[payment("AAA1", 500, 2, ""), payment("AAA2", 500, 2, "")], &[]);
    }

    #[test]
    fn a_reference_tells_two_equal_sales_apart() {
        check(&[sale(1, 500, 0), sale(2, 500, 1)], &[payment("AAA1", 500, 2, " a-2 ")], &[(2, "AAA1")]);
    }

    #[test]
    fn a_named_payment_leaves_the_other_payment_to_the_other_sale() {
        let sales = [sale(1, 500, 0), sale(2, 500, 1)];
        let payments = [payment("AAA1", 500, 2, "A2"), payment("AAA2", 500, 2, "")];
        check(&sales, &payments, &[(2, "AAA1"), (1, "AAA2")]);
    }

    #[test]
    fn outside_the_window_is_shown_and_never_proposed() {
        check(&[sale(1, 500, 0)], &[payment("AAA1", 500, 11, "")], &[]);
        let shown = candidates(&sale(1, 500, 0), &[payment("AAA1", 500, 11, "")], Rules::default());
        assert_eq!(shown.len(), 1);
        assert!(shown[0].reasons().contains(&"outside the usual time window".to_owned()));
    }

    #[test]
    fn candidates_come_named_first_then_nearest() {
        let payments = [
            payment("FAR1", 500, 9, ""),
            payment("NEAR1", 500, 1, ""),
            payment("NAMED1", 500, 30, "A1"),
            payment("OTHER", 501, 0, ""),
        ];
        let found = candidates(&sale(1, 500, 0), &payments, Rules::default());
        let order: Vec<&str> = found.iter().map(|c| c.receipt.as_str()).collect();
        assert_eq!(order, ["NAMED1", "NEAR1", "FAR1"]);
    }

    #[test]
    fn a_payment_that_names_an_old_sale_is_no_younger_sales() {
        let typed = payment("TYPED1", 500, 16, "A1");
        check(&[sale(1, 500, 0), sale(2, 500, 15)], &[typed], &[]);
        let bound = FreePayment { order: Some(sale(1, 500, 0).id), ..payment("BOUND1", 500, 16, "A2") };
        check(&[sale(1, 500, 0), sale(2, 500, 15)], std::slice::from_ref(&bound), &[]);
        // The sale it was validated for is settled meanwhile, and not among the open ones.
        check(&[sale(2, 500, 15)], &[bound], &[]);
        // It names an open sale that owes another amount.
        check(&[sale(1, 70, 15), sale(2, 500, 15)], &[payment("OTHER1", 500, 16, "A1")], &[]);
    }

    #[test]
    fn a_payment_that_was_validated_for_a_sale_is_that_sales_among_equals() {
        let bound = FreePayment { order: Some(sale(2, 500, 0).id), ..payment("BOUND1", 500, 1, "") };
        let found = proposals(&[sale(1, 500, 0), sale(2, 500, 0)], &[bound], Rules::default());
        assert_eq!(found.iter().map(|c| c.sale.number).collect::<Vec<_>>(), [2]);
    }

    prop_compose! {
        fn any_sale()(number in 1u64..9, shillings in 1i64..4, minute in 0i64..30) -> OpenSale {
            sale(number, shillings, minute)
        }
    }
    prop_compose! {
        fn any_payment()(code in 0u32..9, shillings in 1i64..4, minute in 0i64..30, named in 0u64..12) -> FreePayment {
            let reference = if named < 9 { format!("A{named}") } else { String::new() };
            payment(&format!("PAY{code}"), shillings, minute, &reference)
        }
    }

    fn world() -> impl Strategy<Value = (Vec<OpenSale>, Vec<FreePayment>)> {
        (prop::collection::vec(any_sale(), 0..8), prop::collection::vec(any_payment(), 0..8)).prop_map(
            |(mut s, mut p)| {
                s.sort_by_key(|s| s.id);
                s.dedup_by_key(|s| s.id);
                p.sort_by(|a, b| a.receipt.cmp(&b.receipt));
                p.dedup_by(|a, b| a.receipt == b.receipt);
                (s, p)
            },
        )
    }

    proptest! {
        #[test]
        fn each_payment_and_each_sale_is_proposed_at_most_once((sales, payments) in world()) {
            let found = proposals(&sales, &payments, Rules::default());
            let mut receipts: Vec<_> = found.iter().map(|c| c.receipt.clone()).collect();
            let mut ids: Vec<_> = found.iter().map(|c| c.sale).collect();
            let count = found.len();
            receipts.sort();
            receipts.dedup();
            ids.sort();
            ids.dedup();
            prop_assert_eq!((receipts.len(), ids.len()), (count, count));
        }

        #[test]
        fn proposals_do_not_depend_on_order((sales, payments) in world()) {
            let sorted = |mut found: Vec<Candidate>| { found.sort_by_key(|c| c.sale); found };
            let forward = sorted(proposals(&sales, &payments, Rules::default()));
            let (mut s, mut p) = (sales, payments);
            s.reverse();
            p.reverse();
            prop_assert_eq!(forward, sorted(proposals(&s, &p, Rules::default())));
        }
    }
}
