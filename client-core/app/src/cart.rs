//! A sale as a page or a program sends it, and what it would cost.

use crate::App;
use crate::forms::{DiscountForm, LineForm, TaxForm};
use crate::openapi::values::{Amount, By, ItemName, Measure, Reason};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use domain::{
    Discount, ItemId, Line, Money, Person, ProductId, Quantity, Sale, SaleError, ShopId, Tax, Tender,
};
use serde::{Deserialize, Serialize};
use till::Till;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(price))
}

/// A sale to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewSale {
    /// What is sold; none where only a total is typed.
    #[serde(default)]
    lines: Vec<NewLine>,
    /// What it costs; the sum of the lines, unless told otherwise.
    #[schema(value_type = Option<Amount>)]
    total: Option<String>,
    /// How it is to be paid: `cash` or `mpesa`.
    #[schema(example = "mpesa")]
    tender: String,
    /// What the whole of it is made cheaper by.
    discount: Option<NewDiscount>,
    /// The order it is for, in the words of another program.
    #[schema(example = "order-17")]
    order: Option<String>,
    /// Who sells.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// A line: named and priced by whoever sends it, or a product of the catalogue, by its id or its barcode. A
/// product is called and priced as it is shown now, unless the line says what the customer saw.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct NewLine {
    /// A product of the catalogue.
    #[schema(value_type = Option<ItemName>)]
    product: Option<String>,
    /// A product's barcode.
    #[schema(example = "6161100")]
    barcode: Option<String>,
    /// What the customer sees.
    #[schema(example = "Tea, special")]
    name: Option<String>,
    /// How much.
    #[schema(value_type = Measure)]
    quantity: String,
    /// What one unit costs.
    #[schema(value_type = Option<Amount>)]
    unit_price: Option<String>,
    /// What the line is made cheaper by.
    discount: Option<NewDiscount>,
    /// A tax rate of the catalogue, of what is no product of it; as the shop chose, it is in the price or on top.
    #[schema(value_type = Option<ItemName>)]
    tax_rate: Option<String>,
}

/// A discount: an amount, or so many percent, and why.
#[derive(Deserialize, ToSchema)]
struct NewDiscount {
    /// How much.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// Or how many percent: 1 to 100.
    #[schema(example = 10)]
    percent: Option<u8>,
    /// Why.
    #[schema(value_type = Reason)]
    reason: String,
}

/// What a sale would cost.
#[derive(Serialize, ToSchema)]
struct Price {
    /// The lines, each with what was taken off it and its tax.
    lines: Vec<LineForm>,
    /// What the whole is made cheaper by.
    discount: Option<DiscountForm>,
    /// How much of the lines is tax that comes on top of the prices; nothing where the prices have it in them.
    #[schema(value_type = Amount)]
    tax_on_top: String,
    /// The tax within the total, by rate.
    taxes: Vec<TaxForm>,
    /// What the customer owes.
    #[schema(value_type = Amount)]
    total: String,
    /// What is paid of it where it is paid in cash: there may be no smaller coins.
    #[schema(value_type = Amount)]
    in_cash: String,
}

impl From<&Sale> for Price {
    fn from(sale: &Sale) -> Self {
        let on_top = |line: &&Line| matches!(line.tax, Some(Tax { included: false, .. }));
        let tax_on_top: Money = sale.lines.iter().filter(on_top).map(Line::tax_amount).sum();
        Self {
            lines: sale.lines.iter().map(LineForm::from).collect(),
            discount: sale.discount.as_ref().map(DiscountForm::from),
            tax_on_top: tax_on_top.to_string(),
            taxes: sale.taxes().into_iter().map(TaxForm::from).collect(),
            total: sale.total.to_string(),
            in_cash: (sale.total + sale.rounding).to_string(),
        }
    }
}

/// What a sale would cost, and how that comes about. Nothing is sold.
#[utoipa::path(
    post,
    path = "/v1/price",
    tag = "sales",
    responses((status = 200, body = Price, description = "What it would cost"))
)]
async fn price(State(app): State<App>, Json(form): Json<NewSale>) -> Result<Json<Price>, Problem> {
    app.with(move |till, _| Ok(Json(Price::from(&form.read(till)?.0)))).await
}

impl NewDiscount {
    /// The discount on something that costs so much.
    fn on(&self, price: Money) -> Result<Discount, Problem> {
        let amount = match (self.amount.as_deref(), self.percent) {
            (Some(amount), None) => Money::parse(amount).map_err(|e| Problem::bad_request(&e))?,
            (None, Some(percent @ 1..=100)) => price.share(percent.into(), 100).unwrap_or_default(),
            _ => return Err(Problem::bad_request("a discount is an amount, or 1 to 100 percent")),
        };
        Discount::new(amount, &self.reason).map_err(|e| Problem::bad_request(&e))
    }
}

impl NewSale {
    /// The sale it describes; without a total, the total is the sum of the lines.
    pub(crate) fn read(self, till: &Till) -> Result<(Sale, Person), Problem> {
        let lines = self.lines.iter().map(|line| line.read(till)).collect::<Result<Vec<_>, _>>()?;
        let sum: Money = lines.iter().map(|line| line.amount).sum();
        let tender = match self.tender.as_str() {
            "cash" => Tender::Cash,
            "mpesa" => Tender::Mpesa,
            _ => return Err(Problem::bad_request("the tender is cash or mpesa")),
        };
        let order = self.order.filter(|order| !order.trim().is_empty());
        let bad = |error: SaleError| Problem::bad_request(&error);
        let told =
            self.total.as_deref().map(Money::parse).transpose().map_err(|e| Problem::bad_request(&e))?;
        // Without lines the total is what the goods cost before the discount; with them it may say what is left.
        let full = if lines.is_empty() { told.unwrap_or(sum) } else { sum };
        let mut sale = Sale::new(lines, full, tender, order).map_err(bad)?;
        if let Some(discount) = &self.discount {
            sale = sale.less(discount.on(full)?).map_err(bad)?;
        }
        if let Some(told) = told.filter(|told| !sale.lines.is_empty() && *told != sale.total) {
            return Err(bad(SaleError::TotalIsNotSum { total: told, sum: sale.total }));
        }
        let coin = till.rules(&till.only_shop()?.id)?.0.cash_rounding;
        Ok((sale.rounded_to(coin.unwrap_or_default()), Person::named(&self.by)))
    }
}

impl NewLine {
    /// So much of something, as a seed's front end names and prices it.
    pub(crate) fn seeds(
        product: Option<String>,
        name: Option<String>,
        quantity: String,
        unit_price: Option<String>,
    ) -> Self {
        Self { product, name, quantity, unit_price, ..Self::default() }
    }

    /// The line it describes.
    pub(crate) fn read(&self, till: &Till) -> Result<Line, Problem> {
        let quantity = Quantity::parse(&self.quantity).map_err(|e| Problem::bad_request(&e))?;
        let price = self.unit_price.as_deref().map(Money::parse).transpose();
        let price = price.map_err(|e| Problem::bad_request(&e))?;
        let product = self.product(till)?;
        let line = match (&product, &self.name, price) {
            (_, Some(name), Some(price)) => Line::new(name, quantity, price),
            (Some((shop, product)), None, None) => return self.cheaper(till.line(shop, product, quantity)?),
            _ => {
                return Err(Problem::bad_request(
                    "a line has a name and a unit_price, or a product, or both",
                ));
            }
        };
        let bad = |error: SaleError| Problem::bad_request(&error);
        let line = line.map_err(bad)?;
        let (line, tax) = match product {
            Some((shop, product)) => {
                let tax = till.tax(&shop, till.product(&shop, &product)?.tax_rate)?;
                (line.of(product), tax)
            }
            None => (line, self.typed_tax(till)?),
        };
        let line = match tax {
            Some(tax) => line.taxed(tax).map_err(bad)?,
            None => line,
        };
        self.cheaper(line)
    }

    /// The tax that was typed. A product's own may not have come yet; one that is typed was read somewhere.
    fn typed_tax(&self, till: &Till) -> Result<Option<Tax>, Problem> {
        let Some(rate) = &self.tax_rate else { return Ok(None) };
        let rate = ItemId::parse(rate).map_err(|e| Problem::bad_request(&e))?;
        let tax = till.tax(&till.only_shop()?.id, Some(rate))?;
        tax.map(Some).ok_or_else(|| Problem::bad_request("the catalogue has no such tax rate"))
    }

    fn cheaper(&self, line: Line) -> Result<Line, Problem> {
        let Some(discount) = &self.discount else { return Ok(line) };
        let price = Line::new(&line.name, line.quantity, line.unit_price);
        let price = price.map_err(|e| Problem::bad_request(&e))?.amount;
        line.less(discount.on(price)?).map_err(|e| Problem::bad_request(&e))
    }

    fn product(&self, till: &Till) -> Result<Option<(ShopId, ProductId)>, Problem> {
        let shop = || Ok::<_, Problem>(till.only_shop()?.id);
        match (&self.product, &self.barcode) {
            (Some(id), _) => {
                let id = ProductId::parse(id).map_err(|e| Problem::bad_request(&e))?;
                Ok(Some((shop()?, id)))
            }
            (None, Some(code)) => {
                let shop = shop()?;
                let id = till.product_with_barcode(&shop, code)?;
                Ok(Some((shop, id)))
            }
            (None, None) => Ok(None),
        }
    }
}
