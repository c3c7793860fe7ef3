//! Countries of ISO 3166-1, by alpha-2 code.

use std::cmp::Ordering;
use std::fmt;

/// A country, by its two upper-case letters, which are also its stored form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The country with an alpha-2 code, in any case.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Country> {
        let [a, b] = code.as_bytes() else { return None };
        let upper = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        let (mut from, mut to) = (0, (CODES.len() + 1) / 3);
        while from < to {
            let middle = from.midpoint(to);
            match CODES.as_bytes().get(middle * 3..middle * 3 + 2)?.cmp(upper.as_slice()) {
                Ordering::Equal => return Some(Country(upper)),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// The two letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Codes officially assigned, in their order, separated by single spaces.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO \
IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH \
MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_and_forty_nine_in_order() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(codes.iter().all(|code| Country::from_code(code).unwrap().code() == *code));
    }

    #[test]
    fn any_case_and_nothing_else() {
        assert_eq!(Country::from_code("mx").unwrap().code(), "MX");
        for bad in ["", "M", "MEX", "ZZ", "XX", " M", "D ", "UK"] {
            assert_eq!(Country::from_code(bad), None, "{bad:?}");
        }
    }
}
