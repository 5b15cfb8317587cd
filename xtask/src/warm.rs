// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask vm up`, `exec`, `down` and `list`: guests that stay between commands.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::kernel;
use lab::packages::{self, Use};
use lab::vm::machines;
use lab::vm::warm::{self, Place, Spec};

use crate::cli::VmAction;

/// Does what the options ask for; the exit status.
pub(crate) fn run(action: &VmAction, yes: bool) -> Result<i32> {
    match action {
        VmAction::Up(args) => {
            let place = Place::of(&args.name)?;
            let spec = args.spec(machines::all()?.remove(&args.name))?;
            packages::ensure(Use::Vm, yes)?;
            kernel::find(&spec.kernel)?;
            let begin = Instant::now();
            let what = described(&place, &spec);
            if warm::up(&place, &spec)? {
                eprintln!("lab: {what}: up in {} s", begin.elapsed().as_secs());
            } else {
                eprintln!("lab: {what}: up already");
            }
            Ok(0)
        }
        VmAction::Exec(args) => {
            let place = Place::of(&args.name)?;
            let job = args.command.job()?;
            let limit = Duration::from_secs(args.command.timeout);
            warm::exec(&place, &job, limit).map(|done| done.status)
        }
        VmAction::Down(args) => {
            let places = if args.all {
                Place::all()?
            } else {
                vec![Place::of(&args.name)?]
            };
            for place in places {
                if warm::down(&place)? {
                    eprintln!("lab: {} is down", place.name);
                } else if !args.all {
                    eprintln!("lab: {} was not up", place.name);
                }
            }
            Ok(0)
        }
        VmAction::List => {
            for place in Place::all()? {
                if place.up().is_some() {
                    let spec = place.spec().context(place.name.clone())?;
                    println!("{}", described(&place, &spec));
                }
            }
            Ok(0)
        }
    }
}

fn described(place: &Place, spec: &Spec) -> String {
    let (name, kernel) = (&place.name, &spec.kernel);
    let (clock, hardware) = (spec.clock.describe(), spec.hardware.describe());
    format!("{name}: kernel {kernel}, {clock}, {hardware}")
}
