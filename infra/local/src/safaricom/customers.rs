//! Customers: what they pay, and the messages Safaricom sends about it.

use super::{Number, Pay, Simulator, now};
use crate::serve::{Stop, stopped};
use domain::{Money, Msisdn, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Between two customers who pay by themselves.
const PAUSE: Duration = Duration::from_secs(12);
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

/// Lets a customer pay every few seconds while they are switched on, until told to stop.
pub async fn keep_paying(simulator: Arc<Simulator>, stop: Stop) {
    loop {
        tokio::select! {
            () = stopped(stop.clone()) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let Some(pay) = simulator.somebody() else { continue };
        if let Err(why) = simulator.pay(&pay).await {
            tracing::debug!(why, "a simulated payment was not confirmed");
        }
    }
}

impl Simulator {
    /// Somebody who pays something plausible to one of the numbers; nobody while they are switched off.
    fn somebody(&self) -> Option<Pay> {
        let mut state = self.state();
        if !state.customers || state.numbers.is_empty() {
            return None;
        }
        let count = state.numbers.len();
        let index = state.random.usize(..count);
        let shortcode = state.numbers.get(index)?.shortcode.clone();
        let amount = format!("{}.00", state.random.choice(BASKETS)?);
        let name = state.random.choice(NAMES).map(ToOwned::to_owned);
        let phone = Some(format!("2547{:08}", state.random.u32(..100_000_000)));
        Some(Pay { shortcode, amount, phone, name, reference: None })
    }

    /// Moves a customer's money and confirms it. Gives the receipt code; the money has moved even where
    /// the confirmation does not get through.
    ///
    /// # Errors
    /// Nobody has the number, or the amount is no amount.
    pub(super) async fn pay(&self, pay: &Pay) -> Result<String, &'static str> {
        let number = self.number(&pay.shortcode).ok_or("nobody has this number")?;
        let amount = Money::parse(&pay.amount).map_err(|_| "this is no amount")?;
        if amount <= Money::ZERO {
            return Err("this is no amount");
        }
        let phone = pay.phone.as_deref().filter(|phone| !phone.is_empty()).unwrap_or("254708374149");
        let phone = Msisdn::parse_phone(phone).map_err(|_| "this is no phone number")?;
        let receipt = self.receipt(now());
        self.log(format!("{receipt}: KES {amount} to {} by {}", number.shortcode, phone.masked()));
        let body = confirmation(&number, pay, amount, &phone, &receipt);
        self.post(&number.confirmation_url, &body).await;
        Ok(receipt)
    }

    /// Confirms over C2B a payment that began as an STK push, as happens where URLs are registered.
    pub(super) async fn confirm(&self, number: &Number, pay: &Pay, receipt: &str) {
        let phone = pay.phone.as_deref().and_then(|phone| Msisdn::parse_phone(phone).ok());
        if let (Ok(amount), Some(phone)) = (Money::parse(&pay.amount), phone) {
            self.post(&number.confirmation_url, &confirmation(number, pay, amount, &phone, receipt)).await;
        }
    }

    /// Posts a callback, once: what does not get through is lost, as with the real one.
    pub(super) async fn post(&self, url: &str, body: &Value) {
        let sent = self.http.post(url).timeout(Duration::from_secs(8)).json(body).send().await;
        let answer = match sent {
            Ok(answer) => format!("answered {}", answer.status().as_u16()),
            Err(_) => "lost: nobody answered".to_owned(),
        };
        self.log(format!("callback {answer}"));
    }

    /// A code as Safaricom makes them: year, month and day as letters, then seven at random.
    pub(super) fn receipt(&self, at: Timestamp) -> String {
        const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let digit = |value: u32| {
            let index = usize::try_from(value).unwrap_or(0).min(35);
            char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
        };
        let date = at.to_daraja();
        let part =
            |range: std::ops::Range<usize>| date.get(range).and_then(|d| d.parse().ok()).unwrap_or(0_u32);
        let year = part(0..4).saturating_sub(2006).saturating_add(10);
        let month = part(4..6).saturating_add(9);
        let random = || digit(self.state().random.u32(..36));
        let tail: String = (0..7).map(|_| random()).collect();
        format!("{}{}{}{tail}", digit(year), digit(month), digit(part(6..8)))
    }
}

fn confirmation(number: &Number, pay: &Pay, amount: Money, phone: &Msisdn, receipt: &str) -> Value {
    let name = pay.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("JOHN DOE");
    let mut names = name.split_whitespace();
    let kind = if number.account == "till" { "Customer Merchant Payment" } else { "Pay Bill" };
    json!({
        "TransactionType": kind,
        "TransID": receipt,
        "TransTime": now().to_daraja(),
        "TransAmount": amount.to_string(),
        "BusinessShortCode": number.shortcode,
        "BillRefNumber": pay.reference.as_deref().unwrap_or_default(),
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": masked(phone),
        "FirstName": names.next().unwrap_or_default(),
        "MiddleName": "",
        "LastName": names.next().unwrap_or_default(),
    })
}

/// As version 2 of the C2B API sends numbers: `2547 ***** 149`.
fn masked(phone: &Msisdn) -> String {
    let number = phone.plain().unwrap_or_default();
    format!("{} ***** {}", number.get(..4).unwrap_or_default(), number.get(9..).unwrap_or_default())
}
