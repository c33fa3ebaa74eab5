//! Values of the catalogue's registers as bytes. Who set it and when stand in each, which makes every
//! setting distinct: choosing the value that already leads is a write like any other (lab §4).

use super::{CodecError, in_version, money, whole};
use domain::{
    Item, ItemId, ItemKey, Kind, Named, Person, PinHash, Product, ProductId, Quantity, Setting, Staff,
    StaffRole, TaxRate, Timestamp,
};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 2;
/// For what form 2 can not say: when a product is low.
const LATEST: u8 = 3;

/// Form 1: the first release had products with a name and a price. It is read for ever.
#[derive(Serialize, Deserialize)]
struct FirstProductForm {
    name: String,
    price: i64,
    by: String,
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct SetForm {
    by: String,
    at: i64,
    item: ItemForm,
}

/// Its kind is the kind of its key, its id the key's.
#[derive(Serialize, Deserialize)]
enum ItemForm {
    Product {
        name: String,
        price: i64,
        barcodes: Vec<String>,
        category: Option<String>,
        tax_rate: Option<String>,
        unit: Option<String>,
        sold: bool,
    },
    Category {
        name: String,
    },
    TaxRate {
        name: String,
        basis_points: u16,
    },
    Unit {
        name: String,
    },
    Setting {
        value: String,
    },
    Staff {
        name: String,
        manager: bool,
        pin: Option<String>,
        active: bool,
    },
    // From here on form 3.
    WatchedProduct {
        name: String,
        price: i64,
        barcodes: Vec<String>,
        category: Option<String>,
        tax_rate: Option<String>,
        unit: Option<String>,
        sold: bool,
        low_at_milli: u32,
    },
}

impl ItemForm {
    /// The form in which this is said, and in no other.
    const fn version(&self) -> u8 {
        match self {
            Self::WatchedProduct { .. } => LATEST,
            _ => VERSION,
        }
    }
}

/// The bytes of a register's value.
pub(crate) fn encode_item(item: &Item, by: &Person, at: Timestamp) -> Vec<u8> {
    let item = ItemForm::from(item);
    in_version(item.version(), &SetForm { by: by.as_str().to_owned(), at: at.millis(), item })
}

/// Reads the value of the register under a key: what was set, by whom, when.
pub(crate) fn decode_item(key: &ItemKey, bytes: &[u8]) -> Result<(Item, Person, Timestamp), CodecError> {
    let form: SetForm = match bytes.split_first() {
        Some((1, body)) if key.kind == Kind::Product => whole::<FirstProductForm>(body)?.into(),
        Some((version @ (&VERSION | &LATEST), body)) => {
            let form: SetForm = whole(body)?;
            if form.item.version() != *version {
                return Err(CodecError::Unreadable);
            }
            form
        }
        Some((&newer, _)) if newer > LATEST => return Err(CodecError::Newer(newer)),
        _ => return Err(CodecError::Unreadable),
    };
    let at = Timestamp::from_millis(form.at).map_err(|_| CodecError::Unreadable)?;
    Ok((read(key, form.item)?, Person::named(&form.by), at))
}

impl From<FirstProductForm> for SetForm {
    fn from(FirstProductForm { name, price, by, at }: FirstProductForm) -> Self {
        let (barcodes, category, tax_rate, unit) = (Vec::new(), None, None, None);
        let item = ItemForm::Product { name, price, barcodes, category, tax_rate, unit, sold: true };
        Self { by, at, item }
    }
}

impl From<&Item> for ItemForm {
    fn from(item: &Item) -> Self {
        let id = |id: &Option<ItemId>| id.as_ref().map(|id| id.as_str().to_owned());
        match item {
            Item::Product(it) => {
                let (name, price, barcodes) = (it.name.clone(), it.price.cents(), it.barcodes.clone());
                let (category, tax_rate, unit) = (id(&it.category), id(&it.tax_rate), id(&it.unit));
                let (sold, low_at) = (it.sold, it.low_at.map(Quantity::milli));
                match low_at {
                    None => Self::Product { name, price, barcodes, category, tax_rate, unit, sold },
                    Some(low_at_milli) => Self::WatchedProduct {
                        name,
                        price,
                        barcodes,
                        category,
                        tax_rate,
                        unit,
                        sold,
                        low_at_milli,
                    },
                }
            }
            Item::Category(it) => Self::Category { name: it.name.clone() },
            Item::TaxRate(it) => Self::TaxRate { name: it.name.clone(), basis_points: it.basis_points },
            Item::Unit(it) => Self::Unit { name: it.name.clone() },
            Item::Setting(it) => Self::Setting { value: it.value.clone() },
            Item::Staff(it) => Self::Staff {
                name: it.name.as_str().to_owned(),
                manager: it.role == StaffRole::Manager,
                pin: it.pin.as_ref().map(|pin| pin.as_str().to_owned()),
                active: it.active,
            },
        }
    }
}

fn read(key: &ItemKey, form: ItemForm) -> Result<Item, CodecError> {
    let id = key.id.clone();
    if let ItemForm::WatchedProduct { name, price, barcodes, category, tax_rate, unit, sold, low_at_milli } =
        form
    {
        let plain = ItemForm::Product { name, price, barcodes, category, tax_rate, unit, sold };
        return match read(key, plain)? {
            Item::Product(product) => {
                let low_at = Some(Quantity::from_milli(low_at_milli)?);
                Ok(Item::Product(Product { low_at, ..product }))
            }
            _ => Err(CodecError::Unreadable),
        };
    }
    let parse = |id: Option<String>| id.as_deref().map(ItemId::parse).transpose();
    Ok(match (key.kind, form) {
        (Kind::Product, ItemForm::Product { name, price, barcodes, category, tax_rate, unit, sold }) => {
            let product =
                Product::new(ProductId::from(&id), &name, money(price)?)?.with_barcodes(barcodes)?;
            let (category, tax_rate, unit) = (parse(category)?, parse(tax_rate)?, parse(unit)?);
            Item::Product(Product { category, tax_rate, unit, sold, ..product })
        }
        (Kind::Category, ItemForm::Category { name }) => Item::Category(Named::new(id, &name)?),
        (Kind::TaxRate, ItemForm::TaxRate { name, basis_points }) => {
            Item::TaxRate(TaxRate::new(id, &name, basis_points)?)
        }
        (Kind::Unit, ItemForm::Unit { name }) => Item::Unit(Named::new(id, &name)?),
        (Kind::Setting, ItemForm::Setting { value }) => Item::Setting(Setting::new(id, &value)?),
        (Kind::Staff, ItemForm::Staff { name, manager, pin, active }) => {
            let role = if manager { StaffRole::Manager } else { StaffRole::Cashier };
            let pin = pin.as_deref().map(PinHash::parse).transpose()?;
            Item::Staff(Staff { id, name: Person::named(&name), role, pin, active })
        }
        _ => return Err(CodecError::Unreadable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Money;
    use proptest::prelude::*;

    fn bread() -> Product {
        Product::new(ProductId::parse("bread").unwrap(), "Bread", Money::from_cents(6_500)).unwrap()
    }

    fn asha() -> (Person, Timestamp) {
        (Person::named("Asha"), Timestamp::from_millis(1_700_000_000_000).unwrap())
    }

    fn item(id: &str) -> ItemId {
        ItemId::parse(id).unwrap()
    }

    #[test]
    fn products_of_form_1_are_read_for_ever() {
        let bytes = hex::decode("01054272656164c865044173686180a0abfef962").unwrap();
        let (by, at) = asha();
        assert_eq!(decode_item(&"bread".parse().unwrap(), &bytes), Ok((Item::Product(bread()), by, at)));
    }

    #[test]
    fn the_catalogue_keeps_its_bytes() {
        let full = bread().with_barcodes(vec!["6161100".to_owned()]).unwrap();
        let (category, tax_rate, unit) = (Some(item("food")), Some(item("vat")), Some(item("piece")));
        let full = Product { category, tax_rate, unit, sold: false, ..full };
        let watched = Product { low_at: Some(Quantity::parse("5").unwrap()), ..bread() };
        let pin = Some(PinHash::parse("$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA").unwrap());
        let name = Person::named("Asha");
        let staff = Staff { id: item("asha"), name, role: StaffRole::Manager, pin, active: true };
        let cases = [
            (Item::Product(bread()), "02044173686180a0abfef96200054272656164c8650000000001"),
            (
                Item::Product(full),
                "02044173686180a0abfef96200054272656164c8650107363136313130300104666f6f6401037661740105706965636500",
            ),
            (Item::Product(watched), "03044173686180a0abfef96206054272656164c86500000000018827"),
            (
                Item::Category(Named::new(item("food"), "Food").unwrap()),
                "02044173686180a0abfef9620104466f6f64",
            ),
            (
                Item::TaxRate(TaxRate::new(item("vat"), "VAT", 1_600).unwrap()),
                "02044173686180a0abfef9620203564154c00c",
            ),
            (Item::Unit(Named::new(item("kg"), "kg").unwrap()), "02044173686180a0abfef96203026b67"),
            (
                Item::Setting(Setting::new(item("footer"), "Asante").unwrap()),
                "02044173686180a0abfef96204064173616e7465",
            ),
            (
                Item::Staff(staff),
                "02044173686180a0abfef96205044173686101012b246172676f6e32696424763d3139246d3d373136382c743d352c703d3124633246736441246147467a614101",
            ),
        ];
        let (by, at) = asha();
        for (item, golden) in cases {
            let bytes = encode_item(&item, &by, at);
            assert_eq!(hex::encode(&bytes), golden, "{item:?}");
            assert_eq!(decode_item(&item.key(), &bytes), Ok((item, by.clone(), at)));
        }
    }

    #[test]
    fn a_value_under_the_key_of_another_kind_is_unreadable() {
        let (by, at) = asha();
        let bytes = encode_item(&Item::Product(bread()), &by, at);
        assert_eq!(decode_item(&"staff/bread".parse().unwrap(), &bytes), Err(CodecError::Unreadable));
        assert_eq!(decode_item(&"bread".parse().unwrap(), &[9, 1]), Err(CodecError::Newer(9)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for key in ["bread", "staff/asha", "tax-rate/vat"] {
                let _ = decode_item(&key.parse().unwrap(), &bytes);
            }
        }
    }
}
