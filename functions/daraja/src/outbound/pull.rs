//! Payments of the last 48 hours, asked for (fact sheet §1.7).

use super::{Call, CallError, Hidden, Method, PushError, answer};
use domain::{Msisdn, ShortCode, Timestamp};
use serde::Serialize;

/// Registers a shortcode for Pull Transactions: once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PullRegister {
    short_code: String,
    request_type: &'static str,
    nominated_number: Hidden,
    #[serde(rename = "CallBackURL")]
    callback_url: Hidden,
}

impl PullRegister {
    /// The number that went live, and the phone number that belongs to the organisation in the portal.
    ///
    /// # Errors
    /// The phone number is not known whole.
    pub fn new(shortcode: &ShortCode, nominated: &Msisdn, callback_url: &str) -> Result<Self, PushError> {
        Ok(Self {
            short_code: shortcode.to_string(),
            request_type: "Pull",
            nominated_number: Hidden(nominated.plain().ok_or(PushError::Phone)?.to_owned()),
            callback_url: Hidden(callback_url.to_owned()),
        })
    }
}

/// The shortcode may be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRegistered {
    /// From now on.
    Now,
    /// It could be before.
    Already,
}

impl Call for PullRegister {
    type Answer = PullRegistered;
    const REPEATABLE: bool = true;

    fn path(&self) -> &'static str {
        "/pulltransactions/v1/register"
    }

    /// The portal writes the keys with and without a blank.
    fn read(status: u16, body: &[u8]) -> Result<PullRegistered, CallError> {
        let answer = answer::read(status, body)?;
        let names = ["ResponseStatus", "Response Status", "ResponseCode"];
        match names.into_iter().find_map(|name| answer.text(name)) {
            Some(code) if code == "1000" => Ok(PullRegistered::Now),
            Some(code) if code == "1001" => Ok(PullRegistered::Already),
            Some(code) => Err(answer::refusal(code, answer::description(&answer))),
            None => Err(CallError::Unclear),
        }
    }
}

/// Asks for the payments to a shortcode between two times, from a row on. Pages hold about a hundred rows;
/// a short page is not the last: ask until an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PullQuery {
    short_code: String,
    start_date: String,
    end_date: String,
    off_set_value: String,
    #[serde(skip)]
    method: Method,
}

impl PullQuery {
    /// The payments to the number customers pay to, within the last 48 hours. `row` counts from 0. Whether
    /// production wants GET or POST nobody agrees on: try POST first.
    pub fn new(method: Method, shortcode: &ShortCode, from: Timestamp, to: Timestamp, row: u32) -> Self {
        Self {
            short_code: shortcode.to_string(),
            start_date: from.to_seed(),
            end_date: to.to_seed(),
            off_set_value: row.to_string(),
            method,
        }
    }
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullAnswer {
    /// A page, as it came: its rows are read with the other evidence, and there may be none.
    Page(Vec<u8>),
    /// Safaricom says that there is nothing.
    Empty,
    /// Safaricom fails in words that may mean no more than that nothing was found, and may mean an outage.
    Failed,
}

/// A 500 with these words may mean no more than that nothing was found.
const NOTHING_FOUND: &str = "failed to retrieve";

impl Call for PullQuery {
    type Answer = PullAnswer;
    const REPEATABLE: bool = true;

    fn method(&self) -> Method {
        self.method
    }

    fn path(&self) -> &'static str {
        "/pulltransactions/v1/query"
    }

    fn read(status: u16, body: &[u8]) -> Result<PullAnswer, CallError> {
        if status >= 500 && String::from_utf8_lossy(body).to_ascii_lowercase().contains(NOTHING_FOUND) {
            return Ok(PullAnswer::Failed);
        }
        let answer = answer::read(status, body)?;
        let rows = answer.has("Response") || answer.has("Transaction");
        match answer.text("ResponseCode") {
            Some(code) if code == "1001" => Ok(PullAnswer::Empty),
            Some(code) if code != "1000" => Err(answer::refusal(code, answer::description(&answer))),
            _ if rows => Ok(PullAnswer::Page(body.to_vec())),
            _ => Err(CallError::Unclear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shortcode_is_registered_with_the_organisations_phone() {
        let (number, phone) =
            (ShortCode::parse("600638").unwrap(), Msisdn::parse_phone("0722000000").unwrap());
        let register = PullRegister::new(&number, &phone, "https://x.test/p").unwrap();
        let expected = json!({
            "ShortCode": "600638", "RequestType": "Pull", "NominatedNumber": "254722000000",
            "CallBackURL": "https://x.test/p",
        });
        assert_eq!(serde_json::to_value(&register).unwrap(), expected);
        let printed = format!("{register:?}");
        assert!(!printed.contains("722000000") && !printed.contains("x.test"), "{printed}");
    }

    #[test]
    fn a_registration_is_new_or_was_there_and_its_keys_may_hold_a_blank() {
        for (body, registered) in [
            (r#"{"ResponseRefID":"r","ResponseStatus":"1000","ShortCode":"6"}"#, PullRegistered::Now),
            (r#"{"Response Status":1000,"Response Description":"ok"}"#, PullRegistered::Now),
            (r#"{"ResponseStatus":"1001","ResponseDescription":"already"}"#, PullRegistered::Already),
            (r#"{"Response Status":" 1001 "}"#, PullRegistered::Already),
        ] {
            assert_eq!(PullRegister::read(200, body.as_bytes()), Ok(registered), "{body}");
        }
        let no = br#"{"Response Status":"1002","Response Description":"no such number"}"#;
        let Err(CallError::Refused(refused)) = PullRegister::read(200, no) else { panic!() };
        assert_eq!((refused.code.as_str(), refused.message.as_str()), ("1002", "no such number"));
        assert_eq!(PullRegister::read(200, b"{}"), Err(CallError::Unclear));
    }

    #[test]
    fn a_window_is_asked_for_in_east_african_time_and_by_row() {
        let (from, to) = ("2026-11-20T21:00:00Z", "2026-11-21T09:15:30Z");
        let (from, to) = (Timestamp::parse_rfc3339(from).unwrap(), Timestamp::parse_rfc3339(to).unwrap());
        let query = PullQuery::new(Method::Get, &ShortCode::parse("600638").unwrap(), from, to, 100);
        let expected = json!({
            "ShortCode": "600638", "StartDate": "2026-11-21 00:00:00", "EndDate": "2026-11-21 12:15:30",
            "OffSetValue": "100",
        });
        assert_eq!(serde_json::to_value(&query).unwrap(), expected);
        assert_eq!(query.method(), Method::Get);
    }

    #[test]
    fn a_page_is_handed_on_as_it_came() {
        let page = br#"{"ResponseRefID":"r-1","ResponseCode":"1000","ResponseMessage":"Success","Response":[[{"transactionId":"UKL4AB12CE"}]]}"#;
        assert_eq!(PullQuery::read(200, page), Ok(PullAnswer::Page(page.to_vec())));
        let codeless = br#"{"Response":[[]]}"#;
        assert_eq!(PullQuery::read(200, codeless), Ok(PullAnswer::Page(codeless.to_vec())));
    }

    #[test]
    fn nothing_is_said_in_two_ways_and_a_third_may_be_an_outage() {
        for body in [
            r#"{"ResponseCode":"1001","ResponseMessage":"none","Response":[[]]}"#,
            r#"{"ResponseCode":1001,"Transaction":[[]]}"#,
        ] {
            assert_eq!(PullQuery::read(200, body.as_bytes()), Ok(PullAnswer::Empty), "{body}");
        }
        let failed =
            br#"{"errorCode":"500.001","errorMessage":"Internal error: Failed to retrieve transactions"}"#;
        assert_eq!(PullQuery::read(500, failed), Ok(PullAnswer::Failed));
    }

    #[test]
    fn refusals_and_silence_are_not_nothing() {
        let number = br#"{"requestId":"r","errorCode":"400.001","errorMessage":"Invalid ShortCode"}"#;
        assert!(matches!(PullQuery::read(400, number), Err(CallError::Refused(_))));
        let token = br#"{"requestId":"r","errorCode":"401.001","errorMessage":"Invalid token"}"#;
        let Err(CallError::Refused(refused)) = PullQuery::read(401, token) else { panic!() };
        assert!(refused.is_token());
        for (status, body) in [(200, "{}"), (200, r#"{"ResponseCode":"1000"}"#), (500, "<html>"), (200, "")] {
            assert_eq!(PullQuery::read(status, body.as_bytes()), Err(CallError::Unclear), "{body}");
        }
    }
}
