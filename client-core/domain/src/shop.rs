//! Shops, what they sell, and who may write for them.

use crate::{Actor, IdError, Money, ProductId, ShopId, ShortCode};

/// A shop and the numbers its customers pay to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Its id.
    pub id: ShopId,
    /// Its name, as receipts show it; at most 100 characters (seed A).
    pub name: String,
    /// How customers pay it.
    pub account: Account,
    /// The number the shop went live with at Safaricom, where that is not the number customers pay to:
    /// a till's store or head-office number (Daraja fact sheet §2.4).
    pub store_number: Option<ShortCode>,
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
        Ok(Self { id, name: name.to_owned(), account, store_number })
    }

    /// Every number that leads to this shop: any of them may stand in a callback.
    pub fn numbers(&self) -> impl Iterator<Item = &ShortCode> {
        std::iter::once(self.account.shortcode()).chain(self.store_number.as_ref())
    }

    /// The number and passkey under which STK pushes are sent.
    pub fn business_shortcode(&self) -> &ShortCode {
        self.store_number.as_ref().unwrap_or(self.account.shortcode())
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

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What the receipt calls it.
    pub name: String,
    /// The price of one.
    pub price: Money,
}

impl Product {
    /// A product, its name trimmed.
    ///
    /// # Errors
    /// The name is empty or longer than 80 characters, or the price is below nothing.
    pub fn new(id: ProductId, name: &str, price: Money) -> Result<Self, IdError> {
        let name = name.trim();
        if !(1..=80).contains(&name.chars().count()) || price < Money::ZERO {
            return Err(IdError("a product has a name of 1 to 80 characters and a price"));
        }
        Ok(Self { id, name: name.to_owned(), price })
    }
}
