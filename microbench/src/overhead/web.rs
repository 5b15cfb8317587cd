// SPDX-License-Identifier: GPL-2.0-only
//! nginx with one small page, for as long as the value lives.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use labkit::sys;

const PORT: u16 = 8080;

pub(crate) const URL: &str = "http://127.0.0.1:8080/";

/// Everything it writes; /run is a tmpfs in the lab's guest.
const FOLDER: &str = "/run/metabench-web";

const PAGE_BYTES: usize = 4096;
const READY_LIMIT: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(20);

pub(crate) struct Web {
    child: Child,
}

impl Web {
    /// Starts the program and waits until it answers. To be called from the main thread: the
    /// process ends with the thread that started it.
    pub(crate) fn start(nginx: &Path) -> Result<Self> {
        let folder = Path::new(FOLDER);
        let root = folder.join("html");
        fs::create_dir_all(&root).with_context(|| format!("cannot create {FOLDER}"))?;
        fs::write(root.join("index.html"), "x".repeat(PAGE_BYTES))
            .and_then(|()| fs::write(folder.join("nginx.conf"), configuration()))
            .with_context(|| format!("cannot write to {FOLDER}"))?;
        let mut command = Command::new(nginx);
        command.args(["-p", FOLDER, "-c", "nginx.conf", "-e", "stderr"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = sys::in_own_group(&mut command, libc::SIGKILL)
            .spawn()
            .with_context(|| format!("cannot start {}", nginx.display()))?;
        let mut web = Self { child };
        web.wait_ready()?;
        Ok(web)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], PORT));
        let deadline = sys::monotonic() + READY_LIMIT;
        while TcpStream::connect_timeout(&address, READY_LIMIT).is_err() {
            if let Some(status) = self.child.try_wait().context("cannot wait for nginx")? {
                bail!("nginx ended ({status})");
            }
            ensure!(
                sys::monotonic() < deadline,
                "nginx did not answer at {address} within {READY_LIMIT:?}"
            );
            sys::sleep_until(sys::monotonic() + READY_POLL).context("clock_nanosleep")?;
        }
        Ok(())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // It may be gone already; what is left of its group is ended and reaped.
        let _ = sys::kill_group(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Relative paths are below the prefix. Two workers, as many as the guest has CPUs by default.
fn configuration() -> String {
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("  {name}_temp_path {FOLDER}/{name};\n"))
        .collect();
    format!(
        "daemon off;\nuser root;\nworker_processes 2;\npid {FOLDER}/nginx.pid;\n\
         error_log stderr warn;\nevents {{ worker_connections 256; }}\n\
         http {{\n  access_log off;\n{temp}  \
         server {{ listen 127.0.0.1:{PORT}; root {FOLDER}/html; }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_listens_where_clients_look() {
        assert!(URL.contains(&format!("127.0.0.1:{PORT}/")));
        let text = configuration();
        assert!(text.contains(&format!("listen 127.0.0.1:{PORT};")));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
