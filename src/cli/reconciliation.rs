//! `tieout status --reconciliation`: statement ± open items = cash book, of a closed day as it was known then.

use serde_json::{Value, json};

use crate::cli::arguments::StatusArgs;
use crate::cli::json;
use crate::cli::screen::{Screen, paint};
use crate::day::reconcile::{BUCKETS, CLASSES, IN_TRANSIT, Item, Reconciliation, Statement, reconcile};
use crate::findings::{Stop, StopCode};
use crate::report::show;
use crate::terms::currency::Currency;

/// Prints the reconciliation: 0 where it agrees, else 65.
///
/// # Errors
/// What [`reconcile`] reports.
pub fn run(arguments: &StatusArgs, screen: &Screen) -> Result<u8, Stop> {
    let found = reconcile(&arguments.book, arguments.date)?;
    let code = if found.agrees() {
        0
    } else {
        StopCode::BadData as u8
    };
    if screen.json() {
        screen.out(&json::line(&as_json(&found, code)))?;
    } else {
        screen.out(&as_text(&found, screen.colour_out()))?;
    }
    Ok(code)
}

fn as_text(found: &Reconciliation, colour: bool) -> String {
    let mut text = format!(
        "Bank reconciliation of {} (close {}): statement ± open items = cash book\n",
        found.date, found.close
    );
    for statement in &found.statements {
        text.push_str(&statement_text(statement, colour));
    }
    if !found.without_book.is_empty() {
        text.push_str(&format!(
            "\nno cash book is kept of own and receivable accounts: {}\n",
            show::visible(&found.without_book.join(", "))
        ));
    }
    text
}

fn statement_text(statement: &Statement, colour: bool) -> String {
    let currency = statement.currency;
    let line = |sign: &str, words: &str, minor: i128| {
        format!("  {sign} {words:<38} {:>22}\n", show::amount(minor, currency))
    };
    let mut text = format!(
        "\n{} · {currency} · pool {}\n",
        show::visible(&statement.account),
        show::visible(&statement.pool)
    );
    if statement.account != IN_TRANSIT {
        text.push_str(&line(" ", "statement balance", statement.bank_minor));
    }
    for (class, sign, words) in CLASSES {
        let sum = statement.sum_minor(class);
        if sum != 0 {
            let sign = if sign > 0 { "+" } else { "−" };
            text.push_str(&line(sign, &format!("{class} {words}"), sum));
        }
    }
    match statement.book_minor {
        None => text.push_str(&line(
            "=",
            "under way, at no account yet",
            statement.reconciled_minor(),
        )),
        Some(book) => {
            text.push_str(&line("=", "reconciled", statement.reconciled_minor()));
            text.push_str(&line(" ", "cash book", book));
            let difference = statement.difference_minor();
            let verdict = match difference {
                0 => paint(colour, "32", "agrees"),
                _ => paint(
                    colour,
                    "31",
                    &format!("DIFFERS by {}", show::amount(difference, currency)),
                ),
            };
            text.push_str(&format!("    {verdict}\n"));
        }
    }
    for (class, bucket, count, minor) in ageing(statement) {
        text.push_str(&format!(
            "    {class} {bucket:>4} business days: {} items, {}\n",
            show::count(count),
            show::amount(minor, currency)
        ));
    }
    for item in &statement.items {
        text.push_str(&item_text(item, currency));
    }
    text
}

fn item_text(item: &Item, currency: Currency) -> String {
    let mut told = vec![show::visible(&item.id).into_owned()];
    for (name, value) in [
        ("reference", &item.reference),
        ("of", &item.obligee_id),
        ("break", &item.break_id),
    ] {
        if !value.is_empty() && *value != item.id {
            told.push(format!("{name} {}", show::visible(value)));
        }
    }
    format!(
        "      {} {:>20}  since {}, {} days ({} business)  {}\n",
        item.class,
        show::amount(item.amount_minor, currency),
        item.first_seen,
        item.age_days,
        item.age_business_days,
        told.join(", ")
    )
}

/// Number and sum by class and age, those that are there.
fn ageing(statement: &Statement) -> Vec<(&'static str, &'static str, u64, i128)> {
    let mut rows = Vec::new();
    for (class, _, _) in CLASSES {
        for bucket in BUCKETS {
            let items = statement
                .items
                .iter()
                .filter(|item| item.class == class && item.bucket == bucket);
            let (count, minor) =
                items.fold((0, 0), |(count, sum), item| (count + 1, sum + item.amount_minor));
            if count > 0 {
                rows.push((class, bucket, count, minor));
            }
        }
    }
    rows
}

fn as_json(found: &Reconciliation, code: u8) -> Value {
    let item = |item: &Item| {
        json!({
            "class": item.class,
            "id": item.id,
            "reference": item.reference,
            "obligee_id": item.obligee_id,
            "amount_minor": item.amount_minor.to_string(),
            "first_seen": item.first_seen.to_string(),
            "age_days": item.age_days,
            "age_business_days": item.age_business_days,
            "bucket": item.bucket,
            "break_id": item.break_id,
        })
    };
    let statement = |statement: &Statement| {
        let ages: Vec<Value> = ageing(statement)
            .into_iter()
            .map(|(class, bucket, count, minor)| {
                json!({"class": class, "bucket": bucket, "count": count, "amount_minor": minor.to_string()})
            })
            .collect();
        json!({
            "account": statement.account,
            "pool": statement.pool,
            "currency": statement.currency.code(),
            "bank_minor": statement.bank_minor.to_string(),
            "A1": statement.sum_minor("A1").to_string(),
            "A2": statement.sum_minor("A2").to_string(),
            "B1": statement.sum_minor("B1").to_string(),
            "B2": statement.sum_minor("B2").to_string(),
            "reconciled_minor": statement.reconciled_minor().to_string(),
            "book_minor": statement.book_minor.map(|book| book.to_string()),
            "difference_minor": statement.difference_minor().to_string(),
            "ageing": ages,
            "items": statement.items.iter().map(item).collect::<Vec<_>>(),
        })
    };
    json!({
        "exit_code": code,
        "findings": [],
        "date": found.date.to_string(),
        "close": found.close,
        "agrees": found.agrees(),
        "statements": found.statements.iter().map(statement).collect::<Vec<_>>(),
        "without_book": found.without_book,
    })
}
