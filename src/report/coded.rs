//! Column chunks of small vocabularies, written from codes (Parquet: one dictionary page, one RLE_DICTIONARY page).
//!
//! The `matched` table has six such columns. The parquet crate takes them as texts and looks every one up in a table of
//! its own; here the codes are known already, so a chunk is a walk over integers. Tests read the result back through
//! the crate. Format: Apache Parquet, `Encodings.md` (RLE / bit-packing hybrid, plain byte arrays).

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// Stands for null.
pub const NULL_CODE: u32 = u32::MAX;

const ZSTD_LEVEL: i32 = 1;

/// A finished column chunk.
pub struct CodedChunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl CodedChunk {
    /// Encodes a nullable text column: the text of `codes[row]` is `names(codes[row])`; [`NULL_CODE`] is null.
    /// `names_max` is one above the highest code.
    ///
    /// # Errors
    /// What compressing or the page writer reports.
    pub fn encode<'a>(
        column: ColumnDescPtr,
        codes: &[u32],
        names: &dyn Fn(u32) -> &'a str,
        names_max: usize,
    ) -> Result<CodedChunk> {
        // Only the names that occur are written, in the order in which they do.
        let mut place = vec![NULL_CODE; names_max];
        let mut dictionary = Vec::new();
        let mut entries = 0u32;
        let mut values = Vec::with_capacity(codes.len());
        for code in codes {
            let Some(at) = place.get_mut(*code as usize) else {
                continue;
            };
            if *at == NULL_CODE {
                *at = entries;
                entries += 1;
                let name = names(*code).as_bytes();
                dictionary.extend_from_slice(&(name.len() as u32).to_le_bytes());
                dictionary.extend_from_slice(name);
            }
            values.push(*at);
        }
        let mut data = Vec::new();
        let levels = definition_levels(codes, names_max, values.len());
        data.extend_from_slice(&(levels.len() as u32).to_le_bytes());
        data.extend_from_slice(&levels);
        let width = (32 - entries.saturating_sub(1).leading_zeros()).max(1);
        data.push(width as u8);
        if entries <= 1 {
            repeated(values.len(), 0, &mut data);
        } else {
            packed(&values, width, &mut data);
        }

        let mut sink = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut sink);
        let first = pages.write_page(CompressedPage::new(
            Page::DictionaryPage {
                buf: compress(&dictionary)?,
                num_values: entries,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            },
            dictionary.len(),
        ))?;
        let second = pages.write_page(CompressedPage::new(
            Page::DataPage {
                buf: compress(&data)?,
                num_values: codes.len() as u32,
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            },
            data.len(),
        ))?;
        let bytes = Bytes::from(sink.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_num_values(codes.len() as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size((first.uncompressed_size + second.uncompressed_size) as i64)
            .set_dictionary_page_offset(Some(first.offset as i64))
            .set_data_page_offset(second.offset as i64)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: codes.len() as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(CodedChunk { bytes, close })
    }

    /// Adds the chunk to a row group, as its next column.
    ///
    /// # Errors
    /// What writing reports.
    pub fn append_to_row_group<W: std::io::Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        group.append_column(&self.bytes, self.close)
    }
}

fn compress(bytes: &[u8]) -> Result<Bytes> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
        .map(Bytes::from)
        .map_err(|e| ParquetError::General(e.to_string()))
}

/// 1 for every row with a value, 0 for null, one bit each.
fn definition_levels(codes: &[u32], names_max: usize, present: usize) -> Vec<u8> {
    let mut levels = Vec::new();
    if present == codes.len() {
        repeated(codes.len(), 1, &mut levels);
    } else {
        let bits: Vec<u32> = codes
            .iter()
            .map(|code| u32::from((*code as usize) < names_max))
            .collect();
        packed(&bits, 1, &mut levels);
    }
    levels
}

/// A run of one value that fits a byte.
fn repeated(count: usize, value: u8, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.push(value);
}

/// One bit-packed run: groups of eight values of `width` bits, lowest bits first; the last group is filled with zeros.
fn packed(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    out.reserve(groups * width as usize + 8);
    let (mut bits, mut filled) = (0u64, 0);
    for value in values {
        bits |= u64::from(*value) << filled;
        filled += width;
        if filled >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.resize(end, 0);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::ArrowSchemaConverter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn written(codes: &[u32], names: &[String]) -> Vec<Option<String>> {
        let schema = Schema::new(vec![Field::new("text", DataType::Utf8, true)]);
        let converted = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), converted.root_schema_ptr(), properties).unwrap();
        let chunk = CodedChunk::encode(
            converted.column(0),
            codes,
            &|code| &names[code as usize],
            names.len(),
        )
        .unwrap();
        let mut group = writer.next_row_group().unwrap();
        chunk.append_to_row_group(&mut group).unwrap();
        group.close().unwrap();
        let file = Bytes::from(writer.into_inner().unwrap());
        let mut read = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap()
        {
            let column = cast(batch.unwrap().column(0), &DataType::Utf8).unwrap();
            let texts = column.as_any().downcast_ref::<StringArray>().unwrap();
            read.extend((0..texts.len()).map(|row| texts.is_valid(row).then(|| texts.value(row).to_owned())));
        }
        read
    }

    proptest! {
        #[test]
        fn the_crate_reads_back_what_was_written(
            raw in prop::collection::vec((0u32..5000, 0u8..20), 1..3000),
            vocabulary in prop::sample::select(vec![1u32, 2, 3, 17, 300, 5000]),
            nulls in any::<bool>(),
        ) {
            let names: Vec<String> = (0..vocabulary).map(|n| format!("name-{n}")).collect();
            let codes: Vec<u32> = raw
                .iter()
                .map(|(code, dice)| if nulls && *dice == 0 { NULL_CODE } else { code % vocabulary })
                .collect();
            let expected: Vec<Option<String>> =
                codes.iter().map(|code| names.get(*code as usize).cloned()).collect();
            prop_assert_eq!(written(&codes, &names), expected);
        }
    }
}
