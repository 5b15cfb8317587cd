// SPDX-License-Identifier: GPL-2.0-only
//! What is known about an ejection beside the kernel's own line: which policy was in charge, and of
//! a task that was left without a CPU, why nobody could give it one. /proc is read half a second
//! after the end at most: it tells what is so then, which the words admit.

use std::time::Duration;

use super::exit::Exit;
use super::tasks::Tasks;
use crate::bpf::abi;
use crate::live::Live;
use crate::policy::Policy;
use crate::stats;

/// In the kernel's message about a task that waited too long: `NAME[PID] failed to run for 3.204s`.
const STARVED: &str = "] failed to run for ";
/// … and about its watchdog.
const WATCHDOG: &str = "watchdog failed to check in";

/// What our program adds to the kernel's lines about a task in a dump (bpf/dump.bpf.h).
const DUMPED: &str = "meta: policy ";

/// A task that the kernel's message names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Starved {
    name: String,
    pid: u32,
    waited: Duration,
}

impl Starved {
    fn parse(message: &str) -> Option<Self> {
        let (task, rest) = message.rsplit_once(STARVED)?;
        let (name, pid) = task.rsplit_once('[')?;
        let seconds = rest.split_once('s').map_or(rest, |(number, _)| number);
        Some(Self {
            name: name.into(),
            pid: pid.parse().ok()?,
            waited: Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?,
        })
    }
}

/// By which policy's hands the task waits: the one that queued it need not be the one in charge.
fn queued_by(dump: &str, starved: &Starved) -> Option<String> {
    let Starved { name, pid, .. } = starved;
    let begins = format!(" {name}[{pid}] ");
    let of_a_task = |line: &&str| line.ends_with("ms") && line.contains("] ");
    let lines = dump.lines().skip_while(|line| !line.contains(&begins));
    let mut about = lines.skip(1).take_while(|line| !of_a_task(line));
    let line = about.find_map(|line| line.trim().strip_prefix(DUMPED))?;
    let (id, rest) = line.split_once(',')?;
    let policy = Policy::from_id(id.parse().ok()?)?;
    let queued = rest.contains("queued");
    queued.then(|| format!("{name}[{pid}] waits in a queue of {policy}"))
}

/// A line each.
pub(super) fn of(exit: &Exit, live: &Live, partial: bool) -> Vec<String> {
    let starved = Starved::parse(&exit.message);
    let status = live.status().ok();
    let now_ns = stats::now_ns().unwrap_or_default();
    let policy = status.and_then(|status| in_charge(&status, now_ns, starved.as_ref()));
    let queued = starved.as_ref().zip(exit.dump());
    let queued = queued.and_then(|(starved, dump)| queued_by(dump, starved));
    policy
        .into_iter()
        .chain(queued)
        .chain(about(
            &exit.message,
            starved.as_ref(),
            &Tasks::default(),
            partial,
        ))
        .collect()
}

/// The map "status" stands as the timer left it when it looked last.
fn in_charge(status: &abi::meta_status, now_ns: u64, starved: Option<&Starved>) -> Option<String> {
    let policy = Policy::from_id(status.active)?;
    let since = Duration::from_nanos(now_ns.saturating_sub(status.entered_at_ns));
    let mut line = format!("{policy} was in charge, for {}", seconds(since));
    if let Some(starved) = starved.filter(|starved| starved.waited > since) {
        line += &format!(
            "; the task had waited for {} then, first under the policies before it",
            seconds(starved.waited)
        );
    }
    Some(line)
}

fn about(message: &str, starved: Option<&Starved>, tasks: &Tasks, partial: bool) -> Option<String> {
    if message.contains(WATCHDOG) {
        return Some(
            "the kernel's watchdog itself came too late: the whole machine seems to have stood still \
             (a virtual machine that was stopped or moved), or real-time tasks kept its threads from \
             running"
                .into(),
        );
    }
    let Starved { name, pid, .. } = starved?;
    let Some(allowed) = tasks.allowed(*pid) else {
        return Some(format!("{name}[{pid}] has ended since"));
    };
    let may = format!("{name}[{pid}] may use CPU {allowed}");
    let Some(holder) = tasks.higher_on(&allowed) else {
        let also = match partial {
            true => "; with --partial tasks of the default class go before it",
            false => "",
        };
        return Some(format!(
            "{may}, where no real-time or deadline task runs now{also}"
        ));
    };
    let cpu = holder.cpu;
    let used = holder
        .used()
        .map(|used| format!(" and has used {} of CPU time", seconds(used)));
    let used = used.unwrap_or_default();
    Some(format!(
        "{may}; seemingly {holder} held CPU {cpu} against it: it runs there now{used}"
    ))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::super::tasks::fake;
    use super::*;
    use crate::value;

    fn starved() -> Starved {
        Starved::parse("hog[5] failed to run for 3.204s").unwrap()
    }

    fn words(tasks: &Tasks) -> String {
        about("", Some(&starved()), tasks, false).unwrap()
    }

    #[test]
    fn the_kernels_message_names_a_task() {
        let expected = Starved {
            name: "hog".into(),
            pid: 5,
            waited: Duration::from_millis(3204),
        };
        assert_eq!(starved(), expected);
        // A name may be anything, and newer kernels say more behind.
        let odd = Starved::parse("a [b] c[12] failed to run for 10.000s, cpu=1").unwrap();
        assert_eq!((odd.name.as_str(), odd.pid), ("a [b] c", 12));
        for other in [
            "",
            "watchdog failed to check in for 42.636s",
            "x] failed to run for s",
        ] {
            assert_eq!(Starved::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_task_and_what_held_its_cpu_are_named() {
        let proc = fake::Proc::new();
        proc.task(5, "hog", ('R', 7, 1, 1), "1");
        assert_eq!(
            words(&proc.tasks()),
            "hog[5] may use CPU 1, where no real-time or deadline task runs now"
        );
        proc.task(6, "spin", ('R', libc::SCHED_FIFO, 1, 0), "1");
        let line = words(&proc.tasks());
        let expected = "hog[5] may use CPU 1; seemingly the SCHED_FIFO task spin[6] (priority 50) \
                        held CPU 1 against it: it runs there now and has used 0.0 s of CPU time";
        assert_eq!(line, expected);
        let gone = fake::Proc::new();
        assert_eq!(words(&gone.tasks()), "hog[5] has ended since");
    }

    #[test]
    fn the_dump_names_the_policy_that_queued_the_task() {
        let dump = "CPU 0   : nr_run=1\n  meta: policy 2's task for 7786 us\n\n \
                    *R bash[4] +4ms\n    meta: policy 1, moved 0 times\n\n  \
                    R hog[5] -2008ms\n      cpus=2 no_mig=0\n    meta: policy 2, queued, moved 1 times\n\n  \
                    R late[6] -9ms\n    meta: policy 1, queued, moved 0 times\n";
        let queued = |pid| {
            let starved = Starved { pid, ..starved() };
            queued_by(dump, &starved)
        };
        assert_eq!(queued(5).unwrap(), "hog[5] waits in a queue of vtime");
        assert_eq!(queued(6), None, "late[6] is another task");
        let unnamed = dump.replace("policy 2, queued", "policy 2");
        assert_eq!(queued_by(&unnamed, &starved()), None);
    }

    #[test]
    fn a_paused_machine_is_guessed_at() {
        let message = "watchdog failed to check in for 42.636s";
        let line = about(message, None, &Tasks::default(), false).unwrap();
        assert!(line.contains("stood still"), "{line}");
    }

    #[test]
    fn the_policy_in_charge_is_named_and_what_was_before_it() {
        let mut status: abi::meta_status = value::zeroed();
        assert_eq!(in_charge(&status, 0, None), None);
        status.active = abi::meta_policy_META_VTIME;
        status.entered_at_ns = 1_000_000_000;
        let line = |now_ns| in_charge(&status, now_ns, Some(&starved())).unwrap();
        assert_eq!(line(9_000_000_000), "vtime was in charge, for 8.0 s");
        let line = line(2_500_000_000);
        assert!(
            line.starts_with("vtime was in charge, for 1.5 s; "),
            "{line}"
        );
        assert!(line.contains("waited for 3.2 s"), "{line}");
    }
}
