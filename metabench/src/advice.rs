// SPDX-License-Identifier: GPL-2.0-only
//! The line to paste, if a setting is what one wants.

use labkit::charge::setting::Setting;

/// Has this setting in charge.
pub(crate) fn command(setting: &Setting) -> String {
    let weights = match setting {
        Setting::Outside { command } => return format!("sudo {}", command.join(" ")),
        Setting::Auto { options } => return format!("sudo scx_meta {}", options.join(" ")),
        Setting::Hold { policy } => format!("{policy}=1"),
        setting => {
            let weights = setting.weights().iter();
            let weights: Vec<_> = weights
                .map(|(name, weight)| format!("{name}={weight}"))
                .collect();
            weights.join(",")
        }
    };
    let turns = setting.weights().len() as u32;
    let base_slice = match setting.period_us() {
        Some(period_us) if turns > 0 => format!(" --base-slice {}us", period_us / turns),
        _ => String::new(),
    };
    format!("sudo scx_meta --weights {weights}{base_slice}")
}
