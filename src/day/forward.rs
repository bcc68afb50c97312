//! Open items of the previous close, as entries again (R6): they meet today's rows as if all had come today.

use crate::book::merchants::MerchantCode;
use crate::book::settings::Settings;
use crate::day::intake::{FORWARD_FILE, Forward, InputBlock, Intake, IntakeContext};
use crate::day::state::{OpenItem, OpenRow, OpenSide};
use crate::entries::rows::{BankRow, ChannelRow, Place, PlatformRow, RowSink};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Purpose, Status, TxnType};

/// A row that is open on one or more legs.
#[derive(Clone, Debug)]
pub struct ForwardRow {
    /// The row, with its provenance.
    pub item: OpenItem,
    /// Legs it is open on, as bits over `Settings::legs`.
    pub open_legs: u8,
}

/// Joins the open items of a state into rows: an item per leg becomes one row.
///
/// The platform rows come first, then bank, then channel, each in the order of the state.
pub fn rows(items: &[OpenItem], settings: &Settings) -> Vec<ForwardRow> {
    let mut sorted: Vec<&OpenItem> = items.iter().collect();
    // Two open items are one row when all but leg and class agree; the order below brings them together.
    let identity = |item: &OpenItem| {
        (
            item.side,
            item.row.id.clone(),
            item.row.account.clone(),
            item.first_seen,
            item.file.clone(),
            item.line,
        )
    };
    sorted.sort_by_cached_key(|item| (identity(item), item.leg.clone()));
    let mut rows: Vec<ForwardRow> = Vec::new();
    for item in sorted {
        let leg = settings
            .legs
            .iter()
            .position(|leg| leg.name == item.leg)
            .map_or(0, |index| 1u8 << index);
        match rows.last_mut() {
            Some(last) if identity(&last.item) == identity(item) && last.item.row == item.row => {
                last.open_legs |= leg;
                last.item.was_duplicate |= item.was_duplicate;
            }
            _ => rows.push(ForwardRow {
                item: item.clone(),
                open_legs: leg,
            }),
        }
    }
    rows
}

/// Lays the rows into blocks. The line of a row's place is its index in `rows` + 1.
///
/// # Errors
/// 65 when an open bank entry's account, or an open row's kind, is no longer in the settings.
pub fn blocks(rows: &[ForwardRow], context: &IntakeContext<'_>) -> Result<Vec<InputBlock>, Stop> {
    let mut intake = Intake::new(context, FORWARD_FILE, 0);
    for (index, row) in (0u64..).zip(rows) {
        let item = &row.item;
        intake.forward(Forward {
            first_seen: item.first_seen,
            was_duplicate: item.was_duplicate,
            open_legs: row.open_legs,
        });
        let place = Place {
            line: index + 1,
            offset: index,
        };
        match item.side {
            OpenSide::Platform => {
                let Some(txn_type) = item.row.txn_type else {
                    return Err(damaged(item, "txn_type"));
                };
                let owed = txn_type.is_merchant() && item.row.status == Status::Success;
                if owed && context.merchants.code(item.row.merchant_id.as_bytes()) == MerchantCode::NONE {
                    return Err(crate::settling::unknown_merchant(item.row.id.as_bytes().into()));
                }
                intake.platform(&platform_row(&item.row, place, txn_type));
            }
            OpenSide::Bank => {
                let Some(account) = context.settings.account_index(&item.row.account) else {
                    return Err(damaged(item, "account"));
                };
                let (Some(direction), Some(value_date)) = (item.row.direction, item.row.value_date) else {
                    return Err(damaged(item, "direction or value_date"));
                };
                intake.bank(&bank_row(&item.row, place, account as u16, direction, value_date));
            }
            OpenSide::Channel => {
                let (Some(txn_type), Some(date)) = (item.row.txn_type, item.row.value_date) else {
                    return Err(damaged(item, "txn_type or value_date"));
                };
                intake.channel(&channel_row(&item.row, place, txn_type, date));
            }
        }
    }
    let blocks = intake.finish();
    if let Some(reject) = blocks.iter().flat_map(|block| &block.rejects).next() {
        return Err(Stop::new(
            StopCode::BadData,
            Finding::about(
                "state/open_items.csv",
                format!(
                    "{}: found `{}`, expected {}",
                    reject.field, reject.found, reject.expected
                ),
                "an open item no longer fits the settings: put back the leg or channel it needs",
            ),
        ));
    }
    Ok(blocks)
}

fn damaged(item: &OpenItem, field: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "state/open_items.csv",
            format!(
                "open item {}: {field} is missing, or no longer in the settings",
                item.row.id
            ),
            "put back what the settings had when the item was opened",
        ),
    )
}

fn platform_row(row: &OpenRow, place: Place, txn_type: TxnType) -> PlatformRow<'_> {
    PlatformRow {
        place,
        txn_id: row.id.as_bytes(),
        txn_time: Instant(row.time_ms),
        merchant_repeated: None,
        merchant_id: row.merchant_id.as_bytes(),
        customer_id: row.customer_id.as_bytes(),
        txn_type,
        channel: row.channel.as_bytes(),
        currency: row.currency,
        amount_minor: row.amount_minor,
        bank_ref: row.bank_ref.as_bytes(),
        status: row.status,
        funding: row.funding,
        order_id: row.order_id.as_bytes(),
        channel_ref: row.channel_ref.as_bytes(),
        original_txn_id: row.original_ref.as_bytes(),
        batch_ref: row.batch_ref.as_bytes(),
        counterparty_id: row.counterparty_id.as_bytes(),
        memo: row.remark.as_bytes(),
    }
}

fn bank_row(
    row: &OpenRow,
    place: Place,
    account: u16,
    direction: crate::terms::kinds::Direction,
    value_date: Date,
) -> BankRow<'_> {
    BankRow {
        place,
        entry_id: row.id.as_bytes(),
        account,
        booking_time: row.time_text.as_bytes(),
        value_date,
        direction,
        amount_minor: row.amount_minor,
        currency: row.currency,
        bank_ref: row.bank_ref.as_bytes(),
        remark: row.remark.as_bytes(),
        batch_ref: row.batch_ref.as_bytes(),
        counterparty_name: row.counterparty_name.as_bytes(),
        counterparty_account: row.counterparty_account.as_bytes(),
        // A purpose entry is posted in its own close and never open.
        purpose: Purpose::None,
        purpose_text: row.purpose.as_bytes(),
        original_ref: row.original_ref.as_bytes(),
    }
}

fn channel_row(row: &OpenRow, place: Place, txn_type: TxnType, date: Date) -> ChannelRow<'_> {
    ChannelRow {
        place,
        channel: row.channel.as_bytes(),
        channel_ref: row.id.as_bytes(),
        order_id: row.order_id.as_bytes(),
        txn_type,
        amount_minor: row.amount_minor,
        fee_minor: row.fee_minor,
        currency: row.currency,
        txn_time: row.time_text.as_bytes(),
        settle_date: date,
        batch_ref: row.batch_ref.as_bytes(),
        status: row.status,
        refund_ref: row.refund_ref.as_bytes(),
    }
}

/// A full platform row as an open row.
pub fn open_platform(row: &PlatformRow<'_>) -> OpenRow {
    OpenRow {
        id: text(row.txn_id),
        account: String::new(),
        channel: text(row.channel),
        currency: row.currency,
        amount_minor: row.amount_minor,
        fee_minor: 0,
        direction: row.txn_type.direction(),
        txn_type: Some(row.txn_type),
        status: row.status,
        funding: row.funding,
        time_ms: row.txn_time.0,
        time_text: String::new(),
        value_date: None,
        bank_ref: text(row.bank_ref),
        merchant_id: text(row.merchant_id),
        customer_id: text(row.customer_id),
        counterparty_id: text(row.counterparty_id),
        order_id: text(row.order_id),
        channel_ref: text(row.channel_ref),
        refund_ref: String::new(),
        original_ref: text(row.original_txn_id),
        batch_ref: text(row.batch_ref),
        remark: text(row.memo),
        counterparty_name: String::new(),
        counterparty_account: String::new(),
        purpose: String::new(),
    }
}

/// A full bank entry as an open row.
pub fn open_bank(row: &BankRow<'_>, settings: &Settings) -> OpenRow {
    OpenRow {
        id: text(row.entry_id),
        account: settings.accounts[usize::from(row.account)].id.clone(),
        channel: String::new(),
        currency: row.currency,
        amount_minor: row.amount_minor,
        fee_minor: 0,
        direction: Some(row.direction),
        txn_type: None,
        status: crate::terms::kinds::Status::Success,
        funding: crate::terms::kinds::Funding::Bank,
        time_ms: 0,
        time_text: text(row.booking_time),
        value_date: Some(row.value_date),
        bank_ref: text(row.bank_ref),
        merchant_id: String::new(),
        customer_id: String::new(),
        counterparty_id: String::new(),
        order_id: String::new(),
        channel_ref: String::new(),
        refund_ref: String::new(),
        original_ref: text(row.original_ref),
        batch_ref: text(row.batch_ref),
        remark: text(row.remark),
        counterparty_name: text(row.counterparty_name),
        counterparty_account: text(row.counterparty_account),
        purpose: text(row.purpose_text),
    }
}

/// A full channel row as an open row.
pub fn open_channel(row: &ChannelRow<'_>) -> OpenRow {
    OpenRow {
        id: text(row.channel_ref),
        account: String::new(),
        channel: text(row.channel),
        currency: row.currency,
        amount_minor: row.amount_minor,
        fee_minor: row.fee_minor,
        direction: row.txn_type.direction(),
        txn_type: Some(row.txn_type),
        status: row.status,
        funding: crate::terms::kinds::Funding::Bank,
        time_ms: 0,
        time_text: text(row.txn_time),
        value_date: Some(row.settle_date),
        bank_ref: String::new(),
        merchant_id: String::new(),
        customer_id: String::new(),
        counterparty_id: String::new(),
        order_id: text(row.order_id),
        channel_ref: text(row.channel_ref),
        refund_ref: text(row.refund_ref),
        original_ref: String::new(),
        batch_ref: text(row.batch_ref),
        remark: String::new(),
        counterparty_name: String::new(),
        counterparty_account: String::new(),
        purpose: String::new(),
    }
}

// Readers refuse text that is not UTF-8, so nothing is replaced here.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
