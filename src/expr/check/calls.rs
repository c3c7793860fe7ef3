//! Calls, `has()` and `in`: the checks that look at more than the types of their operands.

use super::{Checker, Operand};
use crate::expr::ast::NodeId;
use crate::expr::fault::{FaultCode, Span};
use crate::expr::functions::{Action, find};
use crate::expr::schema::Type;
use crate::expr::tree::{Form, Id};

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        name: &str,
        receiver: Option<NodeId>,
        args: &[NodeId],
        span: Span,
    ) -> Operand {
        if receiver.is_none() && name == "has" {
            return self.has(args, span);
        }
        let function = match find(name, receiver.is_some()) {
            Ok(function) => function,
            Err(message) => return self.fault(FaultCode::UnknownFunction, span, message),
        };
        let given: Vec<NodeId> = receiver.into_iter().chain(args.iter().copied()).collect();
        if given.len() != function.parameters.len() {
            let shown = usize::from(receiver.is_some());
            let (expected, given) = (function.parameters.len() - shown, given.len() - shown);
            let message = format!("arguments of `{name}`: {expected} expected, {given} given");
            return self.fault(FaultCode::WrongType, span, message);
        }
        let operands: Vec<Option<Id>> =
            given.iter().zip(function.parameters).map(|(node, ty)| self.value_of(*node, *ty)).collect();
        let id = match (function.action, operands.as_slice()) {
            (Action::Unary(op), [Some(operand)]) => self.tree.unary(op, *operand),
            (Action::Binary(op), [Some(left), Some(right)]) => {
                self.tree.binary(op, *left, *right, Type::String)
            }
            _ => return Operand::Bad,
        };
        Operand::Value { id, ty: function.result }
    }

    /// `has(x)` looks at the field, never at its value, so it cannot fail.
    fn has(&mut self, args: &[NodeId], span: Span) -> Operand {
        let [argument] = args else {
            return self.fault(FaultCode::WrongType, span, "`has` takes one field");
        };
        let form = match self.take(*argument) {
            Operand::Bad => return Operand::Bad,
            Operand::Field { id, optional: true, .. } => self.presence(id),
            Operand::List { id, optional: true, .. } => Some(Form::HasList(id)),
            Operand::Field { .. } | Operand::List { .. } | Operand::Map { .. } => {
                return self.fault(FaultCode::AlwaysPresent, self.span(*argument), "this is always present");
            }
            Operand::Object => {
                let message = "an object is always present: ask for one of its members";
                return self.fault(FaultCode::AlwaysPresent, self.span(*argument), message);
            }
            Operand::Value { .. } | Operand::Members { .. } => None,
        };
        match form {
            Some(form) => Operand::Value { id: self.tree.leaf(form), ty: Type::Bool },
            None => self.fault(FaultCode::WrongType, self.span(*argument), "`has` takes a field"),
        }
    }

    fn presence(&self, id: Id) -> Option<Form> {
        let form = self.tree.form(id)?;
        if let Form::Slot { slot, .. } = form {
            return Some(Form::HasSlot(*slot));
        }
        let Form::Entry { slot, key } = form else { return None };
        Some(Form::HasEntry { slot: *slot, key: key.clone() })
    }

    /// `in`: a list literal, a list held outside, or the keys of a map.
    pub(super) fn membership(&mut self, left: NodeId, right: NodeId) -> Operand {
        let value = self.value(left);
        let container = self.take(right);
        let (of, what) = match &container {
            Operand::Bad => return Operand::Bad,
            Operand::Members { of, .. } | Operand::List { of, .. } => (*of, "elements"),
            Operand::Map { .. } => (Type::String, "keys"),
            Operand::Value { .. } | Operand::Field { .. } | Operand::Object => {
                let message = "the right side of `in` must be a list or a map";
                return self.fault(FaultCode::WrongType, self.span(right), message);
            }
        };
        let Some((value, ty)) = value else { return Operand::Bad };
        if ty != of {
            let message = format!("{} is sought among {what} each of which is {}", ty.noun(), of.noun());
            return self.fault(FaultCode::WrongType, self.span(left), message);
        }
        let id = match container {
            Operand::Members { members, .. } => self.tree.in_members(value, members),
            Operand::List { id, of, .. } => self.tree.in_list(value, id, of),
            Operand::Map { slot } => match self.constant_text(value) {
                Some(key) => self.tree.leaf(Form::HasEntry { slot, key }),
                None => {
                    let message = "a key must be a constant string";
                    return self.fault(FaultCode::Unsupported, self.span(left), message);
                }
            },
            Operand::Bad | Operand::Value { .. } | Operand::Field { .. } | Operand::Object => {
                return Operand::Bad;
            }
        };
        Operand::Value { id, ty: Type::Bool }
    }
}
