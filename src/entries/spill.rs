//! What does not fit into memory, aside on the disk: columns of entries, a piece an Arrow IPC stream that is compressed
//! whole (LZ4, one block: the frames that Arrow puts around each column cost more than the compression).
//!
//! A piece is written once, found again by [`Piece`], and checked when it is read back: a disk that returns other bytes
//! than it was given stops the day. Nothing here outlives the process (see [`WorkFile`]).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
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
        let stream = lz4_flex::block::compress_prepend_size(&stream);
        Ok(Piece {
            at: self.file.append(&stream)?,
            bytes: stream.len(),
            hash: key_hash(&stream),
        })
    }

    /// Gets a batch back; of its columns those in `columns`, all unless given.
    ///
    /// # Errors
    /// What the system reports; 74 when the bytes are not those that were written.
    pub fn get(&self, piece: Piece, columns: Option<&[usize]>) -> Result<RecordBatch, Stop> {
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
        let stream = lz4_flex::block::decompress_size_prepended(&stream)
            .map_err(|error| Stop::invariant(format!("a piece does not unpack: {error}")))?;
        let mut reader = StreamReader::try_new(stream.as_slice(), columns.map(<[usize]>::to_vec))
            .map_err(|error| self.broken("read", &error))?;
        match reader.next() {
            Some(batch) => batch.map_err(|error| self.broken("read", &error)),
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

/// Byte strings under construction.
#[derive(Debug)]
pub struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Texts {
    /// Adds a string.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        append(&mut self.bytes, text);
        let end = i32::try_from(self.bytes.len()).unwrap_or(i32::MAX);
        assert!(end < i32::MAX, "a piece's texts stay below 2 GiB");
        self.offsets.push(end);
    }

    /// Adds an id.
    #[inline]
    pub fn push_id(&mut self, id: Id<'_>) {
        let (beginning, rest) = id.pieces();
        append(&mut self.bytes, beginning);
        self.push(rest);
    }

    /// Bytes of all strings.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// As an Arrow column.
    pub fn finish(self) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(BinaryArray::new(offsets, Buffer::from_vec(self.bytes), None))
    }
}

/// A schema of columns without nulls.
pub fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), false);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// A batch of columns as long as one another.
///
/// # Errors
/// Our own fault: columns of another type or length than the schema says.
pub fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Stop> {
    RecordBatch::try_new(Arc::clone(schema), columns)
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
    amount_minor: Vec<i64>,
    meta: Vec<u64>,
    owner: Vec<u32>,
    block: Vec<u32>,
    ordinal: Vec<u16>,
}

impl Entries {
    /// Schema of a piece.
    pub fn schema() -> SchemaRef {
        schema(&[
            ("id", DataType::Binary),
            ("key", DataType::Binary),
            ("amount_minor", DataType::Int64),
            ("meta", DataType::UInt64),
            ("owner", DataType::UInt32),
            ("block", DataType::UInt32),
            ("ordinal", DataType::UInt16),
        ])
    }

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
            self.push(number, block.ordinal(slot.position()), block.record_at(*slot));
        }
    }

    #[inline]
    fn push(&mut self, number: u32, ordinal: u32, record: Record<'_>) {
        self.id.push_id(record.id());
        self.key.push(record.key());
        self.amount_minor.push(record.amount_minor());
        self.meta.push(record.meta().0);
        self.owner.push(record.owner());
        self.block.push(number);
        self.ordinal.push(ordinal as u16);
    }

    /// As a batch of `schema`.
    ///
    /// # Errors
    /// Never for the schema of [`Entries::schema`].
    pub fn finish(self, schema: &SchemaRef) -> Result<RecordBatch, Stop> {
        batch(
            schema,
            vec![
                self.id.finish(),
                self.key.finish(),
                Arc::new(Int64Array::from(self.amount_minor)),
                Arc::new(UInt64Array::from(self.meta)),
                Arc::new(UInt32Array::from(self.owner)),
                Arc::new(UInt32Array::from(self.block)),
                Arc::new(UInt16Array::from(self.ordinal)),
            ],
        )
    }
}

/// Columns of a piece that say which rows have which ids: `id`, `block`, `ordinal`.
pub const ID_COLUMNS: [usize; 3] = [0, 5, 6];

/// Entries that came back.
#[derive(Debug)]
pub struct Returned {
    id: BinaryArray,
    key: BinaryArray,
    amount_minor: Int64Array,
    meta: UInt64Array,
    owner: UInt32Array,
    block: UInt32Array,
    ordinal: UInt16Array,
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
}

impl Returned {
    /// From a batch of all columns.
    ///
    /// # Errors
    /// Our own fault: a batch of another kind.
    pub fn new(batch: &RecordBatch) -> Result<Returned, Stop> {
        Ok(Returned {
            id: column::<BinaryArray>(batch, 0)?.clone(),
            key: column::<BinaryArray>(batch, 1)?.clone(),
            amount_minor: column::<Int64Array>(batch, 2)?.clone(),
            meta: column::<UInt64Array>(batch, 3)?.clone(),
            owner: column::<UInt32Array>(batch, 4)?.clone(),
            block: column::<UInt32Array>(batch, 5)?.clone(),
            ordinal: column::<UInt16Array>(batch, 6)?.clone(),
        })
    }

    /// Blocks that entries come from: the number of each, and its rows here.
    pub fn stretches(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> + '_ {
        let mut from = 0;
        self.block.values().chunk_by(|a, b| a == b).map(move |run| {
            let rows = from..from + run.len();
            from = rows.end;
            (run[0], rows)
        })
    }

    /// An entry.
    #[inline]
    pub fn entry(&self, row: usize) -> ReturnedEntry<'_> {
        ReturnedEntry {
            id: self.id.value(row),
            key: self.key.value(row),
            amount_minor: self.amount_minor.value(row),
            meta: Meta(self.meta.value(row)),
            owner: self.owner.value(row),
            ordinal: u32::from(self.ordinal.value(row)),
        }
    }
}

#[cfg(test)]
mod tests {
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
            let piece = shelf.put(&entries.finish(&Entries::schema()).unwrap()).unwrap();
            let batch = shelf.get(piece, None).unwrap();
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
                    seen.push((number, entry.ordinal));
                }
            }
            let ids = shelf.get(piece, Some(&ID_COLUMNS)).unwrap();
            assert_eq!((ids.num_columns(), ids.num_rows()), (3, batch.num_rows()));
        }
        seen.sort_unstable();
        let expected: Vec<_> = [4, 9]
            .into_iter()
            .flat_map(|n| (0..3000).map(move |row| (n, row)))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn other_bytes_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(WorkFile::create(folder.path(), "entries").unwrap());
        let piece = shelf
            .put(&Entries::default().finish(&Entries::schema()).unwrap())
            .unwrap();
        let other = Piece {
            hash: piece.hash ^ 1,
            ..piece
        };
        assert!(
            shelf
                .get(other, None)
                .unwrap_err()
                .to_string()
                .contains("other bytes")
        );
    }
}
