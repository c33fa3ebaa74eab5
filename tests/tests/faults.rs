//! A real till whose disk takes no more: it says so, keeps what it acknowledged, and goes on when there is room.

use serde_json::json;
use std::process::{Command, Stdio};
use tests::process::{Running, built, http, until};
use tests::world::World;
use till::{SaleFilter, examine};

/// The largest file the till may write at first: a log of some sales.
const KILOBYTES: u32 = 300;

#[test]
fn a_till_whose_disk_is_full_acknowledges_nothing_more_and_goes_on_when_there_is_room() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let path = {
        let till = world.till(&shop, "Front");
        till.path.clone()
    };
    // The signal that a file has grown too large is ignored, so that writing fails as on a full disk.
    let limited = format!(
        "trap '' XFSZ; ulimit -S -f {KILOBYTES}; exec {} till --data {} --listen 127.0.0.1:0 --hub http://127.0.0.1:9",
        built("leja").display(),
        path.display()
    );
    let till = Running::start(Command::new("bash").args(["-c", &limited]).stdin(Stdio::null()));
    let sales = format!("{}/v1/sales", till.address());
    let sale = json!({ "lines": [{ "name": "Tea", "quantity": "1", "unit_price": "50" }], "tender": "cash", "by": "A" });
    let sell = || http("POST", &sales, &sale.to_string());
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
    let (status, _) = http("GET", &format!("{}/v1/status", sales.trim_end_matches("/v1/sales")), "");
    assert_eq!(status, 200, "it can still be looked at");

    let more = Command::new("prlimit").args(["--pid", &till.id().to_string(), "--fsize=unlimited"]).status();
    assert!(more.unwrap().success());
    for _ in 0..5 {
        let (status, said) = sell();
        assert!(status < 300, "{said}");
        sold += 1;
    }
    till.kill();
    for check in examine(&path.join("ledger.sqlite")).unwrap() {
        assert_eq!(check.faults, Vec::<String>::new(), "{}", check.name);
    }
    let kept = world.open(path).sales(&shop, SaleFilter::All, None, 10_000).unwrap().len();
    assert_eq!(kept, sold, "what was acknowledged is there, and nothing else");
}
