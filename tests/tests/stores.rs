//! Every store keeps the contract.

use dynamodb::DynamoStore;
use embedded::EmbeddedStore;
use tempfile::TempDir;
use tests::dynamo::Dynamo;

async fn dynamo() -> (DynamoStore, Dynamo) {
    let dynamo = Dynamo::start().await;
    (dynamo.store(), dynamo)
}

async fn embedded() -> (EmbeddedStore, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (EmbeddedStore::open(&home.path().join("hub.db")).unwrap(), home)
}

/// One SQLite file.
mod embedded_store {
    tests::store_contract!(super::embedded);
}

/// On a server that speaks DynamoDB's language, with the table of the template.
mod dynamodb_store {
    tests::store_contract!(super::dynamo);
}

/// What one request of a caller costs.
mod dynamodb_requests {
    use super::dynamo;
    use domain::{Evidence, FeedItem, Money, Payer, ReceiptCode, ShopId, ShortCode, Source, Timestamp};
    use service::Store;
    use service::store::{Filing, RawCallback};

    #[tokio::test]
    async fn a_confirmation_is_one_write_and_news_are_one_read() {
        let (store, dynamo) = dynamo().await;
        let shop = ShopId::parse("duka-moja").unwrap();
        let received_at = Timestamp::parse_daraja("20261121120000").unwrap();
        let evidence = Evidence {
            source: Source::C2bConfirmation,
            receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
            amount: Money::from_cents(35_000),
            shortcode: ShortCode::parse("123456").unwrap(),
            paid_at: None,
            payer: Payer::default(),
            account_reference: String::new(),
            received_at,
        };
        let filing = Filing::Feed(shop.clone(), Box::new(FeedItem::Confirmation(evidence)));
        let raw = RawCallback { body: b"{}".to_vec(), received_at };
        for sent in 1..=3 {
            store.record(&raw, &filing).await.unwrap();
            assert_eq!(dynamo.requests(), sent, "the first and every repetition");
        }
        store.news(&shop, &[]).await.unwrap();
        assert_eq!(dynamo.requests(), 4);
    }
}
