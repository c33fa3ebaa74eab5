//! What the texts in requests and answers are: each value that means something has its own schema, with its
//! unit and an example. Only the descriptions are used; the texts themselves are read into `domain`'s types.

#![allow(dead_code, reason = "these are described, and never made")]

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// Kenyan shillings as a decimal text, never a float: two digits after the point in answers, at most two in
/// requests. Below nothing only where the field says so.
#[derive(ToSchema)]
#[schema(example = "487.00", pattern = r"^-?[0-9]+(\.[0-9]{1,2})?$")]
pub(crate) struct Amount(String);

/// How much of a product, in its unit, as a decimal text with at most three digits after the point.
#[derive(ToSchema)]
#[schema(example = "1.5", pattern = r"^-?[0-9]+(\.[0-9]{1,3})?$")]
pub(crate) struct Measure(String);

/// An instant, RFC 3339, to the millisecond, in East Africa Time; by the cloud's clock where that is known.
#[derive(ToSchema)]
#[schema(example = "2026-11-21T10:15:00.000+03:00", format = DateTime)]
pub(crate) struct Time(String);

/// A shop's day, midnight to midnight in East Africa Time.
#[derive(ToSchema)]
#[schema(example = "2026-11-21", format = Date)]
pub(crate) struct Day(String);

/// The name of a fact, such as a sale or a claim: whose journal, and which number in it. Opaque to programs.
#[derive(ToSchema)]
#[schema(example = "7-42")]
pub(crate) struct FactName(String);

/// A till's or head office's name as a writer of facts, in one of its lives.
#[derive(ToSchema)]
#[schema(example = "7.1")]
pub(crate) struct ActorName(String);

/// A sale's short name for people: the till's letter and a number. A customer types it as account number.
#[derive(ToSchema)]
#[schema(example = "A42")]
pub(crate) struct Reference(String);

/// An M-Pesa receipt code.
#[derive(ToSchema)]
#[schema(example = "UKL4AB12CD")]
pub(crate) struct Receipt(String);

/// A phone number of which the end alone is shown.
#[derive(ToSchema)]
#[schema(example = "***149")]
pub(crate) struct MaskedPhone(String);

/// A customer's phone, as people write it: 07…, 01…, 254… or +254…, with or without blanks. It is never
/// shown again.
#[derive(ToSchema)]
#[schema(example = "0712 345 678")]
pub(crate) struct Phone(String);

/// A customer's name, as Safaricom tells it.
#[derive(ToSchema)]
#[schema(example = "ASHA WANJIRU")]
pub(crate) struct PayerName(String);

/// Who did it, as they call themselves; empty where nobody said.
#[derive(ToSchema)]
#[schema(example = "Asha", max_length = 80)]
pub(crate) struct By(String);

/// A shop's name for programs.
#[derive(ToSchema)]
#[schema(example = "mjini")]
pub(crate) struct ShopName(String);

/// A name in the catalogue for programs, such as a product's.
#[derive(ToSchema)]
#[schema(example = "soda")]
pub(crate) struct ItemName(String);

/// Why, in a few words: whoever looks at this later will want to know.
#[derive(ToSchema)]
#[schema(example = "wrong customer", max_length = 200)]
pub(crate) struct Reason(String);

/// Makes a request repeatable.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct RequestKey {
    /// A name of the caller's own for this request, 1 to 200 characters. The same request under the same name
    /// is done once, and answered again; so whoever got no answer sends it again.
    #[param(rename = "idempotency-key", example = "front-2026-11-21-17", min_length = 1, max_length = 200)]
    idempotency_key: Option<String>,
}

/// An amount as a JSON number, as the seeds have it.
pub(crate) struct Number;

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let words = "Kenyan shillings as a JSON number. It is read and written as its literal text, never as a \
                     float; a text with the number in it is read as well.";
        Object::builder().schema_type(Type::Number).description(Some(words)).examples([json!(731)]).into()
    }
}

impl ToSchema for Number {}
