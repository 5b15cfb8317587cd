// SPDX-License-Identifier: GPL-2.0-only
//! The few system calls that std does not offer, each behind a safe function.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use std::{io, mem, ptr};

/// What a terminal and a service manager send to make us stop.
const STOP_SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Set by the signal handler: somebody wants us to stop.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// From now on SIGINT, SIGTERM and SIGHUP only make [`interrupted`] true, so that whoever holds
/// children can end them first.
pub fn catch_interrupts() -> io::Result<()> {
    for signal in STOP_SIGNALS {
        // SAFETY: a zeroed sigaction is valid: no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` lives across the call, and the handler only stores to an atomic.
        check(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })?;
    }
    Ok(())
}

/// Has a signal asked us to stop?
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Gives the command a process group of its own, and `signal` if we die first.
///
/// The kernel sends the signal when the *thread* that spawned ends: spawn from the main thread.
pub fn in_own_group(command: &mut Command, signal: libc::c_int) -> &mut Command {
    let parent = std::process::id();
    let hook = move || {
        // SAFETY: prctl with integer arguments touches no memory of ours.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) })?;
        // SAFETY: getppid has no arguments and cannot fail.
        if unsafe { libc::getppid() } as u32 != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the hook makes two plain system calls: nothing that is unsafe after fork.
    unsafe { command.process_group(0).pre_exec(hook) }
}

/// Lets the command outlive us: a session of its own, deaf to the signals that ask to stop, and with
/// none of our descriptors but its standard ones.
pub fn outliving_us(command: &mut Command) -> &mut Command {
    let hook = || {
        // SAFETY: setsid has no arguments and touches no memory of ours.
        check(unsafe { libc::setsid() })?;
        for signal in STOP_SIGNALS {
            // SAFETY: SIG_IGN runs no code of ours, and it lasts across the exec.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        close_others_at_exec()
    };
    // SAFETY: the hook makes plain system calls: nothing that is unsafe after fork.
    unsafe { command.pre_exec(hook) }
}

/// The same, but not deaf: it can be asked to stop.
pub fn outliving_us_until_asked(command: &mut Command) -> &mut Command {
    let hook = || {
        // SAFETY: setsid has no arguments and touches no memory of ours.
        check(unsafe { libc::setsid() })?;
        close_others_at_exec()
    };
    // SAFETY: the hook makes plain system calls: nothing that is unsafe after fork.
    unsafe { command.pre_exec(hook) }
}

/// All descriptors but the standard ones.
fn close_others_at_exec() -> io::Result<()> {
    let (first, last) = (libc::STDERR_FILENO as u32 + 1, u32::MAX);
    let at_exec = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: takes integers only, and closes nothing before the exec.
    check(unsafe { libc::close_range(first, last, at_exec) })
}

/// Gives the command a session of its own, by which all that it starts can be found, and in which it
/// heeds the signals that ask to stop: who starts us in the background of a script has some ignored.
pub fn in_own_session(command: &mut Command) -> &mut Command {
    let hook = || {
        // SAFETY: setsid has no arguments and touches no memory of ours.
        check(unsafe { libc::setsid() })?;
        for signal in STOP_SIGNALS {
            // SAFETY: SIG_DFL runs no code of ours.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the hook makes plain system calls: nothing that is unsafe after fork.
    unsafe { command.pre_exec(hook) }
}

/// Puts the command into the cgroup whose `cgroup.procs` this is, before it does anything.
pub fn in_cgroup(command: &mut Command, procs: OwnedFd) -> &mut Command {
    let hook = move || {
        let own = b"0";
        // SAFETY: the bytes live across the call, and the closure keeps the descriptor open.
        let written = unsafe { libc::write(procs.as_raw_fd(), own.as_ptr().cast(), own.len()) };
        check(written as libc::c_int)
    };
    // SAFETY: the hook makes one plain system call: nothing that is unsafe after fork.
    unsafe { command.pre_exec(hook) }
}

/// Starts the command in the real-time class: a measuring instrument that reads on time whatever
/// policy is in charge of the others.
pub fn in_real_time(command: &mut Command) -> &mut Command {
    // A container may refuse the class. The reading is then late, and the caller sees how much.
    let hook = || {
        let _ = enter_real_time();
        Ok(())
    };
    // SAFETY: the hook makes one plain system call: nothing that is unsafe after fork.
    unsafe { command.pre_exec(hook) }
}

/// Above the real-time tasks that tests make (90 at most): one of those whose end an instrument has to
/// see to would keep it from a machine's last CPU for ever.
const INSTRUMENT_PRIORITY: i32 = 95;

/// Puts the calling thread into the real-time class; its children and threads start as normal
/// tasks again.
pub fn enter_real_time() -> io::Result<()> {
    let param = libc::sched_param {
        sched_priority: INSTRUMENT_PRIORITY,
    };
    let class = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: `param` lives across the call; 0 names the calling thread.
    check(unsafe { libc::sched_setscheduler(0, class, &param) })
}

/// While this lives, the thread that made it is in the real-time class: an instrument must not wait
/// in the queues that it measures. Keep it in that thread.
pub struct RealTime(());

impl RealTime {
    /// Puts the calling thread there.
    pub fn enter() -> io::Result<Self> {
        enter_real_time().map(|()| Self(()))
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        let param = libc::sched_param { sched_priority: 0 };
        // Leaving the class is always allowed.
        // SAFETY: `param` lives across the call; 0 names the calling thread.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &param) };
    }
}

/// The calling thread runs on these CPUs only, from now on.
pub fn bind_to(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: a zeroed set is the empty one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: CPU_SET checks the index against the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` lives across the call; 0 names the calling thread.
    check(unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) })
}

/// The CPU that the calling thread is on at this moment.
pub fn current_cpu() -> usize {
    // SAFETY: sched_getcpu has no arguments; Linux always knows.
    unsafe { libc::sched_getcpu() as usize }
}

/// The nice level of the calling thread, from now on.
pub fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes integers only; 0 names the calling thread.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })
}

/// The calling thread, as the kernel names it.
pub fn thread_id() -> i32 {
    // SAFETY: gettid has no arguments and cannot fail.
    unsafe { libc::gettid() }
}

/// CPU time that a thread of this process has used until now.
pub fn cpu_time_of(thread: i32) -> io::Result<Duration> {
    // As the kernel's MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED).
    read_clock((!thread << 3) | 4 | 2)
}

/// Sends a signal to one process that we started and have not waited for.
pub fn kill(pid: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: kill takes integers only.
    check(unsafe { libc::kill(pid as libc::pid_t, signal) })
}

/// Sends a signal to the whole process group that a child of ours leads.
pub fn kill_group(leader: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: killpg takes integers only.
    check(unsafe { libc::killpg(leader as libc::pid_t, signal) })
}

/// A descriptor that becomes readable when the process ends.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes integers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    let fd = fd as libc::c_int;
    check(fd)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Locks the file until it is closed; false when another process holds it.
pub fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: flock takes integers only, and the descriptor is open.
    match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits until the descriptor can be read or its other end is gone; false when `timeout` passed
/// first. Signals do not end the wait.
pub fn wait_readable(fd: BorrowedFd, timeout: Duration) -> io::Result<bool> {
    let deadline = monotonic() + timeout;
    loop {
        let left = deadline.saturating_sub(monotonic());
        let left = libc::timespec {
            tv_sec: left.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(left.subsec_nanos() as i32),
        };
        let mut poll = libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: `poll` and `left` live across the call, which gets one entry and no mask.
        match check(unsafe { libc::ppoll(&mut poll, 1, &left, ptr::null()) }) {
            Ok(()) if poll.revents != 0 => return Ok(true),
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
    }
}

/// Waits until one of the descriptors can be read or its other end is gone, or until `timeout` has
/// passed; which they are. Those that are None are not asked. Signals do not end the wait.
pub fn poll_readable(
    fds: &[Option<BorrowedFd>],
    timeout: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let deadline = timeout.map(|timeout| monotonic() + timeout);
    loop {
        let left_ms = deadline.map_or(-1, |deadline| {
            let left = deadline.saturating_sub(monotonic()).as_micros();
            libc::c_int::try_from(left.div_ceil(1000)).unwrap_or(libc::c_int::MAX)
        });
        let mut polls: Vec<libc::pollfd> = fds
            .iter()
            .map(|fd| libc::pollfd {
                // The kernel leaves negative ones alone.
                fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        // SAFETY: `polls` lives across the call, which gets its length.
        let got = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, left_ms) };
        match check(got) {
            Ok(()) => return Ok(polls.iter().map(|poll| poll.revents != 0).collect()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
    }
}

/// Waits for the file's lock, which goes with the descriptor. Others must ask for it too.
pub fn lock(fd: BorrowedFd) -> io::Result<()> {
    // SAFETY: flock takes integers only.
    check(unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX) })
}

/// Waits until somebody wakes who waits for the word, unless it is not `expected` any more. May return
/// for no reason: look again.
pub fn futex_wait(word: &AtomicU32, expected: u32) {
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let forever = ptr::null::<libc::timespec>();
    // SAFETY: `word` lives across the call; there is no timeout to read.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, expected, forever) };
}

/// Wakes at most so many who wait for the word.
pub fn futex_wake(word: &AtomicU32, most: i32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the word's address alone.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, most) };
}

/// Timers of the calling thread may be late by this much (the default is 50 µs).
pub fn set_timer_slack(slack: Duration) -> io::Result<()> {
    let slack_ns = slack.as_nanos() as libc::c_ulong;
    // SAFETY: prctl with integer arguments touches no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack_ns) })
}

/// CLOCK_MONOTONIC.
pub fn monotonic() -> Duration {
    // This clock exists on every Linux.
    read_clock(libc::CLOCK_MONOTONIC).unwrap_or_default()
}

fn read_clock(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for writing across the call.
    check(unsafe { libc::clock_gettime(clock, &mut now) })?;
    Ok(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
}

/// Sleeps until CLOCK_MONOTONIC shows `when`, signals or not.
pub fn sleep_until(when: Duration) -> io::Result<()> {
    let at = libc::timespec {
        tv_sec: when.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(when.subsec_nanos() as i32),
    };
    loop {
        // SAFETY: `at` lives across the call; an absolute sleep writes no remainder.
        let error = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &at,
                ptr::null_mut(),
            )
        };
        match error {
            0 => return Ok(()),
            libc::EINTR => continue,
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_session_of_its_own_heeds_what_was_ignored() {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -INT $$"]);
        let deaf = || {
            // SAFETY: SIG_IGN runs no code of ours.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: the hook makes one plain system call: nothing that is unsafe after fork.
        unsafe { command.pre_exec(deaf) };
        assert!(command.status().unwrap().success());
        let status = in_own_session(&mut command).status().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGINT));
    }
}
