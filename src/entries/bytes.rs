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

    /// Removes all strings and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
    }
}

/// Appends a short text. Ids and references have 16 to 32 bytes nearly always, and records up to 96: those are copied as
/// overlapping pieces of one size, which is cheaper than a call that copies any length.
#[inline(always)]
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        16..=32 => append_pieces::<16>(out, text),
        33..=96 => append_pieces::<32>(out, text),
        _ => out.extend_from_slice(text),
    }
}

/// Appends a text of `N` to `3 * N` bytes.
#[inline(always)]
fn append_pieces<const N: usize>(out: &mut Vec<u8>, text: &[u8]) {
    let length = text.len();
    assert!((N..=3 * N).contains(&length), "the pieces cover the text");
    out.reserve(3 * N);
    let end = out.len();
    // SAFETY: every piece lies within `text`, which has at least `N` bytes, and within the `3 * N` bytes just reserved;
    // the first, a middle one where there is room for it, and the last cover `length` bytes behind `end`.
    unsafe {
        let (from, to) = (text.as_ptr(), out.as_mut_ptr().add(end));
        let piece = |at: usize| std::ptr::copy_nonoverlapping(from.add(at), to.add(at), N);
        piece(0);
        if length > 2 * N {
            piece(N);
        }
        piece(length - N);
        out.set_len(end + length);
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
