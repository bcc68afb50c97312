//! Decompression into buffers that are used again. No length in a file asks for memory that its bytes do not earn.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use zstd::bulk::Decompressor;

use super::Unfit;

/// How the pages of a column are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// Not at all.
    None,
    /// Zstandard.
    Zstd,
    /// Snappy, raw.
    Snappy,
    /// LZ4 blocks without a frame.
    Lz4,
    /// gzip.
    Gzip,
}

impl Codec {
    /// The codec of a column; `None` where the fast path does not know it.
    pub fn of(compression: Compression) -> Option<Codec> {
        Some(match compression {
            Compression::UNCOMPRESSED => Codec::None,
            Compression::ZSTD(_) => Codec::Zstd,
            Compression::SNAPPY => Codec::Snappy,
            Compression::LZ4_RAW => Codec::Lz4,
            Compression::GZIP(_) => Codec::Gzip,
            _ => return None,
        })
    }

    /// How many bytes a compressed byte may stand for before room for them is only made as they come.
    fn trusted_ratio(self) -> usize {
        match self {
            Codec::None => 1,
            // More is impossible in these two.
            Codec::Snappy => 64,
            Codec::Lz4 => 256,
            Codec::Zstd | Codec::Gzip => 256,
        }
    }
}

/// Room that is made on a page's word alone.
const TRUSTED_BYTES: usize = 1 << 20;

/// Decompressors that are used again.
#[derive(Default)]
pub struct Unpacker {
    zstd: Option<Decompressor<'static>>,
    snappy: snap::raw::Decoder,
}

impl Unpacker {
    /// Unpacks `stored` into `out`, which holds exactly `bytes` bytes afterwards.
    ///
    /// # Errors
    /// It unpacks to another length, or not at all.
    pub fn unpack(
        &mut self,
        codec: Codec,
        stored: &[u8],
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let trusted = stored
            .len()
            .saturating_mul(codec.trusted_ratio())
            .max(TRUSTED_BYTES);
        if bytes == 0 {
            // A page of nulls alone may hold nothing at all.
            out.clear();
            return Ok(());
        }
        if bytes > trusted {
            return unpack_slowly(codec, stored, bytes, out);
        }
        let unpacked = match codec {
            Codec::None => {
                out.clear();
                out.extend_from_slice(stored);
                out.len()
            }
            Codec::Zstd => {
                out.clear();
                out.reserve(bytes);
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    slot => slot.insert(Decompressor::new().map_err(|_| Unfit)?),
                };
                zstd.decompress_to_buffer(stored, out).map_err(|_| Unfit)?
            }
            Codec::Snappy => {
                out.resize(bytes, 0);
                self.snappy.decompress(stored, out).map_err(|_| Unfit)?
            }
            Codec::Lz4 => {
                out.resize(bytes, 0);
                lz4_flex::block::decompress_into(stored, out).map_err(|_| Unfit)?
            }
            Codec::Gzip => {
                out.clear();
                out.reserve(bytes);
                let mut unpacked = MultiGzDecoder::new(stored).take(bytes as u64 + 1);
                unpacked.read_to_end(out).map_err(|_| Unfit)?
            }
        };
        if unpacked == bytes && out.len() == bytes {
            Ok(())
        } else {
            Err(Unfit)
        }
    }
}

/// Unpacks what claims to be very much: room is made as the bytes come.
#[cold]
fn unpack_slowly(codec: Codec, stored: &[u8], bytes: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let stream: Box<dyn Read + '_> = match codec {
        Codec::Zstd => {
            Box::new(zstd::stream::read::Decoder::with_buffer(stored).map_err(|_: io::Error| Unfit)?)
        }
        Codec::Gzip => Box::new(MultiGzDecoder::new(stored)),
        _ => return Err(Unfit),
    };
    out.clear();
    let unpacked = stream
        .take(bytes as u64 + 1)
        .read_to_end(out)
        .map_err(|_| Unfit)?;
    if unpacked == bytes { Ok(()) } else { Err(Unfit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_beyond_all_reason_make_no_room() {
        let stored = zstd::bulk::compress(&vec![7u8; 4 << 20], 1).unwrap();
        let mut unpacker = Unpacker::default();
        let mut out = Vec::new();
        unpacker.unpack(Codec::Zstd, &stored, 4 << 20, &mut out).unwrap();
        assert_eq!(out, vec![7u8; 4 << 20]);
        let mut small = Vec::new();
        for codec in [Codec::None, Codec::Zstd, Codec::Snappy, Codec::Lz4, Codec::Gzip] {
            assert!(unpacker.unpack(codec, &stored, 1 << 31, &mut small).is_err());
            assert!(unpacker.unpack(codec, b"xyz", 1 << 31, &mut small).is_err());
        }
        assert!(small.capacity() <= 16 << 20, "{}", small.capacity());
    }
}
