//! A growing column of byte strings: one buffer, one offset a row, no allocation per row.

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
}

/// Appends a text. Ids and references have 16 to 32 bytes nearly always: those are copied as two overlapping halves, which
/// is cheaper than a call that copies any length.
#[inline(always)]
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    let length = text.len();
    if (16..=32).contains(&length) {
        out.reserve(32);
        let end = out.len();
        // SAFETY: both halves lie within `text`, which has at least 16 bytes, and within the 32 bytes just reserved;
        // together they cover `length` bytes behind `end`.
        unsafe {
            let to = out.as_mut_ptr().add(end);
            std::ptr::copy_nonoverlapping(text.as_ptr(), to, 16);
            std::ptr::copy_nonoverlapping(text.as_ptr().add(length - 16), to.add(length - 16), 16);
            out.set_len(end + length);
        }
    } else {
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn what_is_appended_is_the_text() {
        let text: Vec<u8> = (0..100).collect();
        let mut out = Vec::new();
        let mut expected = Vec::new();
        for length in 0..=100 {
            append(&mut out, &text[..length]);
            expected.extend_from_slice(&text[..length]);
            assert_eq!(out, expected, "{length}");
        }
    }
}
