// SPDX-License-Identifier: GPL-2.0-only
//! `reader = …`: the name of a reader, or a table with it.

use anyhow::{anyhow, bail, ensure, Context, Result};
use toml::{Table, Value};

use super::placeholder::{Parameters, Seconds};
use super::value;
use crate::reading::{Form, Reader, Readers, Told, REGEX};

/// From the field's value.
pub fn read(written: &Value, readers: &Readers, parameters: &Parameters) -> Result<Reader> {
    let (name, beside) = match written {
        Value::String(name) => (name.clone(), Table::new()),
        Value::Table(table) => {
            let mut table = table.clone();
            let name = table.remove("kind").context("missing field `kind`")?;
            (text(&name).context("kind")?, table)
        }
        other => bail!("a name or a table expected, and not {}", other.type_str()),
    };
    if name == REGEX {
        return form(beside).map(Reader::regex);
    }
    let form = Box::new(readers.get(&name)?.clone());
    let mut told = Told::default();
    for (key, value) in &beside {
        if key == "operations" && form.takes_operations() {
            told.operations = Some(count(value, parameters).context("operations")?);
        } else if form.part() == Some(key) {
            told.part = Some(text(value).with_context(|| key.clone())?);
        } else {
            bail!("unknown field `{key}`");
        }
    }
    ensure!(
        told.operations.is_some() || !form.needs_operations(),
        "missing field `operations`: the load does not print how many one run makes"
    );
    Ok(Reader::Form { name, form, told })
}

fn count(value: &Value, parameters: &Parameters) -> Result<u64> {
    let value = match value {
        Value::String(text) => parameters.expand(text, Seconds::Refused)?.into(),
        other => other.clone(),
    };
    value::count(value).map_err(|error| anyhow!("{}", error.message()))
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str().map(String::from);
    text.with_context(|| format!("text expected, and not {}", value.type_str()))
}

/// Its expressions are taken as they are written: braces mean something in them.
fn form(table: Table) -> Result<Form> {
    let form = serde_path_to_error::deserialize(table);
    let form: Form =
        form.map_err(|error| anyhow!("{}: {}", error.path(), error.inner().message()))?;
    form.check()?;
    Ok(form)
}
