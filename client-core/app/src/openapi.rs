//! The API's description in OpenAPI 3.1, made from the handlers themselves.

pub(crate) mod seeds;
pub(crate) mod values;

use crate::problem::{CONTENT_TYPE, KINDS};
use axum::Json;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use serde_json::json;
use std::sync::Arc;
use utoipa::openapi::schema::{AnyOf, Object, Schema, Type};
use utoipa::openapi::{
    Components, Content, Info, OpenApi, PathItem, Ref, RefOr, Response, path::Operation, tag::Tag,
};

/// What the groups are, in the order in which they are read.
const GROUPS: [(&str, &str); 9] = [
    ("sales", "Selling, and what becomes of a sale."),
    ("payments", "What customers paid by M-Pesa, and which sale has it."),
    ("safaricom", "What Safaricom is asked, through the cloud. It needs a line."),
    ("shifts", "The drawer, from float to Z report."),
    ("stock", "What there is, and what came, went or was counted."),
    ("catalogue", "What the shop sets: products, categories, tax rates, units, settings, staff."),
    ("till", "This till or head office itself: its line, its siblings, its day."),
    ("seed A", "Seed A's endpoints, for front ends that were written for it."),
    (
        "seed B",
        "Seed B's endpoints, for front ends that were written for it. A refusal is a 200, `success` false.",
    ),
];

const ABOUT: &str = "A program on this machine sells, takes payments and closes shifts through it, with or \
                     without a network. Amounts are decimal texts in Kenyan shillings, instants are RFC 3339, \
                     names of things are opaque. Every error is problem details (RFC 9457) with a stable `type`. \
                     Only this machine's own pages and programs are answered.";

/// Serves the description of what is mounted.
pub(crate) fn served(mounted: OpenApi) -> MethodRouter<crate::App> {
    let document = Arc::new(document(mounted));
    get(move || {
        let document = Arc::clone(&document);
        async move { Json(&*document).into_response() }
    })
}

fn document(mounted: OpenApi) -> OpenApi {
    let mut document = mounted;
    document.info =
        Info::builder().title("Leja, at a till or head office").version(env!("CARGO_PKG_VERSION")).build();
    document.info.description = Some(ABOUT.to_owned());
    let mut components = document.components.take().unwrap_or_default();
    describe_problems(&mut components);
    components.schemas.values_mut().for_each(any_of);
    document.components = Some(components);
    let mut used = Vec::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        used.extend(operation.tags.iter().flatten().cloned());
        operation.responses.responses.insert("default".to_owned(), Ref::from_response_name("Problem").into());
    }
    let groups = GROUPS.into_iter().filter(|(name, _)| used.iter().any(|tag| tag == name));
    let tag = |(name, words): (&str, &str)| Tag::builder().name(name).description(Some(words)).build();
    document.tags = Some(groups.map(tag).collect());
    document
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.put, &mut path.delete].into_iter().flatten()
}

/// What is one of several things says so by its fields alone, and may have those of another as well.
fn any_of(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::OneOf(one)) = schema {
        let (items, description) = (std::mem::take(&mut one.items), one.description.take());
        *schema = Schema::AnyOf(AnyOf { items, description, ..AnyOf::default() }).into();
    }
}

/// Every error of every operation has this one form.
fn describe_problems(components: &mut Components) {
    let kinds = KINDS.map(|(kind, words)| format!("- `{kind}`: {words}")).join("\n");
    let text = |words: &str| Object::builder().schema_type(Type::String).description(Some(words));
    let kind =
        text(&format!("A stable name for programs:\n{kinds}")).enum_values(Some(KINDS.map(|(kind, _)| kind)));
    let title = text("What went wrong and what to do, for a person.");
    let status =
        Object::builder().schema_type(Type::Integer).description(Some("The HTTP status, once more."));
    let problem = Object::builder()
        .description(Some("What went wrong: problem details, RFC 9457."))
        .property("type", kind.examples([json!("leja:refused")]))
        .property("title", title.examples([json!("the drawer is open already: close it first")]))
        .property("status", status.examples([json!(409)]))
        .required("type")
        .required("title")
        .required("status");
    components.schemas.insert("Problem".to_owned(), RefOr::T(Schema::from(problem)));
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = Response::builder().description("What went wrong").content(CONTENT_TYPE, content);
    components.responses.insert("Problem".to_owned(), response.build().into());
}
