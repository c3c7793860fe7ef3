//! The checked form: typed operations on slots, folded while it is built.
//!
//! Like the syntax tree it is one vector with operands before their operators. Only the checker builds it,
//! so an ill-typed tree cannot be had.

use super::ast::{Arith, Comparison};
use super::limits::{COST_LIST, COST_SEARCH, COST_SIMPLE, COST_TEXT};
use super::schema::Type;
use super::semantics::{Binary, Cell, Unary};
use super::text::{Text, TextTest};

/// A value known while compiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Str(Box<str>),
}

impl Constant {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Constant::Bool(value) => Cell::Bool(*value),
            Constant::Int(value) => Cell::Int(*value),
            Constant::Str(text) => Cell::Text(Text::new(text)),
        }
    }
}

impl From<Cell<'_>> for Constant {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Bool(value) => Constant::Bool(value),
            Cell::Int(value) => Constant::Int(value),
            Cell::Text(text) => Constant::Str(text.resolved().into()),
        }
    }
}

/// The constants of a list literal: sorted, each once, all of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Members {
    Ints(Box<[i64]>),
    Texts(Box<[Box<str>]>),
}

impl Members {
    pub(super) fn contains(&self, cell: Cell<'_>) -> Option<bool> {
        match (self, cell) {
            (Members::Ints(members), Cell::Int(value)) => Some(members.binary_search(&value).is_ok()),
            (Members::Texts(members), Cell::Text(text)) => {
                Some(members.binary_search_by(|member| Text::new(member).compare(text)).is_ok())
            }
            _ => None,
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Members::Ints(members) => COST_SIMPLE * (members.len().max(1).ilog2() + 1),
            Members::Texts(members) => COST_TEXT * (members.len().max(1).ilog2() + 1),
        }
    }
}

/// Index of a node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// One checked operation.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Constant(Constant),
    Slot { slot: u32, ty: Type },
    Entry { slot: u32, key: Box<str> },
    HasSlot(u32),
    HasEntry { slot: u32, key: Box<str> },
    HasList(u32),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    InMembers(Id, Members),
    InList { value: Id, list: u32, of: Type },
    And(Id, Id),
    Or(Id, Id),
    Choose { condition: Id, then: Id, otherwise: Id },
}

#[derive(Clone, Debug)]
struct Node {
    form: Form,
    /// Static cost of the subtree.
    cost: u32,
    /// Values that wait on the stack while the subtree is evaluated, at most.
    waiting: u32,
}

/// A forest while the checker works; the checked expression is one tree of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn form(&self, id: Id) -> Option<&Form> {
        self.nodes.get(id.0).map(|node| &node.form)
    }

    pub(super) fn cost(&self, id: Id) -> u32 {
        self.nodes.get(id.0).map_or(0, |node| node.cost)
    }

    pub(super) fn waiting(&self, id: Id) -> u32 {
        self.nodes.get(id.0).map_or(0, |node| node.waiting)
    }

    pub(super) fn constant_of(&self, id: Id) -> Option<&Constant> {
        match self.form(id) {
            Some(Form::Constant(constant)) => Some(constant),
            _ => None,
        }
    }

    fn bool_of(&self, id: Id) -> Option<bool> {
        match self.constant_of(id) {
            Some(Constant::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A node without operands.
    pub(super) fn leaf(&mut self, form: Form) -> Id {
        self.push(form, COST_SIMPLE, 0)
    }

    pub(super) fn constant(&mut self, constant: Constant) -> Id {
        self.push(Form::Constant(constant), 0, 0)
    }

    /// An error is not folded away: it is the value the author wrote, and `||` may still absorb it.
    pub(super) fn unary(&mut self, op: Unary, operand: Id) -> Id {
        let folded =
            self.constant_of(operand).and_then(|value| op.apply(value.cell()).ok()).map(Constant::from);
        if let Some(folded) = folded {
            return self.constant(folded);
        }
        let own = if op == Unary::Size { COST_SEARCH } else { COST_SIMPLE };
        self.push(Form::Unary(op, operand), self.cost(operand).saturating_add(own), self.waiting(operand))
    }

    pub(super) fn binary(&mut self, op: Binary, left: Id, right: Id, operands: Type) -> Id {
        let both = self.constant_of(left).zip(self.constant_of(right));
        let folded = both.and_then(|(l, r)| op.apply(l.cell(), r.cell()).ok()).map(Constant::from);
        if let Some(folded) = folded {
            return self.constant(folded);
        }
        let own = match op {
            Binary::Arith(Arith::Add | Arith::Subtract | Arith::Multiply) => COST_SIMPLE,
            Binary::Arith(Arith::Divide | Arith::Remainder) => 8 * COST_SIMPLE,
            Binary::Compare(_) if operands == Type::String => COST_TEXT,
            Binary::Compare(_) => COST_SIMPLE,
            Binary::Test(TextTest::Contains) => COST_SEARCH,
            Binary::Test(TextTest::StartsWith | TextTest::EndsWith) => COST_TEXT,
        };
        self.pair(Form::Binary(op, left, right), left, right, own)
    }

    /// `false && x` is false and `true && x` is `x`, whatever becomes of `x`; commutatively so.
    pub(super) fn and(&mut self, left: Id, right: Id) -> Id {
        match (self.bool_of(left), self.bool_of(right)) {
            (Some(false), _) | (_, Some(true)) => left,
            (Some(true), _) | (_, Some(false)) => right,
            (None, None) => self.pair(Form::And(left, right), left, right, COST_SIMPLE),
        }
    }

    pub(super) fn or(&mut self, left: Id, right: Id) -> Id {
        match (self.bool_of(left), self.bool_of(right)) {
            (Some(true), _) | (_, Some(false)) => left,
            (Some(false), _) | (_, Some(true)) => right,
            (None, None) => self.pair(Form::Or(left, right), left, right, COST_SIMPLE),
        }
    }

    pub(super) fn choose(&mut self, condition: Id, then: Id, otherwise: Id) -> Id {
        match self.bool_of(condition) {
            Some(true) => return then,
            Some(false) => return otherwise,
            None => {}
        }
        let dearer = self.cost(then).max(self.cost(otherwise));
        let cost = self.cost(condition).saturating_add(dearer).saturating_add(COST_SIMPLE);
        let waiting = self.waiting(condition).max(self.waiting(then)).max(self.waiting(otherwise));
        self.push(Form::Choose { condition, then, otherwise }, cost, waiting)
    }

    pub(super) fn in_members(&mut self, value: Id, members: Members) -> Id {
        if let Some(found) = self.constant_of(value).and_then(|constant| members.contains(constant.cell())) {
            return self.constant(Constant::Bool(found));
        }
        let cost = self.cost(value).saturating_add(members.cost());
        self.push(Form::InMembers(value, members), cost, self.waiting(value))
    }

    pub(super) fn in_list(&mut self, value: Id, list: u32, of: Type) -> Id {
        let cost = self.cost(value).saturating_add(COST_LIST);
        self.push(Form::InList { value, list, of }, cost, self.waiting(value))
    }

    /// The left value waits while the right side is evaluated.
    fn pair(&mut self, form: Form, left: Id, right: Id, own: u32) -> Id {
        let cost = self.cost(left).saturating_add(self.cost(right)).saturating_add(own);
        let waiting = self.waiting(left).max(self.waiting(right).saturating_add(1));
        self.push(form, cost, waiting)
    }

    fn push(&mut self, form: Form, cost: u32, waiting: u32) -> Id {
        self.nodes.push(Node { form, cost, waiting });
        Id(self.nodes.len() - 1)
    }
}

/// A comparison of a slot with a constant, whichever side the constant stood on.
pub(super) struct SlotTest<'t> {
    pub(super) slot: u32,
    pub(super) comparison: Comparison,
    pub(super) constant: &'t Constant,
}

impl Tree {
    pub(super) fn slot_test(&self, id: Id) -> Option<SlotTest<'_>> {
        let Some(Form::Binary(Binary::Compare(comparison), left, right)) = self.form(id) else { return None };
        let (slot, comparison, constant) = match (self.form(*left)?, self.form(*right)?) {
            (Form::Slot { slot, .. }, Form::Constant(constant)) => (slot, *comparison, constant),
            (Form::Constant(constant), Form::Slot { slot, .. }) => (slot, comparison.flipped(), constant),
            _ => return None,
        };
        Some(SlotTest { slot: *slot, comparison, constant })
    }
}
