//! The way of a row from a channel's bill to the bank: its batch, day by day (R26).

use std::collections::BTreeSet;

use super::closes::{Day, Days, Matched};
use super::find::Found;
use super::{Section, adjustments};
use crate::book::settings::LegKind;
use crate::day::state::OpenSide;
use crate::findings::Stop;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;

/// Names of the legs between channel and bank that a close sealed.
fn batch_legs(day: &Day) -> Result<BTreeSet<String>, Stop> {
    let book = day.book()?;
    let legs = book.settings.legs.iter();
    let of_batches = legs.filter(|leg| leg.kind == LegKind::ChannelBank);
    Ok(of_batches.map(|leg| leg.name.clone()).collect())
}

/// The bill row that a row is, or has met.
fn bill_of<'a>(found: &'a Found, rows: &'a [Found], matched: &[(Date, Matched)]) -> Option<&'a Found> {
    match found.side {
        OpenSide::Channel => Some(found),
        OpenSide::Bank => None,
        OpenSide::Platform => {
            let met = matched.iter().find(|(_, line)| {
                line.txn_id == found.row.id && line.account.is_empty() && !line.entry_id.is_empty()
            });
            let (_, met) = met?;
            let is_met = |other: &&Found| {
                other.side == OpenSide::Channel
                    && other.row.id == met.entry_id
                    && other.row.channel == found.row.channel
                    && other.row.direction == found.row.direction
            };
            // People may accept another amount (R24); of several refunds of one payment it tells which.
            let same = |other: &&Found| is_met(other) && other.row.amount_minor == found.row.amount_minor;
            rows.iter().find(same).or_else(|| rows.iter().find(is_met))
        }
    }
}

/// The platform row that a row is, or has met.
fn txn_of<'a>(found: &'a Found, matched: &'a [(Date, Matched)]) -> Option<&'a str> {
    match found.side {
        OpenSide::Platform => Some(&found.row.id),
        OpenSide::Bank => None,
        OpenSide::Channel => matched
            .iter()
            .find(|(_, line)| line.entry_id == found.row.id && line.account.is_empty())
            .map(|(_, line)| line.txn_id.as_str()),
    }
}

/// Tells what became of the batch of a platform row or bill row: open on which days, against what; paid by which entry. True where
/// people wrote it off.
pub(super) fn tell(
    days: &Days,
    found: &Found,
    rows: &[Found],
    matched: &[(Date, Matched)],
    section: &mut Section,
) -> Result<bool, Stop> {
    let Some(bill) = bill_of(found, rows, matched) else {
        return Ok(false);
    };
    let batch = bill.row.batch_ref.as_str();
    let txn_id = txn_of(found, matched);
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for day in days.list.iter().filter(|day| day.date() >= bill.date) {
        let (date, legs) = (day.date(), batch_legs(day)?);
        let paid = matched.iter().find(|(on, line)| {
            *on == date && Some(line.txn_id.as_str()) == txn_id && legs.contains(&line.leg)
        });
        if let Some((_, line)) = paid {
            decisions(days, date, &told, section)?;
            if found.side == OpenSide::Channel {
                section.event(
                    date,
                    format!(
                        "its batch {batch} is at the bank: entry {} of account {}{}",
                        line.entry_id,
                        line.account,
                        place(rows, &line.entry_id, &line.account)
                    ),
                );
            }
            return Ok(false);
        }
        let lines = day.rows("breaks.csv", |line| {
            let is_mine = match batch.is_empty() {
                true => line.get("bank_ref").is_empty() && line.get("entry_id") == bill.row.id,
                false => line.get("bank_ref") == batch,
            };
            is_mine
                && legs.contains(line.get("leg"))
                && line.get("txn_id").is_empty()
                && !line.get("platform_minor").is_empty()
        })?;
        for line in lines {
            if told.insert((line.get("class").to_owned(), line.get("break_id").to_owned())) {
                section.event(
                    date,
                    format!(
                        "its batch {batch} is open as {} on leg {}: {}; break {}",
                        line.get("class"),
                        line.get("leg"),
                        line.get("candidates"),
                        line.get("break_id")
                    ),
                );
            }
        }
        let halfway = day.rows("state/chained.csv", |line| {
            line.get("channel") == bill.row.channel
                && line.get("channel_ref") == bill.row.id
                && line.get("txn_type") == bill.row.txn_type.map_or("", TxnType::name)
                && line.get("refund_ref") == bill.row.refund_ref
                && !line.get("account").is_empty()
        })?;
        for line in halfway {
            if told.insert(("paid".to_owned(), String::new())) {
                section.event(
                    date,
                    format!(
                        "its batch {} is at the bank, entry {} of account {}{}, and its platform row is not agreed: money without an owner",
                        line.get("batch_ref"),
                        line.get("entry_id"),
                        line.get("account"),
                        place(rows, line.get("entry_id"), line.get("account"))
                    ),
                );
            }
        }
    }
    match days.list.last() {
        Some(last) => decisions(days, last.date(), &told, section),
        None => Ok(false),
    }
}

/// What people decided about the batch's own lines, told by class and break id, until a day. True where they wrote it off.
fn decisions(
    days: &Days,
    until: Date,
    told: &BTreeSet<(String, String)>,
    section: &mut Section,
) -> Result<bool, Stop> {
    let mut written_off = false;
    let ids: BTreeSet<&str> = told.iter().map(|(_, id)| id.as_str()).collect();
    for id in ids.into_iter().filter(|id| !id.is_empty()) {
        for (day, line) in adjustments::of_break(days, id)? {
            if day.date() <= until {
                adjustments::tell(day, &line, section);
                written_off |= line.get("action") == "write_off";
            }
        }
    }
    Ok(written_off)
}

/// ` (inbox/2026-03-03/bank.csv:2)`, or nothing where the entry is not among the rows found.
fn place(rows: &[Found], entry_id: &str, account: &str) -> String {
    let entry = rows.iter().find(|other| {
        other.side == OpenSide::Bank && other.row.id == entry_id && other.row.account == account
    });
    entry.map_or(String::new(), |entry| format!(" ({}:{})", entry.file, entry.line))
}
