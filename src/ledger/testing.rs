//! A small book and days made up for it, for the tests of ledger, reserve and checks.

use std::collections::BTreeMap;

use crate::book::merchants::{FeeTerms, MerchantCode, MerchantStatus, MerchantTerms, Merchants};
use crate::book::settings::*;
use crate::day::figures::*;
use crate::day::state::*;
use crate::findings::Stop;
use crate::ledger::{DayFigures, Journal};
use crate::reserve::ReserveReport;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest;
use crate::terms::kinds::{Direction, Funding, Purpose, Status, TxnType};

pub fn cny() -> Currency {
    Currency::parse(b"CNY").unwrap()
}

pub fn day_one() -> Date {
    Date::from_ymd(2026, 11, 20).unwrap()
}

/// Accounts OWN (own), RA1 (default), RA2 (pool p2), all CNY, and US1 (default, USD).
pub const OWN: usize = 0;
pub const RA1: usize = 1;
pub const RA2: usize = 2;
pub const US1: usize = 3;

pub fn settings(basis: Basis) -> Settings {
    let usd = Currency::parse(b"USD").unwrap();
    let account = |id: &str, currency, kind, pool: &str| Account {
        id: id.to_owned(),
        bank: "BANK".to_owned(),
        number: None,
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency,
        kind,
        pool: pool.to_owned(),
    };
    let leg = |name: &str, kind| Leg {
        name: name.to_owned(),
        kind,
        channels: None,
        later: Vec::new(),
    };
    Settings {
        institution: Institution {
            name: "Example Pay".to_owned(),
            id: "EXPAY".to_owned(),
            base_currency: cny(),
            time_zone: "Asia/Shanghai".to_owned(),
            cut_off_minutes: 0,
            calendar: "CN".to_owned(),
        },
        accounts: vec![
            account("OWN", cny(), AccountKind::Own, "default"),
            account("RA1", cny(), AccountKind::Reserve, "default"),
            account("RA2", cny(), AccountKind::Reserve, "p2"),
            account("US1", usd, AccountKind::Reserve, "default"),
        ],
        sources: Vec::new(),
        legs: vec![
            leg("platform-bank", LegKind::PlatformBank),
            leg("platform-channel", LegKind::PlatformChannel),
        ],
        settle_when: vec!["platform-bank".to_owned(), "platform-channel".to_owned()],
        fee_plans: BTreeMap::new(),
        channels: BTreeMap::new(),
        payout: PayoutSettings {
            min_minor: 0,
            default_cycle: Cycle::Business(1),
            accounts: BTreeMap::from([(cny(), "RA1".to_owned()), (usd, "US1".to_owned())]),
            format: PayoutFormat::Csv,
            max_per_file: 0,
        },
        netting: Netting {
            mode: NettingMode::Multilateral,
            windows: Vec::new(),
        },
        reserve: ReserveSettings {
            basis,
            own_money_allowed_minor: 0,
            regimes: Vec::new(),
        },
        policy: Policy {
            rejects: RejectPolicy::Stop,
            duplicates: DuplicatePolicy::Pair,
            on_shortfall: ShortfallPolicy::Withhold,
            max_age_days: 3,
            alerts: BTreeMap::new(),
        },
        privacy: Privacy { mask_accounts: false },
        sha256: String::new(),
    }
}

/// M1 and M3 in the default pool, M2 in p2.
pub fn merchants() -> Merchants {
    let terms = |id: &str, pool: &str| MerchantTerms {
        id: id.to_owned(),
        name: String::new(),
        fee: FeeTerms::Columns {
            fee_bps: 0,
            min_minor: 0,
            max_minor: None,
        },
        hold_bps: 0,
        hold_days: 180,
        cycle: Cycle::Business(1),
        min_payout_minor: None,
        currency: None,
        payout_account: String::new(),
        payout_bank: String::new(),
        payout_name: String::new(),
        participant_id: String::new(),
        pool: pool.to_owned(),
        status: MerchantStatus::Active,
        calendar: None,
    };
    Merchants::new(
        vec![terms("M1", "default"), terms("M2", "p2"), terms("M3", "default")],
        String::new(),
    )
}

/// Everything that [`DayFigures`] borrows.
pub struct Day {
    pub date: Date,
    pub settings: Settings,
    pub merchants: Merchants,
    pub previous: State,
    pub payouts: Vec<PayoutLine>,
    pub accounts: Vec<AccountLine>,
    pub customers: Vec<CustomerLine>,
    pub agreed: Vec<AgreedSums>,
    pub events: Vec<AccountEvent>,
    pub adjustments: Vec<AdjustmentLine>,
    pub open: Vec<OpenEntry>,
    pub unsettled: Vec<UnsettledRow>,
    pub next: State,
}

/// Calendar days stand in for business days.
pub fn age_on(date: Date) -> impl Fn(Date) -> Result<i32, Stop> {
    move |first_seen| Ok(date.days_since(first_seen))
}

impl Day {
    pub fn new(basis: Basis, previous: State, date: Date) -> Day {
        let settings = settings(basis);
        let accounts = (0..settings.accounts.len())
            .map(|account| {
                let known = previous
                    .accounts
                    .iter()
                    .find(|known| known.account == settings.accounts[account].id);
                AccountLine {
                    account,
                    credit_count: 0,
                    credit_minor: 0,
                    debit_count: 0,
                    debit_minor: 0,
                    opening_minor: known.map_or(0, |known| known.closing_minor.into()),
                    closing_minor: known.map_or(0, |known| known.closing_minor.into()),
                    book_opening_minor: known.map_or(0, |known| known.book_minor.into()),
                }
            })
            .collect();
        Day {
            date,
            settings,
            merchants: merchants(),
            next: State {
                carried: previous.carried.clone(),
                dues: previous.dues.clone(),
                holds: previous.holds.clone(),
                payouts: previous.payouts.clone(),
                ..State::default()
            },
            previous,
            payouts: Vec::new(),
            accounts,
            customers: Vec::new(),
            agreed: Vec::new(),
            events: Vec::new(),
            adjustments: Vec::new(),
            open: Vec::new(),
            unsettled: Vec::new(),
        }
    }

    pub fn with<T>(&self, act: impl FnOnce(&DayFigures<'_>) -> T) -> T {
        let age = age_on(self.date);
        act(&DayFigures {
            date: self.date,
            settings: &self.settings,
            merchants: &self.merchants,
            previous: &self.previous,
            payouts: &self.payouts,
            accounts: &self.accounts,
            customers: &self.customers,
            agreed: &self.agreed,
            events: &self.events,
            adjustments: &self.adjustments,
            open: &self.open,
            unsettled: &self.unsettled,
            dues: &self.next.dues,
            holds: &self.next.holds,
            carried: &self.next.carried,
            issued: &self.next.payouts,
            age_business_days: &age,
        })
    }

    /// Money over the bank counter: the statement of the day.
    pub fn statement(&mut self, account: usize, direction: Direction, amount_minor: i64) {
        let line = &mut self.accounts[account];
        match direction {
            Direction::Credit => {
                line.credit_count += 1;
                line.credit_minor += i128::from(amount_minor);
                line.closing_minor += i128::from(amount_minor);
            }
            Direction::Debit => {
                line.debit_count += 1;
                line.debit_minor += i128::from(amount_minor);
                line.closing_minor -= i128::from(amount_minor);
            }
        }
    }

    /// An agreement of an entry that may have come today or earlier.
    pub fn agree(&mut self, account: usize, pool: &str, direction: Direction, amount_minor: i64) {
        let at = self
            .agreed
            .iter()
            .position(|sums| sums.account == account && sums.obligee_pool == pool);
        let at = at.unwrap_or_else(|| {
            self.agreed.push(AgreedSums {
                account,
                obligee_pool: pool.to_owned(),
                credit_minor: 0,
                debit_minor: 0,
            });
            self.agreed.len() - 1
        });
        match direction {
            Direction::Credit => self.agreed[at].credit_minor += i128::from(amount_minor),
            Direction::Debit => self.agreed[at].debit_minor += i128::from(amount_minor),
        }
    }

    pub fn event(&mut self, account: usize, entry_id: &str, amount_minor: i64, kind: AccountEventKind) {
        self.events.push(AccountEvent {
            account,
            entry_id: entry_id.to_owned(),
            amount_minor,
            kind,
        });
    }

    pub fn line(&mut self, merchant: u32, currency: Currency) -> &mut PayoutLine {
        let merchant = MerchantCode(merchant);
        let found = self
            .payouts
            .iter()
            .position(|line| line.sums.merchant == merchant && line.sums.currency == currency);
        let at = found.unwrap_or_else(|| {
            self.payouts.push(PayoutLine {
                sums: MerchantSums::zero(merchant, currency),
                fee_minor: 0,
                hold_minor: 0,
                release_minor: 0,
                net_minor: 0,
                due_date: self.date.plus_days(1),
                opening_minor: 0,
                due_minor: 0,
                payout_minor: 0,
                carried_minor: 0,
                returned_minor: 0,
                manual: Manual::default(),
                undue_minor: 0,
                held_minor_total: 0,
                payout_id: None,
                status: PayoutStatus::None,
                reason: None,
            });
            self.payouts.len() - 1
        });
        &mut self.payouts[at]
    }

    pub fn customer(&mut self, id: &str, currency: Currency) -> &mut CustomerLine {
        let found = self
            .customers
            .iter()
            .position(|line| line.customer_id == id && line.currency == currency);
        let at = found.unwrap_or_else(|| {
            let opening_minor = self
                .previous
                .customers
                .iter()
                .find(|balance| balance.customer_id == id && balance.currency == currency)
                .map_or(0, |balance| i128::from(balance.closing_minor));
            self.customers.push(CustomerLine {
                customer_id: id.to_owned(),
                currency,
                opening_minor,
                credit_minor: 0,
                debit_minor: 0,
                closing_minor: opening_minor,
                topup_minor: 0,
                refund_minor: 0,
                transfer_in_minor: 0,
                withdrawal_minor: 0,
                payment_minor: 0,
                transfer_out_minor: 0,
                unbooked_minor: 0,
            });
            self.customers.len() - 1
        });
        &mut self.customers[at]
    }

    /// Completes customers, and closes: the ledger, the reserve, every invariant; then the state of the next day.
    pub fn close(&mut self) -> (Journal, ReserveReport, Vec<crate::checks::Invariant>) {
        for balance in self.previous.customers.clone() {
            self.customer(&balance.customer_id, balance.currency);
        }
        for line in &mut self.customers {
            line.credit_minor = line.topup_minor + line.refund_minor + line.transfer_in_minor;
            line.debit_minor = line.withdrawal_minor + line.payment_minor + line.transfer_out_minor;
            line.closing_minor = line.opening_minor + line.credit_minor - line.debit_minor;
        }
        let (journal, reserve, invariants) = self.with(|day| {
            let standings = crate::ledger::Standings::of(day).unwrap();
            let journal = crate::ledger::journal(day, &standings).unwrap();
            let reserve = crate::reserve::figures(day, &standings).unwrap();
            let invariants = crate::checks::run_all(&crate::checks::Checked {
                day,
                conservation: &[],
                positions: &[],
                journal: &journal,
                reserve: &reserve,
                batches: &BTreeMap::new(),
                halfway: [0, 0],
            });
            (journal, reserve, invariants)
        });
        self.next.ledger = journal.closing.clone();
        self.next.own = reserve.own.clone();
        self.next.inter_pool = reserve.inter_pool.clone();
        self.next.customers = self
            .customers
            .iter()
            .filter(|line| line.closing_minor != 0)
            .map(|line| CustomerBalance {
                customer_id: line.customer_id.clone(),
                currency: line.currency,
                closing_minor: line.closing_minor as i64,
            })
            .collect();
        self.next.customers.sort();
        self.next.accounts = self
            .accounts
            .iter()
            .map(|line| AccountBalance {
                account: self.settings.accounts[line.account].id.clone(),
                currency: self.settings.accounts[line.account].currency,
                closing_minor: line.closing_minor as i64,
                book_minor: reserve.books.get(&line.account).copied().unwrap_or(0) as i64,
            })
            .collect();
        (journal, reserve, invariants)
    }
}

/// A platform row of the made-up institution.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub txn_type: TxnType,
    pub currency: Currency,
    pub amount_minor: i64,
    /// Merchant code, or customer number for TOPUP and WITHDRAWAL.
    pub who: u32,
    pub needs_channel: bool,
    pub first_seen: Date,
}

impl Row {
    pub fn direction(&self) -> Direction {
        self.txn_type.direction().unwrap()
    }

    pub fn obligee_id(&self) -> String {
        let letter = if self.txn_type.is_wallet() { 'C' } else { 'M' };
        format!("{letter}{}", self.who + 1)
    }

    pub fn pool(&self) -> &'static str {
        if !self.txn_type.is_wallet() && self.who == 1 {
            "p2"
        } else {
            "default"
        }
    }

    pub fn open_entry(&self, leg: &str) -> OpenEntry {
        OpenEntry {
            leg: leg.to_owned(),
            break_id: digest::break_id(leg, self.id.as_bytes(), self.id.as_bytes(), b"", b""),
            at_bank: false,
            id: self.id.clone(),
            reference: self.id.clone(),
            account: None,
            obligee_id: self.obligee_id(),
            obligee_is_customer: self.txn_type.is_wallet(),
            pool: self.pool().to_owned(),
            currency: self.currency,
            direction: self.direction(),
            amount_minor: self.amount_minor,
            first_seen: self.first_seen,
            txn_type: Some(self.txn_type),
            counts: true,
        }
    }

    pub fn open_item(&self, leg: &str) -> OpenItem {
        let (merchant_id, customer_id) = if self.txn_type.is_wallet() {
            (String::new(), self.obligee_id())
        } else {
            (self.obligee_id(), String::new())
        };
        let mut item = open_item(leg, OpenSide::Platform, &self.id, self.first_seen);
        item.row = std::sync::Arc::new(OpenRow {
            currency: self.currency,
            amount_minor: self.amount_minor,
            direction: Some(self.direction()),
            txn_type: Some(self.txn_type),
            merchant_id,
            customer_id,
            ..OpenRow::clone(&item.row)
        });
        item
    }
}

/// A bank entry that nobody claims.
#[derive(Clone, Debug)]
pub struct Stray {
    pub id: String,
    pub account: usize,
    pub direction: Direction,
    pub amount_minor: i64,
    pub first_seen: Date,
}

impl Stray {
    pub fn open_entry(&self, settings: &Settings) -> OpenEntry {
        let account = &settings.accounts[self.account];
        OpenEntry {
            leg: "platform-bank".to_owned(),
            break_id: digest::break_id(
                "platform-bank",
                b"",
                b"",
                account.id.as_bytes(),
                self.id.as_bytes(),
            ),
            at_bank: true,
            id: self.id.clone(),
            reference: String::new(),
            account: Some(self.account),
            obligee_id: String::new(),
            obligee_is_customer: false,
            pool: account.pool.clone(),
            currency: account.currency,
            direction: self.direction,
            amount_minor: self.amount_minor,
            first_seen: self.first_seen,
            txn_type: None,
            counts: true,
        }
    }

    pub fn open_item(&self, settings: &Settings) -> OpenItem {
        let account = &settings.accounts[self.account];
        let mut item = open_item("platform-bank", OpenSide::Bank, &self.id, self.first_seen);
        let row = std::sync::Arc::make_mut(&mut item.row);
        row.account.clone_from(&account.id);
        row.currency = account.currency;
        row.amount_minor = self.amount_minor;
        row.direction = Some(self.direction);
        item
    }
}

fn open_item(leg: &str, side: OpenSide, id: &str, first_seen: Date) -> OpenItem {
    OpenItem {
        leg: leg.to_owned(),
        side,
        first_seen,
        was_duplicate: false,
        class: String::new(),
        file: "day.csv".to_owned(),
        line: 1,
        row: std::sync::Arc::new(OpenRow {
            id: id.to_owned(),
            account: String::new(),
            channel: String::new(),
            currency: cny(),
            amount_minor: 0,
            fee_minor: 0,
            direction: None,
            txn_type: None,
            status: Status::Success,
            funding: Funding::Bank,
            time_ms: 0,
            time_text: String::new(),
            value_date: None,
            bank_ref: id.to_owned(),
            merchant_id: String::new(),
            customer_id: String::new(),
            counterparty_id: String::new(),
            order_id: String::new(),
            channel_ref: String::new(),
            refund_ref: String::new(),
            original_ref: String::new(),
            batch_ref: String::new(),
            remark: String::new(),
            counterparty_name: String::new(),
            counterparty_account: String::new(),
            purpose: String::new(),
        }),
    }
}

/// A made-up institution that lives for some days, with every kind of movement, from a seed.
pub struct World {
    seed: u64,
    count: u64,
    state: State,
    waiting: Vec<Row>,
    unsettled: Vec<Row>,
    strays: Vec<Stray>,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            seed: seed | 1,
            count: 0,
            state: State::default(),
            waiting: Vec::new(),
            unsettled: Vec::new(),
            strays: Vec::new(),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        // xorshift64: no more is asked of it than to differ.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) % n
    }

    fn name(&mut self, letter: char) -> String {
        self.count += 1;
        format!("{letter}{:05}", self.count)
    }

    fn amount(&mut self) -> i64 {
        1 + self.below(1000) as i64
    }

    fn account_of(&mut self, currency: Currency) -> usize {
        if currency == cny() {
            [RA1, RA2][self.below(2) as usize]
        } else {
            US1
        }
    }

    /// The next day, closed.
    pub fn day(
        &mut self,
        date: Date,
        basis: Basis,
    ) -> (Day, Journal, ReserveReport, Vec<crate::checks::Invariant>) {
        let mut day = Day::new(basis, std::mem::take(&mut self.state), date);
        for _ in 0..self.below(12) {
            self.platform_row(&mut day, date);
        }
        self.bank_entries(&mut day, date);
        self.agree_and_settle(&mut day);
        self.payout_movements(&mut day);
        self.pay(&mut day);
        day.open = self
            .waiting
            .iter()
            .map(|row| row.open_entry("platform-bank"))
            .collect();
        day.open.extend(
            self.unsettled
                .iter()
                .map(|row| row.open_entry("platform-channel")),
        );
        day.open
            .extend(self.strays.iter().map(|stray| stray.open_entry(&day.settings)));
        day.unsettled = self
            .unsettled
            .iter()
            .map(|row| UnsettledRow {
                txn_id: row.id.clone(),
                obligee_id: row.obligee_id(),
                obligee_is_customer: row.txn_type.is_wallet(),
                pool: row.pool().to_owned(),
                currency: row.currency,
                direction: row.direction(),
                amount_minor: row.amount_minor,
                matched_on: day.date,
            })
            .collect();
        let (journal, reserve, invariants) = day.close();
        self.brought_forward(&mut day);
        (day, journal, reserve, invariants)
    }

    fn brought_forward(&mut self, day: &mut Day) {
        let next = &mut day.next;
        for row in &self.waiting {
            next.open_items.push(row.open_item("platform-bank"));
            if row.needs_channel && row.amount_minor % 2 == 0 {
                next.open_items.push(row.open_item("platform-channel"));
            }
        }
        for row in &self.unsettled {
            next.open_items.push(row.open_item("platform-channel"));
            next.unsettled.push(Unsettled {
                txn_id: row.id.clone(),
                leg: "platform-bank".to_owned(),
                matched_on: day.date,
            });
        }
        next.open_items
            .extend(self.strays.iter().map(|stray| stray.open_item(&day.settings)));
        self.state = next.clone();
    }

    fn platform_row(&mut self, day: &mut Day, date: Date) {
        let currency = if self.below(4) == 0 {
            day.settings.accounts[US1].currency
        } else {
            cny()
        };
        let amount_minor = self.amount();
        let txn_type = match self.below(12) {
            0..=3 => TxnType::Payment,
            4 => TxnType::Refund,
            5 => TxnType::Chargeback,
            6 => TxnType::ChargebackReversal,
            7 => TxnType::Topup,
            8 => TxnType::Withdrawal,
            kind => return self.wallet_row(day, kind, currency, amount_minor),
        };
        let row = Row {
            id: self.name('T'),
            txn_type,
            currency,
            amount_minor,
            who: self.below(3) as u32,
            needs_channel: self.below(3) == 0,
            first_seen: date,
        };
        if txn_type == TxnType::Withdrawal {
            day.customer(&row.obligee_id(), currency).withdrawal_minor += i128::from(amount_minor);
        }
        self.waiting.push(row);
    }

    fn wallet_row(&mut self, day: &mut Day, kind: u64, currency: Currency, amount_minor: i64) {
        let amount = i128::from(amount_minor);
        let merchant = self.below(3) as u32;
        match kind {
            9 => {
                day.customer("C1", currency).payment_minor += amount;
                let sums = &mut day.line(merchant, currency).sums;
                sums.gross_minor += amount;
                sums.balance_gross_minor += amount;
            }
            10 => {
                day.customer("C1", currency).refund_minor += amount;
                let sums = &mut day.line(merchant, currency).sums;
                sums.refund_minor += amount;
                sums.balance_refund_minor += amount;
            }
            _ => {
                day.customer("C1", currency).transfer_out_minor += amount;
                day.customer("C2", currency).transfer_in_minor += amount;
            }
        }
    }

    fn bank_entries(&mut self, day: &mut Day, date: Date) {
        for stray in std::mem::take(&mut self.strays) {
            match self.below(4) {
                0 => day.statement(stray.account, stray.direction.opposite(), stray.amount_minor),
                1 => {
                    // Its platform row arrives today, and settles with M1.
                    day.agree(stray.account, "default", stray.direction, stray.amount_minor);
                    let currency = day.settings.accounts[stray.account].currency;
                    let sums = &mut day.line(0, currency).sums;
                    match stray.direction {
                        Direction::Credit => sums.gross_minor += i128::from(stray.amount_minor),
                        Direction::Debit => sums.refund_minor += i128::from(stray.amount_minor),
                    }
                }
                _ => self.strays.push(stray),
            }
        }
        for _ in 0..self.below(4) {
            let stray = Stray {
                id: self.name('B'),
                account: [RA1, RA2, US1][self.below(3) as usize],
                direction: [Direction::Credit, Direction::Debit][self.below(2) as usize],
                amount_minor: self.amount(),
                first_seen: date,
            };
            day.statement(stray.account, stray.direction, stray.amount_minor);
            self.strays.push(stray);
        }
        for _ in 0..self.below(3) {
            let purposes = [
                Purpose::OwnIn,
                Purpose::Interest,
                Purpose::OwnOut,
                Purpose::FeeSweep,
                Purpose::BankFee,
            ];
            let purpose = purposes[self.below(5) as usize];
            let (account, amount) = ([OWN, RA1, RA2, US1][self.below(4) as usize], self.amount());
            day.statement(account, purpose.direction().unwrap(), amount);
            let entry_id = self.name('O');
            day.event(account, &entry_id, amount, AccountEventKind::Purpose(purpose));
        }
    }

    fn agree_and_settle(&mut self, day: &mut Day) {
        for row in std::mem::take(&mut self.unsettled) {
            if self.below(2) == 0 {
                self.settle(day, &row);
            } else {
                self.unsettled.push(row);
            }
        }
        for row in std::mem::take(&mut self.waiting) {
            if self.below(2) == 0 {
                self.waiting.push(row);
                continue;
            }
            let account = self.account_of(row.currency);
            day.statement(account, row.direction(), row.amount_minor);
            day.agree(account, row.pool(), row.direction(), row.amount_minor);
            if row.needs_channel && self.below(2) == 0 {
                self.unsettled.push(row);
            } else {
                self.settle(day, &row);
            }
        }
    }

    fn settle(&mut self, day: &mut Day, row: &Row) {
        let amount = i128::from(row.amount_minor);
        match row.txn_type {
            TxnType::Topup => day.customer(&row.obligee_id(), row.currency).topup_minor += amount,
            TxnType::Withdrawal => {}
            _ => {
                let sums = &mut day.line(row.who, row.currency).sums;
                match row.txn_type {
                    TxnType::Payment => {
                        sums.gross_minor += amount;
                        sums.fee_minor += amount / 50;
                    }
                    TxnType::Refund => {
                        sums.refund_minor += amount;
                        sums.fee_returned_minor += amount / 100;
                    }
                    TxnType::Chargeback => sums.chargeback_minor += amount,
                    _ => sums.reversal_minor += amount,
                }
            }
        }
    }

    fn payout_movements(&mut self, day: &mut Day) {
        for at in 0..day.next.payouts.len() {
            let payout = day.next.payouts[at].clone();
            let accounts = if payout.currency == cny() {
                &[RA1, RA2, OWN][..]
            } else {
                &[US1][..]
            };
            let account = accounts[self.below(accounts.len() as u64) as usize];
            let (progress, direction, kind) = match (payout.progress, self.below(2)) {
                (PayoutProgress::Issued, 0) => {
                    let paying = day.settings.accounts.iter().position(|a| a.id == payout.account);
                    (
                        PayoutProgress::Debited,
                        Direction::Debit,
                        AccountEventKind::PayoutDebited {
                            payout_id: payout.payout_id.clone(),
                            merchant_id: payout.merchant_id.clone(),
                            paying_account: paying.unwrap(),
                        },
                    )
                }
                (PayoutProgress::Debited, 0) => (
                    PayoutProgress::Returned,
                    Direction::Credit,
                    AccountEventKind::PayoutReturned {
                        payout_id: payout.payout_id.clone(),
                        merchant_id: payout.merchant_id.clone(),
                    },
                ),
                _ => continue,
            };
            if progress == PayoutProgress::Returned {
                let code = day.merchants.code(payout.merchant_id.as_bytes());
                day.line(code.0, payout.currency).returned_minor += i128::from(payout.amount_minor);
            }
            day.next.payouts[at].progress = progress;
            day.statement(account, direction, payout.amount_minor);
            let entry_id = self.name('E');
            day.event(account, &entry_id, payout.amount_minor, kind);
        }
    }

    fn pay(&mut self, day: &mut Day) {
        let date = day.date;
        let keys: std::collections::BTreeSet<(String, Currency)> = (day.payouts.iter())
            .map(|line| {
                (
                    day.merchants.get(line.sums.merchant).id.clone(),
                    line.sums.currency,
                )
            })
            .chain(
                day.next
                    .carried
                    .iter()
                    .map(|c| (c.merchant_id.clone(), c.currency)),
            )
            .chain(day.next.dues.iter().map(|d| (d.merchant_id.clone(), d.currency)))
            .chain(day.next.holds.iter().map(|h| (h.merchant_id.clone(), h.currency)))
            .collect();
        for (merchant_id, currency) in keys {
            let mine = |id: &str, c: Currency| id == merchant_id && c == currency;
            let opening: i64 = (day.next.carried.iter())
                .filter(|c| mine(&c.merchant_id, c.currency))
                .map(|c| c.amount_minor)
                .sum();
            day.next.carried.retain(|c| !mine(&c.merchant_id, c.currency));
            let due: i64 = (day.next.dues.iter())
                .filter(|d| mine(&d.merchant_id, d.currency) && d.due_date <= date)
                .map(|d| d.amount_minor)
                .sum();
            day.next
                .dues
                .retain(|d| !mine(&d.merchant_id, d.currency) || d.due_date > date);
            let release: i64 = (day.next.holds.iter())
                .filter(|h| {
                    mine(&h.merchant_id, h.currency) && h.release_date.is_some_and(|release| release <= date)
                })
                .map(|h| h.amount_minor)
                .sum();
            day.next.holds.retain(|h| {
                !mine(&h.merchant_id, h.currency) || h.release_date.is_none_or(|release| release > date)
            });
            let code = day.merchants.code(merchant_id.as_bytes()).0;
            let (withheld, own) = (self.below(3) == 0, self.below(4) == 0);
            let line = day.line(code, currency);
            let sums = line.sums;
            line.fee_minor = sums.fee_minor;
            line.hold_minor = sums.gross_minor / 10;
            line.release_minor = release.into();
            line.net_minor = sums.gross_minor - sums.refund_minor - sums.chargeback_minor
                + sums.reversal_minor
                - line.fee_minor
                + sums.fee_returned_minor
                - line.hold_minor
                + line.release_minor;
            line.opening_minor = opening.into();
            line.due_minor = due.into();
            let payable = opening + due;
            if payable > 0 && !withheld {
                line.payout_minor = payable.into();
                line.status = PayoutStatus::Issued;
                line.payout_id = Some(digest::payout_id("EXPAY", &merchant_id, currency.code(), date, 1));
            }
            line.carried_minor = i128::from(payable) - line.payout_minor + line.returned_minor;
            let line = line.clone();
            if line.net_minor != 0 {
                day.next.dues.push(Due {
                    merchant_id: merchant_id.clone(),
                    currency,
                    due_date: date.plus_days(1),
                    amount_minor: line.net_minor as i64,
                });
            }
            if line.hold_minor != 0 {
                day.next.holds.push(Hold {
                    merchant_id: merchant_id.clone(),
                    currency,
                    release_date: Some(date.plus_days(2)),
                    amount_minor: line.hold_minor as i64,
                });
            }
            if line.carried_minor != 0 {
                day.next.carried.push(Carried {
                    merchant_id: merchant_id.clone(),
                    currency,
                    amount_minor: line.carried_minor as i64,
                });
            }
            if let Some(payout_id) = line.payout_id {
                let account = if currency != cny() {
                    "US1"
                } else if own {
                    "OWN"
                } else {
                    "RA1"
                };
                day.next.payouts.push(IssuedPayout {
                    payout_id,
                    merchant_id,
                    currency,
                    issued_on: date,
                    execution_date: date.plus_days(1),
                    sequence: 1,
                    amount_minor: line.payout_minor as i64,
                    account: account.to_owned(),
                    progress: PayoutProgress::Issued,
                    changed_on: date,
                });
            }
        }
        day.next.payouts.sort_by(|a, b| a.payout_id.cmp(&b.payout_id));
    }
}
