//! The bytes of a file, read by position.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// A file on disk, or one unpacked into memory.
#[derive(Clone)]
pub enum Input {
    /// On disk, with its length.
    File(Arc<File>, u64),
    /// In memory.
    Memory(Bytes),
}

impl Input {
    /// Fills `out` from `start` on.
    ///
    /// # Errors
    /// Reading fails, or the content ends before.
    pub fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Input::File(file, _) => file.read_exact_at(out, start),
            Input::Memory(content) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                let part = start
                    .checked_add(out.len())
                    .and_then(|end| content.get(start..end))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                out.copy_from_slice(part);
                Ok(())
            }
        }
    }
}

/// Reads by position: descriptors of one file share their offset, and row groups are read by several threads.
impl ChunkReader for Input {
    type T = Positioned;

    fn get_read(&self, start: u64) -> Result<Positioned, ParquetError> {
        Ok(Positioned {
            input: self.clone(),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A length beyond the file is damage; it must not ask for memory first.
        if start
            .checked_add(length as u64)
            .is_none_or(|end| end > self.len())
        {
            return Err(ParquetError::EOF(
                "a part lies beyond the end of the file".to_owned(),
            ));
        }
        match self {
            Input::File(file, _) => {
                let mut part = vec![0; length];
                file.read_exact_at(&mut part, start)?;
                Ok(Bytes::from(part))
            }
            Input::Memory(content) => content.get_bytes(start, length),
        }
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Input::File(_, bytes) => *bytes,
            Input::Memory(content) => content.len() as u64,
        }
    }
}

/// A place in a file from which it is read on.
pub struct Positioned {
    input: Input,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match &self.input {
            Input::File(file, _) => file.read_at(out, self.at)?,
            Input::Memory(content) => {
                let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(content.len());
                (&content[start..]).read(out)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}
