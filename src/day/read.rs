//! Reads everything delivered for a day, several threads at a time, into blocks.
//!
//! Threads take stretches of files: a stretch of CSV is cut under the file's lock and parsed outside it, a row group
//! of Parquet is read by itself, a foreign format is one stretch. Which thread takes which changes nothing: blocks are
//! put in the order of files and stretches afterwards. A statement file of several days is read twice: the first reading shows
//! which of its statements are of other days, and is dropped (D240).

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::book::Book;
use crate::book::settings::{Role, Settings};
use crate::day::intake::{InputBlock, Intake, IntakeContext};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::canonical::{self, HeaderBinding, ReadContext, Work};
use crate::ingest::csv_blocks::{BlockBytes, BlockError, BlockReader, Group};
use crate::ingest::files::{self, Delivered};
use crate::ingest::formats::desk::{MessagePage, StatementTold};
use crate::ingest::formats::summary::{RowSums, StatedSums};
use crate::ingest::formats::{
    FileFacts, FileRefused, FormatContext, Period, ReportPart, RowDigest, check_sources, read_foreign,
    read_statements, statements_of_other_days,
};
use crate::ingest::leased::Leased;
use crate::ingest::parquet::{Columns, ParquetFile};
use crate::terms::date::Date;
use crate::terms::digest::hex;

/// The format of canonical tables.
pub const CANONICAL: &str = "canonical";

/// What is known of a file once it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// SHA-256 of the unpacked content, hex.
    pub sha256: String,
    /// Bytes of the unpacked content.
    pub bytes: u64,
    /// Control totals that held, statements, columns passed over: for the manifest and the summary.
    pub notes: Vec<String>,
    /// Statements, reports and notifications, for the checks across files.
    pub told: Vec<StatementTold>,
    /// Messages of which the file is one page.
    pub pages: Vec<MessagePage>,
    /// Rows that are told by nothing but their texts, where another file may have the same.
    pub digests: Vec<RowDigest>,
    /// What its rows add up to, where another file may say that.
    pub row_sums: Option<RowSums>,
    /// What the rows of another file add up to.
    pub stated_sums: Option<StatedSums>,
    /// Why it is refused unless it was taken before: it says that it is of other days.
    pub says_other_days: Option<FileRefused>,
    /// Batches of which it rounded rows.
    pub rounded: Vec<String>,
    /// Which part of a report it is.
    pub part: Option<ReportPart>,
    /// Why the file gives no rows of its own; empty of any other.
    pub without_rows: String,
}

/// Everything delivered, as blocks.
#[derive(Debug, Default)]
pub struct Reading {
    /// By file.
    pub reports: Vec<FileReport>,
    /// In the order of files and of their rows.
    pub blocks: Vec<InputBlock>,
}

/// Called as reading goes on: bytes read so far of all files together.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Checks that every source of the book has a format that can be read, before a file of it comes.
///
/// # Errors
/// 78 with all findings.
pub fn check_formats(book: &Book) -> Result<(), Stop> {
    let profiles = |name: &str| {
        book.profiles
            .get(name)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    check_sources(&book.settings, &profiles)
}

/// Reads all files.
///
/// # Errors
/// All refused files and failed reads of the day, in the order of files.
pub fn read_all(
    delivered: &[Delivered],
    book: &Book,
    context: &IntakeContext<'_>,
    progress: Progress<'_>,
) -> Result<Reading, Stop> {
    let contexts: Vec<ReadContext> = book
        .settings
        .sources
        .iter()
        .map(|source| ReadContext::new(&book.settings, source, None))
        .collect();
    let tasks: Vec<Task<'_>> = delivered
        .iter()
        .map(|file| Task {
            file,
            context: &contexts[file.source],
            digest: Mutex::new(None),
            state: Mutex::new(TaskState::NotStarted),
        })
        .collect();
    let shared = Shared {
        book,
        context,
        tasks: &tasks,
        group: std::sync::Arc::default(),
        bytes: Mutex::new(0),
        progress,
    };
    let blocks = Mutex::new(Vec::new());
    let threads = rayon::current_num_threads().max(1);
    rayon::scope(|scope| {
        // They take as long as the disk or SHA-256 does, while other threads read rows.
        let whole: Vec<&Task<'_>> = tasks.iter().filter(|task| task.file.parquet).collect();
        for pair in whole.chunks(2) {
            let pair = pair.to_vec();
            scope.spawn(move |_| digest(&pair));
        }
        for thread in 0..threads {
            let (shared, blocks) = (&shared, &blocks);
            scope.spawn(move |_| {
                // Each thread starts at another file, so that two files are cut at a time.
                let mine = shared.work(thread);
                lock(blocks).extend(mine);
            });
        }
    });
    let mut reading = Reading {
        reports: Vec::new(),
        blocks: blocks.into_inner().unwrap_or_else(PoisonError::into_inner),
    };
    let mut stops = Vec::new();
    for task in tasks {
        match task.state.into_inner().unwrap_or_else(PoisonError::into_inner) {
            TaskState::Done(report) => match with_digest(*report, task.file, task.digest) {
                Ok(report) => reading.reports.push(report),
                Err(stop) => stops.push(stop),
            },
            TaskState::Failed(stop) => stops.push(stop),
            TaskState::NotStarted | TaskState::Open(_) => {
                stops.push(Stop::invariant(format!(
                    "{} was not read to its end",
                    task.file.name
                )));
            }
        }
    }
    if let Some(stop) = Stop::join(stops) {
        return Err(stop);
    }
    reading.blocks.sort_by_key(|block| (block.file, block.sequence));
    Ok(reading)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A digest, and bytes of the unpacked content.
type ContentDigest = std::io::Result<(String, u64)>;

/// Takes the digests of files in Parquet, of two side by side.
fn digest(files: &[&Task<'_>]) {
    let digests: Vec<ContentDigest> = match files {
        [one, other] => files::hash_contents([one.file, other.file]).into(),
        _ => files.iter().map(|task| files::hash_content(task.file)).collect(),
    };
    for (task, digest) in files.iter().zip(digests) {
        *lock(&task.digest) = Some(digest);
    }
}

/// Completes the report of a file whose digest was taken apart from its rows. What was hashed is what was read if the file is
/// still the one that was found.
fn with_digest(
    report: FileReport,
    file: &Delivered,
    digest: Mutex<Option<ContentDigest>>,
) -> Result<FileReport, Stop> {
    let Some(digest) = digest.into_inner().unwrap_or_else(PoisonError::into_inner) else {
        return Ok(report);
    };
    let digest = digest.and_then(|digest| files::check_unchanged(file).map(|()| digest));
    let (sha256, bytes) = digest.map_err(|error| files::read_failed(file, &error))?;
    Ok(FileReport {
        sha256,
        bytes,
        ..report
    })
}

struct Task<'a> {
    file: &'a Delivered,
    context: &'a ReadContext,
    /// Of a file in Parquet, whose digest is taken beside its rows.
    digest: Mutex<Option<ContentDigest>>,
    state: Mutex<TaskState>,
}

enum TaskState {
    NotStarted,
    Open(std::sync::Arc<Opened>),
    Done(Box<FileReport>),
    Failed(Stop),
}

enum Opened {
    Csv {
        reader: BlockReader,
        binding: HeaderBinding,
    },
    Parquet {
        file: ParquetFile,
        next: AtomicUsize,
        left: AtomicUsize,
    },
}

struct Shared<'a> {
    book: &'a Book,
    context: &'a IntakeContext<'a>,
    tasks: &'a [Task<'a>],
    /// Texts that are read at the same time.
    group: std::sync::Arc<Group>,
    bytes: Mutex<u64>,
    progress: Progress<'a>,
}

impl Shared<'_> {
    /// Takes stretches until none is left.
    fn work(&self, thread: usize) -> Vec<InputBlock> {
        let mut intake = Intake::new(self.context, 0, 0);
        let mut work = Work::default();
        let mut buffer = BlockBytes::default();
        let files = self.tasks.len();
        for step in 0..files {
            let number = (thread + step) % files;
            self.file(
                number as u32,
                &self.tasks[number],
                &mut intake,
                &mut work,
                &mut buffer,
            );
        }
        intake.finish()
    }

    fn file(
        &self,
        number: u32,
        task: &Task<'_>,
        intake: &mut Intake<'_>,
        work: &mut Work,
        buffer: &mut BlockBytes,
    ) {
        let Some(opened) = self.open(number, task, intake) else {
            return;
        };
        let outcome = match &*opened {
            Opened::Csv { reader, binding } => self.csv(number, task, reader, binding, intake, work, buffer),
            Opened::Parquet { file, next, left } => self.parquet(number, task, (file, next, left), intake),
        };
        let mut state = lock(&task.state);
        match outcome {
            Ok(Some(report)) if !matches!(*state, TaskState::Failed(_)) => {
                *state = TaskState::Done(Box::new(report))
            }
            Ok(_) => {}
            Err(stop) => {
                // Of several refused stretches the earliest line counts, before what has no line.
                let line = |stop: &Stop| match stop.findings.first() {
                    Some(finding) if finding.line > 0 => finding.line,
                    _ => u64::MAX,
                };
                let earlier = match &*state {
                    TaskState::Failed(known) => line(&stop) < line(known),
                    _ => true,
                };
                if earlier {
                    *state = TaskState::Failed(stop);
                }
            }
        }
    }

    /// Opens a file, or joins those who opened it. Foreign formats are read whole by whoever comes first.
    fn open(&self, number: u32, task: &Task<'_>, intake: &mut Intake<'_>) -> Option<std::sync::Arc<Opened>> {
        let mut state = lock(&task.state);
        match &*state {
            TaskState::Open(opened) => return Some(std::sync::Arc::clone(opened)),
            TaskState::Done(_) | TaskState::Failed(_) => return None,
            TaskState::NotStarted => {}
        }
        let source = &self.book.settings.sources[task.file.source];
        if source.format != CANONICAL {
            // Taken by this thread; the others pass on.
            *state = TaskState::Failed(Stop::invariant("a file was left half read"));
            drop(state);
            let outcome = self.foreign(number, task, intake);
            *lock(&task.state) = match outcome {
                Ok(report) => TaskState::Done(Box::new(report)),
                Err(stop) => TaskState::Failed(stop),
            };
            return None;
        }
        match self.open_canonical(task, source.role, source.encoding.as_deref()) {
            Ok(opened) => {
                let opened = std::sync::Arc::new(opened);
                *state = TaskState::Open(std::sync::Arc::clone(&opened));
                Some(opened)
            }
            Err(stop) => {
                *state = TaskState::Failed(stop);
                None
            }
        }
    }

    fn open_canonical(&self, task: &Task<'_>, role: Role, encoding: Option<&str>) -> Result<Opened, Stop> {
        let file = task.file;
        let read_failed = |error: std::io::Error| files::read_failed(file, &error);
        if file.parquet {
            let table = open_parquet(file, role, task.context)?;
            let groups = table.row_groups();
            return Ok(Opened::Parquet {
                file: table,
                next: AtomicUsize::new(0),
                left: AtomicUsize::new(groups),
            });
        }
        // The lease comes first: what is read from then on is what lies there until the end.
        let leased = match file.is_plain() && encoding.is_none() {
            true => Leased::take(files::open_on_disk(file).map_err(read_failed)?),
            false => None,
        };
        let bytes = files::open(file).map_err(read_failed)?;
        let mut reader = BlockReader::new(bytes, encoding).map_err(|error| block_failed(file, error))?;
        if let Some(leased) = leased {
            reader = reader.lying_in(leased);
        }
        let binding = canonical::bind_header(role, reader.header(), task.context)
            .map_err(|refused| refuse(file, refused))?;
        let reader = reader.within(&self.group);
        Ok(Opened::Csv { reader, binding })
    }

    #[allow(clippy::too_many_arguments)]
    fn csv(
        &self,
        number: u32,
        task: &Task<'_>,
        reader: &BlockReader,
        binding: &HeaderBinding,
        intake: &mut Intake<'_>,
        work: &mut Work,
        buffer: &mut BlockBytes,
    ) -> Result<Option<FileReport>, Stop> {
        let mut take = || -> Result<(), Stop> {
            while let Some(head) = reader
                .next_block(buffer)
                .map_err(|error| block_failed(task.file, error))?
            {
                intake.go_on(number, head.sequence);
                canonical::parse_block(binding, &head, buffer, task.context, work, intake)
                    .map_err(|refused| refuse(task.file, refused))?;
                self.advance(buffer.len() as u64);
            }
            Ok(())
        };
        let taken = take();
        // Whoever waits to change the file need not wait for the files that are read after it.
        *buffer = BlockBytes::default();
        taken?;
        let Some(facts) = reader.finish() else {
            return Ok(None);
        };
        files::check_unchanged(task.file).map_err(|error| files::read_failed(task.file, &error))?;
        Ok(Some(FileReport {
            sha256: facts.sha256,
            bytes: facts.bytes,
            ..FileReport::default()
        }))
    }

    fn parquet(
        &self,
        number: u32,
        task: &Task<'_>,
        (file, next, left): (&ParquetFile, &AtomicUsize, &AtomicUsize),
        intake: &mut Intake<'_>,
    ) -> Result<Option<FileReport>, Stop> {
        let groups = file.row_groups();
        let mut done = groups == 0;
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= groups {
                break;
            }
            intake.restart(number, group as u32);
            file.read_row_group(group, Columns::Judged, task.context, intake)
                .map_err(|refused| refuse(task.file, refused))?;
            self.advance(task.file.seen.bytes / groups as u64);
            done = left.fetch_sub(1, Ordering::AcqRel) == 1;
        }
        if done {
            files::check_unchanged(task.file).map_err(|error| files::read_failed(task.file, &error))?;
        }
        Ok(done.then(FileReport::default))
    }

    /// Reads a file of a foreign format. Of which days its statements are is known at its end: where some are of another day, it is
    /// read again without them.
    fn foreign(&self, number: u32, task: &Task<'_>, intake: &mut Intake<'_>) -> Result<FileReport, Stop> {
        let format = &self.book.settings.sources[task.file.source].format;
        let mut content = self.read_through(number, task, intake, &BTreeSet::new())?;
        let others = statements_of_other_days(format, &content.facts, self.context.business_date);
        if !others.is_empty() {
            intake.forget(number);
            content = match self.read_through(number, task, intake, &others) {
                Ok(again) if (&again.sha256, again.bytes) == (&content.sha256, content.bytes) => again,
                Err(stop) if stop.code != StopCode::BadData => return Err(stop),
                // The same bytes are not refused the second time.
                _ => return Err(files::read_failed(task.file, &files::changed())),
            };
        }
        self.advance(content.bytes);
        self.report(task, content)
    }

    /// Gives the rows of a file to the intake, but for those of some statements.
    fn read_through(
        &self,
        number: u32,
        task: &Task<'_>,
        intake: &mut Intake<'_>,
        passed_over: &BTreeSet<u32>,
    ) -> Result<Content, Stop> {
        let source = &self.book.settings.sources[task.file.source];
        let read_failed = |error: std::io::Error| files::read_failed(task.file, &error);
        let hashed = std::sync::Arc::new(Mutex::new((Sha256::new(), 0u64)));
        let reader = HashingReader {
            inner: files::open(task.file).map_err(read_failed)?,
            hashed: std::sync::Arc::clone(&hashed),
        };
        let context = FormatContext {
            settings: &self.book.settings,
            source,
            business_date: self.context.business_date,
        };
        let profiles = |name: &str| {
            self.book
                .profiles
                .get(name)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        intake.restart(number, 0);
        let read = match passed_over.is_empty() {
            true => read_foreign(&source.format, &profiles, Box::new(reader), &context, intake),
            false => read_statements(&source.format, Box::new(reader), &context, intake, passed_over),
        };
        let facts = read.map_err(|refused| refuse(task.file, refused))?;
        files::check_unchanged(task.file).map_err(read_failed)?;
        let (hasher, bytes) = lock(&hashed).clone();
        Ok(Content {
            facts,
            sha256: hex(&hasher.finalize()),
            bytes,
        })
    }

    /// What is known of a file that was read to its end.
    fn report(&self, task: &Task<'_>, content: Content) -> Result<FileReport, Stop> {
        let source = &self.book.settings.sources[task.file.source];
        let Content { facts, sha256, bytes } = content;
        let of_other_day = |(_, day): &&(u64, crate::terms::date::Date)| *day != self.context.business_date;
        if let Some((line, day)) = facts.undated.iter().find(of_other_day) {
            let refused = FileRefused::at(
                *line,
                format!(
                    "the newest row is of {day}, expected {}, and the balances, which do not follow from one another, cannot show which day the file is of",
                    self.context.business_date
                ),
                "deliver the file below the inbox of its day",
            );
            return Err(refuse(task.file, refused));
        }
        let says_other_days = facts
            .period
            .as_ref()
            .filter(|_| !source.other_days)
            .and_then(|period| says_other_days(period, &self.book.settings, self.context.business_date));
        let said = facts.checked.into_iter().chain(facts.noted);
        let notes = said.chain(facts.statements).collect();
        let is_table = |task: &&Task<'_>| {
            let source = &self.book.settings.sources[task.file.source];
            source.role == Role::Bank && source.format != CANONICAL
        };
        let digests = match self.tasks.iter().filter(is_table).nth(1) {
            Some(_) => facts.digests,
            None => Vec::new(),
        };
        Ok(FileReport {
            sha256,
            bytes,
            notes,
            told: facts.told,
            pages: facts.pages,
            digests,
            says_other_days,
            row_sums: facts.row_sums,
            stated_sums: facts.stated_sums,
            rounded: facts.rounded,
            part: facts.part,
            without_rows: facts.without_rows,
        })
    }

    fn advance(&self, bytes: u64) {
        let mut sum = lock(&self.bytes);
        *sum += bytes;
        (self.progress)(*sum);
    }
}

/// The refusal of a file that says itself that it is of other days than the business date.
fn says_other_days(period: &Period, settings: &Settings, date: Date) -> Option<FileRefused> {
    if period.has(date, settings.institution.cut_off_minutes) {
        return None;
    }
    let (first, last) = period.days();
    let days = if first == last {
        format!("of {first}")
    } else {
        format!("of {first} to {last}")
    };
    Some(FileRefused::at(
        period.line,
        format!("the file says itself that it is {days}, expected {date}"),
        "deliver the file of the day, and this one below the inbox of its own day; where the files of this source are of another day than their inbox, or this one comes late, say `other_days = true` in its [[source]] of book.toml",
    ))
}

/// Opens a canonical table in Parquet: as it lies on disk, or unpacked into memory.
///
/// # Errors
/// 65 when it is refused; 74 when it cannot be read.
pub fn open_parquet(file: &Delivered, role: Role, context: &ReadContext) -> Result<ParquetFile, Stop> {
    let table = if file.is_plain() {
        let disk = files::open_on_disk(file).map_err(|error| files::read_failed(file, &error))?;
        ParquetFile::from_file(disk, role, context)
    } else {
        let mut content = Vec::new();
        files::open(file)
            .and_then(|mut bytes| bytes.read_to_end(&mut content))
            .map_err(|error| files::read_failed(file, &error))?;
        ParquetFile::from_bytes(content, role, context)
    };
    table.map_err(|error| block_failed(file, error))
}

/// A refused file as a stop (65).
pub fn refuse(file: &Delivered, refused: FileRefused) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(file.name.clone(), refused.message, refused.help).at(refused.line, refused.column),
    )
}

fn block_failed(file: &Delivered, error: BlockError) -> Stop {
    match error {
        BlockError::Refused(refused) => refuse(file, refused),
        BlockError::Io(error) => files::read_failed(file, &error),
    }
}

/// What a foreign file gave beside its rows.
struct Content {
    facts: FileFacts,
    sha256: String,
    bytes: u64,
}

/// Digests what passes through, to the end of the content whether or not the reader wants all of it.
struct HashingReader {
    inner: Box<dyn Read + Send>,
    hashed: std::sync::Arc<Mutex<(Sha256, u64)>>,
}

impl Read for HashingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut hashed = lock(&self.hashed);
        hashed.0.update(&buffer[..read]);
        hashed.1 += read as u64;
        Ok(read)
    }
}

impl Drop for HashingReader {
    fn drop(&mut self) {
        // What a reader left unread (a trailer it does not need) belongs to the content all the same.
        let mut rest = [0u8; 8192];
        while let Ok(1..) = self.read(&mut rest) {}
    }
}
