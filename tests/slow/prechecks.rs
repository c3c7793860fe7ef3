//! Calls with a checkout key are pre-checks, whose idempotency keys have a scope of their own.

use crate::server::{Answer, Server};
use serde_json::Value;

const BODY: &[u8] = br#"{"amount":1500,"currency":"MXN","session_id":"s-1"}"#;
const OTHER: &[u8] = br#"{"amount":1501,"currency":"MXN","session_id":"s-1"}"#;

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn one_idempotency_key_is_two_decisions_by_two_kinds_of_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let kinds = ["checkout", "server"];
    let mut clients = kinds.map(|kind| server.connect_with(kind).unwrap());
    let first = clients.each_mut().map(|client| client.assess(Some("k"), BODY).unwrap());
    for (answer, attempt) in first.iter().zip([1, 2]) {
        assert_eq!((answer.status, answer.replayed), (200, false), "{}", json(answer));
        assert_eq!(json(answer)["attempt"], attempt, "the pre-check and the payment are two attempts");
    }
    for (client, first) in clients.iter_mut().zip(&first) {
        let repeat = client.assess(Some("k"), BODY).unwrap();
        assert_eq!((repeat.status, repeat.replayed), (200, true));
        assert_eq!(repeat.body, first.body, "each scope repeats its own");
        let conflict = client.assess(Some("k"), OTHER).unwrap();
        assert_eq!((conflict.status, conflict.replayed), (409, false));
        assert_eq!(json(&conflict)["error"]["code"], "IDEMPOTENCY_CONFLICT");
    }
    // What one scope holds is no conflict in the other.
    let [checkout, backend] = &mut clients;
    assert_eq!(checkout.assess(Some("k2"), BODY).unwrap().status, 200);
    let other = backend.assess(Some("k2"), OTHER).unwrap();
    assert_eq!((other.status, other.replayed), (200, false), "{}", json(&other));
}
