//! Payouts: the line of payouts.csv they come from, when they fall due, and what the bank did with them.

use std::collections::BTreeSet;

use super::closes::{Day, Days, TableRow, money};
use super::find::{Wanted, search};
use super::{Section, rows, words};
use crate::findings::Stop;
use crate::terms::date::Date;

/// Explains a payout id.
pub(super) fn explain(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    if what.len() != 32 {
        return Ok(Vec::new());
    }
    if let Some(date) = date
        && let Some(day) = days.of(date)
        && day
            .rows("state/payouts.csv", |row| row.get("payout_id") == what)?
            .is_empty()
        && day
            .rows("payouts.csv", |row| row.get("payout_id") == what)?
            .is_empty()
    {
        return Ok(Vec::new());
    }
    for day in &days.list {
        if let Some(line) = day
            .rows("payouts.csv", |row| row.get("payout_id") == what)?
            .into_iter()
            .next()
        {
            return Ok(vec![issued(days, day, &line)?, life_of(days, what)?]);
        }
    }
    let known = days.list.iter().rev().find_map(|day| {
        day.rows("state/payouts.csv", |row| row.get("payout_id") == what)
            .ok()
            .and_then(|rows| rows.into_iter().next())
    });
    let Some(line) = known else { return Ok(Vec::new()) };
    let mut section = Section::new(format!("payout {what}"));
    section.figure(format!(
        "{} for {}, issued {}: brought forward, no close in this book issued it",
        line.money("amount_minor"),
        line.get("merchant_id"),
        line.get("issued_on")
    ));
    Ok(vec![section, life_of(days, what)?])
}

fn issued(days: &Days, day: &Day, line: &TableRow) -> Result<Section, Stop> {
    let (id, merchant) = (line.get("payout_id"), line.get("merchant_id"));
    let mut section = Section::new(format!("payout {id} of {merchant}"));
    section.event(
        day.date(),
        format!(
            "issued by the close {}: {}",
            day.closed.name(),
            line.money("payout_minor")
        ),
    );
    section.source(
        day.date(),
        &day.told("payouts.csv"),
        line.line,
        format!("merchant {merchant}, {}", line.get("currency")),
    );
    payable(days, day, line, &mut section)?;
    let book = day.book()?;
    section.step(words::execution(&book, day.date()).1);
    section.step(format!(
        "id = first 16 bytes of SHA-256 over institution {}, {merchant}, {}, {}, sequence 1 (R12)",
        book.settings.institution.id,
        line.get("currency"),
        day.date()
    ));
    Ok(section)
}

/// opening + due = payable, and what was due from which close.
pub(super) fn payable(days: &Days, day: &Day, line: &TableRow, section: &mut Section) -> Result<(), Stop> {
    let currency = line.get("currency");
    let (opening, due, manual) = (
        line.minor("opening_minor"),
        line.minor("due_minor"),
        line.minor("manual_minor"),
    );
    section.step(format!(
        "payable = opening {} + due {} + manual {} = {}",
        money(opening, currency),
        money(due, currency),
        money(manual, currency),
        money(opening + due + manual, currency)
    ));
    // Which days' nets those are: due up to E of this close, and not up to E of the one before.
    let before = days.list.iter().rev().find(|other| other.date() < day.date());
    let execution = words::execution(&*day.book()?, day.date()).0;
    let paid_until = match before {
        Some(before) => words::execution(&*before.book()?, before.date()).0,
        None => None,
    };
    let Some(execution) = execution else { return Ok(()) };
    let mut told = 0;
    for source in days.list.iter().filter(|source| source.date() <= day.date()) {
        let Some(net) = source.payout_line(line.get("merchant_id"), currency)? else {
            continue;
        };
        let Some(due) = net.date("due_date") else { continue };
        let this =
            due <= execution && (source.date() == day.date() || paid_until.is_none_or(|paid| due > paid));
        if this && net.minor("net_minor") != 0 {
            told += net.minor("net_minor");
            section.step(format!(
                "of it net of {}: {} ({}:{}), due {due}",
                source.date(),
                net.money("net_minor"),
                source.told("payouts.csv"),
                net.line
            ));
        }
    }
    if told != due {
        section.step(format!(
            "the rest of due, {}, was brought forward from before",
            money(due - told, currency)
        ));
    }
    section.step(format!(
        "carried = payable − payout {} + returned {} = {}",
        line.money("payout_minor"),
        line.money("returned_minor"),
        line.money("carried_minor")
    ));
    Ok(())
}

/// What the bank did: debits and returns with file and line, and the clearing file.
fn life_of(days: &Days, id: &str) -> Result<Section, Stop> {
    let mut section = Section::new(format!("what became of payout {id}"));
    life(days, id, &mut section, true)?;
    Ok(section)
}

/// Progress by day; with `searched`, also the bank's entries and the clearing file.
fn life(days: &Days, id: &str, section: &mut Section, searched: bool) -> Result<(), Stop> {
    let mut known = None;
    let mut changes = BTreeSet::new();
    for day in &days.list {
        for line in day.rows("state/payouts.csv", |row| row.get("payout_id") == id)? {
            if line.get("progress") != "issued" && line.date("changed_on") == Some(day.date()) {
                changes.insert(day.date());
                section.event(day.date(), format!("{} (payout {id})", line.get("progress")));
                if line.get("progress") == "returned" {
                    again(days, day, &line, section)?;
                }
            } else if line.get("progress") == "issued" && known.is_none() && searched {
                for file in clearing_files(day, id)? {
                    section.source(
                        day.date(),
                        &file.0,
                        file.1,
                        format!(
                            "in the clearing file, account {}, execution {}",
                            line.get("account"),
                            line.get("execution_date")
                        ),
                    );
                }
            }
            known = Some(line);
        }
    }
    if changes.is_empty() {
        section.note(format!(
            "payout {id}: not debited by the bank up to the last close; it stands in P of the reserve"
        ));
    }
    if searched {
        let which: Vec<&Day> = days.list.iter().collect();
        let found = search(days, &which, &Wanted::Ids(&BTreeSet::from([id.to_owned()])))?;
        for row in &found.rows {
            let what = match row.row.original_ref == id {
                true => "return",
                false => "entry",
            };
            section.source(
                row.date,
                &row.file,
                row.line,
                format!("bank {what} {}: {}", row.row.id, rows::carried(days, row)?),
            );
        }
        for note in found.notes {
            section.note(note);
        }
    }
    Ok(())
}

/// Where the money of a returned payout goes (R13): back to the merchant, and out again with a later payout.
fn again(days: &Days, day: &Day, payout: &TableRow, section: &mut Section) -> Result<(), Stop> {
    let (merchant, currency) = (payout.get("merchant_id"), payout.get("currency"));
    if let Some(line) = day.payout_line(merchant, currency)? {
        section.source(
            day.date(),
            &day.told("payouts.csv"),
            line.line,
            format!(
                "returned {} is added to carried of {merchant} after this close's payout decision: carried {} (R13)",
                line.money("returned_minor"),
                line.money("carried_minor")
            ),
        );
    }
    for later in days.list.iter().filter(|later| later.date() > day.date()) {
        let Some(line) = later.payout_line(merchant, currency)? else {
            continue;
        };
        if !line.get("payout_id").is_empty() {
            section.event(
                later.date(),
                format!(
                    "paid again as opening {} of payout {} ({})",
                    line.money("opening_minor"),
                    line.get("payout_id"),
                    line.money("payout_minor")
                ),
            );
            break;
        }
    }
    Ok(())
}

/// Clearing files of a close that name a payout, with the line.
fn clearing_files(day: &Day, id: &str) -> Result<Vec<(String, u64)>, Stop> {
    let folder = day.closed.folder.join("clearing");
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(found);
    };
    let mut names: Vec<_> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
        if let Some(at) = memchr::memmem::find(&bytes, id.as_bytes()) {
            let line = 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
            found.push((day.told(&format!("clearing/{name}")), line));
        }
    }
    Ok(found)
}

/// Follows the money of a settled row: its line, when that falls due, and the payout that carries it.
pub(super) fn follow(
    days: &Days,
    settled: Date,
    merchant: &str,
    currency: &str,
    section: &mut Section,
) -> Result<(), Stop> {
    let Some(day) = days.of(settled) else {
        return Ok(());
    };
    let Some(line) = day.payout_line(merchant, currency)? else {
        return Ok(());
    };
    section.source(
        settled,
        &day.told("payouts.csv"),
        line.line,
        format!(
            "part of the line {merchant} {currency}: net {}",
            line.money("net_minor")
        ),
    );
    let book = day.book()?;
    let Some(terms) = words::terms_of(&book, merchant) else {
        return Ok(());
    };
    let (_, told) = words::due(&book, terms, settled);
    section.step(told);
    let Some(due) = line.date("due_date") else {
        section.note("the day's net is 0: nothing falls due".to_owned());
        return Ok(());
    };
    let mut fallen_due = false;
    for later in days.list.iter().filter(|later| later.date() >= settled) {
        let later_book = later.book()?;
        let (execution, how) = words::execution(&later_book, later.date());
        if execution.is_none_or(|execution| due > execution) {
            continue;
        }
        let Some(paying) = later.payout_line(merchant, currency)? else {
            continue;
        };
        if !fallen_due {
            section.event(
                later.date(),
                format!("falls due: {due} is not after the execution date of this close (R9)"),
            );
            section.step(how);
            fallen_due = true;
        }
        let id = paying.get("payout_id");
        if !id.is_empty() {
            section.event(
                later.date(),
                format!(
                    "paid with payout {id} of {}, executed {}",
                    paying.money("payout_minor"),
                    paying.get("execution_date")
                ),
            );
            return life(days, id, section, false);
        }
        section.event(
            later.date(),
            format!(
                "not paid: {} {}: {}",
                paying.get("status"),
                paying.get("reason"),
                words::reason(paying.get("reason"))
            ),
        );
    }
    if !fallen_due {
        section.note(format!(
            "not due in any close so far: it is part of undue_minor until {due}"
        ));
    }
    Ok(())
}
