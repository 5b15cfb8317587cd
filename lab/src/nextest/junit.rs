// SPDX-License-Identifier: GPL-2.0-only
//! The tests of a JUnit report.

use anyhow::Result;

#[derive(Debug, PartialEq)]
pub struct Case {
    /// Its binary, as nextest names it.
    pub binary: String,
    pub name: String,
    pub passed: bool,
    pub seconds: f64,
    /// What it printed, where the profile keeps that.
    pub output: String,
}

pub fn cases(xml: &str) -> Result<Vec<Case>> {
    let document = roxmltree::Document::parse(xml)?;
    let mut cases = Vec::new();
    for node in document.descendants() {
        if !node.has_tag_name("testcase") {
            continue;
        }
        let text = |name| node.attribute(name).unwrap_or_default().to_string();
        let bad = ["failure", "error"];
        cases.push(Case {
            binary: text("classname"),
            name: text("name"),
            passed: !node
                .children()
                .any(|child| bad.contains(&child.tag_name().name())),
            seconds: text("time").parse().unwrap_or(0.0),
            output: node
                .children()
                .find(|child| child.has_tag_name("system-out"))
                .and_then(|child| child.text())
                .unwrap_or_default()
                .to_string(),
        });
    }
    Ok(cases)
}
