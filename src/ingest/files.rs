//! What was delivered for a date, and which source claims it (stage 1, before any row is read).
//!
//! In: `inbox/DATE/` and the settings. Out: one [`Delivered`] per file, members of archives one by one, sorted by name.
//! zip (one archive inside another at most), gzip and zstd are told by their first bytes and opened within bounds: a
//! delivery comes from outside and may be hostile. Every file is claimed by exactly one source (R36). Links, pipes and
//! devices are refused; hidden files are passed over and said. Nothing is written and nothing outside the folder is
//! followed. File contents are judged by the readers.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::book::settings::{ReversalSign, Role, Settings, Source};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::csv_blocks::Hashed;
use crate::terms::date::Date;
use crate::terms::digest::hex;

mod archive;
mod glob;

use archive::{Bounded, Listing, UNPACKED_BYTES_MAX, list_archive, open_member, read_nested};
use glob::matches;

/// A file as delivered, or one member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Path below `inbox/DATE/`; members as `a.zip!member`.
    pub name: String,
    /// The file on disk.
    pub path: PathBuf,
    /// Members to open, outermost first; empty for a file that is no archive.
    pub members: Vec<Member>,
    /// Compression of the content itself.
    pub packing: Packing,
    /// True when the content begins as a Parquet file does.
    pub parquet: bool,
    /// Index into `Settings::sources`.
    pub source: usize,
    /// The file on disk when it was found.
    pub seen: Seen,
}

/// A member of a zip archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name inside the archive.
    pub name: String,
    start: u64,
    packed_bytes: u64,
    bytes: u64,
    crc32: u32,
    deflated: bool,
}

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// Identity of a file on disk, to notice that it changed while it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bytes on disk.
    pub bytes: u64,
    modified: (i64, i64),
    /// When the system last saw it change in any way: unlike `modified`, nobody can set it.
    changed: (i64, i64),
    inode: (u64, u64),
}

impl Seen {
    fn of(metadata: &fs::Metadata) -> Seen {
        use std::os::unix::fs::MetadataExt;
        Seen {
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

impl Delivered {
    /// True when the content lies on disk as it is, so that it can be read by position.
    pub fn is_plain(&self) -> bool {
        self.members.is_empty() && self.packing == Packing::Plain
    }
}

/// The files of a date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Sorted by the bytes of their names.
    pub files: Vec<Delivered>,
    /// Names of hidden files that were passed over, sorted.
    pub skipped: Vec<String>,
}

/// Finds what lies below `inbox` (the folder of the date) and who claims it.
///
/// # Errors
/// All findings at once: a missing folder or required source (66); what cannot be taken, or is claimed by no
/// source or by two (65); what cannot be read.
pub fn discover(inbox: &Path, settings: &Settings) -> Result<Delivery, Stop> {
    let mut search = Search {
        sources: &settings.sources,
        delivery: Delivery::default(),
        stops: Vec::new(),
        failed: Vec::new(),
        unpacked_bytes: 0,
    };
    match fs::symlink_metadata(inbox) {
        Ok(metadata) if metadata.is_dir() => search.folder(inbox, ""),
        Ok(_) => search.bad(
            "",
            inbox,
            "found something that is no folder, expected the folder of the date",
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => search.stops.push(Stop::new(
            StopCode::InputMissing,
            Finding::about(
                inbox.display().to_string(),
                "the folder of the date is missing",
                "deliver the day's files into it; for a day without any file create it empty",
            ),
        )),
        Err(error) => search.stops.push(Stop::io(inbox, "read", &error)),
    }
    let listed = inbox.is_dir();
    for (index, source) in settings.sources.iter().enumerate() {
        let delivered = search.delivery.files.iter().any(|file| file.source == index);
        // Of a folder that is not there, or a file that cannot be taken, there is a finding already.
        let told = search.failed.iter().any(|name| claims(source, &names_of(name)));
        if source.required && !delivered && listed && !told {
            search.stops.push(Stop::new(
                StopCode::InputMissing,
                Finding::about(
                    inbox.display().to_string(),
                    format!(
                        "source `{}` is required and has no file: found nothing that matches {}",
                        source.name,
                        source.files.join(", ")
                    ),
                    "deliver the file; for a day without rows deliver a file with its header only",
                ),
            ));
        }
    }
    let mut delivery = search.delivery;
    delivery
        .files
        .sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    delivery.skipped.sort();
    match Stop::join(search.stops) {
        None => Ok(delivery),
        Some(mut stop) => {
            for finding in &mut stop.findings {
                if !Path::new(&finding.file).starts_with(inbox)
                    && let Some(date) = inbox.file_name().and_then(|name| name.to_str())
                {
                    finding.file = format!("inbox/{date}/{}", finding.file);
                }
            }
            stop.findings.sort();
            Err(stop)
        }
    }
}

/// What findings call a file delivered for a date: its path within the book.
pub fn inbox_name(date: Date, name: &str) -> String {
    format!("inbox/{date}/{name}")
}

/// Findings about delivered files, which name them as tables do, with the files' paths within the book.
#[must_use]
pub fn below_inbox(mut stop: Stop, delivery: &Delivery, date: Date) -> Stop {
    for finding in &mut stop.findings {
        if delivery.files.iter().any(|file| file.name == finding.file) {
            finding.file = inbox_name(date, &finding.file);
        }
    }
    stop
}

/// A name and what it is without the endings of compression: the names that a glob may match.
fn names_of(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(
        [".gz", ".zst"]
            .iter()
            .filter_map(|end| name.strip_suffix(end))
            .map(str::to_owned),
    );
    names
}

fn claims(source: &Source, names: &[String]) -> bool {
    source
        .files
        .iter()
        .any(|glob| names.iter().any(|name| matches(glob, name)))
}

/// True when a source would take a file of this name, in whichever folder of the inbox its files lie.
pub fn may_take(source: &Source, name: &str) -> bool {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let names: Vec<String> = names_of(name).iter().map(|name| last(name)).collect();
    claims(source, &names_of(name))
        || source
            .files
            .iter()
            .any(|glob| names.iter().any(|name| matches(&last(glob), name)))
}

/// Finds what lies below `inbox` whoever claims it, and beside it what cannot be taken: for checks after the fact,
/// when one bad file must not hide the others.
pub fn discover_all(inbox: &Path) -> (Delivery, Vec<Finding>) {
    let everything = [everything()];
    let mut search = Search {
        sources: &everything,
        delivery: Delivery::default(),
        stops: Vec::new(),
        failed: Vec::new(),
        unpacked_bytes: 0,
    };
    search.folder(inbox, "");
    let mut delivery = search.delivery;
    delivery
        .files
        .sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    delivery.skipped.sort();
    let mut findings: Vec<Finding> = search.stops.into_iter().flat_map(|stop| stop.findings).collect();
    findings.sort();
    (delivery, findings)
}

/// Finds what one file holds, wherever it lies: the file itself or the members of an archive. Stops are 66 where it is missing, 65
/// where it is no file or cannot be unpacked, and 77 or 74 where it cannot be read.
pub fn deliver(path: &Path) -> (Delivery, Vec<Stop>) {
    let everything = [everything()];
    let mut search = Search {
        sources: &everything,
        delivery: Delivery::default(),
        stops: Vec::new(),
        failed: Vec::new(),
        unpacked_bytes: 0,
    };
    let name = path.display().to_string();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => match path.canonicalize() {
            // A link to a file is followed: whoever types its name means what it names.
            Ok(real) => search.file(&real, name, &metadata),
            Err(error) => search.stops.push(Stop::io(path, "read", &error)),
        },
        Ok(_) => search.bad(&name, path, "found something that is no file, expected a file"),
        Err(error) => {
            let mut stop = Stop::io(path, "read", &error);
            if error.kind() == io::ErrorKind::NotFound {
                stop.code = StopCode::InputMissing;
            }
            search.stops.push(stop);
        }
    }
    (search.delivery, search.stops)
}

/// A source that claims every file.
fn everything() -> Source {
    Source {
        name: "any".to_owned(),
        role: Role::Bank,
        format: "canonical".to_owned(),
        files: vec!["**".to_owned()],
        required: false,
        account: None,
        channel: None,
        encoding: None,
        reversal_sign: ReversalSign::Iso,
        statement_numbers: crate::book::settings::StatementNumbers::Yearly,
        other_days: false,
    }
}

struct Search<'a> {
    sources: &'a [Source],
    delivery: Delivery,
    stops: Vec<Stop>,
    /// Names of files that are there and cannot be taken.
    failed: Vec<String>,
    unpacked_bytes: u64,
}

impl Search<'_> {
    fn failed(&mut self, file: &Delivered, error: &io::Error) {
        self.failed.push(file.name.clone());
        self.stops.push(read_failed(file, error));
    }

    fn bad(&mut self, name: &str, path: &Path, message: impl Into<String>) {
        self.failed.push(name.to_owned());
        let file = if name.is_empty() {
            path.display().to_string()
        } else {
            name.to_owned()
        };
        self.stops.push(Stop::new(
            StopCode::BadData,
            Finding::about(
                file,
                message,
                "take it out of the inbox or have it delivered again, then run the same command",
            ),
        ));
    }

    fn folder(&mut self, path: &Path, below: &str) {
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.stops.push(Stop::io(path, "list", &error)),
        };
        for entry in entries {
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                self.bad("", &path, "found a file name that is not UTF-8, expected UTF-8");
                continue;
            };
            let name = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            if is_hidden(&name) {
                self.delivery.skipped.push(name);
                continue;
            }
            if name.contains(|c: char| c.is_control() || c == '!') {
                self.bad(
                    &name.escape_debug().to_string(),
                    &path,
                    "found a control character or `!` in a file name",
                );
                continue;
            }
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.stops.push(Stop::io(&path, "read", &error));
                    continue;
                }
            };
            let kind = metadata.file_type();
            if kind.is_dir() {
                self.folder(&path, &name);
            } else if kind.is_file() {
                self.file(&path, name, &metadata);
            } else {
                let what = if kind.is_symlink() {
                    "a symbolic link"
                } else {
                    "a pipe, socket or device"
                };
                self.bad(&name, &path, format!("found {what}, expected a file"));
            }
        }
    }

    fn file(&mut self, path: &Path, name: String, metadata: &fs::Metadata) {
        let paths = vec![name.clone()];
        let file = Delivered {
            name,
            path: path.to_owned(),
            members: Vec::new(),
            packing: Packing::Plain,
            parquet: false,
            source: 0,
            seen: Seen::of(metadata),
        };
        self.take(file, paths);
    }

    /// Takes a file or member; `paths` are the names a glob may match.
    fn take(&mut self, mut file: Delivered, paths: Vec<String>) {
        let mut head = match first_bytes(&file) {
            Ok(head) => head,
            Err(error) => return self.failed(&file, &error),
        };
        if is_zip(&head) {
            if file.members.len() < 2 {
                return self.archive(&file, &paths);
            }
            let path = file.path.clone();
            return self.bad(
                &file.name,
                &path,
                "found an archive three levels deep, expected at most one inside another",
            );
        }
        file.packing = packing_of(&head);
        if file.packing != Packing::Plain {
            head = match first_bytes(&file) {
                Ok(head) => head,
                Err(error) => return self.failed(&file, &error),
            };
            if is_zip(&head) || packing_of(&head) != Packing::Plain {
                let path = file.path.clone();
                return self.bad(
                    &file.name,
                    &path,
                    "found an archive inside a compressed file, expected a table",
                );
            }
        }
        file.parquet = head == *b"PAR1";
        self.claim(file, paths);
    }

    /// Finds the one source of a file (R36).
    fn claim(&mut self, mut file: Delivered, paths: Vec<String>) {
        let paths: Vec<String> = paths.iter().flat_map(|path| names_of(path)).collect();
        let claimants: Vec<usize> = (0..self.sources.len())
            .filter(|index| claims(&self.sources[*index], &paths))
            .collect();
        match claimants[..] {
            [source] => {
                file.source = source;
                self.delivery.files.push(file);
            }
            [] => {
                let known: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
                self.stops.push(Stop::new(
                    StopCode::BadData,
                    Finding::about(
                        file.name,
                        format!("no source claims this file (sources: {})", known.join(", ")),
                        "add it to `files` of a [[source]], or take it out of the inbox",
                    ),
                ));
            }
            _ => {
                self.failed.push(file.name.clone());
                let names: Vec<String> = claimants
                    .iter()
                    .map(|index| format!("`{}`", self.sources[*index].name))
                    .collect();
                self.stops.push(Stop::new(
                    StopCode::BadData,
                    Finding::about(
                        file.name,
                        format!(
                            "the sources {} claim this file, expected one",
                            names.join(" and ")
                        ),
                        "make their `files` in book.toml tell them apart",
                    ),
                ));
            }
        }
    }

    fn archive(&mut self, outer: &Delivered, paths: &[String]) {
        let members = match list_archive(outer) {
            Ok(Listing::Members(members)) => members,
            // A spreadsheet is a zip by its bytes and a file by its use.
            Ok(Listing::Spreadsheet) => return self.claim(outer.clone(), paths.to_vec()),
            Err(error) => return self.failed(outer, &error),
        };
        self.unpacked_bytes = members.iter().fold(self.unpacked_bytes, |sum, member| {
            sum.saturating_add(member.bytes)
        });
        if let Some(nested) = outer.members.first() {
            // An inner archive is unpacked again for each of its members: that work is bounded too.
            self.unpacked_bytes = self
                .unpacked_bytes
                .saturating_add(nested.bytes.saturating_mul(members.len() as u64));
        }
        if self.unpacked_bytes > UNPACKED_BYTES_MAX {
            return self.bad(
                &outer.name,
                &outer.path,
                format!(
                    "archives of the day unpack to more than {} GiB",
                    UNPACKED_BYTES_MAX >> 30
                ),
            );
        }
        if members.iter().all(|member| is_hidden_member(&member.name)) {
            return self.bad(
                &outer.name,
                &outer.path,
                "found an archive without a file in it, expected the tables of the day",
            );
        }
        for member in members {
            let name = format!("{}!{}", outer.name, member.name);
            if is_hidden_member(&member.name) {
                self.delivery.skipped.push(name);
                continue;
            }
            let mut inner_paths = paths.to_vec();
            for path in paths {
                let folder = path
                    .rsplit_once('/')
                    .map_or(String::new(), |(folder, _)| format!("{folder}/"));
                let stem = path.strip_suffix(".zip").unwrap_or(path);
                inner_paths.push(format!("{path}!{}", member.name));
                inner_paths.push(format!("{folder}{}", member.name));
                inner_paths.push(format!("{stem}/{}", member.name));
            }
            let mut file = outer.clone();
            file.name = name;
            file.members.push(member);
            self.take(file, inner_paths);
        }
    }
}

fn is_hidden(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.starts_with('.'))
}

fn is_hidden_member(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with('.') || part == "__MACOSX")
}

fn is_zip(head: &[u8]) -> bool {
    matches!(head, b"PK\x03\x04" | b"PK\x05\x06")
}

fn packing_of(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

fn first_bytes(file: &Delivered) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    open(file)?.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Opens the unpacked content of a file.
///
/// # Errors
/// The file changed since it was found, cannot be opened, or its archive is damaged. Reading also fails where
/// content unpacks beyond its bounds or is not what the archive says (kind `InvalidData`).
pub fn open(file: &Delivered) -> io::Result<Box<dyn Read + Send>> {
    let disk = open_on_disk(file)?;
    let (content, packed_bytes): (Box<dyn Read + Send>, u64) = match &file.members[..] {
        [] => (Box::new(disk), file.seen.bytes),
        [member] => (open_member(disk, member)?, member.bytes),
        [outer, member, ..] => {
            let inner = read_nested(disk, outer)?;
            (open_member(Cursor::new(inner), member)?, member.bytes)
        }
    };
    let buffered = |content| BufReader::with_capacity(256 << 10, content);
    Ok(match file.packing {
        Packing::Plain => content,
        Packing::Gzip => Box::new(Bounded::new(
            MultiGzDecoder::new(buffered(content)),
            packed_bytes,
            None,
        )),
        Packing::Zstd => Box::new(Bounded::new(
            zstd::Decoder::with_buffer(buffered(content))?,
            packed_bytes,
            None,
        )),
    })
}

/// Opens a plain file to read it by position.
///
/// # Errors
/// It changed since it was found, or cannot be opened.
pub fn open_on_disk(file: &Delivered) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let disk = File::from(rustix::fs::open(&file.path, flags, Mode::empty())?);
    if Seen::of(&disk.metadata()?) != file.seen {
        return Err(changed());
    }
    Ok(disk)
}

/// Says after reading whether the file is still what it was when it was found.
///
/// # Errors
/// It changed, or is gone.
pub fn check_unchanged(file: &Delivered) -> io::Result<()> {
    if Seen::of(&fs::symlink_metadata(&file.path)?) == file.seen {
        Ok(())
    } else {
        Err(changed())
    }
}

/// The failure of a file that is not what it was when it was found.
pub fn changed() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "the file changed while it was read; is it still being delivered?",
    )
}

/// A failed read of a file as a stop: content that is damaged is bad data (65), the rest is input and output (74).
pub fn read_failed(file: &Delivered, error: &io::Error) -> Stop {
    if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::ResourceBusy {
        let mut stop = Stop::io(&file.path, "read", error);
        for finding in &mut stop.findings {
            finding.file.clone_from(&file.name);
        }
        return stop;
    }
    Stop::new(
        StopCode::BadData,
        Finding::about(
            &file.name,
            format!("the file cannot be unpacked: {error}"),
            "have it delivered again; nothing of it was taken",
        ),
    )
}

/// SHA-256 (lower-case hex) and size of the unpacked content.
///
/// # Errors
/// As [`open`].
pub fn hash_content(file: &Delivered) -> io::Result<(String, u64)> {
    let mut reader = open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    let mut bytes = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex(&hasher.finalize()), bytes));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// SHA-256 (hex) and number of bytes of the unpacked contents of two files, taken side by side.
///
/// # Errors
/// Of each, what [`hash_content`] reports.
pub fn hash_contents(files: [&Delivered; 2]) -> [io::Result<(String, u64)>; 2] {
    let [Ok(one), Ok(other)] = files.map(open) else {
        return files.map(hash_content);
    };
    let mut one = Hashed::new(one);
    let mut other = Hashed::new(other);
    let mut buffers = (Vec::new(), Vec::new());
    let ended = loop {
        buffers.0.clear();
        buffers.1.clear();
        let (read, other_read) = Hashed::step_both((&mut one, &mut buffers.0), (&mut other, &mut buffers.1));
        match (read, other_read) {
            (Ok(1..), Ok(1..)) => {}
            ended => break ended,
        }
    };
    // The longer one goes on alone.
    let rest = |mut hashed: Hashed, mut read: io::Result<usize>, mut buffer: Vec<u8>| loop {
        match read {
            Ok(0) => return Ok((hex(&hashed.digest()), hashed.bytes())),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        buffer.clear();
        read = hashed.step(&mut buffer);
    };
    [rest(one, ended.0, buffers.0), rest(other, ended.1, buffers.1)]
}

#[cfg(test)]
mod tests {
    use super::archive::member_name;
    use super::*;
    use crate::ingest::canonical::tests::{settings, source};
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    type Writer = zip::ZipWriter<Cursor<Vec<u8>>>;

    fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// An archive whose directory has two members of one content.
    fn overlapping() -> Vec<u8> {
        let one = zipped(&[("a.csv", b"hello")]);
        let directory = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let end = one.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
        let mut second = one[directory..end].to_vec();
        second[46] = b'b';
        let mut record = one[end..].to_vec();
        (record[8], record[10]) = (2, 2);
        let bytes = 2 * (end - directory) as u32;
        record[12..16].copy_from_slice(&bytes.to_le_bytes());
        [&one[..end], &second, &record].concat()
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    fn book() -> Settings {
        settings(vec![
            source("platform", Role::Platform, &["platform/*.csv", "platform*.zip"]),
            source("bank", Role::Bank, &["bank/**/*.csv", "bank/**/b?.parquet"]),
        ])
    }

    fn inbox(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn found(files: &[(&str, &[u8])]) -> Vec<(String, usize, Vec<u8>)> {
        let folder = inbox(files);
        discover(folder.path(), &book())
            .unwrap_or_else(|stop| panic!("{stop}"))
            .files
            .iter()
            .map(|file| {
                let mut content = Vec::new();
                open(file).unwrap().read_to_end(&mut content).unwrap();
                check_unchanged(file).unwrap();
                assert_eq!(hash_content(file).unwrap().1, content.len() as u64);
                (file.name.clone(), file.source, content)
            })
            .collect()
    }

    fn refused(files: &[(&str, &[u8])], expected: &str) {
        let folder = inbox(files);
        let stop = discover(folder.path(), &book()).unwrap_err();
        assert_eq!(stop.code, StopCode::BadData);
        assert!(stop.to_string().contains(expected), "{stop}");
    }

    #[test]
    fn globs_match_within_folders() {
        let check =
            |glob: &str, path: &str, expected| assert_eq!(matches(glob, path), expected, "{glob} {path}");
        check("platform/*.csv", "platform/a.csv", true);
        check("platform/*.csv", "platform/x/a.csv", false);
        check("**/*.csv", "a.csv", true);
        check("**/*.csv", "x/y/a.csv", true);
        check("x/**", "x/y/a.csv", true);
        check("a?c*e", "a中cde", true);
        check("*a*b", "xaxxab", true);
        check("*a*b", "xaxxa", false);
        check("", "a", false);
    }

    #[test]
    fn files_and_members_are_found_and_opened() {
        let inner = zipped(&[("b2.csv", b"nested")]);
        let all = found(&[
            ("platform/p.csv", b"plain"),
            ("platform/q.csv.gz", &gzipped(b"gz")),
            ("platform/r.csv.zst", &zstd::encode_all(&b"zst"[..], 3).unwrap()),
            (
                "platform-2.zip",
                &zipped(&[("any/name.txt", b"zip"), (".hidden", b"")]),
            ),
            (
                "bank/a.zip",
                &zipped(&[
                    ("b1.csv", b"member"),
                    ("more.zip", &inner),
                    ("b3.csv.gz", &gzipped(b"both")),
                ]),
            ),
            ("bank/deep/b4.parquet", b"PAR1"),
        ]);
        let names: Vec<_> = all
            .iter()
            .map(|(name, source, content)| format!("{name} {source} {}", String::from_utf8_lossy(content)))
            .collect();
        assert_eq!(
            names,
            [
                "bank/a.zip!b1.csv 1 member",
                "bank/a.zip!b3.csv.gz 1 both",
                "bank/a.zip!more.zip!b2.csv 1 nested",
                "bank/deep/b4.parquet 1 PAR1",
                "platform-2.zip!any/name.txt 0 zip",
                "platform/p.csv 0 plain",
                "platform/q.csv.gz 0 gz",
                "platform/r.csv.zst 0 zst",
            ]
        );
    }

    #[test]
    fn every_file_has_one_source() {
        refused(
            &[("other/x.csv", b"")],
            "no source claims this file (sources: platform, bank)",
        );
        let folder = inbox(&[("x.csv", b"")]);
        let both = settings(vec![
            source("one", Role::Bank, &["*.csv"]),
            source("two", Role::Bank, &["x*"]),
        ]);
        let stop = discover(folder.path(), &both).unwrap_err();
        assert!(
            stop.to_string()
                .contains("the sources `one` and `two` claim this file"),
            "{stop}"
        );
    }

    #[test]
    fn what_is_required_must_be_there() {
        let mut book = book();
        book.sources[0].required = true;
        let folder = inbox(&[(".DS_Store", b"x"), ("bank/b.csv", b"")]);
        let stop = discover(folder.path(), &book).unwrap_err();
        assert_eq!(stop.code, StopCode::InputMissing);
        assert!(
            stop.to_string().contains("source `platform` is required"),
            "{stop}"
        );
        book.sources[0].required = false;
        let delivery = discover(folder.path(), &book).unwrap();
        assert_eq!(delivery.skipped, [".DS_Store"]);
        let gone = discover(&folder.path().join("no"), &book).unwrap_err();
        assert_eq!(gone.code, StopCode::InputMissing);
    }

    #[test]
    fn links_and_pipes_are_refused_and_all_findings_told() {
        let folder = inbox(&[("nobody.txt", b"")]);
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.csv")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe.csv"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let stop = discover(folder.path(), &book()).unwrap_err();
        let text = stop.to_string();
        assert_eq!(stop.findings.len(), 3, "{text}");
        assert!(text.contains("link.csv: found a symbolic link"), "{text}");
        assert!(text.contains("pipe.csv: found a pipe"), "{text}");
    }

    #[test]
    fn hostile_archives_are_refused() {
        let check = |archive: Vec<u8>, expected: &str| refused(&[("platform.zip", &archive)], expected);
        for name in [
            "../x.csv",
            "/x.csv",
            "a//b.csv",
            "C:\\x.csv",
            "a/../../x.csv",
            "a/./b",
        ] {
            check(zipped(&[(name, b"x")]), "leads out of the archive");
        }
        check(zipped(&[("a!b.csv", b"x")]), "`!` in its name");
        check(zipped(&[]), "without a file");
        check(zipped(&[(".DS_Store", b"x")]), "without a file");
        check(zipped(&[("a\\b.csv", b"x"), ("a/b.csv", b"y")]), "twice");
        let zeros = vec![0; 11 << 20];
        check(zipped(&[("z.csv", &zeros)]), "more than 200 times its size");
        let deep = zipped(&[("a.zip", &zipped(&[("b.zip", &zipped(&[("c.csv", b"x")]))]))]);
        check(deep, "three levels deep");
        let mut cut = zipped(&[("a.csv", b"hello hello hello")]);
        cut.truncate(cut.len() - 5);
        check(cut, "cannot be unpacked");
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("l.csv", "/etc/passwd", SimpleFileOptions::default())
            .unwrap();
        check(zip.finish().unwrap().into_inner(), "symbolic link");
        let mut wrong = zipped(&[("a.csv", b"hello")]);
        let at = wrong.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        wrong[at + 16] ^= 1;
        let damaged = inbox(&[("platform.zip", &wrong)]);
        let file = &discover(damaged.path(), &book()).unwrap().files[0];
        let error = io::copy(&mut open(file).unwrap(), &mut io::sink()).unwrap_err();
        assert!(
            read_failed(file, &error).to_string().contains("checksum"),
            "{error}"
        );
        wrong[at + 16] ^= 1;
        wrong[at + 8] |= 1;
        check(wrong, "encrypted");
        // What no directory lists, and what one lists twice.
        let (one, other) = (zipped(&[("a.csv", b"hello")]), zipped(&[("b.csv", b"hello")]));
        check([&one[..], &other].concat(), "its directory does not list");
        check([&one[..], b"rows"].concat(), "bytes behind its end");
        check([&b"PK\x03\x04"[..], &one].concat(), "its directory does not list");
        check(overlapping(), "lie over one another");
        check(zipped(&[("a.csv", b"x"), ("A.CSV", b"y")]), "take for one");
        let mut device = zipped(&[("a.csv", b"hello")]);
        let at = device.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        device[at + 5] = 3; // written by Unix
        device[at + 41] = 0x60; // a block device
        check(device, "a device");
        refused(
            &[("platform/a.csv.gz", &gzipped(&zipped(&[("a", b"x")])))],
            "archive inside a compressed file",
        );
        let bomb = inbox(&[("platform/a.csv.gz", &gzipped(&zeros))]);
        let file = &discover(bomb.path(), &book()).unwrap().files[0];
        let error = io::copy(&mut open(file).unwrap(), &mut io::sink()).unwrap_err();
        assert_eq!(read_failed(file, &error).code, StopCode::BadData);
    }

    #[test]
    fn archives_of_all_usual_writers_are_read() {
        let content = b"hello hello hello hello";
        let options = SimpleFileOptions::default();
        let written = |write: &dyn Fn(&mut Writer)| {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            write(&mut zip);
            zip.finish().unwrap().into_inner()
        };
        let put = |zip: &mut Writer, name: &str, options| {
            zip.start_file(name, options).unwrap();
            zip.write_all(content).unwrap();
        };
        let comment = written(&|zip| {
            zip.set_comment("of a bank").unwrap();
            put(zip, "a.csv", options);
        });
        let folder = written(&|zip| {
            zip.add_directory("x", options).unwrap();
            put(zip, "x/a.csv", options.unix_permissions(0o640));
        });
        let large = written(&|zip| put(zip, "a.csv", options.large_file(true)));
        let aligned = written(&|zip| {
            put(zip, "a.csv", options.with_alignment(4096));
            put(zip, "b.csv", options.with_alignment(4096));
        });
        // Sizes and checksum behind the content, as who writes into a pipe does.
        let mut streamed = zip::ZipWriter::new_stream(Vec::new());
        for name in ["a.csv", "b.csv"] {
            streamed.start_file(name, options).unwrap();
            streamed.write_all(content).unwrap();
        }
        let streamed = streamed.finish().unwrap().into_inner();
        for archive in [comment, folder, large, aligned, streamed] {
            let found = found(&[("platform.zip", &archive)]);
            let whole = found.iter().all(|(.., bytes)| bytes == content);
            assert!(!found.is_empty() && whole, "{found:?}");
        }
    }

    #[test]
    fn names_of_chinese_systems_are_read() {
        let (gbk, _, _) = encoding_rs::GBK.encode("对账单.csv");
        assert_eq!(member_name(&gbk).unwrap(), "对账单.csv");
        assert_eq!(member_name("对账单.csv".as_bytes()).unwrap(), "对账单.csv");
        assert!(member_name(b"\xff\xff").is_err());
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let folder = inbox(&[("platform/p.csv", b"a")]);
        let file = &discover(folder.path(), &book()).unwrap().files[0];
        fs::write(&file.path, b"ab").unwrap();
        let error = check_unchanged(file).unwrap_err();
        assert_eq!(read_failed(file, &error).code, StopCode::Io);
        assert!(open(file).is_err());
    }
}
