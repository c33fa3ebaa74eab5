//! The shop's entries in a file, for where there is no network at all: carried on a stick to another till or to
//! head office. What comes in passes the same [`Intake`](crate::intake::Intake) as what the cloud and siblings
//! bring, and by the same rule: who writes in a shop the cloud alone says. A file that was written counts for
//! nothing until it was read somewhere and the cloud has what was in it.

mod export;
mod import;

pub use export::{Exported, Written};
pub use import::{Brought, Imported};

use crate::TillError;
use crate::folder::unusable;
use replica::CodecError;
use replica::wire::stick::{End, Frame, FrameHead, HEAD_BYTES, MAGIC, VERSION};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A file that is being read, frame by frame: never more of it than one frame is in memory.
struct Stick {
    file: BufReader<File>,
    /// How far it was read.
    at: u64,
    /// Why it can not be read on.
    fault: Option<String>,
    /// How many frames were damaged, and how many a newer release wrote.
    damaged: u64,
    newer: u64,
    end: Option<End>,
}

impl Stick {
    fn open(path: &Path) -> Result<Self, TillError> {
        let mut file = BufReader::new(File::open(path).map_err(|error| unusable(path, &error))?);
        let mut start = [0; MAGIC.len() + 1];
        let whole = file.read_exact(&mut start).is_ok();
        match start.split_last() {
            Some((&VERSION, magic)) if whole && magic == MAGIC => {}
            Some((&newer, magic)) if whole && magic == MAGIC && newer > VERSION => {
                let path = path.display();
                return Err(TillError::Refused(format!(
                    "{path} was written by a newer release (form {newer}): update this program, then try again"
                )));
            }
            _ => {
                let path = path.display();
                return Err(TillError::Refused(format!(
                    "{path} is no file of `leja ledger export`: nothing was done with it"
                )));
            }
        }
        let at = u64::try_from(start.len()).unwrap_or(u64::MAX);
        Ok(Self { file, at, fault: None, damaged: 0, newer: 0, end: None })
    }

    /// The next frame that is whole, and where it lies. `None` at the end, wherever that is.
    fn next(&mut self) -> Option<(u64, Frame)> {
        while self.fault.is_none() {
            let at = self.at;
            match self.frame() {
                Ok(None) => return None,
                Ok(Some(Ok(frame))) => {
                    // What comes after an end is another file's.
                    self.end = if let Frame::End(end) = &frame { Some(end.clone()) } else { None };
                    return Some((at, frame));
                }
                Ok(Some(Err(CodecError::Newer(_)))) => self.newer = self.newer.saturating_add(1),
                Ok(Some(Err(CodecError::Unreadable))) => self.damaged = self.damaged.saturating_add(1),
                Err(fault) => self.fault = Some(fault),
            }
        }
        None
    }

    /// The frame that lies somewhere, if it is whole.
    fn frame_at(&mut self, at: u64) -> Option<Frame> {
        self.file.seek(SeekFrom::Start(at)).ok()?;
        self.at = at;
        self.frame().ok()??.ok()
    }

    /// Reads a frame; nothing at the end of the file, words where it can not be read on.
    fn frame(&mut self) -> Result<Option<Result<Frame, CodecError>>, String> {
        let cut = "it ends in the middle: it was not written or copied to its end";
        let head = self.bytes(HEAD_BYTES)?;
        if head.is_empty() {
            return Ok(None);
        }
        let head: &[u8; HEAD_BYTES] = head.as_slice().try_into().map_err(|_| cut.to_owned())?;
        let lost = || format!("it is damaged, and unreadable from byte {} on", self.at);
        let head = FrameHead::read(head).ok_or_else(lost)?;
        let body = self.bytes(head.length)?;
        if body.len() < head.length {
            return Err(cut.to_owned());
        }
        Ok(Some(head.open(&body)))
    }

    /// So many bytes, or those that are left.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let (mut bytes, most) = (Vec::new(), u64::try_from(length).unwrap_or(u64::MAX));
        let read = self.file.by_ref().take(most).read_to_end(&mut bytes);
        let read = read.map_err(|error| format!("it can not be read beyond byte {} ({error})", self.at))?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(bytes)
    }

    /// What is wrong with the file, in words, after all of it was read.
    fn fault(&self) -> Option<String> {
        let mut faults: Vec<String> = self.fault.iter().cloned().collect();
        if self.damaged > 0 {
            faults.push(format!("{} parts of it are damaged and were left out", self.damaged));
        }
        if self.newer > 0 {
            faults.push(
                "a newer release wrote parts of it, which wait until this program is updated".to_owned(),
            );
        }
        if self.end.is_none() && faults.is_empty() {
            faults.push("its end is missing: it was not written or copied to its end".to_owned());
        }
        Some(faults.join("; ")).filter(|fault| !fault.is_empty())
    }
}
