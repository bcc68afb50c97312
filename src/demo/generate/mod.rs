//! Synthetic days of any size with known truth: a book, and beside it what its closes must find.
//!
//! Each day has `rows` platform rows. Most agree with the bank; a share of each class is planted. Rows that are late
//! on one side cross midnight and agree in the next close. Merchants are paid T+1 and the bank debits each payout on
//! its execution date, so that no break stands that is not planted. Memory holds the merchants, the rows that cross
//! midnight and a small window in which bank entries change places; rows are written as they are made.
//!
//! Where situations of the later passes are planted ([`SITUATIONS`]), the book has all passes, and every planted row has
//! an amount of its own, so that no pass can take it for another: all amounts are 1 fen above whole yuan, so sums of up to
//! twelve rows end in 01 to 12, and what must match nothing ends in 51 and above.
//!
//! Written: `book.toml`, `merchants.csv`, `inbox/DATE/{platform,bank}.{csv,parquet}`, `inbox/DATE/balances.csv`,
//! `truth.json` (totals by close), `truth_breaks.csv` (every planted row) and, with situations or faults,
//! `truth_matches.csv` (which row matches which entry, by which pass, on which day).

mod kinds;
mod settings;
mod situations;
mod sink;
mod texts;
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

use kinds::{FAULTS, SITUATIONS, Situation};
use sink::{BankOut, CHANNELS, PlatformOut, Sink};
use texts::{Reference, Remark};
use truth::{Close, PlantedBreak, Resolves, Truth};

const INSTITUTION: &str = "SYNTH";
/// Currencies and their accounts; a merchant sells in one.
pub(in crate::demo) const CURRENCIES: [(&str, &str); 2] = [("CNY", "RA1"), ("EUR", "RA2")];
const DAY_MS: u32 = 86_400_000;
/// Bank entries that wait to be written, so that their order is not the platform's.
const WINDOW: usize = 4096;
/// Of eight merchants one sells in euro, and two sell the same.
const MERCHANTS_OF_SITUATIONS: u32 = 8;
/// Where amounts of planted rows begin, in yuan: above every sum that is planted without a reference.
const OWN_YUAN_FROM: i64 = 30_000;
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
    /// Situations of the later passes, as in [`SITUATIONS`].
    pub situations_ppm: [u32; SITUATIONS.len()],
    /// Rows of each fault of a day, as in [`FAULTS`].
    pub faults_ppm: [u32; FAULTS.len()],
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
            situations_ppm: [0; SITUATIONS.len()],
            faults_ppm: [0; FAULTS.len()],
        }
    }
}

impl PlantedShares {
    /// The usual shares of everything that can be planted.
    pub fn all() -> PlantedShares {
        PlantedShares {
            situations_ppm: SITUATIONS.map(|kind| kind.usual_ppm),
            faults_ppm: FAULTS.map(|kind| kind.usual_ppm),
            ..PlantedShares::default()
        }
    }

    /// Every kind by name, with its share.
    pub fn named(&mut self) -> Vec<(&'static str, &mut u32)> {
        let mut all = vec![
            ("missing-at-bank", &mut self.missing_at_bank_ppm),
            ("missing-at-platform", &mut self.missing_at_platform_ppm),
            ("amount", &mut self.amount_ppm),
            ("duplicate-at-platform", &mut self.duplicate_at_platform_ppm),
            ("duplicate-at-bank", &mut self.duplicate_at_bank_ppm),
            ("value-date", &mut self.value_date_ppm),
            ("status", &mut self.status_ppm),
            ("failed", &mut self.failed_ppm),
            ("late-at-bank", &mut self.late_at_bank_ppm),
            ("late-at-platform", &mut self.late_at_platform_ppm),
        ];
        all.extend(
            SITUATIONS
                .iter()
                .map(|kind| kind.name)
                .zip(&mut self.situations_ppm),
        );
        all.extend(FAULTS.iter().map(|kind| kind.name).zip(&mut self.faults_ppm));
        all
    }

    fn has_situations(&self) -> bool {
        self.situations_ppm.iter().any(|ppm| *ppm > 0)
    }

    fn has_faults(&self) -> bool {
        self.faults_ppm.iter().any(|ppm| *ppm > 0)
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
        let shares: u64 = ladder(&self.shares).iter().map(|step| u64::from(step.ppm)).sum();
        let wrong = if self.rows == 0 || self.rows > 9_999_999_999 {
            "expected 1 to 9999999999 rows"
        } else if self.days == 0 || self.days > DAYS_MAX {
            "expected 1 to 120 days"
        } else if self.merchant_count() == 0 || self.merchant_count() > 99_999_999 {
            "expected 1 to 99999999 merchants"
        } else if shares > 1_000_000 {
            "the shares of planted classes are above 1000000 ppm together"
        } else if self.shares.has_situations() && self.merchant_count() < MERCHANTS_OF_SITUATIONS {
            "expected at least 8 merchants where situations are planted"
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
    TenLess,
    DuplicateAtPlatform,
    DuplicateAtBank,
    ValueDate,
    Status,
    Failed,
    LateAtBank,
    LateAtPlatform,
    Situation(Situation),
}

/// A lot, its name and its share.
#[derive(Clone, Copy, Debug)]
struct Step {
    lot: Lot,
    name: &'static str,
    /// Rows that it takes beside the first.
    more: u64,
    ppm: u32,
}

const AGREES: Step = Step {
    lot: Lot::Agrees,
    name: "agrees",
    more: 0,
    ppm: 0,
};

fn ladder(shares: &PlantedShares) -> Vec<Step> {
    const LOTS: [Lot; 10] = [
        Lot::MissingAtBank,
        Lot::MissingAtPlatform,
        Lot::Amount,
        Lot::DuplicateAtPlatform,
        Lot::DuplicateAtBank,
        Lot::ValueDate,
        Lot::Status,
        Lot::Failed,
        Lot::LateAtBank,
        Lot::LateAtPlatform,
    ];
    let mut shares = *shares;
    let mut steps: Vec<Step> = LOTS
        .into_iter()
        .zip(shares.named())
        .map(|(lot, (name, ppm))| Step {
            lot,
            name,
            // The second row of the pair is one of the day's rows too.
            more: u64::from(lot == Lot::DuplicateAtPlatform),
            ppm: *ppm,
        })
        .collect();
    let drawn = SITUATIONS.iter().zip(shares.situations_ppm);
    steps.extend(
        drawn
            .filter(|(kind, _)| !kind.is_daily())
            .map(|(kind, ppm)| Step {
                lot: Lot::Situation(kind.situation),
                name: kind.name,
                more: kind.rows - 1,
                ppm,
            }),
    );
    steps
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
    channel: usize,
    reference: (Reference, u64),
    batch: Option<u64>,
}

impl Row {
    /// Index into [`CURRENCIES`]: every eighth merchant sells in euro.
    fn currency(&self) -> usize {
        usize::from(self.merchant % 8 == 7)
    }

    fn id(&self, prefix: char) -> String {
        sink::id(prefix, self.day, self.index)
    }

    fn reference(&self) -> String {
        let mut text = String::new();
        texts::push_reference(&mut text, self.reference.0, self.day, self.reference.1);
        text
    }

    fn is_out(&self) -> bool {
        matches!(self.kind, TxnType::Refund | TxnType::Chargeback)
    }

    /// The entry of it that a bank would book at a date, without a fault.
    fn entry(&self, booked: Date) -> BankOut {
        BankOut {
            prefix: 'E',
            reference: (Reference::Usual, self.index),
            remark: Remark::None,
            batch: None,
            day: self.day,
            index: self.index,
            booked,
            ms: if self.day == booked {
                self.ms
            } else {
                60_000 + (self.index % 60_000) as u32
            },
            value: booked,
            debit: self.is_out(),
            minor: self.minor,
            currency: self.currency(),
        }
    }
}

/// A row that settles: by which pass, with which entry.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    row: Row,
    pass: &'static str,
    entry: (char, u64),
    planted: &'static str,
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
    let shares = &options.shares;
    let mut truth = Truth::create(&options.root, shares.has_situations() || shares.has_faults())?;
    let mut maker = Maker {
        options,
        ladder: ladder(&options.shares),
        accounts: vec![Account::default(); options.merchant_count() as usize],
        late_entries: Vec::new(),
        late_rows: Vec::new(),
        settle_next: Vec::new(),
        own_yuan: shares.has_situations().then_some(OWN_YUAN_FROM),
        debits: BTreeMap::new(),
        balances: [0; 2],
        standing: BTreeMap::new(),
    };
    let calendar = built_in("CN")?.ok_or_else(|| Stop::invariant("the calendar CN is built in"))?;
    let mut closes = Vec::new();
    for number in 0..options.days {
        let date = options.date.plus_days(number as i32);
        let execution = calendar.nth_business_day_after(date, 1)?;
        closes.push(maker.day(number, date, execution, &mut truth)?);
    }
    truth.finish()?;
    let facts = (options.seed, options.rows, options.merchant_count());
    write(
        &options.root.join("truth.json"),
        truth::json(facts, &closes)?.as_bytes(),
    )?;
    // Last: a book without its settings is no book, so a run that was killed can be repeated.
    write(
        &options.root.join("book.toml"),
        settings::book(options.format, shares.has_situations()).as_bytes(),
    )
}

struct Maker<'a> {
    options: &'a GenerateOptions,
    ladder: Vec<Step>,
    accounts: Vec<Account>,
    /// Entries that the bank books in the next file.
    late_entries: Vec<BankOut>,
    /// Rows that the platform logs in the next file.
    late_rows: Vec<Row>,
    /// Rows that settle in the next close.
    settle_next: Vec<Agreed>,
    /// The last amount that a planted row has of its own, in yuan, where they have.
    own_yuan: Option<i64>,
    /// Payouts by execution date: id, currency, minor units.
    debits: BTreeMap<Date, Vec<(String, usize, i64)>>,
    balances: [i64; 2],
    /// Breaks that stay open, by class.
    standing: BTreeMap<&'static str, u64>,
}

/// One day's files and figures.
struct Day<'t> {
    date: Date,
    platform: Sink,
    bank: Sink,
    window: Vec<BankOut>,
    shuffle: Random,
    close: Close,
    truth: &'t mut Truth,
}

impl Day<'_> {
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
            channel: row.channel,
            currency: row.currency(),
            minor: row.minor,
            reference: row.reference,
            batch: row.batch,
            success,
        })
    }

    /// Books an entry of this day's file, a little out of order.
    fn book(&mut self, entry: BankOut) -> Result<(), Stop> {
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
    fn day(&mut self, number: u32, date: Date, execution: Date, truth: &mut Truth) -> Result<Close, Stop> {
        let options = self.options;
        let inbox = options.root.join("inbox").join(date.to_string());
        create_folder(&inbox)?;
        let has_batches = options.shares.has_situations();
        let mut day = Day {
            date,
            platform: Sink::platform_table(&inbox, options.format, has_batches)?,
            bank: Sink::bank_table(&inbox, options.format, has_batches)?,
            window: Vec::with_capacity(WINDOW),
            shuffle: Random::new(options.seed, u64::MAX - u64::from(number)),
            close: Close::new(date, execution),
            truth,
        };
        self.first_entries(number, &mut day)?;
        for row in std::mem::take(&mut self.late_rows) {
            day.log(&row, 'T', true)?;
        }
        for entry in std::mem::take(&mut self.late_entries) {
            day.book(entry)?;
        }
        for agreed in std::mem::take(&mut self.settle_next) {
            self.settle(&agreed, &mut day)?;
        }
        let mut random = Random::new(options.seed, u64::from(number));
        let mut next = 0;
        for kind in SITUATIONS.iter().filter(|kind| kind.is_daily()) {
            if self.is_planted(kind, number) && options.rows - next >= 4 * kind.rows {
                let rows = self.draw_rows(&mut random, date, next, kind.rows);
                next += kind.rows;
                self.without_reference(kind, number, rows, &mut day)?;
            }
        }
        while next < options.rows {
            let (row, mut step) = self.draw(&mut random, date, next);
            next += 1;
            if step.more > options.rows - next {
                step = AGREES;
            }
            match step.lot {
                Lot::Situation(situation) => {
                    let mut rows = vec![self.with_own_amount(row)];
                    rows.extend(self.draw_rows(&mut random, date, next, step.more));
                    self.situation(situation, step.name, rows, &mut day)?;
                }
                Lot::Agrees | Lot::Failed => self.place(row, &step, &mut day)?,
                _ => {
                    let row = self.with_own_amount(row);
                    self.place(row, &step, &mut day)?;
                }
            }
            next += step.more;
        }
        for entry in std::mem::take(&mut day.window) {
            day.write_entry(&entry)?;
        }
        self.pay(&mut day, execution);
        self.finish(day, &inbox)
    }

    /// Own money on the first day, and the payouts that the bank debits today.
    fn first_entries(&mut self, number: u32, day: &mut Day<'_>) -> Result<(), Stop> {
        if number == 0 {
            let rows = i64::try_from(self.options.rows).unwrap_or(i64::MAX / 1_000_000);
            // Own money covers merchants whose refunds are larger than what they sold: large ones where amounts are.
            let minor = match self.own_yuan {
                None => 10_000_000 + rows * 100,
                Some(_) => 1_000_000_000 + rows * 200_000,
            };
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

    fn draw(&self, random: &mut Random, date: Date, index: u64) -> (Row, Step) {
        let ticket = random.below(1_000_000) as u32;
        let mut bound = 0;
        let drawn = self.ladder.iter().find(|step| {
            bound += step.ppm;
            ticket < bound
        });
        let step = self.fault_at(index).or(drawn.copied()).unwrap_or(AGREES);
        let kind = match random.below(1000) {
            0..70 => TxnType::Refund,
            70..75 => TxnType::Chargeback,
            75..85 => TxnType::Adjustment,
            _ => TxnType::Payment,
        };
        // Few merchants sell much: the product of two even draws leans to the first ones.
        let merchants = self.accounts.len() as u64;
        let merchant = random.below(merchants) * (random.below(merchants) + 1) / merchants;
        let ms = match step.lot {
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
            channel: (index % CHANNELS.len() as u64) as usize,
            reference: (Reference::Usual, index),
            batch: None,
        };
        (row, step)
    }

    fn fault_at(&self, index: u64) -> Option<Step> {
        let planted = FAULTS.iter().zip(self.options.shares.faults_ppm).enumerate();
        let mut here = planted
            .filter(|(number, (_, ppm))| kinds::stretch(*number, *ppm, self.options.rows).contains(&index));
        here.next().map(|(_, (kind, ppm))| Step {
            lot: kind.lot,
            name: kind.name,
            more: 0,
            ppm,
        })
    }

    /// The next rows of one planting, each with an amount of its own.
    fn draw_rows(&mut self, random: &mut Random, date: Date, next: u64, count: u64) -> Vec<Row> {
        (next..next + count)
            .map(|index| {
                let (row, _) = self.draw(random, date, index);
                self.with_own_amount(row)
            })
            .collect()
    }

    fn with_own_amount(&mut self, row: Row) -> Row {
        let Some(yuan) = &mut self.own_yuan else {
            return row;
        };
        *yuan += 1;
        Row {
            minor: *yuan * 100 + 1,
            ..row
        }
    }

    /// Delivers a row as its lot says.
    fn place(&mut self, row: Row, step: &Step, day: &mut Day<'_>) -> Result<(), Stop> {
        let entry = row.entry(day.date);
        let agreed = Agreed {
            row,
            pass: "exact",
            entry: ('E', row.index),
            planted: step.name,
        };
        match step.lot {
            Lot::Agrees | Lot::Situation(_) => {
                day.log(&row, 'T', true)?;
                day.book(entry)?;
                self.settle(&agreed, day)
            }
            Lot::Failed => {
                day.log(&row, 'T', false)?;
                day.close.no_money_expected += 1;
                Ok(())
            }
            Lot::MissingAtBank => {
                day.log(&row, 'T', true)?;
                self.stays(day, "MISSING_AT_BANK", &row, "T", step.name)
            }
            Lot::MissingAtPlatform => {
                day.log(&row, 'T', true)?;
                day.book(entry)?;
                self.settle(&agreed, day)?;
                let extra = BankOut {
                    prefix: 'X',
                    reference: (Reference::Foreign, row.index),
                    debit: false,
                    minor: row.minor + if self.own_yuan.is_some() { 50 } else { 0 },
                    ..entry
                };
                day.book(extra)?;
                self.stays(day, "MISSING_AT_PLATFORM", &row, "X", step.name)
            }
            Lot::Amount | Lot::TenLess => {
                day.log(&row, 'T', true)?;
                let less = match step.lot {
                    Lot::TenLess => 10,
                    _ => 1 + row.minor / 3,
                };
                day.book(BankOut {
                    minor: row.minor - less,
                    ..entry
                })?;
                self.stays(day, "AMOUNT_MISMATCH", &row, "TE", step.name)
            }
            Lot::DuplicateAtPlatform => {
                day.log(&row, 'T', true)?;
                day.log(&row, 'U', true)?;
                day.book(entry)?;
                self.settle(&agreed, day)?;
                self.stays(day, "DUPLICATE_AT_PLATFORM", &row, "U", step.name)
            }
            Lot::DuplicateAtBank => {
                day.log(&row, 'T', true)?;
                day.book(entry)?;
                day.book(BankOut { prefix: 'F', ..entry })?;
                self.settle(&agreed, day)?;
                self.stays(day, "DUPLICATE_AT_BANK", &row, "F", step.name)
            }
            Lot::ValueDate => {
                day.log(&row, 'T', true)?;
                day.book(BankOut {
                    value: day.date.plus_days(1),
                    ..entry
                })?;
                self.settle_next.push(agreed);
                self.waits(day, "VALUE_DATE_MISMATCH", &row, "TE", step.name)
            }
            Lot::Status => {
                day.log(&row, 'T', false)?;
                day.book(entry)?;
                self.stays(day, "STATUS_MISMATCH", &row, "TE", step.name)
            }
            Lot::LateAtBank => {
                day.log(&row, 'T', true)?;
                self.late_entries.push(row.entry(day.date.plus_days(1)));
                self.settle_next.push(agreed);
                self.waits(day, "MISSING_AT_BANK", &row, "T", step.name)
            }
            Lot::LateAtPlatform => {
                day.book(entry)?;
                self.late_rows.push(row);
                self.settle_next.push(agreed);
                self.waits(day, "MISSING_AT_PLATFORM", &row, "E", step.name)
            }
        }
    }

    /// A break of a row that stays open: `sides` has the first letters of the ids of its line.
    fn stays(
        &mut self,
        day: &mut Day<'_>,
        class: &'static str,
        row: &Row,
        sides: &str,
        planted: &str,
    ) -> Result<(), Stop> {
        *self.standing.entry(class).or_insert(0) += 1;
        let line = (class, row, sides, planted);
        is_open(day, line, Resolves::Never, "")
    }

    /// A break that resolves itself in the next close.
    fn waits(
        &mut self,
        day: &mut Day<'_>,
        class: &'static str,
        row: &Row,
        sides: &str,
        planted: &str,
    ) -> Result<(), Stop> {
        day.close.open(class, 1);
        let line = (class, row, sides, planted);
        is_open(day, line, Resolves::NextDay, "")
    }

    fn settle(&mut self, agreed: &Agreed, day: &mut Day<'_>) -> Result<(), Stop> {
        let row = &agreed.row;
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
        day.close.matched(row.currency(), row.minor, fee);
        let entry = sink::id(agreed.entry.0, row.day, agreed.entry.1);
        let (date, pass) = (day.date, agreed.pass);
        day.truth
            .is_match(date, pass, &row.id('T'), &entry, agreed.planted)
    }

    /// Pays every merchant what is positive; the rest is carried.
    fn pay(&mut self, day: &mut Day<'_>, execution: Date) {
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

    fn finish(&mut self, day: Day<'_>, inbox: &Path) -> Result<Close, Stop> {
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

/// Notes a break: class, row, first letters of the ids of its line, what was planted.
fn is_open(
    day: &mut Day<'_>,
    (class, row, sides, planted): (&str, &Row, &str, &str),
    resolves: Resolves,
    candidates: &str,
) -> Result<(), Stop> {
    let side = |letters: &str| {
        let letter = sides.chars().find(|letter| letters.contains(*letter));
        letter.map_or(String::new(), |letter| row.id(letter))
    };
    let reference = match sides {
        "X" => {
            let mut text = String::new();
            texts::push_reference(&mut text, Reference::Foreign, row.day, row.index);
            text
        }
        _ => row.reference(),
    };
    day.truth.is_break(&PlantedBreak {
        date: day.date,
        class,
        reference: &reference,
        txn: &side("TU"),
        entry: &side("EFX"),
        resolves,
        planted,
        candidates,
    })
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

#[cfg(test)]
mod tests;
