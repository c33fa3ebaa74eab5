//! What a shop of a simulated town chose about money. It is set before anything happens and stays, so that the oracle
//! knows it without asking a till.

use domain::{Item, ItemId, Money, Setting, TaxRate};
use fastrand::Rng;

/// What the state takes of what is taxed, in basis points.
pub const TAX: u16 = 1600;

/// What a shop chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customs {
    /// The smallest coin, where what is paid in cash is rounded to one.
    pub coin: Option<Money>,
    /// What customers leave may be kept as a tip.
    pub tips: bool,
    /// Prices have the tax in them; else it comes on top.
    pub included: bool,
    /// How much may go out on payments that nobody has seen, before a manager is asked.
    pub limits: Unseen,
}

/// How much may go out on payments that nobody has seen; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// For one sale.
    pub sale: Option<Money>,
    /// In one shift of a till.
    pub shift: Option<Money>,
    /// For numbers with one ending.
    pub phone: Option<Money>,
    /// At one till.
    pub till: Option<Money>,
}

impl Customs {
    /// Some shop's.
    pub fn of(random: &mut Rng) -> Self {
        let mut shillings = |choices: &[i64]| {
            let cents = random.choice(choices).map_or(0, |shillings| shillings * 100);
            (cents > 0).then(|| Money::from_cents(cents))
        };
        let limits = Unseen {
            sale: shillings(&[0, 400, 700, 5_000]),
            shift: shillings(&[0, 900, 1_500, 10_000]),
            phone: shillings(&[0, 500, 5_000]),
            till: shillings(&[0, 1_200, 2_500, 20_000]),
        };
        let coin = random.choice([0, 50, 100, 500, 1_000]).filter(|cents| *cents > 0).map(Money::from_cents);
        Self { coin, tips: random.u8(..3) > 0, included: random.bool(), limits }
    }

    /// The same as the settings of a catalogue, with the tax rate.
    pub fn items(&self) -> Vec<Item> {
        let amount = |it: Option<Money>| it.map_or("off".to_owned(), |money| money.to_string());
        let switch = |it: bool| if it { "on" } else { "off" }.to_owned();
        let Unseen { sale, shift, phone, till } = self.limits;
        let settings = [
            ("cash-rounding", amount(self.coin)),
            ("tips", switch(self.tips)),
            ("prices-include-tax", switch(self.included)),
            ("unverified-per-sale", amount(sale)),
            ("unverified-per-shift", amount(shift)),
            ("unverified-per-phone", amount(phone)),
            ("unverified-per-till", amount(till)),
        ];
        let id = |name: &str| ItemId::parse(name).unwrap();
        let set = |(name, value): (&str, String)| Item::Setting(Setting::new(id(name), &value).unwrap());
        let rate = Item::TaxRate(TaxRate::new(tax_rate(), "VAT", TAX).unwrap());
        settings.into_iter().map(set).chain([rate]).collect()
    }
}

/// What the tax rate is called.
pub fn tax_rate() -> ItemId {
    ItemId::parse("vat").unwrap()
}
