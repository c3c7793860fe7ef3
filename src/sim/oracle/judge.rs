//! Holds what lands against what is owed.

use super::model::{Model, Owed};
use super::record::Plain;
use crate::base::position::Topic;
use crate::log::Stored;
use crate::shard::effects::Reply;
use crate::sim::invariant::{Breach, Invariant, ensure};
use crate::wire::chain::Link;
use crate::wire::record::Content;

impl Model {
    /// Judges an output that landed; tells its link and whether it is the first of its kind to land.
    pub(in crate::sim) fn judge(&mut self, topic: Topic, record: &Stored) -> Result<(Link, bool), Breach> {
        let partition = self.partition;
        let at = || format!("{topic}-{partition} at {}", record.offset);
        let link = Content::read(&record.content).ok().and_then(|content| Link::read(&content));
        let plain = Plain::read(&record.content);
        let Some((link, plain)) = link.zip(plain) else {
            return Err(Breach::of(Invariant::OutputOwed, format!("{}: no link", at())));
        };
        let place = self.places.get(&(topic, link.output)).copied();
        let Some(place) = place else {
            let text = format!("{}: nothing owes {}", at(), link.output);
            return Err(Breach::of(Invariant::OutputOwed, text));
        };
        self.check_epoch(topic, &link, &plain)?;
        let Some(owed) = self.owed.get(place) else {
            return Err(Breach::of(Invariant::Harness, "an output without a place"));
        };
        ensure(link.prev == owed.prev, Invariant::OutputChain, || {
            let due = owed.prev.map_or("-".to_owned(), |prev| prev.to_string());
            format!("{}: {} names {} as the one before it, not {due}", at(), link.output, link.prev_text())
        })?;
        let plain = plain.but_epoch();
        if let Some(first) = &owed.landed {
            ensure(*first == plain, Invariant::OutputRepeats, || {
                format!("{}: {} differs from what landed first", at(), link.output)
            })?;
            return Ok((link, false));
        }
        self.compare(place, &plain).map_err(|breach| Breach {
            text: format!("{}: {}: {}", at(), link.output, breach.text),
            ..breach
        })?;
        if let Some(owed) = self.owed.get_mut(place) {
            owed.landed = Some(plain);
        }
        Ok((link, true))
    }

    /// A writer may have decided a request only if nobody else announced themselves between its own
    /// announcement and that request.
    fn check_epoch(&self, topic: Topic, link: &Link, plain: &Plain) -> Result<(), Breach> {
        let breach = |text: String| Breach::of(Invariant::OutputEpoch, text);
        let epoch = plain.header("clausum-epoch").and_then(|text| text.parse::<u64>().ok());
        let epoch = epoch.ok_or_else(|| breach(format!("{topic} {}: no epoch", link.output)))?;
        let own = self.announced.iter().find(|announced| announced.0 == epoch);
        let own = own.ok_or_else(|| breach(format!("{topic} {}: nobody announced {epoch}", link.output)))?;
        let between = |at: u64| epoch < at && at < link.output.offset.0;
        let foreign = self.announced.iter().find(|(at, nonce)| between(*at) && *nonce != own.1);
        match foreign {
            None => Ok(()),
            Some((at, _)) => Err(breach(format!(
                "{topic} {}: written under epoch {epoch}, though another announced itself at {at}",
                link.output
            ))),
        }
    }

    /// Judges an answer to a waiting caller.
    pub(in crate::sim) fn judge_reply(&self, reply: &Reply) -> Result<(), Breach> {
        let offset = reply.position.offset;
        let breach = |text: &str| Breach::of(Invariant::Reply, format!("{}: {text}", reply.position));
        let Some(letter) = self.requests.get(&offset.0) else {
            return Err(breach("the request is not durable"));
        };
        if letter.as_ref().is_none_or(|letter| letter.id != reply.id) {
            return Err(breach("the reply names another request"));
        }
        let owed =
            self.owed.iter().find(|owed| owed.topic == Topic::Decisions && owed.output.offset == offset);
        let said = owed.map_or((200, false), Owed::status);
        ensure(said == (reply.status, reply.replayed), Invariant::Reply, || {
            format!("{}: status {} instead of {said:?}", reply.position, reply.status)
        })
    }

    /// The first output that never landed.
    pub(in crate::sim) fn missing(&self) -> Option<String> {
        let missing = self.owed.iter().find(|owed| owed.landed.is_none())?;
        Some(format!("{}-{} lacks {}", missing.topic, self.partition, missing.output))
    }
}
