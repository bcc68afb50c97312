use super::*;
use crate::entries::key;
use crate::terms::currency::Currency;
use crate::terms::digest::key_hash;
use crate::terms::kinds::Direction;

#[test]
fn every_partitioning_is_a_regrouping_of_the_same_rows() {
    let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
    let mut builder = BlockBuilder::default();
    for row in 0u32..5000 {
        let key = if row % 7 == 0 {
            String::new()
        } else {
            format!("REF{}", row / 2)
        };
        builder.push(
            key.as_bytes(),
            format!("E{row}").as_bytes(),
            i64::from(row) + 1,
            meta,
            row % 3,
            row,
        );
    }
    let block = builder.finish();
    for bits in [0, 1, 5, 12] {
        let mut rows = Vec::new();
        for partition in 0..1usize << bits {
            for slot in block
                .partition(partition, bits)
                .iter()
                .copied()
                .chain(block.keyless(partition, bits))
            {
                let position = slot.position();
                let ordinal = block.ordinal(position);
                assert_eq!(block.id(position), format!("E{ordinal}").as_bytes().into());
                assert_eq!(block.amount_minor(position), i64::from(ordinal) + 1);
                let key = &block.key(position).to_vec();
                let id = block.id(position).to_vec();
                let hash = key_hash(if key.is_empty() { &id } else { key });
                assert_eq!((hash.checked_shr(64 - bits).unwrap_or(0)) as usize, partition);
                rows.push(ordinal);
            }
        }
        let (positions, starts) = block.by_partition(bits);
        for partition in 0..1usize << bits {
            let slots = block.partition(partition, bits).iter().copied();
            let mut known: Vec<u16> = slots
                .chain(block.keyless(partition, bits))
                .map(|slot| slot.position() as u16)
                .collect();
            known.sort_unstable();
            let range = starts[partition] as usize..starts[partition + 1] as usize;
            assert_eq!(known, positions[range], "in the order of the file");
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..5000).collect::<Vec<_>>());
    }
    assert_eq!(block.to_batch().unwrap().num_rows(), 5000);
}

use proptest::prelude::*;

proptest! {
    #[test]
    fn entries_come_back_as_they_went(
        entries in prop::collection::vec(
            (
                prop_oneof![
                    8 => "20260302[0-9]{16}",
                    4 => "UP20260302[0-9]{8}",
                    2 => Just(String::new()),
                    1 => "[0-9a-z]{1,40}",
                    1 => "[0-9A-F]{14,34}",
                ],
                prop_oneof![20 => "T20260302[0-9]{6}", 1 => "[A-Z]{0,3}[0-9]{0,9}"],
                prop_oneof![40 => 1i64..100_000, 1 => Just(i64::MAX)],
                0u32..5,
            ),
            1..60,
        ),
        plain in any::<bool>(),
    ) {
        // Without the odd ones all records have one size, and no list says where they begin.
        let keep = |entry: &&(String, String, i64, u32)| {
            !plain || (key::pack(entry.0.as_bytes()).is_some() && entry.1.len() == 15 && entry.2 < i64::MAX)
        };
        let entries: Vec<&(String, String, i64, u32)> = entries.iter().filter(keep).collect();
        let meta = |owner: u32| match owner % 2 {
            0 => Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap()),
            _ => Meta::bank(Direction::Debit, Currency::parse(b"EUR").unwrap()),
        };
        let mut builder = BlockBuilder::default();
        for (ordinal, (key, id, minor, owner)) in (0u32..).zip(&entries) {
            builder.push(key.as_bytes(), id.as_bytes(), *minor, meta(*owner), *owner, ordinal);
        }
        let block = builder.finish();
        prop_assert_eq!(block.len(), entries.len());
        prop_assert!(!plain || entries.is_empty() || matches!(block.begins, Begins::Every(_)));
        for (position, (key, id, minor, owner)) in entries.iter().enumerate() {
            let record = block.record(position);
            prop_assert_eq!(record.key().to_text(), key.as_str());
            prop_assert_eq!(record.id().to_text(), id.as_str());
            prop_assert_eq!((record.amount_minor(), record.owner()), (*minor, *owner));
            prop_assert_eq!(record.meta(), meta(*owner));
        }
        let ids = block.clone().into_ids();
        for (position, (_, id, ..)) in entries.iter().enumerate() {
            prop_assert_eq!(ids.id(position).to_text(), id.as_str());
            prop_assert_eq!(ids.ordinal(position), position as u32);
            let (_, rest) = ids.window(position);
            prop_assert!(rest.bytes.len() >= rest.start + 64, "room for a look at a whole short text");
        }
        for bits in [0, 4, BUCKET_BITS] {
            let mut seen = 0;
            for partition in 0..1usize << bits {
                for (place, slot) in block.places_of(partition, bits).zip(block.partition(partition, bits)) {
                    let record = block.view().record(block.begin(place));
                    prop_assert_eq!(record.id(), block.id(slot.position()));
                    prop_assert_eq!(record.hash().checked_shr(64 - bits).unwrap_or(0) as usize, partition);
                    seen += 1;
                }
                seen += block.keyless(partition, bits).count();
            }
            prop_assert_eq!(seen, entries.len());
        }
    }
}

#[test]
fn without_its_index_a_block_knows_its_rows_and_the_first_partition() {
    let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
    let mut builder = BlockBuilder::default();
    for row in 0u32..5000 {
        let key = if row % 7 == 0 {
            String::new()
        } else {
            format!("REF{row}")
        };
        builder.push(
            key.as_bytes(),
            format!("E{row}").as_bytes(),
            i64::from(row),
            meta,
            0,
            row,
        );
    }
    let whole = builder.finish();
    for bits in [0, 1, 5, 12] {
        let mut block = whole.clone();
        let held = block.held_bytes();
        block.forget_index(bits);
        for position in 0..5000 {
            assert_eq!(block.id(position), whole.id(position));
            assert_eq!(block.key(position), whole.key(position));
        }
        for bits in bits..=BUCKET_BITS {
            assert_eq!(block.partition(0, bits), whole.partition(0, bits));
            assert!(block.keyless(0, bits).eq(whole.keyless(0, bits)));
        }
        assert_eq!(bits > 0, block.held_bytes() + 8000 < held);
    }
}

#[test]
fn where_a_few_records_are_long_a_list_says_where_each_begins() {
    let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
    let block = |long: u32| {
        let mut builder = BlockBuilder::default();
        for row in 0..100u32 {
            let key = match row < long {
                true => format!("a reference of a bank that writes in words {row:020}"),
                false => format!("20260302{row:016}"),
            };
            builder.push(key.as_bytes(), format!("T{row:05}").as_bytes(), 1, meta, 0, row);
        }
        builder.finish()
    };
    assert!(matches!(block(0).begins, Begins::Every(_)));
    assert!(matches!(block(1).begins, Begins::At(_)));
    assert!(matches!(block(100).begins, Begins::Every(_)), "all are");
}
