// SPDX-License-Identifier: GPL-2.0-only
//! bpf/auto.h, behind safe functions.

/// Arms at most; as an arm it is nobody.
pub const ARMS: usize = 4;

/// Of a logarithm: a factor of two.
pub const ONE: i64 = 1 << 16;

/// Signals of a turn, and what a score is made of.
const SIGNALS: usize = 4;

/// `struct auto_sample`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub ns: u64,
    pub bursts: u64,
    pub wakes: u64,
    pub wait_ns: u64,
    pub cpu_ns: u64,
    pub hog_ns: u64,
    pub reward: u64,
}

/// `struct auto_terms`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// In 256ths: bursts, hogs, promptness, reward.
    pub signal: [i32; SIGNALS],
    /// Of the time, for trials, in thousandths.
    pub share: u32,
    pub cpus: u32,
    pub nr: u32,
}

/// `struct auto_arm`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arm {
    pub mean: i64,
    pub scatter: i64,
    pub tried_at: u64,
    pub trials: u64,
    pub evidence: u32,
    pub known: u32,
}

/// `struct auto_detector`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detector {
    pub usual: i64,
    pub deviation: i64,
    pub above: i64,
    pub below: i64,
}

/// `struct auto_state`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub arms: [Arm; ARMS],
    pub detectors: [Detector; SIGNALS],
    pub before: i64,
    pub trial: i64,
    pub noise: i64,
    pub saved_ns: i64,
    pub decided_ns: u64,
    pub tried_ns: u64,
    pub since: u64,
    pub regime_at: u64,
    pub in_charge: u32,
    pub trying: u32,
    pub tried: u32,
    pub bag: u32,
    pub turns: u32,
    pub changes: u32,
    pub regimes: u32,
    pub noises: u32,
    pub has_before: u32,
    unused: u32,
}

extern "C" {
    static host_size_of_auto_state: u64;
    static host_size_of_auto_sample: u64;
    static host_size_of_auto_terms: u64;
    fn host_auto_log2(x: u64) -> i64;
    fn host_auto_sqrt(x: u64) -> u64;
    fn host_auto_begin(state: &mut State, now: u64);
    fn host_auto_pause(state: &mut State);
    fn host_auto_next(
        state: &mut State,
        terms: &Terms,
        sample: &Sample,
        turn_ns: u64,
        now: u64,
        random: u32,
    ) -> u32;
}

/// The logarithm to base 2.
pub fn log2(x: u64) -> i64 {
    // SAFETY: a pure function of a number.
    unsafe { host_auto_log2(x) }
}

/// The square root, rounded down.
pub fn sqrt(x: u64) -> u64 {
    // SAFETY: a pure function of a number.
    unsafe { host_auto_sqrt(x) }
}

impl State {
    /// The first arm is in charge.
    pub fn begin(now: u64) -> Self {
        let sizes = [size_of::<Self>(), size_of::<Sample>(), size_of::<Terms>()];
        // SAFETY: constants that C defines with this type.
        let in_c = unsafe {
            [
                host_size_of_auto_state,
                host_size_of_auto_sample,
                host_size_of_auto_terms,
            ]
        };
        assert_eq!(sizes.map(|size| size as u64), in_c);
        let mut state = Self::default();
        // SAFETY: writes the state.
        unsafe { host_auto_begin(&mut state, now) };
        state
    }

    /// Others decided.
    pub fn pause(&mut self) {
        // SAFETY: writes the state.
        unsafe { host_auto_pause(self) }
    }

    /// A turn ended; the arm that has the next one.
    pub fn next(
        &mut self,
        terms: &Terms,
        sample: &Sample,
        turn_ns: u64,
        now: u64,
        random: u32,
    ) -> usize {
        // SAFETY: writes the state, reads the rest.
        let arm = unsafe { host_auto_next(self, terms, sample, turn_ns, now, random) };
        arm as usize
    }
}
