//! Totals for a drafted profile: a line behind the rows whose figures are plainly those of the rows. What a figure is, is told by the
//! rows alone: their number, or the sum of one of their columns. A figure that is neither is left out, and where none of a line
//! is, nothing is proposed.

use super::columns::Moves;
use super::cut::Table;
use super::figures::figure_of;
use super::toml::{CONFIRM, quoted};
use super::words::{side_of, takes_back, titles_of, type_of};

/// How a record begins that states totals.
const BEGINNINGS: [&str; 12] = [
    "合计",
    "总计",
    "总笔数",
    "总金额",
    "笔数",
    "汇总",
    "共计",
    "total",
    "summe",
    "sum",
    "trailer",
    "trl",
];
/// Types of records that end a file, which stand by themselves.
const TYPES: [&str; 3] = ["t", "tr", "tot"];
/// Records behind the rows for which a total is drafted.
const RECORDS_MAX: usize = 4;

/// True of a record that may state totals.
pub(super) fn may_state(cells: &[String], width: usize) -> bool {
    let first = cells.first().map_or("", String::as_str).to_lowercase();
    let word = first.split_whitespace().next().unwrap_or_default();
    let begins = BEGINNINGS.iter().any(|beginning| first.starts_with(beginning));
    // A row may begin with such a letter too.
    let is_short = cells.len() != width && TYPES.contains(&word);
    (begins || is_short)
        && cells
            .iter()
            .any(|cell| cell.bytes().any(|byte| byte.is_ascii_digit()))
}

/// A sum of the rows, and how a profile says it.
struct Known {
    sum: i128,
    hole: &'static str,
    /// Keys behind `stated`.
    keys: String,
}

/// The totals of the records behind the rows, as texts of a profile.
pub(super) fn drafted(table: &Table, is_channel: bool, moves: Moves, fees: &[usize]) -> Vec<String> {
    let records = table.behind.iter().take(RECORDS_MAX);
    records
        .map(|(record, cells)| {
            let delimiter = table.delimiter;
            let known = sums(table, is_channel, moves, fees);
            let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
            let cells: Vec<&str> = cells[..filled].iter().map(String::as_str).collect();
            let bare = record.trim_end_matches([delimiter, ' ', '\t']);
            // A separator may stand inside a figure of a line that is no record: what says more is taken.
            let by_cells = pattern(&cells, delimiter, table.rows.len(), &known);
            let by_line = pattern(&[bare], delimiter, table.rows.len(), &known);
            let said = |found: &Option<(usize, String)>| found.as_ref().map_or(0, |(figures, _)| *figures);
            let more = if said(&by_line) > said(&by_cells) { by_line } else { by_cells };
            let unknown = || {
                format!(
                    "\n# This line behind the rows may state totals, which its figures do not show; add a [[total]] or a comment: {}",
                    quoted(bare)
                )
            };
            more.map_or_else(unknown, |(_, text)| text)
        })
        .collect()
}

/// How many figures of a record are known, and its [[total]]; `None` where none of them is.
fn pattern(parts: &[&str], delimiter: char, rows: usize, known: &[Known]) -> Option<(usize, String)> {
    let (mut line, mut has_count) = (String::new(), false);
    let mut sums: Vec<&Known> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            line.push(delimiter);
        }
        let mut rest = *part;
        while let Some((at, end)) = next_figure(rest) {
            let figure = &rest[at..end];
            line += &rest[..at];
            rest = &rest[end..];
            let is_of = |sum: &&Known| {
                let is_free = sums.iter().all(|used| !std::ptr::eq(*used, *sum));
                is_free && sum.sum != 0 && figure_of(figure) == Some(sum.sum)
            };
            let is_number = figure.bytes().all(|c| c.is_ascii_digit());
            if !has_count && is_number && figure.parse() == Ok(rows) {
                has_count = true;
                line += "{count}";
            } else if let Some(sum) = known.iter().find(is_of) {
                line += &format!("{{{}}}", sum.hole);
                sums.push(sum);
            } else {
                line += "{}";
            }
        }
        line += rest;
    }
    // A pattern begins with a text, and a hole ends at one.
    let has_braces = parts.iter().any(|part| part.contains(['{', '}']));
    let figures = sums.len() + usize::from(has_count);
    if figures == 0 || has_braces || line.starts_with('{') || line.contains("}{") {
        return None;
    }
    let ends_name = |c: char| c == delimiter || " \t:：{".contains(c);
    let name = line.split(ends_name).next().unwrap_or_default();
    let mut out = format!(
        "\n[[total]]\nname = {}\nline = {}{CONFIRM}",
        quoted(name),
        quoted(&line)
    );
    if has_count {
        out += &format!("\ncount = \"count\"{CONFIRM}");
    }
    if !sums.is_empty() {
        let sums: Vec<String> = sums
            .iter()
            .map(|sum| format!("{{ stated = \"{}\", {} }}", sum.hole, sum.keys))
            .collect();
        out += &format!("\nsums = [{}]{CONFIRM}", sums.join(", "));
    }
    Some((figures, out))
}

/// Where the next figure of a text begins and ends. A sign before it is a part of it; a day or time is one figure, which nobody
/// knows.
fn next_figure(text: &str) -> Option<(usize, usize)> {
    let first = text.find(|c: char| c.is_ascii_digit())?;
    let before = text[..first].strip_suffix('-');
    let is_signed = before.is_some_and(|before| !before.ends_with(char::is_alphanumeric));
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_inside = |at: usize| bytes.get(at).is_some_and(|c| b",.-/:".contains(c)) && is_digit(at + 1);
    let mut end = first;
    while is_digit(end) || is_inside(end) {
        end += 1;
    }
    Some((first - usize::from(is_signed), end))
}

/// What the columns of the rows add up to, in all ways in which senders state it.
fn sums(table: &Table, is_channel: bool, moves: Moves, fees: &[usize]) -> Vec<Known> {
    let mut known = Vec::new();
    let title = |at: usize| quoted(&table.titles[at]);
    // Rows of which the first text of a column is such.
    let of = |at: usize, test: &dyn Fn(&str) -> bool| -> Vec<String> {
        let texts = table.texts(at).into_iter().filter(|text| test(text));
        texts.map(quoted).collect()
    };
    let is =
        |at: usize, texts: &[String]| format!("{{ column = {}, is = [{}] }}", title(at), texts.join(", "));
    let mut add = |hole, keys: String, figure: &dyn Fn(&[String]) -> Option<i128>| {
        let sum = table.rows.iter().map(|row| figure(row)).sum::<Option<i128>>();
        known.extend(sum.map(|sum| Known { sum, hole, keys }));
    };
    let figure = |row: &[String], at: usize| figure_of(row.get(at)?);
    let text = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    match moves {
        Moves::Unknown => {}
        Moves::Sides(credit, debit) | Moves::Negative(credit, debit) => {
            add("in", format!("column = {}", title(credit)), &|row| {
                figure(row, credit)
            });
            add("out", format!("column = {}", title(debit)), &|row| {
                figure(row, debit)
            });
        }
        Moves::Signed(amount) => {
            add("sum", format!("column = {}", title(amount)), &|row| {
                figure(row, amount)
            });
            let kinds = table.column(titles_of("txn_type"), &[]).filter(|_| is_channel);
            if let Some(kinds) = kinds {
                let is_back = |text: &str| matches!(type_of(text), Some("REFUND" | "CHARGEBACK"));
                let back = of(kinds, &is_back);
                if !back.is_empty() {
                    let keys = format!("column = {}, minus_when = {}", title(amount), is(kinds, &back));
                    add("sum", keys, &|row| {
                        let minor = figure(row, amount)?;
                        Some(if is_back(&text(row, kinds)) { -minor } else { minor })
                    });
                }
            }
        }
        Moves::BySide(amount, side, back) => {
            for (hole, wanted) in [("in", "C"), ("out", "D")] {
                let texts = of(side, &|text| side_of(text) == Some(wanted));
                if texts.is_empty() {
                    continue;
                }
                let mut keys = format!("column = {}, when = {}", title(amount), is(side, &texts));
                let is_back =
                    |row: &[String]| back.is_some_and(|at| takes_back(&text(row, at)) == Some(true));
                let backs = back.map(|at| (at, of(at, &|text| takes_back(text) == Some(true))));
                if let Some((at, backs)) = backs.filter(|(_, backs)| !backs.is_empty()) {
                    keys += &format!(", minus_when = {}", is(at, &backs));
                }
                add(hole, keys, &|row| {
                    let minor = figure(row, amount)?;
                    let minor = if is_back(row) { -minor } else { minor };
                    Some(if side_of(&text(row, side)) == Some(wanted) {
                        minor
                    } else {
                        0
                    })
                });
            }
        }
    }
    if let (true, [fee]) = (is_channel, fees) {
        add("fees", format!("column = {}", title(*fee)), &|row| {
            figure(row, *fee)
        });
    }
    known
}
