//! Stage 7: the files a bank takes, one per paying account and currency, split by the bank's limit (R44).
//!
//! In: the payouts issued today, all of one execution date E. Out: bytes with their control totals. Every file is
//! read back by another reader before it leaves this stage, and must say exactly what was to be paid. A payee
//! without what the format needs never gets here: the payout stage asks [`payee_problem`] and carries the amount
//! (NO_DESTINATION). Nothing is transliterated, shortened or left out.

pub mod pain001;
pub mod csv;
pub mod destination;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::book::merchants::{MerchantCode, MerchantTerms, Merchants};
use crate::book::settings::{Account, PayoutFormat, Settings};
use crate::day::state::IssuedPayout;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::Date;
use crate::terms::digest::hex;

/// A clearing file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearingFile {
    /// Name below `clearing/`.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// Payments in it.
    pub count: u64,
    /// Their sum, minor units of `currency`.
    pub sum_minor: i128,
    /// Its one currency.
    pub currency: String,
    /// Paying account id.
    pub account: String,
}

/// One payment as it is to stand in a file.
#[derive(Clone, Copy, Debug)]
pub struct Payment<'a> {
    /// What was issued.
    pub payout: &'a IssuedPayout,
    /// Whom it goes to.
    pub payee: &'a MerchantTerms,
}

/// A file's worth of payments from one account.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Name and id of who pays.
    pub institution: &'a crate::book::settings::Institution,
    /// Paying account.
    pub account: &'a Account,
    /// E (R9).
    pub execution_date: Date,
    /// Id of the file, 32 hex digits made of its content: no clock, never used for other content.
    pub message_id: String,
    /// By (merchant_id, payout_id); at least one.
    pub payments: Vec<Payment<'a>>,
}

impl Batch<'_> {
    /// Sum of the payments, minor units.
    pub fn sum_minor(&self) -> i128 {
        self.payments
            .iter()
            .map(|p| i128::from(p.payout.amount_minor))
            .sum()
    }
}

/// What a reader finds in a clearing file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// Payments as the control total tells them.
    pub count: u64,
    /// Sum as the control total tells it, minor units.
    pub sum_minor: i128,
    /// When it is executed.
    pub execution_date: String,
    /// Number of the paying account; empty where the format has none.
    pub paid_from: String,
    /// Payments as they stand, in order.
    pub payments: Vec<ReadPayment>,
}

/// One payment as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPayment {
    /// Payout id.
    pub payout_id: String,
    /// Minor units.
    pub amount_minor: i64,
    /// Account it goes to.
    pub account: String,
    /// Name it goes to.
    pub name: String,
    /// BIC or clearing code it goes to.
    pub bank: String,
}

/// Why a payee cannot be paid by a file of this format, in words; `None` when it can (R44, NO_DESTINATION).
pub fn payee_problem(format: PayoutFormat, terms: &MerchantTerms) -> Option<String> {
    match format {
        PayoutFormat::Pain001 => pain001::payee_problem(terms),
        PayoutFormat::Csv => None,
    }
}

/// Why an account cannot pay by a file of this format, in words: a fault of the settings.
pub fn payer_problem(format: PayoutFormat, settings: &Settings, account: &Account) -> Option<String> {
    match format {
        PayoutFormat::Pain001 => pain001::payer_problem(&settings.institution, account),
        PayoutFormat::Csv => None,
    }
}

/// The name a payment goes to: the account holder's, or the merchant's own where the master names no holder.
pub fn payee_name(terms: &MerchantTerms) -> &str {
    if terms.payout_name.is_empty() {
        &terms.name
    } else {
        &terms.payout_name
    }
}

/// The clearing files of the payouts issued today, by name. `payouts` may come in any order.
///
/// # Errors
/// 78 when a paying account lacks what the format needs. 65 when an amount or a total is longer than the format
/// allows. 70 when a payout is not one of today's, its payee cannot be paid, or a file does not read back as what
/// was to be paid.
pub fn files(
    settings: &Settings,
    merchants: &Merchants,
    execution_date: Date,
    payouts: &[IssuedPayout],
) -> Result<Vec<ClearingFile>, Stop> {
    let format = settings.payout.format;
    let groups = group(settings, merchants, execution_date, payouts)?;
    let mut findings = Vec::new();
    for account in groups.keys() {
        if let Some(problem) = payer_problem(format, settings, &settings.accounts[*account]) {
            findings.push(Finding::about(
                "book.toml",
                format!("[[account]] {}: {problem}", settings.accounts[*account].id),
                "complete the account in book.toml, or choose another [payout].format",
            ));
        }
    }
    if !findings.is_empty() {
        return Err(Stop {
            code: StopCode::Settings,
            findings,
        });
    }
    let mut files = Vec::new();
    for (account, payments) in groups {
        let account = &settings.accounts[account];
        let limit = match settings.payout.max_per_file {
            0 => payments.len(),
            limit => limit,
        };
        for (part, payments) in payments.chunks(limit).enumerate() {
            let batch = Batch {
                institution: &settings.institution,
                account,
                execution_date,
                message_id: message_id(settings, account, execution_date, part, payments),
                payments: payments.to_vec(),
            };
            files.push(file(format, &batch, part)?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    check_whole(payouts, &files)?;
    Ok(files)
}

/// Payments by paying account, each in the order of (merchant_id, payout_id).
fn group<'a>(
    settings: &Settings,
    merchants: &'a Merchants,
    execution_date: Date,
    payouts: &'a [IssuedPayout],
) -> Result<BTreeMap<usize, Vec<Payment<'a>>>, Stop> {
    let mut groups: BTreeMap<usize, Vec<Payment<'a>>> = BTreeMap::new();
    for payout in payouts {
        let wrong = |what: String| Err(Stop::invariant(format!("payout {}: {what}", payout.payout_id)));
        let Some(account) = settings.accounts.iter().position(|a| a.id == payout.account) else {
            return wrong(format!(
                "is paid from {}, which is no account of the settings",
                payout.account
            ));
        };
        if settings.accounts[account].currency != payout.currency {
            return wrong(format!(
                "is in {}, its account {} is not",
                payout.currency, payout.account
            ));
        }
        if payout.execution_date != execution_date || payout.amount_minor <= 0 {
            return wrong(format!(
                "is {} minor units on {}, expected a positive amount on {execution_date}",
                payout.amount_minor, payout.execution_date
            ));
        }
        let code = merchants.code(payout.merchant_id.as_bytes());
        if code == MerchantCode::NONE {
            return wrong(format!(
                "goes to {}, who is not in the merchant master",
                payout.merchant_id
            ));
        }
        let payee = merchants.get(code);
        if let Some(problem) = payee_problem(settings.payout.format, payee) {
            return wrong(format!(
                "goes to {}, who cannot be paid: {problem}",
                payout.merchant_id
            ));
        }
        groups.entry(account).or_default().push(Payment { payout, payee });
    }
    for payments in groups.values_mut() {
        payments.sort_by(|a, b| {
            (&a.payout.merchant_id, &a.payout.payout_id).cmp(&(&b.payout.merchant_id, &b.payout.payout_id))
        });
    }
    Ok(groups)
}

/// First 16 bytes of SHA-256 over the tag and the parts, each followed by a line feed, as hex. A payout id is
/// issued once, so a file with other payments has another id, on every later day as well.
fn message_id(
    settings: &Settings,
    account: &Account,
    execution_date: Date,
    part: usize,
    payments: &[Payment<'_>],
) -> String {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update(text.as_bytes());
        hasher.update(b"\n");
    };
    add("tieout/clearing/v1");
    add(&settings.institution.id);
    add(&execution_date.to_string());
    add(&account.id);
    add(account.currency.code());
    add(&part.to_string());
    for payment in payments {
        add(&payment.payout.payout_id);
    }
    hex(&hasher.finalize()[..16])
}

fn file(format: PayoutFormat, batch: &Batch<'_>, part: usize) -> Result<ClearingFile, Stop> {
    let account: String = batch
        .account
        .id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    // Eight digits of the id keep two accounts apart whose ids differ only in replaced characters.
    let stem = format!(
        "{account}-{}-{}-{:03}-{}",
        batch.account.currency,
        batch.execution_date,
        part + 1,
        &batch.message_id[..8]
    );
    let (name, bytes, read) = match format {
        PayoutFormat::Pain001 => {
            let bytes = pain001::write(batch)?;
            let read = pain001::read_back(&bytes, batch.account.currency);
            (format!("{stem}.pain.001.xml"), bytes, read)
        }
        PayoutFormat::Csv => {
            let bytes = csv::write(batch);
            let read = csv::read_back(&bytes, batch.account.currency);
            (format!("{stem}.csv"), bytes, read)
        }
    };
    let read =
        read.map_err(|problem| Stop::invariant(format!("clearing/{name} cannot be read back: {problem}")))?;
    let expected = expected(format, batch);
    if read != expected {
        return Err(Stop::invariant(format!(
            "clearing/{name} does not say what was to be paid: it reads {} payments of {} minor units in all, \
             expected {} of {}",
            read.count, read.sum_minor, expected.count, expected.sum_minor
        )));
    }
    Ok(ClearingFile {
        name,
        bytes,
        count: read.count,
        sum_minor: read.sum_minor,
        currency: batch.account.currency.code().to_owned(),
        account: batch.account.id.clone(),
    })
}

/// What a reader of the file must find.
fn expected(format: PayoutFormat, batch: &Batch<'_>) -> ReadBack {
    ReadBack {
        count: batch.payments.len() as u64,
        sum_minor: batch.sum_minor(),
        execution_date: batch.execution_date.to_string(),
        paid_from: match format {
            PayoutFormat::Pain001 => batch.account.number.clone().unwrap_or_default(),
            PayoutFormat::Csv => String::new(),
        },
        payments: batch
            .payments
            .iter()
            .map(|payment| ReadPayment {
                payout_id: payment.payout.payout_id.clone(),
                amount_minor: payment.payout.amount_minor,
                account: payment.payee.payout_account.clone(),
                name: payee_name(payment.payee).to_owned(),
                bank: payment.payee.payout_bank.clone(),
            })
            .collect(),
    }
}

/// No payout is left out and none stands in two files: counts, sums and distinct ids over all files.
fn check_whole(payouts: &[IssuedPayout], files: &[ClearingFile]) -> Result<(), Stop> {
    let mut ids: Vec<&str> = payouts.iter().map(|p| p.payout_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let count: u64 = files.iter().map(|file| file.count).sum();
    let in_files: i128 = files.iter().map(|file| file.sum_minor).sum();
    let issued: i128 = payouts.iter().map(|p| i128::from(p.amount_minor)).sum();
    if ids.len() == payouts.len() && count == payouts.len() as u64 && in_files == issued {
        return Ok(());
    }
    Err(Stop::invariant(format!(
        "clearing: {} payouts ({} distinct ids, {issued} minor units) were issued, {count} of {in_files} stand in files",
        payouts.len(),
        ids.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::state::PayoutProgress;
    use crate::report::samples::{currency, date, merchants, settings};

    pub(super) fn issued(merchant: &str, code: &str, account: &str, amount_minor: i64) -> IssuedPayout {
        let day = date("2026-11-20");
        IssuedPayout {
            payout_id: crate::terms::digest::payout_id("EXPAY", merchant, code, day, 1),
            merchant_id: merchant.to_owned(),
            currency: currency(code),
            issued_on: day,
            execution_date: date("2026-11-23"),
            sequence: 1,
            amount_minor,
            account: account.to_owned(),
            progress: PayoutProgress::Issued,
            changed_on: day,
        }
    }

    fn three() -> Vec<IssuedPayout> {
        vec![
            issued("M1", "CNY", "RA1", 97_010),
            issued("M2", "EUR", "RA2", 5),
            issued("M2", "CNY", "RA1", 123_456_789),
        ]
    }

    #[test]
    fn one_file_per_account_and_currency_whatever_the_order() {
        let run = |payouts: &[IssuedPayout], limit| {
            let mut settings = settings();
            settings.payout.max_per_file = limit;
            files(&settings, &merchants(), date("2026-11-23"), payouts).unwrap()
        };
        let whole = run(&three(), 0);
        assert_eq!(
            whole.iter().map(|f| (f.count, f.sum_minor)).collect::<Vec<_>>(),
            [(2, 123_553_799), (1, 5)]
        );
        assert!(
            whole[0].name.starts_with("RA1-CNY-2026-11-23-001-"),
            "{}",
            whole[0].name
        );
        let mut reversed = three();
        reversed.reverse();
        assert_eq!(run(&reversed, 0), whole);
        assert_eq!(run(&three(), 1).len(), 3);
        assert_eq!(run(&[], 0), []);
        let mut csv = settings();
        csv.payout.format = PayoutFormat::Csv;
        let csv = files(&csv, &merchants(), date("2026-11-23"), &three()).unwrap();
        assert_eq!(csv.iter().map(|f| f.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_cannot_be_paid_stops_the_day() {
        let check = |payout: IssuedPayout, code, words: &str| {
            let stop = files(&settings(), &merchants(), date("2026-11-23"), &[payout]).unwrap_err();
            assert_eq!(stop.code, code);
            assert!(stop.to_string().contains(words), "{stop}");
        };
        check(
            issued("M4", "CNY", "RA1", 1),
            StopCode::Invariant,
            "cannot be paid",
        );
        check(
            issued("M9", "CNY", "RA1", 1),
            StopCode::Invariant,
            "not in the merchant master",
        );
        check(issued("M1", "CNY", "RA2", 1), StopCode::Invariant, "is not");
        check(issued("M1", "CNY", "RA1", 0), StopCode::Invariant, "positive");
        check(
            issued("M1", "CNY", "RA1", i64::MAX),
            StopCode::BadData,
            "18 digits",
        );
        let twice = [issued("M1", "CNY", "RA1", 1), issued("M1", "CNY", "RA1", 1)];
        assert!(files(&settings(), &merchants(), date("2026-11-23"), &twice).is_err());
        let mut bare = settings();
        bare.accounts[0].number = None;
        let stop = files(
            &bare,
            &merchants(),
            date("2026-11-23"),
            &[issued("M1", "CNY", "RA1", 1)],
        )
        .unwrap_err();
        assert_eq!(stop.code, StopCode::Settings);
    }
}
