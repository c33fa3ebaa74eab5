//! Requests to DynamoDB: every read of one item is consistent, every failure keeps to itself what was
//! sent.

use crate::DynamoStore;
use crate::items::{Item, JOINED, OUTCOME};
use crate::keys::{DECIDED, GPK, INDEX, Key, PK, WAITING};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use service::StoreError;
use std::collections::HashMap;

/// The condition that nothing has this name yet.
const NEW: &str = "attribute_not_exists(pk)";

/// On which an item is written.
pub(crate) struct Condition {
    expression: String,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    /// Nothing has this name yet.
    pub(crate) fn new() -> Self {
        Self { expression: NEW.to_owned(), values: None }
    }

    /// An attribute of what has this name is still the same.
    pub(crate) fn same(name: &str, value: AttributeValue) -> Self {
        let values = Some(HashMap::from([(":value".to_owned(), value)]));
        Self { expression: format!("{name} = :value"), values }
    }

    /// One or the other.
    pub(crate) fn new_or_same(name: &str, value: AttributeValue) -> Self {
        let Self { expression, values } = Self::same(name, value);
        Self { expression: format!("{NEW} OR {expression}"), values }
    }

    /// Something has this name.
    pub(crate) fn known() -> Self {
        Self { expression: format!("attribute_exists({PK})"), values: None }
    }

    /// A batch has this name, and was not joined.
    pub(crate) fn unjoined() -> Self {
        let expression = format!("attribute_exists({PK}) AND attribute_not_exists({JOINED})");
        Self { expression, values: None }
    }

    /// What has this name waits in the inbox.
    pub(crate) fn waiting() -> Self {
        let values = Some(HashMap::from([(":waiting".to_owned(), AttributeValue::S(WAITING.to_owned()))]));
        Self { expression: format!("begins_with({GPK}, :waiting)"), values }
    }

    /// People decided about what has this name, and it waits no more. The last release left it in no list then.
    pub(crate) fn decided() -> Self {
        let values = Some(HashMap::from([(":decided".to_owned(), AttributeValue::S(DECIDED.to_owned()))]));
        let unlisted = format!("(attribute_not_exists({GPK}) OR {GPK} = :decided)");
        Self { expression: format!("attribute_exists({OUTCOME}) AND {unlisted}"), values }
    }

    /// Nothing has this name yet, or a number of what has it is below this one.
    pub(crate) fn new_or_below(name: &str, bound: AttributeValue) -> Self {
        let values = Some(HashMap::from([(":bound".to_owned(), bound)]));
        Self { expression: format!("{NEW} OR {name} < :bound"), values }
    }

    /// This one, and a text of what has this name is still as it was read.
    pub(crate) fn and_still(self, name: &str, text: Option<&str>) -> Self {
        let (still, value) = match text {
            Some(text) => (format!("{name} = :still"), Some(AttributeValue::S(text.to_owned()))),
            None => (format!("attribute_not_exists({name})"), None),
        };
        let value = value.map(|value| (":still".to_owned(), value));
        let values: HashMap<_, _> = self.values.into_iter().flatten().chain(value).collect();
        let values = (!values.is_empty()).then_some(values);
        Self { expression: format!("{} AND {still}", self.expression), values }
    }

    /// A number of what has this name is beyond a bound.
    pub(crate) fn beyond(name: &str, bound: i64) -> Self {
        let values = Some(HashMap::from([(":bound".to_owned(), AttributeValue::N(bound.to_string()))]));
        Self { expression: format!("{name} > :bound"), values }
    }

    /// This one, or a number of what has this name is up to a bound.
    pub(crate) fn or_up_to(self, name: &str, bound: i64) -> Self {
        let bound = (":bound".to_owned(), AttributeValue::N(bound.to_string()));
        let values = self.values.into_iter().flatten().chain([bound]).collect();
        Self { expression: format!("{} OR {name} <= :bound", self.expression), values: Some(values) }
    }
}

impl DynamoStore {
    /// One item as it is now.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(Item::from(key).into()));
        let answer = request.consistent_read(true).send().await.map_err(failed)?;
        Ok(answer.item.map(Item::from))
    }

    /// Keeps an item, whatever had its name before.
    pub(crate) async fn put(&self, item: Item) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item.into()));
        request.send().await.map(|_| ()).map_err(failed)
    }

    /// Keeps an item if the condition holds; otherwise gives what has its name. One write either way.
    pub(crate) async fn put_if(&self, item: Item, condition: Condition) -> Result<Option<Item>, StoreError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item.into()));
        let request = request
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = request.send().await else { return Ok(None) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(taken)) => {
                Ok(Some(taken.item().cloned().unwrap_or_default().into()))
            }
            _ => Err(failed(error)),
        }
    }

    /// Removes an item if the condition holds, and gives what was removed.
    pub(crate) async fn delete_if(&self, key: Key, condition: Condition) -> Result<Option<Item>, StoreError> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(Item::from(key).into()));
        let request = request
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values)
            .return_values(ReturnValue::AllOld);
        match request.send().await {
            Ok(answer) => Ok(answer.attributes.map(Item::from)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Changes an item if the condition holds: gives it these attributes and takes those away.
    pub(crate) async fn change_if(
        &self,
        key: Key,
        condition: Condition,
        set: &[(&str, AttributeValue)],
        remove: &[&str],
    ) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.table).set_key(Some(Item::from(key).into()));
        let part = |word: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("{word} {} ", names.join(", ")),
        };
        let sets: Vec<String> = set.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
        let removes: Vec<String> = remove.iter().map(|name| (*name).to_owned()).collect();
        let values = set.iter().map(|(name, value)| (format!(":{name}"), value.clone()));
        let values: HashMap<_, _> = condition.values.into_iter().flatten().chain(values).collect();
        let request = request
            .update_expression(part("SET", &sets) + &part("REMOVE", &removes))
            .condition_expression(condition.expression)
            .set_expression_attribute_values((!values.is_empty()).then_some(values));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Keeping one item as a part of a transaction.
    pub(crate) fn put_part(&self, item: Item, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item.into()));
        let put = put.condition_expression(condition.expression);
        let put = put.set_expression_attribute_values(condition.values);
        Ok(TransactWriteItem::builder().put(put.build().map_err(|_| incomplete())?).build())
    }

    /// Removing one item as a part of a transaction.
    pub(crate) fn delete_part(&self, key: Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(Item::from(key).into()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(|_| incomplete())?).build())
    }

    /// The same, on a condition.
    pub(crate) fn delete_part_if(
        &self,
        key: Key,
        condition: Condition,
    ) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(Item::from(key).into()));
        let delete = delete.condition_expression(condition.expression);
        let delete = delete.set_expression_attribute_values(condition.values);
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(|_| incomplete())?).build())
    }

    /// Writes all of it or, where a condition fails or somebody else writes there just now, nothing:
    /// `false`.
    pub(crate) async fn transact(&self, parts: Vec<TransactWriteItem>) -> Result<bool, StoreError> {
        match self.client.transact_write_items().set_transact_items(Some(parts)).send().await {
            Ok(_) => Ok(true),
            Err(error) if lost_a_race(&error) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// A query of one partition of the table, as it is now.
    pub(crate) fn query(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        self.ask("#partition = :partition", PK, pk.into()).consistent_read(true)
    }

    /// A query of one list of the index, which follows the table a moment behind.
    pub(crate) fn query_list(&self, list: impl Into<String>) -> QueryFluentBuilder {
        self.ask("#partition = :partition", GPK, list.into()).index_name(INDEX)
    }

    fn ask(&self, condition: &str, partition: &str, value: String) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).key_condition_expression(condition);
        query
            .expression_attribute_names("#partition", partition)
            .expression_attribute_values(":partition", AttributeValue::S(value))
    }
}

/// All that a query finds.
pub(crate) async fn all(query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
    let found: Result<Vec<_>, _> = query.into_paginator().items().send().collect().await;
    Ok(found.map_err(failed)?.into_iter().map(Item::from).collect())
}

fn incomplete() -> StoreError {
    StoreError::Unreachable("DynamoDB: a request could not be built".to_owned())
}

/// Whether nothing but a condition, or another transaction on the same items, stood in the way.
fn lost_a_race<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return false;
    };
    let reasons = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    let mut reasons = reasons.filter(|code| *code != "None").peekable();
    reasons.peek().is_some() && reasons.all(|c| matches!(c, "ConditionalCheckFailed" | "TransactionConflict"))
}

/// What a caller may know of a failure: its kind. DynamoDB's own words may repeat what we sent, and what
/// we send holds names and numbers.
pub(crate) fn failed<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> StoreError {
    let kind = match &error {
        SdkError::ServiceError(refused) => refused.err().code().unwrap_or("an unknown answer"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ConstructionFailure(_) => "a request could not be built",
        _ => "no whole answer",
    };
    StoreError::Unreachable(format!("DynamoDB: {kind}"))
}
