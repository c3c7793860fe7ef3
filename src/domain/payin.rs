//! A pay-in request after normalisation: the contract's section 5.2. Two requests that mean the same
//! are equal values.

use crate::base::country::Country;
use crate::base::currency::Currency;
use crate::base::time::Ms;
use std::net::IpAddr;

/// A payment to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayinRequest {
    /// Minor units, 0 to 2^53 − 1.
    pub amount: i64,
    /// The amount's currency.
    pub currency: Currency,
    /// Lower-cased free text; `payment` unless given.
    pub transaction_type: String,
    /// When it happened, if the caller said so.
    pub occurred_at: Option<Ms>,
    /// The caller's id of the session.
    pub session_id: Option<String>,
    /// Lower-cased, the domain in IDNA form where it is an address.
    pub email: Option<Email>,
    /// The phone number.
    pub phone: Option<Phone>,
    /// The caller's customer.
    pub customer_id: Option<String>,
    /// The caller's order.
    pub order_id: Option<String>,
    /// The caller's payment.
    pub payment_id: Option<String>,
    /// The idempotency key of the body.
    pub idempotency_key: Option<String>,
    /// The submerchant named; resolved by the organization's registry.
    pub submerchant_id: Option<String>,
    /// How it is paid.
    pub payment_method: PaymentMethod,
    /// What it is paid from.
    pub device: Device,
    /// How the person behaved.
    pub behavior: Behavior,
    /// The billing address.
    pub billing: Address,
    /// The shipping address.
    pub shipping: Address,
    /// Free members by key, in the order of their keys.
    pub metadata: Vec<(String, MetadataValue)>,
}

/// An e-mail address as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// Lower-cased; with its domain in IDNA form if it is an address.
    pub text: String,
    /// Byte of the `@`, if it is an address.
    pub at: Option<usize>,
}

impl Email {
    /// Local part and domain, if it is an address.
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str)> {
        let (local, rest) = self.text.split_at_checked(self.at?)?;
        Some((local, rest.strip_prefix('@')?))
    }

    /// The canonical form: what follows `+` dropped, and for Gmail the dots too.
    #[must_use]
    pub fn canonical(&self) -> Option<String> {
        let (local, domain) = self.parts()?;
        let base = local.split('+').next().unwrap_or(local);
        if domain == "gmail.com" || domain == "googlemail.com" {
            return Some(format!("{}@gmail.com", base.replace('.', "")));
        }
        Some(format!("{base}@{domain}"))
    }
}

/// A phone number as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Separators dropped, a leading `00` as `+`.
    pub text: String,
    /// Whether it is `+` and 7 to 15 digits.
    pub valid: bool,
}

/// How it is paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentMethod {
    /// `card`, `wallet`, …
    pub kind: Option<String>,
    /// The card's brand.
    pub card_brand: Option<String>,
    /// The bank.
    pub bank_code: Option<String>,
    /// The wallet.
    pub wallet_type: Option<String>,
    /// 6 to 8 digits.
    pub card_bin: Option<String>,
    /// 4 digits.
    pub card_last4: Option<String>,
    /// The caller's keyed hash of the card number.
    pub card_hash: Option<String>,
    /// The issuer's country.
    pub card_country: Option<Country>,
}

/// What it is paid from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// IPv4-mapped addresses as IPv4.
    pub ip: Option<IpAddr>,
    /// The country of the address.
    pub ip_country: Option<Country>,
    /// The device's fingerprint.
    pub fingerprint: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// Its user agent.
    pub user_agent: Option<String>,
    /// Its time zone, an IANA name.
    pub timezone: Option<String>,
}

/// How the person behaved; 0 to 2^31 − 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behavior {
    /// Milliseconds.
    pub session_duration_ms: Option<i64>,
    /// Mouse movements.
    pub mouse_movements: Option<i64>,
    /// Key strokes.
    pub keystrokes: Option<i64>,
    /// Pastes.
    pub copy_paste_events: Option<i64>,
}

/// An address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The country.
    pub country: Option<Country>,
    /// The city.
    pub city: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
}

/// A value of `metadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataValue {
    /// A string.
    Text(String),
    /// A number, `true` or `false`: its JSON text. Rules read it as that text.
    Literal(String),
    /// An array or object: its JSON text without space. Kept; rules cannot read it.
    Nested(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_addresses() {
        let table = [
            ("a.b+c@gmail.com", "ab@gmail.com"),
            ("a.b@googlemail.com", "ab@gmail.com"),
            ("a.b+c+d@example.com", "a.b@example.com"),
        ];
        for (text, expected) in table {
            let email = Email { text: text.to_owned(), at: text.find('@') };
            assert_eq!(email.canonical().as_deref(), Some(expected));
        }
        assert_eq!(Email { text: "nobody".to_owned(), at: None }.canonical(), None);
    }
}
