//! Rows by id or reference: where they stand, what they carried, what became of them, and the money they moved.

use std::collections::{BTreeMap, BTreeSet};

use super::closes::{Day, Days, Matched, TableRow, money};
use super::find::{Found, Searched, Wanted, search, searched_days};
use super::{NAMED_ROWS_MAX, Section, adjustments, batches, payout, words};
use crate::day::state::OpenSide;
use crate::findings::Stop;
use crate::terms::date::Date;
use crate::terms::kinds::{Funding, Status, TxnType};

/// Explains every row with this id or reference, and the rows that share their references.
pub(super) fn explain(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    told(days, what, date, true)
}

/// The rows only, for an id that is also something else: nothing when there is none.
pub(super) fn under_that_id(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    told(days, what, date, false)
}

/// What all closes say about some ids.
struct Story {
    /// Day, and the agreed line.
    matched: Vec<(Date, Matched)>,
    /// Day, and the line of breaks.csv.
    breaks: Vec<(Date, TableRow)>,
    /// Day, and the line of resolved.csv.
    resolved: Vec<(Date, TableRow)>,
    /// Day, and the line of state/payouts.csv that changed on it.
    payouts: Vec<(Date, TableRow)>,
    rows: Vec<Found>,
    notes: Vec<String>,
}

/// Ids that are followed together.
const RELATED_MAX: usize = 200;

const ID_COLUMNS: [&str; 3] = ["txn_id", "entry_id", "bank_ref"];

fn told(days: &Days, what: &str, date: Option<Date>, alone: bool) -> Result<Vec<Section>, Stop> {
    let mut ids = BTreeSet::from([what.to_owned()]);
    let mut story = Story::of(days, &ids)?;
    let named = |found: &Found| names(found).any(|name| name == what);
    if let Some(date) = date
        && !story.knows(date)
    {
        return Ok(Vec::new());
    }
    if !story.rows.iter().any(named) && story.is_empty() {
        return Ok(Vec::new());
    }
    if !alone && !story.rows.iter().any(|found| found.row.id == what) {
        // Its bank entries and the like are told with the payout or break.
        return Ok(Vec::new());
    }
    // Two steps further: counterparts, duplicates and originals, then the counterparts of those.
    for step in 0..2 {
        let before = ids.len();
        for found in &story.rows {
            let row = &found.row;
            let original = if step == 0 { row.original_ref.as_str() } else { "" };
            let more = [row.bank_ref.as_str(), row.channel_ref.as_str(), original];
            ids.extend(more.into_iter().filter(|id| !id.is_empty()).map(str::to_owned));
        }
        for (_, line) in &story.matched {
            ids.extend(
                [&line.txn_id, &line.entry_id]
                    .into_iter()
                    .filter(|id| !id.is_empty())
                    .cloned(),
            );
        }
        if ids.len() == before {
            break;
        }
        if ids.len() > RELATED_MAX {
            story
                .notes
                .push("more rows are related than are told: ask for one of their own ids".to_owned());
            break;
        }
        story = Story::of(days, &ids)?;
    }
    let mut sections = Vec::new();
    let (own, others): (Vec<&Found>, Vec<&Found>) = story.rows.iter().partition(|found| found.row.id == what);
    let mut first = true;
    for found in own.iter().chain(&others).take(NAMED_ROWS_MAX) {
        let title = match found.row.id == what {
            true => format!("{} {}", kind(found), found.row.id),
            false if first => format!("{} {}: has the reference {what}", kind(found), found.row.id),
            false => format!("{} {}: related", kind(found), found.row.id),
        };
        first = false;
        sections.push(about(days, &story, found, title)?);
    }
    if story.rows.is_empty() {
        let mut section = Section::new(format!("{what} in the tables"));
        for (date, line) in &story.matched {
            section.event(*date, format!("matched on {} by pass {}", line.leg, line.pass));
        }
        for (date, line) in &story.breaks {
            section.event(
                *date,
                format!("open as {} on {}", line.get("class"), line.get("leg")),
            );
        }
        sections.push(section);
    }
    let mut rest = Section::new("not told");
    if story.rows.len() > NAMED_ROWS_MAX {
        rest.note(format!(
            "{} more rows share its references: ask for one of them",
            story.rows.len() - NAMED_ROWS_MAX
        ));
    }
    for note in &story.notes {
        rest.note(note.clone());
    }
    if !rest.lines.is_empty() {
        sections.push(rest);
    }
    Ok(sections)
}

impl Story {
    fn of(days: &Days, ids: &BTreeSet<String>) -> Result<Story, Stop> {
        let list: Vec<String> = ids.iter().cloned().collect();
        let mut story = Story {
            matched: Vec::new(),
            breaks: Vec::new(),
            resolved: Vec::new(),
            payouts: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        };
        let mut known = BTreeSet::new();
        let mut break_ids = BTreeSet::new();
        for day in &days.list {
            let date = day.date();
            for line in day.matched(&ID_COLUMNS, &list)? {
                known.insert(date);
                story.matched.push((date, line));
            }
            for line in day.rows("breaks.csv", |row| {
                ID_COLUMNS.iter().any(|column| ids.contains(row.get(column)))
            })? {
                known.extend(line.date("first_seen"));
                break_ids.insert(line.get("break_id").to_owned());
                story.breaks.push((date, line));
            }
            for line in day.rows("resolved.csv", |row| break_ids.contains(row.get("break_id")))? {
                known.insert(date);
                story.resolved.push((date, line));
            }
            for line in day.rows("state/payouts.csv", |row| row.date("changed_on") == Some(date))? {
                story.payouts.push((date, line));
            }
        }
        let (which, note) = searched_days(days, &known)?;
        let Searched { rows, notes, .. } = search(days, &which, &Wanted::Ids(ids))?;
        story.rows = rows;
        story.notes = notes;
        story.notes.extend(note);
        Ok(story)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.matched.is_empty() && self.breaks.is_empty()
    }

    fn knows(&self, date: Date) -> bool {
        self.rows.iter().any(|found| found.date == date)
            || self.matched.iter().any(|(day, _)| *day == date)
            || self.breaks.iter().any(|(day, _)| *day == date)
    }

    /// Where a row of an id stands, the latest up to a day.
    fn place(&self, side: OpenSide, id: &str, until: Date) -> Option<&Found> {
        let mine = |found: &&Found| found.side == side && found.row.id == id && found.date <= until;
        let day = self.rows.iter().filter(mine).map(|found| found.date).max()?;
        // The first file by name is the one taken (R20).
        self.rows.iter().filter(mine).find(|found| found.date == day)
    }
}

fn names(found: &Found) -> impl Iterator<Item = &str> {
    let row = &found.row;
    [
        &row.id,
        &row.bank_ref,
        &row.channel_ref,
        &row.order_id,
        &row.refund_ref,
        &row.original_ref,
        &row.batch_ref,
    ]
    .into_iter()
    .map(String::as_str)
}

fn kind(found: &Found) -> &'static str {
    match found.side {
        OpenSide::Platform => "platform row",
        OpenSide::Bank => "bank entry",
        OpenSide::Channel => "channel row",
    }
}

/// What a row carried, in one line.
pub(super) fn carried(days: &Days, found: &Found) -> Result<String, Stop> {
    let row = &found.row;
    let mut told = vec![words::amount(row.amount_minor, row.currency)];
    match found.side {
        OpenSide::Platform => {
            told.insert(0, row.txn_type.map_or("", TxnType::name).to_owned());
            told.push(format!("status {}", row.status.name()));
            told.push(local_time(days, found)?);
            told.push(format!("channel {}", row.channel));
            if row.funding == Funding::Balance {
                told.push("paid from the wallet".to_owned());
            }
        }
        OpenSide::Bank => {
            let direction = row.direction.map_or("?", |direction| match direction.name() {
                "C" => "credit (C)",
                _ => "debit (D)",
            });
            told.insert(0, direction.to_owned());
            told.push(format!("account {}", row.account));
            told.push(format!("booked {}", row.time_text));
            if let Some(date) = row.value_date {
                told.push(format!("value date {date}"));
            }
        }
        OpenSide::Channel => {
            told.insert(0, row.txn_type.map_or("", TxnType::name).to_owned());
            told.push(format!(
                "channel fee {}",
                words::amount(row.fee_minor, row.currency)
            ));
            told.push(format!("time {}", row.time_text));
        }
    }
    for (name, text) in [
        ("merchant", &row.merchant_id),
        ("customer", &row.customer_id),
        ("to customer", &row.counterparty_id),
        ("bank_ref", &row.bank_ref),
        ("channel_ref", &row.channel_ref),
        ("refund_ref", &row.refund_ref),
        (
            if found.side == OpenSide::Bank {
                "original_ref"
            } else {
                "original_txn_id"
            },
            &row.original_ref,
        ),
        ("batch_ref", &row.batch_ref),
        ("purpose", &row.purpose),
        ("remark", &row.remark),
    ] {
        if !text.is_empty() {
            told.push(format!("{name} {text}"));
        }
    }
    Ok(told.join(", "))
}

/// When a platform row happened, in the institution's zone.
fn local_time(days: &Days, found: &Found) -> Result<String, Stop> {
    let zone = match days.of(found.date) {
        Some(day) => day.book()?.settings.institution.time_zone.clone(),
        None => "UTC".to_owned(),
    };
    let told = jiff::Timestamp::from_millisecond(found.row.time_ms)
        .and_then(|time| time.in_tz(&zone))
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    Ok(match told {
        Ok(time) => format!("at {time}"),
        Err(_) => format!("at {} ms since 1970", found.row.time_ms),
    })
}

fn about(days: &Days, story: &Story, found: &Found, title: String) -> Result<Section, Stop> {
    let mut section = Section::new(title);
    section.source(found.date, &found.file, found.line, carried(days, found)?);
    let row = &found.row;
    // Equal rows of a day are one row; the first file by name is taken (R20).
    let taken = story.rows.iter().find(|other| {
        other.date == found.date && other.side == found.side && other.row.id == row.id && other.row == *row
    });
    if let Some(taken) = taken
        && (taken.file != found.file || taken.line != found.line)
    {
        section.event(
            found.date,
            format!(
                "delivered twice: the same row stands at {}:{}, which is the one taken (R20)",
                taken.file, taken.line
            ),
        );
        return Ok(section);
    }
    let lived = breaks_of(story, found);
    for (leg, spans) in &lived {
        for span in spans {
            tell_break(story, found, leg, span, &mut section);
        }
    }
    let is_batch_written_off = batches::tell(days, found, &story.rows, &story.matched, &mut section)?;
    let agreed: Vec<&(Date, Matched)> = story
        .matched
        .iter()
        .filter(|(date, line)| {
            *date >= found.date
                && match found.side {
                    OpenSide::Platform => line.txn_id == row.id,
                    OpenSide::Bank => line.entry_id == row.id && line.account == row.account,
                    OpenSide::Channel => line.entry_id == row.id && line.account.is_empty(),
                }
        })
        .collect();
    let corrected = story.rows.iter().find(|other| {
        found.side == OpenSide::Platform
            && row.status != Status::Success
            && other.side == found.side
            && other.row.id == row.id
            && other.date > found.date
    });
    if let Some(later) = corrected {
        section.event(
            later.date,
            format!("replaced by the row at {}:{} (R19)", later.file, later.line),
        );
        return Ok(section);
    }
    if agreed.len() > NAMED_ROWS_MAX {
        section.note(format!(
            "{} more rows were matched with it: ask for one of them",
            agreed.len() - NAMED_ROWS_MAX
        ));
    }
    for (date, line) in agreed.iter().take(NAMED_ROWS_MAX) {
        if line.entry_id.is_empty() {
            let told = format!(
                "posted without a counterpart: leg {}, pass {} (R21)",
                line.leg, line.pass
            );
            section.event(*date, told);
            continue;
        }
        if found.side == OpenSide::Bank && line.txn_id.is_empty() && line.pass == "write_off" {
            continue; // The adjustment itself is told below.
        }
        if found.side == OpenSide::Bank && line.txn_id.is_empty() {
            section.event(
                *date,
                match line.pass.as_str() {
                    "reversal" => format!("closed on leg {} by pass reversal (R14)", line.leg),
                    pass => format!(
                        "matched on leg {} by pass {pass}, with other entries of its batch",
                        line.leg
                    ),
                },
            );
            continue;
        }
        let (other, id) = match found.side {
            OpenSide::Platform if line.account.is_empty() => (OpenSide::Channel, &line.entry_id),
            OpenSide::Platform => (OpenSide::Bank, &line.entry_id),
            _ => (OpenSide::Platform, &line.txn_id),
        };
        let name = match other {
            OpenSide::Platform => "platform row",
            OpenSide::Bank => "bank entry",
            OpenSide::Channel => "channel row",
        };
        let place = match story.place(other, id, *date) {
            Some(other) => format!("{}:{}", other.file, other.line),
            None => "its file is not among those searched".to_owned(),
        };
        section.event(
            *date,
            format!(
                "matched on leg {} by pass {} with {name} {id} ({place})",
                line.leg, line.pass
            ),
        );
    }
    let column = match found.side {
        OpenSide::Platform => "txn_id",
        _ => "entry_id",
    };
    let by_hand = adjustments::of_row(days, column, &row.id)?;
    let mine = |line: &TableRow| found.side != OpenSide::Bank || line.get("account") == row.account;
    for (day, line) in by_hand
        .iter()
        .filter(|(day, line)| day.date() >= found.date && mine(line))
    {
        adjustments::tell(day, line, &mut section);
    }
    let written_off =
        is_batch_written_off || by_hand.iter().any(|(_, line)| line.get("action") == "write_off");
    if found.side == OpenSide::Platform && !written_off {
        let settled = agreed.iter().find(|(_, line)| line.fee_minor.is_some());
        if let Some((date, line)) = settled {
            settle(days, found, *date, line, &mut section)?;
        } else if agreed.is_empty() && lived.is_empty() && row.status != Status::Success {
            section.event(
                found.date,
                format!("no money expected: its status is {} (R19)", row.status.name()),
            );
        } else if !agreed.is_empty() {
            section.note(
                "not settled: another leg of settle.when has not matched; owed gross as unsettled (R41)",
            );
        } else {
            without_leg(days, story, found, &lived, &mut section)?;
        }
    }
    if found.side == OpenSide::Bank && agreed.is_empty() {
        bank_fate(days, story, found, &lived, &mut section)?;
    }
    Ok(section)
}

/// The days a break lived, with its line on the last of them.
struct Span {
    class: String,
    break_id: String,
    first_seen: String,
    days: Vec<Date>,
    last: TableRow,
}

fn breaks_of(story: &Story, found: &Found) -> BTreeMap<String, Vec<Span>> {
    let mut by_leg: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for (date, line) in &story.breaks {
        let row = &found.row;
        let of_row = *date >= found.date
            && match found.side {
                OpenSide::Platform => line.get("txn_id") == row.id,
                OpenSide::Bank => line.get("entry_id") == row.id && line.get("account") == row.account,
                OpenSide::Channel => line.get("entry_id") == row.id && line.get("account").is_empty(),
            };
        if !of_row {
            continue;
        }
        let spans = by_leg.entry(line.get("leg").to_owned()).or_default();
        let same = spans
            .iter_mut()
            .find(|span| span.class == line.get("class") && span.break_id == line.get("break_id"));
        match same {
            Some(span) => {
                span.days.push(*date);
                span.last = line.clone();
            }
            None => spans.push(Span {
                class: line.get("class").to_owned(),
                break_id: line.get("break_id").to_owned(),
                first_seen: line.get("first_seen").to_owned(),
                days: vec![*date],
                last: line.clone(),
            }),
        }
    }
    by_leg
}

fn tell_break(story: &Story, found: &Found, leg: &str, span: &Span, section: &mut Section) {
    let (from, to) = (span.days[0], span.days[span.days.len() - 1]);
    let overdue = if span.last.get("overdue") == "Y" {
        ", OVERDUE"
    } else {
        ""
    };
    let lived = match from == to {
        true => format!("in the close of {from}"),
        false => format!("in the closes of {from} to {to}"),
    };
    let age = format!(
        "{} calendar and {} business days old on {to}{overdue}",
        span.last.get("age_days"),
        span.last.get("age_business_days")
    );
    section.event(
        from,
        format!(
            "open as {} on leg {leg} since {}, {lived}, {age}; break {}",
            span.class, span.first_seen, span.break_id
        ),
    );
    let side = match found.side {
        OpenSide::Platform => "bank_minor",
        _ => "platform_minor",
    };
    if !span.last.get(side).is_empty()
        && !span.last.get("platform_minor").is_empty()
        && !span.last.get("bank_minor").is_empty()
    {
        let (platform, bank) = (span.last.minor("platform_minor"), span.last.minor("bank_minor"));
        let currency = span.last.get("currency");
        section.step(format!(
            "platform {} against {}, difference {}",
            money(platform, currency),
            money(bank, currency),
            money(platform - bank, currency)
        ));
    }
    for column in ["platform", "bank"] {
        let file = span.last.get(&format!("{column}_file"));
        let line = span.last.get(&format!("{column}_line"));
        let stands = |row: &&Found| {
            row.file.strip_prefix(&format!("inbox/{}/", row.date)) == Some(file)
                && row.line.to_string() == line
        };
        let first = story.rows.iter().find(stands);
        if !file.is_empty()
            && let Some(other) = first
            && (other.file != found.file || other.line != found.line)
        {
            section.source(
                other.date,
                &other.file,
                other.line,
                format!("the other side, {}", other.row.id),
            );
        }
    }
    match story
        .resolved
        .iter()
        .find(|(_, line)| line.get("break_id") == span.break_id)
    {
        Some((date, line)) => {
            section.event(
                *date,
                format!("resolved after {} calendar days", line.get("age_days")),
            );
        }
        None => section.note(words::remedy(&span.class, leg)),
    }
}

/// Fee, payout line and payout of a settled merchant row.
fn settle(days: &Days, found: &Found, date: Date, line: &Matched, section: &mut Section) -> Result<(), Stop> {
    let (Some(day), row) = (days.of(date), &found.row) else {
        return Ok(());
    };
    let book = day.book()?;
    section.event(date, format!("settled by the close of {date}"));
    let fee = i128::from(line.fee_minor.unwrap_or(0));
    let is_merchant = row.txn_type.is_some_and(TxnType::is_merchant);
    match (words::terms_of(&book, &row.merchant_id), row.txn_type) {
        (Some(terms), Some(txn_type)) if is_merchant => {
            let worked = words::row_fee(&book, terms, &row.channel, txn_type, row.amount_minor);
            for step in &worked.steps {
                section.step(step.clone());
            }
            if worked.minor.map(i128::from) != Some(fee) {
                section.note(format!(
                    "published is {}, which these terms do not give",
                    money(fee, &line.currency)
                ));
            } else {
                section.figure(format!("fee {}", money(fee, &line.currency)));
            }
            returned_fee(day, row, section)?;
            payout::follow(days, date, &row.merchant_id, &line.currency, section)?;
        }
        _ if !row.customer_id.is_empty() => {
            section.figure(format!(
                "moves the wallet of customer {}: ask for {}",
                row.customer_id, row.customer_id
            ));
        }
        _ => {}
    }
    Ok(())
}

/// What has been given back of the original's fee (R16), as the state after the refund says.
fn returned_fee(day: &Day, row: &crate::day::state::OpenRow, section: &mut Section) -> Result<(), Stop> {
    if row.txn_type != Some(TxnType::Refund) || row.original_ref.is_empty() {
        return Ok(());
    }
    for back in day.rows("state/fee_returns.csv", |line| {
        line.get("original_txn_id") == row.original_ref
    })? {
        let charged = back.get("merchant_id");
        if !charged.is_empty() && charged != row.merchant_id {
            section.step(format!(
                "no fee is returned: {} is a payment of {charged}, which was charged its fee (R16)",
                row.original_ref
            ));
            continue;
        }
        let (amount, fee) = (back.minor("amount_minor"), back.minor("fee_minor"));
        let (refunded, returned) = (back.minor("refunded_minor"), back.minor("returned_minor"));
        section.step(format!(
            "fee returned of {} up to this close: {} × {} / {} → down → {}, less what earlier refunds returned",
            row.original_ref,
            words::minor_text(fee),
            words::minor_text(refunded),
            words::minor_text(amount),
            words::minor_text(returned)
        ));
    }
    Ok(())
}

/// Rows that no leg protects (R21): posted by the close that received them, or when the wallet held enough.
fn without_leg(
    days: &Days,
    story: &Story,
    found: &Found,
    lived: &BTreeMap<String, Vec<Span>>,
    section: &mut Section,
) -> Result<(), Stop> {
    let row = &found.row;
    let legless = row.funding == Funding::Balance || row.txn_type == Some(TxnType::Transfer);
    if !legless || row.status != Status::Success {
        return Ok(());
    }
    let posted = match lived.get("wallet").and_then(|spans| spans.last()) {
        None => Some(found.date),
        Some(span) => story
            .resolved
            .iter()
            .find(|(_, line)| line.get("break_id") == span.break_id)
            .map(|(date, _)| *date),
    };
    let Some(date) = posted else { return Ok(()) };
    section.event(
        date,
        "settled without a leg: it moves a wallet, no bank (R21)".to_owned(),
    );
    if let (Some(day), Some(txn_type)) = (days.of(date), row.txn_type)
        && let Some(terms) = words::terms_of(&*day.book()?, &row.merchant_id)
        && txn_type.is_merchant()
    {
        for step in words::row_fee(&*day.book()?, terms, &row.channel, txn_type, row.amount_minor).steps {
            section.step(step);
        }
        payout::follow(days, date, &row.merchant_id, row.currency.code(), section)?;
    }
    Ok(())
}

/// Bank entries that no platform row stands for: purposes, payouts, reversals.
fn bank_fate(
    days: &Days,
    story: &Story,
    found: &Found,
    lived: &BTreeMap<String, Vec<Span>>,
    section: &mut Section,
) -> Result<(), Stop> {
    let row = &found.row;
    for reference in [&row.bank_ref, &row.original_ref] {
        let mine = story
            .payouts
            .iter()
            .filter(|(_, line)| line.get("payout_id") == *reference && !reference.is_empty());
        for (date, line) in mine {
            if *date == found.date && lived.is_empty() {
                section.event(
                    *date,
                    format!(
                        "payout {reference} of {} {} by it (leg payout-bank, R13)",
                        line.get("merchant_id"),
                        line.get("progress")
                    ),
                );
                return Ok(());
            }
        }
    }
    let purpose = crate::terms::kinds::Purpose::parse(row.purpose.as_bytes());
    if purpose.direction().is_some() {
        section.event(
            found.date,
            format!("posted to own money: purpose {} (R14)", row.purpose),
        );
        return Ok(());
    }
    let reversal = story.rows.iter().find(|other| {
        other.side == OpenSide::Bank
            && other.row.account == row.account
            && (other.row.original_ref == row.id
                || (row.original_ref == other.row.id && !row.original_ref.is_empty()))
            && other.row.direction != row.direction
            && other.row.amount_minor == row.amount_minor
    });
    let open_last = days.list.last().is_some_and(|day| {
        story
            .breaks
            .iter()
            .any(|(date, line)| *date == day.date() && line.get("entry_id") == row.id)
    });
    if let Some(other) = reversal
        && !open_last
    {
        section.event(
            found.date.max(other.date),
            format!(
                "closed with bank entry {} ({}:{}), pass reversal (R14)",
                other.row.id, other.file, other.line
            ),
        );
    }
    Ok(())
}
