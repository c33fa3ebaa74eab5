//! A sale as a page or a program sends it.

use crate::openapi::values::{Amount, By, ItemName, Measure};
use crate::problem::Problem;
use domain::{Line, Money, Person, ProductId, Quantity, Sale, ShopId, Tender};
use serde::Deserialize;
use till::Till;
use utoipa::ToSchema;

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
}

impl NewSale {
    /// The sale it describes; without a total, the total is the sum of the lines.
    pub(crate) fn read(self, till: &Till) -> Result<(Sale, Person), Problem> {
        let lines = self.lines.iter().map(|line| line.read(till)).collect::<Result<Vec<_>, _>>()?;
        let total = match &self.total {
            Some(total) => Money::parse(total).map_err(|e| Problem::bad_request(&e))?,
            None => lines.iter().map(|line| line.amount).sum(),
        };
        let tender = match self.tender.as_str() {
            "cash" => Tender::Cash,
            "mpesa" => Tender::Mpesa,
            _ => return Err(Problem::bad_request("the tender is cash or mpesa")),
        };
        let order = self.order.filter(|order| !order.trim().is_empty());
        let sale = Sale::new(lines, total, tender, order).map_err(|e| Problem::bad_request(&e))?;
        Ok((sale, Person::named(&self.by)))
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
            (Some((shop, product)), None, None) => return Ok(till.line(shop, product, quantity)?),
            _ => {
                return Err(Problem::bad_request(
                    "a line has a name and a unit_price, or a product, or both",
                ));
            }
        };
        let line = line.map_err(|e| Problem::bad_request(&e))?;
        Ok(match product {
            Some((_, product)) => line.of(product),
            None => line,
        })
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
