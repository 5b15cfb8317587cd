// SPDX-License-Identifier: GPL-2.0-only
//! Writes `profile.toml`, which `scx_meta --profile` reads, from what `profile` came to.

use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use evidence::files;
use evidence::sample::Interval;
use labkit::charge::setting::Setting;
use scx_meta::policy::Policy;
use strategy::profile::{Application, Ends, Figures, Profile, Provenance, Quantile};
use strategy::Policies;

use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
use crate::record::Role;

/// Writes the file whole or not at all, and nothing that `scx_meta` would refuse.
pub(crate) fn write(outcome: &Outcome, path: &Path) -> Result<()> {
    let text = text(outcome).with_context(|| format!("cannot write {}", path.display()))?;
    files::write_whole(path, &text)
}

fn text(outcome: &Outcome) -> Result<String> {
    let profile = profile(outcome)?;
    let text = format!("{}\n{}", head(outcome), profile.to_toml()?);
    let measured = measured(&profile)?;
    let read = Profile::parse(&text, "the profile", &measured)?;
    ensure!(read == profile, "the profile is not read as it was written");
    Ok(text)
}

/// How it was measured, for people.
fn head(outcome: &Outcome) -> String {
    let source = &outcome.source;
    let mut lines = vec![
        format!("Measured by scx_metabench, workload {}.", outcome.workload),
        "scx_meta --profile FILE --strategy NAME --dry-run says what it comes to.".into(),
        source.method.clone(),
    ];
    lines.extend(source.notes.iter().cloned());
    let lines = lines.iter().flat_map(|text| text.lines());
    lines.map(|line| format!("# {line}\n")).collect()
}

pub(crate) fn profile(outcome: &Outcome) -> Result<Profile> {
    let (whole, parts): (Vec<_>, Vec<_>) = outcome.subjects.iter().partition(|s| s.subject.whole);
    ensure!(
        !parts.is_empty(),
        "no application was measured by itself, so a profile would say nothing"
    );
    let source = &outcome.source;
    let loads = outcome.subjects.iter().flat_map(|s| &s.subject.commands);
    let commands = [&source.command].into_iter().chain(loads).cloned();
    Ok(Profile {
        partial: outcome.partial,
        provenance: Some(Provenance {
            kernel: source.kernel.clone(),
            machine: source.machine.clone(),
            date: source.date.clone(),
            emulated: source.emulated,
            commands: evidence::once(commands),
        }),
        applications: parts.into_iter().map(application).collect::<Result<_>>()?,
        whole: whole.into_iter().next().map(application).transpose()?,
    })
}

fn application(subject: &SubjectOutcome) -> Result<Application> {
    let about = &subject.subject;
    let of_subject = || format!("application `{}`", about.name);
    let mut policies = Vec::new();
    for row in &subject.rows {
        let (Some(Role::Single), Setting::Hold { policy }) = (&row.role, &row.setting) else {
            continue;
        };
        let policy: Policy = policy.parse().with_context(of_subject)?;
        policies.push((policy, figures(row).with_context(of_subject)?));
    }
    ensure!(
        !policies.is_empty(),
        "application `{}` was measured under no policy",
        about.name
    );
    policies.sort_by_key(|(policy, _): &(Policy, Figures)| policy.id());
    let named = |(policy, figures): (Policy, Figures)| (policy.to_string(), figures);
    let concurrency = NonZeroU32::new(about.concurrency);
    Ok(Application {
        name: about.name.clone(),
        throughput_unit: about.unit.clone(),
        latency_quantile: subject.quantile.map(quantile).transpose()?,
        concurrency: concurrency.with_context(|| format!("{}: concurrency 0", of_subject()))?,
        eevdf: figures(&subject.eevdf).with_context(of_subject)?,
        policies: policies.into_iter().map(named).collect(),
    })
}

fn quantile(percent: u32) -> Result<Quantile> {
    [Quantile::P99, Quantile::P90]
        .into_iter()
        .find(|quantile| quantile.to_string() == format!("p{percent}"))
        .with_context(|| format!("a profile knows no p{percent}"))
}

fn figures(row: &RowOutcome) -> Result<Figures> {
    let n = u32::try_from(row.n).ok().and_then(NonZeroU32::new);
    let estimate = |interval: Interval| interval.estimate;
    Ok(Figures {
        throughput: row.throughput.estimate,
        throughput_interval: Some(ends(row.throughput)),
        throughput_ratio: Some(row.throughput_ratio.estimate),
        throughput_ratio_interval: Some(ends(row.throughput_ratio)),
        latency_ms: row.latency_ms.map(estimate),
        latency_interval_ms: row.latency_ms.map(ends),
        latency_ratio: row.latency_ratio.map(estimate),
        latency_ratio_interval: row.latency_ratio.map(ends),
        n: n.with_context(|| format!("row {}: n is {}", row.label, row.n))?,
    })
}

fn ends(interval: Interval) -> Ends {
    (interval.low, interval.high)
}

/// Policies under which all of it was measured.
fn measured(profile: &Profile) -> Result<Policies> {
    let applications = profile.applications.iter().chain(&profile.whole);
    let everywhere = |policy: &Policy| {
        let mut applications = applications.clone();
        applications.all(|a| {
            let mut policies = a.policies.iter();
            policies.any(|(measured, _)| measured == policy.name())
        })
    };
    let policies: Vec<Policy> = Policy::all().filter(everywhere).collect();
    ensure!(
        !policies.is_empty(),
        "no policy was measured with every application"
    );
    Ok(Policies::new(Policy::all(), policies))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use scx_meta::weights::PolicyList;
    use strategy::{Allotment, Prefer, Strategy};

    use super::*;
    use crate::estimate;
    use crate::estimate::made::{held, winner, Made, BATCH, BOTH, WEB};

    fn outcome(made: &Made) -> Outcome {
        estimate::outcome(&[made.raw()]).unwrap()
    }

    fn made() -> Made {
        let mut made = Made {
            subjects: vec![WEB, BATCH, BOTH],
            ..Made::default()
        };
        made.rows.push(winner(1.2, 0.5));
        made
    }

    fn fifo_and_vtime() -> Policies {
        let loaded: PolicyList = "fifo,vtime".parse().unwrap();
        loaded.names()
    }

    fn written(outcome: &Outcome) -> Result<Profile> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile.toml");
        write(outcome, &path)?;
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        Profile::read(&path, &fifo_and_vtime())
    }

    #[test]
    fn the_loader_reads_the_same_figures() {
        let outcome = outcome(&made());
        let profile = written(&outcome).unwrap();
        assert!(!profile.partial);
        let names: Vec<_> = profile.applications.iter().map(|a| &*a.name).collect();
        assert_eq!(names, ["web", "batch"]);
        assert_eq!(
            profile.whole.as_ref().map(|whole| &*whole.name),
            Some("both")
        );
        let source = profile.provenance.as_ref().unwrap();
        assert_eq!((&*source.kernel, source.emulated), ("6.18.15", true));
        assert_eq!(source.commands[0], "scx_metabench profile 'my work.toml'");
        assert_eq!(source.commands[1], "wrk -c 20 http://web/");

        let (subject, web) = (&outcome.subjects[0], &profile.applications[0]);
        assert_eq!(web.latency_quantile, Some(Quantile::P99));
        let rows = [(&subject.eevdf, &web.eevdf)].into_iter().chain(
            // The winner is no policy.
            subject.rows[..2]
                .iter()
                .zip(web.policies.iter().map(|(_, figures)| figures)),
        );
        for (row, figures) in rows {
            assert_eq!(figures.throughput, row.throughput.estimate);
            assert_eq!(figures.throughput_interval, Some(ends(row.throughput)));
            assert_eq!(web.throughput_ratio(figures), row.throughput_ratio.estimate);
            assert_eq!(figures.latency_ms, row.latency_ms.map(|ms| ms.estimate));
            assert_eq!(figures.latency_ratio, row.latency_ratio.map(|r| r.estimate));
            let ends = row.latency_ratio.map(ends);
            assert_eq!(figures.latency_ratio_interval, ends);
            assert_eq!(figures.n.get() as usize, row.n);
        }
        assert_eq!(web.policies.len(), 2);
        assert_eq!(profile.applications[1].latency_quantile, None);
    }

    #[test]
    fn strategies_take_the_measured_ratios() {
        let made = Made {
            rows: vec![held("fifo", 1.05, 0.9), held("vtime", 1.02, 0.8)],
            noise: 0.0,
            ..Made::default()
        };
        let profile = written(&outcome(&made)).unwrap();
        let loaded = fifo_and_vtime();
        let base_slice = std::time::Duration::from_millis(100);
        let of = |prefer| {
            let applications = &profile.applications;
            Allotment::from_profile(Strategy::Benefit, prefer, applications, &loaded, base_slice)
        };
        let row = of(Prefer::Throughput).unwrap().rows.remove(0);
        assert_eq!(row.policy, "fifo");
        assert!((row.basis.unwrap().throughput_ratio - 1.05).abs() < 1e-9);
        assert_eq!(of(Prefer::P99).unwrap().rows[0].policy, "vtime");
    }

    #[test]
    fn a_trial_that_was_cut_makes_a_partial_profile() {
        let mut raw = made().raw();
        // The plan, the application `web`, and all but the last block of a super-block of `batch`.
        raw.records.truncate(1 + 8 * 5 + 4);
        let profile = written(&estimate::outcome(&[raw]).unwrap()).unwrap();
        assert!(profile.partial);
        assert_eq!(profile.applications.len(), 1);
        assert_eq!(profile.whole, None);
    }

    #[test]
    fn what_the_loader_would_refuse_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile.toml");
        fs::write(&path, "as before").unwrap();
        let error = |made: Made| {
            let error = write(&outcome(&made), &path).unwrap_err();
            assert_eq!(fs::read_to_string(&path).unwrap(), "as before");
            format!("{error:#}")
        };
        let nothing = Made {
            rows: vec![held("fifo", 0.0, 1.0)],
            ..Made::default()
        };
        let nothing = error(nothing);
        assert!(nothing.contains("profile.toml: the profile:"), "{nothing}");
        assert!(
            nothing.contains("application `web`: under.fifo.throughput: 0 is not"),
            "{nothing}"
        );
        let unknown = error(Made {
            rows: vec![held("cfs", 1.0, 1.0)],
            ..Made::default()
        });
        assert!(
            unknown.contains("application `web`: unknown policy `cfs`"),
            "{unknown}"
        );
        let whole = error(Made {
            subjects: vec![BOTH],
            ..Made::default()
        });
        assert!(
            whole.contains("no application was measured by itself"),
            "{whole}"
        );
    }

    #[test]
    fn people_find_the_method_at_the_top() {
        let text = text(&outcome(&made())).unwrap();
        assert!(
            text.starts_with("# Measured by scx_metabench, workload made.\n"),
            "{text}"
        );
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        assert!(place("# Emulated: ") < place("partial = false"));
        assert!(place("[[application]]") < place("[whole]"));
    }
}
