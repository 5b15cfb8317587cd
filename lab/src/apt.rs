// SPDX-License-Identifier: GPL-2.0-only
//! apt with package lists of our own below `target/lab/apt`: the system's
//! sources stay as they are, and nothing is added to them. Archive addresses
//! and the key ring come from the machine's own Debian sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{bail, Context, Result};

use crate::{command, paths};

/// Package lists older than this are fetched again.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One line of a classic sources list.
struct Source {
    uri: String,
    suite: String,
    components: String,
}

/// A set of sources, with apt's state for it.
pub struct Apt {
    dir: PathBuf,
    sources: String,
}

impl Apt {
    /// This release and its backports: what is installed comes from here.
    pub fn release() -> Result<Self> {
        let codename = codename()?;
        let own = debian_sources(&codename)?;
        let uri = main_archive(&own, &codename)?;
        let mut lines: Vec<String> = own.iter().map(source_line).collect();
        lines.push(backports(&uri, &codename));
        Self::new("release", lines)
    }

    /// The backports of Debian 13: kernels that have sched_ext.
    pub fn kernels() -> Result<Self> {
        let codename = codename()?;
        let uri = main_archive(&debian_sources(&codename)?, &codename)?;
        Self::new("kernels", vec![backports(&uri, "trixie")])
    }

    fn new(name: &str, lines: Vec<String>) -> Result<Self> {
        let dir = paths::lab_dir(&format!("apt/{name}"))?;
        fs::create_dir_all(dir.join("lists/partial"))?;
        fs::create_dir_all(dir.join("cache/archives/partial"))?;
        let sources = lines.join("\n") + "\n";
        Ok(Self { dir, sources })
    }

    /// An apt program that sees these sources only.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.configure(&mut command);
        command
    }

    /// The same as root, by sudo where we are not.
    pub fn root_command(&self, program: &str) -> Command {
        let mut command = if is_root() {
            Command::new("env")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.arg("env");
            sudo
        };
        command.arg("DEBIAN_FRONTEND=noninteractive").arg(program);
        self.configure(&mut command);
        command
    }

    fn configure(&self, command: &mut Command) {
        for option in self.options() {
            command.args(["-o", &option]);
        }
    }

    /// What makes apt see these sources only, each for its option -o.
    pub fn options(&self) -> [String; 6] {
        let dir = self.dir.display();
        [
            format!("Dir::Etc::SourceList={dir}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".to_string(),
            format!("Dir::State::Lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
            // Our folders need not be open to apt's own user.
            "APT::Sandbox::User=root".to_string(),
            "Acquire::Retries=3".to_string(),
        ]
    }

    /// Fetches the package lists unless they are fresh.
    pub fn update(&self) -> Result<()> {
        let list = self.dir.join("sources.list");
        let stamp = self.dir.join("updated");
        let same = fs::read_to_string(&list).is_ok_and(|old| old == self.sources);
        if same && age(&stamp).is_some_and(|age| age < FRESH) {
            return Ok(());
        }
        fs::write(&list, &self.sources)?;
        eprintln!("lab: fetching package lists");
        let mut update = self.command("apt-get");
        update.args(["-q", "-o", "APT::Update::Error-Mode=any", "update"]);
        let said = command::output(&mut update)?;
        if !said.status.success() {
            bail!(
                "failed ({}): {}\n{}{}",
                said.status,
                command::line(&update),
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            );
        }
        fs::write(&stamp, "")?;
        Ok(())
    }

    /// Names of the packages that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.update()?;
        let names = command::read(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_string).collect())
    }

    /// Fetches a package, checked by apt, and unpacks it into `into`.
    pub fn unpack(&self, package: &str, into: &Path) -> Result<()> {
        self.update()?;
        let folder = tempfile::tempdir_in(&self.dir)?;
        eprintln!("lab: fetching {package}");
        let mut download = self.command("apt-get");
        download.args(["-q", "download", package]);
        command::run(download.current_dir(folder.path()))?;
        let deb = fs::read_dir(folder.path())?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .with_context(|| format!("apt fetched nothing for {package}"))?;
        fs::create_dir_all(into)?;
        command::run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(into))
    }
}

/// Whether this process may install packages without sudo.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn age(file: &Path) -> Option<Duration> {
    let written = fs::metadata(file).ok()?.modified().ok()?;
    SystemTime::now().duration_since(written).ok()
}

fn backports(uri: &str, codename: &str) -> String {
    source_line(&Source {
        uri: uri.to_string(),
        suite: format!("{codename}-backports"),
        components: "main".to_string(),
    })
}

fn source_line(source: &Source) -> String {
    let Source {
        uri,
        suite,
        components,
    } = source;
    format!("deb [signed-by={KEYRING}] {uri} {suite} {components}")
}

/// Code name of the Debian release we run on.
pub fn codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("no /etc/os-release")?;
    release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_string())
        .context("/etc/os-release names no VERSION_CODENAME")
}

fn main_archive(sources: &[Source], codename: &str) -> Result<String> {
    sources
        .iter()
        .find(|source| source.suite == codename)
        .map(|source| source.uri.clone())
        .with_context(|| format!("/etc/apt names no source for the suite {codename}"))
}

/// The machine's sources whose suites belong to the release.
fn debian_sources(codename: &str) -> Result<Vec<Source>> {
    let parts = Path::new("/etc/apt/sources.list.d");
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let entries = fs::read_dir(parts).into_iter().flatten().flatten();
    files.extend(entries.map(|entry| entry.path()));
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|end| end.to_str()) {
            Some("sources") => text.split("\n\n").for_each(|part| stanza(part, &mut found)),
            Some("list") => text.lines().for_each(|line| classic(line, &mut found)),
            _ => {}
        }
    }
    found.retain(|source| {
        let suite = &source.suite;
        suite == codename
            || ["updates", "security"]
                .iter()
                .any(|pocket| *suite == format!("{codename}-{pocket}"))
    });
    Ok(found)
}

/// One paragraph of a deb822 file.
fn stanza(text: &str, found: &mut Vec<Source>) {
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    };
    let off = field("Enabled").eq_ignore_ascii_case("no");
    if off || !field("Types").split_whitespace().any(|kind| kind == "deb") {
        return;
    }
    for uri in field("URIs").split_whitespace() {
        for suite in field("Suites").split_whitespace() {
            found.push(Source {
                uri: uri.to_string(),
                suite: suite.to_string(),
                components: field("Components").to_string(),
            });
        }
    }
}

/// One line of a classic file: `deb [options] URI SUITE COMPONENTS…`.
fn classic(line: &str, found: &mut Vec<Source>) {
    let Some(rest) = line.trim().strip_prefix("deb ") else {
        return;
    };
    let rest = match rest.trim_start().strip_prefix('[') {
        Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let mut words = rest.split_whitespace();
    if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
        found.push(Source {
            uri: uri.to_string(),
            suite: suite.to_string(),
            components: words.collect::<Vec<_>>().join(" "),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_apt_sources_are_read() {
        let mut found = Vec::new();
        stanza(
            "# note\nTypes: deb\nURIs: mirror:/a\nSuites: x x-updates\nComponents: main\n",
            &mut found,
        );
        classic("deb [arch=amd64] mirror:/b y main contrib", &mut found);
        classic("# deb mirror:/c z main", &mut found);
        classic("deb-src mirror:/d z main", &mut found);
        let lines: Vec<_> = found
            .iter()
            .map(|s| format!("{} {} {}", s.uri, s.suite, s.components))
            .collect();
        assert_eq!(
            lines,
            [
                "mirror:/a x main",
                "mirror:/a x-updates main",
                "mirror:/b y main contrib"
            ]
        );
    }

    #[test]
    fn a_source_that_is_off_is_left_out() {
        let mut found = Vec::new();
        stanza(
            "Types: deb\nURIs: mirror:/a\nSuites: x\nEnabled: no\n",
            &mut found,
        );
        stanza("Types: deb-src\nURIs: mirror:/a\nSuites: x\n", &mut found);
        assert!(found.is_empty());
    }
}
