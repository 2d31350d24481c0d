//! Draws a directed graph as SVG, in layers from top to bottom.
//!
//! An edge goes down, unless it closes a circle. Its label stands on it, in a layer of its own between
//! those of the nodes, so that no label can cover another one or a node. All arithmetic is on integers:
//! the same graph gives the same bytes everywhere.
//!
//! [`Picture::render`] fails if boxes overlap, or if an edge runs through a box that is not its own.

use std::borrow::ToOwned as _;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

mod svg;

/// A graph with the words around it. If an edge leads to every node, the first one is the beginning.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) title: &'a str,
    /// Paragraphs under the graph.
    pub(crate) caption: &'a [&'a str],
    /// Colours and what they stand for.
    pub(crate) legend: &'a [(Colour, &'a str)],
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Smaller lines under the name.
    pub(crate) lines: Vec<String>,
    pub(crate) colour: Colour,
}

/// An edge between two different nodes, of which there is one at most.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// What is taken.
    pub(crate) inputs: Vec<String>,
    /// What is done about it.
    pub(crate) orders: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colour {
    Grey,
    Blue,
    Green,
    Amber,
    Violet,
    Red,
}

impl Colour {
    /// Of the inside and of the border.
    const fn values(self) -> (&'static str, &'static str) {
        match self {
            Self::Grey => ("#f0f0f0", "#808080"),
            Self::Blue => ("#e1edfa", "#3b78b5"),
            Self::Green => ("#e0f3e2", "#3a8a48"),
            Self::Amber => ("#fdf1d5", "#b98217"),
            Self::Violet => ("#eee6f8", "#7d57b0"),
            Self::Red => ("#fbe4e1", "#b8473a"),
        }
    }
}

/// A pixel: coordinates are in parts of it.
const PX: i64 = 64;
/// Sizes in pixels. Widths of letters are those of a wide font, so that others fit as well.
const MARGIN: i64 = 24;
const NAME_WIDTH: i64 = 8;
const LINE_HEIGHT: i64 = 16;
const GAP: i64 = 26;
const ARROW: i64 = 8;
/// Between neighbours in a layer, at least.
const APART: i64 = 14;

/// What stands in a layer: a node, a label, or the place where an edge passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Node(usize),
    Label(usize),
    Pass(usize),
}

/// An item with its place.
#[derive(Clone, Debug)]
struct Place {
    item: Item,
    width: i64,
    height: i64,
    x: i64,
    above: Vec<usize>,
    below: Vec<usize>,
}

#[derive(Debug)]
struct Layout<'a> {
    picture: &'a Picture<'a>,
    places: Vec<Place>,
    /// Places in each layer, from left to right.
    layers: Vec<Vec<usize>>,
    /// The places of each edge, from top to bottom, with those of both nodes.
    chains: Vec<Vec<usize>>,
    /// Edges that are drawn upwards.
    upwards: Vec<bool>,
    /// The upper and the lower end of each layer.
    bands: Vec<(i64, i64)>,
}

impl Picture<'_> {
    pub(crate) fn render(&self) -> String {
        let mut layout = Layout::new(self);
        layout.order();
        layout.set_x();
        layout.set_y();
        svg::draw(&layout)
    }
}

fn int(n: usize) -> i64 {
    i64::try_from(n).expect("small")
}

fn middle(one: i64, other: i64) -> i64 {
    one + (other - one) / 2
}

/// The width of a line in small letters.
fn text_width(text: &str) -> i64 {
    int(text.chars().count()) * 70 / 10
}

impl Node {
    fn size(&self) -> (i64, i64) {
        let name = int(self.name.chars().count()) * NAME_WIDTH;
        let lines = self.lines.iter().map(|line| text_width(line));
        let width = lines.fold(name, i64::max) + 20;
        let height = int(1 + self.lines.len()) * LINE_HEIGHT + 12;
        (width * PX, height * PX)
    }
}

impl Edge {
    fn lines(&self) -> impl Iterator<Item = (&str, bool)> {
        let inputs = self.inputs.iter().map(|line| (line.as_str(), false));
        inputs.chain(self.orders.iter().map(|line| (line.as_str(), true)))
    }

    fn size(&self) -> (i64, i64) {
        let width = self
            .lines()
            .map(|(line, _)| text_width(line))
            .fold(0, i64::max)
            + 8;
        let height = int(self.lines().count()) * (LINE_HEIGHT - 1) + 4;
        (width * PX, height * PX)
    }
}

impl<'a> Layout<'a> {
    fn new(picture: &'a Picture<'a>) -> Self {
        let upwards = upwards(picture);
        let ranks = ranks(picture, &upwards);
        let depth = ranks.iter().max().map_or(1, |most| 2 * most + 1);
        let mut layout = Self {
            picture,
            places: Vec::new(),
            layers: vec![Vec::new(); depth],
            chains: Vec::new(),
            upwards,
            bands: Vec::new(),
        };
        for (node, rank) in ranks.iter().enumerate() {
            layout.put(Item::Node(node), 2 * rank, picture.nodes[node].size());
        }
        for (edge, ends) in picture.edges.iter().enumerate() {
            // A label stands next to the node at which the edge begins.
            let (top, bottom, label) = match layout.upwards[edge] {
                false => (ends.from, ends.to, 2 * ranks[ends.from] + 1),
                true => (ends.to, ends.from, 2 * ranks[ends.from] - 1),
            };
            let mut chain = vec![top];
            for layer in 2 * ranks[top] + 1..2 * ranks[bottom] {
                let place = match layer == label {
                    true => layout.put(Item::Label(edge), layer, ends.size()),
                    false => layout.put(Item::Pass(edge), layer, (10 * PX, 0)),
                };
                chain.push(place);
            }
            chain.push(bottom);
            for pair in chain.windows(2) {
                layout.places[pair[0]].below.push(pair[1]);
                layout.places[pair[1]].above.push(pair[0]);
            }
            layout.chains.push(chain);
        }
        layout
    }

    fn put(&mut self, item: Item, layer: usize, (width, height): (i64, i64)) -> usize {
        let place = self.places.len();
        self.places.push(Place {
            item,
            width,
            height,
            x: 0,
            above: Vec::new(),
            below: Vec::new(),
        });
        self.layers[layer].push(place);
        place
    }

    /// Orders the layers so that few edges cross.
    fn order(&mut self) {
        let mut best = (usize::MAX, self.layers.clone());
        for mirrored in [false, true] {
            self.layers = best.1.clone();
            if mirrored {
                self.layers.iter_mut().for_each(|layer| layer.reverse());
            }
            for round in 0..40 {
                self.sweep(round % 2 == 0);
                self.swap_neighbours();
                let crossings = self.crossings();
                if crossings < best.0 {
                    best = (crossings, self.layers.clone());
                }
            }
        }
        self.layers = best.1;
    }

    /// Puts each place where its neighbours in the layer before are.
    fn sweep(&mut self, down: bool) {
        let count = self.layers.len();
        for step in 1..count {
            let (fixed, moved) = match down {
                true => (step - 1, step),
                false => (count - step, count - step - 1),
            };
            let at = positions(&self.layers[fixed]);
            let own = positions(&self.layers[moved]);
            let mut layer = self.layers[moved].clone();
            layer.sort_by_key(|place| {
                let next = match down {
                    true => &self.places[*place].above,
                    false => &self.places[*place].below,
                };
                match next.len() {
                    0 => int(own[place]) * 1000,
                    some => next.iter().map(|n| int(at[n]) * 1000).sum::<i64>() / int(some),
                }
            });
            self.layers[moved] = layer;
        }
    }

    fn swap_neighbours(&mut self) {
        for layer in 0..self.layers.len() {
            let mut crossings = self.crossings_at(layer);
            for at in 1..self.layers[layer].len() {
                self.layers[layer].swap(at - 1, at);
                let swapped = self.crossings_at(layer);
                match swapped < crossings {
                    true => crossings = swapped,
                    false => self.layers[layer].swap(at - 1, at),
                }
            }
        }
    }

    fn crossings(&self) -> usize {
        (1..self.layers.len())
            .map(|layer| self.crossings_above(layer))
            .sum()
    }

    fn crossings_at(&self, layer: usize) -> usize {
        let below = layer + 1;
        self.crossings_above(layer)
            + if below < self.layers.len() {
                self.crossings_above(below)
            } else {
                0
            }
    }

    fn crossings_above(&self, layer: usize) -> usize {
        if layer == 0 {
            return 0;
        }
        let at = positions(&self.layers[layer - 1]);
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for (here, place) in self.layers[layer].iter().enumerate() {
            ends.extend(
                self.places[*place]
                    .above
                    .iter()
                    .map(|above| (at[above], here)),
            );
        }
        let crosses = |one: &(usize, usize), other: &(usize, usize)| {
            (one.0 < other.0 && one.1 > other.1) || (one.0 > other.0 && one.1 < other.1)
        };
        let pairs = ends.iter().enumerate();
        pairs
            .map(|(at, one)| ends[at + 1..].iter().filter(|o| crosses(one, o)).count())
            .sum()
    }

    /// Moves the places of each layer to their neighbours, as far as their order and their widths
    /// let them.
    fn set_x(&mut self) {
        for round in 0..160 {
            let both = round >= 80;
            let down = round % 2 == 0;
            for step in 0..self.layers.len() {
                let layer = if down {
                    step
                } else {
                    self.layers.len() - 1 - step
                };
                self.settle(layer, both || down, both || !down);
            }
        }
        for _ in 0..4 {
            for edge in 0..self.chains.len() {
                self.straighten(edge);
            }
        }
        let left = self
            .places
            .iter()
            .map(|place| place.x - place.width / 2)
            .min();
        let shift = MARGIN * PX - left.unwrap_or(0);
        self.places.iter_mut().for_each(|place| place.x += shift);
    }

    fn settle(&mut self, layer: usize, above: bool, below: bool) {
        // Blocks of places that touch: sum of wishes, of weights, and how many.
        let mut blocks: Vec<(i64, i64, usize)> = Vec::new();
        let mut offsets = Vec::new();
        let mut offset = 0;
        let mut last: Option<&Place> = None;
        for id in &self.layers[layer] {
            let place = &self.places[*id];
            if let Some(last) = last {
                offset += middle(last.width, place.width) + APART * PX;
            }
            last = Some(place);
            offsets.push(offset);
            let (wish, weight) = self.wish(place, above, below);
            let mut block = ((wish - offset) * weight, weight, 1);
            while let Some(before) = blocks.last().copied() {
                if before.0 / before.1 <= block.0 / block.1 {
                    break;
                }
                blocks.pop();
                block = (before.0 + block.0, before.1 + block.1, before.2 + block.2);
            }
            blocks.push(block);
        }
        let mut at = 0;
        for (sum, weight, count) in blocks {
            for _ in 0..count {
                let id = self.layers[layer][at];
                self.places[id].x = sum / weight + offsets[at];
                at += 1;
            }
        }
    }

    /// Where a place would like to be, and how much.
    fn wish(&self, place: &Place, above: bool, below: bool) -> (i64, i64) {
        let (mut sum, mut weights) = (0, 0);
        let ups = place.above.iter().filter(|_| above);
        for next in ups.chain(place.below.iter().filter(|_| below)) {
            let next = &self.places[*next];
            // Long edges are straight before anything else.
            let weight = match (place.item, next.item) {
                (Item::Node(_), Item::Node(_)) => 1,
                (Item::Node(_), _) | (_, Item::Node(_)) => 2,
                _ => 8,
            };
            sum += next.x * weight;
            weights += weight;
        }
        match weights {
            0 => (place.x, 1),
            some => (sum / some, some),
        }
    }

    /// Puts as many places of an edge as possible under each other, without moving anything else.
    fn straighten(&mut self, edge: usize) {
        let inner = self.chains[edge][1..self.chains[edge].len() - 1].to_vec();
        let layers = self.layer_of();
        let mut rest = inner.as_slice();
        while !rest.is_empty() {
            let (mut low, mut high) = (i64::MIN, i64::MAX);
            let mut count = 0;
            for place in rest {
                let (from, to) = self.room(*place, &self.layers[layers[place]]);
                if from.max(low) > to.min(high) {
                    break;
                }
                (low, high) = (from.max(low), to.min(high));
                count += 1;
            }
            let (run, after) = rest.split_at(count.max(1));
            let mean = run.iter().map(|place| self.places[*place].x).sum::<i64>() / int(run.len());
            if count > 0 {
                let x = mean.max(low).min(high);
                for place in run {
                    self.places[*place].x = x;
                }
            }
            rest = after;
        }
    }

    /// How far a place can move aside.
    fn room(&self, place: usize, layer: &[usize]) -> (i64, i64) {
        let at = layer
            .iter()
            .position(|known| *known == place)
            .expect("it is there");
        let apart =
            |other: usize| middle(self.places[other].width, self.places[place].width) + APART * PX;
        let left = at.checked_sub(1).map(|at| layer[at]);
        let right = layer.get(at + 1).copied();
        (
            left.map_or(i64::MIN, |left| self.places[left].x + apart(left)),
            right.map_or(i64::MAX, |right| self.places[right].x - apart(right)),
        )
    }

    /// The layers under each other, further apart where edges go far aside.
    fn set_y(&mut self) {
        let mut y = (MARGIN + 40) * PX;
        for (at, layer) in self.layers.iter().enumerate() {
            let height = layer
                .iter()
                .map(|id| self.places[*id].height)
                .max()
                .unwrap_or(0);
            if at > 0 {
                let aside = layer.iter().flat_map(|id| {
                    let place = &self.places[*id];
                    place
                        .above
                        .iter()
                        .map(|above| (self.places[*above].x - place.x).abs())
                });
                let aside = aside.max().unwrap_or(0);
                y += GAP * PX / 2 + (aside / 10).min(30 * PX) + ARROW * PX;
            }
            self.bands.push((y, y + height));
            y += height;
        }
    }

    /// Where each edge meets the border of its upper and its lower node.
    fn ports(&self) -> Vec<(i64, i64)> {
        let mut ports = vec![(0, 0); self.chains.len()];
        for (node, place) in self.places.iter().enumerate() {
            if !matches!(place.item, Item::Node(_)) {
                continue;
            }
            for upper in [true, false] {
                let mut ends: Vec<(i64, usize)> = Vec::new();
                for (edge, chain) in self.chains.iter().enumerate() {
                    if upper && chain[0] == node {
                        ends.push((self.places[chain[1]].x, edge));
                    }
                    if !upper && chain[chain.len() - 1] == node {
                        ends.push((self.places[chain[chain.len() - 2]].x, edge));
                    }
                }
                ends.sort_unstable();
                let count = int(ends.len());
                let apart = ((place.width - 16 * PX) / count.max(1)).min(44 * PX);
                for (at, (_, edge)) in ends.iter().enumerate() {
                    let x = place.x + (2 * int(at) - (count - 1)) * apart / 2;
                    match upper {
                        true => ports[*edge].0 = x,
                        false => ports[*edge].1 = x,
                    }
                }
            }
        }
        ports
    }

    fn layer_of(&self) -> BTreeMap<usize, usize> {
        let layers = self.layers.iter().enumerate();
        layers
            .flat_map(|(at, layer)| layer.iter().map(move |id| (*id, at)))
            .collect()
    }

    fn height(&self, layer: usize) -> i64 {
        middle(self.bands[layer].0, self.bands[layer].1)
    }

    /// The corners of an edge: it is vertical within a layer, and curved between two.
    fn corners(
        &self,
        edge: usize,
        (top, bottom): (i64, i64),
        layers: &BTreeMap<usize, usize>,
    ) -> Vec<(i64, i64)> {
        let chain = &self.chains[edge];
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let mut corners = vec![
            (
                top,
                self.height(layers[&first]) + self.places[first].height / 2,
            ),
            (top, self.bands[layers[&first]].1),
        ];
        for place in &chain[1..chain.len() - 1] {
            let band = self.bands[layers[place]];
            corners.push((self.places[*place].x, band.0));
            corners.push((self.places[*place].x, band.1));
        }
        corners.push((bottom, self.bands[layers[&last]].0));
        corners.push((
            bottom,
            self.height(layers[&last]) - self.places[last].height / 2,
        ));
        corners
    }

    /// The boxes of nodes and labels, with a name for messages.
    fn boxes(&self, layers: &BTreeMap<usize, usize>) -> Vec<(Item, [i64; 4])> {
        let mut boxes = Vec::new();
        for (id, at) in layers {
            let place = &self.places[*id];
            if !matches!(place.item, Item::Pass(_)) {
                let (x, y) = (place.x, self.height(*at));
                let (width, height) = (place.width / 2, place.height / 2);
                boxes.push((place.item, [x - width, y - height, x + width, y + height]));
            }
        }
        boxes
    }

    fn check_boxes(&self, layers: &BTreeMap<usize, usize>) {
        let boxes = self.boxes(layers);
        for (at, (name, one)) in boxes.iter().enumerate() {
            for (second, other) in &boxes[at + 1..] {
                let apart = one[2] < other[0]
                    || other[2] < one[0]
                    || one[3] < other[1]
                    || other[3] < one[1];
                assert!(apart, "{}: {name:?} covers {second:?}", self.picture.title);
            }
        }
    }

    /// No edge runs through a box, but through its own label.
    fn check_line(&self, edge: usize, corners: &[(i64, i64)], layers: &BTreeMap<usize, usize>) {
        for (name, area) in self.boxes(layers) {
            if name == Item::Label(edge) {
                continue;
            }
            for pair in corners.windows(2) {
                for step in 0..=16 {
                    let (x, y) = on_curve(pair[0], pair[1], step);
                    let inside = x > area[0] && x < area[2] && y > area[1] && y < area[3];
                    let edge = &self.picture.edges[edge];
                    assert!(
                        !inside,
                        "{}: {edge:?} runs through {name:?}",
                        self.picture.title
                    );
                }
            }
        }
    }
}

/// A point of the curve from one corner to the next, in sixteenths.
fn on_curve(from: (i64, i64), to: (i64, i64), step: i64) -> (i64, i64) {
    let rest = 16 - step;
    let middle = middle(from.1, to.1);
    let x = from.0 * (rest.pow(3) + 3 * rest.pow(2) * step)
        + to.0 * (3 * rest * step.pow(2) + step.pow(3));
    let y = from.1 * rest.pow(3)
        + middle * (3 * rest.pow(2) * step + 3 * rest * step.pow(2))
        + to.1 * step.pow(3);
    (x / 4096, y / 4096)
}

/// Which edges close a circle, searched in depth.
fn upwards(picture: &Picture<'_>) -> Vec<bool> {
    fn visit(picture: &Picture<'_>, node: usize, marks: &mut [u8], upwards: &mut [bool]) {
        marks[node] = 1;
        for (at, edge) in picture.edges.iter().enumerate() {
            if edge.from == node {
                match marks[edge.to] {
                    0 => visit(picture, edge.to, marks, upwards),
                    1 => upwards[at] = true,
                    _ => {}
                }
            }
        }
        marks[node] = 2;
    }
    let mut upwards_ = vec![false; picture.edges.len()];
    let mut marks = vec![0; picture.nodes.len()];
    // From the beginnings, those that lead to most first; else from the first node.
    let has = |node: usize| picture.edges.iter().any(|edge| edge.to == node);
    let leads = |node: usize| {
        picture
            .edges
            .iter()
            .filter(|edge| edge.from == node)
            .count()
    };
    let mut order: Vec<usize> = (0..picture.nodes.len()).collect();
    order.sort_by_key(|node| match has(*node) {
        false => (false, usize::MAX - leads(*node)),
        true => (true, *node),
    });
    for node in order {
        if marks[node] == 0 {
            visit(picture, node, &mut marks, &mut upwards_);
        }
    }
    upwards_
}

/// The longest way to each node, without the edges upwards.
fn ranks(picture: &Picture<'_>, upwards: &[bool]) -> Vec<usize> {
    let mut ranks = vec![0; picture.nodes.len()];
    for _ in 0..=picture.nodes.len() {
        for (edge, upwards) in picture.edges.iter().zip(upwards) {
            let (top, bottom) = match upwards {
                false => (edge.from, edge.to),
                true => (edge.to, edge.from),
            };
            ranks[bottom] = ranks[bottom].max(ranks[top] + 1);
        }
    }
    let settled = picture
        .edges
        .iter()
        .zip(upwards)
        .all(|(edge, upwards)| match upwards {
            false => ranks[edge.from] < ranks[edge.to],
            true => ranks[edge.to] < ranks[edge.from],
        });
    assert!(settled, "{}: a circle is left", picture.title);
    ranks
}

fn positions(layer: &[usize]) -> BTreeMap<usize, usize> {
    layer
        .iter()
        .enumerate()
        .map(|(at, place)| (*place, at))
        .collect()
}

/// Breaks a text into lines.
fn wrap(paragraph: &str, width: i64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if text_width(line) + text_width(word) + 7 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Breaks a list into lines, each of its items from a new line on.
pub(crate) fn wrap_list(items: &[String], width: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let end = if at + 1 < items.len() { ";" } else { "" };
        lines.extend(wrap(&format!("{item}{end}"), width));
    }
    lines
}
