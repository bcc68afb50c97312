//! A statement: its identity, balances, control totals and pages.
//!
//! Rule (ISO 20022): opening + Σ signed booked entries = closing, exactly. Opening is `OPBD`, else
//! `PRCD`; closing is `CLBD`. `ITBD` is the interim balance between pages; available balances are never used. A
//! statement that cannot tie out is refused. Declared counts and sums (`TxsSummry`) hold over the booked entries or
//! over all entries of the page or of the whole statement.

use crate::book::settings::Account;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::desk::{ASK_THE_BANK, Balance, Tallies, Tally, identity};
use crate::ingest::formats::values::{iso_date, shown, xml_minor};
use crate::terms::money::format_minor;

/// The texts of a `Bal` element.
#[derive(Clone, Debug, Default)]
pub struct BalanceText {
    /// Line of its start tag.
    pub line: u64,
    /// `Tp/CdOrPrtry/Cd`.
    pub code: String,
    /// `Tp/SubTp/Cd`.
    pub sub_code: String,
    /// `Amt`.
    pub amount: String,
    /// `Amt/@Ccy`.
    pub currency: String,
    /// `CdtDbtInd`.
    pub sign: String,
    /// `Dt/Dt` or `Dt/DtTm`.
    pub date: String,
}

/// Declared count and sum of `TxsSummry`, as texts; empty where not given.
#[derive(Clone, Debug, Default)]
pub struct DeclaredText {
    /// `NbOfNtries`.
    pub count: String,
    /// `Sum`.
    pub sum: String,
}

/// The control totals of `TxsSummry`.
#[derive(Clone, Debug, Default)]
pub struct SummaryText {
    /// `TtlNtries`.
    pub all: DeclaredText,
    /// Its net amount, `TtlNetNtryAmt` or `TtlNetNtry/Amt`, and the side it is on; empty where not given.
    pub net: String,
    /// `CdtDbtInd` of that amount.
    pub net_sign: String,
    /// `TtlCdtNtries`.
    pub credit: DeclaredText,
    /// `TtlDbtNtries`.
    pub debit: DeclaredText,
}

/// One `Stmt` element while it is read: a statement, or one page of it.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Line of its start tag.
    pub line: u64,
    /// `Id`.
    pub id: String,
    /// `ElctrncSeqNb`.
    pub sequence: String,
    /// `LglSeqNb`.
    pub legal_sequence: String,
    /// `FrToDt/FrDtTm` or `FrDt`.
    pub from: String,
    /// `FrToDt/ToDtTm` or `ToDt`.
    pub to: String,
    /// `StmtPgntn/PgNb`; empty where there are no pages.
    pub page_number: String,
    /// `StmtPgntn/LastPgInd`.
    pub last_page: String,
    /// `Acct/Id/IBAN` or `Acct/Id/Othr/Id`.
    pub account_number: String,
    /// `Acct/Ccy`.
    pub account_currency: String,
    /// Control totals.
    pub summary: SummaryText,
    /// `OPBD`.
    pub opening: Option<Balance>,
    /// `PRCD`.
    pub previous_closing: Option<Balance>,
    /// `CLBD`.
    pub closing: Option<Balance>,
    /// `ITBD`, first and last.
    pub interim: Option<(Balance, Balance)>,
    /// `ITBD` balances seen.
    pub interim_count: u32,
    /// Booked entries.
    pub booked: Tallies,
    /// Booked entries, if reversals had the other sign (`reversal_sign` of the source).
    pub booked_otherwise: Tallies,
    /// Booked entries by their indicator as written, which a source may invert.
    pub booked_as_written: Tallies,
    /// All entries, whatever their status, by their indicator as written.
    pub all_as_written: Tallies,
    /// First entry whose amount could not be read; then nothing adds up.
    pub unread: Option<(u64, String)>,
}

impl Page {
    /// What its declared totals may be of: booked and all entries as written, and what moved.
    pub fn tallies(&self) -> [Tallies; 3] {
        [self.booked_as_written, self.all_as_written, self.booked]
    }

    /// Takes a balance that matters: booked opening, closing and interim balances.
    ///
    /// # Errors
    /// It cannot be read exactly, or contradicts another of its kind.
    pub fn take_balance(&mut self, text: &BalanceText, account: &Account) -> Result<(), FileRefused> {
        // An intermediate balance is the page's, not the statement's.
        let code = match (text.code.as_str(), text.sub_code.as_str()) {
            ("OPBD" | "CLBD", "INTM") => "ITBD",
            (code, _) => code,
        };
        if !matches!(code, "OPBD" | "PRCD" | "CLBD" | "ITBD") {
            return Ok(());
        }
        let balance = read_balance(text, account)?;
        let slot = match code {
            "OPBD" => &mut self.opening,
            "PRCD" => &mut self.previous_closing,
            "CLBD" => &mut self.closing,
            _ => {
                self.interim_count += 1;
                self.interim = Some((self.interim.map_or(balance, |(first, _)| first), balance));
                return Ok(());
            }
        };
        if slot.is_some_and(|known| known != balance) {
            return Err(FileRefused::at(
                text.line,
                format!("statement {}: two different {code} balances", self.name()),
                ASK_THE_BANK,
            ));
        }
        *slot = Some(balance);
        Ok(())
    }

    /// The statement's id for messages.
    pub fn name(&self) -> String {
        let name = if self.id.is_empty() {
            &self.sequence
        } else {
            &self.id
        };
        if name.is_empty() {
            return format!("without id at line {}", self.line);
        }
        shown(name)
    }

    fn refuse(&self, message: String) -> FileRefused {
        FileRefused::at(
            self.line,
            format!("statement {}: {message}", self.name()),
            ASK_THE_BANK,
        )
    }

    /// Page number; 1 without pages.
    pub fn number(&self) -> u32 {
        self.pagination().ok().flatten().map_or(1, |(number, _)| number)
    }

    /// Page number and whether it is the last; `None` without pages.
    fn pagination(&self) -> Result<Option<(u32, bool)>, FileRefused> {
        if self.page_number.is_empty() && self.last_page.is_empty() {
            return Ok(None);
        }
        let number = self.page_number.parse::<u32>();
        let last = match self.last_page.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        match (number, last) {
            (Ok(number), Some(last)) if number > 0 => Ok(Some((number, last))),
            _ => Err(self.refuse(format!(
                "StmtPgntn: found page `{}`, last `{}`, expected a page number and true or false",
                shown(&self.page_number),
                shown(&self.last_page)
            ))),
        }
    }
}

fn read_balance(text: &BalanceText, account: &Account) -> Result<Balance, FileRefused> {
    let refuse = |field: &str, found: &str, expected: &str| {
        Err(FileRefused::at(
            text.line,
            format!(
                "balance {}: {field}: found `{}`, expected {expected}",
                text.code,
                shown(found)
            ),
            ASK_THE_BANK,
        ))
    };
    if text.currency != account.currency.code() {
        return refuse("currency", &text.currency, account.currency.code());
    }
    let Ok(minor) = xml_minor(&text.amount, account.currency.digits()) else {
        return refuse("Amt", &text.amount, &format!("an amount in {}", account.currency));
    };
    let minor = match text.sign.as_str() {
        "CRDT" => minor,
        "DBIT" => -minor,
        other => return refuse("CdtDbtInd", other, "CRDT or DBIT"),
    };
    // A time stands for its day as written.
    let day = if text.date.as_bytes().get(10) == Some(&b'T') {
        &text.date[..10]
    } else {
        &text.date
    };
    match iso_date(day) {
        Some(date) => Ok(Balance { date, minor }),
        None => refuse("Dt", &text.date, "a day such as 2026-03-31"),
    }
}

/// A statement that ties out.
#[derive(Clone, Debug)]
pub struct TiedOut {
    /// Opening balance.
    pub opening: Balance,
    /// Closing balance.
    pub closing: Balance,
    /// Line of its first page.
    pub line: u64,
    /// The identity in words.
    pub words: String,
    /// Control totals that were declared and held, in words; empty when none was declared.
    pub totals: String,
}

/// A statement whose pages are being put together.
#[derive(Clone, Debug)]
pub struct Pages {
    first: Page,
    opening: Balance,
    /// Number of the first page: above 1 where those before it stand in another file.
    first_page: u32,
    /// Number of the last page read.
    pages_read: u32,
    interim: Option<Balance>,
    booked: Tallies,
    booked_otherwise: Tallies,
    booked_as_written: Tallies,
    all_as_written: Tallies,
    /// Totals that did not hold over their page: they must hold over the whole statement.
    later: Vec<Page>,
    declared_count: u32,
}

impl Pages {
    /// As [`Page::tallies`], over all pages.
    fn tallies(&self) -> [Tallies; 3] {
        [self.booked_as_written, self.all_as_written, self.booked]
    }

    /// True when `page` goes on with this statement.
    pub fn continued_by(&self, page: &Page) -> bool {
        self.first.id == page.id
            && self.first.sequence == page.sequence
            && self.first.account_number == page.account_number
    }

    /// The refusal of a statement whose last page never came.
    pub fn refuse_incomplete(&self) -> FileRefused {
        self.first.refuse(format!(
            "page {} is missing: pages of one statement stand one behind the other, or in several files",
            self.pages_read + 1
        ))
    }

    /// Number of the first page here.
    pub fn first_page(&self) -> u32 {
        self.first_page
    }

    /// Ends a statement whose next page stands in another file, which is looked for among the files of the day. Gives its
    /// opening balance, that of its last page here, and the line of its first page.
    ///
    /// # Errors
    /// The page ends with no interim balance, or declares totals of pages that are not here.
    pub fn end_here(&self) -> Result<(Balance, Balance, u64), FileRefused> {
        let next = self.pages_read + 1;
        if let Some(late) = self.later.first() {
            return Err(late.refuse(format!(
                "its declared totals hold over none of its pages in this file, and page {next} is not in it: totals of a whole statement are checked where all of its pages stand in one file"
            )));
        }
        match self.interim {
            Some(closing) => Ok((self.opening, closing, self.first.line)),
            None => Err(self.first.refuse(format!(
                "page {next} is missing, and no interim balance (ITBD) says what it goes on from: pages without one must stand in one file"
            ))),
        }
    }
}

/// Where a statement stands after one more page.
#[derive(Clone, Debug)]
pub enum Progress {
    /// More pages must come.
    More(Box<Pages>),
    /// All pages were read and the statement ties out.
    Done(Box<TiedOut>),
}

/// Adds a page to what was read of its statement (`None` at the first) and checks it.
///
/// # Errors
/// Pages are missing, a balance is missing, a total or the identity does not hold.
pub fn add_page(before: Option<Pages>, page: Page, account: &Account) -> Result<Progress, FileRefused> {
    if let Some((line, found)) = &page.unread {
        return Err(FileRefused::at(
            *line,
            format!(
                "statement {}: {found}; so its entries cannot be added up to its closing balance",
                page.name()
            ),
            ASK_THE_BANK,
        ));
    }
    let pagination = page.pagination()?;
    let (number, last) = pagination.unwrap_or((1, true));
    let expected = before.as_ref().map_or(number, |pages| pages.pages_read + 1);
    if number != expected {
        return Err(page.refuse(format!(
            "found page {number}, expected page {expected}: pages of one statement stand in order"
        )));
    }
    // Behind the first page the first of two interim balances is what it opens with, or the only one of the last page.
    let opens_with = page
        .interim
        .map(|(first, _)| first)
        .filter(|_| last || page.interim_count > 1);
    let mut pages = match before {
        Some(mut pages) => {
            if let (Some(closed), Some(opens)) = (pages.interim, opens_with)
                && closed.minor != opens.minor
            {
                return Err(page.refuse(format!(
                    "page {number} opens with {}, but the page before it closes with {}",
                    text(opens.minor.into(), account),
                    text(closed.minor.into(), account)
                )));
            }
            pages.pages_read = number;
            pages
        }
        None => {
            let (opening, what) = if number == 1 {
                let what =
                    "no booked opening balance (OPBD or PRCD): without one it cannot be checked".to_owned();
                (page.opening.or(page.previous_closing), what)
            } else {
                let what = format!(
                    "found page {number} and neither the page before it nor an interim balance (ITBD) that it opens with: pages without one must stand in one file"
                );
                (opens_with, what)
            };
            let Some(opening) = opening else {
                return Err(page.refuse(what));
            };
            Pages {
                first: page.clone(),
                opening,
                first_page: number,
                pages_read: number,
                interim: None,
                booked: Tallies::default(),
                booked_otherwise: Tallies::default(),
                booked_as_written: Tallies::default(),
                all_as_written: Tallies::default(),
                later: Vec::new(),
                declared_count: 0,
            }
        }
    };
    pages.booked.add_all(page.booked);
    pages.booked_otherwise.add_all(page.booked_otherwise);
    pages.booked_as_written.add_all(page.booked_as_written);
    pages.all_as_written.add_all(page.all_as_written);
    pages.declared_count += declared(&page.summary);
    if let Err(refused) = check_summary(&page, page.tallies(), account) {
        if pagination.is_none() {
            return Err(refused);
        }
        pages.later.push(page.clone());
    }
    if !last {
        let closes_with = page
            .interim
            .map(|(_, last)| last)
            .filter(|_| number == 1 || page.interim_count > 1);
        if let Some(interim) = closes_with {
            check_identity(&page, &pages, interim, account)?;
        }
        pages.interim = closes_with;
        return Ok(Progress::More(Box::new(pages)));
    }
    for late in &pages.later {
        check_summary(late, pages.tallies(), account)?;
    }
    let Some(closing) = page.closing else {
        return Err(page.refuse(
            "no booked closing balance (CLBD): without one its entries cannot be checked".to_owned(),
        ));
    };
    let tied = check_identity(&page, &pages, closing, account)?;
    Ok(Progress::Done(Box::new(TiedOut {
        opening: pages.opening,
        closing,
        line: pages.first.line,
        words: format!("statement {}: {tied}", pages.first.name()),
        totals: match pages.declared_count {
            0 => String::new(),
            count => format!(
                "statement {}: {count} declared counts and sums hold",
                pages.first.name()
            ),
        },
    })))
}

fn check_identity(
    page: &Page,
    pages: &Pages,
    closing: Balance,
    account: &Account,
) -> Result<String, FileRefused> {
    let ties_out = |booked| identity(pages.opening.minor, booked, closing.minor, account.currency);
    ties_out(pages.booked).map_err(|mut words| {
        let others = pages.all_as_written.total().count - pages.booked_as_written.total().count;
        if others > 0 {
            words += &format!("; not counted: {others} whose status (Sts) is not BOOK");
        }
        let mut refused = page.refuse(words);
        if ties_out(pages.booked_otherwise).is_ok() {
            refused.help = "it ties out where its reversals (RvslInd) have the other sign: if this bank means them so, set `reversal_sign` of the source to the other of \"iso\" and \"invert\"".to_owned();
        }
        refused
    })
}

/// Number of counts and sums that a summary declares.
pub fn declared(summary: &SummaryText) -> u32 {
    [&summary.all, &summary.credit, &summary.debit]
        .iter()
        .flat_map(|total| [&total.count, &total.sum])
        .chain([&summary.net])
        .filter(|text| !text.is_empty())
        .count() as u32
}

/// Checks the declared totals of `page` against the booked entries, or else against all entries, both by their indicator as written; a
/// net amount also against what moved.
///
/// # Errors
/// One of them does not hold.
pub fn check_summary(
    page: &Page,
    [booked, all, moved]: [Tallies; 3],
    account: &Account,
) -> Result<(), FileRefused> {
    let totals = [
        ("TtlNtries", &page.summary.all, booked.total(), all.total()),
        ("TtlCdtNtries", &page.summary.credit, booked.credit, all.credit),
        ("TtlDbtNtries", &page.summary.debit, booked.debit, all.debit),
    ];
    for (name, declared, booked, all) in totals {
        if holds(declared, booked, account) || holds(declared, all, account) {
            continue;
        }
        return Err(page.refuse(format!(
            "{name}: found {} booked entries of {}, expected {} of {}",
            booked.count,
            text(booked.sum_minor, account),
            or_any(&declared.count),
            or_any(&declared.sum)
        )));
    }
    let SummaryText { net, net_sign, .. } = &page.summary;
    // A net is what moved: a bank whose reversals have the other sign counts them so.
    let counted = [booked, all, moved];
    if net.is_empty()
        || counted
            .into_iter()
            .any(|counted| net_holds(net, net_sign, counted, account))
    {
        return Ok(());
    }
    Err(page.refuse(format!(
        "TtlNetNtry: found booked entries that come to {}, expected {} {}",
        text(booked.net_minor(), account),
        shown(net),
        shown(net_sign)
    )))
}

/// True when entries come to a declared amount, which has no sign of its own.
fn net_holds(net: &str, sign: &str, found: Tallies, account: &Account) -> bool {
    let found = found.net_minor();
    xml_minor(net, account.currency.digits()).is_ok_and(|minor| match sign {
        "DBIT" => found == -i128::from(minor),
        "CRDT" => found == i128::from(minor),
        // Without its side only the amount can be compared.
        "" => found.unsigned_abs() == u128::from(minor.unsigned_abs()),
        _ => false,
    })
}

fn or_any(text: &str) -> String {
    if text.is_empty() {
        "any".to_owned()
    } else {
        shown(text)
    }
}

fn holds(declared: &DeclaredText, found: Tally, account: &Account) -> bool {
    let count = declared.count.is_empty() || declared.count.parse::<u64>() == Ok(found.count);
    let sum = declared.sum.is_empty()
        || xml_minor(&declared.sum, account.currency.digits())
            .is_ok_and(|minor| i128::from(minor) == found.sum_minor);
    count && sum
}

fn text(minor: i128, account: &Account) -> String {
    format_minor(minor, account.currency.digits())
}
