//! A code that the customer's M-PESA app scans (fact sheet §1.8).

use super::{Call, CallError, PushError, answer, letters_and_digits, shillings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Account, Money, Shop};
use serde::Serialize;

/// What every PNG begins with.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Asks for a QR code that pays a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DynamicQr {
    merchant_name: String,
    ref_no: String,
    amount: i64,
    trx_code: &'static str,
    #[serde(rename = "CPI")]
    cpi: String,
    size: String,
}

impl DynamicQr {
    /// A code that pays a shop this amount, so many pixels wide and high. For a paybill the reference
    /// becomes the account number; whether it comes back for a till nobody knows.
    ///
    /// # Errors
    /// The amount has cents or is nothing.
    pub fn new(shop: &Shop, amount: Money, reference: &str, pixels: u16) -> Result<Self, PushError> {
        Ok(Self {
            merchant_name: shop.name.clone(),
            // Safaricom wants one even where no customer types any.
            ref_no: Some(letters_and_digits(reference, 12))
                .filter(|it| !it.is_empty())
                .unwrap_or("Sale".to_owned()),
            amount: shillings(amount)?,
            trx_code: match shop.account {
                Account::Paybill(_) => "PB",
                Account::Till(_) => "BG",
            },
            cpi: shop.account.shortcode().to_string(),
            size: pixels.to_string(),
        })
    }
}

impl Call for DynamicQr {
    /// The code as a PNG.
    type Answer = Vec<u8>;
    const REPEATABLE: bool = true;

    fn path(&self) -> &'static str {
        "/mpesa/qrcode/v1/generate"
    }

    /// `ResponseCode` is `00`, or an id that starts with `AG_`: what counts is whether there is a code.
    fn read(status: u16, body: &[u8]) -> Result<Vec<u8>, CallError> {
        let answer = answer::read(status, body)?;
        let Some(text) = answer.text("QRCode") else {
            let code = answer.text("ResponseCode").filter(|code| !code.trim_matches('0').is_empty());
            let code = code.filter(|code| !code.starts_with("AG_")).ok_or(CallError::Unclear)?;
            return Err(answer::refusal(code, answer::description(&answer)));
        };
        let text: String = text.split_ascii_whitespace().collect();
        let png = STANDARD.decode(text).map_err(|_| CallError::Unclear)?;
        if png.starts_with(PNG_SIGNATURE) { Ok(png) } else { Err(CallError::Unclear) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Refused;
    use domain::{ShopId, ShortCode};
    use serde_json::json;

    fn shop(account: Account) -> Shop {
        Shop::new(ShopId::parse("duka").unwrap(), "Duka Moja", account, None).unwrap()
    }

    #[test]
    fn a_code_says_who_is_paid_how_much_and_how() {
        let number = || ShortCode::parse("373132").unwrap();
        let till = DynamicQr::new(&shop(Account::Till(number())), Money::from_cents(35_000), "A-42", 300);
        let expected = json!({
            "MerchantName": "Duka Moja", "RefNo": "A42", "Amount": 350, "TrxCode": "BG", "CPI": "373132",
            "Size": "300",
        });
        assert_eq!(serde_json::to_value(till.unwrap()).unwrap(), expected);
        let paybill = DynamicQr::new(&shop(Account::Paybill(number())), Money::from_cents(100), "A", 300);
        assert_eq!(serde_json::to_value(paybill.unwrap()).unwrap()["TrxCode"], "PB");
        let cents = DynamicQr::new(&shop(Account::Till(number())), Money::from_cents(150), "A", 300);
        assert_eq!(cents, Err(PushError::Cents(Money::from_cents(150))));
    }

    #[test]
    fn a_picture_is_a_picture_whatever_the_code_says() {
        let png = [PNG_SIGNATURE, b"rest"].concat();
        let text = STANDARD.encode(&png);
        let (start, end) = text.split_at(8);
        for (code, picture) in [
            ("00", text.clone()),
            ("AG_20191219_000043fdf61864fe9ff5", text.clone()),
            ("00", format!("{start}\\n{end}")),
        ] {
            let body = format!(r#"{{"ResponseCode":"{code}","RequestID":"r","QRCode":"{picture}"}}"#);
            assert_eq!(DynamicQr::read(200, body.as_bytes()), Ok(png.clone()), "{body}");
        }
    }

    #[test]
    fn what_is_no_picture_is_unclear_and_a_refusal_is_a_refusal() {
        let gif = format!(r#"{{"ResponseCode":"00","QRCode":"{}"}}"#, STANDARD.encode("GIF89a"));
        for body in
            [&gif, r#"{"ResponseCode":"00"}"#, r#"{"QRCode":"%%%"}"#, r#"{"ResponseCode":"AG_1"}"#, ""]
        {
            assert_eq!(DynamicQr::read(200, body.as_bytes()), Err(CallError::Unclear), "{body}");
        }
        let no = br#"{"ResponseCode":"01","ResponseDescription":"invalid CPI"}"#;
        let refused = Refused { code: "01".to_owned(), message: "invalid CPI".to_owned() };
        assert_eq!(DynamicQr::read(200, no), Err(CallError::Refused(refused)));
    }
}
