//! The one form that all languages are lowered to: a module of functions,
//! each a list of three-address operations on numbered slots.
//!
//! Branches and loops stand in the list as marks (`If` … `Else` … `End`,
//! `Loop` … `End`, `Try` … `End`), so that nothing here nests and nothing that walks it needs recursion.

use std::collections::HashMap;
use std::ops::Range;

use super::fast::FastMap;

mod shell;

pub use shell::{Expansion, Mark, Role, ShellOp};

/// Slot of a function: a variable or an intermediate value.
pub type Slot = u32;
/// Index of a [`Function`] in its [`Module`].
pub type FnId = u32;
/// Index of a text in [`Module::names`].
pub type Sym = u32;
/// Index of a variable that inner functions share.
pub type Cell = u32;

/// Programs by the catalogue that they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// JavaScript and TypeScript.
    JavaScript,
    /// Python.
    Python,
    /// Shell.
    Shell,
}

impl Language {
    /// Name of its catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::Shell => "shell",
        }
    }
}

/// A run of slots in [`Module::pool`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pool {
    start: u32,
    len: u32,
}

/// What a container looks like when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A list or tuple.
    List,
    /// Keys and values.
    Map,
}

/// Binary operations that constants are folded through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `+`: numbers or texts.
    Add,
    /// `-`
    Sub,
    /// `*`: numbers, or text repeated.
    Mul,
    /// `/`: numbers, or paths joined.
    Div,
    /// `%`: numbers, or a format.
    Rem,
    /// `^`
    Xor,
    /// `&`
    And,
    /// `|`
    Or,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `!` of the first value
    Not,
    /// Anything else whose result says nothing of the content.
    Other,
}

/// What an operation does; its result goes to [`Op::dst`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OpKind {
    /// A text.
    Text(Sym),
    /// A number.
    Number(f64),
    /// A name that the module does not bind: what the language or host offers under it.
    Global(Sym),
    /// A variable gets a value.
    Bind(Slot),
    /// A variable of an outer function.
    Outer(Cell),
    /// A variable of an outer function gets a value.
    SetOuter(Cell, Slot),
    /// Texts one after the other.
    Concat(Pool),
    /// One of several values.
    Join(Pool),
    /// An operation on two values.
    Binary(Binary, Slot, Slot),
    /// A call. `args` and then `named.len() / 2` pairs of a key (a text slot) and its value.
    Call {
        /// What is called.
        callee: Slot,
        /// What it is called on.
        receiver: Option<Slot>,
        /// Arguments by position.
        args: Pool,
        /// Arguments by name: key and value in turn.
        named: Pool,
        /// Whether it makes an object.
        new: bool,
    },
    /// A member by name.
    Get(Slot, Sym),
    /// A member by a computed key.
    GetAt(Slot, Slot),
    /// A part of a text or list: object, start, end.
    Slice(Slot, Option<Slot>, Option<Slot>),
    /// A member gets a value: object, key, value.
    Set(Slot, Sym, Slot),
    /// A member by a computed key gets a value.
    SetAt(Slot, Slot, Slot),
    /// A function as a value.
    Closure(FnId),
    /// A new list (values) or map (key and value in turn).
    New(Shape, Pool),
    /// All of a container goes into another (`...x`, `**x`): target, content.
    Spread(Slot, Slot),
    /// The elements of a container, as arguments of a call (`...x`, `*x`, `**x`).
    Splat(Slot),
    /// The elements of a container.
    Each(Slot),
    /// The keys of a container.
    Keys(Slot),
    /// A class: its members are set on `dst` afterwards; instances find them.
    Class(Option<Slot>),
    /// A module by its name; `name` is a slot with the text, so that it may be computed.
    Import(Slot),
    /// What a module offers, or (as target of `Set`) what this one does.
    Exports,
    /// A branch begins; it is taken or not, as the condition says.
    If(Slot),
    /// From here to the end of the branch files are named like one of these texts, and so is what these variables hold.
    Named(Pool, Pool),
    /// The other branch.
    Else,
    /// A loop begins.
    Loop,
    /// A block begins that is left early where something is thrown.
    Try,
    /// The loop ends here if this is false.
    While(Slot),
    /// End of a branch, loop or tried block.
    End,
    /// The function's result.
    Return(Slot),
    /// One of its results; it goes on.
    Give(Slot),
    /// Leaves the function without a result.
    Leave,
    /// Leaves the innermost loop.
    Break,
    /// Code that was too deep to follow: takes and gives all of these.
    Coarse(Pool),
    /// A variable of a shell script, which all its functions share.
    Variable(Sym),
    /// A variable of a shell script gets a value.
    SetVariable(Sym, Slot),
    /// What only shells do.
    Shell(ShellOp, Pool),
}

/// One operation with its place.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// Where the result goes.
    pub dst: Slot,
    /// Bytes of the program that it stands for.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What it does.
    pub kind: OpKind,
}

/// Which arguments a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The one at its place, or under its name.
    No,
    /// All from its place on.
    Positions,
    /// All by name.
    Names,
}

/// A parameter and what it is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its slot.
    pub slot: Slot,
    /// Its name, for calls by name.
    pub name: Sym,
    /// Whether it takes all further arguments, and which.
    pub rest: Rest,
}

/// A function, or the top level of a module (the first one).
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Name for people.
    pub name: Sym,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Slot of the receiver (`this`), where it has one of its own.
    pub this: Option<Slot>,
    /// Slot of `arguments`, if it is used.
    pub arguments: Option<Slot>,
    /// How many slots there are.
    pub slots: u32,
    /// What it does.
    pub ops: Vec<Op>,
    /// Variables that inner functions use.
    pub shared: Vec<(Slot, Cell)>,
    /// Bytes of the program.
    pub range: Range<u32>,
    /// Whether its first parameter is the receiver (Python).
    pub takes_self: bool,
    /// Whether it is called where it is read as a member.
    pub is_getter: bool,
}

/// One program, lowered.
#[derive(Debug, Clone)]
pub struct Module {
    /// In which language.
    pub language: Language,
    /// The top level first.
    pub functions: Vec<Function>,
    /// Texts and names.
    pub names: Vec<Box<str>>,
    /// Names of variables for reports, by function and slot.
    pub labels: FastMap<(FnId, Slot), Sym>,
    /// Slots of operations with many.
    pub pool: Vec<Slot>,
    /// How many variables are shared between functions.
    pub cells: u32,
    /// Parts that were too deep or too many to be lowered.
    pub coarse: bool,
}

impl Module {
    /// The slots of a pool.
    pub fn slots(&self, pool: Pool) -> &[Slot] {
        self.pool.get(pool.start as usize..(pool.start + pool.len) as usize).unwrap_or(&[])
    }

    /// A text.
    pub fn name(&self, sym: Sym) -> &str {
        self.names.get(sym as usize).map_or("", |name| name)
    }

    /// How many operations there are in all.
    pub fn len(&self) -> usize {
        self.functions.iter().map(|function| function.ops.len()).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Index of a [`Scope`].
pub type ScopeId = u32;

#[derive(Debug, Clone, Copy)]
struct Scope {
    parent: Option<ScopeId>,
    function: FnId,
    has_names: bool,
}

/// Where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A slot of the function at hand.
    Local(Slot),
    /// A variable of an outer function.
    Outer(Cell),
    /// Not bound.
    Global,
}

/// Makes a [`Module`]: interning, scopes, emission. Lowerings differ in how they read trees only.
pub struct Builder {
    /// What is being made.
    pub module: Module,
    symbols: HashMap<Box<str>, Sym>,
    scopes: Vec<Scope>,
    names: FastMap<(ScopeId, Sym), Slot>,
    cells: FastMap<(FnId, Slot), Cell>,
    /// Operations that may still be made.
    room: usize,
}

impl Builder {
    /// An empty module; at most `room` operations are made.
    pub fn new(language: Language, room: usize) -> Self {
        let module = Module {
            language,
            functions: vec![Function::default()],
            names: Vec::new(),
            labels: FastMap::default(),
            pool: Vec::new(),
            cells: 0,
            coarse: false,
        };
        let mut builder = Self {
            module,
            symbols: HashMap::new(),
            scopes: vec![Scope { parent: None, function: 0, has_names: false }],
            names: FastMap::default(),
            cells: FastMap::default(),
            room,
        };
        builder.intern("");
        builder
    }

    /// The symbol of a text.
    pub fn intern(&mut self, text: &str) -> Sym {
        if let Some(&sym) = self.symbols.get(text) {
            return sym;
        }
        let sym = self.module.names.len() as Sym;
        self.module.names.push(text.into());
        self.symbols.insert(text.into(), sym);
        sym
    }

    /// A new function.
    pub fn function(&mut self, name: &str, range: Range<usize>) -> FnId {
        let name = self.intern(name);
        let range = range.start as u32..range.end as u32;
        self.module.functions.push(Function { name, range, ..Function::default() });
        self.module.functions.len() as FnId - 1
    }

    /// A scope inside another; of another function if that is given.
    pub fn scope(&mut self, parent: ScopeId, function: Option<FnId>) -> ScopeId {
        let function = function.unwrap_or_else(|| self.owner(parent));
        self.scopes.push(Scope { parent: Some(parent), function, has_names: false });
        self.scopes.len() as ScopeId - 1
    }

    /// The function that a scope belongs to.
    pub fn owner(&self, scope: ScopeId) -> FnId {
        self.scopes.get(scope as usize).map_or(0, |scope| scope.function)
    }

    /// The function's own outermost scope around this one.
    pub fn function_scope(&self, scope: ScopeId) -> ScopeId {
        let owner = self.owner(scope);
        let mut here = scope;
        while let Some(parent) = self.scopes.get(here as usize).and_then(|s| s.parent) {
            if self.owner(parent) != owner {
                break;
            }
            here = parent;
        }
        here
    }

    /// A new slot of a function.
    pub fn slot(&mut self, function: FnId) -> Slot {
        let Some(function) = self.module.functions.get_mut(function as usize) else { return 0 };
        function.slots += 1;
        function.slots - 1
    }

    /// Binds a name in a scope; the slot that it has there.
    pub fn declare(&mut self, scope: ScopeId, name: &str) -> Slot {
        let sym = self.intern(name);
        if let Some(&slot) = self.names.get(&(scope, sym)) {
            return slot;
        }
        let owner = self.owner(scope);
        let slot = self.slot(owner);
        if let Some(scope) = self.scopes.get_mut(scope as usize) {
            scope.has_names = true;
        }
        self.names.insert((scope, sym), slot);
        self.module.labels.insert((owner, slot), sym);
        slot
    }

    /// Whether a name is bound in exactly this scope.
    pub fn is_declared(&self, scope: ScopeId, name: &str) -> bool {
        self.symbols.get(name).is_some_and(|&sym| self.names.contains_key(&(scope, sym)))
    }

    /// Where a name leads from a scope.
    pub fn find(&mut self, scope: ScopeId, name: &str) -> Found {
        let sym = self.intern(name);
        let here = self.owner(scope);
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|id| Some((id, *self.scopes.get(id as usize)?))) {
            let (id, Scope { parent, function, has_names }) = scope;
            if let Some(&slot) = self.names.get(&(id, sym)).filter(|_| has_names) {
                if function == here {
                    return Found::Local(slot);
                }
                return Found::Outer(self.cell(function, slot));
            }
            at = parent;
        }
        Found::Global
    }

    fn cell(&mut self, function: FnId, slot: Slot) -> Cell {
        if let Some(&cell) = self.cells.get(&(function, slot)) {
            return cell;
        }
        let cell = self.module.cells;
        self.module.cells += 1;
        self.cells.insert((function, slot), cell);
        if let Some(function) = self.module.functions.get_mut(function as usize) {
            function.shared.push((slot, cell));
        }
        cell
    }

    /// A run of slots.
    pub fn pool(&mut self, slots: &[Slot]) -> Pool {
        let start = self.module.pool.len() as u32;
        self.module.pool.extend_from_slice(slots);
        Pool { start, len: slots.len() as u32 }
    }

    /// Whether there is room for more operations.
    pub fn has_room(&self) -> bool {
        self.room > 0
    }

    /// Appends an operation with a new slot for its result.
    pub fn emit(&mut self, function: FnId, range: Range<usize>, kind: OpKind) -> Slot {
        let dst = self.slot(function);
        self.emit_to(function, dst, range, kind);
        dst
    }

    /// Appends an operation whose result goes to `dst`.
    pub fn emit_to(&mut self, function: FnId, dst: Slot, range: Range<usize>, kind: OpKind) {
        self.room = self.room.saturating_sub(1);
        let is_mark = matches!(kind, OpKind::If(_) | OpKind::Else | OpKind::Loop | OpKind::Try | OpKind::End);
        if self.room == 0 && !is_mark {
            self.module.coarse = true;
            return;
        }
        if let Some(function) = self.module.functions.get_mut(function as usize) {
            function.ops.push(Op { dst, start: range.start as u32, end: range.end as u32, kind });
        }
    }

    /// A text constant.
    pub fn text(&mut self, function: FnId, range: Range<usize>, text: &str) -> Slot {
        let sym = self.intern(text);
        self.emit(function, range, OpKind::Text(sym))
    }

    /// The module, done.
    pub fn finish(self) -> Module {
        self.module
    }
}
