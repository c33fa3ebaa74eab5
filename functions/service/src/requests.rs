//! What else is asked of Safaricom: whether a payment is real, that one goes back, what the organisation
//! has, codes to scan, and where callbacks go.
//!
//! Status, reversal and balance are acknowledged now and answered later, by a callback or never. Each is
//! recorded before it is asked, so that its answer is recognised and nobody else's is.

use crate::payments::{Payments, refuse};
use crate::safaricom::{Safaricom, SafaricomError};
use crate::store::{AnswerKind, Purpose, Request};
use crate::{Problem, Store, StoreError};
use axum::http::StatusCode;
use daraja::outbound::{
    Acknowledged, Balance, Call, DynamicQr, Initiator, PullRegister, PullRegistered, RegisterUrls,
    ResultUrls, Reversal, Simulate, StatusOf, StatusQuery, UrlFault, lint_callback_url,
};
use daraja::{AccountBalance, Inbound, ResultContent};
use domain::{CheckoutId, Money, Msisdn, ReceiptCode, Shop, Timestamp};
use replica::wire::json::{
    AskPullRegistration, AskQr, AskReversal, AskSimulation, AskStatus, RequestState, Requested,
};

/// The edge of a code to scan, in pixels.
const QR_PIXELS: u16 = 300;
/// How long a reversal nobody heard of keeps others away. Asking again after that moves no money twice:
/// Safaricom reverses whole payments only, and says of one that it was reversed before (fact sheet §3.6),
/// which settles what became of the first.
const REVERSAL_LOCK_MILLIS: i64 = 10 * 60_000;

impl<S: Store, D: Safaricom> Payments<S, D> {
    /// Asks whether a payment is real. The result comes as evidence.
    pub(crate) async fn status(&self, shop: &Shop, ask: &AskStatus) -> Result<Requested, Problem> {
        let receipt = receipt(&ask.receipt)?;
        let initiator = self.initiator()?;
        let urls = self.result_urls(shop).await?;
        let of = StatusOf::Receipt(receipt.clone());
        let call = StatusQuery::new(initiator, shop.business_shortcode(), of, &urls, "Confirm a payment");
        let now = (self.clock)();
        // A question a minute about one payment is enough; a repetition finds the one that was asked.
        let name = format!("status {receipt} {}", now.millis().checked_div(60_000).unwrap_or(0));
        let asked = self.ask(shop, (name, Purpose::Status(receipt)), &call, now).await;
        asked.map_err(|error| refuse(&error))
    }

    /// Asks that a payment goes back to the customer. While one reversal of it is under way there is no
    /// second one: repeating the request finds the first. Where nobody heard of it, it can be asked again
    /// after a while.
    pub(crate) async fn reversal(&self, shop: &Shop, ask: &AskReversal) -> Result<Requested, Problem> {
        let receipt = receipt(&ask.receipt)?;
        let amount = Money::parse(&ask.amount).map_err(|e| Problem::bad_request(e.to_string()))?;
        let (initiator, now) = (self.initiator()?, (self.clock)());
        let urls = self.result_urls(shop).await?;
        let call =
            Reversal::new(initiator, shop.business_shortcode(), (&receipt, amount), &urls, &ask.reason);
        let name = format!("reversal {receipt} {}", fresh()?);
        let lock = format!("reversal/{}/{receipt}", shop.id);
        let request = request_for(shop, (name, Purpose::Reversal(receipt)), amount, now);
        // First the request, then the lock: whoever finds the lock taken finds the request behind it.
        self.store.begin_request(&request).await?;
        if let Some(earlier) = self.reversal_under_way(shop, &lock, &request).await? {
            let title =
                "This was asked a moment ago, and Safaricom's answer was lost: ask again in ten minutes.";
            let lost = || Problem::new(StatusCode::CONFLICT, "leja:unknown", title);
            let (name, _) = earlier.accepted.ok_or_else(lost)?;
            return Ok(Requested { request: name.to_string() });
        }
        let name = request.name.clone();
        let asked = self.send(shop, request, &call).await;
        if matches!(asked, Err(SafaricomError::Refused(_))) {
            self.store.let_go(&lock, &name).await?;
        }
        asked.map_err(|error| refuse(&error))
    }

    /// Takes the lock on a payment's reversal; or gives the request that has it, if that did not fail.
    async fn reversal_under_way(
        &self,
        shop: &Shop,
        lock: &str,
        request: &Request,
    ) -> Result<Option<Request>, Problem> {
        let until = request.at.plus_millis(REVERSAL_LOCK_MILLIS);
        let Some((other, _)) = self.store.hold(lock, &request.name, request.at, until).await? else {
            return Ok(None);
        };
        let busy = || Problem::new(StatusCode::CONFLICT, "leja:busy", "Somebody else asks the same now.");
        let earlier = self.store.request_named(&shop.id, &other).await?.ok_or_else(busy)?;
        if !self.has_failed(&earlier).await? {
            return Ok(Some(earlier));
        }
        self.store.let_go(lock, &other).await?;
        match self.store.hold(lock, &request.name, request.at, until).await? {
            None => Ok(None),
            Some(_) => Err(busy()),
        }
    }

    /// Whether Safaricom's result says no. One that succeeded is in the feed, and not kept as an answer.
    async fn has_failed(&self, request: &Request) -> Result<bool, StoreError> {
        let Some((name, _)) = &request.accepted else { return Ok(false) };
        Ok(self.store.answer(name, AnswerKind::Result).await?.is_some())
    }

    /// Asks what the organisation has.
    pub(crate) async fn balance(&self, shop: &Shop) -> Result<Requested, Problem> {
        let initiator = self.initiator()?;
        let urls = self.result_urls(shop).await?;
        let call = Balance::new(initiator, shop.business_shortcode(), &urls, "Balance");
        let now = (self.clock)();
        let name = format!("balance {}", now.millis());
        let asked = self.ask(shop, (name, Purpose::Balance), &call, now).await;
        asked.map_err(|error| refuse(&error))
    }

    /// Records a request, asks, and records the name Safaricom gave it. A request that was accepted under
    /// the same name before is found and not asked again.
    async fn ask<C: Call<Answer = Acknowledged>>(
        &self,
        shop: &Shop,
        named: (String, Purpose),
        call: &C,
        at: Timestamp,
    ) -> Result<Requested, SafaricomError> {
        let request = request_for(shop, named, Money::ZERO, at);
        // Without our note the answer would not be recognised: better not to ask at all.
        let begun = self.store.begin_request(&request).await.map_err(|error| unnoted(&error))?;
        if let Some(Request { accepted: Some((known, _)), .. }) = begun {
            return Ok(Requested { request: known.to_string() });
        }
        self.send(shop, request, call).await
    }

    /// Sends a request that was recorded.
    async fn send<C: Call<Answer = Acknowledged>>(
        &self,
        shop: &Shop,
        request: Request,
        call: &C,
    ) -> Result<Requested, SafaricomError> {
        let taken = self.safaricom.call(call).await?;
        let name = if taken.originator.is_empty() { &taken.conversation } else { &taken.originator };
        let name = CheckoutId::parse(name).map_err(|_| SafaricomError::Unknown)?;
        let requested = Requested { request: name.to_string() };
        let request = Request { accepted: Some((name, taken.conversation)), ..request };
        self.note(shop, &request).await.map_err(|error| unnoted(&error))?;
        Ok(requested)
    }

    /// What became of a request, in words.
    pub(crate) async fn state_of(&self, request: &Request) -> Result<RequestState, Problem> {
        let state = |state: &str, words: String| RequestState {
            purpose: request.purpose.to_string(),
            state: state.to_owned(),
            words,
            balances: Vec::new(),
        };
        let Some((name, _)) = &request.accepted else { return Ok(state("waiting", String::new())) };
        if let Some(raw) = self.store.answer(name, AnswerKind::Result).await? {
            let Ok(Inbound::Result(result)) = daraja::parse(&raw.body) else {
                return Ok(state("refused", "Safaricom's answer makes no sense.".to_owned()));
            };
            return Ok(match result.content {
                ResultContent::Balance(accounts) => RequestState {
                    balances: accounts.iter().map(shown).collect(),
                    ..state("done", result.description)
                },
                ResultContent::Status(status) => state("done", status.status),
                _ => state("refused", explain(&result.code, &result.description)),
            });
        }
        let evidence = match &request.purpose {
            Purpose::Status(receipt) => Some(("status_result", receipt.as_str())),
            Purpose::Reversal(receipt) => Some(("reversal", receipt.as_str())),
            Purpose::Push(_) | Purpose::Balance => None,
        };
        if let Some(name) = evidence
            && self.store.feed_item(&request.shop, name).await?.is_some()
        {
            return Ok(state("done", "Completed".to_owned()));
        }
        Ok(match self.store.answer(name, AnswerKind::TimedOut).await? {
            Some(_) => {
                let words = "Safaricom did not say in time what became of it: ask again in ten minutes.";
                state("timed_out", words.to_owned())
            }
            None => state("waiting", String::new()),
        })
    }

    /// A code to be scanned with the M-PESA app, as a PNG.
    pub(crate) async fn qr(&self, shop: &Shop, ask: &AskQr) -> Result<Vec<u8>, Problem> {
        let amount = Money::parse(&ask.amount).map_err(|e| Problem::bad_request(e.to_string()))?;
        let call = DynamicQr::new(shop, amount, &ask.reference, QR_PIXELS);
        let call = call.map_err(|e| Problem::bad_request(e.to_string()))?;
        self.safaricom.call(&call).await.map_err(|error| refuse(&error))
    }

    /// Registers a shop's callback addresses with Safaricom. In production that works once for a number.
    pub(crate) async fn register(&self, shop: &Shop) -> Result<String, Problem> {
        let confirmation = self.callback_url(shop, "c/confirmation").await?;
        let validation = self.callback_url(shop, "c/validation").await?;
        let faults = lint_callback_url(&confirmation, self.app.production);
        if let Some(fault) = faults.iter().find(|fault| !matches!(fault, UrlFault::Port(_))) {
            return Err(Problem::new(StatusCode::CONFLICT, "leja:callback-url", fault.to_string()));
        }
        let (version, number) = (self.app.c2b_version, shop.account.shortcode());
        let call = RegisterUrls::new(version, number, self.app.response_type, &confirmation, &validation);
        self.safaricom.call(&call).await.map_err(|error| refuse(&error))?;
        Ok(format!("Callback addresses are registered for {number}."))
    }

    /// Lets a customer of the sandbox pay.
    pub(crate) async fn simulate(&self, shop: &Shop, ask: &AskSimulation) -> Result<String, Problem> {
        if self.app.production {
            let title = "Customers can be simulated in the sandbox only.";
            return Err(Problem::new(StatusCode::CONFLICT, "leja:production", title));
        }
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let amount = Money::parse(&ask.amount).map_err(|e| bad(&e))?;
        let phone = Msisdn::parse_phone(&ask.phone).map_err(|e| bad(&e))?;
        let call = Simulate::new(self.app.c2b_version, &shop.account, amount, &phone, &ask.reference);
        let call = call.map_err(|e| bad(&e))?;
        self.safaricom.call(&call).await.map_err(|error| refuse(&error))?;
        Ok("Safaricom took it; the confirmation follows.".to_owned())
    }

    /// Registers a shop's number for Pull Transactions.
    pub(crate) async fn register_pull(
        &self,
        shop: &Shop,
        ask: &AskPullRegistration,
    ) -> Result<String, Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let phone = Msisdn::parse_phone(&ask.phone).map_err(|e| bad(&e))?;
        let url = self.callback_url(shop, "r").await?;
        let call = PullRegister::new(shop.business_shortcode(), &phone, &url).map_err(|e| bad(&e))?;
        Ok(match self.safaricom.call(&call).await.map_err(|error| refuse(&error))? {
            PullRegistered::Now => "Pull Transactions is registered.".to_owned(),
            PullRegistered::Already => "Pull Transactions was registered before.".to_owned(),
        })
    }

    fn initiator(&self) -> Result<&Initiator, Problem> {
        let title =
            "No API user is configured: set MPESA_INITIATOR, its password and Safaricom's certificate.";
        let missing = || Problem::new(StatusCode::CONFLICT, "leja:not-configured", title);
        self.app.initiator.as_ref().ok_or_else(missing)
    }

    async fn result_urls(&self, shop: &Shop) -> Result<ResultUrls, Problem> {
        let result = self.callback_url(shop, "r").await?;
        Ok(ResultUrls::new(&result, &self.callback_url(shop, "t").await?))
    }
}

/// Why a result says no, and what to do (fact sheet §1.6, §3.6).
fn explain(code: &str, description: &str) -> String {
    let remedy = match code {
        "1" => "There is not enough money in the shortcode.",
        "11" => "The shortcode is not active: ask Safaricom.",
        "21" => {
            "The API user lacks the role. In Safaricom's portal give it Org Reversals Initiator for \
             reversals, Transaction Status query ORG API for status, Balance Query ORG API for balances."
        }
        "25" => "A parameter is missing or malformed: check the receipt code.",
        "2001" => {
            "The API user's name or password is wrong, or was sealed with the certificate of the other \
             environment. Passwords expire after 90 days."
        }
        "2006" => "A rule of the account forbids it: ask Safaricom.",
        "2028" => "The shortcode lacks the product, or is not the one that went live.",
        "8006" => "The API user is locked: unlock it in the portal.",
        "R000001" => "It was reversed before.",
        "R000002" => "Safaricom does not know this receipt code.",
        _ => "Look the code up in Safaricom's portal.",
    };
    format!("{description} ({code}). {remedy}")
}

/// An account of the organisation in one line.
fn shown(account: &AccountBalance) -> String {
    let amount = |amount: Option<Money>| amount.map_or("?".to_owned(), |amount| amount.to_string());
    let AccountBalance { name, currency, .. } = account;
    format!("{name}: {currency} {} ({} available)", amount(account.current), amount(account.available))
}

/// A request that nobody was asked yet.
fn request_for(shop: &Shop, (name, purpose): (String, Purpose), amount: Money, at: Timestamp) -> Request {
    Request { shop: shop.id.clone(), name, purpose, amount, at, accepted: None, ask_at: None }
}

fn unnoted(error: &StoreError) -> SafaricomError {
    tracing::error!(%error, "a request could not be noted");
    SafaricomError::Unknown
}

/// A name that no other request has: two who ask in one moment must not be taken for one.
fn fresh() -> Result<String, Problem> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|e| StoreError::Unreachable(format!("no randomness: {e}")))?;
    Ok(hex::encode(random))
}

fn receipt(text: &str) -> Result<ReceiptCode, Problem> {
    ReceiptCode::parse_typed(text).map_err(|e| Problem::bad_request(e.to_string()))
}
