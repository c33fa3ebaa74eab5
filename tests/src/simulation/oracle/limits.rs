//! How much a till handed out on payments that nobody has seen: reckoned a second time, from the facts that are at it.

use super::Facts;
use crate::simulation::customs::{Customs, Unseen};
use crate::simulation::desk::Desk;
use domain::standing::SaleState;
use domain::{Actor, Cited, FactBody, FactId, Money, PhoneEnding, ShopId};
use std::collections::{BTreeMap, BTreeSet};
use till::{SaleFilter, SaleRow, TillError};

/// Goods of one sale that went out before anybody saw the money.
#[derive(Debug, Default)]
struct Out {
    amount: Money,
    phones: BTreeSet<PhoneEnding>,
    here: bool,
    in_shift: bool,
}

/// What somebody wants to hand out: on a sale, for how much where not for all of it, to whom.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The sale.
    pub sale: FactId,
    /// How much of it; all that is due where nothing is said.
    pub part: Option<Money>,
    /// How the customer's number ends.
    pub phone: Option<PhoneEnding>,
}

impl Customs {
    /// Which limit what went out at a till has passed, for this sale and all that is summed up with it.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn passed(&self, desk: &Desk, shop: &ShopId, sale: FactId) -> Result<Option<String>, TillError> {
        let (_, out) = out(desk, shop)?;
        let Some(new) = out.get(&sale) else { return Ok(None) };
        Ok(self.limits.passed(new, out.values()))
    }

    /// Whether a till was too strict: with this much more no limit would have been passed, however one counts.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn allow(&self, desk: &Desk, shop: &ShopId, asked: Asked) -> Result<bool, TillError> {
        let (sales, mut out) = out(desk, shop)?;
        let Some(row) = sales.get(&asked.sale) else { return Ok(false) };
        // Which of them were in this shift nobody has to know here: all of the till's count.
        out.values_mut().for_each(|it| it.in_shift = it.here);
        let before = out.remove(&asked.sale).unwrap_or_default();
        let amount = asked.part.map_or(row.due, |part| (part + before.amount).min(row.due));
        let phones = before.phones.into_iter().chain(asked.phone).collect();
        let new = Out { amount, phones, here: true, in_shift: true };
        Ok(self.limits.passed(&new, out.values().chain([&new])).is_none())
    }
}

impl Unseen {
    fn passed<'a>(&self, new: &Out, all: impl Iterator<Item = &'a Out>) -> Option<String> {
        let all: Vec<&Out> = all.collect();
        let sum = |is_in: &dyn Fn(&Out) -> bool| -> Money {
            all.iter().filter(|it| is_in(it)).map(|it| it.amount).sum()
        };
        let above = |what: &str, sum: Money, limit: Option<Money>| {
            let limit = limit.filter(|limit| sum > *limit)?;
            Some(format!("{sum} {what}, and the limit is {limit}"))
        };
        let of_phone =
            |ending: &PhoneEnding| above("for one number", sum(&|it| it.phones.contains(ending)), self.phone);
        above("for one sale", new.amount, self.sale)
            .or_else(|| new.phones.iter().find_map(of_phone))
            .or_else(|| above("in a shift", sum(&|it| it.in_shift), self.shift))
            .or_else(|| above("at a till", sum(&|it| it.here), self.till))
    }
}

/// The sales that are here, and what of them went out.
type Seen = (BTreeMap<FactId, SaleRow>, BTreeMap<FactId, Out>);

fn out(desk: &Desk, shop: &ShopId) -> Result<Seen, TillError> {
    let (till, facts) = (desk.till(), Facts::of(desk.facts(shop)?));
    let sales = till.sales(shop, SaleFilter::All, None, 100_000)?.into_iter();
    let sales: BTreeMap<FactId, SaleRow> = sales.map(|row| (row.id, row)).collect();
    let (own, released) = (till.identity().actor, released(&facts));
    let begun = shift_began(&facts, own);
    let mut all: BTreeMap<FactId, Out> = BTreeMap::new();
    for fact in facts.all() {
        let (sale, wanted, phone) = match &fact.body {
            FactBody::Claim(claim) => {
                let unseen = till.payment(shop, &claim.receipt)?.is_none();
                if !unseen || released.contains(&fact.id) {
                    continue;
                }
                (claim.sale, claim.part, claim.phone)
            }
            FactBody::Trusted { sale, .. } => (*sale, None, None),
            _ => continue,
        };
        let Some(row) = facts.meant(sale).and_then(|sale| sales.get(&sale)) else { continue };
        let trusted = matches!(fact.body, FactBody::Trusted { .. });
        let counts = if trusted { row.due > Money::ZERO } else { row.state == SaleState::Claimed };
        if !counts || row.state == SaleState::Voided {
            continue;
        }
        let out = all.entry(row.id).or_default();
        out.amount = out.amount.max(wanted.map_or(row.due, |part| part.min(row.due)));
        out.phones.extend(phone);
        out.here |= fact.id.actor.till == own.till;
        out.in_shift |= fact.id.actor == own && fact.id.number > begun;
    }
    Ok((sales, all))
}

fn released(facts: &Facts) -> BTreeSet<FactId> {
    let claim = |body: &FactBody| match body {
        FactBody::Release { claim, .. } => Some(*claim),
        _ => None,
    };
    let cited = facts.all().filter_map(|fact| claim(&fact.body));
    cited.filter_map(|cited: Cited| facts.meant(cited)).collect()
}

/// After which of its entries a till's shift began.
fn shift_began(facts: &Facts, own: Actor) -> u64 {
    let mine = || facts.all().filter(|fact| fact.id.actor == own);
    let closed =
        mine().filter(|fact| matches!(fact.body, FactBody::ShiftClosed(_))).map(|fact| fact.id.number);
    let mut opened = mine().filter(|fact| matches!(fact.body, FactBody::ShiftOpened { .. }));
    closed.max().or_else(|| opened.next().map(|fact| fact.id.number)).unwrap_or(0)
}
