//! The column `candidates` of breaks.csv: what a later pass saw of a row that stays open, and what each answer would
//! mean (SPEC §5, R40).
//!
//! In: the notes of the passes. Out: a text a row, passes in their order with `; ` between, answers with ` | `, rows of an
//! answer with ` + `. Platform rows stand with whose money they are and their amount, bank entries with their account,
//! amount and value date.

use std::collections::BTreeMap;

use crate::matching::residual::{BankItem, Note, PlatformItem, Reason, Row};
use crate::terms::currency::Currency;
use crate::terms::money::format_minor;

/// The items that notes are about.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    /// Platform rows.
    pub platform: &'a [PlatformItem<'a>],
    /// Bank entries.
    pub bank: &'a [BankItem<'a>],
    /// Ids of the accounts, by index.
    pub accounts: &'a [&'a str],
}

/// Texts by row.
pub fn texts(notes: &[Note], items: Items<'_>) -> BTreeMap<Row, String> {
    let mut texts: BTreeMap<Row, String> = BTreeMap::new();
    for note in notes {
        let text = texts.entry(note.row).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(note.pass.name());
        text.push_str(": ");
        text.push_str(&reason(note, items));
    }
    texts
}

fn reason(note: &Note, items: Items<'_>) -> String {
    match &note.reason {
        Reason::Answers(answers) => {
            let row = |at: &usize| match note.row {
                Row::Platform(_) => entry(&items.bank[*at], items.accounts),
                Row::Bank(_) => platform_row(&items.platform[*at]),
            };
            let answer = |rows: &Vec<usize>| rows.iter().map(row).collect::<Vec<_>>().join(" + ");
            answers.iter().map(answer).collect::<Vec<_>>().join(" | ")
        }
        Reason::NotSearched { candidates, most } => {
            format!("not searched: {candidates} candidates, at most {most}")
        }
        Reason::DoesNotAddUp {
            rows,
            platform_minor,
            net_minor,
            entries,
            bank_minor,
        } => {
            let currency = currency_of(note.row, items);
            let shown = |minor: i128| format_minor(minor, currency.digits());
            let net = match net_minor == platform_minor {
                true => String::new(),
                false => format!(" ({} less the channel's fees)", shown(*net_minor)),
            };
            format!(
                "{} of the batch: {}{net} against {}: {}",
                counted(*rows, "row", "rows"),
                shown(*platform_minor),
                counted(*entries, "entry", "entries"),
                shown(*bank_minor)
            )
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn currency_of(row: Row, items: Items<'_>) -> Currency {
    match row {
        Row::Platform(at) => items.platform[at].currency,
        Row::Bank(at) => items.bank[at].currency,
    }
}

fn platform_row(item: &PlatformItem<'_>) -> String {
    let amount = format_minor(i128::from(item.amount_minor), item.currency.digits());
    format!("{} ({} {amount})", item.id, item.payee)
}

fn entry(item: &BankItem<'_>, accounts: &[&str]) -> String {
    let amount = format_minor(i128::from(item.amount_minor), item.currency.digits());
    let account = accounts.get(item.account as usize).copied().unwrap_or_default();
    format!("{} ({account} {amount} {})", item.id, item.value_date)
}
