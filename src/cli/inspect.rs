//! `tieout inspect`: what a file is and says, before any book is made for it. Looking is done in `ingest::inspect`.

use serde_json::{Value, json};

use crate::book::Book;
use crate::cli::arguments::InspectArgs;
use crate::cli::json;
use crate::cli::screen::Screen;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files;
use crate::ingest::formats::desk::StatementTold;
use crate::ingest::inspect::{Inspected, builtin_profiles, compare_members, inspect};
use crate::terms::currency::Currency;
use crate::terms::money::format_minor;

/// Prints what was found out about each file.
///
/// # Errors
/// 66 when a file is missing, 65 when one cannot be unpacked, 77 or 74 when it cannot be read; 78 for a wrong book.
pub fn run(arguments: &InspectArgs, screen: &Screen) -> Result<u8, Stop> {
    let book = arguments.book.as_ref().map(|root| Book::open(root)).transpose()?;
    let of_book = book.iter().flat_map(|book| &book.profiles);
    let mut profiles: Vec<(String, String)> = of_book
        .map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    profiles.extend(builtin_profiles());
    let mut seen: Vec<Inspected> = Vec::new();
    let mut stops = Vec::new();
    for path in &arguments.files {
        let (delivery, found) = files::deliver(path);
        stops.extend(found);
        for file in &delivery.files {
            match inspect(file, &profiles, book.as_ref().map(|book| &book.settings)) {
                Ok(one) => seen.push(one),
                Err(error) => stops.push(files::read_failed(file, &error)),
            }
        }
    }
    compare_members(&mut seen);
    let stop = Stop::join(stops);
    let failed = seen.iter().any(|one| !one.holds());
    let code = match &stop {
        Some(stop) => stop.code as u8,
        None if failed => StopCode::BadData as u8,
        None => 0,
    };
    if screen.json() {
        let findings: Vec<Value> = stop
            .iter()
            .flat_map(|stop| &stop.findings)
            .map(json::finding)
            .collect();
        let told = json!({
            "exit_code": code,
            "findings": findings,
            "files": seen.iter().map(told).collect::<Vec<_>>(),
        });
        screen.out(&json::line(&told))?;
        return Ok(code);
    }
    if arguments.draft {
        return drafts(&seen, stop, screen);
    }
    for (index, one) in seen.iter().enumerate() {
        let gap = if index > 0 { "\n" } else { "" };
        screen.out(&format!("{gap}{}", words(one)))?;
    }
    if let Some(stop) = stop {
        for finding in &stop.findings {
            screen.finding(finding);
        }
    }
    Ok(code)
}

/// Prints the drafts alone, so that they can go into a file; of a file without one, standard error says why.
fn drafts(seen: &[Inspected], stop: Option<Stop>, screen: &Screen) -> Result<u8, Stop> {
    let mut code = stop.as_ref().map_or(0, |stop| stop.code as u8);
    for one in seen {
        match &one.draft {
            Some(draft) => {
                if seen.len() > 1 {
                    screen.out(&format!("# drafted from {}\n", plain(&one.name)))?;
                }
                screen.out(draft)?;
            }
            None => {
                screen.note(&words(one));
                if code == 0 {
                    code = StopCode::BadData as u8;
                }
            }
        }
    }
    for finding in stop.iter().flat_map(|stop| &stop.findings) {
        screen.finding(finding);
    }
    Ok(code)
}

fn text_of(minor: i128, currency: Currency) -> String {
    format!("{} {currency}", format_minor(minor, currency.digits()))
}

/// Text without control characters, which a terminal might obey.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let itself = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(itself)
        })
        .collect()
}

fn words(seen: &Inspected) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(plain(&seen.name));
    let named = match seen.format.as_str() {
        "" => format!("unknown ({})", seen.title),
        format if format == seen.title => format.to_owned(),
        format => format!("{format} ({})", seen.title),
    };
    line(format!("  format    {}", plain(&named)));
    if !seen.variant.is_empty() {
        line(format!("  variant   {}", plain(&seen.variant)));
    }
    if let Some(role) = seen.role {
        line(format!("  role      {}", role.name()));
    }
    if !seen.encoding.is_empty() {
        line(format!("  encoding  {}", seen.encoding));
    }
    line(format!(
        "  content   {} bytes, sha256 {}",
        seen.bytes, seen.sha256
    ));
    if let Some((from, to)) = seen.period {
        line(format!("  period    {from} to {to}"));
    }
    for account in &seen.accounts {
        line(format!("  account   {} {}", plain(&account.id), account.currency));
    }
    for told in &seen.statements {
        line(format!("  {}", plain(&statement_words(told, seen))));
    }
    line(format!(
        "  rows      {}, {} that move no money, {} refused",
        seen.rows, seen.not_booked, seen.reject_count
    ));
    for sum in &seen.sums {
        line(format!(
            "  sum       {} {}: {}",
            sum.rows,
            sum.side,
            text_of(sum.sum_minor, sum.currency)
        ));
    }
    if !seen.first.is_empty() {
        line("  first rows".to_owned());
    }
    for entry in &seen.first {
        let fields: Vec<String> = entry
            .fields
            .iter()
            .map(|(name, text)| format!("{name}={}", plain(text)))
            .collect();
        line(format!("    line {}: {}", entry.line, fields.join("  ")));
    }
    for note in &seen.notes {
        line(format!("  note      {}", plain(note)));
    }
    for checked in &seen.checked {
        line(format!("  holds     {}", plain(checked)));
    }
    for reject in &seen.rejects {
        line(format!(
            "  refused   line {}: {}: found `{}`, expected {}",
            reject.line,
            reject.field,
            plain(&reject.found),
            plain(&reject.expected)
        ));
    }
    for failed in &seen.failed {
        let place = if failed.line > 0 {
            format!("line {}: ", failed.line)
        } else {
            String::new()
        };
        line(format!("  FAILS     {place}{}", plain(&failed.message)));
        line(format!("            help: {}", plain(&failed.help)));
    }
    if let Some(draft) = &seen.draft {
        line("  a profile to confirm:\n".to_owned());
        line(draft.trim_end().to_owned());
    }
    out
}

fn statement_words(told: &StatementTold, seen: &Inspected) -> String {
    let Some(account) = seen.accounts.get(told.account) else {
        return "statement".to_owned();
    };
    let number = told
        .sequence
        .map_or(String::new(), |number| format!(" number {number}"));
    let balance = |balance: Option<crate::ingest::formats::desk::Balance>| {
        balance.map_or("none".to_owned(), |balance| {
            format!(
                "{} on {}",
                text_of(balance.minor.into(), account.currency),
                balance.date
            )
        })
    };
    format!(
        "{} {}{number} of {}: opening {}, {} credits {}, {} debits {}, closing {}",
        told.purport.name(),
        if told.id.is_empty() {
            "without id"
        } else {
            &told.id
        },
        account.id,
        balance(told.opening),
        told.booked.credit.count,
        text_of(told.booked.credit.sum_minor, account.currency),
        told.booked.debit.count,
        text_of(told.booked.debit.sum_minor, account.currency),
        balance(told.closing)
    )
}

fn told(seen: &Inspected) -> Value {
    let amount = |minor: i128, currency: Currency| format_minor(minor, currency.digits());
    let statements: Vec<Value> = seen
        .statements
        .iter()
        .map(|told| {
            let account = seen.accounts.get(told.account);
            let balance = |balance: Option<crate::ingest::formats::desk::Balance>| match (balance, account) {
                (Some(balance), Some(account)) => json!({
                    "date": balance.date.to_string(),
                    "amount": amount(balance.minor.into(), account.currency),
                }),
                _ => Value::Null,
            };
            let sum = |minor: i128| account.map(|account| amount(minor, account.currency));
            json!({
                "kind": told.purport.name(),
                "line": told.line,
                "account": account.map(|account| account.id.clone()),
                "currency": account.map(|account| account.currency.code()),
                "id": told.id,
                "number": told.sequence,
                "pages": told.pages,
                "period": told.period,
                "opening": balance(told.opening),
                "closing": balance(told.closing),
                "credit_count": told.booked.credit.count,
                "credit_sum": sum(told.booked.credit.sum_minor),
                "debit_count": told.booked.debit.count,
                "debit_sum": sum(told.booked.debit.sum_minor),
                "not_booked": told.not_booked,
                "content_sha256": told.content,
            })
        })
        .collect();
    let first: Vec<Value> = seen
        .first
        .iter()
        .map(|entry| {
            let mut fields: serde_json::Map<String, Value> = entry
                .fields
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.clone().into()))
                .collect();
            fields.insert("line".to_owned(), entry.line.into());
            Value::Object(fields)
        })
        .collect();
    let failed: Vec<Value> = seen
        .failed
        .iter()
        .map(|failed| {
            let finding =
                Finding::about(&seen.name, &failed.message, &failed.help).at(failed.line, failed.column);
            json::finding(&finding)
        })
        .collect();
    let sums: Vec<Value> = seen
        .sums
        .iter()
        .map(|sum| {
            json!({
                "side": sum.side, "currency": sum.currency.code(), "rows": sum.rows,
                "sum": amount(sum.sum_minor, sum.currency),
            })
        })
        .collect();
    let rejects: Vec<Value> = seen
        .rejects
        .iter()
        .map(|reject| {
            json!({
                "line": reject.line, "column": reject.column, "field": reject.field, "found": reject.found,
                "expected": reject.expected,
            })
        })
        .collect();
    let accounts: Vec<Value> = seen
        .accounts
        .iter()
        .map(|account| json!({ "account": account.id, "currency": account.currency.code() }))
        .collect();
    json!({
        "name": seen.name,
        "format": if seen.format.is_empty() { Value::Null } else { seen.format.clone().into() },
        "title": seen.title,
        "variant": seen.variant,
        "role": seen.role.map(|role| role.name()),
        "encoding": seen.encoding,
        "bytes": seen.bytes,
        "sha256": seen.sha256,
        "period": seen.period.map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() })),
        "accounts": accounts,
        "statements": statements,
        "rows": seen.rows,
        "not_booked": seen.not_booked,
        "sums": sums,
        "first": first,
        "checked": seen.checked,
        "notes": seen.notes,
        "failed": failed,
        "reject_count": seen.reject_count,
        "rejects": rejects,
        "holds": seen.holds(),
        "draft": seen.draft,
    })
}
