// SPDX-License-Identifier: GPL-2.0-only
//! What has no effect while scx_meta runs: settings of cgroups that it does not
//! implement, or not under each policy. The kernel takes and keeps them, and
//! tells nobody.
//!
//! A machine may have many thousands of cgroups, and a start must not wait for
//! all of them: the walk is by level, the nearest to the root first, and ends
//! after a number of cgroups or a time, whichever comes first.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bpf::abi;
use crate::machine::Machine;
use crate::policy::{join, Policy};

/// A file of the cpu controller, and what it reads where nobody wrote to it:
/// the whole text, or its first word.
struct Setting {
    file: &'static str,
    unset: &'static str,
    /// Some policies honour it.
    honoured: bool,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        file: "cpu.max",
        unset: "max",
        honoured: false,
    },
    Setting {
        file: "cpu.idle",
        unset: "0",
        honoured: true,
    },
    Setting {
        file: "cpu.weight",
        unset: "100",
        honoured: true,
    },
];

/// Of cpu.max, to be followed by where it was found.
const VOID: &str = "cpu.max has no effect under scx_meta";

/// Whether a policy shares CPU time by the weights of cgroups.
pub(crate) fn honours_weights(policy: Policy) -> bool {
    policy.needs() & abi::meta_needs_META_NEEDS_WEIGHTS != 0
}

/// The same of all settings.
pub(crate) fn void_of_all() -> String {
    let honour = join(Policy::all().filter(|policy| honours_weights(*policy)));
    format!("cpu.weight and cpu.idle have an effect only under {honour}, and {VOID}")
}

const MAX_CGROUPS: usize = 4096;
const MAX_TIME: Duration = Duration::from_millis(250);
const NAMED: usize = 3;

/// The settings that are void, for a line.
#[derive(Debug, Default)]
pub(crate) struct Void {
    /// `/a.slice (cpu.max 50000 100000)`, of the first few cgroups.
    named: Vec<String>,
    /// All cgroups that have one.
    count: usize,
    /// The walk ended before the cgroups did.
    cut: bool,
    /// Weights are not looked for.
    honoured: bool,
}

impl Void {
    /// Looks at the cgroups of the machine, for what is void under some policy.
    pub(crate) fn find(machine: &Machine) -> Self {
        Self::among(machine, false, MAX_CGROUPS)
    }

    /// Looks at this many at most; `honoured`: weights are no finding.
    fn among(machine: &Machine, honoured: bool, most: usize) -> Self {
        let mut found = Self {
            honoured,
            ..Self::default()
        };
        let Some(root) = machine.cgroups() else {
            return found;
        };
        let end = Instant::now() + MAX_TIME;
        let mut queue: VecDeque<PathBuf> = children(&root).collect();
        let mut looks = 0;
        while let Some(cgroup) = queue.pop_front() {
            if looks == most || Instant::now() > end {
                found.cut = true;
                break;
            }
            looks += 1;
            found.look_at(&root, &cgroup);
            // What is never looked at need not be remembered.
            if queue.len() < most {
                queue.extend(children(&cgroup));
            }
        }
        found
    }

    fn look_at(&mut self, root: &Path, cgroup: &Path) {
        let void = |setting: &&Setting| !(self.honoured && setting.honoured);
        let void = SETTINGS.iter().filter(void);
        let read = void.filter_map(|setting| setting.read(cgroup));
        let mut set: Vec<String> = read.collect();
        // The weight of an idle cgroup follows from that.
        if set.iter().any(|set| set.starts_with("cpu.idle")) {
            set.retain(|set| !set.starts_with("cpu.weight"));
        }
        if set.is_empty() {
            return;
        }
        self.count += 1;
        if self.named.len() < NAMED {
            let name = cgroup.strip_prefix(root).unwrap_or(cgroup);
            self.named
                .push(format!("/{} ({})", name.display(), set.join(", ")));
        }
    }

    /// Where they are, for people; None if there are none.
    pub(crate) fn describe(&self) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let more = match self.count - self.named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let cut = match self.cut {
            true => " (not all cgroups were looked at)",
            false => "",
        };
        Some(format!("{}{more}{cut}", self.named.join(", ")))
    }
}

impl Setting {
    /// `cpu.max 50000 100000`, if somebody set it.
    fn read(&self, cgroup: &Path) -> Option<String> {
        let text = fs::read_to_string(cgroup.join(self.file)).ok()?;
        let text = text.trim();
        let unset = text.split(' ').next() == Some(self.unset);
        (!unset).then(|| format!("{} {text}", self.file))
    }
}

fn children(cgroup: &Path) -> impl Iterator<Item = PathBuf> {
    let mut children: Vec<PathBuf> = fs::read_dir(cgroup)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    children.sort();
    children.into_iter()
}

/// At a start, in one line, that some cgroup has such a setting;
/// `honoured`: weights are not void, whoever is in charge.
pub(crate) fn warning(machine: &Machine, honoured: bool) -> Option<String> {
    let void = match honoured {
        true => VOID.to_owned(),
        false => void_of_all(),
    };
    let found = Void::among(machine, honoured, MAX_CGROUPS).describe()?;
    Some(format!("{void}: {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake;

    struct Fake(fake::Root);

    impl Fake {
        fn new() -> Self {
            Self(fake::Root::with_cgroups())
        }

        fn cgroup(&self, name: &str, max: &str, weight: &str, idle: &str) {
            let at = |file| format!("/sys/fs/cgroup/{name}/{file}");
            self.0.write(&at("cpu.max"), max);
            self.0.write(&at("cpu.weight"), weight);
            self.0.write(&at("cpu.idle"), idle);
        }

        fn found(&self) -> Option<String> {
            Void::find(&self.0.machine()).describe()
        }
    }

    #[test]
    fn cgroups_as_they_are_made_are_no_finding() {
        let fake = Fake::new();
        assert_eq!(fake.found(), None);
        fake.cgroup("a.slice", "max 100000\n", "100\n", "0\n");
        fake.0.write("/sys/fs/cgroup/without/cgroup.procs", "");
        assert_eq!(fake.found(), None);
        assert_eq!(warning(&fake.0.machine(), false), None);
    }

    #[test]
    fn weights_are_no_finding_where_they_are_honoured() {
        let fake = Fake::new();
        fake.cgroup("a.slice", "max 100000\n", "200\n", "0\n");
        fake.cgroup("b.slice", "max 100000\n", "1\n", "1\n");
        assert_eq!(warning(&fake.0.machine(), true), None);
        fake.cgroup("c.slice", "50000 100000\n", "200\n", "0\n");
        let said = warning(&fake.0.machine(), true).unwrap();
        assert_eq!(said, format!("{VOID}: /c.slice (cpu.max 50000 100000)"));
    }

    #[test]
    fn the_policies_that_honour_weights_are_named() {
        let said = "cpu.weight and cpu.idle have an effect only under vtime, eevdf, bpfland, and ";
        assert_eq!(void_of_all(), format!("{said}{VOID}"));
    }

    #[test]
    fn each_setting_is_named_with_its_cgroup() {
        let fake = Fake::new();
        fake.cgroup("a.slice", "max 100000\n", "100\n", "0\n");
        fake.cgroup("a.slice/b.service", "50000 100000\n", "200\n", "0\n");
        fake.cgroup("c.slice", "max 100000\n", "1\n", "1\n");
        assert_eq!(
            fake.found().unwrap(),
            "/c.slice (cpu.idle 1), /a.slice/b.service (cpu.max 50000 100000, cpu.weight 200)"
        );
        let said = warning(&fake.0.machine(), false).unwrap();
        let begins = format!("{}: /c.slice (cpu.idle 1), /a", void_of_all());
        assert!(said.starts_with(&begins), "{said}");
    }

    #[test]
    fn many_are_counted_and_a_few_named() {
        let fake = Fake::new();
        for n in 0..9 {
            fake.cgroup(&format!("g{n}"), "max 100000\n", "200\n", "0\n");
        }
        let found = fake.found().unwrap();
        assert!(
            found.ends_with("/g2 (cpu.weight 200) and 6 more"),
            "{found}"
        );
    }

    #[test]
    fn the_walk_ends_however_many_there_are() {
        let fake = Fake::new();
        for n in 0..20 {
            fake.cgroup(&format!("g{n:02}"), "max 100000\n", "100\n", "0\n");
            fake.cgroup(&format!("g{n:02}/below"), "max 100000\n", "200\n", "0\n");
        }
        fake.cgroup("g01", "max 100000\n", "200\n", "0\n");
        let machine = fake.0.machine();
        let found = |most| Void::among(&machine, false, most).describe().unwrap();
        let cut = " (not all cgroups were looked at)";
        assert_eq!(found(20), format!("/g01 (cpu.weight 200){cut}"));
        assert!(!found(40).contains(cut), "{}", found(40));
    }
}
