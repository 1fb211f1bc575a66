//! The sources: who may use whom, and what stands nowhere.

use super::{functions, production, read, sources};

/// Files that may have more than 300 lines, and why.
const LONG_FILES: [(&str, &str); 2] = [
    ("shared/src/config.rs", "every setting with its document and its check, in the one place that reads them"),
    ("shared/src/signing_keys/mod.rs", "a set of keys from the secret's text to each of its uses"),
];
const LONG: usize = 300;
const TOO_LONG: usize = 400;

#[test]
fn the_domain_knows_neither_aws_nor_http_nor_lambda_nor_the_layers_above_it() {
    // design, 1
    let foreign = [
        "aws_sdk",
        "aws_smithy",
        "aws_types",
        "aws_credential",
        "aws_lambda",
        "lambda_",
        "serde_dynamo",
        "tokio",
        "tracing",
    ];
    for (path, text) in production("shared/src/domain") {
        for name in foreign {
            assert!(!uses(&text, name), "{path} uses {name}: move that part out of the domain");
        }
        assert!(!uses(&text, "http::"), "{path} speaks HTTP: move that part to shared/src/http");
        let above = text.match_indices("crate::").find(|(at, _)| !text[at + 7..].starts_with("domain"));
        assert_eq!(above, None, "{path} uses a layer above the domain: hand the value in as an argument");
    }
}

#[test]
fn each_layer_uses_those_below_it() {
    // design, 1: functions -> app, http, error -> store, tokens, passwords, mail_queue, mailer -> domain
    let below = ["shared/src/tokens.rs", "shared/src/passwords.rs", "shared/src/mail_queue.rs", "shared/src/mailer.rs"];
    let files = production("shared/src");
    for (path, text) in
        files.iter().filter(|(path, _)| below.contains(&path.as_str()) || path.starts_with("shared/src/store/"))
    {
        for above in ["crate::app", "crate::http", "crate::answers"] {
            assert!(!uses(text, above), "{path} uses {above}, which is above it: hand over what it needs");
        }
    }
}

#[test]
fn no_function_depends_on_another_and_nothing_on_the_tests() {
    // design, 1
    let manifests = functions().into_iter().map(|function| format!("functions/{function}/Cargo.toml"));
    for path in manifests.chain(["shared/Cargo.toml".to_owned()]) {
        let manifest = read(&path);
        let dependencies = manifest.split_once("[dependencies]").expect("dependencies").1;
        let names: Vec<_> = dependencies.lines().filter_map(|line| line.split(['.', '=', ' ']).next()).collect();
        assert!(!names.contains(&"tests"), "{path}: nothing depends on `tests`");
        let other = functions().into_iter().find(|function| names.contains(&function.as_str()));
        assert_eq!(other, None, "{path}: move what two functions share to `shared`");
        assert!(!dependencies.contains("path ="), "{path}: dependencies come from the workspace");
    }
}

#[test]
fn expressions_stand_in_the_store_and_keys_in_one_file_of_it() {
    // design, 1 and 3
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        if !path.starts_with("shared/src/store/") {
            assert!(!text.contains("_expression("), "{path}: requests with expressions belong to shared/src/store");
        }
        if path == "shared/src/store/keys.rs" {
            continue;
        }
        for key in
            ["\"USER#", "\"SESSION#", "\"MAIL#", "\"DUE#", "\"LIMIT#", "\"IDEM#", "\"PROFILE\"", "\"KEYS\"", "\"JWKS\""]
        {
            assert!(
                !text.contains(key),
                "{path}: name the key {key} in shared/src/store/keys.rs and use it from there"
            );
        }
    }
}

#[test]
fn a_main_builds_and_starts_and_no_more() {
    // design, 1
    for function in functions() {
        let main = read(&format!("functions/{function}/src/main.rs"));
        assert!(main.lines().count() <= 12, "functions/{function}/src/main.rs: move the work to `handle` in lib.rs");
    }
}

#[test]
fn files_are_short_or_have_a_reason() {
    // style
    for folder in ["shared", "functions", "tests/src"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            let reason = LONG_FILES.iter().find(|(file, _)| *file == path);
            let most = if reason.is_some() { TOO_LONG } else { LONG };
            assert!(lines <= most, "{path} has {lines} lines: split it, or give LONG_FILES a reason (to {TOO_LONG})");
        }
    }
    for (path, _) in LONG_FILES {
        assert!(read(path).lines().count() > LONG, "{path} is short again: take it off LONG_FILES");
    }
}

#[test]
fn no_topic_of_the_tests_imports_from_another() {
    // style: `explore` is the engine of the models, and `traces` replays the refresh model's walks on the real thing
    let allowed = |topic: &str, other: &str| {
        topic == other || ["support", "explore"].contains(&other) || (topic, other) == ("traces", "model")
    };
    for (path, text) in sources("tests/suite") {
        let topic = path["tests/suite/".len()..].split(['/', '.']).next().unwrap();
        for (at, found) in text.match_indices("crate::").filter(|(at, _)| !text[..*at].ends_with('"')) {
            let other = text[at + found.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(
                allowed(topic, other),
                "{path} imports from {other}: make the helper a method of World in tests/src/world, or move it to \
                 tests/suite/support.rs"
            );
        }
    }
}

#[test]
fn every_crate_every_function_and_every_public_module_says_what_it_is() {
    // style
    let modules = read("shared/src/lib.rs");
    for line in modules.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = line.trim_end_matches(';');
        let files = [format!("shared/src/{module}.rs"), format!("shared/src/{module}/mod.rs")];
        let file = files.iter().find(|file| super::root().join(file).is_file()).expect("the module's file");
        assert!(read(file).starts_with("//! "), "{file}: begin with what the module is for");
    }
    for (path, text) in sources("functions").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//! "), "{path}: begin with what it is for");
    }
}

#[test]
fn nothing_is_left_undone_or_hoped_for() {
    // LAM-04
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        for word in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!text.contains(word), "{path}: do what {word} stands for, or leave it out");
        }
        for hope in [".unwrap()", ".expect(", "panic!(", "unreachable!("] {
            assert!(!text.contains(hope), "{path}: {hope} ends the request: return an error");
        }
        assert!(!text.contains("unsafe "), "{path}: no `unsafe`");
    }
}

#[test]
fn nothing_goes_on_after_the_answer_and_nothing_outlives_it_but_what_a_process_is_made_of() {
    // LAM-01, LAM-02: what is kept is what `App` holds, in sight
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        let text = text.replace("spawn_blocking(hash).await", ""); // the hash, which is waited for
        for name in ["spawn", "static ", "LazyLock", "OnceLock", "OnceCell", "thread_local", "std::fs", "tokio::fs"] {
            let found = text.match_indices(name).find(|(at, _)| !text[..*at].ends_with('\''));
            assert_eq!(found, None, "{path}: Lambda freezes at the answer, and thaws for somebody else");
        }
    }
}

#[test]
fn time_and_environment_are_read_in_one_place_each() {
    // LAM-03, design 1
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        let clocks = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];
        let reads_clock = clocks.iter().any(|clock| text.contains(clock));
        assert!(
            !reads_clock || path == "shared/src/clock.rs",
            "{path}: take `now` from app.clock, once, and pass it down"
        );
        let reads_environment = text.contains("env::var");
        assert!(
            !reads_environment || path == "shared/src/config.rs",
            "{path}: read it in Config and take it from there"
        );
    }
}

#[test]
fn what_is_finer_than_info_is_in_no_release() {
    // OBS-01
    let manifest = read("Cargo.toml");
    let tracing = manifest.lines().find(|line| line.starts_with("tracing = ")).expect("a line for tracing");
    assert!(tracing.contains("\"release_max_level_info\""), "Cargo.toml: libraries tell at TRACE what clients send");
}

/// Whether a text names `name` as the beginning of a path: not behind another segment or a longer word.
fn uses(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':')
    })
}
