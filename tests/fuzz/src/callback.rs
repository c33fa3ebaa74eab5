//! Any bytes as a callback: no panic, and what is read holds what its types promise.
#![no_main]

use daraja::{Inbound, ResultContent};
use domain::Money;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let read = daraja::parse(body);
    let _ = format!("{read:?}");
    let marked = [b"\xef\xbb\xbf \r\n", body, b"\n "].concat();
    assert_eq!(daraja::parse(&marked), read, "what surrounds a body says nothing");
    match read {
        Ok(Inbound::C2b(payment)) => {
            assert!(payment.amount > Money::ZERO);
            printable(&payment.account_reference);
            printable(&payment.transaction_type);
            [payment.payer.name, payment.third_party, payment.invoice]
                .iter()
                .flatten()
                .for_each(|t| printable(t));
        }
        Ok(Inbound::Stk(outcome)) => {
            assert_eq!(outcome.paid.is_some(), outcome.code == "0", "only a success has money");
            assert!(outcome.paid.is_none_or(|paid| paid.amount > Money::ZERO));
            printable(&outcome.description);
        }
        Ok(Inbound::Result(result)) => {
            assert!(!result.originator.is_empty());
            assert!(result.code == "0" || result.content == ResultContent::Nothing);
            match result.content {
                ResultContent::Status(status) => assert!(status.amount > Money::ZERO),
                ResultContent::Reversal(reversal) => assert!(reversal.amount > Money::ZERO),
                ResultContent::Balance(accounts) => {
                    accounts.iter().for_each(|account| printable(&account.raw))
                }
                ResultContent::Nothing => {}
            }
        }
        Err(_) => {}
    }
});

fn printable(text: &str) {
    assert!(text.chars().count() <= 200 && !text.contains(char::is_control), "{text:?}");
}
