//! What this machine keeps for the hub: folders and who may read them, room on the disk, the fallback
//! queue, backups.

use super::finding::{Finding, spoken};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Below this a disk is full for a database that also has a log.
const FULL_BYTES: u64 = 200 * 1024 * 1024;
/// Below this somebody should make room.
const TIGHT_BYTES: u64 = 1024 * 1024 * 1024;
/// A sweep files what waits every quarter of an hour; what waits longer is stuck.
const STUCK: Duration = Duration::from_secs(30 * 60);
/// A backup a day, with a day to notice that one is missing.
const OLD_BACKUP: Duration = Duration::from_secs(48 * 3600);

/// What in a hub's folder is for its owner only: the store holds customers' names, the secret and the key
/// open doors.
pub(super) fn look_at_rights(data: &Path) -> Vec<Finding> {
    let kept = [
        (data.to_owned(), 0o700),
        (data.join("waiting"), 0o700),
        (data.join("admin"), 0o700),
        (data.join("callback.secret"), 0o600),
        (data.join("admin").join("till.key"), 0o600),
    ];
    let mut looked = 0_usize;
    let mut findings = Vec::new();
    for (path, most) in kept {
        // What is not there yet is made with the right ones; what should be there is missed elsewhere.
        let Ok(metadata) = path.metadata() else { continue };
        looked = looked.saturating_add(1);
        findings.extend(judge_mode(&path, metadata.permissions().mode(), most));
    }
    if findings.is_empty() && looked > 0 {
        findings.push(Finding::ok("rights", format!("{} is for its owner only", data.display())));
    }
    findings
}

fn judge_mode(path: &Path, mode: u32, most: u32) -> Option<Finding> {
    let path = path.display();
    let says = || format!("{path} is open to others ({:o}): chmod {most:o} {path}", mode & 0o777);
    (mode & 0o777 & !most != 0).then(|| Finding::fail("rights", says()))
}

/// The room on the disk of a folder.
pub(super) fn look_at_disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => judge_disk(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::warn("disk", format!("not checked: {error}")),
    }
}

fn judge_disk(free_bytes: u64) -> Finding {
    let says = format!("{} MB are free", free_bytes.checked_div(1024 * 1024).unwrap_or(0));
    if free_bytes < FULL_BYTES {
        return Finding::fail("disk", format!("{says}: make room, or callbacks are not kept"));
    }
    if free_bytes < TIGHT_BYTES {
        return Finding::warn("disk", format!("{says}: make room soon"));
    }
    Finding::ok("disk", says)
}

/// What waits in the fallback queue.
pub(super) fn look_at_queue(data: &Path, now: SystemTime) -> Finding {
    let folder = data.join("waiting");
    if !folder.exists() {
        return Finding::warn("queue", "not there yet: the hub makes it at its first start");
    }
    match embedded::waiting(&folder) {
        Ok((count, oldest)) => judge_queue(count, oldest.map(|oldest| age(oldest, now))),
        Err(error) => {
            let says = format!("{} can not be read: {error}; check its rights", folder.display());
            Finding::fail("queue", says)
        }
    }
}

fn judge_queue(count: u64, oldest: Option<Duration>) -> Finding {
    let Some(oldest) = oldest else { return Finding::ok("queue", "no callback waits for the store") };
    let says = format!("{count} callbacks wait for the store, the oldest for {}", said(oldest));
    if oldest > STUCK {
        let says =
            format!("{says}: start the hub, see that the store can be written, run `leja admin sweep`");
        return Finding::fail("queue", says);
    }
    Finding::warn("queue", format!("{says}: the next sweep files them"))
}

/// How old the newest backup is.
pub(super) fn look_at_backup(folder: Option<&PathBuf>, now: SystemTime) -> Finding {
    const NAME: &str = "backup";
    let Some(folder) = folder else {
        let says = "not configured: keep a copy of the hub's folder, made while the hub stands still, on \
                    another machine, and name where with --backup";
        return Finding::warn(NAME, says);
    };
    match newest(folder) {
        Ok(newest) => judge_backup(newest.map(|newest| age(newest, now)), folder),
        Err(error) => Finding::fail(NAME, format!("{} can not be read: {error}", folder.display())),
    }
}

/// When the newest file of a folder was written.
fn newest(folder: &Path) -> std::io::Result<Option<SystemTime>> {
    let mut newest = None;
    for entry in std::fs::read_dir(folder)? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            newest = newest.max(Some(metadata.modified()?));
        }
    }
    Ok(newest)
}

fn judge_backup(newest: Option<Duration>, folder: &Path) -> Finding {
    const NAME: &str = "backup";
    let folder = folder.display();
    let Some(newest) = newest else {
        return Finding::fail(NAME, format!("{folder} holds no file: see whether backups are made at all"));
    };
    let says = format!("the newest in {folder} is {} old", said(newest));
    if newest > OLD_BACKUP {
        return Finding::fail(NAME, format!("{says}: see why no newer one was made"));
    }
    Finding::ok(NAME, says)
}

/// How long ago something was; a file from the future is new.
fn age(at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_default()
}

fn said(age: Duration) -> String {
    spoken(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Fail, Ok as Fine, Warn};
    use super::super::finding::tests::check;
    use super::*;

    #[test]
    fn what_others_may_read_is_told_with_the_remedy() {
        assert_eq!(judge_mode(Path::new("hub"), 0o40_700, 0o700), None);
        assert_eq!(judge_mode(Path::new("key"), 0o100_400, 0o600), None);
        let open = judge_mode(Path::new("hub"), 0o40_755, 0o700).unwrap();
        check(&open, Fail, "hub is open to others (755): chmod 700 hub");
        assert!(judge_mode(Path::new("key"), 0o100_640, 0o600).is_some());
    }

    #[test]
    fn a_disk_is_full_before_nothing_is_left() {
        check(&judge_disk(5 * TIGHT_BYTES), Fine, "5120 MB");
        check(&judge_disk(TIGHT_BYTES - 1), Warn, "1023 MB");
        check(&judge_disk(FULL_BYTES - 1), Fail, "make room");
    }

    #[test]
    fn what_waits_longer_than_two_sweeps_is_stuck() {
        check(&judge_queue(0, None), Fine, "no callback waits");
        check(&judge_queue(3, Some(STUCK)), Warn, "3 callbacks wait");
        check(&judge_queue(3, Some(STUCK + Duration::from_secs(1))), Fail, "leja admin sweep");
    }

    #[test]
    fn a_backup_of_yesterday_will_do_and_none_will_not() {
        let day = Duration::from_secs(24 * 3600);
        check(&judge_backup(Some(day), Path::new("b")), Fine, "1 d old");
        check(&judge_backup(Some(3 * day), Path::new("b")), Fail, "3 d old");
        check(&judge_backup(None, Path::new("b")), Fail, "no file");
        check(&look_at_backup(None, SystemTime::now()), Warn, "not configured");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        check(&look_at_backup(Some(&path), SystemTime::now()), Fail, "no file");
        std::fs::write(path.join("hub.sqlite"), "x").unwrap();
        check(&look_at_backup(Some(&path), SystemTime::now()), Fine, "0 s old");
    }
}
