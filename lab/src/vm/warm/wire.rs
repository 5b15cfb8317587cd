// SPDX-License-Identifier: GPL-2.0-only
//! What the host and the agent in a warm guest say to each other: frames of a kind, a length and
//! bytes. A file is Put, any number of Data, and PutEnd; its answer is Done. A command is Run, and
//! answered by any number of Out and Err, and Exit; Kill ends it early.

use std::collections::BTreeMap;
use std::io;
use std::io::{Read, Write};

use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};

/// Changes whenever a frame does: a guest may have been started by an older xtask.
pub(super) const PROTOCOL: u32 = 1;

pub(super) const PORT: &str = "agent";

/// Bytes of one Data, Out or Err.
pub(super) const CHUNK: usize = 128 << 10;

/// Longer than any frame that we send; more means that the stream is out of step.
const LEN_MAX: u32 = 16 << 20;

/// Where a file goes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Put {
    /// Its path in the guest; folders are made.
    pub path: String,
    pub mode: u32,
    /// For a symbolic link, instead of bytes: where it points.
    pub link: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// Its folder, made if it is not there.
    pub cwd: String,
}

#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// The agent is there, and speaks this protocol.
    Hello(u32),
    /// A file begins.
    Put(Put),
    Data(Vec<u8>),
    PutEnd,
    Done,
    Run(Run),
    Kill,
    Out(Vec<u8>),
    Err(Vec<u8>),
    /// Its exit status, as a shell has it.
    Exit(i32),
    /// Why the guest could not do it.
    Failed(String),
}

impl Frame {
    /// Writes it whole.
    pub(super) fn send(&self, to: &mut impl Write) -> Result<()> {
        let (kind, payload) = match self {
            Self::Hello(protocol) => (b'h', protocol.to_le_bytes().to_vec()),
            Self::Put(put) => (b'p', serde_json::to_vec(put)?),
            Self::Data(bytes) => (b'd', bytes.clone()),
            Self::PutEnd => (b'e', Vec::new()),
            Self::Done => (b'k', Vec::new()),
            Self::Run(run) => (b'r', serde_json::to_vec(run)?),
            Self::Kill => (b'x', Vec::new()),
            Self::Out(bytes) => (b'1', bytes.clone()),
            Self::Err(bytes) => (b'2', bytes.clone()),
            Self::Exit(status) => (b's', status.to_le_bytes().to_vec()),
            Self::Failed(why) => (b'f', why.clone().into_bytes()),
        };
        let len = u32::try_from(payload.len()).context("a frame is too long")?;
        let mut bytes = Vec::with_capacity(payload.len() + 5);
        bytes.push(kind);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&payload);
        to.write_all(&bytes)?;
        Ok(to.flush()?)
    }

    /// Reads the next one; None where the stream ends before it.
    pub(super) fn receive(from: &mut impl Read) -> Result<Option<Self>> {
        let mut kind = [0];
        loop {
            match from.read(&mut kind) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len);
        ensure!(len <= LEN_MAX, "a frame of {len} bytes: out of step");
        let mut payload = vec![0; len as usize];
        from.read_exact(&mut payload)?;
        let number = || -> Result<[u8; 4]> {
            let bytes = payload.as_slice().try_into();
            bytes.context("a number of another length")
        };
        Ok(Some(match kind[0] {
            b'h' => Self::Hello(u32::from_le_bytes(number()?)),
            b'p' => Self::Put(serde_json::from_slice(&payload)?),
            b'd' => Self::Data(payload),
            b'e' => Self::PutEnd,
            b'k' => Self::Done,
            b'r' => Self::Run(serde_json::from_slice(&payload)?),
            b'x' => Self::Kill,
            b'1' => Self::Out(payload),
            b'2' => Self::Err(payload),
            b's' => Self::Exit(i32::from_le_bytes(number()?)),
            b'f' => Self::Failed(String::from_utf8_lossy(&payload).into_owned()),
            kind => bail!("a frame of the unknown kind {kind}"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_as_they_were_sent() {
        let frames = [
            Frame::Hello(PROTOCOL),
            Frame::Put(Put {
                path: "/some/where".to_string(),
                mode: 0o755,
                link: None,
            }),
            Frame::Data(vec![0, 255]),
            Frame::PutEnd,
            Frame::Done,
            Frame::Run(Run {
                argv: vec!["a b".to_string()],
                ..Run::default()
            }),
            Frame::Kill,
            Frame::Out(Vec::new()),
            Frame::Err(b"x".to_vec()),
            Frame::Exit(-1),
            Frame::Failed("why".to_string()),
        ];
        let mut wire = Vec::new();
        for frame in &frames {
            frame.send(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        for frame in frames {
            assert_eq!(Frame::receive(&mut wire).unwrap(), Some(frame));
        }
        assert_eq!(Frame::receive(&mut wire).unwrap(), None);
    }

    #[test]
    fn nonsense_and_half_a_frame_are_refused() {
        for (mut wire, why) in [
            (&b"?\0\0\0\0"[..], "unknown kind"),
            (&b"d\xff\xff\xff\xff"[..], "out of step"),
            (&b"d\x04\0\0\0ab"[..], "fill"),
        ] {
            let error = format!("{:#}", Frame::receive(&mut wire).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
