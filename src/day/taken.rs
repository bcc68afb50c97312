//! What was delivered for a day and taken: files known by their hash, rejects, control sums, statement balances
//! and numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::{RejectPolicy, Role};
use crate::day::across;
use crate::day::adjust::requests::Request;
use crate::day::agree::Agreed;
use crate::day::intake::{FORWARD_FILE, InputBlock, OtherDays, Sum};
use crate::day::parts::Known;
use crate::day::pool::Pool;
use crate::day::read::Reading;
use crate::day::reject_columns;
use crate::day::run::DayInputs;
use crate::day::state::{DAYS_KNOWN, KnownFile, State, StatementNumber, StatementTaken};
use crate::entries::rows::BalanceRow;
use crate::findings::{Finding, Stop, StopCode};
use crate::report::manifest::{Input, InputBalance};
use crate::report::show::masked;
use crate::report::tables::RejectLine;
use crate::terms::currency::Currency;

/// Rejects spelt out when they refuse the day; the rest are counted.
const REJECTS_NAMED_MAX: usize = 1000;

/// A refused value in words. Account numbers are masked: a message travels further than the book.
fn refused_value(reject: &RejectLine) -> String {
    let RejectLine {
        field,
        found,
        expected,
        ..
    } = reject;
    match field.as_str() {
        "(row)" => format!("found {found}, expected {expected}"),
        _ if found.is_empty() => format!("{field}: found nothing, expected {expected}"),
        "account" | "counterparty_account" => {
            format!("{field}: found `{}`, expected {expected}", masked(found))
        }
        _ => format!("{field}: found `{found}`, expected {expected}"),
    }
}

/// What to do about a value that the book, not the file, may have wrong.
fn help_for(field: &str) -> &'static str {
    match field {
        "merchant_id" => "add the merchant to the master, or have the row corrected",
        "target" | "approved_by" | "approved_at" => {
            "correct the adjustment and have it approved again, or take it out of the file"
        }
        "account" => {
            "add the account to book.toml as an [[account]] with this number, or have the row corrected"
        }
        _ => "",
    }
}

/// Bills of which no row is of the business day: they may be of another day and stand in the wrong folder (R29 takes them).
fn bills_of_other_days(day: &DayInputs<'_>, blocks: &[InputBlock]) -> Vec<String> {
    let mut of_files: BTreeMap<u32, (u64, Option<OtherDays>)> = BTreeMap::new();
    for block in blocks {
        let sums = block.sums.iter().flat_map(|(_, sums)| sums);
        let (rows, others) = of_files.entry(block.file).or_default();
        *rows += sums.map(|sum| sum.rows).sum::<u64>();
        *others = match (*others, block.bill_of_other_days) {
            (Some(others), Some(more)) => Some(others.with(more)),
            (others, more) => others.or(more),
        };
    }
    let words = |(file, (rows, others)): (u32, (u64, Option<OtherDays>))| {
        let others = others.filter(|others| others.rows == rows)?;
        let [first, last] = [others.first, others.last].map(|day| String::from_utf8_lossy(&day).into_owned());
        let days = if first == last {
            first
        } else {
            format!("{first} to {last}")
        };
        let file = &day.delivery.files.get(file as usize)?.name;
        Some(format!(
            "{file}: no row is of {}: its {rows} rows are of {days}; if that is the bill of another day, the one of {} is missing",
            day.date, day.date
        ))
    };
    of_files.into_iter().filter_map(words).collect()
}

/// What was read, less what was delivered before or twice.
pub struct Taken {
    /// Blocks, less those of files delivered before or twice.
    pub blocks: Vec<InputBlock>,
    /// Files, for the manifest.
    pub inputs: Vec<Input>,
    /// Refused rows.
    pub rejects: Vec<RejectLine>,
    /// Files known from now on.
    pub known: Vec<KnownFile>,
    /// Accepted rows by role and currency: delivered, repeated files included.
    pub sums: BTreeMap<(Role, Currency), Sum>,
    /// Of those, rows of files delivered before or twice.
    pub repeated: BTreeMap<(Role, Currency), Sum>,
    /// Refused rows by role and currency: summed where both their currency and their amount could be read, else counted.
    pub rejected: BTreeMap<(Role, Option<Currency>), Sum>,
    /// Of files delivered before or twice: refused rows likewise, and entries that are not booked.
    pub repeated_otherwise: BTreeMap<(Role, Option<Currency>), Sum>,
    /// Statement entries that are not booked.
    pub not_booked: u64,
    /// Adjustments by people, with their files.
    pub adjustments: Vec<Request>,
    /// Adjustments in files delivered before or twice.
    pub repeated_adjustments: u64,
    /// Adjustments that could be read, those of such files included.
    pub adjustments_read: u64,
    /// Statement balances with the names of their files.
    pub balances: Vec<(String, BalanceRow)>,
    /// The last number of every account's statements, of today or before.
    pub statement_numbers: Vec<StatementNumber>,
    /// Statements known from now on.
    pub statements: Vec<StatementTaken>,
    /// Credits and debits of accepted bank entries by account.
    account_sums: Vec<(u16, [Sum; 2])>,
}

impl Taken {
    /// Takes what the readers give, but for files that are `known`; says in `notes` what was taken once.
    pub fn new(
        day: &DayInputs<'_>,
        reading: Reading,
        known: &Known<'_>,
        statements: across::Checked,
        notes: &mut Vec<String>,
    ) -> Taken {
        let Reading { reports, blocks } = reading;
        let settings = &day.book.settings;
        let files = &day.delivery.files;
        let mut rows = vec![0u64; files.len()];
        for block in &blocks {
            let accepted: u64 = block
                .sums
                .iter()
                .flat_map(|(_, sums)| sums)
                .map(|sum| sum.rows)
                .sum();
            let told = block.balances.len() + block.adjustments.len();
            rows[block.file as usize] +=
                accepted + block.rejects.len() as u64 + block.not_booked + told as u64;
        }
        let mut today: BTreeMap<&str, KnownFile> = BTreeMap::new();
        let mut repeated_file = vec![false; files.len()];
        for (index, report) in reports.iter().enumerate() {
            if rows[index] == 0 {
                continue; // R20: a file without rows is never a duplicate.
            }
            let sha256 = report.sha256.as_str();
            match known.get(sha256).copied().or_else(|| today.get(sha256)) {
                Some(first) => {
                    repeated_file[index] = true;
                    notes.push(format!(
                        "{}: the same content as {} of {}: taken once",
                        files[index].name, first.name, first.taken_on
                    ));
                }
                None => {
                    today.insert(
                        sha256,
                        KnownFile {
                            sha256: report.sha256.clone(),
                            taken_on: day.date,
                            name: files[index].name.clone(),
                        },
                    );
                }
            }
        }
        let before = day.state.files.iter();
        let still = before.filter(|file| day.date.days_since(file.taken_on) <= DAYS_KNOWN);
        let mut known: Vec<KnownFile> = still.cloned().chain(today.into_values()).collect();
        known.sort();
        let mut taken = Taken {
            blocks: Vec::new(),
            inputs: Vec::new(),
            rejects: Vec::new(),
            known,
            sums: BTreeMap::new(),
            repeated: BTreeMap::new(),
            rejected: BTreeMap::new(),
            repeated_otherwise: BTreeMap::new(),
            not_booked: 0,
            adjustments: Vec::new(),
            repeated_adjustments: 0,
            adjustments_read: 0,
            balances: Vec::new(),
            statement_numbers: statements.last,
            statements: statements.taken,
            account_sums: Vec::new(),
        };
        let mut inputs: Vec<Input> = files
            .iter()
            .zip(&reports)
            .zip(&rows)
            .map(|((file, report), rows)| Input {
                role: settings.sources[file.source].role.name().to_owned(),
                source: settings.sources[file.source].name.clone(),
                name: file.name.clone(),
                bytes: report.bytes,
                sha256: report.sha256.clone(),
                rows: *rows,
                credit_minor: BTreeMap::new(),
                debit_minor: BTreeMap::new(),
                balances: Vec::new(),
            })
            .collect();
        for (file, report) in files.iter().zip(&reports) {
            notes.extend(report.notes.iter().map(|note| format!("{}: {note}", file.name)));
        }
        notes.extend(bills_of_other_days(day, &blocks));
        let mut outside = 0;
        for mut block in blocks {
            let file = block.file as usize;
            let role = settings.sources[files[file].source].role;
            let input = &mut inputs[file];
            for (currency, [credit, debit, legless]) in &block.sums {
                *input.credit_minor.entry(currency.code().to_owned()).or_insert(0) += credit.minor;
                *input.debit_minor.entry(currency.code().to_owned()).or_insert(0) += debit.minor;
                let whole = Sum {
                    rows: credit.rows + debit.rows + legless.rows,
                    minor: credit.minor + debit.minor + legless.minor,
                };
                add(&mut taken.sums, (role, *currency), whole);
                if repeated_file[file] {
                    add(&mut taken.repeated, (role, *currency), whole);
                }
            }
            for balance in &block.balances {
                input.balances.push(InputBalance {
                    account: settings.accounts[usize::from(balance.account)].id.clone(),
                    currency: balance.currency.code().to_owned(),
                    opening_minor: Some(i128::from(balance.opening_minor)),
                    closing_minor: Some(i128::from(balance.closing_minor)),
                });
            }
            let refused = match repeated_file[file] {
                true => &mut taken.repeated_otherwise,
                false => &mut taken.rejected,
            };
            for reject in &block.rejects {
                let minor = reject.amount.map_or(0, |(_, minor)| i128::from(minor));
                let sum = refused
                    .entry((role, reject.amount.map(|(currency, _)| currency)))
                    .or_default();
                sum.rows += 1;
                sum.minor += minor;
            }
            if repeated_file[file] {
                taken.repeated_adjustments += block.adjustments.len() as u64;
                taken.repeated_otherwise.entry((role, None)).or_default().rows += block.not_booked;
                continue;
            }
            let adjustments = std::mem::take(&mut block.adjustments).into_iter();
            taken.adjustments.extend(adjustments.map(|adjustment| Request {
                adjustment,
                file: files[file].name.clone(),
            }));
            taken.not_booked += block.not_booked;
            taken.account_sums.extend_from_slice(&block.accounts);
            outside += block.outside_day;
            taken
                .rejects
                .extend(block.rejects.iter().map(|reject| RejectLine {
                    file: files[file].name.clone(),
                    line: reject.line,
                    column: u64::from(reject.column),
                    field: reject.field.clone(),
                    found: reject.found.clone(),
                    expected: reject.expected.clone(),
                }));
            let balances = block.balances.iter();
            taken
                .balances
                .extend(balances.map(|balance| (files[file].name.clone(), *balance)));
            taken.blocks.push(block);
        }
        if outside > 0 {
            notes.push(format!(
                "{outside} platform rows have a time outside the business day: counted, not refused (R29)"
            ));
        }
        reject_columns::find(&mut taken.rejects, day);
        taken.rejects.sort();
        taken.adjustments_read = taken.adjustments.len() as u64 + taken.repeated_adjustments;
        taken.inputs = inputs;
        taken
    }

    /// Takes adjustments that were refused once their targets were known.
    pub fn reject_adjustments(&mut self, rejects: &[RejectLine], day: &DayInputs<'_>) {
        self.rejected.entry((Role::Adjustments, None)).or_default().rows += rejects.len() as u64;
        let mut rejects = rejects.to_vec();
        reject_columns::find(&mut rejects, day);
        self.rejects.append(&mut rejects);
        self.rejects.sort();
    }

    /// Stops the day when its policy does not take so many rejects.
    ///
    /// # Errors
    /// 65 with the rejects.
    pub fn refuse(&self, policy: &RejectPolicy) -> Result<(), Stop> {
        let count = self.rejects.len() as u64;
        let (most, words) = match policy {
            RejectPolicy::Stop => (0, "policy.rejects is `stop`".to_owned()),
            RejectPolicy::Quarantine { max_rejects: None } => return Ok(()),
            RejectPolicy::Quarantine {
                max_rejects: Some(most),
            } => (*most, format!("policy.max_rejects is {most}")),
        };
        if count <= most {
            return Ok(());
        }
        let mut findings: Vec<Finding> = self
            .rejects
            .iter()
            .take(REJECTS_NAMED_MAX)
            .map(|reject| {
                Finding::about(
                    reject.file.clone(),
                    refused_value(reject),
                    help_for(&reject.field),
                )
                .at(reject.line, reject.column as u32)
            })
            .collect();
        let (rows, those) = if count == 1 {
            ("row was", "it")
        } else {
            ("rows were", "them")
        };
        let aside = match policy {
            RejectPolicy::Stop => "set rejects = \"quarantine\"",
            RejectPolicy::Quarantine { .. } => "raise max_rejects",
        };
        findings.push(Finding::about(
            "",
            format!("{count} {rows} refused and {words}"),
            format!(
                "ask for corrected files and run the day again, or {aside} in [policy] to set {those} aside"
            ),
        ));
        Err(Stop {
            code: StopCode::BadData,
            findings,
        })
    }

    /// Credits and debits of accepted entries by account; rows delivered twice count once.
    pub fn movements(&self, pool: &Pool, agreed: &Agreed, bank_leg: usize) -> BTreeMap<u16, [Sum; 2]> {
        let mut movements: BTreeMap<u16, [Sum; 2]> = BTreeMap::new();
        for (account, sums) in &self.account_sums {
            let mine = movements.entry(*account).or_default();
            for (mine, sum) in mine.iter_mut().zip(sums) {
                mine.rows += sum.rows;
                mine.minor += sum.minor;
            }
        }
        for row in &agreed.right[bank_leg].duplicates {
            if pool.file[row.block()] == FORWARD_FILE {
                continue; // Not one of today's movements to begin with.
            }
            let block = &pool.right[bank_leg][row.block()];
            let meta = block.meta(row.position());
            let mine = movements.entry(block.owner(row.position()) as u16).or_default();
            let sum = &mut mine[meta.direction() as usize];
            sum.rows -= 1;
            sum.minor -= i128::from(block.amount_minor(row.position()));
        }
        movements
    }

    /// Currencies that can settle: of today's rows and of what was brought forward, sorted.
    pub fn currencies(&self, state: &State) -> Vec<Currency> {
        let mut all: BTreeSet<Currency> = self.sums.keys().map(|(_, currency)| *currency).collect();
        all.extend(state.open_items.iter().map(|item| item.row.currency));
        all.into_iter().collect()
    }
}

fn add(sums: &mut BTreeMap<(Role, Currency), Sum>, key: (Role, Currency), sum: Sum) {
    let mine = sums.entry(key).or_default();
    mine.rows += sum.rows;
    mine.minor += sum.minor;
}
