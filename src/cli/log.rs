//! The log of `-v`: to standard error, of this crate only.
//!
//! Other crates are never let in, because those that speak HTTP would write headers, and with them
//! tokens.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::args::{LogFormat, Manners};
use super::shell::{Shell, Through};

/// Installs the log for the rest of the process; does nothing without `-v`.
pub fn install(manners: &Manners, shell: &Shell) {
    let level = match manners.verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let ours = tracing_subscriber::filter::Targets::new().with_target("longshore", level);
    let writer = Through(Arc::clone(&shell.err));
    let ansi = shell.err_paint(manners.color).on;
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match manners.log_format {
        LogFormat::Text => layer.with_filter(ours).boxed(),
        LogFormat::Json => layer.json().with_filter(ours).boxed(),
    };
    if tracing_subscriber::registry().with(layer).try_init().is_err() {
        tracing::debug!("A log was installed before.");
    }
}

impl MakeWriter<'_> for Through {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
