//! What a reader of rows must know about the book: accounts by what statements call them, and the source's own
//! account and channel where the file names none.

use std::ops::Range;

use crate::book::passes::PassName;
use crate::book::settings::{Settings, Source};
use crate::ingest::canonical::values::TimeMemory;
use crate::terms::currency::Currency;
use crate::terms::date::Instant;
use crate::terms::id_table::IdTable;

/// The book as the readers see it. Made once per source; shared by all its readers.
#[derive(Clone, Debug)]
pub struct ReadContext {
    accounts: IdTable,
    account_currency: Vec<Currency>,
    /// The account of every row whose file names none.
    pub own_account: Option<u16>,
    /// The channel of every row whose file names none; empty where the source gives none.
    pub own_channel: Vec<u8>,
    /// True when a leg has the batch pass: without it an entry of a batch would match nothing (R41).
    pub takes_batches: bool,
    /// The business day; a row without a leg outside it is refused (R29). `None` checks nothing.
    pub day: Option<Range<Instant>>,
}

impl ReadContext {
    /// The context of a source's files.
    pub fn new(settings: &Settings, source: &Source, day: Option<Range<Instant>>) -> ReadContext {
        assert!(
            settings.accounts.len() < usize::from(u16::MAX),
            "the settings hold fewer accounts"
        );
        let mut accounts = IdTable::with_capacity(2 * settings.accounts.len());
        // A number goes before an id, and the first account before later ones (R27): the first name given stays.
        for (index, account) in (0u32..).zip(&settings.accounts) {
            for number in account.numbers() {
                accounts.insert(number.as_bytes(), index);
            }
        }
        for (index, account) in (0u32..).zip(&settings.accounts) {
            accounts.insert(account.id.as_bytes(), index);
        }
        let own_account = source
            .account
            .as_ref()
            .and_then(|id| settings.accounts.iter().position(|account| account.id == *id))
            .map(|index| index as u16);
        ReadContext {
            accounts,
            account_currency: settings.accounts.iter().map(|account| account.currency).collect(),
            own_account,
            own_channel: source.channel.clone().unwrap_or_default().into_bytes(),
            takes_batches: settings
                .legs
                .iter()
                .flat_map(|leg| &leg.later)
                .any(|pass| pass.name() == PassName::Batch),
            day,
        }
    }

    /// Names of required columns that the source itself gives, for [`super::HeaderBinding::bind`].
    pub fn given(&self) -> Vec<&'static str> {
        let mut given = Vec::new();
        if self.own_account.is_some() {
            given.push("account");
        }
        if !self.own_channel.is_empty() {
            given.push("channel");
        }
        given
    }

    /// Index of the account of a name, by number first, then by id (R27).
    #[inline]
    pub fn account(&self, named: &[u8]) -> Option<u16> {
        self.accounts.get(named).map(|index| index as u16)
    }

    /// The currency of an account.
    pub fn account_currency(&self, account: u16) -> Currency {
        self.account_currency[usize::from(account)]
    }
}

/// What a reader remembers from row to row, to look up repeated values once.
#[derive(Default)]
pub struct Memory {
    /// Last day and offset.
    pub time: TimeMemory,
    currency_code: [u8; 3],
    currency: Option<Currency>,
}

impl Memory {
    /// The currency of a code.
    #[inline]
    pub fn currency(&mut self, code: &[u8]) -> Option<Currency> {
        if code == self.currency_code
            && let Some(currency) = self.currency
        {
            return Some(currency);
        }
        let currency = Currency::parse(code)?;
        self.currency_code.copy_from_slice(code);
        self.currency = Some(currency);
        Some(currency)
    }
}
