//! Stage 1: China Merchants Bank's direct link (招商银行 银企直连): the answer to GetTransInfo, as canonical bank rows and balances.
//!
//! In: one XML file, root `CMBSDKPGK`, GBK as a rule. Out: a bank row per `NTQTSINFZ`, a balance, facts. The answer does not
//! name the account it is about: the source does (`account`), or one delivery belongs to one account. Amounts are `TRSAMT`
//! (signed) and `TRSAMTC` or `TRSAMTD`; they must say the same as `AMTCDR`. Every row gives the balance behind it
//! (`TRSBLV`): row by row they must follow from one another, up or down the file, which proves that none is missing between
//! the first and the last. An answer of 0 rows is an empty day; a return code other than 0 refuses the file. Rows are given
//! as they come, one at a time; where balances follow both up and down, the times of the first and last row tell.
//!
//! Source: public readers' code. Not done here: opening(D) against closing(D−1) (R27), which proves both ends.

use std::io::Read;

use jiff::tz::TimeZone;

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

impl RowText {
    /// Forgets the row and keeps the buffers.
    fn clear(&mut self) {
        for text in [
            &mut self.side,
            &mut self.amount,
            &mut self.credit,
            &mut self.debit,
            &mut self.balance,
            &mut self.booked,
            &mut self.time,
            &mut self.value,
            &mut self.reference,
            &mut self.our_reference,
            &mut self.text,
            &mut self.name,
            &mut self.account,
            &mut self.kind,
        ] {
            text.clear();
        }
    }
}

/// What a row does to the account.
#[derive(Clone, Copy)]
struct Movement {
    place: Place,
    direction: Direction,
    amount_minor: i64,
    balance_minor: i64,
    date: Date,
    /// `hhmmss`, or 0.
    time: u32,
}

/// Rows so far, which follow from one another down the file (oldest first), up the file, or not.
struct Chain {
    first: Movement,
    last: Movement,
    rows: u64,
    down_fails: Option<(Movement, Movement)>,
    up_fails: bool,
}

impl Chain {
    fn new(first: Movement) -> Chain {
        Chain {
            first,
            last: first,
            rows: 1,
            down_fails: None,
            up_fails: false,
        }
    }

    fn add(&mut self, row: Movement) {
        let follows = |before: &Movement, after: &Movement| {
            i128::from(before.balance_minor) + signed(after) == i128::from(after.balance_minor)
        };
        if self.down_fails.is_none() && !follows(&self.last, &row) {
            self.down_fails = Some((self.last, row));
        }
        self.up_fails |= !follows(&row, &self.last);
        self.last = row;
        self.rows += 1;
    }

    /// Oldest and newest row.
    fn ends(&self) -> (Movement, Movement) {
        let turned = match (self.down_fails.is_some(), self.up_fails) {
            (true, false) => true,
            (false, false) => (self.first.date, self.first.time) > (self.last.date, self.last.time),
            _ => false,
        };
        match turned {
            true => (self.last, self.first),
            false => (self.first, self.last),
        }
    }
}

/// The rows of an answer as they come.
struct Rows {
    zone: TimeZone,
    account: usize,
    currency: Currency,
    chain: Option<Chain>,
    open: OpenStatement,
    /// A row could not be read: nothing follows from anything.
    broken: bool,
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
    let mut rows: Option<Rows> = None;
    let (mut code, mut message, mut function) = (String::new(), String::new(), String::new());
    loop {
        match walk.next()? {
            Step::Open => {
                if walk.is_root() && walk.path() != "CMBSDKPGK" {
                    return Err(walk.refuse(
                        format!("the document is `{}`, expected CMBSDKPGK", shown(walk.path())),
                        "name the right format in the source, or take the file out of it",
                    ));
                }
                if walk.path() == ROW {
                    row.clear();
                    row.place = Some(walk.place());
                }
            }
            Step::Close => {
                if walk.path() == ROW {
                    let rows = match &mut rows {
                        Some(rows) => rows,
                        None => rows.insert(Rows::begin(walk.place(), desk)?),
                    };
                    rows.take(&row, desk)?;
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
    match rows {
        Some(rows) => rows.end(desk),
        None => {
            desk.facts
                .checked
                .push("return code 0 and no rows: a day without entries".to_owned());
            Ok(())
        }
    }
}

impl Rows {
    fn begin(place: Place, desk: &mut Desk<'_>) -> Result<Rows, FileRefused> {
        let account = desk.ctx.source.account.clone();
        let asked = || desk.is_open().then(|| "the account asked about".to_owned());
        let Some(account) = account.or_else(asked) else {
            return Err(FileRefused::at(
                0,
                "an answer of the direct link does not name its account",
                "set `account` of the source in book.toml: one source per account",
            ));
        };
        // The answer gives no currency; the account of the book has one. Without a book it is the yuan of the direct link.
        let yuan = Currency::parse(b"CNY");
        let account = desk.account(&[account], yuan, "account", 0)?;
        let Some(currency) = desk.currency(account) else {
            return Err(FileRefused::at(0, "the account is unknown", ASK_THE_BANK));
        };
        let mut open = desk.begin(Purport::Statement, place.line, account).in_any_order();
        open.line_key = "tieout/cmb/line/v1".to_owned();
        Ok(Rows {
            zone: zone(&desk.ctx.settings.institution.time_zone)?,
            account,
            currency,
            chain: None,
            open,
            broken: false,
        })
    }

    /// Takes a row: what it does to the balance, then the entry.
    fn take(&mut self, text: &RowText, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
        let place = text.place.unwrap_or(Place { line: 0, offset: 0 });
        match read_row(text, place, self.currency) {
            Ok(row) => {
                match &mut self.chain {
                    Some(chain) => chain.add(row),
                    None => {
                        self.open.told.line = place.line;
                        self.chain = Some(Chain::new(row));
                    }
                }
                self.give(&row, text, desk);
                Ok(())
            }
            Err((field, found, expected)) => {
                desk.reject(place, field, &found, expected.clone());
                if std::mem::replace(&mut self.broken, true) {
                    return Ok(());
                }
                desk.fail(FileRefused::at(
                    place.line,
                    format!(
                        "{field}: found `{}`, expected {expected}; so the balances cannot be followed",
                        shown(&found)
                    ),
                    ASK_THE_BANK,
                ))
            }
        }
    }

    fn end(self, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
        let Rows {
            chain: Some(chain),
            mut open,
            currency,
            broken: false,
            ..
        } = self
        else {
            return Ok(());
        };
        if let Some((before, after)) = chain.down_fails.filter(|_| chain.up_fails) {
            desk.fail(FileRefused::at(
                after.place.line,
                format!(
                    "balances do not follow: {} and {} of this row give {}, but TRSBLV is {} {currency}",
                    text_of(before.balance_minor.into(), currency),
                    text_of(signed(&after), currency),
                    text_of(i128::from(before.balance_minor) + signed(&after), currency),
                    text_of(after.balance_minor.into(), currency)
                ),
                "rows are missing: ask the direct link for the whole day again",
            ))?;
        }
        let (oldest, newest) = chain.ends();
        let opening = i128::from(oldest.balance_minor) - signed(&oldest);
        let Ok(opening) = i64::try_from(opening) else {
            return Err(FileRefused::at(
                oldest.place.line,
                "the balance is out of range",
                ASK_THE_BANK,
            ));
        };
        open.told.period = format!("{} to {}", oldest.date, newest.date);
        open.told.opening = Some(Balance {
            date: oldest.date,
            minor: opening,
        });
        open.told.closing = Some(Balance {
            date: newest.date,
            minor: newest.balance_minor,
        });
        if let Ok(words) = identity(opening, open.told.booked, newest.balance_minor, currency) {
            desk.facts
                .checked
                .push(format!("{} rows follow from one another: {words}", chain.rows));
        }
        desk.finish(open);
        Ok(())
    }

    fn give(&mut self, row: &Movement, text: &RowText, desk: &mut Desk<'_>) {
        let open = &mut self.open;
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
            .rfc3339(&self.zone),
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
                account: self.account as u16,
                booking_time: booking_time.as_bytes(),
                value_date,
                direction: row.direction,
                amount_minor: row.amount_minor,
                currency: self.currency,
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
}

fn signed(row: &Movement) -> i128 {
    match row.direction {
        Direction::Credit => i128::from(row.amount_minor),
        Direction::Debit => -i128::from(row.amount_minor),
    }
}

type Unread = (&'static str, String, String);

fn read_row(text: &RowText, place: Place, currency: Currency) -> Result<Movement, Unread> {
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
    let (own, other) = match direction {
        Direction::Credit => (&text.credit, &text.debit),
        Direction::Debit => (&text.debit, &text.credit),
    };
    // Without TRSAMT, which older versions lack, the side that AMTCDR names says the amount.
    let net = match (text.amount.as_str(), direction) {
        ("", _) if own.starts_with('-') => {
            let expected = "an amount without a sign, or TRSAMT beside it";
            return Err(("amount", own.clone(), expected.to_owned()));
        }
        ("", Direction::Credit) => amount("amount", own)?,
        ("", Direction::Debit) => -amount("amount", own)?,
        (net, _) => amount("amount", net)?,
    };
    if (net < 0) != (direction == Direction::Debit) && net != 0 {
        return Err((
            "amount",
            text.amount.clone(),
            format!("a sign of TRSAMT that fits AMTCDR {}", text.side),
        ));
    }
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
            text.booked.clone(),
            "ETYDAT with a day YYYYMMDD".to_owned(),
        ));
    };
    Ok(Movement {
        place,
        direction,
        amount_minor: net.abs(),
        balance_minor,
        date,
        time: text.time.parse().unwrap_or(0),
    })
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
