//! The vectors of the RFCs, and a client that can be told to misbehave.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const DECOY: Decoy = Decoy { secret: [9; 32], iterations: ITERATIONS_MIN };

fn stored(salt: &str) -> Credentials {
    Credentials::derive("pencil", &STANDARD.decode(salt).unwrap(), ITERATIONS_MIN).unwrap()
}

fn text(step: Result<Step, Failure>) -> String {
    match step {
        Ok(Step::Challenge(data)) => String::from_utf8(data).unwrap(),
        Ok(Step::LookUp { account }) => format!("look up {account}"),
        Ok(Step::Success { account, additional }) => {
            format!("{account} {}", String::from_utf8(additional.unwrap_or_default()).unwrap())
        }
        Err(Failure { condition, text: Some(text) }) => format!("{}: {text}", condition.as_str()),
        Err(Failure { condition, text: None }) => condition.as_str().to_owned(),
    }
}

#[test]
fn the_vectors_of_the_rfcs_hold() {
    for (mechanism, salt, client_nonce, nonce, proof, signature) in [
        (
            Mechanism::ScramSha1,
            "QSXCR+Q6sek8bf92",
            "fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            Mechanism::ScramSha256,
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ] {
        let mut exchange = Exchange::new(mechanism, "example.com", ChannelBinding::Missing, nonce.into());
        let first = format!("n,,n=user,r={client_nonce}");
        assert_eq!(text(exchange.respond(first.as_bytes())), "look up user@example.com");
        let challenge = format!("r={client_nonce}{nonce},s={salt},i=4096");
        assert_eq!(text(exchange.credentials(Some(&stored(salt)), &DECOY)), challenge);
        let last = format!("c=biws,r={client_nonce}{nonce},p={proof}");
        assert_eq!(text(exchange.respond(last.as_bytes())), format!("user@example.com v={signature}"));
        assert_eq!(text(exchange.respond(last.as_bytes())), "malformed-request: nothing more was asked for");
    }
}

/// A client's side of SCRAM; what a test leaves alone is right.
struct Client {
    mechanism: Mechanism,
    header: &'static str,
    password: &'static str,
    /// What the client believes to be the channel binding data.
    bound: &'static [u8],
    /// What the connection offers.
    offered: Option<&'static [u8]>,
    known: bool,
    /// Applied to client-final-message after the proof was made.
    spoil: fn(String) -> String,
}

const USUAL: Client = Client {
    mechanism: Mechanism::ScramSha256,
    header: "n,,",
    password: "pencil",
    bound: b"",
    offered: None,
    known: true,
    spoil: |message| message,
};

const BOUND: Client = Client {
    mechanism: Mechanism::ScramSha256Plus,
    header: "p=tls-exporter,,",
    bound: b"exported",
    offered: Some(b"exported"),
    ..USUAL
};

impl Client {
    /// Everything that the server says, one step a line.
    fn log_in(&self) -> Vec<String> {
        let binding = ChannelBinding::from_exporter(self.offered.map(<[u8]>::to_vec));
        let mut exchange = Exchange::new(self.mechanism, "localhost", binding, "SERVER".into());
        let bare = "n=user,r=CLIENT";
        let mut said = vec![text(exchange.respond(format!("{}{bare}", self.header).as_bytes()))];
        if !said[0].starts_with("look up") {
            return said;
        }
        let credentials = stored("c2FsdHNhbHRzYWx0c2FsdA==");
        let challenge = text(exchange.credentials(self.known.then_some(&credentials), &DECOY));
        let last = self.last(&format!("{bare},{challenge}"), &challenge);
        said.push(challenge);
        said.push(text(exchange.respond(last.as_bytes())));
        said
    }

    fn last(&self, before: &str, challenge: &str) -> String {
        let hash = match self.mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Hash::Sha1,
            _ => Hash::Sha256,
        };
        let binding = STANDARD.encode([self.header.as_bytes(), self.bound].concat());
        let without_proof = format!("c={binding},r=CLIENTSERVER");
        let salt = challenge.split(',').find_map(|part| part.strip_prefix("s=")).unwrap();
        let salted = hash.salted_password(self.password.as_bytes(), &STANDARD.decode(salt).unwrap(), ITERATIONS_MIN);
        let client_key = hash.hmac(&salted, b"Client Key");
        let signature = hash.hmac(&hash.digest(&client_key), format!("{before},{without_proof}").as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        (self.spoil)(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    fn outcome(&self) -> String {
        self.log_in().pop().unwrap()
    }
}

#[test]
fn who_proves_the_password_is_in() {
    for client in [
        USUAL,
        BOUND,
        Client { mechanism: Mechanism::ScramSha1, ..USUAL },
        Client { mechanism: Mechanism::ScramSha1Plus, ..BOUND },
        // A client that knows no channel binding may log in where some is offered.
        Client { offered: Some(b"exported"), ..USUAL },
        // One that does, where none is offered.
        Client { header: "y,,", ..USUAL },
        Client { header: "n,a=user@localhost,", ..USUAL },
    ] {
        assert!(client.outcome().starts_with("user@localhost v="), "{:?} {}", client.mechanism, client.outcome());
    }
}

/// The right proof with a byte behind it.
fn lengthened(message: String) -> String {
    let (before, proof) = message.split_once(",p=").unwrap();
    let proof = [&STANDARD.decode(proof).unwrap()[..], &[0]].concat();
    format!("{before},p={}", STANDARD.encode(proof))
}

#[test]
fn everything_else_fails() {
    let expected = expect_test::expect![[r#"
        wrong password: not-authorized
        unknown user: not-authorized
        y where -PLUS was offered: not-authorized: channel binding was offered, and did not reach you
        y with -PLUS: malformed-request: a mechanism whose name ends in -PLUS needs channel binding
        n with -PLUS: malformed-request: a mechanism whose name ends in -PLUS needs channel binding
        p= without -PLUS: malformed-request: channel binding needs a mechanism whose name ends in -PLUS
        another type: malformed-request: the only type of channel binding offered is tls-exporter
        other data: not-authorized: the channel binding is not that of this connection
        no data: not-authorized: the channel binding is not that of this connection
        data where none belongs: not-authorized: the channel binding is not that of this connection
        header changed: not-authorized: the channel binding is not that of this connection
        for somebody else: invalid-authzid: the authorization identity is not the bare JID of the user
        other nonce: malformed-request: the nonce is not the one that was sent
        proof cut: not-authorized
        proof empty: not-authorized
        proof lengthened: not-authorized
        message changed: not-authorized
        not canonical base64: incorrect-encoding: an attribute is not base64
    "#]];
    let cases: [(&str, Client); 18] = [
        ("wrong password", Client { password: "Pencil", ..USUAL }),
        ("unknown user", Client { known: false, ..USUAL }),
        ("y where -PLUS was offered", Client { header: "y,,", offered: Some(b"exported"), ..USUAL }),
        ("y with -PLUS", Client { header: "y,,", ..BOUND }),
        ("n with -PLUS", Client { header: "n,,", ..BOUND }),
        ("p= without -PLUS", Client { mechanism: Mechanism::ScramSha256, ..BOUND }),
        ("another type", Client { header: "p=tls-unique,,", ..BOUND }),
        ("other data", Client { bound: b"exporteD", ..BOUND }),
        ("no data", Client { bound: b"", ..BOUND }),
        ("data where none belongs", Client { bound: b"exported", ..USUAL }),
        ("header changed", Client { spoil: |m| m.replace("c=biws", "c=eSws"), ..USUAL }),
        ("for somebody else", Client { header: "n,a=admin@localhost,", ..USUAL }),
        ("other nonce", Client { spoil: |m| m.replace("SERVER", "SERVES"), ..USUAL }),
        ("proof cut", Client { spoil: |m| format!("{}p=AAAA", &m[..m.find("p=").unwrap()]), ..USUAL }),
        ("proof empty", Client { spoil: |m| format!("{}p=", &m[..m.find("p=").unwrap()]), ..USUAL }),
        ("proof lengthened", Client { spoil: lengthened, ..USUAL }),
        ("message changed", Client { spoil: |m| m.replace(",p=", ",x=y,p="), ..USUAL }),
        ("not canonical base64", Client { spoil: |m| m.trim_end_matches('=').to_owned(), ..USUAL }),
    ];
    let outcomes: String = cases.iter().map(|(name, client)| format!("{name}: {}\n", client.outcome())).collect();
    expected.assert_eq(&outcomes);
}

#[test]
fn an_unknown_user_sees_what_a_known_one_with_a_wrong_password_sees() {
    for usual in [USUAL, BOUND] {
        let [unknown, wrong] = [true, false].map(|known| Client { known, password: "wrong", ..usual }.log_in());
        let shape = |said: &[String]| said.iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(shape(&unknown), shape(&wrong));
        assert_eq!(unknown.last(), wrong.last());
        // The decoy's salt is the same at every attempt.
        assert_eq!(Client { known: false, ..usual }.log_in()[1], Client { known: false, ..usual }.log_in()[1]);
    }
}
