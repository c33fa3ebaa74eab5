//! The port, request by request.

use crate::DynamoStore;
use crate::feed::{Arrival, Cursor};
use crate::items::{self, CHAIN, COUNTED, EXPIRES_AT, HOLDER, Item, LEADS, Newsworthy, OUTCOME};
use crate::keys::{self, GPK, GSK, Key, MEMBERS, SHOPS, SK};
use crate::request::{Condition, all, failed};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::{Actor, BusinessDay, CheckoutId, FeedItem, Member, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use service::records::{Listing, Orphan, Page};
use service::store::{
    AnswerKind, Enrolment, Filing, InboxItem, News, RawCallback, Recorded, Request, Tokens,
};
use service::{Store, StoreError};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The most new items in one answer of news.
const NEWS_PAGE: usize = 200;
/// How many days back the inbox is listed. Money that nobody gave to a shop must not drop out of sight
/// while anybody may still ask for it: a year, and a month to look at the last.
const INBOX_DAYS: i32 = 400;

impl Store for DynamoStore {
    async fn put_shop(&self, shop: &Shop, tokens: &Tokens) -> Result<(), StoreError> {
        let (old, still) = match self.get(Key::shop(&shop.id)).await? {
            Some(item) => {
                let old = items::read_leads(&item)?;
                let still = Condition::same(LEADS, items::leads(&old));
                (old, still)
            }
            None => (BTreeSet::new(), Condition::new()),
        };
        // A set, because a transaction must not name an item twice, and a till's two numbers may be one.
        let numbers = shop.own_numbers().map(Key::number);
        let new: BTreeSet<Key> = numbers.chain(tokens.hashes.iter().map(Key::token)).collect();
        let mut parts = vec![self.put_part(items::shop_item(shop, tokens, &new), still)?];
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

    async fn tokens(&self, shop: &ShopId) -> Result<Option<Tokens>, StoreError> {
        self.get(Key::shop(shop)).await?.as_ref().map(items::read_tokens).transpose()
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
        let key = items::callback_key(&hash, filing);
        let recorded = self.record_at(key.clone(), raw, hash, filing).await?;
        match (&recorded, filing) {
            (Recorded::Differs(Some(kept)), Filing::Feed(_, message)) if kept.name() != message.name() => {
                self.record_at(key.beside(message.name().0), raw, hash, filing).await
            }
            _ => Ok(recorded),
        }
    }

    async fn inbox(&self, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let today = self.now().day().number();
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

    async fn settle_inbox(&self, item: &InboxItem, outcome: &str) -> Result<(), StoreError> {
        if let Some(request) = &item.request {
            // First the way back to it: settled, it is in no list in which its hash could be found.
            self.put(items::early_inbox_item(&item.hash, request)).await?;
        }
        let decided = items::decided_attributes(&item.hash, self.now());
        self.decide(item, Condition::waiting(), outcome, &decided).await
    }

    async fn inbox_item(&self, hash: &[u8; 32]) -> Result<Option<(InboxItem, Option<String>)>, StoreError> {
        let kept = match self.get(Key::inbox(hash)).await? {
            Some(kept) => Some(kept),
            None => self.early_inbox_item(hash).await?,
        };
        let Some(kept) = kept else { return Ok(None) };
        let outcome = items::read_outcome(&kept).map(str::to_owned);
        let item = items::read_inbox_item(&kept)?;
        // Out of the list and with nobody's decision, it went to its place by itself.
        let (waits, decided) = (kept.waits(), outcome.is_some());
        Ok((waits || decided).then(|| (item, outcome.filter(|_| !waits))))
    }

    async fn reopen_inbox(&self, item: &InboxItem, note: &str) -> Result<(), StoreError> {
        let waiting = items::waiting_attributes(&item.hash, self.now());
        self.decide(item, Condition::decided(), note, &waiting).await
    }

    async fn early_answer(&self, request: &CheckoutId) -> Result<Option<RawCallback>, StoreError> {
        let kept = self.get(Key::early_answer(request)).await?;
        // Once settled it is not in the inbox any more.
        let waiting = kept.filter(Item::waits);
        waiting.as_ref().map(items::read_inbox_callback).transpose()
    }

    async fn settle_early_answer(&self, request: &CheckoutId) -> Result<(), StoreError> {
        // On condition that there was one: otherwise an empty item would be left.
        self.change_if(Key::early_answer(request), Condition::known(), &[], &[GPK, GSK]).await
    }

    async fn feed_item(&self, shop: &ShopId, name: (&str, &str)) -> Result<Option<FeedItem>, StoreError> {
        // What is said of one payment or push lies together and is a few messages, wherever a release put
        // them.
        let list = keys::feed(shop);
        for item in all(self.query(Key::message(shop, name).pk)).await?.iter().filter(|i| i.is_in(&list)) {
            let message = items::read_message(item)?;
            if message.name() == name {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    async fn answer(
        &self,
        request: &CheckoutId,
        kind: AnswerKind,
    ) -> Result<Option<RawCallback>, StoreError> {
        self.get(Key::answer(request, kind)).await?.as_ref().map(items::read_answer).transpose()
    }

    async fn begin_request(&self, request: &Request) -> Result<Option<Request>, StoreError> {
        let known = self.put_if(items::named_item(request), Condition::new()).await?;
        self.request_behind(known).await
    }

    async fn request_named(&self, shop: &ShopId, name: &str) -> Result<Option<Request>, StoreError> {
        let known = self.get(Key::request(shop, name)).await?;
        self.request_behind(known).await
    }

    async fn accept_request(&self, request: &Request) -> Result<(), StoreError> {
        let Some((checkout, _)) = &request.accepted else { return Ok(()) };
        // First the way from Safaricom's name to the request: if the second write fails, the answer still
        // finds it, and a caller that asks again is told that nobody knows, which sends no prompt.
        self.put(items::accepted_item(checkout, request)).await?;
        self.put(items::named_item(request)).await
    }

    async fn request_of(&self, request: &CheckoutId) -> Result<Option<Request>, StoreError> {
        self.get(Key::accepted(request)).await?.as_ref().map(items::read_request).transpose()
    }

    async fn due_requests(&self, now: Timestamp, limit: usize) -> Result<Vec<Request>, StoreError> {
        let mut listed = Vec::new();
        for list in 0..keys::DUE_LISTS {
            listed.extend(self.due_in(list, now, limit).await?);
        }
        listed.sort_by(|one, other| one.place().cmp(&other.place()));
        let mut due = Vec::new();
        for item in listed.iter().take(limit) {
            // The index is a moment behind: what became known meanwhile is not asked about.
            let request = self.get(item.key()?).await?.as_ref().map(items::read_request).transpose()?;
            due.extend(request.filter(|request| request.ask_at.is_some_and(|at| at <= now)));
        }
        Ok(due)
    }

    async fn ask_again(&self, request: &Request, at: Option<Timestamp>) -> Result<(), StoreError> {
        let Some((checkout, _)) = &request.accepted else { return Ok(()) };
        let key = Key::accepted(checkout);
        match at.map(|at| items::due_attributes(checkout, at)) {
            Some(due) => self.change_if(key, Condition::known(), &due, &[]).await,
            None => self.change_if(key, Condition::known(), &[], &items::DUE).await,
        }
    }

    async fn hold(
        &self,
        lock: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let own = Condition::new_or_same(HOLDER, AttributeValue::S(holder.to_owned()));
        let free = own.or_up_to(EXPIRES_AT, now.millis());
        let held = self.put_if(items::lock_item(lock, holder, until), free).await?;
        held.as_ref().map(items::read_lock).transpose()
    }

    async fn let_go(&self, lock: &str, holder: &str) -> Result<(), StoreError> {
        let own = Condition::same(HOLDER, AttributeValue::S(holder.to_owned()));
        self.delete_if(Key::lock(lock), own).await.map(drop)
    }

    async fn put_note(&self, shop: &ShopId, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.put(items::note_item(shop, name, content)).await
    }

    async fn notes(&self, shop: &ShopId, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let query = self.query(keys::notes(shop));
        // From the prefix to the last text that begins so. No key is nothing: DynamoDB refuses to be asked
        // from there.
        let query = match prefix {
            "" => query,
            prefix => query
                .key_condition_expression(format!(
                    "#partition = :partition AND {SK} BETWEEN :prefix AND :last"
                ))
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
                .expression_attribute_values(":last", AttributeValue::S(format!("{prefix}{}", char::MAX))),
        };
        all(query).await?.iter().map(items::read_note).collect()
    }

    async fn put_enrolment(&self, enrolment: &Enrolment) -> Result<(), StoreError> {
        self.put(items::enrolment_item(enrolment)).await
    }

    async fn take_enrolment(
        &self,
        code_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Enrolment>, StoreError> {
        let good = Condition::beyond(EXPIRES_AT, now.millis());
        let taken = self.delete_if(Key::enrolment(code_hash), good).await?;
        taken.map(|item| items::read_enrolment(&item, *code_hash)).transpose()
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

    async fn counter(&self, counter: &str) -> Result<u32, StoreError> {
        let found = self.get(Key::counter(counter)).await?;
        Ok(found.as_ref().map(items::read_counted).transpose()?.unwrap_or_default())
    }

    async fn raise_counter(&self, counter: &str, to: u32) -> Result<(), StoreError> {
        let to = AttributeValue::N(to.to_string());
        self.change_if(
            Key::counter(counter),
            Condition::new_or_below(COUNTED, to.clone()),
            &[(COUNTED, to)],
            &[],
        )
        .await
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

    async fn members_of(&self, shop: &ShopId) -> Result<Vec<Member>, StoreError> {
        let query = self
            .query_list(MEMBERS)
            .key_condition_expression(format!("#partition = :partition AND begins_with({GSK}, :shop)"))
            .expression_attribute_values(":shop", AttributeValue::S(keys::members_of(Some(shop))));
        let found = all(query).await?;
        found.iter().map(|item| items::read_member(item).map(|(member, _)| member)).collect()
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
        let head = items::head_item(shop, batch.actor, after, self.now());
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
        let mut page = self.batches_from(shop, actor, after, max_bytes).await?;
        let begins_there = page.first().is_some_and(|batch| after.checked_add(1) == Some(batch.first));
        if !begins_there {
            // The number lies in a batch that was joined, or nothing comes after it.
            let within = self.last_batch_up_to(shop, actor, after).await?;
            let within = within.filter(|batch| batch.last() > after);
            page.splice(0..0, within);
        }
        // Batches that were joined while they were read would leave a gap: the next read goes on from there.
        let gap = page.windows(2).position(|pair| match pair {
            [one, next] => one.last().checked_add(1) != Some(next.first),
            _ => false,
        });
        page.truncate(gap.map_or(page.len(), |last| last.saturating_add(1)));
        Ok(page)
    }

    async fn batches_before(
        &self,
        shop: &ShopId,
        actor: Actor,
        before: u64,
        max_bytes: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let Some(last) = before.checked_sub(1) else { return Ok(Vec::new()) };
        page(self.back_from(shop, actor, last), max_bytes).await
    }

    async fn join_batches(&self, shop: &ShopId, joined: &Batch, parts: &[Batch]) -> Result<bool, StoreError> {
        let mut writes = vec![self.put_part(items::joined_item(shop, joined), Condition::unjoined())?];
        for part in parts.iter().skip(1) {
            let key = Key::batch(shop, part.actor, part.first);
            writes.push(self.delete_part_if(key, Condition::unjoined())?);
        }
        self.transact(writes).await
    }

    async fn cursor_at(&self, _shop: &ShopId, at: Timestamp) -> Result<Vec<u8>, StoreError> {
        Ok(Cursor::at(Arrival::of(at)).write())
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
        let now = self.now();
        let (mut news, mut places, mut from, mut cut) = (News::default(), Vec::new(), None, false);
        loop {
            let answer = query.clone().set_exclusive_start_key(from).send().await.map_err(failed)?;
            for item in answer.items.unwrap_or_default().into_iter().map(Item::from) {
                let told = news.items.len().saturating_add(news.journals.len());
                cut = told >= NEWS_PAGE;
                if cut {
                    break;
                }
                let Some(place) = item.place() else { continue };
                if !cursor.has_given(place) {
                    report(&mut news, &item)?;
                }
                places.push(place.to_owned());
            }
            from = answer.last_evaluated_key;
            // An answer ends at a megabyte. Where all of it was given before, what is new lies beyond.
            let told = !news.items.is_empty() || !news.journals.is_empty();
            news.more = cut || from.is_some();
            if told || from.is_none() {
                break;
            }
        }
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        news.cursor = cursor.after(&places, news.more, now).write();
        Ok(news)
    }

    async fn records(&self, listing: &Listing, after: &[u8]) -> Result<Page, StoreError> {
        self.page_of(listing, after).await
    }

    async fn put_orphan(&self, orphan: &Orphan) -> Result<(), StoreError> {
        self.keep_orphan(orphan).await
    }
}

impl DynamoStore {
    /// The batches of a journal that begin after a number, in order, as many as fit but at least one.
    async fn batches_from(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let query = self
            .query(keys::batches(shop, actor))
            .key_condition_expression(format!("#partition = :partition AND {SK} > :after"))
            .expression_attribute_values(":after", AttributeValue::S(keys::entry(after)));
        page(query, max_bytes).await
    }

    /// Those that begin with a number or before it, the newest first.
    fn back_from(&self, shop: &ShopId, actor: Actor, from: u64) -> QueryFluentBuilder {
        let query = self.query(keys::batches(shop, actor)).scan_index_forward(false);
        query
            .key_condition_expression(format!("#partition = :partition AND {SK} <= :from"))
            .expression_attribute_values(":from", AttributeValue::S(keys::entry(from)))
    }

    /// The last that begins with a number or before it.
    async fn last_batch_up_to(
        &self,
        shop: &ShopId,
        actor: Actor,
        number: u64,
    ) -> Result<Option<Batch>, StoreError> {
        let answer = self.back_from(shop, actor, number).limit(1).send().await.map_err(failed)?;
        let found = answer.items.unwrap_or_default().into_iter().next();
        found.map(|item| items::read_batch(&item.into())).transpose()
    }

    /// Keeps a callback under a name, unless something has that name.
    async fn record_at(
        &self,
        key: Key,
        raw: &RawCallback,
        hash: [u8; 32],
        filing: &Filing,
    ) -> Result<Recorded, StoreError> {
        let item = items::callback_item(key, raw, hash, filing, self.now());
        match (self.put_if(item, Condition::new()).await?, filing) {
            (None, _) => Ok(Recorded::New),
            (Some(kept), _) if items::read_body_hash(&kept)? == hash => Ok(Recorded::Again),
            (Some(kept), Filing::Feed(..)) => {
                items::read_message(&kept).map(|kept| Recorded::Differs(Some(Box::new(kept))))
            }
            (Some(_), _) => Ok(Recorded::Differs(None)),
        }
    }

    /// The request that an item under the caller's name tells of. Under Safaricom's name it is kept up to
    /// date.
    async fn request_behind(&self, known: Option<Item>) -> Result<Option<Request>, StoreError> {
        let known = known.as_ref().map(items::read_request).transpose()?;
        match known.as_ref().and_then(|known| known.accepted.as_ref()) {
            Some((checkout, _)) => Ok(self.request_of(checkout).await?.or(known)),
            None => Ok(known),
        }
    }

    /// What is due in one of the lists, the longest due first.
    async fn due_in(&self, list: u8, now: Timestamp, limit: usize) -> Result<Vec<Item>, StoreError> {
        let query = self
            .query_list(keys::due_list(list))
            .key_condition_expression(format!("#partition = :partition AND {GSK} < :end"))
            .expression_attribute_values(":end", AttributeValue::S(keys::due_end(now)));
        let mut found = query.into_paginator().items().send();
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(item) = found.try_next().await.map_err(failed)? else { break };
            due.push(item.into());
        }
        Ok(due)
    }

    /// Adds a line to what was decided about an item of the inbox, and changes its place. On condition that
    /// nobody decided meanwhile: who comes second changes nothing.
    async fn decide(
        &self,
        item: &InboxItem,
        condition: Condition,
        line: &str,
        place: &[(&str, AttributeValue)],
    ) -> Result<(), StoreError> {
        let key = items::orphan_key(item);
        let kept = self.get(key.clone()).await?;
        let before = kept.as_ref().and_then(items::read_outcome);
        let lines = before.map_or_else(|| line.to_owned(), |before| format!("{before}\n{line}"));
        let set: Vec<_> = place.iter().cloned().chain([(OUTCOME, AttributeValue::S(lines))]).collect();
        self.change_if(key, condition.and_still(OUTCOME, before), &set, &[]).await
    }

    /// A body that waited as the answer to a request, by its hash.
    async fn early_inbox_item(&self, hash: &[u8; 32]) -> Result<Option<Item>, StoreError> {
        let Some(way) = self.get(Key::early_inbox(hash)).await? else { return Ok(None) };
        self.get(Key::early_answer(&items::read_early_inbox(&way)?)).await
    }

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

/// The batches that a query finds, as many as fit but at least one.
async fn page(query: QueryFluentBuilder, max_bytes: usize) -> Result<Vec<Batch>, StoreError> {
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

/// Adds an item of the index to the news.
fn report(news: &mut News, item: &Item) -> Result<(), StoreError> {
    match items::read_news(item)? {
        Newsworthy::Journal(actor) => news.journals.push(actor),
        Newsworthy::Message(message) => news.items.push(*message),
    }
    Ok(())
}
