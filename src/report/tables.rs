//! Stage 8: every published table of SPEC §8, R17, R30, R31, R39 and R43, from the figures of the day.
//!
//! In: the lines of [`crate::day::figures`], each already in its published order. Out: [`Table`]s. A sum that
//! does not fit 64 bits stops the day (65). The order is asserted, never made here: a stage that hands lines on
//! in another order is at fault. `docs/tables.md` lists the columns.

use std::borrow::Cow;
use std::ops::Range;

use crate::book::merchants::Merchants;
use crate::book::settings::Settings;
use crate::day::figures::{
    AccountLine, AdjustmentLine, BreakLine, CustomerLine, PayoutLine, PayoutStatus, Position,
};
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::{JournalLines, TrialLine};
use crate::report::table::{Column, Table, Values};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;
use crate::terms::money::narrow;

/// A line of rejects.csv: one refused value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectLine {
    /// File below `inbox/DATE/`.
    pub file: String,
    /// Physical line, 1-based.
    pub line: u64,
    /// Column in characters, 1-based; 0 where there is none.
    pub column: u64,
    /// Field.
    pub field: String,
    /// What stood there.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

/// A line of resolved.csv: a break of the previous close that is open no longer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResolvedLine {
    /// Id (R30).
    pub break_id: String,
    /// Leg.
    pub leg: String,
    /// Class it had.
    pub class: String,
    /// The first close that received one of its rows.
    pub first_seen: Date,
    /// The close that resolved it.
    pub resolved_on: Date,
    /// `resolved_on − first_seen`.
    pub age_days: i32,
}

/// payouts (R17), by (merchant_id, currency). `execution_date` is E of R9.
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn payouts<'a>(
    lines: &'a [PayoutLine],
    merchants: &'a Merchants,
    execution_date: Date,
) -> Result<Table<'a>, Stop> {
    let id = |line: &PayoutLine| merchants.get(line.sums.merchant).id.as_str();
    assert!(
        lines.is_sorted_by(|a, b| (id(a), a.sums.currency) < (id(b), b.sums.currency)),
        "payouts are sorted by merchant and currency, one line each"
    );
    let key = |line: &PayoutLine| format!("{} {}", id(line), line.sums.currency);
    let minor = |name, get: fn(&PayoutLine) -> i128| minor("payouts", name, lines.iter(), get, key);
    let issued = |line: &PayoutLine| line.status == PayoutStatus::Issued;
    Ok(Table::new(
        "payouts",
        vec![
            text(
                "merchant_id",
                lines.iter().map(|l| merchants.get(l.sums.merchant).id.as_str()),
            ),
            count("payment_count", lines.iter().map(|l| l.sums.payment_count)),
            count("refund_count", lines.iter().map(|l| l.sums.refund_count)),
            count("chargeback_count", lines.iter().map(|l| l.sums.chargeback_count)),
            count("adjustment_count", lines.iter().map(|l| l.sums.adjustment_count)),
            minor("gross_minor", |l| l.sums.gross_minor)?,
            minor("refund_minor", |l| l.sums.refund_minor)?,
            minor("chargeback_minor", |l| l.sums.chargeback_minor)?,
            minor("adjustment_minor", |l| l.sums.adjustment_minor)?,
            minor("fee_minor", |l| l.fee_minor)?,
            minor("hold_minor", |l| l.hold_minor)?,
            minor("net_minor", |l| l.net_minor)?,
            text("currency", lines.iter().map(|l| l.sums.currency.code())),
            minor("opening_minor", |l| l.opening_minor)?,
            minor("release_minor", |l| l.release_minor)?,
            minor("due_minor", |l| l.due_minor)?,
            minor("payout_minor", |l| l.payout_minor)?,
            minor("carried_minor", |l| l.carried_minor)?,
            text(
                "payout_id",
                lines.iter().map(|l| l.payout_id.as_deref().unwrap_or("")),
            ),
            text("status", lines.iter().map(|l| l.status.name())),
            text("reason", lines.iter().map(|l| l.reason.map_or("", |r| r.name()))),
            count("reversal_count", lines.iter().map(|l| l.sums.reversal_count)),
            minor("reversal_minor", |l| l.sums.reversal_minor)?,
            minor("fee_returned_minor", |l| l.sums.fee_returned_minor)?,
            // Splits (R23) and exchange (R25) have no stage yet; their columns keep their place.
            minor("split_in_minor", |_| 0)?,
            minor("split_out_minor", |_| 0)?,
            minor("fx_minor", |_| 0)?,
            minor("returned_minor", |l| l.returned_minor)?,
            minor("manual_minor", |l| l.manual.net_minor())?,
            minor("undue_minor", |l| l.undue_minor)?,
            minor("held_minor_total", |l| l.held_minor_total)?,
            date(
                "due_date",
                lines.iter().map(|l| (l.net_minor != 0).then_some(l.due_date)),
            ),
            date(
                "execution_date",
                lines.iter().map(|l| issued(l).then_some(execution_date)),
            ),
        ],
    ))
}

/// breaks (R30), by (leg, class, bank_ref, txn_id, entry_id).
pub fn breaks(lines: &[BreakLine]) -> Table<'_> {
    fn sort(l: &BreakLine) -> (&str, &str, &str, &str, &str) {
        (&l.leg, l.class, &l.bank_ref, &l.txn_id, &l.entry_id)
    }
    assert!(
        lines.is_sorted_by(|a, b| sort(a) <= sort(b)),
        "breaks are sorted by leg, class and reference"
    );
    Table::new(
        "breaks",
        vec![
            text("class", lines.iter().map(|l| l.class)),
            text("bank_ref", lines.iter().map(|l| l.bank_ref.as_str())),
            text("txn_id", lines.iter().map(|l| l.txn_id.as_str())),
            text("entry_id", lines.iter().map(|l| l.entry_id.as_str())),
            text("merchant_id", lines.iter().map(|l| l.merchant_id.as_str())),
            Column {
                name: "platform_minor",
                values: Values::Minor(lines.iter().map(|l| l.platform_minor).collect()),
            },
            Column {
                name: "bank_minor",
                values: Values::Minor(lines.iter().map(|l| l.bank_minor).collect()),
            },
            text("leg", lines.iter().map(|l| l.leg.as_str())),
            text("currency", lines.iter().map(|l| l.currency.code())),
            text("break_id", lines.iter().map(|l| l.break_id.as_str())),
            date("first_seen", lines.iter().map(|l| Some(l.first_seen))),
            days("age_days", lines.iter().map(|l| l.age_days)),
            days("age_business_days", lines.iter().map(|l| l.age_business_days)),
            text("candidates", lines.iter().map(|l| l.candidates.as_str())),
            Column {
                name: "overdue",
                values: Values::Flag(lines.iter().map(|l| l.overdue).collect()),
            },
            text("account", lines.iter().map(|l| l.account.as_str())),
            text("platform_file", lines.iter().map(|l| l.platform_file.as_str())),
            place("platform_line", lines.iter().map(|l| l.platform_line)),
            text("bank_file", lines.iter().map(|l| l.bank_file.as_str())),
            place("bank_line", lines.iter().map(|l| l.bank_line)),
            place("cause", lines.iter().map(|l| l.cause.map_or(0, u64::from))),
            text(
                "entry_type",
                lines.iter().map(|l| l.entry_type.map_or("", TxnType::name)),
            ),
            text("refund_ref", lines.iter().map(|l| l.refund_ref.as_str())),
        ],
    )
}

/// accounts (R27), by (account, currency): one line per configured account.
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn accounts<'a>(lines: &'a [AccountLine], settings: &'a Settings) -> Result<Table<'a>, Stop> {
    let of = |line: &AccountLine| &settings.accounts[line.account];
    assert!(
        lines.is_sorted_by(|a, b| (&of(a).id, of(a).currency) < (&of(b).id, of(b).currency)),
        "accounts are sorted by id, one line each"
    );
    let key = |line: &AccountLine| of(line).id.clone();
    let minor = |name, get: fn(&AccountLine) -> i128| minor("accounts", name, lines.iter(), get, key);
    Ok(Table::new(
        "accounts",
        vec![
            text(
                "account",
                lines.iter().map(|l| settings.accounts[l.account].id.as_str()),
            ),
            count("credit_count", lines.iter().map(|l| l.credit_count)),
            minor("credit_minor", |l| l.credit_minor)?,
            count("debit_count", lines.iter().map(|l| l.debit_count)),
            minor("debit_minor", |l| l.debit_minor)?,
            text("currency", lines.iter().map(|l| of(l).currency.code())),
            minor("opening_minor", |l| l.opening_minor)?,
            minor("closing_minor", |l| l.closing_minor)?,
            text("kind", lines.iter().map(|l| of(l).kind.name())),
            text(
                "pool",
                lines.iter().map(|l| settings.accounts[l.account].pool.as_str()),
            ),
        ],
    ))
}

/// customers (R21), by (customer_id, currency).
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn customers(lines: &[CustomerLine]) -> Result<Table<'_>, Stop> {
    assert!(
        lines.is_sorted_by(|a, b| (&a.customer_id, a.currency) < (&b.customer_id, b.currency)),
        "customers are sorted by id and currency, one line each"
    );
    let key = |line: &CustomerLine| format!("{} {}", line.customer_id, line.currency);
    let minor = |name, get: fn(&CustomerLine) -> i128| minor("customers", name, lines.iter(), get, key);
    Ok(Table::new(
        "customers",
        vec![
            text("customer_id", lines.iter().map(|l| l.customer_id.as_str())),
            text("currency", lines.iter().map(|l| l.currency.code())),
            minor("opening_minor", |l| l.opening_minor)?,
            minor("credit_minor", |l| l.credit_minor)?,
            minor("debit_minor", |l| l.debit_minor)?,
            minor("closing_minor", |l| l.closing_minor)?,
        ],
    ))
}

/// positions (R39), by (window, currency, participant_id).
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn positions(lines: &[Position]) -> Result<Table<'_>, Stop> {
    fn sort(l: &Position) -> (&str, Currency, &str) {
        (&l.window, l.currency, &l.participant_id)
    }
    assert!(
        lines.is_sorted_by(|a, b| sort(a) <= sort(b)),
        "positions are sorted by window, currency and participant"
    );
    let key = |line: &Position| format!("{} {} {}", line.window, line.currency, line.participant_id);
    let minor = |name, get: fn(&Position) -> i128| minor("positions", name, lines.iter(), get, key);
    Ok(Table::new(
        "positions",
        vec![
            text("window", lines.iter().map(|l| l.window.as_str())),
            text("currency", lines.iter().map(|l| l.currency.code())),
            text("participant_id", lines.iter().map(|l| l.participant_id.as_str())),
            minor("receive_minor", |l| l.receive_minor)?,
            minor("pay_minor", |l| l.pay_minor)?,
            minor("net_minor", |l| l.net_minor)?,
        ],
    ))
}

/// journal (R43), by (currency, ledger_account, obligee_id, kind): some of its lines.
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn journal(lines: &JournalLines, rows: Range<usize>) -> Result<Table<'_>, Stop> {
    assert!(
        rows.clone().is_sorted_by_key(|l| lines.order(l)),
        "the journal is sorted by currency, ledger account, obligee and kind"
    );
    let key = |l: usize| {
        format!(
            "{} {} {}",
            lines.entry_id(l),
            lines.ledger_account(l),
            lines.currency(l)
        )
    };
    let minor = |name, get: fn(&JournalLines, usize) -> i128| {
        minor("journal", name, rows.clone(), |l| get(lines, l), key)
    };
    Ok(Table::new(
        "journal",
        vec![
            text("entry_id", rows.clone().map(|l| lines.entry_id(l))),
            text("ledger_account", rows.clone().map(|l| lines.ledger_account(l))),
            text("obligee_id", rows.clone().map(|l| lines.obligee_id(l))),
            text("currency", rows.clone().map(|l| lines.currency(l).code())),
            text("kind", rows.clone().map(|l| lines.kind(l))),
            minor("debit_minor", JournalLines::debit_minor)?,
            minor("credit_minor", JournalLines::credit_minor)?,
        ],
    ))
}

/// trial_balance (R43), by (ledger_account, currency).
///
/// # Errors
/// 65 when a sum does not fit 64 bits.
pub fn trial_balance(lines: &[TrialLine]) -> Result<Table<'_>, Stop> {
    assert!(
        lines.is_sorted_by(|a, b| (&a.ledger_account, a.currency) < (&b.ledger_account, b.currency)),
        "the trial balance is sorted by ledger account and currency, one line each"
    );
    let key = |line: &TrialLine| format!("{} {}", line.ledger_account, line.currency);
    let minor = |name, get: fn(&TrialLine) -> i128| minor("trial_balance", name, lines.iter(), get, key);
    Ok(Table::new(
        "trial_balance",
        vec![
            text("ledger_account", lines.iter().map(|l| l.ledger_account.as_str())),
            text("currency", lines.iter().map(|l| l.currency.code())),
            minor("opening_minor", |l| l.opening_minor)?,
            minor("debit_minor", |l| l.debit_minor)?,
            minor("credit_minor", |l| l.credit_minor)?,
            minor("closing_minor", |l| l.closing_minor)?,
        ],
    ))
}

/// rejects, by (file, line, column).
pub fn rejects(lines: &[RejectLine]) -> Table<'_> {
    assert!(
        lines.is_sorted_by(|a, b| (&a.file, a.line, a.column) <= (&b.file, b.line, b.column)),
        "rejects are sorted by file, line and column"
    );
    Table::new(
        "rejects",
        vec![
            text("file", lines.iter().map(|l| l.file.as_str())),
            place("line", lines.iter().map(|l| l.line)),
            place("column", lines.iter().map(|l| l.column)),
            text("field", lines.iter().map(|l| l.field.as_str())),
            text("found", lines.iter().map(|l| l.found.as_str())),
            text("expected", lines.iter().map(|l| l.expected.as_str())),
        ],
    )
}

/// resolved, by break_id.
pub fn resolved(lines: &[ResolvedLine]) -> Table<'_> {
    assert!(
        lines.is_sorted_by(|a, b| a.break_id <= b.break_id),
        "resolved breaks are sorted by break_id"
    );
    Table::new(
        "resolved",
        vec![
            text("break_id", lines.iter().map(|l| l.break_id.as_str())),
            text("leg", lines.iter().map(|l| l.leg.as_str())),
            text("class", lines.iter().map(|l| l.class.as_str())),
            date("first_seen", lines.iter().map(|l| Some(l.first_seen))),
            date("resolved_on", lines.iter().map(|l| Some(l.resolved_on))),
            days("age_days", lines.iter().map(|l| l.age_days)),
        ],
    )
}

/// adjustments (R24), by adjustment_id.
pub fn adjustments(lines: &[AdjustmentLine]) -> Table<'_> {
    assert!(
        lines.is_sorted_by(|a, b| a.adjustment_id < b.adjustment_id),
        "adjustments are sorted by id, one line each"
    );
    let minor = |name, get: fn(&AdjustmentLine) -> i64| Column {
        name,
        values: Values::Minor(lines.iter().map(|line| Some(get(line))).collect()),
    };
    Table::new(
        "adjustments",
        vec![
            text("adjustment_id", lines.iter().map(|l| l.adjustment_id.as_str())),
            text("action", lines.iter().map(|l| l.action.name())),
            text("target", lines.iter().map(|l| l.target.as_str())),
            text("leg", lines.iter().map(|l| l.leg.as_str())),
            text("class", lines.iter().map(|l| l.class.as_str())),
            text("txn_id", lines.iter().map(|l| l.txn_id.as_str())),
            text("entry_id", lines.iter().map(|l| l.entry_id.as_str())),
            text("merchant_id", lines.iter().map(|l| l.merchant_id.as_str())),
            text("account", lines.iter().map(|l| l.account.as_str())),
            minor("amount_minor", |l| l.amount_minor),
            minor("own_money_minor", |l| l.own_money_minor),
            text("currency", lines.iter().map(|l| l.currency.code())),
            date("first_seen", lines.iter().map(|l| l.first_seen)),
            text("reason", lines.iter().map(|l| l.reason.as_str())),
            text("prepared_by", lines.iter().map(|l| l.prepared_by.as_str())),
            text("approved_by", lines.iter().map(|l| l.approved_by.as_str())),
            text("approved_at", lines.iter().map(|l| l.approved_at.as_str())),
            text("file", lines.iter().map(|l| l.file.as_str())),
            place("line", lines.iter().map(|l| l.line)),
        ],
    )
}

fn text<'a>(name: &'static str, values: impl Iterator<Item = &'a str>) -> Column<'a> {
    Column {
        name,
        values: Values::Text(values.map(Cow::Borrowed).collect()),
    }
}

fn count(name: &'static str, values: impl Iterator<Item = u64>) -> Column<'static> {
    Column {
        name,
        values: Values::Count(values.collect()),
    }
}

fn place(name: &'static str, values: impl Iterator<Item = u64>) -> Column<'static> {
    Column {
        name,
        values: Values::Place(values.collect()),
    }
}

fn days(name: &'static str, values: impl Iterator<Item = i32>) -> Column<'static> {
    Column {
        name,
        values: Values::Days(values.collect()),
    }
}

fn date(name: &'static str, values: impl Iterator<Item = Option<Date>>) -> Column<'static> {
    Column {
        name,
        values: Values::Date(values.collect()),
    }
}

/// A column of sums, each narrowed to the 64 bits that a published figure has; all that do not fit are named.
fn minor<L: Copy>(
    table: &str,
    name: &'static str,
    lines: impl ExactSizeIterator<Item = L>,
    get: impl Fn(L) -> i128,
    key: impl Fn(L) -> String,
) -> Result<Column<'static>, Stop> {
    let mut values = Vec::with_capacity(lines.len());
    let mut findings = Vec::new();
    for line in lines {
        match narrow(get(line)) {
            Ok(minor) => values.push(Some(minor)),
            Err(_) => findings.push(Finding::about(
                format!("{table}.csv"),
                format!(
                    "{name} of {}: the sum is {} minor units, expected at most 9223372036854775807",
                    key(line),
                    get(line)
                ),
                "look for a wrong amount or a wrong currency in the inputs of this line",
            )),
        }
    }
    if findings.is_empty() {
        return Ok(Column {
            name,
            values: Values::Minor(values),
        });
    }
    Err(Stop {
        code: StopCode::BadData,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::figures::CarryReason;
    use crate::report::samples::{self, currency, date};

    fn header(table: &Table<'_>) -> String {
        let csv = String::from_utf8(table.to_csv()).unwrap();
        csv.lines().next().unwrap().to_owned()
    }

    /// Every table with what rows the samples have.
    fn check_all(mut check: impl FnMut(Table<'_>)) {
        let (settings, merchants) = (samples::settings(), samples::merchants());
        let (lines, open) = (samples::payouts(), samples::breaks());
        check(payouts(&lines, &merchants, date("2026-11-23")).unwrap());
        check(breaks(&open));
        check(resolved(&[]));
        check(accounts(&[], &settings).unwrap());
        check(customers(&[]).unwrap());
        check(positions(&[]).unwrap());
        check(journal(&JournalLines::default(), 0..0).unwrap());
        check(trial_balance(&[]).unwrap());
        check(rejects(&[]));
    }

    #[test]
    fn payouts_begin_with_the_columns_of_the_contract() {
        let lines = samples::payouts();
        let merchants = samples::merchants();
        let table = payouts(&lines, &merchants, date("2026-11-23")).unwrap();
        assert!(header(&table).starts_with(
            "merchant_id,payment_count,refund_count,chargeback_count,adjustment_count,gross_minor,refund_minor,\
             chargeback_minor,adjustment_minor,fee_minor,hold_minor,net_minor,currency,opening_minor,release_minor,\
             due_minor,payout_minor,carried_minor,payout_id,status,reason,reversal_count,reversal_minor,\
             fee_returned_minor,split_in_minor,split_out_minor,fx_minor,returned_minor,manual_minor,undue_minor,\
             held_minor_total,"
        ));
        let csv = String::from_utf8(table.to_csv()).unwrap();
        assert_eq!(
            csv.lines().nth(2).unwrap(),
            "M3,3,0,0,0,-123456189,0,0,0,600,0,-123456789,CNY,0,0,-123456789,0,-123456789,,carried,NEGATIVE,\
             0,0,0,0,0,0,0,0,0,0,2026-11-23,"
        );
        assert_eq!(lines[1].reason, Some(CarryReason::Negative));
    }

    #[test]
    fn breaks_begin_with_the_columns_of_the_contract() {
        let open = samples::breaks();
        let table = breaks(&open);
        assert_eq!(
            header(&table),
            "class,bank_ref,txn_id,entry_id,merchant_id,platform_minor,bank_minor,leg,currency,break_id,first_seen,\
             age_days,age_business_days,candidates,overdue,account,platform_file,platform_line,bank_file,bank_line,cause,\
             entry_type,refund_ref"
        );
        let csv = String::from_utf8(table.to_csv()).unwrap();
        assert_eq!(
            csv.lines().nth(2).unwrap(),
            "MISSING_AT_BANK,REF1,T-REF1,,M1,20000,,platform-bank,CNY,0000000000000000000000000000ref1,2026-11-08,\
             12,10,,Y,,platform/p.csv,2,,,,,"
        );
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused_and_named() {
        let line = |minor| TrialLine {
            ledger_account: "assets:bank:RA1".to_owned(),
            currency: currency("CNY"),
            opening_minor: 0,
            debit_minor: minor,
            credit_minor: 0,
            closing_minor: 0,
        };
        assert!(trial_balance(&[line(i128::from(i64::MAX))]).is_ok());
        let stop = trial_balance(&[line(i128::from(i64::MAX) + 1)]).unwrap_err();
        assert_eq!(stop.code, StopCode::BadData);
        let text = stop.to_string();
        assert!(
            text.contains("debit_minor of assets:bank:RA1 CNY") && text.contains("9223372036854775808"),
            "{text}"
        );
    }

    #[test]
    #[should_panic(expected = "sorted")]
    fn another_order_is_a_defect() {
        let mut open = samples::breaks();
        open.reverse();
        breaks(&open);
    }

    #[test]
    fn the_page_of_tables_says_what_the_code_writes() {
        let page = include_str!("../../docs/tables.md");
        check_all(|table| {
            let section = page
                .split("\n## ")
                .find(|part| part.starts_with(&format!("{}\n", table.name)));
            let section = section.unwrap_or_else(|| panic!("docs/tables.md has no section {}", table.name));
            let told: Vec<(String, String)> = section
                .lines()
                .filter(|line| line.starts_with("| ") && !line.starts_with("| column | type"))
                .map(|line| {
                    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                    (cells[1].to_owned(), cells[2].to_owned())
                })
                .collect();
            let written: Vec<(String, String)> = table
                .columns
                .iter()
                .map(|column| {
                    let kind = match column.values {
                        Values::Text(_) => "text",
                        Values::Minor(_) => "minor",
                        Values::Count(_) => "count",
                        Values::Place(_) => "place",
                        Values::Days(_) => "days",
                        Values::Date(_) => "date",
                        Values::Flag(_) => "flag",
                    };
                    (column.name.to_owned(), kind.to_owned())
                })
                .collect();
            assert_eq!(told, written, "{}", table.name);
            assert!(table.to_parquet().is_ok(), "{}", table.name);
        });
    }
}
