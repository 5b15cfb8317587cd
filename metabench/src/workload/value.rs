// SPDX-License-Identifier: GPL-2.0-only
//! The kinds of values in a workload, as serde reads them, each with its check.

use std::time::Duration;

use anyhow::{bail, ensure, Context};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Nobody waits longer for one block, or for a service.
const LONGEST_SECONDS: f64 = 3600.0;

/// Beyond this, a float does not hold every whole number.
const LARGEST: f64 = 9e15;

fn checked<'de, D, V, T>(from: D, check: impl Fn(V) -> anyhow::Result<T>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    check(V::deserialize(from)?).map_err(|error| D::Error::custom(format!("{error:#}")))
}

/// Of a workload, a service or an application.
pub fn name<'de, D: Deserializer<'de>, T: From<String>>(from: D) -> Result<T, D::Error> {
    checked(from, |text: String| {
        let empty = text.trim().is_empty();
        ensure!(
            !empty && !text.chars().any(char::is_control),
            "{text:?} is not a name"
        );
        Ok(text.into())
    })
}

/// Program and arguments.
pub fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    checked(from, |words: Vec<String>| {
        let program = words.first().map_or("", |word| word.trim());
        ensure!(!program.is_empty(), "it names no program");
        Ok(words)
    })
}

pub fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, |url: String| {
        let host = url.strip_prefix("http://").unwrap_or_default();
        ensure!(
            !host.is_empty() && !host.starts_with('/'),
            "`{url}` is not http://HOST:PORT/PATH"
        );
        Ok(url)
    })
}

pub fn address<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, |address: String| {
        let (host, port) = address.rsplit_once(':').unwrap_or_default();
        ensure!(
            !host.is_empty() && port.parse::<u16>().is_ok(),
            "`{address}` is not HOST:PORT"
        );
        Ok(address)
    })
}

/// A number, or text that is one, or a product of such.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number expected")]
enum Amount {
    Number(f64),
    Text(String),
}

impl Amount {
    fn number(self) -> anyhow::Result<f64> {
        let number = match self {
            Self::Number(number) => number,
            Self::Text(text) => {
                product(&text).with_context(|| format!("`{text}` is not a number"))?
            }
        };
        ensure!(number.is_finite(), "{number} is not finite");
        Ok(number)
    }
}

/// `12`, `3 * 4`
fn product(text: &str) -> Option<f64> {
    let factors = text
        .split('*')
        .map(|factor| factor.trim().parse::<f64>().ok());
    factors.product()
}

/// A whole number from 1.
pub fn count<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
    checked(from, |amount: Amount| {
        let number = amount.number()?;
        if number.fract() != 0.0 || !(1.0..=LARGEST).contains(&number) {
            bail!("{number} is not a whole number from 1");
        }
        let count = T::try_from(number as u64).ok();
        count.with_context(|| format!("{number} is too many"))
    })
}

/// Seconds above 0.
pub fn seconds<'de, D: Deserializer<'de>, T: From<Duration>>(from: D) -> Result<T, D::Error> {
    checked(from, |amount: Amount| {
        let duration = duration(amount)?;
        ensure!(!duration.is_zero(), "0 s are too few");
        Ok(duration.into())
    })
}

/// Seconds, or 0.
pub fn any_seconds<'de, D: Deserializer<'de>, T: From<Duration>>(from: D) -> Result<T, D::Error> {
    checked(from, |amount| duration(amount).map(T::from))
}

fn duration(amount: Amount) -> anyhow::Result<Duration> {
    let number = amount.number()?;
    ensure!(
        (0.0..=LONGEST_SECONDS).contains(&number),
        "{number} s are not between 0 and {LONGEST_SECONDS}"
    );
    Ok(Duration::from_secs_f64(number))
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn numbers_texts_and_products_are_taken() {
        let of = |value| count::<_, u64>(value).unwrap();
        assert_eq!(of(Value::Integer(7)), 7);
        assert_eq!(of(Value::Float(7.0)), 7);
        assert_eq!(of(text(" 3 * 400*2 ")), 2400);
        let half: Duration = seconds(Value::Float(0.5)).unwrap();
        assert_eq!(half, Duration::from_millis(500));
        let none: Option<Duration> = any_seconds(Value::Integer(0)).unwrap();
        assert_eq!(none, Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_count_or_no_time_is_refused() {
        for (value, expected) in [
            (Value::Integer(0), "0 is not a whole number from 1"),
            (Value::Integer(-2), "-2 is not a whole number from 1"),
            (Value::Float(1.5), "1.5 is not a whole number from 1"),
            (Value::Float(f64::NAN), "NaN is not finite"),
            (Value::Integer(1 << 40), "1099511627776 is too many"),
            (text("many"), "`many` is not a number"),
            (text("2 *"), "`2 *` is not a number"),
            (Value::Boolean(true), "a number expected"),
        ] {
            let error = count::<_, u32>(value).unwrap_err();
            assert_eq!(error.message(), expected);
        }
        for value in [Value::Integer(0), Value::Integer(-1), Value::Float(3600.5)] {
            assert!(seconds::<_, Duration>(value.clone()).is_err(), "{value:?}");
        }
    }
}
