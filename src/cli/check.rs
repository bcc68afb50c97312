//! `tieout check`: would the day close? Settings, masters, calendars, and the files of a date; no row is read.

use serde_json::json;

use crate::book::calendars::due_date;
use crate::book::settings::{Cycle, Role, Settings};
use crate::book::{Book, needed_calendars};
use crate::cli::arguments::CheckArgs;
use crate::cli::json;
use crate::cli::screen::{Screen, quoted};
use crate::day::history::History;
use crate::day::read::check_formats;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::{Delivery, discover};
use crate::report::show;
use crate::terms::date::Date;

/// How far ahead a calendar that ends is told of.
const BUSINESS_DAYS_AHEAD: u32 = 10;

/// Checks the book.
///
/// # Errors
/// As a close would stop: 78, 65, 66, 74, 77.
pub fn run(arguments: &CheckArgs, screen: &Screen) -> Result<u8, Stop> {
    let book = Book::open(&arguments.book)?;
    let mut stops = Vec::new();
    stops.extend(check_formats(&book).err());
    stops.extend(channels_without_a_leg(&book.settings));
    if let Some(date) = arguments.date {
        stops.extend(days_needed(&book, date).err());
    }
    // The clock is not read: without a date the day after the last close is the one to look ahead from.
    let from = match arguments.date {
        Some(date) => Some(date),
        None => History::read(&book.layout)?
            .last_date()
            .map(|last| last.plus_days(1)),
    };
    let ahead = from.map_or_else(Vec::new, |from| look_ahead(&book, from));
    let delivery = arguments
        .date
        .map(|date| delivered(&book, date).map_err(|stop| stops.push(stop)))
        .and_then(Result::ok);
    if let Some(stop) = Stop::join(stops) {
        return Err(stop);
    }
    if screen.json() {
        let told = json!({
            "exit_code": 0,
            "findings": [],
            "notes": ahead.iter().map(json::finding).collect::<Vec<_>>(),
            "institution": book.settings.institution.name,
            "merchants": book.merchants.len(),
            "date": arguments.date.map(|date| date.to_string()),
            "files": delivery.as_ref().map(|delivery| files_json(&book, delivery)),
            "passed_over": delivery.as_ref().map(|delivery| &delivery.skipped),
        });
        screen.out(&json::line(&told))?;
        return Ok(0);
    }
    screen.out(&told(&book, arguments.date, delivery.as_ref()))?;
    for finding in &ahead {
        screen.finding(finding);
    }
    let root = quoted(&arguments.book);
    screen.hint(Some(&match arguments.date {
        Some(date) => format!("tieout close {root} --date {date}"),
        None => format!("tieout status {root}"),
    }));
    Ok(0)
}

/// Sources of a channel whose rows no leg compares with the platform: a close would refuse each of them.
fn channels_without_a_leg(settings: &Settings) -> Option<Stop> {
    let mut findings = Vec::new();
    for source in &settings.sources {
        let channel = source.channel.as_deref().filter(|_| source.role == Role::Channel);
        if let Some(channel) = channel.filter(|channel| settings.bill_leg(channel).is_none()) {
            findings.push(Finding::about(
                "book.toml",
                format!(
                    "source `{}`: no leg between platform and channel takes channel `{channel}`: every row of the source would be refused",
                    source.name
                ),
                "add a [[leg]] with left = \"platform\" and right = \"channel\", or add the channel to `channels` of one",
            ));
        }
    }
    (!findings.is_empty()).then_some(Stop {
        code: StopCode::Settings,
        findings,
    })
}

/// The files of the day: there, claimed by one source each, required ones present.
fn delivered(book: &Book, date: Date) -> Result<Delivery, Stop> {
    discover(&book.layout.inbox(date), &book.settings)
}

/// The days that closing `date` asks for (R8, R9): execution date and due dates of every cycle in use.
fn days_needed(book: &Book, date: Date) -> Result<(), Stop> {
    let settings = &book.settings;
    let home = settings.institution.calendar.as_str();
    let mut cycles = vec![(home, Cycle::Business(1)), (home, settings.payout.default_cycle)];
    for terms in book.merchants.terms.iter() {
        let cycle = (terms.calendar.as_deref().unwrap_or(home), terms.cycle);
        if !cycles.contains(&cycle) {
            cycles.push(cycle);
        }
    }
    let unknown = cycles.into_iter().filter_map(|(id, cycle)| {
        let calendar = book.calendars.get(id)?;
        due_date(cycle, date, calendar).err()
    });
    let mut stops: Vec<Stop> = unknown.map(Stop::from).collect();
    stops.dedup_by(|a, b| a.findings == b.findings);
    Stop::join(stops).map_or(Ok(()), Err)
}

/// Calendars that will soon not know a day that is needed: no fault today.
fn look_ahead(book: &Book, date: Date) -> Vec<Finding> {
    let needed = needed_calendars(&book.settings, &book.merchants);
    let unknown = needed.iter().filter_map(|id| {
        let calendar = book.calendars.get(id)?;
        calendar.nth_business_day_after(date, BUSINESS_DAYS_AHEAD).err()
    });
    let told = |mut finding: Finding| {
        finding.message = format!("within {BUSINESS_DAYS_AHEAD} business days: {}", finding.message);
        finding
    };
    unknown
        .flat_map(|unknown| Stop::from(unknown).findings)
        .map(told)
        .collect()
}

fn files_json(book: &Book, delivery: &Delivery) -> Vec<serde_json::Value> {
    let files = delivery.files.iter();
    files
        .map(|file| {
            let source = book.settings.sources.get(file.source);
            json!({
                "name": file.name,
                "source": source.map(|source| &source.name),
                "role": source.map(|source| source.role.name()),
            })
        })
        .collect()
}

fn told(book: &Book, date: Option<Date>, delivery: Option<&Delivery>) -> String {
    let settings = &book.settings;
    let mut lines = vec![
        format!(
            "settings   ok: {} ({}), {} accounts, {} sources, {} legs",
            show::visible(&settings.institution.name),
            settings.institution.id,
            settings.accounts.len(),
            settings.sources.len(),
            settings.legs.len()
        ),
        format!("merchants  ok: {}", show::count(book.merchants.len() as u64)),
    ];
    for id in needed_calendars(settings, &book.merchants) {
        let years = book.calendars.get(&id).map(|calendar| {
            let years = &calendar.years;
            match (years.keys().next(), years.keys().next_back()) {
                (Some(first), Some(last)) => format!("{first} to {last}"),
                _ => "no years".to_owned(),
            }
        });
        lines.push(format!("calendar   ok: {id}, {}", years.unwrap_or_default()));
    }
    if let (Some(date), Some(delivery)) = (date, delivery) {
        lines.push(format!(
            "inbox      ok: {date}, {} files",
            show::count(delivery.files.len() as u64)
        ));
        for (index, source) in settings.sources.iter().enumerate() {
            let count = delivery.files.iter().filter(|file| file.source == index).count();
            let needed = if source.required { "required" } else { "optional" };
            lines.push(format!(
                "  {:<16} {:<9} {needed:<9} {count} files",
                source.name,
                source.role.name()
            ));
        }
        for name in &delivery.skipped {
            lines.push(format!("  passed over: {} (hidden)", show::visible(name)));
        }
    }
    lines.join("\n") + "\n"
}
