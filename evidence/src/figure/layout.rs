// SPDX-License-Identifier: GPL-2.0-only
//! For tests: does every label of a figure have room?

#![allow(clippy::unwrap_used)]

use super::ruler::width;

/// Left, top, right and bottom of each text, by the estimate that the layout uses.
pub(super) fn boxes(svg: &str) -> Vec<(String, [i32; 4])> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| {
            let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap() as i32;
            let text = node.text().unwrap().trim().to_owned();
            let px = number("font-size");
            let (wide, high) = (width(&text, px), px);
            let (x, y) = (number("x"), number("y"));
            let left = match node.attribute("text-anchor").unwrap() {
                "start" => x,
                "middle" => x - wide / 2,
                _ => x - wide,
            };
            if node.attribute("transform").is_some() {
                return (
                    text,
                    [x - high / 2, y - wide / 2, x + high / 2, y + wide / 2],
                );
            }
            // The place to which dy moves it is right to a few pixels: the boxes are shrunk by that.
            let top = match node.attribute("dy").unwrap() {
                "0.5ex" => y - high / 2,
                "0.76em" => y,
                _ => y - high,
            };
            (text, [left, top + 2, left + wide, top + high - 2])
        })
        .collect()
}

/// No text leaves the picture or lies over another.
pub fn check_layout(svg: &str) {
    let document = roxmltree::Document::parse(svg).unwrap();
    let root = document.root_element();
    let size = |name| root.attribute(name).unwrap().parse::<i32>().unwrap();
    let (wide, high) = (size("width"), size("height"));
    let boxes = boxes(svg);
    for (i, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
        assert!(
            *left >= 0 && *top >= 0 && *right <= wide && *bottom <= high,
            "{text:?} leaves the picture of {wide} × {high}: {left} {top} {right} {bottom}"
        );
        for (other, [l, t, r, b]) in &boxes[i + 1..] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{text:?} lies over {other:?}\n{svg}");
        }
    }
}
