//! Any bytes as a file on a stick: no panic, no frame without bounds, and what is read and written again reads the
//! same. The check of a frame finds accidents only, so its body is also read as if it had passed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use replica::wire::stick::{Frame, FrameHead, HEAD_BYTES};
use sha2::{Digest, Sha256};

fn open(bytes: &[u8]) -> Option<Frame> {
    let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let head = FrameHead::read(head)?;
    assert!(head.length <= replica::wire::MAX_BODY_BYTES);
    head.open(body.get(..head.length)?).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let _ = open(bytes);
    let Some((kind, body)) = bytes.split_first() else { return };
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let check = Sha256::new().chain_update([*kind]).chain_update(length).chain_update(body).finalize();
    let frame = [b"\xf7LJF".as_slice(), &[*kind], &length, &check[..8], body].concat();
    if let Some(frame) = open(&frame) {
        assert_eq!(open(&frame.encode()), Some(frame));
    }
});
