//! What a shop chose about money, as its catalogue says now.

use crate::{Till, TillError};
use domain::{Item, Kind, Rules, ShopId};
use ledger::{LedgerError, Reader};

impl Till {
    /// A shop's rules, and a sentence for each setting that makes no sense.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn rules(&self, shop: &ShopId) -> Result<(Rules, Vec<String>), TillError> {
        self.read(|ledger| rules_of(ledger, shop))
    }
}

/// A shop's rules as a ledger has them: what leads in each register counts.
pub(crate) fn rules_of(ledger: &Reader, shop: &ShopId) -> Result<(Rules, Vec<String>), LedgerError> {
    let registers = ledger.registers(shop, Kind::Setting)?;
    let settings = registers.iter().filter_map(|register| match &register.leading.item {
        Item::Setting(setting) => Some((setting.id.as_str(), setting.value.as_str())),
        _ => None,
    });
    Ok(Rules::read(settings))
}
