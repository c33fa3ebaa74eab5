//! The functions' description in OpenAPI 3.1, made from the handlers themselves.

use crate::{Fallback, Safaricom, Store, office, payments, sweep, sync};
use axum::Router;
use axum::routing::MethodRouter;
use replica::wire::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{Components, Content, Info, OpenApi, PathItem, Ref, Response};
use utoipa_axum::router::OpenApiRouter;

/// Mounts handlers where their descriptions say. What `routes!` of utoipa-axum does, for handlers that are generic.
macro_rules! described {
    ($($handler:path),+ => $methods:expr) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($handler),+))]
        struct Described;
        $crate::openapi::mounted(<Described as utoipa::OpenApi>::openapi(), $methods)
    }};
}
pub(crate) use described;

/// The handlers of one path, under it.
pub(crate) fn mounted<S: Clone + Send + Sync + 'static>(
    description: OpenApi,
    methods: MethodRouter<S>,
) -> OpenApiRouter<S> {
    let paths = description.paths.paths.keys();
    let router = paths.fold(Router::new(), |router, path| router.route(path, methods.clone()));
    let mut router = OpenApiRouter::from(router);
    router.get_openapi_mut().merge(description);
    router
}

/// What the groups are, in the order in which they are read.
const GROUPS: [(&str, &str); 3] = [
    ("tills", "What tills and head office exchange with the cloud. The bodies of journals are binary."),
    ("safaricom", "What a shop asks of Safaricom."),
    ("administrators", "For whoever runs the cloud: shops, members, the inbox, licences."),
];

/// The stable names of everything that goes wrong, and what each means.
const PROBLEMS: [(&str, &str); 16] = [
    ("leja:bad-request", "the request makes no sense; its title says what is missing"),
    ("leja:unsigned", "the signature is missing or wrong"),
    ("leja:clock", "the caller's clock is off: the answer says the cloud's time"),
    ("leja:revoked", "this member was revoked"),
    ("leja:forbidden", "this needs another role"),
    ("leja:unknown-code", "the enrolment code is not good, or not any more"),
    ("leja:not-found", "there is no such thing, or none the caller may know of"),
    ("leja:busy", "the same is being done just now: ask again"),
    ("leja:prompt-open", "a request on that phone, or for that sale, is under way"),
    ("leja:token", "two callback tokens are good already"),
    ("leja:callback-url", "Safaricom would not call this address"),
    ("leja:production", "this is for the sandbox only"),
    ("leja:not-configured", "a key of Safaricom's is missing"),
    ("leja:refused", "Safaricom refused; its title says what to do"),
    ("leja:unknown", "Safaricom did not answer: it may have done it all the same"),
    ("leja:store", "nothing was stored: try again"),
];

const ABOUT: &str = "Every request but `POST /v1/enrol` is signed with an enrolled member's key: `leja-actor` names \
                     it, `leja-time` is when, in milliseconds since 1970, `leja-signature` an Ed25519 signature over \
                     method, path, time and body, in hex. Every error is problem details (RFC 9457) with a stable \
                     `type`. The addresses that Safaricom calls are secret, and not told here.";

/// What all functions together serve, but what Safaricom calls.
pub fn document<S: Store, D: Safaricom, F: Fallback>() -> OpenApi {
    let mut document = sync::routes::<S>().into_openapi();
    document.merge(payments::routes::<S, D>().into_openapi());
    document.merge(office::routes::<S>().into_openapi());
    document.merge(sweep::routes::<S, D, F>().into_openapi());
    document.info = Info::builder()
        .title("Leja, in the cloud or on a hub")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    let tag = |(name, words): (&str, &str)| Tag::builder().name(name).description(Some(words)).build();
    document.tags = Some(GROUPS.map(tag).into());
    describe_problems(document.components.get_or_insert_default());
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.responses.responses.insert("default".to_owned(), Ref::from_response_name("Problem").into());
    }
    document
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post].into_iter().flatten()
}

/// Every error of every operation has this one form.
fn describe_problems(components: &mut Components) {
    let kinds = PROBLEMS.map(|(kind, words)| format!("- `{kind}`: {words}")).join("\n");
    components.schemas.insert("Problem".to_owned(), json::Problem::schema());
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = Response::builder()
        .description(format!("What went wrong. Its `type` is one of:\n{kinds}"))
        .content("application/problem+json", content);
    components.responses.insert("Problem".to_owned(), response.build().into());
}
