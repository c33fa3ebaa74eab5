//! One run: event after event, each acknowledged to the oracle as it was to a person.

use super::desk::{Desk, WrongClock};
use super::network::Weather;
use super::oracle::{Books, Did, Loss, Oracle, SaleMade, View, Violation};
use super::plan::{Event, Kind, Scale};
use super::trade::{Deal, open_sale, survived};
use super::world::Town;
use domain::{FactId, How, ReceiptCode, ShopId, Tender};
use fastrand::Rng;
use local::safaricom::{Fault, Faults, Habit, Pay};
use till::{CloudError, SaleFilter, SaleRow, TillError};

/// So many rounds of exchange bring everything everywhere, or something is stuck.
const ROUNDS: usize = 12;

/// A run.
pub struct Run {
    town: Town,
    oracle: Oracle,
    began: i64,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How often the power was cut.
    pub cuts: usize,
    /// How many disks failed or were copied.
    pub copies: usize,
}

impl Run {
    /// A town before anything happened.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let town = Town::new(seed, scale);
        let began = town.world.now().millis();
        Self { town, oracle: Oracle::default(), began, trace: Vec::new(), cuts: 0, copies: 0 }
    }

    /// How many receipts were printed.
    pub fn sales(&self) -> usize {
        self.oracle.sales.len()
    }

    /// Lets one event happen; gives what it lost.
    pub fn event(&mut self, event: &Event) -> Vec<Violation> {
        let mut random = Rng::with_seed(event.dice);
        self.pass_until(self.began + event.at);
        self.town.world.store.reseed(random.u64(..));
        for desk in &self.town.desks {
            desk.line.reseed(random.u64(..));
            desk.line.bring_late(false);
        }
        self.town.world.wait(self.town.safaricom.run_due());
        let mut wrong = Vec::new();
        let told = self.happens(event, &mut random, &mut wrong);
        let line = format!("{:>5} {} {:?} {told}", event.index, self.town.world.now(), event.kind);
        self.trace.push(line);
        wrong
    }

    /// Time never goes back: an exchange may have taken longer than the pause to the next event.
    fn pass_until(&self, at: i64) {
        let left = at - self.town.world.now().millis();
        self.town.world.pass((left / 1000).max(0));
    }

    fn happens(&mut self, event: &Event, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let who = event.who;
        match event.kind {
            Kind::Pay => return self.pay(event, random),
            Kind::Partition => {
                let hours = random.i64(60_000..6 * 3_600_000);
                self.town.desks[who].line.down_until(self.town.world.now().millis() + hours);
                return format!("{} for {} s", self.town.desks[who].name, hours / 1000);
            }
            Kind::Weather => {
                let weather = Weather::of(random);
                self.town.desks[who].line.set_weather(weather);
                return format!("{} {weather:?}", self.town.desks[who].name);
            }
            Kind::Clock => {
                let clock = WrongClock::set(random, self.town.world.now());
                self.town.desks[who].clock = clock;
                return format!("{} {clock:?}", self.town.desks[who].name);
            }
            Kind::Store => {
                let percent = *random.choice(&[0, 0, 5, 20, 100]).unwrap();
                let late = *random.choice(&[0, 20, 60]).unwrap();
                self.town.world.store.set_percent(percent);
                self.town.world.store.set_late_percent(late);
                return format!("fails {percent} of 100, late {late} of 100");
            }
            Kind::Safaricom => return self.trouble_safaricom(random),
            Kind::Sweep => return format!("{} told", self.sweep().len()),
            Kind::Stray => return self.stray(random, event.index),
            Kind::Hostile => return self.hostile(who, random),
            Kind::Restart => {
                let desk = &mut self.town.desks[who];
                if let Err(error) = desk.restart() {
                    wrong.push(stopped(desk, &error));
                }
                return self.town.desks[who].name.clone();
            }
            Kind::Quiet => return self.quiet(wrong),
            Kind::Backup => {
                let desk = &self.town.desks[who];
                if let Err(error) = desk.back_up() {
                    wrong.push(stopped(desk, &error));
                }
                return desk.name.clone();
            }
            Kind::Restore => return self.restore(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Clone => return self.copy(who, random, wrong).unwrap_or_else(|why| why),
            _ => {}
        }
        let copy = self.town.desks.iter().position(|desk| desk.copy_of == Some(who));
        let desk = match copy {
            _ if event.kind == Kind::Office => self.town.desks.len() - 1,
            Some(copy) if random.bool() => copy,
            _ => who,
        };
        let Some(deal) = self.deal(event, desk, random) else { return "nothing to do".to_owned() };
        let cut = event.kind == Kind::PowerCut;
        let told = self.deals(desk, &deal, cut, random, wrong);
        // Most of what is recorded is sent soon.
        if !cut && deal != Deal::Sync && random.u8(..3) == 0 {
            let synced = self.deals(desk, &Deal::Sync, false, random, wrong);
            return format!("{told}; {synced}");
        }
        told
    }

    /// What somebody does now, if there is anything to do it with.
    fn deal(&self, event: &Event, desk: usize, random: &mut Rng) -> Option<Deal> {
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
            Kind::TakeCash => Deal::TakeCash(sale(random)?),
            Kind::Void => Deal::Void(sale(random)?, reason),
            Kind::Edit => Deal::edit(random, &shop, event.index),
            Kind::Sync => Deal::Sync,
            Kind::Prompt => {
                let phone = domain::Msisdn::parse_phone(&format!("07123456{:02}", random.u8(..100))).ok()?;
                Deal::Prompt(sale(random)?, phone)
            }
            Kind::Type | Kind::ShowTwice => {
                let (sale, receipt) = self.shown(&shop, kind == Kind::ShowTwice, random)?;
                Deal::Claim(sale, receipt, How::Typed)
            }
            Kind::Pick => {
                let sale = sale(random)?;
                let candidates = self.town.desks[desk].till().candidates(sale).ok()?;
                Deal::Claim(sale, random.choice(candidates)?.0.receipt, How::Picked)
            }
            Kind::Release => {
                let claims = self.town.desks[desk].till().claims(sale(random)?).ok()?;
                Deal::Release(random.choice(claims)?.id, reason)
            }
            _ => return None,
        })
    }

    /// A code that a customer shows for a sale: the one that was paid for it, or another's.
    fn shown(&self, shop: &ShopId, another: bool, random: &mut Rng) -> Option<(FactId, ReceiptCode)> {
        let own = self.oracle.shown.iter().filter(|(paid, ..)| paid == shop);
        let latest: Vec<_> = own.rev().take(6).collect();
        let (_, receipt, sale) = random.choice(latest)?;
        let sale = if another { open_sale(&self.oracle, shop, random) } else { *sale };
        Some((sale?, receipt.clone()))
    }

    fn shop_of(&self, who: usize) -> ShopId {
        let shop = self.town.desks[who].shop.clone();
        shop.unwrap_or_else(|| self.town.shops[0].id.clone())
    }

    /// Does something at a desk, with or without the power going; the oracle learns what was acknowledged.
    fn deals(
        &mut self,
        at: usize,
        deal: &Deal,
        cut: bool,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> String {
        let truth = self.town.world.now();
        let desk = &mut self.town.desks[at];
        let now = desk.clock.shows(truth);
        if !cut {
            let did = deal.done(desk, now);
            let told = told(desk, deal, &did);
            return match did {
                Ok(did) => {
                    self.oracle.acknowledge(&did);
                    told
                }
                Err(error) => {
                    if !is_ordinary(&error) {
                        wrong.push(stopped(desk, &error));
                    }
                    told
                }
            };
        }
        self.cuts += 1;
        let requests = (*deal == Deal::Sync).then(|| random.u32(..3));
        let (did, place) = match desk.power_cut(requests, random, |desk| deal.done(desk, now)) {
            Ok(done) => done,
            Err(error) => {
                wrong.push(stopped(desk, &error));
                return format!("{} does not start any more", desk.name);
            }
        };
        let told = told(desk, deal, &did);
        let did = did.unwrap_or(Did::Nothing);
        let there = match survived(desk, &did) {
            Ok(there) => there,
            Err(error) => {
                wrong.push(stopped(desk, &error));
                false
            }
        };
        if there {
            self.oracle.acknowledge(&did);
        }
        wrong.extend(self.own_receipts(at));
        format!("{told}; the power goes {place}, kept {there}")
    }

    /// A till whose disk failed just after it had sent everything: the copy gets back what was sold since, and
    /// what it sells before it knows keeps, under another name. As an error, why nothing was done.
    fn restore(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> Result<String, String> {
        if !self.town.desks[at].is_backed_up() || !self.has_sent_all(at) {
            return Err("not now".to_owned());
        }
        let now = self.town.world.now();
        if let Err(error) = self.town.desks[at].restore(now) {
            wrong.push(stopped(&self.town.desks[at], &error));
            return Err(error.to_string());
        }
        self.copies += 1;
        let held = self.sells_in_doubt(at, random);
        self.settles_doubt(at, held, wrong);
        Ok(format!("{}, now {}", self.town.desks[at].name, self.town.desks[at].till().identity().actor))
    }

    /// A till and a copy of its disk sell under one name, and exchange.
    fn copy(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> Result<String, String> {
        if self.town.desks.iter().any(|desk| desk.copy_of == Some(at)) || !self.has_sent_all(at) {
            return Err("not now".to_owned());
        }
        let office = self.town.desks.len() - 1;
        let line = self.town.line();
        let copy = self.town.desks[at].copy(at, line).map_err(|error| error.to_string());
        match copy {
            Ok(copy) => self.town.desks.insert(office, copy),
            Err(message) => {
                wrong.push(Violation { loss: Loss::Stopped, message: message.clone() });
                return Err(message);
            }
        }
        self.copies += 1;
        let mut both = [at, office];
        let held = both.map(|desk| (desk, self.sells_in_doubt(desk, random)));
        random.shuffle(&mut both);
        for desk in both {
            let (_, held) = held.iter().find(|(of, _)| *of == desk).unwrap();
            self.settles_doubt(desk, held.clone(), wrong);
        }
        let names = both.map(|desk| self.town.desks[desk].till().identity().actor.to_string());
        Ok(format!("{} and its copy, now {names:?}", self.town.desks[at].name))
    }

    /// In fair weather, whether the cloud has everything that a till wrote.
    fn has_sent_all(&self, at: usize) -> bool {
        self.town.world.store.set_percent(0);
        let desk = &self.town.desks[at];
        desk.line.set_weather(Weather::default());
        desk.line.down_until(0);
        let synced = desk.till().sync(desk.clock.shows(self.town.world.now()));
        synced.is_ok() && desk.till().status().is_ok_and(|status| status.waiting == 0)
    }

    /// Sells under a name that another file may use too.
    fn sells_in_doubt(&self, at: usize, random: &mut Rng) -> Vec<(FactId, SaleMade)> {
        let desk = &self.town.desks[at];
        let now = desk.clock.shows(self.town.world.now());
        let sell = |random: &mut Rng| match Deal::sale(random, Tender::Cash).done(desk, now) {
            Ok(Did::Sold(id, made)) => Some((id, made)),
            _ => None,
        };
        (0..random.usize(0..3)).filter_map(|_| sell(random)).collect()
    }

    /// Exchanges; then what was sold in doubt is there, under the name on its receipt or with that as its
    /// former name.
    fn settles_doubt(&mut self, at: usize, held: Vec<(FactId, SaleMade)>, wrong: &mut Vec<Violation>) {
        let desk = &self.town.desks[at];
        let now = desk.clock.shows(self.town.world.now());
        let rows = desk.till().sync(now).and_then(|_| {
            let shop = desk.till().only_shop()?;
            desk.till().sales(&shop.id, SaleFilter::All, None, u32::MAX)
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return wrong.push(stopped(desk, &error)),
        };
        for (id, made) in held {
            let same = |row: &&SaleRow| {
                let named = row.formerly == Some(id) || (row.formerly.is_none() && row.id == id);
                named && row.at == made.at && row.by == made.by.as_str() && row.total == made.sale.total
            };
            match rows.iter().find(same) {
                Some(row) => self.oracle.acknowledge(&Did::Sold(row.id, made)),
                None => {
                    let message = format!("{}: the receipt {id}, sold in doubt, is gone", desk.name);
                    wrong.push(Violation { loss: Loss::Receipt, message });
                }
            }
        }
    }

    /// After a power cut: what this till printed today is on its own disk.
    fn own_receipts(&self, at: usize) -> Vec<Violation> {
        let desk = &self.town.desks[at];
        let own = desk.till().identity().actor;
        let printed = self.oracle.sales.iter().filter(|(id, _)| id.actor == own);
        let kept = |id: &FactId| {
            let row = desk.till().sale(*id)?;
            Ok::<_, TillError>((desk.till().lines(&row)?, row.total))
        };
        let gone = printed.rev().take(12).filter(|(id, made)| {
            !kept(id).is_ok_and(|(lines, total)| lines == made.sale.lines && total == made.sale.total)
        });
        let told = |(id, _)| {
            let message = format!("{}: the receipt {id} is gone after a power cut", desk.name);
            Violation { loss: Loss::Receipt, message }
        };
        gone.map(told).collect()
    }

    fn pay(&mut self, event: &Event, random: &mut Rng) -> String {
        let shop_id = self.shop_of(event.who);
        let shop = self.town.shops.iter().find(|shop| shop.id == shop_id).unwrap();
        let sale = open_sale(&self.oracle, &shop_id, random);
        let total = sale.map(|sale| self.oracle.sales[&sale].sale.total);
        let amount = match (total, random.u8(..10)) {
            (Some(total), 0..8) => total,
            (Some(_), 8) => domain::Money::from_cents(5_000),
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

    fn trouble_safaricom(&self, random: &mut Rng) -> String {
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

    fn sweep(&self) -> Vec<String> {
        self.town.world.wait(self.town.world.sweep.run()).failed
    }

    /// Something that is no callback, or a payment to a number that nobody has.
    fn stray(&mut self, random: &mut Rng, place: usize) -> String {
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

    fn hostile(&mut self, who: usize, random: &mut Rng) -> String {
        let (shop_id, now) = (self.shop_of(who), self.town.world.now());
        let elsewhere = self.town.shops.iter().map(|shop| &shop.id).find(|id| **id != shop_id).cloned();
        let elsewhere = elsewhere.unwrap_or_else(|| ShopId::parse("nowhere").unwrap());
        let shop = self.town.shops.iter_mut().find(|shop| shop.id == shop_id).unwrap();
        let actors = shop.actors.clone();
        match &mut shop.mallory {
            Some(mallory) => mallory.strike(&actors, &elsewhere, now, random),
            None => "nobody here lies".to_owned(),
        }
    }

    /// Everything gets through, everybody exchanges until there is nothing more, and the oracle looks.
    fn quiet(&mut self, wrong: &mut Vec<Violation>) -> String {
        self.town.calm();
        for failed in self.sweep() {
            wrong.push(Violation { loss: Loss::Stopped, message: format!("the sweep: {failed}") });
        }
        let rounds = self.exchange(wrong);
        if wrong.is_empty() {
            match self.look() {
                Ok((found, digest)) => {
                    wrong.extend(found);
                    return format!("after {rounds} rounds: {digest}");
                }
                Err(error) => wrong.push(Violation { loss: Loss::Stopped, message: error.to_string() }),
            }
        }
        format!("after {rounds} rounds")
    }

    fn exchange(&mut self, wrong: &mut Vec<Violation>) -> usize {
        for round in 1..=ROUNDS {
            let mut moved = false;
            for desk in &self.town.desks {
                let now = desk.clock.shows(self.town.world.now());
                match desk.till().sync(now) {
                    Ok(report) => {
                        moved |= report.sent + report.received + report.payments > 0 || report.claimed > 0
                    }
                    Err(error) => wrong.push(stopped(desk, &error)),
                }
            }
            if !wrong.is_empty() || !moved {
                return round;
            }
        }
        let message = format!("after {ROUNDS} rounds there is still something to say");
        wrong.push(Violation { loss: Loss::Stopped, message });
        ROUNDS
    }

    fn look(&mut self) -> Result<(Vec<Violation>, String), TillError> {
        let books = self.town.books();
        let mut wrong = self.oracle.strays_are_kept(&books);
        let mut digests = Vec::new();
        for shop in &self.town.shops {
            let views =
                self.town.desks.iter().filter(|desk| desk.shop.as_ref().is_none_or(|own| *own == shop.id));
            let views = views.map(|desk| View::of(desk, &shop.id)).collect::<Result<Vec<_>, _>>()?;
            // Head office is the last, and has every shop.
            let Some((office, tills)) = views.split_last() else { continue };
            wrong.extend(self.oracle.learn(office, &books)?);
            for view in &views {
                wrong.extend(check(&self.oracle, view, &books)?);
                wrong.extend(self.oracle.nothing_is_foreign(view, &shop.tills));
            }
            for till in tills {
                wrong.extend(self.oracle.replicas_agree(office, till));
            }
            digests.push(office.digest());
        }
        for desk in &self.town.desks {
            wrong.extend(self.documents(desk)?);
        }
        Ok((wrong, digests.join(" | ")))
    }

    /// A till has its own shop and no other; its documents and its rows say the same; nothing waits.
    fn documents(&self, desk: &Desk) -> Result<Vec<Violation>, TillError> {
        let mut wrong = Vec::new();
        for shop in desk.till().shops()? {
            if desk.shop.as_ref().is_some_and(|own| *own != shop.id) {
                let message = format!("{} has {}", desk.name, shop.id);
                wrong.push(Violation { loss: Loss::Foreign, message });
            }
            let differ = desk.till().verify(&shop.id)?.into_iter();
            wrong.extend(differ.map(|message| Violation { loss: Loss::Verdict, message }));
        }
        let waiting = desk.till().status()?.waiting;
        if waiting > 0 {
            let message = format!("{}: {waiting} entries still wait", desk.name);
            wrong.push(Violation { loss: Loss::Stopped, message });
        }
        Ok(wrong)
    }
}

/// What people do at head office.
const AT_OFFICE: [Kind; 5] = [Kind::Release, Kind::Pick, Kind::Edit, Kind::Void, Kind::Sync];
/// What people do when the power goes.
const CUT: [Kind; 8] = [
    Kind::CashSale,
    Kind::CashSale,
    Kind::MpesaSale,
    Kind::Pick,
    Kind::Release,
    Kind::TakeCash,
    Kind::Edit,
    Kind::Sync,
];

fn check(oracle: &Oracle, view: &View<'_>, books: &Books) -> Result<Vec<Violation>, TillError> {
    let mut wrong = oracle.receipts_are_kept(view);
    wrong.extend(oracle.confirmations_are_kept(view, books));
    wrong.extend(oracle.money_is_counted_once(view, books));
    wrong.extend(oracle.verdicts_are_right(view, books));
    wrong.extend(oracle.corrections_are_told(view)?);
    Ok(wrong)
}

/// What a till may say to a person or when its line is bad; anything else stops it.
fn is_ordinary(error: &TillError) -> bool {
    matches!(
        error,
        TillError::Refused(_)
            | TillError::Taken(_)
            | TillError::Cloud(CloudError::Unreachable(_) | CloudError::Refused(_))
            | TillError::Ledger(till::LedgerError::Unknown(_))
    )
}

fn stopped(desk: &Desk, error: &TillError) -> Violation {
    Violation { loss: Loss::Stopped, message: format!("{}: {error}", desk.name) }
}

fn told(desk: &Desk, deal: &Deal, did: &Result<Did, TillError>) -> String {
    let came = match did {
        Ok(Did::Sold(id, made)) => format!("{id} of {}", made.sale.total),
        Ok(Did::Claimed(_, _, claim)) => format!("{}", claim.id),
        Ok(Did::Synced(report)) => format!("{report:?}"),
        Ok(_) => "done".to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    let what = match deal {
        Deal::Sell(_) => "sells".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} {what}: {came}", desk.name)
}

/// The oracle itself: a world in which all is well, then one thing that is not.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::plan::{Kept, plan};
    use domain::{Money, Person};

    /// What the oracle says about a good day after somebody meddled with what it knows.
    fn after(meddle: impl FnOnce(&mut Oracle)) -> Vec<Loss> {
        let scale = Scale { days: 1, shops: 2, tills: 1 };
        let mut run = Run::new(5, scale);
        for event in plan(5, scale, &Kept::default()) {
            assert_eq!(run.event(&event), []);
        }
        meddle(&mut run.oracle);
        let (found, _) = run.look().unwrap();
        let mut losses: Vec<Loss> = found.into_iter().map(|violation| violation.loss).collect();
        losses.sort();
        losses.dedup();
        losses
    }

    fn a_sale(oracle: &Oracle) -> FactId {
        *oracle.sales.iter().find(|(_, made)| made.sale.tender == Tender::Mpesa).unwrap().0
    }

    #[test]
    fn a_good_day_is_good() {
        assert_eq!(after(|_| {}), []);
    }

    #[test]
    fn a_receipt_that_is_gone_or_says_something_else_is_noticed() {
        let gone = after(|oracle| {
            let made = oracle.sales[&a_sale(oracle)].clone();
            oracle.sales.insert("1-9999".parse().unwrap(), made);
        });
        assert_eq!(gone, [Loss::Receipt]);
        let changed = after(|oracle| {
            let sale = a_sale(oracle);
            oracle.sales.get_mut(&sale).unwrap().by = Person::named("Somebody else");
        });
        assert_eq!(changed, [Loss::Receipt]);
    }

    #[test]
    fn a_body_that_was_acknowledged_and_is_gone_is_noticed() {
        assert_eq!(after(|oracle| oracle.strays.push(b"never kept".to_vec())), [Loss::Confirmation]);
    }

    #[test]
    fn money_that_counts_otherwise_is_noticed() {
        let found = after(|oracle| {
            let sale = a_sale(oracle);
            oracle.cash.push((sale, Money::from_cents(100)));
        });
        assert!(found.contains(&Loss::Money), "{found:?}");
    }

    #[test]
    fn a_verdict_that_differs_is_noticed() {
        let found = after(|oracle| {
            let claimed = oracle.claims.values().find(|claim| !oracle.voided.contains(&claim.sale)).unwrap();
            oracle.voided.insert(claimed.sale);
        });
        assert!(found.contains(&Loss::Verdict), "{found:?}");
    }

    #[test]
    fn a_correction_that_nobody_tells_of_is_noticed() {
        let found = after(|oracle| {
            let (shop, sale) = (oracle.sales[&a_sale(oracle)].shop.clone(), a_sale(oracle));
            let (reason, by) = ("nobody said this".to_owned(), "till-0a".to_owned());
            let told =
                crate::simulation::oracle::Correction { sale, cancelled: true, receipt: None, reason, by };
            oracle.corrections.push((shop, told));
        });
        assert_eq!(found, [Loss::Correction]);
    }

    #[test]
    fn a_sale_that_nobody_made_is_noticed() {
        let found = after(|oracle| {
            let cash = |made: &super::super::oracle::SaleMade| made.sale.tender == Tender::Cash;
            let sale = *oracle.sales.iter().find(|(_, made)| cash(made)).unwrap().0;
            oracle.sales.remove(&sale);
        });
        assert_eq!(found, [Loss::Foreign]);
    }
}
