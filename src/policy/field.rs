//! What rules can read of a pay-in beside windows, lists and settings: the contract's section 8.5.

use crate::domain::decision::Flow;
use crate::expr::{Type, Value};
use crate::policy::inputs::Inputs;

/// A field of the event. The numbers are slots; they hold for one build only and are never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Amount,
    Currency,
    Flow,
    TransactionType,
    EventTime,
    Precheck,
    Simulation,
    CustomerId,
    OrderId,
    PaymentId,
    EmailAddress,
    EmailLocal,
    EmailDomain,
    EmailTld,
    EmailValid,
    PhoneNumber,
    PhoneValid,
    PaymentType,
    CardBrand,
    BankCode,
    WalletType,
    CardBin,
    CardLast4,
    CardHash,
    CardCountry,
    Ip,
    IpCountry,
    Fingerprint,
    Language,
    UserAgent,
    Timezone,
    SessionDurationMs,
    MouseMovements,
    Keystrokes,
    CopyPasteEvents,
    BillingCountry,
    BillingCity,
    BillingPostalCode,
    ShippingCountry,
    ShippingCity,
    ShippingPostalCode,
    OrganizationType,
}

/// How rules write a field and what it is.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) field: Field,
    pub(super) path: &'static str,
    pub(super) ty: Type,
    pub(super) optional: bool,
    /// Whether it tells of a person: a description may not print it.
    pub(super) personal: bool,
}

const fn row(field: Field, path: &'static str, ty: Type, optional: bool, personal: bool) -> Row {
    Row { field, path, ty, optional, personal }
}

const GIVEN: bool = false;
const OPTIONAL: bool = true;
const PLAIN: bool = false;
const PERSONAL: bool = true;

/// Every field, in the order of [`Field`].
#[rustfmt::skip]
pub(super) static FIELDS: [Row; 42] = [
    row(Field::Amount, "amount", Type::Int, GIVEN, PLAIN),
    row(Field::Currency, "currency", Type::String, GIVEN, PLAIN),
    row(Field::Flow, "flow", Type::String, GIVEN, PLAIN),
    row(Field::TransactionType, "transaction_type", Type::String, GIVEN, PLAIN),
    row(Field::EventTime, "event_time", Type::Timestamp, GIVEN, PLAIN),
    row(Field::Precheck, "precheck", Type::Bool, GIVEN, PLAIN),
    row(Field::Simulation, "simulation", Type::Bool, GIVEN, PLAIN),
    row(Field::CustomerId, "customer_id", Type::String, OPTIONAL, PERSONAL),
    row(Field::OrderId, "order_id", Type::String, OPTIONAL, PERSONAL),
    row(Field::PaymentId, "payment_id", Type::String, OPTIONAL, PERSONAL),
    row(Field::EmailAddress, "email.address", Type::String, OPTIONAL, PERSONAL),
    row(Field::EmailLocal, "email.local", Type::String, OPTIONAL, PERSONAL),
    row(Field::EmailDomain, "email.domain", Type::String, OPTIONAL, PERSONAL),
    row(Field::EmailTld, "email.tld", Type::String, OPTIONAL, PERSONAL),
    row(Field::EmailValid, "email.valid", Type::Bool, OPTIONAL, PLAIN),
    row(Field::PhoneNumber, "phone.number", Type::String, OPTIONAL, PERSONAL),
    row(Field::PhoneValid, "phone.valid", Type::Bool, OPTIONAL, PLAIN),
    row(Field::PaymentType, "payment_method.type", Type::String, OPTIONAL, PLAIN),
    row(Field::CardBrand, "payment_method.card_brand", Type::String, OPTIONAL, PLAIN),
    row(Field::BankCode, "payment_method.bank_code", Type::String, OPTIONAL, PLAIN),
    row(Field::WalletType, "payment_method.wallet_type", Type::String, OPTIONAL, PLAIN),
    row(Field::CardBin, "payment_method.card_bin", Type::String, OPTIONAL, PLAIN),
    row(Field::CardLast4, "payment_method.card_last4", Type::String, OPTIONAL, PERSONAL),
    row(Field::CardHash, "payment_method.card_hash", Type::String, OPTIONAL, PERSONAL),
    row(Field::CardCountry, "payment_method.card_country", Type::String, OPTIONAL, PLAIN),
    row(Field::Ip, "device.ip", Type::String, OPTIONAL, PERSONAL),
    row(Field::IpCountry, "device.ip_country", Type::String, OPTIONAL, PLAIN),
    row(Field::Fingerprint, "device.fingerprint", Type::String, OPTIONAL, PERSONAL),
    row(Field::Language, "device.language", Type::String, OPTIONAL, PLAIN),
    row(Field::UserAgent, "device.user_agent", Type::String, OPTIONAL, PERSONAL),
    row(Field::Timezone, "device.timezone", Type::String, OPTIONAL, PLAIN),
    row(Field::SessionDurationMs, "behavior.session_duration_ms", Type::Int, OPTIONAL, PLAIN),
    row(Field::MouseMovements, "behavior.mouse_movements", Type::Int, OPTIONAL, PLAIN),
    row(Field::Keystrokes, "behavior.keystrokes", Type::Int, OPTIONAL, PLAIN),
    row(Field::CopyPasteEvents, "behavior.copy_paste_events", Type::Int, OPTIONAL, PLAIN),
    row(Field::BillingCountry, "billing.country", Type::String, OPTIONAL, PLAIN),
    row(Field::BillingCity, "billing.city", Type::String, OPTIONAL, PERSONAL),
    row(Field::BillingPostalCode, "billing.postal_code", Type::String, OPTIONAL, PERSONAL),
    row(Field::ShippingCountry, "shipping.country", Type::String, OPTIONAL, PLAIN),
    row(Field::ShippingCity, "shipping.city", Type::String, OPTIONAL, PERSONAL),
    row(Field::ShippingPostalCode, "shipping.postal_code", Type::String, OPTIONAL, PERSONAL),
    row(Field::OrganizationType, "organization.type", Type::String, GIVEN, PLAIN),
];

/// Names that have members and no value of their own.
pub(super) const OBJECTS: [&str; 10] = [
    "email",
    "phone",
    "payment_method",
    "device",
    "behavior",
    "billing",
    "shipping",
    "organization",
    "lists",
    "settings",
];

/// Names of the contract's section 8.5 that nothing supplies in this version.
pub(super) const NOT_YET: [&str; 9] = [
    "payer",
    "network",
    "blocklist",
    "submerchant",
    "beneficiary",
    "origin",
    "origin_account",
    "payout",
    "device.timezone_countries",
];

impl Field {
    /// The value in an event; `ip` is the text of its address.
    pub(super) fn value<'a>(self, inputs: &'a Inputs<'_>, ip: &'a str) -> Value<'a> {
        let request = inputs.request;
        let (card, device, behavior) = (&request.payment_method, &request.device, &request.behavior);
        let parts = || request.email.as_ref().and_then(|email| email.parts());
        match self {
            Field::Amount => Value::Int(request.amount),
            Field::Currency => Value::Str(request.currency.code()),
            Field::Flow => Value::Str(Flow::Payin.text()),
            Field::TransactionType => Value::Str(&request.transaction_type),
            Field::EventTime => Value::Time(inputs.event_time.0),
            Field::Precheck => Value::Bool(inputs.precheck),
            Field::Simulation => Value::Bool(inputs.simulation),
            Field::CustomerId => text(request.customer_id.as_deref()),
            Field::OrderId => text(request.order_id.as_deref()),
            Field::PaymentId => text(request.payment_id.as_deref()),
            Field::EmailAddress => text(request.email.as_ref().map(|email| email.text.as_str())),
            Field::EmailLocal => text(parts().map(|parts| parts.0)),
            Field::EmailDomain => text(parts().map(|parts| parts.1)),
            Field::EmailTld => text(parts().and_then(|parts| parts.1.rsplit('.').next())),
            Field::EmailValid => truth(request.email.as_ref().map(|email| email.parts().is_some())),
            Field::PhoneNumber => text(request.phone.as_ref().map(|phone| phone.text.as_str())),
            Field::PhoneValid => truth(request.phone.as_ref().map(|phone| phone.valid)),
            Field::PaymentType => text(card.kind.as_deref()),
            Field::CardBrand => text(card.card_brand.as_deref()),
            Field::BankCode => text(card.bank_code.as_deref()),
            Field::WalletType => text(card.wallet_type.as_deref()),
            Field::CardBin => text(card.card_bin.as_deref()),
            Field::CardLast4 => text(card.card_last4.as_deref()),
            Field::CardHash => text(card.card_hash.as_deref()),
            Field::CardCountry => text(card.card_country.as_ref().map(|country| country.code())),
            Field::Ip => text(device.ip.is_some().then_some(ip)),
            Field::IpCountry => text(device.ip_country.as_ref().map(|country| country.code())),
            Field::Fingerprint => text(device.fingerprint.as_deref()),
            Field::Language => text(device.language.as_deref()),
            Field::UserAgent => text(device.user_agent.as_deref()),
            Field::Timezone => text(device.timezone.as_deref()),
            Field::SessionDurationMs => int(behavior.session_duration_ms),
            Field::MouseMovements => int(behavior.mouse_movements),
            Field::Keystrokes => int(behavior.keystrokes),
            Field::CopyPasteEvents => int(behavior.copy_paste_events),
            Field::BillingCountry => text(request.billing.country.as_ref().map(|country| country.code())),
            Field::BillingCity => text(request.billing.city.as_deref()),
            Field::BillingPostalCode => text(request.billing.postal_code.as_deref()),
            Field::ShippingCountry => text(request.shipping.country.as_ref().map(|country| country.code())),
            Field::ShippingCity => text(request.shipping.city.as_deref()),
            Field::ShippingPostalCode => text(request.shipping.postal_code.as_deref()),
            Field::OrganizationType => Value::Str(inputs.organization.text()),
        }
    }
}

fn text(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Missing, Value::Str)
}

fn truth(value: Option<bool>) -> Value<'static> {
    value.map_or(Value::Missing, Value::Bool)
}

pub(super) fn int(value: Option<i64>) -> Value<'static> {
    value.map_or(Value::Missing, Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_s_number_is_its_row() {
        for (place, row) in FIELDS.iter().enumerate() {
            assert_eq!(row.field as usize, place, "{}", row.path);
        }
    }
}
