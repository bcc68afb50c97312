//! Canonical tables, looked into with the readers of a close. Accounts come as the file names them: with the currency
//! that stands beside them.

use std::io;

use super::shown::Shown;
use super::{Inspected, no_book, take};
use crate::book::settings::{Account, Role};
use crate::ingest::canonical::{self, ReadContext, Work};
use crate::ingest::csv_blocks::{BlockBytes, BlockError, BlockReader, text_stream};
use crate::ingest::files::{self, Delivered};
use crate::ingest::formats::desk::unknown_account;
use crate::ingest::formats::{FileFacts, FileRefused};
use crate::ingest::parquet::{Columns, ParquetFile};
use crate::terms::currency::Currency;

const ROLES: [Role; 5] = [
    Role::Platform,
    Role::Bank,
    Role::Channel,
    Role::Balances,
    Role::Adjustments,
];
/// Columns that a table of the role has and no table of another role.
const TELLING: [(Role, &[&str]); 5] = [
    (Role::Platform, &["txn_id", "txn_time", "merchant_id"]),
    (Role::Bank, &["entry_id", "direction", "booking_time"]),
    (Role::Channel, &["channel_ref", "settle_date", "fee"]),
    (Role::Balances, &["opening", "closing", "date"]),
    (Role::Adjustments, &["adjustment_id", "action", "prepared_by"]),
];
/// Accounts that inspection lists.
const ACCOUNTS_MAX: usize = 1000;
/// Times that a table is read while its accounts become known.
const PASSES_MAX: usize = 3;

/// The role of a canonical table whose header the first bytes of a file hold.
pub fn role_of(head: &[u8]) -> Option<Role> {
    let (encoding, mark) = encoding_rs::Encoding::for_bom(head).unwrap_or((encoding_rs::UTF_8, 0));
    let (text, _) = encoding.decode_without_bom_handling(&head[mark..]);
    let line = text.lines().next()?;
    let titles: Vec<&str> = line
        .split(',')
        .map(|title| title.trim().trim_matches('"'))
        .collect();
    TELLING
        .iter()
        .find(|(_, telling)| telling.iter().all(|title| titles.contains(title)))
        .map(|(role, _)| *role)
}

fn told(seen: &mut Inspected, role: Role) {
    "canonical".clone_into(&mut seen.format);
    seen.title = format!("canonical {} table", role.name());
    seen.role = Some(role);
}

/// Looks into a canonical table in CSV.
///
/// # Errors
/// It cannot be read.
pub fn csv(file: &Delivered, role: Role, seen: &mut Inspected) -> io::Result<()> {
    told(seen, role);
    "CSV".clone_into(&mut seen.variant);
    let accounts = named_accounts(file)?;
    rows(role, seen, accounts, |context, sink| {
        read_csv(file, role, context, sink)
    })?;
    seen.encoding = "UTF-8, or as its byte order mark says".to_owned();
    Ok(())
}

/// The accounts that a table names, each with the first currency beside it. What cannot be read is left to the reader.
fn named_accounts(file: &Delivered) -> io::Result<Vec<Account>> {
    let stream = match text_stream(files::open(file)?, None) {
        Ok(stream) => stream,
        Err(BlockError::Io(error)) => return Err(error),
        Err(BlockError::Refused(_)) => return Ok(Vec::new()),
    };
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(stream);
    let titles = table.byte_headers().cloned().unwrap_or_default();
    let column = |name: &str| titles.iter().position(|title| title == name.as_bytes());
    let (Some(account), Some(currency)) = (column("account"), column("currency")) else {
        return Ok(Vec::new());
    };
    let mut accounts: Vec<Account> = Vec::new();
    let mut row = csv::ByteRecord::new();
    while let Ok(true) = table.read_byte_record(&mut row) {
        let named = String::from_utf8_lossy(row.get(account).unwrap_or_default());
        if accounts.len() == ACCOUNTS_MAX || accounts.iter().any(|known| known.id == named) {
            continue;
        }
        if let Some(currency) = Currency::parse(row.get(currency).unwrap_or_default()) {
            accounts.push(unknown_account(&named, currency));
        }
    }
    Ok(accounts)
}

/// Reads with the accounts known so far until no row names another.
fn rows(
    role: Role,
    seen: &mut Inspected,
    mut accounts: Vec<Account>,
    read: impl Fn(&ReadContext, &mut Shown) -> io::Result<Result<(), FileRefused>>,
) -> io::Result<()> {
    for pass in 0.. {
        let (settings, source) = no_book("canonical", role, &accounts)?;
        let context = ReadContext::new(&settings, &source, None);
        let mut sink = Shown::default();
        let outcome = read(&context, &mut sink)?;
        if pass < PASSES_MAX && learn(&sink, &mut accounts) {
            continue;
        }
        let variant = std::mem::take(&mut seen.variant);
        take(FileFacts::default(), outcome.err(), accounts, sink, seen);
        seen.variant = variant;
        return Ok(());
    }
    Ok(())
}

fn learn(sink: &Shown, accounts: &mut Vec<Account>) -> bool {
    let known = accounts.len();
    for named in &sink.unknown_accounts {
        if let Some(currency) = Currency::parse(b"CNY")
            && !accounts.iter().any(|account| account.id == *named)
        {
            accounts.push(unknown_account(named, currency));
        }
    }
    if accounts.len() > known {
        return true;
    }
    match sink.other_currency {
        Some(currency) if accounts.iter().any(|account| account.currency != currency) => {
            for account in accounts {
                account.currency = currency;
            }
            true
        }
        _ => false,
    }
}

fn read_csv(
    file: &Delivered,
    role: Role,
    context: &ReadContext,
    sink: &mut Shown,
) -> io::Result<Result<(), FileRefused>> {
    let refused = |error: BlockError| match error {
        BlockError::Refused(refused) => Ok(Err(refused)),
        BlockError::Io(error) => Err(error),
    };
    let reader = match BlockReader::new(files::open(file)?, None) {
        Ok(reader) => reader,
        Err(error) => return refused(error),
    };
    let binding = match canonical::bind_header(role, reader.header(), context) {
        Ok(binding) => binding,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let (mut work, mut buffer) = (Work::default(), BlockBytes::default());
    loop {
        match reader.next_block(&mut buffer) {
            Ok(None) => return Ok(Ok(())),
            Ok(Some(head)) => {
                if let Err(wrong) = canonical::parse_block(&binding, &head, &buffer, context, &mut work, sink)
                {
                    return Ok(Err(wrong));
                }
            }
            Err(error) => return refused(error),
        }
    }
}

/// Looks into a table in Parquet: of the role whose columns it has.
///
/// # Errors
/// It cannot be read.
pub fn parquet(file: &Delivered, seen: &mut Inspected) -> io::Result<()> {
    let mut first_refusal: Option<FileRefused> = None;
    for role in ROLES {
        let (settings, source) = no_book("canonical", role, &[])?;
        let context = ReadContext::new(&settings, &source, None);
        match open(file, role, &context)? {
            Ok(_) => {
                told(seen, role);
                "Parquet".clone_into(&mut seen.variant);
                return rows(role, seen, Vec::new(), |context, sink| {
                    let table = match open(file, role, context)? {
                        Ok(table) => table,
                        Err(wrong) => return Ok(Err(wrong)),
                    };
                    for group in 0..table.row_groups() {
                        if let Err(wrong) = table.read_row_group(group, Columns::All, context, sink) {
                            return Ok(Err(wrong));
                        }
                    }
                    Ok(Ok(()))
                });
            }
            Err(wrong) => {
                first_refusal.get_or_insert(wrong);
            }
        }
    }
    seen.title = "Parquet, but no canonical table".to_owned();
    seen.failed.extend(first_refusal);
    Ok(())
}

fn open(file: &Delivered, role: Role, context: &ReadContext) -> io::Result<Result<ParquetFile, FileRefused>> {
    let opened = if file.is_plain() {
        ParquetFile::open(&file.path, role, context)
    } else {
        let mut content = Vec::new();
        io::Read::read_to_end(&mut files::open(file)?, &mut content)?;
        ParquetFile::from_bytes(content, role, context)
    };
    match opened {
        Ok(table) => Ok(Ok(table)),
        Err(BlockError::Refused(refused)) => Ok(Err(refused)),
        Err(BlockError::Io(error)) => Err(error),
    }
}
