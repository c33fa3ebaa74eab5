//! The licence as a till keeps it: a token that the platform signs and a till verifies without a line.
//!
//! The bytes: a version, eight that tell which key signed, the content in postcard, and the signature over all
//! of that. What is signed begins with words of its own, so that no signature made for something else is one.

use crate::codec::{CodecError, money, unversioned, versioned};
use crate::{Keypair, PublicKey};
use domain::licence::{Offer, Price};
use domain::{Money, ShopId, ShortCode, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What every signature under a token begins with.
const SIGNED: &[u8] = b"leja licence 1\n";
/// How long the signature is.
const SIGNATURE_BYTES: usize = 64;
/// More is no token: real ones have some 150 bytes.
const MAX_BYTES: usize = 1024;

/// What the platform says about a shop's licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The shop: another's token is none.
    pub shop: ShopId,
    /// Until when it is licensed. Nothing says that no licence is needed here.
    pub until: Option<Timestamp>,
    /// What it paid that bought nothing yet.
    pub credit: Money,
    /// Where to pay, and how much; signed as well, or somebody could put another number there.
    pub offer: Option<Offer>,
    /// When the platform said so. Of two tokens the later counts.
    pub issued_at: Timestamp,
}

/// Bytes that are no token for whoever reads them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// They make no sense, or a later release wrote them.
    #[error(transparent)]
    Bytes(#[from] CodecError),
    /// Another key signed them than the one this till learnt when it was enrolled.
    #[error("the licence was signed by another platform than this till's: ask whoever runs the cloud")]
    OtherKey,
    /// Nobody signed them.
    #[error("the licence's signature is not the platform's")]
    Forged,
}

#[derive(Serialize, Deserialize)]
struct TokenForm {
    key: [u8; 8],
    shop: String,
    until: Option<i64>,
    credit: i64,
    offer: Option<OfferForm>,
    issued_at: i64,
}

#[derive(Serialize, Deserialize)]
struct OfferForm {
    paybill: String,
    price: i64,
    days: u32,
}

impl Token {
    /// The bytes, signed.
    pub fn seal(&self, key: &Keypair) -> Vec<u8> {
        let offer = self.offer.as_ref().map(|offer| OfferForm {
            paybill: offer.paybill.to_string(),
            price: offer.price.amount.cents(),
            days: offer.price.days,
        });
        let mut bytes = versioned(&TokenForm {
            key: id_of(&key.public()),
            shop: self.shop.to_string(),
            until: self.until.map(Timestamp::millis),
            credit: self.credit.cents(),
            offer,
            issued_at: self.issued_at.millis(),
        });
        let signature = key.sign(&message(&bytes));
        bytes.extend(signature);
        bytes
    }

    /// Reads a token, if this key's owner signed it.
    ///
    /// # Errors
    /// It is damaged, of a newer release, or somebody else's.
    pub fn open(bytes: &[u8], key: &PublicKey) -> Result<Self, TokenError> {
        let split = bytes.split_last_chunk::<SIGNATURE_BYTES>().filter(|_| bytes.len() <= MAX_BYTES);
        let (signed, signature) = split.ok_or(CodecError::Unreadable)?;
        let form: TokenForm = unversioned(signed)?;
        if form.key != id_of(key) {
            return Err(TokenError::OtherKey);
        }
        if !key.verifies(&message(signed), signature) {
            return Err(TokenError::Forged);
        }
        Ok(form.read()?)
    }

    /// Whether another token says the same, whenever it was made.
    pub fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { issued_at: self.issued_at, ..other.clone() }
    }
}

impl TokenForm {
    fn read(self) -> Result<Token, CodecError> {
        let offer = |form: OfferForm| -> Result<Offer, CodecError> {
            let price = Price { amount: money(form.price)?, days: form.days };
            Ok(Offer { paybill: ShortCode::parse(&form.paybill)?, price })
        };
        Ok(Token {
            shop: ShopId::parse(&self.shop)?,
            until: self.until.map(Timestamp::from_millis).transpose()?,
            credit: money(self.credit)?,
            offer: self.offer.map(offer).transpose()?,
            issued_at: Timestamp::from_millis(self.issued_at)?,
        })
    }
}

fn message(signed: &[u8]) -> Vec<u8> {
    [SIGNED, signed].concat()
}

/// Which key it is: enough to say that it is another.
fn id_of(key: &PublicKey) -> [u8; 8] {
    let digest: [u8; 32] =
        Sha256::new().chain_update("leja licence key 1\n").chain_update(key.to_bytes()).finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Keypair {
        Keypair::from_seed(&[3; 32])
    }

    fn token() -> Token {
        let issued_at = Timestamp::parse_daraja("20261121101500").unwrap();
        Token {
            shop: ShopId::parse("duka-moja").unwrap(),
            until: Some(Timestamp::parse_daraja("20261221101500").unwrap()),
            credit: Money::from_cents(40_000),
            offer: Some(Offer { paybill: ShortCode::parse("400200").unwrap(), price: Price::default() }),
            issued_at,
        }
    }

    #[test]
    fn a_token_reads_back_and_holds_for_its_key_only() {
        let bytes = token().seal(&key());
        assert_eq!(Token::open(&bytes, &key().public()), Ok(token()));
        let other = Keypair::from_seed(&[4; 32]).public();
        assert_eq!(Token::open(&bytes, &other), Err(TokenError::OtherKey));
        let free = Token { until: None, offer: None, ..token() };
        assert_eq!(Token::open(&free.seal(&key()), &key().public()), Ok(free));
    }

    /// Frozen: a till keeps its token for months, and an older till reads a newer cloud's.
    #[test]
    fn a_token_keeps_its_bytes() {
        assert_eq!(
            hex::encode(token().seal(&key())),
            "0163c33e9e32bfa5920964756b612d6d6f6a6101c084a1f7d26880f1040106343030323030c09a0c1ec0e4aacfbf68cbb167de244a736cb7cc5bb1230a178f3b02da6718bea32d576247caf9ea8a2563e631a65c13cee422243d1019702fbf19cbca3a359dac57ad1a7da7770ba706"
        );
    }

    #[test]
    fn the_later_of_two_tokens_may_say_the_same() {
        let later = Token { issued_at: token().issued_at.plus_millis(60_000), ..token() };
        assert!(token().says_the_same(&later) && later != token());
        assert!(!token().says_the_same(&Token { credit: Money::ZERO, ..later }));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_no_token(at in 0usize..400, with: u8) {
            let mut bytes = token().seal(&key());
            let at = at % bytes.len();
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            prop_assert!(Token::open(&bytes, &key().public()).is_err());
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Token::open(&bytes, &key().public()).is_err());
        }
    }
}
