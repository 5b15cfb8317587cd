// SPDX-License-Identifier: GPL-2.0-only
//! The QEMU command line.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use labkit::clock::Clock;

use super::accel::Accel;
use super::share::Share;
use super::streams;
use super::vclock;
use super::Vm;
use crate::packages;

/// All that a command line is made of.
pub struct Parts<'a> {
    /// The machine.
    pub vm: &'a Vm,
    /// How it is run.
    pub accel: Accel,
    /// Folder of its sockets.
    pub dir: &'a Path,
    /// Initial RAM disk.
    pub initrd: &'a Path,
    /// File for the kernel's console.
    pub console: &'a Path,
    /// Shared folders.
    pub shares: &'a [Share],
    /// Word that ends an output stream.
    pub end: &'a str,
}

/// Puts the command line together.
pub fn command(parts: &Parts) -> Result<Command> {
    let vm = parts.vm;
    let mut qemu = Command::new(packages::qemu()?);
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none"])
        .args(["-smp", &smp(vm), "-m", &vm.memory]);
    qemu.args(processor(parts)?);
    let memory = format!("memory-backend-memfd,id=mem,size={},share=on", vm.memory);
    qemu.args(["-object", &memory, "-machine", "memory-backend=mem"]);
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
    for name in streams::NAMES {
        let socket = streams::socket(parts.dir, name);
        let chardev = format!("socket,id={name},path={}", socket.display());
        let port = format!("virtserialport,chardev={name},name={name}");
        qemu.args(["-chardev", &chardev, "-device", &port]);
    }
    for Share { tag, socket, .. } in parts.shares {
        let chardev = format!("socket,id=fs-{tag},path={}", socket.display());
        let device = format!("vhost-user-fs-pci,chardev=fs-{tag},tag={tag}");
        qemu.args(["-chardev", &chardev, "-device", &device]);
    }
    Ok(qemu)
}

/// The guest finds a last-level cache a socket.
fn smp(vm: &Vm) -> String {
    let cores = vm.cpus / vm.sockets;
    format!("{},sockets={},cores={cores}", vm.cpus, vm.sockets)
}

/// On a virtual clock nothing random and no host clock may reach the guest.
const REPRODUCIBLE: [&str; 4] = [
    "-cpu",
    "max,-rdrand,-rdseed",
    "-rtc",
    "base=2026-01-01T00:00:00,clock=vm",
];

fn processor(parts: &Parts) -> Result<Vec<String>> {
    let words: Vec<&str> = match (parts.vm.clock, parts.accel) {
        (Clock::Host, Accel::Kvm) => vec!["-accel", "kvm", "-cpu", "host"],
        (Clock::Host, Accel::Tcg) => vec!["-accel", "tcg,thread=multi", "-cpu", "max"],
        // One tick of the virtual clock is 2 ns and one instruction.
        (Clock::Serial, _) => ["-accel", "tcg", "-icount", "shift=1,sleep=off"]
            .into_iter()
            .chain(REPRODUCIBLE)
            .collect(),
        (Clock::Parallel(_), _) => ["-accel", "tcg,thread=single", "-seed", "1"]
            .into_iter()
            .chain(REPRODUCIBLE)
            .collect(),
    };
    let mut words: Vec<String> = words.into_iter().map(str::to_string).collect();
    if let Clock::Parallel(costs) = parts.vm.clock {
        words.extend(["-plugin".to_string(), vclock::plugin(costs)?]);
    }
    Ok(words)
}

fn kernel_arguments(parts: &Parts) -> String {
    // A folder that has another name each time would change the run.
    let reproducible = ("initramfs", Path::new("/"));
    let ((root, dir), more) = match parts.vm.clock {
        Clock::Host => (("virtiofs", parts.dir), ""),
        Clock::Serial => (reproducible, " nokaslr random.trust_cpu=off"),
        // The guest would calibrate its clock against a timer that the plugin moves.
        Clock::Parallel(_) => (
            reproducible,
            " nokaslr random.trust_cpu=off tsc_early_khz=1000000",
        ),
    };
    // On a busy host an emulated CPU can miss the ticks that the timer check
    // waits for.
    format!(
        "console=ttyS0 quiet panic=-1 oops=panic no_timer_check tsc=reliable mitigations=off \
         lab_root={root} lab_dir={} lab_end={}{more}",
        dir.display(),
        parts.end
    )
}
