//! Customers, breaks, reserve lines, ledger accounts and journal entries: lines of tables with what stands behind them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::closes::{Day, Days, TableRow, money};
use super::find::{Wanted, search};
use super::{NAMED_ROWS_MAX, Section, adjustments, rows, words};
use crate::findings::Stop;
use crate::terms::date::Date;

/// A customer's balance and the day's rows behind it.
pub(super) fn customer(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    for day in days.looked_into(date) {
        let lines = day.rows("customers.csv", |row| row.get("customer_id") == what)?;
        if lines.is_empty() {
            continue;
        }
        let mut sections = Vec::new();
        for line in &lines {
            let mut section = Section::new(format!(
                "customer {what}, {}, in the close of {}",
                line.get("currency"),
                day.date()
            ));
            section.source(
                day.date(),
                &day.told("customers.csv"),
                line.line,
                format!(
                    "opening {} + credits {} − debits {} = closing {}",
                    line.money("opening_minor"),
                    line.money("credit_minor"),
                    line.money("debit_minor"),
                    line.money("closing_minor")
                ),
            );
            sections.push(section);
        }
        let found = search(days, &days.list.iter().collect::<Vec<_>>(), &Wanted::Party(what))?;
        let mut section = Section::new(format!("rows of {what}, all days"));
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
        sections.push(section);
        return Ok(sections);
    }
    Ok(Vec::new())
}

/// The cause that the close names for a break: by its number, else by the lines that it stands on.
fn cause_of(day: &Day, line: &TableRow) -> Option<String> {
    let summary = day.closed.summary()?;
    let texts = summary.get("causes")?.as_array()?;
    let details = summary.get("cause_details")?.as_array()?;
    let text = |cause: &Value, field: &str| cause.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let number = |cause: &Value, field: &str| cause.get(field).and_then(Value::as_u64).unwrap_or(0);
    let stands_on = |cause: &Value| {
        let on = |side: &str| {
            let at = line.get(&format!("{side}_line")).parse().unwrap_or(0);
            text(cause, "file") == line.get(&format!("{side}_file"))
                && (number(cause, "line")..=number(cause, "line_last")).contains(&at)
                && at > 0
        };
        cause.get("by_lines_alone").and_then(Value::as_bool) == Some(true)
            && text(cause, "class") == line.get("class")
            && text(cause, "leg") == line.get("leg")
            && line.get("first_seen") == day.date().to_string()
            && (on("platform") || on("bank"))
    };
    let is_its = |cause: &Value| match line.get("cause") {
        "" => stands_on(cause),
        own => own.parse() == Ok(number(cause, "number")),
    };
    let (_, sentence) = details.iter().zip(texts).find(|(cause, _)| is_its(cause))?;
    Some(format!("cause: {}", sentence.as_str()?))
}

/// A break: its line, its rows, the days it lived, what resolves it.
pub(super) fn broken(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    if what.len() != 32 {
        return Ok(Vec::new());
    }
    let known = |day: &Day| -> Result<Option<TableRow>, Stop> {
        Ok(day
            .rows("breaks.csv", |row| row.get("break_id") == what)?
            .into_iter()
            .next())
    };
    let adjusted = adjustments::of_break(days, what)?;
    if let Some(date) = date
        && let Some(day) = days.of(date)
        && known(day)?.is_none()
        && !adjusted.iter().any(|(day, _)| day.date() == date)
    {
        return Ok(Vec::new());
    }
    let mut section = Section::new(format!("break {what}"));
    let mut last = None;
    for day in &days.list {
        if let Some(line) = known(day)? {
            section.source(
                day.date(),
                &day.told("breaks.csv"),
                line.line,
                format!(
                    "{} on leg {}, {} days old ({} business days){}",
                    line.get("class"),
                    line.get("leg"),
                    line.get("age_days"),
                    line.get("age_business_days"),
                    if line.get("overdue") == "Y" {
                        ", OVERDUE"
                    } else {
                        ""
                    }
                ),
            );
            last = Some((day, line));
        }
        for line in day.rows("resolved.csv", |row| row.get("break_id") == what)? {
            section.event(
                day.date(),
                format!(
                    "resolved after {} calendar days ({}:{})",
                    line.get("age_days"),
                    day.told("resolved.csv"),
                    line.line
                ),
            );
        }
    }
    for (day, adjustment) in &adjusted {
        adjustments::tell(day, adjustment, &mut section);
    }
    let Some((day, line)) = last else {
        // Closed on the day it arose: it stands in no list of breaks.
        return Ok(if section.lines.is_empty() {
            Vec::new()
        } else {
            vec![section]
        });
    };
    if let Some(cause) = cause_of(day, &line) {
        section.note(cause);
    }
    section.figure(format!(
        "first seen {}, reference {}, platform {}, bank {}",
        line.get("first_seen"),
        line.get("bank_ref"),
        shown(&line, "platform_minor"),
        shown(&line, "bank_minor")
    ));
    if adjusted.is_empty() {
        section.note(words::remedy(line.get("class"), line.get("leg")));
    }
    if !line.get("candidates").is_empty() {
        section.note(format!("candidates: {}", line.get("candidates")));
    }
    let ids: BTreeSet<String> = ["txn_id", "entry_id"]
        .into_iter()
        .map(|column| line.get(column).to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    if !ids.is_empty() {
        let found = search(days, &days.list.iter().collect::<Vec<_>>(), &Wanted::Ids(&ids))?;
        for row in found.rows.iter().filter(|row| ids.contains(&row.row.id)) {
            section.source(
                row.date,
                &row.file,
                row.line,
                format!("{}: {}", row.row.id, rows::carried(days, row)?),
            );
        }
        for note in found.notes {
            section.note(note);
        }
    }
    Ok(vec![section])
}

fn shown(line: &TableRow, column: &str) -> String {
    match line.get(column).is_empty() {
        true => "none".to_owned(),
        false => line.money(column),
    }
}

/// True for names of ledger accounts.
pub(super) fn is_ledger(what: &str) -> bool {
    ["assets:", "liabilities:", "income:", "equity:", "expenses:"]
        .iter()
        .any(|root| what.starts_with(root))
}

/// A ledger account's or a journal entry's lines.
pub(super) fn journal(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    if !is_ledger(what) && what.len() != 32 {
        return Ok(Vec::new());
    }
    let column = if is_ledger(what) {
        "ledger_account"
    } else {
        "entry_id"
    };
    for day in days.looked_into(date) {
        let lines = day.rows("journal.csv", |row| row.get(column) == what)?;
        let balances = match column {
            "ledger_account" => day.rows("trial_balance.csv", |row| row.get(column) == what)?,
            _ => Vec::new(),
        };
        if lines.is_empty() && balances.is_empty() {
            continue;
        }
        let mut section = Section::new(match column {
            "entry_id" => format!("journal entry {what} of {}", day.date()),
            _ => format!("ledger account {what} in the close of {}", day.date()),
        });
        for line in &balances {
            section.source(
                day.date(),
                &day.told("trial_balance.csv"),
                line.line,
                format!(
                    "opening {} + debits {} − credits {} = closing {}",
                    line.money("opening_minor"),
                    line.money("debit_minor"),
                    line.money("credit_minor"),
                    line.money("closing_minor")
                ),
            );
        }
        for line in lines.iter().take(NAMED_ROWS_MAX) {
            section.source(
                day.date(),
                &day.told("journal.csv"),
                line.line,
                format!(
                    "{} {} of {}: debit {}, credit {} (entry {})",
                    line.get("ledger_account"),
                    line.get("kind"),
                    if line.get("obligee_id").is_empty() {
                        "nobody"
                    } else {
                        line.get("obligee_id")
                    },
                    line.money("debit_minor"),
                    line.money("credit_minor"),
                    line.get("entry_id")
                ),
            );
        }
        section.more_lines(lines.len(), &day.told("journal.csv"));
        return Ok(vec![section]);
    }
    Ok(Vec::new())
}

/// Names of the reserve lines of a close.
pub(super) fn reserve_lines(day: &Day) -> Result<Vec<String>, Stop> {
    Ok(pools(day)?
        .iter()
        .map(|pool| format!("reserve:{}/{}", text(pool, "pool"), text(pool, "currency")))
        .collect())
}

fn pools(day: &Day) -> Result<Vec<serde_json::Value>, Stop> {
    let path = day.closed.folder.join("reserve/reserve.json");
    let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(value
        .get("pools")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default())
}

fn text<'a>(pool: &'a serde_json::Value, key: &str) -> &'a str {
    pool.get(key)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}

/// How a figure is made (SPEC §7, R1): name, terms with their signs.
const FIGURES: [(&str, &[(&str, &str)]); 8] = [
    ("R", &[("+", "balances"), ("+", "U"), ("+", "P"), ("+", "F")]),
    ("C", &[("+", "S_bank"), ("+", "S_other"), ("−", "R")]),
    ("C_strict", &[("+", "S_bank"), ("−", "R")]),
    ("U", &[("+", "B1")]),
    (
        "S_book",
        &[
            ("+", "S_bank"),
            ("+", "A1"),
            ("−", "A2"),
            ("−", "B1"),
            ("+", "B2"),
        ],
    ),
    // C_int's R_book has a term of its own under basis = received, told in words.
    ("C_int", &[("+", "S_book"), ("+", "S_other"), ("−", "R_book")]),
    ("shortfall", &[]),
    ("excess", &[]),
];

/// `POOL/CURRENCY` or `POOL/CURRENCY/FIGURE`.
pub(super) fn reserve(days: &Days, line: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    let parts: Vec<&str> = line.split('/').collect();
    let (name, currency, figure) = match parts.as_slice() {
        [pool, currency] => (*pool, *currency, None),
        [pool, currency, figure] => (*pool, *currency, Some(*figure)),
        _ => return Ok(Vec::new()),
    };
    for day in days.looked_into(date) {
        let found = pools(day)?
            .into_iter()
            .find(|pool| text(pool, "pool") == name && text(pool, "currency") == currency);
        let Some(pool) = found else { continue };
        if figure.is_some_and(|figure| pool.get(figure).is_none()) {
            continue;
        }
        return Ok(vec![pool_told(day, &pool, name, currency, figure)?]);
    }
    Ok(Vec::new())
}

fn pool_told(
    day: &Day,
    pool: &serde_json::Value,
    name: &str,
    currency: &str,
    figure: Option<&str>,
) -> Result<Section, Stop> {
    let asked = figure.map(|figure| format!(", {figure}")).unwrap_or_default();
    let mut section = Section::new(format!(
        "reserve {name} {currency}{asked} in the close of {}",
        day.date()
    ));
    let minor = |key: &str| text(pool, key).parse::<i128>().unwrap_or(0);
    section.source(
        day.date(),
        &day.told("reserve/reserve.json"),
        0,
        format!("basis of what follows; worst line {}", text(pool, "headline")),
    );
    let basis = day.book()?.settings.reserve.basis;
    let received = basis == crate::book::settings::Basis::Received;
    let r_book = minor("R") - minor("U") - minor("P") - minor("F") + if received { minor("A1") } else { 0 };
    let value = |key: &str| if key == "R_book" { r_book } else { minor(key) };
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    for (of, terms) in FIGURES {
        let wanted = figure.is_none_or(|figure| figure == of) || reached.contains(of);
        if !wanted {
            continue;
        }
        if terms.is_empty() {
            section.figure(format!("{of} = {}", money(minor(of), currency)));
            continue;
        }
        let told: Vec<String> = terms
            .iter()
            .map(|(sign, term)| format!("{sign} {term} {}", money(value(term), currency)))
            .collect();
        let told = told.join(" ");
        section.step(format!(
            "{of} = {} = {}",
            told.trim_start_matches("+ "),
            money(minor(of), currency)
        ));
        reached.extend(terms.iter().map(|(_, term)| *term));
    }
    if figure.is_none_or(|figure| figure == "C_int") {
        let plus = if received {
            format!(" + A1 {}", money(minor("A1"), currency))
        } else {
            String::new()
        };
        section.step(format!(
            "R_book = R {} − U {} − P {} − F {}{plus} = {}",
            money(minor("R"), currency),
            money(minor("U"), currency),
            money(minor("P"), currency),
            money(minor("F"), currency),
            money(r_book, currency)
        ));
    }
    if let Some(other) = figure.filter(|figure| FIGURES.iter().all(|(of, _)| of != figure)) {
        section.figure(format!("{other} = {}", money(minor(other), currency)));
    }
    let wants = |term: &str| {
        figure.is_none_or(|figure| {
            figure == term || figure.starts_with('C') || figure == "R" && "balances U P F".contains(term)
        })
    };
    for class in ["A1", "A2", "B1", "B2"] {
        let lines = day.rows("reserve/items.csv", |row| {
            row.get("class") == class && row.get("pool") == name && row.get("currency") == currency
        })?;
        let is_wanted = wants(class)
            || lines
                .iter()
                .any(|row| figure.is_some_and(|figure| figure == row.get("figure")))
            || figure == Some("R");
        if lines.is_empty() || !is_wanted {
            continue;
        }
        let sum: i128 = lines.iter().map(|row| row.minor("amount_minor")).sum();
        section.figure(format!(
            "{class} = {}, {} items in {}",
            money(sum, currency),
            lines.len(),
            day.told("reserve/items.csv")
        ));
        for row in lines.iter().take(NAMED_ROWS_MAX) {
            section.source(
                day.date(),
                &day.told("reserve/items.csv"),
                row.line,
                format!(
                    "{} {} {} {} since {}",
                    class,
                    row.get("figure"),
                    row.get("id"),
                    row.money("amount_minor"),
                    row.get("first_seen")
                ),
            );
        }
        if lines.len() > NAMED_ROWS_MAX {
            section.note(format!("and {} more", lines.len() - NAMED_ROWS_MAX));
        }
    }
    if wants("balances") || figure == Some("R_neg") {
        let lines = day.rows("reserve/balances.csv", |row| {
            row.get("pool") == name && row.get("currency") == currency
        })?;
        section.figure(format!(
            "balances = {}, negative ones apart R_neg = {}: {} obligees in {}",
            money(minor("balances"), currency),
            money(minor("R_neg"), currency),
            lines.len(),
            day.told("reserve/balances.csv")
        ));
        for row in lines.iter().take(NAMED_ROWS_MAX) {
            section.source(
                day.date(),
                &day.told("reserve/balances.csv"),
                row.line,
                format!(
                    "{} {} {}",
                    row.get("kind"),
                    row.get("obligee_id"),
                    row.money("balance_minor")
                ),
            );
        }
        if lines.len() > NAMED_ROWS_MAX {
            section.note(format!("and {} more", lines.len() - NAMED_ROWS_MAX));
        }
    }
    if wants("S_bank") {
        for row in day.rows("reserve/lines.csv", |row| {
            row.get("pool") == name && row.get("currency") == currency
        })? {
            section.source(
                day.date(),
                &day.told("reserve/lines.csv"),
                row.line,
                format!(
                    "{}: bank {} + A1 {} − A2 {} − B1 {} + B2 {} = book {}",
                    row.get("account"),
                    row.money("bank_minor"),
                    row.money("a1_minor"),
                    row.money("a2_minor"),
                    row.money("b1_minor"),
                    row.money("b2_minor"),
                    row.money("book_minor")
                ),
            );
        }
    }
    Ok(section)
}
