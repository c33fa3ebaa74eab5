//! The catalogue over the API: products, and whatever else a shop keeps. Where one thing was set apart, every
//! value is listed with who set it and when, until somebody chooses.

use crate::App;
use crate::api::shop_of;
use crate::openapi::values::{Amount, By, ItemName, Measure, ShopName, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use domain::{
    Item, ItemId, ItemKey, Kind, Money, Named, Person, Product, ProductId, Quantity, Register, Rules,
    Setting, Staff, StaffRole, TaxRate, Version,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(products))
        .routes(routes!(set_product))
        .routes(routes!(choose_product))
        .routes(routes!(items))
        .routes(routes!(set_item))
        .routes(routes!(choose_item))
        .routes(routes!(check_pin))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Which shop. A till has only one, and needs no name.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// Products.
#[derive(Serialize, ToSchema)]
struct Products {
    /// The products.
    products: Vec<RegisterForm>,
}

/// Items of one kind.
#[derive(Serialize, ToSchema)]
struct Items {
    /// The items.
    items: Vec<RegisterForm>,
}

/// What stands in a register: the leading value, and the others until somebody chooses.
#[derive(Serialize, ToSchema)]
struct RegisterForm {
    /// Its name for programs.
    #[schema(value_type = ItemName)]
    id: String,
    #[serde(flatten)]
    leading: VersionForm,
    /// What was set beside it, until somebody chooses.
    others: Vec<VersionForm>,
}

/// A value, and who set it.
#[derive(Serialize, ToSchema)]
struct VersionForm {
    /// Names this value when somebody chooses it.
    #[schema(example = "7-12")]
    version: String,
    /// Who set it.
    #[schema(value_type = By)]
    by: String,
    /// When.
    #[schema(value_type = Time)]
    at: String,
    #[serde(flatten)]
    item: ItemForm,
}

/// A value of the catalogue, each kind with fields of its own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ItemForm {
    /// A product.
    Product {
        /// What people call it.
        #[schema(example = "Soda, crate")]
        name: String,
        /// What one unit costs.
        #[schema(value_type = Amount)]
        price: String,
        /// Its barcodes.
        #[schema(example = json!(["6161100"]))]
        barcodes: Vec<String>,
        /// Its category.
        #[schema(value_type = Option<ItemName>)]
        category: Option<String>,
        /// Its tax rate.
        #[schema(value_type = Option<ItemName>)]
        tax_rate: Option<String>,
        /// Its unit.
        #[schema(value_type = Option<ItemName>)]
        unit: Option<String>,
        /// Whether it is still sold.
        sold: bool,
        /// At this level, or below it, more of it has to be bought.
        #[schema(value_type = Option<Measure>)]
        low_at: Option<String>,
    },
    /// A category or a unit.
    Named {
        /// What people call it.
        #[schema(example = "Drinks")]
        name: String,
    },
    /// A tax rate.
    TaxRate {
        /// What people call it.
        #[schema(example = "VAT")]
        name: String,
        /// How much it is, in hundredths of a percent.
        #[schema(example = 1600)]
        basis_points: u16,
    },
    /// A setting.
    Setting {
        /// What it says.
        #[schema(example = "10")]
        value: String,
    },
    /// A person. Whether there is a PIN is all that is ever shown of it.
    Staff {
        /// What people call them.
        #[schema(example = "Asha")]
        name: String,
        /// `cashier` or `manager`.
        #[schema(example = "manager")]
        role: &'static str,
        /// There is a PIN.
        has_pin: bool,
        /// They still work here.
        active: bool,
    },
}

impl From<Register> for RegisterForm {
    fn from(register: Register) -> Self {
        let id = register.leading.item.key().id.to_string();
        let others = register.others.into_iter().map(VersionForm::from).collect();
        Self { id, leading: register.leading.into(), others }
    }
}

impl From<Version> for VersionForm {
    fn from(Version { write, item, by, at }: Version) -> Self {
        let (version, by, at) = (write.to_string(), by.as_str().to_owned(), at.to_string());
        Self { version, by, at, item: item.into() }
    }
}

impl From<Item> for ItemForm {
    fn from(item: Item) -> Self {
        let id = |id: Option<ItemId>| id.map(|id| id.to_string());
        match item {
            Item::Product(it) => Self::Product {
                name: it.name,
                price: it.price.to_string(),
                barcodes: it.barcodes,
                category: id(it.category),
                tax_rate: id(it.tax_rate),
                unit: id(it.unit),
                sold: it.sold,
                low_at: it.low_at.map(|low| low.to_string()),
            },
            Item::Category(it) | Item::Unit(it) => Self::Named { name: it.name },
            Item::TaxRate(it) => Self::TaxRate { name: it.name, basis_points: it.basis_points },
            Item::Setting(it) => Self::Setting { value: it.value },
            Item::Staff(it) => Self::Staff {
                name: it.name.as_str().to_owned(),
                role: it.role.name(),
                has_pin: it.pin.is_some(),
                active: it.active,
            },
        }
    }
}

/// An item as it is set. What is not said stays as it stands; an empty text takes a link away.
#[derive(Deserialize, Default, ToSchema)]
#[serde(default)]
struct NewItem {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// Who does it.
    #[schema(value_type = By)]
    by: String,
    /// What people call it.
    #[schema(example = "Soda, crate")]
    name: Option<String>,
    /// What one unit of a product costs.
    #[schema(value_type = Option<Amount>)]
    price: Option<String>,
    /// The barcodes of a product.
    #[schema(example = json!(["6161100"]))]
    barcodes: Option<Vec<String>>,
    /// The category of a product.
    #[schema(value_type = Option<ItemName>)]
    category: Option<String>,
    /// The tax rate of a product.
    #[schema(value_type = Option<ItemName>)]
    tax_rate: Option<String>,
    /// The unit of a product.
    #[schema(value_type = Option<ItemName>)]
    unit: Option<String>,
    /// Whether the product is still sold.
    sold: Option<bool>,
    /// At which level of a product more of it has to be bought; an empty text takes it away.
    #[schema(value_type = Option<Measure>)]
    low_at: Option<String>,
    /// How much a tax rate is, in hundredths of a percent.
    #[schema(example = 1600)]
    basis_points: Option<u16>,
    /// What a setting says.
    #[schema(example = "10")]
    value: Option<String>,
    /// What a person may do: `cashier` or `manager`.
    #[schema(example = "cashier")]
    role: Option<String>,
    /// A person's PIN, of digits. It is never shown again; an empty one takes it away.
    #[schema(example = "4711")]
    pin: Option<String>,
    /// Whether that person still works here.
    active: Option<bool>,
}

impl NewItem {
    fn read(&self, key: &ItemKey, now: Option<Item>) -> Result<Item, Problem> {
        let id = key.id.clone();
        match (key.kind, now) {
            (Kind::Product, Some(Item::Product(now))) => self.product(&id, Some(now)),
            (Kind::Product, _) => self.product(&id, None),
            (Kind::Staff, Some(Item::Staff(now))) => self.staff(id, Some(now)),
            (Kind::Staff, _) => self.staff(id, None),
            (Kind::Category, _) => Named::new(id, self.named()?).map(Item::Category).map_err(bad),
            (Kind::Unit, _) => Named::new(id, self.named()?).map(Item::Unit).map_err(bad),
            (Kind::TaxRate, _) => {
                let rate = self.basis_points.ok_or_else(|| Problem::bad_request("say the basis_points"))?;
                TaxRate::new(id, self.named()?, rate).map(Item::TaxRate).map_err(bad)
            }
            (Kind::Setting, _) => {
                let value = self.value.as_deref().ok_or_else(|| Problem::bad_request("say the value"))?;
                Rules::make_sense(id.as_str(), value).map_err(|expected| {
                    Problem::bad_request(&format!("the setting {id} is {expected}: it stays as it was"))
                })?;
                Setting::new(id, value).map(Item::Setting).map_err(bad)
            }
        }
    }

    fn named(&self) -> Result<&str, Problem> {
        self.name.as_deref().ok_or_else(|| Problem::bad_request("say the name"))
    }

    fn product(&self, id: &ItemId, now: Option<Product>) -> Result<Item, Problem> {
        let price =
            self.price.as_deref().map(Money::parse).transpose().map_err(|e| Problem::bad_request(&e))?;
        let price = price.or(now.as_ref().map(|now| now.price));
        let price = price.ok_or_else(|| Problem::bad_request("say the price"))?;
        let name = self.name.as_deref().or(now.as_ref().map(|now| now.name.as_str()));
        let name = name.ok_or_else(|| Problem::bad_request("say the name"))?;
        let fresh = Product::new(ProductId::from(id), name, price).map_err(bad)?;
        let now = now.unwrap_or_else(|| fresh.clone());
        let barcodes = self.barcodes.clone().unwrap_or(now.barcodes);
        Ok(Item::Product(Product {
            category: link(self.category.as_deref(), now.category)?,
            tax_rate: link(self.tax_rate.as_deref(), now.tax_rate)?,
            unit: link(self.unit.as_deref(), now.unit)?,
            sold: self.sold.unwrap_or(now.sold),
            low_at: match self.low_at.as_deref() {
                None => now.low_at,
                Some("") => None,
                Some(low) => Some(Quantity::parse(low).map_err(|e| Problem::bad_request(&e))?),
            },
            ..fresh.with_barcodes(barcodes).map_err(bad)?
        }))
    }

    fn staff(&self, id: ItemId, now: Option<Staff>) -> Result<Item, Problem> {
        let name = self.name.as_deref().map(Person::named).or(now.as_ref().map(|now| now.name.clone()));
        let name = name.ok_or_else(|| Problem::bad_request("say the name"))?;
        let role = match self.role.as_deref() {
            None => now.as_ref().map_or(StaffRole::Cashier, |now| now.role),
            Some(role) => StaffRole::named(role)
                .ok_or_else(|| Problem::bad_request("the role is cashier or manager"))?,
        };
        let pin = match self.pin.as_deref() {
            None => now.as_ref().and_then(|now| now.pin.clone()),
            Some("") => None,
            Some(pin) => Some(till::hash_pin(pin)?),
        };
        let active = self.active.or(now.map(|now| now.active)).unwrap_or(true);
        Ok(Item::Staff(Staff { id, name, role, pin, active }))
    }
}

fn link(said: Option<&str>, now: Option<ItemId>) -> Result<Option<ItemId>, Problem> {
    match said {
        None => Ok(now),
        Some("") => Ok(None),
        Some(id) => ItemId::parse(id).map(Some).map_err(bad),
    }
}

fn bad(error: domain::IdError) -> Problem {
    Problem::bad_request(&error)
}

/// One of the values that were set apart.
#[derive(Deserialize, ToSchema)]
struct Choice {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// The `version` of the value that shall count.
    #[schema(example = "7-12")]
    version: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// What the shop sells.
#[utoipa::path(
    get,
    path = "/v1/products",
    tag = "catalogue",
    responses((status = 200, body = Products, description = "The products"))
)]
async fn products(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Products>, Problem> {
    Ok(Json(Products { products: listed(&app, which, Kind::Product).await? }))
}

/// Everything of one kind that the shop keeps in its catalogue.
#[utoipa::path(
    get,
    path = "/v1/catalogue/{kind}",
    tag = "catalogue",
    params(("kind" = String, Path, description = "`category`, `tax-rate`, `unit`, `setting` or `staff`", example = "staff")),
    responses((status = 200, body = Items, description = "The items"))
)]
async fn items(
    State(app): State<App>,
    Path(kind): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<Items>, Problem> {
    Ok(Json(Items { items: listed(&app, which, read_kind(&kind)?).await? }))
}

async fn listed(app: &App, which: Which, kind: Kind) -> Result<Vec<RegisterForm>, Problem> {
    app.with(move |till, _| {
        let registers = till.registers(&shop_of(till, which.shop.as_deref())?, kind)?;
        Ok(registers.into_iter().map(RegisterForm::from).collect())
    })
    .await
}

/// Sets a product, or makes one.
#[utoipa::path(
    put,
    path = "/v1/products/{id}",
    tag = "catalogue",
    params(("id" = ItemName, Path, description = "Its name for programs")),
    responses((status = 200, body = RegisterForm, description = "What stands there now"))
)]
async fn set_product(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<NewItem>,
) -> Result<Json<RegisterForm>, Problem> {
    set(&app, (Kind::Product, id), form).await
}

/// Sets a thing of the catalogue, or makes one.
#[utoipa::path(
    put,
    path = "/v1/catalogue/{kind}/{id}",
    tag = "catalogue",
    params(("kind" = String, Path, description = "`category`, `tax-rate`, `unit`, `setting` or `staff`", example = "staff"), ("id" = ItemName, Path, description = "Its name for programs")),
    responses((status = 200, body = RegisterForm, description = "What stands there now"))
)]
async fn set_item(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    Json(form): Json<NewItem>,
) -> Result<Json<RegisterForm>, Problem> {
    set(&app, (read_kind(&kind)?, id), form).await
}

async fn set(app: &App, (kind, id): (Kind, String), form: NewItem) -> Result<Json<RegisterForm>, Problem> {
    app.write(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        let key = ItemKey { kind, id: ItemId::parse(&id).map_err(bad)? };
        let standing = till.register(&shop, &key)?.map(|register| register.leading.item);
        let item = form.read(&key, standing)?;
        Ok(Json(till.set(&shop, &item, &Person::named(&form.by), now)?.into()))
    })
    .await
}

/// Chooses one of the values that were set apart.
#[utoipa::path(
    post,
    path = "/v1/products/{id}/choose",
    tag = "catalogue",
    params(("id" = ItemName, Path, description = "Its name for programs")),
    responses((status = 200, body = RegisterForm, description = "What stands there now"))
)]
async fn choose_product(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Choice>,
) -> Result<Json<RegisterForm>, Problem> {
    choose(&app, (Kind::Product, id), form).await
}

/// Chooses one of the values that were set apart.
#[utoipa::path(
    post,
    path = "/v1/catalogue/{kind}/{id}/choose",
    tag = "catalogue",
    params(("kind" = String, Path, description = "`category`, `tax-rate`, `unit`, `setting` or `staff`", example = "staff"), ("id" = ItemName, Path, description = "Its name for programs")),
    responses((status = 200, body = RegisterForm, description = "What stands there now"))
)]
async fn choose_item(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    Json(form): Json<Choice>,
) -> Result<Json<RegisterForm>, Problem> {
    choose(&app, (read_kind(&kind)?, id), form).await
}

async fn choose(app: &App, (kind, id): (Kind, String), form: Choice) -> Result<Json<RegisterForm>, Problem> {
    app.write(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        let key = ItemKey { kind, id: ItemId::parse(&id).map_err(bad)? };
        let version = form.version.parse().map_err(bad)?;
        Ok(Json(till.choose(&shop, &key, version, &Person::named(&form.by), now)?.into()))
    })
    .await
}

/// A PIN to be checked.
#[derive(Deserialize, ToSchema)]
struct Pin {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// The PIN.
    #[schema(example = "4711")]
    pin: String,
}

/// Who a PIN lets in.
#[derive(Serialize, ToSchema)]
struct LetIn {
    /// What people call that person.
    #[schema(example = "Asha")]
    name: String,
    /// `cashier` or `manager`.
    #[schema(example = "manager")]
    role: &'static str,
}

/// Whether this is that person's PIN. After wrong ones it takes a while before another is looked at.
#[utoipa::path(
    post,
    path = "/v1/staff/{id}/check",
    tag = "catalogue",
    params(("id" = ItemName, Path, description = "Its name for programs")),
    responses((status = 200, body = LetIn, description = "Who that is"))
)]
async fn check_pin(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Pin>,
) -> Result<Json<LetIn>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        let staff = till.check_pin(&shop, &ItemId::parse(&id).map_err(bad)?, &form.pin, now)?;
        Ok(Json(LetIn { name: staff.name.as_str().to_owned(), role: staff.role.name() }))
    })
    .await
}

fn read_kind(name: &str) -> Result<Kind, Problem> {
    Kind::named(name).ok_or_else(|| Problem::not_found("a catalogue has no such kind of thing"))
}
