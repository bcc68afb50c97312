//! `tieout selftest`.

use serde_json::json;

use crate::cli::arguments::SelftestArgs;
use crate::cli::json;
use crate::cli::screen::{Screen, paint};
use crate::findings::{Stop, StopCode};
use crate::report::show;
use crate::selftest::{KINDS, KindResult, SelftestOptions, selftest};

/// Causes shown for each kind.
const CAUSES_SHOWN: usize = 3;

/// Plants faults, and prints for each kind how many were planted, found and missed.
///
/// # Errors
/// As [`selftest`].
pub fn run(arguments: &SelftestArgs, screen: &Screen) -> Result<u8, Stop> {
    let is_wanted = |name: &str| {
        arguments
            .inject
            .iter()
            .any(|asked| asked == "all" || asked == name)
    };
    let names = KINDS.iter().map(|kind| kind.name);
    let folder = arguments
        .folder
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("tieout-selftest-{}", std::process::id())));
    let options = SelftestOptions {
        root: arguments.book.clone(),
        date: arguments.date,
        kinds: names.filter(|name| is_wanted(name)).collect(),
        folder,
    };
    let results = selftest(&options)?;
    let missed = results.iter().any(|result| result.found < result.planted);
    let code = if missed { StopCode::BadData as u8 } else { 0 };
    if screen.json() {
        screen.out(&json::line(&results_json(arguments, &results, code)))?;
        return Ok(code);
    }
    let mut text = format!("{:<20} {:>9} {:>9} {:>9}\n", "kind", "planted", "found", "missed");
    for result in &results {
        text.push_str(&told(result, screen.colour_out()));
    }
    screen.out(&text)?;
    screen.note(&format!("exit code {code}: the book itself was only read"));
    Ok(code)
}

fn told(result: &KindResult, colour: bool) -> String {
    let missed = result.planted - result.found;
    let colour_code = match (result.planted, missed) {
        (0, _) => "33",
        (_, 0) => "32",
        _ => "31",
    };
    let mut text = format!(
        "{} {:>9} {:>9} {:>9}  {}\n",
        paint(colour, colour_code, &format!("{:<20}", result.kind)),
        show::count(result.planted as u64),
        show::count(result.found as u64),
        show::count(missed as u64),
        result.said
    );
    for cause in result.causes.iter().take(CAUSES_SHOWN) {
        text.push_str(&format!("{:<21}cause: {}\n", "", show::visible(cause)));
    }
    for missed in &result.missed {
        text.push_str(&format!("{:<21}missed: {}\n", "", show::visible(missed)));
    }
    text
}

fn results_json(arguments: &SelftestArgs, results: &[KindResult], code: u8) -> serde_json::Value {
    let kinds: Vec<_> = results
        .iter()
        .map(|result| {
            json!({
                "kind": result.kind,
                "said": result.said,
                "planted": result.planted,
                "found": result.found,
                "missed": result.planted - result.found,
                "missed_named": result.missed,
                "causes": result.causes,
            })
        })
        .collect();
    json!({
        "exit_code": code,
        "date": arguments.date.to_string(),
        "kinds": kinds,
        "findings": [],
    })
}
