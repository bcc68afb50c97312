//! Open items of the previous close, as entries again (R6): they meet today's rows as if all had come today.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::book::merchants::MerchantCode;
use crate::book::settings::Settings;
use crate::day::intake::{FORWARD_FILE, Forward, InputBlock, Intake, IntakeContext};
use crate::day::state::tables::OWN_LEGS;
use crate::day::state::{OpenItem, OpenRow, OpenSide, Unsettled};
use crate::entries::rows::{BankRow, ChannelRow, Place, PlatformRow, RowSink};
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::class::{Class, OtherSide};
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Purpose, Status, TxnType};

/// A row that is open on one or more legs.
#[derive(Clone, Debug)]
pub struct ForwardRow {
    /// The row, with its provenance.
    pub item: OpenItem,
    /// Legs it is open on, as bits over `Settings::legs`.
    pub open_legs: u8,
    /// Legs on which it had company of its side and direction (R5), likewise: a reference is one of one leg.
    pub duplicate_legs: u8,
}

/// Joins the open items of a state into rows: an item per leg becomes one row.
///
/// The platform rows come first, then bank, then channel, each in the order of the state. A leg that `settle.when` has
/// named since a row was opened is one that the row needs too: it is open there.
///
/// # Errors
/// 78 when a row waits for a leg that the settings no longer have, or that no longer takes its channel.
pub fn rows(
    items: &[OpenItem],
    unsettled: &[Unsettled],
    settings: &Settings,
) -> Result<Vec<ForwardRow>, Stop> {
    legs_stand(items, settings)?;
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
    // Rows that opening/ names without a place, and that have one id, are told apart by what else they say.
    sorted.sort_by_cached_key(|item| (identity(item), &item.row, &item.leg));
    let mut rows: Vec<ForwardRow> = Vec::new();
    for item in sorted {
        let index = settings.leg_index(&item.leg);
        let leg = index.map_or(0, |index| 1u8 << index);
        let duplicate_legs = match (item.was_duplicate, index) {
            (false, _) => 0,
            // Its leg is one of the engine's own, where nothing pairs by reference: all others are told.
            (true, None) => u8::MAX,
            // Entries of all batches lie together, whatever leg their batch is of.
            (true, Some(index)) if item.side == OpenSide::Bank && settings.batch_legs() >> index & 1 == 1 => {
                settings.batch_legs()
            }
            (true, Some(index)) => 1 << index,
        };
        match rows.last_mut() {
            Some(last) if last.item.is_of_the_row_of(item) => {
                last.open_legs |= leg;
                last.duplicate_legs |= duplicate_legs;
            }
            _ => rows.push(ForwardRow {
                item: item.clone(),
                open_legs: leg,
                duplicate_legs,
            }),
        }
    }
    let matched = MatchedEarlier::new(unsettled, settings);
    let alone = alone_with_its_id(&rows);
    for (row, is_alone) in rows.iter_mut().zip(alone) {
        let item = &row.item;
        // A bill row in doubt was in no batch; once it is in doubt no longer, it is (R19, R26).
        if item.side == OpenSide::Channel && item.class == Class::IdConflict.name(OtherSide::Channel) {
            let batch_leg = settings.batch_leg(&item.row.channel);
            row.open_legs |= batch_leg.map_or(0, |leg| 1 << leg);
        }
        let item = &row.item;
        // A row in doubt is open where it stands, and matches nowhere (R19); once no other row has its id, it waits as every row.
        let waits = item.side == OpenSide::Platform
            && item.row.status == Status::Success
            && (item.class != Class::IdConflict.name(OtherSide::Bank) || is_alone)
            && row.open_legs != 0;
        if waits {
            let known = matched.leg_bits(item);
            // Between channel and bank it stands with its bill row, not by itself.
            let by_itself = settings.required_legs(&item.row.channel) & !settings.batch_legs();
            row.open_legs |= by_itself & !known;
        }
    }
    Ok(rows)
}

/// Which legs platform rows have matched in earlier closes (R41).
#[derive(Debug)]
pub struct MatchedEarlier<'a> {
    settings: &'a Settings,
    /// The lines of a txn_id stand together.
    by_id: FxHashMap<&'a str, &'a [Unsettled]>,
}

impl<'a> MatchedEarlier<'a> {
    /// What a state says of rows that wait, sorted.
    pub fn new(unsettled: &'a [Unsettled], settings: &'a Settings) -> MatchedEarlier<'a> {
        let by_id = unsettled.chunk_by(|a, b| a.txn_id == b.txn_id);
        MatchedEarlier {
            settings,
            by_id: by_id.map(|lines| (lines[0].txn_id.as_str(), lines)).collect(),
        }
    }

    /// Legs on which a row has matched, as indices, each with the close in which it did. A row that came after a match is
    /// another one of the same txn_id (R19): while they are in doubt neither matches.
    pub fn legs(&self, item: &OpenItem) -> impl Iterator<Item = (usize, Date)> {
        let lines = self.by_id.get(item.row.id.as_str()).copied().unwrap_or_default();
        let own = lines.iter().filter(|line| item.is_there_on(line.matched_on));
        own.filter_map(|line| Some((self.settings.leg_index(&line.leg)?, line.matched_on)))
    }

    /// The same legs as bits.
    pub fn leg_bits(&self, item: &OpenItem) -> u8 {
        self.legs(item).fold(0, |all, (leg, _)| all | 1 << leg)
    }
}

/// For each of the rows, in the order of sides and ids, whether no other of its side has its id.
fn alone_with_its_id(rows: &[ForwardRow]) -> Vec<bool> {
    let mut alone = Vec::with_capacity(rows.len());
    for same in rows.chunk_by(|a, b| (a.item.side, &a.item.row.id) == (b.item.side, &b.item.row.id)) {
        alone.extend(same.iter().map(|_| same.len() == 1));
    }
    alone
}

/// Refuses settings that leave open rows without the leg for which they wait: nothing could ever match them, and what has
/// matched of them would be owed to nobody.
fn legs_stand(items: &[OpenItem], settings: &Settings) -> Result<(), Stop> {
    let mut lost: BTreeMap<(&str, OpenSide, &str), Vec<&str>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.side != OpenSide::Bank) {
        if !OWN_LEGS.contains(&item.leg.as_str()) && !settings.leg_takes(&item.leg, &item.row.channel) {
            lost.entry((&item.leg, item.side, &item.row.channel))
                .or_default()
                .push(&item.row.id);
        }
    }
    let findings: Vec<Finding> = lost
        .into_iter()
        .map(|((leg, side, channel), ids)| {
            let rows = match (side, ids.len()) {
                (OpenSide::Channel, 1) => "1 bill row".to_owned(),
                (OpenSide::Channel, count) => format!("{count} bill rows"),
                (_, 1) => "1 row".to_owned(),
                (_, count) => format!("{count} rows"),
            };
            let gone = match settings.legs.iter().any(|known| known.name == leg) {
                true => "which no longer takes the channel",
                false => "which is no longer there",
            };
            Finding::about(
                "book.toml",
                format!(
                    "{rows} of channel `{channel}` ({}{}) {} for the leg `{leg}`, {gone}",
                    ids[0],
                    if ids.len() > 1 { ", …" } else { "" },
                    if ids.len() > 1 { "wait" } else { "waits" },
                ),
                "put the leg back as it was, in settle.when too, until nothing waits for it (`tieout status` shows what is open); items of opening/ name a leg of book.toml",
            )
        })
        .collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Stop {
            code: StopCode::Settings,
            findings,
        }),
    }
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
            duplicate_legs: row.duplicate_legs,
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
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::state::State;
    use crate::payouts::fixture::settings;

    /// Open items of one leg, as `opening/` would have them.
    fn items(leg: &str, side: &str) -> Vec<OpenItem> {
        let table = format!(
            "leg,side,first_seen,id,account,currency,amount_minor,direction,txn_type,value_date,channel\n\
             {leg},{side},2026-11-19,X1,RA1,CNY,100,C,PAYMENT,2026-11-19,ALI\n"
        );
        let read = |name: &str| (name == "open_items.csv").then(|| table.clone().into_bytes());
        State::from_files(&read, &settings(), "state").unwrap().open_items
    }

    #[test]
    fn rows_keep_the_legs_that_they_wait_for() {
        let mut settings = settings();
        assert_eq!(
            rows(&items("platform-bank", "platform"), &[], &settings).unwrap()[0].open_legs,
            1
        );
        let gone = rows(&items("platform-ali", "platform"), &[], &settings).unwrap_err();
        assert_eq!(gone.code, StopCode::Settings);
        assert!(gone.to_string().contains("which is no longer there"), "{gone}");
        assert!(rows(&items("platform-ali", "channel"), &[], &settings).is_err());
        assert!(rows(&items("wallet", "platform"), &[], &settings).is_ok());
        // An entry waits for whoever names it.
        assert!(rows(&items("ali-bank", "bank"), &[], &settings).is_ok());
        settings.legs[0].channels = Some(vec!["CARD".to_owned()]);
        let not_taken = rows(&items("platform-bank", "platform"), &[], &settings).unwrap_err();
        assert!(
            not_taken.to_string().contains("no longer takes the channel"),
            "{not_taken}"
        );
    }

    #[test]
    fn a_leg_that_is_new_is_one_that_open_rows_need() {
        let mut settings = settings();
        let mut bill = settings.legs[0].clone();
        bill.name = "platform-ali".to_owned();
        bill.kind = crate::book::settings::LegKind::PlatformChannel;
        settings.legs.push(bill);
        settings.settle_when.push("platform-ali".to_owned());
        let open = items("platform-bank", "platform");
        assert_eq!(rows(&open, &[], &settings).unwrap()[0].open_legs, 0b11);
        let legs_matched_on = |matched_on: Date| {
            let matched = Unsettled {
                txn_id: "X1".to_owned(),
                leg: "platform-ali".to_owned(),
                matched_on,
            };
            rows(&open, &[matched], &settings).unwrap()[0].open_legs
        };
        assert_eq!(legs_matched_on(open[0].first_seen), 0b01);
        // What matched before the row came was another of its id.
        assert_eq!(legs_matched_on(open[0].first_seen.plus_days(-1)), 0b11);
    }
}
