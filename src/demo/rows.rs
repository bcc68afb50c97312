//! What the demo delivers, as rows with the day on which each arrives, before any file is written.

use crate::demo::book::merchant;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Funding, Status, TxnType};

/// Number of days.
pub const DAYS: usize = 7;

/// A platform row.
#[derive(Clone, Debug)]
pub struct Txn {
    /// Its id.
    pub id: String,
    /// When, RFC 3339.
    pub time: String,
    /// Merchant; empty for wallets.
    pub merchant: &'static str,
    /// Customer.
    pub customer: String,
    /// Type.
    pub kind: TxnType,
    /// Channel.
    pub channel: &'static str,
    /// Currency.
    pub currency: &'static str,
    /// Minor units.
    pub minor: i64,
    /// Reference at the bank; empty where none.
    pub bank_ref: String,
    /// Status.
    pub status: Status,
    /// Funding.
    pub funding: Funding,
    /// Reference at the channel; empty where none.
    pub channel_ref: String,
    /// What it refers to; empty where none.
    pub original: String,
    /// Payee of a transfer.
    pub counterparty: &'static str,
    /// Free text.
    pub memo: &'static str,
}

impl Txn {
    /// A row of a merchant, with a reference of its own at the bank.
    pub fn new(
        id: impl Into<String>,
        kind: TxnType,
        of: &'static str,
        channel: &'static str,
        minor: i64,
    ) -> Txn {
        let id = id.into();
        Txn {
            bank_ref: format!("R-{id}"),
            id,
            time: String::new(),
            merchant: of,
            customer: String::new(),
            kind,
            channel,
            currency: merchant(of).map_or("CNY", |merchant| merchant.currency),
            minor,
            status: Status::Success,
            funding: Funding::Bank,
            channel_ref: String::new(),
            original: String::new(),
            counterparty: "",
            memo: "",
        }
    }

    /// The direction of its money at the bank.
    pub fn direction(&self) -> Direction {
        self.kind.direction().unwrap_or(Direction::Credit)
    }
}

/// A bank entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Id of the account in book.toml.
    pub account: &'static str,
    /// When it was booked, RFC 3339.
    pub time: String,
    /// When the funds count.
    pub value: Date,
    /// Direction.
    pub direction: Direction,
    /// Minor units.
    pub minor: i64,
    /// Reference.
    pub bank_ref: String,
    /// Remark.
    pub remark: &'static str,
    /// Purpose; empty where none.
    pub purpose: &'static str,
    /// The entry or payout that it undoes; empty where none.
    pub original_ref: String,
}

/// A line of Alipay's bill.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Alipay's number of the trade.
    pub trade: String,
    /// Our order.
    pub order: String,
    /// Id of the refund; empty on a payment.
    pub refund: String,
    /// When it was done, `YYYY-MM-DD hh:mm:ss`.
    pub done: String,
    /// Minor units, > 0.
    pub minor: i64,
    /// What Alipay takes, minor units.
    pub fee_minor: i64,
}

/// A row as it should settle: what the payouts are worked out from.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Index of the close.
    pub day: usize,
    /// The row.
    pub txn: Txn,
}

/// Something planted, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What it is, in a few words.
    pub kind: &'static str,
    /// A txn_id, entry_id, payout id or file name to look for.
    pub id: String,
    /// The days on which something is to be seen, ascending.
    pub dates: Vec<Date>,
    /// What should happen on those days.
    pub shows: &'static str,
}

/// Everything delivered, by day.
#[derive(Clone, Debug)]
pub struct Week {
    /// The days.
    pub dates: [Date; DAYS],
    /// Platform rows.
    pub txns: [Vec<Txn>; DAYS],
    /// Bank entries.
    pub entries: [Vec<Entry>; DAYS],
    /// Lines of the bill.
    pub bills: [Vec<Bill>; DAYS],
    /// Merchant rows and the close in which they settle.
    pub settled: Vec<Settled>,
    /// What was planted.
    pub planted: Vec<Planted>,
}

impl Week {
    /// An empty week from `first` on.
    pub fn new(first: Date) -> Week {
        Week {
            dates: std::array::from_fn(|day| first.plus_days(day as i32)),
            txns: Default::default(),
            entries: Default::default(),
            bills: Default::default(),
            settled: Vec::new(),
            planted: Vec::new(),
        }
    }

    /// A time of a day in the institution's zone.
    pub fn at(&self, day: usize, seconds: u64) -> String {
        assert!(seconds < 86_400, "a day has 86400 seconds");
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{}T{hour:02}:{minute:02}:{second:02}+08:00", self.dates[day])
    }

    /// Delivers a platform row.
    pub fn log(&mut self, day: usize, txn: &Txn) {
        self.txns[day].push(txn.clone());
    }

    /// Delivers the bank's entry for a row, as it should be.
    pub fn book(&mut self, day: usize, txn: &Txn) -> &mut Entry {
        let entry = Entry {
            id: format!("B-{}", txn.id),
            account: account_of(txn.currency),
            time: txn.time.clone(),
            value: self.dates[day],
            direction: txn.direction(),
            minor: txn.minor,
            bank_ref: txn.bank_ref.clone(),
            remark: "",
            purpose: "",
            original_ref: String::new(),
        };
        self.enter(day, entry)
    }

    /// Delivers a bank entry.
    pub fn enter(&mut self, day: usize, entry: Entry) -> &mut Entry {
        let entries = &mut self.entries[day];
        entries.push(entry);
        let last = entries.len() - 1;
        &mut entries[last]
    }

    /// Delivers the line of Alipay's bill for a row, as it should be.
    pub fn bill(&mut self, day: usize, txn: &Txn) -> &mut Bill {
        let refund = txn.kind == TxnType::Refund;
        let bills = &mut self.bills[day];
        bills.push(Bill {
            trade: txn.channel_ref.clone(),
            order: format!("O-{}", if refund { &txn.original } else { &txn.id }),
            refund: if refund { txn.id.clone() } else { String::new() },
            done: txn.time[..19].replace('T', " "),
            minor: txn.minor,
            fee_minor: if refund {
                0
            } else {
                (txn.minor * 38 + 5_000) / 10_000
            },
        });
        let last = bills.len() - 1;
        &mut bills[last]
    }

    /// Notes that a row settles in the close of a day.
    pub fn settles(&mut self, day: usize, txn: &Txn) {
        if txn.kind.is_merchant() {
            self.settled.push(Settled {
                day,
                txn: txn.clone(),
            });
        }
    }

    /// A row on which all sides agree on its day.
    pub fn agree(&mut self, day: usize, txn: &Txn) {
        self.log(day, txn);
        self.book(day, txn);
        if txn.channel == "ALIPAY" {
            self.bill(day, txn);
        }
        self.settles(day, txn);
    }

    /// Notes something planted.
    pub fn plant(&mut self, kind: &'static str, id: impl Into<String>, days: &[usize], shows: &'static str) {
        self.planted.push(Planted {
            kind,
            id: id.into(),
            dates: days.iter().map(|day| self.dates[*day]).collect(),
            shows,
        });
    }
}

/// The reserve account of a currency.
pub fn account_of(currency: &str) -> &'static str {
    if currency == "EUR" { "RA2" } else { "RA1" }
}
