//! Packs that organizations publish: one reads windows that nothing read before, one has rules, and some
//! are refused.

/// Signals over windows of their own, which must have their history at once.
pub(in crate::sim) const WINDOWS: &str = r#"pack: sim-windows
flow: payin
extends: clausum/payin
signals:
  - {code: email_2h, weight: 9, when: 'velocity.email.count_2h >= 3', description: '{velocity.email.count_2h} in two hours'}
  - {code: payer_sum, weight: 11, when: 'velocity.payer.sum_30m > 50000', description: '{velocity.payer.sum_30m} in half an hour'}
  - {code: device_declined, weight: 13, when: 'velocity.device.count_declined_6h >= 1', description: '{velocity.device.count_declined_6h} declined'}
  - {code: card_rest, weight: -5, when: 'velocity.card.seconds_since_last > 60', description: 'last seen {velocity.card.seconds_since_last} s ago'}
  - {code: ip_mean, weight: 3, when: 'velocity.ip.avg_3h > 20000', description: 'mean {velocity.ip.avg_3h}'}
  - {code: ip_month, weight: 2, when: 'velocity.ip.count_30d > 40', description: '{velocity.ip.count_30d} in a month'}
"#;

/// Rules of every kind, and another weight for a shipped signal.
pub(in crate::sim) const RULES: &str = r#"pack: sim-rules
flow: payin
extends: clausum/payin
lists: {vip: [cus_1, cus_2]}
signals:
  - {code: card_velocity, weight: 40}
  - {code: large, weight: 12, when: 'amount > 200000', description: {en: Large, es: Grande}}
rules:
  - {id: vip_pass, name: VIP customers, priority: 10, when: customer_id in lists.vip, action: approve}
  - {id: round_block, name: Round sum, priority: 20, when: amount == 66600, action: block}
  - {id: us_cards, name: Foreign cards, when: 'payment_method.card_country == "US"', score: 15, action: challenge}
  - {id: calm, name: Calm device, when: 'velocity.device.count_45m == 1', score: -10}
"#;

/// Reads a field that does not exist.
pub(in crate::sim) const BROKEN: &str = r#"pack: sim-broken
flow: payin
extends: clausum/payin
signals:
  - {code: nonsense, weight: 1, when: 'velocity.shoe.count_1h > 1', description: none}
"#;
