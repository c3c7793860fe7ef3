//! How long reading and writing a typical body takes; run by hand with `--ignored --nocapture`.

use super::{canonical, read};
use crate::base::clock::{Clock, SystemClock};
use std::hint::black_box;
use std::time::Duration;

const BODY: &str = r#"{"amount":1500.00,"currency":"MXN","amount_unit":"major","transaction_type":"payment",
"session_id":"ps_1716998400000_a1b2c3d4e","email":"Ana.Perez@Example.com","phone":"+52 55 1234 5678",
"customer_id":"cus_8f2b6c1d","order_id":"ORD-2026-000123","payment_id":"pay_77f0a1","idempotency_key":"7d1f0c9e-2a51-4b6e",
"payment_method":{"type":"card","card_brand":"visa","card_bin":"41111111","card_last4":"1111",
"card_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","card_country":"MX"},
"device":{"ip":"203.0.113.7","fingerprint":"fp_5f3a9c71e0b24d68","language":"es-MX","timezone":"America/Mexico_City",
"user_agent":"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Mobile Safari/537.36"},
"behavior":{"session_duration_ms":48211,"mouse_movements":312,"keystrokes":95,"copy_paste_events":1},
"billing":{"country":"MX","city":"Ciudad de México","postal_code":"06600"},"metadata":{"channel":"app","items":3}}"#;

#[test]
#[ignore = "a measurement"]
fn reading_and_writing_a_typical_body() {
    let request = read(BODY.as_bytes()).unwrap();
    let stored = canonical(&request);
    println!("{} bytes given, {} canonical", BODY.len(), stored.len());
    println!("read given      {:?}", best(|| drop(black_box(read(black_box(BODY.as_bytes()))))));
    println!("read canonical  {:?}", best(|| drop(black_box(read(black_box(&stored))))));
    println!("write canonical {:?}", best(|| drop(black_box(canonical(black_box(&request))))));
}

/// The best of many rounds, each long enough for the clock.
fn best(work: impl Fn()) -> Duration {
    let round = || {
        let start = SystemClock.elapsed();
        (0..2_000).for_each(|_| work());
        (SystemClock.elapsed() - start) / 2_000
    };
    (0..50).map(|_| round()).min().unwrap()
}
