// SPDX-License-Identifier: GPL-2.0-only
//! The QEMU command line.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use labkit::clock::Clock;

use super::accel::Accel;
use super::{streams, vclock, Vm};
use crate::packages;

/// All that a command line is made of.
pub(super) struct Parts<'a> {
    pub vm: &'a Vm,
    pub accel: Accel,
    /// Folder of its sockets.
    pub dir: &'a Path,
    pub initrd: &'a Path,
    pub console: &'a Path,
    /// Words for the guest's first script.
    pub guest: &'a str,
    /// Ports that the guest talks over.
    pub ports: &'a [&'a str],
    /// Where QEMU's control channel goes, if any.
    pub control: Option<&'a Path>,
}

pub(super) fn command(parts: &Parts) -> Result<Command> {
    let vm = parts.vm;
    let mut qemu = Command::new(packages::qemu()?);
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none"])
        .args(vm.hardware.options());
    qemu.args(processor(parts)?);
    qemu.arg("-kernel").arg(&vm.kernel.image);
    qemu.arg("-initrd").arg(parts.initrd);
    qemu.args(["-append", &kernel_arguments(parts)]);
    qemu.arg("-serial")
        .arg(format!("file:{}", parts.console.display()));

    // A thread of the host that answers a port would be a clock of its own.
    let serial = match vm.clock {
        Clock::Parallel(_) => "virtio-serial-pci,ioeventfd=off",
        _ => "virtio-serial-pci",
    };
    qemu.args(["-device", serial]);
    for name in parts.ports {
        let socket = streams::socket(parts.dir, name);
        let chardev = format!("socket,id={name},path={}", socket.display());
        let port = format!("virtserialport,chardev={name},name={name}");
        qemu.args(["-chardev", &chardev, "-device", &port]);
    }
    if let Some(socket) = parts.control {
        qemu.arg("-qmp").arg(format!("unix:{}", socket.display()));
    }
    Ok(qemu)
}

/// On a virtual clock nothing random (the processor's -rdrand,-rdseed) and no host clock may reach
/// the guest.
const CLOCK: [&str; 2] = ["-rtc", "base=2026-01-01T00:00:00,clock=vm"];

/// Without fast strings of bytes the kernel and glibc move 8 bytes and more at a time, which is as
/// many times faster to emulate.
const PARALLEL: [&str; 6] = [
    "-accel",
    "tcg,thread=single",
    "-cpu",
    "max,-rdrand,-rdseed,-erms,-fsrm",
    "-seed",
    "1",
];

fn processor(parts: &Parts) -> Result<Vec<String>> {
    let words: Vec<&str> = match (parts.vm.clock, parts.accel) {
        (Clock::Host, Accel::Kvm) => vec!["-accel", "kvm", "-cpu", "host"],
        (Clock::Host, Accel::Tcg) => vec!["-accel", "tcg,thread=multi", "-cpu", "max"],
        // One tick of the virtual clock is 2 ns and one instruction.
        (Clock::Serial, _) => ["-accel", "tcg", "-icount", "shift=1,sleep=off"]
            .into_iter()
            .chain(["-cpu", "max,-rdrand,-rdseed"])
            .chain(CLOCK)
            .collect(),
        (Clock::Parallel(_), _) => PARALLEL.into_iter().chain(CLOCK).collect(),
    };
    let mut words: Vec<String> = words.into_iter().map(str::to_string).collect();
    if let Clock::Parallel(costs) = parts.vm.clock {
        words.extend(["-plugin".to_string(), vclock::plugin(costs)?]);
    }
    Ok(words)
}

fn kernel_arguments(parts: &Parts) -> String {
    let more = match parts.vm.clock {
        Clock::Host => "",
        Clock::Serial => " nokaslr random.trust_cpu=off",
        // The guest would calibrate its clock against a timer that the plugin moves.
        Clock::Parallel(_) => " nokaslr random.trust_cpu=off tsc_early_khz=1000000",
    };
    // On a busy host an emulated CPU can miss the ticks that the timer check
    // waits for. The kernel's tests of its ciphers keep one CPU busy for
    // seconds after boot, while ours run already. From 6.17 on, kdamond
    // measures the memory in use every 5 ms, on whichever CPU it was last:
    // a sleeper with a period in step with it finds its CPU taken each time.
    let mut words = format!(
        "console=ttyS0 quiet panic=-1 oops=panic no_timer_check tsc=reliable mitigations=off \
         cryptomgr.notests=1 damon_stat.enabled=0 {}{more}",
        parts.guest
    );
    let hardware = &parts.vm.hardware;
    if let Some(list) = &hardware.offline {
        words.push_str(&format!(" lab_offline={list}"));
    }
    if !hardware.append.is_empty() {
        words.push_str(&format!(" {}", hardware.append));
    }
    words
}
