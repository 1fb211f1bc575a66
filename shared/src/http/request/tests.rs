use std::collections::HashMap;

use super::*;
use crate::clock::Clock;

fn request(event: ApiGatewayV2httpRequest) -> Request {
    Request::new(event, Deadline::new(&Clock::System, 0))
}

fn event(path: &str) -> ApiGatewayV2httpRequest {
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_path = Some(path.to_owned());
    event.request_context.http.method = Method::DELETE;
    event
}

/// Returns an event as `cargo lambda watch` makes it, which has no routes but `$default`.
fn default_route(path: &str, parameters: &[(&str, &str)]) -> ApiGatewayV2httpRequest {
    let mut event = event(path);
    event.request_context.route_key = Some("$default".to_owned());
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    event.path_parameters = parameters.iter().map(owned).collect();
    event
}

#[test]
fn the_route_key_is_the_one_that_api_gateway_chose() {
    let mut event = event("/api/auth/sessions/7");
    event.path_parameters = HashMap::from([("id".to_owned(), "7".to_owned())]);
    event.request_context.route_key = Some("DELETE /api/auth/sessions/{session}".to_owned());
    event.route_key = Some("$default".to_owned());
    assert_eq!(request(event.clone()).route_key(), "DELETE /api/auth/sessions/{session}");
    event.request_context.route_key = None;
    event.route_key = Some("DELETE /api/auth/sessions/{other}".to_owned());
    assert_eq!(request(event).route_key(), "DELETE /api/auth/sessions/{other}");
}

#[test]
fn the_key_of_the_default_route_is_the_method_and_the_path_with_the_names_of_its_parameters() {
    for (path, parameters, key) in [
        ("/health", &[][..], "DELETE /health"),
        ("/api/auth/sessions/7", &[("id", "7")], "DELETE /api/auth/sessions/{id}"),
        ("/users/1/sessions/7", &[("user", "1"), ("id", "7")], "DELETE /users/{user}/sessions/{id}"),
        ("/api/auth/sessions/sessions", &[("id", "sessions")], "DELETE /api/auth/sessions/{id}"),
        ("/api/auth/sessions/api", &[("id", "api")], "DELETE /api/auth/sessions/{id}"),
        ("/api/auth/sessions/7", &[("id", "8")], "DELETE /api/auth/sessions/7"),
        ("", &[("id", "")], "DELETE {id}"),
    ] {
        assert_eq!(request(default_route(path, parameters)).route_key(), key);
    }
}

#[test]
fn without_a_route_key_the_route_is_the_default_one() {
    let mut event = event("/api/auth/sessions/7");
    assert_eq!(request(event.clone()).route_key(), "DELETE /api/auth/sessions/7");
    event.path_parameters = HashMap::from([("id".to_owned(), "7".to_owned())]);
    assert_eq!(request(event.clone()).route_key(), "DELETE /api/auth/sessions/{id}");
    event.raw_path = None;
    assert_eq!(request(event).route_key(), "DELETE ");
}

#[test]
fn path_parameters_are_found_by_name() {
    let found = request(default_route("/api/auth/sessions/7", &[("id", "7")]));
    assert_eq!((found.path_parameter("id"), found.path_parameter("ID")), (Some("7"), None));
    assert_eq!(request(event("/api/auth/sessions/7")).path_parameter("id"), None);
}

#[test]
fn the_debug_output_of_a_request_has_no_headers_and_no_body() {
    let mut event = event("/api/auth/login");
    event.headers.insert(AUTHORIZATION, "canary".parse().unwrap());
    event.body = Some("canary".to_owned());
    assert_eq!(format!("{:?}", request(event)), "Request { path: \"/api/auth/login\", .. }");
}

#[test]
fn a_base64_text_is_decoded_only_if_the_result_can_fit() {
    let body = |length: usize| decode(STANDARD.encode(vec![b'x'; length]), true).map(|body| body.len());
    assert!(matches!(body(MAX_BODY), Ok(MAX_BODY)));
    assert!(matches!(body(MAX_BODY + 1), Err(BodyError::TooLarge)));
    let longest = STANDARD.encode([b'x'; MAX_BODY]).len();
    assert!(matches!(decode("!".repeat(longest), true), Err(BodyError::NotBase64)));
    assert!(matches!(decode("!".repeat(longest + 1), true), Err(BodyError::TooLarge)));
}

#[test]
fn only_json_in_utf_8_is_accepted() {
    for accepted in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/ld+json",
    ] {
        assert!(is_json(accepted), "{accepted}");
    }
    for refused in [
        "",
        "text/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "application/jsonp",
    ] {
        assert!(!is_json(refused), "{refused}");
    }
}

#[test]
fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
    let network = |address: &str| {
        let mut event = event("/");
        event.request_context.http.source_ip = Some(address.to_owned());
        request(event).network()
    };
    assert_eq!(network("192.0.2.7").as_deref(), Some("192.0.2.7"));
    assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
    assert_eq!(network("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
    assert_eq!(network("nonsense"), None);
}
