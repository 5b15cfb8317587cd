// SPDX-License-Identifier: GPL-2.0-only
//! bpf/groups.h, behind safe functions.

/// As in include/abi.h.
const MAX: usize = 2048;

/// `struct meta_group`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    id: u64,
    /// The weights of its runnable tasks.
    pub tasks: u64,
    /// The weights of its active children.
    pub children: u64,
    looked_at: u64,
    /// Its own.
    pub weight: u32,
    /// What its parent counts.
    pub counted: u32,
    /// Its parent's slot.
    pub parent: u32,
    level: u32,
    /// cpu.idle.
    pub idle: u32,
    state: u32,
    unused: u64,
}

/// `struct meta_groups`; the root has slot 0.
pub struct Groups(Box<[Group; MAX]>);

extern "C" {
    static host_size_of_groups: u64;
    static host_groups_one: u64;
    static host_groups_levels: u32;
    fn host_groups_weight_of(written: u32) -> u32;
    fn host_groups_settle(groups: *mut Group, slot: u32);
    fn host_groups_factor(groups: *mut Group, slot: u32, more: u32, idle: &mut u32) -> u64;
    fn host_groups_weigh_by(own: u32, factor: u64) -> u32;
}

/// The factor of a group whose tasks weigh what they weigh themselves.
pub fn one() -> u64 {
    // SAFETY: a constant that C defines with this type.
    unsafe { host_groups_one }
}

/// On how many levels there are groups.
pub fn levels() -> u32 {
    // SAFETY: a constant that C defines with this type.
    unsafe { host_groups_levels }
}

/// Of what people write to cpu.weight.
pub fn weight_of(written: u32) -> u32 {
    // SAFETY: a pure function of numbers.
    unsafe { host_groups_weight_of(written) }
}

/// What a task weighs in a group with that factor.
pub fn weigh_by(own: u32, factor: u64) -> u32 {
    // SAFETY: a pure function of numbers.
    unsafe { host_groups_weigh_by(own, factor) }
}

impl Default for Groups {
    fn default() -> Self {
        // SAFETY: a constant that C defines with this type.
        assert_eq!(size_of::<[Group; MAX]>() as u64, unsafe {
            host_size_of_groups
        });
        Self(Box::new([Group::default(); MAX]))
    }
}

impl Groups {
    /// The group in that slot.
    pub fn at(&mut self, slot: u32) -> &mut Group {
        &mut self.0[slot as usize]
    }

    /// Tells the parents of a group what changed.
    pub fn settle(&mut self, slot: u32) {
        // SAFETY: as many groups as C expects, and it bounds the slot.
        unsafe { host_groups_settle(self.0.as_mut_ptr(), slot) }
    }

    /// The factor of a group, as if tasks of the weight `more` were in it besides; and whether it
    /// is idle.
    pub fn factor(&mut self, slot: u32, more: u32) -> (u64, bool) {
        let mut idle = 0;
        // SAFETY: as many groups as C expects, and it bounds the slot.
        let factor = unsafe { host_groups_factor(self.0.as_mut_ptr(), slot, more, &mut idle) };
        (factor, idle != 0)
    }
}
