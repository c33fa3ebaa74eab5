//! What `leja admin migrate` and `leja admin export` ask of a deployment.

use super::forms::{decoded, encoded};
use super::keeping::page;
use super::{
    JournalForm, KeepForm, KeptForm, Page, PageForm, Part, ReadForm, Record, RecordForm, WrongRecord, keep,
};
use crate::office::{Office, read};
use crate::openapi::described;
use crate::{Problem, Store};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{get, post};
use domain::ShopId;
use replica::wire::MAX_BODY_BYTES;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

pub(crate) fn routes<S: Store>() -> OpenApiRouter<Arc<Office<S>>> {
    let large = DefaultBodyLimit::max(MAX_BODY_BYTES);
    OpenApiRouter::default()
        .merge(described!(read_records => post(read_records::<S>)))
        .merge(described!(keep_records => post(keep_records::<S>).layer(large)))
        .merge(described!(journals => get(journals::<S>)))
}

fn wrong(why: &WrongRecord) -> Problem {
    Problem::bad_request(why.to_string())
}

/// A page of what is kept here, for another cloud or for a file.
#[utoipa::path(
    post,
    path = "/v1/admin/records/read",
    tag = "administrators",
    request_body = ReadForm,
    responses((status = 200, body = PageForm, description = "Records, in order"))
)]
async fn read_records<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<PageForm>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let ReadForm { part, after } = read(&body)?;
    let part = Part::try_from(part).map_err(|e| wrong(&e))?;
    let after = decoded(&after.unwrap_or_default(), "place").map_err(|e| wrong(&e))?;
    let Page { records, after, .. } = page(&*office.store, &part, &after, (office.clock)()).await?;
    let records = records.iter().map(RecordForm::from).collect();
    Ok(Json(PageForm { records, after: after.as_deref().map(encoded) }))
}

/// Keeps what another cloud kept. What is here already stays as it is; what can not be here is said.
#[utoipa::path(
    post,
    path = "/v1/admin/records",
    tag = "administrators",
    request_body = KeepForm,
    responses((status = 200, body = KeptForm, description = "What could not be kept"))
)]
async fn keep_records<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<KeptForm>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let form: KeepForm = read(&body)?;
    let records = form.records.into_iter().map(Record::try_from).collect::<Result<Vec<_>, _>>();
    let mut refused = Vec::new();
    for record in records.map_err(|e| wrong(&e))? {
        if matches!(&record, Record::Member(member, _) if member.role == domain::Role::Platform) {
            return Err(Problem::bad_request("Each deployment has administrators of its own."));
        }
        refused.extend(keep(&*office.store, &record, (office.clock)()).await?.err());
    }
    office.forget_tokens();
    Ok(Json(KeptForm { refused }))
}

/// The journals of a shop, and where each ends.
#[utoipa::path(
    get,
    path = "/v1/admin/shops/{shop}/journals",
    tag = "administrators",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    responses((status = 200, body = Vec<JournalForm>, description = "The journals"))
)]
async fn journals<S: Store>(
    State(office): State<Arc<Office<S>>>,
    Path(shop): Path<String>,
    (method, uri, headers): (Method, Uri, HeaderMap),
) -> Result<Json<Vec<JournalForm>>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let shop = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    let heads = office.store.heads(&shop).await?;
    let form = |(actor, head): (domain::Actor, replica::Head)| JournalForm {
        actor: actor.to_string(),
        number: head.number,
        chain: hex::encode(head.chain),
    };
    Ok(Json(heads.into_iter().map(form).collect()))
}
