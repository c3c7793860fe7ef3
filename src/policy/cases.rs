//! Runs cases: each request alone, as if it were the first event of its entities, unless the case sets
//! other values.

use crate::base::currency::Currency;
use crate::base::money::{AmountMap, major_text};
use crate::base::time::Ms;
use crate::domain::access::OrganizationKind;
use crate::domain::payin::PayinRequest;
use crate::domain::settings::{Parameter, ScoringSettings};
use crate::policy::catalogue::Catalogue;
use crate::policy::diagnostic::Faults;
use crate::policy::inputs::Inputs;
use crate::policy::pack::{Case, Expectation, Preset};
use crate::policy::policy::Policy;
use crate::policy::velocity::{Aggregate, Velocity};
use crate::policy::verdict::Verdict;
use crate::wire::assess;

/// When a case happens whose request does not say so: 2026-01-01T12:00:00Z.
const NOON: Ms = Ms(1_767_268_800_000);

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// Whether all that was expected was found.
    pub passed: bool,
    /// What was expected; absent members were not compared.
    pub expected: Expectation,
    /// What was found, every member given; or why the request could not be read.
    pub found: Result<Expectation, String>,
}

impl Catalogue {
    /// Runs `cases` under `policy`, which was compiled from this catalogue, for a merchant under `settings`.
    #[must_use]
    pub fn run_cases(&self, policy: &Policy, cases: &[Case], settings: &ScoringSettings) -> Vec<CaseResult> {
        let run = |case: &Case| {
            let found = match assess::read(case.request.as_bytes()) {
                Ok(request) => Ok(self.run(policy, case, &request, settings)),
                Err(faults) => {
                    let told = faults.iter().map(|fault| format!("{}: {}", fault.field, fault.message));
                    Err(told.collect::<Vec<_>>().join("; "))
                }
            };
            let passed = found.as_ref().is_ok_and(|found| case.expect.is_met_by(found));
            CaseResult { name: case.name.clone(), passed, expected: case.expect.clone(), found }
        };
        cases.iter().map(run).collect()
    }

    fn run(
        &self,
        policy: &Policy,
        case: &Case,
        request: &PayinRequest,
        settings: &ScoringSettings,
    ) -> Expectation {
        let preset = |velocity: &Velocity| {
            let set = case.features.iter().find(|set| set.preset == Preset::Velocity(*velocity));
            set.map_or_else(|| self.first(velocity, request), |set| set.value)
        };
        let computed: Vec<_> = policy.computed().iter().map(preset).collect();
        let event_time = request.occurred_at.unwrap_or(NOON);
        let verdict = policy.decide(&Inputs {
            request,
            event_time,
            now: event_time,
            computed: &computed,
            hits: &[],
            organization: OrganizationKind::Comercio,
            precheck: false,
            simulation: false,
            settings: &self.preset_settings(case, request.currency, settings),
        });
        found(policy, &verdict)
    }

    /// The value at the first event of an entity.
    fn first(&self, velocity: &Velocity, request: &PayinRequest) -> Option<i64> {
        if !self.pipeline.forms(request, velocity.entity) {
            return None;
        }
        match velocity.aggregate {
            Aggregate::Count | Aggregate::Distinct(_) => Some(1),
            Aggregate::Sum | Aggregate::Average | Aggregate::Min | Aggregate::Max => Some(request.amount),
            Aggregate::CountApproved
            | Aggregate::CountDeclined
            | Aggregate::CountFailed
            | Aggregate::FirstSeenAge => Some(0),
            Aggregate::SecondsSinceLast => None,
        }
    }

    fn preset_settings(
        &self,
        case: &Case,
        currency: Currency,
        settings: &ScoringSettings,
    ) -> ScoringSettings {
        let mut settings = settings.clone();
        for set in &case.features {
            let Preset::Setting(name) = &set.preset else { continue };
            let mut amounts = AmountMap::default();
            if let Some(value) = set.value {
                // A text made from minor units of the currency is an amount of it, or the preset is refused
                // as out of range and stays absent.
                amounts.put(currency.code(), &major_text(value, currency)).unwrap_or_default();
            }
            match (name.as_str(), set.value) {
                ("amount_max", _) => settings.amount_max = amounts,
                ("amount_min", _) => settings.amount_min = amounts,
                (name, value) => {
                    let default = self.pipeline.parameters.iter().find(|(known, _)| known == name);
                    let parameter = match (default, value) {
                        (Some((_, Parameter::Int(_))), Some(value)) => Parameter::Int(value),
                        (Some((_, Parameter::Amounts(_))), _) => Parameter::Amounts(amounts),
                        _ => continue,
                    };
                    settings.parameters.insert(name.to_owned(), parameter);
                }
            }
        }
        settings
    }

    /// What no rule reads cannot be set: it is a slip of the pen. Where it is `unsure` what the rules read,
    /// nothing is said of that.
    pub(super) fn check_cases(&self, policy: &Policy, cases: &[Case], unsure: bool, faults: &mut Faults) {
        for set in cases.iter().flat_map(|case| &case.features) {
            match &set.preset {
                Preset::Velocity(velocity) if !unsure && !policy.computed().contains(velocity) => {
                    faults.add(set.at, "reference", format!("no rule reads `{velocity}`"));
                }
                Preset::Setting(name)
                    if !matches!(name.as_str(), "amount_max" | "amount_min")
                        && !self.pipeline.parameters.iter().any(|(known, _)| known == name) =>
                {
                    faults.add(set.at, "reference", "there is no such setting");
                }
                Preset::Velocity(_) | Preset::Setting(_) => {}
            }
        }
    }
}

fn found(policy: &Policy, verdict: &Verdict) -> Expectation {
    let codes = verdict.fired.iter().filter_map(|fired| policy.code(fired.signal));
    let mut signals: Vec<String> = codes.map(str::to_owned).collect();
    signals.sort_unstable();
    let rules = verdict.matched.iter().filter_map(|matched| policy.rule(matched.rule));
    let mut rules: Vec<String> = rules.map(|rule| rule.id.clone()).collect();
    rules.sort_unstable();
    Expectation {
        decision: Some(verdict.decision),
        risk_score: Some(i64::from(verdict.risk_score)),
        signals: Some(signals),
        rules: Some(rules),
        blocked_by: Some(verdict.blocked_by.map(|reason| policy.blocked_by(reason).into_owned())),
    }
}

impl Expectation {
    /// Whether every member that is given is so in `found`.
    fn is_met_by(&self, found: &Expectation) -> bool {
        fn met<T: PartialEq>(expected: &Option<T>, found: &Option<T>) -> bool {
            expected.is_none() || expected == found
        }
        met(&self.decision, &found.decision)
            && met(&self.risk_score, &found.risk_score)
            && met(&self.signals, &found.signals)
            && met(&self.rules, &found.rules)
            && met(&self.blocked_by, &found.blocked_by)
    }
}
