//! `leja admin export`: all that a deployment keeps of a shop, in one file.

use super::Administrator;
use super::moving::{at_once, keys_of, lock, parts_of};
use crate::Failure;
use clap::Args;
use domain::ShopId;
use service::records::{Part, RecordForm};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What to write where.
#[derive(Args)]
pub(super) struct Export {
    /// The shop.
    shop: String,
    /// The file: a JSON object a line. It holds customers' names and numbers.
    file: PathBuf,
}

impl Administrator {
    pub(super) fn print_export(&self, export: &Export) -> Result<(), Failure> {
        let records = self.export(&ShopId::parse(&export.shop)?, &export.file)?;
        println!("{records} records");
        Ok(())
    }

    /// Writes all that is kept of a shop into a file of the owner's alone, its partitions read some at once; gives how
    /// many records that are. The file is there when it is whole, and its journals were followed to their ends.
    ///
    /// # Errors
    /// There is no such shop, the hub did not answer, a journal is damaged, or the file can not be written.
    pub fn export(&self, shop: &ShopId, file: &Path) -> Result<u64, Failure> {
        let unwritten = |why: std::io::Error| -> Failure {
            format!("{} can not be written: {why}. Name another file", file.display()).into()
        };
        let opened = self.all_of(&Part::Shop(shop.clone()))?;
        if opened.is_empty() {
            return Err(format!("there is no shop {shop}: `leja admin shops` lists them").into());
        }
        let members = self.all_of(&Part::MembersOf(shop.clone()))?;
        let unfinished = PathBuf::from(format!("{}.new", file.display()));
        let lines = Mutex::new(Lines::into(&unfinished).map_err(unwritten)?);
        let write = |records: &[RecordForm]| lock(&lines).write(records).map_err(unwritten);
        write(&opened.iter().chain(&members).map(RecordForm::from).collect::<Vec<_>>())?;
        let (keys, journals) = (keys_of(&members), self.journals(shop)?.into_keys());
        at_once(&parts_of(shop, journals), |part| self.inventory(part, &keys, write).map(drop))?;
        let mut lines = lock(&lines);
        lines.file.flush().and_then(|()| lines.file.get_ref().sync_all()).map_err(unwritten)?;
        fs::rename(&unfinished, file).map_err(unwritten)?;
        Ok(lines.count)
    }
}

/// A file of one JSON object a line.
struct Lines {
    file: BufWriter<File>,
    count: u64,
}

impl Lines {
    fn into(path: &Path) -> std::io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self { file: BufWriter::new(file), count: 0 })
    }

    fn write(&mut self, records: &[RecordForm]) -> std::io::Result<()> {
        for record in records {
            serde_json::to_writer(&mut self.file, record)?;
            self.file.write_all(b"\n")?;
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }
}
