//! The catalogue as rows: every value that stands in a register, the leading one first.

use crate::rows::{self, damaged, money, parsed};
use crate::{LedgerError, Reader};
use domain::{
    Item, ItemId, ItemKey, Kind, Money, Named, Person, PinHash, Product, ProductId, Quantity, Register,
    Setting, ShopId, Staff, StaffRole, TaxRate, Version,
};
use rusqlite::{Connection, Row, params};

/// Writes what stands in some registers, in the place of what stood there.
pub(crate) fn put(c: &Connection, shop: i64, registers: &[Register]) -> Result<(), LedgerError> {
    for register in registers {
        let key = register.leading.item.key();
        let (kind, id) = (key.kind.name(), key.id.as_str());
        c.prepare_cached("DELETE FROM catalogue WHERE shop = ? AND kind = ? AND id = ?")?
            .execute(params![shop, kind, id])?;
        for (position, version) in (0_i64..).zip(register.versions()) {
            put_version(c, (shop, kind, id, position), version)?;
        }
        if let Item::Product(product) = &register.leading.item {
            put_barcodes(c, shop, product)?;
        }
    }
    Ok(())
}

/// Writes what stands in all registers, in the place of everything that stood there.
pub(crate) fn replace(c: &Connection, shop: i64, registers: &[Register]) -> Result<(), LedgerError> {
    c.execute("DELETE FROM catalogue WHERE shop = ?", [shop])?;
    c.execute("DELETE FROM barcodes WHERE shop = ?", [shop])?;
    put(c, shop, registers)
}

fn put_version(
    c: &Connection,
    (shop, kind, id, position): (i64, &str, &str, i64),
    version: &Version,
) -> Result<(), LedgerError> {
    let Columns { name, price, barcodes, category, tax_rate, unit, basis_points, role, pin, active, low_at } =
        Columns::of(&version.item);
    let sql =
        "INSERT INTO catalogue (shop, kind, id, position, version, by, at, name, price, barcodes, category,
                 tax_rate, unit, basis_points, role, pin, active, low_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (write, by, at) = (version.write.to_string(), version.by.as_str(), version.at.millis());
    c.prepare_cached(sql)?.execute(params![
        shop,
        kind,
        id,
        position,
        write,
        by,
        at,
        name,
        price.map(Money::cents),
        barcodes,
        category.map(ItemId::as_str),
        tax_rate.map(ItemId::as_str),
        unit.map(ItemId::as_str),
        basis_points,
        role.map(StaffRole::name),
        pin.map(PinHash::as_str),
        active,
        low_at.map(Quantity::milli)
    ])?;
    Ok(())
}

fn put_barcodes(c: &Connection, shop: i64, product: &Product) -> Result<(), LedgerError> {
    let id = product.id.as_str();
    c.prepare_cached("DELETE FROM barcodes WHERE shop = ? AND product = ?")?.execute(params![shop, id])?;
    let sql = "INSERT OR IGNORE INTO barcodes (shop, code, product) VALUES (?, ?, ?)";
    for code in product.barcodes.iter().filter(|_| product.sold) {
        c.prepare_cached(sql)?.execute(params![shop, code, id])?;
    }
    Ok(())
}

/// What the kinds of item have in common, as the table has it.
#[derive(Default)]
struct Columns<'a> {
    name: &'a str,
    price: Option<Money>,
    barcodes: Option<String>,
    category: Option<&'a ItemId>,
    tax_rate: Option<&'a ItemId>,
    unit: Option<&'a ItemId>,
    basis_points: Option<u16>,
    role: Option<StaffRole>,
    pin: Option<&'a PinHash>,
    active: bool,
    low_at: Option<Quantity>,
}

impl<'a> Columns<'a> {
    fn of(item: &'a Item) -> Self {
        let named = |name| Self { name, active: true, ..Self::default() };
        match item {
            Item::Product(it) => Self {
                name: &it.name,
                price: Some(it.price),
                barcodes: Some(it.barcodes.join(" ")),
                category: it.category.as_ref(),
                tax_rate: it.tax_rate.as_ref(),
                unit: it.unit.as_ref(),
                active: it.sold,
                low_at: it.low_at,
                ..Self::default()
            },
            Item::Category(it) | Item::Unit(it) => named(&it.name),
            Item::TaxRate(it) => Self { basis_points: Some(it.basis_points), ..named(&it.name) },
            Item::Setting(it) => named(&it.value),
            Item::Staff(it) => Self {
                name: it.name.as_str(),
                role: Some(it.role),
                pin: it.pin.as_ref(),
                active: it.active,
                ..Self::default()
            },
        }
    }
}

impl Reader {
    /// The registers of one kind in a shop's catalogue, by id.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn registers(&self, shop: &ShopId, kind: Kind) -> Result<Vec<Register>, LedgerError> {
        let sql = "SELECT * FROM catalogue WHERE shop = ? AND kind = ? ORDER BY id, position";
        let mut find = self.connection.prepare_cached(sql)?;
        let mut rows = find.query(params![self.shop_key(shop)?, kind.name()])?;
        let mut registers: Vec<Register> = Vec::new();
        while let Some(row) = rows.next()? {
            let leads = row.get::<_, i64>("position")? == 0;
            match (version(row)?, registers.last_mut()) {
                (other, Some(register)) if !leads => register.others.push(other),
                (leading, _) => registers.push(Register { leading, others: Vec::new() }),
            }
        }
        Ok(registers)
    }

    /// What stands in a register of a shop's catalogue.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn register(&self, shop: &ShopId, key: &ItemKey) -> Result<Option<Register>, LedgerError> {
        let sql = "SELECT * FROM catalogue WHERE shop = ? AND kind = ? AND id = ? ORDER BY position";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![self.shop_key(shop)?, key.kind.name(), key.id.as_str()];
        let mut versions = find.query_map(key, version)?.collect::<Result<Vec<_>, _>>()?.into_iter();
        let leading = versions.next();
        Ok(leading.map(|leading| Register { leading, others: versions.collect() }))
    }

    /// The products that are sold now and carry a barcode: one, unless the catalogue gave it twice.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn products_with_barcode(&self, shop: &ShopId, code: &str) -> Result<Vec<ProductId>, LedgerError> {
        let sql = "SELECT product FROM barcodes WHERE shop = ? AND code = ? ORDER BY product";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "product", ProductId::parse);
        Ok(find.query_map(params![self.shop_key(shop)?, code], read)?.collect::<Result<_, _>>()?)
    }

    /// Whether a shop's catalogue has entries here but no rows: an older release kept other rows.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn catalogue_has_no_rows(&self, shop: &ShopId) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM journal WHERE shop = ?1 AND document = 0)
                     AND NOT EXISTS (SELECT 1 FROM catalogue WHERE shop = ?1)";
        Ok(self.connection.query_row(sql, [self.shop_key(shop)?], |row| row.get(0))?)
    }
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    let write = parsed(row, "version", str::parse)?;
    let by = Person::named(&row.get::<_, String>("by")?);
    Ok(Version { write, item: item(row)?, by, at: rows::time(row, "at")? })
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    let kind = row.get::<_, String>("kind")?;
    let id = parsed(row, "id", ItemId::parse)?;
    let name: String = row.get("name")?;
    let active: bool = row.get("active")?;
    let item = match Kind::named(&kind).ok_or_else(|| damaged(format!("an unknown kind {kind}")))? {
        Kind::Product => return product(row, &id, &name, active).map(Item::Product),
        Kind::Category => Named::new(id, &name).map(Item::Category),
        Kind::TaxRate => TaxRate::new(id, &name, row.get("basis_points")?).map(Item::TaxRate),
        Kind::Unit => Named::new(id, &name).map(Item::Unit),
        Kind::Setting => Setting::new(id, &name).map(Item::Setting),
        Kind::Staff => {
            let role = row.get::<_, String>("role")?;
            let role = StaffRole::named(&role).ok_or_else(|| damaged("an unknown role"))?;
            let pin = row.get::<_, Option<String>>("pin")?;
            let pin = pin.as_deref().map(PinHash::parse).transpose().map_err(damaged)?;
            Ok(Item::Staff(Staff { id, name: Person::named(&name), role, pin, active }))
        }
    };
    item.map_err(damaged)
}

fn product(row: &Row<'_>, id: &ItemId, name: &str, sold: bool) -> rusqlite::Result<Product> {
    let link = |column: &str| -> rusqlite::Result<Option<ItemId>> {
        let id = row.get::<_, Option<String>>(column)?;
        id.as_deref().map(ItemId::parse).transpose().map_err(damaged)
    };
    let product = Product::new(ProductId::from(id), name, money(row, "price")?).map_err(damaged)?;
    let barcodes = row.get::<_, String>("barcodes")?;
    let barcodes = barcodes.split_ascii_whitespace().map(ToOwned::to_owned).collect();
    let product = product.with_barcodes(barcodes).map_err(damaged)?;
    let (category, tax_rate, unit) = (link("category")?, link("tax_rate")?, link("unit")?);
    let low_at =
        row.get::<_, Option<u32>>("low_at")?.map(Quantity::from_milli).transpose().map_err(damaged)?;
    Ok(Product { category, tax_rate, unit, sold, low_at, ..product })
}
