//! What does not fit into memory, aside on the disk: columns of entries, a piece an Arrow IPC stream.
//!
//! Columns are small by how they are laid, not by a codec: a text is what it adds to the one before, a key of digits
//! stays packed, numbers have the narrowest type that holds all of a piece, and few different ones are numbered.
//!
//! A piece is written once, found again by [`Piece`], and checked when it is read back: a disk that returns other bytes
//! than it was given stops the day. Nothing here outlives the process (see [`WorkFile`]).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, NullArray, RecordBatch, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::UInt8Type;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;

use crate::entries::block::{EntryBlock, Record};
use crate::entries::bytes::{Id, Window, append};
use crate::entries::key::{Key, PACKED_BYTES};
use crate::entries::meta::Meta;
use crate::findings::{Finding, Stop, StopCode};
use crate::host::WorkFile;
use crate::terms::digest::key_hash;

/// Where a piece lies.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    file: u32,
    at: u64,
    bytes: usize,
    hash: u64,
}

/// Pieces in some files: threads that write one file wait for each other, and use the processor meanwhile.
#[derive(Debug)]
pub struct Shelf {
    files: Vec<WorkFile>,
}

impl Shelf {
    /// On new files, one at least.
    pub fn new(files: Vec<WorkFile>) -> Shelf {
        assert!(!files.is_empty(), "a shelf has a file");
        Shelf { files }
    }

    /// Puts a batch down.
    ///
    /// # Errors
    /// What the system reports.
    pub fn put(&self, batch: &RecordBatch) -> Result<Piece, Stop> {
        // Where a piece lies reaches no output.
        let number = rayon::current_thread_index().unwrap_or(0) % self.files.len();
        let file = &self.files[number];
        let stream = written(batch).map_err(|error| broken(file, "write", &error))?;
        Ok(Piece {
            file: number as u32,
            at: file.append(&stream)?,
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
        let file = &self.files[piece.file as usize];
        file.read(&mut stream, piece.at)?;
        if key_hash(&stream) != piece.hash {
            return Err(Stop::new(
                StopCode::Io,
                Finding::about(
                    file.path().display().to_string(),
                    "the disk returned other bytes than were written",
                    "have the disk checked, then run the same command again; nothing was published",
                ),
            ));
        }
        // The columns stay where they were read to.
        let batch = StreamDecoder::new().decode(&mut Buffer::from_vec(stream));
        match batch.map_err(|error| broken(file, "read", &error))? {
            Some(batch) => Ok(batch),
            None => Err(Stop::invariant("a piece has no batch")),
        }
    }
}

fn broken(file: &WorkFile, what: &str, error: &ArrowError) -> Stop {
    Stop::io(file.path(), what, &std::io::Error::other(error.to_string()))
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

    /// Adds empty strings up to so many in all.
    fn fill(&mut self, rows: usize) {
        while self.shared.len() < rows {
            self.push(b"");
        }
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
    /// Every string begins with so many bytes of the first.
    alike: usize,
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
        // What each shares with the one before is no less than what all share.
        let alike = shared
            .iter()
            .skip(1)
            .copied()
            .min()
            .map_or(usize::MAX, usize::from);
        Ok(ReturnedTexts {
            alike: alike.min(starts.get(1).map_or(0, |end| *end as usize)),
            starts,
            bytes,
        })
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
        self.window(row).as_bytes()
    }

    /// A string within all of them.
    #[inline]
    pub fn window(&self, row: usize) -> Window<'_> {
        let start = self.starts[row] as usize;
        Window {
            bytes: &self.bytes,
            start,
            len: self.starts[row + 1] as usize - start,
        }
    }

    /// What all strings begin with, or less.
    pub fn beginning(&self) -> &[u8] {
        &self.bytes[..self.alike]
    }
}

/// Match keys under construction.
#[derive(Debug, Default)]
pub struct Keys {
    /// Mark of each packed key; 0 for the others.
    marks: Vec<u8>,
    /// Numbers of packed keys up to the last of them.
    packed: Vec<u8>,
    /// The others, up to the last of them.
    texts: Texts,
}

/// Columns of [`Keys`].
pub const KEY_COLUMNS: usize = 4;

impl Keys {
    /// Adds a key.
    #[inline]
    pub fn push(&mut self, key: Key<'_>) {
        let row = self.marks.len();
        match key.as_packed() {
            Some((mark, numbers)) => {
                self.marks.push(mark);
                self.packed.resize(row * PACKED_BYTES, 0);
                self.packed.extend_from_slice(numbers);
            }
            None => {
                self.marks.push(0);
                self.texts.fill(row);
                self.texts.push(key.text(&mut [0; 64]).as_bytes());
            }
        }
    }

    /// As Arrow columns: a kind of key that does not occur is null.
    ///
    /// # Errors
    /// Our own fault.
    pub fn finish(mut self) -> Result<[ArrayRef; KEY_COLUMNS], Stop> {
        let rows = self.marks.len();
        let none = || -> ArrayRef { Arc::new(NullArray::new(rows)) };
        let packed = if self.packed.is_empty() {
            none()
        } else {
            self.packed.resize(rows * PACKED_BYTES, 0);
            let packed =
                FixedSizeBinaryArray::try_new(PACKED_BYTES as i32, Buffer::from_vec(self.packed), None);
            Arc::new(packed.map_err(|error| Stop::invariant(format!("keys do not fit: {error}")))?)
        };
        let [shared, rests] = if self.texts.shared.is_empty() {
            [none(), none()]
        } else {
            self.texts.fill(rows);
            self.texts.finish()
        };
        Ok([Arc::new(UInt8Array::from(self.marks)), packed, shared, rests])
    }
}

/// Match keys that came back.
#[derive(Debug)]
pub struct ReturnedKeys {
    marks: UInt8Array,
    packed: Option<FixedSizeBinaryArray>,
    texts: Option<ReturnedTexts>,
}

impl ReturnedKeys {
    /// From the columns of a batch of which the first is given.
    ///
    /// # Errors
    /// Our own fault: columns of another kind.
    pub fn new(batch: &RecordBatch, at: usize) -> Result<ReturnedKeys, Stop> {
        let marks = column::<UInt8Array>(batch, at)?.clone();
        let packed = match column::<NullArray>(batch, at + 1) {
            Ok(_) => None,
            Err(_) => Some(column::<FixedSizeBinaryArray>(batch, at + 1)?.clone()),
        };
        let texts = match column::<NullArray>(batch, at + 2) {
            Ok(_) => None,
            Err(_) => Some(ReturnedTexts::new(batch, at + 2)?),
        };
        let kinds = [packed.is_some(), texts.is_some()];
        if marks.values().iter().any(|mark| !kinds[usize::from(*mark == 0)]) {
            return Err(Stop::invariant("a piece lacks a kind of key"));
        }
        Ok(ReturnedKeys { marks, packed, texts })
    }

    /// A key.
    #[inline]
    pub fn value(&self, row: usize) -> Key<'_> {
        let texts = || {
            self.texts
                .as_ref()
                .map_or(Key::NONE, |texts| Key::of(texts.value(row)))
        };
        match (self.marks.value(row), &self.packed) {
            (0, _) | (_, None) => texts(),
            (mark, Some(packed)) => Key::packed(packed.value_data(), row * PACKED_BYTES, mark),
        }
    }
}

/// Numbers of few kinds: each kind once, and a byte a number that says which. `None` where there are too many kinds.
fn numbered(values: &[u64]) -> Option<ArrayRef> {
    let mut kinds: Vec<u64> = Vec::new();
    let mut codes = Vec::with_capacity(values.len());
    // The kinds met last, by some of their bits.
    let mut recent = [None; 64];
    for value in values {
        let slot = &mut recent[(value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize];
        let code = match *slot {
            Some((kind, code)) if kind == *value => code,
            _ => {
                let known = kinds.iter().position(|kind| kind == value);
                let code = u8::try_from(known.unwrap_or(kinds.len())).ok()?;
                if known.is_none() {
                    kinds.push(*value);
                }
                *slot = Some((*value, code));
                code
            }
        };
        codes.push(code);
    }
    let codes = UInt8Array::from(codes);
    let coded = DictionaryArray::<UInt8Type>::try_new(codes, Arc::new(UInt64Array::from(kinds)));
    Some(Arc::new(coded.ok()?))
}

/// Columns that numbers are narrowed to, and the type of each, the narrowest first.
macro_rules! narrower {
    ($what:ident) => {
        $what! { UInt8Array u8, UInt16Array u16, UInt32Array u32 }
    };
}

/// Numbers as the narrowest column that holds them all.
pub fn narrow(values: Vec<u64>) -> ArrayRef {
    let most = values.iter().copied().max().unwrap_or(0);
    macro_rules! narrowed {
        ($($array:ident $number:ty),*) => {
            $(if most <= u64::from(<$number>::MAX) {
                return Arc::new($array::from_iter_values(values.iter().map(|value| *value as $number)));
            })*
        };
    }
    narrower!(narrowed);
    Arc::new(UInt64Array::from(values))
}

/// What [`narrow`] was given.
///
/// # Errors
/// Our own fault: a column of another type.
pub fn wide(batch: &RecordBatch, at: usize) -> Result<Vec<u64>, Stop> {
    if let Ok(coded) = column::<DictionaryArray<UInt8Type>>(batch, at) {
        let kinds = coded.values().as_any().downcast_ref::<UInt64Array>();
        let kinds = kinds.ok_or_else(|| Stop::invariant("a piece's column is of another type"))?;
        let codes = coded.keys().values().iter();
        return Ok(codes.map(|code| kinds.value(usize::from(*code))).collect());
    }
    macro_rules! widened {
        ($($array:ident $number:ty),*) => {
            $(if let Ok(narrow) = column::<$array>(batch, at) {
                return Ok(narrow.values().iter().map(|value| u64::from(*value)).collect());
            })*
        };
    }
    narrower!(widened);
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

/// How many entries ahead a record is asked for.
const ROWS_AHEAD: usize = 8;

/// Entries of several blocks, as columns: what is spilled of them.
#[derive(Debug, Default)]
pub struct Entries {
    id: Texts,
    key: Keys,
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
    pub const AMOUNT: usize = KEY + super::KEY_COLUMNS;
    pub const META: usize = AMOUNT + 1;
    pub const OWNER: usize = META + 1;
    pub const BLOCK: usize = OWNER + 1;
    pub const ORDINAL: usize = BLOCK + 1;
    /// Not there where nothing stands in it.
    pub const AUX: usize = ORDINAL + 1;
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

    /// Adds entries of a block, by position. `number` names the block.
    pub fn push_some(&mut self, number: u32, block: &EntryBlock, positions: &[u16]) {
        for (at, position) in positions.iter().enumerate() {
            if let Some(ahead) = positions.get(at + ROWS_AHEAD) {
                block.prefetch_record(usize::from(*ahead));
            }
            let position = usize::from(*position);
            self.push(number, block.ordinal(position), block.record(position));
            self.aux_minor.push(block.aux_minor(position).cast_unsigned());
        }
    }

    #[inline]
    fn push(&mut self, number: u32, ordinal: u32, record: Record<'_>) {
        self.id.push_id(record.id());
        self.key.push(record.key());
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
        let mut columns = self.id.finish().to_vec();
        columns.extend(self.key.finish()?);
        columns.extend([
            narrow(self.amount_minor),
            numbered(&self.meta).unwrap_or_else(|| narrow(self.meta)),
            narrow(self.owner),
            narrow(self.block),
            Arc::new(UInt16Array::from(self.ordinal)),
        ]);
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
    key: ReturnedKeys,
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
    pub key: Key<'a>,
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
            key: ReturnedKeys::new(batch, place::KEY)?,
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
    use crate::entries::key;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;

    #[test]
    fn entries_come_back_as_they_went() {
        let meta = Meta::bank(Direction::Debit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        let text = |row: u32| {
            (
                format!("E{row}"),
                match row % 5 {
                    0 => String::new(),
                    1 => format!("20260302{row:016}"),
                    2 => format!("UP20260302{row:012}"),
                    _ => format!("REF{row}"),
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
        let shelf = Shelf::new(vec![WorkFile::create(folder.path(), "entries").unwrap()]);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "it has no name"
        );
        let mut seen = Vec::new();
        for partition in 0..8 {
            let mut entries = Entries::default();
            for number in [4, 9] {
                let (positions, starts) = block.by_partition(3);
                let range = starts[partition] as usize..starts[partition + 1] as usize;
                entries.push_some(number, &block, &positions[range]);
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
                    assert_eq!((entry.id, entry.key.to_text()), (id.as_bytes(), key));
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
                prop_assert!(text.as_bytes().starts_with(returned.beginning()));
            }
        }

        #[test]
        fn keys_come_back_as_they_went(
            texts in vec(prop_oneof!["[0-9A-F]{16,32}", "UP[0-9]{16,28}", Just(String::new()), "[0-9a-z]{1,40}"], 0..20),
            kinds in 1usize..4,
        ) {
            // Packed keys alone, others alone, or both.
            let kind = |text: &str| 1 + usize::from(key::pack(text.as_bytes()).is_some());
            let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| kinds & kind(text) != 0).collect();
            let mut all = Keys::default();
            let mut room = Vec::new();
            for text in &texts {
                let packed = key::pack(text.as_bytes());
                room.clear();
                room.extend(packed.iter().flat_map(|packed| packed.bytes()));
                all.push(packed.map_or(Key::of(text.as_bytes()), |packed| Key::packed(&room, 0, packed.mark)));
            }
            let returned = ReturnedKeys::new(&batch(all.finish().unwrap().to_vec()).unwrap(), 0).unwrap();
            for (row, text) in texts.iter().enumerate() {
                prop_assert_eq!(returned.value(row).to_text(), *text);
            }
        }

        #[test]
        fn numbers_of_few_kinds_come_back(values in vec(0u64..400, 0..1500), most in 1u64..400) {
            let values: Vec<u64> = values.into_iter().map(|value| (value % most) << 40).collect();
            let kinds = values.iter().collect::<std::collections::BTreeSet<_>>().len();
            let column = numbered(&values);
            prop_assert_eq!(column.is_some(), kinds <= 256);
            if let Some(column) = column {
                prop_assert_eq!(wide(&batch(vec![column]).unwrap(), 0).unwrap(), values);
            }
        }

        #[test]
        fn numbers_come_back_as_they_went(
            most in prop_oneof![Just(1 << 8), Just(1 << 16), Just(1 << 32), Just(u64::MAX)],
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
        let shelf = Shelf::new(vec![WorkFile::create(folder.path(), "entries").unwrap()]);
        let piece = shelf.put(&Entries::default().finish().unwrap()).unwrap();
        let other = Piece {
            hash: piece.hash ^ 1,
            ..piece
        };
        assert!(shelf.get(other).unwrap_err().to_string().contains("other bytes"));
    }
}
