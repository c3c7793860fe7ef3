//! Checked form to flat code, and the compiled forms that are shared between threads.
//!
//! The code works on an accumulator and a small stack of left operands that wait. `&&`, `||` and `?:` are
//! forward jumps, so a run is bounded by the length of the code.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::Comparison;
use super::check::Checked;
use super::schema::Type;
use super::semantics::{Binary, Unary};
use super::text::TextTest;
use super::tree::{Constant, Form, Id, Members, Tree};

/// One instruction. All but the jumps leave their result in the accumulator.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Constant(Constant),
    Slot {
        slot: u32,
        ty: Type,
    },
    Entry {
        slot: u32,
        key: Box<str>,
    },
    HasSlot(u32),
    HasEntry {
        slot: u32,
        key: Box<str>,
    },
    HasList(u32),
    /// Puts the accumulator on the stack, error or not.
    Wait,
    Unary(Unary),
    /// Waiting value, operator, accumulator.
    Binary(Binary),
    /// Accumulator against a constant.
    CompareInt(Comparison, i64),
    CompareText(Comparison, Box<str>),
    Test(TextTest, Box<str>),
    /// Slot against a constant: what most rules are made of.
    CompareSlot {
        slot: u32,
        comparison: Comparison,
        with: i64,
    },
    InMembers(Members),
    InList {
        list: u32,
        of: Type,
    },
    /// Jumps if the accumulator decides the `&&`, else lets it wait.
    AndThen(usize),
    And,
    /// Jumps if the accumulator decides the `||`, else lets it wait.
    OrElse(usize),
    Or,
    /// Goes on if true, to the first target if false, to the second with an error.
    Branch {
        otherwise: usize,
        end: usize,
    },
    Jump(usize),
}

/// A compiled expression; a clone shares the code.
#[derive(Clone, Debug)]
pub struct Program {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    code: Box<[Op]>,
    ty: Type,
    waiting: u32,
    slots: Box<[u32]>,
    lists: Box<[u32]>,
}

impl Program {
    pub(super) fn new(checked: &Checked) -> Self {
        let mut code = generate(&checked.tree, checked.root);
        thread_jumps(&mut code);
        let (slots, lists) = reads(&code);
        let waiting = checked.tree.waiting(checked.root);
        let inner = Inner { code: code.into(), ty: checked.ty(), waiting, slots, lists };
        Program { inner: Arc::new(inner) }
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        self.inner.ty
    }

    /// The slots an evaluation may read, maps included: ascending, each once.
    pub fn slots(&self) -> &[u32] {
        &self.inner.slots
    }

    /// The lists an evaluation may ask: ascending, each once.
    pub fn lists(&self) -> &[u32] {
        &self.inner.lists
    }

    pub(super) fn code(&self) -> &[Op] {
        &self.inner.code
    }

    pub(super) fn waiting(&self) -> u32 {
        self.inner.waiting
    }
}

/// A compiled condition; a clone shares the code.
#[derive(Clone, Debug)]
pub struct Predicate(Program);

impl Predicate {
    pub(super) fn new(program: Program) -> Self {
        Predicate(program)
    }

    /// The compiled expression itself.
    pub fn program(&self) -> &Program {
        &self.0
    }
}

/// What is left to generate, the next on top.
enum Task {
    Tree(Id),
    Op(Op),
    /// Sets the open targets of the instruction to the place reached, by the mark it was left under.
    Land(Mark),
    /// Emits a jump and leaves its place under a mark.
    Leave(Mark, Op),
}

type Mark = usize;

fn generate(tree: &Tree, root: Id) -> Vec<Op> {
    let mut code = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let mut tasks = vec![Task::Tree(root)];
    while let Some(task) = tasks.pop() {
        match task {
            Task::Tree(id) => expand(tree, id, &mut tasks, &mut places),
            Task::Op(op) => code.push(op),
            Task::Leave(mark, op) => {
                if let Some(place) = places.get_mut(mark) {
                    *place = code.len();
                }
                code.push(op);
            }
            Task::Land(mark) => {
                let here = code.len();
                if let Some(op) = places.get(mark).and_then(|place| code.get_mut(*place)) {
                    land(op, here);
                }
            }
        }
    }
    code
}

/// A branch lands twice: first where its condition is false, then at its end.
fn land(op: &mut Op, here: usize) {
    if let Op::AndThen(target) | Op::OrElse(target) | Op::Jump(target) = op {
        *target = here;
    } else if let Op::Branch { otherwise, end } = op {
        *(if *otherwise == OPEN { otherwise } else { end }) = here;
    }
}

/// A target not known yet.
const OPEN: usize = usize::MAX;

fn expand(tree: &Tree, id: Id, tasks: &mut Vec<Task>, places: &mut Vec<usize>) {
    let Some(form) = tree.form(id) else { return };
    let mut mark = || {
        places.push(OPEN);
        places.len() - 1
    };
    // Pushed in reverse: the last task is done first.
    match form {
        Form::Constant(constant) => tasks.push(Task::Op(Op::Constant(constant.clone()))),
        Form::Slot { slot, ty } => tasks.push(Task::Op(Op::Slot { slot: *slot, ty: *ty })),
        Form::Entry { slot, key } => tasks.push(Task::Op(Op::Entry { slot: *slot, key: key.clone() })),
        Form::HasSlot(slot) => tasks.push(Task::Op(Op::HasSlot(*slot))),
        Form::HasEntry { slot, key } => tasks.push(Task::Op(Op::HasEntry { slot: *slot, key: key.clone() })),
        Form::HasList(list) => tasks.push(Task::Op(Op::HasList(*list))),
        Form::Unary(op, operand) => tasks.extend([Task::Op(Op::Unary(*op)), Task::Tree(*operand)]),
        Form::Binary(op, left, right) => binary(tree, id, (*op, *left, *right), tasks),
        Form::InMembers(value, members) => {
            tasks.extend([Task::Op(Op::InMembers(members.clone())), Task::Tree(*value)]);
        }
        Form::InList { value, list, of } => {
            tasks.extend([Task::Op(Op::InList { list: *list, of: *of }), Task::Tree(*value)]);
        }
        Form::And(left, right) => {
            junction(mark(), (*left, Op::AndThen(OPEN)), (*right, Op::And), tasks);
        }
        Form::Or(left, right) => {
            junction(mark(), (*left, Op::OrElse(OPEN)), (*right, Op::Or), tasks);
        }
        Form::Choose { condition, then, otherwise } => {
            let (branch, jump) = (mark(), mark());
            tasks.extend([
                Task::Land(branch),
                Task::Land(jump),
                Task::Tree(*otherwise),
                Task::Land(branch),
                Task::Leave(jump, Op::Jump(OPEN)),
                Task::Tree(*then),
                Task::Leave(branch, Op::Branch { otherwise: OPEN, end: OPEN }),
                Task::Tree(*condition),
            ]);
        }
    }
}

fn junction(mark: Mark, (left, jump): (Id, Op), (right, combine): (Id, Op), tasks: &mut Vec<Task>) {
    tasks.extend([
        Task::Land(mark),
        Task::Op(combine),
        Task::Tree(right),
        Task::Leave(mark, jump),
        Task::Tree(left),
    ]);
}

/// A constant operand goes into the instruction; the rest waits on the stack.
fn binary(tree: &Tree, id: Id, (op, left, right): (Binary, Id, Id), tasks: &mut Vec<Task>) {
    if let Some(test) = tree.slot_test(id)
        && let Constant::Int(with) = test.constant
    {
        let (slot, comparison) = (test.slot, test.comparison);
        tasks.push(Task::Op(Op::CompareSlot { slot, comparison, with: *with }));
        return;
    }
    let with_constant = match (op, tree.constant_of(right)) {
        (Binary::Compare(comparison), Some(Constant::Int(value))) => Some(Op::CompareInt(comparison, *value)),
        (Binary::Compare(comparison), Some(Constant::Str(text))) => {
            Some(Op::CompareText(comparison, text.clone()))
        }
        (Binary::Test(test), Some(Constant::Str(text))) => Some(Op::Test(test, text.clone())),
        _ => None,
    };
    match with_constant {
        Some(op) => tasks.extend([Task::Op(op), Task::Tree(left)]),
        None => {
            tasks.extend([Task::Op(Op::Binary(op)), Task::Tree(right), Task::Op(Op::Wait), Task::Tree(left)])
        }
    }
}

/// A jump to a jump of the same kind goes where that one goes: a chain of `||` ends at its first true.
fn thread_jumps(code: &mut [Op]) {
    for at in (0..code.len()).rev() {
        let further = match code.get(at) {
            Some(Op::AndThen(target)) if let Some(Op::AndThen(further)) = code.get(*target) => *further,
            Some(Op::OrElse(target)) if let Some(Op::OrElse(further)) = code.get(*target) => *further,
            _ => continue,
        };
        if let Some(op) = code.get_mut(at) {
            land(op, further);
        }
    }
}

fn reads(code: &[Op]) -> (Box<[u32]>, Box<[u32]>) {
    let mut slots = BTreeSet::new();
    let mut lists = BTreeSet::new();
    for op in code {
        match op {
            Op::Slot { slot, .. }
            | Op::Entry { slot, .. }
            | Op::HasSlot(slot)
            | Op::HasEntry { slot, .. }
            | Op::CompareSlot { slot, .. } => {
                slots.insert(*slot);
            }
            Op::HasList(list) | Op::InList { list, .. } => {
                lists.insert(*list);
            }
            Op::Constant(_)
            | Op::Wait
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::CompareInt(..)
            | Op::CompareText(..)
            | Op::Test(..)
            | Op::InMembers(_)
            | Op::AndThen(_)
            | Op::And
            | Op::OrElse(_)
            | Op::Or
            | Op::Branch { .. }
            | Op::Jump(_) => {}
        }
    }
    (slots.into_iter().collect(), lists.into_iter().collect())
}
