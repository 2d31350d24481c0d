//! One session on two connections, which resume it on both nodes at once and each send a message. Whoever
//! comes later takes the session over; of the other one nothing may be stored any more.

use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use xmpp_stream::sm::SmState;
use xmpp_stream::time::StdClock;
use xmpp_stream::{Action, Event, Initiator};

use crate::client::Account;
use crate::cluster::Cluster;
use crate::{Failure, tcp};

pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a second message is waited for, after the first.
const MOMENT: Duration = Duration::from_millis(30);

#[derive(Debug, Default)]
pub struct Raced {
    /// Races after which a message has arrived.
    pub arrived: u64,
    /// Races after which more than one has, or both were acknowledged.
    pub twice: u64,
    /// Races in which both connections were resumed at some time.
    pub both: u64,
}

pub fn run(cluster: &Cluster, races: u64) -> Result<Raced, Failure> {
    let nodes = cluster.addresses();
    let carol = Account::new("carol", cluster)?;
    let dave = Account::new("dave", cluster)?;
    let inbox = Inbox::default();
    let mut raced = Raced::default();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| inbox.receive(&dave, &nodes[0]));
        let all = (0..races).try_for_each(|race| {
            let [one, other] = run_one(&carol, &nodes, race, dave.jid.as_str())?;
            let arrived = inbox.wait_for(race);
            raced.arrived += u64::from(arrived > 0);
            raced.twice += u64::from(arrived > 1 || (one.acknowledged && other.acknowledged));
            raced.both += u64::from(one.resumed && other.resumed);
            Ok::<_, Failure>(())
        });
        inbox.is_over.store(true, SeqCst);
        receiver.join().map_err(|_| "the receiver panicked")??;
        all
    })?;
    Ok(raced)
}

fn run_one(
    account: &Account,
    nodes: &[String],
    race: u64,
    to: &str,
) -> Result<[Racer; 2], Failure> {
    let state = begin(account, &nodes[usize::from(race % 2 == 1)])?;
    let barrier = Barrier::new(2);
    let racer = |node: &String| {
        barrier.wait();
        resume(account, node, state.clone(), race, to)
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| racer(&nodes[1]));
        (racer(&nodes[0]), other.join())
    });
    Ok([one?, other.map_err(|_| "a racer panicked")??])
}

/// The numbers of the races whose messages have arrived.
#[derive(Default)]
struct Inbox {
    races: Mutex<Vec<u64>>,
    is_over: AtomicBool,
}

impl Inbox {
    fn receive(&self, account: &Account, node: &str) -> Result<(), Failure> {
        let mut on_event = |event: &Event<'_>| {
            if let Event::Stanza(stanza) = event {
                let id = stanza.attr("id").and_then(|id| id.parse::<u64>().ok());
                self.races.lock().expect("no panic").extend(id);
            }
        };
        let act = |machine: &mut Initiator| {
            let is_over = self.is_over.load(SeqCst);
            if is_over {
                machine.abort();
            }
            is_over
        };
        drive(account, node, None, &mut on_event, act).map(|_| ())
    }

    /// Waits for the first message of a race, and a moment for a second. Returns how many there are.
    fn wait_for(&self, race: u64) -> usize {
        let count = || {
            let races = self.races.lock().expect("no panic");
            races.iter().filter(|id| **id == race).count()
        };
        let clock = StdClock::new();
        let end = clock.now() + PATIENCE;
        while count() == 0 && clock.now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(MOMENT);
        count()
    }
}

/// A session, whose TCP has just broken.
fn begin(account: &Account, node: &str) -> Result<SmState, Failure> {
    let is_managed = AtomicBool::new(false);
    let mut on_event = |event: &Event<'_>| {
        is_managed.fetch_or(matches!(event, Event::ManagementEnabled(_)), SeqCst);
    };
    let act = |machine: &mut Initiator| {
        let is_managed = is_managed.load(SeqCst);
        if is_managed {
            machine.abort();
        }
        is_managed
    };
    let state = drive(account, node, None, &mut on_event, act)?;
    state.ok_or_else(|| "no session to race for".into())
}

#[derive(Debug, Default)]
struct Racer {
    resumed: bool,
    acknowledged: bool,
}

fn resume(
    account: &Account,
    node: &str,
    state: SmState,
    race: u64,
    to: &str,
) -> Result<Racer, Failure> {
    let racer = Mutex::new(Racer::default());
    let clock = StdClock::new();
    let end = clock.now() + PATIENCE;
    let mut on_event = |event: &Event<'_>| {
        let mut racer = racer.lock().expect("no panic");
        match event {
            Event::Established(established) => racer.resumed = established.resumed().is_some(),
            Event::Acknowledged(_) => racer.acknowledged = true,
            _ => {}
        }
    };
    let mut has_sent = false;
    let act = |machine: &mut Initiator| {
        let racer = racer.lock().expect("no panic");
        if racer.acknowledged || clock.now() > end {
            machine.abort();
            return true;
        }
        let session = machine.session().filter(|_| racer.resumed && !has_sent);
        let Some(mut session) = session else {
            return false;
        };
        has_sent = true;
        session
            .send(&format!("<message to='{to}' id='{race}'/>"))
            .is_ok()
    };
    drive(account, node, Some(state), &mut on_event, act)?;
    Ok(racer.into_inner()?)
}

/// Drives a connection to its end. `act` says whether it has called into the machine.
pub fn drive(
    account: &Account,
    node: &str,
    state: Option<SmState>,
    on_event: &mut dyn FnMut(&Event<'_>),
    mut act: impl FnMut(&mut Initiator) -> bool,
) -> Result<Option<SmState>, Failure> {
    let mut socket = TcpStream::connect(node)?;
    tcp::prepare(&socket)?;
    let clock = StdClock::new();
    let mut machine = account.machine(state, clock)?;
    loop {
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => on_event(&event),
            Action::Wait(wait) => {
                if !act(&mut machine) {
                    tcp::exchange(&mut socket, &mut machine, wait, now)?;
                }
            }
            Action::CloseTcp(_) => return Ok(machine.take_sm_state()),
        }
        account.keep_keys(&mut machine);
    }
}
