//! The first bytes of a file cut into a table: its encoding, its separator, its titles and its rows.
//!
//! In: the bytes. Out: a [`Table`], or none where no separator cuts the lines into the same number of fields.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::figures::is_figure;
use super::totals;

/// Lines that are looked at.
pub(super) const LINES_MAX: usize = 200;

/// Columns that a table has at least.
pub(super) const COLUMNS_MIN: usize = 3;

/// Lines that one record may go on over.
pub(super) const RECORD_LINES_MAX: usize = 50;

pub(super) struct Table {
    pub(super) delimiter: char,
    pub(super) quoted: bool,
    pub(super) preamble: usize,
    pub(super) titles: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Records behind the last row that may state totals, as they stand and cut into cells; none where not all of the file was
    /// looked at.
    pub(super) behind: Vec<(String, Vec<String>)>,
}

/// The text, its encoding, and whether that is more than a guess: by its mark, or as no other text is UTF-8.
pub(super) fn decoded(
    head: &[u8],
    more: bool,
    encodings: &[&'static Encoding],
) -> Option<(String, &'static Encoding, bool)> {
    let (marked, head) = match Encoding::for_bom(head) {
        Some((encoding, mark)) => (Some(encoding), &head[mark..]),
        None => (None, head),
    };
    // The last line may be cut inside a character.
    let whole = match memchr::memrchr(b'\n', head).filter(|_| more) {
        Some(end) => &head[..end],
        None => head,
    };
    let candidates = match marked {
        Some(one) => vec![one],
        // Any bytes are text of it, so it is the last guess.
        None if encodings.is_empty() && !head.iter().any(|byte| is_no_text(*byte)) => vec![WINDOWS_1252],
        None => encodings.to_vec(),
    };
    candidates.into_iter().find_map(|encoding| {
        let bytes = if encoding == UTF_16LE || encoding == UTF_16BE {
            head
        } else {
            whole
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        let is_sure = marked.is_some() || (encoding == UTF_8 && !text.is_ascii());
        (!text.contains('\0')).then(|| (text.into_owned(), encoding, is_sure))
    })
}

/// True of bytes that do not stand in a text of one byte to a letter.
pub(super) fn is_no_text(byte: u8) -> bool {
    (byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || byte == 0x7f
}

pub(super) fn cells(line: &str, delimiter: char, quoted: bool) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut inside = false;
    for c in line.chars() {
        match c {
            '"' if quoted => inside = !inside,
            c if c == delimiter && !inside => cells.push(String::new()),
            c => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(c);
                }
            }
        }
    }
    cells
        .into_iter()
        .map(|cell| cell.trim_matches([' ', '\t', '`', '\u{feff}']).to_owned())
        .collect()
}

/// The records of a text: lines, or several where quotes go on over their ends. Each with the number of lines before it.
pub(super) fn records(text: &str, quoted: bool) -> Vec<(usize, String)> {
    let mut records: Vec<(usize, String)> = Vec::new();
    let mut open = 0;
    for (at, line) in text.lines().enumerate().take(LINES_MAX) {
        if open > 0
            && let Some((_, record)) = records.last_mut()
        {
            record.push('\n');
            record.push_str(line);
        } else if line.trim().is_empty() {
            continue;
        } else {
            records.push((at, line.to_owned()));
        }
        let odd = quoted
            && records
                .last()
                .is_some_and(|(_, record)| record.matches('"').count() % 2 == 1);
        open = if odd && open < RECORD_LINES_MAX {
            open + 1
        } else {
            0
        };
    }
    // A record that was cut off at the end of what was looked at.
    if open > 0 {
        records.pop();
    }
    records
}

/// True when cells stand in quotes. Quotes inside a cell, as in `he said "hi"` or `="0001"`, are a part of its text.
pub(super) fn has_quotes(text: &str, delimiter: char) -> bool {
    let mut lines = text.lines().take(LINES_MAX);
    lines.any(|line| {
        line.split(delimiter)
            .any(|cell| cell.trim_start_matches([' ', '\t', '\u{feff}']).starts_with('"'))
    })
}

/// Records as they stand and cut into cells, each with the number of lines before it.
pub(super) type CutRecords = Vec<(usize, String, Vec<String>)>;

/// The separator that cuts most records into the same number of fields, and the first of that many without figures.
pub(super) fn table_of(text: &str, is_whole: bool) -> Option<Table> {
    let mut best: Option<(usize, usize, char, bool, CutRecords)> = None;
    for delimiter in [',', '\t', '|', ';'] {
        let quoted = has_quotes(text, delimiter);
        let cut: CutRecords = records(text, quoted)
            .into_iter()
            .map(|(before, record)| {
                let cells = cells(&record, delimiter, quoted);
                (before, record, cells)
            })
            .collect();
        let mut counts: Vec<usize> = cut.iter().map(|(.., cells)| cells.len()).collect();
        counts.sort_unstable();
        let common = counts
            .chunk_by(|a, b| a == b)
            .filter(|run| run[0] >= COLUMNS_MIN)
            .map(|run| (run.len(), run[0]))
            .max();
        if let Some((count, width)) = common
            && best
                .as_ref()
                .is_none_or(|(lines, widest, ..)| (count, width) > (*lines, *widest))
        {
            best = Some((count, width, delimiter, quoted, cut));
        }
    }
    let (_, width, delimiter, quoted, cut) = best?;
    let header = cut.iter().position(|(.., cells)| {
        cells.len() == width
            && cells.iter().filter(|cell| !cell.is_empty()).count() * 2 > width
            && cells.iter().all(|cell| !is_figure(cell))
    })?;
    // The engine counts lines that are not empty.
    let preamble = header;
    let titles = cut[header].2.clone();
    let mut rows = Vec::new();
    let mut behind = Vec::new();
    for (_, record, cells) in cut.into_iter().skip(header + 1) {
        if totals::may_state(&cells, width) {
            behind.push((record, cells));
        } else if cells.len() == width {
            // What stands before a row is of a page, and what its figures are of nobody knows.
            behind.clear();
            rows.push(cells);
        }
    }
    if !is_whole || text.lines().count() > LINES_MAX {
        behind.clear();
    }
    Some(Table {
        delimiter,
        quoted,
        preamble,
        titles,
        rows,
        behind,
    })
}
