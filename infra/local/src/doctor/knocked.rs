//! Whether Safaricom would get to the hub: the callback address itself, and knocking at it from outside.

use super::asked::reasons;
use super::finding::Finding;
use daraja::outbound::{UrlFault, lint_callback_url};
use replica::wire::json::Problem;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use service::CallbackToken;
use std::time::{Duration, Instant};

/// How long a validation may take with the way there and back. Safaricom waits about eight seconds (fact
/// sheet §5.3).
const FAST: Duration = Duration::from_secs(2);
const TOO_SLOW: Duration = Duration::from_secs(4);

/// What knocking with a wrong token came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Knock {
    /// Leja says that there is nothing here, as it should.
    Leja,
    /// Somebody else answers with this status.
    Other(u16),
    /// Nobody answers.
    Nobody(String),
}

/// Knocks at an address, like `https://pay.example.com`, with the token of nobody.
pub(super) async fn knock(http: &reqwest::Client, base: &str) -> Knock {
    let token = CallbackToken::nobodys();
    let url = format!("{}/in/{}/c/confirmation", base.trim_end_matches('/'), token.as_str());
    let answer = match http.post(url).header(CONTENT_TYPE, "application/json").body("{}").send().await {
        Ok(answer) => answer,
        Err(error) => return Knock::Nobody(reasons(error)),
    };
    let status = answer.status().as_u16();
    let problem: Result<Problem, _> = serde_json::from_slice(&answer.bytes().await.unwrap_or_default());
    let ours = status == 404 && problem.is_ok_and(|problem| problem.kind == "leja:not-found");
    if ours { Knock::Leja } else { Knock::Other(status) }
}

/// Everything that keeps Safaricom from calling an address; `real` if it is Safaricom itself that shall.
pub(super) fn judge_address(base: &str, production: bool, real: bool) -> Vec<Finding> {
    const NAME: &str = "callback address";
    let path = format!("/in/{}/c/confirmation", CallbackToken::nobodys().as_str());
    // The sandbox calls over plain http and on any port, but into no house.
    let faults = lint_callback_url(&format!("{}{path}", base.trim_end_matches('/')), production || real);
    let matters = |fault: &UrlFault| production || !matches!(fault, UrlFault::Plain | UrlFault::Port(_));
    let findings: Vec<Finding> = faults
        .into_iter()
        .filter(matters)
        .map(|fault| match fault {
            UrlFault::Port(_) => Finding::warn(NAME, format!("{base}: {fault}")),
            _ => Finding::fail(NAME, format!("{base}: {fault}; set LEJA_CALLBACK_BASE")),
        })
        .collect();
    if findings.is_empty() { vec![Finding::ok(NAME, base)] } else { findings }
}

/// Whether a hub runs on this machine.
pub(super) fn judge_hub(local: &Knock, address: &str) -> Finding {
    match local {
        Knock::Leja => Finding::ok("hub", format!("runs on {address}")),
        Knock::Other(status) => {
            let says = format!(
                "something else answers on {address} with status {status}: close it, or name the hub's \
                 address with --listen"
            );
            Finding::fail("hub", says)
        }
        Knock::Nobody(_) => {
            let says = format!(
                "does not run on {address}: what came in and the validation were not checked; start it, or \
                 name its address with --listen"
            );
            Finding::warn("hub", says)
        }
    }
}

/// Whether the callback address leads to the hub.
pub(super) fn judge_way(public: &Knock, local: &Knock, base: &str) -> Finding {
    const NAME: &str = "reachable";
    let why = match public {
        Knock::Leja => return Finding::ok(NAME, format!("{base} leads to a hub")),
        Knock::Other(status) => format!("{base} leads elsewhere (status {status})"),
        Knock::Nobody(why) => format!("{base} can not be reached ({why})"),
    };
    if *local != Knock::Leja {
        return Finding::warn(NAME, format!("{why}; start the hub, and look again"));
    }
    let says = format!(
        "{why}: point DNS, certificate, firewall and proxy at the hub, with POST, the whole path and no \
         redirect"
    );
    Finding::fail(NAME, says)
}

/// What a validation with a shop's own token was answered, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validated {
    /// The money may come.
    accepted: bool,
    status: u16,
    took: Duration,
}

/// Asks for a validation as Safaricom does. The body is no payment, so nothing is decided and nothing kept.
pub(super) async fn validate(
    http: &reqwest::Client,
    base: &str,
    token: &CallbackToken,
) -> Result<Validated, String> {
    let url = format!("{}/in/{}/c/validation", base.trim_end_matches('/'), token.as_str());
    let begun = Instant::now();
    let request = http.post(url).header(CONTENT_TYPE, "application/json").body("{}");
    let answer = request.send().await.map_err(reasons)?;
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.map_err(reasons)?).unwrap_or_default();
    let accepted = body.get("ResultCode").and_then(Value::as_str) == Some("0");
    Ok(Validated { accepted, status, took: begun.elapsed() })
}

/// What that means.
pub(super) fn judge_validation(answer: &Result<Validated, String>) -> Finding {
    const NAME: &str = "validation";
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Finding::fail(NAME, format!("no answer ({why}): look at the hub's log")),
    };
    let millis = answer.took.as_millis();
    if !answer.accepted {
        let says = format!(
            "a shop's own address is not known there (status {}): it leads to another hub, or the store or \
             callback.secret was restored from elsewhere",
            answer.status
        );
        return Finding::fail(NAME, says);
    }
    if answer.took >= TOO_SLOW {
        let says = format!(
            "answered after {millis} ms: Safaricom gives up after about 8 s; look at the machine and the way"
        );
        return Finding::fail(NAME, says);
    }
    if answer.took >= FAST {
        let says =
            format!("answered after {millis} ms, which is slow: look at the machine and the way to it");
        return Finding::warn(NAME, says);
    }
    Finding::ok(NAME, format!("answered after {millis} ms"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Fail, Ok as Fine, Warn};
    use super::super::finding::tests::check;
    use super::*;

    #[test]
    fn every_fault_of_an_address_is_told() {
        let live = judge_address("http://mpesa.example.com/sql", true, true);
        assert_eq!(live.len(), 3, "{live:?}");
        for (finding, words) in live.iter().zip(["mpesa", "sql", "https"]) {
            check(finding, Fail, words);
        }
        check(&judge_address("https://pay.example.com:8443", true, true)[0], Warn, "8443");
        check(&judge_address("https://pay.example.com/", true, true)[0], Fine, "pay.example.com");
        check(&judge_address("nonsense", false, false)[0], Fail, "no URL");
    }

    #[test]
    fn the_real_sandbox_calls_into_no_house_and_a_simulated_one_does() {
        let base = "http://127.0.0.1:8300";
        check(&judge_address(base, false, false)[0], Fine, base);
        check(&judge_address(base, false, true)[0], Fail, "public");
        check(&judge_address("http://pay.example.com:8080", false, true)[0], Fine, "8080");
    }

    #[test]
    fn an_address_that_leads_elsewhere_fails_only_beside_a_running_hub() {
        let (elsewhere, nobody) = (Knock::Other(301), Knock::Nobody("refused".to_owned()));
        check(&judge_way(&Knock::Leja, &nobody, "x"), Fine, "leads to a hub");
        check(&judge_way(&elsewhere, &Knock::Leja, "x"), Fail, "status 301");
        check(&judge_way(&nobody, &Knock::Leja, "x"), Fail, "can not be reached (refused)");
        check(&judge_way(&nobody, &nobody, "x"), Warn, "start the hub");
        check(&judge_hub(&nobody, "x"), Warn, "not checked");
        check(&judge_hub(&elsewhere, "x"), Fail, "something else");
    }

    #[test]
    fn a_validation_is_accepted_and_fast() {
        let judge = |accepted, millis| {
            let took = Duration::from_millis(millis);
            judge_validation(&Ok(Validated { accepted, status: 200, took }))
        };
        check(&judge(true, 12), Fine, "12 ms");
        check(&judge(true, 2000), Warn, "slow");
        check(&judge(true, 4000), Fail, "8 s");
        check(&judge(false, 1), Fail, "another hub");
        check(&judge_validation(&Err("reset".to_owned())), Fail, "reset");
    }
}
