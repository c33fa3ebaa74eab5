//! What two tills of one shop say to each other on a wifi that others share: one sealed request, one sealed
//! answer, readable by these two only, and each sure of the other.
//!
//! The handshake is Noise (`IK_25519_ChaChaPoly_SHA256`): each side proves its key, made from the Ed25519 key
//! that the cloud vouches for, and the shop is mixed in, so that nothing said in one shop opens in another. A
//! Noise message ends at 65,535 bytes and a page of entries does not. So the handshake's message carries
//! a key that is used once, and the body is sealed with that, whole: the same form both ways.
//!
//! A request that is recorded and sent again opens again, because nothing of the receiver's is in it. That
//! is harmless: what it carries is signed and numbered, and known already; and the answer is sealed for an
//! ephemeral key that died with the first request. Whoever receives keeps the last [`Asked::ephemeral`]s and
//! throws repetitions away unread, which bounds the work.
//!
//! Whoever steals a till's key file later can read requests that were recorded on their way *to* that till,
//! which tell no more than the ledger beside the key. Answers stay closed.

use crate::keys::{Keypair, PublicKey};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use curve25519_dalek::montgomery::MontgomeryPoint;
use domain::ShopId;
use sha2::{Digest, Sha256};
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};

/// The first byte of a sealed message.
const VERSION: u8 = 1;
const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_SHA256";
const KEY: usize = 32;
const TAG: usize = 16;
/// Ephemeral key, sealed own key, sealed body key.
const REQUEST_HEAD: usize = KEY + (KEY + TAG) + (KEY + TAG);
/// Ephemeral key, sealed body key.
const ANSWER_HEAD: usize = KEY + (KEY + TAG);

/// How much larger a sealed message is than its body, at most.
pub const OVERHEAD: usize = 1 + REQUEST_HEAD + TAG;

/// A message that does not open: for another till or shop, from somebody else, damaged, or of another
/// release. What exactly is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not sealed for us")]
pub struct Closed;

/// A request under way: opens its answer.
pub struct Pending(HandshakeState);

/// A request that opened.
pub struct Asked {
    /// What was asked.
    pub body: Vec<u8>,
    /// New with every request: the same one again is a repetition.
    pub ephemeral: [u8; 32],
    from: [u8; 32],
    answering: HandshakeState,
}

/// Seals a request to a sibling. The seed is 32 random bytes, used once.
///
/// # Errors
/// The sibling's key can not be used.
pub fn ask(
    key: &Keypair,
    to: PublicKey,
    shop: &ShopId,
    seed: [u8; 32],
    body: &[u8],
) -> Result<(Vec<u8>, Pending), Closed> {
    let (own, theirs, prologue) = (key.agreement_key(), to.agreement_key(), prologue(shop));
    let mut chance = Chance::new(seed);
    let body_key = chance.next();
    let builder = builder(chance)?.local_private_key(&own).and_then(|b| b.prologue(&prologue));
    let mut handshake =
        builder.and_then(|b| b.remote_public_key(&theirs)?.build_initiator()).map_err(|_| Closed)?;
    let sealed = seal::<REQUEST_HEAD>(&mut handshake, body_key, body)?;
    Ok((sealed, Pending(handshake)))
}

/// The ephemeral key of a sealed request, without opening it.
pub fn ephemeral(sealed: &[u8]) -> Option<[u8; 32]> {
    sealed.get(1..).and_then(|rest| rest.first_chunk::<KEY>()).copied()
}

/// Opens a request to this till. The seed is 32 random bytes for the answer, used once.
///
/// # Errors
/// It does not open.
pub fn open(key: &Keypair, shop: &ShopId, seed: [u8; 32], sealed: &[u8]) -> Result<Asked, Closed> {
    let (own, prologue) = (key.agreement_key(), prologue(shop));
    let builder = builder(Chance::new(seed))?.local_private_key(&own).and_then(|b| b.prologue(&prologue));
    let mut handshake = builder.and_then(Builder::build_responder).map_err(|_| Closed)?;
    let ephemeral = ephemeral(sealed).ok_or(Closed)?;
    let body = unseal::<REQUEST_HEAD>(&mut handshake, sealed)?;
    let from = handshake.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(Closed)?;
    Ok(Asked { body, ephemeral, from, answering: handshake })
}

impl Asked {
    /// Whether the owner of a key asked this.
    pub fn is_from(&self, key: PublicKey) -> bool {
        key.agreement_key() == self.from
    }

    /// Seals the answer. The seed is 32 random bytes, used once.
    ///
    /// # Errors
    /// The asker's keys can not be used.
    pub fn answer(mut self, seed: [u8; 32], body: &[u8]) -> Result<Vec<u8>, Closed> {
        seal::<ANSWER_HEAD>(&mut self.answering, Chance::new(seed).next(), body)
    }
}

impl Pending {
    /// Opens the answer.
    ///
    /// # Errors
    /// It does not open, or answers another request.
    pub fn open(mut self, sealed: &[u8]) -> Result<Vec<u8>, Closed> {
        unseal::<ANSWER_HEAD>(&mut self.0, sealed)
    }
}

fn prologue(shop: &ShopId) -> Vec<u8> {
    format!("leja sibling 1\n{shop}").into_bytes()
}

fn builder(chance: Chance) -> Result<Builder<'static>, Closed> {
    let params: NoiseParams = PATTERN.parse().map_err(|_| Closed)?;
    Ok(Builder::with_resolver(params, Box::new(Primitives(chance))))
}

fn seal<const HEAD: usize>(
    handshake: &mut HandshakeState,
    body_key: [u8; KEY],
    body: &[u8],
) -> Result<Vec<u8>, Closed> {
    let mut head = [0; HEAD];
    let written = handshake.write_message(&body_key, &mut head).map_err(|_| Closed)?;
    if written != HEAD {
        return Err(Closed);
    }
    let cipher = ChaCha20Poly1305::new(&body_key.into());
    let boxed = cipher.encrypt(&Nonce::default(), Payload { msg: body, aad: &head }).map_err(|_| Closed)?;
    Ok([&[VERSION], head.as_slice(), &boxed].concat())
}

fn unseal<const HEAD: usize>(handshake: &mut HandshakeState, sealed: &[u8]) -> Result<Vec<u8>, Closed> {
    let (&[VERSION], rest) = sealed.split_first_chunk::<1>().ok_or(Closed)? else { return Err(Closed) };
    let (head, boxed) = rest.split_first_chunk::<HEAD>().ok_or(Closed)?;
    let mut body_key = [0; KEY];
    // A buffer as long as the message: the handshake writes the padding of its last seal as well.
    let mut payload = [0; REQUEST_HEAD];
    let read = handshake.read_message(head, &mut payload).map_err(|_| Closed)?;
    body_key.copy_from_slice(payload.get(..read).filter(|key| key.len() == KEY).ok_or(Closed)?);
    let cipher = ChaCha20Poly1305::new(&body_key.into());
    cipher.decrypt(&Nonce::default(), Payload { msg: boxed, aad: head }).map_err(|_| Closed)
}

/// Randomness from outside, stretched: this room makes none of its own.
#[derive(Clone)]
struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    fn next(&mut self) -> [u8; KEY] {
        self.drawn = self.drawn.saturating_add(1);
        let digest = Sha256::new().chain_update("leja chance 1\n").chain_update(self.seed);
        digest.chain_update(self.drawn.to_be_bytes()).finalize().into()
    }
}

impl Random for Chance {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), snow::Error> {
        for part in to.chunks_mut(KEY) {
            let drawn = self.next();
            part.copy_from_slice(drawn.get(..part.len()).unwrap_or(&drawn));
        }
        Ok(())
    }
}

/// The primitives the handshake is made of, from the libraries that the rest uses as well.
struct Primitives(Chance);

impl CryptoResolver for Primitives {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(self.0.clone()))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        (*choice == DHChoice::Curve25519).then(|| Box::new(X25519::default()) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        (*choice == HashChoice::SHA256).then(|| Box::new(Sha(Sha256::new())) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        (*choice == CipherChoice::ChaChaPoly).then(|| Box::new(ChaCha([0; KEY])) as Box<dyn Cipher>)
    }
}

#[derive(Default)]
struct X25519 {
    private: [u8; KEY],
    public: [u8; KEY],
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY
    }

    fn priv_len(&self) -> usize {
        KEY
    }

    fn set(&mut self, private: &[u8]) {
        self.private = private.first_chunk().copied().unwrap_or_default();
        self.public = MontgomeryPoint::mul_base_clamped(self.private).to_bytes();
    }

    fn generate(&mut self, chance: &mut dyn Random) -> Result<(), snow::Error> {
        let mut private = [0; KEY];
        chance.try_fill_bytes(&mut private)?;
        self.set(&private);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let public = public.first_chunk().copied().ok_or(snow::Error::Dh)?;
        let shared = MontgomeryPoint(public).mul_clamped(self.private).to_bytes();
        // A key of small order agrees with everybody on nothing: no honest till has one.
        if shared == [0; KEY] {
            return Err(snow::Error::Dh);
        }
        out.get_mut(..KEY).ok_or(snow::Error::Dh)?.copy_from_slice(&shared);
        Ok(())
    }
}

struct Sha(Sha256);

impl Hash for Sha {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        KEY
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = self.0.finalize_reset();
        if let Some(out) = out.get_mut(..KEY) {
            out.copy_from_slice(&digest);
        }
    }
}

struct ChaCha([u8; KEY]);

impl ChaCha {
    fn nonce(number: u64) -> Nonce {
        let mut nonce = Nonce::default();
        if let Some(end) = nonce.get_mut(4..) {
            end.copy_from_slice(&number.to_le_bytes());
        }
        nonce
    }
}

impl Cipher for ChaCha {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; KEY]) {
        self.0 = *key;
    }

    fn encrypt(&self, number: u64, aad: &[u8], plain: &[u8], out: &mut [u8]) -> usize {
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        // It fails beyond 256 GB only; nothing written is a message that nobody opens.
        let boxed = cipher.encrypt(&Self::nonce(number), Payload { msg: plain, aad }).unwrap_or_default();
        match out.get_mut(..boxed.len()) {
            Some(out) => out.copy_from_slice(&boxed),
            None => return 0,
        }
        boxed.len()
    }

    fn decrypt(&self, number: u64, aad: &[u8], boxed: &[u8], out: &mut [u8]) -> Result<usize, snow::Error> {
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        let plain = cipher.decrypt(&Self::nonce(number), Payload { msg: boxed, aad });
        let plain = plain.map_err(|_| snow::Error::Decrypt)?;
        out.get_mut(..plain.len()).ok_or(snow::Error::Decrypt)?.copy_from_slice(&plain);
        Ok(plain.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> Keypair {
        Keypair::from_seed(&[seed; 32])
    }

    fn shop() -> ShopId {
        ShopId::parse("mjini").unwrap()
    }

    fn asked(body: &[u8]) -> (Vec<u8>, Pending) {
        ask(&key(1), key(2).public(), &shop(), [9; 32], body).unwrap()
    }

    #[test]
    fn two_tills_understand_each_other_and_know_who_speaks() {
        // More than one Noise message holds.
        let question = vec![3_u8; 300_000];
        let (sealed, pending) = asked(&question);
        assert_eq!(sealed.len(), question.len() + OVERHEAD);
        let asked = open(&key(2), &shop(), [8; 32], &sealed).unwrap();
        assert_eq!(asked.body, question);
        assert_eq!(Some(asked.ephemeral), ephemeral(&sealed));
        assert!(asked.is_from(key(1).public()) && !asked.is_from(key(3).public()));
        let answer = asked.answer([7; 32], b"to you alone").unwrap();
        assert_eq!(pending.open(&answer).unwrap(), b"to you alone");
    }

    #[test]
    fn nobody_else_opens_it_and_no_other_shop_does() {
        let (sealed, _) = asked(b"sold");
        assert!(open(&key(3), &shop(), [8; 32], &sealed).is_err());
        assert!(open(&key(2), &ShopId::parse("kijiji").unwrap(), [8; 32], &sealed).is_err());
        let words = b"sold";
        assert!(!sealed.windows(words.len()).any(|window| window == words), "it is sealed");
    }

    #[test]
    fn an_answer_opens_for_its_own_request_only() {
        let (sealed, _) = asked(b"one");
        let (_, other) = ask(&key(1), key(2).public(), &shop(), [5; 32], b"one").unwrap();
        let answer = open(&key(2), &shop(), [8; 32], &sealed).unwrap().answer([7; 32], b"yes").unwrap();
        assert_eq!(other.open(&answer), Err(Closed));
        let (_, pending) = asked(b"one");
        assert_eq!(pending.open(&answer).unwrap(), b"yes", "the same seed makes the same request");
        let impostor = ask(&key(3), key(2).public(), &shop(), [9; 32], b"one").unwrap().0;
        assert!(!open(&key(2), &shop(), [8; 32], &impostor).unwrap().is_from(key(1).public()));
    }

    /// Frozen: an older till talks to a newer one.
    #[test]
    fn sealed_messages_and_tags_keep_their_bytes() {
        let (sealed, _) = asked(b"sold");
        assert_eq!(
            hex::encode(Sha256::digest(&sealed)),
            "b0f1e5688ed155aeba6e1a1859395f309b6278d476dee4f4dd7c593acb9ccbd2"
        );
        let answer = open(&key(2), &shop(), [8; 32], &sealed).unwrap().answer([7; 32], b"yes").unwrap();
        assert_eq!(
            hex::encode(Sha256::digest(&answer)),
            "1ce0341cd64ae2a964c23d6a5be225069ebd7b2c5b1c879590e4bb34609279ed"
        );
        assert_eq!(key(1).public().tag().to_string(), "d094ef68b4d1421d");
        assert_eq!("d094ef68b4d1421d".parse(), Ok(key(1).public().tag()));
    }

    #[test]
    fn a_key_that_agrees_with_everybody_is_refused() {
        let mut own = X25519::default();
        own.set(&[7; 32]);
        assert!(own.dh(&[0; 32], &mut [0; 32]).is_err());
    }

    #[test]
    fn both_sides_of_an_agreement_find_the_same_secret() {
        let (mut one, mut two) = (X25519::default(), X25519::default());
        one.set(&key(1).agreement_key());
        two.set(&key(2).agreement_key());
        assert_eq!(one.public, key(1).public().agreement_key(), "the public half fits the private one");
        let (mut here, mut there) = ([0; 32], [0; 32]);
        one.dh(&two.public, &mut here).unwrap();
        two.dh(&one.public, &mut there).unwrap();
        assert_eq!(here, there);
    }

    /// RFC 7748, section 5.2, after one iteration.
    #[test]
    fn the_agreement_is_the_ordinary_one() {
        let mut nine = [0; 32];
        nine[0] = 9;
        let (mut dh, mut out) = (X25519::default(), [0; 32]);
        dh.set(&nine);
        dh.dh(&nine, &mut out).unwrap();
        assert_eq!(hex::encode(out), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }

    proptest! {
        #[test]
        fn no_bytes_open_and_none_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(open(&key(2), &shop(), [8; 32], &bytes).is_err());
            prop_assert!(asked(b"x").1.open(&bytes).is_err());
        }

        #[test]
        fn damage_anywhere_closes_it(at in 0usize..200, with in 1u8..) {
            let (mut sealed, _) = asked(b"thirty bytes of a message body");
            let at = at % sealed.len();
            sealed[at] ^= with;
            prop_assert!(open(&key(2), &shop(), [8; 32], &sealed).is_err());
        }
    }
}
