//! Tests of [`super::settle`]: worked days, and conservation over many closes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::settle::*;
use crate::book::merchants::{MerchantCode, MerchantTerms, Merchants};
use crate::book::settings::Settings;
use crate::day::figures::{MerchantSums, PayoutStatus};
use crate::day::state::{Carried, PayoutProgress, State};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::payouts::cursor::Key;
use crate::payouts::fixture::{currency, merchant, settings};
use crate::payouts::{PayoutEntry, Returned, add_issued, follow_payouts};
use crate::terms::date::{Date, Weekday};
use crate::terms::digest::payout_id;
use crate::terms::kinds::Direction;

/// A Friday.
const FRIDAY: Date = Date(20_777);

fn is_business(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// T+n over weekends only; n is the merchant's code.
fn due_by_code(merchant: MerchantCode, date: Date) -> Result<Date, Stop> {
    let mut date = date;
    let mut left = merchant.0;
    while left > 0 || !is_business(date) {
        date = date.plus_days(1);
        left -= u32::from(left > 0 && is_business(date));
    }
    Ok(date)
}

fn execution_date(date: Date) -> Date {
    let mut next = date.plus_days(1);
    while !is_business(next) {
        next = next.plus_days(1);
    }
    next
}

struct Book {
    settings: Settings,
    merchants: Merchants,
    fees: FeeTable,
}

impl Book {
    fn new(terms: Vec<MerchantTerms>) -> Book {
        let settings = settings();
        let merchants = Merchants::new(terms, String::new());
        let fees = FeeTable::new(&settings, &merchants).unwrap();
        Book {
            settings,
            merchants,
            fees,
        }
    }

    fn settle(
        &self,
        date: Date,
        sums: &[MerchantSums],
        state: &State,
        returned: &[Returned],
        withheld: &[&str],
    ) -> Result<Settlement, Stop> {
        let inputs = PayoutInputs {
            settings: &self.settings,
            merchants: &self.merchants,
            fees: &self.fees,
            business_date: date,
            execution_date: execution_date(date),
            sums,
            state,
            returned,
            moves: &[],
            due_date: &due_by_code,
        };
        let withheld = withheld
            .iter()
            .map(|code| ("default".to_owned(), currency(code)))
            .collect();
        settle_day(&inputs, &withheld)
    }
}

fn gross(merchant: u32, gross_minor: i128) -> MerchantSums {
    MerchantSums {
        payment_count: 1,
        gross_minor,
        ..MerchantSums::zero(MerchantCode(merchant), currency("CNY"))
    }
}

fn next_state(out: &Settlement) -> State {
    State {
        dues: out.dues.clone(),
        holds: out.holds.clone(),
        carried: out.carried.clone(),
        ..State::default()
    }
}

#[test]
fn a_weekend_in_the_life_of_three_cycles() {
    assert_eq!(FRIDAY.weekday(), Weekday::Friday);
    // Codes 0, 1, 2 stand for T+0, T+1, T+2. Friday's close pays on Monday: T+0 and T+1 nets leave, T+2 waits.
    let book = Book::new(vec![merchant("M0"), merchant("M1"), merchant("M2")]);
    let sums = [gross(0, 1_000), gross(1, 1_000), gross(2, 1_000)];
    let friday = book.settle(FRIDAY, &sums, &State::default(), &[], &[]).unwrap();
    let paid: Vec<i128> = friday.lines.iter().map(|line| line.payout_minor).collect();
    assert_eq!(paid, [1_000, 1_000, 0]);
    assert_eq!(friday.lines[2].undue_minor, 1_000);
    assert_eq!(friday.dues[0].due_date, FRIDAY.plus_days(4)); // Tuesday
    assert_eq!(friday.issued[0].execution_date, FRIDAY.plus_days(3));
    assert_eq!(
        friday.issued[1].payout_id,
        payout_id("EXPAY", "M1", "CNY", FRIDAY, 1)
    );

    // Saturday's and Sunday's closes are executed on Monday as well; Tuesday's net is not due by then.
    let saturday = book
        .settle(FRIDAY.plus_days(1), &[], &next_state(&friday), &[], &[])
        .unwrap();
    assert_eq!(saturday.issued.len(), 0);
    assert_eq!((saturday.lines.len(), saturday.lines[0].is_listed()), (1, false)); // only undue money
    let monday = book
        .settle(FRIDAY.plus_days(3), &[], &next_state(&saturday), &[], &[])
        .unwrap();
    assert_eq!(
        (monday.lines[0].due_minor, monday.issued[0].amount_minor),
        (1_000, 1_000)
    );
    assert_eq!(next_state(&monday), State::default());
}

#[test]
fn a_hold_is_rounded_once_and_comes_back_on_its_day() {
    let mut terms = merchant("M0");
    (terms.hold_bps, terms.hold_days) = (1_000, 3);
    let book = Book::new(vec![terms]);
    // 10% of 10.05 is 1.005, which rounds to 1.01; 9.04 is paid.
    let first = book
        .settle(FRIDAY, &[gross(0, 1_005)], &State::default(), &[], &[])
        .unwrap();
    let line = &first.lines[0];
    assert_eq!(
        (line.hold_minor, line.net_minor, line.payout_minor),
        (101, 904, 904)
    );
    assert_eq!(
        (first.holds[0].release_date, first.holds[0].amount_minor),
        (Some(FRIDAY.plus_days(3)), 101)
    );
    let early = book
        .settle(FRIDAY.plus_days(2), &[], &next_state(&first), &[], &[])
        .unwrap();
    assert_eq!(
        (early.lines[0].release_minor, early.lines[0].held_minor_total),
        (0, 101)
    );
    // Released by the first close on or after its day, as part of that day's net.
    for days in [3, 40] {
        let out = book
            .settle(FRIDAY.plus_days(days), &[], &next_state(&first), &[], &[])
            .unwrap();
        let line = &out.lines[0];
        assert_eq!(
            (line.release_minor, line.net_minor, line.held_minor_total),
            (101, 101, 0)
        );
    }
}

#[test]
fn negative_nets_are_recovered_before_anything_is_paid() {
    let book = Book::new(vec![merchant("M0")]);
    let refund = MerchantSums {
        refund_count: 1,
        refund_minor: 700,
        ..MerchantSums::zero(MerchantCode(0), currency("CNY"))
    };
    let day = FRIDAY.plus_days(-2);
    let first = book.settle(day, &[refund], &State::default(), &[], &[]).unwrap();
    assert_eq!(first.carried[0].amount_minor, -700);
    let second = book
        .settle(
            day.plus_days(1),
            &[gross(0, 1_000)],
            &next_state(&first),
            &[],
            &[],
        )
        .unwrap();
    let line = &second.lines[0];
    assert_eq!(
        (
            line.opening_minor,
            line.due_minor,
            line.payout_minor,
            line.carried_minor
        ),
        (-700, 1_000, 300, 0)
    );
}

#[test]
fn returned_and_withheld_money_is_carried() {
    let book = Book::new(vec![merchant("M0")]);
    let back = [Returned {
        merchant_id: "M0".to_owned(),
        currency: currency("CNY"),
        amount_minor: 250,
    }];
    let paid = book
        .settle(FRIDAY, &[gross(0, 1_000)], &State::default(), &back, &[])
        .unwrap();
    let line = &paid.lines[0];
    assert_eq!(
        (line.payout_minor, line.carried_minor, line.returned_minor),
        (1_000, 250, 250)
    );
    let short = book
        .settle(FRIDAY, &[gross(0, 1_000)], &State::default(), &back, &["CNY"])
        .unwrap();
    let line = &short.lines[0];
    assert_eq!(
        (line.status, line.payout_minor, line.carried_minor),
        (PayoutStatus::Withheld, 0, 1_250)
    );
    assert!(short.issued.is_empty() && line.payout_id.is_none());
}

#[test]
fn merchants_with_a_balance_must_be_in_the_master() {
    let book = Book::new(vec![merchant("M0")]);
    let mut state = State::default();
    for number in 10..40 {
        state.carried.push(Carried {
            merchant_id: format!("X{number}"),
            currency: currency("CNY"),
            amount_minor: 1,
        });
    }
    let stop = book.settle(FRIDAY, &[], &state, &[], &[]).unwrap_err();
    assert_eq!((stop.code, stop.findings.len()), (StopCode::BadData, 21));
    assert!(
        stop.findings[0]
            .message
            .starts_with("merchant X10 has a carried balance in CNY")
    );
    assert!(stop.findings[20].message.starts_with("10 more"));
}

#[test]
fn figures_beyond_64_bits_are_refused() {
    let book = Book::new(vec![merchant("M0")]);
    let stop = book.settle(
        FRIDAY,
        &[gross(0, i128::from(i64::MAX) + 1)],
        &State::default(),
        &[],
        &[],
    );
    let stop = stop.unwrap_err();
    assert_eq!(stop.code, StopCode::BadData);
    assert!(stop.findings[0].message.contains("gross_minor"), "{stop}");
}

#[test]
fn one_finding_for_a_calendar_that_ends() {
    let book = Book::new(vec![merchant("M0"), merchant("M1")]);
    let inputs = PayoutInputs {
        settings: &book.settings,
        merchants: &book.merchants,
        fees: &book.fees,
        business_date: FRIDAY,
        execution_date: execution_date(FRIDAY),
        sums: &[gross(0, 1), gross(1, 1)],
        state: &State::default(),
        returned: &[],
        moves: &[],
        due_date: &|_, _| {
            Err(Stop::new(
                StopCode::Settings,
                Finding::about("calendar CN", "no 2027", ""),
            ))
        },
    };
    let stop = settle_day(&inputs, &BTreeSet::new()).unwrap_err();
    assert_eq!((stop.code, stop.findings.len()), (StopCode::Settings, 1));
}

/// Issued, debited, returned, carried, and paid again under the next close's id.
#[test]
fn a_returned_payout_is_paid_again_under_another_id() {
    let book = Book::new(vec![merchant("M0")]);
    let wednesday = FRIDAY.plus_days(-2);
    let first = book
        .settle(wednesday, &[gross(0, 1_000)], &State::default(), &[], &[])
        .unwrap();
    let payouts = add_issued(Vec::new(), first.issued.clone()).unwrap();
    let id = payouts[0].payout_id.clone();
    let entry = |handle, direction| PayoutEntry {
        handle,
        payout_id: &id,
        entry_id: "E",
        account: 0,
        direction,
        amount_minor: 1_000,
        currency: currency("CNY"),
    };
    let thursday = wednesday.plus_days(1);
    let debited = follow_payouts(&book.settings, &payouts, &[entry(1, Direction::Debit)], thursday).unwrap();
    assert_eq!((debited.agreed.len(), debited.returned.len()), (1, 0));
    let back = follow_payouts(
        &book.settings,
        &debited.next,
        &[entry(2, Direction::Credit)],
        thursday,
    )
    .unwrap();
    assert_eq!(back.next[0].progress, PayoutProgress::Returned);

    let second = book
        .settle(thursday, &[], &next_state(&first), &back.returned, &[])
        .unwrap();
    assert!(second.issued.is_empty() && second.lines[0].is_listed());
    assert_eq!(second.carried[0].amount_minor, 1_000);
    let third = book.settle(FRIDAY, &[], &next_state(&second), &[], &[]).unwrap();
    assert_eq!(third.issued[0].amount_minor, 1_000);
    assert_eq!(add_issued(back.next, third.issued).unwrap().len(), 2);
}

proptest! {
    /// Over many closes: all that came in was paid, or is carried, not yet due, or held; and it all leaves in
    /// the end. Each close checks the same for itself.
    #[test]
    fn nothing_is_lost_over_many_closes(
        days in prop::collection::vec(
            prop::collection::vec((0u32..4, any::<bool>(), 0i64..100_000, 0i64..60_000, any::<bool>()), 0..6), 1..25),
    ) {
        let mut terms: Vec<_> = (0..4).map(|n| merchant(&format!("M{n}"))).collect();
        (terms[1].hold_bps, terms[1].hold_days) = (777, 5);
        (terms[2].hold_bps, terms[2].hold_days) = (10_000, 1);
        terms[3].min_payout_minor = Some(30_000);
        let book = Book::new(terms);
        let (mut state, mut entered, mut paid) = (State::default(), 0i128, 0i128);
        let mut date = FRIDAY;
        for rows in &days {
            let mut sums: BTreeMap<Key, MerchantSums> = BTreeMap::new();
            for (code, usd, payment, refund, _) in rows {
                let key = (MerchantCode(*code), currency(if *usd { "USD" } else { "CNY" }));
                let line = sums.entry(key).or_insert(MerchantSums::zero(key.0, key.1));
                line.payment_count += 1;
                line.refund_count += 1;
                line.gross_minor += i128::from(*payment);
                line.refund_minor += i128::from(*refund);
                entered += i128::from(payment - refund);
            }
            let sums: Vec<_> = sums.into_values().collect();
            let withheld: &[&str] = if rows.first().is_some_and(|row| row.4) { &["CNY"] } else { &[] };
            let as_if = book.settle(date, &sums, &state, &[], &[]).unwrap();
            let out = book.settle(date, &sums, &state, &[], withheld).unwrap();
            prop_assert!(out.issued.iter().all(|payout| as_if.issued.contains(payout)));
            prop_assert_eq!(&as_if.dues, &out.dues);
            prop_assert!(out.lines.is_sorted_by_key(|line| (line.sums.merchant, line.sums.currency)));
            paid += out.issued.iter().map(|payout| i128::from(payout.amount_minor)).sum::<i128>();
            let lines: i128 = out.lines.iter().map(|l| l.carried_minor + l.undue_minor + l.held_minor_total).sum();
            prop_assert_eq!(entered, paid + lines);
            state = next_state(&out);
            date = date.plus_days(1);
        }
        let rest = book.settle(date.plus_days(30), &[], &state, &[], &[]).unwrap();
        let last: i128 = rest.lines.iter().map(|l| l.payout_minor + l.carried_minor + l.undue_minor).sum();
        prop_assert_eq!(entered, paid + last);
        prop_assert!(rest.holds.is_empty() && rest.dues.iter().all(|due| due.due_date > date));
    }
}
