//! A profile drafted for a table that nobody knows: framing as it is seen, columns guessed by their titles, every guess
//! marked to be confirmed. What no title tells is left open; an amount is never guessed from figures alone.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::Inspected;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::profile::TimePattern;
use crate::ingest::formats::values::Number;

mod totals;

/// Lines that are looked at.
const LINES_MAX: usize = 200;
/// Texts of a column that are drafted one by one.
const TEXTS_MAX: usize = 24;
/// Columns that a table has at least.
const COLUMNS_MIN: usize = 3;

/// A canonical field and what its column may be called. The first title that fits is taken; whole titles go before parts.
type Titles = (&'static str, &'static [&'static str]);

const BANK: &[Titles] = &[
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

const CHANNEL: &[Titles] = &[
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

const CREDIT: &[&str] = &[
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
const DEBIT: &[&str] = &[
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
const AMOUNT: &[&str] = &[
    "交易金额",
    "发生额",
    "金额",
    "订单金额",
    "商家实收",
    "amount",
    "gross",
    "betrag",
];
const SIDE: &[&str] = &[
    "借贷标志",
    "借贷方向",
    "借贷",
    "收支",
    "收/支",
    "方向",
    "direction",
    "debit/credit",
    "d/c",
    "cr/dr",
];

const BALANCE: &[&str] = &[
    "账户余额",
    "账户结余",
    "余额",
    "结余",
    "running balance",
    "closing balance",
    "balance",
    "saldo",
];

/// Columns that tell which rows take another back.
const TAKEN_BACK: &[&str] = &["红蓝", "蓝红", "红字", "冲正", "冲销", "reversal"];
/// Parts of titles of fees, and of what is no fee though it speaks of one.
const FEES: &[&str] = &["手续费", "服务费", "fee", "commission"];
const NO_FEES: &[&str] = &["费率", "rate", "%"];
/// Words behind amounts that are their sign: plus, and minus, those of a pair at one place.
const SIGN_WORDS: (&[&str], &[&str]) = (&["CR", "Cr", "C", "H"], &["DR", "Dr", "D", "S"]);
/// Signs of currencies before amounts.
const SYMBOLS: [&str; 6] = ["US$", "$", "¥", "￥", "€", "£"];
/// Lines that one record may go on over.
const RECORD_LINES_MAX: usize = 50;

/// Patterns of days and times, the longest first, and how they look.
const TIMES: [(&str, &str); 13] = [
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
const DAYS: [&str; 10] = [
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
const HALF_DAY_CLOCKS: [&str; 6] = [
    "hh:mm:ss a",
    "hh:mm:ssa",
    "hh:mm a",
    "h:mm:ss a",
    "h:mm:ssa",
    "h:mm a",
];

/// Patterns of times of day that stand without their day, and how they look.
const CLOCKS: [(&str, &str); 2] = [("HH:mm:ss", "dd:dd:dd"), ("HHmmss", "dddddd")];

/// What the column of a channel's field may be called.
fn titles_of(field: &str) -> &'static [&'static str] {
    let known = CHANNEL.iter().find(|(known, _)| *known == field);
    known.map_or(&[], |(_, titles)| titles)
}

/// What the column of a day may be called: as that of a time, but for names that say it is one.
fn day_titles() -> Vec<&'static str> {
    let times = BANK.iter().find(|(field, _)| *field == "booking_time");
    let titles = times.map_or(&[][..], |(_, titles)| titles).iter().copied();
    titles.filter(|title| !title.ends_with("时间")).collect()
}

/// Where a row says what it moves.
#[derive(Clone, Copy)]
enum Moves {
    /// Nobody knows.
    Unknown,
    /// Columns of what came in and what went out.
    Sides(usize, usize),
    /// As above, where what went out has a minus sign.
    Negative(usize, usize),
    /// A column with a sign.
    Signed(usize),
    /// A column without one, the column that says it, and one of rows that take another back.
    BySide(usize, usize, Option<usize>),
}

/// A figure with or without thousands signs; an empty one is nothing.
fn figure_of(cell: &str) -> Option<i128> {
    let bare = cell.trim();
    if bare.is_empty() || is_blank(bare) {
        return Some(0);
    }
    let bare = SYMBOLS
        .iter()
        .fold(bare.to_owned(), |bare, symbol| bare.replace(symbol, ""));
    let inside = bare.strip_prefix('(').and_then(|bare| bare.strip_suffix(')'));
    let behind = bare.strip_suffix('-');
    let by_word = word_behind(&bare).and_then(|(figure, word)| Some((sign_word(word)?, figure)));
    let (minus, bare) = match (inside.or(behind), by_word) {
        (Some(bare), _) => (true, bare),
        (None, Some((minus, figure))) => (minus, figure),
        (None, None) => (false, bare.as_str()),
    };
    let (thousands, decimal) = if has_decimal_comma(bare) {
        (b'.', b',')
    } else {
        (b',', b'.')
    };
    let number = Number {
        thousands: Some(thousands),
        decimal,
        plus: true,
        ..Number::default()
    };
    let scaled = number.scaled(bare).ok()?;
    Some(if minus { -scaled } else { scaled })
}

/// True of a text that stands for no figure.
fn is_blank(cell: &str) -> bool {
    cell.chars().all(|c| c == '-') || matches!(cell, "N/A" | "n/a" | "--" | "—" | "NIL" | "nil")
}

/// The word behind a figure, as in `1,234.50 CR`, and the figure before it.
fn word_behind(cell: &str) -> Option<(&str, &str)> {
    let figure = cell.trim_end_matches(char::is_alphabetic);
    let word = &cell[figure.len()..];
    let figure = figure.trim_end();
    (!word.is_empty() && figure.ends_with(|c: char| c.is_ascii_digit())).then_some((figure, word))
}

/// Whether a word behind a figure makes it a minus; `None` of a word that nobody here knows.
fn sign_word(word: &str) -> Option<bool> {
    let (pluses, minuses) = SIGN_WORDS;
    let is_minus = minuses.contains(&word);
    (is_minus || pluses.contains(&word)).then_some(is_minus)
}

/// True of a figure whose last separator is a comma before one or two digits.
fn has_decimal_comma(cell: &str) -> bool {
    let figure = word_behind(cell).map_or(cell, |(figure, _)| figure);
    let figure = figure.trim_end_matches(['-', ')', ' ']);
    let comma = figure
        .rfind(',')
        .filter(|at| figure.rfind('.').is_none_or(|point| point < *at));
    comma.is_some_and(|at| (1..=2).contains(&(figure.len() - at - 1)))
}

struct Table {
    delimiter: char,
    quoted: bool,
    preamble: usize,
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Records behind the last row that may state totals, as they stand and cut into cells; none where not all of the file was
    /// looked at.
    behind: Vec<(String, Vec<String>)>,
}

/// Drafts a profile from the first bytes of a file; `more` when the file goes on behind them. `whole` are the encodings
/// that all of it is text in.
pub fn draft(head: &[u8], more: bool, whole: &[&'static Encoding], seen: &mut Inspected) {
    let Some((text, encoding, is_sure)) = decoded(head, more, whole) else {
        "no text of a known encoding".clone_into(&mut seen.title);
        seen.failed
            .push(unreadable("its bytes are no UTF-8, GB18030 or UTF-16 text"));
        return;
    };
    seen.encoding = encoding.name().to_owned();
    let Some(table) = table_of(&text, !more) else {
        "no table".clone_into(&mut seen.title);
        seen.failed.push(unreadable(
            "its lines are no table: no separator cuts them into the same number of fields",
        ));
        return;
    };
    "unknown table".clone_into(&mut seen.title);
    seen.variant = format!(
        "{} columns, separated by `{}`",
        table.titles.len(),
        table.delimiter.escape_default()
    );
    seen.draft = Some(toml_of(&table, encoding, is_sure));
    seen.failed.push(unknown("no format and no profile knows it"));
}

fn unknown(why: &str) -> FileRefused {
    FileRefused::at(
        1,
        format!("the file is of no known format: {why}"),
        "confirm a drafted profile, save it as profiles/NAME.toml of the book and name it as the `format` of a source",
    )
}

/// A file for which nothing can be drafted.
fn unreadable(why: &str) -> FileRefused {
    FileRefused::at(
        1,
        format!("the file is of no known format: {why}"),
        "look at it in a text editor: it may be a message of the sender's system, or cut off; fetch it again, or ask the sender what it is",
    )
}

/// The text, its encoding, and whether that is more than a guess: by its mark, or as no other text is UTF-8.
fn decoded(
    head: &[u8],
    more: bool,
    encodings: &[&'static Encoding],
) -> Option<(String, &'static Encoding, bool)> {
    let (marked, head) = match Encoding::for_bom(head) {
        Some((encoding, mark)) => (Some(encoding), &head[mark..]),
        None => (None, head),
    };
    // The last line may be cut inside a character.
    let whole = match memchr::memrchr(b'\n', head).filter(|_| more) {
        Some(end) => &head[..end],
        None => head,
    };
    let candidates = match marked {
        Some(one) => vec![one],
        // Any bytes are text of it, so it is the last guess.
        None if encodings.is_empty() && !head.iter().any(|byte| is_no_text(*byte)) => vec![WINDOWS_1252],
        None => encodings.to_vec(),
    };
    candidates.into_iter().find_map(|encoding| {
        let bytes = if encoding == UTF_16LE || encoding == UTF_16BE {
            head
        } else {
            whole
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        let is_sure = marked.is_some() || (encoding == UTF_8 && !text.is_ascii());
        (!text.contains('\0')).then(|| (text.into_owned(), encoding, is_sure))
    })
}

/// True of bytes that do not stand in a text of one byte to a letter.
fn is_no_text(byte: u8) -> bool {
    (byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || byte == 0x7f
}

fn cells(line: &str, delimiter: char, quoted: bool) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut inside = false;
    for c in line.chars() {
        match c {
            '"' if quoted => inside = !inside,
            c if c == delimiter && !inside => cells.push(String::new()),
            c => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(c);
                }
            }
        }
    }
    cells
        .into_iter()
        .map(|cell| cell.trim_matches([' ', '\t', '`', '\u{feff}']).to_owned())
        .collect()
}

/// The records of a text: lines, or several where quotes go on over their ends. Each with the number of lines before it.
fn records(text: &str, quoted: bool) -> Vec<(usize, String)> {
    let mut records: Vec<(usize, String)> = Vec::new();
    let mut open = 0;
    for (at, line) in text.lines().enumerate().take(LINES_MAX) {
        if open > 0
            && let Some((_, record)) = records.last_mut()
        {
            record.push('\n');
            record.push_str(line);
        } else if line.trim().is_empty() {
            continue;
        } else {
            records.push((at, line.to_owned()));
        }
        let odd = quoted
            && records
                .last()
                .is_some_and(|(_, record)| record.matches('"').count() % 2 == 1);
        open = if odd && open < RECORD_LINES_MAX {
            open + 1
        } else {
            0
        };
    }
    // A record that was cut off at the end of what was looked at.
    if open > 0 {
        records.pop();
    }
    records
}

/// True when cells stand in quotes. Quotes inside a cell, as in `he said "hi"` or `="0001"`, are a part of its text.
fn has_quotes(text: &str, delimiter: char) -> bool {
    let mut lines = text.lines().take(LINES_MAX);
    lines.any(|line| {
        line.split(delimiter)
            .any(|cell| cell.trim_start_matches([' ', '\t', '\u{feff}']).starts_with('"'))
    })
}

/// Records as they stand and cut into cells, each with the number of lines before it.
type CutRecords = Vec<(usize, String, Vec<String>)>;

/// The separator that cuts most records into the same number of fields, and the first of that many without figures.
fn table_of(text: &str, is_whole: bool) -> Option<Table> {
    let mut best: Option<(usize, usize, char, bool, CutRecords)> = None;
    for delimiter in [',', '\t', '|', ';'] {
        let quoted = has_quotes(text, delimiter);
        let cut: CutRecords = records(text, quoted)
            .into_iter()
            .map(|(before, record)| {
                let cells = cells(&record, delimiter, quoted);
                (before, record, cells)
            })
            .collect();
        let mut counts: Vec<usize> = cut.iter().map(|(.., cells)| cells.len()).collect();
        counts.sort_unstable();
        let common = counts
            .chunk_by(|a, b| a == b)
            .filter(|run| run[0] >= COLUMNS_MIN)
            .map(|run| (run.len(), run[0]))
            .max();
        if let Some((count, width)) = common
            && best
                .as_ref()
                .is_none_or(|(lines, widest, ..)| (count, width) > (*lines, *widest))
        {
            best = Some((count, width, delimiter, quoted, cut));
        }
    }
    let (_, width, delimiter, quoted, cut) = best?;
    let header = cut.iter().position(|(.., cells)| {
        cells.len() == width
            && cells.iter().filter(|cell| !cell.is_empty()).count() * 2 > width
            && cells.iter().all(|cell| !is_figure(cell))
    })?;
    let preamble = cut[header].0;
    let titles = cut[header].2.clone();
    let mut rows = Vec::new();
    let mut behind = Vec::new();
    for (_, record, cells) in cut.into_iter().skip(header + 1) {
        if totals::may_state(&cells, width) {
            behind.push((record, cells));
        } else if cells.len() == width {
            // What stands before a row is of a page, and what its figures are of nobody knows.
            behind.clear();
            rows.push(cells);
        }
    }
    if !is_whole || text.lines().count() > LINES_MAX {
        behind.clear();
    }
    Some(Table {
        delimiter,
        quoted,
        preamble,
        titles,
        rows,
        behind,
    })
}

fn is_figure(cell: &str) -> bool {
    cell.bytes().any(|byte| byte.is_ascii_digit())
        && cell
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b",.-+:/ ".contains(&byte))
}

/// How titles begin that speak of the counterparty, or of payer and payee, one of whom it is.
const OTHER_SIDE: [&str; 12] = [
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
fn is_of_other_side(title: &str) -> bool {
    OTHER_SIDE.iter().any(|start| title.starts_with(*start)) && !title.starts_with("付款方式")
}

impl Table {
    /// The column of the first title that fits, whole titles before parts of them.
    fn column(&self, titles: &[&str], taken: &[usize]) -> Option<usize> {
        let lower: Vec<String> = self.titles.iter().map(|title| title.to_lowercase()).collect();
        // What a title says of the other side is nobody's own account or name.
        let of_other_side = titles.iter().any(|wanted| is_of_other_side(wanted));
        let free = |at: &usize| !taken.contains(at) && (of_other_side || !is_of_other_side(&lower[*at]));
        titles
            .iter()
            .find_map(|wanted| (0..lower.len()).filter(free).find(|at| lower[*at] == *wanted))
            .or_else(|| {
                titles
                    .iter()
                    .filter(|wanted| wanted.chars().count() > 2 || !wanted.is_ascii())
                    .find_map(|wanted| {
                        (0..lower.len())
                            .filter(free)
                            .find(|at| lower[*at].contains(wanted))
                    })
            })
    }

    fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(column))
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
    }

    /// The pattern that all days or times of a column fit.
    fn pattern(&self, column: usize) -> Option<&'static str> {
        self.pattern_of(&TIMES, column)
    }

    /// The column of the day and the pattern of both, where a column has times of day alone.
    fn day_and_clock(&self, column: usize) -> Option<(usize, String)> {
        let clock = match self.pattern_of(&CLOCKS, column) {
            Some(clock) => clock.to_owned(),
            None => self.rare_patterns_of(&[""], column).into_iter().next()?,
        };
        let day = self.column(&day_titles(), &[column])?;
        let pattern = self.pattern(day).filter(|pattern| !pattern.contains("HH"))?;
        Some((day, format!("{pattern} {clock}")))
    }

    fn pattern_of(&self, known: &[(&'static str, &str)], column: usize) -> Option<&'static str> {
        self.patterns_of(known, column).first().copied()
    }

    /// All patterns that the days or times of a column fit: of `03/04/2026` nobody can tell which is the month.
    fn patterns_of(&self, known: &[(&'static str, &str)], column: usize) -> Vec<&'static str> {
        let fits = |pattern: &str, shape: &str, cell: &str| {
            let alike = cell.chars().count() == shape.len()
                && cell.chars().zip(shape.chars()).all(|(c, wanted)| match wanted {
                    'd' => c.is_ascii_digit(),
                    wanted => c == wanted,
                });
            let part = |name: &str, most: u32| {
                let at = pattern.find(name);
                let digits = at.and_then(|at| cell.get(at..at + 2));
                at.is_none()
                    || digits
                        .and_then(|digits| digits.parse().ok())
                        .is_some_and(|number: u32| (1..=most).contains(&number))
            };
            alike && part("MM", 12) && part("dd", 31)
        };
        if self.values(column).next().is_none() {
            return Vec::new();
        }
        known
            .iter()
            .filter(|(pattern, shape)| self.values(column).all(|cell| fits(pattern, shape, cell)))
            .map(|(pattern, _)| *pattern)
            .collect()
    }

    /// All patterns with AM and PM, or with the name of the month, that the texts of a column fit; their days are of `days`.
    fn rare_patterns_of(&self, days: &[&str], column: usize) -> Vec<String> {
        if self.values(column).next().is_none() {
            return Vec::new();
        }
        let clocks = HALF_DAY_CLOCKS.iter().copied();
        let clocks = clocks.chain(["HH:mm:ss", "HH:mm", ""]);
        let all = clocks.flat_map(|clock| {
            let join = move |day: &&str| format!("{day} {clock}").trim().to_owned();
            days.iter().map(join).collect::<Vec<_>>()
        });
        // A pattern has a day: where a column has none, one goes before both.
        let (day, of_day) = if days == [""] {
            ("yyyy-MM-dd ", "2000-01-01 ")
        } else {
            ("", "")
        };
        let fits = |pattern: &String| {
            TimePattern::parse(&format!("{day}{pattern}")).is_ok_and(|pattern| {
                self.values(column)
                    .all(|cell| pattern.read(&format!("{of_day}{cell}")).is_some())
            })
        };
        let mut fitting: Vec<String> = all.filter(|pattern| !pattern.is_empty()).filter(fits).collect();
        // A part of one digit or two fits what one of two does.
        let letters = |pattern: &String, letter: char| pattern.matches(letter).count();
        if let Some(first) = fitting.first().cloned() {
            fitting.retain(|other| {
                ['d', 'h']
                    .iter()
                    .all(|c| letters(other, *c) == letters(&first, *c))
            });
        }
        fitting
    }

    /// The patterns of days and times that all texts of a column fit.
    fn time_patterns(&self, column: usize) -> Vec<String> {
        let usual = self.patterns_of(&TIMES, column);
        if usual.is_empty() {
            return self.rare_patterns_of(&DAYS, column);
        }
        usual.into_iter().map(str::to_owned).collect()
    }

    /// Columns that look like fees: by their title, and as all that stands in them are figures.
    fn fees(&self) -> Vec<usize> {
        let is_fee = |title: &str| {
            let title = title.to_lowercase();
            FEES.iter().any(|part| title.contains(part)) && !NO_FEES.iter().any(|part| title.contains(part))
        };
        (0..self.titles.len())
            .filter(|at| is_fee(&self.titles[*at]) && self.values(*at).all(|cell| figure_of(cell).is_some()))
            .collect()
    }

    /// What a row moves, in parts of a minor unit; `None` where its figures do not read.
    fn moved(&self, row: &[String], moves: Moves) -> Option<i128> {
        let figure = |at: usize| figure_of(row.get(at)?);
        match moves {
            Moves::Unknown => None,
            Moves::Sides(credit, debit) => Some(figure(credit)? - figure(debit)?),
            Moves::Negative(credit, debit) => Some(figure(credit)? + figure(debit)?),
            Moves::Signed(amount) => figure(amount),
            Moves::BySide(amount, side, back) => {
                let minor = figure(amount)?;
                let taken_back = back.and_then(|at| row.get(at)).and_then(|text| takes_back(text));
                let into = (side_of(row.get(side)?) == "C") != taken_back.unwrap_or(false);
                Some(if into { minor } else { -minor })
            }
        }
    }

    /// The order in which the balances of a column follow from one another, if they do in the rows that were looked at.
    fn order_of_balances(&self, column: usize, moves: Moves) -> Option<&'static str> {
        // What stands behind the rows, such as a total, has no balance.
        let with_balance = self
            .rows
            .iter()
            .map_while(|row| Some((row, row.get(column).filter(|cell| !cell.is_empty())?)));
        let links: Vec<(i128, i128)> = with_balance
            .map(|(row, cell)| Some((figure_of(cell)?, self.moved(row, moves)?)))
            .collect::<Option<_>>()?;
        if links.len() < 2 {
            return None;
        }
        let down = links.windows(2).all(|pair| pair[0].0 + pair[1].1 == pair[1].0);
        let up = links.windows(2).all(|pair| pair[1].0 + pair[0].1 == pair[0].0);
        match (down, up) {
            (true, true) => Some("either"),
            (true, false) => Some("oldest first"),
            (false, true) => Some("newest first"),
            (false, false) => None,
        }
    }

    /// How the figures of some columns are written, as keys of a profile.
    fn number_keys(&self, columns: &[usize], keys: &mut Vec<String>) {
        let any = |test: &dyn Fn(&str) -> bool| columns.iter().any(|at| self.values(*at).any(test));
        if any(&has_decimal_comma) {
            keys.push("decimal = \",\"".to_owned());
            if any(&|cell| cell.contains('.')) {
                keys.push("thousands = \".\"".to_owned());
            }
        } else if any(&|cell| cell.contains(',')) {
            keys.push("thousands = \",\"".to_owned());
        }
        let symbol = SYMBOLS.iter().find(|symbol| any(&|cell| cell.contains(*symbol)));
        if let Some(symbol) = symbol {
            keys.push(format!("symbols = [{}]", quoted(symbol)));
        }
        if any(&|cell| cell.starts_with('+')) {
            keys.push(format!("plus = true{CONFIRM}"));
        }
        let ends =
            |end: char| move |cell: &str| cell.len() > 1 && cell.ends_with(end) && figure_of(cell).is_some();
        if any(&|cell| ends('-')(cell) && !is_blank(cell)) {
            keys.push(format!(
                "sign_behind = true{CONFIRM}: a minus sign behind an amount"
            ));
        }
        if any(&ends(')')) {
            keys.push(format!("parentheses = true{CONFIRM}: they are a minus sign"));
        }
        let all = || columns.iter().flat_map(|at| self.values(*at));
        let mut words: Vec<&str> = all().filter_map(word_behind).map(|(_, word)| word).collect();
        words.sort_unstable();
        words.dedup();
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            words.into_iter().partition(|word| sign_word(word).is_some());
        if !known.is_empty() {
            let (pluses, minuses) = SIGN_WORDS;
            let pairs = pluses.iter().zip(minuses);
            let pairs = pairs.filter(|(plus, minus)| known.contains(*plus) || known.contains(*minus));
            let words: Vec<String> = pairs
                .map(|(plus, minus)| format!("{plus} = \"+\", {minus} = \"-\""))
                .collect();
            keys.push(format!("sign_words = {{ {} }}{CONFIRM}", words.join(", ")));
        }
        for word in unknown.iter().take(TEXTS_MAX) {
            keys.push(format!(
                "# {} stands behind amounts: what it means is not known",
                quoted(word)
            ));
        }
        let mut blanks: Vec<&str> = all().filter(|cell| is_blank(cell)).collect();
        blanks.sort_unstable();
        blanks.dedup();
        if !blanks.is_empty() {
            let blanks: Vec<String> = blanks.into_iter().map(quoted).collect();
            keys.push(format!("blank = [{}]{CONFIRM}", blanks.join(", ")));
        }
    }

    /// The texts of a column, each once.
    fn texts(&self, column: usize) -> Vec<&str> {
        let mut texts: Vec<&str> = self.values(column).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.truncate(TEXTS_MAX);
        texts
    }

    /// The direction of entries by two columns: the side, and which rows take another back. `None` where a text of the
    /// second says nothing that is known.
    fn direction_of_both(&self, side: usize, back: usize) -> Option<String> {
        let mut backs: Vec<(&str, bool)> = self
            .texts(back)
            .into_iter()
            .map(|text| Some((text, takes_back(text)?)))
            .collect::<Option<_>>()?;
        for (seen, other, is_back) in [("蓝", "红", true), ("红", "蓝", false)] {
            if backs.iter().any(|(text, _)| *text == seen) && !backs.iter().any(|(text, _)| *text == other) {
                backs.push((other, is_back));
            }
        }
        let mut out = String::new();
        for text in self.texts(side) {
            for (back_text, is_back) in &backs {
                let into = (side_of(text) == "C") != *is_back;
                out += &format!(
                    "\n[[fields.direction]]\nwhen = [{{ column = {}, is = {} }}, {{ column = {}, is = {} }}]{CONFIRM}\nvalue = {}{CONFIRM}",
                    quoted(&self.titles[side]),
                    quoted(text),
                    quoted(&self.titles[back]),
                    quoted(back_text),
                    quoted(if into { "C" } else { "D" })
                );
            }
        }
        (!out.is_empty()).then_some(out)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

const CONFIRM: &str = "  # confirm";

fn toml_of(table: &Table, encoding: &'static Encoding, is_sure: bool) -> String {
    let credit = table.column(CREDIT, &[]);
    let debit = table.column(DEBIT, &[]).filter(|at| Some(*at) != credit);
    let both = credit.zip(debit);
    let channel_columns = CHANNEL[..3]
        .iter()
        .filter(|(_, titles)| table.column(titles, &[]).is_some())
        .count();
    let is_channel = both.is_none() && channel_columns >= 2;
    let (role, fields) = if is_channel {
        ("channel", CHANNEL)
    } else {
        ("bank", BANK)
    };
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(
        "# Drafted by `tieout inspect` from the titles of one file. Every line marked `confirm` is a guess: compare it with",
    );
    line("# the bank's description, then take the mark away. docs/profiles.md says what each key means.");
    line(&format!("title = \"TO BE NAMED\"{CONFIRM}"));
    line(&format!("role = {}{CONFIRM}", quoted(role)));
    line("source = \"drafted from a file; add where its description is\"");
    line(&format!(
        "encodings = [{}]{}",
        quoted(&encoding.name().to_ascii_lowercase()),
        if is_sure { "" } else { CONFIRM }
    ));
    line("\n[recognise]");
    let titles: Vec<String> = table
        .titles
        .iter()
        .filter(|title| !title.is_empty())
        .map(|title| quoted(title))
        .collect();
    line(&format!("header = [{}]", titles.join(", ")));
    line("\n[frame]");
    line(&format!("delimiter = {}", quoted(&table.delimiter.to_string())));
    if table.quoted {
        line("quote = '\"'");
    }
    line("trim = \" \\t`\"");
    if table
        .behind
        .iter()
        .any(|(record, _)| record.trim_end().ends_with(table.delimiter))
    {
        line(&format!(
            "comment_padding = {}{CONFIRM}",
            quoted(&table.delimiter.to_string())
        ));
    }
    if table.preamble > 0 {
        line(&format!("preamble_lines = {}{CONFIRM}", table.preamble));
    }
    let mut taken: Vec<usize> = both
        .map(|(credit, debit)| vec![credit, debit])
        .unwrap_or_default();
    let field = |name: &str, keys: &[String]| format!("\n[fields.{name}]\n{}", keys.join("\n"));
    let columns = |at: usize| format!("columns = [{}]{CONFIRM}", quoted(&table.titles[at]));
    // Amount and side first: nothing else may take their columns.
    let mut amounts = Vec::new();
    let mut moves = both.map_or(Moves::Unknown, |(credit, debit)| Moves::Sides(credit, debit));
    let thousands = |at: &[usize], keys: &mut Vec<String>| table.number_keys(at, keys);
    match both {
        Some((credit, debit)) if !is_channel => {
            let mut keys = vec![
                format!("credit_columns = [{}]{CONFIRM}", quoted(&table.titles[credit])),
                format!("debit_columns = [{}]{CONFIRM}", quoted(&table.titles[debit])),
            ];
            thousands(&[credit, debit], &mut keys);
            let mut out = table
                .values(debit)
                .filter_map(figure_of)
                .filter(|figure| *figure != 0);
            if out.next().is_some_and(|first| first < 0) && out.all(|figure| figure < 0) {
                keys.push(format!("debit_is_negative = true{CONFIRM}"));
                moves = Moves::Negative(credit, debit);
            }
            amounts.push(field("amount", &keys));
        }
        _ => {
            match table.column(AMOUNT, &taken) {
                Some(at) => {
                    taken.push(at);
                    moves = Moves::Signed(at);
                    let mut keys = vec![columns(at)];
                    thousands(&[at], &mut keys);
                    if !is_channel && table.column(SIDE, &taken).is_none() {
                        keys.push(format!("sign = {{ ANY = \"any\" }}{CONFIRM}"));
                    }
                    amounts.push(field("amount", &keys));
                }
                None => amounts.push(
                    "\n# [fields.amount]: no title says which column is the amount; add it.".to_owned(),
                ),
            }
            if !is_channel {
                match table.column(SIDE, &taken) {
                    Some(at) => {
                        taken.push(at);
                        let back = table.column(TAKEN_BACK, &taken);
                        if let Moves::Signed(amount) = moves {
                            moves = Moves::BySide(amount, at, back);
                        }
                        match back.map(|back| (back, table.direction_of_both(at, back))) {
                            Some((back, Some(rules))) => {
                                taken.push(back);
                                amounts.push(rules);
                            }
                            Some((back, None)) => amounts.push(format!(
                                "\n# [fields.direction]: {} says the direction, and {} may say which rows take another back; add rules for both.",
                                table.titles[at], table.titles[back]
                            )),
                            None => {
                                let meant: Vec<String> = table
                                    .texts(at)
                                    .iter()
                                    .map(|text| format!("{} = {}", quoted(text), quoted(side_of(text))))
                                    .collect();
                                let map = format!("map = {{ {} }}{CONFIRM}", meant.join(", "));
                                amounts.push(field("direction", &[columns(at), map]));
                            }
                        }
                    }
                    None => amounts.push(field("direction", &[format!("from = \"amount sign\"{CONFIRM}")])),
                }
            }
        }
    }
    for text in amounts {
        line(&text);
    }
    let mut balance = None;
    if !is_channel && let Some(at) = table.column(BALANCE, &taken) {
        taken.push(at);
        match table.order_of_balances(at, moves) {
            Some(order) => {
                let mut keys = vec![columns(at)];
                thousands(&[at], &mut keys);
                line(&field("balance", &keys));
                balance = Some(order);
            }
            None if table.rows.iter().filter(|row| !row[at].is_empty()).count() < 2 => line(&format!(
                "\n# {} may be the running balance, which one row does not show: left out.",
                table.titles[at]
            )),
            None => line(&format!(
                "\n# {} may be the running balance, but the first rows do not follow from one another by it: left out.",
                table.titles[at]
            )),
        }
    }
    let fees = table.fees();
    // A fee in the row of what goes back may be given back or taken: only one with a minus sign is sure not to be taken.
    let sign_of_fee = || {
        let kinds = table.column(titles_of("txn_type"), &[]);
        let kinds = kinds.map_or(Vec::new(), |at| table.texts(at));
        let kinds: Vec<&str> = kinds.into_iter().filter_map(type_of).collect();
        let signs: Vec<String> = ["CHARGEBACK", "REFUND"]
            .iter()
            .filter(|kind| kinds.contains(kind))
            .map(|kind| format!("{kind} = \"negative\""))
            .collect();
        (!signs.is_empty()).then(|| {
            format!(
                "sign = {{ {} }}{CONFIRM}: a fee of such a row is given back, and has a minus sign; where it has none, or is charged, see `sign` and `apart`",
                signs.join(", ")
            )
        })
    };
    for (name, titles) in fields {
        if *name == "fee" && fees.len() > 1 {
            let titles: Vec<String> = fees.iter().map(|at| quoted(&table.titles[*at])).collect();
            let mut keys = vec![format!("sum = [{}]{CONFIRM}", titles.join(", "))];
            table.number_keys(&fees, &mut keys);
            keys.extend(sign_of_fee());
            line(&field(name, &keys));
            taken.extend(&fees);
            continue;
        }
        let at = table.column(titles, &taken);
        // One time column may serve two fields.
        let time = matches!(*name, "booking_time" | "value_date" | "txn_time" | "settle_date");
        let at = match (at, *name) {
            (None, "value_date") => table.column(BANK[2].1, &[]),
            (None, "settle_date") => table.column(CHANNEL[5].1, &[]),
            (at, _) => at,
        };
        match at {
            Some(at) => {
                let mut at = at;
                if let Some((day, pattern)) = table.day_and_clock(at).filter(|_| time) {
                    if matches!(*name, "booking_time" | "txn_time") {
                        taken.extend([day, at]);
                        let join = [day, at].map(|at| quoted(&table.titles[at])).join(", ");
                        let keys = [
                            format!("join = [{join}]{CONFIRM}"),
                            "with = \" \"".to_owned(),
                            format!("pattern = {}{CONFIRM}", quoted(&pattern)),
                        ];
                        line(&field(name, &keys));
                        continue;
                    }
                    at = day;
                }
                taken.push(at);
                let mut keys = vec![columns(at)];
                if *name == "fee" {
                    table.number_keys(&[at], &mut keys);
                    keys.extend(sign_of_fee());
                }
                if time {
                    match table.time_patterns(at).as_slice() {
                        [pattern] => keys.push(format!("pattern = {}{CONFIRM}", quoted(pattern))),
                        [pattern, other, ..] => keys.push(format!(
                            "pattern = {}{CONFIRM}: or {other}? The first rows fit both",
                            quoted(pattern)
                        )),
                        [] => keys.push(
                            "# pattern: how its days are written, such as \"yyyy-MM-dd\"; add it".to_owned(),
                        ),
                    }
                }
                if *name == "txn_type" {
                    let (known, unknown): (Vec<&str>, Vec<&str>) = table
                        .texts(at)
                        .into_iter()
                        .partition(|text| type_of(text).is_some());
                    let meant: Vec<String> = known
                        .iter()
                        .filter_map(|text| Some(format!("{} = {}", quoted(text), quoted(type_of(text)?))))
                        .collect();
                    keys.push(format!("map = {{ {} }}{CONFIRM}", meant.join(", ")));
                    for text in unknown {
                        keys.push(format!(
                            "# {}: what it means is not known; add it to the map",
                            quoted(text)
                        ));
                    }
                }
                if matches!(*name, "entry_id" | "channel_ref") {
                    keys.push("required = true".to_owned());
                }
                line(&field(name, &keys));
            }
            None => match *name {
                "account" => line(&field(
                    "account",
                    &[format!("from = \"source.account\"{CONFIRM}")],
                )),
                "currency" => line(&field("currency", &[format!("value = \"CNY\"{CONFIRM}")])),
                "fee" => line("\n# [fields.fee]: no title says which column is the fee; add it."),
                "entry_id" | "channel_ref" | "booking_time" | "txn_time" | "txn_type" => {
                    line(&format!("\n# [fields.{name}]: no title fits; add its column."));
                }
                _ => {}
            },
        }
    }
    if is_channel {
        line(&field("channel", &["from = \"source.channel\"".to_owned()]));
        line(&field("status", &[format!("value = \"SUCCESS\"{CONFIRM}")]));
    }
    if let Some(order) = balance {
        line(&format!(
            "\n# Each balance follows from the one before it, in the first rows.\n[balance]\norder = {}{CONFIRM}\nstatement = true{CONFIRM}",
            quoted(order)
        ));
    }
    for words in totals::drafted(table, is_channel, moves, &fees) {
        line(&words);
    }
    let used: Vec<String> = table
        .titles
        .iter()
        .enumerate()
        .filter(|(at, title)| !taken.contains(at) && !title.is_empty())
        .map(|(_, title)| title.clone())
        .collect();
    if !used.is_empty() {
        line(&format!("\n# Columns that no field takes: {}", used.join(", ")));
    }
    out
}

/// What a text on the side of an entry means, as far as anybody can tell from it.
fn side_of(text: &str) -> &'static str {
    let lower = text.to_lowercase();
    if ["贷", "收", "credit", "cr", "c", "+", "入"]
        .iter()
        .any(|word| lower == *word)
        || lower.contains('贷')
        || lower.contains("收入")
        || lower.contains("credit")
    {
        "C"
    } else {
        "D"
    }
}

/// Whether a row takes another back; `None` where its text does not tell.
fn takes_back(text: &str) -> Option<bool> {
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
fn type_of(text: &str) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;
    use crate::ingest::formats::profile::Profile;

    fn drafted(bytes: &[u8]) -> (Inspected, String) {
        let mut seen = Inspected::default();
        draft(bytes, false, &[UTF_8, GB18030], &mut seen);
        let text = seen.draft.clone().unwrap_or_default();
        (seen, text)
    }

    #[test]
    fn the_account_of_the_other_side_is_nobodys_own() {
        let text = "日期;流水号;借贷;金额;对方户名;对方账号\n2026-03-31;T1;贷;1,000.00;张三;6222\n2026-03-31;T2;借;5.00;李四;6223\n";
        let (_, drafted) = drafted(text.as_bytes());
        for expected in [
            "[fields.account]\nfrom = \"source.account\"",
            "[fields.counterparty_account]\ncolumns = [\"对方账号\"]",
            "[fields.booking_time]\ncolumns = [\"日期\"]",
        ] {
            assert!(drafted.contains(expected), "{expected} is missing in\n{drafted}");
        }
    }

    #[test]
    fn a_day_and_its_time_in_two_columns_are_joined() {
        for (day, clock, pattern) in [
            ("2026-03-31", "10:00:00", "yyyy-MM-dd HH:mm:ss"),
            ("20260331", "100000", "yyyyMMdd HHmmss"),
        ] {
            let text = format!(
                "流水号,交易日期,交易时间,收入,支出,余额,摘要\nT1,{day},{clock},5.00,,105.00,a\nT2,{day},{clock},,5.00,100.00,b\n"
            );
            let (_, drafted) = drafted(text.as_bytes());
            for expected in [
                format!(
                    "[fields.booking_time]\njoin = [\"交易日期\", \"交易时间\"]  # confirm\nwith = \" \"\npattern = \"{pattern}\"  # confirm"
                ),
                format!(
                    "[fields.value_date]\ncolumns = [\"交易日期\"]  # confirm\npattern = \"{}\"",
                    pattern.split(' ').next().unwrap()
                ),
            ] {
                assert!(drafted.contains(&expected), "{expected} is missing in\n{drafted}");
            }
            let parsed = Profile::parse(&drafted, "x");
            assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
        }
    }

    #[test]
    fn the_account_of_payer_or_payee_is_never_taken_for_the_own() {
        for title in [
            "收(付)方账号",
            "收（付）方账号",
            "收付方账号",
            "收款人账号",
            "付款人账号",
            "交易对方账号",
        ] {
            let text = format!(
                "公司,店\n日期,单号,借方金额,贷方金额,余额,{title}\n2026-03-31,T1,,10.00,110.00,6217\n2026-03-31,T2,5.00,,105.00,6218\n"
            );
            let (_, drafted) = drafted(text.as_bytes());
            assert!(
                drafted.contains("[fields.account]\nfrom = \"source.account\""),
                "{title}\n{drafted}"
            );
        }
    }

    #[test]
    fn a_bank_of_china_is_drafted_whole() {
        let text = "账户：1\n流水号,账号,交易时间,借方发生额,贷方发生额,币种,对方户名,摘要\nF1,62,2026-03-31 10:00:00,\"1,000.00\",,CNY,张三,货款\nF2,62,2026-03-31 11:00:00,,5.00,CNY,李四,退\n";
        let (bytes, _, _) = encoding_rs::GBK.encode(text);
        let (seen, drafted) = drafted(&bytes);
        assert_eq!(seen.encoding, "gb18030");
        for expected in [
            "role = \"bank\"",
            "encodings = [\"gb18030\"]",
            "preamble_lines = 1",
            "credit_columns = [\"贷方发生额\"]",
            "debit_columns = [\"借方发生额\"]",
            "thousands = \",\"",
            "pattern = \"yyyy-MM-dd HH:mm:ss\"",
            "[fields.remark]\ncolumns = [\"摘要\"]",
        ] {
            assert!(drafted.contains(expected), "{expected} is missing in\n{drafted}");
        }
        let parsed = Profile::parse(&drafted, "x");
        assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
    }

    #[test]
    fn a_running_balance_is_drafted_where_it_follows() {
        let text = "流水号,交易时间,借方金额,贷方金额,账户余额\nF1,2026-03-31 10:00:00,-,\"1,000.00\",\"1,100.00\"\nF2,2026-03-31 11:00:00,5.00,-,\"1,095.00\"\nF3,2026-03-31 12:00:00,-,1.00,\"1,096.00\"\n";
        let order = |text: &str| {
            let (_, drafted) = drafted(text.as_bytes());
            let parsed = Profile::parse(&drafted, "x");
            assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
            let behind = drafted
                .split_once("[balance]\norder = ")
                .map(|(_, behind)| behind);
            let order = behind
                .and_then(|behind| behind.split('"').nth(1))
                .unwrap_or_default();
            assert_eq!(
                drafted.contains("[fields.balance]"),
                !order.is_empty(),
                "{drafted}"
            );
            order.to_owned()
        };
        assert_eq!(order(text), "oldest first");
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        assert_eq!(order(&(lines.join("\n") + "\n")), "newest first");
        assert_eq!(order(&text.replace("1,095.00", "1,096.00")), "");
        assert_eq!(order(&text.replace("-,1.00,", "-,none,")), "");
        let one = "日期;流水号;借贷;金额;余额\n2026-03-31;T1;贷;10.00;110.00\n2026-03-31;T2;借;5.00;105.00\n2026-03-31;T3;借;5.00;100.00\n";
        assert_eq!(order(one), "oldest first");
        assert_eq!(order(&one.replace("T2;借", "T2;贷")), "");
    }

    #[test]
    fn a_guessed_encoding_is_to_be_confirmed() {
        let encodings = |bytes: &[u8]| {
            let (_, drafted) = drafted(bytes);
            let line = drafted.lines().find(|line| line.starts_with("encodings"));
            line.unwrap_or_default().to_owned()
        };
        assert_eq!(encodings(b"a;b;c\n1;2;3\n"), "encodings = [\"utf-8\"]  # confirm");
        assert_eq!(
            encodings("日期;b;c\n1;2;3\n".as_bytes()),
            "encodings = [\"utf-8\"]"
        );
        assert_eq!(
            encodings(b"\xef\xbb\xbfa;b;c\n1;2;3\n"),
            "encodings = [\"utf-8\"]"
        );
        let (bytes, _, _) = encoding_rs::GBK.encode("日期;b;c\n1;2;3\n");
        assert_eq!(encodings(&bytes), "encodings = [\"gb18030\"]  # confirm");
    }

    fn parses(drafted: &str) {
        let parsed = Profile::parse(drafted, "x");
        assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
    }

    #[test]
    fn rows_that_take_another_back_turn_the_direction() {
        let text = "流水号,交易日期,借贷标志,红蓝标志,交易金额,账户余额\nT1,2026-03-31,贷,蓝,10.00,110.00\nT2,2026-03-31,贷,红,10.00,100.00\nT3,2026-03-31,借,蓝,5.00,95.00\n";
        let (_, text) = drafted(text.as_bytes());
        for expected in [
            "[[fields.direction]]\nwhen = [{ column = \"借贷标志\", is = \"贷\" }, { column = \"红蓝标志\", is = \"红\" }]  # confirm\nvalue = \"D\"",
            "when = [{ column = \"借贷标志\", is = \"借\" }, { column = \"红蓝标志\", is = \"红\" }]  # confirm\nvalue = \"C\"",
            "order = \"oldest first\"",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
        parses(&text);
        let (_, text) =
            drafted("流水号,交易日期,借贷标志,冲正标志,交易金额\nT1,2026-03-31,贷,Z9,10.00\n".as_bytes());
        assert!(
            text.contains("# [fields.direction]: 借贷标志 says the direction, and 冲正标志 may say"),
            "{text}"
        );
    }

    #[test]
    fn a_type_that_nobody_knows_is_no_payment() {
        let text = "Transaction ID,Merchant Reference,Type,Amount,Fixed Fee,Percent Fee,Fee Rate,Currency,Created\nA1,O1,Sale,\"$1,200.00\",$0.30,$2.00,2%,USD,11/21/2026 10:00:00\nA2,O2,Chargeback,$5.00,$0.30,$0.00,2%,USD,11/05/2026 10:00:00\nA3,O3,Top-Up,$5.00,$0.30,$0.00,2%,USD,11/05/2026 10:00:00\n";
        let (_, text) = drafted(text.as_bytes());
        for expected in [
            "map = { \"Chargeback\" = \"CHARGEBACK\", \"Sale\" = \"PAYMENT\" }",
            "# \"Top-Up\": what it means is not known; add it to the map",
            "pattern = \"MM/dd/yyyy HH:mm:ss\"  # confirm\n",
            "sum = [\"Fixed Fee\", \"Percent Fee\"]  # confirm",
            "symbols = [\"$\"]",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
        parses(&text);
        let (_, text) = drafted(b"id,date,amount\n1,03/04/2026,5.00\n");
        assert!(
            text.contains("pattern = \"dd/MM/yyyy\"  # confirm: or MM/dd/yyyy?"),
            "{text}"
        );
    }

    #[test]
    fn quotes_are_drafted_where_cells_stand_in_them() {
        let (_, text) = drafted(
            "交易时间\t平台流水号\t商户订单号\t备注\n2026-11-20\t42\t=\"0001\"\the said \"hi\"\n".as_bytes(),
        );
        assert!(
            text.contains("delimiter = \"\\t\"") && !text.contains("quote ="),
            "{text}"
        );
        let lines = "Umsätze\n\nBuchungstag;Verwendungszweck;Betrag;Saldo;Referenz\n20.11.2026;\"Miete;\nEREF: 1\";\"1.205,70\";2.205,70;R1\n20.11.2026;\"a\nb\";5,00-;2.200,70;R2\n";
        let (seen, text) = drafted(lines.as_bytes());
        assert_eq!(seen.title, "unknown table");
        for expected in [
            "quote = '\"'",
            "decimal = \",\"",
            "thousands = \".\"",
            "order = \"oldest first\"",
            "preamble_lines = 2",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn one_row_does_not_contradict_its_balance() {
        let (_, text) = drafted("账号,日期,收入,支出,余额,摘要\n1,2026-04-13,100.00,,200.00,x\n".as_bytes());
        assert!(
            text.contains("余额 may be the running balance, which one row does not show"),
            "{text}"
        );
    }

    #[test]
    fn a_text_of_western_letters_is_drafted_as_a_guess() {
        let mut seen = Inspected::default();
        let (bytes, _, _) = WINDOWS_1252.encode("Id;Datum;Betrag;Empfänger\n1;2026-11-20;5,00;Müller\n");
        draft(&bytes, false, &[], &mut seen);
        let text = seen.draft.unwrap_or_default();
        assert!(
            text.contains("encodings = [\"windows-1252\"]  # confirm"),
            "{text}"
        );
    }

    /// A draft with its parts, which parses.
    fn drafted_with(text: &str, expected: &[&str]) -> String {
        let (_, text) = drafted(text.as_bytes());
        for part in expected {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        parses(&text);
        text
    }

    #[test]
    fn signs_behind_amounts_and_around_them_are_drafted_to_be_confirmed() {
        let bank = |first: &str, second: &str| {
            format!(
                "id,date,amount,balance\n1,2026-03-31,{first},{second}\n2,2026-03-31,\"1,000.00\",10.00\n"
            )
        };
        drafted_with(
            &bank("\"1,234.50-\"", "5.00"),
            &[
                "sign_behind = true  # confirm",
                "thousands = \",\"",
                "sign = { ANY = \"any\" }  # confirm",
            ],
        );
        drafted_with(
            &bank("\"(1,234.50)\"", "5.00"),
            &["parentheses = true  # confirm"],
        );
        // A balance follows by them.
        drafted_with(
            "id,date,amount,balance\n1,2026-03-31,\"1,234.50 CR\",\"1,000.00 CR\"\n2,2026-03-31,500.00DR,500.00 CR\n3,2026-03-31,600.00 DR,100.00 DR\n",
            &[
                "sign_words = { CR = \"+\", DR = \"-\" }  # confirm",
                "[fields.balance]",
                "order = \"oldest first\"",
            ],
        );
        let text = drafted_with(
            &bank("12.50 XX", "5.00"),
            &["# \"XX\" stands behind amounts: what it means is not known"],
        );
        assert!(!text.contains("sign_words"), "{text}");
        drafted_with(&bank("+12.50", "5.00"), &["plus = true  # confirm"]);
        drafted_with(
            "id,date,credit,debit\n1,2026-03-31,5.00,--\n2,2026-03-31,N/A,\"(1,200.00)\"\n",
            &[
                "blank = [\"--\", \"N/A\"]  # confirm",
                "debit_is_negative = true  # confirm",
                "parentheses = true  # confirm",
            ],
        );
    }

    #[test]
    fn times_of_half_days_and_months_by_name_are_drafted() {
        let of = |first: &str, second: &str| {
            let (_, text) = drafted(format!("id,date,amount\n1,{first},5.00\n2,{second},6.00\n").as_bytes());
            let line = text.lines().find(|line| line.starts_with("pattern ="));
            if line.is_some() {
                parses(&text);
            }
            line.unwrap_or_default().to_owned()
        };
        for (first, second, expected) in [
            (
                "11/20/2026 01:05:09 PM",
                "11/05/2026 11:05:09 AM",
                "\"MM/dd/yyyy hh:mm:ss a\"  # confirm",
            ),
            (
                "03/04/2026 01:05 PM",
                "03/05/2026 11:05 am",
                "\"dd/MM/yyyy hh:mm a\"  # confirm: or MM/dd/yyyy hh:mm a? The first rows fit both",
            ),
            (
                "3/21/2026 1:05 PM",
                "12/5/2026 11:05 AM",
                "\"M/d/yyyy h:mm a\"  # confirm",
            ),
            (
                "2026-03-31 1:05:09PM",
                "2026-03-31 11:05:09PM",
                "\"yyyy-MM-dd h:mm:ssa\"  # confirm",
            ),
            ("20-Nov-2026", "01-DEC-2026", "\"dd-MMM-yyyy\"  # confirm"),
            (
                "20-Nov-2026 13:00",
                "01-DEC-2026 09:30",
                "\"dd-MMM-yyyy HH:mm\"  # confirm",
            ),
            ("soon", "later", ""),
        ] {
            let expected = if expected.is_empty() {
                String::new()
            } else {
                format!("pattern = {expected}")
            };
            assert_eq!(of(first, second), expected, "{first}");
        }
        drafted_with(
            "流水号,交易日期,交易时间,收入,支出\nT1,2026-03-31,01:00:00 PM,5.00,\nT2,2026-03-31,11:00:00 AM,,5.00\n",
            &["pattern = \"yyyy-MM-dd hh:mm:ss a\""],
        );
    }

    #[test]
    fn a_line_of_totals_is_drafted_where_its_figures_are_those_of_the_rows() {
        let bill = "Transaction ID,Merchant Reference,Type,Amount,Fee,Created\nA1,O1,Sale,\"1,200.00\",2.00,2026-03-31 10:00:00\nA2,O2,Sale,20.50,1.00,2026-03-31 10:00:00\nA3,O3,Refund,20.00,0.00,2026-03-31 10:00:00\n";
        // Refunds are taken off, and the number of a page is nothing that anybody knows.
        drafted_with(
            &format!("{bill}Total page 7: 3 rows 1200.50 net\n"),
            &[
                "[[total]]\nname = \"Total\"\nline = \"Total page {}: {count} rows {sum} net\"  # confirm\ncount = \"count\"  # confirm\n",
                "sums = [{ stated = \"sum\", column = \"Amount\", minus_when = { column = \"Type\", is = [\"Refund\"] } }]  # confirm",
                "sign = { REFUND = \"negative\" }  # confirm",
            ],
        );
        drafted_with(
            &format!("{bill}T 2026-03-31 3 1240.50\n"),
            &[
                "line = \"T {} {count} {sum}\"  # confirm",
                "sums = [{ stated = \"sum\", column = \"Amount\" }]  # confirm",
            ],
        );
        let bank = "流水号,日期,借贷,红蓝,金额,摘要\n1,2026-03-31,贷,蓝,\"1,200.00\",a\n2,2026-03-31,借,蓝,70.00,b\n3,2026-03-31,贷,红,100.00,c\n";
        drafted_with(
            &format!("{bank}合计,3笔,借方,70.00,贷方,\"1,100.00\"\n"),
            &[
                "line = \"合计,{count}笔,借方,{out},贷方,{in}\"  # confirm",
                "{ stated = \"out\", column = \"金额\", when = { column = \"借贷\", is = [\"借\"] }, minus_when = { column = \"红蓝\", is = [\"红\"] } }",
            ],
        );
        drafted_with(
            &format!("{bank}合计：3笔，共1,100.00元,,,,,\n"),
            &[
                "line = \"合计：{count}笔，共{in}元\"",
                "comment_padding = \",\"  # confirm",
            ],
        );
        // Figures that the rows do not have are no totals, and a file that goes on is not added up.
        for other in ["合计,4笔,借方,71.00,贷方,\"1,101.00\"\n", "合计,0.00\n"] {
            let text = drafted_with(
                &format!("{bank}{other}"),
                &["# This line behind the rows may state totals"],
            );
            assert!(!text.contains("[[total]]\n"), "{text}");
        }
        let mut seen = Inspected::default();
        draft(format!("{bank}合计,3笔\n").as_bytes(), true, &[UTF_8], &mut seen);
        assert!(!seen.draft.unwrap().contains("[[total]]\n"));
    }

    #[test]
    fn what_no_title_tells_is_left_open() {
        let (seen, text) = drafted(b"a;b;c\n1;2;3\n4;5;6\n");
        assert!(
            text.contains("no title says which column is the amount"),
            "{text}"
        );
        assert!(!text.contains("[fields.amount]\n"), "{text}");
        assert!(!seen.holds());
        let (seen, text) = drafted(b"hello\nworld\n");
        assert_eq!((seen.title.as_str(), text.as_str()), ("no table", ""));
        let (seen, _) = drafted(&[0xff, 0xff, 0xff]);
        assert!(seen.failed[0].message.contains("no known format"));
    }
}
