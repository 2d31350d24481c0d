//! Measures parts of the program: instructions by callgrind, time, allocations, and bytes that stay
//! in use.
//!
//! A part belongs to a role. Callgrind counts the parts of the watched role; all else is counted for
//! both roles at once.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::time::{Duration, Instant};

use crate::heap;

/// Whose work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Initiator,
    Responder,
}

impl Role {
    pub const BOTH: [Self; 2] = [Self::Initiator, Self::Responder];

    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Responder => "responder",
        }
    }
}

/// What the parts of one role came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub time: Duration,
    /// Allocations and reallocations.
    pub allocations: u64,
    /// Bytes allocated in the parts and not freed in them.
    pub live: i64,
}

#[derive(Default)]
struct State {
    watched: Option<Role>,
    costs: [Cost; 2],
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

unsafe extern "C" {
    fn callgrind_toggle();
    fn callgrind_dump(name: *const c_char);
    fn callgrind_start();
    fn callgrind_stop();
}

/// Has callgrind count this role's parts from now on.
pub fn watch(role: Option<Role>) {
    STATE.with_borrow_mut(|state| state.watched = role);
}

/// Runs a part that belongs to `role`.
pub fn run<T>(role: Role, part: impl FnOnce() -> T) -> T {
    let watched = STATE.with_borrow(|state| state.watched == Some(role));
    let (calls, live) = (heap::calls(), heap::live());
    let start = Instant::now();
    let result = if watched { counted(part) } else { part() };
    let time = start.elapsed();
    let (calls, live) = (heap::calls() - calls, heap::live().wrapping_sub(live));
    STATE.with_borrow_mut(|state| {
        let cost = &mut state.costs[role as usize];
        cost.time += time;
        cost.allocations += calls;
        cost.live += live.cast_signed();
    });
    result
}

fn counted<T>(part: impl FnOnce() -> T) -> T {
    // SAFETY: the request touches nothing of ours.
    unsafe { callgrind_toggle() };
    let result = part();
    // SAFETY: as above.
    unsafe { callgrind_toggle() };
    result
}

/// What the parts of `role` came to since the last call for it.
pub fn take(role: Role) -> Cost {
    STATE.with_borrow_mut(|state| std::mem::take(&mut state.costs[role as usize]))
}

/// Writes what callgrind has counted since the last call under the name `key`, and says on standard
/// output that it took `units` of work.
pub fn dump(key: &str, units: usize) {
    let name = CString::new(key).expect("a name without NUL");
    // SAFETY: the name outlives the request.
    unsafe { callgrind_dump(name.as_ptr()) };
    println!("instructions {key} {units}");
}

/// Has valgrind run the program without looking at it, which is quicker.
pub fn stop_instrumentation() {
    // SAFETY: the request touches nothing of ours.
    unsafe { callgrind_stop() }
}

/// Has valgrind look at the program again.
pub fn start_instrumentation() {
    // SAFETY: the request touches nothing of ours.
    unsafe { callgrind_start() }
}

/// Says a figure on standard output.
pub fn tell(key: &str, value: f64) {
    println!("value {key} {value}");
}
