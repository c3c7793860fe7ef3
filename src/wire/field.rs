//! Single fields that several bodies share: addresses, countries, ids, digits, times.

use crate::base::country::Country;
use crate::base::limits;
use crate::base::time::Ms;
use crate::domain::fault::FieldCode;
use crate::wire::json::Bad;
use std::net::IpAddr;

/// A country's alpha-2 code, in any case.
///
/// # Errors
/// [`FieldCode::UnknownCountry`].
pub fn country(text: &str) -> Result<Country, Bad> {
    Country::from_code(text)
        .ok_or(Bad::new(FieldCode::UnknownCountry, "must be a country code of ISO 3166-1 alpha-2"))
}

/// An IP address; an IPv4-mapped one is the IPv4 address it maps.
///
/// # Errors
/// [`FieldCode::Format`].
pub fn ip(text: &str) -> Result<IpAddr, Bad> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(Bad::format("must be an IPv4 or IPv6 address")),
    }
}

/// A caller's session id.
///
/// # Errors
/// [`FieldCode::Format`].
pub fn session_id(text: &str) -> Result<(), Bad> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let right = text.bytes().all(fits);
    right.then_some(()).ok_or(Bad::format("must be of letters, digits, _ and -"))
}

/// An idempotency key, wherever it stands: 1 to 255 printable ASCII characters.
///
/// # Errors
/// [`FieldCode::Required`], [`FieldCode::Length`] or [`FieldCode::Format`].
pub fn idempotency_key(text: &str) -> Result<(), Bad> {
    if text.is_empty() {
        return Err(Bad::new(FieldCode::Required, "must not be empty"));
    }
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Bad::format("must be of printable ASCII characters"));
    }
    if text.len() > limits::IDEMPOTENCY_KEY_CHARS {
        return Err(Bad::new(FieldCode::Length, "must have at most 255 characters"));
    }
    Ok(())
}

const _: () = assert!(limits::IDEMPOTENCY_KEY_CHARS == 255, "the message above says so");

/// The name of a time zone by its form only: whether there is such a zone is a matter of a warning.
///
/// # Errors
/// [`FieldCode::Format`].
pub fn timezone(text: &str) -> Result<(), Bad> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'/' | b'-');
    text.bytes().all(fits).then_some(()).ok_or(Bad::format("must be an IANA time zone name"))
}

/// The first digits of a card number.
///
/// # Errors
/// [`FieldCode::Format`].
pub fn card_bin(text: &str) -> Result<(), Bad> {
    let right = (6..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then_some(()).ok_or(Bad::format("must be 6 to 8 digits"))
}

/// The last digits of a card number.
///
/// # Errors
/// [`FieldCode::Format`].
pub fn card_last4(text: &str) -> Result<(), Bad> {
    let right = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then_some(()).ok_or(Bad::format("must be 4 digits"))
}

/// A caller's keyed hash of a card number, which must not be the number: neither bare nor set in groups
/// apart by spaces or hyphens, as numbers are printed.
///
/// # Errors
/// [`FieldCode::PanNotAllowed`] for a number, else [`FieldCode::Format`].
pub fn card_hash(text: &str) -> Result<(), Bad> {
    let mut bytes = text.bytes();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    // However its groups are kept apart.
    if (12..=19).contains(&digits) && bytes.all(|byte| byte == b' ' || !byte.is_ascii_alphabetic()) {
        return Err(PAN);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_:.-".contains(&byte);
    let right = (16..=128).contains(&text.len()) && text.bytes().all(fits);
    right.then_some(()).ok_or(Bad::format("must be 16 to 128 of letters, digits and + / = _ : . -"))
}

/// A card number, or what is printed on the card with it.
pub const PAN: Bad = Bad::new(FieldCode::PanNotAllowed, "must not be sent: send a keyed hash as card_hash");

/// When something happened. What no record's time can be near is refused here; the bounds that depend
/// on the record are [`occurred_near`]'s.
///
/// # Errors
/// [`FieldCode::Format`] or [`FieldCode::OutOfRange`].
pub fn occurred_at(text: &str) -> Result<Ms, Bad> {
    let at = Ms::parse_rfc3339(text).ok_or(Bad::format("must be an RFC 3339 date-time with an offset"))?;
    // Beyond these years the text of a time has not four digits for its year in every offset.
    if at < Ms(0) || at >= YEAR_9999 {
        return Err(OCCURRED);
    }
    Ok(at)
}

const YEAR_9999: Ms = Ms(253_370_764_800_000);

/// Whether `at` is near enough the record's log time.
///
/// # Errors
/// [`FieldCode::OutOfRange`].
pub fn occurred_near(at: Ms, log_time: Ms) -> Result<(), Bad> {
    let ahead = at.since(log_time);
    let near = (-limits::OCCURRED_BEFORE_MS..=limits::OCCURRED_AFTER_MS).contains(&ahead);
    near.then_some(()).ok_or(OCCURRED)
}

const OCCURRED: Bad =
    Bad::new(FieldCode::OutOfRange, "must be at most 90 days before and 5 minutes after it is received");
const _: () =
    assert!(limits::OCCURRED_BEFORE_MS == 90 * 86_400_000 && limits::OCCURRED_AFTER_MS == 5 * 60_000);
