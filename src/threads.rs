// SPDX-License-Identifier: GPL-2.0-only
//! The threads of a machine as /proc shows them at this moment.

use std::fs;
use std::path::{Path, PathBuf};

use nix::libc;

/// Among a thread's flags: it is one of the kernel's.
pub(crate) const PF_KTHREAD: u64 = 0x0020_0000;

/// Fields of /proc/PID/stat, counted behind the name, whose parentheses may enclose anything.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    State = 0,
    Flags = 6,
    UserTicks = 11,
    KernelTicks = 12,
    Cpu = 36,
    Priority = 37,
    Class = 38,
}

/// What the file `stat` of a thread says.
pub(crate) struct Stat {
    pub(crate) tid: u32,
    /// As the kernel has it, but for bytes that are no UTF-8.
    pub(crate) name: String,
    fields: Vec<String>,
}

impl Stat {
    /// None when the thread has ended.
    pub(crate) fn read(thread: &Path) -> Option<Self> {
        let text = fs::read(thread.join("stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (before, fields) = text.rsplit_once(") ")?;
        let (tid, name) = before.split_once(" (")?;
        Some(Self {
            tid: tid.parse().ok()?,
            name: name.to_owned(),
            fields: fields.split_whitespace().map(String::from).collect(),
        })
    }

    pub(crate) fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(field as usize).map(String::as_str)
    }

    pub(crate) fn number(&self, field: Field) -> Option<u64> {
        self.field(field)?.parse().ok()
    }

    pub(crate) fn class(&self) -> Option<libc::c_int> {
        libc::c_int::try_from(self.number(Field::Class)?).ok()
    }

    /// It wants a CPU, or has one.
    pub(crate) fn is_ready(&self) -> bool {
        self.field(Field::State) == Some("R")
    }
}

/// Whether tasks of this class go before those of sched_ext.
pub(crate) fn is_higher(class: libc::c_int) -> bool {
    [libc::SCHED_FIFO, libc::SCHED_RR, libc::SCHED_DEADLINE].contains(&class)
}

/// The folders of all threads below a /proc.
pub(crate) fn threads(proc: &Path) -> impl Iterator<Item = PathBuf> {
    numbered(proc).flat_map(|process| numbered(&process.join("task")))
}

/// The folders of all processes below a /proc; a thread of the kernel is one, too.
pub(crate) fn processes(proc: &Path) -> impl Iterator<Item = PathBuf> {
    numbered(proc)
}

fn numbered(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let numbered = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok())
    });
    numbered.map(|entry| entry.path())
}

#[cfg(test)]
pub(crate) mod tests {
    use nix::libc;

    /// The file of a thread, as Linux 6.18 writes it.
    pub(crate) fn stat(
        tid: u32,
        comm: &str,
        flags: u64,
        priority: u32,
        class: libc::c_int,
    ) -> String {
        format!(
            "{tid} ({comm}) S 1 {tid} {tid} 0 -1 {flags} 117 0 0 0 0 0 0 0 20 0 1 0 55 3194880 224 \
             18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 0 {priority} {class} 0 0 0 0 0 0 \
             0 0 0 0 0 0 0\n"
        )
    }
}
