//! Tests of SASL exchanges, and the functions that they share.

mod choice;
mod downgrade;
mod fast;
mod hostile_client;
mod hostile_server;
mod pairs;
mod pin;
mod random;
mod secrecy;
mod upgrade;
mod vectors;
mod work;

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::*;

/// Answers with the keys of the account `user`, whose password is `pencil`.
fn account(hash: Hash) -> CredentialAnswer {
    let keys = ScramKeys::derive(hash, &pencil(), b"sixteen octets..", 4096).unwrap();
    CredentialAnswer::keys("user".to_owned(), keys)
}

fn pencil() -> Password {
    Password::ascii("pencil").unwrap()
}

fn user() -> Username {
    Username::ascii("user").unwrap()
}

fn decoy() -> Decoy {
    Decoy::new(&[7; 32], 4096)
}

fn exporter() -> ChannelBindingData {
    ChannelBindingData::tls_exporter(core::array::from_fn(|index| u8::try_from(index).unwrap()))
}

fn end_point() -> ChannelBindingData {
    ChannelBindingData::tls_server_end_point(&[9; 32]).unwrap()
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.as_bytes().to_vec()).unwrap()
}

/// Works until there is a response, and returns it.
fn respond(mechanism: &mut dyn Mechanism, step: MechanismStep) -> Secret {
    let mut step = step;
    loop {
        match step {
            MechanismStep::Respond(data) => return data,
            MechanismStep::Working => step = mechanism.work().unwrap(),
        }
    }
}

/// Works until the step is another one, and returns it.
fn work_off(acceptor: &mut dyn Acceptor, step: AcceptorStep) -> AcceptorStep {
    let mut step = step;
    while matches!(step, AcceptorStep::Working) {
        step = acceptor.work();
    }
    step
}

/// How an exchange ended.
#[derive(Debug)]
enum End {
    Success(Identity, LoginResult),
    Failure(SaslCondition),
    ClientError(SaslError),
}

/// Which of the two forms of an exchange is used (RFC 6120 6.3.10).
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Initial response in `<auth/>`, additional data in `<success/>`.
    Short,
    /// Empty `<auth/>`, final data in a `<challenge/>`, empty response.
    Long,
}

/// Runs a whole exchange, in which the application gives `answer` to every query.
fn run(
    client: &mut dyn Mechanism,
    server: &mut dyn Acceptor,
    answer: &CredentialAnswer,
    form: Form,
) -> End {
    assert_eq!(client.name(), server.name());
    let initial = client.initial().unwrap();
    let mut step = match form {
        Form::Short => server.response(initial.as_ref().map(Secret::as_bytes)),
        Form::Long => match server.response(None) {
            AcceptorStep::Challenge(empty) => {
                assert!(empty.is_empty());
                server.response(Some(initial.unwrap().as_bytes()))
            }
            step => step,
        },
    };
    loop {
        step = match step {
            AcceptorStep::Working => server.work(),
            AcceptorStep::Ask(_) => server.provide(answer.clone()),
            AcceptorStep::Challenge(data) => match client.challenge(data.as_bytes()) {
                Ok(next) => {
                    let response = respond(client, next);
                    server.response(Some(response.as_bytes()))
                }
                Err(error) => return End::ClientError(error),
            },
            AcceptorStep::Failure(condition) => return End::Failure(condition),
            AcceptorStep::Success { identity, data, .. } => {
                let data = match (form, data) {
                    (Form::Long, Some(data)) => {
                        let step = client.challenge(data.as_bytes()).unwrap();
                        assert!(respond(client, step).is_empty());
                        None
                    }
                    (_, data) => data,
                };
                return match client.success(data.as_ref().map(Secret::as_bytes)) {
                    Ok(outcome) => End::Success(identity, outcome),
                    Err(error) => End::ClientError(error),
                };
            }
        }
    }
}
