// SPDX-License-Identifier: GPL-2.0-only
//! What the lab needs from the distribution, and how it gets there.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{bail, Context, Result};

use crate::apt::Apt;
use crate::{apt, command, paths};

/// What packages are for; each needs those of the one before, too.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub enum Use {
    /// Compiling scx_meta.
    Build,
    /// Putting load on it.
    Load,
    /// Booting a kernel for it.
    Vm,
    /// Comparing it with the kernel tree's schedulers, under web requests too.
    Overhead,
    /// Serving the paper's application.
    Rag,
}

/// Debian's packages; clang and QEMU come beside them, chosen by version.
const DEBIAN: [(Use, &str); 15] = [
    (Use::Build, "gcc"),
    (Use::Build, "libc6-dev"),
    (Use::Build, "libelf-dev"),
    (Use::Build, "make"),
    (Use::Build, "pkg-config"),
    (Use::Build, "zlib1g-dev"),
    (Use::Load, "bpftool"),
    (Use::Load, "linux-perf"),
    // hackbench
    (Use::Load, "rt-tests"),
    (Use::Load, "stress-ng"),
    // A script of the kernel tree's libbpf.
    (Use::Overhead, "python3"),
    (Use::Overhead, "wrk"),
    // The kernel's sources are packed with it.
    (Use::Overhead, "xz-utils"),
    // Its packages come by pip.
    (Use::Rag, "python3"),
    (Use::Rag, "python3-pip"),
];
/// Beside clang itself, with its version appended.
const CLANG: [&str; 2] = ["clang-", "clang-format-"];
/// scx_cargo wants at least this clang.
const CLANG_MIN: u32 = 18;
/// The one that .cargo/config.toml names, and that is tested: preferred.
const CLANG_USUAL: u32 = 19;
/// Above any clang there is.
const CLANG_END: u32 = 60;
/// QEMU 7.2 crashes the guest when schedulers come and go.
const QEMU_MIN: u32 = 8;
const QEMU: &str = "qemu-system-x86_64";

/// The same by the names of other distributions.
const OTHERS: [(&str, &str); 3] = [
    (
        "dnf install",
        "bpftool busybox clang elfutils-libelf-devel gcc make perf pkgconf-pkg-config \
         qemu-system-x86 realtime-tests stress-ng zlib-devel",
    ),
    (
        "pacman -S",
        "bpf busybox clang gcc libelf make perf pkgconf qemu-system-x86 \
         stress-ng zlib",
    ),
    (
        "zypper install",
        "bpftool busybox-static clang gcc libelf-devel make \
         perf pkgconf-pkg-config qemu-x86 stress-ng zlib-devel",
    ),
];

/// Says what to do where there is no apt.
pub fn need_debian(purpose: &str) -> Result<()> {
    if Path::new("/etc/debian_version").exists() && paths::which("apt-get").is_some() {
        return Ok(());
    }
    let mut hint = String::new();
    for (tool, names) in OTHERS {
        hint.push_str(&format!("\n  {tool} {names}"));
    }
    bail!(
        "cannot {purpose}: the lab does that on Debian only. Elsewhere install one of{hint}\n\
         and name a kernel with --kernel PATH, or use `cargo xtask run --here` on a kernel with \
         sched_ext"
    )
}

/// A clang that is new enough: its name.
pub fn clang() -> Option<String> {
    if let Some(version) = clang_version() {
        return Some(format!("clang-{version}"));
    }
    let said = command::read(Command::new("clang").arg("--version")).ok()?;
    (first_number(&said)? >= CLANG_MIN).then(|| "clang".to_string())
}

fn clang_version() -> Option<u32> {
    best_clang((CLANG_MIN..CLANG_END).filter(|v| paths::which(&format!("clang-{v}")).is_some()))
}

/// The usual version, else the newest.
fn best_clang(versions: impl Iterator<Item = u32>) -> Option<u32> {
    versions.max_by_key(|version| (*version == CLANG_USUAL, *version))
}

pub fn qemu() -> Result<PathBuf> {
    let path = paths::which(QEMU).with_context(|| format!("there is no {QEMU}"))?;
    if qemu_version()? < QEMU_MIN {
        bail!("{} is older than {QEMU_MIN}.0", path.display());
    }
    Ok(path)
}

/// The major version of the QEMU that is installed.
pub fn qemu_version() -> Result<u32> {
    let said = command::read(Command::new(QEMU).arg("--version"))?;
    first_number(&said).with_context(|| format!("{QEMU} --version does not name a version: {said}"))
}

fn first_number(text: &str) -> Option<u32> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text[from..].split(|c: char| !c.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// Installs what is missing, after asking.
pub fn ensure(purpose: Use, yes: bool) -> Result<()> {
    if purpose >= Use::Vm && env::consts::ARCH != "x86_64" {
        bail!(
            "the lab boots x86_64 kernels only, and this machine is {}; on a kernel with \
             sched_ext use `cargo xtask run --here`",
            env::consts::ARCH
        );
    }
    if let Err(hint) = need_debian("install packages") {
        return if tools_are_there(purpose) {
            Ok(())
        } else {
            Err(hint)
        };
    }
    let names: Vec<&str> = DEBIAN
        .iter()
        .filter(|(of, _)| *of <= purpose)
        .map(|(_, name)| *name)
        .collect();
    let mut missing = missing(&names)?;
    let no_clang = clang().is_none();
    let no_qemu = purpose >= Use::Vm && qemu().is_err();
    if missing.is_empty() && !no_clang && !no_qemu {
        return Ok(());
    }

    let apt = Apt::release()?;
    apt.update()?;
    if no_clang {
        let version = clang_to_install(&apt)?;
        missing.extend(CLANG.map(|name| format!("{name}{version}")));
    }
    let mut steps = Vec::new();
    if !missing.is_empty() {
        steps.push(install(&apt, &missing, None));
    }
    if no_qemu {
        let suite = format!("{}-backports", apt::codename()?);
        let qemu = ["qemu-system-x86".to_string()];
        steps.push(install(&apt, &qemu, Some(&suite)));
        missing.extend(qemu);
    }
    show(&missing, &steps)?;
    confirm("Install these packages?", yes)?;
    for step in &mut steps {
        command::run(step.arg("--yes"))?;
    }
    record(&missing)
}

fn tools_are_there(purpose: Use) -> bool {
    let build = ["make", "gcc"].iter();
    let load = ["bpftool", "perf", "stress-ng"].iter();
    let load = load.filter(|_| purpose >= Use::Load);
    clang().is_some()
        && build.chain(load).all(|tool| paths::which(tool).is_some())
        && (purpose < Use::Vm || qemu().is_ok())
}

fn clang_to_install(apt: &Apt) -> Result<u32> {
    let names = apt.names("clang-")?;
    let versions = names
        .iter()
        .filter_map(|name| name.strip_prefix("clang-")?.parse().ok())
        .filter(|version| (CLANG_MIN..CLANG_END).contains(version));
    best_clang(versions).with_context(|| format!("the archive has no clang {CLANG_MIN} or newer"))
}

fn missing(names: &[&str]) -> Result<Vec<String>> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Abbrev} ${Package}\n"]);
    // It fails when it does not know one of them at all.
    let said = command::output(query.args(names))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let there: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ii"))
        .map(str::trim)
        .collect();
    let gone = names.iter().filter(|name| !there.contains(name));
    Ok(gone.map(ToString::to_string).collect())
}

fn install(apt: &Apt, packages: &[String], suite: Option<&str>) -> Command {
    let mut step = apt.root_command("apt-get");
    step.args(["install", "--no-install-recommends"]);
    if let Some(suite) = suite {
        step.args(["-t", suite]);
    }
    step.args(packages);
    step
}

fn show(packages: &[String], steps: &[Command]) -> Result<()> {
    eprintln!("The lab needs these packages: {}", packages.join(" "));
    for step in steps {
        eprintln!("  {}", command::line(step));
        let mut plan = Command::new(step.get_program());
        plan.args(step.get_args()).arg("--assume-no");
        let said = command::output(&mut plan)?;
        let said = String::from_utf8_lossy(&said.stdout);
        for line in said.lines() {
            if line.starts_with("Need to get") || line.starts_with("After this operation") {
                eprintln!("    {line}");
            }
        }
    }
    Ok(())
}

/// Asks; without a terminal only `--yes` and `CI=true` are an answer.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes || env::var("CI").is_ok_and(|value| value == "true") {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        bail!("{question} There is no terminal to ask on: repeat the command with --yes");
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !answer.trim().eq_ignore_ascii_case("y") {
        bail!("nothing was done");
    }
    Ok(())
}

/// File with the names of the packages that the lab installed.
pub fn installed_list() -> PathBuf {
    paths::lab().join("installed-packages")
}

fn record(packages: &[String]) -> Result<()> {
    let list = installed_list();
    let mut text = fs::read_to_string(&list).unwrap_or_default();
    for package in packages {
        text.push_str(package);
        text.push('\n');
    }
    fs::write(&list, text).with_context(|| format!("cannot write {}", list.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_clang_is_preferred_to_a_newer_one() {
        assert_eq!(best_clang([18, 19, 22].into_iter()), Some(19));
        assert_eq!(best_clang([18, 21, 22].into_iter()), Some(22));
        assert_eq!(best_clang([].into_iter()), None);
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(
            first_number("QEMU emulator version 10.0.2 (Debian)"),
            Some(10)
        );
        assert_eq!(first_number("Debian clang version 19.1.7"), Some(19));
        assert_eq!(first_number("no version"), None);
    }
}
