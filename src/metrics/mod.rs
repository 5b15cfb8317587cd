// SPDX-License-Identifier: GPL-2.0-only
//! The counters for Prometheus and its like: over HTTP (`--metrics`), or as a file for node_exporter's
//! textfile collector (`--metrics-file`). Who asks gets what the pinned maps say at that moment; between
//! two programs, as after an ejection, that is `scx_meta_up 0`.

mod collector;
mod file;
mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{anyhow, ensure, Result};
use clap::Args;

use self::file::TextFile;

/// Options of the exporters.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MetricsArgs {
    /// Serve OpenMetrics over HTTP at /metrics, and at /ready whether it is in charge: a port of 127.0.0.1,
    /// or ADDRESS:PORT
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = parse_address)]
    metrics: Option<SocketAddr>,

    /// Write them to this file every 10 s in Prometheus' text format, for node_exporter's textfile collector;
    /// its name must end in .prom
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_parser = parse_file)]
    metrics_file: Option<PathBuf>,
}

/// Exporters that go on until this is dropped.
pub(crate) struct Exporters {
    _file: Option<TextFile>,
}

impl MetricsArgs {
    /// Fails where nothing can be served or written.
    pub(crate) fn start(&self) -> Result<Exporters> {
        if let Some(address) = self.metrics {
            server::start(address)?;
        }
        let file = self.metrics_file.clone().map(TextFile::start);
        Ok(Exporters {
            _file: file.transpose()?,
        })
    }
}

fn parse_address(text: &str) -> Result<SocketAddr> {
    let here = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.parse().map(here);
    port.or_else(|_| text.parse())
        .map_err(|_| anyhow!("`{text}` is neither a port nor ADDRESS:PORT"))
}

/// The collector reads files of this name only, and never one that is being written.
fn parse_file(text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(text);
    let ends = path.extension().is_some_and(|end| end == "prom");
    ensure!(ends, "`{text}` does not end in .prom");
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        let address = |text: &str| parse_address(text).map(|address| address.to_string());
        assert_eq!(address("9750").unwrap(), "127.0.0.1:9750");
        assert_eq!(address("0.0.0.0:1").unwrap(), "0.0.0.0:1");
        assert_eq!(address("[::1]:80").unwrap(), "[::1]:80");
        for bad in ["", "x", "localhost", "70000", "1.2.3.4", "-1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert!(parse_file("/x/a.prom").is_ok() && parse_file("/x/a.txt").is_err());
    }
}
