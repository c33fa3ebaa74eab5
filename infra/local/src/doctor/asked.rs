//! What Safaricom says when it is asked: for a token, for the time, for prompts nobody sent, for payments.
//!
//! Nothing of this changes anything. A new token may make the hub's void (fact sheet §1.2); the hub fetches
//! another then.

use super::finding::{Finding, spoken};
use super::typed::is_passkey;
use crate::daraja::Daraja;
use daraja::outbound::{PullAnswer, PullQuery, StkQuery, TOKEN_PATH, read_token_answer};
use daraja::{CallError, Refused};
use domain::{CheckoutId, Shop, Timestamp};
use reqwest::header::DATE;
use service::payments::App;
use service::{HttpSafaricom, Safaricom, SafaricomError};

/// How far a clock may be off before passwords are refused; how far exactly nobody publishes (fact sheet
/// §2.2).
const CLOCK_MILLIS: u64 = 120_000;
/// Which payments are asked for.
const PULLED_MILLIS: i64 = 5 * 60_000;
/// A prompt that nobody sent.
const NO_PROMPT: &str = "ws_CO_01012026000000000000000000";

/// What became of asking for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// It was given.
    Given,
    /// It was refused.
    Refused(Refused),
    /// The answer, with this status, says nothing.
    Unclear(u16),
    /// There was no answer.
    Unreachable(String),
}

/// Asks for a token; gives what time it is there, too.
pub(super) async fn ask_token(
    http: &reqwest::Client,
    base_url: &str,
    daraja: &Daraja,
) -> (Token, Option<Timestamp>) {
    let url = format!("{}{TOKEN_PATH}", base_url.trim_end_matches('/'));
    let request = http.get(url).basic_auth(&daraja.mpesa_consumer_key, Some(&daraja.mpesa_consumer_secret));
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return (Token::Unreachable(reasons(error)), None),
    };
    let (status, date) = (answer.status().as_u16(), date_of(&answer));
    let body = match answer.bytes().await {
        Ok(body) => body,
        Err(error) => return (Token::Unreachable(reasons(error)), date),
    };
    let token = match read_token_answer(status, &body) {
        Ok(_) => Token::Given,
        Err(CallError::Refused(refused)) => Token::Refused(refused),
        Err(CallError::Unclear) => Token::Unclear(status),
    };
    (token, date)
}

/// What time it is where an answer comes from.
pub(super) fn date_of(answer: &reqwest::Response) -> Option<Timestamp> {
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok().map(Timestamp::from_system)
}

/// Why there was no answer, down to the cause, without the address: it may hold a secret.
pub(super) fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reasons = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reasons = format!("{reasons}: {inner}");
        cause = inner.source();
    }
    reasons
}

/// What the answer means; `other` is what the other environment says to the same keys, if it was asked.
pub(super) fn judge_token(own: &Token, other: Option<&Token>, environment: &str) -> Finding {
    const NAME: &str = "credentials";
    match own {
        Token::Given => Finding::ok(NAME, format!("{environment} gives a token for them")),
        Token::Refused(_) if other == Some(&Token::Given) => {
            let theirs = if environment == "production" { "sandbox" } else { "production" };
            let says = format!(
                "these are {theirs}'s keys, and MPESA_ENVIRONMENT is {environment}: set the keys of this \
                 environment, or the other environment"
            );
            Finding::fail(NAME, says)
        }
        Token::Refused(refused) => {
            let advice = refused.advice();
            Finding::fail(NAME, format!("{refused}. {} {}", advice.meaning, advice.remedy))
        }
        Token::Unclear(status) => {
            let says = format!(
                "Safaricom answers with status {status} and no token: check the address, and try again later"
            );
            Finding::fail(NAME, says)
        }
        Token::Unreachable(why) => {
            let says = format!("Safaricom can not be reached ({why}): look at the network, DNS and firewall");
            Finding::fail(NAME, says)
        }
    }
}

/// How far our clock is from another; `whose` it is.
pub(super) fn judge_clock(here: Timestamp, there: Option<(Timestamp, &str)>) -> Finding {
    let shown = here.to_seed();
    let Some((there, whose)) = there else {
        return Finding::warn("clock", format!("{shown} EAT; not checked, because nobody told the time"));
    };
    let (millis, apart) = (here.distance_millis(there), spoken(here.distance_millis(there)));
    let says = format!("{shown} EAT, {apart} from {whose}");
    if millis > CLOCK_MILLIS {
        return Finding::fail("clock", format!("{says}: set it (NTP), or prompts are refused"));
    }
    Finding::ok("clock", says)
}

/// Tries a shop's passkey with a question about a prompt that nobody sent.
pub(super) async fn try_passkey(
    safaricom: Option<&HttpSafaricom>,
    app: &App,
    shop: &Shop,
    now: Timestamp,
) -> Finding {
    let passkey = app.passkeys.of(shop.business_shortcode());
    let mut tried = None;
    if let (Some(safaricom), Some(passkey), Ok(nobodys)) = (safaricom, passkey, CheckoutId::parse(NO_PROMPT))
    {
        let call = StkQuery::new(shop, passkey, &nobodys, now);
        tried = Some(safaricom.call(&call).await.map(drop));
    }
    judge_passkey(shop, passkey, tried.as_ref())
}

/// What is known of a shop's passkey. That a question is answered about a prompt that nobody sent is a good
/// sign; only a refusal of the passkey itself is a bad one.
fn judge_passkey(shop: &Shop, passkey: Option<&str>, tried: Option<&Result<(), SafaricomError>>) -> Finding {
    let number = shop.business_shortcode();
    let name = format!("passkey {}", shop.id);
    let Some(passkey) = passkey else {
        let says = format!(
            "{number} has none, so its customers can not be prompted: set MPESA_SHORTCODE and \
             MPESA_PASSKEY, or add {number}=… to MPESA_PASSKEYS"
        );
        return Finding::warn(name, says);
    };
    if let Some(Err(SafaricomError::Refused(refused))) = tried {
        let text = refused.message.to_ascii_lowercase();
        if ["wrong credentials", "merchant does not exist"].iter().any(|words| text.contains(words)) {
            let advice = refused.advice();
            let says = format!("{number}: {refused}. {} {}", advice.meaning, advice.remedy);
            return Finding::fail(name, says);
        }
    }
    if !is_passkey(passkey) {
        let says =
            format!("{number}: Safaricom's passkeys are 64 hex digits, this one is not: copy it again");
        return Finding::warn(name, says);
    }
    let tried = if tried.is_some() { "Safaricom does not refuse it" } else { "not tried" };
    Finding::ok(name, format!("{number} has one; {tried}"))
}

/// Asks for the payments of the last minutes.
pub(super) async fn try_pull(
    safaricom: Option<&HttpSafaricom>,
    app: &App,
    shop: &Shop,
    now: Timestamp,
) -> Finding {
    let name = format!("pull {}", shop.id);
    let Some(method) = app.pull_method else {
        let says = "switched off: a payment that no callback tells of is found in the statement only; have \
                    the developer portal add Pull Transactions to the app, and set MPESA_PULL_METHOD";
        return Finding::warn(name, says);
    };
    let Some(safaricom) = safaricom else {
        return Finding::warn(name, "not checked, because there is no token");
    };
    let from = now.plus_millis(PULLED_MILLIS.saturating_neg());
    let query = PullQuery::new(method, shop.account.shortcode(), from, now, 0);
    judge_pull(shop, &safaricom.call(&query).await)
}

fn judge_pull(shop: &Shop, answer: &Result<PullAnswer, SafaricomError>) -> Finding {
    let (name, number, id) = (format!("pull {}", shop.id), shop.account.shortcode(), &shop.id);
    match answer {
        Ok(PullAnswer::Page(_) | PullAnswer::Empty) => {
            Finding::ok(name, format!("payments to {number} can be pulled"))
        }
        Ok(PullAnswer::Failed) => {
            let says = "Safaricom fails in words that may mean that there was nothing to pull: look again \
                        after a payment";
            Finding::warn(name, says)
        }
        Err(SafaricomError::Refused(refused)) => {
            let advice = refused.advice();
            let says = format!(
                "{refused}. {} {} `leja admin pull-register {id} PHONE` registers it.",
                advice.meaning, advice.remedy
            );
            Finding::fail(name, says)
        }
        Err(SafaricomError::Unknown) => {
            let says = format!(
                "no clear answer about {number}: try again later; if it stays so, try the other \
                 MPESA_PULL_METHOD"
            );
            Finding::fail(name, says)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Fail, Ok as Fine, Warn};
    use super::super::finding::tests::check;
    use super::*;
    use domain::{Account, ShopId, ShortCode};

    fn refused(code: &str, message: &str) -> Refused {
        Refused { code: code.to_owned(), message: message.to_owned() }
    }

    fn duka() -> Shop {
        let till = Account::Till(ShortCode::parse("123456").unwrap());
        let store = ShortCode::parse("7000123").unwrap();
        Shop::new(ShopId::parse("duka").unwrap(), "Duka", till, Some(store)).unwrap()
    }

    #[test]
    fn keys_of_the_other_environment_are_known_by_its_token() {
        let no = Token::Refused(refused("400", "wrong consumer key or secret"));
        check(&judge_token(&Token::Given, None, "sandbox"), Fine, "sandbox gives a token");
        check(&judge_token(&no, Some(&Token::Given), "sandbox"), Fail, "these are production's keys");
        check(&judge_token(&no, Some(&Token::Given), "production"), Fail, "these are sandbox's keys");
        for other in [None, Some(&no), Some(&Token::Unclear(503))] {
            check(&judge_token(&no, other, "sandbox"), Fail, "Check both");
        }
        check(&judge_token(&Token::Unclear(503), None, "sandbox"), Fail, "status 503");
        check(&judge_token(&Token::Unreachable("dns".to_owned()), None, "sandbox"), Fail, "(dns)");
    }

    #[test]
    fn a_clock_may_be_two_minutes_off_and_no_more() {
        let here = Timestamp::parse_daraja("20261121101500").unwrap();
        let judge = |millis: i64| judge_clock(here, Some((here.plus_millis(millis), "Safaricom's")));
        check(&judge(0), Fine, "2026-11-21 10:15:00 EAT, 0 s from Safaricom's");
        check(&judge(120_000), Fine, "2 min");
        check(&judge(120_001), Fail, "set it (NTP)");
        check(&judge(-3 * 3_600_000), Fail, "3 h from Safaricom's");
        check(&judge_clock(here, None), Warn, "not checked");
    }

    #[test]
    fn a_passkey_fails_only_where_safaricom_refuses_itself() {
        let hex = "0123456789abcdef".repeat(4);
        let judge = |passkey, tried: Option<Result<(), SafaricomError>>| {
            judge_passkey(&duka(), passkey, tried.as_ref())
        };
        let no = |message| Some(Err(SafaricomError::Refused(refused("500.001.1001", message))));
        check(&judge(None, None), Warn, "7000123");
        check(&judge(Some(&hex), None), Fine, "not tried");
        check(&judge(Some(&hex), Some(Ok(()))), Fine, "does not refuse");
        check(&judge(Some(&hex), no("The transaction does not Exist")), Fine, "does not refuse");
        check(&judge(Some(&hex), Some(Err(SafaricomError::Unknown))), Fine, "does not refuse");
        check(&judge(Some(&hex), no("[MerchantValidate] - Wrong credentials")), Fail, "passkey");
        check(&judge(Some(&hex), no("Merchant does not exist")), Fail, "went live");
        let odd = judge(Some("sesame"), None);
        check(&odd, Warn, "64 hex digits");
        assert!(!odd.says.contains("sesame"));
    }

    #[test]
    fn a_shop_that_can_not_be_pulled_is_told_how_to_register() {
        check(&judge_pull(&duka(), &Ok(PullAnswer::Empty)), Fine, "123456");
        check(&judge_pull(&duka(), &Ok(PullAnswer::Page(Vec::new()))), Fine, "123456");
        check(&judge_pull(&duka(), &Ok(PullAnswer::Failed)), Warn, "nothing to pull");
        let no = SafaricomError::Refused(refused("400.001", "Invalid ShortCode"));
        check(&judge_pull(&duka(), &Err(no)), Fail, "leja admin pull-register duka");
        check(&judge_pull(&duka(), &Err(SafaricomError::Unknown)), Fail, "MPESA_PULL_METHOD");
    }
}
