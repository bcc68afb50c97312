//! Books and sinks for the tests of the formats.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::desk::Desk;
use super::{FileFacts, FileRefused, FormatContext, grammars};
use crate::book::settings::*;
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// A book with accounts of these numbers and currencies; ids are A0, A1, ….
pub fn settings(accounts: &[(&str, &str)]) -> Settings {
    let account = |(at, (number, currency)): (usize, &(&str, &str))| Account {
        id: format!("A{at}"),
        bank: "Bank".to_owned(),
        number: Some((*number).to_owned()),
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency: Currency::parse(currency.as_bytes()).unwrap(),
        kind: AccountKind::Reserve,
        pool: "default".to_owned(),
    };
    Settings {
        institution: Institution {
            name: "Example Pay".to_owned(),
            id: "EXPAY".to_owned(),
            base_currency: Currency::parse(b"CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            cut_off_minutes: 0,
            calendar: "CN".to_owned(),
        },
        accounts: accounts.iter().enumerate().map(account).collect(),
        sources: Vec::new(),
        legs: Vec::new(),
        settle_when: Vec::new(),
        fee_plans: BTreeMap::new(),
        channels: BTreeMap::new(),
        payout: PayoutSettings {
            min_minor: 0,
            default_cycle: Cycle::Business(1),
            accounts: BTreeMap::new(),
            format: PayoutFormat::Csv,
            max_per_file: 0,
        },
        netting: Netting {
            mode: NettingMode::Gross,
            windows: Vec::new(),
        },
        reserve: ReserveSettings {
            basis: Basis::Received,
            own_money_allowed_minor: 0,
            regimes: Vec::new(),
        },
        policy: Policy {
            rejects: RejectPolicy::Stop,
            duplicates: DuplicatePolicy::Pair,
            on_shortfall: ShortfallPolicy::Withhold,
            max_age_days: 30,
            alerts: BTreeMap::new(),
        },
        privacy: Privacy { mask_accounts: true },
        sha256: String::new(),
    }
}

/// A source of a format.
pub fn source(format: &str, role: Role) -> Source {
    Source {
        name: "s".to_owned(),
        role,
        format: format.to_owned(),
        files: Vec::new(),
        required: true,
        account: None,
        channel: None,
        encoding: None,
        reversal_sign: ReversalSign::Iso,
        statement_numbers: crate::book::settings::StatementNumbers::Yearly,
        other_days: false,
    }
}

/// The context of a source in a book.
pub fn context<'a>(settings: &'a Settings, source: &'a Source) -> FormatContext<'a> {
    FormatContext {
        settings,
        source,
        business_date: Date::from_ymd(2019, 9, 16).unwrap(),
    }
}

/// Reads bytes as a source of a grammar in a book.
pub fn read_from(
    settings: &Settings,
    source: &Source,
    bytes: &[u8],
) -> (Result<FileFacts, FileRefused>, Kept) {
    let mut kept = Kept::default();
    let ctx = context(settings, source);
    let mut desk = Desk::of_book(&ctx, &mut kept);
    let result = grammars::read(&source.format, Box::new(bytes), &mut desk);
    let facts = desk.into_parts().0;
    (result.map(|()| facts), kept)
}

/// The same, passing over some statements.
pub fn read_passing_over(
    settings: &Settings,
    source: &Source,
    bytes: &[u8],
    statements: &BTreeSet<u32>,
) -> (FileFacts, Kept) {
    let mut kept = Kept::default();
    let ctx = context(settings, source);
    let facts = super::read_statements(&source.format, Box::new(bytes), &ctx, &mut kept, statements);
    (facts.unwrap(), kept)
}

/// Reads bytes of a grammar as `tieout inspect` does: accounts as they come, failed checks collected.
pub fn read_openly(format: &str, bytes: &[u8]) -> (Result<FileFacts, FileRefused>, Kept, Vec<FileRefused>) {
    let mut kept = Kept::default();
    let (settings, source) = (settings(&[]), source(format, Role::Bank));
    let ctx = context(&settings, &source);
    let mut desk = Desk::open(&ctx, &mut kept);
    let result = grammars::read(format, Box::new(bytes), &mut desk);
    let (facts, _, failed) = desk.into_parts();
    (result.map(|()| facts), kept, failed)
}

/// The bytes of a public sample, or `None` (said in print) where the samples are not at hand.
pub fn sample(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/samples")
        .join(name);
    let bytes = std::fs::read(path).ok();
    if bytes.is_none() {
        println!("skipped: the public sample {name} is not at hand");
    }
    bytes
}

/// A sink that keeps every row as a line of text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// Rows in the order of the file.
    pub rows: Vec<String>,
    /// Places of the rows.
    pub places: Vec<Place>,
    /// Rejects.
    pub rejects: Vec<Reject>,
    /// Lines of rows that move no money.
    pub not_booked: Vec<u64>,
    /// Balances.
    pub balances: Vec<String>,
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl RowSink for Kept {
    fn platform(&mut self, _: &PlatformRow<'_>) {
        unreachable!("no foreign format gives platform rows");
    }

    fn bank(&mut self, row: &BankRow<'_>) {
        self.places.push(row.place);
        self.rows.push(format!(
            "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            text(row.entry_id),
            row.account,
            text(row.booking_time),
            row.value_date,
            row.direction.name(),
            row.amount_minor,
            row.currency,
            text(row.bank_ref),
            text(row.remark),
            text(row.counterparty_name),
            text(row.counterparty_account),
            text(row.purpose_text),
            text(row.original_ref),
        ));
        assert!(row.batch_ref.is_empty());
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.places.push(row.place);
        self.rows.push(format!(
            "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            text(row.channel),
            text(row.channel_ref),
            text(row.order_id),
            row.txn_type.name(),
            row.amount_minor,
            row.fee_minor,
            row.currency,
            text(row.txn_time),
            row.settle_date,
            row.status.name(),
            text(row.refund_ref),
        ));
    }

    fn balance(&mut self, row: &BalanceRow) {
        self.balances.push(format!(
            "{} {} {} {} {}",
            row.account, row.currency, row.date, row.opening_minor, row.closing_minor
        ));
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    fn not_booked(&mut self, place: Place) {
        self.not_booked.push(place.line);
    }
}
