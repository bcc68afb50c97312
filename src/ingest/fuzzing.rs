//! What fuzzing calls, from `fuzz/` and from the mutation test: a reader over any bytes, twice, with the same result.
//!
//! Contains no reader of its own and is part of no close.

use std::io;
use std::sync::{LazyLock, OnceLock};

use encoding_rs::GB18030;

use crate::book::settings::{Account, Role, Settings, Source};
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::ingest::formats::desk::{Desk, unknown_account};
use crate::ingest::formats::profile::{self, Profile};
use crate::ingest::formats::table::{self, Way};
use crate::ingest::formats::{FormatContext, HEAD_BYTES, grammars, read_foreign};
use crate::ingest::inspect::no_book;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money::format_minor;

/// Counts and digests what it is given.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    rows: u64,
    minor: i128,
    rejects: u64,
    not_booked: u64,
    balances: u64,
    /// Of all texts, times and places of rows, in their order.
    digest: u64,
}

impl Seen {
    fn take(&mut self, place: Place, minor: i64, texts: &[&[u8]]) {
        assert!(minor > 0, "an amount is positive");
        self.rows += 1;
        self.minor += i128::from(minor);
        self.note(place.line);
        self.note(place.offset);
        for text in texts {
            assert!(std::str::from_utf8(text).is_ok(), "a text is UTF-8");
            text.iter().for_each(|byte| self.note(u64::from(*byte)));
            self.note(text.len() as u64);
        }
    }

    fn note(&mut self, number: u64) {
        self.digest = (self.digest.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl RowSink for Seen {
    fn platform(&mut self, _row: &PlatformRow<'_>) {}

    fn bank(&mut self, row: &BankRow<'_>) {
        let texts = [
            row.entry_id,
            row.booking_time,
            row.bank_ref,
            row.remark,
            row.batch_ref,
            row.counterparty_name,
            row.counterparty_account,
            row.purpose_text,
            row.original_ref,
        ];
        self.take(row.place, row.amount_minor, &texts);
        self.note(row.direction as u64 ^ u64::from(row.account) << 8);
        self.note(row.value_date.0 as u64);
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        let texts = [
            row.channel,
            row.channel_ref,
            row.order_id,
            row.txn_time,
            row.batch_ref,
            row.refund_ref,
        ];
        self.take(row.place, row.amount_minor, &texts);
        self.note(row.txn_type as u64 ^ (row.status as u64) << 8);
        self.note(row.fee_minor as u64);
        self.note(row.settle_date.0 as u64);
    }

    fn balance(&mut self, row: &BalanceRow) {
        self.balances += 1;
        self.minor += i128::from(row.closing_minor);
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects += 1;
        self.note(reject.line);
    }

    fn not_booked(&mut self, place: Place) {
        self.not_booked += 1;
        self.note(place.line);
    }
}

/// Reads `bytes` as a file of a grammar, openly and as a book would.
pub fn grammar(format: &str, bytes: &[u8]) {
    let once = || -> io::Result<(Seen, Seen, bool)> {
        let (settings, source) = no_book(format, Role::Bank, &[])?;
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date(0),
        };
        let mut openly = Seen::default();
        let mut desk = Desk::open(&ctx, &mut openly);
        let _ = grammars::read(format, Box::new(bytes), &mut desk);
        let (_, accounts, _) = desk.into_parts();
        let accounts: Vec<Account> = accounts;
        let (settings, mut source) = no_book(format, Role::Bank, &accounts)?;
        source.account = accounts.first().map(|account| account.id.clone());
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date(0),
        };
        let mut strictly = Seen::default();
        let taken = read_foreign(format, &|_| None, Box::new(bytes), &ctx, &mut strictly).is_ok();
        if taken {
            // What a book takes whole, an open desk reads in the same way.
            assert_eq!(openly.rows, strictly.rows, "rows of a file that holds");
        }
        Ok((openly, strictly, taken))
    };
    same(once);
}

/// Reads `bytes` by every built-in profile.
pub fn tables(bytes: &[u8]) {
    static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
    let built_in = |name: &'static str| Profile::parse(profile::builtin(name)?, name).ok();
    let profiles = PROFILES.get_or_init(|| profile::builtin_names().filter_map(built_in).collect());
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // To say what a file of another kind is takes a look at all profiles: one refusal an input is enough.
    let refused = bytes.len() % profiles.len().max(1);
    for (at, profile) in profiles.iter().enumerate() {
        if at == refused || table::recognise(profile, head, None).is_some() {
            same(|| by_profile(profile, bytes));
        }
    }
}

/// Takes `bytes` for a profile; when it is one, reads a statement by it.
pub fn profile(bytes: &[u8]) {
    static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| long_statement(60));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Profile::parse(text, "x") {
        Ok(profile) => {
            same(|| by_profile(&profile, STATEMENT));
            same(|| by_profile(&profile, &LONG));
        }
        Err(findings) => assert!(!findings.is_empty(), "a refused profile says why"),
    }
}

/// A statement of a bank that nobody knows, in GBK.
pub const STATEMENT: &[u8] = include_bytes!("../../testdata/profiles/lakeside-bank.csv");

/// A statement as that one, with so many rows, 60 at most: enough of them to be read column by column.
pub fn long_statement(rows: i64) -> Vec<u8> {
    let (text, ..) = GB18030.decode(STATEMENT);
    let mut statement: Vec<String> = text.lines().take(4).map(str::to_owned).collect();
    let amount = |minor: i64| format_minor(i128::from(minor), 2);
    let (mut balance, mut out, mut came_in) = (20_000, 0, 0);
    for row in 0..rows {
        let minor = 700 + row;
        let (debit, credit) = if row % 3 == 1 {
            (balance, out) = (balance - minor, out + minor);
            (amount(minor), String::new())
        } else {
            (balance, came_in) = (balance + minor, came_in + minor);
            (String::new(), amount(minor))
        };
        statement.push(format!(
            "2026/03/31,09:15:{row:02},26033100{row:02},,{debit},{credit},{},江南茶叶有限公司,6217000000000011,湖滨银行城北支行,货款,订单P-10{row:02}",
            amount(balance)
        ));
    }
    statement.push(format!("合计,,{rows},,{},{},,,,,,", amount(out), amount(came_in)));
    let text = statement.join("\n") + "\n";
    GB18030.encode(&text).0.into_owned()
}

fn by_profile(profile: &Profile, bytes: &[u8]) -> io::Result<(Seen, bool)> {
    // What a table is read with is the same for all, and dear to make.
    static BOOK: OnceLock<Option<(Settings, Source)>> = OnceLock::new();
    let book = BOOK.get_or_init(|| {
        let account = unknown_account("A", Currency::parse(b"CNY")?);
        let (settings, mut source) = no_book("table", Role::Bank, &[account]).ok()?;
        source.account = Some("A".to_owned());
        Some((settings, source))
    });
    let (settings, source) = book.as_ref().ok_or_else(|| io::Error::other("no book"))?;
    let ctx = FormatContext {
        settings,
        source,
        business_date: Date(0),
    };
    let read = |way: Way| {
        let mut seen = Seen::default();
        let result = table::read_in(way, profile, Box::new(bytes), &ctx, &mut seen);
        (seen, result)
    };
    let (seen, result) = read(Way::ByColumn);
    let (seen_by_record, by_record) = read(Way::ByRecord);
    assert_eq!(result, by_record, "both ways take or refuse a file");
    if result.is_ok() {
        assert_eq!(seen, seen_by_record, "both ways give the same rows");
    }
    Ok((seen, result.is_ok()))
}

fn same<T: PartialEq + std::fmt::Debug>(once: impl Fn() -> io::Result<T>) {
    if let (Ok(first), Ok(second)) = (once(), once()) {
        assert_eq!(first, second, "the same bytes give the same rows");
    }
}

/// Rows that an open desk reads from a file of a grammar: for measuring.
///
/// # Errors
/// Why the file is refused, or which check fails.
pub fn count_rows(format: &str, bytes: &[u8]) -> Result<u64, String> {
    let (settings, source) = no_book(format, Role::Bank, &[]).map_err(|error| error.to_string())?;
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date(0),
    };
    let mut seen = Seen::default();
    let mut desk = Desk::open(&ctx, &mut seen);
    let outcome = grammars::read(format, Box::new(bytes), &mut desk);
    let (_, _, failed) = desk.into_parts();
    match (outcome, failed.first()) {
        (Err(refused), _) => Err(refused.message),
        (Ok(()), Some(refused)) => Err(refused.message.clone()),
        (Ok(()), None) => Ok(seen.rows),
    }
}
