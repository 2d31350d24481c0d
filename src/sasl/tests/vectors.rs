//! Tests of published exchanges, message by message, and of two that were computed elsewhere.
//!
//! There is no published vector for SHA-512 or -PLUS. Those here come from
//! Python's hashlib and hmac, which also give the three published ones:
//!
//! ```python
//! import base64, hashlib, hmac
//! b = lambda octets: base64.b64encode(octets).decode()
//! def scram(h, user, password, cnonce, snonce, salt, i, gs2='n,,', cb=b''):
//!     salted = hashlib.pbkdf2_hmac(h, password.encode(), salt, i)
//!     client_key = hmac.new(salted, b'Client Key', h).digest()
//!     stored_key = hashlib.new(h, client_key).digest()
//!     server_key = hmac.new(salted, b'Server Key', h).digest()
//!     bare = f'n={user},r={cnonce}'
//!     first = f'r={cnonce}{snonce},s={b(salt)},i={i}'
//!     final = f'c={b(gs2.encode() + cb)},r={cnonce}{snonce}'
//!     message = ','.join([bare, first, final]).encode()
//!     signature = hmac.new(stored_key, message, h).digest()
//!     proof = bytes(x ^ y for x, y in zip(client_key, signature))
//!     v = hmac.new(server_key, message, h).digest()
//!     return gs2 + bare, first, f'{final},p={b(proof)}', 'v=' + b(v)
//! ```

use super::*;

struct Vector {
    hash: Hash,
    binding: ClientBinding,
    username: &'static str,
    password: &'static str,
    salt: &'static [u8],
    iterations: u32,
    client_nonce: &'static str,
    server_nonce: &'static str,
    client_first: &'static str,
    server_first: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

impl Vector {
    /// Checks that both sides send what the vector says, and succeed.
    fn check(self) {
        let password = Password::ascii(self.password).unwrap();
        let acceptor_binding = match &self.binding {
            ClientBinding::Bound(data) => AcceptorBinding::Used([data.clone()].into()),
            ClientBinding::Unsupported | ClientBinding::NotOffered => AcceptorBinding::Absent,
        };
        let mut client = ScramClient::with_nonce(
            self.hash,
            Username::ascii(self.username).unwrap(),
            ScramCredentials::password(password.clone()),
            self.binding,
            self.client_nonce.into(),
        );
        let mut server = ScramAcceptor::with_nonce(
            self.hash,
            acceptor_binding,
            decoy(),
            self.server_nonce.into(),
        );

        let first = client.initial().unwrap().unwrap();
        assert_eq!(text(&first), self.client_first);
        let AcceptorStep::Ask(CredentialQuery::ScramKeys { username, hash, .. }) =
            server.response(Some(first.as_bytes()))
        else {
            panic!("no question");
        };
        assert_eq!((username.as_str(), hash), (self.username, self.hash));
        let keys = ScramKeys::derive(self.hash, &password, self.salt, self.iterations).unwrap();
        let AcceptorStep::Challenge(challenge) =
            server.provide(CredentialAnswer::keys(username, keys))
        else {
            panic!("no challenge");
        };
        assert_eq!(text(&challenge), self.server_first);
        let step = client.challenge(challenge.as_bytes()).unwrap();
        assert_eq!(step, MechanismStep::Working);
        let response = respond(&mut client, step);
        assert_eq!(text(&response), self.client_final);
        let AcceptorStep::Success {
            data: Some(data), ..
        } = server.response(Some(response.as_bytes()))
        else {
            panic!("no success");
        };
        assert_eq!(text(&data), self.server_final);
        let outcome = client.success(Some(data.as_bytes())).unwrap();
        assert_eq!(outcome.server(), ServerProof::Verified);
    }
}

#[test]
fn rfc5802_5_example() {
    Vector {
        hash: Hash::Sha1,
        binding: ClientBinding::Unsupported,
        username: "user",
        password: "pencil",
        salt: &[
            0x41, 0x25, 0xc2, 0x47, 0xe4, 0x3a, 0xb1, 0xe9, 0x3c, 0x6d, 0xff, 0x76,
        ],
        iterations: 4096,
        client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        client_first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                       p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    }
    .check();
}

#[test]
fn rfc6120_9_1_2_example() {
    Vector {
        hash: Hash::Sha1,
        binding: ClientBinding::Unsupported,
        username: "juliet",
        password: "r0m30myr0m30",
        salt: b"68da3408-4f4f-467f-912e-49f53f43d033",
        iterations: 4096,
        client_nonce: "oMsTAAwAAAAMAAAANP0TAAAAAABPU0AA",
        server_nonce: "e124695b-69a9-4de6-9c30-b51b3808c59e",
        client_first: "n,,n=juliet,r=oMsTAAwAAAAMAAAANP0TAAAAAABPU0AA",
        server_first: "r=oMsTAAwAAAAMAAAANP0TAAAAAABPU0AAe124695b-69a9-4de6-9c30-b51b3808c59e,\
                       s=NjhkYTM0MDgtNGY0Zi00NjdmLTkxMmUtNDlmNTNmNDNkMDMz,i=4096",
        client_final: "c=biws,\
                       r=oMsTAAwAAAAMAAAANP0TAAAAAABPU0AAe124695b-69a9-4de6-9c30-b51b3808c59e,\
                       p=UA57tM/SvpATBkH2FXs0WDXvJYw=",
        server_final: "v=pNNDFVEQxuXxCoSEiW8GEZ+1RSo=",
    }
    .check();
}

/// `W22ZaJ0SNY7soEsUEjb6gQ==`, the salt of RFC 7677 3.
const SALT_7677: &[u8] = &[
    0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
];

#[test]
fn rfc7677_3_example() {
    Vector {
        hash: Hash::Sha256,
        binding: ClientBinding::Unsupported,
        username: "user",
        password: "pencil",
        salt: SALT_7677,
        iterations: 4096,
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    }
    .check();
}

#[test]
fn sha512_as_python_computes_it() {
    Vector {
        hash: Hash::Sha512,
        binding: ClientBinding::Unsupported,
        username: "user",
        password: "pencil",
        salt: SALT_7677,
        iterations: 10_000,
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10000",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=sScffJ11LZ4TfY4PVI/6/9rMIHpix12AijdjQOPWK26er2vRtW/osDSi/hegaCFWfI91sJZ\
                       d0bevncVEhUg0wQ==",
        server_final: "v=RjtcFh+1kT0TmNH2klLiCXHiJLvMLwWuSSjecIns8FBSn0XXRb3iv2qU96STCkYC2Go0feONy\
                       lPqhw46oweC5A==",
    }
    .check();
}

/// The exporter value is the octets 0 to 31.
#[test]
fn sha256_plus_as_python_computes_it() {
    Vector {
        hash: Hash::Sha256,
        binding: ClientBinding::Bound(exporter()),
        username: "user",
        password: "pencil",
        salt: SALT_7677,
        iterations: 4096,
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        client_first: "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
                       r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M=",
        server_final: "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs=",
    }
    .check();
}
