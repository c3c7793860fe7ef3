//! Every limit of the language in one place, with the relations between them.

/// Longest source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 4 * 1024;

/// Deepest nesting of parentheses, arguments, prefix operators and `?:`.
pub const MAX_NESTING: u32 = 32;

/// Most nodes of one syntax tree.
pub const MAX_NODES: usize = 4096;

/// Largest static cost bound of one expression; a unit is about one integer comparison.
pub const MAX_COST: u32 = 4096;

/// Most intermediate values alive at once during an evaluation.
pub(super) const MAX_STACK: u32 = 64;

/// The text length the cost of a string function assumes; who fills an [`Env`](super::Env) keeps texts
/// about as short.
pub const TEXT_CAP_BYTES: u32 = 1024;

/// Longest text a template renders.
pub const MAX_RENDERED_BYTES: usize = 512;

/// A search goes through the whole text, sixteen bytes a unit.
pub(super) const COST_SEARCH: u32 = TEXT_CAP_BYTES / 16;
/// A text comparison, a prefix or a suffix rarely looks at more than the first bytes.
pub(super) const COST_TEXT: u32 = 4;
/// One probe of a set held outside.
pub(super) const COST_LIST: u32 = 16;
/// Everything else.
pub(super) const COST_SIMPLE: u32 = 1;

const _: () = assert!(MAX_STACK >= MAX_NESTING, "what may be nested must mostly be evaluable");
const _: () = assert!(MAX_COST >= 16 * COST_SEARCH, "an expression may search more than a handful of texts");
const _: () = assert!(MAX_SOURCE_BYTES <= u32::MAX as usize, "spans hold 32-bit offsets");
