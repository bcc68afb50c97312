//! What does not fit into memory, aside on the disk: a piece is a record batch as an Arrow IPC stream.
//!
//! No codec makes pieces smaller: what goes aside is small by how it lies in memory ([`crate::entries::block::shard`]), and
//! coming back costs a copy. A piece is written once, found again by [`Piece`], and checked when it is read back: a disk that
//! returns other bytes than it was given stops the day. Nothing here outlives the process (see [`WorkFile`]).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, ListArray, PrimitiveArray, RecordBatch, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, Field};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;

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

/// Lists of values under construction: a column of lists of numbers, or of texts.
#[derive(Debug)]
pub struct Lists<T> {
    /// Of all lists, end to end.
    pub values: Vec<T>,
    ends: Vec<i32>,
}

impl<T> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists::with_capacity(0, 0)
    }
}

impl<T> Lists<T> {
    /// None yet, with room for so many, of so many values in all.
    pub fn with_capacity(lists: usize, values: usize) -> Lists<T> {
        let mut ends = Vec::with_capacity(lists + 1);
        ends.push(0);
        Lists {
            values: Vec::with_capacity(values),
            ends,
        }
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a list.
    pub fn push(&mut self, values: impl IntoIterator<Item = T>) {
        self.values.extend(values);
        self.end();
    }

    /// Ends a list whose values were added to [`Lists::values`].
    pub fn end(&mut self) {
        let end = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        assert!(end < i32::MAX, "the values of a piece stay below 2 GiB");
        self.ends.push(end);
    }

    /// As lists of numbers.
    pub fn finish<A: ArrowPrimitiveType<Native = T>>(self) -> ArrayRef
    where
        T: ArrowNativeType,
    {
        let field = Arc::new(Field::new("", A::DATA_TYPE, false));
        let values = PrimitiveArray::<A>::new(ScalarBuffer::<T>::from(self.values), None);
        let offsets = OffsetBuffer::new(ScalarBuffer::<i32>::from(self.ends));
        Arc::new(ListArray::new(field, offsets, Arc::new(values), None))
    }
}

impl Lists<u8> {
    /// As texts.
    pub fn texts(self) -> BinaryArray {
        let offsets = OffsetBuffer::new(ScalarBuffer::<i32>::from(self.ends));
        BinaryArray::new(offsets, Buffer::from_vec(self.values), None)
    }
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "it has no name"
        );
        let numbers = batch(vec![narrow(vec![1, 2, 300])]).unwrap();
        let piece = shelf.put(&numbers).unwrap();
        assert_eq!(shelf.get(piece).unwrap(), numbers);
        let other = Piece {
            hash: piece.hash ^ 1,
            ..piece
        };
        assert!(shelf.get(other).unwrap_err().to_string().contains("other bytes"));
    }
}
