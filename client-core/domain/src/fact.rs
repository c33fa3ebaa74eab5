//! The facts that tills and head office write. A fact is written once and never changed; a correction
//! is another fact.

use crate::{
    BusinessDay, Cited, Clock, Closing, Count, FactId, Money, PhoneEnding, ReceiptCode, Return, Sale,
    StockMove, Timestamp,
};

/// One thing that happened, under its natural name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Who wrote it, and under which number.
    pub id: FactId,
    /// When. The writer corrected its own clock by `clock`, so that days, windows and orders need no second
    /// look at whose clock was wrong; [`Self::own_time`] is what the writer's clock showed.
    pub at: Timestamp,
    /// How the writer's clock stood to the cloud's; `None` if it had never met the cloud, or wrote with a
    /// release that did not measure it. Then `at` is the writer's own time.
    pub clock: Option<Clock>,
    /// The name it was printed under, if its writer had to write it again in a new life.
    pub formerly: Option<FactId>,
    /// The person at the till or at head office; what a till does by itself it does as `Leja`.
    pub by: Person,
    /// What happened.
    pub body: FactBody,
}

impl Fact {
    /// What the writer's own clock showed.
    pub fn own_time(&self) -> Timestamp {
        self.clock.map_or(self.at, |clock| clock.uncorrect(self.at))
    }

    /// How others refer to it: by the name it had first, which is the one on its receipt, and its instant.
    pub fn cited(&self) -> Cited {
        Cited::new(self.formerly.unwrap_or(self.id), self.at)
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactBody {
    /// Goods were sold. The fact's name is the sale's name.
    Sale(Sale),
    /// Cash was taken for a sale that was to be paid otherwise.
    Cash {
        /// The sale it pays.
        sale: Cited,
        /// How much of it counts towards the sale; change is not in it.
        amount: Money,
        /// By how much more went into the drawer, below nothing less, because there are no smaller coins.
        rounding: Money,
    },
    /// "This receipt code pays this sale."
    Claim(Claim),
    /// A claim is taken back; the payment is free again.
    Release {
        /// The claim.
        claim: Cited,
        /// Why, in the person's words.
        reason: String,
    },
    /// A sale is cancelled; what was claimed for it is free again.
    Void {
        /// The sale.
        sale: Cited,
        /// Why, in the person's words.
        reason: String,
    },
    /// Goods came or went; before counts were facts of their own, they were counted too.
    Stock(StockMove),
    /// Somebody counted what is there.
    Count(Count),
    /// The receipt of a sale was printed: whoever prints says so once the paper is out. Again for a copy.
    Printed {
        /// The sale.
        sale: Cited,
    },
    /// Cash went back to the customer of a sale.
    Refund {
        /// The sale.
        sale: Cited,
        /// How much.
        amount: Money,
        /// By how much more went out of the drawer, below nothing less, because there are no smaller coins.
        rounding: Money,
        /// Why, in the person's words.
        reason: String,
    },
    /// Goods of a sale came back.
    Return(Return),
    /// The goods of a sale were handed out though no payment was found: somebody took the customer's word for it.
    Trusted {
        /// The sale; what is due on it stays due.
        sale: Cited,
        /// Why, in the person's words.
        reason: String,
        /// The manager who allowed it, where that was needed.
        approved: Option<Person>,
    },
    /// The customer of a sale left what was paid beyond it.
    Tip {
        /// The sale.
        sale: Cited,
        /// How much.
        amount: Money,
    },
    /// Something that was said of a sale was a mistake, and counts no more: cash taken or given back, goods that came
    /// back, a tip. Its till's drawer has what it had before.
    Undone {
        /// The sale.
        sale: Cited,
        /// The fact that counts no more.
        what: Cited,
        /// Why, in the person's words.
        reason: String,
    },
    /// Safaricom was asked to give a payment back, whole. What becomes of it, Safaricom says.
    ReversalAsked {
        /// The payment.
        receipt: ReceiptCode,
        /// How much it is.
        amount: Money,
        /// Why, in the person's words.
        reason: String,
    },
    /// Head office closed the books up to a day: what was decided about sales up to then stays. The latest of these
    /// holds: an earlier day opens them again.
    PeriodClosed {
        /// The last day within.
        until: BusinessDay,
        /// Why, in the person's words, where they are opened again; nothing else.
        reason: String,
    },
    /// A drawer was opened for a shift.
    ShiftOpened {
        /// What lay in it.
        float: Money,
    },
    /// Cash was put into a drawer or taken out of it for another reason than a sale.
    CashMoved {
        /// How much; below nothing, it was taken out.
        amount: Money,
        /// Why, in the person's words.
        reason: String,
    },
    /// A shift was closed.
    ShiftClosed(Box<Closing>),
}

impl FactBody {
    /// The same, where what it refers to by name alone goes by another name now.
    #[must_use]
    pub fn renamed(self, name: impl Fn(FactId) -> FactId) -> Self {
        let now = |cited: Cited| match cited.at {
            Some(_) => cited,
            None => Cited { id: name(cited.id), at: None },
        };
        match self {
            Self::Cash { sale, amount, rounding } => Self::Cash { sale: now(sale), amount, rounding },
            Self::Claim(claim) => Self::Claim(Claim { sale: now(claim.sale), ..claim }),
            Self::Release { claim, reason } => Self::Release { claim: now(claim), reason },
            Self::Void { sale, reason } => Self::Void { sale: now(sale), reason },
            Self::Printed { sale } => Self::Printed { sale: now(sale) },
            Self::Refund { sale, amount, rounding, reason } => {
                Self::Refund { sale: now(sale), amount, rounding, reason }
            }
            Self::Return(back) => Self::Return(Return { sale: now(back.sale), ..back }),
            Self::Trusted { sale, reason, approved } => Self::Trusted { sale: now(sale), reason, approved },
            Self::Tip { sale, amount } => Self::Tip { sale: now(sale), amount },
            Self::Undone { sale, what, reason } => Self::Undone { sale: now(sale), what: now(what), reason },
            Self::Sale(_)
            | Self::Stock(_)
            | Self::Count(_)
            | Self::ReversalAsked { .. }
            | Self::PeriodClosed { .. }
            | Self::ShiftOpened { .. }
            | Self::CashMoved { .. }
            | Self::ShiftClosed(_) => self,
        }
    }
}

/// "This receipt code pays this sale", and how that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The payment.
    pub receipt: ReceiptCode,
    /// The sale.
    pub sale: Cited,
    /// How it was decided.
    pub how: How,
    /// How much of the payment is for this sale, where others have a share in it: the rest stays free. All of it
    /// where nothing is said.
    pub part: Option<Money>,
    /// How the customer's phone number ends, where the cashier took that down.
    pub phone: Option<PhoneEnding>,
    /// The manager who allowed it, where that was needed.
    pub approved: Option<Person>,
    /// The cloud could not be asked whether somebody was first: there was no line, or no answer in time.
    pub offline: bool,
}

impl Claim {
    /// A claim on all of a payment, and nothing said beside it.
    pub const fn new(receipt: ReceiptCode, sale: Cited, how: How) -> Self {
        Self { receipt, sale, how, part: None, phone: None, approved: None, offline: false }
    }
}

/// How a claim came about, strongest first: the order decides who leads when two claim one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The payment answers an STK push that was sent for this very sale.
    StkRequest,
    /// The customer's account reference names this sale.
    AccountReference,
    /// The cashier typed the code the customer showed.
    Typed,
    /// The cashier picked the payment from the list.
    Picked,
    /// The only payment and the only sale that fit each other.
    Automatic,
}

/// Who did it: a cashier's name as the shop writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Person(String);

impl Person {
    /// The longest name kept, in characters.
    pub const MAX_CHARS: usize = 40;

    /// A name as typed; what is too long is cut, what is empty is `Cashier`.
    pub fn named(typed: &str) -> Self {
        let name: String = typed.trim().chars().take(Self::MAX_CHARS).collect();
        Self(if name.is_empty() { "Cashier".to_owned() } else { name })
    }

    /// What a till does by itself.
    pub fn leja() -> Self {
        Self("Leja".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
