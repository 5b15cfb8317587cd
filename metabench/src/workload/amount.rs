// SPDX-License-Identifier: GPL-2.0-only
//! A number in a workload: a number, or text with parameters in it, or a product of such.

use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context, Result};
use toml::Value;

use super::placeholder::{Parameters, Seconds};

/// Nobody waits longer for one block, or for a service.
const LONGEST_SECONDS: f64 = 3600.0;

/// Beyond this, a float does not hold every whole number.
const LARGEST: f64 = 9e15;

/// Any number.
fn number(value: &Value, parameters: &Parameters) -> Result<f64> {
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::String(text) => {
            let text = parameters.expand(text, Seconds::Refused)?;
            product(&text).with_context(|| format!("`{text}` is not a number"))?
        }
        other => bail!("a number expected, and not {}", other.type_str()),
    };
    ensure!(number.is_finite(), "{number} is not finite");
    Ok(number)
}

/// `12`, `3 * 4`
fn product(text: &str) -> Option<f64> {
    let factors = text
        .split('*')
        .map(|factor| factor.trim().parse::<f64>().ok());
    factors.product()
}

/// A whole number from 1.
pub fn count(value: &Value, parameters: &Parameters) -> Result<u64> {
    let number = number(value, parameters)?;
    if number.fract() != 0.0 || !(1.0..=LARGEST).contains(&number) {
        return Err(anyhow!("{number} is not a whole number from 1"));
    }
    Ok(number as u64)
}

/// Seconds above 0.
pub fn seconds(value: &Value, parameters: &Parameters) -> Result<Duration> {
    let duration = seconds_or_none(value, parameters)?;
    ensure!(!duration.is_zero(), "0 s are too few");
    Ok(duration)
}

/// Seconds, or 0.
pub fn seconds_or_none(value: &Value, parameters: &Parameters) -> Result<Duration> {
    let number = number(value, parameters)?;
    ensure!(
        (0.0..=LONGEST_SECONDS).contains(&number),
        "{number} s are not between 0 and {LONGEST_SECONDS}"
    );
    Ok(Duration::from_secs_f64(number))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn here() -> Parameters {
        Parameters::built_in(Path::new("/w")).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn numbers_texts_and_products_are_taken() {
        let of = |value: &Value| count(value, &here()).unwrap();
        assert_eq!(of(&Value::Integer(7)), 7);
        assert_eq!(of(&Value::Float(7.0)), 7);
        assert_eq!(of(&text(" 3 * 400*2 ")), 2400);
        let cpus = std::thread::available_parallelism().unwrap().get() as u64;
        assert_eq!(of(&text("{cpus} * 2")), 2 * cpus);
        let half = seconds(&Value::Float(0.5), &here()).unwrap();
        assert_eq!(half, Duration::from_millis(500));
        let none = seconds_or_none(&Value::Integer(0), &here()).unwrap();
        assert_eq!(none, Duration::ZERO);
    }

    #[test]
    fn what_is_no_count_or_no_time_is_refused() {
        for (value, expected) in [
            (Value::Integer(0), "0 is not a whole number from 1"),
            (Value::Integer(-2), "-2 is not a whole number from 1"),
            (Value::Float(1.5), "1.5 is not a whole number from 1"),
            (Value::Float(f64::NAN), "NaN is not finite"),
            (text("many"), "`many` is not a number"),
            (text("2 *"), "`2 *` is not a number"),
            (text("{none}"), "there is no parameter `none`"),
            (Value::Boolean(true), "a number expected, and not boolean"),
        ] {
            let error = count(&value, &here()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        for value in [Value::Integer(0), Value::Integer(-1), Value::Float(3600.5)] {
            assert!(seconds(&value, &here()).is_err(), "{value:?}");
        }
    }
}
