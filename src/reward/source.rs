// SPDX-License-Identifier: GPL-2.0-only
//! Where an application says how well it does.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{bail, ensure, Context, Error, Result};

/// Of `--reward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file with a number.
    File(PathBuf),
    /// A number in a text that a server answers with.
    Http {
        /// Without what stands behind `#`.
        url: String,
        /// Name, and labels if it has some, as the text has them.
        metric: String,
    },
    /// A shell command that prints a number.
    Command(String),
    /// Calls of a function.
    Calls {
        /// The program or library.
        binary: PathBuf,
        /// The function.
        symbol: String,
    },
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let there = |part: &str, what: &str| {
            ensure!(!part.is_empty(), "`{text}` names no {what}");
            Ok(part.to_owned())
        };
        if text.starts_with("http://") {
            let (url, metric) = text.split_once('#').with_context(|| {
                format!("`{text}` names no metric: http://HOST:PORT/metrics#NAME")
            })?;
            return Ok(Self::Http {
                url: url.to_owned(),
                metric: there(metric, "metric")?,
            });
        }
        match text.split_once(':') {
            Some(("file", path)) => Ok(Self::File(there(path, "file")?.into())),
            Some(("cmd", command)) => Ok(Self::Command(there(command, "command")?)),
            Some(("uprobe", rest)) => {
                let (binary, symbol) = rest
                    .rsplit_once(':')
                    .with_context(|| format!("`{text}` is not uprobe:BINARY:SYMBOL"))?;
                Ok(Self::Calls {
                    binary: there(binary, "binary")?.into(),
                    symbol: there(symbol, "symbol")?,
                })
            }
            _ => bail!(
                "`{text}` is none of file:PATH, http://…#METRIC, cmd:COMMAND, uprobe:BINARY:SYMBOL"
            ),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Http { url, metric } => write!(f, "{url}#{metric}"),
            Self::Command(command) => write!(f, "cmd:{command}"),
            Self::Calls { binary, symbol } => write!(f, "uprobe:{}:{symbol}", binary.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_source_is_taken_and_told_as_it_was_given() {
        for text in [
            "file:/run/app/done",
            "http://127.0.0.1:9100/metrics#requests_total{code=\"200\"}",
            "cmd:redis-cli info stats | grep -o 'processed:[0-9]*'",
            "uprobe:/usr/sbin/nginx:ngx_http_finalize_request",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "x",
            "file:",
            "cmd:",
            "http://x/metrics",
            "http://x/metrics#",
            "https://x#y",
            "uprobe:/bin/x",
            "uprobe::x",
            "uprobe:/bin/x:",
        ] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
