//! Columns of values that were refused after their row had been read: by the book (an unknown merchant), or by what a decision
//! names. The row is read exactly then, and where its fields stood is no longer known; so the line is looked at again.
//!
//! Canonical CSV only: other files are no text of lines and commas. What cannot be read again is left without a column.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};

use crate::day::read::CANONICAL;
use crate::day::run::DayInputs;
use crate::ingest::canonical::layout::{self, ABSENT};
use crate::ingest::canonical::{self, ReadContext};
use crate::ingest::csv_blocks::{BlockReader, text_stream};
use crate::ingest::files::{self, Delivered};
use crate::report::tables::RejectLine;

/// Puts line and column of their field to rejects that have none.
pub fn find(rejects: &mut [RejectLine], day: &DayInputs<'_>) {
    let mut by_file: BTreeMap<String, Vec<&mut RejectLine>> = BTreeMap::new();
    for reject in rejects.iter_mut().filter(|reject| reject.column == 0) {
        by_file.entry(reject.file.clone()).or_default().push(reject);
    }
    for (name, mut wanted) in by_file {
        let Some(file) = day.delivery.files.iter().find(|file| file.name == name) else {
            continue;
        };
        wanted.sort_by_key(|reject| reject.line);
        // A column is a help to whoever corrects the row: the day does not stop for it.
        let _ = in_file(file, &mut wanted, day);
    }
}

fn in_file(file: &Delivered, wanted: &mut [&mut RejectLine], day: &DayInputs<'_>) -> io::Result<()> {
    let settings = &day.book.settings;
    let source = &settings.sources[file.source];
    if source.format != CANONICAL || file.parquet {
        return Ok(());
    }
    let encoding = source.encoding.as_deref();
    let changed = || io::Error::from(io::ErrorKind::InvalidData);
    let reader = BlockReader::new(files::open(file)?, encoding).map_err(|_| changed())?;
    let context = ReadContext::new(settings, source, None);
    let binding = canonical::bind_header(source.role, reader.header(), &context).map_err(|_| changed())?;
    let mut text = BufReader::new(text_stream(files::open(file)?, encoding).map_err(|_| changed())?);
    let (mut line, mut record) = (0, Vec::new());
    for reject in wanted.iter_mut() {
        let fields = layout::fields(source.role).iter();
        let column = fields
            .zip(binding.columns)
            .find(|(field, column)| field.name == reject.field && *column != ABSENT);
        let Some((_, column)) = column else {
            continue;
        };
        while line < reject.line {
            record.clear();
            if text.read_until(b'\n', &mut record)? == 0 {
                return Ok(());
            }
            line += 1;
        }
        // A field in quotes may go on in the next line.
        let start = loop {
            match field_start(&record, usize::from(column)) {
                Some(start) => break start,
                None if text.read_until(b'\n', &mut record)? == 0 => return Ok(()),
                None => line += 1,
            }
        };
        let before = &record[..start];
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        let of_line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
        reject.line += lines;
        reject.column = String::from_utf8_lossy(of_line).chars().count() as u64 + 1;
    }
    Ok(())
}

/// Where a field of a record starts; `None` where the record is not there up to it.
fn field_start(record: &[u8], column: usize) -> Option<usize> {
    let (mut at_field, mut in_quotes) = (0, false);
    if column == 0 {
        return Some(0);
    }
    for (at, byte) in record.iter().enumerate() {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b',' if !in_quotes => {
                at_field += 1;
                if at_field == column {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_quotes() {
        let record = b"T1,\"a,\"\"b\n\",M9,x\n";
        assert_eq!(field_start(record, 0), Some(0));
        assert_eq!(field_start(record, 2), Some(12));
        assert_eq!(&record[12..14], b"M9");
        assert_eq!(field_start(record, 4), None);
        assert_eq!(field_start(b"T1,\"a\n", 2), None);
    }
}
