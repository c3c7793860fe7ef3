//! Outputs on their way into the log, in the order of their chain. An output stays here until the log
//! acknowledged it; behind a batch that failed, everything is handed over again, so that the chain in the
//! log is whole in the end.

use crate::base::position::{Offset, OutputRef, Partition, Topic, TopicPartition};
use crate::log::{AppendError, Appended, Log};
use crate::worker::ack::{Ack, Inbox};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// An output that the log acknowledged, or that was read back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// The output.
    pub output: OutputRef,
    /// Where it stands in its topic, behind everything before it in the chain.
    pub at: Offset,
}

/// The outputs of one partition.
#[derive(Debug)]
pub(super) struct Outbox {
    queues: [Queue; 3],
}

#[derive(Debug)]
struct Queue {
    topic: Topic,
    landed: Option<Landed>,
    batches: VecDeque<Batch>,
    next: u64,
    bytes: usize,
    /// A batch failed: nothing is handed over until the log has answered for all it has.
    broken: bool,
}

#[derive(Debug)]
struct Batch {
    number: u64,
    outputs: Vec<(OutputRef, Bytes)>,
    sent: bool,
}

impl Outbox {
    /// An outbox behind what each topic holds.
    pub(super) fn new(landed: [Option<Landed>; 3]) -> Self {
        let mut landed = landed.into_iter();
        let queues = Topic::OUTPUTS.map(|topic| Queue {
            topic,
            landed: landed.next().flatten(),
            batches: VecDeque::new(),
            next: 0,
            bytes: 0,
            broken: false,
        });
        Self { queues }
    }

    /// The last output of each topic that the log holds.
    pub(super) fn landed(&self) -> [Option<Landed>; 3] {
        let mut landed = [None; 3];
        for (to, queue) in landed.iter_mut().zip(&self.queues) {
            *to = queue.landed;
        }
        landed
    }

    /// Puts outputs behind those there are, in their order.
    pub(super) fn push(&mut self, outputs: Vec<(Topic, OutputRef, Bytes)>) {
        for queue in &mut self.queues {
            queue.next += 1;
            let mut batch = Batch { number: queue.next, outputs: Vec::new(), sent: false };
            let own = outputs.iter().filter(|(topic, _, _)| *topic == queue.topic);
            batch.outputs.extend(own.map(|(_, output, bytes)| (*output, bytes.clone())));
            if !batch.outputs.is_empty() {
                queue.bytes += batch.size();
                queue.batches.push_back(batch);
            }
        }
    }

    /// Hands over what waits, as far as the log takes it.
    pub(super) fn send(
        &mut self,
        log: &dyn Log,
        partition: Partition,
        inbox: &Arc<Inbox>,
    ) -> Result<(), String> {
        self.queues.iter_mut().try_for_each(|queue| queue.send(log, partition, inbox))
    }

    /// Takes the log's answer for a batch.
    pub(super) fn answered(
        &mut self,
        topic: Topic,
        number: u64,
        result: Result<Appended, AppendError>,
    ) -> Result<(), String> {
        match self.queues.iter_mut().find(|queue| queue.topic == topic) {
            Some(queue) => queue.answered(number, result),
            None => Ok(()),
        }
    }

    /// Whether the log holds everything up to these outputs.
    pub(super) fn holds(&self, chains: &[Option<OutputRef>; 3]) -> bool {
        let mut pairs = self.queues.iter().zip(chains);
        pairs.all(|(queue, last)| *last <= queue.landed.map(|landed| landed.output))
    }

    /// Bytes that are not acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes).sum()
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.batches.is_empty())
    }

    /// Begins anew behind what the log was read to hold; what it does not hold is handed over again.
    pub(super) fn restart(&mut self, landed: [Option<Landed>; 3]) {
        for (queue, landed) in self.queues.iter_mut().zip(landed) {
            queue.landed = landed;
            queue.broken = false;
            let held = landed.map(|landed| landed.output);
            for batch in &mut queue.batches {
                batch.sent = false;
                batch.outputs.retain(|(output, _)| Some(*output) > held);
            }
            queue.batches.retain(|batch| !batch.outputs.is_empty());
            queue.bytes = queue.batches.iter().map(Batch::size).sum();
        }
    }
}

impl Batch {
    fn size(&self) -> usize {
        self.outputs.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

impl Queue {
    fn send(&mut self, log: &dyn Log, partition: Partition, inbox: &Arc<Inbox>) -> Result<(), String> {
        if self.broken {
            return Ok(());
        }
        let to = TopicPartition::new(self.topic, partition);
        for batch in self.batches.iter_mut().filter(|batch| !batch.sent) {
            let (topic, number) = (self.topic, batch.number);
            let done = inbox.done(move |result| Ack::Outputs(topic, number, result));
            let records = batch.outputs.iter().map(|(_, bytes)| bytes.clone()).collect();
            match log.append(to, records, done) {
                Ok(()) => batch.sent = true,
                // There is a later turn; the order is kept by waiting with all that is behind.
                Err(AppendError::Busy | AppendError::Full) => return Ok(()),
                Err(error @ (AppendError::TooLarge | AppendError::Closed(_))) => {
                    return Err(error.to_string());
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, number: u64, result: Result<Appended, AppendError>) -> Result<(), String> {
        match result {
            Ok(appended) if !self.broken => {
                if self.batches.front().is_some_and(|batch| batch.number == number)
                    && let Some(batch) = self.batches.pop_front()
                    && let Some((output, _)) = batch.outputs.last()
                {
                    self.bytes -= batch.size();
                    self.landed = Some(Landed { output: *output, at: appended.last });
                }
            }
            Ok(_) | Err(AppendError::Busy | AppendError::Full) => {
                self.broken |= result.is_err();
                if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
                    batch.sent = false;
                }
            }
            Err(error @ (AppendError::TooLarge | AppendError::Closed(_))) => return Err(error.to_string()),
        }
        if self.broken && self.batches.iter().all(|batch| !batch.sent) {
            self.broken = false;
        }
        Ok(())
    }
}
