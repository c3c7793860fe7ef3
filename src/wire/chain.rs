//! The output chain and the reader's rule: every output names the one before it in its topic partition,
//! and a reader takes a record if and only if it names the last one taken. Duplicates and everything
//! behind a gap fall out by themselves.

use crate::base::position::{Offset, OutputRef, Position};
use crate::wire::header;
use crate::wire::record::Content;

/// An output's place in the chain of its topic partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The output.
    pub output: OutputRef,
    /// The one before it; none for the first.
    pub prev: Option<OutputRef>,
}

impl Link {
    /// Reads an output's link from its headers; none if it carries none.
    #[must_use]
    pub fn read(content: &Content<'_>) -> Option<Link> {
        let position: Position = content.text_header(header::POSITION)?.parse().ok()?;
        let index = content.text_header(header::INDEX)?.parse().ok()?;
        let prev = match content.text_header(header::PREV)? {
            "-" => None,
            text => Some(text.parse().ok()?),
        };
        Some(Link { output: OutputRef { offset: position.offset, index }, prev })
    }

    /// The text of the header that names the one before.
    #[must_use]
    pub fn prev_text(&self) -> String {
        self.prev.map_or_else(|| "-".to_owned(), |prev| prev.to_string())
    }
}

/// The last output a reader took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// None yet, and any may be the first, up to this offset of the topic.
    Probation(Option<OutputRef>, Offset),
    /// None yet; the first of all is due.
    Start,
    /// This one.
    Output(OutputRef),
}

/// What became of a record under the reader's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the next one.
    Next,
    /// A reader on probation begins anew with it.
    Begun,
    /// A duplicate, or behind a gap.
    Skipped,
}

/// A reader of one topic partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainReader(Last);

impl ChainReader {
    /// A reader that has taken nothing and stands anywhere; until `end`, the end the topic has now, it
    /// may begin anew.
    #[must_use]
    pub const fn on_probation(end: Offset) -> Self {
        Self(Last::Probation(None, end))
    }

    /// A reader whose last output is known; none means that the first of all is due.
    #[must_use]
    pub const fn after(last: Option<OutputRef>) -> Self {
        match last {
            Some(output) => Self(Last::Output(output)),
            None => Self(Last::Start),
        }
    }

    /// The last output taken.
    #[must_use]
    pub const fn last(&self) -> Option<OutputRef> {
        match self.0 {
            Last::Probation(last, _) => last,
            Last::Start => None,
            Last::Output(last) => Some(last),
        }
    }

    /// Shows the reader the record at offset `at` of the topic.
    pub fn take(&mut self, at: Offset, link: &Link) -> Taken {
        if let Last::Probation(last, end) = self.0 {
            if at < end {
                let chained = last.is_some() && link.prev == last;
                if !chained && last.is_some_and(|last| link.output <= last) {
                    return Taken::Skipped;
                }
                self.0 = Last::Probation(Some(link.output), end);
                return if chained { Taken::Next } else { Taken::Begun };
            }
            if last.is_none() {
                self.0 = Last::Output(link.output);
                return Taken::Begun;
            }
        }
        if link.prev == self.last() {
            self.0 = Last::Output(link.output);
            Taken::Next
        } else {
            Taken::Skipped
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> Option<OutputRef> {
        (text != "-").then(|| text.parse().unwrap())
    }

    fn check(mut reader: ChainReader, records: &[(&str, &str)], taken: &str) {
        let found = records.iter().enumerate().map(|(at, (this, prev))| {
            let link = Link { output: output(this).unwrap(), prev: output(prev) };
            match reader.take(Offset(at.try_into().unwrap()), &link) {
                Taken::Next => 'n',
                Taken::Begun => 'b',
                Taken::Skipped => '.',
            }
        });
        assert_eq!(found.collect::<String>(), taken, "{records:?}");
    }

    #[test]
    fn each_once_and_in_order() {
        let start = ChainReader::after(None);
        check(start, &[("1/0", "-"), ("1/1", "1/0"), ("2/0", "1/1")], "nnn");
        check(start, &[("1/0", "-"), ("1/0", "-"), ("2/0", "1/0"), ("1/0", "-"), ("2/0", "1/0")], "n.n..");
        check(start, &[("1/0", "-"), ("3/0", "2/0"), ("2/0", "1/0"), ("3/0", "2/0")], "n.nn");
        check(ChainReader::after(output("2/0")), &[("1/0", "-"), ("2/0", "1/0"), ("3/0", "2/0")], "..n");
    }

    #[test]
    fn the_index_is_part_of_the_position() {
        let start = ChainReader::after(None);
        check(
            start,
            &[("1/0", "-"), ("1/2", "1/1"), ("1/1", "1/0"), ("1/2", "1/1"), ("2/0", "1/2")],
            "n.nnn",
        );
    }

    #[test]
    fn probation_ends_where_the_topic_ended() {
        let anywhere = ChainReader::on_probation(Offset(3));
        check(anywhere, &[("5/0", "4/0"), ("6/0", "5/0"), ("8/0", "7/0"), ("9/0", "8/0")], "bnbn");
        check(anywhere, &[("5/0", "4/0"), ("4/0", "3/0"), ("6/0", "5/0"), ("9/0", "8/0")], "b.n.");
        check(ChainReader::on_probation(Offset(0)), &[("5/0", "4/0"), ("9/0", "8/0"), ("6/0", "5/0")], "b.n");
    }
}
