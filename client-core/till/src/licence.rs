//! The shop's licence: learnt from the cloud, kept in the ledger, verified and counted without a line.
//!
//! What is known of it lies in memory, so that a sale looks at it for nothing. Where it ran out only new sales
//! stop: what is open is finished, cancelled, sent, backed up and carried out as ever.

use crate::care::went_on;
use crate::{Event, Till, TillError, lock};
use domain::licence::{Offer, Standing, reference};
use domain::{Money, ShopId, Timestamp};
use ledger::{Ledger, LicenceRow};
use replica::PublicKey;
use replica::licence::{Token, TokenError};
use replica::wire::json::{LicenceForm, ShopForm};
use std::collections::BTreeMap;

/// How often it is asked for where it ran out: somebody may have paid just now.
const SOON_MILLIS: u64 = 10_000;
/// What is said of a licence that does not verify.
const NOT_THE_PLATFORMS: &str =
    "the licence in the ledger is not as the platform signed it: it is asked for again";
/// How often head office asks how a shop stands.
const SELDOM_MILLIS: u64 = 10 * 60_000;

/// How a shop stands with its licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// Licensed, in grace or expired; free where no licence is needed, or none was heard of yet.
    pub standing: Standing,
    /// What was paid and bought nothing yet.
    pub credit: Money,
    /// Where it is paid and what it costs, where one is needed.
    pub offer: Option<Offer>,
    /// What to give as account number.
    pub reference: String,
}

/// What is kept of one shop's licence: the platform's key, and what it signed last, if it signed anything yet.
#[derive(Clone)]
struct Kept {
    key: PublicKey,
    token: Option<Token>,
}

/// What is kept of the shops' licences.
#[derive(Default)]
pub(crate) struct Licences {
    kept: BTreeMap<ShopId, Kept>,
    /// Why what the cloud said last is not believed.
    pub(crate) doubts: BTreeMap<ShopId, String>,
    /// When head office asked how each shop stands.
    asked: BTreeMap<ShopId, Timestamp>,
}

impl Licences {
    /// Those in a ledger; one that does not verify is none, and is asked for again.
    pub(crate) fn of(ledger: &Ledger) -> Result<Self, TillError> {
        let (mut kept, mut doubts) = (BTreeMap::new(), BTreeMap::new());
        for LicenceRow { shop, key, token } in ledger.licences()? {
            let read =
                PublicKey::from_bytes(&key).and_then(|key| Some((key, kept_token(&shop, &token, &key)?)));
            match read {
                Some((key, token)) => drop(kept.insert(shop, Kept { key, token })),
                None => drop(doubts.insert(shop, NOT_THE_PLATFORMS.to_owned())),
            }
        }
        Ok(Self { kept, doubts, ..Self::default() })
    }

    fn standing(&self, shop: &ShopId, seen: impl FnOnce() -> Timestamp) -> Standing {
        match self.token(shop) {
            Some(Token { until: until @ Some(_), issued_at, .. }) => {
                Standing::at(*until, seen().max(*issued_at))
            }
            _ => Standing::Free,
        }
    }

    fn token(&self, shop: &ShopId) -> Option<&Token> {
        self.kept.get(shop)?.token.as_ref()
    }
}

/// The token in a ledger, if there is one; `None`: these bytes are not this shop's, or not the platform's.
fn kept_token(shop: &ShopId, bytes: &[u8], key: &PublicKey) -> Option<Option<Token>> {
    if bytes.is_empty() {
        return Some(None);
    }
    Token::open(bytes, key).ok().filter(|token| token.shop == *shop).map(Some)
}

/// Reads what the cloud says about a shop's licence. A key that was learnt before is the only one that counts.
pub(crate) fn read(
    shop: &ShopId,
    form: &LicenceForm,
    known: Option<PublicKey>,
) -> Result<(LicenceRow, PublicKey, Option<Token>), TokenError> {
    let unreadable = || TokenError::from(replica::CodecError::Unreadable);
    let bytes: [u8; 32] =
        hex::decode(&form.key).ok().and_then(|key| key.try_into().ok()).ok_or_else(unreadable)?;
    let key = PublicKey::from_bytes(&bytes).ok_or_else(unreadable)?;
    if known.is_some_and(|known| known != key) {
        return Err(TokenError::OtherKey);
    }
    let token = form.token.as_ref().map(hex::decode).transpose().map_err(|_| unreadable())?;
    let read = token.as_ref().map(|token| Token::open(token, &key)).transpose()?;
    if read.as_ref().is_some_and(|token| token.shop != *shop) {
        return Err(TokenError::Forged);
    }
    Ok((LicenceRow { shop: shop.clone(), key: bytes, token: token.unwrap_or_default() }, key, read))
}

impl Till {
    /// How a shop stands with its licence, by the latest instant that is known to have been.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn licence(&self, shop: &ShopId, now: Timestamp) -> Result<Licence, TillError> {
        let last = self.read(|ledger| ledger.last_fact_at(shop, ledger.writer(shop)?))?;
        let seen = self.seen(now, last);
        let licences = lock(&self.licences);
        let token = licences.token(shop);
        Ok(Licence {
            standing: licences.standing(shop, || seen),
            credit: token.map_or(Money::ZERO, |token| token.credit),
            offer: token.and_then(|token| token.offer.clone()),
            reference: reference(shop),
        })
    }

    /// Whether a new sale may be made.
    pub(crate) fn may_sell(
        &self,
        shop: &ShopId,
        now: Timestamp,
        last: Option<Timestamp>,
    ) -> Result<(), TillError> {
        let licences = lock(&self.licences);
        let Standing::Expired(until) = licences.standing(shop, || self.seen(now, last)) else {
            return Ok(());
        };
        let offer = licences.token(shop).and_then(|token| token.offer.as_ref());
        let pay = offer.map_or("ask whoever runs the cloud".to_owned(), |Offer { paybill, price }| {
            format!("pay KES {} to paybill {paybill}, account {}", price.amount, reference(shop))
        });
        Err(TillError::Unlicensed { until, pay })
    }

    /// Takes in what the cloud says about a shop's licence. Only what says something new is written.
    pub(crate) fn learn_licence(&self, shop: &ShopId, form: &LicenceForm) -> Result<(), TillError> {
        let kept = lock(&self.licences).kept.get(shop).cloned();
        let (row, key, token) = match read(shop, form, kept.as_ref().map(|kept| kept.key)) {
            Ok(read) => read,
            Err(error) => {
                lock(&self.licences).doubts.insert(shop.clone(), error.to_string());
                return Ok(());
            }
        };
        lock(&self.licences).doubts.remove(shop);
        // What comes late, or again, says nothing new.
        let known = |kept: Kept| match (kept.token, &token) {
            (Some(kept), Some(token)) => kept.issued_at >= token.issued_at || kept.says_the_same(token),
            (_, token) => token.is_none(),
        };
        if kept.is_some_and(known) {
            return Ok(());
        }
        self.ledger().put_licence(&row)?;
        lock(&self.licences).kept.insert(shop.clone(), Kept { key, token });
        self.tell(Event::Sync);
        Ok(())
    }

    /// How long what is known of a shop is good: where its licence ran out, news of a payment are awaited.
    pub(crate) fn learn_again_after(&self, shop: &ShopId, usual: u64, now: Timestamp) -> u64 {
        let waits = match lock(&self.licences).standing(shop, || self.corrected(now)) {
            Standing::Free | Standing::Licensed(_) => false,
            Standing::Grace(..) | Standing::Expired(_) => true,
        };
        if waits { SOON_MILLIS } else { usual }
    }

    /// Head office asks now and then how a shop stands, and soon where its licence ran out.
    pub(crate) fn ask_standing(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let asked = lock(&self.licences).asked.get(shop).copied();
        let pause = self.learn_again_after(shop, SELDOM_MILLIS, now);
        if asked.is_some_and(|at| at.distance_millis(now) < pause) {
            return Ok(());
        }
        let (path, writer) = (format!("/v1/shops/{shop}"), self.ledger().writer(shop)?);
        // A cloud of an older release says nothing.
        if let Some(answer) = went_on(self.carry("GET", &path, Vec::new(), writer, now))? {
            let form: ShopForm = crate::requests::read(&answer)?;
            self.hear_pulled(&form, shop);
            if let Some(licence) = &form.licence {
                self.learn_licence(shop, licence)?;
            }
        }
        lock(&self.licences).asked.insert(shop.clone(), now);
        Ok(())
    }
}
