//! A copy of a book up to a day, with the rows of the day as canonical tables.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::book::Book;
use crate::book::layout::Layout;
use crate::book::settings::{Role, Settings};
use crate::day::explain::DayRows;
use crate::day::history::History;
use crate::day::state::OpenRow;
use crate::findings::{Finding, Stop, StopCode};
use crate::host;
use crate::ingest::canonical::layout;
use crate::selftest::decisions::Decisions;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;
use crate::terms::money::format_minor;

/// The copy.
#[derive(Debug)]
pub struct Copy {
    /// Its folder.
    pub root: PathBuf,
    book: Book,
    has_channel: bool,
    decisions: Decisions,
}

impl Copy {
    /// Lays out settings, masters and the closes before `date` below `folder`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn make(
        book: &Path,
        folder: &Path,
        date: Date,
        sealed: &DayRows,
        decisions: Decisions,
    ) -> Result<Copy, Stop> {
        host::create_folder(folder)?;
        copy_tree(&sealed.folder.join("book"), folder)?;
        let from = Layout::new(book);
        let to = Layout::new(folder);
        if from.opening().is_dir() {
            copy_tree(&from.opening(), &to.opening())?;
        }
        for closed in History::read(&from)?.in_force() {
            if closed.date < date {
                copy_tree(&closed.folder, &to.close(closed.date, closed.sequence))?;
            }
        }
        let settings = to.settings();
        let text = fs::read_to_string(&settings).map_err(|error| Stop::io(&settings, "read", &error))?;
        let has_channel = Book::open(folder)?
            .settings
            .sources
            .iter()
            .any(|source| source.role.name() == "channel");
        let text = with_canonical_sources(&text, has_channel, !decisions.is_empty()).map_err(|error| {
            Stop::new(
                StopCode::Settings,
                Finding::about("book.toml", error, "check the settings: tieout check"),
            )
        })?;
        fs::write(&settings, text).map_err(|error| Stop::io(&settings, "write", &error))?;
        Ok(Copy {
            root: folder.to_path_buf(),
            book: Book::open(folder)?,
            has_channel,
            decisions,
        })
    }

    /// The settings of the copy.
    pub fn settings(&self) -> &Settings {
        &self.book.settings
    }

    /// Writes the inbox of a day. What people decided on the day that is copied goes with it: `is_next` is true for the day after.
    ///
    /// # Errors
    /// What the system reports.
    pub fn write(
        &self,
        date: Date,
        platform: &[OpenRow],
        bank: &[OpenRow],
        channel: &[OpenRow],
        is_next: bool,
    ) -> Result<(), Stop> {
        let inbox = self.book.layout.inbox(date);
        host::create_folder(&inbox)?;
        table(
            &inbox.join("platform.csv"),
            Role::Platform,
            platform,
            platform_cells,
        )?;
        table(&inbox.join("bank.csv"), Role::Bank, bank, bank_cells)?;
        if self.has_channel {
            table(&inbox.join("channel.csv"), Role::Channel, channel, channel_cells)?;
        }
        if !self.decisions.is_empty() && !is_next {
            self.decisions.write(&inbox.join("adjustments.csv"))?;
        }
        Ok(())
    }

    /// Takes a close and its inbox away, so that the day can be closed again.
    ///
    /// # Errors
    /// What the system reports.
    pub fn forget(&self, date: Date) -> Result<(), Stop> {
        for folder in [
            self.book.layout.closes().join(date.to_string()),
            self.book.layout.inbox(date),
        ] {
            if folder.exists() {
                host::remove_folder(&folder)?;
            }
        }
        Ok(())
    }
}

/// Copies a folder; files are linked where the file system can, since a close is never written again.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Stop> {
    host::create_folder(to)?;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| Stop::io(&path, "copy", &error)
    };
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(failed(&path))?.is_dir() {
            copy_tree(&path, &target)?;
        } else if path.file_name().is_some_and(|name| name == "book.toml")
            || fs::hard_link(&path, &target).is_err()
        {
            fs::copy(&path, &target).map_err(failed(&path))?;
        }
    }
    Ok(())
}

/// The settings with one canonical source for each role. A fault may leave an adjustment without what it was about (a release of
/// what is held no longer): it is set aside then, and the day goes on.
fn with_canonical_sources(text: &str, has_channel: bool, has_decisions: bool) -> Result<String, String> {
    let mut settings: Table = text.parse().map_err(|error| format!("{error}"))?;
    let roles = [
        ("platform", true),
        ("bank", true),
        ("channel", has_channel),
        ("adjustments", has_decisions),
    ];
    let source = |role: &str| {
        let mut source = Table::new();
        for key in ["name", "role"] {
            source.insert(key.to_owned(), Value::String(role.to_owned()));
        }
        source.insert("format".to_owned(), Value::String("canonical".to_owned()));
        let file = Value::String(format!("{role}.csv"));
        source.insert("files".to_owned(), Value::Array(vec![file]));
        Value::Table(source)
    };
    let wanted = roles.iter().filter(|(_, wanted)| *wanted);
    let sources = wanted.map(|(role, _)| source(role)).collect();
    settings.insert("source".to_owned(), Value::Array(sources));
    if has_decisions {
        let policy = settings
            .entry("policy")
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(policy) = policy {
            policy.insert("rejects".to_owned(), Value::String("quarantine".to_owned()));
            policy.remove("max_rejects");
        }
    }
    toml::to_string(&settings).map_err(|error| format!("{error}"))
}

/// Writes a canonical table; `cells` are in the order of its fields.
fn table<const N: usize>(
    path: &Path,
    role: Role,
    rows: &[OpenRow],
    cells: fn(&OpenRow) -> [String; N],
) -> Result<(), Stop> {
    let failed = |error: csv::Error| Stop::io(path, "write", &std::io::Error::other(error));
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    // Escrow rows are no rows of a closed day yet.
    let fields = layout::fields(role).iter().map(|field| field.name);
    let header = fields.filter(|name| *name != "escrow");
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(cells(row)).map_err(failed)?;
    }
    writer.flush().map_err(|error| Stop::io(path, "write", &error))
}

fn amount(minor: i64, currency: Currency) -> String {
    format_minor(i128::from(minor), currency.digits())
}

/// Milliseconds since 1970 as RFC 3339.
pub fn moment(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |moment| moment.to_string())
}

fn platform_cells(row: &OpenRow) -> [String; 17] {
    [
        row.id.clone(),
        moment(row.time_ms),
        row.merchant_id.clone(),
        row.customer_id.clone(),
        row.txn_type.map_or("", TxnType::name).to_owned(),
        row.channel.clone(),
        row.currency.code().to_owned(),
        amount(row.amount_minor, row.currency),
        row.bank_ref.clone(),
        row.status.name().to_owned(),
        row.order_id.clone(),
        row.channel_ref.clone(),
        row.original_ref.clone(),
        row.funding.name().to_owned(),
        row.batch_ref.clone(),
        row.counterparty_id.clone(),
        row.remark.clone(),
    ]
}

fn bank_cells(row: &OpenRow) -> [String; 14] {
    [
        row.id.clone(),
        row.account.clone(),
        row.time_text.clone(),
        row.value_date.map_or(String::new(), |date| date.to_string()),
        row.direction.map_or("", |direction| direction.name()).to_owned(),
        amount(row.amount_minor, row.currency),
        row.currency.code().to_owned(),
        row.bank_ref.clone(),
        row.remark.clone(),
        row.batch_ref.clone(),
        row.counterparty_name.clone(),
        row.counterparty_account.clone(),
        row.purpose.clone(),
        row.original_ref.clone(),
    ]
}

fn channel_cells(row: &OpenRow) -> [String; 12] {
    [
        row.channel.clone(),
        row.id.clone(),
        row.order_id.clone(),
        row.txn_type.map_or("", TxnType::name).to_owned(),
        amount(row.amount_minor, row.currency),
        amount(row.fee_minor, row.currency),
        row.currency.code().to_owned(),
        row.time_text.clone(),
        row.value_date.map_or(String::new(), |date| date.to_string()),
        row.batch_ref.clone(),
        row.status.name().to_owned(),
        row.refund_ref.clone(),
    ]
}
