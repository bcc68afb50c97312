//! Bounds, chains and rounds: what a pass must not take, and what it says then.

use std::collections::BTreeSet;

use super::*;
use crate::book::passes::{BatchAmounts, EntriesSeen, References};

fn day(day: i32) -> Date {
    Date::from_ymd(2026, 3, 1).unwrap().plus_days(day)
}

fn row(id: &str, amount_minor: i64) -> PlatformItem<'_> {
    PlatformItem {
        id,
        reference: "",
        order_id: "",
        channel_ref: "",
        batch_ref: "",
        currency: Currency::parse(b"CNY").unwrap(),
        direction: Direction::Credit,
        amount_minor,
        channel_fee_minor: 0,
        day: day(0),
        payee: id,
        // Every row is somebody else's.
        twin: id.bytes().fold(0u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        }),
        may_wait: true,
        standing: Standing::Alone,
    }
}

fn entry(id: &str, amount_minor: i64) -> BankItem<'_> {
    BankItem {
        id,
        account: 0,
        reference: "",
        batch_ref: "",
        remark: "",
        currency: Currency::parse(b"CNY").unwrap(),
        direction: Direction::Credit,
        amount_minor,
        day: day(0),
        value_date: day(0),
        undoes_another: false,
        standing: Standing::Alone,
        is_for_people: false,
    }
}

fn amount_date(candidates_max: usize) -> Pass {
    Pass::AmountDate {
        days: 1,
        entries: EntriesSeen::All,
        candidates_max,
    }
}

fn subset(candidates_max: usize, members_max: usize) -> Pass {
    Pass::Subset {
        days: 1,
        entries: EntriesSeen::All,
        candidates_max,
        members_max,
    }
}

/// Matches as `T1+T2=E1`, notes as `E1: text`.
fn told(pass: Pass, platform: &[PlatformItem<'_>], bank: &[BankItem<'_>]) -> Vec<String> {
    let found = run(&[pass], day(0), platform, bank);
    let ids = |rows: &[usize]| {
        rows.iter()
            .map(|at| platform[*at].id)
            .collect::<Vec<_>>()
            .join("+")
    };
    let mut words: Vec<String> = found
        .matches
        .iter()
        .map(|matched| format!("{}={}", ids(&matched.platform), bank[matched.bank[0]].id))
        .collect();
    let items = crate::report::candidates::Items {
        platform,
        bank,
        accounts: &["RA1"],
    };
    let texts = crate::report::candidates::texts(&found.notes, items);
    words.extend(texts.into_iter().map(|(row, text)| match row {
        Row::Platform(at) => format!("{}: {text}", platform[at].id),
        Row::Bank(at) => format!("{}: {text}", bank[at].id),
    }));
    words
}

#[test]
fn beyond_a_bound_nothing_is_matched_and_it_is_said() {
    let ids: Vec<String> = (0..4).map(|number| format!("T{number}")).collect();
    let rows: Vec<PlatformItem<'_>> = ids.iter().map(|id| row(id, 500)).collect();
    let said = "E: amount-date: not searched: 4 candidates, at most 3";
    assert!(told(amount_date(3), &rows, &[entry("E", 500)]).contains(&said.to_owned()));
    let normalised = Pass::Normalised {
        references: References::default(),
        candidates_max: 3,
    };
    let named: Vec<PlatformItem<'_>> = rows
        .iter()
        .map(|row| PlatformItem {
            reference: "r",
            ..*row
        })
        .collect();
    let by_name = [BankItem {
        reference: "R",
        ..entry("E", 500)
    }];
    let said = "E: normalised: not searched: 4 candidates, at most 3";
    assert!(told(normalised, &named, &by_name).contains(&said.to_owned()));
    let lump = [entry("E", 1_000)];
    assert_eq!(
        told(subset(3, 3), &rows, &lump),
        ["E: subset: not searched: 4 candidates, at most 3"]
    );
    // Rows larger than the entry are no candidates.
    let mut large = rows.clone();
    large[0].amount_minor = 1_001;
    large[1].amount_minor = 501;
    assert_eq!(told(subset(3, 3), &large, &lump), ["T2+T3=E"]);
    // An answer of more members than the bound is none.
    assert!(told(subset(30, 1), &large, &lump).is_empty());
}

#[test]
fn a_row_for_people_is_not_taken_and_makes_others_doubtful() {
    let for_people = |id| BankItem {
        is_for_people: true,
        ..entry(id, 500)
    };
    let rows = [row("T1", 500)];
    assert_eq!(told(amount_date(30), &rows, &[entry("E1", 500)]), ["T1=E1"]);
    for bank in [
        vec![for_people("E1")],
        vec![entry("E1", 500), for_people("E2")],
        vec![for_people("E1"), entry("E2", 500)],
        vec![for_people("E1"), for_people("E2")],
    ] {
        let words = told(amount_date(30), &rows, &bank);
        assert!(words.iter().all(|said| !said.contains('=')), "{words:?}");
        // The row and each entry say what they saw.
        assert_eq!(words.len(), 1 + bank.len(), "{words:?}");
    }
}

#[test]
fn a_chain_of_candidates_is_not_guessed() {
    // T1 fits E1 alone, but E1 fits T2 as well, whose other candidate is E2: taking the only full pairing would be a guess.
    let rows = [
        row("T1", 500),
        PlatformItem {
            day: day(-1),
            ..row("T2", 500)
        },
    ];
    let entries = [
        BankItem {
            value_date: day(-1),
            ..entry("E1", 500)
        },
        BankItem {
            value_date: day(-2),
            ..entry("E2", 500)
        },
    ];
    assert_eq!(
        told(amount_date(30), &rows, &entries),
        [
            "T1: amount-date: E1 (RA1 5.00 2026-02-28)",
            "T2: amount-date: E1 (RA1 5.00 2026-02-28) | E2 (RA1 5.00 2026-02-27)",
            "E1: amount-date: T1 (T1 5.00) | T2 (T2 5.00)",
            "E2: amount-date: T2 (T2 5.00)",
        ]
    );
}

#[test]
fn money_that_is_not_there_yet_or_undoes_another_is_not_taken() {
    let rows = [row("T", 500)];
    for entry in [
        BankItem {
            value_date: day(1),
            ..entry("E", 500)
        },
        BankItem {
            undoes_another: true,
            ..entry("E", 500)
        },
        BankItem {
            standing: Standing::Duplicate,
            ..entry("E", 500)
        },
        BankItem {
            direction: Direction::Debit,
            ..entry("E", 500)
        },
        BankItem {
            currency: Currency::parse(b"EUR").unwrap(),
            ..entry("E", 500)
        },
    ] {
        assert!(told(amount_date(30), &rows, &[entry]).is_empty(), "{entry:?}");
    }
    assert_eq!(told(amount_date(30), &rows, &[entry("E", 500)]), ["T=E"]);
}

#[test]
fn where_two_subsets_fit_neither_is_taken_and_both_are_shown() {
    let rows = [row("T1", 60), row("T2", 40), row("T3", 70), row("T4", 30)];
    let words = told(subset(30, 12), &rows, &[entry("E", 100)]);
    assert!(
        words.contains(&"E: subset: T1 (T1 0.60) + T2 (T2 0.40) | T3 (T3 0.70) + T4 (T4 0.30)".to_owned()),
        "{words:?}"
    );
    assert_eq!(words.len(), 5);
    // The same money of the same people is one answer.
    let mut twins = rows;
    for twin in &mut twins {
        (twin.amount_minor, twin.twin) = (50, 7);
    }
    assert_eq!(told(subset(30, 12), &twins, &[entry("E", 100)]), ["T1+T2=E"]);
    twins[0].may_wait = false;
    twins[1].may_wait = false;
    assert!(!told(subset(30, 12), &twins, &[entry("E", 100)]).contains(&"T1+T2=E".to_owned()));
}

#[test]
fn what_is_taken_is_no_candidate_of_the_others() {
    // E2 could be T1 + T3 or T4 + T5, until E1 has T1 for sure.
    let rows = [
        row("T1", 60),
        row("T2", 41),
        row("T3", 30),
        row("T4", 37),
        row("T5", 53),
    ];
    let words = told(subset(30, 12), &rows, &[entry("E2", 90), entry("E1", 101)]);
    assert_eq!(words, ["T1+T2=E1", "T4+T5=E2"]);
    // Two entries whose only answers share a row: neither.
    let rows = [row("T1", 60), row("T2", 41), row("T3", 30)];
    let words = told(subset(30, 12), &rows, &[entry("E1", 101), entry("E2", 90)]);
    assert_eq!(
        words,
        [
            "T1: subset: E1 (RA1 1.01 2026-03-01) | E2 (RA1 0.90 2026-03-01)",
            "T2: subset: E1 (RA1 1.01 2026-03-01)",
            "T3: subset: E2 (RA1 0.90 2026-03-01)",
            "E1: subset: T1 (T1 0.60) + T2 (T2 0.41)",
            "E2: subset: T1 (T1 0.60) + T3 (T3 0.30)",
        ]
    );
}

#[test]
fn a_batch_that_does_not_add_up_says_its_sums() {
    let rows = [
        PlatformItem {
            batch_ref: "B",
            channel_fee_minor: 1,
            ..row("T1", 100)
        },
        PlatformItem {
            batch_ref: "B",
            direction: Direction::Debit,
            ..row("T2", 30)
        },
    ];
    let batch = |amounts| Pass::Batch {
        amounts,
        ledger_account: String::new(),
    };
    let lump = |amount_minor| {
        [BankItem {
            batch_ref: "B",
            ..entry("E", amount_minor)
        }]
    };
    assert_eq!(told(batch(BatchAmounts::Gross), &rows, &lump(70)), ["T1+T2=E"]);
    assert_eq!(told(batch(BatchAmounts::Net), &rows, &lump(69)), ["T1+T2=E"]);
    let said = "2 rows of the batch: 0.70 (0.69 less the channel's fees) against 1 entry: 0.69";
    assert_eq!(
        told(batch(BatchAmounts::Gross), &rows, &lump(69)),
        ["T1", "T2", "E"].map(|id| format!("{id}: batch: {said}"))
    );
    // An entry of no batch is none of an empty one.
    assert!(told(batch(BatchAmounts::Either), &[row("T", 5)], &[entry("E", 5)]).is_empty());
}

#[test]
fn duplicates_and_broken_pairs_make_others_doubtful() {
    let normalised = || Pass::Normalised {
        references: References::default(),
        candidates_max: 30,
    };
    let named = |id, reference, standing| PlatformItem {
        reference,
        standing,
        ..row(id, 500)
    };
    let by_name = [BankItem {
        reference: "R 1",
        ..entry("E", 500)
    }];
    let alone = named("T1", "r1", Standing::Alone);
    assert_eq!(told(normalised(), &[alone], &by_name), ["T1=E"]);
    // Another payment has the reference as people read it, twice over: E could be its.
    let twice = named("T2", "R1", Standing::Duplicate);
    assert_eq!(
        told(normalised(), &[alone, twice], &by_name).len(),
        3,
        "three notes, no match"
    );
    // The exact pass pairs the smaller of two amounts; the other is as near, and another merchant's.
    let tolerance = Pass::Tolerance {
        most_minor: 5,
        currency: Currency::parse(b"CNY").unwrap(),
        ledger_account: String::new(),
        references: None,
        candidates_max: 30,
    };
    let pair = Standing::OtherAmount(1);
    let entry = [BankItem {
        reference: "R",
        standing: pair,
        ..entry("E", 500)
    }];
    let rows = [
        PlatformItem {
            amount_minor: 498,
            ..named("T1", "R", pair)
        },
        PlatformItem {
            amount_minor: 499,
            ..named("T2", "R", Standing::Duplicate)
        },
    ];
    assert_eq!(told(tolerance.clone(), &rows[..1], &entry), ["T1=E"]);
    assert_eq!(told(tolerance, &rows, &entry).len(), 3, "three notes, no match");
}

/// A lump a third day, each against thirty rows of its own day at the default bounds; in turn eight with one answer, one with
/// two, one with a row more than is searched.
#[test]
fn lumps_against_thirty_rows_each_at_the_default_bounds() {
    lumps(30);
}

/// As many as SPEC's users have in a day: `cargo test --release -- --ignored lumps`.
#[test]
#[ignore = "seconds in a release build, a minute without optimisation"]
fn a_thousand_lumps_against_thirty_rows_each() {
    lumps(1_000);
}

fn lumps(count: usize) {
    let mut state = 1u64;
    // Amounts of any size up to ten billion yuan, so that chance makes no second answer (splitmix64).
    let mut amount = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        1_000_000 + ((z ^ (z >> 31)) % 1_000_000_000_000) as i64
    };
    let mut amounts: Vec<Vec<i64>> = Vec::new();
    for number in 0..count {
        let mut of_day: Vec<i64> = (0..if number % 10 == 9 { 31 } else { 30 })
            .map(|_| amount())
            .collect();
        if number % 10 == 8 {
            // 0 + 10 = 5 + 15: the lump of 0, 10 and 20 is also that of 5, 15 and 20.
            of_day[10] += of_day[5];
            of_day[15] = of_day[0] + of_day[10] - of_day[5];
        }
        amounts.push(of_day);
    }
    let id = |number: usize, at: usize| format!("T{number:03}-{at:02}");
    let ids: Vec<String> = (0..count)
        .flat_map(|number| (0..amounts[number].len()).map(move |at| id(number, at)))
        .collect();
    let names: Vec<String> = (0..count).map(|number| format!("E{number:03}")).collect();
    let mut rows: Vec<PlatformItem<'_>> = Vec::new();
    let mut entries: Vec<BankItem<'_>> = Vec::new();
    for (number, of_day) in amounts.iter().enumerate() {
        let on = day(-3 * number as i32);
        for minor in of_day {
            let twin = rows.len() as u32;
            rows.push(PlatformItem {
                id: &ids[rows.len()],
                day: on,
                twin,
                ..row("T", *minor)
            });
        }
        let picked = if number % 10 == 8 { 10 } else { 3 };
        entries.push(BankItem {
            day: on,
            value_date: on,
            ..entry(&names[number], of_day.iter().take(21).step_by(picked).sum())
        });
    }
    let pass = subset(
        crate::book::passes::CANDIDATES_MAX,
        crate::book::passes::MEMBERS_MAX,
    );
    let words: BTreeSet<String> = told(pass, &rows, &entries).into_iter().collect();
    for (number, name) in names.iter().enumerate() {
        let taken = |step: usize| (0..21).step_by(step).map(|at| id(number, at)).collect::<Vec<_>>();
        let said = match number % 10 {
            9 => format!("{name}: subset: not searched: 31 candidates, at most 30"),
            8 => {
                let both = words
                    .iter()
                    .find(|words| words.starts_with(&format!("{name}: subset: ")));
                let both = both.map_or("", String::as_str);
                let answers: Vec<&str> = both.split(" | ").collect();
                let names_all =
                    |answer: &str, rows: [usize; 3]| rows.iter().all(|at| answer.contains(&id(number, *at)));
                assert_eq!(answers.len(), 2, "{name}: {both}");
                assert!(
                    answers.iter().any(|answer| names_all(answer, [0, 10, 20]))
                        && answers.iter().any(|answer| names_all(answer, [5, 15, 20])),
                    "{name}: {both}"
                );
                continue;
            }
            _ => format!("{}={name}", taken(3).join("+")),
        };
        assert!(words.contains(&said), "{said}");
    }
    let matched = words.iter().filter(|words| words.contains('=')).count();
    assert_eq!(matched, (0..count).filter(|number| number % 10 < 8).count());
}
