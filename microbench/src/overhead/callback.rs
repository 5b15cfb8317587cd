// SPDX-License-Identifier: GPL-2.0-only
//! The callbacks of a scheduler, whatever its programs are called.

/// Callbacks that are compared: those of the hot path, then those of a task's life.
pub(crate) const CALLBACKS: [&str; 9] = [
    "select_cpu",
    "enqueue",
    "dispatch",
    "running",
    "stopping",
    "quiescent",
    "tick",
    "init_task",
    "exit_task",
];

/// Of a program's name the kernel keeps so many characters.
const NAME_CHARS: usize = 15;

/// Which callback a program is: `meta_dispatch` and `central_dispatc` are `dispatch`. None for a
/// callback that is not compared.
pub(crate) fn of_program(name: &str) -> Option<&'static str> {
    let (_, rest) = name.split_once('_')?;
    let mut matching = CALLBACKS.into_iter().filter(|callback| {
        let is_cut = name.len() == NAME_CHARS && !rest.is_empty();
        *callback == rest || (is_cut && callback.starts_with(rest))
    });
    let found = matching.next()?;
    matching.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_all_schedulers_are_found() {
        let pairs = [
            ("meta_select_cpu", Some("select_cpu")),
            ("simple_select_c", Some("select_cpu")),
            ("central_select_", Some("select_cpu")),
            ("central_dispatc", Some("dispatch")),
            ("central_running", Some("running")),
            ("central_stoppin", Some("stopping")),
            ("meta_quiescent", Some("quiescent")),
            ("meta_tick", Some("tick")),
            ("meta_init_task", Some("init_task")),
            // Not compared, or no callback's name.
            ("meta_init", None),
            ("simple_enable", None),
            ("simple_init", None),
            ("dispatch", None),
            // Short, so it was not cut.
            ("meta_disp", None),
        ];
        for (name, callback) in pairs {
            assert_eq!(of_program(name), callback, "{name}");
        }
    }

    #[test]
    fn what_a_cut_name_leaves_open_is_not_guessed() {
        assert_eq!(
            "a_scheduler_tic".split_once('_').unwrap().1,
            "scheduler_tic"
        );
        assert_eq!(of_program("scheduler12345_"), None);
        // s: select_cpu or stopping.
        assert_eq!(of_program("scheduler1234_s"), None);
        assert_eq!(of_program("scheduler1234_d"), Some("dispatch"));
    }
}
