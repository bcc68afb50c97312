//! What does not fit into memory, aside on the disk: columns of entries, a piece an Arrow IPC stream.
//!
//! Columns are small by how they are laid, not by a codec: a text is what it adds to the one before, numbers have the
//! narrowest type that holds all of a piece.
//!
//! A piece is written once, found again by [`Piece`], and checked when it is read back: a disk that returns other bytes
//! than it was given stops the day. Nothing here outlives the process (see [`WorkFile`]).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, RecordBatch, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;

use crate::entries::block::{EntryBlock, Record, Slot};
use crate::entries::bytes::{Id, append};
use crate::entries::meta::Meta;
use crate::findings::{Finding, Stop, StopCode};
use crate::host::WorkFile;
use crate::terms::digest::key_hash;

/// Where a piece lies in its file.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    at: u64,
    bytes: usize,
    hash: u64,
}

/// Pieces in one file.
#[derive(Debug)]
pub struct Shelf {
    file: WorkFile,
}

impl Shelf {
    /// On a new file.
    pub fn new(file: WorkFile) -> Shelf {
        Shelf { file }
    }

    /// Puts a batch down.
    ///
    /// # Errors
    /// What the system reports.
    pub fn put(&self, batch: &RecordBatch) -> Result<Piece, Stop> {
        let stream = written(batch).map_err(|error| self.broken("write", &error))?;
        Ok(Piece {
            at: self.file.append(&stream)?,
            bytes: stream.len(),
            hash: key_hash(&stream),
        })
    }

    /// Gets a batch back.
    ///
    /// # Errors
    /// What the system reports; 74 when the bytes are not those that were written.
    pub fn get(&self, piece: Piece) -> Result<RecordBatch, Stop> {
        let mut stream = vec![0u8; piece.bytes];
        self.file.read(&mut stream, piece.at)?;
        if key_hash(&stream) != piece.hash {
            return Err(Stop::new(
                StopCode::Io,
                Finding::about(
                    self.file.path().display().to_string(),
                    "the disk returned other bytes than were written",
                    "have the disk checked, then run the same command again; nothing was published",
                ),
            ));
        }
        // The columns stay where they were read to.
        let batch = StreamDecoder::new().decode(&mut Buffer::from_vec(stream));
        match batch.map_err(|error| self.broken("read", &error))? {
            Some(batch) => Ok(batch),
            None => Err(Stop::invariant("a piece has no batch")),
        }
    }

    fn broken(&self, what: &str, error: &ArrowError) -> Stop {
        Stop::io(self.file.path(), what, &std::io::Error::other(error.to_string()))
    }
}

fn written(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let room = batch.get_array_memory_size() + 4096;
    let mut writer = StreamWriter::try_new(Vec::with_capacity(room), batch.schema_ref())?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Byte strings under construction, each as what it adds to the one before.
#[derive(Debug, Default)]
pub struct Texts {
    /// Bytes that each shares with the one before.
    shared: Vec<u8>,
    /// Ends of the rests.
    ends: Vec<i32>,
    rests: Vec<u8>,
    last: Vec<u8>,
    /// An id under construction.
    id: Vec<u8>,
}

impl Texts {
    /// Adds a string.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        let shared = shared_bytes(&self.last, text).min(usize::from(u8::MAX));
        self.shared.push(shared as u8);
        self.rests.extend_from_slice(&text[shared..]);
        let end = i32::try_from(self.rests.len()).unwrap_or(i32::MAX);
        assert!(end < i32::MAX, "a piece's texts stay below 2 GiB");
        self.ends.push(end);
        self.last.clear();
        append(&mut self.last, text);
    }

    /// Adds an id.
    #[inline]
    pub fn push_id(&mut self, id: Id<'_>) {
        let (beginning, rest) = id.pieces();
        let mut text = std::mem::take(&mut self.id);
        text.clear();
        append(&mut text, beginning);
        append(&mut text, rest);
        self.push(&text);
        self.id = text;
    }

    /// As two Arrow columns.
    pub fn finish(self) -> [ArrayRef; 2] {
        let mut offsets = self.ends;
        offsets.insert(0, 0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let rests = BinaryArray::new(offsets, Buffer::from_vec(self.rests), None);
        [Arc::new(UInt8Array::from(self.shared)), Arc::new(rests)]
    }
}

/// How many bytes two texts begin with alike.
#[inline]
fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    let (words, others) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    for (at, (word, other)) in words.iter().zip(others).enumerate() {
        let different = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if different != 0 {
            return at * 8 + (different.trailing_zeros() / 8) as usize;
        }
    }
    let from = words.len().min(others.len()) * 8;
    let rest = a[from..].iter().zip(&b[from..]);
    from + rest.take_while(|(a, b)| a == b).count()
}

/// Byte strings that came back.
#[derive(Debug)]
pub struct ReturnedTexts {
    /// Where each begins, and the end of the last.
    starts: Vec<u32>,
    bytes: Vec<u8>,
}

impl ReturnedTexts {
    /// From the two columns of a batch of which the first is given.
    ///
    /// # Errors
    /// Our own fault: columns of another kind.
    pub fn new(batch: &RecordBatch, at: usize) -> Result<ReturnedTexts, Stop> {
        let shared = column::<UInt8Array>(batch, at)?.values();
        let rests = column::<BinaryArray>(batch, at + 1)?;
        let all: usize = shared.iter().map(|shared| usize::from(*shared)).sum();
        let mut bytes = Vec::with_capacity(all + rests.value_data().len());
        let mut starts = Vec::with_capacity(shared.len() + 1);
        let mut last = 0;
        for (shared, rest) in shared.iter().zip(rests.value_offsets().windows(2)) {
            let start = bytes.len();
            let shared = last..last + usize::from(*shared);
            if shared.end > start {
                return Err(Stop::invariant("a text of a piece shares more than there is"));
            }
            starts.push(start as u32);
            bytes.extend_from_within(shared);
            bytes.extend_from_slice(&rests.value_data()[rest[0] as usize..rest[1] as usize]);
            last = start;
        }
        if u32::try_from(bytes.len()).is_err() {
            return Err(Stop::invariant("the texts of a piece are too long"));
        }
        starts.push(bytes.len() as u32);
        Ok(ReturnedTexts { starts, bytes })
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A string.
    #[inline]
    pub fn value(&self, row: usize) -> &[u8] {
        &self.bytes[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// Numbers as the narrowest column that holds them all.
pub fn narrow(values: Vec<u64>) -> ArrayRef {
    let most = values.iter().copied().max().unwrap_or(0);
    if most <= u64::from(u16::MAX) {
        return Arc::new(UInt16Array::from_iter_values(
            values.iter().map(|value| *value as u16),
        ));
    }
    if most <= u64::from(u32::MAX) {
        return Arc::new(UInt32Array::from_iter_values(
            values.iter().map(|value| *value as u32),
        ));
    }
    Arc::new(UInt64Array::from(values))
}

/// What [`narrow`] was given.
///
/// # Errors
/// Our own fault: a column of another type.
pub fn wide(batch: &RecordBatch, at: usize) -> Result<Vec<u64>, Stop> {
    if let Ok(narrow) = column::<UInt16Array>(batch, at) {
        return Ok(narrow.values().iter().map(|value| u64::from(*value)).collect());
    }
    if let Ok(narrow) = column::<UInt32Array>(batch, at) {
        return Ok(narrow.values().iter().map(|value| u64::from(*value)).collect());
    }
    Ok(column::<UInt64Array>(batch, at)?.values().to_vec())
}

/// A batch of columns as long as one another. A piece's columns are known by their places and have no names.
///
/// # Errors
/// Our own fault: columns of different lengths.
pub fn batch(columns: Vec<ArrayRef>) -> Result<RecordBatch, Stop> {
    RecordBatch::try_from_iter(columns.into_iter().map(|column| ("", column)))
        .map_err(|error| Stop::invariant(format!("a piece's columns do not fit: {error}")))
}

/// A column of a piece, by its type.
///
/// # Errors
/// Our own fault: another type.
pub fn column<T: 'static>(batch: &RecordBatch, at: usize) -> Result<&T, Stop> {
    let column = batch
        .columns()
        .get(at)
        .and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| Stop::invariant("a piece's column is of another type"))
}

/// Entries of several blocks, as columns: what is spilled of them.
#[derive(Debug, Default)]
pub struct Entries {
    id: Texts,
    key: Texts,
    amount_minor: Vec<u64>,
    meta: Vec<u64>,
    owner: Vec<u64>,
    block: Vec<u64>,
    ordinal: Vec<u16>,
    aux_minor: Vec<u64>,
}

/// Places of the columns of a piece of entries.
mod place {
    pub const ID: usize = 0;
    pub const KEY: usize = 2;
    pub const AMOUNT: usize = 4;
    pub const META: usize = 5;
    pub const OWNER: usize = 6;
    pub const BLOCK: usize = 7;
    pub const ORDINAL: usize = 8;
    /// Not there where nothing stands in it.
    pub const AUX: usize = 9;
}

impl Entries {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.block.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// Adds the entries of a block's partition in the order of their positions. `number` names the block; `slots` is
    /// memory to work in.
    pub fn push_partition(
        &mut self,
        number: u32,
        block: &EntryBlock,
        (partition, bits): (usize, u32),
        slots: &mut Vec<Slot>,
    ) {
        slots.clear();
        slots.extend_from_slice(block.partition(partition, bits));
        slots.extend(block.keyless(partition, bits));
        slots.sort_unstable_by_key(|slot| slot.position());
        for slot in slots.iter() {
            let position = slot.position();
            self.push(number, block.ordinal(position), block.record(position));
            self.aux_minor.push(block.aux_minor(position).cast_unsigned());
        }
    }

    #[inline]
    fn push(&mut self, number: u32, ordinal: u32, record: Record<'_>) {
        self.id.push_id(record.id());
        self.key.push(record.key().text(&mut [0; 64]).as_bytes());
        self.amount_minor.push(record.amount_minor().cast_unsigned());
        self.meta.push(record.meta().0);
        self.owner.push(u64::from(record.owner()));
        self.block.push(u64::from(number));
        self.ordinal.push(ordinal as u16);
    }

    /// As a batch.
    ///
    /// # Errors
    /// Our own fault.
    pub fn finish(self) -> Result<RecordBatch, Stop> {
        let ([id_shared, id], [key_shared, key]) = (self.id.finish(), self.key.finish());
        let mut columns = vec![
            id_shared,
            id,
            key_shared,
            key,
            narrow(self.amount_minor),
            narrow(self.meta),
            narrow(self.owner),
            narrow(self.block),
            Arc::new(UInt16Array::from(self.ordinal)),
        ];
        if self.aux_minor.iter().any(|minor| *minor != 0) {
            columns.push(narrow(self.aux_minor));
        }
        batch(columns)
    }
}

/// Which rows came back, and their ids.
#[derive(Debug)]
pub struct ReturnedIds {
    /// txn_id or entry_id.
    pub id: ReturnedTexts,
    /// Number of the block of each.
    block: Vec<u64>,
    ordinal: UInt16Array,
}

impl ReturnedIds {
    /// From a piece of entries.
    ///
    /// # Errors
    /// Our own fault: a batch of another kind.
    pub fn new(batch: &RecordBatch) -> Result<ReturnedIds, Stop> {
        Ok(ReturnedIds {
            id: ReturnedTexts::new(batch, place::ID)?,
            block: wide(batch, place::BLOCK)?,
            ordinal: column::<UInt16Array>(batch, place::ORDINAL)?.clone(),
        })
    }

    /// Number of the block, and of the row in it.
    #[inline]
    pub fn place(&self, row: usize) -> (u32, u32) {
        (self.block[row] as u32, u32::from(self.ordinal.value(row)))
    }
}

/// Entries that came back.
#[derive(Debug)]
pub struct Returned {
    ids: ReturnedIds,
    key: ReturnedTexts,
    amount_minor: Vec<u64>,
    meta: Vec<u64>,
    owner: Vec<u64>,
    /// Empty where nothing stands in it.
    aux_minor: Vec<u64>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct ReturnedEntry<'a> {
    /// txn_id or entry_id.
    pub id: &'a [u8],
    /// Match key.
    pub key: &'a [u8],
    /// Minor units.
    pub amount_minor: i64,
    /// Small fields.
    pub meta: Meta,
    /// Merchant code or account index.
    pub owner: u32,
    /// Number of its row in its input block.
    pub ordinal: u32,
    /// The channel's fee, minor units.
    pub aux_minor: i64,
}

impl Returned {
    /// From a piece of entries.
    ///
    /// # Errors
    /// Our own fault: a batch of another kind.
    pub fn new(batch: &RecordBatch) -> Result<Returned, Stop> {
        Ok(Returned {
            ids: ReturnedIds::new(batch)?,
            key: ReturnedTexts::new(batch, place::KEY)?,
            amount_minor: wide(batch, place::AMOUNT)?,
            meta: wide(batch, place::META)?,
            owner: wide(batch, place::OWNER)?,
            aux_minor: match batch.num_columns() > place::AUX {
                true => wide(batch, place::AUX)?,
                false => Vec::new(),
            },
        })
    }

    /// Blocks that entries come from: the number of each, and its rows here.
    pub fn stretches(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> + '_ {
        let mut from = 0;
        self.ids.block.chunk_by(|a, b| a == b).map(move |run| {
            let rows = from..from + run.len();
            from = rows.end;
            (run[0] as u32, rows)
        })
    }

    /// An entry.
    #[inline]
    pub fn entry(&self, row: usize) -> ReturnedEntry<'_> {
        ReturnedEntry {
            id: self.ids.id.value(row),
            key: self.key.value(row),
            amount_minor: self.amount_minor[row].cast_signed(),
            meta: Meta(self.meta[row]),
            owner: self.owner[row] as u32,
            ordinal: u32::from(self.ids.ordinal.value(row)),
            aux_minor: self.aux_minor.get(row).map_or(0, |minor| minor.cast_signed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;

    #[test]
    fn entries_come_back_as_they_went() {
        let meta = Meta::bank(Direction::Debit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        let text = |row: u32| {
            (
                format!("E{row}"),
                if row.is_multiple_of(5) {
                    String::new()
                } else {
                    format!("REF{row}")
                },
            )
        };
        for row in 0..3000u32 {
            let (id, key) = text(row);
            builder.push(
                key.as_bytes(),
                id.as_bytes(),
                i64::from(row) << (row % 40),
                meta,
                row % 7,
                row,
            );
            builder.aux_minor(i64::from(row) - 1500);
        }
        let block = builder.finish();
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(WorkFile::create(folder.path(), "entries").unwrap());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "it has no name"
        );
        let mut seen = Vec::new();
        for partition in 0..8 {
            let mut entries = Entries::default();
            for number in [4, 9] {
                entries.push_partition(number, &block, (partition, 3), &mut Vec::new());
            }
            let piece = shelf.put(&entries.finish().unwrap()).unwrap();
            let batch = shelf.get(piece).unwrap();
            let returned = Returned::new(&batch).unwrap();
            assert_eq!(
                returned.stretches().map(|(number, _)| number).collect::<Vec<_>>(),
                [4, 9]
            );
            for (number, rows) in returned.stretches() {
                let mut before = None;
                for row in rows {
                    let entry = returned.entry(row);
                    assert!(before < Some(entry.ordinal), "in the order of the file");
                    before = Some(entry.ordinal);
                    let (id, key) = text(entry.ordinal);
                    assert_eq!((entry.id, entry.key), (id.as_bytes(), key.as_bytes()));
                    assert_eq!(
                        entry.amount_minor,
                        i64::from(entry.ordinal) << (entry.ordinal % 40)
                    );
                    assert_eq!((entry.meta, entry.owner), (meta, entry.ordinal % 7));
                    assert_eq!(entry.aux_minor, i64::from(entry.ordinal) - 1500);
                    seen.push((number, entry.ordinal));
                }
            }
            let ids = ReturnedIds::new(&batch).unwrap();
            for (number, rows) in returned.stretches() {
                for row in rows {
                    assert_eq!(ids.place(row), (number, returned.entry(row).ordinal));
                    assert_eq!(ids.id.value(row), returned.entry(row).id);
                }
            }
        }
        seen.sort_unstable();
        let expected: Vec<_> = [4, 9]
            .into_iter()
            .flat_map(|n| (0..3000).map(move |row| (n, row)))
            .collect();
        assert_eq!(seen, expected);
    }

    proptest! {
        #[test]
        fn texts_come_back_as_they_went(
            texts in vec(prop_oneof!["[ab]{0,20}", "a{250,260}b?", Just(String::new()), "[0-9a-f]{8,40}"], 0..40),
        ) {
            let mut all = Texts::default();
            for (at, text) in texts.iter().enumerate() {
                let (beginning, rest) = text.as_bytes().split_at(text.len() / 2);
                match at % 2 {
                    0 => all.push(text.as_bytes()),
                    _ => all.push_id(Id::new(beginning, rest)),
                }
            }
            let returned = ReturnedTexts::new(&batch(all.finish().to_vec()).unwrap(), 0).unwrap();
            prop_assert_eq!(returned.len(), texts.len());
            for (at, text) in texts.iter().enumerate() {
                prop_assert_eq!(returned.value(at), text.as_bytes());
            }
        }

        #[test]
        fn numbers_come_back_as_they_went(
            most in prop_oneof![Just(1 << 16), Just(1 << 32), Just(u64::MAX)],
            values in vec(any::<u64>(), 0..20),
        ) {
            let values: Vec<u64> = values.into_iter().map(|value| value % most).collect();
            let column = narrow(values.clone());
            prop_assert_eq!(wide(&batch(vec![column]).unwrap(), 0).unwrap(), values);
        }
    }

    #[test]
    fn other_bytes_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(WorkFile::create(folder.path(), "entries").unwrap());
        let piece = shelf.put(&Entries::default().finish().unwrap()).unwrap();
        let other = Piece {
            hash: piece.hash ^ 1,
            ..piece
        };
        assert!(shelf.get(other).unwrap_err().to_string().contains("other bytes"));
    }
}
