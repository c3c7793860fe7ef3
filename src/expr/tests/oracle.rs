//! A second, naive reading of the language: walks the syntax tree, knows nothing of types, folding or code.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else turns up here is a bug of the checker")]

use super::super::ast::{Arith, Ast, Comparison, Infix, NodeId, Syntax};
use super::super::fault::Sink;
use super::super::parser::parse;
use super::*;

type Result<T> = std::result::Result<T, EvalError>;

/// The value of a source that the checker accepts.
pub(super) fn eval(source: &str, world: &World) -> Result<Answer> {
    let ast = parse(source, &mut Sink::default());
    Oracle { ast: &ast, world }.value(ast.root).map(|held| match held {
        Held::Bool(value) => Answer::Bool(value),
        Held::Int(value) => Answer::Int(value),
        Held::Str(text) => Answer::Str(text),
        Held::Time(millis) => Answer::Time(millis),
        Held::Span(millis) => Answer::Span(millis),
        Held::Missing => unreachable!("a missing value is an error"),
    })
}

struct Oracle<'o> {
    ast: &'o Ast,
    world: &'o World,
}

impl Oracle<'_> {
    fn value(&self, node: NodeId) -> Result<Held> {
        match &self.ast.nodes[node.0].kind {
            Syntax::Bool(value) => Ok(Held::Bool(*value)),
            Syntax::Int(value) => Ok(Held::Int(*value)),
            Syntax::Text(text) => Ok(Held::Str(text.to_string())),
            Syntax::Path(_) | Syntax::Index { .. } => self.field(node),
            Syntax::Call { name, receiver, args } => self.call(name, *receiver, args),
            Syntax::Not(operand) => self.truth(*operand).map(|value| Held::Bool(!value)),
            Syntax::Negate(operand) => {
                let negated = self.int(*operand)?.checked_neg();
                negated.map(Held::Int).ok_or(EvalError::Overflow)
            }
            Syntax::Binary { op, left, right } => self.infix(*op, *left, *right),
            Syntax::Choose { condition, then, otherwise } => {
                self.value(if self.truth(*condition)? { *then } else { *otherwise })
            }
            Syntax::Bad | Syntax::List(_) | Syntax::Select { .. } => {
                unreachable!("the checker refuses these")
            }
        }
    }

    fn infix(&self, op: Infix, left: NodeId, right: NodeId) -> Result<Held> {
        match op {
            Infix::And => match (self.truth(left), self.truth(right)) {
                (Ok(false), _) | (_, Ok(false)) => Ok(Held::Bool(false)),
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(true), Ok(true)) => Ok(Held::Bool(true)),
            },
            Infix::Or => match (self.truth(left), self.truth(right)) {
                (Ok(true), _) | (_, Ok(true)) => Ok(Held::Bool(true)),
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(false), Ok(false)) => Ok(Held::Bool(false)),
            },
            Infix::In => self.membership(left, right),
            Infix::Compare(comparison) => {
                let ordering = match (self.value(left)?, self.value(right)?) {
                    (Held::Int(a), Held::Int(b)) => a.cmp(&b),
                    (Held::Bool(a), Held::Bool(b)) => a.cmp(&b),
                    (Held::Str(a), Held::Str(b)) => a.chars().cmp(b.chars()),
                    (Held::Time(a), Held::Time(b)) | (Held::Span(a), Held::Span(b)) => a.cmp(&b),
                    _ => return Err(EvalError::BrokenPromise),
                };
                Ok(Held::Bool(match comparison {
                    Comparison::Equal => ordering.is_eq(),
                    Comparison::NotEqual => !ordering.is_eq(),
                    Comparison::Less => ordering.is_lt(),
                    Comparison::LessEqual => !ordering.is_gt(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::GreaterEqual => !ordering.is_lt(),
                }))
            }
            Infix::Arith(arith) => {
                let (a, b) = (i128::from(self.int(left)?), i128::from(self.int(right)?));
                let result = match arith {
                    Arith::Add => a + b,
                    Arith::Subtract => a - b,
                    Arith::Multiply => a * b,
                    Arith::Divide | Arith::Remainder if b == 0 => return Err(EvalError::DivisionByZero),
                    Arith::Divide => a / b,
                    Arith::Remainder if (a, b) == (i128::from(i64::MIN), -1) => {
                        return Err(EvalError::Overflow);
                    }
                    Arith::Remainder => a % b,
                };
                i64::try_from(result).map(Held::Int).map_err(|_| EvalError::Overflow)
            }
        }
    }

    fn membership(&self, left: NodeId, right: NodeId) -> Result<Held> {
        if let Syntax::List(items) = &self.ast.nodes[right.0].kind {
            let sought = self.value(left)?;
            return Ok(Held::Bool(items.iter().any(|item| self.value(*item).as_ref() == Ok(&sought))));
        }
        match self.resolve(right) {
            (Resolved::List { id, .. }, _) => {
                let sought = self.value(left)?;
                let found = self.world.contains(id, &sought.borrowed());
                found.map(Held::Bool).ok_or(EvalError::MissingList { list: id })
            }
            (Resolved::Map { slot }, None) => {
                Ok(Held::Bool(self.world.entry(slot, &self.text(left)?) != Value::Missing))
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn call(&self, name: &str, receiver: Option<NodeId>, args: &[NodeId]) -> Result<Held> {
        if name == "has" {
            return Ok(Held::Bool(match self.resolve(args[0]) {
                (Resolved::List { id, .. }, _) => self.world.has_list(id),
                _ => self.field(args[0]).is_ok(),
            }));
        }
        let on = self.text(receiver.unwrap_or_else(|| args[0]))?;
        Ok(match name {
            "size" => Held::Int(i64::try_from(on.chars().count()).unwrap()),
            "lowerAscii" => Held::Str(on.to_ascii_lowercase()),
            "upperAscii" => Held::Str(on.to_ascii_uppercase()),
            "contains" => Held::Bool(on.contains(&self.text(args[0])?)),
            "startsWith" => Held::Bool(on.starts_with(&self.text(args[0])?)),
            "endsWith" => Held::Bool(on.ends_with(&self.text(args[0])?)),
            _ => unreachable!("{name}"),
        })
    }

    fn field(&self, node: NodeId) -> Result<Held> {
        let (value, error) = match self.resolve(node) {
            (Resolved::Value { slot, .. }, None) => (self.world.value(slot), EvalError::Missing { slot }),
            (Resolved::Map { slot }, Some(key)) => {
                (self.world.entry(slot, &key), EvalError::MissingEntry { slot })
            }
            other => unreachable!("{other:?}"),
        };
        match value {
            Value::Missing => Err(error),
            Value::Bool(value) => Ok(Held::Bool(value)),
            Value::Int(value) => Ok(Held::Int(value)),
            Value::Str(text) => Ok(Held::Str(text.into())),
            Value::Time(millis) => Ok(Held::Time(millis)),
            Value::Span(millis) => Ok(Held::Span(millis)),
        }
    }

    /// What a node names, and the key if it is the entry of a map.
    fn resolve(&self, node: NodeId) -> (Resolved, Option<String>) {
        match &self.ast.nodes[node.0].kind {
            Syntax::Path(names) => {
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                let (last, before) = names.split_last().unwrap();
                match (self.world.clone().resolve(&names), self.world.clone().resolve(before)) {
                    (Resolved::Unknown { .. }, map) => (map, Some((*last).into())),
                    (whole, _) => (whole, None),
                }
            }
            Syntax::Index { base, key } => (self.resolve(*base).0, self.text(*key).ok()),
            other => unreachable!("{other:?}"),
        }
    }

    fn truth(&self, node: NodeId) -> Result<bool> {
        match self.value(node)? {
            Held::Bool(value) => Ok(value),
            _ => Err(EvalError::BrokenPromise),
        }
    }

    fn int(&self, node: NodeId) -> Result<i64> {
        match self.value(node)? {
            Held::Int(value) => Ok(value),
            _ => Err(EvalError::BrokenPromise),
        }
    }

    fn text(&self, node: NodeId) -> Result<String> {
        match self.value(node)? {
            Held::Str(text) => Ok(text),
            _ => Err(EvalError::BrokenPromise),
        }
    }
}
