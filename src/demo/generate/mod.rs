//! Synthetic days of any size with known truth: a book, and beside it what its closes must find.
//!
//! Each day has `rows` platform rows. Most agree with the bank; a share of each class is planted. Rows that are late
//! on one side cross midnight and agree in the next close. Merchants are paid T+1 and the bank debits each payout on
//! its execution date, so that no break stands that is not planted. Memory holds the merchants, the rows that cross
//! midnight and a small window in which bank entries change places; rows are written as they are made.
//!
//! Written: `book.toml`, `merchants.csv`, `inbox/DATE/{platform,bank}.{csv,parquet}`, `inbox/DATE/balances.csv`,
//! `truth.json` (totals by close) and `truth_breaks.csv` (every planted row).

mod sink;
mod truth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::book::calendars::built_in;
use crate::demo::random::Random;
use crate::demo::{refuse_existing, write};
use crate::findings::{Finding, Stop, StopCode};
use crate::host::create_folder;
use crate::terms::date::Date;
use crate::terms::digest::payout_id;
use crate::terms::kinds::TxnType;

use sink::{BankOut, PlatformOut, Sink};
use truth::{Close, PlantedFile, Resolves};

const INSTITUTION: &str = "SYNTH";
/// Currencies and their accounts; a merchant sells in one.
pub(in crate::demo) const CURRENCIES: [(&str, &str); 2] = [("CNY", "RA1"), ("EUR", "RA2")];
const DAY_MS: u32 = 86_400_000;
/// Bank entries that wait to be written, so that their order is not the platform's.
const WINDOW: usize = 4096;
/// Holds outlast every generated week.
const DAYS_MAX: u32 = 120;

/// Form of the row files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GenerateFormat {
    /// Canonical CSV.
    Csv,
    /// The same tables in Parquet.
    Parquet,
}

/// Shares of the planted classes, parts per million of a day's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlantedShares {
    /// No bank entry ever.
    pub missing_at_bank_ppm: u32,
    /// One more bank entry that has no platform row.
    pub missing_at_platform_ppm: u32,
    /// The bank's amount differs.
    pub amount_ppm: u32,
    /// Logged twice under two ids.
    pub duplicate_at_platform_ppm: u32,
    /// Booked twice.
    pub duplicate_at_bank_ppm: u32,
    /// The value date is a day later; agrees in the next close.
    pub value_date_ppm: u32,
    /// FAILED, and booked all the same.
    pub status_ppm: u32,
    /// FAILED, and no money moved: no break.
    pub failed_ppm: u32,
    /// Booked by the bank in the next day's file.
    pub late_at_bank_ppm: u32,
    /// Logged by the platform in the next day's file.
    pub late_at_platform_ppm: u32,
}

impl Default for PlantedShares {
    fn default() -> PlantedShares {
        PlantedShares {
            missing_at_bank_ppm: 500,
            missing_at_platform_ppm: 500,
            amount_ppm: 300,
            duplicate_at_platform_ppm: 200,
            duplicate_at_bank_ppm: 200,
            value_date_ppm: 300,
            status_ppm: 100,
            failed_ppm: 8_000,
            late_at_bank_ppm: 500,
            late_at_platform_ppm: 200,
        }
    }
}

/// What to generate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GenerateOptions {
    /// Folder of the new book.
    pub root: PathBuf,
    /// Platform rows of each day, ≥ 1.
    pub rows: u64,
    /// Seed.
    pub seed: u64,
    /// First day.
    pub date: Date,
    /// Consecutive days, 1 to 120.
    pub days: u32,
    /// Merchants; `None` is one for 200 rows, at least 8.
    pub merchants: Option<u32>,
    /// Form of the row files.
    pub format: GenerateFormat,
    /// Shares of the planted classes.
    pub shares: PlantedShares,
}

impl GenerateOptions {
    /// One day of `rows` rows in CSV, seed 1, with the usual shares.
    pub fn new(root: &Path, date: Date, rows: u64) -> GenerateOptions {
        GenerateOptions {
            root: root.to_path_buf(),
            rows,
            seed: 1,
            date,
            days: 1,
            merchants: None,
            format: GenerateFormat::Csv,
            shares: PlantedShares::default(),
        }
    }

    fn merchant_count(&self) -> u32 {
        let usual = u32::try_from(self.rows / 200).unwrap_or(u32::MAX).max(8);
        self.merchants.unwrap_or(usual)
    }

    fn check(&self) -> Result<(), Stop> {
        let shares: u64 = ladder(&self.shares).iter().map(|(_, ppm)| u64::from(*ppm)).sum();
        let wrong = if self.rows == 0 || self.rows > 9_999_999_999 {
            "expected 1 to 9999999999 rows"
        } else if self.days == 0 || self.days > DAYS_MAX {
            "expected 1 to 120 days"
        } else if self.merchant_count() == 0 || self.merchant_count() > 99_999_999 {
            "expected 1 to 99999999 merchants"
        } else if shares > 1_000_000 {
            "the shares of planted classes are above 1000000 ppm together"
        } else {
            return Ok(());
        };
        Err(Stop::new(
            StopCode::Usage,
            Finding::about("generate", wrong, "correct the option"),
        ))
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lot {
    Agrees,
    MissingAtBank,
    MissingAtPlatform,
    Amount,
    DuplicateAtPlatform,
    DuplicateAtBank,
    ValueDate,
    Status,
    Failed,
    LateAtBank,
    LateAtPlatform,
}

fn ladder(shares: &PlantedShares) -> [(Lot, u32); 10] {
    [
        (Lot::MissingAtBank, shares.missing_at_bank_ppm),
        (Lot::MissingAtPlatform, shares.missing_at_platform_ppm),
        (Lot::Amount, shares.amount_ppm),
        (Lot::DuplicateAtPlatform, shares.duplicate_at_platform_ppm),
        (Lot::DuplicateAtBank, shares.duplicate_at_bank_ppm),
        (Lot::ValueDate, shares.value_date_ppm),
        (Lot::Status, shares.status_ppm),
        (Lot::Failed, shares.failed_ppm),
        (Lot::LateAtBank, shares.late_at_bank_ppm),
        (Lot::LateAtPlatform, shares.late_at_platform_ppm),
    ]
}

/// A row on its way: small, so that many may wait.
#[derive(Clone, Copy, Debug)]
struct Row {
    day: Date,
    index: u64,
    ms: u32,
    merchant: u32,
    customer: u32,
    kind: TxnType,
    minor: i64,
}

impl Row {
    /// Index into [`CURRENCIES`]: every eighth merchant sells in euro.
    fn currency(&self) -> usize {
        usize::from(self.merchant % 8 == 7)
    }

    fn id(&self, prefix: char) -> String {
        sink::id(prefix, self.day, self.index)
    }
}

/// A merchant's terms and what it settles in the close under way.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    gross: i64,
    other: i64,
    fee: i64,
    carried: i64,
}

fn fee_bps(merchant: u32) -> i64 {
    30 + i64::from(merchant % 7) * 10
}

fn hold_bps(merchant: u32) -> i64 {
    if merchant % 10 == 3 { 500 } else { 0 }
}

fn merchant_id(merchant: u32) -> String {
    format!("M{merchant:08}")
}

/// Generates a book with its days and their truth. The same options give the same bytes.
///
/// # Errors
/// 64 for options that make no sense, 73 when the folder holds a book, 78 for days whose calendar is not known; what
/// the system reports.
pub fn generate(options: &GenerateOptions) -> Result<(), Stop> {
    options.check()?;
    refuse_existing(&options.root)?;
    create_folder(&options.root)?;
    write(&options.root.join("merchants.csv"), master(options).as_bytes())?;
    let mut planted = PlantedFile::create(&options.root)?;
    let mut maker = Maker {
        options,
        ladder: ladder(&options.shares),
        accounts: vec![Account::default(); options.merchant_count() as usize],
        late_entries: Vec::new(),
        late_rows: Vec::new(),
        settle_next: Vec::new(),
        debits: BTreeMap::new(),
        balances: [0; 2],
        standing: BTreeMap::new(),
    };
    let calendar = built_in("CN")?.ok_or_else(|| Stop::invariant("the calendar CN is built in"))?;
    let mut closes = Vec::new();
    for number in 0..options.days {
        let date = options.date.plus_days(number as i32);
        let execution = calendar.nth_business_day_after(date, 1)?;
        closes.push(maker.day(number, date, execution, &mut planted)?);
    }
    planted.finish()?;
    let facts = (options.seed, options.rows, options.merchant_count());
    write(
        &options.root.join("truth.json"),
        truth::json(facts, &closes)?.as_bytes(),
    )?;
    // Last: a book without its settings is no book, so a run that was killed can be repeated.
    write(
        &options.root.join("book.toml"),
        settings(options.format).as_bytes(),
    )
}

struct Maker<'a> {
    options: &'a GenerateOptions,
    ladder: [(Lot, u32); 10],
    accounts: Vec<Account>,
    /// Entries that the bank books in the next file.
    late_entries: Vec<Row>,
    /// Rows that the platform logs in the next file.
    late_rows: Vec<Row>,
    /// Rows that settle in the next close though both sides are there.
    settle_next: Vec<Row>,
    /// Payouts by execution date: id, currency, minor units.
    debits: BTreeMap<Date, Vec<(String, usize, i64)>>,
    balances: [i64; 2],
    /// Breaks that stay open, by class.
    standing: BTreeMap<&'static str, u64>,
}

/// One day's files and figures.
struct Day {
    date: Date,
    platform: Sink,
    bank: Sink,
    window: Vec<BankOut>,
    shuffle: Random,
    close: Close,
}

impl Day {
    fn log(&mut self, row: &Row, prefix: char, success: bool) -> Result<(), Stop> {
        self.close.platform_rows += 1;
        let merchant = merchant_id(row.merchant);
        self.platform.platform(&PlatformOut {
            prefix,
            day: row.day,
            index: row.index,
            ms: row.ms,
            merchant: &merchant,
            customer: row.customer,
            kind: row.kind,
            currency: row.currency(),
            minor: row.minor,
            success,
        })
    }

    /// Books an entry of this day's file, a little out of order.
    fn book(&mut self, row: &Row, prefix: char, minor: i64, value: Date) -> Result<(), Stop> {
        let entry = BankOut {
            prefix,
            reference: if prefix == 'X' { 'Y' } else { 'R' },
            day: row.day,
            index: row.index,
            booked: self.date,
            ms: if row.day == self.date {
                row.ms
            } else {
                60_000 + (row.index % 60_000) as u32
            },
            value,
            debit: matches!(row.kind, TxnType::Refund | TxnType::Chargeback),
            minor,
            currency: row.currency(),
        };
        if self.window.len() < WINDOW {
            self.window.push(entry);
            return Ok(());
        }
        let at = self.shuffle.below(WINDOW as u64) as usize;
        let out = std::mem::replace(&mut self.window[at], entry);
        self.write_entry(&out)
    }

    fn write_entry(&mut self, entry: &BankOut) -> Result<(), Stop> {
        self.close.booked(entry.currency, entry.debit, entry.minor);
        self.bank.bank(entry)
    }
}

impl Maker<'_> {
    fn day(
        &mut self,
        number: u32,
        date: Date,
        execution: Date,
        planted: &mut PlantedFile,
    ) -> Result<Close, Stop> {
        let options = self.options;
        let inbox = options.root.join("inbox").join(date.to_string());
        create_folder(&inbox)?;
        let mut day = Day {
            date,
            platform: Sink::platform_table(&inbox, options.format)?,
            bank: Sink::bank_table(&inbox, options.format)?,
            window: Vec::with_capacity(WINDOW),
            shuffle: Random::new(options.seed, u64::MAX - u64::from(number)),
            close: Close::new(date, execution),
        };
        self.first_entries(number, &mut day)?;
        for row in std::mem::take(&mut self.late_rows) {
            day.log(&row, 'T', true)?;
            self.settle(&row, &mut day.close);
        }
        for row in std::mem::take(&mut self.late_entries) {
            day.book(&row, 'E', row.minor, date)?;
            self.settle(&row, &mut day.close);
        }
        for row in std::mem::take(&mut self.settle_next) {
            self.settle(&row, &mut day.close);
        }
        let mut random = Random::new(options.seed, u64::from(number));
        let mut left = options.rows;
        while left > 0 {
            let (row, mut lot) = self.draw(&mut random, date, options.rows - left);
            left -= 1;
            if lot == Lot::DuplicateAtPlatform {
                // The second row of the pair is one of the day's rows too.
                match left {
                    0 => lot = Lot::Agrees,
                    _ => left -= 1,
                }
            }
            self.place(row, lot, &mut day, planted)?;
        }
        for entry in std::mem::take(&mut day.window) {
            day.write_entry(&entry)?;
        }
        self.pay(&mut day, execution);
        self.finish(day, &inbox)
    }

    /// Own money on the first day, and the payouts that the bank debits today.
    fn first_entries(&mut self, number: u32, day: &mut Day) -> Result<(), Stop> {
        if number == 0 {
            let minor = 10_000_000 + i64::try_from(self.options.rows).unwrap_or(i64::MAX / 1000) * 100;
            for (currency, (code, _)) in CURRENCIES.iter().enumerate() {
                day.close.booked(currency, false, minor);
                let id = format!("OWN-IN-{code}");
                day.bank
                    .special(&id, day.date, currency, false, minor, "", "OWN_IN")?;
            }
        }
        for (id, currency, minor) in self.debits.remove(&day.date).unwrap_or_default() {
            day.close.booked(currency, true, minor);
            let entry_id = format!("P{}", &id[..20]);
            day.bank
                .special(&entry_id, day.date, currency, true, minor, &id, "")?;
        }
        Ok(())
    }

    fn draw(&self, random: &mut Random, date: Date, index: u64) -> (Row, Lot) {
        let ticket = random.below(1_000_000) as u32;
        let mut bound = 0;
        let lot = self
            .ladder
            .iter()
            .find(|(_, ppm)| {
                bound += ppm;
                ticket < bound
            })
            .map_or(Lot::Agrees, |(lot, _)| *lot);
        let kind = match random.below(1000) {
            0..70 => TxnType::Refund,
            70..75 => TxnType::Chargeback,
            75..85 => TxnType::Adjustment,
            _ => TxnType::Payment,
        };
        // Few merchants sell much: the product of two even draws leans to the first ones.
        let merchants = self.accounts.len() as u64;
        let merchant = random.below(merchants) * (random.below(merchants) + 1) / merchants;
        let ms = match lot {
            Lot::LateAtBank | Lot::LateAtPlatform => DAY_MS - 2_000 + (index % 2_000) as u32,
            _ => (u128::from(index) * u128::from(DAY_MS) / u128::from(self.options.rows)) as u32,
        };
        let row = Row {
            day: date,
            index,
            ms,
            merchant: merchant as u32,
            customer: random.below(merchants * 50) as u32,
            kind,
            minor: 100 + random.below(if kind == TxnType::Payment { 100_000 } else { 40_000 }) as i64,
        };
        (row, lot)
    }

    /// Delivers a row as its lot says.
    fn place(&mut self, row: Row, lot: Lot, day: &mut Day, planted: &mut PlantedFile) -> Result<(), Stop> {
        let date = day.date;
        let (txn, entry) = (row.id('T'), || row.id('E'));
        let reference = row.id('R');
        let mut note = |class, reference: &str, txn: &str, entry: &str, resolves| {
            planted.line(date, class, reference, txn, entry, resolves)
        };
        match lot {
            Lot::Agrees => {
                day.log(&row, 'T', true)?;
                day.book(&row, 'E', row.minor, date)?;
                self.settle(&row, &mut day.close);
                Ok(())
            }
            Lot::Failed => {
                day.log(&row, 'T', false)?;
                day.close.no_money_expected += 1;
                Ok(())
            }
            Lot::MissingAtBank => {
                day.log(&row, 'T', true)?;
                self.stays("MISSING_AT_BANK");
                note("MISSING_AT_BANK", &reference, &txn, "", Resolves::Never)
            }
            Lot::MissingAtPlatform => {
                day.log(&row, 'T', true)?;
                day.book(&row, 'E', row.minor, date)?;
                self.settle(&row, &mut day.close);
                let extra = Row {
                    kind: TxnType::Payment,
                    ..row
                };
                day.book(&extra, 'X', row.minor, date)?;
                self.stays("MISSING_AT_PLATFORM");
                note(
                    "MISSING_AT_PLATFORM",
                    &row.id('Y'),
                    "",
                    &row.id('X'),
                    Resolves::Never,
                )
            }
            Lot::Amount => {
                day.log(&row, 'T', true)?;
                day.book(&row, 'E', row.minor - 1 - row.minor / 3, date)?;
                self.stays("AMOUNT_MISMATCH");
                note("AMOUNT_MISMATCH", &reference, &txn, &entry(), Resolves::Never)
            }
            Lot::DuplicateAtPlatform => {
                day.log(&row, 'T', true)?;
                day.log(&row, 'U', true)?;
                day.book(&row, 'E', row.minor, date)?;
                self.settle(&row, &mut day.close);
                self.stays("DUPLICATE_AT_PLATFORM");
                note(
                    "DUPLICATE_AT_PLATFORM",
                    &reference,
                    &row.id('U'),
                    "",
                    Resolves::Never,
                )
            }
            Lot::DuplicateAtBank => {
                day.log(&row, 'T', true)?;
                day.book(&row, 'E', row.minor, date)?;
                day.book(&row, 'F', row.minor, date)?;
                self.settle(&row, &mut day.close);
                self.stays("DUPLICATE_AT_BANK");
                note("DUPLICATE_AT_BANK", &reference, "", &row.id('F'), Resolves::Never)
            }
            Lot::ValueDate => {
                day.log(&row, 'T', true)?;
                day.book(&row, 'E', row.minor, date.plus_days(1))?;
                self.settle_next.push(row);
                day.close.open("VALUE_DATE_MISMATCH", 1);
                note(
                    "VALUE_DATE_MISMATCH",
                    &reference,
                    &txn,
                    &entry(),
                    Resolves::NextDay,
                )
            }
            Lot::Status => {
                day.log(&row, 'T', false)?;
                day.book(&row, 'E', row.minor, date)?;
                self.stays("STATUS_MISMATCH");
                note("STATUS_MISMATCH", &reference, &txn, &entry(), Resolves::Never)
            }
            Lot::LateAtBank => {
                day.log(&row, 'T', true)?;
                self.late_entries.push(row);
                day.close.open("MISSING_AT_BANK", 1);
                note("MISSING_AT_BANK", &reference, &txn, "", Resolves::NextDay)
            }
            Lot::LateAtPlatform => {
                day.book(&row, 'E', row.minor, date)?;
                self.late_rows.push(row);
                day.close.open("MISSING_AT_PLATFORM", 1);
                note("MISSING_AT_PLATFORM", &reference, "", &entry(), Resolves::NextDay)
            }
        }
    }

    fn stays(&mut self, class: &'static str) {
        *self.standing.entry(class).or_insert(0) += 1;
    }

    fn settle(&mut self, row: &Row, close: &mut Close) {
        let account = &mut self.accounts[row.merchant as usize];
        let mut fee = 0;
        match row.kind {
            TxnType::Payment => {
                fee = (row.minor * fee_bps(row.merchant) + 5_000) / 10_000;
                account.gross += row.minor;
                account.fee += fee;
            }
            TxnType::Refund | TxnType::Chargeback => account.other -= row.minor,
            _ => account.other += row.minor,
        }
        close.matched(row.currency(), row.minor, fee);
    }

    /// Pays every merchant what is positive; the rest is carried.
    fn pay(&mut self, day: &mut Day, execution: Date) {
        for (merchant, account) in (0u32..).zip(&mut self.accounts) {
            let hold = (account.gross * hold_bps(merchant) + 5_000) / 10_000;
            let payable = account.carried + account.gross + account.other - account.fee - hold;
            *account = Account::default();
            if payable <= 0 {
                account.carried = payable;
                continue;
            }
            let currency = usize::from(merchant % 8 == 7);
            day.close.paid(currency, payable);
            let code = CURRENCIES[currency].0;
            let id = payout_id(INSTITUTION, &merchant_id(merchant), code, day.date, 1);
            let last = self.options.date.plus_days(self.options.days as i32 - 1);
            if execution <= last {
                self.debits
                    .entry(execution)
                    .or_default()
                    .push((id, currency, payable));
            }
        }
    }

    fn finish(&mut self, day: Day, inbox: &Path) -> Result<Close, Stop> {
        let Day {
            date,
            platform,
            bank,
            mut close,
            ..
        } = day;
        platform.finish()?;
        bank.finish()?;
        let mut text = String::from("account,currency,date,opening,closing\n");
        for (currency, (code, account)) in CURRENCIES.into_iter().enumerate() {
            let opening = self.balances[currency];
            let closing = opening + close.bank_net(currency);
            self.balances[currency] = closing;
            close.closing_minor[currency] = closing;
            let shown = |minor: i64| crate::terms::money::format_minor(i128::from(minor), 2);
            text.push_str(&format!(
                "{account},{code},{date},{},{}\n",
                shown(opening),
                shown(closing)
            ));
        }
        for (class, count) in &self.standing {
            close.open(class, *count);
        }
        write(&inbox.join("balances.csv"), text.as_bytes())?;
        Ok(close)
    }
}

fn master(options: &GenerateOptions) -> String {
    let mut text = String::from(
        "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,settlement_cycle_days,currency,hold_days\n",
    );
    for merchant in 0..options.merchant_count() {
        text.push_str(&format!(
            "{},{},0,,{},1,{},365\n",
            merchant_id(merchant),
            fee_bps(merchant),
            hold_bps(merchant),
            CURRENCIES[usize::from(merchant % 8 == 7)].0
        ));
    }
    text
}

fn settings(format: GenerateFormat) -> String {
    let end = match format {
        GenerateFormat::Csv => "csv",
        GenerateFormat::Parquet => "parquet",
    };
    format!(
        r#"# A synthetic book with known truth: see truth.json and truth_breaks.csv.

[institution]
name = "Synthetic Pay"
id = "{INSTITUTION}"
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"
calendar = "CN"

[[account]]
id = "RA1"
bank = "Bank of Examples"
currency = "CNY"
kind = "reserve"

[[account]]
id = "RA2"
bank = "Bank of Examples"
currency = "EUR"
kind = "reserve"

[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["platform.{end}"]
required = true

[[source]]
name = "bank"
role = "bank"
format = "canonical"
files = ["bank.{end}"]
required = true

[[source]]
name = "balances"
role = "balances"
format = "canonical"
files = ["balances.csv"]
required = true

[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"

[settle]
when = ["platform-bank"]

[payout]
min_amount = "0.01"
default_cycle = "T+1"
account = {{ CNY = "RA1", EUR = "RA2" }}
format = "csv"

[policy]
rejects = "stop"
duplicates = "pair"
"#
    )
}

#[cfg(test)]
mod tests;
