//! Stage 1: camt.053, the end-of-day bank statement of ISO 20022, as canonical bank rows and balances.
//!
//! In: one XML file with one or more `Stmt`. Out: a bank row per booked entry, a balance per statement, facts.
//! Supported: every version `urn:iso:std:iso:20022:tech:xsd:camt.053.001.NN` (matched by prefix, elements by local
//! name; seen: 02, 04, 08), any declared encoding, several statements and pages of statements.
//! Refused: DTDs, camt.052 and camt.054, statements without booked opening or closing balance, statements that do not
//! tie out (opening + Σ booked = closing, the reader's own oracle), failed `TxsSummry` totals, unknown accounts,
//! repeated statements, missing pages.
//!
//! Rules: R45 (entry, reference, id), R27 (account by number, else id), R14 (purpose), R36 (refused rows count in the
//! totals); source formats/intl.md §1.2. Not done here: details of batch entries as rows of their own; the check of
//! opening(D) against closing(D−1).

use std::collections::BTreeSet;
use std::io::Read;

use jiff::tz::TimeZone;

use super::decode::{TextReader, peek, xml_encoding};
use super::values::{amount_expected, iso_date, iso_time, padded_minor, shown, zone};
use super::{FileFacts, FileRefused, FormatContext};
use crate::book::settings::{Account, ReversalSign};
use crate::entries::rows::{BalanceRow, BankRow, Place, Reject, RowSink};
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose};

use entry::EntryText;
use statement::{BalanceText, Page, Pages, Progress, SummaryText, add_page};
use xml::{Step, Walk};

mod entry;
mod statement;
mod xml;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.";
const STATEMENT: &str = "Document/BkToCstmrStmt/Stmt";
const BELOW_STATEMENT: &str = "Document/BkToCstmrStmt/Stmt/";
const BELOW_ENTRY: &str = "Document/BkToCstmrStmt/Stmt/Ntry/";
const HEAD_BYTES: usize = 1024;
const REMITTANCE_BYTES_MAX: usize = 64 << 10;

/// True when the first bytes of a file name a camt.053 namespace.
pub fn recognise(head: &[u8]) -> bool {
    // Without its zero bytes UTF-16 shows the same letters.
    let letters: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    memchr::memmem::find(&letters, NAMESPACE.as_bytes()).is_some()
}

/// Reads a camt.053 file.
///
/// # Errors
/// The file is refused; what the sink was given is void.
pub fn read<'a>(
    mut bytes: Box<dyn Read + 'a>,
    ctx: &FormatContext<'_>,
    sink: &mut dyn RowSink,
) -> Result<FileFacts, FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let (encoding, mark_bytes) = xml_encoding(&head, ctx.source.encoding.as_deref())?;
    let text = std::io::Cursor::new(head[mark_bytes..].to_vec()).chain(bytes);
    let walk = Walk::new(TextReader::new(Box::new(text), encoding), mark_bytes);
    let mut reading = Reading {
        ctx,
        sink,
        zone: zone(&ctx.settings.institution.time_zone)?,
        facts: FileFacts::default(),
        page: Page::default(),
        account: None,
        balance: BalanceText::default(),
        entry: EntryText::default(),
        ordinal: 0,
        pages: None,
        known: BTreeSet::new(),
    };
    reading.file(walk)?;
    Ok(reading.facts)
}

struct Reading<'r> {
    ctx: &'r FormatContext<'r>,
    sink: &'r mut dyn RowSink,
    zone: TimeZone,
    facts: FileFacts,
    page: Page,
    account: Option<usize>,
    balance: BalanceText,
    entry: EntryText,
    /// Entries of the statement so far, over all its pages.
    ordinal: u64,
    pages: Option<Pages>,
    /// Account, id and sequence of the statements that ended.
    known: BTreeSet<(usize, String, String)>,
}

impl Reading<'_> {
    fn file(&mut self, mut walk: Walk<'_>) -> Result<(), FileRefused> {
        let mut statements = 0u64;
        loop {
            match walk.next()? {
                Step::Open => {
                    if !walk.path().contains('/') {
                        check_root(&walk)?;
                    }
                    if walk.path() == STATEMENT {
                        statements += 1;
                        self.page = Page {
                            line: walk.place().line,
                            ..Page::default()
                        };
                        self.account = None;
                    } else if let Some(path) = walk.path().strip_prefix(BELOW_STATEMENT) {
                        self.open(path, &walk)?;
                    }
                }
                Step::Close => {
                    if walk.path() == STATEMENT {
                        self.end_page()?;
                    } else if let Some(path) = walk.path().strip_prefix(BELOW_ENTRY) {
                        self.entry.take(path, walk.text(), walk.attribute("Ccy"));
                        if self.entry.remittance.len() > REMITTANCE_BYTES_MAX {
                            return Err(walk.refuse(
                                format!("remittance information is longer than {REMITTANCE_BYTES_MAX} bytes"),
                                "this is no bank statement: fetch it again",
                            ));
                        }
                    } else if let Some(path) = walk.path().strip_prefix(BELOW_STATEMENT) {
                        self.close(path, &walk)?;
                    }
                }
                Step::End => break,
            }
        }
        if let Some(pages) = &self.pages {
            return Err(pages.refuse_incomplete());
        }
        if statements == 0 {
            return Err(FileRefused::at(
                0,
                "the file holds no statement (Stmt)",
                "ask the bank for the day's statement; a day without entries still has one with its balances",
            ));
        }
        Ok(())
    }

    fn open(&mut self, path: &str, walk: &Walk<'_>) -> Result<(), FileRefused> {
        match path {
            "Ntry" => {
                if self.account.is_none() {
                    return Err(walk.refuse(
                        "an entry stands before the account of its statement (Acct/Id)",
                        "ask the bank for a statement that names its account",
                    ));
                }
                self.entry = EntryText {
                    place: Some(walk.place()),
                    ..EntryText::default()
                };
            }
            "Ntry/NtryDtls/TxDtls" => self.entry.details = self.entry.details.saturating_add(1),
            "Bal" => {
                self.balance = BalanceText {
                    line: walk.place().line,
                    ..BalanceText::default()
                };
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: &str, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let text = walk.text();
        let page = &mut self.page;
        let balance = &mut self.balance;
        let slot = match path {
            "Ntry" => return self.end_entry(walk),
            "Bal" => return self.end_balance(walk),
            "Acct/Id/IBAN" | "Acct/Id/Othr/Id" => {
                if !page.account_number.is_empty() && page.account_number != text {
                    return Err(walk.refuse(
                        "the statement names two accounts (Acct/Id)",
                        "ask the bank for a statement of one account",
                    ));
                }
                page.account_number = text.to_owned();
                self.account = Some(self.find_account(walk)?);
                return Ok(());
            }
            "Id" => &mut page.id,
            "ElctrncSeqNb" => &mut page.sequence,
            "LglSeqNb" => &mut page.legal_sequence,
            "FrToDt/FrDtTm" | "FrToDt/FrDt" => &mut page.from,
            "FrToDt/ToDtTm" | "FrToDt/ToDt" => &mut page.to,
            "StmtPgntn/PgNb" => &mut page.page_number,
            "StmtPgntn/LastPgInd" => &mut page.last_page,
            "Bal/Tp/CdOrPrtry/Cd" => &mut balance.code,
            "Bal/Tp/SubTp/Cd" => &mut balance.sub_code,
            "Bal/Amt" => {
                balance.currency = walk.attribute("Ccy").unwrap_or_default().to_owned();
                &mut balance.amount
            }
            "Bal/CdtDbtInd" => &mut balance.sign,
            "Bal/Dt/Dt" | "Bal/Dt/DtTm" => &mut balance.date,
            _ => match summary_slot(&mut page.summary, path) {
                Some(slot) => slot,
                None => return Ok(()),
            },
        };
        text.clone_into(slot);
        Ok(())
    }

    fn account(&self, walk: &Walk<'_>) -> Result<(usize, &Account), FileRefused> {
        let found = self
            .account
            .and_then(|index| Some((index, self.ctx.settings.accounts.get(index)?)));
        found.ok_or_else(|| {
            walk.refuse(
                "the statement names no account (Acct/Id) before its balances and entries",
                "ask the bank for a statement that names its account",
            )
        })
    }

    fn find_account(&self, walk: &Walk<'_>) -> Result<usize, FileRefused> {
        let named = &self.page.account_number;
        let settings = self.ctx.settings;
        settings.account_index(named).ok_or_else(|| {
            let hidden = named.chars().count().saturating_sub(4);
            let number = if settings.privacy.mask_accounts && hidden > 0 {
                format!("…{}", named.chars().skip(hidden).collect::<String>())
            } else {
                shown(named)
            };
            walk.refuse(
                format!("Acct/Id: found `{number}`, expected the number or id of an account of the book"),
                "add the account to book.toml as an [[account]] with this number, or take the file out of the inbox",
            )
        })
    }

    fn end_balance(&mut self, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let (index, _) = self.account(walk)?;
        let account = &self.ctx.settings.accounts[index];
        self.page.take_balance(&self.balance, account)
    }

    fn end_entry(&mut self, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let (index, _) = self.account(walk)?;
        let account = &self.ctx.settings.accounts[index];
        let entry = std::mem::take(&mut self.entry);
        let place = entry.place.unwrap_or(walk.place());
        self.ordinal += 1;

        let amount = read_amount(&entry, account);
        let written = match entry.sign.as_str() {
            "CRDT" => Some(Direction::Credit),
            "DBIT" => Some(Direction::Debit),
            _ => None,
        };
        if let (Ok(amount), Some(direction)) = (&amount, written) {
            self.page.all_as_written.add(direction, *amount);
        }
        if entry.status != "BOOK" {
            if entry.status.is_empty() {
                let reject = refuse(place, "status", "", "Sts with BOOK or another status");
                self.unread(reject, place);
            } else {
                self.sink.not_booked(place);
            }
            return Ok(());
        }
        let amount_minor = match amount {
            Ok(amount) => amount,
            Err((field, found, expected)) => {
                self.unread(refuse(place, field, &found, &expected), place);
                return Ok(());
            }
        };
        let Some(written) = written else {
            let reject = refuse(place, "direction", &entry.sign, "CdtDbtInd with CRDT or DBIT");
            self.unread(reject, place);
            return Ok(());
        };
        let direction = match (entry.reversal.as_str(), self.ctx.source.reversal_sign) {
            ("" | "false" | "0", _) | ("true" | "1", ReversalSign::Iso) => written,
            ("true" | "1", ReversalSign::Invert) => written.opposite(),
            (other, _) => {
                let reject = refuse(place, "direction", other, "RvslInd with true or false");
                self.unread(reject, place);
                return Ok(());
            }
        };
        self.page.booked_as_written.add(written, amount_minor);
        self.page.booked.add(direction, amount_minor);
        if amount_minor == 0 {
            self.sink.not_booked(place);
            return Ok(());
        }
        self.book(&entry, place, index, direction, amount_minor);
        Ok(())
    }

    /// Gives a booked entry to the sink: a row, or a reject of what cannot be read (its amount is counted).
    fn book(
        &mut self,
        entry: &EntryText,
        place: Place,
        index: usize,
        direction: Direction,
        amount_minor: i64,
    ) {
        let account = &self.ctx.settings.accounts[index];
        let mut rejects = Vec::new();
        let booked = day(&entry.booking_date, &entry.booking_time, &self.zone);
        let valued = day(&entry.value_date, &entry.value_time, &self.zone);
        if let Err(found) = &booked {
            rejects.push(refuse(
                place,
                "booking_time",
                found,
                "BookgDt with a day or a time that exists",
            ));
        }
        if let Err(found) = &valued {
            rejects.push(refuse(
                place,
                "value_date",
                found,
                "ValDt with a day or a time that exists",
            ));
        }
        let booked = booked.ok().flatten();
        let value_date = valued
            .ok()
            .flatten()
            .or_else(|| booked.clone())
            .map(|(date, _)| date);
        if value_date.is_none() && rejects.is_empty() {
            rejects.push(refuse(
                place,
                "value_date",
                "",
                "a value date (ValDt) or a booking date (BookgDt)",
            ));
        }
        let purpose_text = entry.purpose();
        let purpose = Purpose::parse(purpose_text.as_bytes());
        if purpose.direction().is_some_and(|allowed| allowed != direction) {
            let expected = format!("a purpose that fits direction {}", direction.name());
            rejects.push(refuse(place, "purpose", purpose_text, &expected));
        }
        let Some(value_date) = value_date.filter(|_| rejects.is_empty()) else {
            // One fate a row: the first thing wrong speaks for it.
            rejects.truncate(1);
            rejects.into_iter().for_each(|reject| self.sink.reject(reject));
            return;
        };
        // Without a booking date the day of value is the day of booking.
        let booking_time = booked.map_or_else(|| value_date.to_string(), |(_, text)| text);
        let servicer = entry.servicer();
        let statement = if self.page.id.is_empty() {
            &self.page.sequence
        } else {
            &self.page.id
        };
        let line_id;
        // Banks give a reversal or return the reference of the entry it undoes: it names the other, not this one.
        let (entry_id, original_ref) = match (servicer, entry.undoes()) {
            (reference, false) if !reference.is_empty() => (reference, ""),
            (reference, _) => {
                line_id = entry.line_id(&self.page.account_number, statement, self.ordinal);
                (line_id.as_str(), reference)
            }
        };
        let debtor_is_other = (direction == Direction::Credit) != entry.undoes();
        let other = match (entry.details, debtor_is_other) {
            (1, true) => Some(&entry.debtor),
            (1, false) => Some(&entry.creditor),
            _ => None,
        };
        self.sink.bank(&BankRow {
            place,
            entry_id: entry_id.as_bytes(),
            account: index as u16,
            booking_time: booking_time.as_bytes(),
            value_date,
            direction,
            amount_minor,
            currency: account.currency,
            bank_ref: entry.bank_ref().as_bytes(),
            remark: entry.remark().as_bytes(),
            batch_ref: b"",
            counterparty_name: other.map_or("", |party| &party.name).as_bytes(),
            counterparty_account: other.map_or("", |party| &party.account).as_bytes(),
            purpose,
            purpose_text: purpose_text.as_bytes(),
            original_ref: original_ref.as_bytes(),
        });
    }

    /// An entry that cannot be added up: rejected, and the statement with it.
    fn unread(&mut self, reject: Reject, place: Place) {
        if self.page.unread.is_none() {
            let words = format!(
                "{}: found `{}`, expected {}",
                reject.field, reject.found, reject.expected
            );
            self.page.unread = Some((place.line, words));
        }
        self.sink.reject(reject);
    }

    fn end_page(&mut self) -> Result<(), FileRefused> {
        let page = std::mem::take(&mut self.page);
        let settings = self.ctx.settings;
        let Some((index, account)) = self.account.and_then(|at| Some((at, settings.accounts.get(at)?)))
        else {
            return Err(FileRefused::at(
                page.line,
                "the statement names no account (Acct/Id)",
                "ask the bank for a statement that names its account",
            ));
        };
        let before = self.pages.take();
        if let Some(pages) = &before
            && !pages.continued_by(&page)
        {
            return Err(pages.refuse_incomplete());
        }
        let identity = format!(
            "account {}, id {}, sequence {}, legal sequence {}, period {} to {}",
            account.id,
            or_none(&page.id),
            or_none(&page.sequence),
            or_none(&page.legal_sequence),
            or_none(&page.from),
            or_none(&page.to)
        );
        let key = (index, page.id.clone(), page.sequence.clone());
        let (line, name) = (page.line, page.name());
        let done = match add_page(before, page, account)? {
            Progress::More(pages) => {
                self.pages = Some(*pages);
                return Ok(());
            }
            Progress::Done(done) => done,
        };
        if !self.known.insert(key) {
            return Err(FileRefused::at(
                line,
                format!("statement {name} stands twice in this file"),
                "ask the bank which of the two holds, and for a file with that one only",
            ));
        }
        self.ordinal = 0;
        self.facts.statements.push(format!(
            "{identity}, closing {} {}",
            done.closing.date, done.closing.minor
        ));
        self.facts.checked.push(done.words);
        if !done.totals.is_empty() {
            self.facts.checked.push(done.totals);
        }
        self.sink.balance(&BalanceRow {
            place: Place {
                line: done.line,
                offset: 0,
            },
            account: index as u16,
            currency: account.currency,
            date: done.closing.date,
            opening_minor: done.opening.minor,
            closing_minor: done.closing.minor,
        });
        Ok(())
    }
}

fn check_root(walk: &Walk<'_>) -> Result<(), FileRefused> {
    // The prefix of the root tells which declaration is its own; a default one is `xmlns`.
    let namespace = walk.root_namespace().unwrap_or_default();
    if walk.path() == "Document"
        && namespace
            .strip_prefix(NAMESPACE)
            .is_some_and(|version| version.len() == 2 && version.bytes().all(|b| b.is_ascii_digit()))
    {
        return Ok(());
    }
    let help = if namespace.contains(":camt.052.") || namespace.contains(":camt.054.") {
        "only end-of-day statements (camt.053) are booked; take this file out of the source"
    } else {
        "name the right format in the source, or take the file out of it"
    };
    Err(walk.refuse(
        format!(
            "the document is `{}` of namespace `{}`, expected Document of {NAMESPACE}NN",
            shown(walk.path()),
            shown(namespace)
        ),
        help,
    ))
}

fn summary_slot<'p>(summary: &'p mut SummaryText, path: &str) -> Option<&'p mut String> {
    match path {
        "TxsSummry/TtlNtries/NbOfNtries" => Some(&mut summary.all.count),
        "TxsSummry/TtlNtries/Sum" => Some(&mut summary.all.sum),
        "TxsSummry/TtlCdtNtries/NbOfNtries" => Some(&mut summary.credit.count),
        "TxsSummry/TtlCdtNtries/Sum" => Some(&mut summary.credit.sum),
        "TxsSummry/TtlDbtNtries/NbOfNtries" => Some(&mut summary.debit.count),
        "TxsSummry/TtlDbtNtries/Sum" => Some(&mut summary.debit.sum),
        _ => None,
    }
}

/// Amount of an entry in the account's currency, or field, found and expected of what is wrong.
fn read_amount(entry: &EntryText, account: &Account) -> Result<i64, (&'static str, String, String)> {
    let currency = account.currency;
    if entry.currency != currency.code() {
        let expected = format!("{currency}, the currency of the account");
        return Err(("currency", entry.currency.clone(), expected));
    }
    padded_minor(&entry.amount, currency.digits()).map_err(|error| {
        let expected = amount_expected(error, currency.code(), currency.digits());
        ("amount", entry.amount.clone(), expected)
    })
}

/// A `Dt` or `DtTm` as its day and text; `None` where neither is given, the found text where it cannot be read.
fn day(date: &str, time: &str, zone: &TimeZone) -> Result<Option<(Date, String)>, String> {
    if !time.is_empty() {
        return iso_time(time, zone).map(Some).ok_or_else(|| time.to_owned());
    }
    if date.is_empty() {
        return Ok(None);
    }
    match iso_date(date) {
        Some(day) => Ok(Some((day, day.to_string()))),
        None => Err(date.to_owned()),
    }
}

fn refuse(place: Place, field: &str, found: &str, expected: &str) -> Reject {
    Reject {
        line: place.line,
        column: 0,
        field: field.to_owned(),
        found: shown(found),
        expected: expected.to_owned(),
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() {
        "none".to_owned()
    } else {
        shown(text)
    }
}

#[cfg(test)]
mod tests;
