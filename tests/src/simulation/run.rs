//! One run: event after event, each acknowledged to the oracle as it was to a person.

mod copies;
mod outside;
mod quiet;
mod sticks;

use super::desk::{Desk, WrongClock};
use super::network::{Lan, Weather};
use super::oracle::{Did, Loss, Names, Oracle, Violation, What};
use super::plan::{Event, Kind, Scale};
use super::trade::{Deal, latest_sale, open_sale};
use super::world::Town;
use domain::{FactId, How, Money, ReceiptCode, ShopId, Tender};
use fastrand::Rng;
use till::{CloudError, TillError};

/// A run.
pub struct Run {
    town: Town,
    oracle: Oracle,
    /// What is called otherwise now.
    names: Names,
    began: i64,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How often the power was cut.
    pub cuts: usize,
    /// How many disks failed or were copied.
    pub copies: usize,
    /// How many entries went with a disk that nobody else had.
    pub gone: usize,
    /// How many entries came by stick.
    pub carried: u64,
}

impl Run {
    /// A town before anything happened.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let town = Town::new(seed, scale);
        let began = town.world.now().millis();
        Self {
            town,
            oracle: Oracle::default(),
            names: Names::new(),
            began,
            trace: Vec::new(),
            cuts: 0,
            copies: 0,
            gone: 0,
            carried: 0,
        }
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
                let (long, which) = (random.i64(60_000..6 * 3_600_000), random.u8(..4));
                let (until, desk) = (self.town.world.now().millis() + long, &mut self.town.desks[who]);
                if which < 3 {
                    desk.line.down_until(until);
                }
                if which > 1 {
                    desk.alone_until = until;
                }
                let what = ["line", "line", "line and network", "network"][usize::from(which)];
                return format!("{}: no {what} for {} s", desk.name, long / 1000);
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
            Kind::Meet => return self.meet(who, random, wrong),
            Kind::Restart => {
                let desk = &mut self.town.desks[who];
                if let Err(error) = desk.restart() {
                    wrong.push(stopped(desk, &error));
                }
                return self.town.desks[who].name.clone();
            }
            Kind::Quiet => return self.quiet(random, wrong),
            Kind::Backup => {
                let desk = &self.town.desks[who];
                if let Err(error) = desk.back_up() {
                    wrong.push(stopped(desk, &error));
                }
                return desk.name.clone();
            }
            Kind::Restore => return self.restore(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Clone => return self.copy(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Join => return self.join(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Export => return self.export(who, random, wrong),
            Kind::Import => return self.import(who, random, wrong),
            _ => {}
        }
        let beside = self.town.desks.iter().position(|desk| desk.beside == Some(who));
        let desk = match beside {
            _ if event.kind == Kind::Office => self.town.desks.len() - 1,
            Some(beside) if random.bool() => beside,
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
            Kind::TakeCash => Deal::TakeCash(sale(random)?, *random.choice(&[100, 100, 30, 60])?),
            Kind::GiveBack => {
                let over = self.over(desk, &shop);
                Deal::GiveBack(random.choice(over)?, *random.choice(&[100, 100, 40])?, reason)
            }
            Kind::TakeBack => {
                let sold = latest_sale(&self.oracle, &shop, random)?;
                let lines = random.usize(1..=self.oracle.sales[&sold].sale.lines.len().max(1));
                let one = domain::Quantity::ONE;
                Deal::TakeBack(sold, vec![one; lines], reason)
            }
            Kind::Drawer => {
                let cents = |random: &mut Rng| Money::from_cents(random.i64(0..1_000_000));
                Deal::Drawer(cents(random), cents(random))
            }
            Kind::Trust => Deal::Trust(sale(random)?, random.bool(), reason),
            Kind::MoveCash => Deal::MoveCash(Money::from_cents(random.i64(-100_000..100_001)), reason),
            Kind::ClosePeriod => Deal::ClosePeriod(shop),
            Kind::Void => Deal::Void(sale(random)?, reason),
            Kind::Edit => Deal::edit(random, &shop, event.index),
            Kind::Print => Deal::Print(latest_sale(&self.oracle, &shop, random)?),
            Kind::Goods => Deal::goods(random, &shop),
            Kind::Count => Deal::count(random, &shop),
            Kind::Sync => Deal::Sync,
            Kind::Prompt => {
                let phone = domain::Msisdn::parse_phone(&format!("07123456{:02}", random.u8(..100))).ok()?;
                Deal::Prompt(sale(random)?, phone)
            }
            Kind::Type | Kind::ShowTwice => {
                let (sale, receipt) = self.shown(&shop, kind == Kind::ShowTwice, random)?;
                let (part, despite) = (random.u8(..4) == 0, random.bool());
                Deal::Claim { sale, receipt, how: How::Typed, part, despite }
            }
            Kind::Share => {
                // Somebody pays for two sales at once.
                let paid = self.oracle.shown.iter().rev().filter(|(of, ..)| *of == shop).take(6);
                let (_, receipt, _) = random.choice(paid.collect::<Vec<_>>())?;
                let (sale, receipt, despite) = (sale(random)?, receipt.clone(), random.bool());
                Deal::Claim { sale, receipt, how: How::Typed, part: true, despite }
            }
            Kind::Invent => {
                // A code that nobody paid, or with a slip of the finger.
                let receipt = ReceiptCode::parse(&format!("UXX{:07}", event.index)).ok()?;
                let (part, despite) = (random.u8(..4) == 0, random.bool());
                Deal::Claim { sale: sale(random)?, receipt, how: How::Typed, part, despite }
            }
            Kind::Pick => {
                let sale = sale(random)?;
                let candidates = self.town.desks[desk].till().candidates(sale).ok()?;
                let receipt = random.choice(candidates)?.0.receipt;
                Deal::Claim { sale, receipt, how: How::Picked, part: false, despite: random.bool() }
            }
            Kind::Release => {
                let claims = self.town.desks[desk].till().claims(sale(random)?).ok()?;
                Deal::Release(random.choice(claims)?.id, reason)
            }
            _ => return None,
        })
    }

    /// The sales for which something has to go back, as this desk knows it.
    fn over(&self, desk: usize, shop: &ShopId) -> Vec<FactId> {
        let rows = self.town.desks[desk].till().sales(shop, till::SaleFilter::All, None, 1_000);
        let over = rows.unwrap_or_default().into_iter().filter(|row| row.over > Money::ZERO);
        over.map(|row| row.id).collect()
    }

    /// A code that a customer shows for a sale: the one that was paid for it, or another's.
    fn shown(&self, shop: &ShopId, another: bool, random: &mut Rng) -> Option<(FactId, ReceiptCode)> {
        let is_there = |sale: &Option<FactId>| sale.is_none_or(|sale| self.oracle.sales.contains_key(&sale));
        let own = self.oracle.shown.iter().filter(|(paid, _, sale)| paid == shop && is_there(sale));
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
            let sealed = is_sealed(desk, deal);
            let did = deal.done(desk, now);
            if sealed && matches!(did, Ok(Did::Wrote(_))) {
                let message = format!("{}: {deal:?}, though its books are closed", desk.name);
                wrong.push(Violation { loss: Loss::Correction, message });
            }
            let told = told(desk, deal, &did);
            return match did {
                Ok(did) => {
                    self.acknowledge(did);
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
            self.acknowledge(did);
        }
        wrong.extend(self.own_receipts(at));
        format!("{told}; the power goes {place}, kept {there}")
    }

    /// From now on it has to be so. Whoever still has what a copy wrote means that with its name.
    fn acknowledge(&mut self, did: Did) {
        self.oracle.acknowledge(match did {
            Did::Wrote(written) => Did::Wrote(Box::new(written.renamed(&self.names))),
            other => other,
        });
    }

    /// Two tills of a shop meet, one of them under a power cut now and then.
    fn meet(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let (truth, hand) = (self.town.world.now(), self.town.world.hand());
        let shop = self.town.desks[at].shop.clone();
        let there = |(place, desk): (usize, &Desk)| (place != at && desk.shop == shop).then_some(place);
        let others: Vec<usize> = self.town.desks.iter().enumerate().filter_map(there).collect();
        let Some(other) = random.choice(others) else { return "nobody to meet".to_owned() };
        let [desk, other] = self.town.desks.get_disjoint_mut([at, other]).unwrap();
        let names = format!("{} and {}", desk.name, other.name);
        if desk.alone_until.max(other.alone_until) > truth.millis() {
            return format!("{names}: out of reach");
        }
        let (now, tag) = (desk.clock.shows(truth), random.bool().then(|| other.till().tag()));
        let lan = Lan::new(other.till(), other.clock.shows(truth), hand, random);
        let met = if random.u8(..8) == 0 {
            self.cuts += 1;
            match desk.power_cut(None, random, |desk| desk.till().meet(&lan, tag, now)) {
                Ok((met, _)) => met,
                Err(error) => {
                    wrong.push(stopped(desk, &error));
                    return format!("{} does not start any more", desk.name);
                }
            }
        } else {
            desk.till().meet(&lan, tag, now)
        };
        match met {
            Ok(met) => {
                format!("{names}: {} there, {} back, {} requests", met.sent, met.received, met.rounds)
            }
            Err(error) => {
                if !is_ordinary(&error) {
                    wrong.push(stopped(desk, &error));
                }
                format!("{names}: {error}")
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
}

/// What people do at head office.
const AT_OFFICE: [Kind; 9] = [
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
const CUT: [Kind; 15] = [
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
];

/// What a till may say to a person or when its line is bad; anything else stops it.
fn is_ordinary(error: &TillError) -> bool {
    matches!(
        error,
        TillError::Refused(_)
            | TillError::Taken(_)
            | TillError::Held(..)
            | TillError::First(_)
            | TillError::OverLimit(_)
            | TillError::Sibling(_)
            | TillError::Cloud(CloudError::Unreachable(_) | CloudError::Refused(_))
            | TillError::Ledger(till::LedgerError::Unknown(_))
    )
}

/// Whether a deal undoes what was decided about a sale whose books are closed, as is known at the desk.
fn is_sealed(desk: &Desk, deal: &Deal) -> bool {
    let till = desk.till();
    let sale = match deal {
        Deal::Void(sale, _) => *sale,
        Deal::Release(claim, _) => match till.claimed(*claim) {
            Ok(claimed) => claimed.sale.id,
            Err(_) => return false,
        },
        _ => return false,
    };
    let Ok(sale) = till.sale(sale) else { return false };
    let closed = till.period_closed(&sale.shop).ok().flatten();
    closed.is_some_and(|until| sale.at.business_day() <= until)
}

fn stopped(desk: &Desk, error: &TillError) -> Violation {
    Violation { loss: Loss::Stopped, message: format!("{}: {error}", desk.name) }
}

/// Whether what was done before the power went is there afterwards.
fn survived(desk: &Desk, did: &Did) -> Result<bool, TillError> {
    match did {
        Did::Wrote(written) => desk.has(&written.shop, written.id),
        Did::Synced(_) | Did::Nothing => Ok(false),
    }
}

fn told(desk: &Desk, deal: &Deal, did: &Result<Did, TillError>) -> String {
    let came = match did {
        Ok(Did::Wrote(written)) => match &written.what {
            What::Sold(sale) => format!("{} of {}", written.id, sale.total),
            _ => written.id.to_string(),
        },
        Ok(Did::Synced(report)) => format!("{report:?}"),
        Ok(Did::Nothing) => "done".to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    let what = match deal {
        Deal::Sell(_) => "sells".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} {what}: {came}", desk.name)
}

#[cfg(test)]
mod tests;
