//! Safaricom's books: every movement of money on a number, and the balance after it.

use domain::{Money, Msisdn, Timestamp};
use std::collections::BTreeMap;

/// What a movement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A customer paid a paybill from the menu.
    PayBill,
    /// A customer paid a paybill by a prompt.
    PayBillOnline,
    /// A customer paid a till, from the menu or by a prompt.
    BuyGoods,
    /// What Safaricom takes for a payment; it bears the payment's receipt code.
    Charge,
    /// The shop moved its balance to its bank.
    Settlement,
    /// A payment was given back.
    Reversal,
}

/// Whether money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It did.
    Completed,
    /// The shop's validation refused it.
    Cancelled,
}

/// A customer: a phone and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The whole number.
    pub phone: Msisdn,
    /// As M-PESA knows them.
    pub name: String,
}

/// One line of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The receipt code. A charge has its payment's.
    pub receipt: String,
    /// The number it is on.
    pub shortcode: String,
    /// What it is.
    pub kind: Kind,
    /// Whether money moved.
    pub status: Status,
    /// How much, without a sign.
    pub amount: Money,
    /// The number's balance afterwards.
    pub balance: Money,
    /// When it began.
    pub initiated: Timestamp,
    /// When it was done.
    pub completed: Timestamp,
    /// Who paid, or got back.
    pub customer: Option<Customer>,
    /// The account number typed or sent.
    pub reference: String,
    /// Its originator conversation id.
    pub conversation: String,
    /// The receipt code that a reversal reverses.
    pub linked: Option<String>,
}

impl Kind {
    /// What it is called on the page.
    pub fn words(self) -> &'static str {
        match self {
            Self::PayBill => "pay bill",
            Self::PayBillOnline => "pay bill by prompt",
            Self::BuyGoods => "buy goods",
            Self::Charge => "charge",
            Self::Settlement => "settlement",
            Self::Reversal => "reversal",
        }
    }

    /// Whether a customer paid.
    pub fn is_payment(self) -> bool {
        matches!(self, Self::PayBill | Self::PayBillOnline | Self::BuyGoods)
    }
}

impl Transaction {
    /// What it does to the balance: above nothing for money in, below for money out.
    pub fn moved(&self) -> Money {
        match (self.status, self.kind.is_payment()) {
            (Status::Cancelled, _) => Money::ZERO,
            (Status::Completed, true) => self.amount,
            (Status::Completed, false) => -self.amount,
        }
    }
}

/// The books of all numbers.
#[derive(Default)]
pub(super) struct Books {
    entries: Vec<Transaction>,
    balances: BTreeMap<String, Money>,
}

impl Books {
    /// Enters a movement; its balance is worked out here.
    pub(super) fn enter(&mut self, mut entry: Transaction) -> Transaction {
        entry.balance = self.balance(&entry.shortcode) + entry.moved();
        self.balances.insert(entry.shortcode.clone(), entry.balance);
        self.entries.push(entry.clone());
        entry
    }

    pub(super) fn balance(&self, shortcode: &str) -> Money {
        self.balances.get(shortcode).copied().unwrap_or(Money::ZERO)
    }

    /// The movement of a receipt code; not the charge that shares it.
    pub(super) fn find(&self, receipt: &str) -> Option<&Transaction> {
        self.entries.iter().find(|entry| entry.receipt == receipt && entry.kind != Kind::Charge)
    }

    /// The movement of an originator conversation id.
    pub(super) fn find_conversation(&self, id: &str) -> Option<&Transaction> {
        self.entries.iter().find(|entry| entry.conversation == id && entry.kind != Kind::Charge)
    }

    pub(super) fn is_reversed(&self, receipt: &str) -> bool {
        self.entries.iter().any(|entry| entry.linked.as_deref() == Some(receipt))
    }

    /// What moved on a number, oldest first.
    pub(super) fn of(&self, shortcode: &str) -> impl DoubleEndedIterator<Item = &Transaction> {
        self.entries.iter().filter(move |entry| entry.shortcode == shortcode)
    }

    /// The newest movements of all numbers, newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Transaction> {
        self.entries.iter().rev()
    }
}
