//! The port, request by request.

use crate::DynamoStore;
use crate::feed::{Arrival, Cursor};
use crate::items::{self, CHAIN, COUNTED, EXPIRES_AT, Item, LEADS, Newsworthy};
use crate::keys::{self, GPK, GSK, Key, MEMBERS, PK, SHOPS, SK};
use crate::request::{Condition, all, failed};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::{Actor, BusinessDay, CheckoutId, FeedItem, Member, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use service::store::{Enrolment, Filing, InboxItem, News, PushAttempt, RawCallback, Recorded};
use service::{Store, StoreError};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The most new items in one answer of news.
const NEWS_PAGE: usize = 200;
/// How many days back the inbox is listed; what lies there longer was not looked at for a month.
const INBOX_DAYS: i32 = 30;

impl Store for DynamoStore {
    async fn put_shop(&self, shop: &Shop, tokens: &[[u8; 32]]) -> Result<(), StoreError> {
        let (old, still) = match self.get(Key::shop(&shop.id)).await? {
            Some(item) => {
                let old = items::read_leads(&item)?;
                let still = Condition::same(LEADS, items::leads(&old));
                (old, still)
            }
            None => (BTreeSet::new(), Condition::new()),
        };
        // A set, because a transaction must not name an item twice, and a till's two numbers may be one.
        let numbers = shop.numbers().map(Key::number);
        let new: BTreeSet<Key> = numbers.chain(tokens.iter().map(Key::token)).collect();
        let mut parts = vec![self.put_part(items::shop_item(shop, &new), still)?];
        for key in &new {
            let lead = items::lead_item(key.clone(), &shop.id);
            parts.push(self.put_part(lead, items::nobody_elses(&shop.id))?);
        }
        for key in old.difference(&new) {
            parts.push(self.delete_part(key.clone())?);
        }
        if self.transact(parts).await? {
            return Ok(());
        }
        let why = "DynamoDB: a number or token belongs to another shop, or somebody else changes this one";
        Err(StoreError::Unreachable(why.to_owned()))
    }

    async fn shops(&self) -> Result<Vec<Shop>, StoreError> {
        all(self.query_list(SHOPS)).await?.iter().map(items::read_shop).collect()
    }

    async fn shop(&self, id: &ShopId) -> Result<Option<Shop>, StoreError> {
        self.get(Key::shop(id)).await?.as_ref().map(items::read_shop).transpose()
    }

    async fn shop_of_number(&self, number: &ShortCode) -> Result<Option<ShopId>, StoreError> {
        self.get(Key::number(number)).await?.as_ref().map(items::read_shop_id).transpose()
    }

    async fn shop_of_token(&self, hash: &[u8; 32]) -> Result<Option<ShopId>, StoreError> {
        self.get(Key::token(hash)).await?.as_ref().map(items::read_shop_id).transpose()
    }

    async fn record(&self, raw: &RawCallback, filing: &Filing) -> Result<Recorded, StoreError> {
        let hash = Sha256::digest(&raw.body).into();
        match self.put_new(items::callback_item(raw, hash, filing, Arrival::now())).await? {
            None => Ok(Recorded::New),
            Some(kept) if items::read_body_hash(&kept)? == hash => Ok(Recorded::Again),
            Some(_) => Ok(Recorded::Differs),
        }
    }

    async fn inbox(&self, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let today = Arrival::now().day().number();
        let mut found = Vec::new();
        for back in 0..INBOX_DAYS {
            let Ok(day) = BusinessDay::from_number(today.saturating_sub(back)) else { break };
            found.extend(self.inbox_day(day, limit.saturating_sub(found.len())).await?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    async fn early_result(&self, checkout: &CheckoutId) -> Result<Option<RawCallback>, StoreError> {
        let kept = self.get(Key::early_result(checkout)).await?;
        // Once settled it is in no list any more.
        let waiting = kept.filter(|item| item.place().is_some());
        waiting.as_ref().map(items::read_inbox_callback).transpose()
    }

    async fn settle_early_result(&self, checkout: &CheckoutId) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(Item::from(Key::early_result(checkout)).into()))
            .update_expression(format!("REMOVE {GPK}, {GSK}"))
            .condition_expression(format!("attribute_exists({PK})"));
        match request.send().await {
            Ok(_) => Ok(()),
            // There never was one; without the condition an empty item would be left.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn begin_push(&self, attempt: &PushAttempt) -> Result<Option<PushAttempt>, StoreError> {
        let item = items::attempt_item(Key::attempt(&attempt.shop, &attempt.attempt), attempt);
        self.put_new(item).await?.as_ref().map(items::read_attempt).transpose()
    }

    async fn accept_push(&self, attempt: &PushAttempt) -> Result<(), StoreError> {
        // First the way from Safaricom's name to the sale: if the second write fails, the result still
        // finds the sale, and a till that asks again is told that nobody knows, which sends no prompt.
        if let Some((checkout, _)) = &attempt.accepted {
            self.put(items::attempt_item(Key::accepted(checkout), attempt)).await?;
        }
        self.put(items::attempt_item(Key::attempt(&attempt.shop, &attempt.attempt), attempt)).await
    }

    async fn push_of(&self, checkout: &CheckoutId) -> Result<Option<PushAttempt>, StoreError> {
        self.get(Key::accepted(checkout)).await?.as_ref().map(items::read_attempt).transpose()
    }

    async fn put_enrolment(&self, enrolment: &Enrolment) -> Result<(), StoreError> {
        self.put(items::enrolment_item(enrolment)).await
    }

    async fn take_enrolment(
        &self,
        code_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Enrolment>, StoreError> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request
            .set_key(Some(Item::from(Key::enrolment(code_hash)).into()))
            .condition_expression(format!("{EXPIRES_AT} > :now"))
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()))
            .return_values(ReturnValue::AllOld);
        match request.send().await {
            Ok(answer) => {
                let taken = answer.attributes.map(Item::from);
                taken.map(|item| items::read_enrolment(&item, *code_hash)).transpose()
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn next_number(&self, counter: &str) -> Result<u32, StoreError> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(Item::from(Key::counter(counter)).into()))
            .update_expression(format!("ADD {COUNTED} :one"))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        let answer = request.send().await.map_err(failed)?;
        items::read_counted(&answer.attributes.unwrap_or_default().into())
    }

    async fn put_member(&self, member: &Member, shop: Option<&ShopId>) -> Result<(), StoreError> {
        self.put(items::member_item(member, shop)).await
    }

    async fn member(&self, actor: Actor) -> Result<Option<(Member, Option<ShopId>)>, StoreError> {
        self.get(Key::member(actor)).await?.as_ref().map(items::read_member).transpose()
    }

    async fn members(&self) -> Result<Vec<(Member, Option<ShopId>)>, StoreError> {
        all(self.query_list(MEMBERS)).await?.iter().map(items::read_member).collect()
    }

    async fn heads(&self, shop: &ShopId) -> Result<Vec<(Actor, Head)>, StoreError> {
        all(self.query(keys::heads(shop))).await?.iter().map(items::read_head).collect()
    }

    async fn head(&self, shop: &ShopId, actor: Actor) -> Result<Head, StoreError> {
        match self.get(Key::head(shop, actor)).await? {
            Some(item) => items::read_head(&item).map(|(_, head)| head),
            None => Ok(Head::genesis(shop, actor)),
        }
    }

    async fn append(
        &self,
        shop: &ShopId,
        batch: &Batch,
        before: Head,
        after: Head,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let journal_ends = if before.number == 0 {
            Condition::new()
        } else {
            Condition::same(CHAIN, AttributeValue::B(Blob::new(before.chain)))
        };
        let head = items::head_item(shop, batch.actor, after, Arrival::now());
        let batch = items::batch_item(shop, batch, at);
        let parts = [self.put_part(batch, Condition::new()), self.put_part(head, journal_ends)];
        self.transact(parts.into_iter().collect::<Result<_, _>>()?).await
    }

    async fn batches(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let query = self
            .query(keys::batches(shop, actor))
            .key_condition_expression(format!("#partition = :partition AND {SK} > :after"));
        let query = query.expression_attribute_values(":after", AttributeValue::S(keys::entry(after)));
        let (mut batches, mut bytes) = (Vec::new(), 0_usize);
        let mut found = query.into_paginator().items().send();
        while let Some(item) = found.try_next().await.map_err(failed)? {
            let batch = items::read_batch(&item.into())?;
            bytes = bytes.saturating_add(batch.size());
            if bytes > max_bytes && !batches.is_empty() {
                break;
            }
            batches.push(batch);
        }
        Ok(batches)
    }

    async fn news(&self, shop: &ShopId, cursor: &[u8]) -> Result<News, StoreError> {
        let cursor = Cursor::read(cursor);
        // Room for what will be found again, so that every read goes on.
        let limit = NEWS_PAGE.saturating_add(cursor.remembered());
        let query = self
            .query_list(keys::feed(shop))
            .key_condition_expression(format!("#partition = :partition AND {GSK} >= :from"));
        let query = query
            .expression_attribute_values(":from", AttributeValue::S(cursor.start()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let now = Arrival::now();
        let answer = query.send().await.map_err(failed)?;
        let more = answer.last_evaluated_key.is_some();
        let found: Vec<Item> = answer.items.unwrap_or_default().into_iter().map(Item::from).collect();
        let mut news = News { more, ..News::default() };
        for item in found.iter().filter(|item| item.place().is_some_and(|place| !cursor.has_given(place))) {
            report(&mut news, item)?;
        }
        let places: Vec<&str> = found.iter().filter_map(Item::place).collect();
        news.cursor = cursor.after(&places, more, now).write();
        Ok(news)
    }
}

impl DynamoStore {
    /// What came into the inbox on one day, newest first.
    async fn inbox_day(&self, day: BusinessDay, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let query = self.query_list(keys::inbox_day(day)).scan_index_forward(false);
        let mut found = query.into_paginator().items().send();
        let mut waiting = Vec::new();
        while waiting.len() < limit {
            let Some(item) = found.try_next().await.map_err(failed)? else { break };
            waiting.push(items::read_inbox_item(&item.into())?);
        }
        Ok(waiting)
    }
}

/// Adds an item of the index to the news.
fn report(news: &mut News, item: &Item) -> Result<(), StoreError> {
    match items::read_news(item)? {
        Newsworthy::Journal(actor) => news.journals.push(actor),
        Newsworthy::Message(bytes) => news.items.push(read_message(bytes)?),
    }
    Ok(())
}

/// A message that can not be read stops the answer: left out, it would be behind the reader's cursor and
/// lost. It was written by a newer release, and waits until this one is as new.
fn read_message(bytes: &[u8]) -> Result<FeedItem, StoreError> {
    let unreadable = |error| StoreError::Damaged(format!("a message of the feed: {error}"));
    replica::wire::decode_feed_item(bytes).map_err(unreadable)
}
