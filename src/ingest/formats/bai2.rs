//! Stage 1: BAI2, the North American cash management report, as canonical bank rows and balances.
//!
//! In: one file of groups of accounts. Out: a bank row per detail (16) of an account, a balance per account that has a
//! ledger balance at both ends (010, 015), facts. Amounts are minor units without a sign; the type code gives it: 1xx to 3xx and
//! 920 to 959 into the account, 4xx to 6xx and 960 to 999 out of it. A test group (status 4) and an interim one (modifier 1
//! or 3) book nothing; a final one that deletes or corrects (status 2, 3) refuses the file.
//! Version 3 (BTRS) has the same records and is read in the same way.
//! Checked: record counts and control totals of accounts (49), groups (98) and the file (99); total credits and debits
//! (100, 400); opening + Σ details = closing where both stand.
//! Refused: failed totals, broken order of records, a file without its trailer, an account with neither balances nor
//! details, unknown accounts, codes whose direction nobody knows.
//!
//! Source: public sample files. Not done here: availability of funds (the value date is that of a V detail, else the
//! as-of date).

use std::collections::BTreeMap;
use std::io::Read;

use super::FileRefused;
use super::decode::peek;
use super::desk::{ASK_THE_BANK, Balance, DayText, Desk, OpenStatement, Purport, Tallies, identity, text_of};
use super::pieces::Pieces;
use super::values::shown;
use crate::entries::rows::{BankRow, Place};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose};

use records::{Cursor, Record, Records};

mod records;

const HEAD_BYTES: usize = 1024;

/// True when the first bytes of a file are a file header record.
pub fn recognise(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = String::from_utf8_lossy(head);
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.starts_with("01,") && line.matches(',').count() >= 6
}

/// Reads a BAI2 file.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(mut bytes: Box<dyn Read + 'a>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let named = desk.ctx.source.encoding.clone();
    let lines = Pieces::new(head, bytes, b'\n', named.as_deref())?;
    let mut records = Records::new(lines);
    let mut reading = Reading {
        desk,
        file: None,
        group: None,
        account: None,
        accounts: 0,
        ended: false,
        btrs: false,
        books: false,
        without_rows: None,
    };
    while records.next()? {
        reading.record(&records.record)?;
    }
    reading.end(records.place().line)?;
    if let (Some(why), false) = (reading.without_rows.take(), reading.books) {
        reading.desk.facts.without_rows = why;
    }
    let variant = if reading.btrs { "BTRS (version 3)" } else { "BAI2" };
    let facts = &mut desk.facts;
    facts.variant = variant.to_owned();
    facts.encoding = records.lines.encoding();
    facts.noted.extend(records.lines.guess_in_words());
    Ok(())
}

/// Records and control total of a level.
#[derive(Clone, Copy, Default)]
struct Level {
    records: u64,
    /// Members: accounts of a group, groups of a file.
    members: u64,
    /// Sum of what stands below, as the trailers give it.
    control: i128,
}

struct Group {
    level: Level,
    status: u32,
    interim: bool,
    date: Option<Date>,
    currency: Option<Currency>,
    /// Sections by account and currency so far.
    sections: BTreeMap<(String, Currency), u32>,
}

struct AccountRead {
    place: Place,
    level: Level,
    open: OpenStatement,
    currency: Currency,
    books: bool,
    number: String,
    opening_minor: Option<i64>,
    closing_minor: Option<i64>,
    /// Total credits and debits with their numbers, where the summary gives them.
    totals: [(Option<i64>, Option<u64>); 2],
    seen: Tallies,
    summaries: u64,
}

struct Reading<'r, 'd> {
    desk: &'r mut Desk<'d>,
    file: Option<Level>,
    group: Option<Group>,
    account: Option<AccountRead>,
    accounts: u64,
    ended: bool,
    /// Version 3 of the format.
    btrs: bool,
    /// A group is booked.
    books: bool,
    /// Why the first group that is not is not.
    without_rows: Option<String>,
}

/// A group that takes back or changes what was sent before. Whether that was booked, in another file or by an earlier close,
/// this file does not show, nor whether a correction holds the whole report or only what changed: neither is guessed.
fn taken_back(place: Place, status: u32, date: &str) -> FileRefused {
    let (what, instead) = if status == 2 {
        (
            "2 (deletion): it takes back",
            "take this file and the one that brought the deleted group out of the inbox, and ask the bank for the report that holds; where that day is closed, ask for entries that take the money back",
        )
    } else {
        (
            "3 (correction): it changes",
            "ask the bank for the whole corrected report as an update (status 1), and take this file and the one that it corrects out of the inbox; where that day is closed, ask for entries of the difference",
        )
    };
    FileRefused::at(
        place.line,
        format!(
            "group status: found {what} what was sent before for {date}, and would count it twice or not at all"
        ),
        instead,
    )
}

fn refuse(place: Place, message: impl Into<String>) -> FileRefused {
    FileRefused::at(place.line, message, ASK_THE_BANK)
}

impl Reading<'_, '_> {
    fn record(&mut self, record: &Record) -> Result<(), FileRefused> {
        let place = record.place;
        if self.ended {
            return Err(refuse(
                place,
                format!("record {} stands behind the end of the file (99)", record.code),
            ));
        }
        let physical = record.physical;
        if let Some(level) = &mut self.file {
            level.records += physical;
        }
        if let Some(group) = &mut self.group {
            group.level.records += physical;
        }
        if let Some(account) = &mut self.account {
            account.level.records += physical;
        }
        let expected = match (&self.file, &self.group, &self.account) {
            (None, ..) => "01",
            (Some(_), None, _) => "02 or 99",
            (Some(_), Some(_), None) => "03 or 98",
            (Some(_), Some(_), Some(_)) => "16 or 49",
        };
        let wanted = match record.code {
            1 => self.file.is_none(),
            2 | 99 => self.file.is_some() && self.group.is_none(),
            3 | 98 => self.group.is_some() && self.account.is_none(),
            16 | 49 => self.account.is_some(),
            _ => false,
        };
        if !wanted {
            return Err(refuse(
                place,
                format!("found record {:02}, expected {expected}", record.code),
            ));
        }
        match record.code {
            1 => {
                self.file = Some(Level {
                    records: physical,
                    ..Level::default()
                });
                self.header(record)
            }
            2 => self.group(record),
            3 => self.account(record),
            16 => self.detail(record),
            49 => self.account_trailer(record),
            98 => self.group_trailer(record),
            _ => self.file_trailer(record),
        }
    }

    fn header(&mut self, record: &Record) -> Result<(), FileRefused> {
        let mut fields = record.fields();
        for _ in 0..7 {
            fields.next();
        }
        let version = fields.next().unwrap_or_default();
        match version.trim() {
            "2" | "" => {}
            "3" => {
                self.btrs = true;
                self.desk.facts.noted.push(
                    "version 3 (BTRS) has the records and totals of version 2 and is read as such".to_owned(),
                );
            }
            _ => {
                return Err(refuse(
                    record.place,
                    format!(
                        "file header: version: found `{}`, expected 2, or 3 (BTRS)",
                        shown(version)
                    ),
                ));
            }
        }
        Ok(())
    }

    fn group(&mut self, record: &Record) -> Result<(), FileRefused> {
        let mut fields = record.fields();
        let mut next = || fields.next().unwrap_or_default().trim().to_owned();
        let (_receiver, _originator) = (next(), next());
        let (status, date, _time, currency, modifier) = (next(), next(), next(), next(), next());
        let place = record.place;
        let status = match status.as_str() {
            "1" => 1,
            "2" => 2,
            "3" => 3,
            "4" => 4,
            other => {
                return Err(refuse(
                    place,
                    format!(
                        "group status: found `{}`, expected 1 (update), 2, 3 or 4",
                        shown(other)
                    ),
                ));
            }
        };
        let currency = match currency.as_str() {
            "" => None,
            code => Some(Currency::parse(code.as_bytes()).ok_or_else(|| {
                refuse(
                    place,
                    format!(
                        "group currency: found `{}`, expected a currency code",
                        shown(code)
                    ),
                )
            })?),
        };
        if !matches!(modifier.as_str(), "" | "1" | "2" | "3" | "4") {
            return Err(refuse(
                place,
                format!(
                    "as-of-date modifier: found `{}`, expected 1, 2, 3 or 4",
                    shown(&modifier)
                ),
            ));
        }
        let parsed = as_of(&date);
        if parsed.is_none() {
            return Err(refuse(
                place,
                format!("as-of date: found `{}`, expected a date YYMMDD", shown(&date)),
            ));
        }
        let interim = matches!(modifier.as_str(), "1" | "3");
        if matches!(status, 2 | 3) && !interim {
            let refused = taken_back(
                place,
                status,
                &parsed.map_or_else(String::new, |date| date.to_string()),
            );
            self.desk.fail(refused)?;
        } else if status != 1 || interim {
            let why = if status == 4 {
                "is a test"
            } else {
                "is interim: the final report of the day books it"
            };
            self.desk.facts.noted.push(format!(
                "the group at line {} {why}; nothing of it is booked",
                place.line
            ));
            self.without_rows
                .get_or_insert_with(|| format!("its group at line {} {why}", place.line));
        } else {
            self.books = true;
        }
        if let Some(level) = &mut self.file {
            level.members += 1;
        }
        self.group = Some(Group {
            level: Level {
                records: record.physical,
                ..Level::default()
            },
            status,
            interim,
            date: parsed,
            currency,
            sections: BTreeMap::new(),
        });
        Ok(())
    }

    fn account(&mut self, record: &Record) -> Result<(), FileRefused> {
        let place = record.place;
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        group.level.members += 1;
        let mut fields = record.fields();
        let number = fields.next().unwrap_or_default().trim().to_owned();
        let code = fields.next().unwrap_or_default().trim().to_owned();
        let default = group.currency.or(Currency::parse(b"USD"));
        let currency = match code.as_str() {
            "" => default,
            code => Currency::parse(code.as_bytes()),
        };
        let Some(currency) = currency else {
            return Err(refuse(
                place,
                format!(
                    "account currency: found `{}`, expected a currency code",
                    shown(&code)
                ),
            ));
        };
        let names = [number.clone(), number.trim_start_matches('0').to_owned()];
        let index = self
            .desk
            .account(&names, Some(currency), "account (03)", place.line)?;
        if let Some(expected) = self.desk.currency(index).filter(|expected| *expected != currency) {
            return Err(refuse(
                place,
                format!(
                    "account currency: found `{currency}`, expected {expected}, the currency of the account"
                ),
            ));
        }
        let books = group.status == 1 && !group.interim;
        let purport = if books {
            Purport::Statement
        } else {
            Purport::Intraday
        };
        let mut open = self.desk.begin(purport, place.line, index);
        let date = group.date.map_or_else(String::new, |date| date.to_string());
        open.line_key = format!("tieout/bai2/line/v1\n{number}\n{currency}\n{date}");
        let section = group.sections.entry((number.clone(), currency)).or_insert(0);
        if *section > 0 {
            // Equal entries of two sections are two: the group's totals count both.
            open.line_key += &format!("\nsection {section}");
        }
        open.told.section = *section;
        *section += 1;
        open.told.day = group.date;
        open.told.day_said_by = "as-of date of the group (02)";
        open.told.period = date;
        let mut account = AccountRead {
            place,
            level: Level {
                records: record.physical,
                ..Level::default()
            },
            open,
            currency,
            books,
            number,
            opening_minor: None,
            closing_minor: None,
            totals: [(None, None); 2],
            seen: Tallies::default(),
            summaries: 0,
        };
        summaries(&mut fields, &mut account, place)?;
        self.account = Some(account);
        self.accounts += 1;
        Ok(())
    }

    fn detail(&mut self, record: &Record) -> Result<(), FileRefused> {
        let place = record.place;
        let (Some(account), Some(group)) = (&mut self.account, &self.group) else {
            return Ok(());
        };
        let mut fields = record.fields();
        let code = fields.next().unwrap_or_default().trim();
        let amount = fields.next().unwrap_or_default().trim();
        // 890 says something and moves nothing: its amount may be left out.
        let read = match (code, amount) {
            ("890", "") => Some(0),
            (_, amount) => minor(amount),
        };
        let Some(amount_minor) = read else {
            return Err(refuse(
                place,
                format!(
                    "detail {}: amount: found `{}`, expected whole minor units",
                    shown(code),
                    shown(amount)
                ),
            ));
        };
        if amount_minor < 0 {
            return Err(refuse(
                place,
                format!(
                    "detail {}: amount: found `{amount}`, expected an amount without a sign",
                    shown(code)
                ),
            ));
        }
        let value_date = funds(&mut fields, place)?.or(group.date);
        let bank_reference = fields.next().unwrap_or_default().trim();
        let reference = fields.next().unwrap_or_default().trim();
        let remark = fields.rest();
        account.level.control += i128::from(amount_minor);
        if code == "890" {
            self.desk.not_booked(place);
            account.open.told.not_booked += 1;
            return Ok(());
        }
        let Some(direction) = direction_of(code) else {
            let refused = refuse(
                place,
                format!(
                    "type code: found `{}`, expected 100 to 399 or 920 to 959 (into the account) or 400 to 699 or 960 to 999 (out of it)",
                    shown(code)
                ),
            );
            self.desk
                .reject(place, "direction", code, "a type code whose direction is known");
            return self.desk.fail(refused);
        };
        account.seen.add(direction, amount_minor);
        let Some(value_date) = value_date else {
            return Ok(());
        };
        let booking_time = DayText::of(group.date.unwrap_or(value_date));
        let bank_ref = if reference.is_empty() {
            bank_reference
        } else {
            reference
        };
        let index = account.open.told.account as u16;
        self.desk.entry(
            &mut account.open,
            BankRow {
                place,
                entry_id: b"",
                account: index,
                booking_time: booking_time.bytes(),
                value_date,
                direction,
                amount_minor,
                currency: account.currency,
                bank_ref: bank_ref.as_bytes(),
                remark: remark.as_bytes(),
                batch_ref: b"",
                counterparty_name: b"",
                counterparty_account: b"",
                purpose: Purpose::None,
                purpose_text: code.as_bytes(),
                original_ref: b"",
            },
        );
        Ok(())
    }

    fn account_trailer(&mut self, record: &Record) -> Result<(), FileRefused> {
        let Some(mut account) = self.account.take() else {
            return Ok(());
        };
        let (control, count) = trailer(record, false)?;
        let name = format!("account {}", masked(self.desk, &account.number));
        let held = self.check_level(
            &name,
            record.place,
            control.map(i128::from),
            account.level.control,
            count.0,
            account.level,
        )?;
        if let Some(words) = held {
            self.desk.checked(&account.open, words);
        }
        if let Some(group) = &mut self.group {
            group.level.control += i128::from(control.unwrap_or(0));
        }
        let currency = account.currency;
        for (which, (sum, number)) in [
            ("total credits (100)", account.totals[0]),
            ("total debits (400)", account.totals[1]),
        ] {
            let found = if which.contains("100") {
                account.seen.credit
            } else {
                account.seen.debit
            };
            // Either may stand without the other.
            let sum_minor = sum.map(i128::from);
            let mut wrong = Vec::new();
            if let Some(number) = number.filter(|number| *number != found.count) {
                wrong.push(format!("found {} details, expected {number}", found.count));
            }
            if let Some(sum_minor) = sum_minor.filter(|sum_minor| *sum_minor != found.sum_minor) {
                wrong.push(format!(
                    "found {}, expected {} {currency}",
                    text_of(found.sum_minor, currency),
                    text_of(sum_minor, currency)
                ));
            }
            if !wrong.is_empty() {
                let refused = refuse(account.place, format!("{name}: {which}: {}", wrong.join("; ")));
                self.desk.fail(refused)?;
            } else if sum.is_some() {
                let words = format!(
                    "{name}: {which}: {} details of {} {currency}",
                    found.count,
                    text_of(found.sum_minor, currency)
                );
                self.desk.checked(&account.open, words);
            }
        }
        if account.books {
            match (account.opening_minor, account.closing_minor) {
                (Some(opening), Some(closing)) => match identity(opening, account.seen, closing, currency) {
                    Ok(words) => self.desk.checked(&account.open, format!("{name}: {words}")),
                    Err(words) => {
                        let refused = refuse(account.place, format!("{name}: {words}"));
                        self.desk.fail(refused)?;
                    }
                },
                _ if account.seen.total().count == 0 && account.summaries == 0 => {
                    let refused = refuse(
                        account.place,
                        format!("{name} was read, but it has neither balances nor entries"),
                    );
                    self.desk.fail(refused)?;
                }
                _ => {
                    let words = format!(
                        "{name}: no opening and closing ledger balance (010, 015): proven by its control totals only"
                    );
                    self.desk.noted(&account.open, words);
                }
            }
        }
        if let Some(date) = self.group.as_ref().and_then(|group| group.date) {
            let balance = |minor: Option<i64>| minor.map(|minor| Balance { date, minor });
            account.open.told.opening = balance(account.opening_minor);
            account.open.told.closing = balance(account.closing_minor);
        }
        self.desk.finish(account.open);
        Ok(())
    }

    fn group_trailer(&mut self, record: &Record) -> Result<(), FileRefused> {
        let Some(group) = self.group.take() else {
            return Ok(());
        };
        let (control, count) = trailer(record, true)?;
        self.check_members("group", "accounts", record.place, count.0, group.level.members)?;
        let held = self.check_level(
            "group",
            record.place,
            control.map(i128::from),
            group.level.control,
            count.1,
            group.level,
        )?;
        self.desk.facts.checked.extend(held);
        if let Some(level) = &mut self.file {
            level.control += i128::from(control.unwrap_or(0));
        }
        Ok(())
    }

    fn file_trailer(&mut self, record: &Record) -> Result<(), FileRefused> {
        let level = self.file.unwrap_or_default();
        let (control, count) = trailer(record, true)?;
        self.check_members("file", "groups", record.place, count.0, level.members)?;
        let held = self.check_level(
            "file",
            record.place,
            control.map(i128::from),
            level.control,
            count.1,
            level,
        )?;
        self.desk.facts.checked.extend(held);
        self.ended = true;
        Ok(())
    }

    fn check_members(
        &mut self,
        name: &str,
        what: &str,
        place: Place,
        stated: Option<u64>,
        found: u64,
    ) -> Result<(), FileRefused> {
        if stated.is_none_or(|stated| stated == found) {
            return Ok(());
        }
        let refused = refuse(
            place,
            format!(
                "{name} trailer: found {found} {what}, expected {}",
                stated.unwrap_or(0)
            ),
        );
        self.desk.fail(refused)
    }

    /// Checks the control total and the number of records of a level, and says them where they hold.
    fn check_level(
        &mut self,
        name: &str,
        place: Place,
        control: Option<i128>,
        found: i128,
        count: Option<u64>,
        level: Level,
    ) -> Result<Option<String>, FileRefused> {
        let failed = control.filter(|stated| *stated != found);
        if let Some(stated) = failed {
            let refused = refuse(
                place,
                format!("{name}: control total: found {found}, expected {stated}"),
            );
            self.desk.fail(refused)?;
        }
        match count {
            Some(stated) if stated != level.records => {
                let refused = refuse(
                    place,
                    format!("{name}: found {} records, expected {stated}", level.records),
                );
                self.desk.fail(refused).map(|()| None)
            }
            Some(_) if failed.is_some() => Ok(None),
            Some(stated) => {
                let total = control.map_or_else(
                    || "no control total".to_owned(),
                    |total| format!("control total {total}"),
                );
                Ok(Some(format!("{name}: {stated} records, {total}")))
            }
            None => {
                let refused = refuse(place, format!("{name}: the trailer gives no number of records"));
                self.desk.fail(refused).map(|()| None)
            }
        }
    }

    fn end(&mut self, line: u64) -> Result<(), FileRefused> {
        if self.file.is_none() {
            return Err(FileRefused::at(
                0,
                "the file holds no file header (01)",
                "name the right format in the source, or fetch the file again",
            ));
        }
        if !self.ended {
            return Err(FileRefused::at(
                line,
                "the file ends without its trailer (99): it was cut off",
                "fetch the whole file again and run the day again",
            ));
        }
        if self.accounts == 0 {
            return Err(FileRefused::at(
                0,
                "the file was read, but it holds no account (03)",
                ASK_THE_BANK,
            ));
        }
        Ok(())
    }
}

/// The number of an account in words; an open desk shows it whole.
fn masked(desk: &Desk<'_>, number: &str) -> String {
    if desk.is_open() {
        return shown(number);
    }
    super::values::masked(desk.ctx.settings, number)
}

/// Status and summary amounts of an account: type, amount, number of items, funds, again and again.
fn summaries(fields: &mut Cursor<'_>, account: &mut AccountRead, place: Place) -> Result<(), FileRefused> {
    while let Some(code) = fields.next() {
        let code = code.trim().to_owned();
        if code.is_empty() {
            continue;
        }
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse(
                place,
                format!(
                    "account (03): found type code `{}`, expected three digits",
                    shown(&code)
                ),
            ));
        }
        let amount = fields.next_unless_cut().unwrap_or_default().trim().to_owned();
        let count = fields.next().unwrap_or_default().trim().to_owned();
        let count = match count.as_str() {
            "" => None,
            text => Some(text.parse::<u64>().map_err(|_| {
                refuse(
                    place,
                    format!(
                        "summary {code}: number of items: found `{}`, expected a number",
                        shown(text)
                    ),
                )
            })?),
        };
        funds(fields, place)?;
        let amount = match amount.as_str() {
            "" => None,
            text => Some(minor(text).ok_or_else(|| {
                refuse(
                    place,
                    format!(
                        "summary {code}: amount: found `{}`, expected whole minor units",
                        shown(text)
                    ),
                )
            })?),
        };
        account.level.control += i128::from(amount.unwrap_or(0));
        account.summaries += u64::from(amount.is_some());
        let slot = match code.as_str() {
            "010" => &mut account.opening_minor,
            "015" => &mut account.closing_minor,
            "100" => {
                account.totals[0] = (amount, count);
                continue;
            }
            "400" => {
                account.totals[1] = (amount, count);
                continue;
            }
            _ => continue,
        };
        if slot.is_some() && *slot != amount {
            return Err(refuse(
                place,
                format!("account (03): two different balances {code}"),
            ));
        }
        *slot = amount;
    }
    Ok(())
}

/// Passes over the funds type and what belongs to it; gives the date of a value-dated one.
fn funds(fields: &mut Cursor<'_>, place: Place) -> Result<Option<Date>, FileRefused> {
    let kind = fields.next().unwrap_or_default().trim();
    let mut skip = 0;
    let mut date = None;
    match kind {
        "" | "0" | "1" | "2" | "Z" | "z" => {}
        "S" | "s" => skip = 3,
        "V" | "v" => {
            let text = fields.next().unwrap_or_default().trim().to_owned();
            date = as_of(&text);
            if date.is_none() {
                return Err(refuse(
                    place,
                    format!("value date: found `{}`, expected a date YYMMDD", shown(&text)),
                ));
            }
            skip = 1;
        }
        "D" | "d" => {
            let text = fields.next().unwrap_or_default().trim().to_owned();
            let Some(count) = text.parse::<usize>().ok().filter(|count| *count < 1000) else {
                return Err(refuse(
                    place,
                    format!(
                        "funds type D: found `{}`, expected a number of distributions",
                        shown(&text)
                    ),
                ));
            };
            skip = count * 2;
        }
        other => {
            return Err(refuse(
                place,
                format!(
                    "funds type: found `{}`, expected 0, 1, 2, S, V, D, Z or nothing",
                    shown(other)
                ),
            ));
        }
    }
    for _ in 0..skip {
        fields.next();
    }
    Ok(date)
}

/// What a trailer gives: control total; the first and the second number behind it.
type Trailer = (Option<i64>, (Option<u64>, Option<u64>));

/// Control total and the numbers behind it: records of an account; members and records of a group or file.
fn trailer(record: &Record, has_members: bool) -> Result<Trailer, FileRefused> {
    let mut fields = record.fields();
    let mut next = |what: &str| -> Result<Option<i64>, FileRefused> {
        let text = fields.next().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(None);
        }
        minor(text).map(Some).ok_or_else(|| {
            refuse(
                record.place,
                format!(
                    "trailer {:02}: {what}: found `{}`, expected a number",
                    record.code,
                    shown(text)
                ),
            )
        })
    };
    let control = next("control total")?;
    let first = next(if has_members {
        "number of members"
    } else {
        "number of records"
    })?;
    let second = if has_members {
        next("number of records")?
    } else {
        None
    };
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    Ok((control, (count(first), count(second))))
}

/// What a detail of this type does to the account.
fn direction_of(code: &str) -> Option<Direction> {
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match code.parse::<u32>().ok()? {
        100..=399 | 920..=959 => Some(Direction::Credit),
        400..=699 | 960..=999 => Some(Direction::Debit),
        _ => None,
    }
}

/// Whole minor units with an optional sign.
fn minor(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude: i64 = digits.parse().ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// A date `YYMMDD`, or `YYYYMMDD` as some banks write it.
fn as_of(text: &str) -> Option<Date> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match text.len() {
        6 => {
            let year: i32 = text[..2].parse().ok()?;
            (if year >= 80 { 1900 + year } else { 2000 + year }, &text[2..])
        }
        8 => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    Date::from_ymd(year, rest[..2].parse().ok()?, rest[2..].parse().ok()?)
}

#[cfg(test)]
mod tests;
