//! All there is, page by page, for another store or for a file: by queries of lists and of partitions, never by
//! a scan. What a list names is read again from the table.

use crate::DynamoStore;
use crate::items::{self, Item};
use crate::keys::{self, DECIDED, ENROLMENTS, GSK, Key, MEMBERS, SHOPS, SK};
use crate::request::{all, failed};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{BusinessDay, CheckoutId, ShopId};
use service::StoreError;
use service::records::{Listing, Orphan, Page, Record};
use service::store::AnswerKind;

/// How much of a list is asked for at once: about as much as fills a page of records.
const LIST_PAGE: i32 = 300;
/// The number of the first day of which the inbox is listed: 1 January 2026, before any release.
const FIRST_DAY: i32 = 739_617;
/// How many days of the inbox one page looks through.
const DAYS_AT_ONCE: usize = 100;

impl DynamoStore {
    pub(crate) async fn page_of(&self, listing: &Listing, after: &[u8]) -> Result<Page, StoreError> {
        let after = std::str::from_utf8(after).unwrap_or_default();
        let query = match listing {
            Listing::Shops => self.list_after(SHOPS, after),
            Listing::Members => self.list_after(MEMBERS, after),
            Listing::Enrolments => self.list_after(ENROLMENTS, after),
            Listing::Requests(shop) => self.list_after(keys::requests(shop), after),
            Listing::Feed(shop) => self.list_after(keys::feed(shop), after),
            Listing::Notes(shop) => beyond(self.query(keys::notes(shop)), SK, after),
            Listing::Inbox => return self.inbox_page(after).await,
        };
        let mut page = Page::default();
        let full = self.fill(&mut page, listing, "", query).await?;
        Ok(if full { page } else { page.ended() })
    }

    fn list_after(&self, list: impl Into<String>, after: &str) -> QueryFluentBuilder {
        beyond(self.query_list(list), GSK, after)
    }

    /// Adds what a query finds, until the page is full: whether it is.
    async fn fill(
        &self,
        page: &mut Page,
        listing: &Listing,
        list: &str,
        query: QueryFluentBuilder,
    ) -> Result<bool, StoreError> {
        let mut found = query.limit(LIST_PAGE).into_paginator().items().send();
        while let Some(item) = found.try_next().await.map_err(failed)? {
            let item = Item::from(item);
            let place = match item.place() {
                Some(place) => format!("{list}{place}"),
                None => item.key()?.sk,
            };
            let records = self.records_of(listing, &item).await?;
            if page.add(place, records) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The records behind an item of a list.
    async fn records_of(&self, listing: &Listing, listed: &Item) -> Result<Vec<Record>, StoreError> {
        if let Listing::Notes(shop) = listing {
            let (name, content) = items::read_note(listed)?;
            return Ok(vec![Record::Note(shop.clone(), name, content)]);
        }
        if matches!(listing, Listing::Feed(_)) && items::tells_of_a_journal(listed) {
            return Ok(Vec::new());
        }
        let key = listed.key()?;
        // Lists are a moment behind: it may be gone.
        let Some(item) = self.get(key.clone()).await? else { return Ok(Vec::new()) };
        Ok(match listing {
            Listing::Shops => vec![Record::Shop(items::read_shop(&item)?, items::read_tokens(&item)?)],
            Listing::Members => {
                let (member, shop) = items::read_member(&item)?;
                vec![Record::Member(member, shop)]
            }
            Listing::Enrolments => {
                let hash =
                    key.code_hash().ok_or_else(|| StoreError::Damaged("an enrolment's name".to_owned()))?;
                vec![Record::Enrolment(items::read_enrolment(&item, hash)?)]
            }
            Listing::Inbox => vec![Record::Orphan(items::read_orphan(&item)?)],
            Listing::Requests(_) => self.request_records(&item).await?,
            Listing::Feed(shop) => message(shop, &item)?,
            Listing::Notes(_) => Vec::new(),
        })
    }

    /// A request as it stands now, and what answered it.
    async fn request_records(&self, named: &Item) -> Result<Vec<Record>, StoreError> {
        let request = items::read_request(named)?;
        let Some((checkout, _)) = &request.accepted else { return Ok(vec![Record::Request(request)]) };
        let about = all(self.query(keys::about(checkout))).await?;
        let mut records = Vec::new();
        for item in &about {
            records.extend(answer(checkout, item)?);
        }
        let now = about.iter().find(|item| item.key().is_ok_and(|key| key == Key::accepted(checkout)));
        let now = now.map(items::read_request).transpose()?.unwrap_or_else(|| request.clone());
        records.insert(0, Record::Request(now));
        Ok(records)
    }

    /// A page of the inbox: what waits, day by day, and then what people decided about.
    async fn inbox_page(&self, after: &str) -> Result<Page, StoreError> {
        let (list, mut place) = after.split_once('|').unwrap_or_default();
        let mut page = Page::default();
        if list != DECIDED {
            let last = self.now().day().number().saturating_add(1);
            let first = list.parse().unwrap_or(FIRST_DAY);
            for number in (first..=last).take(DAYS_AT_ONCE) {
                let Ok(day) = BusinessDay::from_number(number) else { break };
                let query = self.list_after(keys::inbox_day(day), place);
                if self.fill(&mut page, &Listing::Inbox, &format!("{number}|"), query).await? {
                    return Ok(page);
                }
                place = "";
                page.after = Some(format!("{}|", number.saturating_add(1)).into_bytes());
            }
            if first.saturating_add(i32::try_from(DAYS_AT_ONCE).unwrap_or(i32::MAX)) <= last {
                return Ok(page);
            }
        }
        let query = self.list_after(DECIDED, place);
        let full = self.fill(&mut page, &Listing::Inbox, &format!("{DECIDED}|"), query).await?;
        Ok(if full { page } else { page.ended() })
    }

    /// Keeps what another store's inbox holds of a callback, unless as much is known here.
    pub(crate) async fn keep_orphan(&self, orphan: &Orphan) -> Result<(), StoreError> {
        let key = items::orphan_key(&orphan.item);
        let kept = self.get(key).await?.as_ref().map(items::read_orphan).transpose()?;
        if kept.is_some_and(|kept| !orphan.says_more_than(&kept)) {
            return Ok(());
        }
        if let (Some(request), Some(_)) = (&orphan.item.request, &orphan.decided) {
            self.put(items::early_inbox_item(&orphan.item.hash, request)).await?;
        }
        self.put(items::orphan_item(orphan, self.now())).await
    }
}

/// What of a query lies beyond a place; everything where there is none.
fn beyond(query: QueryFluentBuilder, key: &str, place: &str) -> QueryFluentBuilder {
    if place.is_empty() {
        // No key is nothing: DynamoDB refuses to be asked from there.
        return query;
    }
    query
        .key_condition_expression(format!("#partition = :partition AND {key} > :place"))
        .expression_attribute_values(":place", AttributeValue::S(place.to_owned()))
}

fn message(shop: &ShopId, item: &Item) -> Result<Vec<Record>, StoreError> {
    let (message, raw) = (items::read_message(item)?, items::read_answer(item)?);
    Ok(vec![Record::Message(shop.clone(), Box::new(message), raw)])
}

/// What of all that is said about a request answers it, and is in no list.
fn answer(request: &CheckoutId, item: &Item) -> Result<Option<Record>, StoreError> {
    let key = item.key()?;
    for kind in [AnswerKind::Result, AnswerKind::TimedOut] {
        if key == Key::answer(request, kind) {
            return Ok(Some(Record::Answer(request.clone(), kind, items::read_answer(item)?)));
        }
    }
    let settled = key == Key::early_answer(request) && item.place().is_none();
    settled.then(|| items::read_orphan(item).map(Record::Orphan)).transpose()
}
