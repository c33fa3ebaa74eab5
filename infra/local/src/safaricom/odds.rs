//! How often something happens: faults of Safaricom's, habits of customers. All of it is off by default.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Makes an enum whose members have a name that can be typed and a sentence that explains them.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($member:ident $name:literal $means:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind { $(#[doc = $means] $member),+ }

        impl Named for $kind {
            const ALL: &'static [Self] = &[$(Self::$member),+];
            fn name(self) -> &'static str {
                match self { $(Self::$member => $name),+ }
            }
            fn means(self) -> &'static str {
                match self { $(Self::$member => $means),+ }
            }
        }
    };
}

/// What can be switched by its name.
pub trait Named: Copy + Ord + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// The name that is typed.
    fn name(self) -> &'static str;
    /// What it does, as a sentence.
    fn means(self) -> &'static str;
    /// The one of a name.
    fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}

named! {
    /// What goes wrong, or comes in another of the forms that were seen (fact sheet §1 to §5).
    Fault {
        CallbackLost "callback-lost" "A callback of any kind is never sent.",
        ConfirmationLost "confirmation-lost" "A C2B confirmation is never sent.",
        StkResultLost "stk-result-lost" "The result of a prompt is never sent.",
        CallbackDoubled "callback-doubled" "A callback is sent twice.",
        CallbackDelayed "callback-delayed" "A callback waits before it is sent.",
        CallbackReordered "callback-reordered" "A callback waits a few seconds, so that later ones overtake it.",
        ConfirmationForged "confirmation-forged" "Beside a true confirmation, somebody posts one of a payment that never was.",
        StkNotEchoed "stk-not-echoed" "A payment by prompt is not confirmed over C2B as well.",
        StkAfterC2b "stk-after-c2b" "The result of a prompt comes after the C2B confirmation of the same payment.",
        LateSuccess "late-success" "A prompt ends with 1037, and the customer pays all the same later.",
        LockRefused "lock-refused" "A push to a phone that is busy is refused at once (500.001.1001) instead of ending with 1001.",
        AnswerSilent "answer-silent" "A push or reversal is taken, and its answer never comes.",
        Answer504 "answer-504" "A push or reversal is taken, and answered with an HTML page and 504.",
        HtmlError "html-error" "A request is answered with an HTML page and 503, and not taken.",
        Empty401 "empty-401" "A request is answered with an empty 401, and not taken.",
        SpikeArrest "spike-arrest" "A request is answered with 500.003.02, and not taken.",
        TokenVoid "token-void" "A token is void as soon as it is given.",
        ExpiresInNumber "expires-in-number" "`expires_in` is a number and not a text.",
        QueryPending4999 "query-pending-4999" "A prompt under way answers a query with 4999 instead of 500.001.1001.",
        QueryHtml "query-html" "An STK query is answered with an HTML page and 502.",
        QueryCodeNumber "query-code-number" "`ResultCode` of an STK query is a number and not a text.",
        ResultCodeText "result-code-text" "`ResultCode` of a callback is a text and not a number.",
        AmountWhole "amount-whole" "Amounts in callbacks look like 350.",
        AmountOneDecimal "amount-one-decimal" "Amounts in callbacks look like 350.0.",
        AmountTwoDecimals "amount-two-decimals" "Amounts in callbacks look like 350.00.",
        BalanceWithoutValue "balance-without-value" "An STK result has an item `Balance` without a `Value`.",
        NamesMissing "names-missing" "A confirmation ends before the names, or after the first one.",
        MsisdnPlain "msisdn-plain" "Phone numbers come whole.",
        MsisdnMasked "msisdn-masked" "Phone numbers come masked, in results and pulled rows too.",
        MsisdnHashed "msisdn-hashed" "Phone numbers come as SHA-256.",
        QueueTimeOut "queue-time-out" "A status, reversal or balance is done, but reported to `QueueTimeOutURL`.",
        RoleMissing "role-missing" "The initiator lacks the role for a status, reversal or balance: 21.",
        ResultKeysVariant "result-keys-variant" "The keys of a status result are spelt as in the portal's misprints.",
        PullDatesZ "pull-dates-z" "Pulled rows end in `Z` and mean Nairobi time all the same.",
        PullDatesUtc "pull-dates-utc" "Pulled rows are in UTC and say so.",
        PullEmpty500 "pull-empty-500" "A pull that finds nothing is answered with 500 and \"failed to retrieve\".",
        PullKeysVariant "pull-keys-variant" "Keys and types of Pull are those of the portal's tables: `Response Status`, `Transaction`, numbers.",
        QrResponseId "qr-response-id" "`ResponseCode` of a QR is an id instead of 00.",
    }
}

named! {
    /// What a customer does.
    Habit {
        Pays "pays" "Pays what is asked.",
        PaysTooLittle "pays-too-little" "Pays half of it.",
        PaysTwice "pays-twice" "Pays it twice.",
        PaysLate "pays-late" "Pays a few minutes later; a prompt, just before it ends.",
        Cancels "cancels" "Cancels.",
        NoFunds "no-funds" "Has not enough money.",
        Ignores "ignores" "Never answers the prompt.",
        WrongPin "wrong-pin" "Types a wrong PIN.",
        WrongAccount "wrong-account" "Types a wrong account number.",
    }
}

/// How many times in a hundred each of some things happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odds<K: Ord>(BTreeMap<K, u8>);

/// How often each fault happens.
pub type Faults = Odds<Fault>;
/// How often customers who act by themselves have each habit; else they simply pay.
pub type Habits = Odds<Habit>;

impl<K: Ord> Default for Odds<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Named> Odds<K> {
    /// These odds and one more; above 100 is always.
    #[must_use]
    pub fn with(mut self, what: K, percent: u8) -> Self {
        self.set(what, percent);
        self
    }

    /// Sets how often something happens; 0 switches it off.
    pub fn set(&mut self, what: K, percent: u8) {
        self.0.insert(what, percent.min(100));
    }

    /// How often it happens.
    pub fn percent(&self, what: K) -> u8 {
        self.0.get(&what).copied().unwrap_or(0)
    }

    /// Whether it happens now. Chance is only asked where it has a say, so that always and never leave
    /// the rest of a run as it was.
    pub(super) fn roll(&self, what: K, random: &mut fastrand::Rng) -> bool {
        match self.percent(what) {
            0 => false,
            100.. => true,
            percent => random.u8(..100) < percent,
        }
    }

    /// The first thing that happens now, if any does.
    pub(super) fn pick(&self, random: &mut fastrand::Rng) -> Option<K> {
        self.0.keys().copied().find(|what| self.roll(*what, random))
    }
}

/// One thing and how often: `callback-lost=30`, or `callback-lost` for always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance<K>(pub K, pub u8);

impl<K: Named> FromStr for Chance<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, percent) = text.split_once('=').unwrap_or((text, "100"));
        let names = || K::ALL.iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
        let what = K::of(name).ok_or_else(|| format!("{name:?} is none of: {}", names()))?;
        let percent = percent.parse().ok().filter(|percent| *percent <= 100);
        Ok(Self(what, percent.ok_or("how often is a whole number from 0 to 100, in percent")?))
    }
}

impl<K: Named> FromIterator<Chance<K>> for Odds<K> {
    fn from_iter<I: IntoIterator<Item = Chance<K>>>(chances: I) -> Self {
        chances.into_iter().fold(Self::default(), |odds, Chance(what, percent)| odds.with(what, percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_typed_by_its_name_and_how_often() {
        assert_eq!("callback-lost=30".parse(), Ok(Chance(Fault::CallbackLost, 30)));
        assert_eq!("query-html".parse(), Ok(Chance(Fault::QueryHtml, 100)));
        assert_eq!("pays-twice=5".parse(), Ok(Chance(Habit::PaysTwice, 5)));
        for wrong in ["callback-lost=101", "callback-lost=x", "callback-lost=0.3", "no-such", ""] {
            assert!(wrong.parse::<Chance<Fault>>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(Fault::of(fault.name()), Some(*fault));
        }
    }

    #[test]
    fn always_and_never_ask_no_chance() {
        let mut random = fastrand::Rng::with_seed(1);
        let faults = Faults::default().with(Fault::HtmlError, 100).with(Fault::Empty401, 0);
        assert!(faults.roll(Fault::HtmlError, &mut random) && !faults.roll(Fault::Empty401, &mut random));
        assert_eq!(random.u64(..), fastrand::Rng::with_seed(1).u64(..));
    }
}
