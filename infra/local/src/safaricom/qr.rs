//! Dynamic QR: a picture that the customer's app reads (fact sheet §1.8).

use super::Simulator;
use super::gateway::{Api, Refusal, digits};
use super::odds::Fault;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcodegen::{QrCode, QrCodeEcc};
use serde_json::{Value, json};
use std::sync::Arc;

/// The smallest and the largest picture, in pixels a side.
const SIZES: std::ops::RangeInclusive<u32> = 100..=1000;
/// The white edge that a reader needs, in modules.
const EDGE: i32 = 4;

pub(super) async fn generate(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let form = simulator.admit(Api::Qr, &headers, &body)?;
    let filled = |most: usize| move |text: &str| (1..=most).contains(&text.chars().count());
    let name = form.need("MerchantName", filled(40))?;
    let reference = form.need("RefNo", filled(20))?;
    let amount = form.need("Amount", |text| digits(1..=6)(text) && text != "0")?;
    let kind = form.need("TrxCode", |text| matches!(text, "BG" | "PB" | "WA" | "SM" | "SB"))?;
    let cpi = form.need("CPI", digits(5..=12))?;
    let size = form.need("Size", |text| text.parse().is_ok_and(|size: u32| SIZES.contains(&size)))?;
    let size = size.parse().map_err(|_| Api::Qr.invalid("Size"))?;
    // What stands in the real one is not published; this says the same.
    let says = format!("{kind}|{cpi}|{amount}|{reference}|{name}");
    let picture =
        QrCode::encode_text(&says, QrCodeEcc::Medium).map_err(|_| Api::Qr.invalid("MerchantName"))?;
    let now = simulator.now();
    let mut state = simulator.state();
    let (id, conversation) = state.conversation(now);
    let code = if state.roll(Fault::QrResponseId) { conversation } else { "00".to_owned() };
    Ok(Json(json!({
        "ResponseCode": code,
        "RequestID": id,
        "ResponseDescription": "The service request is processed successfully.",
        "QRCode": STANDARD.encode(png(&picture, size)),
    })))
}

/// A square picture of a code: PNG, one bit a pixel. Its few kilobytes are stored and not packed, which
/// every reader takes and which needs no more than this.
fn png(code: &QrCode, side: u32) -> Vec<u8> {
    let modules = u32::try_from(code.size().saturating_add(EDGE.saturating_mul(2))).unwrap_or(1);
    let module = |pixel: u32| {
        let place = u64::from(pixel).saturating_mul(u64::from(modules)).checked_div(u64::from(side));
        i32::try_from(place.unwrap_or(0)).unwrap_or(0).saturating_sub(EDGE)
    };
    let mut rows = Vec::new();
    for y in 0..side {
        // No filter; then a bit a pixel, a set one being white.
        rows.push(0);
        let row = module(y);
        let pixels: Vec<bool> = (0..side).map(|x| !code.get_module(module(x), row)).collect();
        let pack = |bits: &[bool]| {
            let bits = (0..8_u8).map(|bit| bits.get(usize::from(bit)).copied().unwrap_or(false));
            bits.fold(0_u8, |byte, white| (byte << 1) | u8::from(white))
        };
        rows.extend(pixels.chunks(8).map(pack));
    }
    let mut header = Vec::new();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    header.extend([1, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
        let named = [kind.as_slice(), &content].concat();
        png.extend(u32::try_from(content.len()).unwrap_or(0).to_be_bytes());
        png.extend(&named);
        png.extend(crc(&named).to_be_bytes());
    }
    png
}

/// A zlib stream that holds its content as it is.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = content.chunks(usize::from(u16::MAX));
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(0);
        stream.push(u8::from(number == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler(content).to_be_bytes());
    stream
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn adler(bytes: &[u8]) -> u32 {
    let add = |one: u32, other: u32| one.wrapping_add(other).checked_rem(65_521).unwrap_or(0);
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = add(low, u32::from(*byte));
        (low, add(high, low))
    });
    (high << 16) | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_of_a_png_are_the_published_ones() {
        assert_eq!(crc(b"IEND"), 0xAE42_6082);
        assert_eq!(crc(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler(b"Wikipedia"), 0x11E6_0398);
    }
}
