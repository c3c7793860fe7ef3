//! A map: which column of a file is which member of a request.
//!
//! ```yaml
//! amount: {column: order_price, format: major}
//! currency: {value: USD}
//! email: customer_email
//! occurred_at: {column: when, format: '%Y-%m-%d %H:%M:%S'}
//! metadata.channel: product_category
//! ```

use crate::base::decimal::Decimal;
use crate::base::time::Ms;
use crate::expr::nearest;
use crate::policy::Place;
use crate::policy::document::{Content, Document, read};
use crate::wire::json::{Object, object};

/// Every member of a request by its dotted name; `metadata` has names of its own.
const MEMBERS: &[&str] = &[
    "amount",
    "currency",
    "amount_unit",
    "transaction_type",
    "occurred_at",
    "session_id",
    "email",
    "phone",
    "customer_id",
    "order_id",
    "payment_id",
    "idempotency_key",
    "submerchant_id",
    "payment_method.type",
    "payment_method.card_brand",
    "payment_method.bank_code",
    "payment_method.wallet_type",
    "payment_method.card_bin",
    "payment_method.card_last4",
    "payment_method.card_hash",
    "payment_method.card_country",
    "device.ip",
    "device.ip_country",
    "device.fingerprint",
    "device.user_agent",
    "device.language",
    "device.timezone",
    "behavior.session_duration_ms",
    "behavior.mouse_movements",
    "behavior.keystrokes",
    "behavior.copy_paste_events",
    "billing.country",
    "billing.city",
    "billing.postal_code",
    "shipping.country",
    "shipping.city",
    "shipping.postal_code",
];
const METADATA: &str = "metadata.";

/// A map that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// Members by the object they are in, the request itself first.
    groups: Vec<(String, Vec<Member>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    /// The dotted name, for messages.
    path: String,
    /// Where the map says it.
    at: Place,
    /// The name in its object.
    name: String,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Column(String, Format),
    /// JSON.
    Value(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    AsIs,
    /// The amount is in major units.
    Major,
    /// A time of `strptime`.
    Time(String),
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// Every fault of it, in its order, with line and column.
    pub(super) fn read(text: &str) -> Result<Self, Vec<String>> {
        let (document, found) = read(text);
        let found = found.iter().map(|fault| {
            let at = Place { line: fault.line, column: fault.column };
            (at, format!("{}: {}", fault.code, fault.message))
        });
        let mut faults = Faults(found.collect());
        let map = document.map_or_else(Map::empty, |document| Map::of(document, &mut faults));
        faults.none_or_sorted().map(|()| map)
    }

    fn of(document: Document, faults: &mut Faults) -> Self {
        let mut map = Map::empty();
        let Content::Object(members) = document.content else {
            faults.add(document.at, "a map is an object from members to columns");
            return map;
        };
        // What is meant by a name with a fault is not missing besides.
        let mut meant = Vec::new();
        for (path, at, value) in members {
            if is_member(&path) {
                if let Some((at, source)) = source(&path, &value, faults) {
                    map.put(path.clone(), at, source);
                }
                meant.push(path);
                continue;
            }
            let near = nearest(&path, MEMBERS.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            faults.add(at, format!("`{}` is no member of a request{hint}", path.escape_debug()));
            meant.extend(near.map(str::to_owned));
        }
        for due in ["amount", "currency"] {
            if !meant.iter().any(|path| path == due) {
                faults.add(document.at, format!("`{due}` is missing: no request goes without it"));
            }
        }
        if let Some(unit) = map.members().find(|member| member.path == "amount_unit")
            && map.is_major()
        {
            faults.add(unit.at, "`amount_unit` and `format: major` exclude each other");
        }
        map
    }

    fn empty() -> Self {
        Map { groups: vec![(String::new(), Vec::new())] }
    }

    /// The map of a file whose columns are called as members are; what is called otherwise is left out.
    pub(super) fn of_columns<'c>(columns: impl IntoIterator<Item = &'c str>) -> Result<Self, Vec<String>> {
        let mut map = Map::empty();
        for column in columns {
            if is_member(column) && !map.has(column) {
                map.put(column.to_owned(), Place::START, Source::Column(column.to_owned(), Format::AsIs));
            }
        }
        if map.has("amount") && map.has("currency") {
            return Ok(map);
        }
        Err(vec![
            "there is no column `amount` or none `currency`: say with --map which column is which".to_owned(),
        ])
    }

    fn put(&mut self, path: String, at: Place, source: Source) {
        let (group, name) = path.split_once('.').unwrap_or(("", &path));
        let member = Member { name: name.to_owned(), at, source, path: path.clone() };
        match self.groups.iter_mut().find(|(known, _)| known == group) {
            Some((_, members)) => members.push(member),
            None => self.groups.push((group.to_owned(), vec![member])),
        }
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.groups.iter().flat_map(|(_, members)| members)
    }

    fn has(&self, path: &str) -> bool {
        self.members().any(|member| member.path == path)
    }

    fn is_major(&self) -> bool {
        self.members().any(|member| matches!(member.source, Source::Column(_, Format::Major)))
    }

    /// The columns it reads, and where it names them.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, Place)> {
        self.members().filter_map(|member| match &member.source {
            Source::Column(column, _) => Some((column.as_str(), member.at)),
            Source::Value(_) => None,
        })
    }

    /// The body of a request; `column` gives the text of a column.
    ///
    /// # Errors
    /// Every column whose text is not of its format.
    pub(super) fn body<'r>(&self, column: &dyn Fn(&str) -> Option<&'r str>) -> Result<Vec<u8>, String> {
        let mut faults = Vec::new();
        let body = object(|body| {
            for (group, members) in &self.groups {
                if group.is_empty() {
                    members.iter().for_each(|member| member.put(column, body, &mut faults));
                    continue;
                }
                body.object(group, |inner| {
                    members.iter().for_each(|member| member.put(column, inner, &mut faults));
                });
            }
            if self.is_major() {
                body.text("amount_unit", "major");
            }
        });
        if faults.is_empty() { Ok(body) } else { Err(faults.join("; ")) }
    }
}

impl Member {
    fn put<'r>(
        &self,
        column: &dyn Fn(&str) -> Option<&'r str>,
        object: &mut Object<'_>,
        faults: &mut Vec<String>,
    ) {
        let (name, format) = match &self.source {
            Source::Column(name, format) => (name, format),
            Source::Value(json) => return object.json(&self.name, json),
        };
        let Some(text) = column(name).map(str::trim).filter(|text| !text.is_empty()) else { return };
        match format {
            Format::Time(format) => match Ms::parse_with(format, text) {
                Some(at) => object.text(&self.name, &at.to_string()),
                None => faults.push(format!("/{} `{name}` is no time of the form {format}", self.path)),
            },
            // What is no number is the reader's to refuse, with the place that belongs to it.
            Format::AsIs | Format::Major if is_number(&self.path) && Decimal::parse(text).is_some() => {
                object.json(&self.name, text);
            }
            Format::AsIs | Format::Major => object.text(&self.name, text),
        }
    }
}

fn is_member(path: &str) -> bool {
    MEMBERS.contains(&path) || path.strip_prefix(METADATA).is_some_and(|name| !name.is_empty())
}

fn is_number(path: &str) -> bool {
    path == "amount" || path.starts_with("behavior.")
}

/// What is wrong with a map, in any order.
struct Faults(Vec<(Place, String)>);

impl Faults {
    fn add(&mut self, at: Place, what: impl Into<String>) {
        self.0.push((at, what.into()));
    }

    fn none_or_sorted(mut self) -> Result<(), Vec<String>> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by_key(|(at, _)| *at);
        Err(self.0.iter().map(|(at, what)| format!("{}:{}: {what}", at.line, at.column)).collect())
    }
}

/// `column`, `{column, format}` or `{value}`, and where it stands.
fn source(path: &str, document: &Document, faults: &mut Faults) -> Option<(Place, Source)> {
    let due = "a column, {column, format} or {value} is due";
    let mut bad = |at: Place, why: &str| faults.add(at, format!("{path}: {why}"));
    let members = match &document.content {
        Content::Text(column) => return Some((document.at, Source::Column(column.clone(), Format::AsIs))),
        Content::Object(members) => members,
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) => {
            bad(document.at, &format!("{due}, not {}", document.content.noun()));
            return None;
        }
    };
    let mut unknown = false;
    for (name, at, _) in members {
        if !["column", "format", "value"].contains(&name.as_str()) {
            unknown = true;
            bad(*at, &format!("`{}` is no member here: {due}", name.escape_debug()));
        }
    }
    let get = |name: &str| members.iter().find(|(known, ..)| known == name).map(|(_, _, value)| value);
    let (column, format, value) = (get("column"), get("format"), get("value"));
    let format = format.map_or(Some(Format::AsIs), |format| {
        self::format(path, format).map_err(|why| bad(format.at, why)).ok()
    });
    let column = column.and_then(|column| match &column.content {
        Content::Text(name) => Some((column.at, name.clone())),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) | Content::Object(_) => {
            bad(column.at, "the name of a column is a string");
            None
        }
    });
    let value = value.and_then(|value| match json(&value.content) {
        Some(json) => Some((value.at, json)),
        None => {
            bad(value.at, &format!("a string, a number or a bool is due, not {}", value.content.noun()));
            None
        }
    });
    let given = |name| get(name).is_some();
    match (given("column"), given("format"), given("value")) {
        (true, _, false) => column.zip(format).map(|((at, name), format)| (at, Source::Column(name, format))),
        (false, false, true) => value.map(|(at, json)| (at, Source::Value(json))),
        // A member with a fault may have been meant to be the one that is missing.
        (false, _, false) if unknown => None,
        _ => {
            bad(document.at, due);
            None
        }
    }
}

/// A value as JSON, if a member of a request can be set to it.
fn json(content: &Content) -> Option<String> {
    match content {
        Content::Number(text) => Some(text.clone()),
        Content::Bool(value) => Some(value.to_string()),
        Content::Text(text) => Some(serde_json::Value::from(text.as_str()).to_string()),
        Content::Null | Content::List(_) | Content::Object(_) => None,
    }
}

fn format(path: &str, format: &Document) -> Result<Format, &'static str> {
    let Content::Text(text) = &format.content else { return Err("a format is a string") };
    match path {
        "amount" if text == "major" => Ok(Format::Major),
        "amount" => Err("the only format of an amount is `major`"),
        "occurred_at" if text.contains('%') => Ok(Format::Time(text.clone())),
        "occurred_at" => Err("a time's format is one such as `%Y-%m-%d %H:%M:%S`"),
        _ => Err("only `amount` and `occurred_at` have formats"),
    }
}
