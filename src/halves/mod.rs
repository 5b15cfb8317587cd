// SPDX-License-Identifier: GPL-2.0-only
//! What some policies do in user space: a thread each, which lives only while
//! its policy can get a turn. Without it the kernel's half goes on alone, worse
//! but sound; so a half that fails is told of, and the scheduler stays.

mod balance;
mod resident;
mod rustland;
mod rusty;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use self::rustland::Rustland;
use self::rusty::Rusty;
use crate::bpf::BpfSkel;
use crate::domains::Domains;
use crate::live::Live;
use crate::policy::Policy;
use crate::tunables::Slice;
use crate::weights::PolicyList;

/// What a half does until it is told to quit.
trait Work: Send + Sync {
    /// Of this policy.
    fn policy(&self) -> Policy;

    fn run(&self, quit: &Quit) -> Result<()>;
}

/// Tells a thread when to end.
struct Quit(Receiver<()>);

impl Quit {
    /// Lets `time` pass; true when the thread is to end.
    fn within(&self, time: Duration) -> bool {
        !matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

struct Half {
    work: Arc<dyn Work>,
    /// Since its policy has weight.
    wanted: bool,
    /// Dropping the sender tells the thread to quit.
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Half {
    /// What fails is tried again when the policy next gets weight.
    fn follow(&mut self, wanted: bool) {
        if !wanted {
            self.stop();
        } else if !self.wanted {
            self.wanted = true;
            if let Err(error) = self.start() {
                log::warn!("{error:#}; the policy goes on without");
            }
        }
    }

    fn start(&mut self) -> Result<()> {
        let (sender, receiver) = mpsc::channel();
        let work = Arc::clone(&self.work);
        let name = work.policy().name();
        let thread = thread::Builder::new()
            .name(name.to_string())
            .spawn(move || {
                if let Err(error) = work.run(&Quit(receiver)) {
                    log::warn!("{name} goes on without its user-space half: {error:#}");
                }
            })
            .with_context(|| format!("starting the user-space half of {name}"))?;
        self.thread = Some((sender, thread));
        Ok(())
    }

    fn stop(&mut self) {
        self.wanted = false;
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // A panic has been printed; the kernel's half is alone now.
            let _ = thread.join();
        }
    }
}

/// The halves of the policies that are loaded. Dropping it ends their threads.
pub(crate) struct Halves(Vec<Half>);

impl Halves {
    /// Of a loaded program; nothing runs yet.
    pub(crate) fn new(
        policies: &PolicyList,
        domains: &Domains,
        slice: Slice,
        skel: &BpfSkel<'_>,
    ) -> Result<Self> {
        let mut all: Vec<Arc<dyn Work>> = Vec::new();
        // With one cache there is nothing to balance.
        if domains.count() > 1 {
            all.push(Arc::new(Rusty::new(domains, slice, skel)?));
        }
        all.push(Arc::new(Rustland::new(slice, skel)?));
        all.retain(|work| policies.contains(work.policy()));
        let half = |work| Half {
            work,
            wanted: false,
            thread: None,
        };
        Ok(Self(all.into_iter().map(half).collect()))
    }

    /// Starts and ends threads as the live weights and the pin say.
    pub(crate) fn follow(&mut self, live: &Live) -> Result<()> {
        for half in &mut self.0 {
            half.follow(live.takes_turns(half.work.policy())?);
        }
        Ok(())
    }

    /// Ends all threads.
    pub(crate) fn stop(&mut self) {
        self.0.iter_mut().for_each(Half::stop);
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use anyhow::bail;

    use super::*;

    /// Fails at once; counts how often it was started.
    struct Failing(AtomicUsize);

    impl Work for Failing {
        fn policy(&self) -> Policy {
            Policy::all().next().unwrap()
        }

        fn run(&self, _quit: &Quit) -> Result<()> {
            self.0.fetch_add(1, Relaxed);
            bail!("it cannot")
        }
    }

    #[test]
    fn what_failed_is_tried_again_when_its_policy_next_gets_weight() {
        let work = Arc::new(Failing(AtomicUsize::new(0)));
        let mut half = Half {
            work: work.clone(),
            wanted: false,
            thread: None,
        };
        for (wanted, started) in [(true, 1), (true, 1), (false, 1), (true, 2)] {
            half.follow(wanted);
            if let Some((_, thread)) = &half.thread {
                while !thread.is_finished() {
                    thread::yield_now();
                }
            }
            assert_eq!(work.0.load(Relaxed), started);
        }
    }
}
