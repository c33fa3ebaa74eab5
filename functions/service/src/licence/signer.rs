//! The platform's key, and the tokens it signs.
//!
//! The sync function alone holds it, because it alone speaks with tills: callbacks may only append what they
//! were told, the sweep and the office may read it, and none of them can make a licence.

use super::{account, offer, tariff};
use crate::{Store, StoreError};
use domain::licence::{Offer, Tariff};
use domain::{Money, ShopId, Timestamp};
use replica::Keypair;
use replica::licence::Token;
use replica::wire::json::LicenceForm;
use std::sync::{Mutex, PoisonError};

/// For how long the prices are remembered: they change once a year, and every till asks every five minutes.
const REMEMBERED_MILLIS: u64 = 30_000;

/// What licences cost, and where they are paid.
#[derive(Debug, Clone, Default)]
struct Terms {
    tariff: Tariff,
    offer: Option<Offer>,
}

/// Signs what a shop's payments bought.
pub(crate) struct Signer {
    key: Keypair,
    terms: Mutex<Option<(Timestamp, Terms)>>,
}

impl Signer {
    pub(crate) fn new(key: Keypair) -> Self {
        Self { key, terms: Mutex::default() }
    }

    /// A shop's licence as it stands; the key alone, where none was ever sold.
    pub(crate) async fn licence<S: Store>(
        &self,
        store: &S,
        shop: &ShopId,
        now: Timestamp,
    ) -> Result<LicenceForm, StoreError> {
        let Terms { tariff, offer } = self.terms(store, now).await?;
        let key = hex::encode(self.key.public().to_bytes());
        if tariff.prices().is_empty() {
            return Ok(LicenceForm { key, token: None });
        }
        let (until, credit) = if offer.is_some() {
            let account = account(store, shop, &tariff, Some(now)).await?;
            (account.licensed_until(&tariff, now), account.credit)
        } else {
            (None, Money::ZERO)
        };
        let token = Token { shop: shop.clone(), until, credit, offer, issued_at: now };
        Ok(LicenceForm { key, token: Some(hex::encode(token.seal(&self.key))) })
    }

    async fn terms<S: Store>(&self, store: &S, now: Timestamp) -> Result<Terms, StoreError> {
        let known = self.terms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, terms)) = known
            && at.distance_millis(now) < REMEMBERED_MILLIS
        {
            return Ok(terms);
        }
        let tariff = tariff(store).await?;
        let terms = Terms { offer: offer(store, &tariff, now).await?, tariff };
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, terms.clone()));
        Ok(terms)
    }
}
