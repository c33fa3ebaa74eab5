//! Any bytes as the answer to any of our calls, under any status: no panic, and whoever asked whether a
//! payment was taken is never told yes by an answer without Safaricom's name for it.
#![no_main]

use daraja::outbound::{
    Balance, Call, DynamicQr, PullQuery, PullRegister, RegisterUrls, Reversal, Simulate, StatusQuery, StkPush,
    StkQuery, read_token_answer,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((status, body)) = input.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status);
    if let Ok(accepted) = StkPush::read(status, body) {
        assert!(!accepted.checkout.as_str().is_empty());
    }
    for taken in [StatusQuery::read(status, body), Reversal::read(status, body), Balance::read(status, body)] {
        if let Ok(taken) = taken {
            assert!(!taken.originator.is_empty() || !taken.conversation.is_empty());
        }
    }
    if let Ok(png) = DynamicQr::read(status, body) {
        assert!(png.starts_with(b"\x89PNG"));
    }
    let _ = (StkQuery::read(status, body), RegisterUrls::read(status, body), Simulate::read(status, body));
    let _ = (PullRegister::read(status, body), PullQuery::read(status, body));
    if let Err(daraja::CallError::Refused(refused)) = StkQuery::read(status, body) {
        let _ = (refused.to_string(), refused.advice(), refused.is_token(), refused.is_busy());
    }
    let _ = read_token_answer(status, body);
});
