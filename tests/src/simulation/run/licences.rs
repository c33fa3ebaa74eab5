//! Shops that pay the platform for their licence, too late or too little now and then, and what stops without one.

use super::Run;
use crate::simulation::desk::Desk;
use crate::simulation::oracle::{Did, Licences, Loss, Violation};
use crate::simulation::tally::Thing;
use crate::simulation::trade::Deal;
use crate::simulation::world::PLATFORM;
use domain::{ShopId, Timestamp};
use fastrand::Rng;
use local::safaricom::{Habit, Pay};
use till::TillError;

impl Run {
    /// A shop pays for its licence: once, twice, or less than it costs; and it types as people do.
    pub(super) fn renew(&mut self, who: usize, random: &mut Rng) -> String {
        let Some(licences) = self.town.licences else { return "nobody sells licences".to_owned() };
        let shop = self.shop_of(who);
        let price = licences.price.cents();
        let cents = [price, price, price * 2, price * 5 / 2, price / 4, price / 2][random.usize(..6)];
        let word = *random.choice(&["LICENSE-", "license ", "Licence-", "LICENSE"]).unwrap();
        let does = (random.u8(..10) == 0).then_some(Habit::PaysTwice);
        let amount = domain::Money::from_cents(cents);
        let (until, _) = licences.until(&shop, &self.town.books());
        let over = Licences::is_over(until, self.town.world.now());
        let pay = Pay {
            shortcode: PLATFORM.to_owned(),
            amount: amount.to_string(),
            phone: None,
            name: None,
            reference: Some(format!("{word}{shop}")),
            does,
        };
        let paid = self.town.world.wait(self.town.safaricom.pay(&pay));
        let receipt = paid.ok().and_then(|paid| paid.receipt);
        self.tally.count_if(cents % price > 0, Thing::LicencePaidInPart);
        self.tally.count_if(over && cents >= price, Thing::LicenceRenewed);
        format!("{amount} for the licence of {shop}: {receipt:?}")
    }

    /// Nobody sells longer than its licence and the days of grace last, by the latest time it ever heard of; and nobody
    /// else is stopped, nor in anything else.
    pub(super) fn hold_licence(
        &mut self,
        at: usize,
        deal: &Deal,
        did: &Result<Did, TillError>,
    ) -> Vec<Violation> {
        let Some(licences) = self.town.licences else { return Vec::new() };
        let (desk, truth, sells) =
            (&self.town.desks[at], self.town.world.now(), matches!(deal, Deal::Sell(_)));
        let Some(shop) = &desk.shop else { return Vec::new() };
        let refused = matches!(did, Err(TillError::Unlicensed { .. }));
        let says = |loss, what: String| Violation { loss, message: format!("{}: {what}", desk.name) };
        // Only where time could matter.
        if !sells && !refused {
            let begun = Licences::is_over(desk.heard.licensed_until.unwrap_or(licences.began), truth);
            self.tally.count_if(begun && matches!(did, Ok(Did::Wrote(_))), Thing::FinishedUnlicensed);
            return Vec::new();
        }
        if refused && !sells {
            return vec![says(Loss::Stopped, format!("{deal:?} needs no licence"))];
        }
        let (until, _) = licences.until(shop, &self.town.books());
        let mut wrong = Vec::new();
        if let Ok(Did::Wrote(all)) = did {
            let seen = all.iter().map(|written| written.at).chain(desk.heard.seen).max();
            if let Some(seen) = seen.filter(|seen| Licences::is_over(until, *seen)) {
                wrong.push(says(Loss::Money, format!("sold at {seen}, and its licence ended {until}")));
            }
            self.tally.count_if(Licences::is_grace(until, truth), Thing::SoldInGrace);
        }
        self.tally.count_if(refused, Thing::Unlicensed);
        let known = desk.heard.licensed_until.unwrap_or(licences.began);
        if refused
            && desk.heard.told.is_some_and(|told| told.millis() > desk.clock.since)
            && Licences::is_safe(known, truth)
        {
            wrong.push(says(Loss::Stopped, format!("does not sell, and its licence lasts until {known}")));
        }
        wrong
    }

    /// What every desk tells of every licence after everybody heard everything.
    pub(super) fn look_at_licences(&mut self) -> Result<Vec<Violation>, TillError> {
        let Some(licences) = self.town.licences else { return Ok(Vec::new()) };
        let (books, now, mut wrong) = (self.town.books(), self.town.world.now(), Vec::new());
        for desk in &mut self.town.desks {
            for shop in desk.till().shops()? {
                let told = desk.till().licence(&shop.id, desk.clock.shows(now))?;
                let differs = licences.differs(&shop.id, &books, &told, now);
                wrong.extend(differs.map(|what| {
                    let message = format!("{} in {}: {what}", desk.name, shop.id);
                    Violation { loss: Loss::Verdict, message }
                }));
            }
            if let Some(shop) = &desk.shop {
                desk.heard.licensed_until = Some(licences.until(shop, &books).0);
            }
        }
        Ok(wrong)
    }
}

/// What a desk knows of the time after a deal.
pub(super) fn hears(desk: &mut Desk, deal: &Deal, did: &Result<Did, TillError>, truth: Timestamp) {
    let asked = matches!(deal, Deal::Sync | Deal::Claim(_) | Deal::Prompt(..) | Deal::AskBack(..));
    let all = if let Ok(Did::Wrote(all)) = did { &all[..] } else { &[] };
    desk.heard.wrote(asked, all.iter().map(|written| written.at));
    if let Ok(Did::Synced(_)) = did {
        desk.heard.time(truth);
        desk.heard.is_settled = true;
    }
}

/// A shop's name in the account numbers that people type.
pub fn shop_named(reference: &str, shops: &[ShopId]) -> Option<ShopId> {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
    };
    let typed = letters(reference).replace("licence", "license");
    let name = typed.strip_prefix("license")?.to_owned();
    shops.iter().find(|shop| letters(shop.as_str()) == name).cloned()
}
