//! What somebody does now, if there is anything to do it with.

use super::Run;
use crate::simulation::plan::{Event, Kind};
use crate::simulation::trade::{Claiming, Deal, latest_sale, open_sale};
use domain::{FactId, How, Money, Msisdn, PhoneEnding, Quantity, ReceiptCode, ShopId, Tender};
use fastrand::Rng;

/// What people do at head office.
const AT_OFFICE: [Kind; 10] = [
    Kind::Undo,
    Kind::Release,
    Kind::Pick,
    Kind::Edit,
    Kind::Void,
    Kind::Goods,
    Kind::Count,
    Kind::Sync,
    Kind::TakeBack,
    Kind::ClosePeriod,
];
/// What people do when the power goes.
const CUT: [Kind; 18] = [
    Kind::Undo,
    Kind::GiveBack,
    Kind::TakeBack,
    Kind::Drawer,
    Kind::Share,
    Kind::CashSale,
    Kind::CashSale,
    Kind::MpesaSale,
    Kind::Pick,
    Kind::Release,
    Kind::TakeCash,
    Kind::Edit,
    Kind::Print,
    Kind::Goods,
    Kind::Count,
    Kind::Sync,
    Kind::Tip,
    Kind::Credit,
];

impl Run {
    /// What somebody does now, if there is anything to do it with.
    pub(super) fn deal(&self, event: &Event, desk: usize, random: &mut Rng) -> Option<Deal> {
        let kind = match event.kind {
            Kind::PowerCut => *random.choice(&CUT).unwrap(),
            Kind::Office => *random.choice(&AT_OFFICE).unwrap(),
            kind => kind,
        };
        let shop = self.shop_of(event.who);
        let sale = |random: &mut Rng| open_sale(&self.oracle, &shop, random);
        let reason = format!("reason {}", event.index);
        Some(match kind {
            Kind::CashSale => Deal::sale(random, Tender::Cash),
            Kind::MpesaSale => Deal::sale(random, Tender::Mpesa),
            Kind::TakeCash => Deal::TakeCash(sale(random)?, *random.choice(&[100, 100, 30, 60])?),
            Kind::GiveBack => {
                let over = random.choice(self.over(desk, &shop))?;
                Deal::GiveBack(over, *random.choice(&[100, 100, 40])?, reason)
            }
            Kind::Tip => Deal::Tip(random.choice(self.over(desk, &shop))?, *random.choice(&[100, 100, 40])?),
            Kind::Credit => Deal::LeaveCredit(random.choice(self.over(desk, &shop))?),
            Kind::Undo => {
                let till = self.town.desks[desk].till();
                let rows = till.sales(&shop, till::SaleFilter::All, None, 12).ok()?;
                let said = rows.iter().filter_map(|row| Some((row.id, till.said_of(row).ok()?)));
                let (sale, said) =
                    random.choice(said.filter(|(_, said)| !said.is_empty()).collect::<Vec<_>>())?;
                let what = if random.bool() { random.choice(said).map(|it| it.id) } else { None };
                Deal::Undo(sale, what, reason)
            }
            Kind::AskBack => {
                // A till tells head office which.
                let paid = self.town.desks[event.who].till().payments(&shop, false, 30).ok()?;
                let row = random.choice(paid)?;
                // Safaricom gives back the whole of a payment, or nothing.
                let less = Money::from_cents(if random.u8(..6) == 0 { 100 } else { 0 });
                Deal::AskBack(shop, row.receipt, row.amount - less, reason)
            }
            Kind::TakeBack => {
                let sold = latest_sale(&self.oracle, &shop, random)?;
                let lines = random.usize(1..=self.oracle.sales[&sold].sale.lines.len().max(1));
                let quantity = if random.u8(..4) == 0 { 250 } else { 1000 };
                let quantity = Quantity::from_milli(quantity).ok()?;
                Deal::TakeBack(sold, vec![quantity; lines], random.bool(), reason)
            }
            Kind::Drawer => {
                let cents = |random: &mut Rng| Money::from_cents(random.i64(0..1_000_000));
                Deal::Drawer(cents(random), cents(random))
            }
            Kind::Trust => Deal::Trust(sale(random)?, random.bool(), reason),
            Kind::MoveCash => Deal::MoveCash(Money::from_cents(random.i64(-100_000..100_001)), reason),
            Kind::ClosePeriod => Deal::ClosePeriod(shop, *random.choice(&[1, 1, 1, 3])?, reason),
            Kind::Void => Deal::Void(sale(random)?, reason),
            Kind::Edit => Deal::edit(random, &shop, event.index),
            Kind::Print => Deal::Print(latest_sale(&self.oracle, &shop, random)?),
            Kind::Goods => Deal::goods(random, &shop),
            Kind::Count => Deal::count(random, &shop),
            Kind::Sync => Deal::Sync,
            Kind::Prompt => {
                let phone = Msisdn::parse_phone(&format!("07123456{:02}", random.u8(..100))).ok()?;
                Deal::Prompt(sale(random)?, phone)
            }
            Kind::Type | Kind::ShowTwice | Kind::Share | Kind::Invent | Kind::Pick => {
                Deal::Claim(self.claiming(kind, event.index, (desk, &shop), random)?)
            }
            Kind::Release => {
                let claims = self.town.desks[desk].till().claims(sale(random)?).ok()?;
                Deal::Release(random.choice(claims)?.id, reason)
            }
            _ => return None,
        })
    }

    fn claiming(
        &self,
        kind: Kind,
        place: usize,
        (desk, shop): (usize, &ShopId),
        random: &mut Rng,
    ) -> Option<Claiming> {
        let sale = |random: &mut Rng| open_sale(&self.oracle, shop, random);
        let (mut how, mut part) = (How::Typed, [None, None, Some(100), Some(40)][random.usize(..4)]);
        let (sale, receipt) = match kind {
            Kind::Type | Kind::ShowTwice => self.shown(shop, kind == Kind::ShowTwice, random)?,
            Kind::Share => {
                // Somebody pays for two sales at once.
                let paid = self.oracle.shown.iter().rev().filter(|(of, ..)| of == shop).take(6);
                let paid = paid.map(|(_, receipt, _)| receipt);
                // Or has something left on a payment from before.
                let left = |of: &FactId| self.oracle.sales.get(of).is_some_and(|made| made.shop == *shop);
                let credits = self.credits.iter().filter(|(_, of)| left(of)).map(|(receipt, _)| receipt);
                let credits: Vec<&ReceiptCode> = credits.collect();
                let paid = if credits.is_empty() || random.bool() { paid.collect() } else { credits };
                part = Some(*random.choice(&[100, 60])?);
                (sale(random)?, random.choice(paid)?.clone())
            }
            // A code that nobody paid, or with a slip of the finger.
            Kind::Invent => (sale(random)?, ReceiptCode::parse(&format!("UXX{place:07}")).ok()?),
            _ => {
                let sale = sale(random)?;
                let candidates = self.town.desks[desk].till().candidates(sale).ok()?;
                (how, part) = (How::Picked, None);
                (sale, random.choice(candidates)?.0.receipt)
            }
        };
        let ending = |random: &mut Rng| PhoneEnding::parse(&format!("12{}", random.u8(..2))).ok();
        let phone = if random.bool() { ending(random) } else { None };
        let (manager, despite) = (random.u8(..3) > 0, random.bool());
        Some(Claiming { sale, receipt, how, part, phone, manager, despite })
    }

    /// The sales for which something has to go back, as this desk knows it.
    fn over(&self, desk: usize, shop: &ShopId) -> Vec<FactId> {
        let rows = self.town.desks[desk].till().sales(shop, till::SaleFilter::Over, None, 1_000);
        rows.unwrap_or_default().into_iter().map(|row| row.id).collect()
    }

    /// A code that a customer shows for a sale: the one that was paid for it, or another's.
    pub(super) fn shown(
        &self,
        shop: &ShopId,
        another: bool,
        random: &mut Rng,
    ) -> Option<(FactId, ReceiptCode)> {
        let is_there = |sale: &Option<FactId>| sale.is_none_or(|sale| self.oracle.sales.contains_key(&sale));
        let own = self.oracle.shown.iter().filter(|(paid, _, sale)| paid == shop && is_there(sale));
        let latest: Vec<_> = own.rev().take(6).collect();
        let (_, receipt, sale) = random.choice(latest)?;
        let sale = if another { open_sale(&self.oracle, shop, random) } else { *sale };
        Some((sale?, receipt.clone()))
    }
}
