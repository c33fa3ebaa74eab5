//! Bodies as bytes: a version byte, then postcard as it is, or packed by zstd where that is smaller.

use super::{MAX_BODY_BYTES, MAX_UNPACKED_BYTES};
use crate::codec::CodecError;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Postcard as it is.
const PLAIN: u8 = 2;
/// Postcard, packed by zstd.
const PACKED: u8 = 3;
/// zstd's own default: higher levels cost much and save little on facts.
const LEVEL: i32 = 3;

thread_local! {
    /// What packs and unpacks, made once for each thread: that takes longer than to pack what most bodies hold.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn compress(plain: &[u8]) -> Option<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| {
        let made = packer.take().or_else(|| Compressor::new(LEVEL).ok());
        packer.insert(made?).compress(plain).ok()
    })
}

/// At most [`MAX_UNPACKED_BYTES`]: a bomb stops there.
fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    UNPACKER.with_borrow_mut(|unpacker| {
        let made = unpacker.take().or_else(|| Decompressor::new().ok());
        unpacker.insert(made?).decompress(packed, MAX_UNPACKED_BYTES).ok()
    })
}

/// The bytes of a form.
pub(super) fn packed<T: Serialize>(form: &T) -> Vec<u8> {
    // Plain structs in memory always serialise; an empty value would be refused by every reader.
    let plain = postcard::to_stdvec(form).unwrap_or_default();
    let small = compress(&plain).filter(|small| small.len() < plain.len());
    let (version, body) = small.map_or((PLAIN, plain), |small| (PACKED, small));
    std::iter::once(version).chain(body).collect()
}

/// Reads what [`packed`] wrote, to the last byte and within bounds.
pub(super) fn unpacked<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_BODY_BYTES {
        return Err(CodecError::Unreadable);
    }
    let read = |body: &[u8]| match postcard::take_from_bytes(body) {
        Ok((form, [])) => Ok(form),
        _ => Err(CodecError::Unreadable),
    };
    match bytes.split_first() {
        Some((&PLAIN, body)) => read(body),
        Some((&PACKED, body)) => read(&decompress(body).ok_or(CodecError::Unreadable)?),
        Some((&newer, _)) if newer > PACKED => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_packed_and_what_does_not_stays_as_it_is() {
        let (short, long) = ("short".to_owned(), "Product number 1, ".repeat(100));
        for (text, version) in [(short, PLAIN), (long, PACKED)] {
            let bytes = packed(&text);
            assert_eq!(bytes[0], version);
            assert_eq!(unpacked::<String>(&bytes), Ok(text));
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::bulk::compress(&vec![0; MAX_UNPACKED_BYTES + 1], LEVEL).unwrap();
        let bytes: Vec<u8> = std::iter::once(PACKED).chain(bomb).collect();
        assert!(bytes.len() < 10_000);
        assert_eq!(unpacked::<Vec<u8>>(&bytes), Err(CodecError::Unreadable));
    }

    #[test]
    fn a_newer_body_says_so_and_an_older_one_is_unreadable() {
        assert_eq!(unpacked::<String>(&[4, 0]), Err(CodecError::Newer(4)));
        assert_eq!(unpacked::<String>(&[1, 0]), Err(CodecError::Unreadable));
    }
}
