//! The sources: who may use whom, and what stands nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{functions, production, read, sources};

/// Files that may have more than 300 lines, and why.
const LONG_FILES: [(&str, &str); 1] =
    [("shared/src/config.rs", "every setting with its document and its check, in the one place that reads them")];
const LONG: usize = 300;
const TOO_LONG: usize = 400;

#[test]
fn the_domain_knows_neither_aws_nor_http_nor_lambda_nor_the_layers_above_it() {
    // ARCHITECTURE.md, "Code map"
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

/// The modules of `shared` that know [`shared::error::ApiError`]. All others return errors of their own.
const UPPER_MODULES: [&str; 6] = ["answers", "error", "http", "limits", "runtime", "sign_in"];

#[test]
fn only_the_upper_layer_knows_the_errors_of_requests() {
    // ARCHITECTURE.md, "Layers"
    for (path, text) in production("shared/src") {
        let is_upper = UPPER_MODULES.contains(&module_of(&path));
        assert!(
            is_upper || !text.contains("ApiError"),
            "{path}: return an error of its own, and convert it in error.rs"
        );
        for above in ["app", "http", "answers", "sign_in", "runtime"] {
            let is_above = ["store", "tokens", "passwords", "mail_queue", "mailer", "keys", "domain"];
            let is_below = is_above.contains(&module_of(&path));
            assert!(!is_below || !uses(&text, &format!("crate::{above}")), "{path} uses {above}, which is above it");
        }
    }
}

#[test]
fn the_modules_of_shared_import_each_other_without_a_cycle() {
    // ARCHITECTURE.md, "Layers"
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in production("shared/src") {
        let module = module_of(&path).to_owned();
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let text = code.join("\n");
        let named = text.match_indices("crate::").filter_map(|(at, found)| {
            let rest = text.get(at + found.len()..)?;
            Some(rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?.to_owned())
        });
        imports.entry(module.clone()).or_default().extend(named.filter(|other| *other != module));
    }
    // Modules without imports of what is left are taken away until none is left, or a cycle is.
    let modules: BTreeSet<_> = imports.keys().cloned().collect();
    for named in imports.values_mut() {
        named.retain(|name| modules.contains(name));
    }
    while let Some(free) = imports.iter().find(|(_, named)| named.is_empty()).map(|(module, _)| module.clone()) {
        imports.remove(&free);
        for named in imports.values_mut() {
            named.remove(&free);
        }
    }
    assert!(imports.is_empty(), "a cycle among these modules: {imports:?}");
}

#[test]
fn access_tokens_are_signed_and_verified_by_jsonwebtoken_alone() {
    // TOK-01: no signature of ours beside the library's
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        let makes_keys = path == "shared/src/keys/generation.rs";
        assert!(makes_keys || !text.contains("aws_lc_rs::signature"), "{path}: sign and verify by `jsonwebtoken`");
    }
}

/// Returns the top-level module of a file of `shared`.
fn module_of(path: &str) -> &str {
    let rest = path.strip_prefix("shared/src/").unwrap_or(path);
    rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs")
}

#[test]
fn no_function_depends_on_another_and_nothing_on_the_tests() {
    // ARCHITECTURE.md, "Code map"
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
    // ARCHITECTURE.md, "Code map"
    for (path, text) in production("shared").into_iter().chain(production("functions")) {
        if !path.starts_with("shared/src/store/") {
            assert!(!text.contains("_expression("), "{path}: requests with expressions belong to shared/src/store");
        }
        if path == "shared/src/store/keys.rs" {
            continue;
        }
        for key in [
            "\"USER#",
            "\"SESSION#",
            "\"MAIL#",
            "\"DUE#",
            "\"LIMIT#",
            "\"IDEM#",
            "\"PROFILE\"",
            "\"EMAIL#",
            "\"PASSWORD\"",
            "\"KEYS\"",
            "\"JWKS\"",
        ] {
            assert!(
                !text.contains(key),
                "{path}: name the key {key} in shared/src/store/keys.rs and use it from there"
            );
        }
    }
}

#[test]
fn a_main_builds_and_starts_and_no_more() {
    // ARCHITECTURE.md, "Code map"
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
        // The hash, which is waited for, and the clients, which `App` holds and builds at their first use.
        let text = text.replace("spawn_blocking(hash).await", "");
        let text = if path == "shared/src/aws.rs" { text.replace("OnceLock", "") } else { text };
        for name in ["spawn", "static ", "LazyLock", "OnceLock", "OnceCell", "thread_local", "std::fs", "tokio::fs"] {
            let found = text.match_indices(name).find(|(at, _)| !text[..*at].ends_with('\''));
            assert_eq!(found, None, "{path}: Lambda freezes at the answer, and thaws for somebody else");
        }
    }
}

#[test]
fn time_and_environment_are_read_in_one_place_each() {
    // LAM-03
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
