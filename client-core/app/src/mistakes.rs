//! What was said of a sale by mistake is taken back, over the API.

use crate::App;
use crate::api::{read_id, request_key};
use crate::forms::SaleForm;
use crate::openapi::values::{By, FactName, Reason, RequestKey};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::Person;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(undo))
}

/// A mistake.
#[derive(Deserialize, ToSchema)]
struct Mistake {
    /// What was said: a name from the sale's `mistakable`; the first of them where nothing is said.
    #[schema(value_type = Option<FactName>)]
    what: Option<String>,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// Takes back what was said of a sale by mistake: cash taken or given back, goods that came back, a tip. It counts no
/// more, and stays in the history with who took it back and why.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/undo",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn undo(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Mistake>,
) -> Result<Json<SaleForm>, Problem> {
    let (key, what) = (request_key(&headers)?, form.what.as_deref().map(read_id).transpose()?);
    app.change(move |till, now| {
        let by = Person::named(&form.by);
        Ok(till.undo(read_id(&id)?, what, &form.reason, (&by, now), key.as_deref())?.id)
    })
    .await
}
