//! `--for-docker`: the doubles at an address that containers reach.

use serde_json::Value;

use super::{Local, send};

#[cfg(target_os = "linux")]
#[test]
fn containers_reach_the_doubles_at_the_address_that_is_named_and_nothing_else() {
    // FLT-06; 127.0.0.2 is this machine's as the address of Docker's bridge is, and nothing listens there otherwise
    let folder = tempfile::tempdir().unwrap();
    let (env, json) = (folder.path().join("env"), folder.path().join("env.json"));
    let files = ["--env-file", env.to_str().unwrap(), "--env-file", json.to_str().unwrap()];
    let local =
        Local::with(&[&["--docker-address", "127.0.0.2"], &files[..]].concat(), &[("SERVICE_NAME", "It's \"R&D\"")]);

    let settings: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let settings = &settings["Parameters"];
    let endpoint = settings["AWS_ENDPOINT_URL"].as_str().unwrap();
    let port = endpoint.strip_prefix("http://host.docker.internal:").unwrap();
    assert_eq!(settings["SERVICE_NAME"], "It's \"R&D\"");
    assert!(settings["MAIL_QUEUE_URL"].as_str().unwrap().starts_with(endpoint));
    assert!(!settings.to_string().contains("http://127.0.0.1"), "{settings}");
    assert!(local.greeting.contains(endpoint) && local.greeting.contains("Warning: "), "{}", local.greeting);
    let lines = std::fs::read_to_string(&env).unwrap();
    assert!(lines.contains("AWS_ENDPOINT_URL='http://127.0.0.1:") && !lines.contains("docker"), "{lines}");

    let address = format!("127.0.0.2:{port}");
    let quota = |host: &str| {
        let signed = "Authorization: AWS4-HMAC-SHA256";
        let answer = send(&address, "POST", "/", &[host, signed], "Action=GetSendQuota&Version=2010-12-01");
        (answer.status, answer.body)
    };
    local.register("ada@example.com");
    let (status, body) = quota(&format!("Host: host.docker.internal:{port}"));
    assert!(status == 200 && body.contains("<SentLast24Hours>1.0<"), "{status} {body}");
    assert_eq!(quota(&format!("Host: {address}")).0, 200);
    assert_eq!(quota("Host: evil.example").0, 421);

    let api = format!("127.0.0.2:{}", local.address.rsplit(':').next().unwrap());
    assert!(std::net::TcpStream::connect(api).is_err(), "the API stays on loopback");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_but_loopback_is_listened_on_without_the_option() {
    // FLT-06
    let local = Local::start();
    assert!(!local.greeting.contains("Warning"), "{}", local.greeting);
    let doubles = local.greeting.lines().find(|line| line.contains("AWS doubles")).unwrap();
    let port = doubles.rsplit(':').next().unwrap();
    assert!(std::net::TcpStream::connect(format!("127.0.0.2:{port}")).is_err());
}

#[test]
fn an_address_that_is_not_this_machines_is_named() {
    // FLT-05; 192.0.2.1 is in TEST-NET-1, which no machine has
    let output = super::command(&["--docker-address", "192.0.2.1"], &[]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("latchkey: the AWS doubles cannot listen on 192.0.2.1: "), "{error}");
}

#[test]
fn the_gateway_is_the_one_that_docker_names_or_the_first_address_of_its_network() {
    // FLT-06
    for (network, expected) in [
        ("172.17.0.1 172.17.0.0/16 ", Some("172.17.0.1")),
        (" 172.17.0.0/16 ", Some("172.17.0.1")),
        ("10.1.0.7 10.1.0.0/24 ", Some("10.1.0.7")),
        ("fd00::1 fd00::/64 172.18.0.1 172.18.0.0/16 ", Some("172.18.0.1")),
        (" fd00::/64  172.18.0.0/16 ", Some("172.18.0.1")),
        (" ", None),
    ] {
        assert_eq!(tests::local::gateway(network), expected.map(|address| address.parse().unwrap()), "{network}");
    }
}
