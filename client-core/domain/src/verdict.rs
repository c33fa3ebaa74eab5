//! Who owns a payment. The verdict is a function of the set of claims alone, so every replica that has
//! the same facts names the same leader, whatever the order in which they arrived.

use crate::{Cited, Claim, FactId, How, Timestamp};
use std::collections::BTreeSet;

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
    /// The claim that has the payment, if any does.
    pub leader: Option<FactId>,
    /// The sales whose claims lost; empty unless two sales want one payment.
    pub losers: BTreeSet<Cited>,
}

/// Judges the claims on one receipt code.
///
/// The strongest ground leads ([`How`]), among equals the earliest, among those the smaller name. Two
/// claims for the same sale agree with each other; claims for different sales are a conflict, which
/// stays until a person releases one.
pub fn judge(claims: &[StandingClaim]) -> Verdict {
    let rank = |c: &&StandingClaim| -> (How, Timestamp, FactId) { (c.claim.how, c.at, c.id) };
    let active = || claims.iter().filter(|c| !c.withdrawn);
    let Some(leader) = active().min_by_key(rank) else { return Verdict::default() };
    let losers = active().map(|c| c.claim.sale).filter(|sale| *sale != leader.claim.sale).collect();
    Verdict { leader: Some(leader.id), losers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, ReceiptCode, TillId};
    use proptest::prelude::*;

    fn id(till: u32, number: u64) -> FactId {
        FactId { actor: Actor::first(TillId(till)), number }
    }

    fn claim(name: FactId, sale: FactId, how: How, minute: i64) -> StandingClaim {
        let sale = Cited::by_name(sale);
        let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000).unwrap().plus_millis(minute * 60_000);
        StandingClaim { id: name, at, claim: Claim { receipt, sale, how }, withdrawn: false }
    }

    #[test]
    fn the_earlier_of_two_equal_claims_leads_and_the_other_sale_is_named() {
        let a = claim(id(1, 2), id(1, 1), How::Picked, 5);
        let b = claim(id(2, 2), id(2, 1), How::Picked, 4);
        let verdict = judge(&[a, b]);
        assert_eq!(verdict.leader, Some(id(2, 2)));
        assert_eq!(verdict.losers, BTreeSet::from([Cited::by_name(id(1, 1))]));
    }

    #[test]
    fn an_stk_request_outweighs_an_earlier_guess() {
        let guess = claim(id(1, 2), id(1, 1), How::Automatic, 0);
        let asked = claim(id(2, 2), id(2, 1), How::StkRequest, 9);
        assert_eq!(judge(&[guess, asked]).leader, Some(id(2, 2)));
    }

    #[test]
    fn two_claims_for_one_sale_do_not_quarrel() {
        let verdict =
            judge(&[claim(id(1, 2), id(1, 1), How::Automatic, 0), claim(id(2, 7), id(1, 1), How::Picked, 1)]);
        assert!(verdict.losers.is_empty());
    }

    #[test]
    fn a_withdrawn_claim_claims_nothing() {
        let mut gone = claim(id(1, 2), id(1, 1), How::Picked, 0);
        gone.withdrawn = true;
        assert_eq!(judge(std::slice::from_ref(&gone)), Verdict::default());
        let next = claim(id(2, 2), id(2, 1), How::Picked, 9);
        assert_eq!(judge(&[gone, next]).leader, Some(id(2, 2)));
    }

    prop_compose! {
        fn any_claim()(till in 1u32..4, number in 1u64..6, sale in 1u64..4, minute in 0i64..4,
                       strength in 0usize..5, withdrawn: bool) -> StandingClaim {
            let how = [How::StkRequest, How::AccountReference, How::Typed, How::Picked, How::Automatic];
            let mut claim = claim(id(till, 100 + number), id(till, sale), how[strength], minute);
            claim.withdrawn = withdrawn;
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

    proptest! {
        #[test]
        fn the_order_in_which_claims_arrive_never_matters(
            (claims, shuffled) in any_claims().prop_flat_map(|claims| {
                (Just(claims.clone()), Just(claims).prop_shuffle())
            })
        ) {
            prop_assert_eq!(judge(&claims), judge(&shuffled));
        }

        #[test]
        fn one_payment_settles_at_most_one_sale(claims in any_claims()) {
            let verdict = judge(&claims);
            let active = claims.iter().filter(|c| !c.withdrawn).count();
            prop_assert_eq!(verdict.leader.is_some(), active > 0);
            let leading = claims.iter().find(|c| Some(c.id) == verdict.leader && !c.withdrawn);
            if let Some(leading) = leading {
                prop_assert!(!verdict.losers.contains(&leading.claim.sale));
            }
        }
    }
}
