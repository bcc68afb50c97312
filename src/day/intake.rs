//! Takes typed rows as the readers yield them, and lays them into blocks, a side and leg each.
//!
//! Here a row meets the book: its merchant, its channel's legs, the business day's bounds, the payouts that wait for
//! their debit. What no leg needs (wallet rows, purpose entries, payout entries, entries of own accounts) stays in
//! the block for its id, and is listed beside it.

use std::sync::RwLock;

use rustc_hash::FxHashSet;

use crate::book::merchants::{MerchantCode, Merchants};
use crate::book::settings::{AccountKind, LegKind, Settings};
use crate::day::adjust::requests::Adjustment;
use crate::day::places::Places;
use crate::day::spill::aside::{Outlines, Spill};
use crate::entries::block::{
    BLOCK_ROWS_MAX, BlockBuilder, EntryBlock, RECORD_BYTES_MAX, TEXT_BYTES_MAX, entry_bytes_max,
};
use crate::entries::bytes::BytesColumn;
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::entries::rows::{
    AdjustmentRow, BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink,
};
use crate::ingest::canonical::values::shown;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::id_table::IdTable;
use crate::terms::kinds::{Funding, Purpose, Status, TxnType};

/// Separates channel and channel_ref in the key of a channel leg; it stands in no text (control characters are
/// refused in ids).
const KEY_SEPARATOR: u8 = 0x1f;

/// The reference that a leg of this kind shows: its key, without the channel in front of a channel_ref.
#[inline]
pub fn shown_reference(kind: LegKind, key: Key<'_>) -> Key<'_> {
    match kind {
        LegKind::PlatformChannel => key.behind(KEY_SEPARATOR),
        LegKind::PlatformBank | LegKind::ChannelBank => key,
    }
}

/// Place, currency and amount of a row that is refused.
type Refused = (Place, Currency, i64);

/// What is the same for every block of a close.
pub struct IntakeContext<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// The day being closed.
    pub business_date: Date,
    /// First moment of the business day and of the next (R29).
    pub day: (Instant, Instant),
    /// Ends of the netting windows.
    pub window_ends: Vec<Instant>,
    /// Ids of payouts that wait for their debit or are remembered (R13).
    pub payout_ids: FxHashSet<Vec<u8>>,
    /// True when some fee plan returns fees on refund (R16).
    pub fees_return: bool,
    /// Channel names by code.
    pub channels: ChannelCodes,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Legs that end at the bank, as bits.
    pub ends_at_bank: u8,
    /// The leg of bank entries with a batch_ref, where the book compares channels with the bank (R26).
    pub batch_leg: Option<usize>,
    /// Takes blocks when memory runs out, where the day has a bound.
    pub spill: Option<&'a Spill>,
}

/// Channel names as small numbers, given out in the order in which rows arrive. The numbers reach no output.
#[derive(Debug, Default)]
pub struct ChannelCodes {
    names: RwLock<Vec<Vec<u8>>>,
}

impl ChannelCodes {
    /// The code of a name, given out now if it is new; `None` beyond 65,535 names.
    pub fn code(&self, name: &[u8]) -> Option<u16> {
        let find = |names: &Vec<Vec<u8>>| names.iter().position(|known| known == name);
        if let Some(code) = self.names.read().ok().as_deref().and_then(find) {
            return u16::try_from(code).ok();
        }
        let mut names = self.names.write().ok()?;
        let code = match find(&names) {
            Some(code) => code,
            None => {
                names.push(name.to_vec());
                names.len() - 1
            }
        };
        u16::try_from(code).ok()
    }

    /// All names, by code.
    pub fn names(&self) -> Vec<String> {
        let names = self.names.read().map(|names| names.clone()).unwrap_or_default();
        names
            .into_iter()
            .map(|name| String::from_utf8_lossy(&name).into_owned())
            .collect()
    }
}

/// Texts that few rows need, by ordinal.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Ordinals, ascending.
    pub ordinals: Vec<u32>,
    /// customer_id (platform) or original_ref (bank).
    pub party: BytesColumn,
    /// counterparty_id (platform).
    pub counterparty: BytesColumn,
    /// original_txn_id (platform).
    pub original: BytesColumn,
    /// txn_time (platform).
    pub time: Vec<Instant>,
}

impl Extras {
    /// The row of extras of an ordinal.
    pub fn find(&self, ordinal: u32) -> Option<usize> {
        self.ordinals.binary_search(&ordinal).ok()
    }
}

/// A bank entry that the platform↔bank leg does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideEntry {
    /// Ordinal in the block.
    pub ordinal: u32,
    /// Why.
    pub kind: SideKind,
}

/// Why an entry stands aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SideKind {
    /// Booked to own money (R14).
    Purpose(Purpose),
    /// Belongs to an issued payout, whose id this is (R13).
    Payout(String),
    /// An entry of an own or receivable account that is no payout (R28).
    OtherAccount,
}

/// Counts and sums of one direction or type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Minor units.
    pub minor: i128,
}

impl Sum {
    /// Adds one row.
    pub fn add(&mut self, minor: i64) {
        self.rows += 1;
        self.minor += i128::from(minor);
    }
}

/// Sums of the accepted rows of a block by currency: credits, debits, and rows that move nothing at the bank.
pub type CurrencySums = Vec<(Currency, [Sum; 3])>;

/// Everything that was read from one stretch of one file, or from several that follow on each other.
#[derive(Debug, Default)]
pub struct InputBlock {
    /// Index of the file among those delivered.
    pub file: u32,
    /// Order within the file: the number of the first stretch.
    pub sequence: u32,
    /// Places by ordinal.
    pub places: Places,
    /// Platform side of every leg; the channel's rows on a leg between channel and bank.
    pub left: Vec<EntryBlock>,
    /// Other side of every leg. Entries with a batch_ref lie on the first leg between channel and bank, and without a key on
    /// the platform↔bank leg, which holds every entry.
    pub right: Vec<EntryBlock>,
    /// Texts that few rows need.
    pub extras: Extras,
    /// Entries that stand aside.
    pub side: Vec<SideEntry>,
    /// Refused rows.
    pub rejects: Vec<Reject>,
    /// Statement balances.
    pub balances: Vec<BalanceRow>,
    /// Adjustments by people.
    pub adjustments: Vec<Adjustment>,
    /// Sums of accepted rows.
    pub sums: CurrencySums,
    /// Sums of accepted bank entries by account index: credits, debits.
    pub accounts: Vec<(u16, [Sum; 2])>,
    /// Accepted rows whose time is outside the business day (R29).
    pub outside_day: u64,
    /// Accepted rows of a bill whose day is another, and the first and last of these days.
    pub bill_of_other_days: Option<OtherDays>,
    /// Entries that move no money by their own status (R45).
    pub not_booked: u64,
    /// Set when the entries and the offsets of the places lie aside.
    pub spilled: Option<Outlines>,
}

/// A day as text: `2026-11-20`.
pub type DayText = [u8; 10];

/// Rows of a bill that are of other days than the business day (R29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherDays {
    /// How many.
    pub rows: u64,
    /// The first of their days.
    pub first: DayText,
    /// The last.
    pub last: DayText,
}

impl OtherDays {
    /// These rows and others.
    pub fn with(self, others: OtherDays) -> OtherDays {
        OtherDays {
            rows: self.rows + others.rows,
            first: self.first.min(others.first),
            last: self.last.max(others.last),
        }
    }
}

impl InputBlock {
    /// Memory that its entries and places hold, in bytes.
    pub fn held_bytes(&self) -> usize {
        let entries = self.left.iter().chain(&self.right).map(EntryBlock::held_bytes);
        entries.sum::<usize>() + self.places.held_bytes()
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

struct Channel {
    code: u16,
    required: u8,
    applies: u8,
}

/// What the book has against a platform row.
#[derive(Clone, Copy)]
enum Against {
    /// No leg takes its channel to the bank (R41).
    Channel,
    /// It settles, and its merchant is not known (R18).
    Merchant,
    /// Its merchant settles in this currency (R25).
    Currency(Currency),
    /// It has no leg and is not of the day (R29).
    Time,
}

/// Takes the rows of one file, or of one stretch of it, and cuts them into blocks.
pub struct Intake<'a> {
    context: &'a IntakeContext<'a>,
    channels: Vec<Channel>,
    channel_places: IdTable,
    /// Merchants by their number in the row group being read.
    merchants: Vec<Option<MerchantCode>>,
    left: Vec<BlockBuilder>,
    right: Vec<BlockBuilder>,
    key: Vec<u8>,
    current: InputBlock,
    rows: u32,
    /// No leg's entries since the last cut take more bytes.
    entry_bytes: usize,
    done: Vec<InputBlock>,
    file: u32,
    sequence: u32,
    forward: Option<Forward>,
    /// The calendar days that the business day touches.
    days: [DayText; 2],
}

/// The days that the business day touches: with a cut-off behind midnight it ends on the next.
fn days_of(context: &IntakeContext<'_>) -> [DayText; 2] {
    let begins = context.business_date;
    let goes_on = context.settings.institution.cut_off_minutes > 0;
    [begins, begins.plus_days(i32::from(goes_on))].map(|day| {
        let mut text = DayText::default();
        for (to, from) in text.iter_mut().zip(day.to_string().bytes()) {
            *to = from;
        }
        text
    })
}

/// How a row brought forward differs from one of today.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// The close that received it.
    pub first_seen: Date,
    /// Legs on which it had company of its side and direction (R5), as bits.
    pub duplicate_legs: u8,
    /// Legs on which it is open, as bits.
    pub open_legs: u8,
}

/// The file number of rows brought forward.
pub const FORWARD_FILE: u32 = u32::MAX;

impl<'a> Intake<'a> {
    /// An intake for file number `file`, whose blocks are numbered from `sequence`.
    pub fn new(context: &'a IntakeContext<'a>, file: u32, sequence: u32) -> Intake<'a> {
        let legs = context.settings.legs.len();
        let builders = || std::iter::repeat_with(BlockBuilder::default).take(legs).collect();
        Intake {
            context,
            channels: Vec::new(),
            channel_places: IdTable::default(),
            merchants: Vec::new(),
            left: builders(),
            right: builders(),
            key: Vec::new(),
            current: InputBlock {
                file,
                sequence,
                ..InputBlock::default()
            },
            rows: 0,
            entry_bytes: 0,
            done: Vec::new(),
            file,
            sequence,
            forward: None,
            days: days_of(context),
        }
    }

    /// Says how the rows that follow are brought forward.
    pub fn forward(&mut self, forward: Forward) {
        assert_eq!(
            self.file, FORWARD_FILE,
            "rows brought forward are an input of their own"
        );
        self.forward = Some(forward);
    }

    /// Starts on another stretch of a file; what was taken so far stays.
    pub fn restart(&mut self, file: u32, sequence: u32) {
        self.cut();
        self.merchants.clear();
        self.file = file;
        self.sequence = sequence;
        self.current.file = file;
        self.current.sequence = sequence;
    }

    /// Goes on with another stretch of a file; one that follows on the last stays in its block.
    pub fn go_on(&mut self, file: u32, sequence: u32) {
        if (file, sequence) == (self.file, self.sequence.wrapping_add(1)) && self.rows > 0 {
            self.sequence = sequence;
        } else {
            self.restart(file, sequence);
        }
    }

    /// The blocks taken so far; the intake is empty afterwards.
    pub fn finish(&mut self) -> Vec<InputBlock> {
        self.cut();
        std::mem::take(&mut self.done)
    }

    /// Forgets what was taken of a file, which is read again. Blocks of it that lie aside stay there and are looked at by nobody,
    /// as those of a file that was delivered before.
    pub fn forget(&mut self, file: u32) {
        self.cut();
        let is_its = |block: &InputBlock| block.file == file;
        if let Some(spill) = self.context.spill {
            spill.forgot(self.done.iter().filter(|block| is_its(block)));
        }
        self.done.retain(|block| !is_its(block));
    }

    fn cut(&mut self) {
        let mut block = std::mem::take(&mut self.current);
        self.current.file = self.file;
        self.current.sequence = self.sequence;
        let nothing = self.rows == 0
            && block.rejects.is_empty()
            && block.balances.is_empty()
            && block.adjustments.is_empty()
            && block.not_booked == 0;
        if nothing {
            return;
        }
        block.left = self.left.iter_mut().map(BlockBuilder::finish).collect();
        block.right = self.right.iter_mut().map(BlockBuilder::finish).collect();
        self.rows = 0;
        self.entry_bytes = 0;
        self.done.push(block);
        if let Some(spill) = self.context.spill.filter(|_| self.file != FORWARD_FILE) {
            spill.took(&mut self.done);
        }
    }

    /// The ordinal of a row at `place`, in a block with room for it. No leg holds more than `text_bytes` of its texts.
    #[inline(always)]
    fn begin_row(&mut self, place: Place, text_bytes: usize) -> u32 {
        let bytes = self.entry_bytes + entry_bytes_max(text_bytes);
        if self.rows as usize == BLOCK_ROWS_MAX
            || bytes >= RECORD_BYTES_MAX
            || !self.current.places.fits(place)
        {
            self.cut();
        }
        if self.rows == 0 {
            self.current.places.reserve(BLOCK_ROWS_MAX);
        }
        self.entry_bytes += entry_bytes_max(text_bytes);
        self.current.places.push(place);
        self.rows += 1;
        self.rows - 1
    }

    /// Adds an entry to a side of a leg, with its first close where it is brought forward.
    #[allow(clippy::too_many_arguments)]
    fn push(
        &mut self,
        side: Side,
        leg: usize,
        key: &[u8],
        id: &[u8],
        minor: i64,
        meta: Meta,
        owner: u32,
        ordinal: u32,
    ) {
        let builder = match side {
            Side::Left => &mut self.left[leg],
            Side::Right => &mut self.right[leg],
        };
        match self.forward {
            None => builder.push(key, id, minor, meta, owner, ordinal),
            Some(forward) => {
                builder.push(
                    key,
                    id,
                    minor,
                    meta.brought_forward(forward.duplicate_legs >> leg & 1 == 1),
                    owner,
                    ordinal,
                );
                builder.first_seen(forward.first_seen);
            }
        }
    }

    #[inline(always)]
    fn add_sum(&mut self, currency: Currency, kind: usize, minor: i64) {
        // Most blocks have one currency.
        match self.current.sums.first_mut() {
            Some((known, sums)) if *known == currency => sums[kind].add(minor),
            _ => self.add_sum_elsewhere(currency, kind, minor),
        }
    }

    #[inline(never)]
    fn add_sum_elsewhere(&mut self, currency: Currency, kind: usize, minor: i64) {
        let sums = &mut self.current.sums;
        let at = match sums.iter().position(|(known, _)| *known == currency) {
            Some(at) => at,
            None => {
                sums.push((currency, [Sum::default(); 3]));
                sums.len() - 1
            }
        };
        sums[at].1[kind].add(minor);
    }

    /// The merchant of a row; looked up once a row group where the file numbers its merchants.
    #[inline(always)]
    fn merchant(&mut self, row: &PlatformRow<'_>) -> MerchantCode {
        let Some(repeated) = row.merchant_repeated.map(|number| number as usize) else {
            return self.context.merchants.code(row.merchant_id);
        };
        if repeated >= self.merchants.len() {
            self.merchants.resize(repeated + 1, None);
        }
        *self.merchants[repeated].get_or_insert_with(|| self.context.merchants.code(row.merchant_id))
    }

    /// Place of a channel in `channels`, looked up once per name and intake.
    #[inline(always)]
    fn channel_at(&mut self, name: &[u8]) -> Option<usize> {
        match self.channel_places.get(name) {
            Some(at) => Some(at as usize),
            None => self.new_channel(name),
        }
    }

    #[cold]
    fn new_channel(&mut self, name: &[u8]) -> Option<usize> {
        let code = self.context.channels.code(name)?;
        let text = String::from_utf8_lossy(name);
        let settings = self.context.settings;
        let mut applies = 0;
        for (index, leg) in settings.legs.iter().enumerate() {
            if leg
                .channels
                .as_ref()
                .is_none_or(|names| names.iter().any(|known| *known == text))
            {
                applies |= 1 << index;
            }
        }
        let required = settings.required_legs(&text);
        let at = self.channels.len();
        self.channel_places.insert(name, at as u32);
        self.channels.push(Channel {
            code,
            required,
            applies,
        });
        Some(at)
    }

    /// Refuses a row one of whose ids or references is too long to be one; false when all are well.
    #[cold]
    fn refuses_long(&mut self, row: Refused, texts: &[(&str, &[u8])]) -> bool {
        let Some((field, text)) = texts.iter().find(|(_, text)| text.len() > TEXT_BYTES_MAX) else {
            return false;
        };
        self.refuse(row, field, text, format!("at most {TEXT_BYTES_MAX} bytes"));
        true
    }

    #[cold]
    fn refuse(&mut self, row: Refused, field: &str, found: &[u8], expected: impl Into<String>) {
        let (place, currency, minor) = row;
        self.current.rejects.push(Reject {
            line: place.line,
            column: 0,
            field: field.to_owned(),
            found: shown(found),
            expected: expected.into(),
            amount: Some((currency, minor)),
        });
    }

    /// What the book has against a platform row, if anything.
    #[inline(always)]
    fn against(&self, row: &PlatformRow<'_>, required: u8, code: MerchantCode) -> Option<Against> {
        let legless = is_legless(row);
        if !legless && required & self.context.ends_at_bank == 0 {
            return Some(Against::Channel);
        }
        if row.status != Status::Success {
            return None;
        }
        if row.txn_type.is_merchant() {
            if code == MerchantCode::NONE {
                return Some(Against::Merchant);
            }
            let currency = self.context.merchants.currency(code);
            if let Some(currency) = currency.filter(|currency| *currency != row.currency) {
                return Some(Against::Currency(currency));
            }
        }
        (legless && !self.within_day(row.txn_time)).then_some(Against::Time)
    }

    /// Refuses a platform row in words.
    #[cold]
    fn refuse_platform(&mut self, row: &PlatformRow<'_>, against: Against) {
        let refused = (row.place, row.currency, row.amount_minor);
        match against {
            Against::Channel => self.refuse(
                refused,
                "channel",
                row.channel,
                "a channel whose rows a leg of settle.when takes to the bank (R41)",
            ),
            Against::Merchant => self.refuse(
                refused,
                "merchant_id",
                row.merchant_id,
                "a merchant of the merchant master, since the row settles (R18)",
            ),
            Against::Currency(currency) => self.refuse(
                refused,
                "currency",
                row.currency.code().as_bytes(),
                format!("{currency}, the merchant's settlement currency: exchange is not built yet (R25)"),
            ),
            Against::Time => {
                // The text is gone; the instant is what was judged.
                let found = jiff::Timestamp::from_millisecond(row.txn_time.0)
                    .map_or_else(|_| String::new(), |time| time.to_string());
                self.refuse(
                    refused,
                    "txn_time",
                    found.as_bytes(),
                    "a time within the business day: the row has no leg that would catch a second delivery (R29)",
                );
            }
        }
    }

    fn within_day(&self, time: Instant) -> bool {
        self.context.day.0 <= time && time < self.context.day.1
    }

    /// A batch_ref where it is a key.
    fn batch_ref<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        if self.context.batch_leg.is_some() {
            text
        } else {
            b""
        }
    }

    /// The key of a channel leg, in the buffer that the caller gives back.
    fn channel_key(&mut self, channel: &[u8], channel_ref: &[u8]) -> Vec<u8> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        if !channel_ref.is_empty() {
            key.extend_from_slice(channel);
            key.push(KEY_SEPARATOR);
            key.extend_from_slice(channel_ref);
        }
        key
    }

    #[inline]
    fn window(&self, time: Instant) -> u8 {
        if self.context.window_ends.len() < 2 || !self.within_day(time) {
            // R39: rows of other days count in the first window.
            return 0;
        }
        let at = self.context.window_ends.partition_point(|end| *end <= time);
        at.min(self.context.window_ends.len().saturating_sub(1)) as u8
    }
}

/// False when none of the texts is longer than [`TEXT_BYTES_MAX`], a power of two.
#[inline(always)]
fn may_be_long<const N: usize>(texts: [&[u8]; N]) -> bool {
    texts.iter().fold(0, |all, text| all | text.len()) >= TEXT_BYTES_MAX
}

/// True for rows that settle without a leg (R21).
#[inline(always)]
fn is_legless(row: &PlatformRow<'_>) -> bool {
    row.txn_type == TxnType::Transfer || row.funding == Funding::Balance
}

impl RowSink for Intake<'_> {
    /// Remarks are read again where a pass looks into them.
    #[inline(always)]
    fn reads_free_text(&self) -> bool {
        false
    }

    #[inline]
    fn expect_merchant(&self, merchant_id: &[u8]) {
        self.context.merchants.prefetch(merchant_id);
    }

    #[inline(always)]
    fn platform(&mut self, row: &PlatformRow<'_>) {
        let moves_wallet = row.txn_type.is_wallet() || row.funding == Funding::Balance;
        // Whose wallet it is, where a wallet moves.
        let (customer_id, counterparty_id) = if moves_wallet {
            (row.customer_id, row.counterparty_id)
        } else {
            (&b""[..], &b""[..])
        };
        let texts = [
            row.txn_id,
            row.bank_ref,
            row.channel_ref,
            row.channel,
            customer_id,
            counterparty_id,
            row.original_txn_id,
        ];
        if may_be_long(texts)
            && self.refuses_long(
                (row.place, row.currency, row.amount_minor),
                &[
                    ("txn_id", row.txn_id),
                    ("bank_ref", row.bank_ref),
                    ("channel_ref", row.channel_ref),
                    ("channel", row.channel),
                    ("customer_id", customer_id),
                    ("counterparty_id", counterparty_id),
                    ("original_txn_id", row.original_txn_id),
                ],
            )
        {
            return;
        }
        let Some(at) = self.channel_at(row.channel) else {
            return self.refuse(
                (row.place, row.currency, row.amount_minor),
                "channel",
                row.channel,
                "at most 65,535 different channels in a day",
            );
        };
        let Channel {
            code,
            required,
            applies,
            ..
        } = self.channels[at];
        let merchant = self.merchant(row);
        // A row brought forward was accepted by its own close.
        if self.forward.is_none()
            && let Some(against) = self.against(row, required, merchant)
        {
            // A copy, so that the row of the usual case need not lie in memory.
            return self.refuse_platform(&PlatformRow { ..*row }, against);
        }
        let text_bytes = row.txn_id.len()
            + row
                .bank_ref
                .len()
                .max(row.channel.len() + row.channel_ref.len() + 1);
        let ordinal = self.begin_row(row.place, text_bytes);
        let legless = is_legless(row);
        let mut meta = Meta::typed(row.txn_type, row.status, row.currency, code)
            .with_window(self.window(row.txn_time))
            .with_funding(row.funding);
        let needs_extras = moves_wallet
            || (self.context.fees_return
                && row.txn_type == TxnType::Refund
                && !row.original_txn_id.is_empty());
        if needs_extras {
            meta = meta.with_extras();
            let extras = &mut self.current.extras;
            extras.ordinals.push(ordinal);
            extras.party.push(customer_id);
            extras.counterparty.push(counterparty_id);
            extras.original.push(row.original_txn_id);
            extras.time.push(row.txn_time);
        }
        for (index, leg) in self.context.settings.legs.iter().enumerate() {
            let open = self
                .forward
                .is_none_or(|forward| forward.open_legs & (1 << index) != 0);
            let takes_part = !legless && open && applies & (1 << index) != 0;
            match leg.kind {
                LegKind::PlatformBank => {
                    let (key, meta) = if takes_part {
                        (row.bank_ref, meta)
                    } else {
                        (&b""[..], meta.without_leg())
                    };
                    self.push(
                        Side::Left,
                        index,
                        key,
                        row.txn_id,
                        row.amount_minor,
                        meta,
                        merchant.0,
                        ordinal,
                    );
                }
                LegKind::PlatformChannel if takes_part => {
                    let key = self.channel_key(row.channel, row.channel_ref);
                    self.push(
                        Side::Left,
                        index,
                        &key,
                        row.txn_id,
                        row.amount_minor,
                        meta,
                        merchant.0,
                        ordinal,
                    );
                    self.key = key;
                }
                LegKind::PlatformChannel | LegKind::ChannelBank => {}
            }
        }
        if !self.within_day(row.txn_time) {
            self.current.outside_day += 1;
        }
        let kind = if legless {
            2
        } else {
            row.txn_type.direction().map_or(2, |d| d as usize)
        };
        self.add_sum(row.currency, kind, row.amount_minor);
    }

    #[inline(always)]
    fn bank(&mut self, row: &BankRow<'_>) {
        if may_be_long([row.entry_id, row.bank_ref, row.original_ref, row.batch_ref])
            && self.refuses_long(
                (row.place, row.currency, row.amount_minor),
                &[
                    ("entry_id", row.entry_id),
                    ("bank_ref", row.bank_ref),
                    ("original_ref", row.original_ref),
                    ("batch_ref", self.batch_ref(row.batch_ref)),
                ],
            )
        {
            return;
        }
        let text_bytes = row.bank_ref.len().max(row.batch_ref.len());
        let ordinal = self.begin_row(row.place, row.entry_id.len() + text_bytes);
        let account = &self.context.settings.accounts[usize::from(row.account)];
        let ids = &self.context.payout_ids;
        let named = |text: &[u8]| !text.is_empty() && ids.contains(text);
        let side = if row.purpose != Purpose::None && account.kind == AccountKind::Reserve {
            Some(SideKind::Purpose(row.purpose))
        } else if !ids.is_empty() && (named(row.bank_ref) || named(row.original_ref)) {
            let reference = if named(row.bank_ref) {
                row.bank_ref
            } else {
                row.original_ref
            };
            Some(SideKind::Payout(String::from_utf8_lossy(reference).into_owned()))
        } else if account.kind != AccountKind::Reserve {
            Some(SideKind::OtherAccount)
        } else {
            None
        };
        let mut meta = Meta::bank(row.direction, row.currency)
            .with_value_date(row.value_date, self.context.business_date);
        if !row.original_ref.is_empty() {
            meta = meta.with_extras();
            let extras = &mut self.current.extras;
            extras.ordinals.push(ordinal);
            extras.party.push(row.original_ref);
            extras.counterparty.push(b"");
            extras.original.push(b"");
            extras.time.push(Instant(0));
        }
        let owner = u32::from(row.account);
        let batch_leg = self
            .context
            .batch_leg
            .filter(|_| side.is_none() && !row.batch_ref.is_empty());
        if let Some(leg) = batch_leg {
            self.push(
                Side::Right,
                leg,
                row.batch_ref,
                row.entry_id,
                row.amount_minor,
                meta,
                owner,
                ordinal,
            );
        }
        let stands_aside = side.is_some() || batch_leg.is_some();
        let key = if stands_aside { b"" } else { row.bank_ref };
        let meta = if stands_aside { meta.without_leg() } else { meta };
        let leg = self.context.bank_leg;
        self.push(
            Side::Right,
            leg,
            key,
            row.entry_id,
            row.amount_minor,
            meta,
            owner,
            ordinal,
        );
        if let Some(kind) = side {
            self.current.side.push(SideEntry { ordinal, kind });
        }
        let accounts = &mut self.current.accounts;
        for account in accounts.len()..=usize::from(row.account) {
            accounts.push((account as u16, [Sum::default(); 2]));
        }
        accounts[usize::from(row.account)].1[row.direction as usize].add(row.amount_minor);
        self.add_sum(row.currency, row.direction as usize, row.amount_minor);
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        if self.refuses_long(
            (row.place, row.currency, row.amount_minor),
            &[
                ("channel_ref", row.channel_ref),
                ("channel", row.channel),
                ("batch_ref", self.batch_ref(row.batch_ref)),
            ],
        ) {
            return;
        }
        let Some(at) = self.channel_at(row.channel) else {
            return self.refuse(
                (row.place, row.currency, row.amount_minor),
                "channel",
                row.channel,
                "at most 65,535 different channels in a day",
            );
        };
        let applies = self.channels[at].applies;
        let legs = &self.context.settings.legs;
        let leg_of = |kind| (0..legs.len()).find(|i| legs[*i].kind == kind && applies & (1 << i) != 0);
        let batch_leg = leg_of(LegKind::ChannelBank);
        let Some(leg) = leg_of(LegKind::PlatformChannel) else {
            return self.refuse(
                (row.place, row.currency, row.amount_minor),
                "channel",
                row.channel,
                "a channel that a platform-channel leg takes",
            );
        };
        let text_bytes = (row.channel.len() + row.channel_ref.len() + 1).max(row.batch_ref.len());
        let ordinal = self.begin_row(row.place, text_bytes + row.channel_ref.len());
        let meta = Meta::typed(row.txn_type, row.status, row.currency, self.channels[at].code)
            .with_value_date(row.settle_date, self.context.business_date);
        let is_open = |leg: usize| {
            self.forward
                .is_none_or(|forward| forward.open_legs & (1 << leg) != 0)
        };
        // A row that waits for the bank only stays in the block for its id.
        let (is_open_on_the_bill, batch_leg) = (is_open(leg), batch_leg.filter(|leg| is_open(*leg)));
        let key = self.channel_key(row.channel, row.channel_ref);
        let (bill_key, bill_meta) = match is_open_on_the_bill || batch_leg.is_none() {
            true => (key.as_slice(), meta),
            false => (&b""[..], meta.without_leg()),
        };
        self.push(
            Side::Right,
            leg,
            bill_key,
            row.channel_ref,
            row.amount_minor,
            bill_meta,
            0,
            ordinal,
        );
        self.key = key;
        self.right[leg].aux_minor(row.fee_minor);
        if let Some(leg) = batch_leg {
            self.push(
                Side::Left,
                leg,
                row.batch_ref,
                row.channel_ref,
                row.amount_minor,
                meta,
                0,
                ordinal,
            );
            self.left[leg].aux_minor(row.fee_minor);
        }
        if let Some(day) = row.txn_time.first_chunk()
            && !self.days.contains(day)
        {
            let one = OtherDays {
                rows: 1,
                first: *day,
                last: *day,
            };
            let others = &mut self.current.bill_of_other_days;
            *others = Some(others.map_or(one, |others| others.with(one)));
        }
        self.add_sum(
            row.currency,
            row.txn_type.direction().map_or(2, |d| d as usize),
            row.amount_minor,
        );
    }

    fn balance(&mut self, row: &BalanceRow) {
        self.current.balances.push(*row);
    }

    fn adjustment(&mut self, row: &AdjustmentRow<'_>) {
        self.current.adjustments.push(Adjustment::of(row));
    }

    fn reject(&mut self, reject: Reject) {
        self.current.rejects.push(reject);
    }

    fn not_booked(&mut self, _place: Place) {
        self.current.not_booked += 1;
    }
}
