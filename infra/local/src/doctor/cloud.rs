//! Functions that run elsewhere, such as in AWS: the way to them, and what they tell an administrator. Nobody can look
//! into their store from here.

use super::finding::Finding;
use super::knocked::{self, Knock};
use crate::Failure;
use crate::admin::Administrator;
use service::CallbackToken;
use service::office::OpenedShop;
use std::path::PathBuf;

/// Looks at the functions at an address, as the administrator whose folder this is. `base` is where Safaricom shall
/// reach them.
///
/// # Errors
/// This program broke off.
pub(super) async fn look_at(
    http: &reqwest::Client,
    cloud: &str,
    admin: PathBuf,
    base: &str,
) -> Result<Vec<Finding>, Failure> {
    let public = knocked::knock(http, base).await;
    // There is nobody to ask nearer by, so a way that does not lead there is a fault of the way.
    let mut findings = vec![knocked::judge_way(&public, &Knock::Leja, base)];
    let address = cloud.to_owned();
    let told = tokio::task::spawn_blocking(move || Administrator::of(&admin, &address)?.shops()).await?;
    let shops = match told {
        Ok(shops) => shops,
        Err(error) => {
            findings.push(Finding::fail("cloud", error.to_string()));
            return Ok(findings);
        }
    };
    findings.push(Finding::ok("cloud", format!("{cloud} knows you, and {} shops", shops.len())));
    let Some(first) = shops.first() else { return Ok(findings) };
    match token_in(&first.confirmation_url, base) {
        None => findings.push(elsewhere(first)),
        Some(token) if public == Knock::Leja => {
            findings.push(knocked::judge_validation(&knocked::validate(http, base, &token).await));
        }
        Some(_) => {}
    }
    Ok(findings)
}

/// The token in a shop's address, if that lies below where Safaricom shall reach us.
fn token_in(url: &str, base: &str) -> Option<CallbackToken> {
    let path = url.strip_prefix(base.trim_end_matches('/'))?.strip_prefix("/in/")?;
    CallbackToken::parse(path.split('/').next()?)
}

/// The functions give shops other addresses than those that were looked at.
fn elsewhere(shop: &OpenedShop) -> Finding {
    let id = &shop.shop.id;
    let says =
        format!("the addresses of {id} begin otherwise: deploy with this callback domain, or look at theirs");
    Finding::fail("validation", says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_below_the_address_that_is_looked_at_and_nowhere_else() {
        let token = CallbackToken::nobodys();
        let url = format!("https://pay.example.com/in/{}/c/confirmation", token.as_str());
        for base in ["https://pay.example.com", "https://pay.example.com/"] {
            assert_eq!(
                token_in(&url, base).map(|found| found.as_str().to_owned()),
                Some(token.as_str().to_owned())
            );
        }
        assert!(token_in(&url, "https://pay.example.co").is_none());
        assert!(token_in(&url, "https://other.example.com").is_none());
    }
}
