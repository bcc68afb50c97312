//! Reads the merchant master, `merchants.csv` or `merchants.parquet` (SPEC §4.3).
//!
//! In: the file's bytes and the settings. Out: terms sorted by id, or every finding with its line and column (65).
//! Columns are bound by header name in any order; an unknown one is refused, because a mistyped `payout_account`
//! must not pass in silence. Every value is read exactly or refused (R15, R16, R37); ids compare as bytes, untrimmed.
//! In Parquet the line of a finding is the number of the row, from 1.

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use bytes::Bytes;
use csv::StringRecord;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{FeeTerms, MerchantStatus, MerchantTerms, Merchants};
use crate::book::parse::{CYCLE_FORMS, is_id, nearest, parse_cycle, whole_number};
use crate::book::settings::{Cycle, Settings};
use crate::findings::{Finding, Stop, StopCode, guarded};
use crate::ingest::parquet::codec_refusal;
use crate::terms::currency::Currency;
use crate::terms::digest::sha256_hex;
use crate::terms::money::{AmountError, parse_minor};

/// How a merchant master is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MasterKind {
    /// `merchants.csv`.
    Csv,
    /// `merchants.parquet`.
    Parquet,
}

const PARQUET_HELP: &str = "write the file again with a current Parquet writer";

/// Most findings that are printed; the rest is counted.
const FINDINGS_MAX: usize = 1000;
/// Basis points of 100 %.
const BPS_MAX: u64 = 10_000;
/// A century: a longer time is a slip of the pen.
const DAYS_MAX: u64 = 36_500;
/// Days that a hold lasts unless the master says otherwise (SPEC §4.3).
const HOLD_DAYS: u32 = 180;

/// Columns of the master. The discriminants index [`NAMES`] and a [`Row`].
#[derive(Clone, Copy)]
enum Field {
    MerchantId,
    FeeBps,
    FeeMinMinor,
    FeeMaxMinor,
    HoldBps,
    SettlementCycleDays,
    Name,
    FeePlan,
    HoldDays,
    Cycle,
    MinPayout,
    Currency,
    PayoutAccount,
    PayoutBank,
    PayoutName,
    ParticipantId,
    SplitPlan,
    EscrowDays,
    Status,
    Calendar,
    Pool,
}

const FIELDS: usize = 21;
/// The first so many must be there.
const REQUIRED: usize = 6;

const NAMES: [&str; FIELDS] = [
    "merchant_id",
    "fee_bps",
    "fee_min_minor",
    "fee_max_minor",
    "hold_bps",
    "settlement_cycle_days",
    "name",
    "fee_plan",
    "hold_days",
    "cycle",
    "min_payout",
    "currency",
    "payout_account",
    "payout_bank",
    "payout_name",
    "participant_id",
    "split_plan",
    "escrow_days",
    "status",
    "calendar",
    "pool",
];

/// The values of one merchant, empty where the file has no such column.
type Row<'a> = [&'a str; FIELDS];
/// Where each column stands in the file.
type Columns = [Option<usize>; FIELDS];

/// Reads a merchant master.
///
/// # Errors
/// 65 with all findings, at most a thousand of them spelled out.
pub fn read_merchants(
    bytes: &[u8],
    file_name: &str,
    kind: MasterKind,
    settings: &Settings,
) -> Result<Merchants, Stop> {
    let mut reader = Reader {
        settings,
        file_name,
        terms: Vec::new(),
        lines: Vec::new(),
        findings: Vec::new(),
        unsaid: 0,
    };
    let read = || match kind {
        MasterKind::Csv => reader.csv(bytes),
        MasterKind::Parquet => {
            // The decoder panics on some damaged files.
            if guarded(|| reader.parquet(bytes)).is_none() {
                reader.find(
                    0,
                    0,
                    "not a Parquet file that can be read: it is damaged".to_owned(),
                    PARQUET_HELP,
                );
            }
        }
    };
    let ((), sha256) = rayon::join(read, || sha256_hex(bytes));
    reader.finish(sha256)
}

struct Reader<'a> {
    settings: &'a Settings,
    file_name: &'a str,
    terms: Vec<MerchantTerms>,
    /// Line of each of `terms`.
    lines: Vec<u64>,
    findings: Vec<Finding>,
    unsaid: u64,
}

/// What is wrong with one value.
struct Wrong {
    field: Field,
    message: String,
    help: &'static str,
}

impl Reader<'_> {
    fn find(&mut self, line: u64, column: u32, message: impl Into<String>, help: &str) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings
                .push(Finding::about(self.file_name, message, help).at(line, column));
        } else {
            self.unsaid += 1;
        }
    }

    fn csv(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let mut record = StringRecord::new();
        match csv.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => {
                self.find(
                    0,
                    0,
                    "the file is empty, expected a header line",
                    "write the header, even without merchants",
                );
                return;
            }
            Err(error) => {
                self.csv_error(bytes, &error);
                return;
            }
        }
        let names: Vec<String> = record.iter().map(str::to_owned).collect();
        let Some(columns) = self.columns(&names, 1) else {
            return;
        };
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        self.terms.reserve(lines);
        self.lines.reserve(lines);
        loop {
            match csv.read_record(&mut record) {
                Ok(false) => return,
                Err(error) => {
                    self.csv_error(bytes, &error);
                    // After a failed read the reader stands behind the line; after anything else it is lost.
                    if !matches!(
                        error.kind(),
                        csv::ErrorKind::Utf8 { .. } | csv::ErrorKind::UnequalLengths { .. }
                    ) {
                        return;
                    }
                }
                Ok(true) => {
                    let mut row: Row<'_> = [""; FIELDS];
                    for (value, column) in row.iter_mut().zip(&columns) {
                        *value = column.and_then(|at| record.get(at)).unwrap_or("");
                    }
                    let (line, start) = place_of(bytes, record.position());
                    // Control characters are looked for first: a stray quote swallows line ends.
                    let broken = record
                        .iter()
                        .position(|value| value.bytes().any(|c| c.is_ascii_control()));
                    let end = csv.position().byte() as usize;
                    let raw = bytes.get(start..end).unwrap_or_default();
                    let (at, message) = match (broken, stray_quote(raw)) {
                        (Some(at), _) => (at, "found a line break or control character in the value"),
                        (None, Some(at)) => (at, "found a quote that neither opens nor closes the value"),
                        (None, None) => {
                            self.row(&row, line, |field| {
                                columns[field as usize].map_or(0, |at| column_of(bytes, start, at))
                            });
                            continue;
                        }
                    };
                    self.find(
                        line,
                        column_of(bytes, start, at),
                        format!("{}: {message}", names[at.min(names.len() - 1)]),
                        "quote a value whole, and double the quotes within it",
                    );
                }
            }
        }
    }

    fn csv_error(&mut self, bytes: &[u8], error: &csv::Error) {
        let (line, start) = place_of(bytes, error.position());
        match error.kind() {
            csv::ErrorKind::Utf8 { err, .. } => self.find(
                line,
                column_of(bytes, start, err.field()),
                "found bytes that are not UTF-8",
                "save the file as UTF-8",
            ),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => self.find(
                line,
                0,
                format!("found {len} values, expected {expected_len} as in the header"),
                "correct the row; a value with a comma stands in double quotes",
            ),
            _ => self.find(
                line,
                0,
                format!("cannot be read: {error}"),
                "ask for the file again",
            ),
        }
    }

    fn parquet(&mut self, bytes: &[u8]) {
        const HELP: &str = PARQUET_HELP;
        let unreadable =
            |error: &dyn std::fmt::Display| format!("not a Parquet file that can be read: {error}");
        let builder = match ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)) {
            Ok(builder) => builder,
            Err(error) => return self.find(0, 0, unreadable(&error), HELP),
        };
        if let Some((message, help)) = codec_refusal(builder.metadata()) {
            return self.find(0, 0, message, help);
        }
        let schema = builder.schema().clone();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let known = self.columns(&names, 0);
        for field in schema.fields() {
            if !is_readable(field.data_type()) {
                let message = format!("{}: found a column of type {}", field.name(), field.data_type());
                self.find(
                    0,
                    0,
                    message,
                    "write whole numbers, decimals or text; never floats",
                );
            }
        }
        let Some(columns) = known.filter(|_| self.findings.is_empty()) else {
            return;
        };
        let batches = match builder.build() {
            Ok(batches) => batches,
            Err(error) => return self.find(0, 0, unreadable(&error), HELP),
        };
        let mut line = 0;
        for batch in batches {
            let texts =
                batch.and_then(|batch| batch.columns().iter().map(as_text).collect::<Result<Vec<_>, _>>());
            let texts = match texts {
                Ok(texts) => texts,
                Err(error) => return self.find(line, 0, unreadable(&error), HELP),
            };
            let rows = texts.first().map_or(0, Array::len);
            for index in 0..rows {
                line += 1;
                let mut row: Row<'_> = [""; FIELDS];
                for (value, column) in row.iter_mut().zip(&columns) {
                    if let Some(text) = column.map(|at| &texts[at])
                        && !text.is_null(index)
                    {
                        *value = text.value(index);
                    }
                }
                if let Some(at) = row
                    .iter()
                    .position(|value| value.bytes().any(|c| c.is_ascii_control()))
                {
                    let message = format!("{}: found a control character in the value", NAMES[at]);
                    self.find(line, 0, message, "correct the row");
                    continue;
                }
                // A decimal column has all its decimals: those that are zero say nothing (R37).
                let min_payout = &mut row[Field::MinPayout as usize];
                if columns[Field::MinPayout as usize]
                    .is_some_and(|at| matches!(schema.field(at).data_type(), DataType::Decimal128(..)))
                    && min_payout.contains('.')
                {
                    *min_payout = min_payout.trim_end_matches('0').trim_end_matches('.');
                }
                self.row(&row, line, |_| 0);
            }
        }
    }

    /// Binds the header's names; `None` when one is unknown, double or missing.
    fn columns(&mut self, names: &[String], line: u64) -> Option<Columns> {
        let before = self.findings.len();
        let mut columns: Columns = [None; FIELDS];
        let mut column = 1;
        for (at, name) in names.iter().enumerate() {
            let place = if line > 0 { column } else { 0 };
            match NAMES.iter().position(|known| known == name) {
                Some(field) if columns[field].is_some() => {
                    self.find(
                        line,
                        place,
                        format!("column `{name}` stands twice"),
                        "take one out",
                    );
                }
                Some(field) => columns[field] = Some(at),
                None => {
                    let near = nearest(name, NAMES.into_iter())
                        .map(|near| format!(", did you mean `{near}`?"))
                        .unwrap_or_default();
                    let help = format!("known columns: {}", NAMES.join(", "));
                    self.find(
                        line,
                        place,
                        format!("unknown column `{}`{near}", name.escape_debug()),
                        &help,
                    );
                }
            }
            column += name.chars().count() as u32 + 1;
        }
        for (name, column) in NAMES.iter().zip(&columns).take(REQUIRED) {
            if column.is_none() {
                self.find(
                    line,
                    0,
                    format!("column `{name}` is missing"),
                    "add it; its values may be empty only where the documentation says so",
                );
            }
        }
        (self.findings.len() == before).then_some(columns)
    }

    fn row(&mut self, row: &Row<'_>, line: u64, column: impl Fn(Field) -> u32) {
        let mut wrong = Vec::new();
        match terms(row, self.settings, &mut wrong) {
            Some(terms) if wrong.is_empty() => {
                self.terms.push(terms);
                self.lines.push(line);
            }
            _ => {
                for one in wrong {
                    let message = format!("{}: {}", NAMES[one.field as usize], one.message);
                    self.find(line, column(one.field), message, one.help);
                }
            }
        }
    }

    fn finish(mut self, sha256: String) -> Result<Merchants, Stop> {
        if self.terms.len() >= u32::MAX as usize {
            self.find(
                0,
                0,
                "more than 4294967294 merchants",
                "split the institution into books",
            );
        }
        let mut order: Vec<usize> = (0..self.terms.len()).collect();
        if !self.terms.is_sorted_by(|a, b| a.id < b.id) {
            order.sort_by(|a, b| self.terms[*a].id.cmp(&self.terms[*b].id).then(a.cmp(b)));
            for pair in order.windows(2) {
                let [first, second] = [pair[0], pair[1]];
                if self.terms[first].id == self.terms[second].id {
                    let message = format!(
                        "merchant_id: `{}` stands in line {} already",
                        self.terms[second].id, self.lines[first]
                    );
                    let line = self.lines[second];
                    self.find(line, 0, message, "keep one row for each merchant");
                }
            }
            let mut slots: Vec<Option<MerchantTerms>> =
                std::mem::take(&mut self.terms).into_iter().map(Some).collect();
            self.terms = order.iter().filter_map(|at| slots[*at].take()).collect();
        }
        if self.findings.is_empty() {
            return Ok(Merchants::new(self.terms, sha256));
        }
        self.findings
            .sort_by_key(|finding| (finding.line, finding.column));
        if self.unsaid > 0 {
            let message = format!("and {} further findings", self.unsaid);
            self.findings.push(Finding::about(
                self.file_name,
                message,
                "correct these, then run check again",
            ));
        }
        Err(Stop {
            code: StopCode::BadData,
            findings: self.findings,
        })
    }
}

/// Reads one merchant; `None` only beside something wrong.
fn terms(row: &Row<'_>, settings: &Settings, wrong: &mut Vec<Wrong>) -> Option<MerchantTerms> {
    let at = |field: Field| row[field as usize];
    let mut note = |field: Field, message: String, help: &'static str| {
        wrong.push(Wrong { field, message, help });
    };
    let mut whole = |field: Field, min: u64, max: u64| {
        let text = at(field);
        let value = whole_number(text).filter(|value| (min..=max).contains(value));
        if value.is_none() {
            let expected = format!("found `{text}`, expected a whole number from {min} to {max}");
            note(
                field,
                expected,
                "correct the value; no sign, no decimals, no leading zero",
            );
        }
        value
    };
    let minor_max = i64::MAX as u64;
    let hold_bps = whole(Field::HoldBps, 0, BPS_MAX);
    let hold_days = match at(Field::HoldDays) {
        "" => Some(u64::from(HOLD_DAYS)),
        _ => whole(Field::HoldDays, 1, DAYS_MAX),
    };
    if !at(Field::EscrowDays).is_empty() {
        whole(Field::EscrowDays, 0, DAYS_MAX);
    }
    // A plan replaces the three columns (R16); what stands in them must still read.
    let plan = at(Field::FeePlan);
    let optional = |field: Field| !plan.is_empty() && at(field).is_empty();
    let fee_bps = if optional(Field::FeeBps) {
        Some(0)
    } else {
        whole(Field::FeeBps, 0, BPS_MAX)
    };
    let fee_min = if optional(Field::FeeMinMinor) {
        Some(0)
    } else {
        whole(Field::FeeMinMinor, 0, minor_max)
    };
    let fee_max = match at(Field::FeeMaxMinor) {
        "" => None,
        _ => whole(Field::FeeMaxMinor, 0, minor_max),
    };
    let cycle_days = match at(Field::SettlementCycleDays) {
        "" => None,
        _ => whole(Field::SettlementCycleDays, 0, 366),
    };
    let cycle = match (at(Field::Cycle), cycle_days) {
        ("", Some(days)) => Some(Cycle::Business(days as u32)),
        ("", None) => Some(settings.payout.default_cycle),
        (text, _) => parse_cycle(text),
    };
    if cycle.is_none() {
        let message = format!("found `{}`, expected {CYCLE_FORMS}", at(Field::Cycle));
        note(Field::Cycle, message, "correct the cycle");
    }
    if let (Some(min), Some(max)) = (fee_min, fee_max)
        && min > max
    {
        let message = format!("{min} is above fee_max_minor {max}");
        note(
            Field::FeeMinMinor,
            message,
            "lower fee_min_minor or raise fee_max_minor",
        );
    }
    let id = at(Field::MerchantId);
    if id.is_empty() {
        note(
            Field::MerchantId,
            "found no id".to_owned(),
            "every merchant has an id",
        );
    }
    if !plan.is_empty() && !settings.fee_plans.contains_key(plan) {
        let message = format!(
            "no fee plan `{plan}`{}",
            near(plan, settings.fee_plans.keys().map(String::as_str))
        );
        note(Field::FeePlan, message, "name a [fee_plan.NAME] of book.toml");
    }
    if !at(Field::SplitPlan).is_empty() {
        let message = format!(
            "`{}`: splits between merchants are not built yet",
            at(Field::SplitPlan)
        );
        note(Field::SplitPlan, message, "leave it empty until then");
    }
    let currency = match at(Field::Currency) {
        "" => None,
        code => {
            let currency = Currency::parse(code.as_bytes());
            if currency.is_none() {
                let message = format!("found `{code}`, expected an ISO 4217 code in capitals");
                note(Field::Currency, message, "write a code such as CNY, EUR or USD");
            }
            currency
        }
    };
    let min_payout_minor = match at(Field::MinPayout) {
        "" => None,
        text => {
            let currency = currency.unwrap_or(settings.institution.base_currency);
            match parse_minor(text.as_bytes(), currency.digits()) {
                Ok(minor) => Some(minor),
                Err(error) => {
                    let expected = match error {
                        AmountError::Decimals => {
                            format!("at most {} decimals ({currency})", currency.digits())
                        }
                        AmountError::Overflow => "less than 2^63 minor units".to_owned(),
                        AmountError::Form | AmountError::Zero => "an amount such as 12.34".to_owned(),
                    };
                    let message = format!("found `{text}`, expected {expected}");
                    note(Field::MinPayout, message, "write digits and a point only");
                    None
                }
            }
        }
    };
    let status = match at(Field::Status) {
        "" | "active" => MerchantStatus::Active,
        "held" => MerchantStatus::Held,
        "closed" => MerchantStatus::Closed,
        text => {
            let message = format!("found `{text}`, expected active, held or closed");
            note(Field::Status, message, "correct the status; empty is active");
            MerchantStatus::Held
        }
    };
    let calendar = at(Field::Calendar);
    if !calendar.is_empty() && !is_id(calendar) {
        let message = format!("found `{calendar}`, which names no calendar");
        note(
            Field::Calendar,
            message,
            "write CN or the name of a file in calendars/, without .json",
        );
    }
    let pool = at(Field::Pool);
    let pools = || settings.accounts.iter().map(|account| account.pool.as_str());
    if !pool.is_empty() && !pools().any(|known| known == pool) {
        let message = format!("no account has the pool `{pool}`{}", near(pool, pools()));
        note(
            Field::Pool,
            message,
            "name the pool of an [[account]]; empty is default",
        );
    }
    Some(MerchantTerms {
        id: id.to_owned(),
        name: at(Field::Name).to_owned(),
        fee: if plan.is_empty() {
            FeeTerms::Columns {
                fee_bps: fee_bps? as u32,
                min_minor: fee_min? as i64,
                max_minor: fee_max.map(|max| max as i64),
            }
        } else {
            FeeTerms::Plan(plan.to_owned())
        },
        hold_bps: hold_bps? as u32,
        hold_days: hold_days? as u32,
        cycle: cycle?,
        min_payout_minor,
        currency,
        payout_account: at(Field::PayoutAccount).to_owned(),
        payout_bank: at(Field::PayoutBank).to_owned(),
        payout_name: at(Field::PayoutName).to_owned(),
        participant_id: at(Field::ParticipantId).to_owned(),
        pool: if pool.is_empty() { "default" } else { pool }.to_owned(),
        status,
        calendar: (!calendar.is_empty()).then(|| calendar.to_owned()),
    })
}

fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known)
        .map(|near| format!(", did you mean `{near}`?"))
        .unwrap_or_default()
}

/// Line and first byte of a record. The csv reader's own place may lie before line ends that it skips.
fn place_of(bytes: &[u8], position: Option<&csv::Position>) -> (u64, usize) {
    let Some(position) = position else {
        return (0, 0);
    };
    let (mut line, mut start) = (position.line(), position.byte() as usize);
    while let Some(byte @ (b'\r' | b'\n')) = bytes.get(start) {
        line += u64::from(*byte == b'\n');
        start += 1;
    }
    (line, start)
}

/// Column in characters, from 1, of the value `index` of the record that begins at `start`.
fn column_of(bytes: &[u8], start: usize, index: usize) -> u32 {
    let mut column = 1;
    let mut values = 0;
    let mut quoted = false;
    for byte in bytes.get(start..).unwrap_or_default() {
        if values == index {
            break;
        }
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => values += 1,
            _ => {}
        }
        // Bytes 0x80 to 0xBF continue a character.
        column += u32::from(byte & 0xC0 != 0x80);
    }
    column
}

/// The value of a raw record in which a quote stands where RFC 4180 allows none: within a bare value, after a
/// closing quote, or open at the end.
fn stray_quote(raw: &[u8]) -> Option<usize> {
    memchr::memchr(b'"', raw)?;
    let mut value = 0;
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'"' {
            at += 1;
            loop {
                at += memchr::memchr(b'"', raw.get(at..)?).map_or(raw.len(), |quote| quote + 1);
                match raw.get(at) {
                    Some(b'"') => at += 1,
                    _ if at > raw.len() => return Some(value),
                    None | Some(b',' | b'\r' | b'\n') => break,
                    Some(_) => return Some(value),
                }
            }
        }
        while at < raw.len() && raw[at] != b',' {
            if raw[at] == b'"' {
                return Some(value);
            }
            at += 1;
        }
        at += 1;
        value += 1;
    }
    None
}

/// Types whose values become text without a loss.
fn is_readable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Null
        | DataType::Decimal128(..) => true,
        DataType::Dictionary(_, values) => is_readable(values),
        other => other.is_integer(),
    }
}

fn as_text(column: &ArrayRef) -> Result<StringArray, arrow::error::ArrowError> {
    let text = arrow::compute::cast(column, &DataType::Utf8)?;
    let text = text.as_any().downcast_ref::<StringArray>().cloned();
    text.ok_or_else(|| arrow::error::ArrowError::CastError("a column did not become text".to_owned()))
}

#[cfg(test)]
mod tests;
