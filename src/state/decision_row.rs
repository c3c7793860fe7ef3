//! A decision in compact form: codes, numbers and the feature values that explain it. Its body is
//! rendered from this again, byte for byte; the packs it names hold the texts.

use crate::base::country::Country;
use crate::base::currency::Currency;
use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::domain::access::Locale;
use crate::domain::decision::{Decision, Flow};
use crate::domain::entity::Entity;
use crate::state::codec::{BadRow, Decoder, Encoder};
use crate::state::event::{decode_entities, encode_entities};
use crate::state::session::TransactionId;

const VERSION: u8 = 1;

/// One attempt's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// The organization.
    pub organization: OrgId,
    /// The request decided.
    pub position: Offset,
    /// The shard's clock then.
    pub decided_at: Ms,
    /// The event's time.
    pub event_time: Ms,
    /// From receipt at the gateway to the request's log timestamp.
    pub latency_ms: u64,
    /// The flow.
    pub flow: Flow,
    /// The session's id as it is shown.
    pub session_id: String,
    /// From 1.
    pub attempt: u32,
    /// The session's transaction.
    pub transaction: TransactionId,
    /// The verdict.
    pub verdict: VerdictPart,
    /// What it rests on.
    pub basis: Basis,
    /// Ids of the caller's that the answer repeats.
    pub echo: Echo,
    /// What the answer on the decisions topic tells of the request.
    pub facts: Facts,
}

/// The verdict and what led to it, by index into the packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictPart {
    /// The decision.
    pub decision: Decision,
    /// 0 to 100.
    pub risk_score: u8,
    /// The sum before it was clamped.
    pub sum: i64,
    /// What blocked it.
    pub blocked_by: Option<Blocked>,
    /// Signals that fired, with their weights, in the order of the answer.
    pub fired: Vec<(u16, i16)>,
    /// Rules that matched, in the order of the answer.
    pub matched: Vec<u16>,
    /// Signals whose condition ended in an error.
    pub signal_errors: Vec<u16>,
    /// Rules whose condition ended in an error.
    pub rule_errors: Vec<u16>,
}

/// What blocked a payment; the numbers of kinds are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// The amount is above the limit.
    Amount,
    /// A rule, by index.
    Rule(u16),
}

/// Versions and feature values a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The engine version.
    pub engine: u32,
    /// The language of descriptions.
    pub locale: Locale,
    /// The shipped pack.
    pub shipped_pack: Digest256,
    /// The organization's own pack.
    pub pack: Option<Digest256>,
    /// The organization's own named lists.
    pub lists: Option<Digest256>,
    /// The version of the scoring settings.
    pub settings: u64,
    /// The values of the computed features, in the packs' order.
    pub computed: Vec<Option<i64>>,
}

/// Ids of the caller's that the answer repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Echo {
    /// The order.
    pub order_id: Option<String>,
    /// The payment.
    pub payment_id: Option<String>,
    /// The explicit idempotency key.
    pub idempotency_key: Option<String>,
}

/// What the answer on the decisions topic tells of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether a browser asked.
    pub precheck: bool,
    /// Minor units.
    pub amount: i64,
    /// The amount's currency.
    pub currency: Currency,
    /// The caller's customer.
    pub customer_id: Option<String>,
    /// `payment`, …
    pub transaction_type: String,
    /// `card`, …
    pub payment_type: Option<String>,
    /// 6 to 8 digits.
    pub card_bin: Option<String>,
    /// 4 digits.
    pub card_last4: Option<String>,
    /// The issuer's country.
    pub card_country: Option<Country>,
    /// The brand.
    pub card_brand: Option<String>,
    /// The billing country.
    pub billing_country: Option<Country>,
    /// The address's country.
    pub ip_country: Option<Country>,
    /// The domain of the e-mail address.
    pub email_domain: Option<String>,
    /// The entities, whose hashes are the tokens.
    pub entities: Vec<Entity>,
}

impl DecisionRow {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(VERSION);
        out.raw(self.organization.as_bytes());
        out.number(self.position.0);
        out.time(self.decided_at);
        out.time(self.event_time);
        out.number(self.latency_ms);
        out.byte(self.flow as u8);
        out.text(&self.session_id);
        out.number(u64::from(self.attempt));
        out.time(self.transaction.at);
        out.raw(&self.transaction.tail);
        self.verdict.encode(&mut out);
        self.basis.encode(&mut out);
        for text in [&self.echo.order_id, &self.echo.payment_id, &self.echo.idempotency_key] {
            text_option(&mut out, text.as_deref());
        }
        self.facts.encode(&mut out);
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if version != VERSION {
            return Err(input.bad("a decision of a known version"));
        }
        let input = &mut input;
        let row = Self {
            organization: OrgId::from_bytes(input.array()?),
            position: Offset(input.number()?),
            decided_at: input.time()?,
            event_time: input.time()?,
            latency_ms: input.number()?,
            flow: Flow::from_code(input.byte()?).ok_or(input.bad("a flow"))?,
            session_id: input.text()?,
            attempt: input.small()?,
            transaction: TransactionId { at: input.time()?, tail: input.array()? },
            verdict: VerdictPart::decode(input)?,
            basis: Basis::decode(input)?,
            echo: Echo {
                order_id: input.option(Decoder::text)?,
                payment_id: input.option(Decoder::text)?,
                idempotency_key: input.option(Decoder::text)?,
            },
            facts: Facts::decode(input)?,
        };
        if input.byte().is_ok() {
            return Err(input.bad("bytes behind the end"));
        }
        Ok(row)
    }
}

/// When a stored decision was made.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub(super) fn peek_decided_at(bytes: &[u8]) -> Result<Ms, BadRow> {
    let (version, mut input) = Decoder::versioned(bytes)?;
    if version != VERSION {
        return Err(input.bad("a decision of a known version"));
    }
    input.array::<16>()?;
    input.number()?;
    input.time()
}

impl VerdictPart {
    fn encode(&self, out: &mut Encoder) {
        out.byte(self.decision as u8);
        out.byte(self.risk_score);
        out.signed(self.sum);
        match self.blocked_by {
            None => out.byte(0),
            Some(Blocked::Amount) => out.byte(1),
            Some(Blocked::Rule(rule)) => {
                out.byte(2);
                out.number(u64::from(rule));
            }
        }
        out.count(self.fired.len());
        for (signal, weight) in &self.fired {
            out.number(u64::from(*signal));
            out.signed(i64::from(*weight));
        }
        for list in [&self.matched, &self.signal_errors, &self.rule_errors] {
            out.count(list.len());
            list.iter().for_each(|index| out.number(u64::from(*index)));
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        let decision = Decision::from_code(input.byte()?).ok_or(input.bad("a decision"))?;
        let risk_score = input.byte()?;
        let sum = input.signed()?;
        let blocked_by = match input.byte()? {
            0 => None,
            1 => Some(Blocked::Amount),
            2 => Some(Blocked::Rule(input.small()?)),
            _ => return Err(input.bad("what blocked it")),
        };
        let count = input.count(2)?;
        let mut fired = Vec::with_capacity(count);
        for _ in 0..count {
            let signal = input.small()?;
            let weight = i16::try_from(input.signed()?).map_err(|_| input.bad("a weight"))?;
            fired.push((signal, weight));
        }
        let (matched, signal_errors, rule_errors) = (indexes(input)?, indexes(input)?, indexes(input)?);
        Ok(Self { decision, risk_score, sum, blocked_by, fired, matched, signal_errors, rule_errors })
    }
}

fn indexes(input: &mut Decoder<'_>) -> Result<Vec<u16>, BadRow> {
    let count = input.count(1)?;
    (0..count).map(|_| input.small()).collect()
}

impl Basis {
    fn encode(&self, out: &mut Encoder) {
        out.number(u64::from(self.engine));
        out.byte(self.locale as u8);
        out.raw(&self.shipped_pack.0);
        for digest in [&self.pack, &self.lists] {
            out.option(digest.as_ref(), |out, digest| out.raw(&digest.0));
        }
        out.number(self.settings);
        out.count(self.computed.len());
        for value in &self.computed {
            out.option(*value, Encoder::signed);
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        let engine = input.small()?;
        let locale = Locale::from_code(input.byte()?).ok_or(input.bad("a language"))?;
        let shipped_pack = input.digest()?;
        let (pack, lists) = (input.option(Decoder::digest)?, input.option(Decoder::digest)?);
        let settings = input.number()?;
        let count = input.count(1)?;
        let computed: Result<_, _> = (0..count).map(|_| input.option(Decoder::signed)).collect();
        Ok(Self { engine, locale, shipped_pack, pack, lists, settings, computed: computed? })
    }
}

impl Facts {
    fn encode(&self, out: &mut Encoder) {
        out.flag(self.precheck);
        out.signed(self.amount);
        out.number(u64::from(self.currency.numeric()));
        out.text(&self.transaction_type);
        let texts = [
            &self.customer_id,
            &self.payment_type,
            &self.card_bin,
            &self.card_last4,
            &self.card_brand,
            &self.email_domain,
        ];
        for text in texts {
            text_option(out, text.as_deref());
        }
        for country in [self.card_country, self.billing_country, self.ip_country] {
            text_option(out, country.as_ref().map(Country::code));
        }
        encode_entities(out, &self.entities);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        let precheck = input.flag()?;
        let amount = input.signed()?;
        let currency = Currency::from_numeric(input.small()?).ok_or(input.bad("a currency"))?;
        let transaction_type = input.text()?;
        let mut text = || input.option(Decoder::text);
        let (customer_id, payment_type, card_bin) = (text()?, text()?, text()?);
        let (card_last4, card_brand, email_domain) = (text()?, text()?, text()?);
        let (card_country, billing_country, ip_country) = (country(input)?, country(input)?, country(input)?);
        let entities = decode_entities(input)?;
        Ok(Self {
            precheck,
            amount,
            currency,
            customer_id,
            transaction_type,
            payment_type,
            card_bin,
            card_last4,
            card_country,
            card_brand,
            billing_country,
            ip_country,
            email_domain,
            entities,
        })
    }
}

fn country(input: &mut Decoder<'_>) -> Result<Option<Country>, BadRow> {
    match input.option(Decoder::text)? {
        Some(code) => Country::from_code(&code).map(Some).ok_or(input.bad("a country")),
        None => Ok(None),
    }
}

fn text_option(out: &mut Encoder, text: Option<&str>) {
    out.option(text, |out, text| out.text(text));
}
