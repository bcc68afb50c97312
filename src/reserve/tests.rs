use proptest::prelude::*;

use crate::book::settings::Basis;
use crate::checks;
use crate::day::figures::{AccountEventKind, PayoutStatus};
use crate::day::state::{
    AccountBalance, Carried, CustomerBalance, Due, IssuedPayout, OwnMoney, PayoutProgress, State,
};
use crate::findings::StopCode;
use crate::ledger::Standings;
use crate::ledger::testing::{Day, RA1, Row, Stray, World, cny, day_one};
use crate::reserve::{ReserveReport, bucket, figures};
use crate::terms::kinds::{Direction, Purpose, TxnType};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// R1 on days of any kind: nothing is unexplained, and every other identity holds as well.
    #[test]
    fn every_identity_holds_on_any_days(seed: u64, due: bool, days in 1i32..9) {
        let mut world = World::new(seed);
        let basis = if due { Basis::Due } else { Basis::Received };
        for n in 0..days {
            let (_, _, reserve, invariants) = world.day(day_one().plus_days(n), basis);
            prop_assert!(checks::all_hold(&invariants).is_ok(), "day {n}: {}", checks::all_hold(&invariants).unwrap_err());
            // No merchant changed its pool, so no inter-pool amount may appear out of nothing.
            prop_assert!(!reserve.roll_forward.iter().any(|term| term.term.contains("changed pool")));
        }
    }

    /// The order of the inputs changes no byte.
    #[test]
    fn order_changes_nothing(seed: u64) {
        let mut world = World::new(seed);
        for n in 0..4 {
            let (mut day, journal, reserve, _) = world.day(day_one().plus_days(n), Basis::Received);
            day.agreed.reverse();
            day.events.reverse();
            day.open.reverse();
            day.unsettled.reverse();
            day.customers.reverse();
            day.payouts.reverse();
            day.previous.open_items.reverse();
            day.with(|day| {
                let standings = Standings::of(day).unwrap();
                let again = figures(day, &standings).unwrap();
                assert_eq!(again.json().unwrap(), reserve.json().unwrap());
                assert_eq!(again.tables(), reserve.tables());
                assert_eq!(crate::ledger::journal(day, &standings).unwrap().lines, journal.lines);
            });
        }
    }

    /// The basis may change between two closes: the ledger takes back what it booked under the old one.
    #[test]
    fn a_change_of_basis_is_booked(seed: u64) {
        let mut world = World::new(seed);
        for n in 0..6 {
            let basis = if n % 2 == 0 { Basis::Due } else { Basis::Received };
            let (_, _, _, invariants) = world.day(day_one().plus_days(n), basis);
            prop_assert!(checks::all_hold(&invariants).is_ok(), "day {n}: {}", checks::all_hold(&invariants).unwrap_err());
        }
    }
}

fn carried(merchant_id: &str, amount_minor: i64) -> Carried {
    Carried {
        merchant_id: merchant_id.to_owned(),
        currency: cny(),
        amount_minor,
    }
}

fn account(id: &str, closing_minor: i64, book_minor: i64) -> AccountBalance {
    AccountBalance {
        account: id.to_owned(),
        currency: cny(),
        closing_minor,
        book_minor,
    }
}

fn own(amount_minor: i64) -> OwnMoney {
    OwnMoney {
        pool: "default".to_owned(),
        currency: cny(),
        amount_minor,
    }
}

fn payout(id: &str, merchant_id: &str, amount_minor: i64) -> IssuedPayout {
    IssuedPayout {
        payout_id: id.to_owned(),
        merchant_id: merchant_id.to_owned(),
        currency: cny(),
        issued_on: day_one().plus_days(-1),
        execution_date: day_one(),
        sequence: 1,
        amount_minor,
        account: "RA1".to_owned(),
        progress: PayoutProgress::Issued,
        changed_on: day_one().plus_days(-1),
    }
}

fn platform_row(id: &str, txn_type: TxnType, amount_minor: i64) -> Row {
    Row {
        id: id.to_owned(),
        txn_type,
        currency: cny(),
        amount_minor,
        who: 0,
        needs_channel: false,
        first_seen: day_one(),
    }
}

/// A day small enough to do by hand, in fen.
///
/// Brought forward: RA1 holds 100000 = M1 carried 30000 + M1 due today 20000 + C1 40000 + own 5000 + a payout of
/// 5000 to M3 that the bank has not debited. So the cash book of RA1 is 100000 − 5000 = 95000.
///
/// Today: M1 is paid 10000 by buyers (fee 60, hold 1000); 700 more are booked and not at the bank (A1); a refund of
/// 300 is booked and not at the bank (F). C1 tops up 2000, and withdraws 1500, not yet at the bank (F). Nobody claims
/// 250 in (B1) and 40 out (B2). 500 of own money come in. M3's payout is debited. M1 is paid 30000 + 20000 = 50000.
///
/// RA1 closes at 100000 + 10000 + 2000 + 250 − 40 + 500 − 5000 = 107710.
/// M1 is owed 0 carried + (10000 − 60 − 1000) undue + 1000 held − 300 = 9640; C1 40000 + 2000 − 1500 = 40500.
/// R = 50140 + U 250 + P 50000 + F 1800 = 102190. C = 107710 − 102190 = 5520.
/// E = 5000 + 60 + 500 = 5560; C = E − B2 = 5520, so nothing is unexplained.
/// Book: RA1 95000 + 12000 + 500 − 50000 = 57500; in transit 700 − 1800 = −1100; together 56400.
/// R_book = 50140 + A1 700 = 50840; C_int = 56400 − 50840 = 5560.
fn worked_day(basis: Basis, paid: bool) -> Day {
    let previous = State {
        carried: vec![carried("M1", 30000)],
        dues: vec![Due {
            merchant_id: "M1".to_owned(),
            currency: cny(),
            due_date: day_one(),
            amount_minor: 20000,
        }],
        customers: vec![CustomerBalance {
            customer_id: "C1".to_owned(),
            currency: cny(),
            closing_minor: 40000,
        }],
        payouts: vec![payout("p0", "M3", 5000)],
        accounts: vec![account("RA1", 100_000, 95_000)],
        own: vec![own(5000)],
        ..State::default()
    };
    let mut day = Day::new(basis, previous, day_one());
    day.statement(RA1, Direction::Credit, 10000);
    day.agree(RA1, "default", Direction::Credit, 10000);
    day.statement(RA1, Direction::Credit, 2000);
    day.agree(RA1, "default", Direction::Credit, 2000);
    day.customer("C1", cny()).topup_minor = 2000;
    day.customer("C1", cny()).withdrawal_minor = 1500;
    for row in [
        platform_row("T1", TxnType::Payment, 700),
        platform_row("T2", TxnType::Refund, 300),
        platform_row("T3", TxnType::Withdrawal, 1500),
    ] {
        day.open.push(row.open_entry("platform-bank"));
    }
    for (id, direction, amount_minor) in [("B1", Direction::Credit, 250), ("B2", Direction::Debit, 40)] {
        day.statement(RA1, direction, amount_minor);
        let stray = Stray {
            id: id.to_owned(),
            account: RA1,
            direction,
            amount_minor,
            first_seen: day_one(),
        };
        day.open.push(stray.open_entry(&day.settings));
    }
    day.statement(RA1, Direction::Credit, 500);
    day.event(RA1, "O1", 500, AccountEventKind::Purpose(Purpose::OwnIn));
    day.statement(RA1, Direction::Debit, 5000);
    day.event(
        RA1,
        "E1",
        5000,
        AccountEventKind::PayoutDebited {
            payout_id: "p0".to_owned(),
            merchant_id: "M3".to_owned(),
            paying_account: RA1,
        },
    );
    day.next.payouts[0].progress = PayoutProgress::Debited;

    let line = day.line(0, cny());
    line.sums.gross_minor = 10000;
    line.sums.fee_minor = 60;
    line.fee_minor = 60;
    line.hold_minor = 1000;
    line.net_minor = 8940;
    line.opening_minor = 30000;
    line.due_minor = 20000;
    line.carried_minor = 50000;
    day.next.dues[0].amount_minor = 8940;
    day.next.dues[0].due_date = day_one().plus_days(1);
    day.next.holds = vec![crate::day::state::Hold {
        merchant_id: "M1".to_owned(),
        currency: cny(),
        release_date: Some(day_one().plus_days(180)),
        amount_minor: 1000,
    }];
    day.next.carried = vec![carried("M1", 50000)];
    if paid {
        let line = day.line(0, cny());
        line.payout_minor = 50000;
        line.carried_minor = 0;
        line.payout_id = Some("p1".to_owned());
        line.status = PayoutStatus::Issued;
        day.next.carried.clear();
        day.next.payouts.push(IssuedPayout {
            issued_on: day_one(),
            execution_date: day_one().plus_days(3),
            ..payout("p1", "M1", 50000)
        });
    }
    day
}

#[test]
fn a_worked_day_comes_out_as_by_hand() {
    let (journal, reserve, invariants) = worked_day(Basis::Received, true).close();
    checks::all_hold(&invariants).unwrap();
    assert_eq!(
        reserve.json().unwrap().split("},{").next().unwrap(),
        "{\"pools\":[{\"A1\":\"700\",\"A2\":\"51800\",\"B1\":\"250\",\"B2\":\"40\",\"C\":\"5520\",\"C_int\":\"5560\",\
         \"C_strict\":\"5520\",\"F\":\"1800\",\"P\":\"50000\",\"R\":\"102190\",\"R_neg\":\"0\",\"S_bank\":\"107710\",\
         \"S_book\":\"56400\",\"S_other\":\"0\",\"U\":\"250\",\"balances\":\"50140\",\"currency\":\"CNY\",\"excess\":\"5520\",\
         \"headline\":\"C\",\"inter_pool\":\"0\",\"own_money\":\"5560\",\"pool\":\"default\",\"shortfall\":\"0\",\
         \"shortfall_if_paid\":\"0\",\"unexplained\":\"0\""
    );
    let books: Vec<_> = (reserve.lines.iter())
        .filter(|line| line.pool == "default" && line.currency == cny())
        .map(|line| (line.account.as_str(), line.book_minor))
        .collect();
    assert_eq!(books, [("(in transit)", -1100), ("RA1", 57500)]);
    let closing = |name: &str| journal.closing_minor(name, cny());
    assert_eq!(closing("assets:bank:RA1"), 107_710);
    assert_eq!(closing("assets:in-transit"), 700);
    assert_eq!(closing("liabilities:merchants"), -8640);
    assert_eq!(closing("liabilities:merchants:held"), -1000);
    assert_eq!(closing("liabilities:customers"), -40500);
    assert_eq!(closing("liabilities:payouts-in-flight"), -50000);
    assert_eq!(closing("liabilities:refunds-in-flight"), -1800);
    assert_eq!(closing("income:fees"), -60);
    assert_eq!(closing("equity:own-money"), -5500);
    // Yesterday 95000 + 5000 in flight; today's movements; nothing else.
    let roll: Vec<_> = (reserve.roll_forward.iter())
        .filter(|term| term.figure == "R" && term.currency == cny() && term.pool == "default")
        .map(|term| (term.term, term.id.as_str(), term.amount_minor))
        .collect();
    assert_eq!(
        roll,
        [
            ("opening", "", 95000),
            ("receipts agreed", "", 12000),
            ("fees", "", -60),
            ("payouts debited", "p0", -5000),
            ("unidentified receipts, change", "", 250),
            ("closing", "", 102_190),
        ]
    );
}

#[test]
fn on_basis_due_the_unreceived_payment_is_owed_and_not_held() {
    let (journal, reserve, invariants) = worked_day(Basis::Due, true).close();
    checks::all_hold(&invariants).unwrap();
    let figures = reserve.pool("default", cny()).unwrap();
    assert_eq!(
        (
            figures.requirement_minor,
            figures.c_minor,
            figures.unexplained_minor
        ),
        (102_890, 4820, 0)
    );
    assert_eq!(journal.closing_minor("liabilities:merchants", cny()), -9340);
    assert_eq!(journal.closing_minor("liabilities:unreceived", cny()), 0);
}

/// M1's booked refund of 300 can only be covered by own money once all that M1 has is paid out.
#[test]
fn the_shortfall_is_judged_as_if_payouts_were_issued() {
    let short = |paid| {
        let mut day = worked_day(Basis::Received, paid);
        // Neither nets nor holds nor own money: M1 is owed the 50000 of yesterday, less the refund.
        day.previous.own.clear();
        day.previous.accounts = vec![account("RA1", 95_000, 90_000)];
        day.accounts[RA1].opening_minor = 95_000;
        day.accounts[RA1].book_opening_minor = 90_000;
        day.accounts[RA1].closing_minor = 107_710 - 5000 - 10000 - 500;
        day.accounts[RA1].credit_minor = 2250;
        day.agreed[0].credit_minor = 2000;
        day.events.retain(|event| event.entry_id != "O1");
        let line = day.line(0, cny());
        line.sums = crate::day::figures::MerchantSums::zero(line.sums.merchant, cny());
        (line.fee_minor, line.hold_minor, line.net_minor) = (0, 0, 0);
        day.next.dues.clear();
        day.next.holds.clear();
        let (_, reserve, invariants) = day.close();
        checks::all_hold(&invariants).unwrap();
        reserve
    };
    let (withheld, paid) = (short(false), short(true));
    // B2 of 40 is missing either way; once M1 is paid, its balance is −300 and takes nothing off R.
    let c = |report: &ReserveReport| report.pool("default", cny()).unwrap().c_minor;
    assert_eq!((c(&withheld), c(&paid)), (-40, -340));
    assert_eq!(paid.short(), [("default".to_owned(), cny())]);
    let published = withheld.with_if_paid(&paid);
    let figures = published.pool("default", cny()).unwrap();
    assert_eq!(
        (figures.shortfall_minor, figures.shortfall_if_paid_minor),
        (40, 340)
    );
}

/// Customer A +100, B −30 leaves cash 70: R = 100, and C = −30 until own money of 30 is paid in.
#[test]
fn a_negative_customer_is_covered_by_own_money_only() {
    let customer = |id: &str, closing_minor| CustomerBalance {
        customer_id: id.to_owned(),
        currency: cny(),
        closing_minor,
    };
    let mut day = Day::new(Basis::Received, State::default(), day_one());
    day.statement(RA1, Direction::Credit, 100);
    day.agree(RA1, "default", Direction::Credit, 100);
    day.customer("A", cny()).topup_minor = 100;
    day.statement(RA1, Direction::Debit, 30);
    day.agree(RA1, "default", Direction::Debit, 30);
    day.customer("B", cny()).withdrawal_minor = 30;
    let (_, reserve, invariants) = day.close();
    checks::all_hold(&invariants).unwrap();
    let figures = reserve.pool("default", cny()).unwrap();
    assert_eq!(
        (
            figures.bank_minor,
            figures.requirement_minor,
            figures.negative_minor,
            figures.c_minor
        ),
        (70, 100, 30, -30)
    );
    assert_eq!((figures.shortfall_minor, figures.unexplained_minor), (30, 0));
    assert_eq!(day.next.customers, [customer("A", 100), customer("B", -30)]);

    let mut cured = Day::new(Basis::Received, day.next, day_one().plus_days(1));
    cured.statement(RA1, Direction::Credit, 30);
    cured.event(RA1, "O1", 30, AccountEventKind::Purpose(Purpose::OwnIn));
    let (_, reserve, invariants) = cured.close();
    checks::all_hold(&invariants).unwrap();
    assert_eq!(reserve.pool("default", cny()).unwrap().c_minor, 0);
}

#[test]
fn opening_money_without_an_owner_is_refused() {
    let previous = State {
        carried: vec![carried("M1", 900)],
        accounts: vec![account("RA1", 1000, 1000)],
        ..State::default()
    };
    let stop = |previous| {
        Day::new(Basis::Received, previous, day_one())
            .with(|day| figures(day, &Standings::of(day).unwrap()).unwrap_err())
    };
    let found = stop(previous.clone());
    assert_eq!(found.code, StopCode::BadData);
    assert!(found.to_string().contains("leave 1.00, expected 0.00"), "{found}");
    let found = stop(State {
        accounts: vec![account("RA1", 1000, 995)],
        own: vec![own(100)],
        ..previous
    });
    assert_eq!(found.code, StopCode::BadData);
    assert!(
        found
            .to_string()
            .contains("account RA1: cash book 9.95, expected 10.00"),
        "{found}"
    );
}

/// M2 belongs to p2, and its buyers' money came into RA1 of the default pool: p2 is short, and both pools say why.
#[test]
fn money_in_another_pools_account_does_not_cover() {
    let mut day = Day::new(Basis::Received, State::default(), day_one());
    day.statement(RA1, Direction::Credit, 500);
    day.agree(RA1, "p2", Direction::Credit, 500);
    let line = day.line(1, cny());
    line.sums.gross_minor = 500;
    line.net_minor = 500;
    day.next.dues.push(Due {
        merchant_id: "M2".to_owned(),
        currency: cny(),
        due_date: day_one().plus_days(1),
        amount_minor: 500,
    });
    let (_, reserve, invariants) = day.close();
    checks::all_hold(&invariants).unwrap();
    let figures = |pool| reserve.pool(pool, cny()).unwrap();
    assert_eq!(
        (figures("default").c_minor, figures("default").inter_pool_minor),
        (500, -500)
    );
    assert_eq!(
        (figures("p2").c_minor, figures("p2").inter_pool_minor),
        (-500, 500)
    );
    assert_eq!(
        reserve
            .lines
            .iter()
            .filter(|line| line.account == "(inter-pool)")
            .count(),
        2
    );

    // M2 moves to the default pool: the money is where it belongs, and the inter-pool amount is gone.
    let mut next = Day::new(Basis::Received, day.next, day_one().plus_days(1));
    next.settings.institution.id = "EXPAY".to_owned();
    let mut terms = next.merchants.terms.to_vec();
    terms[1].pool = "default".to_owned();
    next.merchants = crate::book::merchants::Merchants::new(terms, String::new());
    let (_, reserve, invariants) = next.close();
    checks::all_hold(&invariants).unwrap();
    assert!(reserve.inter_pool.is_empty());
    assert!(
        reserve
            .roll_forward
            .iter()
            .any(|term| term.term.contains("changed pool"))
    );
}

/// Every invariant can fail: a day is spoilt in one figure, and the list must name it.
#[test]
fn a_spoilt_figure_is_named() {
    let broken = |spoil: fn(&mut Day)| {
        let mut day = worked_day(Basis::Received, true);
        spoil(&mut day);
        let (_, _, invariants) = day.close();
        let names: Vec<String> = invariants.into_iter().filter(|i| !i.ok).map(|i| i.id).collect();
        names.join(", ")
    };
    let check = |spoil, expected: &str| {
        let names = broken(spoil);
        assert!(names.contains(expected), "expected {expected} among: {names}");
    };
    assert_eq!(broken(|_| {}), "");
    check(|day| day.accounts[RA1].closing_minor += 1, "accounts.closing");
    check(
        |day| day.accounts[RA1].closing_minor += 1,
        "ledger.assets:bank:RA1",
    );
    check(
        |day| day.accounts[RA1].closing_minor += 1,
        "reserve.unexplained default CNY",
    );
    check(
        |day| day.accounts[RA1].closing_minor += 1,
        "roll_forward.S_bank default CNY",
    );
    check(|day| drop(day.open.remove(4)), "reserve.lines");
    check(|day| drop(day.open.remove(4)), "ledger.assets:bank:RA1");
    check(|day| drop(day.open.remove(2)), "ledger.assets:in-transit CNY");
    check(
        |day| day.agreed[0].credit_minor += 1,
        "ledger.assets:in-transit CNY",
    );
    check(|day| day.next.dues[0].amount_minor += 1, "state.dues");
    check(
        |day| day.next.dues[0].amount_minor += 1,
        "ledger.liabilities:merchants CNY",
    );
    check(|day| day.next.holds[0].amount_minor += 1, "state.holds");
    check(
        |day| day.next.holds[0].amount_minor += 1,
        "roll_forward.R default CNY",
    );
    check(|day| day.next.carried.push(carried("M3", 1)), "state.carried");
    check(|day| day.next.payouts[1].amount_minor += 1, "payouts.issued CNY");
    check(
        |day| day.next.payouts[0].progress = PayoutProgress::Issued,
        "payouts.in_flight CNY",
    );
    check(|day| day.line(0, cny()).fee_minor += 1, "payouts.net");
    check(|day| day.line(0, cny()).payout_minor -= 1, "payouts.carried");
    check(|day| day.line(0, cny()).payout_id = None, "payouts.issued_has_id");
    check(
        |day| day.customer("C1", cny()).opening_minor += 1,
        "ledger.liabilities:customers CNY",
    );
    check(
        |day| day.customer("C1", cny()).payment_minor += 1,
        "ledger.liabilities:wallet-clearing CNY",
    );
    check(
        |day| day.events.retain(|event| event.entry_id != "O1"),
        "reserve.unexplained default CNY",
    );
}

#[test]
fn items_age_in_buckets() {
    let check = |age, expected| assert_eq!(bucket(age), expected, "{age}");
    check(0, "0-5");
    check(5, "0-5");
    check(6, "6-10");
    check(10, "6-10");
    check(11, "11+");
}

#[test]
fn tables_list_what_the_figures_sum() {
    let (_, reserve, _) = worked_day(Basis::Received, true).close();
    let table = |name: &str| {
        let tables = reserve.tables();
        let (_, bytes) = tables.into_iter().find(|(known, _)| *known == name).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        table("ageing.csv"),
        "class,pool,currency,bucket,count,amount_minor\n\
         A1,default,CNY,0-5,1,700\n\
         A2,default,CNY,0-5,3,51800\n\
         B1,default,CNY,0-5,1,250\n\
         B2,default,CNY,0-5,1,40\n"
    );
    assert!(table("lines.csv").contains("default,CNY,RA1,107710,0,50000,250,40,57500,0\n"));
    assert!(table("items.csv").contains("A2,default,CNY,RA1,p1,p1,M1,50000,2026-11-20,0,0-5,,P\n"));
    assert!(table("balances.csv").contains("default,CNY,customer,C1,0,0,0,40500,1500,0,0,0,40500\n"));
    assert!(table("roll_forward.csv").starts_with("pool,currency,figure,step,term,id,amount_minor,source\n"));
}
