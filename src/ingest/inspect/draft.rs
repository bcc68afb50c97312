//! A profile drafted for a table that nobody knows: framing as it is seen, columns guessed by their titles, every guess
//! marked to be confirmed. What no title tells is left open; an amount is never guessed from figures alone.

use encoding_rs::Encoding;

use super::Inspected;
use crate::ingest::formats::FileRefused;
use cut::{decoded, table_of};
use toml::toml_of;

mod columns;
mod cut;
mod figures;
mod toml;
mod totals;
mod words;

/// Drafts a profile from the first bytes of a file; `more` when the file goes on behind them. `whole` are the encodings
/// that all of it is text in.
pub fn draft(head: &[u8], more: bool, whole: &[&'static Encoding], seen: &mut Inspected) {
    let Some((text, encoding, is_sure)) = decoded(head, more, whole) else {
        "no text of a known encoding".clone_into(&mut seen.title);
        seen.failed
            .push(unreadable("its bytes are no UTF-8, GB18030 or UTF-16 text"));
        return;
    };
    seen.encoding = encoding.name().to_owned();
    let Some(table) = table_of(&text, !more) else {
        "no table".clone_into(&mut seen.title);
        seen.failed.push(unreadable(
            "its lines are no table: no separator cuts them into the same number of fields",
        ));
        return;
    };
    "unknown table".clone_into(&mut seen.title);
    seen.variant = format!(
        "{} columns, separated by `{}`",
        table.titles.len(),
        table.delimiter.escape_default()
    );
    seen.draft = Some(toml_of(&table, encoding, is_sure));
    seen.failed.push(unknown("no format and no profile knows it"));
}

fn unknown(why: &str) -> FileRefused {
    FileRefused::at(
        1,
        format!("the file is of no known format: {why}"),
        "confirm a drafted profile, save it as profiles/NAME.toml of the book and name it as the `format` of a source",
    )
}

/// A file for which nothing can be drafted.
fn unreadable(why: &str) -> FileRefused {
    FileRefused::at(
        1,
        format!("the file is of no known format: {why}"),
        "look at it in a text editor: it may be a message of the sender's system, or cut off; fetch it again, or ask the sender what it is",
    )
}

#[cfg(test)]
mod tests;
