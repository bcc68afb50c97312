//! What the closes of a generated book must find.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::CURRENCIES;
use crate::findings::Stop;
use crate::terms::date::Date;

/// When a planted row stops being a break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolves {
    /// In the next close.
    NextDay,
    /// In no generated close.
    Never,
}

/// A row that is planted as a break.
#[derive(Clone, Copy, Debug)]
pub struct PlantedBreak<'a> {
    /// The first close that lists it.
    pub date: Date,
    /// Class.
    pub class: &'a str,
    /// Reference.
    pub reference: &'a str,
    /// txn_id.
    pub txn: &'a str,
    /// entry_id.
    pub entry: &'a str,
    /// How long.
    pub resolves: Resolves,
    /// What was planted.
    pub planted: &'a str,
    /// Words that the column `candidates` must have, with spaces between.
    pub candidates: &'a str,
}

/// The tables of truth: `truth_breaks.csv`, every planted row in the order in which rows are made, and
/// `truth_matches.csv`, every line of `matched/` of the leg between platform and bank, where that is asked for.
pub struct Truth {
    breaks: Lines,
    matches: Option<Lines>,
}

impl Truth {
    /// Creates the files.
    ///
    /// # Errors
    /// What the system reports.
    pub fn create(root: &Path, with_matches: bool) -> Result<Truth, Stop> {
        let breaks = "first_seen,class,bank_ref,txn_id,entry_id,resolved,planted,candidates\n";
        let matches = "date,pass,txn_id,entry_id,planted\n";
        Ok(Truth {
            breaks: Lines::create(root.join("truth_breaks.csv"), breaks)?,
            matches: match with_matches {
                true => Some(Lines::create(root.join("truth_matches.csv"), matches)?),
                false => None,
            },
        })
    }

    /// Adds a planted row.
    ///
    /// # Errors
    /// What the system reports.
    pub fn is_break(&mut self, row: &PlantedBreak<'_>) -> Result<(), Stop> {
        let PlantedBreak {
            date,
            class,
            reference,
            txn,
            entry,
            planted,
            candidates,
            ..
        } = *row;
        let resolved = match row.resolves {
            Resolves::NextDay => date.plus_days(1).to_string(),
            Resolves::Never => String::new(),
        };
        self.breaks.put(format_args!(
            "{date},{class},{reference},{txn},{entry},{resolved},{planted},{candidates}\n"
        ))
    }

    /// Adds a row and the entry that it matches in the close of a date. A row in several entries has a line for each, all
    /// but the first without its txn_id.
    ///
    /// # Errors
    /// What the system reports.
    pub fn is_match(
        &mut self,
        date: Date,
        pass: &str,
        txn: &str,
        entry: &str,
        planted: &str,
    ) -> Result<(), Stop> {
        match &mut self.matches {
            Some(lines) => lines.put(format_args!("{date},{pass},{txn},{entry},{planted}\n")),
            None => Ok(()),
        }
    }

    /// Ends the files.
    ///
    /// # Errors
    /// What the system reports.
    pub fn finish(self) -> Result<(), Stop> {
        self.breaks.finish()?;
        self.matches.map_or(Ok(()), Lines::finish)
    }
}

/// A CSV file under way.
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn create(path: PathBuf, header: &str) -> Result<Lines, Stop> {
        let file = File::create(&path).map_err(|error| Stop::io(&path, "create", &error))?;
        let mut lines = Lines {
            path,
            file: BufWriter::new(file),
        };
        lines.put(format_args!("{header}"))?;
        Ok(lines)
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Stop> {
        self.file
            .write_fmt(text)
            .map_err(|error| Stop::io(&self.path, "write", &error))
    }

    fn finish(mut self) -> Result<(), Stop> {
        self.file
            .flush()
            .map_err(|error| Stop::io(&self.path, "write", &error))
    }
}

/// The figures of one close; arrays by currency, minor units.
#[derive(Clone, Debug)]
pub struct Close {
    /// D.
    pub date: Date,
    execution: Date,
    /// Rows of the platform file.
    pub platform_rows: u64,
    /// Rows with fate `no_money_expected`.
    pub no_money_expected: u64,
    /// Statement closing balances.
    pub closing_minor: [i64; 2],
    bank_rows: u64,
    credit: [i128; 2],
    debit: [i128; 2],
    matched_rows: [u64; 2],
    matched: [i128; 2],
    fee: [i128; 2],
    payouts: [u64; 2],
    payout: [i128; 2],
    open: BTreeMap<&'static str, u64>,
}

impl Close {
    /// All zero.
    pub fn new(date: Date, execution: Date) -> Close {
        Close {
            date,
            execution,
            platform_rows: 0,
            no_money_expected: 0,
            closing_minor: [0; 2],
            bank_rows: 0,
            credit: [0; 2],
            debit: [0; 2],
            matched_rows: [0; 2],
            matched: [0; 2],
            fee: [0; 2],
            payouts: [0; 2],
            payout: [0; 2],
            open: BTreeMap::new(),
        }
    }

    /// Counts a bank entry.
    pub fn booked(&mut self, currency: usize, debit: bool, minor: i64) {
        self.bank_rows += 1;
        let side = if debit { &mut self.debit } else { &mut self.credit };
        side[currency] += i128::from(minor);
    }

    /// What the day's entries add to the account of a currency; the sums of generated days are small.
    pub fn bank_net(&self, currency: usize) -> i64 {
        i64::try_from(self.credit[currency] - self.debit[currency]).unwrap_or(0)
    }

    /// Counts a pair that agrees in this close.
    pub fn matched(&mut self, currency: usize, minor: i64, fee: i64) {
        self.matched_rows[currency] += 1;
        self.matched[currency] += i128::from(minor);
        self.fee[currency] += i128::from(fee);
    }

    /// Counts a payout.
    pub fn paid(&mut self, currency: usize, minor: i64) {
        self.payouts[currency] += 1;
        self.payout[currency] += i128::from(minor);
    }

    /// Counts breaks that are open after this close.
    pub fn open(&mut self, class: &'static str, count: u64) {
        *self.open.entry(class).or_insert(0) += count;
    }

    fn json(&self) -> Value {
        let mut currencies = serde_json::Map::new();
        for (at, (code, account)) in CURRENCIES.into_iter().enumerate() {
            currencies.insert(
                code.to_owned(),
                json!({
                    "account": account,
                    "credit_minor": self.credit[at].to_string(),
                    "debit_minor": self.debit[at].to_string(),
                    "closing_minor": self.closing_minor[at].to_string(),
                    "matched_rows": self.matched_rows[at],
                    "matched_minor": self.matched[at].to_string(),
                    "fee_minor": self.fee[at].to_string(),
                    "payouts": self.payouts[at],
                    "payout_minor": self.payout[at].to_string(),
                }),
            );
        }
        json!({
            "date": self.date.to_string(),
            "execution_date": self.execution.to_string(),
            "platform_rows": self.platform_rows,
            "bank_rows": self.bank_rows,
            "no_money_expected": self.no_money_expected,
            "open_breaks": self.open,
            "currencies": currencies,
        })
    }
}

/// `truth.json`: seed, rows and merchants, then a figure for each close.
///
/// # Errors
/// 70 when it cannot be encoded.
pub fn json((seed, rows, merchants): (u64, u64, u32), closes: &[Close]) -> Result<String, Stop> {
    let all = json!({
        "seed": seed,
        "rows": rows,
        "merchants": merchants,
        "closes": closes.iter().map(Close::json).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&all)
        .map_err(|error| Stop::invariant(format!("truth.json cannot be encoded: {error}")))?;
    text.push('\n');
    Ok(text)
}
