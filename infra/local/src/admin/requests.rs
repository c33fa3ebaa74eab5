//! What is asked of Safaricom through the hub, with its answer in words.

use super::Administrator;
use crate::Failure;
use clap::{Args, Subcommand};
use domain::ShopId;
use replica::wire::json::{
    AskPullRegistration, AskQr, AskReversal, AskSimulation, AskStatus, RequestState, Requested, Said,
};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks for an answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What to ask.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Register a shop's callback addresses with Safaricom. In production that works once for a number.
    Register {
        /// The shop.
        shop: String,
    },
    /// Register a shop's number for Pull Transactions, which finds the payments no callback told of.
    PullRegister {
        /// The shop.
        shop: String,
        /// A phone that belongs to the organisation in Safaricom's portal.
        phone: String,
    },
    /// Let a customer of Safaricom's sandbox pay.
    Simulate {
        /// The shop.
        shop: String,
        /// Whole shillings, like 500.
        amount: String,
        /// The customer's phone; Safaricom's own for tests is 254708374149.
        phone: String,
        /// The account number the customer types, for a paybill.
        #[arg(long, default_value = "")]
        reference: String,
    },
    /// Ask whether a payment is real, and wait for the answer.
    Status {
        /// The shop.
        shop: String,
        /// The receipt code.
        receipt: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Send a payment back to the customer, whole, and wait for the answer.
    Reverse {
        /// The shop.
        shop: String,
        /// The receipt code.
        receipt: String,
        /// How much it was, like 500.00.
        amount: String,
        /// Why, in a few words.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Ask what the organisation has, and wait for the answer.
    Balance {
        /// The shop.
        shop: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Make a code that customers scan with the M-PESA app.
    Qr {
        /// The shop.
        shop: String,
        /// Whole shillings, like 500.
        amount: String,
        /// The account reference, for a paybill.
        #[arg(long, default_value = "")]
        reference: String,
        /// Where to put the picture.
        #[arg(long, value_name = "FILE.png")]
        out: PathBuf,
    },
}

/// How long to wait.
#[derive(Args)]
pub(super) struct Wait {
    /// How long to wait for Safaricom's answer, in seconds.
    #[arg(long = "wait", env = "LEJA_WAIT", default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
}

impl Administrator {
    pub(super) fn request(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Register { shop } => self.say(&shop, "c2b/register", &()),
            Command::PullRegister { shop, phone } => {
                self.say(&shop, "pull/register", &AskPullRegistration { phone })
            }
            Command::Simulate { shop, amount, phone, reference } => {
                self.say(&shop, "c2b/simulate", &AskSimulation { amount, phone, reference })
            }
            Command::Status { shop, receipt, wait } => {
                self.ask_and_wait(&shop, "status", &AskStatus { receipt }, &wait)
            }
            Command::Reverse { shop, receipt, amount, reason, wait } => {
                self.ask_and_wait(&shop, "reversal", &AskReversal { receipt, amount, reason }, &wait)
            }
            Command::Balance { shop, wait } => self.ask_and_wait(&shop, "balance", &(), &wait),
            Command::Qr { shop, amount, reference, out } => {
                let ask = serde_json::to_vec(&AskQr { amount, reference })?;
                let png = self.carry("POST", &path(&shop, "qr")?, ask)?;
                let written = std::fs::write(&out, png);
                let out = out.display();
                written
                    .map_err(|e| format!("{out} can not be written: {e}. Name another file with --out"))?;
                println!("{out}");
                Ok(())
            }
        }
    }

    /// Asks something that is answered at once, in a sentence.
    fn say(&self, shop: &str, what: &str, ask: &impl Serialize) -> Result<(), Failure> {
        let said: Said = self.post(&path(shop, what)?, ask)?;
        println!("{}", said.message);
        Ok(())
    }

    /// Asks something that is answered later, and waits for that.
    fn ask_and_wait(&self, shop: &str, what: &str, ask: &impl Serialize, wait: &Wait) -> Result<(), Failure> {
        let Requested { request } = self.post(&path(shop, what)?, ask)?;
        let state = path(shop, &format!("requests/{}", escaped(&request)))?;
        let begun = Instant::now();
        eprintln!("waiting for Safaricom's answer");
        loop {
            let state: RequestState = self.get(&state)?;
            if state.state != "waiting" {
                return print_answer(&state);
            }
            if begun.elapsed() >= Duration::from_secs(wait.seconds) {
                let (seconds, purpose) = (wait.seconds, state.purpose);
                return Err(format!(
                    "{purpose}: Safaricom took the question and did not answer within {seconds} s: what \
                     became of it is not known; run the same command again in a minute"
                )
                .into());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Says what became of a request; fails unless it was done.
fn print_answer(answer: &RequestState) -> Result<(), Failure> {
    let RequestState { purpose, state, words, balances } = answer;
    match state.as_str() {
        "done" => {
            println!("{purpose}: {words}");
            balances.iter().for_each(|balance| println!("{balance}"));
            Ok(())
        }
        "timed_out" => Err(format!("{purpose}: {words}").into()),
        _ => Err(format!("{purpose}: Safaricom refused: {words}").into()),
    }
}

fn path(shop: &str, what: &str) -> Result<String, Failure> {
    Ok(format!("/v1/shops/{}/{what}", ShopId::parse(shop)?))
}

/// A name of Safaricom's as a part of a path: nobody promises which characters it has.
fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => path.push(char::from(byte)),
            // Writing to a text never fails.
            _ => drop(write!(path, "%{byte:02X}")),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_safaricoms_is_one_part_of_a_path() {
        assert_eq!(escaped("1a2b-4b64_97ff.1"), "1a2b-4b64_97ff.1");
        assert_eq!(escaped("../a b?c%"), "..%2Fa%20b%3Fc%25");
    }

    #[test]
    fn only_what_was_done_ends_well() {
        let answer = |state: &str| RequestState { state: state.to_owned(), ..RequestState::default() };
        assert!(print_answer(&answer("done")).is_ok());
        for state in ["refused", "timed_out", "something new"] {
            assert!(print_answer(&answer(state)).is_err(), "{state}");
        }
    }
}
