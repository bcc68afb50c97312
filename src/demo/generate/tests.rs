use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::demo::tests::{close_week, tree};

fn options(root: &Path, rows: u64, days: u32) -> GenerateOptions {
    GenerateOptions {
        days,
        seed: 7,
        // Planted rows that small days would else hardly have.
        shares: PlantedShares {
            missing_at_bank_ppm: 4_000,
            missing_at_platform_ppm: 4_000,
            amount_ppm: 3_000,
            duplicate_at_platform_ppm: 3_000,
            duplicate_at_bank_ppm: 3_000,
            value_date_ppm: 4_000,
            status_ppm: 2_000,
            failed_ppm: 8_000,
            late_at_bank_ppm: 5_000,
            late_at_platform_ppm: 5_000,
            ..PlantedShares::default()
        },
        // A Thursday before a weekend.
        ..GenerateOptions::new(root, Date(20_713), rows)
    }
}

/// Closes a generated book by the engine and compares every close with the truth.
fn check(options: &GenerateOptions) {
    generate(options).unwrap();
    let truth = std::fs::read(options.root.join("truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let closes = truth["closes"].as_array().unwrap();
    let dates: Vec<Date> = (0..options.days)
        .map(|day| options.date.plus_days(day as i32))
        .collect();
    let number = |value: &Value| value.as_str().unwrap().parse::<i128>().unwrap();
    let none = |_: &rustc_hash::FxHashSet<Vec<u8>>| Ok(BTreeMap::new());
    close_week(&options.root, &dates, &none, |day, computed| {
        let expected = &closes[day];
        let mut open: BTreeMap<&str, u64> = BTreeMap::new();
        for line in &computed.breaks.lines {
            *open.entry(line.class).or_insert(0) += 1;
        }
        assert_eq!(
            serde_json::to_value(&open).unwrap(),
            expected["open_breaks"],
            "{}",
            dates[day]
        );
        for (code, account) in CURRENCIES {
            let expected = &expected["currencies"][code];
            let issued = computed
                .paid
                .payouts
                .settlement
                .issued
                .iter()
                .filter(|p| p.currency.code() == code);
            let (count, sum) = issued.fold((0, 0), |(n, sum), p| (n + 1, sum + i128::from(p.amount_minor)));
            assert_eq!(
                (Value::from(count), sum),
                (expected["payouts"].clone(), number(&expected["payout_minor"]))
            );
            let lines = computed
                .settled
                .sums
                .iter()
                .filter(|sums| sums.currency.code() == code);
            let fee: i128 = lines.map(|sums| sums.fee_minor).sum();
            assert_eq!(
                fee,
                number(&expected["fee_minor"]),
                "{code} fees of {}",
                dates[day]
            );
            let line = &computed.accounts[CURRENCIES
                .iter()
                .position(|(_, known)| *known == account)
                .unwrap()];
            assert_eq!(line.credit_minor, number(&expected["credit_minor"]));
            assert_eq!(line.debit_minor, number(&expected["debit_minor"]));
            assert_eq!(line.closing_minor, number(&expected["closing_minor"]));
        }
        let pairs: usize = computed
            .agreed
            .legs
            .iter()
            .map(|leg| leg.met.pairs().count())
            .sum();
        let matched =
            CURRENCIES.map(|(code, _)| expected["currencies"][code]["matched_rows"].as_u64().unwrap());
        assert_eq!(pairs as u64, matched.iter().sum::<u64>());
        let no_money: usize = computed
            .agreed
            .legs
            .iter()
            .map(|leg| leg.left_no_money.len())
            .sum();
        assert_eq!(Value::from(no_money), expected["no_money_expected"]);
        for pool in &computed.paid.reserve.pools {
            assert_eq!((pool.shortfall_minor, pool.unexplained_minor), (0, 0));
        }
    });
}

#[test]
fn the_engine_finds_what_was_planted() {
    for (rows, days, format) in [
        (1, 1, GenerateFormat::Csv),
        (3_000, 1, GenerateFormat::Csv),
        // Friday's and Saturday's payouts are debited on the worked Sunday.
        (6_000, 5, GenerateFormat::Csv),
        (6_000, 2, GenerateFormat::Parquet),
    ] {
        let folder = tempfile::tempdir().unwrap();
        check(&GenerateOptions {
            format,
            ..options(folder.path(), rows, days)
        });
    }
}

#[test]
fn what_later_passes_clear_settles_as_planted() {
    let folder = tempfile::tempdir().unwrap();
    let mut shares = PlantedShares::all();
    shares.situations_ppm.iter_mut().for_each(|ppm| *ppm *= 4);
    check(&GenerateOptions {
        shares,
        ..options(folder.path(), 3_000, 4)
    });
}

#[test]
fn payouts_wait_for_the_end_of_a_holiday() {
    // National Day, 1 to 7 October 2026: eight closes pay on the 8th.
    let folder = tempfile::tempdir().unwrap();
    let date = Date::from_ymd(2026, 9, 29).unwrap();
    check(&GenerateOptions {
        date,
        shares: PlantedShares::default(),
        ..options(folder.path(), 1_500, 12)
    });
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_does_not() {
    let make = |seed, format| {
        let folder = tempfile::tempdir().unwrap();
        generate(&GenerateOptions {
            seed,
            format,
            ..options(folder.path(), 5_000, 2)
        })
        .unwrap();
        tree(folder.path())
    };
    for format in [GenerateFormat::Csv, GenerateFormat::Parquet] {
        assert_eq!(make(1, format), make(1, format));
    }
    assert_ne!(make(1, GenerateFormat::Csv), make(2, GenerateFormat::Csv));
}

#[test]
fn rows_are_as_many_as_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = GenerateOptions::new(folder.path(), Date(20_713), 1_000);
    options.shares.late_at_platform_ppm = 0;
    generate(&options).unwrap();
    let text = std::fs::read_to_string(folder.path().join("inbox/2026-09-17/platform.csv")).unwrap();
    assert_eq!(text.lines().count(), 1_001);
    assert_eq!(generate(&options).unwrap_err().code, StopCode::CannotCreate);
    let check = |wrong: fn(&mut GenerateOptions)| {
        let mut options = options.clone();
        wrong(&mut options);
        assert_eq!(generate(&options).unwrap_err().code, StopCode::Usage);
    };
    check(|o| o.rows = 0);
    check(|o| o.days = 121);
    check(|o| o.merchants = Some(0));
    check(|o| o.shares.failed_ppm = 1_000_000);
    check(|o| {
        o.shares = PlantedShares::all();
        o.merchants = Some(7);
    });
}
