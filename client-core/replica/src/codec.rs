//! Facts and products as compact, versioned bytes. The forms here are frozen: a changed form gets a new
//! version, and golden bytes in the tests notice a slip.

use domain::fact::SaleError;
use domain::{
    Actor, Claim, FactBody, FactId, How, Line, Money, Person, Product, ProductId, Quantity, ReceiptCode,
    Sale, Tender, TillId,
};
use serde::{Deserialize, Serialize};

/// Version 1 of every form in this file.
const VERSION: u8 = 1;

/// Bytes that carry no fact or product we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later release wrote it.
    #[error("written by a newer release (form {0}): update this program")]
    Newer(u8),
    /// The bytes say nothing that makes sense.
    #[error("unreadable bytes")]
    Unreadable,
}

/// A fact's value: who and what. Its name and its time stand in the key.
#[derive(Serialize, Deserialize)]
struct FactForm {
    by: String,
    body: BodyForm,
}

#[derive(Serialize, Deserialize)]
enum BodyForm {
    Sale { lines: Vec<LineForm>, total: i64, tender: TenderForm, order: Option<String> },
    Cash { sale: NameForm, amount: i64 },
    Claim { receipt: String, sale: NameForm, how: HowForm },
    Release { claim: NameForm, reason: String },
    Void { sale: NameForm, reason: String },
}

#[derive(Serialize, Deserialize)]
struct LineForm {
    name: String,
    quantity_milli: u32,
    unit_price: i64,
    amount: i64,
}

#[derive(Serialize, Deserialize)]
enum TenderForm {
    Cash,
    Mpesa,
}

#[derive(Serialize, Deserialize)]
enum HowForm {
    StkRequest,
    AccountReference,
    Typed,
    Picked,
    Automatic,
}

/// The name of a fact or a writer, as it stands in every binary form of this crate.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NameForm {
    till: u32,
    incarnation: u16,
    number: u64,
}

impl From<FactId> for NameForm {
    fn from(id: FactId) -> Self {
        Self { till: id.actor.till.0, incarnation: id.actor.incarnation, number: id.number }
    }
}

impl From<NameForm> for FactId {
    fn from(form: NameForm) -> Self {
        let actor = Actor { till: TillId(form.till), incarnation: form.incarnation };
        Self { actor, number: form.number }
    }
}

#[derive(Serialize, Deserialize)]
struct ProductForm {
    name: String,
    price: i64,
    /// Who set it, and when: it makes every setting distinct, so that choosing the value that already
    /// leads is still a write (lab §4).
    by: String,
    at: i64,
}

/// The bytes of a fact's value.
pub(crate) fn encode_fact(by: &Person, body: &FactBody) -> Vec<u8> {
    versioned(&FactForm { by: by.as_str().to_owned(), body: body.into() })
}

/// Reads a fact's value; every rule of the domain is checked again.
pub(crate) fn decode_fact(bytes: &[u8]) -> Result<(Person, FactBody), CodecError> {
    let form: FactForm = unversioned(bytes)?;
    let by = Person::named(&form.by);
    Ok((by, form.body.try_into()?))
}

/// The bytes of a product's register.
pub(crate) fn encode_product(product: &Product, by: &Person, at_millis: i64) -> Vec<u8> {
    versioned(&ProductForm {
        name: product.name.clone(),
        price: product.price.cents(),
        by: by.as_str().to_owned(),
        at: at_millis,
    })
}

/// Reads a product's register.
pub(crate) fn decode_product(id: ProductId, bytes: &[u8]) -> Result<Product, CodecError> {
    let form: ProductForm = unversioned(bytes)?;
    Product::new(id, &form.name, money(form.price)?).map_err(|_| CodecError::Unreadable)
}

/// Version byte first, then postcard.
pub(crate) fn versioned<T: Serialize>(form: &T) -> Vec<u8> {
    // Plain structs in memory always serialise; an empty value would be refused by every reader.
    let body = postcard::to_stdvec(form).unwrap_or_default();
    std::iter::once(VERSION).chain(body).collect()
}

/// Reads what [`versioned`] wrote, to the last byte.
pub(crate) fn unversioned<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((form, [])) => Ok(form),
            _ => Err(CodecError::Unreadable),
        },
        Some((&newer, _)) if newer > VERSION => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Unreadable),
    }
}

/// An amount as somebody else wrote it: bounded, so that no sum of such amounts can overflow.
pub(crate) fn money(cents: i64) -> Result<Money, CodecError> {
    Money::from_edge(cents).map_err(|_| CodecError::Unreadable)
}

impl From<&FactBody> for BodyForm {
    fn from(body: &FactBody) -> Self {
        match body {
            FactBody::Sale(sale) => Self::Sale {
                lines: sale.lines.iter().map(Into::into).collect(),
                total: sale.total.cents(),
                tender: match sale.tender {
                    Tender::Cash => TenderForm::Cash,
                    Tender::Mpesa => TenderForm::Mpesa,
                },
                order: sale.order.clone(),
            },
            FactBody::Cash { sale, amount } => Self::Cash { sale: (*sale).into(), amount: amount.cents() },
            FactBody::Claim(claim) => Self::Claim {
                receipt: claim.receipt.as_str().to_owned(),
                sale: claim.sale.into(),
                how: claim.how.into(),
            },
            FactBody::Release { claim, reason } => {
                Self::Release { claim: (*claim).into(), reason: reason.clone() }
            }
            FactBody::Void { sale, reason } => Self::Void { sale: (*sale).into(), reason: reason.clone() },
        }
    }
}

impl TryFrom<BodyForm> for FactBody {
    type Error = CodecError;
    fn try_from(form: BodyForm) -> Result<Self, CodecError> {
        Ok(match form {
            BodyForm::Sale { lines, total, tender, order } => {
                let lines = lines.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                let tender = match tender {
                    TenderForm::Cash => Tender::Cash,
                    TenderForm::Mpesa => Tender::Mpesa,
                };
                Self::Sale(Sale::new(lines, money(total)?, tender, order)?)
            }
            BodyForm::Cash { sale, amount } if amount > 0 => {
                Self::Cash { sale: sale.into(), amount: money(amount)? }
            }
            BodyForm::Cash { .. } => return Err(CodecError::Unreadable),
            BodyForm::Claim { receipt, sale, how } => Self::Claim(Claim {
                receipt: ReceiptCode::parse(&receipt).map_err(|_| CodecError::Unreadable)?,
                sale: sale.into(),
                how: how.into(),
            }),
            BodyForm::Release { claim, reason } => Self::Release { claim: claim.into(), reason },
            BodyForm::Void { sale, reason } => Self::Void { sale: sale.into(), reason },
        })
    }
}

impl From<SaleError> for CodecError {
    fn from(_: SaleError) -> Self {
        Self::Unreadable
    }
}

impl From<&Line> for LineForm {
    fn from(line: &Line) -> Self {
        Self {
            name: line.name.clone(),
            quantity_milli: line.quantity.milli(),
            unit_price: line.unit_price.cents(),
            amount: line.amount.cents(),
        }
    }
}

impl TryFrom<LineForm> for Line {
    type Error = CodecError;
    fn try_from(form: LineForm) -> Result<Self, CodecError> {
        let quantity = Quantity::from_milli(form.quantity_milli)?;
        let line = Self::new(&form.name, quantity, money(form.unit_price)?)?;
        if line.amount.cents() == form.amount { Ok(line) } else { Err(CodecError::Unreadable) }
    }
}

impl From<How> for HowForm {
    fn from(how: How) -> Self {
        match how {
            How::StkRequest => Self::StkRequest,
            How::AccountReference => Self::AccountReference,
            How::Typed => Self::Typed,
            How::Picked => Self::Picked,
            How::Automatic => Self::Automatic,
        }
    }
}

impl From<HowForm> for How {
    fn from(form: HowForm) -> Self {
        match form {
            HowForm::StkRequest => Self::StkRequest,
            HowForm::AccountReference => Self::AccountReference,
            HowForm::Typed => Self::Typed,
            HowForm::Picked => Self::Picked,
            HowForm::Automatic => Self::Automatic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sale() -> FactBody {
        let lines = vec![
            Line::new("Maize flour 2kg", Quantity::ONE, Money::from_cents(21_000)).unwrap(),
            Line::new("Sugar", Quantity::parse("0.5").unwrap(), Money::from_cents(19_000)).unwrap(),
        ];
        let order = Some("ORDER-001".to_owned());
        FactBody::Sale(Sale::new(lines, Money::from_cents(30_500), Tender::Mpesa, order).unwrap())
    }

    fn name() -> FactId {
        "7-42".parse().unwrap()
    }

    /// Frozen: what these releases wrote must be readable for ever. A changed form gets a new version.
    #[test]
    fn facts_keep_their_bytes() {
        let claim =
            Claim { receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(), sale: name(), how: How::Picked };
        let cases = [
            (
                sale(),
                "01044173686100020f4d61697a6520666c6f757220326b67e80790c80290c802055375676172f403f0a802b89401c8dc030101094f524445522d303031",
            ),
            (FactBody::Cash { sale: name(), amount: Money::from_cents(500) }, "0104417368610107002ae807"),
            (FactBody::Claim(claim), "010441736861020a554b4c3441423132434407002a03"),
            (FactBody::Release { claim: name(), reason: "slip".into() }, "0104417368610307002a04736c6970"),
            (FactBody::Void { sale: name(), reason: "slip".into() }, "0104417368610407002a04736c6970"),
        ];
        for (body, golden) in cases {
            let bytes = encode_fact(&Person::named("Asha"), &body);
            assert_eq!(hex::encode(&bytes), golden, "{body:?}");
            assert_eq!(decode_fact(&bytes), Ok((Person::named("Asha"), body)));
        }
    }

    #[test]
    fn products_keep_their_bytes() {
        let id = ProductId::parse("bread").unwrap();
        let product = Product::new(id.clone(), "Bread", Money::from_cents(6_500)).unwrap();
        let bytes = encode_product(&product, &Person::named("Asha"), 1_700_000_000_000);
        assert_eq!(hex::encode(&bytes), "01054272656164c865044173686180a0abfef962");
        assert_eq!(decode_product(id, &bytes), Ok(product));
    }

    #[test]
    fn what_a_newer_release_wrote_says_so() {
        assert_eq!(decode_fact(&[2, 1, 2, 3]), Err(CodecError::Newer(2)));
        assert_eq!(decode_fact(&[]), Err(CodecError::Unreadable));
    }

    #[test]
    fn a_sale_whose_sum_was_tampered_with_is_unreadable() {
        let mut bytes = encode_fact(&Person::named("Asha"), &sale());
        let total = bytes.len() - 14;
        bytes[total] ^= 2;
        assert_eq!(decode_fact(&bytes), Err(CodecError::Unreadable));
    }

    #[test]
    fn an_amount_beyond_counting_is_unreadable() {
        for amount in [i64::MAX, i64::MIN, -1, 0] {
            let cash = FactForm { by: "Asha".into(), body: BodyForm::Cash { sale: name().into(), amount } };
            assert_eq!(decode_fact(&versioned(&cash)), Err(CodecError::Unreadable), "{amount}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_fact(&bytes);
        }

        #[test]
        fn damaged_facts_never_make_the_reader_panic(at in 0usize..80, with: u8) {
            let mut bytes = encode_fact(&Person::named("Asha"), &sale());
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = decode_fact(&bytes);
        }
    }
}
