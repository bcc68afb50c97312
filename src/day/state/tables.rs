//! What each column of each table is. docs/state.md says the same for people; a test keeps the two together.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::book::settings::Settings;
use crate::day::state::cells::{Cells, Column, Record, may, must};
use crate::day::state::*;
use crate::report::line::Line;

const HEX_32: &str = "32 digits of lower-case hex";
const HEX_64: &str = "64 digits of lower-case hex (SHA-256)";

impl Record for Due {
    const TABLE: &'static str = "dues";
    const COLUMNS: &'static [Column] = &[
        must("merchant_id"),
        must("currency"),
        must("due_date"),
        must("amount_minor"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> Due {
        Due {
            merchant_id: cells.id(),
            currency: cells.currency(),
            due_date: cells.date(),
            amount_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.merchant_id)
            .currency(self.currency)
            .date(self.due_date)
            .integer(self.amount_minor);
    }

    fn order(&self, other: &Due) -> Ordering {
        let key = |row: &Due| (row.currency, row.due_date);
        self.merchant_id
            .cmp(&other.merchant_id)
            .then(key(self).cmp(&key(other)))
    }

    fn is_nothing(&self) -> bool {
        self.amount_minor == 0
    }
}

impl Record for Hold {
    const TABLE: &'static str = "holds";
    const COLUMNS: &'static [Column] = &[
        must("merchant_id"),
        must("currency"),
        must("release_date"),
        must("amount_minor"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> Hold {
        Hold {
            merchant_id: cells.id(),
            currency: cells.currency(),
            release_date: cells.date_or_none(),
            amount_minor: cells.minor_positive(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.merchant_id)
            .currency(self.currency)
            .date_or_none(self.release_date)
            .integer(self.amount_minor);
    }

    fn order(&self, other: &Hold) -> Ordering {
        let key = |row: &Hold| (row.currency, row.release_date);
        self.merchant_id
            .cmp(&other.merchant_id)
            .then(key(self).cmp(&key(other)))
    }
}

impl Record for Carried {
    const TABLE: &'static str = "carried";
    const COLUMNS: &'static [Column] = &[must("merchant_id"), must("currency"), must("amount_minor")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> Carried {
        Carried {
            merchant_id: cells.id(),
            currency: cells.currency(),
            amount_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.merchant_id)
            .currency(self.currency)
            .integer(self.amount_minor);
    }

    fn order(&self, other: &Carried) -> Ordering {
        self.merchant_id
            .cmp(&other.merchant_id)
            .then(self.currency.cmp(&other.currency))
    }

    fn is_nothing(&self) -> bool {
        self.amount_minor == 0
    }
}

impl PayoutProgress {
    /// The word of payouts.csv.
    pub fn name(self) -> &'static str {
        match self {
            PayoutProgress::Issued => "issued",
            PayoutProgress::Debited => "debited",
            PayoutProgress::Returned => "returned",
        }
    }
}

impl Record for IssuedPayout {
    const TABLE: &'static str = "payouts";
    const COLUMNS: &'static [Column] = &[
        must("payout_id"),
        must("merchant_id"),
        must("currency"),
        must("issued_on"),
        must("execution_date"),
        must("sequence"),
        must("amount_minor"),
        must("account"),
        must("progress"),
        must("changed_on"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> IssuedPayout {
        let sequence = |text: &str| {
            text.parse()
                .ok()
                .filter(|n: &u32| *n > 0 && n.to_string() == text)
        };
        let progress = |text: &str| {
            [
                PayoutProgress::Issued,
                PayoutProgress::Debited,
                PayoutProgress::Returned,
            ]
            .into_iter()
            .find(|known| known.name() == text)
        };
        IssuedPayout {
            payout_id: cells.hex(32, HEX_32),
            merchant_id: cells.id(),
            currency: cells.currency(),
            issued_on: cells.date(),
            execution_date: cells.date(),
            sequence: cells.word("a number from 1", sequence, 1),
            amount_minor: cells.minor_positive(),
            account: cells.id(),
            progress: cells.word("issued, debited or returned", progress, PayoutProgress::Issued),
            changed_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.payout_id)
            .text(&self.merchant_id)
            .currency(self.currency)
            .date(self.issued_on);
        line.date(self.execution_date)
            .integer(self.sequence)
            .integer(self.amount_minor)
            .text(&self.account);
        line.text(self.progress.name()).date(self.changed_on);
    }

    fn order(&self, other: &IssuedPayout) -> Ordering {
        self.payout_id.cmp(&other.payout_id)
    }
}

impl Record for CustomerBalance {
    const TABLE: &'static str = "customers";
    const COLUMNS: &'static [Column] = &[must("customer_id"), must("currency"), must("closing_minor")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> CustomerBalance {
        CustomerBalance {
            customer_id: cells.id(),
            currency: cells.currency(),
            closing_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.customer_id)
            .currency(self.currency)
            .integer(self.closing_minor);
    }

    fn order(&self, other: &CustomerBalance) -> Ordering {
        self.customer_id
            .cmp(&other.customer_id)
            .then(self.currency.cmp(&other.currency))
    }

    fn is_nothing(&self) -> bool {
        self.closing_minor == 0
    }
}

impl Record for AccountBalance {
    const TABLE: &'static str = "accounts";
    const COLUMNS: &'static [Column] = &[
        must("account"),
        must("currency"),
        must("closing_minor"),
        must("book_minor"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> AccountBalance {
        AccountBalance {
            account: cells.id(),
            currency: cells.currency(),
            closing_minor: cells.minor(),
            book_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.account)
            .currency(self.currency)
            .integer(self.closing_minor)
            .integer(self.book_minor);
    }

    fn order(&self, other: &AccountBalance) -> Ordering {
        self.account
            .cmp(&other.account)
            .then(self.currency.cmp(&other.currency))
    }

    /// An account may leave the settings only when nothing is left on it.
    fn contradiction(&self, settings: &Settings) -> Option<(&'static str, String)> {
        let known = settings
            .accounts
            .iter()
            .find(|account| account.id == self.account);
        match known {
            Some(account) if account.currency != self.currency => Some((
                "currency",
                format!("{}, the currency of account {}", account.currency, self.account),
            )),
            None if self.closing_minor != 0 || self.book_minor != 0 => Some((
                "account",
                "the id of an [[account]] of book.toml, for it has a balance".to_owned(),
            )),
            _ => None,
        }
    }
}

impl Record for OwnMoney {
    const TABLE: &'static str = "own";
    const COLUMNS: &'static [Column] = &[must("pool"), must("currency"), must("amount_minor")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> OwnMoney {
        OwnMoney {
            pool: cells.id(),
            currency: cells.currency(),
            amount_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.pool)
            .currency(self.currency)
            .integer(self.amount_minor);
    }

    fn order(&self, other: &OwnMoney) -> Ordering {
        self.pool
            .cmp(&other.pool)
            .then(self.currency.cmp(&other.currency))
    }
}

impl Record for InterPool {
    const TABLE: &'static str = "inter_pool";
    const COLUMNS: &'static [Column] = &[must("pool"), must("currency"), must("amount_minor")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> InterPool {
        InterPool {
            pool: cells.id(),
            currency: cells.currency(),
            amount_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.pool)
            .currency(self.currency)
            .integer(self.amount_minor);
    }

    fn order(&self, other: &InterPool) -> Ordering {
        self.pool
            .cmp(&other.pool)
            .then(self.currency.cmp(&other.currency))
    }
}

impl Record for KnownFile {
    const TABLE: &'static str = "files";
    const COLUMNS: &'static [Column] = &[must("sha256"), must("taken_on"), must("name")];
    const UNIQUE: bool = false;

    fn read(cells: &mut Cells<'_>) -> KnownFile {
        KnownFile {
            sha256: cells.hex(64, HEX_64),
            taken_on: cells.date(),
            name: cells.id(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.sha256).date(self.taken_on).text(&self.name);
    }

    fn order(&self, other: &KnownFile) -> Ordering {
        self.cmp(other)
    }
}

impl Record for StatementNumber {
    const TABLE: &'static str = "statements";
    const COLUMNS: &'static [Column] = &[must("account"), must("format"), must("number"), must("closed_on")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> StatementNumber {
        StatementNumber {
            account: cells.id(),
            format: cells.id(),
            number: cells.count(),
            closed_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.account)
            .text(&self.format)
            .integer(self.number)
            .date(self.closed_on);
    }

    fn order(&self, other: &StatementNumber) -> Ordering {
        self.account
            .cmp(&other.account)
            .then(self.format.cmp(&other.format))
    }
}

impl Record for StatementTaken {
    const TABLE: &'static str = "statements_taken";
    const COLUMNS: &'static [Column] = &[must("account"), must("day"), must("content"), must("taken_on")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> StatementTaken {
        StatementTaken {
            account: cells.id(),
            day: cells.date(),
            content: cells.hex(64, HEX_64),
            taken_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.account)
            .date(self.day)
            .text(&self.content)
            .date(self.taken_on);
    }

    fn order(&self, other: &StatementTaken) -> Ordering {
        self.account
            .cmp(&other.account)
            .then(self.day.cmp(&other.day))
            .then_with(|| self.content.cmp(&other.content))
    }
}

impl Record for PostedAdjustment {
    const TABLE: &'static str = "adjustments";
    const COLUMNS: &'static [Column] = &[must("adjustment_id"), must("posted_on")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> PostedAdjustment {
        PostedAdjustment {
            adjustment_id: cells.id(),
            posted_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.adjustment_id).date(self.posted_on);
    }

    fn order(&self, other: &PostedAdjustment) -> Ordering {
        self.adjustment_id.cmp(&other.adjustment_id)
    }
}

impl Record for FeeReturn {
    const TABLE: &'static str = "fee_returns";
    const COLUMNS: &'static [Column] = &[
        must("original_txn_id"),
        may("merchant_id"),
        may("currency"),
        must("amount_minor"),
        must("fee_minor"),
        must("refunded_minor"),
        must("returned_minor"),
        must("changed_on"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> FeeReturn {
        FeeReturn {
            original_txn_id: cells.id(),
            merchant_id: cells.text(),
            currency: cells.currency_or_none(),
            amount_minor: cells.minor_positive(),
            fee_minor: cells.minor_or_zero(),
            refunded_minor: cells.minor_or_zero(),
            returned_minor: cells.minor_or_zero(),
            changed_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.original_txn_id)
            .text(&self.merchant_id)
            .text(self.currency.map_or("", |currency| currency.code()))
            .integer(self.amount_minor)
            .integer(self.fee_minor);
        line.integer(self.refunded_minor)
            .integer(self.returned_minor)
            .date(self.changed_on);
    }

    fn order(&self, other: &FeeReturn) -> Ordering {
        self.original_txn_id.cmp(&other.original_txn_id)
    }

    fn contradiction(&self, _settings: &Settings) -> Option<(&'static str, String)> {
        (self.returned_minor > self.fee_minor)
            .then(|| ("returned_minor", format!("at most the fee, {}", self.fee_minor)))
    }
}

impl Record for LedgerBalance {
    const TABLE: &'static str = "ledger";
    const COLUMNS: &'static [Column] = &[must("ledger_account"), must("currency"), must("balance_minor")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> LedgerBalance {
        LedgerBalance {
            ledger_account: cells.id(),
            currency: cells.currency(),
            balance_minor: cells.minor(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.ledger_account)
            .currency(self.currency)
            .integer(self.balance_minor);
    }

    fn order(&self, other: &LedgerBalance) -> Ordering {
        self.ledger_account
            .cmp(&other.ledger_account)
            .then(self.currency.cmp(&other.currency))
    }
}

impl Record for OpenBreak {
    const TABLE: &'static str = "breaks";
    const COLUMNS: &'static [Column] = &[must("break_id"), must("leg"), must("class"), must("first_seen")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> OpenBreak {
        OpenBreak {
            break_id: cells.hex(32, HEX_32),
            leg: cells.id(),
            class: cells.id(),
            first_seen: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.break_id)
            .text(&self.leg)
            .text(&self.class)
            .date(self.first_seen);
    }

    fn order(&self, other: &OpenBreak) -> Ordering {
        self.break_id.cmp(&other.break_id)
    }
}

impl Record for Unsettled {
    const TABLE: &'static str = "unsettled";
    const COLUMNS: &'static [Column] = &[must("txn_id"), must("leg"), must("matched_on")];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> Unsettled {
        Unsettled {
            txn_id: cells.id(),
            leg: cells.id(),
            matched_on: cells.date(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.txn_id).text(&self.leg).date(self.matched_on);
    }

    fn order(&self, other: &Unsettled) -> Ordering {
        self.txn_id
            .cmp(&other.txn_id)
            .then_with(|| self.leg.cmp(&other.leg))
    }
}

impl Record for Chained {
    const TABLE: &'static str = "chained";
    const COLUMNS: &'static [Column] = &[
        must("channel"),
        must("channel_ref"),
        must("txn_type"),
        may("refund_ref"),
        must("leg"),
        may("txn_id"),
        may("account"),
        may("entry_id"),
        may("batch_ref"),
    ];
    const UNIQUE: bool = true;

    fn read(cells: &mut Cells<'_>) -> Chained {
        Chained {
            channel: cells.id(),
            channel_ref: cells.id(),
            txn_type: cells.word(
                "a transaction type",
                |text| TxnType::parse(text.as_bytes()),
                TxnType::Payment,
            ),
            refund_ref: cells.text(),
            leg: cells.id(),
            txn_id: cells.text(),
            account: cells.text(),
            entry_id: cells.text(),
            batch_ref: cells.text(),
        }
    }

    fn write(&self, line: &mut Line) {
        line.text(&self.channel)
            .text(&self.channel_ref)
            .text(self.txn_type.name())
            .text(&self.refund_ref)
            .text(&self.leg);
        line.text(&self.txn_id)
            .text(&self.account)
            .text(&self.entry_id)
            .text(&self.batch_ref);
    }

    fn order(&self, other: &Chained) -> Ordering {
        self.identity().cmp(&other.identity())
    }

    fn contradiction(&self, settings: &Settings) -> Option<(&'static str, String)> {
        let knows = settings.accounts.iter().any(|account| account.id == self.account);
        match (self.txn_id.is_empty(), self.account.is_empty()) {
            (true, true) | (false, false) => {
                Some(("txn_id", "either txn_id or account, one of the two".to_owned()))
            }
            (true, false) if !knows => Some((
                "account",
                "the id of an [[account]] of book.toml, for it holds money of the row's batch".to_owned(),
            )),
            _ => None,
        }
    }
}

impl OpenSide {
    /// The word of open_items.csv.
    pub fn name(self) -> &'static str {
        match self {
            OpenSide::Platform => "platform",
            OpenSide::Bank => "bank",
            OpenSide::Channel => "channel",
        }
    }
}

/// Legs of the engine itself, beside those of the settings.
pub const OWN_LEGS: [&str; 3] = ["wallet", "payout-bank", "escrow"];

impl Record for OpenItem {
    const TABLE: &'static str = "open_items";
    const COLUMNS: &'static [Column] = &[
        must("leg"),
        must("side"),
        must("first_seen"),
        may("was_duplicate"),
        may("class"),
        may("file"),
        may("line"),
        must("id"),
        may("account"),
        may("channel"),
        must("currency"),
        must("amount_minor"),
        may("fee_minor"),
        may("direction"),
        may("txn_type"),
        may("status"),
        may("funding"),
        may("txn_time"),
        may("time_text"),
        may("value_date"),
        may("bank_ref"),
        may("merchant_id"),
        may("customer_id"),
        may("counterparty_id"),
        may("order_id"),
        may("channel_ref"),
        may("refund_ref"),
        may("original_ref"),
        may("batch_ref"),
        may("remark"),
        may("counterparty_name"),
        may("counterparty_account"),
        may("purpose"),
    ];
    const UNIQUE: bool = false;

    fn read(cells: &mut Cells<'_>) -> OpenItem {
        let side = |text: &str| {
            [OpenSide::Platform, OpenSide::Bank, OpenSide::Channel]
                .into_iter()
                .find(|known| known.name() == text)
        };
        OpenItem {
            leg: cells.id(),
            side: cells.word("platform, bank or channel", side, OpenSide::Platform),
            first_seen: cells.date(),
            was_duplicate: cells.flag(),
            class: cells.text(),
            file: cells.text(),
            line: cells.count(),
            row: Arc::new(read_row(cells)),
        }
    }

    fn write(&self, line: &mut Line) {
        let row = &self.row;
        line.text(&self.leg).text(self.side.name()).date(self.first_seen);
        line.text(if self.was_duplicate { "Y" } else { "" })
            .text(&self.class)
            .text(&self.file)
            .integer(self.line);
        line.text(&row.id)
            .text(&row.account)
            .text(&row.channel)
            .currency(row.currency);
        line.integer(row.amount_minor).integer(row.fee_minor);
        line.text(row.direction.map_or("", Direction::name))
            .text(row.txn_type.map_or("", TxnType::name));
        line.text(row.status.name())
            .text(row.funding.name())
            .time_ms(row.time_ms)
            .text(&row.time_text);
        line.date_or_none(row.value_date);
        line.text(&row.bank_ref)
            .text(&row.merchant_id)
            .text(&row.customer_id)
            .text(&row.counterparty_id);
        line.text(&row.order_id)
            .text(&row.channel_ref)
            .text(&row.refund_ref)
            .text(&row.original_ref);
        line.text(&row.batch_ref)
            .text(&row.remark)
            .text(&row.counterparty_name);
        line.text(&row.counterparty_account).text(&row.purpose);
    }

    fn order(&self, other: &OpenItem) -> Ordering {
        let key = |item: &OpenItem| (item.side, item.first_seen);
        self.leg
            .cmp(&other.leg)
            .then(self.side.cmp(&other.side))
            .then_with(|| self.row.id.cmp(&other.row.id))
            .then_with(|| self.row.account.cmp(&other.row.account))
            .then(key(self).cmp(&key(other)))
            .then_with(|| self.row.channel.cmp(&other.row.channel))
            .then_with(|| self.row.refund_ref.cmp(&other.row.refund_ref))
            .then_with(|| self.row.bank_ref.cmp(&other.row.bank_ref))
            // Content before place: rows that share an id stand in an order that no file decides (R32).
            .then_with(|| self.row.cmp(&other.row))
            .then_with(|| (&self.file, self.line).cmp(&(&other.file, other.line)))
    }

    fn contradiction(&self, settings: &Settings) -> Option<(&'static str, String)> {
        let row = &self.row;
        if row.id.is_empty() && self.side != OpenSide::Channel {
            return Some(("id", "a text that is not empty".to_owned()));
        }
        match self.side {
            OpenSide::Bank => {
                let Some(account) = settings.accounts.iter().find(|account| account.id == row.account) else {
                    return Some(("account", "the id of an [[account]] of book.toml".to_owned()));
                };
                if account.currency != row.currency {
                    let expected = format!("{}, the currency of account {}", account.currency, account.id);
                    return Some(("currency", expected));
                }
                match (row.direction, row.value_date) {
                    (None, _) => Some(("direction", "C or D".to_owned())),
                    (_, None) => Some(("value_date", "a day YYYY-MM-DD".to_owned())),
                    _ => None,
                }
            }
            OpenSide::Platform | OpenSide::Channel => match row.txn_type {
                None => Some(("txn_type", "a transaction type".to_owned())),
                Some(txn_type) if txn_type.direction() != row.direction => {
                    let direction = txn_type.direction().map_or("nothing", Direction::name);
                    Some((
                        "direction",
                        format!("{direction}, the direction of {}", txn_type.name()),
                    ))
                }
                Some(_) => None,
            },
        }
    }
}

/// The canonical fields. An empty direction is that of the type; an empty status is SUCCESS.
fn read_row(cells: &mut Cells<'_>) -> OpenRow {
    let direction = |text: &str| match text {
        "" => Some(None),
        _ => Direction::parse(text.as_bytes()).map(Some),
    };
    let txn_type = |text: &str| match text {
        "" => Some(None),
        _ => TxnType::parse(text.as_bytes()).map(Some),
    };
    let status = |text: &str| match text {
        "" => Some(Status::Success),
        _ => Status::parse(text.as_bytes()),
    };
    let mut row = OpenRow {
        id: cells.text(),
        account: cells.text(),
        channel: cells.text(),
        currency: cells.currency(),
        amount_minor: cells.minor_positive(),
        fee_minor: cells.minor_or_zero(),
        direction: cells.word("C, D or nothing", direction, None),
        txn_type: cells.word("a transaction type, such as PAYMENT, or nothing", txn_type, None),
        status: cells.word("SUCCESS, FAILED or PENDING", status, Status::Success),
        funding: cells.word(
            "BANK or BALANCE",
            |text| Funding::parse(text.as_bytes()),
            Funding::Bank,
        ),
        time_ms: cells.time_ms(),
        time_text: cells.text(),
        value_date: cells.date_or_none(),
        bank_ref: cells.text(),
        merchant_id: cells.text(),
        customer_id: cells.text(),
        counterparty_id: cells.text(),
        order_id: cells.text(),
        channel_ref: cells.text(),
        refund_ref: cells.text(),
        original_ref: cells.text(),
        batch_ref: cells.text(),
        remark: cells.text(),
        counterparty_name: cells.text(),
        counterparty_account: cells.text(),
        purpose: cells.text(),
    };
    row.direction = row.direction.or(row.txn_type.and_then(TxnType::direction));
    row
}
