//! A real till on a disk that fails it: full, read-only, somebody else's, or with a log that can not be written
//! back. It says so, keeps what it acknowledged, and goes on when the world is well.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tests::process::{Running, built, http, until};
use tests::tills::is_whole;
use tests::world::{World, sell};
use till::SaleFilter;

/// The largest file the till may write at first: a log of some sales.
const KILOBYTES: u32 = 300;

/// A till that was enrolled and closed again: its shop and its folder.
fn closed(world: &World) -> (domain::ShopId, PathBuf) {
    let shop = world.shop("mjini", "till", "123456");
    let path = world.till(&shop, "Front").path.clone();
    (shop, path)
}

/// `leja till` on a folder, as arguments.
fn till_at(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let words = ["till", "--data", folder, "--listen", "127.0.0.1:0", "--hub", "http://127.0.0.1:9"];
    words.map(str::to_owned).into()
}

fn sell_at(address: &str) -> (u16, Value) {
    let sale = json!({ "lines": [{ "name": "Tea", "quantity": "1", "unit_price": "50" }], "tender": "cash", "by": "A" });
    http("POST", &format!("{address}/v1/sales"), &sale.to_string())
}

/// A script that sees mounts of its own; what it mounts goes away with it.
fn with_own_mounts(script: &str, words: &[String]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).args(words).stdin(Stdio::null());
    command
}

/// Why a test can not be tried here, if a command that it needs does not work.
fn missing(command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(Output { status, .. }) if status.success() => None,
        Ok(Output { stderr, .. }) => Some(String::from_utf8_lossy(&stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// What a till that can not start says: one line, and 1.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    said
}

#[test]
fn a_till_on_a_read_only_disk_says_so_and_starts_when_it_may_write() {
    let world = World::new();
    let (_, path) = closed(&world);
    let mount = format!("mount --bind {0} {0} && mount -o remount,bind,ro {0}", path.display());
    if let Some(why) = missing(&mut with_own_mounts(&mount, &[])) {
        return eprintln!("not tried: nothing can be mounted here: {why}");
    }
    let script = format!("{mount} && exec {} \"$@\"", built("leja").display());
    let said = refused(&mut with_own_mounts(&script, &till_at(&path)));
    assert!(said.contains("Read-only file system") || said.contains("can not be written"), "{said}");
    let till = Running::start(Command::new(built("leja")).args(till_at(&path)).stdin(Stdio::null()));
    assert_eq!(sell_at(&till.address()).0, 201);
}

#[test]
fn a_till_on_a_disk_that_is_too_small_keeps_what_it_acknowledged_and_goes_on_when_there_is_room() {
    let world = World::new();
    let (shop, path) = closed(&world);
    let disk = tempfile::tempdir().unwrap();
    let at = disk.path().display();
    let mount = format!("mount -t tmpfs -o size=3m shop {at} && cp -a {}/. {at}/", path.display());
    if let Some(why) = missing(&mut with_own_mounts(&mount, &[])) {
        return eprintln!("not tried: nothing can be mounted here: {why}");
    }
    let script =
        format!("{mount} && head -c 2m /dev/zero > {at}/pictures && exec {} \"$@\"", built("leja").display());
    let till = Running::start(&mut with_own_mounts(&script, &till_at(disk.path())));
    let address = till.address();
    let mut sold = 0;
    let said = until("the disk to be full", || {
        let (status, said) = sell_at(&address);
        sold += usize::from(status == 201);
        (status >= 500).then_some(said)
    });
    assert!(said["title"].as_str().unwrap().contains("the disk is full"), "{said}");
    assert!(sold > 3, "{sold}");
    // The disk as the till sees it.
    let seen = PathBuf::from(format!("/proc/{}/root{at}", till.id()));
    std::fs::remove_file(seen.join("pictures")).unwrap();
    for _ in 0..5 {
        let (status, said) = sell_at(&address);
        assert_eq!(status, 201, "{said}");
        sold += 1;
    }
    // What is held open outlives the till and its mounts.
    let held = std::fs::File::open(&seen).unwrap();
    till.kill();
    let held = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held)));
    let kept = disk.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        std::fs::copy(held.join(name), kept.join(name)).unwrap();
    }
    is_whole(&kept);
    let kept = ledger::Reader::open(&kept.join("ledger.sqlite")).unwrap();
    let kept = kept.sales(&shop, SaleFilter::All, None, 100_000).unwrap().len();
    assert_eq!(kept, sold, "what was acknowledged is there, and nothing else");
}

#[test]
fn a_folder_that_belongs_to_somebody_else_is_named_and_left_alone() {
    let world = World::new();
    let (_, path) = closed(&world);
    let as_nobody = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(built("leja"));
        command
    };
    if let Some(why) = missing(as_nobody().arg("--version")) {
        return eprintln!("not tried: no other user can be tried here: {why}");
    }
    let before = std::fs::read(path.join("ledger.sqlite")).unwrap();
    let said = refused(as_nobody().args(till_at(&path)));
    assert!(said.contains("Permission denied") && said.contains("Check its rights"), "{said}");
    assert_eq!(std::fs::read(path.join("ledger.sqlite")).unwrap(), before);
}

/// Somebody reads for hours. The log can not be written back meanwhile, and grows: that is told.
#[test]
fn a_log_that_can_not_be_written_back_is_told_of_until_it_is() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let file = till.path.join("ledger.sqlite");
    let mut slow = ledger::Reader::open(&file).unwrap();
    slow.hold().unwrap();
    let busy = rusqlite::Connection::open(&file).unwrap();
    busy.execute_batch("CREATE TABLE busy (bytes BLOB); INSERT INTO busy VALUES (zeroblob(70000000))")
        .unwrap();
    let told = till.status().unwrap().notices.join("\n");
    assert!(told.contains("log has grown to 7") && told.contains("close that program"), "{told}");
    slow.let_go().unwrap();
    busy.execute_batch("DROP TABLE busy").unwrap();
    until("the log is small again", || {
        sell(&till, 10, world.now());
        till.status().unwrap().notices.is_empty().then_some(())
    });
}

#[test]
fn a_till_whose_disk_is_full_acknowledges_nothing_more_and_goes_on_when_there_is_room() {
    let world = World::new();
    let (shop, path) = closed(&world);
    // The signal that a file has grown too large is ignored, so that writing fails as on a full disk.
    let limited = format!(
        "trap '' XFSZ; ulimit -S -f {KILOBYTES}; exec {} till --data {} --listen 127.0.0.1:0 --hub http://127.0.0.1:9",
        built("leja").display(),
        path.display()
    );
    let till = Running::start(Command::new("bash").args(["-c", &limited]).stdin(Stdio::null()));
    let address = till.address();
    let sell = || sell_at(&address);
    let mut sold = 0;
    let refused = until("the disk to be full", || {
        let (status, said) = sell();
        sold += usize::from(status == 201 || status == 200);
        (status >= 500).then_some(said)
    });
    let said = refused["title"].as_str().unwrap();
    assert!(said.contains("Nothing was recorded") || said.contains("nothing was recorded"), "{said}");
    assert!(sold > 3, "{sold}");
    for _ in 0..3 {
        assert!(sell().0 >= 500, "and again");
    }
    let (status, _) = http("GET", &format!("{address}/v1/status"), "");
    assert_eq!(status, 200, "it can still be looked at");

    let more = Command::new("prlimit").args(["--pid", &till.id().to_string(), "--fsize=unlimited"]).status();
    assert!(more.unwrap().success());
    for _ in 0..5 {
        let (status, said) = sell();
        assert!(status < 300, "{said}");
        sold += 1;
    }
    till.kill();
    is_whole(&path);
    let kept = world.open(path).sales(&shop, SaleFilter::All, None, 10_000).unwrap().len();
    assert_eq!(kept, sold, "what was acknowledged is there, and nothing else");
}
