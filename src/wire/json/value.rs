//! A member's value, not yet looked into, and the readers a table of members is built from.

use crate::base::decimal::{Decimal, NotInteger};
use crate::domain::fault::FieldCode;
use crate::wire::json::faults::{Bad, Faults};
use crate::wire::json::fill::{self, Members};
use crate::wire::json::text::{self, Text};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The value of a member as its JSON text, or nothing. A reader that returns `None` has either found
/// nothing or put a fault, so a result is only used when the faults are empty.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    name: &'a str,
    raw: Option<&'a str>,
    required: bool,
}

impl<'a> Value<'a> {
    /// A member that was not given.
    #[must_use]
    pub const fn absent(name: &'a str) -> Self {
        Self { name, raw: None, required: false }
    }

    /// A member given as `raw`, which must be JSON without space around it.
    pub(super) const fn given(name: &'a str, raw: &'a str) -> Self {
        Self { name, raw: Some(raw), required: false }
    }

    /// The same, and a fault when it is read and was not given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The member's name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The JSON text, if something other than `null` was given.
    #[must_use]
    pub fn raw(&self) -> Option<&'a str> {
        self.raw.filter(|raw| *raw != "null")
    }

    /// Whether the member was given as `null`, which clears a field of a patch.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.raw == Some("null")
    }

    pub(super) const fn is_seen(&self) -> bool {
        self.raw.is_some()
    }

    pub(super) const fn see(&mut self, raw: &'a str) {
        self.raw = Some(raw);
    }

    /// Puts a fault of this member.
    pub fn fault(&self, bad: Bad, faults: &mut Faults) {
        faults.at(self.name, bad);
    }

    /// Puts a fault if the member was given at all.
    pub fn refuse(&self, bad: Bad, faults: &mut Faults) {
        if self.raw().is_some() {
            self.fault(bad, faults);
        }
    }

    fn present(&self, faults: &mut Faults) -> Option<&'a str> {
        let raw = self.raw();
        if raw.is_none() && self.required {
            self.fault(Bad::new(FieldCode::Required, "is required"), faults);
        }
        raw
    }

    fn kept<T>(&self, result: Result<T, Bad>, faults: &mut Faults) -> Option<T> {
        result.map_err(|bad| self.fault(bad, faults)).ok()
    }

    /// The trimmed text; an empty one is none.
    pub fn text(&self, rule: Text, faults: &mut Faults) -> Option<Cow<'a, str>> {
        let raw = self.present(faults)?;
        let text = self.kept(text::read(raw, rule), faults)?;
        if text.is_empty() {
            if self.required {
                self.fault(Bad::new(FieldCode::Required, "must not be empty"), faults);
            }
            return None;
        }
        Some(text)
    }

    /// [`text`](Self::text) as a `String`.
    pub fn string(&self, rule: Text, faults: &mut Faults) -> Option<String> {
        self.text(rule, faults).map(Cow::into_owned)
    }

    /// The text in lower case.
    pub fn lowered(&self, rule: Text, faults: &mut Faults) -> Option<String> {
        let text = text::lowered(self.text(rule, faults)?);
        // A lower-case letter may be two characters where its upper case is one.
        self.kept(rule.check_length(&text), faults)?;
        Some(text)
    }

    /// The text if `check` finds nothing wrong with it.
    pub fn checked(
        &self,
        rule: Text,
        check: impl FnOnce(&str) -> Result<(), Bad>,
        faults: &mut Faults,
    ) -> Option<String> {
        let text = self.text(rule, faults)?;
        self.kept(check(&text), faults)?;
        Some(text.into_owned())
    }

    /// What `parse` makes of the text.
    pub fn parsed<T>(
        &self,
        rule: Text,
        parse: impl FnOnce(&str) -> Result<T, Bad>,
        faults: &mut Faults,
    ) -> Option<T> {
        let text = self.text(rule, faults)?;
        self.kept(parse(&text), faults)
    }

    /// The value that goes with one of the words of `choices`, spelled exactly so.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.text(Text::USUAL, faults)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("must be one of {}", words.join(", "));
        self.fault(Bad { code: FieldCode::Enum, message: message.into() }, faults);
        None
    }

    /// `true` or `false`.
    pub fn flag(&self, faults: &mut Faults) -> Option<bool> {
        match self.present(faults)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.kept(Err(Bad::new(FieldCode::Type, "must be true or false")), faults),
        }
    }

    /// The number, exact.
    pub fn number(&self, faults: &mut Faults) -> Option<Decimal<'a>> {
        let number = Decimal::parse(self.present(faults)?);
        self.kept(number.ok_or(Bad::new(FieldCode::Type, "must be a number")), faults)
    }

    /// The whole number, within `range`; `5.0` and `5e0` are whole.
    pub fn integer(&self, range: RangeInclusive<i64>, faults: &mut Faults) -> Option<i64> {
        let number = self.number(faults)?;
        let beyond = |code, word: &str, bound: &i64| {
            Err(Bad { code, message: format!("must be at {word} {bound}").into() })
        };
        let bounded = match number.scaled(0) {
            Ok(value) if value < *range.start() => beyond(FieldCode::Min, "least", range.start()),
            Ok(value) if value > *range.end() => beyond(FieldCode::Max, "most", range.end()),
            Ok(value) => Ok(value),
            Err(NotInteger::Fraction) => Err(Bad::new(FieldCode::NotInteger, "must be a whole number")),
            Err(NotInteger::TooLarge) if number.is_negative() => {
                beyond(FieldCode::Min, "least", range.start())
            }
            Err(NotInteger::TooLarge) => beyond(FieldCode::Max, "most", range.end()),
        };
        self.kept(bounded, faults)
    }

    /// What `read` makes of the object's members.
    pub fn object<M: Members<'a>, T>(
        &self,
        faults: &mut Faults,
        read: impl FnOnce(&M, &mut Faults) -> T,
    ) -> Option<T> {
        let raw = self.present(faults)?;
        if !raw.starts_with('{') {
            return self.kept(Err(Bad::new(FieldCode::Type, "must be an object")), faults);
        }
        faults.within(self.name, |faults| {
            let mut members = M::absent();
            fill::members_of(raw, &mut members, faults).then(|| read(&members, faults))
        })
    }

    /// The members of an object whose names are free, in their order, a name given twice twice. Each
    /// value is read with [`entry`](Self::entry).
    pub fn entries(&self, faults: &mut Faults) -> Option<Vec<(Cow<'a, str>, &'a str)>> {
        let raw = self.present(faults)?;
        if !raw.starts_with('{') {
            return self.kept(Err(Bad::new(FieldCode::Type, "must be an object")), faults);
        }
        self.kept(fill::entries_of(raw), faults)
    }

    /// The value of an entry, to be read inside [`Faults::within`] of its object.
    #[must_use]
    pub const fn entry(name: &'a str, raw: &'a str) -> Self {
        Self::given(name, raw)
    }

    /// What `read` makes of each item of an array of at most `max`; its name is its index.
    pub fn items<T>(
        &self,
        max: usize,
        faults: &mut Faults,
        mut read: impl FnMut(Value<'_>, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let raw = self.present(faults)?;
        if !raw.starts_with('[') {
            return self.kept(Err(Bad::new(FieldCode::Type, "must be an array")), faults);
        }
        let items = fill::items_of(raw);
        if items.len() > max {
            let message = format!("must have at most {max} items");
            return self.kept(Err(Bad { code: FieldCode::Max, message: message.into() }), faults);
        }
        faults.within(self.name, |faults| {
            let each = items.iter().enumerate();
            Some(each.filter_map(|(at, raw)| read(Value::given(&at.to_string(), raw), faults)).collect())
        })
    }
}
