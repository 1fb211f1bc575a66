//! Explores a model: every step from every state, breadth first. So a broken promise comes with a shortest way to break it.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// A model that can be explored.
pub trait Explorable {
    /// One moment.
    type State: Eq + Hash;
    /// What may happen.
    type Action: Copy + Debug;
    /// What must hold.
    type Promise: Copy + Debug + Ord;

    /// Returns the state at which it begins.
    fn start(&self) -> Self::State;

    /// Returns what may happen next.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;

    /// Returns the state after an action, and the promise that the action broke, if any.
    fn next(&self, state: &Self::State, action: Self::Action) -> (Self::State, Option<Self::Promise>);
}

/// The result of an exploration.
struct Explored<M: Explorable> {
    /// How many states there are.
    states: usize,
    /// How many steps lead from one of them to another.
    steps: usize,
    /// For each promise that was broken, a shortest way to break it.
    broken: BTreeMap<M::Promise, Vec<M::Action>>,
}

/// A state, and how it was first reached.
struct Reached<M: Explorable> {
    state: Rc<M::State>,
    by: Option<(usize, M::Action)>,
}

/// A state that was reached, with its hash, which is computed once.
struct Known<S> {
    hash: u64,
    state: Rc<S>,
}

impl<S: Hash> Known<S> {
    fn new(state: &Rc<S>) -> Self {
        let mut mixer = Mixer::default();
        state.hash(&mut mixer);
        Self { hash: mixer.finish(), state: Rc::clone(state) }
    }
}

impl<S: Eq> Eq for Known<S> {}

impl<S: Eq> PartialEq for Known<S> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.state == other.state
    }
}

impl<S> Hash for Known<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.hash.hash(hasher);
    }
}

/// A hasher that takes little time even in a build that is not optimised.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// Takes every step from every state once, until there are no more, or until `sought` is broken.
///
/// States are compared whole, so an equal hash skips nothing. No step is taken from a state in which a promise is broken.
fn explore<M: Explorable>(model: &M, sought: Option<M::Promise>) -> Explored<M> {
    let mut reached: Vec<Reached<M>> = vec![Reached { state: Rc::new(model.start()), by: None }];
    let mut known: HashSet<_, BuildHasherDefault<Mixer>> =
        reached.iter().map(|start| Known::new(&start.state)).collect();
    let mut explored = Explored { states: 0, steps: 0, broken: BTreeMap::new() };
    while explored.states < reached.len() && !sought.is_some_and(|sought| explored.broken.contains_key(&sought)) {
        let from = explored.states;
        let state = Rc::clone(&reached[from].state);
        explored.states += 1;
        for action in model.actions(&state) {
            explored.steps += 1;
            let (next, broken) = model.next(&state, action);
            if let Some(promise) = broken {
                explored.broken.entry(promise).or_insert_with(|| way(&reached, from, action));
                continue;
            }
            let next = Rc::new(next);
            if known.insert(Known::new(&next)) {
                reached.push(Reached { state: next, by: Some((from, action)) });
            }
        }
    }
    explored
}

/// Returns the actions that lead to a state, and one more.
fn way<M: Explorable>(reached: &[Reached<M>], mut at: usize, last: M::Action) -> Vec<M::Action> {
    let mut actions = vec![last];
    while let Some((from, action)) = reached[at].by {
        actions.push(action);
        at = from;
    }
    actions.reverse();
    actions
}

/// Asserts that no promise is broken, and that there are at least so many states. Returns in words what was explored.
pub fn holds<M: Explorable>(model: &M, at_least: usize) -> String {
    let Explored { states, steps, broken } = explore(model, None);
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(states >= at_least, "only {states} states: something no longer takes part");
    format!("{states} states, {steps} steps, nothing broken")
}

/// Asserts that the promise is broken. Returns a shortest way to break it, in words.
pub fn breaks<M: Explorable>(model: &M, promise: M::Promise) -> String {
    let mut explored = explore(model, Some(promise));
    let way = explored.broken.remove(&promise).unwrap_or_default();
    assert!(!way.is_empty(), "{promise:?} is not broken in {} states", explored.states);
    let way: Vec<_> = way.iter().map(|action| format!("  {action:?}")).collect();
    format!("{promise:?} after {} states:\n{}", explored.states, way.join("\n"))
}
