//! One piece of memory for all packed weights.

#![expect(unsafe_code, reason = "aligned memory")]

use std::alloc::{Layout, alloc, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Alignment, and what the length is rounded up to: a huge page of x86-64 and aarch64.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes that begin at a multiple of 2 MiB, in huge pages where the kernel gives them: fewer misses of the TLB when
/// weights are read from front to back.
pub(super) struct Arena {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory belongs to the arena alone, as that of a `Box<[u8]>` does.
unsafe impl Send for Arena {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for Arena {}

impl Arena {
    /// Returns zeros, or `None` where there is no such memory.
    pub(super) fn zeroed(bytes: usize) -> Option<Self> {
        let bytes = bytes.max(1).checked_next_multiple_of(HUGE_PAGE)?;
        let layout = Layout::from_size_align(bytes, HUGE_PAGE).ok()?;
        // SAFETY: the layout has a size of at least one huge page.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        // Before the first write, which is when the kernel chooses the pages. Miri knows no such call.
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: advice on memory that was just allocated; a refusal leaves ordinary pages.
        unsafe {
            libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
        }
        // SAFETY: that many bytes were just allocated.
        unsafe { start.as_ptr().write_bytes(0, bytes) };
        Some(Self { start, layout })
    }
}

impl Deref for Arena {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: that many bytes were allocated and set to zero, and live as long as the arena.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; the arena is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated by this allocator with this layout, and not used after.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Arena").field("bytes", &self.layout.size()).finish()
    }
}
