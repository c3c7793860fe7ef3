//! The part of a condition that an index over predicates can decide.

use super::ast::Comparison;
use super::schema::Type;
use super::semantics::Unary;
use super::tree::{Constant, Form, Id, Tree};

/// One comparison that must hold for the condition to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conjunct {
    /// The slot on its left.
    pub slot: u32,
    /// The comparison.
    pub comparison: Comparison,
    /// The constant on its right.
    pub constant: Constant,
}

/// The conjuncts of a condition in source order. Where one does not hold, or its slot is missing, the
/// condition does not hold either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexable {
    /// Those of the form slot, comparison, constant.
    pub conjuncts: Vec<Conjunct>,
    /// Whether they are the whole condition; otherwise the compiled form must decide the survivors.
    pub complete: bool,
}

/// Goes down the `&&`s from the root.
pub(super) fn indexable(tree: &Tree, root: Id) -> Indexable {
    let mut found = Indexable { conjuncts: Vec::new(), complete: true };
    let mut pending = vec![root];
    while let Some(id) = pending.pop() {
        if let Some(Form::And(left, right)) = tree.form(id) {
            pending.extend([*right, *left]);
        } else if let Some(conjunct) = conjunct(tree, id) {
            found.conjuncts.push(conjunct);
        } else {
            found.complete = false;
        }
    }
    found
}

fn conjunct(tree: &Tree, id: Id) -> Option<Conjunct> {
    if let Some(test) = tree.slot_test(id) {
        return Some(Conjunct {
            slot: test.slot,
            comparison: test.comparison,
            constant: test.constant.clone(),
        });
    }
    let form = tree.form(id)?;
    let negated = if let Form::Unary(Unary::Not, operand) = form { Some(tree.form(*operand)?) } else { None };
    let Form::Slot { slot, ty: Type::Bool } = negated.unwrap_or(form) else { return None };
    let constant = Constant::Bool(negated.is_none());
    Some(Conjunct { slot: *slot, comparison: Comparison::Equal, constant })
}
