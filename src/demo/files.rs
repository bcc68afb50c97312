//! The demo's files: rows in, bytes out, in the forms in which banks and channels deliver them.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::demo::book::{OWN_CNY, RESERVE_CNY, RESERVE_EUR};
use crate::demo::rows::{Bill, Entry, Txn};
use crate::findings::Stop;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;
use crate::terms::money::format_minor;

const PLATFORM: [&str; 16] = [
    "txn_id",
    "txn_time",
    "merchant_id",
    "customer_id",
    "txn_type",
    "channel",
    "currency",
    "amount",
    "bank_ref",
    "status",
    "order_id",
    "channel_ref",
    "original_txn_id",
    "funding",
    "counterparty_id",
    "memo",
];

const BANK: [&str; 11] = [
    "entry_id",
    "account",
    "booking_time",
    "value_date",
    "direction",
    "amount",
    "currency",
    "bank_ref",
    "remark",
    "purpose",
    "original_ref",
];

/// A table as texts: a header and rows of its length.
pub struct Texts {
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Texts {
    /// As CSV. No text of the demo needs quotes.
    pub fn csv(&self) -> Vec<u8> {
        let mut text = self.header.join(",");
        text.push('\n');
        for row in &self.rows {
            text.push_str(&row.join(","));
            text.push('\n');
        }
        text.into_bytes()
    }

    /// As Parquet, all columns texts.
    ///
    /// # Errors
    /// 70 when the encoder fails.
    pub fn parquet(&self) -> Result<Vec<u8>, Stop> {
        let failed = |error: &dyn std::fmt::Display| Stop::invariant(format!("Parquet: {error}"));
        let fields: Vec<Field> = self
            .header
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8, true))
            .collect();
        let columns = (0..self.header.len()).map(|column| {
            let texts = self
                .rows
                .iter()
                .map(|row| Some(row[column].as_str()).filter(|t| !t.is_empty()));
            Arc::new(StringArray::from_iter(texts)) as ArrayRef
        });
        let schema = Arc::new(Schema::new(fields));
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), columns.collect()).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder()
            .set_created_by("tieout demo".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, schema, Some(properties)).map_err(|error| failed(&error))?;
        writer.write(&batch).map_err(|error| failed(&error))?;
        writer.close().map_err(|error| failed(&error))?;
        Ok(bytes)
    }
}

/// Minor units of a currency with two decimals, as text.
fn yuan(minor: i64) -> String {
    format_minor(i128::from(minor), 2)
}

/// The platform's log of a day, in the order of time.
pub fn platform(txns: &[Txn]) -> Texts {
    let mut sorted: Vec<&Txn> = txns.iter().collect();
    sorted.sort_by(|a, b| (&a.time, &a.id).cmp(&(&b.time, &b.id)));
    let rows = sorted.into_iter().map(|txn| {
        vec![
            txn.id.clone(),
            txn.time.clone(),
            txn.merchant.to_owned(),
            txn.customer.clone(),
            txn.kind.name().to_owned(),
            txn.channel.to_owned(),
            txn.currency.to_owned(),
            yuan(txn.minor),
            txn.bank_ref.clone(),
            txn.status.name().to_owned(),
            format!("O-{}", txn.id),
            txn.channel_ref.clone(),
            txn.original.clone(),
            txn.funding.name().to_owned(),
            txn.counterparty.to_owned(),
            txn.memo.to_owned(),
        ]
    });
    Texts {
        header: &PLATFORM,
        rows: rows.collect(),
    }
}

/// The entries of one account, in the order of time.
pub fn of_account<'a>(entries: &'a [Entry], account: &str) -> Vec<&'a Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().filter(|entry| entry.account == account).collect();
    sorted.sort_by(|a, b| (&a.time, &a.id).cmp(&(&b.time, &b.id)));
    sorted
}

/// What the entries add to the account.
pub fn movement(entries: &[&Entry]) -> i64 {
    entries
        .iter()
        .map(|entry| match entry.direction {
            Direction::Credit => entry.minor,
            Direction::Debit => -entry.minor,
        })
        .sum()
}

/// A renminbi account's entries as a canonical table.
pub fn bank(entries: &[&Entry]) -> Texts {
    let rows = entries.iter().map(|entry| {
        vec![
            entry.id.clone(),
            number(entry.account).to_owned(),
            entry.time.clone(),
            entry.value.to_string(),
            entry.direction.name().to_owned(),
            yuan(entry.minor),
            "CNY".to_owned(),
            entry.bank_ref.clone(),
            entry.remark.to_owned(),
            entry.purpose.to_owned(),
            entry.original_ref.clone(),
        ]
    });
    Texts {
        header: &BANK,
        rows: rows.collect(),
    }
}

fn number(account: &str) -> &'static str {
    match account {
        "OA1" => OWN_CNY,
        "RA2" => RESERVE_EUR,
        _ => RESERVE_CNY,
    }
}

/// `balances.csv`: account, opening and closing, minor units.
pub fn balances(date: Date, lines: &[(&str, i64, i64)]) -> Vec<u8> {
    let mut text = String::from("account,currency,date,opening,closing\n");
    for (account, opening, closing) in lines {
        text.push_str(&format!(
            "{},CNY,{date},{},{}\n",
            number(account),
            yuan(*opening),
            yuan(*closing)
        ));
    }
    text.into_bytes()
}

/// The euro account's statements of a day as camt.053.001.08, counted from `number` on; each opens where the one before
/// closes.
pub fn camt(date: Date, number: usize, opening: i64, statements: &[&[&Entry]]) -> Vec<u8> {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n <BkToCstmrStmt>\n  <GrpHdr>\n   \
         <MsgId>RA2-{date}</MsgId>\n   <CreDtTm>{date}T23:30:00+02:00</CreDtTm>\n  </GrpHdr>\n"
    );
    let mut opening = opening;
    for (index, entries) in statements.iter().enumerate() {
        let closing = opening + movement(entries);
        statement(
            &mut xml,
            date,
            (index + 1, number + index),
            (opening, closing),
            entries,
        );
        opening = closing;
    }
    xml.push_str(" </BkToCstmrStmt>\n</Document>\n");
    xml.into_bytes()
}

fn statement(
    xml: &mut String,
    date: Date,
    (of_day, number): (usize, usize),
    (opening, closing): (i64, i64),
    entries: &[&Entry],
) {
    let balance = |code: &str, minor: i64| {
        let sign = if minor < 0 { "DBIT" } else { "CRDT" };
        format!(
            "   <Bal>\n    <Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>\n    <Amt Ccy=\"EUR\">{}</Amt>\n    \
             <CdtDbtInd>{sign}</CdtDbtInd>\n    <Dt><Dt>{date}</Dt></Dt>\n   </Bal>\n",
            yuan(minor.abs())
        )
    };
    let total = |name: &str, of: Option<Direction>| {
        let minors = entries
            .iter()
            .filter(|e| of.is_none_or(|d| e.direction == d))
            .map(|e| e.minor);
        let (count, sum) = minors.fold((0, 0), |(count, sum), minor| (count + 1, sum + minor));
        format!(
            "    <{name}><NbOfNtries>{count}</NbOfNtries><Sum>{}</Sum></{name}>\n",
            yuan(sum)
        )
    };
    xml.push_str(&format!(
        "  <Stmt>\n   <Id>RA2-{date}-{of_day}</Id>\n   <ElctrncSeqNb>{number}</ElctrncSeqNb>\n   \
         <CreDtTm>{date}T23:30:00+02:00</CreDtTm>\n   <Acct>\n    <Id><IBAN>{RESERVE_EUR}</IBAN></Id>\n    \
         <Ccy>EUR</Ccy>\n    <Svcr><FinInstnId><BICFI>SOGEDEFF</BICFI></FinInstnId></Svcr>\n   </Acct>\n",
    ));
    xml.push_str(&balance("OPBD", opening));
    xml.push_str(&balance("CLBD", closing));
    xml.push_str("   <TxsSummry>\n");
    xml.push_str(&total("TtlNtries", None));
    xml.push_str(&total("TtlCdtNtries", Some(Direction::Credit)));
    xml.push_str(&total("TtlDbtNtries", Some(Direction::Debit)));
    xml.push_str("   </TxsSummry>\n");
    for entry in entries {
        xml.push_str(&camt_entry(date, entry));
    }
    xml.push_str("  </Stmt>\n");
}

fn camt_entry(date: Date, entry: &Entry) -> String {
    let sign = match entry.direction {
        Direction::Credit => "CRDT",
        Direction::Debit => "DBIT",
    };
    let amount = yuan(entry.minor);
    let end_to_end = match entry.bank_ref.as_str() {
        "" => "NOTPROVIDED",
        reference => reference,
    };
    let purpose = match entry.purpose {
        "" => String::new(),
        purpose => format!("      <Purp><Prtry>{purpose}</Prtry></Purp>\n"),
    };
    let remark = match entry.remark {
        "" => String::new(),
        remark => format!("      <RmtInf><Ustrd>{remark}</Ustrd></RmtInf>\n"),
    };
    format!(
        "   <Ntry>\n    <Amt Ccy=\"EUR\">{amount}</Amt>\n    <CdtDbtInd>{sign}</CdtDbtInd>\n    \
         <Sts><Cd>BOOK</Cd></Sts>\n    <BookgDt><Dt>{date}</Dt></BookgDt>\n    <ValDt><Dt>{}</Dt></ValDt>\n    \
         <AcctSvcrRef>{}</AcctSvcrRef>\n    <BkTxCd><Prtry><Cd>TRANSFER</Cd></Prtry></BkTxCd>\n    <NtryDtls>\n     \
         <TxDtls>\n      <Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>\n      <Amt Ccy=\"EUR\">{amount}</Amt>\n      \
         <CdtDbtInd>{sign}</CdtDbtInd>\n{purpose}{remark}     </TxDtls>\n    </NtryDtls>\n   </Ntry>\n",
        entry.value, entry.id
    )
}

/// Number of our account at Alipay.
const PID: &str = "2088000000000000";
const BILL_HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
                           订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
                           商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
const SUMMARY_HEADER: &str = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,\
                              卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）";

/// Number and sum of payments and of refunds, and Alipay's fees; minor units.
#[derive(Clone, Copy, Debug, Default)]
struct BillTotals {
    payments: (usize, i64),
    refunds: (usize, i64),
    fee: i64,
}

fn bill_totals(bills: &[Bill]) -> BillTotals {
    let mut totals = BillTotals::default();
    for bill in bills {
        let part = match bill.refund.is_empty() {
            true => &mut totals.payments,
            false => &mut totals.refunds,
        };
        part.0 += 1;
        part.1 += bill.minor;
        totals.fee += bill.fee_minor;
    }
    totals
}

fn bill_head(kind: &str, date: Date) -> String {
    let day = |date: Date| {
        let (year, month, day) = date.ymd();
        format!("{year:04}年{month:02}月{day:02}日 00:00:00")
    };
    format!(
        "#{kind}\r\n#账号：[{PID}0156]\r\n#起始日期：[{}]   终止日期：[{}]\r\n",
        day(date),
        day(date.plus_days(1))
    )
}

fn exported(date: Date) -> String {
    let (year, month, day) = date.plus_days(1).ymd();
    format!("#导出时间：[{year:04}年{month:02}月{day:02}日 05:46:49]\r\n")
}

/// Alipay's trade bill of a day: the detail file, as text.
pub fn bill_detail(date: Date, bills: &[Bill]) -> String {
    let mut sorted: Vec<&Bill> = bills.iter().collect();
    sorted.sort_by(|a, b| (&a.done, &a.trade, &a.refund).cmp(&(&b.done, &b.trade, &b.refund)));
    let mut text = bill_head("支付宝业务明细查询", date);
    let rule = "-".repeat(41);
    text.push_str(&format!("#{rule}业务明细列表{rule}\r\n{BILL_HEADER}\r\n"));
    for bill in sorted {
        let refund = !bill.refund.is_empty();
        let sign = if refund { "-" } else { "" };
        let (kind, minor) = (if refund { "退款" } else { "交易" }, yuan(bill.minor));
        text.push_str(&format!(
            "{}\t,{}\t,{kind}\t,示例商品,{},{},\t,\t,\t,\t,*顾客(138***@example.com)\t,{sign}{minor},{sign}{minor},\
             0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{}\t,{},0.00,\r\n",
            bill.trade,
            bill.order,
            bill.done,
            bill.done,
            bill.refund,
            yuan(-bill.fee_minor),
        ));
    }
    let totals = bill_totals(bills);
    text.push_str(&format!(
        "#{rule}业务明细列表结束{rule}\r\n\
         #交易合计：{}笔，商家实收共{}元，商家优惠共0.00元\r\n#退款合计：{}笔，商家实收退款共{}元，商家优惠退款共0.00元\r\n",
        totals.payments.0,
        yuan(totals.payments.1),
        totals.refunds.0,
        yuan(-totals.refunds.1),
    ));
    text.push_str(&exported(date));
    text
}

/// The summary file that comes with it.
pub fn bill_summary(date: Date, bills: &[Bill]) -> String {
    let totals = bill_totals(bills);
    let gross = totals.payments.1 - totals.refunds.1;
    let line = format!(
        "{},{},{gross},{gross},0.00,0.00,0.00,{},0.00,{}",
        totals.payments.0,
        totals.refunds.0,
        yuan(-totals.fee),
        yuan(gross - totals.fee),
        gross = yuan(gross),
    );
    let rule = "-".repeat(41);
    format!(
        "{}#{rule}业务汇总列表{rule}\r\n{SUMMARY_HEADER}\r\n\t,\t,{line}\r\n合计\t,\t,{line}\r\n\
         #{rule}业务汇总列表结束{rule}\r\n{}",
        bill_head("支付宝业务汇总查询", date),
        exported(date)
    )
}

/// The delivered archive: both files in GBK, the summary first, as it may come.
///
/// # Errors
/// 70 when the archive cannot be written.
pub fn bill_archive(date: Date, bills: &[Bill]) -> Result<Vec<u8>, Stop> {
    let gbk = |text: String| encoding_rs::GBK.encode(&text).0.into_owned();
    let stamp = date.to_string().replace('-', "");
    zipped(&[
        (
            &format!("{PID}0156_{stamp}_业务明细(汇总).csv"),
            &gbk(bill_summary(date, bills)),
        ),
        (
            &format!("{PID}0156_{stamp}_业务明细.csv"),
            &gbk(bill_detail(date, bills)),
        ),
    ])
}

/// A zip archive without times, so that the same members give the same bytes.
///
/// # Errors
/// 70 when the archive cannot be written.
pub fn zipped(members: &[(&str, &[u8])]) -> Result<Vec<u8>, Stop> {
    let failed = |error: &dyn std::fmt::Display| Stop::invariant(format!("zip: {error}"));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, options).map_err(|error| failed(&error))?;
        zip.write_all(bytes).map_err(|error| failed(&error))?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

/// Compressed by gzip, without a time.
///
/// # Errors
/// 70 when the encoder fails.
pub fn gzipped(bytes: &[u8]) -> Result<Vec<u8>, Stop> {
    let failed = |error: std::io::Error| Stop::invariant(format!("gzip: {error}"));
    let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).map_err(failed)?;
    gzip.finish().map_err(failed)
}

/// Compressed by zstd.
///
/// # Errors
/// 70 when the encoder fails.
pub fn zstd(bytes: &[u8]) -> Result<Vec<u8>, Stop> {
    zstd::encode_all(bytes, 3).map_err(|error| Stop::invariant(format!("zstd: {error}")))
}
