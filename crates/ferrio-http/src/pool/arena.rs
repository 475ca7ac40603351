//! `Arena`: values with names that are never used twice, and lists through them. Owns the nodes; knows nothing of what they are.
//!
//! Invariants: a node is in one list at most, whose ends are the caller's (`List`); a name (`Place`) whose value is gone finds
//! nothing, since its serial number is no other's.

/// No node.
const NONE: usize = usize::MAX;

/// Where a value is, for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    at: usize,
    serial: u64,
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: usize,
    last: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Arena<T> {
    nodes: Vec<Node<T>>,
    /// The first of the nodes without a value; each leads to the next by `after`.
    free: usize,
    serial: u64,
}

#[derive(Debug)]
struct Node<T> {
    value: Option<T>,
    serial: u64,
    before: usize,
    after: usize,
}

impl List {
    pub(super) const EMPTY: List = List { first: NONE, last: NONE };

    pub(super) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

impl<T> Arena<T> {
    pub(super) const fn new() -> Self {
        Arena { nodes: Vec::new(), free: NONE, serial: 0 }
    }

    /// Takes a value in, into no list.
    pub(super) fn insert(&mut self, value: T) -> Place {
        self.serial += 1;
        let node = Node { value: Some(value), serial: self.serial, before: NONE, after: NONE };
        let at = self.free;
        if let Some(place) = self.nodes.get_mut(at) {
            self.free = place.after;
            *place = node;
            return Place { at, serial: self.serial };
        }
        self.nodes.push(node);
        Place { at: self.nodes.len() - 1, serial: self.serial }
    }

    /// Gives away a value that is in no list.
    pub(super) fn remove(&mut self, place: Place) -> Option<T> {
        let free = self.free;
        let node = self.nodes.get_mut(place.at).filter(|node| node.serial == place.serial)?;
        let value = node.value.take()?;
        node.after = free;
        self.free = place.at;
        Some(value)
    }

    /// Puts a value that is in no list at the end of one.
    pub(super) fn link(&mut self, list: &mut List, place: Place) {
        let Some(node) = self.nodes.get_mut(place.at) else { return };
        (node.before, node.after) = (list.last, NONE);
        match self.nodes.get_mut(list.last) {
            Some(before) => before.after = place.at,
            None => list.first = place.at,
        }
        list.last = place.at;
    }

    /// Takes it out of the list that it is in.
    pub(super) fn unlink(&mut self, list: &mut List, place: Place) {
        let Some(node) = self.nodes.get_mut(place.at) else { return };
        let (before, after) = (node.before, node.after);
        (node.before, node.after) = (NONE, NONE);
        match self.nodes.get_mut(before) {
            Some(before) => before.after = after,
            None => list.first = after,
        }
        match self.nodes.get_mut(after) {
            Some(after) => after.before = before,
            None => list.last = before,
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.nodes.get(place.at).filter(|node| node.serial == place.serial)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.nodes.get_mut(place.at).filter(|node| node.serial == place.serial)?.value.as_mut()
    }

    pub(super) fn first(&self, list: List) -> Option<Place> {
        self.place(list.first)
    }

    /// All values, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        let place = |at, node: &Node<T>| Place { at, serial: node.serial };
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(move |(at, node)| Some((place(at, node), node.value.as_ref()?)))
    }

    pub(super) fn last(&self, list: List) -> Option<Place> {
        self.place(list.last)
    }

    fn place(&self, at: usize) -> Option<Place> {
        self.nodes.get(at).map(|node| Place { at, serial: node.serial })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_while_members_go() {
        let (mut arena, mut list) = (Arena::new(), List::EMPTY);
        let places: Vec<_> = (0..5).map(|number| arena.insert(number)).collect();
        for place in &places {
            arena.link(&mut list, *place);
        }
        for gone in [places[2], places[0], places[4]] {
            arena.unlink(&mut list, gone);
            assert!(arena.remove(gone).is_some());
            assert_eq!(arena.remove(gone), None);
        }
        let again = arena.insert(9);
        assert_eq!(arena.get(places[4]), None);
        arena.link(&mut list, again);
        let mut left = Vec::new();
        while let Some(first) = arena.first(list) {
            arena.unlink(&mut list, first);
            left.extend(arena.remove(first));
        }
        assert_eq!((left, list.is_empty(), arena.nodes.len()), (vec![1, 3, 9], true, 5));
    }
}
