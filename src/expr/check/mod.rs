//! Syntax to checked form: names resolved, types held, limits kept, all faults in one go.
//!
//! [`Checked`] and [`Condition`] come from here only, so whatever is compiled or evaluated has passed.

mod calls;

use super::ast::{Arith, Ast, Comparison, Infix, Node, NodeId, Syntax};
use super::compile::{Predicate, Program};
use super::fault::{Fault, FaultCode, Sink, Span};
use super::indexable::{Indexable, indexable};
use super::limits::{MAX_COST, MAX_STACK};
use super::parser::parse;
use super::resolve::{Found, resolve};
use super::schema::{Schema, Type};
use super::semantics::{Binary, Unary};
use super::tree::{Constant, Form, Id, Members, Tree};

/// An expression that passed every check.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(super) tree: Tree,
    pub(super) root: Id,
    ty: Type,
}

impl Checked {
    /// The type of its value.
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// Its static cost bound; a unit is about one integer comparison.
    pub fn cost(&self) -> u32 {
        self.tree.cost(self.root)
    }

    /// Compiles it.
    pub fn compile(&self) -> Program {
        Program::new(self)
    }
}

/// A checked expression whose value is a bool.
#[derive(Clone, Debug)]
pub struct Condition(Checked);

impl Condition {
    /// The expression itself.
    pub fn checked(&self) -> &Checked {
        &self.0
    }

    /// Its top-level conjuncts that compare a slot with a constant.
    pub fn indexable(&self) -> Indexable {
        indexable(&self.0.tree, self.0.root)
    }

    /// Compiles it.
    pub fn compile(&self) -> Predicate {
        Predicate::new(self.0.compile())
    }
}

/// Checks an expression of any type against `schema`.
///
/// # Errors
/// Every fault found, in source order, at most [`MAX_FAULTS`](super::MAX_FAULTS).
pub fn check(source: &str, schema: &mut dyn Schema) -> Result<Checked, Vec<Fault>> {
    check_as(source, schema, None)
}

/// Checks a condition: an expression whose value is a bool.
///
/// # Errors
/// As [`check`].
pub fn check_condition(source: &str, schema: &mut dyn Schema) -> Result<Condition, Vec<Fault>> {
    check_as(source, schema, Some(Type::Bool)).map(Condition)
}

fn check_as(source: &str, schema: &mut dyn Schema, wanted: Option<Type>) -> Result<Checked, Vec<Fault>> {
    let mut faults = Sink::default();
    let ast = parse(source, &mut faults);
    let mut checker = Checker { ast: &ast, schema, tree: Tree::default(), operands: Vec::new(), faults };
    let root = checker.run(wanted);
    let Checker { tree, faults, .. } = checker;
    match root {
        Some((root, ty)) if faults.is_empty() => Ok(Checked { tree, root, ty }),
        Some(_) | None => Err(faults.into_sorted()),
    }
}

/// What a syntax node turned out to be, until the node above takes it.
#[derive(Debug)]
enum Operand {
    /// Refused already, below.
    Bad,
    Value {
        id: Id,
        ty: Type,
    },
    /// A value that is read as it stands, so `has()` may ask for it.
    Field {
        id: Id,
        ty: Type,
        optional: bool,
    },
    Members {
        members: Members,
        of: Type,
    },
    List {
        id: u32,
        of: Type,
        optional: bool,
    },
    Map {
        slot: u32,
    },
    Object,
}

struct Checker<'c> {
    ast: &'c Ast,
    schema: &'c mut dyn Schema,
    tree: Tree,
    /// One for each syntax node so far.
    operands: Vec<Operand>,
    faults: Sink,
}

impl Checker<'_> {
    fn run(&mut self, wanted: Option<Type>) -> Option<(Id, Type)> {
        for node in &self.ast.nodes {
            let operand = self.node(node);
            self.operands.push(operand);
        }
        let root = self.ast.root;
        let (id, ty) = self.value(root)?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != ty) {
            let message = format!("the expression must be {}, but is {}", wanted.noun(), ty.noun());
            self.fault(FaultCode::WrongType, self.span(root), message);
        }
        if self.tree.cost(id) > MAX_COST {
            let message = format!("the cost bound is {}, the limit is {MAX_COST}", self.tree.cost(id));
            self.fault(FaultCode::TooCostly, self.span(root), message);
        }
        if self.tree.waiting(id) > MAX_STACK {
            let message = format!("more than {MAX_STACK} intermediate values: reorder or split it");
            self.fault(FaultCode::TooDeep, self.span(root), message);
        }
        Some((id, ty))
    }

    fn node(&mut self, node: &Node) -> Operand {
        match &node.kind {
            Syntax::Bad => Operand::Bad,
            Syntax::Bool(value) => self.constant(Constant::Bool(*value), Type::Bool),
            Syntax::Int(value) => self.constant(Constant::Int(*value), Type::Int),
            Syntax::Text(text) => self.constant(Constant::Str(text.clone()), Type::String),
            Syntax::List(items) => self.list(items, node.span),
            Syntax::Path(names) => self.path(names, node.span),
            Syntax::Select { base, name } => self.select(*base, name, node.span),
            Syntax::Index { base, key } => self.index(*base, *key),
            Syntax::Call { name, receiver, args } => self.call(name, *receiver, args, node.span),
            Syntax::Not(operand) => self.unary(Unary::Not, Type::Bool, *operand),
            Syntax::Negate(operand) => self.unary(Unary::Negate, Type::Int, *operand),
            Syntax::Binary { op, left, right } => self.binary(*op, *left, *right, node.span),
            Syntax::Choose { condition, then, otherwise } => {
                self.choose(*condition, *then, *otherwise, node.span)
            }
        }
    }

    fn constant(&mut self, constant: Constant, ty: Type) -> Operand {
        Operand::Value { id: self.tree.constant(constant), ty }
    }

    fn list(&mut self, items: &[NodeId], span: Span) -> Operand {
        let mut ints = Vec::new();
        let mut texts = Vec::new();
        for item in items {
            let Some((id, _)) = self.value(*item) else { return Operand::Bad };
            match self.tree.constant_of(id) {
                Some(Constant::Int(value)) => ints.push(*value),
                Some(Constant::Str(text)) => texts.push(text.clone()),
                Some(Constant::Bool(_)) | None => {
                    let message = "a list may hold only integers and strings that are constant";
                    return self.fault(FaultCode::Unsupported, self.span(*item), message);
                }
            }
        }
        match (ints.is_empty(), texts.is_empty()) {
            (true, true) => self.fault(FaultCode::Unsupported, span, "an empty list is not supported"),
            (false, false) => {
                self.fault(FaultCode::WrongType, span, "the elements of a list must be of one type")
            }
            (false, true) => {
                ints.sort_unstable();
                ints.dedup();
                Operand::Members { members: Members::Ints(ints.into()), of: Type::Int }
            }
            (true, false) => {
                texts.sort_unstable();
                texts.dedup();
                Operand::Members { members: Members::Texts(texts.into()), of: Type::String }
            }
        }
    }

    fn path(&mut self, names: &[Box<str>], span: Span) -> Operand {
        match resolve(names, self.schema) {
            Ok(Found::Value { slot, ty, optional }) => {
                Operand::Field { id: self.tree.leaf(Form::Slot { slot, ty }), ty, optional }
            }
            Ok(Found::Entry { slot, key }) => self.entry(slot, key),
            Ok(Found::List { id, of, optional }) => Operand::List { id, of, optional },
            Ok(Found::Map { slot }) => Operand::Map { slot },
            Ok(Found::Object) => Operand::Object,
            Err((code, message)) => self.fault(code, span, message),
        }
    }

    fn entry(&mut self, slot: u32, key: Box<str>) -> Operand {
        Operand::Field { id: self.tree.leaf(Form::Entry { slot, key }), ty: Type::String, optional: true }
    }

    fn select(&mut self, base: NodeId, name: &str, span: Span) -> Operand {
        let Some((_, ty)) = self.value(base) else { return Operand::Bad };
        self.fault(FaultCode::WrongType, span, format!("{} has no member `{name}`", ty.noun()))
    }

    fn index(&mut self, base: NodeId, key: NodeId) -> Operand {
        let key_value = self.value(key);
        match self.take(base) {
            Operand::Map { slot } => {
                let Some((id, _)) = key_value else { return Operand::Bad };
                match self.constant_text(id) {
                    Some(key) => self.entry(slot, key),
                    None => {
                        self.fault(FaultCode::Unsupported, self.span(key), "a key must be a constant string")
                    }
                }
            }
            Operand::Bad => Operand::Bad,
            Operand::Value { .. }
            | Operand::Field { .. }
            | Operand::Members { .. }
            | Operand::List { .. }
            | Operand::Object => self.fault(FaultCode::WrongType, self.span(base), "only a map has entries"),
        }
    }

    fn constant_text(&self, id: Id) -> Option<Box<str>> {
        match self.tree.constant_of(id) {
            Some(Constant::Str(text)) => Some(text.clone()),
            Some(Constant::Bool(_) | Constant::Int(_)) | None => None,
        }
    }

    fn unary(&mut self, op: Unary, ty: Type, operand: NodeId) -> Operand {
        match self.value_of(operand, ty) {
            Some(id) => Operand::Value { id: self.tree.unary(op, id), ty },
            None => Operand::Bad,
        }
    }

    fn binary(&mut self, op: Infix, left: NodeId, right: NodeId, span: Span) -> Operand {
        match op {
            Infix::Or | Infix::And => {
                let sides = (self.value_of(left, Type::Bool), self.value_of(right, Type::Bool));
                let (Some(left), Some(right)) = sides else { return Operand::Bad };
                let id =
                    if op == Infix::And { self.tree.and(left, right) } else { self.tree.or(left, right) };
                Operand::Value { id, ty: Type::Bool }
            }
            Infix::In => self.membership(left, right),
            Infix::Compare(comparison) => self.compare(comparison, left, right, span),
            Infix::Arith(arith) => self.arith(arith, left, right, span),
        }
    }

    fn compare(&mut self, op: Comparison, left: NodeId, right: NodeId, span: Span) -> Operand {
        let (Some((left, a)), Some((right, b))) = (self.value(left), self.value(right)) else {
            return Operand::Bad;
        };
        if a != b {
            let message = format!("{} cannot be compared with {}", a.noun(), b.noun());
            return self.fault(FaultCode::WrongType, span, message);
        }
        Operand::Value { id: self.tree.binary(Binary::Compare(op), left, right, a), ty: Type::Bool }
    }

    fn arith(&mut self, op: Arith, left: NodeId, right: NodeId, span: Span) -> Operand {
        let (Some((left, a)), Some((right, b))) = (self.value(left), self.value(right)) else {
            return Operand::Bad;
        };
        if (a, b) == (Type::Int, Type::Int) {
            return Operand::Value { id: self.tree.binary(Binary::Arith(op), left, right, a), ty: Type::Int };
        }
        let message = if op == Arith::Add && (a, b) == (Type::String, Type::String) {
            "joining strings with `+` is not supported".to_owned()
        } else {
            format!("arithmetic needs two integers, not {} and {}", a.noun(), b.noun())
        };
        self.fault(FaultCode::WrongType, span, message)
    }

    fn choose(&mut self, condition: NodeId, then: NodeId, otherwise: NodeId, span: Span) -> Operand {
        let condition = self.value_of(condition, Type::Bool);
        let (Some((then, a)), Some((otherwise, b))) = (self.value(then), self.value(otherwise)) else {
            return Operand::Bad;
        };
        if a != b {
            let message = format!("both branches must be of one type, not {} and {}", a.noun(), b.noun());
            return self.fault(FaultCode::WrongType, span, message);
        }
        let Some(condition) = condition else { return Operand::Bad };
        Operand::Value { id: self.tree.choose(condition, then, otherwise), ty: a }
    }

    fn span(&self, node: NodeId) -> Span {
        self.ast.nodes.get(node.0).map_or(Span::START, |node| node.span)
    }

    /// The operand of a node; each has one reader.
    fn take(&mut self, node: NodeId) -> Operand {
        self.operands.get_mut(node.0).map_or(Operand::Bad, |operand| std::mem::replace(operand, Operand::Bad))
    }

    /// The operand as a value, or a fault.
    fn value(&mut self, node: NodeId) -> Option<(Id, Type)> {
        let message = match self.take(node) {
            Operand::Value { id, ty } | Operand::Field { id, ty, .. } => return Some((id, ty)),
            Operand::Bad => return None,
            Operand::Members { .. } | Operand::List { .. } => "a list may only stand to the right of `in`",
            Operand::Map { .. } => "a map is no value: select one of its entries",
            Operand::Object => "an object is no value: select one of its members",
        };
        self.fault(FaultCode::WrongType, self.span(node), message);
        None
    }

    /// The operand as a value of one type, or a fault.
    fn value_of(&mut self, node: NodeId, wanted: Type) -> Option<Id> {
        let (id, ty) = self.value(node)?;
        if ty != wanted {
            let message = format!("expected {}, found {}", wanted.noun(), ty.noun());
            self.fault(FaultCode::WrongType, self.span(node), message);
            return None;
        }
        Some(id)
    }

    fn fault(&mut self, code: FaultCode, span: Span, message: impl Into<String>) -> Operand {
        self.faults.add(code, span, message);
        Operand::Bad
    }
}
