//! The fallback queue of a hub: a folder with one file for each callback that waits.
//!
//! The store's file may be locked, full or damaged, so the queue shares nothing with it but the disk. A file
//! appears under its name whole and on the disk, or not at all.

use service::fallback::{Fallback, FallbackError, Waiting};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many files one look gives.
const AT_ONCE: usize = 100;
/// How a file that waits is named; anything else in the folder is left alone.
pub(crate) const ENDING: &str = "callback";

/// A folder in which callbacks wait.
#[derive(Debug, Clone)]
pub struct FileQueue {
    folder: PathBuf,
    /// Tells files of one instant apart.
    next: Arc<AtomicU64>,
}

impl FileQueue {
    /// The queue in a folder, which is made for its owner only.
    ///
    /// # Errors
    /// The folder can not be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned(), next: Arc::default() })
    }

    fn write(&self, content: &[u8]) -> io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (number, process) = (self.next.fetch_add(1, Ordering::Relaxed), std::process::id());
        let name = format!("{:020}-{process}-{number}.{ENDING}", since.as_nanos());
        let (path, unfinished) = (self.folder.join(&name), self.folder.join(format!("{name}.new")));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// The oldest of what waits.
    fn read(&self) -> io::Result<Vec<Waiting>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        let read = |path: PathBuf| {
            let content = fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok(Waiting { ticket: name.into_owned(), content })
        };
        paths.into_iter().take(AT_ONCE).map(read).collect()
    }

    fn remove(&self, ticket: &str) -> io::Result<()> {
        // A ticket is a name in this folder and nothing else.
        let name = Path::new(ticket).file_name().unwrap_or_default();
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Off the async threads: a disk that hangs must not hang the rest.
    async fn off<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, FallbackError> {
        let queue = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&queue)).await;
        done.map_err(|e| FallbackError(e.to_string()))?.map_err(|e| FallbackError(e.to_string()))
    }
}

impl Fallback for FileQueue {
    async fn put(&self, content: &[u8]) -> Result<(), FallbackError> {
        let content = content.to_vec();
        self.off(move |queue| queue.write(&content)).await
    }

    async fn take(&self) -> Result<Vec<Waiting>, FallbackError> {
        self.off(Self::read).await
    }

    async fn done(&self, ticket: &str) -> Result<(), FallbackError> {
        let ticket = ticket.to_owned();
        self.off(move |queue| queue.remove(&ticket)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_put_is_given_oldest_first_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let queue = FileQueue::open(folder.path()).unwrap();
        for content in [b"one", b"two"] {
            queue.put(content).await.unwrap();
        }
        fs::write(folder.path().join("half-written.callback.new"), b"x").unwrap();
        // Another process with the same folder finds the same.
        let other = FileQueue::open(folder.path()).unwrap();
        let waiting = other.take().await.unwrap();
        assert_eq!(waiting.iter().map(|w| w.content.as_slice()).collect::<Vec<_>>(), [b"one", b"two"]);
        for _ in 0..2 {
            other.done(&waiting[0].ticket).await.unwrap();
        }
        assert_eq!(queue.take().await.unwrap(), waiting[1..]);
    }

    #[tokio::test]
    async fn a_ticket_removes_nothing_outside_the_queue() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("precious");
        fs::write(&outside, b"x").unwrap();
        let queue = FileQueue::open(&folder.path().join("queue")).unwrap();
        queue.done("../precious").await.unwrap();
        assert!(outside.exists());
    }
}
