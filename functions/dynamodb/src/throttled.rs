//! A transaction that DynamoDB was too busy for.
//!
//! The SDK tries a throttled request again by itself, after pauses of chance that grow, for as long as
//! [`timeouts`](crate::timeouts) allow. A transaction, though, is not throttled but cancelled, with a reason for each
//! of its items, and the SDK takes that for an answer.

use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

/// The reasons that pass.
const BUSY: [&str; 3] = ["ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"];

/// Has transactions tried again that were cancelled because DynamoDB was busy.
#[derive(Debug)]
pub(crate) struct CancelledWhileBusy;

impl ClassifyRetry for CancelledWhileBusy {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_operation_error());
        match error.and_then(|error| error.downcast_ref()) {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled
                    .cancellation_reasons()
                    .iter()
                    .any(|r| r.code().is_some_and(|c| BUSY.contains(&c))) =>
            {
                RetryAction::throttling_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "a transaction that was cancelled while DynamoDB was busy"
    }
}
