//! Sums that stand in another file than the rows: Alipay's 汇总 and UnionPay's RD report come in the archive of the rows, and
//! say of them what no line among the rows does.
//!
//! In: the text of such a summary, and the rows of the files beside it as they are given. Out: whether they agree. Alipay's
//! 商家实收 and 服务费 of 合计 may be of payments less refunds or of payments alone, since no public file shows which: either is
//! taken, and anything else refused (D213). UnionPay's 总计 is of ZM, or of ZM and ZME.
//!
//! Not done here: which files belong together, and what follows where they differ.

use encoding_rs::Encoding;

use super::values::Number;
use crate::entries::rows::{
    AdjustmentRow, BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink,
};
use crate::terms::kinds::TxnType;
use crate::terms::money::format_minor;

/// Formats whose rows are summed in a file beside them.
const SUMMED: [&str; 3] = ["alipay-trade", "unionpay-zm", "unionpay-zme"];
/// The format whose rows the sender may leave out of its sums.
const DISPUTES: &str = "unionpay-zme";
/// Decimals of all these sums, which are in yuan.
const DIGITS: u32 = 2;

/// Rows that were given, in sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSums {
    /// Rows, those that move no money among them.
    pub rows: u64,
    /// Refused rows: with any of them the sums are not those of the file.
    pub refused: u64,
    /// What came in.
    pub payments: Side,
    /// What went back.
    pub refunds: Side,
    /// True of rows that the sender may leave out of its sums.
    pub may_be_left_out: bool,
}

/// Rows of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Amounts, in minor units.
    pub amount_minor: i128,
    /// Fees, in minor units: charged on what came in, given back on what went back.
    pub fee_minor: i128,
}

impl RowSums {
    fn with(&self, other: &RowSums) -> RowSums {
        let add = |a: &Side, b: &Side| Side {
            amount_minor: a.amount_minor + b.amount_minor,
            fee_minor: a.fee_minor + b.fee_minor,
        };
        RowSums {
            rows: self.rows + other.rows,
            refused: self.refused + other.refused,
            payments: add(&self.payments, &other.payments),
            refunds: add(&self.refunds, &other.refunds),
            may_be_left_out: self.may_be_left_out && other.may_be_left_out,
        }
    }

    fn amount_minor(&self) -> i128 {
        self.payments.amount_minor - self.refunds.amount_minor
    }

    fn fee_minor(&self) -> i128 {
        self.payments.fee_minor - self.refunds.fee_minor
    }
}

/// What a summary states of the rows of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedSums {
    kind: Kind,
    rows: u64,
    amount_minor: i128,
    /// Positive is charged.
    fee_minor: i128,
    /// What is paid out, where it is compared.
    net_minor: Option<i128>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alipay,
    UnionPay,
}

impl Kind {
    fn place(self) -> &'static str {
        match self {
            Kind::Alipay => "合计",
            Kind::UnionPay => "总计",
        }
    }
}

/// What comes of a summary and the rows beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// They agree, in words.
    Holds(String),
    /// They cannot be compared, in words.
    Open(String),
    /// They differ, in words.
    Differs(String),
}

/// What to do where they differ.
pub const HELP: &str = "rows are missing, doubled or changed, or the two files are not of one bill: fetch both again; no row of this delivery is taken";

/// True of a format whose rows may be summed in a file beside them.
pub fn is_summed(format: &str) -> bool {
    SUMMED.contains(&format)
}

/// Gives rows on, and adds them up.
pub struct Summing<'s> {
    inner: &'s mut dyn RowSink,
    /// The sums so far.
    pub sums: RowSums,
}

impl<'s> Summing<'s> {
    /// Where the rows go.
    pub fn inner(&mut self) -> &mut dyn RowSink {
        &mut *self.inner
    }

    /// Nothing was added up yet of a file of this format.
    pub fn new(inner: &'s mut dyn RowSink, format: &str) -> Summing<'s> {
        Summing {
            inner,
            sums: RowSums {
                may_be_left_out: format == DISPUTES,
                ..RowSums::default()
            },
        }
    }
}

impl RowSink for Summing<'_> {
    fn reads_free_text(&self) -> bool {
        self.inner.reads_free_text()
    }
    fn expect_merchant(&self, merchant_id: &[u8]) {
        self.inner.expect_merchant(merchant_id);
    }
    fn platform(&mut self, row: &PlatformRow<'_>) {
        self.inner.platform(row);
    }
    fn bank(&mut self, row: &BankRow<'_>) {
        self.inner.bank(row);
    }
    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.sums.rows += 1;
        let side = match row.txn_type {
            TxnType::Payment | TxnType::Adjustment | TxnType::ChargebackReversal => &mut self.sums.payments,
            _ => &mut self.sums.refunds,
        };
        side.amount_minor += i128::from(row.amount_minor);
        side.fee_minor += i128::from(row.fee_minor);
        self.inner.channel(row);
    }
    fn balance(&mut self, row: &BalanceRow) {
        self.inner.balance(row);
    }
    fn reject(&mut self, reject: Reject) {
        self.sums.refused += 1;
        self.inner.reject(reject);
    }
    fn not_booked(&mut self, place: Place) {
        self.sums.rows += 1;
        self.inner.not_booked(place);
    }
    fn adjustment(&mut self, row: &AdjustmentRow<'_>) {
        self.inner.adjustment(row);
    }
    fn entry_of_report(&mut self, row: &BankRow<'_>) {
        self.inner.entry_of_report(row);
    }
}

/// What a summary states; in words why nothing is compared with it where it is not understood. `None` of a text that is none.
pub fn stated(bytes: &[u8], encoding: &'static Encoding) -> Option<Result<StatedSums, String>> {
    let text = encoding.decode(bytes).0;
    let first = text.lines().next()?.trim();
    let (kind, stated) = if first.starts_with("#支付宝业务汇总查询") {
        (Kind::Alipay, alipay(&text))
    } else if first.starts_with("中国银联全渠道商户交易汇总表") {
        (Kind::UnionPay, unionpay(&text))
    } else {
        return None;
    };
    Some(stated.ok_or_else(|| {
        format!(
            "{}: not compared with the rows beside it: the line or its columns are not as this format is known",
            kind.place()
        )
    }))
}

fn minor(text: &str) -> Option<i128> {
    let number = Number {
        thousands: Some(b','),
        padded: true,
        ..Number::default()
    };
    number.minor(text, DIGITS).ok().map(i128::from)
}

fn alipay(text: &str) -> Option<StatedSums> {
    let trimmed = |c: char| matches!(c, ' ' | '\t' | '\r' | '"' | '\u{feff}');
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split(',').map(|cell| cell.trim_matches(trimmed).to_owned());
        cells.collect()
    };
    let mut lines = text.lines().map(cells);
    let titles = lines.find(|cells| cells.iter().any(|cell| cell == "交易订单总笔数"))?;
    let mut totals = lines.filter(|cells| cells.first().is_some_and(|cell| cell == "合计"));
    let total = totals.next()?;
    // A thousands sign shifts the cells, and two totals are two files.
    if total.len() != titles.len() || totals.next().is_some() {
        return None;
    }
    let cell = |title: &str| {
        let at = titles.iter().position(|known| known == title)?;
        total.get(at).map(String::as_str)
    };
    let count = |title: &str| cell(title)?.parse::<u64>().ok();
    Some(StatedSums {
        kind: Kind::Alipay,
        rows: count("交易订单总笔数")?.checked_add(count("退款订单总笔数")?)?,
        amount_minor: minor(cell("商家实收（元）")?)?,
        fee_minor: -minor(cell("服务费（元）")?)?,
        net_minor: None,
    })
}

fn unionpay(text: &str) -> Option<StatedSums> {
    let merchants = text
        .lines()
        .filter(|line| line.trim_start().starts_with("商户代码"));
    if merchants.count() != 1 {
        return None;
    }
    // The sums by kind of card, behind those by kind of transaction, say the same.
    let line = text.lines().find(|line| line.trim_start().starts_with("总计"))?;
    let figures: Vec<&str> = line.split_whitespace().skip(1).collect();
    let [rows, amounts @ ..] = figures.as_slice() else {
        return None;
    };
    let amounts: Option<Vec<i128>> = amounts.iter().map(|text| minor(text)).collect();
    let [debit, credit, charged, given_back, paid_in, paid_out] = *amounts?.as_slice() else {
        return None;
    };
    Some(StatedSums {
        kind: Kind::UnionPay,
        rows: rows.parse().ok()?,
        amount_minor: credit - debit,
        fee_minor: charged - given_back,
        net_minor: Some(paid_out - paid_in),
    })
}

/// The day of UnionPay's report, as its first lines say it.
pub fn day_of_report(bytes: &[u8], encoding: &'static Encoding) -> Option<(u64, crate::terms::date::Date)> {
    let text = encoding.decode(bytes).0;
    let mut lines = text.lines().zip(1u64..);
    let (first, _) = lines.next()?;
    if !first.trim().starts_with("中国银联全渠道商户交易汇总表") {
        return None;
    }
    lines.find_map(|(line, at)| {
        let digits = line.split_once("清算日期:")?.1.trim_start().get(..8)?;
        let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
        let year = i32::try_from(number(0, 4)?).ok()?;
        let day = crate::terms::date::Date::from_ymd(year, number(4, 6)?, number(6, 8)?)?;
        Some((at, day))
    })
}

/// Compares what summaries state with the rows of the files beside them, all together.
pub fn compare(stated: &[&StatedSums], rows: &[&RowSums]) -> Compared {
    let kind = stated.first().map_or(Kind::Alipay, |stated| stated.kind);
    let name = kind.place();
    let all = |left_out: bool| {
        let kept = rows.iter().filter(|rows| !(left_out && rows.may_be_left_out));
        kept.fold(RowSums::default(), |all, rows| all.with(rows))
    };
    let whole_files = rows.iter().filter(|rows| !rows.may_be_left_out).count();
    if stated.len() != whole_files {
        return Compared::Open(format!(
            "{name}: not compared: {} summaries stand beside {whole_files} files with rows",
            stated.len()
        ));
    }
    let refused: u64 = rows.iter().map(|rows| rows.refused).sum();
    if refused > 0 {
        return Compared::Open(format!("{name}: not compared: {refused} rows are refused"));
    }
    let sum = |of: fn(&StatedSums) -> i128| stated.iter().map(|stated| of(stated)).sum::<i128>();
    // A sender may write any count.
    let stated_rows: u128 = stated.iter().map(|stated| u128::from(stated.rows)).sum();
    let (amount, fee) = (sum(|stated| stated.amount_minor), sum(|stated| stated.fee_minor));
    let net = sum(|stated| stated.net_minor.unwrap_or(0));
    let differs = |found: &RowSums| {
        let yuan = |minor: i128| format_minor(minor, DIGITS);
        let fails = |what: &str, found: String, expected: String| {
            Some(format!("{name}: {what}: found {found}, expected {expected}"))
        };
        let of_payments = |figure: i128, payments: i128| kind == Kind::Alipay && figure == payments;
        if u128::from(found.rows) != stated_rows {
            return fails("rows", found.rows.to_string(), stated_rows.to_string());
        }
        if found.amount_minor() != amount && !of_payments(amount, found.payments.amount_minor) {
            return fails("amounts", yuan(found.amount_minor()), yuan(amount));
        }
        if found.fee_minor() != fee && !of_payments(fee, found.payments.fee_minor) {
            return fails("fees", yuan(found.fee_minor()), yuan(fee));
        }
        let found_net = found.amount_minor() - found.fee_minor();
        if kind == Kind::UnionPay && found_net != net {
            return fails("amounts less fees", yuan(found_net), yuan(net));
        }
        None
    };
    match (differs(&all(false)), differs(&all(true))) {
        (None, _) | (_, None) => Compared::Holds(format!(
            "{name}: {stated_rows} rows, amounts {}, fees {}, as the file with the sums says",
            format_minor(amount, DIGITS),
            format_minor(fee, DIGITS)
        )),
        (Some(_), Some(words)) => Compared::Differs(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;

    fn sums(rows: u64, paid: (i128, i128), refunded: (i128, i128)) -> RowSums {
        let side = |(amount_minor, fee_minor)| Side {
            amount_minor,
            fee_minor,
        };
        RowSums {
            rows,
            payments: side(paid),
            refunds: side(refunded),
            ..RowSums::default()
        }
    }

    const SUMMARY: &str = "#支付宝业务汇总查询\n#账号：[20880156]\n#---业务汇总列表---\n门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）\n\t,其他\t,2,2,88.01,88.01,0.00,0.00,0.00,-0.53,0.00,87.48\n合计\t,\t,2,2,88.01,88.01,0.00,0.00,0.00,-0.53,0.00,87.48\n#---业务汇总列表结束---\n";

    #[test]
    fn what_alipay_sums_up_beside_the_rows_is_compared() {
        let read = |text: &str| stated(text.as_bytes(), UTF_8);
        let summary = read(SUMMARY).unwrap().unwrap();
        let check = |rows: RowSums| compare(&[&summary], &[&rows]);
        assert_eq!(
            check(sums(4, (10_001, 60), (1_200, 7))),
            Compared::Holds(
                "合计: 4 rows, amounts 88.01, fees 0.53, as the file with the sums says".to_owned()
            )
        );
        let differs = |rows: RowSums| match check(rows) {
            Compared::Differs(words) => words,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            differs(sums(4, (10_001, 600), (1_200, 7))),
            "合计: fees: found 5.93, expected 0.53"
        );
        assert_eq!(
            differs(sums(3, (10_001, 60), (1_200, 7))),
            "合计: rows: found 3, expected 4"
        );
        assert_eq!(
            differs(sums(4, (10_002, 60), (1_200, 7))),
            "合计: amounts: found 88.02, expected 88.01"
        );
        // Of payments alone.
        let gross = SUMMARY.replace("88.01", "100.01").replace("-0.53", "-0.60");
        let gross = read(&gross).unwrap().unwrap();
        let rows = sums(4, (10_001, 60), (1_200, 7));
        assert!(matches!(compare(&[&gross], &[&rows]), Compared::Holds(_)));
        // What is not understood is not compared, and that is said.
        for (known, other) in [
            ("合计\t", "共\t"),
            ("服务费（元）", "服务费"),
            (",88.01,0.00", ",\"1,088.01\",0.00"),
        ] {
            let words = read(&SUMMARY.replace(known, other)).unwrap().unwrap_err();
            assert!(
                words.starts_with("合计: not compared with the rows beside it"),
                "{words}"
            );
        }
        let many = SUMMARY.replace(",2,2,", &format!(",{},0,", u64::MAX));
        let many = read(&many).unwrap().unwrap();
        assert!(matches!(
            compare(&[&many, &many], &[&rows, &rows]),
            Compared::Differs(_)
        ));
        let refused = RowSums {
            refused: 1,
            ..rows.clone()
        };
        assert!(matches!(check(refused), Compared::Open(_)));
        assert!(matches!(compare(&[&gross], &[&rows, &rows]), Compared::Open(_)));
    }

    const REPORT: &str = "        中国银联全渠道商户交易汇总表      \r\n\r\n商户代码:802310048993424      清算币种:人民币\r\n收单机构:88022900      清算日期:20150905\r\n\r\n自助消费    8    0.00    13227.00    79.36    0.00    0.00    13147.64\r\n____\r\n总计    8    0.00    13227.00    79.36    0.00    0.00    13147.64\r\n\r\n借记卡    8    0.00    13227.00    79.36    0.00    0.00    13147.64\r\n总计    8    0.00    13227.00    79.36    0.00    0.00    13147.64\r\n";

    #[test]
    fn what_unionpay_reports_of_the_rows_is_compared() {
        let report = stated(REPORT.as_bytes(), UTF_8).unwrap().unwrap();
        let day = day_of_report(REPORT.as_bytes(), UTF_8).unwrap();
        assert_eq!((day.0, day.1.to_string().as_str()), (4, "2015-09-05"));
        let rows = sums(8, (1_322_700, 7_936), (0, 0));
        assert!(matches!(compare(&[&report], &[&rows]), Compared::Holds(_)));
        let lost = sums(7, (1_189_400, 7_136), (0, 0));
        assert_eq!(
            compare(&[&report], &[&lost]),
            Compared::Differs("总计: rows: found 7, expected 8".to_owned())
        );
        // Disputes are among the sums, or are not.
        let disputes = RowSums {
            may_be_left_out: true,
            ..sums(1, (0, 0), (13_300, 0))
        };
        assert!(matches!(
            compare(&[&report], &[&rows, &disputes]),
            Compared::Holds(_)
        ));
        let taken = sums(7, (1_336_000, 7_936), (0, 0));
        assert!(matches!(
            compare(&[&report], &[&taken, &disputes]),
            Compared::Holds(_)
        ));
        let other = REPORT.replace("总计", "合计");
        assert!(stated(other.as_bytes(), UTF_8).unwrap().is_err());
        assert_eq!(stated(b"a,b\n", UTF_8), None);
    }
}
