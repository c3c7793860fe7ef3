//! From a body to a normalised request, or to every fault of it at once.

use crate::base::time::Ms;
use crate::domain::fault::FieldFault;
use crate::domain::payin::{Address, Behavior, Device, Email, MetadataValue, PayinRequest, PaymentMethod};
use crate::wire::amount::{self, AmountMembers};
use crate::wire::json::{self, Bad, Faults, Text, Value, members};
use crate::wire::{contact, field, metadata};

const WORD: Text = Text::upto(64);
const ID_CHARS: usize = 128;
const ID: Text = Text::upto(ID_CHARS);
const EMAIL: Text = Text::upto(320);
const PHONE: Text = Text::upto(32);
const USER_AGENT: Text = Text::upto(1_024);
const LANGUAGE: Text = Text::upto(35);
const POSTAL_CODE: Text = Text::upto(16);
/// For texts whose own check knows their length.
const ANY: Text = Text::upto(usize::MAX);

members! {
    struct Body {
        amount, currency, amount_unit, transaction_type, occurred_at, session_id, email, phone,
        customer_id, order_id, payment_id, idempotency_key, submerchant_id,
        payment_method, device, behavior, billing, shipping, metadata,
    }
}

members! {
    struct PaymentMethodMembers {
        kind = "type", card_brand, bank_code, wallet_type, card_bin, card_last4, card_hash, card_country,
        number, card_number, pan, cvv, cvc, expiry,
    }
}

members! {
    struct DeviceMembers { ip, ip_country, fingerprint, language, user_agent, timezone, }
}

members! {
    struct BehaviorMembers { session_duration_ms, mouse_movements, keystrokes, copy_paste_events, }
}

members! {
    struct AddressMembers { country, city, postal_code, }
}

/// Reads a body. Unknown members are ignored; what is not given takes its default.
///
/// # Errors
/// Every fault, at most [`crate::base::limits::FAULTS`] of them. A body that is not JSON has exactly one.
pub fn read(body: &[u8]) -> Result<PayinRequest, Vec<FieldFault>> {
    read_about(body, None)
}

/// As [`read`], for a body that would get a record of about `now`: where it has faults, a time too far from
/// that is one of them. Without others it is none here, for a repeat is one however late it comes.
///
/// # Errors
/// See [`read`].
pub fn read_about(body: &[u8], now: Option<Ms>) -> Result<PayinRequest, Vec<FieldFault>> {
    let mut faults = Faults::lenient();
    match json::read(body, &mut faults, |body: &Body<'_>, faults: &mut Faults| request(body, now, faults)) {
        Some(Some(request)) if faults.is_empty() => Ok(request),
        _ => Err(faults.into_vec()),
    }
}

fn request(body: &Body<'_>, now: Option<Ms>, faults: &mut Faults) -> Option<PayinRequest> {
    let amount = amount::read(
        AmountMembers {
            amount: body.amount.required(),
            currency: body.currency.required(),
            unit: body.amount_unit,
        },
        faults,
    );
    let transaction_type = body.transaction_type.lowered(WORD, faults);
    let occurred_at = body.occurred_at.parsed(ANY, field::occurred_at, faults);
    let session_id = body.session_id.checked(ID, field::session_id, faults);
    let email = body.email.parsed(EMAIL, email, faults);
    let phone = body.phone.parsed(PHONE, |text| Ok(contact::phone(text)), faults);
    let customer_id = body.customer_id.string(ID, faults);
    let order_id = body.order_id.string(ID, faults);
    let payment_id = body.payment_id.string(ID, faults);
    let idempotency_key = body.idempotency_key.checked(ANY, field::idempotency_key, faults);
    let submerchant_id = body.submerchant_id.string(Text::USUAL, faults);
    let payment_method = body.payment_method.object(faults, payment_method).unwrap_or_default();
    let device = body.device.object(faults, device).unwrap_or_default();
    let behavior = body.behavior.object(faults, behavior).unwrap_or_default();
    let billing = body.billing.object(faults, address).unwrap_or_default();
    let shipping = body.shipping.object(faults, address).unwrap_or_default();
    let metadata = metadata::read(&body.metadata, faults);
    let order_id = order_id.or_else(|| order_id_of(&metadata, faults));
    if !faults.is_empty()
        && let (Some(at), Some(now)) = (occurred_at, now)
        && let Err(bad) = field::occurred_near(at, now)
    {
        body.occurred_at.fault(bad, faults);
    }
    // Only now, so that every member has been judged.
    let (amount, currency) = amount?;
    Some(PayinRequest {
        amount,
        currency,
        transaction_type: transaction_type.unwrap_or_else(|| "payment".to_owned()),
        occurred_at,
        session_id,
        email,
        phone,
        customer_id,
        order_id,
        payment_id,
        idempotency_key,
        submerchant_id,
        payment_method,
        device,
        behavior,
        billing,
        shipping,
        metadata,
    })
}

fn email(text: &str) -> Result<Email, Bad> {
    let email = contact::email(text);
    // Neither lower case nor IDNA keeps a length.
    EMAIL.check(&email.text)?;
    Ok(email)
}

/// The order id of `metadata`: a string, or a whole number, whose spellings are all one id.
fn order_id_of(metadata: &[(String, MetadataValue)], faults: &mut Faults) -> Option<String> {
    let (_, value) = metadata.iter().find(|(key, _)| key == "order_id")?;
    let text = match value {
        MetadataValue::Text(text) => text.clone(),
        MetadataValue::Literal(json) => json::whole_number(json, ID_CHARS)?,
        MetadataValue::Nested(_) => return None,
    };
    if let Err(bad) = ID.check(&text) {
        faults.within("metadata", |faults| faults.at("order_id", bad));
        return None;
    }
    Some(text)
}

fn payment_method(members: &PaymentMethodMembers<'_>, faults: &mut Faults) -> PaymentMethod {
    let PaymentMethodMembers { number, card_number, pan, cvv, cvc, expiry, .. } = members;
    for forbidden in [number, card_number, pan, cvv, cvc, expiry] {
        forbidden.refuse(field::PAN, faults);
    }
    PaymentMethod {
        kind: members.kind.lowered(WORD, faults),
        card_brand: members.card_brand.lowered(WORD, faults),
        bank_code: members.bank_code.lowered(WORD, faults),
        wallet_type: members.wallet_type.lowered(WORD, faults),
        card_bin: members.card_bin.checked(Text::USUAL, field::card_bin, faults),
        card_last4: members.card_last4.checked(Text::USUAL, field::card_last4, faults),
        card_hash: members.card_hash.checked(Text::USUAL, field::card_hash, faults),
        card_country: members.card_country.parsed(Text::USUAL, field::country, faults),
    }
}

fn device(members: &DeviceMembers<'_>, faults: &mut Faults) -> Device {
    Device {
        ip: members.ip.parsed(Text::USUAL, field::ip, faults),
        ip_country: members.ip_country.parsed(Text::USUAL, field::country, faults),
        fingerprint: members.fingerprint.string(ID, faults),
        language: members.language.string(LANGUAGE, faults),
        user_agent: members.user_agent.string(USER_AGENT, faults),
        timezone: members.timezone.checked(WORD, field::timezone, faults),
    }
}

fn behavior(members: &BehaviorMembers<'_>, faults: &mut Faults) -> Behavior {
    let mut count = |member: &Value<'_>| member.integer(0..=i64::from(i32::MAX), faults);
    Behavior {
        session_duration_ms: count(&members.session_duration_ms),
        mouse_movements: count(&members.mouse_movements),
        keystrokes: count(&members.keystrokes),
        copy_paste_events: count(&members.copy_paste_events),
    }
}

fn address(members: &AddressMembers<'_>, faults: &mut Faults) -> Address {
    Address {
        country: members.country.parsed(Text::USUAL, field::country, faults),
        city: members.city.string(ID, faults),
        postal_code: members.postal_code.string(POSTAL_CODE, faults),
    }
}
