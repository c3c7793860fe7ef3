//! A payment to change, and the shipped catalogue.

use super::*;
use crate::base::country::Country;
use crate::base::currency::Currency;
use crate::base::time::Ms;
use crate::domain::access::OrganizationKind;
use crate::domain::payin::{Address, Behavior, Device, Email, PayinRequest, PaymentMethod, Phone};
use crate::domain::settings::ScoringSettings;

pub(super) fn catalogue() -> Catalogue {
    Catalogue::payin().unwrap()
}

pub(super) fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

pub(super) fn country(code: &str) -> Option<Country> {
    Some(Country::from_code(code).unwrap())
}

pub(super) fn email(text: &str) -> Option<Email> {
    Some(Email { text: text.to_owned(), at: text.find('@') })
}

/// A payment with nothing but what is required.
pub(super) fn bare() -> PayinRequest {
    PayinRequest {
        amount: 1_500,
        currency: currency("MXN"),
        transaction_type: "payment".to_owned(),
        occurred_at: None,
        session_id: None,
        email: None,
        phone: None,
        customer_id: None,
        order_id: None,
        payment_id: None,
        idempotency_key: None,
        submerchant_id: None,
        payment_method: PaymentMethod::default(),
        device: Device::default(),
        behavior: Behavior::default(),
        billing: Address::default(),
        shipping: Address::default(),
        metadata: Vec::new(),
    }
}

/// A payment with every entity and nothing suspicious.
pub(super) fn full() -> PayinRequest {
    PayinRequest {
        email: email("ana@example.com"),
        phone: Some(Phone { text: "+525512345678".to_owned(), valid: true }),
        customer_id: Some("cus_1".to_owned()),
        order_id: Some("ord_1".to_owned()),
        payment_method: PaymentMethod {
            kind: Some("card".to_owned()),
            card_bin: Some("411111".to_owned()),
            card_last4: Some("1111".to_owned()),
            card_country: country("MX"),
            ..PaymentMethod::default()
        },
        device: Device {
            ip: Some("201.141.19.7".parse().unwrap()),
            ip_country: country("MX"),
            fingerprint: Some("fp_1".to_owned()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0".to_owned()),
            ..Device::default()
        },
        behavior: Behavior {
            session_duration_ms: Some(60_000),
            mouse_movements: Some(80),
            keystrokes: Some(40),
            copy_paste_events: Some(0),
        },
        billing: Address { country: country("MX"), ..Address::default() },
        shipping: Address { country: country("MX"), ..Address::default() },
        ..bare()
    }
}

pub(super) fn inputs<'a>(
    request: &'a PayinRequest,
    computed: &'a [Option<i64>],
    settings: &'a ScoringSettings,
) -> Inputs<'a> {
    Inputs {
        request,
        event_time: Ms(1_767_268_800_000),
        now: Ms(1_767_268_800_000),
        computed,
        hits: &[],
        organization: OrganizationKind::Comercio,
        precheck: false,
        simulation: false,
        settings,
    }
}

/// The codes that fired, in the order of the verdict.
pub(super) fn codes(policy: &Policy, verdict: &Verdict) -> Vec<String> {
    verdict.fired.iter().map(|fired| policy.code(fired.signal).unwrap().to_owned()).collect()
}
