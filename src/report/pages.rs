//! Pages and column chunks of a Parquet file, written by hand (Apache Parquet `parquet.thrift`, data page v1).
//!
//! What was measured on 262,144 lines of EOD-1 (zstd time, bytes a line; level 1 against coding by frequency only):
//!
//! | column, encoding | level 1 | by frequency |
//! |---|---|---|
//! | txn_id, DELTA_BYTE_ARRAY | 14 ns, 1.77 | 4 ns, 2.05 |
//! | entry_id, DELTA_BYTE_ARRAY | 7 ns, 2.40 | 7 ns, 2.41 |
//! | bank_ref, DELTA_BYTE_ARRAY | 80 ns, 9.78 | 27 ns, 11.05 |
//! | bank_ref, DELTA_LENGTH_BYTE_ARRAY | 100 ns, 9.35 | 30 ns, 11.31 |
//! | bank_ref, PLAIN | 94 ns, 9.29 | 35 ns, 13.59 |
//! | amount_minor, DELTA_BINARY_PACKED | 3 ns, 2.36 | 3 ns, 2.36 |
//! | amount_minor, BYTE_STREAM_SPLIT | 4 ns, 1.91 | 4 ns, 1.98 |
//!
//! Levels 2 and 3 take longer and are no smaller for references; negative levels do not code by frequency and are
//! twice as large. BYTE_STREAM_SPLIT of integers would save 4% of the file, and older readers do not know it.
//!
//! A chunk keeps its memory from one row group to the next: fresh memory for every page costs more than encoding it.
//! The parquet crate writes the footer and reads everything back in the tests. Deliberately absent: checksums of
//! pages (every file is sealed by its SHA-256), page indexes, data pages v2.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use zstd::zstd_safe::{CParameter, ParamSwitch};

/// Encoded bytes after which a page of texts is cut: a page and its compressed form stay within a core's cache.
pub const PAGE_BYTES: usize = 1 << 20;

const LEVEL: i32 = 1;
/// Searches for repetitions at every place.
const THOROUGH: i32 = 0;
/// Searches at every thousandth place unless one was found: what is left is coding bytes by their frequency.
const QUICK: i32 = 1000;
const DATA_PAGE: usize = 0;
const DICTIONARY_PAGE: usize = 2;
/// Bytes on which the two are compared.
const SAMPLE: usize = 1 << 16;

/// A compressor that is used again for every page.
///
/// Random digits hold no repetitions worth finding, and looking for them takes three quarters of the time. So the
/// first page of a chunk is sampled: the quick way is taken where it costs less than a quarter more bytes. The choice
/// follows from the data alone.
pub struct Press {
    context: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
    search: i32,
}

impl Press {
    /// A compressor at zstd level 1.
    ///
    /// # Errors
    /// What zstd reports.
    pub fn new() -> Result<Press> {
        let mut context = zstd::bulk::Compressor::new(LEVEL).map_err(failed)?;
        let literals = CParameter::LiteralCompressionMode(ParamSwitch::Enable);
        context.set_parameter(literals).map_err(failed)?;
        Ok(Press {
            context,
            buffer: Vec::new(),
            search: THOROUGH,
        })
    }

    fn set_search(&mut self, search: i32) -> Result<()> {
        if self.search != search {
            let parameter = CParameter::TargetLength(search.unsigned_abs());
            self.context.set_parameter(parameter).map_err(failed)?;
            self.search = search;
        }
        Ok(())
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<&[u8]> {
        let bound = zstd::zstd_safe::compress_bound(bytes.len());
        self.buffer.clear();
        self.buffer.reserve(bound);
        self.context
            .compress_to_buffer(bytes, &mut self.buffer)
            .map_err(failed)?;
        Ok(&self.buffer)
    }

    /// Chooses how to search, by a sample from the end of a page, where the texts stand. False when the sample is hardly smaller
    /// afterwards.
    fn choose(&mut self, page: &[u8]) -> Result<bool> {
        let sample = &page[page.len() - page.len().min(SAMPLE)..];
        self.set_search(THOROUGH)?;
        let thorough = self.compress(sample)?.len();
        self.set_search(QUICK)?;
        let quick = self.compress(sample)?.len();
        if quick > thorough + thorough / 4 {
            self.set_search(THOROUGH)?;
        }
        Ok(thorough.min(quick) < sample.len() - sample.len() / 32)
    }
}

fn failed(error: std::io::Error) -> ParquetError {
    ParquetError::General(format!("zstd: {error}"))
}

/// The pages of one column in one row group.
#[derive(Default)]
pub struct Chunk {
    dictionary: Vec<u8>,
    data: Vec<u8>,
    /// Pages stand as they were encoded: packed numbers have no bit to spare.
    as_encoded: bool,
    uncompressed: usize,
    rows: usize,
}

/// Least and greatest value of a column in a row group.
pub enum Range {
    /// Not told.
    None,
    /// Of integers.
    Integers(i64, i64),
    /// Of texts.
    Texts(Vec<u8>, Vec<u8>),
}

impl Chunk {
    /// The pages in the order in which they stand in the file: the dictionary, where there is one, and the data.
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.dictionary, &self.data]
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> usize {
        self.dictionary.len() + self.data.len()
    }

    /// Rows of all data pages.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Empties the chunk and keeps its memory.
    pub fn clear(&mut self) {
        self.dictionary.clear();
        self.data.clear();
        self.as_encoded = false;
        self.uncompressed = 0;
        self.rows = 0;
    }

    /// Sets the dictionary page.
    ///
    /// # Errors
    /// What compressing reports.
    pub fn set_dictionary(&mut self, press: &mut Press, page: &[u8], entries: usize) -> Result<()> {
        press.set_search(THOROUGH)?;
        let pressed = press.compress(page)?;
        self.dictionary.clear();
        let mut header = Header::new(&mut self.dictionary);
        header
            .integer(1, DICTIONARY_PAGE)
            .integer(2, page.len())
            .integer(3, pressed.len());
        header.open(7);
        header.integer(1, entries).integer(2, Encoding::PLAIN as usize);
        header.close().close();
        self.uncompressed += self.dictionary.len() + page.len();
        self.dictionary.extend_from_slice(pressed);
        Ok(())
    }

    /// Adds a data page of `rows` rows: levels, then values in `encoding`.
    ///
    /// # Errors
    /// What compressing reports.
    pub fn data_page(
        &mut self,
        press: &mut Press,
        page: &[u8],
        rows: usize,
        encoding: Encoding,
    ) -> Result<()> {
        if self.rows == 0 {
            // One codec a chunk, and a dictionary is compressed already.
            self.as_encoded = !press.choose(page)? && self.dictionary.is_empty();
        }
        let pressed = match self.as_encoded {
            true => page,
            false => press.compress(page)?,
        };
        let start = self.data.len();
        let mut header = Header::new(&mut self.data);
        header
            .integer(1, DATA_PAGE)
            .integer(2, page.len())
            .integer(3, pressed.len());
        header.open(5);
        header
            .integer(1, rows)
            .integer(2, encoding as usize)
            .integer(3, Encoding::RLE as usize)
            .integer(4, Encoding::RLE as usize);
        header.close().close();
        self.uncompressed += self.data.len() - start + page.len();
        self.data.extend_from_slice(pressed);
        self.rows += rows;
        Ok(())
    }

    /// What the footer says of the chunk when it begins at `offset` of the file.
    ///
    /// # Errors
    /// What the crate reports.
    pub fn metadata(
        &self,
        column: ColumnDescPtr,
        encodings: Vec<Encoding>,
        offset: u64,
        nulls: usize,
        range: Range,
    ) -> Result<ColumnChunkMetaData> {
        let nulls = Some(nulls as u64);
        let text = |text: Vec<u8>| Some(ByteArray::from(text));
        let statistics = match range {
            Range::Integers(min, max) => Statistics::int64(Some(min), Some(max), None, nulls, false),
            Range::Texts(min, max) => Statistics::byte_array(text(min), text(max), None, nulls, false),
            Range::None => match column.physical_type() {
                parquet::basic::Type::INT64 => Statistics::int64(None, None, None, nulls, false),
                _ => Statistics::byte_array(None, None, None, nulls, false),
            },
        };
        let offset = offset as i64;
        ColumnChunkMetaData::builder(column)
            .set_compression(match self.as_encoded {
                true => Compression::UNCOMPRESSED,
                false => Compression::ZSTD(ZstdLevel::try_new(LEVEL)?),
            })
            .set_encodings(encodings)
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(self.bytes() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_dictionary_page_offset((!self.dictionary.is_empty()).then_some(offset))
            .set_data_page_offset(offset + self.dictionary.len() as i64)
            .set_statistics(statistics)
            .build()
    }
}

/// A page header in Thrift's compact protocol: structs of 32-bit integers.
struct Header<'a> {
    out: &'a mut Vec<u8>,
    /// Last field of the structs that are open, the innermost last.
    last: Vec<u8>,
}

impl<'a> Header<'a> {
    fn new(out: &'a mut Vec<u8>) -> Header<'a> {
        Header { out, last: vec![0] }
    }

    fn field(&mut self, id: u8, kind: u8) {
        if let Some(last) = self.last.last_mut() {
            self.out.push((id - *last) << 4 | kind);
            *last = id;
        }
    }

    fn integer(&mut self, id: u8, value: usize) -> &mut Self {
        self.field(id, 5);
        varint((value as u64) << 1, self.out); // Zigzag of a number that is not below 0.
        self
    }

    fn open(&mut self, id: u8) -> &mut Self {
        self.field(id, 12);
        self.last.push(0);
        self
    }

    fn close(&mut self) -> &mut Self {
        self.last.pop();
        self.out.push(0);
        self
    }
}

/// An unsigned number, seven bits a byte, the lowest first.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Which rows of a page have a value.
#[derive(Default)]
pub struct Levels {
    rows: usize,
    nulls: usize,
    /// One bit a row, the lowest first; kept from the first null on.
    bits: Vec<u8>,
}

impl Levels {
    /// Rows of the page so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows without a value.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// Adds a row with a value.
    #[inline]
    pub fn value(&mut self) {
        if self.nulls > 0 {
            self.bit(1);
        }
        self.rows += 1;
    }

    /// Adds rows with a value.
    pub fn values(&mut self, rows: usize) {
        if self.nulls == 0 {
            self.rows += rows;
            return;
        }
        for _ in 0..rows {
            self.value();
        }
    }

    /// Adds a row without one.
    pub fn null(&mut self) {
        if self.nulls == 0 {
            self.bits.resize(self.rows / 8, 0xff);
            if !self.rows.is_multiple_of(8) {
                self.bits.push((1 << (self.rows % 8)) - 1);
            }
        }
        self.bit(0);
        self.nulls += 1;
        self.rows += 1;
    }

    fn bit(&mut self, bit: u8) {
        let place = self.rows % 8;
        match self.bits.last_mut() {
            Some(last) if place > 0 => *last |= bit << place,
            _ => self.bits.push(bit),
        }
    }

    /// Writes the definition levels of a page, and begins the next one.
    pub fn write_into(&mut self, page: &mut Vec<u8>) {
        let start = page.len();
        page.extend_from_slice(&[0; 4]);
        if self.nulls == 0 || self.nulls == self.rows {
            varint((self.rows as u64) << 1, page);
            page.push(u8::from(self.nulls == 0));
        } else {
            varint((self.bits.len() as u64) << 1 | 1, page);
            page.extend_from_slice(&self.bits);
        }
        let len = (page.len() - start - 4) as u32;
        page[start..start + 4].copy_from_slice(&len.to_le_bytes());
        self.rows = 0;
        self.nulls = 0;
        self.bits.clear();
    }
}
