//! Who works in a shop, and whether a PIN is theirs. A PIN is never kept, shown or logged; what is kept is its
//! argon2id hash, which travels with the catalogue.

use crate::{Till, TillError, lock};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use domain::{Item, ItemId, ItemKey, Kind, PinHash, ShopId, Staff, Timestamp};

/// What hashing a PIN costs: 7 MiB and five passes, the smallest memory that OWASP advises, for a till has
/// little.
const COST: (u32, u32, u32) = (7 * 1024, 5, 1);
/// The most that checking a foreign hash may cost.
const MOST: (u32, u32, u32) = (64 * 1024, 10, 4);
/// So many wrong PINs in a row, and then a pause.
const TRIES: u32 = 5;
const PAUSE_MILLIS: u64 = 60_000;

/// Wrong PINs in a row, and when the last of them was tried.
#[derive(Debug, Default)]
pub(crate) struct Attempts(std::collections::BTreeMap<(ShopId, ItemId), (u32, Timestamp)>);

impl Attempts {
    fn locked(&self, who: &(ShopId, ItemId), now: Timestamp) -> bool {
        let wrong = self.0.get(who);
        wrong.is_some_and(|(tries, at)| *tries >= TRIES && at.distance_millis(now) < PAUSE_MILLIS)
    }

    fn note(&mut self, who: (ShopId, ItemId), right: bool, now: Timestamp) {
        if right {
            self.0.remove(&who);
            return;
        }
        let (tries, at) = self.0.entry(who).or_insert((0, now));
        (*tries, *at) = (tries.saturating_add(1), now);
    }
}

/// The hash of a PIN, with a salt of its own.
///
/// # Errors
/// It is not 4 to 8 digits, or this machine has no randomness.
pub fn hash_pin(pin: &str) -> Result<PinHash, TillError> {
    if !(4..=8).contains(&pin.len()) || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TillError::Refused("a PIN is 4 to 8 digits".to_owned()));
    }
    let failed = || TillError::Refused("this machine could not hash the PIN".to_owned());
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| failed())?;
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(pin.as_bytes());
    PinHash::parse(&hash.map_err(|_| failed())?.to_string()).map_err(|_| failed())
}

impl Till {
    /// Checks a PIN, and tells who it lets in.
    ///
    /// # Errors
    /// It is not theirs, they do not work here, or too many were tried: wait a minute.
    pub fn check_pin(
        &self,
        shop: &ShopId,
        staff: &ItemId,
        pin: &str,
        now: Timestamp,
    ) -> Result<Staff, TillError> {
        let who = (shop.clone(), staff.clone());
        if lock(&self.attempts).locked(&who, now) {
            return Err(TillError::Refused("too many wrong PINs: wait a minute".to_owned()));
        }
        let key = ItemKey { kind: Kind::Staff, id: staff.clone() };
        let found = self.register(shop, &key)?.map(|register| register.leading.item);
        let admitted = match found {
            Some(Item::Staff(staff)) if staff.active => Some(staff),
            _ => None,
        };
        let admitted = admitted.filter(|staff| staff.pin.as_ref().is_some_and(|hash| fits(pin, hash)));
        lock(&self.attempts).note(who, admitted.is_some(), now);
        admitted.ok_or_else(|| TillError::Refused("this PIN is not theirs".to_owned()))
    }
}

fn fits(pin: &str, hash: &PinHash) -> bool {
    let Ok(hash) = PasswordHash::new(hash.as_str()) else { return false };
    let bounded = |params: Params| {
        let (memory, passes, lanes) = MOST;
        params.m_cost() <= memory && params.t_cost() <= passes && params.p_cost() <= lanes
    };
    let bounded = Params::try_from(&hash).is_ok_and(bounded);
    bounded && Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_fits_its_own_hash_and_no_other() {
        let (one, two) = (hash_pin("4711").unwrap(), hash_pin("4711").unwrap());
        assert_ne!(one, two, "each has a salt of its own");
        assert!(one.as_str().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{}", one.as_str());
        assert!(fits("4711", &one) && !fits("4712", &one) && !fits("", &one));
        for typed in ["", "123", "123456789", "12a4", "१२३४"] {
            assert!(hash_pin(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_hash_that_would_eat_the_till_is_never_checked() {
        let honest = hash_pin("4711").unwrap();
        for greed in ["m=4194304,t=5,p=1", "m=7168,t=100000,p=1"] {
            let greedy = honest.as_str().replace("m=7168,t=5,p=1", greed);
            assert!(!fits("4711", &PinHash::parse(&greedy).unwrap()), "{greed}");
        }
    }
}
