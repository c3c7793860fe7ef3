//! The host a request is for: what HTTP/1.1 asks of it, and its name.

use crate::domain::fault::{FieldCode, FieldFault, Refusal};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Uri, Version};

/// Refuses what RFC 9112, section 3.2, has refused: HTTP/1.1 without one valid `Host`.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let fault = |code, message| Err(Refusal::invalid(vec![FieldFault::new("#Host", code, message)]));
    let mut given = request.headers().get_all(HOST).iter();
    match (given.next(), given.next()) {
        (None, _) if request.version() == Version::HTTP_11 => fault(FieldCode::Required, "is required"),
        (Some(_), Some(_)) => fault(FieldCode::Duplicate, "must be given once"),
        // Empty where the target has no authority.
        (Some(value), None) if !value.is_empty() && authority(value).is_none() => {
            fault(FieldCode::Format, "must be a host name, with or without a port")
        }
        (Some(_), None) | (None, _) => Ok(()),
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    let authority = Authority::try_from(value.as_bytes()).ok()?;
    // What is before the host would be a user, what is behind it a port.
    let port = authority.as_str().strip_prefix(authority.host())?;
    let valid = matches!(port, "" | ":") || authority.port_u16().is_some();
    valid.then_some(authority)
}

/// The name of the host, without a port: the target's if it names one, as RFC 9112 has it, else `Host`.
pub(super) fn name(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let of_target = uri.host().map(str::to_owned);
    of_target.or_else(|| Some(authority(headers.get(HOST)?)?.host().to_owned()))
}

/// Whether `name` is one of `hosts`, which are in lower case. A final dot only says that a name is whole.
pub(super) fn is_among(name: &str, hosts: &[String]) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        *request.uri_mut() = target.parse().unwrap();
        for host in hosts {
            request.headers_mut().append(HOST, HeaderValue::from_str(host).unwrap());
        }
        request
    }

    #[test]
    fn http_1_1_has_one_host() {
        let code = |version, hosts: &[&str]| {
            let refusal = check(&request(version, "/", hosts)).err()?;
            let crate::domain::fault::Details::Fields(fields) = refusal.details else { return None };
            Some(fields[0].code.text())
        };
        let check =
            |hosts: &[&str], expected| assert_eq!(code(Version::HTTP_11, hosts), expected, "{hosts:?}");
        check(&[], Some("required"));
        check(&["a.example", "a.example"], Some("duplicate"));
        for bad in ["a b", "user@a.example", "a.example/x", "http://a.example", "a.example:port"] {
            check(&[bad], Some("format"));
        }
        for good in ["", "a.example", "a.example:8080", "127.0.0.1", "[::1]:8080", "x"] {
            check(&[good], None);
        }
        assert_eq!(code(Version::HTTP_10, &[]), None);
        assert_eq!(code(Version::HTTP_2, &[]), None);
    }

    #[test]
    fn the_target_goes_before_the_header_and_the_port_is_none_of_the_name() {
        for (target, hosts, name) in [
            ("/", &["A.Example:8080"][..], Some("A.Example")),
            ("/", &["[::1]:8080"], Some("[::1]")),
            ("http://b.example:1/", &["a.example"], Some("b.example")),
            ("/", &[""], None),
            ("/", &[], None),
        ] {
            let request = request(Version::HTTP_11, target, hosts);
            assert_eq!(super::name(request.uri(), request.headers()).as_deref(), name, "{target} {hosts:?}");
        }
        let hosts = ["a.example".to_owned(), "[::1]".to_owned()];
        assert!(is_among("A.Example", &hosts) && is_among("a.example.", &hosts) && is_among("[::1]", &hosts));
        assert!(!is_among("b.a.example", &hosts) && !is_among("a.example.evil", &hosts));
    }
}
