//! Metrics in CloudWatch's embedded metric format: a line of JSON in the log that CloudWatch makes metrics of. It costs
//! no request, and no figure is lost with a function that is frozen.
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>)

use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Under which name CloudWatch lists all of them.
const NAMESPACE: &str = "Leja";
/// The most values of one line.
const MOST: usize = 100;

/// Writes the figures of each event of [`service::METRICS`] as one line, with the function that it happened in.
pub(crate) struct Emf {
    function: String,
}

impl Emf {
    /// Of this function, by the name that AWS gave it.
    pub(crate) fn of(function: impl Into<String>) -> Self {
        Self { function: function.into() }
    }
}

impl<S: Subscriber> Layer<S> for Emf {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut figures = Figures::default();
        event.record(&mut figures);
        if let Some(line) = line(&self.function, &figures.0, SystemTime::now()) {
            println!("{line}");
        }
    }
}

/// The numbers of an event.
#[derive(Default)]
struct Figures(Vec<(&'static str, i64)>);

impl Visit for Figures {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// The line that tells of figures; none without figures.
fn line(function: &str, figures: &[(&'static str, i64)], now: SystemTime) -> Option<Value> {
    let figures = figures.get(..MOST.min(figures.len())).filter(|figures| !figures.is_empty())?;
    let now = now.duration_since(UNIX_EPOCH).ok()?;
    let unit = |name: &str| if name.ends_with("Millis") { "Milliseconds" } else { "Count" };
    let metrics: Vec<Value> =
        figures.iter().map(|(name, _)| json!({ "Name": name, "Unit": unit(name) })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics });
    let values = figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    let mut line: Map<String, Value> = values.collect();
    line.insert("Function".to_owned(), json!(function));
    let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    line.insert("_aws".to_owned(), json!({ "Timestamp": millis, "CloudWatchMetrics": [directive] }));
    Some(Value::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_names_each_figure_its_unit_and_the_function() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_251_600_000);
        let told = line("callbacks", &[("CallbacksStored", 1), ("EvidenceLagMillis", 1800)], now).unwrap();
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_251_600_000_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Leja",
                    "Dimensions": [["Function"]],
                    "Metrics": [
                        { "Name": "CallbacksStored", "Unit": "Count" },
                        { "Name": "EvidenceLagMillis", "Unit": "Milliseconds" },
                    ],
                }],
            },
            "Function": "callbacks",
            "CallbacksStored": 1,
            "EvidenceLagMillis": 1800,
        });
        assert_eq!(told, expected);
        assert_eq!(line("callbacks", &[], now), None);
    }
}
