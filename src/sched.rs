// SPDX-License-Identifier: GPL-2.0-only
//! The life of the program: open, fill, load, pin, attach, wait, report; again
//! when a CPU came or went.

use std::io::stdout;
use std::io::Write;
use std::mem::MaybeUninit;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::time::Instant;

use anyhow::anyhow;
use anyhow::bail;
use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use clap::ValueEnum;
use libbpf_rs::libbpf_sys;
use libbpf_rs::AsRawLibbpf;
use libbpf_rs::Link;
use libbpf_rs::OpenObject;
use nix::unistd::sysconf;
use nix::unistd::SysconfVar;
use scx_utils::compat;
use scx_utils::scx_ops_attach;
use scx_utils::scx_ops_load;
use scx_utils::scx_ops_open;
use scx_utils::try_set_rlimit_infinity;
use scx_utils::uei_exited;
use scx_utils::uei_report;
use scx_utils::UserExitInfo;

use crate::bpf::abi;
use crate::bpf::BpfSkel;
use crate::bpf::BpfSkelBuilder;
use crate::bpf::OpenBpfSkel;
use crate::cpus;
use crate::domains::Domains;
use crate::halves::Halves;
use crate::hotplug;
use crate::hotplug::Hotplug;
use crate::live::Knobs;
use crate::live::Live;
use crate::live::PinDir;
use crate::live::PIN_DIR;
use crate::preflight::Machine;
use crate::stats::Snapshot;
use crate::weights::PolicyList;

/// How often the loader looks whether the kernel ejected the program.
/// Each look is a wake-up of an idle machine.
const EXIT_POLL: Duration = Duration::from_millis(500);

/// What a run is made of, options resolved.
#[derive(Debug)]
pub struct Plan {
    /// The policies to load.
    pub policies: PolicyList,
    /// Weights, period and pin to start with.
    pub knobs: Knobs,
    /// Length of a time slice.
    pub slice_us: u32,
    /// What becomes of waiting tasks at a switch.
    pub handover: Handover,
    /// The CPU that decides under central.
    pub central_cpu: u32,
    /// Schedule only tasks of class SCHED_EXT.
    pub partial: bool,
    /// Stop by itself this long after attaching.
    pub seconds: Option<Duration>,
    /// What to print, and how often.
    pub report: Option<Report>,
    /// Keep the counters of the map `stats`.
    pub counting: bool,
    /// Keep the map `turns`.
    pub record_turns: bool,
    /// From how far a CPU may steal under rusty.
    pub rusty_steal: Steal,
}

/// From how far a CPU without work takes tasks of other caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Steal {
    /// From its own NUMA node
    Node,
    /// From anywhere
    Machine,
}

/// What becomes of the tasks that wait when their policy leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Handover {
    /// They stay in its queues; each CPU takes by turns one of them and one of
    /// the new policy's
    Drain,
    /// The new policy takes them over, and running tasks are cut at the next
    /// tick
    Adopt,
}

impl Handover {
    fn rodata(self) -> u32 {
        match self {
            Self::Drain => abi::meta_handover_META_HANDOVER_DRAIN,
            Self::Adopt => abi::meta_handover_META_HANDOVER_ADOPT,
        }
    }
}

impl Plan {
    /// Policies may want the tick; so does who acts or counts at each.
    fn needs_tick(&self) -> bool {
        self.policies.needs() & abi::meta_needs_META_NEEDS_TICK != 0
            || self.handover == Handover::Adopt
            || self.record_turns
    }

    /// The kernel may have been built without cgroups for sched_ext.
    fn needs_cgroup(&self) -> bool {
        self.policies.needs() & abi::meta_needs_META_NEEDS_CGROUP != 0
            && compat::struct_has_field("sched_ext_ops", "cgroup_init").unwrap_or(false)
    }

    fn uses_central_cpu(&self) -> bool {
        self.uses(abi::meta_policy_META_CENTRAL)
    }

    fn uses(&self, id: u32) -> bool {
        self.policies.iter().any(|policy| policy.id() == id)
    }
}

/// What `--stats` and `--stats-json` ask for.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Time between two.
    pub interval: Duration,
    /// A JSON object a line in place of the table.
    pub json: bool,
}

/// Ctrl-C, SIGTERM or SIGHUP.
pub struct Stop(Receiver<()>);

impl Stop {
    /// Catches the signals from now on.
    pub fn on_signals() -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        // The receiver is gone only when the loader is on its way out.
        ctrlc::set_handler(move || {
            let _ = sender.send(());
        })
        .context("catching signals")?;
        Ok(Self(receiver))
    }

    /// Waits for a signal; true when one came.
    fn within(&self, timeout: Duration) -> bool {
        !matches!(self.0.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }
}

/// How a wait ended.
enum Ending {
    /// A signal, or the time is up.
    Asked,
    /// The kernel ended the program.
    Ejected,
}

/// Runs until stopped; an ejection is an error that carries the reason.
pub fn run(plan: &Plan, machine: &Machine, stop: &Stop) -> Result<()> {
    machine.require_all()?;
    if plan.uses_central_cpu() {
        check_central_cpu(plan, &machine.cpu_list("online")?)?;
    }
    try_set_rlimit_infinity();
    let pins = PinDir::claim()?;
    let mut knobs = plan.knobs.clone();
    let mut deadline = None;
    loop {
        let mut object = MaybeUninit::uninit();
        let standby = Standby::load(plan, &knobs, machine, &mut object)?;
        pins.publish(&standby.live)?;
        let mut running = standby.attach()?;
        announce(&knobs);
        if let Some(warning) = knobs
            .weights
            .warn_of_short_turns(knobs.period_us, plan.slice_us)
        {
            say(&format!("warning: {warning}"));
        }
        let attached = Instant::now();
        let deadline = *deadline.get_or_insert(plan.seconds.map(|time| attached + time));

        let waited = running.wait(plan, machine, stop, attached, deadline);
        knobs = running.live.knobs()?;
        let uei = running.end()?;
        match waited? {
            Ending::Asked => return Ok(()),
            Ending::Ejected if uei.should_restart() => say("CPUs changed: loading again"),
            Ending::Ejected => bail!("the kernel ended the scheduler"),
        }
    }
}

/// Open, fill, load.
fn load<'obj>(
    plan: &Plan,
    machine: &Machine,
    domains: &Domains,
    object: &'obj mut MaybeUninit<OpenObject>,
) -> Result<BpfSkel<'obj>> {
    let builder = BpfSkelBuilder::default();
    let no_options = None::<libbpf_sys::bpf_object_open_opts>;
    let mut skel = scx_ops_open!(builder, object, meta_ops, no_options)?;
    fill_rodata(&mut skel, plan, machine, domains)?;
    fill_ops(&mut skel, plan)?;
    if !plan.record_turns {
        skel.maps.turns.set_max_entries(1)?;
    }
    if !plan.uses(abi::meta_policy_META_RUSTLAND) {
        let page = page_size()?;
        skel.maps.rustland_up.set_max_entries(page)?;
        skel.maps.rustland_down.set_max_entries(page)?;
    }
    let listed = domains.count() * abi::meta_limits_META_RUSTY_RECENT;
    skel.maps.rusty_recent.set_max_entries(listed)?;
    leave_ops_to_us(&mut skel);
    scx_ops_load!(skel, meta_ops, uei)
}

fn fill_rodata(
    skel: &mut OpenBpfSkel<'_>,
    plan: &Plan,
    machine: &Machine,
    domains: &Domains,
) -> Result<()> {
    let rodata = skel
        .maps
        .rodata_data
        .as_mut()
        .ok_or_else(|| anyhow!("the BPF object has no rodata"))?;
    rodata.slice_ns = u64::from(plan.slice_us) * 1000;
    rodata.available = plan.policies.bits();
    rodata.central_cpu = central_cpu(plan, &machine.cpu_list("online")?) as i32;
    rodata.nr_cpu_ids = cpus::nr_cpu_ids(&machine.cpu_list("possible")?)?;
    rodata.nohz_full = cpus::bitmap(&machine.cpu_list("nohz_full")?);
    rodata.handover = plan.handover.rodata();
    rodata.counting = plan.counting;
    rodata.measure_waits = plan.report.is_some();
    rodata.record_turns = plan.record_turns;
    rodata.rusty_nr_domains = domains.count();
    rodata.rusty_node_of_domain = domains.nodes();
    rodata.rusty_across = plan.rusty_steal == Steal::Machine;
    #[cfg(feature = "guest-tests")]
    crate::faults::fill(rodata)?;
    let shared = skel
        .maps
        .bss_data
        .as_mut()
        .ok_or_else(|| anyhow!("the BPF object has no bss"))?;
    shared.pair_partner = hotplug::partners(machine)?;
    shared.rusty_domain_of_cpu = domains.of_cpu();
    Ok(())
}

/// The smallest that a ring buffer can be.
fn page_size() -> Result<u32> {
    let size = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")?;
    Ok(u32::try_from(size)?)
}

/// libbpf does not load the program of an op that is null.
fn fill_ops(skel: &mut OpenBpfSkel<'_>, plan: &Plan) -> Result<()> {
    let ops = skel.struct_ops.meta_ops_mut();
    if !plan.needs_tick() {
        ops.tick = std::ptr::null_mut();
    }
    // From 6.19 on the program gives tasks back by itself, and the op is deprecated.
    if compat::ksym_exists("scx_bpf_reenqueue_local___v2")? {
        ops.cpu_release = std::ptr::null_mut();
    }
    if !plan.needs_cgroup() {
        ops.cgroup_init = std::ptr::null_mut();
        ops.cgroup_exit = std::ptr::null_mut();
        ops.cgroup_move = std::ptr::null_mut();
    }
    if plan.partial {
        let flag = *compat::SCX_OPS_SWITCH_PARTIAL;
        ensure!(flag != 0, "--partial: this kernel does not know it");
        ops.flags |= flag;
    }
    Ok(())
}

/// The generated skeleton has no place for the link of a struct_ops map, and
/// libbpf warns about that at each start; scx_ops_attach keeps the link.
fn leave_ops_to_us(skel: &mut OpenBpfSkel<'_>) {
    let map = skel.maps.meta_ops.as_libbpf_object();
    // SAFETY: the map belongs to the open object that `skel` borrows.
    let ret = unsafe { libbpf_sys::bpf_map__set_autoattach(map.as_ptr(), false) };
    debug_assert_eq!(ret, 0, "a struct_ops map takes autoattach");
}

fn check_central_cpu(plan: &Plan, online: &[u32]) -> Result<()> {
    ensure!(
        online.contains(&plan.central_cpu),
        "--central-cpu {}: not an online CPU; online are {online:?}",
        plan.central_cpu,
    );
    Ok(())
}

/// At a start the wanted CPU is online; a restart may find that it went away.
fn central_cpu(plan: &Plan, online: &[u32]) -> u32 {
    let wanted = plan.central_cpu;
    match online.first() {
        Some(first) if plan.uses_central_cpu() && !online.contains(&wanted) => {
            say(&format!(
                "CPU {wanted} is offline: central decides on CPU {first}"
            ));
            *first
        }
        _ => wanted,
    }
}

/// A program that is loaded and verified, its maps filled, but not in charge:
/// all that can be done before a replacement begins.
pub struct Standby<'obj> {
    live: Live,
    halves: Halves,
    hotplug: Hotplug,
    skel: BpfSkel<'obj>,
}

impl<'obj> Standby<'obj> {
    /// Open, load, and fill the maps with `knobs`: after a restart they are those
    /// that people set, not those of the command line. Nothing is pinned.
    pub fn load(
        plan: &Plan,
        knobs: &Knobs,
        machine: &Machine,
        object: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let domains = Domains::detect();
        let skel = load(plan, machine, &domains, object)?;
        let live = Live::of_skeleton(&skel)?;
        live.fill(&plan.policies, knobs)?;
        let halves = Halves::new(&plan.policies, &domains, plan.slice_us, &skel)?;
        let hotplug = Hotplug::new(domains);
        Ok(Self {
            live,
            halves,
            hotplug,
            skel,
        })
    }

    /// Puts it in charge; returns once every task is under it.
    pub fn attach(mut self) -> Result<Running<'obj>> {
        let link = scx_ops_attach!(self.skel, meta_ops)?;
        let running = Running {
            link: Some(link),
            live: self.live,
            halves: self.halves,
            hotplug: self.hotplug,
            skel: self.skel,
        };
        // Since 7.3 a failed enable may return 0 and tell only through ops.exit.
        if uei_exited!(&running.skel, uei) {
            running.end()?;
            bail!("the kernel refused the scheduler");
        }
        Ok(running)
    }
}

/// An attached program. Dropping it detaches first, then frees.
pub struct Running<'obj> {
    link: Option<Link>,
    live: Live,
    halves: Halves,
    hotplug: Hotplug,
    skel: BpfSkel<'obj>,
}

impl Running<'_> {
    /// Its maps.
    pub fn live(&self) -> &Live {
        &self.live
    }

    fn wait(
        &mut self,
        plan: &Plan,
        machine: &Machine,
        stop: &Stop,
        attached: Instant,
        deadline: Option<Instant>,
    ) -> Result<Ending> {
        let mut reporter = plan.report.map(|report| Reporter::new(report, attached));
        let ending = loop {
            if uei_exited!(&self.skel, uei) {
                break Ending::Ejected;
            }
            self.halves.follow(&self.live)?;
            if let Err(error) = self.hotplug.follow(machine, &mut self.skel) {
                log::warn!("what the CPUs share is as it was: {error:#}");
            }
            let now = Instant::now();
            if deadline.is_some_and(|at| at <= now) {
                break Ending::Asked;
            }
            if let Some(reporter) = &mut reporter {
                reporter.print_if_due(&self.live, now)?;
            }
            let next = [deadline, reporter.as_ref().map(|r| r.next)];
            let until = next.into_iter().flatten().min();
            let idle = until.map_or(EXIT_POLL, |at| at.saturating_duration_since(now));
            if stop.within(idle.min(EXIT_POLL)) {
                break Ending::Asked;
            }
        };
        if let Some(reporter) = &mut reporter {
            reporter.print(&self.live)?;
        }
        Ok(ending)
    }

    /// Detaches and frees nothing: what a replacement must wait for, and no more.
    pub fn detach(&mut self) {
        drop(self.link.take());
    }

    /// Detach and report; an ejection for an error is one here.
    pub fn end(mut self) -> Result<UserExitInfo> {
        self.halves.stop();
        self.detach();
        uei_report!(&self.skel, uei)
    }
}

/// Prints the counters at even distances.
struct Reporter {
    report: Report,
    attached: Instant,
    next: Instant,
    before: Option<Snapshot>,
}

impl Reporter {
    fn new(report: Report, attached: Instant) -> Self {
        Self {
            report,
            attached,
            next: attached + report.interval,
            before: None,
        }
    }

    fn print_if_due(&mut self, live: &Live, now: Instant) -> Result<()> {
        if now < self.next {
            return Ok(());
        }
        while self.next <= now {
            self.next += self.report.interval;
        }
        self.print(live)
    }

    fn print(&mut self, live: &Live) -> Result<()> {
        let snapshot = Snapshot::take(live)?;
        let uptime = self.attached.elapsed();
        let mut out = stdout().lock();
        if self.report.json {
            writeln!(out, "{}", snapshot.json(Some(uptime)))?;
        } else {
            let table = snapshot.table(self.before.as_ref());
            let headline = snapshot.headline();
            writeln!(out, "{:.1} s: {headline}\n{table}", uptime.as_secs_f64())?;
        }
        out.flush()?;
        self.before = Some(snapshot);
        Ok(())
    }
}

fn announce(knobs: &Knobs) {
    let period = humantime::format_duration(Duration::from_micros(knobs.period_us.into()));
    let pin = knobs.pin.map(|policy| format!(", pinned to {policy}"));
    say(&format!(
        "scx_meta runs: {}; a rotation takes {period}{}; maps in {PIN_DIR}; Ctrl-C stops it",
        knobs.weights.describe(),
        pin.unwrap_or_default(),
    ));
}

/// Progress goes to stderr, where nobody may be listening.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
