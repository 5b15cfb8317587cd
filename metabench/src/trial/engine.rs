// SPDX-License-Identifier: GPL-2.0-only
//! Runs a plan: from rows and subjects to records.
//!
//! Services come up once for each subject and stay up across policies. Whatever ends a trial is
//! its last record.

use anyhow::{ensure, Context, Error, Result};
use fastrand::Rng;
use labkit::charge::setting::Setting;

use super::block::{Bench, Place, Rig, Subject};
use super::order::Orders;
use super::progress::Progress;
use super::window;
use crate::record::{Plan, Record};
use crate::workload::{Application, Service, Workload};

/// Whether a trial goes on to the end of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    More,
    /// The blocks measured by now will do.
    Enough,
}

/// How a trial came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Complete,
    Interrupted,
}

/// Takes down what is measured, and says after each super-block whether that is enough.
pub(crate) type Sink<'a> = dyn FnMut(&Record) -> Result<Next> + 'a;

/// Measures what is planned; `subjects` are the applications of `plan.subjects`. The last record
/// says how it came to its end, errors included. To be called from the main thread.
pub(crate) fn run(
    plan: Plan,
    subjects: &[Application],
    workload: &Workload,
    rig: &mut Rig,
    sink: &mut Sink,
) -> Result<Ending> {
    ensure!(
        plan.subjects.len() == subjects.len(),
        "the plan has other subjects than the trial"
    );
    sink(&Record::Plan(plan.clone()))?;
    let mut trial = Trial {
        progress: Progress::new(planned_seconds(&plan, subjects)),
        rng: Rng::with_seed(plan.seed),
        plan: &plan,
        workload,
        rig,
        sink,
    };
    let measured = trial.all(subjects);
    let stopped = (trial.rig.interrupted)();
    drop(trial.progress);
    let (ending, reason) = match measured {
        Ok(Ending::Complete) => (Ok(Ending::Complete), None),
        Ok(Ending::Interrupted) => (Ok(Ending::Interrupted), Some("interrupted".into())),
        // All that waits for something gives up when asked to stop.
        Err(error) if stopped => {
            let reason = format!("interrupted: {error:#}");
            (Ok(Ending::Interrupted), Some(reason))
        }
        Err(error) => {
            let reason = format!("{error:#}");
            (Err(error), Some(reason))
        }
    };
    let end = Record::End {
        complete: reason.is_none(),
        reason,
    };
    // The error that ended the trial says more than that its end could not be written.
    match (ending, sink(&end)) {
        (Ok(ending), Ok(_)) => Ok(ending),
        (Ok(_), Err(error)) => Err(error),
        (Err(error), _) => Err(error),
    }
}

/// Seconds of load, for the progress; what has a length of its own counts as its window.
fn planned_seconds(plan: &Plan, subjects: &[Application]) -> u64 {
    let of = |application: &Application| {
        let rows = plan.rows.iter().map(|row| &row.setting);
        let ends = [Setting::Eevdf, Setting::Eevdf];
        let blocks = ends.iter().chain(rows);
        blocks
            .map(|setting| window::seconds(application.window, setting))
            .sum::<u64>()
    };
    subjects.iter().map(of).sum::<u64>() * u64::from(plan.rounds)
}

struct Trial<'a, 'b> {
    plan: &'a Plan,
    workload: &'a Workload,
    rig: &'a mut Rig<'b>,
    sink: &'a mut Sink<'a>,
    progress: Progress,
    rng: Rng,
}

impl<'b> Trial<'_, 'b> {
    fn all(&mut self, subjects: &[Application]) -> Result<Ending> {
        for application in subjects {
            let measured = self
                .subject(application)
                .with_context(|| application.name.clone())?;
            if measured == Ending::Interrupted {
                return Ok(Ending::Interrupted);
            }
        }
        Ok(Ending::Complete)
    }

    fn subject(&mut self, application: &Application) -> Result<Ending> {
        self.rig.charge.put(&Setting::Eevdf)?;
        self.rig.scene.up(&services(self.workload, application)?)?;
        let mut subject = Subject {
            application,
            longest: None,
        };
        if self.warm_up(&mut subject)? == Ending::Interrupted {
            return Ok(Ending::Interrupted);
        }
        let orders = Orders::new(self.plan.rows.len(), self.rng.fork());
        for (round, order) in (0..self.plan.rounds).zip(orders) {
            let Some(next) = self.super_block(&mut subject, round, &order)? else {
                return Ok(Ending::Interrupted);
            };
            let name = &application.name;
            let done = format!("{name}: super-block {} of {}", round + 1, self.plan.rounds);
            self.progress.note(&done);
            if next == Next::Enough {
                break;
            }
        }
        Ok(Ending::Complete)
    }

    fn warm_up(&mut self, subject: &mut Subject) -> Result<Ending> {
        let warm_up = subject.application.warm_up;
        if warm_up.is_zero() {
            return Ok(Ending::Complete);
        }
        let name = &subject.application.name;
        self.progress.begin(&format!("{name}: warm-up"));
        let seconds = window::seconds(warm_up, &Setting::Eevdf);
        let done = self.bench().load(subject, seconds).context("warm-up")?;
        Ok(done.map_or(Ending::Interrupted, |_| Ending::Complete))
    }

    /// None if somebody asked us to stop.
    fn super_block(
        &mut self,
        subject: &mut Subject,
        round: u32,
        order: &[usize],
    ) -> Result<Option<Next>> {
        let plan = self.plan;
        let mut next = Next::More;
        let eevdf = (None, &Setting::Eevdf);
        let rows = order.iter().map(|&i| &plan.rows[i]);
        let rows = rows.map(|row| (Some(&*row.label), &row.setting));
        let blocks = [eevdf].into_iter().chain(rows).chain([eevdf]);
        for (position, (row, setting)) in (0..).zip(blocks) {
            let place = Place {
                round,
                position,
                row,
                setting,
            };
            let what = row.unwrap_or("EEVDF");
            let what = format!("super-block {} of {}: {what}", round + 1, plan.rounds);
            let name = &subject.application.name;
            self.progress.begin(&format!("{name}: {what}"));
            let block = self.bench().block(subject, &place).context(what)?;
            let Some(block) = block else {
                return Ok(None);
            };
            next = (self.sink)(&Record::Block(block))?;
            let planned = window::seconds(subject.application.window, setting);
            self.progress.done(planned);
        }
        Ok(Some(next))
    }

    fn bench(&mut self) -> Bench<'_, 'b> {
        Bench {
            rig: &mut *self.rig,
            folder: &self.workload.folder,
            rng: &mut self.rng,
        }
    }
}

/// The services that an application needs, in the workload's order.
fn services<'a>(workload: &'a Workload, application: &Application) -> Result<Vec<&'a Service>> {
    let known = |name: &String| {
        workload
            .services
            .iter()
            .any(|service| service.name == *name)
    };
    if let Some(unknown) = application.services.iter().find(|name| !known(name)) {
        return Err(Error::msg(format!("there is no service `{unknown}`")));
    }
    let needed = |service: &&Service| application.services.contains(&service.name);
    Ok(workload.services.iter().filter(needed).collect())
}
