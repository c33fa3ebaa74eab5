//! Shops, what they sell, and who may write for them.

use crate::{Actor, IdError, Money, ShopId, ShortCode};

/// A shop and the numbers its customers pay to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Its id.
    pub id: ShopId,
    /// Its name, as receipts show it; at most 100 characters (seed A).
    pub name: String,
    /// How customers pay it.
    pub account: Account,
    /// A till's store number (Daraja fact sheet §2.4).
    pub store_number: Option<ShortCode>,
    /// The head-office number above it. Several shops of one organisation may have the same.
    pub head_office: Option<ShortCode>,
    /// What the shop chose.
    pub rules: ShopRules,
}

/// What a shop chooses about its payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShopRules {
    /// Which payments Safaricom is told to refuse before any money moves.
    pub validation: Validation,
    /// From this amount on goods are handed out only when a second source, one that we asked for, agrees.
    /// Without it a callback suffices.
    pub second_source_from: Option<Money>,
    /// From this amount on a payment is shown to be looked at. Seed A refused such payments, which are
    /// legal up to 250,000 (field study W4).
    pub review_from: Money,
}

impl Default for ShopRules {
    fn default() -> Self {
        let review_from = Money::from_cents(10_000_000);
        Self { validation: Validation::AcceptAll, second_source_from: None, review_from }
    }
}

/// Which payments a shop refuses when Safaricom asks (fact sheet §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Validation {
    /// None: a refused customer at the counter is worse than a late match.
    #[default]
    AcceptAll,
    /// Paybill: those whose account number names no open sale.
    References,
    /// Those whose amount no open sale owes.
    Amounts,
}

impl Validation {
    const ALL: [Self; 3] = [Self::AcceptAll, Self::References, Self::Amounts];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcceptAll => "accept_all",
            Self::References => "references",
            Self::Amounts => "amounts",
        }
    }

    /// The rule of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

impl Shop {
    /// A shop, its name trimmed.
    ///
    /// # Errors
    /// The name is empty or longer than 100 characters.
    pub fn new(
        id: ShopId,
        name: &str,
        account: Account,
        store_number: Option<ShortCode>,
    ) -> Result<Self, IdError> {
        let name = name.trim();
        if !(1..=100).contains(&name.chars().count()) {
            return Err(IdError("a shop's name has 1 to 100 characters"));
        }
        let (name, rules) = (name.to_owned(), ShopRules::default());
        Ok(Self { id, name, account, store_number, head_office: None, rules })
    }

    /// The numbers that lead to this shop and to no other.
    pub fn own_numbers(&self) -> impl Iterator<Item = &ShortCode> {
        std::iter::once(self.account.shortcode()).chain(self.store_number.as_ref())
    }

    /// Whether a number is one of this shop's: any of them may stand in a callback (field study W26).
    pub fn has_number(&self, number: &ShortCode) -> bool {
        self.own_numbers().chain(self.head_office.as_ref()).any(|own| own == number)
    }

    /// The number that went live at Safaricom, under whose passkey STK pushes are sent: the store's, else
    /// the head office's, else the one customers pay to (fact sheet §2.4).
    pub fn business_shortcode(&self) -> &ShortCode {
        let above = self.store_number.as_ref().or(self.head_office.as_ref());
        above.unwrap_or(self.account.shortcode())
    }
}

/// The two kinds of account (both seeds). The transaction type follows from the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Business number; the customer types an account number.
    Paybill(ShortCode),
    /// Buy Goods: a till number alone.
    Till(ShortCode),
}

impl Account {
    /// The number customers pay to.
    pub const fn shortcode(&self) -> &ShortCode {
        match self {
            Self::Paybill(number) | Self::Till(number) => number,
        }
    }

    /// The stable name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Paybill(_) => "paybill",
            Self::Till(_) => "till",
        }
    }

    /// An account of a kind named by [`Self::kind`].
    pub fn of_kind(kind: &str, number: ShortCode) -> Option<Self> {
        match kind {
            "paybill" => Some(Self::Paybill(number)),
            "till" => Some(Self::Till(number)),
            _ => None,
        }
    }
}

/// Who may write in a shop's journals, and with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The writer.
    pub actor: Actor,
    /// What it may do.
    pub role: Role,
    /// A letter that makes short sale references unique in the shop: `A`, `B` … Head office has `HQ`.
    pub letter: String,
    /// What people call it: "Front counter".
    pub name: String,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// It may not write or read any more.
    pub revoked: bool,
}

/// What a member may do (architecture §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A till: its own shop.
    Till,
    /// Head office: every shop of the organisation.
    Office,
    /// Whoever runs the cloud: opens shops and enrols tills.
    Platform,
}

impl Role {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Till => "till",
            Self::Office => "office",
            Self::Platform => "platform",
        }
    }

    /// The role of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Till, Self::Office, Self::Platform].into_iter().find(|role| role.name() == name)
    }
}
