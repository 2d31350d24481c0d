//! Counts the work of reading, for tests that double an input and compare the cost. Without tests,
//! or without `std`, nothing is counted.

#[cfg(all(test, feature = "std"))]
mod counter {
    use core::cell::Cell;

    std::thread_local! {
        static DONE: Cell<usize> = const { Cell::new(0) };
    }

    /// Adds steps: visited nodes and attributes, and bytes that were looked at.
    pub(crate) fn count(steps: usize) {
        DONE.set(DONE.get() + steps);
    }

    /// Returns the steps of `work`, and what it returned.
    pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (usize, T) {
        let before = DONE.get();
        let done = work();
        (DONE.get() - before, done)
    }
}

#[cfg(all(test, feature = "std"))]
pub(crate) use counter::{count, measure};

#[cfg(not(all(test, feature = "std")))]
pub(crate) const fn count(_: usize) {}
