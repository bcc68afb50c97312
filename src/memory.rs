//! Memory for large columns, in huge pages.
//!
//! A day of ten million rows lies in gigabytes, and stages meet its rows in no order. With pages of 4 KiB nearly every
//! such look asks the page tables first, and each page costs a fault of its own; with pages of 2 MiB neither does. So
//! large pieces begin on a boundary of 2 MiB and the kernel is told that huge pages are welcome. Everything smaller, and
//! the memory itself, is the system allocator's.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes of a huge page on x86-64 and on most aarch64 machines. Where it is another number this is a mere alignment.
const HUGE_PAGE: usize = 2 << 20;

/// The system allocator, with large pieces in huge pages where the kernel has them.
pub struct HugePages;

/// The layout of a large piece; `None` for others.
fn widened(layout: Layout) -> Option<Layout> {
    if layout.size() < HUGE_PAGE || layout.align() > HUGE_PAGE {
        return None;
    }
    layout.align_to(HUGE_PAGE).ok()
}

// SAFETY: every piece is the system allocator's, asked for and given back with one and the same layout, which follows
// from the caller's. Advice changes no contents.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(wide) = widened(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: the caller's promise; a wider alignment is a valid one.
        let piece = unsafe { System.alloc(wide) };
        if !piece.is_null() {
            advise(piece, layout.size());
        }
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as it was asked for.
        unsafe { System.dealloc(piece, widened(layout).unwrap_or(layout)) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if widened(layout).is_none() {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promise; the piece has `layout.size()` bytes.
        unsafe {
            let piece = self.alloc(layout);
            if !piece.is_null() {
                std::ptr::write_bytes(piece, 0, layout.size());
            }
            piece
        }
    }
}

#[cfg(target_os = "linux")]
fn advise(piece: *mut u8, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    let whole = bytes & !(HUGE_PAGE - 1);
    // SAFETY: the range lies within the piece. A kernel without huge pages says no, which is fine.
    let _ = unsafe { madvise(piece.cast(), whole, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_piece: *mut u8, _bytes: usize) {}

#[cfg(test)]
mod tests {
    #[test]
    fn large_pieces_grow_and_shrink_as_others_do() {
        let mut list: Vec<u64> = Vec::new();
        for number in 0..1_000_000u64 {
            list.push(number);
        }
        list.truncate(100);
        list.shrink_to_fit();
        assert!((0..100).all(|number| list[number as usize] == number));
        assert!(vec![0u8; 5 << 20].iter().all(|byte| *byte == 0));
    }
}
