//! The people of the traffic: who payer number `n` is follows from the seed alone, so that a population of
//! any size takes no memory.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A country with what its payers look like.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) country: &'static str,
    pub(super) currency: &'static str,
    pub(super) timezone: &'static str,
    dial: &'static str,
    /// Minor units of the currency for a payment of about ten dollars.
    pub(super) ten_dollars: f64,
    /// First octets of its addresses.
    octets: &'static [u8],
}

#[rustfmt::skip]
static HOMES: [Home; 6] = [
    Home { country: "MX", currency: "MXN", timezone: "America/Mexico_City", dial: "+5255", ten_dollars: 18_000.0, octets: &[187, 189, 201] },
    Home { country: "BR", currency: "BRL", timezone: "America/Sao_Paulo", dial: "+5511", ten_dollars: 5_500.0, octets: &[177, 179, 191] },
    Home { country: "CO", currency: "COP", timezone: "America/Bogota", dial: "+571", ten_dollars: 4_000_000.0, octets: &[181, 186] },
    Home { country: "CL", currency: "CLP", timezone: "America/Santiago", dial: "+562", ten_dollars: 9_500.0, octets: &[190, 200] },
    Home { country: "PE", currency: "PEN", timezone: "America/Lima", dial: "+511", ten_dollars: 3_700.0, octets: &[179, 190] },
    Home { country: "US", currency: "USD", timezone: "America/New_York", dial: "+1212", ten_dollars: 1_000.0, octets: &[24, 67, 98] },
];

const FIRST_NAMES: [&str; 16] = [
    "ana", "luis", "maria", "jose", "sofia", "carlos", "lucia", "pedro", "elena", "diego", "paula", "andres",
    "carla", "miguel", "julia", "rafael",
];
const LAST_NAMES: [&str; 16] = [
    "lopez", "garcia", "silva", "rojas", "torres", "vargas", "castro", "flores", "mendez", "ramos", "ortiz",
    "costa", "reyes", "vega", "soto", "nunez",
];
const MAIL_HOSTS: [&str; 5] = ["gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com"];
const BINS: [(&str, &str); 8] = [
    ("411111", "visa"),
    ("424242", "visa"),
    ("454617", "visa"),
    ("491573", "visa"),
    ("510510", "mastercard"),
    ("542418", "mastercard"),
    ("555555", "mastercard"),
    ("374245", "amex"),
];
const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
];

/// A payer with the card and the device they usually pay with.
#[derive(Debug, Clone)]
pub(super) struct Payer {
    pub(super) home: &'static Home,
    pub(super) customer: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) card: Card,
    pub(super) device: DeviceSample,
    /// What they usually spend, in tens of dollars.
    pub(super) tens: f64,
}

/// A card without its number.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) bin: &'static str,
    pub(super) brand: &'static str,
    pub(super) last4: String,
}

/// A device and the address it has.
#[derive(Debug, Clone)]
pub(super) struct DeviceSample {
    pub(super) fingerprint: String,
    pub(super) ip: String,
    pub(super) user_agent: &'static str,
}

impl Payer {
    /// Payer number `number` of the population of `seed`.
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let home = HOMES.get(rng.random_range(0..HOMES.len())).unwrap_or(&HOMES[0]);
        let first = pick(&mut rng, &FIRST_NAMES, "ana");
        let last = pick(&mut rng, &LAST_NAMES, "lopez");
        let host = pick(&mut rng, &MAIL_HOSTS, "gmail.com");
        Self {
            home,
            customer: format!("cus_{number:06}"),
            email: format!("{first}.{last}{number}@{host}"),
            phone: format!("{}{:07}", home.dial, rng.random_range(0..10_000_000_u32)),
            card: Card::any(&mut rng),
            device: DeviceSample::any(&mut rng, home),
            tens: rng.random_range(0.5..12.0),
        }
    }
}

impl Card {
    pub(super) fn any(rng: &mut ChaCha8Rng) -> Self {
        let (bin, brand) = pick(rng, &BINS, ("411111", "visa"));
        Self { bin, brand, last4: format!("{:04}", rng.random_range(0..10_000_u32)) }
    }
}

impl DeviceSample {
    pub(super) fn any(rng: &mut ChaCha8Rng, home: &Home) -> Self {
        let octet = pick(rng, home.octets, 187);
        let [a, b, c] = rng.random::<[u8; 3]>();
        Self {
            fingerprint: format!("fp_{:016x}", rng.random::<u64>()),
            ip: format!("{octet}.{a}.{b}.{}", c.clamp(1, 254)),
            user_agent: pick(rng, &BROWSERS, "Mozilla/5.0"),
        }
    }
}

/// One of `items`; `other` if there is none.
pub(super) fn pick<T: Copy>(rng: &mut ChaCha8Rng, items: &[T], other: T) -> T {
    items.get(rng.random_range(0..items.len().max(1))).copied().unwrap_or(other)
}
