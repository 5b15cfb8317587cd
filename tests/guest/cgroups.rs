// SPDX-License-Identifier: GPL-2.0-only
//! Cgroups with the cpu controller, and busy processes in them. All end when
//! dropped; processes that were taken in go back to where the test is.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use std::{fs, thread};

use labkit::process;

const ROOT: &str = "/sys/fs/cgroup";

const END_LIMIT: Duration = Duration::from_secs(20);

pub struct Cgroup {
    path: PathBuf,
    /// Where the test was when it made this.
    home: PathBuf,
    hogs: Vec<Child>,
}

impl Cgroup {
    pub fn create(name: &str) -> Self {
        Self::create_with("+cpu", name)
    }

    /// With these controllers.
    pub fn create_with(controllers: &str, name: &str) -> Self {
        Self::below(Path::new(ROOT), controllers, name)
    }

    /// One in this one.
    pub fn nested(&self, name: &str) -> Self {
        Self::below(&self.path, "+cpu", name)
    }

    fn below(parent: &Path, controllers: &str, name: &str) -> Self {
        fs::write(parent.join("cgroup.subtree_control"), controllers).unwrap();
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        Self {
            path,
            home: home_of(std::process::id()),
            hogs: Vec::new(),
        }
    }

    /// A busy process, bound to one CPU or to none; its pid.
    pub fn hog(&mut self, cpu: Option<usize>) -> u32 {
        let mut command = Command::new("taskset");
        let all = format!("0-{}", crate::bound::cpus() - 1);
        command.args(["-c", &cpu.map_or(all, |cpu| cpu.to_string())]);
        command.args(["sh", "-c", "while :; do :; done"]);
        let hog = command.spawn().unwrap();
        let pid = hog.id();
        self.hogs.push(hog);
        self.take(pid);
        pid
    }

    /// One with the memory controller, too.
    pub fn with_memory(name: &str) -> Self {
        fs::write(format!("{ROOT}/cgroup.subtree_control"), "+memory").unwrap();
        Self::create(name)
    }

    /// Sets one of its files.
    pub fn write(&self, file: &str, text: &str) {
        let file = self.path.join(file);
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Moves a process here.
    pub fn take(&self, pid: u32) {
        fs::write(self.path.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// A cgroup for threads of this process.
    pub fn of_threads(name: &str) -> Self {
        let group = Self::create(name);
        fs::write(group.path.join("cgroup.type"), "threaded").unwrap();
        group
    }

    /// Does something in a thread that is here; the threads that it starts are, too.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                fs::write(self.path.join("cgroup.threads"), "0").unwrap();
                work()
            });
            inside.join().unwrap()
        })
    }

    /// Moves a process back to where all begin.
    pub fn leave(pid: u32) {
        fs::write(format!("{ROOT}/cgroup.procs"), pid.to_string()).unwrap();
    }

    /// Where a process writes that it comes in.
    pub fn entrance(&self) -> OwnedFd {
        let procs = File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"));
        procs.unwrap().into()
    }

    /// Reads a file of it.
    pub fn read(&self, file: &str) -> String {
        let path = self.path.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// How many there are, the test's or not, that have this file.
    pub fn count_with(file: &str) -> usize {
        count_below(Path::new(ROOT), file)
    }

    pub fn pids(&self) -> Vec<u32> {
        self.hogs.iter().map(Child::id).collect()
    }
}

fn count_below(path: &Path, file: &str) -> usize {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let groups = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let counts = groups.map(|group| {
        let path = group.path();
        usize::from(path.join(file).exists()) + count_below(&path, file)
    });
    counts.sum()
}

/// Where to write a process's id to move it to where this one is now.
fn home_of(pid: u32) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    Path::new(ROOT).join(path.unwrap()).join("cgroup.procs")
}

/// CPU time of a process, as the kernel's scheduler counts it.
pub fn cpu_ns(pid: u32) -> u64 {
    let schedstat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    schedstat.split(' ').next().unwrap().parse().unwrap()
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for hog in &mut self.hogs {
            let _ = hog.kill();
            let _ = hog.wait();
        }
        let inside = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        for pid in inside.lines() {
            // It may have ended meanwhile.
            let _ = fs::write(&self.home, pid);
        }
        let gone = process::await_that(END_LIMIT, Duration::from_millis(10), || {
            fs::remove_dir(&self.path).is_ok()
        });
        if !gone {
            eprintln!("{} stays", self.path.display());
        }
    }
}
