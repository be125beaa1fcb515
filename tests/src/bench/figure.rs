//! A measured figure and its judgement.

use std::fmt::Write as _;

use serde::Serialize;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Rates.
    Higher,
    /// Times and sizes.
    Lower,
}

/// One row of the result. Field names are the contract of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured, `benchmark.quantity.variant`.
    pub name: String,
    /// What came out, in `unit`.
    pub value: f64,
    /// Unit of value, target and ceiling.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// What it must reach, where something is promised.
    pub target: Option<f64>,
    /// What the machine gives without the product, measured in the same run.
    pub ceiling: Option<f64>,
    /// Value over ceiling.
    pub ratio: Option<f64>,
    /// Why the figure counts for nothing.
    pub void: Option<String>,
}

impl Figure {
    /// A figure without target and ceiling.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str, better: Better) -> Self {
        Self { name: name.into(), value, unit, better, target: None, ceiling: None, ratio: None, void: None }
    }

    /// Promises `target`.
    #[must_use]
    pub fn target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// Compares with what the machine gives.
    #[must_use]
    pub fn ceiling(mut self, ceiling: f64) -> Self {
        self.ceiling = Some(ceiling);
        self.ratio = (ceiling > 0.0).then(|| self.value / ceiling);
        self
    }

    /// Declares the figure void when the outcome was wrong.
    #[must_use]
    pub fn void(mut self, reason: Option<String>) -> Self {
        self.void = reason;
        self
    }

    /// Whether the figure keeps its promise; `None` where nothing is promised.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        if self.void.is_some() {
            return Some(false);
        }
        self.target.map(|target| match self.better {
            Better::Higher => self.value >= target,
            Better::Lower => self.value <= target,
        })
    }
}

/// All figures for a person.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for figure in figures {
        let verdict = match (&figure.void, figure.holds()) {
            (Some(reason), _) => format!("VOID: {reason}"),
            (None, Some(true)) => "ok".to_owned(),
            (None, Some(false)) => "MISSED".to_owned(),
            (None, None) => String::new(),
        };
        let of = |label: &str, value: Option<f64>| value.map_or(String::new(), |value| format!("{label} {value:.1}"));
        let _ = writeln!(
            text,
            "{:width$} {:>10.1} {:<12} {:<14} {:<17} {:<6} {verdict}",
            figure.name,
            figure.value,
            figure.unit,
            of("target", figure.target),
            of("ceiling", figure.ceiling),
            figure.ratio.map_or(String::new(), |ratio| format!("{:.0} %", ratio * 100.0)),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_better_way() {
        let rate = |value| Figure::new("issue", value, "1/s", Better::Higher).target(1500.0);
        assert_eq!((rate(1500.0).holds(), rate(1499.0).holds()), (Some(true), Some(false)));
        let time = |value| Figure::new("start", value, "ms", Better::Lower).target(300.0);
        assert_eq!((time(300.0).holds(), time(301.0).holds()), (Some(true), Some(false)));
        assert_eq!(Figure::new("start", 1.0, "ms", Better::Lower).holds(), None);
    }

    #[test]
    fn a_void_figure_never_holds_and_says_why() {
        let figure = Figure::new("issue", 9000.0, "1/s", Better::Higher).target(1.0).ceiling(18_000.0);
        assert_eq!(figure.ratio, Some(0.5));
        let figure = figure.void(Some("3 rows are missing".to_owned()));
        assert_eq!(figure.holds(), Some(false));
        assert!(table(&[figure]).contains("VOID: 3 rows are missing"));
    }
}
