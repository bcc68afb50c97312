//! Archives of a delivery, listed and opened within bounds: what stands in one comes from outside and may be hostile.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::{Delivered, Member, open_on_disk};

/// Most entries of one archive.
const ENTRIES_MAX: usize = 10_000;
/// Content may be this many times its packed size …
const RATIO_MAX: u64 = 200;
/// … once it is above this size.
const RATIO_FROM_BYTES: u64 = 10 << 20;
/// Most bytes all archives of a day unpack to, and any one file.
pub(super) const UNPACKED_BYTES_MAX: u64 = 64 << 30;
/// Most bytes between the content of a member and the next one: sizes and checksum, written behind it.
const DESCRIPTOR_BYTES_MAX: u64 = 24;
/// Bytes of the record that ends an archive, without its comment.
const END_RECORD_BYTES: usize = 22;
/// Greatest archive inside an archive: it is opened in memory.
const NESTED_BYTES_MAX: u64 = 256 << 20;

fn damaged(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

pub(super) fn open_member<R: Read + Seek + Send + 'static>(
    mut archive: R,
    member: &Member,
) -> io::Result<Box<dyn Read + Send>> {
    archive.seek(SeekFrom::Start(member.start))?;
    let packed = BufReader::with_capacity(256 << 10, archive.take(member.packed_bytes));
    let sealed = Some((member.bytes, member.crc32));
    Ok(if member.deflated {
        Box::new(Bounded::new(
            DeflateDecoder::new(packed),
            member.packed_bytes,
            sealed,
        ))
    } else {
        Box::new(Bounded::new(packed, member.packed_bytes, sealed))
    })
}

pub(super) fn read_nested(disk: File, outer: &Member) -> io::Result<Vec<u8>> {
    if outer.bytes > NESTED_BYTES_MAX {
        return Err(damaged(format!(
            "an archive inside an archive is larger than {} MiB; deliver it by itself",
            NESTED_BYTES_MAX >> 20
        )));
    }
    let mut inner = Vec::new();
    open_member(disk, outer)?.read_to_end(&mut inner)?;
    Ok(inner)
}

/// Content that must stay within its bounds and be what its archive says.
pub(super) struct Bounded<R> {
    content: R,
    packed_bytes: u64,
    bytes: u64,
    /// Size and CRC-32 given by the archive.
    sealed: Option<(u64, u32)>,
    crc: Crc,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(content: R, packed_bytes: u64, sealed: Option<(u64, u32)>) -> Bounded<R> {
        Bounded {
            content,
            packed_bytes,
            bytes: 0,
            sealed,
            crc: Crc::new(),
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.content.read(out)?;
        self.bytes += read as u64;
        if self.bytes > RATIO_FROM_BYTES && self.bytes / RATIO_MAX > self.packed_bytes {
            return Err(damaged(format!(
                "it unpacks to more than {RATIO_MAX} times its size"
            )));
        }
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(damaged(format!(
                "it unpacks to more than {} GiB",
                UNPACKED_BYTES_MAX >> 30
            )));
        }
        if let Some((bytes, crc32)) = self.sealed {
            self.crc.update(&out[..read]);
            if self.bytes > bytes || (read == 0 && self.bytes != bytes) {
                return Err(damaged(format!(
                    "found {} bytes or more, the archive says {bytes}",
                    self.bytes
                )));
            }
            if read == 0 && self.crc.sum() != crc32 {
                return Err(damaged("its checksum (CRC-32) is not the one the archive gives"));
            }
        }
        Ok(read)
    }
}

pub(super) enum Listing {
    Members(Vec<Member>),
    Spreadsheet,
}

pub(super) fn list_archive(outer: &Delivered) -> io::Result<Listing> {
    let disk = open_on_disk(outer)?;
    match outer.members.first() {
        None => list_members(disk),
        Some(member) => list_members(Cursor::new(read_nested(disk, member)?)),
    }
}

/// Lists the files of an archive in its order, or refuses the archive.
fn list_members<R: Read + Seek>(reader: R) -> io::Result<Listing> {
    let unreadable = |error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => error,
        error => damaged(error.to_string()),
    };
    let mut archive = ZipArchive::new(reader).map_err(unreadable)?;
    if archive.has_duplicate_names() {
        return Err(damaged("the archive holds a name twice"));
    }
    if archive.len() > ENTRIES_MAX {
        return Err(damaged(format!(
            "the archive has {} entries, expected at most {ENTRIES_MAX}",
            archive.len()
        )));
    }
    let mut members: Vec<Member> = Vec::new();
    let mut spans = vec![(
        archive.central_directory_start(),
        archive.central_directory_start(),
    )];
    let mut spreadsheet = false;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(unreadable)?;
        let name = member_name(entry.name_raw())?;
        let shown = name.escape_debug();
        let start = entry
            .data_start()
            .ok_or_else(|| damaged(format!("member `{shown}` has no beginning")))?;
        spans.push((
            entry.header_start(),
            start.saturating_add(entry.compressed_size()),
        ));
        if entry.is_dir() {
            continue;
        }
        if entry.is_symlink() {
            return Err(damaged(format!("member `{shown}` is a symbolic link")));
        }
        // The kind of a file in Unix's mode: a plain one, or not said.
        if !matches!(entry.unix_mode().unwrap_or(0) & 0o170_000, 0 | 0o100_000) {
            return Err(damaged(format!(
                "member `{shown}` is a pipe or a device, and no file"
            )));
        }
        if entry.encrypted() {
            return Err(damaged(format!(
                "member `{shown}` is encrypted: deliver it without a password"
            )));
        }
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => {
                return Err(damaged(format!(
                    "member `{shown}` is packed by {other}, expected deflate"
                )));
            }
        };
        if entry.size() > RATIO_FROM_BYTES && entry.size() / RATIO_MAX > entry.compressed_size() {
            return Err(damaged(format!(
                "member `{shown}` unpacks to more than {RATIO_MAX} times its size"
            )));
        }
        spreadsheet |= name == "[Content_Types].xml";
        members.push(Member {
            start,
            packed_bytes: entry.compressed_size(),
            bytes: entry.size(),
            crc32: entry.crc32(),
            deflated,
            name,
        });
    }
    // Where one of two names is kept, as on disks that do not tell small letters from capitals, the other is lost.
    let mut names: Vec<(String, &str)> = members
        .iter()
        .map(|member| (member.name.to_lowercase(), member.name.as_str()))
        .collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0].0 == pair[1].0);
    if let Some([(_, one), (_, other)]) = twice {
        return Err(damaged(if one == other {
            format!("the archive holds the name `{}` twice", one.escape_debug())
        } else {
            format!(
                "the archive holds the names `{}` and `{}`, which many disks take for one",
                one.escape_debug(),
                other.escape_debug()
            )
        }));
    }
    if spreadsheet {
        return Ok(Listing::Spreadsheet);
    }
    lie_side_by_side(spans)?;
    let comment = archive.comment().to_vec();
    ends_with_its_directory(archive.into_inner(), &comment)?;
    Ok(Listing::Members(members))
}

/// Refuses an archive with bytes behind the record that ends it, which is all that `comment` and 22 bytes before it are.
fn ends_with_its_directory<R: Read + Seek>(mut reader: R, comment: &[u8]) -> io::Result<()> {
    let mut end = vec![0; END_RECORD_BYTES + comment.len()];
    reader.seek(SeekFrom::End(-(end.len() as i64)))?;
    reader.read_exact(&mut end)?;
    if !end.starts_with(b"PK\x05\x06") || !end.ends_with(comment) {
        return Err(damaged(
            "the archive has bytes behind its end: something was joined to it, or it was changed",
        ));
    }
    Ok(())
}

/// Refuses an archive of which a part is in no member, or in two: what its directory does not list would be lost in silence, as
/// where two archives were joined, and what it lists often is more than it seems. `spans` are from the header of a member to the
/// end of its content; the directory is the last.
fn lie_side_by_side(mut spans: Vec<(u64, u64)>) -> io::Result<()> {
    spans.sort_unstable();
    let mut end = 0;
    for (start, next_end) in spans {
        if start < end {
            return Err(damaged("members of the archive lie over one another"));
        }
        let between = if end == 0 { 0 } else { DESCRIPTOR_BYTES_MAX };
        if start - end > between {
            return Err(damaged(format!(
                "the archive has {} bytes at {end} that its directory does not list: two archives were joined, or it was changed",
                start - end
            )));
        }
        end = next_end;
    }
    Ok(())
}

/// The name of a member: UTF-8, else GBK as Chinese systems write it; with `/` between folders.
pub(super) fn member_name(raw: &[u8]) -> io::Result<String> {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::GBK
            .decode_without_bom_handling_and_without_replacement(raw)
            .ok_or_else(|| damaged("a member's name is neither UTF-8 nor GBK"))?
            .into_owned(),
    };
    let name = name.replace('\\', "/");
    let shown = name.escape_debug().to_string();
    if name.contains(|c: char| c.is_control() || c == '!') {
        return Err(damaged(format!(
            "member `{shown}` has a control character or `!` in its name"
        )));
    }
    let path = name.strip_suffix('/').unwrap_or(&name);
    let drive = path.as_bytes().get(1) == Some(&b':');
    if drive || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(damaged(format!(
            "member `{shown}` has a path that leads out of the archive"
        )));
    }
    Ok(path.to_owned())
}
