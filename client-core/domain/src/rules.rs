//! What a shop chose about money, read from the settings of its catalogue. What was not chosen, or makes no
//! sense, is as it is by default; what makes no sense is said.

use crate::Money;

/// What a shop chose about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How far a payment may be from a sale, either way, to be proposed for it, in minutes.
    pub window_minutes: u32,
    /// After how many minutes a claim whose payment nobody has seen counts as contradicted.
    pub grace_minutes: u32,
    /// How much may be handed out on codes whose payments nobody has seen.
    pub unverified: Limits,
    /// What a total that is paid in cash is rounded to; `None` where it is not rounded.
    pub cash_rounding: Option<Money>,
    /// What a customer leaves beyond a sale may be kept as a tip.
    pub tips: bool,
    /// The catalogue's prices have the tax in them; else it comes on top.
    pub prices_include_tax: bool,
}

/// How much may be handed out on codes whose payments nobody has seen. Above one of them a manager is asked;
/// `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one sale.
    pub per_sale: Option<Money>,
    /// In one shift of a till.
    pub per_shift: Option<Money>,
    /// For customers whose number ends in the same three digits.
    pub per_phone: Option<Money>,
    /// At one till, over all its shifts.
    pub per_till: Option<Money>,
}

impl Default for Rules {
    /// Ten minutes are seed B's window; in thirty, a sweep has pulled what customers paid twice.
    fn default() -> Self {
        let shillings = |it: i64| Some(Money::from_cents(it.saturating_mul(100)));
        let unverified = Limits {
            per_sale: shillings(5_000),
            per_shift: shillings(10_000),
            per_phone: shillings(5_000),
            per_till: shillings(20_000),
        };
        Self {
            window_minutes: 10,
            grace_minutes: 30,
            unverified,
            cash_rounding: None,
            tips: false,
            prices_include_tax: true,
        }
    }
}

impl Rules {
    /// The most minutes that a window or a grace time may have: Safaricom's list of payments reaches back two days.
    const MAX_MINUTES: u32 = 2 * 24 * 60;

    /// The settings that are rules.
    pub const SETTINGS: [&str; 9] = [
        "matching-window",
        "claim-grace",
        "unverified-per-sale",
        "unverified-per-shift",
        "unverified-per-phone",
        "unverified-per-till",
        "cash-rounding",
        "tips",
        "prices-include-tax",
    ];

    /// The rules that settings of these names and values make, and what has to be said about them. Other settings
    /// are passed over.
    pub fn read<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<String>) {
        let (mut rules, mut said) = (Self::default(), Vec::new());
        for (name, value) in settings {
            if let Err(expected) = rules.set(name, value.trim()) {
                let shown: String = value.chars().take(40).collect();
                said.push(format!(
                    "the setting {name} is {expected}, and not \"{shown}\": set it anew; until then {} counts",
                    Self::default().shown(name)
                ));
            }
        }
        (rules, said)
    }

    /// Whether a setting makes sense; the error says what it should look like. Other settings say what they want.
    ///
    /// # Errors
    /// It does not.
    pub fn make_sense(name: &str, value: &str) -> Result<(), &'static str> {
        Self::default().set(name, value.trim())
    }

    /// Puts one setting in its place; the error says what it should look like.
    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "matching-window" => self.window_minutes = minutes(value)?,
            "claim-grace" => self.grace_minutes = minutes(value)?,
            "unverified-per-sale" => self.unverified.per_sale = amount(value)?,
            "unverified-per-shift" => self.unverified.per_shift = amount(value)?,
            "unverified-per-phone" => self.unverified.per_phone = amount(value)?,
            "unverified-per-till" => self.unverified.per_till = amount(value)?,
            "cash-rounding" => self.cash_rounding = rounding(value)?,
            "tips" => self.tips = on(value)?,
            "prices-include-tax" => self.prices_include_tax = on(value)?,
            _ => {}
        }
        Ok(())
    }

    /// A rule as its setting is written; empty for a name that is no rule.
    pub fn shown(&self, name: &str) -> String {
        let switch = |it: bool| if it { "on" } else { "off" }.to_owned();
        let limit = |it: Option<Money>| it.map_or_else(|| "off".to_owned(), |limit| limit.to_string());
        match name {
            "matching-window" => self.window_minutes.to_string(),
            "claim-grace" => self.grace_minutes.to_string(),
            "unverified-per-sale" => limit(self.unverified.per_sale),
            "unverified-per-shift" => limit(self.unverified.per_shift),
            "unverified-per-phone" => limit(self.unverified.per_phone),
            "unverified-per-till" => limit(self.unverified.per_till),
            "cash-rounding" => limit(self.cash_rounding),
            "tips" => switch(self.tips),
            "prices-include-tax" => switch(self.prices_include_tax),
            _ => String::new(),
        }
    }

    /// The window in milliseconds.
    pub fn window_millis(&self) -> u64 {
        u64::from(self.window_minutes).saturating_mul(60_000)
    }

    /// The grace time in milliseconds.
    pub fn grace_millis(&self) -> i64 {
        i64::from(self.grace_minutes).saturating_mul(60_000)
    }
}

fn minutes(value: &str) -> Result<u32, &'static str> {
    let minutes = value.parse().ok().filter(|it| (1..=Rules::MAX_MINUTES).contains(it));
    minutes.ok_or("a number of minutes from 1 to 2880")
}

fn amount(value: &str) -> Result<Option<Money>, &'static str> {
    match value {
        "off" => Ok(None),
        _ => Money::parse(value).map(Some).map_err(|_| "an amount like 5000.00, or off"),
    }
}

fn on(value: &str) -> Result<bool, &'static str> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off"),
    }
}

/// Coins: no coin is larger than twenty shillings, and nobody rounds to notes.
fn rounding(value: &str) -> Result<Option<Money>, &'static str> {
    let coin = |it: &Money| (1..=2_000).contains(&it.cents());
    match value {
        "off" => Ok(None),
        _ => Money::parse(value).ok().filter(coin).map(Some).ok_or("an amount up to 20.00 like 1.00, or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_setting_is_told_before_it_counts() {
        assert_eq!(Rules::make_sense("unverified-per-shift", " 700 "), Ok(()));
        assert!(Rules::make_sense("unverified-per-shift", "60O").is_err());
        assert!(Rules::make_sense("tips", "perhaps").is_err());
        assert_eq!(Rules::make_sense("greeting", "60O"), Ok(()), "what we do not know says what it wants");
    }

    #[test]
    fn a_shop_that_chose_nothing_has_the_defaults_and_nothing_is_said() {
        assert_eq!(Rules::read([]), (Rules::default(), vec![]));
        assert_eq!(Rules::read([("receipt-footer", "Asante sana")]), (Rules::default(), vec![]));
    }

    #[test]
    fn what_a_shop_chose_counts() {
        let chosen = [
            ("matching-window", "15"),
            ("claim-grace", " 60 "),
            ("unverified-per-sale", "off"),
            ("unverified-per-shift", "2500"),
            ("unverified-per-phone", "300.50"),
            ("unverified-per-till", "0"),
            ("cash-rounding", "1.00"),
            ("tips", "on"),
            ("prices-include-tax", "off"),
        ];
        let (rules, said) = Rules::read(chosen);
        assert_eq!((rules.window_minutes, rules.grace_minutes, said), (15, 60, vec![]));
        let limits = Limits {
            per_sale: None,
            per_shift: Some(Money::from_cents(250_000)),
            per_phone: Some(Money::from_cents(30_050)),
            per_till: Some(Money::ZERO),
        };
        assert_eq!((rules.unverified, rules.cash_rounding), (limits, Some(Money::from_cents(100))));
        assert!(rules.tips && !rules.prices_include_tax);
    }

    #[test]
    fn what_makes_no_sense_is_said_and_the_default_counts() {
        let nonsense = Rules::SETTINGS.map(|name| (name, "a lot"));
        let (rules, said) =
            Rules::read(nonsense.into_iter().chain([("cash-rounding", "0"), ("claim-grace", "0")]));
        assert_eq!((rules, said.len()), (Rules::default(), Rules::SETTINGS.len() + 2));
        assert_eq!(
            said[0],
            "the setting matching-window is a number of minutes from 1 to 2880, and not \"a lot\": set it anew; \
             until then 10 counts"
        );
    }

    #[test]
    fn every_rule_is_written_as_it_is_read() {
        let rules = Rules::default();
        let written = Rules::SETTINGS.map(|name| (name, rules.shown(name)));
        let read = Rules::read(written.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(read, (rules, vec![]));
    }
}
