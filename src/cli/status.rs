//! `tieout status`: which days are closed and how, and what is next.

use serde_json::{Value, json};

use crate::book::Book;
use crate::book::layout::Layout;
use crate::cli::arguments::StatusArgs;
use crate::cli::json;
use crate::cli::reconciliation;
use crate::cli::screen::{Screen, paint, quoted};
use crate::day::history::{Closed, History, inbox_dates};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::discover;
use crate::report::show;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// The day that comes next, and whether it can be closed.
struct Next {
    date: Date,
    files: usize,
    findings: Vec<Finding>,
}

/// Prints the state of the book.
///
/// # Errors
/// 78 when the folder is no book; a failure to list folders.
pub fn run(arguments: &StatusArgs, screen: &Screen) -> Result<u8, Stop> {
    if arguments.reconciliation {
        return reconciliation::run(arguments, screen);
    }
    let layout = Layout::new(&arguments.book);
    let history = History::read(&layout)?;
    let book = match Book::open(&arguments.book) {
        Ok(book) => Ok(book),
        // The closes are worth showing while the settings are being mended.
        Err(stop) if stop.code != StopCode::Permission && !history.closes.is_empty() => Err(stop),
        Err(stop) => return Err(stop),
    };
    let next = next(&layout, &history, book)?;
    if screen.json() {
        screen.out(&json::line(&status_json(arguments, &history, next.as_ref())))?;
        return Ok(0);
    }
    screen.out(&told(&history, next.as_ref(), screen.colour_out()))?;
    if let Some(next) = &next {
        for finding in &next.findings {
            screen.finding(finding);
        }
    }
    screen.hint(command(arguments, next.as_ref()).as_deref());
    Ok(0)
}

/// The day after the last close; before the first, the earliest day in the inbox.
fn next(layout: &Layout, history: &History, book: Result<Book, Stop>) -> Result<Option<Next>, Stop> {
    let date = match history.last_date() {
        Some(last) => last.plus_days(1),
        None => match inbox_dates(layout)?.first() {
            Some(first) => *first,
            None => return Ok(None),
        },
    };
    let found = book.and_then(|book| discover(&layout.inbox(date), &book.settings));
    Ok(Some(match found {
        Ok(delivery) => Next {
            date,
            files: delivery.files.len(),
            findings: Vec::new(),
        },
        Err(stop) => Next {
            date,
            files: 0,
            findings: stop.findings,
        },
    }))
}

fn command(arguments: &StatusArgs, next: Option<&Next>) -> Option<String> {
    let root = quoted(&arguments.book);
    let next = next?;
    let name = if next.findings.is_empty() {
        "close"
    } else {
        "check"
    };
    Some(format!("tieout {name} {root} --date {}", next.date))
}

fn told(history: &History, next: Option<&Next>, colour: bool) -> String {
    let mut text = String::new();
    for closed in history.in_force() {
        text.push_str(&line(closed, colour));
    }
    if history.closes.is_empty() {
        text.push_str("no day is closed yet\n");
    }
    for closed in &history.incomplete {
        text.push_str(&format!(
            "{:<13} has no manifest: run tieout verify\n",
            closed.name()
        ));
    }
    text.push_str(&match next {
        None => "next: deliver the first day's files into inbox/YYYY-MM-DD/\n".to_owned(),
        Some(next) if next.findings.is_empty() => {
            format!(
                "next: {}, inbox complete, {} files\n",
                next.date,
                show::count(next.files as u64)
            )
        }
        Some(next) => format!(
            "next: {}, not ready: {} findings\n",
            next.date,
            next.findings.len()
        ),
    });
    text
}

/// One day: sequence, code, breaks, payouts, reserve.
fn line(closed: &Closed, colour: bool) -> String {
    let Some(summary) = closed.summary() else {
        return format!(
            "{:<13} summary.json cannot be read: run tieout verify\n",
            closed.name()
        );
    };
    let code = summary.get("exit_code").and_then(Value::as_u64);
    let shade = match code {
        Some(0) => "32",
        Some(10) => "33",
        _ => "31",
    };
    let word = |key: &str| summary.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let count = |key: &str| show::count(summary.get(key).and_then(Value::as_u64).unwrap_or(0));
    let mut parts = vec![format!(
        "{} breaks open, {} overdue",
        count("breaks_open"),
        count("breaks_overdue")
    )];
    for payout in rows(&summary, "payouts") {
        parts.push(format!("paid {}", money(payout, "issued_minor")));
    }
    for pool in rows(&summary, "reserve") {
        let name = pool.get("pool").and_then(Value::as_str).unwrap_or("?");
        parts.push(format!(
            "reserve {} {}",
            show::visible(name),
            money(pool, "worst_minor")
        ));
    }
    format!(
        "{:<13} {} {}; {}\n",
        closed.name(),
        paint(
            colour,
            shade,
            &format!("{:>2}", code.map_or("?".to_owned(), |code| code.to_string()))
        ),
        show::visible(&word("status")),
        parts.join("; ")
    )
}

fn rows<'a>(summary: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    summary.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// `CNY 1,234.56`.
fn money(row: &Value, key: &str) -> String {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or("?");
    let (code, minor) = (text("currency"), text(key));
    match (Currency::parse(code.as_bytes()), minor.parse()) {
        (Some(currency), Ok(minor)) => format!("{code} {}", show::amount(minor, currency)),
        _ => format!("{} {}", show::visible(code), show::visible(minor)),
    }
}

fn status_json(arguments: &StatusArgs, history: &History, next: Option<&Next>) -> Value {
    let closes: Vec<Value> = history
        .in_force()
        .into_iter()
        .map(|closed| {
            let summary = closed.summary();
            json!({
                "date": closed.date.to_string(),
                "sequence": closed.sequence,
                "folder": closed.folder.display().to_string(),
                "exit_code": summary.as_ref().and_then(|summary| summary.get("exit_code").cloned()),
                "summary": summary,
            })
        })
        .collect();
    json!({
        "exit_code": 0,
        "findings": [],
        "closes": closes,
        "incomplete": history.incomplete.iter().map(Closed::name).collect::<Vec<_>>(),
        "next": next.map(|next| json!({
            "date": next.date.to_string(),
            "ready": next.findings.is_empty(),
            "files": next.files,
            "findings": next.findings.iter().map(json::finding).collect::<Vec<_>>(),
            "command": command(arguments, Some(next)),
        })),
    })
}
