//! Sticks for stories: tills that have no line, files that they write, and files that a story makes.

use crate::tills::acquainted;
use crate::world::{Replica, World, kes};
use domain::{Line, Quantity, Sale, ShopId, Tender};
use replica::wire::stick::{Frame, FrameHead, HEAD_BYTES, MAGIC, VERSION};
use std::path::{Path, PathBuf};
use till::{Exported, Folder, Imported, Till};

/// Tills that know each other, and then their line went.
pub fn cut_off<const N: usize>(world: &World, shop: &ShopId) -> [Replica; N] {
    let tills = acquainted(world, shop);
    tills.iter().for_each(|till| till.offline(true));
    tills
}

/// A file on the stick of this story.
pub fn stick(world: &Replica, name: &str) -> PathBuf {
    world.path.with_file_name(format!("{name}.leja"))
}

/// Writes what a till has into a file.
pub fn export(from: &Replica, to: &Path, world: &World) -> Exported {
    Folder::at(&from.path).unwrap().export(to, world.now()).unwrap()
}

/// What came of each journal: new, known before, left out.
pub fn counts(imported: &Imported) -> Vec<(u64, u64, u64)> {
    imported.journals.iter().map(|it| (it.new, it.known, it.left)).collect()
}

/// Why something was left out.
pub fn why(imported: &Imported) -> String {
    imported.journals.iter().filter_map(|it| it.why.clone()).collect::<Vec<_>>().join("; ")
}

/// How many entries of its own a till still has to send.
pub fn waiting(till: &Till) -> u64 {
    till.status().unwrap().waiting
}

/// A sale of which a hundred fill a frame.
pub fn large(random: &mut fastrand::Rng) -> Sale {
    let line = |_| {
        let name: String = std::iter::repeat_with(|| random.alphanumeric()).take(60).collect();
        Line::new(&name, Quantity::ONE, kes(1)).unwrap()
    };
    Sale::new((0..10).map(line).collect(), kes(10), Tender::Cash, None).unwrap()
}

/// Where the frames of a file begin.
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (MAGIC.len() + 1, Vec::new());
    while at < bytes.len() {
        places.push(at);
        at += HEAD_BYTES + FrameHead::read(bytes[at..].first_chunk().unwrap()).unwrap().length;
    }
    places
}

/// A file of these frames.
pub fn made(beside: &Replica, name: &str, frames: &[Frame]) -> PathBuf {
    let file = stick(beside, name);
    let frames = frames.iter().flat_map(Frame::encode);
    let bytes: Vec<u8> = MAGIC.iter().copied().chain([VERSION]).chain(frames).collect();
    std::fs::write(&file, bytes).unwrap();
    file
}
