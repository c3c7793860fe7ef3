//! Requests out of a file, one after the other: JSON (an object, several, or an array), NDJSON, or CSV.
//! One row is held at a time; a row that is none is told with its line, and the next one is read.

use crate::base::limits;
use crate::cli::assess::map::Map;
use crate::cli::assess::members;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;

/// A row longer than any body may be is not held.
const ROW_BYTES: usize = limits::BODY_BYTES * 4;

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub(super) line: u64,
    /// The body, or why there is none.
    pub(super) body: Result<Vec<u8>, String>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    /// By the name of the file, else by its first character.
    pub(super) fn of(path: Option<&Path>, input: &mut dyn BufRead) -> io::Result<Self> {
        let extension = path.and_then(Path::extension).and_then(|name| name.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => return Ok(Format::Json),
            Some("ndjson" | "jsonl") => return Ok(Format::Ndjson),
            Some("csv") => return Ok(Format::Csv),
            _ => {}
        }
        let begin = input.fill_buf()?;
        let first = begin.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(if matches!(first, Some(b'{' | b'[') | None) { Format::Json } else { Format::Csv })
    }
}

/// The rows of an input.
pub(super) type Rows = Box<dyn Iterator<Item = io::Result<Row>>>;

/// Opens an input.
///
/// # Errors
/// The columns are not those of the map; every one that is missing.
pub(super) fn open(format: Format, input: Box<dyn BufRead>, map: Option<Map>) -> Result<Rows, Vec<String>> {
    match format {
        Format::Csv => Ok(Box::new(CsvRows::open(input, map)?)),
        Format::Ndjson => Ok(Box::new(mapped(Lines { input, line: 0 }, map))),
        Format::Json => Ok(Box::new(mapped(
            Items { input: Scan { input, line: 1 }, array: None, items: 0, ended: false },
            map,
        ))),
    }
}

fn mapped(
    rows: impl Iterator<Item = io::Result<Row>> + 'static,
    map: Option<Map>,
) -> impl Iterator<Item = io::Result<Row>> + 'static {
    rows.map(move |row| {
        let Some(map) = &map else { return row };
        row.map(|row| Row { body: row.body.and_then(|body| map_json(map, &body)), ..row })
    })
}

/// Members of a JSON row are columns by their dotted names, numbers as they are spelled.
fn map_json(map: &Map, body: &[u8]) -> Result<Vec<u8>, String> {
    let columns = members::columns(body)?;
    map.body(&|name| columns.get(name).map(String::as_str))
}

/// One JSON text a line; empty lines are passed over.
struct Lines {
    input: Box<dyn BufRead>,
    line: u64,
}

impl Iterator for Lines {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut text = Vec::new();
            let mut most = self.input.by_ref().take(ROW_BYTES as u64);
            match most.read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => return Some(Err(error)),
            }
            if text.len() >= ROW_BYTES && text.last() != Some(&b'\n') {
                let skipped = skip_line(&mut *self.input);
                return Some(skipped.map(|()| too_long(self.line)));
            }
            if !text.iter().all(u8::is_ascii_whitespace) {
                return Some(Ok(Row { line: self.line, body: Ok(text) }));
            }
        }
    }
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let held = input.fill_buf()?;
        let (used, ended) = match held.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (held.len(), held.is_empty()),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

fn too_long(line: u64) -> Row {
    Row { line, body: Err(format!("is longer than {ROW_BYTES} bytes")) }
}

/// Bytes with their line.
struct Scan {
    input: Box<dyn BufRead>,
    line: u64,
}

impl Scan {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn step(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.input.consume(1);
    }
}

/// Objects one behind the other, or those of an array. Only their ends are looked for; whether they are
/// JSON is for their reader to say.
struct Items {
    input: Scan,
    /// Whether the objects stand in an array; unknown before the first byte.
    array: Option<bool>,
    items: u64,
    ended: bool,
}

impl Iterator for Items {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.item().transpose();
        self.ended |= !matches!(next, Some(Ok(_)));
        next
    }
}

impl Items {
    /// The next object, or what stands in its place: that is one row, and those behind it are read.
    fn item(&mut self) -> io::Result<Option<Row>> {
        // Behind a comma an object is due; before the first one none may stand.
        let mut comma = self.array != Some(true);
        loop {
            let Some(byte) = self.input.peek()? else {
                self.ended = true;
                let body = Err("the array ends too early".to_owned());
                return Ok((self.array == Some(true)).then_some(Row { line: self.input.line, body }));
            };
            match byte {
                b'{' if comma => break,
                b'[' if self.array.is_none() => self.array = Some(true),
                b']' if self.array == Some(true) && (!comma || self.items == 0) => {
                    self.input.step(byte);
                    return self.behind_array();
                }
                b',' if self.array == Some(true) && !comma => comma = true,
                _ if byte.is_ascii_whitespace() => {}
                _ => return self.stranger().map(Some),
            }
            self.input.step(byte);
        }
        self.array.get_or_insert(false);
        self.items += 1;
        self.object().map(Some)
    }

    /// Passes over what is no object: in an array up to its comma or the array's end, else up to the line's.
    fn stranger(&mut self) -> io::Result<Row> {
        let line = self.input.line;
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        while let Some(byte) = self.input.peek()? {
            let ends = match self.array {
                Some(true) => !in_string && depth == 0 && matches!(byte, b',' | b']'),
                Some(false) | None => byte == b'\n',
            };
            if ends {
                break;
            }
            self.input.step(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.items += 1;
        Ok(Row { line, body: Err("is no JSON object, alone or in an array".to_owned()) })
    }

    fn behind_array(&mut self) -> io::Result<Option<Row>> {
        while let Some(byte) = self.input.peek()? {
            if !byte.is_ascii_whitespace() {
                self.ended = true;
                let body = Err("nothing is due behind the array; the rest was not read".to_owned());
                return Ok(Some(Row { line: self.input.line, body }));
            }
            self.input.step(byte);
        }
        Ok(None)
    }

    fn object(&mut self) -> io::Result<Row> {
        let line = self.input.line;
        let (mut text, mut depth, mut in_string, mut escaped) = (Vec::new(), 0_usize, false, false);
        while let Some(byte) = self.input.peek()? {
            self.input.step(byte);
            // Of one that is too long only the end is looked for.
            if text.len() <= ROW_BYTES {
                text.push(byte);
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        let long = text.len() > ROW_BYTES;
                        return Ok(if long { too_long(line) } else { Row { line, body: Ok(text) } });
                    }
                }
                _ => {}
            }
        }
        self.ended = true;
        Ok(Row { line, body: Err("the object ends too early".to_owned()) })
    }
}

/// What a CSV reader has read ahead and nobody has counted the lines of. The reader's own count is that of
/// where it went on reading: behind a record, before the rest of its line's end and any empty lines.
struct Lined {
    input: Box<dyn BufRead>,
    ahead: Rc<RefCell<Ahead>>,
}

#[derive(Default)]
struct Ahead {
    bytes: VecDeque<u8>,
    /// How many bytes were counted.
    at: u64,
    /// How many lines ended in them.
    ended: u64,
}

impl Read for Lined {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.ahead.borrow_mut().bytes.extend(into.iter().take(read));
        Ok(read)
    }
}

impl Ahead {
    /// The line of the first byte from `byte` on that is no line's end. Places are asked for in their order.
    fn line_from(&mut self, byte: u64) -> u64 {
        while let Some(next) = self.bytes.front()
            && (self.at < byte || matches!(next, b'\r' | b'\n'))
        {
            self.ended += u64::from(*next == b'\n');
            self.at += 1;
            self.bytes.pop_front();
        }
        self.ended + 1
    }
}

/// Rows of a CSV file with a head.
struct CsvRows {
    records: csv::Reader<Lined>,
    ahead: Rc<RefCell<Ahead>>,
    columns: BTreeMap<String, usize>,
    map: Map,
    record: csv::StringRecord,
}

impl CsvRows {
    fn open(input: Box<dyn BufRead>, map: Option<Map>) -> Result<Self, Vec<String>> {
        let ahead = Rc::default();
        let input = Lined { input, ahead: Rc::clone(&ahead) };
        let mut records = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
        let head = records.headers().map_err(|error| vec![format!("the head cannot be read: {error}")])?;
        let columns: Vec<String> =
            head.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let map = match map {
            Some(map) => map,
            None => Map::of_columns(columns.iter().map(String::as_str))?,
        };
        let twice = columns.iter().enumerate().filter_map(|(at, name)| {
            let first = columns.iter().position(|known| known == name).filter(|first| *first < at)?;
            let used = map.columns().any(|(column, _)| column == name);
            used.then(|| format!("the column `{name}` stands twice, at {} and {}", first + 1, at + 1))
        });
        let twice: Vec<_> = twice.collect();
        if !twice.is_empty() {
            return Err(twice);
        }
        let missing = map.columns().filter(|(column, _)| !columns.iter().any(|known| known == column));
        let missing = missing.map(|(column, at)| {
            format!("there is no column `{column}`, which the map names at {}:{}", at.line, at.column)
        });
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let columns = columns.into_iter().enumerate().map(|(at, name)| (name, at)).collect();
        Ok(Self { records, ahead, columns, map, record: csv::StringRecord::new() })
    }
}

impl Iterator for CsvRows {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.records.position().byte();
        let read = self.records.read_record(&mut self.record);
        let line = self.ahead.borrow_mut().line_from(begin);
        match read {
            Ok(false) => None,
            Ok(true) => {
                let column = |name: &str| self.record.get(*self.columns.get(name)?);
                Some(Ok(Row { line, body: self.map.body(&column) }))
            }
            Err(error) => {
                let told = match error.kind() {
                    csv::ErrorKind::Utf8 { err, .. } => format!("is not UTF-8: {err}"),
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("has {len} columns, the head has {expected_len}")
                    }
                    csv::ErrorKind::Io(_)
                    | csv::ErrorKind::Seek
                    | csv::ErrorKind::Serialize(_)
                    | csv::ErrorKind::Deserialize { .. }
                    | _ => return Some(Err(error.into())),
                };
                Some(Ok(Row { line, body: Err(told) }))
            }
        }
    }
}
