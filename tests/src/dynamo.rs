//! A DynamoDB of one's own, with a table made from the template that makes the real one.

use crate::guarded::guarded;
use crate::process::{Running, free_port, repository, tool};
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
};
use aws_sdk_dynamodb::{Client, Config};
use dynamodb::DynamoStore;
use serde::Deserialize;
use serde_json::Value;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Names another DynamoDB-compatible endpoint to test against.
pub const ENDPOINT_VARIABLE: &str = "LEJA_DYNAMODB_ENDPOINT";

/// Stands after a request that changed nothing, because its condition did not hold.
pub const REFUSED: &str = "refused";
/// How DynamoDB says so.
const CONDITION_FAILED: &[u8] = b"ConditionalCheckFailed";

/// A fresh table. The server it lies on ends with it.
pub struct Dynamo {
    /// Where the server listens.
    pub endpoint: String,
    /// The name of the table.
    pub table: String,
    /// A client of our own, to look at the table.
    pub client: Client,
    requests: Requests,
    _server: Option<Running>,
}

impl Dynamo {
    /// Starts a server, unless the environment names one, and makes a table.
    pub async fn start() -> Self {
        let (endpoint, server) = match std::env::var(ENDPOINT_VARIABLE) {
            Ok(endpoint) => (endpoint, None),
            Err(_) => start_server(),
        };
        let requests = Requests::default();
        let client = Client::from_conf(config(&endpoint).interceptor(requests.clone()).build());
        let table = fresh_name();
        make_table(&client, &table).await;
        requests.take();
        Self { endpoint, table, client, requests, _server: server }
    }

    /// The store on the table.
    pub fn store(&self) -> DynamoStore {
        DynamoStore::new(self.client.clone(), &self.table)
    }

    /// The store on the table, as one function has it: it may do what the template allows, and nothing more.
    pub async fn store_of(&self, function: &str) -> DynamoStore {
        let endpoint = guarded(function, &self.endpoint).await;
        DynamoStore::new(Client::from_conf(config(&endpoint).build()), &self.table)
    }

    /// What was sent since this was asked the last time, in order: DynamoDB's own names of the requests,
    /// repetitions included, and [`REFUSED`] after one whose condition did not hold.
    pub fn requests(&self) -> Vec<String> {
        self.requests.take()
    }

    /// What DynamoDB said that the requests since this was asked the last time cost. It says nothing of a write whose
    /// condition did not hold, which costs as much as any.
    pub fn units(&self) -> Units {
        std::mem::take(&mut *self.requests.units.lock().unwrap())
    }
}

/// Capacity units: writes of 1 KB, reads of 4 KB; a read that may lag is half of one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Units {
    /// Written.
    pub written: f64,
    /// Read.
    pub read: f64,
}

impl std::ops::AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.written += other.written;
        self.read += other.read;
    }
}

/// What some work asked of DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bill {
    /// What the answers say that it cost, and a unit for each write that was refused, of which they say nothing.
    pub units: Units,
    /// Requests, repetitions included.
    pub requests: u32,
    /// Writes whose condition did not hold.
    pub refused: u32,
    /// Other answers that were none: throttled, in conflict with another transaction, failed.
    pub failed: u32,
}

tokio::task_local! {
    static OWN: Arc<Mutex<Bill>>;
}

/// Does some work and tells what it alone asked of DynamoDB, however much goes on beside it. Work that it gives to other
/// tasks is not counted.
pub async fn billed<T>(work: impl Future<Output = T>) -> (T, Bill) {
    let own: Arc<Mutex<Bill>> = Arc::default();
    let done = OWN.scope(Arc::clone(&own), work).await;
    let bill = *own.lock().unwrap();
    (done, bill)
}

/// Adds to the bill of the work in whose course this is called, if it has one.
fn charge(add: impl FnOnce(&mut Bill)) {
    let _ = OWN.try_with(|own| add(&mut own.lock().unwrap()));
}

/// What reaches a test server: any credentials do, and nothing is looked up elsewhere.
fn config(endpoint: &str) -> aws_sdk_dynamodb::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("fake", "fake", None, None, "tests"))
        .http_client(dynamodb::http_client())
        .timeout_config(dynamodb::timeouts())
}

fn start_server() -> (String, Option<Running>) {
    let program = tool("node_modules/@dynoxide/linux-x64/dynoxide");
    loop {
        let port = free_port().to_string();
        let started = Running::start_ready(Command::new(&program).args(["--port", &port]), "listening on");
        if let Some(server) = started {
            return (format!("http://127.0.0.1:{port}"), Some(server));
        }
    }
}

fn fresh_name() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    format!("leja-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst))
}

/// Writes down requests as they leave, and what they cost as they are answered.
#[derive(Debug, Clone, Default)]
struct Requests {
    sent: Arc<Mutex<Vec<String>>>,
    units: Arc<Mutex<Units>>,
}

impl Requests {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    fn note(&self, what: &str) {
        self.sent.lock().unwrap().push(what.to_owned());
    }

    /// Adds what an answer says of its cost.
    fn count(&self, cost: Units) {
        *self.units.lock().unwrap() += cost;
        charge(|bill| bill.units += cost);
    }
}

/// What an answer says that its request cost; a transaction's says it for each table.
fn cost_in(context: &AfterDeserializationInterceptorContextRef<'_>) -> Units {
    let body = context.response().body().bytes().unwrap_or_default();
    let answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let consumed = &answer["ConsumedCapacity"];
    let parts = consumed.as_array().map_or_else(|| std::slice::from_ref(consumed), Vec::as_slice);
    let sum = parts.iter().filter_map(|part| part["CapacityUnits"].as_f64()).sum();
    let reads = context.output_or_error().is_ok_and(|output| {
        output.downcast_ref::<GetItemOutput>().is_some() || output.downcast_ref::<QueryOutput>().is_some()
    });
    if reads { Units { read: sum, written: 0.0 } } else { Units { written: sum, read: 0.0 } }
}

/// Whether an error's answer tells of this.
fn tells_of(answer: &[u8], what: &[u8]) -> bool {
    answer.windows(what.len()).any(|part| part == what)
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "Requests"
    }

    /// Asks what the request costs.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let of_items = !request.headers().get("x-amz-target").unwrap_or_default().contains("Table");
        let body = request.body().bytes().filter(|_| of_items);
        let Some(mut asked) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok()) else {
            return Ok(());
        };
        asked["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = asked.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        self.note(target.rsplit('.').next().unwrap_or_default());
        charge(|bill| bill.requests += 1);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.count(cost_in(context));
        if context.response().status().is_success() {
            return Ok(());
        }
        let body = context.response().body().bytes().unwrap_or_default();
        if tells_of(body, CONDITION_FAILED) {
            self.note(REFUSED);
            charge(|bill| {
                bill.refused += 1;
                bill.units.written += 1.0;
            });
        } else {
            charge(|bill| bill.failed += 1);
        }
        Ok(())
    }
}

async fn make_table(client: &Client, name: &str) {
    let template = std::fs::read_to_string(repository().join("infra/aws/table.yaml")).unwrap();
    let table = read_table(&template);
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::from(table.billing_mode.as_str()))
        .set_key_schema(Some(keys(&table.key_schema)))
        .set_attribute_definitions(Some(table.attribute_definitions.iter().map(attribute).collect()))
        .set_global_secondary_indexes(Some(table.global_secondary_indexes.iter().map(index).collect()))
        .send()
        .await
        .expect("the table of the template can be made");
}

/// What CloudFormation reads for making the table. Tags like `!Ref` and what we do not name is skipped.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableForm {
    billing_mode: String,
    key_schema: Vec<KeyForm>,
    attribute_definitions: Vec<AttributeForm>,
    global_secondary_indexes: Vec<IndexForm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyForm {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeForm {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexForm {
    index_name: String,
    key_schema: Vec<KeyForm>,
    projection: ProjectionForm,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionForm {
    projection_type: String,
    non_key_attributes: Vec<String>,
}

fn read_table(template: &str) -> TableForm {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Template {
        resources: Resources,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Resources {
        table: Resource,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Resource {
        properties: TableForm,
    }
    let template: Template = serde_saphyr::from_str(template).expect("a template with a table");
    template.resources.table.properties
}

fn keys(forms: &[KeyForm]) -> Vec<KeySchemaElement> {
    let element = |form: &KeyForm| {
        let element = KeySchemaElement::builder().attribute_name(&form.attribute_name);
        element.key_type(KeyType::from(form.key_type.as_str())).build().unwrap()
    };
    forms.iter().map(element).collect()
}

fn attribute(form: &AttributeForm) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(&form.attribute_name);
    attribute.attribute_type(form.attribute_type.as_str().into()).build().unwrap()
}

fn index(form: &IndexForm) -> GlobalSecondaryIndex {
    let projection = Projection::builder()
        .projection_type(form.projection.projection_type.as_str().into())
        .set_non_key_attributes(Some(form.projection.non_key_attributes.clone()))
        .build();
    let index = GlobalSecondaryIndex::builder().index_name(&form.index_name);
    index.set_key_schema(Some(keys(&form.key_schema))).projection(projection).build().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_cloudformation_understands_is_skipped() {
        let template = r#"
Globals: { Function: { Timeout: 10 } }
Resources:
  Sync:
    Type: AWS::Serverless::Function
    Condition: !Not [!Equals [!Ref Stage, prod]]
    Properties:
      Environment: { Variables: { LEJA_TABLE: !Ref Table, X: !If [A, !Sub "${AWS::StackName}-x", !GetAtt B.Arn] } }
  Table:
    Properties:
      TableName: !Sub "${AWS::StackName}-table"
      Tags: [{ Key: a, Value: !Join ["-", [a, !Ref B]] }]
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      AttributeDefinitions: []
      GlobalSecondaryIndexes: []
Outputs:
  Name: { Value: !Ref Table }
"#;
        let table = read_table(template);
        assert_eq!(table.key_schema[0].attribute_name, "pk");
    }
}
