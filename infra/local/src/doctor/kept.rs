//! What the hub has kept: its store's file, and how each shop's payments come in.

use super::finding::{Finding, spoken};
use domain::Timestamp;
use embedded::{Examined, ExaminedShop};
use service::StoreError;
use std::collections::BTreeMap;

/// A sweep runs every quarter of an hour; after this long, several have failed.
const LATE_SWEEP_MILLIS: u64 = 60 * 60_000;
/// Safaricom tells of payments for so long (fact sheet §1.7).
pub(super) const REACH_MILLIS: i64 = 48 * 3_600_000;

/// The store's file.
pub(super) fn judge_store(examined: &Result<Examined, StoreError>) -> Vec<Finding> {
    const NAME: &str = "store";
    let contents = match examined {
        Ok(Examined::Present(contents)) => contents,
        Ok(Examined::Older(schema)) => {
            let says = format!(
                "it has schema {schema} of an older release: copy the folder, then start the hub, which \
                 brings it up to date; what is in it was not checked"
            );
            return vec![Finding::warn(NAME, says)];
        }
        Err(StoreError::Damaged(why)) => {
            let says = format!("damaged ({why}): stop the hub, keep this file, restore the newest backup");
            return vec![Finding::fail(NAME, says)];
        }
        Err(StoreError::Unreachable(why)) => {
            let says =
                format!("can not be opened ({why}): start the hub once, or name its folder with --data");
            return vec![Finding::fail(NAME, says)];
        }
    };
    let mut findings = vec![Finding::ok(NAME, "the file is sound")];
    findings.push(match contents.inbox {
        0 => Finding::ok("inbox", "nothing waits for a person"),
        count => {
            Finding::warn("inbox", format!("{count} callbacks wait for a person: look at `leja admin inbox`"))
        }
    });
    if contents.shops.is_empty() {
        findings.push(Finding::warn("shops", "none is open: open one with `leja admin shop`"));
    }
    findings
}

/// Whether a shop's payments are confirmed to us.
pub(super) fn judge_confirmations(seen: &ExaminedShop, base: &str, now: Timestamp) -> Finding {
    let ExaminedShop { shop, last_confirmation, pulled, unconfirmed, .. } = seen;
    let (name, id) = (format!("c2b {}", shop.id), &shop.id);
    let register = format!("register it with `leja admin register {id}`, then pay one shilling");
    let Some(last) = last_confirmation else {
        let says = format!("no payment was ever confirmed to {base}/in/…/c/confirmation: {register}");
        return if *pulled > 0 { Finding::fail(name, says) } else { Finding::warn(name, says) };
    };
    let age = now.distance_millis(*last);
    let says = format!("the last confirmation came {} ago", spoken(age));
    let lost = format!("{unconfirmed} of {pulled} payments pulled in the last two days were not confirmed");
    if *unconfirmed == 0 {
        return Finding::ok(name, says);
    }
    if unconfirmed == pulled && age > REACH_MILLIS.unsigned_abs() {
        return Finding::fail(name, format!("{says}; {lost}: Safaricom does not get here; {register}"));
    }
    let says = format!(
        "{says}; {lost}: pulling found them. If it goes on, see `reachable` and `validation`, and ask \
         apisupport@safaricom.co.ke"
    );
    Finding::warn(name, says)
}

/// Whether a shop is swept. `sweeping`: a hub runs, and has an app to sweep with.
pub(super) fn judge_sweep(seen: &ExaminedShop, sweeping: bool, now: Timestamp) -> Finding {
    let name = format!("sweep {}", seen.shop.id);
    let Some(until) = seen.swept.pulled_until else {
        let says = "nothing was pulled yet: run `leja admin sweep` once the hub has its keys and the number \
                    is registered for Pull Transactions";
        return Finding::warn(name, says);
    };
    let age = now.distance_millis(until);
    let says = format!("everything was pulled until {} ago", spoken(age));
    if age > REACH_MILLIS.unsigned_abs() {
        let says = format!("{says}, and Safaricom tells of two days only: import the statement");
        return Finding::fail(name, says);
    }
    if age > LATE_SWEEP_MILLIS {
        if sweeping {
            return Finding::fail(name, format!("{says}: run `leja admin sweep`, and do what it says"));
        }
        return Finding::warn(name, format!("{says}: start the hub before two days have passed"));
    }
    if let Some(gap) = seen.swept.gaps.first() {
        let count = seen.swept.gaps.len();
        let says = format!(
            "{says}; {count} gaps in the balances that nothing explains, the first {gap}: compare with the \
             statement"
        );
        return Finding::warn(name, says);
    }
    Finding::ok(name, says)
}

/// What a hub counted since it started.
pub(super) fn judge_counts(counts: &BTreeMap<String, u64>) -> Finding {
    let of = |name: &str| counts.get(name).copied().unwrap_or(0);
    let says = format!(
        "since the hub started: {} kept, {} repeated, {} to the inbox",
        of("kept"),
        of("repeated"),
        of("inbox")
    );
    if of("refused") > 0 {
        let says = format!(
            "{says}; {} were not acknowledged, because nothing took them: look at store and disk",
            of("refused")
        );
        return Finding::fail("counts", says);
    }
    if of("spilled") > 0 {
        let says = format!("{says}; {} went to the fallback queue: look at store and disk", of("spilled"));
        return Finding::warn("counts", says);
    }
    if of("wrong_tokens") > 0 {
        let says = format!(
            "{says}; {} came with a wrong token: somebody guesses, or Safaricom calls an address that was \
             retired (`leja admin shops`, `leja admin register`)",
            of("wrong_tokens")
        );
        return Finding::warn("counts", says);
    }
    Finding::ok("counts", says)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Fail, Ok as Fine, Warn};
    use super::super::finding::tests::check;
    use super::*;
    use domain::{Account, Shop, ShopId, ShortCode};
    use embedded::Contents;
    use service::sweep::Swept;

    const HOUR: i64 = 3_600_000;

    fn now() -> Timestamp {
        Timestamp::parse_daraja("20261121101500").unwrap()
    }

    fn seen() -> ExaminedShop {
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        ExaminedShop {
            shop: Shop::new(ShopId::parse("duka").unwrap(), "Duka", account, None).unwrap(),
            newest_token: 0,
            last_confirmation: None,
            pulled: 0,
            unconfirmed: 0,
            swept: Swept::default(),
        }
    }

    #[test]
    fn a_store_is_sound_or_it_is_said_what_to_do() {
        let present = |inbox, shops| judge_store(&Ok(Examined::Present(Contents { inbox, shops })));
        assert!(present(0, vec![seen()]).iter().all(|finding| finding.level == Fine));
        check(&present(2, vec![seen()])[1], Warn, "2 callbacks");
        check(&present(0, Vec::new())[2], Warn, "leja admin shop");
        check(&judge_store(&Ok(Examined::Older(1)))[0], Warn, "schema 1");
        check(&judge_store(&Err(StoreError::Damaged("x".to_owned())))[0], Fail, "restore");
        check(&judge_store(&Err(StoreError::Unreachable("x".to_owned())))[0], Fail, "--data");
    }

    #[test]
    fn payments_that_only_pulling_finds_show_that_nobody_calls() {
        let judge = |last: Option<i64>, pulled, unconfirmed| {
            let last_confirmation = last.map(|hours| now().plus_millis(-hours * HOUR));
            let seen = ExaminedShop { last_confirmation, pulled, unconfirmed, ..seen() };
            judge_confirmations(&seen, "https://pay.example.com", now())
        };
        check(&judge(None, 0, 0), Warn, "https://pay.example.com/in/…/c/confirmation");
        check(&judge(None, 4, 4), Fail, "leja admin register duka");
        check(&judge(Some(100), 0, 0), Fine, "4 d ago");
        check(&judge(Some(1), 137, 103), Warn, "103 of 137");
        check(&judge(Some(1), 4, 4), Warn, "4 of 4");
        check(&judge(Some(49), 4, 4), Fail, "does not get here");
    }

    #[test]
    fn a_sweep_that_is_late_fails_beside_a_running_hub_and_is_lost_after_two_days() {
        let judge = |millis: i64, sweeping| {
            let swept = Swept { pulled_until: Some(now().plus_millis(-millis)), gaps: Vec::new() };
            judge_sweep(&ExaminedShop { swept, ..seen() }, sweeping, now())
        };
        check(&judge(HOUR, true), Fine, "1 h ago");
        check(&judge(HOUR + 1, true), Fail, "leja admin sweep");
        check(&judge(HOUR + 1, false), Warn, "start the hub");
        check(&judge(48 * HOUR + 1, false), Fail, "import the statement");
        check(&judge_sweep(&seen(), true, now()), Warn, "nothing was pulled yet");
    }

    #[test]
    fn a_gap_in_the_balances_is_shown() {
        let swept = Swept { pulled_until: Some(now()), gaps: vec!["500.00 missing".to_owned()] };
        let gap = judge_sweep(&ExaminedShop { swept, ..seen() }, true, now());
        check(&gap, Warn, "the first 500.00 missing");
    }

    #[test]
    fn what_was_not_acknowledged_is_the_worst_count() {
        let judge = |counts: &[(&str, u64)]| {
            judge_counts(&counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
        };
        check(&judge(&[("kept", 3)]), Fine, "3 kept");
        check(&judge(&[("wrong_tokens", 2)]), Warn, "2 came with a wrong token");
        check(&judge(&[("spilled", 1), ("wrong_tokens", 1)]), Warn, "fallback queue");
        check(&judge(&[("refused", 1), ("spilled", 1)]), Fail, "not acknowledged");
    }
}
