//! What a delivered file is and says, before any book is made for it (SPEC §4.4): format, variant, encoding, period,
//! accounts, first entries as the engine sees them, control totals and whether they hold.
//!
//! The order of recognition is fixed and looks at content alone: Parquet, the grammars, profiles, canonical tables; what
//! is left is a table that nobody knows, for which a profile is drafted. A file name decides nothing. Whatever a close
//! would refuse is said as a failed check; no amount is taken from anything but the reader that a close uses.

use std::io::{self, Read};
use std::sync::OnceLock;

use encoding_rs::{DecoderResult, Encoding, GB18030, UTF_8};

use crate::book::parse::parse_settings;
use crate::book::settings::{Account, Role, Settings, Source};
use crate::entries::rows::Reject;
use crate::ingest::files::{self, Delivered};
use crate::ingest::formats::desk::{Desk, StatementTold, unknown_account};
use crate::ingest::formats::profile::{self, Profile};
use crate::ingest::formats::summary::{self, Compared, RowSums, StatedSums};
use crate::ingest::formats::{
    FileFacts, FileRefused, FormatContext, grammars, read_foreign, recognise, table,
};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

use shown::{NO_BUSINESS_DATE, Shown};

mod canonical;
mod draft;
mod following;
mod shown;

pub use shown::{EntryShown, SideSum};

const HEAD_BYTES: usize = 64 << 10;
/// What stands for the account of a source, for files that name none.
const OWN_ACCOUNT: &str = "(account of the source)";
/// What stands for the channel of a source, for bills that name none.
const OWN_CHANNEL: &str = "(channel of the source)";
/// Times that a table is read while its accounts become known: accounts, their currency, rows.
const PASSES_MAX: usize = 5;
/// What a drafted profile is called while it is tried.
const DRAFT: &str = "draft";
/// Profiles of which is said why a file is none of theirs.
const NEAR_MAX: usize = 3;

/// What was found out about a file.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// Name: of the file, or `archive.zip!member`.
    pub name: String,
    /// Format as a source names it; empty where none is known.
    pub format: String,
    /// What the format is called.
    pub title: String,
    /// Role of a source of this format; `None` for an unknown table.
    pub role: Option<Role>,
    /// Variant: version, dialect.
    pub variant: String,
    /// What the text was read in; empty for Parquet.
    pub encoding: String,
    /// Bytes of the unpacked content.
    pub bytes: u64,
    /// SHA-256 of the unpacked content, hex.
    pub sha256: String,
    /// Accounts that the file names, with their currency.
    pub accounts: Vec<Account>,
    /// First and last day of its entries and balances.
    pub period: Option<(Date, Date)>,
    /// Statements, reports and notifications.
    pub statements: Vec<StatementTold>,
    /// Rows that would be taken.
    pub rows: u64,
    /// Rows that move no money.
    pub not_booked: u64,
    /// Number and sum of rows by side and currency.
    pub sums: Vec<SideSum>,
    /// The first rows.
    pub first: Vec<EntryShown>,
    /// Checks that hold, in words.
    pub checked: Vec<String>,
    /// What else a person must know to read this, in words.
    pub notes: Vec<String>,
    /// Checks that fail, and why the file would be refused.
    pub failed: Vec<FileRefused>,
    /// Number of rows that would be refused.
    pub reject_count: u64,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// A profile to confirm, for a table that nobody knows.
    pub draft: Option<String>,
    /// Why it gives no rows although it is of the format; empty of any other.
    pub without_rows: String,
    /// What its rows add up to, where another file may say that.
    pub row_sums: Option<RowSums>,
    /// What the rows of another file add up to.
    pub stated_sums: Option<StatedSums>,
}

impl Inspected {
    /// True when a close would take the file whole.
    pub fn holds(&self) -> bool {
        self.failed.is_empty() && self.reject_count == 0 && !self.format.is_empty()
    }
}

/// Profiles that can be tried: names and texts, the user's own first.
pub type Profiles<'a> = &'a [(String, String)];

/// The built-in profiles.
pub fn builtin_profiles() -> Vec<(String, String)> {
    profile::builtin_names()
        .filter_map(|name| Some((name.to_owned(), profile::builtin(name)?.to_owned())))
        .collect()
}

/// Looks into one delivered file or member; what sources of a book say of its format is taken from there.
///
/// # Errors
/// It cannot be read or unpacked.
pub fn inspect(file: &Delivered, profiles: Profiles<'_>, book: Option<&Settings>) -> io::Result<Inspected> {
    let (sha256, bytes) = files::hash_content(file)?;
    let mut head = Vec::new();
    files::open(file)?
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    let mut seen = Inspected {
        name: file.name.clone(),
        bytes,
        sha256,
        ..Inspected::default()
    };
    if bytes == 0 {
        seen.failed.push(FileRefused::at(
            0,
            "the file is empty (0 bytes)",
            "an empty file is a failed transfer more often than a day without business: have it delivered again",
        ));
        return Ok(seen);
    }
    if file.parquet {
        canonical::parquet(file, &mut seen)?;
    } else if let Some(format) = grammars::recognise(&head) {
        grammar(file, format, &mut seen)?;
    } else if let Some((name, text)) = recognised(profiles, &head) {
        by_profile(file, (name, text), &head, book, &mut seen)?;
    } else if let Some(role) = canonical::role_of(&head) {
        canonical::csv(file, role, &mut seen)?;
    } else {
        let encodings = encodings(file)?;
        let answered = answer(profiles, &head).map(|refused| match table::other_kind(&head) {
            Some(_) => ("no table of a bank or channel", refused),
            None => ("an answer, or another file", refused),
        });
        let cut = || {
            Some((
                "records of fixed places, shorter than they are",
                cut_short(profiles, &head)?,
            ))
        };
        match answered.or_else(cut) {
            Some((title, refused)) => {
                title.clone_into(&mut seen.title);
                let encoding = encodings.first().map_or("", |encoding| encoding.name());
                encoding.clone_into(&mut seen.encoding);
                seen.failed.push(refused);
            }
            None => {
                draft::draft(&head, bytes > HEAD_BYTES as u64, &encodings, &mut seen);
                if let Some(draft) = seen.draft.take() {
                    seen.draft = Some(tried(file, &head, draft, book)?);
                }
                seen.notes.extend(nearest_profiles(profiles, &head));
            }
        }
    }
    if let Some(book) = book.filter(|_| !file.parquet) {
        by_book(file, profiles, &head, book, &mut seen)?;
    }
    if seen.failed.is_empty() && seen.draft.is_none() && seen.statements.is_empty() {
        let idle = seen.rows == 0 && seen.not_booked == 0 && seen.reject_count == 0;
        if idle && seen.checked.is_empty() && seen.without_rows.is_empty() {
            seen.checked.push("no rows: an empty day".to_owned());
        }
    }
    Ok(seen)
}

/// Compares what members of an archive state of the rows of others in it, and says it of the one that states it.
pub fn compare_members(seen: &mut [Inspected]) {
    let archive = |one: &Inspected| one.name.split_once('!').map(|(archive, _)| archive.to_owned());
    let mut archives: Vec<String> = seen.iter().filter_map(archive).collect();
    archives.dedup();
    for name in archives {
        let is_in = |one: &&Inspected| archive(one).as_ref() == Some(&name);
        let stated: Vec<&StatedSums> = seen
            .iter()
            .filter(is_in)
            .filter_map(|one| one.stated_sums.as_ref())
            .collect();
        let rows: Vec<&RowSums> = seen
            .iter()
            .filter(is_in)
            .filter_map(|one| one.row_sums.as_ref())
            .collect();
        if stated.is_empty() || rows.is_empty() {
            continue;
        }
        let compared = summary::compare(&stated, &rows);
        let states = |one: &&mut Inspected| archive(one).as_ref() == Some(&name) && one.stated_sums.is_some();
        let Some(one) = seen.iter_mut().find(states) else {
            continue;
        };
        match compared {
            Compared::Holds(words) => one.checked.push(words),
            Compared::Open(words) => one.notes.push(words),
            Compared::Differs(words) => one.failed.push(FileRefused::at(0, words, summary::HELP)),
        }
    }
}

/// Which of UTF-8 and GB18030 the whole file is: behind plain letters at its head another encoding may show.
fn encodings(file: &Delivered) -> io::Result<Vec<&'static Encoding>> {
    let mut decoders: Vec<_> = [UTF_8, GB18030]
        .into_iter()
        .map(|encoding| (encoding, encoding.new_decoder_without_bom_handling()))
        .collect();
    let mut source = files::open(file)?;
    let (mut bytes, mut text) = (vec![0; HEAD_BYTES], vec![0; HEAD_BYTES * 3 + 16]);
    loop {
        let count = source.read(&mut bytes)?;
        decoders.retain_mut(|(_, decoder)| {
            let (result, ..) =
                decoder.decode_to_utf8_without_replacement(&bytes[..count], &mut text, count == 0);
            result == DecoderResult::InputEmpty
        });
        if count == 0 || decoders.is_empty() {
            return Ok(decoders.into_iter().map(|(encoding, _)| encoding).collect());
        }
    }
}

/// A draft with what does not hold of it when the file is read by it, so that nobody has to find that out by hand.
fn tried(file: &Delivered, head: &[u8], draft: String, book: Option<&Settings>) -> io::Result<String> {
    let mut found: Vec<String> = Vec::new();
    match Profile::parse(&draft, DRAFT) {
        Err(findings) => found.extend(findings.iter().map(|finding| finding.message.clone())),
        Ok(profile) if table::recognise(&profile, head, None).is_none() => {
            found.push(table::difference(&profile, head, None).words);
        }
        Ok(_) => {
            let mut seen = Inspected::default();
            by_profile(file, (DRAFT, &draft), head, book, &mut seen)?;
            let at = |line: u64| {
                if line > 0 {
                    format!("line {line}: ")
                } else {
                    String::new()
                }
            };
            found.extend(
                seen.failed
                    .iter()
                    .map(|failed| format!("{}{}", at(failed.line), failed.message)),
            );
            let rejects = seen.rejects.iter().take(NEAR_MAX).map(|reject| {
                format!(
                    "{}{}: found `{}`, expected {}",
                    at(reject.line),
                    reject.field,
                    reject.found,
                    reject.expected
                )
            });
            found.extend(rejects);
            found.push(format!(
                "{} rows are read by it as it stands, {} are refused",
                seen.rows, seen.reject_count
            ));
        }
    }
    let mut out = String::from("# Tried on the file:\n");
    for words in found {
        let one_line: String = words
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        out += &format!("#   {one_line}\n");
    }
    Ok(out + &draft)
}

fn recognised<'p>(profiles: Profiles<'p>, head: &[u8]) -> Option<(&'p str, &'p str)> {
    profiles.iter().find_map(|(name, text)| {
        let profile = Profile::parse(text, name).ok()?;
        table::recognise(&profile, head, None)?;
        Some((name.as_str(), text.as_str()))
    })
}

/// What a file says that is an error message in the place of a file; what a profile knows of goes before what only looks so.
fn answer(profiles: Profiles<'_>, head: &[u8]) -> Option<FileRefused> {
    let parsed = profiles
        .iter()
        .filter_map(|(name, text)| Profile::parse(text, name).ok());
    let mut answers: Vec<FileRefused> = parsed
        .filter_map(|profile| table::answer(&profile, head))
        .collect();
    let known = answers
        .iter()
        .position(|answer| !answer.message.contains(table::UNKNOWN_ANSWER));
    (!answers.is_empty()).then(|| answers.swap_remove(known.unwrap_or(0)))
}

/// What a file is whose records have lost the blanks at their ends, of the first profile that they would fit.
fn cut_short(profiles: Profiles<'_>, head: &[u8]) -> Option<FileRefused> {
    let mut parsed = profiles
        .iter()
        .filter_map(|(name, text)| Profile::parse(text, name).ok());
    parsed.find_map(|profile| table::cut_short(&profile, head))
}

/// Why a file is of none of the profiles that are near it, the nearest first: the user's own always, a built-in one where most
/// of what it expects is there.
fn nearest_profiles(profiles: Profiles<'_>, head: &[u8]) -> Vec<String> {
    let mut near: Vec<(table::Difference, &str)> = profiles
        .iter()
        .filter_map(|(name, text)| {
            let profile = Profile::parse(text, name).ok()?;
            let difference = table::difference(&profile, head, None);
            let is_own = profile::builtin(name) != Some(text.as_str());
            (is_own || difference.met > difference.missing).then_some((difference, name.as_str()))
        })
        .collect();
    near.sort_by_key(|(difference, _)| (difference.missing, std::cmp::Reverse(difference.met)));
    near.into_iter()
        .take(NEAR_MAX)
        .map(|(difference, name)| format!("no file of format {name}: {}", difference.words))
        .collect()
}

fn grammar(file: &Delivered, format: &'static str, seen: &mut Inspected) -> io::Result<()> {
    let (settings, source) = no_book(format, Role::Bank, &[])?;
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date(0),
    };
    let mut sink = Shown::default();
    let mut desk = Desk::open(&ctx, &mut sink);
    let outcome = grammars::read(format, files::open(file)?, &mut desk);
    let (facts, accounts, failed) = desk.into_parts();
    seen.format = format.to_owned();
    format.clone_into(&mut seen.title);
    seen.role = Some(Role::Bank);
    seen.failed = failed;
    take(facts, outcome.err(), accounts, sink, seen);
    Ok(())
}

fn by_profile(
    file: &Delivered,
    (name, text): (&str, &str),
    head: &[u8],
    book: Option<&Settings>,
    seen: &mut Inspected,
) -> io::Result<()> {
    seen.format = name.to_owned();
    let Ok(profile) = Profile::parse(text, name) else {
        return Ok(());
    };
    // Of a file that is refused nothing else tells it.
    let encoding = table::encoding_of(&profile, head);
    encoding.map_or("", Encoding::name).clone_into(&mut seen.encoding);
    seen.title.clone_from(&profile.title);
    seen.role = Some(profile.role);
    let texts = |wanted: &str| (wanted == name).then(|| text.to_owned());
    let mut accounts: Vec<Account> = Vec::new();
    // A format whose files name no account takes that of its source.
    let mut by_source = !may_name_account(&profile);
    let sources = book.map_or(&[][..], |book| &book.sources);
    let of_format = || sources.iter().filter(|source| source.format == name);
    let channel = said_by_sources(
        "channel",
        of_format().filter_map(|source| source.channel.as_deref()),
        seen,
    );
    let account = said_by_sources(
        "account",
        of_format().filter_map(|source| source.account.as_deref()),
        seen,
    );
    let channel_of_file = may_name(&profile, "channel", profile::From::SourceChannel);
    for pass in 0.. {
        let (settings, mut source) = no_book(name, profile.role, &accounts)?;
        source.account = by_source.then(|| account.clone().unwrap_or_else(|| OWN_ACCOUNT.to_owned()));
        let placeholder = (by_source || !channel_of_file).then(|| OWN_CHANNEL.to_owned());
        source.channel = channel.clone().or(placeholder);
        let (year, month, day) = NO_BUSINESS_DATE;
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date::from_ymd(year, month, day).unwrap_or(Date(0)),
        };
        let mut sink = Shown::default();
        let outcome = read_foreign(name, &texts, files::open(file)?, &ctx, &mut sink);
        let last = pass + 1 >= PASSES_MAX;
        let names_none = sink.unknown_accounts.contains("")
            || outcome
                .as_ref()
                .is_err_and(|refused| refused.message.contains(table::NOT_TOLD_BY_FILE));
        if !by_source && !last && names_none {
            by_source = true;
            accounts.clear();
            continue;
        }
        if !last && learn(&sink, &profile, &mut accounts) {
            continue;
        }
        let (facts, refused) = match outcome {
            Ok(facts) => (facts, None),
            Err(refused) => (FileFacts::default(), Some(refused)),
        };
        take(facts, refused, accounts, sink, seen);
        return Ok(());
    }
    Ok(())
}

/// Reads the file once more as a close of the book would: what it refuses, such as a file of an account that is not the
/// source's, is refused here in the same words. Of several sources that may take it, it is enough that one does.
fn by_book(
    file: &Delivered,
    profiles: Profiles<'_>,
    head: &[u8],
    book: &Settings,
    seen: &mut Inspected,
) -> io::Result<()> {
    let of_book = |name: &str| {
        let own = profiles.iter().find(|(known, _)| known == name)?;
        (profile::builtin(name) != Some(own.1.as_str())).then(|| own.1.clone())
    };
    let is_of = |source: &&Source| {
        source.format != "canonical"
            && matches!(
                recognise(&source.format, &of_book, head),
                Ok(Some(table::Kind::Rows))
            )
    };
    let mut sources: Vec<&Source> = book.sources.iter().filter(is_of).collect();
    // Where the name says whose file it is, the other sources of the format do not count.
    if sources.iter().any(|source| files::may_take(source, &file.name)) {
        sources.retain(|source| files::may_take(source, &file.name));
    }
    let (year, month, day) = NO_BUSINESS_DATE;
    let mut first = None;
    for source in sources {
        let ctx = FormatContext {
            settings: book,
            source,
            business_date: Date::from_ymd(year, month, day).unwrap_or(Date(0)),
        };
        let mut sink = Shown::default();
        let outcome = read_foreign(&source.format, &of_book, files::open(file)?, &ctx, &mut sink);
        let (reject_count, rejects) = sink.refused();
        if outcome.is_ok() && reject_count == 0 {
            return Ok(());
        }
        first.get_or_insert((outcome.err(), reject_count, rejects));
    }
    let Some((refused, reject_count, rejects)) = first else {
        return Ok(());
    };
    if let Some(refused) = refused {
        // A table is refused for one reason: that of the close is the more exact one.
        if !grammars::is_grammar(&seen.format) {
            seen.failed.clear();
        }
        if !seen.failed.contains(&refused) {
            seen.failed.push(refused);
        }
    } else if reject_count > seen.reject_count {
        (seen.reject_count, seen.rejects) = (reject_count, rejects);
    }
    Ok(())
}

/// True of a profile whose files may say which account they are of, though a source can say it as well.
fn may_name_account(profile: &Profile) -> bool {
    may_name(profile, "account", profile::From::SourceAccount)
}

/// True of a profile whose files may say themselves what a source can say as well.
fn may_name(profile: &Profile, field: &str, from: profile::From) -> bool {
    let rules = profile.fields.get(field).into_iter().flatten();
    rules
        .filter(|rule| rule.from == Some(from))
        .any(|rule| rule.fact.is_some() || !rule.columns.is_empty() || rule.value.is_some())
}

/// What the sources of this format say of a channel or account: the first, and which it is where they differ.
fn said_by_sources<'s>(
    what: &str,
    mut said: impl Iterator<Item = &'s str>,
    seen: &mut Inspected,
) -> Option<String> {
    let first = said.next()?;
    if said.any(|other| other != first) {
        seen.notes.push(format!(
            "several sources of the book have this format: shown with the {what} of the first, {first}"
        ));
    }
    Some(first.to_owned())
}

/// Learns from refused rows which accounts a table names and in which currency they are; true when that is new.
fn learn(sink: &Shown, profile: &Profile, accounts: &mut Vec<Account>) -> bool {
    let yuan = profile.currency.or(Currency::parse(b"CNY"));
    let Some(currency) = yuan else { return false };
    let mut new = false;
    for named in &sink.unknown_accounts {
        if accounts.iter().any(|account| account.id == *named) {
            continue;
        }
        new = true;
        accounts.push(unknown_account(named, currency));
    }
    if let Some(currency) = sink.other_currency.filter(|_| !new)
        && accounts.iter().any(|account| account.currency != currency)
    {
        for account in accounts {
            account.currency = currency;
        }
        new = true;
    }
    new
}

fn take(
    facts: FileFacts,
    refused: Option<FileRefused>,
    accounts: Vec<Account>,
    sink: Shown,
    seen: &mut Inspected,
) {
    seen.variant = facts.variant;
    seen.without_rows = facts.without_rows;
    seen.row_sums = facts.row_sums;
    seen.stated_sums = facts.stated_sums;
    if !facts.encoding.is_empty() {
        seen.encoding = facts.encoding;
    }
    seen.checked.extend(facts.checked);
    seen.notes.extend(facts.noted);
    seen.failed.extend(refused);
    seen.statements = facts.told;
    let followed = following::how_they_follow(&seen.statements, &accounts);
    seen.notes.extend(followed);
    if grammars::has_statements_by_day(&seen.format) {
        seen.notes.extend(following::of_several_days(&seen.statements));
    }
    seen.accounts = accounts;
    sink.into_seen(seen);
    // What statements say is shown as such; a table has none.
    if seen.statements.is_empty() {
        seen.notes.extend(facts.statements);
    }
    for told in &seen.statements {
        for balance in [told.opening, told.closing].into_iter().flatten() {
            seen.period = Some(match seen.period {
                None => (balance.date, balance.date),
                Some((from, to)) => (from.min(balance.date), to.max(balance.date)),
            });
        }
    }
}

/// The settings that stand in for a book: readers ask them for accounts and the time zone only.
const NO_BOOK: &str = r#"
[institution]
name = "inspect"
id = "INSPECT"
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"
calendar = "CN"
[[account]]
id = "A"
bank = "B"
currency = "CNY"
kind = "reserve"
[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["p"]
[[source]]
name = "inspect"
role = "bank"
format = "canonical"
files = ["b"]
[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
passes = ["exact"]
[settle]
when = ["platform-bank"]
[payout]
default_cycle = "T+1"
account = "A"
"#;

/// Settings and source that stand in for a book which knows `accounts`.
pub(super) fn no_book(format: &str, role: Role, accounts: &[Account]) -> io::Result<(Settings, Source)> {
    // Read once: a target of fuzz/ asks for it at every run.
    static STAND_IN: OnceLock<Result<(Settings, Source), String>> = OnceLock::new();
    let stand_in = STAND_IN.get_or_init(|| {
        let mut settings = parse_settings(NO_BOOK, "inspect").map_err(|stop| stop.to_string())?;
        let source = settings.sources.pop();
        let source = source.ok_or_else(|| "the stand-in for a book has no source".to_owned())?;
        settings.privacy.mask_accounts = false;
        Ok((settings, source))
    });
    let (mut settings, mut source) = stand_in.clone().map_err(io::Error::other)?;
    settings.accounts = accounts.to_vec();
    source.role = role;
    format.clone_into(&mut source.format);
    Ok((settings, source))
}

#[cfg(test)]
mod tests;
