//! The log: each event is a line of JSON on standard output, which Lambda carries to the function's log group.
//!
//! `tracing::info!(event = "mail_sent", mail = %mail.key)` becomes
//! `{"time": .., "level": "INFO", "function": .., "version": .., "event": "mail_sent", "mail": ..}`, with the fields of the spans
//! around it, all on one level. A field called `metric.<Name>` is a number that `CloudWatch` keeps as a metric beside: the line
//! has it as `<Name>`, and what makes a metric of it (`CloudWatch` Embedded Metric Format). Its unit is told by the end of its name:
//! `Seconds`, `Milliseconds`, else a count.

use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::clock::Clock;
use crate::config::{Function, LogLevel};

const METRIC: &str = "metric.";

/// Logs what happens from here on to standard output. A panic is a line too.
pub fn init(level: LogLevel, function: Function) {
    let level = match level {
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // An error says that there is a log already, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber(level, function, io::stdout));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(event = "panic", place); // its message may hold anything, and stays out
    }));
}

/// What makes lines of events, and hands each to `writer` in one piece.
pub fn subscriber<W>(level: LevelFilter, function: Function, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    Registry::default().with(Lines { function, writer }).with(level)
}

struct Lines<W> {
    function: Function,
    writer: W,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // The machine's clock: CloudWatch sorts by it, and a request is told by its id.
        let now = Clock::System.now();
        let mut line = self.head(*event.metadata().level(), now);
        event.record(&mut line);
        // The nearest span's word counts, and that of the event before it.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                fields.0.iter().for_each(|(name, value)| line.set_if_absent(name, value.clone()));
            }
        }
        line.declare_metrics(self.function.metrics_namespace.as_deref().unwrap_or("Latchkey"), now);
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // Nobody is left to be told of a log that cannot be written.
            let _ = self.writer.make_writer_for(event.metadata()).write_all(&text);
        }
    }
}

impl<W> Lines<W> {
    fn head(&self, level: Level, now: Timestamp) -> Fields {
        let mut line = Fields::default();
        line.set_if_absent("time", json!(format!("{now:.3}")));
        line.set_if_absent("level", json!(level.as_str()));
        for (name, value) in [("function", &self.function.name), ("version", &self.function.version)] {
            if let Some(value) = value {
                line.set_if_absent(name, json!(value));
            }
        }
        line
    }
}

/// Names and values in the order of their coming, each name once.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set_if_absent(&mut self, name: &'static str, value: Value) {
        if !self.0.iter().any(|(present, _)| *present == name) {
            self.0.push((name, value));
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        self.set_if_absent(field.name(), value);
    }

    /// Renames the metrics, and adds the member that tells `CloudWatch` of them.
    fn declare_metrics(&mut self, namespace: &str, now: Timestamp) {
        let mut metrics = Vec::new();
        for (name, value) in &mut self.0 {
            if let Some(metric) = name.strip_prefix(METRIC).filter(|_| value.is_number()) {
                metrics.push(json!({"Name": metric, "Unit": unit(metric)}));
                *name = metric;
            }
        }
        if !metrics.is_empty() {
            let directive = json!({"Namespace": namespace, "Dimensions": [[]], "Metrics": metrics});
            let aws = json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]});
            self.set_if_absent("_aws", aws);
        }
    }
}

fn unit(metric: &str) -> &'static str {
    ["Milliseconds", "Seconds"].into_iter().find(|unit| metric.ends_with(unit)).unwrap_or("Count")
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Half of a value whose `Debug` fails is better than none.
        let _ = write!(text, "{value:?}");
        self.set(field, Value::String(text));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The one line that `act` logs.
    fn line_of(act: impl FnOnce()) -> (String, Value) {
        let written = Arc::new(Mutex::new(Vec::new()));
        let [name, version, metrics_namespace] = ["register", "7", "Latchkey/prod"].map(|text| Some(text.to_owned()));
        let function = Function { name, version, metrics_namespace };
        let subscriber = subscriber(LevelFilter::INFO, function, Sink(Arc::clone(&written)));
        tracing::subscriber::with_default(subscriber, act);
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let line = serde_json::from_str(&text).unwrap();
        (text, line)
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
        let (text, line) =
            line_of(|| tracing::info!(event = "refused", reason = %nasty, also = nasty, quoted = ?nasty));
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
        assert_eq!(
            (&line["request_id"], &line["trace"], &line["level"]),
            (&json!("inner"), &json!("t"), &json!("INFO"))
        );
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
    fn a_line_without_metrics_declares_none() {
        // OBS-03
        let (_, line) = line_of(|| tracing::info!(event = "happened", metric.Mails = "many"));
        assert_eq!(line.get("_aws"), None);
    }

    #[test]
    fn release_builds_have_nothing_below_info() {
        // OBS-01: at TRACE `lambda_runtime` logs the event as it came, passwords and all, and the SDK what it sends.
        let manifest = include_str!("../../Cargo.toml");
        let tracing = manifest.lines().find(|line| line.starts_with("tracing = ")).unwrap();
        assert!(tracing.contains("\"release_max_level_info\""), "{tracing}");
        let expected = if cfg!(debug_assertions) { LevelFilter::TRACE } else { LevelFilter::INFO };
        assert_eq!(tracing::level_filters::STATIC_MAX_LEVEL, expected);
    }
}
