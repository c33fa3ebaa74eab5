//! Who owns a payment. The verdict is a function of the set of claims on it and of how much arrived, so every replica
//! that knows the same names the same leader and the same shares, whatever the order in which it heard.

use crate::{Cited, Claim, FactId, How, Money, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A claim as it lies in the ledger, with what has since been said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingClaim {
    /// The claim's own name.
    pub id: FactId,
    /// When it was made, by its writer's clock.
    pub at: Timestamp,
    /// What it says.
    pub claim: Claim,
    /// It was released, or its sale was voided: it claims nothing any more.
    pub withdrawn: bool,
}

/// What the claims on one receipt code add up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The claim that has the payment, if any does; the first of them, where several have a part.
    pub leader: Option<FactId>,
    /// The sales that have it, each with how much it asked for; one alone has all of it where nothing is said.
    pub shares: BTreeMap<Cited, Option<Money>>,
    /// The sales whose claims lost; empty unless sales want more of a payment than there is.
    pub losers: BTreeSet<Cited>,
}

impl Verdict {
    /// How much of what arrived a sale has; `None` if it has none of it.
    pub fn share(&self, sale: Cited, arrived: Money) -> Option<Money> {
        self.shares.get(&sale).map(|part| part.map_or(arrived, |part| part.min(arrived)))
    }

    /// How much of what arrived no sale has.
    pub fn free(&self, arrived: Money) -> Money {
        let taken = self.shares.keys().filter_map(|sale| self.share(*sale, arrived));
        (arrived - taken.sum()).or_zero()
    }
}

/// Judges the claims on one receipt code, of which so much arrived, if it has been seen.
///
/// The strongest ground leads ([`How`]), among equals the earliest, among those the smaller name. Two
/// claims for the same sale agree with each other, and the stronger says how much. Claims for parts of a payment stand
/// beside each other as long as there is enough of it; any other claims for different sales are a conflict, which
/// stays until a person releases one.
pub fn judge(claims: &[StandingClaim], arrived: Option<Money>) -> Verdict {
    let rank = |c: &&StandingClaim| -> (How, Timestamp, FactId) { (c.claim.how, c.at, c.id) };
    let mut active: Vec<&StandingClaim> = claims.iter().filter(|c| !c.withdrawn).collect();
    active.sort_by_key(rank);
    let mut verdict = Verdict { leader: active.first().map(|leader| leader.id), ..Verdict::default() };
    for StandingClaim { claim, .. } in active {
        if verdict.shares.contains_key(&claim.sale) || verdict.losers.contains(&claim.sale) {
            continue;
        }
        let parts: Option<Money> = verdict.shares.values().copied().sum();
        let enough = |all: Money| arrived.is_none_or(|arrived| all <= arrived);
        let fits = match (parts, claim.part) {
            _ if verdict.shares.is_empty() => true,
            (Some(others), Some(part)) => enough(others + part),
            _ => false,
        };
        if fits {
            verdict.shares.insert(claim.sale, claim.part);
        } else {
            verdict.losers.insert(claim.sale);
        }
    }
    verdict
}

/// The claims that stand in the way of keeping a payment for a sale: all that do not fit beside its own, which go
/// first, the others in the order in which they lead.
pub fn in_the_way(claims: &[StandingClaim], sale: Cited, arrived: Option<Money>) -> Vec<FactId> {
    let active = claims.iter().filter(|claim| !claim.withdrawn).cloned();
    let (mut beside, mut others): (Vec<_>, Vec<_>) = active.partition(|claim| claim.claim.sale == sale);
    others.sort_by_key(|claim| (claim.claim.how, claim.at, claim.id));
    let mut in_the_way = Vec::new();
    for other in others {
        let id = other.id;
        beside.push(other);
        let verdict = judge(&beside, arrived);
        if !verdict.losers.is_empty() || !verdict.shares.contains_key(&sale) {
            beside.pop();
            in_the_way.push(id);
        }
    }
    in_the_way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, ReceiptCode, TillId};
    use proptest::prelude::*;

    fn id(till: u32, number: u64) -> FactId {
        FactId { actor: Actor::first(TillId(till)), number }
    }

    fn kes(shillings: i64) -> Money {
        Money::from_cents(shillings * 100)
    }

    fn claim(name: FactId, sale: FactId, how: How, minute: i64) -> StandingClaim {
        let sale = Cited::by_name(sale);
        let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000).unwrap().plus_millis(minute * 60_000);
        StandingClaim { id: name, at, claim: Claim::new(receipt, sale, how), withdrawn: false }
    }

    #[test]
    fn the_earlier_of_two_equal_claims_leads_and_the_other_sale_is_named() {
        let a = claim(id(1, 2), id(1, 1), How::Picked, 5);
        let b = claim(id(2, 2), id(2, 1), How::Picked, 4);
        let verdict = judge(&[a, b], None);
        assert_eq!(verdict.leader, Some(id(2, 2)));
        assert_eq!(verdict.losers, BTreeSet::from([Cited::by_name(id(1, 1))]));
    }

    #[test]
    fn an_stk_request_outweighs_an_earlier_guess() {
        let guess = claim(id(1, 2), id(1, 1), How::Automatic, 0);
        let asked = claim(id(2, 2), id(2, 1), How::StkRequest, 9);
        assert_eq!(judge(&[guess, asked], None).leader, Some(id(2, 2)));
    }

    #[test]
    fn two_claims_for_one_sale_do_not_quarrel() {
        let claims =
            [claim(id(1, 2), id(1, 1), How::Automatic, 0), claim(id(2, 7), id(1, 1), How::Picked, 1)];
        let verdict = judge(&claims, None);
        assert!(verdict.losers.is_empty());
    }

    fn part(name: FactId, sale: FactId, shillings: i64, minute: i64) -> StandingClaim {
        let it = claim(name, sale, How::Picked, minute);
        StandingClaim { claim: Claim { part: Some(kes(shillings)), ..it.claim }, ..it }
    }

    #[test]
    fn parts_stand_beside_each_other_as_long_as_there_is_enough() {
        let claims = [
            part(id(1, 4), id(1, 1), 700, 0),
            part(id(1, 5), id(1, 2), 300, 1),
            part(id(2, 2), id(2, 1), 1, 2),
        ];
        let verdict = judge(&claims, Some(kes(1000)));
        let of = |till, number| verdict.share(Cited::by_name(id(till, number)), kes(1000));
        assert_eq!((of(1, 1), of(1, 2), of(2, 1)), (Some(kes(700)), Some(kes(300)), None));
        assert_eq!(verdict.losers, BTreeSet::from([Cited::by_name(id(2, 1))]));
        assert_eq!(judge(&claims[..1], Some(kes(1000))).free(kes(1000)), kes(300), "the rest is credit");
        assert!(judge(&claims, None).losers.is_empty(), "nobody knows yet how much there is");
    }

    #[test]
    fn whoever_wants_all_of_a_payment_stands_beside_nobody() {
        let (all, some) = (claim(id(1, 4), id(1, 1), How::Picked, 0), part(id(2, 4), id(2, 1), 10, 1));
        assert_eq!(judge(&[all.clone(), some.clone()], Some(kes(1000))).losers.len(), 1);
        let earlier = StandingClaim { at: some.at.plus_millis(-3_600_000), ..some };
        let verdict = judge(&[all, earlier], Some(kes(1000)));
        assert_eq!(verdict.losers, BTreeSet::from([Cited::by_name(id(1, 1))]));
        assert_eq!(verdict.free(kes(1000)), kes(990));
    }

    #[test]
    fn whoever_asks_for_a_part_that_is_more_than_arrived_has_what_arrived() {
        let verdict = judge(&[part(id(1, 4), id(1, 1), 700, 0)], Some(kes(500)));
        assert_eq!(verdict.share(Cited::by_name(id(1, 1)), kes(500)), Some(kes(500)));
        assert_eq!(verdict.free(kes(500)), Money::ZERO);
    }

    #[test]
    fn a_withdrawn_claim_claims_nothing() {
        let mut gone = claim(id(1, 2), id(1, 1), How::Picked, 0);
        gone.withdrawn = true;
        assert_eq!(judge(std::slice::from_ref(&gone), None), Verdict::default());
        let next = claim(id(2, 2), id(2, 1), How::Picked, 9);
        assert_eq!(judge(&[gone, next], None).leader, Some(id(2, 2)));
    }

    prop_compose! {
        fn any_claim()(till in 1u32..4, number in 1u64..6, sale in 1u64..4, minute in 0i64..4,
                       strength in 0usize..5, withdrawn: bool, part in 0i64..4) -> StandingClaim {
            let how = [How::StkRequest, How::AccountReference, How::Typed, How::Picked, How::Automatic];
            let mut claim = claim(id(till, 100 + number), id(till, sale), how[strength], minute);
            claim.withdrawn = withdrawn;
            claim.claim.part = (part > 0).then(|| kes(100 * part));
            claim
        }
    }

    /// Facts have names: no two claims share one.
    fn any_claims() -> impl Strategy<Value = Vec<StandingClaim>> {
        prop::collection::vec(any_claim(), 0..9).prop_map(|mut claims| {
            claims.sort_by_key(|c| c.id);
            claims.dedup_by_key(|c| c.id);
            claims
        })
    }

    #[test]
    fn what_is_kept_for_one_sale_leaves_others_the_parts_that_fit_beside_it() {
        let part = |name, sale, minute, shillings| {
            let mut claim = claim(name, sale, How::Picked, minute);
            claim.claim.part = Some(kes(shillings));
            claim
        };
        let [a, b, c] = [(1, 1), (1, 3), (2, 1)].map(|(till, number)| id(till, number));
        let claims = [part(id(1, 2), a, 0, 510), part(id(1, 4), b, 1, 210), part(id(2, 2), c, 2, 520)];
        let arrived = Some(kes(800));
        assert_eq!(in_the_way(&claims, Cited::by_name(c), arrived), [id(1, 2)], "the second fits beside it");
        assert_eq!(in_the_way(&claims, Cited::by_name(a), arrived), [id(2, 2)]);
        let whole = [claims[0].clone(), claim(id(2, 2), c, How::Typed, 2)];
        assert_eq!(in_the_way(&whole, Cited::by_name(c), arrived), [id(1, 2)]);
    }

    proptest! {
        #[test]
        fn the_order_in_which_claims_arrive_never_matters(
            (claims, shuffled) in any_claims().prop_flat_map(|claims| {
                (Just(claims.clone()), Just(claims).prop_shuffle())
            }),
            arrived in prop::option::of(0i64..6),
        ) {
            let arrived = arrived.map(|hundreds| kes(100 * hundreds));
            prop_assert_eq!(judge(&claims, arrived), judge(&shuffled, arrived));
        }

        #[test]
        fn no_more_of_a_payment_is_given_to_sales_than_arrived(claims in any_claims(), hundreds in 0i64..6) {
            let arrived = kes(100 * hundreds);
            let verdict = judge(&claims, Some(arrived));
            let given: Money = verdict.shares.keys().filter_map(|sale| verdict.share(*sale, arrived)).sum();
            prop_assert_eq!(given + verdict.free(arrived), arrived, "what arrived is somebody's, or free");
        }

        #[test]
        fn every_sale_that_claims_either_has_a_share_or_lost(claims in any_claims(), hundreds in 0i64..6) {
            let verdict = judge(&claims, Some(kes(100 * hundreds)));
            let active: BTreeSet<Cited> = claims.iter().filter(|c| !c.withdrawn).map(|c| c.claim.sale).collect();
            let told: BTreeSet<Cited> = verdict.shares.keys().chain(&verdict.losers).copied().collect();
            prop_assert_eq!(&told, &active);
            prop_assert_eq!(told.len(), verdict.shares.len() + verdict.losers.len());
            prop_assert_eq!(verdict.leader.is_some(), !active.is_empty());
        }
    }
}
