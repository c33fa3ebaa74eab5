//! What happens outside the shops: customers pay, Safaricom has its troubles, the cloud sweeps, strangers post,
//! and an enrolled till lies.

use super::Run;
use crate::simulation::plan::Event;
use crate::simulation::tally::Thing;
use crate::simulation::trade::open_sale;
use daraja::outbound::{Initiator, ResultUrls, Reversal, SecurityCredential};
use domain::{FactId, ReceiptCode, ShopId, ShortCode};
use fastrand::Rng;
use local::safaricom::{Fault, Faults, Habit, Pay};
use service::Safaricom;

impl Run {
    pub(super) fn pay(&mut self, event: &Event, random: &mut Rng) -> String {
        let shop_id = self.shop_of(event.who);
        let shop = self.town.shops.iter().find(|shop| shop.id == shop_id).unwrap();
        let sale = open_sale(&self.oracle, &shop_id, random);
        let total = sale.map(|sale| self.oracle.sales[&sale].sale.total);
        let another =
            open_sale(&self.oracle, &shop_id, random).map(|sale| self.oracle.sales[&sale].sale.total);
        let amount = match (total, random.u8(..16)) {
            (Some(total), 0..9) => total,
            (Some(_), 9) => domain::Money::from_cents(5_000),
            // In two parts, or for two sales at once.
            (Some(total), 10 | 11) => domain::Money::from_cents((total.cents() / 200).max(1) * 100),
            (Some(total), 12) => total + another.unwrap_or_default(),
            // Somebody leaves something, or has no smaller sum.
            (Some(total), 14 | 15) => total + domain::Money::from_cents(100 * random.i64(1..200)),
            _ => domain::Money::from_cents(100 * random.i64(50..900)),
        };
        let letters = self.town.desks[event.who].till().letters().unwrap_or_default();
        let named = |sale: FactId| {
            let row = self.town.desks[event.who].till().sale(sale).ok()?;
            Some(row.reference(&letters))
        };
        let reference = if shop.paybill && random.bool() { sale.and_then(named) } else { None };
        let does = match random.u8(..20) {
            0 => Some(Habit::PaysTwice),
            1 => Some(Habit::PaysLate),
            2 => Some(Habit::WrongAccount),
            _ => None,
        };
        let phone = Some(format!("2547{:08}", random.u32(..100_000_000)));
        let pay = Pay {
            shortcode: shop.number.into(),
            amount: amount.to_string(),
            phone,
            name: None,
            reference,
            does,
        };
        let paid = self.town.world.wait(self.town.safaricom.pay(&pay));
        let receipt = paid.ok().and_then(|paid| paid.receipt);
        if let Some(receipt) = &receipt {
            self.oracle.shown.push((shop_id.clone(), ReceiptCode::parse(receipt).unwrap(), sale));
        }
        format!("{amount} to {shop_id} for {sale:?}: {receipt:?}")
    }

    /// Somebody in Safaricom's portal gives a payment back: nobody here is told.
    pub(super) fn goes_back(&mut self, who: usize, random: &mut Rng) -> String {
        let shop_id = self.shop_of(who);
        let shop = self.town.shops.iter().find(|shop| shop.id == shop_id).unwrap();
        let paid = self.town.safaricom.transactions(shop.number).into_iter();
        let paid: Vec<_> = paid.filter(|entry| entry.kind.is_payment()).rev().take(10).collect();
        let Some(entry) = random.choice(paid) else { return "nothing was paid".to_owned() };
        let receipt = ReceiptCode::parse(&entry.receipt).unwrap();
        let (number, portal) = (ShortCode::parse(shop.number).unwrap(), "https://portal.example.com");
        let initiator = Initiator::new("portal", SecurityCredential::from_sealed("c2VhbGVk"));
        let urls = ResultUrls::new(&format!("{portal}/result"), &format!("{portal}/timeout"));
        let back = Reversal::new(&initiator, &number, (&receipt, entry.amount), &urls, "a mistake");
        let asked = self.town.world.wait(self.town.world.safaricom.call(&back));
        self.town.world.pass(1);
        self.town.world.wait(self.town.safaricom.run_due());
        self.tally.count_if(asked.is_ok(), Thing::WentBackUntold);
        format!("{receipt} of {shop_id}: {}", if asked.is_ok() { "done" } else { "no answer" })
    }

    pub(super) fn trouble_safaricom(&self, random: &mut Rng) -> String {
        let mut faults = Faults::default();
        let all = [
            Fault::ConfirmationLost,
            Fault::CallbackLost,
            Fault::StkResultLost,
            Fault::CallbackDoubled,
            Fault::CallbackDelayed,
            Fault::CallbackReordered,
            Fault::LateSuccess,
            Fault::StkAfterC2b,
            Fault::RoleMissing,
            Fault::QueueTimeOut,
            Fault::AnswerSilent,
            Fault::PullEmpty500,
        ];
        for fault in all {
            faults = faults.with(fault, if random.bool() { 0 } else { random.u8(..60) });
        }
        let told = format!("{faults:?}");
        self.town.safaricom.set_faults(faults);
        told
    }

    pub(super) fn sweep(&self) -> Vec<String> {
        self.town.world.wait(self.town.world.sweep.run()).failed
    }

    /// Something that is no callback, or a payment to a number that nobody has.
    pub(super) fn stray(&mut self, random: &mut Rng, place: usize) -> String {
        let now = self.town.world.now();
        let body = match random.u8(..3) {
            0 => format!("this is no payment {place}"),
            1 => format!("{{\"TransID\": {place}}}"),
            _ => crate::world::confirmation(&format!("UXX{place}STRAY"), "999999", "77.00", "", now),
        };
        let (status, _) = self.town.world.post("/mpesa/callback", &body);
        if status == 200 {
            self.oracle.strays.push(body.into_bytes());
        }
        status.to_string()
    }

    pub(super) fn hostile(&mut self, who: usize, random: &mut Rng) -> String {
        let (shop_id, now) = (self.shop_of(who), self.town.world.now());
        let elsewhere = self.town.shops.iter().map(|shop| &shop.id).find(|id| **id != shop_id).cloned();
        let elsewhere = elsewhere.unwrap_or_else(|| ShopId::parse("nowhere").unwrap());
        let office = self.town.desks.last().expect("head office");
        let known = office.facts(&shop_id).unwrap_or_default();
        let paid = self.oracle.shown.iter().filter(|(paid, ..)| *paid == shop_id);
        let codes: Vec<ReceiptCode> = paid.map(|(_, code, _)| code.clone()).collect();
        let shop = self.town.shops.iter_mut().find(|shop| shop.id == shop_id).unwrap();
        let actors = shop.actors.clone();
        match &mut shop.mallory {
            Some(mallory) => {
                let told = mallory.strike(&actors, &elsewhere, (&known, &codes), now, random);
                mallory.sold.drain(..).for_each(|written| self.oracle.keep(written));
                self.oracle.tried.extend(mallory.tried.drain(..));
                told
            }
            None => "nobody here lies".to_owned(),
        }
    }
}
