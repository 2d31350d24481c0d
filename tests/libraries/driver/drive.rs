//! The drivers under one interface: each call runs to its end, on an executor of the driver's own.

use std::future::Future;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use smol::Timer;
use tokio::runtime::Runtime;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::driver::{Next, NotSentError, blocking, futures, tokio as on_tokio};
use xmpp_stream::{CloseTcp, Initiator, Ticket};

/// A client's driver.
pub(crate) trait Drive: Send {
    fn next(&mut self) -> Next;
    fn send(&mut self, element: &str) -> Result<Ticket, NotSentError>;
    fn close(&mut self) -> CloseTcp;
    fn abort(&mut self);
    /// Sends the element as often as there is room, at most twice; how often.
    fn fill(&mut self, element: &str) -> usize;
}

type New = fn(Arc<InitiatorConfig>, TcpStream) -> Box<dyn Drive>;

/// Every driver, and those with futures also with futures that are dropped again and again.
pub(crate) const DRIVERS: [(&str, New); 5] = [
    ("blocking", |config, tcp| {
        Box::new(blocking::Driver::initiator(config, tcp))
    }),
    ("futures", |config, tcp| {
        Box::new(Smol::new(config, tcp, Calls::Kept))
    }),
    ("futures, cancelled", |config, tcp| {
        Box::new(Smol::new(config, tcp, Calls::Cancelled))
    }),
    ("tokio", |config, tcp| {
        Box::new(Tokio::new(config, tcp, Calls::Kept))
    }),
    ("tokio, cancelled", |config, tcp| {
        Box::new(Tokio::new(config, tcp, Calls::Cancelled))
    }),
];

/// What becomes of the futures of `next` and `send` that are not ready soon.
#[derive(Clone, Copy)]
enum Calls {
    Kept,
    Cancelled,
}

/// How soon.
const PATIENCE: Duration = Duration::from_micros(300);

impl Drive for blocking::Driver<InitiatorRole> {
    fn next(&mut self) -> Next {
        self.next()
    }

    fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        self.send(element)
    }

    fn close(&mut self) -> CloseTcp {
        self.close()
    }

    fn abort(&mut self) {
        self.machine_mut().abort();
    }

    fn fill(&mut self, element: &str) -> usize {
        fill(self.machine_mut(), element)
    }
}

fn fill(machine: &mut Initiator, element: &str) -> usize {
    let mut session = machine.session().unwrap();
    (0..2).take_while(|_| session.send(element).is_ok()).count()
}

/// The driver over `futures-io`, on smol.
struct Smol {
    driver: futures::Driver<InitiatorRole, smol::Async<TcpStream>, Timer>,
    calls: Calls,
}

impl Smol {
    fn new(config: Arc<InitiatorConfig>, tcp: TcpStream, calls: Calls) -> Self {
        tcp.set_nodelay(true).unwrap();
        let tcp = smol::Async::new(tcp).unwrap();
        Self {
            driver: futures::Driver::initiator(config, tcp, Timer::after),
            calls,
        }
    }
}

/// The future's output; `None` if it is dropped before.
async fn soon<T>(future: impl Future<Output = T>, calls: Calls) -> Option<T> {
    let too_late = async {
        match calls {
            Calls::Kept => std::future::pending().await,
            Calls::Cancelled => Timer::after(PATIENCE).await,
        };
        None
    };
    smol::future::or(async { Some(future.await) }, too_late).await
}

impl Drive for Smol {
    fn next(&mut self) -> Next {
        smol::block_on(async {
            loop {
                if let Some(next) = soon(self.driver.next(), self.calls).await {
                    return next;
                }
            }
        })
    }

    fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        smol::block_on(async {
            loop {
                if let Some(sent) = soon(self.driver.send(element), self.calls).await {
                    return sent;
                }
            }
        })
    }

    fn close(&mut self) -> CloseTcp {
        smol::block_on(async {
            loop {
                if let Some(close) = soon(self.driver.close(), self.calls).await {
                    return close;
                }
            }
        })
    }

    fn abort(&mut self) {
        self.driver.machine_mut().abort();
    }

    fn fill(&mut self, element: &str) -> usize {
        fill(self.driver.machine_mut(), element)
    }
}

/// The driver for tokio, on a runtime of one thread.
struct Tokio {
    driver: on_tokio::Driver<InitiatorRole, tokio::net::TcpStream>,
    runtime: Runtime,
    calls: Calls,
}

impl Tokio {
    fn new(config: Arc<InitiatorConfig>, tcp: TcpStream, calls: Calls) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let tcp = {
            let _entered = runtime.enter();
            tokio::net::TcpStream::from_std(tcp).unwrap()
        };
        Self {
            driver: on_tokio::Driver::initiator(config, tcp),
            runtime,
            calls,
        }
    }
}

impl Drive for Tokio {
    fn next(&mut self) -> Next {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    next = self.driver.next() => return next,
                    () = too_late(self.calls) => {}
                }
            }
        })
    }

    fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    sent = self.driver.send(element) => return sent,
                    () = too_late(self.calls) => {}
                }
            }
        })
    }

    fn close(&mut self) -> CloseTcp {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    close = self.driver.close() => return close,
                    () = too_late(self.calls) => {}
                }
            }
        })
    }

    fn abort(&mut self) {
        self.driver.machine_mut().abort();
    }

    fn fill(&mut self, element: &str) -> usize {
        fill(self.driver.machine_mut(), element)
    }
}

async fn too_late(calls: Calls) {
    match calls {
        Calls::Kept => std::future::pending().await,
        Calls::Cancelled => tokio::time::sleep(PATIENCE).await,
    }
}
