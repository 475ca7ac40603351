//! `Memory`: what tasks that have ended leave behind for those that come next, a list for each size.
//!
//! Each thread has its own. For large futures the allocator is asked, which also has what a list has no room for. An allocator
//! has to find a block for any size and any thread, and does so well for a few blocks at a time: with a hundred tasks at once
//! that was a seventh of `spawn_x100`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// Sizes differ by so much, since headers are aligned to it.
const STEP: usize = 16;
/// How many sizes there are, the first of them zero: futures beyond are rare, and cost more than their memory does.
const SIZES: usize = 512 / STEP + 1;
/// How many blocks of a size are kept. Under Miri a few, so that it sees who touches what is not his any more.
const KEPT: usize = if cfg!(miri) { 2 } else { 1024 };

// Gone in destructors of other thread-local values, which may run after this one's, and end tasks: those ask the allocator.
thread_local!(static MEMORY: Memory = const { Memory([const { List::new() }; SIZES]) });

struct Memory([List; SIZES]);

/// Blocks of one size that nobody has.
struct List {
    /// LIST: the block at its beginning has the next one, and so on to the last, which has none. All are the list's alone.
    first: Cell<Option<NonNull<u8>>>,
    length: Cell<usize>,
}

/// Memory for a task of that layout, which is not of size zero.
#[inline]
pub(super) fn allocate(layout: Layout) -> NonNull<u8> {
    let block = list(layout).and_then(|list| MEMORY.try_with(|memory| memory.0[list].take()).ok().flatten());
    block.unwrap_or_else(|| {
        // SAFETY: a header is in it.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    })
}

/// Gives it back.
///
/// # Safety
/// It is `allocate`'s, with the same layout, wherever that was called, and nobody's any more.
#[inline]
pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    let is_kept = list(layout).is_some_and(|list| {
        // SAFETY: the caller's; all blocks of a list have the same layout.
        MEMORY.try_with(|memory| unsafe { memory.0[list].put(block) }).unwrap_or(false)
    });
    if !is_kept {
        // SAFETY: the caller's.
        unsafe { dealloc(block.as_ptr(), layout) }
    }
}

/// Which list has blocks of that layout, if one does. Known when it is compiled.
#[inline]
fn list(layout: Layout) -> Option<usize> {
    let list = layout.size() / STEP;
    (layout.align() == STEP && list < SIZES).then_some(list)
}

impl List {
    const fn new() -> Self {
        List { first: Cell::new(None), length: Cell::new(0) }
    }

    #[inline]
    fn take(&self) -> Option<NonNull<u8>> {
        let block = self.first.get()?;
        // SAFETY: LIST.
        self.first.set(unsafe { block.cast::<Option<NonNull<u8>>>().read() });
        self.length.set(self.length.get() - 1);
        Some(block)
    }

    /// Whether there was room for it.
    ///
    /// # Safety
    /// It is of the list's size, aligned to `STEP`, and the caller's alone, who leaves it if there was room.
    #[inline]
    unsafe fn put(&self, block: NonNull<u8>) -> bool {
        let length = self.length.get();
        if length == KEPT {
            return false;
        }
        // SAFETY: the caller's; a header is larger than a pointer.
        unsafe { block.cast::<Option<NonNull<u8>>>().write(self.first.get()) };
        self.first.set(Some(block));
        self.length.set(length + 1);
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for (index, list) in self.0.iter().enumerate() {
            while let Some(block) = list.take() {
                // SAFETY: it was allocated with a layout of this size and alignment, and is nobody's.
                unsafe { dealloc(block.as_ptr(), Layout::from_size_align_unchecked(index * STEP, STEP)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_for_its_own_size_and_to_its_own_thread() {
        let (small, large) =
            (Layout::from_size_align(64, 16).unwrap(), Layout::from_size_align(80, 16).unwrap());
        let block = allocate(small);
        // SAFETY: allocated with this layout, and not used again.
        unsafe { free(block, small) };
        let other = allocate(large);
        assert_ne!(block, other);
        let there = block.addr();
        std::thread::spawn(move || {
            let block = allocate(small);
            assert_ne!(block.addr(), there);
            // SAFETY: as above.
            unsafe { free(block, small) };
        })
        .join()
        .unwrap();
        assert_eq!(allocate(small), block);
        // SAFETY: as above.
        unsafe {
            free(block, small);
            free(other, large);
        }
    }

    #[test]
    fn a_list_keeps_no_more_than_its_room() {
        let layout = Layout::from_size_align(96, 16).unwrap();
        let blocks: Vec<_> = (0..KEPT + 10).map(|_| allocate(layout)).collect();
        for block in blocks {
            // SAFETY: allocated with this layout, and not used again.
            unsafe { free(block, layout) };
        }
        MEMORY.with(|memory| assert_eq!(memory.0[6].length.get(), KEPT));
    }
}
