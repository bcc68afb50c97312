//! Stage 1: table formats by profile, beside the canonical reader. One thread, files of 500 MB.
//!
//! As a close reads them: each file is also hashed (SHA-256), which the canonical reader does by itself. All files are read
//! in turn, round by round, so that a machine that is slow for a while is slow for all. For each file the least processor
//! time of the rounds, MB/s, and the speed as a part of the canonical reader's. The statement also beside
//! the same rows as a canonical bank table, row for row: its Chinese takes two bytes a character there and three here.
//! `TIEOUT_BENCH_MB` sets the size, `TIEOUT_BENCH_ROUNDS` the rounds, `TIEOUT_BENCH_ONLY` one reader;
//! `TIEOUT_BENCH_FOLDER` keeps the files for other readers (scripts/bench_tables.sh).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

mod day;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use encoding_rs::{GB18030, UTF_8};
use sha2::{Digest, Sha256};
use tieout::book::Book;
use tieout::book::settings::{Role, Source};
use tieout::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use tieout::ingest::canonical::context::ReadContext;
use tieout::ingest::canonical::{Work, bind_header, parse_block};
use tieout::ingest::csv_blocks::{BlockBytes, BlockReader};
use tieout::ingest::formats::{FormatContext, read_foreign};

/// A number from the environment, which is where `cargo bench` takes arguments from.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// A profile of the canonical channel table, to read the same bytes twice.
const CANONICAL: &str = r#"
title = "the canonical channel table"
role = "channel"
encodings = ["utf-8"]
[recognise]
header = ["channel", "channel_ref", "txn_type"]
[frame]
delimiter = ","
quote = '"'
[fields]
channel = { columns = ["channel"] }
channel_ref = { columns = ["channel_ref"] }
order_id = { columns = ["order_id"] }
txn_type = { columns = ["txn_type"] }
amount = { columns = ["amount"] }
fee = { columns = ["fee"] }
currency = { columns = ["currency"] }
txn_time = { columns = ["txn_time"], pattern = "RFC 3339" }
settle_date = { columns = ["settle_date"], pattern = "yyyy-MM-dd" }
batch_ref = { columns = ["batch_ref"] }
status = { columns = ["status"] }
refund_ref = { columns = ["refund_ref"] }
"#;

/// Adds amounts up, so that no field can be skipped.
#[derive(Default)]
struct Sum(i128);

impl RowSink for Sum {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        self.0 += i128::from(row.amount_minor);
    }
    fn bank(&mut self, row: &BankRow<'_>) {
        self.0 += i128::from(row.amount_minor) + row.bank_ref.len() as i128;
    }
    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.0 += i128::from(row.amount_minor) + i128::from(row.fee_minor) + row.order_id.len() as i128;
    }
    fn balance(&mut self, row: &BalanceRow) {
        self.0 += i128::from(row.closing_minor);
    }
    fn reject(&mut self, reject: Reject) {
        assert!(reject.field.is_empty(), "generated rows are read: {reject:?}");
    }
    fn not_booked(&mut self, _: Place) {}
}

/// Writes `head`, rows until the file is large enough, and what the number of rows makes of its tail.
fn generate(file: &mut Target<'_>, head: &str, row: impl Fn(u64) -> String, tail: impl Fn(u64) -> String) {
    let bytes_wanted = setting("TIEOUT_BENCH_MB", 500) * 1_000_000;
    file.write(head);
    let mut rows = 0;
    while file.bytes < bytes_wanted {
        file.write(&row(rows));
        rows += 1;
    }
    file.write(&tail(rows));
}

/// A file in an encoding.
struct Target<'a> {
    file: BufWriter<&'a File>,
    encoding: &'static encoding_rs::Encoding,
    bytes: u64,
    /// Id of an account of the book.
    account: String,
}

impl Target<'_> {
    fn write(&mut self, text: &str) {
        let (bytes, _, unknown) = self.encoding.encode(text);
        assert!(!unknown, "every character is in the encoding");
        self.file.write_all(&bytes).unwrap();
        self.bytes += bytes.len() as u64;
    }
}

fn clock(row: u64) -> String {
    format!("{:02}:{:02}:{:02}", row / 3600 % 24, row / 60 % 60, row % 60)
}

fn wechat(file: &mut Target<'_>) {
    let head = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\n";
    let row = |row: u64| {
        format!(
            "`2026-11-20 {},`wx2421b1c4370ec43b,`1601959334,`0,`,`42000009{row:020},`S20261120{row:012},`ofyak5qR_1wYsC99CsWA6R9MJazA,`NATIVE,`SUCCESS,`OTHERS,`CNY,`{}.53,`0.00,`0,`0,`0.00,`0.00,`,`,`绿茶 500g,`{{\"shop\":{},\"till\":7}},`0.32000,`0.60%,`{}.53,`0.00,`\n",
            clock(row),
            row % 1000,
            row % 97,
            row % 1000,
        )
    };
    let sums = |rows: u64| {
        let minor: u64 = (0..rows).map(|row| row % 1000 * 100 + 53).sum();
        let fee = rows * 32;
        format!(
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\n`{rows},`{}.{:02},`0.00,`0.00,`{}.{:02}000,`{}.{:02},`0.00\n",
            minor / 100,
            minor % 100,
            fee / 100,
            fee % 100,
            minor / 100,
            minor % 100
        )
    };
    generate(file, head, row, sums);
}

fn alipay(file: &mut Target<'_>) {
    let head = "#支付宝业务明细查询\n#账号：[20880211096256330156]\n#---业务明细列表---\n支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\n";
    let row = |row: u64| {
        let (time, yuan) = (clock(row), row % 1000);
        format!(
            "2026112022{row:018}\t,S20261120{row:012}\t,交易\t,绿茶 500g,2026-11-20 {time},2026-11-20 {time},S{}\t,南京路店\t,alipay\t,\t,*津水(602***@qq.com)\t,{yuan}.53,{yuan}.53,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.32,0.00,\n",
            row % 97
        )
    };
    let sums = |rows: u64| {
        let minor: u64 = (0..rows).map(|row| row % 1000 * 100 + 53).sum();
        format!(
            "#---业务明细列表结束---\n#交易合计：{rows}笔，商家实收共{}.{:02}元，商家优惠共0.00元\n#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元\n",
            minor / 100,
            minor % 100
        )
    };
    generate(file, head, row, sums);
}

fn canonical(file: &mut Target<'_>) {
    let head = "channel,channel_ref,order_id,txn_type,amount,fee,currency,txn_time,settle_date,batch_ref,status,refund_ref\n";
    let row = |row: u64| {
        format!(
            "WECHAT,42000009{row:020},S20261120{row:012},PAYMENT,{}.53,0.32,CNY,2026-11-20T{}+08:00,2026-11-20,,SUCCESS,\n",
            row % 1000,
            clock(row)
        )
    };
    generate(file, head, row, |_| String::new());
}

/// Who pays or is paid: one of 200, in no order.
fn counterparty(row: u64) -> String {
    let place = ["江南", "海河", "太湖", "津门", "岭南", "北辰", "云岭", "锦绣"];
    let goods = ["茶叶", "纸业", "电子科技", "食品", "文化传播"];
    let number = (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % 200;
    let kind = ["有限公司", "股份有限公司", "商行", "合作社", "贸易有限公司"];
    format!(
        "{}{}{}",
        place[number % 8],
        goods[number / 8 % 5],
        kind[number / 40]
    )
}

fn statement(file: &mut Target<'_>) {
    let head = "账号：6222000000000001\n交易日期,交易时间,流水号,凭证号,摘要,借方发生额,贷方发生额,账户余额,对方户名,对方账号,开户行,用途\n";
    let row = |row: u64| {
        // A payment in of 1,000.53 and a payment out of 0.53 take turns.
        let rest = (1_000_000_000 + (row / 2 + 1) * 100_000 + if row % 2 == 1 { 0 } else { 53 }).to_string();
        let (yuan, fen) = rest.split_at(rest.len() - 2);
        let mut grouped = String::new();
        for (at, digit) in yuan.chars().enumerate() {
            if at > 0 && (yuan.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let (debit, credit) = if row % 2 == 1 {
            ("0.53", "")
        } else {
            ("", "\"1,000.53\"")
        };
        format!(
            "2026-11-20,{},{row:012},,货款,{debit},{credit},\"{grouped}.{fen}\",{},6222000000009999,工商银行南京路支行,P-{row:014}\n",
            clock(row),
            counterparty(row)
        )
    };
    generate(file, head, row, |_| String::new());
}

/// The rows of that statement as a canonical bank table.
fn canonical_bank(file: &mut Target<'_>) {
    let head = "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark,batch_ref,counterparty_name,counterparty_account,purpose,original_ref\n";
    let account = file.account.clone();
    let row = |row: u64| {
        let (direction, amount) = if row % 2 == 1 {
            ("D", "0.53")
        } else {
            ("C", "1000.53")
        };
        format!(
            "{row:012},{account},2026-11-20T{}+08:00,2026-11-20,{direction},{amount},CNY,{row:014},货款,,{},6222000000009999,,\n",
            clock(row),
            counterparty(row)
        )
    };
    generate(file, head, row, |_| String::new());
}

/// A profile of that statement.
const STATEMENT: &str = r#"
title = "a bank's statement"
role = "bank"
encodings = ["gb18030"]
[recognise]
header = ["交易日期", "流水号", "借方发生额", "贷方发生额"]
[number]
thousands = ","
[frame]
delimiter = ","
quote = '"'
trim = " \t"
[fields]
entry_id = { columns = "流水号", required = true }
account = { from = "source.account" }
booking_time = { join = ["交易日期", "交易时间"], with = " ", pattern = "yyyy-MM-dd HH:mm:ss" }
value_date = { columns = "交易日期", pattern = "yyyy-MM-dd" }
amount = { credit_columns = "贷方发生额", debit_columns = "借方发生额", required = true }
currency = { value = "CNY" }
bank_ref = { columns = "用途", extract = "P-{word}" }
remark = { columns = "摘要" }
counterparty_name = { columns = "对方户名" }
counterparty_account = { columns = "对方账号" }
balance = { columns = "账户余额" }
[balance]
order = "oldest first"
statement = true
"#;

/// A profile of the canonical bank table.
const BANK: &str = r#"
title = "the canonical bank table"
role = "bank"
encodings = ["utf-8"]
[recognise]
header = ["entry_id", "account", "booking_time"]
[frame]
delimiter = ","
quote = '"'
[fields]
entry_id = { columns = ["entry_id"], required = true }
account = { columns = ["account"] }
booking_time = { columns = ["booking_time"], pattern = "RFC 3339" }
value_date = { columns = ["value_date"], pattern = "yyyy-MM-dd" }
direction = { columns = ["direction"] }
amount = { columns = ["amount"] }
currency = { columns = ["currency"] }
bank_ref = { columns = ["bank_ref"] }
remark = { columns = ["remark"] }
batch_ref = { columns = ["batch_ref"] }
counterparty_name = { columns = ["counterparty_name"] }
counterparty_account = { columns = ["counterparty_account"] }
purpose = { columns = ["purpose"] }
original_ref = { columns = ["original_ref"] }
"#;

/// A file, and how it is read.
struct Case {
    name: &'static str,
    format: &'static str,
    profile: Option<&'static str>,
    role: Role,
    encoding: &'static encoding_rs::Encoding,
    write: fn(&mut Target<'_>),
}

impl Case {
    /// True where the canonical reader reads it too.
    fn is_canonical(&self) -> bool {
        self.format == CANONICAL_CHANNEL || self.format == CANONICAL_BANK
    }
}

const CANONICAL_CHANNEL: &str = "canonical-profile";
const CANONICAL_BANK: &str = "canonical-bank";

const CASES: [Case; 6] = [
    Case {
        name: "canonical",
        format: CANONICAL_CHANNEL,
        profile: Some(CANONICAL),
        role: Role::Channel,
        encoding: UTF_8,
        write: canonical,
    },
    Case {
        name: "wechat",
        format: "wechat-trade",
        profile: None,
        role: Role::Channel,
        encoding: UTF_8,
        write: wechat,
    },
    Case {
        name: "alipay-utf8",
        format: "alipay-trade",
        profile: None,
        role: Role::Channel,
        encoding: UTF_8,
        write: alipay,
    },
    Case {
        name: "alipay-gbk",
        format: "alipay-trade",
        profile: None,
        role: Role::Channel,
        encoding: GB18030,
        write: alipay,
    },
    Case {
        name: "canonical-bank",
        format: CANONICAL_BANK,
        profile: Some(BANK),
        role: Role::Bank,
        encoding: UTF_8,
        write: canonical_bank,
    },
    Case {
        name: "statement-gbk",
        format: "a-bank",
        profile: Some(STATEMENT),
        role: Role::Bank,
        encoding: GB18030,
        write: statement,
    },
];

/// A file that is hashed while it is read.
struct Hashed<'a> {
    file: File,
    sha256: &'a mut Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(out)?;
        self.sha256.update(&out[..read]);
        Ok(read)
    }
}

/// Nanoseconds of processor time of this thread.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Processor time of a reading.
fn spent_ns(read: impl FnOnce()) -> u64 {
    let before = processor_ns();
    read();
    processor_ns() - before
}

/// Prints a line and gives MB/s.
fn tell(name: &str, bytes: u64, ns: u64, canonical: Option<u64>) -> u64 {
    let rate = bytes * 1000 / ns.max(1);
    let part = match canonical {
        Some(canonical) => format!(", {}% of the canonical reader", rate * 100 / canonical.max(1)),
        None => String::new(),
    };
    println!(
        "{name}: {} MB in {} ms of processor time = {rate} MB/s{part}",
        bytes / 1_000_000,
        ns / 1_000_000
    );
    rate
}

/// Lines of a file.
fn rows_of(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    memchr::memchr_iter(b'\n', &bytes).count().max(1) as u64
}

fn read_canonical(book: &Book, source: &Source, path: &Path, role: Role) {
    let context = ReadContext::new(&book.settings, source, None);
    let reader = BlockReader::new(Box::new(File::open(path).unwrap()), None).unwrap();
    let binding = bind_header(role, reader.header(), &context).ok().unwrap();
    let (mut buffer, mut work, mut sum) = (BlockBytes::default(), Work::default(), Sum::default());
    while let Some(head) = reader.next_block(&mut buffer).ok().unwrap() {
        parse_block(&binding, &head, &buffer, &context, &mut work, &mut sum)
            .ok()
            .unwrap();
    }
    black_box(sum.0);
}

/// Turns a file into UTF-8, as much at a time as the table engine does, and nothing else.
fn decode(path: &Path, encoding: &'static encoding_rs::Encoding) {
    let mut file = File::open(path).unwrap();
    let (mut raw, mut text) = (vec![0; 128 << 10], String::new());
    let mut decoder = encoding.new_decoder_without_bom_handling();
    loop {
        let read = file.read(&mut raw).unwrap();
        text.clear();
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(read).unwrap());
        let decoded = decoder.decode_to_string_without_replacement(&raw[..read], &mut text, read == 0);
        let _ = black_box((decoded, &text));
        if read == 0 {
            return;
        }
    }
}

/// A file that was written, and its readings.
struct Written<'a> {
    case: &'a Case,
    path: PathBuf,
    bytes: u64,
    rows: u64,
    source: Source,
    /// Least processor time of the canonical reader, of the profile, and of decoding alone.
    canonical_ns: u64,
    profile_ns: u64,
    decoding_ns: u64,
}

impl<'a> Written<'a> {
    fn new(case: &'a Case, book: &Book, folder: &Path) -> Written<'a> {
        let path = folder.join(format!("{}.csv", case.name));
        let account = &book.settings.accounts[0].id;
        if !path.exists() {
            let file = File::create(&path).unwrap();
            let mut target = Target {
                file: BufWriter::with_capacity(1 << 20, &file),
                encoding: case.encoding,
                bytes: 0,
                account: account.clone(),
            };
            (case.write)(&mut target);
            target.file.flush().unwrap();
        }
        Written {
            case,
            bytes: path.metadata().unwrap().len(),
            rows: rows_of(&path),
            path,
            source: Source {
                role: case.role,
                channel: None,
                account: Some(account.clone()),
                ..book.settings.sources[0].clone()
            },
            canonical_ns: u64::MAX,
            profile_ns: u64::MAX,
            decoding_ns: u64::MAX,
        }
    }

    /// Reads the file once in each way.
    fn round(&mut self, book: &Book) {
        if self.case.is_canonical() {
            let ns = spent_ns(|| read_canonical(book, &self.source, &self.path, self.case.role));
            self.canonical_ns = self.canonical_ns.min(ns);
        }
        let ns = spent_ns(|| self.read_by_profile(book));
        self.profile_ns = self.profile_ns.min(ns);
        if self.case.encoding != UTF_8 {
            let ns = spent_ns(|| decode(&self.path, self.case.encoding));
            self.decoding_ns = self.decoding_ns.min(ns);
        }
    }

    fn read_by_profile(&self, book: &Book) {
        let ctx = FormatContext {
            settings: &book.settings,
            source: &self.source,
            business_date: day::date(),
        };
        let profile = |name: &str| {
            (name == self.case.format)
                .then(|| self.case.profile.map(str::to_owned))
                .flatten()
        };
        let (mut sum, mut sha256) = (Sum::default(), Sha256::new());
        let file = Hashed {
            file: File::open(&self.path).unwrap(),
            sha256: &mut sha256,
        };
        let facts = read_foreign(self.case.format, &profile, Box::new(file), &ctx, &mut sum);
        let facts = facts.map_err(|refused| (self.case.name, refused)).unwrap();
        black_box((sum.0, facts, sha256.finalize()));
    }

    fn row_ps(&self, ns: u64) -> u64 {
        ns * 1000 / self.rows
    }
}

fn main() {
    // Asked by `cargo test --benches` for a list, it has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let (_folder, book) = day::book(10);
    let kept = std::env::var_os("TIEOUT_BENCH_FOLDER").map(PathBuf::from);
    let own = tempfile::tempdir().unwrap();
    let folder = kept.unwrap_or_else(|| own.path().to_owned());
    let only = std::env::var("TIEOUT_BENCH_ONLY").ok();
    let chosen = CASES
        .iter()
        .filter(|case| only.as_deref().is_none_or(|only| only == case.name));
    let mut files: Vec<Written<'_>> = chosen.map(|case| Written::new(case, &book, &folder)).collect();
    for _ in 0..setting("TIEOUT_BENCH_ROUNDS", 5).max(1) {
        for file in &mut files {
            file.round(&book);
        }
    }
    let (mut canonical_rate, mut bank_row_ps) = (None, None);
    for file in &files {
        let name = file.case.name;
        if file.case.is_canonical() {
            let rate = tell(
                &format!("canonical reader of {name}"),
                file.bytes,
                file.canonical_ns,
                canonical_rate,
            );
            canonical_rate.get_or_insert(rate);
        }
        if file.case.format == CANONICAL_BANK {
            bank_row_ps = Some(file.row_ps(file.canonical_ns));
        }
        tell(
            &format!("profile of {name}"),
            file.bytes,
            file.profile_ns,
            canonical_rate,
        );
        if let (Role::Bank, Some(bank_row_ps)) = (file.case.role, bank_row_ps) {
            let row_ps = file.row_ps(file.profile_ns);
            println!(
                "its rows: {}.{:03} ns each, as a canonical bank table {}.{:03}: {}% of that reader's speed",
                row_ps / 1000,
                row_ps % 1000,
                bank_row_ps / 1000,
                bank_row_ps % 1000,
                bank_row_ps * 100 / row_ps.max(1)
            );
        }
        if file.case.encoding != UTF_8 {
            tell(
                &format!("decoding {name} alone"),
                file.bytes,
                file.decoding_ns,
                None,
            );
        }
    }
}
