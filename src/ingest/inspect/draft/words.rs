//! What columns may be called, and what the words in them mean: tables, and nothing that looks at a file.

use crate::terms::currency::Currency;

/// A canonical field and what its column may be called. The first title that fits is taken; whole titles go before parts.
pub(super) type Titles = (&'static str, &'static [&'static str]);

pub(super) const BANK: &[Titles] = &[
    (
        "entry_id",
        &[
            "流水号",
            "交易流水号",
            "账户明细编号",
            "凭证号",
            "transaction id",
            "entry id",
            "entry_id",
            "fitid",
            "id",
        ],
    ),
    (
        "account",
        &["账号", "本方账号", "卡号", "account number", "account", "iban"],
    ),
    (
        "booking_time",
        &[
            "交易时间",
            "交易日期",
            "记账日期",
            "交易日",
            "记账日",
            "booking date",
            "posting date",
            "transaction date",
            "buchungstag",
            "日期",
            "date",
        ],
    ),
    (
        "value_date",
        &["起息日", "起息日期", "value date", "wertstellung", "valuta"],
    ),
    ("currency", &["币种", "货币", "currency", "ccy", "währung"]),
    (
        "bank_ref",
        &[
            "业务参考号",
            "企业流水号",
            "参考号",
            "reference",
            "referenz",
            "ref",
        ],
    ),
    (
        "remark",
        &[
            "摘要",
            "备注",
            "用途",
            "附言",
            "description",
            "verwendungszweck",
            "remark",
            "memo",
            "details",
        ],
    ),
    (
        "counterparty_name",
        &[
            "对方户名",
            "对方单位",
            "对方名称",
            "收(付)方名称",
            "counterparty",
            "payee",
            "name",
        ],
    ),
    (
        "counterparty_account",
        &["对方账号", "对方帐号", "收(付)方账号", "counterparty account"],
    ),
];

pub(super) const CHANNEL: &[Titles] = &[
    (
        "channel_ref",
        &[
            "支付宝交易号",
            "微信订单号",
            "平台订单号",
            "交易流水号",
            "transaction id",
            "psp reference",
            "balance_transaction_id",
        ],
    ),
    (
        "order_id",
        &[
            "商户订单号",
            "商户流水号",
            "订单号",
            "merchant reference",
            "order id",
            "order_id",
        ],
    ),
    ("txn_type", &["交易类型", "业务类型", "type", "transaction type"]),
    ("fee", &["手续费", "服务费", "fee", "commission"]),
    ("currency", &["币种", "货币种类", "currency", "ccy"]),
    (
        "txn_time",
        &["交易时间", "完成时间", "支付时间", "created", "date", "time"],
    ),
    (
        "settle_date",
        &[
            "清算日期",
            "结算日期",
            "settlement date",
            "settle date",
            "available_on",
        ],
    ),
    (
        "refund_ref",
        &["商户退款单号", "退款批次号", "退款单号", "refund id"],
    ),
];

pub(super) const CREDIT: &[&str] = &[
    "贷方发生额",
    "贷方金额",
    "收入金额",
    "转入金额",
    "收入",
    "贷方",
    "存入",
    "credit amount",
    "credit",
    "paid in",
    "deposit",
];

pub(super) const DEBIT: &[&str] = &[
    "借方发生额",
    "借方金额",
    "支出金额",
    "转出金额",
    "支出",
    "借方",
    "支取",
    "debit amount",
    "debit",
    "paid out",
    "withdrawal",
];

pub(super) const AMOUNT: &[&str] = &[
    "交易金额",
    "发生额",
    "金额",
    "订单金额",
    "商家实收",
    "amount",
    "gross",
    "betrag",
];

pub(super) const SIDE: &[&str] = &[
    "借贷标志",
    "借贷方向",
    "借贷",
    "收支",
    "收/支",
    "方向",
    "direction",
    "debit/credit",
    "credit/debit",
    "d/c",
    "c/d",
    "cr/dr",
    "dr/cr",
];

pub(super) const BALANCE: &[&str] = &[
    "账户余额",
    "账户结余",
    "余额",
    "结余",
    "running balance",
    "closing balance",
    "balance",
    "saldo",
];

/// What a title says of the unit of its figures: parts of it, and the unit as a profile writes it; `None` of one that none reads.
const UNITS: [(&str, Option<&str>); 15] = [
    ("(分)", Some("minor")),
    ("（分）", Some("minor")),
    ("：分", Some("minor")),
    (":分", Some("minor")),
    ("_fen", Some("minor")),
    ("cents", Some("minor")),
    ("pence", Some("minor")),
    ("minor", Some("minor")),
    ("万元", None),
    ("千元", None),
    ("亿元", None),
    ("(角)", None),
    ("（角）", None),
    ("thousand", None),
    ("million", None),
];

/// The unit that a title names, as a profile writes it; `Some(None)` where no profile reads it.
pub(super) fn unit_of(title: &str) -> Option<Option<&'static str>> {
    let lower = title.to_lowercase();
    let known = UNITS.iter().find(|(part, _)| lower.contains(part));
    known.map(|(_, unit)| *unit)
}

/// The currency that a title names beside what it is: `amount USD`, `Betrag (EUR)`, `USD金额`.
pub(super) fn currency_of(title: &str) -> Option<Currency> {
    let mut words = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.find_map(|word| Currency::parse(word.as_bytes()).filter(|_| word != title))
}

/// Columns that tell which rows take another back.
pub(super) const TAKEN_BACK: &[&str] = &["红蓝", "蓝红", "红字", "冲正", "冲销", "reversal"];

/// Parts of titles of fees, and of what is no fee though it speaks of one.
pub(super) const FEES: &[&str] = &["手续费", "服务费", "fee", "commission"];

pub(super) const NO_FEES: &[&str] = &["费率", "rate", "%"];

/// Words behind amounts that are their sign: plus, and minus, those of a pair at one place.
pub(super) const SIGN_WORDS: (&[&str], &[&str]) = (&["CR", "Cr", "C", "H"], &["DR", "Dr", "D", "S"]);

/// Signs of currencies before amounts.
pub(super) const SYMBOLS: [&str; 6] = ["US$", "$", "¥", "￥", "€", "£"];

/// Patterns of days and times, the longest first, and how they look.
pub(super) const TIMES: [(&str, &str); 13] = [
    ("yyyy-MM-dd HH:mm:ss", "dddd-dd-dd dd:dd:dd"),
    ("yyyy/MM/dd HH:mm:ss", "dddd/dd/dd dd:dd:dd"),
    ("yyyyMMdd HH:mm:ss", "dddddddd dd:dd:dd"),
    ("dd.MM.yyyy HH:mm:ss", "dd.dd.dddd dd:dd:dd"),
    ("dd/MM/yyyy HH:mm:ss", "dd/dd/dddd dd:dd:dd"),
    ("MM/dd/yyyy HH:mm:ss", "dd/dd/dddd dd:dd:dd"),
    ("yyyyMMddHHmmss", "dddddddddddddd"),
    ("yyyy-MM-dd", "dddd-dd-dd"),
    ("yyyy/MM/dd", "dddd/dd/dd"),
    ("yyyyMMdd", "dddddddd"),
    ("dd.MM.yyyy", "dd.dd.dddd"),
    ("dd/MM/yyyy", "dd/dd/dddd"),
    ("MM/dd/yyyy", "dd/dd/dddd"),
];

/// Less common patterns of days and times, by the parts that they are made of; where parts are of one or two digits, those of two
/// go before them.
pub(super) const DAYS: [&str; 10] = [
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "dd.MM.yyyy",
    "dd-MM-yyyy",
    "dd-MMM-yyyy",
    "dd MMM yyyy",
    "d/M/yyyy",
    "M/d/yyyy",
];

pub(super) const HALF_DAY_CLOCKS: [&str; 6] = [
    "hh:mm:ss a",
    "hh:mm:ssa",
    "hh:mm a",
    "h:mm:ss a",
    "h:mm:ssa",
    "h:mm a",
];

/// Patterns of times of day that stand without their day, and how they look.
pub(super) const CLOCKS: [(&str, &str); 2] = [("HH:mm:ss", "dd:dd:dd"), ("HHmmss", "dddddd")];

/// What the column of a channel's field may be called.
pub(super) fn titles_of(field: &str) -> &'static [&'static str] {
    let known = CHANNEL.iter().find(|(known, _)| *known == field);
    known.map_or(&[], |(_, titles)| titles)
}

/// What the column of a day may be called: as that of a time, but for names that say it is one.
pub(super) fn day_titles() -> Vec<&'static str> {
    let times = BANK.iter().find(|(field, _)| *field == "booking_time");
    let titles = times.map_or(&[][..], |(_, titles)| titles).iter().copied();
    titles.filter(|title| !title.ends_with("时间")).collect()
}

/// How titles begin that speak of the counterparty, or of payer and payee, one of whom it is.
pub(super) const OTHER_SIDE: [&str; 12] = [
    "对方",
    "对手",
    "交易对",
    "收(付)",
    "收（付）",
    "收付方",
    "收款人",
    "付款人",
    "收款方",
    "付款方",
    "收款账",
    "counterparty",
];

/// True of a title that speaks of the counterparty.
pub(super) fn is_of_other_side(title: &str) -> bool {
    OTHER_SIDE.iter().any(|start| title.starts_with(*start)) && !title.starts_with("付款方式")
}

/// Words on the side of an entry: money in, and money out.
const SIDE_WORDS: (&[&str], &[&str]) = (
    &[
        "贷", "贷方", "收", "收入", "入", "来账", "转入", "c", "cr", "credit", "crdt", "h", "in", "incoming",
        "+",
    ],
    &[
        "借", "借方", "支", "支出", "付", "出", "往账", "转出", "d", "dr", "db", "debit", "dbit", "s", "out",
        "outgoing", "-",
    ],
);

/// Parts of such words.
const SIDE_PARTS: (&[&str], &[&str]) = (
    &["贷", "收入", "credit", "crdt"],
    &["借", "支出", "debit", "dbit"],
);

/// What a text on the side of an entry means: `C` into the account, `D` out of it. `None` of a word that nobody here knows.
pub(super) fn side_of(text: &str) -> Option<&'static str> {
    let lower = text.trim().to_lowercase();
    let says = |words: &[&str], parts: &[&str]| {
        words.contains(&lower.as_str()) || parts.iter().any(|part| lower.contains(part))
    };
    match (says(SIDE_WORDS.0, SIDE_PARTS.0), says(SIDE_WORDS.1, SIDE_PARTS.1)) {
        (true, false) => Some("C"),
        (false, true) => Some("D"),
        _ => None,
    }
}

/// True of a text that is a word on the side of an entry, and nothing else.
pub(super) fn is_side_word(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    SIDE_WORDS.0.contains(&lower.as_str()) || SIDE_WORDS.1.contains(&lower.as_str())
}

/// Whether a row takes another back; `None` where its text does not tell.
pub(super) fn takes_back(text: &str) -> Option<bool> {
    let lower = text.trim().to_lowercase();
    if lower.contains('红')
        || matches!(
            lower.as_str(),
            "冲正" | "冲销" | "已冲正" | "是" | "y" | "yes" | "1"
        )
    {
        return Some(true);
    }
    let usual = lower.contains('蓝') || matches!(lower.as_str(), "" | "正常" | "否" | "n" | "no" | "0");
    usual.then_some(false)
}

/// What a type of a channel means; `None` of a word that nobody here knows, for it must not be taken for a payment.
pub(super) fn type_of(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["chargeback", "dispute", "拒付"]) {
        let is_back = has(&["revers", "won", "撤销", "返还"]);
        return Some(if is_back {
            "CHARGEBACK_REVERSAL"
        } else {
            "CHARGEBACK"
        });
    }
    if has(&["退", "refund", "return"]) {
        return Some("REFUND");
    }
    // The sign of a fee stands in the word for buying as well.
    let bare = lower.replace("消费", "");
    let other = [
        "fee", "费", "revers", "撤销", "冲正", "payout", "failed", "失败", "cancel", "transfer",
    ]
    .iter()
    .any(|word| bare.contains(word));
    let pays = has(&[
        "payment", "sale", "purchase", "charge", "消费", "支付", "收款", "付款", "pay in",
    ]);
    (pays && !other).then_some("PAYMENT")
}
