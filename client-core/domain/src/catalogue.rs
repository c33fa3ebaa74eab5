//! What a shop's catalogue holds: things with a name of their own that people set and change, unlike facts.
//!
//! Each stands in one register. Two people who set it without knowing of each other leave two versions,
//! and both are shown until somebody chooses one, which is a version of its own.

use crate::{Actor, IdError, ItemId, Money, Person, ProductId, Quantity, Timestamp};
use std::fmt;

/// What stands in a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Something to sell.
    Product(Product),
    /// What products are grouped by.
    Category(Named),
    /// What the state takes.
    TaxRate(TaxRate),
    /// What quantities are counted in.
    Unit(Named),
    /// What the shop chose.
    Setting(Setting),
    /// Who works here.
    Staff(Staff),
}

/// The kinds of [`Item`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Item::Product`].
    Product,
    /// [`Item::Category`].
    Category,
    /// [`Item::TaxRate`].
    TaxRate,
    /// [`Item::Unit`].
    Unit,
    /// [`Item::Setting`].
    Setting,
    /// [`Item::Staff`].
    Staff,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Product, Self::Category, Self::TaxRate, Self::Unit, Self::Setting, Self::Staff];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Category => "category",
            Self::TaxRate => "tax-rate",
            Self::Unit => "unit",
            Self::Setting => "setting",
            Self::Staff => "staff",
        }
    }

    /// The kind of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The name of a register: `staff/asha`. A product's is its bare id, `bread`, which is how the first
/// release wrote it; an id holds no `/`, so the two can not be mistaken for each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Which one.
    pub id: ItemId,
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Product => self.id.fmt(f),
            kind => write!(f, "{}/{}", kind.name(), self.id),
        }
    }
}

impl std::str::FromStr for ItemKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let other = |name| Kind::named(name).filter(|kind| *kind != Kind::Product);
        let (kind, id) = match text.split_once('/') {
            None => (Kind::Product, text),
            Some((name, id)) => (other(name).ok_or(IdError("a kind of thing that catalogues hold"))?, id),
        };
        Ok(Self { kind, id: ItemId::parse(id)? })
    }
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What the receipt calls it.
    pub name: String,
    /// The price of one, with its tax or without it, as the shop chose.
    pub price: Money,
    /// What scanners read on it.
    pub barcodes: Vec<String>,
    /// The category it stands in.
    pub category: Option<ItemId>,
    /// The tax rate it is sold under.
    pub tax_rate: Option<ItemId>,
    /// What it is counted in.
    pub unit: Option<ItemId>,
    /// Whether it is sold now. What was sold once is kept, for the sales that name it.
    pub sold: bool,
    /// At this level, or below it, more of it has to be bought.
    pub low_at: Option<Quantity>,
}

impl Product {
    /// The longest barcode.
    pub const MAX_BARCODE: usize = 48;
    /// The most barcodes of one product.
    pub const MAX_BARCODES: usize = 20;

    /// A product with a name and a price, its name trimmed.
    ///
    /// # Errors
    /// The name is empty or longer than 80 characters, or the price is below nothing.
    pub fn new(id: ProductId, name: &str, price: Money) -> Result<Self, IdError> {
        let name = called(name)?;
        if price < Money::ZERO {
            return Err(IdError("a product has a price of at least 0.00"));
        }
        let (barcodes, category, tax_rate, unit) = (Vec::new(), None, None, None);
        Ok(Self { id, name, price, barcodes, category, tax_rate, unit, sold: true, low_at: None })
    }

    /// The same product with barcodes.
    ///
    /// # Errors
    /// More than 20, or one that no scanner reads.
    pub fn with_barcodes(self, barcodes: Vec<String>) -> Result<Self, IdError> {
        let readable = |code: &String| {
            (1..=Self::MAX_BARCODE).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic())
        };
        let few = barcodes.len() <= Self::MAX_BARCODES;
        let expected = IdError("a product has at most 20 barcodes of 1 to 48 letters, digits and signs");
        if few && barcodes.iter().all(readable) { Ok(Self { barcodes, ..self }) } else { Err(expected) }
    }
}

/// A category or a unit: a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: ItemId,
    /// What people call it.
    pub name: String,
}

impl Named {
    /// A category or a unit, its name trimmed.
    ///
    /// # Errors
    /// The name is empty or longer than 80 characters.
    pub fn new(id: ItemId, name: &str) -> Result<Self, IdError> {
        Ok(Self { id, name: called(name)? })
    }
}

/// What share of a price the state takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// Its id.
    pub id: ItemId,
    /// What the receipt calls it: "VAT 16%".
    pub name: String,
    /// In hundredths of a per cent: 1600 is 16 %.
    pub basis_points: u16,
}

impl TaxRate {
    /// A tax rate, its name trimmed.
    ///
    /// # Errors
    /// The name is empty or longer than 80 characters, or the rate above 100 %.
    pub fn new(id: ItemId, name: &str, basis_points: u16) -> Result<Self, IdError> {
        if basis_points > 10_000 {
            return Err(IdError("a tax rate is 0 to 10000 hundredths of a per cent"));
        }
        Ok(Self { id, name: called(name)?, basis_points })
    }
}

/// Something the shop chose, such as the line under its receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The setting's name.
    pub id: ItemId,
    /// What was chosen.
    pub value: String,
}

impl Setting {
    /// A setting.
    ///
    /// # Errors
    /// The value is longer than 500 characters.
    pub fn new(id: ItemId, value: &str) -> Result<Self, IdError> {
        let short = value.chars().count() <= 500;
        let value = value.to_owned();
        short.then_some(Self { id, value }).ok_or(IdError("a setting has at most 500 characters"))
    }
}

/// Somebody who works in the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Their id.
    pub id: ItemId,
    /// Their name, as facts carry it.
    pub name: Person,
    /// What they may do.
    pub role: StaffRole,
    /// What their PIN is checked against; `None` as long as they have none.
    pub pin: Option<PinHash>,
    /// Whether they work here now.
    pub active: bool,
}

/// What somebody at a till may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffRole {
    /// Sells.
    Cashier,
    /// Also corrects.
    Manager,
}

impl StaffRole {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Manager => "manager",
        }
    }

    /// The role of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Cashier, Self::Manager].into_iter().find(|role| role.name() == name)
    }
}

/// An argon2id hash in PHC text form. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PinHash(String);

impl PinHash {
    /// A hash as it was written.
    ///
    /// # Errors
    /// It is no argon2id hash.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let short = text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic());
        let hash = short && text.starts_with("$argon2id$");
        hash.then(|| Self(text.to_owned())).ok_or(IdError("a PIN is kept as an argon2id hash"))
    }

    /// The text, for whoever checks a PIN or stores the hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a PIN's hash)")
    }
}

impl Item {
    /// The register it stands in.
    pub fn key(&self) -> ItemKey {
        let (kind, id) = match self {
            Self::Product(product) => (Kind::Product, ItemId::from(&product.id)),
            Self::Category(it) => (Kind::Category, it.id.clone()),
            Self::TaxRate(it) => (Kind::TaxRate, it.id.clone()),
            Self::Unit(it) => (Kind::Unit, it.id.clone()),
            Self::Setting(it) => (Kind::Setting, it.id.clone()),
            Self::Staff(it) => (Kind::Staff, it.id.clone()),
        };
        ItemKey { kind, id }
    }
}

/// Which write of a register this is: a count that rises over all writes its writer had seen, and the
/// writer. The highest leads on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId {
    /// One more than the highest its writer had seen.
    pub counter: u64,
    /// Who wrote it.
    pub actor: Actor,
}

/// `12@7`.
impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.counter, self.actor)
    }
}

impl std::str::FromStr for WriteId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError("a version is named by a count and a writer, like 12@7");
        let (counter, actor) = text.split_once('@').ok_or_else(|| error.clone())?;
        Ok(Self { counter: counter.parse().map_err(|_| error.clone())?, actor: actor.parse()? })
    }
}

/// One value of a register, and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Which write it is.
    pub write: WriteId,
    /// The value.
    pub item: Item,
    /// Who set it.
    pub by: Person,
    /// When, by the writer's corrected clock.
    pub at: Timestamp,
}

/// Every value that stands in one register: one, or several that were set apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The value that leads on every replica.
    pub leading: Version,
    /// The others that say something else, until somebody chooses.
    pub others: Vec<Version>,
}

impl Register {
    /// A register of the versions that stand in it, in any order; `None` of none. Two people who set the
    /// same thing do not disagree.
    pub fn of(mut versions: Vec<Version>) -> Option<Self> {
        versions.sort_by_key(|version| std::cmp::Reverse(version.write));
        let mut others = versions.into_iter();
        let leading = others.next()?;
        let others = others.filter(|other| other.item != leading.item).collect();
        Some(Self { leading, others })
    }

    /// Every version, the leading one first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.leading).chain(&self.others)
    }
}

fn called(name: &str) -> Result<String, IdError> {
    let name = name.trim();
    let sensible = (1..=80).contains(&name.chars().count());
    sensible.then(|| name.to_owned()).ok_or(IdError("a name has 1 to 80 characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        for text in ["bread", "staff/asha", "tax-rate/vat", "category/food", "unit/kg", "setting/footer"] {
            assert_eq!(text.parse::<ItemKey>().unwrap().to_string(), text);
        }
        for text in ["", "/", "product/bread", "staff/", "staff/A", "staff/a/b", "spell/x", "Bread"] {
            assert!(text.parse::<ItemKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hash_shows_itself_to_nobody() {
        let hash = PinHash::parse("$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA").unwrap();
        assert!(!format!("{hash:?}").contains("aGFzaA"));
        assert!(PinHash::parse("1234").is_err());
    }

    #[test]
    fn things_that_make_no_sense_are_refused() {
        let id = || ItemId::parse("x").unwrap();
        assert!(TaxRate::new(id(), "VAT", 10_001).is_err());
        assert!(Named::new(id(), "  ").is_err());
        assert!(Setting::new(id(), &"x".repeat(501)).is_err());
        let bread = Product::new(ProductId::parse("bread").unwrap(), "Bread", Money::ZERO).unwrap();
        assert!(bread.clone().with_barcodes(vec!["6161100".to_owned()]).is_ok());
        assert!(bread.clone().with_barcodes(vec!["61 61".to_owned()]).is_err());
        assert!(bread.with_barcodes(vec!["1".to_owned(); 21]).is_err());
    }
}
