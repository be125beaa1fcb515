//! Numbers for machines: the older JSON form, and Prometheus'. What is counted in the database is moments old.

use std::fmt::Write as _;

use certctl_app::gauges::Gauges;
use certctl_app::{App, Caller};
use certctl_domain::permission::Permission;
use certctl_edge::{Json, MetricsText, Problem, Routes, Site, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::view::time;

pub(crate) fn routes() -> Routes {
    Routes::new("metrics")
        .with(get("/api/v1/metrics", metrics_get).about("Numbers of this installation.").perm(Permission::MetricsRead))
        .with(
            get("/api/v1/metrics/prometheus", metrics_prometheus)
                .about("Numbers of this installation and of this process, for Prometheus.")
                .perm(Permission::MetricsRead),
        )
}

/// Numbers of this installation.
#[derive(Debug, Serialize, ToSchema)]
struct Metrics {
    /// What there is.
    gauge: MetricsGauge,
    /// What has happened.
    counter: MetricsCounter,
    /// Since when this process runs.
    uptime: MetricsUptime,
}

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
struct MetricsGauge {
    certificate_total: u64,
    certificate_active: u64,
    certificate_expiring_soon: u64,
    certificate_expired: u64,
    certificate_revoked: u64,
    agent_total: u64,
    agent_online: u64,
    job_pending: u64,
}

/// What has happened.
#[derive(Debug, Serialize, ToSchema)]
struct MetricsCounter {
    job_completed_total: u64,
    job_failed_total: u64,
}

/// Since when this process runs.
#[derive(Debug, Serialize, ToSchema)]
struct MetricsUptime {
    uptime_seconds: u64,
    server_started: String,
    measured_at: String,
}

async fn metrics_get(site: Site, app: App, caller: Caller) -> Result<Json<Metrics>, Problem> {
    let gauges = app.gauges(&caller).await?;
    let (now, uptime) = (app.now(), site.uptime());
    let started = now.checked_sub(uptime).unwrap_or(now);
    Ok(Json(Metrics {
        gauge: MetricsGauge {
            certificate_total: gauges.certificate_total,
            certificate_active: gauges.certificate_active,
            certificate_expiring_soon: gauges.certificate_expiring_soon,
            certificate_expired: gauges.certificate_expired,
            certificate_revoked: gauges.certificate_revoked,
            agent_total: gauges.agent_total,
            agent_online: gauges.agent_online,
            job_pending: gauges.job_pending,
        },
        counter: MetricsCounter {
            job_completed_total: gauges.job_completed_total,
            job_failed_total: gauges.job_failed_total,
        },
        uptime: MetricsUptime {
            uptime_seconds: uptime.as_secs(),
            server_started: time(started),
            measured_at: time(now),
        },
    }))
}

async fn metrics_prometheus(site: Site, app: App, caller: Caller) -> Result<MetricsText, Problem> {
    let gauges = app.gauges(&caller).await?;
    let mut out = String::with_capacity(8 << 10);
    for (name, kind, about, value) in rows(&gauges) {
        family(&mut out, name, kind, about, value);
    }
    family(
        &mut out,
        "certctl_uptime_seconds",
        "gauge",
        "Seconds since this process began to serve.",
        site.uptime().as_secs(),
    );
    let build = &site.config().build;
    let _ = writeln!(
        out,
        "# HELP certctl_build_info Which build this is.\n# TYPE certctl_build_info gauge\n\
         certctl_build_info{{version=\"{}\",commit=\"{}\"}} 1",
        label(&build.version),
        label(&build.commit)
    );
    site.metrics().render(site.routes(), &mut out);
    out.push_str(&(site.config().recorded.0)());
    Ok(MetricsText(out))
}

fn rows(gauges: &Gauges) -> [(&'static str, &'static str, &'static str, u64); 10] {
    [
        ("certctl_certificate_total", "gauge", "Managed certificates.", gauges.certificate_total),
        ("certctl_certificate_active", "gauge", "Neither expiring, expired nor revoked.", gauges.certificate_active),
        ("certctl_certificate_expiring_soon", "gauge", "Ending soon.", gauges.certificate_expiring_soon),
        ("certctl_certificate_expired", "gauge", "Over.", gauges.certificate_expired),
        ("certctl_certificate_revoked", "gauge", "Revoked.", gauges.certificate_revoked),
        ("certctl_agent_total", "gauge", "Agents that are not retired.", gauges.agent_total),
        ("certctl_agent_online", "gauge", "Agents heard of within five minutes.", gauges.agent_online),
        ("certctl_job_pending", "gauge", "Jobs that are not over.", gauges.job_pending),
        ("certctl_job_completed_total", "counter", "Jobs that were done.", gauges.job_completed_total),
        ("certctl_job_failed_total", "counter", "Jobs that failed for good.", gauges.job_failed_total),
    ]
}

fn family(out: &mut String, name: &str, kind: &str, about: &str, value: u64) {
    let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {kind}\n{name} {value}");
}

/// The value of a label, escaped as the text format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
