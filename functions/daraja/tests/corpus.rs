//! The golden corpus: every shape of body that Safaricom posts or lists, and beside it what it must become.
//!
//! `NAME.json` is a body as it came over the wire, byte for byte; `NAME.expected` is what is read of it,
//! with phone numbers masked. Bodies named `pull-…` are pages of pulled transactions, all others callbacks.
//! `REWRITE_CORPUS=1` writes the expectations anew; read the difference before you believe it.

#![allow(clippy::unwrap_used, reason = "a test stops where product code must not")]

use daraja::{
    AccountBalance, C2bPayment, Inbound, ListedTime, Party, PulledPayment, RequestResult, ResultContent,
    ReversalResult, StatusResult, StkOutcome, Unreadable,
};
use domain::Msisdn;
use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};

#[test]
fn every_body_becomes_what_stands_beside_it() {
    let rewrite = std::env::var_os("REWRITE_CORPUS").is_some();
    let mut wrong = String::new();
    for body in bodies() {
        let read = render(&body, &std::fs::read(&body).unwrap());
        let beside = body.with_extension("expected");
        if rewrite {
            std::fs::write(&beside, &read).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if read != expected {
            writeln!(wrong, "{}\n{}", beside.display(), difference(&expected, &read)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "expected -, read +\n{wrong}");
}

#[test]
fn no_expectation_stands_alone_and_no_kind_of_body_is_missing() {
    let alone: Vec<_> =
        files("expected").into_iter().filter(|p| !p.with_extension("json").exists()).collect();
    assert!(alone.is_empty(), "{alone:?}");
    let kinds: BTreeSet<String> =
        bodies().iter().map(|body| name(body).split('-').next().unwrap().to_owned()).collect();
    let known = ["balance", "c2b", "pull", "refused", "reversal", "status", "stk", "timeout"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), known);
}

#[test]
fn what_is_named_refused_is_refused_and_everything_else_is_read() {
    for body in bodies().iter().filter(|body| !name(body).starts_with("pull-")) {
        let read = daraja::parse(&std::fs::read(body).unwrap());
        assert_eq!(read.is_err(), name(body).starts_with("refused-"), "{}", name(body));
    }
}

#[test]
fn nothing_that_is_printed_of_a_body_has_a_whole_phone_number() {
    for body in bodies() {
        let bytes = std::fs::read(&body).unwrap();
        let printed = format!("{:?} {:?}", daraja::parse(&bytes), daraja::read_pull_page(&bytes));
        for number in ["708374149", "110374149", "700111222"] {
            // Safaricom's own name of a push ends in the payer's number; it is opaque (fact sheet §1.3).
            let printed = printed.replace("ws_CO_21112026101500123700111222", "");
            assert!(!printed.contains(number), "{}: {printed}", name(&body));
        }
    }
}

fn bodies() -> Vec<PathBuf> {
    let bodies = files("json");
    assert!(bodies.len() > 100, "the corpus is gone");
    bodies
}

fn files(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn difference(expected: &str, read: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), read.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("  - {line}\n"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("  + {line}\n"));
    gone.chain(come).collect()
}

fn render(path: &Path, body: &[u8]) -> String {
    let mut sheet = Sheet::default();
    if name(path).starts_with("pull-") {
        match daraja::read_pull_page(body) {
            Ok(page) => {
                sheet.line("pull page", format!("{} rows", page.rows.len()));
                for row in page.rows {
                    sheet.rest.push('\n');
                    match row.content {
                        Ok(payment) => pulled(&mut sheet, &payment),
                        Err(reason) => refused(&mut sheet, &reason),
                    }
                }
            }
            Err(reason) => refused(&mut sheet, &reason),
        }
    } else {
        match daraja::parse(body) {
            Ok(Inbound::C2b(payment)) => c2b(&mut sheet, &payment),
            Ok(Inbound::Stk(outcome)) => stk(&mut sheet, &outcome),
            Ok(Inbound::Result(result)) => request(&mut sheet, &result),
            Err(reason) => refused(&mut sheet, &reason),
        }
    }
    sheet.rest
}

/// Lines of a name and a value; what is absent is left out.
#[derive(Default)]
struct Sheet {
    rest: String,
}

impl Sheet {
    fn line(&mut self, name: &str, value: impl Display) {
        writeln!(self.rest, "{name}: {value}").unwrap();
    }

    fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(name, value);
        }
    }

    fn words(&mut self, name: &str, value: &str) {
        self.maybe(name, (!value.is_empty()).then_some(value));
    }

    fn number(&mut self, name: &str, number: Option<&Msisdn>) {
        let kind = |number: &Msisdn| match number {
            Msisdn::Plain(_) => "plain",
            Msisdn::Hashed(_) => "hashed",
            Msisdn::Masked(_) => "masked",
        };
        self.maybe(name, number.map(|number| format!("{} {}", kind(number), number.masked())));
    }

    fn party(&mut self, name: &str, party: Option<&Party>) {
        let Some(party) = party else { return };
        self.maybe(name, party.payer().name);
        self.maybe(&format!("{name} shortcode"), party.shortcode());
        if party.shortcode().is_none() {
            self.number(&format!("{name} number"), party.payer().msisdn.as_ref());
        }
    }
}

fn refused(sheet: &mut Sheet, reason: &Unreadable) {
    sheet.line("refused", reason);
}

fn c2b(sheet: &mut Sheet, payment: &C2bPayment) {
    sheet.line("c2b payment", &payment.receipt);
    sheet.line("amount", payment.amount);
    sheet.line("shortcode", &payment.shortcode);
    sheet.maybe("paid at", payment.paid_at);
    sheet.maybe("payer", payment.payer.name.as_ref());
    sheet.number("number", payment.payer.msisdn.as_ref());
    sheet.words("account reference", &payment.account_reference);
    sheet.words("transaction type", &payment.transaction_type);
    sheet.maybe("balance", payment.balance);
    sheet.maybe("third party", payment.third_party.as_ref());
    sheet.maybe("invoice", payment.invoice.as_ref());
}

fn stk(sheet: &mut Sheet, outcome: &StkOutcome) {
    sheet.line("stk outcome", &outcome.checkout);
    sheet.maybe("merchant", outcome.merchant.as_ref());
    sheet.line("code", &outcome.code);
    sheet.words("description", &outcome.description);
    if let Some(paid) = &outcome.paid {
        sheet.line("receipt", &paid.receipt);
        sheet.line("amount", paid.amount);
        sheet.maybe("paid at", paid.paid_at);
        sheet.number("number", paid.msisdn.as_ref());
    }
}

fn request(sheet: &mut Sheet, result: &RequestResult) {
    sheet.line("result", &result.originator);
    sheet.maybe("conversation", result.conversation.as_ref());
    sheet.words("type", &result.result_type);
    sheet.line("code", &result.code);
    sheet.words("description", &result.description);
    sheet.maybe("transaction", result.transaction.as_ref());
    sheet.maybe("occasion", result.occasion.as_ref());
    match &result.content {
        ResultContent::Status(content) => status(sheet, content),
        ResultContent::Reversal(content) => reversal(sheet, content),
        ResultContent::Balance(accounts) => accounts.iter().for_each(|account| balance(sheet, account)),
        ResultContent::Nothing => sheet.rest.push_str("nothing\n"),
    }
}

fn status(sheet: &mut Sheet, status: &StatusResult) {
    sheet.line("status of", &status.receipt);
    sheet.line("status", &status.status);
    sheet.line("completed", status.is_completed());
    sheet.line("amount", status.amount);
    sheet.maybe("initiated at", status.initiated_at);
    sheet.maybe("finalised at", status.finalised_at);
    sheet.party("debit party", status.debit_party.as_ref());
    sheet.party("credit party", status.credit_party.as_ref());
    sheet.maybe("reason", status.reason.as_ref());
    sheet.maybe("reason type", status.reason_type.as_ref());
}

fn reversal(sheet: &mut Sheet, reversal: &ReversalResult) {
    sheet.line("reversal of", &reversal.original);
    sheet.maybe("reversal", reversal.reversal.as_ref());
    sheet.line("amount", reversal.amount);
    sheet.maybe("completed at", reversal.completed_at);
    sheet.maybe("charge", reversal.charge);
    sheet.party("debit party", reversal.debit_party.as_ref());
    sheet.party("credit party", reversal.credit_party.as_ref());
    reversal.balances.iter().for_each(|account| balance(sheet, account));
}

fn balance(sheet: &mut Sheet, account: &AccountBalance) {
    sheet.line("account", &account.name);
    sheet.words("  currency", &account.currency);
    sheet.maybe("  current", account.current);
    sheet.maybe("  available", account.available);
    sheet.maybe("  reserved", account.reserved);
    sheet.maybe("  uncleared", account.uncleared);
    sheet.line("  raw", &account.raw);
}

fn pulled(sheet: &mut Sheet, payment: &PulledPayment) {
    sheet.line("row", &payment.receipt);
    sheet.line("kind", format!("{:?}", payment.kind));
    sheet.line("amount", payment.amount);
    match payment.listed_at {
        Some(ListedTime::Zoned(instant)) => sheet.line("listed at", instant),
        Some(ListedTime::Ambiguous { utc, nairobi }) => {
            sheet.line("listed at", format!("{nairobi}, or {utc} if Z is meant"));
        }
        None => {}
    }
    sheet.number("number", payment.msisdn.as_ref());
    sheet.maybe("sender", payment.sender.as_ref());
    sheet.words("account reference", &payment.account_reference);
    sheet.maybe("organisation", payment.organisation.as_ref());
}
