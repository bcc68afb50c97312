//! Stage 1: OFX and QFX, bank and card statements as online banking gives them, as canonical bank rows and balances.
//!
//! In: one file, SGML (version 1) or XML (version 2). Out: a bank row per `STMTTRN`, a balance per statement, facts.
//! OFX has no opening balance and no totals: the opening is the ledger balance less the entries, so what proves it is
//! the closing balance of the day before. A statement without `LEDGERBAL` is refused. Identity of an entry is account,
//! `FITID`, day, amount and how often they came: `FITID` alone is not unique.
//! Supported: header on lines or on one line, any `ENCODING`/`CHARSET`, leaves without end tags, tags in any case, decimal
//! comma, several statements. Refused: error status, investment statements, a file without `</OFX>`, unknown accounts,
//! amounts that do not read exactly.
//!
//! Source: the published OFX specification and public sample files. Not done here: opening(D) against closing(D−1) (R27).

use std::io::Read;

use encoding_rs::Encoding;
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use super::FileRefused;
use super::decode::{PIECE_BYTES_MAX, head_in_utf8, peek};
use super::desk::{ASK_THE_BANK, Balance, DayText, Desk, Earlier, OpenStatement, Purport, text_of};
use super::pieces::Pieces;
use super::values::{loose_amount_expected, shown};
use crate::entries::rows::{BankRow, Place};
use crate::terms::currency::Currency;
use crate::terms::digest::hex;
use crate::terms::kinds::{Direction, Purpose};

mod shape;
mod text;

use shape::{PARENTS, aggregate};
use text::{day, day_expected, says_no_day, signed_amount, unescaped, upper};

const HEAD_BYTES: usize = 4096;
/// Deepest nesting; OFX needs about ten.
const DEPTH_MAX: usize = 64;

/// True when the first bytes of a file are an OFX header or document.
pub fn recognise(head: &[u8]) -> bool {
    let text: String = String::from_utf8_lossy(head)
        .chars()
        .filter(|c| *c != '\0')
        .collect::<String>()
        .to_ascii_uppercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // Some converters write a header without its first line.
    let is_header = |text: &str| {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.all(|line| {
            let key = line.split_once(':').map_or("", |(key, _)| key);
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase())
        })
    };
    text.starts_with("OFXHEADER")
        || text.contains("<?OFX ")
        || text.split_once("<OFX>").is_some_and(|(before, _)| {
            before.starts_with("<?XML") || before.starts_with("<!--") || is_header(before)
        })
}

/// Reads an OFX file.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(mut bytes: Box<dyn Read + 'a>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let head_text = head_in_utf8(&head).into_owned();
    let declared = declared(&head_text);
    let named = desk.ctx.source.encoding.clone();
    let is_of_header = named.is_none();
    let named = named.or(declared);
    let mut pieces = Pieces::new(head, bytes, b'<', named.as_deref())?;
    if is_of_header {
        // Banks leave `CHARSET:1252` in a header as it always was; letters that are sequences of UTF-8 by chance do not occur in a
        // language's text.
        pieces.doubt_header();
    }
    let mut reading = Reading {
        desk,
        path: Vec::new(),
        statement: None,
        in_entry: false,
        entry: EntryText::default(),
        balance: None,
        statements: 0,
        ended: false,
        end_tags: 0,
        implied: 0,
        inside: Inside::Markup,
        leaf: None,
        known: Occurrences::new(),
    };
    // What stands before the first tag is the header.
    let found = pieces.advance()?;
    if !found || !recognise(&head_text) {
        return Err(FileRefused::at(
            1,
            "this is no OFX file: it has no OFX header and no <OFX>",
            "name the right format in the source, or take the file out of it",
        ));
    }
    let header = String::from_utf8_lossy(&head_text).to_ascii_uppercase();
    while pieces.advance()? {
        reading.piece(&pieces.text, pieces.place)?;
    }
    reading.end(pieces.place)?;
    let facts = &mut desk.facts;
    facts.encoding = pieces.encoding();
    facts.variant = if header.contains("<?OFX") || header.trim_start().starts_with("<?XML") {
        "OFX 2 (XML)".to_owned()
    } else {
        "OFX 1 (SGML)".to_owned()
    };
    facts.noted.extend(pieces.guess_in_words());
    if pieces.is_utf8_after_all() {
        facts.noted.push(
            "the header names an encoding of one byte a letter, but the letters are UTF-8 and were read as such: \
             set `encoding` of the source if names look wrong"
                .to_owned(),
        );
    }
    Ok(())
}

/// The encoding that the header names: `ENCODING`, `CHARSET`, or that of an XML declaration.
fn declared(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head).to_ascii_uppercase();
    let header = text.split("<OFX>").next().unwrap_or_default();
    if let Some(at) = header.find("<?XML") {
        let rest = &header[at..];
        let value = rest.split_once("ENCODING=")?.1;
        let quote = value.chars().next()?;
        let label = value.get(1..)?.split(quote).next()?;
        return Encoding::for_label(label.as_bytes()).map(|_| label.to_owned());
    }
    // The header may stand on one line without anything between its parts.
    let value = |key: &str| -> &str {
        let Some((_, rest)) = header.split_once(key) else {
            return "";
        };
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .unwrap_or(rest.len());
        let value = &rest[..end];
        ["CHARSET", "COMPRESSION", "OLDFILEUID", "NEWFILEUID", "ENCODING"]
            .iter()
            .fold(value, |value, next| value.split(next).next().unwrap_or(value))
    };
    if matches!(value("ENCODING:"), "UTF-8" | "UTF8" | "UNICODE") {
        return Some("utf-8".to_owned());
    }
    match value("CHARSET:") {
        "" | "NONE" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.starts_with("125") => {
            Some(format!("windows-{digits}"))
        }
        "936" => Some("gbk".to_owned()),
        "932" => Some("shift_jis".to_owned()),
        label => {
            let label = label
                .strip_prefix("8859")
                .map_or(label.to_owned(), |rest| format!("ISO-8859{rest}"));
            Encoding::for_label(label.as_bytes()).map(|_| label)
        }
    }
}

/// Fields of an entry that are read, by element, or by element in an element below the entry.
const ENTRY_FIELDS: [&str; 15] = [
    "TRNTYPE",
    "DTPOSTED",
    "DTUSER",
    "DTAVAIL",
    "TRNAMT",
    "FITID",
    "CHECKNUM",
    "REFNUM",
    "NAME",
    "MEMO",
    "PAYEE/NAME",
    "CURRENCY/CURSYM",
    "BANKACCTTO/ACCTID",
    "CORRECTFITID",
    "CORRECTACTION",
];

/// The texts of an entry, in the order of [`ENTRY_FIELDS`]; the buffers are used again.
#[derive(Default)]
struct EntryText {
    place: Option<Place>,
    fields: [String; ENTRY_FIELDS.len()],
}

impl EntryText {
    fn get(&self, name: &str) -> &str {
        let slot = ENTRY_FIELDS.iter().position(|field| *field == name);
        slot.map_or("", |slot| self.fields[slot].as_str())
    }

    fn slot(&mut self, parent: &str, name: &str) -> Option<&mut String> {
        let slot = ENTRY_FIELDS.iter().position(|field| match parent {
            "STMTTRN" => *field == name,
            _ => field.strip_suffix(name).and_then(|rest| rest.strip_suffix('/')) == Some(parent),
        });
        slot.map(|slot| &mut self.fields[slot])
    }
}

struct Statement {
    line: u64,
    currency_text: String,
    account_text: String,
    bank_text: String,
    from: String,
    to: String,
    open: Option<(OpenStatement, Currency)>,
    ledger: Option<(String, String, u64)>,
    unread: Option<(u64, String)>,
    credit_minor: i128,
    count: u64,
}

/// What a piece may go on with, though it holds no tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Markup,
    /// `<![CDATA[`, up to `]]>`: text in which nothing is a tag.
    Data,
    /// `<!--`, up to `-->`.
    Comment,
}

struct Reading<'r, 'd> {
    desk: &'r mut Desk<'d>,
    path: Vec<&'static str>,
    statement: Option<Statement>,
    /// True between `<STMTTRN>` and its end; the texts are kept beside it, to be used again.
    in_entry: bool,
    entry: EntryText,
    balance: Option<(String, String, u64)>,
    statements: u64,
    ended: bool,
    /// End tags of aggregates, and aggregates that ended without one.
    end_tags: u64,
    implied: u64,
    inside: Inside,
    /// A leaf without a text of its own that is open, and its text in CDATA so far.
    leaf: Option<(String, String)>,
    known: Occurrences,
}

/// How often an entry of one content came, by 128 bits of its hash. Every entry of the file has its place here, and most come
/// once: only those that came again are counted. The set is in 256 parts by the first byte of the hash, so that growing never
/// holds a copy of the whole.
struct Occurrences {
    parts: Vec<FxHashSet<[u8; 15]>>,
    again: FxHashMap<[u8; 16], u32>,
}

impl Occurrences {
    fn new() -> Occurrences {
        Occurrences {
            parts: vec![FxHashSet::default(); 256],
            again: FxHashMap::default(),
        }
    }

    /// Notes an entry; how often one like it came, with this time.
    fn note(&mut self, hash: u128) -> u32 {
        let hash = hash.to_le_bytes();
        let [part, rest @ ..] = hash;
        if self.parts[usize::from(part)].insert(rest) {
            return 1;
        }
        let count = self.again.entry(hash).or_insert(1);
        *count += 1;
        *count
    }
}

impl Reading<'_, '_> {
    /// What stands between one `<` and the next: `TAG>text` or `/TAG>`.
    fn piece(&mut self, piece: &str, place: Place) -> Result<(), FileRefused> {
        let refuse = |message: String| {
            FileRefused::at(
                place.line,
                message,
                "the file is damaged: fetch it again and run the day again",
            )
        };
        match self.inside {
            Inside::Data => return self.data(piece, true, place),
            Inside::Comment => return self.comment(piece, place),
            Inside::Markup => {}
        }
        if let Some(data) = piece.strip_prefix("![CDATA[") {
            self.inside = Inside::Data;
            return self.data(data, false, place);
        }
        if let Some(comment) = piece.strip_prefix("!--") {
            self.inside = Inside::Comment;
            return self.comment(comment, place);
        }
        if piece.starts_with(['?', '!']) {
            if piece
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case("!DOCTYPE"))
            {
                return Err(refuse(
                    "the file has a document type declaration (DTD)".to_owned(),
                ));
            }
            return Ok(());
        }
        let Some((tag, text)) = piece.split_once('>') else {
            return Err(refuse(format!(
                "found `<{}`, expected a tag that ends with `>`",
                shown(piece)
            )));
        };
        if self.ended {
            return Err(refuse(format!(
                "<{}> stands behind the end of the document",
                shown(tag)
            )));
        }
        if let Some((name, text)) = self.leaf.take() {
            self.take(&name, text.trim(), place)?;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let name = upper(name.trim());
            if !text.trim().is_empty() {
                return Err(refuse(format!("text stands behind </{}>", shown(&name))));
            }
            return match aggregate(&name) {
                Some(known) => self.close(known, place),
                None => Ok(()),
            };
        }
        let name = tag.trim().trim_end_matches('/').trim_end();
        let name = upper(name.split_whitespace().next().unwrap_or_default());
        let name = name.rsplit(['.', ':']).next().unwrap_or_default();
        if name.is_empty() {
            return Err(refuse("a tag has no name".to_owned()));
        }
        let text = text.trim();
        match aggregate(name) {
            Some(known) if text.is_empty() => {
                if tag.ends_with('/') {
                    return Ok(());
                }
                self.open(known, place)
            }
            Some(known) => Err(refuse(format!("text stands inside <{known}>"))),
            None => self.leaf(name, text, place),
        }
    }

    /// Text in CDATA: that of the leaf that is open. `goes_on` says that the piece began with a `<` of the text.
    fn data(&mut self, piece: &str, goes_on: bool, place: Place) -> Result<(), FileRefused> {
        let (data, behind) = match piece.split_once("]]>") {
            Some((data, behind)) => (data, Some(behind)),
            None => (piece, None),
        };
        if let Some((_, text)) = &mut self.leaf {
            if goes_on {
                text.push_str("&lt;");
            }
            text.push_str(&data.replace('&', "&amp;"));
            text.push_str(behind.unwrap_or_default());
            if text.len() > PIECE_BYTES_MAX {
                return Err(FileRefused::at(
                    place.line,
                    format!("one element is longer than {PIECE_BYTES_MAX} bytes"),
                    "this is no file of this format: fetch it again",
                ));
            }
        } else if !data.trim().is_empty() || !behind.unwrap_or_default().trim().is_empty() {
            return Err(FileRefused::at(
                place.line,
                "a text (CDATA) stands where no element holds one",
                "the file is damaged: fetch it again and run the day again",
            ));
        }
        if behind.is_some() {
            self.inside = Inside::Markup;
        }
        Ok(())
    }

    /// A comment says nothing; what stands behind it must be nothing either.
    fn comment(&mut self, piece: &str, place: Place) -> Result<(), FileRefused> {
        let Some((_, behind)) = piece.split_once("-->") else {
            return Ok(());
        };
        self.inside = Inside::Markup;
        if behind.trim().is_empty() {
            return Ok(());
        }
        Err(FileRefused::at(
            place.line,
            "a text stands behind a comment",
            "the file is damaged: fetch it again and run the day again",
        ))
    }

    fn open(&mut self, name: &'static str, place: Place) -> Result<(), FileRefused> {
        let refuse = |message: &str| Err(FileRefused::at(place.line, message, ASK_THE_BANK));
        if let Some((_, parents)) = PARENTS.iter().find(|(known, _)| *known == name)
            && let Some(parent) = self.path.iter().rposition(|open| parents.contains(open))
        {
            self.close_to(parent + 1, place)?;
        }
        if self.path.len() >= DEPTH_MAX {
            return refuse("elements are nested too deep");
        }
        if self.path.is_empty() && name != "OFX" {
            return Err(FileRefused::at(
                place.line,
                format!("found <{name}> outside <OFX>"),
                "the file is damaged: fetch it again",
            ));
        }
        match name {
            "INVSTMTRS" => {
                return Err(FileRefused::at(
                    place.line,
                    "an investment statement (INVSTMTRS) is no statement of a payment account",
                    "take the file out of the inbox",
                ));
            }
            "STMTRS" | "CCSTMTRS" => {
                if self.statement.is_some() {
                    return refuse("a statement begins inside another");
                }
                self.statements += 1;
                self.statement = Some(Statement {
                    line: place.line,
                    currency_text: String::new(),
                    account_text: String::new(),
                    bank_text: String::new(),
                    from: String::new(),
                    to: String::new(),
                    open: None,
                    ledger: None,
                    unread: None,
                    credit_minor: 0,
                    count: 0,
                });
            }
            "STMTTRN" => {
                if self.in_entry {
                    return refuse("an entry begins inside another: its end tag is missing");
                }
                if self.statement.is_none() {
                    return refuse("an entry stands outside any statement");
                }
                self.in_entry = true;
                self.entry.place = Some(Place {
                    line: place.line,
                    // The piece begins behind its `<`.
                    offset: place.offset.saturating_sub(1),
                });
                self.entry.fields.iter_mut().for_each(String::clear);
            }
            "LEDGERBAL" => self.balance = Some((String::new(), String::new(), place.line)),
            _ => {}
        }
        self.path.push(name);
        Ok(())
    }

    fn close(&mut self, name: &'static str, place: Place) -> Result<(), FileRefused> {
        let Some(at) = self.path.iter().rposition(|open| *open == name) else {
            let open = self.path.last().copied().unwrap_or("nothing");
            return Err(FileRefused::at(
                place.line,
                format!("found </{name}>, but <{open}> is open"),
                "the file is damaged: fetch it again and run the day again",
            ));
        };
        self.end_tags += 1;
        self.close_to(at + 1, place)?;
        self.path.pop();
        self.closed(name, place)
    }

    /// Ends the aggregates below a depth, whose end tags are not there.
    fn close_to(&mut self, depth: usize, place: Place) -> Result<(), FileRefused> {
        while self.path.len() > depth {
            let Some(name) = self.path.pop() else { break };
            self.implied += 1;
            self.closed(name, place)?;
        }
        Ok(())
    }

    /// What follows from the end of an aggregate.
    fn closed(&mut self, name: &'static str, place: Place) -> Result<(), FileRefused> {
        match name {
            "STMTTRN" => self.end_entry(),
            "LEDGERBAL" => {
                let (Some(statement), Some(balance)) = (&mut self.statement, self.balance.take()) else {
                    return Ok(());
                };
                if let Some((amount, date, _)) = &statement.ledger
                    && (*amount != balance.0 || *date != balance.1)
                {
                    return Err(FileRefused::at(
                        place.line,
                        "the statement has two different ledger balances (LEDGERBAL)",
                        ASK_THE_BANK,
                    ));
                }
                statement.ledger = Some(balance);
                Ok(())
            }
            "STMTRS" | "CCSTMTRS" => self.end_statement(),
            "OFX" => {
                self.ended = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn leaf(&mut self, name: &str, text: &str, place: Place) -> Result<(), FileRefused> {
        if self.path.is_empty() {
            return Err(FileRefused::at(
                place.line,
                format!("found <{}> outside <OFX>", shown(name)),
                "the file is damaged: fetch it again",
            ));
        }
        if text.is_empty() {
            // An empty tag is an absent one, unless CDATA follows.
            self.leaf = Some((name.to_owned(), String::new()));
            return Ok(());
        }
        self.take(name, text, place)
    }

    /// Takes the text of a leaf.
    fn take(&mut self, name: &str, text: &str, place: Place) -> Result<(), FileRefused> {
        if text.is_empty() {
            return Ok(());
        }
        let parent = self.path.last().copied().unwrap_or_default();
        if parent == "STATUS" && name == "SEVERITY" && text.eq_ignore_ascii_case("ERROR") {
            return Err(FileRefused::at(
                place.line,
                "the bank answers with an error (STATUS, SEVERITY ERROR) and not with a statement",
                "ask for the statement again",
            ));
        }
        if self.in_entry {
            if let Some(slot) = self.entry.slot(parent, name) {
                let text = unescaped(text);
                if !slot.is_empty() && *slot != text {
                    return Err(FileRefused::at(
                        place.line,
                        format!("an entry has two different <{name}>"),
                        "the file is damaged: fetch it again and run the day again",
                    ));
                }
                slot.clear();
                slot.push_str(&text);
            }
            return Ok(());
        }
        if let Some((amount, date, _)) = &mut self.balance {
            match name {
                "BALAMT" => text.clone_into(amount),
                "DTASOF" => text.clone_into(date),
                _ => {}
            }
            return Ok(());
        }
        let Some(statement) = &mut self.statement else {
            return Ok(());
        };
        let slot = match (parent, name) {
            ("STMTRS" | "CCSTMTRS", "CURDEF") => &mut statement.currency_text,
            ("BANKACCTFROM" | "CCACCTFROM", "ACCTID") => &mut statement.account_text,
            ("BANKACCTFROM", "BANKID") => &mut statement.bank_text,
            ("BANKTRANLIST", "DTSTART") => &mut statement.from,
            ("BANKTRANLIST", "DTEND") => &mut statement.to,
            _ => return Ok(()),
        };
        text.clone_into(slot);
        Ok(())
    }

    /// Account and currency of the statement: known before its first entry.
    fn begin(&mut self) -> Result<(), FileRefused> {
        let Some(statement) = &mut self.statement else {
            return Ok(());
        };
        if statement.open.is_some() {
            return Ok(());
        }
        let line = statement.line;
        if statement.account_text.is_empty() {
            return Err(FileRefused::at(
                line,
                "the statement names no account (ACCTID)",
                ASK_THE_BANK,
            ));
        }
        let given = match statement.currency_text.as_str() {
            "" => None,
            code => Some(
                Currency::parse(code.to_ascii_uppercase().as_bytes()).ok_or_else(|| {
                    FileRefused::at(
                        line,
                        format!(
                            "CURDEF: found `{}`, expected a currency code that is in use",
                            shown(code)
                        ),
                        ASK_THE_BANK,
                    )
                })?,
            ),
        };
        let names = [
            statement.account_text.clone(),
            format!("{}/{}", statement.bank_text, statement.account_text),
            format!("{}{}", statement.bank_text, statement.account_text),
        ];
        let index = self.desk.account(&names, given, "ACCTID", line)?;
        let Some(currency) = self.desk.currency(index) else {
            return Ok(());
        };
        if given.is_some_and(|given| given != currency) {
            return Err(FileRefused::at(
                line,
                format!(
                    "CURDEF: found `{}`, expected {currency}, the currency of the account",
                    statement.currency_text
                ),
                "correct the account in book.toml, or ask the bank for the statement of this account",
            ));
        }
        if given.is_none() {
            self.desk.facts.noted.push(format!(
                "the statement at line {line} names no currency (CURDEF): taken is {currency}, that of the account in the book"
            ));
        }
        let mut open = self.desk.begin(Purport::Statement, line, index);
        open.told.period = match (statement.from.as_str(), statement.to.as_str()) {
            ("", "") => String::new(),
            (from, to) => format!("{from} to {to}"),
        };
        open.line_key = format!("tieout/ofx/line/v1\n{}", statement.account_text);
        statement.open = Some((open, currency));
        Ok(())
    }

    fn end_entry(&mut self) -> Result<(), FileRefused> {
        if !std::mem::take(&mut self.in_entry) {
            return Ok(());
        }
        self.begin()?;
        let entry = &self.entry;
        let Some(Statement {
            open: Some((open, currency)),
            unread,
            credit_minor,
            count,
            account_text,
            from,
            to,
            ..
        }) = &mut self.statement
        else {
            return Ok(());
        };
        let currency = *currency;
        let place = entry.place.unwrap_or(Place { line: 0, offset: 0 });
        let corrected = entry.get("CORRECTFITID");
        if !corrected.is_empty() {
            // Whether the other was booked, in another file or by an earlier close, is not known here.
            return Err(FileRefused::at(
                place.line,
                format!(
                    "entry {} takes back or changes entry {}, which was sent before (CORRECTFITID, CORRECTACTION {})",
                    shown(entry.get("FITID")),
                    shown(corrected),
                    shown(entry.get("CORRECTACTION"))
                ),
                "ask the bank for the statement with the entries as they are now; where the day of the other entry is closed, ask for an entry of the difference",
            ));
        }
        *count += 1;
        let other = entry.get("CURRENCY/CURSYM");
        let amount = match signed_amount(entry.get("TRNAMT"), currency.digits()) {
            Ok(amount) if other.is_empty() || other.eq_ignore_ascii_case(currency.code()) => amount,
            outcome => {
                let (field, found, expected) = match outcome {
                    Ok(_) => (
                        "currency",
                        other,
                        format!("{currency}, the currency of the account"),
                    ),
                    Err(error) => (
                        "amount",
                        entry.get("TRNAMT"),
                        loose_amount_expected(entry.get("TRNAMT"), error, currency.code(), currency.digits()),
                    ),
                };
                if unread.is_none() {
                    *unread = Some((
                        place.line,
                        format!("{field}: found `{}`, expected {expected}", shown(found)),
                    ));
                }
                self.desk.reject(place, field, found, expected);
                return Ok(());
            }
        };
        *credit_minor += i128::from(amount);
        let period = (day(from, None), day(to, None));
        let Some(posted) = day(entry.get("DTPOSTED"), Some(period)) else {
            self.desk.reject(
                place,
                "booking_time",
                entry.get("DTPOSTED"),
                day_expected("DTPOSTED", entry.get("DTPOSTED")),
            );
            return Ok(());
        };
        let available = entry.get("DTAVAIL");
        let value_date = match day(available, Some(period)) {
            Some(date) => date,
            None if says_no_day(available) => posted,
            None => {
                self.desk
                    .reject(place, "value_date", available, day_expected("DTAVAIL", available));
                return Ok(());
            }
        };
        let net_minor = i128::from(amount);
        let (direction, amount_minor) = if amount < 0 {
            (Direction::Debit, -amount)
        } else {
            (Direction::Credit, amount)
        };
        let fitid = entry.get("FITID");
        let name = [entry.get("NAME"), entry.get("PAYEE/NAME")]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or("");
        let content = format!(
            "{}\n{fitid}\n{posted}\n{amount}\n{}\n{name}\n{}",
            open.line_key,
            entry.get("TRNTYPE"),
            entry.get("MEMO")
        );
        let of_account = format!("{account_text}\n{content}");
        let hash = xxhash_rust::xxh3::xxh3_128(of_account.as_bytes());
        let occurrence = self.known.note(hash);
        let id = Sha256::digest(format!("{content}\n{occurrence}").as_bytes());
        let entry_id = hex(&id[..16]);
        // A number of zeros is none.
        let reference = [entry.get("REFNUM"), entry.get("CHECKNUM"), fitid]
            .into_iter()
            .find(|text| text.bytes().any(|byte| byte != b'0'))
            .unwrap_or("");
        let remark = match (name, entry.get("MEMO")) {
            (name, "") => name.to_owned(),
            ("", memo) => memo.to_owned(),
            (name, memo) => format!("{name} {memo}"),
        };
        let booking_time = DayText::of(posted);
        if posted < self.desk.ctx.business_date {
            let earlier = open.told.earlier.get_or_insert(Earlier {
                count: 0,
                first: posted,
                net_minor: 0,
            });
            earlier.count += 1;
            earlier.first = earlier.first.min(posted);
            earlier.net_minor += net_minor;
        }
        self.desk.entry(
            open,
            BankRow {
                place,
                entry_id: entry_id.as_bytes(),
                account: open_account(open),
                booking_time: booking_time.bytes(),
                value_date,
                direction,
                amount_minor,
                currency,
                bank_ref: reference.as_bytes(),
                remark: remark.as_bytes(),
                batch_ref: b"",
                counterparty_name: name.as_bytes(),
                counterparty_account: entry.get("BANKACCTTO/ACCTID").as_bytes(),
                purpose: Purpose::None,
                purpose_text: entry.get("TRNTYPE").as_bytes(),
                original_ref: b"",
            },
        );
        Ok(())
    }

    fn end_statement(&mut self) -> Result<(), FileRefused> {
        self.begin()?;
        let Some(mut statement) = self.statement.take() else {
            return Ok(());
        };
        let line = statement.line;
        let Some((mut open, currency)) = statement.open.take() else {
            return Ok(());
        };
        if let Some((line, words)) = statement.unread {
            let refused = FileRefused::at(
                line,
                format!("{words}; so its entries cannot be added up"),
                ASK_THE_BANK,
            );
            self.desk.fail(refused)?;
            if self.desk.is_open() {
                self.desk.finish(open);
            }
            return Ok(());
        }
        let Some((amount, date, ledger_line)) = statement.ledger else {
            let refused = FileRefused::at(
                line,
                "the statement has no ledger balance (LEDGERBAL): nothing proves its entries",
                ASK_THE_BANK,
            );
            self.desk.fail(refused)?;
            if self.desk.is_open() {
                self.desk.finish(open);
            }
            return Ok(());
        };
        let closing = signed_amount(&amount, currency.digits()).map_err(|error| {
            let expected = loose_amount_expected(&amount, error, currency.code(), currency.digits());
            FileRefused::at(
                ledger_line,
                format!(
                    "LEDGERBAL: BALAMT: found `{}`, expected {expected}",
                    shown(&amount)
                ),
                ASK_THE_BANK,
            )
        })?;
        let period = (day(&statement.from, None), day(&statement.to, None));
        let as_of = match day(&date, Some(period)) {
            None if says_no_day(&date) => day(&statement.to, None),
            read => read,
        };
        let Some(date) = as_of else {
            return Err(FileRefused::at(
                ledger_line,
                format!(
                    "LEDGERBAL: DTASOF: found `{}`, expected {}",
                    shown(&date),
                    day_expected("DTASOF", &date)
                ),
                ASK_THE_BANK,
            ));
        };
        let opening = i128::from(closing) - statement.credit_minor;
        let Ok(opening_minor) = i64::try_from(opening) else {
            return Err(FileRefused::at(
                ledger_line,
                "the entries add up to more than an account can hold",
                ASK_THE_BANK,
            ));
        };
        open.told.opening = Some(Balance {
            date,
            minor: opening_minor,
        });
        open.told.closing = Some(Balance { date, minor: closing });
        open.told.day_said_by = "DTASOF of the ledger balance (LEDGERBAL)";
        self.desk.facts.noted.push(format!(
            "the statement at line {line} has no opening balance: ledger balance {} less {} entries is {} {currency}, which the closing balance of the day before proves",
            text_of(closing.into(), currency),
            statement.count,
            text_of(opening, currency)
        ));
        self.desk.finish(open);
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), FileRefused> {
        let line = place.line;
        // Some banks write no end tag at all. Then a statement is whole when its ledger balance and the balance's day, which
        // stand behind its entries, are there.
        let whole =
            |(amount, date, _): &(String, String, u64)| !amount.is_empty() && day(date, None).is_some();
        let last = self.statement.as_ref().map(|statement| {
            let ledger = statement.ledger.as_ref().or(self.balance.as_ref());
            ledger.is_some_and(whole)
        });
        if !self.ended && self.end_tags == 0 && last == Some(true) && self.inside == Inside::Markup {
            if let Some((name, text)) = self.leaf.take() {
                self.take(&name, text.trim(), place)?;
            }
            self.close_to(0, place)?;
        }
        if self.implied > 0 {
            self.desk.facts.noted.push(format!(
                "{} aggregates end without an end tag: each ends where the next one cannot stand in it",
                self.implied
            ));
        }
        if !self.ended {
            return Err(FileRefused::at(
                line,
                "the file ends without </OFX>: it was cut off",
                "fetch the whole file again and run the day again",
            ));
        }
        if self.statements == 0 {
            return Err(FileRefused::at(
                0,
                "the file was read, but it holds no statement (STMTRS)",
                ASK_THE_BANK,
            ));
        }
        Ok(())
    }
}

fn open_account(open: &OpenStatement) -> u16 {
    open.told.account as u16
}

#[cfg(test)]
mod tests;
