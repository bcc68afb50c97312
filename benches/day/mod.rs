//! A generated day for the benchmarks of the stages: a book with its files, and blocks that look like its rows.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use tempfile::TempDir;
use tieout::book::Book;
use tieout::demo::{GenerateFormat, GenerateOptions, generate};
use tieout::entries::block::{BlockBuilder, EntryBlock};
use tieout::entries::meta::Meta;
use tieout::matching::exact::{Context, Scratch, Slice, match_partition};
use tieout::matching::group::{Pair, Rules};
use tieout::netting::Participants;
use tieout::settling::{self, ChannelInfo};
use tieout::terms::currency::Currency;
use tieout::terms::date::Date;
use tieout::terms::kinds::{Direction, Status, TxnType};

/// Rows of a block, as many as a full one has.
const BLOCK_ROWS: usize = tieout::entries::block::BLOCK_ROWS_MAX;

pub fn date() -> Date {
    Date::parse(b"2026-11-20").unwrap()
}

/// A book of one generated day; it lives as long as its folder.
pub fn book(rows: u64) -> (TempDir, Book) {
    book_of(rows, GenerateFormat::Csv)
}

/// The same with the rows in a format.
pub fn book_of(rows: u64, format: GenerateFormat) -> (TempDir, Book) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("book");
    let mut options = GenerateOptions::new(&root, date(), rows);
    options.format = format;
    generate(&options).unwrap();
    let book = Book::open(&root).unwrap();
    (folder, book)
}

/// What an entry of the synthetic day looks like.
pub struct Row {
    pub key: String,
    pub id: String,
    pub amount_minor: i64,
    pub owner: u32,
}

/// `rows` rows of a side in a fixed order; both sides have the same keys and amounts.
pub fn rows(rows: usize, prefix: char, owners: u32) -> Vec<Row> {
    let mut state = 7u64;
    (0..rows)
        .map(|row| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            Row {
                key: format!(
                    "2026112000{:014x}",
                    (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8
                ),
                id: format!("{prefix}20261120{row:016}"),
                amount_minor: (state >> 40) as i64 % 100_000 + 1,
                owner: (state >> 33) as u32 % owners,
            }
        })
        .collect()
}

pub fn cny() -> Currency {
    Currency::parse(b"CNY").unwrap()
}

pub fn platform_meta() -> Meta {
    Meta::typed(TxnType::Payment, Status::Success, cny(), 0)
}

pub fn bank_meta() -> Meta {
    Meta::bank(Direction::Credit, cny()).with_value_date(date(), date())
}

pub fn blocks(rows: &[Row], meta: Meta) -> Vec<EntryBlock> {
    let mut builder = BlockBuilder::default();
    rows.chunks(BLOCK_ROWS)
        .map(|chunk| {
            for (ordinal, row) in (0u32..).zip(chunk) {
                builder.push(
                    row.key.as_bytes(),
                    row.id.as_bytes(),
                    row.amount_minor,
                    meta,
                    row.owner,
                    ordinal,
                );
            }
            builder.finish()
        })
        .collect()
}

/// Pairs of all partitions, in their order.
pub fn pairs(left: &[EntryBlock], right: &[EntryBlock], bits: u32) -> Vec<Pair> {
    let context = Context {
        rules: Rules {
            business_date: date(),
            duplicates: tieout::book::settings::DuplicatePolicy::Pair,
        },
        left_excluded: None,
        right_excluded: None,
        right_ranks: None,
        fee_agrees: None,
    };
    let mut scratch = Scratch::default();
    (0..1usize << bits)
        .flat_map(|partition| {
            match_partition(
                &Slice::partition(left, partition, bits),
                &Slice::partition(right, partition, bits),
                &context,
                &mut scratch,
            )
            .pairs
        })
        .collect()
}

/// A settling context of one channel without a participant, one currency and one pool.
pub fn settling<'a>(book: &'a Book, fees: &'a tieout::fees::FeeTable) -> settling::Context<'a> {
    let participants = Participants::new(&book.settings, &book.merchants);
    let channel = ChannelInfo {
        name: "CARD".to_owned(),
        required: 1,
        participant: participants.of_channel(b"CARD"),
    };
    settling::Context {
        merchants: &book.merchants,
        fees,
        channels: vec![channel],
        currencies: vec![cny()],
        accounts: book.settings.accounts.len(),
        pools: vec!["default".to_owned()],
        merchant_pools: Vec::new(),
        customer_pool: 0,
        participants,
        has_participants: false,
    }
}
