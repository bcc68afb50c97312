//! The journal for other people's tools: hledger, Beancount, CSV (SPEC §9 `export`).
//!
//! In: the ledger balances before the first day, and journals of days in order. Out: text. Amounts are decimals with
//! all digits of the currency. Account depth is that of `ledger_account`, so `hledger bal` shows the trial balance;
//! the obligee is a tag. Characters that a tool reads as its own syntax are written as `%` (Beancount accounts: `-`)
//! and their hexadecimal bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::day::state::LedgerBalance;
use crate::ledger::journal::JournalLine;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money::format_minor;

/// A journal that `hledger check --strict` accepts. `opening` is dated the day before the first journal.
pub fn export_hledger(opening: &[LedgerBalance], days: &[(Date, Vec<JournalLine>)]) -> String {
    let mut text = String::from("decimal-mark .\n\n");
    for currency in currencies(opening, days) {
        // hledger asks for a decimal mark in this directive, also where a currency has no decimals.
        let sample = format_minor(1000 * 10i128.pow(currency.digits()), currency.digits());
        let dot = if currency.digits() == 0 { "." } else { "" };
        line(&mut text, format_args!("commodity {sample}{dot} {currency}"));
    }
    for account in accounts(opening, days) {
        line(
            &mut text,
            format_args!("account {}", escape(account, '%', is_plain_in_hledger)),
        );
    }
    for transaction in transactions(opening, days) {
        let code = if transaction.entry_id.is_empty() {
            String::new()
        } else {
            format!("({}) ", transaction.entry_id)
        };
        line(
            &mut text,
            format_args!("\n{} {code}{}", transaction.date, transaction.kind),
        );
        if !transaction.obligee_id.is_empty() {
            let obligee = escape(transaction.obligee_id, '%', is_plain_in_hledger);
            line(&mut text, format_args!("    ; obligee:{obligee}"));
        }
        for (account, currency, amount) in &transaction.sides {
            let account = escape(account, '%', is_plain_in_hledger);
            line(
                &mut text,
                format_args!(
                    "    {account}  {} {currency}",
                    format_minor(*amount, currency.digits())
                ),
            );
        }
    }
    text
}

/// The same for Beancount.
pub fn export_beancount(opening: &[LedgerBalance], days: &[(Date, Vec<JournalLine>)]) -> String {
    let transactions = transactions(opening, days);
    let first = transactions
        .first()
        .map_or(Date(0), |transaction| transaction.date);
    let mut text = String::new();
    for currency in currencies(opening, days) {
        line(
            &mut text,
            format_args!("option \"operating_currency\" \"{currency}\""),
        );
    }
    for account in accounts(opening, days) {
        line(
            &mut text,
            format_args!("{first} open {}", beancount_account(account)),
        );
    }
    for transaction in transactions {
        line(
            &mut text,
            format_args!("\n{} * \"{}\"", transaction.date, transaction.kind),
        );
        for (key, value) in [
            ("entry_id", transaction.entry_id),
            ("obligee", transaction.obligee_id),
        ] {
            if !value.is_empty() {
                let value = escape(value, '%', |c| !c.is_control() && !matches!(c, '"' | '\\' | '%'));
                line(&mut text, format_args!("  {key}: \"{value}\""));
            }
        }
        for (account, currency, amount) in &transaction.sides {
            let account = beancount_account(account);
            line(
                &mut text,
                format_args!(
                    "  {account}  {} {currency}",
                    format_minor(*amount, currency.digits())
                ),
            );
        }
    }
    text
}

/// One row per journal line: the columns of R43 after the date, amounts as decimals. Opening balances are rows of
/// kind `opening`, dated the day before the first journal.
pub fn export_csv(opening: &[LedgerBalance], days: &[(Date, Vec<JournalLine>)]) -> String {
    let mut text = String::from("date,entry_id,ledger_account,obligee_id,currency,kind,debit,credit\n");
    for transaction in transactions(opening, days) {
        for (account, currency, amount) in &transaction.sides {
            line(
                &mut text,
                format_args!(
                    "{},{},{},{},{currency},{},{},{}",
                    transaction.date,
                    transaction.entry_id,
                    quoted(account),
                    quoted(transaction.obligee_id),
                    transaction.kind,
                    format_minor((*amount).max(0), currency.digits()),
                    format_minor((-amount).max(0), currency.digits()),
                ),
            );
        }
    }
    text
}

struct Transaction<'a> {
    date: Date,
    entry_id: &'a str,
    kind: &'a str,
    obligee_id: &'a str,
    sides: Vec<(&'a str, Currency, i128)>,
}

fn transactions<'a>(
    opening: &'a [LedgerBalance],
    days: &'a [(Date, Vec<JournalLine>)],
) -> Vec<Transaction<'a>> {
    let mut all = Vec::new();
    if let (Some((first, _)), false) = (days.first(), opening.is_empty()) {
        all.push(Transaction {
            date: first.plus_days(-1),
            entry_id: "",
            kind: "opening",
            obligee_id: "",
            sides: opening
                .iter()
                .map(|b| (b.ledger_account.as_str(), b.currency, i128::from(b.balance_minor)))
                .collect(),
        });
    }
    for (date, lines) in days {
        let mut lines: Vec<&JournalLine> = lines.iter().collect();
        lines.sort_by(|a, b| {
            (a.currency, &a.obligee_id, a.kind, &a.entry_id, &a.ledger_account).cmp(&(
                b.currency,
                &b.obligee_id,
                b.kind,
                &b.entry_id,
                &b.ledger_account,
            ))
        });
        for entry in lines.chunk_by(|a, b| a.entry_id == b.entry_id) {
            all.push(Transaction {
                date: *date,
                entry_id: &entry[0].entry_id,
                kind: entry[0].kind,
                obligee_id: &entry[0].obligee_id,
                sides: entry
                    .iter()
                    .map(|l| (&*l.ledger_account, l.currency, l.debit_minor - l.credit_minor))
                    .collect(),
            });
        }
    }
    all
}

fn currencies(opening: &[LedgerBalance], days: &[(Date, Vec<JournalLine>)]) -> BTreeSet<Currency> {
    let journal = days.iter().flat_map(|(_, lines)| lines).map(|line| line.currency);
    opening
        .iter()
        .map(|balance| balance.currency)
        .chain(journal)
        .collect()
}

fn accounts<'a>(opening: &'a [LedgerBalance], days: &'a [(Date, Vec<JournalLine>)]) -> BTreeSet<&'a str> {
    let journal = days
        .iter()
        .flat_map(|(_, lines)| lines)
        .map(|line| &*line.ledger_account);
    opening
        .iter()
        .map(|balance| balance.ledger_account.as_str())
        .chain(journal)
        .collect()
}

fn is_plain_in_hledger(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ':' | '.' | '-' | '_' | '/' | '@')
}

/// `assets:bank:RA1` is `Assets:Bank:RA1` in Beancount: each part begins with a capital or a digit, and holds
/// ASCII letters, digits and dashes.
fn beancount_account(account: &str) -> String {
    let part = |part: &str| {
        let mut escaped = escape(part, '-', |c| c.is_ascii_alphanumeric() || c == '-');
        match escaped.get_mut(..1) {
            Some(first) if first != "-" => first.make_ascii_uppercase(),
            _ => escaped.insert(0, 'X'),
        }
        escaped
    };
    account.split(':').map(part).collect::<Vec<_>>().join(":")
}

fn escape(text: &str, mark: char, plain: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) {
            escaped.push(c);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            piece(&mut escaped, format_args!("{mark}{byte:02X}"));
        }
    }
    escaped
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    piece(text, content);
    text.push('\n');
}

fn piece(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let written = text.write_fmt(content);
    assert!(written.is_ok(), "text is written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::Basis;
    use crate::ledger::testing::{World, day_one};
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn some_days() -> (Vec<(Date, Vec<JournalLine>)>, Vec<crate::ledger::TrialLine>) {
        let mut world = World::new(20261120);
        let mut days = Vec::new();
        let mut last = Vec::new();
        for n in 0..6 {
            let date = day_one().plus_days(n);
            let (_, journal, ..) = world.day(date, Basis::Received);
            days.push((date, journal.lines.to_lines()));
            last = journal.trial_balance;
        }
        (days, last)
    }

    /// What hledger prints for `arguments`, or `None` where it is not installed.
    fn hledger(journal: &str, arguments: &[&str]) -> Option<String> {
        let started = Command::new("hledger")
            .args(["-f", "-"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            println!("skipped: hledger is not on PATH");
            return None;
        };
        child.stdin.take().unwrap().write_all(journal.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn hledger_accepts_the_journal_and_shows_the_trial_balance() {
        let (days, trial_balance) = some_days();
        // From zero, and from balances brought forward: the second is cut after its first day.
        let text = export_hledger(&[], &days);
        if hledger(&text, &["check", "--strict"]).is_none() {
            return;
        }
        let shown = hledger(
            &text,
            &["balance", "--flat", "--no-total", "--layout=bare", "-O", "csv"],
        )
        .unwrap();
        let mut expected: Vec<String> = trial_balance
            .iter()
            .filter(|line| line.closing_minor != 0)
            .map(|line| {
                let amount = format_minor(line.closing_minor, line.currency.digits());
                format!("\"{}\",\"{}\",\"{amount}\"", line.ledger_account, line.currency)
            })
            .collect();
        // hledger lists a commodity with balance 0 beside others that are not.
        let is_zero = |line: &&str| line.ends_with("\"0\"") || line.ends_with("\"0.00\"");
        let mut lines: Vec<&str> = shown.lines().skip(1).filter(|line| !is_zero(line)).collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    #[test]
    fn beancount_accepts_the_journal() {
        let (days, _) = some_days();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(export_beancount(&[], &days).as_bytes()).unwrap();
        match Command::new("bean-check").arg(file.path()).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success() && said.is_empty(), "{said}");
            }
            Err(_) => println!("skipped: bean-check is not on PATH"),
        }
    }

    #[test]
    fn opening_balances_stand_on_the_day_before() {
        let (days, trial_balance) = some_days();
        let opening: Vec<LedgerBalance> = trial_balance
            .iter()
            .filter(|line| line.opening_minor != 0)
            .map(|line| LedgerBalance {
                ledger_account: line.ledger_account.clone(),
                currency: line.currency,
                balance_minor: line.opening_minor as i64,
            })
            .collect();
        let text = export_hledger(&opening, &days[5..]);
        assert!(text.contains("\n2026-11-24 opening\n"), "{text}");
        if let Some(shown) = hledger(
            &text,
            &[
                "balance",
                "--flat",
                "--layout=bare",
                "-O",
                "csv",
                "assets:in-transit",
            ],
        ) {
            for line in trial_balance
                .iter()
                .filter(|line| &*line.ledger_account == "assets:in-transit")
            {
                let amount = format_minor(line.closing_minor, line.currency.digits());
                let expected = format!("\"assets:in-transit\",\"{}\",\"{amount}\"", line.currency);
                assert!(
                    line.closing_minor == 0 || shown.contains(&expected),
                    "{expected} in {shown}"
                );
            }
        }
    }

    #[test]
    fn text_that_tools_read_as_syntax_is_escaped() {
        let line = |ledger_account: &str, debit_minor, credit_minor| JournalLine {
            entry_id: "e1".into(),
            ledger_account: ledger_account.into(),
            obligee_id: "M;1,\"x\"\ny".into(),
            currency: Currency::parse(b"JPY").unwrap(),
            kind: "settled",
            debit_minor,
            credit_minor,
        };
        let days = [(
            day_one(),
            vec![
                line("assets:bank:RA  1", 500, 0),
                line("liabilities:merchants", 0, 500),
            ],
        )];
        let text = export_hledger(&[], &days);
        assert!(text.contains("; obligee:M%3B1%2C%22x%22%0Ay\n"), "{text}");
        assert!(text.contains("    assets:bank:RA%20%201  500 JPY\n"), "{text}");
        hledger(&text, &["check", "--strict"]);
        let text = export_beancount(&[], &days);
        assert!(text.contains("2026-11-20 open Assets:Bank:RA-20-201\n"), "{text}");
        assert!(text.contains("  obligee: \"M;1,%22x%22%0Ay\"\n"), "{text}");
        assert_eq!(
            export_csv(&[], &days).lines().nth(1).unwrap(),
            "2026-11-20,e1,assets:bank:RA  1,\"M;1,\"\"x\"\""
        );
    }
}
