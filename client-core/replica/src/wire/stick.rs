//! Entries in a file, carried from till to till or to head office on a stick. Sticks are pulled out too early
//! and lie in drawers for years, so the file is made of frames that each stand for themselves: each says how
//! long it is and is checked before it is read, what is whole is taken, and an end says that nothing was cut off.
//!
//! A file is `LEJASTK`, a version byte, then frames: a mark, the kind, how long the body is (4 bytes), the first
//! 8 bytes of the SHA-256 of kind, length and body, and the body, packed like every other. The check finds
//! accidents: where it fails, wherever the damage is, the next frame is the next mark whose frame passes it.
//! Against lies there are the signatures of the batches, each its writer's. Nothing in it is secret
//! from whoever has the stick, and no key is in it. Payments are not: they are the cloud's word, and nobody signs
//! them.

use super::batch::BatchForm;
use super::pack;
use crate::codec::{CodecError, NameForm};
use crate::{Batch, Head};
use domain::{Actor, FactId, ShopId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How every such file begins; the version of its form follows.
pub const MAGIC: [u8; 7] = *b"LEJASTK";
/// The version of the form that this release writes, and the newest that it reads.
pub const VERSION: u8 = 1;
/// How every frame begins. Inside one the same bytes may stand by chance: a frame is what passes its check.
pub const MARK: [u8; 4] = *b"\xf7LJF";
/// How many bytes the head of a frame has.
pub const HEAD_BYTES: usize = MARK.len() + 1 + 4 + CHECK;
/// How many bytes of batches a frame carries, and one batch at least.
pub const FRAME_BYTES: usize = 64 * 1024;

const CHECK: usize = 8;
const BATCHES: u8 = 1;
const END: u8 = 2;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Batches of a shop's journals, each journal in order. Each says where it starts, so that who has a journal
    /// from a later entry on can follow it back.
    Batches(ShopId, Vec<Batch>),
    /// Nothing was cut off.
    End(End),
}

/// What the last frame says of the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When it was written, by the clock of whoever wrote it.
    pub at: Timestamp,
    /// How far each shop's journals go in it.
    pub heads: BTreeMap<ShopId, BTreeMap<Actor, Head>>,
}

/// The head of a frame: what to read next, and how to check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    kind: u8,
    /// How many bytes the body has.
    pub length: usize,
    check: [u8; CHECK],
}

#[derive(Serialize, Deserialize)]
struct BatchesForm {
    shop: String,
    batches: Vec<BatchForm>,
}

#[derive(Serialize, Deserialize)]
struct EndForm {
    at: i64,
    shops: Vec<(String, Vec<HeadForm>)>,
}

/// Whose journal, how far, and the chain there.
type HeadForm = (NameForm, [u8; 32]);

impl Frame {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Batches(shop, batches) => {
                let batches = batches.iter().map(Into::into).collect();
                (BATCHES, pack::packed(&BatchesForm { shop: shop.to_string(), batches }))
            }
            Self::End(end) => (END, pack::packed(&EndForm::from(end))),
        };
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        [MARK.as_slice(), &[kind], &length, &check(kind, length, &body), &body].concat()
    }
}

impl FrameHead {
    /// Reads the head of a frame; `None` where no frame begins, or one that nobody writes.
    pub fn read(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (kind, rest) = bytes.strip_prefix(&MARK)?.split_first()?;
        let (length, check) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let bounded = length <= super::MAX_BODY_BYTES;
        bounded.then_some(Self { kind: *kind, length, check: check.first_chunk().copied()? })
    }

    /// Reads the frame's body.
    ///
    /// # Errors
    /// It is damaged, too large when it is unpacked, or of a newer release.
    pub fn open(&self, body: &[u8]) -> Result<Frame, CodecError> {
        let length = u32::try_from(self.length).map_err(|_| CodecError::Unreadable)?.to_be_bytes();
        if body.len() != self.length || check(self.kind, length, body) != self.check {
            return Err(CodecError::Unreadable);
        }
        match self.kind {
            BATCHES => {
                let form: BatchesForm = pack::unpacked(body)?;
                let batches = form.batches.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                Ok(Frame::Batches(ShopId::parse(&form.shop)?, batches))
            }
            END => Ok(Frame::End(pack::unpacked::<EndForm>(body)?.try_into()?)),
            newer => Err(CodecError::Newer(newer)),
        }
    }
}

impl From<&End> for EndForm {
    fn from(end: &End) -> Self {
        let head = |(actor, head): (&Actor, &Head)| {
            (FactId { actor: *actor, number: head.number }.into(), head.chain)
        };
        let shop = |(shop, heads): (&ShopId, &BTreeMap<Actor, Head>)| {
            (shop.to_string(), heads.iter().map(head).collect())
        };
        Self { at: end.at.millis(), shops: end.heads.iter().map(shop).collect() }
    }
}

impl TryFrom<EndForm> for End {
    type Error = CodecError;
    fn try_from(form: EndForm) -> Result<Self, CodecError> {
        let head = |(name, chain): HeadForm| {
            let FactId { actor, number } = name.into();
            (actor, Head { number, chain })
        };
        let mut heads: BTreeMap<ShopId, BTreeMap<Actor, Head>> = BTreeMap::new();
        for (shop, of) in form.shops {
            heads.insert(ShopId::parse(&shop)?, of.into_iter().map(head).collect());
        }
        Ok(Self { at: Timestamp::from_millis(form.at)?, heads })
    }
}

fn check(kind: u8, length: [u8; 4], body: &[u8]) -> [u8; CHECK] {
    let digest: [u8; 32] =
        Sha256::new().chain_update([kind]).chain_update(length).chain_update(body).finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;
    use crate::wire::{MAX_BODY_BYTES, MAX_UNPACKED_BYTES};
    use domain::{Document, TillId};
    use proptest::prelude::*;

    /// Bytes in which nothing repeats: packing would not make them smaller.
    fn unlike<const N: usize>(from: u8) -> [u8; N] {
        std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ from)
    }

    fn frames() -> [Frame; 3] {
        let (actor, shop) = (Actor { till: TillId(7), incarnation: 1 }, ShopId::parse("mjini").unwrap());
        let at = Timestamp::parse_daraja("20261121101500").unwrap();
        let items = vec![Item::Change(Document::Catalogue, vec![1, 2, 3]), Item::Fact(at, vec![1, 4])];
        let (strands, signature) = (BTreeMap::from([(at.business_day(), (8, unlike(1)))]), unlike(0));
        let batch = Batch { actor, first: 9, before: Some(unlike(2)), strands, items, signature };
        let heads = BTreeMap::from([(actor, Head { number: 10, chain: unlike(3) })]);
        [
            Frame::Batches(shop.clone(), vec![batch.clone()]),
            Frame::Batches(shop.clone(), vec![batch.clone(), Batch { first: 11, ..batch }]),
            Frame::End(End { at, heads: BTreeMap::from([(shop, heads)]) }),
        ]
    }

    fn opened(bytes: &[u8]) -> Result<Frame, CodecError> {
        let (head, body) = bytes.split_first_chunk().unwrap();
        FrameHead::read(head).ok_or(CodecError::Unreadable)?.open(body)
    }

    #[test]
    fn frames_read_back_as_they_were_written() {
        for frame in frames() {
            let bytes = frame.encode();
            assert_eq!(
                FrameHead::read(bytes.first_chunk().unwrap()).unwrap().length,
                bytes.len() - HEAD_BYTES
            );
            assert_eq!(opened(&bytes), Ok(frame));
        }
    }

    /// Frozen: sticks lie in drawers for years. How zstd packs may change with its releases, so what it packed
    /// once is read; what was too small to pack is written the same for ever too.
    #[test]
    fn a_file_of_this_release_is_read_for_ever() {
        assert_eq!((hex::encode(MAGIC), VERSION), ("4c454a4153544b".to_owned(), 1));
        let bytes = GOLDEN.map(|bytes| hex::decode(bytes).unwrap());
        assert_eq!(bytes.each_ref().map(|bytes| opened(bytes).unwrap()), frames());
        for plain in [0, 2] {
            assert_eq!(hex::encode(frames()[plain].encode()), GOLDEN[plain]);
        }
    }

    const GOLDEN: [&str; 3] = [
        "f74c4a4601000000a2c8811173bd49b89402056d6a696e6901070109010227486d96bbdc012a4f7095bee30429527798bde60b2c517a9fc0e50e33547901caa95a0801244b6e95b8df02294c7396bde0072a51749bbee5082f52799cc3e60d30577a0201010301020300c0e4aacfbf6802010400254a6f94b9de03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81a6cbf0153a5f84a9cef3183d6287acd1f61b",
        "f74c4a4601000000b85e9ba97ef0a276fc0328b52ffd603b006d0500440a056d6a696e6902070109010227486d96bbdc012a4f7095bee30429527798bde60b2c517a9fc0e50e33547901caa95a0801244b6e95b8df02294c7396bde0072a51749bbee5082f52799cc3e60d30577a0201010301020300c0e4aacfbf6802010400254a6f94b9de03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81a6cbf0153a5f84a9cef3183d6287acd1f61b07010b0100244a873252",
        "f74c4a4602000000325bf9b6162e0e2b5602c0e4aacfbf6801056d6a696e690107010a0326496c97badd002b4e7194bfe20528537699bce70a2d507b9ec1e40f325578",
    ];

    #[test]
    fn no_flipped_bit_passes_for_a_frame() {
        for frame in frames() {
            let bytes = frame.encode();
            for at in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                assert!(opened(&damaged).is_err(), "bit {at}");
            }
            for cut in HEAD_BYTES..bytes.len() {
                assert!(opened(&bytes[..cut]).is_err(), "byte {cut}");
            }
        }
    }

    /// A frame with any body, well checked.
    fn sealed(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [MARK.as_slice(), &[kind], &length, &check(kind, length, body), body].concat()
    }

    #[test]
    fn a_bomb_and_a_frame_without_bounds_are_not_read() {
        let head: [u8; HEAD_BYTES] = *sealed(BATCHES, &vec![0; MAX_BODY_BYTES + 1]).first_chunk().unwrap();
        assert_eq!(FrameHead::read(&head), None);
        let bomb = zstd::bulk::compress(&vec![0; MAX_UNPACKED_BYTES + 1], 3).unwrap();
        let bomb = sealed(BATCHES, &[&[3], bomb.as_slice()].concat());
        assert!(bomb.len() < 10_000);
        assert_eq!(opened(&bomb), Err(CodecError::Unreadable));
    }

    #[test]
    fn what_a_newer_release_wrote_says_so() {
        assert_eq!(opened(&sealed(9, &[2, 0])), Err(CodecError::Newer(9)));
        assert_eq!(opened(&sealed(END, &[9, 0])), Err(CodecError::Newer(9)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(kind in 0u8..4, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = bytes.first_chunk().map(FrameHead::read);
            let _ = opened(&sealed(kind, &bytes));
            let _ = opened(&sealed(kind, &[&[2], bytes.as_slice()].concat()));
        }
    }
}
