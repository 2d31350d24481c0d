//! Runs one future under the virtual clock: the clock moves while it is pending.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::task::Wake;

use super::socket::Shared;

/// Polls of one future without anything that moves.
const MOST_IDLE_POLLS: usize = 10_000;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the future to its end, or until the check has failed.
pub(super) fn run(world: &Shared, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    let mut idle = 0;
    loop {
        flag.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(()) = future.as_mut().poll(&mut context) {
            return;
        }
        let ended = world.with(|world| {
            if world.violation.is_some() {
                idle += 1;
                // It has been told by errors; a future that goes on all the same is dropped.
                return idle > 100;
            }
            if flag.0.load(Ordering::Relaxed) {
                idle += 1;
                if idle > MOST_IDLE_POLLS {
                    world.violate("spins: it wakes itself again and again");
                }
                return false;
            }
            idle = 0;
            world.sleep_until(None, "in a future");
            false
        });
        if ended {
            return;
        }
    }
}
