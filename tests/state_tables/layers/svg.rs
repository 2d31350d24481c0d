//! Writes a layout as SVG, without empty lines and style sheets, so that it can stand in a page of
//! documentation.

use std::fmt::Write as _;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::{
    ARROW, Colour, Edge, Item, LINE_HEIGHT, Layout, MARGIN, Node, PX, Place, int, middle,
    text_width, wrap,
};

/// The graph and the words around it.
pub(super) fn draw(layout: &Layout<'_>) -> String {
    let layers = layout.layer_of();
    let graph_right = layout
        .places
        .iter()
        .map(|place| place.x + place.width / 2)
        .max();
    let least = text_width(layout.picture.title) * 4 / 3 + 2 * MARGIN;
    let width = (graph_right.unwrap_or(0) / PX + MARGIN).max(least).max(640);
    let mut y = layout.bands.last().map_or(0, |band| band.1) / PX + 36;
    let mut words = String::new();
    legend(&mut words, layout.picture.legend, &mut y, width);
    for paragraph in layout.picture.caption {
        for line in wrap(paragraph, width - 2 * MARGIN) {
            y += LINE_HEIGHT;
            text(&mut words, (MARGIN, y), "start", "#404040", "", &line);
        }
        y += 6;
    }
    let height = y + MARGIN;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"></rect>\n",
        title = escape(layout.picture.title),
    );
    let bold = " font-size=\"16\" font-weight=\"bold\"";
    text(
        &mut out,
        (MARGIN, MARGIN + 10),
        "start",
        "#202020",
        bold,
        layout.picture.title,
    );
    for (edge, port) in layout.ports().into_iter().enumerate() {
        let corners = layout.corners(edge, port, &layers);
        layout.check_line(edge, &corners, &layers);
        draw_edge(&mut out, layout.upwards[edge], corners);
    }
    layout.check_boxes(&layers);
    for (place, at) in &layers {
        let (place, y) = (&layout.places[*place], layout.height(*at));
        match place.item {
            Item::Node(node) => draw_node(&mut out, &layout.picture.nodes[node], place, y),
            Item::Label(edge) => draw_label(&mut out, &layout.picture.edges[edge], place, y),
            Item::Pass(_) => {}
        }
    }
    out.push_str(&words);
    out.push_str("</svg>\n");
    out
}

fn draw_edge(out: &mut String, upwards: bool, mut corners: Vec<(i64, i64)>) {
    if upwards {
        corners.reverse();
    }
    let tip = corners[corners.len() - 1];
    // The line ends within the arrow's head.
    let (back, last) = if upwards {
        (ARROW, corners.len() - 1)
    } else {
        (-ARROW, corners.len() - 1)
    };
    let end = tip.1 + back * PX / 2;
    for corner in &mut corners[last - 1..] {
        corner.1 = if upwards {
            corner.1.max(end)
        } else {
            corner.1.min(end)
        };
    }
    let mut path = format!("M{} {}", corners[0].0 / PX, corners[0].1 / PX);
    for pair in corners.windows(2) {
        let ((x1, y1), (x2, y2)) = (px(pair[0]), px(pair[1]));
        if x1 == x2 {
            write!(path, " V{y2}").unwrap();
        } else {
            let middle = middle(y1, y2);
            write!(path, " C{x1} {middle} {x2} {middle} {x2} {y2}").unwrap();
        }
    }
    let (colour, dashes) = match upwards {
        false => ("#555555", ""),
        true => ("#8a5a2b", " stroke-dasharray=\"6 3\""),
    };
    writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"{dashes}></path>"
    )
    .unwrap();
    let (x, y) = px(tip);
    let base = y + back;
    writeln!(
        out,
        "<path d=\"M{x} {y} L{} {base} L{} {base} Z\" fill=\"{colour}\"></path>",
        x - 4,
        x + 4
    )
    .unwrap();
}

fn draw_node(out: &mut String, node: &Node, place: &Place, y: i64) {
    let (fill, border) = node.colour.values();
    let (left, top) = px((place.x - place.width / 2, y - place.height / 2));
    let (width, height) = px((place.width, place.height));
    writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"7\" \
         fill=\"{fill}\" stroke=\"{border}\" stroke-width=\"1.5\"></rect>"
    )
    .unwrap();
    let x = place.x / PX;
    let bold = " font-size=\"13\" font-weight=\"bold\"";
    text(out, (x, top + 19), "middle", "#1a1a1a", bold, &node.name);
    for (at, line) in node.lines.iter().enumerate() {
        let y = top + 19 + LINE_HEIGHT * int(at + 1);
        text(out, (x, y), "middle", "#404040", "", line);
    }
}

fn draw_label(out: &mut String, edge: &Edge, place: &Place, y: i64) {
    let (left, top) = px((place.x - place.width / 2, y - place.height / 2));
    let (width, height) = px((place.width, place.height));
    writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"></rect>"
    )
    .unwrap();
    for (at, (line, is_order)) in edge.lines().enumerate() {
        let y = top + 13 + (LINE_HEIGHT - 1) * int(at);
        let (colour, style) = match is_order {
            false => ("#1a1a1a", ""),
            true => ("#2f65a0", " font-style=\"italic\""),
        };
        text(out, (place.x / PX, y), "middle", colour, style, line);
    }
}

fn legend(out: &mut String, legend: &[(Colour, &str)], y: &mut i64, width: i64) {
    let mut x = MARGIN;
    for (colour, meaning) in legend {
        let (fill, border) = colour.values();
        let needed = text_width(meaning) + 40;
        if x > MARGIN && x + needed > width - MARGIN {
            x = MARGIN;
            *y += LINE_HEIGHT + 6;
        }
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"16\" height=\"12\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{border}\"></rect>",
            *y - 10
        )
        .unwrap();
        text(out, (x + 22, *y), "start", "#404040", "", meaning);
        x += needed;
    }
    if !legend.is_empty() {
        *y += 10;
    }
}

fn text(out: &mut String, (x, y): (i64, i64), anchor: &str, colour: &str, style: &str, line: &str) {
    let line = escape(line);
    writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{style}>{line}</text>"
    )
    .unwrap();
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn px((x, y): (i64, i64)) -> (i64, i64) {
    (x / PX, y / PX)
}
