//! What the readers of all statement grammars share: whose account it is, the balance identity, ids of lines, and what
//! is remembered of a statement for the checks across files.
//!
//! In: entries and balances as a grammar reads them. Out: bank rows, balances and [`StatementTold`]s. Rules: R27
//! (account by number, else id), R36 (a failed total refuses the file). A [`Desk`] works for a
//! book, where an account that the book does not have refuses the file, or openly, as `tieout inspect` does: then accounts
//! are taken as they are named and failed checks are collected instead of ending the reading. Statements of other days than
//! the one that is closed are passed over where the desk is told which they are (D240): they are checked and remembered as any
//! other, and book nothing.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};

use super::values::{is_ambiguous, masked, padded_minor, shown};
use super::{FileFacts, FileRefused, FormatContext};
use crate::book::settings::{Account, AccountKind, Settings};
use crate::entries::rows::{BalanceRow, BankRow, Place, Reject, RowSink};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::hex;
use crate::terms::kinds::Direction;
use crate::terms::money::{AmountError, format_minor};

/// What to do about a statement that cannot be proven.
pub const ASK_THE_BANK: &str = "ask the bank for a whole and correct statement, then run the day again";

/// Number and sum of some entries of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Entries.
    pub count: u64,
    /// Sum, minor units.
    pub sum_minor: i128,
}

/// Credits and debits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tallies {
    /// Into the account.
    pub credit: Tally,
    /// Out of the account.
    pub debit: Tally,
}

impl Tallies {
    /// Counts one entry.
    pub fn add(&mut self, direction: Direction, amount_minor: i64) {
        let side = match direction {
            Direction::Credit => &mut self.credit,
            Direction::Debit => &mut self.debit,
        };
        side.count += 1;
        side.sum_minor += i128::from(amount_minor);
    }

    /// Counts the entries of another page.
    pub fn add_all(&mut self, other: Tallies) {
        for (side, more) in [(&mut self.credit, other.credit), (&mut self.debit, other.debit)] {
            side.count += more.count;
            side.sum_minor += more.sum_minor;
        }
    }

    /// Both sides together.
    pub fn total(self) -> Tally {
        Tally {
            count: self.credit.count + self.debit.count,
            sum_minor: self.credit.sum_minor + self.debit.sum_minor,
        }
    }

    /// Credits less debits, minor units.
    pub fn net_minor(self) -> i128 {
        self.credit.sum_minor - self.debit.sum_minor
    }
}

/// A balance as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// Its day.
    pub date: Date,
    /// Minor units; negative when overdrawn.
    pub minor: i64,
}

/// What a document is for: only a statement books money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purport {
    /// An end-of-day statement: the book of record.
    #[default]
    Statement,
    /// An intraday report: it shows what a statement books later, and may show it twice.
    Intraday,
    /// A notification: it explains entries of a statement.
    Notification,
}

impl Purport {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Purport::Statement => "statement",
            Purport::Intraday => "intraday report",
            Purport::Notification => "notification",
        }
    }
}

/// An entry by which a notification and a statement find each other, and how its details add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Line of the entry.
    pub line: u64,
    /// The bank's reference of the entry; empty where none.
    pub servicer_ref: String,
    /// Id of the payment batch that the entry settles; empty where none.
    pub batch_id: String,
    /// Direction.
    pub direction: Direction,
    /// The booked amount, minor units.
    pub amount_minor: i64,
    /// Details below the entry.
    pub details: u64,
    /// Sum of the details' own amounts, minor units, signed against the entry; `None` where one of them gives none in the
    /// currency of the account.
    pub allocated_minor: Option<i128>,
    /// Charges that the bank names at the entry or its details, minor units.
    pub charges_minor: i128,
}

impl Explained {
    /// What of the booked amount no detail accounts for: charges, as a rule. Minor units.
    pub fn residual_minor(&self) -> Option<i128> {
        self.allocated_minor
            .map(|allocated| i128::from(self.amount_minor) - allocated)
    }
}

/// What is remembered of a statement, report or notification once it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementTold {
    /// What it is for.
    pub purport: Purport,
    /// Which statement of its file it is, in the order in which they begin, from 0.
    pub number_in_file: u32,
    /// True where it is passed over: it is of another day than the one that is closed, and books nothing.
    pub passed_over: bool,
    /// Line where it begins.
    pub line: u64,
    /// Index of its account at the desk (in a close: of the settings).
    pub account: usize,
    /// Its id as the bank gives it; empty where none.
    pub id: String,
    /// Its number in the bank's counting; `None` where it is not counted.
    pub sequence: Option<u64>,
    /// Period or day, as the format gives it; empty where none.
    pub period: String,
    /// The day that it is of, where the format says one apart from its balances.
    pub day: Option<Date>,
    /// What says its day, in the words of the format: `:62F:`; empty where nothing in particular does.
    pub day_said_by: &'static str,
    /// Entries of days before the business date, where the opening balance is what the entries leave of the closing one.
    pub earlier: Option<Earlier>,
    /// Which section of its account in one report it is, from 0: a report may have several of an account, and all count.
    pub section: u32,
    /// Booked opening balance.
    pub opening: Option<Balance>,
    /// Booked closing balance.
    pub closing: Option<Balance>,
    /// Booked entries.
    pub booked: Tallies,
    /// Entries that move no money: pending, expected, or of a document that books nothing.
    pub not_booked: u64,
    /// Pages read.
    pub pages: u32,
    /// Number of the first of them: above 1 where those before it stand in another file.
    pub first_page: u32,
    /// True when a page must follow, in another file.
    pub goes_on: bool,
    /// SHA-256, hex, over all that its entries and balances say.
    pub content: String,
    /// Entries with details that were added up, and those by which notifications are linked.
    pub explained: Vec<Explained>,
}

/// Entries of a statement that the bank dates before its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// How many.
    pub count: u64,
    /// The first of their days.
    pub first: Date,
    /// Credits less debits, minor units.
    pub net_minor: i128,
}

impl StatementTold {
    /// The day of which it is: that of its closing balance, else what it says itself.
    pub fn day(&self) -> Option<Date> {
        self.closing.map(|closing| closing.date).or(self.day)
    }

    /// The day of which it books entries; `None` of what books none and of what says no day.
    pub fn books_on(&self) -> Option<Date> {
        self.day().filter(|_| self.purport == Purport::Statement)
    }
}

/// A day as `YYYY-MM-DD` without an allocation: every row has one.
pub struct DayText {
    digits: [u8; 10],
    /// Of years that have other than four digits.
    long: String,
}

impl DayText {
    /// The text of a day.
    pub fn of(date: Date) -> DayText {
        let (year, month, day) = date.ymd();
        let Some(year) = u32::try_from(year).ok().filter(|year| *year <= 9999) else {
            return DayText {
                digits: [b'-'; 10],
                long: date.to_string(),
            };
        };
        let mut digits = [b'-'; 10];
        for (at, number) in [(0, year / 100), (2, year % 100), (5, month), (8, day)] {
            digits[at] = b'0' + (number / 10) as u8;
            digits[at + 1] = b'0' + (number % 10) as u8;
        }
        DayText {
            digits,
            long: String::new(),
        }
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        if self.long.is_empty() {
            return &self.digits;
        }
        self.long.as_bytes()
    }
}

/// A part of a message that stands in several files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePage {
    /// Id of the message.
    pub message: String,
    /// Number of this page.
    pub page: u32,
    /// True when no page follows.
    pub last: bool,
}

/// A statement while it is read.
pub struct OpenStatement {
    /// What will be remembered of it.
    pub told: StatementTold,
    /// What its lines' ids begin with: format, account and identity.
    pub line_key: String,
    ordinal: u64,
    hasher: Sha256,
    /// What goes to the digest at once.
    scratch: Vec<u8>,
    /// Sum of the digests of its rows, where their order means nothing.
    unordered: Option<[u64; 4]>,
    /// Hashes of the references by which its entries were named.
    references: FxHashSet<u64>,
    /// Entries whose reference an earlier one has.
    namesakes: u64,
}

impl OpenStatement {
    /// The statement of a file that begins at `line`, with its number there.
    fn new(purport: Purport, line: u64, account: usize, number_in_file: u32) -> OpenStatement {
        OpenStatement {
            told: StatementTold {
                purport,
                number_in_file,
                passed_over: false,
                line,
                account,
                id: String::new(),
                sequence: None,
                period: String::new(),
                day: None,
                day_said_by: "",
                earlier: None,
                section: 0,
                opening: None,
                closing: None,
                booked: Tallies::default(),
                not_booked: 0,
                pages: 1,
                first_page: 1,
                goes_on: false,
                content: String::new(),
                explained: Vec::new(),
            },
            line_key: String::new(),
            ordinal: 0,
            hasher: Sha256::new(),
            scratch: Vec::new(),
            unordered: None,
            references: FxHashSet::default(),
            namesakes: 0,
        }
    }

    /// True when no earlier entry of the statement was named by this reference. Banks give several entries one reference,
    /// such as a payment and its charge: its balances count both, so the later ones need another name.
    pub fn is_first_of(&mut self, reference: &str) -> bool {
        let is_first = self
            .references
            .insert(xxhash_rust::xxh3::xxh3_64(reference.as_bytes()));
        self.namesakes += u64::from(!is_first);
        is_first
    }

    /// The same, where the order in which rows come means nothing: sorted another way it is the same statement.
    pub fn in_any_order(self) -> OpenStatement {
        OpenStatement {
            unordered: Some([0; 4]),
            ..self
        }
    }

    /// Ends the row that was told to the digest, where rows have one each.
    fn end_row(&mut self) {
        if let Some(sum) = &mut self.unordered {
            let digest = self.hasher.finalize_reset();
            for (part, bytes) in sum.iter_mut().zip(digest.chunks_exact(8)) {
                let more = bytes.iter().fold(0u64, |more, byte| more << 8 | u64::from(*byte));
                *part = part.wrapping_add(more);
            }
        }
    }

    /// Takes a text into the digest of the content.
    pub fn note(&mut self, text: &str) {
        self.hasher.update(text.as_bytes());
        self.hasher.update(b"\n");
    }

    /// Counts one more entry and gives its place in the statement, from 1.
    pub fn next_ordinal(&mut self) -> u64 {
        self.ordinal += 1;
        self.ordinal
    }

    /// Its name in messages: id and number as far as given.
    pub fn name(&self) -> String {
        match (self.told.id.is_empty(), self.told.sequence) {
            (true, Some(number)) => format!("number {number}"),
            (true, None) => "without id".to_owned(),
            (false, Some(number)) => format!("{} number {number}", shown(&self.told.id)),
            (false, None) => shown(&self.told.id),
        }
    }
}

/// Accounts that statements may name.
enum Accounts<'d> {
    /// Those of the book.
    Book(&'d Settings),
    /// Any: they are listed as they come, and found again by name and currency.
    Any(Vec<Account>, BTreeMap<String, Vec<usize>>),
}

/// Where the statements of one file come in.
pub struct Desk<'d> {
    /// Settings, source and day.
    pub ctx: FormatContext<'d>,
    /// What was found out about the whole file.
    pub facts: FileFacts,
    sink: &'d mut dyn RowSink,
    accounts: Accounts<'d>,
    failed: Vec<FileRefused>,
    /// Statements begun so far.
    begun: u32,
    /// Those that are passed over, by their numbers.
    passed_over: BTreeSet<u32>,
}

impl<'d> Desk<'d> {
    /// A desk for a source of a book.
    pub fn of_book(ctx: &FormatContext<'d>, sink: &'d mut dyn RowSink) -> Desk<'d> {
        Desk {
            ctx: *ctx,
            facts: FileFacts::default(),
            sink,
            accounts: Accounts::Book(ctx.settings),
            failed: Vec::new(),
            begun: 0,
            passed_over: BTreeSet::new(),
        }
    }

    /// The same, passing over statements of other days by their numbers ([`StatementTold::number_in_file`]).
    pub fn passing_over(self, statements: &BTreeSet<u32>) -> Desk<'d> {
        Desk {
            passed_over: statements.clone(),
            ..self
        }
    }

    /// A desk that takes any account and collects failed checks.
    pub fn open(ctx: &FormatContext<'d>, sink: &'d mut dyn RowSink) -> Desk<'d> {
        Desk {
            accounts: Accounts::Any(Vec::new(), BTreeMap::new()),
            ..Desk::of_book(ctx, sink)
        }
    }

    /// True when failed checks are collected.
    pub fn is_open(&self) -> bool {
        matches!(self.accounts, Accounts::Any(..))
    }

    /// Facts, accounts that an open desk came to know, and failed checks.
    pub fn into_parts(self) -> (FileFacts, Vec<Account>, Vec<FileRefused>) {
        let accounts = match self.accounts {
            Accounts::Book(_) => Vec::new(),
            Accounts::Any(accounts, _) => accounts,
        };
        (self.facts, accounts, self.failed)
    }

    /// A check that failed: the end of the file for a book, one more line for an open desk.
    ///
    /// # Errors
    /// The refusal, for a book.
    pub fn fail(&mut self, refused: FileRefused) -> Result<(), FileRefused> {
        if self.is_open() {
            self.failed.push(refused);
            return Ok(());
        }
        Err(refused)
    }

    /// The account of a statement that names it by one of `names`, the most exact first. An open desk takes the first.
    ///
    /// # Errors
    /// None of them is an account of the book, or an open desk cannot know its currency.
    pub fn account(
        &mut self,
        names: &[String],
        currency: Option<Currency>,
        tag: &str,
        line: u64,
    ) -> Result<usize, FileRefused> {
        match &mut self.accounts {
            Accounts::Book(settings) => find_account(settings, names, currency, tag, line),
            Accounts::Any(accounts, by_name) => {
                let name = names.first().cloned().unwrap_or_default();
                let known = |at: &&usize| currency.is_none_or(|currency| accounts[**at].currency == currency);
                if let Some(at) = by_name.get(&name).and_then(|at| at.iter().find(known)) {
                    return Ok(*at);
                }
                let Some(currency) = currency else {
                    return Err(FileRefused::at(
                        line,
                        format!("{tag}: the currency of account `{}` is not given", shown(&name)),
                        "name the account and its currency in a book.toml; the engine invents no currency",
                    ));
                };
                if accounts.len() >= usize::from(u16::MAX) {
                    return Err(FileRefused::at(
                        line,
                        "the file names more than 65535 accounts",
                        ASK_THE_BANK,
                    ));
                }
                accounts.push(unknown_account(&name, currency));
                by_name.entry(name).or_default().push(accounts.len() - 1);
                Ok(accounts.len() - 1)
            }
        }
    }

    /// An account that [`Desk::account`] gave.
    pub fn at(&self, index: usize) -> Option<&Account> {
        match &self.accounts {
            Accounts::Book(settings) => settings.accounts.get(index),
            Accounts::Any(accounts, _) => accounts.get(index),
        }
    }

    /// Currency of an account that [`Desk::account`] gave, and its decimals.
    pub fn currency(&self, index: usize) -> Option<Currency> {
        self.at(index).map(|account| account.currency)
    }

    /// Begins a statement, report or notification.
    pub fn begin(&mut self, purport: Purport, line: u64, account: usize) -> OpenStatement {
        let mut open = OpenStatement::new(purport, line, account, self.begun);
        open.told.passed_over = self.passed_over.contains(&self.begun);
        self.begun += 1;
        open
    }

    /// A control total of a statement that held, in words. Of statements that are passed over one line says how many they are.
    pub fn checked(&mut self, open: &OpenStatement, words: String) {
        if !open.told.passed_over {
            self.facts.checked.push(words);
        }
    }

    /// What else is said of a statement, likewise.
    pub fn noted(&mut self, open: &OpenStatement, words: String) {
        if !open.told.passed_over {
            self.facts.noted.push(words);
        }
    }

    /// True when the entries of statements are wanted one by one, because notifications are linked to them.
    pub fn wants_links(&self) -> bool {
        self.is_open()
            || self
                .ctx
                .settings
                .sources
                .iter()
                .any(|source| source.format == super::CAMT054)
    }

    /// Takes an entry of a statement: a bank row, or a row that moves no money where the document books nothing. A row
    /// without an id of its own gets the line id: what it is made of, in its place in the statement.
    pub fn entry(&mut self, open: &mut OpenStatement, row: BankRow<'_>) {
        let ordinal = open.next_ordinal();
        let value_date = DayText::of(row.value_date);
        let scratch = &mut open.scratch;
        scratch.clear();
        for part in [
            row.direction.name().as_bytes(),
            &row.amount_minor.to_be_bytes(),
            row.entry_id,
            row.booking_time,
            value_date.bytes(),
            row.bank_ref,
            row.remark,
            row.counterparty_name,
            row.counterparty_account,
            row.original_ref,
            row.purpose_text,
        ] {
            scratch.extend_from_slice(part);
            scratch.push(b'\n');
        }
        open.hasher.update(&open.scratch);
        open.end_row();
        if open.told.purport != Purport::Statement {
            open.told.booked.add(row.direction, row.amount_minor);
            open.told.not_booked += 1;
            self.sink.not_booked(row.place);
            self.sink.entry_of_report(&row);
            return;
        }
        open.told.booked.add(row.direction, row.amount_minor);
        if open.told.passed_over {
            self.sink.not_booked(row.place);
            return;
        }
        if row.amount_minor == 0 {
            open.told.not_booked += 1;
            self.sink.not_booked(row.place);
            return;
        }
        if row.entry_id.is_empty() {
            let scratch = &mut open.scratch;
            scratch.clear();
            scratch.extend_from_slice(open.line_key.as_bytes());
            for part in [
                itoa::Buffer::new().format(ordinal).as_bytes(),
                row.direction.name().as_bytes(),
                itoa::Buffer::new().format(row.amount_minor).as_bytes(),
                row.booking_time,
                value_date.bytes(),
                row.bank_ref,
            ] {
                scratch.push(b'\n');
                scratch.extend_from_slice(part);
            }
            let line_id = line_id(&open.scratch);
            self.sink.bank(&BankRow {
                entry_id: &line_id,
                ..row
            });
            return;
        }
        self.sink.bank(&row);
    }

    /// A row of the sink, as it is.
    pub fn bank(&mut self, row: &BankRow<'_>) {
        self.sink.bank(row);
    }

    /// A balance of the sink, as it is.
    pub fn balance(&mut self, row: &BalanceRow) {
        self.sink.balance(row);
    }

    /// An entry that moves no money by what it says itself.
    pub fn not_booked(&mut self, place: Place) {
        self.sink.not_booked(place);
    }

    /// An entry that is refused.
    pub fn reject(&mut self, place: Place, field: &str, found: &str, expected: impl Into<String>) {
        self.sink.reject(Reject {
            line: place.line,
            column: 0,
            field: field.to_owned(),
            found: shown(found),
            expected: expected.into(),
            amount: None,
        });
    }

    /// A reject that was made elsewhere.
    pub fn pass_reject(&mut self, reject: Reject) {
        self.sink.reject(reject);
    }

    /// A reject of a statement: of one that is passed over nothing is to be booked, so nothing is refused.
    pub fn reject_of(&mut self, open: &OpenStatement, place: Place, reject: Reject) {
        match open.told.passed_over {
            true => self.sink.not_booked(place),
            false => self.sink.reject(reject),
        }
    }

    /// Ends a statement whose checks are done: gives its balances and remembers it.
    pub fn finish(&mut self, mut open: OpenStatement) {
        for part in open.unordered.iter().flatten() {
            open.hasher.update(part.to_be_bytes());
        }
        let told = &mut open.told;
        // Sections of one report count each, also where they say the same.
        open.hasher.update(told.section.to_be_bytes());
        for balance in [told.opening, told.closing].into_iter().flatten() {
            open.hasher
                .update(format!("{} {}\n", balance.date, balance.minor).as_bytes());
        }
        told.content = hex(&open.hasher.finalize_reset());
        if told.passed_over {
            self.facts.told.push(open.told);
            return;
        }
        let account = self.at(told.account).cloned();
        if let (Purport::Statement, Some(opening), Some(closing), Some(account)) =
            (told.purport, told.opening, told.closing, &account)
        {
            self.sink.balance(&BalanceRow {
                place: Place {
                    line: told.line,
                    offset: 0,
                },
                account: told.account as u16,
                currency: account.currency,
                date: closing.date,
                opening_minor: opening.minor,
                closing_minor: closing.minor,
            });
        }
        if open.namesakes > 0 {
            let count = open.namesakes;
            self.facts.noted.push(format!(
                "{count} {} the bank's reference of an earlier entry of the statement: told apart by {} place",
                if count == 1 { "entry has" } else { "entries have" },
                if count == 1 { "its" } else { "their" }
            ));
        }
        if let Some(account) = &account {
            self.facts.statements.push(words_of(told, account));
        }
        self.facts.told.push(open.told);
    }
}

/// First 32 hex digits of the SHA-256 of what a line is made of.
fn line_id(content: &[u8]) -> [u8; 32] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    let digest = Sha256::digest(content);
    let mut id = [0; 32];
    for (pair, byte) in id.chunks_exact_mut(2).zip(digest.iter()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    id
}

/// A statement in words, for the summary of a close.
fn words_of(told: &StatementTold, account: &Account) -> String {
    let text = |balance: Option<Balance>| match balance {
        Some(balance) => format!(
            "{} {}",
            balance.date,
            format_minor(balance.minor.into(), account.currency.digits())
        ),
        None => "none".to_owned(),
    };
    let or_none = |text: &str| {
        if text.is_empty() {
            "none".to_owned()
        } else {
            shown(text)
        }
    };
    let number = told
        .sequence
        .map_or_else(|| "none".to_owned(), |number| number.to_string());
    match told.purport {
        Purport::Statement => format!(
            "account {}, id {}, number {number}{}, period {}, opening {}, closing {}",
            account.id,
            or_none(&told.id),
            pages_of(told),
            or_none(&told.period),
            text(told.opening),
            text(told.closing)
        ),
        Purport::Intraday | Purport::Notification => format!(
            "account {}, {} id {}, number {number}: {} entries, none is booked: the day's statement books them",
            account.id,
            told.purport.name(),
            or_none(&told.id),
            told.not_booked
        ),
    }
}

/// Which pages of a statement a file holds, where others stand elsewhere.
fn pages_of(told: &StatementTold) -> String {
    if told.first_page == 1 && !told.goes_on {
        return String::new();
    }
    let last_page = told.first_page + told.pages.saturating_sub(1);
    let behind = if told.goes_on {
        ", more must follow in another file"
    } else {
        ""
    };
    match told.pages {
        1 => format!(", page {last_page}{behind}"),
        _ => format!(", pages {} to {last_page}{behind}", told.first_page),
    }
}

/// An account that a file names and no book knows.
pub fn unknown_account(named: &str, currency: Currency) -> Account {
    Account {
        id: named.to_owned(),
        bank: String::new(),
        number: None,
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency,
        kind: AccountKind::Reserve,
        pool: "default".to_owned(),
    }
}

fn find_account(
    settings: &Settings,
    names: &[String],
    currency: Option<Currency>,
    tag: &str,
    line: u64,
) -> Result<usize, FileRefused> {
    let found = names
        .iter()
        .find_map(|name| Some((name, settings.account_index(name)?)));
    if let Some((name, index)) = found {
        let mut currencies: Vec<&str> = settings.currencies_of(name).map(Currency::code).collect();
        let is_one = currencies.len() < 2;
        match currency {
            _ if is_one => return Ok(index),
            Some(currency) if currencies.contains(&currency.code()) => {
                return Ok(settings.account_in(name, currency).unwrap_or(index));
            }
            _ => {}
        }
        currencies.sort_unstable();
        return Err(FileRefused::at(
            line,
            format!(
                "{tag}: {} is an account in {} of the book: found {}, expected one of these currencies",
                masked(settings, name),
                currencies.join(", "),
                currency.map_or("none", Currency::code)
            ),
            "ask the bank for a statement that names its currency, or add the account of this currency to book.toml as an [[account]] with this number",
        ));
    }
    let named = names.first().map_or("", String::as_str);
    let number = masked(settings, named);
    Err(FileRefused::at(
        line,
        format!("{tag}: found `{number}`, expected the number or id of an account of the book"),
        "add the account to book.toml as an [[account]] with this number, or take the file out of the inbox",
    ))
}

/// An amount of minor units as text in an account's currency.
pub fn text_of(minor: i128, currency: Currency) -> String {
    format_minor(minor, currency.digits())
}

/// The balance identity in words, or in which words it fails: opening + Σ booked = closing.
///
/// # Errors
/// The words of the failure.
pub fn identity(
    opening_minor: i64,
    booked: Tallies,
    closing_minor: i64,
    currency: Currency,
) -> Result<String, String> {
    let sum = i128::from(opening_minor) + booked.net_minor();
    let left = format!(
        "opening {} + {} credits {} - {} debits {}",
        text_of(opening_minor.into(), currency),
        booked.credit.count,
        text_of(booked.credit.sum_minor, currency),
        booked.debit.count,
        text_of(booked.debit.sum_minor, currency),
    );
    let closing = text_of(closing_minor.into(), currency);
    if sum == i128::from(closing_minor) {
        return Ok(format!("{left} = closing {closing} {currency}"));
    }
    Err(format!(
        "balances do not tie out: {left} = {}, but the statement closes with {closing} {currency}",
        text_of(sum, currency)
    ))
}

/// An unsigned amount with a comma or a point before its decimals, either side of which may be empty: `500`, `12,`,
/// `,05`, `0000149,87`.
///
/// # Errors
/// As [`padded_minor`]; an amount that may be grouped as well, `1,000`, is `Form`: a statement written so throughout
/// would hold its balances and be wrong by a thousand.
pub fn loose_minor(text: &str, digits: u32) -> Result<i64, AmountError> {
    let (whole, fraction) = text.split_once([',', '.']).unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(AmountError::Form);
    }
    if is_ambiguous(text, digits) {
        return Err(AmountError::Form);
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() {
        return padded_minor(whole, digits);
    }
    padded_minor(&format!("{whole}.{fraction}"), digits)
}

/// A day written as year, month and day in two digits each, of this or the last century: `260331`. Days that banks of
/// a 30-day month invent (30 February) are the last day of their month; the flag says so.
pub fn short_date(text: &str) -> Option<(Date, bool)> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year: i32 = text[..2].parse().ok()?;
    let century = if year >= 80 { 1900 } else { 2000 };
    commercial_date(century + year, text[2..4].parse().ok()?, text[4..].parse().ok()?)
}

/// A day of a calendar in which every month may have 30 days: the last day of the month where it does not exist.
pub fn commercial_date(year: i32, month: u32, day: u32) -> Option<(Date, bool)> {
    if let Some(date) = Date::from_ymd(year, month, day) {
        return Some((date, false));
    }
    if month != 2 || !(29..=30).contains(&day) {
        return None;
    }
    (28..day)
        .rev()
        .find_map(|day| Date::from_ymd(year, month, day))
        .map(|date| (date, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_banks_are_exact_or_refused() {
        let check = |text: &str, digits, expected| assert_eq!(loose_minor(text, digits), expected, "{text}");
        check("0,92", 2, Ok(92));
        check("500", 2, Ok(50_000));
        check("12,", 2, Ok(1200));
        check(",05", 2, Ok(5));
        check("000000001000,00", 2, Ok(100_000));
        check("25170637,10", 2, Ok(2_517_063_710));
        check("1000", 0, Ok(1000));
        check("1,234", 3, Ok(1234));
        check("1234,500", 2, Ok(123_450));
        check("0,500", 2, Ok(50));
        check("1234,505", 2, Err(AmountError::Decimals));
        check("1,005", 2, Err(AmountError::Decimals));
        for ambiguous in ["1,000", "1.000", "12,000"] {
            check(ambiguous, 0, Err(AmountError::Form));
            check(ambiguous, 2, Err(AmountError::Form));
        }
        for bad in ["", ",", "-1", "1.000,00", "1 0", "1,0x"] {
            check(bad, 2, Err(AmountError::Form));
        }
    }

    #[test]
    fn line_ids_are_hex_of_the_digest() {
        let expected = hex(&Sha256::digest(b"x")[..16]);
        assert_eq!(line_id(b"x"), expected.as_bytes());
    }

    #[test]
    fn days_are_written_as_dates_are() {
        for (year, month, day) in [
            (2026, 3, 31),
            (1, 1, 1),
            (9999, 12, 31),
            (10_000, 1, 1),
            (-4, 10, 9),
        ] {
            let Some(date) = Date::from_ymd(year, month, day) else {
                continue;
            };
            assert_eq!(DayText::of(date).bytes(), date.to_string().as_bytes());
        }
    }

    #[test]
    fn days_of_thirty_day_months_are_the_last_of_theirs() {
        let check = |text: &str, expected: Option<(&str, bool)>| {
            assert_eq!(
                short_date(text),
                expected.map(|(date, moved)| (Date::parse(date.as_bytes()).unwrap(), moved)),
                "{text}"
            );
        };
        check("160229", Some(("2016-02-29", false)));
        check("160230", Some(("2016-02-29", true)));
        check("150229", Some(("2015-02-28", true)));
        check("991231", Some(("1999-12-31", false)));
        check("160231", None);
        check("160431", None);
        check("16023", None);
        check("16 230", None);
    }
}
