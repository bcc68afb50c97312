//! Closes one business date: the order of the stages, the lock, what is brought forward, publishing all or nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use crate::book::Book;
use crate::book::layout::Layout;
use crate::day::history::{Closed, History, MANIFEST, NO_MANIFEST};
use crate::day::originals;
use crate::day::output::{self, BOOK_COPY, OPENING, OpeningTables, Seal};
use crate::day::publish::Staging;
use crate::day::read::check_formats;
use crate::day::run::{Computed, DayInputs, compute};
use crate::day::spill::aside::{self, Bound};
use crate::day::state::State;
use crate::findings::{Finding, Stop, StopCode};
use crate::host;
use crate::ingest::files::{self, Delivery};
use crate::report::manifest::{Manifest, manifest_hash};
use crate::report::summary::{Summary, published_exit_code};
use crate::terms::date::Date;
use crate::terms::digest::sha256_hex;

/// What to close, and how.
#[derive(Clone, Debug)]
pub struct CloseOptions {
    /// The book's folder.
    pub root: PathBuf,
    /// D.
    pub date: Date,
    /// Compute and report, write nothing under the book (R39).
    pub dry_run: bool,
    /// Another book.toml to close by, writing nothing (R39).
    pub what_if: Option<PathBuf>,
    /// Most memory of the whole process, in bytes.
    pub memory: Option<u64>,
    /// Where a rehearsal may put rows aside, since it writes nothing under the book: a folder of its own there, gone afterwards.
    /// Without one they stay in memory.
    pub scratch: Option<PathBuf>,
    /// The process ends with this close: what the day took is not given back piece by piece, which the system does faster.
    /// A rehearsal gives back what it took.
    pub ends_process: bool,
}

/// A finished close.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// 0, 10 or 20 (SPEC §9).
    pub exit_code: u8,
    /// Where it lies; `None` for a dry run.
    pub folder: Option<PathBuf>,
    /// True when the same inputs and settings had been closed before and nothing was done.
    pub already_done: bool,
    /// summary.json, byte for byte.
    pub summary_json: Vec<u8>,
    /// The summary in words, without colours.
    pub summary_text: String,
    /// The summary of a close just computed; `None` where it had been closed before.
    pub summary: Option<Summary>,
    /// The same for the book as it is, beside a what-if.
    pub compared_with: Option<Summary>,
    /// Things to say that are no findings: files taken once, rows outside the day.
    pub notes: Vec<String>,
}

/// Tells how far a close has come. Called from any thread.
pub trait Progress: Sync {
    /// A stage begins; `total` is its size in the unit of `advance`, 0 when unknown.
    fn stage(&self, name: &'static str, total: u64);
    /// The stage has come so far.
    fn advance(&self, done: u64);
}

/// Closes a day. Uses the current rayon pool.
///
/// # Errors
/// Everything that stops a day (SPEC §9); nothing is published then.
pub fn close(options: &CloseOptions, progress: &dyn Progress) -> Result<Outcome, Stop> {
    let book = Book::open(&options.root)?;
    check_formats(&book)?;
    let layout = book.layout.clone();
    if options.dry_run || options.what_if.is_some() {
        return rehearse(options, &book, progress);
    }
    let closes = layout.closes();
    let is_first = !closes.exists();
    host::create_folder(&closes)?;
    if let (true, Some(book)) = (is_first, closes.parent()) {
        // The name `closes` itself must be as durable as what is published in it.
        host::sync_folder(book)?;
    }
    let holder = format!("{}, closing {}", host::holder(), options.date);
    let _lock = host::lock(&layout.closes().join(".lock"), &holder)?;
    let work_folder = aside::work_folder(&closes);
    // A killed run may have left it.
    host::remove_folder(&work_folder)?;
    let history = History::read(&layout)?;
    if let Some(done) = history.of(options.date) {
        return already_closed(&book, done);
    }
    let before = Before::find(&book, &history, options.date)?;
    let delivery = files::discover(&layout.inbox(options.date), &book.settings)?;
    let started = host::now_seconds();
    let inputs = before.inputs(&book, &delivery, options.date);
    let originals = |wanted: &FxHashSet<Vec<u8>>| originals::find(&history, options.date, wanted);
    let bound = options.memory.map(|bytes| Bound {
        bytes,
        folder: work_folder.clone(),
    });
    let computed = compute(
        &DayInputs {
            originals: &originals,
            memory: bound.as_ref(),
            ..inputs
        },
        progress,
    )
    .map_err(|stop| files::below_inbox(stop, &delivery, options.date));
    // The files in it are open and have no names: nothing is lost, and nothing is left whatever comes.
    host::remove_folder(&work_folder)?;
    let mut computed = computed?;
    let seal = Seal {
        date: options.date,
        sequence: 1,
        previous: before.manifest_hash.clone(),
        opening: before.opening.clone(),
    };
    progress.stage("write", 0);
    let mut staging = Staging::begin(&layout)?;
    let published = output::write(&book, &computed, &seal, &mut staging).and_then(|(summary, hash)| {
        let run = run_json(&computed, started, &hash);
        staging.write("run.json", run.as_bytes())?;
        Ok(summary)
    });
    let summary = match published {
        Ok(summary) => summary,
        Err(stop) => {
            // The first failure is what counts; what it left behind is removed by the next close at the latest.
            let _ = staging.abandon();
            return Err(stop);
        }
    };
    let folder = staging.publish(options.date, seal.sequence)?;
    let mut notes = std::mem::take(&mut computed.notes);
    if options.ends_process {
        std::mem::forget(computed);
    }
    notes.extend(bound_missed(options.memory, KEPT_IN_MEMORY));
    Ok(Outcome {
        exit_code: summary.exit_code,
        folder: Some(folder),
        already_done: false,
        summary_json: summary.to_json(),
        summary_text: summary.to_text(false),
        compared_with: None,
        notes,
        summary: Some(summary),
    })
}

/// Why a bound on memory may not hold.
const KEPT_IN_MEMORY: &str = "what a day keeps in memory whatever the limit (breaks, open items, merchants, wallet rows, batches and entries that pay one) is larger";
const NOTHING_WRITTEN: &str =
    "nothing may be written under the book, and no other folder was given to put rows aside in";

/// What to say where the close took more memory than it was given.
fn bound_missed(memory: Option<u64>, why: &str) -> Option<String> {
    let taken = host::peak_memory_bytes();
    let given = memory.filter(|given| taken > *given)?;
    Some(format!(
        "--memory {} MiB was not kept, the close took {} MiB: {why}",
        given >> 20,
        taken.div_ceil(1 << 20)
    ))
}

/// What the previous close left for this one.
struct Before {
    state: State,
    manifest_hash: Option<String>,
    is_first: bool,
    /// The tables of `opening/` that it comes from: the first close seals a copy of each.
    opening: OpeningTables,
}

impl Before {
    /// The close of the day before, or `opening/`, or nothing.
    fn find(book: &Book, history: &History, date: Date) -> Result<Before, Stop> {
        let layout = &book.layout;
        if let Some(closed) = history.incomplete.first() {
            return Err(Stop::new(
                StopCode::InputMissing,
                Finding::about(
                    closed.folder.display().to_string(),
                    NO_MANIFEST,
                    "restore the close from its archive: without it, what it owed would be forgotten; take the folder away if it was never a close",
                ),
            ));
        }
        let earlier = history.in_force().into_iter().rfind(|closed| closed.date < date);
        if let Some(later) = history.in_force().into_iter().find(|closed| closed.date > date) {
            return Err(Stop::new(
                StopCode::BadData,
                Finding::about(
                    layout.closes().display().to_string(),
                    format!(
                        "{} is closed already, so {date} cannot be closed before it",
                        later.date
                    ),
                    "closes follow one another day by day (R29): what was before the first belongs into opening/, restating a day is not built yet (R34)",
                ),
            ));
        }
        match earlier {
            Some(closed) if closed.date.plus_days(1) == date => Before::from_close(book, &closed.folder),
            Some(closed) => Err(Stop::new(
                StopCode::InputMissing,
                Finding::about(
                    layout.closes().display().to_string(),
                    format!(
                        "the last close is of {}: {} comes next, not {date}",
                        closed.date,
                        closed.date.plus_days(1)
                    ),
                    format!(
                        "close {} first; an empty day is a legal day (R29)",
                        closed.date.plus_days(1)
                    ),
                ),
            )),
            None => match history.without_close.iter().find(|day| **day < date) {
                // A first day begins with nothing owed: it must not be one that follows on another.
                Some(day) => Err(Stop::new(
                    StopCode::InputMissing,
                    Finding::about(
                        layout.closes().join(day.to_string()).display().to_string(),
                        format!("the close of {day} is not there: it was never finished, or was taken away"),
                        format!(
                            "restore the close of {day} from its archive; if there was none, close {day} first, or move its folder out of closes/ where {date} is the first day of the book"
                        ),
                    ),
                )),
                None => Before::from_opening(book, &layout.opening()),
            },
        }
    }

    /// The state of a sealed close, its bytes checked against the seal first (ASSURANCE F12).
    fn from_close(book: &Book, folder: &Path) -> Result<Before, Stop> {
        let (manifest, bytes) = read_manifest(folder)?;
        let mut altered = Vec::new();
        let mut tables: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for output in manifest
            .outputs
            .iter()
            .filter(|output| output.path.starts_with("state/"))
        {
            let path = folder.join(&output.path);
            let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
            if sha256_hex(&bytes) != output.sha256 {
                altered.push(Finding::about(
                    path.display().to_string(),
                    "its bytes are not those that were sealed",
                    "restore the close from its archive; `tieout verify` shows what else was altered",
                ));
            }
            tables.insert(output.path["state/".len()..].to_owned(), bytes);
        }
        if !altered.is_empty() {
            return Err(Stop {
                code: StopCode::BadData,
                findings: altered,
            });
        }
        let place = folder.join("state").display().to_string();
        let state = State::from_files(&|name| tables.get(name).cloned(), &book.settings, &place)?;
        Ok(Before {
            state,
            manifest_hash: Some(manifest_hash(&bytes)),
            is_first: false,
            opening: Vec::new(),
        })
    }

    /// The tables of `opening/`, from the book or from the copy that the first close sealed.
    fn from_opening(book: &Book, folder: &Path) -> Result<Before, Stop> {
        if !folder.is_dir() {
            return Ok(Before {
                state: State::default(),
                manifest_hash: None,
                is_first: true,
                opening: Vec::new(),
            });
        }
        let opening = read_opening(folder)?;
        State::check_names(opening.iter().map(|(name, _)| name.as_str()), OPENING)?;
        let table = |wanted: &str| {
            let found = opening.iter().find(|(name, _)| name == wanted);
            found.map(|(_, bytes)| bytes.to_vec())
        };
        let state = State::from_files(&table, &book.settings, OPENING)?;
        State::check_opening(&table, &book.settings, OPENING)?;
        Ok(Before {
            state,
            manifest_hash: None,
            is_first: false,
            opening,
        })
    }

    fn inputs<'a>(&'a self, book: &'a Book, delivery: &'a Delivery, date: Date) -> DayInputs<'a> {
        DayInputs {
            book,
            state: &self.state,
            is_first: self.is_first,
            delivery,
            date,
            originals: &|_| Ok(BTreeMap::new()),
            memory: None,
        }
    }
}

/// The files of `opening/` by name; none where there is no such folder.
fn read_opening(folder: &Path) -> Result<OpeningTables, Stop> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in std::fs::read_dir(folder).map_err(|error| Stop::io(folder, "read", &error))? {
        let entry = entry.map_err(|error| Stop::io(folder, "read", &error))?;
        let path = entry.path();
        // A folder is no table, which its name tells.
        let bytes = match path.is_dir() {
            true => Vec::new(),
            false => std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?,
        };
        files.push((entry.file_name().to_string_lossy().into_owned(), bytes.into()));
    }
    files.sort();
    Ok(files)
}

/// The manifest of a close, and its bytes.
///
/// # Errors
/// 74 when it cannot be read, 65 when it is damaged.
pub fn read_manifest(folder: &Path) -> Result<(Manifest, Vec<u8>), Stop> {
    let path = folder.join(MANIFEST);
    let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
    let manifest = Manifest::parse(&bytes).map_err(|why| {
        Stop::new(
            StopCode::BadData,
            Finding::about(
                path.display().to_string(),
                why.trim_start_matches("manifest.json: "),
                "restore the close from its archive",
            ),
        )
    })?;
    Ok((manifest, bytes))
}

/// A day that is closed: the same inputs and settings do nothing; others are refused.
fn already_closed(book: &Book, done: &Closed) -> Result<Outcome, Stop> {
    let (manifest, _) = read_manifest(&done.folder)?;
    let mut changes: Vec<Finding> = Vec::new();
    let mut change = |file: String, what: &str| {
        changes.push(Finding::about(
            file,
            format!("{what} since {} was closed", done.date),
            "a sealed close never changes: put it back as it was, or leave the day as it is closed; restating a day is not built yet (R34)",
        ));
    };
    // What the first close of a book took beside its inbox.
    let opening = match manifest.previous {
        None => read_opening(&book.layout.opening())?,
        Some(_) => Vec::new(),
    };
    let sealed: Vec<(String, &[u8])> = output::copied(book, &opening).collect();
    for (name, bytes) in &sealed {
        let path = format!("{BOOK_COPY}/{name}");
        match manifest.copies.iter().find(|copy| copy.path == path) {
            Some(copy) if copy.sha256 == sha256_hex(bytes) => {}
            Some(_) => change(name.clone(), "it has changed"),
            None => change(name.clone(), "it is new"),
        }
    }
    for copy in &manifest.copies {
        let name = copy
            .path
            .strip_prefix(BOOK_COPY)
            .map_or(copy.path.as_str(), |rest| rest.trim_start_matches('/'));
        if !sealed.iter().any(|(known, _)| known == name) {
            change(name.to_owned(), "it was removed");
        }
    }
    let delivery = files::discover(&book.layout.inbox(done.date), &book.settings)?;
    for file in &delivery.files {
        let (sha256, _) = files::hash_content(file).map_err(|error| files::read_failed(file, &error))?;
        match manifest.inputs.iter().find(|input| input.name == file.name) {
            Some(input) if input.sha256 == sha256 => {}
            Some(_) => change(files::inbox_name(done.date, &file.name), "it has changed"),
            None => change(files::inbox_name(done.date, &file.name), "it was delivered"),
        }
    }
    for input in &manifest.inputs {
        if !delivery.files.iter().any(|file| file.name == input.name) {
            change(files::inbox_name(done.date, &input.name), "it was removed");
        }
    }
    if !changes.is_empty() {
        return Err(Stop {
            code: StopCode::BadData,
            findings: changes,
        });
    }
    let path = done.folder.join("summary.json");
    let summary_json = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
    let exit_code = published_exit_code(&summary_json).ok_or_else(|| {
        Stop::new(
            StopCode::BadData,
            Finding::about(
                path.display().to_string(),
                "it has no exit code",
                "run `tieout verify`",
            ),
        )
    })?;
    Ok(Outcome {
        exit_code,
        folder: Some(done.folder.clone()),
        already_done: true,
        summary_json,
        summary_text: format!(
            "{} is closed already with the same inputs and settings: nothing was done\n",
            done.date
        ),
        compared_with: None,
        notes: Vec::new(),
        summary: None,
    })
}

/// A dry run or a what-if: everything computed, nothing written under the book (R39).
fn rehearse(options: &CloseOptions, book: &Book, progress: &dyn Progress) -> Result<Outcome, Stop> {
    // A day that is closed can still be rehearsed: from where it began.
    let mut until = History::read(&book.layout)?;
    until.closes.retain(|closed| closed.date < options.date);
    until.incomplete.retain(|closed| closed.date <= options.date);
    let work_folder = options
        .scratch
        .as_ref()
        .map(|scratch| aside::rehearsal_folder(scratch, &host::holder()));
    let bound = options.memory.zip(work_folder.as_ref());
    let bound = bound.map(|(bytes, folder)| Bound {
        bytes,
        folder: folder.clone(),
    });
    let summary_of = |book: &Book| -> Result<(Summary, Vec<String>), Stop> {
        let before = Before::find(book, &until, options.date)?;
        let delivery = files::discover(&book.layout.inbox(options.date), &book.settings)?;
        let inputs = before.inputs(book, &delivery, options.date);
        let originals = |wanted: &FxHashSet<Vec<u8>>| originals::find(&until, options.date, wanted);
        if let Some(bound) = &bound {
            host::create_new_folder(&bound.folder)?;
        }
        let computed = compute(
            &DayInputs {
                originals: &originals,
                memory: bound.as_ref(),
                ..inputs
            },
            progress,
        )
        .map_err(|stop| files::below_inbox(stop, &delivery, options.date));
        let removed = bound.as_ref().map(|bound| host::remove_folder(&bound.folder));
        let computed = computed?;
        removed.transpose()?;
        let seal = Seal {
            date: options.date,
            sequence: 1,
            previous: before.manifest_hash.clone(),
            opening: Vec::new(),
        };
        Ok((output::summary(book, &computed, &seal)?, computed.notes))
    };
    let (summary, notes, compared_with) = match &options.what_if {
        None => {
            let (summary, notes) = summary_of(book)?;
            (summary, notes, None)
        }
        Some(path) => {
            let other = Book::open_with_settings(&options.root, path)?;
            check_formats(&other)?;
            let (summary, notes) = summary_of(&other)?;
            let (as_is, _) = summary_of(book)?;
            (summary, notes, Some(as_is))
        }
    };
    let mut notes = notes;
    let why = match bound {
        Some(_) => KEPT_IN_MEMORY,
        None => NOTHING_WRITTEN,
    };
    notes.extend(bound_missed(options.memory, why));
    Ok(Outcome {
        exit_code: summary.exit_code,
        folder: None,
        already_done: false,
        summary_json: summary.to_json(),
        summary_text: summary.to_text(false),
        compared_with,
        notes,
        summary: Some(summary),
    })
}

fn run_json(computed: &Computed, started: u64, manifest_hash: &str) -> String {
    let ended = host::now_seconds();
    format!(
        "{{\"manifest_hash\":\"{manifest_hash}\",\"started\":{started},\"ended\":{ended},\"peak_memory_bytes\":{},\"threads\":{},\"notes\":{}}}\n",
        host::peak_memory_bytes(),
        rayon::current_num_threads(),
        serde_json::Value::from(computed.notes.clone()),
    )
}

/// Runs the day of a sealed close again from `inbox`, with the settings sealed in it, into `into`, which must not
/// exist. The caller compares the bytes. `previous` is the folder of the close before, if there was one.
///
/// # Errors
/// As [`close`].
pub fn replay(
    sealed: &Path,
    inbox: &Path,
    previous: Option<&Path>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let (manifest, _) = read_manifest(sealed)?;
    let date = manifest.business_date;
    let mut book = Book::open_sealed(&sealed.join(BOOK_COPY))?;
    // closes/DATE/SEQUENCE lies three folders below the book, where earlier closes are.
    if let Some(root) = sealed.ancestors().nth(3) {
        book.layout = Layout::new(root);
    }
    let before = match previous {
        Some(folder) => Before::from_close(&book, folder)?,
        None => Before::from_opening(&book, &sealed.join(BOOK_COPY).join(OPENING))?,
    };
    let delivery = files::discover(inbox, &book.settings)?;
    let history = History::read(&book.layout)?;
    let originals = |wanted: &FxHashSet<Vec<u8>>| originals::find(&history, date, wanted);
    let inputs = before.inputs(&book, &delivery, date);
    let computed = compute(
        &DayInputs {
            originals: &originals,
            ..inputs
        },
        progress,
    )?;
    let seal = Seal {
        date,
        sequence: u32::try_from(manifest.sequence).unwrap_or(1),
        previous: before.manifest_hash.clone(),
        opening: before.opening.clone(),
    };
    let mut staging = Staging::at(into)?;
    output::write(&book, &computed, &seal, &mut staging)?;
    Ok(())
}
