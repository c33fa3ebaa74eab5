//! How a till or head office is, as the API shows it.

use crate::licence::LicenceForm;
use crate::openapi::values::{ActorName, Amount, Day, ShopName, Time};
use serde::Serialize;
use utoipa::ToSchema;

/// How this till or head office is.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusForm {
    /// `till` or `office`.
    #[schema(example = "till")]
    pub(super) role: &'static str,
    /// Who this is.
    pub(super) me: MeForm,
    /// The shop of a till; every one at head office.
    pub(super) shops: Vec<ShopStatus>,
    /// The cloud answered when it was asked last.
    pub(super) online: bool,
    /// How much of what was new in the cloud has come, while more of it comes.
    pub(super) syncing: Option<ProgressForm>,
    /// How much of its shop's history a new till has, while more of it comes.
    pub(super) history: Option<ProgressForm>,
    /// Since when the cloud does not answer.
    #[schema(value_type = Option<Time>)]
    pub(super) offline_since: Option<String>,
    /// When the cloud answered last.
    #[schema(value_type = Option<Time>)]
    pub(super) last_contact: Option<String>,
    /// How many entries the cloud does not have yet.
    #[schema(example = 3)]
    pub(super) waiting: u64,
    /// How much of what came was refused.
    #[schema(example = 0)]
    pub(super) refused: usize,
    /// What was refused, with reasons; the first of it where it is much.
    #[schema(example = json!(["entry 41 of till 9: its signature is wrong"]))]
    pub(super) set_aside: Vec<String>,
    /// What else a person should know of this ledger.
    #[schema(example = json!(["the clock of this machine jumped"]))]
    pub(super) notices: Vec<String>,
    /// What keeps it from syncing, if something does that a person can change.
    #[schema(example = "this till was revoked: ask head office")]
    pub(super) problem: Option<String>,
    /// Today, by the cloud's clock.
    #[schema(value_type = Day)]
    pub(super) day: String,
    /// How this machine's clock stands to the cloud's; nothing before they met.
    pub(super) clock: Option<ClockForm>,
    /// By how much the clock jumped since it was last held against the cloud's, in milliseconds.
    #[schema(example = 3_600_000)]
    pub(super) clock_jumped_ms: Option<i64>,
}

/// How this machine's clock stands to the cloud's.
#[derive(Serialize, ToSchema)]
pub(super) struct ClockForm {
    /// The cloud's clock less ours, in milliseconds.
    #[schema(example = -1200)]
    pub(super) offset_ms: i64,
    /// By how much that may be wrong, in milliseconds.
    #[schema(example = 40)]
    pub(super) uncertainty_ms: u32,
}

/// So many entries of so many.
#[derive(Serialize, ToSchema)]
pub(super) struct ProgressForm {
    /// How many have come.
    #[schema(example = 1200)]
    pub(super) have: u64,
    /// How many there are.
    #[schema(example = 5000)]
    pub(super) of: u64,
}

/// Who this is.
#[derive(Serialize, ToSchema)]
pub(super) struct MeForm {
    /// Its name as a writer of facts.
    #[schema(value_type = ActorName)]
    pub(super) actor: String,
    /// The letter of its short sale references.
    #[schema(example = "A")]
    pub(super) letter: String,
    /// What people call it.
    #[schema(example = "Front counter")]
    pub(super) name: String,
}

/// A shop, and its day.
#[derive(Serialize, ToSchema)]
pub(super) struct ShopStatus {
    /// Its name for programs.
    #[schema(value_type = ShopName)]
    pub(super) id: String,
    /// What people call it.
    #[schema(example = "Mjini")]
    pub(super) name: String,
    /// What customers pay to: a `paybill` or a `till` number.
    #[schema(example = "till")]
    pub(super) account: &'static str,
    /// That number.
    #[schema(example = "123456")]
    pub(super) shortcode: String,
    /// What was sold today.
    pub(super) today: TodayForm,
    /// Payments that no sale has.
    pub(super) unclaimed: CountForm,
    /// Who writes in this shop.
    pub(super) members: Vec<MemberForm>,
    /// How it stands with its licence.
    pub(super) licence: LicenceForm,
    /// What a customer leaves beyond a sale may be kept as a tip.
    pub(super) takes_tips: bool,
}

/// What was sold today.
#[derive(Serialize, ToSchema)]
pub(super) struct TodayForm {
    /// How many sales.
    #[schema(example = 57)]
    pub(super) sales: u64,
    /// What they cost together.
    #[schema(value_type = Amount)]
    pub(super) total: String,
    /// What of it was paid in cash.
    #[schema(value_type = Amount)]
    pub(super) cash: String,
    /// What of it was paid by M-Pesa.
    #[schema(value_type = Amount)]
    pub(super) mpesa: String,
    /// How many are not paid whole.
    #[schema(example = 2)]
    pub(super) open: u64,
    /// How many claim a payment that another one has.
    #[schema(example = 0)]
    pub(super) conflicts: u64,
    /// Of how many a payment went back.
    #[schema(example = 0)]
    pub(super) reversed: u64,
    /// How many wait for a second source.
    #[schema(example = 0)]
    pub(super) unconfirmed: u64,
}

/// How many, and how much together.
#[derive(Serialize, ToSchema)]
pub(super) struct CountForm {
    /// How many.
    #[schema(example = 2)]
    pub(super) count: u64,
    /// How much together.
    #[schema(value_type = Amount)]
    pub(super) total: String,
}

/// A till or head office that writes in a shop.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberForm {
    /// Its name as a writer of facts.
    #[schema(value_type = ActorName)]
    pub(super) actor: String,
    /// The letter of its short sale references.
    #[schema(example = "B")]
    pub(super) letter: String,
    /// What people call it.
    #[schema(example = "Back office")]
    pub(super) name: String,
    /// `till` or `office`.
    #[schema(example = "till")]
    pub(super) role: &'static str,
    /// How many entries of its journal are here.
    #[schema(example = 812)]
    pub(super) entries: u64,
    /// When it sold last, as far as is known here.
    #[schema(value_type = Option<Time>)]
    pub(super) last_seen: Option<String>,
}
