//! What whoever runs the cloud asks and decides about licences.

use super::{account, owner, put_owner, put_tariff, tariff};
use crate::office::{Office, read};
use crate::openapi::described;
use crate::store::Tokens;
use crate::{Problem, Store};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{get, post};
use domain::licence::{Account, Grant, Price, Standing, Tariff, reference};
use domain::{Money, Msisdn, Shop, ShopId, ShortCode, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// `GET /v1/admin/licences`: what is sold, and how every shop stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct LicencesForm {
    /// The platform's paybill.
    #[schema(example = "400200")]
    pub paybill: Option<String>,
    /// The prices, the oldest first.
    pub prices: Vec<PriceForm>,
    /// The shops.
    pub shops: Vec<ShopLicence>,
}

/// A price, from an instant on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PriceForm {
    /// From when, RFC 3339.
    #[schema(example = "2026-11-01T00:00:00.000+03:00")]
    pub from: String,
    /// How much; nothing where no licence is needed from then on.
    #[schema(example = "1000.00")]
    pub price: Option<String>,
    /// For so many days.
    #[schema(example = 30)]
    pub days: u32,
}

/// A shop's licence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShopLicence {
    /// The shop.
    #[schema(example = "mjini")]
    pub shop: String,
    /// Its name.
    #[schema(example = "Front counter")]
    pub name: String,
    /// `free`, `licensed`, `grace` or `expired`.
    #[schema(example = "done")]
    pub state: String,
    /// Until when it is licensed, RFC 3339.
    #[schema(example = "2026-12-21T00:00:00.000+03:00")]
    pub until: Option<String>,
    /// What it paid that bought nothing yet.
    #[schema(example = "0.00")]
    pub credit: String,
    /// What it gives as account number.
    #[schema(example = "A42")]
    pub reference: String,
    /// Its owner's phone, all but its end hidden.
    #[schema(example = "***149")]
    pub owner: Option<String>,
    /// What each receipt bought, the oldest first; where one shop was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantForm>,
}

/// What one receipt bought.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GrantForm {
    /// The receipt.
    #[schema(example = "UKL4AB12CD")]
    pub receipt: String,
    /// When it was paid, RFC 3339.
    #[schema(example = "2026-11-21T10:15:00.000+03:00")]
    pub paid_at: String,
    /// How much.
    #[schema(example = "500.00")]
    pub amount: String,
    /// How many days it bought.
    #[schema(example = 30)]
    pub days: u32,
    /// What was kept after it for the next payment.
    #[schema(example = "0.00")]
    pub credit: String,
    /// Until when the shop was licensed with it.
    #[schema(example = "2026-12-21T00:00:00.000+03:00")]
    pub until: Option<String>,
    /// The money went back.
    pub reversed: bool,
}

/// `POST /v1/admin/licences`: what is sold from now on; what is not said stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SellForm {
    /// The platform's paybill; needed the first time.
    #[serde(default)]
    #[schema(example = "400200")]
    pub paybill: Option<String>,
    /// How much, like `1000.00`.
    #[serde(default)]
    #[schema(example = "1000.00")]
    pub price: Option<String>,
    /// For how many days.
    #[serde(default)]
    #[schema(example = 30)]
    pub days: Option<u32>,
    /// No licence is needed from now on.
    #[serde(default)]
    pub off: bool,
}

/// `POST /v1/admin/owners`: whom to text about a shop's licence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OwnerForm {
    /// The shop.
    #[schema(example = "mjini")]
    pub shop: String,
    /// The phone; empty to forget it.
    #[schema(example = "0712345678")]
    pub phone: String,
}

/// The routes of licences.
pub(crate) fn routes<S: Store>() -> OpenApiRouter<Arc<Office<S>>> {
    OpenApiRouter::default()
        .merge(described!(list, sell => get(list::<S>).post(sell::<S>)))
        .merge(described!(show => get(show::<S>)))
        .merge(described!(set_owner => post(set_owner::<S>)))
}

type Head = (Method, Uri, HeaderMap);

/// What licences cost, and how every shop stands.
#[utoipa::path(
    get,
    path = "/v1/admin/licences",
    tag = "administrators",
    operation_id = "licences",
    responses((status = 200, body = LicencesForm, description = "Prices and shops"))
)]
async fn list<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
) -> Result<Json<LicencesForm>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    Ok(Json(all(&office).await?))
}

async fn all<S: Store>(office: &Office<S>) -> Result<LicencesForm, Problem> {
    let (store, now) = (&*office.store, (office.clock)());
    let tariff = tariff(store).await?;
    let mut shops = Vec::new();
    for shop in store.shops().await?.iter().filter(|shop| !shop.id.is_platform()) {
        shops.push(ShopLicence { grants: Vec::new(), ..of(store, shop, &tariff, now).await? });
    }
    let platform = store.shop(&ShopId::of_platform()).await?;
    let price = |(from, price): &(Timestamp, Option<Price>)| PriceForm {
        from: from.to_string(),
        price: price.map(|price| price.amount.to_string()),
        days: price.map_or(0, |price| price.days),
    };
    Ok(LicencesForm {
        paybill: platform.map(|platform| platform.account.shortcode().to_string()),
        prices: tariff.prices().iter().map(price).collect(),
        shops,
    })
}

/// How a shop stands, and what each receipt bought.
#[utoipa::path(
    get,
    path = "/v1/admin/licences/{shop}",
    tag = "administrators",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    operation_id = "licence_of",
    responses((status = 200, body = ShopLicence, description = "The shop"))
)]
async fn show<S: Store>(
    State(office): State<Arc<Office<S>>>,
    Path(shop): Path<String>,
    (method, uri, headers): Head,
) -> Result<Json<ShopLicence>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let shop = shop_named(&office, &shop).await?;
    let tariff = tariff(&*office.store).await?;
    Ok(Json(of(&*office.store, &shop, &tariff, (office.clock)()).await?))
}

async fn shop_named<S: Store>(office: &Office<S>, id: &str) -> Result<Shop, Problem> {
    let id = ShopId::parse(id).map_err(|e| Problem::bad_request(e.to_string()))?;
    let shop = office.store.shop(&id).await?.filter(|shop| !shop.id.is_platform());
    shop.ok_or_else(|| Problem::not_found("There is no such shop: open it first."))
}

async fn of<S: Store>(
    store: &S,
    shop: &Shop,
    tariff: &Tariff,
    now: Timestamp,
) -> Result<ShopLicence, Problem> {
    let account = account(store, &shop.id, tariff, None).await?;
    let until = account.licensed_until(tariff, now);
    let owner = owner(store, &shop.id).await?;
    let Account { grants, credit, .. } = account;
    Ok(ShopLicence {
        shop: shop.id.to_string(),
        name: shop.name.clone(),
        state: Standing::at(until, now).name().to_owned(),
        until: until.map(|until| until.to_string()),
        credit: credit.to_string(),
        reference: reference(&shop.id),
        owner: owner.as_ref().map(Msisdn::masked),
        grants: grants.into_iter().map(GrantForm::from).collect(),
    })
}

impl From<Grant> for GrantForm {
    fn from(grant: Grant) -> Self {
        Self {
            receipt: grant.receipt.to_string(),
            paid_at: grant.paid_at.to_string(),
            amount: grant.amount.to_string(),
            days: grant.days,
            credit: grant.credit.to_string(),
            until: grant.until.map(|until| until.to_string()),
            reversed: grant.reversed,
        }
    }
}

/// Sets what is sold from now on.
#[utoipa::path(
    post,
    path = "/v1/admin/licences",
    tag = "administrators",
    operation_id = "sell_licences",
    request_body = SellForm,
    responses((status = 200, body = LicencesForm, description = "Prices and shops"))
)]
async fn sell<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
    body: Bytes,
) -> Result<Json<LicencesForm>, Problem> {
    let caller = office.platform((&method, &uri, &headers), &body).await?;
    let (form, now): (SellForm, _) = (read(&body)?, (office.clock)());
    let before = tariff(&*office.store).await?;
    let price = form.price(before.at(now))?;
    open_platform(&office, form.paybill.as_deref()).await?;
    let mut prices = before.prices().to_vec();
    if before.at(now) != price {
        prices.push((now, price));
    }
    put_tariff(&*office.store, &Tariff::new(prices)).await?;
    tracing::info!(by = %caller.member.actor, ?price, "what a licence costs was changed");
    Ok(Json(all(&office).await?))
}

impl SellForm {
    /// The price from now on.
    fn price(&self, before: Option<Price>) -> Result<Option<Price>, Problem> {
        if self.off {
            return Ok(None);
        }
        let before = before.unwrap_or_default();
        let amount = self.price.as_deref().map(Money::parse).transpose();
        let amount = amount.map_err(|e| Problem::bad_request(e.to_string()))?.unwrap_or(before.amount);
        let days = self.days.unwrap_or(before.days);
        if amount == Money::ZERO || !(1..=3660).contains(&days) {
            let title = "A licence costs something, for 1 to 3660 days; without one, switch licences off.";
            return Err(Problem::bad_request(title));
        }
        Ok(Some(Price { amount, days }))
    }
}

/// The platform as a shop, with its paybill and its callback addresses.
async fn open_platform<S: Store>(office: &Office<S>, paybill: Option<&str>) -> Result<(), Problem> {
    let (store, id) = (&*office.store, ShopId::of_platform());
    let before = store.shop(&id).await?;
    let Some(paybill) = paybill else {
        let title = "Name the platform's paybill: licences are paid there.";
        return before.map(|_| ()).ok_or_else(|| Problem::bad_request(title));
    };
    let paybill = ShortCode::parse(paybill).map_err(|e| Problem::bad_request(e.to_string()))?;
    if store.shop_of_number(&paybill).await?.is_some_and(|holder| holder != id) {
        return Err(Problem::bad_request(format!("A shop has the number {paybill}.")));
    }
    let account = domain::Account::Paybill(paybill);
    let shop = Shop::new(id.clone(), "Licences", account, None);
    let shop = shop.map_err(|e| Problem::bad_request(e.to_string()))?;
    let first = || Tokens { newest: 0, hashes: vec![office.secret.token(&id, 0).hash()] };
    let tokens = store.tokens(&id).await?.unwrap_or_else(first);
    Ok(store.put_shop(&shop, &tokens).await?)
}

/// Sets whom to text about a shop's licence.
#[utoipa::path(
    post,
    path = "/v1/admin/owners",
    tag = "administrators",
    request_body = OwnerForm,
    responses((status = 200, body = ShopLicence, description = "The shop"))
)]
async fn set_owner<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
    body: Bytes,
) -> Result<Json<ShopLicence>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let form: OwnerForm = read(&body)?;
    let shop = shop_named(&office, &form.shop).await?;
    let phone = Some(form.phone.trim()).filter(|phone| !phone.is_empty()).map(Msisdn::parse_phone);
    let phone = phone.transpose().map_err(|e| Problem::bad_request(e.to_string()))?;
    put_owner(&*office.store, &shop.id, phone.as_ref()).await?;
    let tariff = tariff(&*office.store).await?;
    Ok(Json(of(&*office.store, &shop, &tariff, (office.clock)()).await?))
}
