//! A merchant's line of payouts.csv, term by term (SPEC §6.2, R10, R17), and the rows behind it.

use std::collections::BTreeMap;

use super::closes::{Day, Days, TableRow, money};
use super::find::{Wanted, search};
use super::{NAMED_ROWS_MAX, Section, adjustments, payout, rows, words};
use crate::findings::Stop;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;

/// Explains a merchant id: its lines of one close, the latest that has one unless a date is given.
pub(super) fn explain(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    for day in days.looked_into(date) {
        let lines = day.rows("payouts.csv", |row| row.get("merchant_id") == what)?;
        if lines.is_empty() && words::terms_of(&*day.book()?, what).is_none() {
            continue;
        }
        let mut sections = Vec::new();
        for line in &lines {
            sections.push(told(days, day, line)?);
        }
        if lines.is_empty() {
            let mut section = Section::new(format!("merchant {what} in the close of {}", day.date()));
            section.note("in the master, without a line in payouts.csv: nothing moved and nothing is owed");
            sections.push(section);
        }
        sections.push(rows_of(days, day, what)?);
        return Ok(sections);
    }
    Ok(Vec::new())
}

/// Terms of SPEC §6.2: sign, word, column.
const TERMS: [(i128, &str, &str); 12] = [
    (1, "gross", "gross_minor"),
    (-1, "refund", "refund_minor"),
    (-1, "chargeback", "chargeback_minor"),
    (1, "reversal", "reversal_minor"),
    (1, "adjustment", "adjustment_minor"),
    (-1, "fee", "fee_minor"),
    (1, "fee_returned", "fee_returned_minor"),
    (-1, "hold", "hold_minor"),
    (1, "release", "release_minor"),
    (1, "split_in", "split_in_minor"),
    (-1, "split_out", "split_out_minor"),
    (1, "fx", "fx_minor"),
];

fn told(days: &Days, day: &Day, line: &TableRow) -> Result<Section, Stop> {
    let (merchant, currency) = (line.get("merchant_id"), line.get("currency"));
    let mut section = Section::new(format!(
        "merchant {merchant}, {currency}, in the close of {}",
        day.date()
    ));
    section.source(
        day.date(),
        &day.told("payouts.csv"),
        line.line,
        format!("net {}", line.money("net_minor")),
    );
    for (sign, word, column) in TERMS {
        let minor = line.minor(column);
        if minor == 0 && column != "gross_minor" {
            continue;
        }
        let mark = if sign < 0 { "−" } else { "+" };
        let count = line.get(&column.replace("_minor", "_count").replace("gross", "payment"));
        let rows = if count.is_empty() {
            String::new()
        } else {
            format!(" ({count} rows)")
        };
        section.figure(format!("{mark} {word} {}{rows}", money(minor, currency)));
    }
    section.figure(format!(
        "= net {}; terms of 0 are left out",
        line.money("net_minor")
    ));
    let book = day.book()?;
    if let Some(terms) = words::terms_of(&book, merchant) {
        if let Some(worked) = words::day_fee(&book, terms, line.minor("gross_minor")) {
            for step in worked.steps {
                section.step(step);
            }
        }
        if terms.hold_bps > 0 && line.minor("gross_minor") != 0 {
            let (step, minor) = words::hold(line.minor("gross_minor"), terms.hold_bps);
            section.step(format!("hold = gross × hold_bps / 10,000 = {step} minor units"));
            if minor != line.minor("hold_minor") {
                section.note(format!(
                    "published is {}, which these terms do not give",
                    line.money("hold_minor")
                ));
            }
            let days = i32::try_from(terms.hold_days).unwrap_or(i32::MAX / 2);
            section.step(format!(
                "released on {}: {} + {days} calendar days (R11)",
                day.date().plus_days(days),
                day.date()
            ));
        }
        if line.minor("release_minor") != 0 {
            releases(days, day, line, &mut section)?;
        }
        if line.minor("net_minor") != 0 {
            section.step(words::due(&book, terms, day.date()).1);
        }
        section.step(words::execution(&book, day.date()).1);
    }
    if currency == book.settings.institution.base_currency.code() {
        for adjustment in adjustments::of_merchant(day, merchant)? {
            adjustments::tell(day, &adjustment, &mut section);
        }
    }
    payout::payable(days, day, line, &mut section)?;
    section.figure(format!(
        "undue {} and held {} remain",
        line.money("undue_minor"),
        line.money("held_minor_total")
    ));
    let mut status = format!("status {}", line.get("status"));
    if !line.get("reason").is_empty() {
        status.push_str(&format!(
            " {}: {}",
            line.get("reason"),
            words::reason(line.get("reason"))
        ));
    }
    if !line.get("payout_id").is_empty() {
        status.push_str(&format!(
            ": payout {} of {}",
            line.get("payout_id"),
            line.money("payout_minor")
        ));
    }
    section.event(day.date(), status);
    Ok(section)
}

/// The holds that ended: they stood in the state before, and the close that held each is named.
fn releases(days: &Days, day: &Day, line: &TableRow, section: &mut Section) -> Result<(), Stop> {
    let (merchant, currency) = (line.get("merchant_id"), line.get("currency"));
    let Some(before) = days.list.iter().rev().find(|other| other.date() < day.date()) else {
        return Ok(());
    };
    let ended = before.rows("state/holds.csv", |row| {
        row.get("merchant_id") == merchant
            && row.get("currency") == currency
            && row
                .date("release_date")
                .is_some_and(|release| release <= day.date())
    })?;
    for hold in ended {
        section.step(format!(
            "release {}: held until {} ({}:{})",
            hold.money("amount_minor"),
            hold.get("release_date"),
            before.told("state/holds.csv"),
            hold.line
        ));
        let mut told = 0;
        for origin in days.list.iter().filter(|origin| origin.date() < day.date()) {
            let origin_book = origin.book()?;
            let Some(terms) = words::terms_of(&origin_book, merchant) else {
                continue;
            };
            let hold_days = i32::try_from(terms.hold_days).unwrap_or(i32::MAX / 2);
            if Some(origin.date().plus_days(hold_days)) != hold.date("release_date") {
                continue;
            }
            let Some(held) = origin.payout_line(merchant, currency)? else {
                continue;
            };
            if held.minor("hold_minor") == 0 {
                continue;
            }
            told += held.minor("hold_minor");
            section.step(format!(
                "held by the close of {} ({}:{}): {} minor units",
                origin.date(),
                origin.told("payouts.csv"),
                held.line,
                words::hold(held.minor("gross_minor"), terms.hold_bps).0
            ));
        }
        if told != hold.minor("amount_minor") {
            section.step(
                "the rest was held before the first close of this book, or under other terms".to_owned(),
            );
        }
    }
    Ok(())
}

/// The day's rows of the merchant, counted by type, and the first of them by name.
fn rows_of(days: &Days, day: &Day, merchant: &str) -> Result<Section, Stop> {
    let found = search(days, &[day], &Wanted::Party(merchant))?;
    let mut section = Section::new(format!("rows of {merchant} delivered for {}", day.date()));
    let mut counts: BTreeMap<(&str, &str), (u64, i128)> = BTreeMap::new();
    for row in &found.rows {
        let key = (
            row.row.txn_type.map_or("", TxnType::name),
            row.row.currency.code(),
        );
        let count = counts.entry(key).or_default();
        count.0 += 1;
        count.1 += i128::from(row.row.amount_minor);
    }
    for ((kind, currency), (count, minor)) in counts {
        section.figure(format!("{kind}: {count} rows, {}", money(minor, currency)));
    }
    section.note(
        "delivered for the day: rows that settled are a subset, and rows of earlier days that matched today settle today too",
    );
    for row in found.rows.iter().take(NAMED_ROWS_MAX) {
        section.source(
            row.date,
            &row.file,
            row.line,
            format!("{}: {}", row.row.id, rows::carried(days, row)?),
        );
    }
    if found.rows.len() > NAMED_ROWS_MAX {
        section.note(format!(
            "and {} more, in the same files",
            found.rows.len() - NAMED_ROWS_MAX
        ));
    }
    for note in found.notes {
        section.note(note);
    }
    Ok(section)
}
