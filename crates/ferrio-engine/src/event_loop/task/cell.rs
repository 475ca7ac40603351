//! A task's memory: one allocation with header, and the future or its output. What polls it, ends it and frees it.
//!
//! ```text
//!             wake                 run                     Ready, cancelled, or dropped unrun
//! waiting ──────────▶ QUEUED ──────────────▶ RUNNING ─────────────────────────────────────────▶ ENDED [OUTPUT]
//!    ▲                   ▲───── woken ──────────┤
//!    └────────────────────────── Pending ───────┘
//! ```
//!
//! A task is the loop's: its future is polled and dropped, and its state read and written, on no thread but the one that has the
//! loop. Only wakers go elsewhere, and these only count and post.
//!
//! * HOME: `HERE` is a loop's address on the one thread that has entered the loop, and nowhere else. Where a waker finds its task's
//!   address there, it may touch what is the loop's. (That is so of the ready ring, too.) Elsewhere it touches `references`, which
//!   says how, and fields that never change.
//! * LIVE: up to ENDED the memory is there: the loop holds it, and the task holds the loop's core.
//! * LEFT: after that it is there as long as the handle, a waker or a post is. With `SHARED` all of these are in the shared count;
//!   without it only the handle is left.
//! * ONCE: `QUEUED` says that the ring has the task's word; there is one at most, and none once it has ended. Besides it there may
//!   be one post, which has a reference of its own, so that who was woken both here and elsewhere may be polled twice. A post that
//!   is dropped, on any thread, drops no future.
//! * ADDRESS: the pointer is valid as long as the memory: the core has the address, and SHARED a reference of its own.
//!
//! Over 500 lines because each of these rules is kept by all of it together.

use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::future::Future;
use std::mem::{ManuallyDrop, offset_of};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::event_loop::contained::contain;
use crate::event_loop::core::{Address, Core};
use crate::event_loop::live::{TaskId, replace_polled};
use crate::event_loop::task::memory;
use crate::event_loop::task::references::References;
use crate::event_loop::task::wakers::{self, Listed};

// Of `state`. The ring has the task's word.
pub(super) const QUEUED: u16 = 1;
/// It is polled, or its future is dropped.
pub(super) const RUNNING: u16 = 2;
/// It was woken while it was polled.
pub(super) const WOKEN: u16 = 4;
/// Its future is to be dropped instead of being polled.
pub(super) const CANCELLED: u16 = 8;
/// There is a handle.
pub(super) const HANDLE: u16 = 16;
/// The future is gone.
pub(super) const ENDED: u16 = 32;
/// There is an output, which the handle has not taken yet.
pub(super) const OUTPUT: u16 = 64;
/// See LEFT.
pub(super) const SHARED: u16 = 128;
/// The handle has taken the output.
pub(super) const TAKEN: u16 = 256;

/// In a `Runnable`'s pointer: it is a post, not the ring's word. Free since headers are aligned to 16; three more bits are a door's.
const POST: usize = 8;

/// What all tasks have, whatever their future is. The id, which few ask for, is beside the future; the rest fills a cache line.
#[repr(C, align(16))]
pub(super) struct Header {
    table: &'static Table,
    pub(super) references: References,
    /// Where the loop is reached from other threads. See ADDRESS.
    pub(super) address: *const Address,
    /// An `Rc`, up to the end. Null for a call from another thread, which nobody can wake.
    core: Cell<*const Core>,
    pub(super) state: Cell<u16>,
    /// Who waits for the end.
    pub(super) awaiter: Cell<Option<Waker>>,
    /// As the list of the living has it, which a call from another thread is not on.
    pub(super) id: TaskId,
}

/// What depends on the future's type.
struct Table {
    run: unsafe fn(NonNull<Header>),
    drop_future: unsafe fn(NonNull<Header>),
    drop_output: unsafe fn(NonNull<Header>),
    /// How far behind the header the output is.
    output: usize,
    free: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Whole<F: Future> {
    header: Header,
    content: UnsafeCell<Content<F>>,
}

/// The future up to the end, then the output with `OUTPUT`, or nothing.
union Content<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<F::Output>,
}

impl<F: Future> Whole<F> {
    const TABLE: Table = Table {
        run: Self::run,
        drop_future: Self::drop_future,
        drop_output: Self::drop_output,
        output: offset_of!(Self, content),
        free: Self::free,
    };

    /// Memory with a header, where the future is still to be put.
    #[inline]
    fn allocate(core: *const Core, address: *const Address, id: TaskId, state: u16) -> NonNull<Self> {
        let whole = memory::allocate(Layout::new::<Self>()).cast::<Self>();
        let header = Header {
            table: const { &Self::TABLE },
            references: References::new(),
            address,
            core: Cell::new(core),
            state: Cell::new(state),
            awaiter: Cell::new(None),
            id,
        };
        // SAFETY: the memory is of this layout, and nobody else's.
        unsafe { (&raw mut (*whole.as_ptr()).header).write(header) };
        whole
    }

    /// Puts the future where it stays.
    ///
    /// # Safety
    /// `allocate` gave the memory, which has no future yet.
    #[inline]
    unsafe fn put(whole: NonNull<Self>, future: F) {
        let content = UnsafeCell::new(Content { future: ManuallyDrop::new(future) });
        // SAFETY: the caller's.
        unsafe { (&raw mut (*whole.as_ptr()).content).write(content) };
    }

    /// Polls the future, unless it is to be dropped.
    ///
    /// # Safety
    /// LIVE, on the loop's thread, for the ring's word.
    unsafe fn run(cell: NonNull<Header>) {
        // SAFETY: the pointer is to a whole. The future stays where it is until it is dropped there. Nobody else has a reference to
        // it: the word is there once (ONCE), and `RUNNING` keeps turns within this one away.
        unsafe {
            let header = cell.as_ref();
            let state = header.state.get();
            header.state.set((state & !QUEUED) | RUNNING);
            if state & CANCELLED != 0 {
                return drop_unrun(cell);
            }
            let unwinds = Unwinds { cell, before: replace_polled(Some(header.id)) };
            let waker = ManuallyDrop::new(wakers::waker(cell));
            let content = (*cell.cast::<Self>().as_ptr()).content.get();
            let polled = Pin::new_unchecked(&mut *(*content).future).poll(&mut Context::from_waker(&waker));
            let before = ManuallyDrop::new(unwinds).before;
            match polled {
                Poll::Pending => {
                    replace_polled(before);
                    rest(cell);
                }
                Poll::Ready(output) => {
                    Self::drop_future(cell);
                    replace_polled(before);
                    (*content).output = ManuallyDrop::new(output);
                    end(cell, OUTPUT);
                }
            }
        }
    }

    /// # Safety
    /// LIVE, on the loop's thread, once.
    unsafe fn drop_future(cell: NonNull<Header>) {
        let whole = cell.cast::<Self>().as_ptr();
        // SAFETY: the caller's: the future is there.
        contain_drop(unsafe { &mut (*(*whole).content.get()).future });
    }

    /// # Safety
    /// As long as there is one, on the loop's thread, once.
    unsafe fn drop_output(cell: NonNull<Header>) {
        let whole = cell.cast::<Self>().as_ptr();
        // SAFETY: the caller's: the output is there.
        contain_drop(unsafe { &mut (*(*whole).content.get()).output });
    }

    /// # Safety
    /// LEFT: nobody has the memory any more.
    unsafe fn free(cell: NonNull<Header>) {
        // SAFETY: the caller's; nothing is left to be dropped there but the header. The memory was allocated with this layout.
        unsafe {
            cell.drop_in_place();
            memory::free(cell.cast(), Layout::new::<Self>());
        }
    }
}

/// A task that is to be polled: the ring's word, or a post on its way to the ring. Made, run and dropped by its loop, on the thread
/// that has the loop, but for posts and for calls that can be sent, which may be dropped anywhere.
pub struct Runnable(NonNull<Header>);

// SAFETY: see the type: doors hand it to the loop, and back, and do nothing else with it.
unsafe impl Send for Runnable {}

impl Runnable {
    /// A call from another thread, of which there is only this.
    pub(crate) fn of_call(call: impl FnOnce() + Send + 'static) -> Self {
        let future = async move { contain(call) };
        let whole = Whole::allocate(ptr::null(), ptr::null(), TaskId::NOBODY, QUEUED);
        // SAFETY: just allocated.
        unsafe { Whole::put(whole, future) };
        Runnable(whole.cast())
    }

    /// Polls the task, or drops its future if it was cancelled. A panic of the future's goes through.
    pub fn run(self) {
        let (cell, is_post) = ManuallyDrop::new(self).parts();
        // SAFETY: see the type.
        unsafe {
            if !is_post || take_post(cell) {
                (cell.as_ref().table.run)(cell);
            }
        }
    }

    /// As a pointer whose three lowest bits are free.
    #[must_use]
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// What `into_raw` gave.
    ///
    /// # Safety
    /// Once for each pointer.
    #[must_use]
    pub unsafe fn from_raw(pointer: NonNull<()>) -> Self {
        Runnable(pointer.cast())
    }

    /// Leaves the task to its loop, from another thread, with a reference of its own.
    ///
    /// # Safety
    /// The reference was counted, and `References::post` has asked for this.
    pub(super) unsafe fn post(cell: NonNull<Header>) {
        // SAFETY: ADDRESS, by that reference. The loop, which may go as soon as it has the post, takes this address with it.
        let address = unsafe {
            let address = cell.as_ref().address;
            Arc::increment_strong_count(address);
            Arc::from_raw(address)
        };
        address.post(Runnable(cell.map_addr(|address| address | POST)));
    }

    fn parts(&self) -> (NonNull<Header>, bool) {
        let is_post = self.0.addr().get() & POST != 0;
        let pointer = self.0.as_ptr().map_addr(|address| address & !POST);
        // SAFETY: without the bit it is the pointer to a header.
        (unsafe { NonNull::new_unchecked(pointer) }, is_post)
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        let (cell, is_post) = self.parts();
        // SAFETY: see the type. A post has a reference, and the word of the ring is there once (ONCE).
        unsafe {
            if is_post {
                cell.as_ref().references.unpost();
                release(cell);
            } else {
                let state = &cell.as_ref().state;
                state.set((state.get() & !QUEUED) | RUNNING);
                drop_unrun(cell);
            }
        }
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable").finish_non_exhaustive()
    }
}

/// Starts a task with that number, and queues it. With it comes the handle. Its place is there before the future is moved, which is
/// so moved as few times as can be: of `spawn_many`, whose futures have 256 bytes, each time is a tenth.
#[inline]
pub(super) fn start<F: Future + 'static>(core: &Rc<Core>, number: u64, future: F) -> NonNull<Header> {
    let address = Arc::as_ptr(&core.address);
    let vacancy = core.tasks.vacancy(number);
    let whole = Whole::allocate(Rc::into_raw(core.clone()), address, vacancy.id, HANDLE);
    let cell = whole.cast();
    // SAFETY: just allocated. Then LIVE, and HOME; nobody has woken it yet.
    unsafe {
        Whole::put(whole, future);
        vacancy.fill(Listed(cell));
        if Address::is_here(address) { queue(cell) } else { wake(cell) }
    }
    cell
}

/// Has the task polled.
///
/// # Safety
/// LIVE.
pub(super) unsafe fn wake(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe { wakers::wake_by_ref(cell) }
}

/// Queues a task that is not `QUEUED` yet.
///
/// # Safety
/// LIVE, on the loop's thread (HOME).
pub(super) unsafe fn queue(cell: NonNull<Header>) {
    // SAFETY: the task holds the core.
    unsafe {
        let header = cell.as_ref();
        header.state.set(header.state.get() | QUEUED);
        ((*header.core.get()).queue)(Runnable(cell));
    }
}

/// One reference less that is in the shared count.
///
/// # Safety
/// There was one.
pub(super) unsafe fn release(cell: NonNull<Header>) {
    // SAFETY: by the reference; the last one has the memory to itself.
    unsafe {
        if cell.as_ref().references.release() {
            free(cell);
        }
    }
}

/// The handle goes.
///
/// # Safety
/// On the loop's thread, once.
#[inline]
pub(super) unsafe fn release_handle(cell: NonNull<Header>) {
    // SAFETY: LIVE, or LEFT by the handle.
    unsafe {
        let header = cell.as_ref();
        let state = header.state.get();
        let awaiter = header.awaiter.take();
        if state & ENDED == 0 {
            // The loop has it; there is no output yet.
            header.state.set(state & !HANDLE);
        } else {
            release_ended(cell);
        }
        drop(awaiter);
    }
}

/// As `release_handle`, of a task that has ended.
///
/// # Safety
/// LEFT by the handle.
unsafe fn release_ended(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe {
        let header = cell.as_ref();
        let state = header.state.get();
        if state & OUTPUT != 0 {
            (header.table.drop_output)(cell);
        }
        header.state.set(state & !(HANDLE | OUTPUT));
        if state & SHARED != 0 {
            release(cell);
        } else {
            free(cell);
        }
    }
}

/// Where the output is.
///
/// # Safety
/// With `OUTPUT`, which the caller takes away with the output, of its type.
pub(super) unsafe fn output<T>(cell: NonNull<Header>) -> *mut T {
    // SAFETY: LEFT by the handle.
    unsafe { cell.byte_add(cell.as_ref().table.output).cast().as_ptr() }
}

/// The loop has a post. Whether the task is to be polled for it: not if it is queued anyway, polled at this moment, or has ended.
///
/// # Safety
/// On the loop's thread, once for a post.
unsafe fn take_post(cell: NonNull<Header>) -> bool {
    // SAFETY: by the post's reference, which is in the shared count once the task has ended.
    unsafe {
        let header = cell.as_ref();
        header.references.unpost();
        let state = header.state.get();
        if state & ENDED != 0 {
            release(cell);
            return false;
        }
        header.references.release_own();
        header.state.set(state | if state & RUNNING != 0 { WOKEN } else { QUEUED });
        state & (RUNNING | QUEUED) == 0
    }
}

/// After a poll that gave nothing: waits, is queued again, or is dropped.
///
/// # Safety
/// LIVE, on the loop's thread; `RUNNING`.
unsafe fn rest(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe {
        let state = &cell.as_ref().state;
        if state.get() & CANCELLED != 0 {
            return drop_unrun(cell);
        }
        let was_woken = state.get() & WOKEN != 0;
        state.set(state.get() & !(RUNNING | WOKEN));
        if was_woken {
            queue(cell);
        }
    }
}

/// Drops the future of a task that gives no output.
///
/// # Safety
/// LIVE, on the loop's thread, once; `RUNNING`.
#[cold]
unsafe fn drop_unrun(cell: NonNull<Header>) {
    // SAFETY: the caller's.
    unsafe {
        let before = replace_polled(Some(cell.as_ref().id));
        (cell.as_ref().table.drop_future)(cell);
        replace_polled(before);
        end(cell, 0);
    }
}

/// The future is gone: takes the task off the list, tells who waits for it, and leaves the memory to who has it.
///
/// # Safety
/// As `drop_unrun`; the output is there if `output` says so.
unsafe fn end(cell: NonNull<Header>, output: u16) {
    // SAFETY: the caller's. No code of a program's runs between the last look at `state` and the release, after which the header is
    // not looked at.
    unsafe {
        let header = cell.as_ref();
        let has_handle = header.state.get() & HANDLE != 0;
        if !has_handle && output != 0 {
            (header.table.drop_output)(cell);
        }
        let core = header.core.replace(ptr::null());
        let core = (!core.is_null()).then(|| Rc::from_raw(core));
        if let Some(core) = &core {
            core.tasks.end(header.id);
        }
        let awaiter = header.awaiter.take();
        header.state.set(ENDED | if has_handle { HANDLE | output } else { 0 });
        if header.references.is_alone() {
            if !has_handle {
                free(cell);
            }
        } else {
            Arc::increment_strong_count(header.address);
            header.state.set(header.state.get() | SHARED);
            if header.references.share(has_handle) {
                free(cell);
            }
        }
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }
}

/// # Safety
/// LEFT: nobody else has the memory.
unsafe fn free(cell: NonNull<Header>) {
    // SAFETY: the caller's. ADDRESS: SHARED has a reference.
    unsafe {
        let header = cell.as_ref();
        let address = (header.state.get() & SHARED != 0).then(|| Arc::from_raw(header.address));
        (header.table.free)(cell);
        drop(address);
    }
}

/// Drops what is there, where nobody could take a panic.
fn contain_drop<T>(place: &mut ManuallyDrop<T>) {
    if std::mem::needs_drop::<T>() {
        // SAFETY: the caller's; the place is not looked at again.
        contain(|| unsafe { ManuallyDrop::drop(place) });
    }
}

/// Ends a task whose poll panics.
struct Unwinds {
    cell: NonNull<Header>,
    /// Which task was polled before.
    before: Option<TaskId>,
}

impl Drop for Unwinds {
    fn drop(&mut self) {
        replace_polled(self.before);
        // SAFETY: dropped by a poll that unwinds, and forgotten by all others.
        unsafe { drop_unrun(self.cell) }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(offset_of!(Header, id) == 64 && size_of::<Header>() == 80);
