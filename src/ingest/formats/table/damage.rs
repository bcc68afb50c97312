//! Every public sample cut off after every byte, and with the lowest bit of every byte turned once: no panic, no hang, and
//! what the checks of the format cannot see is counted and printed.
//!
//! `cargo test damaged_samples` looks at every seventh byte; `scripts/damage.sh` at all of them.

use super::samples::{SIGNCUSTOMER, member, profile, read_on};
use crate::ingest::formats::testing::{Kept, sample};

/// What became of the damaged copies of a file.
#[derive(Default, Debug)]
struct Seen {
    copies: u64,
    refused: u64,
    rejected: u64,
    /// Read, with the same entries.
    same: u64,
    /// Read, with other texts or times, but the same money.
    other_texts: u64,
    /// Read, with other amounts, fees, types or directions: nothing in the file contradicts.
    other_money: u64,
}

/// Type or direction, amount, fee and currency of every row.
fn money(kept: &Kept, is_bank: bool) -> Vec<String> {
    let fields = if is_bank { 4..7 } else { 3..7 };
    let part = |row: &String| {
        row.split('|')
            .skip(fields.start)
            .take(fields.len())
            .collect::<Vec<_>>()
            .join("|")
    };
    kept.rows.iter().map(part).collect()
}

fn look_at(name: &str, date: (i32, u32, u32), bytes: &[u8], step: usize) -> [Seen; 2] {
    let profile = profile(name);
    let is_bank = profile.role == crate::book::settings::Role::Bank;
    let (whole_result, whole) = read_on(&profile, date, bytes);
    let whole_money = money(&whole, is_bank);
    let look = |copy: &[u8], seen: &mut Seen| {
        let (result, kept) = read_on(&profile, date, copy);
        seen.copies += 1;
        if result.is_err() {
            seen.refused += 1;
        } else if !kept.rejects.is_empty() {
            seen.rejected += 1;
        } else if whole_result.is_ok() && kept.rows == whole.rows {
            seen.same += 1;
        } else if whole_result.is_ok() && money(&kept, is_bank) == whole_money {
            seen.other_texts += 1;
        } else {
            seen.other_money += 1;
        }
    };
    let (mut cut, mut turned) = (Seen::default(), Seen::default());
    for end in (0..bytes.len()).step_by(step) {
        look(&bytes[..end], &mut cut);
    }
    let mut copy = bytes.to_vec();
    for at in (0..bytes.len()).step_by(step) {
        copy[at] ^= 1;
        look(&copy, &mut turned);
        copy[at] ^= 1;
    }
    [cut, turned]
}

/// Format, business date, name and bytes.
type DamagedFile = (&'static str, (i32, u32, u32), String, Vec<u8>);

/// Looks at all samples; the money that a turned bit changes unseen, by sample.
fn damage(step: usize) -> Vec<(String, u64)> {
    let mut files: Vec<DamagedFile> = Vec::new();
    for (format, date, name) in [
        (
            "alipay-trade",
            (2019, 9, 16),
            "alipay/trade_detail_2019-09-16.gbk.csv",
        ),
        (
            "wechat-trade",
            (2021, 1, 28),
            "wechat/trade_ALL_27col_v3_2021-01-28.csv",
        ),
        (
            "wechat-trade",
            (2014, 11, 10),
            "wechat/trade_ALL_24col_legacy_2014-11-10.csv",
        ),
        ("wechat-trade", (2021, 1, 28), "wechat/no_bill_exist.xml"),
        ("wechat-fund", (2021, 2, 1), "wechat/fundflow_v3_2021-02-01.csv"),
        ("tenpay", (2015, 9, 17), "tenpay/tenpay_mchdown_2015-09-17.csv"),
        (
            "icbc-retail",
            (2023, 5, 2),
            "bank/example-icbc-debit-v1-records.csv",
        ),
        ("cmb-retail", (2024, 1, 27), "bank/example-cmb-records.csv"),
    ] {
        if let Some(bytes) = sample(name) {
            files.push((format, date, name.to_owned(), bytes));
        }
    }
    if let Some(zip) = sample("unionpay/802310048993424_20150905.zip") {
        let name = "INN15090588ZM_802310048993424";
        files.push(("unionpay-zm", (2015, 9, 5), name.to_owned(), member(&zip, name)));
    }
    if let Some(bytes) = sample("wechat/fundflow_v3_2021-02-01.csv") {
        let whole = String::from_utf8(bytes)
            .unwrap()
            .replace("`3,`1,`0.01,", "`2,`0,`0.00,");
        files.push((
            "wechat-fund",
            (2021, 2, 1),
            "the excerpt with its own summary".to_owned(),
            whole.into_bytes(),
        ));
    }
    let synthetic = SIGNCUSTOMER.as_bytes().to_vec();
    files.push((
        "alipay-signcustomer",
        (2026, 3, 31),
        "synthetic".to_owned(),
        synthetic,
    ));
    for (format, text) in super::china::SAMPLES {
        files.push((
            format,
            (2026, 3, 31),
            "synthetic".to_owned(),
            text.as_bytes().to_vec(),
        ));
    }
    let mut unseen = Vec::new();
    for (format, date, name, bytes) in files {
        let [cut, turned] = look_at(format, date, &bytes, step);
        println!(
            "{format} ({name}, {} bytes)\n  cut:    {cut:?}\n  turned: {turned:?}",
            bytes.len()
        );
        // These have neither an end line nor a total: cut behind a whole row they are a shorter day, which only the next
        // day's opening balance, or the bill of the other side, can show.
        if !matches!(format, "cmb-retail" | "unionpay-zm") && !super::china::is_open_ended(format) {
            assert_eq!(
                cut.other_money, 0,
                "{format}: a cut file is never taken for another"
            );
        }
        unseen.push((format!("{format} {name}"), turned.other_money));
    }
    unseen
}

#[test]
fn damaged_samples_are_refused_or_the_same() {
    damage(7);
}

#[test]
#[ignore = "every byte of every sample: scripts/damage.sh"]
fn every_byte_of_every_sample() {
    for (name, unseen) in damage(1) {
        println!("{name}: {unseen} turned bits change money unseen");
        let format = name.split(' ').next().unwrap_or_default();
        match format {
            // No total covers Alipay's fees; all other money is covered.
            "alipay-trade" => {}
            // Before the first row stands no balance (R27): three digits of its amount 10.00, turned, contradict no other figure.
            _ if super::china::is_open_ended(format) => assert_eq!(unseen, 3, "{name}"),
            _ => assert_eq!(unseen, 0, "{name}"),
        }
    }
}
