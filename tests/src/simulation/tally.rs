//! What really happened in a run: a kind of trouble that never comes about proves nothing.

use std::collections::BTreeMap;

/// Things that have to come about now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A line was cheaper.
    CheaperLine,
    /// A whole sale was cheaper.
    CheaperSale,
    /// A tax was within the price.
    TaxWithin,
    /// A tax came on top.
    TaxOnTop,
    /// A cash sale was rounded to coins.
    SaleInCoins,
    /// What was taken for a sale was rounded to coins.
    CashInCoins,
    /// What went back was rounded to coins.
    RefundInCoins,
    /// A tip was kept.
    Tip,
    /// A shop that takes no tips took none.
    TipRefused,
    /// What was over stayed on its payment.
    Credit,
    /// Another sale had a part of such a payment later.
    CreditUsed,
    /// Cash that was taken by mistake counted no more.
    CashUndone,
    /// Cash that went back by mistake counted no more.
    RefundUndone,
    /// Goods had not come back after all.
    ReturnUndone,
    /// A tip was none.
    TipUndone,
    /// Books were closed up to an earlier day than before, or up to one long ago.
    BooksReopened,
    /// Safaricom was asked to give a payment back.
    AskedBack,
    /// It did not.
    BackRefused,
    /// It did, and said so.
    WentBack,
    /// It gave a payment back, and told nobody.
    WentBackUntold,
    /// Somebody found in Safaricom's statement that a payment had gone back.
    FoundInStatement,
    /// A shop sold on after its licence had run out.
    SoldInGrace,
    /// A shop sold nothing because its licence and its days of grace were over.
    Unlicensed,
    /// Meanwhile it finished, cancelled or counted something.
    FinishedUnlicensed,
    /// It paid, and sold again.
    LicenceRenewed,
    /// It paid less than a licence costs, or more.
    LicencePaidInPart,
    /// A part of a payment was typed that is not all that is due.
    PartTyped,
    /// Goods came back broken.
    Broken,
    /// Goods of another till's sale came back.
    ReturnedElsewhere,
    /// A claim was above a limit, and nobody allowed it.
    OverLimit,
    /// A manager allowed a claim above a limit.
    ClaimAllowed,
    /// Goods on a customer's word were above a limit, and nobody allowed them.
    TrustRefused,
}

impl Thing {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::CheaperLine,
        Self::CheaperSale,
        Self::TaxWithin,
        Self::TaxOnTop,
        Self::SaleInCoins,
        Self::CashInCoins,
        Self::RefundInCoins,
        Self::Tip,
        Self::TipRefused,
        Self::Credit,
        Self::CreditUsed,
        Self::CashUndone,
        Self::RefundUndone,
        Self::ReturnUndone,
        Self::TipUndone,
        Self::BooksReopened,
        Self::AskedBack,
        Self::BackRefused,
        Self::WentBack,
        Self::WentBackUntold,
        Self::FoundInStatement,
        Self::SoldInGrace,
        Self::Unlicensed,
        Self::FinishedUnlicensed,
        Self::LicenceRenewed,
        Self::LicencePaidInPart,
        Self::PartTyped,
        Self::Broken,
        Self::ReturnedElsewhere,
        Self::OverLimit,
        Self::ClaimAllowed,
        Self::TrustRefused,
    ];
}

/// How often each thing came about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Thing, u64>);

impl Tally {
    /// It came about, if it did.
    pub fn count_if(&mut self, is_so: bool, thing: Thing) {
        self.count(thing, u64::from(is_so));
    }

    /// It came about so often.
    pub fn count(&mut self, thing: Thing, times: u64) {
        *self.0.entry(thing).or_default() += times;
    }

    /// With another run's.
    pub fn add(&mut self, other: &Self) {
        for (thing, count) in &other.0 {
            self.count(*thing, *count);
        }
    }

    /// How often it came about.
    pub fn of(&self, thing: Thing) -> u64 {
        self.0.get(&thing).copied().unwrap_or(0)
    }
}

/// `Tip 12, Credit 3`.
impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: Vec<String> =
            Thing::ALL.iter().map(|thing| format!("{thing:?} {}", self.of(*thing))).collect();
        f.write_str(&counts.join(", "))
    }
}
