//! What facts refer to, by what it is called here. A reference stays as it was said; beside it stands the name of
//! the fact that it means, as long as that is here. That follows from the rows alone, in whatever order they come
//! and go: a fact that its till writes again under another name takes everything along that was said about it.

use crate::LedgerError;
use crate::rows::parsed;
use domain::{Cited, FactId};
use rusqlite::{Connection, params};

/// What is referred to, and by which columns.
pub(crate) struct Referred {
    table: &'static str,
    by: &'static [(&'static str, &'static str)],
}

pub(crate) const SALES: Referred = Referred {
    table: "sales",
    by: &[
        ("cash", "sale"),
        ("claims", "sale"),
        ("voids", "sale"),
        ("prints", "sale"),
        ("refunds", "sale"),
        ("returns", "sale"),
        ("tips", "sale"),
        ("undone", "sale"),
        ("trusts", "sale"),
    ],
};
pub(crate) const CLAIMS: Referred = Referred { table: "claims", by: &[("releases", "claim")] };

/// What a cited fact is called here; where it is not here, how it is cited.
pub(crate) fn called(c: &Connection, shop: i64, of: &Referred, cited: Cited) -> Result<Cited, LedgerError> {
    Ok(here(c, shop, of, cited)?.first().map_or(cited, |name| Cited::by_name(*name)))
}

/// Whoever refers to this fact refers to it by what it is called here now; `gone` is what it was called until
/// now, if that is here no more. Gives the names that something was taken from or given to.
pub(crate) fn relink(
    c: &Connection,
    shop: i64,
    of: &Referred,
    cited: Cited,
    gone: Option<FactId>,
) -> Result<Vec<FactId>, LedgerError> {
    let here = here(c, shop, of, cited)?;
    let now = here.first().map_or(cited, |name| Cited::by_name(*name)).to_string();
    let names: Vec<FactId> = here.into_iter().chain(gone).collect();
    for (table, column) in of.by {
        let sql =
            format!("UPDATE {table} SET {column} = ?1 WHERE {column} = ?2 AND cited = ?3 AND shop = ?4");
        let mut link = c.prepare_cached(&sql)?;
        for was in names.iter().map(FactId::to_string).chain([cited.to_string()]).filter(|was| *was != now) {
            link.execute(params![now, was, cited.to_string(), shop])?;
        }
    }
    Ok(names)
}

/// The names that a fact has here. There may be two until what its till wrote again has taken the place of what it
/// wrote first; everybody takes the first of them.
fn here(c: &Connection, shop: i64, of: &Referred, cited: Cited) -> Result<Vec<FactId>, LedgerError> {
    let Some(at) = cited.at else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT id FROM {table} WHERE id = ?1 AND formerly IS NULL AND at = ?2 AND shop = ?3
         UNION ALL SELECT id FROM {table} WHERE formerly = ?1 AND at = ?2 AND shop = ?3 ORDER BY id",
        table = of.table
    );
    let mut find = c.prepare_cached(&sql)?;
    let key = params![cited.id.to_string(), at.millis(), shop];
    let found = find.query_map(key, |row| parsed(row, "id", str::parse))?;
    Ok(found.collect::<Result<_, _>>()?)
}
