//! The log: each event is a line of JSON on standard output, which Lambda carries to the function's log group.
//!
//! `tracing::info!(event = "mail_sent", mail = %mail.key)` becomes
//! `{"time": .., "level": "INFO", "function": .., "version": .., "event": "mail_sent", "mail": ..}`, together with the
//! fields of the surrounding spans, all on one level.
//!
//! To add a metric: add a field called `metric.<Name>` with a number. The line has it as `<Name>`, with the declaration
//! that makes `CloudWatch` keep a metric (`CloudWatch` Embedded Metric Format). The end of the name tells the unit:
//! `Seconds`, `Milliseconds`, or else a count. A metric that a span records goes into the next line of that span, which
//! saves a line of its own. If the span records it several times before, the line has a list. If no line follows, the
//! metric gets one with the event `metrics`.

use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

use crate::clock::Clock;
use crate::config::{Function, LogLevel};

const METRIC: &str = "metric.";

/// Logs all events from now on to standard output. A panic becomes a line as well.
pub fn init(level: LogLevel, function: Function) {
    let level = match level {
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // This fails if a log exists already. That log then stays.
    let _ = tracing::subscriber::set_global_default(subscriber(level, function, io::stdout));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(event = "panic", place); // without its message, which may contain anything
    }));
}

/// Returns a subscriber that turns each event into one line and hands it to `writer` in one piece.
pub fn subscriber<W>(level: LevelFilter, function: Function, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // An event with a metric is logged at every level, because alarms depend on it.
    let counts = |metadata: &Metadata<'_>| metadata.fields().iter().any(|field| field.name().starts_with(METRIC));
    let filter = filter_fn(move |metadata| *metadata.level() <= level || metadata.is_event() && counts(metadata));
    Registry::default().with(Lines { function, writer }).with(filter.with_max_level_hint(level.max(LevelFilter::INFO)))
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
        let level = *event.metadata().level();
        self.write(event.metadata(), level, context.event_scope(event), |line| event.record(line));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let has_metric = |fields: &Fields| fields.0.iter().any(|(name, _)| name.starts_with(METRIC));
        if span.extensions().get().is_some_and(has_metric) {
            let record = |line: &mut Fields| line.set_if_absent("event", json!("metrics"));
            self.write(span.metadata(), Level::INFO, Some(span.scope()), record);
        }
    }
}

impl<W> Lines<W>
where
    W: for<'w> MakeWriter<'w> + 'static,
{
    /// Writes a line with what `record` adds and the fields of the spans. If a name occurs twice, what is recorded comes
    /// before the spans, and an inner span before an outer one.
    fn write<'a, S>(
        &self,
        metadata: &Metadata<'_>,
        level: Level,
        spans: Option<Scope<'a, S>>,
        record: impl FnOnce(&mut Fields),
    ) where
        S: LookupSpan<'a>,
    {
        // The machine's clock, because CloudWatch sorts by it. The request's id tells which request a line belongs to.
        let now = Clock::System.now();
        let mut line = self.head(level, now);
        record(&mut line);
        for span in spans.into_iter().flatten() {
            if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
                fields.0.iter().for_each(|(name, value)| line.set_if_absent(name, value.clone()));
                fields.0.retain(|(name, _)| !name.starts_with(METRIC)); // each value is counted once
            }
        }
        line.declare_metrics(self.function.metrics_namespace.as_deref().unwrap_or("Latchkey"), now);
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // If the log cannot be written, there is no place left to report it.
            let _ = self.writer.make_writer_for(metadata).write_all(&text);
        }
    }

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

/// Names and values in the order in which they were added. Each name occurs once.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set_if_absent(&mut self, name: &'static str, value: Value) {
        if !self.0.iter().any(|(present, _)| *present == name) {
            self.0.push((name, value));
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let recorded = self.0.iter_mut().find(|(present, _)| *present == name && name.starts_with(METRIC));
        match recorded {
            Some((_, Value::Array(values))) => values.push(value),
            Some((_, first)) => *first = json!([first, value]),
            None => self.set_if_absent(name, value),
        }
    }

    /// Renames the metrics, and adds the member that declares them to `CloudWatch`.
    fn declare_metrics(&mut self, namespace: &str, now: Timestamp) {
        let mut metrics = Vec::new();
        for (name, value) in &mut self.0 {
            if let Some(metric) = name.strip_prefix(METRIC).filter(|_| value.is_number() || value.is_array()) {
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
        // Half of a value is better than none if its `Debug` fails.
        let _ = write!(text, "{value:?}");
        self.set(field, Value::String(text));
    }
}

#[cfg(test)]
mod tests;
