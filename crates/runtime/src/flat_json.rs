//! One flat JSON object per log line: the fields of the enclosing spans stand beside those of the event, so
//! that a query for a namespace or an object finds every line about it. No key is repeated.

use std::{collections::BTreeMap, error::Error, fmt};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

/// Writes events as flat JSON.
#[derive(Clone, Copy, Debug)]
pub struct FlatJson;

/// The fields of one line.
#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

/// Keys that every line has.
const TIMESTAMP: &str = "timestamp";
const LEVEL: &str = "level";
const MESSAGE: &str = "message";
const TARGET: &str = "target";

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        // The innermost span and then the event itself override earlier values.
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let text = extensions.get::<FormattedFields<JsonFields>>();
            let found = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            fields.0.extend(found.into_iter().flatten());
        }
        event.record(&mut fields);
        let message = fields.0.remove(MESSAGE).unwrap_or_default();
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        let meta = event.metadata();
        let heads = [
            (TIMESTAMP, Value::String(now)),
            (LEVEL, Value::String(meta.level().to_string())),
            (MESSAGE, message),
        ];
        let tail = (TARGET, Value::String(meta.target().to_owned()));
        let own = [TIMESTAMP, LEVEL, TARGET];
        fields.0.retain(|key, _| !own.contains(&key.as_str()));
        let fields = fields.0.iter().map(|(key, value)| (key.as_str(), value));
        let all = heads.iter().map(|(key, value)| (*key, value));
        let all = all.chain(fields).chain([(tail.0, &tail.1)]);
        for (number, (key, value)) in all.enumerate() {
            let separator = if number == 0 { '{' } else { ',' };
            let key = serde_json::to_string(key).map_err(|_| fmt::Error)?;
            write!(writer, "{separator}{key}:{value}")?;
        }
        writeln!(writer, "}}")
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut next = value.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        self.set(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

// === impl Fields ===

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
pub mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub fn lines(log: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_names_the_tenant_flat_and_no_key_twice() {
        let text = lines(|| {
            let span = tracing::info_span!(
                "reconcile",
                namespace = "clinics",
                integration = tracing::field::Empty,
                connection = tracing::field::Empty,
            );
            span.record("integration", "acme");
            let _entered = span.enter();
            let inner = tracing::info_span!("inner", attempt = 1);
            let _inner = inner.enter();
            tracing::warn!(
                kind = "Deployment",
                name = "acme-zoom",
                attempt = 2,
                "applying \"it\""
            );
        });
        let line: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "timestamp": line["timestamp"], "level": "WARN", "message": "applying \"it\"",
            "namespace": "clinics", "integration": "acme", "kind": "Deployment",
            "name": "acme-zoom", "attempt": 2, "target": line["target"],
        });
        assert_eq!(line, expected);
        assert_eq!(text.lines().count(), 1);
        // A parser keeps the last of two equal keys: count them in the text.
        for key in ["name", "namespace", "attempt", "message"] {
            assert_eq!(text.matches(&format!("\"{key}\":")).count(), 1, "{text}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_a_field_cannot_pose_as_ours() {
        #[derive(Debug, thiserror::Error)]
        #[error("the upper one")]
        struct Upper(#[source] io::Error);
        let text = lines(|| {
            let error = Upper(io::Error::other("the cause"));
            let error: &(dyn Error + 'static) = &error;
            tracing::error!(error, level = "none", "failed");
        });
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["error"], "the upper one: the cause");
        assert_eq!(line["level"], "ERROR");
    }
}
