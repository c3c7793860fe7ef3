//! From packs to a policy: names to slots, expressions to programs, shipped and own signals to one list.

use crate::base::collections::Map;
use crate::expr::{Fault, Predicate, Template, check_condition};
use crate::policy::catalogue::Catalogue;
use crate::policy::diagnostic::{Diagnostic, Faults, Place};
use crate::policy::field::Field;
use crate::policy::lists::List;
use crate::policy::names::{Names, Purpose};
use crate::policy::pack::{Description, Pack, PackRule, PackSignal, Written};
use crate::policy::policy::Policy;
use crate::policy::signal::{Rule, Signal, Texts, is_limit};
use crate::policy::velocity::Velocity;
use std::sync::Arc;

/// What turns the texts of one pack into programs.
pub(super) struct Compiler<'p> {
    pub(super) names: Names<'p>,
    pub(super) faults: Faults,
    /// A text with a fault may be meant to read a window that nothing else reads.
    unsure: bool,
}

/// What became of a pack: a policy of all that has no fault, and every fault.
pub(super) struct Built {
    pub(super) policy: Policy,
    pub(super) faults: Faults,
    /// Whether the windows that the policy reads are perhaps not all that the pack means to read.
    pub(super) unsure: bool,
}

impl<'p> Compiler<'p> {
    pub(super) const fn new(names: Names<'p>, faults: Faults) -> Self {
        Self { names, faults, unsure: false }
    }
}

impl Compiler<'_> {
    fn condition(&mut self, when: &Written) -> Option<(Predicate, u32)> {
        self.names.purpose = Purpose::Condition;
        match check_condition(&when.text, &mut self.names) {
            Ok(condition) => Some((condition.compile(), condition.checked().cost())),
            Err(found) => {
                self.tell(when, &found);
                None
            }
        }
    }

    fn template(&mut self, text: &Written) -> Option<Template> {
        self.names.purpose = Purpose::Description;
        Template::parse(&text.text, &mut self.names).map_err(|found| self.tell(text, &found)).ok()
    }

    /// A language that is not given is the other one.
    fn description(&mut self, description: &Description) -> Option<Texts> {
        let en = description.en.as_ref().map(|text| self.template(text));
        let es = description.es.as_ref().map(|text| self.template(text));
        match (en, es) {
            (Some(en), Some(es)) => Some(Texts { en: en?, es: es? }),
            (Some(only), None) | (None, Some(only)) => {
                let only = only?;
                Some(Texts { en: only.clone(), es: only })
            }
            (None, None) => None,
        }
    }

    /// Tells faults of a text at their places in the document.
    fn tell(&mut self, written: &Written, found: &[Fault]) {
        self.unsure |= written.text.contains("velocity");
        for fault in found {
            let (line, column) = (fault.span.line, fault.span.column);
            match written.node.place_of(line, column) {
                Some(at) => self.faults.add(at, fault.code.as_str(), fault.message.clone()),
                None => {
                    let message = format!("{} (line {line}, column {column} of the text)", fault.message);
                    self.faults.add(written.node.at, fault.code.as_str(), message);
                }
            }
        }
    }

    /// A signal that replaces what it gives of `known`.
    fn signal(&mut self, signal: &PackSignal, known: Option<&Signal>) -> Option<Signal> {
        self.faults.subject = subject(&signal.code);
        if known.is_some()
            && is_limit(&signal.code)
            && let Some(when) = &signal.when
        {
            self.faults.add(when.node.at, "reserved", "the condition of a limit cannot be replaced");
        }
        let missing = [
            ("weight", signal.weight.is_none()),
            ("when", signal.when.is_none()),
            ("description", signal.description.is_none()),
        ];
        if known.is_none() && !signal.code.is_empty() {
            for (name, _) in missing.iter().filter(|(_, missing)| *missing) {
                self.faults.add(signal.at, "required", format!("`{name}` is missing"));
            }
        }
        self.unsure |= known.is_none() && signal.when.is_none();
        let condition = match &signal.when {
            Some(when) => self.condition(when),
            None => known.map(|known| (known.condition.clone(), known.cost)),
        };
        let description = match &signal.description {
            Some(description) => self.description(description),
            None => known.map(|known| known.description.clone()),
        };
        self.faults.subject = None;
        let (condition, cost) = condition?;
        let weight = signal.weight.or_else(|| known.map(|known| known.weight))?;
        Some(Signal { code: signal.code.clone(), weight, condition, description: description?, cost })
    }

    fn rule(&mut self, rule: &PackRule) -> Option<Rule> {
        self.faults.subject = subject(&rule.id);
        self.unsure |= rule.when.is_none();
        let compiled = rule.when.as_ref().and_then(|when| self.condition(when));
        self.faults.subject = None;
        let (condition, cost) = compiled?;
        Some(Rule {
            id: rule.id.clone(),
            name: rule.name.clone(),
            score: rule.score,
            action: rule.action,
            priority: rule.priority,
            notify: rule.notify,
            expires_at: rule.expires_at,
            overrides: rule.overrides,
            enabled: rule.enabled,
            condition,
            cost,
        })
    }
}

/// What has a fault in its id has none to be named by.
fn subject(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

/// The signals of `base`, in their order and with their replacements, then the new ones in theirs.
pub(super) fn merge_signals(
    base: &[Arc<Signal>],
    own: &[PackSignal],
    compiler: &mut Compiler<'_>,
) -> Vec<Arc<Signal>> {
    let mut signals = base.to_vec();
    let places: Map<&str, usize> =
        base.iter().enumerate().map(|(place, signal)| (signal.code.as_str(), place)).collect();
    for signal in own {
        let place = places.get(signal.code.as_str()).copied();
        let known = place.and_then(|place| base.get(place));
        let Some(compiled) = compiler.signal(signal, known.map(AsRef::as_ref)) else { continue };
        match place.and_then(|place| signals.get_mut(place)) {
            Some(replaced) => *replaced = Arc::new(compiled),
            None => signals.push(Arc::new(compiled)),
        }
    }
    signals
}

impl Catalogue {
    /// The policy of the shipped pack, with `own` on top of it.
    ///
    /// # Errors
    /// Every fault found; a pack that [`Catalogue::check`] of the same build gave has none.
    pub fn compile(&self, own: Option<&Pack>) -> Result<Policy, Vec<Diagnostic>> {
        match own {
            Some(pack) => {
                let Built { policy, faults, .. } = self.build(pack, Faults::default());
                faults.none_or_sorted().map(|()| policy)
            }
            None => {
                let lists = self.lists.iter().map(|(_, list)| Arc::clone(list)).collect();
                Ok(self.policy(lists, self.signals.clone(), Vec::new(), self.computed.clone()))
            }
        }
    }

    /// Compiles `pack`, telling its faults together with those found before.
    pub(super) fn build(&self, pack: &Pack, faults: Faults) -> Built {
        let mut names: Vec<String> = self.lists.iter().map(|(name, _)| name.clone()).collect();
        let mut lists: Vec<Arc<List>> = self.lists.iter().map(|(_, list)| Arc::clone(list)).collect();
        for own in &pack.lists {
            let list = Arc::new(List::of(own.entries.iter().map(String::as_str)));
            // Risk lists are data with defaults: one of the same name takes the place of the shipped one.
            match names.iter().position(|name| *name == own.name).and_then(|place| lists.get_mut(place)) {
                Some(shipped) => *shipped = list,
                None => {
                    names.push(own.name.clone());
                    lists.push(list);
                }
            }
        }
        let names = Names::new(&self.pipeline, names, self.computed.clone());
        let mut compiler = Compiler::new(names, faults);
        let signals = merge_signals(&self.signals, &pack.signals, &mut compiler);
        let mut rules: Vec<Rule> = pack.rules.iter().filter_map(|rule| compiler.rule(rule)).collect();
        rules.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        let Compiler { names, mut faults, unsure } = compiler;
        if pack.flow != self.pipeline.flow {
            faults.add(Place::START, "reference", format!("the pack is not for `{}`", self.pipeline.flow));
        }
        let policy = self.policy(lists, signals, rules, names.computed);
        Built { policy: Policy { own_sha256: Some(pack.sha256), ..policy }, faults, unsure }
    }

    fn policy(
        &self,
        lists: Vec<Arc<List>>,
        signals: Vec<Arc<Signal>>,
        rules: Vec<Rule>,
        computed: Vec<Velocity>,
    ) -> Policy {
        let conditions = signals.iter().map(|signal| &signal.condition);
        let mut conditions = conditions.chain(rules.iter().map(|rule| &rule.condition));
        let reads_ip = conditions.any(|condition| condition.program().slots().contains(&(Field::Ip as u32)));
        let longest = |kind| {
            let windows = computed.iter().filter(|velocity| velocity.entity == kind);
            windows.filter_map(|velocity| velocity.window).max()
        };
        let kept = self.pipeline.retention();
        let kept = kept.map(|(kind, kept)| (kind, longest(kind).map_or(kept, |most| most.max(kept)).ms()));
        Policy {
            kept: kept.collect(),
            shipped_sha256: self.sha256,
            own_sha256: None,
            parameters: self.pipeline.parameters.clone(),
            lists,
            signals,
            rules,
            computed,
            reads_ip,
        }
    }
}
