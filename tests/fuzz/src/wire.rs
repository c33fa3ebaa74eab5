//! Any bytes as what one replica says to another: no panic, and what is read and said again reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use replica::wire::{
    SyncAnswer, SyncRequest, decode_batch, decode_feed_item, encode_batch, encode_feed_item,
};
use replica::{Head, Keypair};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = SyncRequest::decode(bytes) {
        assert_eq!(SyncRequest::decode(&request.encode()).as_ref(), Ok(&request));
    }
    if let Ok(answer) = SyncAnswer::decode(bytes) {
        assert_eq!(SyncAnswer::decode(&answer.encode()).as_ref(), Ok(&answer));
    }
    if let Ok(item) = decode_feed_item(bytes) {
        assert_eq!(decode_feed_item(&encode_feed_item(&item)).as_ref(), Ok(&item));
    }
    if let Ok(batch) = decode_batch(bytes) {
        let again = decode_batch(&encode_batch(&batch));
        assert_eq!(again.as_ref(), Ok(&batch));
        let head = Head { number: batch.first.saturating_sub(1), chain: [7; 32] };
        let stranger = Keypair::from_seed(&[9; 32]).public();
        assert!(batch.open(head, &stranger).is_err(), "nobody signed this");
    }
});
