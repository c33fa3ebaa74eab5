//! `leja admin migrate`: all that one deployment keeps, copied to another, and held against it.

use super::Administrator;
use super::moving::{at_once, keys_of, lock, parts_of};
use crate::Failure;
use clap::Args;
use domain::{Actor, ShopId};
use replica::Head;
use service::office::OpenedShop;
use service::records::{Compared, Inventory, KeepForm, KeptForm, Listing, Part, RecordForm, after_entry};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

/// How many differences are named.
const NAMED: usize = 20;

/// Where to.
#[derive(Args)]
pub(super) struct Destination {
    /// The deployment to copy to: a hub, or the functions in AWS.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The folder of an administrator there.
    #[arg(long, value_name = "FOLDER")]
    to_admin: PathBuf,
    /// Copy nothing, compare only.
    #[arg(long)]
    compare: bool,
}

impl Administrator {
    pub(super) fn move_to(&self, destination: &Destination) -> Result<(), Failure> {
        let to = Self::of(&destination.to_admin, &destination.to)?;
        if !destination.compare {
            copy(self, &to)?;
        }
        let compared = compare(self, &to)?;
        for (kind, sums) in &compared.kinds {
            println!("{kind:<10}  {:>9}  {}", sums.from.count, sums.from);
            println!("{:<10}  {:>9}  {}", "", sums.to.count, sums.to);
        }
        if compared.came > 0 {
            println!("{} messages of Safaricom's came there meanwhile", compared.came);
        }
        compared.differences.iter().take(NAMED).for_each(|difference| println!("{difference}"));
        let many = compared.differences.len();
        if many > 0 {
            let what = "things are not the same there: keep tills away from both, and run this again";
            return Err(format!("{many} {what}").into());
        }
        println!("all of it is there");
        Ok(())
    }
}

/// Copies everything. What is there already stays, so that what broke off is done again.
///
/// # Errors
/// One of them did not answer, or the other is in use, or could not take something: which.
pub fn copy(from: &Administrator, to: &Administrator) -> Result<(), Failure> {
    let shops = from.shop_ids()?;
    let ends = refuse_what_is_in_use(from, to, &shops)?;
    // Members before the journals that they sign, shops before all that is theirs.
    for part in whole() {
        copy_part(from, to, &part, None)?;
    }
    let mut parts = Vec::new();
    for shop in &shops {
        parts.extend(parts_of(shop, from.journals(shop)?.into_keys()));
    }
    at_once(&parts, |part| copy_part(from, to, part, place(&ends, part)))
}

/// The parts that are no shop's.
fn whole() -> [Part; 5] {
    let [shops, members] = [Listing::Shops, Listing::Members].map(Part::Listed);
    let [enrolments, inbox] = [Listing::Enrolments, Listing::Inbox].map(Part::Listed);
    [shops, members, Part::Counters(None), enrolments, inbox]
}

/// Where the journals end at the destination.
type Ends = BTreeMap<(ShopId, Actor), Head>;

/// What is at the destination already: where it is copied from there is all of that, and maybe more.
fn refuse_what_is_in_use(
    from: &Administrator,
    to: &Administrator,
    shops: &[ShopId],
) -> Result<Ends, Failure> {
    let mut ends = Ends::new();
    for shop in to.shop_ids()? {
        if !shops.contains(&shop) {
            return Err(in_use(to, &format!("the shop {shop} is there alone")));
        }
        let here = from.journals(&shop)?;
        for (actor, there) in to.journals(&shop)? {
            if here.get(&actor).is_none_or(|here| here.number < there.number) {
                return Err(in_use(to, &format!("the journal {actor} of {shop} goes further there")));
            }
            ends.insert((shop.clone(), actor), there);
        }
    }
    Ok(ends)
}

fn in_use(to: &Administrator, why: &str) -> Failure {
    format!("{} is in use: {why}; nothing was copied. Copy the other way, or into a new one", to.hub).into()
}

/// Where to begin: a journal goes on from where it ends.
fn place(ends: &Ends, part: &Part) -> Option<String> {
    let Part::Journal(shop, actor) = part else { return None };
    ends.get(&(shop.clone(), *actor)).map(|head| after_entry(head.number))
}

fn copy_part(
    from: &Administrator,
    to: &Administrator,
    part: &Part,
    after: Option<String>,
) -> Result<(), Failure> {
    from.read_part(part, after, |records: Vec<RecordForm>| {
        let kept: KeptForm = to.patiently("/v1/admin/records", &KeepForm { records })?;
        match kept.refused.first() {
            None => Ok(()),
            Some(first) => Err(format!("{} did not take it: {first}", to.hub).into()),
        }
    })
}

/// Holds one against the other, name by name.
///
/// # Errors
/// One of them did not answer, or a journal can not be followed.
pub fn compare(from: &Administrator, to: &Administrator) -> Result<Compared, Failure> {
    let members = Part::Listed(Listing::Members);
    let keys = (keys_of(&from.all_of(&members)?), keys_of(&to.all_of(&members)?));
    let mut parts = whole().to_vec();
    for shop in from.shop_ids()? {
        let journals = from.journals(&shop)?.into_keys().chain(to.journals(&shop)?.into_keys());
        parts.extend(parts_of(&shop, journals.collect::<BTreeSet<Actor>>()));
    }
    let (compared, inboxes) =
        (Mutex::new(Compared::default()), Mutex::new((Inventory::default(), Inventory::default())));
    at_once(&parts, |part| {
        let nobody = |_: &[RecordForm]| Ok(());
        let mut here = from.inventory(part, &keys.0, nobody)?;
        let mut there = to.inventory(part, &keys.1, nobody)?;
        let mut inboxes = lock(&inboxes);
        here.give_inbox_to(&mut inboxes.0);
        there.give_inbox_to(&mut inboxes.1);
        drop(inboxes);
        lock(&compared).extend(Inventory::compared(&here, &there));
        Ok(())
    })?;
    // Last: an early answer is in the inbox of one store and beside its request in another.
    let mut compared = std::mem::take(&mut *lock(&compared));
    let inboxes = lock(&inboxes);
    compared.extend(Inventory::compared(&inboxes.0, &inboxes.1));
    compared.differences.sort();
    compared.differences.extend(another_secret(from, to)?);
    Ok(compared)
}

/// Whether the addresses that Safaricom knows lead nowhere there, because they are made of another secret.
fn another_secret(from: &Administrator, to: &Administrator) -> Result<Option<String>, Failure> {
    let way = |opened: &OpenedShop| opened.confirmation_url.split("/in/").last().map(str::to_owned);
    let there: BTreeMap<String, _> = to.shops()?.iter().map(|o| (o.shop.id.clone(), way(o))).collect();
    let here = from.shops()?;
    let other = here.iter().find(|o| there.get(&o.shop.id).is_some_and(|there| *there != way(o)));
    Ok(other.map(|opened| {
        let shop = &opened.shop.id;
        format!("callback secret: another there, so what Safaricom sends to {shop}'s addresses goes astray")
    }))
}
