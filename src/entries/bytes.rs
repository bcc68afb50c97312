//! A growing column of byte strings: one buffer, one offset a row, no allocation per row.

use arrow::array::BinaryArray;
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

/// Byte strings laid end to end.
#[derive(Clone, Debug)]
pub struct BytesColumn {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

/// A text and what it lies in.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The longer text.
    pub bytes: &'a [u8],
    /// Where the text begins.
    pub start: usize,
    /// Its length.
    pub len: usize,
}

impl Default for BytesColumn {
    fn default() -> BytesColumn {
        BytesColumn::with_capacity(0, 0)
    }
}

impl BytesColumn {
    /// An empty column with room for `rows` strings of `bytes` bytes in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> BytesColumn {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        BytesColumn {
            offsets,
            data: Vec::with_capacity(bytes),
        }
    }

    /// Adds a string. A block is cut long before its texts reach 2 GiB.
    pub fn push(&mut self, text: &[u8]) {
        self.data.extend_from_slice(text);
        let end = i32::try_from(self.data.len()).unwrap_or(i32::MAX);
        assert!(end < i32::MAX, "a block's texts stay below 2 GiB");
        self.offsets.push(end);
    }

    /// The string of a row.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all strings together.
    pub fn data_len(&self) -> usize {
        self.data.len()
    }

    /// Removes all strings and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
    }

    /// The strings of `rows`, in that order, as an Arrow array.
    pub fn gather(&self, rows: &[u32]) -> BinaryArray {
        let mut offsets: Vec<i32> = Vec::with_capacity(rows.len() + 1);
        let mut data: Vec<u8> = Vec::with_capacity(self.data.len() + 32);
        offsets.push(0);
        for row in rows {
            let (start, end) = (
                self.offsets[*row as usize] as usize,
                self.offsets[*row as usize + 1] as usize,
            );
            let upto = data.len() + (end - start);
            // Short texts are copied as 32 bytes at once, which is cheaper than copying exactly as many.
            match self.data.get(start..start + 32) {
                Some(wide) if end - start <= 32 => {
                    data.extend_from_slice(wide);
                    data.truncate(upto);
                }
                _ => data.extend_from_slice(&self.data[start..end]),
            }
            offsets.push(upto as i32);
        }
        // The offsets rise from 0 to the length of `data` by construction.
        BinaryArray::new(
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            Buffer::from_vec(data),
            None,
        )
    }
}
