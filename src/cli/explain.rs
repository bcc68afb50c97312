//! `tieout explain`: words are printed here, the looking is done in `day::explain`.

use serde_json::json;

use crate::cli::arguments::ExplainArgs;
use crate::cli::json;
use crate::cli::screen::Screen;
use crate::day::explain::explain;
use crate::findings::Stop;

/// Prints where a figure comes from.
///
/// # Errors
/// As [`explain`].
pub fn run(arguments: &ExplainArgs, screen: &Screen) -> Result<u8, Stop> {
    let explanation = explain(&arguments.book, &arguments.what, arguments.date)?;
    if screen.json() {
        let mut told = json!({ "exit_code": 0, "findings": [] });
        if let (Some(members), serde_json::Value::Object(parts)) = (told.as_object_mut(), explanation.json())
        {
            members.extend(parts);
        }
        screen.out(&json::line(&told))?;
    } else {
        screen.out(&explanation.text())?;
    }
    Ok(0)
}
