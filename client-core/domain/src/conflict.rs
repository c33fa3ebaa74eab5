//! Two sales that want one payment: which leads, and why. The verdict decides; here is what people hear of it.

use crate::How;
use crate::verdict::StandingClaim;

/// Why one claim leads before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// It has the stronger ground.
    Stronger(How, How),
    /// It was made earlier, on equal ground.
    Earlier,
    /// Both were made at one instant on equal ground, and one has to be first on every replica.
    Name,
}

impl Lead {
    /// Why the leader leads before another claim on the same payment.
    pub fn before(leader: &StandingClaim, other: &StandingClaim) -> Self {
        match (leader.claim.how, other.claim.how) {
            (how, than) if how != than => Self::Stronger(how, than),
            _ if leader.at != other.at => Self::Earlier,
            _ => Self::Name,
        }
    }

    /// The same, in words.
    pub fn words(self) -> String {
        match self {
            Self::Stronger(how, than) => {
                format!("{}, which tells more than that {}", ground(how), ground(than))
            }
            Self::Earlier => "it was claimed first".to_owned(),
            Self::Name => {
                "both were claimed at the same instant, and every till has to name the same one".to_owned()
            }
        }
    }
}

const fn ground(how: How) -> &'static str {
    match how {
        How::StkRequest => "the payment answers a request to the customer's phone",
        How::AccountReference => "the customer typed the sale's reference",
        How::Typed => "a cashier typed the code",
        How::Picked => "a cashier picked the payment from the list",
        How::Automatic => "nothing else fitted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::judge;
    use crate::{Actor, Cited, Claim, FactId, ReceiptCode, TillId, Timestamp};

    #[test]
    fn the_leader_of_the_verdict_leads_for_a_reason_that_is_said() {
        let claim = |till: u32, how, minute: i64| {
            let id = FactId { actor: Actor::first(TillId(till)), number: 2 };
            let sale = Cited::by_name(FactId { number: 1, ..id });
            let at = Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(minute * 60_000);
            let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
            StandingClaim { id, at, claim: Claim::new(receipt, sale, how), withdrawn: false }
        };
        for (one, two, why) in [
            (
                claim(1, How::StkRequest, 9),
                claim(2, How::Typed, 0),
                Lead::Stronger(How::StkRequest, How::Typed),
            ),
            (claim(2, How::Typed, 0), claim(1, How::Typed, 1), Lead::Earlier),
            (claim(1, How::Typed, 0), claim(2, How::Typed, 0), Lead::Name),
        ] {
            assert_eq!(judge(&[two.clone(), one.clone()], None).leader, Some(one.id));
            assert_eq!(Lead::before(&one, &two), why);
            assert!(!why.words().is_empty());
        }
    }
}
