//! Stage 1: China Merchants Bank's direct link (招商银行 银企直连): the answer to GetTransInfo, as canonical bank rows and balances.
//!
//! In: one XML file, root `CMBSDKPGK`, GBK as a rule. Out: a bank row per `NTQTSINFZ`, a balance, facts. The answer does not
//! name the account it is about: the source does (`account`), or one delivery belongs to one account. Amounts are `TRSAMT`
//! (signed) and `TRSAMTC` or `TRSAMTD`; they must say the same as `AMTCDR`. Every row gives the balance behind it
//! (`TRSBLV`): row by row they must follow from one another, up or down the file, which proves that none is missing between
//! the first and the last. An answer of 0 rows is an empty day; a return code other than 0 refuses the file.
//!
//! Source: public readers' code. Not done here: opening(D) against closing(D−1) (R27), which proves both ends.

use std::io::Read;

use super::FileRefused;
use super::camt053::xml::{Step, Walk};
use super::decode::{TextReader, peek, xml_encoding};
use super::desk::{ASK_THE_BANK, Balance, Desk, OpenStatement, Purport, identity, text_of};
use super::values::{WallTime, padded_minor, shown, zone};
use crate::entries::rows::{BankRow, Place};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose};

const HEAD_BYTES: usize = 1024;
const ROW: &str = "CMBSDKPGK/NTQTSINFZ";
/// Most rows of one answer: they are held until the order of the file is known.
const ROWS_MAX: usize = 1_000_000;

/// True when the first bytes of a file are an answer of the direct link.
pub fn recognise(head: &[u8]) -> bool {
    memchr::memmem::find(head, b"<CMBSDKPGK").is_some()
}

#[derive(Clone, Default)]
struct RowText {
    place: Option<Place>,
    side: String,
    amount: String,
    credit: String,
    debit: String,
    balance: String,
    booked: String,
    time: String,
    value: String,
    reference: String,
    our_reference: String,
    text: String,
    name: String,
    account: String,
    kind: String,
}

/// A row whose amount was read.
struct RowRead {
    text: RowText,
    place: Place,
    direction: Direction,
    amount_minor: i64,
    balance_minor: i64,
    date: Date,
}

/// Reads an answer.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(mut bytes: Box<dyn Read + 'a>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let (encoding, mark_bytes) = xml_encoding(&head, desk.ctx.source.encoding.as_deref())?;
    let text = std::io::Cursor::new(head[mark_bytes..].to_vec()).chain(bytes);
    let mut walk = Walk::new(TextReader::new(Box::new(text), encoding), mark_bytes);
    let mut row = RowText::default();
    let mut rows: Vec<RowText> = Vec::new();
    let (mut code, mut message, mut function) = (String::new(), String::new(), String::new());
    loop {
        match walk.next()? {
            Step::Open => {
                if !walk.path().contains('/') && walk.path() != "CMBSDKPGK" {
                    return Err(walk.refuse(
                        format!("the document is `{}`, expected CMBSDKPGK", shown(walk.path())),
                        "name the right format in the source, or take the file out of it",
                    ));
                }
                if walk.path() == ROW {
                    row = RowText {
                        place: Some(walk.place()),
                        ..RowText::default()
                    };
                }
            }
            Step::Close => {
                if walk.path() == ROW {
                    if rows.len() == ROWS_MAX {
                        return Err(walk.refuse(
                            format!("the answer has more than {ROWS_MAX} rows"),
                            "ask the bank's link for shorter periods",
                        ));
                    }
                    rows.push(std::mem::take(&mut row));
                    continue;
                }
                let slot = match walk.path() {
                    "CMBSDKPGK/INFO/RETCOD" => &mut code,
                    "CMBSDKPGK/INFO/ERRMSG" => &mut message,
                    "CMBSDKPGK/INFO/FUNNAM" => &mut function,
                    path => match path.strip_prefix(ROW).and_then(|path| path.strip_prefix('/')) {
                        Some("AMTCDR") => &mut row.side,
                        Some("TRSAMT") => &mut row.amount,
                        Some("TRSAMTC") => &mut row.credit,
                        Some("TRSAMTD") => &mut row.debit,
                        Some("TRSBLV") => &mut row.balance,
                        Some("ETYDAT") => &mut row.booked,
                        Some("ETYTIM") => &mut row.time,
                        Some("VLTDAT") => &mut row.value,
                        Some("REFNBR") => &mut row.reference,
                        Some("YURREF") => &mut row.our_reference,
                        Some("NARYUR") => &mut row.text,
                        Some("RPYNAM") => &mut row.name,
                        Some("RPYACC") => &mut row.account,
                        Some("TRSCOD") => &mut row.kind,
                        _ => continue,
                    },
                };
                walk.text().clone_into(slot);
            }
            Step::End => break,
        }
    }
    desk.facts.variant = format!("CMB direct link, {}", shown(&function));
    desk.facts.encoding = encoding.name().to_owned();
    if code != "0" {
        return Err(FileRefused::at(
            0,
            format!(
                "the bank answers with return code `{}`: {}",
                shown(&code),
                shown(&message)
            ),
            "mend the cause and ask the direct link again",
        ));
    }
    if rows.is_empty() {
        desk.facts
            .checked
            .push("return code 0 and no rows: a day without entries".to_owned());
        return Ok(());
    }
    book(rows, desk)
}

fn book(rows: Vec<RowText>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    let Some(account) = desk
        .ctx
        .source
        .account
        .clone()
        .or_else(|| desk.is_open().then(|| "the account asked about".to_owned()))
    else {
        return Err(FileRefused::at(
            0,
            "an answer of the direct link does not name its account",
            "set `account` of the source in book.toml: one source per account",
        ));
    };
    // The answer gives no currency; the account of the book has one. Without a book it is the yuan of the direct link.
    let index = desk.account(&[account], Currency::parse(b"CNY"), "account", 0)?;
    let Some(currency) = desk.currency(index) else {
        return Ok(());
    };
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        let place = row.place.unwrap_or(Place { line: 0, offset: 0 });
        match read_row(row, place, currency) {
            Ok(row) => read.push(row),
            Err((field, found, expected)) => {
                desk.reject(place, field, &found, expected.clone());
                let refused = FileRefused::at(
                    place.line,
                    format!(
                        "{field}: found `{}`, expected {expected}; so the balances cannot be followed",
                        shown(&found)
                    ),
                    ASK_THE_BANK,
                );
                return desk.fail(refused);
            }
        }
    }
    // Oldest first, or newest first.
    let follows = |rows: &[RowRead]| {
        rows.windows(2).position(|pair| {
            i128::from(pair[0].balance_minor) + signed(&pair[1]) != i128::from(pair[1].balance_minor)
        })
    };
    if let Some(broken) = follows(&read) {
        read.reverse();
        if follows(&read).is_some() {
            read.reverse();
            let (before, after) = (&read[broken], &read[broken + 1]);
            let refused = FileRefused::at(
                after.place.line,
                format!(
                    "balances do not follow: {} and {} of this row give {}, but TRSBLV is {} {currency}",
                    text_of(before.balance_minor.into(), currency),
                    text_of(signed(after), currency),
                    text_of(i128::from(before.balance_minor) + signed(after), currency),
                    text_of(after.balance_minor.into(), currency)
                ),
                "rows are missing: ask the direct link for the whole day again",
            );
            desk.fail(refused)?;
        }
    }
    let (Some(first), Some(last)) = (read.first(), read.last()) else {
        return Ok(());
    };
    let opening = i128::from(first.balance_minor) - signed(first);
    let Ok(opening) = i64::try_from(opening) else {
        return Err(FileRefused::at(
            first.place.line,
            "the balance is out of range",
            ASK_THE_BANK,
        ));
    };
    let mut open = OpenStatement::new(Purport::Statement, first.place.line, index);
    open.told.period = format!("{} to {}", first.date, last.date);
    open.told.opening = Some(Balance {
        date: first.date,
        minor: opening,
    });
    let closing = Balance {
        date: last.date,
        minor: last.balance_minor,
    };
    open.told.closing = Some(closing);
    open.line_key = "tieout/cmb/line/v1".to_owned();
    let zone = zone(&desk.ctx.settings.institution.time_zone)?;
    for row in &read {
        give(row, index as u16, currency, &zone, &mut open, desk);
    }
    if let Ok(words) = identity(opening, open.told.booked, closing.minor, currency) {
        desk.facts
            .checked
            .push(format!("{} rows follow from one another: {words}", read.len()));
    }
    desk.finish(open);
    Ok(())
}

fn signed(row: &RowRead) -> i128 {
    match row.direction {
        Direction::Credit => i128::from(row.amount_minor),
        Direction::Debit => -i128::from(row.amount_minor),
    }
}

type Unread = (&'static str, String, String);

fn read_row(text: RowText, place: Place, currency: Currency) -> Result<RowRead, Unread> {
    let digits = currency.digits();
    let amount = |field: &'static str, text: &str| -> Result<i64, Unread> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let minor = padded_minor(rest, digits)
            .map_err(|_| (field, text.to_owned(), format!("an amount in {currency}")))?;
        Ok(if negative { -minor } else { minor })
    };
    let direction = match text.side.as_str() {
        "C" => Direction::Credit,
        "D" => Direction::Debit,
        other => return Err(("direction", other.to_owned(), "AMTCDR with C or D".to_owned())),
    };
    let net = amount("amount", &text.amount)?;
    if (net < 0) != (direction == Direction::Debit) && net != 0 {
        return Err((
            "amount",
            text.amount,
            format!("a sign of TRSAMT that fits AMTCDR {}", text.side),
        ));
    }
    let (own, other) = match direction {
        Direction::Credit => (&text.credit, &text.debit),
        Direction::Debit => (&text.debit, &text.credit),
    };
    if !own.is_empty() && amount("amount", own)?.abs() != net.abs() {
        return Err(("amount", own.clone(), format!("{}, as TRSAMT says", text.amount)));
    }
    if !other.is_empty() && amount("amount", other)? != 0 {
        return Err((
            "amount",
            other.clone(),
            format!("nothing on the other side of AMTCDR {}", text.side),
        ));
    }
    let balance_minor = amount("balance", &text.balance)?;
    let Some(date) = day(&text.booked) else {
        return Err((
            "booking_time",
            text.booked,
            "ETYDAT with a day YYYYMMDD".to_owned(),
        ));
    };
    Ok(RowRead {
        place,
        direction,
        amount_minor: net.abs(),
        balance_minor,
        date,
        text,
    })
}

fn give(
    row: &RowRead,
    account: u16,
    currency: Currency,
    zone: &jiff::tz::TimeZone,
    open: &mut OpenStatement,
    desk: &mut Desk<'_>,
) {
    let text = &row.text;
    // A row that is refused below counts in the balances all the same.
    let refused = |open: &mut OpenStatement| open.told.booked.add(row.direction, row.amount_minor);
    if text.reference.is_empty() {
        refused(open);
        return desk.reject(
            row.place,
            "entry_id",
            "",
            "REFNBR, the number of the entry at the bank",
        );
    }
    let value_date = match (text.value.as_str(), day(&text.value)) {
        ("", _) => row.date,
        (_, Some(date)) => date,
        (found, None) => {
            refused(open);
            return desk.reject(row.place, "value_date", found, "VLTDAT with a day YYYYMMDD");
        }
    };
    let time = |range: std::ops::Range<usize>| text.time.get(range)?.parse::<u32>().ok();
    let booking_time = match (time(0..2), time(2..4), time(4..6)) {
        (Some(hour), Some(minute), Some(second)) if text.time.len() == 6 => WallTime {
            date: row.date,
            hour,
            minute,
            second,
        }
        .rfc3339(zone),
        _ => None,
    };
    let booking_time = match booking_time {
        Some(time) => time,
        None if text.time.is_empty() => row.date.to_string(),
        None => {
            refused(open);
            return desk.reject(row.place, "booking_time", &text.time, "ETYTIM with a time hhmmss");
        }
    };
    let bank_ref = if text.our_reference.is_empty() {
        &text.reference
    } else {
        &text.our_reference
    };
    desk.entry(
        open,
        BankRow {
            place: row.place,
            entry_id: text.reference.as_bytes(),
            account,
            booking_time: booking_time.as_bytes(),
            value_date,
            direction: row.direction,
            amount_minor: row.amount_minor,
            currency,
            bank_ref: bank_ref.as_bytes(),
            remark: text.text.as_bytes(),
            batch_ref: b"",
            counterparty_name: text.name.as_bytes(),
            counterparty_account: text.account.as_bytes(),
            purpose: Purpose::None,
            purpose_text: text.kind.as_bytes(),
            original_ref: b"",
        },
    );
}

/// A day `YYYYMMDD`.
fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Date::from_ymd(
        text[..4].parse().ok()?,
        text[4..6].parse().ok()?,
        text[6..].parse().ok()?,
    )
}

#[cfg(test)]
mod tests;
