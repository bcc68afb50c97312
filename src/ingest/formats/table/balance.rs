//! The running balance of a statement: each row's balance is that of the row before plus what the row moves, so
//! opening + movements = closing. A row that is missing, doubled or changed breaks it, and the file is refused.

use crate::entries::rows::{BalanceRow, Place, RowSink};
use crate::ingest::formats::profile::{Balance, Order};
use crate::ingest::formats::{FileRefused, FormatContext};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money::format_minor;

use super::fields::Movement;

/// A row as the chain sees it.
#[derive(Clone, Copy)]
struct Link {
    place: Place,
    minor: i128,
    balance_minor: i128,
    booked: Date,
}

/// Where a chain breaks: the line, the balance that stands there, and the one that should.
#[derive(Clone, Copy)]
struct Break {
    line: u64,
    found_minor: i128,
    expected_minor: i128,
}

struct Account {
    name: String,
    currency: Currency,
    rows: u64,
    first: Link,
    last: Link,
    /// First break when the oldest row comes first.
    oldest_first: Option<Break>,
    /// First break when the newest row comes first.
    newest_first: Option<Break>,
}

/// The running balances of a file, by account.
pub struct Chain {
    balance: Balance,
    accounts: Vec<Account>,
    /// First row that could not be read.
    unread: Option<(u64, String)>,
}

impl Chain {
    /// A chain without rows.
    pub fn new(balance: Balance) -> Chain {
        Chain {
            balance,
            accounts: Vec::new(),
            unread: None,
        }
    }

    /// Says that the figures of the row at `line` are not known.
    pub fn add_unknown(&mut self, line: u64, words: &str) {
        self.unread.get_or_insert_with(|| (line, words.to_owned()));
    }

    /// Adds a row.
    pub fn add(&mut self, place: Place, movement: Movement) {
        let link = Link {
            place,
            minor: movement.minor,
            balance_minor: i128::from(movement.balance_minor),
            booked: movement.booked,
        };
        let known = self
            .accounts
            .iter_mut()
            .find(|account| account.name == movement.account && account.currency == movement.currency);
        let Some(account) = known else {
            self.accounts.push(Account {
                name: movement.account,
                currency: movement.currency,
                rows: 1,
                first: link,
                last: link,
                oldest_first: None,
                newest_first: None,
            });
            return;
        };
        let check = |expected_minor: i128, seen: &mut Option<Break>| {
            if seen.is_none() && link.balance_minor != expected_minor {
                *seen = Some(Break {
                    line: place.line,
                    found_minor: link.balance_minor,
                    expected_minor,
                });
            }
        };
        check(account.last.balance_minor + link.minor, &mut account.oldest_first);
        check(
            account.last.balance_minor - account.last.minor,
            &mut account.newest_first,
        );
        account.rows += 1;
        account.last = link;
    }

    /// Checks every chain, tells what held, and gives the balances where the profile asks for them, dated with the day
    /// of the newest row.
    ///
    /// # Errors
    /// The first row whose balance does not follow from the one before it, or an opening balance beyond 64 bits.
    pub fn check(&self, ctx: &FormatContext<'_>, sink: &mut dyn RowSink) -> Result<Vec<String>, FileRefused> {
        if let Some((line, words)) = &self.unread {
            return Err(FileRefused::at(
                *line,
                format!("the running balance cannot be checked: {words}"),
                "ask the bank for a corrected file; no row of this one is taken",
            ));
        }
        let mut checked = Vec::new();
        for account in &self.accounts {
            let broken = match self.balance.order {
                Order::OldestFirst => account.oldest_first,
                Order::NewestFirst => account.newest_first,
                // The order that holds for longer is the file's.
                Order::Either => match (account.oldest_first, account.newest_first) {
                    (None, _) | (_, None) => None,
                    (Some(oldest), Some(newest)) if oldest.line < newest.line => Some(newest),
                    (Some(oldest), Some(_)) => Some(oldest),
                },
            };
            let digits = account.currency.digits();
            let shown = |minor: i128| format!("{} {}", format_minor(minor, digits), account.currency);
            if let Some(broken) = broken {
                return Err(FileRefused::at(
                    broken.line,
                    format!(
                        "running balance: found {}, expected {}, which follows from the row before",
                        shown(broken.found_minor),
                        shown(broken.expected_minor)
                    ),
                    "rows are missing, doubled, changed or out of order: fetch the whole statement again; no row of this one is taken",
                ));
            }
            let newest_first = match self.balance.order {
                Order::OldestFirst => false,
                Order::NewestFirst => true,
                Order::Either => account.oldest_first.is_some(),
            };
            let (oldest, newest) = if newest_first {
                (account.last, account.first)
            } else {
                (account.first, account.last)
            };
            let opening = oldest.balance_minor - oldest.minor;
            checked.push(format!(
                "running balance: {} rows from {} to {}",
                account.rows,
                shown(opening),
                shown(newest.balance_minor)
            ));
            // A file of another day gives its balances too: what compares them with the day and with the closing
            // balance before it (R27) then refuses yesterday's rows, which would else be booked twice.
            if let (true, Some(index)) = (self.balance.statement, ctx.settings.account_index(&account.name)) {
                let (Ok(opening_minor), Ok(closing_minor)) =
                    (i64::try_from(opening), i64::try_from(newest.balance_minor))
                else {
                    return Err(FileRefused::at(
                        oldest.place.line,
                        format!(
                            "the balance before this row, {}, is more than an account can hold",
                            shown(opening)
                        ),
                        "ask the bank for a corrected file; no row of this one is taken",
                    ));
                };
                sink.balance(&BalanceRow {
                    place: newest.place,
                    account: index as u16,
                    currency: account.currency,
                    date: newest.booked,
                    opening_minor,
                    closing_minor,
                });
            }
        }
        Ok(checked)
    }
}
