//! The bodies of the JSON parsing suite, each against a running gateway.

use super::*;
use crate::base::shared;

#[tokio::test]
async fn no_body_of_the_suite_stops_it() {
    let Some(cases) = cases() else { return };
    let site = Site::usual().await;
    let bearer = format!("authorization: Bearer {}", site.server_key());
    let mut stream = site.connect().await;
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let body = base64(case["base64"].as_str().unwrap());
        let head = format!(
            "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\n{bearer}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        let answer = one_answer(&mut stream).await;
        if answer.status == 413 && body.len() > crate::base::limits::BODY_BYTES {
            stream = site.connect().await;
            continue;
        }
        // No body of the suite is a payment: some are no JSON, which has a place, the others lack fields.
        assert_eq!((answer.status, &*answer.code()), (400, "VALIDATION_ERROR"), "{name}");
        let details = &answer.json()["error"]["details"];
        let fault = details["fields"][0].clone();
        match fault["code"].as_str().unwrap() {
            "json" | "too_deep" => {
                assert!(details["position"]["offset"].is_u64() && fault["field"] == "", "{name}: {details}");
                assert_ne!(case["expect"], "accept", "{name}");
            }
            _ => assert_ne!(case["expect"], "reject", "{name}: {details}"),
        }
    }
    assert!(cases.len() > 100, "{}", cases.len());
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
}

/// None where the suite is not at hand.
fn cases() -> Option<Vec<serde_json::Value>> {
    let text = shared::unzipped("json-parsing/cases.jsonl.gz")?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|one| *one == digit).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
        bits &= (1 << held) - 1;
    }
    bytes
}
