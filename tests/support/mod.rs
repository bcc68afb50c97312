//! What the tests from outside share: books copied and closed, published tables read back.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;
use tieout::book::Book;
use tieout::day::close::{CloseOptions, Outcome, Progress, close};
use tieout::day::state::State;
use tieout::findings::Stop;
use tieout::terms::date::Date;

/// Tells nobody.
pub struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// A folder that goes with the test: in memory where the system has such a place, since a close waits for the disk
/// to have every file.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Closes a day of a book.
pub fn close_day(root: &Path, date: Date) -> Result<Outcome, Stop> {
    close_day_within(root, date, None)
}

/// Closes a day of a book with so many bytes of memory.
pub fn close_day_within(root: &Path, date: Date, memory: Option<u64>) -> Result<Outcome, Stop> {
    let options = CloseOptions {
        root: root.to_path_buf(),
        date,
        dry_run: false,
        what_if: None,
        ends_process: false,
        memory,
        scratch: None,
    };
    let outcome = close(&options, &Quiet)?;
    if let Some(folder) = &outcome.folder {
        let settings = Book::open(root)?.settings;
        let read = |name: &str| fs::read(folder.join("state").join(name)).ok();
        // What a close writes may be the opening/ of another book.
        State::check_opening(&read, &settings, "state")?;
    }
    Ok(outcome)
}

/// The folder of the first close of a day.
pub fn close_folder(root: &Path, date: Date) -> PathBuf {
    root.join("closes").join(date.to_string()).join("1")
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Every file below a folder, by path with `/`, sorted.
pub fn files_below(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(listed) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in listed {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    files.sort();
    files
}

/// Copies the files of a folder whose path is wanted.
pub fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) {
    for name in files_below(from).into_iter().filter(|name| wanted(name)) {
        write(&to.join(&name), fs::read(from.join(&name)).unwrap());
    }
}

/// A CSV file as text fields, header first.
pub fn csv_rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let fields = |row: csv::StringRecord| row.iter().map(str::to_owned).collect();
    reader.records().map(|row| fields(row.unwrap())).collect()
}

/// The parts of `matched/` as text fields, header first, in the order of the parts.
pub fn matched_rows(close: &Path) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for name in files_below(&close.join("matched")) {
        let file = fs::File::open(close.join("matched").join(name)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let names = builder.schema().fields().iter().map(|field| field.name().clone());
        if rows.is_empty() {
            rows.push(names.collect());
        }
        for batch in builder.build().unwrap() {
            let batch = batch.unwrap();
            let text = |column: &ArrayRef| cast(column, &DataType::Utf8).unwrap();
            let columns: Vec<ArrayRef> = batch.columns().iter().map(text).collect();
            rows.extend((0..batch.num_rows()).map(|row| {
                let field = |column: &ArrayRef| match column.is_null(row) {
                    true => String::new(),
                    false => column.as_string::<i32>().value(row).to_owned(),
                };
                columns.iter().map(field).collect()
            }));
        }
    }
    rows
}

/// Rows of text fields as CSV.
pub fn to_csv(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}
