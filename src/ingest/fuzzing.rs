//! What fuzzing calls, from `fuzz/` and from the mutation test: a reader over any bytes, twice, with the same result.
//!
//! Contains no reader of its own and is part of no close.

use std::io;
use std::sync::OnceLock;

use crate::book::settings::{Account, Role, Settings, Source};
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::ingest::formats::desk::{Desk, unknown_account};
use crate::ingest::formats::profile::{self, Profile};
use crate::ingest::formats::{FormatContext, grammars, read_foreign, table};
use crate::ingest::inspect::no_book;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Counts and digests what it is given.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    rows: u64,
    minor: i128,
    rejects: u64,
    not_booked: u64,
    balances: u64,
    ids: u64,
}

impl RowSink for Seen {
    fn platform(&mut self, _row: &PlatformRow<'_>) {}

    fn bank(&mut self, row: &BankRow<'_>) {
        assert!(row.amount_minor > 0, "an amount is positive");
        assert!(std::str::from_utf8(row.remark).is_ok(), "a text is UTF-8");
        self.rows += 1;
        self.minor += i128::from(row.amount_minor);
        self.ids = row
            .entry_id
            .iter()
            .fold(self.ids, |ids, byte| ids.rotate_left(5) ^ u64::from(*byte));
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        assert!(row.amount_minor > 0, "an amount is positive");
        self.rows += 1;
        self.minor += i128::from(row.amount_minor);
    }

    fn balance(&mut self, row: &BalanceRow) {
        self.balances += 1;
        self.minor += i128::from(row.closing_minor);
    }

    fn reject(&mut self, _reject: Reject) {
        self.rejects += 1;
    }

    fn not_booked(&mut self, _place: Place) {
        self.not_booked += 1;
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
    for profile in PROFILES.get_or_init(|| profile::builtin_names().filter_map(built_in).collect()) {
        same(|| by_profile(profile, bytes));
    }
}

/// Takes `bytes` for a profile; when it is one, reads a statement by it.
pub fn profile(bytes: &[u8]) {
    const STATEMENT: &[u8] = include_bytes!("../../testdata/profiles/lakeside-bank.csv");
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Profile::parse(text, "x") {
        Ok(profile) => same(|| by_profile(&profile, STATEMENT)),
        Err(findings) => assert!(!findings.is_empty(), "a refused profile says why"),
    }
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
    let mut seen = Seen::default();
    let taken = table::read(profile, Box::new(bytes), &ctx, &mut seen).is_ok();
    Ok((seen, taken))
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
