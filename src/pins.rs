// SPDX-License-Identifier: GPL-2.0-only
//! The pin directory: whose it is, who holds its lock, and what lies in it.
//!
//! The maps in it are how the scheduler is controlled, so a directory that
//! somebody else made, or could take away, is never used: not by the loader, nor
//! by the commands that read and write the maps. Where users may write to
//! /sys/fs/bpf, anybody can be the first to make one.

use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;
use nix::fcntl;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::stat::Mode;
use nix::sys::{stat, statfs};
use nix::unistd::geteuid;

/// Where the maps are pinned while a loader runs.
pub const PIN_DIR: &str = "/sys/fs/bpf/scx_meta";

pub(crate) const BPFFS: &str = "/sys/fs/bpf";
const NAME: &str = "scx_meta";

pub(crate) const MAPS: [&str; 10] = [
    "weights",
    "period_us",
    "pinned",
    "status",
    "stats",
    "turns",
    "auto",
    "signals",
    "waits",
    "reward",
];
pub(crate) const APPLY: &str = "apply";

/// Of a directory, to tell who decides over what lies in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    uid: u32,
    mode: u32,
}

impl Owned {
    fn of(dir: impl AsFd) -> Result<Self> {
        let stat = stat::fstat(dir)?;
        Ok(Self {
            uid: stat.st_uid,
            mode: stat.st_mode,
        })
    }
}

impl From<Metadata> for Owned {
    fn from(metadata: Metadata) -> Self {
        Self {
            uid: metadata.uid(),
            mode: metadata.mode(),
        }
    }
}

/// Fails if anybody but root and the user `us` decides over the pin directory or
/// could put another one in its place. `dir`: None while there is none.
pub(crate) fn refuse_foreign(parent: Owned, dir: Option<Owned>, us: u32) -> Result<()> {
    let foreign = |owned: Owned| owned.uid != 0 && owned.uid != us;
    ensure!(
        !foreign(parent),
        "{BPFFS} belongs to user {}, who could take the pins away: chown root {BPFFS}",
        parent.uid
    );
    let open_to_others = parent.mode & 0o022 != 0;
    ensure!(
        !open_to_others || parent.mode & 0o1000 != 0,
        "other users may rename what is in {BPFFS}: chmod 700 {BPFFS}"
    );
    if let Some(dir) = dir.filter(|dir| foreign(*dir)) {
        let again = match open_to_others {
            true => format!(" && chmod 700 {BPFFS}"),
            false => String::new(),
        };
        bail!(
            "{PIN_DIR} belongs to user {} and is not used: rm -r {PIN_DIR}{again}",
            dir.uid
        );
    }
    Ok(())
}

/// The directory, checked; None if there is none.
pub(crate) fn open() -> Result<Option<File>> {
    open_below(&bpffs()?)
}

fn bpffs() -> Result<File> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let parent = fcntl::open(BPFFS, flags, Mode::empty()).context(BPFFS)?;
    let kind = statfs::fstatfs(&parent).context(BPFFS)?.filesystem_type();
    ensure!(
        kind == statfs::BPF_FS_MAGIC,
        "{BPFFS} is no bpffs: mount -t bpf -o mode=700 bpf {BPFFS}"
    );
    Ok(parent.into())
}

fn open_below(parent: &File) -> Result<Option<File>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let us = geteuid().as_raw();
    let dir: File = match fcntl::openat(parent, NAME, flags, Mode::empty()) {
        Ok(dir) => dir.into(),
        Err(Errno::ENOENT) => return Ok(None),
        Err(Errno::EACCES) => bail!("{PIN_DIR}: permission denied; be root"),
        Err(Errno::ENOTDIR | Errno::ELOOP) => bail!("{PIN_DIR} is no directory: rm {PIN_DIR}"),
        Err(errno) => bail!("{PIN_DIR}: {errno}"),
    };
    refuse_foreign(Owned::of(parent)?, Some(Owned::of(&dir)?), us)?;
    let kind = statfs::fstatfs(&dir).context(PIN_DIR)?.filesystem_type();
    ensure!(
        kind == statfs::BPF_FS_MAGIC,
        "something else than a bpffs is mounted on {PIN_DIR}: umount {PIN_DIR}"
    );
    Ok(Some(dir))
}

/// The directory, made if need be.
fn open_or_create() -> Result<File> {
    let parent = bpffs()?;
    // Before there is a directory of ours in a place that is not safe.
    refuse_foreign(Owned::of(&parent)?, None, geteuid().as_raw())?;
    match stat::mkdirat(&parent, NAME, Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => (),
        Err(errno) => bail!("creating {PIN_DIR}: {errno}"),
    }
    open_below(&parent)?.with_context(|| format!("{PIN_DIR} went away: try again"))
}

/// The process that holds the lock of the directory; None if there is none, or
/// if it is not known.
pub(crate) fn holder(dir: &File) -> Option<u32> {
    let stat = stat::fstat(dir).ok()?;
    let (major, minor) = (stat::major(stat.st_dev), stat::minor(stat.st_dev));
    let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    holder_of(&fs::read_to_string("/proc/locks").ok()?, &file)
}

/// From lines such as `1: FLOCK  ADVISORY  WRITE 708 00:1c:42 0 EOF`.
fn holder_of(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = fields.get(1) == Some(&"FLOCK") && fields.get(5) == Some(&file);
        ours.then(|| fields[4].parse().ok())?
    })
}

fn held_by_another(dir: &File) -> String {
    let Some(pid) = holder(dir) else {
        return "another scx_meta is starting or running".into();
    };
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match comm.trim() {
        comm if comm.starts_with("scx_meta") => {
            format!("another scx_meta is starting or running: process {pid}")
        }
        comm => format!("process {pid} ({comm}) holds the lock of {PIN_DIR}: kill {pid}"),
    }
}

/// The pin directory, owned by this process until dropped. The lock goes with
/// the process however it dies; the pins then stay, for the next one to replace.
pub(crate) struct PinDir {
    _lock: Flock<File>,
}

impl PinDir {
    /// Creates the directory, or takes over what a dead loader left.
    pub(crate) fn claim() -> Result<Self> {
        let dir = open_or_create()?;
        stat::fchmod(&dir, Mode::S_IRWXU).context(PIN_DIR)?;
        let lock = match Flock::lock(dir, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((dir, Errno::EWOULDBLOCK)) => bail!("{}", held_by_another(&dir)),
            Err((_, errno)) => bail!("locking {PIN_DIR}: {errno}"),
        };
        let links = stat::fstat(&*lock).context(PIN_DIR)?.st_nlink;
        // It was opened before the loader that ends just now removed it.
        ensure!(links > 0, "another scx_meta is just stopping: try again");
        refuse_foreign_files()?;
        Ok(Self { _lock: lock })
    }

    /// Removes what is pinned.
    pub(crate) fn clear(&self) -> Result<()> {
        for name in names() {
            gone(fs::remove_file(path(name)))
                .with_context(|| format!("removing {PIN_DIR}/{name}"))?;
        }
        Ok(())
    }
}

impl Drop for PinDir {
    fn drop(&mut self) {
        let removed = self
            .clear()
            .and_then(|()| gone(fs::remove_dir(PIN_DIR)).context(PIN_DIR));
        if let Err(error) = removed {
            log::warn!("not removed: {error:#}");
        }
    }
}

/// Somebody may have removed it before us.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    MAPS.into_iter().chain([APPLY])
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(PIN_DIR).join(name)
}

fn refuse_foreign_files() -> Result<()> {
    for entry in fs::read_dir(PIN_DIR).context(PIN_DIR)? {
        let entry = entry.context(PIN_DIR)?;
        let name = entry.file_name();
        ensure!(
            names().any(|pin| name.as_bytes() == pin.as_bytes()),
            "{} is not a pin of scx_meta; move it away",
            entry.path().display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u32 = 65534;
    const ROOT: u32 = 0;

    fn owned(uid: u32, mode: u32) -> Owned {
        Owned { uid, mode }
    }

    fn error(parent: Owned, dir: Option<Owned>, us: u32) -> String {
        let error = refuse_foreign(parent, dir, us).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn a_directory_of_root_or_of_the_loader_s_user_is_used() {
        for parent in [owned(ROOT, 0o700), owned(ROOT, 0o1777)] {
            for dir in [None, Some(owned(ROOT, 0o777)), Some(owned(1000, 0o700))] {
                refuse_foreign(parent, dir, 1000).unwrap();
            }
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_not_used() {
        let dir = Some(owned(NOBODY, 0o700));
        let said = error(owned(ROOT, 0o700), dir, ROOT);
        assert!(said.contains("belongs to user 65534"), "{said}");
        assert!(said.ends_with(&format!("rm -r {PIN_DIR}")), "{said}");
        let said = error(owned(ROOT, 0o1777), dir, ROOT);
        assert!(said.ends_with(&format!("chmod 700 {BPFFS}")), "{said}");
    }

    #[test]
    fn nobody_else_may_be_able_to_take_it_away() {
        for dir in [None, Some(owned(ROOT, 0o700))] {
            for mode in [0o777, 0o720] {
                let said = error(owned(ROOT, mode), dir, ROOT);
                assert!(said.contains("may rename"), "{said}");
            }
            let said = error(owned(NOBODY, 0o1755), dir, ROOT);
            assert!(said.contains("belongs to user 65534"), "{said}");
        }
    }

    #[test]
    fn the_holder_of_a_lock_is_found_by_the_file() {
        let locks = "\
1: POSIX  ADVISORY  WRITE 11 00:1c:42 0 EOF
2: FLOCK  ADVISORY  WRITE 12 00:1c:421 0 EOF
3: FLOCK  ADVISORY  WRITE 13 00:1c:42 0 EOF
3: -> FLOCK  ADVISORY  WRITE 14 00:1c:42 0 EOF
";
        assert_eq!(holder_of(locks, "00:1c:42"), Some(13));
        assert_eq!(holder_of(locks, "00:1c:43"), None);
    }

    #[test]
    fn the_kernel_writes_the_locks_of_a_directory_so() {
        // On a file system with layers or subvolumes st_dev is not what the kernel writes.
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let open = || File::open(dir.path()).unwrap();
        assert_eq!(holder(&open()), None);
        let lock = Flock::lock(open(), FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(holder(&open()), Some(std::process::id()));
        drop(lock);
        assert_eq!(holder(&open()), None);
    }
}
