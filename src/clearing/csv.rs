//! Payouts as a plain CSV, for banks that take tables: one line a payment, control totals in the last line.
//!
//! Columns: payout_id, merchant_id, name, bank, account, currency, amount (decimal), execution_date. The last line
//! is `TOTAL`, the number of payments, three empty fields, currency, sum, execution_date. Empty destinations are
//! written as they are (R44).

use crate::clearing::{Batch, ReadBack, ReadPayment, payee_name};
use crate::report::table::push_text;
use crate::terms::currency::Currency;
use crate::terms::money::{format_minor, parse_minor};

const HEADER: [&str; 8] = [
    "payout_id",
    "merchant_id",
    "name",
    "bank",
    "account",
    "currency",
    "amount",
    "execution_date",
];
const TOTAL: &str = "TOTAL";

/// The file of a batch.
pub fn write(batch: &Batch<'_>) -> Vec<u8> {
    let currency = batch.account.currency;
    let date = batch.execution_date.to_string();
    let mut out = Vec::with_capacity(256 + batch.payments.len() * 128);
    push_line(&mut out, &HEADER);
    for payment in &batch.payments {
        let amount = format_minor(i128::from(payment.payout.amount_minor), currency.digits());
        push_line(
            &mut out,
            &[
                &payment.payout.payout_id,
                &payment.payout.merchant_id,
                payee_name(payment.payee),
                &payment.payee.payout_bank,
                &payment.payee.payout_account,
                currency.code(),
                &amount,
                &date,
            ],
        );
    }
    let count = batch.payments.len().to_string();
    let sum = format_minor(batch.sum_minor(), currency.digits());
    push_line(
        &mut out,
        &[TOTAL, &count, "", "", "", currency.code(), &sum, &date],
    );
    out
}

fn push_line(out: &mut Vec<u8>, fields: &[&str]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, field);
    }
    out.push(b'\n');
}

/// Reads a file back with another reader.
///
/// # Errors
/// Plain words: another header, a line of another length, an amount that is none, no control line at the end.
pub fn read_back(bytes: &[u8], currency: Currency) -> Result<ReadBack, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut payments = Vec::new();
    let mut total = None;
    let mut execution_date = String::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        if index == 0 {
            if !record.iter().eq(HEADER) {
                return Err("the header is another".to_owned());
            }
            continue;
        }
        if total.is_some() {
            return Err("a line follows the control totals".to_owned());
        }
        if &record[5] != currency.code() {
            return Err(format!("an amount is in {}, expected {currency}", &record[5]));
        }
        if index > 1 && record[7] != execution_date {
            return Err("lines are executed on different days".to_owned());
        }
        record[7].clone_into(&mut execution_date);
        if &record[0] == TOTAL {
            let count = record[1]
                .parse::<u64>()
                .map_err(|_| "the count is no number".to_owned())?;
            total = Some((count, sum_minor(&record[6], currency)?));
            continue;
        }
        payments.push(ReadPayment {
            payout_id: record[0].to_owned(),
            amount_minor: parse_minor(record[6].as_bytes(), currency.digits())
                .map_err(|_| format!("`{}` is no amount in {currency}", &record[6]))?,
            account: record[4].to_owned(),
            name: record[2].to_owned(),
            bank: record[3].to_owned(),
        });
    }
    let (count, sum_minor) = total.ok_or_else(|| "the control totals are missing".to_owned())?;
    Ok(ReadBack {
        count,
        sum_minor,
        execution_date,
        paid_from: String::new(),
        payments,
    })
}

/// A control sum may be longer than one amount: its digits without the point, as many decimals as the currency has.
fn sum_minor(text: &str, currency: Currency) -> Result<i128, String> {
    let wrong = || format!("`{text}` is no sum in {currency}");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() as u64 != u64::from(currency.digits()) {
        return Err(wrong());
    }
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    digits.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::PayoutFormat;
    use crate::clearing::files;
    use crate::clearing::tests::issued;
    use crate::report::samples::{currency, date, merchants, settings};

    #[test]
    fn the_last_line_holds_the_totals() {
        let mut settings = settings();
        settings.payout.format = PayoutFormat::Csv;
        let payouts = [
            issued("M1", "CNY", "RA1", i64::MAX),
            issued("M4", "CNY", "RA1", i64::MAX),
        ];
        let files = files(&settings, &merchants(), date("2026-11-23"), &payouts).unwrap();
        let text = String::from_utf8(files[0].bytes.clone()).unwrap();
        let (first, last) = (&payouts[0].payout_id, &payouts[1].payout_id);
        assert_eq!(
            text,
            format!(
                "payout_id,merchant_id,name,bank,account,currency,amount,execution_date\n\
                 {first},M1,北京张三商贸 & Co <1>,102100000021,6222000000001111,CNY,92233720368547758.07,2026-11-23\n\
                 {last},M4,Nowhere,,,CNY,92233720368547758.07,2026-11-23\n\
                 TOTAL,2,,,,CNY,184467440737095516.14,2026-11-23\n"
            )
        );
        let cny = currency("CNY");
        for (from, to) in [
            ("TOTAL,2", "TOTAL,3"),
            ("758.07", "758.08"),
            ("TOTAL", "TOTAAL"),
            ("CNY", "USD"),
        ] {
            let altered = text.replacen(from, to, 1);
            assert_ne!(
                read_back(altered.as_bytes(), cny),
                read_back(text.as_bytes(), cny),
                "{from}"
            );
        }
    }
}
