//! The syntax tree: what was written, before any meaning.
//!
//! Nodes lie in one vector, operands before their operator and a subtree in one stretch, so every later
//! pass is a loop and no input can exhaust the call stack.

use super::fault::Span;

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) usize);

/// A parsed source; the root is the last node.
#[derive(Debug)]
pub(super) struct Ast {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// One node with its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Syntax,
    pub(super) span: Span,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Syntax {
    /// Stands where something was refused already; every pass keeps silent about it.
    Bad,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    List(Vec<NodeId>),
    /// A name with all its selections, `a.b.c`: only the schema knows how far it reaches.
    Path(Vec<Box<str>>),
    /// A selection from something that is no path.
    Select {
        base: NodeId,
        name: Box<str>,
    },
    Index {
        base: NodeId,
        key: NodeId,
    },
    Call {
        name: Box<str>,
        receiver: Option<NodeId>,
        args: Vec<NodeId>,
    },
    Not(NodeId),
    Negate(NodeId),
    Binary {
        op: Infix,
        left: NodeId,
        right: NodeId,
    },
    Choose {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Infix {
    Or,
    And,
    In,
    Compare(Comparison),
    Arith(Arith),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Integer arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arith {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
