//! The organisation statement: what the portal would export of the books, in each layout that was seen
//! (fact sheet §11).

use super::books::{Customer, Kind, Status, Transaction};
use super::numbers::Number;
use super::{Simulator, State};
use domain::{Money, Msisdn, Timestamp};
use serde::Deserialize;

/// How a statement is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A preamble, thirteen columns, `DD-MM-YYYY`, a row of totals.
    Classic,
    /// No preamble, seven columns, `DD/MM/YYYY`, thousands commas, CRLF.
    Newer,
    /// A till's: seven columns, `YYYY-MM-DD`.
    Till,
}

const CLASSIC: [&str; 13] = [
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
];
const NEWER: [&str; 7] = [
    "Receipt No",
    "Completion Time",
    "Details",
    "Transaction Status",
    "Paid In (KSHs)",
    "Withdrawn (KSHs)",
    "Balance (KSHs)",
];
const TILL: [&str; 7] =
    ["Receipt No.", "Completion Time", "Details", "Transaction Status", "Paid In", "Withdrawn", "Balance"];

impl Simulator {
    /// A number's statement over all that ever happened on it, newest first; `None` where nobody has the
    /// number.
    pub fn statement(&self, shortcode: &str, layout: Layout) -> Option<String> {
        let now = self.now();
        let state = self.state();
        let number = state.number(shortcode)?;
        Some(state.write_statement(now, &number, layout))
    }
}

impl State {
    fn write_statement(&self, now: Timestamp, number: &Number, layout: Layout) -> String {
        let entries: Vec<&Transaction> = self.books.of(&number.shortcode).rev().collect();
        let mut lines = match layout {
            Layout::Classic => preamble(now, number, &entries),
            Layout::Newer | Layout::Till => Vec::new(),
        };
        lines.push(csv(match layout {
            Layout::Classic => &CLASSIC,
            Layout::Newer => &NEWER,
            Layout::Till => &TILL,
        }));
        lines.extend(entries.iter().map(|entry| match layout {
            Layout::Classic => classic(number, entry),
            Layout::Newer => short(number, entry, &day_first(entry.completed, '/'), thousands),
            Layout::Till => short(number, entry, &entry.completed.to_seed(), |amount| amount.to_string()),
        }));
        if layout == Layout::Classic {
            let (paid_in, withdrawn) = totals(&entries);
            lines.push(csv(&["", "", "", "", "Total", &paid_in.to_string(), &withdrawn.to_string()]));
        }
        let end = if layout == Layout::Newer { "\r\n" } else { "\n" };
        lines.into_iter().map(|line| line + end).collect()
    }
}

fn preamble(now: Timestamp, number: &Number, entries: &[&Transaction]) -> Vec<String> {
    let account = if number.is_till() { "Merchant Account" } else { "Utility Account" };
    let first = entries.last().map_or(now, |entry| entry.completed);
    let period = format!("From {} To {}", day_first(first, '-'), day_first(now, '-'));
    let closing = entries.first().map_or(Money::ZERO, |entry| entry.balance).to_string();
    let (paid_in, withdrawn) = totals(entries);
    let (paid_in, withdrawn) = (paid_in.to_string(), withdrawn.to_string());
    vec![
        csv(&["Account Holder:", &number.name]),
        csv(&["Short Code:", &number.shortcode]),
        csv(&["Account:", account]),
        csv(&["Time Period:", &period]),
        csv(&["Operator:", "demo", "Organization:", &number.name, "Date of Report:", &day_first(now, '-')]),
        csv(&[
            "Opening Balance:",
            "0.00",
            "Closing Balance:",
            &closing,
            "Available Balance:",
            &closing,
            "Total Paid In:",
            &paid_in,
            "Total Withdrawn:",
            &withdrawn,
        ]),
    ]
}

/// What came in and what went out, which is below nothing.
fn totals(entries: &[&Transaction]) -> (Money, Money) {
    let moved = entries.iter().map(|entry| entry.moved());
    moved.fold((Money::ZERO, Money::ZERO), |(paid_in, withdrawn), moved| {
        if moved < Money::ZERO { (paid_in, withdrawn + moved) } else { (paid_in + moved, withdrawn) }
    })
}

/// Paid in and withdrawn; a payment that was refused shows its amount and leaves the balance as it was.
fn sides(entry: &Transaction, write: impl Fn(Money) -> String) -> (String, String) {
    if entry.kind.is_payment() {
        (write(entry.amount), String::new())
    } else {
        (String::new(), write(-entry.amount))
    }
}

fn classic(number: &Number, entry: &Transaction) -> String {
    let (paid_in, withdrawn) = sides(entry, |amount| amount.to_string());
    let reason = match entry.kind {
        Kind::PayBill => "Pay Utility",
        Kind::PayBillOnline => "Pay Utility with OD via STK",
        Kind::BuyGoods => "Customer Merchant Payment",
        Kind::Charge if number.is_till() => "Pay Merchant Charge",
        Kind::Charge => "Pay Bill Charge",
        Kind::Settlement => "Organization Settlement",
        Kind::Reversal => "Transaction Reversal",
    };
    let other = match (&entry.customer, entry.kind) {
        (Some(customer), _) => {
            format!("{} - {}", starred(&customer.phone, "******"), starred_name(&customer.name))
        }
        (None, Kind::Charge) => "SP".to_owned(),
        (None, _) => format!("{} - {}", number.shortcode, number.name),
    };
    csv(&[
        &entry.receipt,
        &day_first(entry.completed, '-'),
        &day_first(entry.initiated, '-'),
        &details(number, entry),
        status(entry),
        &paid_in,
        &withdrawn,
        &entry.balance.to_string(),
        "true",
        reason,
        &other,
        entry.linked.as_deref().unwrap_or_default(),
        &entry.reference,
    ])
}

fn short(number: &Number, entry: &Transaction, completed: &str, write: impl Fn(Money) -> String) -> String {
    let (paid_in, withdrawn) = sides(entry, &write);
    let (details, balance) = (details(number, entry), write(entry.balance));
    csv(&[&entry.receipt, completed, &details, status(entry), &paid_in, &withdrawn, &balance])
}

fn status(entry: &Transaction) -> &'static str {
    match entry.status {
        Status::Completed => "Completed",
        Status::Cancelled => "Cancelled",
    }
}

fn details(number: &Number, entry: &Transaction) -> String {
    let till = number.is_till();
    let stars = if till { "***" } else { "****" };
    let from = |customer: &Customer| format!("{} - {}", starred(&customer.phone, stars), customer.name);
    let (who, reference) = (entry.customer.as_ref().map(from).unwrap_or_default(), &entry.reference);
    match entry.kind {
        Kind::PayBill => format!("Pay Bill from {who} Acc. {reference}"),
        Kind::PayBillOnline => format!("Pay Bill Online from {who} Acc. {reference}"),
        Kind::BuyGoods => format!("Merchant Payment from {who}"),
        Kind::Charge if till => "Pay merchant Charge".to_owned(),
        Kind::Charge => "Pay Bill Charge".to_owned(),
        Kind::Settlement => "Utility Account to Organization Settlement Account".to_owned(),
        Kind::Reversal => {
            format!("Transaction Reversal of {} to {who}", entry.linked.as_deref().unwrap_or_default())
        }
    }
}

/// A phone number with stars in its middle: `2547****149`, or `254708***149`.
fn starred(phone: &Msisdn, stars: &str) -> String {
    let number = phone.plain().unwrap_or_default();
    let shown = if stars == "***" { 6 } else { 4 };
    format!("{}{stars}{}", number.get(..shown).unwrap_or_default(), number.get(9..).unwrap_or_default())
}

/// A name of which the first word is shown whole, and of the others the first letter.
fn starred_name(name: &str) -> String {
    let star = |(place, word): (usize, &str)| {
        let keep = if place == 0 { usize::MAX } else { 1 };
        word.chars().enumerate().map(|(at, letter)| if at < keep { letter } else { '*' }).collect::<String>()
    };
    name.split_whitespace().enumerate().map(star).collect::<Vec<_>>().join(" ")
}

/// `21-11-2026 10:15:00`, in East Africa Time.
fn day_first(at: Timestamp, between: char) -> String {
    let text = at.to_seed();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    format!("{}{between}{}{between}{} {}", part(8..10), part(5..7), part(0..4), part(11..19))
}

/// `-1,234,567.00`.
fn thousands(amount: Money) -> String {
    let text = amount.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}.{cents}", groups.join(","))
}

/// One line of comma-separated values.
fn csv(fields: &[&str]) -> String {
    let quoted = fields.iter().map(|field| {
        let plain = !field.contains([',', '"', '\n', '\r']);
        if plain { (*field).to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
    });
    quoted.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_amounts_get_commas() {
        let told = |cents| thousands(Money::from_cents(cents));
        assert_eq!([told(0), told(99_900), told(-123_456_700)], ["0.00", "999.00", "-1,234,567.00"]);
        assert_eq!(told(100_000_000), "1,000,000.00");
    }

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(csv(&["a", "1,0", "say \"b\""]), "a,\"1,0\",\"say \"\"b\"\"\"");
    }

    #[test]
    fn phones_and_names_are_starred_as_the_portal_does() {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        assert_eq!(starred(&phone, "****"), "2547****149");
        assert_eq!(starred(&phone, "***"), "254708***149");
        assert_eq!(starred_name("ASHA WANJIRU"), "ASHA W******");
    }
}
