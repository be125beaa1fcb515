//! What the figures were measured on, and whether anything else was using it.

use std::fmt;

/// The machine and its load when the run began.
#[derive(Debug, Clone)]
pub struct Machine {
    processor: String,
    cores: usize,
    load: String,
    busy: bool,
}

impl Machine {
    /// Looks at the machine.
    #[must_use]
    pub fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let information = read("/proc/cpuinfo");
        let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        let last_minute: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
        Self {
            processor: model.map_or("unknown processor", |(_, model)| model).to_owned(),
            cores,
            load,
            busy: last_minute > 0.5,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores, load {}", self.processor, self.cores, self.load)?;
        if self.busy {
            write!(f, " (something else was running: figures are lower than the machine's)")?;
        }
        Ok(())
    }
}
