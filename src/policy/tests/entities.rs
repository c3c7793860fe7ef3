//! Which members form an entity: the contract's section 8.2.

use super::sample::{bare, catalogue, email, full};
use crate::base::hash::EntityKey;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::payin::PayinRequest;

fn entities(request: &PayinRequest) -> Vec<Entity> {
    let mut found = Vec::new();
    let pipeline = catalogue().pipeline;
    pipeline.entities(request, &EntityKey::from_bytes([7; 32]), &mut found);
    for kind in EntityKind::ALL {
        assert_eq!(pipeline.forms(request, kind), found.iter().any(|entity| entity.kind == kind), "{kind}");
    }
    found
}

fn of(kind: EntityKind, change: impl FnOnce(&mut PayinRequest)) -> Option<Entity> {
    let mut request = bare();
    change(&mut request);
    entities(&request).into_iter().find(|entity| entity.kind == kind)
}

fn kinds(request: &PayinRequest) -> String {
    entities(request).iter().map(|entity| entity.kind.text()).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_given_forms_its_entities() {
    assert_eq!(kinds(&full()), "payer email phone customer device ip card");
    assert_eq!(kinds(&bare()), "");
    assert_eq!(kinds(&PayinRequest { email: email("nobody"), ..bare() }), "");
    assert_eq!(kinds(&PayinRequest { customer_id: Some("c".to_owned()), ..bare() }), "payer customer");
    let mut request = bare();
    request.payment_method.card_bin = Some("411111".to_owned());
    assert_eq!(kinds(&request), "");
    request.payment_method.card_last4 = Some("1111".to_owned());
    assert_eq!(kinds(&request), "payer card");
    request.phone = Some(crate::domain::payin::Phone { text: "12".to_owned(), valid: false });
    assert_eq!(kinds(&request), "payer card");
}

#[test]
fn the_payer_is_the_first_that_is_given() {
    let payer = |change: fn(&mut PayinRequest)| of(EntityKind::Payer, change).unwrap();
    let by_email = payer(|request| request.email = email("ana@example.com"));
    let spelled = payer(|request| request.email = email("ana+shop@example.com"));
    let with_customer = payer(|request| {
        request.email = email("ana@example.com");
        request.customer_id = Some("c".to_owned());
    });
    assert_eq!(by_email, spelled);
    assert_eq!(by_email, with_customer);
    let by_customer = payer(|request| request.customer_id = Some("ana@example.com".to_owned()));
    assert_ne!(by_email, by_customer, "equal texts of different members are different payers");
    let spelling = |text: &'static str| of(EntityKind::Email, |request| request.email = email(text));
    assert_ne!(spelling("ana@example.com"), spelling("ana+shop@example.com"));
}

#[test]
fn an_ipv6_network_is_one_address() {
    let ip = |text: &str| of(EntityKind::Ip, |request| request.device.ip = Some(text.parse().unwrap()));
    assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff::9"));
    assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
    assert_ne!(ip("10.0.0.1"), ip("10.0.0.2"));
}

#[test]
fn a_card_is_its_hash_before_its_digits() {
    let card = |hash: Option<&str>, bin: &str, last4: &str| {
        of(EntityKind::Card, |request| {
            request.payment_method.card_hash = hash.map(str::to_owned);
            request.payment_method.card_bin = Some(bin.to_owned());
            request.payment_method.card_last4 = Some(last4.to_owned());
        })
    };
    assert_eq!(card(Some("h"), "411111", "1111"), card(Some("h"), "422222", "2222"));
    assert_ne!(card(None, "411111", "1111"), card(None, "4111111", "1111"));
    assert_ne!(card(None, "411111", "1111"), card(None, "411111", "1112"));
}
