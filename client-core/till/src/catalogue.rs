//! The catalogue at a till and at head office: set, choose between what was set apart, and sell from it.

use crate::{Event, Till, TillError, head};
use domain::{
    Item, ItemId, ItemKey, Kind, Line, Person, Product, ProductId, Quantity, Register, SaleError, ShopId,
    Tax, Timestamp, WriteId,
};
use ledger::Ledger;
use replica::Catalogue;
use std::collections::BTreeMap;

/// How long a catalogue stays open after it was last needed.
const IDLE_MILLIS: u64 = 10 * 60 * 1000;

/// The catalogues in use: opened when first needed, dropped when nobody has needed them for a while. The file
/// is the truth, and rows answer what is asked all day.
#[derive(Default)]
pub(crate) struct Shelf(BTreeMap<ShopId, (Catalogue, Timestamp)>);

impl Shelf {
    /// A shop's catalogue.
    pub(crate) fn open(
        &mut self,
        ledger: &Ledger,
        shop: &ShopId,
        now: Timestamp,
    ) -> Result<&mut Catalogue, TillError> {
        if !self.0.contains_key(shop) {
            let entries = ledger.catalogue(shop, false)?;
            let mut catalogue = Catalogue::open(&entries)?;
            ledger.catalogue(shop, true)?.iter().for_each(|entry| catalogue.hold(entry));
            self.0.insert(shop.clone(), (catalogue, now));
        }
        let (catalogue, used) = self.0.entry(shop.clone()).or_insert_with(|| (Catalogue::default(), now));
        *used = now;
        Ok(catalogue)
    }

    /// The one in memory is ahead of the file: the next use reads the file again.
    pub(crate) fn forget(&mut self, shop: &ShopId) {
        self.0.remove(shop);
    }

    /// Drops what nobody has needed for a while.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.0.retain(|_, (_, used)| used.distance_millis(now) < IDLE_MILLIS);
    }
}

impl Till {
    /// Sets something in a shop's catalogue. Whatever stands in its register and was seen here is superseded;
    /// what somebody sets elsewhere meanwhile stands beside it until somebody chooses.
    ///
    /// # Errors
    /// Nothing was recorded.
    pub fn set(
        &self,
        shop: &ShopId,
        item: &Item,
        by: &Person,
        now: Timestamp,
    ) -> Result<Register, TillError> {
        let now = self.corrected(now);
        let mut catalogues = self.catalogues();
        let mut ledger = self.ledger();
        let writer = ledger.writer(shop)?;
        let catalogue = catalogues.open(&ledger, shop, now)?;
        let written = catalogue.set(writer, item, by, now);
        let register = catalogue.register(&item.key()).ok_or(TillError::Unreadable)?;
        let entry = head(&ledger, shop, writer)?.change(writer, written.change);
        if let Err(error) = ledger.record_register(shop, &entry, &register) {
            catalogues.forget(shop);
            return Err(error.into());
        }
        drop((ledger, catalogues));
        self.tell(Event::Ledger);
        Ok(register)
    }

    /// Chooses one of the versions that stand in a register: it is set anew, by whoever chooses.
    ///
    /// # Errors
    /// That version does not stand there any more, or nothing was recorded.
    pub fn choose(
        &self,
        shop: &ShopId,
        key: &ItemKey,
        version: WriteId,
        by: &Person,
        now: Timestamp,
    ) -> Result<Register, TillError> {
        let register = self.register(shop, key)?.ok_or_else(|| unknown(key))?;
        let chosen = register.versions().find(|standing| standing.write == version);
        let gone = || TillError::Refused("somebody has set this anew meanwhile: look again".to_owned());
        self.set(shop, &chosen.ok_or_else(gone)?.item, by, now)
    }

    /// The registers of one kind in a shop's catalogue, by id.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn registers(&self, shop: &ShopId, kind: Kind) -> Result<Vec<Register>, TillError> {
        self.read(|ledger| ledger.registers(shop, kind))
    }

    /// What stands in one register of a shop's catalogue.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn register(&self, shop: &ShopId, key: &ItemKey) -> Result<Option<Register>, TillError> {
        self.read(|ledger| ledger.register(shop, key))
    }

    /// A product of a shop as it leads now.
    ///
    /// # Errors
    /// There is no such product, or the ledger can not be read.
    pub fn product(&self, shop: &ShopId, id: &ProductId) -> Result<Product, TillError> {
        let key = ItemKey { kind: Kind::Product, id: ItemId::from(id) };
        match self.register(shop, &key)?.map(|register| register.leading.item) {
            Some(Item::Product(product)) => Ok(product),
            _ => Err(unknown(&key)),
        }
    }

    /// The product that carries a barcode.
    ///
    /// # Errors
    /// No product that is sold carries it, or several do, or the ledger can not be read.
    pub fn product_with_barcode(&self, shop: &ShopId, code: &str) -> Result<ProductId, TillError> {
        let found = self.read(|ledger| ledger.products_with_barcode(shop, code))?;
        match <[ProductId; 1]>::try_from(found) {
            Ok([product]) => Ok(product),
            Err(none) if none.is_empty() => {
                Err(TillError::Refused(format!("no product that is sold has the barcode {code}")))
            }
            Err(several) => {
                let names: Vec<&str> = several.iter().map(ProductId::as_str).collect();
                let names = names.join(", ");
                Err(TillError::Refused(format!("the barcode {code} is on several products: {names}")))
            }
        }
    }

    /// A line of a sale: so much of a product, called and priced as it is shown now.
    ///
    /// # Errors
    /// There is no such product, it is not sold any more, or so much of it can not be counted.
    pub fn line(&self, shop: &ShopId, id: &ProductId, quantity: Quantity) -> Result<Line, TillError> {
        let product = self.product(shop, id)?;
        if !product.sold {
            return Err(TillError::Refused(format!("{} is not sold any more", product.name)));
        }
        let refused = |error: SaleError| TillError::Refused(error.to_string());
        let line = Line::new(&product.name, quantity, product.price).map_err(refused)?.of(product.id.clone());
        match self.tax(shop, product.tax_rate)? {
            Some(tax) => line.taxed(tax).map_err(refused),
            None => Ok(line),
        }
    }

    /// A tax rate of the catalogue, as the shop writes its prices; none where it is not there.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn tax(&self, shop: &ShopId, rate: Option<ItemId>) -> Result<Option<Tax>, TillError> {
        let Some(id) = rate else { return Ok(None) };
        let register = self.register(shop, &ItemKey { kind: Kind::TaxRate, id })?;
        let Some(Item::TaxRate(rate)) = register.map(|register| register.leading.item) else {
            return Ok(None);
        };
        let included = self.rules(shop)?.0.prices_include_tax;
        Ok(Tax::new(rate.basis_points, included).ok())
    }

    /// Writes the rows of a catalogue that an older release kept in other rows.
    pub(crate) fn renew_catalogues(&self) -> Result<(), TillError> {
        for shop in self.shops()? {
            let mut ledger = self.ledger();
            if !ledger.catalogue_has_no_rows(&shop.id)? {
                continue;
            }
            let catalogue = Catalogue::open(&ledger.catalogue(&shop.id, false)?)?;
            let registers: Vec<Register> = catalogue.registers().map(|(_, register)| register).collect();
            ledger.put_registers(&shop.id, &registers)?;
        }
        Ok(())
    }
}

fn unknown(key: &ItemKey) -> TillError {
    ledger::LedgerError::Unknown(format!("{} {} in this catalogue", key.kind.name(), key.id)).into()
}
