//! Goods handed out before anybody has seen the money: how much of that there is, what may still go out, and what
//! became of the claims.

use crate::rules::rules_of;
use crate::{Till, TillError, period, reason_of, shift};
use domain::standing::SaleState;
use domain::verified::{Claimed, SeenPayment, Verification, verification};
use domain::{
    Actor, FactBody, FactId, ItemId, Money, Person, PhoneEnding, ShopId, StaffRole, Timestamp, Unverified,
};
use ledger::{ClaimRow, Reader, SaleRow};
use std::collections::BTreeMap;

/// What went out at this till on codes whose payments nobody has seen, and on customers' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// In the shift that goes on.
    pub shift: Money,
    /// What a shift may have; `None` where there is no limit.
    pub shift_limit: Option<Money>,
    /// In all shifts.
    pub till: Money,
    /// What a till may have.
    pub till_limit: Option<Money>,
}

impl std::fmt::Display for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unverified M-Pesa this shift {}", self.shift)?;
        self.shift_limit.map_or(Ok(()), |limit| write!(f, " of {limit}"))
    }
}

impl Till {
    /// How much of what this till handed out nobody has seen the money of.
    ///
    /// # Errors
    /// This is head office, or the ledger can not be read.
    pub fn unverified(&self) -> Result<Gauge, TillError> {
        let shop = self.drawer_shop()?;
        self.beside(|ledger| {
            let (all, limits) = (unverified(ledger, shop)?, rules_of(ledger, shop)?.0.unverified);
            let sum = |keep: &dyn Fn(&Unverified) -> bool| {
                all.iter().filter(|it| keep(it)).map(|it| it.amount).sum()
            };
            Ok(Gauge {
                shift: sum(&|it| it.in_shift),
                shift_limit: limits.per_shift,
                till: sum(&|it| it.here),
                till_limit: limits.per_till,
            })
        })
    }

    /// Hands out the goods of a sale though no payment was found for it. The sale stays due.
    ///
    /// # Errors
    /// Nothing is due, no reason, its period is closed, a limit would be passed and no manager allowed it, or nothing
    /// was recorded.
    pub fn trust(
        &self,
        sale: FactId,
        reason: &str,
        approved: Option<Person>,
        (by, now): (&Person, Timestamp),
    ) -> Result<SaleRow, TillError> {
        let reason = reason_of(reason)?;
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        if matches!(found.state, SaleState::Paid | SaleState::Voided) {
            return Err(TillError::Refused("nothing is due on this sale".to_owned()));
        }
        period::is_open(&ledger, &found)?;
        if approved.is_none() {
            within_limits(&ledger, &found, None, None)?;
        }
        let trusted = FactBody::Trusted { sale: found.cited(), reason, approved };
        self.write(&mut ledger, &found.shop, (by, now), trusted, None)?;
        Ok(ledger.sale(sale)?)
    }

    /// The manager whose PIN this is.
    ///
    /// # Errors
    /// It is not theirs, they are no manager, or too many were tried.
    pub fn manager(
        &self,
        shop: &ShopId,
        staff: &ItemId,
        pin: &str,
        now: Timestamp,
    ) -> Result<Person, TillError> {
        let found = self.check_pin(shop, staff, pin, now)?;
        match found.role {
            StaffRole::Manager => Ok(found.name),
            StaffRole::Cashier => Err(TillError::Refused("only a manager can allow this".to_owned())),
        }
    }

    /// What became of the claims of a sale, as far as is known here, in their order.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn verifications(
        &self,
        sale: &SaleRow,
        claims: &[ClaimRow],
        now: Timestamp,
    ) -> Result<Vec<Verification>, TillError> {
        let now = self.corrected(now);
        self.read(|ledger| {
            let (rules, _) = rules_of(ledger, &sale.shop)?;
            let pulled = ledger.pulled_until(&sale.shop)?;
            let it = domain::Cited::by_name(sale.id);
            let verify = |row: &ClaimRow| {
                let (verdict, _) = ledger.verdict(&sale.shop, &row.receipt)?;
                let payment = row.payment.as_ref();
                let claim = Claimed {
                    at: row.at,
                    has_it: verdict.shares.contains_key(&it),
                    due: sale.due,
                    seen: payment.map(|payment| SeenPayment {
                        amount: payment.amount,
                        since: payment.received_at,
                        reversed: payment.reversed,
                    }),
                    elsewhere: payment.is_none() && ledger.paid_elsewhere(&sale.shop, &row.receipt)?,
                };
                Ok(verification(&claim, &rules, pulled, now))
            };
            claims.iter().map(verify).collect()
        })
    }
}

/// Whether so much more may go out on a code whose payment nobody has seen, or on the customer's word. Head office
/// hands out nothing.
///
/// # Errors
/// A limit would be passed, or the ledger can not be read.
pub(crate) fn within_limits(
    ledger: &Reader,
    sale: &SaleRow,
    part: Option<Money>,
    phone: Option<PhoneEnding>,
) -> Result<(), TillError> {
    let all = unverified(ledger, &sale.shop)?;
    let before = all.iter().find(|it| it.sale == sale.id);
    let amount = part.map_or(sale.due, |part| part + before.map_or(Money::ZERO, |it| it.amount));
    let phones = before.map(|it| it.phones.clone()).unwrap_or_default().into_iter().chain(phone);
    let (amount, phones) = (amount.min(sale.due), phones.collect());
    let new = Unverified { sale: sale.id, amount, phones, here: true, in_shift: true };
    let (rules, _) = rules_of(ledger, &sale.shop)?;
    rules.unverified.passed_by(&new, &all).map_or(Ok(()), |over| Err(TillError::OverLimit(Box::new(over))))
}

/// The sales of a shop whose money nobody has seen, each once.
fn unverified(ledger: &Reader, shop: &ShopId) -> Result<Vec<Unverified>, TillError> {
    let (own, spans) = (ledger.writer(shop)?.till, shift::spans(ledger, shop)?);
    let mut sales: BTreeMap<FactId, Unverified> = BTreeMap::new();
    for row in ledger.unverified(shop)? {
        let Actor { till, .. } = row.said.actor;
        let new = Unverified {
            sale: row.sale,
            amount: Money::ZERO,
            phones: std::collections::BTreeSet::new(),
            here: false,
            in_shift: false,
        };
        let it = sales.entry(row.sale).or_insert(new);
        // Goods go out once, however many codes were given for them; of parts, so much of them.
        it.amount = (it.amount + row.amount).min(row.due);
        it.phones.extend(row.phone);
        it.here |= till == own;
        it.in_shift |= spans.iter().any(|span| span.holds(row.said));
    }
    Ok(sales.into_values().collect())
}
