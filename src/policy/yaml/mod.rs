//! YAML documents as trees whose nodes know their place; JSON is read as the YAML it is.
//!
//! The parser is asked event by event, because the loader above it calls itself once for each level and
//! copies what an alias names: a document of a stranger could end the process. Here depth is limited while
//! reading, anchors, aliases and tags are refused, and numbers stay the text they were written as.

mod source;

use crate::base::decimal::Decimal;
use crate::base::limits::PACK_BYTES;
use crate::policy::diagnostic::{Faults, Place};
use saphyr::ScalarStyle;
use saphyr_parser::{Event, Marker, Parser};
use source::Source;

/// Nesting of a document.
const MAX_DEPTH: usize = 32;

/// A node and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) data: Data,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Neither quoted nor a block: it may stand for null, a bool or a number.
    plain: bool,
    layout: Layout,
}

/// How the text of a scalar lies in the document, to find a place of the text there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// The first line of the text begins here and stands as written.
    Inline(Place),
    /// A literal block: each line of the text is one of the document, indented alike.
    Literal { first_line: u32, indent: u32 },
    /// Folded or escaped: only the scalar's own place can be told.
    Other,
}

/// What a scalar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    Null,
    Bool(bool),
    Number(Decimal<'a>),
    Text(&'a str),
}

impl Scalar {
    /// The core schema of YAML 1.2 with the numbers of JSON.
    pub(super) fn meaning(&self) -> Meaning<'_> {
        if !self.plain {
            return Meaning::Text(&self.text);
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            text => Decimal::parse(text).map_or(Meaning::Text(text), Meaning::Number),
        }
    }
}

impl Node {
    /// Where a place of the text of this scalar is in the document, where that can be told.
    pub(super) fn place_of(&self, line: u32, column: u32) -> Option<Place> {
        let Data::Scalar(scalar) = &self.data else { return None };
        match scalar.layout {
            Layout::Inline(first) if line == 1 => {
                Some(Place { line: first.line, column: first.column + column.saturating_sub(1) })
            }
            Layout::Literal { first_line, indent } => {
                Some(Place { line: first_line + line.saturating_sub(1), column: indent + column })
            }
            Layout::Inline(_) | Layout::Other => None,
        }
    }

    /// Where the value that a JSON pointer names begins, or the innermost one around it that is there.
    pub(super) fn at_pointer(&self, pointer: &str) -> Place {
        let mut node = self;
        for name in pointer.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            let inner = match &node.data {
                Data::Mapping(pairs) => pairs.iter().find_map(|(key, value)| {
                    matches!(&key.data, Data::Scalar(key) if key.text == name).then_some(value)
                }),
                Data::Sequence(items) => name.parse::<usize>().ok().and_then(|place| items.get(place)),
                Data::Scalar(_) => None,
            };
            let Some(inner) = inner else { break };
            node = inner;
        }
        node.at
    }

    pub(super) fn noun(&self) -> &'static str {
        match &self.data {
            Data::Sequence(_) => "a list",
            Data::Mapping(_) => "an object",
            Data::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "null",
                Meaning::Bool(_) => "a bool",
                Meaning::Number(_) => "a number",
                Meaning::Text(_) => "a string",
            },
        }
    }
}

/// Reads one document. What cannot be read at all is no node and the faults up to there.
pub(super) fn read(document: &str, faults: &mut Faults) -> Option<Node> {
    if document.len() > PACK_BYTES {
        let message = format!("the document has {} bytes, the limit is {PACK_BYTES}", document.len());
        faults.add(Place::START, "too_long", message);
        return None;
    }
    let mut tree = Tree { source: Source::new(document), open: Vec::new(), root: None };
    let mut parser = Parser::new_from_str(document);
    let (mut documents, mut whole) = (0, true);
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                faults.add(place(*error.marker()), "syntax", error.info());
                return None;
            }
        };
        let at = place(span.start);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
        }
        let refusal = if documents > 1 { Some(Refusal::Documents) } else { tree.take(event, at) };
        let Some(refusal) = refusal else { continue };
        faults.add(at, "unsupported", refusal.text());
        match refusal {
            Refusal::Documents | Refusal::Depth => return None,
            // What it stands for is not known, so further down it would look like another fault.
            Refusal::Alias => whole = false,
            Refusal::Anchor | Refusal::Tag => {}
        }
    }
    if tree.root.is_none() {
        faults.add(Place::START, "required", "the document is empty");
    }
    tree.root.filter(|_| whole)
}

/// What YAML can say and a document here may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Documents,
    Depth,
    Alias,
    Anchor,
    Tag,
}

impl Refusal {
    const fn text(self) -> &'static str {
        match self {
            Refusal::Documents => "one document is due",
            Refusal::Depth => "nested too deep",
            Refusal::Alias => "aliases are not supported",
            Refusal::Anchor => "anchors are not supported",
            Refusal::Tag => "tags are not supported",
        }
    }
}

fn place(marker: Marker) -> Place {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: small(marker.line()), column: small(marker.col().saturating_add(1)) }
}

struct Tree<'d> {
    source: Source<'d>,
    open: Vec<Open>,
    root: Option<Node>,
}

/// A collection whose end has not come.
struct Open {
    at: Place,
    items: Vec<Node>,
    mapping: bool,
}

impl Tree<'_> {
    /// Takes one event; tells what is refused about it.
    fn take(&mut self, event: Event<'_>, at: Place) -> Option<Refusal> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
            Event::Alias(_) => {
                let unknown = Scalar { text: String::new(), plain: true, layout: Layout::Other };
                self.put(Node { at, data: Data::Scalar(unknown) });
                return Some(Refusal::Alias);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let layout = self.layout(&text, style, at);
                let plain = style == ScalarStyle::Plain;
                self.put(Node { at, data: Data::Scalar(Scalar { text: text.into_owned(), plain, layout }) });
                return refused(anchor, tag.is_some());
            }
            Event::SequenceStart(anchor, tag) => return self.begin(at, false, anchor, tag.is_some()),
            Event::MappingStart(anchor, tag) => return self.begin(at, true, anchor, tag.is_some()),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        None
    }

    fn begin(&mut self, at: Place, mapping: bool, anchor: usize, tagged: bool) -> Option<Refusal> {
        if self.open.len() >= MAX_DEPTH {
            return Some(Refusal::Depth);
        }
        self.open.push(Open { at, items: Vec::new(), mapping });
        refused(anchor, tagged)
    }

    fn end(&mut self) {
        let Some(Open { at, items, mapping }) = self.open.pop() else { return };
        let data = if mapping { Data::Mapping(pairs(items)) } else { Data::Sequence(items) };
        self.put(Node { at, data });
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
    }

    fn layout(&mut self, text: &str, style: ScalarStyle, at: Place) -> Layout {
        let quote = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Literal => {
                return self
                    .source
                    .literal(text, at)
                    .map_or(Layout::Other, |(first_line, indent)| Layout::Literal { first_line, indent });
            }
            ScalarStyle::Folded => return Layout::Other,
        };
        let begin = Place { line: at.line, column: at.column + quote };
        if self.source.holds(text, begin) { Layout::Inline(begin) } else { Layout::Other }
    }
}

fn refused(anchor: usize, tagged: bool) -> Option<Refusal> {
    if anchor != 0 {
        return Some(Refusal::Anchor);
    }
    tagged.then_some(Refusal::Tag)
}

/// Keys and values come in turn.
fn pairs(items: Vec<Node>) -> Vec<(Node, Node)> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

#[cfg(test)]
mod tests;
