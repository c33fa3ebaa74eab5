//! What fits what: ranked candidates with the reasons a cashier can read, and the proposals that leave
//! no doubt. Nothing is decided here; a till records a claim.

use crate::{FactId, Money, PhoneEnding, ReceiptCode, Rules, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A reference as it is compared. People type them, so case, blanks, dashes and everything else but letters and
/// digits is forgiven, and so is O for 0 and I for 1. What may then mean two sales means both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Reference(String);

impl Reference {
    /// A reference as somebody typed it.
    pub fn typed(text: &str) -> Self {
        let kept = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase);
        Self(kept.map(|c| as_digit(c).unwrap_or(c)).collect())
    }

    /// The text that stands for it; empty where nothing was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number behind a till's letter, if that is what this is: `A42` behind `A` is 42.
    pub fn number_behind(&self, letter: &str) -> Option<u64> {
        let digits = self.0.strip_prefix(Self::typed(letter).as_str())?;
        digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// The digit that a letter is mistaken for.
pub(crate) const fn as_digit(c: char) -> Option<char> {
    match c {
        'O' => Some('0'),
        'I' => Some('1'),
        _ => None,
    }
}

/// A sale as matching sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSale {
    /// Its name.
    pub id: FactId,
    /// What it still owes.
    pub due: Money,
    /// When it was made, by the cloud's clock.
    pub at: Timestamp,
    /// By how much that may be wrong either way, in milliseconds; `None` where the till had never held its clock
    /// against the cloud's.
    pub unsure_millis: Option<u32>,
    /// Its short references: the one it has now, and the one on its receipt.
    pub references: Vec<Reference>,
    /// The shop's own order number.
    pub order: Option<Reference>,
    /// The codes that were typed for it and whose payments nobody has seen.
    pub codes: Vec<ReceiptCode>,
    /// The endings of the numbers that its customer pays from, as a cashier took them down.
    pub phones: Vec<PhoneEnding>,
    /// The endings of the numbers that were asked to pay for it; whoever is asked may still pay from another.
    pub prompted: Vec<PhoneEnding>,
    /// A person has to look at it first: nothing is proposed for it, and what fits it fits nothing else surely.
    pub doubtful: bool,
}

/// A payment as matching sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its receipt code.
    pub receipt: ReceiptCode,
    /// How much of it no sale has.
    pub amount: Money,
    /// When it was paid, by Safaricom's clock.
    pub paid_at: Timestamp,
    /// What the customer typed as account number.
    pub reference: Reference,
    /// The sale that was named when the payment was validated.
    pub order: Option<FactId>,
    /// The sale for which the customer's phone was asked, where the payment answers that.
    pub asked_for: Option<FactId>,
    /// The ending of the number it was paid from, where Safaricom shows it.
    pub phone: Option<PhoneEnding>,
    /// A sale has it already.
    pub used: bool,
    /// A person has to look at it first, because what is told of it does not agree.
    pub doubtful: bool,
}

/// What ties a payment to a sale, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tie {
    /// It answers the request that was sent for this sale.
    Asked,
    /// It named this sale when it was validated.
    Validated,
    /// The customer typed this sale's short reference.
    Reference,
    /// The customer typed this sale's order number.
    Order,
    /// It has the code that was typed for this sale.
    Code,
    /// It has nearly the code that was typed for this sale.
    NearCode,
    /// It came from a number with the ending that was noted for this sale.
    Phone(PhoneEnding),
}

impl Tie {
    const fn names(self) -> bool {
        matches!(self, Self::Validated | Self::Reference | Self::Order)
    }
}

/// A payment that could settle a sale, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The sale.
    pub sale: FactId,
    /// The payment.
    pub receipt: ReceiptCode,
    /// What ties the two, strongest first.
    pub ties: Vec<Tie>,
    /// What the payment has beyond what the sale owes; below nothing, what it is short of it.
    pub beyond: Money,
    /// The number it came from ends otherwise than the one noted for the sale.
    pub other_phone: Option<PhoneEnding>,
    /// Between sale and payment, either way, in milliseconds.
    pub apart_millis: u64,
    /// By how much that may be wrong; `None` where nobody measured it.
    pub unsure_millis: Option<u32>,
    /// Inside the window, or maybe inside it. What is outside is shown with a warning, never hidden.
    pub in_window: bool,
    /// A sale has the payment already: it is shown, and can not be had.
    pub used: bool,
    /// It answers the request that was sent for another sale.
    pub asked_elsewhere: bool,
    /// It fits well enough to be claimed by itself, if nothing else fits.
    sure: bool,
}

impl Candidate {
    /// The account reference names the sale, or the payment's validation did.
    pub fn named(&self) -> bool {
        self.ties.iter().any(|tie| tie.names())
    }

    /// The reasons, in words.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.ties.iter().map(|tie| tie_words(*tie)).collect();
        reasons.push(match self.beyond {
            Money::ZERO => "same amount".to_owned(),
            short if short < Money::ZERO => format!("short by {}", -short),
            much => format!("{much} too much"),
        });
        if let Some(other) = self.other_phone {
            reasons.push(format!("paid from another number, which ends in {other}"));
        }
        reasons.push(apart_words(self.apart_millis, self.unsure_millis));
        if !self.in_window {
            reasons.push("outside the usual time window".to_owned());
        }
        reasons
    }

    /// What comes first when people choose: what can still be had, what ties, the right amount, the nearest.
    fn rank(&self) -> impl Ord + use<'_> {
        let tie = self.ties.first().map_or(usize::MAX, |tie| match tie {
            Tie::Asked => 0,
            Tie::Validated | Tie::Reference | Tie::Order => 1,
            Tie::Code => 2,
            Tie::NearCode => 3,
            Tie::Phone(_) => 4,
        });
        let against = (self.other_phone.is_some(), self.asked_elsewhere);
        let same = self.beyond == Money::ZERO;
        // A number's ending alone says less than the amount.
        let tie = if tie == 4 && !same { usize::MAX } else { tie };
        (self.used, tie, !same, against, !self.in_window, self.apart_millis, &self.receipt, self.sale)
    }

    /// Whether the payment may be meant for the sale, as far as amount and time tell.
    fn fits(&self) -> bool {
        self.beyond == Money::ZERO && self.in_window && !self.used && !self.asked_elsewhere
    }
}

fn tie_words(tie: Tie) -> String {
    match tie {
        Tie::Asked => "answers the request that was sent for this sale".to_owned(),
        Tie::Validated => "named this sale when Safaricom asked".to_owned(),
        Tie::Reference => "the customer typed this sale's reference".to_owned(),
        Tie::Order => "the customer typed this sale's order number".to_owned(),
        Tie::Code => "has the code that was typed for this sale".to_owned(),
        Tie::NearCode => "nearly the code that was typed for this sale".to_owned(),
        Tie::Phone(ending) => format!("paid from a number that ends in {ending}, as was noted"),
    }
}

/// How far apart two instants are, in words: "3 minutes apart, give or take 2".
fn apart_words(apart_millis: u64, unsure_millis: Option<u32>) -> String {
    let minutes = apart_millis.checked_div(60_000).unwrap_or(0);
    let hours = minutes.checked_div(60).unwrap_or(0);
    let apart = match (minutes, hours) {
        (0, _) => "less than a minute apart".to_owned(),
        (1, _) => "1 minute apart".to_owned(),
        (minutes, 0..2) => format!("{minutes} minutes apart"),
        (_, hours @ ..48) => format!("{hours} hours apart"),
        (_, hours) => format!("{} days apart", hours.checked_div(24).unwrap_or(0)),
    };
    match unsure_millis {
        None => format!("{apart}, by a clock that was never compared with the cloud's"),
        Some(..60_000) => apart,
        Some(unsure @ ..86_400_000) => format!("{apart}, give or take {}", unsure.div_ceil(60_000)),
        Some(_) => format!("{apart}, by a clock that was wrong"),
    }
}

/// The payments that may be for a sale, best first.
pub fn payments_for(sale: &OpenSale, payments: &[Incoming], rules: &Rules) -> Vec<Candidate> {
    ranked(payments.iter().map(|payment| candidate(sale, payment, rules)))
}

/// The sales that a payment may be for, best first.
pub fn sales_for(payment: &Incoming, sales: &[OpenSale], rules: &Rules) -> Vec<Candidate> {
    ranked(sales.iter().map(|sale| candidate(sale, payment, rules)))
}

fn ranked(candidates: impl Iterator<Item = Candidate>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = candidates.collect();
    found.sort_by(|a, b| a.rank().cmp(&b.rank()));
    found
}

fn candidate(sale: &OpenSale, payment: &Incoming, rules: &Rules) -> Candidate {
    let (apart, window) = (sale.at.distance_millis(payment.paid_at), rules.window_millis());
    let unsure = sale.unsure_millis.map_or(0, u64::from);
    let known = || sale.phones.iter().chain(&sale.prompted);
    let agrees = payment.phone.filter(|paid| known().any(|known| known == paid));
    let asked_elsewhere = payment.asked_for.is_some_and(|asked| asked != sale.id);
    let other_phone = payment.phone.filter(|_| agrees.is_none() && !sale.phones.is_empty());
    let sound = !sale.doubtful && !payment.doubtful && other_phone.is_none() && !asked_elsewhere;
    Candidate {
        sale: sale.id,
        receipt: payment.receipt.clone(),
        ties: ties(sale, payment).chain(agrees.map(Tie::Phone)).collect(),
        beyond: payment.amount - sale.due,
        other_phone,
        apart_millis: apart,
        unsure_millis: sale.unsure_millis,
        in_window: apart <= window.saturating_add(unsure),
        used: payment.used,
        asked_elsewhere,
        sure: sound && apart.saturating_add(unsure) <= window,
    }
}

fn ties<'a>(sale: &'a OpenSale, payment: &'a Incoming) -> impl Iterator<Item = Tie> + use<'a> {
    let asked = (payment.asked_for == Some(sale.id)).then_some(Tie::Asked);
    let typed = || Some(&payment.reference).filter(|it| payment.order.is_none() && !it.as_str().is_empty());
    let named = match payment.order {
        Some(order) => (order == sale.id).then_some(Tie::Validated),
        None if typed().is_some_and(|it| sale.references.contains(it)) => Some(Tie::Reference),
        None => typed().filter(|it| sale.order.as_ref() == Some(*it)).map(|_| Tie::Order),
    };
    let near = |code: &&ReceiptCode| code.is_nearly(&payment.receipt);
    let code = match sale.codes.contains(&payment.receipt) {
        true => Some(Tie::Code),
        false => sale.codes.iter().find(near).map(|_| Tie::NearCode),
    };
    asked.into_iter().chain(named).chain(code)
}

/// Pairs of one sale and one payment that fit each other and nothing else within the window.
///
/// A reference is stronger than a time: a payment that names one sale is proposed for it alone, so the sales that
/// payments name have to be among those given, whether or not they owe anything. Two that fit equally are left to
/// a person (field study W6).
pub fn proposals(sales: &[OpenSale], payments: &[Incoming], rules: &Rules) -> Vec<Candidate> {
    let books = Books::of(sales, payments, rules);
    payments.iter().filter_map(|payment| books.only_match(payment)).collect()
}

/// Sales and payments by what they are looked up by.
struct Books<'a> {
    rules: &'a Rules,
    /// What is owed, and when it was sold: in the order of time.
    sales: BTreeMap<Money, Vec<&'a OpenSale>>,
    payments: BTreeMap<Money, Vec<&'a Incoming>>,
    /// Sales whose time is so doubtful that they may lie in any window.
    adrift: BTreeMap<Money, Vec<&'a OpenSale>>,
    names: BTreeMap<&'a Reference, Vec<&'a OpenSale>>,
    ids: BTreeMap<FactId, &'a OpenSale>,
    /// Payments that name each sale and fit it.
    named: BTreeMap<FactId, Vec<&'a Incoming>>,
}

impl<'a> Books<'a> {
    fn of(sales: &'a [OpenSale], payments: &'a [Incoming], rules: &'a Rules) -> Self {
        let (named, ids) = (BTreeMap::new(), sales.iter().map(|sale| (sale.id, sale)).collect());
        let (sold, adrift, names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut books = Self { rules, sales: sold, payments: BTreeMap::new(), adrift, names, ids, named };
        for sale in sales {
            let lost = u64::from(sale.unsure_millis.unwrap_or(0)) > rules.window_millis();
            let list = if lost { &mut books.adrift } else { &mut books.sales };
            list.entry(sale.due).or_default().push(sale);
            for name in sale.references.iter().chain(&sale.order) {
                books.names.entry(name).or_default().push(sale);
            }
        }
        for payment in payments {
            books.payments.entry(payment.amount).or_default().push(payment);
        }
        books.sales.values_mut().for_each(|list| list.sort_by_key(|sale| sale.at));
        books.payments.values_mut().for_each(|list| list.sort_by_key(|payment| payment.paid_at));
        for payment in payments {
            for sale in books.named_by(payment) {
                if candidate(sale, payment, rules).fits() {
                    books.named.entry(sale.id).or_default().push(payment);
                }
            }
        }
        books
    }

    /// The sales that a payment names, by its validation or by what the customer typed.
    fn named_by(&self, payment: &Incoming) -> Vec<&'a OpenSale> {
        match payment.order {
            Some(order) => self.ids.get(&order).copied().into_iter().collect(),
            None => {
                let named = self.names.get(&payment.reference).into_iter().flatten().copied();
                let mut seen = BTreeSet::new();
                named.filter(|sale| seen.insert(sale.id)).collect()
            }
        }
    }

    /// Whether a payment names a sale, here or not: then it is for no other by its amount.
    fn names_one(&self, payment: &Incoming) -> bool {
        let typed = || !payment.reference.as_str().is_empty() && self.names.contains_key(&payment.reference);
        payment.order.is_some() || typed()
    }

    /// What fits a payment, two at most: more than one is too many.
    fn sales_of(&self, payment: &Incoming) -> Vec<Candidate> {
        let fits = |sale: &&'a OpenSale| candidate(sale, payment, self.rules).fits();
        let own: Vec<&OpenSale> = if self.names_one(payment) {
            self.named_by(payment).into_iter().filter(fits).take(2).collect()
        } else {
            let list = self.sales.get(&payment.amount).map_or(&[][..], Vec::as_slice);
            let near = self.around(list, payment.paid_at, |sale| sale.at);
            let adrift = self.adrift.get(&payment.amount).into_iter().flatten();
            let unnamed = |sale: &&OpenSale| !self.named.contains_key(&sale.id);
            near.iter().chain(adrift).copied().filter(unnamed).filter(fits).take(2).collect()
        };
        own.into_iter().map(|sale| candidate(sale, payment, self.rules)).collect()
    }

    /// How many payments fit a sale, two at most.
    fn payments_of(&self, sale: &OpenSale) -> usize {
        if let Some(named) = self.named.get(&sale.id) {
            return named.len();
        }
        let fits =
            |payment: &&&Incoming| candidate(sale, payment, self.rules).fits() && !self.names_one(payment);
        let list = self.payments.get(&sale.due).map_or(&[][..], Vec::as_slice);
        let lost = u64::from(sale.unsure_millis.unwrap_or(0)) > self.rules.window_millis();
        let near = if lost { list } else { self.around(list, sale.at, |payment| payment.paid_at) };
        near.iter().filter(fits).take(2).count()
    }

    /// The one sale that fits a payment, if it fits nothing else either, and surely.
    fn only_match(&self, payment: &Incoming) -> Option<Candidate> {
        let [only] = <[Candidate; 1]>::try_from(self.sales_of(payment)).ok()?;
        let sale = self.ids.get(&only.sale)?;
        Some(only).filter(|it| it.sure && self.payments_of(sale) == 1)
    }

    /// What of a list in the order of time lies near an instant: twice the window, for clocks that are unsure.
    fn around<'b, T>(&self, list: &'b [T], at: Timestamp, of: impl Fn(&T) -> Timestamp) -> &'b [T] {
        let reach = i64::try_from(self.rules.window_millis().saturating_mul(2)).unwrap_or(i64::MAX);
        let first = list.partition_point(|it| of(it) < at.plus_millis(reach.saturating_neg()));
        let end = list.partition_point(|it| of(it) <= at.plus_millis(reach));
        list.get(first..end).unwrap_or_default()
    }
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
            unsure_millis: Some(40),
            references: vec![Reference::typed(&format!("A{number}"))],
            order: None,
            codes: vec![],
            phones: vec![],
            prompted: vec![],
            doubtful: false,
        }
    }

    fn payment(code: &str, shillings: i64, minute: i64, reference: &str) -> Incoming {
        Incoming {
            receipt: ReceiptCode::parse(code).unwrap(),
            amount: Money::from_cents(shillings * 100),
            paid_at: at(minute),
            reference: Reference::typed(reference),
            order: None,
            asked_for: None,
            phone: None,
            used: false,
            doubtful: false,
        }
    }

    fn ending(digits: &str) -> PhoneEnding {
        PhoneEnding::parse(digits).unwrap()
    }

    fn check(sales: &[OpenSale], payments: &[Incoming], expected: &[(u64, &str)]) {
        let found = proposals(sales, payments, &Rules::default());
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
        let shown = payments_for(&sale(1, 500, 0), &[payment("AAA1", 500, 11, "")], &Rules::default());
        assert!(shown[0].reasons().contains(&"outside the usual time window".to_owned()));
    }

    #[test]
    fn candidates_come_asked_first_then_named_then_by_code_then_by_amount_and_nearest_and_used_ones_last() {
        let meant = OpenSale {
            codes: vec![ReceiptCode::parse("CODE12").unwrap(), ReceiptCode::parse("NEARLY0").unwrap()],
            phones: vec![ending("678")],
            ..sale(1, 500, 0)
        };
        let phone = |digits| Some(ending(digits));
        let payments = [
            Incoming { used: true, ..payment("USED1", 500, 0, "A1") },
            Incoming { asked_for: Some(sale(2, 500, 0).id), ..payment("ELSEWHERE", 500, 0, "") },
            payment("SHORT1", 450, 0, ""),
            payment("FAR1", 500, 9, ""),
            payment("NEAR1", 500, 1, ""),
            payment("OUTSIDE", 500, 11, ""),
            Incoming { phone: phone("123"), ..payment("STRANGER", 500, 0, "") },
            Incoming { phone: phone("678"), ..payment("FRIEND", 500, 9, "") },
            payment("NEARLYO", 500, 5, ""),
            payment("CODE12", 450, 5, ""),
            payment("NAMED1", 510, 30, "a 1"),
            Incoming { asked_for: Some(meant.id), ..payment("ASKED1", 500, 30, "") },
        ];
        let found = payments_for(&meant, &payments, &Rules::default());
        let order: Vec<&str> = found.iter().map(|c| c.receipt.as_str()).collect();
        assert_eq!(
            order,
            [
                "ASKED1",
                "NAMED1",
                "CODE12",
                "NEARLYO",
                "FRIEND",
                "NEAR1",
                "FAR1",
                "OUTSIDE",
                "ELSEWHERE",
                "STRANGER",
                "SHORT1",
                "USED1"
            ]
        );
    }

    #[test]
    fn every_candidate_says_why_in_words() {
        let said = |sale: &OpenSale, payment: Incoming| {
            payments_for(sale, &[payment], &Rules::default()).remove(0).reasons().join("; ")
        };
        let it = OpenSale { phones: vec![ending("678")], ..sale(1, 500, 0) };
        let from = |digits, payment| Incoming { phone: Some(ending(digits)), ..payment };
        assert_eq!(
            said(&it, from("678", payment("AAA1", 450, 3, "al"))),
            "paid from a number that ends in 678, as was noted; short by 50.00; 3 minutes apart"
        );
        assert_eq!(
            said(&it, from("123", payment("AAA1", 550, 1, "A-I"))),
            "the customer typed this sale's reference; 50.00 too much; paid from another number, which ends in 123; \
             1 minute apart"
        );
        let order = OpenSale { order: Some(Reference::typed("POS-7O")), ..sale(1, 500, 0) };
        let order = said(&order, payment("AAA1", 500, 180, "pos 70"));
        assert_eq!(
            order,
            "the customer typed this sale's order number; same amount; 3 hours apart; outside the usual time window"
        );
        let when = |unsure_millis, minute| {
            let sale = OpenSale { unsure_millis, ..sale(1, 500, 0) };
            said(&sale, payment("AAA1", 500, minute, "")).replace("same amount; ", "")
        };
        assert_eq!(when(Some(61_000), 3), "3 minutes apart, give or take 2");
        assert_eq!(
            when(None, 0),
            "less than a minute apart, by a clock that was never compared with the cloud's"
        );
        assert_eq!(when(Some(u32::MAX), 4 * 24 * 60), "4 days apart, by a clock that was wrong");
    }

    #[test]
    fn references_are_read_as_people_type_them() {
        for typed in ["A101", "a 1o1", "a-ioi", " A/1.0.1 "] {
            assert_eq!(Reference::typed(typed), Reference::typed("A101"), "{typed}");
            assert_eq!(Reference::typed(typed).number_behind("A"), Some(101), "{typed}");
        }
        assert_eq!(Reference::typed("O7").number_behind("O"), Some(7));
        for typed in ["A", "AB1", "A1B", "B1", "", "A99999999999999999999"] {
            assert_eq!(Reference::typed(typed).number_behind("A"), None, "{typed}");
        }
    }

    #[test]
    fn a_time_that_is_not_sure_proposes_nothing_and_stands_in_the_way() {
        let unsure = OpenSale { unsure_millis: Some(8 * 60_000), ..sale(1, 500, 0) };
        let lost = OpenSale { unsure_millis: Some(u32::MAX), ..sale(1, 500, 5_000) };
        for sale_1 in [unsure, lost] {
            check(std::slice::from_ref(&sale_1), &[payment("AAA1", 500, 3, "")], &[]);
            check(&[sale_1.clone(), sale(2, 500, 2)], &[payment("AAA1", 500, 3, "")], &[]);
            check(&[sale_1, sale(2, 400, 2)], &[payment("AAA1", 400, 3, "")], &[(2, "AAA1")]);
        }
    }

    #[test]
    fn what_a_person_has_to_look_at_is_not_proposed_and_stands_in_the_way() {
        let looked_at = OpenSale { doubtful: true, ..sale(1, 500, 0) };
        check(std::slice::from_ref(&looked_at), &[payment("AAA1", 500, 3, "")], &[]);
        check(&[looked_at, sale(2, 500, 0)], &[payment("AAA1", 500, 3, "")], &[]);
        let disputed = Incoming { doubtful: true, ..payment("AAA1", 500, 3, "") };
        check(&[sale(1, 500, 0)], &[disputed, payment("AAA2", 500, 3, "")], &[]);
    }

    #[test]
    fn a_payment_from_another_number_than_the_noted_one_is_left_to_a_person_and_frees_nobody() {
        let noted = OpenSale { phones: vec![ending("678")], ..sale(1, 500, 0) };
        let from = |digits| Incoming { phone: Some(ending(digits)), ..payment("AAA1", 500, 3, "") };
        check(std::slice::from_ref(&noted), &[from("678")], &[(1, "AAA1")]);
        check(std::slice::from_ref(&noted), &[from("123")], &[]);
        check(&[noted, sale(2, 500, 0)], &[from("123")], &[]);
    }

    #[test]
    fn a_payment_that_was_asked_for_is_no_other_sales_and_a_used_one_nobodys() {
        let asked = Incoming { asked_for: Some(sale(7, 1, 0).id), ..payment("AAA1", 500, 3, "") };
        check(&[sale(1, 500, 0)], &[asked], &[]);
        check(&[sale(1, 500, 0)], &[Incoming { used: true, ..payment("AAA1", 500, 3, "") }], &[]);
    }

    #[test]
    fn a_payment_that_names_an_old_sale_is_no_younger_sales() {
        let typed = payment("TYPED1", 500, 16, "A1");
        check(&[sale(1, 500, 0), sale(2, 500, 15)], &[typed], &[]);
        let bound = Incoming { order: Some(sale(1, 500, 0).id), ..payment("BOUND1", 500, 16, "A2") };
        check(&[sale(1, 500, 0), sale(2, 500, 15)], std::slice::from_ref(&bound), &[]);
        // The sale it was validated for is settled meanwhile, and not among the open ones.
        check(&[sale(2, 500, 15)], &[bound], &[]);
        // It names an open sale that owes another amount.
        check(&[sale(1, 70, 15), sale(2, 500, 15)], &[payment("OTHER1", 500, 16, "A1")], &[]);
    }

    #[test]
    fn a_payment_that_was_validated_for_a_sale_is_that_sales_among_equals() {
        let bound = Incoming { order: Some(sale(2, 500, 0).id), ..payment("BOUND1", 500, 1, "") };
        let found = proposals(&[sale(1, 500, 0), sale(2, 500, 0)], &[bound], &Rules::default());
        assert_eq!(found.iter().map(|c| c.sale.number).collect::<Vec<_>>(), [2]);
    }

    prop_compose! {
        fn any_sale()(number in 1u64..9, shillings in 1i64..4, minute in 0i64..30) -> OpenSale {
            sale(number, shillings, minute)
        }
    }
    prop_compose! {
        fn any_payment()(code in 0u32..9, shillings in 1i64..4, minute in 0i64..30, named in 0u64..12) -> Incoming {
            let reference = if named < 9 { format!("A{named}") } else { String::new() };
            payment(&format!("PAY{code}"), shillings, minute, &reference)
        }
    }

    fn world() -> impl Strategy<Value = (Vec<OpenSale>, Vec<Incoming>)> {
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
            let found = proposals(&sales, &payments, &Rules::default());
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
            let forward = sorted(proposals(&sales, &payments, &Rules::default()));
            let (mut s, mut p) = (sales, payments);
            s.reverse();
            p.reverse();
            prop_assert_eq!(forward, sorted(proposals(&s, &p, &Rules::default())));
        }

        #[test]
        fn what_is_proposed_fits_its_sale_and_nothing_else_fits_either((sales, payments) in world()) {
            let rules = Rules::default();
            let named = |p: &Incoming| sales.iter().any(|s| candidate(s, p, &rules).named());
            for it in proposals(&sales, &payments, &rules) {
                let sale = sales.iter().find(|s| s.id == it.sale).unwrap();
                let payment = payments.iter().find(|p| p.receipt == it.receipt).unwrap();
                let fits = |s: &OpenSale, p: &Incoming| {
                    let c = candidate(s, p, &rules);
                    c.fits() && (c.named() || !named(p))
                };
                prop_assert!(fits(sale, payment));
                for other in sales.iter().filter(|s| s.id != it.sale && fits(s, payment)) {
                    // Only one that another payment names is out of the way.
                    prop_assert!(payments.iter().any(|p| candidate(other, p, &rules).named()), "{other:?}");
                }
                let others = payments.iter().filter(|p| p.receipt != it.receipt && fits(sale, p));
                for other in others {
                    prop_assert!(it.named() && !candidate(sale, other, &rules).named(), "{other:?}");
                }
            }
        }
    }
}
