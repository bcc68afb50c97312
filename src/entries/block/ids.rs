//! What stays of a block whose rows have met: its ids.

use crate::entries::bytes::{Beginning, Id, Window};
use crate::terms::prefetch;

use super::{Begins, Ordinals};

/// The ids of a block's entries by position: all that is shown of entries that others met. They lie where a look at one is
/// a look at one place in memory.
#[derive(Clone, Debug)]
pub struct Ids {
    pub(super) beginning: Beginning,
    /// Behind the last one lies as much as a reader of short texts takes at once.
    pub(super) rests: Vec<u8>,
    /// Where each rest begins, and the last one ends.
    pub(super) begins: Begins,
    pub(super) ordinal: Ordinals,
}

impl Ids {
    /// Bytes behind the last rest.
    pub(super) const BEHIND: usize = 64;

    /// As [`Record::id_window`].
    #[inline(always)]
    pub fn window(&self, position: usize) -> (&Beginning, Window<'_>) {
        let start = self.begins.of(position);
        let rest = Window {
            bytes: &self.rests,
            start,
            len: self.begins.of(position + 1) - start,
        };
        (&self.beginning, rest)
    }

    /// An id.
    pub fn id(&self, position: usize) -> Id<'_> {
        let (beginning, rest) = self.window(position);
        Id::new(beginning.as_bytes(), rest.as_bytes())
    }

    /// Number of the entry's row in its input block.
    #[inline]
    pub fn ordinal(&self, position: usize) -> u32 {
        self.ordinal.of(position)
    }

    /// Asks the memory for where an id lies.
    #[inline(always)]
    pub fn prefetch_place(&self, position: usize) {
        if let Begins::At(offsets) = &self.begins {
            prefetch::line_of(offsets, position);
        }
    }

    /// Asks the memory for an id.
    #[inline(always)]
    pub fn prefetch(&self, position: usize) {
        prefetch::line_of(&self.rests, self.begins.of(position));
    }
}
