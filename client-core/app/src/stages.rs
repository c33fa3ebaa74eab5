//! What has become of a sale, as the API shows it: printed, stored, sent, at head office, reconciled.

use crate::openapi::values::Time;
use serde::Serialize;
use till::{Reach, Stages};
use utoipa::ToSchema;

/// What has become of a sale. Each stage is told by itself: one does not follow from another, but for the way
/// to head office.
#[derive(Serialize, ToSchema)]
pub(crate) struct StagesForm {
    /// When its receipt was first printed, if whoever prints has said so.
    #[schema(value_type = Option<Time>)]
    printed: Option<String>,
    /// It is on this disk. What is not is no sale, and is not shown.
    stored: bool,
    /// The cloud has it on disks of its own.
    sent: bool,
    /// Head office has it in its own ledger.
    head_office: bool,
    /// Its money is settled by cash or confirmed payments, and head office knows all that was decided about it.
    reconciled: bool,
    /// Why its money is not settled, if it is not: `due`, `conflict`, `disputed`, `over`, `unseen` (the payment
    /// of a code), `unconfirmed` (by a second source).
    #[schema(example = "due")]
    unsettled: Option<&'static str>,
}

impl From<Stages> for StagesForm {
    fn from(stages: Stages) -> Self {
        Self {
            printed: stages.printed.map(|at| at.to_string()),
            stored: true,
            sent: stages.reach >= Reach::Cloud,
            head_office: stages.reach >= Reach::HeadOffice,
            reconciled: stages.reconciled,
            unsettled: stages.unsettled.map(domain::standing::Unsettled::name),
        }
    }
}
