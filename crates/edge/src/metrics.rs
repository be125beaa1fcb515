//! How long requests took: counters per route and class of status, kept without locks and written out in Prometheus' form.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::route::RouteInfo;

/// Counts of all routes; the last one is for requests that no route took.
pub struct HttpMetrics {
    routes: Vec<[Series; CLASSES]>,
}

#[derive(Default)]
struct Series {
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl HttpMetrics {
    pub(crate) fn new(routes: usize) -> Self {
        Self { routes: (0..=routes).map(|_| std::array::from_fn(|_| Series::default())).collect() }
    }

    /// Counts a request; `route` is its place in the table, `None` when no route took it.
    pub(crate) fn count(&self, route: Option<usize>, status: u16, took: Duration) {
        let last = self.routes.len() - 1;
        let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
        let series = &self.routes[route.unwrap_or(last).min(last)][class];
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.iter().position(|bound| micros <= bound * 1000).unwrap_or(BOUNDS_MS.len());
        series.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        series.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes the histogram `certctl_http_request_duration_seconds`.
    pub fn render(&self, routes: &[Arc<RouteInfo>], out: &mut String) {
        out.push_str(
            "# HELP certctl_http_request_duration_seconds Time to answer a request, by route and class of status.\n",
        );
        out.push_str("# TYPE certctl_http_request_duration_seconds histogram\n");
        for (index, classes) in self.routes.iter().enumerate() {
            let (method, path) = routes.get(index).map_or(("", "none"), |info| (info.method.as_str(), info.path));
            for (class, series) in classes.iter().enumerate() {
                let labels = format!("method=\"{method}\",route=\"{path}\",status=\"{}xx\"", class + 1);
                series.render(&labels, out);
            }
        }
    }
}

impl Series {
    fn render(&self, labels: &str, out: &mut String) {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return;
        }
        let name = "certctl_http_request_duration_seconds";
        let mut below = 0;
        for (bound, count) in BOUNDS_MS.iter().zip(&counts) {
            below += count;
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {below}", seconds(*bound * 1000));
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", seconds(self.sum_us.load(Ordering::Relaxed)));
        let _ = writeln!(out, "{name}_count{{{labels}}} {total}");
    }
}

/// Microseconds as decimal seconds.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const CLASSES: usize = 5;
/// Upper bounds of the histogram, milliseconds.
const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000];
