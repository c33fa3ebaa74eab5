//! Store on one DynamoDB table.
