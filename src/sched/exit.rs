// SPDX-License-Identifier: GPL-2.0-only
//! Why the kernel ended a program: the record that ops.exit left in its maps, and what follows
//! from it.

use std::ptr;

use libbpf_rs::{MapCore, MapFlags};
use scx_utils::{ScxExitKind, SCX_ECODE_ACT_RESTART};

use crate::bpf::BpfSkel;

/// Of the map with the kernel's dump.
const ONLY_KEY: [u8; 4] = [0; 4];

/// What ended a program, as far as it matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing did.
    None,
    /// Whoever unregistered it, or pressed SysRq-S: a human's word.
    Asked,
    /// The kernel wants it loaded again, since CPUs came or went.
    Restart,
    /// An error or a stall.
    Fault,
}

/// The record.
#[derive(Clone, Debug, Default)]
pub(super) struct Exit {
    kind: i64,
    code: i64,
    /// The CPU that found the reason, where the kernel says it.
    cpu: Option<i32>,
    reason: String,
    pub(super) message: String,
    dump: String,
}

/// Whether the kernel has ended the program.
pub(super) fn has_ended(skel: &BpfSkel<'_>) -> bool {
    skel.maps.data_data.as_ref().is_some_and(|data| {
        // SAFETY: a reference is valid; the kernel writes to what it points to.
        unsafe { ptr::read_volatile(&data.uei.kind) != 0 }
    })
}

impl Exit {
    /// Reads it.
    pub(super) fn of(skel: &BpfSkel<'_>) -> Self {
        let Some(data) = skel.maps.data_data.as_ref().filter(|_| has_ended(skel)) else {
            return Self::default();
        };
        // A copy; ops.exit has written the kind last.
        let uei = data.uei;
        let dump = skel.maps.data_uei_dump.lookup(&ONLY_KEY, MapFlags::ANY);
        Self {
            kind: uei.kind.into(),
            code: uei.exit_code,
            // Where the kernel does not say it the program writes -1.
            cpu: Some(uei.exit_cpu).filter(|cpu| *cpu >= 0),
            reason: text(uei.reason.map(|byte| byte as u8)),
            message: text(uei.msg.map(|byte| byte as u8)),
            dump: dump.ok().flatten().map(text).unwrap_or_default(),
        }
    }

    /// What follows from it.
    pub(super) fn cause(&self) -> Cause {
        let by_kernel = [ScxExitKind::UnregBPF, ScxExitKind::UnregKern].map(|kind| kind as i64);
        // The bit is that of this kernel's BTF.
        let restart = || self.code != 0 && self.code & *SCX_ECODE_ACT_RESTART as i64 != 0;
        match self.kind {
            0 => Cause::None,
            kind if by_kernel.contains(&kind) && restart() => Cause::Restart,
            kind if kind >= ScxExitKind::Error as i64 => Cause::Fault,
            _ => Cause::Asked,
        }
    }

    /// One line, as the kernel's own log has it.
    pub(super) fn why(&self) -> String {
        let mut why = match self.reason.as_str() {
            "" => format!("exit kind {}", self.kind),
            reason => reason.to_owned(),
        };
        if !self.message.is_empty() {
            why += &format!(" ({})", self.message);
        }
        if let Some(cpu) = self.cpu {
            why += &format!(" on CPU {cpu}");
        }
        why
    }

    /// The kernel's dump of its queues and tasks, which it makes at a fault.
    pub(super) fn dump(&self) -> Option<&str> {
        Some(self.dump.trim_end()).filter(|dump| !dump.is_empty())
    }
}

/// Up to the null byte. A message may hold the name of a task, which need not be UTF-8.
fn text(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = &bytes[..end.unwrap_or(bytes.len())];
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(kind: ScxExitKind) -> Exit {
        Exit {
            kind: kind as i64,
            ..Exit::default()
        }
    }

    #[test]
    fn a_humans_word_is_told_from_a_fault() {
        for (kind, cause) in [
            (ScxExitKind::None, Cause::None),
            (ScxExitKind::Unreg, Cause::Asked),
            (ScxExitKind::UnregKern, Cause::Asked),
            (ScxExitKind::SysRq, Cause::Asked),
            (ScxExitKind::Error, Cause::Fault),
            (ScxExitKind::ErrorBPF, Cause::Fault),
            (ScxExitKind::ErrorStall, Cause::Fault),
        ] {
            assert_eq!(exit(kind).cause(), cause);
        }
    }

    #[test]
    fn the_line_says_what_is_known() {
        let mut stall = exit(ScxExitKind::ErrorStall);
        assert_eq!(stall.why(), "exit kind 1026");
        stall.reason = "runnable task stall".into();
        assert_eq!(stall.why(), "runnable task stall");
        stall.message = "hog[77] failed to run for 3.204s".into();
        stall.cpu = Some(1);
        assert_eq!(
            stall.why(),
            "runnable task stall (hog[77] failed to run for 3.204s) on CPU 1"
        );
        assert_eq!(stall.dump(), None);
    }

    #[test]
    fn names_need_not_be_utf_8() {
        assert_eq!(text(b"h\xffg[7]\0rest"), "h\u{fffd}g[7]");
        assert_eq!(text(b"whole"), "whole");
    }
}
