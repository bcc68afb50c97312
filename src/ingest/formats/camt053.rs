//! Stage 1: camt.053, the end-of-day bank statement of ISO 20022, as canonical bank rows and balances; camt.052, its
//! intraday report, and camt.054, the notification that explains entries: both book nothing.
//!
//! In: one XML file with one or more `Stmt` (`Rpt`, `Ntfctn`). Out: a bank row per booked entry of a statement, a balance per
//! statement, facts. A report may show what the statement shows again, a notification explains an entry of the statement:
//! their entries are read, checked and counted as not booked.
//! Supported: every version `camt.05[234].001.NN` (the document by its name in the namespace, which Austrian banks wrote as
//! `ISO:camt.053.001.02:APC:STUZZA:payments:003`, or by its element where there is no namespace; elements by local name; seen: 02,
//! 04, 08), alone or in the envelope of a business message (`AppHdr`), any declared encoding, several
//! statements and pages of statements.
//! Refused: DTDs, a document of another kind than its source names, statements without booked opening or closing balance,
//! statements that do not tie out (opening + Σ booked = closing, the reader's own oracle), failed `TxsSummry` totals,
//! unknown accounts, repeated statements, missing pages.
//!
//! A batch entry (several `TxDtls`) is one row of the booked amount (R45). It is allocated over its details, and what they
//! leave is compared with the charges that the bank names: a fact about the statement, never a change of the amount.
//!
//! Rules: R45 (entry, reference, id), R27 (account by number, else id), R14 (purpose), R36 (refused rows count in the
//! totals); source: ISO 20022. Not done here: details of batch entries as rows of their own; the check of
//! opening(D) against closing(D−1), of notifications against statements, and of messages in several files (day::across).

use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

use jiff::tz::TimeZone;

use super::decode::{TextReader, peek, xml_encoding};
use super::desk::{Desk, Explained, MessagePage, OpenStatement, Purport, text_of};
use super::values::{amount_expected, iso_date, iso_time, shown, xml_minor, zone};
use super::{CAMT052, CAMT053, CAMT054, FileRefused};
use crate::book::settings::{Account, ReversalSign};
use crate::entries::rows::{BankRow, Place, Reject};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose};

use entry::EntryText;
use statement::{BalanceText, Page, Pages, Progress, SummaryText, add_page, check_summary, declared};
use xml::{Step, Walk};

mod entry;
mod statement;
pub(super) mod xml;

const HEAD_BYTES: usize = 1024;
const REMITTANCE_BYTES_MAX: usize = 64 << 10;
/// Entries with details that are remembered one by one; the others are counted.
const EXPLAINED_MAX: usize = 100_000;

/// One of the three documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Document {
    /// Name of the format.
    format: &'static str,
    /// Its name, before the number of its version.
    name: &'static str,
    purport: Purport,
    header: &'static str,
    part: &'static str,
    below_part: &'static str,
    below_entry: &'static str,
}

const DOCUMENTS: [Document; 3] = [
    Document {
        format: CAMT053,
        name: "camt.053.001.",
        purport: Purport::Statement,
        header: "Document/BkToCstmrStmt/GrpHdr/",
        part: "Document/BkToCstmrStmt/Stmt",
        below_part: "Document/BkToCstmrStmt/Stmt/",
        below_entry: "Document/BkToCstmrStmt/Stmt/Ntry/",
    },
    Document {
        format: CAMT052,
        name: "camt.052.001.",
        purport: Purport::Intraday,
        header: "Document/BkToCstmrAcctRpt/GrpHdr/",
        part: "Document/BkToCstmrAcctRpt/Rpt",
        below_part: "Document/BkToCstmrAcctRpt/Rpt/",
        below_entry: "Document/BkToCstmrAcctRpt/Rpt/Ntry/",
    },
    Document {
        format: CAMT054,
        name: "camt.054.001.",
        purport: Purport::Notification,
        header: "Document/BkToCstmrDbtCdtNtfctn/GrpHdr/",
        part: "Document/BkToCstmrDbtCdtNtfctn/Ntfctn",
        below_part: "Document/BkToCstmrDbtCdtNtfctn/Ntfctn/",
        below_entry: "Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry/",
    },
];

impl Document {
    /// The element of the document.
    fn element(&self) -> &'static str {
        self.part.split('/').nth(1).unwrap_or_default()
    }

    /// What a namespace names of the document: the whole name with its version, `camt.053.001.08`.
    fn name_in<'n>(&self, namespace: &'n str) -> Option<&'n str> {
        let at = namespace.find(self.name)?;
        let name = namespace.get(at..at + self.name.len() + 2)?;
        let version = &name[self.name.len()..];
        let is_whole = !namespace[at + name.len()..].starts_with(|c: char| c.is_ascii_digit());
        (is_whole && version.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
    }
}

/// Format of the camt document that the first bytes of a file name, in its namespace or by its element.
pub fn recognise(head: &[u8]) -> Option<&'static str> {
    // Without its zero bytes UTF-16 shows the same letters.
    let letters: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&letters);
    if !text
        .trim_start_matches(['\u{feff}', '\u{fffd}'])
        .trim_start()
        .starts_with('<')
    {
        return None;
    }
    let namespaces: Vec<&str> = text
        .match_indices("xmlns")
        .filter_map(|(at, _)| namespace_of(&text[at..]))
        .collect();
    let is_named = |document: &&Document| {
        let mut names = namespaces.iter();
        names.any(|namespace| namespace.contains(document.name))
    };
    let by_element = |document: &&Document| {
        let element = document.element();
        ["<", ":"]
            .iter()
            .any(|before| text.contains(&format!("{before}{element}>")))
    };
    let found = DOCUMENTS
        .iter()
        .find(is_named)
        .or_else(|| DOCUMENTS.iter().find(by_element));
    found.map(|document| document.format)
}

/// The namespace that a declaration, with which a text begins, gives: `xmlns:n="…"`; all that is there where it is cut off.
fn namespace_of(declaration: &str) -> Option<&str> {
    let (name, value) = declaration.split_once('=')?;
    if name.contains(['>', '<', '"', '\'']) {
        return None;
    }
    let value = value.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split(quote).next()
}

/// Reads a camt file of one of the three formats.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(format: &str, mut bytes: Box<dyn Read + 'a>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let (encoding, mark_bytes) = xml_encoding(&head, desk.ctx.source.encoding.as_deref())?;
    let text = std::io::Cursor::new(head[mark_bytes..].to_vec()).chain(bytes);
    let walk = Walk::new(TextReader::new(Box::new(text), encoding), mark_bytes);
    let zone = zone(&desk.ctx.settings.institution.time_zone)?;
    let document = DOCUMENTS
        .iter()
        .find(|document| document.format == format)
        .copied()
        .unwrap_or(DOCUMENTS[0]);
    desk.facts.encoding = encoding.name().to_owned();
    let mut reading = Reading {
        desk,
        document,
        zone,
        page: Page::default(),
        account: None,
        account_line: 0,
        balance: BalanceText::default(),
        entry: EntryText::default(),
        ordinal: 0,
        pages: None,
        known: BTreeSet::new(),
        open: None,
        message: MessagePage {
            message: String::new(),
            page: 1,
            last: true,
        },
    };
    reading.file(walk)
}

struct Reading<'r, 'd> {
    desk: &'r mut Desk<'d>,
    document: Document,
    zone: TimeZone,
    page: Page,
    account: Option<(usize, Rc<Account>)>,
    /// Line of its number.
    account_line: u64,
    balance: BalanceText,
    entry: EntryText,
    /// Entries of the statement so far, over all its pages.
    ordinal: u64,
    pages: Option<Pages>,
    /// Account, id and sequence of the statements that ended.
    known: BTreeSet<(usize, String, String, Option<Date>)>,
    /// The statement that is read, over all its pages.
    open: Option<OpenStatement>,
    message: MessagePage,
}

impl Reading<'_, '_> {
    fn file(&mut self, mut walk: Walk<'_>) -> Result<(), FileRefused> {
        let (mut statements, mut documents, mut envelope) = (0u64, 0u64, None);
        loop {
            match walk.next()? {
                Step::Open => {
                    if walk.is_envelope() {
                        envelope = Some(walk.path().to_owned());
                    } else if walk.is_root() {
                        self.desk.facts.variant = check_root(&walk, self.document)?;
                        documents += 1;
                    }
                    if walk.path() == self.document.part {
                        statements += 1;
                        self.page = Page {
                            line: walk.place().line,
                            ..Page::default()
                        };
                        self.account = None;
                    } else if let Some(path) = walk.path().strip_prefix(self.document.below_part) {
                        self.open(path, &walk)?;
                    }
                }
                Step::Close => {
                    if walk.path() == self.document.part {
                        self.end_page()?;
                    } else if let Some(path) = walk.path().strip_prefix(self.document.below_entry) {
                        self.entry.take(path, walk.text(), walk.attribute("Ccy"));
                        if self.entry.remittance.len() > REMITTANCE_BYTES_MAX {
                            return Err(walk.refuse(
                                format!("remittance information is longer than {REMITTANCE_BYTES_MAX} bytes"),
                                "this is no bank statement: fetch it again",
                            ));
                        }
                    } else if let Some(path) = walk.path().strip_prefix(self.document.below_part) {
                        self.close(path, &walk)?;
                    } else if let Some(path) = walk.path().strip_prefix(self.document.header) {
                        self.header(path, &walk)?;
                    }
                }
                Step::End => break,
            }
        }
        if let Some(pages) = self.pages.take() {
            self.end_file(&pages)?;
        }
        if let (Some(root), 0) = (envelope, documents) {
            let namespace = walk.root_namespace().unwrap_or_default();
            return Err(not_this_document(1, &root, namespace, self.document));
        }
        if statements == 0 {
            let part = self.document.part.rsplit('/').next().unwrap_or_default();
            return Err(FileRefused::at(
                0,
                format!("the file holds no {} ({part})", self.document.purport.name()),
                "ask the bank for the day's statement; a day without entries still has one with its balances",
            ));
        }
        if self.message.page != 1 || !self.message.last {
            self.desk.facts.pages.push(self.message.clone());
        }
        Ok(())
    }

    /// Ends a statement whose next page is not in this file.
    fn end_file(&mut self, pages: &Pages) -> Result<(), FileRefused> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let (opening, closing, line) = match pages.end_here() {
            Ok(ends) => ends,
            Err(refused) => return self.desk.fail(refused),
        };
        open.told.opening = Some(opening);
        open.told.closing = Some(closing);
        open.told.day_said_by = "interim closing balance (ITBD)";
        open.told.line = line;
        open.told.goes_on = true;
        if let Some(currency) = self.desk.currency(open.told.account) {
            self.allocated(&open.name(), &open, currency);
        }
        self.desk.finish(open);
        Ok(())
    }

    /// Message and page of the group header: a message may stand in several files.
    fn header(&mut self, path: &str, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let refuse = |expected: &str| {
            let message = format!("{path}: found `{}`, expected {expected}", shown(walk.text()));
            walk.refuse(message, super::desk::ASK_THE_BANK)
        };
        match path {
            "MsgId" => walk.text().clone_into(&mut self.message.message),
            "MsgPgntn/PgNb" => {
                let number = walk.text().parse().ok().filter(|number| *number > 0);
                self.message.page = number.ok_or_else(|| refuse("a page number from 1 on"))?;
            }
            "MsgPgntn/LastPgInd" => {
                self.message.last = match walk.text() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(refuse("true or false")),
                };
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, path: &str, walk: &Walk<'_>) -> Result<(), FileRefused> {
        match path {
            "Ntry" => {
                if self.page.account_number.is_empty() {
                    return Err(walk.refuse(
                        "an entry stands before the account of its statement (Acct/Id)",
                        "ask the bank for a statement that names its account",
                    ));
                }
                self.entry.clear();
                self.entry.place = Some(walk.place());
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
                self.account_line = walk.place().line;
                return Ok(());
            }
            "Acct" => {
                let given = Currency::parse(page.account_currency.as_bytes());
                let settings = self.desk.ctx.settings;
                let several = settings.currencies_of(&page.account_number).nth(1).is_some();
                // Of a number in several currencies the balances say which, where the account does not.
                if !self.desk.is_open() && !page.account_number.is_empty() && (given.is_some() || !several) {
                    self.find_account(given, self.account_line)?;
                }
                return Ok(());
            }
            "Acct/Ccy" => &mut page.account_currency,
            "Id" => &mut page.id,
            "ElctrncSeqNb" => &mut page.sequence,
            "LglSeqNb" => &mut page.legal_sequence,
            "FrToDt/FrDtTm" | "FrToDt/FrDt" => &mut page.from,
            "FrToDt/ToDtTm" | "FrToDt/ToDt" => &mut page.to,
            "StmtPgntn/PgNb" | "RptPgntn/PgNb" | "NtfctnPgntn/PgNb" => &mut page.page_number,
            "StmtPgntn/LastPgInd" | "RptPgntn/LastPgInd" | "NtfctnPgntn/LastPgInd" => &mut page.last_page,
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

    /// Account of the statement. An open desk learns its currency from the first amount.
    fn account(&mut self, currency: &str, walk: &Walk<'_>) -> Result<(usize, Rc<Account>), FileRefused> {
        if let Some(known) = &self.account {
            return Ok(known.clone());
        }
        if self.page.account_number.is_empty() {
            return Err(walk.refuse(
                "the statement names no account (Acct/Id) before its balances and entries",
                "ask the bank for a statement that names its account",
            ));
        }
        let given = [self.page.account_currency.as_str(), currency]
            .into_iter()
            .find_map(|code| Currency::parse(code.as_bytes()));
        self.find_account(given, walk.place().line)
    }

    fn find_account(
        &mut self,
        currency: Option<Currency>,
        line: u64,
    ) -> Result<(usize, Rc<Account>), FileRefused> {
        if let Some(known) = &self.account {
            return Ok(known.clone());
        }
        let names = [self.page.account_number.clone()];
        let index = self.desk.account(&names, currency, "Acct/Id", line)?;
        let Some(account) = self.desk.at(index) else {
            return Err(FileRefused::at(
                line,
                "the statement names no account (Acct/Id)",
                super::desk::ASK_THE_BANK,
            ));
        };
        let known = (index, Rc::new(account.clone()));
        self.account = Some(known.clone());
        Ok(known)
    }

    fn end_balance(&mut self, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let balance = std::mem::take(&mut self.balance);
        let (_, account) = self.account(&balance.currency, walk)?;
        if self.document.purport != Purport::Statement {
            return Ok(());
        }
        let taken = self.page.take_balance(&balance, &account);
        taken.or_else(|refused| self.desk.fail(refused))
    }

    /// The statement that is read.
    fn opened(&mut self, index: usize) -> OpenStatement {
        match self.open.take() {
            Some(open) => open,
            None => self.desk.begin(self.document.purport, self.page.line, index),
        }
    }

    fn end_entry(&mut self, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let entry = std::mem::take(&mut self.entry);
        let outcome = self.take_entry(&entry, walk);
        // The buffers are used again.
        self.entry = entry;
        outcome
    }

    fn take_entry(&mut self, entry: &EntryText, walk: &Walk<'_>) -> Result<(), FileRefused> {
        let (index, account) = self.account(&entry.currency, walk)?;
        let account = &account;
        let place = entry.place.unwrap_or(walk.place());
        self.ordinal += 1;

        let amount = read_amount(entry, account);
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
                let mut open = self.opened(index);
                open.told.not_booked += 1;
                self.open = Some(open);
                self.desk.not_booked(place);
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
        let direction = match (entry.reversal.as_str(), self.desk.ctx.source.reversal_sign) {
            ("" | "false" | "0", _) | ("true" | "1", ReversalSign::Iso) => written,
            ("true" | "1", ReversalSign::Invert) => written.opposite(),
            (other, _) => {
                let reject = refuse(place, "direction", other, "RvslInd with true or false");
                self.unread(reject, place);
                return Ok(());
            }
        };
        let otherwise = match entry.reversal.as_str() {
            "true" | "1" => direction.opposite(),
            _ => direction,
        };
        self.page.booked_otherwise.add(otherwise, amount_minor);
        self.page.booked_as_written.add(written, amount_minor);
        self.page.booked.add(direction, amount_minor);
        let mut open = self.opened(index);
        let explained = entry.explained(place.line, direction, amount_minor);
        let batch = explained.details > 1 || explained.residual_minor().is_some_and(|left| left != 0);
        let linked = !explained.servicer_ref.is_empty() || !explained.batch_id.is_empty();
        let notified = self.document.purport == Purport::Notification;
        if (batch || notified || linked && self.desk.wants_links())
            && open.told.explained.len() < EXPLAINED_MAX
        {
            open.told.explained.push(explained);
        }
        self.book(entry, place, index, account, (direction, amount_minor), &mut open);
        self.open = Some(open);
        Ok(())
    }

    /// Gives a booked entry to the sink: a row, or a reject of what cannot be read (its amount is counted).
    fn book(
        &mut self,
        entry: &EntryText,
        place: Place,
        index: usize,
        account: &Account,
        (direction, amount_minor): (Direction, i64),
        open: &mut OpenStatement,
    ) {
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
            for reject in rejects {
                self.desk.reject_of(open, place, reject);
            }
            open.told.booked.add(direction, amount_minor);
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
            (reference, false) if !reference.is_empty() && open.is_first_of(reference) => (reference, ""),
            (reference, undoes) => {
                // Pages in other files count their entries from 1 as well.
                let first_page = self.pages.as_ref().map_or(self.page.number(), Pages::first_page);
                let ordinal = self.ordinal | u64::from(first_page - 1) << 40;
                line_id = entry.line_id(&self.page.account_number, statement, ordinal);
                (line_id.as_str(), if undoes { reference } else { "" })
            }
        };
        let debtor_is_other = (direction == Direction::Credit) != entry.undoes();
        let other = match (entry.has_one_detail(), debtor_is_other) {
            (true, true) => Some(&entry.debtor),
            (true, false) => Some(&entry.creditor),
            (false, _) => None,
        };
        let row = BankRow {
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
        };
        self.desk.entry(open, row);
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
        self.desk.pass_reject(reject);
    }

    fn end_page(&mut self) -> Result<(), FileRefused> {
        let page = std::mem::take(&mut self.page);
        let given = Currency::parse(page.account_currency.as_bytes());
        let known = match &self.account {
            None if page.account_number.is_empty() => None,
            None => {
                self.page.account_number.clone_from(&page.account_number);
                let found = self.find_account(given, page.line);
                self.page = Page::default();
                Some(found?)
            }
            Some(_) => self.account.clone(),
        };
        let Some((index, account)) = known else {
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
            let refused = pages.refuse_incomplete();
            self.open = None;
            return self.desk.fail(refused);
        }
        let mut open = self.opened(index);
        let told = &mut open.told;
        if before.is_none() {
            told.id.clone_from(&page.id);
            told.first_page = page.number();
            let counted = [&page.sequence, &page.legal_sequence];
            told.sequence = counted.into_iter().find_map(|number| number.parse().ok());
            told.period = match (page.from.as_str(), page.to.as_str()) {
                ("", "") => String::new(),
                (from, to) => format!("{from} to {to}"),
            };
        } else {
            told.pages += 1;
        }
        if self.document.purport != Purport::Statement {
            return self.end_report(page, &account, open);
        }
        // Banks that never count may give the statements of all days one id.
        let day = page.closing.map(|closing| closing.date);
        let key = (index, page.id.clone(), page.sequence.clone(), day);
        let (line, name) = (page.line, page.name());
        let balances = (page.opening.or(page.previous_closing), page.closing);
        let done = match add_page(before, page, &account) {
            Ok(Progress::More(pages)) => {
                self.pages = Some(*pages);
                self.open = Some(open);
                return Ok(());
            }
            Ok(Progress::Done(done)) => done,
            Err(refused) => {
                self.desk.fail(refused)?;
                self.ordinal = 0;
                (open.told.opening, open.told.closing) = balances;
                self.desk.finish(open);
                return Ok(());
            }
        };
        if !self.known.insert(key) {
            self.desk.fail(FileRefused::at(
                line,
                format!("statement {name} stands twice in this file"),
                "ask the bank which of the two holds, and for a file with that one only",
            ))?;
        }
        self.ordinal = 0;
        self.desk.checked(&open, done.words);
        if !done.totals.is_empty() {
            self.desk.checked(&open, done.totals);
        }
        self.allocated(&name, &open, account.currency);
        open.told.opening = Some(done.opening);
        open.told.closing = Some(done.closing);
        open.told.day_said_by = "closing balance (CLBD)";
        open.told.line = done.line;
        self.desk.finish(open);
        Ok(())
    }

    /// A report or notification: its declared totals must hold, and it books nothing.
    fn end_report(&mut self, page: Page, account: &Account, open: OpenStatement) -> Result<(), FileRefused> {
        self.ordinal = 0;
        let name = page.name();
        if let Some((line, words)) = &page.unread {
            self.desk.fail(FileRefused::at(
                *line,
                format!("{} {name}: {words}", self.document.purport.name()),
                super::desk::ASK_THE_BANK,
            ))?;
        }
        match check_summary(&page, page.tallies(), account) {
            Ok(()) => {
                let count = declared(&page.summary);
                if count > 0 {
                    let words = format!(
                        "{} {name}: {count} declared counts and sums hold",
                        self.document.purport.name()
                    );
                    self.desk.facts.checked.push(words);
                }
            }
            Err(refused) => self.desk.fail(refused)?,
        }
        self.allocated(&name, &open, account.currency);
        self.desk.finish(open);
        Ok(())
    }

    /// Says how batch entries are allocated over their details.
    fn allocated(&mut self, name: &str, open: &OpenStatement, currency: Currency) {
        let batches: Vec<&Explained> = open
            .told
            .explained
            .iter()
            .filter(|entry| entry.details > 1 || entry.residual_minor().is_some_and(|left| left != 0))
            .collect();
        if batches.is_empty() {
            return;
        }
        let details: u64 = batches.iter().map(|batch| batch.details).sum();
        let residual: i128 = batches.iter().filter_map(|batch| batch.residual_minor()).sum();
        let open_ended = batches
            .iter()
            .filter(|batch| batch.allocated_minor.is_none())
            .count();
        let charges: i128 = batches.iter().map(|batch| batch.charges_minor).sum();
        let mut words = format!(
            "{} {name}: {} entries are allocated over {details} details, {} are left over",
            self.document.purport.name(),
            batches.len(),
            text_of(residual, currency)
        );
        if charges != 0 {
            words += &format!(" (charges named: {})", text_of(charges, currency));
        }
        if open_ended > 0 {
            words += &format!("; the details of {open_ended} give no amount in {currency}");
        }
        if residual == charges && open_ended == 0 {
            self.desk.checked(open, words);
        } else {
            self.desk.noted(open, words);
        }
    }
}

/// The version of the document, when it is of the kind that the source names.
fn check_root(walk: &Walk<'_>, document: Document) -> Result<String, FileRefused> {
    // The prefix of the root tells which declaration is its own; a default one is `xmlns`.
    let namespace = walk.root_namespace().unwrap_or_default();
    if walk.path() == "Document" {
        if namespace.is_empty() {
            // Its element says what it is; a document of another kind has no statement for this one.
            return Ok(format!("{}NN, no namespace", document.name));
        }
        if let Some(name) = document.name_in(namespace) {
            return Ok(name.to_owned());
        }
    }
    Err(not_this_document(
        walk.place().line,
        walk.path(),
        namespace,
        document,
    ))
}

/// The refusal of another document than the source names.
fn not_this_document(line: u64, root: &str, namespace: &str, document: Document) -> FileRefused {
    let other = DOCUMENTS
        .iter()
        .find(|other| namespace.contains(other.name))
        .filter(|other| other.format != document.format);
    let help = match (other.map(|other| other.purport), document.purport) {
        (Some(Purport::Intraday), _) => {
            "an intraday report books nothing: give the file to a source of format camt.052, or take it out of the inbox"
        }
        (Some(Purport::Notification), _) => {
            "a notification only explains entries of a statement: give the file to a source of format camt.054, or take it out of the inbox"
        }
        (Some(Purport::Statement), _) => {
            "this is a statement and would not be booked here: give the file to a source of format camt.053"
        }
        (None, _) => "name the right format in the source, or take the file out of it",
    };
    FileRefused::at(
        line,
        format!(
            "the document is `{}` of namespace `{}`, expected Document of urn:iso:std:iso:20022:tech:xsd:{}NN",
            shown(root),
            shown(namespace),
            document.name
        ),
        help,
    )
}

fn summary_slot<'p>(summary: &'p mut SummaryText, path: &str) -> Option<&'p mut String> {
    match path {
        "TxsSummry/TtlNtries/NbOfNtries" => Some(&mut summary.all.count),
        "TxsSummry/TtlNtries/Sum" => Some(&mut summary.all.sum),
        // Its element is of version 02; later ones have one more.
        "TxsSummry/TtlNtries/TtlNetNtryAmt" | "TxsSummry/TtlNtries/TtlNetNtry/Amt" => Some(&mut summary.net),
        "TxsSummry/TtlNtries/CdtDbtInd" | "TxsSummry/TtlNtries/TtlNetNtry/CdtDbtInd" => {
            Some(&mut summary.net_sign)
        }
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
    xml_minor(&entry.amount, currency.digits()).map_err(|error| {
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
        amount: None,
    }
}

#[cfg(test)]
mod tests;
