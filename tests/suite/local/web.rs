//! What a browser meets: methods, names, origins.

use std::fs;
use std::path::Path;

use super::{Local, send};

#[test]
fn head_is_get_without_the_body() {
    // FLT-06
    let local = Local::start();
    local.register("ada@example.com");
    for path in [
        "/health",
        "/.well-known/jwks.json",
        "/",
        "/openapi.json",
        "/_local/mail",
        "/api/auth/me",
        "/nothing",
        "/index.css",
    ] {
        let (get, head) = (local.get(path), local.send("HEAD", path, &[], ""));
        assert!(get.status < 500 && !get.body.is_empty(), "{path}");
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "cache-control", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    let statuses = ["/api/auth/register", "/_local/rotate"].map(|path| local.send("HEAD", path, &[], "").status);
    assert_eq!(statuses, [404, 405], "what changes something takes no HEAD");
}

#[test]
fn a_star_lets_every_origin_call_the_api() {
    // FLT-05, HTP-03
    let local = Local::with(&[], &[("ALLOWED_ORIGINS", "*")]);
    let allowed = |path: &str| {
        let answer = local.send("GET", path, &["Origin: https://any.example"], "");
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("/health").as_deref(), Some("*"));
    assert_eq!(allowed("/_local/mail"), None, "the mailbox is nobody else's");
    let asks = [
        "Origin: https://any.example",
        "Access-Control-Request-Method: DELETE",
        "Access-Control-Request-Headers: authorization,idempotency-key",
    ];
    let preflight = local.send("OPTIONS", "/api/auth/sessions/1", &asks, "");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, Some("*")));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET,POST,PATCH,DELETE"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,content-type,idempotency-key"));
    assert_eq!(preflight.header("access-control-max-age"), Some("600"));
}

#[test]
fn listed_origins_may_call_the_api_and_others_may_not() {
    // FLT-05, HTP-03
    let local = Local::with(&[], &[("ALLOWED_ORIGINS", "https://app.example.com,http://localhost:5173")]);
    for (origin, is_allowed) in [
        ("https://app.example.com", true),
        ("http://localhost:5173", true),
        ("http://localhost:5174", false),
        ("https://app.example.com.evil.example", false),
        ("null", false),
    ] {
        let answer = local.send("GET", "/health", &[&format!("Origin: {origin}")], "");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, is_allowed.then_some(origin), "{origin}");
    }
}

#[test]
fn a_name_that_is_not_loopbacks_is_refused() {
    // FLT-06
    let local = Local::start();
    let port = local.address.rsplit(':').next().unwrap();
    let doubles = local.greeting.lines().find_map(|line| line.trim().strip_prefix("AWS doubles")).unwrap().trim();
    let doubles = doubles.strip_prefix("http://").unwrap();
    let secrets = |host: &str| {
        let signed = ["X-Amz-Target: secretsmanager.ListSecrets", "Authorization: AWS4-HMAC-SHA256"];
        send(doubles, "POST", "/", &[&[host], &signed[..]].concat(), "{}").status
    };
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]", "latchkey.localhost"] {
        for host in [format!("Host: {host}"), format!("Host: {host}:{port}")] {
            assert_eq!(local.send("GET", "/health", &[&host], "").status, 200, "{host}");
            assert_ne!(secrets(&host), 421, "{host}");
        }
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "192.168.1.7",
        "host.docker.internal",
        "localhost@evil.example",
        "",
        "\u{e9}",
    ] {
        let host = format!("Host: {host}");
        for path in ["/health", "/_local/mail", "/openapi.json", "/"] {
            let answer = local.send("GET", path, &[&host], "");
            assert_eq!(answer.status, 421, "{host}");
            assert!(answer.json()["message"].as_str().unwrap().contains("localhost"), "{}", answer.body);
        }
        assert_eq!(secrets(&host), 421, "{host}");
    }
    let absolute = format!("http://evil.example:{port}/health");
    assert_eq!(local.get(&absolute).status, 421);
}

#[test]
fn pages_of_other_origins_cannot_rotate_the_keys_or_read_the_mailbox() {
    // FLT-06
    let local = Local::start();
    let own = format!("Origin: http://{}", local.address);
    for (origin, statuses) in [
        (own.as_str(), [200, 200]),
        ("Origin: https://evil.example", [403, 403]),
        ("Origin: http://localhost:1", [403, 403]),
        ("Origin: null", [403, 403]),
    ] {
        let ask = |method, path| local.send(method, path, &[origin], "").status;
        assert_eq!([ask("POST", "/_local/rotate"), ask("GET", "/_local/mail")], statuses, "{origin}");
    }
}

#[test]
fn what_is_too_large_is_refused_as_by_api_gateway() {
    let local = Local::start();
    let (status, body) = local.post("/api/auth/login", &"x".repeat(10 * 1024 * 1024 + 1));
    assert_eq!((status, body["message"].as_str()), (413, Some("Request Entity Too Large")));
}

#[test]
fn operators_functions_are_invoked_by_signed_requests_and_not_by_pages_of_other_sites() {
    // ADM-01, FLT-06
    let local = Local::start();
    let path = "/2015-03-31/functions/local-admin/invocations?Qualifier=live";
    let (signed, request) = ("Authorization: AWS4-HMAC-SHA256 ...", r#"{"operation": "list"}"#);
    let answer = local.send("POST", path, &[signed], request);
    assert_eq!((answer.status, answer.json()["users"].is_array()), (200, true), "{}", answer.body);
    for headers in [&[][..], &[signed, "Origin: https://any.example"], &["Origin: https://any.example"]] {
        assert_eq!(local.send("POST", path, headers, request).status, 403, "{headers:?}");
    }
    let unknown = "/2015-03-31/functions/local-mailer/invocations?Qualifier=live";
    assert_eq!(local.send("POST", unknown, &[signed], request).status, 404);
}

#[test]
fn a_function_is_named_with_its_alias_as_the_aws_cli_does() {
    // ADM-01
    let local = Local::start();
    let invoked = |function: &str| {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        local.send("POST", &path, &["Authorization: AWS4-HMAC-SHA256 ..."], r#"{"operation": "list"}"#)
    };
    for function in ["local-admin:live", "local-admin%3Alive"] {
        let answer = invoked(function);
        assert_eq!((answer.status, answer.json()["users"].is_array()), (200, true), "{function}: {}", answer.body);
    }
    for function in ["local-admin", "local-admin:old", "local-admin%3Aold", "local-mailer:live"] {
        assert_eq!(invoked(function).status, 404, "{function}");
    }
}

#[test]
fn the_page_to_try_it_needs_nothing_but_this_server() {
    // CLI-01
    let local = Local::start();
    assert!(local.greeting.contains("/_local/app"), "{}", local.greeting);
    let page = local.get("/_local/app");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!page.body.contains("https://"), "the page names no other server");

    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/typescript");
    let mut served = 0;
    for folder in ["dist", "example"] {
        for entry in fs::read_dir(client.join(folder)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let extension = Path::new(&file).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if file == "openapi.js" || !["js", "css"].contains(&extension) {
                continue; // types alone, and the page itself
            }
            let answer = local.get(&format!("/_local/client/{folder}/{file}"));
            assert_eq!(answer.status, 200, "name {folder}/{file} in tests/src/local/app.rs");
            let content_type = if extension == "css" { "text/css" } else { "text/javascript" };
            assert!(answer.header("content-type").unwrap().starts_with(content_type), "{file}");
            assert_eq!(answer.body, fs::read_to_string(client.join(folder).join(&file)).unwrap(), "{file}");
            served += 1;
        }
    }
    assert!(served >= 14, "{served}");
    for path in ["/_local/client/package.json", "/_local/client/dist/../package.json", "/_local/client/"] {
        assert_eq!(local.get(path).status, 404, "{path}");
    }
}
