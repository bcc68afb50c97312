//! Stage 1: table formats by profile, beside the canonical reader on the same bytes. One thread, files of 500 MB.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::book::settings::{Role, Source};
use tieout::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use tieout::ingest::canonical::context::ReadContext;
use tieout::ingest::canonical::{Work, bind_header, parse_block};
use tieout::ingest::csv_blocks::BlockReader;
use tieout::ingest::formats::{FormatContext, read_foreign};

const FILE_BYTES: u64 = 500_000_000;

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
fn generate(path: &Path, head: &str, row: impl Fn(u64) -> String, tail: impl Fn(u64) -> String) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    file.write_all(head.as_bytes()).unwrap();
    let (mut bytes, mut rows) = (0, 0);
    while bytes < FILE_BYTES {
        let text = row(rows);
        file.write_all(text.as_bytes()).unwrap();
        (bytes, rows) = (bytes + text.len() as u64, rows + 1);
    }
    file.write_all(tail(rows).as_bytes()).unwrap();
    file.flush().unwrap();
}

fn clock(row: u64) -> String {
    format!("{:02}:{:02}:{:02}", row / 3600 % 24, row / 60 % 60, row % 60)
}

fn wechat(path: &Path) {
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
    generate(path, head, row, sums);
}

fn alipay(path: &Path) {
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
    generate(path, head, row, sums);
}

fn canonical(path: &Path) {
    let head = "channel,channel_ref,order_id,txn_type,amount,fee,currency,txn_time,settle_date,batch_ref,status,refund_ref\n";
    let row = |row: u64| {
        format!(
            "WECHAT,42000009{row:020},S20261120{row:012},PAYMENT,{}.53,0.32,CNY,2026-11-20T{}+08:00,2026-11-20,,SUCCESS,\n",
            row % 1000,
            clock(row)
        )
    };
    generate(path, head, row, |_| String::new());
}

/// Format, name of the file, and what writes it.
type TableFile = (&'static str, &'static str, fn(&Path));

fn tables(criterion: &mut Criterion) {
    let (_folder, book) = day::book(10);
    let source = Source {
        role: Role::Channel,
        channel: None,
        ..book.settings.sources[0].clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10);
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let own = |name: &str| (name == "canonical-profile").then(|| CANONICAL.to_owned());
    let files: [TableFile; 3] = [
        ("canonical-profile", "canonical", canonical),
        ("wechat-trade", "wechat", wechat),
        ("alipay-trade", "alipay", alipay),
    ];
    for (format, name, write) in files {
        let path = path(name);
        write(&path);
        group.throughput(Throughput::Bytes(path.metadata().unwrap().len()));
        let ctx = FormatContext {
            settings: &book.settings,
            source: &source,
            business_date: day::date(),
        };
        group.bench_function(format, |bench| {
            bench.iter(|| {
                let mut sum = Sum::default();
                let file = Box::new(File::open(&path).unwrap());
                let facts = read_foreign(format, &own, file, &ctx, &mut sum).unwrap();
                black_box((sum.0, facts));
            });
        });
        if name != "canonical" {
            continue;
        }
        let context = ReadContext::new(&book.settings, &source, None);
        group.bench_function("canonical-reader", |bench| {
            bench.iter(|| {
                let reader = BlockReader::new(Box::new(File::open(&path).unwrap()), None).unwrap();
                let binding = bind_header(Role::Channel, reader.header(), &context)
                    .ok()
                    .unwrap();
                let (mut buffer, mut work, mut sum) = (Vec::new(), Work::default(), Sum::default());
                while let Some(head) = reader.next_block(&mut buffer).ok().unwrap() {
                    parse_block(&binding, &head, &buffer, &context, &mut work, &mut sum)
                        .ok()
                        .unwrap();
                }
                black_box(sum.0)
            });
        });
        std::fs::remove_file(&path).unwrap();
    }
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
