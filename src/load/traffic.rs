//! Payments as they come: who pays, how, and what is wrong with a few of them. Pure: a seed decides all,
//! and no clock is asked, so the same seed is the same traffic.

use crate::load::payer::{Card, DeviceSample, Payer, pick};
use crate::wire::json::{Object, object};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Zipf};
use std::fmt;

/// Attackers there are at a time.
const ATTACKERS: u64 = 24;
const DISPOSABLE: [&str; 3] = ["mailinator.com", "yopmail.com", "guerrillamail.com"];
const SCRIPTS: [&str; 2] = ["python-requests/2.31.0", "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/124.0"];
const RISKY: [&str; 3] = ["KP", "IR", "MM"];

/// What the traffic is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Distinct payers.
    pub payers: u64,
    /// How uneven they pay: the exponent of Zipf's law, from 0.
    pub skew: f64,
    /// Suspicious payments in a thousand.
    pub suspicious_per_mille: u32,
    /// Which suspicious payments there are.
    pub scenario: Scenario,
    /// One payment in so many is by one of the hot e-mails; 0 for none.
    pub hot_one_in: u32,
    /// Hot e-mails.
    pub hot_emails: u64,
    /// Whether a payment says no more than whom it is counted by.
    pub lean: bool,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            payers: 50_000,
            skew: 0.9,
            suspicious_per_mille: 40,
            scenario: Scenario::Mixed,
            hot_one_in: 0,
            hot_emails: 0,
            lean: false,
        }
    }
}

impl Mix {
    /// A few payments a second in which somebody watching sees signals fire.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            payers: 5_000,
            skew: 0.5,
            suspicious_per_mille: 80,
            hot_one_in: 12,
            hot_emails: 3,
            ..Self::default()
        }
    }
}

/// A kind of fraud, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scenario {
    /// Each of them.
    #[default]
    Mixed,
    /// Tiny amounts on many cards from one device.
    CardTesting,
    /// A payer's account on another device, far away, for much more.
    AccountTakeover,
    /// One e-mail, again and again.
    Velocity,
    /// A script with a throw-away mailbox.
    Bot,
}

/// A payment to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 0.
    pub number: u64,
    /// The JSON body of the contract's section 5.2.
    pub body: Vec<u8>,
    /// Its amount in minor units.
    pub amount: i64,
    /// The amount's currency.
    pub currency: &'static str,
    /// What is wrong with it, if something is.
    pub fraud: Option<Scenario>,
}

/// A mix that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMix(&'static str);

impl fmt::Display for BadMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadMix {}

/// Endless traffic from a seed.
#[derive(Debug, Clone)]
pub struct Traffic {
    seed: u64,
    /// Tells this run's orders from another's with the same seed.
    run: u64,
    mix: Mix,
    rng: ChaCha8Rng,
    payers: Zipf<f64>,
    /// How an amount differs from the payer's usual one.
    spread: LogNormal<f64>,
    number: u64,
}

impl Traffic {
    /// Traffic of `seed`. `run` only marks the order ids, so that a server does not take a second run for
    /// the first.
    ///
    /// # Errors
    /// The mix has no payers, or a skew below zero.
    pub fn new(seed: u64, run: u64, mix: Mix) -> Result<Self, BadMix> {
        #[expect(clippy::cast_precision_loss, reason = "a population below 2^53")]
        let payers = Zipf::new(mix.payers as f64, mix.skew);
        let payers = payers.map_err(|_| BadMix("traffic needs a payer and a skew from 0"))?;
        let spread = LogNormal::new(0.0, 0.6).map_err(|_| BadMix("amounts need a spread"))?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { seed, run, mix, rng, payers, spread, number: 0 })
    }

    /// The next payment.
    pub fn event(&mut self) -> Event {
        let number = self.number;
        self.number += 1;
        let hot = self.mix.hot_one_in > 0
            && self.mix.hot_emails > 0
            && self.rng.random_range(0..self.mix.hot_one_in) == 0;
        let fraud = if hot {
            Some(Scenario::Velocity)
        } else {
            (self.rng.random_range(0..1_000) < self.mix.suspicious_per_mille).then(|| self.kind())
        };
        let sketch = self.sketch(fraud, hot);
        let order = format!("ORD-{:x}-{number}", self.run);
        let (amount, currency) = (sketch.amount, sketch.payer.home.currency);
        let body = if self.mix.lean { sketch.lean(&order) } else { sketch.body(&order) };
        Event { number, body, amount, currency, fraud }
    }

    fn kind(&mut self) -> Scenario {
        if self.mix.scenario != Scenario::Mixed {
            return self.mix.scenario;
        }
        const KINDS: [Scenario; 4] =
            [Scenario::CardTesting, Scenario::AccountTakeover, Scenario::Velocity, Scenario::Bot];
        pick(&mut self.rng, &KINDS, Scenario::Bot)
    }

    fn sketch(&mut self, fraud: Option<Scenario>, hot: bool) -> Sketch {
        let attacker = self.rng.random_range(0..ATTACKERS);
        match fraud {
            None | Some(Scenario::Mixed) => self.ordinary(),
            Some(Scenario::CardTesting) => {
                let mut sketch = Sketch::of(Payer::of(!self.seed, attacker));
                sketch.payer.card = Card::any(&mut self.rng);
                sketch.amount = sketch.minor(self.rng.random_range(0.02..0.2));
                sketch.session_ms = self.rng.random_range(900..4_000);
                sketch.pastes = 3;
                sketch
            }
            Some(Scenario::AccountTakeover) => {
                let mut sketch = self.ordinary();
                let home = Payer::of(!self.seed, attacker).home;
                sketch.payer.device = DeviceSample::any(&mut self.rng, home);
                sketch.ip_country = pick(&mut self.rng, &RISKY, "IR");
                sketch.amount = sketch.amount.saturating_mul(9);
                sketch
            }
            Some(Scenario::Velocity) => {
                let hot_emails = if hot { self.mix.hot_emails } else { ATTACKERS };
                let base = if hot { !self.seed ^ 0x5eed } else { !self.seed };
                let mut sketch = Sketch::of(Payer::of(base, attacker % hot_emails.max(1)));
                sketch.amount = sketch.minor(sketch.payer.tens);
                if hot {
                    sketch.payer.email = format!("hot.buyer{}@gmail.com", attacker % hot_emails.max(1));
                }
                sketch
            }
            Some(Scenario::Bot) => {
                let mut sketch = self.ordinary();
                let host = pick(&mut self.rng, &DISPOSABLE, "mailinator.com");
                sketch.payer.email = format!("{:08x}@{host}", self.rng.random::<u32>());
                sketch.payer.device.user_agent = pick(&mut self.rng, &SCRIPTS, "curl/8.5.0");
                sketch.session_ms = self.rng.random_range(80..1_500);
                (sketch.mouse, sketch.keys) = (0, 0);
                sketch
            }
        }
    }

    fn ordinary(&mut self) -> Sketch {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank, from 1 to the number of payers"
        )]
        let rank = self.payers.sample(&mut self.rng) as u64;
        let mut sketch = Sketch::of(Payer::of(self.seed, rank));
        sketch.amount = sketch.minor(sketch.payer.tens * self.spread.sample(&mut self.rng));
        sketch.session_ms = self.rng.random_range(12_000..240_000);
        sketch.mouse = self.rng.random_range(40..900);
        sketch.keys = self.rng.random_range(20..240);
        sketch.pastes = u32::from(self.rng.random_range(0..6) == 0);
        if self.rng.random_range(0..25) == 0 {
            sketch.payer.device = DeviceSample::any(&mut self.rng, sketch.payer.home);
        }
        sketch
    }
}

/// A payment before it is written down.
#[derive(Debug)]
struct Sketch {
    payer: Payer,
    amount: i64,
    ip_country: &'static str,
    session_ms: u32,
    mouse: u32,
    keys: u32,
    pastes: u32,
}

impl Sketch {
    fn of(payer: Payer) -> Self {
        let ip_country = payer.home.country;
        Self { payer, amount: 0, ip_country, session_ms: 30_000, mouse: 120, keys: 60, pastes: 0 }
    }

    /// Minor units of `tens` times ten dollars in the payer's currency, at least one.
    fn minor(&self, tens: f64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^53")]
        let minor = (self.payer.home.ten_dollars * tens) as i64;
        minor.clamp(1, 1_000_000_000)
    }

    fn body(&self, order: &str) -> Vec<u8> {
        let Payer { home, card, device, .. } = &self.payer;
        let mobile = device.user_agent.contains("Mobi");
        object(|body| {
            body.integer("amount", self.amount);
            body.text("currency", home.currency);
            body.text("email", &self.payer.email);
            body.text("phone", &self.payer.phone);
            body.text("customer_id", &self.payer.customer);
            body.text("order_id", order);
            body.object("payment_method", |method| {
                method.text("type", "card");
                method.text("card_brand", card.brand);
                method.text("card_bin", card.bin);
                method.text("card_last4", &card.last4);
                method.text("card_country", home.country);
            });
            body.object("device", |object| {
                object.text("ip", &device.ip);
                object.text("ip_country", self.ip_country);
                object.text("fingerprint", &device.fingerprint);
                object.text("user_agent", device.user_agent);
                object.text("timezone", home.timezone);
            });
            body.object("behavior", |behavior| {
                count(behavior, "session_duration_ms", self.session_ms);
                if !mobile {
                    count(behavior, "mouse_movements", self.mouse);
                }
                count(behavior, "keystrokes", self.keys);
                count(behavior, "copy_paste_events", self.pastes);
            });
            body.object("billing", |billing| billing.text("country", home.country));
        })
    }

    /// The same payment with no more than what entities are made of.
    fn lean(&self, order: &str) -> Vec<u8> {
        let Payer { home, card, device, .. } = &self.payer;
        object(|body| {
            body.integer("amount", self.amount);
            body.text("currency", home.currency);
            body.text("email", &self.payer.email);
            body.text("phone", &self.payer.phone);
            body.text("customer_id", &self.payer.customer);
            body.text("order_id", order);
            body.object("payment_method", |method| {
                method.text("type", "card");
                method.text("card_bin", card.bin);
                method.text("card_last4", &card.last4);
            });
            body.object("device", |object| {
                object.text("ip", &device.ip);
                object.text("fingerprint", &device.fingerprint);
            });
        })
    }
}

fn count(object: &mut Object<'_>, name: &str, count: u32) {
    object.integer(name, i64::from(count));
}
