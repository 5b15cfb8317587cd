// SPDX-License-Identifier: GPL-2.0-only
//! A workload that no file describes, and its rows.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Args;
use crate::metric::{INVERSE, RUNS};
use crate::reading::Reader;
use crate::record::Row;
use crate::workload::{Application, Load, Workload};

/// The unit of a metric without --unit.
const NO_UNIT: &str = "metric";

/// The command, as an application that needs nothing else.
pub(crate) fn application(args: &Args) -> Result<Application> {
    let program = args.command.first().context("the command is missing")?;
    let name = Path::new(program).file_name();
    let name = name.map_or_else(|| program.clone(), |name| name.to_string_lossy().into());
    let (reader, unit) = reading(args)?;
    Ok(Application {
        name: name.clone(),
        services: Vec::new(),
        concurrency: 1,
        unit,
        window: args.block,
        // Shortest there is: the command runs once before it counts, and is then warm.
        warm_up: Duration::from_secs(1),
        // The command may do anything inside.
        closed_loop: false,
        loads: vec![Load {
            name,
            command: args.command.clone(),
            environment: BTreeMap::new(),
            repeat: !args.block.is_zero(),
            reader,
        }],
        turns: Vec::new(),
    })
}

fn reading(args: &Args) -> Result<(Reader, String)> {
    let Some(metric) = &args.metric else {
        return Ok((Reader::Runs, RUNS.into()));
    };
    let reader = Reader::metric(metric).context("--metric")?;
    let unit = args.unit.as_deref().unwrap_or(NO_UNIT);
    Ok(match args.lower_is_better {
        true => (
            Reader::Inverse(Box::new(reader)),
            format!("{INVERSE}{unit}"),
        ),
        false => (reader, unit.into()),
    })
}

/// A workload of this application alone, in the folder we are in.
pub(crate) fn workload(application: &Application) -> Result<Workload> {
    Ok(Workload {
        name: application.name.clone(),
        notes: Vec::new(),
        folder: env::current_dir().context("cannot tell which folder this is")?,
        services: Vec::new(),
        applications: vec![application.clone()],
        whole: None,
        scenario: None,
    })
}

/// Each policy held, other schedulers, and all policies in rotation.
pub(crate) fn rows(args: &Args) -> Result<Vec<Row>> {
    let mut rows = args.common.held();
    rows.extend(Row::others(&args.outside)?);
    rows.extend(args.common.rotation(args.period)?);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use scx_meta::policy::Policy;
    use scx_meta::weights::PolicyList;

    use super::*;
    use crate::trial::args::ROTATION;
    use crate::trial::fake::typed;

    fn args(words: &[&str]) -> Args {
        let words = ["try"].iter().chain(words);
        typed(words).unwrap()
    }

    #[test]
    fn a_command_is_an_application_with_a_length_of_its_own() {
        let args = args(&["--rounds", "3", "--", "/usr/bin/make", "-j4"]);
        let application = application(&args).unwrap();
        assert_eq!(application.name, "make");
        assert_eq!(application.unit, RUNS);
        assert_eq!(application.loads[0].command, ["/usr/bin/make", "-j4"]);
        assert_eq!(application.loads[0].reader, Reader::Runs);
        assert!(application.loads[0].repeat);
        assert_eq!(application.window, Duration::from_secs(2));
        assert!(workload(&application).unwrap().folder.is_absolute());
    }

    #[test]
    fn a_command_runs_once_a_block_if_asked() {
        let once = application(&args(&["--block", "0s", "--", "x"])).unwrap();
        assert!(!once.loads[0].repeat && once.window.is_zero());
        let longer = application(&args(&["--block", "1500ms", "--", "x"])).unwrap();
        assert_eq!(longer.window, Duration::from_millis(1500));
        for bad in ["2", "-1s", "2h"] {
            assert!(
                typed::<Args>(["try", "--block", bad, "--", "x"]).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_metric_of_which_less_is_better_is_turned_round() {
        let metric = ["--metric", "p99 (.*)", "--unit", "ms"];
        let unit = |more: &[&str]| {
            let words = [&metric[..], more, &["--", "x"]].concat();
            application(&args(&words)).unwrap().unit
        };
        assert_eq!(unit(&[]), "ms");
        assert_eq!(unit(&["--lower-is-better"]), "1 ÷ ms");
        let bad = args(&["--metric", "p99", "--", "x"]);
        let error = format!("{:#}", application(&bad).unwrap_err());
        assert!(error.starts_with("--metric: "), "{error}");
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for words in [
            &["try"][..],
            &["try", "--unit", "ms", "--", "x"],
            &["try", "--lower-is-better", "--", "x"],
            &["try", "--period", "100", "--", "x"],
        ] {
            assert!(typed::<Args>(words).is_err(), "{words:?}");
        }
        assert!(typed::<Args>(["try", "--from", "raw"]).is_ok());
    }

    #[test]
    fn every_policy_is_held_and_those_of_rotate_all_take_turns() {
        let rows = |words: &[&str]| {
            let args = args(&[words, &["--", "x"]].concat());
            super::rows(&args).unwrap()
        };
        let all = rows(&[]);
        let names: Vec<&str> = all.iter().map(|row| &*row.label).collect();
        let held: Vec<&str> = Policy::all().map(Policy::name).collect();
        assert_eq!(names, [&held[..], &[ROTATION]].concat());
        let rotation = &all[all.len() - 1].setting;
        let turning = PolicyList::all().equal_weights().in_rotation();
        assert_eq!(rotation.weights().len(), turning as usize);
        assert_eq!(rotation.period_us().unwrap() % turning, 0);

        let [first, second] = [held[0], held[1]];
        let two = rows(&[
            "--policies",
            &format!("{first},{second}"),
            "--period",
            "9ms",
        ]);
        assert_eq!(two.len(), 3);
        assert_eq!(two[2].setting.period_us(), Some(9000));
        assert_eq!(rows(&["--policies", first]).len(), 1);
    }
}
