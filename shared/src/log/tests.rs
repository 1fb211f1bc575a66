use std::sync::{Arc, Mutex};

use super::*;

/// The one line that `act` logs.
fn line_of(act: impl FnOnce()) -> (String, Value) {
    let text = logged(LevelFilter::INFO, act);
    let line = serde_json::from_str(&text).unwrap();
    (text, line)
}

/// What `act` logs.
fn logged(level: LevelFilter, act: impl FnOnce()) -> String {
    let written = Arc::new(Mutex::new(Vec::new()));
    let [name, version, metrics_namespace] = ["register", "7", "Latchkey/prod"].map(|text| Some(text.to_owned()));
    let function = Function { name, version, metrics_namespace };
    let subscriber = subscriber(level, function, Sink(Arc::clone(&written)));
    tracing::subscriber::with_default(subscriber, act);
    String::from_utf8(written.lock().unwrap().clone()).unwrap()
}

#[derive(Clone)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl<'w> MakeWriter<'w> for Sink {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_event_is_one_flat_line_that_says_when_and_where() {
    // OBS-02
    let (text, line) = line_of(|| tracing::warn!(event = "happened", attempt = 3, is_last = true, reason = %"so"));
    let time = line["time"].as_str().unwrap();
    assert!(time.parse::<Timestamp>().is_ok() && time.len() == "2027-01-15T12:00:00.000Z".len(), "{time}");
    let rest = r#","level":"WARN","function":"register","version":"7","event":"happened","attempt":3,"is_last":true,"reason":"so"}"#;
    assert_eq!(text, format!("{{\"time\":\"{time}\"{rest}\n"));
}

#[test]
fn nothing_that_a_client_sends_breaks_a_line() {
    // OBS-02
    let nasty = "a\"}\n{\"level\":\"ERROR\",\u{0}\r\u{2028}\u{1b}[2J\\";
    let (text, line) = line_of(|| tracing::info!(event = "refused", reason = %nasty, also = nasty, quoted = ?nasty));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.trim_end().contains(|c: char| c.is_ascii_control()), "{text}");
    assert_eq!((&line["reason"], &line["also"]), (&json!(nasty), &json!(nasty)));
}

#[test]
fn the_spans_around_an_event_tell_of_it_the_nearest_first() {
    // OBS-02
    let (_, line) = line_of(|| {
        let _outer = tracing::info_span!("outer", request_id = "outer", trace = "t").entered();
        let _inner = tracing::info_span!("inner", request_id = "inner").entered();
        tracing::info!(event = "happened", level = "mine");
    });
    assert_eq!((&line["request_id"], &line["trace"], &line["level"]), (&json!("inner"), &json!("t"), &json!("INFO")));
}

#[test]
fn a_metric_is_one_for_cloudwatch() {
    // OBS-03
    let (_, line) = line_of(|| {
        tracing::info!(
            event = "swept",
            metric.OldestMailSeconds = 12,
            metric.HashMilliseconds = 1.5,
            metric.Mails = 2_u64
        );
    });
    assert_eq!(
        (&line["OldestMailSeconds"], &line["HashMilliseconds"], &line["Mails"]),
        (&json!(12), &json!(1.5), &json!(2))
    );
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("Latchkey/prod"), &json!([[]])));
    let metrics = json!([
        {"Name": "OldestMailSeconds", "Unit": "Seconds"},
        {"Name": "HashMilliseconds", "Unit": "Milliseconds"},
        {"Name": "Mails", "Unit": "Count"},
    ]);
    assert_eq!(directive["Metrics"], metrics);
    let logged_at: Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(line["_aws"]["Timestamp"], logged_at.as_millisecond());
}

#[test]
fn the_metrics_of_a_span_are_on_its_next_line_alone() {
    // OBS-03
    let text = logged(LevelFilter::INFO, || {
        let span = tracing::error_span!("request", metric.HashMilliseconds = tracing::field::Empty).entered();
        tracing::info!(event = "begun");
        span.record("metric.HashMilliseconds", 1.5);
        tracing::info!(event = "hashed once");
        span.record("metric.HashMilliseconds", 2.5);
        span.record("metric.HashMilliseconds", 3.5);
        span.record("metric.HashMilliseconds", 4.5);
        tracing::debug!(event = "too fine for this log");
        tracing::info!(event = "hashed again");
        tracing::info!(event = "done");
        span.record("metric.HashMilliseconds", 5.5);
    });
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> = lines.iter().map(|line| (&line["HashMilliseconds"], line["_aws"].is_null())).collect();
    let expected = [
        (json!(null), true),
        (json!(1.5), false),
        (json!([2.5, 3.5, 4.5]), false),
        (json!(null), true),
        (json!(5.5), false),
    ];
    assert_eq!(lines[4]["event"], "metrics", "no line followed");
    assert_eq!(found, expected.each_ref().map(|(value, is_plain)| (value, *is_plain)));
}

#[test]
fn a_line_without_metrics_declares_none() {
    // OBS-03
    let (_, line) = line_of(|| tracing::info!(event = "happened", metric.Mails = "many"));
    assert_eq!(line.get("_aws"), None);
}

#[test]
fn release_builds_have_nothing_below_info() {
    // OBS-01: at TRACE `lambda_runtime` logs the event as it came, passwords and all, and the SDK what it sends.
    let manifest = include_str!("../../../Cargo.toml");
    let tracing = manifest.lines().find(|line| line.starts_with("tracing = ")).unwrap();
    assert!(tracing.contains("\"release_max_level_info\""), "{tracing}");
    let expected = if cfg!(debug_assertions) { LevelFilter::TRACE } else { LevelFilter::INFO };
    assert_eq!(tracing::level_filters::STATIC_MAX_LEVEL, expected);
}

#[test]
fn a_metric_is_told_at_every_level() {
    // OBS-03, OUT-02: an alarm waits for it
    for level in [LevelFilter::INFO, LevelFilter::WARN, LevelFilter::ERROR] {
        let text = logged(level, || {
            tracing::info!(event = "outbox_swept", metric.OldestMailSeconds = 3);
            tracing::debug!(event = "too_fine");
        });
        assert!(text.lines().count() == 1 && text.contains(r#""OldestMailSeconds":3"#), "{level}: {text}");
    }
    assert_eq!(logged(LevelFilter::ERROR, || tracing::warn!(event = "hidden")), "");
}
