//! The rules of money as a table of cases that anybody can read, `tests/rules/money.md`, played against real tills.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::rules::{Case, play, read, unused, wander};

fn table() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/money.md");
    let text = std::fs::read_to_string(path).unwrap();
    read(&text).unwrap_or_else(|fault| panic!("tests/rules/money.md, {fault}"))
}

/// `LEJA_RULES=17` plays the case on line 17 alone.
fn chosen() -> Vec<Case> {
    let line = std::env::var("LEJA_RULES").ok().and_then(|line| line.parse().ok());
    table().into_iter().filter(|case| line.is_none_or(|line: usize| case.line == line)).collect()
}

#[test]
fn what_the_table_says_is_what_tills_and_head_office_do() {
    let cases = chosen();
    let next = AtomicUsize::new(0);
    let played = || {
        let mut faults = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            faults.extend(play(case).err());
        }
        faults
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..4).map(|_| scope.spawn(played)).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{} of {} cases:\n\n{}\n", faults.len(), cases.len(), faults.join("\n\n"));
}

#[test]
fn a_sentence_that_nobody_understands_or_that_is_not_true_fails_with_its_line() {
    let wrong = [
        ("A1 of 500 is open; it rains: A1 is open", "it rains: no phrase is like this"),
        ("A1 of 500 is open: A1 is happy", "A1 is happy: at A: no phrase is like this"),
        ("A1 of 500 is open: A1 is paid", "A1 is paid: at A: it is Open"),
        ("A1 of 500 is open: A2 is open", "nobody sold A2"),
        ("A1 of 500 is sold for cash; Asha takes cash for A1: A1 is paid", "and the case does not say so"),
        ("A1 of 500 is open: A1 is open; that is refused", "nothing was refused"),
        (
            "A1 of 500 is sold for cash; Asha takes cash for A1: that is refused, because \"rain\"",
            "it was refused otherwise: nothing is due",
        ),
    ];
    for (sentence, why) in wrong {
        let cases = read(&format!("\n- {sentence}.\n")).unwrap();
        let fault = play(&cases[0]).unwrap_err();
        assert!(fault.starts_with("line 2, ") && fault.contains(why), "{sentence}: {fault}");
    }
}

#[test]
fn every_phrase_of_the_language_is_used() {
    let clauses: Vec<String> =
        table().into_iter().flat_map(|case| [case.steps, case.outcomes].concat()).collect();
    let unused = unused(&clauses);
    assert!(unused.is_empty(), "no case says: {unused:#?}");
}

/// `LEJA_SEED=7` plays that seed alone.
#[test]
fn whatever_happens_by_chance_at_three_tills_the_books_are_in_order() {
    let only: Option<u64> = std::env::var("LEJA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..6, |seed| seed..seed + 1);
    let (mut done, mut told) = (0, 0);
    for seed in seeds {
        println!("seed {seed}");
        let wandered = wander(seed, 80).unwrap_or_else(|fault| panic!("{fault}"));
        (done, told) = (done + wandered.done, told + wandered.clauses.len());
    }
    assert!(done * 2 > told, "only {done} of {told} clauses came to something");
}
