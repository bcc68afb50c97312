//! The bank reconciliation of a closed day as it was known then: statement ± open items = cash book (SPEC §7, R1, R28).
//!
//! In: the sealed `state/accounts.csv` and `reserve/items.csv` of one close, their bytes compared with the seal first. Out: a
//! statement for each reserve account and for the rows that belong to no account yet. The cash book is rolled forward by its
//! movements (R28) and the items are what was open after the close, so the identity is checked on two ways that met nowhere.
//! Not done here: judging whether the money is enough (`reserve`).

use std::collections::BTreeMap;
use std::path::Path;

use crate::book::Book;
use crate::book::layout::Layout;
use crate::book::settings::AccountKind;
use crate::day::close::read_manifest;
use crate::day::history::{Closed, History};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::sha256_hex;

/// What the line of rows is called that belong to no account yet, as in `reserve/lines.csv`.
pub const IN_TRANSIT: &str = "(in transit)";

/// The classes of items in the order of the identity: the sign with which each leads from the statement to the book.
pub const CLASSES: [(&str, i128, &str); 4] = [
    ("A1", 1, "booked in, not at the bank"),
    ("A2", -1, "booked out, not at the bank"),
    ("B1", -1, "at the bank in, not booked"),
    ("B2", 1, "at the bank out, not booked"),
];

/// Age buckets of SPEC §7, in business days.
pub const BUCKETS: [&str; 3] = ["0-5", "6-10", "11+"];

/// One item that explains a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `A1`, `A2`, `B1` or `B2`.
    pub class: String,
    /// txn_id, entry_id or payout id.
    pub id: String,
    /// bank_ref.
    pub reference: String,
    /// Whose row it is; empty where nobody claims it.
    pub obligee_id: String,
    /// Minor units, > 0.
    pub amount_minor: i128,
    /// Since when it is open.
    pub first_seen: Date,
    /// Calendar days.
    pub age_days: i32,
    /// Business days.
    pub age_business_days: i32,
    /// [`BUCKETS`].
    pub bucket: String,
    /// Break it stands in; empty for a payout before its execution date.
    pub break_id: String,
}

/// The reconciliation of one account and currency. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Account id, or [`IN_TRANSIT`].
    pub account: String,
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Statement closing balance; 0 of what is in transit.
    pub bank_minor: i128,
    /// Cash-book balance; `None` of what is in transit, which is its items.
    pub book_minor: Option<i128>,
    /// Sorted by (class, first_seen, id).
    pub items: Vec<Item>,
}

impl Statement {
    /// Sum of the items of a class.
    pub fn sum_minor(&self, class: &str) -> i128 {
        let items = self.items.iter().filter(|item| item.class == class);
        items.map(|item| item.amount_minor).sum()
    }

    /// `bank + A1 − A2 − B1 + B2`.
    pub fn reconciled_minor(&self) -> i128 {
        let signed = CLASSES
            .iter()
            .map(|(class, sign, _)| sign * self.sum_minor(class));
        self.bank_minor + signed.sum::<i128>()
    }

    /// What the items leave unexplained; must be 0.
    pub fn difference_minor(&self) -> i128 {
        self.book_minor.map_or(0, |book| self.reconciled_minor() - book)
    }
}

/// The reconciliation of a closed day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// D.
    pub date: Date,
    /// `2026-11-20/1`.
    pub close: String,
    /// Reserve accounts by (pool, currency, account), what is in transit first.
    pub statements: Vec<Statement>,
    /// Own and receivable accounts: no cash book is kept of them (R28).
    pub without_book: Vec<String>,
}

impl Reconciliation {
    /// True when every account's items explain its difference.
    pub fn agrees(&self) -> bool {
        self.statements
            .iter()
            .all(|statement| statement.difference_minor() == 0)
    }
}

/// Reconciles the accounts of a closed day, the last one where none is named.
///
/// # Errors
/// 66 when the day is not closed; 65 when its tables are not those that were sealed.
pub fn reconcile(root: &Path, date: Option<Date>) -> Result<Reconciliation, Stop> {
    let layout = Layout::new(root);
    let history = History::read(&layout)?;
    let closed = match date {
        Some(date) => history.of(date),
        None => history.in_force().into_iter().last(),
    };
    let Some(closed) = closed else {
        let what = date.map_or_else(
            || "no day is closed yet".to_owned(),
            |date| format!("{date} is not closed"),
        );
        return Err(Stop::new(
            StopCode::InputMissing,
            Finding::about(
                layout.closes().display().to_string(),
                what,
                "name a closed day: tieout status BOOK lists them",
            ),
        ));
    };
    let book = Book::open_sealed(&closed.folder.join("book"))?;
    let accounts = Sealed::read(closed, "state/accounts.csv")?;
    let items = Sealed::read(closed, "reserve/items.csv")?;
    let mut statements: BTreeMap<(String, String, String), Statement> = BTreeMap::new();
    let mut without_book = Vec::new();
    for account in &book.settings.accounts {
        if account.kind != AccountKind::Reserve {
            without_book.push(account.id.clone());
            continue;
        }
        let key = (
            account.pool.clone(),
            account.currency.code().to_owned(),
            account.id.clone(),
        );
        let mut statement = empty(&account.id, &account.pool, account.currency);
        statement.book_minor = Some(0);
        statements.insert(key, statement);
    }
    for line in accounts.lines()? {
        let mine = statements
            .values_mut()
            .find(|statement| statement.account == line.get("account"));
        if let Some(statement) = mine {
            statement.bank_minor = line.minor("closing_minor")?;
            statement.book_minor = Some(line.minor("book_minor")?);
        }
    }
    for line in items.lines()? {
        let key = (
            line.get("pool").to_owned(),
            line.get("currency").to_owned(),
            line.get("account").to_owned(),
        );
        let currency = Currency::parse(key.1.as_bytes()).ok_or_else(|| line.damaged("currency"))?;
        let statement = statements
            .entry(key)
            .or_insert_with(|| empty(line.get("account"), line.get("pool"), currency));
        statement.items.push(line.item(closed.date)?);
    }
    for statement in statements.values_mut() {
        statement
            .items
            .sort_by(|a, b| (&a.class, a.first_seen, &a.id).cmp(&(&b.class, b.first_seen, &b.id)));
    }
    Ok(Reconciliation {
        date: closed.date,
        close: closed.name(),
        statements: statements.into_values().collect(),
        without_book,
    })
}

fn empty(account: &str, pool: &str, currency: Currency) -> Statement {
    Statement {
        account: account.to_owned(),
        pool: pool.to_owned(),
        currency,
        bank_minor: 0,
        book_minor: None,
        items: Vec::new(),
    }
}

/// A table whose bytes are those that were sealed.
struct Sealed {
    name: String,
    bytes: Vec<u8>,
}

impl Sealed {
    fn read(closed: &Closed, table: &str) -> Result<Sealed, Stop> {
        let (manifest, _) = read_manifest(&closed.folder)?;
        let path = closed.folder.join(table);
        let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
        let listed = manifest.outputs.iter().find(|output| output.path == table);
        if listed.is_none_or(|output| output.sha256 != sha256_hex(&bytes)) {
            return Err(Stop::new(
                StopCode::BadData,
                Finding::about(
                    path.display().to_string(),
                    "its bytes are not those that were sealed",
                    "restore the close from its archive; `tieout verify` shows what else was altered",
                ),
            ));
        }
        Ok(Sealed {
            name: path.display().to_string(),
            bytes,
        })
    }

    fn lines(&self) -> Result<Vec<Cells>, Stop> {
        let mut reader = csv::Reader::from_reader(self.bytes.as_slice());
        let failed = |error: csv::Error| damaged(&self.name, &error.to_string());
        let header = reader.headers().map_err(failed)?.clone();
        reader
            .records()
            .map(|record| {
                let record = record.map_err(failed)?;
                let names = header.iter().map(str::to_owned);
                Ok(Cells {
                    table: self.name.clone(),
                    cells: names.zip(record.iter().map(str::to_owned)).collect(),
                })
            })
            .collect()
    }
}

fn damaged(table: &str, what: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(table, format!("cannot be read: {what}"), "run `tieout verify`"),
    )
}

/// A line by column names.
struct Cells {
    table: String,
    cells: BTreeMap<String, String>,
}

impl Cells {
    fn get(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn damaged(&self, column: &str) -> Stop {
        damaged(&self.table, &format!("{column}: found `{}`", self.get(column)))
    }

    fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, Stop> {
        self.get(column).parse().map_err(|_| self.damaged(column))
    }

    fn minor(&self, column: &str) -> Result<i128, Stop> {
        self.number(column)
    }

    fn item(&self, date: Date) -> Result<Item, Stop> {
        let first_seen =
            Date::parse(self.get("first_seen").as_bytes()).ok_or_else(|| self.damaged("first_seen"))?;
        let text = |column: &str| self.get(column).to_owned();
        Ok(Item {
            class: text("class"),
            id: text("id"),
            reference: text("reference"),
            obligee_id: text("obligee_id"),
            amount_minor: self.minor("amount_minor")?,
            first_seen,
            age_days: date.days_since(first_seen),
            age_business_days: self.number("age_business_days")?,
            bucket: text("bucket"),
            break_id: text("break_id"),
        })
    }
}
