//! Tills that find each other by multicast alone, as on a shop's wifi: real programs on a network of this test's
//! own, which nobody else hears.

use domain::Tender;
use std::process::Command;
use tests::process::{Running, built, http, until};
use tests::world::{World, asha, exchange, of};

/// Set for the part of this test that runs inside the network.
const INSIDE: &str = "LEJA_TEST_NETWORK";
/// One machine with an address that is not loopback, and multicast that stays on it.
const NETWORK: &str = "ip link set lo up multicast on && ip addr add 10.77.0.1/24 dev lo \
                       && ip route add 224.0.0.0/4 dev lo";

fn in_a_network(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", &format!("{NETWORK} && {script}")]);
    command.arg(std::env::current_exe().unwrap()).env(INSIDE, "yes");
    command
}

#[test]
fn two_tills_find_each_other_by_multicast_and_exchange_what_they_sold() {
    if std::env::var_os(INSIDE).is_some() {
        return the_two_tills();
    }
    match in_a_network("true").output() {
        Ok(tried) if tried.status.success() => {}
        tried => {
            // Not everybody may make a network: inside some containers, and not on every system.
            let why = tried.map(|tried| String::from_utf8_lossy(&tried.stderr).into_owned());
            return eprintln!("not tried: no network of its own can be made here: {why:?}");
        }
    }
    let story =
        "exec \"$0\" --exact two_tills_find_each_other_by_multicast_and_exchange_what_they_sold --nocapture";
    let ran = in_a_network(story).output().unwrap();
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

fn the_two_tills() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, back) = {
        let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
        exchange(&world, &[&front, &back]);
        exchange(&world, &[&front, &back]);
        front.sell(of(70, Tender::Cash), &asha(), world.now(), None).unwrap();
        (front.path.clone(), back.path.clone())
    };
    let start = |path: &std::path::Path| {
        let mut command = Command::new(built("leja"));
        command.args([
            "till",
            "--listen",
            "127.0.0.1:0",
            "--lan",
            "0.0.0.0:0",
            "--hub",
            "http://127.0.0.1:9",
        ]);
        Running::start(command.arg("--data").arg(path))
    };
    let (front, back) = (start(&front), start(&back));
    let (_front_at, back_at) = (front.address(), back.address());
    let sales = || http("GET", &format!("{back_at}/v1/sales"), "").1["sales"].as_array().map(Vec::len);
    until("what one sold is at the other", || sales().filter(|sales| *sales == 1));
    let met = || http("GET", &format!("{back_at}/v1/siblings"), "").1;
    assert!(met()["siblings"][0]["last_contact"].is_string(), "{}", met());
    // The other may have found it first.
    let place = || Some(met()["places"][0].clone()).filter(|place| place["address"].is_string());
    let place = until("it has found the other itself", place);
    assert!(place["address"].as_str().unwrap().starts_with("10.77.0.1:"), "{place}");
    assert_eq!(place["typed"], false, "nobody typed it");
    // Whoever goes says so, and is looked for no more.
    assert_eq!(front.end(), Some(0));
    let gone =
        || http("GET", &format!("{back_at}/v1/siblings"), "").1["places"].as_array().map(Vec::is_empty);
    until("the place of a till that left is forgotten", || gone().filter(|gone| *gone));
}
