//! `audit/check.sql` and `audit/inputs.sql`: plain SQL for DuckDB that works every published total out again (SPEC §8).
//!
//! In: the lines of the day, for the expected values that stand in the SQL as literals. Out: SQL text. It reads the
//! files of the close by their paths below it, and nothing else; `inputs.sql` also reads the inbox, whose place is
//! `SET VARIABLE inbox`. Each check is a row of `audit`: name, expected, got, ok.
//!
//! The SQL holds no name or order of an input file, so it is the same however rows are split over files (R32): what
//! was delivered is taken from manifest.json when it runs. Not worked out again: fees of a plan per day (given as
//! lines, `day_fees`), fees of `[fee_plan]` per row, what was due (it needs earlier closes), matching itself
//! (`tieout verify --replay` does it).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::book::settings::{LegKind, Role, Settings};
use crate::clearing::ClearingFile;
use crate::day::figures::CustomerLine;
use crate::ledger::{JournalLines, TrialLine};
use crate::report::summary::Day;
use crate::terms::currency::Currency;

/// What the SQL is made of.
#[derive(Clone, Copy)]
pub struct Audited<'a> {
    /// The lines of the reports.
    pub day: Day<'a>,
    /// customers.csv.
    pub customers: &'a [CustomerLine],
    /// journal.csv.
    pub journal: &'a JournalLines,
    /// trial_balance.csv.
    pub trial_balance: &'a [TrialLine],
    /// Files of `clearing/`.
    pub clearing: &'a [ClearingFile],
    /// Path of the sealed merchant master below the close.
    pub merchants_file: &'a str,
}

/// Columns that a canonical bank file needs to be added up; a file of nothing but these, so that a day without
/// any is read as well.
pub const BANK_COLUMNS: &[u8] = b"account,currency,direction,amount\n";

/// Amounts of payouts.csv that are sums over lines of `matched` of one type, with their counts.
const BY_TYPE: [(&str, &str, &str); 5] = [
    ("PAYMENT", "payment_count", "gross_minor"),
    ("REFUND", "refund_count", "refund_minor"),
    ("CHARGEBACK", "chargeback_count", "chargeback_minor"),
    ("CHARGEBACK_REVERSAL", "reversal_count", "reversal_minor"),
    ("ADJUSTMENT", "adjustment_count", "adjustment_minor"),
];

/// Tables of which a view shows the amounts as decimals, with their columns of amounts.
const DECIMALS: [(&str, &[&str]); 6] = [
    ("matched", &["amount_minor", "fee_minor"]),
    (
        "payouts",
        &[
            "gross_minor",
            "refund_minor",
            "chargeback_minor",
            "adjustment_minor",
            "fee_minor",
            "hold_minor",
            "net_minor",
            "opening_minor",
            "release_minor",
            "due_minor",
            "payout_minor",
            "carried_minor",
            "reversal_minor",
            "fee_returned_minor",
            "returned_minor",
            "undue_minor",
            "held_minor_total",
        ],
    ),
    ("breaks", &["platform_minor", "bank_minor"]),
    (
        "accounts",
        &["credit_minor", "debit_minor", "opening_minor", "closing_minor"],
    ),
    (
        "customers",
        &["opening_minor", "credit_minor", "debit_minor", "closing_minor"],
    ),
    (
        "trial_balance",
        &["opening_minor", "debit_minor", "credit_minor", "closing_minor"],
    ),
];

/// The tables of a close as views; CSV is read as text and cast, so that nothing is guessed.
const TABLES: &str = "\
CREATE OR REPLACE MACRO csv(path) AS TABLE
  SELECT * FROM read_csv(path, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', nullstr = '');
CREATE OR REPLACE VIEW matched AS SELECT * FROM read_parquet('matched/*.parquet');
CREATE OR REPLACE VIEW payouts AS SELECT * FROM read_parquet('payouts.parquet');
CREATE OR REPLACE VIEW breaks AS SELECT * FROM read_parquet('breaks.parquet');
CREATE OR REPLACE VIEW customers AS SELECT * FROM read_parquet('customers.parquet');
CREATE OR REPLACE VIEW journal AS SELECT * FROM read_parquet('journal.parquet');
";

/// Tables that are written as CSV alone, with their columns of integers.
const TYPED: [(&str, &str, &[&str]); 7] = [
    (
        "accounts",
        "accounts.csv",
        &[
            "credit_count",
            "credit_minor",
            "debit_count",
            "debit_minor",
            "opening_minor",
            "closing_minor",
        ],
    ),
    (
        "trial_balance",
        "trial_balance.csv",
        &["opening_minor", "debit_minor", "credit_minor", "closing_minor"],
    ),
    (
        "positions",
        "positions.csv",
        &["receive_minor", "pay_minor", "net_minor"],
    ),
    (
        "reserve_lines",
        "reserve/lines.csv",
        &[
            "bank_minor",
            "a1_minor",
            "a2_minor",
            "b1_minor",
            "b2_minor",
            "book_minor",
            "inter_pool_minor",
        ],
    ),
    ("reserve_balances", "reserve/balances.csv", &["balance_minor"]),
    ("reserve_items", "reserve/items.csv", &["amount_minor"]),
    (
        "roll_forward",
        "reserve/roll_forward.csv",
        &["amount_minor", "step"],
    ),
];

/// Checks that hold on every line or sum to nothing: expected is 0, got counts or adds up what does not fit.
const IDENTITIES: &[(&str, &str)] = &[
    (
        "matched: lines of platform rows that occur twice on a leg",
        "SELECT count(*) FROM (SELECT leg, txn_id FROM matched WHERE txn_id IS NOT NULL GROUP BY ALL HAVING count(*) > 1)",
    ),
    (
        "payouts: lines whose sums differ from matched",
        "SELECT count(*) FROM (SELECT merchant_id, currency, type, sum(n) AS n, sum(minor) AS minor FROM settled_by_type \
         GROUP BY ALL) FULL JOIN paid_by_type USING (merchant_id, currency, type) \
         WHERE (n, minor) IS DISTINCT FROM (paid_n, paid_minor)",
    ),
    (
        "payouts: lines whose fee differs from matched and day_fees",
        "SELECT count(*) FROM (SELECT merchant_id, currency, fee_minor FROM payouts WHERE fee_minor <> 0) p FULL JOIN \
         (SELECT merchant_id, currency, sum(fee_minor) AS minor FROM (SELECT merchant_id, currency, fee_minor FROM matched \
         WHERE fee_minor <> 0 UNION ALL SELECT * FROM day_fees) GROUP BY ALL HAVING sum(fee_minor) <> 0) m \
         USING (merchant_id, currency) WHERE fee_minor IS DISTINCT FROM minor",
    ),
    (
        "matched: fees of payments by the columns of the merchant master (R16)",
        "SELECT count(*) FROM matched m JOIN master t USING (merchant_id) WHERE m.txn_type = 'PAYMENT' AND m.fee_minor IS NOT NULL \
         AND t.fee_plan IS NULL AND m.fee_minor <> least(greatest((CAST(m.amount_minor AS HUGEINT) * t.fee_bps + 5000) // 10000, \
         t.fee_min_minor), coalesce(t.fee_max_minor, 9223372036854775807))",
    ),
    (
        "payouts: holds by the merchant master (R11)",
        "SELECT count(*) FROM payouts p JOIN master t USING (merchant_id) \
         WHERE hold_minor <> (CAST(gross_minor AS HUGEINT) * t.hold_bps + 5000) // 10000",
    ),
    (
        "payouts: net formula (SPEC 6.2)",
        "SELECT count(*) FROM payouts WHERE net_minor <> CAST(gross_minor AS HUGEINT) - refund_minor - chargeback_minor \
         + reversal_minor + adjustment_minor - fee_minor + fee_returned_minor - hold_minor + release_minor + split_in_minor - split_out_minor",
    ),
    (
        "payouts: carried = opening + due + manual - payout + returned (R10)",
        "SELECT count(*) FROM payouts WHERE carried_minor <> CAST(opening_minor AS HUGEINT) + due_minor + manual_minor \
         - payout_minor + returned_minor",
    ),
    (
        "payouts: paid exactly where issued, never more than payable",
        "SELECT count(*) FROM payouts WHERE (status = 'issued') <> (payout_minor > 0) OR (status = 'issued') <> (payout_id IS NOT NULL) \
         OR payout_minor < 0 OR (status = 'issued' AND payout_minor <> opening_minor + due_minor + manual_minor)",
    ),
    (
        "accounts: opening + credits - debits = closing (R27)",
        "SELECT count(*) FROM accounts WHERE CAST(opening_minor AS HUGEINT) + credit_minor - debit_minor <> closing_minor",
    ),
    (
        "customers: opening + credits - debits = closing (R21)",
        "SELECT count(*) FROM customers WHERE CAST(opening_minor AS HUGEINT) + credit_minor - debit_minor <> closing_minor",
    ),
    (
        "journal: entries that do not balance",
        "SELECT count(*) FROM (SELECT entry_id, currency FROM journal GROUP BY ALL HAVING sum(debit_minor) <> sum(credit_minor))",
    ),
    (
        "journal: currencies that do not balance",
        "SELECT count(*) FROM (SELECT currency FROM journal GROUP BY ALL HAVING sum(debit_minor) <> sum(credit_minor))",
    ),
    (
        "trial balance: lines whose turnover differs from the journal",
        "SELECT count(*) FROM (SELECT ledger_account, currency, sum(debit_minor) AS debit, sum(credit_minor) AS credit FROM journal \
         GROUP BY ALL) j FULL JOIN trial_balance t USING (ledger_account, currency) \
         WHERE coalesce(debit, 0) IS DISTINCT FROM t.debit_minor OR coalesce(credit, 0) IS DISTINCT FROM t.credit_minor",
    ),
    (
        "trial balance: opening + debit - credit = closing",
        "SELECT count(*) FROM trial_balance WHERE CAST(opening_minor AS HUGEINT) + debit_minor - credit_minor <> closing_minor",
    ),
    (
        "trial balance: currencies whose balances do not add up to 0",
        "SELECT count(*) FROM (SELECT currency FROM trial_balance GROUP BY ALL HAVING sum(closing_minor) <> 0 OR sum(opening_minor) <> 0)",
    ),
    (
        "trial balance: reserve accounts differ from accounts.csv",
        "SELECT count(*) FROM accounts a LEFT JOIN trial_balance t ON t.ledger_account = 'assets:bank:' || a.account \
         AND t.currency = a.currency WHERE a.kind = 'reserve' AND (coalesce(t.opening_minor, 0), coalesce(t.closing_minor, 0)) \
         IS DISTINCT FROM (a.opening_minor, a.closing_minor)",
    ),
    (
        "positions: net = receive - pay, and 0 over all per window and currency (R39)",
        "SELECT (SELECT count(*) FROM positions WHERE receive_minor - pay_minor <> net_minor) + (SELECT count(*) FROM \
         (SELECT \"window\", currency FROM positions GROUP BY ALL HAVING sum(net_minor) <> 0))",
    ),
    (
        "reserve: lines on which bank + A1 - A2 - B1 + B2 is not book",
        "SELECT count(*) FROM reserve_lines WHERE account <> '(inter-pool)' \
         AND bank_minor + a1_minor - a2_minor - b1_minor + b2_minor <> book_minor",
    ),
    (
        "reserve: roll-forwards whose terms do not lead from opening to closing",
        "SELECT count(*) FROM (SELECT pool, currency, figure FROM roll_forward GROUP BY ALL \
         HAVING sum(CASE WHEN step = 99 THEN -amount_minor ELSE amount_minor END) <> 0)",
    ),
    (
        "csv and parquet: payouts, breaks, customers, journal hold the same rows",
        "SELECT (SELECT count(*) FROM csv('payouts.csv')) + (SELECT count(*) FROM csv('breaks.csv')) + (SELECT count(*) FROM \
         csv('customers.csv')) + (SELECT count(*) FROM csv('journal.csv')) - (SELECT count(*) FROM payouts) - (SELECT count(*) \
         FROM breaks) - (SELECT count(*) FROM customers) - (SELECT count(*) FROM journal)",
    ),
];

/// Figures of reserve.json that are sums over the tables of `reserve/`.
const RESERVE: [(&str, &str); 11] = [
    (
        "balances",
        "SELECT sum(greatest(balance_minor, 0)) FROM reserve_balances",
    ),
    (
        "R_neg",
        "SELECT sum(greatest(-balance_minor, 0)) FROM reserve_balances",
    ),
    (
        "U",
        "SELECT sum(amount_minor) FILTER (figure = 'U') FROM reserve_items",
    ),
    (
        "P",
        "SELECT sum(amount_minor) FILTER (figure = 'P') FROM reserve_items",
    ),
    (
        "F",
        "SELECT sum(amount_minor) FILTER (figure = 'F') FROM reserve_items",
    ),
    (
        "A1",
        "SELECT sum(amount_minor) FILTER (class = 'A1') FROM reserve_items",
    ),
    (
        "A2",
        "SELECT sum(amount_minor) FILTER (class = 'A2') FROM reserve_items",
    ),
    (
        "B1",
        "SELECT sum(amount_minor) FILTER (class = 'B1') FROM reserve_items",
    ),
    (
        "B2",
        "SELECT sum(amount_minor) FILTER (class = 'B2') FROM reserve_items",
    ),
    ("S_bank", "SELECT sum(bank_minor) FROM reserve_lines"),
    ("S_book", "SELECT sum(book_minor) FROM reserve_lines"),
];

/// Figures that follow from others of the same pool (R1).
const RESERVE_FORMULAS: [(&str, &str); 5] = [
    ("R", "balances + U + P + F"),
    ("C", "S_bank + S_other - balances - U - P - F"),
    ("C_strict", "S_bank - balances - U - P - F"),
    (
        "shortfall",
        "greatest(0, -(S_bank + S_other - balances - U - P - F))",
    ),
    ("unexplained", "0"),
];

/// The SQL of `audit/check.sql`.
pub fn check_sql(audited: &Audited<'_>) -> String {
    let day = &audited.day;
    let mut sql = Sql::default();
    sql.line(&format!(
        "-- {} {}, close {}: every published total worked out again from the files of this close.",
        comment(&day.settings.institution.id),
        day.business_date,
        day.sequence
    ));
    sql.line("-- Run in the folder of the close: duckdb -c \".read audit/check.sql\". Every line must end in true.");
    sql.line(TABLES);
    for (view, path, columns) in TYPED {
        sql.typed_view(view, path, columns);
    }
    sql.currencies(day.settings);
    sql.decimals();
    sql.by_type();
    sql.master(audited.merchants_file);
    sql.day_fees(day);
    sql.line("CREATE OR REPLACE TABLE audit (name VARCHAR, expected HUGEINT, got HUGEINT);");
    for (name, query) in IDENTITIES {
        sql.check(name, 0, query);
    }
    sql.payouts(audited);
    sql.breaks(day);
    sql.tables(audited);
    sql.reserve(day);
    sql.ids(day);
    sql.line(
        "SELECT name, expected, got, expected IS NOT DISTINCT FROM got AS ok FROM audit ORDER BY ok, name;",
    );
    sql.text
}

/// The SQL of `audit/inputs.sql`: sums of canonical bank files in CSV, from the inbox, against what was published.
pub fn inputs_sql(audited: &Audited<'_>) -> String {
    let day = &audited.day;
    let mut sql = Sql::default();
    sql.line("-- Adds up the delivered bank files again: canonical CSV in UTF-8, also .gz and .zst; archives, other");
    sql.line("-- formats and files with refused rows are left to `tieout verify --replay`. Run in the folder of the close, as");
    sql.line(
        "-- check.sql; where the inbox lies elsewhere: SET VARIABLE inbox = '/path/to/inbox/DATE' first.",
    );
    sql.line(&format!(
        "SET VARIABLE inbox = coalesce(getvariable('inbox'), '../../../inbox/{}');",
        day.business_date
    ));
    let plain = day.settings.sources.iter().filter(|source| {
        source.role == Role::Bank
            && source.format == "canonical"
            && source.account.is_none()
            && source.encoding.is_none()
    });
    let names: Vec<String> = plain.map(|source| text(&source.name)).collect();
    let listed = if names.is_empty() {
        "''".to_owned()
    } else {
        names.join(", ")
    };
    sql.line("CREATE OR REPLACE TABLE delivered AS SELECT unnest(inputs, recursive := false) AS i FROM read_json('manifest.json',");
    sql.line("  columns = {inputs: 'STRUCT(\"name\" VARCHAR, \"role\" VARCHAR, \"source\" VARCHAR, sha256 VARCHAR, credit_minor MAP(VARCHAR, VARCHAR), debit_minor MAP(VARCHAR, VARCHAR))[]'});");
    sql.line("CREATE OR REPLACE TABLE refused AS SELECT DISTINCT file FROM read_csv('rejects.csv', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"');");
    sql.line(&format!(
        "CREATE OR REPLACE VIEW bank_files AS SELECT i.name AS name, i.sha256 AS sha256, i.credit_minor AS credit_minor, i.debit_minor AS debit_minor, \
         i.source IN ({listed}) AND regexp_matches(i.name, '[.]csv([.](gz|zst))?$') AND NOT contains(i.name, '!') \
         AND i.name NOT IN (SELECT file FROM refused) AS plain \
         FROM delivered WHERE i.role = 'bank';"
    ));
    sql.line("SET VARIABLE files = (SELECT list_concat(['audit/bank_columns.csv'], coalesce(list(getvariable('inbox') || '/' || name), [])) FROM bank_files WHERE plain);");
    let places: Vec<String> = currencies(day.settings)
        .iter()
        .map(|currency| format!("({}, {})", text(currency.code()), power_of_ten(currency.digits())))
        .collect();
    sql.line(&format!(
        "CREATE OR REPLACE TABLE scales AS SELECT * FROM (VALUES {}) s(currency, scale);",
        places.join(", ")
    ));
    sql.line("CREATE OR REPLACE VIEW bank_rows AS SELECT filename, currency, direction, account,");
    sql.line("  CAST(CAST(amount AS DECIMAL(38, 4)) * scale AS HUGEINT) AS minor");
    sql.line("  FROM read_csv(getvariable('files'), header = true, all_varchar = true, union_by_name = true, filename = true,");
    sql.line("    delim = ',', quote = '\"', escape = '\"', nullstr = '') JOIN scales USING (currency);");
    sql.line("CREATE OR REPLACE TABLE audit (name VARCHAR, expected HUGEINT, got HUGEINT);");
    for (side, direction) in [("credit", "C"), ("debit", "D")] {
        for currency in currencies(day.settings) {
            let code = currency.code();
            sql.line(&format!(
                "INSERT INTO audit SELECT 'inbox {side}s {code}: ' || name, CAST(coalesce({side}_minor['{code}'], '0') AS HUGEINT), \
                 (SELECT coalesce(sum(minor), 0) FROM bank_rows WHERE filename = getvariable('inbox') || '/' || name \
                 AND currency = '{code}' AND direction = '{direction}') FROM bank_files WHERE plain;"
            ));
        }
    }
    sql.line("-- By account, where all bank files were read above and none was delivered twice.");
    for account in day.accounts {
        let named = &day.settings.accounts[account.account];
        // By its number, or by its id where that is no other account's number (R27).
        let accounts = &day.settings.accounts;
        let is_number = accounts
            .iter()
            .any(|other| other.numbers().any(|number| number == named.id));
        let id = Some(named.id.as_str()).filter(|_| !is_number);
        let names: Vec<String> = named.numbers().chain(id).map(text).collect();
        let names = if names.is_empty() {
            "''".to_owned()
        } else {
            names.join(", ")
        };
        // One number may be that of accounts in several currencies.
        let code = named.currency.code();
        for (side, direction, minor) in [
            ("credit", "C", account.credit_minor),
            ("debit", "D", account.debit_minor),
        ] {
            sql.line(&format!(
                "INSERT INTO audit SELECT {}, {minor}, (SELECT coalesce(sum(minor), 0) FROM bank_rows WHERE account IN ({names}) \
                 AND currency = '{code}' AND direction = '{direction}') FROM bank_files HAVING bool_and(plain) AND count(DISTINCT sha256) = count(*);",
                text(&format!("accounts {side}_minor {}", named.id)),
            ));
        }
    }
    sql.line(
        "SELECT name, expected, got, expected IS NOT DISTINCT FROM got AS ok FROM audit ORDER BY ok, name;",
    );
    sql.text
}

/// A text as an SQL literal.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A text that may stand in a comment: one line.
fn comment(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

fn currencies(settings: &Settings) -> Vec<Currency> {
    let mut currencies: Vec<Currency> = settings.accounts.iter().map(|account| account.currency).collect();
    currencies.push(settings.institution.base_currency);
    currencies.sort_by(|a, b| a.code().cmp(b.code()));
    currencies.dedup();
    currencies
}

fn power_of_ten(digits: u32) -> String {
    format!("1{}", "0".repeat(digits as usize))
}

/// One minor unit as a decimal literal: 2 digits are `0.0100`.
fn unit(digits: u32) -> String {
    let digits = digits as usize;
    if digits == 0 {
        return "1.0000".to_owned();
    }
    format!(
        "0.{}1{}",
        "0".repeat(digits - 1),
        "0".repeat(4_usize.saturating_sub(digits))
    )
}

#[derive(Default)]
struct Sql {
    text: String,
}

impl Sql {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn check(&mut self, name: &str, expected: i128, query: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.text,
            "INSERT INTO audit SELECT {}, {expected}, coalesce(({query}), 0);",
            text(name)
        );
    }

    fn typed_view(&mut self, view: &str, path: &str, columns: &[&str]) {
        let casts: Vec<String> = columns
            .iter()
            .map(|column| format!("CAST({column} AS HUGEINT) AS {column}"))
            .collect();
        self.line(&format!(
            "CREATE OR REPLACE VIEW {view} AS SELECT * REPLACE ({}) FROM csv('{path}');",
            casts.join(", ")
        ));
    }

    fn currencies(&mut self, settings: &Settings) {
        let values: Vec<String> = currencies(settings)
            .iter()
            .map(|currency| {
                format!(
                    "({}, CAST({} AS DECIMAL(10, 4)))",
                    text(currency.code()),
                    unit(currency.digits())
                )
            })
            .collect();
        self.line("-- One minor unit of each currency as a decimal.");
        self.line(&format!(
            "CREATE OR REPLACE TABLE currencies AS SELECT * FROM (VALUES {}) c(currency, unit);",
            values.join(", ")
        ));
    }

    fn decimals(&mut self) {
        self.line("-- The tables with decimals instead of minor units.");
        for (table, columns) in DECIMALS {
            let amounts: Vec<String> = columns
                .iter()
                .map(|column| {
                    format!(
                        "CAST({column} AS DECIMAL(28, 0)) * unit AS {}",
                        column.replace("_minor", "")
                    )
                })
                .collect();
            self.line(&format!(
                "CREATE OR REPLACE VIEW {table}_decimal AS SELECT * EXCLUDE (unit, {}), {} FROM {table} JOIN currencies USING (currency);",
                columns.join(", "),
                amounts.join(", "),
            ));
        }
    }

    fn by_type(&mut self) {
        self.line(
            "-- Rows that settled in this close: the line that completes a settlement carries the fee (R41).",
        );
        self.line(
            "CREATE OR REPLACE VIEW settled_by_type AS SELECT merchant_id, currency, txn_type AS type, 1 AS n, amount_minor AS minor \
             FROM matched WHERE fee_minor IS NOT NULL AND merchant_id IS NOT NULL;",
        );
        let lines: Vec<String> = BY_TYPE
            .iter()
            .map(|(name, count, minor)| {
                format!("SELECT merchant_id, currency, '{name}' AS type, {count} AS paid_n, {minor} AS paid_minor FROM payouts WHERE {count} <> 0")
            })
            .collect();
        self.line(&format!(
            "CREATE OR REPLACE VIEW paid_by_type AS {};",
            lines.join(" UNION ALL ")
        ));
    }

    fn master(&mut self, file: &str) {
        let read = if file.ends_with(".parquet") {
            format!("read_parquet({})", text(file))
        } else {
            format!("csv({})", text(file))
        };
        self.line(&format!(
            "CREATE OR REPLACE VIEW master AS SELECT merchant_id, CAST(fee_bps AS HUGEINT) AS fee_bps, CAST(fee_min_minor AS HUGEINT) AS \
             fee_min_minor, CAST(nullif(CAST(fee_max_minor AS VARCHAR), '') AS HUGEINT) AS fee_max_minor, CAST(hold_bps AS HUGEINT) AS hold_bps, \
             nullif(fee_plan, '') AS fee_plan FROM (SELECT CAST(NULL AS VARCHAR) AS fee_plan WHERE false UNION ALL BY NAME SELECT * FROM {read});"
        ));
    }

    /// Fees charged once a day: what a line's fee is above the fees of its rows.
    fn day_fees(&mut self, day: &Day<'_>) {
        self.line("-- Fees that plans charge once on a day's gross.");
        self.line(
            "CREATE OR REPLACE TABLE day_fees (merchant_id VARCHAR, currency VARCHAR, fee_minor BIGINT);",
        );
        for line in day.payouts {
            let minor = line.fee_minor - line.sums.fee_minor;
            if minor != 0 {
                self.line(&format!(
                    "INSERT INTO day_fees VALUES ({}, {}, {minor});",
                    text(&day.merchants.get(line.sums.merchant).id),
                    text(line.sums.currency.code()),
                ));
            }
        }
    }

    fn payouts(&mut self, audited: &Audited<'_>) {
        let mut totals: BTreeMap<&str, ([i128; 10], [i128; 7])> = BTreeMap::new();
        for line in audited.day.payouts {
            let (settled, other) = totals.entry(line.sums.currency.code()).or_default();
            let s = &line.sums;
            let figures = [
                (s.payment_count, s.gross_minor),
                (s.refund_count, s.refund_minor),
                (s.chargeback_count, s.chargeback_minor),
                (s.reversal_count, s.reversal_minor),
                (s.adjustment_count, s.adjustment_minor),
            ];
            for (index, (count, minor)) in figures.into_iter().enumerate() {
                settled[index * 2] += i128::from(count);
                settled[index * 2 + 1] += minor;
            }
            let sums = [
                line.fee_minor,
                line.hold_minor,
                line.net_minor,
                line.due_minor,
                line.payout_minor,
                line.carried_minor,
            ];
            for (total, minor) in other.iter_mut().zip(sums) {
                *total += minor;
            }
            other[6] += i128::from(line.payout_id.is_some());
        }
        for (currency, (settled, other)) in &totals {
            for (index, (name, count, minor)) in BY_TYPE.iter().enumerate() {
                let rows = format!("FROM settled_by_type WHERE currency = '{currency}' AND type = '{name}'");
                self.check(
                    &format!("payouts.{count} {currency} from matched"),
                    settled[index * 2],
                    &format!("SELECT count(*) {rows}"),
                );
                self.check(
                    &format!("payouts.{minor} {currency} from matched"),
                    settled[index * 2 + 1],
                    &format!("SELECT sum(minor) {rows}"),
                );
            }
            self.check(
                &format!("payouts.fee_minor {currency} from matched and day_fees"),
                other[0],
                &format!("SELECT sum(fee_minor) FROM (SELECT fee_minor, currency FROM matched UNION ALL SELECT fee_minor, currency FROM day_fees) WHERE currency = '{currency}'"),
            );
            for (column, expected) in ["hold", "net", "due", "payout", "carried"]
                .into_iter()
                .zip(&other[1..6])
            {
                self.check(
                    &format!("payouts.{column}_minor {currency}"),
                    *expected,
                    &format!("SELECT sum({column}_minor) FROM payouts WHERE currency = '{currency}'"),
                );
            }
            self.check(
                &format!("payouts issued {currency}"),
                other[6],
                &format!("SELECT count(*) FROM payouts WHERE currency = '{currency}' AND status = 'issued'"),
            );
            let (count, sum_minor) = audited
                .clearing
                .iter()
                .filter(|file| file.currency == *currency)
                .fold((0, 0), |(count, sum), file| {
                    (count + i128::from(file.count), sum + file.sum_minor)
                });
            let issued = format!("FROM payouts WHERE currency = '{currency}' AND status = 'issued'");
            self.check(
                &format!("clearing control totals {currency}: payments"),
                count,
                &format!("SELECT count(*) {issued}"),
            );
            self.check(
                &format!("clearing control totals {currency}: sum"),
                sum_minor,
                &format!("SELECT sum(payout_minor) {issued}"),
            );
        }
        for file in audited.clearing {
            self.clearing_file(file);
        }
    }

    /// The control totals that stand in a file a bank takes.
    fn clearing_file(&mut self, file: &ClearingFile) {
        let path = format!("clearing/{}", file.name);
        let (count, sum) = if file.name.ends_with(".csv") {
            ("TOTAL,([0-9]+),", "TOTAL,[0-9]+,,,,[A-Z]+,([0-9.]+),")
        } else {
            ("<NbOfTxs>([0-9]+)</NbOfTxs>", "<CtrlSum>([0-9.]+)</CtrlSum>")
        };
        self.check(
            &format!("{path}: payments"),
            i128::from(file.count),
            &format!(
                "SELECT CAST(regexp_extract(content, '{count}', 1) AS HUGEINT) FROM read_text({})",
                text(&path)
            ),
        );
        self.check(
            &format!("{path}: sum"),
            file.sum_minor,
            &format!(
                "SELECT CAST(CAST(regexp_extract(content, '{sum}', 1) AS DECIMAL(38, 4)) / unit AS HUGEINT) FROM read_text({}), currencies WHERE currency = {}",
                text(&path),
                text(&file.currency),
            ),
        );
    }

    fn breaks(&mut self, day: &Day<'_>) {
        let mut classes: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
        for line in day.breaks {
            let (count, overdue) = classes.entry(line.class).or_default();
            *count += 1;
            *overdue += i128::from(line.overdue);
        }
        for (class, (count, overdue)) in classes {
            let rows = format!("FROM breaks WHERE class = '{class}'");
            self.check(
                &format!("breaks {class}"),
                count,
                &format!("SELECT count(*) {rows}"),
            );
            self.check(
                &format!("breaks {class} overdue"),
                overdue,
                &format!(
                    "SELECT count(*) {rows} AND date_diff('day', first_seen, DATE '{}') > {}",
                    day.business_date, day.settings.policy.max_age_days
                ),
            );
        }
        self.check(
            "breaks in all",
            day.breaks.len() as i128,
            "SELECT count(*) FROM breaks",
        );
        self.check(
            "breaks resolved",
            day.resolved.len() as i128,
            "SELECT count(*) FROM csv('resolved.csv')",
        );
    }

    fn tables(&mut self, audited: &Audited<'_>) {
        let mut sums: BTreeMap<(&str, &str, &str), i128> = BTreeMap::new();
        let mut add =
            |table, column, currency, minor| *sums.entry((table, column, currency)).or_default() += minor;
        for line in audited.day.accounts {
            let code = audited.day.settings.accounts[line.account].currency.code();
            add("accounts", "opening_minor", code, line.opening_minor);
            add("accounts", "credit_minor", code, line.credit_minor);
            add("accounts", "debit_minor", code, line.debit_minor);
            add("accounts", "closing_minor", code, line.closing_minor);
        }
        // The long tables are added up by currency first: a line then asks for one sum by a number.
        let mut customers: BTreeMap<Currency, [i128; 4]> = BTreeMap::new();
        for line in audited.customers {
            let sums = customers.entry(line.currency).or_default();
            let figures = [
                line.opening_minor,
                line.credit_minor,
                line.debit_minor,
                line.closing_minor,
            ];
            sums.iter_mut()
                .zip(figures)
                .for_each(|(sum, minor)| *sum += minor);
        }
        for (currency, sums) in customers {
            let columns = ["opening_minor", "credit_minor", "debit_minor", "closing_minor"];
            for (column, minor) in columns.into_iter().zip(sums) {
                add("customers", column, currency.code(), minor);
            }
        }
        let mut journal: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
        for run in audited.journal.by_account() {
            let sums = journal.entry(audited.journal.currency(run.start)).or_default();
            let [debit_minor, credit_minor] = audited.journal.turnover(run);
            sums[0] += debit_minor;
            sums[1] += credit_minor;
        }
        for (currency, [debit, credit]) in journal {
            add("journal", "debit_minor", currency.code(), debit);
            add("journal", "credit_minor", currency.code(), credit);
        }
        for line in audited.trial_balance {
            add(
                "trial_balance",
                "debit_minor",
                line.currency.code(),
                line.debit_minor,
            );
            add(
                "trial_balance",
                "credit_minor",
                line.currency.code(),
                line.credit_minor,
            );
        }
        for ((table, column, currency), minor) in sums {
            self.check(
                &format!("{table}.{column} {currency}"),
                minor,
                &format!("SELECT sum({column}) FROM {table} WHERE currency = '{currency}'"),
            );
        }
    }

    fn reserve(&mut self, day: &Day<'_>) {
        for pool in day.pools {
            let of = format!(
                "pool = {} AND currency = '{}'",
                text(&pool.pool),
                pool.currency.code()
            );
            let name = |figure: &str| format!("reserve {figure} {} {}", pool.pool, pool.currency.code());
            for (figure, query) in RESERVE {
                self.check(&name(figure), pool.get(figure), &format!("{query} WHERE {of}"));
            }
            let figures: Vec<String> = RESERVE
                .iter()
                .map(|(figure, query)| format!("coalesce(({query} WHERE {of}), 0) AS {figure}"))
                .collect();
            for (figure, formula) in RESERVE_FORMULAS {
                self.check(
                    &name(figure),
                    pool.get(figure),
                    &format!(
                        "SELECT {formula} FROM (SELECT {}, CAST({} AS HUGEINT) AS S_other)",
                        figures.join(", "),
                        pool.get("S_other")
                    ),
                );
            }
            self.check(
                &name("own_money"),
                pool.get("own_money"),
                &format!("SELECT sum(amount_minor) FROM roll_forward WHERE figure = 'own_money' AND step = 99 AND {of}"),
            );
        }
    }

    fn ids(&mut self, day: &Day<'_>) {
        self.line("-- Ids are made of content: R12 and R30.");
        self.check(
            "payouts: ids that are not of this merchant, currency and day (R12)",
            0,
            &format!(
                "SELECT count(*) FROM payouts WHERE payout_id IS NOT NULL AND payout_id <> substr(sha256(concat_ws(chr(10), \
                 'tieout/payout/v1', {}, merchant_id, currency, '{}', '1', '')), 1, 32)",
                text(&day.settings.institution.id),
                day.business_date,
            ),
        );
        // A batch without an entry has its currency in its id where that is not the base currency.
        let of_batches = day
            .settings
            .legs
            .iter()
            .filter(|leg| leg.kind == LegKind::ChannelBank);
        let mut of_batches: Vec<String> = of_batches.map(|leg| text(&leg.name)).collect();
        of_batches.push("''".to_owned());
        let is_lump = format!(
            "txn_id IS NULL AND account IS NULL AND currency <> {} AND leg IN ({})",
            text(day.settings.institution.base_currency.code()),
            of_batches.join(", ")
        );
        self.check(
            "breaks: ids that are not of these rows (R30)",
            0,
            &format!("SELECT count(*) FROM breaks WHERE break_id <> substr(sha256(concat_ws(chr(10), 'tieout/break/v1', leg, coalesce(bank_ref, ''), \
             coalesce(txn_id, ''), coalesce(account, ''), coalesce(entry_id, ''), CASE WHEN entry_type <> 'PAYMENT' OR coalesce(refund_ref, '') <> '' THEN entry_type END, \
             CASE WHEN entry_type <> 'PAYMENT' OR coalesce(refund_ref, '') <> '' THEN coalesce(refund_ref, '') END, CASE WHEN {is_lump} THEN currency END, '')), 1, 32)"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::Sample;

    fn sql_of(day: Day<'_>) -> String {
        let audited = Audited {
            day,
            customers: &[],
            journal: &JournalLines::default(),
            trial_balance: &[],
            clearing: &[],
            merchants_file: "book/merchants.csv",
        };
        check_sql(&audited) + &inputs_sql(&audited)
    }

    #[test]
    fn published_totals_stand_in_it_and_names_of_inputs_do_not() {
        let sample = Sample::of_the_day();
        let day = sample.day();
        let sql = sql_of(day);
        let paid: i128 = day.payouts.iter().map(|line| line.payout_minor).sum();
        assert!(
            sql.contains(&format!("SELECT 'payouts.payout_minor CNY', {paid},")),
            "{sql}"
        );
        assert!(sql.contains(&format!("SELECT 'breaks in all', {},", day.breaks.len())));
        for input in day.inputs {
            assert!(
                !sql.contains(&input.name),
                "{} would tie the seal to the split of files (R32)",
                input.name
            );
        }
        assert_ne!(
            sql_of(Day {
                payouts: &day.payouts[1..],
                ..day
            }),
            sql
        );
    }

    #[test]
    fn accounts_are_added_up_by_every_name_that_is_theirs() {
        let sample = Sample::of_the_day();
        let day = sample.day();
        // How inputs.sql knows the rows of the second account, by its id and number.
        let check = |id: &str, number: Option<&str>, names: &str| {
            let mut settings = day.settings.clone();
            settings.accounts[1].id = id.to_owned();
            settings.accounts[1].number = number.map(str::to_owned);
            let sql = sql_of(Day {
                settings: &settings,
                ..day
            });
            for (side, minor, direction) in [("credit", 100_000, 'C'), ("debit", 0, 'D')] {
                let of = |at: usize, id: &str, names: &str| {
                    let code = settings.accounts[at].currency.code();
                    let name = text(&format!("accounts {side}_minor {id}"));
                    format!(
                        "INSERT INTO audit SELECT {name}, {minor}, (SELECT coalesce(sum(minor), 0) FROM bank_rows \
                         WHERE account IN ({names}) AND currency = '{code}' AND direction = '{direction}')"
                    )
                };
                assert!(sql.contains(&of(1, id, names)), "{sql}");
                assert!(sql.contains(&of(0, "RA1", "'6222000000000001', 'RA1'")), "{sql}");
            }
        };
        check("RA2", Some("DE89"), "'DE89', 'RA2'");
        check("RA2", None, "'RA2'");
        // An id that is another account's number names that one (R27).
        check("6222000000000001", Some("DE89"), "'DE89'");
        check("6222000000000001", None, "''");
        check("O'Hara", Some("DE89"), "'DE89', 'O''Hara'");
    }

    #[test]
    fn files_with_refused_rows_are_left_to_a_replay() {
        let sql = sql_of(Sample::of_the_day().day());
        assert!(sql.contains(
            "CREATE OR REPLACE TABLE refused AS SELECT DISTINCT file FROM read_csv('rejects.csv',"
        ));
        assert!(
            sql.contains("AND i.name NOT IN (SELECT file FROM refused) AS plain"),
            "{sql}"
        );
    }

    #[test]
    fn texts_cannot_leave_their_literal() {
        assert_eq!(text("O'Hara; --"), "'O''Hara; --'");
        assert_eq!(comment("A\nDROP TABLE audit;"), "ADROP TABLE audit;");
    }

    #[test]
    fn one_minor_unit_by_digits() {
        for (digits, expected) in [(0, "1.0000"), (2, "0.0100"), (3, "0.0010"), (4, "0.0001")] {
            assert_eq!(unit(digits), expected);
        }
        assert_eq!(power_of_ten(3), "1000");
    }
}
