// SPDX-License-Identifier: GPL-2.0-only
//! Whole files, good and bad, and those that we ship.

use super::*;
use crate::reading::tests::{built_in, told};
use crate::reading::{Reading, Run, Told};
use crate::record::Latency;

const GOOD: &str = r#"name = "shop"
notes = ["The page has {bytes} bytes."]

[parameters]
bytes = 4096
server = "nginx"
window = 1.5
conf = "{workload}/x.conf"

[[service]]
name = "front"
command = ["{server}", "-c", "{conf}", "-g", "events {{}}"]
environment = { SIZE = "{bytes}" }
folder = "run"
ready = { http = "http://127.0.0.1:80/{bytes}" }
ready_seconds = 5

[[service]]
name = "back"
command = ["back"]
ready = { command = ["ask", "back"] }

[[application]]
name = "web"
services = ["front", "back"]
concurrency = "2 * 4"
throughput_unit = "requests/s"
seconds = "{window}"
warm_up_seconds = 1
command = ["wrk", "-d{seconds}s", "http://127.0.0.1/"]
environment = { LANG = "C" }
reader = "wrk"

[[application]]
name = "batch"
services = ["back"]
concurrency = 2
throughput_unit = "bogo-ops/s"
seconds = 3
closed_loop = false
command = ["perf", "bench"]
repeat = true
reader = { kind = "perf-bench", operations = "{bytes} * 2" }

[whole]
together = ["batch", "web"]
"#;

fn parse(text: &str, set: &[(&str, &str)]) -> anyhow::Result<Workload> {
    let set: Vec<_> = set
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    Workload::parse(text, "w.toml", "/folder".as_ref(), &set)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

#[test]
fn services_are_read_with_everything_filled_in() {
    let workload = parse(GOOD, &[]).unwrap();
    assert_eq!(workload.name, "shop");
    assert_eq!(workload.notes, ["The page has 4096 bytes."]);
    let [front, back] = &workload.services[..] else {
        panic!("{workload:?}");
    };
    assert_eq!(
        front.command,
        ["nginx", "-c", "/folder/x.conf", "-g", "events {}"]
    );
    assert_eq!(front.environment["SIZE"], "4096");
    assert_eq!(front.folder, PathBuf::from("/folder/run"));
    assert_eq!(front.ready, Ready::Http("http://127.0.0.1:80/4096".into()));
    assert_eq!(front.ready_limit, Duration::from_secs(5));
    assert_eq!(back.folder, PathBuf::from("/folder"));
    assert_eq!(back.ready, Ready::Command(words(&["ask", "back"])));
    assert_eq!(back.ready_limit, Duration::from_secs(60));
}

#[test]
fn applications_are_read_with_their_loads() {
    let workload = parse(GOOD, &[]).unwrap();
    let [web, batch] = &workload.applications[..] else {
        panic!("{workload:?}");
    };
    assert_eq!(web.services, ["front", "back"]);
    assert_eq!(web.concurrency, 8);
    assert_eq!(web.window, Duration::from_millis(1500));
    assert_eq!(web.warm_up, Duration::from_secs(1));
    assert!(web.closed_loop && !batch.closed_loop);
    assert_eq!(batch.warm_up, Duration::ZERO);
    let [load] = &web.loads[..] else {
        panic!("{web:?}");
    };
    assert_eq!(load.name, "web");
    assert_eq!(load.command, ["wrk", "-d{seconds}s", "http://127.0.0.1/"]);
    assert_eq!(load.environment["LANG"], "C");
    assert!(!load.repeat && batch.loads[0].repeat);
    assert_eq!(load.reader, built_in("wrk"));
    let operations = Some(8192);
    let part = None;
    let perf = told("perf-bench", Told { operations, part });
    assert_eq!(batch.loads[0].reader, perf);
}

#[test]
fn the_whole_unites_its_parts() {
    let workload = parse(GOOD, &[]).unwrap();
    let whole = workload.whole.unwrap();
    assert_eq!(whole.name, "whole");
    assert_eq!(whole.services, ["back", "front"]);
    assert_eq!(whole.concurrency, 10);
    assert_eq!(whole.unit, "geometric mean of operations/s");
    assert_eq!(whole.window, Duration::from_secs(3));
    assert_eq!(whole.warm_up, Duration::from_secs(1));
    assert!(!whole.closed_loop);
    let names: Vec<_> = whole.loads.iter().map(|load| &load.name).collect();
    assert_eq!(names, ["batch", "web"]);
}

#[test]
fn the_whole_may_say_more_or_be_an_application_of_its_own() {
    let more = "together = [\"web\", \"batch\"]\nname = \"all\"\nthroughput_unit = \"x/s\"\n\
                seconds = \"{bytes}\"\nwarm_up_seconds = 0\n";
    let text = GOOD.replace("together = [\"batch\", \"web\"]\n", more);
    let whole = parse(&text, &[("bytes", "9")]).unwrap().whole.unwrap();
    assert_eq!((&*whole.name, &*whole.unit), ("all", "x/s"));
    assert_eq!(whole.window, Duration::from_secs(9));
    assert_eq!(whole.warm_up, Duration::ZERO);

    let own = "services = [\"front\"]\nconcurrency = 3\nthroughput_unit = \"x/s\"\nseconds = 4\n\
               command = [\"ask\", \"{seconds}\"]\n\
               reader = { kind = \"stress-ng\", stressor = \"cpu\" }\n";
    let text = GOOD.replace("together = [\"batch\", \"web\"]\n", own);
    let whole = parse(&text, &[]).unwrap().whole.unwrap();
    assert_eq!((&*whole.name, whole.concurrency), ("whole", 3));
    assert_eq!(whole.services, ["front"]);
    let part = Some("cpu".into());
    let operations = None;
    let stress_ng = told("stress-ng", Told { operations, part });
    assert_eq!(whole.loads[0].reader, stress_ng);
}

#[test]
fn a_file_needs_neither_services_nor_a_whole() {
    let from = GOOD.find("[[application]]\nname = \"batch\"").unwrap();
    let to = GOOD.find("[whole]").unwrap();
    let application = GOOD[from..to].replace("services = [\"back\"]", "");
    let text = format!("name = \"x\"\n{}", application.replace("{bytes}", "2"));
    let workload = parse(&text, &[]).unwrap();
    assert!(workload.services.is_empty() && workload.whole.is_none());
}

#[test]
fn the_command_line_sets_parameters_of_the_file_alone() {
    let set = [("server", "/opt/{x}"), ("window", "7"), ("window", "2 * 2")];
    let workload = parse(GOOD, &set).unwrap();
    assert_eq!(workload.services[0].command[0], "/opt/{x}");
    assert_eq!(workload.applications[0].window, Duration::from_secs(4));
    for name in ["sever", "cpus", "seconds"] {
        let error = parse(GOOD, &[(name, "x")]).unwrap_err().to_string();
        let expected = format!(
            "--set {name}=x: w.toml has no parameter `{name}`; known: bytes, conf, server, window"
        );
        assert_eq!(error, expected);
    }
    let error = parse(GOOD, &[("window", "long")]).unwrap_err().to_string();
    assert_eq!(
        error,
        "w.toml:28: application `web`: seconds: `long` is not a number"
    );
}

/// What the reader of `web` makes of a text.
fn web_reads(workload: &Workload, said: &str) -> anyhow::Result<Reading> {
    let said = said.into();
    let took = Duration::from_secs(2);
    workload.applications[0].loads[0]
        .reader
        .read(&[Run { said, took }])
}

#[test]
fn regular_expressions_are_taken_as_they_are() {
    let regex = r#"reader = { kind = "regex", throughput = 'r{2}:(\d+)', latency_p90 = 'p(.)', latency_unit = "ms", requests = 'n(.)' }"#;
    let workload = parse(&GOOD.replace("reader = \"wrk\"", regex), &[]).unwrap();
    let reading = web_reads(&workload, "rr:40 p7 n3").unwrap();
    assert_eq!(reading.throughput, 40.0);
    let n = 3;
    let at = vec![(90.0, 7000.0)];
    assert_eq!(reading.latency, Some(Latency::Quantiles { n, at }));
    let regex = "reader = { kind = \"regex\", operations = 'n{2}=(.)' }";
    let workload = parse(&GOOD.replace("reader = \"wrk\"", regex), &[]).unwrap();
    assert_eq!(web_reads(&workload, "nn=8").unwrap().throughput, 4.0);
}

/// Blocks of code of one language.
fn documented(language: &'static str) -> impl Iterator<Item = &'static str> {
    let blocks = include_str!("../../../docs/workload.md").split("```");
    blocks
        .skip(1)
        .step_by(2)
        .filter_map(move |block| block.strip_prefix(language))
}

#[test]
fn the_documented_reader_reads_the_documented_text() {
    let reader = documented("toml")
        .find(|block| block.contains("[readers."))
        .unwrap();
    let text = GOOD.replace("\"wrk\"\n", "\"sysbench\"\n") + reader;
    let workload = parse(&text, &[]).unwrap();
    let said = documented("text").next().unwrap();
    let reading = web_reads(&workload, said).unwrap();
    assert_eq!(reading.throughput, 1466.0 / 1.0086);
    let n = 1466;
    let at = vec![(99.0, 8740.0)];
    assert_eq!(reading.latency, Some(Latency::Quantiles { n, at }));
    let error = format!("{:#}", web_reads(&workload, "Killed").unwrap_err());
    assert!(error.starts_with("sysbench: it said:\nKilled: "), "{error}");
    assert!(error.contains("operations: `^ *total number"), "{error}");

    let untold = text.replace("operations = '^ *total", "requests = '^ *total");
    let error = parse(&untold, &[]).unwrap_err().to_string();
    let expected = "w.toml:32: application `web`: reader: missing field `operations`: ";
    assert!(error.starts_with(expected), "{error}");
}

/// Each replaces the first occurrence only.
#[test]
#[rustfmt::skip]
fn errors_state_file_line_and_field() {
    for (good, bad, expected) in [
        ("name = \"shop\"\n", "\n", "w.toml:1: missing field `name`"),
        ("\"shop\"", "\" \"", "w.toml:1: name: \" \" is not a name"),
        ("{bytes} bytes", "{byte} bytes", "w.toml:2: notes: there is no parameter `byte`; known: bytes, conf, cpus, "),
        ("{bytes} bytes", "{seconds}", "w.toml:2: notes: only the command of a load knows `{seconds}`"),
        ("[parameters]", "[parameter]", "w.toml:4: unknown field `parameter`, expected one of "),
        ("bytes = 4096", "bytes = true", "w.toml:5: parameters.bytes: neither text nor a number"),
        ("bytes = 4096", "cpus = 4096", "w.toml:5: parameters.cpus: this name has a meaning of its own"),
        ("bytes = 4096", "seconds = 4096", "w.toml:5: parameters.seconds: this name has"),
        ("bytes = 4096", "b-s = 4096", "w.toml:5: parameters.b-s: not a name of letters"),
        ("{workload}", "{bytes}", "w.toml:8: parameters.conf: there is no parameter `bytes`"),
        ("\"{server}\", ", "\"{sever}\", ", "w.toml:12: service `front`: command: there is no parameter `sever`"),
        ("events {{}}", "events {}", "w.toml:12: service `front`: command: `{}`: not a name"),
        ("events {{}}", "{seconds}", "w.toml:12: service `front`: command: only the command of a load"),
        ("\"{bytes}\" }", "\"{seconds}\" }", "w.toml:13: service `front`: environment.SIZE: only the"),
        ("\"run\"", "\"{run}\"", "w.toml:14: service `front`: folder: there is no parameter `run`"),
        ("http://127.0.0.1:80/", "https://a/", "w.toml:15: service `front`: ready.http: `https://a/4096` is not http://"),
        ("{ http = \"http://127.0.0.1:80/{bytes}\" }", "{ tcp = \"localhost\" }", "w.toml:15: service `front`: ready.tcp: `localhost` is not HOST:PORT"),
        ("{ http = \"http://127.0.0.1:80/{bytes}\" }", "\"soon\"", "w.toml:15: service `front`: ready: unknown variant `soon`, expected one of "),
        ("ready = { http = \"http://127.0.0.1:80/{bytes}\" }\n", "", "w.toml:10: service `front`: missing field `ready`"),
        ("ready_seconds = 5", "ready_seconds = 0", "w.toml:16: service `front`: ready_seconds: 0 s are too few"),
        ("ready_seconds = 5", "ready_limit = 5", "w.toml:16: service `front`: ready_limit: unknown field `ready_limit`"),
        ("name = \"back\"", "name = \"front\"", "w.toml:19: service `front`: name: there are two services `front`"),
        ("[\"back\"]", "[]", "w.toml:20: service `back`: command: it names no program"),
        ("[\"back\"]", "[\"\"]", "w.toml:20: service `back`: command: it names no program"),
        ("[\"ask\", \"back\"]", "[]", "w.toml:21: service `back`: ready.command: it names no program"),
        ("name = \"web\"\n", "", "w.toml:23: application: missing field `name`"),
        ("\"front\", \"back\"]", "\"fornt\"]", "w.toml:25: application `web`: services: there is no service `fornt`"),
        ("\"2 * 4\"", "\"2 + 4\"", "w.toml:26: application `web`: concurrency: `2 + 4` is not a number"),
        ("\"2 * 4\"", "0", "w.toml:26: application `web`: concurrency: 0 is not a whole number from 1"),
        ("\"2 * 4\"", "5000000000", "w.toml:26: application `web`: concurrency: 5000000000 is too many"),
        ("throughput_unit = \"requests/s\"", "", "w.toml:23: application `web`: missing field `throughput_unit`"),
        ("\"{window}\"", "-1", "w.toml:28: application `web`: seconds: -1 s are not between 0 and 3600"),
        ("warm_up_seconds = 1", "warm_up_seconds = nan", "w.toml:29: application `web`: warm_up_seconds: NaN is not finite"),
        ("\"-d{seconds}s\"", "7", "w.toml:30: application `web`: command: invalid type: integer `7`, expected a string"),
        ("\"-d{seconds}s\", ", "", "w.toml:30: application `web`: command: nothing says how long it runs: put {seconds}"),
        ("LANG = \"C\"", "LANG = \"{seconds}\"", "w.toml:31: application `web`: environment.LANG: only"),
        ("[whole]", "[readers.x]\n[whole]", "w.toml:45: readers.x: one or two of throughput, "),
        ("[whole]", "[readers.x]\nthroughput = '(.'\n[whole]", "w.toml:46: throughput: `(.` is not a regular expression: unclosed group"),
        ("[whole]", "[readers.x]\nthroughput = '.'\n[whole]", "w.toml:46: throughput: `.` has 0 capture groups, and not one, for the number"),
        ("[whole]", "[readers.x]\nthroughput = '(.)'\nlatency_p99 = '(.)'\n[whole]", "w.toml:45: readers.x: latency_unit: it goes with "),
        ("[whole]", "[readers.x]\nlatency_p98 = '(.)'\n[whole]", "w.toml:46: unknown field `latency_p98`, expected one of "),
        ("[whole]", "[readers.x]\nthroughput = '(.)'\n[readers.x]\n[whole]", "w.toml:47: duplicate key"),
        ("[whole]", "[readers.wrk]\nthroughput = '(.)'\n[whole]", "w.toml:45: readers.wrk: this name is that of a built-in reader"),
        ("[whole]", "[readers.regex]\nthroughput = '(.)'\n[whole]", "w.toml:45: readers.regex: this name is that of a built-in reader"),
        ("\"wrk\"\n", "{ kind = \"wrk\", operations = 3 }\n", "w.toml:32: application `web`: reader: unknown field `operations`"),
        ("\"wrk\"\n", "\"wrq\"\n", "w.toml:32: application `web`: reader: there is no reader `wrq`; known: load, perf-bench, "),
        ("\"wrk\"\n", "3\n", "w.toml:32: application `web`: reader: a name or a table expected, and not integer"),
        ("\"wrk\"\n", "{ kind = \"wrk\", unit = 3 }\n", "w.toml:32: application `web`: reader: unknown field `unit`"),
        ("\"wrk\"\n", "{ kind = 3 }\n", "w.toml:32: application `web`: reader: kind: text expected, and not integer"),
        ("\"wrk\"\n", "{ operations = 3 }\n", "w.toml:32: application `web`: reader: missing field `kind`"),
        ("\"wrk\"\n", "\"regex\"\n", "w.toml:32: application `web`: reader: one or two of throughput, "),
        ("\"wrk\"\n", "{ kind = \"regex\", throughput = 'x' }\n", "w.toml:32: application `web`: reader: throughput: `x` has 0 capture groups"),
        ("\"wrk\"\n", "{ kind = \"regex\", throughput = '(x)', latency_p99 = '(x)' }\n", "w.toml:32: application `web`: reader: latency_unit: it goes with"),
        ("\"wrk\"\n", "{ kind = \"regex\", throughput = '(x)', latency_unit = 'ms' }\n", "w.toml:32: application `web`: reader: latency_unit: it goes with"),
        ("name = \"batch\"", "name = \"web\"", "w.toml:35: application `web`: name: there are two applications `web`"),
        ("closed_loop = false", "closed_loop = 0", "w.toml:40: application `batch`: closed_loop: invalid type: integer `0`"),
        ("[\"perf\", \"bench\"]", "[\"perf\", \"{seconds}\"]", "w.toml:41: application `batch`: command: {seconds} ends it with the block"),
        ("repeat = true", "", "w.toml:41: application `batch`: command: nothing says"),
        ("{bytes} * 2", "{bytes} / 2", "w.toml:43: application `batch`: reader: operations: `4096 / 2` is not a number"),
        ("{bytes} * 2", "{seconds}", "w.toml:43: application `batch`: reader: operations: only the command"),
        ("[\"batch\", \"web\"]", "[\"batch\", \"wbe\"]", "w.toml:46: whole.together: there is no application `wbe`"),
        ("[\"batch\", \"web\"]", "[\"web\", \"web\"]", "w.toml:46: whole.together: twice: `web`"),
        ("[\"batch\", \"web\"]", "[\"web\"]", "w.toml:46: whole.together: fewer than two applications"),
        ("[\"batch\", \"web\"]", "[\"batch\", \"web\"]\nname = \"web\"", "w.toml:47: whole.name: there are two applications `web`"),
        ("[\"batch\", \"web\"]", "[\"batch\", \"web\"]\ncommand = [\"x\"]", "w.toml:47: whole.command: unknown field `command`"),
        ("together = [\"batch\", \"web\"]", "seconds = 3", "w.toml:45: whole: missing field `concurrency`"),
        ("name = \"batch\"", "name = \"whole\"", "w.toml:45: whole.name: there are two applications `whole`"),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let text = GOOD.replacen(good, bad, 1);
        let error = parse(&text, &[]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}\n{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_without_applications_is_refused() {
    let error = |text| parse(text, &[]).unwrap_err().to_string();
    assert_eq!(
        error("name = \"x\""),
        "w.toml:1: missing field `application`"
    );
    assert_eq!(
        error("name = \"x\"\napplication = []"),
        "w.toml:2: application: there is none"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Workload::read("/no/such/w.toml".as_ref(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /no/such/w.toml");
}

/// Each with the number of its applications.
const SHIPPED: [(&str, usize); 3] = [("messaging", 2), ("web", 2), ("mix", 8)];

fn shipped(name: &str, set: &[(&str, &str)]) -> Workload {
    let set: Vec<_> = set
        .iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect();
    let file = format!(
        "{}/../workloads/{name}/workload.toml",
        env!("CARGO_MANIFEST_DIR")
    );
    Workload::read(file.as_ref(), &set).unwrap()
}

#[test]
fn the_shipped_workloads_are_workloads() {
    for (name, applications) in SHIPPED {
        let workload = shipped(name, &[("window", "1")]);
        assert_eq!(workload.name, name);
        assert_eq!(workload.applications.len(), applications);
        let parts = workload.applications.iter().chain(&workload.whole);
        for part in parts {
            assert_eq!(part.window, Duration::from_secs(1), "{}", part.name);
        }
    }
}

#[test]
fn the_papers_application_has_its_parts_and_the_whole() {
    let rag = shipped("rag", &[("whole_seconds", "3"), ("connections", "8")]);
    let names: Vec<_> = rag.applications.iter().map(|part| &*part.name).collect();
    assert_eq!(names, ["frontend", "backend"]);
    let whole = rag.whole.unwrap();
    assert_eq!(whole.window, Duration::from_secs(3));
    assert_eq!(whole.concurrency, 8);
}

/// A file that a command names is there: nobody notices before the load fails.
#[test]
fn files_beside_the_shipped_workloads_exist() {
    let mut seen = 0;
    for (name, _) in SHIPPED {
        let workload = shipped(name, &[]);
        let folder = workload.folder.to_str().unwrap();
        let commands = workload.services.iter().map(|service| &service.command);
        let loads = workload.applications.iter().flat_map(|part| &part.loads);
        let words = commands.chain(loads.map(|load| &load.command)).flatten();
        for word in words.filter(|word| word.starts_with(folder)) {
            assert!(PathBuf::from(word).is_file(), "{name}: {word}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn the_whole_may_go_by_turns_and_come_back() {
    let text = GOOD.replace(
        "together = [\"batch\", \"web\"]",
        "by_turns = [\"batch\", \"web\", \"batch\"]",
    );
    let whole = parse(&text, &[]).unwrap().whole.unwrap();
    let names: Vec<_> = whole.loads.iter().map(|load| &*load.name).collect();
    assert_eq!(names, ["batch", "web", "batch 2"]);
    assert_eq!(whole.turns, [3.0, 1.5, 3.0].map(Duration::from_secs_f64));
    assert_eq!(whole.window, Duration::from_secs_f64(7.5));
    assert_eq!((whole.concurrency, whole.closed_loop), (8, false));
    let bad = text.replace("\"web\", \"batch\"]", "\"shop\"]");
    let error = parse(&bad, &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "w.toml:46: whole.by_turns: there is no application `shop`"
    );
}

/// Scenarios of the arena that nothing is tuned by: named before the first was measured.
const HELD_OUT: [&str; 3] = ["pipeline-beside-hogs", "ramp", "tenants"];

#[test]
fn the_arena_has_its_scenarios() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../workloads/arena");
    let (mut steady, mut by_turns, mut held_out) = (0, 0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let workload = Workload::read(&path, &[]).unwrap();
        assert_eq!(path.file_stem().unwrap(), &*workload.name);
        let scenario = workload.scenario.as_ref().unwrap();
        let (whole, _) = crate::pipeline::whole(&workload).unwrap();
        match whole.turns.is_empty() {
            true => steady += 1,
            false => by_turns += 1,
        }
        if scenario.held_out {
            held_out.push(workload.name);
        }
    }
    held_out.sort();
    assert!(steady >= 12 && by_turns >= 4, "{steady} {by_turns}");
    assert_eq!(held_out, HELD_OUT);
}

#[test]
fn a_scenario_is_read_and_what_is_wrong_in_it_is_named() {
    let arena = "[arena]\nmetric = \"latency\"\ncpus = 4\nreward = \"file:{conf}\"\n";
    let scenario = |arena: &str| parse(&format!("{GOOD}{arena}"), &[]);
    let read = scenario(arena).unwrap().scenario.unwrap();
    assert_eq!(read.reward.unwrap(), "file:/folder/x.conf");
    assert!(!read.held_out && read.programs.is_empty());
    let unknown = arena.replace("cpus", "cpu");
    let error = scenario(&unknown).unwrap_err().to_string();
    assert!(error.starts_with("w.toml:"), "{error}");
    assert!(error.contains("arena"), "{error}");
}
