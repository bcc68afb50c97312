//! Asking for memory before it is used: lines that will be read soon, pages that will be written soon.

/// Asks for the line that holds `values[at]`; nothing where the processor has no such hint. `at` may lie behind the end.
#[inline(always)]
pub fn line_of<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// An empty list with room for so many bytes, all of which will be written soon: the system is asked for its pages
/// at once, where it can be (Linux 5.14), since a fault a page costs a quarter more.
pub fn room_for(bytes: usize) -> Vec<u8> {
    let room = Vec::with_capacity(bytes);
    #[cfg(target_os = "linux")]
    populate(&room);
    room
}

#[cfg(target_os = "linux")]
fn populate(room: &Vec<u8>) {
    let page = rustix::param::page_size();
    let start = room.as_ptr() as usize;
    let (from, to) = (
        start.next_multiple_of(page),
        (start + room.capacity()) & !(page - 1),
    );
    if from < to {
        // SAFETY: whole pages within the list's own memory, whose bytes stay what they are. Where the system refuses,
        // they come one by one as ever.
        unsafe {
            libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_POPULATE_WRITE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_as_large_as_asked_for() {
        for bytes in [0, 1, 4095, 4096, 100_000, 3 << 20] {
            let mut room = room_for(bytes);
            assert!(room.is_empty() && room.capacity() >= bytes);
            room.resize(bytes, 7);
            assert!(room.iter().all(|byte| *byte == 7));
        }
    }
}
