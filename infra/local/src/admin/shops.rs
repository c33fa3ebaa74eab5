//! Shops: opened, changed and listed, and the tokens in their callback addresses.

use super::Administrator;
use crate::Failure;
use clap::{Args, Subcommand};
use replica::wire::json::ShopForm;
use service::office::{OpenedShop, TokenForm};

/// What takes an option away again.
const NONE: &str = "none";

/// A shop, and what to change about it.
#[derive(Args, Default)]
pub(super) struct Changes {
    /// Its id: a-z, 0-9 and -.
    id: String,
    /// Its name, as receipts show it.
    #[arg(long)]
    name: Option<String>,
    /// How customers pay: `till` or `paybill`.
    #[arg(long, value_parser = ["till", "paybill"])]
    account: Option<String>,
    /// The number customers pay to.
    #[arg(long)]
    shortcode: Option<String>,
    /// The number it went live with, where that differs: a till's store number; `none` takes it away.
    #[arg(long)]
    store_number: Option<String>,
    /// The head-office number above it; `none` takes it away.
    #[arg(long)]
    head_office: Option<String>,
    /// Which payments are refused when Safaricom asks: none, those whose account number names no open
    /// sale, or those whose amount no open sale owes.
    #[arg(long, value_parser = ["accept_all", "references", "amounts"])]
    validation: Option<String>,
    /// From which amount on goods wait for a second source, like 20000.00; `none`: a callback suffices.
    #[arg(long, value_name = "AMOUNT")]
    second_source_from: Option<String>,
    /// From which amount on a payment is shown to be looked at; `none`: the usual 100000.00.
    #[arg(long, value_name = "AMOUNT")]
    review_from: Option<String>,
}

/// What to do with a shop's callback tokens.
#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a new one. The one before stays good until it is retired.
    Rotate {
        /// The shop.
        shop: String,
    },
    /// End all but the newest.
    Retire {
        /// The shop.
        shop: String,
    },
}

impl Changes {
    /// Whether nothing was named.
    fn are_none(&self) -> bool {
        let Self { id: _, name, account, shortcode, store_number, head_office, .. } = self;
        let numbers = [name, account, shortcode, store_number, head_office];
        let rules = [&self.validation, &self.second_source_from, &self.review_from];
        numbers.into_iter().chain(rules).all(Option::is_none)
    }

    /// The shop as it shall be: what is not named stays as it is.
    fn over(self, present: Option<ShopForm>) -> Result<ShopForm, Failure> {
        let new = present.is_none();
        let kept = present.unwrap_or_default();
        let need = |typed: Option<String>, kept: String| match typed {
            None if new => {
                Err("this shop is not open yet: give --name, --account and --shortcode to open it")
            }
            typed => Ok(typed.unwrap_or(kept)),
        };
        Ok(ShopForm {
            id: self.id,
            name: need(self.name, kept.name)?,
            account: need(self.account, kept.account)?,
            shortcode: need(self.shortcode, kept.shortcode)?,
            store_number: choose(self.store_number, kept.store_number),
            head_office: choose(self.head_office, kept.head_office),
            validation: choose(self.validation, kept.validation),
            second_source_from: choose(self.second_source_from, kept.second_source_from),
            review_from: choose(self.review_from, kept.review_from),
            ..ShopForm::default()
        })
    }
}

/// What was typed, unless nothing was.
fn choose(typed: Option<String>, kept: Option<String>) -> Option<String> {
    match typed {
        Some(typed) if typed == NONE => None,
        Some(typed) => Some(typed),
        None => kept,
    }
}

impl Administrator {
    pub(super) fn change_shop(&self, changes: Changes) -> Result<(), Failure> {
        let present = self.shop(&changes.id)?;
        let is_new = present.is_none();
        let opened = match present {
            Some(opened) if changes.are_none() => opened,
            present => self.open_shop(&changes.over(present.map(|opened| opened.shop))?)?,
        };
        println!("{}", line(&opened.shop));
        if is_new {
            println!("shop {} is open; register these with Safaricom:", opened.shop.id);
        } else {
            eprintln!("tills learn what a shop chose within five minutes; its addresses are as they were");
        }
        print_urls(&opened);
        Ok(())
    }

    pub(super) fn print_shops(&self) -> Result<(), Failure> {
        for opened in self.shops()? {
            println!("{}", line(&opened.shop));
        }
        Ok(())
    }

    pub(super) fn change_token(&self, token: &Token) -> Result<(), Failure> {
        let (shop, what) = match token {
            Token::Rotate { shop } => (shop, "rotate"),
            Token::Retire { shop } => (shop, "retire"),
        };
        let form = TokenForm { shop: shop.clone(), what: what.to_owned() };
        let opened: OpenedShop = self.post("/v1/admin/tokens", &form)?;
        print_urls(&opened);
        if what == "rotate" {
            eprintln!(
                "the old addresses stay good: register these (`leja admin register {shop}`; in production \
                 delete the old ones first, in Safaricom's portal under Self Services, URL Management), see \
                 a payment come in, then run `leja admin token retire {shop}`"
            );
        } else {
            eprintln!("the old addresses lead nowhere any more");
        }
        Ok(())
    }
}

fn print_urls(opened: &OpenedShop) {
    println!("confirmation  {}", opened.confirmation_url);
    println!("validation    {}", opened.validation_url);
}

/// A shop in one line.
fn line(shop: &ShopForm) -> String {
    let ShopForm { id, name, account, shortcode, .. } = shop;
    let mut line = format!("{id:<20}  {account:<7}  {shortcode:<10}  {name}");
    let chosen = [
        ("store", &shop.store_number),
        ("head office", &shop.head_office),
        ("validation", &shop.validation),
        ("second source from", &shop.second_source_from),
        ("review from", &shop.review_from),
    ];
    for (what, value) in chosen {
        if let Some(value) = value {
            line.push_str(&format!("; {what} {value}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn duka() -> ShopForm {
        ShopForm {
            id: "duka".to_owned(),
            name: "Duka".to_owned(),
            account: "till".to_owned(),
            shortcode: "123456".to_owned(),
            store_number: some("7000123"),
            head_office: some("600100"),
            validation: some("amounts"),
            second_source_from: some("20000.00"),
            review_from: some("50000.00"),
            ..ShopForm::default()
        }
    }

    #[test]
    fn what_is_not_named_stays_as_it_was_chosen() {
        let id = "duka".to_owned();
        let renamed = Changes { id: id.clone(), name: some("Duka la Mjini"), ..Changes::default() };
        let expected = ShopForm { name: "Duka la Mjini".to_owned(), ..duka() };
        assert_eq!(renamed.over(Some(duka())).unwrap(), expected);
        let without = Changes { id, second_source_from: some("none"), ..Changes::default() };
        let expected = ShopForm { second_source_from: None, ..duka() };
        assert_eq!(without.over(Some(duka())).unwrap(), expected);
    }

    #[test]
    fn a_shop_that_is_not_open_yet_needs_its_name_and_number() {
        let named = Changes { id: "duka".to_owned(), name: some("Duka"), ..Changes::default() };
        assert!(named.over(None).unwrap_err().to_string().contains("--shortcode"));
    }

    #[test]
    fn a_shop_is_one_line_with_all_it_chose() {
        let said = "duka                  till     123456      Duka; store 7000123; head office 600100; \
                    validation amounts; second source from 20000.00; review from 50000.00";
        assert_eq!(line(&duka()), said);
    }
}
