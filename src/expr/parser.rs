//! Tokens to a syntax tree: precedence climbing with the grammar of CEL.
//!
//! A mistake leaves a [`Syntax::Bad`] node and the parser goes on, so that one run reports most of them.
//! Recursion is bounded by [`MAX_NESTING`]; chains of operators and selections are loops.

use super::ast::{Arith, Ast, Comparison, Infix, Node, NodeId, Syntax};
use super::fault::{FaultCode, Sink, Span};
use super::lexer::lex;
use super::limits::{MAX_NESTING, MAX_NODES, MAX_SOURCE_BYTES};
use super::token::{Sign, Tok, Token};

/// Words CEL keeps for itself; they may be selected but not stand alone.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Calls of CEL that bind a variable. They are refused here, not in the checker: their arguments would be
/// full of unknown names.
const MACROS: [&str; 14] = [
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "map",
    "filter",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "bind",
    "block",
    "optMap",
    "optFlatMap",
    "sortBy",
];

const LOOSEST: u8 = 1;

/// The infix operators and how tightly they bind.
const INFIX: [(Sign, Infix, u8); 14] = [
    (Sign::Or, Infix::Or, LOOSEST),
    (Sign::And, Infix::And, 2),
    (Sign::Equal, Infix::Compare(Comparison::Equal), 3),
    (Sign::NotEqual, Infix::Compare(Comparison::NotEqual), 3),
    (Sign::Less, Infix::Compare(Comparison::Less), 3),
    (Sign::LessEqual, Infix::Compare(Comparison::LessEqual), 3),
    (Sign::Greater, Infix::Compare(Comparison::Greater), 3),
    (Sign::GreaterEqual, Infix::Compare(Comparison::GreaterEqual), 3),
    (Sign::In, Infix::In, 3),
    (Sign::Plus, Infix::Arith(Arith::Add), 4),
    (Sign::Minus, Infix::Arith(Arith::Subtract), 4),
    (Sign::Star, Infix::Arith(Arith::Multiply), 5),
    (Sign::Slash, Infix::Arith(Arith::Divide), 5),
    (Sign::Percent, Infix::Arith(Arith::Remainder), 5),
];

/// Parses `source`; where it is wrong the tree holds [`Syntax::Bad`] and `faults` says why.
pub(super) fn parse(source: &str, faults: &mut Sink) -> Ast {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("the source has {} bytes, the limit is {MAX_SOURCE_BYTES}", source.len());
        faults.add(FaultCode::TooLong, Span::START, message);
        return Ast { nodes: vec![Node { kind: Syntax::Bad, span: Span::START }], root: NodeId(0) };
    }
    let tokens = lex(source, faults);
    let mut parser =
        Parser { tokens, at: 0, nesting: 0, nodes: Vec::new(), faults, blamed: None, ended: false };
    let root = parser.source();
    Ast { nodes: parser.nodes, root }
}

struct Parser<'s, 'f> {
    tokens: Vec<Token<'s>>,
    at: usize,
    nesting: u32,
    nodes: Vec<Node>,
    faults: &'f mut Sink,
    /// The token blamed last: what else goes wrong there is its consequence.
    blamed: Option<usize>,
    /// A limit was hit; the rest is skipped in silence.
    ended: bool,
}

impl<'s> Parser<'s, '_> {
    /// A whole source. Behind a leftover it goes on at the next `&&` or `||`, as conditions are mostly
    /// chains of those.
    fn source(&mut self) -> NodeId {
        let mut root = self.expression();
        while *self.peek() != Tok::End {
            let message = format!("unexpected {}", self.peek().describe());
            self.blame(FaultCode::Syntax, message);
            while !matches!(self.peek(), Tok::End | Tok::Sign(Sign::And | Sign::Or)) {
                self.at += 1;
            }
            if *self.peek() == Tok::End {
                break;
            }
            self.at += 1;
            let right = self.expression();
            root = self.push_infix(Infix::And, root, right);
        }
        root
    }

    fn expression(&mut self) -> NodeId {
        let condition = self.infix(LOOSEST);
        self.choice(condition)
    }

    /// `ConditionalOr ["?" ConditionalOr ":" Expr]`: the branch between `?` and `:` takes no bare `?:`.
    fn choice(&mut self, condition: NodeId) -> NodeId {
        if !self.eat(Sign::Question) {
            return condition;
        }
        let mut then = self.infix(LOOSEST);
        if *self.peek() == Tok::Sign(Sign::Question) {
            self.blame(FaultCode::Syntax, "put a `?:` that stands between `?` and `:` in parentheses");
            then = self.nested(|parser| parser.choice(then));
        }
        self.expect(Sign::Colon);
        let otherwise = self.nested(Self::expression);
        let span = self.span_of(condition).to(self.span_of(otherwise));
        self.push(Syntax::Choose { condition, then, otherwise }, span)
    }

    fn infix(&mut self, loosest: u8) -> NodeId {
        let mut left = self.prefix();
        while let Some((op, binding)) = self.peek_infix().filter(|(_, binding)| *binding >= loosest) {
            self.at += 1;
            let right = self.infix(binding + 1);
            left = self.push_infix(op, left, right);
        }
        left
    }

    /// The operator at hand; the words `and` and `or` are blamed and understood.
    fn peek_infix(&mut self) -> Option<(Infix, u8)> {
        let sign = match self.peek() {
            Tok::Sign(sign) => *sign,
            Tok::Name("and" | "AND") => {
                self.blame(FaultCode::Syntax, "`and` is written `&&`");
                Sign::And
            }
            Tok::Name("or" | "OR") => {
                self.blame(FaultCode::Syntax, "`or` is written `||`");
                Sign::Or
            }
            Tok::Name(_) | Tok::Int(_) | Tok::Text(_) | Tok::Bool(_) | Tok::Null | Tok::Broken | Tok::End => {
                return None;
            }
        };
        INFIX.iter().find(|(known, ..)| *known == sign).map(|(_, op, binding)| (*op, *binding))
    }

    fn prefix(&mut self) -> NodeId {
        let start = self.here();
        if self.eat(Sign::Not) {
            let operand = self.nested(Self::prefix);
            let span = start.to(self.span_of(operand));
            return self.push(Syntax::Not(operand), span);
        }
        if *self.peek() != Tok::Sign(Sign::Minus) {
            return self.member();
        }
        // The minus belongs to a literal behind it: the smallest integer has no positive counterpart.
        if let Some(Tok::Int(magnitude)) = self.tokens.get(self.at + 1).map(|token| &token.kind) {
            let value = 0_i64.checked_sub_unsigned(*magnitude);
            let span = start.to(self.tokens.get(self.at + 1).map_or(start, |token| token.span));
            self.at += 2;
            let literal = self.push(value.map_or(Syntax::Bad, Syntax::Int), span);
            return self.postfix(literal, self.nodes.len() - 1);
        }
        self.at += 1;
        let operand = self.nested(Self::prefix);
        let span = start.to(self.span_of(operand));
        self.push(Syntax::Negate(operand), span)
    }

    fn member(&mut self) -> NodeId {
        let first_node = self.nodes.len();
        let base = self.primary();
        self.postfix(base, first_node)
    }

    /// Selections, indices and method calls behind `base`, whose subtree begins at `first_node`.
    fn postfix(&mut self, mut base: NodeId, first_node: usize) -> NodeId {
        loop {
            if self.eat(Sign::Dot) {
                base = self.selection(base, first_node);
            } else if self.eat(Sign::OpenBracket) {
                let key = self.nested(Self::expression);
                let span = self.span_of(base).to(self.here());
                self.expect(Sign::CloseBracket);
                base = self.push(Syntax::Index { base, key }, span);
            } else if *self.peek() == Tok::Sign(Sign::OpenBrace) {
                base = self.braces(first_node);
            } else {
                return base;
            }
        }
    }

    fn selection(&mut self, base: NodeId, first_node: usize) -> NodeId {
        let start = self.span_of(base);
        let name_span = self.here();
        let Tok::Name(name) = *self.peek() else {
            self.refuse_member_name();
            return self.replace_by_bad(first_node, start);
        };
        self.at += 1;
        if self.eat(Sign::OpenParen) {
            let args = self.list_until(Sign::CloseParen);
            let span = start.to(self.previous());
            if MACROS.contains(&name) {
                self.faults.add(FaultCode::Unsupported, name_span, format!("`{name}` is not supported"));
                return self.replace_by_bad(first_node, span);
            }
            return self.push(Syntax::Call { name: name.into(), receiver: Some(base), args }, span);
        }
        let span = start.to(name_span);
        if let Some(node) = self.nodes.get_mut(base.0)
            && let Syntax::Path(names) = &mut node.kind
        {
            names.push(name.into());
            node.span = span;
            return base;
        }
        self.push(Syntax::Select { base, name: name.into() }, span)
    }

    fn refuse_member_name(&mut self) {
        if *self.peek() == Tok::Broken {
            self.at += 1;
        } else if *self.peek() == Tok::Sign(Sign::Question) {
            self.blame(FaultCode::Unsupported, "optional selection with `.?` is not supported");
            self.at += 1;
            if matches!(self.peek(), Tok::Name(_)) {
                self.at += 1;
            }
        } else {
            let message = format!("expected a name behind the dot, found {}", self.peek().describe());
            self.blame(FaultCode::Syntax, message);
        }
    }

    fn primary(&mut self) -> NodeId {
        let span = self.here();
        let kind = match self.peek().clone() {
            Tok::Sign(sign) => return self.bracketed(sign, span),
            Tok::Name(name) => return self.name(name, span),
            Tok::Int(magnitude) => self.positive(magnitude),
            Tok::Text(text) => Syntax::Text(text),
            Tok::Bool(value) => Syntax::Bool(value),
            Tok::Null => {
                self.blame(FaultCode::Unsupported, "`null` is not supported: test with `has()`");
                Syntax::Bad
            }
            Tok::Broken => Syntax::Bad,
            Tok::End => return self.missing_operand(span),
        };
        self.at += 1;
        self.push(kind, span)
    }

    fn positive(&mut self, magnitude: u64) -> Syntax {
        if let Ok(value) = i64::try_from(magnitude) {
            return Syntax::Int(value);
        }
        self.blame(FaultCode::IntegerRange, "the integer does not fit 64 bits");
        Syntax::Bad
    }

    /// What begins with a sign: parentheses, a list, or something refused.
    fn bracketed(&mut self, sign: Sign, span: Span) -> NodeId {
        if self.eat(Sign::OpenParen) {
            let inner = self.nested(Self::expression);
            self.expect(Sign::CloseParen);
            return inner;
        }
        if self.eat(Sign::OpenBracket) {
            let items = self.list_until(Sign::CloseBracket);
            return self.push(Syntax::List(items), span.to(self.previous()));
        }
        if sign == Sign::OpenBrace {
            return self.braces(self.nodes.len());
        }
        if sign == Sign::Dot {
            self.blame(FaultCode::Unsupported, "a name may not begin with a dot");
            self.at += 1;
            return self.nested(Self::primary);
        }
        self.missing_operand(span)
    }

    /// A function call or the beginning of a path.
    fn name(&mut self, name: &'s str, span: Span) -> NodeId {
        if RESERVED.contains(&name) {
            self.blame(FaultCode::Syntax, format!("`{name}` is a reserved word"));
        }
        self.at += 1;
        if self.eat(Sign::OpenParen) {
            let args = self.list_until(Sign::CloseParen);
            let span = span.to(self.previous());
            return self.push(Syntax::Call { name: name.into(), receiver: None, args }, span);
        }
        if RESERVED.contains(&name) {
            return self.push(Syntax::Bad, span);
        }
        self.push(Syntax::Path(vec![name.into()]), span)
    }

    /// Expressions between commas; the opening bracket is taken already.
    fn list_until(&mut self, close: Sign) -> Vec<NodeId> {
        let mut items = Vec::new();
        if self.eat(close) {
            return items;
        }
        loop {
            items.push(self.nested(Self::expression));
            if !self.eat(Sign::Comma) {
                self.expect(close);
                return items;
            }
        }
    }

    /// Map and message literals: skipped to the matching brace, together with what stands before them.
    fn braces(&mut self, first_node: usize) -> NodeId {
        let span = self.here();
        self.blame(FaultCode::Unsupported, "map and message literals are not supported");
        let mut open = 0_u32;
        while *self.peek() != Tok::End {
            if *self.peek() == Tok::Sign(Sign::OpenBrace) {
                open += 1;
            } else if *self.peek() == Tok::Sign(Sign::CloseBrace) {
                open -= 1;
            }
            self.at += 1;
            if open == 0 {
                break;
            }
        }
        self.replace_by_bad(first_node, span)
    }

    fn missing_operand(&mut self, span: Span) -> NodeId {
        let message = format!("expected a value, found {}", self.peek().describe());
        self.blame(FaultCode::Syntax, message);
        self.push(Syntax::Bad, span)
    }

    /// Runs `part` one level deeper, or ends the parse at the limit.
    fn nested(&mut self, part: impl FnOnce(&mut Self) -> NodeId) -> NodeId {
        if self.nesting == MAX_NESTING {
            self.end(FaultCode::TooDeep, format!("nested deeper than {MAX_NESTING} levels"));
            return self.push(Syntax::Bad, self.here());
        }
        self.nesting += 1;
        let node = part(self);
        self.nesting -= 1;
        node
    }

    /// Gives up on the rest of the source.
    fn end(&mut self, code: FaultCode, message: String) {
        self.blame(code, message);
        self.ended = true;
        self.at = self.tokens.len().saturating_sub(1);
    }

    fn replace_by_bad(&mut self, first_node: usize, span: Span) -> NodeId {
        self.nodes.truncate(first_node);
        self.push(Syntax::Bad, span)
    }

    fn push_infix(&mut self, op: Infix, left: NodeId, right: NodeId) -> NodeId {
        let span = self.span_of(left).to(self.span_of(right));
        self.push(Syntax::Binary { op, left, right }, span)
    }

    fn push(&mut self, kind: Syntax, span: Span) -> NodeId {
        if self.nodes.len() == MAX_NODES {
            self.end(FaultCode::TooManyNodes, format!("more than {MAX_NODES} nodes"));
        }
        self.nodes.push(Node { kind, span });
        NodeId(self.nodes.len() - 1)
    }

    fn span_of(&self, node: NodeId) -> Span {
        self.nodes.get(node.0).map_or(Span::START, |node| node.span)
    }

    fn peek(&self) -> &Tok<'s> {
        self.tokens.get(self.at).map_or(&Tok::End, |token| &token.kind)
    }

    /// Where the token at hand is.
    fn here(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::START, |token| token.span)
    }

    /// Where the token taken last is.
    fn previous(&self) -> Span {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(Span::START, |token| token.span)
    }

    fn eat(&mut self, sign: Sign) -> bool {
        let found = *self.peek() == Tok::Sign(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: Sign) {
        if !self.eat(sign) {
            let message = format!("expected `{}`, found {}", sign.text(), self.peek().describe());
            self.blame(FaultCode::Syntax, message);
        }
    }

    /// Reports a fault at the token at hand, once per token.
    fn blame(&mut self, code: FaultCode, message: impl Into<String>) {
        if self.ended || self.blamed == Some(self.at) {
            return;
        }
        self.blamed = Some(self.at);
        let span = self.here();
        self.faults.add(code, span, message);
    }
}
