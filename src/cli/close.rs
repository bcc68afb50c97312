//! `tieout close`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::arguments::CloseArgs;
use crate::cli::json;
use crate::cli::progress::progress;
use crate::cli::screen::{Screen, quoted};
use crate::day::close::{CloseOptions, Outcome, close};
use crate::findings::{Finding, Stop, StopCode};
use crate::report::show;

/// Closes the day and prints its summary.
///
/// # Errors
/// As [`close`].
pub fn run(arguments: &CloseArgs, screen: &Screen) -> Result<u8, Stop> {
    let options = CloseOptions {
        root: arguments.book.clone(),
        date: arguments.date,
        dry_run: arguments.dry_run,
        what_if: arguments.what_if.clone(),
        memory: arguments.memory,
        scratch: Some(std::env::temp_dir()),
        ends_process: true,
    };
    let outcome = {
        // The bar goes away before the summary comes.
        let progress = progress(screen);
        match arguments.threads {
            None => close(&options, progress.as_ref()),
            Some(threads) => pool(threads)?.install(|| close(&options, progress.as_ref())),
        }?
    };
    for note in &outcome.notes {
        screen.note(&format!("note: {}", show::visible(note)));
    }
    if screen.json() {
        screen.out(&json::line(&outcome_json(&outcome)?))?;
    } else {
        screen.out(&told(arguments, &outcome, screen.colour_out())?)?;
        let word = if outcome.folder.is_some() {
            "closed"
        } else {
            "computed, nothing written"
        };
        screen.note(&format!(
            "{word}: {}, exit code {}",
            arguments.date, outcome.exit_code
        ));
    }
    Ok(outcome.exit_code)
}

/// A pool of so many threads.
///
/// # Errors
/// When the system does not give them.
pub fn pool(threads: u16) -> Result<rayon::ThreadPool, Stop> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
    builder.build().map_err(|error| {
        let message = format!("cannot start {threads} threads: {error}");
        Stop::new(
            StopCode::Io,
            Finding::about("", message, "ask for fewer with --threads"),
        )
    })
}

fn parsed(summary_json: &[u8]) -> Result<Value, Stop> {
    serde_json::from_slice(summary_json)
        .map_err(|error| Stop::invariant(format!("the summary is no JSON: {error}")))
}

/// The summary, and beside its members `folder`, `already_done`, `notes` and, for a what-if, `compared_with`.
fn outcome_json(outcome: &Outcome) -> Result<Value, Stop> {
    let mut told = parsed(&outcome.summary_json)?;
    let compared = outcome
        .compared_with
        .as_ref()
        .map(|summary| parsed(&summary.to_json()))
        .transpose()?;
    if let Some(members) = told.as_object_mut() {
        members.insert("exit_code".to_owned(), outcome.exit_code.into());
        members.insert("findings".to_owned(), Value::Array(Vec::new()));
        members.insert("notes".to_owned(), outcome.notes.clone().into());
        members.insert("already_done".to_owned(), outcome.already_done.into());
        let folder = outcome.folder.as_ref().map(|folder| folder.display().to_string());
        members.insert("folder".to_owned(), folder.into());
        if let Some(compared) = compared {
            members.insert("compared_with".to_owned(), compared);
        }
    }
    Ok(told)
}

fn told(arguments: &CloseArgs, outcome: &Outcome, colour: bool) -> Result<String, Stop> {
    let mut text = match &outcome.summary {
        Some(summary) => summary.to_text(colour),
        None => outcome.summary_text.clone(),
    };
    if let Some(as_it_is) = &outcome.compared_with {
        text.push_str(&differences(
            &parsed(&as_it_is.to_json())?,
            &parsed(&outcome.summary_json)?,
        ));
    }
    match &outcome.folder {
        Some(folder) => text.push_str(&format!("Close    {}\n", folder.display())),
        None => text.push_str(&format!(
            "Nothing was written. To close: tieout close {} --date {}\n",
            quoted(&arguments.book),
            arguments.date
        )),
    }
    Ok(text)
}

/// What a what-if changes, figure by figure.
fn differences(as_it_is: &Value, what_if: &Value) -> String {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten("", as_it_is, &mut before);
    flatten("", what_if, &mut after);
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::from("What if: book as it is -> with the other settings\n");
    let empty = "-".to_owned();
    let mut changed = 0;
    for name in names {
        let (old, new) = (
            before.get(name).unwrap_or(&empty),
            after.get(name).unwrap_or(&empty),
        );
        if old != new {
            changed += 1;
            text.push_str(&format!(
                "  {name}: {} -> {}\n",
                show::visible(old),
                show::visible(new)
            ));
        }
    }
    if changed == 0 {
        text.push_str("  nothing would change\n");
    }
    text
}

/// Leaves by path; members of lists by what they are about.
fn flatten(at: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let under = |key: &str| {
        if at.is_empty() {
            key.to_owned()
        } else {
            format!("{at}.{key}")
        }
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(key, value)| flatten(&under(key), value, leaves)),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                let words: Vec<&str> = ["pool", "class", "currency"]
                    .iter()
                    .filter_map(|key| value.get(key)?.as_str())
                    .collect();
                let name = if words.is_empty() {
                    (index + 1).to_string()
                } else {
                    words.join("/")
                };
                flatten(&format!("{at}[{name}]"), value, leaves);
            }
        }
        Value::String(text) => drop(leaves.insert(at.to_owned(), text.clone())),
        other => drop(leaves.insert(at.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_figure() {
        let before =
            json!({"exit_code": 0, "payouts": [{"currency": "CNY", "issued_minor": "100"}], "same": [1]});
        let after =
            json!({"exit_code": 10, "payouts": [{"currency": "CNY", "issued_minor": "90"}], "same": [1]});
        let text = differences(&before, &after);
        assert!(text.contains("  exit_code: 0 -> 10\n"), "{text}");
        assert!(
            text.contains("  payouts[CNY].issued_minor: 100 -> 90\n"),
            "{text}"
        );
        assert!(!text.contains("same"), "{text}");
        assert!(differences(&before, &before).contains("nothing would change"));
    }
}
