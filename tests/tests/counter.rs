//! A cashier's day from a terminal: `leja till …` at the demo's front counter.

use domain::Timestamp;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use tests::counter::Demo;
use tests::process::{built, http, leja, until};

/// A terminal at a till.
struct Terminal<'a> {
    till: &'a str,
}

impl Terminal<'_> {
    /// Types a command, and gives what was printed.
    fn types(&self, typed: &[&str]) -> String {
        leja(&[&["till"], typed, &["--till", self.till, "--by", "Asha"]].concat())
    }

    /// Types a command that is refused, and gives the one line that says so.
    fn refused(&self, typed: &[&str]) -> String {
        let output =
            Command::new(built("leja")).arg("till").args(typed).args(["--till", self.till]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{typed:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty(), "{typed:?}");
        // What speaks against a code is said before.
        let errors: Vec<&str> = said.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert_eq!(errors.len(), 1, "{said}");
        errors[0].strip_prefix("error: ").unwrap().to_owned()
    }

    /// Types a command and what it asks for, and gives what was printed.
    fn answers(&self, asked: &str, typed: &[&str]) -> String {
        let mut command = Command::new(built("leja"));
        command.arg("till").args(typed).args(["--till", self.till, "--by", "Asha"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = piped.spawn().unwrap();
        running.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{typed:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, typed: &[&str]) -> Value {
        serde_json::from_str(&self.types(&[typed, &["--json"]].concat())).unwrap()
    }

    /// Waits until what a command prints holds some text.
    fn until(&self, typed: &[&str], text: &str) -> String {
        until(text, || Some(self.types(typed)).filter(|printed| printed.contains(text)))
    }
}

fn holds(printed: &str, texts: &[&str]) {
    for text in texts {
        assert!(printed.contains(text), "{text:?} is not in:\n{printed}");
    }
}

/// The short name of the sale that was printed.
fn reference(printed: &str) -> &str {
    printed.split(' ').next().unwrap()
}

/// A customer pays at the simulated Safaricom; gives the receipt code.
fn pay(demo: &Demo, amount: &str) -> String {
    let form = json!({ "shortcode": "123456", "amount": amount, "name": "ASHA WANJIRU" });
    let (_, paid) = http("POST", &format!("{}/simulator/pay", demo.safaricom), &form.to_string());
    paid["receipt"].as_str().unwrap().to_owned()
}

/// Nobody pays unless a story says so.
fn quiet(demo: &Demo) {
    http("POST", &format!("{}/simulator/customers", demo.safaricom), r#"{"on":false}"#);
}

#[test]
fn a_cashier_works_a_whole_day_from_a_terminal() {
    let demo = Demo::start();
    quiet(&demo);
    let at = Terminal { till: &demo.till };
    holds(&at.types(&["shift", "open", "2000"]), &["the drawer is open since"]);
    holds(&at.types(&["products", "milk"]), &["Milk 500ml  60.00"]);

    // A customer pays in cash; one is asked on the phone; one pays by the number on the wall.
    let milk = at.types(&["sell", "2x", "milk", "0.5x sugar", "--cash"]);
    holds(&milk, &["KES 215.00  paid"]);
    let tea = at.types(&["sell", "Tea, special@243", "--mpesa"]);
    holds(&tea, &["KES 243.00  open", "due    KES 243.00"]);
    at.types(&["ask", &reference(&tea).to_lowercase(), "0712 345 678"]);
    let asked = at.until(&["show", reference(&tea)], "  paid\n");
    holds(&asked, &["KES 243.00  paid", "***678", "asked for on the phone", "Asha"]);
    let third = at.json(&["sell", "--total", "777", "--mpesa"]);
    assert_eq!(third["by"], "Asha");
    let third = third["reference"].as_str().unwrap();
    let receipt = pay(&demo, "700.00");
    at.until(&["payments"], &receipt);
    holds(&at.types(&["claim", third, &receipt]), &["KES 777.00  part paid", "due    KES 77.00"]);
    holds(&at.types(&["cash", third]), &["KES 777.00  paid"]);
    holds(&at.types(&["show", &receipt]), &[&format!("sale {third} has it"), "code typed"]);

    // It was somebody else's payment; and a crate was the wrong one.
    let released = at.types(&["release", third, "--reason", "wrong customer"]);
    holds(&released, &["KES 777.00  part paid", "due    KES 700.00"]);
    holds(&at.types(&["payments"]), &[&receipt, "ASHA WANJIRU"]);
    let wrong = ["void", reference(&milk), "--reason", "wrong crate"];
    holds(&at.types(&wrong), &["KES 215.00  voided", "to go back  KES 215.00"]);
    let back = at.types(&["refund", reference(&milk), "--reason", "wrong crate"]);
    assert!(!back.contains("to go back"), "{back}");
    let open = at.types(&["sales", "open"]);
    assert!(open.contains(third) && !open.contains(reference(&tea)), "{open}");

    // What is left in the drawer is counted.
    at.types(&["shift", "out", "500", "--reason", "to the bank"]);
    holds(&at.types(&["shift", "report"]), &["should be in the drawer   1577.00"]);
    let closed = at.types(&["shift", "close", "1570"]);
    holds(&closed, &["Z report A1", "closed", "over or short -7.00", "seal "]);
    holds(&at.types(&["shift", "list"]), &["A1", "1570.00"]);
    holds(&at.types(&["stock"]), &["Sugar 1kg"]);
    // Goods come, go to the other shop, and are counted.
    holds(&at.types(&["count", "10x sugar"]), &["Sugar 1kg", " 10"]);
    holds(&at.types(&["receive", "24x", "sugar", "--note", "Mumias"]), &["Sugar 1kg", " 34"]);
    holds(&at.types(&["transfer", "out", "4.5x sugar", "--note", "to Pwani"]), &["Sugar 1kg", " 29.5"]);
    holds(&at.refused(&["count", "3x", "gold@5"]), &["the shop sells no gold"]);
    at.types(&["sync"]);
    holds(&at.types(&["status"]), &["Front counter (A)  online", "today 2 sales"]);
}

#[test]
fn the_day_is_shown_at_every_till_and_head_office_alone_closes_the_books_of_days_that_are_over() {
    let demo = Demo::start();
    quiet(&demo);
    let (at, office) = (Terminal { till: &demo.till }, Terminal { till: &demo.office });
    at.types(&["sell", "2x", "milk", "--cash"]);
    let open = at.types(&["sell", "--total", "777", "--mpesa"]);
    let cash = ["  paid in cash", "120.00"];
    let line = |printed: &str, name: &str| -> String {
        printed.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
    };
    let day = at.types(&["day"]);
    holds(&line(&day, cash[0]), &cash);
    holds(&line(&day, "  not paid"), &["777.00"]);
    holds(&line(&day, "should be in the drawer"), &["120.00"]);
    holds(&line(&day, "Front counter"), &["2", "897.00", "120.00", "777.00"]);
    at.types(&["void", reference(&open), "--reason", "wrong crate"]);
    let today = at.json(&["status"])["day"].as_str().unwrap().to_owned();
    let day = ["day", &today, "--shop", "mjini"];
    let heard = office.until(&day, "1 sales, 1 cancelled");
    holds(&line(&heard, "cancelled"), &["777.00"]);
    assert_eq!(office.json(&day)["takings"], at.json(&day)["takings"]);
    holds(&at.types(&["day", "2020-01-01"]), &["no till sold anything that day"]);
    holds(&at.refused(&["day", "yesterday"]), &["a date, like"]);

    let of = ["--shop", "mjini"];
    let yesterday =
        Timestamp::from_system(SystemTime::now()).plus_millis(-86_400_000).business_day().to_string();
    let close = |at: &Terminal<'_>, until: &str| at.refused(&[&["close-books", until][..], &of].concat());
    holds(&office.types(&[&["books"][..], &of].concat()), &["the books were never closed"]);
    holds(&close(&at, &yesterday), &["only head office closes a period"]);
    holds(&close(&office, &today), &["this day is not over"]);
    let closed = format!("the books are closed up to {yesterday}");
    let closing = [&["close-books", &yesterday][..], &of].concat();
    holds(&office.types(&closing), &[&closed]);
    holds(&close(&office, &yesterday), &["closed up to this day already"]);
    at.until(&["books"], &closed);
    holds(&close(&office, "2020-01-31"), &["give a reason"]);
    let opened = ["close-books", "2020-01-31", "--reason", "a till was not in yet"];
    holds(&office.types(&[&opened[..], &of].concat()), &["the books are closed up to 2020-01-31"]);
}

#[test]
fn discounts_change_parts_returns_and_carts_that_wait_are_typed_as_well() {
    let demo = Demo::start();
    quiet(&demo);
    let at = Terminal { till: &demo.till };
    let off = ["--less", "10%", "--because", "regular customer"];
    let sold = at.types(&[&["sell", "2x milk", "--cash", "--given", "200"][..], &off].concat());
    holds(&sold, &["KES 108.00  paid", "off  KES 12.00", "change  KES 92.00"]);
    let day_old = ["sell", "milk", "2x bread", "--cash", "--because", "day old", "--less-on"];
    holds(&at.types(&[&day_old[..], &["2=10%"]].concat()), &["KES 177.00  paid", "off  KES 13.00"]);
    for nowhere in [&["3=10%"][..], &["0=5"], &["bread=5"], &["10%"], &["2=10%", "--less-on", "2=5"]] {
        let refused = at.refused(&[&day_old[..], nowhere].concat());
        let help = "--less-on is like 2=10%, for the second of the goods, and once for each";
        assert_eq!(refused, help, "{nowhere:?}");
    }
    let back = at.types(&["return", reference(&sold), "1x", "milk", "--reason", "sour"]);
    holds(&back, &["to go back  KES 54.00"]);
    at.types(&["refund", reference(&sold), "--amount", "50", "--reason", "sour"]);
    holds(&at.types(&["sales", "over"]), &[reference(&sold)]);
    at.types(&["refund", reference(&sold), "--reason", "sour"]);
    holds(
        &at.types(&["show", reference(&sold)]),
        &["came back: KES 54.00, sour", "can be taken back: refund"],
    );
    let undone = at.types(&["undo", reference(&sold), "--reason", "it was 5 only"]);
    holds(&undone, &["to go back  KES 4.00"]);
    at.types(&["refund", reference(&sold), "--reason", "sour"]);

    holds(&at.types(&["hold", "3x eggs", "--note", "the red bag"]), &["the red bag"]);
    let number = at.json(&["held"])["parked"][0]["number"].to_string();
    holds(&at.types(&["recall", &number, "--mpesa"]), &["KES 1350.00  open"]);
    holds(&at.types(&["held"]), &["nothing was set aside"]);

    // A customer pays too much, with a message to show, after a part in cash.
    let sale = at.types(&["sell", "--total", "500", "--mpesa"]);
    let sale = reference(&sale);
    holds(&at.types(&["cash", sale, "200"]), &["part paid", "due    KES 300.00"]);
    let receipt = pay(&demo, "350.00");
    at.until(&["payments"], &receipt);
    holds(&at.types(&["candidates", sale]), &[&receipt, "ASHA WANJIRU"]);
    let end = &receipt[5..];
    holds(&at.types(&["claim", sale, end]), &["KES 500.00  paid", "to go back  KES 50.00"]);
    assert!(!at.types(&["credit", sale]).contains("to go back"));
    holds(&at.types(&["payments"]), &[&receipt]);
    holds(&at.refused(&["tip", sale]), &["tips"]);
}

#[test]
fn what_nobody_has_seen_needs_a_reason_and_above_a_limit_a_manager() {
    let demo = Demo::start();
    quiet(&demo);
    let at = Terminal { till: &demo.till };
    let set = |kind: &str, form: Value| {
        assert_eq!(http("PUT", &format!("{}/v1/catalogue/{kind}", demo.till), &form.to_string()).0, 200);
    };
    set("setting/unverified-per-sale", json!({ "value": "1000" }));
    set("staff/mama-njeri", json!({ "name": "Mama Njeri", "role": "manager", "pin": "4711" }));
    let sale = at.types(&["sell", "--total", "1500", "--mpesa"]);
    let claim = ["claim", reference(&sale), "UKL4AB12CD", "--phone", "149"];
    holds(&at.refused(&claim), &["manager"]);
    let said = at.answers("4711\n", &[&claim[..], &["--manager", "mama-njeri"]].concat());
    holds(&said, &["claimed, to be verified", "UKL4AB12CD"]);
    holds(&at.types(&["show", reference(&sale)]), &["Mama Njeri"]);
    holds(&at.types(&["shift", "status"]), &["1500.00"]);

    let small = at.types(&["sell", "--total", "80", "--mpesa"]);
    let trusted = at.types(&["trust", reference(&small), "--reason", "M-Pesa is slow"]);
    holds(&trusted, &["due    KES 80.00", "on the customer's word"]);
    holds(&at.types(&["conflicts"]), &["no payment is wanted by more than one sale"]);
}

#[test]
fn what_is_refused_is_said_in_one_line_with_what_to_do() {
    let demo = Demo::start();
    quiet(&demo);
    let at = Terminal { till: &demo.till };
    let asked = |typed: &[&str]| at.refused(typed);
    holds(&asked(&["sell", "m", "--cash"]), &["Milk 500ml or Maize flour 2kg: type more of it"]);
    holds(&asked(&["sell", "gold", "--cash"]), &["nothing here is called gold", "\"gold@50\""]);
    holds(&asked(&["sell", "2x", "--cash"]), &["2x of what?"]);
    holds(&asked(&["show", "Z9"]), &["no till of this shop has the letter Z"]);
    holds(&asked(&["show", "yesterday"]), &["names no sale", "such as A42"]);
    holds(&asked(&["cash", "A7"]), &["7"]);
    holds(&asked(&["shift", "close", "1"]), &["nothing happened"]);
    let nobody = Terminal { till: "http://127.0.0.1:9" };
    holds(&nobody.refused(&["status"]), &["no till answers at http://127.0.0.1:9", "--till"]);
}
