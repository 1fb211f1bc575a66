//! Breadth first through all that can happen.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use super::{Action, Model, Promise, State};

/// What an exploration came to.
pub struct Explored {
    /// How many states there are.
    pub states: usize,
    /// How many steps lead from one of them to another.
    pub steps: usize,
    /// For each promise that was broken, a shortest way to break it.
    pub broken: BTreeMap<Promise, Vec<Action>>,
}

/// A state, and how it was first reached.
struct Reached {
    state: Rc<State>,
    by: Option<(usize, Action)>,
}

/// Takes every step from every state once, until there are no more, or until `sought` is broken. States are compared whole,
/// so nothing is skipped for an equal hash. What follows a broken promise is of no interest.
pub fn explore(model: &Model, sought: Option<Promise>) -> Explored {
    let mut reached: Vec<_> = vec![Reached { state: Rc::new(model.start()), by: None }];
    let mut known: HashSet<_> = reached.iter().map(|start| Rc::clone(&start.state)).collect();
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
            if known.insert(Rc::clone(&next)) {
                reached.push(Reached { state: next, by: Some((from, action)) });
            }
        }
    }
    explored
}

/// The actions that lead to a state, and one more.
fn way(reached: &[Reached], mut at: usize, last: Action) -> Vec<Action> {
    let mut actions = vec![last];
    while let Some((from, action)) = reached[at].by {
        actions.push(action);
        at = from;
    }
    actions.reverse();
    actions
}
