//! A failing run made short: events are left out as long as the same loss is still found.

use super::plan::{Kept, plan};
use super::{Failed, simulate};
use std::collections::BTreeSet;

/// Makes a failing run shorter, with at most so many tries; gives the shortest that loses the same.
pub fn minimise(failed: Failed, tries: usize) -> Failed {
    let all = plan(failed.seed, failed.scale, &failed.kept);
    let mut shortest = failed;
    // What came after it was found did not cause it.
    let mut kept: Vec<usize> =
        all.iter().map(|event| event.index).filter(|index| *index <= shortest.at).collect();
    let mut left = tries;
    if let Some(shorter) = try_with(&shortest, &kept, &mut left) {
        shortest = shorter;
    }
    // Whole kinds first, then ever smaller pieces.
    let kinds: BTreeSet<_> = all.iter().map(|event| event.kind).collect();
    for kind in kinds {
        let without: Vec<usize> = kept
            .iter()
            .copied()
            .filter(|index| all.iter().any(|event| event.index == *index && event.kind != kind))
            .collect();
        if let Some(shorter) = try_with(&shortest, &without, &mut left) {
            (shortest, kept) = (shorter, without);
        }
    }
    let mut piece = kept.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < kept.len() {
            let end = (start + piece).min(kept.len());
            let without: Vec<usize> = kept[..start].iter().chain(&kept[end..]).copied().collect();
            match try_with(&shortest, &without, &mut left) {
                Some(shorter) => (shortest, kept) = (shorter, without),
                None => start = end,
            }
        }
        piece /= 2;
    }
    shortest
}

fn try_with(failed: &Failed, indexes: &[usize], left: &mut usize) -> Option<Failed> {
    *left = left.checked_sub(1)?;
    let again = simulate(failed.seed, failed.scale, &Kept::only(indexes.iter().copied())).err()?;
    (again.loss() == failed.loss()).then_some(*again)
}
