//! Holds what a worker makes against what the log's topics hold.

use super::held::{Loose, Walk};
use super::{Extent, Finding, Report, Tally, What};
use crate::base::position::{Offset, OutputRef, Topic, TopicPartition};
use crate::log::{Bounds, Contents, LogError, PollLimit, Stored, read_before};
use crate::wire::chain::Link;
use crate::wire::difference::{difference, digest};
use crate::wire::header;
use crate::wire::record::Content;
use std::sync::Arc;

/// Findings of a partition that are told; all are counted.
const TOLD: usize = 20;

/// What a rejection says it is.
const REJECTION: &str = "clausum.rejection.v1";

/// The judge of a partition's outputs.
#[derive(Debug)]
pub(super) struct Judge {
    topics: Vec<Of>,
    rejections: u64,
    findings: Vec<Finding>,
}

/// The judge of one topic.
#[derive(Debug)]
struct Of {
    contents: Arc<dyn Contents>,
    of: TopicPartition,
    bounds: Bounds,
    walk: Walk,
    /// What readers take next, if it was looked at.
    next: Option<(OutputRef, Stored)>,
    /// Whether anything that readers take was judged.
    begun: bool,
    loose: Loose,
    tally: Tally,
}

/// Why an output could not be judged: the log failed, or the output names no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    Log(LogError),
    Output(String),
}

impl From<LogError> for Unfit {
    fn from(error: LogError) -> Self {
        Unfit::Log(error)
    }
}

impl Judge {
    /// A judge that has read what no reader takes.
    pub(super) fn new(contents: Arc<dyn Contents>, extent: &Extent) -> Result<Self, LogError> {
        let mut topics = Vec::new();
        for (topic, bounds) in Topic::OUTPUTS.into_iter().zip(extent.outputs) {
            let of = TopicPartition::new(topic, extent.partition);
            let loose = Loose::gather(&*contents, of, bounds)?;
            let tally =
                Tally { duplicates: loose.duplicates, unchained: loose.unchained, ..Tally::default() };
            let tally = Tally { uncompared: loose.forgotten, ..tally };
            let walk = Walk::begin(&*contents, of, bounds)?;
            let contents = Arc::clone(&contents);
            topics.push(Of { contents, of, bounds, walk, next: None, begun: false, loose, tally });
        }
        let mut judge = Self { topics, rejections: 0, findings: Vec::new() };
        for of in &mut judge.topics {
            for at in std::mem::take(&mut of.loose.nameless) {
                of.tally.invented += 1;
                tell(&mut judge.findings, of.of.topic, Some(at), None, || Ok(Some(What::Invented)))?;
            }
        }
        Ok(judge)
    }

    /// Takes the next output that was made for a topic.
    pub(super) fn made(&mut self, topic: Topic, record: &[u8]) -> Result<(), Unfit> {
        let content = Content::read(record).map_err(|bad| Unfit::Output(bad.to_string()))?;
        let unfit = || Unfit::Output("an output was made without a place in its chain".to_owned());
        let output = Link::read(&content).ok_or_else(unfit)?.output;
        self.rejections += u64::from(content.text_header(header::CE_TYPE) == Some(REJECTION));
        let of = self.topics.iter_mut().find(|of| of.of.topic == topic).ok_or_else(unfit)?;
        of.tally.made += 1;
        of.pass_over(output, Some(&content), &mut self.findings)?;
        of.compare(output, &content, &mut self.findings)?;
        Ok(())
    }

    /// What was found, once everything was made.
    pub(super) fn finish(mut self) -> Result<Report, LogError> {
        let mut topics = [Tally::default(); 3];
        for (to, of) in topics.iter_mut().zip(&mut self.topics) {
            let last = OutputRef { offset: Offset(u64::MAX), index: u32::MAX };
            of.pass_over(last, None, &mut self.findings)?;
            while let Some((output, stored)) = of.look()? {
                of.invented(stored.offset, output, &mut self.findings)?;
            }
            *to = of.tally;
        }
        Ok(Report { records: 0, rejections: self.rejections, topics, findings: self.findings })
    }
}

impl Of {
    /// Takes out what readers take next.
    fn look(&mut self) -> Result<Option<(OutputRef, Stored)>, LogError> {
        match self.next.take() {
            Some(next) => Ok(Some(next)),
            None => self.walk.next_taken(),
        }
    }

    fn compare(
        &mut self,
        output: OutputRef,
        made: &Content<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), LogError> {
        loop {
            match self.look()? {
                Some((held, stored)) if held < output => self.invented(stored.offset, held, findings)?,
                Some((held, stored)) if held == output => {
                    self.begun = true;
                    let found = Content::read(&stored.content).ok();
                    let Some(told) = found.and_then(|found| difference(made, &found)) else {
                        self.tally.equal += 1;
                        return Ok(());
                    };
                    self.tally.differing += 1;
                    let (topic, at) = (self.of.topic, Some(stored.offset));
                    return tell(findings, topic, at, Some(output), || Ok(Some(What::Differs(told))));
                }
                later => {
                    let behind = later.is_none() && self.loose.highest < Some(output);
                    self.next = later;
                    if self.bounds.start > Offset(0) && !self.begun {
                        self.tally.trimmed += 1;
                    } else if behind {
                        self.tally.awaited += 1;
                    } else {
                        self.tally.missing += 1;
                        tell(findings, self.of.topic, None, Some(output), || Ok(Some(What::Missing)))?;
                    }
                    return Ok(());
                }
            }
        }
    }

    fn invented(
        &mut self,
        at: Offset,
        output: OutputRef,
        findings: &mut Vec<Finding>,
    ) -> Result<(), LogError> {
        self.tally.invented += 1;
        tell(findings, self.of.topic, Some(at), Some(output), || Ok(Some(What::Invented)))
    }

    /// Judges what no reader takes and is this output, or an earlier one that nothing was made for.
    fn pass_over(
        &mut self,
        output: OutputRef,
        made: Option<&Content<'_>>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), LogError> {
        let mut sum = None;
        while let Some(entry) = self.loose.records.first_entry().filter(|entry| entry.key().0 <= output) {
            let ((held, at), found) = entry.remove_entry();
            let Some(made) = made.filter(|_| held == output) else {
                self.invented(at, held, findings)?;
                continue;
            };
            if found == *sum.get_or_insert_with(|| digest(made)) {
                continue;
            }
            self.tally.altered += 1;
            let (contents, of, end) = (&*self.contents, self.of, self.bounds.end);
            tell(findings, of.topic, Some(at), Some(held), || {
                let one = PollLimit { records: 1, bytes: 1 };
                let record = read_before(&mut *contents.reader(of, at)?, end, one)?.into_iter().next();
                let record = record.filter(|record| record.offset == at);
                let found = record.as_ref().and_then(|record| Content::read(&record.content).ok());
                Ok(found.and_then(|found| difference(made, &found)).map(What::Altered))
            })?;
        }
        Ok(())
    }
}

/// Tells a finding, if there is room for another; only then it is looked for what it is.
fn tell(
    findings: &mut Vec<Finding>,
    topic: Topic,
    at: Option<Offset>,
    output: Option<OutputRef>,
    what: impl FnOnce() -> Result<Option<What>, LogError>,
) -> Result<(), LogError> {
    if findings.len() < TOLD
        && let Some(what) = what()?
    {
        findings.push(Finding { topic, at, output, what });
    }
    Ok(())
}
