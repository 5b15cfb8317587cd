// SPDX-License-Identifier: GPL-2.0-only
//! The half that writes the table: `VERIFIER.md`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::path::Path;

use anyhow::{ensure, Result};
use evidence::raw::Raw;
use evidence::table::{count, percent, Table};
use evidence::{files, raw};

use super::record::Record;
use crate::cli::FiguresArgs;

/// BPF_COMPLEXITY_LIMIT_INSNS of the kernel.
const LIMIT: u32 = 1_000_000;

const FILE: &str = "VERIFIER.md";

/// Reads the raw data, prints the table and writes it.
pub(crate) fn run(args: &FiguresArgs) -> Result<()> {
    let mut kernels = Vec::new();
    for path in &args.raw {
        kernels.push(Kernel::of(&raw::read(path)?, path)?);
    }
    let page = Page { kernels };
    print!("{page}");
    files::write_whole(&args.out.join(FILE), &page.to_string())
}

/// Of one program, or of several together.
#[derive(Clone, Copy, Default)]
struct Size {
    programs: usize,
    verified: u32,
    machine_code_bytes: usize,
}

impl Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |sum, size| Self {
            programs: sum.programs + size.programs,
            verified: sum.verified + size.verified,
            machine_code_bytes: sum.machine_code_bytes + size.machine_code_bytes,
        })
    }
}

/// One kernel's answer: programs by name for all policies, and each policy alone.
struct Kernel {
    release: String,
    all: BTreeMap<String, Size>,
    /// In the order of the policies' table.
    alone: Vec<(String, Size)>,
}

impl Kernel {
    fn of(raw: &Raw<Record>, path: &Path) -> Result<Self> {
        let mut all: BTreeMap<String, Size> = BTreeMap::new();
        let mut alone: Vec<(String, Size)> = Vec::new();
        for record in &raw.records {
            let Record::Program {
                only,
                name,
                verified,
                machine_code_bytes,
            } = record;
            let size = Size {
                programs: 1,
                verified: *verified,
                machine_code_bytes: *machine_code_bytes,
            };
            match (only, alone.last_mut()) {
                (None, _) => {
                    let twice = all.insert(name.clone(), size).is_some();
                    ensure!(!twice, "{}: two programs {name}", path.display());
                }
                (Some(policy), Some((last, sum))) if last == policy => {
                    *sum = [*sum, size].into_iter().sum();
                }
                (Some(policy), _) => alone.push((policy.clone(), size)),
            }
        }
        ensure!(
            !all.is_empty() && !alone.is_empty(),
            "{}: not measured to the end",
            path.display()
        );
        Ok(Self {
            release: raw.machine.kernel.clone(),
            all,
            alone,
        })
    }

    /// 6.18.15 of 6.18.15+deb13-cloud-amd64.
    fn version(&self) -> &str {
        let end = self.release.find(|c: char| !c.is_ascii_digit() && c != '.');
        &self.release[..end.unwrap_or(self.release.len())]
    }
}

struct Page {
    kernels: Vec<Kernel>,
}

impl Page {
    fn table(&self, first: &str, columns: [&str; 3]) -> Table {
        let heads = self.kernels.iter().flat_map(|kernel| {
            let version = kernel.version();
            columns.map(|column| format!("{version}: {column}"))
        });
        let heads: Vec<String> = heads.collect();
        Table::new([first].into_iter().chain(heads.iter().map(|head| &**head)))
    }

    /// The heaviest first.
    fn programs(&self) -> Table {
        let mut table = self.table("program", ["instructions", "of the limit", "code"]);
        let mut names: Vec<&String> = self.kernels.iter().flat_map(|k| k.all.keys()).collect();
        names.sort_by_key(|name| {
            let most = self.kernels.iter().filter_map(|k| k.all.get(*name));
            (Reverse(most.map(|size| size.verified).max()), *name)
        });
        names.dedup();
        for name in names {
            let cells = self
                .kernels
                .iter()
                .flat_map(|kernel| match kernel.all.get(name) {
                    Some(size) => [
                        count(u64::from(size.verified)),
                        percent(f64::from(size.verified) / f64::from(LIMIT)),
                        bytes(size.machine_code_bytes),
                    ],
                    None => ["not loaded".into(), String::new(), String::new()],
                });
            table.row([format!("`{name}`")].into_iter().chain(cells));
        }
        table
    }

    fn policies(&self) -> Table {
        let mut table = self.table("`--policies`", ["programs", "instructions", "code"]);
        let mut row = |name: String, sum: &dyn Fn(&Kernel) -> Size| {
            let cells = self.kernels.iter().flat_map(|kernel| {
                let sum = sum(kernel);
                [
                    sum.programs.to_string(),
                    count(u64::from(sum.verified)),
                    bytes(sum.machine_code_bytes),
                ]
            });
            table.row([name].into_iter().chain(cells));
        };
        for (name, _) in self.kernels.first().map_or(&[][..], |kernel| &kernel.alone) {
            row(format!("`{name}`"), &|kernel| {
                let alone = kernel.alone.iter().find(|(policy, _)| policy == name);
                alone.map(|(_, sum)| *sum).unwrap_or_default()
            });
        }
        row("all of them".into(), &|kernel| {
            kernel.all.values().copied().sum()
        });
        table
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            f,
            "# What the verifier makes of the programs\n\n\
             Written by `cargo xtask verifier`; not by hand. \"Instructions\" are those that the \
             kernel's\nverifier processed, on every branch that it followed, functions and \
             callbacks of the\nprogram included; it gives up at {} a program. \"Code\" is machine \
             code, x86-64.\nNames are as long as the kernel keeps them.\n\nWith all policies:\n",
            count(u64::from(LIMIT))
        )?;
        write!(f, "{}", self.programs().markdown())?;
        writeln!(
            f,
            "\nAll programs together, with one policy and with all. Of a policy that `--policies` \
             leaves\nout only the hooks on the hot path are verified and become code, which is \
             never called: to\ntest for it there would cost more. Ops that only it needs are not \
             loaded.\n"
        )?;
        write!(f, "{}", self.policies().markdown())
    }
}

fn bytes(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn program(only: Option<&str>, name: &str, verified: u32) -> Record {
        Record::Program {
            only: only.map(str::to_string),
            name: name.to_string(),
            verified,
            machine_code_bytes: 2048,
        }
    }

    fn kernel(release: &str, records: Vec<Record>) -> Result<Kernel> {
        let mut raw = testing::raw(2, records);
        raw.machine.kernel = release.into();
        Kernel::of(&raw, Path::new("raw"))
    }

    #[test]
    fn the_heaviest_program_is_first_and_sums_are_by_policy() {
        let old = kernel(
            "6.18",
            vec![
                program(None, "meta_tick", 900),
                program(None, "meta_init", 250_000),
                program(Some("fifo"), "meta_init", 1000),
                program(Some("nest"), "meta_init", 2000),
                program(Some("nest"), "meta_tick", 3000),
            ],
        );
        let new = kernel(
            "7.3",
            vec![
                program(None, "meta_init", 100),
                program(Some("fifo"), "meta_init", 1),
                program(Some("nest"), "meta_init", 2),
            ],
        );
        let kernels = vec![old.unwrap(), new.unwrap()];
        let page = Page { kernels }.to_string();
        let rows: Vec<&str> = page.lines().filter(|line| line.contains("KiB")).collect();
        assert_eq!(
            rows,
            [
                "| `meta_init` | 250,000 | 25.0 % | 2.0 KiB | 100 | 0.0 % | 2.0 KiB |",
                "| `meta_tick` | 900 | 0.1 % | 2.0 KiB | not loaded | | |",
                "| `fifo` | 1 | 1,000 | 2.0 KiB | 1 | 1 | 2.0 KiB |",
                "| `nest` | 2 | 5,000 | 4.0 KiB | 1 | 2 | 2.0 KiB |",
                "| all of them | 2 | 250,900 | 4.0 KiB | 1 | 100 | 2.0 KiB |",
            ]
        );
    }

    #[test]
    fn what_was_cut_short_makes_no_table() {
        assert!(kernel("6.18", vec![program(None, "meta_tick", 900)]).is_err());
        assert!(kernel("6.18", Vec::new()).is_err());
    }
}
