//! Customers: who they are, what they pay, and how they go wrong.

use super::agenda::Event;
use super::books::{Customer, Kind};
use super::c2b::Entry;
use super::numbers::Number;
use super::odds::{Habit, Named};
use super::{Simulator, State, later};
use domain::{Money, Msisdn, Timestamp};
use serde::{Deserialize, Deserializer};

/// What they typically spend, in shillings.
const BASKETS: [u32; 12] = [35, 60, 65, 95, 125, 130, 140, 190, 210, 275, 330, 450];
const NAMES: [&str; 10] = [
    "ASHA WANJIRU",
    "BRIAN OTIENO",
    "CAROL MUTHONI",
    "DAVID KIPTOO",
    "ESTHER AKINYI",
    "FATUMA HASSAN",
    "GEORGE KAMAU",
    "HALIMA ALI",
    "IAN MWANGI",
    "JANE NJERI",
];
/// What one payment may be at most, in shillings.
const LARGEST: Money = Money::from_cents(25_000_000);
/// The longest account number that a menu takes.
const REFERENCE_CHARS: usize = 20;

/// Whether customers keep paying by themselves.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Customers {
    /// They do.
    pub on: bool,
}

/// A payment by a customer.
#[derive(Clone, Default, Deserialize)]
pub struct Pay {
    /// The number that is paid to.
    pub shortcode: String,
    /// How much, like `130.00`.
    pub amount: String,
    /// The customer's phone.
    pub phone: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
    /// The account number typed, for a paybill.
    pub reference: Option<String>,
    /// What the customer does, where it is not simply to pay.
    #[serde(default, deserialize_with = "habit")]
    pub does: Option<Habit>,
}

fn habit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Habit>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    Habit::of(&name).map(Some).ok_or_else(|| serde::de::Error::custom("there is no such habit"))
}

/// What came of a customer's try to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The receipt code on the customer's phone; none where no money moved.
    pub receipt: Option<String>,
    /// What happened, as a sentence.
    pub outcome: &'static str,
}

impl Simulator {
    /// Lets a customer pay, and sends what is due then: the money has moved even where the confirmation
    /// does not get through.
    ///
    /// # Errors
    /// Nobody has the number, or the amount or the phone number is none.
    pub async fn pay(&self, pay: &Pay) -> Result<Paid, &'static str> {
        let now = self.now();
        self.state().order(now, pay)?;
        let paid = self.try_to_pay(now, pay).await;
        self.run_due().await;
        paid
    }

    async fn try_to_pay(&self, now: Timestamp, pay: &Pay) -> Result<Paid, &'static str> {
        let nothing = |outcome| Ok(Paid { receipt: None, outcome });
        let (thinking, late) = (self.setup.delays.thinking, self.setup.delays.late);
        let mut pay = pay.clone();
        match pay.does.take().unwrap_or(Habit::Pays) {
            Habit::Cancels => return nothing("The customer cancelled: no money moved."),
            Habit::NoFunds => return nothing("The customer has not enough money: none moved."),
            Habit::WrongPin => return nothing("The customer typed a wrong PIN: no money moved."),
            Habit::Ignores => return nothing("The customer left without paying."),
            Habit::PaysLate => {
                self.state().agenda.put(later(now, late), Event::Pay(pay));
                return nothing("The customer will pay in a few minutes.");
            }
            Habit::PaysTwice => self.state().agenda.put(later(now, thinking), Event::Pay(pay.clone())),
            Habit::PaysTooLittle => pay.amount = half(&pay.amount),
            Habit::WrongAccount => pay.reference = Some(self.state().mistype(pay.reference.as_deref())),
            Habit::Pays => {}
        }
        let receipt = self.pay_now(now, &pay).await?;
        let outcome = if receipt.is_some() { "Paid." } else { "The shop refused it: no money moved." };
        Ok(Paid { receipt, outcome })
    }

    /// Somebody pays something plausible to one of the numbers, while customers are switched on. Gives
    /// what came of it, if there was somebody.
    pub async fn somebody_pays(&self) -> Option<Paid> {
        let pay = self.state().somebody()?;
        self.pay(&pay).await.ok()
    }
}

impl State {
    fn somebody(&mut self) -> Option<Pay> {
        if !self.customers || self.numbers.is_empty() {
            return None;
        }
        let index = self.random.usize(..self.numbers.len());
        let shortcode = self.numbers.get(index)?.shortcode.clone();
        let amount = format!("{}.00", self.random.choice(BASKETS)?);
        let name = self.random.choice(NAMES).map(ToOwned::to_owned);
        let phone = Some(format!("2547{:08}", self.random.u32(..100_000_000)));
        let does = self.habits.pick(&mut self.random);
        Some(Pay { shortcode, amount, phone, name, reference: None, does })
    }

    /// What a customer is about to pay; it has no receipt code yet.
    pub(super) fn order(&self, at: Timestamp, pay: &Pay) -> Result<(Number, Entry), &'static str> {
        let number = self.number(&pay.shortcode).ok_or("nobody has this number")?;
        let amount = Money::parse(&pay.amount).map_err(|_| "this is no amount")?;
        if amount <= Money::ZERO || amount > LARGEST {
            return Err("this is no amount: M-PESA takes up to 250,000 shillings");
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let phone = given(&pay.phone).unwrap_or_else(|| "254708374149".to_owned());
        let phone = Msisdn::parse_phone(&phone).map_err(|_| "this is no phone number")?;
        let name = given(&pay.name).unwrap_or_else(|| "JOHN DOE".to_owned());
        let kind = if number.is_till() { Kind::BuyGoods } else { Kind::PayBill };
        let typed = pay.reference.as_deref().unwrap_or_default();
        let reference = typed.chars().take(REFERENCE_CHARS).collect();
        let customer = Customer { phone, name };
        Ok((number, Entry { kind, amount, customer, reference, began: at, receipt: String::new() }))
    }

    /// An account number as somebody in a hurry types it: two neighbours swapped, or something else.
    fn mistype(&mut self, reference: Option<&str>) -> String {
        let mut letters: Vec<char> = reference.unwrap_or_default().chars().collect();
        let last = letters.len().saturating_sub(1);
        let place = if last == 0 { 0 } else { self.random.usize(..last) };
        let next = place.saturating_add(1);
        let differ = letters.get(place).zip(letters.get(next)).is_some_and(|(one, other)| one != other);
        if !differ {
            return format!(
                "{}9",
                letters.into_iter().take(REFERENCE_CHARS.saturating_sub(1)).collect::<String>()
            );
        }
        letters.swap(place, next);
        letters.into_iter().collect()
    }

    /// A code as Safaricom makes them: year, month and day as letters, then seven at random (§10.1).
    pub(super) fn receipt(&mut self, at: Timestamp) -> String {
        loop {
            let tail: String = (0..7).map(|_| digit(self.random.u32(..36))).collect();
            let receipt = format!("{}{tail}", date_letters(at));
            if self.books.find(&receipt).is_none() {
                return receipt;
            }
        }
    }
}

/// The three letters that a receipt code begins with.
pub(super) fn date_letters(at: Timestamp) -> String {
    let date = at.to_daraja();
    let part = |range: std::ops::Range<usize>| date.get(range).and_then(|d| d.parse().ok()).unwrap_or(0_u32);
    let year = part(0..4).saturating_sub(2006).saturating_add(10);
    [year, part(4..6).saturating_add(9), part(6..8)].into_iter().map(digit).collect()
}

fn digit(value: u32) -> char {
    char::from_digit(value.min(35), 36).unwrap_or('0').to_ascii_uppercase()
}

/// A customer's name, which goes with the phone.
pub(super) fn name_of(phone: &Msisdn) -> &'static str {
    let last = phone.plain().and_then(|number| number.chars().last()).and_then(|c| c.to_digit(10));
    NAMES.get(last.and_then(|last| usize::try_from(last).ok()).unwrap_or(0)).copied().unwrap_or("JOHN DOE")
}

/// Half of it in whole shillings, or one.
fn half(amount: &str) -> String {
    let cents = Money::parse(amount).map(Money::cents).unwrap_or(0);
    let shillings = cents.checked_div(200).unwrap_or(0).max(1);
    Money::from_cents(shillings.saturating_mul(100)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_code_begins_with_its_date() {
        let at = |text| Timestamp::parse_daraja(text).unwrap();
        assert_eq!(date_letters(at("20191219102115")), "NLJ");
        assert_eq!(date_letters(at("20260131000000")), "UAV");
        assert_eq!(date_letters(at("20261109000000")), "UK9");
    }

    #[test]
    fn half_of_little_is_one_shilling() {
        assert_eq!([half("350.00"), half("1"), half("0.50")], ["175.00", "1.00", "1.00"]);
    }
}
