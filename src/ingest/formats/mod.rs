//! Foreign formats (SPEC §4.4). Tables are read by one engine from a profile ([`profile`], [`table`]); only
//! grammars that are not tables have code of their own ([`grammars`] lists them).
//!
//! In: the bytes of one file or archive member. Out: rows to a [`RowSink`] in the order of the file, and facts about
//! the whole file. A file is right in every total that its format has, or it is refused; rows that a refused file has
//! given before are void. Which source claims a file, archives and duplicate deliveries are decided before.

use std::collections::BTreeSet;
use std::io::Read;

use crate::book::parse::nearest;
use crate::book::settings::{Role, Settings, Source};
use crate::entries::rows::RowSink;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::Date;

pub mod decode;
pub mod values;
pub mod profile;
pub mod table;
pub mod pieces;
pub mod summary;
pub mod desk;
pub mod camt053;
pub mod mt940;
pub mod bai2;
pub mod ofx;
pub mod cmb;
pub mod grammars;

/// Name of the canonical tables, which need no profile.
const CANONICAL: &str = "canonical";
/// Name of the ISO 20022 bank statement.
pub const CAMT053: &str = "camt.053";
/// Name of the ISO 20022 intraday report.
pub const CAMT052: &str = "camt.052";
/// Name of the ISO 20022 notification.
pub const CAMT054: &str = "camt.054";
/// Name of the SWIFT statement.
pub const MT940: &str = "mt940";
/// Name of the SWIFT interim report.
pub const MT942: &str = "mt942";
/// Name of the North American cash management report.
pub const BAI2: &str = "bai2";
/// Name of the statements of online banking.
pub const OFX: &str = "ofx";
/// Name of the answer of China Merchants Bank's direct link.
pub const CMB: &str = "cmb-gettransinfo";

/// Bytes by which a table is told.
pub const HEAD_BYTES: usize = 64 << 10;
/// Names for several formats of one sender, whose files come together: each file is read by the one of which it is.
const FAMILIES: [(&str, &[&str]); 1] = [("unionpay", &["unionpay-zm", "unionpay-zme"])];

/// The formats that a name stands for; the name itself unless it is one of a family.
fn members(format: &str) -> Vec<&str> {
    let family = FAMILIES.iter().find(|(name, _)| *name == format);
    family.map_or_else(|| vec![format], |(_, members)| members.to_vec())
}

/// What a reader needs to know about the book to turn a file into canonical rows.
#[derive(Clone, Copy, Debug)]
pub struct FormatContext<'a> {
    /// The book's settings (accounts by number, time zone).
    pub settings: &'a Settings,
    /// The source that claimed the file.
    pub source: &'a Source,
    /// The day being closed.
    pub business_date: Date,
}

/// What a reader found out about a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Control totals that the format has and that held, in words: `payments: 6 rows, 0.06`.
    pub checked: Vec<String>,
    /// What is said beside that: what was guessed, passed over or left over, and what nobody could compare.
    pub noted: Vec<String>,
    /// Identity of each statement: account number, id, sequence number and period, as the format gives them.
    pub statements: Vec<String>,
    /// The variant of the format: version, dialect.
    pub variant: String,
    /// What the text was read in.
    pub encoding: String,
    /// What is remembered of each statement for the checks across files.
    pub told: Vec<desk::StatementTold>,
    /// Messages of which this file is one page.
    pub pages: Vec<desk::MessagePage>,
    /// Line and day of the newest row of statements that give no balances, by which a file of another day would be told.
    pub undated: Vec<(u64, Date)>,
    /// The days that the file says it is of.
    pub period: Option<Period>,
    /// Rows that are told by nothing but their texts, sorted by digest, for the checks across files.
    pub digests: Vec<RowDigest>,
    /// What its rows add up to, where another file may say that.
    pub row_sums: Option<summary::RowSums>,
    /// What the rows of another file add up to, of a file that gives none.
    pub stated_sums: Option<summary::StatedSums>,
    /// Batches some of whose rows were rounded.
    pub rounded: Vec<String>,
    /// Which part of a report it is, where a report may lie in several files.
    pub part: Option<ReportPart>,
    /// Why the file gives no rows of its own although it is of the format: it is a summary, or a test. Empty of any other.
    pub without_rows: String,
}

/// Which part of a report a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportPart {
    /// Reports that begin in it.
    pub begins: u32,
    /// Reports that end in it.
    pub ends: u32,
    /// Its number among the files of its report, from 1; `None` where it does not say.
    pub number: Option<u64>,
    /// Line of the record that begins or numbers it.
    pub line: u64,
}

/// The time of which a file says that it is, as a clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Line that says it.
    pub line: u64,
    /// First moment.
    pub from: values::WallTime,
    /// The moment behind the last.
    pub until: values::WallTime,
}

impl Period {
    /// True when some of the business day lies in it, whose first minute is that of the cut-off.
    pub fn has(&self, day: Date, cut_off_minutes: u32) -> bool {
        let seconds = |time: &values::WallTime| {
            let of_day = (time.hour * 60 + time.minute) * 60 + time.second;
            i64::from(time.date.0) * 86_400 + i64::from(of_day)
        };
        let begin = i64::from(day.0) * 86_400 + i64::from(cut_off_minutes) * 60;
        let (from, until) = (seconds(&self.from), seconds(&self.until));
        // A period that ends where it begins is that moment.
        from < begin + 86_400 && until.max(from + 1) > begin
    }

    /// The first and the last day that it touches.
    pub fn days(&self) -> (Date, Date) {
        let until = &self.until;
        let ends_at_midnight = (until.hour, until.minute, until.second) == (0, 0, 0);
        let last = until.date.plus_days(-i32::from(ends_at_midnight));
        (self.from.date, last.max(self.from.date))
    }
}

/// A row that has no number of its own, and how often the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowDigest {
    /// XXH3 of its texts and its account.
    pub digest: u64,
    /// XXH3 of what its texts say, however they write it: a file that was saved again writes `1,000.00` for `1000.00`.
    pub value: u64,
    /// Rows of these texts.
    pub count: u32,
    /// Line of the first of them.
    pub line: u32,
}

/// Why a whole file is refused: a failed total, a broken frame, an encoding that does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRefused {
    /// 1-based physical line; 0 where there is none.
    pub line: u64,
    /// 1-based column in characters; 0 where there is none.
    pub column: u32,
    /// What is wrong: ``trailer 交易合计: found 7 rows, expected 6``.
    pub message: String,
    /// What the person on duty does next.
    pub help: String,
}

impl FileRefused {
    /// A refusal at a line (0 where there is none).
    pub fn at(line: u64, message: impl Into<String>, help: impl Into<String>) -> FileRefused {
        FileRefused {
            line,
            column: 0,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The refusal as a finding about `file`.
    pub fn finding(self, file: impl Into<String>) -> Finding {
        Finding::about(file, self.message, self.help).at(self.line, self.column)
    }
}

/// True when the engine itself knows a format of this name. A book's own profiles come on top.
pub fn known_format(name: &str) -> bool {
    let is_family = FAMILIES.iter().any(|(family, _)| *family == name);
    is_family || grammars::is_grammar(name) || profile::builtin(name).is_some()
}

/// Checks that every source has a format that can be read, and that its files tell what its role says.
///
/// # Errors
/// 78 with all findings.
pub fn check_sources(
    settings: &Settings,
    user_profiles: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Stop> {
    let mut findings = Vec::new();
    for source in settings
        .sources
        .iter()
        .filter(|source| source.format != CANONICAL)
    {
        let (name, format) = (&source.name, &source.format);
        let role = if grammars::is_grammar(format) {
            Role::Bank
        } else if user_profiles(format).is_none() && !known_format(format) {
            let known: Vec<&str> = [CANONICAL]
                .into_iter()
                .chain(grammars::names())
                .chain(profile::builtin_names())
                .chain(FAMILIES.iter().map(|(name, _)| *name))
                .collect();
            let near = nearest(format, known.iter().copied())
                .map(|near| format!(", did you mean `{near}`?"))
                .unwrap_or_default();
            findings.push(Finding::about(
                "book.toml",
                format!("source `{name}`: no format `{format}`{near}"),
                format!(
                    "name one of: {}; or write profiles/{format}.toml",
                    known.join(", ")
                ),
            ));
            continue;
        } else {
            let member = one_of(format, user_profiles)[0];
            match profile_of(member, user_profiles) {
                Ok(profile) => profile.role,
                Err(refused) => {
                    findings.push(refused.finding(format!("profiles/{member}.toml")));
                    continue;
                }
            }
        };
        if role != source.role {
            findings.push(Finding::about(
                "book.toml",
                format!(
                    "source `{name}`: found role {}, but files of format `{format}` are of role {}",
                    source.role.name(),
                    role.name()
                ),
                "correct role or format of the source",
            ));
        }
    }
    findings.extend(grammars::check_uses(settings));
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Stop {
            code: StopCode::Settings,
            findings,
        })
    }
}

/// Reads one file of the format `format` (never `canonical`). A profile of the book, which `user_profiles` gives by
/// name, is used before a built-in one of the same name.
///
/// # Errors
/// The file is refused: its frame is broken, a total fails, its bytes do not decode, or the profile is wrong.
pub fn read_foreign<'a>(
    format: &str,
    user_profiles: &dyn Fn(&str) -> Option<String>,
    mut bytes: Box<dyn Read + 'a>,
    ctx: &FormatContext<'_>,
    sink: &mut dyn RowSink,
) -> Result<FileFacts, FileRefused> {
    if grammars::is_grammar(format) {
        return read_statements(format, bytes, ctx, sink, &BTreeSet::new());
    }
    let names = one_of(format, user_profiles);
    let [first, others @ ..] = names.as_slice() else {
        return Err(FileRefused::at(0, format!("format `{format}` is unknown"), ""));
    };
    let mut profile = profile_of(first, user_profiles)?;
    if others.is_empty() {
        return table::read(&profile, bytes, ctx, sink);
    }
    let head = decode::peek(&mut *bytes, HEAD_BYTES)?;
    for other in others {
        if table::recognise(&profile, &head, None).is_some() {
            break;
        }
        let other = profile_of(other, user_profiles)?;
        if table::recognise(&other, &head, None).is_some() {
            profile = other;
        }
    }
    table::read(
        &profile,
        Box::new(std::io::Cursor::new(head).chain(bytes)),
        ctx,
        sink,
    )
}

/// Reads one file of a grammar and passes over some of its statements, told by their numbers.
///
/// # Errors
/// As [`read_foreign`].
pub fn read_statements<'a>(
    format: &str,
    mut bytes: Box<dyn Read + 'a>,
    ctx: &FormatContext<'_>,
    sink: &mut dyn RowSink,
    passed_over: &BTreeSet<u32>,
) -> Result<FileFacts, FileRefused> {
    let head = decode::peek(&mut *bytes, HEAD_BYTES)?;
    let whole = Box::new(std::io::Cursor::new(head.clone()).chain(bytes));
    let mut desk = desk::Desk::of_book(ctx, sink).passing_over(passed_over);
    grammars::read(format, whole, &mut desk).map_err(|refused| taken_for(refused, format, &head))?;
    Ok(desk.into_parts().0)
}

/// The statements of other days in a file that has one of `date` as well: a close of that day passes them over (D240). None in
/// any other file, and in formats whose statements go back to days that are closed (D234).
pub fn statements_of_other_days(format: &str, facts: &FileFacts, date: Date) -> BTreeSet<u32> {
    let days = || {
        facts
            .told
            .iter()
            .filter_map(|told| Some((told.number_in_file, told.books_on()?)))
    };
    if !grammars::has_statements_by_day(format) || days().all(|(_, day)| day != date) {
        return BTreeSet::new();
    }
    days()
        .filter(|(_, day)| *day != date)
        .map(|(number, _)| number)
        .collect()
}

/// A refusal that says what the file is, where that is another format or none.
fn taken_for(mut refused: FileRefused, format: &str, head: &[u8]) -> FileRefused {
    // What these say of one another is nearer.
    let family = |name: &str| name.get(..4).unwrap_or_default().to_owned();
    match grammars::recognise(head) {
        Some(other) if family(other) != family(format) => {
            refused.message += &format!(" (it looks like a file of format `{other}`)");
            "name that format in the source, or put the file where its source takes it"
                .clone_into(&mut refused.help);
            refused
        }
        Some(_) => refused,
        None => table::no_data(head).map_or(refused, |mut no_data| {
            no_data.message = no_data.message.replacen("no bill", "no statement", 1);
            no_data
        }),
    }
}

/// The names of the profiles of which a file of this format may be; a profile of the book has its own name for itself.
fn one_of<'n>(format: &'n str, user_profiles: &dyn Fn(&str) -> Option<String>) -> Vec<&'n str> {
    match user_profiles(format) {
        Some(_) => vec![format],
        None => members(format),
    }
}

/// What the first bytes of a file show it to be in the format `format`; `None` when it is none of its kinds.
///
/// # Errors
/// The profile is wrong or unknown.
pub fn recognise(
    format: &str,
    user_profiles: &dyn Fn(&str) -> Option<String>,
    head: &[u8],
) -> Result<Option<table::Kind>, FileRefused> {
    if grammars::is_grammar(format) {
        return Ok((grammars::recognise(head) == Some(format)).then_some(table::Kind::Rows));
    }
    for name in one_of(format, user_profiles) {
        let kind = table::recognise(&profile_of(name, user_profiles)?, head, None);
        if kind.is_some() {
            return Ok(kind);
        }
    }
    Ok(None)
}

fn profile_of(
    format: &str,
    user_profiles: &dyn Fn(&str) -> Option<String>,
) -> Result<profile::Profile, FileRefused> {
    let text = user_profiles(format).or_else(|| profile::builtin(format).map(str::to_owned));
    let Some(text) = text else {
        return Err(FileRefused::at(
            0,
            format!("format `{format}` is unknown"),
            format!("name a known format in the source, or add profiles/{format}.toml"),
        ));
    };
    profile::Profile::parse(&text, format).map_err(|findings| {
        // One help speaks for all.
        let words = |finding: &Finding| {
            let help = String::new();
            Finding { help, ..finding.clone() }.to_string()
        };
        let message: Vec<String> = findings.iter().map(words).collect();
        FileRefused::at(
            0,
            format!(
                "the profile of format `{format}` is wrong:\n    {}",
                message.join("\n    ")
            ),
            format!("mend profiles/{format}.toml (docs/profiles.md says what each key means); `tieout check` says whether anything is left"),
        )
    })
}

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{Kept, context, sample, settings, source};
    use super::*;
    use crate::book::settings::Role;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn formats_are_found_by_name() {
        assert!(known_format("camt.053") && known_format("alipay-trade"));
        assert!(!known_format("canonical") && !known_format("mt9400"));
        let settings = settings(&[]);
        let source = source("x", Role::Channel);
        let read = |format: &str, profiles: &dyn Fn(&str) -> Option<String>| {
            let ctx = context(&settings, &source);
            read_foreign(format, profiles, Box::new(&b"a"[..]), &ctx, &mut Kept::default()).unwrap_err()
        };
        assert_eq!(read("x", &none).message, "format `x` is unknown");
        // A profile of the book wins over a built-in one.
        let refused = read("alipay-trade", &|_| Some("title = 1".to_owned()));
        assert!(
            refused.message.contains("profiles/alipay-trade.toml:1"),
            "{}",
            refused.message
        );
        assert_eq!(refused.finding("f.csv").file, "f.csv");
    }

    #[test]
    fn a_file_of_another_format_is_called_by_its_name() {
        let settings = settings(&[("77", "EUR")]);
        let source = source("x", Role::Bank);
        let read = |format: &str, text: &str| {
            let ctx = context(&settings, &source);
            let bytes = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
            read_foreign(format, &none, bytes, &ctx, &mut Kept::default()).unwrap_err()
        };
        let mt940 = ":20:START\n:25:77\n:28C:1/1\n:60F:C261120EUR1,00\n:62F:C261120EUR1,00\n";
        let camt = "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.13'><BkToCstmrStmt></BkToCstmrStmt></Document>";
        for (format, text, other) in [
            (CAMT053, mt940, MT940),
            (MT940, camt, CAMT053),
            (BAI2, mt940, MT940),
        ] {
            let refused = read(format, text);
            let words = format!("(it looks like a file of format `{other}`)");
            assert!(refused.message.ends_with(&words), "{refused:?}");
            assert!(refused.help.starts_with("name that format"), "{refused:?}");
        }
        for page in [
            "<!DOCTYPE html>\n<html><body>403 Forbidden</body></html>",
            "{\"error\": \"no statement\"}",
        ] {
            for format in [MT940, BAI2, OFX] {
                let refused = read(format, page);
                assert!(
                    refused.message.starts_with("this is no statement but"),
                    "{format}: {refused:?}"
                );
            }
        }
    }

    #[test]
    fn utf_16_with_its_mark_is_recognised_as_what_it_says() {
        for (format, text) in [
            (BAI2, "01,122099999,123456789,261120,0200,1,,,2/\n"),
            (MT940, ":20:START\n:25:77\n:28C:1/1\n:60F:C261120EUR1,00\n"),
            (OFX, "OFXHEADER:100\n<OFX>"),
        ] {
            for wide in [u16::to_le_bytes, u16::to_be_bytes] {
                let marked = format!("\u{feff}{text}");
                let mut bytes: Vec<u8> = marked.encode_utf16().flat_map(wide).collect();
                assert_eq!(grammars::recognise(&bytes), Some(format));
                // The head may end inside a letter.
                bytes.pop();
                assert_eq!(grammars::recognise(&bytes), Some(format));
            }
        }
    }

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        let kind = |format: &str, head: &[u8]| recognise(format, &none, head).unwrap();
        assert_eq!(
            kind(
                "camt.053",
                b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.13'"
            ),
            Some(table::Kind::Rows)
        );
        assert_eq!(
            kind(
                "camt.053",
                b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.054.001.08'"
            ),
            None
        );
        for (head, is_ofx) in [
            (&b"OFXHEADER:100\nDATA:OFXSGML\n"[..], true),
            (b"DATA:OFXSGML\nENCODING:UTF-8\n<OFX>\n", true),
            (b"\n <OFX>", true),
            (b"a bank about <OFX>", false),
        ] {
            assert_eq!(kind("ofx", head), is_ofx.then_some(table::Kind::Rows));
        }
        assert!(recognise("x", &none, b"").is_err());
        if let Some(bytes) = sample("alipay/trade_detail_2019-09-16.gbk.csv") {
            assert_eq!(kind("alipay-trade", &bytes[..100]), Some(table::Kind::Rows));
        }
    }
}
