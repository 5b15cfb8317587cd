// SPDX-License-Identifier: GPL-2.0-only
//! A file with a few slips in it, as fuzzers make them: bytes changed, dropped and doubled, lines
//! exchanged, and numbers and words of the file where others of it were.

use proptest::collection;
use proptest::prelude::*;
use proptest::sample::Index;

/// Longest run of bytes that is dropped or doubled.
const RUN: usize = 40;

/// Numbers that are not like others.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1e308",
    "1e-320",
    "nan",
    "inf",
    "-0.0",
    "18446744073709551616",
    "0x7f",
    "1_0",
    "4294967296",
    "[]",
];

#[derive(Clone, Debug)]
enum Slip {
    Byte(Index, u8),
    Drop(Index, usize),
    Double(Index, usize),
    Swap(Index, Index),
    Word(Index, Index),
    Number(Index, usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Slip::Byte(at, byte)),
        (at(), 1..RUN).prop_map(|(at, run)| Slip::Drop(at, run)),
        (at(), 1..RUN).prop_map(|(at, run)| Slip::Double(at, run)),
        (at(), at()).prop_map(|(a, b)| Slip::Swap(a, b)),
        (at(), at()).prop_map(|(from, to)| Slip::Word(from, to)),
        (at(), 0..NUMBERS.len()).prop_map(|(at, number)| Slip::Number(at, number)),
    ]
}

fn run(bytes: &[u8], at: Index, run: usize) -> std::ops::Range<usize> {
    let start = at.index(bytes.len());
    start..(start + run).min(bytes.len())
}

/// Where words are.
fn words(bytes: &[u8], of: fn(&u8) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for (end, byte) in bytes.iter().chain([&b' ']).enumerate() {
        if of(byte) && end < bytes.len() {
            continue;
        }
        if start < end {
            words.push(start..end);
        }
        start = end + 1;
    }
    words
}

fn is_of_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(byte)
}

fn is_of_number(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b'.'
}

impl Slip {
    fn happen(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        match self {
            Self::Byte(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Self::Drop(at, length) => {
                bytes.drain(run(&bytes, at, length));
            }
            Self::Double(at, length) => {
                let doubled = bytes[run(&bytes, at, length)].to_vec();
                let at = at.index(bytes.len());
                bytes.splice(at..at, doubled);
            }
            Self::Swap(a, b) => {
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                lines.swap(a, b);
                bytes = lines.join(&b'\n');
            }
            Self::Word(from, to) => {
                let words = words(&bytes, is_of_word);
                if !words.is_empty() {
                    let from = bytes[from.get(&words).clone()].to_vec();
                    bytes.splice(to.get(&words).clone(), from);
                }
            }
            Self::Number(at, number) => {
                let numbers = words(&bytes, is_of_number);
                if !numbers.is_empty() {
                    let number = NUMBERS[number].bytes();
                    bytes.splice(at.get(&numbers).clone(), number);
                }
            }
        }
        bytes
    }
}

/// The file with up to five slips.
pub fn of(file: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    collection::vec(slip(), 1..6).prop_map(|slips| {
        let bytes = file.to_vec();
        slips
            .into_iter()
            .fold(bytes, |bytes, slip| slip.happen(bytes))
    })
}
