//! What can happen in a case.

use super::Fault;
use super::phrase::{gaps, said, seconds};
use super::play::{NUMBER, OFFICE, Play, told};
use crate::copies::imaged;
use crate::world::{PULL, code, confirmation, of, request_result};
use domain::{
    Discount, How, Item, ItemId, Line, Money, Msisdn, Person, PhoneEnding, Quantity, Sale, Setting, Staff,
    StaffRole, Tax, Tender,
};
use serde_json::json;
use till::{NewClaim, hash_pin};

type Step = fn(&mut Play, &[&str], &str) -> Result<(), Fault>;

/// The phrases for what happens. Where a person does something, `at B` may follow; else it is done at the till whose
/// sale or drawer it is.
pub(crate) const STEPS: &[(&str, Step)] = &[
    ("{sale} of {goods} is open", |play, gaps, at| sell(play, gaps, at, Tender::Mpesa)),
    ("{sale} of {goods} is sold for cash", |play, gaps, at| sell(play, gaps, at, Tender::Cash)),
    ("{n} sales of {money} are made for cash", sell_many),
    ("{code} of {money} comes", |play, gaps, _| comes(play, gaps, "")),
    ("{code} of {money} comes again", |play, gaps, _| comes(play, gaps, "")),
    ("{code} of {money} comes for {said}", |play, gaps, _| comes(play, gaps, said(gaps[2]))),
    ("{code} of {money}, paid {time} ago, comes", paid_before),
    ("{code} of {money} is pulled", pulled),
    ("{code} of {money} comes to another shop", comes_elsewhere),
    ("the cloud pulls what was paid", |play, _, _| sweep(play)),
    ("the cloud can not pull what was paid", fail_to_pull),
    ("{who} types {code} for {sale}", |play, gaps, at| {
        claim(play, (gaps[0], gaps[2]), at, new_claim(gaps[1], How::Typed))
    }),
    ("{who} types {code} for {sale}, whose phone ends in {n}", |play, gaps, at| {
        let phone = Some(PhoneEnding::parse(gaps[3]).map_err(told)?);
        claim(play, (gaps[0], gaps[2]), at, NewClaim { phone, ..new_claim(gaps[1], How::Typed) })
    }),
    ("{who} types {money} of {code} for {sale}", |play, gaps, at| {
        let part = Some(money(gaps[1])?);
        claim(play, (gaps[0], gaps[3]), at, NewClaim { part, ..new_claim(gaps[2], How::Typed) })
    }),
    ("{who} types {code} for {sale}, allowed by {who} with the PIN {n}", type_allowed),
    ("{who} picks {code} for {sale}", |play, gaps, at| {
        claim(play, (gaps[0], gaps[2]), at, new_claim(gaps[1], How::Picked))
    }),
    ("{who} picks {money} of {code} for {sale}", |play, gaps, at| {
        let part = Some(money(gaps[1])?);
        claim(play, (gaps[0], gaps[3]), at, NewClaim { part, ..new_claim(gaps[2], How::Picked) })
    }),
    ("{who} picks {code} for {sale} all the same", pick_despite),
    ("{who} hands out {sale}, because {said}", |play, gaps, at| hand_out(play, gaps, at, None)),
    ("{who} hands out {sale}, because {said}, allowed by {who} with the PIN {n}", hand_out_allowed),
    ("{who} releases {code} from {sale}", release),
    ("{who} takes {money} in cash for {sale}", |play, gaps, at| {
        take_cash(play, gaps, at, Some(money(gaps[1])?))
    }),
    ("{who} takes cash for {sale}", |play, gaps, at| take_cash(play, gaps, at, None)),
    ("{who} gives back {money} of {sale}", |play, gaps, at| give_back(play, gaps, at, Some(money(gaps[1])?))),
    ("{who} gives back what is over on {sale}", |play, gaps, at| give_back(play, gaps, at, None)),
    ("{who} keeps {money} of {sale} as a tip", tip),
    ("{who} leaves what is over on {sale} as credit", leave_credit),
    ("{who} cancels {sale}", cancel),
    ("{who} takes back {quantity} of line {n} of {sale}", take_back),
    ("{who} asks the phone for {sale}", ask_phone),
    ("{who} collects {code} again from the phone of {sale}", collect_again),
    ("the phone pays {sale} with {code}", phone_pays),
    ("the phone says no to {sale}", phone_refuses),
    ("Safaricom reverses {code}", reverse),
    ("{who} opens the drawer of {till} with {money}", open_drawer),
    ("{who} closes the drawer of {till} with {money} in it", close_drawer),
    ("{who} puts {money} into the drawer of {till}", |play, gaps, at| {
        move_cash(play, gaps, at, money(gaps[1])?)
    }),
    ("{who} takes {money} out of the drawer of {till}", |play, gaps, at| {
        move_cash(play, gaps, at, -money(gaps[1])?)
    }),
    ("{place} is offline", |play, gaps, _| offline(play, gaps[0], true)),
    ("{place} is online again", |play, gaps, _| offline(play, gaps[0], false)),
    ("{till} and {till} are offline", |play, gaps, _| gaps.iter().try_for_each(|it| offline(play, it, true))),
    ("{till} and {till} are online again", |play, gaps, _| {
        gaps.iter().try_for_each(|it| offline(play, it, false))
    }),
    ("{till} meets {till}", meet),
    ("{till} starts anew", restart),
    ("a copy of {till} is called {till}", copy),
    ("the clock of {till} is {time} ahead", |play, gaps, _| clock(play, gaps, 1)),
    ("the clock of {till} is {time} behind", |play, gaps, _| clock(play, gaps, -1)),
    ("{who} says that the {word} of {sale} was a mistake", undo),
    ("head office closes the books up to yesterday", |play, _, _| close_period(play, 1, "")),
    ("head office opens the books of yesterday again, because {said}", |play, gaps, _| {
        close_period(play, 2, said(gaps[0]))
    }),
    ("the shop sets {word} to {word}", set),
    ("{who} manages the shop and has the PIN {n}", |play, gaps, _| hire(play, gaps, StaffRole::Manager)),
    ("{who} sells in the shop and has the PIN {n}", |play, gaps, _| hire(play, gaps, StaffRole::Cashier)),
    ("{time} pass", |play, gaps, _| pass(play, gaps)),
    ("{time} passes", |play, gaps, _| pass(play, gaps)),
];

/// Takes a step.
pub(crate) fn take(play: &mut Play, clause: &str) -> Result<(), Fault> {
    let (clause, at) = match gaps("{list} at {place}", clause) {
        Some(gaps) => (gaps[0], gaps[1]),
        None => (clause, ""),
    };
    for (phrase, step) in STEPS {
        if let Some(gaps) = gaps(phrase, clause) {
            return step(play, &gaps, at);
        }
    }
    Err("no phrase is like this: see tests/src/rules/steps.rs and outcomes.rs".to_owned())
}

fn money(text: &str) -> Result<Money, Fault> {
    Money::parse(text).map_err(told)
}

/// Where something is done: where the case says, or at the till whose it is.
fn place<'a>(at: &'a str, whose: &'a str) -> &'a str {
    if at.is_empty() { &whose[..1] } else { at }
}

fn who(name: &str) -> Person {
    Person::named(name)
}

fn sell(play: &mut Play, gaps: &[&str], at: &str, tender: Tender) -> Result<(), Fault> {
    let (label, at) = (gaps[0], place(at, gaps[0]));
    let coin = play.at(at)?.rules(&play.shop).map_err(told)?.0.cash_rounding;
    let sale = goods(gaps[1], tender)?.rounded_to(coin.unwrap_or_default());
    let sold = play.at(at)?.sell(sale, &who("Asha"), play.now(at), None);
    if let Ok(sold) = &sold {
        play.sales.insert(label.to_owned(), sold.sale.cited());
    }
    play.done(sold)
}

/// `500`, `2 x 100 and 0.5 x 300, less 50 in all`, `3 x 100 less 20`, `100 with 16 % tax on top`, and `, order "7"`.
fn goods(text: &str, tender: Tender) -> Result<Sale, Fault> {
    let (text, order) = match gaps("{list}, order {said}", text) {
        Some(gaps) => (gaps[0], Some(said(gaps[1]).to_owned())),
        None => (text, None),
    };
    let (text, off) = match gaps("{list}, less {money} in all", text) {
        Some(gaps) => (gaps[0], Some(Discount::new(money(gaps[1])?, "regular customer").map_err(told)?)),
        None => (text, None),
    };
    let lines = text.split(" and ").map(line).collect::<Result<Vec<_>, _>>()?;
    let total = lines.iter().map(|line| line.amount).sum();
    let sale = Sale::new(lines, total, tender, order).map_err(told)?;
    off.map_or(Ok(sale.clone()), |off| sale.less(off)).map_err(told)
}

fn line(text: &str) -> Result<Line, Fault> {
    let (text, tax) =
        match (gaps("{list} with {n} % tax on top", text), gaps("{list} with {n} % tax in it", text)) {
            (Some(gaps), _) => (gaps[0], Some((gaps[1].parse::<u16>().map_err(told)?, false))),
            (_, Some(gaps)) => (gaps[0], Some((gaps[1].parse::<u16>().map_err(told)?, true))),
            (None, None) => (text, None),
        };
    let (text, off) = match gaps("{list} less {money}", text) {
        Some(gaps) => (gaps[0], Some(Discount::new(money(gaps[1])?, "dented").map_err(told)?)),
        None => (text, None),
    };
    let (quantity, price) = text.split_once(" x ").unwrap_or(("1", text));
    let quantity = Quantity::parse(quantity).map_err(told)?;
    let mut line = Line::new("Goods", quantity, money(price)?).map_err(told)?;
    if let Some(off) = off {
        line = line.less(off).map_err(told)?;
    }
    match tax {
        Some((percent, included)) => {
            line.taxed(Tax::new(percent * 100, included).map_err(told)?).map_err(told)
        }
        None => Ok(line),
    }
}

fn sell_many(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, "A");
    for _ in 0..gaps[0].parse::<u32>().map_err(told)? {
        let price =
            u32::try_from(money(gaps[1])?.whole_shillings().ok_or("whole shillings")?).map_err(told)?;
        let sold = play.at(at)?.sell(of(price, Tender::Cash), &who("Asha"), play.now(at), None);
        sold.map_err(told)?;
    }
    Ok(())
}

fn comes(play: &mut Play, gaps: &[&str], reference: &str) -> Result<(), Fault> {
    arrives(play, gaps, (NUMBER, reference), 0)
}

fn paid_before(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    arrives(play, gaps, (NUMBER, ""), seconds(gaps[2]).ok_or("no time")?)
}

/// A customer of somebody else's, whose shop head office sees as well.
fn comes_elsewhere(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    play.world.shop("mjini", "till", "123456");
    arrives(play, gaps, ("123456", ""), 0)
}

fn arrives(play: &mut Play, gaps: &[&str], (number, reference): (&str, &str), ago: i64) -> Result<(), Fault> {
    let paid = play.world.now().plus_millis(-ago * 1000);
    let body = confirmation(gaps[0], number, &money(gaps[1])?.to_string(), reference, paid);
    match play.world.post("/mpesa/callback", &body) {
        (200, _) => Ok(()),
        (status, answer) => Err(format!("{status} {answer}")),
    }
}

fn pulled(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let row = json!({
        "transactionId": gaps[0], "trxDate": play.world.now().to_daraja(), "msisdn": "254722000149",
        "sender": "MPESA", "transactiontype": "c2b-pay-bill-debit", "billreference": "",
        "amount": money(gaps[1])?.to_string(), "organizationname": "Duka",
    });
    let page = json!({ "ResponseCode": "1000", "Response": [[row]] });
    play.world.safaricom.answer(PULL, 200, page.to_string());
    sweep(play)
}

/// The cloud asks Safaricom what was paid; everybody hears a while later until when.
fn sweep(play: &mut Play) -> Result<(), Fault> {
    let report = play.world.wait(play.world.sweep.run());
    if !report.failed.is_empty() {
        return Err(format!("{:?}", report.failed));
    }
    play.exchange(1)?;
    play.world.pass(601);
    play.exchange(1)
}

/// Safaricom does not say what was paid, and everybody hears as much.
fn fail_to_pull(play: &mut Play, _: &[&str], _: &str) -> Result<(), Fault> {
    play.world.safaricom.answer(PULL, 500, "<html>");
    match sweep(play) {
        Err(_) => {
            play.world.pass(601);
            play.exchange(1)
        }
        Ok(()) => Err("it could".to_owned()),
    }
}

fn new_claim(receipt: &str, how: How) -> NewClaim {
    NewClaim::new(code(receipt), how)
}

fn claim(play: &mut Play, (by, sale): (&str, &str), at: &str, wanted: NewClaim) -> Result<(), Fault> {
    let at = place(at, sale);
    let claimed = play.at(at)?.claim(play.id(at, sale)?, wanted, &who(by), play.now(at));
    play.done(claimed)
}

fn type_allowed(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let approved = allowed(play, (gaps[3], gaps[4]), place(at, gaps[2]))?;
    if approved.is_none() {
        return Ok(());
    }
    claim(play, (gaps[0], gaps[2]), at, NewClaim { approved, ..new_claim(gaps[1], How::Typed) })
}

/// The manager whose PIN this is; `None` where the till did not believe it.
fn allowed(play: &mut Play, (name, pin): (&str, &str), at: &str) -> Result<Option<Person>, Fault> {
    let allowed = play.at(at)?.manager(&play.shop, &staff(name)?, pin, play.now(at));
    let person = allowed.as_ref().ok().cloned();
    play.done(allowed)?;
    Ok(person)
}

fn hand_out(play: &mut Play, gaps: &[&str], at: &str, approved: Option<Person>) -> Result<(), Fault> {
    let at = place(at, gaps[1]);
    let (id, by) = (play.id(at, gaps[1])?, who(gaps[0]));
    let trusted = play.at(at)?.trust(id, said(gaps[2]), approved, (&by, play.now(at)));
    play.done(trusted)
}

fn hand_out_allowed(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    match allowed(play, (gaps[3], gaps[4]), place(at, gaps[1]))? {
        None => Ok(()),
        approved => hand_out(play, gaps, at, approved),
    }
}

fn pick_despite(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let (at, wanted) = (place(at, gaps[2]), new_claim(gaps[1], How::Picked));
    let claimed = play.at(at)?.claim_despite(play.id(at, gaps[2])?, wanted, &who(gaps[0]), play.now(at));
    play.done(claimed)
}

fn release(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, gaps[2]);
    let till = play.at(at)?;
    let claims = till.claims(play.id(at, gaps[2])?).map_err(told)?;
    let claim = claims.iter().find(|claim| claim.receipt == code(gaps[1]));
    let claim = claim.ok_or_else(|| format!("{} does not claim it", gaps[2]))?;
    let released = till.release(claim.id, "wrong sale", &who(gaps[0]), play.now(at));
    play.done(released)
}

fn take_cash(play: &mut Play, gaps: &[&str], at: &str, amount: Option<Money>) -> Result<(), Fault> {
    let sale = gaps[gaps.len() - 1];
    let at = place(at, sale);
    let taken = play.at(at)?.take_cash(play.id(at, sale)?, amount, &who(gaps[0]), play.now(at), None);
    play.done(taken)
}

fn give_back(play: &mut Play, gaps: &[&str], at: &str, amount: Option<Money>) -> Result<(), Fault> {
    let sale = gaps[gaps.len() - 1];
    let at = place(at, sale);
    let id = play.id(at, sale)?;
    let given = play.at(at)?.give_back(id, amount, "too much", &who(gaps[0]), play.now(at), None);
    play.done(given)
}

fn tip(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, gaps[2]);
    let id = play.id(at, gaps[2])?;
    let kept = play.at(at)?.tip(id, Some(money(gaps[1])?), &who(gaps[0]), play.now(at), None);
    play.done(kept)
}

fn leave_credit(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, gaps[1]);
    let left = play.at(at)?.leave_credit(play.id(at, gaps[1])?, &who(gaps[0]), play.now(at));
    play.done(left)
}

fn cancel(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, gaps[1]);
    let cancelled = play.at(at)?.void(play.id(at, gaps[1])?, "slip", &who(gaps[0]), play.now(at));
    play.done(cancelled)
}

fn take_back(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let (sale, at) = (gaps[3], place(at, gaps[3]));
    let line: u16 = gaps[2].parse().map_err(told)?;
    let goods = [(line.checked_sub(1).ok_or("lines begin with 1")?, Quantity::parse(gaps[1]).map_err(told)?)];
    let (by, id) = (who(gaps[0]), play.id(at, sale)?);
    let back = play.at(at)?.take_goods_back(id, &goods, (true, "stale"), (&by, play.now(at)), None);
    play.done(back)
}

fn ask_phone(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let (sale, at) = (gaps[1], place(at, gaps[1]));
    let phone = Msisdn::parse_phone("0712345678").map_err(told)?;
    let asked = play.at(at)?.ask_for_payment(play.id(at, sale)?, &phone, play.now(at));
    if let Ok(prompt) = &asked {
        play.prompts.insert(sale.to_owned(), prompt.checkout_request_id.clone());
    }
    play.done(asked)
}

/// Another sale has the payment, and the customer of this one is asked to pay again.
fn collect_again(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let (sale, at) = (gaps[2], place(at, gaps[2]));
    let (phone, by) = (Msisdn::parse_phone("0712345678").map_err(told)?, who(gaps[0]));
    let what = (&play.shop, &code(gaps[1]));
    let asked = play.at(at)?.collect_again(what, play.id(at, sale)?, &phone, (&by, play.now(at)));
    if let Ok(prompt) = &asked {
        play.prompts.insert(sale.to_owned(), prompt.checkout_request_id.clone());
    }
    play.done(asked)
}

fn phone_pays(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let checkout = play.prompts.get(gaps[0]).ok_or("no phone was asked for it")?;
    let due = play.sale(&gaps[0][..1], gaps[0])?;
    let asked = play.at(&gaps[0][..1])?.push_status(due.id, play.world.now()).map_err(told)?;
    let amount = asked.and_then(|push| push.amount.whole_shillings()).ok_or("no amount was asked")?;
    let items = json!([
        { "Name": "Amount", "Value": amount }, { "Name": "MpesaReceiptNumber", "Value": gaps[1] },
        { "Name": "TransactionDate", "Value": play.world.now().to_daraja().parse::<u64>().map_err(told)? },
        { "Name": "PhoneNumber", "Value": 254_712_345_678_u64 },
    ]);
    ended(play, checkout, json!({ "ResultCode": 0, "CallbackMetadata": { "Item": items } }))
}

fn phone_refuses(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let checkout = play.prompts.get(gaps[0]).ok_or("no phone was asked for it")?;
    ended(play, checkout, json!({ "ResultCode": 1032 }))
}

fn ended(play: &Play, checkout: &str, mut result: serde_json::Value) -> Result<(), Fault> {
    result["MerchantRequestID"] = json!("m");
    result["CheckoutRequestID"] = json!(checkout);
    result["ResultDesc"] = json!("so");
    let body = json!({ "Body": { "stkCallback": result } }).to_string();
    match play.world.post(&play.world.token_path(&play.shop, "s"), &body) {
        (200, _) => Ok(()),
        (status, answer) => Err(format!("{status} {answer}")),
    }
}

/// Somebody at Safaricom gives the money back: the result of a reversal that head office asked for.
fn reverse(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let office = play.at(OFFICE)?;
    let payment =
        office.payment(&play.shop, &code(gaps[0])).map_err(told)?.ok_or("nobody knows this payment")?;
    let why = (&who("Wambui"), "asked back");
    let asked = office.reverse(&play.shop, &payment.receipt, payment.amount, why, play.now(OFFICE));
    let request = asked.map_err(told)?;
    let done = [
        ("OriginalTransactionID", gaps[0]),
        ("Amount", &payment.amount.to_string()),
        ("TransCompletedTime", &play.world.now().to_daraja()),
    ];
    let body = request_result(&request, "0", &format!("V{}", &gaps[0][1..]), &done);
    match play.world.post(&play.world.token_path(&play.shop, "r"), &body) {
        (200, _) => Ok(()),
        (status, answer) => Err(format!("{status} {answer}")),
    }
}

fn open_drawer(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let opened = play.at(gaps[1])?.open_shift(money(gaps[2])?, &who(gaps[0]), play.now(gaps[1]), None);
    play.done(opened)
}

fn close_drawer(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let closed = play.at(gaps[1])?.close_shift(money(gaps[2])?, &who(gaps[0]), play.now(gaps[1]), None);
    play.done(closed)
}

fn move_cash(play: &mut Play, gaps: &[&str], _: &str, amount: Money) -> Result<(), Fault> {
    let moved = play.at(gaps[2])?.move_cash(amount, "change", &who(gaps[0]), play.now(gaps[2]), None);
    play.done(moved)
}

fn offline(play: &mut Play, place: &str, offline: bool) -> Result<(), Fault> {
    play.at(place)?.offline(offline);
    let changed = if offline { play.offline.insert(place.to_owned()) } else { play.offline.remove(place) };
    changed.then_some(()).ok_or_else(|| format!("{place} was so before"))
}

fn meet(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let wifi = play.world.wifi(play.at(gaps[1])?);
    play.at(gaps[0])?.meet(&wifi, None, play.now(gaps[0])).map(drop).map_err(told)
}

fn restart(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    play.at(gaps[0])?;
    play.places.entry(gaps[0].to_owned()).and_modify(|it| it.restart());
    Ok(())
}

fn copy(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let copy = play.world.open(imaged(play.at(gaps[0])?, gaps[1]));
    copy.offline(play.offline.contains(gaps[0]));
    if play.offline.contains(gaps[0]) {
        play.offline.insert(gaps[1].to_owned());
    }
    play.joins(gaps[1], copy);
    Ok(())
}

fn clock(play: &mut Play, gaps: &[&str], sign: i64) -> Result<(), Fault> {
    play.ahead.insert(gaps[0].to_owned(), sign * seconds(gaps[1]).ok_or("no time")? * 1000);
    Ok(())
}

/// The last cash, refund, return or tip of a sale was none.
fn undo(play: &mut Play, gaps: &[&str], at: &str) -> Result<(), Fault> {
    let at = place(at, gaps[2]);
    let (till, by) = (play.at(at)?, who(gaps[0]));
    let row = play.sale(at, gaps[2])?;
    let said = till.said_of(&row).map_err(told)?;
    let what = said.iter().find(|it| it.said.name() == gaps[1]).map(|it| it.id);
    if what.is_none() && !said.is_empty() {
        return Err(format!("nothing like this stands: {said:?}"));
    }
    // Where nothing of it can be taken back here, the till says why.
    let undone = till.undo(row.id, what, "entered wrongly", (&by, play.now(at)), None);
    play.done(undone)
}

/// The books are closed up to a day so many days ago.
fn close_period(play: &mut Play, days: i64, reason: &str) -> Result<(), Fault> {
    let until = play.now(OFFICE).plus_millis(-86_400_000 * days).business_day();
    let (by, now) = (who("Wanjiku"), play.now(OFFICE));
    let closed = play.at(OFFICE)?.close_period(&play.shop, until, reason, (&by, now));
    play.done(closed)
}

fn set(play: &mut Play, gaps: &[&str], _: &str) -> Result<(), Fault> {
    let setting = Setting::new(ItemId::parse(gaps[0]).map_err(told)?, gaps[1]).map_err(told)?;
    write_down(play, Item::Setting(setting))
}

/// Somebody works in the shop from now on.
fn hire(play: &mut Play, gaps: &[&str], role: StaffRole) -> Result<(), Fault> {
    let pin = Some(hash_pin(gaps[1]).map_err(told)?);
    write_down(play, Item::Staff(Staff { id: staff(gaps[0])?, name: who(gaps[0]), role, pin, active: true }))
}

/// How the catalogue names somebody.
fn staff(name: &str) -> Result<ItemId, Fault> {
    ItemId::parse(&name.to_lowercase()).map_err(told)
}

fn write_down(play: &mut Play, item: Item) -> Result<(), Fault> {
    let set = play.at(OFFICE)?.set(&play.shop, &item, &who("Wanjiku"), play.now(OFFICE));
    set.map(drop).map_err(told)
}

fn pass(play: &mut Play, gaps: &[&str]) -> Result<(), Fault> {
    play.world.pass(seconds(gaps[0]).ok_or("no time")? - 1);
    Ok(())
}
