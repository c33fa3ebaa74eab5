//! A batch as bytes. Facts travel as facts; where a strand goes on, its end before the batch travels too.

use crate::codec::{CodecError, NameForm};
use crate::{Batch, Item, day_book};
use domain::{BusinessDay, Document, FactId, Signature, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct BatchForm {
    first: NameForm,
    before: Option<[u8; 32]>,
    strands: Vec<(i32, u64, [u8; 32])>,
    items: Vec<ItemForm>,
    signature: ([u8; 32], [u8; 32]),
}

#[derive(Serialize, Deserialize)]
enum ItemForm {
    /// Milliseconds after the fact before (the first: after 1970), and the fact's bytes.
    Fact(i64, Vec<u8>),
    Change(DocumentForm, Vec<u8>),
}

/// What the first release kept: changes.
#[derive(Serialize, Deserialize)]
pub(super) struct BatchForm1 {
    first: NameForm,
    changes: Vec<(DocumentForm, Vec<u8>)>,
    signature: ([u8; 32], [u8; 32]),
}

#[derive(Serialize, Deserialize)]
enum DocumentForm {
    DayBook(i32),
    Catalogue,
}

impl From<Document> for DocumentForm {
    fn from(document: Document) -> Self {
        match document {
            Document::DayBook(day) => Self::DayBook(day.number()),
            Document::Catalogue => Self::Catalogue,
        }
    }
}

impl TryFrom<DocumentForm> for Document {
    type Error = CodecError;
    fn try_from(form: DocumentForm) -> Result<Self, CodecError> {
        Ok(match form {
            DocumentForm::DayBook(number) => Self::DayBook(BusinessDay::from_number(number)?),
            DocumentForm::Catalogue => Self::Catalogue,
        })
    }
}

impl From<&Batch> for BatchForm {
    fn from(batch: &Batch) -> Self {
        let mut before = 0_i64;
        let item = |item: &Item| match item {
            Item::Fact(at, value) => {
                let after = at.millis().saturating_sub(before);
                before = at.millis();
                ItemForm::Fact(after, value.clone())
            }
            Item::Change(document, change) => ItemForm::Change((*document).into(), change.clone()),
        };
        Self {
            first: FactId { actor: batch.actor, number: batch.first }.into(),
            before: batch.before,
            strands: batch.strands.iter().map(|(day, (seq, hash))| (day.number(), *seq, *hash)).collect(),
            items: batch.items.iter().map(item).collect(),
            signature: halves(&batch.signature),
        }
    }
}

impl TryFrom<BatchForm> for Batch {
    type Error = CodecError;
    fn try_from(form: BatchForm) -> Result<Self, CodecError> {
        let mut before = 0_i64;
        let item = |item: ItemForm| {
            Ok(match item {
                ItemForm::Fact(after, value) => {
                    before = before.checked_add(after).ok_or(CodecError::Unreadable)?;
                    Item::Fact(Timestamp::from_millis(before)?, value)
                }
                ItemForm::Change(document, change) => Item::Change(document.try_into()?, change),
            })
        };
        let strand = |(day, seq, hash)| Ok((BusinessDay::from_number(day)?, (seq, hash)));
        let first = FactId::from(form.first);
        Ok(Self {
            actor: first.actor,
            first: first.number,
            before: form.before,
            strands: form.strands.into_iter().map(strand).collect::<Result<_, CodecError>>()?,
            items: form.items.into_iter().map(item).collect::<Result<_, CodecError>>()?,
            signature: signature(form.signature)?,
        })
    }
}

impl TryFrom<BatchForm1> for Batch {
    type Error = CodecError;
    fn try_from(form: BatchForm1) -> Result<Self, CodecError> {
        let first = FactId::from(form.first);
        let (mut strands, mut items) = (BTreeMap::new(), Vec::new());
        let mut seen = std::collections::BTreeSet::new();
        for (number, (document, change)) in (first.number..).zip(form.changes) {
            let document = Document::try_from(document)?;
            let id = FactId { number, ..first };
            let read = match document {
                Document::DayBook(day) => day_book::read(day, id, &change),
                Document::Catalogue => None,
            };
            items.push(match read {
                Some((at, value, place)) => {
                    let day = at.business_day();
                    if let (true, Some(end)) = (seen.insert(day), place) {
                        strands.insert(day, end);
                    }
                    Item::Fact(at, value.into_owned())
                }
                _ => Item::Change(document, change),
            });
        }
        let signature = signature(form.signature)?;
        Ok(Self { actor: first.actor, first: first.number, before: None, strands, items, signature })
    }
}

/// A signature as serde takes it.
pub(super) fn halves(signature: &Signature) -> ([u8; 32], [u8; 32]) {
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(signature.first_chunk::<32>().unwrap_or(&[0; 32]));
    right.copy_from_slice(signature.last_chunk::<32>().unwrap_or(&[0; 32]));
    (left, right)
}

/// Reads [`halves`].
pub(super) fn signature((left, right): ([u8; 32], [u8; 32])) -> Result<Signature, CodecError> {
    [left, right].concat().try_into().map_err(|_| CodecError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::versioned;
    use crate::wire::decode_batch;
    use crate::{Head, Keypair};
    use domain::{Actor, Fact, FactBody, Person, ShopId, TillId};

    #[test]
    fn what_the_first_release_stored_reads_as_facts() {
        let (actor, key) = (Actor::first(TillId(7)), Keypair::from_seed(&[7; 32]));
        let genesis = Head::genesis(&ShopId::parse("duka").unwrap(), actor);
        let (mut head, mut strand, mut entries) = (genesis, None, Vec::new());
        for number in 1..=3 {
            let id = FactId { actor, number };
            let at = Timestamp::parse_daraja("20261121080000").unwrap();
            let body = FactBody::Void { sale: domain::Cited::by_name(id), reason: "slip".into() };
            let by = Person::named("Asha");
            let opened = head.fact(&Fact { id, at, clock: None, formerly: None, by, body }, strand);
            head = Head::of(&opened.entry);
            strand = Some(opened.strand);
            entries.push(opened.entry);
        }
        let today = Batch::seal(&entries[1..], &key).unwrap();
        let changes = entries[1..].iter().map(|e| (e.document.into(), day_book::change(e).change)).collect();
        let form = BatchForm::from(&today);
        let stored = versioned(&BatchForm1 { first: form.first, changes, signature: form.signature });
        assert_eq!(decode_batch(&stored), Ok(today));
    }

    #[test]
    fn the_first_releases_bytes_are_known() {
        let stored = hex::decode(["01070109010103010203", &"05".repeat(64)].concat()).unwrap();
        let batch = decode_batch(&stored).unwrap();
        assert_eq!((batch.first, batch.items), (9, vec![Item::Change(Document::Catalogue, vec![1, 2, 3])]));
    }
}
