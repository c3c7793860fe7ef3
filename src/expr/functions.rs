//! The functions of the language, one row each.
//!
//! Another function is another row and another operator; parser and checker stay as they are.

use super::schema::Type;
use super::semantics::{Binary, Unary};
use super::suggest::nearest;
use super::text::TextTest;

/// How a function may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `x.f()`
    Method,
    /// `x.f()` and `f(x)`
    Either,
}

/// What a function becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Unary(Unary),
    Binary(Binary),
}

/// One function: the receiver counts as its first parameter.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) style: Style,
    pub(super) parameters: &'static [Type],
    pub(super) result: Type,
    pub(super) action: Action,
}

const FUNCTIONS: [Function; 6] = [
    text_test("contains", TextTest::Contains),
    text_test("startsWith", TextTest::StartsWith),
    text_test("endsWith", TextTest::EndsWith),
    of_text("lowerAscii", Style::Method, Type::String, Unary::Lower),
    of_text("upperAscii", Style::Method, Type::String, Unary::Upper),
    of_text("size", Style::Either, Type::Int, Unary::Size),
];

const fn text_test(name: &'static str, test: TextTest) -> Function {
    let parameters = &[Type::String, Type::String];
    let action = Action::Binary(Binary::Test(test));
    Function { name, style: Style::Method, parameters, result: Type::Bool, action }
}

const fn of_text(name: &'static str, style: Style, result: Type, op: Unary) -> Function {
    Function { name, style, parameters: &[Type::String], result, action: Action::Unary(op) }
}

/// The function `name`, or the message that refuses it.
pub(super) fn find(name: &str, method: bool) -> Result<&'static Function, String> {
    let known = FUNCTIONS.iter().find(|function| function.name == name);
    match known {
        Some(function) if method || function.style == Style::Either => Ok(function),
        Some(_) => Err(format!("`{name}` is a method: write `x.{name}(…)`")),
        None => {
            let near = nearest(name, FUNCTIONS.iter().map(|function| function.name));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Err(format!("function `{name}` is not supported{hint}"))
        }
    }
}
