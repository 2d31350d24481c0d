//! What both stores promise.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{Change, Letter, Outcome, Place, Session, Snapshot, Store};

const JID: &str = "alice@localhost/desk";

fn change<'a>(owner: &'a str, session: Session<'a>) -> Change<'a> {
    Change {
        name: "alice/1",
        owner,
        jid: JID,
        session,
        sent: 0,
        letters: &[],
    }
}

fn snapshot(state: &[u8]) -> Snapshot<'_> {
    Snapshot { state, until: 100 }
}

fn letters(numbers: &[u32]) -> Vec<Letter> {
    let letter = |number: &u32| Letter {
        to: JID.into(),
        stanza: number.to_string(),
    };
    numbers.iter().map(letter).collect()
}

/// Each store in turn, open twice.
fn stores(test: fn(&mut dyn Store, &mut dyn Store)) {
    let folder = std::env::temp_dir().join(format!(
        "cluster-store-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let place = Place::from(format!("sqlite:{}", file("db")).as_str());
    test(
        place.open().unwrap().as_mut(),
        place.open().unwrap().as_mut(),
    );

    let redis = Server::start(&file("socket"));
    let place = Place::from(format!("redis+unix://{}", file("socket")).as_str());
    test(
        place.open().unwrap().as_mut(),
        place.open().unwrap().as_mut(),
    );
    drop(redis);
    std::fs::remove_dir_all(&folder).unwrap();
}

struct Server(Child);

impl Server {
    fn start(socket: &str) -> Self {
        let server = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", socket, "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server");
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            sleep(Duration::from_millis(10));
        }
        Self(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn of_two_that_take_a_session_the_first_changes_nothing_any_more() {
    stores(|one, other| {
        let begin = change("a", Session::Begin(snapshot(b"begun")));
        assert_eq!(one.commit(&begin).unwrap(), Outcome::Done);
        assert_eq!(other.take("alice/1", "b").unwrap().unwrap(), b"begun");
        let update = |owner| Change {
            letters: &[],
            ..change(owner, Session::Update(snapshot(b"updated")))
        };
        let letters = letters(&[1]);
        let late = Change {
            letters: &letters,
            ..update("a")
        };
        assert_eq!(one.commit(&late).unwrap(), Outcome::NotOwner);
        assert_eq!(one.letters(JID, 9).unwrap(), [""; 0]);
        assert_eq!(other.commit(&update("b")).unwrap(), Outcome::Done);
        assert_eq!(one.take("alice/1", "c").unwrap().unwrap(), b"updated");
        assert_eq!(other.commit(&update("b")).unwrap(), Outcome::NotOwner);
        let end = change("b", Session::End(&[]));
        assert_eq!(other.commit(&end).unwrap(), Outcome::NotOwner);
        assert_eq!(one.take("alice/2", "c").unwrap(), None);
        assert_eq!(one.take("bob/1", "c").unwrap(), None);
    });
}

#[test]
fn a_full_jid_has_one_session() {
    stores(|one, other| {
        let begin = |name, owner| Change {
            name,
            ..change(owner, Session::Begin(snapshot(b"begun")))
        };
        assert_eq!(one.commit(&begin("alice/1", "a")).unwrap(), Outcome::Done);
        let second = begin("alice/2", "b");
        assert_eq!(other.commit(&second).unwrap(), Outcome::NotOwner);
        assert_eq!(other.session_of(JID).unwrap().unwrap(), "alice/1");
        let end = change("a", Session::End(&[]));
        assert_eq!(one.commit(&end).unwrap(), Outcome::Done);
        assert_eq!(other.session_of(JID).unwrap(), None);
        assert_eq!(other.commit(&second).unwrap(), Outcome::Done);
    });
}

#[test]
fn letters_leave_with_the_session_that_sends_them_and_come_back_first() {
    stores(|one, _| {
        let all = letters(&[1, 2, 3, 4]);
        let begin = Change {
            letters: &all,
            ..change("a", Session::Begin(snapshot(b"")))
        };
        one.commit(&begin).unwrap();
        assert_eq!(one.letters(JID, 3).unwrap(), ["1", "2", "3"]);
        let update = Change {
            sent: 3,
            ..change("a", Session::Update(snapshot(b"")))
        };
        one.commit(&update).unwrap();
        assert_eq!(one.letters(JID, 3).unwrap(), ["4"]);
        let back = ["2".to_owned(), "3".to_owned()];
        one.commit(&change("a", Session::End(&back))).unwrap();
        assert_eq!(one.letters(JID, 9).unwrap(), ["2", "3", "4"]);
        assert_eq!(one.take("alice/1", "b").unwrap(), None);
    });
}

#[test]
fn a_session_expires_after_its_time() {
    stores(|one, other| {
        one.commit(&change("a", Session::Begin(snapshot(b""))))
            .unwrap();
        assert_eq!(other.expired(100).unwrap(), [""; 0]);
        assert_eq!(other.expired(101).unwrap(), ["alice/1"]);
        one.commit(&change("a", Session::End(&[]))).unwrap();
        assert_eq!(other.expired(101).unwrap(), [""; 0]);
    });
}
