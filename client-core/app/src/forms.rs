//! What the API shows: views of the ledger as JSON. Amounts are decimal strings, times RFC 3339, ids opaque
//! strings; phone numbers are masked.

mod payment;
mod sale;
mod status;

pub(crate) use payment::{CandidateForm, PaymentForm};
pub(crate) use sale::{DiscountForm, LineForm, NamedSale, SaleForm, TaxForm};
pub(crate) use status::StatusForm;

use crate::problem::Problem;
use domain::matching::Candidate;
use domain::{
    Actor, Cited, Discount, FactId, How, Line, Money, ReceiptCode, Return, ShopId, Source, Tender, TillId,
    Timestamp, Verification, Words,
};
use payment::HeldForm;
use sale::{AsksForm, ClaimForm, HappeningForm, PushForm, ReturnForm, ReturnedForm, SaidForm, SameTotal};
use status::{ClockForm, CountForm, MeForm, MemberForm, ProgressForm, ShopStatus, TodayForm};
use std::collections::BTreeMap;
use till::{ClaimRow, Deed, Happening, PaymentRow, PushStatus, Said, SaleRow, Till};

/// How much of what was refused a status shows.
const SET_ASIDE_SHOWN: usize = 50;

/// Looks things up that a view needs besides its row.
pub(crate) struct View<'a> {
    till: &'a Till,
    letters: BTreeMap<Actor, String>,
    names: BTreeMap<TillId, String>,
    now: Timestamp,
}

impl From<till::Progress> for ProgressForm {
    fn from(till::Progress { have, of }: till::Progress) -> Self {
        Self { have, of }
    }
}

impl<'a> View<'a> {
    pub(crate) fn of(till: &'a Till, now: Timestamp) -> Result<Self, Problem> {
        let mut names = BTreeMap::from([(till.identity().actor.till, till.identity().name.clone())]);
        for shop in till.shops()? {
            let members = till.members(&shop.id)?.into_iter();
            names.extend(members.map(|(member, _)| (member.actor.till, member.name)));
        }
        Ok(Self { till, letters: till.letters()?, names, now })
    }

    pub(crate) fn sale(&self, row: &SaleRow) -> Result<SaleForm, Problem> {
        let claims = self.till.claims(row.id)?;
        let stages = self.till.stages(row, &claims)?;
        let verifications = self.till.verifications(row, &claims, self.now)?;
        let claims = claims.iter().zip(verifications).map(|(claim, became)| self.claim(row, claim, became));
        let claims = claims.collect::<Result<_, _>>()?;
        let sold = self.till.sold(row)?;
        let returns = self.till.returns(row)?;
        Ok(SaleForm {
            id: row.id.to_string(),
            shop: row.shop.to_string(),
            reference: row.reference(&self.letters),
            at: row.at.to_string(),
            till: row.id.actor.till.to_string(),
            till_name: self.name(row.id.actor.till),
            by: row.by.clone(),
            lines: sold.lines.iter().map(LineForm::from).collect(),
            total: row.total.to_string(),
            discounts: row.discount.to_string(),
            rounding: row.rounding.to_string(),
            owed: row.owed.to_string(),
            taxes: sold.taxes().into_iter().map(TaxForm::from).collect(),
            returns: returns.iter().map(ReturnForm::from).collect(),
            tender: match row.tender {
                Tender::Cash => "cash",
                Tender::Mpesa => "mpesa",
            },
            order: row.order.clone(),
            state: row.state.name(),
            paid: row.paid.to_string(),
            due: row.due.to_string(),
            over: row.over.to_string(),
            conflict: row.conflict,
            reversed: row.reversed,
            unconfirmed: row.unconfirmed,
            trusted: row.trusted,
            reach: stages.reach.name(),
            stages: stages.into(),
            claims,
            asks: till::in_shillings(row.due).ok().map(AsksForm::from),
            push: self.till.push_status(row.id, self.now)?.map(PushForm::from),
            same_total: self.same_total(row)?,
            history: None,
            mistakable: None,
        })
    }

    /// The other open sales that owe the same, and what tells them apart.
    fn same_total(&self, row: &SaleRow) -> Result<Vec<SameTotal>, Problem> {
        let apart = |other: &SaleRow| {
            let lines = self.till.lines(other)?;
            let goods = lines.iter().map(|line| format!("{} × {}", line.quantity, line.name));
            let (sale, at) = (self.named(other.id), other.at.to_string());
            Ok(SameTotal { sale, at, by: other.by.clone(), goods: goods.collect() })
        };
        self.till.same_total(row)?.iter().map(apart).collect()
    }

    pub(crate) fn sale_with_history(&self, id: FactId) -> Result<SaleForm, Problem> {
        let row = self.till.sale(id)?;
        let history = self.till.history_of_sale(id)?.into_iter().map(|happening| self.told(happening));
        let mistakable = self.till.said_of(&row)?.into_iter().map(SaidForm::from);
        Ok(SaleForm {
            history: Some(history.collect()),
            mistakable: Some(mistakable.collect()),
            ..self.sale(&row)?
        })
    }

    fn claim(
        &self,
        sale: &SaleRow,
        claim: &ClaimRow,
        verification: Verification,
    ) -> Result<ClaimForm, Problem> {
        let holder = self.till.holder(&sale.shop, &claim.receipt)?;
        let other = holder.filter(|holder| *holder != Cited::by_name(sale.id));
        let payment = claim.payment.as_ref();
        let payer = payment.map(|payment| payment.payer.clone()).unwrap_or_default();
        Ok(ClaimForm {
            id: claim.id.to_string(),
            receipt: claim.receipt.to_string(),
            amount: payment.map(|payment| payment.amount.to_string()),
            how: till::how_name(claim.how),
            leads: claim.share.is_some() || other.is_none(),
            verified: payment.is_some(),
            verification: verification.name(),
            contradicted_by: verification.why(),
            confirmed: payment.is_some_and(|payment| payment.confirmed),
            reversed: payment.is_some_and(|payment| payment.reversed),
            disagreements: payment.map(named_disagreements).unwrap_or_default(),
            by: claim.by.clone(),
            at: claim.at.to_string(),
            payer_name: payer.name,
            payer_phone: payer.msisdn.map(|msisdn| msisdn.masked()),
            part: claim.part.map(|part| part.to_string()),
            share: claim.share.map(|share| share.to_string()),
            phone: claim.phone.map(|phone| phone.to_string()),
            approved: claim.approved.clone(),
            offline: claim.offline,
            leading_sale: other.filter(|other| other.at.is_none()).map(|other| self.named(other.id)),
        })
    }

    pub(crate) fn payment(&self, row: &PaymentRow) -> PaymentForm {
        PaymentForm {
            receipt: row.receipt.to_string(),
            shop: row.shop.to_string(),
            amount: row.amount.to_string(),
            free: row.free.to_string(),
            paid_at: row.paid_at.to_string(),
            payer_name: row.payer.name.clone(),
            payer_phone: row.payer.msisdn.as_ref().map(domain::Msisdn::masked),
            account_reference: row.account_reference.clone(),
            sources: row.sources.clone(),
            order: row.order.map(|sale| self.named(sale)),
            asked_for: row.asked_for.map(|sale| self.named(sale)),
            sale: row.sale.map(|sale| self.named(sale)),
            held: row.held_for.map(|(sale, claim)| HeldForm {
                reference: till::reference(sale.id, &self.letters),
                at: sale.at.map(|at| at.to_string()),
                claim: claim.to_string(),
            }),
            conflict: row.contested,
            disagreements: named_disagreements(row),
            confirmed: row.confirmed,
            reversed: row.reversed,
            review: row.review,
            history: None,
        }
    }

    pub(crate) fn payment_with_history(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<PaymentForm, Problem> {
        let row = self.till.payment(shop, receipt)?;
        let row = row.ok_or_else(|| Problem::not_found(&format!("there is no payment {receipt}")))?;
        let history = self.till.history_of_payment(shop, receipt)?.into_iter();
        let history = Some(history.map(|happening| self.told(happening)).collect());
        Ok(PaymentForm { history, ..self.payment(&row) })
    }

    pub(crate) fn candidate(&self, (fit, row): &(Candidate, PaymentRow)) -> CandidateForm {
        // A payment that answers a push for another sale may be picked all the same, with open eyes.
        let elsewhere = row.asked_for.filter(|asked_for| *asked_for != fit.sale);
        let elsewhere = elsewhere.map(|other| format!("asked for sale {}", self.named(other).reference));
        CandidateForm {
            receipt: row.receipt.to_string(),
            amount: row.amount.to_string(),
            free: row.free.to_string(),
            paid_at: row.paid_at.to_string(),
            payer_name: row.payer.name.clone(),
            payer_phone: row.payer.msisdn.as_ref().map(domain::Msisdn::masked),
            account_reference: row.account_reference.clone(),
            reasons: fit.reasons().into_iter().chain(elsewhere).collect(),
            in_window: fit.in_window,
            used_by: row.sale.or(row.held_for.map(|(sale, _)| sale.id)).map(|sale| self.named(sale)),
        }
    }

    pub(crate) fn status(&self) -> Result<StatusForm, Problem> {
        let (identity, status) = (self.till.identity(), self.till.status()?);
        let shops = self.till.shops()?;
        Ok(StatusForm {
            role: identity.role.name(),
            me: MeForm {
                actor: identity.actor.to_string(),
                letter: identity.letter.clone(),
                name: identity.name.clone(),
            },
            shops: shops.iter().map(|shop| self.shop_status(shop)).collect::<Result<_, _>>()?,
            online: status.online,
            syncing: self.till.catching_up().map(ProgressForm::from),
            history: self.till.history(self.now)?.map(ProgressForm::from),
            offline_since: status.offline_since.map(|at| at.to_string()),
            last_contact: status.last_contact.map(|at| at.to_string()),
            waiting: status.waiting,
            refused: status.set_aside.len(),
            set_aside: status.set_aside.into_iter().take(SET_ASIDE_SHOWN).collect(),
            notices: status.notices,
            problem: status.problem,
            day: self.till.corrected(self.now).business_day().to_string(),
            clock: status.clock.clock.map(|clock| ClockForm {
                offset_ms: clock.offset_millis,
                uncertainty_ms: clock.uncertainty_millis,
            }),
            clock_jumped_ms: status.clock.jumped_millis,
        })
    }

    fn shop_status(&self, shop: &domain::Shop) -> Result<ShopStatus, Problem> {
        let day = self.till.day(&shop.id, self.till.corrected(self.now).business_day())?;
        let members = self.till.members(&shop.id)?;
        let member = |(member, entries): (domain::Member, u64)| -> Result<MemberForm, Problem> {
            Ok(MemberForm {
                actor: member.actor.to_string(),
                role: member.role.name(),
                entries,
                last_seen: self.till.last_sale_at(&shop.id, member.actor.till)?.map(|at| at.to_string()),
                letter: member.letter,
                name: member.name,
            })
        };
        Ok(ShopStatus {
            id: shop.id.to_string(),
            name: shop.name.clone(),
            account: shop.account.kind(),
            shortcode: shop.account.shortcode().to_string(),
            today: TodayForm {
                sales: day.sales,
                total: day.total.to_string(),
                cash: day.cash.to_string(),
                mpesa: day.mpesa.to_string(),
                open: day.open,
                conflicts: day.conflicts,
                reversed: day.reversed,
                unconfirmed: day.unconfirmed,
            },
            unclaimed: CountForm { count: day.unclaimed, total: day.unclaimed_total.to_string() },
            members: members.into_iter().map(member).collect::<Result<_, _>>()?,
            licence: self.till.licence(&shop.id, self.now)?.into(),
            takes_tips: self.till.rules(&shop.id)?.0.tips,
        })
    }

    /// A line of a timeline, in words.
    fn told(&self, happening: Happening) -> HappeningForm {
        let sale = |sale: Cited| match sale.at {
            None => self.named(sale.id).reference,
            Some(at) => format!("{} of {at}, which is not here", till::reference(sale.id, &self.letters)),
        };
        let text = match happening.deed {
            Deed::Sold(Tender::Cash) => "sold for cash".to_owned(),
            Deed::Sold(Tender::Mpesa) => "sold, to be paid by M-Pesa".to_owned(),
            Deed::FormerlyCalled(name) => {
                format!("its receipt says {}: its till wrote it again", till::reference(name, &self.letters))
            }
            Deed::CashTaken(amount) => format!("cash taken: KES {amount}"),
            Deed::GivenBack(amount, reason) => format!("KES {amount} given back in cash: {reason}"),
            Deed::CameBack(amount, reason) => format!("goods worth KES {amount} came back: {reason}"),
            Deed::Tipped(amount) => format!("KES {amount} kept as a tip"),
            Deed::Undone { what, reason, .. } => match what {
                Some((said, amount)) => format!("{} of KES {amount} taken back: {reason}", said_told(said)),
                None => format!("something was taken back that is not here: {reason}"),
            },
            Deed::Trusted { reason, approved } => {
                format!("goods handed out without a payment{}: {reason}", allowed(approved.as_deref()))
            }
            Deed::AskedBack { receipt, reason } => {
                format!("Safaricom was asked to give {receipt} back: {reason}")
            }
            Deed::Printed => "receipt printed".to_owned(),
            Deed::Cancelled(reason) => format!("sale cancelled: {reason}"),
            Deed::RequestEnded { code, asked } => ended_told(&code, asked),
            Deed::Received { receipt, source } => format!("{receipt} {}", source_told(source)),
            Deed::Retracted { receipt, source, reason } => {
                format!("{receipt} ({}) was another shop's and was taken back: {reason}", source_told(source))
            }
            Deed::Reversed { receipt } => format!("{receipt} went back to the customer"),
            Deed::Claimed { receipt, sale: it, how, part, approved } => {
                let part = part.map(|part| format!("KES {part} of ")).unwrap_or_default();
                let allowed = allowed(approved.as_deref());
                format!("{part}{receipt} claimed for sale {} ({}){allowed}", sale(it), how_told(how))
            }
            Deed::Released { receipt, sale: it, reason } => {
                format!("{receipt} released from sale {}: {reason}", sale(it))
            }
        };
        HappeningForm { at: happening.at.to_string(), by: happening.by, text }
    }

    pub(crate) fn named(&self, id: FactId) -> NamedSale {
        let reference = till::reference(id, &self.letters);
        NamedSale { id: id.to_string(), reference, till_name: self.name(id.actor.till) }
    }

    /// The letter of a till in one of its lives.
    pub(crate) fn letter(&self, actor: Actor) -> &str {
        self.letters.get(&actor).map_or("?", String::as_str)
    }

    pub(crate) fn name(&self, till: TillId) -> String {
        self.names.get(&till).cloned().unwrap_or_else(|| format!("till {till}"))
    }
}

impl From<&Discount> for DiscountForm {
    fn from(discount: &Discount) -> Self {
        Self { amount: discount.amount.to_string(), reason: discount.reason.clone() }
    }
}

impl From<&Line> for LineForm {
    fn from(line: &Line) -> Self {
        Self {
            product: line.product.as_ref().map(ToString::to_string),
            name: line.name.clone(),
            quantity: line.quantity.to_string(),
            unit_price: line.unit_price.to_string(),
            amount: line.amount.to_string(),
            discount: line.discount.as_ref().map(DiscountForm::from),
            tax: line.tax.map(|tax| TaxForm::from((tax.basis_points, line.tax_amount()))),
        }
    }
}

impl From<(u16, Money)> for TaxForm {
    fn from((basis_points, amount): (u16, Money)) -> Self {
        Self { basis_points, amount: amount.to_string() }
    }
}

impl From<&Return> for ReturnForm {
    fn from(back: &Return) -> Self {
        let goods = back.goods.iter().map(|it| ReturnedForm {
            line: it.line,
            quantity: it.quantity.to_string(),
            amount: it.amount.to_string(),
        });
        let (amount, reason) = (back.amount().to_string(), back.reason.clone());
        Self { goods: goods.collect(), amount, restock: back.restock, reason }
    }
}

impl From<(Money, Money)> for AsksForm {
    fn from((amount, remains): (Money, Money)) -> Self {
        Self { amount: amount.to_string(), remains: remains.to_string() }
    }
}

impl From<PushStatus> for PushForm {
    fn from(push: PushStatus) -> Self {
        Self {
            state: push.state.name(),
            status: push.state.seed_name(),
            message: push.message,
            swahili: push.swahili,
            amount: push.amount.to_string(),
            at: push.at.to_string(),
            receipt: push.receipt.map(|receipt| receipt.to_string()),
        }
    }
}

fn named_disagreements(payment: &PaymentRow) -> Vec<&'static str> {
    payment.disagreements.iter().map(|it| it.name()).collect()
}

/// Which manager allowed it, where one had to.
fn allowed(by: Option<&str>) -> String {
    by.map(|by| format!(", allowed by {by}")).unwrap_or_default()
}

/// What was taken back as a mistake, in words.
const fn said_told(said: Said) -> &'static str {
    match said {
        Said::Cash => "the cash",
        Said::Refund => "the money given back",
        Said::Return => "the return",
        Said::Tip => "the tip",
    }
}

fn ended_told(code: &str, asked: bool) -> String {
    let words = Words::of_code(code).english;
    if asked {
        format!("Safaricom was asked: {words}")
    } else {
        format!("request on the phone ended: {words}")
    }
}

fn source_told(source: Source) -> &'static str {
    match source {
        Source::C2bConfirmation => "confirmed",
        Source::StkResult => "paid on request",
        Source::PulledRow => "listed by Safaricom",
        Source::StatusResult => "checked with Safaricom",
        Source::StatementRow => "found on the statement",
    }
}

fn how_told(how: How) -> &'static str {
    match how {
        How::StkRequest => "asked for on the phone",
        How::AccountReference => "named in the account reference",
        How::Typed => "code typed",
        How::Picked => "picked from the list",
        How::Automatic => "the only one that fits",
    }
}
