//! Products of the catalogue as bytes.

use super::{CodecError, money, unversioned, versioned};
use domain::{Person, Product, ProductId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct ProductForm {
    name: String,
    price: i64,
    /// Who set it, and when: it makes every setting distinct, so that choosing the value that already
    /// leads is still a write (lab §4).
    by: String,
    at: i64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Money;

    #[test]
    fn products_keep_their_bytes() {
        let id = ProductId::parse("bread").unwrap();
        let product = Product::new(id.clone(), "Bread", Money::from_cents(6_500)).unwrap();
        let bytes = encode_product(&product, &Person::named("Asha"), 1_700_000_000_000);
        assert_eq!(hex::encode(&bytes), "01054272656164c865044173686180a0abfef962");
        assert_eq!(decode_product(id, &bytes), Ok(product));
    }
}
