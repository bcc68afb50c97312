//! Profiles: a table format as data (SPEC §4.4). One TOML file says how a file is recognised, how its lines are
//! framed, which column is which canonical field, and which totals must hold. [`super::table`] reads by it.
//!
//! In: the text of a profile, built in or of the book. Out: a [`Profile`] whose every part was checked, or all that is
//! wrong with it. What a file itself decides (which titles its header has) is checked when it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::book::settings::Role;
use crate::findings::Finding;
use crate::terms::currency::Currency;
use crate::terms::kinds::{STATUSES, TXN_TYPES};

pub use pattern::{LinePattern, TimePattern};

mod pattern;

const BUILT_IN: [(&str, &str); 1] = [("alipay-trade", include_str!("profiles/alipay-trade.toml"))];

/// Text of a built-in profile.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Names of the built-in profiles, sorted.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// A field that a role has: its name, and whether a profile must say where it comes from.
const CHANNEL_FIELDS: [(&str, bool); 12] = [
    ("channel", true),
    ("channel_ref", true),
    ("order_id", false),
    ("txn_type", true),
    ("amount", true),
    ("fee", true),
    ("currency", true),
    ("txn_time", true),
    ("settle_date", true),
    ("batch_ref", false),
    ("status", true),
    ("refund_ref", false),
];

const BANK_FIELDS: [(&str, bool); 14] = [
    ("entry_id", true),
    ("account", true),
    ("booking_time", true),
    ("value_date", true),
    ("direction", true),
    ("amount", true),
    ("currency", true),
    ("bank_ref", false),
    ("remark", false),
    ("batch_ref", false),
    ("counterparty_name", false),
    ("counterparty_account", false),
    ("purpose", false),
    ("original_ref", false),
];

/// Fields that are amounts, and fields that are days or times.
const AMOUNT_FIELDS: [&str; 2] = ["amount", "fee"];
const TIME_FIELDS: [&str; 4] = ["txn_time", "settle_date", "booking_time", "value_date"];

/// The profile as its file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    role: String,
    #[serde(default)]
    source: String,
    encodings: Vec<String>,
    #[serde(default)]
    recognise: RawRecognise,
    frame: RawFrame,
    #[serde(default)]
    fact: Vec<RawFact>,
    #[serde(default)]
    skip: Vec<RawWhen>,
    fields: BTreeMap<String, RawField>,
    #[serde(default)]
    total: Vec<RawTotal>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawRecognise {
    first_line: Option<String>,
    #[serde(default)]
    header: Vec<String>,
    #[serde(default)]
    skip: Vec<RawSkip>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSkip {
    first_line: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFrame {
    delimiter: String,
    quote: Option<String>,
    #[serde(default)]
    trim: String,
    comment: Option<String>,
    #[serde(default)]
    comment_padding: String,
    begin: Option<String>,
    end: Option<String>,
    #[serde(default)]
    preamble_lines: u32,
    free_text: Option<String>,
    #[serde(default)]
    guards: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    line: String,
    name: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    column: String,
    is: Vec<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RawField {
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    credit_columns: Vec<String>,
    #[serde(default)]
    debit_columns: Vec<String>,
    value: Option<String>,
    from: Option<String>,
    #[serde(default)]
    map: BTreeMap<String, String>,
    strip_prefix: Option<String>,
    strip_suffix: Option<String>,
    #[serde(default)]
    required: bool,
    empty: Option<String>,
    unit: Option<String>,
    thousands: Option<String>,
    decimal: Option<String>,
    #[serde(default)]
    sign: BTreeMap<String, String>,
    pattern: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTotal {
    name: String,
    line: String,
    when: Option<RawWhen>,
    count: Option<String>,
    #[serde(default)]
    sums: Vec<RawSum>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSum {
    hole: String,
    column: String,
    take: String,
}

/// A checked profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, as sources give it.
    pub name: String,
    /// What the format is called.
    pub title: String,
    /// Where the facts about the format come from.
    pub source: String,
    /// `Channel` or `Bank`.
    pub role: Role,
    /// Encodings in the order in which they are tried.
    pub encodings: Vec<&'static encoding_rs::Encoding>,
    /// First line of a file with rows; without one the header decides.
    pub first_line: Option<LinePattern>,
    /// Titles that the header must have, so that the file is of this format.
    pub header: Vec<String>,
    /// First lines of files that are read for what they are and give no rows, with the reason.
    pub skipped_files: Vec<(LinePattern, String)>,
    /// How lines are framed.
    pub frame: Frame,
    /// Frame lines that are kept as facts, with their name.
    pub facts: Vec<(LinePattern, String)>,
    /// Rows that move no money by what they say themselves.
    pub skipped_rows: Vec<When>,
    /// Where each canonical field comes from.
    pub fields: BTreeMap<String, Field>,
    /// Control totals.
    pub totals: Vec<Total>,
    /// Currency, where it is the same for the whole format.
    pub currency: Option<Currency>,
}

/// How lines are framed.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Between two fields.
    pub delimiter: u8,
    /// Around a field that holds delimiters, where the format has one.
    pub quote: Option<u8>,
    /// Characters taken off both ends of every field.
    pub trim: Vec<char>,
    /// Lines that begin with it belong to the frame.
    pub comment: Option<String>,
    /// Characters taken off the end of frame lines.
    pub comment_padding: Vec<char>,
    /// Line before the header.
    pub begin: Option<LinePattern>,
    /// Line behind the last row.
    pub end: Option<LinePattern>,
    /// Lines before the header that are not looked at.
    pub preamble_lines: u32,
    /// The one column that may hold bare delimiters: rows are then anchored from both ends.
    pub free_text: Option<String>,
    /// Columns that must read as such a time for an anchored row to be believed.
    pub guards: Vec<(String, TimePattern)>,
}

/// Rows whose column is one of some texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// Title of the column.
    pub column: String,
    /// The texts.
    pub is: Vec<String>,
}

/// Which sign an amount has in the file. The canonical amount is always the magnitude.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Never negative.
    Positive,
    /// Never positive.
    Negative,
    /// Both are seen.
    Any,
}

/// A part of the book that a field can come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FromBook {
    /// `channel` of the source.
    SourceChannel,
    /// `account` of the source.
    SourceAccount,
    /// The sign of the amount: positive is into the account.
    AmountSign,
}

/// Where a canonical field comes from and how its text is read.
#[derive(Clone, Debug)]
pub struct Field {
    /// Titles; of those that the header has, the first with a text is taken.
    pub columns: Vec<String>,
    /// Titles of what came in and what went out, where one amount has two columns.
    pub credit_columns: Vec<String>,
    /// As above.
    pub debit_columns: Vec<String>,
    /// The same text for every row; with `from`, what holds where the book says nothing.
    pub value: Option<String>,
    /// A part of the book.
    pub from: Option<FromBook>,
    /// Texts of the file and what they mean; empty is as it stands.
    pub map: BTreeMap<String, String>,
    /// Taken off where it stands.
    pub strip_prefix: Option<String>,
    /// Taken off where it stands.
    pub strip_suffix: Option<String>,
    /// True when an empty text is refused.
    pub required: bool,
    /// What an empty text stands for.
    pub empty: Option<String>,
    /// True when amounts are whole minor units (fen), false for major units (yuan).
    pub minor_units: bool,
    /// Between groups of three digits.
    pub thousands: Option<char>,
    /// Before the decimals.
    pub decimal: char,
    /// Sign by transaction type, or by `ANY`; none is `Positive`.
    pub sign: BTreeMap<String, Sign>,
    /// How a day or time is written.
    pub pattern: Option<TimePattern>,
}

/// How a column is added up for a total.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// Signs as they stand; the total's own sign is a habit and does not count.
    Signed,
    /// Magnitudes.
    Magnitude,
}

/// A sum in a total.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// Hole of the line that holds it.
    pub hole: String,
    /// Title of the column that is added up.
    pub column: String,
    /// How.
    pub take: Take,
}

/// A control total: its line must stand in the file, and its figures must hold.
#[derive(Clone, Debug)]
pub struct Total {
    /// Name in messages.
    pub name: String,
    /// Its line.
    pub line: LinePattern,
    /// Rows that it counts; all when none.
    pub when: Option<When>,
    /// Hole that holds the number of rows.
    pub count: Option<String>,
    /// Sums.
    pub sums: Vec<Sum>,
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, name: &str) -> Result<Profile, Vec<Finding>> {
        let file = format!("profiles/{name}.toml");
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text[..span.start.min(text.len())].matches('\n').count() as u64 + 1
            });
            vec![Finding::about(file.clone(), error.message(), HELP).at(line, 0)]
        })?;
        let mut check = Check {
            file,
            findings: Vec::new(),
        };
        let profile = check.profile(raw, name);
        match profile {
            Some(profile) if check.findings.is_empty() => Ok(profile),
            _ => Err(check.findings),
        }
    }

    /// Fields of a role, with whether each must be given.
    pub fn fields_of(role: Role) -> &'static [(&'static str, bool)] {
        match role {
            Role::Channel => &CHANNEL_FIELDS,
            Role::Bank => &BANK_FIELDS,
            Role::Platform | Role::Balances => &[],
        }
    }
}

const HELP: &str = "mend the profile; docs/formats.md says what each key means";

struct Check {
    file: String,
    findings: Vec<Finding>,
}

impl Check {
    fn wrong(&mut self, message: String) {
        self.findings
            .push(Finding::about(self.file.clone(), message, HELP));
    }

    fn take<T>(&mut self, at: &str, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|message| self.wrong(format!("{at}: {message}")))
            .ok()
    }

    fn line(&mut self, at: &str, text: &str) -> Option<LinePattern> {
        self.take(at, LinePattern::parse(text))
    }

    fn profile(&mut self, raw: Raw, name: &str) -> Option<Profile> {
        let role = match raw.role.as_str() {
            "channel" => Some(Role::Channel),
            "bank" => Some(Role::Bank),
            other => {
                self.wrong(format!("role: found `{other}`, expected channel or bank"));
                None
            }
        };
        let mut encodings = Vec::new();
        for label in &raw.encodings {
            match encoding_rs::Encoding::for_label(label.as_bytes()) {
                Some(encoding) => encodings.push(encoding),
                None => self.wrong(format!(
                    "encodings: `{label}` is not a known name such as utf-8 or gb18030"
                )),
            }
        }
        if raw.encodings.is_empty() {
            self.wrong("encodings: expected at least one, such as [\"utf-8\"]".to_owned());
        }
        let first_line = raw
            .recognise
            .first_line
            .as_deref()
            .and_then(|text| self.line("recognise.first_line", text));
        if first_line.is_none() && raw.recognise.header.is_empty() {
            self.wrong(
                "recognise: expected first_line or header, or every file would be of this format".to_owned(),
            );
        }
        let mut skipped_files = Vec::new();
        for skip in raw.recognise.skip {
            if let Some(pattern) = self.line("recognise.skip", &skip.first_line) {
                skipped_files.push((pattern, skip.why));
            }
        }
        let frame = self.frame(raw.frame);
        let mut facts = Vec::new();
        for fact in raw.fact {
            if let Some(pattern) = self.line("fact", &fact.line) {
                facts.push((pattern, fact.name));
            }
        }
        let skipped_rows = raw.skip.into_iter().map(|when| self.when(when)).collect();
        let mut fields = BTreeMap::new();
        for (field, raw) in raw.fields {
            if let Some(checked) = self.field(&field, raw) {
                fields.insert(field, checked);
            }
        }
        let currency = self.currency(&fields);
        let totals = raw
            .total
            .into_iter()
            .filter_map(|total| self.total(total, currency))
            .collect();
        let role = role?;
        self.fields_fit(role, &fields);
        Some(Profile {
            name: name.to_owned(),
            title: raw.title,
            source: raw.source,
            role,
            encodings,
            first_line,
            header: raw.recognise.header,
            skipped_files,
            frame: frame?,
            facts,
            skipped_rows,
            fields,
            totals,
            currency,
        })
    }

    fn frame(&mut self, raw: RawFrame) -> Option<Frame> {
        let one = |text: &str| match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
            _ => Err(format!("found `{text}`, expected one ASCII character")),
        };
        let delimiter = self.take("frame.delimiter", one(&raw.delimiter));
        let quote = raw
            .quote
            .as_deref()
            .and_then(|text| self.take("frame.quote", one(text)));
        if quote.is_some() && raw.free_text.is_some() {
            self.wrong("frame.free_text: a quoted format needs no anchoring".to_owned());
        }
        if raw.free_text.is_some() && raw.guards.is_empty() {
            self.wrong(
                "frame.free_text: expected guards, columns whose times prove an anchored row".to_owned(),
            );
        }
        let mut guards = Vec::new();
        for (column, pattern) in raw.guards {
            if let Some(pattern) = self.take("frame.guards", TimePattern::parse(&pattern)) {
                guards.push((column, pattern));
            }
        }
        Some(Frame {
            delimiter: delimiter?,
            quote,
            trim: raw.trim.chars().collect(),
            comment: raw.comment,
            comment_padding: raw.comment_padding.chars().collect(),
            begin: raw
                .begin
                .as_deref()
                .and_then(|text| self.line("frame.begin", text)),
            end: raw.end.as_deref().and_then(|text| self.line("frame.end", text)),
            preamble_lines: raw.preamble_lines,
            free_text: raw.free_text,
            guards,
        })
    }

    fn when(&mut self, raw: RawWhen) -> When {
        if raw.is.is_empty() {
            self.wrong(format!("column {}: `is` names no text", raw.column));
        }
        When {
            column: raw.column,
            is: raw.is,
        }
    }

    fn field(&mut self, name: &str, raw: RawField) -> Option<Field> {
        let at = format!("fields.{name}");
        let from = match raw.from.as_deref() {
            None => None,
            Some("source.channel") => Some(FromBook::SourceChannel),
            Some("source.account") => Some(FromBook::SourceAccount),
            Some("amount sign") if name == "direction" => Some(FromBook::AmountSign),
            Some(other) => {
                self.wrong(format!("{at}.from: found `{other}`, expected source.channel, source.account, or (direction) amount sign"));
                return None;
            }
        };
        let two_columns = !raw.credit_columns.is_empty() || !raw.debit_columns.is_empty();
        if two_columns && (name != "amount" || raw.credit_columns.is_empty() || raw.debit_columns.is_empty())
        {
            self.wrong(format!(
                "{at}: credit_columns and debit_columns go together, on amount only"
            ));
        }
        let origins = usize::from(!raw.columns.is_empty())
            + usize::from(two_columns)
            + usize::from(raw.value.is_some() || from.is_some());
        if origins != 1 {
            self.wrong(format!("{at}: expected one of columns, value or from"));
        }
        let minor_units = match raw.unit.as_deref() {
            None | Some("major") => false,
            Some("minor") => true,
            Some(other) => {
                self.wrong(format!(
                    "{at}.unit: found `{other}`, expected major (yuan) or minor (fen)"
                ));
                false
            }
        };
        let separator = |text: Option<&str>, default: Option<char>| match text {
            None => Ok(default),
            Some(text) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) if !c.is_ascii_digit() && c != '-' => Ok(Some(c)),
                    _ => Err(format!("found `{text}`, expected one character that is no digit")),
                }
            }
        };
        let thousands = self
            .take(
                &format!("{at}.thousands"),
                separator(raw.thousands.as_deref(), None),
            )
            .flatten();
        let decimal = self
            .take(
                &format!("{at}.decimal"),
                separator(raw.decimal.as_deref(), Some('.')),
            )
            .flatten()
            .unwrap_or('.');
        if thousands == Some(decimal) {
            self.wrong(format!("{at}: thousands and decimal are the same character"));
        }
        let mut sign = BTreeMap::new();
        for (kind, text) in raw.sign {
            if kind != "ANY" && !TXN_TYPES.contains(&kind.as_str()) {
                self.wrong(format!("{at}.sign: `{kind}` is no transaction type and not ANY"));
            }
            match text.as_str() {
                "positive" => sign.insert(kind, Sign::Positive),
                "negative" => sign.insert(kind, Sign::Negative),
                "any" => sign.insert(kind, Sign::Any),
                other => {
                    self.wrong(format!(
                        "{at}.sign: found `{other}`, expected positive, negative or any"
                    ));
                    None
                }
            };
        }
        let is_amount = AMOUNT_FIELDS.contains(&name);
        if !is_amount && (minor_units || thousands.is_some() || !sign.is_empty()) {
            self.wrong(format!("{at}: unit, thousands and sign are for amounts"));
        }
        let pattern = raw
            .pattern
            .as_deref()
            .and_then(|text| self.take(&format!("{at}.pattern"), TimePattern::parse(text)));
        let is_time = TIME_FIELDS.contains(&name);
        if is_time && raw.pattern.is_none() {
            self.wrong(format!("{at}: expected a pattern such as yyyy-MM-dd HH:mm:ss"));
        }
        if !is_time && raw.pattern.is_some() {
            self.wrong(format!("{at}: a pattern is for days and times"));
        }
        let vocabulary: &[&str] = match name {
            "txn_type" => &TXN_TYPES,
            "status" => &STATUSES,
            "direction" => &["C", "D"],
            _ => &[],
        };
        if !vocabulary.is_empty() {
            for text in raw.map.values().chain(&raw.value) {
                if !vocabulary.contains(&text.as_str()) {
                    self.wrong(format!(
                        "{at}: found `{text}`, expected one of {}",
                        vocabulary.join(", ")
                    ));
                }
            }
        }
        Some(Field {
            columns: raw.columns,
            credit_columns: raw.credit_columns,
            debit_columns: raw.debit_columns,
            value: raw.value,
            from,
            map: raw.map,
            strip_prefix: raw.strip_prefix,
            strip_suffix: raw.strip_suffix,
            required: raw.required,
            empty: raw.empty,
            minor_units,
            thousands,
            decimal,
            sign,
            pattern,
        })
    }

    fn currency(&mut self, fields: &BTreeMap<String, Field>) -> Option<Currency> {
        let code = fields.get("currency")?.value.as_deref()?;
        let currency = Currency::parse(code.as_bytes());
        if currency.is_none() {
            self.wrong(format!("fields.currency.value: `{code}` is no currency"));
        }
        currency
    }

    fn total(&mut self, raw: RawTotal, currency: Option<Currency>) -> Option<Total> {
        let at = format!("total {}", raw.name);
        let line = self.line(&at, &raw.line)?;
        let mut sums = Vec::new();
        for sum in raw.sums {
            let take = match sum.take.as_str() {
                "signed" => Take::Signed,
                "magnitude" => Take::Magnitude,
                other => {
                    self.wrong(format!(
                        "{at}: take: found `{other}`, expected signed or magnitude"
                    ));
                    Take::Signed
                }
            };
            sums.push(Sum {
                hole: sum.hole,
                column: sum.column,
                take,
            });
        }
        for hole in sums.iter().map(|sum| &sum.hole).chain(&raw.count) {
            if !line.has(hole) {
                self.wrong(format!("{at}: its line has no hole {{{hole}}}"));
            }
        }
        if !sums.is_empty() && currency.is_none() {
            self.wrong(format!(
                "{at}: sums need one currency for the whole format (fields.currency.value)"
            ));
        }
        let when = raw.when.map(|when| self.when(when));
        Some(Total {
            name: raw.name,
            line,
            when,
            count: raw.count,
            sums,
        })
    }

    fn fields_fit(&mut self, role: Role, fields: &BTreeMap<String, Field>) {
        let known = Profile::fields_of(role);
        for name in fields.keys() {
            if !known.iter().any(|(field, _)| field == name) {
                self.wrong(format!(
                    "fields.{name}: a {} table has no such field",
                    role.name()
                ));
            }
        }
        let two_columns = fields
            .get("amount")
            .is_some_and(|amount| !amount.credit_columns.is_empty());
        for (name, needed) in known {
            let given = fields.contains_key(*name);
            if *name == "direction" && two_columns {
                if given {
                    self.wrong("fields.direction: the two columns of amount already tell it".to_owned());
                }
            } else if *needed && !given {
                self.wrong(format!("fields.{name} is missing"));
            }
        }
        let timed = fields.get("txn_time").and_then(|field| field.pattern.as_ref());
        if timed.is_some_and(|pattern| !pattern.has_time) {
            self.wrong("fields.txn_time.pattern: expected a time of day too".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profiles_are_right() {
        for (name, text) in BUILT_IN {
            if let Err(findings) = Profile::parse(text, name) {
                panic!("{findings:?}");
            }
        }
        assert!(builtin("alipay-trade").is_some());
        assert!(builtin("nothing").is_none());
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let text = builtin("alipay-trade").unwrap();
        let check = |from: &str, to: &str, expected: &[&str]| {
            assert!(text.contains(from), "{from}");
            let findings = Profile::parse(&text.replace(from, to), "x").unwrap_err();
            let words: Vec<String> = findings.iter().map(Finding::to_string).collect();
            let words = words.join("\n");
            for part in expected {
                assert!(words.contains(part), "expected `{part}` in:\n{words}");
            }
        };
        check(
            "role = \"channel\"",
            "role = \"platform\"",
            &["role: found `platform`"],
        );
        check(
            "delimiter = \",\"",
            "delimiter = \"，\"",
            &["frame.delimiter", "one ASCII character"],
        );
        check(
            "[fields.fee]",
            "[fields.fees]",
            &[
                "fields.fees: a channel table has no such field",
                "fields.fee is missing",
            ],
        );
        check("\"PAYMENT\"", "\"PAID\"", &["fields.txn_type: found `PAID`"]);
        check("count = \"count\"", "count = \"n\"", &["has no hole {n}"]);
        check("guards =", "# guards =", &["frame.free_text: expected guards"]);
        check("title =", "titel =", &["titel"]);
        check("\"CNY\"", "\"RMB\"", &["`RMB` is no currency"]);
    }
}
