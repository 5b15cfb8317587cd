// SPDX-License-Identifier: GPL-2.0-only
//! `--metrics`: an HTTP server, in threads of its own: whoever asks holds nobody up who looks after the scheduler.

use std::net::SocketAddr;
use std::thread;

use anyhow::{anyhow, Context, Result};
use tiny_http::{Header, Request, Response, Server};

use super::collector;

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From now on until the process ends.
pub(super) fn start(address: SocketAddr) -> Result<()> {
    let server = Server::http(address).map_err(|error| anyhow!("--metrics {address}: {error}"))?;
    let body = move || {
        for request in server.incoming_requests() {
            // Who went away needs no answer.
            drop(answer(request));
        }
    };
    let thread = thread::Builder::new().name("metrics".into()).spawn(body);
    thread.map(drop).context("starting the thread of --metrics")
}

fn answer(request: Request) -> Result<()> {
    let path = request.url().split('?').next().unwrap_or_default();
    let plain = |text: &str, status: u16| Response::from_string(text).with_status_code(status);
    let response = match path {
        "/metrics" => {
            let text = collector::open_metrics(collector::look())?;
            let header = Header::from_bytes("Content-Type", TYPE);
            let header = header.map_err(|()| anyhow!("a header that is none"))?;
            Response::from_string(text).with_header(header)
        }
        "/ready" => match collector::look() {
            Some(_) => plain("in charge\n", 200),
            None => plain("not in charge\n", 503),
        },
        _ => plain("there is /metrics and /ready\n", 404),
    };
    Ok(request.respond(response)?)
}
