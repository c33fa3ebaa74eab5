//! Sales and what came back of them as bytes, within the forms of a fact. What follows from the rest is not written:
//! a line's amount, and the total of a sale that has lines.

use super::fact::BodyForm;
use super::{CodecError, above_nothing, money, signed_money};
use domain::{
    Cited, Discount, Line, Money, ProductId, Quantity, Return, Returned, Sale, SaleError, Tax, Tender,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) enum Goods {
    /// The total is their sum.
    Lines(Vec<LineForm>),
    /// Only a total was typed.
    Total(i64),
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineForm {
    pub(super) name: String,
    pub(super) quantity_milli: u32,
    pub(super) unit_price: i64,
    pub(super) product: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum TenderForm {
    Cash,
    Mpesa,
}

/// What was sold, where form 2 can not say it: with discounts and taxes.
#[derive(Serialize, Deserialize)]
pub(super) enum Priced {
    /// Before the discount on the whole, the total is their sum.
    Lines(Vec<PricedForm>),
    /// Only a total was typed; this is what it was before the discount.
    Total(i64),
}

#[derive(Serialize, Deserialize)]
pub(super) struct PricedForm {
    line: LineForm,
    discount: Option<DiscountForm>,
    tax: Option<TaxForm>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DiscountForm {
    amount: i64,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct TaxForm {
    basis_points: u16,
    included: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReturnedForm {
    line: u16,
    quantity_milli: u32,
    product: Option<String>,
    amount: i64,
}

impl From<&Sale> for BodyForm {
    fn from(sale: &Sale) -> Self {
        let tender = match sale.tender {
            Tender::Cash => TenderForm::Cash,
            Tender::Mpesa => TenderForm::Mpesa,
        };
        let order = sale.order.clone();
        let plain = |line: &Line| line.discount.is_none() && line.tax.is_none();
        if sale.discount.is_none() && sale.rounding == Money::ZERO && sale.lines.iter().all(plain) {
            return Self::Sale { goods: sale.into(), tender, order };
        }
        let off = sale.discount.as_ref().map_or(Money::ZERO, |discount| discount.amount);
        let goods = match &sale.lines[..] {
            [] => Priced::Total((sale.total + off).cents()),
            lines => Priced::Lines(lines.iter().map(Into::into).collect()),
        };
        let discount = sale.discount.as_ref().map(Into::into);
        Self::SaleOf { goods, tender, order, discount, rounding: sale.rounding.cents() }
    }
}

/// What form 2 says of a sale.
pub(super) fn read_plain(
    goods: Goods,
    tender: TenderForm,
    order: Option<String>,
) -> Result<Sale, CodecError> {
    let (lines, total) = goods.try_into()?;
    Ok(Sale::new(lines, total, tender.into(), order)?)
}

/// What form 3 says of a sale. What form 2 can say it does not.
pub(super) fn read_priced(
    goods: Priced,
    (tender, order): (TenderForm, Option<String>),
    discount: Option<DiscountForm>,
    rounding: i64,
) -> Result<Sale, CodecError> {
    let (lines, total) = match goods {
        Priced::Total(total) => (Vec::new(), money(total)?),
        Priced::Lines(forms) if forms.is_empty() => return Err(CodecError::Unreadable),
        Priced::Lines(forms) => {
            let lines = forms.into_iter().map(TryInto::try_into).collect::<Result<Vec<Line>, _>>()?;
            let total: Money = lines.iter().map(|line| line.amount).sum();
            (lines, money(total.cents())?)
        }
    };
    let extra = |line: &Line| line.discount.is_some() || line.tax.is_some();
    if discount.is_none() && rounding == 0 && !lines.iter().any(extra) {
        return Err(CodecError::Unreadable);
    }
    let sale = Sale::new(lines, total, tender.into(), order)?;
    let sale = match discount {
        Some(discount) => sale.less(discount.try_into()?)?,
        None => sale,
    };
    Ok(sale.with_rounding(signed_money(rounding)?)?)
}

/// What came back of a sale.
pub(super) fn read_return(
    sale: Cited,
    goods: Vec<ReturnedForm>,
    restock: bool,
    reason: String,
) -> Result<Return, CodecError> {
    if !(1..=Sale::MAX_LINES).contains(&goods.len()) {
        return Err(CodecError::Unreadable);
    }
    let goods = goods.into_iter().map(TryInto::try_into).collect::<Result<Vec<Returned>, _>>()?;
    Ok(Return { sale, goods, restock, reason })
}

impl From<&Sale> for Goods {
    fn from(sale: &Sale) -> Self {
        if sale.lines.is_empty() {
            return Self::Total(sale.total.cents());
        }
        Self::Lines(sale.lines.iter().map(Into::into).collect())
    }
}

impl TryFrom<Goods> for (Vec<Line>, Money) {
    type Error = CodecError;
    fn try_from(goods: Goods) -> Result<Self, CodecError> {
        let forms = match goods {
            Goods::Total(total) => return Ok((Vec::new(), money(total)?)),
            Goods::Lines(forms) => forms,
        };
        let lines = forms.into_iter().map(TryInto::try_into).collect::<Result<Vec<Line>, _>>()?;
        let total: Money = lines.iter().map(|line| line.amount).sum();
        Ok((lines, money(total.cents())?))
    }
}

impl From<&Line> for LineForm {
    fn from(line: &Line) -> Self {
        Self {
            name: line.name.clone(),
            quantity_milli: line.quantity.milli(),
            unit_price: line.unit_price.cents(),
            product: line.product.as_ref().map(|id| id.as_str().to_owned()),
        }
    }
}

impl TryFrom<LineForm> for Line {
    type Error = CodecError;
    fn try_from(form: LineForm) -> Result<Self, CodecError> {
        let quantity = Quantity::from_milli(form.quantity_milli)?;
        let line = Self::new(&form.name, quantity, money(form.unit_price)?)?;
        Ok(match form.product {
            Some(id) => line.of(product(&id)?),
            None => line,
        })
    }
}

impl From<&Line> for PricedForm {
    fn from(line: &Line) -> Self {
        let tax = |tax: Tax| TaxForm { basis_points: tax.basis_points, included: tax.included };
        Self { line: line.into(), discount: line.discount.as_ref().map(Into::into), tax: line.tax.map(tax) }
    }
}

impl TryFrom<PricedForm> for Line {
    type Error = CodecError;
    fn try_from(form: PricedForm) -> Result<Self, CodecError> {
        let mut line = Self::try_from(form.line)?;
        if let Some(discount) = form.discount {
            line = line.less(discount.try_into()?)?;
        }
        if let Some(TaxForm { basis_points, included }) = form.tax {
            line = line.taxed(Tax::new(basis_points, included)?)?;
        }
        Ok(line)
    }
}

impl From<&Discount> for DiscountForm {
    fn from(discount: &Discount) -> Self {
        Self { amount: discount.amount.cents(), reason: discount.reason.clone() }
    }
}

impl TryFrom<DiscountForm> for Discount {
    type Error = CodecError;
    fn try_from(form: DiscountForm) -> Result<Self, CodecError> {
        Ok(Self::new(above_nothing(form.amount)?, &form.reason)?)
    }
}

impl From<&Returned> for ReturnedForm {
    fn from(it: &Returned) -> Self {
        Self {
            line: it.line,
            quantity_milli: it.quantity.milli(),
            product: it.product.as_ref().map(|id| id.as_str().to_owned()),
            amount: it.amount.cents(),
        }
    }
}

impl TryFrom<ReturnedForm> for Returned {
    type Error = CodecError;
    fn try_from(form: ReturnedForm) -> Result<Self, CodecError> {
        Ok(Self {
            line: form.line,
            quantity: Quantity::from_milli(form.quantity_milli)?,
            product: form.product.as_deref().map(product).transpose()?,
            amount: money(form.amount)?,
        })
    }
}

impl From<TenderForm> for Tender {
    fn from(form: TenderForm) -> Self {
        match form {
            TenderForm::Cash => Self::Cash,
            TenderForm::Mpesa => Self::Mpesa,
        }
    }
}

pub(super) fn product(id: &str) -> Result<ProductId, CodecError> {
    ProductId::parse(id).map_err(|_| CodecError::Unreadable)
}

impl From<SaleError> for CodecError {
    fn from(_: SaleError) -> Self {
        Self::Unreadable
    }
}
