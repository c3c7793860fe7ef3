//! From a normalised request to its canonical body, and to the form in which requests are compared.

use crate::domain::payin::{Address, Behavior, Device, PayinRequest, PaymentMethod};
use crate::wire::json::{Object, object};
use crate::wire::metadata;

/// The body that records carry: known members only, normalised, in the order of the contract, the amount
/// in minor units, absent members left out. Reading it gives the request again, so writing what was read
/// changes nothing.
#[must_use]
pub fn canonical(request: &PayinRequest) -> Vec<u8> {
    object(|body| write(body, request, Purpose::Record))
}

/// What two requests with one idempotency key must have in common to be one request: the canonical body
/// without `idempotency_key` and `occurred_at`, which a caller may stamp anew when it tries again, and with
/// one spelling for equal numbers of `metadata`.
///
/// What the gateway fills in from its own view (address, user agent, generated session) must not take
/// part either, and no request shows it: compare requests as they came, before anything is filled.
#[must_use]
pub fn comparable(request: &PayinRequest) -> Vec<u8> {
    object(|body| write(body, request, Purpose::Comparison))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Record,
    Comparison,
}

fn write(body: &mut Object<'_>, request: &PayinRequest, purpose: Purpose) {
    body.integer("amount", request.amount);
    body.text("currency", request.currency.code());
    body.text("transaction_type", &request.transaction_type);
    if let (Some(at), Purpose::Record) = (request.occurred_at, purpose) {
        body.text("occurred_at", &at.to_string());
    }
    body.optional("session_id", request.session_id.as_deref());
    body.optional("email", request.email.as_ref().map(|email| email.text.as_str()));
    body.optional("phone", request.phone.as_ref().map(|phone| phone.text.as_str()));
    body.optional("customer_id", request.customer_id.as_deref());
    body.optional("order_id", request.order_id.as_deref());
    body.optional("payment_id", request.payment_id.as_deref());
    if purpose == Purpose::Record {
        body.optional("idempotency_key", request.idempotency_key.as_deref());
    }
    body.optional("submerchant_id", request.submerchant_id.as_deref());
    if request.payment_method != PaymentMethod::default() {
        body.object("payment_method", |object| payment_method(object, &request.payment_method));
    }
    if request.device != Device::default() {
        body.object("device", |object| device(object, &request.device));
    }
    if request.behavior != Behavior::default() {
        body.object("behavior", |object| behavior(object, &request.behavior));
    }
    for (name, place) in [("billing", &request.billing), ("shipping", &request.shipping)] {
        if *place != Address::default() {
            body.object(name, |object| address(object, place));
        }
    }
    match purpose {
        Purpose::Record => metadata::write(body, &request.metadata),
        Purpose::Comparison => metadata::write_comparable(body, &request.metadata),
    }
}

fn payment_method(object: &mut Object<'_>, method: &PaymentMethod) {
    object.optional("type", method.kind.as_deref());
    object.optional("card_brand", method.card_brand.as_deref());
    object.optional("bank_code", method.bank_code.as_deref());
    object.optional("wallet_type", method.wallet_type.as_deref());
    object.optional("card_bin", method.card_bin.as_deref());
    object.optional("card_last4", method.card_last4.as_deref());
    object.optional("card_hash", method.card_hash.as_deref());
    object.optional("card_country", method.card_country.as_ref().map(|country| country.code()));
}

fn device(object: &mut Object<'_>, device: &Device) {
    if let Some(ip) = device.ip {
        object.text("ip", &ip.to_string());
    }
    object.optional("ip_country", device.ip_country.as_ref().map(|country| country.code()));
    object.optional("fingerprint", device.fingerprint.as_deref());
    object.optional("language", device.language.as_deref());
    object.optional("user_agent", device.user_agent.as_deref());
    object.optional("timezone", device.timezone.as_deref());
}

fn behavior(object: &mut Object<'_>, behavior: &Behavior) {
    let counts = [
        ("session_duration_ms", behavior.session_duration_ms),
        ("mouse_movements", behavior.mouse_movements),
        ("keystrokes", behavior.keystrokes),
        ("copy_paste_events", behavior.copy_paste_events),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            object.integer(name, count);
        }
    }
}

fn address(object: &mut Object<'_>, address: &Address) {
    object.optional("country", address.country.as_ref().map(|country| country.code()));
    object.optional("city", address.city.as_deref());
    object.optional("postal_code", address.postal_code.as_deref());
}
