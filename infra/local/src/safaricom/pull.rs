//! Pull Transactions: what was paid in the last 48 hours, a hundred rows at a time (fact sheet §1.7).

use super::books::{Kind, Status, Transaction};
use super::gateway::{Api, Form, Refusal, digits};
use super::messages::{Places, Raw, raw, text, write};
use super::numbers::Number;
use super::odds::Fault;
use super::{Simulator, State};
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Method, header};
use axum::response::IntoResponse;
use domain::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many rows one answer holds at most.
const PAGE: usize = 100;
/// How far back one can look.
const REACH_MILLIS: i64 = 48 * 3_600_000;
/// From UTC to East Africa Time.
const ZONE_MILLIS: i64 = 3 * 3_600_000;

pub(super) async fn register(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let form = simulator.admit(Api::Pull, &headers, &body)?;
    let shortcode = form.need("ShortCode", digits(5..=7))?;
    form.need("RequestType", |text| text == "Pull")?;
    form.need("NominatedNumber", |text| domain::Msisdn::parse_phone(text).is_ok())?;
    form.need("CallBackURL", |url| simulator.check_url(url))?;
    let mut state = simulator.state();
    let number = state.number(&shortcode).ok_or_else(|| Api::Pull.invalid("ShortCode"))?;
    let (status, words) = if number.pull {
        ("1001", "ShortCode already Registered")
    } else {
        ("1000", "Shortcode Registered Successfully")
    };
    state.put_number(Number { pull: true, ..number });
    let id = format!("18633-7271215-{}", state.next_name());
    let keys = if state.roll(Fault::PullKeysVariant) {
        ("Response Status", "Response Description")
    } else {
        ("ResponseStatus", "ResponseDescription")
    };
    Ok(axum::Json(json!({ "ResponseRefID": id, keys.0: status, "ShortCode": shortcode, keys.1: words })))
}

pub(super) async fn query(
    Shared(simulator): Shared<Arc<Simulator>>,
    method: Method,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    // The portal says GET and shows a body; a GET without one may say the same in its URL.
    let form = if method == Method::GET && body.is_empty() {
        let fields = serde_json::to_vec(&query).unwrap_or_default();
        let mut headers = headers;
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        simulator.admit(Api::Pull, &headers, &Bytes::from(fields))?
    } else {
        simulator.admit(Api::Pull, &headers, &body)?
    };
    let asked = Asked::read(&form)?;
    let now = simulator.now();
    let body = simulator.state().pull(now, &asked)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body))
}

/// What is asked for.
struct Asked {
    shortcode: String,
    from: Timestamp,
    to: Timestamp,
    /// How many rows to skip: a number of rows, not of pages.
    offset: usize,
}

impl Asked {
    fn read(form: &Form) -> Result<Self, Refusal> {
        let time = |name| {
            let given = form.text(name);
            time(&given).ok_or_else(|| Api::Pull.invalid(name))
        };
        let offset = form.need("OffSetValue", digits(1..=9))?;
        Ok(Self {
            shortcode: form.need("ShortCode", digits(5..=7))?,
            from: time("StartDate")?,
            to: time("EndDate")?,
            offset: offset.parse().map_err(|_| Api::Pull.invalid("OffSetValue"))?,
        })
    }
}

/// Reads `2026-11-21 10:15:00`, the seconds optional, in East Africa Time.
fn time(typed: &str) -> Option<Timestamp> {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let shape: String = typed.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match shape.as_str() {
        "0000-00-00 00:00:00" => Timestamp::parse_daraja(&digits).ok(),
        "0000-00-00 00:00" => Timestamp::parse_daraja(&format!("{digits}00")).ok(),
        _ => None,
    }
}

#[derive(Serialize)]
struct Row {
    #[serde(rename = "transactionId")]
    receipt: String,
    #[serde(rename = "trxDate")]
    at: String,
    msisdn: Raw,
    sender: &'static str,
    transactiontype: &'static str,
    billreference: String,
    amount: Raw,
    organizationname: String,
}

#[derive(Serialize)]
struct Page {
    #[serde(rename = "ResponseRefID")]
    id: String,
    #[serde(rename = "ResponseCode")]
    code: &'static str,
    #[serde(rename = "ResponseMessage")]
    message: &'static str,
    /// An array that holds one array.
    #[serde(rename = "Response", skip_serializing_if = "Option::is_none")]
    rows: Option<[Vec<Row>; 1]>,
    /// What the portal calls it where there are none.
    #[serde(rename = "Transaction", skip_serializing_if = "Option::is_none")]
    none: Option<[Vec<Row>; 1]>,
}

impl State {
    fn pull(&mut self, now: Timestamp, asked: &Asked) -> Result<String, Refusal> {
        let number = self.number(&asked.shortcode).filter(|number| number.pull);
        let number = number.ok_or_else(|| Api::Pull.invalid("ShortCode"))?;
        let from = asked.from.max(now.plus_millis(REACH_MILLIS.saturating_neg()));
        let wanted = |entry: &&Transaction| {
            let kind = entry.kind.is_payment() || entry.kind == Kind::Settlement;
            // Whole seconds, as they are asked for.
            let at = entry.completed.to_daraja();
            let within = at >= from.to_daraja() && at <= asked.to.to_daraja();
            kind && entry.status == Status::Completed && within
        };
        let found = self.books.of(&number.shortcode).filter(wanted);
        let found: Vec<Transaction> = found.skip(asked.offset).take(PAGE).cloned().collect();
        let variant = self.roll(Fault::PullKeysVariant);
        let id = format!("18633-7271215-{}", self.next_name());
        if found.is_empty() {
            if self.roll(Fault::PullEmpty500) {
                return Err(Refusal::new(500, "500.001.1001", "failed to retrieve"));
            }
            let (rows, none) = if variant { (None, Some([vec![]])) } else { (Some([vec![]]), None) };
            return Ok(write(&Page { id, code: "1001", message: "No transactions found", rows, none }));
        }
        let rows = found.iter().map(|entry| self.row(&number, entry, variant)).collect();
        Ok(write(&Page { id, code: "1000", message: "Success", rows: Some([rows]), none: None }))
    }

    fn row(&mut self, number: &Number, entry: &Transaction, variant: bool) -> Row {
        let amount = self.amount(entry.amount, Places::Two);
        let (wall, utc) =
            (entry.completed.to_seed(), entry.completed.plus_millis(ZONE_MILLIS.saturating_neg()));
        let at = if self.roll(Fault::PullDatesZ) {
            format!("{wall}Z")
        } else if self.roll(Fault::PullDatesUtc) {
            format!("{}Z", utc.to_seed())
        } else {
            format!("{wall}+03:00")
        };
        let customer = entry.customer.as_ref();
        Row {
            receipt: entry.receipt.clone(),
            at: at.replacen(' ', "T", 1),
            msisdn: customer.map_or_else(|| text(""), |customer| self.phone(&customer.phone)),
            sender: "",
            transactiontype: match entry.kind {
                Kind::Settlement => "merchant-to-organization-settlement",
                Kind::BuyGoods => "c2b-buy-goods-debit",
                _ => "c2b-pay-bill-debit",
            },
            billreference: if number.is_till() { String::new() } else { entry.reference.clone() },
            amount: if variant { raw(&amount) } else { text(&amount) },
            organizationname: number.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_date_of_a_window_is_east_africas_and_may_lack_its_seconds() {
        let told = |text| super::time(text).map(domain::Timestamp::to_daraja);
        assert_eq!(told("2026-11-21 10:15:07").as_deref(), Some("20261121101507"));
        assert_eq!(told("2026-11-21 10:15").as_deref(), Some("20261121101500"));
        for wrong in ["", "2026-11-21", "2026-11-21T10:15:07", "2026-11-21 10:10:000", "2026-13-21 10:10:00"]
        {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
