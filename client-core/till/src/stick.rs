//! The shop's entries in a file, for where there is no network at all: carried on a stick to another till or to
//! head office. What comes in passes the same [`Intake`](crate::intake::Intake) as what the cloud and siblings
//! bring, and by the same rule: who writes in a shop the cloud alone says. A file that was written counts for
//! nothing until it was read somewhere and the cloud has what was in it.

mod export;
mod import;

pub use export::{Exported, Written};
pub use import::{Brought, Imported};

use crate::TillError;
use crate::exchange::count;
use crate::folder::unusable;
use replica::CodecError;
use replica::wire::stick::{End, Frame, FrameHead, HEAD_BYTES, MAGIC, MARK, VERSION};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How many bytes are read in vain at most, beside as many as the file has: each mark in it may promise a frame
/// that is none.
const PATIENCE_BYTES: u64 = 64 * 1024 * 1024;
/// The most damaged places that are told one by one.
const MAX_PLACES: usize = 5;

/// A file that is being read, frame by frame: never more of it than one frame is in memory.
struct Stick {
    file: BufReader<File>,
    /// How far it was read.
    at: u64,
    /// How many bytes may still be read in vain.
    patience: u64,
    /// Why it can not be read on.
    fault: Option<String>,
    /// From where to where no frame is whole.
    damaged: Vec<(u64, u64)>,
    /// How many frames a newer release wrote.
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
        let at = count(start.len());
        let length = file.get_ref().metadata().map_err(|error| unusable(path, &error))?.len();
        let patience = length.saturating_add(PATIENCE_BYTES);
        Ok(Self { file, at, patience, fault: None, damaged: Vec::new(), newer: 0, end: None })
    }

    /// The next frame that is whole, and where it lies. `None` at the end, wherever that is.
    fn next(&mut self) -> Option<(u64, Frame)> {
        match self.next_whole() {
            Ok(Some((at, frame))) => {
                // What comes after an end is another file's.
                self.end = if let Frame::End(end) = &frame { Some(end.clone()) } else { None };
                Some((at, frame))
            }
            Ok(None) => None,
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }

    /// The frame that lies somewhere, if it is whole.
    fn frame_at(&mut self, at: u64) -> Option<Frame> {
        self.go_to(at).ok()?;
        self.frame().ok()??.ok()
    }

    /// Looks for the next whole frame; words where it can not be read on.
    fn next_whole(&mut self) -> Result<Option<(u64, Frame)>, String> {
        let mut damaged_from = None;
        loop {
            let at = self.at;
            let frame = self.frame()?;
            if matches!(frame, Some(Err(CodecError::Unreadable))) {
                // Its length may be what is damaged: the next frame is looked for from here on.
                damaged_from.get_or_insert(at);
                let in_vain = self.at.saturating_sub(at);
                self.patience = self.patience.checked_sub(in_vain).ok_or_else(|| {
                    format!("it is damaged in too many places, and was not read from byte {at} on")
                })?;
                self.go_to_mark(at.saturating_add(1))?;
                continue;
            }
            self.damaged.extend(damaged_from.take().map(|from| (from, at)));
            match frame {
                Some(Ok(frame)) => return Ok(Some((at, frame))),
                Some(Err(_)) => self.newer = self.newer.saturating_add(1),
                None => return Ok(None),
            }
        }
    }

    /// Reads what lies here as a frame; nothing at the end of the file, words where it can not be read.
    fn frame(&mut self) -> Result<Option<Result<Frame, CodecError>>, String> {
        let head = self.bytes(HEAD_BYTES)?;
        if head.is_empty() {
            return Ok(None);
        }
        let Some(head) = head.first_chunk().and_then(FrameHead::read) else {
            return Ok(Some(Err(CodecError::Unreadable)));
        };
        let body = self.bytes(head.length)?;
        Ok(Some(head.open(&body)))
    }

    /// So many bytes, or those that are left.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(count(length)).read_to_end(&mut bytes);
        let read = read.map_err(|error| unread(self.at, &error))?;
        self.at = self.at.saturating_add(count(read));
        Ok(bytes)
    }

    /// Goes to the first mark after a place, or to the end.
    fn go_to_mark(&mut self, from: u64) -> Result<(), String> {
        self.go_to(from)?;
        let (mark, mut last) = (u32::from_be_bytes(MARK), 0_u32);
        loop {
            let bytes = self.file.fill_buf().map_err(|error| unread(self.at, &error))?;
            if bytes.is_empty() {
                return Ok(());
            }
            let seen = bytes.iter().position(|byte| {
                last = last.wrapping_shl(8) | u32::from(*byte);
                last == mark
            });
            let read = seen.map_or(bytes.len(), |at| at.saturating_add(1));
            self.file.consume(read);
            self.at = self.at.saturating_add(count(read));
            if seen.is_some() {
                return self.go_to(self.at.saturating_sub(count(MARK.len())));
            }
        }
    }

    fn go_to(&mut self, at: u64) -> Result<(), String> {
        self.file.seek(SeekFrom::Start(at)).map_err(|error| unread(at, &error))?;
        self.at = at;
        Ok(())
    }

    /// What is wrong with the file, in words, after all of it was read.
    fn fault(&self) -> Option<String> {
        let mut faults: Vec<String> = Vec::new();
        if !self.damaged.is_empty() {
            let places = self.damaged.iter().take(MAX_PLACES);
            let places: Vec<String> = places.map(|(from, to)| format!("{from} to {to}")).collect();
            let more = match self.damaged.len().saturating_sub(MAX_PLACES) {
                0 => String::new(),
                more => format!(" and in {more} more places"),
            };
            faults.push(format!("it is damaged from byte {}{more}, which was left out", places.join(", ")));
        }
        if self.newer > 0 {
            faults.push(
                "a newer release wrote parts of it, which wait until this program is updated".to_owned(),
            );
        }
        match &self.fault {
            Some(fault) => faults.push(fault.clone()),
            None if self.end.is_none() && self.newer == 0 => {
                faults.push("its end is missing: it was not written or copied to its end".to_owned());
            }
            None => {}
        }
        Some(faults.join("; ")).filter(|fault| !fault.is_empty())
    }
}

fn unread(at: u64, error: &std::io::Error) -> String {
    format!("it can not be read beyond byte {at} ({error})")
}
